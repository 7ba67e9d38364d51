# SPDX-License-Identifier: BSD-2-Clause
"""Runs test modules and reports each test as TAP: tap.py test_io ..."""
import pathlib
import sys
import traceback
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


class TapResult(unittest.TestResult):
    """Prints one TAP line a test as it ends."""

    count = 0

    def line(self, ok, test, note='', error=None):
        self.count += 1
        state = 'ok' if ok else 'not ok'
        print(state, self.count, '-', test.id(), note)
        if error:
            for text in ''.join(traceback.format_exception(*error)).split('\n'):
                print('#', text)
        sys.stdout.flush()

    def addSuccess(self, test):
        self.line(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(False, test, error=err)

    def addError(self, test, err):
        super().addError(test, err)
        self.line(False, test, error=err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.line(False, subtest, error=err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, f'# SKIP {reason}')


def main(names):
    result = TapResult()
    unittest.defaultTestLoader.loadTestsFromNames(names).run(result)
    print(f'1..{result.count}')
    return 0 if result.count and result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
