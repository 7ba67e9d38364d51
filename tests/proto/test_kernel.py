# SPDX-License-Identifier: BSD-2-Clause
"""Row "kernel mode" as far as it goes without a target in the kernel: what it refuses.
The rest is tests/interop/linux/jobs/kernel.sh."""
import json
import os
import unittest

from case import RoomCase
from daemon import NOBODY

ADDRESS = {'trtype': 'tcp', 'traddr': '127.0.0.1', 'trsvcid': '4420'}

CONTENT = {'ports': [{'portid': 1, 'addr': ADDRESS, 'subsystems': ['s']}],
           'subsystems': [{'nqn': 's', 'attr': {'allow_any_host': '1'}}]}


class KernelCase(RoomCase):

    def setUp(self):
        super().setUp()
        self.disk = self.room.file('disk', 1 << 20)
        self.file = self.room.file('c.json', content=json.dumps(CONTENT).encode())

    def with_own(self, own):
        return self.room.file('own.json', content=json.dumps({**CONTENT, 'nvmfd': own}).encode())

    def configfs(self, owner):
        """Folders where the kernel would have its target."""
        root = self.room.path / 'nvmet'
        for name in ('', 'hosts', 'ports', 'subsystems'):
            (root / name).mkdir()
            os.chown(root / name, owner, owner)
        return root

    def assert_refused(self, says, *args):
        self.assert_one_sentence(self.room.run('-K', '-d', '-P', '0', *args), says)


class Refusals(KernelCase):

    def test_no_target_in_the_kernel(self):
        for what in (['-c', self.file], [self.disk]):
            self.assert_refused('there is no /nonexistent/nvmet: this kernel has no NVMe target',
                                '--configfs', '/nonexistent/nvmet', *what)

    def test_no_right_to_use_it(self):
        if not self.room.unprivileged:
            self.skipTest('needs root, who becomes nobody')
        self.assert_refused('no right to configure the kernel', '--configfs',
                            str(self.configfs(0)), '-c', self.file)

    def test_what_is_no_target(self):
        self.assert_refused('/ is not the configfs', '--configfs', '/', '-c', self.file)

    def test_what_the_kernel_does_not_serve(self):
        for device in ('ramdisk:1M', 'null:1M', f'delay:ms=1/{self.disk}', f'{self.disk}?ro',
                       f'{self.disk}?bs=4096'):
            self.assert_refused(f"'{device}': the kernel's target can't serve it", device)

    def test_options_that_it_does_not_know(self):
        for name, value in (('engine', 'uring'), ('c2h-success', 'always'), ('nn', '9'),
                            ('max-h2c-data', '8K'), ('rpc-socket', 'rpc')):
            self.assert_refused(f"--{name}: the kernel's target", f'--{name}', value, self.disk)
        file = self.with_own({'engine': 'threads'})
        self.assert_refused("--engine: the kernel's target", '-c', file)

    def test_check_says_what_the_kernel_can_t(self):
        file = self.with_own({'subsystems': [{'nqn': 's', 'addresses': ['192.0.2.0/24']}]})
        ended = self.room.run('--check', '-c', file)
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        self.assert_one_sentence(self.room.run('-K', '--check', '-c', file), 'addresses')
        ended = self.room.run('-K', '--check', '-c', self.file)
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))

    def test_a_start_that_fails_leaves_nothing(self):
        """In folders that are none of the kernel's, the first attribute is not there."""
        root = self.configfs(NOBODY if self.room.unprivileged else os.geteuid())
        for what in (['-c', self.file], ['-n', 'nqn.2026-11.org.example:n', self.disk]):
            self.assert_refused('this kernel has no such setting', '--configfs', str(root), *what)
            self.assertEqual([p.name for p in root.rglob('*') if p.parent != root], [])


if __name__ == '__main__':
    unittest.main()
