#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Enough of a target to try the host library and the tests without nvmfd.

    NVMFD=tests/proto/fake_target.py python3 -m unittest test_transport

One thread a connection, memory namespaces, no timers, no limits on memory.
What it does, it does by the specification; what it leaves out, tests show.
"""
import argparse
import itertools
import os
import signal
import socket
import struct
import sys
import threading

import wire
from nvmetcp import DISCOVERY_NQN
from wire import (DDGST, HDGST, LAST, SUCCESS, Admin, Fabrics, Feature, Fes,
                  Log, Nvm, Pdu, Prop, Sc)

MDTS, ENTRIES, NN, IN_CAPSULE, MAXH2C = 8, 1024, 256, 16384, 1 << 20
CAP = ENTRIES - 1 | 1 << 16 | 30 << 24 | 1 << 37
VS = 0x10400


class Fail(Exception):
    """A command's status."""

    def __init__(self, sc, dw0=0):
        super().__init__(sc)
        self.sc, self.dw0 = sc, dw0


class Fatal(Exception):
    """A termination request."""


class Namespace:

    def __init__(self, nsid, text):
        self.nsid = nsid
        size, _, keys = text.partition(':')[2].partition('?')
        units = {'K': 10, 'M': 20, 'G': 30}
        shift = units.get(size[-1].upper(), 0)
        self.data = bytearray(int(size.rstrip('KMGkmg')) << shift)
        self.bs = 4096 if 'bs=4096' in keys else 512
        self.ro = 'ro' in keys.split('&')
        self.uuid = b'U' * 15 + bytes([nsid])

    def identify(self):
        out = bytearray(4096)
        blocks = len(self.data) // self.bs
        struct.pack_into('<QQQ', out, 0, blocks, blocks, blocks)
        out[30] = 1
        out[99] = self.ro
        out[104:120] = b'N' * 15 + bytes([self.nsid])
        out[120:128] = b'\x02EUI6400'[:7] + bytes([self.nsid])
        out[130] = self.bs.bit_length() - 1
        return out

    def descriptors(self):
        data = self.identify()
        return b''.join(struct.pack('<BBH', kind, len(value), 0) + value
                        for kind, value in ((1, data[120:128]),
                                            (2, data[104:120]),
                                            (3, self.uuid)))


class Controller:

    def __init__(self, target, cntlid, subnqn, hostnqn, hostid):
        self.target, self.cntlid, self.subnqn = target, cntlid, subnqn
        self.hostnqn, self.hostid = hostnqn, hostid
        self.cc = self.csts = 0
        self.granted = 0
        self.queues = {}
        self.features = {Feature.ASYNC_EVENT_CONFIG: 0,
                         Feature.KEEP_ALIVE_TIMER: 0}
        self.aers = []

    @property
    def is_discovery(self):
        return self.subnqn == DISCOVERY_NQN

    def drop_io_queues(self):
        for qid in [q for q in self.queues if q]:
            self.queues.pop(qid).finish()

    def set_cc(self, value):
        if value >> 7 & 0x7F or value >> 4 & 7:
            raise Fail(Sc.INVALID_FIELD)
        if self.cc & 1 and not value & 1:
            self.drop_io_queues()
            self.aers.clear()
            self.features[Feature.ASYNC_EVENT_CONFIG] = 0
            self.granted = 0
        self.cc = value
        self.csts = (value & 1) | (8 if value >> 14 & 3 else 0)

    def identify(self):
        out = bytearray(4096)
        struct.pack_into('<20s40s8s', out, 4, b'FAKE'.ljust(20),
                         b'fake'.ljust(40), b'1'.ljust(8))
        out[76] = 2
        out[77] = MDTS
        struct.pack_into('<HI', out, 78, self.cntlid, VS)
        out[111] = 2 if self.is_discovery else 1
        out[258:262] = bytes([3, 3, 3, 4])
        struct.pack_into('<H', out, 320, 10)
        struct.pack_into('<BBHI', out, 512, 0x66, 0x44, ENTRIES, NN)
        out[525] = 2 << 1
        struct.pack_into('<I', out, 536, 1 | 1 << 20 | 1 << 21)
        out[768:1024] = self.subnqn.encode().ljust(256, b'\0')
        struct.pack_into('<IIHBBH', out, 1792, (64 + IN_CAPSULE) // 16, 1, 0,
                         0, 1, 1)
        return out


