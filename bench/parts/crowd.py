# SPDX-License-Identifier: BSD-2-Clause
"""Hosts beside each other: a small reader beside a great writer, and many great
writers at once."""

import json
import statistics
import subprocess
import time
from pathlib import Path

from parts import cpu
from parts.cases import Setup
from parts.peers import NQN, Nvmfd, PeerError

ROUNDS = 5
SECONDS = 2                     # that the reader measures
WARM = 0.7                      # until the writer is at it
FLOOD_HOSTS, FLOOD_DEPTH, FLOOD_SIZE = 64, 128, 1 << 20
FLOOD_SECONDS = 10
BUFFERS_MIB = 64                # what nvmfd may take for data under way
SAMPLE = 0.2
GIVEN_BACK = 10                 # seconds after the flood


def pss_mib(process):
    rows = Path(f'/proc/{process.pid}/smaps_rollup').read_text().splitlines()[1:]
    return int(dict(row.split(':') for row in rows)['Pss'].split()[0]) / 1024


def host(target, name, *options, first=False):
    """A host of its own as a process.  `first`: it waits for the target alone, on whose
    CPU it goes first; on the load's it would wait for the other host's sends."""
    command = [target.build / 'tools/nvmf/nvmf', 'perf', '-a', '127.0.0.1', '-s', target.port, '-n', NQN, '--json',
               '-q', f'nqn.2026-11.org.example:{name}', '--quiet', '--threads', 1, *options]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, **(cpu.first_on(cpu.TARGET) if first else cpu.on(cpu.LOAD)))


def result(process):
    out, err = process.communicate(timeout=300)
    if process.returncode:
        raise PeerError(f'nvmf perf: {err.strip()}')
    return json.loads(out)


# ---- fairness

def reader_p99(target):
    return result(host(target, 'reader', '--depth', 1, '--time', SECONDS, first=True))['latency_us']['p99']


def beside_writer(target):
    writer = host(target, 'writer', '--size', 131072, '--depth', 128, '--mix', 0, '--time', SECONDS + 2)
    time.sleep(WARM)
    try:
        return reader_p99(target)
    finally:
        result(writer)


def measure_fairness(target):
    pairs = [(reader_p99(target), beside_writer(target)) for _ in range(ROUNDS)]
    alone, beside = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    times = statistics.median(b / a for a, b in pairs)
    print(f'\nfairness: p99 of 4 KiB reads at depth 1: {alone:.0f} us alone, {beside:.0f} us beside 128 KiB writes '
          f'at depth 128: {times:.1f} times', flush=True)
    return {'p99_alone_us': alone, 'p99_beside_us': beside, 'times': times, 'pairs': pairs}


# ---- memory

def watch_flood(target, hosts):
    seen = []
    while any(one.poll() is None for one in hosts):
        seen.append(pss_mib(target.process))
        time.sleep(SAMPLE)
    return seen


def measure_flood(target):
    before = pss_mib(target.process)
    hosts = [host(target, f'flood{number}', '--size', FLOOD_SIZE, '--depth', FLOOD_DEPTH, '--mix', 0,
                  '--time', FLOOD_SECONDS) for number in range(FLOOD_HOSTS)]
    seen = watch_flood(target, hosts)
    writes = [result(one)['writes'] for one in hosts]
    time.sleep(GIVEN_BACK)
    row = {'before_mib': before, 'most_mib': max(seen), 'grown_mib': max(seen) - before, 'buffers_mib': BUFFERS_MIB,
           'kept_mib': pss_mib(target.process) - before, 'least_writes': min(writes), 'most_writes': max(writes),
           'pss_mib': seen}
    print(f'\nflood of {FLOOD_HOSTS} hosts: Pss {before:.0f} MiB, at most {row["grown_mib"]:.1f} more '
          f'(buffers: {BUFFERS_MIB}), {row["kept_mib"]:.1f} more {GIVEN_BACK} s afterwards; '
          f'1 MiB writes of a host: {row["least_writes"]} to {row["most_writes"]}', flush=True)
    return row


MEASURES = {'fairness': measure_fairness, 'flood': measure_flood}


def measure(build, options, names):
    """Name -> figures, of those that could be measured."""
    target, got = Nvmfd(build, ['--buffers', f'{BUFFERS_MIB}M', *options]), {}
    try:
        if names:
            target.start(Setup())
        for name in names:
            got[name] = MEASURES[name](target)
    finally:
        target.stop()
    return got
