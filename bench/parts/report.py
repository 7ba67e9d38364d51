# SPDX-License-Identifier: BSD-2-Clause
"""The table on the terminal."""

from parts.measure import OURS

SATURATED = 0.95                # of the load's CPU, from which on the load is the limit
COLUMNS = f'{"case":<26}{"floor":>9}{"nvmfd":>9}{"spdk":>9}  {"of floor":<20}of spdk'
HEADS = {
    'alone': 'Each target on a CPU of its own: thousands of I/Os a second; its CPU, us an I/O; how busy '
             "the load's CPU was",
    'shared': "A busy loop shares the target's CPU, so that the target is what limits: thousands of I/Os a second",
}


def better(summary, kind, what, best=max):
    """The peer of this kind (floor, spdk) that does best here; None without any."""
    names = [name for name in summary['peers'] if name.startswith(kind)]
    return best(names, key=lambda name: summary['peers'][name][what]['median'], default=None)


def cell(summary, name, what, scale):
    value = summary['peers'].get(name, {}).get(what)
    return f'{value["median"] / scale:>9.2f}' if value else f'{"-":>9}'


def ratio(summary, name, what):
    value = (summary['ratios'].get(name) or {}).get(what)
    return f'{value["median"]:.2f} ({value["min"]:.2f}-{value["max"]:.2f})' if value else '-'


def line(label, summary, what, scale, best):
    floor, ours, spdk = (better(summary, kind, what, best) for kind in ('floor', OURS, 'spdk'))
    cells = ''.join(cell(summary, name, what, scale) for name in (floor, ours, spdk))
    return (f'{label:<26}{cells}  {ratio(summary, floor, what):<20}{ratio(summary, spdk, what):<20}'
            f'{" ".join(name for name in (floor, ours, spdk) if name not in (None, "floor", OURS))}').rstrip()


def busy_word(name, busy):
    return f'{name} {busy * 100:.0f} %{" (the limit)" if busy >= SATURATED else ""}'


def load_line(summary):
    """How busy the load was: near 100 % it is what limits, not the target."""
    words = [busy_word(name, value['load_busy']['median'])
             for name, value in summary['peers'].items() if 'load_busy' in value]
    return f"    load's CPU: {', '.join(words)}"


def print_head(view, setup):
    print(f'\n{HEADS[view]}\n({setup})\n\n{COLUMNS}', flush=True)


def print_case(case, view, summary):
    print(line(case.name, summary, 'iops', 1000, max), flush=True)
    if view == 'alone':
        print(line('    target, us an I/O', summary, 'cpu_us', 1, min))
        print(load_line(summary), flush=True)


def print_goals(results):
    if results:
        print(f'\n{"goal":<50}{"case":<26}{"figure":>12}{"bound":>12}  met')
    for one in results:
        print(f'{one["goal"]:<50}{one["case"]:<26}{one["figure"]:>12}{one["bound"]:>12}  '
              f'{"yes" if one["met"] else "NO"}')
