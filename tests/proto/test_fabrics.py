# SPDX-License-Identifier: BSD-2-Clause
"""Row "Fabrics commands": Connect, Disconnect, properties, enable and reset."""
import time
import unittest

import wire
from case import TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import (CATTR_INDIVIDUAL_DELETION, CATTR_NO_FLOW_CONTROL,
                     CC_ENABLE, DISCOVERY_NQN, Closed, Host)
from wire import Prop, Sc, Sqe

# where the fields of Connect are: in the command, and in its data
CMD_QID, CMD_SQSIZE = 42, 44
DATA_HOSTID, DATA_CNTLID, DATA_SUBNQN, DATA_HOSTNQN = 0, 16, 256, 512
SHN_NORMAL, SHN_ABRUPT = 1 << 14, 2 << 14
CSTS_READY, SHST_MASK, SHST_COMPLETE = 1, 0xC, 0x8


class FabricsCase(TargetCase):

    def setUp(self):
        self.host = Host()

    def connect(self, subnqn=None, hostnqn=None, hostid=None, **fields):
        """Connect on a new connection; returns (queue, response)."""
        queue = self.queue()
        command = queue.connect(subnqn or self.target.nqn,
                                self.host.nqn if hostnqn is None else hostnqn,
                                self.host.hostid if hostid is None else hostid,
                                **fields)
        return queue, command.cqe

    def assert_invalid_parameter(self, cqe, in_data, offset, dnr=None):
        self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS, dnr=dnr)
        iattr, ipo = cqe.dw0 >> 16 & 0xFF, cqe.dw0 & 0xFFFF
        self.assertEqual((iattr, ipo), (1 if in_data else 0, offset),
                         '(IATTR, IPO)')


