#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The deny-list followed through a network that loses its way: after each fault the copy is the service's list,
entry by entry, or is known to be old.

Environment: TESSERAD, TESSERA, and FOLLOW_PROBE, which follows and tells what it knows."""

import json
import os
import random
import shutil
import struct
import subprocess

from desk import Desk
from workshop import SECRET
import tap
from tap import check, equal, test, until
from tessera_fixture import COMPLAINTS, claims_of
from wayward_proxy import Proxy

EVENTS = '/deny-list/events'
SNAPSHOT = '/deny-list'
READER = '[client reader]\nclient_secret_file=machine.secret\ngrant_types=client_credentials;\nscope=denylist\n'


class Publisher(Desk):
    """A service behind a proxy, which is its issuer for all others."""

    def __init__(self):
        super().__init__(READER)

    def server(self, **keys):
        self.proxy = Proxy(self.port)
        self.offset_ms = 0
        self.advance(0)
        return super().server(issuer=self.public, **keys)

    @property
    def public(self):
        return 'http://127.0.0.1:%d' % self.proxy.port

    def environment(self, **more):
        return super().environment(TESSERA_TEST_CLOCK=self.path('clock'), **more)

    def advance(self, seconds):
        self.offset_ms += seconds * 1000
        descriptor = os.open(self.path('clock'), os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(descriptor, struct.pack('=q', self.offset_ms), 0)
        os.close(descriptor)

    def abandon(self):
        self.proxy.close()
        super().abandon()

    def before_test(self):
        self.proxy.release()
        super().before_test()

    def token(self):
        return self.machine_token('machine', SECRET)

    def revoke(self, token=None):
        token = token or self.token()
        equal(self.http('POST', '/revoke', {'token': token}, ('machine', SECRET)).status, 200)
        return claims_of(token)

    def entries(self):
        """Of the service itself: {(rule, value): instant or expiry}"""
        found = {}
        for entry in self.json('denylist', 'list'):
            at = entry.get('until_ms') or entry.get('expires_ms') or 0
            key = entry['kind'], entry['value']
            found[key] = max(at, found.get(key, 0))
        return found

    def generation(self):
        return self.json('denylist', 'stats')['generation']

    def follow(self, *words):
        return Probe(self, *words)


class Probe:
    def __init__(self, desk, *words):
        self._desk = desk
        self._log = open(desk.path('probe-%d.log' % random.randrange(10**9)), 'w+b')
        self._process = subprocess.Popen(
            [os.environ['FOLLOW_PROBE'], desk.public, 'reader', desk.path('machine.secret'), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=desk.environment())

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._process.stdin.close()
        self._process.stdout.close()
        status = self._process.wait(60)
        self._log.seek(0)
        said = self._log.read()
        self._log.close()
        if kind is not None or status != 0 or COMPLAINTS.search(said):
            print('\n'.join('# probe: ' + line for line in said.decode('utf-8', 'replace').splitlines()[-30:]))
        if kind is None:
            equal(status, 0)
            check(not COMPLAINTS.search(said), 'the probe complained')

    def ask(self, question):
        self._process.stdin.write(question.encode() + b'\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def state(self, name):
        return self.ask('state')[name]

    def refuses(self, claims):
        return self.ask('refuses %s %s %d' % (claims['jti'], claims['client_id'], int(claims['jti'].replace('-', '')[:12], 16)))['refused']

    def converge(self):
        """Until it is as far as the service; then it is the service's list."""
        generation = self._desk.generation()
        until(lambda: self.state('generation') >= generation, 'generation %d' % generation)
        self.compare()

    def compare(self):
        dump = self.ask('dump')
        theirs = self._desk.entries()
        ours = {(entry['rule'], entry['value']): entry['instant'] or entry.get('expires', 0) for entry in dump['entries']}
        for key, at in theirs.items():
            if key[0] == 'token':  # kept in whole seconds, rounded up
                theirs[key] = -(-at // 1000) * 1000
        equal(ours, theirs)
        equal(dump['generation'], self._desk.generation())


def begin(desk):
    """A copy that follows: it is on a stream, and was told something there."""
    n = desk.proxy.count(EVENTS)
    probe = desk.follow()
    try:
        check(desk.proxy.wait_for(lambda: any(c.path == EVENTS and b'heartbeat' in c.sent for c in desk.proxy.connections[n:])
                                  or desk.proxy.count(EVENTS) > n), 'no stream')
        desk.revoke()
        probe.converge()
    except BaseException as error:
        probe.__exit__(type(error), error, None)
        raise
    return probe


@test('the copy is the list, entry by entry')
def _(desk):
    desk.revoke()
    with begin(desk) as probe:
        desk.say('subject', 'revoke', 'somebody')
        desk.say('client', 'revoke', 'machine')
        desk.revoke()
        probe.converge()


@test('a revocation is refused, and nothing else is')
def _(desk):
    with begin(desk) as probe:
        good, bad = desk.token(), desk.token()
        claims = desk.revoke(bad)
        probe.converge()
        equal((probe.refuses(claims), probe.refuses(claims_of(good))), (True, False))


@test('a stream that was cut behind any byte is gone on with')
def _(desk):
    with begin(desk) as probe:
        places = sorted(random.sample(range(20, 1100), 2))
        print('# cut behind %s' % places)
        for place in places:
            desk.proxy.cut_next(EVENTS, place)
            desk.proxy.cut_all()
            desk.revoke()
            desk.revoke()
            probe.converge()
            desk.revoke()
            probe.converge()


@test('a snapshot that was cut behind any byte is none')
def _(desk):
    for _ in range(10):
        desk.revoke()
    for place in sorted(random.sample(range(20, 1500), 2)):
        print('# cut behind %d' % place)
        n = desk.proxy.count(SNAPSHOT)
        desk.proxy.cut_next(SNAPSHOT, place)
        with desk.follow() as probe:
            check(desk.proxy.wait_for(lambda: desk.proxy.count(SNAPSHOT) > n), 'no request')
            state = probe.ask('dump')
            check(state['list'] is not None or not state['entries'], 'a part was taken')
            until(lambda: probe.state('list') is not None, 'a list')
            probe.converge()


@test('what a proxy holds back is missed until it comes, and the copy is known to be old')
def _(desk):
    with begin(desk) as probe:
        desk.proxy.hold()
        stream = desk.proxy.last(EVENTS)
        claims = desk.revoke()
        check(desk.proxy.wait_for(lambda: claims['jti'].encode() in stream.sent), 'the service did not tell')
        desk.advance(70)
        check(probe.state('age') >= 60000, 'it takes itself for fresh')
        equal(probe.refuses(claims), False)
        n = stream.sent.count(b'heartbeat')
        check(desk.proxy.wait_for(lambda: stream.sent.count(b'heartbeat') > n), 'no heartbeat')
        desk.proxy.release()
        probe.converge()
        equal(probe.refuses(claims), True)
        until(lambda: probe.state('age') < 60000, 'freshness')


@test('heartbeats of before, in bulk, make nobody fresh')
def _(desk):
    with begin(desk) as probe:
        desk.proxy.hold()
        stream = desk.proxy.last(EVENTS)
        for _ in range(3):
            n = stream.sent.count(b'heartbeat')
            desk.advance(16)
            check(desk.proxy.wait_for(lambda: stream.sent.count(b'heartbeat') > n), 'no heartbeat')
        desk.service.end()
        desk.advance(100)
        desk.proxy.release()
        until(lambda: probe.state('failures') > 0, 'the end of the stream')
        age = probe.state('age')
        check(age >= 100000, 'an age of %d ms' % age)  # since the last of them
        desk.start()
        desk.revoke()
        probe.converge()
        until(lambda: probe.state('age') < 60000, 'freshness')


@test('an old connection that is played again is not believed')
def _(desk):
    with begin(desk) as probe:
        old = desk.proxy.last(EVENTS)
        desk.revoke()
        probe.converge()
        desk.proxy.cut_all()
        claims = [desk.revoke() for _ in range(3)]
        probe.converge()  # on another connection, from another generation
        desk.revoke()
        probe.converge()
        desk.advance(100)
        n = desk.proxy.count(EVENTS)
        desk.proxy.replay_next(EVENTS, old.sent)
        desk.proxy.cut_all()
        check(desk.proxy.wait_for(lambda: desk.proxy.count(EVENTS) > n), 'no request')
        claims.append(desk.revoke())
        check(desk.proxy.wait_for(lambda: desk.proxy.count(EVENTS) > n + 1), 'it stays with what was played')
        probe.converge()
        equal([probe.refuses(one) for one in claims], [True] * 4)


@test('a service that is killed and comes back has nothing lost on the way')
def _(desk):
    with begin(desk) as probe:
        name = probe.state('list')
        for _ in range(2):
            before = [desk.revoke() for _ in range(5)]
            desk.service.end()
            desk.start()
            after = [desk.revoke() for _ in range(5)]
            probe.converge()
            equal([probe.refuses(claims) for claims in before + after], [True] * 10)
            equal(probe.state('list'), name)


@test('so does one that is stopped and started in order')
def _(desk):
    with begin(desk) as probe:
        n = desk.proxy.count(SNAPSHOT)
        desk.revoke()
        desk.restart()
        desk.revoke()
        probe.converge()
        equal(desk.proxy.count(SNAPSHOT), n)


@test('a service that lost everything has another list, and that is taken')
def _(desk):
    with begin(desk) as probe:
        name = probe.state('list')
        desk.service.end()
        shutil.rmtree(desk.path('state'))
        desk.advance(1)
        desk.start()
        desk.revoke()
        until(lambda: probe.state('list') != name, 'another list')
        probe.converge()


if __name__ == '__main__':
    tap.main(Publisher)
