# SPDX-License-Identifier: BSD-2-Clause
"""Row "nothing wicked hurts it": each field of each PDU, wrong in turn.

The cases stand in docs/pdu-errors.md, whose tables are read here.
"""
import dataclasses
import re
import struct
import unittest

import wire
from daemon import ROOT
from case import read_blocks
from wicked import WickedCase
from wire import LAST, Pdu, Sc

DOCUMENT = ROOT / 'docs/pdu-errors.md'
BLOCK = 512
WE_LEFT = 'the host closed it|its controller ended'
DIGESTS = {'none': [(0, 0)], 'header': [(1, 0)], 'data': [(0, 1)], 'both': [(1, 1)],
           'any': [(0, 0), (1, 1)]}


# --- the document -------------------------------------------------------------

def tables():
    """Each table as (the heading it stands under, its rows as dictionaries)."""
    heading, names = None, None
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('#'):
            heading = line.lstrip('# ')
        if not line.startswith('|'):
            names = None
        elif names is None:
            names = cells
        elif not line.startswith('|---'):
            yield heading, dict(zip(names, cells, strict=True))


def rows_of(heading):
    return [row for under, row in tables() if under == heading]


@dataclasses.dataclass
class Wrong:
    """One case: what is wrong where, and what has to come of it."""
    pdu: str
    state: str
    field: str
    value: str
    digests: tuple
    answer: str

    def __str__(self):
        agreed = ' '.join(name for name, on in zip(('HDGST', 'DDGST'), self.digests) if on)
        return (f'{self.pdu}, {self.state}: {self.field} {self.value} {agreed} -> '
                f'{self.answer}')


def wrongs(heading):
    """The cases of a heading's table."""
    found = []
    for row in rows_of(heading):
        for state in row['State'].split(', '):
            for digests in DIGESTS[row['Digests'] if state != 'new' else 'none']:
                found += [Wrong(heading, state, row['Field'], value, digests,
                                row['Answer']) for value in row['Value'].split(', ')]
    return found


def number(text):
    return int(text[:-1], 16) if text.endswith('h') else int(text)


# --- PDUs that are right ---------------------------------------------------------

FIELDS = {1: 'B', 2: 'B', 3: 'B', 4: 'I'}
ICREQ = {**FIELDS, 8: 'H', 10: 'B', 11: 'B', 12: 'I'}
TERM = {**FIELDS, 8: 'H', 10: 'I'}
COMMAND = {**FIELDS, 9: 'B', 32: 'Q', 40: 'I', 47: 'B'}
DATA = {**FIELDS, 8: 'H', 10: 'H', 12: 'I', 16: 'I'}


class Right:
    """A PDU that is right, in parts that can be changed."""

    layout = FIELDS

    def __init__(self, queue, kind, specific, data=b'', flags=0):
        has_digests = kind in (Pdu.CMD, Pdu.H2C_DATA)
        self.hdgst = queue.hdgst and has_digests
        self.ddgst = queue.ddgst and has_digests and bool(data)
        pdu = wire.build_pdu(kind, specific, data, flags=flags, hdgst=self.hdgst,
                             ddgst=self.ddgst)
        head = 8 + len(specific)
        self.header, self.body = bytearray(pdu[:head]), bytearray(pdu[head:])
        self.command = None

    def change(self, field, value):
        """Sets a field as the document's names say."""
        at = re.fullmatch(r'.+ \((\d+)\)', field)
        filled = re.fullmatch(r'bytes (\d+) to (\d+)', field)
        if at:
            self.set(int(at[1]), value)
        elif filled:
            first, last = int(filled[1]), int(filled[2])
            self.header[first:last + 1] = bytes([number(value)]) * (last + 1 - first)
            self.seal()
        else:
            {'header digest': self.break_header_digest,
             'data digest': self.break_data_digest}[field]()

    def set(self, offset, value):
        form = '<' + self.layout[offset]
        right, = struct.unpack_from(form, self.header, offset)
        if value.startswith('right'):
            wrong = right + (1 if value[5] == '+' else -1) * number(value[6:])
        else:
            wrong = number(value)
        assert wrong != right, (offset, value, 'is what is right')
        struct.pack_into(form, self.header, offset, wrong)
        if offset == 4:
            self.cut(wrong)
        self.seal()

    def cut(self, plen):
        """As many bytes as PLEN says, where that can be."""
        if len(self.header) <= plen <= len(self.header) + len(self.body) + 128:
            self.body = (self.body + bytes(128))[:plen - len(self.header)]

    def seal(self):
        """Makes the header digest right again, if there is one still."""
        if self.hdgst and len(self.body) >= 4:
            self.body[:4] = wire.digest(self.header)

    def break_header_digest(self):
        assert self.hdgst
        self.body[0] ^= 1

    def break_data_digest(self):
        assert self.ddgst
        self.body[-1] ^= 0x80

    def bytes(self):
        return bytes(self.header + self.body)


