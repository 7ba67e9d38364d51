# SPDX-License-Identifier: BSD-2-Clause
"""The network that is measured in."""

import contextlib
import ctypes
import fcntl
import socket
import struct
from pathlib import Path

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
CONGESTION = Path('/proc/sys/net/ipv4/tcp_congestion_control')
# Sends when it may, as the kernel's own default does.  Where a machine's default is bbr,
# every connection is paced by a timer, for which a virtual machine pays dearly: 128 KiB
# reads take all targets a fourth more CPU, and what is measured is the timer.
UNPACED = 'reno'


def congestion():
    """Whose sends are of which kind; None: nobody says."""
    with contextlib.suppress(OSError):
        return CONGESTION.read_text().strip()
    return None


def enter():
    """One of our own, for us and all that we start; nobody but root may.  Else as it is."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack('16sH22x', b'lo', IFF_UP))
    CONGESTION.write_text(UNPACED)
