# SPDX-License-Identifier: BSD-2-Clause
"""Row "events": namespaces come and go while a host has and has not asked to be told."""
import collections
import random
import struct
import time
import unittest

import daemon
import wire
from case import RoomCase, TargetCase, read_blocks, write_blocks
from rpc import Caller
from wire import Admin, Feature, Log, Sqe

NS_ATTRIBUTE = 0x100        # in Asynchronous Event Configuration
CHANGED = 0x04 << 16 | 0x00 << 8 | 0x02
FAILURE = 0x01 << 16 | 0x04 << 8 | 0x00
DEADLINE = 10 * daemon.SLOWNESS


class NamespaceEvents(TargetCase):
    devices = ('ramdisk:1M?nsid=1',)
    args = ('--rpc-socket', 'rpc')

    def setUp(self):
        self.caller = Caller(self.target.room.path / 'rpc')
        self.addCleanup(self.caller.close)
        self.ctrl = self.controller()
        self.configure(NS_ATTRIBUTE)

    def configure(self, value):
        self.assert_success(self.ctrl.admin.run(
            wire.set_features(Feature.ASYNC_EVENT_CONFIG, value)))

    def ask(self):
        return self.ctrl.admin.submit(Sqe(Admin.ASYNC_EVENT))

    def change(self, nsid):
        """A namespace of this number is added and removed: its number has changed.
        When a call is answered hosts have been told."""
        name = self.caller.call('bdev_null_create', name=f'n{nsid}', num_blocks=2048,
                                block_size=512)
        for act in ({'method': 'nvmf_subsystem_add_ns',
                     'namespace': {'bdev_name': name, 'nsid': nsid}},
                    {'method': 'nvmf_subsystem_remove_ns', 'nsid': nsid}):
            self.caller.call(act.pop('method'), nqn=self.target.nqn, **act)
        self.caller.call('bdev_null_delete', name=name)

    def changed(self, rae=False):
        command = self.ctrl.get_log(Log.CHANGED_NAMESPACES, 4096, rae=rae)
        self.assert_success(command)
        numbers = struct.unpack('<1024I', command.data)
        return [n for n in numbers if n]

    def is_told(self, event):
        self.assert_success(self.ctrl.identify())
        return event.done

    def test_it_comes_once_until_its_log_was_read(self):
        first = self.ask()
        second = self.ask()
        self.change(5)
        self.assertEqual([e.cqe.dw0 for e in (first, second) if self.is_told(e)], [CHANGED])
        self.change(7)
        self.assertEqual(sum(self.is_told(e) for e in (first, second)), 1)
        self.assertEqual(self.changed(rae=True), [5, 7])
        self.change(6)
        self.assertEqual(sum(self.is_told(e) for e in (first, second)), 1)
        self.assertEqual(self.changed(), [5, 6, 7])
        self.assertEqual(self.changed(), [])
        self.change(8)
        self.assertEqual([e.cqe.dw0 for e in (first, second) if self.is_told(e)], [CHANGED] * 2)

    def test_it_waits_for_a_request(self):
        self.change(5)
        self.assertEqual(self.ctrl.admin.wait(self.ask()).cqe.dw0, CHANGED)

    def test_what_was_read_before_a_request_came_is_not_told(self):
        self.change(5)
        self.assertEqual(self.changed(), [5])
        self.assertFalse(self.is_told(self.ask()))

    def test_nobody_is_told_who_has_not_configured_it_but_the_log_is_kept(self):
        self.configure(0)
        event = self.ask()
        self.change(9)
        self.assertFalse(self.is_told(event))
        self.assertEqual(self.changed(), [9])

    def test_configured_away_it_does_not_come_later(self):
        self.change(5)
        self.configure(0)
        event = self.ask()
        self.assertFalse(self.is_told(event))
        self.configure(NS_ATTRIBUTE)
        self.assertFalse(self.is_told(event))

    def test_each_controller_has_its_own(self):
        other = self.controller()
        self.change(5)
        self.assertEqual(self.changed(), [5])
        command = other.get_log(Log.CHANGED_NAMESPACES, 4096)
        self.assertEqual(struct.unpack_from('<I', command.data), (5,))

    def test_a_new_controller_has_nothing_to_be_told(self):
        self.change(5)
        self.ctrl = self.controller()
        self.configure(NS_ATTRIBUTE)
        self.assertEqual(self.changed(), [])
        self.assertFalse(self.is_told(self.ask()))


