# SPDX-License-Identifier: BSD-2-Clause
"""Row "changes under I/O": a random walk through what may change while nvmfd serves.

Changes come one by one over the RPC socket, or several at once by a reload of the file.
Two bystanders do verified I/O all the time.  Three hosts have connections wherever they
may; after each step a model says what each of them must see: which namespaces, and which
of them changed, what discovery tells, and by which events he hears of it; who is thrown
out, who is refused, and whose commands go on.

WALK_SEED and WALK_SECONDS in the environment: another walk, or a longer one.
"""
import collections
import json
import os
import random
import signal
import socket
import struct
import time
import unittest

import daemon
import walk_model
import wire
from case import RoomCase, has_ipv6_loopback, read_blocks, write_blocks
from nvmetcp import DISCOVERY_NQN, Closed, Controller, Host, Queue
from rpc import Caller, RpcError
from walk_model import FENCING, HOSTS, NN, STEADY, STEADY_PORT, World
from wicked import LONGEST_PAUSE, MEMORY_MARGIN, Bystander
from wire import Feature, Log, Sc

SECONDS = float(os.environ.get('WALK_SECONDS', 16))
DEADLINE = 20.0 * daemon.SLOWNESS
WORKERS = 3
SLOT = 8                    # blocks that one connection writes
NAMESPACE_CHANGED = 0x040002
DISCOVERY_CHANGED = 0x70f002
THE_SERVICE_ITSELF = 3      # SUBTYPE of its entry
IDENTITIES = {nqn: Host(nqn) for nqn in HOSTS}


class Watcher:
    """A controller with an event request, and what it has to be told."""

    event = None            # dw0 of the one that may come
    mask = 0

    def __init__(self, where, nqn, host, **how):
        self.host = host
        self.controller = Controller(where, nqn, host=IDENTITIES[host], timeout=DEADLINE, **how)
        cqe = self.controller.admin.run(wire.set_features(Feature.ASYNC_EVENT_CONFIG, self.mask)).cqe
        assert cqe.sc == Sc.SUCCESS, cqe
        self.ask()

    def ask(self):
        self.request = self.controller.admin.submit(wire.Sqe(wire.Admin.ASYNC_EVENT))

    def take_event(self):
        cqe = self.controller.admin.wait(self.request).cqe
        assert (cqe.sc, cqe.dw0) == (Sc.SUCCESS, self.event), f'{self}: event {cqe}'

    def assert_no_event(self):
        """To be called after a round trip: events are sent before a change returns."""
        assert not self.request.done, f'{self}: an event of nothing: {self.request.cqe}'


class Discovery(Watcher):
    event, mask = DISCOVERY_CHANGED, 1 << 31

    def __init__(self, where, host):
        super().__init__(where, DISCOVERY_NQN, host, kato=3600000)
        self.changed = False
        self.generation = -1

    def __str__(self):
        return f'discovery of {self.host}'

    def log(self):
        """(generation, what is told)."""
        raw = bytes(self.controller.get_log(Log.DISCOVERY, 64 << 10).data)
        header = wire.Fields(wire.DISCOVERY_HEADER, raw[:1024])
        entries = [wire.Fields(wire.DISCOVERY_ENTRY, raw[at:at + 1024])
                   for at in range(1024, 1024 * (1 + header.numrec), 1024)]
        told = {(e.subnqn.rstrip(b'\0').decode(), e.portid, e.traddr.decode().rstrip(),
                 int(e.trsvcid)) for e in entries if e.subtype != THE_SERVICE_ITSELF}
        assert len(told) == len(entries) - 1, f'{self}: entries that are one'
        return header.genctr, told

    def note(self, before, after):
        self.changed |= before.discovery(self.host) != after.discovery(self.host)

    def check(self, world):
        if self.changed:
            self.take_event()
        generation, told = self.log()
        if self.changed:
            assert generation != self.generation, f'{self}: generation {generation}'
            self.ask()
        self.assert_no_event()
        assert told == world.discovery(self.host), \
            f'{self}: told {sorted(told)}, not {sorted(world.discovery(self.host))}'
        self.changed, self.generation = False, generation


