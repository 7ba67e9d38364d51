# SPDX-License-Identifier: BSD-2-Clause
"""Row "I/O": Read, Write, Flush, their limits and their statuses."""
import time
import unittest

import wire
from case import RoomCase, TargetCase, pattern, read_blocks, write_blocks
from wire import FUA, Sc

ALL = 0xFFFFFFFF
MIB = 1 << 20
BLOCKS_16M = 32768


class ReadWriteFlush(TargetCase):

    def setUp(self):
        self.queue = self.io()

    def test_data_comes_back_at_any_size_and_place(self):
        for slba, blocks in ((0, 1), (1, 3), (BLOCKS_16M - 5, 5), (1000, 788),
                             (8, 2048), (32, 31), (32, 32)):
            with self.subTest(slba=slba, blocks=blocks):
                data = pattern(blocks, seed=slba)
                self.assert_success(write_blocks(self.queue, slba, data))
                self.assertEqual(read_blocks(self.queue, slba, blocks).data,
                                 data)

    def test_a_write_changes_its_own_blocks_alone(self):
        self.assert_success(write_blocks(self.queue, 100, pattern(9)))
        self.assert_success(write_blocks(self.queue, 103, bytes(512)))
        expected = bytearray(pattern(9))
        expected[3 * 512:4 * 512] = bytes(512)
        self.assertEqual(read_blocks(self.queue, 100, 9).data, expected)

    def test_what_was_never_written_reads_zeros(self):
        self.assertEqual(read_blocks(self.queue, 20000, 64).data,
                         bytes(64 * 512))

    def test_394_kib_in_one_command_as_nvme_cli_sends(self):
        data = pattern(394 * 2)
        self.assert_success(write_blocks(self.queue, 0, data))
        self.assertEqual(read_blocks(self.queue, 0, 394 * 2).data, data)

    def test_flush(self):
        self.assert_success(write_blocks(self.queue, 0, pattern(1)))
        self.assert_success(self.queue.run(wire.flush(1)))

    def test_force_unit_access(self):
        data = pattern(64, seed=6)
        self.assert_success(write_blocks(self.queue, 0, data, flags=FUA))
        command = read_blocks(self.queue, 0, 64, flags=FUA)
        self.assert_success(command)
        self.assertEqual(command.data, data)

    def test_limited_retry_and_hints_do_no_harm(self):
        sqe = wire.read(1, 0, 1, flags=1 << 31)
        sqe.cdw13 = 0x57    # dataset management hints
        self.assert_success(self.queue.run(sqe, length=512))

    def test_several_commands_complete_in_any_order(self):
        reads = [self.queue.submit(wire.read(1, n, 1 + 255 * (n & 1)),
                                   length=512 * (1 + 255 * (n & 1)))
                 for n in range(100)]
        for command in reversed(reads):
            self.assert_success(self.queue.wait(command))


