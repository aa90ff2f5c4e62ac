#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one attack of this folder, or the short form of all: siege.py BUILD-DIRECTORY [NAME [ARGUMENT…]]"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')


def main():
    build, *arguments = sys.argv[1:]
    build = os.path.abspath(build)
    if not arguments:
        os.execv(sys.executable, [sys.executable, os.path.join(ROOT, 'data/dev/test.py'), '--only', 'siege', build])
    name, *rest = arguments
    script = os.path.join(HERE, name + '.py')
    if name == 'siege' or not os.path.exists(script):
        sys.exit('There is no “%s”.' % name)
    os.environ.update(TESSERAD=os.path.join(build, 'tests/support/tesserad-test'), PYTHONDONTWRITEBYTECODE='1')
    os.execv(sys.executable, [sys.executable, script, *rest])


if __name__ == '__main__':
    main()
