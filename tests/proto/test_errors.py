# SPDX-License-Identifier: BSD-2-Clause
"""Row "errors": log 01h has what went wrong, where, and how often anything did."""
import threading
import time
import unittest

import wire
from case import TargetCase, write_blocks
from nvmetcp import DISCOVERY_NQN
from rpc import Caller
from wire import Admin, Feature, Log, Nvm, Sc, Sqe, u128

ENTRIES, SIZE = 128, 64
UNKNOWN = 0xFFFF
TCP = 3
BLOCKS = 2048           # of 512 bytes
OF_4K = 256             # of 4 KiB
MDTS = 1 << 20


def at(byte, bit=0):
    return byte | bit << 8


def entries_of(ctrl, count=ENTRIES, offset=0):
    command = ctrl.get_log(Log.ERROR, count * SIZE, offset=offset)
    if command.cqe.sc != Sc.SUCCESS:
        raise AssertionError(command.cqe)
    return [wire.Fields(wire.ERROR_ENTRY, command.data[i:i + SIZE])
            for i in range(0, len(command.data), SIZE)]


def errors_of(ctrl):
    return [entry for entry in entries_of(ctrl) if entry.count]


def fail(ctrl):
    """A command that can't be; its completion."""
    return ctrl.admin.run(Sqe(0xAA))


class ErrorCase(TargetCase):
    devices = ('ramdisk:1M', 'ramdisk:1M?bs=4096')

    def setUp(self):
        self.ctrl = self.controller()

    def assert_last(self, command, location, *, qid=0, lba=0, trtype=0, ctrl=None, opcode=None,
                    nsid=None):
        """The newest entry is of this command."""
        entry = entries_of(ctrl or self.ctrl, 1)[0]
        sqe, cqe = command.sqe, command.cqe
        self.assertTrue(cqe.more, cqe)
        self.assertEqual((entry.sqid, entry.cid, entry.status), (qid, command.cid, cqe.status))
        self.assertEqual((entry.location & 0xFF, entry.location >> 8),
                         (location & 0xFF, location >> 8), 'byte and bit')
        self.assertEqual((entry.lba, entry.trtype), (lba, trtype))
        self.assertEqual(entry.nsid, sqe.nsid if nsid is None else nsid)
        self.assertEqual(entry.opcode, sqe.opcode if opcode is None else opcode)
        self.assertEqual((entry.vendor, entry.csi, entry.specific, entry.transport,
                          entry.version), (0, 0, 0, 0, 1))
        self.assertFalse(any(entry.raw[42:63]), 'reserved')
        return entry


