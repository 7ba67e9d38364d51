# SPDX-License-Identifier: BSD-2-Clause
"""Row "features": Set Features and Get Features, each value and each refusal."""
import struct
import unittest

import wire
from case import TargetCase
from nvmetcp import Host
from wire import Admin, Feature, Log, Sc, Select, Sqe

ALL = 0xFFFFFFFF
OVER, UNDER = 0, 1 << 20
TEMPERATURE_AEC = 2     # the bit of log 02h's critical warnings
TEMPERATURE_EVENT = 0x02 << 16 | 0x01 << 8 | 0x01

# Those that come in DW0 and that a host can set, and those that are of namespaces.
NUMBERS = (Feature.ARBITRATION, Feature.POWER_MANAGEMENT, Feature.WRITE_ATOMICITY,
           Feature.ASYNC_EVENT_CONFIG, Feature.KEEP_ALIVE_TIMER,
           Feature.TEMPERATURE_THRESHOLD, Feature.COMMAND_SET_PROFILE,
           Feature.NUMBER_OF_QUEUES)
OF_NAMESPACES = (Feature.ERROR_RECOVERY, Feature.WRITE_PROTECTION)
FIXED = (Feature.ERROR_RECOVERY, Feature.HOST_IDENTIFIER)
DATA = {Feature.TIMESTAMP: 8, Feature.HOST_BEHAVIOR: 512}


class FeatureCase(TargetCase):

    devices = ('ramdisk:1M?nsid=1', 'ramdisk:1M?nsid=3')

    def setUp(self):
        self.host = Host()
        self.ctrl = self.controller(host=self.host)
        self.admin = self.ctrl.admin

    def get(self, fid, length=0, **how):
        return self.admin.run(wire.get_features(fid, **how), length=length)

    def set(self, fid, value=0, data=b'', in_capsule=None, **how):
        return self.admin.run(wire.set_features(fid, value, **how), data,
                              in_capsule=in_capsule)

    def value(self, fid, **how):
        return self.assert_success(self.get(fid, **how)).dw0

    def reset(self):
        self.ctrl.disable()
        self.ctrl.enable()


class Selects(FeatureCase):

    def test_supported_capabilities(self):
        for fid in set(Feature) - {Feature.VOLATILE_WRITE_CACHE}:
            nsid = 1 if fid in OF_NAMESPACES else 0
            expected = (2 if fid in OF_NAMESPACES else 0) | (0 if fid in FIXED else 4)
            with self.subTest(fid=fid.name):
                self.assertEqual(self.value(fid, nsid=nsid, select=Select.SUPPORTED),
                                 expected)

    def test_reserved_selects_are_invalid(self):
        for select in range(4, 8):
            self.assert_status(self.get(Feature.ARBITRATION, select=select), Sc.INVALID_FIELD)

    def test_default_and_saved_stay_when_current_changes(self):
        for fid, value in ((Feature.ARBITRATION, 0x01020304), (Feature.POWER_MANAGEMENT, 0x40),
                           (Feature.WRITE_ATOMICITY, 1), (Feature.ASYNC_EVENT_CONFIG, 0x100)):
            with self.subTest(fid=fid.name):
                self.assertEqual(self.value(fid), 0)
                self.assert_success(self.set(fid, value))
                self.assertEqual(self.value(fid), value)
                for select in (Select.DEFAULT, Select.SAVED):
                    self.assertEqual(self.value(fid, select=select), 0)

    def test_nothing_can_be_saved(self):
        for fid in NUMBERS:
            self.assert_status(self.set(fid, save=True), Sc.FEATURE_NOT_SAVEABLE, dnr=True)

    def test_a_reset_brings_the_defaults_back(self):
        for fid, value in ((Feature.ARBITRATION, 7), (Feature.POWER_MANAGEMENT, 0x20),
                           (Feature.WRITE_ATOMICITY, 1), (Feature.TEMPERATURE_THRESHOLD, 350)):
            default = self.value(fid)
            self.assert_success(self.set(fid, value))
            self.assertEqual(self.value(fid), value)
            self.reset()
            self.assertEqual(self.value(fid), default, fid.name)

    def test_other_controllers_have_their_own(self):
        self.assert_success(self.set(Feature.ARBITRATION, 5))
        other = self.controller().admin.run(wire.get_features(Feature.ARBITRATION))
        self.assertEqual(self.assert_success(other).dw0, 0)