class Failures(TargetCase):
    """The storage fails: the host whose command it was hears so."""
    devices = ('error:read=EIO/ramdisk:1M', 'error:all=ENOSPC/ramdisk:1M',
               'error:flush=EIO/ramdisk:1M', 'error:write=EIO/ramdisk:1M',
               'error:all=ENODEV/ramdisk:1M', 'ramdisk:1M')
    args = ('--workers', '3')
    WORKING = 6

    def setUp(self):
        self.ctrl = self.controller()
        self.qs = self.ctrl.io_queues(6)

    def ask(self, ctrl=None):
        return (ctrl or self.ctrl).admin.submit(Sqe(Admin.ASYNC_EVENT))

    def fail(self, queue=None):
        self.assert_status(read_blocks(queue or self.qs[0], 0, 1),
                           wire.Sc.UNRECOVERED_READ_ERROR)

    def errors(self, rae=False, ctrl=None):
        return self.assert_success((ctrl or self.ctrl).get_log(Log.ERROR, 128 * 64, rae=rae))

    def assert_told(self, event, ctrl=None):
        self.assertEqual(self.assert_success((ctrl or self.ctrl).admin.wait(event)).dw0, FAILURE)

    def assert_not_told(self, event):
        time.sleep(0.05)        # it would come from another worker
        self.assert_success(self.ctrl.identify())
        self.assertFalse(event.done)

    def test_from_every_queue_and_unconfigured(self):
        for queue in self.qs:
            event = self.ask()
            self.fail(queue)
            self.assert_told(event)
            self.errors()

    def test_it_comes_once_until_its_log_was_read(self):
        event = self.ask()
        self.fail()
        self.assert_told(event)
        event = self.ask()
        self.fail(self.qs[1])
        self.assert_not_told(event)
        self.errors(rae=True)
        self.fail(self.qs[2])
        self.assert_not_told(event)
        self.errors()
        self.assert_not_told(event)     # the log had them all
        self.fail(self.qs[3])
        self.assert_told(event)

    def test_it_waits_for_a_request(self):
        self.fail()
        self.assert_told(self.ask())

    def test_what_was_read_before_a_request_came_is_not_told(self):
        self.fail()
        self.errors()
        self.assert_not_told(self.ask())

    def test_a_reset_forgets_it(self):
        self.fail()
        self.ctrl.disable()
        self.ctrl.enable()
        event = self.ask()
        self.assert_not_told(event)
        self.qs = self.ctrl.io_queues(2)
        self.fail()
        self.assert_told(event)

    def test_of_every_kind(self):
        queue = self.qs[0]
        for run in (lambda: queue.run(wire.verify(1, 0, 8)), lambda: queue.run(wire.flush(3)),
                    lambda: write_blocks(queue, 0, bytes(512), nsid=4),
                    lambda: queue.run(wire.write_zeroes(5, 0, 8)), lambda: read_blocks(queue, 0, 1, nsid=5)):
            event = self.ask()
            self.assertNotEqual(run().cqe.sc, wire.Sc.SUCCESS)
            self.assert_told(event)
            self.errors()

    def test_what_is_no_failure_of_the_storage(self):
        queue, nsid = self.qs[0], self.WORKING
        event = self.ask()
        self.assert_success(queue.run(wire.write_uncorrectable(nsid, 5, 1)))
        for command, status in (
                (read_blocks(queue, 5, 1, nsid=nsid), wire.Sc.UNRECOVERED_READ_ERROR),
                (read_blocks(queue, 1 << 40, 1, nsid=nsid), wire.Sc.LBA_OUT_OF_RANGE),
                (queue.run(wire.compare(nsid, 0, 1), b'\1' * 512), wire.Sc.COMPARE_FAILURE),
                (write_blocks(queue, 0, bytes(512), nsid=2), wire.Sc.CAPACITY_EXCEEDED),
                (queue.run(Sqe(0x7D)), wire.Sc.INVALID_OPCODE)):
            self.assert_status(command, status)
        self.assert_not_told(event)
        self.assert_success(write_blocks(queue, 5, bytes(512), nsid=nsid))

    def test_who_has_nothing_to_do_with_it_is_not_told(self):
        other = self.controller()
        theirs, ours = self.ask(other), self.ask()
        self.fail()
        self.assert_told(ours)
        other.identify()
        self.assertFalse(theirs.done)

    def test_a_storm_of_them(self):
        """None that no list had goes untold, however they meet."""
        until, told, failed, events = time.monotonic() + 2, 0, 0, []
        while time.monotonic() < until:
            events = [e for e in events if not e.done]
            events += [self.ask() for _ in range(4 - len(events))]
            commands = [(queue, queue.submit(wire.read(1, 0, 1), length=512))
                        for queue in self.qs for _ in range(8)]
            shown = self.newest()
            before = sum(e.done for e in events)
            for queue, command in commands:
                queue.wait(command)
            failed += len(commands)
            if shown < failed:
                self.assert_one_more(events, before)
                told += 1
            self.assertEqual(self.newest(), failed)
        self.assertGreater(told, 10)

    def newest(self):
        command = self.ctrl.get_log(Log.ERROR, 64)
        self.assert_success(command)
        return struct.unpack_from('<Q', command.data)[0]

    def assert_one_more(self, events, before):
        deadline = time.monotonic() + DEADLINE
        while sum(e.done for e in events) == before:
            self.assert_success(self.ctrl.identify())
            self.assertLess(time.monotonic(), deadline, 'not told')


