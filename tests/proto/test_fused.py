# SPDX-License-Identifier: BSD-2-Clause
"""Row "fused": Compare and Write, which VMware's locks on disk are made of."""
import random
import struct
import threading
import time
import unittest

import daemon
import wire
from case import RoomCase, TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import Violation
from wire import FUSED_FIRST, FUSED_SECOND, Nvm, Sc

WORKERS = 3


def half(opcode, fuse, slba, blocks=1, nsid=1, flags=0):
    sqe = wire.read(nsid, slba, blocks, flags)
    sqe.opcode = opcode
    sqe.flags |= fuse
    return sqe


def compare(slba, **how):
    return half(Nvm.COMPARE, FUSED_FIRST, slba, **how)


def write(slba, **how):
    return half(Nvm.WRITE, FUSED_SECOND, slba, **how)


def submit(queue, *halves):
    """Capsules in one send, each (Sqe, data, in_capsule, wrong); the commands."""
    commands, pdus = [], b''
    for sqe, data, *how in halves:
        in_capsule, wrong = (*how, None, None)[:2]
        command, pdu = queue.capsule(sqe, data, in_capsule=in_capsule, wrong=wrong)
        commands.append(command)
        pdus += pdu
    queue.send_raw(pdus)
    return commands


def submit_pair(queue, slba, expected, new, ways=(True, True), **how):
    return submit(queue, (compare(slba, **how), expected, ways[0]),
                  (write(slba, **how), new, ways[1]))


def swap(queue, slba, expected, new, *ways, **how):
    """The two statuses."""
    pair = submit_pair(queue, slba, expected, new, *ways, **how)
    return tuple(command.cqe.sc for command in queue.wait_all(pair))


WON, LOST = (Sc.SUCCESS, Sc.SUCCESS), (Sc.COMPARE_FAILURE, Sc.FAILED_FUSED)
INVALID = (Sc.INVALID_FIELD, Sc.INVALID_FIELD)
WAYS = [(a, b) for a in (True, False) for b in (True, False)]


class FusedCase(TargetCase):
    args = ('--workers', str(WORKERS))
    size = 512

    def setUp(self):
        super().setUp()
        self.queue = self.io()

    def content(self, slba, queue=None):
        read = read_blocks(queue or self.queue, slba, 1, size=self.size)
        self.assert_success(read)
        return bytes(read.data)

    def block(self, seed):
        return pattern(1, seed=seed, size=self.size)

    def put(self, slba, data, queue=None):
        self.assert_success(write_blocks(queue or self.queue, slba, data, size=self.size))

    def assert_statuses(self, commands, *expected):
        self.queue.wait_all(commands)
        for command, status in zip(commands, expected, strict=True):
            self.assert_status(command, status)

    def assert_alive(self):
        data = self.block(99)
        self.put(5, data)
        self.assertEqual(swap(self.queue, 5, data, self.block(98)), WON)
        self.assertEqual(self.content(5), self.block(98))


