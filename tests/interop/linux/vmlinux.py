# SPDX-License-Identifier: BSD-2-Clause
"""Writes the ELF kernel that is packed in a bzImage to standard output."""
import subprocess
import sys

PACKERS = {b'\x28\xb5\x2f\xfd': ['zstd', '-dqc'],
           b'\xfd7zXZ\0': ['xz', '-dc', '--single-stream'],
           b'\x1f\x8b\x08': ['gzip', '-dc'],
           b'\x02\x21\x4c\x18': ['lz4', '-dc']}

image = open(sys.argv[1], 'rb').read()
for magic, unpack in PACKERS.items():
    at = image.find(magic)
    while at >= 0:
        try:
            # The magic may be chance, and what follows the kernel is no error.
            elf = subprocess.run(unpack, input=image[at:], capture_output=True).stdout
        except FileNotFoundError:
            break
        if elf.startswith(b'\x7fELF'):
            sys.stdout.buffer.write(elf)
            sys.exit(0)
        at = image.find(magic, at + 1)
sys.exit('no ELF kernel found in ' + sys.argv[1])