class FailuresOfFiles(RoomCase):

    def test_a_flush_of_all(self):
        path = self.room.file('disk', content=bytes(1 << 20))
        with self.serve(f'error:flush=EIO/{path}') as target:
            ctrl = self.controller(target)
            event = ctrl.admin.submit(Sqe(Admin.ASYNC_EVENT))
            queue, = ctrl.io_queues(1)
            self.assertEqual(queue.run(wire.flush(0xFFFFFFFF)).cqe.sc, wire.Sc.WRITE_FAULT)
            self.assertEqual(ctrl.admin.wait(event).cqe.dw0, FAILURE)


class Model:
    """What a host is told, and when."""
    NAMESPACES, TEMPERATURE = CHANGED, 0x02 << 16 | 0x01 << 8 | 0x01
    BITS = {FAILURE: 0, NAMESPACES: NS_ATTRIBUTE, TEMPERATURE: 0x02}   # 0: always
    LIMIT = 4

    def __init__(self):
        self.told = []          # since it was last looked at
        self.reset()

    def reset(self):
        self.config = self.held = 0
        self.pending, self.masked, self.changed = set(), set(), set()
        self.is_warm = self.is_due = False

    def is_wanted(self, event):
        return not self.BITS[event] or bool(self.BITS[event] & self.config)

    def note(self, event):
        if self.is_wanted(event):
            self.pending.add(event)
        self.send()

    def send(self):
        for event in self.BITS:
            if event in self.pending - self.masked and self.held:
                self.pending.remove(event)
                self.masked.add(event)
                self.held -= 1
                self.told.append(event)

    def ask(self):
        """Whether there is room for one more."""
        if self.held == self.LIMIT:
            return False
        self.held += 1
        self.send()
        return True

    def check_health(self):
        was, self.is_due = self.is_due, self.is_warm and bool(self.config & 0x02)
        if self.is_due and not was:
            self.note(self.TEMPERATURE)

    def configure(self, config):
        self.config = config
        self.pending = {event for event in self.pending if self.is_wanted(event)}
        self.check_health()

    def warm(self, is_warm):
        self.is_warm = is_warm
        self.check_health()

    def change(self, nsid):
        self.changed.add(nsid)
        self.note(self.NAMESPACES)

    def read(self, event, rae):
        if not rae:
            self.pending.discard(event)
            self.masked.discard(event)

    def read_changed(self, rae):
        changed = sorted(self.changed)
        if not rae:
            self.changed.clear()
        self.read(self.NAMESPACES, rae)
        return changed


