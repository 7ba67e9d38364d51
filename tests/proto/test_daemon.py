# SPDX-License-Identifier: BSD-2-Clause
"""Row "daemon": foreground, detaching, pid file, signals, privileges."""
import os
import pathlib
import random
import signal
import socket
import threading
import time
import unittest

import daemon
from case import RoomCase, pattern, read_blocks, write_blocks
from nvmetcp import Closed, Controller, Queue

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def ports_of_ours():
    """Free ports that nobody else is given who asks for any, neither the daemons of other
    tests nor who connects to them: below the kernel's range."""
    low = int(pathlib.Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    for port in random.sample(range(low // 2, low), 200):
        with socket.socket() as probe:
            try:
                probe.bind(('', port))
            except OSError:
                continue
        yield str(port)


class Foreground(RoomCase):

    def test_says_what_to_type_to_connect(self):
        with self.serve() as target:
            parts = (target.nqn, '-t tcp', f'-s {target.ports["io"]}')
            deadline = time.monotonic() + daemon.START_DEADLINE
            # The ports file is there a moment before the words.
            while time.monotonic() < deadline and not all(p in target.log() for p in parts):
                time.sleep(0.01)
            for part in parts:
                self.assertIn(part, target.log())

    def test_a_log_that_may_not_grow_ends_nothing(self):
        """The file size limit of what the log goes to is reached."""
        limit = 2048
        with self.serve(fsize=limit) as target:
            for _ in range(limit // 50):
                with Controller(target.io, target.nqn) as visitor:
                    visitor.identify()
            # Lines are written behind what they tell of.
            deadline = time.monotonic() + daemon.START_DEADLINE
            while target.log_path.stat().st_size < limit and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(target.log_path.stat().st_size, limit)
            self.assertEqual(self.controller(target).identify().cqe.sc, 0)

    def test_with_nobody_there_it_sleeps(self):
        """Who does not run makes no system call; before anybody came, and after."""
        with self.serve() as target:
            if target.has_loaded('tsan.so'):
                self.skipTest('ThreadSanitizer has a thread of its own, which looks round')
            self.await_sleep(target)
            with Controller(target.io, target.nqn) as visitor:
                visitor.identify()
            self.await_sleep(target)

    def await_sleep(self, target):
        """For longer than the daemon's longest round while hosts are there; it may take
        it some of them to give back what they had."""
        def ran():
            threads = pathlib.Path(f'/proc/{target.pid}/task').iterdir()
            return sorted((thread / 'schedstat').read_text().split()[0] for thread in threads)
        deadline = time.monotonic() + 40 * daemon.SLOWNESS
        before, slept_since = ran(), time.monotonic()
        while time.monotonic() - slept_since < 4:
            self.assertLess(time.monotonic(), deadline, 'it does not sleep')
            time.sleep(0.1)
            now = ran()
            if now != before:
                before, slept_since = now, time.monotonic()

    def test_runs_unprivileged_with_8_mib_of_lockable_memory(self):
        path = self.room.file('disk', 4 << 20) + '?bs=512'
        with self.serve(path, 'ramdisk:4M') as target:
            uids = target.status('Uid').split()
            if self.room.unprivileged:
                self.assertEqual(set(uids), {str(daemon.NOBODY)})
                self.assertEqual(int(target.status('CapEff'), 16), 0)
            limits = pathlib.Path(f'/proc/{target.pid}/limits').read_text()
            locked, = [line for line in limits.splitlines()
                       if line.startswith('Max locked memory')]
            self.assertLessEqual(int(locked.split()[3]), daemon.LOCKABLE)
            controller = self.controller(target)
            queues = controller.io_queues(4)
            for nsid in (1, 2):
                for number, queue in enumerate(queues):
                    data = pattern(64, seed=number)
                    write_blocks(queue, 0, data, nsid=nsid)
                    self.assertEqual(
                        read_blocks(queue, 0, 64, nsid=nsid).data, data)

    def test_raises_its_own_descriptor_limit(self):
        with self.serve(nofile=64) as target:
            open_ones = [Queue(target.io) for _ in range(100)]
            self.controller(target)
            for queue in open_ones:
                queue.close()


class Ends(RoomCase):

    def test_each_signal_ends_it_in_time(self):
        for sig in ENDS:
            with self.subTest(signal=sig.name):
                target = self.serve().start()
                self.assertLess(target.stop(sig), 3)

    def test_hosts_see_an_orderly_end(self):
        target = self.serve().start()
        # First, so that it has been accepted when the others are connected.
        silent = Queue(target.io, handshake=False)
        self.addCleanup(silent.close)
        controller = self.controller(target)
        queues = controller.io_queues(3)
        target.stop()
        for queue in (controller.admin, *queues, silent):
            with self.assertRaises(Closed):
                queue.receive_pdu()

    def test_one_that_cannot_start_leaves_another_s_ports_file(self):
        target = self.serve().start()
        before = target.ports_path.read_text()
        ended = self.room.run('-d', '-p', str(target.ports['io']),
                              '--ports-file', str(target.ports_path),
                              'ramdisk:1M')
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(target.ports_path.read_text(), before)
        target.stop()
        self.assertFalse(target.ports_path.exists())

    def test_ports_are_closed_and_free_again(self):
        numbers = ports_of_ours()
        args = ('-p', next(numbers), '-P', next(numbers))
        target = self.serve(args=args).start()
        ports = target.ports
        self.controller(target)
        target.stop()
        for port in ports.values():
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(('127.0.0.1', port), 5)
        with self.serve(args=args) as again:
            self.assertEqual(again.ports, ports)

    def test_written_data_is_in_the_file(self):
        path = self.room.file('disk', 1 << 20)
        data = pattern(2048)
        target = self.serve(path + '?bs=512').start()
        queue, = self.controller(target).io_queues(1)
        self.assertEqual(write_blocks(queue, 0, data).cqe.sc, 0)
        target.stop()
        self.assertEqual(pathlib.Path(path).read_bytes(), data)

    def test_under_load_it_ends_in_time(self):
        target = self.serve('ramdisk:16M').start()
        stop = threading.Event()
        loads = [threading.Thread(target=self.load, args=(target, stop))
                 for _ in range(3)]
        for load in loads:
            load.start()
        time.sleep(0.3)
        try:
            self.assertLess(target.stop(), 5)
        finally:
            stop.set()
            for load in loads:
                load.join()

    def load(self, target, stop):
        try:
            with Controller(target.io, target.nqn) as controller:
                queue, = controller.io_queues(1)
                while not stop.is_set():
                    write_blocks(queue, 0, bytes(65536))
                    read_blocks(queue, 0, 128)
        except OSError:
            pass    # the end came; the test looks at how


class Detached(RoomCase):

    def detach(self, *args, pidfile=None):
        """Starts nvmfd without -d; returns its pid once it listens."""
        ports = self.room.path / 'ports'
        ports.unlink(missing_ok=True)
        where = ('--pidfile', str(pidfile)) if pidfile else ()
        ended = self.room.run('-n', daemon.NQN, '-p', '0', '-P', '0', *where,
                              '--ports-file', str(ports), *args, 'ramdisk:1M')
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        self.ports = daemon.read_ports(ports)
        pid = int((pidfile or self.default_pidfile()).read_text())
        self.addCleanup(self.kill, pid)
        return pid

    def default_pidfile(self):
        found, = self.room.path.glob('*.pid')
        return found

    def kill(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def terminate(self, pid):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + daemon.STOP_DEADLINE
        while pathlib.Path(f'/proc/{pid}').exists():
            if daemon.proc_status(pid, 'State').startswith('Z'):
                return
            self.assertLess(time.monotonic(), deadline, 'TERM did not end it')
            time.sleep(0.01)

    def test_serves_as_soon_as_the_command_has_ended(self):
        pid = self.detach(pidfile=self.room.path / 'my.pid')
        Controller(('127.0.0.1', self.ports['io']), daemon.NQN).close()
        self.terminate(pid)

    def test_leaves_its_terminal_and_session(self):
        pid = self.detach(pidfile=self.room.path / 'my.pid')
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().split(') ')[1]
        session, tty = int(fields.split()[3]), int(fields.split()[4])
        self.assertNotEqual(session, os.getsid(0))
        self.assertEqual(tty, 0)
        self.terminate(pid)

    def test_default_pid_file_is_in_xdg_runtime_dir(self):
        self.needs_no_privilege()
        pid = self.detach()
        self.assertEqual(self.default_pidfile().read_text(), f'{pid}\n')
        self.terminate(pid)

    def test_pid_file_goes_with_it(self):
        pidfile = self.room.path / 'my.pid'
        self.terminate(self.detach(pidfile=pidfile))
        self.assertFalse(pidfile.exists())

    def test_pid_file_in_the_foreground_where_asked_for(self):
        pidfile = self.room.path / 'my.pid'
        with self.serve(args=['--pidfile', str(pidfile)]) as target:
            self.assertEqual(pidfile.read_text(), f'{target.pid}\n')
        self.assertFalse(pidfile.exists())

    def test_second_start_is_refused_by_pid(self):
        pidfile = self.room.path / 'my.pid'
        pid = self.detach(pidfile=pidfile)
        ended = self.room.run('-p', '0', '-P', '0', '--pidfile', str(pidfile),
                              'ramdisk:1M')
        self.assert_one_sentence(ended, says=str(pid))
        self.assertEqual(int(pidfile.read_text()), pid)
        Controller(('127.0.0.1', self.ports['io']), daemon.NQN).close()
        self.terminate(pid)

    def test_pid_file_of_the_dead_is_no_obstacle(self):
        pidfile = self.room.path / 'my.pid'
        pid = self.detach(pidfile=pidfile)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        again = self.detach(pidfile=pidfile)
        self.assertNotEqual(again, pid)
        self.terminate(again)

    def test_pid_file_that_cannot_be_written(self):
        ended = self.room.run('-p', '0', '-P', '0', '--pidfile',
                              '/proc/nonexistent/pid', 'ramdisk:1M')
        self.assert_one_sentence(ended, says='/proc/nonexistent/pid')


if __name__ == '__main__':
    unittest.main()
