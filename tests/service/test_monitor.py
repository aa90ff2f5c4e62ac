#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tessera denylist monitor: a revocation is seen as it happens, and none is missed."""

import json
import subprocess

from desk import COMMAND, Desk
from workshop import SECRET
import tap
from tap import contains, equal, lacks, test, until
from tessera_fixture import claims_of


def revoke_one(desk):
    """The jti of a token that was revoked."""
    token = desk.machine_token('machine', SECRET)
    desk.say('token', 'revoke', said=token)
    return claims_of(token)['jti']


def begin(desk, *words):
    """A monitor that is known to listen: it saw a first entry."""
    monitor = desk.begin('denylist', 'monitor', '--since', str(desk.json('denylist', 'stats')['generation']), *words)
    monitor.wait_for(revoke_one(desk))
    return monitor


@test('a revocation is said live, in a line')
def _(desk):
    with begin(desk) as monitor:
        jti = revoke_one(desk)
        monitor.wait_for(r'token +%s +- +20\d\d-' % jti)
        desk.say('subject', 'revoke', 'somebody')
        monitor.wait_for(r'subject +somebody +20\d\d-')
        contains(monitor.text(), 'GENERATION')
        monitor.interrupt()
        equal(monitor.wait(), 0)


@test('--json: a document on each line, in order, nothing twice')
def _(desk):
    with begin(desk, '--json') as monitor:
        made = [revoke_one(desk) for _ in range(3)]
        monitor.wait_for(made[-1])
        monitor.interrupt()
        equal(monitor.wait(), 0)
        entries = [json.loads(line) for line in monitor.text().splitlines()]
        equal([entry['value'] for entry in entries[-3:]], made)
        generations = [entry['generation'] for entry in entries]
        equal(generations, sorted(set(generations)))


@test('without --since it begins with what comes')
def _(desk):
    before = revoke_one(desk)
    with desk.begin('denylist', 'monitor') as monitor:
        until(lambda: revoke_one(desk) and 'token' in monitor.text(), 'that it listens')
        lacks(monitor.text(), before)


@test('it survives a restart of the service, and says what came meanwhile')
def _(desk):
    with begin(desk) as monitor:
        equal(desk.service.stop(), 0)
        monitor.wait_for('went away', 'err')
        desk.start()
        made = [revoke_one(desk), revoke_one(desk)]
        for jti in made:
            monitor.wait_for(jti)
        monitor.wait_for(revoke_one(desk))
        equal(monitor.text().count(made[0]), 1)
        monitor.interrupt()
        equal(monitor.wait(), 0)


@test('it survives a service that is killed')
def _(desk):
    with begin(desk) as monitor:
        desk.service.end()
        monitor.wait_for('went away', 'err')
        desk.start()
        monitor.wait_for(revoke_one(desk))


@test('a list that begins anew is said, and said whole')
def _(desk):
    with begin(desk) as monitor:
        equal(desk.service.stop(), 0)
        kept = desk.text
        desk.text = desk.text.replace('state-directory=state', 'state-directory=other')
        try:
            desk.start()
            jti = revoke_one(desk)
            monitor.wait_for(jti)
            monitor.wait_for('begins anew', 'err')
        finally:
            desk.service.stop()
            desk.text = kept
            desk.start()


@test('it ends when nobody reads, and when there is no service at first')
def _(desk):
    revoke_one(desk)
    process = subprocess.Popen([COMMAND, 'denylist', 'monitor', '--since', '0'], stdout=subprocess.PIPE, env=desk.command_environment())
    process.stdout.readline()
    process.stdout.close()
    while process.poll() is None:
        revoke_one(desk)
    equal(process.returncode, 1)
    with desk.begin('denylist', 'monitor', '--socket', '/nowhere/bus') as monitor:
        equal(monitor.wait(), 5)
    with desk.begin('denylist', 'monitor', '--since', '0', '--socket', '/nowhere/bus') as monitor:
        equal(monitor.wait(), 5)


if __name__ == '__main__':
    tap.main(Desk)