class AdminConnect(FabricsCase):

    def test_response_gives_a_controller_identifier(self):
        _, cqe = self.connect()
        self.assert_status(cqe, Sc.SUCCESS)
        self.assertTrue(1 <= cqe.dw0 & 0xFFFF <= 0xFFEF)
        self.assertEqual(cqe.dw0 >> 16, 0, 'AUTHREQ')

    def test_record_format(self):
        _, cqe = self.connect(recfmt=1)
        self.assert_status(cqe, Sc.CONNECT_INCOMPATIBLE_FORMAT)

    def test_unknown_subsystem_without_dnr(self):
        for nqn in ('nqn.2026-11.org.example:absent', self.target.nqn + 'x',
                    self.target.nqn[:-1]):
            _, cqe = self.connect(nqn)
            self.assert_invalid_parameter(cqe, True, DATA_SUBNQN, dnr=False)

    def test_subsystem_name_that_never_ends(self):
        _, cqe = self.connect(b'nqn.' + b'x' * 252)
        self.assert_invalid_parameter(cqe, True, DATA_SUBNQN)

    def test_host_name_that_is_none(self):
        for nqn in ('iqn.2026-11.org.example:host', b'nqn.' + b'h' * 252,
                    b'nqn.2026-11.org.example:' + b'h' * 200):
            with self.subTest(nqn=nqn):
                _, cqe = self.connect(hostnqn=nqn)
                self.assert_invalid_parameter(cqe, True, DATA_HOSTNQN)

    def test_longest_host_name(self):
        prefix = 'nqn.2026-11.org.example:'
        _, cqe = self.connect(hostnqn=prefix + 'h' * (223 - len(prefix)))
        self.assert_status(cqe, Sc.SUCCESS)

    def test_host_identifier_of_zeros(self):
        _, cqe = self.connect(hostid=bytes(16))
        self.assert_invalid_parameter(cqe, True, DATA_HOSTID)

    def test_controller_identifier_has_to_be_dynamic(self):
        for cntlid in (0, 1, 0xFFF0, 0xFFFE):
            with self.subTest(cntlid=cntlid):
                _, cqe = self.connect(cntlid=cntlid)
                self.assert_invalid_parameter(cqe, True, DATA_CNTLID)

    def test_queue_size(self):
        for sqsize in (0, 0xFFFF):
            with self.subTest(sqsize=sqsize):
                _, cqe = self.connect(sqsize=sqsize)
                self.assert_invalid_parameter(cqe, False, CMD_SQSIZE)
        _, cqe = self.connect(sqsize=1)
        self.assert_status(cqe, Sc.SUCCESS)

    def test_data_of_another_length_than_1024(self):
        data = wire.connect_data(self.target.nqn, self.host.nqn,
                                 self.host.hostid)
        for size in (0, 512, 1020, 1028, 2048):
            with self.subTest(size=size):
                sqe = wire.connect()
                cqe = self.queue().run(sqe, (data * 2)[:size],
                                       in_capsule=size > 0).cqe
                self.assert_status(cqe, Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD,
                                   Sc.SGL_TYPE)

    def test_reserved_attributes_do_no_harm(self):
        for cattr in (0, 1, 3, CATTR_INDIVIDUAL_DELETION):
            _, cqe = self.connect(cattr=cattr)
            self.assert_status(cqe, Sc.SUCCESS)

    def test_a_refused_connection_may_try_again(self):
        queue, cqe = self.connect('nqn.2026-11.org.example:absent')
        self.assertNotEqual(cqe.sc, Sc.SUCCESS)
        try:
            command = queue.connect(self.target.nqn, self.host.nqn,
                                    self.host.hostid)
        except ConnectionError:
            return  # ending the connection is as good
        self.assert_success(command)

    def test_second_connect_is_a_sequence_error_and_the_queue_lives(self):
        queue, _ = self.connect()
        data = wire.connect_data(self.target.nqn, self.host.nqn,
                                 self.host.hostid)
        command = queue.run(wire.connect(), data, in_capsule=True)
        self.assert_status(command, Sc.SEQUENCE_ERROR)
        self.assertTrue(queue.property_get(Prop.VS))

    def test_nothing_but_connect_comes_first(self):
        for sqe, size in ((wire.identify(1), 4096),
                          (wire.property_get(Prop.CAP, 8), 0),
                          (wire.disconnect(), 0), (wire.flush(1), 0)):
            with self.subTest(sqe=sqe):
                queue = self.queue()
                try:
                    cqe = queue.run(sqe, length=size).cqe
                except Closed:
                    continue
                self.assert_status(cqe, Sc.SEQUENCE_ERROR, Sc.INVALID_FIELD)

    def test_kato_is_taken_and_rounded_up_at_most(self):
        controller = self.controller(kato=5001)
        cqe = controller.admin.run(wire.get_features(0x0F)).cqe
        self.assertTrue(5001 <= cqe.dw0 <= 15000, cqe)