class Entries(ErrorCase):

    def test_there_is_none_before_the_first_error(self):
        self.assertFalse(any(any(entry.raw) for entry in entries_of(self.ctrl)))

    def test_success_is_none_and_has_no_more_to_tell(self):
        self.assertFalse(self.ctrl.identify().cqe.more)
        self.assertEqual(errors_of(self.ctrl), [])

    def test_newest_first_and_the_rest_is_zero(self):
        commands = [fail(self.ctrl) for _ in range(5)]
        entries = entries_of(self.ctrl)
        self.assertEqual([e.count for e in entries], [5, 4, 3, 2, 1] + [0] * (ENTRIES - 5))
        self.assertEqual([e.cid for e in entries[:5]], [c.cid for c in reversed(commands)])
        self.assertFalse(any(any(e.raw) for e in entries[5:]))

    def test_of_more_than_there_is_room_for_the_newest_stay(self):
        commands = [fail(self.ctrl) for _ in range(3 * ENTRIES + 7)]
        entries = entries_of(self.ctrl)
        self.assertEqual([e.count for e in entries],
                         list(range(3 * ENTRIES + 7, 2 * ENTRIES + 7, -1)))
        self.assertEqual([e.cid for e in entries], [c.cid for c in commands[:-ENTRIES - 1:-1]])

    def test_in_pieces(self):
        for _ in range(ENTRIES):
            fail(self.ctrl)
        parts = b''.join(bytes(self.ctrl.get_log(Log.ERROR, 96, offset=n).data)
                         for n in range(0, ENTRIES * SIZE, 96))
        self.assertEqual(parts[:ENTRIES * SIZE],
                         b''.join(e.raw for e in entries_of(self.ctrl)))

    def test_health_counts_them_all(self):
        for count in (0, 3, 3 + ENTRIES):
            while self.health() < count:
                fail(self.ctrl)
            self.assertEqual(self.health(), count)

    def health(self):
        data = self.ctrl.get_log(Log.HEALTH, 512).data
        return u128(wire.Fields(wire.HEALTH, data).error_entries)

    def test_a_reset_takes_the_entries_and_leaves_the_count(self):
        for _ in range(3):
            fail(self.ctrl)
        self.ctrl.disable()
        self.ctrl.enable()
        self.assertEqual(errors_of(self.ctrl), [])
        self.assertEqual(self.health(), 3)
        fail(self.ctrl)
        self.assertEqual([e.count for e in errors_of(self.ctrl)], [4])

    def test_each_controller_has_its_own(self):
        other = self.controller()
        mine = fail(self.ctrl)
        self.assertEqual(errors_of(other), [])
        his = [fail(other), fail(other)]
        self.assertEqual([e.cid for e in errors_of(self.ctrl)], [mine.cid])
        self.assertEqual([e.cid for e in errors_of(other)], [c.cid for c in reversed(his)])

    def test_a_new_controller_begins_with_none(self):
        fail(self.ctrl)
        self.ctrl.close()
        self.assertEqual(errors_of(self.controller()), [])

    def test_of_a_discovery_controller(self):
        ctrl = self.controller(subnqn=DISCOVERY_NQN)
        self.assertEqual(ctrl.identify_controller().elpe, ENTRIES - 1)
        self.assertEqual(errors_of(ctrl), [])
        self.assert_last(fail(ctrl), at(0), ctrl=ctrl)
        self.assert_last(ctrl.admin.run(wire.get_log_page(Log.HEALTH, 1), length=4), at(40),
                         ctrl=ctrl)

    def test_events_that_a_reset_ends_are_none(self):
        self.ctrl.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.ctrl.disable()
        self.ctrl.enable()
        self.assertEqual(self.health(), 0)

    def test_a_failed_read_of_the_log_is_one(self):
        command = self.ctrl.get_log(Log.ERROR, SIZE, offset=ENTRIES * SIZE + 4)
        self.assert_status(command, Sc.INVALID_FIELD)
        self.assert_last(command, at(48))


