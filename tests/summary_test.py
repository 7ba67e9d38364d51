#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The count of cases: what is counted, and that nothing bad counts as good."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SUMMARY = Path(__file__).with_name('summary')

CASES = [
    ('passes are counted by case', [('ok 1 - a\nok 2 - b\n1..2\n', 'OK', 0)], '2 passed, 0 failed', 0),
    ('a failed case', [('1..2\nok 1 - a\nnot ok 2 - b\n', 'FAIL', 1)], '1 passed, 1 failed', 1),
    ('a skipped case', [('1..2\nok 1 - a\nok 2 - b # SKIP no ipv6\n', 'OK', 0)], '1 passed, 0 failed, 1 skipped', 0),
    ('a skipped program', [('ok 1\n1..1\n', 'OK', 0), ('1..0 # SKIP no tshark\n', 'SKIP', 0)],
     '1 passed, 0 failed, 1 skipped', 0),
    ('a case that was not tried', [('1..3\nok 1 - a\n# not tried: no io_uring\nok 2 - b\nok 3 - c\n', 'OK', 0)],
     '2 passed, 0 failed, 1 skipped', 0),
    ('a case that failed before it was not tried', [('1..1\n# not tried: why\nnot ok 1 - a\n', 'FAIL', 1)],
     '0 passed, 1 failed', 1),
    ('a crash after good cases', [('1..1\nok 1 - a\n', 'ERROR', -11)], '1 passed, 1 failed', 1),
    ('a crash within the plan', [('1..3\nok 1 - a\n', 'ERROR', -11)], '1 passed, 1 failed', 1),
    ('a timeout without output', [('', 'TIMEOUT', None)], '0 passed, 1 failed', 1),
    ('silence is a failure', [('', 'OK', 0)], '0 passed, 1 failed', 1),
    ('a bad exit status alone', [('1..1\nok 1\n', 'ERROR', 3)], '1 passed, 1 failed', 1),
    ('cmocka names and lines between', [('1..1\n# noise\nok 1 - test_x\n# ok - group\n', 'OK', 0)],
     '1 passed, 0 failed', 0),
    ('no test at all', [], '0 passed, 0 failed', 1),
]


def summarise(records, *options, variant=''):
    with tempfile.NamedTemporaryFile('w', suffix='.json') as log:
        for stdout, result, status in records:
            log.write(json.dumps({'name': 'p', 'stdout': stdout, 'result': result, 'returncode': status}) + '\n')
        log.flush()
        return subprocess.run([sys.executable, SUMMARY, *options, variant + log.name], capture_output=True, text=True)


def report(number, name, good, run):
    print(f'{"" if good else "not "}ok {number} - {name}')
    if not good:
        print('#', run.returncode, run.stdout.replace('\n', '\n# '), run.stderr)


def main():
    print(f'1..{len(CASES) + 4}')
    for number, (name, records, last, status) in enumerate(CASES, 1):
        run = summarise(records)
        report(number, name, run.stdout.splitlines()[-1] == last and run.returncode == status, run)
    run = summarise([('ok 1\n1..1\n', 'OK', 0)], '--trouble=the build failed')
    report(len(CASES) + 1, 'a failed build fails the run',
           run.stdout.splitlines()[-1] == '1 passed, 1 failed' and run.returncode == 1, run)
    run = subprocess.run([sys.executable, SUMMARY, '/nonexistent.json'], capture_output=True, text=True)
    report(len(CASES) + 2, 'a log that is not there is a failure',
           run.stdout.splitlines()[-1] == '0 passed, 1 failed' and run.returncode == 1, run)
    run = summarise([('not ok 1 - a\n1..1\n', 'FAIL', 1)], variant='asan=')
    report(len(CASES) + 3, 'what failed in a variant bears its name',
           run.stdout.splitlines() == ['FAILED: asan: p: a: not ok', '0 passed, 1 failed'], run)
    lines = ''.join(f'# {n}\n' for n in range(20))
    run = summarise([(f'not ok 1 - a\n{lines}# \n# noise\nok 2 - b\n# of b\n1..2\n', 'FAIL', 1)])
    report(len(CASES) + 4, 'why it failed stands below it, in its last lines',
           run.stdout.splitlines() == ['FAILED: p: a: not ok',
                                       *(f'    # {n}' for n in range(12, 20)),
                                       '1 passed, 1 failed'], run)


if __name__ == '__main__':
    main()