class Pairs(FusedCase):

    def test_identify_tells_of_it_and_that_a_block_is_what_is_atomic(self):
        data = self.queue.controller.identify_controller()
        self.assertEqual(data.fuses, 1)
        self.assertEqual((data.awun, data.awupf, data.acwu), (0, 0, 0))
        ns = self.queue.controller.identify_namespace(1)
        self.assertEqual((ns.nawun, ns.nawupf, ns.nacwu), (0, 0, 0))

    def test_an_equal_block_is_replaced_however_the_data_comes(self):
        for seed, ways in enumerate(WAYS):
            with self.subTest(in_capsule=ways):
                self.put(9, self.block(seed))
                self.assertEqual(swap(self.queue, 9, self.block(seed),
                                      self.block(seed + 1), ways), WON)
                self.assertEqual(self.content(9), self.block(seed + 1))

    def test_another_block_stays_as_it_is(self):
        there = self.block(1)
        for at in (0, 1, self.size - 1):
            other = bytearray(there)
            other[at] ^= 1
            for ways in WAYS:
                with self.subTest(in_capsule=ways, differs_at=at):
                    self.put(9, there)
                    self.assertEqual(swap(self.queue, 9, bytes(other), self.block(2), ways),
                                     LOST)
                    self.assertEqual(self.content(9), there)

    def test_neighbours_are_left_alone(self):
        self.put(8, self.block(1))
        self.put(10, self.block(2))
        self.put(9, self.block(3))
        self.assertEqual(swap(self.queue, 9, self.block(3), self.block(4)), WON)
        self.assertEqual((self.content(8), self.content(10)), (self.block(1), self.block(2)))

    def test_force_unit_access(self):
        self.put(9, self.block(1))
        self.assertEqual(swap(self.queue, 9, self.block(1), self.block(2), flags=wire.FUA), WON)
        self.assertEqual(self.content(9), self.block(2))

    def test_the_responses_come_in_order(self):
        self.put(9, self.block(1))
        first, second = submit_pair(self.queue, 9, self.block(1), self.block(2))
        self.queue.wait(first)
        self.assertFalse(second.done)
        self.assert_success(self.queue.wait(second))

    def test_one_behind_the_other_at_once(self):
        """Each expects what the one before it wrote."""
        self.put(9, self.block(0))
        pairs = [submit_pair(self.queue, 9, self.block(n), self.block(n + 1))
                 for n in range(8)]
        for pair in pairs:
            self.assert_statuses(pair, *WON)
        self.assertEqual(self.content(9), self.block(8))

    def test_data_may_come_in_any_order(self):
        """What is to be written before what is to be compared."""
        self.put(9, self.block(1))
        self.queue.hold_r2t = True
        pair = submit_pair(self.queue, 9, self.block(1), self.block(2), (False, False))
        while not all(command.r2ts for command in pair):
            self.queue.step()
        for command in reversed(pair):
            self.queue.answer_r2t(command)
        self.assert_statuses(pair, *WON)
        self.assertEqual(self.content(9), self.block(2))

    def test_a_pair_that_waits_for_data_is_no_half_pair(self):
        """Other commands may come behind it, and be answered before it."""
        self.put(9, self.block(1))
        self.queue.hold_r2t = True
        pair = submit_pair(self.queue, 9, self.block(1), self.block(2), (False, False))
        self.assert_success(read_blocks(self.queue, 9, 1, size=self.size))
        self.put(9, self.block(3))
        self.assertFalse(any(command.done for command in pair))
        for command in pair:
            self.queue.answer_r2t(command)
        self.assert_statuses(pair, *LOST)
        self.assertEqual(self.content(9), self.block(3))

    def test_it_counts_as_a_read_and_a_write(self):
        def counts():
            data = wire.Fields(wire.HEALTH, bytes(self.queue.controller.get_log(
                wire.Log.HEALTH, 512).data))
            return wire.u128(data.host_reads), wire.u128(data.host_writes)
        self.put(9, self.block(1))
        reads, writes = counts()
        self.assertEqual(swap(self.queue, 9, self.block(1), self.block(2)), WON)
        self.assertEqual(swap(self.queue, 9, self.block(1), self.block(2)), LOST)
        self.assertEqual(counts(), (reads + 1, writes + 1))