class Connection(threading.Thread):
    """A queue: one thread that receives, executes and answers."""

    def __init__(self, target, sock):
        super().__init__(daemon=True)
        self.target, self.sock = target, sock
        self.hdgst = self.ddgst = False
        self.align = 4
        self.ctrl = self.qid = None
        self.size, self.sqhd, self.flow_control = 0, 0, True
        self.tags = itertools.count(1)

    def run(self):
        try:
            self.handshake()
            while True:
                self.command(*self.receive(Pdu.CMD))
        except Fatal as fatal:
            self.terminate(*fatal.args)
        except OSError:
            pass
        finally:
            self.leave()

    def leave(self):
        ctrl = self.ctrl
        if ctrl and ctrl.queues.get(self.qid) is self:
            for queue in list(ctrl.queues.values()):
                queue.finish()
            self.target.controllers.pop(ctrl.cntlid, None)
        self.finish()
        self.sock.close()

    def finish(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def terminate(self, fes, fei, header):
        try:
            self.sock.sendall(wire.build_pdu(Pdu.C2H_TERM,
                                             wire.term_header(fes, fei))[:4]
                              + struct.pack('<I', 24 + len(header))
                              + wire.term_header(fes, fei) + header)
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(1)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    # PDUs

    def exactly(self, count):
        out = bytearray()
        while len(out) < count:
            chunk = self.sock.recv(count - len(out))
            if not chunk:
                raise ConnectionError
            out += chunk
        return bytes(out)

    def handshake(self):
        start = self.exactly(8)
        kind, flags, hlen, pdo, plen = struct.unpack('<BBBBI', start)
        if kind != Pdu.ICREQ:
            raise Fatal(Fes.SEQUENCE_ERROR, 0, start)
        for fei, good in ((1, flags == 0), (2, hlen == 128), (3, pdo == 0),
                          (4, plen == 128)):
            if not good:
                raise Fatal(Fes.INVALID_HEADER_FIELD, fei, start)
        header = start + self.exactly(120)
        pfv, hpda, digests = struct.unpack_from('<HBB', header, 8)
        if pfv:
            raise Fatal(Fes.UNSUPPORTED_PARAMETER, 8, header)
        if hpda > 31:
            raise Fatal(Fes.INVALID_HEADER_FIELD, 10, header)
        self.align = (hpda + 1) * 4
        granted = digests & self.target.digests
        self.sock.sendall(wire.build_pdu(Pdu.ICRESP, struct.pack(
            '<HBBI112x', 0, 0, granted, MAXH2C)))
        self.hdgst, self.ddgst = bool(granted & 1), bool(granted & 2)

    def receive(self, *expected):
        """(header, data, is the data's digest right)."""
        start = self.exactly(8)
        kind, flags, hlen, pdo, plen = struct.unpack('<BBBBI', start)
        if kind == Pdu.H2C_TERM:
            raise ConnectionError
        if kind == Pdu.ICREQ:
            raise Fatal(Fes.SEQUENCE_ERROR, 0, start)
        if kind not in (Pdu.CMD, Pdu.H2C_DATA):
            raise Fatal(Fes.INVALID_HEADER_FIELD, 0, start)
        allowed = LAST if kind == Pdu.H2C_DATA else 0
        wanted = HDGST if self.hdgst else 0
        if flags & ~(allowed | DDGST) != wanted or \
                flags & DDGST and not self.ddgst:
            raise Fatal(Fes.INVALID_HEADER_FIELD, 1, start)
        if hlen != wire.HEADER_LENGTH[kind]:
            raise Fatal(Fes.INVALID_HEADER_FIELD, 2, start)
        head = hlen + (4 if self.hdgst else 0)
        if plen < head or plen > 1 << 26:
            raise Fatal(Fes.INVALID_HEADER_FIELD, 4, start)
        if plen > head and not head <= pdo <= plen or pdo % 4:
            raise Fatal(Fes.INVALID_HEADER_FIELD, 3, start)
        header = start + self.exactly(hlen - 8)
        if self.hdgst and self.exactly(4) != wire.digest(header):
            raise Fatal(Fes.HEADER_DIGEST_ERROR, 0, header)
        if kind not in expected:
            raise Fatal(Fes.INVALID_HEADER_FIELD, 10, header)
        if plen == head:
            return header, b'', True
        if kind == Pdu.CMD and plen - pdo > max(IN_CAPSULE, 8192) + 4:
            raise Fatal(Fes.LIMIT_EXCEEDED, 0, header)
        self.exactly(pdo - head)
        data = self.exactly(plen - pdo - (4 if self.ddgst else 0))
        good = not self.ddgst or self.exactly(4) == wire.digest(data)
        return header, data, good

    def send(self, kind, specific, data=b'', flags=0):
        self.sock.sendall(wire.build_pdu(
            kind, specific, data, flags=flags, hdgst=self.hdgst,
            ddgst=self.ddgst and kind == Pdu.C2H_DATA, align=self.align))

    def fetch(self, sqe, length):
        """R2T and its H2CData."""
        out, good, tag = bytearray(), True, next(self.tags) & 0xFFFF
        self.send(Pdu.R2T, wire.transfer_header(sqe.cid, tag, 0, length))
        while len(out) < length:
            header, data, fine = self.receive(Pdu.H2C_DATA)
            cid, got, offset, size = struct.unpack_from('<HHII', header, 8)
            if cid != sqe.cid:
                raise Fatal(Fes.INVALID_HEADER_FIELD, 8, header)
            if got != tag:
                raise Fatal(Fes.INVALID_HEADER_FIELD, 10, header)
            if size != len(data):
                raise Fatal(Fes.INVALID_HEADER_FIELD, 16, header)
            if offset + size > length:
                raise Fatal(Fes.OUT_OF_RANGE, 0, header)
            last = bool(header[1] & LAST)
            if offset != len(out) or last != (offset + size == length):
                raise Fatal(Fes.SEQUENCE_ERROR, 0, header)
            out += data
            good = good and fine
        if not good:
            raise Fail(Sc.TRANSIENT_TRANSPORT_ERROR)
        return bytes(out)

    # commands

    def command(self, header, data, good):
        sqe = Fetched(header[8:])
        if self.size:
            self.sqhd = (self.sqhd + 1) % self.size
        sc, dw0, dw1, by_flag = Sc.SUCCESS, 0, 0, False
        try:
            if not good:
                raise Fail(Sc.TRANSIENT_TRANSPORT_ERROR)
            result = self.execute(sqe, data)
            if result is None:
                return
            if isinstance(result, (bytes, bytearray)):
                by_flag = self.send_data(sqe, result)
            else:
                dw0, dw1 = result & 0xFFFFFFFF, result >> 32
        except Fail as fail:
            sc, dw0 = fail.sc, fail.dw0
        if not by_flag:
            self.respond(sqe.cid, sc, dw0, dw1)
        if sqe.opcode == Admin.FABRICS and sqe.fctype == Fabrics.DISCONNECT \
                and sc == Sc.SUCCESS:
            self.ctrl.queues.pop(self.qid)
            raise ConnectionError

    def respond(self, cid, sc, dw0=0, dw1=0):
        sqhd = self.sqhd if self.flow_control else 0xFFFF
        self.send(Pdu.RSP, struct.pack('<IIHHHH', dw0, dw1, sqhd, 0, cid,
                                       sc << 1))

    def send_data(self, sqe, data):
        if sqe.sgl_kind != wire.SGL_TRANSPORT:
            raise Fail(Sc.SGL_TYPE)
        if sqe.sgl_length != len(data):
            raise Fail(Sc.DATA_SGL_LENGTH)
        by_flag = not self.flow_control
        for at in range(0, len(data), 1 << 17):
            part = data[at:at + (1 << 17)]
            last = LAST if at + len(part) == len(data) else 0
            flags = last | (SUCCESS if by_flag and last else 0)
            self.send(Pdu.C2H_DATA, wire.transfer_header(
                sqe.cid, 0, at, len(part)), bytes(part), flags)
        return by_flag

    def host_data(self, sqe, capsule, length):
        """What the host sends with a command, however it comes."""
        if sqe.psdt not in (1, 2):
            raise Fail(Sc.INVALID_FIELD)
        if sqe.sgl_kind not in (wire.SGL_IN_CAPSULE, wire.SGL_TRANSPORT):
            raise Fail(Sc.SGL_TYPE)
        if sqe.sgl_length != length:
            raise Fail(Sc.DATA_SGL_LENGTH)
        if sqe.sgl_kind == wire.SGL_TRANSPORT:
            return self.fetch(sqe, length)
        if sqe.sgl_address:
            raise Fail(Sc.SGL_OFFSET)
        if len(capsule) != length:
            raise Fail(Sc.DATA_SGL_LENGTH)
        return capsule

    def execute(self, sqe, capsule):
        if sqe.opcode == Admin.FABRICS:
            return self.fabrics(sqe, capsule)
        if not self.ctrl or not self.ctrl.cc & 1:
            raise Fail(Sc.SEQUENCE_ERROR)
        if sqe.flags & 3:
            raise Fail(Sc.INVALID_FIELD)
        table = self.IO if self.qid else \
            self.DISCOVERY if self.ctrl.is_discovery else self.ADMIN
        if sqe.opcode not in table:
            raise Fail(Sc.INVALID_OPCODE)
        return table[sqe.opcode](self, sqe, capsule)

    # Fabrics

    def fabrics(self, sqe, capsule):
        if sqe.fctype == Fabrics.CONNECT:
            return self.connect(sqe, capsule)
        if not self.ctrl:
            raise Fail(Sc.SEQUENCE_ERROR)
        if sqe.fctype == Fabrics.DISCONNECT:
            if sqe.cdw10 & 0xFFFF:
                raise Fail(Sc.CONNECT_INCOMPATIBLE_FORMAT)
            if not self.qid:
                raise Fail(Sc.INVALID_QUEUE_TYPE)
            return 0
        if self.qid or sqe.fctype not in (Fabrics.PROPERTY_GET,
                                          Fabrics.PROPERTY_SET):
            raise Fail(Sc.INVALID_OPCODE)
        size, ctrl = 8 if sqe.cdw10 & 7 else 4, self.ctrl
        values = {(Prop.CAP, 8): CAP, (Prop.VS, 4): VS,
                  (Prop.CC, 4): ctrl.cc, (Prop.CSTS, 4): ctrl.csts}
        if (sqe.cdw11, size) not in values:
            raise Fail(Sc.INVALID_FIELD)
        if sqe.fctype == Fabrics.PROPERTY_GET:
            return values[sqe.cdw11, size]
        if sqe.cdw11 != Prop.CC:
            raise Fail(Sc.INVALID_FIELD)
        ctrl.set_cc(sqe.cdw12)
        return 0

    def connect(self, sqe, capsule):
        if self.ctrl:
            raise Fail(Sc.SEQUENCE_ERROR)
        if sqe.cdw10 & 0xFFFF:
            raise Fail(Sc.CONNECT_INCOMPATIBLE_FORMAT)
        data = self.host_data(sqe, capsule, 1024)
        hostid, cntlid = struct.unpack_from('<16sH', data)
        subnqn, hostnqn = data[256:512], data[512:768]
        qid, sqsize = sqe.cdw10 >> 16, sqe.cdw11 & 0xFFFF

        def invalid(in_data, offset):
            return Fail(Sc.CONNECT_INVALID_PARAMETERS, in_data << 16 | offset)
        if not 1 <= sqsize < ENTRIES:
            raise invalid(0, 44)
        if not any(hostid):
            raise invalid(1, 0)
        name = subnqn.partition(b'\0')[0].decode()
        if name not in (self.target.nqn, DISCOVERY_NQN):
            raise invalid(1, 256)
        if not hostnqn.startswith(b'nqn.') or b'\0' not in hostnqn[:224]:
            raise invalid(1, 512)
        if qid == 0:
            if cntlid != 0xFFFF:
                raise invalid(1, 16)
            ctrl = self.target.new_controller(name, hostnqn, hostid)
        else:
            ctrl = self.target.controllers.get(cntlid)
            if not ctrl:
                raise invalid(1, 16)
            if ctrl.hostid != hostid:
                raise invalid(1, 0)
            if ctrl.hostnqn != hostnqn:
                raise invalid(1, 512)
            if not ctrl.cc & 1 or qid > ctrl.granted or ctrl.is_discovery:
                raise invalid(0, 42)
            if qid in ctrl.queues:
                raise Fail(Sc.SEQUENCE_ERROR)
        self.ctrl, self.qid, self.size = ctrl, qid, sqsize + 1
        ctrl.queues[qid] = self
        self.sqhd = 1
        if self.target.sqflow_off and sqe.cdw11 >> 18 & 1:
            self.flow_control = False
        if qid == 0:
            ctrl.features[Feature.KEEP_ALIVE_TIMER] = sqe.cdw12
        return ctrl.cntlid

    # admin

    def identify(self, sqe, _):
        spaces, nsid, cns = self.target.namespaces, sqe.nsid, sqe.cdw10 & 0xFF
        if cns == 1:
            return self.ctrl.identify()
        if cns == 0:
            if not 1 <= nsid <= NN:
                raise Fail(Sc.INVALID_NAMESPACE)
            return spaces[nsid].identify() if nsid in spaces else bytes(4096)
        if cns == 2:
            if nsid >= 0xFFFFFFFE:
                raise Fail(Sc.INVALID_NAMESPACE)
            active = sorted(n for n in spaces if n > nsid)
            return struct.pack(f'<{len(active)}I', *active).ljust(4096, b'\0')
        if cns == 3:
            if nsid not in spaces:
                raise Fail(Sc.INVALID_NAMESPACE)
            return spaces[nsid].descriptors().ljust(4096, b'\0')
        raise Fail(Sc.INVALID_FIELD)

    def log_page(self, sqe, _):
        lid = sqe.cdw10 & 0xFF
        length = ((sqe.cdw10 >> 16 | (sqe.cdw11 & 0xFFFF) << 16) + 1) * 4
        offset = sqe.cdw12 | sqe.cdw13 << 32
        firmware = bytearray(512)
        firmware[0] = 1
        firmware[8:16] = b'1'.ljust(8)
        pages = {Log.ERROR: bytes(64), Log.HEALTH: bytes(512),
                 Log.FIRMWARE: firmware}
        if self.ctrl.is_discovery:
            pages = {Log.DISCOVERY: self.target.discovery_log(
                self.sock.getsockname()[0])}
        if lid not in pages:
            raise Fail(Sc.INVALID_LOG_PAGE)
        page = bytes(pages[lid])
        if offset & 3 or offset > len(page) or length > 4096 << MDTS:
            raise Fail(Sc.INVALID_FIELD)
        return page[offset:offset + length].ljust(length, b'\0')

    def set_features(self, sqe, _):
        fid, ctrl = sqe.cdw10 & 0xFF, self.ctrl
        if sqe.cdw10 >> 31:
            raise Fail(Sc.FEATURE_NOT_SAVEABLE)
        if fid == Feature.NUMBER_OF_QUEUES:
            count = sqe.cdw11 & 0xFFFF
            if count != sqe.cdw11 >> 16 or count == 0xFFFF:
                raise Fail(Sc.INVALID_FIELD)
            if len(ctrl.queues) > 1:
                raise Fail(Sc.SEQUENCE_ERROR)
            ctrl.granted = min(count + 1, 128)
            return (ctrl.granted - 1) * 0x10001
        if fid not in ctrl.features:
            raise Fail(Sc.INVALID_FIELD)
        ctrl.features[fid] = sqe.cdw11
        return 0

    def get_features(self, sqe, _):
        fid = sqe.cdw10 & 0xFF
        if fid == Feature.NUMBER_OF_QUEUES:
            return max(self.ctrl.granted - 1, 0) * 0x10001
        if fid not in self.ctrl.features:
            raise Fail(Sc.INVALID_FIELD)
        return self.ctrl.features[fid]

    def event(self, sqe, _):
        if len(self.ctrl.aers) >= 4:
            raise Fail(Sc.ASYNC_LIMIT)
        self.ctrl.aers.append(sqe.cid)

    # I/O

    def namespace(self, sqe):
        if sqe.nsid not in self.target.namespaces:
            raise Fail(Sc.INVALID_NAMESPACE)
        return self.target.namespaces[sqe.nsid]

    def byte_range(self, sqe):
        space = self.namespace(sqe)
        slba, blocks = sqe.cdw10 | sqe.cdw11 << 32, (sqe.cdw12 & 0xFFFF) + 1
        if sqe.psdt not in (1, 2):
            raise Fail(Sc.INVALID_FIELD)
        if blocks * space.bs > 4096 << MDTS:
            raise Fail(Sc.INVALID_FIELD)
        if (slba + blocks) * space.bs > len(space.data):
            raise Fail(Sc.LBA_OUT_OF_RANGE)
        return space, slba * space.bs, (slba + blocks) * space.bs

    def read(self, sqe, _):
        space, start, end = self.byte_range(sqe)
        return bytes(space.data[start:end])

    def write(self, sqe, capsule):
        space, start, end = self.byte_range(sqe)
        if space.ro:
            raise Fail(Sc.WRITE_PROTECTED)
        space.data[start:end] = self.host_data(sqe, capsule, end - start)
        return 0

    def flush(self, sqe, _):
        self.namespace(sqe)
        return 0

    DISCOVERY = {Admin.IDENTIFY: identify, Admin.GET_LOG_PAGE: log_page,
                 Admin.KEEP_ALIVE: lambda *_: 0, Admin.ASYNC_EVENT: event}
    ADMIN = {**DISCOVERY, Admin.SET_FEATURES: set_features,
             Admin.GET_FEATURES: get_features, Admin.ABORT: lambda *_: 1}
    IO = {Nvm.READ: read, Nvm.WRITE: write, Nvm.FLUSH: flush}


class Fetched:
    """A submission queue entry as it arrived."""

    def __init__(self, raw):
        (self.opcode, self.flags, self.cid, self.nsid, self.sgl_address,
         self.sgl_length, self.sgl_kind, self.cdw10, self.cdw11, self.cdw12,
         self.cdw13) = struct.unpack_from('<BBHI16xQI3xBIIII', raw)
        self.fctype = self.nsid & 0xFF
        self.psdt = self.flags >> 6


class Target:
    """`options` is what main() parses; tests may make their own."""

    def __init__(self, options):
        self.nqn = options.n
        self.digests = options.g | options.G << 1
        self.sqflow_off = options.F
        self.namespaces = {nsid: Namespace(nsid, text) for nsid, text
                           in enumerate(options.devices, 1)}
        self.controllers = {}
        self.ids = itertools.count(1)
        self.ports = {}

    def new_controller(self, subnqn, hostnqn, hostid):
        cntlid = next(self.ids)
        made = Controller(self, cntlid, subnqn, hostnqn, hostid)
        self.controllers[cntlid] = made
        return made

    def discovery_log(self, address):
        entry = bytearray(1024)
        address = address.removeprefix('::ffff:')
        struct.pack_into('<BBBBHHH', entry, 0, 3, 2 if ':' in address else 1,
                         2, 2 | self.sqflow_off << 2, 1, 0xFFFF, 32)
        entry[32:64] = str(self.ports['io']).encode().ljust(32)
        entry[256:512] = self.nqn.encode().ljust(256, b'\0')
        entry[512:768] = address.encode().ljust(256)
        return struct.pack('<QQH1006x', 1, 1, 0) + entry

    def listen(self, name):
        server = socket.create_server(('::', 0), family=socket.AF_INET6,
                                      dualstack_ipv6=True, backlog=128)
        self.ports[name] = server.getsockname()[1]
        threading.Thread(target=self.accept, args=(server,),
                         daemon=True).start()

    def accept(self, server):
        while True:
            sock, _ = server.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Connection(self, sock).start()


def main():
    parser = argparse.ArgumentParser()
    for flag in 'dFGg':
        parser.add_argument('-' + flag, action='store_true')
    for option in ('-p', '-P', '-n', '--ports-file', '--workers'):
        parser.add_argument(option)
    parser.add_argument('devices', nargs='+')
    target = Target(parser.parse_args())
    for name in ('io', 'discovery'):
        target.listen(name)
    path = parser.parse_args().ports_file
    with open(path + '.new', 'w', encoding='ascii') as out:
        out.writelines(f'{k}={v}\n' for k, v in target.ports.items())
    os.rename(path + '.new', path)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)


if __name__ == '__main__':
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
