#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests of one build directory or several and counts single cases: lines of TAP, the cases that
unittest reports, else one for the program. A test runs in the first directory that has it; what it skipped
there, such as a binding in the build with sanitizers, it gets to try in the next one.

usage: test.py [--only SUITE | --without SUITE…] DIRECTORY… [-- NAME…]

The last line is “N passed, N failed”, alone; exit status 1 when one failed."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

TAP_LINE = re.compile(r'^(not ok|ok)\b\s*\d*\s*(?:- )?([^#\n]*)(#\s*(?:skip|SKIP)\b\s*([^\n]*))?', re.MULTILINE)
UNITTEST_TOTAL = re.compile(r'^Ran (\d+) tests? in', re.MULTILINE)
UNITTEST_RESULT = re.compile(r'^(?:OK|FAILED)(?: \((.*)\))?$', re.MULTILINE)

ENVIRONMENT = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'G_DEBUG': 'fatal-criticals',
    'MALLOC_PERTURB_': '165',
}


class Cases:
    """Verdict of each case, by its name."""

    def __init__(self):
        self.verdicts = {}  # (test, case) -> 'ok', 'not ok' or 'skip'
        self.reasons = {}  # (test, case) -> why it was skipped

    def add(self, test, cases, reasons):
        """The cases of one run; what was skipped before gives way, what failed stays failed."""
        seen = set()
        for name, verdict in cases:
            while name in seen:
                name += ' (again)'
            seen.add(name)
            if self.verdicts.get((test, name)) in (None, 'skip'):
                self.verdicts[test, name] = verdict
                self.reasons[test, name] = reasons.get(name)

    def of_verdict(self, verdict):
        return [title_of(*key) + (f' ({self.reasons[key]})' if verdict == 'skip' and self.reasons[key] else '')
                for key, own in self.verdicts.items() if own == verdict]

    def has_skipped(self, test):
        return any(own == 'skip' for (name, _), own in self.verdicts.items() if name == test)

    def has(self, test):
        return any(name == test for name, _ in self.verdicts)

    def line(self):
        passed, failed, skipped = (len(self.of_verdict(verdict)) for verdict in ('ok', 'not ok', 'skip'))
        return f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else '')


def title_of(test, case):
    return case if '/' in case else ': '.join(filter(None, (test, case)))


def tests_in(directory):
    run = subprocess.run(['meson', 'introspect', '--tests', directory], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def is_wanted(test, arguments):
    suites = {suite.split(':')[-1] for suite in test['suite']}
    if arguments.only and arguments.only not in suites:
        return False
    if suites.intersection(arguments.without):
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
    return [('', verdict) for verdict in verdicts]


def cases_of_tap(record):
    return [(name.strip(), 'skip' if skip else verdict)
            for verdict, name, skip, _ in TAP_LINE.findall(record.get('stdout') or '')]


def reasons_of(record):
    """Why cases were skipped, by their names."""
    return {name.strip(): reason.strip() for _, name, skip, reason in TAP_LINE.findall(record.get('stdout') or '') if skip}


def cases_of(record):
    whole = {'OK': 'ok', 'EXPECTEDFAIL': 'ok', 'SKIP': 'skip'}.get(record['result'], 'not ok')
    cases = cases_of_tap(record) or cases_of_unittest(record) or [('', whole)]
    if whole == 'not ok' and all(verdict != 'not ok' for _, verdict in cases):
        cases.append((f'the program itself ({record["result"]})', 'not ok'))
    return cases


def show_failure(record):
    print(f'\n--- {record["name"]}: {record["result"]}')
    for stream in ('stdout', 'stderr'):
        lines = (record.get(stream) or '').splitlines()
        if len(lines) > 120:
            lines = [*lines[:40], f'… {len(lines) - 100} lines …', *lines[-60:]]
        print('\n'.join(lines))


def show_parity(cases):
    """The list of what the component we measure ourselves by does: each sentence and its verdict."""
    rows = [f'  {verdict:7}{title_of(*key)}' for key, verdict in cases.verdicts.items() if key[0].startswith('parity')]
    if rows:
        print('\nParity:')
        print('\n'.join(sorted(rows, key=lambda row: row[9:])))


def run_directory(directory, arguments, cases):
    """Returns how many tests it ran."""
    wanted = dict.fromkeys(test['name'] for test in tests_in(directory) if is_wanted(test, arguments))
    names = [name for name in wanted if not cases.has(name) or cases.has_skipped(name)]
    if not names:
        return 0
    records = run_tests(directory, names)
    for record in records:
        own = cases_of(record)
        cases.add(record['name'], own, reasons_of(record))
        if any(verdict == 'not ok' for _, verdict in own):
            show_failure(record)
    for name in set(names) - {record['name'] for record in records}:
        cases.add(name, [('did not run', 'not ok')], {})
    return len(names)


def parse_arguments():
    arguments = sys.argv[1:]
    names = []
    if '--' in arguments:
        split = arguments.index('--')
        arguments, names = arguments[:split], arguments[split + 1:]
    parser = argparse.ArgumentParser()
    parser.add_argument('--only')
    parser.add_argument('--without', action='append', default=[])
    parser.add_argument('directories', nargs='+')
    parsed = parser.parse_args(arguments)
    parsed.names = names
    return parsed


def main():
    arguments = parse_arguments()
    cases = Cases()
    count = sum([run_directory(directory, arguments, cases) for directory in arguments.directories])
    show_parity(cases)
    for title, verdict in (('skipped', 'skip'), ('failed', 'not ok')):
        for name in cases.of_verdict(verdict):
            print(f'{title}: {name}')
    if count == 0:
        print('No test has such a name.', file=sys.stderr)
    print(f'\n{cases.line()}')
    return 1 if cases.of_verdict('not ok') or count == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
