#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make install, and a program built on what it installed.

usage: install.py SOURCE-DIR BUILD-DIR
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tap import Tap

PROGRAM = '''
%s
#include <stdio.h>
int main(void) { puts(NVMF_VERSION); return 0; }
'''


def run(*command, **environment):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env={**os.environ, **environment})


def complaint(done):
    return [] if done.returncode == 0 else [done.stdout + done.stderr or f'exit status {done.returncode}']


def only(root, pattern):
    """The one path below root that the pattern names, or None."""
    return next(iter(sorted(root.glob(pattern))), None)


def check_headers(tap, root, work):
    """Each header compiles alone, as C99 and as C++."""
    headers = sorted((root / 'include/nvmf').glob('*.h'))
    compilers = [('C99', ['cc', '-std=c99', '-pedantic-errors', '-x', 'c'])]
    if shutil.which('c++'):
        compilers.append(('C++', ['c++', '-x', 'c++']))
    else:
        tap.skip('each header compiles alone as C++', 'there is no c++')
    for language, compiler in compilers:
        wrong = []
        for header in headers:
            source = work / 'alone.c'
            source.write_text(f'#include <nvmf/{header.name}>\nint alone;\n')
            wrong += complaint(run(*compiler, '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                                   '-I', root / 'include', source))
        tap.case(f'each header compiles alone as {language}', wrong if headers else ['no header'])


def check_program(tap, root, work):
    """A program finds the library by pkg-config and runs."""
    pc = only(root, 'lib*/**/libnvmf.pc')
    tap.case('there is a libnvmf.pc', [] if pc else ['none below ' + str(root)])
    if not pc:
        return
    flags = run('pkg-config', '--cflags', '--libs', f'--define-variable=prefix={root}', 'libnvmf',
                PKG_CONFIG_PATH=str(pc.parent))
    headers = sorted((root / 'include/nvmf').glob('*.h'))
    source = work / 'program.c'
    source.write_text(PROGRAM % '\n'.join(f'#include <nvmf/{header.name}>' for header in headers))
    built = run('cc', source, '-o', work / 'program', *flags.stdout.split())
    tap.case('a program builds by pkg-config', complaint(flags) + complaint(built))
    ran = run(work / 'program', LD_LIBRARY_PATH=str(only(root, 'lib*/**/libnvmf.so').parent))
    tap.case('and runs', complaint(ran))


def check_exports(tap, root):
    library = only(root, 'lib*/**/libnvmf.so')
    listed = run('nm', '-D', '--defined-only', '-P', library)
    names = [line.split()[0].split('@')[0] for line in listed.stdout.splitlines()]
    tap.case('libnvmf exports nothing but nvmf_*',
             complaint(listed) + [name for name in names if not name.startswith(('nvmf_', 'LIBNVMF_'))])


def is_sanitized(build):
    return 'b_sanitize' in run('meson', 'introspect', '--buildoptions', '-i', build).stdout and \
        b'-fsanitize' in (build / 'compile_commands.json').read_bytes()


def main():
    source, build = (Path(word).resolve() for word in sys.argv[1:])
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        done = run('meson', 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', work / 'dest')
        tap.case('make install succeeds', complaint(done))
        nvmfd = only(work / 'dest', '**/sbin/nvmfd')
        tap.case('nvmfd is installed', [] if nvmfd else ['no sbin/nvmfd'])
        if not nvmfd:
            return tap.end()
        root = nvmfd.parent.parent
        tap.case('nvmf is installed', [] if (root / 'bin/nvmf').exists() else ['no bin/nvmf'])
        tap.case('every manual page is installed',
                 [page.name for page in sorted((source / 'docs/man').glob('*.[1-9]'))
                  if not (root / f'share/man/man{page.suffix[1:]}' / page.name).exists()])
        check_headers(tap, root, work)
        if is_sanitized(build):
            tap.skip('a program builds by pkg-config', 'the library wants a sanitizer')
        else:
            check_program(tap, root, work)
            check_exports(tap, root)
    return tap.end()


if __name__ == '__main__':
    main()
