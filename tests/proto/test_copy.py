# SPDX-License-Identifier: BSD-2-Clause
"""Row "Copy": blocks that go from one place to another and never to the host."""
import time
import unittest

import daemon
import wire
from case import FreshTargetCase, RoomCase, TargetCase, pattern, read_blocks, write_blocks
from rpc import Caller
from wire import FUA, Feature, Sc

BLOCKS = 262144         # of 512 bytes: 128 MiB
PIECE = 2048            # what one Read or Write may have
RANGES = 128


def copy(queue, target, *ranges, form=0, flags=0, nsid=1, **how):
    return queue.run(wire.copy(nsid, target, len(ranges), form, flags),
                     wire.copy_ranges(*ranges), **how)


def allow_format_2(controller):
    given = b'\0\0\0\0\4\0'.ljust(512, b'\0')
    return controller.admin.run(wire.set_features(Feature.HOST_BEHAVIOR, 0), given)


class CopyCase(TargetCase):

    def setUp(self):
        super().setUp()
        self.queue = self.io()

    def put(self, slba, data, nsid=1, size=512):
        for at in range(0, len(data), PIECE * 512):
            self.assert_success(write_blocks(self.queue, slba + at // size,
                                             data[at:at + PIECE * 512], nsid, size))

    def content(self, slba, blocks, nsid=1, size=512):
        most = PIECE * 512 // size
        return b''.join(bytes(read_blocks(self.queue, slba + at, min(most, blocks - at), nsid,
                                          size).data) for at in range(0, blocks, most))

    def assert_refused(self, expected, target, *ranges, dnr=True, dw0=0, **how):
        """... and nothing is written there."""
        got = copy(self.queue, target, *ranges, **how)
        self.assert_status(got, *expected if isinstance(expected, tuple) else (expected,), dnr=dnr)
        self.assertEqual(got.cqe.dw0, dw0)