class Namespaces(FeatureCase):

    def test_what_is_the_controllers_is_not_set_for_one_namespace(self):
        for fid in NUMBERS:
            value = self.value(fid)
            with self.subTest(fid=fid.name):
                self.assert_status(self.set(fid, value, nsid=1), Sc.FEATURE_NOT_NAMESPACE)

    def test_what_is_the_controllers_is_set_for_none_and_for_all(self):
        for nsid in (0, ALL):
            self.assert_success(self.set(Feature.ARBITRATION, 3, nsid=nsid))

    def test_what_is_the_controllers_is_got_for_any(self):
        for nsid in (0, 1, 3, ALL):
            self.assert_success(self.get(Feature.ARBITRATION, nsid=nsid))

    def test_an_nsid_that_cannot_be_is_invalid(self):
        for nsid in (257, ALL - 1):
            self.assert_status(self.set(Feature.ARBITRATION, nsid=nsid), Sc.INVALID_NAMESPACE)

    def test_error_recovery_is_of_a_namespace(self):
        for nsid in (1, 3):
            self.assertEqual(self.value(Feature.ERROR_RECOVERY, nsid=nsid), 0)
        self.assert_status(self.get(Feature.ERROR_RECOVERY, nsid=2), Sc.INVALID_FIELD)
        for nsid in (0, 257, ALL):
            self.assert_status(self.get(Feature.ERROR_RECOVERY, nsid=nsid),
                               Sc.INVALID_NAMESPACE)

    def test_error_recovery_cannot_be_changed(self):
        self.assert_status(self.set(Feature.ERROR_RECOVERY, 1, nsid=1),
                           Sc.FEATURE_NOT_CHANGEABLE, dnr=True)

    def test_no_uuid_can_be_chosen(self):
        self.assert_status(self.get(Feature.ARBITRATION, uuid_index=1), Sc.INVALID_FIELD)
        self.assert_status(self.set(Feature.ARBITRATION, uuid_index=1), Sc.INVALID_FIELD)


