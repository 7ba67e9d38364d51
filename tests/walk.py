#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""HACKING.md opens with the walk of one Read of 4 KiB: is it still true?

usage: walk.py SOURCE-DIR

Each step is a line `N. `FILE:FUNCTION` - ...`.  The functions must stand in their
files, and one Read must come by them in this order: nvmfd runs under gdb with a
breakpoint on each.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / 'proto')]

import daemon                           # noqa: E402
import wire                             # noqa: E402
from nvmetcp import Controller          # noqa: E402
from tap import Tap                     # noqa: E402

MOST = 12
BLOCKS = 4096 // 512
STEP = re.compile(r'^(\d+)\. `([\w/.]+):(\w+)`', re.M)
NAMED = re.compile(r'`(\w+)\(\)`')
CALL = r'^(?:[\w*]+[ \t*]+)+\*?{}\('      # a definition: its line begins at the margin
END = 30                                # seconds that nvmfd and gdb may take to end


def opening(source):
    """The first section of HACKING.md."""
    return (source / 'HACKING.md').read_text().split('\n## ')[1]


def check_form(section):
    numbers = [int(number) for number, _, _ in STEP.findall(section)]
    wrong = []
    if not numbers:
        wrong.append('HACKING.md does not open with the walk: '
                     'its first section needs lines like "1. `FILE:FUNCTION` ..."')
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append(f'number the steps from 1 on: they are {numbers}')
    if len(numbers) > MOST:
        wrong.append(f'make it {MOST} steps at most: they are {len(numbers)}')
    return wrong


def defines(path, function):
    return path.is_file() and re.search(CALL.format(function), path.read_text(), re.M)


def check_places(source, places):
    return [f'step {number}: there is no function {function} in {file}; '
            'name the one that does its work now'
            for number, (file, function) in enumerate(places, 1)
            if not defines(source / file, function)]


def check_names(source, section):
    """Functions that the sentences name in passing."""
    code = '\n'.join(path.read_text() for folder in ('lib', 'nvmfd')
                     for path in sorted((source / folder).rglob('*.[ch]')))
    return [f'the walk speaks of {name}(), which is nowhere in lib/ and nvmfd/'
            for name in NAMED.findall(section) if not re.search(rf'\b{name}\(', code)]


# ---- one Read ------------------------------------------------------------------------


class Traced:
    """nvmfd under gdb, which writes down where it comes by."""

    def __init__(self, places):
        self.room = daemon.Room()
        self.log = self.room.path / 'walk.log'
        self.said = self.room.path / 'gdb.out'
        self.pidfile = self.room.path / 'pid'
        script = shutil.copy(HERE / 'walk_gdb.py', self.room.path)
        self.room.environment.update(WALK=' '.join(places), WALK_LOG=str(self.log),
                                     ASAN_OPTIONS='detect_leaks=0')
        ports = self.room.path / 'ports'
        with open(self.said, 'wb') as said:
            self.gdb = subprocess.Popen(
                ['gdb', '-nx', '-q', '-batch', '-return-child-result', '-x', script, '--args',
                 self.room.nvmfd, '-d', '-p', '0', '-P', '0', '--listen', '127.0.0.1',
                 '--ports-file', str(ports), '--pidfile', str(self.pidfile),
                 '--workers', '1', '-n', daemon.NQN, 'ramdisk:1M'],
                stdout=said, stderr=said, **self.room.how())
        try:
            self.port = daemon.read_ports(ports, self.check_alive)['io']
        except BaseException:
            self.leave()
            raise

    def check_alive(self):
        if self.gdb.poll() is not None:
            raise daemon.DaemonError(self.said.read_text(errors='replace'))

    def walked(self):
        return self.log.read_text().splitlines()

    def read(self):
        """Where nvmfd came by since one Read was sent, until it was answered."""
        with Controller(('127.0.0.1', self.port), daemon.NQN) as controller:
            queue, = controller.io_queues(1)
            before = len(self.walked())
            answer = queue.run(wire.read(1, 0, BLOCKS, 0), length=4096)
            assert len(answer.data) == 4096, answer
            return [line.split()[1] for line in self.walked()[before:]]

    def end(self):
        os.kill(int(self.pidfile.read_text()), signal.SIGTERM)
        status = self.gdb.wait(END)
        return [] if status == 0 else [f'nvmfd ended with {status}', self.said.read_text()]

    def leave(self):
        if self.gdb.poll() is None:
            self.gdb.kill()
            self.gdb.wait()
        self.room.remove()


def turns(walked, first):
    """The first time that each place was passed, for each turn of the loop."""
    found = []
    for place in walked:
        if place == first or not found:
            found.append([])
        if place not in found[-1]:
            found[-1].append(place)
    return found


def check_order(places, walked):
    """`walked` must hold the walk; else what is wrong with the turn that is most like it."""
    found = max(turns(walked, places[0]), key=len, default=[])
    if found == places:
        return []
    wrong = [f'step {places.index(place) + 1}, {place}, is not passed by a Read of 4 KiB: '
             'take it out of the walk' for place in places if place not in found]
    if not wrong:
        wrong = ['a Read of 4 KiB passes the steps in another order; put them so:', *found]
    return wrong


def check_known(places, log):
    unknown = [line.split()[1] for line in log if line.startswith('unknown')]
    return [f'step {places.index(place) + 1}: gdb finds no code of {place}, so the compiler has put '
            'it into its callers; name one of those' for place in unknown]


def why_not():
    """Why nothing can be traced here, or None."""
    if not shutil.which('gdb'):
        return 'gdb is not installed'
    tried = subprocess.run(['gdb', '-nx', '-q', '-batch', '-ex', 'set startup-with-shell off',
                            '-ex', 'python print(1)', '-ex', 'run', '--args', '/bin/true'],
                           capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if 'exited normally' not in tried.stdout:
        return 'gdb can not run a program here: ' + ' '.join((tried.stdout + tried.stderr).split())
    return None


def check_walk(tap, places):
    traced = Traced(places)
    try:
        walked = traced.read()
        tap.case('gdb finds the code of each step', check_known(places, traced.walked()))
        tap.case('a Read of 4 KiB passes the steps in this order', check_order(places, walked))
        tap.case('nvmfd ends well', traced.end())
    finally:
        traced.leave()


def main():
    source = Path(sys.argv[1])
    tap = Tap()
    section = opening(source)
    steps = [(file, function) for _, file, function in STEP.findall(section)]
    tap.case(f'HACKING.md opens with a walk of at most {MOST} steps', check_form(section))
    wrong = check_places(source, steps)
    tap.case('each step names a function and its file', wrong)
    tap.case('the functions in its sentences exist', check_names(source, section))
    reason = 'the steps are not right' if wrong or not steps else why_not()
    if reason:
        tap.skip('a Read of 4 KiB passes the steps in this order', reason)
    else:
        check_walk(tap, [':'.join(step) for step in steps])
    tap.end()


if __name__ == '__main__':
    main()
