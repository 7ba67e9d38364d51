# SPDX-License-Identifier: BSD-2-Clause
"""Row "command line": options, and one sentence for everything wrong."""
import re
import socket
import unittest

import daemon
from case import RoomCase, has_ipv6_loopback, pattern, read_blocks, write_blocks
from nvmetcp import Controller

SHORT = 'dcFGgKPptn'
LONGEST_NQN = 'nqn.2026-11.org.example:'.ljust(223, 'n')


class CommandLineCase(RoomCase):

    def run_nvmfd(self, *args):
        return self.room.run(*args)

    def assert_refused(self, *args, says=''):
        ended = self.run_nvmfd('-d', '-p', '0', '-P', '0', *args)
        self.assert_one_sentence(ended, says)


class HelpAndVersion(CommandLineCase):

    def test_help_names_every_option_short_and_long(self):
        ended = self.run_nvmfd('--help')
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        for letter in SHORT:
            self.assertRegex(ended.stdout, rf'(?m)^ *-{letter}, --[a-z]')
        for name in ('listen', 'pidfile', 'c2h-success', 'engine', 'workers',
                     'mdts', 'in-capsule-data', 'io-queues', 'queue-entries',
                     'max-h2c-data', 'handshake-timeout', 'nn',
                     'association-timeout', 'buffers'):
            self.assertRegex(ended.stdout, rf'--{name}\b')
        for device in ('ramdisk:', 'file:', 'null:', 'delay:', 'error:'):
            self.assertIn(device, ended.stdout)

    def test_version_names_what_was_built_in(self):
        ended = self.run_nvmfd('--version')
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        self.assertRegex(ended.stdout, r'^nvmfd \d+\.\d+')
        self.assertIn('io_uring', ended.stdout)


