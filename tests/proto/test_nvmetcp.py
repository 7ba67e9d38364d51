# SPDX-License-Identifier: BSD-2-Clause
"""The host library itself: known digests, hand-computed layouts, strictness.

The strictness tests speak for a target over a socket pair: each says one
wrong thing, and the library has to notice.
"""
import argparse
import socket
import struct
import unittest

import fake_target
import nvmetcp
import wire
from nvmetcp import Closed, Queue, Terminated, Violation
from wire import DDGST, HDGST, LAST, SUCCESS, Fes, Pdu, Sc


class Digests(unittest.TestCase):
    """CRC32C against RFC 3720 B.4 and the check value of its catalogue."""

    def test_vectors_of_rfc_3720(self):
        counting = bytes(range(32))
        for data, expected in ((bytes(32), 0x8A9136AA),
                               (b'\xff' * 32, 0x62A8AB43),
                               (counting, 0x46DD794E),
                               (counting[::-1], 0x113FDB5C)):
            self.assertEqual(wire.crc32c(data), expected)

    def test_check_value(self):
        self.assertEqual(wire.crc32c(b'123456789'), 0xE3069283)
        self.assertEqual(wire.crc32c(b''), 0)

    def test_digest_goes_least_significant_byte_first(self):
        self.assertEqual(wire.digest(bytes(32)).hex(), 'aa36918a')


class Layouts(unittest.TestCase):
    """Bytes written out by hand from the figures of the specification."""

    def test_icreq(self):
        pdu = wire.icreq(pfv=0x0201, hpda=3, digests=2, maxr2t=5)
        self.assertEqual(pdu[:16].hex(), '0000800080000000' '0102030205000000')
        self.assertEqual(pdu[16:], bytes(112))

    def test_capsule_without_data(self):
        pdu = wire.build_pdu(Pdu.CMD, b'\xaa' * 64)
        self.assertEqual(pdu[:8].hex(), '0400480048000000')
        self.assertEqual(len(pdu), 72)

    def test_capsule_with_data_and_digests(self):
        pdu = wire.build_pdu(Pdu.CMD, bytes(64), b'data', hdgst=True,
                             ddgst=True)
        self.assertEqual(pdu[:8].hex(), '0403484c54000000')
        self.assertEqual(pdu[72:76], wire.digest(pdu[:72]))
        self.assertEqual(pdu[76:80], b'data')
        self.assertEqual(pdu[80:], wire.digest(b'data'))

    def test_padding_before_the_data(self):
        pdu = wire.build_pdu(Pdu.CMD, bytes(64), b'data', align=64)
        self.assertEqual(pdu[:8].hex(), '0400488084000000')
        self.assertEqual(pdu[128:], b'data')

    def test_transfer_header(self):
        self.assertEqual(wire.transfer_header(0x0102, 0x0304, 5, 6).hex(),
                         '02010403' '05000000' '06000000' '00000000')

    def test_termination_request_packs_fei_at_byte_10(self):
        self.assertEqual(wire.term_header(2, 0x01020304).hex(),
                         '0200' '04030201' + '00' * 10)

    def test_sgl_descriptor(self):
        self.assertEqual(wire.sgl(0x5A, 0x1000).hex(),
                         '0000000000000000' '00100000' '000000' '5a')

    def test_read_command(self):
        packed = wire.read(2, 0x1122334455, 8, wire.FUA).pack(0x0A0B, bytes(16))
        self.assertEqual(packed.hex(),
                         '02400b0a' '02000000' + '00' * 32 +
                         '55443322' '11000000' '07000040' + '00' * 12)

    def test_connect_command_and_data(self):
        packed = wire.connect(3, 127, cattr=4, kato=0x1F40).pack(7, bytes(16))
        self.assertEqual(packed[:8].hex(), '7f400700' '01000000')
        self.assertEqual(packed[40:].hex(),
                         '0000' '0300' '7f00' '04' '00' '401f0000' + '00' * 12)
        data = wire.connect_data('sub', 'host', b'i' * 16, 0x0102)
        self.assertEqual(len(data), 1024)
        self.assertEqual(data[:18], b'i' * 16 + b'\x02\x01')
        self.assertEqual((data[256:260], data[512:517]), (b'sub\0', b'host\0'))

    def test_property_set(self):
        packed = wire.property_set(0x14, 0x460001).pack(1, bytes(16))
        self.assertEqual(packed[40:56].hex(),
                         '00000000' '14000000' '01004600' '00000000')
        self.assertEqual(wire.property_get(0, 8).cdw10, 1)

    def test_get_log_page_splits_its_numbers(self):
        sqe = wire.get_log_page(2, 0x12345 + 1, offset=0x100000004, rae=True)
        self.assertEqual((sqe.cdw10, sqe.cdw11), (0x23458002, 1))
        self.assertEqual((sqe.cdw12, sqe.cdw13), (4, 1))

    def test_completion_status_bits(self):
        cqe = wire.Cqe.unpack(struct.pack('<IIHHHH', 1, 2, 3, 0, 4,
                                          0x8000 | 0x182 << 1))
        self.assertEqual((cqe.sc, cqe.dnr, cqe.more), (0x182, True, False))


