# SPDX-License-Identifier: BSD-2-Clause
"""Row "nothing wicked hurts it": PDUs that are right, and a stream that is not."""
import random
import socket
import struct
import unittest

import nvmetcp
import wire
from case import pattern, read_blocks, write_blocks
from wicked import MIB, WickedCase
from wire import LAST, Fes, Pdu, Sc, Sqe

BLOCK = 512
LENGTHS = (0, 1, 4, 511, 512, 513, 4096, MIB - 1, MIB, MIB + 1, 1 << 31, (1 << 32) - 1)
TRANSPORT, IN_CAPSULE = wire.SGL_TRANSPORT, wire.SGL_IN_CAPSULE


class StreamCase(WickedCase):

    def assert_terminated(self, queue, sent, fes, fei=0):
        """C2HTermReq with this FES and FEI, showing what it is about."""
        term = queue.expect_termination()
        self.assertEqual((term.fes, term.fei), (fes, fei), term)
        self.assertTrue(term.data and sent.startswith(term.data), term.data[:16].hex())

    def asked(self, queue, blocks=128, slba=0, nsid=1):
        """A Write whose first R2T has come: the command, tag, offset and length."""
        queue.hold_r2t = True
        command = queue.submit(wire.write(nsid, slba, blocks), pattern(blocks, seed=1),
                               in_capsule=False)
        while not command.r2ts:
            queue.step()
        return command, *command.r2ts[0]

    def is_alive(self, queue):
        self.assert_success(read_blocks(queue, 0, 1))


