# SPDX-License-Identifier: BSD-2-Clause
"""Runs nvmfd for a test: as nobody, on free ports, in a folder of its own.

    with Daemon('ramdisk:16M') as target:
        Controller(target.io, target.nqn)

The binary is $NVMFD, else build/nvmfd/nvmfd.  Leaving the block sends SIGTERM
and fails unless the daemon then ends with exit status 0 within a deadline.
"""
import ctypes
import os
import pathlib
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NVMFD = os.environ.get('NVMFD') or str(ROOT / 'build/nvmfd/nvmfd')
# How a variant of the tests wants every daemon to run (scripts/variant): with which
# engine, under which program, and how many times slower that is.
ENGINE = os.environ.get('NVMFD_ENGINE')
WRAPPER = shlex.split(os.environ.get('NVMFD_WRAPPER', ''))
SLOWNESS = int(os.environ.get('NVMFD_SLOWNESS', 1))
NOBODY = 65534
LOCKABLE = 8 << 20      # what Debian grants an unprivileged user
START_DEADLINE = 15.0 * SLOWNESS
STOP_DEADLINE = 10.0 * SLOWNESS
NQN = 'nqn.2026-11.org.example:proto'
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class DaemonError(AssertionError):
    pass


def _lower(limit, value):
    soft, hard = resource.getrlimit(limit)
    if soft == resource.RLIM_INFINITY or soft > value:
        resource.setrlimit(limit, (value, value))


def may_become_nobody():
    """Root, and not root of a namespace that knows nobody else."""
    ranges = (map(int, line.split()) for line in
              pathlib.Path('/proc/self/uid_map').read_text().splitlines())
    return os.geteuid() == 0 and any(
        first <= NOBODY < first + count for first, _, count in ranges)


