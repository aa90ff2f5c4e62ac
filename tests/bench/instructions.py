#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the instructions of the hot paths with callgrind and holds them against those recorded for this release of
Debian: noise cannot move them, so one that grew by more than 10 % fails (20 % where two threads work together).

usage: instructions.py BUILD-DIRECTORY [--record]

--record writes the counts of this release into instructions.txt instead. Each path runs 40 times in a process that
does nothing else; what is counted is the function and all that it calls. OpenSSL is held to the features that every
x86-64 processor of the last fifteen years has, so that the machine does not matter."""
import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, 'instructions.txt')
TIMES = 40
# Not a revocation: how often its threads wake each other is half of it.
WITH_THREADS = ['refresh_request']
MARGIN = 0.10
MARGIN_WITH_THREADS = 0.20
# MMX, FXSR, SSE, SSE2 and SSSE3; nothing of the second word (AVX2, BMI, ADX, SHA).
ENVIRONMENT = {'OPENSSL_ia32cap': '0x20007800000:0', 'LD_BIND_NOW': '1', 'G_SLICE': 'always-malloc', 'LC_ALL': 'C',
               'GLIBC_TUNABLES': 'glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-BMI2'}
HEAD = '''# Instructions of each hot path, by release of Debian (x86-64, release build): ./dev bench --instructions
# fails when one grows by more than 10 %; ./dev bench --instructions --record writes them anew.
'''


def release():
    with open('/etc/os-release') as f:
        return next((line.split('=')[1].strip().strip('"') for line in f if line.startswith('VERSION_CODENAME=')), 'unknown')


def callgrind(build, *arguments):
    """(what callgrind_annotate lists, the count of the whole process)"""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'callgrind')
        program = os.path.join(build, 'tests/bench/bench-in-process')
        run = subprocess.run(['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}', program, *arguments],
                             env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f'the hot paths do not run: {run.stderr[-800:]}')
        listed = subprocess.run(['callgrind_annotate', '--inclusive=yes', '--threshold=100', out], capture_output=True, text=True, check=True)
    return listed.stdout, int(re.search(r'Collected : (\d+)', run.stderr)[1])


def count(build):
    """{path: instructions for one time}. Where threads work together it is what the process executes more when it
    does the path more often."""
    listed, _ = callgrind(build, str(TIMES))
    found = {name: int(n.replace(',', '')) // TIMES for n, name in re.findall(r'^ *([\d,]+) .*:path_(\w+)', listed, re.M)}
    for name in WITH_THREADS:
        few, many = (callgrind(build, str(times), name)[1] for times in (TIMES, 10 * TIMES))
        found[name] = (many - few) // (9 * TIMES)
    return found


def read_record():
    """{release: {path: instructions}}"""
    record = {}
    if os.path.exists(RECORD):
        with open(RECORD) as f:
            for line in f:
                if line.strip() and not line.startswith('#'):
                    name, n, path = line.split()
                    record.setdefault(name, {})[path] = int(n)
    return record


def write_record(record):
    with open(RECORD, 'w') as f:
        f.write(HEAD)
        for name in sorted(record):
            for path in sorted(record[name]):
                f.write(f'{name} {record[name][path]:>9} {path}\n')


def judge(path, found, recorded):
    """True: it passes."""
    if recorded is None:
        print(f'not ok - {path}: {found:,} instructions, and none recorded: --record writes it down')
        return False
    change = found / recorded - 1
    margin = MARGIN_WITH_THREADS if path in WITH_THREADS else MARGIN
    passes = found <= recorded * (1 + margin)
    print(f"{'ok' if passes else 'not ok'} - {path}: {found:,} instructions, {change:+.1%} against {recorded:,}"
          + (' (fewer: --record keeps it so)' if change < -margin else ''))
    return passes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('--record', action='store_true')
    args = parser.parse_args()
    if platform.machine() != 'x86_64':
        print('0 passed, 0 failed, 1 skipped')
        return 0
    record = read_record()
    if not args.record and release() not in record:
        print(f'nothing is recorded for {release()}\n0 passed, 0 failed, 1 skipped')
        return 0
    found = count(args.build)
    if args.record:
        record[release()] = found
        write_record(record)
    known = record[release()]
    results = [judge(path, found[path], known.get(path)) for path in sorted(found)]
    results += [False for path in known if path not in found and not print(f'not ok - {path}: it is gone')]
    print(f'{sum(results)} passed, {len(results) - sum(results)} failed')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
