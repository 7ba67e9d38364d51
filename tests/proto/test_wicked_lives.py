# SPDX-License-Identifier: BSD-2-Clause
"""Row "nothing wicked hurts it": hosts that fall silent, stop, leave or die in
the midst of it, while a bystander's I/O goes on."""
import contextlib
import os
import pathlib
import random
import signal
import socket
import struct
import threading
import time
import unittest

import daemon
import wire
from case import TargetCase, read_blocks
from nvmetcp import CC_ENABLE, Controller
from wicked import MIB, WickedCase
from wire import Admin, Prop, Sc, Sqe

WORKERS = 3
SLOW_MS = 400
SLOW = 2            # the namespace that answers late
QUEUES = 2 * WORKERS


def die(queue):
    """The host's machine is gone: RST."""
    queue.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack('ii', 1, 0))
    queue.close()


def are_stopped(pid):
    """Every thread of the process is."""
    states = [(task / 'stat').read_text().rpartition(') ')[2][0]
              for task in pathlib.Path(f'/proc/{pid}/task').iterdir()]
    return set(states) == {'T'}


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        while not are_stopped(pid):
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Silence(WickedCase):
    """Whoever does not say in time who he is has to go."""

    args = ('--workers', str(WORKERS), '--handshake-timeout', '2')
    SILENT = 12

    def bare(self, address=None):
        return self.queue(address, handshake=False)

    def assert_all_end(self, queues):
        self.says('connection ended: the handshake took too long', len(queues))
        for queue in queues:
            self.assert_ends(queue, 10)

    def test_before_icreq(self):
        self.assert_all_end([self.bare() for _ in range(self.SILENT)])

    def test_on_the_discovery_port(self):
        self.assert_all_end([self.bare(self.target.discovery)])

    def test_in_the_midst_of_icreq(self):
        queues = [self.bare() for _ in range(self.SILENT)]
        for number, queue in enumerate(queues):
            queue.send_raw(wire.icreq()[:1 + 10 * number])
        self.assert_all_end(queues)

    def test_before_connect(self):
        self.assert_all_end([self.queue() for _ in range(self.SILENT)])

    def test_in_the_midst_of_connect(self):
        queues = [self.queue(in_capsule=8192) for _ in range(self.SILENT)]
        for number, queue in enumerate(queues):
            data = wire.connect_data(self.target.nqn, self.target.nqn,
                                     bytes(15) + b'x')
            _, pdu = queue.capsule(wire.connect(), data)
            queue.send_raw(pdu[:1 + number * (len(pdu) - 2) // self.SILENT])
        self.assert_all_end(queues)

    def test_a_byte_now_and_then_is_no_handshake(self):
        queue = self.bare()
        self.says('connection ended: the handshake took too long')
        with self.assertRaises(ConnectionError):
            for byte in wire.icreq():
                queue.send_raw(bytes([byte]))
                time.sleep(0.1)


class Busy:
    """A host with much under way on queues of every worker."""

    def __init__(self, target, kato=0):
        self.controller = Controller(target.io, target.nqn, kato=kato)
        try:
            self.queues = self.controller.io_queues(QUEUES)
        except BaseException:
            self.controller.close()
            raise
        self.held = []
        self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        for queue in self.queues:
            self.start(queue)

    @property
    def admin(self):
        return self.controller.admin

    def start(self, queue):
        """Reads and writes at the slow storage, writes whose data stays due and
        reads whose data comes soon."""
        queue.hold_r2t = True
        data = bytes(65536)
        pairs = [queue.capsule(wire.read(SLOW, 0, 128), length=65536),
                 queue.capsule(wire.write(SLOW, 0, 8), data[:4096]),
                 queue.capsule(wire.flush(SLOW)),
                 queue.capsule(wire.write(SLOW, 256, 128), data),
                 queue.capsule(wire.write(1, 0, 128), data),
                 queue.capsule(wire.read(1, 0, 128), length=65536)]
        queue.send_raw(b''.join(pdu for _, pdu in pairs))
        self.held += [(queue, command) for command, _ in pairs]

    def settle(self):
        """Sends what is due and takes all the answers."""
        self.answer_r2ts()
        for queue, command in self.held:
            while not command.done:
                queue.step()
        self.held.clear()

    def answer_r2ts(self):
        self.await_r2ts()
        for queue, command in self.held:
            while command.r2ts:
                queue.answer_r2t(command)

    def await_r2ts(self):
        """Until the target has asked for data: then all of it is under way."""
        for queue, command in self.held:
            while command.out and not command.in_capsule and not command.r2ts:
                queue.step()

    def close(self):
        self.controller.close()


class Leaving(WickedCase):
    """With I/O in flight on every worker."""

    devices = ('ramdisk:16M', f'delay:ms={SLOW_MS}/ramdisk:4M')
    args = ('--workers', str(WORKERS))

    def busy(self, **how):
        made = Busy(self.target, **how)
        self.addCleanup(made.close)
        made.await_r2ts()
        return made

    def goes(self, busy, why=None):
        """Its controller is to be gone, for this reason."""
        cntlid = busy.controller.cntlid
        if why:
            self.says(f'controller {cntlid}: ends: {why}')
        self.says(f'controller {cntlid}: gone')

    def assert_queues_end(self, busy, timeout=10):
        for queue in busy.queues:
            self.assert_ends(queue, timeout)

    def test_a_reset(self):
        busy = self.busy()
        busy.controller.disable()
        self.assert_queues_end(busy)
        busy.controller.enable()
        again = busy.controller.io_queues(QUEUES)
        for queue in again:
            self.assert_success(read_blocks(queue, 0, 8))
        busy.controller.close()
        self.goes(busy, 'its admin queue ended')

    def test_a_reset_and_the_next_before_it_is_over(self):
        busy = self.busy()
        for cc in (CC_ENABLE & ~1, CC_ENABLE, CC_ENABLE & ~1, CC_ENABLE):
            busy.admin.property_set(Prop.CC, cc)
        self.assert_queues_end(busy)
        busy.controller.wait_csts(1, 1)
        self.assert_success(busy.controller.identify())

    def test_a_shutdown(self):
        busy = self.busy()
        busy.admin.property_set(Prop.CC, CC_ENABLE | 1 << 14)
        busy.controller.wait_csts(0xC, 0x8)
        self.assert_queues_end(busy)

    def test_the_loss_of_the_admin_queue(self):
        busy = self.busy()
        busy.admin.close()
        self.goes(busy, 'its admin queue ended')
        self.assert_queues_end(busy)

    def disconnect(self, busy):
        """Every I/O queue, at the same time."""
        asked = [(queue, queue.submit(wire.disconnect())) for queue in busy.queues]
        for queue, command in asked:
            self.assert_success(queue.wait(command))
        self.assert_queues_end(busy)

    def test_disconnects(self):
        busy = self.busy()
        busy.settle()
        for queue in busy.queues:
            busy.start(queue)
        busy.answer_r2ts()
        self.disconnect(busy)
        self.assertTrue(all(command.done for _, command in busy.held))
        self.assert_success(busy.controller.identify())

    def test_a_disconnect_with_data_due(self):
        """The target waits a second for the data, then for nothing."""
        self.disconnect(self.busy())

    def test_a_machine_that_dies(self):
        busy = self.busy()
        self.goes(busy, 'its admin queue ended')
        for queue in random.sample([busy.admin, *busy.queues], QUEUES + 1):
            die(queue)

    def test_a_process_that_ends(self):
        busy = self.busy()
        self.goes(busy, 'its admin queue ended')
        busy.close()

    def test_an_io_queue_that_dies_alone_may_come_back(self):
        busy = self.busy()
        for qid, queue in enumerate(busy.queues, 1):
            die(queue)
            again = busy.controller.io_queue(qid)
            self.assert_success(read_blocks(again, 0, 8))
        self.assert_success(busy.controller.identify())
        self.assertFalse(self.lines('an I/O queue was lost'))

    def test_a_half_closed_host_has_its_answers(self):
        """What came with the end is answered, if the answer is at hand."""
        queue = self.io()
        with stopped(self.target.pid):      # it is to see both at once
            command = queue.submit(wire.read(1, 0, 128), length=65536)
            queue.socket.shutdown(socket.SHUT_WR)
        self.assert_success(queue.wait(command))
        self.assert_ends(queue)

    def test_a_host_that_falls_silent(self):
        busy = self.busy(kato=1000)
        self.goes(busy, 'its host was silent')
        self.assert_ends(busy.admin, 15)
        self.assert_queues_end(busy)

    def test_all_of_them_at_once(self):
        hosts = [self.busy() for _ in range(4)]
        lost, killed, reset, shut = hosts
        lost.admin.close()
        for queue in [killed.admin, *killed.queues]:
            die(queue)
        reset.admin.property_set(Prop.CC, CC_ENABLE & ~1)
        shut.admin.property_set(Prop.CC, CC_ENABLE | 1 << 14)
        reset.controller.wait_csts(1, 0)
        shut.controller.wait_csts(0xC, 0x8)
        for host in hosts:
            self.goes(host)
            host.close()


class Halves(WickedCase):
    """Fused commands of which only a half comes, or half of the data."""

    args = ('--workers', str(WORKERS))
    HOSTS = 8

    def half(self, queue, opcode=wire.Nvm.COMPARE, fuse=wire.FUSED_FIRST, in_capsule=True):
        sqe = wire.read(1, 9, 1)
        sqe.opcode = opcode
        sqe.flags |= fuse
        return queue.submit(sqe, bytes(512), in_capsule=in_capsule)

    def queues(self):
        return [queue for _ in range(self.HOSTS)
                for queue in self.controller().io_queues(QUEUES)]

    def assert_block_is_free(self):
        """Nobody holds it."""
        queue = self.io()
        self.assert_success(queue.run(wire.write(1, 9, 1), bytes(512)))
        pair = [self.half(queue), self.half(queue, wire.Nvm.WRITE, wire.FUSED_SECOND)]
        for command in pair:
            self.assert_success(queue.wait(command))

    def test_silence(self):
        halves = [(queue, self.half(queue, in_capsule=n % 2))
                  for n, queue in enumerate(self.queues())]
        self.assert_block_is_free()
        for queue, command in halves:
            self.assert_status(queue.wait(command, 20 * daemon.SLOWNESS), Sc.MISSING_FUSED)

    def test_disconnect(self):
        for queue in self.queues():
            first, last = self.half(queue), queue.submit(wire.disconnect())
            self.assert_status(queue.wait(first), Sc.MISSING_FUSED)
            self.assert_success(queue.wait(last))
            self.assert_ends(queue)
        self.assert_block_is_free()

    def test_the_end(self):
        for n, queue in enumerate(self.queues()):
            self.half(queue, in_capsule=n % 3)
            (die, lambda queue: queue.close())[n % 2](queue)
        self.assert_block_is_free()

    def test_data_of_one_half_alone(self):
        """Or of none; then the host dies, leaves, or falls silent."""
        for n, queue in enumerate(self.queues()):
            queue.hold_r2t = True
            pair = [self.half(queue, in_capsule=False),
                    self.half(queue, wire.Nvm.WRITE, wire.FUSED_SECOND, in_capsule=False)]
            while not all(command.r2ts for command in pair):
                queue.step()
            if n & 2:
                queue.answer_r2t(pair[n & 1])
            if n % 3:
                (die, lambda queue: queue.close())[n % 3 - 1](queue)
        self.assert_block_is_free()

    def test_a_reset(self):
        controllers = [self.controller() for _ in range(self.HOSTS)]
        for controller in controllers:
            for n, queue in enumerate(controller.io_queues(QUEUES)):
                self.half(queue, in_capsule=n % 2)
                if n > 2:
                    self.half(queue, wire.Nvm.WRITE, wire.FUSED_SECOND, in_capsule=False)
        for controller in controllers:
            controller.disable()
        self.assert_block_is_free()


class SmallPool(WickedCase):
    """What is kept of a worker's buffers is known."""

    devices = ('ramdisk:16M', f'delay:ms={SLOW_MS}/ramdisk:4M')
    args = ('--workers', str(WORKERS), '--buffers', '16M')

    @classmethod
    def warm_up(cls):
        """Touches all the buffers of every worker."""
        super().warm_up()
        with Controller(cls.target.io, cls.target.nqn) as controller:
            writes = []
            for queue in controller.io_queues(16 * WORKERS):
                queue.hold_r2t = True
                writes.append((queue, queue.submit(
                    wire.write(1, 0, 2048), bytes(MIB))))
            time.sleep(0.2)
            for queue, command in writes:
                queue.hold_r2t = False
                while command.r2ts:
                    queue.answer_r2t(command)
                queue.wait(command)


class Stubborn(SmallPool):
    """Hosts that want much, or the same, over and over."""

    MANY = 150

    def connect_at_once(self, controller, qid, count, cntlid):
        """So many Connects of this host, on connections of their own."""
        asked = []
        for _ in range(count):
            queue = self.queue(in_capsule=8192)
            data = wire.connect_data(self.target.nqn, controller.host.nqn,
                                     controller.host.hostid, cntlid)
            asked.append((queue, queue.submit(wire.connect(qid, 31), data)))
        return asked

    def test_many_who_want_the_same_queue(self):
        """The one that has it may be about to end, so each waits a second."""
        busy = Busy(self.target)
        self.addCleanup(busy.close)
        self.says('Connect of 127.0.0.1 refused: status 0/0c, queue 1,', self.MANY)
        for queue, command in self.connect_at_once(
                busy.controller, 1, self.MANY, busy.controller.cntlid):
            self.assert_status(queue.wait(command, 30), Sc.SEQUENCE_ERROR)

    def test_many_who_come_back_while_their_dead_path_writes(self):
        busy = Busy(self.target)
        busy.await_r2ts()
        for queue in [*busy.queues, busy.admin]:
            die(queue)
        for queue, command in self.connect_at_once(
                busy.controller, 0, self.MANY, 0xFFFF):
            self.assert_success(queue.wait(command, 30))

    def test_an_admin_queue_that_reads_late(self):
        admin = self.controller(sqsize=4095).admin
        asked = [admin.capsule(wire.identify(1), length=4096)
                 for _ in range(4095)]
        sender = threading.Thread(target=admin.send_raw, args=(
            b''.join(pdu for _, pdu in asked),))
        sender.start()
        time.sleep(0.5)
        for command in admin.wait_all([command for command, _ in asked], 30):
            self.assert_success(command)
        sender.join()

    def test_resets_without_end(self):
        controller = self.controller()
        for _ in range(self.MANY):
            controller.disable()
            controller.enable()
            self.assert_success(read_blocks(controller.io_queues(1)[0], 0, 8))


class Stuck(SmallPool):
    """Hosts that take or send nothing any more."""

    SIZES = (512, 16384, 65536, MIB)
    DEPTH = 64

    def ask(self, queue, size, nsid=1):
        pairs = [queue.capsule(wire.read(nsid, 0, size // 512), length=size)
                 for _ in range(self.DEPTH)]
        queue.send_raw(b''.join(pdu for _, pdu in pairs))
        return [command for command, _ in pairs]

    def offer(self, queue, size):
        queue.hold_r2t = True
        pairs = [queue.capsule(wire.write(1, 0, size // 512), bytes(size),
                               in_capsule=False) for _ in range(self.DEPTH)]
        queue.send_raw(b''.join(pdu for _, pdu in pairs))
        return [command for command, _ in pairs]

    def lazy_queues(self):
        controller = self.controller()
        return [(queue, size) for queue, size in zip(
            controller.io_queues(2 * len(self.SIZES)), 2 * self.SIZES)]

    def test_a_host_that_reads_late_has_everything(self):
        asked = [(queue, self.ask(queue, size))
                 for queue, size in self.lazy_queues()]
        time.sleep(1)
        for queue, commands in asked:
            for command in queue.wait_all(commands, 30):
                self.assert_success(command)

    def test_a_host_that_never_reads_and_dies(self):
        for way in (die, lambda queue: queue.close()):
            asked = self.lazy_queues()
            for n, (queue, size) in enumerate(asked):
                self.ask(queue, size, 1 + n % 2)
            time.sleep(0.7)
            for queue, _ in asked:
                way(queue)

    def test_a_host_that_sends_what_was_asked_for_late(self):
        began = time.monotonic()
        offered = [(queue, self.offer(queue, size))
                   for queue, size in self.lazy_queues()]
        time.sleep(1)
        try:
            for queue, commands in offered:
                self.send_late(queue, commands)
        except ConnectionError:
            # Who is as late as 5 s may be given up.
            if time.monotonic() - began < 4:
                raise
            self.skipTest('this machine was too busy to be in time')

    def send_late(self, queue, commands):
        queue.hold_r2t = False
        for command in commands:
            while command.r2ts:
                queue.answer_r2t(command)
        for command in queue.wait_all(commands, 30):
            self.assert_success(command)

    def test_who_never_sends_it_makes_way_for_others(self):
        """The pool is empty and somebody waits: after 5 s whoever does not move
        is given up.  The bystander passes with its small requests."""
        stuck = [self.io() for _ in range(20 * WORKERS)]
        for queue in stuck:
            self.offer(queue, MIB)
        waiting = [self.io() for _ in range(WORKERS)]
        for queue in waiting:
            data = bytes(MIB)
            command = queue.submit(wire.write(1, 0, 2048), data)
            self.assert_success(queue.wait(command, 30))
        self.assertTrue(self.lines('connection ended: the peer does not move'))


class Term(unittest.TestCase):
    """SIGTERM in the midst of each."""

    DEVICES = ('ramdisk:16M', f'delay:ms={SLOW_MS}/ramdisk:4M')

    def run_with(self, act):
        """The end is in order: nothing is left behind with storage or hosts."""
        room = daemon.Room()
        self.addCleanup(room.remove)
        target = daemon.Daemon(*self.DEVICES, room=room,
                               args=('--workers', str(WORKERS)))
        with target:
            act(target)
        log = target.log()
        self.assertIn('ends on signal 15', log)
        self.assertNotIn('error:', log)

    def busy(self, target):
        made = Busy(target)
        self.addCleanup(made.close)
        made.await_r2ts()
        return made

    def test_with_io_in_flight(self):
        self.run_with(self.busy)

    def test_during_a_reset(self):
        def act(target):
            self.busy(target).admin.property_set(Prop.CC, CC_ENABLE & ~1)
        self.run_with(act)

    def test_during_a_shutdown(self):
        def act(target):
            self.busy(target).admin.property_set(Prop.CC, CC_ENABLE | 1 << 14)
        self.run_with(act)

    def test_during_disconnects(self):
        def act(target):
            for queue in self.busy(target).queues:
                queue.submit(wire.disconnect())
        self.run_with(act)

    def test_while_hosts_die(self):
        def act(target):
            busy = self.busy(target)
            for queue in busy.queues:
                die(queue)
            busy.admin.close()
        self.run_with(act)

    def test_while_hosts_say_nothing(self):
        def act(target):
            sockets = [socket.create_connection(target.io) for _ in range(50)]
            for number, silent in enumerate(sockets):
                self.addCleanup(silent.close)
                silent.sendall(wire.icreq()[:2 * number])
        self.run_with(act)

    def test_while_a_host_reads_nothing(self):
        def act(target):
            controller = Controller(target.io, target.nqn)
            self.addCleanup(controller.close)
            for queue in controller.io_queues(QUEUES):
                queue.send_raw(b''.join(
                    queue.capsule(wire.read(1, 0, 2048), length=MIB)[1]
                    for _ in range(64)))
        self.run_with(act)


class Stopped(TargetCase):
    """The whole process sleeps, and wakes up with keep alive timers overdue."""

    args = ('--workers', str(WORKERS))
    KATO = 1000

    def test_live_hosts_are_kept(self):
        hosts = [self.controller(kato=self.KATO) for _ in range(8)]
        queues = [queue for host in hosts for queue in host.io_queues(WORKERS)]
        with stopped(self.target.pid):
            reads = [(queue, queue.submit(wire.read(1, 0, 8), length=4096))
                     for queue in queues]
            time.sleep(2.5 * self.KATO / 1000)
        for queue, command in reads:
            self.assert_success(queue.wait(command))
        for host in hosts:
            self.assert_success(host.admin.run(Sqe(Admin.KEEP_ALIVE)))


if __name__ == '__main__':
    unittest.main()
