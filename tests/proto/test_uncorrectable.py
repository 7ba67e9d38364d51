# SPDX-License-Identifier: BSD-2-Clause
"""Row "Write Uncorrectable": blocks that may not be read until they are written."""
import itertools
import random
import unittest

import wire
from case import RoomCase, TargetCase, pattern, read_blocks, write_blocks
from rpc import Caller
from test_fused import submit_pair
from wire import DEAC, FUA, Feature, Log, Sc

ROW, ROWS = 4096, 1024      # of blocks; how many rows may have marks
BAD = Sc.UNRECOVERED_READ_ERROR


def spoil(queue, slba, blocks, nsid=1):
    return queue.run(wire.write_uncorrectable(nsid, slba, blocks))


class UncorrectableCase(TargetCase):

    def setUp(self):
        self.queue = self.io()

    def fill(self, nsid=1, blocks=64):
        self.before = pattern(blocks, seed=nsid)
        self.assert_success(write_blocks(self.queue, 0, self.before, nsid))

    def states(self, blocks=64, nsid=1):
        """Of each block: what it has, None if it can't be read."""
        got = [read_blocks(self.queue, slba, 1, nsid) for slba in range(blocks)]
        for command in got:
            self.assert_status(command, Sc.SUCCESS, BAD)
        return [None if command.cqe.sc else bytes(command.data) for command in got]

    def assert_states(self, bad, nsid=1, **changed):
        blocks = [self.before[at:at + 512] for at in range(0, len(self.before), 512)]
        for slba in bad:
            blocks[slba] = None
        for slba, data in changed.get('data', {}).items():
            blocks[slba] = data
        self.assertEqual(self.states(len(blocks), nsid), blocks)

    def media_errors(self):
        log = self.queue.controller.get_log(Log.HEALTH, 512).data
        return wire.u128(wire.Fields(wire.HEALTH, log).media_errors)