class Session(Watcher):
    """A host's controller of a subsystem, with two I/O queues."""

    event, mask = NAMESPACE_CHANGED, 0x100

    def __init__(self, world, where, port, nqn, host, slot):
        super().__init__(where, nqn, host)
        self.nqn, self.port = nqn, port
        self.queues = self.controller.io_queues(2)
        self.lba = slot * SLOT
        self.written = 0
        self.changed = set()        # namespaces, since the log was read
        self.is_doomed = False
        self.under_way = None       # (NSID, data, command)
        self.check(world)

    def __str__(self):
        return f'{self.nqn} of {self.host} by port {self.port}'

    def note(self, before, after):
        """One change: what it means for this connection."""
        if self.is_doomed:
            return
        has_moved = before.places[self.port] != after.places[self.port]
        if has_moved or not after.may_stay(self.host, self.nqn, self.port):
            self.is_doomed = True
            return
        was, is_now = (world.view(self.host, self.nqn) for world in (before, after))
        self.changed |= {nsid for nsid in was.keys() | is_now.keys()
                         if was.get(nsid) != is_now.get(nsid)}

    def begin_io(self, rng, world):
        """A write that is under way while things change."""
        view = world.view(self.host, self.nqn)
        visible = [nsid for nsid, (_, _, read_only, _) in view.items() if nsid > 1 and not read_only]
        if not visible:
            return
        nsid = rng.choice(sorted(visible))
        self.written += 1
        data = f'{self.host} {self.lba} {self.written}'.encode().ljust(64, b'.') * (SLOT * 512 // 64)
        self.under_way = nsid, data, self.queues[0].submit(wire.write(nsid, self.lba, SLOT), data)

    def end_io(self, view):
        nsid, data, command = self.under_way
        self.under_way = None
        sc = self.queues[0].wait(command).cqe.sc
        if nsid in self.changed:
            assert sc in (Sc.SUCCESS, Sc.INVALID_NAMESPACE, Sc.WRITE_PROTECTED), f'{self}: {command.cqe}'
            return
        assert sc == Sc.SUCCESS, f'{self}: namespace {nsid}: {command.cqe}'
        read = read_blocks(self.queues[1], self.lba, SLOT, nsid=nsid)
        expected = bytes(len(data)) if view[nsid][0] == 'null' else data
        assert read.cqe.sc == Sc.SUCCESS and read.data == expected, \
            f'{self}: namespace {nsid}: {read.cqe}, data {bytes(read.data[:64])}, not {expected[:64]}'

    def check(self, world):
        """What it sees is what the model says, and it was told of what changed."""
        view = world.view(self.host, self.nqn)
        if self.under_way:
            self.end_io(view)
        if self.changed:
            self.take_event()
            self.check_log()
            self.ask()
        seen = self.controller.namespaces()
        self.assert_no_event()
        assert seen == sorted(view), f'{self}: sees {seen}, not {sorted(view)}'
        for nsid in self.changed & view.keys() or {1} & view.keys():
            self.check_namespace(nsid, view[nsid])
        for nsid in self.changed - view.keys():
            sc = read_blocks(self.queues[0], 0, 1, nsid=nsid).cqe.sc
            assert sc == Sc.INVALID_NAMESPACE, f'{self}: namespace {nsid} is gone: {sc:#x}'
        self.changed = set()

    def check_log(self):
        raw = bytes(self.controller.get_log(Log.CHANGED_NAMESPACES, 4096).data)
        told = [nsid for nsid, in struct.iter_unpack('<I', raw) if nsid]
        assert told == sorted(self.changed), f'{self}: told of {told}, not {sorted(self.changed)}'

    def check_namespace(self, nsid, seen):
        _, size, read_only, _ = seen
        fields = self.controller.identify_namespace(nsid)
        assert (fields.nsze, fields.nsattr & 1) == (size // 512, read_only), \
            f'{self}: namespace {nsid} has {fields.nsze} blocks, attributes {fields.nsattr}'
        known = walk_model.identity(self.nqn, nsid)
        assert (fields.nguid.hex(), fields.eui64.hex()) == (known['nguid'], known['eui64'])
        last = read_blocks(self.queues[1], size // 512 - 1, 1, nsid=nsid).cqe.sc
        beyond = read_blocks(self.queues[0], size // 512, 1, nsid=nsid).cqe.sc
        assert (last, beyond) == (Sc.SUCCESS, Sc.LBA_OUT_OF_RANGE), f'{self}: {last:#x}, {beyond:#x}'

    def assert_ends(self):
        """All of its connections, in order: whole PDUs, then the end and no reset."""
        for queue in [*self.queues, self.controller.admin]:
            queue.expect_end(DEADLINE)
        self.controller.close()


class Place:
    """What a bystander needs of a target."""

    def __init__(self, target, io, nqn):
        self.pid, self.io, self.nqn = target.pid, io, nqn


def free_places():
    """Where ports listen: their numbers are not among those that kernels give away."""
    addresses = ['127.0.0.1', '127.0.0.1', '127.0.0.1', '0.0.0.0'] + ['::1'] * has_ipv6_loopback()
    places = {}
    for number, address in enumerate(addresses, 1):
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        while number not in places:
            service = random.randint(20000, 29999)
            if service in (taken for _, taken in places.values()):
                continue
            try:
                with socket.create_server((address, service), family=family):
                    places[number] = address, service
            except OSError:
                pass
    return places


class Walk(RoomCase):

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get('WALK_SEED', random.randrange(1 << 32)))
        print(f'# WALK_SEED={self.seed}', flush=True)
        self.rng = random.Random(self.seed)
        self.world = World(free_places())
        self.settings = {'workers': WORKERS, 'rpc_socket': str(self.room.path / 'rpc')}
        if daemon.ENGINE:
            self.settings['engine'] = daemon.ENGINE
        self.step = 0
        self.counts = collections.Counter()
        self.reloads = 0
        self.history = []
        self.sessions, self.watchers = [], []
        self.target = daemon.Daemon(room=self.room, config=self.write_file(self.world)).start()
        self.addCleanup(self.target.stop)
        self.caller = Caller(self.room.path / 'rpc')
        self.addCleanup(self.caller.close)

    def run(self, result=None):
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad:
            for line in self.history[-30:]:
                print('#', line)

    # making changes

    def write_file(self, world):
        path = str(self.room.path / 'config.json')
        # In place of the old one at once: nobody reads a half.
        os.replace(self.room.file('next.json', content=world.file(**self.settings).encode()), path)
        return path

    def note(self, before, after):
        for session in self.sessions + self.watchers:
            session.note(before, after)
        self.counts['changes'] += 1
        self.world = after

    def call(self, change):
        before, after = self.world, self.world.copy()
        change.on(after)
        self.history.append(f'{self.step}: {change}')
        self.caller.call(change.method, **change.params)
        self.note(before, after)

    def reload(self, after, by_signal):
        before = self.world
        after.reread()
        self.write_file(after)
        if by_signal:
            self.reloads += 1
            self.target.process.send_signal(signal.SIGHUP)
            self.wait_until(lambda: self.target.log().count('config.json: read again') == self.reloads,
                            'the file was not read again')
        else:
            self.caller.call('nvmfd_reload')
        self.note(before, after)

    def change_by_file(self):
        after = self.world.copy()
        for _ in range(self.rng.randint(1, 6)):
            change = walk_model.choose(self.rng, after, by_file=True)
            self.history.append(f'{self.step}: by file: {change}')
            change.on(after)
        self.reload(after, by_signal=self.rng.random() < 0.3)

    def change_by_calls(self):
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            self.call(walk_model.choose(self.rng, self.world))

    def ask_nonsense(self):
        """By calls, and by a file that begins well and ends in what can't be."""
        method, params = self.rng.choice(walk_model.NONSENSE)
        with self.assertRaises(RpcError):
            self.caller.call(method, **params)
        after = self.world.copy()
        walk_model.choose(self.rng, after).on(after)
        after.subsystems[STEADY[0]].namespaces[NN] = walk_model.Namespace('/nonexistent')
        self.write_file(after)
        with self.assertRaises(RpcError):
            self.caller.call('nvmfd_reload')

    def save(self):
        """What is saved is what runs: read again, it changes nothing."""
        self.caller.call('nvmfd_save_config')
        after = self.world.copy()
        after.reread()
        saved = json.loads((self.room.path / 'config.json').read_text())
        self.assertEqual({s['nqn'] for s in saved['subsystems']}, set(after.subsystems))
        self.caller.call('nvmfd_reload')
        self.note(self.world, after)

    # hosts

    def where(self, port):
        address, service = self.world.places[port]
        return '127.0.0.1' if address == '0.0.0.0' else address, service

    def expected(self, host, nqn, port):
        """Of a Connect: a status, or None where nobody listens."""
        if port not in self.world.ports:
            return None
        if nqn not in self.world.ports[port]:
            return Sc.CONNECT_INVALID_PARAMETERS
        return Sc.SUCCESS if self.world.may_stay(host, nqn, port) else Sc.CONNECT_INVALID_HOST

    def free_slot(self):
        used = {session.lba // SLOT for session in self.sessions}
        return next(slot for slot in range(100) if slot not in used)

    def visit(self):
        """A host tries to connect somewhere, whether it may or not."""
        host, nqn = self.rng.choice(HOSTS), self.rng.choice(walk_model.SUBSYSTEMS)
        port = self.rng.choice(sorted(self.world.places))
        expected = self.expected(host, nqn, port)
        there = [s for s in self.sessions if (s.host, s.nqn) == (host, nqn)]
        if expected is None:
            with self.assertRaises(ConnectionRefusedError):
                Queue(self.where(port)).close()
        elif expected != Sc.SUCCESS:
            self.counts['refused'] += 1
            self.assert_refused(host, nqn, port, expected)
        elif len(there) < 2:
            self.counts['connected'] += 1
            self.sessions.append(Session(self.world, self.where(port), port, nqn, host,
                                         self.free_slot()))
            if nqn == FENCING:
                self.end(there)
        else:
            self.sessions.remove(there[0])
            there[0].controller.close()

    def assert_refused(self, host, nqn, port, expected):
        with Queue(self.where(port), timeout=DEADLINE) as queue:
            cqe = queue.connect(nqn, host, IDENTITIES[host].hostid).cqe
            self.assertEqual(cqe.sc, expected, f'{nqn} of {host} by port {port}: {cqe}')

    def end(self, sessions):
        self.counts['thrown out'] += len(sessions)
        for session in sessions:
            session.assert_ends()
            self.sessions.remove(session)

    def watch_discovery(self):
        self.watchers = [Discovery(self.where(STEADY_PORT), host) for host in HOSTS]
        for watcher in self.watchers:
            watcher.check(self.world)

    # the walk

    def take_a_step(self):
        self.step += 1
        for session in self.sessions:
            session.begin_io(self.rng, self.world)
        self.rng.choice((self.change_by_calls,) * 10 + (self.change_by_file,) * 8 +
                        (self.ask_nonsense, self.save))()
        self.end([session for session in self.sessions if session.is_doomed])
        for session in self.sessions + self.watchers:
            self.counts['events'] += bool(session.changed)
            session.check(self.world)
        for _ in range(3):
            self.visit()
        self.assert_nobody_was_hurt()

    def assert_nobody_was_hurt(self):
        self.target.check_alive()
        for bystander in self.bystanders:
            self.assertIsNone(bystander.trouble)

    def walk(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                self.take_a_step()
            except Exception as error:
                raise AssertionError(f'step {self.step} of WALK_SEED={self.seed}: {error}') from error

    def go_home(self):
        """Back to the beginning: nobody is there but the bystanders."""
        self.history.append(f'{self.step}: all goes')
        self.reload(World(self.world.places), by_signal=True)
        self.end([session for session in self.sessions if session.is_doomed])
        for session in self.sessions + self.watchers:
            session.check(self.world)
            session.controller.close()
        self.sessions, self.watchers = [], []
        self.wait_until(lambda: self.queues() == len(self.bystanders) * (1 + Bystander.QUEUES),
                        lambda: f'there are {self.queues()} queues')

    def queues(self):
        return sum(group['current_admin_qpairs'] + group['current_io_qpairs']
                   for group in self.caller.call('nvmf_get_stats')['poll_groups'])

    def wait_until(self, is_true, what):
        until = time.monotonic() + DEADLINE
        while not is_true():
            self.target.check_alive()
            self.assertLess(time.monotonic(), until, what if isinstance(what, str) else what())
            time.sleep(0.01)

    def assert_back(self, descriptors, memory):
        self.wait_until(lambda: self.target.descriptors() <= descriptors,
                        lambda: f'{self.target.descriptors()} descriptors, and were {descriptors}')
        if not self.target.is_sanitized():
            self.wait_until(lambda: self.target.memory_but_disks() <= memory + MEMORY_MARGIN,
                            lambda: f'{self.target.memory_but_disks() >> 10} KiB resident, '
                                    f'and were {memory >> 10}')

    def test_a_walk_under_load(self):
        self.bystanders = [Bystander(Place(self.target, self.where(STEADY_PORT), nqn))
                           for nqn in STEADY]
        for bystander in self.bystanders:
            self.addCleanup(bystander.stop)
            bystander.start()
        self.watch_discovery()
        self.walk(SECONDS / 4)          # the first part takes what the daemon keeps
        self.go_home()
        descriptors, memory = self.target.descriptors(), self.target.memory_but_disks()
        self.watch_discovery()
        self.walk(SECONDS * 3 / 4)
        self.go_home()
        self.assert_back(descriptors, memory)
        self.assert_nobody_was_hurt()
        pauses = [bystander.longest_pause() for bystander in self.bystanders]
        print(f'# {self.step} steps, {dict(self.counts)}; rounds of I/O: '
              f'{[b.rounds for b in self.bystanders]}; longest pauses above '
              f'{LONGEST_PAUSE / 2} s: {pauses}', flush=True)
        self.assertLess(max(pauses), LONGEST_PAUSE * daemon.SLOWNESS)


if __name__ == '__main__':
    unittest.main()
