# SPDX-License-Identifier: BSD-2-Clause
"""Row "abort": a command is ended wherever it is, or the answer says that it is not."""
import random
import time
import unittest

import daemon
import wire
from case import RoomCase, TargetCase, pattern, read_blocks, write_blocks
from rpc import Caller
from test_fused import compare as first_half, submit, submit_pair, swap, write as second_half
from wire import Admin, Nvm, Sc, Sqe

LONG = 60000                            # ms: nobody waits for that
ABORTED, MISSED = 0, 1                  # dword 0, bit 0
LIMIT = 4
PATIENCE = 1                            # s: for so long an Abort waits


def abort_of(sqid, cid):
    return Sqe(Admin.ABORT, cdw10=cid << 16 | sqid)


def verify(slba, blocks, nsid=1):
    sqe = wire.read(nsid, slba, blocks)
    sqe.opcode = Nvm.VERIFY
    return sqe


class AbortCase(TargetCase):
    args = ('--workers', '3')
    queues = 1

    def setUp(self):
        self.ctrl = self.controller()
        self.qs = self.ctrl.io_queues(self.queues)
        for qid, queue in enumerate(self.qs, 1):
            queue.qid = qid
        self.queue = self.qs[0]

    def begin(self, command, queue=None):
        self.began = time.monotonic()
        return self.ctrl.admin.submit(abort_of((queue or self.queue).qid, command.cid))

    def answer(self, abort):
        return self.assert_success(self.ctrl.admin.wait(abort)).dw0

    def abort(self, command, queue=None):
        return self.answer(self.begin(command, queue))

    def assert_aborted(self, command, queue=None):
        """An Abort of it says so, and it has ended.  The first may come before it."""
        until = time.monotonic() + daemon.START_DEADLINE
        while self.abort(command, queue) != ABORTED:
            self.assertLess(time.monotonic(), until)
        self.assert_was_aborted(command, queue)

    def assert_was_aborted(self, command, queue=None):
        self.assert_status((queue or self.queue).wait(command), Sc.ABORTED_BY_REQUEST)

    def assert_answer(self, abort):
        """It was ABORTED, unless this machine has slept."""
        if self.answer(abort) != ABORTED:
            self.assertGreater(time.monotonic() - self.began, 0.9 * PATIENCE)

    def settle(self, queue=None):
        """What the admin queue was sent has come to the worker of this one."""
        queue = queue or self.queue
        self.assert_success(self.ctrl.identify())
        for _ in range(2):
            self.assert_success(queue.run(wire.flush(1)))

    def await_r2ts(self, *commands, queue=None):
        while not all(command.r2ts for command in commands):
            (queue or self.queue).step(10)

    def fetched_write(self, slba=0, blocks=64, nsid=1):
        """A write whose data has been asked for, and is not sent."""
        self.queue.hold_r2t = True
        command = self.queue.submit(wire.write(nsid, slba, blocks), pattern(blocks, seed=7),
                                    in_capsule=False)
        self.await_r2ts(command)
        return command


