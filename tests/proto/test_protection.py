# SPDX-License-Identifier: BSD-2-Clause
"""Row "protection": feature 84h, by which a host protects a namespace for all hosts."""
import struct
import unittest

import wire
from case import FreshTargetCase, RoomCase, pattern, read_blocks, write_blocks
from rpc import Caller
from test_fused import submit_pair
from wire import Admin, Cns, Feature, Log, Sc, Select, Sqe

ALL = 0xFFFFFFFF
NONE, PROTECTED = 0, 1
CHANGED = 0x04 << 16 | 0x02
BEFORE = pattern(8)


class ProtectionCase(FreshTargetCase):
    devices = ('ramdisk:1M?nsid=1', 'ramdisk:1M?nsid=2', 'ramdisk:1M?nsid=3&ro')
    args = ('--rpc-socket', 'rpc')

    def setUp(self):
        super().setUp()
        self.queue = self.io()
        self.ctrl = self.queue.controller

    def set(self, state, nsid=1):
        return self.ctrl.admin.run(wire.set_features(Feature.WRITE_PROTECTION, state, nsid=nsid))

    def get(self, nsid=1, ctrl=None, **how):
        command = (ctrl or self.ctrl).admin.run(
            wire.get_features(Feature.WRITE_PROTECTION, nsid=nsid, **how))
        return self.assert_success(command).dw0

    def call(self, method, **params):
        with Caller(self.target.room.path / 'rpc') as caller:
            return caller.call(method, **params)


