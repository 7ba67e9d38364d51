# SPDX-License-Identifier: BSD-2-Clause
"""Row "configuration file": --check says every mistake and touches nothing."""
import json
import os
import pathlib
import subprocess
import unittest

from case import RoomCase
from daemon import NVMFD

KERNEL = pathlib.Path(__file__).parents[1] / 'unit/config/kernel.json'


class CheckCase(RoomCase):

    def check(self, content, *args):
        self.file = self.room.file('c.json', content=content.encode())
        return self.room.run('--check', '-c', self.file, *args)

    def assert_mistakes(self, content, *lines):
        ended = self.check(content)
        self.assertEqual(ended.stderr.splitlines(), [f'{self.file}{line}' for line in lines])
        self.assertEqual((ended.returncode, ended.stdout), (1, ''))


class Check(CheckCase):

    def test_what_the_kernel_saves_is_good(self):
        ended = self.check(KERNEL.read_text())
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        self.assertEqual(ended.stdout, f'{self.file}: no mistake; subsystems: 1, namespaces: 2,'
                                       ' ports: 1, hosts: 1\n')

    def test_every_mistake_has_a_line(self):
        self.assert_mistakes(
            '{"hosts": [{"nqn": "h", "dhchap": {"key": "DHHC-1:00:hush:"}}],\n'
            ' "subsystems": [{"nqn": "s", "allowed_hosts": ["g"]}], "nvmfd": {"workers": 0}}',
            ": hosts[0].dhchap.key: found a secret, expected \"\": nvmfd can't authenticate hosts yet",
            ': nvmfd.workers: found 0, expected a number from 1 to 256',
            ': subsystems[0].allowed_hosts[0]: found "g", expected the nqn of one of hosts')

    def test_a_broken_text_has_line_and_column(self):
        self.assert_mistakes('{"hosts": [],\n  "ports": }', ":2:12: unexpected token near '}'")

    def test_more_mistakes_than_anyone_reads(self):
        ended = self.check(json.dumps({'hosts': [1] * 1000}))
        lines = ended.stderr.splitlines()
        self.assertEqual(len(lines), 101)
        self.assertEqual(lines[-1], f'{self.file}: and 900 more mistakes')

    def test_standard_input(self):
        with open(KERNEL, 'rb') as text:
            ended = self.room.run('--check', '-c', '-', stdin=text)
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        self.assertIn('standard input: no mistake', ended.stdout)

    def test_a_file_that_is_not_there(self):
        ended = self.room.run('--check', '-c', 'missing.json')
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stderr,
                         "missing.json: the file: it can't be read: No such file or directory\n")

    def test_nothing_is_touched(self):
        """Neither sockets, nor devices, nor any file but the one that is read."""
        disk = self.room.file('disk.img', size=1 << 20)
        self.check(json.dumps({
            'nvmfd': {'devices': [{'name': 'd', 'device': f'file:{disk}'}]},
            'ports': [{'portid': 1, 'subsystems': ['s'], 'addr': {
                'traddr': '127.0.0.1', 'trsvcid': '0', 'trtype': 'tcp'}}],
            'subsystems': [{'nqn': 's', 'namespaces': [
                {'nsid': 1, 'enable': 1, 'device': {'path': 'd'}}]}]}))
        traced = subprocess.run(
            ['strace', '-f', '-e', 'trace=socket,bind,listen,openat,io_uring_setup', NVMFD,
             '--check', '-c', self.file], capture_output=True, text=True, timeout=30, check=False,
            # Who is traced can't look for leaks.
            env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'})
        self.assertEqual(traced.returncode, 0, traced.stderr)
        for line in traced.stderr.splitlines():
            self.assertNotRegex(line, r'^(\[pid +\d+\] )?(socket|bind|listen|io_uring_setup)\(')
            self.assertNotIn('disk.img', line)
            self.assertNotRegex(line, r'O_WRONLY|O_CREAT')
        self.assertIn(os.path.basename(self.file), traced.stderr)
        self.assertEqual(sorted(os.listdir(self.room.path)), ['c.json', 'disk.img'] + (
            ['nvmfd'] if (self.room.path / 'nvmfd').exists() else []))


class Refusals(CheckCase):

    def assert_refused(self, says, *args):
        self.assert_one_sentence(self.room.run(*args), says)

    def test_check_needs_a_file(self):
        self.assert_refused('Give it by --config', '--check')

    def test_what_the_file_says_is_not_said_twice(self):
        file = self.room.file('c.json', content=KERNEL.read_bytes())
        for option in (['-p', '0'], ['-P', '0'], ['-n', 'nqn.2026-11.org.example:n'],
                       ['--listen', '::1']):
            with self.subTest(option=option):
                self.assert_refused('it is the file that says', '--check', '-c', file, *option)
        self.assert_refused("'ramdisk:1M'", '--check', '-c', file, 'ramdisk:1M')


if __name__ == '__main__':
    unittest.main()