class Refusals(CommandLineCase):

    def test_no_device(self):
        self.assert_refused()

    def test_unknown_options(self):
        for option in ('-x', '--xyzzy', '--mdt=4', '-dx'):
            self.assert_refused(option, 'ramdisk:1M')

    def test_option_without_its_argument(self):
        for option in ('-p', '-n', '--listen', '--mdts'):
            ended = self.run_nvmfd('ramdisk:1M', option)
            self.assert_one_sentence(ended)

    def test_transport(self):
        self.assert_refused('-t', 'rdma', 'ramdisk:1M', says='rdma')

    def test_ports(self):
        for port in ('65536', '-1', '', 'http', '44x', '0x1140', ' 1'):
            self.assert_refused('-p', port, 'ramdisk:1M')
            self.assert_refused('-P', port, 'ramdisk:1M')

    def test_names(self):
        for name in ('', 'nqn', 'iqn.2026-11.org.example:x', LONGEST_NQN + 'n',
                     'nqn.2014-08.org.nvmexpress.discovery'):
            self.assert_refused('-n', name, 'ramdisk:1M')

    def test_addresses(self):
        for address in ('', 'localhost', '127.0.0.256', '::g', '192.0.2.1'):
            self.assert_refused('--listen', address, 'ramdisk:1M')

    def test_numbers_and_choices(self):
        for option, value in (('--workers', '0'), ('--workers', 'many'),
                              ('--mdts', '100000'), ('--mdts', '1K'),
                              ('--in-capsule-data', '100'),
                              ('--max-h2c-data', '4095'),
                              ('--io-queues', '0'), ('--queue-entries', '1'),
                              ('--nn', '0'), ('--buffers', '1'),
                              ('--handshake-timeout', '0'),
                              ('--association-timeout', '-3'),
                              ('--engine', 'steam'),
                              ('--c2h-success', 'never')):
            self.assert_refused(option, value, 'ramdisk:1M', says=value)

    def test_sizes(self):
        for size in ('', '0', '-1M', '12Q', 'M', '1M1', '1.5M', '16E', '999',
                     '0x10000', '99999999999999999999'):
            self.assert_refused(f'ramdisk:{size}')
            self.assert_refused(f'null:{size}')

    def test_size_that_is_no_multiple_of_the_block_size(self):
        self.assert_refused('ramdisk:1000')
        self.assert_refused('ramdisk:4608?bs=4096', says='4096')
        self.assert_refused(self.room.file('odd', 1000))

    def test_paths(self):
        for path in ('/nonexistent/disk', str(self.room.path), '/dev/tty',
                     self.room.file('empty')):
            self.assert_refused(path, says=path)
            self.assert_refused(f'file:{path}', says=path)

    def test_devices(self):
        for device in ('floppy:1M', 'ramdisk', 'ramdisk:1M?colour=red',
                       'ramdisk:1M?bs=', 'ramdisk:1M?bs=513',
                       'ramdisk:1M?bs=256', 'ramdisk:1M?bs=8192',
                       'ramdisk:1M?nsid=0', 'ramdisk:1M?nsid=257',
                       'ramdisk:1M?nsid=x', 'ramdisk:1M?uuid=1234',
                       'ramdisk:1M?uuid=00000000-0000-0000-0000-000000000000',
                       'delay:ms=1', 'delay:ms=x/ramdisk:1M',
                       'delay:/ramdisk:1M?ms', 'error:/floppy:1M',
                       'ramdisk:1M?bs=512&bs=512'):
            with self.subTest(device=device):
                self.assert_refused(device)

    def test_two_devices_on_one_nsid(self):
        self.assert_refused('ramdisk:1M?nsid=3', 'ramdisk:1M?nsid=3',
                            says='3')

    def test_more_devices_than_nn(self):
        self.assert_refused('--nn', '1', 'ramdisk:1M', 'ramdisk:1M')

    def test_nothing_is_half_started(self):
        """A wrong second device: no port opened, no file left."""
        pidfile = self.room.path / 'pid'
        ended = self.run_nvmfd('-p', '0', '-P', '0', '--pidfile', str(pidfile),
                               '--ports-file', str(self.room.path / 'ports'),
                               'ramdisk:1M', '/nonexistent/disk')
        self.assert_one_sentence(ended)
        self.assertEqual([p.name for p in self.room.path.iterdir()
                          if p.name in ('pid', 'ports')], [])

    def test_port_in_use(self):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = str(taken.getsockname()[1])
            for option in ('-p', '-P'):
                ended = self.run_nvmfd(
                    '-d', '-p', '0', '-P', '0', option, port,
                    '--listen', '127.0.0.1', 'ramdisk:1M')
                self.assert_one_sentence(ended, says=port)

    def test_one_port_for_both(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = str(free.getsockname()[1])
        ended = self.run_nvmfd('-d', '-p', port, '-P', port, 'ramdisk:1M')
        self.assert_one_sentence(ended, says=port)


class Meanings(CommandLineCase):

    def test_sizes_have_the_suffixes_of_expand_number(self):
        sizes = {'1048576': 1 << 20, '1024k': 1 << 20, '1024K': 1 << 20,
                 '3m': 3 << 20, '3M': 3 << 20, '2G': 2 << 30, '1g': 1 << 30,
                 '2T': 2 << 40, '1P': 1 << 50, '1E': 1 << 60}
        with self.serve(*(f'null:{size}' for size in sizes)) as target:
            controller = self.controller(target)
            for nsid, size in enumerate(sizes.values(), 1):
                found = controller.identify_namespace(nsid).nsze
                self.assertEqual(found * 512, size)

    def test_given_ports_are_used(self):
        with socket.create_server(('127.0.0.1', 0)) as one, \
                socket.create_server(('127.0.0.1', 0)) as two:
            ports = [s.getsockname()[1] for s in (one, two)]
        args = ('-p', str(ports[0]), '-P', str(ports[1]))
        with self.serve('ramdisk:1M', args=args) as target:
            self.assertEqual(target.ports, {'io': ports[0],
                                            'discovery': ports[1]})

    def test_longest_name(self):
        with self.serve('ramdisk:1M', nqn=LONGEST_NQN) as target:
            self.controller(target)

    def test_every_address_by_default(self):
        with self.serve('ramdisk:1M') as target:
            ipv6 = ('::1',) if has_ipv6_loopback() else ()
            for address in ('127.0.0.1', '127.5.5.5', *ipv6):
                with self.subTest(address=address):
                    Controller((address, target.ports['io']),
                               target.nqn).close()

    def test_listen_may_be_repeated(self):
        args = ('--listen', '127.0.0.3', '--listen', '127.0.0.4')
        target = self.serve('ramdisk:1M', args=args, host='127.0.0.3')
        with target:
            for address in ('127.0.0.3', '127.0.0.4'):
                for port in target.ports.values():
                    socket.create_connection((address, port), 5).close()
            for address in ('127.0.0.1', '127.0.0.5'):
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection((address, target.ports['io']), 5)

    def test_long_options_do_what_short_ones_do(self):
        ended = self.run_nvmfd('--help')
        names = dict(re.findall(r'(?m)^ *-(\w), --([a-z-]+)', ended.stdout))
        args = [f'--{names[letter]}' for letter in 'dgGF']
        args += [f'--{names["t"]}', 'tcp', f'--{names["n"]}', daemon.NQN,
                 f'--{names["p"]}=0', f'--{names["P"]}', '0']
        with self.serve('ramdisk:1M', nqn=None, args=args) as target:
            target.nqn = daemon.NQN
            controller = self.controller(target, hdgst=True, ddgst=True)
            self.assertTrue(controller.admin.hdgst and controller.admin.ddgst)

    def test_engines_and_workers(self):
        for args in (('--engine', 'threads'), ('--engine', 'uring'),
                     ('--workers', '1'), ('--workers', '3')):
            with self.subTest(args=args):
                path = self.room.file('disk', 1 << 20) + '?bs=512'
                with self.serve(path, args=args) as target:
                    controller = self.controller(target)
                    queue, = controller.io_queues(1)
                    data = pattern(64, seed=len(args[1]))
                    write_blocks(queue, 0, data)
                    self.assertEqual(read_blocks(queue, 0, 64).data, data)

    def test_nn(self):
        with self.serve('ramdisk:1M', args=('--nn', '7')) as target:
            controller = self.controller(target)
            self.assertEqual(controller.identify_controller().nn, 7)


if __name__ == '__main__':
    unittest.main()