class Locations(ErrorCase):
    """Byte and bit of what is wrong in commands of the admin queue."""

    def check(self, sqe, status, location, length=0, **how):
        command = self.ctrl.admin.run(sqe, length=length)
        self.assert_status(command, status)
        return self.assert_last(command, location, **how)

    def test_opcode(self):
        for opcode in (0x00, 0x33, 0xC0):
            self.check(Sqe(opcode, nsid=7), Sc.INVALID_OPCODE, at(0))

    def test_fuse(self):
        self.check(Sqe(Admin.KEEP_ALIVE, flags=wire.PSDT_SGL | 1), Sc.INVALID_FIELD, at(1))

    def test_psdt(self):
        for flags in (0, 0xC0):
            sqe = wire.identify(1)
            sqe.flags = flags
            self.check(sqe, Sc.INVALID_FIELD, at(1, 6), 4096)

    def test_nsid(self):
        self.check(wire.identify(0, 0x12345), Sc.INVALID_NAMESPACE, at(4), 4096)
        self.check(wire.get_features(Feature.WRITE_PROTECTION, nsid=99), Sc.INVALID_FIELD, at(4))
        self.check(wire.set_features(Feature.ASYNC_EVENT_CONFIG, 0, nsid=1),
                   Sc.FEATURE_NOT_NAMESPACE, at(4))
        self.check(wire.get_log_page(Log.HEALTH, 1, nsid=1), Sc.INVALID_FIELD, at(4), 4)

    def test_sgl(self):
        for descriptor, status, location in (
                (wire.sgl(wire.SGL_TRANSPORT, 4092), Sc.DATA_SGL_LENGTH, at(32)),
                (wire.sgl(0x33, 4096), Sc.SGL_TYPE, at(39))):
            sqe = wire.identify(1)
            sqe.sgl = descriptor
            self.check(sqe, status, location, 4096)

    def test_cns_cntid_csi_uuid_index(self):
        self.check(wire.identify(0xFE), Sc.INVALID_FIELD, at(40), 4096)
        self.check(wire.identify(1, uuid_index=9), Sc.INVALID_FIELD, at(56), 4096)

    def test_log_page(self):
        self.check(wire.get_log_page(0xEE, 1), Sc.INVALID_LOG_PAGE, at(40), 4)
        self.check(wire.get_log_page(Log.HEALTH, MDTS), Sc.INVALID_FIELD, at(42), 4)
        self.check(wire.get_log_page(Log.HEALTH, 1, offset=2), Sc.INVALID_FIELD, at(48), 4)
        self.check(wire.get_log_page(Log.HEALTH, 1, cdw14=1 << 23), Sc.INVALID_FIELD, at(58, 7), 4)
        self.check(wire.get_log_page(Log.HEALTH, 1, cdw14=5), Sc.INVALID_FIELD, at(56), 4)

    def test_feature(self):
        self.check(wire.get_features(0x77), Sc.INVALID_FIELD, at(40))
        self.check(wire.set_features(0x77, 0), Sc.INVALID_FIELD, at(40))
        self.check(wire.get_features(Feature.ARBITRATION, select=5), Sc.INVALID_FIELD, at(41))
        self.check(wire.set_features(Feature.ARBITRATION, 0, save=True), Sc.FEATURE_NOT_SAVEABLE,
                   at(43, 7))
        self.check(wire.set_features(Feature.NUMBER_OF_QUEUES, 0xFFFFFFFF), Sc.INVALID_FIELD,
                   at(44))

    def test_fabrics(self):
        """They have no NSID, and their opcode is byte 4."""
        self.check(wire.fabrics(0x55), Sc.INVALID_OPCODE, at(4), nsid=0)
        self.check(wire.property_get(0x3333, 4), Sc.INVALID_FIELD, at(44), nsid=0)
        self.check(wire.property_set(0x1C, 1), Sc.INVALID_FIELD, at(44), nsid=0)
        self.check(wire.disconnect(recfmt=1), Sc.CONNECT_INCOMPATIBLE_FORMAT, at(40), nsid=0)

    def test_one_event_request_too_many(self):
        for _ in range(self.ctrl.identify_controller().aerl + 1):
            self.ctrl.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.check(Sqe(Admin.ASYNC_EVENT), Sc.ASYNC_LIMIT, UNKNOWN)

    def test_identifier_in_use(self):
        admin = self.ctrl.admin
        held = admin.submit(Sqe(Admin.ASYNC_EVENT))
        packed = Sqe(Admin.KEEP_ALIVE).pack(held.cid, wire.sgl(wire.SGL_TRANSPORT, 0))
        admin.submitted += 1
        admin.send_raw(admin.encode(wire.Pdu.CMD, packed))
        cqe = wire.Cqe.unpack(admin.receive_pdu().header[8:])
        self.assert_status(cqe, Sc.CID_CONFLICT)
        self.assertTrue(cqe.more)
        entry, = errors_of(self.ctrl)
        self.assertEqual((entry.cid, entry.location, entry.opcode, entry.status),
                         (held.cid, at(2), Admin.KEEP_ALIVE, cqe.status))


