# SPDX-License-Identifier: BSD-2-Clause
"""A small, strict NVMe/TCP host.

Connection   ICReq/ICResp, PDUs, digests; checks every header it receives.
Queue        commands: in-capsule data, R2T, C2HData, SQHD; Connect.
Controller   an admin queue, enabled, and its I/O queues.

Anything that a target sends and the specification does not allow raises
Violation.  Every wait has a deadline.  Any field can be made wrong: send_raw()
and send_pdu() take bytes as they are, Sqe is packed as it stands.
"""
import random
import socket
import struct
import time
import uuid

import wire
from wire import DDGST, HDGST, LAST, SUCCESS, Feature, Fes, Pdu, Prop, Sc

TIMEOUT = 10.0
DISCOVERY_NQN = 'nqn.2014-08.org.nvmexpress.discovery'
ADMIN_IN_CAPSULE = 8192
FLOW_CONTROL_OFF = 0xFFFF
CATTR_NO_FLOW_CONTROL = 4
CATTR_INDIVIDUAL_DELETION = 8
CC_ENABLE = 0x00460001   # IOCQES 4, IOSQES 6, NVM, EN


class Violation(AssertionError):
    """The target broke the specification."""


class Closed(ConnectionError):
    """The target ended the connection in an orderly way."""


class Terminated(Closed):
    """The target sent C2HTermReq."""

    def __init__(self, pdu):
        self.fes, self.fei = struct.unpack_from('<HI', pdu.header, 8)
        self.data = pdu.data
        super().__init__(f'C2HTermReq FES {self.fes} FEI {self.fei}')


def require(condition, *what):
    if not condition:
        raise Violation(' '.join(str(w) for w in what))


# flags that a PDU may carry, and whether it may carry data
ALLOWED = {Pdu.C2H_TERM: (0, True), Pdu.RSP: (HDGST, False),
           Pdu.C2H_DATA: (HDGST | DDGST | LAST | SUCCESS, True),
           Pdu.R2T: (HDGST, False)}


