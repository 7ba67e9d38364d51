# SPDX-License-Identifier: BSD-2-Clause
"""What a million I/Os must not do, and what a batch may cost, counted.

nvmfd runs with a counter of heap calls preloaded and under strace where system
calls are counted; `nvmf perf` is the load.
"""
import mmap
import os
import pathlib
import re
import shutil
import struct
import subprocess
import time
import unittest

import daemon
import wire
from nvmetcp import Controller

NVMF = os.environ.get('NVMF') or str(daemon.ROOT / 'build/tools/nvmf/nvmf')
COUNTER = os.environ.get('COUNT_MALLOC_LIB') or \
    str(daemon.ROOT / 'build/tests/data_path/libcount_malloc.so')
MILLION = int(os.environ.get('STEADY_IOS', '1000000'))
HEALTH = 2
HOST_READS = 64
DEVICES = ('ramdisk:64M', 'null:64M')


def perf(target, *args, seconds=600):
    """A load in the background until it is killed."""
    return subprocess.Popen(
        [NVMF, 'perf', '-t', 'tcp', '-a', target.io[0], '-s', str(target.io[1]),
         '-n', target.nqn, '--time', str(seconds), '--quiet', *args],
        stdout=subprocess.DEVNULL)


class Steady(unittest.TestCase):

    def serve(self, *args, **environment):
        self.room = daemon.Room()
        self.addCleanup(self.room.remove)
        self.room.environment.update(environment)
        target = daemon.Daemon(*DEVICES, room=self.room, args=args).start()
        self.addCleanup(target.stop)
        return target

    def load(self, *args):
        process = perf(*args)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def reads(self, controller):
        page = controller.admin.run(wire.get_log_page(HEALTH, 128),
                                    length=512).data
        return struct.unpack_from('<Q', page, HOST_READS)[0]

    def await_reads(self, controller, count):
        """Until so many more reads are done; fails when they stand still."""
        first = last = self.reads(controller)
        while last < first + count:
            time.sleep(0.2)
            now = self.reads(controller)
            self.assertGreater(now, last, 'no read in 0.2 s')
            last = now

    def calls_of_a_while(self, controller, counts, reads):
        before = read_counter(counts)
        self.await_reads(controller, reads)
        return read_counter(counts) - before

    def steady_calls(self, *load, reads=MILLION):
        """Of so many reads: none, or those of each of several times so many.

        A list that is full at a rare peak of the load becomes twice as long for good:
        one call, soon or late, that the next reads do not make again.
        """
        counts = pathlib.Path(self.enterContext(Counter()))
        library = shutil.copy(COUNTER, counts.parent / 'count.so')
        os.chmod(library, 0o755)
        target = self.serve('--workers', '1', LD_PRELOAD=str(library),
                            COUNT_MALLOC=str(counts))
        with Controller(target.io, target.nqn) as controller:
            self.assertGreater(read_counter(counts), 10)
            self.load(target, *load)
            time.sleep(0.5)
            self.await_reads(controller, reads // 20)      # warm-up
            seen = []
            while 0 not in seen and len(seen) < 4:
                seen.append(self.calls_of_a_while(controller, counts, reads))
            return 0 if 0 in seen else seen

    def test_a_million_reads_make_no_heap_call(self):
        self.assertEqual(self.steady_calls('--depth', '128'), 0)

    def test_mixed_sizes_through_buffers_make_no_heap_call(self):
        """64 KiB: reads and R2T writes through the pool."""
        self.assertEqual(self.steady_calls(
            '--depth', '16', '-z', '64k', '--mix', '50', reads=MILLION // 50), 0)

    def await_tracer(self, target):
        """What is counted begins when it watches every thread."""
        threads = list(pathlib.Path(f'/proc/{target.pid}/task').iterdir())
        deadline = time.monotonic() + 20
        while any(re.search(r'^TracerPid:\s*0$', (thread / 'status').read_text(), re.M)
                  for thread in threads):
            self.assertLess(time.monotonic(), deadline, 'strace does not watch')
            time.sleep(0.01)

    def system_calls(self, target, controller, names, reads):
        """How often nvmfd made each of these calls, and how many reads that
        were, while strace watched."""
        out = self.room.path / 'strace'
        tracer = subprocess.Popen(
            ['strace', '-f', '-qq', '-c', '-U', 'calls,name', '-o', str(out),
             '-e', 'trace=' + ','.join(names), '-p', str(target.pid)])
        self.await_tracer(target)
        before = self.reads(controller)
        self.await_reads(controller, reads)
        done = self.reads(controller) - before
        tracer.terminate()
        tracer.wait(20)
        counts = dict.fromkeys(names, 0)
        for number, name in re.findall(r'^\s*(\d+)\s+(\w+)$', out.read_text(),
                                       re.M):
            if name in counts:
                counts[name] = int(number)
        return counts, done

    @unittest.skipUnless(shutil.which('strace'), 'strace is not installed')
    def test_no_futex_call_and_batches_share_theirs(self):
        """At depth 32 one receive and one send serve four commands or more."""
        target = self.serve('--workers', '1')
        names = ('futex', 'recvfrom', 'recvmsg', 'sendmsg', 'sendto', 'writev')
        with Controller(target.io, target.nqn) as controller:
            self.load(target, '--depth', '32')
            self.await_reads(controller, 20000)
            counts, reads = self.system_calls(target, controller, names, 20000)
        self.assertEqual(counts['futex'], 0)
        receives = counts['recvfrom'] + counts['recvmsg']
        sends = counts['sendmsg'] + counts['sendto'] + counts['writev']
        self.assertGreater(receives, 0)
        self.assertGreater(sends, 0)
        self.assertLessEqual(receives / reads, 0.25, counts)
        self.assertLessEqual(sends / reads, 0.25, counts)


class Counter:
    """A counter file that nobody may write, too."""

    def __enter__(self):
        self.room = daemon.Room()
        path = self.room.file('calls', 8)
        return path

    def __exit__(self, *_):
        self.room.remove()


def read_counter(path):
    with open(path, 'rb') as file, \
            mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ) as memory:
        return struct.unpack('<Q', memory[:8])[0]


if __name__ == '__main__':
    unittest.main()