class Io(ErrorCase):

    def setUp(self):
        super().setUp()
        self.queue, = self.ctrl.io_queues(1)

    def check(self, sqe, status, location, out=b'', length=0, **how):
        command = self.queue.run(sqe, out, length)
        self.assert_status(command, status)
        return self.assert_last(command, location, qid=1, **how)

    def test_opcode_and_nsid(self):
        self.check(Sqe(0x7D), Sc.INVALID_OPCODE, at(0))
        for sqe in (wire.read(77, 1, 1), wire.flush(77), wire.verify(77, 1, 1)):
            self.check(sqe, Sc.INVALID_NAMESPACE, at(4), length=512)

    def test_psdt_and_sgl(self):
        sqe = wire.read(1, 0, 1)
        sqe.flags = 0
        self.check(sqe, Sc.INVALID_FIELD, at(1, 6), length=512)
        self.check(wire.read(1, 0, 2), Sc.DATA_SGL_LENGTH, at(32), length=512)
        sqe = wire.write(1, 0, 1)
        sqe.sgl = wire.sgl(0x33, 512)
        self.check(sqe, Sc.SGL_TYPE, at(39))

    def test_first_block_that_is_not_there(self):
        for nsid, blocks in ((1, BLOCKS), (2, OF_4K)):
            for slba, first in ((blocks - 1, blocks), (blocks, blocks), (1 << 40, 1 << 40)):
                for make in (wire.read, wire.verify, wire.write_zeroes):
                    self.check(make(nsid, slba, 2), Sc.LBA_OUT_OF_RANGE, at(40), lba=first,
                               length=1024)
                self.check(wire.write(nsid, slba, 2), Sc.LBA_OUT_OF_RANGE, at(40), bytes(1024),
                           lba=first)

    def test_more_blocks_than_mdts(self):
        self.check(wire.read(1, 0, MDTS // 512 + 1), Sc.INVALID_FIELD, at(48), length=512)
        self.check(wire.write(1, 0, MDTS // 512 + 1), Sc.INVALID_FIELD, at(48), bytes(512))

    def test_ranges_of_dataset_management(self):
        """They stand in the data, of which no location tells."""
        sqe = wire.manage(1, 2)
        self.check(sqe, Sc.LBA_OUT_OF_RANGE, UNKNOWN, wire.dsm_ranges((0, 8), (BLOCKS - 2, 8)),
                   lba=BLOCKS)

    def test_copy(self):
        self.check(wire.copy(1, 0, 1, form=5), Sc.INVALID_FIELD, at(49), wire.copy_ranges((9, 1)))
        self.check(wire.copy(1, BLOCKS - 1, 1), Sc.LBA_OUT_OF_RANGE, at(40),
                   wire.copy_ranges((9, 2)), lba=BLOCKS)
        for slba, first in ((BLOCKS - 1, BLOCKS), (BLOCKS, BLOCKS), (1 << 40, 1 << 40)):
            self.check(wire.copy(1, 0, 2), Sc.LBA_OUT_OF_RANGE, UNKNOWN,
                       wire.copy_ranges((9, 2), (slba, 2)), lba=first)
        self.check(wire.copy(1, 0, 2), Sc.OVERLAPPING_RANGE, UNKNOWN,
                   wire.copy_ranges((9, 1), (1, 2)), lba=1)

    def test_copy_of_other_namespaces(self):
        given = b'\0\0\0\0\4\0'.ljust(512, b'\0')
        self.assert_success(self.ctrl.admin.run(wire.set_features(Feature.HOST_BEHAVIOR, 0),
                                                given))
        for status, *range_ in ((Sc.INVALID_NAMESPACE, 9, 1, 77),
                                (Sc.INCOMPATIBLE_NAMESPACE, 9, 1, 2)):
            lba = 0 if status == Sc.INVALID_NAMESPACE else 9
            self.check(wire.copy(1, 0, 1, form=2), status, UNKNOWN, wire.copy_ranges(range_),
                       nsid=range_[2], lba=lba)

    def test_first_block_that_can_not_be_read(self):
        self.assert_success(self.queue.run(wire.write_uncorrectable(1, 100, 3)))
        for sqe, out in ((wire.read(1, 96, 8), b''), (wire.read(1, 101, 9), b''),
                         (wire.verify(1, 0, 2000), b''), (wire.compare(1, 90, 300), bytes(153600)),
                         (wire.copy(1, 500, 2), wire.copy_ranges((0, 40), (60, 50)))):
            self.check(sqe, Sc.UNRECOVERED_READ_ERROR, UNKNOWN, out, length=0 if out else
                       (sqe.cdw12 + 1) * 512, lba=101 if sqe.cdw10 == 101 else 100)
        first = self.queue.submit(self.fused(Nvm.COMPARE, wire.FUSED_FIRST, 102), bytes(512))
        second = self.queue.submit(self.fused(Nvm.WRITE, wire.FUSED_SECOND, 102), bytes(512))
        self.queue.wait_all([first, second])
        self.assert_last(first, UNKNOWN, qid=1, lba=102)
        self.assert_success(self.queue.run(wire.write_zeroes(1, 100, 3)))

    def test_first_block_that_differs(self):
        self.assert_success(write_blocks(self.queue, 0, bytes(300 * 512)))
        for differs in (0, 1, 63, 64, 65, 299):
            data = bytearray(300 * 512)
            data[differs * 512 + 511] = 1
            self.check(wire.compare(1, 0, 300), Sc.COMPARE_FAILURE, UNKNOWN, bytes(data),
                       lba=differs)
        self.assert_success(write_blocks(self.queue, 3, bytes(5 * 4096), nsid=2, size=4096))
        self.check(wire.compare(2, 3, 5), Sc.COMPARE_FAILURE, UNKNOWN,
                   bytes(3 * 4096) + b'\1' * 8192, lba=6)

    def fused(self, opcode, fuse, slba):
        sqe = wire.read(1, slba, 1)
        sqe.opcode, sqe.flags = opcode, sqe.flags | fuse
        return sqe

    def test_of_a_fused_pair_the_half_that_failed(self):
        self.assert_success(write_blocks(self.queue, 5, bytes(512)))
        first = self.queue.submit(self.fused(Nvm.COMPARE, wire.FUSED_FIRST, 5), b'\1' * 512)
        second = self.queue.submit(self.fused(Nvm.WRITE, wire.FUSED_SECOND, 5), bytes(512))
        self.queue.wait_all([first, second])
        self.assertEqual((first.cqe.sc, second.cqe.sc), (Sc.COMPARE_FAILURE, Sc.FAILED_FUSED))
        self.assertFalse(second.cqe.more)
        self.assertEqual(self.assert_last(first, UNKNOWN, qid=1, lba=5).count, 1)

    def test_half_a_pair(self):
        self.check(self.fused(Nvm.WRITE, wire.FUSED_SECOND, 5), Sc.MISSING_FUSED, at(1),
                   bytes(512))
        self.check(self.fused(Nvm.WRITE, 3, 5), Sc.INVALID_FIELD, at(1), bytes(512))


class Digests(ErrorCase):
    """What the transport answers by itself."""
    args = ('-g', '-G')

    def test_data_that_came_wrong_is_of_the_transport(self):
        ctrl = self.controller(ddgst=True)
        self.assertTrue(ctrl.admin.ddgst)
        queue, = ctrl.io_queues(1)
        for in_capsule in (True, False):
            queue.hold_r2t = True
            command, pdu = queue.capsule(wire.write(1, 4, 1), bytes(512), in_capsule=in_capsule,
                                         wrong={'ddgst': 1} if in_capsule else None)
            queue.send_raw(pdu)
            if not in_capsule:
                while not command.r2ts:
                    queue.step(10)
                self.answer_wrongly(queue, command)
            queue.wait(command)
            self.assert_status(command, Sc.TRANSIENT_TRANSPORT_ERROR)
            self.assert_last(command, UNKNOWN, qid=1, trtype=TCP, ctrl=ctrl)

    def answer_wrongly(self, queue, command):
        (ttag, offset, length), = command.r2ts
        command.r2ts = []
        header = wire.transfer_header(command.cid, ttag, offset, length)
        queue.send_raw(queue.encode(wire.Pdu.H2C_DATA, header, bytes(length), flags=4,
                                    wrong={'ddgst': 1}))


class Storage(ErrorCase):
    """Storage that fails: the block at which the operation began."""
    devices = ('error:read=EIO/ramdisk:1M', 'error:write=ENOSPC/ramdisk:1M',
               'error:write=EIO/ramdisk:1M?bs=4096', 'error:flush=EIO/ramdisk:1M')

    def test_block_and_status(self):
        queue, = self.ctrl.io_queues(1)
        for sqe, status, out in ((wire.read(1, 17, 2), Sc.UNRECOVERED_READ_ERROR, b''),
                                 (wire.verify(1, 19, 300), Sc.UNRECOVERED_READ_ERROR, b''),
                                 (wire.write(2, 18, 1), Sc.CAPACITY_EXCEEDED, bytes(512)),
                                 (wire.write(3, 21, 1), Sc.WRITE_FAULT, bytes(4096))):
            command = queue.run(sqe, out, length=0 if out else 1024)
            self.assert_status(command, status)
            self.assert_last(command, UNKNOWN, qid=1, lba=sqe.cdw10)

    def test_copy_says_which_namespace(self):
        queue, = self.ctrl.io_queues(1)
        given = b'\0\0\0\0\4\0'.ljust(512, b'\0')
        self.assert_success(self.ctrl.admin.run(wire.set_features(Feature.HOST_BEHAVIOR, 0),
                                                given))
        command = queue.run(wire.copy(4, 0, 1, form=2), wire.copy_ranges((33, 1, 1)))
        self.assert_status(command, Sc.UNRECOVERED_READ_ERROR)
        self.assert_last(command, UNKNOWN, qid=1, lba=33, nsid=1)

    def test_flush_is_at_no_block(self):
        queue, = self.ctrl.io_queues(1)
        command = queue.run(wire.flush(4))
        self.assert_status(command, Sc.WRITE_FAULT)
        self.assert_last(command, UNKNOWN, qid=1)


class Smaller(ErrorCase):
    """A device that becomes smaller while a command goes on in pieces."""
    devices = ('delay:ms=300/ramdisk:1M',)
    args = ('--rpc-socket', 'rpc')

    def test_first_block_that_is_not_there_any_more(self):
        queue, = self.ctrl.io_queues(1)
        commands = [
            queue.submit(wire.verify(1, 0, BLOCKS), length=0),
            queue.submit(wire.manage(1, 2), wire.dsm_ranges((3, 1), (900, 1000)))]
        time.sleep(0.05)        # the first pieces are under way: they end
        with Caller(self.target.room.path / 'rpc') as caller:
            name, = (d['name'] for d in caller.call('bdev_get_bdevs'))
            caller.call('nvmfd_resize_device', name=name, size=1 << 18)
        for command in queue.wait_all(commands):
            self.assert_status(command, Sc.LBA_OUT_OF_RANGE)
        told = {(e.cid, e.lba, e.nsid, e.location) for e in errors_of(self.ctrl)}
        self.assertEqual(told, {(commands[0].cid, 512, 1, UNKNOWN),
                                (commands[1].cid, 900, 1, UNKNOWN)})


class Together(ErrorCase):
    """Queues on several workers write one log while it is read."""
    args = ('--workers', '3')
    EACH = 400

    def flood(self, queue, failed):
        for _ in range(self.EACH // 8):
            for command in queue.wait_all([queue.submit(wire.flush(99)) for _ in range(8)]):
                failed.append(command.cqe.sc == Sc.INVALID_NAMESPACE and command.cqe.more)

    def test_none_is_lost_and_none_is_there_twice(self):
        queues, failed = self.ctrl.io_queues(4), []
        threads = [threading.Thread(target=self.flood, args=(q, failed)) for q in queues]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            counts = [e.count for e in errors_of(self.ctrl)]
            self.assertEqual(counts, sorted(set(counts), reverse=True))
        for thread in threads:
            thread.join()
        self.assertEqual((len(failed), all(failed)), (4 * self.EACH, True))
        total = 4 * self.EACH
        self.assertEqual([e.count for e in entries_of(self.ctrl)],
                         list(range(total, total - ENTRIES, -1)))
        self.assertTrue({e.sqid for e in entries_of(self.ctrl)} <= {1, 2, 3, 4})


if __name__ == '__main__':
    unittest.main()
