# SPDX-License-Identifier: BSD-2-Clause
"""Interleaved runs, and what they come to."""

import contextlib
import statistics
import sys
import time

from parts import cpu
from parts.peers import PeerError

OURS = 'nvmfd'
SETTLE = 0.05                   # seconds between two runs
# What a view of a case compares: more is better, or less.
VIEWS = {'alone': ('iops', 'cpu_us'), 'shared': ('iops',)}


def say(text):
    print(text, file=sys.stderr, flush=True)


class Field:
    """The peers that are there for a setup."""

    def __init__(self, peers, setup):
        self.peers = []
        for peer in peers:
            try:
                is_there = peer.start(setup)
            except (PeerError, OSError) as error:
                say(f'bench: {error}')
                is_there = False
            if is_there:
                peer.pause()
                self.peers.append(peer)
            else:
                peer.stop()

    def forget_dead(self):
        """Who failed in one case may do well in the next, unless it is gone."""
        for peer in [peer for peer in self.peers if not peer.is_alive()]:
            say(f'bench: no more of {peer.name} for this setup')
            self.peers.remove(peer)
            peer.stop()

    def close(self):
        for peer in self.peers:
            peer.stop()


def run_once(peer, case, seconds, view):
    """A result, with how busy the load's CPU was: of a load that spins, its own word."""
    busy, begun = cpu.busy(cpu.LOAD), time.monotonic()
    peer.resume()
    try:
        with cpu.Loop() if view == 'shared' else contextlib.nullcontext():
            got = peer.run(case, seconds)
    finally:
        peer.pause()
    got['load_busy'] = got['busy'] if 'busy' in got else (cpu.busy(cpu.LOAD) - busy) / (time.monotonic() - begun)
    time.sleep(SETTLE)
    return got


def run_case(field, case, view, pairs, seconds):
    """Rounds of every peer in turn: name -> list of results."""
    results = {peer.name: [] for peer in field.peers if peer.takes(case)}
    for _ in range(pairs):
        for peer in [peer for peer in field.peers if peer.name in results]:
            try:
                results[peer.name].append(run_once(peer, case, seconds, view))
            except (PeerError, OSError, ValueError) as error:
                say(f'bench: {error}')
                del results[peer.name]
    field.forget_dead()
    return results


def spread(values):
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values)}


def figure(result, name):
    return result['latency_us'].get(name[4:]) if name.startswith('lat_') else result.get(name)


def figures(results):
    names = ('iops', 'mib_per_second', 'cpu_us', 'load_busy', 'lat_mean', 'lat_p99')
    return {name: spread(values) for name in names
            if (values := [value for result in results if (value := figure(result, name)) is not None])}


def ratios(mine, theirs, name):
    """Of each pair, ours to theirs."""
    pairs = [(figure(a, name), figure(b, name)) for a, b in zip(mine, theirs) if figure(b, name)]
    return spread([a / b for a, b in pairs]) if pairs else None


def ours(results):
    """There is one of us in a case, polling or not."""
    return next((runs for name, runs in results.items() if name.startswith(OURS)), [])


def sum_up(results, view):
    """Medians and ranges of each peer, and of the paired ratios to the others."""
    mine = ours(results)
    return {
        'peers': {name: figures(runs) for name, runs in results.items() if runs},
        'ratios': {name: {what: ratios(mine, runs, what) for what in VIEWS[view]}
                   for name, runs in results.items() if not name.startswith(OURS) and mine and runs},
    }