class Broken(FusedCase):

    def test_a_first_half_without_a_second(self):
        for seed, next_one in enumerate((wire.flush(1), wire.write(1, 5, 1), compare(9))):
            data = b'' if next_one.opcode == Nvm.FLUSH else self.block(seed)
            with self.subTest(next=next_one):
                commands = submit(self.queue, (compare(9), self.block(1)), (next_one, data))
                self.assert_status(self.queue.wait(commands[0]), Sc.MISSING_FUSED)
                if next_one.flags & 3:      # one more first half
                    self.assert_status(self.queue.run(write(9, nsid=2), self.block(1)),
                                       Sc.INVALID_FIELD)
                    self.queue.wait(commands[1])
                else:
                    self.assert_success(self.queue.wait(commands[1]))
        self.assert_alive()

    def test_a_second_half_alone(self):
        self.put(9, self.block(1))
        for in_capsule in (True, False):
            second, = submit(self.queue, (write(9), self.block(2), in_capsule))
            self.assert_status(self.queue.wait(second), Sc.MISSING_FUSED)
        self.assertEqual(self.content(9), self.block(1))
        self.assert_alive()

    def test_the_second_half_first(self):
        self.put(9, self.block(1))
        commands = submit(self.queue, (write(9), self.block(2)), (compare(9), self.block(1)),
                          (wire.flush(1), b''))
        self.assert_statuses(commands, Sc.MISSING_FUSED, Sc.MISSING_FUSED, Sc.SUCCESS)
        self.assertEqual(self.content(9), self.block(1))

    def test_something_in_between(self):
        self.put(9, self.block(1))
        commands = submit(self.queue, (compare(9), self.block(1)), (wire.flush(1), b''),
                          (write(9), self.block(2)))
        self.assert_statuses(commands, Sc.MISSING_FUSED, Sc.SUCCESS, Sc.MISSING_FUSED)
        self.assertEqual(self.content(9), self.block(1))

    def test_an_unknown_command_behind_a_half(self):
        commands = submit(self.queue, (compare(9), self.block(1)), (wire.Sqe(0x7E, 1), b''))
        self.assert_statuses(commands, Sc.MISSING_FUSED, Sc.INVALID_OPCODE)
        self.assert_alive()

    def test_halves_of_other_ranges_and_namespaces(self):
        self.put(9, self.block(1))
        for second in (write(10), write(9, nsid=2), write(9, blocks=2),
                       write(9 + (1 << 32))):
            data = bytes(2 * self.size if second.cdw12 else self.size)
            for way in (True, False):
                with self.subTest(second=second, in_capsule=way):
                    commands = submit(self.queue, (compare(9), self.block(1), way),
                                      (second, data, way))
                    self.assert_statuses(commands, *INVALID)
        self.assertEqual(self.content(9), self.block(1))

    def test_other_commands_are_no_pair(self):
        for first, second in ((Nvm.WRITE, Nvm.COMPARE), (Nvm.WRITE, Nvm.WRITE),
                              (Nvm.COMPARE, Nvm.COMPARE), (0x7D, Nvm.WRITE),
                              (Nvm.COMPARE, 0x7D)):
            with self.subTest(first=first, second=second):
                commands = submit(self.queue,
                                  (half(first, FUSED_FIRST, 9), self.block(1)),
                                  (half(second, FUSED_SECOND, 9), self.block(1)))
                self.assert_statuses(commands, *INVALID)
        self.assert_alive()

    def test_the_reserved_value_and_admin_commands(self):
        for fuse in (1, 2, 3):
            sqe = wire.identify(1)
            sqe.flags |= fuse
            self.assert_status(self.queue.controller.admin.run(sqe, length=4096),
                               Sc.INVALID_FIELD)
        self.assert_status(self.queue.run(half(Nvm.WRITE, 3, 9), self.block(1)),
                           Sc.INVALID_FIELD)
        self.assert_alive()

    def test_more_than_a_block(self):
        for blocks in (2, 16):
            data = bytes(blocks * self.size)
            for ways in WAYS:
                with self.subTest(blocks=blocks, in_capsule=ways):
                    self.assertEqual(swap(self.queue, 16, data, data, ways, blocks=blocks),
                                     (Sc.ATOMIC_WRITE_UNIT_EXCEEDED, Sc.FAILED_FUSED))

    def test_what_fails_first_is_told_and_fails_the_second(self):
        self.assertEqual(swap(self.queue, 1 << 40, self.block(1), self.block(2)),
                         (Sc.LBA_OUT_OF_RANGE, Sc.FAILED_FUSED))
        self.assertEqual(swap(self.queue, 9, self.block(1), self.block(2), nsid=7),
                         (Sc.INVALID_NAMESPACE, Sc.FAILED_FUSED))
        self.assertEqual(swap(self.queue, 9, self.block(1)[1:], self.block(2)),
                         (Sc.DATA_SGL_LENGTH, Sc.FAILED_FUSED))
        self.assert_alive()

    def test_what_fails_second_is_told_and_nothing_was_written(self):
        self.put(9, self.block(1))
        self.assertEqual(swap(self.queue, 9, self.block(1), self.block(2)[1:]),
                         (Sc.FAILED_FUSED, Sc.DATA_SGL_LENGTH))
        self.assertEqual(self.content(9), self.block(1))

    def test_a_half_and_silence(self):
        for in_capsule in (True, False):
            first, = submit(self.queue, (compare(9), self.block(1), in_capsule))
            began = time.monotonic()
            self.assert_status(self.queue.wait(first, 10 * daemon.SLOWNESS), Sc.MISSING_FUSED)
            self.assertGreater(time.monotonic() - began, 1)
        self.assert_status(self.queue.run(write(9), self.block(2)), Sc.MISSING_FUSED)
        self.assert_alive()

    def test_a_half_and_disconnect(self):
        first, last = submit(self.queue, (compare(9), self.block(1)), (wire.disconnect(), b''))
        self.assert_status(self.queue.wait(first), Sc.MISSING_FUSED)
        self.assert_success(self.queue.wait(last))
        self.assert_ends(self.queue)


