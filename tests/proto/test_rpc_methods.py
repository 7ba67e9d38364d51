# SPDX-License-Identifier: BSD-2-Clause
"""The methods of the RPC server: what SPDK's rpc.py asks is answered as recorded, a
target is made from nothing and saved, and changes leave other hosts alone."""
import json
import pathlib
import socket
import threading
import time
import unittest

import daemon
import rpc_pairs
import wire
from case import RoomCase, read_blocks, write_blocks
from nvmetcp import Controller, Host
from rpc import Caller, RpcError
from wicked import MIB, WickedCase
from wire import Sc

PAIRS = pathlib.Path(__file__).with_name('rpc_pairs.json')
NQN = 'nqn.2026-11.org.example:made'
HOST = 'nqn.2026-11.org.example:host'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


def listener(port):
    return {'trtype': 'TCP', 'adrfam': 'IPv4', 'traddr': '127.0.0.1', 'trsvcid': str(port)}


class NothingCase(RoomCase):
    """Tests of a daemon that was told nothing to serve."""

    def serve_nothing(self):
        return daemon.Daemon(room=self.room, nqn=None, args=('--rpc-socket', 'rpc',
                                                             '--listen', '127.0.0.1'))


class Recorded(NothingCase):
    def test_requests_of_rpc_py_are_answered_as_recorded(self):
        self.room.file('disk', 8 << 20)
        port = free_port()
        target = self.serve_nothing()
        with target, Caller(self.room.path / 'rpc') as caller:
            for request, expected in json.loads(PAIRS.read_text()):
                with self.subTest(request=request):
                    asked = rpc_pairs.fill_in(request, self.room.path, port)
                    caller.send(json.dumps({'jsonrpc': '2.0', 'id': 1, **asked}))
                    self.assertEqual(rpc_pairs.blur(caller.answer()),
                                     rpc_pairs.blur(rpc_pairs.fill_in(expected, self.room.path, port)))


