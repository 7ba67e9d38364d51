# SPDX-License-Identifier: BSD-2-Clause
"""Row "identify": the structures that NVMe 2.x has added, and what registers say of them."""
import struct
import unittest

import wire
from case import TargetCase
from nvmetcp import CC_ENABLE
from wire import Cns, Prop, Sc

ALL = 0xFFFFFFFF
CSS_ALL = CC_ENABLE | 6 << 4
OF_COMMAND_SETS = (Cns.SET_NAMESPACE, Cns.SET_CONTROLLER, Cns.SET_ACTIVE_LIST)


class IdentifyCase(TargetCase):
    devices = ('ramdisk:1M?nsid=1', 'ramdisk:2M?nsid=5&bs=4096', 'null:1G?nsid=256')

    def setUp(self):
        self.ctrl = self.controller()
        self.admin = self.ctrl.admin

    def ask(self, cns, nsid=0, **how):
        return self.admin.run(wire.identify(cns, nsid, **how), length=4096)

    def data(self, cns, nsid=0, **how):
        command = self.ask(cns, nsid, **how)
        self.assert_success(command)
        return bytes(command.data)


class Registers(IdentifyCase):

    def test_ready_with_media_has_its_timeout(self):
        cap = self.admin.property_get(Prop.CAP, 8)
        self.assertEqual(cap >> 59 & 3, 1, 'CRMS: with media, and no other')
        crto = self.admin.property_get(Prop.CRTO)
        self.assertEqual(crto >> 16, 0, 'CRIMT')
        self.assertGreaterEqual(crto & 0xFFFF, cap >> 24 & 0xFF, 'CAP.TO')

    def test_crto_has_four_bytes_and_is_read_only(self):
        self.assert_status(self.admin.run(wire.property_get(Prop.CRTO, 8)), Sc.INVALID_FIELD)
        self.assert_status(self.admin.property_set(Prop.CRTO, 1), Sc.INVALID_FIELD)

    def test_a_host_may_ask_for_every_command_set(self):
        ctrl = self.controller(enable=False)
        ctrl.enable(CSS_ALL)
        queue, = ctrl.io_queues(1)
        self.assert_success(queue.run(wire.read(1, 0, 1), length=512))

    def test_ready_without_media_is_not_taken_amiss(self):
        """CC.CRIME, where CAP does not offer it."""
        ctrl = self.controller(enable=False)
        ctrl.enable(CC_ENABLE | 1 << 24)
        self.assert_success(ctrl.identify())

    def test_other_command_sets_do_not_enable(self):
        for css in (1, 5, 7):
            ctrl = self.controller(enable=False)
            ctrl.admin.property_set(Prop.CC, CC_ENABLE | css << 4)
            self.assertEqual(ctrl.admin.property_get(Prop.CSTS) & 1, 0)

    def test_version(self):
        self.assertEqual(self.admin.property_get(Prop.VS), 0x00020100)
        self.assertEqual(self.ctrl.identify_controller().ver, 0x00020100)

    def test_quiesce_time_is_said(self):
        self.assertGreater(self.ctrl.identify_controller().cqt, 0)


