# SPDX-License-Identifier: BSD-2-Clause
"""Row "the host on the command line": every command of nvmf, against nvmfd."""
import json
import os
import pathlib
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import daemon

NVMF = os.environ.get('NVMF') or str(daemon.ROOT / 'build/tools/nvmf/nvmf')
MIB = 1 << 20
TIME_LIMIT = 30


def nvmf(*args, stdin=b'', **how):
    return subprocess.run([NVMF, *args], input=stdin, capture_output=True, timeout=TIME_LIMIT,
                          check=False, **how)


class ToolCase(unittest.TestCase):
    devices = ('ramdisk:64M', 'ramdisk:8M?bs=4096', 'ramdisk:1M?ro')
    args = ('-F', '-G', '-g')

    @classmethod
    def setUpClass(cls):
        cls.target = daemon.Daemon(*cls.devices, args=cls.args).start()
        cls.addClassCleanup(cls.target.stop)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def where(self, kind='io'):
        return ['-t', 'tcp', '-a', self.target.host, '-s', str(self.target.ports[kind])]

    def run_tool(self, command, *args, **how):
        return nvmf(command, *self.where(), '-n', self.target.nqn, *args, **how)

    def ok(self, command, *args, **how):
        done = self.run_tool(command, *args, **how)
        self.assertEqual((done.returncode, done.stderr if command not in ('read', 'write') else b''),
                         (0, b''), done.stderr)
        return done.stdout

    def json(self, command, *args, **how):
        return json.loads(self.ok(command, '-o', 'json', *args, **how))

    def assert_fails(self, done, *parts):
        """Exit status 1 and one sentence with these parts."""
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 1, text)
        self.assertEqual(text.count('\n'), 1, text)
        self.assertTrue(text.startswith('nvmf: '), text)
        for part in parts:
            self.assertIn(part, text)


class Discover(ToolCase):

    def test_on_its_own_port_and_on_the_io_port(self):
        for kind in ('discovery', 'io'):
            done = nvmf('discover', *self.where(kind), '--json')
            self.assertEqual(done.returncode, 0, done.stderr)
            log = json.loads(done.stdout)
            records = [r for r in log['records'] if r['subnqn'] == self.target.nqn]
            self.assertEqual(len(records), 1)
            self.assertEqual(records[0]['trtype'], 'tcp')
            self.assertEqual(records[0]['adrfam'], 'ipv4')
            self.assertEqual(records[0]['subtype'], 'nvme subsystem')
            self.assertEqual(records[0]['traddr'], self.target.host)
            self.assertEqual(records[0]['trsvcid'], str(self.target.ports['io']))
            self.assertIn('sq flow control disable supported', records[0]['treq'])

    def test_for_people(self):
        text = nvmf('discover', *self.where('discovery')).stdout.decode()
        self.assertIn('Discovery Log Number of Records', text)
        self.assertIn(f'subnqn:  {self.target.nqn}\n', text)


class WickedTarget(ToolCase):
    """Its names hold what a terminal obeys, and lines that it did not send."""

    NQN = 'nqn.2026-11.org.example:\x1b]0;evil\x07\nsubnqn:  false\u009b2J'

    def setUp(self):
        super().setUp()
        ports = self.folder / 'ports'
        fake = pathlib.Path(daemon.__file__).with_name('fake_target.py')
        process = subprocess.Popen([sys.executable, fake, '-p', '0', '-P', '0', '-n', self.NQN,
                                    '--ports-file', ports, 'ramdisk:1M'])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.ports = daemon.read_ports(ports)

    def lines(self, command, *args):
        done = nvmf(command, '-t', 'tcp', '-a', '127.0.0.1', '-s',
                    str(self.ports['discovery' if command == 'discover' else 'io']), *args)
        self.assertEqual((done.returncode, done.stderr), (0, b''))
        return done.stdout.decode().splitlines()

    def assert_shown(self, lines):
        names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('subnqn')]
        self.assertEqual(names, ['nqn.2026-11.org.example:?]0;evil??subnqn:  false??2J'])
        self.assertFalse([line for line in lines if not line.isprintable()])

    def test_discover(self):
        self.assert_shown(self.lines('discover'))

    def test_identify(self):
        self.assert_shown(self.lines('id-ctrl', '-n', self.NQN))


