# SPDX-License-Identifier: BSD-2-Clause
"""nvmfd beside what Debian's packages have, in the guest of the interop tests."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parts import cpu
from parts.measure import spread
from parts.peers import PeerError

HERE = Path(__file__).resolve().parent
LINUX = HERE.parents[1] / 'tests/interop/linux'
PACKAGES = 'nbdkit nbd-client'      # of this guest alone, unpacked in it and nowhere else
# The guest has one CPU, and so has it of the machine: on two, a process with threads costs
# ten times as much in User-Mode Linux, and each of its system calls waits for an idle CPU
# of the machine to wake.  That would be measured instead of the targets.
CPUS = 1
MEMORY_MIB = 1024                   # the disks of the three beside each other
DISK_MIB = 64
ROUND_DEADLINE = 200
SHM = '/dev/shm'                    # the guest's memory is a file of User-Mode Linux
TARGETS = {
    'nvmfd': 'nvmfd, RAM disk; the kernel\'s NVMe/TCP host',
    'nvmet': 'the kernel\'s target (nvmet-tcp) with brd; the kernel\'s NVMe/TCP host',
    'nbdkit': 'nbdkit, memory plugin; the kernel\'s NBD client',
}
FIGURES = ('iops', 'latency_us', 'guest_cpu_us', 'server_cpu_us')


@dataclass(frozen=True)
class Sample:
    """What guest.sh looks at, twice in each run of fio."""
    moment: float               # seconds
    idle: int                   # ticks, of all CPUs
    ran: int                    # ticks, of the server's process
    ios: int

    @classmethod
    def read(cls, text):
        moment, idle, ran, ios = text.split('/')
        return cls(float(moment), int(idle), int(ran), int(ios))


def build_guest(kind):
    """Its folder; it is built once and kept."""
    where = {'GUEST_PACKAGES': PACKAGES, **({'GUEST_KIND': kind} if kind else {})}
    done = subprocess.run([LINUX / 'mk-guest'], stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, **where})
    if done.returncode:
        raise PeerError('guest: it could not be built')
    return Path(done.stdout.strip())


def bundle(program, folder):
    """The program with its libraries, for a user land that has others."""
    done = subprocess.run(['bash', '-c', '. "$1"; bundle "$2" "$3"', '-', LINUX / 'lib.sh', program, folder],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f'guest: nvmfd can\'t be packed up: {done.stderr.strip()}')


def figures_of(before, after, said, machine):
    """Of one run: IOPS as fio counts them, CPU of the while between the samples."""
    job = said['jobs'][0]
    ways = [job[way] for way in ('read', 'write') if job[way]['total_ios']]
    ios, passed = after.ios - before.ios, after.moment - before.moment
    if job['error'] or not ways or ios <= 0:
        raise PeerError('guest: fio did no I/O')
    ticks = int(machine['ticks'])
    busy = int(machine['CPUs']) * passed - (after.idle - before.idle) / ticks
    return {
        'iops': sum(way['iops'] for way in ways),
        'latency_us': ways[0]['lat_ns']['mean'] / 1000,
        'guest_cpu_us': busy * 1e6 / ios,
        'server_cpu_us': (after.ran - before.ran) / ticks * 1e6 / ios,
    }


def read_round(text):
    """What a guest printed: what it is, and target -> case -> figures."""
    machine, found = {}, {}
    for line in text.splitlines():
        kind, _, rest = line.partition(' ')
        if kind == 'about':
            machine = dict(word.split('=', 1) for word in rest.split())
        elif kind == 'sample':
            target, case, before, after, said = rest.split(' ', 4)
            found.setdefault(target, {})[case] = figures_of(Sample.read(before), Sample.read(after), json.loads(said),
                                                            machine)
    return machine, found


def kind_of(guest):
    return (guest / 'kind').read_text().strip()


def run_round(guest, nvmfd, seconds, targets):
    command = [LINUX / 'run-guest', '-t', ROUND_DEADLINE, '-c', CPUS, '-m', MEMORY_MIB, '-d', guest,
               *(word for file in (LINUX / 'lib.sh', HERE / 'guest.fio', nvmfd) for word in ('-f', file)),
               HERE / 'guest.sh', seconds, DISK_MIB, *targets]
    where = {'TMPDIR': SHM} if os.access(SHM, os.W_OK) else {}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          env={**os.environ, **where}, **cpu.on(cpu.TARGET))
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(('sample', 'about'))]
        raise PeerError(f'guest: status {done.returncode}: {" / ".join(words[-6:])}')
    return read_round(done.stdout)


def in_turn(number):
    """Who comes first changes from round to round."""
    names = list(TARGETS)
    first = number % len(names)
    return names[first:] + names[:first]


def measure(build, kind, rounds, seconds, say):
    """The guest, and of each round target -> case -> figures."""
    guest, machine, results = build_guest(kind), {}, []
    with tempfile.TemporaryDirectory(prefix='bench-', dir=build) as folder:
        nvmfd = Path(folder) / 'nvmfd'
        bundle(build / 'nvmfd/nvmfd', nvmfd)
        for number in range(rounds):
            machine, found = run_round(guest, nvmfd, seconds, in_turn(number))
            results.append(found)
            say(f'round {number + 1} of {rounds}')
    return {**machine, 'kind': kind_of(guest)}, results


def sum_up(results):
    """case -> target -> figure -> median and range."""
    cases = dict.fromkeys(case for found in results for runs in found.values() for case in runs)
    return {case: {target: {name: spread([found[target][case][name] for found in results]) for name in FIGURES}
                   for target in TARGETS} for case in cases}