class Protection(ProtectionCase):

    def test_what_would_change_it_is_refused_and_the_rest_is_not(self):
        self.assert_success(write_blocks(self.queue, 0, BEFORE))
        self.assert_success(self.set(PROTECTED))
        self.assertEqual(self.get(), PROTECTED)
        for sqe, data in ((wire.write(1, 0, 8), bytes(4096)), (wire.write_zeroes(1, 0, 8), b''),
                          (wire.manage(1, 1), wire.dsm_ranges((0, 8)))):
            self.assert_status(self.queue.run(sqe, data), Sc.WRITE_PROTECTED, dnr=True)
        for sqe, data in ((wire.compare(1, 0, 8), BEFORE), (wire.verify(1, 0, 8), b''),
                          (wire.flush(1), b'')):
            self.assert_success(self.queue.run(sqe, data))
        self.assertEqual(bytes(read_blocks(self.queue, 0, 8).data), BEFORE)

    def test_neither_a_fused_pair_nor_a_copy_writes_it(self):
        self.assert_success(write_blocks(self.queue, 0, BEFORE))
        self.assert_success(self.set(PROTECTED))
        pair = submit_pair(self.queue, 0, BEFORE[:512], bytes(512))
        self.assertEqual([command.cqe.sc for command in self.queue.wait_all(pair)],
                         [Sc.FAILED_FUSED, Sc.WRITE_PROTECTED])
        self.assert_status(self.queue.run(wire.copy(1, 16, 1), wire.copy_ranges((0, 1))), Sc.WRITE_PROTECTED, dnr=True)
        self.assertEqual(bytes(read_blocks(self.queue, 0, 8).data), BEFORE)

    def test_the_data_of_a_refused_write_is_not_asked_for(self):
        self.assert_success(self.set(PROTECTED))
        command = write_blocks(self.queue, 0, bytes(65536), in_capsule=False)
        self.assert_status(command, Sc.WRITE_PROTECTED)
        self.assertEqual(command.granted, 0)

    def asked(self, blocks=64):
        """A write whose data has been asked for, and waits."""
        command = self.queue.submit(wire.write(1, 0, blocks), bytes(blocks * 512), in_capsule=False)
        while not command.r2ts:
            self.queue.step()
        return command

    def test_data_that_comes_late_is_not_written(self):
        self.assert_success(write_blocks(self.queue, 0, BEFORE))
        self.queue.hold_r2t = True
        command = self.asked()
        self.assert_success(self.set(PROTECTED))
        self.queue.answer_r2t(command)
        self.assert_status(self.queue.wait(command), Sc.WRITE_PROTECTED, dnr=True)
        self.assertEqual(bytes(read_blocks(self.queue, 0, 8).data), BEFORE)

    def test_a_pair_whose_data_comes_late_does_not_write(self):
        self.assert_success(write_blocks(self.queue, 0, BEFORE))
        self.queue.hold_r2t = True
        first, second = submit_pair(self.queue, 0, BEFORE[:512], bytes(512), (True, False))
        while not second.r2ts:
            self.queue.step()
        self.assert_success(self.set(PROTECTED))
        self.queue.answer_r2t(second)
        self.queue.wait_all([first, second])
        self.assert_status(first, Sc.FAILED_FUSED)
        self.assert_status(second, Sc.WRITE_PROTECTED)
        self.assertEqual(bytes(read_blocks(self.queue, 0, 8).data), BEFORE)

    def test_it_can_be_written_again_afterwards(self):
        self.assert_success(self.set(PROTECTED))
        self.assert_success(self.set(NONE))
        self.assertEqual(self.get(), NONE)
        self.assert_success(write_blocks(self.queue, 0, BEFORE))

    def test_every_host_is_concerned_and_no_other_namespace(self):
        other = self.io()
        self.assert_success(self.set(PROTECTED))
        self.assert_status(write_blocks(other, 0, BEFORE), Sc.WRITE_PROTECTED)
        self.assertEqual(self.get(ctrl=other.controller), PROTECTED)
        self.assertEqual(self.get(2), NONE)
        self.assert_success(write_blocks(other, 0, BEFORE, nsid=2))

    def test_identify_says_so(self):
        for state in (PROTECTED, NONE):
            self.assert_success(self.set(state))
            self.assertEqual(self.ctrl.identify_namespace(1).nsattr, state)
            data = wire.Fields(wire.ANY_NAMESPACE, self.ctrl.identify(Cns.ANY_NAMESPACE, 1).data)
            self.assertEqual(data.nsattr, state)

    def test_hosts_are_told(self):
        other = self.controller()
        other.admin.run(wire.set_features(Feature.ASYNC_EVENT_CONFIG, 0x100))
        for state in (PROTECTED, NONE):
            event = other.admin.submit(Sqe(Admin.ASYNC_EVENT))
            self.assert_success(self.set(state))
            self.assertEqual(other.admin.wait(event).cqe.dw0, CHANGED)
            command = other.get_log(Log.CHANGED_NAMESPACES, 4096)
            self.assertEqual(struct.unpack_from('<II', command.data), (1, 0))

    def test_what_changes_nothing_is_not_told(self):
        self.assert_success(self.set(PROTECTED))
        other = self.controller()
        other.admin.run(wire.set_features(Feature.ASYNC_EVENT_CONFIG, 0x100))
        event = other.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.assert_success(self.set(PROTECTED))
        # What is told of one that does change comes after it, and is all.
        self.assert_success(self.set(PROTECTED, nsid=2))
        other.admin.wait(event)
        command = other.get_log(Log.CHANGED_NAMESPACES, 4096)
        self.assertEqual(struct.unpack_from('<II', command.data), (2, 0))

    def test_it_outlasts_resets_and_its_host(self):
        self.assert_success(self.set(PROTECTED))
        self.ctrl.disable()
        self.ctrl.enable()
        self.assertEqual(self.get(), PROTECTED)
        self.ctrl.close()
        self.ctrl = self.controller()
        self.assertEqual(self.get(), PROTECTED)

    def test_it_outlasts_a_new_size_and_not_the_namespace(self):
        self.call('bdev_null_create', name='n', num_blocks=2048, block_size=512)
        add = {'nqn': self.target.nqn, 'namespace': {'bdev_name': 'n', 'nsid': 9}}
        self.call('nvmf_subsystem_add_ns', **add)
        self.assert_success(self.set(PROTECTED, nsid=9))
        self.call('bdev_null_resize', name='n', new_size=2)
        self.assertEqual(self.ctrl.identify_namespace(9).nsze, 4096)
        self.assertEqual(self.get(9), PROTECTED)
        self.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=9)
        self.call('nvmf_subsystem_add_ns', **add)
        self.assertEqual(self.get(9), NONE)


class Devices(ProtectionCase):

    def test_what_a_device_forbids_stays_with_it(self):
        self.call('bdev_null_create', name='n', num_blocks=2048, block_size=512)
        self.assert_status(write_blocks(self.queue, 0, BEFORE, nsid=3), Sc.WRITE_PROTECTED)
        self.call('nvmfd_set_ns', nqn=self.target.nqn, nsid=3, device='n')
        self.assert_success(write_blocks(self.queue, 0, BEFORE, nsid=3))
        self.assertEqual(self.ctrl.identify_namespace(3).nsattr, 0)
        self.call('nvmfd_set_ns', nqn=self.target.nqn, nsid=3, read_only=True)
        self.call('nvmfd_set_ns', nqn=self.target.nqn, nsid=3, hidden=False)
        self.assertEqual(self.ctrl.identify_namespace(3).nsattr, 1)