class Pieces(StreamCase):
    """The stream may be cut anywhere."""

    args = ('-g', '-G')

    @staticmethod
    def drip(queue):
        """From now on each byte is sent alone."""
        def send_raw(data):
            for at in range(len(data)):
                queue.socket.sendall(data[at:at + 1])
        queue.send_raw = send_raw
        return queue

    def test_a_whole_association_in_single_bytes(self):
        for digests in (False, True):
            host = nvmetcp.Host()
            admin = self.drip(self.queue(handshake=False))
            admin.handshake(digests, digests)
            command = admin.connect(self.target.nqn, host.nqn, host.hostid)
            self.assert_success(command)
            self.assertEqual(admin.property_set(wire.Prop.CC, nvmetcp.CC_ENABLE).sc, 0)
            self.wait_until(lambda: admin.property_get(wire.Prop.CSTS) & 1,
                            lambda: 'the controller is never ready')
            self.assert_success(admin.run(
                wire.set_features(wire.Feature.NUMBER_OF_QUEUES, 0)))
            queue = self.drip(self.queue(handshake=False))
            queue.handshake(digests, digests)
            self.assert_success(queue.connect(self.target.nqn, host.nqn, host.hostid, qid=1,
                                              cntlid=command.cqe.dw0 & 0xFFFF))
            for blocks, in_capsule in ((1, True), (8, False)):
                data = pattern(blocks, seed=77)
                self.assert_success(write_blocks(queue, 9, data, in_capsule=in_capsule))
                self.assertEqual(read_blocks(queue, 9, blocks).data, data)

    def test_two_capsules_and_a_half_in_one_segment(self):
        for digests in (False, True):
            queue = self.io(hdgst=digests, ddgst=digests)
            length = len(queue.encode(Pdu.CMD, bytes(64), bytes(BLOCK)))
            for cut in (1, 7, 8, 9, 71, 72, 73, 76, 77, 300, length - 5, length - 4,
                        length - 1):
                with self.subTest(cut=cut, digests=digests):
                    self.cut_the_third(queue, cut)

    def cut_the_third(self, queue, cut):
        pairs = [queue.capsule(wire.write(1, n, 1), pattern(1, seed=n + cut), in_capsule=True)
                 for n in range(3)]
        stream = b''.join(pdu for _, pdu in pairs)
        at = len(stream) - len(pairs[2][1]) + cut
        queue.send_raw(stream[:at])
        queue.wait(pairs[1][0])
        queue.send_raw(stream[at:])
        queue.wait(pairs[2][0])
        for number, (command, _) in enumerate(pairs):
            self.assert_success(command)
            self.assertEqual(read_blocks(queue, number, 1).data, pattern(1, seed=number + cut))

    def test_data_of_two_writes_and_a_capsule_in_one_segment(self):
        queue = self.io(hdgst=True, ddgst=True)
        first, second = (self.asked(queue, 8, slba)[0] for slba in (0, 8))
        stream = b''
        for command in (second, first):
            ttag, offset, length = command.r2ts.pop()
            header = wire.transfer_header(command.cid, ttag, offset, length)
            stream += queue.encode(Pdu.H2C_DATA, header, command.out, flags=LAST)
            command.sent = length
        third, capsule = queue.capsule(wire.flush(1))
        queue.send_raw(stream + capsule)
        queue.wait_all([first, second, third])
        for command in (first, second, third):
            self.assert_success(command)
        self.assertEqual(read_blocks(queue, 8, 8).data, second.out)

    def test_the_connection_ends_within_a_pdu(self):
        """At every kind of place; what began is not executed."""
        old = pattern(8, seed=5)
        self.assert_success(write_blocks(self.io(), 0, old))
        for length in (1, 8, 71, 72, 73, 583):
            queue = self.io()
            _, pdu = queue.capsule(wire.write(1, 0, 1), bytes(BLOCK), in_capsule=True)
            queue.send_raw(pdu[:length])
            queue.controller.close()
        for length in (1, 8, 23, 24, 25, 4119):
            queue = self.io()
            command, ttag, offset, size = self.asked(queue, 8)
            header = wire.transfer_header(command.cid, ttag, offset, size)
            queue.send_raw(queue.encode(Pdu.H2C_DATA, header, bytes(size), flags=LAST)[:length])
            queue.controller.close()
        self.assertEqual(read_blocks(self.io(), 0, 8).data, old)

    def test_a_termination_is_read_whatever_the_host_still_sends(self):
        self.says(r'queue 1: connection ended: malformed PDU header \(FES 1, FEI 0\)')
        queue = self.io()
        pdu = wire.build_pdu(8, bytes(64))
        try:
            queue.send_raw(pdu + bytes(512 << 10))
        except ConnectionError:
            pass
        self.assert_terminated(queue, pdu, Fes.INVALID_HEADER_FIELD)

    def test_other_protocols_are_refused(self):
        for hello in (b'GET / HTTP/1.1\r\n\r\n', b'SSH-2.0-OpenSSH\r\n',
                      b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'):
            queue = self.queue(handshake=False)
            queue.send_raw(hello)
            self.assert_terminated(queue, hello, Fes.INVALID_HEADER_FIELD)
        self.says(r'queue 0: connection ended: malformed PDU header \(FES 1, FEI 0\)', times=3)


class HostData(StreamCase):
    """H2CData that nobody asked for.  Blocks 0 to 127 hold what was there."""

    OUT_OF_RANGE = r'queue 1: connection ended: H2CData out of order or range \(FES 4, FEI 0\)'
    UNEXPECTED = (r'queue 1: connection ended: '
                  r'H2CData for a command that expects none \(FES 1, FEI 8\)')
    devices = ('ramdisk:16M', 'delay:ms=300/ramdisk:1M')

    def setUp(self):
        super().setUp()
        self.old = pattern(128, seed=9)
        self.assert_success(write_blocks(self.io(), 0, self.old))
        self.q = self.io()

    def send(self, cid, ttag, offset, length, flags=LAST):
        pdu = self.q.encode(Pdu.H2C_DATA, wire.transfer_header(cid, ttag, offset, length),
                            bytes(length), flags=flags)
        self.q.send_raw(pdu)
        return pdu

    def assert_refused(self, pdu, fes, fei, says):
        """... and nothing of it was written."""
        self.says(says)
        self.assert_terminated(self.q, pdu, fes, fei)
        self.assertEqual(read_blocks(self.io(), 0, 128).data, self.old)

    def test_without_any_command(self):
        pdu = self.send(0, 0, 0, BLOCK)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 8, self.UNEXPECTED)

    def test_before_the_r2t(self):
        """The capsule, and at once what it may ask for."""
        command, capsule = self.q.capsule(wire.write(1, 0, 8), bytes(8 * BLOCK), cid=5,
                                          in_capsule=False)
        pdu = self.q.encode(Pdu.H2C_DATA, wire.transfer_header(5, 0x7777, 0, 8 * BLOCK),
                            command.out, flags=LAST)
        self.q.hold_r2t = True
        self.q.send_raw(capsule + pdu)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 10,
                            r'with an unknown transfer tag \(FES 1, FEI 10\)')

    def test_for_a_read(self):
        command = self.q.submit(wire.read(2, 0, 1), length=BLOCK)
        pdu = self.send(command.cid, 0, 0, BLOCK)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 8, self.UNEXPECTED)

    def test_for_a_write_whose_data_was_in_the_capsule(self):
        command = self.q.submit(wire.write(2, 0, 1), bytes(BLOCK), in_capsule=True)
        pdu = self.send(command.cid, 0, 0, BLOCK)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 8, self.UNEXPECTED)

    def test_beyond_the_end(self):
        command, ttag, _, length = self.asked(self.q)
        pdu = self.send(command.cid, ttag, length, BLOCK)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_across_the_end(self):
        command, ttag, _, length = self.asked(self.q)
        self.send(command.cid, ttag, 0, length - BLOCK, flags=0)
        pdu = self.send(command.cid, ttag, length - BLOCK, 2 * BLOCK)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_longer_than_all(self):
        command, ttag, _, length = self.asked(self.q)
        pdu = self.send(command.cid, ttag, 0, length + 4)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_around_the_end_of_numbers(self):
        command, ttag, _, _ = self.asked(self.q)
        pdu = self.send(command.cid, ttag, 0xFFFFFE00, 2 * BLOCK)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_the_same_part_twice(self):
        command, ttag, _, length = self.asked(self.q)
        self.send(command.cid, ttag, 0, length // 2, flags=0)
        pdu = self.send(command.cid, ttag, 0, length // 2)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_parts_that_overlap(self):
        command, ttag, _, length = self.asked(self.q)
        self.send(command.cid, ttag, 0, length // 2, flags=0)
        pdu = self.send(command.cid, ttag, length // 2 - 4, length // 2 + 4)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_parts_with_a_gap(self):
        command, ttag, _, length = self.asked(self.q)
        self.send(command.cid, ttag, 0, BLOCK, flags=0)
        pdu = self.send(command.cid, ttag, 2 * BLOCK, length - 2 * BLOCK)
        self.assert_refused(pdu, Fes.OUT_OF_RANGE, 0, self.OUT_OF_RANGE)

    def test_last_before_the_end(self):
        command, ttag, _, _ = self.asked(self.q)
        pdu = self.send(command.cid, ttag, 0, BLOCK)
        self.assert_refused(pdu, Fes.SEQUENCE_ERROR, 0, r'H2CData out of .*\(FES 2, FEI 0\)')

    def test_another_command_s_tag(self):
        first, _, _, length = self.asked(self.q)
        _, ttag, _, _ = self.asked(self.q)
        pdu = self.send(first.cid, ttag, 0, length)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 10,
                            r'with an unknown transfer tag \(FES 1, FEI 10\)')

    def test_while_the_command_executes(self):
        command, ttag, _, length = self.asked(self.q, 8, nsid=2)
        self.q.answer_r2t(command)
        pdu = self.send(command.cid, ttag, 0, length)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 8, self.UNEXPECTED)

    def test_after_the_command_has_ended(self):
        command, ttag, _, length = self.asked(self.q, 8, nsid=2)
        self.q.answer_r2t(command)
        self.assert_success(self.q.wait(command))
        pdu = self.send(command.cid, ttag, 0, length)
        self.assert_refused(pdu, Fes.INVALID_HEADER_FIELD, 8, self.UNEXPECTED)

    def test_a_host_s_termination_with_data_under_way(self):
        self.says(r'queue 1: connection ended: the host sent a TermReq \(FES 4, FEI 0\)')
        for _ in range(4):
            self.asked(self.q)
        self.q.send_term(Fes.OUT_OF_RANGE)
        self.assertEqual(self.q.expect_end(), [])
        self.assertEqual(read_blocks(self.io(), 0, 128).data, self.old)


class Identifiers(StreamCase):
    """A command identifier that is taken already."""

    devices = ('ramdisk:16M', 'delay:ms=500/ramdisk:1M')

    def conflicting(self, queue, cid, sqe=None, data=b''):
        """One more capsule under this identifier; the queue knows nothing of it."""
        packed = (sqe or wire.flush(1)).pack(cid, wire.sgl(IN_CAPSULE, len(data)))
        queue.submitted += 1
        return queue.encode(Pdu.CMD, packed, data)

    def statuses(self, queue, cid, count):
        """Those of the next responses, which are all of one identifier."""
        found = []
        while len(found) < count:
            pdu = queue.receive_pdu()
            if pdu.type == Pdu.RSP:
                cqe = wire.Cqe.unpack(pdu.header[8:])
                self.assertEqual(cqe.cid, cid)
                found.append(cqe.sc)
        return found

    def test_while_the_first_is_executed(self):
        queue = self.io()
        for first in (wire.flush(2), wire.read(2, 0, 1)):
            command, pdu = queue.capsule(first, length=BLOCK)
            pdu += b''.join(self.conflicting(queue, command.cid) for _ in range(3))
            queue.send_raw(pdu)
            self.assertEqual(self.statuses(queue, command.cid, 4),
                             3 * [Sc.CID_CONFLICT] + [Sc.SUCCESS])
            del queue.in_flight[command.cid]
        self.is_alive(queue)

    def test_while_the_first_waits_for_data(self):
        queue = self.io()
        command, *_ = self.asked(queue, 8)
        queue.send_raw(self.conflicting(queue, command.cid))
        self.assertEqual(self.statuses(queue, command.cid, 1), [Sc.CID_CONFLICT])
        queue.answer_r2t(command)
        self.assert_success(queue.wait(command))
        self.assertEqual(read_blocks(queue, 0, 8).data, command.out)

    def test_a_write_of_the_same_identifier_moves_nothing(self):
        queue = self.io()
        self.assert_success(write_blocks(queue, 0, pattern(1, seed=3)))
        command, pdu = queue.capsule(wire.flush(2))
        queue.send_raw(pdu + self.conflicting(queue, command.cid, wire.write(1, 0, 1),
                                              bytes(BLOCK)))
        self.assertEqual(self.statuses(queue, command.cid, 2), [Sc.CID_CONFLICT, Sc.SUCCESS])
        del queue.in_flight[command.cid]
        self.assertEqual(read_blocks(queue, 0, 1).data, pattern(1, seed=3))

    def test_of_an_event_request_on_the_admin_queue(self):
        admin = self.controller().admin
        command = admin.submit(Sqe(wire.Admin.ASYNC_EVENT))
        keep_alive = Sqe(wire.Admin.KEEP_ALIVE)
        admin.send_raw(self.conflicting(admin, command.cid, keep_alive))
        self.assertEqual(self.statuses(admin, command.cid, 1), [Sc.CID_CONFLICT])
        self.assert_success(admin.run(keep_alive))


class Overflow(StreamCase):
    """More commands than the submission queue has entries."""

    devices = ('ramdisk:16M', 'delay:ms=1000/ramdisk:1M')
    SAYS = r'queue 1: connection ended: more commands than the queue holds \(FES 2, FEI 0\)'
    HELD = 2        # queues full: one fetched, and one behind it

    def overflow(self, sqsize, commands, **how):
        queue = self.io(sqsize=sqsize, **how)
        pdus = [queue.capsule(wire.flush(2))[1] for _ in range(commands)]
        queue.send_raw(b''.join(pdus))
        return queue, pdus

    def fill_and_spill(self, sqsize, **how):
        full = self.HELD * (sqsize + 1)
        self.says(self.SAYS)
        queue, pdus = self.overflow(sqsize, full + 1, **how)
        self.assert_terminated(queue, pdus[-1], Fes.SEQUENCE_ERROR)
        queue, _ = self.overflow(sqsize, full, **how)
        for command in list(queue.in_flight.values()):
            self.assert_success(queue.wait(command))

    def test_the_smallest_queue(self):
        self.fill_and_spill(1)

    def test_a_queue_of_64(self):
        self.fill_and_spill(63)

    def test_a_thousand_at_once(self):
        self.says(self.SAYS)
        queue, _ = self.overflow(15, 1000)
        self.assertEqual(queue.expect_termination().fes, Fes.SEQUENCE_ERROR)

    def test_writes_that_wait_for_data(self):
        self.says(self.SAYS)
        queue = self.io(sqsize=3)
        queue.hold_r2t = True
        for _ in range(9):
            queue.submit(wire.write(1, 0, 8), bytes(8 * BLOCK), in_capsule=False)
        self.assertEqual(queue.expect_termination().fes, Fes.SEQUENCE_ERROR)


class OverflowWithoutFlowControl(Overflow):
    """Without flow control nothing but the entries bounds the host."""

    args = ('-F',)
    HELD = 1

    def io(self, **how):
        return super().io(cattr=nvmetcp.CATTR_NO_FLOW_CONTROL, **how)


class Sgls(StreamCase):
    """What is described and what is moved."""

    def commands(self, admin, queue):
        """(queue, command, bytes to the host, bytes from it) that have data."""
        return ((queue, wire.read(1, 0, 1), BLOCK, 0), (queue, wire.write(1, 0, 1), 0, BLOCK),
                (admin, wire.identify(1), 4096, 0),
                (admin, wire.get_log_page(2, 128), 512, 0))

    def run_with(self, queue, sqe, descriptor, out=b''):
        sqe.sgl = descriptor
        return queue.run(sqe, out, in_capsule=True)

    def assert_all_alive(self, admin, queue):
        self.is_alive(queue)
        self.assert_success(admin.run(wire.identify(1), length=4096))

    def test_every_type_and_subtype(self):
        queue = self.io()
        admin = queue.controller.admin
        for where, sqe, to_host, from_host in self.commands(admin, queue):
            for kind in range(256):
                if kind == TRANSPORT or (kind == IN_CAPSULE and from_host):
                    continue
                descriptor = wire.sgl(kind, to_host or from_host)
                command = self.run_with(where, sqe, descriptor, bytes(from_host))
                self.assert_status(command, Sc.SGL_TYPE)
        self.assert_all_alive(admin, queue)

    def test_every_type_for_connect(self):
        host = nvmetcp.Host()
        data = wire.connect_data(self.target.nqn, host.nqn, host.hostid)
        queue = self.queue()
        for kind in range(256):
            if kind != IN_CAPSULE:
                command = self.run_with(queue, wire.connect(), wire.sgl(kind, 1024), data)
                self.assert_status(command, Sc.SGL_TYPE)
        self.assert_success(queue.connect(self.target.nqn, host.nqn, host.hostid))

    def test_every_length(self):
        queue = self.io()
        admin = queue.controller.admin
        for where, sqe, to_host, from_host in self.commands(admin, queue):
            for length in LENGTHS:
                if length != to_host + from_host:
                    command = self.run_with(where, sqe, wire.sgl(TRANSPORT, length))
                    self.assert_status(command, Sc.DATA_SGL_LENGTH)
        self.assert_all_alive(admin, queue)

    def test_every_length_for_connect(self):
        host = nvmetcp.Host()
        data = wire.connect_data(self.target.nqn, host.nqn, host.hostid)
        queue = self.queue()
        for length in LENGTHS:
            command = self.run_with(queue, wire.connect(), wire.sgl(IN_CAPSULE, length), data)
            self.assert_status(command, Sc.DATA_SGL_LENGTH)
        for size in (0, 4, 1020, 1028, 8192):
            command = self.run_with(queue, wire.connect(), wire.sgl(IN_CAPSULE, 1024),
                                    bytes(size))
            self.assert_status(command, Sc.DATA_SGL_LENGTH)
        self.assert_success(queue.connect(self.target.nqn, host.nqn, host.hostid))

    def test_lengths_of_capsule_and_sgl_that_differ(self):
        queue = self.io()
        for length in (BLOCK, 8 * BLOCK):
            for size in (0, 1, 4, 511, 512, 513, 4096, 16384):
                if size != length:
                    command = self.run_with(queue, wire.write(1, 0, length // BLOCK),
                                            wire.sgl(IN_CAPSULE, length), bytes(size))
                    self.assert_status(command, Sc.DATA_SGL_LENGTH)
        self.is_alive(queue)

    def test_data_in_the_capsule_that_the_sgl_does_not_mean(self):
        """It is passed over, and what the R2T brings is written."""
        queue = self.io()
        data = pattern(1, seed=4)
        command, packed = queue.prepare(wire.write(1, 0, 1), data, in_capsule=False)
        queue.send_raw(queue.encode(Pdu.CMD, packed, bytes(BLOCK)))
        self.assert_success(queue.wait(command))
        self.assertEqual(read_blocks(queue, 0, 1).data, data)

    def test_data_in_the_capsule_of_commands_that_take_none(self):
        queue = self.io()
        for sqe, length in ((wire.flush(1), 0), (wire.read(1, 0, 1), BLOCK)):
            command, packed = queue.prepare(sqe, length=length)
            queue.send_raw(queue.encode(Pdu.CMD, packed, bytes(16384)))
            self.assert_success(queue.wait(command))


class Ranges(StreamCase):
    """Numbers of blocks and bytes, from 0 to beyond all there is."""

    BLOCKS, MDTS = 32768, MIB

    def test_first_block_and_number_of_blocks(self):
        queue = self.io()
        for slba in (0, 1, self.BLOCKS - 1, self.BLOCKS, 1 << 31, 1 << 32, (1 << 63) - 1,
                     (1 << 64) - 65536, (1 << 64) - 1):
            for blocks in (1, 2, 2048, 2049, 32768, 65535, 65536):
                expected = self.status_of(slba, blocks)
                if expected != Sc.SUCCESS:
                    for sqe in (wire.read(1, slba, blocks), wire.write(1, slba, blocks)):
                        sqe.sgl = wire.sgl(TRANSPORT, blocks * BLOCK)
                        self.assert_status(queue.run(sqe), expected)
        self.is_alive(queue)

    def status_of(self, slba, blocks):
        if blocks * BLOCK > self.MDTS:
            return Sc.INVALID_FIELD
        return Sc.SUCCESS if slba + blocks <= self.BLOCKS else Sc.LBA_OUT_OF_RANGE

    def test_number_of_dwords_and_offset_of_log_pages(self):
        admin = self.controller().admin
        sizes = {wire.Log.ERROR: 128 * 64, wire.Log.HEALTH: 512, wire.Log.FIRMWARE: 512}
        for lid, size in sizes.items():
            for dwords in (1, 16, 1024, 1 << 14, 1 << 16, 1 << 18, (1 << 18) + 1, 1 << 30,
                           (1 << 30) + 1, 1 << 32):
                for offset in (0, 1, 2, 4, size - 4, size, size + 4, 1 << 31, 1 << 32,
                               (1 << 64) - 4, (1 << 64) - 1):
                    self.get_log(admin, lid, dwords, offset, size)
        self.assert_success(admin.run(wire.identify(1), length=4096))

    def get_log(self, admin, lid, dwords, offset, size):
        sqe = wire.get_log_page(lid, dwords, offset=offset)
        is_good = dwords * 4 <= self.MDTS and offset % 4 == 0 and offset <= size
        if not is_good:
            sqe.sgl = wire.sgl(TRANSPORT, dwords * 4 & 0xFFFFFFFF)
        command = admin.run(sqe, length=dwords * 4 if is_good else 0)
        self.assert_status(command, Sc.SUCCESS if is_good else Sc.INVALID_FIELD)


class SmallCapsules(StreamCase):
    """Less in-capsule data for I/O than for Fabrics commands."""

    args = ('--in-capsule-data', '4096')

    def test_more_than_the_limit_of_an_io_queue(self):
        for size in (4097, 8192, 8193):
            queue = self.io()
            self.assertEqual(queue.in_capsule, 4096)
            _, pdu = queue.capsule(wire.write(1, 0, 1), bytes(size), in_capsule=True)
            queue.send_raw(pdu)
            self.assert_terminated(queue, pdu, Fes.INVALID_HEADER_FIELD, 4)
        self.says(r'than a command may carry \(FES 1, FEI 4\)', times=2)
        self.says(r'malformed PDU header \(FES 1, FEI 4\)')


class Digests(StreamCase):
    """One bit is wrong, at each kind of place."""

    args = ('-g', '-G')

    def corrupt(self, pdu, at, bit):
        damaged = bytearray(pdu)
        damaged[at] ^= 1 << bit
        return bytes(damaged)

    def test_in_a_header(self):
        """Each byte behind the common header, and each of its digest."""
        for at in (*range(8, 72, 7), 72, 73, 74, 75):
            queue = self.io(hdgst=True)
            _, pdu = queue.capsule(wire.flush(1))
            wrong = self.corrupt(pdu, at, at % 8)
            queue.send_raw(wrong)
            self.assert_terminated(queue, wrong, Fes.HEADER_DIGEST_ERROR,
                                   struct.unpack_from('<I', wrong, 72)[0])
            queue.controller.close()
        self.says('queue 1: connection ended: header digest error', times=14)

    def test_in_the_data_of_a_capsule(self):
        queue = self.io(hdgst=True, ddgst=True)
        self.assert_success(write_blocks(queue, 0, pattern(1)))
        for at in (76, 77, 300, 587, 588, 589, 590, 591):
            command, pdu = queue.capsule(wire.write(1, 0, 1), bytes(BLOCK), in_capsule=True)
            queue.send_raw(self.corrupt(pdu, at, at % 8))
            self.assert_status(queue.wait(command), Sc.TRANSIENT_TRANSPORT_ERROR, dnr=False)
        self.assertEqual(read_blocks(queue, 0, 1).data, pattern(1))

    def test_in_one_of_three_pieces_of_data(self):
        queue = self.io(hdgst=True, ddgst=True)
        self.assert_success(write_blocks(queue, 0, pattern(24)))
        for wrong in range(3):
            for at in (28, 2000, 28 + 8 * BLOCK, 31 + 8 * BLOCK):
                command, ttag, _, _ = self.asked(queue, 24)
                for piece in range(3):
                    header = wire.transfer_header(command.cid, ttag, piece * 8 * BLOCK,
                                                  8 * BLOCK)
                    pdu = queue.encode(Pdu.H2C_DATA, header, bytes(8 * BLOCK),
                                       flags=LAST if piece == 2 else 0)
                    queue.send_raw(self.corrupt(pdu, at, 5) if piece == wrong else pdu)
                self.assert_status(queue.wait(command), Sc.TRANSIENT_TRANSPORT_ERROR, dnr=False)
        self.assertEqual(read_blocks(queue, 0, 24).data, pattern(24))

    def test_in_every_third_of_many_writes(self):
        queue = self.io(hdgst=True, ddgst=True)
        self.assert_success(write_blocks(queue, 0, bytes(64 * BLOCK)))
        commands, stream = [], b''
        for number in range(64):
            command, pdu = queue.capsule(wire.write(1, number, 1), pattern(1, seed=number),
                                         in_capsule=True)
            commands.append(command)
            stream += pdu if number % 3 else self.corrupt(pdu, 300, 0)
        queue.send_raw(stream)
        for number, command in enumerate(queue.wait_all(commands)):
            self.assert_status(command, Sc.SUCCESS if number % 3 else
                               Sc.TRANSIENT_TRANSPORT_ERROR)
            self.assertEqual(read_blocks(queue, number, 1).data,
                             pattern(1, seed=number) if number % 3 else bytes(BLOCK))


class Damage(StreamCase):
    """Streams that chance has damaged, the same each time."""

    args = ('-g', '-G')
    ROUNDS = 300
    SLBA = range(8 + 40, 8 + 48)        # stays 0: no write may hit others' blocks

    def stream(self, queue):
        """Commands of each kind and data that may fit, and where to damage them."""
        parts = [queue.capsule(wire.write(1, 0, 1), bytes(BLOCK), cid=1, in_capsule=True)[1],
                 queue.capsule(wire.write(1, 0, 8), bytes(8 * BLOCK), cid=2,
                               in_capsule=False)[1],
                 queue.capsule(wire.read(1, 0, 8), length=8 * BLOCK, cid=3)[1],
                 queue.encode(Pdu.H2C_DATA, wire.transfer_header(2, 0, 0, 8 * BLOCK),
                              bytes(8 * BLOCK), flags=LAST),
                 queue.capsule(wire.flush(1), cid=4)[1]]
        places, begin = [], 0
        for part in parts:
            places += [begin + at for at in range(min(len(part), 80)) if at not in self.SLBA]
            begin += len(part)
        return bytearray(b''.join(parts)), places

    def test_the_end_comes_and_nobody_else_notices(self):
        chance = random.Random(2026)
        for number in range(self.ROUNDS):
            digests = number % 3 == 0
            queue = self.io(hdgst=digests, ddgst=digests)
            stream, places = self.stream(queue)
            for _ in range(chance.randint(1, 3)):
                stream[chance.choice(places)] = chance.choice((0, 0xFF, chance.randrange(256)))
            cut = chance.randrange(len(stream))
            with self.subTest(number=number):
                self.send_and_leave(queue, bytes(stream), cut)
            queue.controller.close()

    def send_and_leave(self, queue, stream, cut):
        """After the last byte the daemon has the last word."""
        queue.socket.settimeout(queue.timeout)
        try:
            queue.socket.sendall(stream[:cut])
            queue.socket.sendall(stream[cut:])
            queue.socket.shutdown(socket.SHUT_WR)
            while queue.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass        # the daemon closed before it had read everything


if __name__ == '__main__':
    unittest.main()
