# SPDX-License-Identifier: BSD-2-Clause
"""Row "discovery controller": what a host is told, and how."""
import socket
import unittest

import nvmetcp
import wire
from case import TargetCase, has_ipv6_loopback
from nvmetcp import CC_ENABLE, DISCOVERY_NQN
from wire import Log, Prop, Sc, Sqe

ENTRY = HEADER = 1024
SIZE = HEADER + 2 * ENTRY       # of the log: a subsystem, and the service itself
CURRENT = 3
DUPLICATE, PERSISTENT = 1, 2
TRADDR_ANY = ('127.0.0.1', '127.0.0.2', '127.3.4.5')


class DiscoveryCase(TargetCase):

    def discovery(self, address=None, **how):
        return self.controller(address=address or self.target.discovery,
                               subnqn=DISCOVERY_NQN, **how)

    def log(self, controller):
        """(header, entries but the last), read in one piece."""
        header, entries = self.whole_log(controller)
        self.assertEqual([e.subtype == CURRENT for e in entries],
                         [False] * (len(entries) - 1) + [True])
        return header, entries[:-1]

    def whole_log(self, controller):
        header = self.part(controller, 0, HEADER)
        count = wire.Fields(wire.DISCOVERY_HEADER, header).numrec
        whole = self.part(controller, 0, HEADER + ENTRY * count)
        self.assertEqual(whole[:HEADER], header)
        entries = [wire.Fields(wire.DISCOVERY_ENTRY, whole[at:at + ENTRY])
                   for at in range(HEADER, len(whole), ENTRY)]
        return wire.Fields(wire.DISCOVERY_HEADER, header), entries

    def part(self, controller, offset, length):
        command = controller.get_log(Log.DISCOVERY, length, offset=offset)
        self.assert_success(command)
        return bytes(command.data)

    def entry(self, address=None):
        _, (entry,) = self.log(self.discovery(address))
        return entry


class Entries(DiscoveryCase):

    def test_header(self):
        header, entries = self.log(self.discovery())
        self.assertEqual((header.numrec, header.recfmt), (2, 0))
        self.assertEqual(len(entries), 1)
        self.assertEqual(header.raw[18:], bytes(HEADER - 18))

    def test_entry(self):
        entry = self.entry()
        self.assertEqual((entry.trtype, entry.adrfam, entry.subtype),
                         (3, 1, 2))
        self.assertEqual(entry.cntlid, 0xFFFF, 'dynamic controllers')
        self.assertGreaterEqual(entry.asqsz, 32)
        self.assertEqual(entry.sectype, 0)
        self.assertEqual(entry.treq & 3, 2, 'secure channel not required')

    def test_sq_flow_control_is_not_offered_without_the_option(self):
        self.assertEqual(self.entry().treq & 4, 0)

    def test_strings_are_ascii_padded_with_spaces(self):
        entry = self.entry()
        port = str(self.target.ports['io'])
        self.assertEqual(entry.trsvcid, port.encode().ljust(32))
        self.assertEqual(entry.traddr, b'127.0.0.1'.ljust(256))

    def test_subsystem_name_ends_with_nul(self):
        self.assertEqual(self.entry().subnqn,
                         self.target.nqn.encode().ljust(256, b'\0'))

    def test_it_names_the_address_that_the_host_came_to(self):
        for address in TRADDR_ANY:
            entry = self.entry((address, self.target.ports['discovery']))
            self.assertEqual(entry.traddr.rstrip(b' '), address.encode())

    @unittest.skipUnless(has_ipv6_loopback(), 'no IPv6 loopback')
    def test_ipv6(self):
        entry = self.entry(('::1', self.target.ports['discovery']))
        self.assertEqual((entry.adrfam, entry.traddr.rstrip(b' ')),
                         (2, b'::1'))

    def test_a_host_that_follows_it_arrives(self):
        entry = self.entry()
        address = (entry.traddr.decode().strip(),
                   int(entry.trsvcid.decode().strip()))
        name = entry.subnqn.rstrip(b'\0').decode()
        controller = self.controller(address=address, subnqn=name)
        self.assert_success(controller.identify())

    def test_the_io_port_answers_as_well(self):
        _, (entry,) = self.log(self.discovery(self.target.io))
        self.assertEqual(entry.raw, self.entry().raw)

    def test_the_io_subsystem_is_not_on_the_discovery_port(self):
        queue = self.queue(self.target.discovery)
        host = nvmetcp.Host()
        cqe = queue.connect(self.target.nqn, host.nqn, host.hostid).cqe
        if cqe.sc != Sc.SUCCESS:    # serving it there does no harm either
            self.assert_status(cqe, Sc.CONNECT_INVALID_PARAMETERS, dnr=False)


class TheServiceItself(DiscoveryCase):

    def current(self, address=None):
        _, entries = self.whole_log(self.discovery(address))
        entry, = (e for e in entries if e.subtype == CURRENT)
        return entry

    def test_entry(self):
        entry = self.current()
        self.assertEqual((entry.trtype, entry.adrfam, entry.cntlid), (3, 1, 0xFFFF))
        self.assertEqual(entry.eflags, DUPLICATE | PERSISTENT)
        self.assertEqual(entry.subnqn, DISCOVERY_NQN.encode().ljust(256, b'\0'))

    def test_it_is_told_where_the_host_came_to(self):
        for kind in ('discovery', 'io'):
            for address in TRADDR_ANY:
                entry = self.current((address, self.target.ports[kind]))
                self.assertEqual(entry.traddr, address.encode().ljust(256))
                self.assertEqual(int(entry.trsvcid), self.target.ports[kind])

    def test_a_host_that_follows_it_finds_the_same(self):
        entry = self.current()
        again = self.current((entry.traddr.decode().strip(), int(entry.trsvcid)))
        self.assertEqual(again.raw, entry.raw)

    def test_other_entries_have_no_flags(self):
        self.assertEqual(self.entry().eflags, 0)


