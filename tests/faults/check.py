#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads histories of customers, a line each, and judges each by itself (model.py); tells of those that are
wrong, and at the end how many there were, before it of each verb how often it was asked, answered with something,
and answered with 503:

    told VERB ASKED SAID BUSY
    checked HISTORIES OPERATIONS WRONG"""

import os
import sys

import model

SHOWN = 5


def main():
    histories = wrong = 0
    tally = model.Tally()
    for line in sys.stdin:
        number, history = model.parse(line)
        histories += 1
        for operation in history:
            tally.count(operation)
        try:
            model.check(history)
        except model.Violation as violation:
            wrong += 1
            if wrong <= SHOWN:
                print('wrong: customer %d: %s' % (number, violation))
                for operation in history:
                    print('wrong:   %r' % operation)
                sys.stdout.flush()
    operations = sum(asked for asked, _, _ in tally.counts.values())
    try:
        for verb, counts in tally.counts.items():
            print('told %s %d %d %d' % (verb, *counts))
        print('checked %d %d %d' % (histories, operations, wrong), flush=True)
    except BrokenPipeError:  # who wanted to know is gone
        os._exit(1)


if __name__ == '__main__':
    main()
