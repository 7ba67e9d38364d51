# SPDX-License-Identifier: BSD-2-Clause
"""What was measured in a guest, as a table in Markdown and as JSON."""

import json

from parts import machine
from parts.guest import TARGETS

KINDS = {
    'uml': 'User-Mode Linux: the guest is a process of the machine, and each of its system calls costs two '
           'switches between processes',
    'trixie': 'QEMU without KVM: every instruction of the guest is translated',
    'backports': 'QEMU without KVM: every instruction of the guest is translated',
}
HEAD = '''<!-- SPDX-License-Identifier: BSD-2-Clause -->
<!-- Written by bench/guest --save; the figures of all rounds are in guest.json. -->
# Beside what Debian's packages have, in a guest

**These are figures of an emulated machine.** They say which of the three does more with
the same guest, and nothing of what any of them does on hardware: system calls, page
tables and wakeups cost many times what they cost there, copying next to nothing more.
`make bench` measures nvmfd on the machine itself.
'''
FOOT = '''## How to read it

- One guest serves itself over its own loopback. nvmfd serves a RAM disk and the kernel's target (nvmet-tcp,
  configured by `nvmfd -K`) a brd disk, both to the kernel's NVMe/TCP host with one I/O queue; nbdkit serves its
  memory plugin to the kernel's NBD client with one connection, over TCP like the others. All else is as it comes.
- Each disk is filled first. The same fio job file asks all three (`bench/parts/guest.fio`: libaio, direct,
  random), `{seconds} s` each; every round is a boot, and who comes first changes from round to round.
- A figure is the median of the rounds, with least and most.
- CPU of the guest an I/O: what its CPUs did not idle between two samples amid the run, by the I/Os that the
  block device did meanwhile: server, client, network and fio together, which is the only figure that treats a
  server in the kernel and one in a process alike.
- CPU of the server an I/O: time of its process, in user and kernel mode; on loopback the receiving side's
  network work partly runs in the sender's time. The kernel's target has no process of its own.
- Ranges that overlap mean that nothing can be said.
'''
UNITS = (('IOPS', 'iops', '{:,.0f}'), ('latency, us', 'latency_us', '{:,.0f}'),
         ('CPU of the guest, us an I/O', 'guest_cpu_us', '{:,.1f}'),
         ('CPU of the server, us an I/O', 'server_cpu_us', '{:,.1f}'))


def cell(value, form):
    if not value['max']:
        return '-'
    median, least, most = (form.format(value[name]) for name in ('median', 'min', 'max'))
    return f'{median} ({least}-{most})'


def table(summary, words, figure, form):
    yield f'| {words} | {" | ".join(TARGETS)} |'
    yield f'|---|{"---|" * len(TARGETS)}'
    for case, targets in summary.items():
        yield f'| `{case}` | {" | ".join(cell(targets[name][figure], form) for name in TARGETS)} |'
    yield ''


def section(result):
    """The lines of a guest of one kind."""
    inside = dict(result['guest'])
    kind, ticks = inside.pop('kind'), inside.pop('ticks')
    del ticks
    yield f'## {KINDS[kind].partition(":")[0]}'
    yield ''
    yield f'{KINDS[kind]}. In the guest: {", ".join(f"{name} {what}" for name, what in inside.items())}.'
    yield f'{result["machine"]["rounds"]} rounds; the machine: {machine.sentence(result["machine"])}.'
    yield ''
    for words, figure, form in UNITS:
        yield from table(result['summary'], words, figure, form)


def save(folder, result):
    """Beside what was saved of guests of other kinds."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'guest.json'
    results = json.loads(path.read_text()) if path.exists() else {}
    results[result['guest']['kind']] = result
    path.write_text(json.dumps(results, indent=1) + '\n')
    lines = [line for one in results.values() for line in section(one)]
    foot = FOOT.replace('{seconds}', str(result['machine']['seconds']))
    (folder / 'guest.md').write_text(HEAD + '\n' + '\n'.join(lines) + '\n' + foot)
