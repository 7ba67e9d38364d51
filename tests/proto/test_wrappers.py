# SPDX-License-Identifier: BSD-2-Clause
"""Row "wrappers": slow and failing storage, made on purpose."""
import time
import unittest

import wire
from case import TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import CC_ENABLE, Host
from wire import Admin, Prop, Sc, Sqe

MS = 500


class Delay(TargetCase):
    devices = (f'delay:ms={MS}/ramdisk:1M', f'delay:read-ms={MS}/ramdisk:1M',
               f'delay:ms={MS // 2}/delay:ms={MS // 2}/ramdisk:1M')

    def setUp(self):
        self.queue = self.io()

    def milliseconds(self, *commands):
        began = time.monotonic()
        for command in commands:
            self.assert_success(self.queue.wait(command))
        return (time.monotonic() - began) * 1000

    def read(self, nsid=1):
        return self.queue.submit(wire.read(nsid, 0, 1), length=512)

    def write(self, nsid=1, size=512):
        return self.queue.submit(wire.write(nsid, 0, size // 512),
                                 pattern(size // 512))

    def flush(self, nsid=1):
        return self.queue.submit(wire.flush(nsid))

    def test_every_command_takes_its_time(self):
        for act in (self.read, self.write, self.flush):
            self.assertGreaterEqual(self.milliseconds(act()), MS)

    def test_data_is_right_all_the_same(self):
        self.milliseconds(self.write(size=65536))
        self.assertEqual(read_blocks(self.queue, 0, 128).data, pattern(128))

    def test_delays_do_not_add_up_over_commands(self):
        many = [self.read() for _ in range(50)]
        self.assertLess(self.milliseconds(*many), 3 * MS)

    def test_a_verb_may_be_slow_alone(self):
        self.assertLess(self.milliseconds(self.write(2), self.flush(2)), MS)
        self.assertGreaterEqual(self.milliseconds(self.read(2)), MS)

    def test_wrappers_nest(self):
        self.assertGreaterEqual(self.milliseconds(self.read(3)), MS)


class Errors(TargetCase):
    devices = ('error:read=EIO/ramdisk:1M', 'error:write=EIO/ramdisk:1M',
               'error:write=ENOSPC/ramdisk:1M', 'error:flush=EIO/ramdisk:1M',
               'error:all=EIO&rate=0.5/ramdisk:1M',
               'error:read=EIO&after=3&count=2/ramdisk:1M')

    def setUp(self):
        self.queue = self.io()

    def test_read_error(self):
        command = read_blocks(self.queue, 0, 1)
        self.assert_status(command, Sc.UNRECOVERED_READ_ERROR)
        self.assertEqual(command.data, b'')
        self.assert_success(write_blocks(self.queue, 0, pattern(1)))
        self.assert_success(self.queue.run(wire.flush(1)))

    def test_large_read_error(self):
        self.assert_status(read_blocks(self.queue, 0, 2048),
                           Sc.UNRECOVERED_READ_ERROR)

    def test_write_error(self):
        for size in (512, 65536):
            self.assert_status(write_blocks(self.queue, 0, bytes(size),
                                            nsid=2), Sc.WRITE_FAULT)
        self.assert_success(read_blocks(self.queue, 0, 1, nsid=2))

    def test_no_space_is_capacity_exceeded(self):
        self.assert_status(write_blocks(self.queue, 0, bytes(512), nsid=3),
                           Sc.CAPACITY_EXCEEDED)

    def test_flush_error(self):
        self.assert_status(self.queue.run(wire.flush(4)), Sc.WRITE_FAULT,
                           Sc.INTERNAL_ERROR)
        self.assert_success(write_blocks(self.queue, 0, bytes(512), nsid=4))

    def test_rate(self):
        results = [read_blocks(self.queue, 0, 1, nsid=5).cqe.sc
                   for _ in range(100)]
        failed = results.count(Sc.UNRECOVERED_READ_ERROR)
        self.assertEqual(failed + results.count(Sc.SUCCESS), 100)
        self.assertTrue(20 < failed < 80, failed)

    def test_after_and_count(self):
        results = [read_blocks(self.queue, 0, 1, nsid=6).cqe.sc
                   for _ in range(8)]
        bad = Sc.UNRECOVERED_READ_ERROR
        self.assertEqual(results, [0, 0, 0, bad, bad, 0, 0, 0])

    def test_errors_are_counted_as_such_and_not_as_reads_and_writes(self):
        before = self.health()
        self.assert_status(read_blocks(self.queue, 0, 1),
                           Sc.UNRECOVERED_READ_ERROR)
        self.assert_status(write_blocks(self.queue, 0, bytes(512), nsid=2), Sc.WRITE_FAULT)
        # That is no matter of the media.
        self.assert_status(write_blocks(self.queue, 0, bytes(512), nsid=3),
                           Sc.CAPACITY_EXCEEDED)
        after = self.health()
        self.assertEqual(after.host_reads, before.host_reads)
        self.assertEqual(after.host_writes, before.host_writes)
        self.assertEqual(int.from_bytes(after.media_errors, 'little') -
                         int.from_bytes(before.media_errors, 'little'), 2)

    def health(self):
        log = self.queue.controller.get_log(wire.Log.HEALTH, 512)
        return wire.Fields(wire.HEALTH, log.data)


class SlowEnds(TargetCase):
    """What ends while slow commands are in flight."""

    devices = ('delay:ms=1000/ramdisk:1M',)

    def slow(self):
        queue = self.io()
        self.began = time.monotonic()
        command = queue.submit(wire.read(1, 0, 1), length=512)
        time.sleep(0.1)
        return queue, command

    def test_abort_of_a_slow_command_is_answered_at_once(self):
        queue, command = self.slow()
        began = time.monotonic()
        abort = Sqe(Admin.ABORT, cdw10=command.cid << 16 | 1)
        cqe = self.assert_success(queue.controller.admin.run(abort))
        self.assertLess(time.monotonic() - began, 0.8)
        queue.wait(command)
        if cqe.dw0 & 1:
            self.assert_success(command)
        else:
            self.assert_status(command, Sc.ABORTED_BY_REQUEST)

    def test_disconnect_comes_last(self):
        queue, command = self.slow()
        self.assert_success(queue.run(wire.disconnect()))
        self.assertTrue(command.done)

    def test_shutdown_completes_after_the_slow_command(self):
        queue, _ = self.slow()
        controller = queue.controller
        controller.admin.property_set(Prop.CC, CC_ENABLE | 1 << 14)
        controller.wait_csts(0xC, 0x8)
        self.assertGreaterEqual(time.monotonic() - self.began, 1)

    def test_reset_is_done_within_cap_to(self):
        queue, _ = self.slow()
        controller = queue.controller
        limit = (controller.admin.property_get(Prop.CAP, 8) >> 24 & 0xFF) / 2
        began = time.monotonic()
        controller.disable()
        self.assertLess(time.monotonic() - began, limit)
        controller.enable()

    def test_a_host_comes_back_only_after_its_dead_writes(self):
        """Else an old write might land on what it writes by another path."""
        host = Host()
        first = self.io(host=host)
        began = time.monotonic()
        first.submit(wire.write(1, 0, 1), bytes(512))
        time.sleep(0.1)
        first.controller.close()
        self.controller()                   # others are not held up
        self.assertLess(time.monotonic() - began, 1)
        self.controller(host=host)
        self.assertGreaterEqual(time.monotonic() - began, 1)

    def test_a_dead_host_s_command_harms_nobody(self):
        queue, _ = self.slow()
        queue.controller.close()
        other, command = self.slow()
        self.assert_success(other.wait(command))


if __name__ == '__main__':
    unittest.main()
