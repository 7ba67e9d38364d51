# SPDX-License-Identifier: BSD-2-Clause
"""Run by gdb for walk.py: writes down the functions in the order in which nvmfd
reaches them.

$WALK holds words FILE:FUNCTION, $WALK_LOG names the file to write to.
"""
import os

import gdb

SETTINGS = ('confirm off', 'pagination off', 'breakpoint pending on', 'debuginfod enabled off',
            'disable-randomization off', 'startup-with-shell off')


class Step(gdb.Breakpoint):

    def __init__(self, place, log):
        file, function = place.split(':')
        super().__init__(f'-source {file} -function {function}', internal=True)
        self.place = place
        self.log = log
        if self.pending:
            self.note('unknown')

    def note(self, word):
        self.log.write(f'{word} {self.place}\n')

    def stop(self):
        self.note('reached')
        return False                # and on it goes


def main():
    for setting in SETTINGS:
        gdb.execute('set ' + setting)
    gdb.execute('handle SIGTERM nostop noprint pass')
    with open(os.environ['WALK_LOG'], 'w', buffering=1, encoding='ascii') as log:
        steps = [Step(place, log) for place in os.environ['WALK'].split()]
        gdb.execute('run')
    del steps


main()
