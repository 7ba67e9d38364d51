# SPDX-License-Identifier: BSD-2-Clause
"""For tests that do wicked things: nobody else may notice.

WickedCase   around each test a bystander does I/O all the time, and afterwards
             everything that the test took has to be there again.
Bystander    a host of its own that verifies what it reads and measures how
             long it was kept waiting.
Clock        what of a pause was the machine's doing, not the daemon's.
"""
import bisect
import os
import pathlib
import re
import threading
import time

import wire
from case import TargetCase, read_blocks, write_blocks
from daemon import SLOWNESS
from nvmetcp import Controller

MIB = 1 << 20
LONGEST_PAUSE = 1.0
MEMORY_MARGIN = 2 * MIB


class Clock(threading.Thread):
    """Counts how long those who took part in an I/O wanted to run and could not:
    this process (a thread that only sleeps wakes too late, be it for the
    machine's or for Python's sake) and the daemon's threads (as the kernel
    counts).  A daemon that sleeps, spins or is stopped counts for nothing."""

    TICK = 0.02

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.tasks = pathlib.Path(f'/proc/{pid}/task')
        self.is_over = threading.Event()
        self.times, self.lost = [time.monotonic()], [0.0]
        self.delays = self.run_delays()

    def run_delays(self):
        """Seconds that each thread of the daemon has waited for a processor."""
        delays = {}
        try:
            for task in self.tasks.iterdir():
                words = (task / 'schedstat').read_text().split()
                delays[task.name] = int(words[1]) / 1e9
        except OSError:
            pass        # a thread that just ended, or a kernel that counts not
        return delays

    def daemon_s_delay(self):
        before, self.delays = self.delays, self.run_delays()
        return max((delay - before.get(task, delay)
                    for task, delay in self.delays.items()), default=0)

    def run(self):
        while not self.is_over.wait(self.TICK):
            now = time.monotonic()
            late = max(now - self.times[-1] - self.TICK, 0)
            self.lost.append(self.lost[-1] + late + self.daemon_s_delay())
            self.times.append(now)

    def lost_between(self, began, ended):
        """What was lost in a pause, with the ticks at its edges."""
        first = max(bisect.bisect_right(self.times, began) - 1, 0)
        last = min(bisect.bisect_left(self.times, ended), len(self.times) - 1)
        return self.lost[last] - self.lost[first]

    def stop(self):
        self.is_over.set()
        self.join()


class Bystander(threading.Thread):
    """A second host with a queue on each of the daemon's workers.  It writes to
    one and reads back from the next, blocks that only it touches."""

    BLOCK = 1 << 14             # its range begins at 8 MiB
    SIZES = (8, 1, 128)         # blocks: in the capsule, and by R2T
    QUEUES = min(len(os.sched_getaffinity(0)), 8)

    def __init__(self, target):
        super().__init__(daemon=True)
        self.clock = Clock(target.pid)
        self.controller = Controller(target.io, target.nqn)
        try:
            self.queues = self.controller.io_queues(self.QUEUES)
        except BaseException:
            self.controller.close()
            raise
        self.is_over = threading.Event()
        self.rounds = 0
        self.pauses = []        # (began, ended) of those worth a look
        self.trouble = None

    def start(self):
        """Returns when the first rounds are over."""
        self.clock.start()
        super().start()
        while self.rounds < 2 * self.QUEUES and self.is_alive():
            time.sleep(0.002)

    def run(self):
        self.last = time.monotonic()
        try:
            while not self.is_over.wait(0.002):
                self.write_and_read_back(self.rounds)
                self.rounds += 1
        except Exception as error:
            self.note_completion()
            self.trouble = f'{type(error).__name__}: {error}'

    def write_and_read_back(self, turn):
        blocks = self.SIZES[turn % len(self.SIZES)]
        block = self.BLOCK + turn % 16 * max(self.SIZES)
        data = (turn.to_bytes(8, 'little') * 64) * blocks
        self.check(write_blocks(self.queues[turn % self.QUEUES], block, data))
        read = self.check(read_blocks(self.queues[(turn + 1) % self.QUEUES],
                                      block, blocks))
        if read.data != data:
            raise AssertionError(f'wrong data in block {block}')

    def check(self, command):
        self.note_completion()
        if command.cqe.status:
            raise AssertionError(f'status {command.cqe}')
        return command

    def note_completion(self):
        now = time.monotonic()
        if now - self.last > LONGEST_PAUSE / 2:
            self.pauses.append((self.last, now))
        self.last = now

    def stop(self):
        self.is_over.set()
        self.join()
        self.clock.stop()
        self.controller.close()

    def longest_pause(self):
        """Seconds, less what the machine is to blame for."""
        return max((ended - began - self.clock.lost_between(began, ended)
                    for began, ended in self.pauses), default=0)


