# SPDX-License-Identifier: BSD-2-Clause
"""TAP for the small test programs beside this file."""


class Tap:
    def __init__(self):
        self.number = 0

    def case(self, name, wrong):
        """Passes where `wrong`, a list of sentences, is empty."""
        self.number += 1
        print(f'{"not " if wrong else ""}ok {self.number} - {name}', flush=True)
        for sentence in wrong:
            for line in str(sentence).splitlines():
                print('#', line)

    def skip(self, name, why):
        self.number += 1
        print(f'ok {self.number} - {name} # SKIP {why}', flush=True)

    def end(self):
        print(f'1..{self.number}', flush=True)
