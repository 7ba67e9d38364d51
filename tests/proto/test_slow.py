# SPDX-License-Identifier: BSD-2-Clause
"""What takes minutes by the clock and next to no work."""
import time
import unittest

from case import TargetCase
from nvmetcp import DISCOVERY_NQN

DISCOVERY_SILENCE = 120


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


if __name__ == '__main__':
    unittest.main()
