#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds openid-modules.txt against the tests: each module of each plan has tests that exist, and no test names a
module that is not there. With --ran LOG (meson's testlog.json, of a build whose tests have run) it demands too that
each of them ran and was good; with --table it prints all as Markdown."""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASIC, FORM_POST = 'test_openid_basic.py', 'test_openid_form_post.py'


class Module:
    def __init__(self, plan, name):
        self.plan, self.name = plan, name
        self.asks = self.declined = ''
        self.tests = []  # (file, name or None: those that hold the module's)

    def like(self, plan):
        """The same module in @plan, by the other response mode."""
        other = Module(plan, self.name)
        other.asks, other.declined = self.asks, self.declined
        other.tests = [(FORM_POST if file == BASIC else file, name) for file, name in self.tests]
        return other

    def found(self, lists):
        """[(file, name)] of the tests; an error text instead of a name that does not exist."""
        result = []
        for file, name in self.tests:
            # The name stands alone: oidcc-codereuse is not oidcc-codereuse-30seconds.
            mine = [one for one in lists.get(file, []) if (one == name if name else re.search(r'\b%s: ' % re.escape(self.name), one))]
            result += [(file, one) for one in mine] or [(file, None)]
        return result


def read_list(path):
    modules, plan = [], None
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        text = line.strip()
        word, _, rest = text.partition(' ')
        if not text or text.startswith('#'):
            continue
        if text.startswith('['):
            plan = text.strip('[]')
        elif word == 'like':
            modules += [module.like(plan) for module in list(modules) if module.plan == rest]
        elif not line.startswith(' '):
            modules.append(Module(plan, text))
        elif word == 'test':
            file, _, name = rest.partition(': ')
            modules[-1].tests.append((file, name or None))
        elif word in ('asks', 'declined'):
            setattr(modules[-1], word, rest)
        else:
            raise SystemExit('%s:%d: %s' % (path.name, number, line))
    return modules


def list_tests(file):
    """As the program itself says: what would run."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE='1')
    done = subprocess.run([sys.executable, str(HERE / file), '--list'], env=environment, stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout.decode().splitlines()


def registered_files():
    """Those that meson runs."""
    return {'test_%s.py' % name for name in re.findall(r"^\s+'(\w+)',$", (HERE / 'meson.build').read_text(encoding='utf-8'), re.M)}


def read_verdicts(log):
    """{(file, name of a test): whether it ran and was good}, of all programs of the suite."""
    verdicts = {}
    for line in pathlib.Path(log).read_text(encoding='utf-8').splitlines():
        record = json.loads(line)
        file = 'test_%s.py' % record['name'].split(' / ')[-1].removeprefix('direct-')
        for told in record.get('stdout', '').splitlines():
            match = re.match(r'(not ok|ok) \d+ (?:- )?(.*?)( # SKIP.*)?$', told)
            if match:
                good = match.group(1) == 'ok' and not match.group(3)
                verdicts[file, match.group(2)] = verdicts.get((file, match.group(2)), True) and good
    return verdicts


def print_table(modules, lists):
    print('| plan | module | asks | test | |\n|---|---|---|---|---|')
    for module in modules:
        for file, name in module.found(lists):
            print('| %s | %s | %s | %s: %s | %s |' % (module.plan, module.name, module.asks, file, (name or 'missing').replace('|', '\\|'), module.declined))


def complaint_about(module, lists, verdicts):
    if not module.asks or not module.tests:
        return 'it says not what is asked, or names no test'
    for file, name in module.found(lists):
        if name is None:
            return 'no such test in %s' % file
        if verdicts is not None and not verdicts.get((file, name)):
            return '%s did not run, or was not good: %s' % (file, name)
    return None


def strangers(modules, lists):
    """Modules that tests name and the list does not."""
    known = {module.name for module in modules}
    named = {match for names in lists.values() for name in names for match in re.findall(r'\b(oidcc-[\w-]+): ', name)}
    return sorted(named - known)


def main():
    modules = read_list(HERE / 'openid-modules.txt')
    files = registered_files()
    wanted = {file for module in modules for file, _ in module.tests} | {file.name for file in HERE.glob('test_openid_*.py')}
    lists = {file: list_tests(file) for file in sorted(wanted & files)}
    if '--table' in sys.argv:
        print_table(modules, lists)
        return
    verdicts = read_verdicts(sys.argv[sys.argv.index('--ran') + 1]) if '--ran' in sys.argv else None
    print('1..%d' % (len(modules) + 2))
    good = True
    for number, module in enumerate(modules, 1):
        complaint = complaint_about(module, lists, verdicts)
        good = good and not complaint
        print('%s %d %s %s%s' % ('not ok' if complaint else 'ok', number, module.plan, module.name, ' # ' + complaint if complaint else ''))
    for number, what, left in ((1, 'meson runs each file that is named', sorted(wanted - files)), (2, 'each module that a test names is listed', strangers(modules, lists))):
        good = good and not left
        print('%s %d %s%s' % ('not ok' if left else 'ok', len(modules) + number, what, ' # ' + ' '.join(left) if left else ''))
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    main()