class Connection:
    """One TCP connection after a handshake."""

    def __init__(self, address, *, hdgst=False, ddgst=False, hpda=0, maxr2t=0,
                 timeout=TIMEOUT, handshake=True):
        self.timeout = timeout
        self.hpda = hpda
        self.maxr2t = maxr2t
        self.hdgst = self.ddgst = False
        self.cpda = 0
        self.maxh2cdata = 0
        self.received = bytearray()
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if handshake:
            self.handshake(hdgst, ddgst)

    @classmethod
    def over(cls, connected, **fields):
        """A connection on an open socket, past its handshake: for tests."""
        self = cls.__new__(cls)
        self.__dict__.update(timeout=TIMEOUT, hpda=0, maxr2t=0, hdgst=False,
                             ddgst=False, cpda=0, maxh2cdata=4096,
                             received=bytearray(), socket=connected)
        self.__dict__.update(fields)
        return self

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # bytes

    def send_raw(self, data):
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def _fill(self, count, deadline):
        while len(self.received) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f'nothing received for {self.timeout} s')
            self.socket.settimeout(left)
            chunk = self.socket.recv(1 << 18)
            if not chunk:
                require(not self.received, 'the end came inside a PDU')
                raise Closed('the target ended the connection')
            self.received += chunk

    def _take(self, count, deadline):
        self._fill(count, deadline)
        taken = bytes(self.received[:count])
        del self.received[:count]
        return taken

    # PDUs

    def send_pdu(self, kind, specific, data=b'', **how):
        self.send_raw(self.encode(kind, specific, data, **how))

    def encode(self, kind, specific, data=b'', **how):
        return wire.build_pdu(kind, specific, data, hdgst=self.hdgst,
                              ddgst=self.ddgst, align=(self.cpda + 1) * 4,
                              **how)

    def handshake(self, hdgst=False, ddgst=False):
        asked = (1 if hdgst else 0) | (2 if ddgst else 0)
        self.send_raw(wire.icreq(hpda=self.hpda, digests=asked,
                                 maxr2t=self.maxr2t))
        self.receive_icresp(asked)

    def receive_icresp(self, asked=0):
        """ICResp, every byte of it checked; `asked` are the digests."""
        deadline = time.monotonic() + self.timeout
        self._fill(8, deadline)
        if self.received[0] == Pdu.C2H_TERM:
            raise Terminated(self.receive_pdu())
        header = self._take(128, deadline)
        require(header[:8] == wire.common_header(Pdu.ICRESP, 0, 128, 0, 128),
                'ICResp common header', header[:8].hex())
        pfv, self.cpda, granted, self.maxh2cdata = struct.unpack_from(
            '<HBBI', header, 8)
        require(pfv == 0, 'ICResp PFV', pfv)
        require(self.cpda <= 31, 'ICResp CPDA', self.cpda)
        require(granted & ~asked == 0, 'digests not asked for', granted)
        require(self.maxh2cdata >= 4096 and self.maxh2cdata % 4 == 0,
                'MAXH2CDATA', self.maxh2cdata)
        require(not any(header[16:]), 'ICResp reserved bytes')
        self.hdgst, self.ddgst = bool(granted & 1), bool(granted & 2)

    def receive_pdu(self, timeout=None):
        """The next PDU, its header checked and its digests verified."""
        if timeout is None:
            timeout = self.timeout
        deadline = time.monotonic() + timeout
        self._fill(8, deadline)
        kind, flags, hlen, pdo, plen = struct.unpack_from('<BBBBI',
                                                          self.received)
        self._check_common(kind, flags, hlen, pdo, plen)
        raw = self._take(plen, deadline)
        header, body = raw[:hlen], raw[hlen:]
        hdgst, ddgst = flags & HDGST, flags & DDGST
        if hdgst:
            require(body[:4] == wire.digest(header), 'header digest of', kind)
        data = b''
        if kind == Pdu.C2H_TERM:
            data = body
        elif kind == Pdu.C2H_DATA:
            data = raw[pdo:plen - (4 if ddgst else 0)]
        if ddgst:
            require(raw[-4:] == wire.digest(data), 'data digest of', kind)
        if kind in (Pdu.R2T, Pdu.C2H_DATA):
            require(header[20:] == bytes(4), 'reserved bytes of type', kind)
        return wire.PduIn(kind, flags, pdo, plen, header, data)

    def _check_common(self, kind, flags, hlen, pdo, plen):
        require(kind in ALLOWED, 'PDU type', kind)
        allowed, may_carry_data = ALLOWED[kind]
        require(flags & ~allowed == 0, 'flags', flags, 'on PDU type', kind)
        digests = self.hdgst and kind != Pdu.C2H_TERM
        require(bool(flags & HDGST) == digests, 'HDGST flag of type', kind)
        require(hlen == wire.HEADER_LENGTH[kind], 'HLEN', hlen, 'type', kind)
        head = hlen + (4 if digests else 0)
        require(plen <= 256 + (64 << 20), 'PLEN', plen)
        if kind == Pdu.C2H_DATA:
            require(bool(flags & DDGST) == self.ddgst, 'DDGST flag')
            require(head <= pdo < plen, 'PDO', pdo, 'PLEN', plen)
            require(pdo % ((self.hpda + 1) * 4) == 0, 'PDO', pdo, 'and HPDA')
            require(pdo - head < (self.hpda + 1) * 4, 'padding of', pdo - head)
        elif kind == Pdu.C2H_TERM:
            require(24 <= plen <= 152, 'C2HTermReq PLEN', plen)
            require(pdo == 0, 'C2HTermReq PDO', pdo)
        else:
            require(pdo == 0, 'PDO', pdo, 'of type', kind)
            require(plen == head, 'PLEN', plen, 'of type', kind)

    # ends

    def expect_end(self, timeout=None):
        """Reads until an orderly end; returns the PDUs that came before."""
        pdus = []
        try:
            while True:
                pdus.append(self.receive_pdu(timeout))
        except Closed:
            return pdus

    def expect_termination(self, timeout=None):
        """C2HTermReq and then the end; other PDUs before it are skipped."""
        pdus = self.expect_end(timeout)
        require(pdus and pdus[-1].type == Pdu.C2H_TERM,
                'ended without C2HTermReq')
        return Terminated(pdus[-1])

    def send_term(self, fes=Fes.INVALID_HEADER_FIELD, fei=0, data=b''):
        """H2CTermReq: digests never apply to it, nor PDO."""
        specific = wire.term_header(fes, fei)
        self.send_raw(wire.common_header(Pdu.H2C_TERM, 0, 24, 0,
                                         24 + len(data)) + specific + data)


class Command:
    """A command in flight, and afterwards its result."""

    def __init__(self, sqe, cid, index, out, length, in_capsule):
        self.sqe = sqe
        self.cid = cid
        self.index = index          # how many the queue fetched before it
        self.out = out              # what the host sends
        self.length = length        # what the host expects to receive
        self.in_capsule = in_capsule
        self.data = bytearray()     # what was received
        self.granted = len(out) if in_capsule else 0
        self.sent = self.granted
        self.r2ts = []              # (ttag, offset, length) not yet answered
        self.cqe = None
        self.by_success_flag = False
        self.pdus = []              # C2HData PDUs, headers only

    @property
    def done(self):
        return self.cqe is not None


