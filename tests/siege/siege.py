#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs an attack of this folder: siege.py BUILD-DIRECTORY [NAME [ARGUMENT…]]

framing needs no size. Each of the others has a short form, which counts, and is a test; named, it takes its full
size, and compares times too. Without a name: the short forms of all; “short”: those that `./dev test` leaves out,
since they need a build without sanitizers; “all”: all in full, one after the other."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
SIZED = ['idle', 'slow', 'large', 'passwords', 'handshakes', 'endurance']


def run_short(suite, build):
    os.execv(sys.executable, [sys.executable, os.path.join(ROOT, 'data/dev/test.py'), '--only', suite, build])


def command_of(name, arguments):
    """Only endurance has a number of requests."""
    if name == 'framing':
        return [sys.executable, os.path.join(HERE, 'framing.py'), *arguments]
    return [sys.executable, os.path.join(HERE, name + '.py'), '--long', *arguments]


def run_all(arguments):
    """Every attack, whatever comes of those before it; those in which something was missed."""
    missed = []
    for name in SIZED:
        own = list(arguments)
        if name != 'endurance' and '--requests' in own:
            at = own.index('--requests')
            del own[at:at + 2]
        if subprocess.run(command_of(name, own)).returncode != 0:
            missed.append(name)
    framing = subprocess.run(command_of('framing', []), stdout=subprocess.PIPE, text=True)
    print('framing: %d probes, %d failed' % (framing.stdout.count('\nok ') - 1, framing.stdout.count('not ok ')))
    return missed + (['framing'] if framing.returncode else [])


def main():
    build, *arguments = sys.argv[1:]
    build = os.path.abspath(build)
    if not arguments or arguments[0] == 'short':
        run_short('load' if arguments else 'siege', build)
    name, *rest = arguments
    os.environ.update(TESSERAD=os.path.join(build, 'tests/support/tesserad-test'), PYTHONDONTWRITEBYTECODE='1')
    if name == 'all':
        missed = run_all(rest)
        sys.exit('Missed: ' + ', '.join(missed) if missed else 0)
    if name not in ('framing', *SIZED):
        sys.exit('There is no “%s”.' % name)
    command = command_of(name, rest)
    os.execv(command[0], command)


if __name__ == '__main__':
    main()