class Digests(FusedCase):
    args = ('--workers', str(WORKERS), '-g', '-G')

    def setUp(self):
        super().setUp()
        self.queue = self.io(hdgst=True, ddgst=True)
        self.assertTrue(self.queue.ddgst)
        self.put(9, self.block(1))

    def test_a_pair(self):
        for ways in WAYS:
            self.put(9, self.block(1))
            self.assertEqual(swap(self.queue, 9, self.block(1), self.block(2), ways), WON)

    def answer(self, command, **how):
        ttag, offset, length = command.r2ts.pop(0)
        self.queue.send_h2c_data(command, ttag, offset, length, flags=wire.LAST, **how)
        command.sent = offset + length

    def test_one_half_s_data_is_corrupt(self):
        """Whichever it is, whichever comes first, and in the capsule or not."""
        for bad, order, other_way in ((b, o, w) for b in (0, 1) for o in (1, -1)
                                      for w in (True, False)):
            with self.subTest(bad=bad, order=order, other_in_capsule=other_way):
                ways = [other_way, other_way]
                ways[bad] = False
                self.queue.hold_r2t = True
                pair = submit_pair(self.queue, 9, self.block(1), self.block(2), ways)
                waiting = [c for c, way in zip(pair, ways) if not way]
                while not all(command.r2ts for command in waiting):
                    self.queue.step()
                for command in waiting[::order]:
                    wrong = {'wrong': {'ddgst': 1}} if command is pair[bad] else {}
                    self.answer(command, **wrong)
                expected = [Sc.FAILED_FUSED, Sc.FAILED_FUSED]
                expected[bad] = Sc.TRANSIENT_TRANSPORT_ERROR
                self.assert_statuses(pair, *expected)
                self.queue.hold_r2t = False
                self.assertEqual(self.content(9), self.block(1))

    def test_a_corrupt_capsule_is_no_half(self):
        """Its opcode was never looked at, so the other half lacks it."""
        wrong = {'ddgst': 1}
        commands = submit(self.queue, (compare(9), self.block(1), True, wrong),
                          (write(9), self.block(2)))
        self.assert_statuses(commands, Sc.TRANSIENT_TRANSPORT_ERROR, Sc.MISSING_FUSED)
        commands = submit(self.queue, (compare(9), self.block(1)),
                          (write(9), self.block(2), True, wrong), (wire.flush(1), b''))
        self.assert_statuses(commands, Sc.MISSING_FUSED, Sc.TRANSIENT_TRANSPORT_ERROR,
                             Sc.SUCCESS)
        self.assertEqual(self.content(9), self.block(1))


class ReadOnly(FusedCase):
    devices = ('ramdisk:1M?ro',)

    def test_the_write_is_refused(self):
        self.assertEqual(swap(self.queue, 9, bytes(512), self.block(1)),
                         (Sc.FAILED_FUSED, Sc.WRITE_PROTECTED))


class OnNull(FusedCase):
    devices = ('null:1M',)

    def test_zeros_stand_there(self):
        self.assertEqual(swap(self.queue, 9, bytes(512), self.block(1)), WON)
        self.assertEqual(swap(self.queue, 9, self.block(1), self.block(1)), LOST)


