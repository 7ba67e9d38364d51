#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the fuzz corpora in git reach, in lines by room.

usage: coverage.py [--missing] SOURCEDIR BUILDDIR

Replays every corpus in a build with coverage (meson's -Db_coverage=true, gcc) and
asks gcov.  Speaks TAP: the rooms that read what strangers send must reach LEAST
per cent; the others are told for information.  --missing lists the lines that
nothing reached.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

LEAST = 90
# What changes of the model set going, and no byte of a peer: the walk under load
# (tests/unit/target/test_walk.c) and tests/unit/controller/test_live.c are about them.
LEFT_OUT = ['lib/controller/event.c', 'lib/controller/follow.c']
MUST = ['lib/pdu', 'lib/tcp', 'lib/controller', 'nvmfd/config']


def replay(source, build):
    """Runs each target's corpus from nothing; returns those that failed."""
    for old in build.rglob('*.gcda'):
        old.unlink()
    corpora = sorted((source / 'fuzz/corpus').iterdir())
    return [c.name for c in corpora if subprocess.run(
        [build / 'fuzz' / f'replay_{c.name}', c], stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, check=False).returncode]


def line_counts(source, build):
    """{source file: {line: times}} of the project's own code.

    A file that nothing of it ran has no .gcda; its .gcno tells its lines."""
    counts = collections.defaultdict(collections.Counter)
    notes = [n for n in sorted(build.rglob('*.gcno')) if 'nvmf-internal' in str(n) or
             'nvmfd-rooms' in str(n)]
    answer = subprocess.run(['gcov', '--json-format', '--stdout', *notes], cwd=build, text=True,
                            capture_output=True, check=True).stdout
    for record in answer.splitlines():
        if not record.strip():
            continue
        for file in json.loads(record)['files']:
            path = pathlib.Path(os.path.normpath(build / file['file']))
            if not path.is_relative_to(source):
                continue
            for line in file['lines']:
                counts[str(path.relative_to(source))][line['line_number']] += line['count']
    return counts


def by_room(counts):
    """{room: (lines reached, lines)}"""
    rooms = collections.defaultdict(lambda: (0, 0))
    for file, lines in counts.items():
        if file in LEFT_OUT:
            continue
        room = os.path.dirname(file)
        reached, all_lines = rooms[room]
        rooms[room] = (reached + sum(1 for n in lines.values() if n), all_lines + len(lines))
    return rooms


def show_missing(counts):
    for file in sorted(counts):
        if os.path.dirname(file) in MUST:
            lines = ' '.join(str(n) for n in sorted(counts[file]) if not counts[file][n])
            print(f'# {file}: {lines or "-"}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--missing', action='store_true')
    parser.add_argument('source', type=pathlib.Path)
    parser.add_argument('build', type=pathlib.Path)
    args = parser.parse_args()
    source, build = args.source.resolve(), args.build.resolve()
    print(f'1..{len(MUST) + 1}')
    failed = replay(source, build)
    print(f'{"not ok" if failed else "ok"} 1 - every corpus replays', *failed)
    counts = line_counts(source, build)
    rooms = by_room(counts)
    for number, room in enumerate(MUST, 2):
        reached, lines = rooms[room]
        good = lines and reached * 100 >= lines * LEAST
        print(f'{"ok" if good else "not ok"} {number} - the corpora reach {reached} of {lines}'
              f' lines of {room} ({reached * 100 / max(lines, 1):.1f} %)')
        failed += [] if good else [room]
    for room in sorted(set(rooms) - set(MUST)):
        reached, lines = rooms[room]
        if reached:
            print(f'# {room}: {reached} of {lines} lines')
    if args.missing:
        show_missing(counts)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