class Values(FeatureCase):

    def test_reserved_bits_of_a_number_are_invalid_and_change_nothing(self):
        for fid, wrong in ((Feature.ARBITRATION, 8), (Feature.POWER_MANAGEMENT, 1),
                           (Feature.POWER_MANAGEMENT, 0x100), (Feature.WRITE_ATOMICITY, 2),
                           (Feature.ASYNC_EVENT_CONFIG, 1 << 16)):
            with self.subTest(fid=fid.name, value=hex(wrong)):
                self.assert_status(self.set(fid, wrong), Sc.INVALID_FIELD, dnr=True)
                self.assertEqual(self.value(fid), 0)

    def test_command_set_profile_has_one_combination(self):
        self.assertEqual(self.value(Feature.COMMAND_SET_PROFILE), 0)
        self.assert_success(self.set(Feature.COMMAND_SET_PROFILE, 0))
        for wrong in (1, 0x1FF):
            self.assert_status(self.set(Feature.COMMAND_SET_PROFILE, wrong),
                               Sc.COMMAND_SETS_REJECTED)

    def test_keep_alive_timer_is_rounded_up_to_its_unit(self):
        unit = self.ctrl.identify_controller().kas * 100
        self.assert_success(self.set(Feature.KEEP_ALIVE_TIMER, 60 * unit + 1))
        self.assertEqual(self.value(Feature.KEEP_ALIVE_TIMER), 61 * unit)
        self.assert_success(self.set(Feature.KEEP_ALIVE_TIMER, ALL))
        self.assertEqual(self.value(Feature.KEEP_ALIVE_TIMER) % unit, 0)

    def test_keep_alive_timer_of_connect_is_rounded_as_well(self):
        admin = self.controller(kato=60001).admin
        unit = self.ctrl.identify_controller().kas * 100
        cqe = admin.run(wire.get_features(Feature.KEEP_ALIVE_TIMER)).cqe
        self.assertEqual(cqe.dw0, -(-60001 // unit) * unit)


class Temperature(FeatureCase):

    def health(self, **how):
        command = self.ctrl.get_log(Log.HEALTH, 512, **how)
        self.assert_success(command)
        return wire.Fields(wire.HEALTH, command.data)

    def cross(self, now):
        """The temperature is below the threshold, and then is not."""
        for threshold in (now + 1, now):
            self.assert_success(self.set(Feature.TEMPERATURE_THRESHOLD, threshold))

    def told(self, events):
        self.assert_success(self.ctrl.identify())    # an event follows what caused it
        return [event.cqe.dw0 for event in events if event.done]

    def test_threshold_starts_at_what_identify_says(self):
        data = self.ctrl.identify_controller()
        self.assertLess(self.health().temperature, data.wctemp)
        self.assertLess(data.wctemp, data.cctemp)
        self.assertEqual(self.value(Feature.TEMPERATURE_THRESHOLD), data.wctemp)
        self.assertEqual(self.value(Feature.TEMPERATURE_THRESHOLD, value=UNDER), 0)

    def test_over_and_under_are_two(self):
        self.assert_success(self.set(Feature.TEMPERATURE_THRESHOLD, OVER | 333))
        self.assert_success(self.set(Feature.TEMPERATURE_THRESHOLD, UNDER | 222))
        self.assertEqual(self.value(Feature.TEMPERATURE_THRESHOLD), 333)
        self.assertEqual(self.value(Feature.TEMPERATURE_THRESHOLD, value=UNDER), 222)
        self.assertEqual(self.value(Feature.TEMPERATURE_THRESHOLD, value=UNDER,
                                    select=Select.DEFAULT), 0)

    def test_other_sensors_there_are_none(self):
        for sensor in (1, 8, 9, 14):
            wrong = sensor << 16 | 300
            self.assert_status(self.set(Feature.TEMPERATURE_THRESHOLD, wrong), Sc.INVALID_FIELD)
            self.assert_status(self.get(Feature.TEMPERATURE_THRESHOLD, value=wrong),
                               Sc.INVALID_FIELD)
        self.assert_success(self.set(Feature.TEMPERATURE_THRESHOLD, 15 << 16 | 300))
        self.assert_status(self.get(Feature.TEMPERATURE_THRESHOLD, value=15 << 16),
                           Sc.INVALID_FIELD)

    def test_reserved_kinds_and_a_hysteresis_are_invalid(self):
        for wrong in (2 << 20, 3 << 20, 1 << 22):
            self.assert_status(self.set(Feature.TEMPERATURE_THRESHOLD, wrong | 300),
                               Sc.INVALID_FIELD)

    def test_warning_stands_in_the_log_while_a_threshold_is_crossed(self):
        now = self.health().temperature
        for kind, crossed, beyond in ((OVER, now, now + 1), (UNDER, now, now - 1)):
            self.assertEqual(self.health().critical_warning, 0)
            self.assert_success(self.set(Feature.TEMPERATURE_THRESHOLD, kind | crossed))
            self.assertEqual(self.health().critical_warning, 2)
            self.assert_success(self.set(Feature.TEMPERATURE_THRESHOLD, kind | beyond))
        self.assertEqual(self.health().critical_warning, 0)

    def test_the_event_comes_once_and_again_after_its_log_was_read(self):
        now = self.health().temperature
        events = [self.admin.submit(Sqe(Admin.ASYNC_EVENT)) for _ in range(2)]
        self.set(Feature.ASYNC_EVENT_CONFIG, TEMPERATURE_AEC)
        self.cross(now)
        self.assertEqual(self.told(events), [TEMPERATURE_EVENT])
        self.cross(now)
        self.assertEqual(len(self.told(events)), 1, 'masked')
        self.health(rae=True)
        self.cross(now)
        self.assertEqual(len(self.told(events)), 1, 'retained')
        self.health()
        self.cross(now)
        self.assertEqual(self.told(events), [TEMPERATURE_EVENT] * 2)

    def test_no_event_where_it_is_not_configured(self):
        event = self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.set(Feature.ASYNC_EVENT_CONFIG, 0x100)
        self.set(Feature.TEMPERATURE_THRESHOLD, self.health().temperature)
        self.assert_success(self.ctrl.identify())
        self.assertFalse(event.done)

    def test_what_is_true_when_it_is_configured_is_told(self):
        self.set(Feature.TEMPERATURE_THRESHOLD, self.health().temperature)
        event = self.admin.submit(Sqe(Admin.ASYNC_EVENT))
        self.set(Feature.ASYNC_EVENT_CONFIG, TEMPERATURE_AEC)
        self.assertEqual(self.admin.wait(event).cqe.dw0, TEMPERATURE_EVENT)

    def test_what_came_before_a_request_waits_for_it(self):
        self.set(Feature.ASYNC_EVENT_CONFIG, TEMPERATURE_AEC)
        self.set(Feature.TEMPERATURE_THRESHOLD, self.health().temperature)
        event = self.admin.run(Sqe(Admin.ASYNC_EVENT))
        self.assertEqual(event.cqe.dw0, TEMPERATURE_EVENT)


class Data(FeatureCase):
    """Features that come as data, in the capsule and by R2T."""

    def timestamp(self, **how):
        command = self.get(Feature.TIMESTAMP, 8, **how)
        self.assert_success(command)
        low, high, attributes, reserved = struct.unpack('<IHBB', command.data)
        self.assertEqual(reserved, 0)
        return low | high << 32, attributes

    def test_timestamp_counts_from_the_reset(self):
        began, attributes = self.timestamp()
        self.assertEqual(attributes, 0)
        self.assertLess(began, 3600 * 1000)
        self.assertGreaterEqual(self.timestamp()[0], began)

    def test_timestamp_goes_on_from_what_it_is_given(self):
        for in_capsule in (True, False):
            given = 0x123456789AB
            data = struct.pack('<Q', given)
            self.assert_success(self.set(Feature.TIMESTAMP, data=data, in_capsule=in_capsule))
            now, attributes = self.timestamp()
            self.assertEqual(attributes, 2)
            self.assertTrue(given <= now < given + 3600 * 1000, hex(now))
            self.assertEqual(self.timestamp(select=Select.DEFAULT), (0, 0))
        self.reset()
        now, attributes = self.timestamp()
        self.assertEqual(attributes, 0)
        self.assertLess(now, given)

    def behavior(self, **how):
        command = self.get(Feature.HOST_BEHAVIOR, 512, **how)
        self.assert_success(command)
        return bytes(command.data)

    def test_host_behavior_keeps_what_it_is_given(self):
        given = b'\1\1\1\1'.ljust(512, b'\0')
        for in_capsule in (True, False):
            self.assertEqual(self.behavior(), bytes(512))
            self.assert_success(self.set(Feature.HOST_BEHAVIOR, data=given,
                                         in_capsule=in_capsule))
            self.assertEqual(self.behavior(), given)
            self.assertEqual(self.behavior(select=Select.SAVED), bytes(512))
            self.reset()

    def test_host_behavior_of_unknown_values_is_invalid(self):
        for at in range(4):
            wrong = bytearray(512)
            wrong[at] = 2
            self.assert_status(self.set(Feature.HOST_BEHAVIOR, data=bytes(wrong)),
                               Sc.INVALID_FIELD)
        wrong = b'\0\0\0\0\xFF\xFF'.ljust(512, b'\0')
        self.assert_status(self.set(Feature.HOST_BEHAVIOR, data=wrong), Sc.INVALID_FIELD)
        self.assertEqual(self.behavior(), bytes(512))

    def test_reserved_bytes_of_host_behavior_are_not_kept(self):
        self.assert_success(self.set(Feature.HOST_BEHAVIOR, data=b'\1'.ljust(512, b'\0')[:511]
                                     + b'\xFF'))
        self.assertEqual(self.behavior(), b'\1'.ljust(512, b'\0'))

    def test_another_length_is_refused(self):
        for fid, size in DATA.items():
            for wrong in (0, size // 2, size * 2):
                self.assert_status(self.get(fid, wrong), Sc.DATA_SGL_LENGTH, Sc.INVALID_FIELD)
                self.assert_status(self.set(fid, data=bytes(wrong)), Sc.DATA_SGL_LENGTH,
                                   Sc.INVALID_FIELD)

    def test_host_identifier_is_connects(self):
        command = self.get(Feature.HOST_IDENTIFIER, 16, value=1)
        self.assert_success(command)
        self.assertEqual(bytes(command.data), self.host.hostid)

    def test_host_identifier_of_8_bytes_is_invalid(self):
        self.assert_status(self.get(Feature.HOST_IDENTIFIER, 8), Sc.INVALID_FIELD)

    def test_host_identifier_cannot_be_set_after_connect(self):
        self.assert_status(self.set(Feature.HOST_IDENTIFIER, 1, bytes(16)), Sc.SEQUENCE_ERROR)


if __name__ == '__main__':
    unittest.main()
