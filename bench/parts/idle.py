# SPDX-License-Identifier: BSD-2-Clause
"""What connections cost that say nothing but keep alives."""

import sys
import time
from pathlib import Path

from parts.cases import Setup
from parts.peers import NQN, Nvmfd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tests/proto'))
import nvmetcp      # noqa: E402
import wire         # noqa: E402

IDLE = [1, 100, 1000]
QUEUES = 3                      # I/O queues of one controller, at most
KEEP_ALIVE = 1.0                # seconds between two of a controller
WATCHED = 5                     # seconds
QUIET = 10                      # seconds that nobody is connected


class Idler(Nvmfd):
    """nvmfd with nothing to serve; nobody fills it."""

    def device(self, setup):
        return 'ramdisk:1M'

    def perf(self, *options, timeout=0):
        return {}

    def memory(self, name):
        """Kilobytes: Rss or Pss."""
        rows = Path(f'/proc/{self.process.pid}/smaps_rollup').read_text().splitlines()[1:]
        return int(dict(row.split(':') for row in rows)[name].split()[0])

    def ran_ns(self):
        """Of its threads.  Who made a system call has run."""
        threads = Path(f'/proc/{self.process.pid}/task').iterdir()
        return sum(int((thread / 'schedstat').read_text().split()[0]) for thread in threads)

    def worked(self):
        return self.ran_ns() / 1e9


class Holder:
    """Holds connections and keeps their controllers alive."""

    def __init__(self, port):
        self.address = ('127.0.0.1', int(port))
        self.controllers, self.count = [], 0

    def grow(self, wanted):
        while self.count < wanted:
            controller = nvmetcp.Controller(self.address, NQN, kato=60000)
            self.controllers.append(controller)
            queues = min(QUEUES, wanted - self.count - 1)
            if queues:
                controller.io_queues(queues)
            self.count += 1 + queues

    def keep_alive(self, seconds):
        """How many keep alives that were."""
        end, sent = time.monotonic() + seconds, 0
        while (now := time.monotonic()) < end:
            for controller in self.controllers:
                controller.admin.run(wire.Sqe(wire.Admin.KEEP_ALIVE))
            sent += len(self.controllers)
            time.sleep(max(0, now + KEEP_ALIVE - time.monotonic()))
        return sent

    def close(self):
        for controller in self.controllers:
            controller.close()


def watch(target, holder, empty):
    """A row: what the connections that are there cost."""
    worked, begun = target.worked(), time.monotonic()
    sent = holder.keep_alive(WATCHED)
    passed = time.monotonic() - begun
    return {'connections': holder.count, 'rss_kib': target.memory('Rss'), 'pss_kib': target.memory('Pss'),
            'pss_kib_per_connection': (target.memory('Pss') - empty) / holder.count,
            'keep_alives_per_second': sent / passed,
            'percent_of_a_core': (target.worked() - worked) / passed * 100}


def watch_alone(target):
    """A row: whether it does anything while nobody is connected."""
    time.sleep(1)
    before = target.ran_ns()
    time.sleep(QUIET)
    return {'connections': 0, 'ran_ns': target.ran_ns() - before, 'seconds': QUIET,
            'rss_kib': target.memory('Rss'), 'pss_kib': target.memory('Pss')}


def measure(build, options):
    """Rows for the table and for the file."""
    target, rows = Idler(build, options), []
    print(f'\n{"idle connections":>17}{"Rss KiB":>10}{"Pss KiB":>10}{"a connection":>14}{"keep alives/s":>15}'
          f'{"of a core":>11}')
    try:
        target.start(Setup())
        rows.append(watch_alone(target))
        holder, empty = Holder(target.port), target.memory('Pss')
        print(f'{0:>17}{target.memory("Rss"):>10}{empty:>10}    ran {rows[0]["ran_ns"]} ns in {QUIET} s')
        for wanted in IDLE:
            holder.grow(wanted)
            row = watch(target, holder, empty)
            rows.append(row)
            print(f'{row["connections"]:>17}{row["rss_kib"]:>10}{row["pss_kib"]:>10}'
                  f'{row["pss_kib_per_connection"]:>14.1f}{row["keep_alives_per_second"]:>15.0f}'
                  f'{row["percent_of_a_core"]:>10.2f}%', flush=True)
        holder.close()
    finally:
        target.stop()
    return rows
