# SPDX-License-Identifier: BSD-2-Clause
"""What is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """What a target is started for; cases with the same setup share it."""
    storage: str = 'memory'         # memory, cached or direct: a file through the page cache or past it
    responses: bool = False         # reads end by a response capsule, not by the SUCCESS flag
    entries: int = 256              # of a queue: SPDK has memory for all of them at once

    def __str__(self):
        end = 'a response' if self.responses else 'the SUCCESS flag'
        return f'{self.storage}; reads end by {end}; queues of {self.entries} entries'


@dataclass(frozen=True)
class Case:
    name: str
    size: int = 4096
    depth: int = 32
    reads: int = 100                # percent
    connections: int = 1
    digests: bool = False
    spin: bool = False              # the client asks without end
    setup: Setup = Setup()


RESPONSES = Setup(responses=True)
CACHED = Setup(storage='cached')
DIRECT = Setup(storage='direct')
MANY = Setup(entries=32)
K128 = 128 * 1024

KINDS = (('read', 100), ('write', 0), ('mixed', 70))
BULK = (('read', 100), ('write', 0))

# The load spins where a single thread of it keeps up with its connections: a client
# that sleeps has the target wake it, which costs more than many an I/O.
CASES = [
    *(Case(f'{what}-4k-d1', depth=1, reads=reads) for what, reads in BULK),
    *(Case(f'{what}-4k-d1-spin', depth=1, reads=reads, spin=True) for what, reads in BULK),
    *(Case(f'{what}-4k-d{depth}', depth=depth, reads=reads, spin=True)
      for depth in (32, 128) for what, reads in KINDS),
    *(Case(f'{what}-4k-d32-sleeping', reads=reads) for what, reads in BULK),
    *(Case(f'{what}-128k-d8', size=K128, depth=8, reads=reads, spin=True) for what, reads in BULK),
    *(Case(f'{what}-4k-8-connections', connections=8, reads=reads, spin=True) for what, reads in KINDS),
    *(Case(f'{what}-128k-8-connections', size=K128, depth=8, connections=8, reads=reads, spin=True)
      for what, reads in BULK),
    Case('read-4k-64-connections', depth=4, connections=64),
    Case('read-4k-256-connections', depth=1, connections=256, setup=MANY),
    *(Case(f'{what}-4k-d32-digests', reads=reads, digests=True, spin=True) for what, reads in BULK),
    *(Case(f'{what}-128k-d8-digests', size=K128, depth=8, reads=reads, digests=True, spin=True)
      for what, reads in BULK),
    *(Case(f'read-4k-d{depth}-responses', depth=depth, spin=True, setup=RESPONSES) for depth in (1, 32, 128)),
    *(Case(f'{what}-4k-d32-{setup.storage}', reads=reads, spin=True, setup=setup)
      for setup in (CACHED, DIRECT) for what, reads in BULK),
]

QUICK = ['read-4k-d1', 'read-4k-d32', 'write-4k-d32', 'read-128k-d8', 'read-4k-d32-responses']
