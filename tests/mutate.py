#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Breaks each check of tests/mutations.txt in a copy of the tree and shows that some test fails.

The copies and their builds live in DIRECTORY. What the tests named beside a mutation do not notice is tried on the
whole suite in the end. A test that only ran out of its time has noticed, which is said: it should fail by itself.
Exit status 1 when something survives all that."""
import argparse
import concurrent.futures
import os
import pathlib
import queue
import random
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / 'tests/mutations.txt'

class Mutation:
    def __init__(self, block):
        self.original, self.replacement, self.tests = [], [], []
        for line in block:
            mark, text = line[:1], line[2:]
            if mark == '@':
                self.file, self.function = text.split()
            elif mark in '-+':
                (self.original if mark == '-' else self.replacement).append(text)
            elif mark == '?':
                self.tests = text.split()
            else:
                self.sentence = line
        self.title = f'{self.function}: {self.sentence}'

    def span(self, text):
        """Where the function stands: from its name in the first column to the brace that ends it."""
        match = re.search(rf'^{self.function} \(.*?^}}', text, re.MULTILINE | re.DOTALL)
        while match and ';' in match.group(0).split('{')[0]:  # a declaration
            match = re.compile(rf'^{self.function} \(.*?^}}', re.MULTILINE | re.DOTALL).search(text, match.start() + 1)
        return match.span() if match else None

    def apply(self, text):
        """The text with the mutation in it, or None if it does not fit once and only once."""
        span = self.span(text)
        if span is None:
            return None
        pattern = r'\s+'.join(re.escape(word) for word in ' '.join(self.original).split())
        body, count = re.subn(pattern, lambda _: ' '.join(self.replacement), text[span[0]:span[1]])
        return text[:span[0]] + body + text[span[1]:] if count == 1 else None


def read_list():
    text = LIST.read_text(encoding='utf-8')
    blocks = [[line for line in block.splitlines() if line and not line.startswith('#')] for block in text.split('\n\n')]
    return [Mutation(block) for block in blocks if block]


def find_repeated(mutations):
    """Those that say what another one of the same function says, or do what it does."""
    seen, repeated = set(), []
    for mutation in mutations:
        place = (mutation.file, mutation.function)
        change = tuple(' '.join(' '.join(lines).split()).rstrip(' ;') for lines in (mutation.original, mutation.replacement))
        told = {(*place, mutation.sentence), (*place, *change)}
        if told & seen:
            repeated.append(mutation)
        seen |= told
    return repeated


def report(number, claim, failed, reason):
    print(('not ' if failed else '') + f'ok {number} /mutations/{claim}')
    for mutation in failed:
        print(f'# {LIST.name}: {mutation.file} {mutation.title}: {reason}')


def check():
    mutations, misfits = read_list(), []
    for mutation in mutations:
        path = ROOT / 'src' / mutation.file
        if not path.exists() or mutation.apply(path.read_text(encoding='utf-8')) is None:
            misfits.append(mutation)
    repeated = find_repeated(mutations)
    print('1..2')
    report(1, 'all-fit-the-sources', misfits, 'the text is not there, or not once')
    report(2, 'none-is-there-twice', repeated, 'another one has this sentence, or makes this change')
    return 1 if misfits or repeated else 0


class Workplace:
    """A copy of the tree, its build, and what is known of its tests."""

    def __init__(self, directory):
        self.tree = directory / 'tree'
        self.build = directory / 'build'
        self.tree.mkdir(parents=True, exist_ok=True)
        self.copy()
        if not (self.build / 'build.ninja').exists():
            self.run(['meson', 'setup', str(self.build), str(self.tree), '--buildtype=debug', '-Doptimization=0',
                      '-Dintrospection=false', '-Ddocs=false', '-Dman=false'], check=True)

    def copy(self):
        """Only what differs is written, so that only that is built."""
        listing = subprocess.run(['git', '-C', str(ROOT), 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                                 check=True, capture_output=True, text=True).stdout
        names = [name for name in listing.split('\0') if name and (ROOT / name).is_file()]
        for name in names:
            target = self.tree / name
            if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
        for path in [path for path in self.tree.rglob('*') if path.is_file()]:
            if str(path.relative_to(self.tree)) not in set(names):
                path.unlink()

    def run(self, command, check=False):
        return subprocess.run(command, check=check, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env={**os.environ, 'G_DEBUG': 'fatal-criticals', 'TESSERA_TEST_UNTIL_FAILURE': '1'})

    def compile(self, tests):
        """All that these tests need; everything for none."""
        programs = [program for name in tests for program in (f'tests/libtessera/test-{name}', f'tests/fuzz/{name}')]
        targets = [program for program in programs if (self.tree / f'{program}.c').exists()]
        served = [name for name in tests if (self.tree / f'tests/rfc/test_{name}.py').exists()]  # some beside a program of that name
        if not tests or served or len(targets) < len(tests):
            targets += [f'tests/support/{name}' for name in ('tesserad-test', 'tessera-outbound-test', 'register-client', 'add-user')]
            targets.append('src/tessera/tessera')
        return self.run(['ninja', '-C', str(self.build), *(targets if tests else [])])

    def judge(self, tests, broken=True):
        """What they say: passed, failed, or out of time. The whole suite for none."""
        selection = tests or ['--suite', 'unit', '--suite', 'service', '--suite', 'rfc']
        patience = '1' if tests and broken else '4'  # some mutations wait for ever, and are noticed by that
        command = ['meson', 'test', '-C', str(self.build), '--no-rebuild', '--maxfail', '1', '--timeout-multiplier', patience, *selection]
        result = self.run(command)
        if result.returncode == 0:
            return 'passed'
        return 'out of time' if re.search(r'^Timeout: +[1-9]', result.stdout, re.MULTILINE) else 'failed'

    def judge_mutated(self, tests):
        compiled = self.compile(tests)
        if compiled.returncode != 0:
            raise Misfit('does not compile: ' + ' '.join(re.findall(r'error: (.*)', compiled.stdout)[:1]))
        return self.judge(tests)

    def try_out(self, mutation, groups):
        """What the first of these groups of tests says that notices, or the last."""
        path = self.tree / 'src' / mutation.file
        kept = path.read_text(encoding='utf-8')
        mutated = mutation.apply(kept)
        if mutated is None:
            raise Misfit('does not fit the sources')
        path.write_text(mutated, encoding='utf-8')
        try:
            judgement = 'passed'
            for tests in groups:
                judgement = self.judge_mutated(tests)
                if judgement != 'passed':
                    break
            return judgement
        finally:
            path.write_text(kept, encoding='utf-8')


class Misfit(Exception):
    pass


SPEAKING = threading.Lock()


def judge(place, mutation, groups, others=''):
    """Prints the verdict; is it good?"""
    began = time.monotonic()
    try:
        judgement = place.try_out(mutation, groups)
        good = judgement != 'passed'
        verdict = {'passed': 'survived', 'failed': 'noticed', 'out of time': 'noticed by time-out'}[judgement] + others
    except Misfit as misfit:
        good, verdict = False, str(misfit)
    with SPEAKING:
        print(f'{verdict:20}{time.monotonic() - began:6.1f} s  {mutation.title}', flush=True)
    return good


def find_survivors(places, mutations, choose_groups, others=''):
    """Each is judged at a place that is free."""
    free = queue.SimpleQueue()
    for place in places:
        free.put(place)

    def is_noticed(mutation):
        place = free.get()
        try:
            return judge(place, mutation, choose_groups(mutation), others)
        finally:
            free.put(place)

    with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
        return [mutation for mutation, noticed in zip(mutations, pool.map(is_noticed, mutations)) if not noticed]


def read_noticed(log):
    return {line.split(maxsplit=3)[3] for line in log.read_text(encoding='utf-8').splitlines()
            if re.match(r'noticed +[0-9.]+ s  ', line)}


def choose(options):
    mutations = read_list()
    if options.quick:
        seed = os.environ.get('MUTATE_SEED') or str(random.randrange(10 ** 6))
        print(f'MUTATE_SEED={seed}')
        return random.Random(seed).sample(mutations, min(options.quick, len(mutations)))
    noticed = read_noticed(options.resume) if options.resume else set()
    words = options.words
    return [one for one in mutations if one.title not in noticed
            and (not words or any(word in one.file + ' ' + one.title for word in words))]


def check_unbroken(places, mutations):
    """What fails without a mutation would prove nothing."""
    tests = sorted({test for mutation in mutations for test in mutation.tests})
    for place in places:
        compiled = place.compile(tests)
        if compiled.returncode != 0:
            sys.exit('The tree does not compile:\n' + compiled.stdout[-2000:])
    if places[0].judge(tests, broken=False) != 'passed':
        sys.exit('A test fails without any mutation: ' + ' '.join(tests))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('directory', nargs='?', type=pathlib.Path)
    parser.add_argument('--check', action='store_true', help='only show that every entry fits the sources, and none is there twice')
    parser.add_argument('--quick', type=int, metavar='COUNT', help='take so many at random')
    parser.add_argument('--resume', type=pathlib.Path, metavar='LOG', help='leave out what this output of an earlier run calls noticed')
    parser.add_argument('--jobs', type=int, metavar='N', help='try so many at a time, each in a copy of its own')
    parser.add_argument('words', nargs='*', metavar='WORD', help='take those whose file or text contains one of them')
    options = parser.parse_intermixed_args()
    if not options.directory and not options.check:
        parser.error('a directory is needed')
    return options


def main():
    options = read_options()
    if options.check:
        return check()
    mutations = choose(options)
    # A copy has to be built first: a few are tried sooner in one.
    jobs = options.jobs or (os.cpu_count() if len(mutations) > 50 else 1)
    places = [Workplace(options.directory.resolve() / str(number)) for number in range(1, jobs + 1)]
    check_unbroken(places, mutations)
    left = find_survivors(places, mutations, lambda mutation: [[name] for name in mutation.tests])
    left = find_survivors(places, left, lambda mutation: [[]], ' by all')
    print(f'\n{len(mutations) - len(left)} passed, {len(left)} failed')
    return 1 if left else 0


if __name__ == '__main__':
    sys.exit(main())
