#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds --help and the manual page of a program against each other.

usage: manual.py PROGRAM PAGE
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tap import Tap

# An item of the list of options: .It Fl d , Fl -debug / .It Fl -listen Ar addr
ITEM = re.compile(r'^\.It (Fl .*)$', re.M)
FLAG = re.compile(r'\bFl (-?[A-Za-z0-9][A-Za-z0-9-]*)')
HELP = re.compile(r'^ {2,8}(?:-(\w), | {0,4})--([a-z0-9-]+)', re.M)


def options_of_help(text):
    found = set()
    for letter, name in HELP.findall(text):
        found.add('--' + name)
        if letter:
            found.add('-' + letter)
    return found


def options_of_page(text):
    return {'-' + flag for item in ITEM.findall(text) for flag in FLAG.findall(item)}


def lint(page):
    # -W warning: style is ours to judge.
    run = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', page], capture_output=True, text=True)
    return run.stdout.splitlines()


def main():
    program, page = sys.argv[1:]
    name = Path(page).name
    run = subprocess.run([program, '--help'], capture_output=True, text=True, timeout=20)
    said = options_of_help(run.stdout)
    written = options_of_page(Path(page).read_text())
    tap = Tap()
    tap.case('--help succeeds and names options', [] if run.returncode == 0 and said else [run.stderr])
    tap.case(f'every option of --help is in {name}', sorted(said - written))
    tap.case(f'every option of {name} is in --help', sorted(written - said))
    if shutil.which('mandoc'):
        tap.case(f'mandoc finds nothing wrong in {name}', lint(page))
    else:
        tap.skip(f'mandoc finds nothing wrong in {name}', 'mandoc is not installed')
    tap.end()


if __name__ == '__main__':
    main()
