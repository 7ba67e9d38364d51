# SPDX-License-Identifier: BSD-2-Clause
"""nvmfctl: what it shows of a running daemon, and what it says to mistakes."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import unittest

import daemon
import wire
from nvmetcp import Controller, Host
from rpc import Caller

NVMFCTL = os.environ.get('NVMFCTL') or str(daemon.ROOT / 'build/tools/nvmfctl/nvmfctl')
NVMF = os.environ.get('NVMF') or str(daemon.ROOT / 'build/tools/nvmf/nvmf')
NQN = 'nqn.2026-11.org.example:made'
HOST = 'nqn.2026-11.org.example:host'
OTHER = 'nqn.2026-11.org.example:other'
SLOW_MS = 20
TIME_LIMIT = 30 * daemon.SLOWNESS
FAILED, MISTAKEN, NO_DAEMON = 1, 2, 3


def nvmfctl(*args, **how):
    return subprocess.run([NVMFCTL, *args], capture_output=True, text=True, timeout=TIME_LIMIT,
                          check=False, **how)


class NvmfctlCase(unittest.TestCase):
    """Against the daemon of setUpClass, or of a test."""
    path = None

    def run_it(self, *args):
        return nvmfctl('-s', self.path, *args)

    def show(self, *args):
        ran = self.run_it(*args)
        self.assertEqual((ran.returncode, ran.stderr), (0, ''), args)
        return ran.stdout

    def rows(self, *args):
        return json.loads(self.show('--json', *args))

    def assert_refused(self, *args, says, status=FAILED):
        ran = self.run_it(*args)
        self.assertEqual((ran.returncode, ran.stdout), (status, ''), (args, ran.stderr))
        self.assertEqual(len(ran.stderr.splitlines()), 1, ran.stderr)
        self.assertTrue(ran.stderr.startswith('nvmfctl: '), ran.stderr)
        self.assertIn(says, ran.stderr)


class Answers:
    """In a daemon's place: one caller, who is given these results one after the other."""

    def __init__(self, path, *results):
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(path)
        self.listening.listen()
        self.results = results
        self.thread = threading.Thread(target=self.answer)

    def answer(self):
        connection, _ = self.listening.accept()
        with connection:
            for result in self.results:
                connection.recv(65536)
                connection.sendall(json.dumps({'jsonrpc': '2.0', 'id': 1, 'result': result}).encode() + b'\n')

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listening.close()


class TopCase(NvmfctlCase):
    """What top makes of two looks, to the digit."""
    BOUNDS = [1024, 2048, 3072, 1000000]

    @staticmethod
    def done(reads, *latency):
        return {'reads': reads, 'writes': 2 * reads, 'bytes_read': 512 * reads,
                'bytes_written': 1024 * reads, 'latency': list(latency)}

    def queue(self, qid, *done):
        return {'host': HOST, 'subsystem': NQN, 'cntlid': 1, 'qid': qid, **self.done(*done)}

    def look(self, seconds, namespace, *queues):
        return {'ns': seconds * 10**9, 'latency_ns': self.BOUNDS, 'queues': list(queues),
                'namespaces': [{'subsystem': NQN, 'nsid': 1, 'device': 'd', **namespace}]}

    def test_two_looks(self):
        """Queues of a host count together; one that was not there before has no past."""
        looks = (self.look(5, self.done(7, 4), self.queue(1, 10, 10), self.queue(2, 0, 0, 5)),
                 self.look(7, self.done(8, 4, 0, 1), self.queue(1, 30, 10, 39),
                           self.queue(2, 20, 60, 5, 0, 1), self.queue(3, 5000, 0, 0, 0, 9000)))
        with tempfile.TemporaryDirectory() as folder:
            self.path = f'{folder}/s'
            with Answers(self.path, *looks):
                shown = self.rows('top', 'count=1')
        percentiles = ('p50_us', 'p99_us', 'p999_us')
        host, = shown['hosts']
        self.assertEqual((host['reads'], host['writes'], host['bytes_read'], host['bytes_written']),
                         (20, 40, 20 * 512, 20 * 1024))
        self.assertEqual([host[name] for name in percentiles], [2, 3, 1000])
        namespace, = shown['namespaces']
        self.assertEqual([namespace[name] for name in ('reads', *percentiles)], [1, 4, 4, 4])


