# SPDX-License-Identifier: BSD-2-Clause
"""Row "configuration file": what it says is served, and changes on SIGHUP."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest
import uuid

import daemon
import wire
from case import RoomCase, pattern, read_blocks, write_blocks
from nvmetcp import DISCOVERY_NQN, Controller, Host, Queue
from rpc import Caller, RpcError
from wire import Log, Sc

ONE, TWO = 'nqn.2026-11.org.example:one', 'nqn.2026-11.org.example:two'
FRIEND = Host('nqn.2026-11.org.example:friend')
STRANGER = Host('nqn.2026-11.org.example:stranger')
UUID = uuid.UUID('d1c3b0a7-7f0e-4e4e-8a53-5d1e6a1f7a01')
NGUID = uuid.UUID('2f1c9a52-6c3d-4b18-93f7-0c1d2e3f4a5b')
DEADLINE = 15 * daemon.SLOWNESS


def namespace(nsid, path, **more):
    return {'nsid': nsid, 'enable': 1, 'device': {'path': path, **more}}


def port(portid, *subsystems, **more):
    return {'portid': portid, 'subsystems': list(subsystems), 'addr': {
        'adrfam': 'ipv4', 'traddr': '127.0.0.1', 'trsvcid': '0', 'trtype': 'tcp'}, **more}


class ServedCase(RoomCase):

    def setUp(self):
        super().setUp()
        self.disk = self.room.file('disk.img', size=1 << 20)
        self.config = {
            'hosts': [{'nqn': FRIEND.nqn}],
            'nvmfd': {'workers': 2, 'devices': [{'name': 'ram', 'device': 'ramdisk:2M?bs=4096'}]},
            'ports': [port(1, ONE), port(7, ONE, TWO)],
            'subsystems': [
                {'nqn': ONE, 'allowed_hosts': [],
                 'attr': {'allow_any_host': '1', 'serial': 'SN of one', 'model': 'Linux',
                          'firmware': '6.12.0', 'cntlid_min': '100', 'cntlid_max': '200',
                          'ieee_oui': '0x525400', 'qid_max': '3'},
                 'namespaces': [namespace(1, self.disk, uuid=str(UUID)),
                                namespace(5, 'ram', nguid=str(NGUID)),
                                {**namespace(9, self.disk), 'enable': 0}]},
                {'nqn': TWO, 'allowed_hosts': [FRIEND.nqn], 'attr': {'allow_any_host': '0'},
                 'namespaces': [namespace(2, 'ram')]}]}

    def write(self):
        return self.room.file('config.json', content=json.dumps(self.config).encode())

    def start(self, *args):
        self.target = daemon.Daemon(room=self.room, config=self.write(), args=args).start()
        self.addCleanup(self.target.stop)

    def where(self, portid):
        return '127.0.0.1', self.target.ports[f'port{portid}']

    def connect(self, portid=1, nqn=ONE, host=FRIEND, **how):
        made = Controller(self.where(portid), nqn, host=host, **how)
        self.addCleanup(made.close)
        return made

    def block_size(self, nsid):
        """Of a file it is what suits the file system underneath."""
        return 1 << self.connect().identify_namespace(nsid).raw[130]

    def entries(self, portid):
        log = bytes(self.connect(portid, DISCOVERY_NQN).get_log(Log.DISCOVERY, 16384).data)
        return [wire.Fields(wire.DISCOVERY_ENTRY, log[at:at + 1024]) for at in range(1024, 16384, 1024)]

    def told(self, portid):
        """Name, portid and TCP port of each entry of the discovery log."""
        return {(bytes(e.subnqn).rstrip(b'\0').decode(), e.portid, int(bytes(e.trsvcid).strip(b'\0 ') or 0))
                for e in self.entries(portid) if bytes(e.subnqn)[0] and e.subtype != 3}

    def discovery_names(self, portid, nqn):
        """What the discovery subsystem is called, by Identify and by its log, to who
        connects by that name."""
        told, = (e.subnqn for e in self.entries(portid) if e.subtype == 3)
        identify = self.connect(portid, nqn).identify_controller()
        return tuple(bytes(name).rstrip(b'\0').decode() for name in (identify.subnqn, told))

    def refusal(self, portid, nqn, host=FRIEND):
        queue = Queue(self.where(portid))
        self.addCleanup(queue.close)
        return queue.connect(nqn, host.nqn, host.hostid).cqe.sc

    def says(self, sentence, times=1):
        """Waits for a line of the log."""
        deadline = time.monotonic() + DEADLINE
        while self.target.log().count(sentence) < times:
            self.assertLess(time.monotonic(), deadline, self.target.log())
            time.sleep(0.01)

    def reload(self, says='config.json: read again', times=1):
        self.write()
        self.target.process.send_signal(signal.SIGHUP)
        self.says(says, times)


class Serves(ServedCase):

    def test_identifiers_are_those_of_the_file_and_no_others(self):
        self.start()
        ctrl = self.connect()
        identify = ctrl.identify_controller()
        self.assertEqual(bytes(identify.sn), b'SN of one'.ljust(20))
        self.assertEqual(bytes(identify.mn), b'Linux'.ljust(40))
        self.assertEqual(bytes(identify.fr), b'6.12.0'.ljust(8))
        self.assertEqual(identify.raw[73:76], bytes.fromhex('005452'), 'IEEE OUI')
        self.assertTrue(100 <= ctrl.cntlid <= 200, ctrl.cntlid)
        self.assertEqual(ctrl.set_queues(10), 3)
        self.assertEqual(ctrl.namespaces(), [1, 5])
        self.assertEqual(ctrl.descriptors(1).get(3), UUID.bytes)
        self.assertNotIn(2, ctrl.descriptors(1))
        self.assertEqual(ctrl.descriptors(5).get(2), NGUID.bytes)
        self.assertNotIn(3, ctrl.descriptors(5))
        self.assertNotIn(1, ctrl.descriptors(5))

    def test_two_namespaces_share_a_device(self):
        self.start()
        one, = self.connect().io_queues(1)
        two, = self.connect(7, TWO).io_queues(1)
        data = pattern(4, size=4096)
        self.assertEqual(write_blocks(one, 3, data, nsid=5, size=4096).cqe.sc, Sc.SUCCESS)
        self.assertEqual(bytes(read_blocks(two, 3, 4, nsid=2, size=4096).data), data)
        # And the file has what its namespace was given.
        size = self.block_size(1)
        block = pattern(1, seed=2, size=size)
        self.assertEqual(write_blocks(one, 1, block, nsid=1, size=size).cqe.sc, Sc.SUCCESS)
        self.assertEqual(pathlib.Path(self.disk).read_bytes()[size:2 * size], block)

    def test_hosts_and_ports_open_what_they_name_alone(self):
        self.start()
        self.connect(7, TWO).close()
        self.assertEqual(self.refusal(7, TWO, STRANGER), Sc.CONNECT_INVALID_HOST)
        self.assertEqual(self.refusal(1, TWO), Sc.CONNECT_INVALID_PARAMETERS)
        self.connect(1, ONE, STRANGER).close()

    def test_digests_and_sq_flow_control_are_granted(self):
        self.start()
        ctrl = self.connect(hdgst=True, ddgst=True)
        self.assertEqual(len(ctrl.identify().data), 4096)
        queue, = ctrl.io_queues(1, cattr=4)
        self.assertEqual(read_blocks(queue, 0, 1, nsid=5, size=4096).cqe.sc, Sc.SUCCESS)

    def test_names_that_are_no_nqns(self):
        """The kernel takes them, and so they are in files of its."""
        self.config = {'hosts': [{'nqn': 'hostnqn'}], 'ports': [port(1, 'testnqn')], 'subsystems': [
            {'nqn': 'testnqn', 'allowed_hosts': ['hostnqn'], 'namespaces': [namespace(1, self.disk)]}]}
        self.start()
        self.assertEqual(self.connect(1, 'testnqn', Host('hostnqn')).namespaces(), [1])
        self.assertEqual(self.refusal(1, 'testnqn', Host('other')), Sc.CONNECT_INVALID_PARAMETERS)
        self.assertEqual(self.refusal(1, 'testnqm', Host('hostnqn')), Sc.CONNECT_INVALID_PARAMETERS)
        self.connect(1, DISCOVERY_NQN, Host('hostnqn')).close()

    def test_discovery_tells_ports_and_referrals(self):
        self.config['ports'][0]['referrals'] = [
            {'name': 'r', 'enable': 1, 'addr': {'trtype': 'tcp', 'adrfam': 'ipv4', 'traddr': '192.0.2.9',
                                                'trsvcid': '8009', 'portid': '3'}},
            {'name': 'off', 'enable': 0, 'addr': {'trtype': 'tcp', 'traddr': '192.0.2.8', 'trsvcid': '8009'}}]
        self.start()
        self.assertTrue(self.entries(7)[0].treq & 4, 'SQ flow control may be off')
        told = self.told(7)
        self.assertIn((ONE, 1, self.target.ports['port1']), told)
        self.assertIn((ONE, 7, self.target.ports['port7']), told)
        self.assertIn((TWO, 7, self.target.ports['port7']), told)
        self.assertIn((DISCOVERY_NQN, 3, 8009), told)
        self.assertEqual(len(told), 4)

    def test_what_is_ours(self):
        self.config['nvmfd']['subsystems'] = [{'nqn': ONE, 'namespaces': [
            {'nsid': 1, 'read_only': 1}, {'nsid': 5, 'hidden': 1, 'hosts': [FRIEND.nqn]}]},
            {'nqn': TWO, 'addresses': ['192.0.2.0/24']}]
        self.start()
        self.assertEqual(self.connect().namespaces(), [1, 5])
        ctrl = self.connect(host=STRANGER)
        self.assertEqual(ctrl.namespaces(), [1])
        queue, = ctrl.io_queues(1)
        size = self.block_size(1)
        self.assertEqual(write_blocks(queue, 0, pattern(1, size=size), size=size).cqe.sc,
                         Sc.WRITE_PROTECTED)
        self.assertEqual(self.refusal(7, TWO), Sc.CONNECT_INVALID_HOST)

    def test_in_the_background_the_file_is_found_again(self):
        """Its path was given as seen from where nvmfd was started."""
        self.write()
        pidfile, ports = self.room.path / 'pid', self.room.path / 'ports'
        ended = self.room.run('-c', 'config.json', '--pidfile', str(pidfile), '--ports-file', str(ports),
                              stdin=subprocess.DEVNULL)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        pid = int(pidfile.read_text())
        try:
            where = '127.0.0.1', daemon.read_ports(ports)['port1']
            self.config['subsystems'][0]['namespaces'].pop(0)
            self.write()
            os.kill(pid, signal.SIGHUP)
            deadline = time.monotonic() + DEADLINE
            with Controller(where, ONE, host=FRIEND) as ctrl:
                while ctrl.namespaces() != [5]:
                    self.assertLess(time.monotonic(), deadline)
        finally:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + DEADLINE
            while pidfile.exists() and time.monotonic() < deadline:
                time.sleep(0.01)

    def test_a_port_that_serves_nothing_does_not_listen(self):
        self.config['ports'].append(port(9))
        self.start()
        self.assertEqual(sorted(self.target.ports), ['port1', 'port7'])

    def test_what_cant_be_opened_is_one_sentence(self):
        self.config['subsystems'][0]['namespaces'][0]['device']['path'] = '/nonexistent/disk'
        self.assert_one_sentence(self.room.run('-d', '-c', self.write()), '/nonexistent/disk')

    def test_bad_files_are_not_served(self):
        self.config['hosts'][0]['dhchap'] = {'key': 'DHHC-1:00:hush:'}
        ended = self.room.run('-d', '-c', self.write())
        self.assertEqual(ended.returncode, 1)
        self.assertIn('hosts[0].dhchap.key: found a secret', ended.stderr)
        self.assertNotIn('hush', ended.stderr)


class Reloads(ServedCase):

    def test_only_the_difference(self):
        self.start()
        ctrl = self.connect()
        queue, = ctrl.io_queues(1)
        data = pattern(4, size=4096)
        self.assertEqual(write_blocks(queue, 0, data, nsid=5, size=4096).cqe.sc, Sc.SUCCESS)
        more = self.room.file('more.img', size=2 << 20)
        self.config['subsystems'][0]['namespaces'] += [namespace(6, more)]
        self.config['subsystems'][1]['allowed_hosts'] += [STRANGER.nqn]
        self.config['hosts'] += [{'nqn': STRANGER.nqn}]
        self.assertEqual(self.refusal(7, TWO, STRANGER), Sc.CONNECT_INVALID_HOST)
        self.reload()
        # The same controller and queue, the same memory.
        self.assertEqual(ctrl.namespaces(), [1, 5, 6])
        self.assertEqual(bytes(read_blocks(queue, 0, 4, nsid=5, size=4096).data), data)
        self.assertEqual(read_blocks(queue, 0, 1, nsid=6, size=self.block_size(6)).cqe.sc, Sc.SUCCESS)
        self.connect(7, TWO, STRANGER).close()

    def test_what_is_gone_is_gone(self):
        self.start()
        ctrl, other = self.connect(), self.connect(7, TWO)
        self.config['subsystems'][0]['namespaces'].pop(0)
        self.config['subsystems'].pop()
        self.config['ports'][1]['subsystems'].pop()
        self.reload()
        self.assertEqual(ctrl.namespaces(), [5])
        with self.assertRaises(ConnectionError):
            while True:
                other.admin.receive_pdu(DEADLINE)
        self.assertEqual(self.refusal(7, TWO), Sc.CONNECT_INVALID_PARAMETERS)
        self.connect(7, ONE).close()

    def test_all_or_nothing(self):
        self.start()
        self.config['subsystems'][0]['namespaces'].pop(0)
        self.config['subsystems'][1]['namespaces'] += [namespace(3, '/nonexistent/disk')]
        self.reload('config.json: nothing changes: ')
        self.assertEqual(self.connect().namespaces(), [1, 5])
        # And the next one is compared with what runs.
        self.config['subsystems'][1]['namespaces'].pop()
        self.reload()
        self.assertEqual(self.connect().namespaces(), [5])

    def test_a_file_with_mistakes_changes_nothing(self):
        self.start()
        self.config['subsystems'][0]['namespaces'].pop(0)
        self.config['subsystems'][1]['attr']['cntlid_min'] = 0
        self.reload('config.json: nothing changes: it has mistakes')
        self.assertIn('subsystems[1].attr.cntlid_min: found 0', self.target.log())
        self.assertEqual(self.connect().namespaces(), [1, 5])

    def test_what_stays_as_it_is(self):
        self.start()
        changes = (
            (lambda c: c['nvmfd'].update(workers=1), "--workers can't change while nvmfd runs"),
            (lambda c: c['nvmfd']['devices'][0].update(device='null:2M?bs=4096'), "'ram' can't become another"),
            (lambda c: c['nvmfd']['devices'][0].update(device='ramdisk:4M'), "'ram' can't become another"))
        whole = json.dumps(self.config)
        for change, sentence in changes:
            with self.subTest(sentence=sentence):
                self.config = json.loads(whole)
                change(self.config)
                self.reload(sentence)
        self.config = json.loads(whole)
        self.reload()
        self.connect().close()

    def test_a_device_of_another_size(self):
        self.start('--rpc-socket', 'rpc')
        ctrl = self.connect()
        self.config['nvmfd']['devices'][0]['device'] = 'ramdisk:3M?bs=4096'
        self.reload()
        self.assertEqual(ctrl.identify_namespace(5).nsze, 768)
        # And what calls have made of it is the file's again.
        with Caller(self.room.path / 'rpc') as caller:
            caller.call('nvmfd_resize_device', name='ram', size=1 << 20)
            self.assertEqual(ctrl.identify_namespace(5).nsze, 256)
            self.assertIn('changed device ram', caller.call('nvmfd_reload')['changes'])
            self.assertEqual(ctrl.identify_namespace(5).nsze, 768)
            # What is saved has the size that it has.
            caller.call('nvmfd_resize_device', name='ram', size=5 << 20)
            caller.call('nvmfd_save_config')
            self.assertEqual(caller.call('nvmfd_reload')['changes'], [])
            self.assertEqual(ctrl.identify_namespace(5).nsze, 1280)

    def test_names_and_numbers_of_referrals(self):
        """They change, and are saved, whoever made them."""
        there = {'traddr': '192.0.2.9', 'trsvcid': '8009'}
        ours = 'nqn.2026-11.org.example:discovery'
        addr = self.config['ports'][0].setdefault('referrals', [
            {'name': 'r', 'enable': 1, 'addr': {'trtype': 'tcp', 'adrfam': 'ipv4', 'portid': '3', **there}}])[0]['addr']
        self.start('--rpc-socket', 'rpc')
        self.assertIn((DISCOVERY_NQN, 3, 8009), self.told(7))
        self.config['nvmfd']['referrals'] = [{**there, 'nqn': ours}]
        self.reload()
        self.assertIn((ours, 3, 8009), self.told(7))
        addr['portid'] = '4'
        self.reload(times=2)
        self.assertEqual({e for e in self.told(7) if e[2] == 8009}, {(ours, 4, 8009)})
        with Caller(self.room.path / 'rpc') as caller:
            where = {'trtype': 'TCP', 'traddr': '2001:db8::1', 'trsvcid': '8010'}
            caller.call('nvmf_discovery_add_referral', address=where, subnqn=ours + '2', portid=9)
            with self.assertRaises(RpcError):
                caller.call('nvmf_discovery_add_referral', address={**where, 'traddr': '2001:db8:0::0:1'})
            caller.call('nvmfd_save_config')
            caller.call('nvmf_discovery_remove_referral', address={**where, 'traddr': '2001:DB8:0::1'})
            self.assertEqual({e for e in self.told(7) if e[2] >= 8000 and e[0].startswith(ours)}, {(ours, 4, 8009)})
            caller.call('nvmfd_reload')
        self.assertLessEqual({(ours, 4, 8009), (ours + '2', 9, 8010)}, self.told(7))

    def test_the_discovery_subsystem_has_a_name_of_its_own(self):
        """Told to hosts, who may connect by it and by the well-known one; changed and
        taken away again, and no subsystem's."""
        ours = 'nqn.2026-11.org.example:discovery'
        self.config['discovery'] = {'nqn': ours}
        self.start('--rpc-socket', 'rpc')
        self.assertEqual(self.discovery_names(7, DISCOVERY_NQN), (ours, ours))
        self.assertEqual(self.discovery_names(7, ours), (ours, ours))
        self.config['discovery'] = {'nqn': ours + '2'}
        self.reload()
        self.assertEqual(self.discovery_names(7, ours + '2'), (ours + '2', ours + '2'))
        self.assertEqual(self.refusal(7, ours), Sc.CONNECT_INVALID_PARAMETERS)
        with Caller(self.room.path / 'rpc') as caller:
            self.assertEqual(caller.call('nvmfd_get_discovery'), {'nqn': ours + '2'})
            for taken in (self.config['subsystems'][0]['nqn'], 'a\tb', ''):
                with self.assertRaises(RpcError):
                    caller.call('nvmfd_set_discovery', nqn=taken)
            with self.assertRaises(RpcError):
                caller.call('nvmfd_add_subsystem', nqn=ours + '2')
            self.assertEqual(caller.call('nvmf_get_subsystems')[0]['nqn'], ours + '2')
        del self.config['discovery']
        self.reload(times=2)
        self.assertEqual(self.discovery_names(7, DISCOVERY_NQN), (DISCOVERY_NQN, DISCOVERY_NQN))

    def test_a_name_of_no_referral_is_a_mistake(self):
        self.config['nvmfd']['referrals'] = [{'traddr': '192.0.2.9', 'trsvcid': '8009', 'nqn': 'nqn.2026-11.org.example:d'}]
        run = subprocess.run([daemon.NVMFD, '--check', '-c', self.write()], capture_output=True, text=True,
                             timeout=DEADLINE, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("nvmfd.referrals[0].traddr: found '192.0.2.9' port 8009, expected the address and port "
                      "of one of ports' referrals", run.stderr + run.stdout)

    def test_attributes_of_a_subsystem(self):
        self.start()
        ctrl = self.connect(sqsize=31)
        self.config['subsystems'][0]['attr'].update(
            serial='other', model='another', firmware='7', ieee_oui='0x0000ff', cntlid_min='300',
            cntlid_max='300', qid_max='2')
        self.config['nvmfd']['subsystems'] = [{'nqn': ONE, 'second_connection': 'fence', 'nn': 5}]
        self.reload()
        identify = ctrl.identify_controller()
        self.assertEqual((bytes(identify.sn).strip(), bytes(identify.mn).strip(), bytes(identify.fr).strip(),
                          identify.raw[73:76], identify.nn), (b'other', b'another', b'7', b'\xff\0\0', 5))
        second = self.connect()
        self.assertEqual((second.cntlid, second.set_queues(10)), (300, 2))
        ctrl.admin.expect_end(DEADLINE)

    def test_hosts_that_calls_have_allowed_are_forbidden_again(self):
        self.start('--rpc-socket', 'rpc')
        with Caller(self.room.path / 'rpc') as caller:
            caller.call('nvmf_subsystem_add_host', nqn=ONE, host=STRANGER.nqn)
        self.config['subsystems'][0].update(allowed_hosts=[FRIEND.nqn])
        self.config['subsystems'][0]['attr']['allow_any_host'] = '0'
        self.reload()
        self.assertEqual(self.refusal(1, ONE, STRANGER), Sc.CONNECT_INVALID_HOST)
        self.connect().close()

    def test_visibility_follows(self):
        self.start()
        ctrl = self.connect(host=STRANGER)
        self.assertEqual(ctrl.namespaces(), [1, 5])
        own = {'nsid': 5, 'hidden': 1}
        self.config['nvmfd']['subsystems'] = [{'nqn': ONE, 'namespaces': [own]}]
        self.reload()
        self.assertEqual(ctrl.namespaces(), [1])
        own['hosts'] = [STRANGER.nqn]
        self.reload(times=2)
        self.assertEqual(ctrl.namespaces(), [1, 5])
        own['hosts'] = [FRIEND.nqn]
        self.reload(times=3)
        self.assertEqual(ctrl.namespaces(), [1])

    def test_ports_begin_and_end_with_what_they_serve(self):
        self.start()
        self.config['ports'][0]['subsystems'] = []
        self.config['subsystems'][0]['attr']['allow_any_host'] = '0'
        self.config['subsystems'][0]['allowed_hosts'] = [FRIEND.nqn]
        self.reload()
        with self.assertRaises(ConnectionError):
            self.connect(1)
        self.assertEqual(self.refusal(7, ONE, STRANGER), Sc.CONNECT_INVALID_HOST)

    def test_the_highest_nsid_follows(self):
        self.start()
        own = {'nqn': ONE, 'nn': 6}
        self.config['nvmfd']['subsystems'] = [own]
        self.reload()
        self.assertEqual(self.connect().identify_controller().nn, 6)
        own['nn'] = 4
        self.reload('nvmfd.subsystems[0]: nn is 4, expected no less than the nsid of each namespace '
                    'that is enabled, as 5')
        self.assertEqual(self.connect().identify_controller().nn, 6)

    def test_another_port_takes_an_address_over(self):
        self.start()
        where, ctrl = self.where(1), self.connect()
        moved = port(3, ONE)
        moved['addr']['trsvcid'] = str(where[1])
        self.config['ports'][0] = moved
        missing = namespace(3, '/nonexistent/disk')
        self.config['subsystems'][1]['namespaces'].append(missing)
        self.reload('config.json: nothing changes: ')
        self.assertEqual(ctrl.namespaces(), [1, 5])
        self.connect(1).close()
        self.config['subsystems'][1]['namespaces'].remove(missing)
        self.reload()
        with self.assertRaises(ConnectionError):
            while True:
                ctrl.admin.receive_pdu(DEADLINE)
        self.assertEqual(self.connect(1).namespaces(), [1, 5])
        # And once more: it is the new port's own.
        self.config['ports'][0]['portid'] = 4
        self.reload(times=2)
        self.assertEqual(self.connect(1).namespaces(), [1, 5])
        self.config['ports'].pop(0)
        self.reload(times=3)
        with self.assertRaises(ConnectionError):
            self.connect(1)

    def move(self, index, address, service):
        self.config['ports'][index]['addr'].update(traddr=address, trsvcid=str(service))

    def assert_ends(self, controller):
        with self.assertRaises(ConnectionError):
            while True:
                controller.admin.receive_pdu(DEADLINE)

    def test_ports_change_places(self):
        self.start()
        one, seven = self.where(1), self.where(7)
        here, there = self.connect(1), self.connect(7)
        self.assertEqual(self.refusal(1, TWO), Sc.CONNECT_INVALID_PARAMETERS)
        self.move(0, *seven)
        self.move(1, *one)
        missing = namespace(3, '/nonexistent/disk')
        self.config['subsystems'][1]['namespaces'].append(missing)
        self.reload('config.json: nothing changes: ')
        self.assertEqual((here.namespaces(), there.namespaces()), ([1, 5], [1, 5]))
        self.assertEqual(self.refusal(1, TWO), Sc.CONNECT_INVALID_PARAMETERS)
        self.config['subsystems'][1]['namespaces'].remove(missing)
        self.reload()
        self.assert_ends(here)
        self.assert_ends(there)
        # Those to whom its number is known from the start: 1 is where 7 was.
        self.assertEqual(self.connect(1, TWO).namespaces(), [2])
        self.assertEqual(self.connect(7).namespaces(), [1, 5])
        self.assertEqual(self.refusal(7, TWO), Sc.CONNECT_INVALID_PARAMETERS)

    def test_a_port_that_moves_serves_more_at_once(self):
        self.start()
        self.move(0, '127.0.0.2', self.where(1)[1])
        self.config['subsystems'].append({
            'nqn': ONE + '.new', 'attr': {'allow_any_host': '1'}, 'allowed_hosts': [],
            'namespaces': [namespace(1, 'ram')]})
        self.config['ports'][0]['subsystems'].append(ONE + '.new')
        self.reload()
        with self.assertRaises(ConnectionError):
            self.connect(1)
        for nqn, nsids in ((ONE, [1, 5]), (ONE + '.new', [1])):
            made = Controller(('127.0.0.2', self.where(1)[1]), nqn, host=FRIEND)
            self.addCleanup(made.close)
            self.assertEqual(made.namespaces(), nsids)

    def test_an_address_that_covers_the_old_one_and_back(self):
        """By the same TCP port; nobody is refused in between."""
        self.start()
        service = self.where(1)[1]
        for times, (address, elsewhere) in enumerate((('0.0.0.0', True), ('127.0.0.1', False),
                                                      ('0.0.0.0', True)), 1):
            self.move(0, address, service)
            self.reload(times=times)
            self.assertEqual(self.connect(1).namespaces(), [1, 5])
            if not elsewhere:
                with self.assertRaises(ConnectionError):
                    Controller(('127.0.0.3', service), ONE, host=FRIEND)
        # No other process comes in there.
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with self.assertRaises(OSError):
                other.bind(('127.0.0.1', service))

    def test_a_port_may_have_the_number_0(self):
        self.config['ports'][0]['portid'] = 0
        self.config['nvmfd']['discovery_only'] = ['0']
        self.start()
        self.assertEqual(self.connect(0).namespaces(), [1, 5])
        self.assertIn((ONE, 0, self.target.ports['port0']), self.told(0))
        self.config['ports'][0]['subsystems'] = []
        self.reload()
        self.assertEqual(self.refusal(0, ONE), Sc.CONNECT_INVALID_PARAMETERS)

    def test_without_a_file_a_hangup_is_nothing(self):
        with self.serve('ramdisk:1M') as target:
            target.process.send_signal(signal.SIGHUP)
            self.controller(target).close()


if __name__ == '__main__':
    unittest.main()