class Late(ProtectionCase):
    """Data that comes when the namespace is not what it was."""
    devices = ('ramdisk:2M?nsid=1',)
    NEW = pattern(64, seed=9)

    def setUp(self):
        super().setUp()
        self.queue.hold_r2t = True
        self.device = self.call('nvmfd_get_subsystems')[0]['namespaces'][0]['device']

    def begin(self, slba=0):
        command = self.queue.submit(wire.write(1, slba, 64), self.NEW, in_capsule=False)
        while not command.r2ts:
            self.queue.step()
        return command

    def end(self, command, status):
        self.queue.answer_r2t(command)
        self.assert_status(self.queue.wait(command), status, dnr=True)

    def test_another_subsystem_has_the_device_by_now(self):
        command = self.begin()
        self.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=1)
        other = 'nqn.2026-11.org.example:other'
        self.call('nvmfd_add_subsystem', nqn=other, allow_any_host=True)
        self.call('nvmfd_add_ns', nqn=other, device=self.device, nsid=1)
        for port in self.call('nvmfd_get_ports'):
            if self.target.nqn in str(port):
                self.call('nvmfd_link_port', id=port['id'], nqn=other)
        theirs = self.io(subnqn=other)
        self.end(command, Sc.INVALID_NAMESPACE)
        self.assertEqual(bytes(read_blocks(theirs, 0, 64).data), bytes(64 * 512))

    def test_it_became_read_only(self):
        command = self.begin()
        self.call('nvmfd_set_ns', nqn=self.target.nqn, nsid=1, read_only=True)
        self.end(command, Sc.WRITE_PROTECTED)
        self.assertEqual(bytes(read_blocks(self.queue, 0, 64).data), bytes(64 * 512))

    def test_its_device_became_smaller(self):
        command = self.begin(4096 - 64)
        self.call('nvmfd_resize_device', name=self.device, size=1 << 20)
        self.end(command, Sc.LBA_OUT_OF_RANGE)
        self.call('nvmfd_resize_device', name=self.device, size=2 << 20)
        self.assertEqual(bytes(read_blocks(self.queue, 4096 - 64, 64).data), bytes(64 * 512))


class LateBuffers(ProtectionCase):
    devices = ('delay:read-ms=1/ramdisk:2M?nsid=1',)
    args = ('--rpc-socket', 'rpc', '--workers', '1', '--buffers', '4M')

    def test_a_read_that_waited_for_one_when_its_device_became_smaller(self):
        self.queue.hold_r2t = True
        write = self.queue.submit(wire.write(1, 0, 512), bytes(512 * 512), in_capsule=False)
        while not write.r2ts:
            self.queue.step()
        read = self.queue.submit(wire.read(1, 4096 - 64, 64), length=64 * 512)
        self.assert_success(self.queue.run(wire.flush(1)))      # they have all been looked at
        device = self.call('nvmfd_get_subsystems')[0]['namespaces'][0]['device']
        self.call('nvmfd_resize_device', name=device, size=1 << 20)
        self.assertFalse(read.done)
        self.queue.answer_r2t(write)
        self.assert_success(self.queue.wait(write))
        self.assert_status(self.queue.wait(read), Sc.LBA_OUT_OF_RANGE, dnr=True)


class Operator(ProtectionCase):
    """Who runs the target sees it, sets it and lifts it."""

    def shown(self, method='nvmfd_get_subsystems'):
        subsystem, = [s for s in self.call(method) if s['nqn'] == self.target.nqn]
        return [ns.get('write_protected', False) for ns in subsystem['namespaces']]

    def change(self, nsid=1, **how):
        self.call('nvmfd_set_ns', nqn=self.target.nqn, nsid=nsid, **how)

    def test_it_is_shown(self):
        for state, expected in ((PROTECTED, [True, False, False]), (NONE, [False] * 3)):
            self.assert_success(self.set(state))
            for method in ('nvmfd_get_subsystems', 'nvmf_get_subsystems'):
                self.assertEqual(self.shown(method), expected)

    def test_it_is_set_and_lifted_and_hosts_are_told(self):
        self.ctrl.admin.run(wire.set_features(Feature.ASYNC_EVENT_CONFIG, 0x100))
        for state, status in ((PROTECTED, Sc.WRITE_PROTECTED), (NONE, Sc.SUCCESS)):
            event = self.ctrl.admin.submit(Sqe(Admin.ASYNC_EVENT))
            self.change(write_protected=state == PROTECTED)
            self.assertEqual(self.ctrl.admin.wait(event).cqe.dw0, CHANGED)
            command = self.ctrl.get_log(Log.CHANGED_NAMESPACES, 4096)
            self.assertEqual(struct.unpack_from('<II', command.data), (1, 0))
            self.assertEqual(self.get(), state)
            self.assertEqual(self.ctrl.identify_namespace(1).nsattr, state)
            self.assert_status(write_blocks(self.queue, 0, BEFORE), status)

    def test_either_lifts_what_the_other_has_set(self):
        self.change(write_protected=True)
        self.assert_success(self.set(NONE))
        self.assertEqual(self.shown(), [False] * 3)
        self.assert_success(self.set(PROTECTED))
        self.change(write_protected=False)
        self.assertEqual(self.get(), NONE)

    def test_other_changes_leave_it(self):
        self.assert_success(self.set(PROTECTED))
        for how in ({'read_only': True}, {'hidden': True}, {'read_only': False, 'hidden': False}):
            self.change(**how)
            self.assertEqual(self.shown(), [True, False, False])
        self.assertEqual(self.get(), PROTECTED)
        self.assert_success(self.set(NONE))
        self.assert_success(write_blocks(self.queue, 0, BEFORE))

    def test_a_namespace_may_begin_so(self):
        self.call('bdev_null_create', name='n', num_blocks=2048, block_size=512)
        self.call('nvmfd_add_ns', nqn=self.target.nqn, device='n', nsid=9, write_protected=True)
        self.assertEqual(self.get(9), PROTECTED)
        self.assert_status(write_blocks(self.queue, 0, BEFORE, nsid=9), Sc.WRITE_PROTECTED)