class IcReq(Right):
    layout = ICREQ

    def __init__(self, queue, state):
        super().__init__(queue, Pdu.ICREQ, wire.icreq()[8:])


class TermReq(Right):
    layout = TERM

    def __init__(self, queue, state):
        super().__init__(queue, Pdu.H2C_TERM, wire.term_header(1, 0))
        struct.pack_into('<I', self.header, 4, 24 + 8)
        self.body += bytes(8)


class Capsule(Right):
    """A Flush, which is no command of an admin queue: there Keep Alive."""

    layout = COMMAND

    def __init__(self, queue, state):
        sqe = wire.Sqe(wire.Admin.KEEP_ALIVE) if state == 'admin' else wire.flush(1)
        self.make(queue, sqe)

    def make(self, queue, sqe, data=b''):
        command, packed = queue.prepare(sqe, data, in_capsule=bool(data))
        Right.__init__(self, queue, Pdu.CMD, packed, data)
        self.command = command


class CapsuleWithData(Capsule):

    def __init__(self, queue, state):
        self.queue, self.state = queue, state
        self.make(queue, wire.write(1, 0, 1), b'w' * BLOCK)

    def change(self, field, value):
        if field != 'in-capsule data':
            super().change(field, value)
            return
        self.queue.in_flight.clear()        # the first one is not sent
        self.queue.submitted -= 1
        size = number(value)
        sqe = wire.Sqe(0xC1) if self.state == 'admin' else wire.write(1, 0, size // BLOCK)
        self.make(self.queue, sqe, bytes(size))


class HostData(Right):
    """Answers an R2T, where there can be one."""

    layout = DATA
    SIZE = 8 * BLOCK

    def __init__(self, queue, state):
        header = wire.transfer_header(7, 7, 0, self.SIZE)
        command = None
        if state == 'I/O':
            queue.hold_r2t = True
            command = queue.submit(wire.write(1, 0, 8), bytes(self.SIZE), in_capsule=False)
            while not command.r2ts:
                queue.step()
            ttag, _, _ = command.r2ts.pop()
            header = wire.transfer_header(command.cid, ttag, 0, self.SIZE)
            command.sent = self.SIZE
        super().__init__(queue, Pdu.H2C_DATA, header, bytes(self.SIZE), LAST)
        self.command = command


RIGHT = {'ICReq': IcReq, 'H2CTermReq': TermReq, 'CapsuleCmd': Capsule,
         'CapsuleCmd without data': Capsule, 'CapsuleCmd with data': CapsuleWithData,
         'The SGL of a command': CapsuleWithData, 'H2CData': HostData}


# --- running a case ------------------------------------------------------------------

class PduCase(WickedCase):
    args = ('-g', '-G')

    def reach(self, state, digests):
        """A connection in this state, and whose end of it the log tells."""
        how = dict(zip(('hdgst', 'ddgst'), map(bool, digests)))
        if state == 'new':
            queue = self.queue(handshake=False)
        elif state == 'ready':
            queue = self.queue(**how)
        else:
            return self.reach_controller(state, how)
        return queue, 'controller 0 queue 0', queue

    def reach_controller(self, state, how):
        controller = self.controller(**how)
        if state == 'admin':
            queue, qid = controller.admin, 0
        else:
            (queue,), qid = controller.io_queues(1), 1
        return queue, f'controller {controller.cntlid} queue {qid}', controller

    def run_case(self, case):
        begins = self.log_size()
        queue, who, held = self.reach(case.state, case.digests)
        try:
            pdu = RIGHT[case.pdu](queue, case.state)
            if case.field:
                pdu.change(case.field, case.value)
            queue.send_raw(pdu.bytes())
            reasons = self.check(case, queue, pdu)
        finally:
            held.close()
        self.assert_said(f'{who}: connection ended: ({reasons})$', since=begins)
        self.assert_said(f'{who}: connection ended: ', since=begins)

    def check(self, case, queue, pdu):
        """Returns what the log may say of the connection's end."""
        fes = re.fullmatch(r'FES (\d)(, FEI (\d+|digest))?', case.answer)
        status = re.fullmatch(r'status ([0-9A-F]{2})h', case.answer)
        if fes:
            fei = int.from_bytes(pdu.body[:4], 'little') if fes[3] == 'digest' else \
                int(fes[3] or 0)
            self.check_termination(queue, pdu, int(fes[1]), fei)
            return self.sentences(f'FES {fes[1]}', rf' \(FES {fes[1]}, FEI {fei}\)')
        if status:
            queue.wait(pdu.command)
            self.assertEqual(pdu.command.cqe.sc, int(status[1], 16), pdu.command.cqe)
            self.check_lives(queue, case.state)
            return WE_LEFT
        if case.answer == 'closed':
            self.assertEqual(queue.expect_end(), [])
            return self.sentences('closed', r'( \(FES \d+, FEI \d+\))?')
        self.assertEqual(case.answer, 'accepted')
        if case.pdu == 'ICReq':
            queue.receive_icresp(3)
        else:
            self.assertEqual(queue.wait(pdu.command).cqe.sc, Sc.SUCCESS)
            self.check_lives(queue, case.state)
        return WE_LEFT

    def check_termination(self, queue, pdu, fes, fei):
        term = queue.expect_termination()
        self.assertEqual((term.fes, term.fei), (fes, fei))
        self.assertIn(len(term.data), (8, len(pdu.header)))
        self.assertTrue(pdu.bytes().startswith(term.data), term.data.hex())

    def check_lives(self, queue, state):
        if state == 'I/O':
            self.assertEqual(read_blocks(queue, 0, 1).cqe.sc, Sc.SUCCESS)

    @staticmethod
    def sentences(answer, behind):
        return '|'.join(row['Sentence'] + behind for row in rows_of('The log')
                        if row['Answer'] == answer)

    def run_all(self, cases):
        self.assertTrue(cases)
        for case in cases:
            with self.subTest(str(case)):
                self.run_case(case)


class States(PduCase):
    """Right PDUs, in the wrong place or not."""

    HEADING = 'Every type in every state'
    STATES = ('new', 'ready', 'admin', 'I/O')

    def test_types_that_hosts_send(self):
        self.run_all([Wrong(row['PDU'], state, '', '', digests, row[state])
                      for row in rows_of(self.HEADING) if row['PDU'] in RIGHT
                      for state in self.STATES
                      for digests in DIGESTS['none' if state == 'new' else 'any']])

    def test_all_other_types(self):
        for row in rows_of(self.HEADING):
            if row['PDU'] in RIGHT:
                continue
            first, _, last = row['Type'].partition(' to ')
            first, last = number(first), number(last or first)
            for state in self.STATES:
                # A new connection costs little: there it is every type.
                step = 1 if state == 'new' else max((last - first) // 4, 1)
                for kind in range(first, last + 1, step):
                    with self.subTest(type=kind, state=state):
                        self.refuse(kind, state, row[state])

    def refuse(self, kind, state, answer):
        class Other(Right):
            def __init__(self, queue, state):
                length = wire.HEADER_LENGTH.get(kind, 24)
                super().__init__(queue, kind, bytes(length - 8))

        RIGHT[f'type {kind}'] = Other
        self.addCleanup(RIGHT.pop, f'type {kind}', None)
        self.run_case(Wrong(f'type {kind}', state, '', '', (0, 0), answer))


class Fields(PduCase):
    """Each field wrong in turn."""

    def test_icreq(self):
        self.run_all(wrongs('ICReq'))

    def test_h2ctermreq(self):
        self.run_all(wrongs('H2CTermReq'))

    def test_capsule_without_data(self):
        self.run_all(wrongs('CapsuleCmd without data'))

    def test_capsule_with_data(self):
        self.run_all(wrongs('CapsuleCmd with data'))

    def test_sgl_of_a_command(self):
        self.run_all(wrongs('The SGL of a command'))

    def test_h2cdata(self):
        self.run_all(wrongs('H2CData'))


class Document(unittest.TestCase):
    """Nothing is missing in it."""

    def test_every_type_once(self):
        types = []
        for row in rows_of(States.HEADING):
            first, _, last = row['Type'].partition(' to ')
            types += range(number(first), number(last or first) + 1)
        self.assertEqual(types, list(range(256)))

    def test_every_field_of_every_header(self):
        for heading, size in (('ICReq', 128), ('H2CTermReq', 24), ('H2CData', 24),
                              ('CapsuleCmd without data', 8)):
            with self.subTest(heading):
                seen = set()
                for row in rows_of(heading):
                    seen |= self.bytes_of(heading, row['Field'])
                self.assertEqual(seen, set(range(1, size)))

    @staticmethod
    def bytes_of(heading, field):
        at = re.fullmatch(r'.+ \((\d+)\)', field)
        filled = re.fullmatch(r'bytes (\d+) to (\d+)', field)
        if at:
            first = int(at[1])
            return set(range(first, first + struct.calcsize(RIGHT[heading].layout[first])))
        return set(range(int(filled[1]), int(filled[2]) + 1)) if filled else set()

    def test_every_table_is_run(self):
        cases = {heading for heading, row in tables() if 'Value' in row}
        self.assertEqual(cases, {name for name in RIGHT if name != 'CapsuleCmd'})


if __name__ == '__main__':
    unittest.main()
