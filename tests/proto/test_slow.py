# SPDX-License-Identifier: BSD-2-Clause
"""What takes minutes by the clock and next to no work."""
import select
import time
import unittest

from case import TargetCase, read_blocks
from nvmetcp import DISCOVERY_NQN
from rpc import Caller

DISCOVERY_SILENCE = 120
STALL = 30
LOST_QUEUE_DEADLINE = 15     # the specification names none


class Silence(TargetCase):

    def test_a_silent_discovery_connection_without_kato_ends(self):
        """After 120 s; an I/O controller without KATO stays."""
        discovery = self.controller(subnqn=DISCOVERY_NQN)
        staying = self.controller()
        took = self.assert_ends(discovery.admin, DISCOVERY_SILENCE + 20)
        self.assertGreater(took, DISCOVERY_SILENCE - 5)
        self.assert_success(staying.identify())

    def test_an_association_is_kept_two_minutes(self):
        controller, again = self.controller(), self.controller()
        controller.disable()
        again.disable()
        time.sleep(DISCOVERY_SILENCE - 10)
        again.enable()
        self.assertGreater(self.assert_ends(controller.admin, 40), 5)
        self.assert_success(again.identify())

    def test_losing_an_io_queue_ends_the_association_in_the_end(self):
        """Not at once: Linux closes its I/O queues before it shuts down."""
        controller = self.controller()
        first, second = controller.io_queues(2)
        first.close()
        self.assert_ends(controller.admin, LOST_QUEUE_DEADLINE)
        self.assert_ends(second)

    def test_every_lost_io_queue_has_to_come_back(self):
        half, whole = self.controller(), self.controller()
        for controller in (half, whole):
            for queue in controller.io_queues(2):
                queue.close()
        half.io_queue(1)
        back = [whole.io_queue(n) for n in (1, 2)]
        self.assert_ends(half.admin, LOST_QUEUE_DEADLINE)
        for queue in back:
            self.assert_success(read_blocks(queue, 0, 1))
        self.assert_success(whole.identify())


class Callers(TargetCase):
    """Of the RPC server."""

    args = ('--rpc-socket', 'rpc')

    def test_who_stops_amid_something_is_cut_off(self):
        """Amid a request, or with answers that he does not take; not who only waits."""
        path = self.target.room.path / 'rpc'
        half, deaf, idle = Caller(path), Caller(path, receive_buffer=4096), Caller(path)
        for caller in (half, deaf, idle):
            self.addCleanup(caller.close)
        began = time.monotonic()
        half.send('{"method":"log_get_level"')
        deaf.send('{"method":"rpc_get_methods","id":1}' * 1000)
        half.socket.settimeout(STALL + 20)
        self.assertIsNone(half.answer())
        self.assertGreater(time.monotonic() - began, STALL - 5)
        self.assertEqual(idle.call('log_get_level'), 'DEBUG')
        # What had left for him is all that he finds, and that he was cut off. Reading
        # before that is not being deaf.
        self.assert_hangs_up(deaf, STALL + 20)
        self.assertLess(len(self.answers_so_far(deaf)), 1000)

    def assert_hangs_up(self, caller, seconds):
        """The other side closes, whatever is unread."""
        poll = select.poll()
        poll.register(caller.socket, 0)
        self.assertTrue(poll.poll(seconds * 1000), 'nobody hung up')

    @staticmethod
    def answers_so_far(caller):
        answers = []
        try:
            while answer := caller.answer():
                answers.append(answer)
        except (ConnectionError, AssertionError):
            pass    # in the middle of one
        return answers


if __name__ == '__main__':
    unittest.main()