class Memory(CopyCase):
    devices = (f'ramdisk:{BLOCKS * 512}',)

    def test_one_range_of_any_size_in_a_capsule_or_fetched(self):
        for blocks in (1, 7, 55, 56, 57, 64, 1000, 65535):
            data = pattern(blocks, seed=blocks)
            self.put(11, data)
            for in_capsule in (True, False):
                for flags in (0, FUA):
                    with self.subTest(blocks=blocks, in_capsule=in_capsule, flags=flags):
                        self.put(99999, bytes((blocks + 2) * 512))
                        got = copy(self.queue, 100000, (11, blocks), flags=flags,
                                   in_capsule=in_capsule)
                        self.assertEqual(self.assert_success(got).dw0, 0)
                        self.assertEqual(self.content(99999, blocks + 2),
                                         bytes(512) + data + bytes(512))

    def test_128_ranges_one_behind_the_other(self):
        data = pattern(8 * RANGES)
        self.put(0, data)
        ranges = [((37 * n) % RANGES * 8, n % 8 + 1) for n in range(RANGES)]
        expected = b''.join(data[slba * 512:(slba + blocks) * 512] for slba, blocks in ranges)
        for in_capsule in (True, False):
            self.put(5000, bytes(len(expected)))
            self.assert_success(copy(self.queue, 5000, *ranges, in_capsule=in_capsule))
            self.assertEqual(self.content(5000, len(expected) // 512), expected)

    def test_ranges_may_be_the_same(self):
        data = pattern(3)
        self.put(0, data)
        self.assert_success(copy(self.queue, 100, (0, 3), (0, 3), (1, 2)))
        self.assertEqual(self.content(100, 8), data + data + data[512:])

    def test_identify_tells_what_goes(self):
        controller = self.queue.controller
        self.assertEqual(controller.identify_controller().oncs & 0x100, 0x100)
        self.assertEqual(controller.identify_controller().cdfs, 5)
        data = controller.identify_namespace(1)
        self.assertEqual((data.mssrl, data.mcl, data.msrc), (65535, 131072, RANGES - 1))

    def test_more_than_identify_says_is_refused(self):
        before = pattern(16)
        self.put(200000, before)
        self.assert_refused(Sc.COMMAND_SIZE_LIMIT, 200000, (0, 65536))
        self.assert_refused(Sc.COMMAND_SIZE_LIMIT, 131073, (0, 65535), (0, 65535), (0, 3))
        self.assert_refused(Sc.COMMAND_SIZE_LIMIT, 200000, *[(0, 1)] * (RANGES + 1),
                            in_capsule=False)
        self.assertEqual(self.content(200000, 16), before)
        self.assert_success(copy(self.queue, 131072, (0, 65535), (0, 65535), (0, 2)))

    def test_what_is_out_of_range_stops_all_of_it(self):
        before = pattern(16)
        self.put(1000, before)
        for slba, blocks in ((BLOCKS, 1), (BLOCKS - 1, 2), (1 << 55, 1), ((1 << 64) - 1, 2)):
            self.assert_refused(Sc.LBA_OUT_OF_RANGE, 1000, (0, 8), (slba, blocks))
            self.assert_refused(Sc.LBA_OUT_OF_RANGE, slba, (0, blocks))
        self.assertEqual(self.content(1000, 16), before)
        self.assert_success(copy(self.queue, BLOCKS - 1, (0, 1)))

    def test_source_and_destination_do_not_overlap(self):
        before = pattern(64)
        self.put(1000, before)
        for target, *ranges in ((1000, (1000, 1)), (1007, (1000, 8)), (1000, (1007, 8), (0, 8)),
                                (1000, (0, 8), (1008, 1)), (1000, (990, 30)), (1010, (1000, 30))):
            self.assert_refused(Sc.OVERLAPPING_RANGE, target, *ranges)
        self.assertEqual(self.content(1000, 64), before)
        self.assert_success(copy(self.queue, 1008, (1000, 8)))
        self.assert_success(copy(self.queue, 1000, (1008, 8)))

    def test_formats_that_there_are_not(self):
        for form in (1, 2, 3, 4, 15):       # the second is not enabled
            self.assert_refused(Sc.INVALID_FIELD, 100, (0, 1, 1), form=form)
        self.assert_success(allow_format_2(self.queue.controller))
        for form in (1, 3, 4, 15):
            self.assert_refused(Sc.INVALID_FIELD, 100, (0, 1, 1), form=form)
        self.assert_success(copy(self.queue, 100, (0, 1, 1), form=2))
        self.queue.controller.disable()
        self.queue.controller.enable()
        self.queue, = self.queue.controller.io_queues(1)
        self.assert_refused(Sc.INVALID_FIELD, 100, (0, 1, 1), form=2)

    def test_the_data_is_as_long_as_the_ranges(self):
        for size in (0, 32, 63, 65, 96, 4096):
            data = wire.copy_ranges((0, 1), (2, 1)).ljust(size, b'\0')[:size]
            for in_capsule in (True, False):
                got = self.queue.run(wire.copy(1, 100, 2), data, in_capsule=in_capsule)
                self.assert_status(got, Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD)

    def test_unknown_namespaces(self):
        for nsid in (0, 2, 0xFFFFFFFF):
            self.assert_refused(Sc.INVALID_NAMESPACE, 100, (0, 1), nsid=nsid)

    def test_many_at_once(self):
        data = pattern(1000)
        self.put(0, data)
        commands = [self.queue.submit(wire.copy(1, 2000 * n, 1), wire.copy_ranges((0, 1000)))
                    for n in range(1, 100)]
        for command in reversed(commands):
            self.assert_success(self.queue.wait(command))
        for n in (1, 50, 99):
            self.assertEqual(self.content(2000 * n, 1000), data)

    def test_copies_do_not_hold_memory(self):
        """In their sum far more than a pool has."""
        for turn in range(40):
            commands = [self.queue.submit(wire.copy(1, 100000, 1), wire.copy_ranges((0, 1)),
                                          in_capsule=bool(turn % 2)) for _ in range(100)]
            for command in commands:
                self.assert_success(self.queue.wait(command))


class Namespaces(CopyCase):
    """Format 2."""

    devices = ('ramdisk:4M?nsid=1', 'ramdisk:4M?nsid=2', 'ramdisk:4M?nsid=3&ro',
               'ramdisk:4M?nsid=4&bs=4096', 'error:read=EIO/ramdisk:4M?nsid=5&bs=512')

    def setUp(self):
        super().setUp()
        self.assert_success(allow_format_2(self.queue.controller))

    def test_ranges_of_several_namespaces(self):
        one, two = pattern(100, seed=1), pattern(100, seed=2)
        self.put(0, one, nsid=1)
        self.put(0, two, nsid=2)
        got = copy(self.queue, 500, (0, 60, 2), (5, 3, 1), (0, 8, 3), (99, 1, 2), form=2)
        self.assert_success(got)
        self.assertEqual(self.content(500, 72),
                         two[:60 * 512] + one[5 * 512:8 * 512] + bytes(8 * 512) + two[99 * 512:])

    def test_the_same_blocks_of_another_namespace_do_not_overlap(self):
        two = pattern(8, seed=3)
        self.put(10, two, nsid=2)
        self.assert_success(copy(self.queue, 10, (10, 8, 2), form=2))
        self.assertEqual(self.content(10, 8), two)
        self.assert_refused(Sc.OVERLAPPING_RANGE, 10, (10, 8, 2), (17, 1, 1), form=2)

    def test_namespaces_that_do_not_go_together(self):
        for nsid, status in ((0, Sc.INVALID_NAMESPACE), (9, Sc.INVALID_NAMESPACE),
                             (0xFFFFFFFF, Sc.INVALID_NAMESPACE), (4, Sc.INCOMPATIBLE_NAMESPACE)):
            self.assert_refused(status, 100, (0, 1, 1), (0, 1, nsid), form=2)

    def test_where_nothing_can_be_written(self):
        self.assert_refused(Sc.WRITE_PROTECTED, 100, (0, 1, 1), form=2, nsid=3)
        self.assert_refused(Sc.WRITE_PROTECTED, 100, (0, 1), nsid=3)

    def test_the_first_range_that_failed_is_told(self):
        data = pattern(8, seed=9)
        self.put(0, data)
        self.put(1000, bytes(16 * 512))
        self.assert_refused(Sc.UNRECOVERED_READ_ERROR, 1000, (0, 8, 1), (0, 4, 5), (0, 4, 1),
                            form=2, dw0=1, dnr=None)
        self.assertEqual(self.content(1000, 16), data + bytes(8 * 512))


class Files(RoomCase):

    def test_files_of_each_engine(self):
        for engine in ('auto', 'threads'):
            for wrapper in ('', 'delay:ms=1/'):
                with self.subTest(engine=engine, wrapper=wrapper):
                    data = pattern(4000)
                    path = self.room.file(f'{engine}{len(wrapper)}', content=data.ljust(4 << 20,
                                                                                      b'\0'))
                    with self.serve(f'{wrapper}{path}?bs=512', args=('--engine', engine)) as target:
                        queue, = self.controller(target).io_queues(1)
                        got = copy(queue, 4001, (1000, 3000), (0, 1000), flags=FUA)
                        self.assertEqual(got.cqe.sc, Sc.SUCCESS)
                    with open(path, 'rb') as f:
                        got = f.read()
                    self.assertEqual(got[4001 * 512:8001 * 512],
                                     data[1000 * 512:] + data[:1000 * 512])
                    self.assertEqual(got[:4001 * 512], data + bytes(512))


class Amid(FreshTargetCase):
    """What happens while a copy of 64 MiB goes on, in some thousand slow pieces."""

    devices = ('delay:ms=20/ramdisk:128M?nsid=1', 'delay:ms=20/ramdisk:64M?nsid=2')
    args = ('--rpc-socket', 'rpc')

    def setUp(self):
        super().setUp()
        self.queue = self.io()
        self.assert_success(allow_format_2(self.queue.controller))
        self.copies = [self.queue.submit(wire.copy(1, 0, 2, 2),
                                         wire.copy_ranges((0, 30000, 2), (0, 30000, 2)))
                       for _ in range(30)]
        self.assert_success(self.queue.run(wire.flush(1)))

    def call(self, method, **params):
        with Caller(self.target.room.path / 'rpc') as caller:
            return caller.call(method, **params)

    def test_the_source_is_taken_away(self):
        self.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=2)
        for command in self.copies:
            got = self.queue.wait(command, 30 * daemon.SLOWNESS)
            self.assert_status(got, Sc.INVALID_NAMESPACE)

    def test_the_destination_is_taken_away(self):
        self.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=1)
        for command in self.copies:
            got = self.queue.wait(command, 30 * daemon.SLOWNESS)
            self.assert_status(got, Sc.INVALID_NAMESPACE)

    def test_the_host_leaves_and_another_comes(self):
        self.queue.controller.close()
        self.queue = self.io()
        self.assert_success(read_blocks(self.queue, 0, 1))

    def test_the_queue_is_disconnected(self):
        began = time.monotonic()
        self.queue.controller.disable()
        self.assertLess(time.monotonic() - began, 20 * daemon.SLOWNESS)
        self.queue.controller.enable()
        self.queue, = self.queue.controller.io_queues(1)
        self.assert_success(read_blocks(self.queue, 0, 1))

    def test_another_connection_does_not_wait(self):
        other = self.io()
        self.assert_success(read_blocks(other, 0, 8))


class AmidFailure(FreshTargetCase):
    devices = ('ramdisk:1M?nsid=1', 'delay:ms=200/error:read=EIO/ramdisk:1M?nsid=2')
    args = ('--rpc-socket', 'rpc')

    def test_the_source_is_taken_away_while_it_fails(self):
        """Its record is there until the last of them has been told of it."""
        queue = self.io()
        self.assert_success(allow_format_2(queue.controller))
        copies = [queue.submit(wire.copy(1, 0, 1, 2), wire.copy_ranges((5, 9, 2)))
                  for _ in range(3)]
        self.assert_success(queue.run(wire.flush(1)))
        with Caller(self.target.room.path / 'rpc') as caller:
            caller.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=2)
        for command in copies:
            self.assert_status(queue.wait(command), Sc.UNRECOVERED_READ_ERROR)
        self.assertIn('namespace 2: Copy of', self.target.log())
        with Caller(self.target.room.path / 'rpc') as caller:       # and now it goes
            self.assertEqual(len(caller.call('nvmf_get_subsystems')[-1]['namespaces']), 1)
        self.assert_success(read_blocks(queue, 0, 1))


if __name__ == '__main__':
    unittest.main()
