# SPDX-License-Identifier: BSD-2-Clause
"""What can be set by the configuration file can be set by calls, by nvmfctl and on the
command line, and all of them save the same.

Only what is chosen once at the start (workers, limits of commands, sockets, digests) is
the command line's and the file's alone.
"""
import copy
import json
import random
import re
import signal
import time
import unittest

import daemon
from case import RoomCase
from rpc import Caller
from test_nvmfctl import nvmfctl

NQN, NEW = 'nqn.2026-11.org.example:one', 'nqn.2026-11.org.example:new'
HOST, VIEWER = 'nqn.2026-11.org.example:host', 'nqn.2026-11.org.example:viewer'
DISCOVERY = 'nqn.2026-11.org.example:discovery'
UUID = 'd1c3b0a7-7f0e-4e4e-8a53-5d1e6a1f7a01'
OTHER_UUID = '2f1c9a52-6c3d-4b18-93f7-0c1d2e3f4a5b'
NGUID, EUI64 = OTHER_UUID.replace('-', ''), '0011223344556677'
DEADLINE = 20 * daemon.SLOWNESS


# Of its own: each daemon listens where the one before did, whoever else is on this machine.
ADDRESS = '127.' + '.'.join(str(random.randint(1, 254)) for _ in range(3))
SERVICE, SECOND, THIRD = 24420, 24421, 24422


def port(portid, service, *subsystems, **more):
    return {'portid': portid, 'subsystems': list(subsystems), 'addr': {
        'adrfam': 'ipv4', 'traddr': ADDRESS, 'trsvcid': str(service), 'trtype': 'tcp'}, **more}


REFERRAL = {'name': '192.0.2.9-8009', 'enable': 1, 'addr': {
    'trtype': 'tcp', 'adrfam': 'ipv4', 'traddr': '192.0.2.9', 'trsvcid': '8009', 'portid': '3',
    'treq': 'not specified'}}
BASE = {
    'hosts': [{'nqn': HOST}, {'nqn': VIEWER}],
    'nvmfd': {'workers': 1, 'devices': [{'name': 'ram', 'device': 'ramdisk:1M?bs=4096'},
                                        {'name': 'spare', 'device': 'null:2M?bs=512'}],
              'subsystems': [{'nqn': NQN, 'addresses': ['127.0.0.0/8']}]},
    'ports': [port(1, SERVICE, NQN), port(2, SECOND, NQN)],
    'subsystems': [{'nqn': NQN, 'allowed_hosts': [],
                    'attr': {'allow_any_host': '1', 'serial': 'SERIAL', 'model': 'MODEL', 'firmware': '1'},
                    'namespaces': [{'nsid': 1, 'enable': 1, 'device': {'path': 'ram', 'uuid': UUID}}]}]}


class Row:
    """One thing to be set: how the file says it, and the calls and words that do the same."""

    def __init__(self, edit, calls, words):
        self.edit, self.calls, self.words = edit, calls, words


def attribute(name, value, key, given, word):
    return Row(lambda c: c['subsystems'][0]['attr'].update({name: value}),
               [('nvmfd_set_subsystem', {'nqn': NQN, key: given})], [f'subsystem set {NQN} {word}'])


def own(name, value, key, given, word):
    return Row(lambda c: c['nvmfd']['subsystems'][0].update({name: value}),
               [('nvmfd_set_subsystem', {'nqn': NQN, key: given})], [f'subsystem set {NQN} {word}'])


def close_to_all_but(config, *hosts):
    config['subsystems'][0]['attr']['allow_any_host'] = '0'
    config['subsystems'][0]['allowed_hosts'] = list(hosts)


def add_namespace(config):
    config['subsystems'][0]['namespaces'].append({'nsid': 7, 'enable': 1, 'device': {
        'path': 'spare', 'uuid': OTHER_UUID, 'nguid': OTHER_UUID}})        # as the kernel writes it
    config['nvmfd']['subsystems'][0]['namespaces'] = [
        {'nsid': 7, 'read_only': 1, 'hidden': 1, 'hosts': [VIEWER], 'eui64': EUI64}]