class AtTheStorage(AbortCase):
    devices = (f'delay:ms={LONG}/ramdisk:4M', f'delay:write-ms={LONG}/ramdisk:4M')
    queues = 4

    def commands(self):
        yield wire.read(1, 0, 8), b'', 4096
        yield wire.write(1, 0, 8), pattern(8), 0
        yield wire.flush(1), b'', 0
        yield verify(0, 64), b'', 0
        sqe = wire.read(1, 0, 8)
        sqe.opcode = Nvm.COMPARE
        yield sqe, pattern(8), 0
        sqe = wire.read(1, 0, 8)
        sqe.opcode = Nvm.WRITE_ZEROES
        yield sqe, b'', 0
        yield wire.copy(1, 100, 1), wire.copy_ranges((0, 8)), 0

    def test_every_command_is_recalled_on_every_queue(self):
        for queue in self.qs:
            for sqe, data, length in self.commands():
                with self.subTest(queue=queue.qid, opcode=sqe.opcode):
                    self.assert_aborted(queue.submit(sqe, data, length), queue)

    def test_a_read_with_fua_is_recalled_from_its_flush(self):
        self.assert_aborted(self.queue.submit(wire.read(1, 0, 8, wire.FUA), length=4096))

    def test_a_write_that_was_recalled_wrote_nothing(self):
        command = self.queue.submit(wire.write(2, 0, 8), pattern(8, seed=3))
        self.assert_aborted(command)
        self.assertEqual(read_blocks(self.queue, 0, 8, nsid=2).data, bytes(4096))

    def test_its_neighbours_stay(self):
        commands = [self.queue.submit(wire.read(1, 8 * n, 8), length=4096) for n in range(9)]
        self.assert_aborted(commands[4])
        self.assert_success(read_blocks(self.queue, 0, 8, nsid=2))
        self.assertEqual([c.done for c in commands], [n == 4 for n in range(9)])
        for command in commands[:4] + commands[5:]:
            self.assert_aborted(command)

    def test_a_second_abort_of_the_same(self):
        command = self.queue.submit(wire.read(1, 0, 8), length=4096)
        self.assert_success(read_blocks(self.queue, 0, 1, nsid=2))
        answers = [self.answer(a) for a in [self.begin(command), self.begin(command)]]
        self.assertIn(ABORTED, answers)
        self.assert_was_aborted(command)

    def test_the_end_of_everything_meanwhile(self):
        for _ in range(5):
            self.setUp()
            for queue in self.qs:
                for command in [queue.submit(wire.read(1, 0, 8), length=4096) for _ in range(4)]:
                    self.ctrl.admin.submit(abort_of(queue.qid, command.cid))
            self.ctrl.close()
            for queue in self.qs:
                queue.close()
        self.assert_success(self.controller().identify())


class FlushOfAll(RoomCase):

    def test_it_is_at_one_after_the_other_and_not_recalled(self):
        path = self.room.file('disk', 1 << 20)
        with self.serve(f'delay:flush-ms=1500/{path}') as target:
            ctrl = self.controller(target)
            queue, = ctrl.io_queues(1)
            command = queue.submit(wire.flush(0xFFFFFFFF))
            self.assertEqual(read_blocks(queue, 0, 1, size=4096).cqe.sc, 0)
            cqe = ctrl.admin.run(abort_of(1, command.cid)).cqe
            self.assertEqual((cqe.sc, cqe.dw0, command.done), (0, MISSED, False))
            self.assertEqual(queue.wait(command).cqe.sc, 0)


class Data(AbortCase):
    """What waits for its data."""
    args = ('--workers', '3', '--max-h2c-data', '64K')

    def test_it_ends_when_what_was_asked_for_is_there(self):
        command = self.fetched_write()
        abort = self.begin(command)
        self.settle()
        self.queue.answer_r2t(command)
        self.assert_was_aborted(command)
        self.assert_answer(abort)
        self.assertEqual(read_blocks(self.queue, 0, 64).data, bytes(64 * 512))

    def test_no_more_is_asked_for(self):
        command = self.fetched_write(blocks=256)
        asked = command.granted
        self.assertLess(asked, 256 * 512)
        abort = self.begin(command)
        self.settle()
        self.queue.answer_r2t(command)
        self.assert_was_aborted(command)
        self.assertEqual(command.granted, asked)
        self.assert_answer(abort)

    def test_a_host_that_sends_nothing_hears_so(self):
        command = self.fetched_write()
        self.assertEqual(self.abort(command), MISSED)
        self.queue.answer_r2t(command)
        self.assert_was_aborted(command)
        self.assertEqual(read_blocks(self.queue, 0, 64).data, bytes(64 * 512))

    def test_data_with_a_wrong_digest_all_the_same(self):
        self.ctrl = self.controller(ddgst=True)
        queue, = self.ctrl.io_queues(1)
        queue.hold_r2t = True
        command = queue.submit(wire.write(1, 0, 8), pattern(8), in_capsule=False)
        while not command.r2ts:
            queue.step(10)
        abort = self.ctrl.admin.submit(abort_of(1, command.cid))
        self.settle(queue)
        ttag, offset, length = command.r2ts.pop(0)
        queue.send_h2c_data(command, ttag, offset, length, flags=wire.LAST,
                            wrong={'ddgst': 1})
        command.sent = length
        self.assert_status(queue.wait(command), Sc.TRANSIENT_TRANSPORT_ERROR,
                           Sc.ABORTED_BY_REQUEST)
        self.answer(abort)

    def test_at_most_so_many_at_once(self):
        data = self.ctrl.identify_controller()
        self.assertEqual(data.acl + 1, LIMIT)
        commands = [self.fetched_write(slba=64 * n) for n in range(LIMIT + 1)]
        aborts = [self.begin(command) for command in commands]
        self.assert_status(self.ctrl.admin.wait(aborts[-1]), Sc.ABORT_LIMIT_EXCEEDED)
        for command in commands:
            self.queue.answer_r2t(command)
        self.queue.wait_all(commands)
        for abort in aborts[:-1]:
            self.answer(abort)
        self.assert_success(commands[-1])
        self.assertEqual(self.abort(commands[0]), MISSED)

    def test_the_queue_goes_meanwhile(self):
        command = self.fetched_write()
        abort = self.begin(command)
        self.queue.close()
        self.answer(abort)
        self.assert_success(self.ctrl.identify())

    def test_data_of_an_admin_command(self):
        admin = self.ctrl.admin
        sqe = Sqe(Admin.SET_FEATURES, cdw10=wire.Feature.TIMESTAMP)
        admin.hold_r2t = True
        command = admin.submit(sqe, bytes(8), in_capsule=False)
        while not command.r2ts:
            admin.step(10)
        abort = admin.submit(abort_of(0, command.cid))
        admin.answer_r2t(command)
        self.assert_status(admin.wait(command), Sc.ABORTED_BY_REQUEST)
        self.answer(abort)


