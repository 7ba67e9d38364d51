# SPDX-License-Identifier: BSD-2-Clause
"""Which CPU runs what, and how busy each was."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

TICKS = os.sysconf('SC_CLK_TCK')
CPUS = sorted(os.sched_getaffinity(0))
TARGET = CPUS[0]
LOAD = CPUS[-1]


def on(cpu):
    """Arguments for subprocess that tie the child to a CPU."""
    return {'preexec_fn': lambda: os.sched_setaffinity(0, {cpu})}


def go_first(cpu):
    os.sched_setaffinity(0, {cpu})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def first_on(cpu):
    """The same, for one that does little and goes first there, if we may say so."""
    return {'preexec_fn': lambda: go_first(cpu)}


def busy(cpu):
    """Seconds that it worked since some moment, softirq included: those that it did
    not idle.  Linux samples work at ticks, which miss whoever sleeps often; idle
    time is exact."""
    for line in Path('/proc/stat').read_text().splitlines():
        name, *ticks = line.split()
        if name == f'cpu{cpu}':
            _user, _nice, _system, idle, iowait, _irq, _softirq, steal, *_ = map(int, ticks)
            return time.monotonic() - (idle + iowait + steal) / TICKS
    raise ValueError(f'/proc/stat says nothing of CPU {cpu}')


class Loop:
    """An equal who shares the target's CPU for as long as the block lasts."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, '-c', 'while True: pass'], **on(TARGET))

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
