#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds --help and the manual page of a program against each other: options, their
letters, arguments and defaults, the usage line, devices and keys, subcommands.
nvmfd.conf(5) is held against the tables from which nvmfd reads the file.

usage: manual.py PROGRAM PAGE
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tap import Tap

ROOT = Path(__file__).resolve().parents[1]
# A row of --help:   -p, --io-port PORT    what it does (4420)
ROW = re.compile(r'^ {2,8}(?:-(\w), | {0,4})--([a-z0-9-]+)(?: (\S+))?(?:  +|$)(.*)$', re.M)
# An item of the page: .It Fl p , Fl -io-port Ar port, and its text.
ITEM = re.compile(r'^\.It (Fl .*)\n((?:(?!\.It |\.El|\.S[hs] ).*\n)*)', re.M)
FLAGS = re.compile(r'(?:Fl (\w) , )?Fl -([\w-]+)(?: Ar (\S+))?$')
# Where a default stands: "(4420; 8009 for discovery)" at the end, and
# "4420 by default" or ".Cm auto , the default".
DEFAULT_OF_HELP = re.compile(r'\((\w[\w.]*)(?:; [^()]*)?\)$')
DEFAULT_OF_PAGE = re.compile(r'(\d[\w.]*(?: [KMG]iB)?) by default|^\.Cm (\w+) [,.]\s+the default', re.M)
# What usage and the page's synopsis have in brackets: [-P PORT], .Op Fl P Ar port
BRACKETS = re.compile(r'\[-(\w+)(?: (\w+))?\]')
SYNOPSIS = re.compile(r'^\.Op Fl (\w+)(?: Ar (\w+))?$', re.M)
COMMAND = re.compile(r'^  ([a-z][a-z-]*) {2,}[A-Z]', re.M)
# Devices: "  file:PATH", "Keys: bs=BYTES ... ro", "Wrappers: delay:..."
KIND = re.compile(r'^  (\w+):[A-Z]+ ', re.M)
KEYS = re.compile(r'^Keys: (.*)$', re.M)
WRAPPERS = re.compile(r'^Wrappers: (.*);', re.M)
DEVICE_ITEM = re.compile(r'^\.It Cm (\w+)', re.M)
NAMED = re.compile(r'^\.Cm (.*)$|^\.It Cm (.*)$', re.M)
# A row of limits: | A command's data | `--mdts` | 1 MiB |
LIMIT = re.compile(r'^\|[^|]*\| `--([\w-]+)` \| ([^|]*) \|$', re.M)
# A key of nvmfd.conf, where it stands in the tables, and an option that the file may set.
FORM_TABLE = re.compile(r'struct config_key \w+\[\] = \{(.*?)\n\};', re.S)
FORM_KEY = re.compile(r'\.name = "(\w+)"')
FILE_OPTION = re.compile(r'\.name = "([\w-]+)"(?:(?!\n\t\{).)*?\.in_file = true', re.S)
FORM_NAMED = re.compile(r'^\.(?:It )?Cm (.*)$', re.M)
EXAMPLE = re.compile(r'^\.Bd -literal[^\n]*\n(.*?)^\.Ed$', re.M | re.S)
KEY_TABLE = re.compile(r'struct key_row \w+\[\] = \{(.*?)\n\};', re.S)
KEY_ROW = re.compile(r'^\t\{ "([\w-]+)",', re.M)


def said_by(program, *args):
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=20)


def section(page, name, macro='Sh'):
    """What stands below a heading, down to the next of its kind or above."""
    found = re.search(rf'^\.{macro} {re.escape(name)}\n(.*?)(?=^\.(?:Sh|{macro}) |\Z)', page, re.M | re.S)
    return found.group(1) if found else ''


# ---- options -------------------------------------------------------------------------


def default_of(found):
    """As a page writes it: 16 KiB for 16K; 0 is what one expects and need not be said."""
    text = next(filter(None, found.groups()), '') if found else ''
    return '' if text == '0' else re.sub(r'^(\d+)([KMG])$', r'\1 \2iB', text)


def options_of_help(text):
    """Name -> (letter, argument, default)."""
    found = {}
    for letter, name, argument, what in ROW.findall(text):
        found[name] = letter, argument.lower(), default_of(DEFAULT_OF_HELP.search(what))
    return found


def options_of_page(text):
    found = {}
    for flags, words in ITEM.findall(text):
        parts = FLAGS.match(flags)
        if not parts:
            found[flags] = '', '', ''           # no such option: the comparison tells
            continue
        letter, name, argument = parts.groups(default='')
        found[name] = letter, argument, default_of(DEFAULT_OF_PAGE.search(words))
    return found


def compare(said, written, what, index):
    return [f'--{name}: its {what} is "{said[name][index]}" in --help, "{written[name][index]}" in the page'
            for name in sorted(said.keys() & written.keys()) if said[name][index] != written[name][index]]


def check_options(tap, said, written, name):
    tap.case(f'every option of --help is in {name}', ['--' + o for o in sorted(said.keys() - written)])
    tap.case(f'every option of {name} is in --help', ['--' + o for o in sorted(written.keys() - said)])
    for index, what in enumerate(('letter', 'argument', 'default')):
        tap.case(f'--help and {name} give each option the same {what}', compare(said, written, what, index))