class Parked(AbortCase):
    """What waits for a buffer."""
    args = ('--workers', '1', '--buffers', '4M')
    blocks = 512                        # 256 KiB

    def fill(self):
        """Writes that have been asked for their data, and such as wait for room."""
        self.queue.hold_r2t = True
        commands = [self.queue.submit(wire.write(1, self.blocks * n, self.blocks),
                                      pattern(self.blocks, seed=n), in_capsule=False)
                    for n in range(24)]
        self.assert_success(self.ctrl.identify())
        # One worker: all R2Ts that there will be have been sent before this is answered.
        self.assert_success(self.queue.run(wire.flush(1)))
        asked = [c for c in commands if c.r2ts]
        parked = [c for c in commands if not c.r2ts]
        self.assertTrue(asked and parked, (len(asked), len(parked)))
        return asked, parked

    def finish(self, commands):
        self.queue.hold_r2t = False
        for command in commands:
            if command.r2ts:
                self.queue.answer_r2t(command)
        self.queue.wait_all(commands)
        for command in commands:
            self.assert_success(command)

    def test_the_first_the_last_and_one_between_end_at_once(self):
        asked, parked = self.fill()
        for gone in (parked[0], parked[-1], parked[len(parked) // 2]):
            self.assert_aborted(gone)
            parked.remove(gone)
        self.finish(asked + parked)

    def test_those_behind_go_on(self):
        asked, parked = self.fill()
        small = self.queue.submit(wire.read(1, 0, 8), length=4096)
        for command in parked:
            self.assert_aborted(command)
        self.assert_success(self.queue.wait(small))
        self.finish(asked)

    def test_all_of_them_and_the_queue_serves_on(self):
        asked, parked = self.fill()
        for command in reversed(parked):
            self.assert_aborted(command)
        self.finish(asked)
        data = pattern(self.blocks, seed=99)
        self.assert_success(write_blocks(self.queue, 0, data))
        self.assertEqual(read_blocks(self.queue, 0, self.blocks).data, data)


class InLine(AbortCase):
    """Queues that wait for buffers, one behind the other."""
    args = ('--workers', '2', '--buffers', '4M', '--rpc-socket', 'rpc')
    queues = 64

    def setUp(self):
        super().setUp()
        *self.holders, self.front, self.behind = self.of_one_worker()[:24]
        for queue in self.qs:
            queue.hold_r2t = True
        self.held = []

    def of_one_worker(self):
        """... which is not that of the admin queue, so that its buffers are no news there."""
        with Caller(self.target.room.path / 'rpc') as caller:
            workers = {pair['qid']: pair['thread'] for pair in
                       caller.call('nvmf_subsystem_get_qpairs', nqn=self.target.nqn)
                       if pair['cntlid'] == self.ctrl.cntlid}
        return [queue for queue in self.qs if workers[queue.qid] != workers[0]]

    def write(self, queue, size):
        blocks = size // 512
        return queue.submit(wire.write(1, 0, blocks), pattern(blocks), in_capsule=False)

    def hold(self, queue, size):
        """A buffer that waits for its data."""
        command = self.write(queue, size)
        self.await_r2ts(command, queue=queue)
        self.held.append((queue, command))

    def give_back(self, queue, command):
        self.held.remove((queue, command))
        queue.answer_r2t(command)
        self.assert_success(queue.wait(command))

    def assert_is_served(self, command):
        began = time.monotonic()
        self.await_r2ts(command, queue=self.behind)
        self.assertLess(time.monotonic() - began, PATIENCE * daemon.SLOWNESS)
        for queue, each in [*self.held, (self.behind, command)]:
            queue.answer_r2t(each)
            self.assert_success(queue.wait(each))

    def test_who_stood_behind_one_that_was_aborted(self):
        for queue in self.holders[:14]:
            self.hold(queue, 256 << 10)
        great = self.write(self.front, 1 << 20)
        self.assert_success(self.front.run(wire.flush(1)))
        less = self.write(self.behind, 128 << 10)
        self.assert_success(self.behind.run(wire.flush(1)))
        self.give_back(*self.held[0])
        self.assert_success(self.behind.run(wire.flush(1)))
        self.assertFalse(great.r2ts or less.r2ts)
        self.assert_aborted(great, self.front)
        self.assert_is_served(less)

    def test_who_stood_behind_a_pair_that_was(self):
        """Either half of it takes it out of the line."""
        for queue in self.holders[:13]:
            self.hold(queue, 256 << 10)
        for queue, kib in zip(self.holders[13:], (128, 64, 32, 16, 8)):
            self.hold(queue, kib << 10)
        for queue in self.holders[18:]:
            self.hold(queue, 64 << 10)      # what those have that need little
        for half in (0, 1):
            with self.subTest(half=half):
                pair = submit_pair(self.front, 0, bytes(512), pattern(1), (False, False))
                self.assert_success(self.front.run(wire.flush(1)))
                least = self.write(self.behind, 4096)
                self.assert_success(self.behind.run(wire.flush(1)))
                self.assertFalse(pair[0].r2ts or pair[1].r2ts or least.r2ts)
                began = time.monotonic()
                self.assert_aborted(pair[half], self.front)
                self.assert_status(self.front.wait(pair[not half]), Sc.FAILED_FUSED)
                self.await_r2ts(least, queue=self.behind)
                self.assertLess(time.monotonic() - began, PATIENCE * daemon.SLOWNESS)
                self.behind.answer_r2t(least)
                self.assert_success(self.behind.wait(least))


class Pieces(AbortCase):
    """What is done in pieces ends before the next one."""
    devices = ('ramdisk:32M',)
    blocks = 65536

    def test_one_of_many_turns(self):
        """Memory is quick; if it was quicker than the Abort, that says so."""
        aborted = 0
        for _ in range(200):
            command = self.queue.submit(verify(0, self.blocks))
            dw0 = self.abort(command)
            if dw0 == ABORTED:
                self.assert_was_aborted(command)
                aborted += 1
            else:
                self.assert_status(self.queue.wait(command), Sc.SUCCESS,
                                   Sc.ABORTED_BY_REQUEST)
            if aborted == 3:
                return
        self.fail('none of them was caught')


class Fused(AbortCase):
    devices = ('ramdisk:1M', f'delay:write-ms={LONG}/ramdisk:1M')

    def setUp(self):
        super().setUp()
        self.assert_success(write_blocks(self.queue, 0, bytes(512)))

    def assert_statuses(self, pair, *expected):
        self.queue.wait_all(pair)
        for command, status in zip(pair, expected, strict=True):
            self.assert_status(command, status)

    def assert_alive(self):
        self.assertEqual(swap(self.queue, 0, bytes(512), pattern(1)),
                         (Sc.SUCCESS, Sc.SUCCESS))

    def test_the_first_before_the_second_has_come(self):
        first, = submit(self.queue, (first_half(0), bytes(512), True))
        self.assert_aborted(first)
        second, = submit(self.queue, (second_half(0), pattern(1), True))
        self.assert_status(self.queue.wait(second), Sc.MISSING_FUSED)
        self.assert_alive()

    def test_either_at_the_storage(self):
        for which in (0, 1):
            with self.subTest(half=which):
                pair = submit_pair(self.queue, 0, bytes(512), pattern(1), nsid=2)
                self.assert_aborted(pair[which])
                expected = [Sc.FAILED_FUSED] * 2
                expected[which] = Sc.ABORTED_BY_REQUEST
                self.assert_statuses(pair, *expected)
        self.assertEqual(read_blocks(self.queue, 0, 1, nsid=2).data, bytes(512))

    def test_either_while_both_are_fetched(self):
        for which in (0, 1):
            for order in ((0, 1), (1, 0)):
                with self.subTest(half=which, order=order):
                    self.fetch_and_abort((False, False), which, order)
        self.assert_alive()

    def test_either_while_one_is_fetched(self):
        for ways in ((True, False), (False, True)):
            for which in (0, 1):
                with self.subTest(in_capsule=ways, half=which):
                    self.fetch_and_abort(ways, which, [n for n in (0, 1) if not ways[n]])
        self.assert_alive()

    def fetch_and_abort(self, ways, which, order):
        self.queue.hold_r2t = True
        pair = submit_pair(self.queue, 0, bytes(512), pattern(1), ways)
        self.await_r2ts(*(pair[n] for n in order))
        abort = self.begin(pair[which])
        self.assert_success(self.ctrl.identify())
        for n in order:
            self.queue.answer_r2t(pair[n])
        self.queue.hold_r2t = False
        self.queue.wait_all(pair)
        expected = [Sc.FAILED_FUSED] * 2
        expected[which] = Sc.ABORTED_BY_REQUEST
        # The Abort may have come when all was over.
        if self.answer(abort) == ABORTED:
            self.assert_statuses(pair, *expected)
            self.assertEqual(read_blocks(self.queue, 0, 1).data, bytes(512))
        else:
            self.assert_statuses(pair, Sc.SUCCESS, Sc.SUCCESS)
            self.assert_success(write_blocks(self.queue, 0, bytes(512)))


class Nothing(AbortCase):

    def test_what_is_over(self):
        command = write_blocks(self.queue, 0, pattern(8))
        self.assertEqual(self.abort(command), MISSED)

    def test_itself_and_another_abort(self):
        command = self.fetched_write()
        one = self.begin(command)
        self.settle()
        other = self.ctrl.admin.submit(abort_of(0, one.cid))
        self.assertEqual(self.answer(other), MISSED)
        own = self.ctrl.admin.submit(abort_of(0, 0x7001), cid=0x7001)
        self.assertEqual(self.answer(own), MISSED)
        self.queue.answer_r2t(command)
        self.assert_answer(one)

    def test_a_queue_that_is_not_there(self):
        for sqid in (2, 0x7777, 0xFFFF):
            cqe = self.ctrl.admin.run(abort_of(sqid, 1)).cqe
            self.assertEqual(self.assert_success(cqe).dw0, MISSED)


class Storm(AbortCase):
    """Any command at any moment, on all workers."""
    devices = ('delay:ms=5/ramdisk:1M', 'ramdisk:1M')
    queues = 3

    def some_command(self, queue, dice):
        nsid, slba = dice.choice((1, 2)), dice.randrange(1000)
        kind = dice.randrange(4)
        if kind == 0:
            return queue.submit(wire.read(nsid, slba, 8), length=4096)
        if kind == 1:
            return queue.submit(wire.write(nsid, slba, 32), pattern(32), in_capsule=False)
        if kind == 2:
            return queue.submit(verify(slba, 32, nsid))
        return queue.submit(wire.flush(nsid))

    def test_each_command_ends_once_and_the_answer_is_true(self):
        dice = random.Random(0xAB0)
        until = time.monotonic() + 3
        answers = []
        while time.monotonic() < until:
            commands = [(queue, self.some_command(queue, dice))
                        for queue in self.qs for _ in range(8)]
            chosen = dice.sample(commands, 4)
            aborts = [(self.begin(command, queue), command) for queue, command in chosen]
            for queue, command in commands:
                self.assert_status(queue.wait(command), Sc.SUCCESS, Sc.ABORTED_BY_REQUEST)
            for abort, command in aborts:
                answers.append(self.answer(abort))
                if answers[-1] == ABORTED:
                    self.assert_status(command, Sc.ABORTED_BY_REQUEST)
            asked = {id(command) for _, command in chosen}
            for _, command in commands:
                if id(command) not in asked:
                    self.assert_success(command)
        self.assertIn(ABORTED, answers)


if __name__ == '__main__':
    unittest.main()