class Limits(TargetCase):

    def setUp(self):
        self.queue = self.io()

    def assert_both(self, slba, blocks, *expected, nsid=1):
        """A read and a write, each with all the data that is due."""
        read = read_blocks(self.queue, slba, blocks, nsid=nsid)
        self.assert_status(read, *expected)
        self.assertEqual(read.data, b'')
        write = write_blocks(self.queue, slba, bytes(blocks * 512), nsid=nsid)
        self.assert_status(write, *expected)
        self.assertTrue(write.granted == 0 or write.in_capsule)

    def test_range_of_blocks(self):
        for slba, blocks in ((BLOCKS_16M, 1), (BLOCKS_16M - 1, 2),
                             (1 << 40, 1), ((1 << 64) - 1, 1),
                             ((1 << 64) - 1, 2), ((1 << 63), 8),
                             ((1 << 55) - 4, 8)):
            with self.subTest(slba=slba, blocks=blocks):
                self.assert_both(slba, blocks, Sc.LBA_OUT_OF_RANGE)

    def test_the_last_block_is_in_range(self):
        self.assert_success(read_blocks(self.queue, BLOCKS_16M - 1, 1))
        self.assert_success(write_blocks(self.queue, BLOCKS_16M - 1,
                                         bytes(512)))

    def test_more_than_mdts_is_an_invalid_field(self):
        self.assert_both(0, 2049, Sc.INVALID_FIELD)
        self.assert_both(0, 65536, Sc.INVALID_FIELD)

    def test_mdts_itself_is_allowed(self):
        self.assert_success(read_blocks(self.queue, 0, 2048))

    def test_data_length_has_to_be_that_of_the_blocks(self):
        for blocks, size in ((2, 512), (1, 1024), (8, 4095), (8, 4097),
                             (1, 0)):
            with self.subTest(blocks=blocks, size=size):
                read = self.queue.run(wire.read(1, 0, blocks), length=size)
                self.assert_status(read, Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD)
                self.assertEqual(read.data, b'')
                write = self.queue.run(wire.write(1, 0, blocks), bytes(size))
                self.assert_status(write, Sc.DATA_SGL_LENGTH,
                                   Sc.INVALID_FIELD)
        self.assert_success(read_blocks(self.queue, 0, 1))

    def test_unknown_namespaces(self):
        for nsid in (0, 2, 256, 257, 0x7FFFFFFF, ALL - 1, ALL):
            with self.subTest(nsid=nsid):
                self.assert_both(0, 1, Sc.INVALID_NAMESPACE, nsid=nsid)
                if nsid != ALL:
                    self.assert_status(self.queue.run(wire.flush(nsid)),
                                       Sc.INVALID_NAMESPACE)

    def test_reserved_psdt_and_prps_are_invalid(self):
        for psdt in (0x00, 0xC0):
            sqe = wire.read(1, 0, 1)
            sqe.flags = psdt
            self.assert_status(self.queue.run(sqe, length=512),
                               Sc.INVALID_FIELD)
            for in_capsule in (False, True):
                sqe = wire.write(1, 0, 1)
                sqe.flags = psdt
                command = self.queue.run(sqe, bytes(512),
                                         in_capsule=in_capsule)
                self.assert_status(command, Sc.INVALID_FIELD)
        self.assert_success(read_blocks(self.queue, 0, 1))

    def test_a_refused_write_leaves_the_data_alone(self):
        self.assert_success(write_blocks(self.queue, BLOCKS_16M - 8,
                                         pattern(8)))
        self.assert_status(write_blocks(self.queue, BLOCKS_16M - 8, bytes(8192)),
                           Sc.LBA_OUT_OF_RANGE)
        self.assertEqual(read_blocks(self.queue, BLOCKS_16M - 8, 8).data,
                         pattern(8))

    def test_a_refused_in_capsule_write_leaves_the_queue_in_step(self):
        for size in (512, 4096, 16384):
            sqe = wire.write(9, 0, size // 512)
            self.assert_status(self.queue.run(sqe, bytes(size)),
                               Sc.INVALID_NAMESPACE)
            self.assert_success(read_blocks(self.queue, 0, 1))


class SmallMdts(TargetCase):
    args = ('--mdts', '64K')

    def test_identify_says_it_and_it_is_enforced(self):
        queue = self.io()
        self.assertEqual(queue.controller.identify_controller().mdts, 4)
        self.assert_success(write_blocks(queue, 0, bytes(64 << 10)))
        self.assert_status(write_blocks(queue, 0, bytes((64 << 10) + 512)),
                           Sc.INVALID_FIELD)
        self.assert_status(read_blocks(queue, 0, 129), Sc.INVALID_FIELD)


class Blocks4096(TargetCase):
    devices = ('ramdisk:16M?bs=4096',)

    def test_everything_counts_in_blocks_of_4096(self):
        queue = self.io()
        data = pattern(8, seed=1, size=4096)
        self.assert_success(write_blocks(queue, 4088, data, size=4096))
        back = read_blocks(queue, 4088, 8, size=4096)
        self.assertEqual(back.data, data)
        self.assert_status(read_blocks(queue, 4096, 1, size=4096),
                           Sc.LBA_OUT_OF_RANGE)
        self.assert_status(read_blocks(queue, 0, 257, size=4096),
                           Sc.INVALID_FIELD)
        self.assert_success(read_blocks(queue, 0, 256, size=4096))


class ReadOnly(TargetCase):
    devices = ('ramdisk:1M?ro',)

    def test_writes_are_refused_and_reads_are_not(self):
        queue = self.io()
        self.assert_status(write_blocks(queue, 0, bytes(512)),
                           Sc.WRITE_PROTECTED)
        self.assert_status(write_blocks(queue, 0, bytes(65536)),
                           Sc.WRITE_PROTECTED)
        self.assert_success(read_blocks(queue, 0, 8))
        self.assert_success(queue.run(wire.flush(1)))

    def test_identify_says_so(self):
        data = self.controller().identify_namespace(1)
        self.assertEqual(data.nsattr & 1, 1)


class SyncBeforeAnswer(RoomCase):
    """What has to be durable is answered after its sync, and only that: the
    delay tells a slow sync from quick transfers."""

    MS = 400

    def setUp(self):
        super().setUp()
        path = self.room.file('disk', 1 << 20)
        target = self.serve(f'delay:flush-ms={self.MS}/{path}?bs=512').start()
        self.addCleanup(target.stop)
        self.ctrl = self.controller(target)
        self.queue, = self.ctrl.io_queues(1)

    def milliseconds(self, command):
        began = time.monotonic()
        self.assertEqual(self.queue.wait(command).cqe.sc, Sc.SUCCESS)
        return (time.monotonic() - began) * 1000

    def submit_write(self, flags=0):
        return self.queue.submit(wire.write(1, 0, 1, flags), bytes(512))

    def submit_read(self, flags=0):
        return self.queue.submit(wire.read(1, 0, 1, flags), length=512)

    def test_a_file_has_a_volatile_cache(self):
        self.assertEqual(self.ctrl.identify_controller().vwc & 1, 1)
        feature = self.ctrl.admin.run(
            wire.get_features(wire.Feature.VOLATILE_WRITE_CACHE)).cqe
        self.assertEqual((feature.sc, feature.dw0 & 1), (Sc.SUCCESS, 1))

    def test_flush(self):
        self.assertLess(self.milliseconds(self.submit_write()), self.MS)
        flush = self.queue.submit(wire.flush(1))
        self.assertGreaterEqual(self.milliseconds(flush), self.MS)

    def test_a_read_with_fua_is_of_durable_data(self):
        self.assertLess(self.milliseconds(self.submit_read()), self.MS)
        self.assertGreaterEqual(self.milliseconds(self.submit_read(FUA)),
                                self.MS)

    def test_a_write_with_fua_succeeds(self):
        """That it reached the disk is what the power-cut test proves."""
        self.milliseconds(self.submit_write(FUA))
        self.milliseconds(self.submit_read())


if __name__ == '__main__':
    unittest.main()
