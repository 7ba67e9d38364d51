# SPDX-License-Identifier: BSD-2-Clause
"""Waits for a uevent of the kernel's that has these words.

usage: uevents.py SECONDS READY WORD...    READY: a file that is there from when it listens
"""
import pathlib
import socket
import sys
import time

OF_THE_KERNEL = 1       # a group


def main(seconds, ready, *words):
    until = time.monotonic() + float(seconds)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15) as events:     # KOBJECT_UEVENT
        events.bind((0, OF_THE_KERNEL))
        pathlib.Path(ready).touch()
        while (left := until - time.monotonic()) > 0:
            events.settimeout(left)
            try:
                told = events.recv(1 << 16).decode(errors='replace').split('\0')
            except TimeoutError:
                break
            print(*told, flush=True)
            if set(words) <= set(told):
                return 0
    return 'it did not come'


sys.exit(main(*sys.argv[1:]))
