#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random lives of grants against a model of a few lines: codes, refreshes, replays, revocations by right and
wrong clients, time that passes, restarts and SIGKILL. Whatever the order, service and model agree.

TESSERA_SEED=N repeats a run, TESSERA_STEPS=N makes it longer."""

import os
import random

import rfc_path  # noqa: F401
from tap import check, equal, main, test
from tessera_fixture import Service, expect_error, new_verifier

WINDOW = 30
LIFETIME = 600
MARGIN = 3  # seconds on either side of a limit in which neither answer is demanded


class Refresh:
    def __init__(self, text):
        self.text = text
        self.superseded = None
        self.successor = None


class Access:
    def __init__(self, text, now):
        self.text = text
        self.expires = now + LIFETIME
        self.revoked = False


class Grant:
    def __init__(self, client, code, verifier, answer, now):
        self.client = client
        self.code = code
        self.verifier = verifier
        self.ended = False
        self.refresh = [Refresh(answer['refresh_token'])]
        self.access = [Access(answer['access_token'], now)]


class World:
    def __init__(self, service, seed):
        self.s = service
        self.random = random.Random(seed)
        self.grants = []
        self.clients = [service.c1, service.c2, service.post1, service.spa]

    def now(self):
        return self.s.now()

    def any_grant(self):
        return self.random.choice(self.grants[-12:])

    # What may happen

    def begin(self):
        client = self.random.choice(self.clients)
        code, verifier = self.s.code(client, self.random.choice(['alice', 'bob']))
        if self.random.random() < 0.2:
            expect_error(self.s.redeem(client, code, new_verifier()), 'invalid_grant')
        answer = self.s.redeem(client, code, verifier)
        equal(answer.status, 200, 'redeem')
        self.grants.append(Grant(client, code, verifier, answer.json(), self.now()))

    def refresh(self):
        grant = self.any_grant()
        token = grant.refresh[-1] if self.random.random() < 0.6 else self.random.choice(grant.refresh)
        since = None if token.superseded is None else self.now() - token.superseded
        if since is not None and abs(since - WINDOW) < MARGIN:
            return
        answer = self.s.refresh(token.text, grant.client)
        if grant.ended:
            expect_error(answer, 'invalid_grant')
        elif since is None:
            equal(answer.status, 200, 'refresh')
            successor = Refresh(answer.json()['refresh_token'])
            check(all(successor.text != other.text for other in grant.refresh), 'a refresh token came twice')
            token.superseded, token.successor = self.now(), successor
            grant.refresh.append(successor)
            grant.access.append(Access(answer.json()['access_token'], self.now()))
        elif since < WINDOW and token.successor.superseded is None:
            equal(answer.status, 200, 'replay inside the window')
            equal(answer.json()['refresh_token'], token.successor.text, 'the same successor')
            grant.access.append(Access(answer.json()['access_token'], self.now()))
        else:
            expect_error(answer, 'invalid_grant')
            grant.ended = True

    def refresh_by_another(self):
        grant = self.any_grant()
        other = self.random.choice([client for client in self.clients if client is not grant.client])
        expect_error(self.s.refresh(self.random.choice(grant.refresh).text, other), 'invalid_grant')

    def replay_code(self):
        grant = self.any_grant()
        if self.random.random() < 0.5:
            expect_error(self.s.redeem(grant.client, grant.code, new_verifier()), 'invalid_grant')
            return
        expect_error(self.s.redeem(grant.client, grant.code, grant.verifier), 'invalid_grant')
        grant.ended = True

    def revoke_access(self):
        grant = self.any_grant()
        token = self.random.choice(grant.access)
        client = grant.client if self.random.random() < 0.7 else self.random.choice(self.clients)
        if sum(one.revoked for one in grant.access) > 50:  # more of them become one entry
            return
        equal(self.s.revoke(token.text, client, self.random.choice([None, 'access_token', 'refresh_token'])).status, 200)
        if client is grant.client and self.now() < token.expires - MARGIN:
            token.revoked = True

    def revoke_refresh(self):
        grant = self.any_grant()
        client = grant.client if self.random.random() < 0.4 else self.random.choice(self.clients)
        equal(self.s.revoke(self.random.choice(grant.refresh).text, client).status, 200)
        if client is grant.client:
            grant.ended = True

    def introspect(self):
        grant = self.any_grant()
        token = self.random.choice(grant.access)
        left = token.expires - self.now()
        if abs(left) < MARGIN:
            return
        expected = left > 0 and not token.revoked and not grant.ended
        equal(self.s.is_active(token.text), expected, 'token of a grant (ended %s, revoked %s, %d s left)' % (grant.ended, token.revoked, left))

    def pass_time(self):
        self.s.advance(self.random.choice([5, 10, 40, 200, 700]))

    def restart(self):
        if self.random.random() < 0.5:
            self.s.restart()
        else:
            self.s.kill()
            self.s.start_again()

    def step(self):
        acts = [(self.begin, 6), (self.refresh, 14), (self.refresh_by_another, 2), (self.replay_code, 1), (self.revoke_access, 5),
                (self.revoke_refresh, 1), (self.introspect, 16), (self.pass_time, 4), (self.restart, 0.3)]
        act, = self.random.choices([act for act, _ in acts], [weight for _, weight in acts])
        act()

    def check_all(self):
        for grant in self.grants:
            for token in grant.access:
                left = token.expires - self.now()
                if abs(left) > MARGIN:
                    equal(self.s.is_active(token.text), left > 0 and not token.revoked and not grant.ended)


@test('model random lives of grants end as the model says')
def _(s):
    seed = int(os.environ.get('TESSERA_SEED', random.randrange(1 << 31)))
    world = World(s, seed)
    done = []
    try:
        for _ in range(4):
            world.begin()
        for number in range(int(os.environ.get('TESSERA_STEPS', 700))):
            done.append(number)
            world.step()
        world.check_all()
        again = s.offset_ms
        s.kill()
        s.start_again()
        equal(s.offset_ms, again)
        world.check_all()
    except BaseException:
        print('# TESSERA_SEED=%d after %d steps' % (seed, len(done)))
        raise


if __name__ == '__main__':
    main(Service)