class Room:
    """A folder in which an unprivileged nvmfd runs, and how to run it."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix='nvmfd-proto-'))
        self.unprivileged = {}      # how subprocess becomes nobody
        self.is_root = os.geteuid() == 0 and not may_become_nobody()
        if may_become_nobody():
            os.chown(self.path, NOBODY, NOBODY)
            self.unprivileged = {'user': NOBODY, 'group': NOBODY,
                                 'extra_groups': []}
        self.environment = {
            **os.environ, 'HOME': str(self.path),
            'XDG_RUNTIME_DIR': str(self.path),
            'XDG_STATE_HOME': str(self.path / 'state')}
        self.nvmfd = self._reachable_binary()

    def _reachable_binary(self):
        """nvmfd itself, or a copy where nobody may not walk to it."""
        folders = pathlib.Path(NVMFD).resolve().parents
        if not self.unprivileged or all(f.stat().st_mode & 1 for f in folders):
            return NVMFD
        return shutil.copy(NVMFD, self.path / 'nvmfd')

    def file(self, name, size=0, content=None):
        """A file that the daemon may open; returns its path."""
        path = self.path / name
        path.write_bytes(content or b'')
        if content is None:
            os.truncate(path, size)
        if self.unprivileged:
            os.chown(path, NOBODY, NOBODY)
        return str(path)

    def how(self, nofile=None, fsize=None):
        """Arguments for subprocess: who runs, where, with which limits, and
        that it ends with the test."""
        def limits():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            _lower(resource.RLIMIT_MEMLOCK, LOCKABLE)
            if nofile:
                hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
                resource.setrlimit(resource.RLIMIT_NOFILE, nofile if isinstance(
                    nofile, tuple) else (nofile, hard))
            if fsize:
                resource.setrlimit(resource.RLIMIT_FSIZE, (fsize, fsize))
        return {'cwd': self.path, 'env': self.environment,
                'stdin': subprocess.DEVNULL, 'preexec_fn': limits,
                **self.unprivileged}

    def run(self, *args, timeout=15, **how):
        """nvmfd to its end: for what it refuses, --help, and detaching."""
        return subprocess.run([*WRAPPER, self.nvmfd, *args], timeout=timeout * SLOWNESS, text=True,
                              capture_output=True, check=False,
                              **{**self.how(), **how})

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Daemon:
    """One nvmfd in the foreground."""

    def __init__(self, *devices, args=(), nqn=NQN, room=None, nofile=None, fsize=None,
                 host='127.0.0.1', config=None):
        self.devices = devices
        # A file says itself where to listen, and what its subsystems are called.
        self.listening = ['-c', config] if config else ['-p', '0', '-P', '0']
        nqn = None if config else nqn
        engine = ENGINE and '--engine' not in args
        self.args = [*(('-n', nqn) if nqn else ()),
                     *(('--engine', ENGINE) if engine else ()), *args]
        self.nqn = nqn
        self.own_room = room is None
        self.room = room or Room()
        self.limits = {'nofile': nofile, 'fsize': fsize}
        self.host = host
        self.process = None
        self.ports = {}
        self.log_path = self.room.path / 'log'
        self.ports_path = self.room.path / 'ports'

    def start(self):
        self.ports_path.unlink(missing_ok=True)
        command = [*WRAPPER, self.room.nvmfd, '-d', *self.listening,
                   '--ports-file', str(self.ports_path), *self.args,
                   *self.devices]
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            **self.room.how(**self.limits))
        try:
            self.ports = read_ports(self.ports_path, self.check_alive)
        except BaseException:
            self.print_log()
            self.kill()
            raise
        return self

    @property
    def io(self):
        return self.host, self.ports['io']

    @property
    def discovery(self):
        return self.host, self.ports['discovery']

    @property
    def pid(self):
        return self.process.pid

    def check_alive(self):
        if self.process.poll() is not None:
            raise DaemonError(f'nvmfd ended with {self.process.returncode}')

    def stop(self, how=signal.SIGTERM, deadline=STOP_DEADLINE):
        """Ends the daemon and demands a clean end; returns its duration."""
        try:
            self.check_alive()
            began = time.monotonic()
            self.process.send_signal(how)
            status = self.process.wait(deadline)
            if status != 0:
                raise DaemonError(f'nvmfd ended with {status}')
            return time.monotonic() - began
        except subprocess.TimeoutExpired:
            raise DaemonError(f'nvmfd did not end in {deadline} s') from None
        except BaseException:
            self.print_log()
            raise
        finally:
            self.kill()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.own_room:
            self.room.remove()

    def log(self):
        return self.log_path.read_text(errors='replace')

    def print_log(self):
        if not self.log_path.exists():
            return
        for line in self.log().splitlines()[-200:]:
            print('# nvmfd:', line, file=sys.stderr)

    def status(self, field):
        """A line of /proc/PID/status, without its name."""
        return proc_status(self.pid, field)

    def peak_memory(self):
        """The most resident memory so far, in bytes."""
        return int(self.status('VmHWM').split()[0]) * 1024

    def memory_but_disks(self):
        """What is resident, in bytes, without its RAM disks: those alone ask for huge pages,
        and when the kernel has one for them is the kernel's matter."""
        total = resident = 0
        for line in pathlib.Path(f'/proc/{self.pid}/smaps').read_text().splitlines():
            name, _, value = line.partition(':')
            if name == 'Rss':
                resident = int(value.split()[0]) * 1024
            elif name == 'VmFlags' and 'hg' not in value.split():
                total += resident
        return total

    def is_sanitized(self):
        """Under a sanitizer or valgrind: its memory tells nothing then."""
        return self.has_loaded('san.so', 'vgpreload')

    def has_loaded(self, *libraries):
        """Any of them."""
        maps = pathlib.Path(f'/proc/{self.pid}/maps').read_text()
        return any(name in maps for name in libraries)

    def descriptors(self):
        """How many descriptors it has open."""
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind:
            self.print_log()
            self.kill()
        else:
            self.stop()


def proc_status(pid, field):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        name, _, value = line.partition(':')
        if name == field:
            return value.strip()
    raise KeyError(field)


def read_ports(path, check=lambda: None):
    """Waits for --ports-file and returns {'discovery': n, 'io': n}."""
    deadline = time.monotonic() + START_DEADLINE
    while not path.exists():
        check()
        if time.monotonic() > deadline:
            raise DaemonError(f'not listening after {START_DEADLINE} s')
        time.sleep(0.005)
    pairs = (line.split('=') for line in path.read_text().split())
    return {name: int(port) for name, port in pairs}
