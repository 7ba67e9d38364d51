# SPDX-License-Identifier: BSD-2-Clause
"""Row "measuring": that bench/run and the floor count what they say they do."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.dom.minidom

from parts import cases, chart, goals, guest, measure, network, report, save

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('NVMFD_BUILD') or ROOT / 'build')
TIME_LIMIT = 120


def floor(*args, milliseconds=200):
    return subprocess.run([BUILD / 'bench/floor', '--milliseconds', str(milliseconds),
                           '--client-cpu', LAST_CPU, '--server-cpu', FIRST_CPU, *args],
                          capture_output=True, text=True, timeout=TIME_LIMIT, check=False)


ENOUGH = 500        # I/Os that tell
CPUS = sorted(os.sched_getaffinity(0))
FIRST_CPU, LAST_CPU = str(CPUS[0]), str(CPUS[-1])


def row(case, view='alone', value=1):
    return {'view': view, 'case': {'name': case}, 'value': value}


class Saved(unittest.TestCase):
    """What is added to what was saved."""
    NAMES = ['a', 'b', 'c']

    def added(self, old, *now):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / 'results.json').write_text(json.dumps(old))
            return save.added(pathlib.Path(folder), self.NAMES, *now)

    def test_what_is_measured_anew_takes_the_place_of_the_old(self):
        old = {'rows': [row('a'), row('b'), row('b', 'shared'), row('gone')], 'idle': [1], 'crowd': {'flood': 1}}
        new = [row('c', value=2), row('b', value=2)]
        rows, idle, crowd = self.added(old, new, [], {'fairness': 2})
        self.assertEqual(rows, [row('a'), row('b', value=2), row('c', value=2), row('b', 'shared')])
        self.assertEqual((idle, crowd), ([1], {'flood': 1, 'fairness': 2}))

    def test_what_is_saved_can_be_read(self):
        parts = {'machine': {'cpus': 2}, 'rows': [row('a'), row('b')], 'idle': [], 'crowd': {}, 'goals': [{'met': True}]}
        text = save.as_text(parts['machine'], parts['rows'], [], {}, parts['goals'])
        self.assertEqual(json.loads(text), parts)
        self.assertEqual(len(text.splitlines()), 12)

    def test_there_may_be_nothing_yet(self):
        now = [row('b')], [3], {}
        self.assertEqual(save.added(pathlib.Path('/nonexistent'), self.NAMES, *now), now)


class Guest(unittest.TestCase):
    """What a guest prints is read as it is meant."""
    SAID = {'jobs': [{'error': 0, 'read': {'total_ios': 0}, 'write': {
        'total_ios': 9, 'iops': 4000.0, 'lat_ns': {'mean': 250000.0}}}]}
    ROUND = f"""about ticks=100 CPUs=2
