# SPDX-License-Identifier: BSD-2-Clause
"""Rows "Write Zeroes" and "Dataset Management": zeros, and space given back."""
import os
import unittest

import daemon
import wire
from case import RoomCase, TargetCase, pattern, read_blocks, write_blocks
from wire import DEAC, FUA, Sc

MIB = 1 << 20
BLOCKS = 200000         # of 512 bytes: more than one command's 65536


class Zeros(TargetCase):
    devices = (f'ramdisk:{BLOCKS * 512}',)

    def setUp(self):
        self.queue = self.io()

    def zero(self, slba, blocks, flags=0, nsid=1):
        return self.queue.run(wire.write_zeroes(nsid, slba, blocks, flags))

    def manage(self, *ranges, attributes=wire.DSM_DEALLOCATE, nsid=1, **how):
        return self.queue.run(wire.manage(nsid, len(ranges), attributes),
                              wire.dsm_ranges(*ranges), **how)

    def assert_blocks(self, slba, data):
        for at in range(0, len(data), MIB):
            piece = data[at:at + MIB]
            got = read_blocks(self.queue, slba + at // 512, len(piece) // 512)
            self.assertEqual(bytes(got.data), bytes(piece))

    def fill(self, slba, blocks):
        data = pattern(blocks, seed=slba)
        for at in range(0, len(data), MIB):
            self.assert_success(write_blocks(self.queue, slba + at // 512,
                                             data[at:at + MIB]))
        return bytearray(data)

    def assert_zeroed(self, run, slba, blocks):
        """Those blocks and none beside them."""
        first = max(slba - 16, 0)
        expected = self.fill(first, blocks + 32)
        self.assert_success(run(slba, blocks))
        expected[(slba - first) * 512:(slba - first + blocks) * 512] = bytes(blocks * 512)
        self.assert_blocks(first, expected)

    def test_write_zeroes_at_any_size_and_place(self):
        for slba, blocks in ((0, 1), (17, 1), (3, 8), (40, 8), (41, 4096), (100, 65536)):
            for flags in (0, DEAC, FUA, DEAC | FUA):
                with self.subTest(slba=slba, blocks=blocks, flags=hex(flags)):
                    self.assert_zeroed(lambda a, b: self.zero(a, b, flags), slba, blocks)

    def test_deallocated_ranges_read_as_zeros(self):
        for slba, blocks in ((0, 1), (17, 1), (3, 8), (40, 8), (41, 4096), (100, 70000)):
            with self.subTest(slba=slba, blocks=blocks):
                self.assert_zeroed(lambda a, b: self.manage((a, b)), slba, blocks)

    def test_256_ranges_in_a_capsule_or_fetched(self):
        for in_capsule in (True, False):
            expected = self.fill(1000, 1024)
            ranges = [(1000 + 4 * i, 2) for i in range(256)]
            self.assert_success(self.manage(*ranges, in_capsule=in_capsule))
            for i in range(256):
                expected[4 * i * 512:(4 * i + 2) * 512] = bytes(1024)
            self.assert_blocks(1000, expected)

    def test_room_for_more_ranges_than_there_are(self):
        """As Linux sends it; but not for fewer, or for more than there can be."""
        self.fill(0, 16)
        for size, *expected in ((4096, Sc.SUCCESS), (32, Sc.SUCCESS),
                                (16, Sc.DATA_SGL_LENGTH), (4112, Sc.DATA_SGL_LENGTH)):
            for in_capsule in (True, False):
                data = wire.dsm_ranges((0, 8), (8, 8)).ljust(size, b'\xff')[:size]
                got = self.queue.run(wire.manage(1, 2), data, in_capsule=in_capsule)
                self.assert_status(got, *expected)
        self.assert_blocks(0, bytes(16 * 512))

    def test_empty_ranges(self):
        expected = self.fill(0, 32)
        self.assert_success(self.manage((0, 0), (8, 8), (5, 0), (BLOCKS, 0), (24, 8), (1, 0)))
        expected[8 * 512:16 * 512] = expected[24 * 512:] = bytes(4096)
        self.assert_blocks(0, expected)
        self.assert_success(self.manage((0, 0)))

    def test_hints_change_nothing(self):
        expected = self.fill(0, 32)
        for attributes in (0, 1, 2, 3):
            self.assert_success(self.manage((0, 32), attributes=attributes))
        self.assert_blocks(0, expected)

    def test_out_of_range(self):
        expected = self.fill(BLOCKS - 64, 64)
        for slba, blocks in ((BLOCKS, 1), (BLOCKS - 1, 2), (1 << 55, 1), ((1 << 64) - 1, 2)):
            self.assert_status(self.zero(slba, blocks), Sc.LBA_OUT_OF_RANGE)
            self.assert_status(self.manage((BLOCKS - 64, 8), (slba, blocks)),
                               Sc.LBA_OUT_OF_RANGE)
        self.assert_status(self.manage((BLOCKS - 64, 0xFFFFFFFF)), Sc.LBA_OUT_OF_RANGE)
        self.assert_status(self.manage((BLOCKS + 1, 0)), Sc.LBA_OUT_OF_RANGE)
        self.assert_blocks(BLOCKS - 64, expected)
        self.assert_success(self.zero(BLOCKS - 1, 1))
        self.assert_success(self.manage((BLOCKS - 1, 1)))

    def test_unknown_namespaces(self):
        for nsid in (0, 2, 0xFFFFFFFF):
            self.assert_status(self.zero(0, 1, nsid=nsid), Sc.INVALID_NAMESPACE)
            self.assert_status(self.manage((0, 1), nsid=nsid), Sc.INVALID_NAMESPACE)

    def test_many_at_once_and_a_read_between_them(self):
        self.fill(0, 64)
        commands = [self.queue.submit(wire.write_zeroes(1, 64 * i, 65536, DEAC))
                    for i in range(100)]
        read = self.queue.submit(wire.read(1, BLOCKS - 8, 8), length=4096)
        for command in reversed([*commands, read]):
            self.assert_success(self.queue.wait(command))
        self.assert_blocks(0, bytes(64 * 512))

    def test_they_are_no_data_of_the_host(self):
        def units():
            log = self.queue.controller.admin.run(
                wire.get_log_page(wire.Log.HEALTH, 128), length=512)
            return bytes(log.data[32:96])

        before = units()
        self.assert_success(self.zero(0, 65536))
        self.assert_success(self.manage((0, 65536)))
        self.assertEqual(units(), before)

    def test_identify_tells_of_them(self):
        self.assertEqual(self.queue.controller.identify_controller().oncs & 0xC, 0xC)
        data = self.queue.controller.identify_namespace(1)
        self.assertEqual(data.dlfeat, 0x09)
        self.assertEqual(data.nsfeat & 0x10, 0x10)
        self.assertEqual((data.npwg, data.npwa, data.npdg, data.npda, data.nows),
                         (7, 7, 7, 7, 7))


class ReadOnly(TargetCase):
    devices = ('ramdisk:1M?ro',)

    def test_it_stays_as_it_is(self):
        queue = self.io()
        for sqe, out in ((wire.write_zeroes(1, 0, 1), b''),
                         (wire.manage(1, 1), wire.dsm_ranges((0, 1)))):
            self.assert_status(queue.run(sqe, out), Sc.WRITE_PROTECTED)
        self.assert_success(queue.run(wire.manage(1, 1, 1), wire.dsm_ranges((0, 1))))


class Files(RoomCase):
    """The space of a file comes and goes."""

    def serve_file(self, how='', wrapper='', engine='auto'):
        self.path = self.room.file(f'disk-{engine}', 16 * MIB)
        target = self.serve(f'{wrapper}{self.path}?bs=512{how}',
                            args=('--engine', engine)).start()
        self.addCleanup(target.stop)
        self.queue, = self.controller(target).io_queues(1)

    def run_one(self, sqe, out=b''):
        cqe = self.queue.run(sqe, out).cqe
        self.assertEqual(cqe.sc, Sc.SUCCESS, cqe)

    def space(self):
        return os.stat(self.path).st_blocks * 512

    def fill(self):
        for at in range(16):
            self.assertEqual(write_blocks(self.queue, at * 2048, b'\x5a' * MIB).cqe.sc, 0)

    def content(self):
        with open(self.path, 'rb') as f:
            return f.read()

    def has_punch(self):
        """Whether the filesystem of the test gives anything back."""
        self.fill()
        self.run_one(wire.manage(1, 1), wire.dsm_ranges((0, 2048)))
        self.run_one(wire.flush(1))
        return self.space() < 16 * MIB

    def test_space_is_given_back_and_kept(self):
        for engine in ('auto', 'threads'):
            with self.subTest(engine=engine):
                self.serve_file(engine=engine)
                if not self.has_punch():
                    self.skipTest('this filesystem gives nothing back')
                self.run_one(wire.manage(1, 2), wire.dsm_ranges((2048, 4096), (16384, 16384)))
                self.assertLessEqual(self.space(), 5 * MIB + 65536)
                expected = bytearray(b'\x5a' * 16 * MIB)
                expected[:3 * MIB] = bytes(3 * MIB)
                expected[8 * MIB:] = bytes(8 * MIB)
                self.assertEqual(self.content(), expected)
                self.fill()
                self.run_one(wire.flush(1))
                before = self.space()
                self.run_one(wire.write_zeroes(1, 8, 8192))
                self.run_one(wire.flush(1))
                self.assertLessEqual(abs(self.space() - before), 65536)
                self.run_one(wire.write_zeroes(1, 8, 8192, DEAC))
                self.assertLess(self.space(), before - 3 * MIB)
                expected = bytearray(b'\x5a' * 16 * MIB)
                expected[4096:4096 + 4 * MIB] = bytes(4 * MIB)
                self.assertEqual(self.content(), expected)

    def test_storage_that_knows_no_zeros(self):
        """Zeros that nobody makes are written; what is not given back is left alone."""
        self.serve_file(wrapper='error:zero=EOPNOTSUPP/')
        self.fill()
        self.run_one(wire.write_zeroes(1, 5, 8192, DEAC | FUA))
        self.run_one(wire.manage(1, 1), wire.dsm_ranges((16384, 8)))
        expected = bytearray(b'\x5a' * 16 * MIB)
        expected[5 * 512:8197 * 512] = bytes(8192 * 512)
        self.assertEqual(self.content(), expected)

    def test_storage_that_fails(self):
        self.serve_file(wrapper='error:zero=ENOSPC/')
        for sqe, out in ((wire.write_zeroes(1, 0, 8), b''),
                         (wire.manage(1, 1), wire.dsm_ranges((0, 1)))):
            self.assertEqual(self.queue.run(sqe, out).cqe.sc, Sc.CAPACITY_EXCEEDED)

    def test_a_reset_does_not_wait_for_all_of_it(self):
        """30 commands of 8192 pieces each, of which each takes a while."""
        target = daemon.Daemon('delay:zero-ms=20/ramdisk:16G?bs=4096', room=self.room).start()
        self.addCleanup(target.stop)
        controller = self.controller(target)
        queue, = controller.io_queues(1)
        ranges = wire.dsm_ranges((0, 4 << 20))
        for _ in range(30):
            queue.submit(wire.manage(1, 1), ranges)
        controller.admin.property_set(wire.Prop.CC, 0x00460000)
        controller.wait_csts(1, 0)


if __name__ == '__main__':
    unittest.main()
