# SPDX-License-Identifier: BSD-2-Clause
"""Row "logs": the pages that say what there is: 00h, 05h, 12h and 13h."""
import struct
import unittest

import wire
from case import TargetCase
from nvmetcp import DISCOVERY_NQN
from wire import Admin, Feature, Log, Nvm, Sc

SUPPORTED, CHANGES_BLOCKS, CHANGES_NAMESPACE, UUID = 1, 2, 4, 1 << 19
NAMESPACE, CONTROLLER = 1 << 20, 1 << 21
NOBODY = 0xFFFFFFFE     # an NSID that cannot be


class LogCase(TargetCase):

    def setUp(self):
        self.ctrl = self.controller()

    def dwords(self, lid, size, ctrl=None):
        command = (ctrl or self.ctrl).get_log(lid, size)
        self.assert_success(command)
        return struct.unpack(f'<{size // 4}I', command.data)


class Supported(LogCase):

    def check(self, ctrl):
        listed = self.dwords(Log.SUPPORTED, 1024, ctrl)
        for lid in range(256):
            with self.subTest(lid=hex(lid)):
                expected = Sc.SUCCESS if listed[lid] else Sc.INVALID_LOG_PAGE
                self.assertIn(listed[lid], (0, SUPPORTED))
                self.assert_status(ctrl.get_log(lid, 64), expected)

    def test_pages_that_are_listed_are_there_and_no_other(self):
        self.check(self.ctrl)

    def test_pages_of_a_discovery_controller(self):
        self.check(self.controller(subnqn=DISCOVERY_NQN))


class Effects(LogCase):

    def test_admin_commands_that_are_listed_are_there_and_no_other(self):
        listed = self.dwords(Log.EFFECTS, 4096)[:256]
        # An event request would be held.
        for opcode in set(range(256)) - {Admin.ASYNC_EVENT, Admin.FABRICS}:
            with self.subTest(opcode=hex(opcode)):
                cqe = self.ctrl.admin.run(wire.Sqe(opcode)).cqe
                self.assertEqual(cqe.sc == Sc.INVALID_OPCODE, not listed[opcode] & SUPPORTED)
        self.assertTrue(listed[Admin.ASYNC_EVENT] & SUPPORTED)

    def test_io_commands_that_are_listed_are_there_and_no_other(self):
        listed = self.dwords(Log.EFFECTS, 4096)[256:512]
        queue, = self.ctrl.io_queues(1)
        for opcode in set(range(256)) - {Admin.FABRICS}:
            with self.subTest(opcode=hex(opcode)):
                cqe = queue.run(wire.Sqe(opcode, nsid=NOBODY)).cqe
                self.assertEqual(cqe.sc == Sc.INVALID_OPCODE, not listed[opcode] & SUPPORTED)

    def test_what_changes_blocks_says_so(self):
        listed = self.dwords(Log.EFFECTS, 4096)[256:512]
        for opcode in (Nvm.WRITE, Nvm.WRITE_ZEROES, Nvm.DATASET_MANAGEMENT, Nvm.COPY,
                       Nvm.WRITE_UNCORRECTABLE):
            self.assertEqual(listed[opcode], SUPPORTED | CHANGES_BLOCKS | NAMESPACE)
        for opcode in (Nvm.READ, Nvm.COMPARE, Nvm.VERIFY, Nvm.FLUSH):
            self.assertEqual(listed[opcode], SUPPORTED | NAMESPACE)

    def test_reserved_half_is_zeros(self):
        self.assertFalse(any(self.dwords(Log.EFFECTS, 4096)[512:]))

    def test_another_command_set_is_not_supported(self):
        for csi in (1, 2, 0xFF):
            sqe = wire.get_log_page(Log.EFFECTS, 1024, cdw14=csi << 24)
            self.assert_status(self.ctrl.admin.run(sqe, length=4096),
                               Sc.COMMAND_SET_NOT_SUPPORTED)

    def test_of_a_discovery_controller(self):
        ctrl = self.controller(subnqn=DISCOVERY_NQN)
        listed = self.dwords(Log.EFFECTS, 4096, ctrl)
        self.assertFalse(any(listed[256:]), 'it has no I/O commands')
        self.assertFalse(listed[Admin.ABORT])
        self.assertEqual(listed[Admin.GET_LOG_PAGE] & (SUPPORTED | UUID), SUPPORTED)


class FeatureEffects(LogCase):

    def test_features_that_are_listed_are_there_and_no_other(self):
        for subnqn in (self.target.nqn, DISCOVERY_NQN):
            ctrl = self.controller(subnqn=subnqn)
            listed = self.dwords(Log.FEATURE_EFFECTS, 1024, ctrl)
            for fid in range(256):
                with self.subTest(subnqn=subnqn, fid=hex(fid)):
                    cqe = ctrl.admin.run(wire.get_features(fid, select=3)).cqe
                    expected = Sc.SUCCESS if listed[fid] & SUPPORTED else Sc.INVALID_FIELD
                    self.assert_status(cqe, expected)

    def test_scope(self):
        listed = self.dwords(Log.FEATURE_EFFECTS, 1024)
        self.assertEqual(listed[Feature.ERROR_RECOVERY], SUPPORTED | NAMESPACE)
        self.assertEqual(listed[Feature.ARBITRATION], SUPPORTED | CONTROLLER)


class ManagementEffects(LogCase):

    def test_there_is_no_management_interface(self):
        self.assertFalse(any(self.dwords(Log.MI_EFFECTS, 4096)))


class Refusals(LogCase):

    def test_index_offsets_and_uuids_are_invalid(self):
        for cdw14 in (1 << 23, 1, 127):
            for lid in (Log.SUPPORTED, Log.EFFECTS, Log.FEATURE_EFFECTS, Log.MI_EFFECTS):
                sqe = wire.get_log_page(lid, 16, cdw14=cdw14)
                self.assert_status(self.ctrl.admin.run(sqe, length=64), Sc.INVALID_FIELD)

    def test_offset_beyond_the_end_is_an_error_and_at_the_end_is_not(self):
        for lid, size in ((Log.SUPPORTED, 1024), (Log.EFFECTS, 4096),
                          (Log.FEATURE_EFFECTS, 1024), (Log.MI_EFFECTS, 4096)):
            self.assert_status(self.ctrl.get_log(lid, 64, offset=size + 4), Sc.INVALID_FIELD)
            end = self.ctrl.get_log(lid, 64, offset=size)
            self.assert_success(end)
            self.assertEqual(bytes(end.data), bytes(64))


if __name__ == '__main__':
    unittest.main()