class FlowControlOffered(DiscoveryCase):
    args = ('-F',)

    def test_treq_says_so(self):
        self.assertEqual(self.entry().treq & 4, 4)


class Log70h(DiscoveryCase):

    def test_parts_make_the_whole(self):
        controller = self.discovery()
        whole = self.part(controller, 0, SIZE)
        for size in (64, 512, 1020, HEADER, SIZE):
            with self.subTest(size=size):
                parts = (self.part(controller, at, min(size, len(whole) - at))
                         for at in range(0, len(whole), size))
                self.assertEqual(b''.join(parts), whole)

    def test_generation_is_the_same_before_and_after(self):
        controller = self.discovery()
        first, _ = self.log(controller)
        second, _ = self.log(self.discovery())
        self.assertEqual(first.genctr, second.genctr)

    def test_offset_at_the_end_returns_zeros_and_beyond_is_an_error(self):
        controller = self.discovery()
        self.assertEqual(self.part(controller, SIZE, 64), bytes(64))
        for offset in (SIZE + 4, 1 << 40):
            command = controller.get_log(Log.DISCOVERY, 64, offset=offset)
            self.assert_status(command, Sc.INVALID_FIELD)

    def test_more_than_the_log_is_filled_with_zeros(self):
        controller = self.discovery()
        data = self.part(controller, 0, 8192)
        self.assertEqual(data[SIZE:], bytes(8192 - SIZE))

    def test_two_hosts_read_at_once(self):
        first, second = self.discovery(), self.discovery()
        head = self.part(first, 0, HEADER)
        self.log(second)
        self.assertEqual(self.part(first, 0, HEADER), head)
        self.assertEqual(len(self.part(first, HEADER, ENTRY)), ENTRY)

    def test_other_logs_are_not_here(self):
        controller = self.discovery()
        for lid in (Log.HEALTH, Log.FIRMWARE, 0x04, 0xC0):
            self.assert_status(controller.get_log(lid, 64),
                               Sc.INVALID_LOG_PAGE)


class TheController(DiscoveryCase):

    def test_identify(self):
        controller = self.discovery()
        data = controller.identify_controller()
        self.assertEqual(data.cntrltype, 2)
        self.assertEqual(data.ver, 0x00020100)
        self.assertEqual((data.dctype, data.cqt), (1, 0))
        self.assertEqual(data.cntlid, controller.cntlid)
        self.assertEqual(data.subnqn, DISCOVERY_NQN.encode().ljust(256, b'\0'))
        self.assertEqual((data.oacs, data.oncs, data.fuses), (0, 0, 0))
        self.assertTrue(data.lpa & 4, 'extended data')
        self.assertGreater(data.maxcmd, 0)
        self.assertIn(data.sgls & 3, (1, 2))

    def test_any_entry_sizes_in_cc_are_accepted(self):
        for cc in (1, CC_ENABLE, 1 | 7 << 16 | 5 << 20):
            controller = self.discovery(enable=False)
            controller.enable(cc)
            self.log(controller)

    def test_only_fabrics_commands_before_it_is_enabled(self):
        controller = self.discovery(enable=False)
        self.assert_status(controller.get_log(Log.DISCOVERY, HEADER),
                           Sc.SEQUENCE_ERROR)

    def test_keep_alive_is_accepted(self):
        controller = self.discovery(kato=30000)
        self.assert_success(controller.admin.run(Sqe(0x18)))
        self.log(controller)

    def test_shutdown(self):
        controller = self.discovery()
        controller.admin.property_set(Prop.CC, CC_ENABLE | 1 << 14)
        controller.wait_csts(0xC, 0x8)

    def test_no_namespaces(self):
        controller = self.discovery()
        for cns in (0, 3):
            command = controller.identify(cns, 1)
            self.assertNotEqual(command.cqe.sc, Sc.SUCCESS)

    def test_no_queues_to_grant(self):
        controller = self.discovery()
        command = controller.admin.run(wire.set_features(7, 0))
        self.assert_status(command, Sc.INVALID_FIELD, Sc.INVALID_OPCODE)

    def test_event_requests_are_held(self):
        controller = self.discovery(kato=30000)
        event = controller.admin.submit(Sqe(0x0C))
        self.log(controller)
        if event.done:
            self.assert_status(event, Sc.INVALID_OPCODE)


class SilentDiscovery(DiscoveryCase):
    """A connection with KATO ends by it; see test_slow for KATO 0."""

    def test_keep_alive_is_enforced(self):
        controller = self.discovery(kato=1000)
        self.assertEqual(controller.admin.expect_end(timeout=6), [])


class Listening(DiscoveryCase):
    args = ('--listen', '127.0.0.2')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.target.host = '127.0.0.2'

    def test_on_the_given_address_alone(self):
        self.assertEqual(self.entry().traddr.rstrip(b' '), b'127.0.0.2')
        for port in self.target.ports.values():
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(('127.0.0.1', port), timeout=5)


class SeveralAddresses(DiscoveryCase):
    args = ('--listen', '127.0.0.2', '--listen', '127.0.0.3')

    def test_each_has_an_entry_of_its_own(self):
        port = self.target.ports['discovery']
        for address in ('127.0.0.2', '127.0.0.3'):
            header, entries = self.log(self.discovery((address, port)))
            self.assertEqual(header.numrec, 3)
            self.assertEqual(sorted(e.traddr.rstrip(b' ') for e in entries),
                             [b'127.0.0.2', b'127.0.0.3'])
            self.assertEqual(len({e.portid for e in entries}), 2)


if __name__ == '__main__':
    unittest.main()
