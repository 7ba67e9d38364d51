# SPDX-License-Identifier: BSD-2-Clause
"""Row "bits within commands": those that say how, not what."""
import unittest

import wire
from case import TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import Host
from wire import FUA, Admin, Log, Nvm, Sc, Sqe

LIMITED_RETRY = 1 << 31
ALL_PROTECTION = 0xF << 26      # PRINFO: PRACT and the three checks
TAG_CHECK = 1 << 24             # STC
CMD_CATTR = 46                  # where it stands in the Connect command
BLOCKS = 8


class DataCommands(TargetCase):
    devices = ('ramdisk:1M', 'ramdisk:1M?bs=4096', 'error:write=EIO/ramdisk:1M')

    def setUp(self):
        self.queue = self.io()

    def each(self, flags, nsid=1, size=512):
        """Every command with the bits: all do what they do without."""
        data, other = pattern(BLOCKS, 1, size), pattern(BLOCKS, 2, size)
        run = self.queue.run
        self.assert_success(write_blocks(self.queue, 0, data, nsid, size, flags=flags))
        self.assertEqual(read_blocks(self.queue, 0, BLOCKS, nsid, size, flags=flags).data, data)
        self.assert_success(run(wire.compare(nsid, 0, BLOCKS, flags), data))
        self.assert_status(run(wire.compare(nsid, 0, BLOCKS, flags), other),
                           Sc.COMPARE_FAILURE)
        self.assert_success(run(wire.verify(nsid, 0, BLOCKS, flags)))
        self.assert_success(run(wire.copy(nsid, 16, 1, 0, flags),
                                wire.copy_ranges((0, BLOCKS))))
        self.assertEqual(read_blocks(self.queue, 16, BLOCKS, nsid, size).data, data)
        self.assert_success(run(wire.write_zeroes(nsid, 0, BLOCKS, flags)))
        self.assertEqual(read_blocks(self.queue, 0, BLOCKS, nsid, size).data,
                         bytes(len(data)))

    def test_limited_retry(self):
        self.each(LIMITED_RETRY)

    def test_force_unit_access(self):
        self.each(FUA)

    def test_protection_information_is_ignored_where_there_is_none(self):
        for nsid, size in ((1, 512), (2, 4096)):
            self.each(ALL_PROTECTION, nsid, size)
            self.each(TAG_CHECK, nsid, size)

    def test_no_bit_hides_an_error(self):
        for flags in (0, LIMITED_RETRY, FUA, ALL_PROTECTION):
            self.assert_status(write_blocks(self.queue, 0, bytes(512), 3, flags=flags),
                               Sc.WRITE_FAULT)
            self.assert_status(read_blocks(self.queue, 1 << 30, 1, flags=flags),
                               Sc.LBA_OUT_OF_RANGE)

    def test_directives_there_are_none_and_what_names_them_is_ignored(self):
        data = pattern(1, 3)
        sqe = wire.write(1, 0, 1, flags=1 << 20)    # DTYPE: streams
        sqe.cdw13 = 5 << 16                         # DSPEC: the fifth
        self.assert_success(self.queue.run(sqe, data))
        self.assertEqual(read_blocks(self.queue, 0, 1).data, data)


class Connect(TargetCase):

    def connect(self, qid, **fields):
        host = Host()
        if not qid:
            queue = self.queue()
            return queue, queue.connect(self.target.nqn, host.nqn, host.hostid, **fields).cqe
        ctrl = self.controller(host=host)
        ctrl.set_queues(1)
        queue = ctrl.open_queue()
        return queue, ctrl.connect_queue(queue, qid, **fields).cqe

    def test_priority_classes_are_as_good_as_each_other(self):
        for qid in (0, 1):
            for urgency in range(4):
                _, cqe = self.connect(qid, cattr=urgency)
                self.assert_status(cqe, Sc.SUCCESS)

    def test_reserved_attributes_are_invalid(self):
        for qid in (0, 1):
            for bit in range(4, 8):
                _, cqe = self.connect(qid, cattr=1 << bit)
                self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS, dnr=True)
                self.assertEqual(cqe.dw0, CMD_CATTR)


class AdminCommands(TargetCase):

    def setUp(self):
        self.ctrl = self.controller()

    def test_log_specific_parameters_mean_nothing_to_pages_without(self):
        for lsp in (1, 0x7F):
            for lid in (Log.SUPPORTED, Log.HEALTH, Log.FIRMWARE, Log.EFFECTS):
                sqe = wire.get_log_page(lid, 128)
                sqe.cdw10 |= lsp << 8
                got = self.ctrl.admin.run(sqe, length=512)
                self.assert_success(got)
                self.assertEqual(bytes(got.data), bytes(self.ctrl.get_log(lid, 512).data))

    def test_log_pages_are_of_no_single_namespace(self):
        for lid in (Log.HEALTH, Log.FIRMWARE, Log.CHANGED_NAMESPACES):
            self.assert_status(self.ctrl.get_log(lid, 64, nsid=1), Sc.INVALID_FIELD)

    def test_a_keep_alive_has_no_fields(self):
        for dword in ('cdw10', 'cdw11', 'cdw15'):
            sqe = Sqe(Admin.KEEP_ALIVE)
            setattr(sqe, dword, 0xFFFFFFFF)
            self.assert_success(self.ctrl.admin.run(sqe))

    def test_a_flush_has_no_fields(self):
        queue, = self.ctrl.io_queues(1)
        self.assert_success(queue.run(Sqe(Nvm.FLUSH, 1, cdw10=0xFFFFFFFF, cdw12=0xFFFFFFFF)))


if __name__ == '__main__':
    unittest.main()