class Marks(UncorrectableCase):
    """Memory that is lent, memory that is waited for, and none."""

    devices = ('ramdisk:64M?nsid=1', 'delay:ms=1/ramdisk:64M?nsid=2', 'null:4G?nsid=3&bs=512')

    def test_what_is_marked_can_not_be_read(self):
        for nsid in (1, 2):
            self.fill(nsid)
            self.assert_success(spoil(self.queue, 5, 3, nsid))
            self.assert_states((5, 6, 7), nsid)
            for slba, blocks in ((0, 64), (4, 2), (7, 1), (7, 57)):
                for sqe in (wire.read(nsid, slba, blocks), wire.read(nsid, slba, blocks, FUA)):
                    self.assert_status(self.queue.run(sqe, length=blocks * 512), BAD, dnr=True)
                self.assert_status(self.queue.run(wire.verify(nsid, slba, blocks)), BAD, dnr=True)
                data = self.before[slba * 512:(slba + blocks) * 512]
                self.assert_status(self.queue.run(wire.compare(nsid, slba, blocks), data), BAD,
                                   dnr=True)
            self.assert_success(read_blocks(self.queue, 8, 56, nsid))
            self.assert_success(self.queue.run(wire.verify(nsid, 0, 5)))
            self.assert_success(write_blocks(self.queue, 0, self.before, nsid))
            self.assert_states((), nsid)

    def test_what_writes_them_makes_them_readable(self):
        new, zeros = pattern(1, seed=77), bytes(512)
        writers = ((wire.write(1, 9, 1), new, new), (wire.write(1, 9, 1, FUA), new, new),
                   (wire.write_zeroes(1, 9, 1), b'', zeros),
                   (wire.write_zeroes(1, 9, 1, DEAC), b'', zeros),
                   (wire.manage(1, 1), wire.dsm_ranges((9, 1)), zeros),
                   (wire.copy(1, 9, 1), wire.copy_ranges((20, 1)), pattern(64, seed=1)[20 * 512:][:512]))
        for nsid, (sqe, data, expected) in itertools.product((1, 2), writers):
            with self.subTest(nsid=nsid, opcode=sqe.opcode):
                sqe.nsid = nsid
                self.fill(nsid)
                expected = expected if sqe.opcode != wire.Nvm.COPY else self.before[20 * 512:][:512]
                self.assert_success(spoil(self.queue, 8, 4, nsid))
                self.assert_success(self.queue.run(sqe, data))
                self.assert_states((8, 10, 11), nsid, data={9: expected})
                self.assert_success(write_blocks(self.queue, 0, self.before, nsid))

    def test_data_that_is_fetched_writes_them_as_well(self):
        self.fill()
        self.assert_success(spoil(self.queue, 0, 64))
        self.assert_success(write_blocks(self.queue, 0, self.before[:63 * 512], in_capsule=False))
        self.assert_states((63,))
        self.assert_success(write_blocks(self.queue, 63, self.before[63 * 512:]))

    def test_advice_writes_nothing(self):
        self.fill()
        self.assert_success(spoil(self.queue, 3, 1))
        self.assert_success(self.queue.run(wire.manage(1, 1, attributes=1),
                                           wire.dsm_ranges((0, 64))))
        self.assert_states((3,))
        self.assert_success(write_blocks(self.queue, 0, self.before))

    def test_a_copy_tells_which_range_can_not_be_read(self):
        self.fill()
        self.assert_success(write_blocks(self.queue, 1000, bytes(16 * 512)))
        self.assert_success(spoil(self.queue, 40, 1))
        got = self.queue.run(wire.copy(1, 1000, 3), wire.copy_ranges((0, 4), (38, 4), (8, 4)))
        self.assert_status(got, BAD)
        self.assertEqual(got.cqe.dw0, 1)
        self.assertEqual(bytes(read_blocks(self.queue, 1000, 16).data),
                         self.before[:4 * 512] + bytes(12 * 512))
        self.assert_success(write_blocks(self.queue, 0, self.before))

    def test_a_fused_pair_neither_compares_nor_writes_them(self):
        self.fill()
        self.assert_success(spoil(self.queue, 2, 1))
        pair = self.queue.wait_all(submit_pair(self.queue, 2, self.before[1024:1536], bytes(512)))
        self.assertEqual([command.cqe.sc for command in pair], [BAD, Sc.FAILED_FUSED])
        self.assert_states((2,))
        self.assert_success(write_blocks(self.queue, 0, self.before))

    def test_reads_that_failed_are_media_errors(self):
        self.fill()
        before = self.media_errors()
        self.assert_success(spoil(self.queue, 2, 1))
        self.assertEqual(self.media_errors(), before)
        self.assert_status(read_blocks(self.queue, 0, 8), BAD)
        self.assert_status(self.queue.run(wire.verify(1, 0, 8)), BAD)
        self.assert_success(read_blocks(self.queue, 3, 8))
        self.assertEqual(self.media_errors(), before + 2)
        self.assert_success(write_blocks(self.queue, 0, self.before))

    def test_it_is_of_one_device_and_for_every_host(self):
        self.fill()
        self.assert_success(spoil(self.queue, 2, 1))
        other = self.io()
        self.assert_status(read_blocks(other, 2, 1), BAD)
        self.assert_success(read_blocks(other, 2, 1, nsid=2))
        self.assert_success(write_blocks(other, 2, self.before[1024:1536]))
        self.assert_states(())

    def test_as_many_blocks_as_a_command_can_name(self):
        for first in (0, 1, 4095, 131072 - 65536):
            self.assert_success(spoil(self.queue, first, 65536))
            self.assert_status(read_blocks(self.queue, first, 1), BAD)
            self.assert_status(read_blocks(self.queue, first + 65535, 1), BAD)
            self.assert_success(self.queue.run(wire.write_zeroes(1, first, 65536)))
            self.assert_success(self.queue.run(wire.verify(1, first, 65536)))
            self.assert_success(self.queue.run(wire.verify(1, max(first, 2) - 2, 4)))

    def test_limits(self):
        for slba, blocks, nsid, status in (
                (131072, 1, 1, Sc.LBA_OUT_OF_RANGE), (131071, 2, 1, Sc.LBA_OUT_OF_RANGE),
                ((1 << 64) - 1, 2, 1, Sc.LBA_OUT_OF_RANGE), (0, 1, 0, Sc.INVALID_NAMESPACE),
                (0, 1, 9, Sc.INVALID_NAMESPACE), (0, 1, 0xFFFFFFFF, Sc.INVALID_NAMESPACE)):
            self.assert_status(spoil(self.queue, slba, blocks, nsid), status, dnr=True)
        self.assert_success(spoil(self.queue, 131071, 1))
        self.assert_success(self.queue.run(wire.write_zeroes(1, 131071, 1)))

    def test_a_protected_namespace_is_not_marked(self):
        admin = self.queue.controller.admin
        self.fill()
        for state, status in ((1, Sc.WRITE_PROTECTED), (0, Sc.SUCCESS)):
            self.assert_success(admin.run(wire.set_features(Feature.WRITE_PROTECTION, state,
                                                            nsid=1)))
            self.assert_status(spoil(self.queue, 2, 1), status)
            self.assert_states((2,) if not state else ())
        self.assert_success(write_blocks(self.queue, 0, self.before))

    def test_there_is_an_end_to_what_is_kept(self):
        for row in range(ROWS):
            self.assert_success(spoil(self.queue, row * ROW + row, 1, nsid=3))
        for slba, blocks in ((ROWS * ROW, 1), (ROWS * ROW - 2, 3)):
            self.assert_status(spoil(self.queue, slba, blocks, nsid=3), Sc.CAPACITY_EXCEEDED)
        self.assert_success(read_blocks(self.queue, ROWS * ROW - 2, 1, nsid=3))
        self.assert_success(spoil(self.queue, 5, 65536, nsid=3))    # in rows that have some
        self.assert_success(write_blocks(self.queue, 100 * ROW + 100, bytes(512), nsid=3))
        self.assert_success(spoil(self.queue, ROWS * ROW, 1, nsid=3))
        for row in (0, 99, 101, ROWS - 1):
            self.assert_status(read_blocks(self.queue, row * ROW + row, 1, nsid=3), BAD)

    def test_what_is_told_of_it(self):
        controller = self.queue.controller
        self.assertEqual(controller.identify_controller().oncs & 2, 2)