class Identify(ToolCase):

    def test_controller(self):
        o = self.json('id-ctrl')
        self.assertEqual(o['subnqn'], self.target.nqn)
        self.assertEqual(o['mn'], 'nvmfd')
        self.assertEqual(o['ver'], 0x20100)
        self.assertEqual(o['mdts'], 8)
        self.assertGreater(o['cntlid'], 0)
        text = self.ok('id-ctrl').decode()
        self.assertRegex(text, r'ver +: 2\.1\.0\n')
        self.assertIn('serial number', self.ok('id-ctrl', '-H').decode())

    def test_raw_bytes_are_the_fields(self):
        raw = self.ok('id-ctrl', '--raw-binary')
        self.assertEqual(len(raw), 4096)
        self.assertEqual(raw[768:1024].rstrip(b'\0').decode(), self.target.nqn)

    def test_namespace(self):
        o = self.json('id-ns', '--namespace-id', '2')
        self.assertEqual(o['nsze'], 8 * MIB // 4096)
        self.assertEqual(o['lbafs'][0]['ds'], 12)
        self.assertNotEqual(int(o['nguid'], 16), 0)
        self.assertIn('(in use)', self.ok('id-ns').decode())

    def test_list(self):
        o = self.json('list-ns')
        self.assertEqual(o, {'nsid_list': [{'nsid': 1}, {'nsid': 2}, {'nsid': 3}]})
        self.assertEqual(self.ok('list-ns').decode(), '[   0]:0x1\n[   1]:0x2\n[   2]:0x3\n')

    def test_a_namespace_that_is_not_there(self):
        self.assert_fails(self.run_tool('id-ns', '-N', '9999'), 'Invalid Namespace or Format')
        self.assert_fails(self.run_tool('read', '-N', '9999'), 'namespace 9999 is not there')


class Logs(ToolCase):

    def test_smart_log_counts(self):
        before = self.json('smart-log')
        self.ok('write', '-c', '2000', stdin=bytes(2000 * 512))
        self.ok('read', '-c', '1000')
        after = self.json('smart-log')
        self.assertEqual(after['data_units_written'] - before['data_units_written'], 2)
        self.assertEqual(after['data_units_read'] - before['data_units_read'], 1)
        self.assertGreater(after['host_write_commands'], before['host_write_commands'])
        self.assertRegex(self.ok('smart-log').decode(), r'temperature +: \d+')

    def test_any_part_of_a_page(self):
        whole = self.ok('get-log', '-L', '2', '-l', '512', '-b')
        self.assertEqual(len(whole), 512)
        part = self.ok('get-log', '-L', '2', '-l', '16', '-O', '32', '-b')
        self.assertEqual(part, whole[32:48])
        o = self.json('get-log', '-L', '3', '-l', '64')
        self.assertEqual((o['log_id'], o['data'][0], len(o['data'])), (3, 1, 64))

    def test_a_page_that_is_not_there(self):
        self.assert_fails(self.run_tool('get-log', '-L', '0x77'), 'Invalid Log Page')
        self.assert_fails(self.run_tool('get-log'), '--log-id')


class Copy(ToolCase):

    def test_large_files_with_every_way_to_connect(self):
        data = os.urandom(9 * MIB + 512)
        for number, how in enumerate(([], ['-g'], ['-G'], ['-g', '-G'], ['-d'],
                                      ['-d', '-g', '-G', '-i', '4', '-Q', '16'])):
            start = str(number * 11)
            with self.subTest(how=how):
                name = self.folder / 'in'
                name.write_bytes(data)
                self.ok('write', *how, '-S', start, '-D', str(name))
                self.ok('read', *how, '-S', start, '-z', str(len(data)), '-D',
                        str(self.folder / 'out'))
                self.assertEqual((self.folder / 'out').read_bytes(), data)

    def test_through_pipes(self):
        data = os.urandom(MIB)
        self.ok('write', '-S', '5', stdin=data)
        self.assertEqual(self.ok('read', '-S', '5', '-c', '2048'), data)
        self.assertEqual(self.ok('read', '-S', '5', '-c', '1'), data[:512])

    def test_a_block_of_4096_bytes(self):
        data = os.urandom(7 * 4096)
        self.ok('write', '-N', '2', '-S', '3', stdin=data)
        self.assertEqual(self.ok('read', '-N', '2', '-S', '3', '-c', '7'), data)
        self.assert_fails(self.run_tool('read', '-N', '2', '-z', '512'), 'block size 4096')

    def test_to_the_end_of_the_namespace(self):
        self.assertEqual(len(self.ok('read', '-N', '2', '-S', '2000')), 48 * 4096)

    def test_count_is_of_blocks_and_input_may_be_longer(self):
        data = os.urandom(4096)
        self.ok('write', '-S', '9', '-c', '2', stdin=data)
        self.assertEqual(self.ok('read', '-S', '9', '-c', '2'), data[:1024])
        self.assert_fails(self.run_tool('write', '-c', '9', stdin=data), 'shorter than 9 blocks')

    def test_what_does_not_fit(self):
        self.assert_fails(self.run_tool('read', '-N', '2', '-S', '2047', '-c', '2'), 'too many')
        self.assert_fails(self.run_tool('read', '-N', '2', '-S', '2048'), 'no block 2048')
        name = self.folder / 'in'
        name.write_bytes(bytes(9 * MIB))
        self.assert_fails(self.run_tool('write', '-N', '2', '-D', str(name)), 'do not fit')
        name.write_bytes(bytes(100))
        self.assert_fails(self.run_tool('write', '-D', str(name)), 'no multiple of the block size')
        self.assert_fails(self.run_tool('write', stdin=bytes(700)), 'ends within a block')

    def test_a_failed_read_leaves_an_old_file_alone(self):
        name = self.folder / 'out'
        name.write_bytes(b'old')
        self.assert_fails(self.run_tool('read', '-N', '7', '-D', str(name)))
        self.assertEqual(name.read_bytes(), b'old')

    def test_a_refused_write_says_why(self):
        self.assert_fails(self.run_tool('write', '-N', '3', stdin=bytes(512)),
                          'Namespace is Write Protected')

    def test_flush(self):
        self.assertEqual(self.ok('flush').decode(), 'flushed namespace 1\n')
        self.assertTrue(self.json('flush', '-N', '2')['flushed'])

    def test_summary_as_json(self):
        o = self.json('write', stdin=bytes(5120))
        self.assertEqual((o['blocks'], o['bytes']), (10, 5120))

    def test_a_slow_reader_and_a_slow_writer_keep_the_controller(self):
        """Neither side of a pipe moves for longer than the keep alive timeout."""
        common = [*self.where(), '-n', self.target.nqn, '-k', '3', '--quiet']
        data, old = os.urandom(4 * MIB), os.urandom(4 * MIB)
        self.ok('write', '-S', '50000', stdin=old)
        with subprocess.Popen([NVMF, 'write', *common], stdin=subprocess.PIPE) as writing, \
                subprocess.Popen([NVMF, 'read', *common, '-S', '50000', '-z', str(len(old))],
                                 stdout=subprocess.PIPE) as reading:
            writing.stdin.write(data[:MIB])
            writing.stdin.flush()
            time.sleep(5)
            writing.communicate(data[MIB:], timeout=TIME_LIMIT)
            said, _ = reading.communicate(timeout=TIME_LIMIT)
        self.assertEqual((writing.returncode, reading.returncode), (0, 0))
        self.assertEqual(said, old)
        self.assertEqual(self.ok('read', '-z', str(len(data))), data)

    def test_a_full_disk_is_told(self):
        if not os.path.exists('/dev/full'):
            self.skipTest('there is no /dev/full')
        self.assert_fails(self.run_tool('read', '-c', '8', '-D', '/dev/full'), 'No space left')
        with open('/dev/full', 'wb') as full:
            for args in (['id-ctrl'], ['id-ctrl', '--json'], ['read', '--help']):
                done = subprocess.run([NVMF, args[0], *self.where(), '-n', self.target.nqn,
                                       *args[1:]], stdout=full, stderr=subprocess.PIPE,
                                      timeout=TIME_LIMIT, check=False)
                self.assert_fails(done, 'could not write')

    def test_no_progress_but_on_a_terminal(self):
        done = self.run_tool('read', '-z', '32m')
        self.assertNotIn(b'\r', done.stderr)
        self.assertEqual(done.stderr.count(b'\n'), 1)


class Perf(ToolCase):

    def test_measures_and_accounts(self):
        before = self.json('smart-log')
        o = self.json('perf', '--time', '1', '--depth', '8', '--queues', '2', '--mix', '70')
        after = self.json('smart-log')
        self.assertEqual((o['depth'], o['queues'], o['size']), (8, 2, 4096))
        self.assertGreater(o['iops'], 100)
        self.assertLessEqual(o['latency_us']['min'], o['latency_us']['p50'])
        self.assertLessEqual(o['latency_us']['p50'], o['latency_us']['max'])
        for kind in ('read', 'write'):
            counter = f'host_{kind}_commands'
            self.assertEqual(after[counter] - before[counter], o[kind + 's'])
        share = o['reads'] / (o['reads'] + o['writes'])
        self.assertAlmostEqual(share, 0.7, delta=0.1)
        self.assertAlmostEqual(o['iops'] * o['seconds'], o['reads'] + o['writes'], delta=2)

    def test_for_people_and_sequential(self):
        text = self.ok('perf', '--time', '1', '--sequential', '--size', '128k').decode()
        self.assertIn('128.0 KiB, 1 queue of depth 32, 100 % reads, sequential', text)
        self.assertRegex(text, r'\d+ IOPS +[\d.]+ MiB/s')

    def test_an_interrupt_ends_it_with_what_was_measured(self):
        with subprocess.Popen([NVMF, 'perf', *self.where(), '-n', self.target.nqn, '--time', '60',
                               '--json'], stdout=subprocess.PIPE) as running:
            time.sleep(1)
            running.send_signal(signal.SIGINT)
            said, _ = running.communicate(timeout=5)
        self.assertEqual(running.returncode, 0)
        self.assertGreater(json.loads(said)['reads'], 0)

    def test_what_makes_no_sense(self):
        self.assert_fails(self.run_tool('perf', '--size', '2M'), 'a command')
        self.assert_fails(self.run_tool('perf', '--size', '100'), 'block size')
        self.assert_fails(self.run_tool('perf', '-N', '3', '--mix', '0', '--time', '1'),
                          'Write Protected')

    def test_live_progress_on_a_terminal(self):
        mine, its = pty.openpty()
        with subprocess.Popen([NVMF, 'perf', *self.where(), '-n', self.target.nqn, '--time', '2'],
                              stdout=subprocess.DEVNULL, stderr=its) as running:
            os.close(its)
            seen = os.read(mine, 4096)
            running.wait(10)
        os.close(mine)
        self.assertEqual(running.returncode, 0)
        self.assertRegex(seen.decode(), r'IOPS .*MiB/s')


class PerfQueues(ToolCase):
    """Several queues a thread, several controllers, and a client that spins."""

    def perf(self, *args):
        return self.json('perf', '--time', '1', *args)

    def test_queues_share_threads(self):
        for threads, spin in (('1', ()), ('2', ()), ('1', ('--spin',)), ('7', ())):
            with self.subTest(threads=threads, spin=spin):
                before = self.json('smart-log')['host_read_commands']
                o = self.perf('--queues', '7', '--threads', threads, '--depth', '3', *spin)
                self.assertEqual((o['queues'], o['threads']), (7, int(threads)))
                self.assertEqual(o['spin'], bool(spin))
                self.assertEqual('busy' in o, bool(spin))
                if spin:
                    self.assertGreater(o['busy'], 0)
                    self.assertLess(o['busy'], 1)
                self.assertGreater(o['reads'], 0)
                after = self.json('smart-log')['host_read_commands']
                self.assertEqual(after - before, o['reads'])

    def test_several_controllers_have_more_queues_than_one_grants(self):
        done = self.run_tool('perf', '--time', '1', '--queues', '200', '--depth', '1', '--json')
        self.assertIn(b'grants 128 of 200 queues', done.stderr)
        self.assertEqual(json.loads(done.stdout)['queues'], 128)
        o = self.perf('--queues', '70', '--controllers', '2', '--depth', '1', '--threads', '1')
        self.assertEqual((o['controllers'], o['queues']), (2, 140))
        self.assertGreaterEqual(o['reads'], 140)    # one of each queue

    def test_percentiles_rise(self):
        got = self.perf()['latency_us']
        order = [got[name] for name in ('min', 'p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max')]
        self.assertEqual(order, sorted(order))
        self.assertGreater(order[0], 0)

    def test_large_writes_that_the_socket_does_not_take_at_once(self):
        o = self.perf('--queues', '3', '--threads', '1', '--size', '1M', '--depth', '16',
                      '--mix', '0')
        self.assertGreater(o['writes'], 0)


class PerfVerify(ToolCase):
    """What was written is what is read; and what is not so, is told."""

    devices = ('ramdisk:5M', 'ramdisk:1M?bs=4096', 'error:read=EIO&rate=0.01/ramdisk:8M')

    def read_all(self, nsid='1'):
        return self.ok('read', '-N', nsid)

    def test_fill_writes_every_block(self):
        self.assertEqual(self.read_all().count(b'\0'), 5 * MIB)
        self.ok('perf', '--time', '1', '--fill', '--queues', '3')
        data = self.read_all()
        blank = [lba for lba in range(5 * MIB // 512) if not any(data[lba * 512:][:512])]
        self.assertEqual((len(data), blank), (5 * MIB, []))

    def test_passes_where_all_is_well(self):
        for args in (['--mix', '50'], ['--mix', '0', '--queues', '4'], ['--threads', '1'],
                     ['--sequential', '--mix', '70', '--size', '1536', '--queues', '3', '-G'],
                     ['-N', '2', '--mix', '50', '--size', '12k', '--depth', '4', '--queues', '5']):
            with self.subTest(args=args):
                o = self.json('perf', '--time', '1', '--verify', *args)
                self.assertTrue(o['verified'])
                self.assertGreater(o['reads'] + o['writes'], 10)

    def test_every_block_says_which_it_is(self):
        self.ok('perf', '--time', '1', '--verify', '--mix', '50', '-N', '2', '--depth', '4')
        data = self.read_all('2')
        labels = [int.from_bytes(data[at:at + 8], 'little') for at in range(0, MIB, 4096)]
        self.assertEqual(labels, list(range(256)))
        generations = [data[at + 8:at + 16] for at in range(0, MIB, 4096)]
        self.assertGreater(len(set(generations)), 1)

    def test_a_failing_read_and_too_small_a_namespace(self):
        self.assert_fails(self.run_tool('perf', '-N', '3', '--verify', '--time', '1'),
                          'an I/O failed')
        self.assert_fails(self.run_tool('perf', '-N', '2', '--verify', '--depth', '64',
                                        '--queues', '5'), 'too small')


class PerfVerifyFinds(unittest.TestCase):
    """The file behind the namespace is changed under a run that only reads it."""

    assert_fails = ToolCase.assert_fails
    SIZE = 32 * MIB

    def perf_against(self, spoil, seconds=20):
        """perf --verify; `spoil` is given the file when its start has been filled."""
        room = daemon.Room()
        self.addCleanup(room.remove)
        path = room.file('disk', self.SIZE)
        with daemon.Daemon(f'file:{path}?bs=512', room=room) as target, \
                open(path, 'r+b', 0) as disk:
            with subprocess.Popen([NVMF, 'perf', '-a', target.host, '-s', str(target.ports['io']),
                                   '-n', target.nqn, '--verify', '--time', str(seconds),
                                   '--depth', '4'],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
                self.wait_for_fill(disk, running)
                spoil(disk)
                said = running.communicate(timeout=TIME_LIMIT)
        return subprocess.CompletedProcess('perf', running.returncode, *said)

    def wait_for_fill(self, disk, running):
        while not any(os.pread(disk.fileno(), 512, self.SIZE - 512)):
            self.assertIsNone(running.poll())
            time.sleep(0.02)

    def test_nothing_where_nothing_is_wrong(self):
        done = self.perf_against(lambda disk: None, seconds=1)
        self.assertEqual((done.returncode, done.stderr), (0, b''))

    def test_a_block_of_something_else(self):
        done = self.perf_against(lambda disk: os.pwrite(disk.fileno(), b'\xa5' * 512, 5 * 512))
        self.assert_fails(done, 'verify: LBA 5: found nothing that this run wrote: a5 a5')

    def test_a_block_in_the_wrong_place(self):
        def misplace(disk):
            os.pwrite(disk.fileno(), os.pread(disk.fileno(), 512, 9 * 512), 7 * 512)
        done = self.perf_against(misplace)
        self.assert_fails(done, 'verify: LBA 7: found LBA 9 of generation 0')

    def test_one_byte(self):
        def flip(disk):
            byte = os.pread(disk.fileno(), 1, 3 * 512 + 300)[0]
            os.pwrite(disk.fileno(), bytes([byte ^ 0x10]), 3 * 512 + 300)
        self.assert_fails(self.perf_against(flip), 'verify: LBA 3: byte 300 is wrong')


class PerfVerifyStale(unittest.TestCase):
    """A target that loses writes: only reading all back can find it here."""

    assert_fails = ToolCase.assert_fails

    def test_a_write_that_went_nowhere(self):
        with daemon.Daemon('null:16M') as target:
            done = nvmf('perf', '-a', target.host, '-s', str(target.ports['io']), '-n',
                        target.nqn, '--verify', '--time', '1', '--mix', '0')
        self.assert_fails(done, 'found nothing that this run wrote: 00 00')


NEED_A_SUBSYSTEM = ('id-ns', 'list-ns', 'smart-log', 'read', 'write', 'flush', 'perf')


class Usage(unittest.TestCase):

    assert_fails = ToolCase.assert_fails

    def test_every_wrong_line_is_one_sentence(self):
        lines = [
            ([], '--help'), (['frobnicate'], 'frobnicate'), (['read', '-x'], '-x'),
            (['read', '--frob'], '--frob'), (['read', '-S'], '-S needs a value'),
            (['read', '-S', 'many'], "'many' is no number"),
            (['id-ns', '-N', '0'], 'not between 1'), (['id-ctrl', 'more'], "'more'"),
            (['id-ctrl', '-o', 'xml'], 'xml'), (['discover', '-t', 'rdma'], 'rdma'),
            (['id-ctrl', '-I', 'nonsense'], 'no UUID'),
            *(([command], '--nqn') for command in NEED_A_SUBSYSTEM),
            (['id-ctrl', '-n', 'x' * 300], 'NQN'), (['perf', '--mix', '101'], 'mix'),
            (['read', '-k', '99999999999999999999'], 'keep-alive'),
        ]
        for args, part in lines:
            with self.subTest(args=args):
                self.assert_fails(nvmf(*args), part)

    def test_nobody_there(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = str(s.getsockname()[1])
        self.assert_fails(nvmf('discover', '-s', port), 'Connection refused')
        self.assert_fails(nvmf('discover', '-a', 'no.such.host.invalid'), 'no.such.host.invalid')

    def test_somebody_else_there(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            s.listen()
            with subprocess.Popen([NVMF, 'discover', '-s', str(s.getsockname()[1])],
                                  stderr=subprocess.PIPE, text=True) as running:
                there, _ = s.accept()
                there.sendall(b'SSH-2.0-OpenSSH_9.2p1 Debian\r\n')
                said = running.communicate(timeout=10)[1]
                there.close()
        self.assertIn('no NVMe/TCP there', said)
        self.assertEqual(running.returncode, 1)

    def test_help_and_version(self):
        for args in (['--help'], ['-h'], ['read', '--help'], ['perf', '-h'], ['--version']):
            done = nvmf(*args)
            self.assertEqual((done.returncode, done.stderr), (0, b''))
            self.assertTrue(done.stdout)


class Identity(ToolCase):

    def test_digests_that_are_not_to_be_had(self):
        with daemon.Daemon('ramdisk:1M') as target:
            for option, name in (('-g', 'header'), ('-G', 'data')):
                self.assert_fails(nvmf('id-ctrl', '-a', target.host, '-s', str(target.ports['io']),
                                       '-n', target.nqn, option), f'without {name} digests')

    def test_what_is_refused(self):
        self.assert_fails(nvmf('id-ctrl', *self.where(), '-n', self.target.nqn + 'x'),
                          'no such subsystem')
        self.assert_fails(nvmf('id-ctrl', *self.where('discovery'), '-n', self.target.nqn + 'x'))

    def test_the_name_that_was_given(self):
        self.ok('id-ctrl', '-q', 'nqn.2014-08.org.example:tool-host')
        self.assertIn('nqn.2014-08.org.example:tool-host', self.target.log())


class Ends(unittest.TestCase):
    """The target goes away meanwhile."""

    def test_a_sentence_when_the_target_dies(self):
        target = daemon.Daemon('ramdisk:16M').start()
        with subprocess.Popen([NVMF, 'perf', '-a', target.host, '-s', str(target.ports['io']),
                               '-n', target.nqn, '--time', '30'],
                              stderr=subprocess.PIPE, text=True) as running:
            time.sleep(0.7)
            target.kill()
            said = running.communicate(timeout=10)[1]
        self.assertEqual(running.returncode, 1)
        self.assertRegex(said, r'^nvmf: 127\.0\.0\.1 port \d+(, queue \d+)?: .*\n$')

    def test_a_sentence_when_it_dies_amid_a_copy(self):
        target = daemon.Daemon('ramdisk:64M').start()
        with subprocess.Popen([NVMF, 'write', '-a', target.host, '-s', str(target.ports['io']),
                               '-n', target.nqn], stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE) as running:
            running.stdin.write(bytes(MIB))
            running.stdin.flush()
            time.sleep(0.3)
            target.kill()
            said = running.stderr.read().decode()
            running.stdin.close()
            running.wait(10)
        self.assertEqual(running.returncode, 1)
        self.assertRegex(said, r'^nvmf: 127\.0\.0\.1 port \d+(, queue \d+)?: .*\n$')


class Examples(ToolCase):

    def run_host(self, *args):
        example = pathlib.Path(NVMF).resolve().parents[2] / 'examples/host'
        return subprocess.run([example, *args], capture_output=True, text=True,
                              timeout=TIME_LIMIT, check=False)

    def test_host_writes_reads_and_verifies(self):
        where = self.target.host, str(self.target.ports['io']), self.target.nqn
        for loop in ([], ['--loop']):
            done = self.run_host(*loop, *where)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertIn('found the same', done.stdout)

    def test_host_says_what_is_wrong(self):
        port = str(self.target.ports['io'])
        for loop in ([], ['--loop']):
            done = self.run_host(*loop, self.target.host, port, self.target.nqn + 'x')
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r'^127\.0\.0\.1 port \d+: Connect: .*no such subsystem\)\n$')
        with daemon.Daemon('ramdisk:4M?ro') as target:
            done = self.run_host(target.host, str(target.ports['io']), target.nqn)
        self.assertEqual(done.returncode, 1)
        self.assertIn('a write failed: Namespace is Write Protected', done.stderr)

    def test_target_serves_the_host_example(self):
        examples = pathlib.Path(NVMF).resolve().parents[2] / 'examples'
        nqn = 'nqn.2026-11.org.example:disk'
        with subprocess.Popen([examples / 'target', '127.0.0.1', '0', nqn, '16'], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as target:
            try:
                port = target.stdout.readline().split()[7]
                done = subprocess.run([examples / 'host', '127.0.0.1', port, nqn], timeout=TIME_LIMIT,
                                      capture_output=True, text=True, check=False)
            finally:
                target.terminate()
            said = target.stderr.read()
        self.assertEqual((done.returncode, done.stderr), (0, ''), said)
        self.assertIn('found the same', done.stdout)
        self.assertEqual(target.returncode, 0, said)
        self.assertIn('connected by', said)


if __name__ == '__main__':
    unittest.main()