class IoConnect(FabricsCase):

    def setUp(self):
        super().setUp()
        self.ctrl = self.controller(host=self.host)
        self.granted = self.ctrl.set_queues(4)
        self.ctrl.open_queue().close()      # learns IOCCSZ while it can

    def io_connect(self, qid=1, **fields):
        """(queue, response) of an I/O queue's Connect, fields overridden."""
        queue = self.ctrl.open_queue()
        return queue, self.ctrl.connect_queue(queue, qid, **fields).cqe

    def test_response_repeats_the_controller_identifier(self):
        _, cqe = self.io_connect()
        self.assert_status(cqe, Sc.SUCCESS)
        self.assertEqual(cqe.dw0 & 0xFFFF, self.ctrl.cntlid)

    def test_host_without_a_name(self):
        """No name at all, as SPDK's perf has, is not a wrong one."""
        self.host = Host('')
        self.ctrl = self.controller(host=self.host)
        self.ctrl.set_queues(1)
        queue, cqe = self.io_connect()
        self.assert_status(cqe, Sc.SUCCESS)

    def test_kato_is_reserved_and_ignored(self):
        queue, cqe = self.io_connect(kato=10)
        self.assert_status(cqe, Sc.SUCCESS)
        time.sleep(0.3)
        self.assert_success(read_blocks(queue, 0, 1))

    def test_record_format(self):
        _, cqe = self.io_connect(recfmt=0x0100)
        self.assert_status(cqe, Sc.CONNECT_INCOMPATIBLE_FORMAT)

    def test_queue_size_within_mqes(self):
        mqes = self.ctrl.admin.property_get(Prop.CAP, 8) & 0xFFFF
        self.assertEqual(mqes, 1023)
        for sqsize in (0, mqes + 1, 0xFFFF):
            with self.subTest(sqsize=sqsize):
                _, cqe = self.io_connect(sqsize=sqsize)
                self.assert_invalid_parameter(cqe, False, CMD_SQSIZE)
        queue, cqe = self.io_connect(sqsize=mqes)
        self.assert_status(cqe, Sc.SUCCESS)
        self.assert_success(read_blocks(queue, 0, 1))

    def test_queue_identifier_beyond_what_was_granted(self):
        for qid in (self.granted + 1, 0xFFFF):
            _, cqe = self.io_connect(qid)
            self.assert_invalid_parameter(cqe, False, CMD_QID)

    def test_unknown_controller(self):
        for cntlid in (self.ctrl.cntlid ^ 0x0800, 0, 0xFFFE, 0xFFFF):
            with self.subTest(cntlid=cntlid):
                _, cqe = self.io_connect(cntlid=cntlid)
                self.assert_invalid_parameter(cqe, True, DATA_CNTLID)

    def test_host_name_is_compared_over_all_its_bytes(self):
        """Names that are valid and differ late: the seed compared 16 bytes."""
        self.host = Host('nqn.2026-11.org.example:a-host-with-a-long-name')
        self.ctrl = self.controller(host=self.host)
        self.ctrl.set_queues(1)
        for nqn in (self.host.nqn[:-1] + 'x', self.host.nqn + 'x',
                    self.host.nqn[:-1], 'nqn.2026-11.org.example:b'):
            with self.subTest(nqn=nqn):
                _, cqe = self.io_connect(hostnqn=nqn)
                self.assert_invalid_parameter(cqe, True, DATA_HOSTNQN)
        _, cqe = self.io_connect()
        self.assert_status(cqe, Sc.SUCCESS)

    def test_host_identifier_is_compared(self):
        other = self.host.hostid[:-1] + bytes([self.host.hostid[-1] ^ 1])
        _, cqe = self.io_connect(hostid=other)
        self.assert_invalid_parameter(cqe, True, DATA_HOSTID)

    def test_wrong_subsystem(self):
        _, cqe = self.io_connect(subnqn='nqn.2026-11.org.example:absent')
        self.assert_invalid_parameter(cqe, True, DATA_SUBNQN, dnr=False)

    def test_duplicate_identifier_is_refused_without_dnr(self):
        first, _ = self.io_connect()
        _, cqe = self.io_connect()
        self.assertFalse(cqe.dnr)
        if cqe.sc != Sc.SEQUENCE_ERROR:
            self.assert_invalid_parameter(cqe, False, CMD_QID)
        self.assert_success(read_blocks(first, 0, 1))

    def test_identifier_whose_socket_ends_a_moment_later_is_free(self):
        first, _ = self.io_connect(cattr=CATTR_INDIVIDUAL_DELETION)
        queue = self.ctrl.open_queue()
        first.run(wire.disconnect())
        first.close()
        cqe = self.ctrl.connect_queue(queue, 1).cqe
        self.assert_status(cqe, Sc.SUCCESS)

    def test_end_of_the_old_socket_may_arrive_after_the_new_connect(self):
        first, _ = self.io_connect(cattr=CATTR_INDIVIDUAL_DELETION)
        queue = self.ctrl.open_queue()
        data = wire.connect_data(self.target.nqn, self.host.nqn,
                                 self.host.hostid, self.ctrl.cntlid)
        command = queue.submit(wire.connect(1), data, in_capsule=True)
        first.close()
        self.assert_success(queue.wait(command))

    def test_second_connect_is_a_sequence_error_and_the_queue_lives(self):
        queue, _ = self.io_connect()
        data = wire.connect_data(self.target.nqn, self.host.nqn,
                                 self.host.hostid, self.ctrl.cntlid)
        for qid in (1, 2):
            command = queue.run(wire.connect(qid), data, in_capsule=True)
            self.assert_status(command, Sc.SEQUENCE_ERROR)
        self.assert_success(read_blocks(queue, 0, 1))

    def test_while_disabled(self):
        self.ctrl.disable()
        _, cqe = self.io_connect()
        if cqe.sc != Sc.SEQUENCE_ERROR:
            self.assert_invalid_parameter(cqe, False, CMD_QID)

    def test_before_number_of_queues(self):
        self.ctrl = self.controller(host=self.host)
        _, cqe = self.io_connect()
        if cqe.sc != Sc.SEQUENCE_ERROR:
            self.assert_invalid_parameter(cqe, False, CMD_QID)

    def test_to_the_discovery_subsystem(self):
        self.ctrl = self.controller(subnqn=DISCOVERY_NQN, host=self.host)
        queue = self.queue()
        self.ctrl.queues.append(queue)
        cqe = self.ctrl.connect_queue(queue, 1).cqe
        self.assert_invalid_parameter(cqe, False, CMD_QID)

    def test_flow_control_attribute_is_declined_without_the_option(self):
        queue, cqe = self.io_connect(cattr=CATTR_NO_FLOW_CONTROL)
        self.assert_status(cqe, Sc.SUCCESS)
        self.assertTrue(queue.flow_control)


