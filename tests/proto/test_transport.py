# SPDX-License-Identifier: BSD-2-Clause
"""Row "transport": handshake, capsules, data PDUs, digests, ends.

What is wrong in a PDU or in the stream: test_wicked_pdu, test_wicked_stream.
"""
import os
import signal
import socket
import time
import unittest

import nvmetcp
import wire
from case import TargetCase, pattern, read_blocks, write_blocks
from nvmetcp import CATTR_NO_FLOW_CONTROL
from wire import LAST, Fes, Pdu, Sc, Sqe

MIB = 1 << 20


class Handshake(TargetCase):

    def test_defaults(self):
        queue = self.queue()
        self.assertEqual((queue.cpda, queue.maxh2cdata), (0, MIB))

    def test_digests_that_are_not_allowed_are_not_granted(self):
        queue = self.queue(hdgst=True, ddgst=True)
        self.assertEqual((queue.hdgst, queue.ddgst), (False, False))

    def test_hpda_aligns_every_data_pdu(self):
        for hpda in (0, 1, 3, 15, 31):
            with self.subTest(hpda=hpda):
                queue = self.io(hpda=hpda)
                self.assert_success(read_blocks(queue, 0, 8))

    def test_icreq_and_connect_in_one_segment(self):
        queue = self.queue(handshake=False)
        host = nvmetcp.Host()
        data = wire.connect_data(self.target.nqn, host.nqn, host.hostid)
        command, capsule = queue.capsule(wire.connect(), data,
                                         in_capsule=True)
        queue.send_raw(wire.icreq() + capsule)
        queue.receive_icresp()
        self.assert_success(queue.wait(command))


class SmallMaxH2CData(TargetCase):
    args = ('--max-h2c-data', '8192')

    def test_every_r2t_fits_and_last_belongs_to_the_r2t(self):
        queue = self.io()
        self.assertEqual(queue.maxh2cdata, 8192)
        data = pattern(200)
        self.assert_success(write_blocks(queue, 3, data))
        self.assertEqual(read_blocks(queue, 3, 200).data, data)

    def test_h2cdata_over_the_limit_is_terminated(self):
        queue = self.io()
        queue.hold_r2t = True
        command = queue.submit(wire.write(1, 0, 64), bytes(64 << 9))
        while not command.r2ts:
            queue.step()
        header = wire.transfer_header(command.cid, command.r2ts[0][0], 0,
                                      8196)
        pdu = queue.encode(Pdu.H2C_DATA, header, bytes(8196), flags=LAST)
        queue.send_raw(pdu)
        term = queue.expect_termination()
        self.assertEqual((term.fes, term.fei), (Fes.LIMIT_EXCEEDED, 0))


class Data(TargetCase):

    def test_in_capsule_and_r2t_writes_read_back(self):
        queue = self.io()
        for blocks in (1, 7, 32, 33, 256, 2048):
            with self.subTest(blocks=blocks):
                data = pattern(blocks, seed=blocks)
                self.assert_success(write_blocks(queue, 5, data))
                self.assertEqual(read_blocks(queue, 5, blocks).data, data)

    def test_small_data_may_come_by_r2t_too(self):
        queue = self.io()
        data = pattern(1, seed=9)
        self.assert_success(write_blocks(queue, 0, data, in_capsule=False))
        self.assertEqual(read_blocks(queue, 0, 1).data, data)

    def test_r2ts_ask_for_everything_exactly_once(self):
        queue = self.io()
        command = write_blocks(queue, 0, bytes(MIB))
        self.assertEqual(command.granted, MIB)

    def test_one_r2t_may_be_answered_in_many_pieces(self):
        queue = self.io()
        queue.hold_r2t = True
        data = pattern(128)
        command = queue.submit(wire.write(1, 0, 128), data)
        while not command.r2ts:
            queue.step()
        queue.answer_r2t(command, piece=4 * 1031)
        self.assert_success(queue.wait(command))
        self.assertEqual(read_blocks(queue, 0, 128).data, data)

    def test_host_that_takes_many_r2ts(self):
        queue = self.io(maxr2t=15)
        data = pattern(2048, seed=3)
        self.assert_success(write_blocks(queue, 0, data))
        self.assertEqual(read_blocks(queue, 0, 2048).data, data)

    def test_writes_interleave(self):
        queue = self.io()
        queue.hold_r2t = True
        data = [pattern(128, seed=n) for n in range(8)]
        commands = [queue.submit(wire.write(1, 128 * n, 128), data[n])
                    for n in range(8)]
        while not all(c.r2ts for c in commands):
            queue.step()
        for command in reversed(commands):
            queue.answer_r2t(command, piece=16384)
        queue.wait_all(commands)
        for number, expected in enumerate(data):
            self.assertEqual(read_blocks(queue, 128 * number, 128).data,
                             expected)

    def test_no_success_flag_while_flow_control_is_on(self):
        self.assertFalse(read_blocks(self.io(), 0, 1).by_success_flag)

    def test_flow_control_stays_on_unless_the_target_allows(self):
        queue = self.io(cattr=CATTR_NO_FLOW_CONTROL)
        self.assertTrue(queue.flow_control)
        self.assert_success(read_blocks(queue, 0, 1))


