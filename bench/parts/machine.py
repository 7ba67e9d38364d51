# SPDX-License-Identifier: BSD-2-Clause
"""What it was measured on."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from parts import cpu, network


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def cpu_model():
    found = re.search(r'^model name\s*:\s*(.*)$', read('/proc/cpuinfo') or '', re.M)
    return found.group(1) if found else platform.machine()


def memory_mib():
    found = re.search(r'^MemTotal:\s*(\d+)', read('/proc/meminfo') or '', re.M)
    return int(found.group(1)) // 1024 if found else None


def huge_pages(what='Total'):
    """Of 2 MiB: Total or Free."""
    found = re.search(rf'^HugePages_{what}:\s*(\d+)', read('/proc/meminfo') or '', re.M)
    return int(found.group(1)) if found else 0


def file_system(folder):
    """The type of the longest mount point above the folder."""
    mounts = [line.split()[1:3] for line in (read('/proc/mounts') or '').splitlines()]
    above = [(len(point), kind) for point, kind in mounts
             if Path(folder).resolve().is_relative_to(point)]
    return max(above)[1] if above else 'unknown'


def revision(source):
    run = subprocess.run(['git', '-C', source, 'describe', '--always', '--dirty'], capture_output=True, text=True,
                         check=False)
    return run.stdout.strip() or 'unknown'


def describe(source, build):
    return {
        'date': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()),
        'revision': revision(source),
        'cpu': cpu_model(), 'cpus': len(cpu.CPUS),
        'governor': read(f'/sys/devices/system/cpu/cpu{cpu.TARGET}/cpufreq/scaling_governor') or 'unknown',
        'memory_mib': memory_mib(), 'huge_pages': huge_pages(),
        'kernel': platform.release(), 'file_system': file_system(build), 'congestion': network.congestion(),
        'load_average': os.getloadavg()[0],
    }


def sentence(m):
    return (f'{m["date"]}, {m["revision"]}: {m["cpu"]}, {m["cpus"]} CPUs (governor {m["governor"]}), '
            f'{m["memory_mib"]} MiB, {m["huge_pages"]} huge pages, Linux {m["kernel"]}, {m["file_system"]}, '
            f'{m.get("congestion") or "unknown"}, '
            f'load average {m["load_average"]:.1f}')