class Contention:
    """On one block: of all that try at once, exactly one wins, whatever else is going on
    in the same page."""

    HOSTS = 6
    ROUNDS = 150
    LOCK = 9

    def take_part(self):
        controllers = [self.controller() for _ in range(self.HOSTS)]
        return [queue for c in controllers for queue in c.io_queues(2)]

    def assert_one_winner(self, queues, turn, held):
        attempts = []
        for n, queue in enumerate(queues):
            mine = struct.pack('<II', turn + 1, n) * (self.size // 8)
            ways = random.choice(WAYS)
            attempts.append((queue, mine, submit_pair(queue, self.LOCK, held, mine, ways)))
        winners = []
        for queue, mine, pair in attempts:
            statuses = tuple(c.cqe.sc for c in queue.wait_all(pair))
            self.assertIn(statuses, (WON, LOST))
            if statuses == WON:
                winners.append(mine)
        self.assertEqual(len(winners), 1, f'round {turn}')
        self.assertEqual(self.content(self.LOCK), winners[0])
        return winners[0]

    def hammer(self, controller, is_over, errors):
        """Writes and reads around the lock, which must not see it torn either."""
        queue, = controller.io_queues(1)
        while not is_over.is_set():
            write_blocks(queue, self.LOCK + 1, self.block(1), size=self.size)
            write_blocks(queue, self.LOCK - 1, self.block(2), size=self.size)
            seen = bytes(read_blocks(queue, self.LOCK, 1, size=self.size).data)
            if seen != seen[:8] * (self.size // 8):
                errors.append(seen)

    def test_exactly_one_wins(self):
        held = bytes(self.size)
        self.put(self.LOCK, held)
        is_over, errors, threads = threading.Event(), [], []
        for _ in range(2):
            threads.append(threading.Thread(
                target=self.hammer, args=(self.controller(), is_over, errors)))
            threads[-1].start()
        try:
            queues = self.take_part()
            for turn in range(self.ROUNDS):
                held = self.assert_one_winner(queues, turn, held)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])

    def test_a_counter_that_all_count_up_is_right(self):
        """Nobody's step gets lost, though each host works for itself."""
        self.put(self.LOCK, bytes(self.size))
        steps, failures = 25, []

        def count(controller):
            queue, = controller.io_queues(1)
            for _ in range(steps):
                while True:
                    there = bytes(read_blocks(queue, self.LOCK, 1, size=self.size).data)
                    number = struct.unpack_from('<Q', there)[0] + 1
                    new = struct.pack('<Q', number) * (self.size // 8)
                    statuses = swap(queue, self.LOCK, there, new, random.choice(WAYS))
                    if statuses == WON:
                        break
                    if statuses != LOST:
                        failures.append(statuses)
                        return
        threads = [threading.Thread(target=count, args=(self.controller(),))
                   for _ in range(self.HOSTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(struct.unpack_from('<Q', self.content(self.LOCK))[0],
                         steps * self.HOSTS)


class ContentionInMemory(Contention, FusedCase):
    pass


class ContentionOfBlocks4096(Contention, FusedCase):
    devices = ('ramdisk:16M?bs=4096',)
    size = 4096


class FileCase(FusedCase):
    """On a file: the same as in memory."""

    keys = '?bs=512'

    @classmethod
    def setUpClass(cls):
        room = daemon.Room()
        cls.addClassCleanup(room.remove)
        path = room.file('disk', 1 << 20)
        cls.target = daemon.Daemon(path + cls.keys, args=cls.args, room=room).start()
        cls.addClassCleanup(cls.target.stop)


class PairsInAFile(FileCase, Pairs):
    pass


class PairsInAFileByThreads(FileCase, Pairs):
    args = ('--workers', str(WORKERS), '--engine', 'threads')


class BrokenInAFile(FileCase, Broken):
    pass


class DigestsInAFile(FileCase, Digests):
    pass


class ContentionInAFile(Contention, FileCase):
    ROUNDS = 60


class ContentionOfBlocks4096InAFile(Contention, FileCase):
    ROUNDS = 60
    keys = '?bs=4096'
    size = 4096


class SlowStorage(FusedCase):
    """A pair at the storage when its host goes away: it may still be done, and nothing
    stays held."""

    devices = ('delay:write-ms=300/ramdisk:1M',)

    def test_the_host_leaves(self):
        self.put(9, self.block(1))
        for _ in range(2):
            queue = self.io()
            submit_pair(queue, 9, self.block(1), self.block(2))
            read_blocks(queue, 0, 1)        # they were looked at
            queue.controller.close()
        deadline = time.monotonic() + 10 * daemon.SLOWNESS
        while self.content(9) != self.block(2):
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(swap(self.queue, 9, self.block(2), self.block(3)), WON)


class KillInTheMidst(RoomCase):
    """A daemon that is killed leaves each block of a file as it was or as it became."""

    SIZE, BLOCKS, ROUNDS = 4096, 16, 5

    def hammer(self, queue, seed):
        try:
            while True:
                seed = (seed + 1) % 256
                queue.wait_all([queue.submit(wire.write(1, n, 1), bytes([seed]) * self.SIZE)
                                for n in range(self.BLOCKS)])
        except (OSError, Violation):
            pass        # its end comes anywhere

    def test_no_block_is_torn(self):
        for turn in range(self.ROUNDS):
            path = self.room.file(f'disk{turn}', self.SIZE * self.BLOCKS)
            target = self.serve(f'{path}?bs={self.SIZE}', args=('--workers', '2')).start()
            queues = [self.controller(target).io_queues(1)[0] for _ in range(2)]
            threads = [threading.Thread(target=self.hammer, args=(queue, 100 * n))
                       for n, queue in enumerate(queues)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0.05, 0.3))
            target.kill()
            for thread in threads:
                thread.join()
            with open(path, 'rb') as disk:
                for n in range(self.BLOCKS):
                    block = disk.read(self.SIZE)
                    self.assertEqual(block, block[:1] * self.SIZE, f'block {n}, round {turn}')


if __name__ == '__main__':
    unittest.main()
