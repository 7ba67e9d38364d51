#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make install, and a program built on what it installed.

usage: install.py SOURCE-DIR BUILD-DIR
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tap import Tap

NOBODY = 65534
# Programs call the inline function that adds the size.
MAPPED = re.compile(r'^\t(nvmf_\w+?)(?:_sized)?;$', re.M)
PROGRAM = '''
%s
#include <stdio.h>
int main(void) { puts(NVMF_VERSION); return 0; }
'''

# Calls both libraries: theirs for the name of a number, ours for the same.
BESIDE_LIBNVME = '''
#include <libnvme.h>
%s
#include <string.h>
int main(void)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
	struct nvmf_ctrl *ctrl = nvmf_ctrl_create(&options);
	int same = !strcmp(nvmf_trtype_str(3), nvmf_discovery_trtype_name(3));

	nvmf_ctrl_destroy(ctrl);
	return !ctrl || !same;
}
'''

# A program on the installed library alone: what a reader is told to begin with.
EXAMPLE_LINES_MOST = 150


def run(*command, **environment):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env={**os.environ, **environment})


def complaint(done):
    return [] if done.returncode == 0 else [done.stdout + done.stderr or f'exit status {done.returncode}']


def only(root, pattern):
    """The one path below root that the pattern names, or None."""
    return next(iter(sorted(root.glob(pattern))), None)


# Each by the name of its program.
C_COMPILERS = ('cc', 'gcc', 'clang')
CXX_COMPILERS = ('c++', 'g++', 'clang++')


def first_of(programs):
    """Those that are there, each once, however many names it has."""
    found = {}
    for program in programs:
        if path := shutil.which(program):
            found.setdefault(os.path.realpath(path), program)
    return list(found.values())


def check_refusal(tap, source, work):
    """Who may not write there is told so, in one sentence."""
    scripts = work / 'scripts'
    scripts.mkdir()
    shutil.copy(source / 'scripts/install', scripts)
    work.chmod(0o755)
    nobody = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []} if os.geteuid() == 0 else {}
    try:
        done = subprocess.run([scripts / 'install', 'build', '/usr'], capture_output=True, text=True,
                              cwd=work, **nobody)
    except OSError as error:            # root of a namespace that knows nobody else
        return tap.skip('who may not install is told so', error)
    said = done.stderr.splitlines()
    return tap.case('who may not install is told so',
                    [] if done.returncode == 1 and len(said) == 1 and 'PREFIX=$HOME' in said[0] else [done])


def check_headers(tap, root, work):
    """Each header compiles alone, as C99 and as C++, by every compiler that is there."""
    headers = sorted((root / 'include/nvmf').glob('*.h'))
    compilers = [(f'C99 by {name}', [name, '-std=c99', '-x', 'c'])
                 for name in first_of(C_COMPILERS)]
    compilers += [(f'C++ by {name}', [name, '-std=c++11', '-x', 'c++'])
                  for name in first_of(CXX_COMPILERS)]
    if not first_of(CXX_COMPILERS):
        tap.skip('each header compiles alone as C++', 'there is no c++')
    for language, compiler in compilers:
        wrong = []
        for header in headers:
            source = work / 'alone.c'
            source.write_text(f'#include <nvmf/{header.name}>\nint alone;\n')
            wrong += complaint(run(*compiler, '-pedantic-errors', '-Wall', '-Wextra', '-Werror',
                                   '-fsyntax-only', '-I', root / 'include', source))
        tap.case(f'each header compiles alone as {language}', wrong if headers else ['no header'])


class Installed:
    """The library, found by pkg-config alone."""

    def __init__(self, root, work):
        self.root, self.work = root, work
        self.pc = only(root, 'lib*/**/libnvmf.pc')
        self.folder = only(root, 'lib*/**/libnvmf.so').parent

    def flags(self, *packages):
        done = run('pkg-config', '--cflags', '--libs', f'--define-variable=prefix={self.root}',
                   'libnvmf', *packages, PKG_CONFIG_PATH=str(self.pc.parent))
        return done.stdout.split(), complaint(done)

    def includes(self):
        return '\n'.join(f'#include <nvmf/{header.name}>'
                         for header in sorted((self.root / 'include/nvmf').glob('*.h')))

    def build(self, name, source, *packages, compiler=('cc', '-std=gnu99')):
        """What is wrong with building the program; it is self.work / name afterwards."""
        flags, wrong = self.flags(*packages)
        return wrong + complaint(run(*compiler, '-Wall', '-Wextra', '-Werror', source,
                                     '-o', self.work / name, *flags))

    def run(self, name, *args):
        return run(self.work / name, *args, LD_LIBRARY_PATH=str(self.folder))


