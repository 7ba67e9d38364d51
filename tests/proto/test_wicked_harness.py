# SPDX-License-Identifier: BSD-2-Clause
"""Row "nothing wicked hurts it": what watches over the wicked tests can see."""
import os
import signal
import socket
import subprocess
import time
import unittest

from case import write_blocks
from daemon import Daemon
from nvmetcp import Controller
from wicked import MIB, Bystander, WickedCase

A_TERM_REQ = 'queue 1: connection ended: the host sent a TermReq'


def stop_daemon(case, seconds):
    """So long, not counting what the machine takes for itself."""
    began = now = time.monotonic()
    os.kill(case.target.pid, signal.SIGSTOP)
    try:
        while now - began - case.bystander.clock.lost_between(began, now) < seconds:
            time.sleep(0.05)
            now = time.monotonic()
    finally:
        os.kill(case.target.pid, signal.SIGCONT)


class Harmless(WickedCase):

    def test_a_line_that_is_said(self):
        self.says(A_TERM_REQ)
        queue = self.io()
        queue.send_term()
        queue.expect_end()      # before its controller ends, with all of its queues

    def test_a_short_stop_is_forgiven(self):
        stop_daemon(self, 0.3)

    def test_a_stop_of_the_test_itself_is_forgiven(self):
        subprocess.run(['sh', '-c', 'kill -STOP $0; sleep 1.5; kill -CONT $0',
                        str(os.getpid())], check=True)
        self.wait_until(lambda: self.bystander.pauses, lambda: 'nothing stopped')


class Wrong:
    """Tests that have to fail, kept from the loader's eyes."""

    class Harmful(WickedCase):
        patience = 1.0

        def run(self, result=None):
            """The daemon's log is of no interest."""
            return unittest.TestCase.run(self, result)

        def stall(self):
            stop_daemon(self, 1.5)

        def wrong_data(self):
            queue = self.io()
            until = time.monotonic() + 20
            while self.bystander.is_alive() and time.monotonic() < until:
                for turn in range(16):
                    write_blocks(queue, Bystander.BLOCK + 128 * turn, bytes(512))

        def lost_queue(self):
            self.bystander.queues[0].socket.shutdown(socket.SHUT_RDWR)
            self.bystander.join(20)

        def descriptors_left(self):
            left = Controller(self.target.io, self.target.nqn)
            self.addClassCleanup(left.close)

        def line_missing(self):
            self.says(A_TERM_REQ)

        def line_twice(self):
            self.says(A_TERM_REQ)
            for _ in range(2):
                self.io().send_term()
            self.wait_until(lambda: len(self.lines('a TermReq')) == 2, str)

    class Leaking(Harmful):

        @classmethod
        def warm_up(cls):
            """Memory that storage takes now looks like a leak."""

        def memory_left(self):
            queue = self.io()
            for n in range(8):
                write_blocks(queue, 2048 * n, bytes(MIB))


class Harness(unittest.TestCase):

    def assert_fails(self, case, name, says):
        result = unittest.TestResult()
        unittest.TestSuite([case(name)]).run(result)
        troubles = [text for _, text in result.failures + result.errors]
        self.assertEqual(len(troubles), 1, troubles)
        self.assertRegex(troubles[0], says)

    def test_a_stalled_daemon_fails(self):
        self.assert_fails(Wrong.Harmful, 'stall', 'was kept waiting')

    def test_wrong_data_fails(self):
        self.assert_fails(Wrong.Harmful, 'wrong_data', 'wrong data in block')

    def test_a_lost_queue_fails(self):
        self.assert_fails(Wrong.Harmful, 'lost_queue', 'bystander was hurt')

    def test_a_descriptor_left_open_fails(self):
        self.assert_fails(Wrong.Harmful, 'descriptors_left', 'descriptors are open')

    def test_memory_left_fails(self):
        with Daemon('ramdisk:1M') as target:
            if target.is_sanitized():
                self.skipTest('its memory is not its own')
        self.assert_fails(Wrong.Leaking, 'memory_left', 'KiB are resident')

    def test_a_missing_line_fails(self):
        self.assert_fails(Wrong.Harmful, 'line_missing', 'does not say')

    def test_a_line_too_many_fails(self):
        self.assert_fails(Wrong.Harmful, 'line_twice', '2 != 1')


if __name__ == '__main__':
    unittest.main()