class Disconnect(FabricsCase):

    def test_is_the_last_completion_and_frees_the_identifier(self):
        controller = self.controller()
        queue, = controller.io_queues(1)
        self.assert_success(queue.run(wire.disconnect()))
        self.assertEqual(queue.expect_end(), [])
        self.assert_success(read_blocks(controller.io_queue(1), 0, 1))

    def test_comes_after_everything_sent_before_it(self):
        queue = self.io()
        pairs = [queue.capsule(wire.read(1, n, 8), length=4096)
                 for n in range(16)]
        last, pdu = queue.capsule(wire.disconnect())
        queue.send_raw(b''.join(p for _, p in pairs) + pdu)
        queue.wait(last)
        self.assertTrue(all(command.done for command, _ in pairs))
        self.assertEqual(queue.expect_end(), [])

    def test_takes_the_data_of_a_write_before_it(self):
        queue = self.io()
        write, first = queue.capsule(wire.write(1, 0, 64), bytes(32768))
        last, second = queue.capsule(wire.disconnect())
        queue.send_raw(first + second)
        self.assert_success(queue.wait(last))
        self.assert_status(write, Sc.SUCCESS, Sc.ABORTED_SQ_DELETION)

    def test_leaves_other_queues_and_the_association_alone(self):
        controller = self.controller()
        first, second = controller.io_queues(2)
        self.assert_success(first.run(wire.disconnect()))
        first.expect_end()
        self.assert_success(read_blocks(second, 0, 1))
        self.assert_success(controller.identify())

    def test_on_the_admin_queue_is_an_invalid_queue_type(self):
        controller = self.controller()
        self.assert_status(controller.admin.run(wire.disconnect()),
                           Sc.INVALID_QUEUE_TYPE)
        self.assert_success(controller.identify())

    def test_record_format(self):
        queue = self.io()
        self.assert_status(queue.run(wire.disconnect(recfmt=1)),
                           Sc.CONNECT_INCOMPATIBLE_FORMAT)
        self.assert_success(read_blocks(queue, 0, 1))