class Queue(Connection):
    """A connection that carries commands.

    size is SQSIZE + 1.  Until Connect every response is checked but SQHD.
    """

    def __init__(self, address, *, in_capsule=0, **how):
        super().__init__(address, **how)
        self._reset_counters()
        self.in_capsule = in_capsule

    @classmethod
    def over(cls, connected, **fields):
        self = super().over(connected, in_capsule=0)
        self._reset_counters()
        self.__dict__.update(fields)
        return self

    def _reset_counters(self):
        self.size = None
        self.flow_control = True
        self.in_flight = {}
        self.next_cid = random.randrange(0x8000)
        self.submitted = 0
        self.fetched = 0
        self.hold_r2t = False       # True: R2Ts wait in Command.r2ts

    # sending commands

    def prepare(self, sqe, out=b'', length=0, *, cid=None, in_capsule=None):
        """Registers a command and returns (command, its capsule)."""
        if cid is None:
            cid = self._free_cid()
        if in_capsule is None:
            in_capsule = 0 < len(out) <= self.in_capsule
        descriptor = sqe.sgl
        if descriptor is None:
            kind = wire.SGL_IN_CAPSULE if in_capsule else wire.SGL_TRANSPORT
            descriptor = wire.sgl(kind, len(out) or length)
        command = Command(sqe, cid, self.submitted, bytes(out), length,
                          in_capsule)
        self.in_flight[cid] = command
        self.submitted += 1
        return command, sqe.pack(cid, descriptor)

    def _free_cid(self):
        while self.next_cid in self.in_flight:
            self.next_cid = (self.next_cid + 1) & 0xFFFF
        cid = self.next_cid
        self.next_cid = (cid + 1) & 0xFFFF
        return cid

    def capsule(self, sqe, out=b'', length=0, wrong=None, **how):
        """(command, PDU bytes), for tests that send several at once."""
        command, packed = self.prepare(sqe, out, length, **how)
        data = command.out if command.in_capsule else b''
        return command, self.encode(Pdu.CMD, packed, data, wrong=wrong)

    def submit(self, sqe, out=b'', length=0, **how):
        command, pdu = self.capsule(sqe, out, length, **how)
        self.send_raw(pdu)
        return command

    def run(self, sqe, out=b'', length=0, **how):
        return self.wait(self.submit(sqe, out, length, **how))

    def wait(self, command, timeout=None):
        """Receives until the command is done; returns it."""
        if timeout is None:
            timeout = self.timeout
        deadline = time.monotonic() + timeout
        while not command.done:
            self.step(max(deadline - time.monotonic(), 0))
        return command

    def wait_all(self, commands, timeout=None):
        for command in commands:
            self.wait(command, timeout)
        return commands

    # receiving

    def step(self, timeout=None):
        """Receives one PDU and acts on it."""
        pdu = self.receive_pdu(timeout)
        if pdu.type == Pdu.C2H_TERM:
            raise Terminated(pdu)
        handler = {Pdu.RSP: self._response, Pdu.R2T: self._r2t,
                   Pdu.C2H_DATA: self._c2h_data}[pdu.type]
        handler(pdu)
        return pdu

    def _find(self, cid):
        require(cid in self.in_flight, 'no command has identifier', cid)
        return self.in_flight[cid]

    def _response(self, pdu):
        cqe = wire.Cqe.unpack(pdu.header[8:])
        command = self._find(cqe.cid)
        require(cqe.sqid == 0 and not cqe.status & 1,
                'reserved fields of a response', cqe)
        if cqe.sc == Sc.SUCCESS:
            self._check_complete(command)
        if self.size and self.flow_control:
            self._check_sqhd(cqe.sqhd, command)
        self._finish(command, cqe)

    def _check_complete(self, command):
        require(len(command.data) == command.length, 'successful command',
                'transferred', len(command.data), 'of', command.length)
        require(command.sent == len(command.out), 'successful command took',
                command.sent, 'of', len(command.out))

    def _check_sqhd(self, sqhd, command):
        """SQHD is the count of fetched commands modulo the queue's size."""
        require(sqhd < self.size, 'SQHD', sqhd, 'in a queue of', self.size)
        least = max(self.fetched, command.index + 1)
        fetched = least + (sqhd - least) % self.size
        require(fetched <= self.submitted, 'SQHD', sqhd, 'stands for',
                fetched, 'of', self.submitted, 'commands, at least', least)
        self.fetched = fetched

    def _finish(self, command, cqe):
        command.cqe = cqe
        del self.in_flight[command.cid]

    def _r2t(self, pdu):
        cid, ttag, offset, length = struct.unpack_from('<HHII', pdu.header, 8)
        command = self._find(cid)
        require(command.out and not command.in_capsule,
                'R2T for a command that sends nothing')
        require(length > 0, 'R2T of length 0')
        require(length <= self.maxh2cdata, 'R2T of', length, 'MAXH2CDATA is',
                self.maxh2cdata)
        require(offset == command.granted, 'R2T offset', offset, 'after',
                command.granted)
        require(offset + length <= len(command.out), 'R2T up to',
                offset + length, 'of', len(command.out))
        command.granted += length
        command.r2ts.append((ttag, offset, length))
        require(len(command.r2ts) <= self.maxr2t + 1, 'more R2Ts than MAXR2T')
        if not self.hold_r2t:
            self.answer_r2t(command)

    def answer_r2t(self, command, piece=None):
        """Sends what the oldest R2T asks for, in pieces of at most `piece`."""
        ttag, offset, length = command.r2ts.pop(0)
        end = offset + length
        piece = min(piece or self.maxh2cdata, self.maxh2cdata)
        while offset < end:
            size = min(piece, end - offset)
            last = LAST if offset + size == end else 0
            self.send_h2c_data(command, ttag, offset, size, flags=last)
            offset += size
        command.sent = end

    def send_h2c_data(self, command, ttag, offset, size, **how):
        self.send_pdu(Pdu.H2C_DATA,
                      wire.transfer_header(command.cid, ttag, offset, size),
                      command.out[offset:offset + size], **how)

    def _c2h_data(self, pdu):
        cid, reserved, offset, length = struct.unpack_from('<HHII',
                                                           pdu.header, 8)
        command = self._find(cid)
        require(length == len(pdu.data), 'DATAL', length, 'but', len(pdu.data))
        require(length > 0, 'C2HData of length 0')
        require(reserved == 0, 'C2HData reserved field', reserved)
        require(offset == len(command.data), 'C2HData at', offset, 'after',
                len(command.data))
        require(offset + length <= command.length, 'C2HData up to',
                offset + length, 'of', command.length)
        command.data += pdu.data
        command.pdus.append((pdu.flags, offset, length))
        complete = len(command.data) == command.length
        last = bool(pdu.flags & LAST)
        require(last == complete, 'LAST is', last, 'at', offset + length)
        if pdu.flags & SUCCESS:
            require(last, 'SUCCESS without LAST')
            command.by_success_flag = True
            self._finish(command, wire.Cqe(0, 0, 0, 0, cid, 0))

    # Fabrics

    def connect(self, subnqn, hostnqn, hostid, *, cntlid=0xFFFF, data=None,
                **fields):
        """Runs Connect; on success SQHD is followed from here on."""
        if data is None:
            data = wire.connect_data(subnqn, hostnqn, hostid, cntlid)
        fields.setdefault('sqsize', 31)
        command = self.run(wire.connect(**fields), data, in_capsule=True)
        if command.cqe.sc == Sc.SUCCESS:
            self._connected(command.cqe, fields)
        return command

    def _connected(self, cqe, fields):
        asked_off = fields.get('cattr', 0) & CATTR_NO_FLOW_CONTROL
        self.flow_control = cqe.sqhd != FLOW_CONTROL_OFF
        require(self.flow_control or asked_off,
                'flow control off without being asked')
        require(not self.flow_control or cqe.sqhd <= self.submitted,
                'SQHD', cqe.sqhd, 'after Connect')
        self.size = fields['sqsize'] + 1
        self.submitted = self.fetched = cqe.sqhd if self.flow_control else 0

    def property_get(self, offset, size=4):
        cqe = self.run(wire.property_get(offset, size)).cqe
        require(cqe.sc == Sc.SUCCESS, 'Property Get', hex(offset), cqe)
        return cqe.dw0 | cqe.dw1 << 32

    def property_set(self, offset, value, size=4):
        return self.run(wire.property_set(offset, value, size)).cqe

    def disconnect(self):
        return self.run(wire.disconnect()).cqe


