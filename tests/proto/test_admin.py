# SPDX-License-Identifier: BSD-2-Clause
"""Row "admin": Identify, log pages, features, events, keep alive, Abort.

The last class walks every advertised capability bit: what is set has to work,
what is not has to be refused.
"""
import pathlib
import struct
import time
import unittest

import wire
from case import TargetCase, read_blocks, write_blocks
from nvmetcp import CC_ENABLE
from wire import Admin, Feature, Log, Nvm, Sc, Sqe

ALL = 0xFFFFFFFF
NONE = ALL - 1
KIB = 1024


def text(field):
    return field.decode('ascii')


class AdminCase(TargetCase):

    def setUp(self):
        self.ctrl = self.controller()
        self.admin = self.ctrl.admin

    def log(self, lid, length, **how):
        return self.ctrl.get_log(lid, length, **how)


class IdentifyController(AdminCase):

    def setUp(self):
        super().setUp()
        self.data = self.ctrl.identify_controller()

    def test_names_are_printable_and_padded_with_spaces(self):
        for field in (self.data.sn, self.data.mn, self.data.fr):
            self.assertTrue(text(field).isprintable(), field)
            self.assertTrue(text(field).strip(), field)

    def test_subsystem_name(self):
        name, _, rest = self.data.subnqn.partition(b'\0')
        self.assertEqual(text(name), self.target.nqn)
        self.assertEqual(rest.strip(b'\0'), b'')

    def test_who_it_is(self):
        self.assertEqual(self.data.ver, 0x00020100)
        self.assertEqual(self.data.cntrltype, 1)
        self.assertTrue(self.data.cmic & 2, 'CMIC: many controllers')

    def test_limits(self):
        self.assertEqual(4096 << self.data.mdts, KIB * KIB)
        self.assertEqual((self.data.sqes, self.data.cqes), (0x66, 0x44))
        self.assertEqual(self.data.maxcmd, 1024)
        self.assertEqual(self.data.nn, 256)
        self.assertLessEqual(self.data.mnan, self.data.nn)
        self.assertGreater(self.data.kas, 0)

    def test_capsules(self):
        self.assertEqual(self.data.ioccsz, (64 + 16 * KIB) // 16)
        self.assertEqual((self.data.iorcsz, self.data.icdoff), (1, 0))
        self.assertEqual(self.data.fcatt & 1, 0, 'dynamic controller model')
        self.assertIn(self.data.sgls & 3, (1, 2))
        self.assertTrue(self.data.sgls >> 20 & 1, 'offsets in SGLs')

    def test_flush_behaviour_is_said_where_there_is_a_cache(self):
        if self.data.vwc & 1:
            self.assertIn(self.data.vwc >> 1 & 3, (2, 3))

    def test_nsid_is_ignored_and_so_is_cntid(self):
        for nsid in (1, 77, ALL):
            command = self.ctrl.identify(1, nsid, cntid=9)
            self.assert_success(command)
            self.assertEqual(bytes(command.data), self.data.raw)


class IdentifyNamespace(AdminCase):
    devices = ('ramdisk:1M?nsid=1', 'ramdisk:2M?nsid=5&bs=4096',
               'null:1G?nsid=256')

    def nsids(self, start):
        command = self.ctrl.identify(2, start)
        self.assert_success(command)
        numbers = struct.unpack('<1024I', command.data)
        active = [nsid for nsid in numbers if nsid]
        self.assertEqual(list(numbers), active + [0] * (1024 - len(active)))
        return active

    def test_active_list_goes_on_after_the_given_one(self):
        self.assertEqual(self.nsids(0), [1, 5, 256])
        self.assertEqual(self.nsids(1), [5, 256])
        self.assertEqual(self.nsids(4), [5, 256])
        self.assertEqual(self.nsids(256), [])
        self.assertEqual(self.nsids(0xFFFFFFFD), [])

    def test_active_list_after_everything_is_invalid(self):
        for nsid in (NONE, ALL):
            self.assert_status(self.ctrl.identify(2, nsid),
                               Sc.INVALID_NAMESPACE)

    def test_sizes(self):
        first = self.ctrl.identify_namespace(1)
        self.assertEqual((first.nsze, first.ncap), (2048, 2048))
        self.assertLessEqual(first.nuse, first.ncap)
        self.assertEqual(first.lbaf0, 9 << 16)
        second = self.ctrl.identify_namespace(5)
        self.assertEqual((second.nsze, second.lbaf0), (512, 12 << 16))

    def test_one_format_without_metadata(self):
        data = self.ctrl.identify_namespace(1)
        self.assertEqual((data.nlbaf, data.flbas), (0, 0))
        self.assertEqual((data.mc, data.dpc, data.dps), (0, 0, 0))

    def test_namespaces_may_be_shared(self):
        self.assertTrue(self.ctrl.identify_namespace(1).nmic & 1)

    def test_inactive_within_nn_is_success_and_zeros(self):
        for nsid in (2, 4, 255):
            command = self.ctrl.identify(0, nsid)
            self.assert_success(command)
            self.assertEqual(bytes(command.data), bytes(4096))

    def test_outside_of_nn_is_invalid(self):
        for nsid in (0, 257, 0x10001, NONE, ALL):
            with self.subTest(nsid=nsid):
                self.assert_status(self.ctrl.identify(0, nsid),
                                   Sc.INVALID_NAMESPACE)

    def test_descriptors_repeat_the_identifiers(self):
        for nsid in (1, 5, 256):
            found = self.ctrl.descriptors(nsid)
            data = self.ctrl.identify_namespace(nsid)
            self.assertEqual(found[1], data.eui64)
            self.assertEqual(found[2], data.nguid)
            self.assertEqual(len(found[3]), 16)
            for value in (found[1], found[2], found[3]):
                self.assertTrue(any(value))

    def test_csi_is_described_exactly_where_cap_says_so(self):
        has_iocs = bool(self.admin.property_get(0, 8) >> 43 & 1)
        self.assertEqual(4 in self.ctrl.descriptors(1), has_iocs)

    def test_descriptors_of_what_is_not_active_are_invalid(self):
        for nsid in (0, 2, 257, ALL):
            self.assert_status(self.ctrl.identify(3, nsid),
                               Sc.INVALID_NAMESPACE)

    def test_unknown_cns_is_an_invalid_field(self):
        for cns in set(range(256)) - set(wire.Cns):
            with self.subTest(cns=cns):
                self.assert_status(self.ctrl.identify(cns, 1),
                                   Sc.INVALID_FIELD)

    def test_data_of_another_length_is_refused(self):
        for size in (0, 512, 4092):
            command = self.admin.run(wire.identify(1), length=size)
            self.assert_status(command, Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD)


class LogPages(AdminCase):

    SIZES = ((Log.HEALTH, 512), (Log.FIRMWARE, 512))

    def test_every_length_and_dword_offset(self):
        whole = bytes(self.log(Log.FIRMWARE, 512).data)
        for offset, length in ((0, 4), (4, 4), (8, 4), (20, 100), (500, 12),
                               (256, 256), (0, 508)):
            with self.subTest(offset=offset, length=length):
                part = self.log(Log.FIRMWARE, length, offset=offset)
                self.assert_success(part)
                self.assertEqual(bytes(part.data),
                                 whole[offset:offset + length])

    def test_offset_at_the_end_is_legal_and_returns_zeros(self):
        for lid, size in self.SIZES:
            command = self.log(lid, 64, offset=size)
            self.assert_success(command)
            self.assertEqual(bytes(command.data), bytes(64))

    def test_offset_beyond_the_end_is_an_error(self):
        for lid, size in self.SIZES:
            for offset in (size + 4, 1 << 32, (1 << 64) - 4):
                with self.subTest(lid=lid, offset=offset):
                    self.assert_status(self.log(lid, 64, offset=offset),
                                       Sc.INVALID_FIELD)

    def test_offset_between_dwords_is_an_error(self):
        for offset in (1, 2, 3, 6, 9):
            self.assert_status(self.log(Log.FIRMWARE, 64, offset=offset),
                               Sc.INVALID_FIELD)

    def test_more_than_the_page_is_filled_with_zeros(self):
        command = self.log(Log.FIRMWARE, 4096, offset=256)
        self.assert_success(command)
        self.assertEqual(bytes(command.data[256:]), bytes(4096 - 256))

    def test_number_of_dwords_does_not_wrap(self):
        for dwords in (1 << 32, 1 << 31, (1 << 30) + 1):
            with self.subTest(dwords=dwords):
                sqe = wire.get_log_page(Log.HEALTH, dwords)
                command = self.admin.run(sqe, length=512)
                self.assert_status(command, Sc.INVALID_FIELD,
                                   Sc.DATA_SGL_LENGTH)

    def test_length_and_data_have_to_agree(self):
        for size in (0, 508, 516):
            command = self.admin.run(wire.get_log_page(Log.HEALTH, 128),
                                     length=size)
            self.assert_status(command, Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD)

    def test_every_other_page_is_an_error(self):
        known = set(Log) - {Log.DISCOVERY}
        for lid in range(256):
            with self.subTest(lid=hex(lid)):
                expected = Sc.SUCCESS if lid in known else Sc.INVALID_LOG_PAGE
                self.assert_status(self.log(lid, 512), expected)

    def test_error_log_has_as_many_entries_as_elpe_says(self):
        entries = self.ctrl.identify_controller().elpe + 1
        command = self.log(Log.ERROR, 64 * entries)
        self.assert_success(command)
        self.assert_status(self.log(Log.ERROR, 64, offset=64 * entries + 4),
                           Sc.INVALID_FIELD)

    def test_firmware_page_agrees_with_fr(self):
        data = self.log(Log.FIRMWARE, 512).data
        self.assertEqual(data[0] & 7, 1, 'active slot')
        self.assertEqual(bytes(data[8:16]), self.ctrl.identify_controller().fr)

    def test_retain_asynchronous_event_is_accepted(self):
        for rae in (False, True):
            self.assert_success(self.log(Log.HEALTH, 512, rae=rae))

    def test_pages_of_the_controller_take_nsid_0_and_all(self):
        for nsid in (0, ALL):
            self.assert_success(self.log(Log.HEALTH, 512, nsid=nsid))


class Features(AdminCase):

    def get(self, fid, **how):
        return self.admin.run(wire.get_features(fid, **how)).cqe

    def set(self, fid, value, **how):
        return self.admin.run(wire.set_features(fid, value, **how)).cqe

    def test_event_configuration_keeps_what_it_is_given(self):
        for value in (0x100, 0):    # 100h: what ESXi sends
            self.assert_status(self.set(Feature.ASYNC_EVENT_CONFIG, value),
                               Sc.SUCCESS)
            self.assertEqual(self.get(Feature.ASYNC_EVENT_CONFIG).dw0, value)

    def test_keep_alive_timer_keeps_what_it_is_given(self):
        unit = self.ctrl.identify_controller().kas * 100
        self.assertEqual(self.get(Feature.KEEP_ALIVE_TIMER).dw0, 0)
        for value in (4 * unit, 30 * unit, 0):
            self.assert_status(self.set(Feature.KEEP_ALIVE_TIMER, value),
                               Sc.SUCCESS)
            self.assertEqual(self.get(Feature.KEEP_ALIVE_TIMER).dw0, value)

    def test_every_other_feature_is_an_invalid_field(self):
        for fid in set(range(256)) - set(Feature):
            with self.subTest(fid=hex(fid)):
                self.assert_status(self.get(fid), Sc.INVALID_FIELD)
                self.assert_status(self.set(fid, 0), Sc.INVALID_FIELD)
                for select in wire.Select:
                    self.assert_status(self.get(fid, select=select),
                                       Sc.INVALID_FIELD)

    def test_nothing_can_be_saved(self):
        cqe = self.set(Feature.ASYNC_EVENT_CONFIG, 0, save=True)
        self.assert_status(cqe, Sc.FEATURE_NOT_SAVEABLE, Sc.INVALID_FIELD)

    def test_a_reset_brings_the_defaults_back(self):
        self.set(Feature.ASYNC_EVENT_CONFIG, 0x100)
        self.ctrl.disable()
        self.ctrl.enable()
        self.assertEqual(self.get(Feature.ASYNC_EVENT_CONFIG).dw0, 0)


class Events(AdminCase):

    def test_requests_are_held_and_one_too_many_is_refused(self):
        limit = self.ctrl.identify_controller().aerl + 1
        held = [self.admin.submit(Sqe(Admin.ASYNC_EVENT))
                for _ in range(limit)]
        over = self.admin.run(Sqe(Admin.ASYNC_EVENT))
        self.assert_status(over, Sc.ASYNC_LIMIT)
        for _ in range(40):
            self.assert_success(self.ctrl.identify())
        self.assertFalse(any(event.done for event in held))

    def test_they_end_unanswered_with_a_reset_or_shutdown(self):
        """Who takes his controller down may have given their identifiers to others."""
        for take_down in (self.ctrl.disable, self.shut_down):
            with self.subTest(take_down.__name__):
                held = [self.admin.submit(Sqe(Admin.ASYNC_EVENT)) for _ in range(3)]
                take_down()
                for event in held:
                    self.assertFalse(event.done)
                    # An answer to it from now on is one to nothing, and fails the test.
                    del self.admin.in_flight[event.cid]
                self.ctrl.disable()
                self.ctrl.enable()
                for _ in range(self.ctrl.identify_controller().aerl + 1):
                    self.admin.submit(Sqe(Admin.ASYNC_EVENT))
                self.assert_success(self.ctrl.identify())
                self.ctrl.disable()
                self.admin.in_flight.clear()
                self.ctrl.enable()

    def shut_down(self):
        self.admin.property_set(wire.Prop.CC, CC_ENABLE | 1 << 14)
        self.ctrl.wait_csts(0xC, 0x8)

    def fabrics_reply(self, sqe, cid):
        """... to a Fabrics command under an identifier that is taken."""
        packed = sqe.pack(cid, wire.sgl(wire.SGL_TRANSPORT, 0))
        self.admin.submitted += 1
        self.admin.send_raw(self.admin.encode(wire.Pdu.CMD, packed))
        cqe = wire.Cqe.unpack(self.admin.receive_pdu().header[8:])
        self.assertEqual(cqe.cid, cid)
        return cqe

    def test_a_host_may_forget_them_and_shut_down_under_their_identifiers(self):
        """As SPDK's does, which frees them by itself first."""
        held = [self.admin.submit(Sqe(Admin.ASYNC_EVENT)) for _ in range(4)]
        last = held[-1].cid
        cqe = self.fabrics_reply(wire.property_get(wire.Prop.CC, 4), last)
        self.assertEqual((cqe.sc, cqe.dw0), (Sc.SUCCESS, CC_ENABLE))
        for event in held:
            del self.admin.in_flight[event.cid]
        cqe = self.fabrics_reply(wire.property_set(wire.Prop.CC, CC_ENABLE | 1 << 14), last)
        self.assertEqual(cqe.sc, Sc.SUCCESS)
        self.ctrl.wait_csts(0xC, 0x8)

    def test_what_they_waited_for_comes_to_those_that_follow(self):
        held = self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.fabrics_reply(wire.property_get(wire.Prop.VS, 4), held.cid)
        del self.admin.in_flight[held.cid]
        self.assert_success(self.admin.run(wire.set_features(Feature.ASYNC_EVENT_CONFIG, 2)))
        self.assert_success(self.admin.run(wire.set_features(Feature.TEMPERATURE_THRESHOLD, 273)))
        self.assert_success(self.ctrl.identify())
        event = self.admin.wait(self.admin.submit(Sqe(Admin.ASYNC_EVENT)))
        self.assertEqual(event.cqe.dw0 & 0xFFFF, 0x0101)

    def test_another_command_may_not_take_the_place_of_one(self):
        held = self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        cqe = self.fabrics_reply(Sqe(Admin.KEEP_ALIVE), held.cid)
        self.assertEqual(cqe.sc, Sc.CID_CONFLICT)
        self.assertFalse(held.done)

    def test_a_held_request_is_no_obstacle_to_the_end(self):
        self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.admin.property_set(wire.Prop.CC, CC_ENABLE | 1 << 14)
        self.ctrl.wait_csts(0xC, 0x8)


class Abort(AdminCase):

    def abort(self, sqid, cid):
        return self.admin.run(Sqe(Admin.ABORT, cdw10=cid << 16 | sqid)).cqe

    def test_of_nothing_succeeds_and_says_not_aborted(self):
        for sqid, cid in ((0, 0xFFFE), (1, 5), (0x7777, 1)):
            cqe = self.abort(sqid, cid)
            self.assert_status(cqe, Sc.SUCCESS)
            self.assertEqual(cqe.dw0 & 1, 1)

    def test_of_one_of_two_event_requests_concerns_that_one(self):
        first, second = (self.admin.submit(Sqe(Admin.ASYNC_EVENT))
                         for _ in range(2))
        cqe = self.abort(0, second.cid)
        self.assert_status(cqe, Sc.SUCCESS)
        if not cqe.dw0 & 1:
            self.assert_status(self.admin.wait(second), Sc.ABORTED_BY_REQUEST)
        self.assert_success(self.ctrl.identify())
        self.assertFalse(first.done)

    def test_of_an_event_request_is_answered(self):
        event = self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        cqe = self.abort(0, event.cid)
        self.assert_status(cqe, Sc.SUCCESS)
        if not cqe.dw0 & 1:
            self.assert_status(self.admin.wait(event), Sc.ABORTED_BY_REQUEST)
        self.assert_success(self.ctrl.identify())


TCP_KEEP_ALIVE_TIMER = 2


def kernel_timer(host_socket):
    """Which timer runs on the target's end of a connection, by the kernel."""
    ports = host_socket.getpeername()[1], host_socket.getsockname()[1]
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if tuple(int(f.split(':')[1], 16) for f in fields[1:3]) == ports:
                return int(fields[5].split(':')[0], 16)
    raise LookupError('the connection is not in /proc/net')


class KeepAlive(TargetCase):
    """KATO is enforced; with CTRATT.TBKAS any command counts."""

    def setUp(self):
        plain = self.controller().identify_controller()
        self.kato = max(1000, plain.kas * 100)
        self.traffic_based = bool(plain.ctratt >> 6 & 1)
        self.slack = 2.0

    def assert_expires(self, queue):
        """Ends after one KATO, and before two and a bit."""
        kato = self.kato / 1000
        self.assertGreater(self.assert_ends(queue, 2 * kato + self.slack),
                           0.7 * kato)

    def test_command_is_answered_without_a_timer(self):
        admin = self.controller().admin
        self.assert_success(admin.run(Sqe(Admin.KEEP_ALIVE)))

    def test_without_kato_tcp_watches_for_a_dead_host(self):
        admin = self.controller().admin
        self.assert_success(admin.run(wire.identify(1), length=4096))
        time.sleep(0.1)
        self.assertEqual(kernel_timer(admin.socket), TCP_KEEP_ALIVE_TIMER)

    def test_silence_ends_the_controller_and_its_queues(self):
        controller = self.controller(kato=self.kato)
        queue, = controller.io_queues(1)
        self.assert_expires(controller.admin)
        self.assert_ends(queue)

    def test_keep_alive_commands_hold_it(self):
        admin = self.controller(kato=self.kato).admin
        self.keep_alive(self.kato,
                        lambda: self.assert_success(admin.run(Sqe(0x18))))
        self.assert_expires(admin)

    def test_io_alone_holds_it_where_traffic_counts(self):
        if not self.traffic_based:
            self.skipTest('CTRATT.TBKAS is not set')
        queue = self.io(kato=self.kato)
        self.keep_alive(self.kato, lambda: self.assert_success(
            read_blocks(queue, 0, 1)))
        self.assert_success(queue.controller.identify())

    def test_the_traffic_of_a_queue_that_is_gone_still_counts(self):
        """Linux closes its I/O queues first, then shuts down: between the
        two the admin queue alone looks silent."""
        if not self.traffic_based:
            self.skipTest('CTRATT.TBKAS is not set')
        queue = self.io(kato=self.kato)
        self.keep_alive(self.kato, lambda: self.assert_success(
            read_blocks(queue, 0, 1)))
        queue.close()
        time.sleep(self.kato / 4000)
        self.assert_success(queue.controller.identify())

    def test_set_features_starts_and_stops_the_timer(self):
        stopped = self.controller(kato=self.kato).admin
        self.assert_success(stopped.run(wire.set_features(0x0F, 0)))
        started = self.controller().admin
        self.assert_success(started.run(wire.set_features(0x0F, self.kato)))
        self.assert_expires(started)
        self.assert_success(stopped.run(wire.identify(1), length=4096))

    def test_shutdown_stops_the_timer(self):
        controller = self.controller(kato=self.kato)
        controller.admin.property_set(wire.Prop.CC, CC_ENABLE | 1 << 14)
        controller.wait_csts(0xC, 0x8)
        time.sleep(2.3 * self.kato / 1000)
        self.assertEqual(controller.admin.property_get(wire.Prop.CSTS) & 0xC,
                         0x8)


# bit: the opcodes that it stands for
OACS = {0: (0x81, 0x82), 1: (0x80,), 2: (0x10, 0x11), 3: (0x0D, 0x15),
        4: (0x14,), 5: (0x19, 0x1A), 6: (0x1D, 0x1E), 7: (0x1C,), 8: (0x7C,),
        9: (0x86,), 10: (0x24,)}
ONCS = {0: (Nvm.COMPARE,), 1: (Nvm.WRITE_UNCORRECTABLE,),
        2: (Nvm.DATASET_MANAGEMENT,), 3: (Nvm.WRITE_ZEROES,),
        5: (Nvm.RESERVATION_REGISTER, Nvm.RESERVATION_REPORT,
            Nvm.RESERVATION_ACQUIRE, Nvm.RESERVATION_RELEASE),
        7: (Nvm.VERIFY,), 8: (Nvm.COPY,)}
ONCS_FEATURES_SELECT, ONCS_TIMESTAMP = 4, 6
LPA_LOGS = {1: (0x05,), 3: (0x07, 0x08), 4: (0x0D,), 5: (0x00, 0x12, 0x13)}
MANDATORY_ADMIN = {Admin.GET_LOG_PAGE, Admin.IDENTIFY, Admin.ABORT,
                   Admin.SET_FEATURES, Admin.GET_FEATURES, Admin.ASYNC_EVENT,
                   Admin.KEEP_ALIVE, Admin.FABRICS}
MANDATORY_IO = {Nvm.FLUSH, Nvm.WRITE, Nvm.READ, Admin.FABRICS}


class Capabilities(AdminCase):
    """Every advertised bit is backed, and nothing else works by accident."""

    def setUp(self):
        super().setUp()
        self.data = self.ctrl.identify_controller()

    def advertised(self, field, table):
        """The opcodes that the bits of `field` stand for."""
        self.assertEqual(field & ~sum(1 << bit for bit in table), 0,
                         'a bit that this test does not know')
        return {opcode for bit, opcodes in table.items()
                if field >> bit & 1 for opcode in opcodes}

    def sweep(self, queue, known, but):
        """Runs all 256 opcodes: Invalid Opcode says that it is not known."""
        for opcode in set(range(256)) - but:
            with self.subTest(opcode=hex(opcode)):
                cqe = queue.run(Sqe(opcode, nsid=1)).cqe
                if opcode in known:
                    self.assertNotEqual(cqe.sc, Sc.INVALID_OPCODE, cqe)
                else:
                    self.assert_status(cqe, Sc.INVALID_OPCODE)

    def test_admin_opcodes(self):
        self.sweep(self.admin, MANDATORY_ADMIN |
                   self.advertised(self.data.oacs, OACS),
                   but={Admin.ASYNC_EVENT, Admin.FABRICS})

    def test_io_opcodes(self):
        commands = self.data.oncs & ~(1 << ONCS_FEATURES_SELECT |
                                      1 << ONCS_TIMESTAMP)
        queue, = self.ctrl.io_queues(1)
        self.sweep(queue, MANDATORY_IO | self.advertised(commands, ONCS),
                   but={Admin.FABRICS})

    def test_unknown_commands_never_ask_for_their_data(self):
        queue, = self.ctrl.io_queues(1)
        for line, opcode in ((self.admin, 0xC1), (queue, 0x81)):
            command = line.run(Sqe(opcode, 1), bytes(65536), in_capsule=False)
            self.assert_status(command, Sc.INVALID_OPCODE)
            self.assertEqual(command.granted, 0)

    def test_oncs_features(self):
        select = self.admin.run(wire.get_features(0x0B, select=3)).cqe
        if self.data.oncs >> ONCS_FEATURES_SELECT & 1:
            self.assert_status(select, Sc.SUCCESS)
        timestamp = self.admin.run(wire.get_features(0x0E), length=8).cqe
        if self.data.oncs >> ONCS_TIMESTAMP & 1:
            self.assert_status(timestamp, Sc.SUCCESS)
        else:
            self.assert_status(timestamp, Sc.INVALID_FIELD)

    def test_lpa(self):
        self.assertTrue(self.data.lpa & 4, 'extended data: NUMDU and offset')
        for bit, lids in LPA_LOGS.items():
            for lid in lids:
                cqe = self.log(lid, 512).cqe
                if self.data.lpa >> bit & 1:
                    self.assert_status(cqe, Sc.SUCCESS)
                else:
                    self.assert_status(cqe, Sc.INVALID_LOG_PAGE)

    def test_lpa_health_of_a_namespace(self):
        cqe = self.log(Log.HEALTH, 512, nsid=1).cqe
        if self.data.lpa & 1:
            self.assert_status(cqe, Sc.SUCCESS)
        else:
            self.assert_status(cqe, Sc.INVALID_FIELD, Sc.INVALID_NAMESPACE)

    def test_oaes_bits_can_be_enabled_and_have_their_log(self):
        logs = {8: 0x04, 11: 0x0C}
        self.assertEqual(self.data.oaes & ~(1 << 8 | 1 << 11), 0)
        value = self.data.oaes
        self.assert_success(self.admin.run(wire.set_features(0x0B, value)))
        self.assertEqual(self.admin.run(wire.get_features(0x0B)).cqe.dw0,
                         value)
        for bit, lid in logs.items():
            if value >> bit & 1:
                self.assert_success(self.log(lid, 64))

    def test_fused_operations(self):
        queue, = self.ctrl.io_queues(1)
        for fuse in (1, 2, 3):
            sqe = wire.read(1, 0, 1)
            sqe.flags |= fuse
            if not self.data.fuses:
                self.assert_status(queue.run(sqe, length=512),
                                   Sc.INVALID_FIELD)

    def test_volatile_write_cache(self):
        queue, = self.ctrl.io_queues(1)
        self.assert_success(queue.run(wire.flush(1)))
        feature = self.admin.run(
            wire.get_features(Feature.VOLATILE_WRITE_CACHE)).cqe
        if self.data.vwc & 1:
            self.assert_status(feature, Sc.SUCCESS)
            self.assertEqual(feature.dw0 & 1, 1)
        else:
            self.assert_status(feature, Sc.INVALID_FIELD)

    def test_flush_of_all_namespaces_as_vwc_says(self):
        queue, = self.ctrl.io_queues(1)
        command = queue.run(wire.flush(ALL))
        if self.data.vwc >> 1 & 3 == 3:
            self.assert_success(command)
        else:
            self.assert_status(command, Sc.INVALID_NAMESPACE)

    def test_sgls(self):
        self.assertEqual(self.data.sgls & (1 << 2), 0, 'keyed SGLs')
        self.assertEqual(self.data.sgls >> 16 & 0xF, 0,
                         'bit bucket, metadata, excess length')
        queue, = self.ctrl.io_queues(1)
        for kind in (0x10, 0x40):
            sqe = wire.read(1, 0, 1)
            sqe.sgl = wire.sgl(kind, 512)
            self.assert_status(queue.run(sqe), Sc.SGL_TYPE, Sc.INVALID_FIELD)
        self.assertEqual(self.data.msdbd, 1)
        self.assert_success(write_blocks(queue, 0, bytes(512)))

    def test_disconnect(self):
        self.assertTrue(self.data.ofcs & 1, 'OFCS: Disconnect')

    def test_no_asymmetric_access(self):
        if not self.data.cmic & 8:
            self.assertEqual((self.data.anacap, self.data.anagrpmax,
                              self.data.nanagrpid), (0, 0, 0))
            self.assert_status(self.log(0x0C, 64), Sc.INVALID_LOG_PAGE)

    def test_what_nothing_here_implements_is_zero(self):
        for name in ('npss', 'apsta', 'rpmbs', 'dsto', 'hctma', 'sanicap',
                     'fna', 'avscc'):
            self.assertEqual(getattr(self.data, name), 0, name)
        self.assertEqual(self.data.nwpc, 1, 'no state that ends with a power cycle')
        if not self.data.oncs & 1:
            self.assertEqual(self.data.acwu, 0)

    def test_controller_attributes(self):
        host_id_128, traffic_based, uuid_list = 1, 1 << 6, 1 << 9
        self.assertEqual(self.data.ctratt,
                         host_id_128 | traffic_based | uuid_list)

    def test_firmware(self):
        self.assertEqual(self.data.frmw & 0xF, 0x3, 'one read-only slot')

    def test_namespace(self):
        data = self.ctrl.identify_namespace(1)
        if not self.data.oncs >> 5 & 1:
            self.assertEqual(data.rescap, 0)
        if not self.data.oncs & 1:
            self.assertEqual(data.nacwu, 0)
        self.assertEqual(data.nsattr, 0)
        self.assertEqual(data.nsfeat & 0b1101, 0,
                         'thin provisioning, deallocation errors, UID reuse')


if __name__ == '__main__':
    unittest.main()