class Capsules(TargetCase):

    def test_any_sgl_passes_where_no_data_is_due(self):
        queue = self.io()
        for descriptor in (wire.sgl(wire.SGL_TRANSPORT, 0), bytes(16),
                           wire.sgl(wire.SGL_IN_CAPSULE, 0)):
            with self.subTest(descriptor=descriptor.hex()):
                sqe = wire.flush(1)
                sqe.sgl = descriptor
                self.assert_success(queue.run(sqe))

    def test_both_sgl_psdt_values_are_legal(self):
        queue = self.io()
        for psdt in (wire.PSDT_SGL, wire.PSDT_SGL_MPTR):
            sqe = wire.read(1, 0, 1)
            sqe.flags = psdt
            self.assert_success(queue.run(sqe, length=512))

    def test_admin_queue_takes_8192_bytes_in_capsule(self):
        admin = self.controller().admin
        command = admin.run(Sqe(0xC1), bytes(8192), in_capsule=True)
        self.assert_status(command, Sc.INVALID_OPCODE)
        self.assert_success(admin.run(wire.identify(1), length=4096))

    def test_padding_before_in_capsule_data_is_legal(self):
        queue = self.io()
        data = pattern(1, seed=5)
        command, packed = queue.prepare(wire.write(1, 4, 1), data)
        queue.send_raw(wire.build_pdu(Pdu.CMD, packed, data, align=128))
        self.assert_success(queue.wait(command))
        self.assertEqual(read_blocks(queue, 4, 1).data, data)

    def test_sqhd_wraps_at_the_size_of_the_queue(self):
        queue = self.io(sqsize=4)
        for _ in range(23):
            self.assert_success(read_blocks(queue, 0, 1))

    def test_a_full_queue_in_one_segment(self):
        queue = self.io(sqsize=63)
        pairs = [queue.capsule(wire.read(1, n, 1), length=512)
                 for n in range(63)]
        queue.send_raw(b''.join(pdu for _, pdu in pairs))
        for command, _ in pairs:
            self.assert_success(queue.wait(command))

    def test_identifier_is_free_as_soon_as_the_response_is_there(self):
        queue = self.io(sqsize=1)
        for number in range(200):
            command = queue.submit(wire.read(1, number, 1), length=512, cid=7)
            self.assert_success(queue.wait(command))