class Walk(TargetCase):
    """Anything in any order: what is told is what the model tells, no more and no less."""
    devices = ('error:read=EIO/ramdisk:1M?nsid=1',)
    args = ('--rpc-socket', 'rpc')
    STEPS, SECONDS, NSIDS = 6000, 8, range(2, 9)

    def setUp(self):
        self.caller = Caller(self.target.room.path / 'rpc')
        self.addCleanup(self.caller.close)
        self.ctrl = self.controller()
        self.queue, = self.ctrl.io_queues(1)
        self.model, self.held = Model(), []
        self.there, self.size = set(), 1    # NSIDs; of the last that was resized
        for nsid in self.NSIDS:
            self.caller.call('bdev_null_create', name=f'n{nsid}', num_blocks=2048,
                             block_size=512)

    def test_events(self):
        seed = random.randrange(1 << 32)
        self.dice, until = random.Random(seed), time.monotonic() + self.SECONDS
        steps = [self.ask] * 5 + [self.configure, self.namespace, self.namespace, self.resize,
                                  self.warm, self.read_changed, self.read_part,
                                  self.read_health, self.fail_io, self.read_errors] * 2 + [self.reset]
        self.done = collections.deque(maxlen=30)
        with self.subTest(seed=seed):
            for _ in range(self.STEPS):
                step = self.dice.choice(steps)
                self.done.append(step.__name__)
                step()
                self.look()
                if time.monotonic() > until:
                    break

    def look(self):
        """An event follows what caused it; an answer to what comes next follows the event,
        but for those that another worker causes."""
        until = time.monotonic() + DEADLINE
        while True:
            self.assert_success(self.ctrl.identify())
            missing = len(self.model.told) - sum(event.done for event in self.held)
            if missing <= 0 or time.monotonic() > until:
                break
        told = [event.cqe.dw0 for event in self.held if event.done]
        self.held = [event for event in self.held if not event.done]
        self.assertEqual(sorted(told), sorted(self.model.told), list(self.done))
        self.assertEqual(len(self.held), self.model.held)
        self.model.told.clear()

    def ask(self):
        event = self.ctrl.admin.submit(Sqe(Admin.ASYNC_EVENT))
        if self.model.ask():
            self.held.append(event)
        else:
            self.assert_status(self.ctrl.admin.wait(event), wire.Sc.ASYNC_LIMIT)

    def set(self, feature, value):
        self.assert_success(self.ctrl.admin.run(wire.set_features(feature, value)))

    def configure(self):
        config = self.dice.choice((0, 0x02, NS_ATTRIBUTE, NS_ATTRIBUTE | 0x02))
        self.set(Feature.ASYNC_EVENT_CONFIG, config)
        self.model.configure(config)

    def warm(self):
        is_warm = self.dice.random() < 0.5
        self.set(Feature.TEMPERATURE_THRESHOLD, 273 if is_warm else 343)
        self.model.warm(is_warm)

    def namespace(self):
        nsid = self.dice.choice(self.NSIDS)
        if nsid in self.there:
            self.caller.call('nvmf_subsystem_remove_ns', nqn=self.target.nqn, nsid=nsid)
        else:
            self.caller.call('nvmf_subsystem_add_ns', nqn=self.target.nqn,
                             namespace={'bdev_name': f'n{nsid}', 'nsid': nsid})
        self.there ^= {nsid}
        self.model.change(nsid)

    def resize(self):
        nsid = self.dice.choice(self.NSIDS)
        if nsid in self.there:
            self.size += 1      # MiB: they only grow
            self.caller.call('bdev_null_resize', name=f'n{nsid}', new_size=self.size)
            self.model.change(nsid)

    def read_changed(self):
        rae = self.dice.random() < 0.5
        command = self.ctrl.get_log(Log.CHANGED_NAMESPACES, 4096, rae=rae)
        self.assert_success(command)
        self.assertEqual([n for n in struct.unpack('<1024I', command.data) if n],
                         self.model.read_changed(rae))

    def read_part(self):
        """A part from anywhere; without RAE it counts as if it were all."""
        rae, first = self.dice.random() < 0.5, self.dice.randrange(4)
        command = self.ctrl.get_log(Log.CHANGED_NAMESPACES, 8, offset=first * 4, rae=rae)
        self.assert_success(command)
        expected = (self.model.read_changed(rae) + [0] * 8)[first:first + 2]
        self.assertEqual(list(struct.unpack('<2I', command.data)), expected)

    def read_health(self):
        rae = self.dice.random() < 0.5
        command = self.ctrl.get_log(Log.HEALTH, 512, rae=rae)
        self.assert_success(command)
        self.assertEqual(command.data[0], 0x02 if self.model.is_warm else 0)
        self.model.read(Model.TEMPERATURE, rae)

    def fail_io(self):
        self.assert_status(read_blocks(self.queue, 0, 1), wire.Sc.UNRECOVERED_READ_ERROR)
        self.model.note(FAILURE)

    def read_errors(self):
        rae = self.dice.random() < 0.5
        self.assert_success(self.ctrl.get_log(Log.ERROR, 64, rae=rae))
        self.model.read(FAILURE, rae)

    def reset(self):
        self.ctrl.disable()
        for event in self.held:     # they end without an answer
            self.assertFalse(event.done)
            del self.ctrl.admin.in_flight[event.cid]
        self.held.clear()
        self.model.reset()
        self.ctrl.enable()
        self.queue, = self.ctrl.io_queues(1)


if __name__ == '__main__':
    unittest.main()