def check_usage(tap, text, page):
    usage = {(letters, argument.lower()) for letters, argument in BRACKETS.findall(text.splitlines()[0])}
    synopsis = set(SYNOPSIS.findall(section(page, 'SYNOPSIS')))
    tap.case('usage and synopsis name the same options', sorted(map(str, usage ^ synopsis)))


def check_limits(tap, said):
    """SECURITY.md names the settings that bound things, and their defaults."""
    rows = LIMIT.findall((ROOT / 'SECURITY.md').read_text())
    tap.case('SECURITY.md names the limits as they are by default',
             [f'{name}: {text}, but --help says {said[name][2] if name in said else "nothing"}'
              for name, text in rows if name not in said or not text.startswith(said[name][2] or '?')] or
             ([] if rows else ['no row of its table names an option']))


# ---- devices -------------------------------------------------------------------------


def check_devices(tap, text, page):
    """Kinds, keys and wrappers, for a program that takes devices."""
    devices = section(page, 'DEVICES')
    keys = {word.split('=')[0] for word in KEYS.search(text).group(1).split()}
    wrappers = {word.split(':')[0] for word in WRAPPERS.search(text).group(1).split()}
    for what, said in (('Kinds', set(KIND.findall(text))), ('Keys', keys), ('Wrappers', wrappers)):
        written = set(DEVICE_ITEM.findall(section(devices, what, 'Ss')))
        tap.case(f'{what.lower()} of devices are the same in --help and the page',
                 sorted(said ^ written) if said else ['--help names none'])
    named = set(re.findall(r'[\w-]+', ' '.join(a or b for a, b in NAMED.findall(devices))))
    rows = {row for table in KEY_TABLE.findall((ROOT / 'nvmfd/device_spec.c').read_text())
            for row in KEY_ROW.findall(table)}
    tap.case('every key that a device or wrapper takes is in the page',
             sorted(rows - named) if keys < rows else ['no tables of keys in nvmfd/device_spec.c'])


# ---- the configuration file ----------------------------------------------------------


def check_form(tap, program, page):
    """Every key that the file may have is in its page, and the page has no other."""
    keys = {key for table in FORM_TABLE.findall((ROOT / 'nvmfd/config/schema.c').read_text())
            for key in FORM_KEY.findall(table)}
    options = {name.replace('-', '_') for name in
               FILE_OPTION.findall((ROOT / 'nvmfd/options.c').read_text())}
    named = set(re.findall(r'[\w-]+', ' '.join(FORM_NAMED.findall(page))))
    tap.case('every key of the file is in the page',
             sorted((keys | options) - named) if keys and options else ['no tables are found'])
    tap.case('every key of the page is one of the file', sorted(named - keys - options))
    wrong = [subprocess.run([program, '--check', '-c', '-'], input=example, capture_output=True, text=True,
                            timeout=20).stderr for example in EXAMPLE.findall(page)]
    tap.case('nvmfd finds no mistake in the examples', list(filter(None, wrong)) if wrong else ['no example'])


# ---- subcommands ---------------------------------------------------------------------


def check_commands(tap, program, said, text, page):
    commands = COMMAND.findall(text)
    written = re.findall(r'^\.It Cm ([a-z-]+)(?: Op Ar \w+)?$', section(page, 'DESCRIPTION'), re.M)
    tap.case('subcommands are the same, in the same order, in --help and the page',
             [] if commands == written else [f'--help: {commands}', f'page: {written}'])
    wrong, seen = [], {'version': said.get('version')}
    for command in commands:
        told = said_by(program, command, '--help')
        options = options_of_help(told.stdout)
        if told.returncode or not options:
            wrong.append(f'{command} --help fails: {told.stderr}')
        seen.update(options)
        wrong += [f'{command}: --{name}' for name in sorted(options) if said.get(name) != options[name]]
    wrong += [f'no subcommand takes --{name}' for name in sorted(said.keys() - seen)]
    tap.case('the subcommands take the options that --help lists', wrong)


# ---- all -----------------------------------------------------------------------------


def check_lint(tap, path, name):
    what = f'mandoc finds nothing wrong in {name}'
    if not shutil.which('mandoc'):
        tap.skip(what, 'mandoc is not installed')
        return
    # -W warning: style is ours to judge.
    run = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', path], capture_output=True, text=True)
    tap.case(what, run.stdout.splitlines())


def main():
    program, path = sys.argv[1:]
    name = Path(path).name
    page = Path(path).read_text()
    tap = Tap()
    if name.endswith('.5'):
        check_form(tap, program, page)
        check_lint(tap, path, name)
        tap.end()
        return
    run = said_by(program, '--help')
    said = options_of_help(run.stdout)
    tap.case('--help succeeds and names options', [] if run.returncode == 0 and said else [run.stderr])
    check_options(tap, said, options_of_page(page), name)
    check_usage(tap, run.stdout, page)
    if KEYS.search(run.stdout):
        check_limits(tap, said)
        check_devices(tap, run.stdout, page)
    if COMMAND.search(run.stdout):
        check_commands(tap, program, said, run.stdout, page)
    check_lint(tap, path, name)
    tap.end()


if __name__ == '__main__':
    main()