def check_program(tap, installed):
    """A program finds the library by pkg-config and runs."""
    source = installed.work / 'program.c'
    source.write_text(PROGRAM % installed.includes())
    tap.case('a program builds by pkg-config', installed.build('program', source))
    tap.case('and runs', complaint(installed.run('program')))


def check_example(tap, installed, source):
    """examples/host.c: alone, short, and at work with the daemon that was built."""
    example = source / 'examples/host.c'
    lines = len(example.read_text().splitlines())
    tap.case(f'examples/host.c has {EXAMPLE_LINES_MOST} lines at most',
             [f'{lines} lines'] if lines > EXAMPLE_LINES_MOST else [])
    # Out of reach of the source's own headers.
    alone = shutil.copy(example, installed.work / 'host.c')
    tap.case('it builds on what is installed', installed.build('host', alone))
    sys.path.insert(0, str(source / 'tests/proto'))
    from daemon import Daemon
    with Daemon('ramdisk:4M') as target:
        where = target.host, str(target.ports['io']), target.nqn
        for args in ([], ['--loop']):
            done = installed.run('host', *args, *where)
            said = [] if 'found the same' in done.stdout else [done.stdout]
            tap.case(' '.join(['it writes, reads and verifies', *args]), complaint(done) + said)


def check_beside_libnvme(tap, installed):
    """A program may have both libraries."""
    if run('pkg-config', 'libnvme').returncode:
        tap.skip('a program builds with libnvme beside it', 'libnvme-dev is not installed')
        return
    compilers = [('C', name, ['-std=gnu99']) for name in first_of(C_COMPILERS)]
    compilers += [('C++', name, ['-x', 'c++']) for name in first_of(CXX_COMPILERS)]
    for language, name, options in compilers:
        source = installed.work / 'both.c'
        source.write_text(BESIDE_LIBNVME % installed.includes())
        wrong = installed.build('both', source, 'libnvme', compiler=(name, *options))
        tap.case(f'a program builds with libnvme beside it, {language} by {name}', wrong)
        tap.case('and runs', wrong or complaint(installed.run('both')))


def check_library(tap, root, work, source):
    installed = Installed(root, work)
    tap.case('there is a libnvmf.pc', [] if installed.pc else ['none below ' + str(root)])
    if not installed.pc:
        return
    check_program(tap, installed)
    check_example(tap, installed, source)
    check_beside_libnvme(tap, installed)


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
        check_refusal(tap, source, work)
        done = run('meson', 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', work / 'dest')
        tap.case('make install succeeds', complaint(done))
        nvmfd = only(work / 'dest', '**/sbin/nvmfd')
        tap.case('nvmfd is installed', [] if nvmfd else ['no sbin/nvmfd'])
        if not nvmfd:
            return tap.end()
        root = nvmfd.parent.parent
        tap.case('nvmfctl is installed and needs no library of ours',
                 complaint(run(root / 'bin/nvmfctl', '--version', LD_LIBRARY_PATH='')))
        tap.case('nvmf is installed', [] if (root / 'bin/nvmf').exists() else ['no bin/nvmf'])
        tap.case('it finds its library beside it',
                 complaint(run(root / 'bin/nvmf', '--version', LD_LIBRARY_PATH='')))
        tap.case('every manual page is installed',
                 [page.name for page in sorted((source / 'docs/man').glob('*.[1-9]'))
                  if not (root / f'share/man/man{page.suffix[1:]}' / page.name).exists()])
        calls = MAPPED.findall((source / 'lib/libnvmf.map').read_text())
        tap.case('man finds every call of libnvmf',
                 [call for call in calls if not (root / f'share/man/man3/{call}.3').is_file()] or
                 ([] if calls else ['no calls in lib/libnvmf.map']))
        check_headers(tap, root, work)
        if is_sanitized(build):
            tap.skip('a program builds by pkg-config', 'the library wants a sanitizer')
        else:
            check_library(tap, root, work, source)
            check_exports(tap, root)
    return tap.end()


if __name__ == '__main__':
    main()