class WickedCase(TargetCase):
    """Tests against one daemon that must not hurt it, nor anybody else.

    Blocks from 16384 to 18431 of namespace 1 are the bystander's.  A setUp of
    the test's own calls this one first.  says() tells which line the log is to
    have.  After the test and its cleanups: the log is as expected, descriptors
    and memory are what they were, and the bystander lacked nothing.
    """

    patience = 10.0     # for what the daemon tidies up when a connection ended

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warm_up()

    @classmethod
    def warm_up(cls):
        """Touches the memory that the daemon keeps: the buffers of each worker
        and storage, which comes 2 MiB at a time."""
        with Controller(cls.target.io, cls.target.nqn) as controller:
            for queue in controller.io_queues(4 * Bystander.QUEUES):
                writes = [queue.submit(wire.write(1, 2048 * n, 2048), bytes(MIB))
                          for n in range(16)]
                queue.wait_all(writes)
            for nsid in controller.namespaces():
                blocks = controller.identify_namespace(nsid).nsze
                queue.wait_all([queue.submit(wire.write(nsid, lba, 1), bytes(512))
                                for lba in range(0, blocks, 2 * MIB // 512)])

    def setUp(self):
        super().setUp()
        self.expected = []
        self.bystander = Bystander(self.target)
        self.addCleanup(self.assert_bystander_is_well)
        self.bystander.start()
        self.descriptors = self.target.descriptors()
        self.memory = self.resident()
        self.log_begins = self.log_size()
        self.addCleanup(self.assert_memory_is_back)
        self.addCleanup(self.assert_descriptors_are_back)
        self.addCleanup(self.assert_log_is_as_expected)

    # the log

    def says(self, pattern, times=1):
        """When the test is over, so many lines of its log match `pattern`."""
        self.expected.append((pattern, times))

    def log_size(self):
        return self.target.log_path.stat().st_size

    def lines(self, pattern, since=None):
        """Lines of the log that match, not counting the bystander's."""
        its_own = f'controller {self.bystander.controller.cntlid}[ :]'
        with open(self.target.log_path, errors='replace') as log:
            log.seek(self.log_begins if since is None else since)
            return [line for line in log.read().splitlines()
                    if re.search(pattern, line) and not re.search(its_own, line)]

    def assert_said(self, pattern, times=1, since=None):
        """Exactly so many lines match, at once or within some seconds."""
        self.wait_until(lambda: len(self.lines(pattern, since)) >= times,
                        lambda: f'the log does not say {pattern!r}')
        self.assertEqual(len(self.lines(pattern, since)), times, pattern)

    def assert_log_is_as_expected(self):
        for pattern, times in self.expected:
            with self.subTest(log=pattern):
                self.assert_said(pattern, times)

    # what the daemon holds

    def wait_until(self, is_true, what):
        """Fails with what() unless is_true() within some seconds."""
        until = time.monotonic() + self.patience * SLOWNESS
        while not is_true():
            self.target.check_alive()
            if time.monotonic() > until:
                self.fail(what())
            time.sleep(0.02)

    def resident(self):
        return int(self.target.status('VmRSS').split()[0]) * 1024

    def assert_descriptors_are_back(self):
        self.wait_until(lambda: self.target.descriptors() <= self.descriptors,
                        lambda: f'{self.target.descriptors()} descriptors are '
                                f'open, and were {self.descriptors}')

    def assert_memory_is_back(self):
        if self.target.is_sanitized():
            return
        self.wait_until(lambda: self.resident() <= self.memory + MEMORY_MARGIN,
                        lambda: f'{self.resident() >> 10} KiB are resident, '
                                f'and were {self.memory >> 10}')

    # the bystander

    def assert_bystander_is_well(self):
        self.bystander.stop()
        self.assertIsNone(self.bystander.trouble, 'the bystander was hurt')
        self.assertLess(self.bystander.longest_pause(), LONGEST_PAUSE,
                        'the bystander was kept waiting')
        gone = f'controller {self.bystander.controller.cntlid}: gone'
        self.wait_until(lambda: gone in self.target.log(),
                        lambda: 'the bystander left, and is still there')