class ShowCase(NvmfctlCase):
    @classmethod
    def setUpClass(cls):
        cls.target = daemon.Daemon('ramdisk:64M', 'null:1G?bs=4096&nsid=7', args=(
            '--rpc-socket', 'rpc', '--listen', '127.0.0.1')).start()
        cls.addClassCleanup(cls.target.stop)
        cls.path = str(cls.target.room.path / 'rpc')

    def table(self, *args):
        """Cells by line; they are parted by two blanks or more."""
        return [[cell for cell in line.split('  ') if cell.strip()]
                for line in self.show(*args).splitlines()]

    def test_namespaces_and_their_devices(self):
        rows = self.rows('ns')
        self.assertEqual([(r['nsid'], r['size'], r['block_size'], r['subsystem']) for r in rows],
                         [(1, 64 << 20, 512, self.target.nqn), (7, 1 << 30, 4096, self.target.nqn)])
        head, first, second = self.table('ns', 'show', self.target.nqn)
        self.assertEqual([cell.strip() for cell in head],
                         ['NSID', 'DEVICE', 'SIZE', 'BLOCK', 'PROTECTED', 'UUID', 'SUBSYSTEM'])
        self.assertIn('64 MiB', [cell.strip() for cell in first])
        self.assertIn('1 GiB', [cell.strip() for cell in second])

    def test_devices_and_what_they_did(self):
        with Controller(self.target.io, self.target.nqn) as controller:
            queue, = controller.io_queues(1)
            queue.run(wire.write(7, 0, 1), bytes(4096))
        device = self.rows('ns')[1]['device']
        row, = self.rows('device', device)
        self.assertEqual((row['kind'], row['size'], row['used'], row['writes'], row['bytes_written']),
                         ('Null disk', 1 << 30, True, 1, 4096))
        self.assertEqual(len(self.rows('device')), 2)

    def test_ports_and_what_they_serve(self):
        rows = {row['service']: row for row in self.rows('port')}
        io, discovery = self.target.io[1], self.target.discovery[1]
        self.assertEqual(rows[io], {'id': rows[io]['id'], 'address': '127.0.0.1', 'service': io,
                                    'subsystems': [self.target.nqn]})
        self.assertEqual(rows[discovery]['subsystems'], [])
        for name in (io, rows[io]['id']):
            self.assertEqual(self.rows('port', str(name)), [rows[io]])

    def test_hosts_that_are_connected_or_allowed(self):
        with Caller(self.path) as caller:
            caller.call('nvmf_subsystem_add_host', nqn=self.target.nqn, host=OTHER)
        with Controller(self.target.io, self.target.nqn, host=Host(HOST)) as controller:
            controller.io_queues(2)
            rows = {row['host']: row for row in self.rows('host')}
            self.assertEqual(rows[HOST], {'host': HOST, 'subsystem': self.target.nqn, 'allowed': True,
                                          'controllers': 1, 'queues': 2})
            self.assertEqual(rows[OTHER]['controllers'], 0)
            self.assertEqual(self.rows('host', HOST), [rows[HOST]])

    def test_subsystems(self):
        row, = self.rows('subsystem')
        self.assertEqual((row['nqn'], row['namespaces'], row['listeners'], row['hosts']),
                         (self.target.nqn, 2, 1, 'any'))
        self.assertEqual(self.table('subsystem', self.target.nqn)[1][0], self.target.nqn)

    def test_status(self):
        status = self.rows('status')
        self.assertEqual((status['subsystems'], status['namespaces'], status['devices']), (1, 2, 2))
        self.assertRegex(self.show('status'), r'(?m)^Namespaces +2$')

    def test_mistakes_are_answered_with_what_was_meant(self):
        for words, meant in (('subsytem', 'subsystem'), ('stat', 'status'), ('devices', 'device'),
                             ('prot', 'port'), ('hots', 'host'), ('subsystems', 'subsystem'),
                             ('ns ad', 'ns add'), ('device reszie x 1G', 'device resize'),
                             ('port lnk 1 x', 'port link'),
                             ('subsystem add x serail=1', 'serial='), ('ns add x y hiden=yes', 'hidden=')):
            self.assert_refused(*words.split(), says=f"did you mean '{meant}'?", status=MISTAKEN)
        for words, says in (('frobnicate', "no command 'frobnicate'; try"), ('', 'what to do?'),
                            ('status x', "'x' is not expected"),
                            ('device show x y', "'y' is not expected"),
                            ('device frobnicate x', "device has no 'frobnicate'"),
                            ('--frob', '--frob'), ('ns add x', 'DEVICE is missing'),
                            ('ns remove x one', "'one' is not a number"),
                            ('device resize x big', "'big' is not a size such as 64M"),
                            ('ns add x y read-only=maybe', "'maybe' is not yes or no"),
                            ('ns add x y nsid', "'nsid' needs a value"),
                            ('ns add x y colour=red', "'colour=red' is not expected")):
            self.assert_refused(*words.split(), says=says, status=MISTAKEN)

    def test_what_is_not_there_is_told(self):
        self.assert_refused('device', 'none', says="there is no device 'none'")
        self.assert_refused('subsystem', 'none', says="there is no subsystem 'none'")
        self.assert_refused('ns', 'none', says="there is no subsystem 'none'")
        self.assert_refused('port', '9', says="there is no port '9'")
        self.assert_refused('host', 'none', says="there is no host 'none'")

    def test_no_daemon_is_told(self):
        ran = nvmfctl('-s', self.path + '-none', 'status')
        self.assertEqual(ran.returncode, NO_DAEMON)
        self.assertIn('is nvmfd running?', ran.stderr)
        self.assertIn('nvmfd --kernel takes none', ran.stderr)

    def test_a_full_disk_is_told(self):
        with open('/dev/full', 'w') as full:
            ran = subprocess.run([NVMFCTL, '-s', self.path, 'ns'], stdout=full, text=True,
                                 stderr=subprocess.PIPE, timeout=TIME_LIMIT, check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn('could not write', ran.stderr)


class ChangeCase(NvmfctlCase):
    """Verbs that change something, against a daemon of their own."""

    def setUp(self):
        self.target = daemon.Daemon(args=('--rpc-socket', 'rpc', '--listen', '127.0.0.1'),
                                    nqn=None).start()
        self.addCleanup(self.target.stop)
        self.path = str(self.target.room.path / 'rpc')

    def add(self, size='64M'):
        """A subsystem with a namespace, served somewhere; its port's number and address."""
        self.show('subsystem', 'add', NQN, 'any-host=yes')
        self.assertEqual(self.show('device', 'add', f'ramdisk:{size}', 'name=disk'), 'disk\n')
        self.assertEqual(self.show('ns', 'add', NQN, 'disk', 'nsid=3'), '3\n')
        port = self.rows('port', 'add', '127.0.0.1', '0', f'subsystem={NQN}')
        return port['id'], ('127.0.0.1', port['service'])

    def test_from_nothing_to_io_and_back(self):
        number, address = self.add()
        ran = subprocess.run([NVMF, 'write', '-a', address[0], '-s', str(address[1]), '-n', NQN, '-N', '3',
                              '-D', '/dev/zero', '-c', '1'], capture_output=True, text=True,
                             timeout=TIME_LIMIT, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        with Controller(address, NQN) as controller:
            queue, = controller.io_queues(1)
            queue.run(wire.write(3, 0, 1), bytes(512))
            row, = self.rows('device', 'disk')
            self.assertEqual((row['writes'], row['used']), (2, True))
            row, = self.rows('queue')[1:]
            self.assertEqual((row['qid'], row['state'], row['subsystem']), (1, 'enabled', NQN))
        self.assert_refused('device', 'remove', 'disk', says='disk')
        self.assertEqual(self.show('port', 'unlink', str(number), NQN), '')
        self.assertEqual(self.rows('port', str(number))[0]['subsystems'], [])
        self.show('port', 'link', str(number), NQN)
        self.assertEqual(self.rows('port', str(number))[0]['subsystems'], [NQN])
        for words in (f'port remove {number}', f'ns remove {NQN} 3', 'device remove disk',
                      f'subsystem remove {NQN}'):
            self.show(*words.split())
            self.assert_refused(*words.split(), says='')
        self.assertEqual(self.rows('subsystem') + self.rows('device'), [])

    def test_a_subsystem_says_what_it_was_told_to(self):
        self.show('subsystem', 'add', NQN, 'serial=S1', 'model=M 1', 'firmware=F1', 'oui=0x001122',
                  'cntlid-min=10', 'cntlid-max=19', 'nn=7', 'io-queues=5', 'second=fence')
        row, = self.rows('subsystem', NQN)
        self.assertEqual(row, {
            'nqn': NQN, 'serial': 'S1', 'model': 'M 1', 'firmware': 'F1', 'oui': 0x1122,
            'cntlid_min': 10, 'cntlid_max': 19, 'nn': 7, 'io_queues': 5, 'second': 'fence',
            'namespaces': 0, 'listeners': 0, 'hosts': 0})
        self.show('subsystem', 'set', NQN, 'serial=S2', 'any-host')
        self.assertEqual(self.rows('subsystem', NQN),
                         [{**row, 'serial': 'S2', 'hosts': 'any'}])
        for words, says in ((f'subsystem add {NQN}', NQN), ('subsystem add bad', "'bad'"),
                            (f'subsystem set {NQN} serial={"x" * 21}', 'serial_number'),
                            (f'subsystem set {NQN} second=x', 'allow or fence'),
                            (f'subsystem set {NQN} oui=0x1000000', '24 bits'),
                            (f'subsystem set {NQN} cntlid-min=20', 'from 20 to 19'),
                            (f'subsystem set {NQN}x serial=1', 'no subsystem')):
            self.assert_refused(*words.split(), says=says)
        self.assertEqual(self.rows('subsystem', NQN)[0]['serial'], 'S2')

    def test_a_namespace_changes_and_stays_itself(self):
        _, address = self.add()
        uuid = self.rows('ns')[0]['uuid']
        self.show('device', 'add', 'ramdisk:32M', 'name=other')
        self.show('ns', 'set', NQN, '3', 'device=other', 'read-only=yes', 'hidden=yes')
        self.show('ns', 'allow', NQN, '3', HOST)
        row, = self.rows('ns')
        self.assertEqual((row['device'], row['size'], row['uuid'], row['read_only'], row['hidden'],
                          row['hosts']), ('other', 32 << 20, uuid, True, True, [HOST]))
        self.show('ns', 'set', NQN, '3', 'read-only=no', 'write-protected=yes')
        self.assertTrue(self.rows('ns')[0]['write_protected'])
        self.show('ns', 'set', NQN, '3', 'write-protected=no')
        self.assertFalse(self.rows('ns')[0]['write_protected'])
        self.assertEqual(self.rows('ns')[0]['hosts'], [HOST])
        for host, seen in ((HOST, [3]), (OTHER, [])):
            with Controller(address, NQN, host=Host(host)) as controller:
                self.assertEqual(controller.namespaces(), seen)
        self.show('ns', 'forbid', NQN, '3', HOST)
        self.assertEqual(self.rows('ns')[0]['hosts'], [])
        for words, says in ((f'ns set {NQN} 4 hidden=no', 'no namespace 4'),
                            (f'ns set {NQN}x 3', 'no subsystem'),
                            (f'ns set {NQN} 3 device=none', 'none'),
                            (f'ns add {NQN} disk nsid=3', 'already'),
                            (f'ns add {NQN} disk uuid={uuid}', 'same identifier'),
                            (f'ns forbid {NQN} 3 {HOST}', HOST)):
            self.assert_refused(*words.split(), says=says)
        self.assertEqual(self.rows('ns')[0]['device'], 'other')

    def test_who_may_come_and_from_where(self):
        self.add()
        self.show('subsystem', 'set', NQN, 'any-host=no')
        self.show('host', 'add', NQN, HOST)
        self.show('address', 'add', NQN, '127.0.0.0/8')
        self.assertEqual(self.rows('host')[0]['host'], HOST)
        self.assertEqual(self.rows('address'), [{'address': '127.0.0.0/8', 'subsystem': NQN}])
        for words, says in ((f'host add {NQN} {HOST}', HOST), (f'address add {NQN} 127.0.0.0/8', '127'),
                            (f'address add {NQN} 127.0.0.1/8', '127'), ('address show none', 'none')):
            self.assert_refused(*words.split(), says=says)
        for words in (f'host remove {NQN} {HOST}', f'address remove {NQN} 127.0.0.0/8'):
            self.show(*words.split())
            self.assert_refused(*words.split(), says='')
        self.assertEqual(self.rows('host') + self.rows('address'), [])

    def test_devices_are_resized(self):
        self.show('device', 'add', 'null:1M')
        name = self.rows('device')[0]['name']
        self.show('device', 'resize', name, '2M')
        self.assertEqual(self.rows('device', name)[0]['size'], 2 << 20)
        path = self.target.room.file('backing', size=1 << 20)
        file = self.show('device', 'add', path).strip()
        os.truncate(path, 3 << 20)
        self.show('device', 'rescan', file)
        self.assertEqual(self.rows('device', file)[0]['size'], 3 << 20)
        for words, says in (('device add ramdisk:0', 'ramdisk'), ('device resize none 1M', 'none'),
                            (f'device add null:1M name={name}', 'already'),
                            ('device add frob:1', 'frob'), ('device rescan none', 'none')):
            self.assert_refused(*words.split(), says=says)

    def test_top(self):
        _, address = self.add()
        with Controller(address, NQN, host=Host(HOST)) as controller:
            queue, = controller.io_queues(1)
            top = subprocess.Popen([NVMFCTL, '-s', self.path, '-j', 'top', 'count=1'], stdout=subprocess.PIPE,
                                   text=True)
            while top.poll() is None:
                queue.run(wire.write(3, 0, 8), bytes(4096))
            shown = json.loads(top.stdout.read())
            top.stdout.close()
            for row in shown['namespaces'] + shown['hosts']:
                self.assertGreater(row['writes'], 0)
                self.assertAlmostEqual(row['bytes_written'] / row['writes'], 4096, delta=2048)
                self.assertEqual((row['reads'], row['bytes_read'], row['subsystem']), (0, 0, NQN))
            self.assertEqual(([row['nsid'] for row in shown['namespaces']],
                              [row['host'] for row in shown['hosts']]), ([3], [HOST]))
            plain = self.show('top', 'count=2')
            self.assertNotIn('\033', plain)
            self.assertEqual(plain.count('NSID'), 2)
            self.assertEqual(self.on_terminal('top', 'count=2').count('\033[H\033[J'), 2)
        self.assert_refused('top', 'interval=100000', says='at most', status=MISTAKEN)

    def test_top_tells_latencies(self):
        _, address = self.add()
        self.show('device', 'add', f'delay:ms={SLOW_MS}/ramdisk:1M', 'name=slow')
        self.show('ns', 'add', NQN, 'slow', 'nsid=4')
        commands = {HOST: wire.read(3, 0, 8), f'{HOST}2': wire.read(4, 0, 8)}
        with contextlib.ExitStack() as stack:
            controllers = [stack.enter_context(Controller(address, NQN, host=Host(host)))
                           for host in commands]
            queues = [(controller.io_queues(1)[0], command)
                      for controller, command in zip(controllers, commands.values())]
            # More than a few of what ends at once: one in 32 is timed.
            quick, slow = self.watch(lambda: [queue.run(command, length=4096) for queue, command in
                                              queues[:1] * 200 + queues[1:]])
            idle = self.show('-j', 'top', 'count=1')
            self.assertEqual(self.show('top', 'count=1').count('P50 us  P99 us'), 2)
        for row in slow:
            self.assertGreaterEqual(row['p50_us'], SLOW_MS * 1000)
        for row in quick:
            self.assertLess(row['p50_us'], SLOW_MS * 1000)
        for row in quick + slow:
            self.assertLessEqual(row['p50_us'], row['p99_us'])
            self.assertLessEqual(row['p99_us'], row['p999_us'])
            self.assertNotIn('latency', row)
        for row in json.loads(idle)['namespaces'] + json.loads(idle)['hosts']:
            self.assertEqual([row[name] for name in ('p50_us', 'p99_us', 'p999_us')], [None] * 3)

    def watch(self, work):
        """What top shows of the first and the second namespace and host while work is done."""
        with subprocess.Popen([NVMFCTL, '-s', self.path, '-j', 'top', 'count=1', 'interval=2'],
                              stdout=subprocess.PIPE, text=True) as top:
            while top.poll() is None:
                work()
            shown = json.loads(top.stdout.read())
        return zip(*(sorted(shown[name], key=lambda row: (row.get('nsid'), row.get('host')))
                     for name in ('namespaces', 'hosts')))

    def on_terminal(self, *args):
        ours, theirs = os.openpty()
        with subprocess.Popen([NVMFCTL, '-s', self.path, *args], stdout=theirs) as ran:
            os.close(theirs)
            shown = b''
            try:
                while more := os.read(ours, 65536):
                    shown += more
            except OSError:         # the other end is closed
                pass
            os.close(ours)
        self.assertEqual(ran.returncode, 0)
        return shown.decode()

    def test_referrals_and_the_log(self):
        self.show('referral', 'add', '192.0.2.1', '8009', 'port-id=5')
        self.assertEqual(self.rows('referral'), [{'address': '192.0.2.1', 'service': '8009', 'portid': 5,
                                                  'nqn': 'nqn.2014-08.org.nvmexpress.discovery'}])
        self.show('referral', 'remove', '192.0.2.1', '8009')
        self.assert_refused('referral', 'remove', '192.0.2.1', '8009', says='192.0.2.1')
        self.show('log', 'set', 'warning')
        self.assertEqual(self.show('log'), 'WARNING\n')
        self.assert_refused('log', 'set', 'loud', says="'level' is not")

    def test_start(self):
        waiting = daemon.Daemon(args=('--rpc-socket', 'rpc', '--wait-for-rpc', '--listen', '127.0.0.1'),
                                nqn=None).start()
        self.addCleanup(waiting.stop)
        self.path = str(waiting.room.path / 'rpc')
        self.assert_refused('subsystem', says='')
        self.show('start')
        self.assertEqual(self.rows('subsystem'), [])
        self.assert_refused('start', says='')


class FileCase(NvmfctlCase):
    """save and reload."""
    maxDiff = None

    def setUp(self):
        self.room = daemon.Room()
        self.addCleanup(self.room.remove)
        self.path = str(self.room.path / 'rpc')

    def serve(self, **how):
        return daemon.Daemon(room=self.room, nqn=None, **how)

    def write(self, **changes):
        """A file of one subsystem, one namespace, one port; its path."""
        form = {
            'hosts': [{'nqn': HOST}],
            'ports': [{'portid': 5, 'addr': {'adrfam': 'ipv4', 'traddr': '127.0.0.1', 'trsvcid': '0',
                                             'trtype': 'tcp'}, 'subsystems': [NQN]}],
            'subsystems': [{'nqn': NQN, 'attr': {'allow_any_host': '0', 'serial': 'S1'},
                            'allowed_hosts': [HOST], 'namespaces': [
                                {'nsid': 7, 'enable': 1, 'device': {'path': 'disk'}},
                                {'nsid': 8, 'enable': 0, 'device': {'path': 'disk'}}]}],
            'nvmfd': {'rpc_socket': 'rpc', 'workers': 2,
                      'devices': [{'name': 'disk', 'device': 'ramdisk:1M'}]}, **changes}
        return self.room.file('file', content=json.dumps(form).encode())

    def listing(self):
        return {what: sorted(self.rows(what), key=str) for what in ('subsystem', 'ns', 'host', 'address', 'device',
                                                                     'referral', 'port')}

    def test_what_is_saved_is_served_again(self):
        saved = str(self.room.path / 'saved')
        disk = self.room.file('disk?', size=1 << 20)
        with self.serve(args=('--rpc-socket', 'rpc', '--listen', '127.0.0.1', '--mdts', '64K')):
            for words in (f'subsystem add {NQN} serial=S1 second=fence cntlid-max=99 oui=0x010203 firmware=F1'
                          ' nn=9 io-queues=3',
                          f'subsystem add {NQN}2 any-host', 'device add ramdisk:1M?bs=4096 name=a',
                          'device add delay:ms=1/null:1G name=b', f'device add {disk}?', 'device add null:5M?ro',
                          f'ns add {NQN} a nsid=5 hidden', f'ns allow {NQN} 5 {HOST}',
                          f'ns add {NQN} b read-only nguid=00112233445566778899aabbccddeeff'
                          ' eui64=0011223344556677', f'ns add {NQN}2 device0', f'ns add {NQN}2 device1',
                          f'host add {NQN} {HOST}', f'address add {NQN} 127.0.0.0/8',
                          f'address add {NQN} ::1', f'port add 127.0.0.1 0 id=9 subsystem={NQN}',
                          'port add 127.0.0.1 0 id=12', f'port link 9 {NQN}2', 'referral add 192.0.2.1 8009'):
                self.show(*words.split())
            before = self.listing()
            self.show('save', saved)
            printed = self.show('save', '-')
        os.chmod(saved, 0o644)
        with open(saved) as file:
            self.assertEqual(printed, file.read())
        with self.serve(config=saved):
            self.assertEqual(self.listing(), before)
            self.assertEqual(self.show('reload'), '')
            self.assertEqual(self.listing(), before)
            self.assertEqual(self.show('save', '-'), printed)

    def test_calls_are_saved_into_the_daemon_s_own_file(self):
        path = self.write()
        with self.serve(config=path):
            self.show('device', 'add', 'null:1M', 'name=more')
            self.show('ns', 'add', NQN, 'more', 'nsid=3')
            before = self.listing()
            self.show('save')
            form = json.loads(pathlib.Path(path).read_text())
            self.assertEqual([ns['enable'] for ns in form['subsystems'][0]['namespaces']], [1, 1, 0])
            self.assertEqual(form['nvmfd']['workers'], 2)
            self.assertEqual(self.show('reload'), '')
            self.assertEqual(self.listing(), before)

    def test_reload_says_what_changed(self):
        path = self.write()
        with self.serve(config=path):
            before = self.listing()
            self.assertEqual(self.show('reload'), '')
            # What calls have changed is the file's again, too.
            self.show('device', 'add', 'null:1M', 'name=more')
            self.show('ns', 'remove', NQN, '7')
            self.show('ns', 'add', NQN, 'more', 'nsid=9')
            self.show('subsystem', 'add', NQN + '2')
            self.assertEqual(self.rows('reload')['changes'], [
                f'removed namespace 9 of {NQN}', f'removed subsystem {NQN}2', 'removed device more',
                f'added namespace 7 of {NQN}'])
            self.assertEqual(self.listing(), before)
            self.write(subsystems=[{'nqn': NQN, 'attr': {'allow_any_host': '1', 'serial': 'S1'},
                                    'namespaces': []}])
            self.assertEqual(self.show('reload').splitlines(), [
                f'removed namespace 7 of {NQN}', f'removed namespace 8 of {NQN}',
                f'removed host {HOST} of {NQN}', f'changed subsystem {NQN}'])
            self.assertEqual((self.rows('ns'), self.rows('subsystem')[0]['hosts']), ([], 'any'))

    def test_every_mistake_is_said_and_nothing_changes(self):
        path = self.write()
        with self.serve(config=path):
            self.show('device', 'add', 'null:1M', 'name=more')
            before = self.listing()
            for changes, says in (({'hosts': [{'nqn': HOST}, {'nqm': 1}], 'ports': [{'portid': 0}]}, 3),
                                  ({'nvmfd': {'workers': 3}}, 2),
                                  ({'nvmfd': {'workers': 3, 'rpc_socket': 'rpc', 'devices': [
                                      {'name': 'disk', 'device': 'ramdisk:1M'}]}}, 1)):
                self.write(**changes)
                ran = self.run_it('reload')
                self.assertEqual((ran.returncode, ran.stdout), (FAILED, ''))
                self.assertGreaterEqual(len(ran.stderr.splitlines()), says, ran.stderr)
                self.assertIn('nothing changes', ran.stderr)
                self.assertEqual(self.listing(), before)
            self.write()
            self.assertEqual(self.show('reload'), 'removed device more\n')

    def test_what_can_t_be_is_told(self):
        with self.serve(args=('--rpc-socket', 'rpc')):
            self.assert_refused('save', says='without a file')
            self.assert_refused('reload', says='without a file')
            self.assert_refused('save', '/none/there', says='/none/there')


# Has bash-completion's part in it, which need not be installed here.
COMPLETE = r'''
_get_comp_words_by_ref() {
	cword=$((${#COMP_WORDS[@]} - 1)); words=("${COMP_WORDS[@]}")
	cur=${words[cword]}; prev=${words[cword - 1]}
}
__ltrim_colon_completions() { :; }
compopt() { :; }
read -ra COMP_WORDS <<< "$1"
[[ $1 == *' ' ]] && COMP_WORDS+=('')
_nvmfctl
printf '%s\n' "${COMPREPLY[@]}"
'''
# Methods that no verb calls, and why.
UNCALLED = {
    **dict.fromkeys(['bdev_malloc_create', 'bdev_null_create', 'bdev_aio_create', 'bdev_uring_create'],
                    'device add takes every kind'),
    **dict.fromkeys(['bdev_malloc_delete', 'bdev_null_delete', 'bdev_aio_delete', 'bdev_uring_delete'],
                    'device remove takes every kind'),
    **dict.fromkeys(['bdev_null_resize', 'bdev_aio_rescan', 'bdev_uring_rescan'],
                    'device resize and rescan take every kind'),
    **dict.fromkeys(['nvmf_create_subsystem', 'nvmf_delete_subsystem', 'nvmf_subsystem_add_ns',
                     'nvmf_subsystem_add_listener', 'nvmf_subsystem_remove_listener',
                     'nvmf_subsystem_get_listeners', 'nvmf_subsystem_allow_any_host'],
                    'ours of the same purpose can do more'),
    **dict.fromkeys(['nvmf_create_transport', 'nvmf_get_transports'], 'a port brings its transport'),
    'bdev_reset_iostat': 'top takes the difference of two looks',
    **dict.fromkeys(['framework_get_subsystems', 'framework_get_config', 'rpc_get_methods',
                     'framework_wait_init', 'bdev_wait_for_examine'], 'for programs'),
}
CALLED = re.compile(r'"((?:nvmfd|nvmf|bdev|framework|spdk|rpc)_\w+|log_[gs]et_level)"')
# The page: .It Cm ns add Ar subsystem Ar device Op Ar key Ns = Ns Ar value ...
VERB_ITEM = re.compile(r'^\.It Cm ([a-z]+ [a-z]+)(.*)\n((?:(?!\.It Cm [a-z]+ [a-z]+|\.S[hs] ).*\n)*)', re.M)


def help_of(*words):
    return nvmfctl(*words, '--help').stdout


def rows_of(text, pattern):
    return re.findall(rf'^  ({pattern})(?: {{2,}}|=)', text, re.M)


class StepCase(unittest.TestCase):
    """Help, manual page, completion and methods: nothing is forgotten in one of them."""

    @classmethod
    def setUpClass(cls):
        cls.objects = rows_of(help_of(), '[a-z]+')
        cls.verbs = [(o, v) for o in cls.objects for v in re.findall(r'^  ([a-z]+) {2,}', help_of(o), re.M)]
        cls.page = {words: (usage, text) for words, usage, text in VERB_ITEM.findall(
            (daemon.ROOT / 'docs/man/nvmfctl.1').read_text())}

    def words(self, verb):
        """Places and keys."""
        text = help_of(*verb).split('\n\n', 2)[2]
        return rows_of(text, '[A-Z]+'), rows_of(text, '[a-z0-9-]+')

    def test_the_page_has_every_verb_and_no_other(self):
        self.assertGreater(len(self.verbs), 20)
        self.assertEqual(sorted(self.page), sorted(map(' '.join, self.verbs)))
        for verb in self.verbs:
            usage, text = self.page[' '.join(verb)]
            places, keys = self.words(verb)
            written = [place.upper() for place in re.findall(r'Ar ([a-z]+)', usage.split(' Op Ar key')[0])]
            self.assertEqual(written, places, verb)
            self.assertEqual(re.findall(r'^\.It Cm ([a-z0-9-]+)$', text, re.M), keys, verb)

    def test_bash_completes_every_word(self):
        script = nvmfctl('completion').stdout
        table = dict(re.findall(r"\['(.*)'\]='(.*)'$", script, re.M))
        self.assertEqual(table['/'].split(), self.objects)
        for o in self.objects:
            keys = [key + '=' for key in rows_of(help_of(o), '[a-z]+(?==)')]
            self.assertEqual(table['/' + o].split(), [v for p, v in self.verbs if p == o] or keys)
        for verb in self.verbs:
            places, keys = self.words(verb)
            name = ' '.join(verb)
            self.assertEqual(table[name + ' +'].split(), [key + '=' for key in keys])
            self.assertEqual([k for k in table if re.match(name + r' \d', k)],
                             [f'{name} {n}' for n in range(len(places))])

    def complete(self, line, path):
        """What bash offers for the last word."""
        script = nvmfctl('completion').stdout + COMPLETE
        ran = subprocess.run(['bash', '--norc', '-s', line], input=script, capture_output=True, text=True,
                             timeout=TIME_LIMIT, check=False,
                             env={**os.environ, 'PATH': f'{os.path.dirname(NVMFCTL)}:{os.environ["PATH"]}'})
        self.assertEqual(ran.stderr, '')
        return sorted(ran.stdout.split())

    def test_bash_itself(self):
        with daemon.Daemon('ramdisk:1M', args=('--rpc-socket', 'rpc')) as target:
            path = str(target.room.path / 'rpc')
            for line, words in (('nvmfctl sub', ['subsystem']), ('nvmfctl --js', ['--json']),
                                ('nvmfctl device re', ['remove', 'rescan', 'resize']),
                                (f'nvmfctl -s {path} subsystem set ', [target.nqn]),
                                (f'nvmfctl -s {path} subsystem set x any', ['any-host=']),
                                (f'nvmfctl -s {path} ns add x dev', ['device0']),
                                ('nvmfctl ns add x y uu', ['uuid='])):
                self.assertEqual(self.complete(line, path), words, line)

    def test_every_verb_is_guessed(self):
        """From what lacks its last letter, and from what has one too many."""
        verbs = list(self.page)
        self.assertGreater(len(verbs), 20)
        for verb in verbs:
            thing, word = verb.split()
            for typed in ((thing, word + 'e'), (thing, word[:-1]), (thing + 's', word)):
                ran = nvmfctl(*typed)
                self.assertEqual(ran.returncode, MISTAKEN, typed)
                meant = verb if typed[0] == thing else thing
                self.assertIn(f"did you mean '{meant}'?", ran.stderr, typed)

    def test_every_method_has_a_verb_or_a_reason(self):
        called = {name for file in (daemon.ROOT / 'tools/nvmfctl').glob('*.c')
                  for name in CALLED.findall(file.read_text())}
        with daemon.Daemon(args=('--rpc-socket', 'rpc'), nqn=None) as target:
            with Caller(target.room.path / 'rpc') as caller:
                methods = set(caller.call('rpc_get_methods'))
        self.assertEqual(sorted(called - methods), [], 'called, and not there')
        self.assertEqual(sorted(methods - called - set(UNCALLED)), [], 'without a verb and a reason')
        self.assertEqual(sorted(set(UNCALLED) - (methods - called)), [], 'with a reason and no need of one')


if __name__ == '__main__':
    unittest.main()
