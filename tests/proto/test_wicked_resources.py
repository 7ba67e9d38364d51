# SPDX-License-Identifier: BSD-2-Clause
"""Row "nothing wicked hurts it": more of everything than there is, while a
bystander's I/O goes on."""
import fcntl
import itertools
import multiprocessing
import os
import resource
import socket
import struct
import termios
import threading
import time
import unittest

import daemon
import wire
from case import read_blocks, write_blocks
from nvmetcp import Controller
from wicked import MIB, WickedCase
from wire import Sc

WORKERS = 3
PIPE = 65536
SPAWN = multiprocessing.get_context('spawn')


def raise_own_limit():
    """This process may open as many descriptors as the system lets it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def pending_bytes(fd):
    """How many wait in a pipe."""
    return struct.unpack('i', fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


class Visit:
    """One connection that is dropped at one of some stages."""

    def __init__(self, address, nqn):
        self.address, self.nqn = address, nqn
        self.stages = itertools.cycle((
            self.says_nothing, self.shakes_hands, self.connects_by_half,
            self.connects, self.does_not_wait))
        self.ends = itertools.cycle((0, 1))     # by FIN, by RST

    def run(self):
        with socket.create_connection(self.address, timeout=30) as there:
            next(self.stages)(there)
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', next(self.ends), 0))

    def says_nothing(self, there):
        pass

    def shakes_hands(self, there):
        there.sendall(wire.icreq())
        there.recv(128, socket.MSG_WAITALL)

    def connect_pdu(self):
        data = wire.connect_data(self.nqn, self.nqn, os.urandom(16))
        sqe = wire.connect().pack(0, wire.sgl(wire.SGL_IN_CAPSULE, 1024))
        return wire.build_pdu(wire.Pdu.CMD, sqe, data, align=4)

    def connects_by_half(self, there):
        self.shakes_hands(there)
        there.sendall(self.connect_pdu()[:500])

    def connects(self, there):
        self.shakes_hands(there)
        there.sendall(self.connect_pdu())
        answer = there.recv(24, socket.MSG_WAITALL)
        status = struct.unpack_from('<H', answer, 22)[0]
        if status:
            raise AssertionError(f'Connect: status {status:#x}')

    def does_not_wait(self, there):
        there.sendall(wire.icreq() + self.connect_pdu())


def visit(address, nqn, count, result):
    """Makes so many connections; tells how many went as they should."""
    one, good, trouble = Visit(address, nqn), 0, ''
    for _ in range(count):
        try:
            one.run()
            good += 1
        except (AssertionError, OSError, struct.error) as error:
            trouble = repr(error)
    result.put((good, trouble))


class Connections(WickedCase):

    args = ('--workers', str(WORKERS), '--handshake-timeout', '60')
    HELD = 1000
    DROPPED, PROCESSES = 10000, 2

    def test_1000_held_at_once(self):
        raise_own_limit()
        for number in range(self.HELD):
            queue = self.queue(handshake=number % 4 > 0)
            if number % 4 > 1:
                queue.connect(self.target.nqn, self.target.nqn, os.urandom(16))
        newcomer = self.io()
        self.assert_success(write_blocks(newcomer, 0, bytes(65536)))
        self.assertGreaterEqual(self.target.descriptors(),
                                self.descriptors + self.HELD)
        self.says(': gone', self.HELD // 2 + 1)

    def test_10000_dropped_at_every_stage(self):
        result = SPAWN.Queue()
        visitors = [SPAWN.Process(target=visit, args=(
            self.target.io, self.target.nqn, self.DROPPED // self.PROCESSES,
            result)) for _ in range(self.PROCESSES)]
        began = time.monotonic()
        for visitor in visitors:
            visitor.start()
        results = [result.get(timeout=100) for _ in visitors]
        for visitor in visitors:
            visitor.join()
        print(f'# {self.DROPPED} in {time.monotonic() - began:.1f} s')
        self.assertEqual([trouble for _, trouble in results if trouble], [])
        self.assertEqual(sum(good for good, _ in results), self.DROPPED)
        self.assert_success(read_blocks(self.io(), 0, 8))


class OutOfDescriptors(WickedCase):
    """Those who are there are served, and others as soon as one leaves."""

    limits = {'nofile': (64, 64)}
    COME = 64

    def is_served(self, queue):
        """The answer to its ICReq has come."""
        queue.socket.settimeout(0)
        try:
            return bool(queue.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def served(self, queues):
        return [queue for queue in queues if self.is_served(queue)]

    def come(self):
        """More hosts than there are descriptors."""
        queues = [self.queue(handshake=False) for _ in range(self.COME)]
        for queue in queues:
            queue.send_raw(wire.icreq())
        self.assert_said("can't accept a host: Too many open files")
        return queues

    def test_others_wait_until_one_leaves(self):
        before = self.io()
        queues = self.come()
        self.wait_until(lambda: self.served(queues), lambda: 'nobody is served')
        first = self.served(queues)
        self.assertLess(len(first), self.COME)
        self.assert_success(write_blocks(before, 0, bytes(MIB)))
        while queues:
            self.wait_until(lambda: self.served(queues),
                            lambda: f'{len(queues)} are not accepted')
            for queue in self.served(queues):
                queue.receive_icresp()
                queue.close()
                queues.remove(queue)
        self.assert_success(read_blocks(self.io(), 0, 8))

    def test_many_who_leave_at_once(self):
        for queue in self.come():
            queue.close()
        self.assert_success(read_blocks(self.io(), 0, 8))


class OutOfBuffers(WickedCase):
    """A worker has buffers for four of the largest commands."""

    devices = ('ramdisk:16M', 'delay:ms=200/ramdisk:4M')
    args = ('--workers', '2', '--buffers', '4M')
    QUEUES, DEPTH = 8, 8

    @classmethod
    def warm_up(cls):
        """Touches all the buffers of every worker."""
        super().warm_up()
        with Controller(cls.target.io, cls.target.nqn, timeout=60) as controller:
            for queue, command in cls.fill(controller):
                queue.wait(command, 60)

    @staticmethod
    def fill(controller):
        """More in-capsule data for slow storage than there is memory for."""
        writes, senders = [], []
        for queue in controller.io_queues(16, sqsize=255):
            pairs = [queue.capsule(wire.write(2, 0, 32), bytes(16384))
                     for _ in range(255)]
            writes += [(queue, command) for command, _ in pairs]
            senders.append(threading.Thread(target=queue.send_raw, args=(
                b''.join(pdu for _, pdu in pairs),)))
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return writes

    def write_much(self, **how):
        """On each queue commands of the largest size, all at once."""
        queues = self.controller().io_queues(self.QUEUES)
        writes = []
        for n, queue in itertools.product(range(self.DEPTH), queues):
            queue.__dict__.update(how)
            writes.append((queue, queue.submit(
                wire.write(1, 2048 * (n % 4), 2048), bytes(MIB))))
        return writes

    def assert_all_succeed(self, commands):
        for queue, command in commands:
            self.assert_success(queue.wait(command, 60))

    def test_large_writes_take_turns(self):
        self.assert_all_succeed(self.write_much())

    def test_writes_whose_data_never_comes_leave_room_for_the_small(self):
        self.write_much(hold_r2t=True)
        small = self.io()
        for n in range(50):
            self.assert_success(write_blocks(small, n, bytes(512)))
            self.assert_success(read_blocks(small, 0, 128))

    def test_in_capsule_data_that_slow_storage_keeps(self):
        """What there is no memory for stays in the sockets."""
        self.assert_all_succeed(self.fill(self.controller(timeout=60)))


class FailingStorage(WickedCase):
    """Each command has its status, the log says it once, nobody else cares."""

    devices = ('ramdisk:16M', 'error:write=ENOSPC/ramdisk:1M',
               'error:all=EIO/ramdisk:1M')
    limits = {'fsize': 4 * MIB}
    COMMANDS = 100

    @classmethod
    def setUpClass(cls):
        cls.room = daemon.Room()
        cls.addClassCleanup(cls.room.remove)
        cls.devices = (*cls.devices, cls.room.file('disk', 8 * MIB) + '?bs=512')
        super().setUpClass()

    def statuses(self, prepare):
        """Of many commands at once."""
        queue = self.io()
        pairs = [prepare(queue, n) for n in range(self.COMMANDS)]
        queue.send_raw(b''.join(pdu for _, pdu in pairs))
        return {Sc(command.cqe.sc) for command in
                queue.wait_all([command for command, _ in pairs])}

    def test_no_space(self):
        self.says(r'namespace 2: Write of 4096 bytes at \d+ failed: No space left',
                  self.COMMANDS)
        self.assertEqual(self.statuses(lambda queue, n: queue.capsule(
            wire.write(2, 8 * n, 8), bytes(4096))), {Sc.CAPACITY_EXCEEDED})
        self.assert_success(read_blocks(self.io(), 0, 8, nsid=2))

    def test_a_broken_disk(self):
        self.says('namespace 3: Read of .* failed: Input/output error', self.COMMANDS)
        self.says('namespace 3: Write of .* failed: Input/output error', self.COMMANDS)
        self.says('namespace 3: Flush of .* failed: Input/output error', self.COMMANDS)
        self.assertEqual(self.statuses(lambda queue, n: queue.capsule(
            wire.read(3, n, 1), length=512)), {Sc.UNRECOVERED_READ_ERROR})
        self.assertEqual(self.statuses(lambda queue, n: queue.capsule(
            wire.write(3, n, 128), bytes(65536))), {Sc.WRITE_FAULT})
        self.assertEqual(self.statuses(lambda queue, n: queue.capsule(
            wire.flush(3))), {Sc.WRITE_FAULT})

    def test_a_file_that_may_not_grow(self):
        """The kernel itself refuses."""
        self.says('namespace 4: Write of .* failed: File too large', self.COMMANDS)
        self.assertEqual(self.statuses(lambda queue, n: queue.capsule(
            wire.write(4, 8192 + n, 1), bytes(512))), {Sc.CAPACITY_EXCEEDED})
        queue = self.io()
        self.assert_success(write_blocks(queue, 0, bytes(4096), nsid=4))
        self.assert_success(read_blocks(queue, 8192, 8, nsid=4))


class Numbers(WickedCase):

    args = ('--workers', str(WORKERS))
    CONTROLLERS, QUEUES = 300, 128

    def test_many_controllers_at_once(self):
        raise_own_limit()
        many = [self.controller() for _ in range(self.CONTROLLERS)]
        self.assertEqual(len({one.cntlid for one in many}), self.CONTROLLERS)
        self.says(': gone', self.CONTROLLERS)
        for one in many[::10]:
            queue, = one.io_queues(1)
            self.assert_success(read_blocks(queue, 0, 8))

    def test_as_many_queues_as_there_may_be(self):
        raise_own_limit()
        controller = self.controller()
        queues = controller.io_queues(self.QUEUES)
        reads = [(queue, queue.submit(wire.read(1, 8 * n, 128), length=65536))
                 for n, queue in itertools.product(range(8), queues)]
        refused = controller.connect_queue(controller.open_queue(), self.QUEUES + 1)
        self.assert_status(refused, Sc.CONNECT_INVALID_PARAMETERS)
        for queue, command in reads:
            self.assert_success(queue.wait(command))
        self.says(f'Connect of 127.0.0.1 refused: status 1/82, queue {self.QUEUES + 1},')


class UnreadLog(unittest.TestCase):
    """Whoever was to read the log does not: the pipe is full."""

    VISITS = 1500

    def test_hosts_are_served(self):
        target = daemon.Daemon('ramdisk:16M', args=('--workers', '2'))
        os.mkfifo(target.log_path)
        unread = os.open(target.log_path, os.O_RDWR)
        self.addCleanup(os.close, unread)
        with target:
            target.log_path.unlink()    # nobody is to look into it
            with Controller(target.io, target.nqn) as controller:
                queues = controller.io_queues(4)
                one = Visit(target.io, target.nqn)
                for n in range(self.VISITS):
                    one.run()
                    queue = queues[n % len(queues)]
                    self.assertEqual(write_blocks(queue, n, bytes(512)).cqe.sc, 0)
                self.assertGreater(pending_bytes(unread), PIPE - 4096)


if __name__ == '__main__':
    unittest.main()
