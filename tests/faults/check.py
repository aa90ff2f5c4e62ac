#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads histories of customers, a line each, and judges each by itself (model.py); tells of those that are
wrong, and at the end how many there were:

    checked HISTORIES OPERATIONS WRONG"""

import os
import sys

import model

SHOWN = 5


def main():
    histories = operations = wrong = 0
    for line in sys.stdin:
        number, history = model.parse(line)
        histories += 1
        operations += sum(operation.verb != 'k' for operation in history)
        try:
            model.check(history)
        except model.Violation as violation:
            wrong += 1
            if wrong <= SHOWN:
                print('wrong: customer %d: %s' % (number, violation))
                for operation in history:
                    print('wrong:   %r' % operation)
                sys.stdout.flush()
    try:
        print('checked %d %d %d' % (histories, operations, wrong), flush=True)
    except BrokenPipeError:  # who wanted to know is gone
        os._exit(1)


if __name__ == '__main__':
    main()
