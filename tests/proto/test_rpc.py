# SPDX-License-Identifier: BSD-2-Clause
"""The RPC server: what callers may do to it while hosts are served, who may call, and
what it answers.  Its methods have tests of their own."""
import contextlib
import json
import os
import random
import re
import signal
import socket
import threading
import time
import unittest

import daemon
from case import RoomCase
from rpc import Caller, DEADLINE, RpcError
from wicked import MIB, WickedCase

CONNECTIONS = 64
TEXT_MOST = MIB
STRANGER = 65533
LEVEL = '{"jsonrpc":"2.0","method":"log_get_level","id":1}'


class RpcCase(WickedCase):
    """A bystander's verified I/O goes on beside whatever happens here."""

    args = ('--rpc-socket', 'rpc')

    def setUp(self):
        super().setUp()
        self.path = self.target.room.path / 'rpc'

    def caller(self, **how):
        made = Caller(self.path, **how)
        self.addCleanup(made.close)
        return made

    def assert_answers(self):
        """Another one is answered at once."""
        with Caller(self.path) as caller:
            self.assertEqual(caller.call('log_get_level'), 'DEBUG')

    def assert_refused(self, caller, code, goes_on):
        answer = caller.answer()
        self.assertEqual((answer['id'], answer['error']['code']), (None, code), answer)
        if goes_on:
            self.assertEqual(caller.call('log_get_level'), 'DEBUG')
        else:
            self.assertIsNone(caller.answer())


class Malformed(RpcCase):
    def test_what_is_no_json_is_told_and_ends(self):
        for text in (b'hello', b'{hello}', b'{]', b'}', b'\0', b'{"a":1,}', b'[1 2]', b'{"\xff":1}',
                     b'{"a":"\\ud800"}', b'{"method":"\n"}', b'[' * 65, b'GET / HTTP/1.1\r\n\r\n',
                     bytes(range(128, 256))):
            with self.subTest(text=text):
                caller = self.caller()
                caller.send(text)
                caller.end()
                self.assert_refused(caller, -32700, False)
        self.assert_answers()

    def test_what_is_no_request_is_told_and_goes_on(self):
        for text in ('{}', '[]', '1', '"x"', 'null', '{"method":1,"id":1}',
                     '{"jsonrpc":"1.0","method":"log_get_level","id":1}',
                     '{"method":"log_get_level","id":[]}', '{"method":"log_get_level","more":1}',
                     '{"method":"log_get_level","id":1,"id":2}', '{"id":1e999}'):
            with self.subTest(text=text):
                caller = self.caller()
                caller.send(text)
                self.assert_refused(caller, -32600, True)

    def test_what_is_not_whole_is_told_at_the_end(self):
        for text in ('{', '[', '{"method":"log_get_level","id":1', '"abc'):
            with self.subTest(text=text):
                caller = self.caller()
                caller.send(text)
                caller.end()
                self.assert_refused(caller, -32700, False)

    def test_each_of_a_batch_has_its_answer(self):
        caller = self.caller()
        caller.send(f'[{LEVEL},1,[],{{"method":"nothing","id":2}},'
                    '{"method":"log_set_level","params":{"level":1},"id":3},{"method":"log_get_level"}]')
        answers = caller.answer()
        self.assertEqual([(a['id'], a.get('error', {}).get('code')) for a in answers],
                         [(1, None), (None, -32600), (None, -32600), (2, -32601), (3, -32602)])


