# SPDX-License-Identifier: BSD-2-Clause
"""Row "controllers": the dynamic model, many hosts, numbers of queues."""
import unittest

import wire
from case import TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import DISCOVERY_NQN, Host
from wire import Feature, Sc


class ControllersCase(TargetCase):

    def set_queues(self, controller, submission, completion):
        value = (completion - 1) << 16 | (submission - 1)
        return controller.admin.run(
            wire.set_features(Feature.NUMBER_OF_QUEUES, value)).cqe


class ManyControllers(ControllersCase):

    def test_each_has_its_own_identifier(self):
        many = [self.controller() for _ in range(24)]
        ids = {controller.cntlid for controller in many}
        self.assertEqual(len(ids), 24)
        self.assertTrue(all(1 <= cntlid <= 0xFFEF for cntlid in ids))

    def test_identify_repeats_it(self):
        controller = self.controller()
        self.assertEqual(controller.identify_controller().cntlid,
                         controller.cntlid)

    def test_an_identifier_is_not_handed_out_again_soon(self):
        seen = set()
        for _ in range(40):
            with self.controller() as controller:
                self.assertNotIn(controller.cntlid, seen)
                seen.add(controller.cntlid)

    def test_one_host_may_have_several(self):
        host = Host()
        first, second = (self.controller(host=host) for _ in range(2))
        self.assertNotEqual(first.cntlid, second.cntlid)
        for controller in (first, second):
            queue, = controller.io_queues(1)
            self.assert_success(read_blocks(queue, 0, 1))

    def test_hosts_see_each_other_s_data(self):
        first, second = self.io(), self.io()
        data = pattern(32, seed=8)
        self.assert_success(write_blocks(first, 64, data))
        self.assertEqual(read_blocks(second, 64, 32).data, data)

    def test_an_end_concerns_its_own_controller_alone(self):
        leaving, staying = self.controller(), self.io()
        leaving.io_queues(2)
        leaving.close()
        for _ in range(20):
            self.assert_success(read_blocks(staying, 0, 1))
        self.assert_success(staying.controller.identify())

    def test_several_io_queues_each_carry_io(self):
        controller = self.controller()
        queues = controller.io_queues(8)
        for number, queue in enumerate(queues):
            data = pattern(4, seed=number)
            self.assert_success(write_blocks(queue, 4 * number, data))
        for number, queue in enumerate(reversed(queues)):
            data = pattern(4, seed=7 - number)
            self.assertEqual(read_blocks(queue, 4 * (7 - number), 4).data,
                             data)

    def test_queues_may_come_in_any_order(self):
        controller = self.controller()
        controller.set_queues(6)
        for qid in (6, 2, 4):
            self.assert_success(read_blocks(controller.io_queue(qid), 0, 1))

    def test_a_queue_of_another_controller_is_refused(self):
        mine, other = self.controller(), self.controller()
        mine.set_queues(1)
        other.set_queues(1)
        queue = mine.open_queue()
        cqe = mine.connect_queue(queue, 1, cntlid=other.cntlid).cqe
        self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS)

    def test_discovery_controllers_stand_beside_them(self):
        discovery = self.controller(subnqn=DISCOVERY_NQN,
                                    address=self.target.discovery)
        self.assert_success(read_blocks(self.io(), 0, 1))
        self.assert_success(discovery.identify())


class NumberOfQueues(ControllersCase):

    def test_a_large_host_gets_all_that_it_asks_for(self):
        self.assertEqual(self.controller().set_queues(128), 128)

    def test_no_more_than_the_cap(self):
        self.assertEqual(self.controller().set_queues(1000), 128)

    def test_different_counts_and_65535_are_invalid(self):
        controller = self.controller()
        for submission, completion in ((4, 8), (8, 4), (65536, 65536),
                                       (1, 65536)):
            with self.subTest(counts=(submission, completion)):
                cqe = self.set_queues(controller, submission, completion)
                self.assert_status(cqe, Sc.INVALID_FIELD)
        self.assertEqual(controller.set_queues(3), 3)

    def test_sequence_error_once_a_queue_exists_until_a_reset(self):
        controller = self.controller()
        controller.io_queues(2)
        self.assert_status(self.set_queues(controller, 4, 4),
                           Sc.SEQUENCE_ERROR)
        controller.disable()
        controller.enable()
        self.assertEqual(controller.set_queues(4), 4)

    def test_get_features_says_what_was_granted(self):
        controller = self.controller()
        controller.set_queues(5)
        cqe = controller.admin.run(
            wire.get_features(Feature.NUMBER_OF_QUEUES)).cqe
        self.assert_status(cqe, Sc.SUCCESS)
        self.assertEqual(cqe.dw0, 4 << 16 | 4)

    def test_it_may_be_set_again_while_there_is_no_queue(self):
        controller = self.controller()
        self.assertEqual(controller.set_queues(5), 5)
        self.assertEqual(controller.set_queues(2), 2)
        queue = controller.open_queue()
        cqe = controller.connect_queue(queue, 3).cqe
        self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS)


class CapOnQueues(ControllersCase):
    args = ('--io-queues', '4', '--queue-entries', '64')

    def test_grant_is_capped_and_one_more_is_refused(self):
        controller = self.controller()
        self.assertEqual(controller.set_queues(8), 4)
        queues = [controller.io_queue(qid, sqsize=63) for qid in range(1, 5)]
        self.assert_success(read_blocks(queues[3], 0, 1))
        cqe = controller.connect_queue(controller.open_queue(), 5,
                                       sqsize=63).cqe
        self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS)

    def test_entries_are_capped(self):
        controller = self.controller()
        self.assertEqual(controller.admin.property_get(0, 8) & 0xFFFF, 63)
        self.assertLessEqual(controller.identify_controller().maxcmd, 64)
        controller.set_queues(1)
        cqe = controller.connect_queue(controller.open_queue(), 1,
                                       sqsize=64).cqe
        self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS)


if __name__ == '__main__':
    unittest.main()
