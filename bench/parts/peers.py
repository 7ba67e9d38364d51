# SPDX-License-Identifier: BSD-2-Clause
"""Who is measured.

A peer is started for a setup, measured one case after another, paused while
others are measured (SPDK polls: it would take the CPU from them), and stopped.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from parts import cpu

NQN = 'nqn.2026-11.org.example:bench'
SIZE = 256 << 20                # of every namespace: no cache holds it
IN_CAPSULE = 16384
START_DEADLINE = 60
POLL_US = 100                   # that nvmfd looks for more, where it may


class PeerError(Exception):
    """A sentence why a peer can't be measured."""


def output_of(name, command, timeout):
    """What the program prints, as JSON."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                              timeout=timeout, **cpu.on(cpu.LOAD))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f'{name}: {error}') from error
    if done.returncode:
        raise PeerError(f'{name}: {done.stderr.strip() or f"exit status {done.returncode}"}')
    return json.loads(done.stdout) if done.stdout else {}


def is_about_latency(case):
    """One command at a time, and all who can spin do."""
    return case.spin and case.depth * case.connections == 1


class Peer:
    """What the table calls it, and how it is measured."""
    name = '?'

    def start(self, setup):
        """Ready for this setup, namespace filled; False: there is no such thing."""

    def run(self, case, seconds):
        """A dictionary: iops, mib_per_second, latency_us, cpu_us (of the target, per I/O)."""
        raise NotImplementedError

    def takes(self, case):
        """Whether it has anything to say here."""
        return True

    def is_alive(self):
        return True

    def pause(self):
        pass

    def resume(self):
        pass

    def stop(self):
        pass


class Floor(Peer):
    """Sleeping; or spinning, which is faster where there is no more than one command."""

    def __init__(self, build, spins=False):
        self.name = 'floor-spin' if spins else 'floor'
        self.program = build / 'bench/floor'
        self.spins = spins
        self.setup = None

    def takes(self, case):
        return not self.spins or is_about_latency(case)

    def start(self, setup):
        self.setup = setup
        return True

    def run(self, case, seconds):
        flags = [flag for flag, wanted in (('--responses', self.setup.responses), ('--spin', self.spins),
                                           ('--client-spin', case.spin)) if wanted]
        got = output_of('floor', [
            self.program, '--size', case.size, '--depth', case.depth, '--connections', case.connections,
            '--mix', case.reads, '--in-capsule', IN_CAPSULE, '--milliseconds', int(seconds * 1000),
            '--server-cpu', cpu.TARGET, '--client-cpu', cpu.LOAD, '--huge', *flags], seconds + 60)
        return {**got, 'cpu_us': got['server_cpu_us_per_io'], 'busy': got['client_cpu']}


class Target(Peer):
    """A target as a process, driven by nvmf perf."""

    def __init__(self, build):
        self.build = build
        self.folder = self.process = self.port = None

    # ---- what a target does in its own way

    def command(self, setup):
        raise NotImplementedError

    def prepare(self, setup):
        """Sets self.port once the process listens."""
        raise NotImplementedError

    def busy(self):
        """Seconds that the target worked, until now."""
        return cpu.busy(cpu.TARGET)

    # ---- what all do

    def storage_file(self):
        """On the file system of the build: /tmp is memory on many machines."""
        return Path(self.folder.name) / 'disk'

    def start(self, setup):
        self.folder = tempfile.TemporaryDirectory(prefix='bench-', dir=self.build)
        if setup.storage != 'memory':
            self.storage_file().write_bytes(b'')
            os.truncate(self.storage_file(), SIZE)
        log = open(Path(self.folder.name) / 'log', 'wb')        # noqa: SIM115: the process has it
        try:
            self.process = subprocess.Popen([str(word) for word in self.command(setup)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, **cpu.on(cpu.TARGET))
        except OSError as error:
            raise PeerError(f'{self.name}: {error}') from error
        finally:
            log.close()
        self.prepare(setup)
        self.perf('--fill', '--time', 1, '--depth', 8, '--size', 131072)
        return True

    def wait_until(self, is_ready, what):
        deadline = time.monotonic() + START_DEADLINE
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PeerError(f'{self.name}: {what}; {self.last_words()}')
            time.sleep(0.02)

    def last_words(self):
        lines = (Path(self.folder.name) / 'log').read_text(errors='replace').strip().splitlines()
        return lines[-1] if lines else 'it said nothing'

    def perf(self, *options, timeout=120):
        return output_of(f'{self.name}: nvmf perf', [
            self.build / 'tools/nvmf/nvmf', 'perf', '-a', '127.0.0.1', '-s', self.port, '-n', NQN, '--json',
            '--quiet', '--threads', 1, *options], timeout)

    def run(self, case, seconds):
        controllers = -(-case.connections // 64)
        flags = [*(['--spin'] if case.spin else []), *(['-g', '-G'] if case.digests else [])]
        before = self.busy()
        got = self.perf('--size', case.size, '--depth', case.depth, '--mix', case.reads, '--time', seconds,
                        '--controllers', controllers, '--queues', case.connections // controllers, *flags,
                        timeout=seconds + 60)
        ios = got['reads'] + got['writes']
        return {**got, 'cpu_us': (self.busy() - before) * 1e6 / ios if ios else 0}

    def is_alive(self):
        return self.process.poll() is None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self.folder:
            self.folder.cleanup()
            self.folder = None


class Nvmfd(Target):
    """As it is; or looking for more before it sleeps, where latency is what counts."""

    def __init__(self, build, options, polls=False):
        super().__init__(build)
        self.polls = polls
        self.name = 'nvmfd-poll' if polls else 'nvmfd'
        self.options = [*options, *(['--poll', POLL_US] if polls else [])]

    def takes(self, case):
        return self.polls == is_about_latency(case)

    def device(self, setup):
        if setup.storage == 'memory':
            return f'ramdisk:{SIZE}?bs=512'
        return f'file:{self.storage_file()}?bs=4096{"&direct" if setup.storage == "direct" else ""}'

    def command(self, setup):
        return [self.build / 'nvmfd/nvmfd', '--foreground', '-F', '-g', '-G', '-p', '0', '-P', '0', '-n', NQN,
                '--listen', '127.0.0.1', '--ports-file', self.ports_file(), '--workers', '1',
                '--in-capsule-data', IN_CAPSULE, '--c2h-success', 'spec' if setup.responses else 'always',
                *self.options, self.device(setup)]

    def ports_file(self):
        return Path(self.folder.name) / 'ports'

    def prepare(self, setup):
        self.wait_until(self.ports_file().exists, 'it did not start')
        self.port = dict(line.split('=') for line in self.ports_file().read_text().split())['io']
