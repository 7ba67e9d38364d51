# SPDX-License-Identifier: BSD-2-Clause
"""nvmfctl: what it shows of a running daemon, and what it says to mistakes."""
import json
import os
import subprocess
import unittest

import daemon
import wire
from nvmetcp import Controller, Host
from rpc import Caller

NVMFCTL = os.environ.get('NVMFCTL') or str(daemon.ROOT / 'build/tools/nvmfctl/nvmfctl')
HOST = 'nqn.2026-11.org.example:host'
OTHER = 'nqn.2026-11.org.example:other'
TIME_LIMIT = 30 * daemon.SLOWNESS


def nvmfctl(*args, **how):
    return subprocess.run([NVMFCTL, *args], capture_output=True, text=True, timeout=TIME_LIMIT,
                          check=False, **how)


class ShowCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.target = daemon.Daemon('ramdisk:64M', 'null:1G?bs=4096&nsid=7', args=(
            '--rpc-socket', 'rpc', '--listen', '127.0.0.1')).start()
        cls.addClassCleanup(cls.target.stop)
        cls.path = str(cls.target.room.path / 'rpc')

    def show(self, *args):
        ran = nvmfctl('-s', self.path, *args)
        self.assertEqual((ran.returncode, ran.stderr), (0, ''), args)
        return ran.stdout

    def rows(self, *args):
        return json.loads(self.show('--json', *args))

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
                         ['NSID', 'DEVICE', 'SIZE', 'BLOCK', 'UUID', 'SUBSYSTEM'])
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
        rows = {row['port']: row for row in self.rows('port')}
        io, discovery = str(self.target.io[1]), str(self.target.discovery[1])
        self.assertEqual(rows[io], {'address': '127.0.0.1', 'port': io,
                                    'subsystems': [self.target.nqn]})
        self.assertEqual(rows[discovery]['subsystems'], [])
        self.assertEqual(self.rows('port', io), [rows[io]])

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

    def assert_refused(self, *args, says):
        ran = nvmfctl('-s', self.path, *args)
        self.assertEqual((ran.returncode, ran.stdout), (1, ''), args)
        self.assertEqual(len(ran.stderr.splitlines()), 1, ran.stderr)
        self.assertTrue(ran.stderr.startswith('nvmfctl: '), ran.stderr)
        self.assertIn(says, ran.stderr)

    def test_mistakes_are_answered_with_what_was_meant(self):
        for word, meant in (('subsytem', 'subsystem'), ('stat', 'status'), ('devices', 'device'),
                            ('prot', 'port'), ('hots', 'host'), ('subsystems', 'subsystem')):
            self.assert_refused(word, says=f"'{word}'; did you mean '{meant}'?")
        self.assert_refused('frobnicate', says="no command 'frobnicate'; try")
        self.assert_refused(says='what to show?')
        self.assert_refused('status', 'x', says="'x' is not expected")
        self.assert_refused('device', 'show', 'x', 'y', says="'y' is not expected")
        self.assert_refused('--frob', says='--frob')

    def test_what_is_not_there_is_told(self):
        self.assert_refused('device', 'none', says="there is no device 'none'")
        self.assert_refused('subsystem', 'none', says="there is no subsystem 'none'")
        self.assert_refused('ns', 'none', says="there is no subsystem 'none'")
        self.assert_refused('port', '1', says="there is no port '1'")
        self.assert_refused('host', 'none', says="there is no host 'none'")

    def test_no_daemon_is_told(self):
        ran = nvmfctl('-s', self.path + '-none', 'status')
        self.assertEqual(ran.returncode, 1)
        self.assertIn('is nvmfd running?', ran.stderr)

    def test_a_full_disk_is_told(self):
        with open('/dev/full', 'w') as full:
            ran = subprocess.run([NVMFCTL, '-s', self.path, 'ns'], stdout=full, text=True,
                                 stderr=subprocess.PIPE, timeout=TIME_LIMIT, check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn('could not write', ran.stderr)


if __name__ == '__main__':
    unittest.main()
