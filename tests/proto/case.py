# SPDX-License-Identifier: BSD-2-Clause
"""What the test modules share: a daemon for each class, and its hosts."""
import socket
import time
import unittest

import daemon
import wire
from nvmetcp import Controller, Queue
from wire import Sc


class TargetCase(unittest.TestCase):
    """Tests against one daemon that starts once for the class."""

    devices = ('ramdisk:16M',)
    args = ()
    limits = {}         # of the daemon: nofile, fsize

    @classmethod
    def setUpClass(cls):
        cls.target = daemon.Daemon(*cls.devices, args=cls.args, **cls.limits).start()
        cls.addClassCleanup(cls.target.stop)

    def run(self, result=None):
        """As ever, and shows the daemon's log after a failure."""
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad:
            self.target.print_log()

    def controller(self, **how):
        how.setdefault('subnqn', self.target.nqn)
        address = how.pop('address', self.target.io)
        made = Controller(address, how.pop('subnqn'), **how)
        self.addCleanup(made.close)
        return made

    def queue(self, address=None, **how):
        """A connection, not yet connected to a controller."""
        made = Queue(address or self.target.io, **how)
        self.addCleanup(made.close)
        return made

    def io(self, *, sqsize=127, cattr=0, **how):
        """A controller's first I/O queue; .controller leads back."""
        controller = self.controller(**how)
        queue, = controller.io_queues(1, sqsize=sqsize, cattr=cattr)
        queue.controller = controller
        return queue

    def assert_status(self, cqe, *expected, dnr=None):
        cqe = getattr(cqe, 'cqe', cqe)
        names = ' or '.join(Sc(sc).name for sc in expected)
        self.assertIn(cqe.sc, expected, f'{cqe}, not {names}')
        if dnr is not None:
            self.assertEqual(cqe.dnr, dnr, f'DNR of {cqe}')
        return cqe

    def assert_ends(self, queue, timeout=5):
        """The target ends this connection; returns after how many seconds."""
        began = time.monotonic()
        with self.assertRaises(ConnectionError):
            while True:
                queue.receive_pdu(timeout)
        return time.monotonic() - began

    def keep_alive(self, kato, act):
        """Acts often enough for two and a half times KATO (ms).  A machine
        that was too busy to do so proves nothing."""
        kato /= 1000
        last = time.monotonic()
        until, slowest = last + 2.5 * kato, 0
        try:
            while last < until:
                act()
                time.sleep(kato / 8)
                last, before = time.monotonic(), last
                slowest = max(slowest, last - before)
        except ConnectionError:
            slowest = max(slowest, time.monotonic() - last)
            if slowest < 0.7 * kato:
                raise
        if slowest >= 0.7 * kato:
            self.skipTest(f'this machine slept for {slowest:.1f} s')

    def assert_success(self, command):
        return self.assert_status(command, Sc.SUCCESS)


class FreshTargetCase(TargetCase):
    """A daemon for each test, so that everything starts at zero."""

    @classmethod
    def setUpClass(cls):
        pass

    def setUp(self):
        self.target = daemon.Daemon(*self.devices, args=self.args).start()
        self.addCleanup(self.target.stop)


class RoomCase(unittest.TestCase):
    """Tests that start nvmfd themselves, all in one folder."""

    def setUp(self):
        self.room = daemon.Room()
        self.addCleanup(self.room.remove)

    def serve(self, *devices, **how):
        return daemon.Daemon(*(devices or ('ramdisk:1M',)), room=self.room,
                             **how)

    def controller(self, target, **how):
        made = Controller(target.io, target.nqn, **how)
        self.addCleanup(made.close)
        return made

    def needs_no_privilege(self):
        if self.room.is_root:
            self.skipTest('runs as root, who may write everywhere')

    def assert_one_sentence(self, ended, says=''):
        """nvmfd refused: exit status 1 and one sentence on its stderr."""
        self.assertEqual(ended.returncode, 1, (ended.args, ended.stderr))
        lines = ended.stderr.splitlines()
        self.assertEqual(len(lines), 1, (ended.args, ended.stderr))
        self.assertRegex(lines[0], r'^nvmfd: \S+ \S+', ended.args)
        self.assertIn(says, lines[0])
        self.assertEqual(ended.stdout, '')


def has_ipv6_loopback():
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def pattern(blocks, seed=0, size=512):
    """Blocks that tell their number and the seed, each different."""
    out = bytearray()
    for number in range(blocks):
        out += (f'{seed}:{number}|'.encode() * (size // 4))[:size]
    return bytes(out)


def write_blocks(queue, slba, data, nsid=1, size=512, **how):
    return queue.run(wire.write(nsid, slba, len(data) // size,
                                how.pop('flags', 0)), data, **how)


def read_blocks(queue, slba, blocks, nsid=1, size=512, **how):
    return queue.run(wire.read(nsid, slba, blocks, how.pop('flags', 0)),
                     length=blocks * size, **how)
