#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests of one build directory or several, each test once, in the first directory that has it, and
counts single cases: lines of TAP, the cases that unittest reports, else one for the program.

usage: test.py [--only SUITE | --without SUITE] DIRECTORY… [-- NAME…]

The last line is “N passed, N failed”, alone; exit status 1 when one failed."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

TAP_LINE = re.compile(r'^(not ok|ok)\b\s*\d*\s*(?:- )?([^#\n]*)(#\s*(?:skip|SKIP)[^\n]*)?', re.MULTILINE)
UNITTEST_TOTAL = re.compile(r'^Ran (\d+) tests? in', re.MULTILINE)
UNITTEST_RESULT = re.compile(r'^(?:OK|FAILED)(?: \((.*)\))?$', re.MULTILINE)

ENVIRONMENT = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'G_DEBUG': 'fatal-criticals',
    'G_SLICE': 'always-malloc',
    'MALLOC_PERTURB_': '165',
}


class Totals:
    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def add(self, name, verdict):
        {'ok': self.passed, 'not ok': self.failed, 'skip': self.skipped}[verdict].append(name)

    def line(self):
        text = f'{len(self.passed)} passed, {len(self.failed)} failed'
        return text + (f', {len(self.skipped)} skipped' if self.skipped else '')


def tests_in(directory):
    run = subprocess.run(['meson', 'introspect', '--tests', directory], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def is_wanted(test, arguments):
    suites = {suite.split(':')[-1] for suite in test['suite']}
    if arguments.only and arguments.only not in suites:
        return False
    if arguments.without and arguments.without in suites:
        return False
    return not arguments.names or any(name in test['name'] for name in arguments.names)


def run_tests(directory, names):
    """Runs these tests and returns meson's record of each."""
    log = pathlib.Path(directory, 'meson-logs/testlog.json')
    log.unlink(missing_ok=True)
    command = ['meson', 'test', '-C', directory, '--no-rebuild', '--timeout-multiplier', '6', *names]
    subprocess.run(command, env={**os.environ, **ENVIRONMENT}, stdin=subprocess.DEVNULL)
    if not log.exists():
        return []
    records = [json.loads(line) for line in log.read_text(encoding='utf-8').splitlines()]
    for record in records:
        record['name'] = record['name'].split(' / ')[-1]  # without project and suite
    return records


def cases_of_unittest(record):
    """The program printed unittest's summary instead of TAP: its cases, without their names."""
    text = record.get('stderr') or record.get('stdout') or ''
    total, result = UNITTEST_TOTAL.search(text), UNITTEST_RESULT.search(text)
    if not total or not result:
        return []
    counts = {key: int(value) for key, value in re.findall(r'([\w ]+)=(\d+)', result.group(1) or '')}
    failed = sum(value for key, value in counts.items() if key in ('failures', 'errors', 'unexpected successes'))
    skipped = sum(value for key, value in counts.items() if key in ('skipped', 'expected failures'))
    verdicts = ['not ok'] * failed + ['skip'] * skipped
    verdicts += ['ok'] * max(0, int(total.group(1)) - len(verdicts))
    return [(record['name'], verdict) for verdict in verdicts]


def cases_of_tap(record):
    """Yields name and verdict of each line of TAP."""
    for verdict, name, skip in TAP_LINE.findall(record.get('stdout') or ''):
        yield f'{record["name"]} {name.strip()}'.strip(), 'skip' if skip else verdict


def cases_of(record):
    whole = {'OK': 'ok', 'EXPECTEDFAIL': 'ok', 'SKIP': 'skip'}.get(record['result'], 'not ok')
    cases = list(cases_of_tap(record)) or cases_of_unittest(record) or [(record['name'], whole)]
    if whole == 'not ok' and all(verdict != 'not ok' for _, verdict in cases):
        cases.append((f'{record["name"]}: the program itself ({record["result"]})', 'not ok'))
    return cases


def show_failure(record):
    print(f'\n--- {record["name"]}: {record["result"]}')
    for stream in ('stdout', 'stderr'):
        lines = (record.get(stream) or '').splitlines()
        if len(lines) > 120:
            lines = [*lines[:40], f'… {len(lines) - 100} lines …', *lines[-60:]]
        print('\n'.join(lines))


def count(records, totals):
    for record in records:
        cases = cases_of(record)
        for name, verdict in cases:
            totals.add(name, verdict)
        if any(verdict == 'not ok' for _, verdict in cases):
            show_failure(record)


def show_parity(records):
    """The list of what the component we measure ourselves by does: each sentence and its verdict."""
    rows = [line for record in records if record['name'].startswith('parity')
            for line in (record.get('stdout') or '').splitlines() if line.startswith(('ok', 'not ok'))]
    if rows:
        print('\nParity:')
        print('\n'.join(f'  {row}' for row in rows))


def parse_arguments():
    arguments = sys.argv[1:]
    names = []
    if '--' in arguments:
        split = arguments.index('--')
        arguments, names = arguments[:split], arguments[split + 1:]
    parser = argparse.ArgumentParser()
    parser.add_argument('--only')
    parser.add_argument('--without')
    parser.add_argument('directories', nargs='+')
    parsed = parser.parse_args(arguments)
    parsed.names = names
    return parsed


def main():
    arguments = parse_arguments()
    totals, done, records = Totals(), set(), []
    for directory in arguments.directories:
        names = [test['name'] for test in tests_in(directory) if is_wanted(test, arguments)]
        names = [name for name in dict.fromkeys(names) if name not in done]
        if not names:
            continue
        found = run_tests(directory, names)
        for name in set(names) - {record['name'] for record in found}:
            totals.add(f'{name}: did not run', 'not ok')
        count(found, totals)
        records += found
        done.update(names)
    show_parity(records)
    for name in totals.skipped:
        print(f'skipped: {name}')
    for name in totals.failed:
        print(f'failed: {name}')
    if not done:
        print('No test has such a name.', file=sys.stderr)
    print(f'\n{totals.line()}')
    return 1 if totals.failed or not done else 0


if __name__ == '__main__':
    sys.exit(main())
