#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets two analyzers read the sources: gcc -fanalyzer and clang-tidy. What they find is an error unless
tests/analysis.txt says in a sentence why it is none; a sentence without a finding is an error too.

usage: analyze.py BUILD-DIRECTORY [--gcc | --clang] [WORD…]   (WORDs: only files with one of them in the name)"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REVIEWED = ROOT / 'tests/analysis.txt'
CLANG_TIDY = ['clang-tidy-14', 'clang-tidy-19', 'clang-tidy']
CHECKS = ('-*,bugprone-*,cert-*,clang-analyzer-*,concurrency-*,'
          # Taste, not bugs: two arguments of one type, a macro's argument in a list, names that begin with _.
          '-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-cert-dcl37-c,-cert-dcl51-cpp,'
          # Macros of GLib expand to them: g_assert, G_DEFINE_TYPE, g_clear_pointer (it takes a pointer's size).
          '-bugprone-assignment-in-if-condition,-bugprone-macro-parentheses,-bugprone-sizeof-expression,'
          # It wants memcpy_s() and its like, which the C library does not have.
          '-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,'
          # Products of small constants; UBSan, -Wconversion and -Woverflow watch the others.
          '-bugprone-implicit-widening-of-multiplication-result')
# Options that clang does not know, or that hide from an analyzer what was never set.
DROPPED = re.compile(r'-(fstack-clash-protection|fzero-call-used-regs.*|ftrivial-auto-var-init.*|fcf-protection.*|M[DQF]|c|o)$')
FINDING = re.compile(r'^(/\S+?|\S+?\.[ch]):(\d+):(?:\d+:)? (?:warning|error): (.*?) \[([^\]]+)\]$', re.MULTILINE)


def compilations(build, words):
    """(source, arguments without output) of each file below src/, once."""
    seen = {}
    for entry in json.loads((build / 'compile_commands.json').read_text(encoding='utf-8')):
        source = pathlib.Path(os.path.normpath(os.path.join(entry['directory'], entry['file'])))
        if ROOT / 'src' in source.parents and (not words or any(word in source.name for word in words)):
            seen.setdefault(source, list(clean(shlex.split(entry['command']), entry['file'])))
    return seen


def clean(command, file):
    skip = True  # the compiler itself
    for argument in command[1:] if command[0].endswith('ccache') else command:
        if skip:
            skip = False
        elif argument in ('-o', '-MQ', '-MF'):
            skip = True
        elif argument != file and not DROPPED.match(argument):
            yield argument


def findings(text, build):
    """(file, line, check, message) in sources of ours."""
    for file, line, message, check in FINDING.findall(text):
        path = pathlib.Path(os.path.normpath(build / file))
        if ROOT / 'src' in path.parents:
            yield str(path.relative_to(ROOT)), int(line), check, message


def run_gcc(source, arguments, build):
    command = ['gcc', *arguments, '-fanalyzer', '-fdiagnostics-plain-output', '-fdiagnostics-path-format=none',
               '-fno-analyzer-state-purge', '-O1', '-g0', '-c', str(source), '-o', '/dev/null']
    run = subprocess.run(command, cwd=build, capture_output=True, text=True)
    found = [entry for entry in findings(run.stderr, build) if entry[2].startswith('-Wanalyzer')]
    return found if run.returncode == 0 else [(str(source), 1, 'gcc', run.stderr[-500:])]


def run_clang(source, arguments, build):
    tidy = next((name for name in CLANG_TIDY if shutil.which(name)), None)
    if tidy is None:
        sys.exit('analyze: clang-tidy is not installed')
    command = [tidy, '--quiet', f'--checks={CHECKS}', f'--header-filter={ROOT}/src/.*', str(source), '--',
               *arguments, '-Wno-unknown-warning-option']
    run = subprocess.run(command, cwd=build, capture_output=True, text=True)
    found = [entry for entry in findings(run.stdout, build) if not entry[2].startswith('clang-diagnostic-unknown')]
    return found if run.returncode == 0 or found else [(str(source), 1, 'clang-tidy', run.stderr[-500:])]


class Review:
    """Lines of FILE CHECK TEXT…: a finding of CHECK in FILE whose line of source contains TEXT is none; the
    sentence above says why. Of “says: TEXT” it is the analyzer's own words that contain TEXT."""

    def __init__(self):
        self.entries = [line.split(maxsplit=2) for line in REVIEWED.read_text(encoding='utf-8').splitlines()
                        if line and not line.startswith('#')]
        self.used = set()

    def covers(self, file, line, check, message):
        source = (ROOT / file).read_text(encoding='utf-8').splitlines()[line - 1] if (ROOT / file).exists() else ''
        for number, (own_file, own_check, own_text) in enumerate(self.entries):
            said = own_text.startswith('says: ')
            fits = own_text == '*' or own_text.removeprefix('says: ') in (message if said else source)
            if own_file in (file, '*') and own_check in check.split(',') and fits:
                self.used.add(number)
                return True
        return False

    def unused(self, checks):
        return [' '.join(entry) for number, entry in enumerate(self.entries)
                if number not in self.used and any(entry[1].startswith(check) for check in checks)]


def main():
    options = [argument for argument in sys.argv[1:] if argument.startswith('--')]
    build, *words = [argument for argument in sys.argv[1:] if not argument.startswith('--')]
    build = pathlib.Path(build).resolve()
    analyzers = {'--gcc': run_gcc, '--clang': run_clang}
    chosen = [analyzers[option] for option in options] or list(analyzers.values())
    sources = compilations(build, words)
    review, seen = Review(), set()
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        jobs = [pool.submit(run, source, arguments, build) for run in chosen for source, arguments in sorted(sources.items())]
        for job in jobs:
            for file, line, check, message in job.result():
                if not review.covers(file, line, check, message) and (file, line, check) not in seen:
                    seen.add((file, line, check))
                    print(f'{file}:{line}: {message} [{check}]', flush=True)
    prefixes = ['-Wanalyzer'] * (run_gcc in chosen) + ['bugprone', 'cert', 'clang', 'concurrency'] * (run_clang in chosen)
    stale = [] if words else review.unused(prefixes)
    for entry in stale:
        print(f'{REVIEWED.name}: nothing is found there any more: {entry}')
    print(f'analyze: {len(sources)} files, {len(seen)} findings, {len(review.used)} reviewed reasons')
    return 1 if seen or stale else 0


if __name__ == '__main__':
    sys.exit(main())