class Properties(FabricsCase):

    def setUp(self):
        self.admin = self.controller(enable=False).admin

    def test_cap(self):
        cap = self.admin.property_get(Prop.CAP, 8)
        self.assertEqual(cap & 0xFFFF, 1023, 'MQES')
        self.assertEqual(cap >> 16 & 1, 1, 'CQR')
        self.assertEqual(cap >> 17 & 3, 0, 'AMS')
        self.assertGreater(cap >> 24 & 0xFF, 0, 'TO')
        self.assertEqual(cap >> 32 & 0xF, 0, 'DSTRD')
        self.assertEqual(cap >> 36 & 1, 0, 'NSSRS')
        self.assertEqual(cap >> 37 & 1, 1, 'CSS: NVM')
        self.assertEqual(cap >> 38 & 0x7F, 0x20, 'CSS: CNS 1Ch tells')
        self.assertEqual(cap >> 48 & 0x7FF, 0, 'MPSMIN, MPSMAX, PMRS, CMBS, NSSS')
        self.assertEqual(cap >> 59, 1, 'CRMS: with media')

    def test_version_2_1(self):
        self.assertEqual(self.admin.property_get(Prop.VS), 0x00020100)

    def test_cc_and_csts_start_at_zero(self):
        self.assertEqual(self.admin.property_get(Prop.CC), 0)
        self.assertEqual(self.admin.property_get(Prop.CSTS), 0)

    def test_wrong_size_is_an_invalid_field(self):
        for offset, size in ((Prop.CAP, 4), (Prop.VS, 8), (Prop.CC, 8),
                             (Prop.CSTS, 8), (Prop.CRTO, 8)):
            with self.subTest(offset=offset):
                cqe = self.admin.run(wire.property_get(offset, size)).cqe
                self.assert_status(cqe, Sc.INVALID_FIELD)
        cqe = self.admin.property_set(Prop.CC, CC_ENABLE, size=8)
        self.assert_status(cqe, Sc.INVALID_FIELD)

    def test_unknown_offset_is_an_invalid_field(self):
        for offset in (0x04, 0x0C, 0x10, 0x18, Prop.NSSR, 0x24, 0x28, 0x1000,
                       0xFFFFFFFC):
            for size in (4, 8):
                with self.subTest(offset=offset, size=size):
                    cqe = self.admin.run(wire.property_get(offset, size)).cqe
                    self.assert_status(cqe, Sc.INVALID_FIELD)
                    cqe = self.admin.property_set(offset, 0, size)
                    self.assert_status(cqe, Sc.INVALID_FIELD)

    def test_read_only_properties_cannot_be_set(self):
        for offset, size in ((Prop.CAP, 8), (Prop.VS, 4), (Prop.CSTS, 4)):
            before = self.admin.property_get(offset, size)
            cqe = self.admin.property_set(offset, 0xFF, size)
            self.assert_status(cqe, Sc.INVALID_FIELD)
            self.assertEqual(self.admin.property_get(offset, size), before)

    def test_they_belong_to_the_admin_queue(self):
        queue = self.io()
        for sqe in (wire.property_get(Prop.CSTS, 4),
                    wire.property_set(Prop.CC, 0)):
            self.assertNotEqual(queue.run(sqe).cqe.sc, Sc.SUCCESS)
        self.assert_success(read_blocks(queue, 0, 1))

    def test_unknown_fabrics_command(self):
        for fctype in (0x02, 0x03, 0x05, 0x06, 0x07, 0xC0):
            with self.subTest(fctype=fctype):
                cqe = self.admin.run(wire.fabrics(fctype)).cqe
                self.assert_status(cqe, Sc.INVALID_OPCODE, Sc.INVALID_FIELD)


