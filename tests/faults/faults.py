#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one harness of this folder, or the short form of all: faults.py BUILD-DIRECTORY [NAME [ARGUMENT…]]"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')


def main():
    build, *arguments = sys.argv[1:]
    build = os.path.abspath(build)
    if not arguments:
        os.execv(sys.executable, [sys.executable, os.path.join(ROOT, 'data/dev/test.py'), '--only', 'faults', build])
    name, *rest = arguments
    script = os.path.join(HERE, name + ('_faults.py' if name in ('desk', 'io', 'state') else '.py'))
    program = os.path.join(build, 'tests/faults/faults-' + name)
    os.environ.update(TESSERAD=os.path.join(build, 'tests/support/tesserad-test'),
                      TESSERA=os.path.join(build, 'src/tessera/tessera'),
                      FAULTS_CLIENTS=os.path.join(build, 'tests/faults/faults-clients'),
                      PYTHONDONTWRITEBYTECODE='1')
    if os.path.exists(script):
        os.execv(sys.executable, [sys.executable, script, *rest])
    if os.path.exists(program):
        os.execv(program, [program, *rest])
    sys.exit('There is no “%s”.' % name)


if __name__ == '__main__':
    main()