class FromNothing(NothingCase):
    def make(self, caller, port):
        caller.call('nvmf_create_transport', trtype='TCP')
        caller.call('bdev_malloc_create', name='m0', num_blocks=8192, block_size=512)
        caller.call('nvmf_create_subsystem', nqn=NQN, allow_any_host=False)
        caller.call('nvmf_subsystem_add_ns', nqn=NQN, namespace={'bdev_name': 'm0', 'nsid': 3})
        caller.call('nvmf_subsystem_add_host', nqn=NQN, host=HOST)
        caller.call('nvmf_subsystem_add_listener', nqn=NQN, listen_address=listener(port))

    def io(self, port, data):
        """Writes and reads back by a host of its own."""
        with Controller(('127.0.0.1', port), NQN, host=Host(HOST)) as controller:
            queue, = controller.io_queues(1)
            self.assertEqual(write_blocks(queue, 5, data, nsid=3).cqe.status, 0)
            self.assertEqual(read_blocks(queue, 5, len(data) // 512, nsid=3).data, data)

    def test_a_target_is_made_and_serves(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            self.make(caller, port)
            self.io(port, b'made by calls   ' * 64)
            stats, = caller.call('bdev_get_iostat', names=['m0'])['bdevs']
            self.assertEqual((stats['bytes_read'], stats['num_read_ops'], stats['bytes_written'],
                              stats['num_write_ops']), (1024, 1, 1024, 1))

    def stats(self, caller, **more):
        stats, = caller.call('bdev_get_iostat', names=['m0'], **more)['bdevs']
        return {key: value for key, value in stats.items() if value and key != 'name'}

    def test_copies_are_counted_beside_what_is_read_and_written(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            self.make(caller, port)
            with Controller(('127.0.0.1', port), NQN, host=Host(HOST)) as controller:
                queue, = controller.io_queues(1)
                got = queue.run(wire.copy(3, 64, 1), wire.copy_ranges((0, 24)))
                self.assertEqual(got.cqe.status, 0)
                own = caller.call('nvmfd_get_iostat')
            self.assertEqual(self.stats(caller), {'bytes_copied': 24 * 512, 'num_copy_ops': 1})
            for row in own['namespaces'] + own['queues']:
                self.assertEqual((row['copies'], row['bytes_copied'], row['reads'], row['writes'],
                                  row['bytes_read'], row['bytes_written']),
                                 (1, 24 * 512, 0, 0, 0, 0))
            self.assertEqual(len(own['namespaces'] + own['queues']), 2)

    def test_what_a_device_did_stays_when_its_namespace_goes(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            self.make(caller, port)
            self.io(port, bytes(1024))
            before = self.stats(caller)
            caller.call('nvmf_subsystem_remove_ns', nqn=NQN, nsid=3)
            self.assertEqual(self.stats(caller), before)
            caller.call('nvmf_subsystem_add_ns', nqn=NQN, namespace={'bdev_name': 'm0', 'nsid': 3})
            self.io(port, bytes(1024))
            self.assertEqual(self.stats(caller)['num_read_ops'], 2)

    def test_what_a_device_did_is_reset(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            self.make(caller, port)
            for how in (lambda: caller.call('bdev_reset_iostat'),
                        lambda: caller.call('bdev_reset_iostat', name='m0', mode='all'),
                        lambda: self.assertIn('bytes_read', self.stats(caller, reset_mode='all'))):
                self.io(port, bytes(1024))
                caller.call('bdev_reset_iostat', mode='maxmin')
                self.assertEqual(self.stats(caller)['num_write_ops'], 1)
                how()
                self.assertEqual(self.stats(caller), {})
            with self.assertRaises(RpcError):
                caller.call('bdev_reset_iostat', mode='most')
            with self.assertRaises(RpcError):
                caller.call('bdev_reset_iostat', name='m1')

    def test_how_long_a_device_took_is_told_of_reads_and_writes(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            caller.call('nvmfd_add_device', name='m0', device='delay:ms=30/ramdisk:4M')
            caller.call('nvmf_create_transport', trtype='TCP')
            caller.call('nvmf_create_subsystem', nqn=NQN, allow_any_host=True)
            caller.call('nvmf_subsystem_add_ns', nqn=NQN, namespace={'bdev_name': 'm0', 'nsid': 3})
            caller.call('nvmf_subsystem_add_listener', nqn=NQN, listen_address=listener(port))
            rate = caller.call('bdev_get_iostat')['tick_rate']
            began = time.monotonic()
            for _ in range(2):
                self.io(port, bytes(1024))
            took = time.monotonic() - began
            stats = self.stats(caller)
            for ticks in (stats['read_latency_ticks'], stats['write_latency_ticks']):
                self.assertGreaterEqual(ticks / rate, 2 * 0.03)
                self.assertLess(ticks / rate, took)

    def test_there_are_no_listeners_without_a_transport(self):
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            caller.call('nvmf_create_subsystem', nqn=NQN)
            with self.assertRaises(RpcError) as refused:
                caller.call('nvmf_subsystem_add_listener', nqn=NQN, listen_address=listener(9))
            self.assertIn('nvmf_create_transport', refused.exception.message)

    def test_what_is_saved_makes_the_same_again(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            self.make(caller, port)
            caller.call('nvmf_discovery_add_referral', address=listener(8009))
            saved = [caller.call('framework_get_config', name=part['subsystem'])
                     for part in caller.call('framework_get_subsystems')]
            before = caller.call('nvmf_get_subsystems', nqn=NQN)
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            for part in saved:
                for asked in part:
                    address = asked['params'].get('listen_address')
                    if address and address['trsvcid'] != str(port):
                        continue        # the first one's discovery port was any free one
                    caller.call(asked['method'], **asked['params'])
            self.assertEqual(caller.call('nvmf_get_subsystems', nqn=NQN), before)
            self.io(port, b'made once more  ' * 64)

    def test_a_deleted_subsystem_s_port_is_free_again(self):
        port = free_port()
        with self.serve_nothing(), Caller(self.room.path / 'rpc') as caller:
            self.make(caller, port)
            caller.call('nvmf_delete_subsystem', nqn=NQN)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(('127.0.0.1', port)).close()
            caller.call('bdev_malloc_delete', name='m0')
            self.assertEqual(caller.call('bdev_get_bdevs'), [])


class Changes(WickedCase):
    """While the bystander verifies what it reads."""

    args = ('--rpc-socket', 'rpc')

    def setUp(self):
        super().setUp()
        self.caller = Caller(self.target.room.path / 'rpc')
        self.addCleanup(self.caller.close)

    def test_who_is_connected_is_told(self):
        controller = self.controller(host=Host(HOST))
        controller.io_queues(3)
        shown = [c for c in self.caller.call('nvmf_subsystem_get_controllers', nqn=self.target.nqn)
                 if c['hostnqn'] == HOST]
        self.assertEqual([(c['cntlid'], c['cntrltype'], c['num_io_qpairs']) for c in shown],
                         [(controller.cntlid, 'io', 3)])
        queues = [q for q in self.caller.call('nvmf_subsystem_get_qpairs', nqn=self.target.nqn)
                  if q['hostnqn'] == HOST]
        self.assertEqual(sorted(q['qid'] for q in queues), [0, 1, 2, 3])
        for queue in queues:
            self.assertEqual(queue['state'], 'enabled')
            self.assertEqual(queue['listen_address'], listener(self.target.io[1]))
            self.assertEqual(queue['peer_address']['traddr'], '127.0.0.1')
            self.assertGreater(int(queue['peer_address']['trsvcid']), 0)
        groups = self.caller.call('nvmf_get_stats')['poll_groups']
        self.assertEqual(sum(g['current_admin_qpairs'] for g in groups), 2)
        self.assertEqual(sum(g['current_io_qpairs'] for g in groups),
                         3 + self.bystander.QUEUES)
        self.assertGreater(sum(g['completed_nvme_io'] for g in groups), 0)

    def connects(self):
        groups = self.caller.call('nvmf_get_stats')['poll_groups']
        return sum(g['admin_qpairs'] for g in groups), sum(g['io_qpairs'] for g in groups)

    def test_queues_that_are_gone_are_counted(self):
        admin, io = self.connects()
        for _ in range(5):
            with Controller(self.target.io, self.target.nqn, host=Host(HOST)) as controller:
                controller.io_queues(2)
        self.assertEqual(self.connects(), (admin + 5, io + 10))

    def test_a_device_goes_with_its_namespaces(self):
        """Those of all subsystems; a host that is connected sees them go."""
        uuid = '584de6fc-1120-4e40-b3bd-24feb35cad8b'
        self.caller.call('bdev_malloc_create', name='m', num_blocks=2048, block_size=512, uuid=uuid)
        self.caller.call('nvmf_create_subsystem', nqn=NQN)
        self.addCleanup(self.caller.call, 'nvmf_delete_subsystem', nqn=NQN)
        for nqn in (self.target.nqn, NQN):
            self.caller.call('nvmf_subsystem_add_ns', nqn=nqn, namespace={'bdev_name': uuid.upper()})
        controller = self.controller(host=Host(HOST))
        self.assertEqual(controller.namespaces(), [1, 2])
        self.assertIs(self.caller.call('bdev_malloc_delete', name=uuid), True)
        self.assertEqual(controller.namespaces(), [1])
        made, = self.caller.call('nvmf_get_subsystems', nqn=NQN)
        self.assertEqual(made['namespaces'], [])
        with self.assertRaises(RpcError):
            self.caller.call('bdev_get_bdevs', name='m')

    def test_what_was_given_on_the_command_line_is_shown(self):
        discovery, served = self.caller.call('nvmf_get_subsystems')
        self.assertEqual((discovery['subtype'], served['subtype'], served['nqn']),
                         ('Discovery', 'NVMe', self.target.nqn))
        self.assertEqual([n['nsid'] for n in served['namespaces']], [1])
        self.assertEqual([b['num_blocks'] for b in self.caller.call('bdev_get_bdevs')], [32768])

    def test_namespaces_come_and_go(self):
        for turn in range(20):
            self.caller.call('bdev_malloc_create', name='m', num_blocks=2048 + turn, block_size=512)
            nsid = self.caller.call('nvmf_subsystem_add_ns', nqn=self.target.nqn,
                                    namespace={'bdev_name': 'm'})
            with Controller(self.target.io, self.target.nqn, host=Host(HOST)) as controller:
                self.assertEqual(controller.namespaces(), [1, nsid])
                self.assertEqual(controller.identify_namespace(nsid).nsze, 2048 + turn)
                self.caller.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=nsid)
                self.assertEqual(controller.namespaces(), [1])
            self.caller.call('bdev_malloc_delete', name='m')

    def test_a_ram_disk_grows_and_shrinks_below_its_hosts(self):
        """The bystander's is this very disk, and he never leaves its first 12 MiB."""
        if self.target.has_loaded('vgpreload'):
            self.skipTest('valgrind maps less: there is no room to grow into')
        name = self.caller.call('bdev_get_bdevs')[0]['name']
        controller = self.controller(host=Host(HOST))
        queue = controller.io_queues(1)[0]
        for turn in range(20):
            for size in (64 * MIB, 12 * MIB):
                self.caller.call('nvmfd_resize_device', name=name, size=size)
                self.assertEqual(controller.identify_namespace(1).nsze, size // 512)
                last = size // 512 - 8
                self.assertEqual(read_blocks(queue, last, 8).data, bytes(4096))
                if size > 12 * MIB:
                    self.assert_success(write_blocks(queue, last, bytes([turn + 1]) * 4096))
            self.assert_status(read_blocks(queue, 12 * MIB // 512, 8), Sc.LBA_OUT_OF_RANGE)
        self.caller.call('nvmfd_resize_device', name=name, size=16 * MIB)

    def test_many_change_at_once(self):
        """Each his own device and namespace; none sees half a change of another's."""
        failures = []

        def change(number):
            try:
                with Caller(self.target.room.path / 'rpc') as caller:
                    for _ in range(30):
                        name = f'own{number}'
                        caller.call('bdev_malloc_create', name=name, num_blocks=64, block_size=512)
                        nsid = caller.call('nvmf_subsystem_add_ns', nqn=self.target.nqn,
                                           namespace={'bdev_name': name})
                        _, served = caller.call('nvmf_get_subsystems')
                        shown = {n['nsid']: n['bdev_name'] for n in served['namespaces']}
                        assert shown[nsid] == name, (nsid, name, shown)
                        caller.call('bdev_malloc_delete', name=name)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        _, served = self.caller.call('nvmf_get_subsystems')
        self.assertEqual([n['nsid'] for n in served['namespaces']], [1])
        self.assertEqual(len(self.caller.call('bdev_get_bdevs')), 1)

    def test_asking_who_is_connected_disturbs_nobody(self):
        for _ in range(300):
            self.caller.call('nvmf_subsystem_get_qpairs', nqn=self.target.nqn)
            with Controller(self.target.io, self.target.nqn, host=Host(HOST)) as controller:
                controller.io_queues(2)


if __name__ == '__main__':
    unittest.main()
