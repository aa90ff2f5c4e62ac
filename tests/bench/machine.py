# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine that measures: its cores, what it is, and what a process costs it."""
import os
import platform
import resource
import subprocess
import time

SERVER_CORE, LOAD_CORE = 0, 1
CORES = len(os.sched_getaffinity(0))


def pinned(core, argv):
    """The command on one core; all contestants get the same two."""
    return ['taskset', '-c', str(core), *argv] if CORES > 1 else list(argv)


def raise_limits():
    """As many descriptors as are allowed: 5,000 connections need so many at both ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def rss_kib(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))


def _line(path, name, split):
    with open(path) as f:
        return next((line.split(split, 1)[1].strip().strip('"') for line in f if line.startswith(name)), '?')


def _installed(*packages):
    run = subprocess.run(['dpkg-query', '--show', '--showformat', '${Package} ${Version}\n', *packages], capture_output=True, text=True)
    return dict(line.split() for line in run.stdout.splitlines() if len(line.split()) == 2)


def describe():
    memory = int(_line('/proc/meminfo', 'MemTotal', ':').split()[0]) / 2**20
    versions = _installed('libsoup-3.0-0', 'libglib2.0-0', 'libglib2.0-0t64', 'libssl3', 'libssl3t64', 'libsqlite3-0', 'libjwt0', 'libjwt2')
    return {
        'date': time.strftime('%Y-%m-%d'),
        'processor': _line('/proc/cpuinfo', 'model name', ':'),
        'cores': os.cpu_count(),
        'memory_gib': round(memory),
        'system': _line('/etc/os-release', 'PRETTY_NAME', '='),
        'kernel': platform.release(),
        'versions': versions,
    }


def sentence(found=None):
    """For the head of a table."""
    d = found or describe()
    return f"{d['date']}: {d['processor']}, {d['cores']} cores, {d['memory_gib']} GiB, {d['system']}, Linux {d['kernel']}"


def busy():
    """How many programs wanted a core of late."""
    return os.getloadavg()[0]
