# SPDX-License-Identifier: BSD-2-Clause
"""NVMe/TCP PDUs in a capture of the loopback device, by their lengths alone.

usage: pcap.py count FILE PORT               per type: how many; how many digests
       pcap.py flip FILE PORT header|data    flips a bit in a PDU with that digest

It shares nothing with the code under test and nothing with the dissector.
"""
import collections
import struct
import sys

ETHERNET, IPV4, TCP = 1, 0x0800, 6
HDGST, DDGST = 1, 2

Pdu = collections.namedtuple('Pdu', 'type flags hlen pdo plen stream start')


class Stream:
    """What one side of a connection sent, and where in the file it stands."""

    def __init__(self):
        self.data = bytearray()
        self.pieces = []        # (position in data, position in file)
        self.next = None

    def add(self, seq, data, at):
        if self.next is None:
            self.next = seq
        again = self.next - seq & 0xFFFFFFFF
        if again >= 1 << 31:
            raise SystemExit('the capture has a gap')
        if again < len(data):
            self.pieces.append((len(self.data), at + again))
            self.data += data[again:]
            self.next = seq + len(data) & 0xFFFFFFFF

    def in_file(self, position):
        start, at = max(p for p in self.pieces if p[0] <= position)
        return at + position - start

    def pdus(self):
        at = 0
        while at < len(self.data):
            kind, flags, hlen, pdo, plen = struct.unpack_from('<BBBBI', self.data, at)
            if plen < 8 or at + plen > len(self.data):
                raise SystemExit(f'PDU of {plen} bytes, {len(self.data) - at} are left')
            yield Pdu(kind, flags, hlen, pdo, plen, self, at)
            at += plen


def streams(capture, port):
    magic, _, _, _, _, _, link = struct.unpack_from('<IHHiIII', capture)
    assert magic in (0xa1b2c3d4, 0xa1b23c4d) and link == ETHERNET, 'not our capture'
    found = collections.defaultdict(Stream)
    at = 24
    while at < len(capture):
        _, _, kept, length = struct.unpack_from('<IIII', capture, at)
        assert kept == length, 'a packet was cut'
        frame, at = at + 16, at + 16 + kept
        if struct.unpack_from('>H', capture, frame + 12)[0] != IPV4:
            continue
        ip = frame + 14
        total = struct.unpack_from('>H', capture, ip + 2)[0]
        tcp = ip + (capture[ip] & 15) * 4
        source, target, seq = struct.unpack_from('>HHI', capture, tcp)
        if capture[ip + 9] != TCP or port not in (source, target):
            continue
        start = tcp + (capture[tcp + 12] >> 4) * 4
        if capture[tcp + 13] & 2:       # SYN
            found[source, target] = Stream()
            seq += 1
        if start < ip + total:
            found[source, target].add(seq & 0xFFFFFFFF, capture[start:ip + total], start)
    return found.values()


def pdus(capture, port):
    return [pdu for stream in streams(capture, port) for pdu in stream.pdus()]


def count(capture, port):
    found = pdus(capture, port)
    for kind, number in sorted(collections.Counter(p.type for p in found).items()):
        print(f'type {kind}: {number}')
    print(f'header digests: {sum(p.flags & HDGST for p in found)}')
    print(f'data digests: {sum(p.flags & DDGST > 0 for p in found)}')


def flip(capture, port, where):
    """A bit of a field that neither side's dissection depends on."""
    flag, position = {'header': (HDGST, lambda p: p.hlen - 1), 'data': (DDGST, lambda p: p.pdo + 100)}[where]
    pdu = next(p for p in pdus(capture, port) if p.type == 7 and p.flags & flag)
    capture[pdu.stream.in_file(pdu.start + position(pdu))] ^= 4
    sys.stdout.buffer.write(capture)


command, path, port, *rest = sys.argv[1:]
with open(path, 'rb') as file:
    {'count': count, 'flip': flip}[command](bytearray(file.read()), int(port), *rest)
