# SPDX-License-Identifier: BSD-2-Clause
"""Writes, discards and zeroes regions of a device, and knows what must be in them.

usage: changes.py DEVICE FIRST_MIB REGIONS STOP WAY...    until the file STOP is there

Each region of 4 MiB has a process, which does one thing after the other by the WAYs
write, discard and zero; what it finds then must be the outcome of all that it has done.
"""
import fcntl
import mmap
import os
import random
import struct
import sys

BLOCK, REGION = 4096, 4 << 20
BLKDISCARD, BLKZEROOUT = 0x1277, 0x127f


class Region:

    def __init__(self, device, offset):
        self.fd = os.open(device, os.O_RDWR | os.O_DIRECT)
        self.offset = offset
        self.random = random.Random(offset)
        self.buffer = mmap.mmap(-1, REGION)
        self.wanted = bytearray(REGION)
        self.zero(0, REGION)

    def part(self):
        """Where, and how much: 1 to 64 blocks."""
        blocks = self.random.randint(1, 64)
        return self.random.randint(0, REGION // BLOCK - blocks) * BLOCK, blocks * BLOCK

    def write(self, at, size):
        data = self.random.randbytes(BLOCK) * (size // BLOCK)
        self.buffer[:size] = data
        if os.pwrite(self.fd, memoryview(self.buffer)[:size], self.offset + at) != size:
            sys.exit('a write was short')
        self.wanted[at:at + size] = data

    def become_zero(self, how, at, size):
        fcntl.ioctl(self.fd, how, struct.pack('QQ', self.offset + at, size))
        self.wanted[at:at + size] = bytes(size)

    def discard(self, at, size):
        self.become_zero(BLKDISCARD, at, size)

    def zero(self, at, size):
        self.become_zero(BLKZEROOUT, at, size)

    def check(self, at, size):
        if os.preadv(self.fd, [memoryview(self.buffer)[:size]], self.offset + at) != size:
            sys.exit('a read was short')
        for k in range(0, size, BLOCK):
            if self.buffer[k:k + BLOCK] != self.wanted[at + k:at + k + BLOCK]:
                sys.exit(f'the block at byte {self.offset + at + k} is not what was made of it')

    def work(self, stop, ways):
        count = 0
        while not os.path.exists(stop):
            getattr(self, self.random.choice(ways))(*self.part())
            self.check(*self.part())
            count += 1
        self.check(0, REGION)
        print(f'region at {self.offset}: {count} changes')


def main(device, first, regions, stop, *ways):
    for k in range(int(regions)):
        if not os.fork():
            Region(device, (int(first) << 20) + k * REGION).work(stop, ways)
            return
    if any([os.wait()[1] for _ in range(int(regions))]):
        sys.exit(1)


main(*sys.argv[1:])