class Host:
    """Who connects: an NQN and a host identifier."""

    def __init__(self, nqn=None, hostid=None):
        made = uuid.uuid4()
        self.nqn = f'nqn.2014-08.org.nvmexpress:uuid:{made}' if nqn is None else nqn
        self.hostid = hostid or made.bytes


class Controller:
    """An admin queue and, once asked for, I/O queues.

    `how` is for the connections: hdgst, ddgst, hpda, timeout...
    """

    def __init__(self, address, subnqn, *, host=None, sqsize=31, kato=0,
                 cattr=0, enable=True, **how):
        self.address = address
        self.subnqn = subnqn
        self.host = host or Host()
        self.how = how
        self.queues = []
        self.in_capsule = 0
        self.admin = Queue(address, in_capsule=ADMIN_IN_CAPSULE, **how)
        command = self.admin.connect(subnqn, self.host.nqn, self.host.hostid,
                                     sqsize=sqsize, kato=kato, cattr=cattr)
        require(command.cqe.sc == Sc.SUCCESS, 'Connect', command.cqe)
        self.cntlid = command.cqe.dw0 & 0xFFFF
        if enable:
            self.enable()

    def enable(self, cc=CC_ENABLE):
        require(self.admin.property_set(Prop.CC, cc).sc == Sc.SUCCESS,
                'enabling')
        self.wait_csts(1, 1)

    def disable(self):
        cqe = self.admin.property_set(Prop.CC, CC_ENABLE & ~1)
        require(cqe.sc == Sc.SUCCESS, 'disabling', cqe)
        self.wait_csts(1, 0)

    def wait_csts(self, mask, value):
        deadline = time.monotonic() + TIMEOUT
        while self.admin.property_get(Prop.CSTS) & mask != value:
            if time.monotonic() > deadline:
                raise TimeoutError(f'CSTS & {mask:#x} never became {value:#x}')
            time.sleep(0.002)

    def close(self):
        for queue in [self.admin, *self.queues]:
            queue.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # admin commands

    def identify(self, cns=1, nsid=0, cntid=0):
        return self.admin.run(wire.identify(cns, nsid, cntid), length=4096)

    def identify_controller(self):
        command = self.identify()
        require(command.cqe.sc == Sc.SUCCESS, 'Identify', command.cqe)
        return wire.Fields(wire.CONTROLLER, command.data)

    def identify_namespace(self, nsid):
        command = self.identify(0, nsid)
        require(command.cqe.sc == Sc.SUCCESS, 'Identify', command.cqe)
        return wire.Fields(wire.NAMESPACE, command.data)

    def namespaces(self):
        """The active NSIDs."""
        data = bytes(self.identify(2).data)
        return [nsid for nsid, in struct.iter_unpack('<I', data) if nsid]

    def descriptors(self, nsid):
        """CNS 03h as {type: bytes}."""
        data = bytes(self.identify(3, nsid).data)
        found, at = {}, 0
        while at + 4 <= len(data) and data[at + 1]:
            kind, length = data[at], data[at + 1]
            require(kind not in found, 'descriptor type twice', kind)
            found[kind] = data[at + 4:at + 4 + length]
            at += 4 + length
        return found

    def get_log(self, lid, length, **how):
        """`length` bytes; asks for whole dwords."""
        dwords = length // 4
        return self.admin.run(wire.get_log_page(lid, dwords, **how),
                              length=dwords * 4)

    def set_queues(self, count):
        """Number of Queues; returns how many were granted."""
        value = (count - 1) | (count - 1) << 16
        cqe = self.admin.run(
            wire.set_features(Feature.NUMBER_OF_QUEUES, value)).cqe
        require(cqe.sc == Sc.SUCCESS, 'Set Features 07h', cqe)
        return (cqe.dw0 & 0xFFFF) + 1

    # I/O queues

    def open_queue(self, **how):
        """A connection for an I/O queue, before Connect."""
        if not self.in_capsule:
            self.in_capsule = (self.identify_controller().ioccsz - 4) * 16
        queue = Queue(self.address, in_capsule=self.in_capsule,
                      **{**self.how, **how})
        self.queues.append(queue)
        return queue

    def connect_queue(self, queue, qid, **fields):
        """Runs Connect with this controller's identity unless told else."""
        who = {'subnqn': self.subnqn, 'hostnqn': self.host.nqn,
               'hostid': self.host.hostid, 'cntlid': self.cntlid}
        for name in list(who):
            who[name] = fields.pop(name, who[name])
        return queue.connect(who.pop('subnqn'), who.pop('hostnqn'),
                             who.pop('hostid'), qid=qid, **who, **fields)

    def io_queue(self, qid=1, *, sqsize=127, cattr=0, **how):
        queue = self.open_queue(**how)
        command = self.connect_queue(queue, qid, sqsize=sqsize, cattr=cattr)
        require(command.cqe.sc == Sc.SUCCESS, 'Connect', command.cqe)
        return queue

    def io_queues(self, count, **how):
        granted = self.set_queues(count)
        require(granted >= count, 'granted', granted, 'of', count)
        return [self.io_queue(qid, **how) for qid in range(1, count + 1)]
