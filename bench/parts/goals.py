# SPDX-License-Identifier: BSD-2-Clause
"""What is to be reached, and whether it was."""

import fnmatch
from dataclasses import dataclass

from parts import measure
from parts.report import better


@dataclass(frozen=True)
class Goal:
    """A ratio within one view: nvmfd's figure to the best of a kind of peers."""
    words: str
    cases: tuple                # patterns
    peer: str                   # spdk or floor
    view: str
    figure: str
    least: float = 0            # of times as good ...
    most: float = 0             # ... or of times as much


DEEP = ('*-4k-d128', '*-4k-8-connections')
D32 = ('read-4k-d32', 'write-4k-d32', 'mixed-4k-d32')
BULK = ('*-128k-d8',)
BULK_8 = ('*-128k-8-connections',)


def times_spdk(words, names, least):
    return [Goal(f'{words}: I/Os of a CPU second', names, 'spdk', 'alone', 'cpu_us', least=least),
            Goal(f'{words}: throughput, target saturated', names, 'spdk', 'shared', 'iops', least=least)]


GOALS = [
    *times_spdk('4 KiB, depth 128 and 8 x 32', DEEP, 1.5),
    *times_spdk('4 KiB, one connection, depth 32', D32, 1.25),
    *times_spdk('128 KiB, depth 8', BULK, 1.0),
    *times_spdk('128 KiB, 8 connections', BULK_8, 1.15),
    Goal('latency of SPDK, both spinning', ('*-4k-d1-spin',), 'spdk', 'alone', 'lat_mean', most=0.85),
    Goal('latency of the floor, both sleeping', ('*-4k-d1',), 'floor', 'alone', 'lat_mean', most=1.1),
    Goal('CPU of the floor', ('*-4k-d1', '*-4k-d32', '*-4k-d128', '*-128k-d8', '*-connections'), 'floor', 'alone',
         'cpu_us', most=1.25),
    Goal('throughput of SPDK, file, direct', ('read-4k-d32-direct',), 'spdk', 'alone', 'iops', least=1.0),
]


def verdict(words, case, figure, bound, is_met):
    return {'goal': words, 'case': case, 'figure': figure, 'bound': bound, 'met': is_met}


def peer_of(goal, summary):
    """The sleeping floor beside what sleeps, of SPDK the better sockets."""
    if goal.peer == 'floor':
        return 'floor' if 'floor' in summary['peers'] else None
    return better(summary, goal.peer, goal.figure, max if goal.figure == 'iops' else min)


def judge_case(goal, row):
    """None: it was not measured."""
    theirs = peer_of(goal, row['summary'])
    ratio = theirs and measure.ratios(measure.ours(row['runs']), row['runs'][theirs], goal.figure)
    if not ratio:
        return None
    value = ratio['median']
    if goal.most:
        return verdict(goal.words, row['case']['name'], f'{value:.2f}', f'<= {goal.most}', value <= goal.most)
    value = value if goal.figure == 'iops' else 1 / value
    return verdict(goal.words, row['case']['name'], f'{value:.2f}', f'>= {goal.least}', value >= goal.least)


def judge_ratios(rows):
    for goal in GOALS:
        for row in rows:
            if row['view'] == goal.view and any(fnmatch.fnmatch(row['case']['name'], name) for name in goal.cases):
                yield judge_case(goal, row)


# ---- what is no ratio of two peers in one case

class Medians:
    """CPU of an I/O, by case and kind of peer."""

    def __init__(self, rows):
        self.rows = {row['case']['name']: row['summary'] for row in rows if row['view'] == 'alone'}

    def cpu(self, case, kind):
        name = better(self.rows[case], kind, 'cpu_us', min) if case in self.rows else None
        return self.rows[case]['peers'][name]['cpu_us']['median'] if name else None


def judge_digests(medians):
    """What they add to the CPU of an I/O, in percent of it."""
    for case in [name for name in medians.rows if name.endswith('-digests')]:
        costs = {}
        for kind in (measure.OURS, 'spdk'):
            with_them, without = (medians.cpu(name, kind) for name in (case, case.removesuffix('-digests')))
            if with_them and without:
                costs[kind] = (with_them / without - 1) * 100
        if measure.OURS not in costs:
            continue
        ours = costs[measure.OURS]
        if '-4k-' in case:
            yield verdict('digests add to the CPU', case, f'{ours:.0f} %', '<= 15 %', ours <= 15)
        if 'spdk' in costs:
            yield verdict('digests add no more than to SPDK', case, f'{ours:.0f} %', f'<= {costs["spdk"]:.0f} %',
                          ours <= costs['spdk'])


def judge_file(medians):
    """What the network adds to a file costs no more than the whole of a RAM disk's."""
    whole, local, memory = (medians.cpu(case, kind) for case, kind in (
        ('read-4k-d32-direct', measure.OURS), ('read-4k-d32-direct', 'fio'), ('read-4k-d32', measure.OURS)))
    if whole and local and memory:
        yield verdict('CPU added to a file, direct', 'read-4k-d32-direct', f'{whole - local:.2f} us',
                      f'<= {memory:.2f} us', whole - local <= memory)


def judge_idle(rows):
    for row in rows:
        if row['connections'] == 0:
            yield verdict('idle, nobody connected: ran', 'idle', f'{row["ran_ns"]} ns', '0 ns', row['ran_ns'] == 0)
        elif row['connections'] >= 1000:
            core, memory = row['percent_of_a_core'], row['pss_kib_per_connection']
            yield verdict('idle connections: of a core', 'idle', f'{core:.2f} %', '< 1 %', core < 1)
            yield verdict('idle connections: Pss of each', 'idle', f'{memory:.1f} KiB', '<= 32 KiB', memory <= 32)


def judge_crowd(crowd):
    if 'fairness' in crowd:
        times = crowd['fairness']['times']
        yield verdict("a reader's p99 beside a writer", 'fairness', f'{times:.1f} x', '<= 5 x', times <= 5)
    if 'flood' in crowd:
        flood = crowd['flood']
        grown, kept, most = flood['grown_mib'], flood['kept_mib'], flood['buffers_mib']
        yield verdict('memory under a flood', 'flood', f'{grown:.1f} MiB', f'<= {most} MiB', grown <= most)
        yield verdict('... given back afterwards', 'flood', f'{kept:.1f} MiB', f'<= {most / 16:.0f} MiB',
                      kept <= most / 16)
        least = flood['least_writes']
        yield verdict('... and nobody starves: least writes', 'flood', f'{least}', '> 0', least > 0)


def judge(rows, idle_rows, crowd):
    """A verdict for each goal and case that were measured."""
    medians = Medians(rows)
    found = [*judge_ratios(rows), *judge_digests(medians), *judge_file(medians), *judge_idle(idle_rows),
             *judge_crowd(crowd)]
    return [one for one in found if one]
