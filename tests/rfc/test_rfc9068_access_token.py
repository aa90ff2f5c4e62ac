#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Access tokens: RFC 9068, and rows C of the threat table."""

import re

import rfc_path  # noqa: F401
from tap import check, equal, lacks, main, test
from tessera_fixture import R1, R2, Client, Service, claims_of, default_clients, header_of, parameters_of

UUID7 = re.compile('[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}')


@test('C01 an access token is typed at+jwt and has all the claims it must have')
def _(s):
    for token, person in ((s.machine_token(), False), (s.tokens()['access_token'], True)):
        header, claims = header_of(token), claims_of(token)
        equal(set(header), {'alg', 'kid', 'typ'})
        equal((header['alg'], header['typ']), ('ES256', 'at+jwt'))
        equal(claims['iss'], s.issuer)
        equal(claims['client_id'], 'c1')
        equal(claims['sub'], 'alice' if person else 'c1')
        equal(claims['scope'], 'a')
        for name in ('iat', 'exp'):
            check(isinstance(claims[name], int), name)
        check(abs(claims['iat'] - s.now()) < 30, 'iat')
        check(UUID7.fullmatch(claims['jti']), claims['jti'])
        allowed = {'iss', 'sub', 'aud', 'client_id', 'scope', 'iat', 'exp', 'jti'}
        if person:
            allowed |= {'auth_time', 'acr', 'amr', 'grant_id', 'sid'}
            check({'auth_time', 'grant_id', 'sid'} <= set(claims), 'claims of a person: %r' % claims)
        check(set(claims) <= allowed, 'unexpected claims: %r' % (set(claims) - allowed))


@test('C02 jti is a UUIDv7 of the time of issue and never comes twice')
def _(s):
    before = s.now() * 1000
    ids = [claims_of(s.machine_token())['jti'] for _ in range(200)]
    after = s.now() * 1000
    equal(len(set(ids)), 200)
    for jti in ids:
        check(UUID7.fullmatch(jti), jti)
        instant = int(jti[:8] + jti[9:13], 16)
        check(before - 2 <= instant <= after + 2, 'instant %d outside %d to %d' % (instant, before, after))
    equal(len({jti[-12:] for jti in ids}), 200, 'random bits')


@test('C03 there is always an audience')
def _(s):
    equal(claims_of(s.machine_token())['aud'], R1)
    equal(claims_of(s.machine_token(s.plain))['aud'], s.issuer)
    equal(claims_of(s.machine_token(resource=R2))['aud'], R2)
    equal(claims_of(s.tokens()['access_token'])['aud'], R1)


@test('C04 a client named like a person does not become that person')
def _(s):
    other = Service(clients=default_clients() + [Client('carol', scope='a', grant_types='client_credentials;')],
                    users={'alice': 'alice-canary-Pw1', 'carol': 'carol-canary-Pw1'})
    try:
        other.start(wait=False)
        try:
            other.wait_ready()
        except RuntimeError:
            status = other.process.poll()
            equal(status, 78, 'exit status')
            other._collect()
            check('carol' in other.log.decode(), 'the log does not name her')
        else:
            equal(claims_of(other.machine_token(other.carol))['sub'], 'carol')
            last = other.new_browser().authorize(other.authorization_url(), 'carol', other.users['carol'])
            check(last.status in (200, 303, 400, 401, 403), repr(last))
            lacks(parameters_of(last.location) if last.status == 303 else {}, 'code')
    finally:
        other.abandon()
    equal(claims_of(s.tokens()['access_token'])['sub'], 'alice')


@test('C05 a token lives for 600 seconds, or as its client says')
def _(s):
    claims = claims_of(s.machine_token())
    equal(claims['exp'] - claims['iat'], 600)
    claims = claims_of(s.machine_token(s.short))
    equal(claims['exp'] - claims['iat'], 60)
    equal(s.client_credentials(s.short).json()['expires_in'], 60)


@test('C05 a token is dead when its time is over')
def _(s):
    token = s.machine_token()
    s.advance(595)
    check(s.is_active(token), 'dead too early')
    s.advance(40)
    check(not s.is_active(token), 'alive too long')


@test('rfc9068/2.2 aud is a string for one resource and a list for several')
def _(s):
    answer = s.form('/token', [('grant_type', 'client_credentials'), ('scope', 'a'), ('resource', R1), ('resource', R2)], s.c1).json()
    equal(sorted(claims_of(answer['access_token'])['aud']), [R1, R2])
    equal(claims_of(s.machine_token())['aud'], R1)


@test('rfc9068/2.2.1 auth_time is that of the login, also after a refresh')
def _(s):
    s._browsers.pop('bob', None)
    tokens = s.tokens(username='bob')
    login = claims_of(tokens['access_token'])['auth_time']
    check(abs(login - s.now()) < 30, 'auth_time')
    s.advance(120)
    newer = s.refresh(tokens['refresh_token']).json()
    equal(claims_of(newer['access_token'])['auth_time'], login)
    equal(claims_of(s.tokens(username='bob')['access_token'])['auth_time'], login, 'the same session')


@test('rfc9068/2.2 tokens of one grant share grant_id, tokens of one session sid, and no jti')
def _(s):
    one = s.tokens()
    again = s.refresh(one['refresh_token']).json()
    two = s.tokens()
    first, second, third = (claims_of(answer['access_token']) for answer in (one, again, two))
    equal(first['grant_id'], second['grant_id'])
    check(first['grant_id'] != third['grant_id'], 'two grants, one grant_id')
    equal(first['sid'], third['sid'])
    equal(len({first['jti'], second['jti'], third['jti']}), 3)
    check(claims_of(s.tokens(username='bob')['access_token'])['sid'] != first['sid'], 'two sessions, one sid')


@test('rfc9068/2.1 typ can be another one for a resource that needs it')
def _(s):
    other = Service(sections='[resource r1]\nidentifier=%s\ntoken-type=JWT\n\n[resource r2]\nidentifier=%s\n' % (R1, R2))
    try:
        other.start()
        token = other.machine_token()
        equal(header_of(token)['typ'], 'JWT')
        check(other.is_active(token), 'inactive')
        equal(header_of(other.machine_token(resource=R2))['typ'], 'at+jwt')
        other.revoke(token)
        check(not other.is_active(token), 'active after revocation')
    finally:
        other.stop()


@test('rfc9068/2.2 a resource may have an algorithm of its own')
def _(s):
    other = Service(sections='[resource r1]\nidentifier=%s\nsigning-algorithm=RS256\n\n[resource r2]\nidentifier=%s\n' % (R1, R2))
    try:
        other.start()
        equal(header_of(other.machine_token())['alg'], 'RS256')
        equal(header_of(other.machine_token(resource=R2))['alg'], 'ES256')
        check(other.is_active(other.machine_token()), 'inactive')
    finally:
        other.stop()


if __name__ == '__main__':
    main(Service)