class Refusals(ProtectionCase):

    def test_states_that_end_with_a_power_cycle_or_never_are_invalid(self):
        for state in range(2, 8):
            self.assert_status(self.set(state), Sc.INVALID_FIELD, dnr=True)
        self.assertEqual(self.get(), NONE)

    def test_it_is_of_one_namespace_that_is_there(self):
        for nsid in (0, 257, ALL):
            self.assert_status(self.set(PROTECTED, nsid), Sc.INVALID_NAMESPACE)
        self.assert_status(self.set(PROTECTED, 77), Sc.INVALID_FIELD)

    def test_nothing_is_saved(self):
        self.assert_success(self.set(PROTECTED))
        self.assertEqual(self.get(select=Select.DEFAULT), NONE)
        self.assertEqual(self.get(select=Select.SAVED), NONE)

    def test_what_may_only_be_read_stays_so(self):
        self.assertEqual(self.get(3), PROTECTED)
        self.assertEqual(self.get(3, select=Select.DEFAULT), PROTECTED)
        self.assert_success(self.set(PROTECTED, 3))
        self.assert_status(self.set(NONE, 3), Sc.FEATURE_NOT_CHANGEABLE, dnr=True)


class Files(RoomCase):
    """What was written is made to last first."""

    def hosts(self, prefix=''):
        self.room.file('disk', 1 << 20)
        target = self.serve(f'{prefix}disk?bs=512')
        self.addCleanup(target.stop)
        ctrl = self.controller(target.start())
        return ctrl, ctrl.io_queues(1)[0]

    def protect(self, ctrl, state):
        return ctrl.admin.run(wire.set_features(Feature.WRITE_PROTECTION, state, nsid=1)).cqe.sc

    def test_a_file_is_protected_when_it_is_synced(self):
        ctrl, queue = self.hosts()
        self.assertEqual(write_blocks(queue, 0, BEFORE).cqe.sc, Sc.SUCCESS)
        for state, expected in ((PROTECTED, Sc.WRITE_PROTECTED), (NONE, Sc.SUCCESS)):
            self.assertEqual(self.protect(ctrl, state), Sc.SUCCESS)
            self.assertEqual(write_blocks(queue, 0, BEFORE).cqe.sc, expected)

    def test_a_file_that_can_not_be_synced_is_not_protected(self):
        ctrl, queue = self.hosts('error:flush=EIO/')
        self.assertEqual(self.protect(ctrl, PROTECTED), Sc.WRITE_FAULT)
        self.assertEqual(ctrl.identify_namespace(1).nsattr, 0)
        self.assertEqual(write_blocks(queue, 0, BEFORE).cqe.sc, Sc.SUCCESS)

    def test_a_second_host_is_promised_no_less(self):
        """... while the first one's flush is under way, and then fails."""
        self.room.file('disk', 1 << 20)
        target = self.serve('delay:flush-ms=300/error:flush=EIO/disk?bs=512')
        self.addCleanup(target.stop)
        target.start()
        ctrls = [self.controller(target) for _ in range(3)]
        commands = [ctrl.admin.submit(wire.set_features(Feature.WRITE_PROTECTION, PROTECTED, nsid=1))
                    for ctrl in ctrls]
        for ctrl, command in zip(ctrls, commands):
            self.assertEqual(ctrl.admin.wait(command).cqe.sc, Sc.WRITE_FAULT)
        self.assertEqual(ctrls[0].identify_namespace(1).nsattr, 0)


if __name__ == '__main__':
    unittest.main()