def add_subsystem(config):
    config['subsystems'].append({'nqn': NEW, 'allowed_hosts': [], 'namespaces': [], 'attr': {
        'allow_any_host': '0', 'serial': 'NEW', 'model': 'MODEL', 'firmware': '2'}})
    config['ports'][0]['subsystems'].append(NEW)


def add_referral(config):
    config['ports'][0]['referrals'] = [REFERRAL]
    config['nvmfd']['referrals'] = [{'traddr': '192.0.2.9', 'trsvcid': '8009', 'nqn': DISCOVERY}]


def add_discovery_port(config):
    config['ports'].append(port(9, THIRD))
    config['nvmfd']['discovery_only'] = ['9']


SLOW = 'delay:ms=5/ramdisk:64K'
REFERRED = {'trtype': 'TCP', 'traddr': '192.0.2.9', 'trsvcid': '8009'}
ROWS = {
    'serial': attribute('serial', 'S2', 'serial_number', 'S2', 'serial=S2'),
    'model': attribute('model', 'M2', 'model_number', 'M2', 'model=M2'),
    'firmware': attribute('firmware', 'F2', 'firmware', 'F2', 'firmware=F2'),
    'OUI': attribute('ieee_oui', '0x001122', 'oui', 0x1122, 'oui=0x001122'),
    'lowest CNTLID': attribute('cntlid_min', '17', 'min_cntlid', 17, 'cntlid-min=17'),
    'highest CNTLID': attribute('cntlid_max', '400', 'max_cntlid', 400, 'cntlid-max=400'),
    'I/O queues': attribute('qid_max', '3', 'max_io_queues', 3, 'io-queues=3'),
    'any host': attribute('allow_any_host', '0', 'allow_any_host', False, 'any-host=no'),
    'highest NSID': own('nn', 77, 'max_namespaces', 77, 'nn=77'),
    'second connection': own('second_connection', 'fence', 'second_connection', 'fence', 'second=fence'),
    'allowed host': Row(lambda c: close_to_all_but(c, HOST), [
        ('nvmfd_set_subsystem', {'nqn': NQN, 'allow_any_host': False}),
        ('nvmf_subsystem_add_host', {'nqn': NQN, 'host': HOST})],
        [f'subsystem set {NQN} any-host=no', f'host add {NQN} {HOST}']),
    'host no more': Row(close_to_all_but, [
        ('nvmfd_set_subsystem', {'nqn': NQN, 'allow_any_host': False}),
        ('nvmf_subsystem_add_host', {'nqn': NQN, 'host': HOST}),
        ('nvmf_subsystem_remove_host', {'nqn': NQN, 'host': HOST})],
        [f'subsystem set {NQN} any-host=no', f'host add {NQN} {HOST}', f'host remove {NQN} {HOST}']),
    'address': Row(lambda c: c['nvmfd']['subsystems'][0]['addresses'].append('192.0.2.0/24'),
                   [('nvmfd_add_address', {'nqn': NQN, 'address': '192.0.2.0/24'})],
                   [f'address add {NQN} 192.0.2.0/24']),
    'address no more': Row(lambda c: c['nvmfd']['subsystems'][0]['addresses'].clear(),
                           [('nvmfd_remove_address', {'nqn': NQN, 'address': '127.0.0.0/8'})],
                           [f'address remove {NQN} 127.0.0.0/8']),
    'namespace': Row(add_namespace, [
        ('nvmfd_add_ns', {'nqn': NQN, 'device': 'spare', 'nsid': 7, 'uuid': OTHER_UUID, 'nguid': NGUID,
                          'eui64': EUI64, 'read_only': True, 'hidden': True}),
        ('nvmf_ns_add_host', {'nqn': NQN, 'nsid': 7, 'host': VIEWER})],
        [f'ns add {NQN} spare nsid=7 uuid={OTHER_UUID} nguid={NGUID} eui64={EUI64} read-only=yes hidden=yes',
         f'ns allow {NQN} 7 {VIEWER}']),
    'namespace no more': Row(lambda c: c['subsystems'][0]['namespaces'].clear(),
                             [('nvmf_subsystem_remove_ns', {'nqn': NQN, 'nsid': 1})], [f'ns remove {NQN} 1']),
    'another device': Row(
        lambda c: c['subsystems'][0]['namespaces'][0]['device'].update(path='spare'),
        [('nvmfd_set_ns', {'nqn': NQN, 'nsid': 1, 'device': 'spare'})], [f'ns set {NQN} 1 device=spare']),
    'read-only': Row(
        lambda c: c['nvmfd']['subsystems'][0].update(namespaces=[{'nsid': 1, 'read_only': 1}]),
        [('nvmfd_set_ns', {'nqn': NQN, 'nsid': 1, 'read_only': True})], [f'ns set {NQN} 1 read-only=yes']),
    'write-protected': Row(
        lambda c: c['nvmfd']['subsystems'][0].update(namespaces=[{'nsid': 1, 'write_protected': 1}]),
        [('nvmfd_set_ns', {'nqn': NQN, 'nsid': 1, 'write_protected': True})],
        [f'ns set {NQN} 1 write-protected=yes']),
    'hidden': Row(
        lambda c: c['nvmfd']['subsystems'][0].update(namespaces=[{'nsid': 1, 'hidden': 1}]),
        [('nvmfd_set_ns', {'nqn': NQN, 'nsid': 1, 'hidden': True})], [f'ns set {NQN} 1 hidden=yes']),
    'device': Row(lambda c: c['nvmfd']['devices'].append({'name': 'slow', 'device': SLOW}),
                  [('nvmfd_add_device', {'name': 'slow', 'device': SLOW})], [f'device add {SLOW} name=slow']),
    'size of a device': Row(
        lambda c: c['nvmfd']['devices'][0].update(device='ramdisk:3M?bs=4096'),
        [('nvmfd_resize_device', {'name': 'ram', 'size': 3 << 20})], ['device resize ram 3M']),
    'device no more': Row(lambda c: c['nvmfd']['devices'].pop(),
                          [('nvmfd_remove_device', {'name': 'spare'})], ['device remove spare']),
    'port': Row(lambda c: c['ports'].append(port(0, THIRD, NQN)),
                [('nvmfd_add_port', {'id': 0, 'address': ADDRESS, 'service': THIRD, 'nqn': NQN})],
                [f'port add {ADDRESS} {THIRD} id=0 subsystem={NQN}']),
    'port for discovery': Row(add_discovery_port, [
        ('nvmfd_add_port', {'id': 9, 'address': ADDRESS, 'service': THIRD})],
        [f'port add {ADDRESS} {THIRD} id=9']),
    'port no more': Row(lambda c: c['ports'].pop(), [('nvmfd_remove_port', {'id': 2})], ['port remove 2']),
    'subsystem': Row(add_subsystem, [
        ('nvmfd_add_subsystem', {'nqn': NEW, 'serial_number': 'NEW', 'model_number': 'MODEL',
                                 'firmware': '2'}),
        ('nvmfd_link_port', {'id': 1, 'nqn': NEW})],
        [f'subsystem add {NEW} serial=NEW model=MODEL firmware=2', f'port link 1 {NEW}']),
    'discovery subsystem': Row(lambda c: c.update({'discovery': {'nqn': DISCOVERY}}),
                               [('nvmfd_set_discovery', {'nqn': DISCOVERY})],
                               [f'discovery set {DISCOVERY}']),
    'referral': Row(add_referral, [
        ('nvmf_discovery_add_referral', {'address': REFERRED, 'subnqn': DISCOVERY, 'portid': 3})],
        [f'referral add 192.0.2.9 8009 nqn={DISCOVERY} port-id=3']),
    'referral no more': Row(lambda c: None, [
        ('nvmf_discovery_add_referral', {'address': REFERRED}),
        ('nvmf_discovery_remove_referral', {'address': REFERRED})],
        ['referral add 192.0.2.9 8009', 'referral remove 192.0.2.9 8009']),
}


