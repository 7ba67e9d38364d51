# SPDX-License-Identifier: BSD-2-Clause
"""What takes minutes by the clock and next to no work."""
import time
import unittest

from case import TargetCase, read_blocks
from nvmetcp import DISCOVERY_NQN

DISCOVERY_SILENCE = 120
LOST_QUEUE_DEADLINE = 15     # the specification names none


class Silence(TargetCase):

    def test_a_silent_discovery_connection_without_kato_ends(self):
        """After 120 s; an I/O controller without KATO stays."""
        discovery = self.controller(subnqn=DISCOVERY_NQN)
        staying = self.controller()
        took = self.assert_ends(discovery.admin, DISCOVERY_SILENCE + 20)
        self.assertGreater(took, DISCOVERY_SILENCE - 5)
        self.assert_success(staying.identify())

    def test_an_association_is_kept_two_minutes(self):
        controller, again = self.controller(), self.controller()
        controller.disable()
        again.disable()
        time.sleep(DISCOVERY_SILENCE - 10)
        again.enable()
        self.assertGreater(self.assert_ends(controller.admin, 40), 5)
        self.assert_success(again.identify())

    def test_losing_an_io_queue_ends_the_association_in_the_end(self):
        """Not at once: Linux closes its I/O queues before it shuts down."""
        controller = self.controller()
        first, second = controller.io_queues(2)
        first.close()
        self.assert_ends(controller.admin, LOST_QUEUE_DEADLINE)
        self.assert_ends(second)

    def test_every_lost_io_queue_has_to_come_back(self):
        half, whole = self.controller(), self.controller()
        for controller in (half, whole):
            for queue in controller.io_queues(2):
                queue.close()
        half.io_queue(1)
        back = [whole.io_queue(n) for n in (1, 2)]
        self.assert_ends(half.admin, LOST_QUEUE_DEADLINE)
        for queue in back:
            self.assert_success(read_blocks(queue, 0, 1))
        self.assert_success(whole.identify())


if __name__ == '__main__':
    unittest.main()