sample nvmfd write-4k-d1 10.0/100/50/1000 12.0/400/150/9000 {json.dumps(SAID)}
something else
"""

    def test_a_round(self):
        machine, found = guest.read_round(self.ROUND)
        self.assertEqual(machine, {'ticks': '100', 'CPUs': '2'})
        # Two CPUs for 2 s, 3 s of them idle: 1 s for 8000 I/Os, all of it the server's.
        self.assertEqual(found, {'nvmfd': {'write-4k-d1': {
            'iops': 4000.0, 'latency_us': 250.0, 'guest_cpu_us': 125.0, 'server_cpu_us': 125.0}}})

    def test_a_round_without_io(self):
        for was, becomes in (('/9000', '/1000'), ('"error": 0', '"error": 5'), ('"total_ios": 9', '"total_ios": 0')):
            self.assertIn(was, self.ROUND)
            with self.subTest(becomes), self.assertRaises(guest.PeerError):
                guest.read_round(self.ROUND.replace(was, becomes))

    def test_who_comes_first_changes(self):
        self.assertEqual({guest.in_turn(i)[0] for i in range(3)}, set(guest.TARGETS))


class Floor(unittest.TestCase):

    def counts(self, *args):
        """What it says; of a longer run where a busy machine did next to nothing."""
        for milliseconds in (200, 2000, 20000):
            done = floor(*args, milliseconds=milliseconds)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            got = json.loads(done.stdout)
            if got['reads'] + got['writes'] > ENOUGH:
                break
        self.assertAlmostEqual(got['iops'] * got['seconds'], got['reads'] + got['writes'],
                               delta=0.01 * (got['reads'] + got['writes']) + 5)
        return got

    def test_reads_and_writes_are_counted_apart(self):
        for extra in ([], ['--responses'], ['--spin', '--client-spin'], ['--hot'],
                      ['--connections', '3'], ['--size', '131072', '--depth', '4', '--huge']):
            with self.subTest(extra=extra):
                got = self.counts('--mix', '100', *extra)
                self.assertGreater(got['reads'], 0)
                self.assertEqual(got['writes'], 0)
                got = self.counts('--mix', '0', *extra)
                self.assertEqual(got['reads'], 0)
                self.assertGreater(got['writes'], 0)

    def test_a_mix_is_what_it_is_called(self):
        for extra in ([], ['--responses'], ['--in-capsule', '0'], ['--connections', '5']):
            with self.subTest(extra=extra):
                got = self.counts('--mix', '70', *extra)
                self.assertAlmostEqual(got['reads'] / (got['reads'] + got['writes']), 0.7, delta=0.1)

    def test_what_makes_no_sense_is_a_sentence(self):
        for args in (['--depth', '0'], ['--size', 'x'], ['--server-cpu', '9999']):
            with self.subTest(args=args):
                done = floor(*args)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r'^floor: .*\n')


class Sums(unittest.TestCase):

    def runs(self, *rates):
        return [{'iops': rate, 'cpu_us': 1e6 / rate, 'latency_us': {'mean': 1.0}} for rate in rates]

    def test_ratios_are_of_pairs(self):
        """Machines drift: the ratio of medians would be 1 here."""
        got = measure.sum_up({'nvmfd': self.runs(100, 300, 200), 'floor': self.runs(200, 200, 100)},
                             'alone')
        self.assertEqual(got['ratios']['floor']['iops'], {'median': 1.5, 'min': 0.5, 'max': 2.0})
        self.assertAlmostEqual(got['ratios']['floor']['cpu_us']['max'], 2.0)
        self.assertEqual(got['peers']['nvmfd']['iops'], {'median': 200, 'min': 100, 'max': 300})
        self.assertNotIn('lat_p99', got['peers']['nvmfd'])

    def test_the_better_sockets_are_the_ones_compared_with(self):
        got = measure.sum_up({'nvmfd': self.runs(100), 'spdk-posix': self.runs(80),
                              'spdk-uring': self.runs(90)}, 'alone')
        self.assertEqual(report.better(got, 'spdk', 'iops'), 'spdk-uring')
        self.assertEqual(report.better(got, 'spdk', 'cpu_us', min), 'spdk-uring')
        self.assertIsNone(report.better(measure.sum_up({}, 'alone'), 'spdk', 'iops'))

    def test_a_chart_is_well_formed_whatever_the_names(self):
        value = {'median': 2.0, 'min': 1.0, 'max': 3.0}
        drawn = chart.draw('a < b & c', 'd', [('<case>', [('floor', '2 & 3', value)])])
        rects = xml.dom.minidom.parseString(drawn).getElementsByTagName('rect')
        widths = [float(rect.getAttribute('width')) for rect in rects]
        self.assertAlmostEqual(widths[-1], (chart.WIDTH - chart.LEFT - chart.RIGHT) * 2 / 3, delta=0.1)

    def test_cases_have_names_of_their_own(self):
        names = [case.name for case in cases.CASES]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(cases.QUICK), set(names))


class Goals(unittest.TestCase):
    """Which way round a ratio is, and who is compared with whom."""

    def row(self, case, view='alone', **cpu_us):
        results = {name.replace('_', '-'): [{'iops': 1e6 / cost, 'cpu_us': cost, 'latency_us': {'mean': cost}}]
                   for name, cost in cpu_us.items()}
        return {'view': view, 'case': {'name': case}, 'runs': results, 'summary': measure.sum_up(results, view)}

    def verdicts(self, *rows, idle=(), crowd=None):
        return [(one['case'], one['figure'], one['met']) for one in goals.judge(rows, idle, crowd or {})]

    def test_times_as_good_as_the_better_sockets(self):
        for ours, figure, met in ((1.0, '1.60', True), (2.0, '0.80', False)):
            for view in ('alone', 'shared'):
                row = self.row('write-4k-d128', view, nvmfd=ours, spdk_posix=3, spdk_uring=1.6)
                self.assertEqual(self.verdicts(row), [('write-4k-d128', figure, met)])

    def test_times_as_much_as_the_sleeping_floor(self):
        row = self.row('mixed-4k-d128', nvmfd=1.2, floor=1.0, floor_spin=0.5)
        self.assertEqual(self.verdicts(row), [('mixed-4k-d128', '1.20', True)])
        row = self.row('mixed-4k-d128', nvmfd=1.3, floor=1.0)
        self.assertEqual(self.verdicts(row), [('mixed-4k-d128', '1.30', False)])

    def test_latency_of_who_polls(self):
        row = self.row('read-4k-d1-spin', nvmfd_poll=8.0, spdk_posix=10.0)
        self.assertEqual(self.verdicts(row), [('read-4k-d1-spin', '0.80', True)])

    def test_digests_are_held_against_the_case_without(self):
        rows = (self.row('read-128k-d8', nvmfd=10, spdk_uring=10), self.row('read-128k-d8-digests', nvmfd=12, spdk_uring=11))
        self.assertIn(('read-128k-d8-digests', '20 %', False), self.verdicts(*rows))

    def test_a_file_adds_what_fio_does_not_take(self):
        rows = (self.row('read-4k-d32', nvmfd=2), self.row('read-4k-d32-direct', nvmfd=5, fio=3.5))
        self.assertEqual(self.verdicts(*rows), [('read-4k-d32-direct', '1.50 us', True)])

    def test_idle(self):
        rows = [{'connections': 0, 'ran_ns': 7},
                {'connections': 1000, 'percent_of_a_core': 0.5, 'pss_kib_per_connection': 33.0}]
        self.assertEqual(self.verdicts(idle=rows), [('idle', '7 ns', False), ('idle', '0.50 %', True),
                                                    ('idle', '33.0 KiB', False)])

    def test_a_crowd(self):
        flood = {'grown_mib': 64.5, 'kept_mib': 1.0, 'buffers_mib': 64, 'least_writes': 0}
        self.assertEqual(self.verdicts(crowd={'fairness': {'times': 5.1}, 'flood': flood}), [
            ('fairness', '5.1 x', False), ('flood', '64.5 MiB', False), ('flood', '1.0 MiB', True),
            ('flood', '0', False)])

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(self.verdicts(self.row('read-4k-d32', nvmfd=1)), [])


def has_own_network():
    return not subprocess.run(['unshare', '--net', 'true'], capture_output=True, check=False).returncode


class Run(unittest.TestCase):

    def test_a_case_from_the_start_to_the_chart(self):
        """With an SPDK that is not there: a sentence, and the others are measured."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [ROOT / 'bench/run', BUILD, '--case', 'write-4k-d32', '--pairs', '1', '--seconds', '2',
                 '--save', folder, '--spdk', '/nonexistent', '--sockets', 'posix'],
                capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, r'^bench: spdk-posix: there is no /nonexistent/.*\n$')
            saved = pathlib.Path(folder)
            rows = json.loads((saved / 'results.json').read_text())['rows']
            for name in ('throughput.svg', 'cpu.svg', 'shared.svg'):
                xml.dom.minidom.parse(str(saved / name))
        self.assertEqual([row['view'] for row in rows], ['alone', 'shared'])
        there = network.UNPACED if has_own_network() else network.congestion()
        for row in rows:
            self.assertEqual(row['congestion'], there)
            ours, floors = (row['runs'][name][0]['iops'] for name in ('nvmfd', 'floor'))
            self.assertGreater(ours, 0)
            self.assertAlmostEqual(row['summary']['ratios']['floor']['iops']['median'], ours / floors)
            self.assertEqual(row['runs']['nvmfd'][0]['reads'], 0)

    def test_no_such_case(self):
        done = subprocess.run([ROOT / 'bench/run', BUILD, '--case', 'nothing'], capture_output=True,
                              text=True, timeout=TIME_LIMIT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('no such case', done.stderr)


if __name__ == '__main__':
    unittest.main()
