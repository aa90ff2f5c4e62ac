#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What 64 connections are told at once has an order that explains it.

Each code, grant and token is used by several connections at a time; every answer, with the time of its question
and its own, is held against a sequential model (model.py): a code is used once, a refresh token rotates once,
what a revocation was acknowledged for is refused from then on, and nothing is refused without a cause. The
judge reads each history when its life is over, so any number of operations takes no more memory.

usage: history.py [--operations N] [--connections N] [--sync-delay MS] [--seed X]

--sync-delay makes each sync of the disk take so much longer, as on a slow one."""

import argparse
import errno
import random
import sys
import time

import workload
from tap import Failure, check, contains, equal, lacks, main, test
from tessera_fixture import COMPLAINTS


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--operations', type=int)
    parser.add_argument('--connections', type=int, default=64)
    parser.add_argument('--sync-delay', type=int)
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 31))
    arguments, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return arguments


ARGUMENTS = parse_arguments()


def run(operations, sync_delay=0, is_full=False):
    service = workload.make_service(operations)
    service.start()
    try:
        cookies = workload.sign_in(service)
        service.files.delay_syncs(sync_delay)
        if is_full:
            service.files.fail(service.files.WRITE, errno.ENOSPC)
        began = time.monotonic()
        work = workload.Workload(service, cookies, '--connections', str(ARGUMENTS.connections),
                                 '--operations', str(operations), '--seed', str(ARGUMENTS.seed))
        try:
            work.wait()
        except BaseException:
            work.abandon()
            raise
        took = time.monotonic() - began
        service.files.heal()
        equal(service.terminate(), 0, 'exit status')
    finally:
        service.abandon()
    histories, judged, wrong = work.checked
    lacks(service.log.decode(), 'A share of the deny-list is full', 'too few people for so many operations')
    print('# %d operations in %d histories, %.0f a second, %d connections, syncs %d ms slower, seed %d: %d wrong' %
          (judged, histories, judged / took, ARGUMENTS.connections, sync_delay, ARGUMENTS.seed, wrong), flush=True)
    print('# ' + str(work.told), flush=True)
    _, errors, _, broken = work.ended
    check(judged >= operations, 'only %d operations were judged' % judged)
    equal(work.told.busy(), 0, 'answers 503 on a disk that works')
    equal(work.told.unheard(operations // 1000, 1), [], 'verbs that were hardly answered')
    check(wrong == 0 and errors == 0, '\n'.join(work.findings))
    equal(broken, 0, 'connections that broke off')
    equal(COMPLAINTS.findall(bytes(service.log)), [], 'the log')


if ARGUMENTS.operations is None or ARGUMENTS.sync_delay is None:
    @test('faults/history what many were told at once has an order')
    def _():
        run(ARGUMENTS.operations or 10000)


    @test('faults/history a service that says nothing but 503 is found out')
    def _():
        try:
            run(500, is_full=True)
        except Failure as failure:
            contains(str(failure), '503')
            return
        check(False, 'nothing was noticed')


if ARGUMENTS.operations is None or ARGUMENTS.sync_delay is not None:
    @test('faults/history what many were told at once has an order on a slow disk')
    def _():
        run(ARGUMENTS.operations or 2500, ARGUMENTS.sync_delay if ARGUMENTS.sync_delay is not None else 200)


if __name__ == '__main__':
    workload.on_interrupt(lambda: sys.exit('interrupted: nothing is shown'))
    main()
