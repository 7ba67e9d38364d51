# SPDX-License-Identifier: BSD-2-Clause
"""Row "health": the counters are exact, and 128 bits wide."""
import unittest

import wire
from case import FreshTargetCase, read_blocks, write_blocks
from wire import Log, Sc, u128


class HealthCase(FreshTargetCase):

    def setUp(self):
        super().setUp()
        self.queue = self.io()

    def health(self, **how):
        command = self.queue.controller.get_log(Log.HEALTH, 512, **how)
        self.assert_success(command)
        return wire.Fields(wire.HEALTH, command.data)

    def counts(self):
        """(reads, units read, writes, units written)."""
        log = self.health()
        return tuple(map(u128, (log.host_reads, log.data_units_read,
                                log.host_writes, log.data_units_written)))


class Counters(HealthCase):

    def test_start_at_zero(self):
        self.assertEqual(self.counts(), (0, 0, 0, 0))

    def test_a_single_block_is_one_unit_rounded_up(self):
        self.assert_success(read_blocks(self.queue, 0, 1))
        self.assertEqual(self.counts(), (1, 1, 0, 0))
        self.assert_success(write_blocks(self.queue, 0, bytes(512)))
        self.assertEqual(self.counts(), (1, 1, 1, 1))

    def test_thousands_of_512_bytes_rounded_up_over_the_sum(self):
        for _ in range(5):
            self.assert_success(read_blocks(self.queue, 0, 200))
        self.assertEqual(self.counts(), (5, 1, 0, 0))
        self.assert_success(read_blocks(self.queue, 0, 1))
        self.assertEqual(self.counts(), (6, 2, 0, 0))
        for _ in range(3):
            self.assert_success(write_blocks(self.queue, 0, bytes(1 << 20)))
        self.assertEqual(self.counts(), (6, 2, 3, 7))   # 6,144 blocks

    def test_every_queue_and_every_host_counts(self):
        other = self.io()
        for _ in range(10):
            self.assert_success(read_blocks(self.queue, 0, 8))
            self.assert_success(read_blocks(other, 0, 8))
        self.assertEqual(self.counts()[0], 20)

    def test_what_ended_is_still_counted(self):
        other = self.io()
        for _ in range(7):
            self.assert_success(write_blocks(other, 0, bytes(512)))
        other.controller.close()
        self.assertEqual(self.counts(), (0, 0, 7, 1))

    def test_failed_commands_and_flushes_do_not_count(self):
        self.assert_status(read_blocks(self.queue, 1 << 40, 1),
                           Sc.LBA_OUT_OF_RANGE)
        self.assert_status(write_blocks(self.queue, 0, bytes(512), nsid=9),
                           Sc.INVALID_NAMESPACE)
        self.assert_success(self.queue.run(wire.flush(1)))
        self.assertEqual(self.counts(), (0, 0, 0, 0))

    def test_a_copy_reads_and_writes_but_no_units_are_read(self):
        self.assert_success(self.queue.run(wire.copy(1, 5000, 2),
                                           wire.copy_ranges((0, 1500), (2000, 501))))
        self.assert_status(self.queue.run(wire.copy(1, 1 << 40, 1), wire.copy_ranges((0, 8))),
                           Sc.LBA_OUT_OF_RANGE)
        self.assertEqual(self.counts(), (1, 0, 1, 3))

    def test_a_compare_is_a_read_command_and_a_verify_reads_units_alone(self):
        self.assert_success(self.queue.run(wire.compare(1, 0, 8), bytes(4096)))
        self.assertEqual(self.counts(), (1, 1, 0, 0))
        self.assert_success(self.queue.run(wire.verify(1, 0, 2000)))
        self.assertEqual(self.counts(), (1, 3, 0, 0))

    def test_one_power_cycle_and_nothing_to_worry_about(self):
        log = self.health()
        self.assertEqual(u128(log.power_cycles), 1)
        self.assertEqual(u128(log.power_on_hours), 0)
        self.assertEqual(log.critical_warning, 0)
        self.assertEqual(u128(log.media_errors), 0)
        self.assertGreater(log.available_spare, log.spare_threshold)


class Blocks4096(HealthCase):
    devices = ('ramdisk:16M?bs=4096',)

    def test_units_are_of_512_bytes_whatever_the_block(self):
        for _ in range(125):
            self.assert_success(read_blocks(self.queue, 0, 1, size=4096))
        self.assertEqual(self.counts()[:2], (125, 1))
        self.assert_success(read_blocks(self.queue, 0, 1, size=4096))
        self.assertEqual(self.counts()[:2], (126, 2))


if __name__ == '__main__':
    unittest.main()
