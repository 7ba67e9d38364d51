# SPDX-License-Identifier: BSD-2-Clause
"""Rows "Compare" and "Verify": reads whose data stays with the target."""
import unittest

import wire
from case import RoomCase, TargetCase, pattern, write_blocks
from wire import FUA, Sc

MIB = 1 << 20
BLOCKS = 200000


def compare(queue, slba, data, flags=0, nsid=1, **how):
    return queue.run(wire.compare(nsid, slba, len(data) // 512, flags), bytes(data), **how)


class Memory(TargetCase):
    devices = (f'ramdisk:{BLOCKS * 512}',)
    digests = {}

    def setUp(self):
        self.queue = self.io(**self.digests)

    def fill(self, slba, blocks):
        data = bytearray(pattern(blocks, seed=slba))
        self.assert_success(write_blocks(self.queue, slba, bytes(data)))
        return data

    def assert_compares(self, blocks, flags=0, **how):
        """The same, and with one byte that differs, anywhere."""
        data = self.fill(7, blocks)
        self.assert_success(compare(self.queue, 7, data, flags, **how))
        for at in (0, len(data) // 2, len(data) - 1):
            data[at] ^= 1
            self.assert_status(compare(self.queue, 7, data, flags, **how),
                               Sc.COMPARE_FAILURE)
            data[at] ^= 1
        self.assert_success(compare(self.queue, 7, data, flags, **how))

    def test_any_size_in_a_capsule_or_fetched(self):
        for blocks in (1, 8, 16, 31, 32):
            for in_capsule in (True, False):
                with self.subTest(blocks=blocks, in_capsule=in_capsule):
                    self.assert_compares(blocks, in_capsule=in_capsule)
        for blocks in (63, 64, 65, 788, 2048):
            for flags in (0, FUA):
                with self.subTest(blocks=blocks, flags=flags):
                    self.assert_compares(blocks, flags)

    def test_limits(self):
        for slba, blocks, *expected in (
                (BLOCKS, 1, Sc.LBA_OUT_OF_RANGE), (BLOCKS - 1, 2, Sc.LBA_OUT_OF_RANGE),
                (0, 2049, Sc.INVALID_FIELD)):
            self.assert_status(compare(self.queue, slba, bytes(blocks * 512)), *expected)
        self.assert_status(compare(self.queue, 0, bytes(512), nsid=2), Sc.INVALID_NAMESPACE)
        self.assert_status(self.queue.run(wire.compare(1, 0, 2), bytes(512)),
                           Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD)
        self.assert_status(self.queue.run(wire.verify(1, BLOCKS - 1, 2)),
                           Sc.LBA_OUT_OF_RANGE)
        self.assert_status(self.queue.run(wire.verify(9, 0, 1)), Sc.INVALID_NAMESPACE)

    def test_verify_reads_up_to_65536_blocks_and_sends_none(self):
        for slba, blocks in ((0, 1), (3, 129), (5, 4096), (BLOCKS - 65536, 65536)):
            for flags in (0, FUA):
                command = self.queue.run(wire.verify(1, slba, blocks, flags))
                self.assert_success(command)
                self.assertEqual(command.data, b'')

    def test_many_at_once(self):
        data = bytes(self.fill(0, 2048))
        commands = [self.queue.submit(wire.verify(1, 0, 65536)) if i % 2 else
                    self.queue.submit(wire.compare(1, 0, 2048), data) for i in range(100)]
        for command in commands:
            self.assert_success(self.queue.wait(command))

    def test_a_compare_counts_as_a_read_command_and_a_verify_does_not(self):
        def reads():
            log = self.queue.controller.admin.run(
                wire.get_log_page(wire.Log.HEALTH, 128), length=512)
            health = wire.Fields(wire.HEALTH, log.data)
            return wire.u128(health.host_reads)

        data = self.fill(0, 8)
        before = reads()
        self.assert_success(compare(self.queue, 0, data))
        self.assert_success(self.queue.run(wire.verify(1, 0, 1)))
        self.assertEqual(reads(), before + 1)

    def test_identify_tells_of_them(self):
        self.assertEqual(self.queue.controller.identify_controller().oncs & 0x81, 0x81)


class WithDigests(Memory):
    digests = {'hdgst': True, 'ddgst': True}
    args = ('-g', '-G')


class LittleMemory(Memory):
    """Less than all of them ask for at once."""
    args = ('--buffers', '4M')


class Files(RoomCase):

    def setUp(self):
        super().setUp()
        self.path = self.room.file('disk', 4 * MIB)

    def open(self, wrapper=''):
        target = self.serve(f'{wrapper}{self.path}?bs=512').start()
        self.addCleanup(target.stop)
        self.queue, = self.controller(target).io_queues(1)

    def test_a_file(self):
        self.open()
        data = bytearray(pattern(2048))
        self.assertEqual(write_blocks(self.queue, 8, bytes(data)).cqe.sc, 0)
        for flags in (0, FUA):
            self.assertEqual(compare(self.queue, 8, data, flags).cqe.sc, 0)
            self.assertEqual(self.queue.run(wire.verify(1, 0, 8192, flags)).cqe.sc, 0)
        data[-1] ^= 1
        self.assertEqual(compare(self.queue, 8, data).cqe.sc, Sc.COMPARE_FAILURE)

    def test_what_can_not_be_read(self):
        self.open('error:read=EIO&offset=1048576&length=512/')
        self.assertEqual(self.queue.run(wire.verify(1, 0, 2048)).cqe.sc, 0)
        self.assertEqual(self.queue.run(wire.verify(1, 0, 2049)).cqe.sc,
                         Sc.UNRECOVERED_READ_ERROR)
        self.assertEqual(compare(self.queue, 2000, bytes(100 * 512)).cqe.sc,
                         Sc.UNRECOVERED_READ_ERROR)


if __name__ == '__main__':
    unittest.main()
