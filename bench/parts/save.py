# SPDX-License-Identifier: BSD-2-Clause
"""Results as files: JSON and charts."""

import dataclasses
import json

from parts import chart, machine
from parts.measure import OURS
from parts.report import better

# file, view, what, how many of a unit, which of a kind is better, title
CHARTS = [
    ('throughput.svg', 'alone', 'iops', 1000, max, 'I/Os a second, in thousands; more is better'),
    ('cpu.svg', 'alone', 'cpu_us', 1, min, "The target's CPU, us an I/O; less is better"),
    ('shared.svg', 'shared', 'iops', 1000, max,
     "I/Os a second, in thousands, with a busy loop on the target's CPU; more is better"),
]


def as_dict(case):
    return dataclasses.asdict(case)


def bars_of(summary, what, scale, best):
    bars = []
    for kind in ('floor', OURS, 'spdk'):
        name = better(summary, kind, what, best)
        value = summary['peers'].get(name, {}).get(what)
        if value:
            words = f'{value["median"] / scale:.1f}' + (f' {name}' if name != kind else '')
            bars.append((kind, words, value))
    return bars


def groups_of(rows, view, what, scale, best):
    groups = [(row['case']['name'], bars_of(row['summary'], what, scale, best))
              for row in rows if row['view'] == view]
    return [(name, bars) for name, bars in groups if bars]


def is_same(row, other):
    return row['view'] == other['view'] and row['case']['name'] == other['case']['name']


def added(folder, names, rows, idle, crowd):
    """What is saved there, with what has been measured now in its place; the rows in the order of `names`."""
    try:
        old = json.loads((folder / 'results.json').read_text())
    except FileNotFoundError:
        return rows, idle, crowd
    kept = [row for row in old['rows'] if row['case']['name'] in names and not any(is_same(row, new) for new in rows)]
    ordered = sorted(kept + rows, key=lambda row: (row['view'], names.index(row['case']['name'])))
    return ordered, idle or old['idle'], {**old['crowd'], **crowd}


def a_line_each(things):
    return '[\n' + ',\n'.join(json.dumps(one) for one in things) + '\n]'


def as_text(about, rows, idle, crowd, goals):
    """JSON of which what is measured anew changes few lines."""
    parts = {'machine': json.dumps(about), 'goals': a_line_each(goals), 'rows': a_line_each(rows),
             'idle': a_line_each(idle), 'crowd': json.dumps(crowd)}
    return '{' + ',\n'.join(f'"{name}": {text}' for name, text in parts.items()) + '}\n'


def save(folder, about, rows, idle, crowd, goals):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'results.json').write_text(as_text(about, rows, idle, crowd, goals))
    for name, view, what, scale, best, title in CHARTS:
        groups = groups_of(rows, view, what, scale, best)
        if groups:
            (folder / name).write_text(chart.draw(title, machine.sentence(about), groups))