class Sizes(UncorrectableCase):
    args = ('--rpc-socket', 'rpc')

    def test_what_is_taken_away_comes_back_without_marks(self):
        self.fill()
        self.assert_success(spoil(self.queue, 2000, 200))
        with Caller(self.target.room.path / 'rpc') as caller:
            name = caller.call('bdev_get_bdevs')[0]['name']
            for size in (1 << 20, 2 << 20):
                caller.call('nvmfd_resize_device', name=name, size=size)
        self.assert_success(read_blocks(self.queue, 2048, 1000))
        self.assert_success(read_blocks(self.queue, 1999, 1))
        for slba in (2000, 2047):
            self.assert_status(read_blocks(self.queue, slba, 1), BAD)


class Workers(UncorrectableCase):
    """Commands of several queues at once, on blocks of their own in rows that they share."""

    devices = ('ramdisk:4M?nsid=1', 'delay:ms=1/ramdisk:4M?nsid=2')
    args = ('--workers', '2')

    def test_a_read_shows_what_its_queue_did_last(self):
        for nsid in (1, 2):
            queues = [self.io() for _ in range(4)]
            dice = random.Random(nsid)
            last = {}
            for turn in range(150):
                pending = []
                for number, queue in enumerate(queues):
                    slba = number + 4 * dice.randrange(50)
                    data = pattern(1, seed=turn)
                    last[slba] = data if dice.random() < .5 else None
                    pending.append((queue, slba, queue.submit(wire.write(nsid, slba, 1), data)
                                    if last[slba] else
                                    queue.submit(wire.write_uncorrectable(nsid, slba, 1))))
                for queue, _, command in pending:
                    self.assert_success(queue.wait(command))
                for queue, slba, _ in pending:
                    got = read_blocks(queue, slba, 1, nsid)
                    self.assertEqual(None if got.cqe.sc == BAD else bytes(got.data), last[slba])


class Files(RoomCase):

    def test_files_of_each_engine(self):
        for engine in ('auto', 'threads'):
            with self.subTest(engine=engine):
                path = self.room.file(engine, size=1 << 20)
                with self.serve(f'{path}?bs=512', args=('--engine', engine)) as target:
                    queue, = self.controller(target).io_queues(1)
                    self.assertEqual(spoil(queue, 3, 5).cqe.sc, Sc.SUCCESS)
                    self.assertEqual(read_blocks(queue, 0, 8).cqe.sc, BAD)
                    self.assertEqual(read_blocks(queue, 0, 3).cqe.sc, Sc.SUCCESS)
                    self.assertEqual(write_blocks(queue, 3, pattern(4)).cqe.sc, Sc.SUCCESS)
                    self.assertEqual(bytes(read_blocks(queue, 3, 4).data), pattern(4))
                    self.assertEqual(read_blocks(queue, 7, 1).cqe.sc, BAD)
                # It is kept in memory alone.
                with self.serve(f'{path}?bs=512', args=('--engine', engine)) as target:
                    queue, = self.controller(target).io_queues(1)
                    self.assertEqual(read_blocks(queue, 7, 1).cqe.sc, Sc.SUCCESS)

    def test_a_write_that_failed_leaves_them(self):
        with self.serve('error:write=EIO&count=1/ramdisk:1M?bs=512') as target:
            queue, = self.controller(target).io_queues(1)
            self.assertEqual(spoil(queue, 3, 1).cqe.sc, Sc.SUCCESS)
            for status, after in ((Sc.WRITE_FAULT, BAD), (Sc.SUCCESS, Sc.SUCCESS)):
                self.assertEqual(write_blocks(queue, 3, bytes(512)).cqe.sc, status)
                self.assertEqual(read_blocks(queue, 3, 1).cqe.sc, after)


if __name__ == '__main__':
    unittest.main()
