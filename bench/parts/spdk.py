# SPDX-License-Identifier: BSD-2-Clause
"""SPDK's target, given its best: a release build (SPDK=its folder), huge pages,
zero copy between its transport and its memory, either kind of sockets."""

import json
import socket
from pathlib import Path

from parts import cpu, machine
from parts.peers import IN_CAPSULE, NQN, SIZE, PeerError, Target

RPC_DEADLINE = 60
MEMORY = 1024                   # MiB, in huge pages


class Rpc:
    """JSON-RPC over the target's socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(RPC_DEADLINE)
        self.socket.connect(str(path))

    def call(self, method, **params):
        request = {'jsonrpc': '2.0', 'id': 1, 'method': method, **({'params': params} if params else {})}
        self.socket.sendall(json.dumps(request).encode())
        said = b''
        while True:
            part = self.socket.recv(65536)
            if not part:
                raise PeerError(f'spdk: it left amid {method}')
            said += part
            try:
                answer = json.loads(said)
            except ValueError:
                continue
            if 'error' in answer:
                raise PeerError(f'spdk: {method}: {answer["error"].get("message")}')
            return answer['result']


class Spdk(Target):
    def __init__(self, build, folder, sockets, number):
        super().__init__(build)
        self.program = Path(folder) / 'build/bin/nvmf_tgt'
        self.sockets, _, self.zero_copy = sockets.partition('+')
        self.name = f'spdk-{sockets}'
        self.port = str(44210 + number)
        self.rpc = None

    def rpc_path(self):
        return Path(self.folder.name) / 'rpc'

    def start(self, setup):
        # Its file devices always go past the page cache.
        if setup.storage == 'cached':
            return False
        if not self.program.exists():
            raise PeerError(f'{self.name}: there is no {self.program}')
        if machine.huge_pages('Free') < MEMORY // 2:
            raise PeerError(f'{self.name}: it takes {MEMORY // 2} free huge pages; '
                            'echo 1024 > /proc/sys/vm/nr_hugepages is enough for both kinds of sockets')
        return super().start(setup)

    def command(self, setup):
        return [self.program, '-m', hex(1 << cpu.TARGET), '--no-pci', '--disable-cpumask-locks', '-s', MEMORY,
                '-r', self.rpc_path(), '--wait-for-rpc']

    def connect_rpc(self):
        if not self.rpc_path().exists():
            return False
        try:
            self.rpc = Rpc(self.rpc_path())
        except OSError:
            return False
        return True

    def prepare(self, setup):
        self.wait_until(self.connect_rpc, 'it did not start')
        try:
            self.configure(setup)
        except OSError as error:
            raise PeerError(f'{self.name}: {error}; {self.last_words()}') from error

    def configure(self, setup):
        call = self.rpc.call
        call('sock_impl_set_options', impl_name=self.sockets, enable_zerocopy_send_server=bool(self.zero_copy))
        call('sock_set_default_impl', impl_name=self.sockets)
        call('framework_start_init')
        call('framework_wait_init')
        call('nvmf_create_transport', trtype='TCP', max_queue_depth=setup.entries, in_capsule_data_size=IN_CAPSULE,
             zcopy=True, c2h_success=not setup.responses)
        self.create_device(setup)
        call('nvmf_create_subsystem', nqn=NQN, allow_any_host=True, serial_number='BENCH')
        call('nvmf_subsystem_add_ns', nqn=NQN, namespace={'bdev_name': 'disk'})
        call('nvmf_subsystem_add_listener', nqn=NQN, listen_address={
            'trtype': 'TCP', 'adrfam': 'IPv4', 'traddr': '127.0.0.1', 'trsvcid': self.port})

    def create_device(self, setup):
        if setup.storage == 'memory':
            self.rpc.call('bdev_malloc_create', name='disk', num_blocks=SIZE // 512, block_size=512)
        elif self.sockets == 'uring':
            self.rpc.call('bdev_uring_create', name='disk', filename=str(self.storage_file()), block_size=4096)
        else:
            self.rpc.call('bdev_aio_create', name='disk', filename=str(self.storage_file()), block_size=4096)

    def busy(self):
        """It polls, so its CPU is always busy: its own counters tell the turns that found work."""
        got = self.rpc.call('framework_get_reactors')
        return sum(reactor['busy'] for reactor in got['reactors']) / got['tick_rate']
