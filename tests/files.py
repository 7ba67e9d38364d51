#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What holds for every file in the repository.

usage: files.py SOURCE-DIR
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from tap import Tap

SPDX = 'SPDX-License-Identifier: BSD-2-Clause'
# The licence itself, and what has no place for a comment.
WITHOUT_SPDX = re.compile(r'^(LICENSE|ROOMS|\.gitignore)$|^fuzz/corpus/|\.(png|bin|pcap|json)$')
# A path of somebody's own machine.
HOME_PATH = re.compile(r'(?<![\w$./-])/(?:home|Users|root/[a-z]|work|workspace)/[\w.-]+')

# What a document refers to: [text](path), and `lib/tcp/conn.c` where no word is a stand-in.
LINK = re.compile(r'\]\((?!https?:|#)([^)#]+)')
NAMED = re.compile(r'`((?:lib|include|nvmfd|tools|tests|fuzz|bench|docs|scripts|examples)/[a-z0-9_./-]+)[:`]')


def tracked(source):
    """Files under version control; of an unpacked archive, all but builds."""
    run = subprocess.run(['git', '-c', f'safe.directory={source}', '-C', source, 'ls-files', '-z'],
                         capture_output=True, text=True)
    if run.returncode == 0:
        return sorted(name for name in run.stdout.split('\0') if name and (source / name).is_file())
    found = []
    for folder, folders, names in os.walk(source):
        folders[:] = [f for f in folders if not f.startswith('build') and f not in ('.git', '__pycache__')]
        found += [os.path.relpath(os.path.join(folder, name), source) for name in names]
    return sorted(found)


def text_of(source, name):
    try:
        return (source / name).read_text()
    except UnicodeDecodeError:
        return None


def astray(source, name, text):
    """What a document names that is not there: links from its folder, paths from the top."""
    folder = (source / name).parent
    return [f'{name}: {path}' for path in LINK.findall(text) if not (folder / path).exists()] + \
        [f'{name}: {path}' for path in NAMED.findall(text) if not (source / path).exists()]


def main():
    source = Path(sys.argv[1]).resolve()
    texts = {name: text_of(source, name) for name in tracked(source)
             if not name.startswith('fuzz/corpus/')}
    texts = {name: text for name, text in texts.items() if text}
    tap = Tap()
    tap.case('every file names its licence',
             [name for name, text in texts.items()
              if not WITHOUT_SPDX.search(name) and SPDX not in '\n'.join(text.splitlines()[:5])])
    tap.case('no file ends a line with blanks',
             [f'{name}:{number}' for name, text in texts.items() if not name.endswith('.md')
              for number, line in enumerate(text.split('\n'), 1) if line != line.rstrip()])
    tap.case('no file names a folder of one machine',
             [f'{name}: {found}' for name, text in texts.items() for found in HOME_PATH.findall(text)])
    tap.case('documents name files that are there',
             [found for name, text in texts.items() if name.endswith('.md')
              for found in astray(source, name, text)])
    scripts = [name for name, text in texts.items() if text.startswith('#!') and os.access(source / name, os.X_OK)]
    tap.case('every script that can be run parses',
             [run.stderr for name in scripts if re.match(r'#!\S*(/| )(ba)?sh\b', texts[name])
              if (run := subprocess.run(['bash', '-n', source / name], capture_output=True, text=True)).returncode])
    tap.end()


if __name__ == '__main__':
    main()
