#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the symbols the library exports against the list in the tree: what is once there stays.

    check-symbols.py LIBRARY LIST [--write]
"""

import subprocess
import sys


def exported(library):
    lines = subprocess.run(['nm', '--dynamic', '--defined-only', '--format=posix', library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0] for line in lines}


def main():
    library, listing = sys.argv[1:3]
    found = exported(library)
    if '--write' in sys.argv:
        with open(listing, 'w', encoding='ascii') as file:
            file.writelines(name + '\n' for name in sorted(found))
        return
    with open(listing, encoding='ascii') as file:
        listed = set(file.read().split())
    missing, unlisted = sorted(listed - found), sorted(found - listed)
    print('1..2')
    print(('not ' if missing else '') + 'ok 1 /symbols/all-listed-are-exported')
    for name in missing:
        print('# missing: ' + name)
    print(('not ' if unlisted else '') + 'ok 2 /symbols/all-exported-are-listed')
    for name in unlisted:
        print('# not in the list: ' + name)


if __name__ == '__main__':
    main()