class Strictness(unittest.TestCase):
    """One wrong thing said by a target each."""

    def setUp(self):
        mine, self.peer = socket.socketpair()
        self.queue = Queue.over(mine, timeout=5, size=4)
        self.addCleanup(mine.close)
        self.addCleanup(self.peer.close)

    def say(self, kind, specific, data=b'', **how):
        self.peer.sendall(wire.build_pdu(kind, specific, data, **how))

    def respond(self, command, sqhd, status=0, dw0=0):
        self.say(Pdu.RSP, struct.pack('<IIHHHH', dw0, 0, sqhd, 0,
                                      command.cid, status << 1))

    def data(self, command, offset, data, flags=LAST, **how):
        header = wire.transfer_header(command.cid, 0, offset, len(data))
        self.say(Pdu.C2H_DATA, header, data, flags=flags, **how)

    def r2t(self, command, offset, length):
        self.say(Pdu.R2T, wire.transfer_header(command.cid, 9, offset, length))

    def read(self, blocks=1):
        return self.queue.submit(wire.read(1, 0, blocks), length=blocks * 512)

    def write(self, size=8192):
        return self.queue.submit(wire.write(1, 0, size // 512), bytes(size))

    def violates(self, command=None):
        with self.assertRaises(Violation):
            self.queue.wait(command) if command else self.queue.receive_pdu()

    def test_what_is_right_passes(self):
        command = self.read()
        self.data(command, 0, bytes(256), flags=0)
        self.data(command, 256, bytes(256))
        self.respond(command, 1)
        self.assertEqual(self.queue.wait(command).data, bytes(512))

    def test_sqhd_has_to_follow(self):
        for sqhd in (0, 2, 4):
            with self.subTest(sqhd=sqhd):
                self.setUp()
                command = self.read()
                self.data(command, 0, bytes(512))
                self.respond(command, sqhd)
                self.violates(command)

    def test_sqhd_wraps_at_the_size_of_the_queue(self):
        for index in range(9):
            command = self.queue.submit(wire.flush(1))
            self.respond(command, (index + 1) % 4)
            self.queue.wait(command)

    def test_sqhd_may_run_ahead_of_completions_but_not_back(self):
        first, second = (self.queue.submit(wire.flush(1)) for _ in range(2))
        self.respond(second, 2)
        self.queue.wait(second)
        self.respond(first, 1)
        self.violates(first)

    def test_success_without_all_data(self):
        command = self.read(2)
        self.data(command, 0, bytes(512), flags=0)
        self.respond(command, 1)
        self.violates(command)

    def test_last_too_early_or_missing(self):
        command = self.read(2)
        self.data(command, 0, bytes(512), flags=LAST)
        self.violates(command)
        command = self.read()
        self.data(command, 0, bytes(512), flags=0)
        self.violates(command)

    def test_success_flag_completes_the_command(self):
        command = self.read()
        self.data(command, 0, bytes(512), flags=LAST | SUCCESS)
        self.assertTrue(self.queue.wait(command).by_success_flag)

    def test_more_data_than_asked_and_gaps(self):
        for offset, size in ((0, 1024), (512, 512), (256, 256)):
            with self.subTest(offset=offset, size=size):
                self.setUp()
                command = self.read()
                self.data(command, offset, bytes(size))
                self.violates(command)

    def test_data_for_an_unknown_command(self):
        self.say(Pdu.C2H_DATA, wire.transfer_header(9, 0, 0, 4), b'data')
        with self.assertRaises(Violation):
            self.queue.step()

    def test_r2t_that_may_not_be(self):
        for offset, length in ((0, 0), (0, 4100), (4096, 4096), (0, 8196)):
            with self.subTest(offset=offset, length=length):
                self.setUp()
                command = self.write()
                self.r2t(command, offset, length)
                self.violates(command)

    def test_r2t_is_answered_in_pieces_with_last_on_the_last(self):
        command = self.write(4096)
        self.queue.hold_r2t = True
        self.r2t(command, 0, 4096)
        self.queue.step()
        self.queue.answer_r2t(command, piece=3072)
        self.respond(command, 1)
        self.queue.wait(command)
        sent = self.peer.recv(1 << 16)[72:]
        self.assertEqual(sent[:8].hex(), '06001818180c0000')
        self.assertEqual(sent[24 + 3072:][:8].hex(), '0604181818040000')

    def test_success_before_the_data_was_taken(self):
        command = self.write()
        self.respond(command, 1)
        self.violates(command)

    def test_header_fields(self):
        right = {'flags': 0, 'hlen': 24, 'pdo': 0, 'plen': 24}
        for field, value in (('type', 4), ('type', 8), ('flags', HDGST),
                             ('flags', LAST), ('hlen', 23), ('pdo', 24),
                             ('plen', 28)):
            with self.subTest(field=field, value=value):
                self.setUp()
                self.say(Pdu.RSP, bytes(16), wrong={**right, field: value})
                self.violates()

    def test_data_offset_follows_hpda(self):
        self.queue.hpda = 15
        command = self.read()
        self.data(command, 0, bytes(512), align=64)
        self.respond(command, 1)
        self.queue.wait(command)
        self.data(self.read(), 0, bytes(512), align=4)
        self.violates()

    def test_digests(self):
        self.queue.hdgst = self.queue.ddgst = True
        command = self.read()
        self.data(command, 0, bytes(512), hdgst=True, ddgst=True)
        self.assertEqual(self.queue.receive_pdu().flags, HDGST | DDGST | LAST)
        for wrong in ({'hdgst': 1}, {'ddgst': 1 << 31}):
            with self.subTest(wrong=wrong):
                self.setUp()
                self.queue.hdgst = self.queue.ddgst = True
                self.data(command, 0, bytes(512), hdgst=True, ddgst=True,
                          wrong=wrong)
                self.violates()

    def test_termination_request(self):
        self.say(Pdu.C2H_TERM, wire.term_header(Fes.OUT_OF_RANGE, 12))
        with self.assertRaises(Terminated) as caught:
            self.queue.step()
        self.assertEqual((caught.exception.fes, caught.exception.fei), (4, 12))

    def test_an_end_is_closed_and_an_end_inside_a_pdu_is_wrong(self):
        self.peer.sendall(b'\x05\x00')
        self.peer.close()
        self.violates()
        self.setUp()
        self.peer.close()
        with self.assertRaises(Closed):
            self.queue.receive_pdu()

    def test_silence_has_a_deadline(self):
        with self.assertRaises(TimeoutError):
            self.queue.receive_pdu(timeout=0.05)

    def test_connect_may_not_switch_flow_control_off_unasked(self):
        command = wire.Cqe(1, 0, nvmetcp.FLOW_CONTROL_OFF, 0, 0, Sc.SUCCESS)
        with self.assertRaises(Violation):
            self.queue._connected(command, {'sqsize': 31})
        self.queue._connected(command, {'sqsize': 31, 'cattr': 4})
        self.assertFalse(self.queue.flow_control)


class EndToEnd(unittest.TestCase):
    """The library against fake_target, in one process."""

    NQN = 'nqn.2026-11.org.example:fake'

    @classmethod
    def setUpClass(cls):
        cls.target = fake_target.Target(argparse.Namespace(
            n=cls.NQN, g=True, G=True, F=True, devices=['ramdisk:1M']))
        for name in ('io', 'discovery'):
            cls.target.listen(name)

    def controller(self, subnqn=NQN, **how):
        made = nvmetcp.Controller(('127.0.0.1', self.target.ports['io']),
                                  subnqn, **how)
        self.addCleanup(made.close)
        return made

    def test_data_comes_back_however_it_travels(self):
        for how in ({}, {'hdgst': True}, {'ddgst': True, 'hpda': 7},
                    {'hdgst': True, 'ddgst': True}):
            queue, = self.controller(**how).io_queues(1)
            for blocks in (1, 32, 33, 128):
                data = bytes([blocks]) * (512 * blocks)
                queue.run(wire.write(1, 0, blocks), data)
                back = queue.run(wire.read(1, 0, blocks), length=len(data))
                self.assertEqual(back.data, data)

    def test_success_flag_where_flow_control_is_off(self):
        queue, = self.controller().io_queues(1, cattr=4)
        command = queue.run(wire.read(1, 0, 300), length=300 * 512)
        self.assertTrue(command.by_success_flag)

    def test_structures(self):
        controller = self.controller()
        data = controller.identify_controller()
        self.assertEqual((data.cntlid, data.nn), (controller.cntlid, 256))
        self.assertEqual(controller.identify_namespace(1).nsze, 2048)
        self.assertEqual(sorted(controller.descriptors(1)), [1, 2, 3])

    def test_reset_and_discovery(self):
        controller = self.controller(nvmetcp.DISCOVERY_NQN)
        controller.disable()
        controller.enable()
        data = controller.get_log(wire.Log.DISCOVERY, 2048).data
        entry = wire.Fields(wire.DISCOVERY_ENTRY, data[1024:])
        self.assertEqual(entry.traddr.rstrip(), b'127.0.0.1')
        self.assertEqual(int(entry.trsvcid), self.target.ports['io'])

    def test_terminations_are_understood(self):
        queue, = self.controller().io_queues(1)
        queue.send_raw(wire.build_pdu(8, bytes(16)))
        term = queue.expect_termination()
        self.assertEqual((term.fes, term.fei), (1, 0))


if __name__ == '__main__':
    unittest.main()
