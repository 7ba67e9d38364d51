#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What libnvmf.so exports: what its headers declare, its manual pages describe,
and no name of libnvme's.  What it keeps and what it calls: no state, no output, no end.

usage: exports.py SOURCE-DIR LIBRARY
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tap import Tap     # noqa: E402

COMMENT = re.compile(r'/\*.*?\*/', re.S)
CALL = re.compile(r'NVMF_API[^;{]*?\b(nvmf_\w+)\s*\(')
PROTOTYPE = re.compile(r'^(?:NVMF_API|static inline) ([^;{()]*?)(\w+)\(([^()]*)\)', re.M)
PAGE_CALL = re.compile(r'^\.Ft (.*)\n\.Fo (\w+)\n((?:\.Fa ".*"\n)+)\.Fc$', re.M)
PAGE_NAME = re.compile(r'^\.Nm (nvmf_\w+)', re.M)
ARGUMENT = re.compile(r'^\.Fa "(.*)"$', re.M)
MAPPED = re.compile(r'^\t(nvmf_\w+);$', re.M)


def declared(folder):
    texts = (COMMENT.sub('', header.read_text()) for header in sorted(folder.glob('*.h')))
    return {name for text in texts for name in CALL.findall(text)}


def squeeze(text):
    return ' '.join(text.split()).replace('* ', '*')


def prototypes(folder):
    """Name -> (result, arguments), of calls and of the inline ones before them."""
    found = {}
    for header in sorted(folder.glob('*.h')):
        for result, name, arguments in PROTOTYPE.findall(COMMENT.sub('', header.read_text())):
            found[name] = squeeze(result), [squeeze(a) for a in arguments.split(',')]
    return found


def in_pages(folder):
    found = {}
    for page in sorted(folder.glob('*.3')):
        for result, name, arguments in PAGE_CALL.findall(page.read_text()):
            found[name] = squeeze(result), ARGUMENT.findall(arguments)
    return found


def wrong_names(folder):
    """NAME must list what SYNOPSIS shows, and one page alone each call."""
    wrong, home = [], {}
    for page in sorted(folder.glob('*.3')):
        text = page.read_text()
        heading = text[text.index('.Sh NAME'):text.index('.Nd ')]
        named, shown = PAGE_NAME.findall(heading), [call for _, call, _ in PAGE_CALL.findall(text)]
        wrong += [f'{page.name}: {call} is not both under NAME and in the SYNOPSIS'
                  for call in sorted(set(named) ^ set(shown))]
        wrong += [f'{page.name}: {call} is in {home[call]} already' for call in shown if call in home]
        home.update(dict.fromkeys(shown, page.name))
    return wrong


def wrong_pages(source):
    calls = prototypes(source / 'include/nvmf')
    # Small enough to be read where it stands.
    del calls['nvmf_status_is_success']
    # Callers use the inline call that adds the size.
    calls = {name: call for name, call in calls.items() if not name.endswith('_sized')}
    pages = in_pages(source / 'docs/man')
    return [f'{name}: header {calls.get(name)}, page {pages.get(name)}'
            for name in sorted(calls.keys() | pages.keys()) if calls.get(name) != pages.get(name)]


def exported(library):
    listed = subprocess.run(['nm', '-D', '--defined-only', '-P', library],
                            capture_output=True, text=True, check=True)
    names = (line.split()[0].split('@')[0] for line in listed.stdout.splitlines())
    return {name for name in names if not name.startswith('LIBNVMF_')}


# What the compiler adds to every shared library, and libgcc's note of what the processor
# can, written once as the library is loaded.
TOOLCHAIN = {'.data', '.bss', '__dso_handle', '__TMC_END__', 'completed.0',
             '__cpu_model', '__cpu_features2'}
WRITABLE = ('.data', '.bss', '.tdata', '.tbss')


def writable(library):
    """Symbols that stay writable: static and global variables.  Tables of pointers lie in
    .data.rel.ro, which the loader makes read-only."""
    listed = subprocess.run(['objdump', '-tw', library], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listed.stdout.splitlines())
    return {row[-1] for row in rows if len(row) > 3 and row[-3] in WRITABLE} - TOOLCHAIN


# Calls that print, end the program, or change or keep what is the whole program's.
FORBIDDEN = set("""
    printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar fputc putc fwrite perror
    psignal err errx warn warnx verr verrx vwarn vwarnx error syslog vsyslog openlog
    stdout stderr stdin __printf_chk __fprintf_chk __vprintf_chk __vfprintf_chk
    exit _exit _Exit quick_exit abort __assert_fail raise kill atexit on_exit at_quick_exit
    signal sigaction sigprocmask alarm setitimer setlocale setenv putenv unsetenv chdir umask
    setrlimit prlimit fork vfork system popen
    strtok rand srand random srandom gethostbyname gethostbyaddr getservbyname inet_ntoa
    localtime gmtime ctime asctime getopt getopt_long
    """.split())


def forbidden(library):
    listed = subprocess.run(['nm', '-D', '--undefined-only', '-P', library],
                            capture_output=True, text=True, check=True)
    return {line.split()[0].split('@')[0] for line in listed.stdout.splitlines()} & FORBIDDEN


def is_sanitized(library):
    listed = subprocess.run(['nm', '-D', library], capture_output=True, text=True, check=True)
    return re.search(r'__(asan|tsan|ubsan|msan)_', listed.stdout) is not None


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
    if is_sanitized(library):
        tap.skip('it keeps no state outside its handles', 'a sanitizer keeps some')
    else:
        tap.case('it keeps no state outside its handles', sorted(writable(library)))
    tap.case('it neither prints nor ends the program', sorted(forbidden(library)))
    tap.case('every call stands in a manual page as in its header', wrong_pages(source))
    tap.case('each call stands under the NAME of one page', wrong_names(source / 'docs/man'))
    if shutil.which('mandoc'):
        lint = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning',
                               *sorted((source / 'docs/man').glob('*.3'))],
                              capture_output=True, text=True, check=False)
        tap.case('mandoc finds nothing wrong in the pages', lint.stdout.splitlines())
    else:
        tap.skip('mandoc finds nothing wrong in the pages', 'mandoc is not installed')
    tap.end()


if __name__ == '__main__':
    main()
