#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares every #include and every undefined symbol with the table in ROOMS.

usage: rooms.py SOURCE-DIR BUILD-DIR

One TAP case for the includes of each room and one for what its objects call.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tap import Tap

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', re.M)
INSTALLED = 'nvmf'                      # the room of the installed headers

# A room that never calls anything (*) may still use these: memory and text,
# no state, no system call.  The compiler emits some of them by itself.
PURE = re.compile(r'^(mem(cpy|set|cmp|move|chr)|str(n?len|n?cmp|n?casecmp|n?cpy|chr|rchr|spn|cspn|str)'
                  r'|v?snprintf|__stack_chk_fail|__assert_fail|abort|_GLOBAL_OFFSET_TABLE_'
                  r'|__(mem|str|v?s)\w+_chk|__ctype_b_loc|__ctype_tolower_loc|__ctype_toupper_loc)$')
# Other spellings of one call.
ALIAS = re.compile(r'^(?:__)?(?:isoc\d+_)?(\w+?)(?:64)?(?:_chk)?$')


class Room:
    def __init__(self, line):
        name, folder, *columns = line.split(maxsplit=2)
        self.name = name
        self.folder = folder
        # Columns are parted by two blanks or more, their words by one.
        includes, _, never = re.sub(r'\s{2,}', '\t', columns[0]).partition('\t')
        self.may = set() if includes == '-' else set(includes.split())
        self.never = set() if never.strip() in ('', '-') else set(never.split())


def read_table(source):
    lines = (source / 'ROOMS').read_text().splitlines()
    return [Room(line) for line in lines if line.strip() and not line.startswith('#')]


def room_of(rooms, path):
    """The room with the longest folder that holds this path, or None."""
    held = [room for room in rooms if path.startswith(room.folder + '/')]
    return max(held, key=lambda room: len(room.folder), default=None)


def room_included(rooms, name):
    """The room that an include names, or None for libc, libraries and
    headers that belong to no room."""
    head = name.split('/')[0]
    if '/' not in name:
        return None
    if head == INSTALLED or any(room.name == head for room in rooms):
        return head
    return None


def wrong_includes(rooms, room, source):
    wrong = []
    for path in sorted((source / room.folder).rglob('*.[ch]')):
        relative = path.relative_to(source).as_posix()
        if room_of(rooms, relative) is not room:
            continue
        for name in INCLUDE.findall(path.read_text(errors='replace')):
            other = room_included(rooms, name)
            if other not in (None, room.name) and other not in room.may:
                wrong.append(f'{relative} includes "{name}"')
    return wrong


def objects_by_room(rooms, source, build):
    """Room name -> objects of the product (not of its tests)."""
    found = {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        path = os.path.relpath(os.path.join(entry['directory'], entry['file']), source)
        room = room_of(rooms, path)
        output = Path(entry['directory']) / entry['output']
        if room and output.exists():
            found.setdefault(room.name, {})[path] = output
    return found


def symbols(output, option):
    run = subprocess.run(['nm', '-P', option, str(output)], capture_output=True, text=True, check=True)
    return {line.split()[0] for line in run.stdout.splitlines() if line.split()}


def wrong_calls(room, objects):
    # Inside its own room anything may be called.
    own = set().union(*(symbols(output, '--defined-only') for output in objects.values()))
    wrong = []
    for path, output in sorted(objects.items()):
        for symbol in sorted(symbols(output, '--undefined-only') - own):
            if is_forbidden(room, symbol):
                wrong.append(f'{path} calls {symbol}')
    return wrong


def is_forbidden(room, symbol):
    if '*' in room.never:
        return not PURE.match(symbol) and not symbol.startswith('base_')
    return symbol in room.never or ALIAS.match(symbol).group(1) in room.never


def is_instrumented(build):
    return 'b_sanitize' in (options := (build / 'meson-info' / 'intro-buildoptions.json').read_text()) and \
        next(o['value'] for o in json.loads(options) if o['name'] == 'b_sanitize') != 'none'


def main():
    source, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    rooms = read_table(source)
    objects = objects_by_room(rooms, source, build)
    instrumented = is_instrumented(build)
    tap = Tap()
    for room in rooms:
        if not (source / room.folder).is_dir():
            continue
        tap.case(f'{room.name} includes only what ROOMS allows', wrong_includes(rooms, room, source))
        if not room.never or room.name not in objects:
            continue
        name = f'{room.name} never calls what ROOMS forbids'
        if instrumented:
            tap.skip(name, 'a sanitizer adds calls of its own')
        else:
            tap.case(name, wrong_calls(room, objects[room.name]))
    tap.end()


if __name__ == '__main__':
    main()