def ordered(value):
    """Lists have no order here; what nothing is said of is as good as empty."""
    if isinstance(value, dict):
        return {key: ordered(one) for key, one in value.items() if one not in ([], {})}
    if isinstance(value, list):
        return sorted((ordered(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def holds(saved, said):
    """Whether all that a file says stands in what was saved of it."""
    if isinstance(said, dict):
        return isinstance(saved, dict) and all(value in ([], {}) or holds(saved.get(key), value)
                                               for key, value in said.items())
    if isinstance(said, list):
        return isinstance(saved, list) and all(any(holds(one, value) for one in saved) for value in said)
    return str(saved) == str(said)


class Parity(RoomCase):

    def serve_file(self, config, *args):
        self.path = self.room.file('config.json', content=json.dumps(config).encode())
        started = daemon.Daemon(room=self.room, config=self.path,
                                args=('--rpc-socket', 'rpc', *args)).start()
        self.addCleanup(lambda: started.process.poll() is None and started.stop())
        return started

    def saved(self):
        with open(self.path, encoding='utf-8') as file:
            return ordered(json.load(file))

    def save(self, started):
        with Caller(self.room.path / 'rpc') as caller:
            caller.call('nvmfd_save_config')
        started.stop()
        return self.saved()

    def by_file(self, row):
        config = copy.deepcopy(BASE)
        row.edit(config)
        return self.save(self.serve_file(config))

    def by_reload(self, row):
        started = self.serve_file(BASE)
        config = copy.deepcopy(BASE)
        row.edit(config)
        self.room.file('config.json', content=json.dumps(config).encode())
        started.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + DEADLINE
        while 'config.json: read again' not in started.log():
            self.assertLess(time.monotonic(), deadline, started.log())
            time.sleep(0.01)
        return self.save(started)

    def by_calls(self, row):
        started = self.serve_file(BASE)
        with Caller(self.room.path / 'rpc') as caller:
            for method, params in row.calls:
                caller.call(method, **params)
        return self.save(started)

    def by_command_line(self, row):
        calls = [word for method, params in row.calls
                 for word in ('--call', f'{method} {json.dumps(params)}')]
        return self.save(self.serve_file(BASE, *calls))

    def by_nvmfctl(self, row):
        started = self.serve_file(BASE)
        for words in (*row.words, 'save'):
            ran = nvmfctl('-s', str(self.room.path / 'rpc'), *words.split())
            self.assertEqual((ran.returncode, ran.stderr), (0, ''), words)
        started.stop()
        return self.saved()

    def setUp(self):
        super().setUp()
        self.maxDiff = None

    def assert_all_save_the_same(self, name):
        row = ROWS[name]
        said = copy.deepcopy(BASE)
        row.edit(said)
        expected = self.by_file(row)
        self.assertTrue(holds(expected, said), (expected, said))
        for by in (self.by_reload, self.by_calls, self.by_command_line, self.by_nvmfctl):
            with self.subTest(by=by.__name__):
                self.assertEqual(by(row), expected)
        return expected

    def test_nothing_is_the_same_as_nothing(self):
        """What is saved, served and saved again stays."""
        once = self.save(self.serve_file(BASE))
        self.assertEqual(self.save(self.serve_file(once)), once)


def test_of(name):
    def test(self):
        saved = self.assert_all_save_the_same(name)
        if name != 'referral no more':
            self.assertNotEqual(saved, self.save(self.serve_file(BASE)))
    return test


for row_name in ROWS:
    setattr(Parity, 'test_' + re.sub('[^a-z]', '_', row_name.lower()), test_of(row_name))


if __name__ == '__main__':
    unittest.main()
