# SPDX-License-Identifier: BSD-2-Clause
"""Row "devices": kinds, keys, and identifiers that stay what they are."""
import os
import pathlib
import unittest
import uuid

import daemon
import wire
from case import RoomCase, TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import Controller
from wire import Sc

UUID = 'a1b2c3d4-e5f6-4711-8888-0123456789ab'
EUI64, NGUID, UUID_TYPE = 1, 2, 3


class DevicesCase(RoomCase):
    """Each test starts its own daemons, all in one room."""

    def queue(self, target):
        queue, = self.controller(target).io_queues(1)
        return queue

    def identities(self, target):
        """{NSID: (EUI-64, NGUID, UUID)} of what is active."""
        controller = self.controller(target)
        data = bytes(controller.identify(2).data)
        nsids = [int.from_bytes(data[at:at + 4], 'little')
                 for at in range(0, 64, 4)]
        found = {}
        for nsid in filter(None, nsids):
            by_type = controller.descriptors(nsid)
            found[nsid] = tuple(by_type[kind]
                                for kind in (EUI64, NGUID, UUID_TYPE))
        return found

    def assert_success(self, command):
        self.assertEqual(command.cqe.sc, Sc.SUCCESS, command.cqe)


class Kinds(DevicesCase):

    def test_numbers_follow_the_order_and_nsid_fixes_them(self):
        with self.serve('ramdisk:1M', 'null:2M?nsid=7', 'ramdisk:3M') as target:
            controller = self.controller(target)
            for nsid, mib in ((1, 1), (7, 2), (2, 3)):
                self.assertEqual(controller.identify_namespace(nsid).nsze,
                                 mib * 2048)

    def test_null_reads_zeros_and_forgets(self):
        with self.serve('null:1M') as target:
            queue = self.queue(target)
            self.assert_success(write_blocks(queue, 0, pattern(64)))
            self.assertEqual(read_blocks(queue, 0, 64).data, bytes(32768))

    def test_ramdisk_is_empty_after_a_restart(self):
        for _ in range(2):
            with self.serve('ramdisk:1M') as target:
                queue = self.queue(target)
                self.assertEqual(read_blocks(queue, 0, 8).data, bytes(4096))
                self.assert_success(write_blocks(queue, 0, pattern(8)))

    def test_block_sizes(self):
        with self.serve('ramdisk:1M?bs=512', 'ramdisk:1M?bs=4096') as target:
            controller = self.controller(target)
            for nsid, shift in ((1, 9), (2, 12)):
                data = controller.identify_namespace(nsid)
                self.assertEqual((data.lbaf0 >> 16 & 0xFF, data.nsze),
                                 (shift, 1 << 20 >> shift))


class Files(DevicesCase):

    def check_round_trip(self, device, path, size=512):
        data = pattern(128, seed=5, size=size)
        with self.serve(device) as target:
            queue = self.queue(target)
            self.assert_success(write_blocks(queue, 16, data, size=size))
            self.assert_success(queue.run(wire.flush(1)))
        content = pathlib.Path(path).read_bytes()
        self.assertEqual(content[16 * size:144 * size], data)
        with self.serve(device) as target:
            read = read_blocks(self.queue(target), 16, 128, size=size)
            self.assertEqual(read.data, data)

    def test_bare_path_and_file_mean_the_same(self):
        for number, prefix in enumerate(('', 'file:')):
            path = self.room.file(f'disk{number}', 1 << 20)
            self.check_round_trip(prefix + path + '?bs=512', path)

    def test_direct(self):
        """4096: a tmpfs or a disk may take nothing smaller."""
        path = self.room.file('disk', 1 << 20)
        self.check_round_trip(path + '?bs=4096&direct', path, size=4096)

    def test_threads_engine(self):
        path = self.room.file('disk', 1 << 20)
        with self.serve(path + '?bs=512', args=('--engine', 'threads')) as target:
            queue = self.queue(target)
            self.assert_success(write_blocks(queue, 0, pattern(256)))
            self.assertEqual(read_blocks(queue, 0, 256).data, pattern(256))

    def test_a_file_that_may_not_grow_is_full_and_no_end(self):
        """A file size limit: Capacity Exceeded, and the daemon goes on."""
        path = self.room.file('disk', 4 << 20)
        with self.serve(path + '?bs=512', fsize=1 << 20) as target:
            queue = self.queue(target)
            command = write_blocks(queue, 4096, pattern(8))
            self.assertEqual(command.cqe.sc, Sc.CAPACITY_EXCEEDED)
            self.assert_success(write_blocks(queue, 0, pattern(8)))
            self.assertEqual(read_blocks(queue, 0, 8).data, pattern(8))

    def test_large_transfers(self):
        path = self.room.file('disk', 4 << 20)
        with self.serve(path + '?bs=512') as target:
            queue = self.queue(target)
            data = pattern(2048, seed=2)
            self.assert_success(write_blocks(queue, 2048, data))
            self.assertEqual(read_blocks(queue, 2048, 2048).data, data)
            self.assertEqual(read_blocks(queue, 0, 2048).data, bytes(1 << 20))

    def test_default_block_size_is_that_of_what_is_underneath(self):
        path = self.room.file('disk', 1 << 20)
        with self.serve(path) as target:
            data = self.controller(target).identify_namespace(1)
            shift = data.lbaf0 >> 16 & 0xFF
            self.assertIn(shift, (9, 12))
            self.assertEqual(data.nsze << shift, 1 << 20)

    def test_read_only(self):
        content = pattern(2048)
        path = self.room.file('disk', content=content)
        os.chmod(path, 0o444)
        with self.serve(path + '?ro&bs=512') as target:
            queue = self.queue(target)
            self.assertEqual(read_blocks(queue, 0, 16).data, content[:8192])
            command = write_blocks(queue, 0, bytes(512))
            self.assertEqual(command.cqe.sc, Sc.WRITE_PROTECTED)
        self.assertEqual(pathlib.Path(path).read_bytes(), content)

    def test_file_that_may_not_be_written_is_refused_without_ro(self):
        self.needs_no_privilege()
        path = self.room.file('disk', 1 << 20)
        os.chmod(path, 0o444)
        ended = self.room.run('-d', '-p', '0', '-P', '0', path)
        self.assert_one_sentence(ended)

    def test_name_with_a_question_mark(self):
        path = self.room.file('what?', 1 << 20)
        self.check_round_trip(path + '?bs=512', path)


