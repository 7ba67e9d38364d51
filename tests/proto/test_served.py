# SPDX-License-Identifier: BSD-2-Clause
"""Row "configuration file": what it says is served, and changes on SIGHUP."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest
import uuid

import daemon
import wire
from case import RoomCase, pattern, read_blocks, write_blocks
from nvmetcp import DISCOVERY_NQN, Controller, Host, Queue
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
        ctrl = self.connect(7, DISCOVERY_NQN)
        log = bytes(ctrl.get_log(Log.DISCOVERY, 16384).data)
        entries = [wire.Fields(wire.DISCOVERY_ENTRY, log[at:at + 1024]) for at in range(1024, 16384, 1024)]
        self.assertTrue(entries[0].treq & 4, 'SQ flow control may be off')
        told = {(bytes(e.subnqn).rstrip(b'\0').decode(), e.portid, int(bytes(e.trsvcid).strip(b'\0 ') or 0))
                for e in entries if bytes(e.subnqn)[0]}
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
            (lambda c: c['nvmfd']['devices'][0].update(device='ramdisk:4M'), "'ram' can't become another"),
            (lambda c: c['subsystems'][0]['attr'].update(serial='other'), "attributes of '" + ONE),
            (lambda c: c['ports'][0]['addr'].update(traddr='127.0.0.2'), "port 1 can't move"))
        whole = json.dumps(self.config)
        for change, sentence in changes:
            with self.subTest(sentence=sentence):
                self.config = json.loads(whole)
                change(self.config)
                self.reload(sentence)
        self.config = json.loads(whole)
        self.reload()
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

    def test_without_a_file_a_hangup_is_nothing(self):
        with self.serve('ramdisk:1M') as target:
            target.process.send_signal(signal.SIGHUP)
            self.controller(target).close()


if __name__ == '__main__':
    unittest.main()
