# SPDX-License-Identifier: BSD-2-Clause
"""Records for the power cut: whole blocks, of which each says what it is.

usage: records.py write DEVICE SEED flush|fua|zero    until the power is cut
       records.py missing FILE SEED COUNT [zero]      how many of the first COUNT are not there

With zero, what was there becomes zeros, by Write Zeroes.

Lines for the machine: "@flushed=N" once N records must be on stable storage.
"""
import fcntl
import hashlib
import mmap
import os
import struct
import sys

SIZE = 4096
SLOTS = 16384           # the whole namespace
CUT_AFTER = 300
BLKZEROOUT = 0x127f


def slot(number):
    return number * 7919 % SLOTS * SIZE


def record(seed, number):
    return hashlib.sha256(f'{seed} {number}'.encode()).digest() * (SIZE // 32)


def write(device, seed, how):
    # Flush: through the page cache and fsync.  FUA: each write on its own.
    fd = os.open(device, os.O_RDWR | (os.O_DIRECT | os.O_DSYNC if how == 'fua' else 0))
    page = mmap.mmap(-1, SIZE)
    for number in range(SLOTS):
        if how == 'zero':
            fcntl.ioctl(fd, BLKZEROOUT, struct.pack('QQ', slot(number), SIZE))
        else:
            page[:] = record(seed, number)
            os.pwrite(fd, page, slot(number))
        if how != 'fua':
            os.fsync(fd)
        print(f'@flushed={number + 1}', flush=True)
        if number + 1 == CUT_AFTER:
            print('@cut_power', flush=True)


def missing(path, seed, count, how=''):
    with open(path, 'rb') as file:
        for number in range(count):
            file.seek(slot(number))
            if file.read(SIZE) != (bytes(SIZE) if how == 'zero' else record(seed, number)):
                yield number


if sys.argv[1] == 'write':
    write(*sys.argv[2:])
else:
    print(len(list(missing(*sys.argv[2:4], int(sys.argv[4]), *sys.argv[5:]))))