class CommandSets(IdentifyCase):

    def test_one_combination_the_nvm_command_set_alone(self):
        for cntid in (0xFFFF, self.ctrl.cntlid):
            data = self.data(Cns.COMMAND_SETS, cntid=cntid)
            self.assertEqual(data, b'\1'.ljust(4096, b'\0'))

    def test_combinations_of_a_controller_that_is_not_there_are_invalid(self):
        self.assert_status(self.ask(Cns.COMMAND_SETS, cntid=0xFFF0), Sc.INVALID_FIELD)

    def test_another_command_set_is_invalid(self):
        for cns in OF_COMMAND_SETS:
            for csi in (1, 2, 0x30, 0xFF):
                with self.subTest(cns=cns.name, csi=csi):
                    self.assert_status(self.ask(cns, 1, csi=csi), Sc.INVALID_FIELD)

    def test_active_list_is_that_of_cns_02(self):
        for start in (0, 1, 5, 256):
            self.assertEqual(self.data(Cns.SET_ACTIVE_LIST, start),
                             self.data(Cns.ACTIVE_LIST, start))
        self.assert_status(self.ask(Cns.SET_ACTIVE_LIST, ALL), Sc.INVALID_NAMESPACE)

    def test_controller_has_no_limits_but_mdts(self):
        data = wire.Fields(wire.NVM_CONTROLLER, self.data(Cns.SET_CONTROLLER))
        self.assertEqual(data.ver, 0x00010100)
        self.assertEqual((data.vsl, data.wzsl, data.wusl, data.dmrl, data.dmrsl, data.dmsl),
                         (0, 0, 0, 0, 0, 0))

    def test_no_limit_of_write_zeroes_and_verify_is_true(self):
        """The most that one command can ask for: 65,536 blocks, 256 MiB at 4 KiB."""
        queue, = self.ctrl.io_queues(1)
        for sqe in (wire.write_zeroes(256, 0, 65536), wire.verify(256, 0, 65536)):
            self.assert_success(queue.run(sqe))

    def test_no_limit_of_ranges_is_true(self):
        queue, = self.ctrl.io_queues(1)
        self.assert_success(queue.run(wire.manage(1, 256),
                                      wire.dsm_ranges(*((n, 1) for n in range(256)))))

    def test_namespace_has_neither_protection_nor_tags(self):
        for nsid in (1, 5, 256, 2):
            self.assertEqual(self.data(Cns.SET_NAMESPACE, nsid), bytes(4096))

    def test_namespaces_that_cannot_be_are_invalid(self):
        for cns in (Cns.SET_NAMESPACE, Cns.ANY_NAMESPACE):
            for nsid in (0, 257, ALL - 1, ALL):
                with self.subTest(cns=cns.name, nsid=nsid):
                    self.assert_status(self.ask(cns, nsid), Sc.INVALID_NAMESPACE)

    def test_any_namespace_agrees_with_cns_00(self):
        for nsid in (1, 5, 256):
            data = wire.Fields(wire.ANY_NAMESPACE, self.data(Cns.ANY_NAMESPACE, nsid))
            known = self.ctrl.identify_namespace(nsid)
            self.assertEqual((data.nmic, data.nsattr, data.rescap),
                             (known.nmic, known.nsattr, known.rescap))
            self.assertEqual(data.nstat, 1, 'NRDY')

    def test_any_namespace_says_whether_there_is_a_cache(self):
        data = wire.Fields(wire.ANY_NAMESPACE, self.data(Cns.ANY_NAMESPACE, 1))
        self.assertEqual(data.nsfeat, 0x20, 'a RAM disk has none')

    def test_any_namespace_that_is_not_there_is_zeros(self):
        self.assertEqual(self.data(Cns.ANY_NAMESPACE, 2), bytes(4096))

    def test_no_uuid_is_in_the_list_and_none_can_be_chosen(self):
        self.assertEqual(self.data(Cns.UUID_LIST), bytes(4096))
        for index in (1, 127):
            self.assert_status(self.ask(Cns.CONTROLLER, uuid_index=index), Sc.INVALID_FIELD)


class Controllers(IdentifyCase):

    def ids(self, cns, nsid=0, **how):
        count, *ids = struct.unpack('<2048H', self.data(cns, nsid, **how))
        self.assertEqual(ids[count:], [0] * (2047 - count))
        return ids[:count]

    def test_all_of_the_subsystem_in_order(self):
        others = [self.controller() for _ in range(4)]
        expected = sorted([self.ctrl.cntlid] + [c.cntlid for c in others])
        self.assertEqual(self.ids(Cns.CONTROLLERS), expected)
        self.assertEqual(self.ids(Cns.CONTROLLERS, cntid=expected[2]), expected[2:])
        self.assertEqual(self.ids(Cns.CONTROLLERS, cntid=expected[-1] + 1), [])

    def test_one_that_has_gone_is_not_listed(self):
        other = self.controller()
        self.assertIn(other.cntlid, self.ids(Cns.CONTROLLERS))
        other.close()
        for _ in range(1000):
            if other.cntlid not in self.ids(Cns.CONTROLLERS):
                return
        self.fail('still listed')

    def test_attached_are_all(self):
        for nsid in (1, 256):
            self.assertEqual(self.ids(Cns.ATTACHED_CONTROLLERS, nsid),
                             self.ids(Cns.CONTROLLERS))

    def test_attached_to_what_is_not_there_are_none(self):
        self.assertEqual(self.ids(Cns.ATTACHED_CONTROLLERS, 2), [])

    def test_attached_to_what_cannot_be_is_invalid(self):
        for nsid in (0, 257, ALL):
            self.assert_status(self.ask(Cns.ATTACHED_CONTROLLERS, nsid), Sc.INVALID_NAMESPACE)


if __name__ == '__main__':
    unittest.main()