class Identifiers(DevicesCase):

    def test_unique_and_not_zero(self):
        with self.serve(*['ramdisk:1M'] * 5) as target:
            found = self.identities(target)
        self.assertEqual(len(found), 5)
        values = [value for triple in found.values() for value in triple]
        self.assertEqual(len(set(values)), 15)
        self.assertTrue(all(any(value) for value in values))

    def test_same_after_a_restart_and_on_another_daemon(self):
        seen = []
        for devices in (('ramdisk:1M', 'ramdisk:1M'), ('null:8M', 'null:8M')):
            with self.serve(*devices) as target:
                seen.append(self.identities(target))
        elsewhere = daemon.Daemon('ramdisk:1M', 'ramdisk:1M')
        with elsewhere as target:
            seen.append(self.identities(target))
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0], seen[2])

    def test_they_follow_the_nsid_not_the_order(self):
        with self.serve('ramdisk:1M?nsid=1', 'ramdisk:1M?nsid=2') as target:
            before = self.identities(target)
        with self.serve('ramdisk:1M?nsid=2', 'ramdisk:1M?nsid=1') as target:
            self.assertEqual(self.identities(target), before)

    def test_another_subsystem_has_others(self):
        seen = []
        for nqn in (daemon.NQN, daemon.NQN + '2'):
            with self.serve('ramdisk:1M', nqn=nqn) as target:
                seen.append(set(self.identities(target)[1]))
        self.assertFalse(seen[0] & seen[1])

    def test_a_given_uuid_is_used_as_it_is(self):
        with self.serve(f'ramdisk:1M?uuid={UUID}') as target:
            found = self.identities(target)[1]
        self.assertEqual(found[2], uuid.UUID(UUID).bytes)

    def test_made_identifiers_have_the_right_form(self):
        with self.serve('ramdisk:1M') as target:
            eui64, nguid, made = self.identities(target)[1]
        self.assertEqual(eui64[0] & 3, 2, 'locally administered, one station')
        self.assertEqual(uuid.UUID(bytes=made).variant, uuid.RFC_4122)


class Names(DevicesCase):
    """The default NQN and the serial number."""

    def names(self, **how):
        """(NQN, serial) of a daemon that was told nothing."""
        with self.serve('ramdisk:1M', nqn=None, **how) as target:
            discovery = Controller(target.discovery,
                                   'nqn.2014-08.org.nvmexpress.discovery')
            with discovery:
                entry = bytes(discovery.get_log(0x70, 2048).data)[1024:]
            target.nqn = entry[256:512].rstrip(b'\0').decode()
            data = self.controller(target).identify_controller()
            return target.nqn, data.sn

    def test_kept_over_a_restart(self):
        self.needs_no_privilege()
        first = self.names()
        self.assertTrue(first[0].startswith('nqn.'))
        self.assertEqual(self.names(), first)
        kept = list((self.room.path / 'state').rglob('*'))
        self.assertTrue(any(path.is_file() for path in kept))

    def test_state_file_rules(self):
        nqn = 'nqn.2026-11.org.example:kept'
        path = self.room.path / 'mine'
        self.names(args=('--state-file', str(path)))
        text = path.read_text()
        self.assertIn('nqn=', text)
        lines = [f'nqn={nqn}' if line.startswith('nqn=') else line
                 for line in text.splitlines()]
        path.write_text('\n'.join(lines) + '\n')
        found, _ = self.names(args=('--state-file', str(path)))
        self.assertEqual(found, nqn)

    def test_without_a_place_to_keep_it_the_machine_id_gives_the_same(self):
        if not pathlib.Path('/etc/machine-id').exists():
            self.skipTest('this machine has no /etc/machine-id')
        args = ('--state-file', '/proc/nonexistent/state')
        self.assertEqual(self.names(args=args), self.names(args=args))

    def test_broken_state_is_refused_and_not_replaced(self):
        path = self.room.file('mine', content=b'\x00\xffnonsense\n')
        ended = self.room.run('-d', '-p', '0', '-P', '0', '--state-file', path,
                              'ramdisk:1M')
        self.assert_one_sentence(ended)
        self.assertEqual(pathlib.Path(path).read_bytes(), b'\x00\xffnonsense\n')


class ManyNamespaces(TargetCase):
    devices = ('ramdisk:64K',) * 64

    def test_each_holds_its_own_data(self):
        queue = self.io()
        for nsid in range(1, 65):
            self.assert_success(write_blocks(queue, 0, pattern(2, seed=nsid),
                                             nsid=nsid))
        for nsid in range(1, 65):
            self.assertEqual(read_blocks(queue, 0, 2, nsid=nsid).data,
                             pattern(2, seed=nsid))


if __name__ == '__main__':
    unittest.main()