class Huge(RpcCase):
    def test_a_request_of_the_longest_is_taken(self):
        caller = self.caller()
        caller.send(LEVEL[:-1] + ' ' * (TEXT_MOST - len(LEVEL)) + '}')
        self.assertEqual(caller.answer()['result'], 'DEBUG')

    def test_a_request_without_end_is_refused_and_its_rest_thrown_away(self):
        caller = self.caller()
        caller.send('{"method":"' + 'a' * 4 * TEXT_MOST)
        self.assert_refused(caller, -32600, False)
        self.assert_answers()

    def test_many_without_end_cost_no_memory_for_long(self):
        callers = [self.caller() for _ in range(CONNECTIONS - 1)]
        for caller in callers:
            caller.send('{"method":"' + 'a' * (TEXT_MOST // 2))
        self.assert_answers()
        for caller in callers:
            caller.close()

    def test_a_batch_of_too_many_is_refused_as_one(self):
        caller = self.caller()
        caller.send('[' + ','.join([LEVEL] * 1025) + ']')
        self.assert_refused(caller, -32600, True)
        caller.send('[' + ','.join([LEVEL] * 1024) + ']')
        self.assertEqual(len(caller.answer()), 1024)

    def test_many_requests_in_one_send_are_answered_in_order(self):
        caller = self.caller()
        sender = threading.Thread(target=lambda: caller.send('\n'.join(
            json.dumps({'method': 'log_get_level', 'id': n}) for n in range(20000))))
        sender.start()
        self.assertEqual([caller.answer()['id'] for _ in range(20000)], list(range(20000)))
        sender.join()


class Slow(RpcCase):
    def test_a_request_may_come_byte_by_byte(self):
        caller = self.caller()
        for byte in LEVEL:
            caller.send(byte)
            self.assert_answers()
        self.assertEqual(caller.answer()['result'], 'DEBUG')

    def test_who_reads_no_answers_is_not_served_and_hurts_nobody(self):
        caller = self.caller(receive_buffer=4096)
        caller.socket.settimeout(0.5)
        request = json.dumps({'method': 'rpc_get_methods', 'id': 1}).encode()
        sent, stopped = 0, False
        while not stopped and sent < 64 * MIB:
            try:
                sent += caller.socket.send(request * 100)
            except TimeoutError:
                stopped = True
        self.assertTrue(stopped, 'it takes requests without end')
        self.assert_answers()
        # Who reads again has them all.
        caller.socket.settimeout(DEADLINE)
        caller.end()
        sizes = {json.dumps(answer) for answer in caller.answers() if 'result' in answer}
        self.assertEqual(len(sizes), 1)

    def test_the_unanswered_may_go(self):
        for _ in range(100):
            caller = self.caller()
            caller.send(LEVEL * 1000)
            caller.close()
        self.assert_answers()

    def test_half_closed_callers_have_all_their_answers(self):
        caller = self.caller()
        caller.send(LEVEL * 500)
        caller.end()
        self.assertEqual(len(caller.answers()), 500)


class Many(RpcCase):
    def test_many_call_at_once(self):
        counts, failures = [], []

        def call():
            try:
                with Caller(self.path) as caller:
                    counts.append(sum(caller.call('log_get_level') == 'DEBUG' for _ in range(200)))
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=call) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((counts, failures), ([200] * CONNECTIONS, []))

    def test_one_too_many_waits_for_a_place(self):
        callers = [self.caller() for _ in range(CONNECTIONS)]
        for caller in callers:
            self.assertEqual(caller.call('log_get_level'), 'DEBUG')
        waiting = self.caller()
        waiting.send(LEVEL)
        waiting.socket.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            waiting.answer()
        waiting.socket.settimeout(DEADLINE)
        callers[7].close()
        self.assertEqual(waiting.answer()['result'], 'DEBUG')

    def test_the_longest_idle_makes_room(self):
        callers = [self.caller() for _ in range(CONNECTIONS)]
        for caller in callers:
            self.assertEqual(caller.call('log_get_level'), 'DEBUG')
        callers[0].call('log_get_level')
        waiting = self.caller()
        waiting.send(LEVEL)
        self.assertEqual(waiting.answer()['result'], 'DEBUG')
        self.assertIsNone(callers[1].answer())
        self.assertEqual(callers[0].call('log_get_level'), 'DEBUG')

    def test_they_come_and_go(self):
        for _ in range(1000):
            self.assert_answers()


def answer_of(path):
    try:
        with Caller(path) as caller:
            with contextlib.suppress(BrokenPipeError):  # refused already: the answer says why
                caller.send(LEVEL)
            return json.dumps(caller.answer())
    except OSError as error:
        return type(error).__name__


def call_as(path, uid, gid):
    """What another user is answered, or why he can't connect."""
    reader, writer = os.pipe()
    child = os.fork()       # no other program: he may not reach Python's files
    if not child:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.write(writer, answer_of(path).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()


class WhoMayCall(RoomCase):
    def setUp(self):
        super().setUp()
        self.path = self.room.path / 'rpc'

    def serve_calls(self, *args):
        return self.serve(args=('--rpc-socket', 'rpc', *args))

    def needs_other_users(self):
        if not daemon.may_become_nobody():
            self.skipTest('runs as somebody who can not become others')
        self.room.path.chmod(0o755)

    def await_line(self, target, sentence):
        """The log has a thread of its own."""
        deadline = time.monotonic() + DEADLINE
        while sentence not in target.log():
            self.assertLess(time.monotonic(), deadline, target.log())
            time.sleep(0.01)

    def test_others_can_not_connect(self):
        self.needs_other_users()
        with self.serve_calls():
            self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
            self.assertEqual(self.path.stat().st_uid, daemon.NOBODY)
            self.assertIn('PermissionError', call_as(self.path, STRANGER, STRANGER))
            self.assertIn('"DEBUG"', call_as(self.path, daemon.NOBODY, STRANGER))

    def test_who_it_is_is_looked_at_besides(self):
        self.needs_other_users()
        with self.serve_calls() as target:
            self.path.chmod(0o666)
            self.assertIn('this user may not call', call_as(self.path, STRANGER, STRANGER))
            self.await_line(target, f'user {STRANGER} may not call')
            self.assertIn('"DEBUG"', call_as(self.path, 0, 0))

    def test_a_group_may_call(self):
        self.needs_other_users()
        with self.serve_calls('--rpc-group', 'nogroup'):
            self.assertEqual(self.path.stat().st_mode & 0o777, 0o660)
            self.assertIn('"DEBUG"', call_as(self.path, STRANGER, daemon.NOBODY))
            self.assertIn('PermissionError', call_as(self.path, STRANGER, STRANGER))

    def test_the_file_says_where_and_who(self):
        """And what the command line gives counts more."""
        self.needs_other_users()
        config = self.room.file('config.json', content=json.dumps({
            'nvmfd': {'rpc_socket': 'rpc', 'rpc_group': 'nogroup'}}).encode())
        for args, path in (((), self.path), (('--rpc-socket', 'other'), self.room.path / 'other')):
            target = daemon.Daemon(room=self.room, config=config, args=args)
            with self.subTest(args=args), target:
                found = path.stat()
                self.assertEqual((found.st_mode & 0o777, found.st_uid, found.st_gid),
                                 (0o660, daemon.NOBODY, daemon.NOBODY))
                self.assertIn('"DEBUG"', call_as(path, STRANGER, daemon.NOBODY))
                self.assertEqual([p.name for p in self.room.path.iterdir() if p.is_socket()],
                                 [path.name])

    def test_a_second_daemon_is_refused_and_a_dead_one_s_place_taken(self):
        refused = ['-d', '-p', '0', '-P', '0', '-n', daemon.NQN, '--rpc-socket', 'rpc', 'ramdisk:1M']
        first = self.serve_calls().start()
        self.addCleanup(first.kill)
        ended = self.room.run(*refused)
        self.assertEqual(ended.returncode, 1)
        self.assertIn('nvmfd: --rpc-socket rpc: a running daemon has it', ended.stderr)
        with Caller(self.path) as caller:
            self.assertEqual(caller.call('log_get_level'), 'DEBUG')
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        self.assertTrue(self.path.exists())
        with self.serve_calls(), Caller(self.path) as caller:
            self.assertEqual(caller.call('log_get_level'), 'DEBUG')
        self.assertFalse(self.path.exists())

    def test_an_ending_daemon_ends_its_calls(self):
        with self.serve_calls() as target, Caller(self.path) as caller:
            caller.send(LEVEL + '{"method":')
            self.assertEqual(caller.answer()['result'], 'DEBUG')
            target.stop()
            self.assertIsNone(caller.answer())
            target.start()


# What a member may be called, as a method says who is asked for one that it has not.
MEMBERS = re.compile(r"there is no parameter '-', but((?: [\w*]+)+)")
ANYTHING = [None, True, False, -1, 0, 1, 65536, 2**32, 2**63 - 1, 0.5, '', 'x', '\x7f', 'ä' * 200, [],
            ['x'], [1], {}]
DEVICES = ['one', 'two', 'three', '584de6fc-1120-4e40-b3bd-24feb35cad8b']
NQNS = ['nqn.2026-11.org.example:' + name for name in ('one', 'two', 'three')]
# What makes sense at times; where a number makes something large it is never anything else.
SIZES = {'num_blocks': [8, 64, 512], 'block_size': [512, 4096, 513], 'size': [65536, 131072],
         'new_size': [1, 2]}
LIKELY = {
    **SIZES, **dict.fromkeys(['name', 'bdev_name'], DEVICES), 'device': [*DEVICES, 'null:1M', 'ramdisk:64K'],
    **dict.fromkeys(['nqn', 'subnqn', 'host'], NQNS), 'names': [DEVICES[:1], DEVICES], 'filename': ['disk'],
    'nsid': [1, 2, 3, 300], 'id': [1, 2, 3], 'trtype': ['TCP', 'tcp'], 'traddr': ['127.0.0.1', '::1'],
    'adrfam': ['IPv4', 'IPv6'], 'trsvcid': ['8009', '0', '65536'], 'service': [0], 'level': ['WARNING'],
    'address': ['127.0.0.1', '192.0.2.0/24', '2001:db8::/32'], 'mode': ['all', 'maxmin'],
    **dict.fromkeys(['allow_any_host', 'read_only', 'hidden', 'no_auto_visible'], [True, False]),
}
# What is not to be tried: it would change how long the test waits, or what it reads.
UNTRIED = {'framework_wait_init'}


class Nonsense(RoomCase):
    """Each method, with parameters that it knows and values that make little sense."""
    ROUNDS = 3000

    def members(self, caller, method, path=()):
        """The parameters of a method, or of an object among them."""
        asked = {'-': 1}
        for name in reversed(path):
            asked = {name: asked}
        caller.send(json.dumps({'method': method, 'params': asked, 'id': 0}))
        found = MEMBERS.match(caller.answer().get('error', {}).get('message', '')[len('Invalid parameters: '):])
        return [name for name in found[1].split() if name != '*'] if found else []

    def make_up(self, chance, shape):
        """Most of the parameters that are likely, and some of the others."""
        made = {}
        for name, inner in shape.items():
            if chance.random() > (0.8 if inner or name in LIKELY else 0.1):
                continue
            if inner and chance.random() < 0.95:
                made[name] = self.make_up(chance, inner)
            elif name in SIZES or chance.random() < 0.95:
                made[name] = chance.choice(LIKELY.get(name, ANYTHING))
            else:
                made[name] = chance.choice(ANYTHING)
        return made

    def test_no_call_does_harm(self):
        chance = random.Random(1)
        self.room.file('disk', 1 << 20)
        with self.serve('ramdisk:1M', args=('--rpc-socket', 'rpc', '--listen', '127.0.0.1')) as target, \
                Caller(self.room.path / 'rpc') as caller:
            shapes = {method: {name: {inner: None for inner in self.members(caller, method, (name,))}
                               for name in self.members(caller, method)}
                      for method in set(caller.call('rpc_get_methods')) - UNTRIED}
            self.assertEqual(shapes['nvmf_subsystem_add_ns']['namespace']['bdev_name'], None)
            methods = sorted(shapes)
            good = set()
            for number in range(self.ROUNDS):
                method = chance.choice(methods)
                params = self.make_up(chance, shapes[method])
                with self.subTest(method=method, params=params):
                    caller.send(json.dumps({'method': method, 'params': params, 'id': number}
                                           if params else {'method': method, 'id': number}))
                    answer = caller.answer()
                    self.assertEqual(answer['id'], number)
                    if 'result' in answer:
                        good.add(method)
                    else:
                        self.assertTrue(answer['error']['message'].isprintable(), answer)
            # Not all of it was refused at the door.
            self.assertGreater(len(good), len(methods) // 2, sorted(set(methods) - good))
            target.check_alive()


class BeforeServing(RoomCase):
    def test_nobody_is_served_before_the_call(self):
        path = self.room.path / 'rpc'
        with self.serve(args=('--rpc-socket', 'rpc', '--wait-for-rpc')) as target:
            with Caller(path) as caller, Caller(path) as waiting:
                self.assertIn('framework_start_init', caller.call('rpc_get_methods', current=True))
                self.assertNotIn('framework_get_subsystems',
                                 caller.call('rpc_get_methods', current=True))
                with self.assertRaises(RpcError) as refused:
                    caller.call('framework_get_subsystems')
                self.assertEqual(refused.exception.code, -1)
                host = socket.create_connection(target.io, timeout=0.3)
                self.addCleanup(host.close)
                host.sendall(bytes(128))
                with self.assertRaises(TimeoutError):
                    host.recv(1)
                waiting.send(json.dumps(waiting.request('framework_wait_init')))
                self.assertIs(caller.call('framework_start_init'), True)
                self.assertIs(waiting.answer()['result'], True)
                self.assertIs(caller.call('framework_wait_init'), True)
                with self.assertRaises(RpcError) as refused:
                    caller.call('framework_start_init')
                self.assertEqual(refused.exception.code, -1)
            self.assertEqual(self.controller(target).namespaces(), [1])

    def test_it_may_end_before_it_serves(self):
        with self.serve(args=('--rpc-socket', 'rpc', '--wait-for-rpc')) as target:
            with Caller(self.room.path / 'rpc') as waiting:
                waiting.send(LEVEL + json.dumps(waiting.request('framework_wait_init')))
                self.assertEqual(waiting.answer()['result'], 'DEBUG')
                target.stop()
                self.assertEqual(waiting.answer()['error']['message'], 'the daemon ends')
                self.assertIsNone(waiting.answer())
                target.start()

    def test_somebody_must_be_able_to_call(self):
        ended = self.room.run('-d', '--wait-for-rpc', 'ramdisk:1M')
        self.assert_one_sentence(ended, '--rpc-socket')


if __name__ == '__main__':
    unittest.main()
