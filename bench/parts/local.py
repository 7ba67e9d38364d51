# SPDX-License-Identifier: BSD-2-Clause
"""What the file costs without any network: fio's io_uring engine on such a file."""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from parts import cpu
from parts.peers import SIZE, Peer, PeerError

SETTLED = 0.5                   # seconds until it has started


class Fio(Peer):
    name = 'fio'

    def __init__(self, build):
        self.build, self.folder = build, None

    def takes(self, case):
        return case.setup.storage == 'direct'

    def start(self, setup):
        if setup.storage != 'direct':
            return False
        if not shutil.which('fio'):
            raise PeerError('fio is not there (a Debian package)')
        self.folder = tempfile.TemporaryDirectory(prefix='bench-', dir=self.build)
        with open(self.disk(), 'wb') as file:
            for _ in range(SIZE >> 20):
                file.write(b'\x5a' * (1 << 20))
        return True

    def disk(self):
        return Path(self.folder.name) / 'disk'

    def command(self, case, seconds):
        return ['fio', '--name=local', f'--filename={self.disk()}', '--ioengine=io_uring', '--direct=1',
                '--rw=randrw', f'--rwmixread={case.reads}', f'--bs={case.size}', f'--iodepth={case.depth}',
                '--time_based', f'--runtime={seconds + 2 * SETTLED:.0f}', '--output-format=json']

    def run(self, case, seconds):
        """Its CPU is that of a while in the middle: it takes long to start."""
        process = subprocess.Popen(self.command(case, seconds), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   **cpu.on(cpu.TARGET))
        time.sleep(SETTLED)
        busy, begun = cpu.busy(cpu.TARGET), time.monotonic()
        time.sleep(seconds)
        busy, passed = cpu.busy(cpu.TARGET) - busy, time.monotonic() - begun
        said = process.communicate()[0]
        if process.returncode:
            raise PeerError(f'fio: exit status {process.returncode}')
        job = json.loads(said)['jobs'][0]
        iops = sum(job[way]['iops'] for way in ('read', 'write'))
        ios = sum(job[way]['total_ios'] for way in ('read', 'write'))
        mean = sum(job[way]['clat_ns']['mean'] * job[way]['total_ios'] for way in ('read', 'write')) / ios / 1000
        return {'iops': iops, 'mib_per_second': iops * case.size / (1 << 20), 'latency_us': {'mean': mean},
                'cpu_us': busy * 1e6 / (iops * passed)}

    def stop(self):
        if self.folder:
            self.folder.cleanup()
            self.folder = None
