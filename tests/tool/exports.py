#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What libnvmf.so exports: what its headers declare, and no name of libnvme's.

usage: exports.py SOURCE-DIR LIBRARY
"""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tap import Tap     # noqa: E402

COMMENT = re.compile(r'/\*.*?\*/', re.S)
CALL = re.compile(r'NVMF_API[^;{]*?\b(nvmf_\w+)\s*\(')
MAPPED = re.compile(r'^\t(nvmf_\w+);$', re.M)


def declared(folder):
    texts = (COMMENT.sub('', header.read_text()) for header in sorted(folder.glob('*.h')))
    return {name for text in texts for name in CALL.findall(text)}


def exported(library):
    listed = subprocess.run(['nm', '-D', '--defined-only', '-P', library],
                            capture_output=True, text=True, check=True)
    names = (line.split()[0].split('@')[0] for line in listed.stdout.splitlines())
    return {name for name in names if not name.startswith('LIBNVMF_')}


def main():
    source, library = Path(sys.argv[1]), sys.argv[2]
    said = declared(source / 'include/nvmf')
    given = exported(library)
    mapped = set(MAPPED.findall((source / 'lib/libnvmf.map').read_text()))
    theirs = {line for line in (Path(__file__).parent / 'libnvme.symbols').read_text().split('\n')
              if line and not line.startswith('#')}
    tap = Tap()
    tap.case('every call of the headers is exported', sorted(said - given))
    tap.case('nothing else is exported', sorted(given - said))
    tap.case('the map names what is exported', sorted(mapped ^ given))
    tap.case('no name is one of libnvme', sorted((given & theirs) | (set() if theirs else {'no list'})))
    tap.end()


if __name__ == '__main__':
    main()