class EnableAndReset(FabricsCase):

    def test_only_fabrics_commands_while_disabled(self):
        admin = self.controller(enable=False).admin
        for sqe, size in ((wire.identify(1), 4096), (Sqe(0x18), 0),
                          (wire.set_features(7, 0), 0), (Sqe(0x0C), 0),
                          (wire.get_log_page(2, 128), 512)):
            with self.subTest(sqe=sqe):
                self.assert_status(admin.run(sqe, length=size),
                                   Sc.SEQUENCE_ERROR)

    def test_ready_follows_enable(self):
        controller = self.controller()
        self.assertEqual(controller.admin.property_get(Prop.CC), CC_ENABLE)
        self.assertEqual(controller.admin.property_get(Prop.CSTS), CSTS_READY)
        controller.disable()
        self.assertEqual(controller.admin.property_get(Prop.CSTS), 0)

    def test_values_that_cap_does_not_allow_never_become_ready(self):
        for name, cc in (('MPS', CC_ENABLE | 1 << 7),
                         ('CSS', CC_ENABLE | 2 << 4),
                         ('AMS', CC_ENABLE | 1 << 11)):
            with self.subTest(field=name):
                admin = self.controller(enable=False).admin
                cqe = admin.property_set(Prop.CC, cc)
                ready = admin.property_get(Prop.CSTS) & CSTS_READY
                self.assertFalse(cqe.sc == Sc.SUCCESS and ready)

    def test_reset_ends_io_queues_and_keeps_the_association(self):
        controller = self.controller()
        first, second = controller.io_queues(2)
        data = pattern(1, seed=4)
        self.assert_success(write_blocks(first, 0, data))
        controller.disable()
        for queue in (first, second):
            self.assert_ends(queue)
        controller.enable()
        again, = controller.io_queues(1)
        self.assertEqual(read_blocks(again, 0, 1).data, data)

    def test_reset_ends_outstanding_event_requests(self):
        controller = self.controller()
        event = controller.admin.submit(Sqe(0x0C))
        controller.disable()
        controller.enable()
        self.assert_success(controller.identify())
        if event.done:
            self.assertNotEqual(event.cqe.sc, Sc.SUCCESS)

    def test_shutdown_completes_and_a_reset_brings_it_back(self):
        for shn in (SHN_NORMAL, SHN_ABRUPT):
            with self.subTest(shn=shn):
                controller = self.controller()
                queue, = controller.io_queues(1)
                self.assert_success(write_blocks(queue, 0, pattern(1)))
                cqe = controller.admin.property_set(Prop.CC, CC_ENABLE | shn)
                self.assert_status(cqe, Sc.SUCCESS)
                controller.wait_csts(SHST_MASK, SHST_COMPLETE)
                controller.disable()
                self.assertEqual(controller.admin.property_get(Prop.CSTS), 0)
                controller.enable()
                self.assert_success(controller.identify())

    def test_shutdown_waits_for_what_is_in_flight(self):
        controller = self.controller()
        queue, = controller.io_queues(1)
        commands = [queue.submit(wire.write(1, 256 * n, 256), bytes(131072))
                    for n in range(8)]
        controller.admin.property_set(Prop.CC, CC_ENABLE | SHN_NORMAL)
        try:
            queue.wait_all(commands)
        except ConnectionError:
            pass
        controller.wait_csts(SHST_MASK, SHST_COMPLETE)


class Association(FabricsCase):

    def test_losing_the_admin_queue_ends_the_io_queues(self):
        controller = self.controller()
        queues = controller.io_queues(3)
        controller.admin.close()
        for queue in queues:
            self.assert_ends(queue)

    def test_a_host_may_close_its_io_queues_before_it_shuts_down(self):
        """So does Linux; the admin queue has to outlive them for a while."""
        for end in (CC_ENABLE | SHN_NORMAL, CC_ENABLE & ~1):
            with self.subTest(cc=hex(end)):
                controller = self.controller()
                for queue in controller.io_queues(3):
                    queue.close()
                time.sleep(0.1)
                cqe = controller.admin.property_set(Prop.CC, end)
                self.assert_status(cqe, Sc.SUCCESS)
                if end & 1:
                    controller.wait_csts(SHST_MASK, SHST_COMPLETE)
                else:
                    controller.wait_csts(CSTS_READY, 0)

    def test_individual_deletion_keeps_the_association(self):
        controller = self.controller()
        if not controller.identify_controller().ofcs & 1:
            self.skipTest('OFCS bit 0 is not set')
        controller.set_queues(2)
        first, second = (controller.io_queue(
            n, cattr=CATTR_INDIVIDUAL_DELETION) for n in (1, 2))
        first.close()
        time.sleep(0.3)
        self.assert_success(read_blocks(second, 0, 1))
        self.assert_success(controller.identify())


class ShortAssociation(FabricsCase):
    args = ('--association-timeout', '1')

    def test_ends_a_while_after_it_was_disabled(self):
        controller = self.controller()
        controller.disable()
        self.assertTrue(0.5 < self.assert_ends(controller.admin) < 4)

    def test_ends_a_while_after_a_shutdown(self):
        controller = self.controller()
        controller.admin.property_set(Prop.CC, CC_ENABLE | SHN_NORMAL)
        controller.wait_csts(SHST_MASK, SHST_COMPLETE)
        self.assertTrue(0.5 < self.assert_ends(controller.admin) < 4)

    def test_enabling_again_keeps_it(self):
        controller = self.controller()
        controller.disable()
        time.sleep(0.5)
        controller.enable()
        time.sleep(1.5)
        self.assert_success(controller.identify())


if __name__ == '__main__':
    unittest.main()