class InCapsuleSetting(TargetCase):
    args = ('--in-capsule-data', '4096')

    def test_ioccsz_is_in_units_of_16_bytes(self):
        data = self.controller().identify_controller()
        self.assertEqual(data.ioccsz, (64 + 4096) // 16)
        self.assertEqual((data.iorcsz, data.icdoff), (1, 0))

    def test_io_connect_may_carry_its_data_whatever_the_setting(self):
        queue = self.io()
        self.assertEqual(queue.in_capsule, 4096)
        self.assert_success(write_blocks(queue, 0, bytes(4096)))
        self.assert_success(write_blocks(queue, 0, bytes(8192)))


class NoInCapsuleData(TargetCase):
    args = ('--in-capsule-data', '0')

    def test_connect_and_write_still_work(self):
        queue = self.io()
        self.assertEqual(queue.in_capsule, 0)
        data = pattern(4)
        self.assert_success(write_blocks(queue, 0, data))
        self.assertEqual(read_blocks(queue, 0, 4).data, data)


class Digests(TargetCase):
    args = ('-g', '-G')

    def test_digests_exactly_as_asked(self):
        for hdgst in (False, True):
            for ddgst in (False, True):
                with self.subTest(hdgst=hdgst, ddgst=ddgst):
                    self.exercise(hdgst, ddgst)

    def exercise(self, hdgst, ddgst):
        queue = self.io(hdgst=hdgst, ddgst=ddgst, hpda=3)
        self.assertEqual((queue.hdgst, queue.ddgst), (hdgst, ddgst))
        for blocks in (1, 64):
            data = pattern(blocks, seed=blocks)
            self.assert_success(write_blocks(queue, 0, data))
            self.assertEqual(read_blocks(queue, 0, blocks).data, data)

    def test_r2t_answered_in_pieces_with_a_digest_each(self):
        queue = self.io(hdgst=True, ddgst=True)
        queue.hold_r2t = True
        data = pattern(64, seed=1)
        command = queue.submit(wire.write(1, 0, 64), data)
        while not command.r2ts:
            queue.step()
        queue.answer_r2t(command, piece=4004)
        self.assert_success(queue.wait(command))
        self.assertEqual(read_blocks(queue, 0, 64).data, data)


class HeaderDigestOnly(TargetCase):
    args = ('-g',)

    def test_each_digest_is_allowed_by_its_own_option(self):
        queue = self.queue(hdgst=True, ddgst=True)
        self.assertEqual((queue.hdgst, queue.ddgst), (True, False))


class FlowControlOff(TargetCase):
    args = ('-F',)

    def test_connect_response_says_ffffh_only_where_asked(self):
        self.assertTrue(self.io().flow_control)
        self.assertFalse(self.io(cattr=CATTR_NO_FLOW_CONTROL).flow_control)

    def test_success_flag_replaces_the_response_of_a_read(self):
        queue = self.io(cattr=CATTR_NO_FLOW_CONTROL)
        for blocks in (1, 256, 2048):
            self.assertTrue(read_blocks(queue, 0, blocks).by_success_flag)

    def test_reads_that_fail_and_writes_are_answered_by_responses(self):
        queue = self.io(cattr=CATTR_NO_FLOW_CONTROL)
        self.assert_success(write_blocks(queue, 0, pattern(1)))
        self.assert_status(queue.run(wire.read(1, 1 << 40, 1), length=512),
                           Sc.LBA_OUT_OF_RANGE)

    def test_no_success_flag_where_flow_control_stays_on(self):
        self.assertFalse(read_blocks(self.io(), 0, 1).by_success_flag)

    def test_admin_queue_may_switch_it_off_too(self):
        controller = self.controller(cattr=CATTR_NO_FLOW_CONTROL)
        self.assertFalse(controller.admin.flow_control)
        self.assert_success(controller.identify())


class SuccessAlways(TargetCase):
    args = ('--c2h-success', 'always')

    def test_a_real_completion_comes_every_quarter_of_the_queue(self):
        queue = self.io(sqsize=15)
        self.assertTrue(queue.flow_control)
        run, longest, flags = 0, 0, 0
        for _ in range(64):
            by_flag = read_blocks(queue, 0, 1).by_success_flag
            flags += by_flag
            run = run + 1 if by_flag else 0
            longest = max(longest, run)
        self.assertGreater(flags, 30)
        self.assertLess(longest, 16 // 4)

    def test_the_smallest_queue_does_not_stall(self):
        queue = self.io(sqsize=1)
        flags = [read_blocks(queue, 0, 1).by_success_flag for _ in range(8)]
        self.assertIn(False, flags)


class Ends(TargetCase):

    def test_an_end_that_comes_with_the_last_bytes(self):
        """Both wait for the daemon, which is told of them by one event."""
        for last in (b'', b'\x04\x00\x48', wire.build_pdu(Pdu.CMD, bytes(64))):
            for _ in range(5):
                queue = self.controller().admin
                os.kill(self.target.pid, signal.SIGSTOP)
                try:
                    queue.send_raw(last)
                    queue.socket.shutdown(socket.SHUT_WR)
                finally:
                    os.kill(self.target.pid, signal.SIGCONT)
                self.assertLess(self.assert_ends(queue), 2)


class Deadlines(TargetCase):
    args = ('--handshake-timeout', '1')

    def assert_ends_soon(self, queue):
        self.assertTrue(0.5 < self.assert_ends(queue) < 4)

    def test_silence_before_icreq(self):
        self.assert_ends_soon(self.queue(handshake=False))

    def test_half_an_icreq(self):
        queue = self.queue(handshake=False)
        queue.send_raw(wire.icreq()[:100])
        self.assert_ends_soon(queue)

    def test_silence_before_connect(self):
        self.assert_ends_soon(self.queue())

    def test_a_row_of_connects_that_wait(self):
        """Each for a queue that is there, which takes a second to be refused."""
        live = self.io()
        who = live.controller
        data = wire.connect_data(self.target.nqn, who.host.nqn, who.host.hostid, who.cntlid)
        queue = self.queue()
        pairs = [queue.capsule(wire.connect(qid=1, sqsize=31), data, in_capsule=True)
                 for _ in range(30)]
        queue.send_raw(b''.join(pdu for _, pdu in pairs))
        self.assertLess(self.assert_ends(queue), 15)
        self.assert_success(read_blocks(live, 0, 1))

    def test_many_connects_that_are_refused_at_once(self):
        data = wire.connect_data('nqn.2026-11.org.example:none', self.target.nqn, bytes(range(16)))
        for _ in range(8):
            queue = self.queue()
            _, pdu = queue.capsule(wire.connect(sqsize=31), data, in_capsule=True)
            queue.socket.settimeout(0.2)
            try:
                queue.send_raw(pdu * 2000)
            except TimeoutError:
                pass            # it does not read our refusals
        for _ in range(8):
            self.assert_success(read_blocks(self.io(), 0, 1))

    def test_others_are_served_meanwhile_and_stay(self):
        silent = [self.queue(handshake=False) for _ in range(20)]
        queue = self.io()
        until = time.monotonic() + 1.8
        while time.monotonic() < until:
            self.assert_success(read_blocks(queue, 0, 1))
            time.sleep(0.05)
        for connection in silent:
            connection.expect_end()


if __name__ == '__main__':
    unittest.main()
