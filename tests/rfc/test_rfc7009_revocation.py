#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Token revocation: RFC 7009, and rows E of the threat table."""

import rfc_path  # noqa: F401
from tap import check, equal, lacks, main, one_of, test
from tessera_fixture import Service, claims_of, expect_client_refused, expect_error, in_parallel
from jwt_forge import Forge


def told(answer):
    """All that an answer tells, but for the time and what names the request."""
    return answer.status, answer.body, tuple(sorted((key.lower(), value) for key, value in answer.headers
                                                     if key.lower() not in ('date', 'x-request-id')))


def denials(s):
    with s.database_copy() as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%den%'")]
        equal(len(names), 1, 'tables of the deny-list %r' % names)
        return database.execute('SELECT count (*) FROM %s' % names[0]).fetchone()[0]


@test('E01 a revoked access token is refused from the answer on, its refresh token stays')
def _(s):
    tokens = s.tokens()
    check(s.is_active(tokens['access_token']), 'inactive before')
    answer = s.revoke(tokens['access_token'])
    equal(answer.status, 200)
    equal(answer.body, b'')
    equal(s.introspect(tokens['access_token']).body, b'{"active":false}')
    again = s.refresh(tokens['refresh_token'])
    equal(again.status, 200)
    check(s.is_active(again.json()['access_token']), 'the next access token is dead')


@test('E01 a client revokes its own token, no other of its tokens dies')
def _(s):
    one, two = s.machine_token(), s.machine_token()
    equal(s.revoke(one).status, 200)
    check(not s.is_active(one), 'still active')
    check(s.is_active(two), 'its neighbour died')


@test('E02 a revoked refresh token takes the grant with it')
def _(s):
    tokens = s.tokens()
    newer = s.refresh(tokens['refresh_token']).json()
    bystander = s.tokens()
    equal(s.revoke(newer['refresh_token']).status, 200)
    check(not s.is_active(tokens['access_token']), 'the first access token lives on')
    check(not s.is_active(newer['access_token']), 'the second access token lives on')
    expect_error(s.refresh(newer['refresh_token']), 'invalid_grant')
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    check(s.is_active(bystander['access_token']), 'another grant died')
    equal(s.refresh(bystander['refresh_token']).status, 200)


@test('E02 a superseded refresh token can still be revoked')
def _(s):
    tokens = s.tokens()
    newer = s.refresh(tokens['refresh_token']).json()
    equal(s.revoke(tokens['refresh_token']).status, 200)
    check(not s.is_active(newer['access_token']), 'the grant lives on')
    expect_error(s.refresh(newer['refresh_token']), 'invalid_grant')


@test('E03 unknown and malformed tokens get the same 200')
def _(s):
    tokens = s.tokens()
    mine = told(s.revoke(tokens['access_token']))
    for token in ('unknown', 'a.b.c', '..', 'x' * 5000, '\u20ac', '"<>', tokens['access_token'][:-4], tokens['refresh_token'][:-1],
                  tokens['access_token'] + '=', '\n'):
        equal(told(s.revoke(token)), mine, token[:30])
    equal(s.refresh(tokens['refresh_token']).status, 200)


@test('E04 the token of another client lives on, and the answer does not tell')
def _(s):
    tokens = s.tokens()
    unknown = told(s.revoke('unknown', s.c2))
    for token in (tokens['access_token'], tokens['refresh_token']):
        equal(told(s.revoke(token, s.c2)), unknown)
        equal(told(s.revoke(token, s.p1)), told(s.revoke('unknown', s.p1)))
    check(s.is_active(tokens['access_token']), 'the access token died')
    equal(s.refresh(tokens['refresh_token']).status, 200)
    equal(s.revoke(tokens['access_token']).status, 200)
    check(not s.is_active(tokens['access_token']), 'its own client could not revoke it')


@test('E05 a confidential client must authenticate itself')
def _(s):
    token = s.machine_token()
    expect_client_refused(s.form('/revoke', {'token': token}))
    expect_client_refused(s.form('/revoke', {'token': token, 'client_id': 'c1'}))
    expect_client_refused(s.form('/revoke', {'token': token}, headers={'Authorization': s.c1.basic('wrong')}))
    expect_client_refused(s.form('/revoke', {'token': token, 'client_id': 'nobody'}))
    check(s.is_active(token), 'the token died')
    equal(s.revoke(token).status, 200)
    check(not s.is_active(token), 'the token lives on')


@test('E05 a public client revokes its tokens by its id')
def _(s):
    tokens = s.tokens(s.spa)
    equal(s.revoke(tokens['access_token'], s.spa).status, 200)
    check(not s.is_active(tokens['access_token']), 'the access token lives on')
    equal(s.revoke(tokens['refresh_token'], s.spa).status, 200)
    expect_error(s.refresh(tokens['refresh_token'], s.spa), 'invalid_grant')


@test('E06 a wrong or unknown token_type_hint hinders nothing')
def _(s):
    for hint in ('refresh_token', 'access_token', 'foo', '', None):
        tokens = s.tokens()
        equal(s.revoke(tokens['access_token'], hint=hint).status, 200)
        check(not s.is_active(tokens['access_token']), 'hint %r: the access token lives on' % hint)
        equal(s.revoke(tokens['refresh_token'], hint=hint).status, 200)
        expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')


@test('E08 revoking again, or after expiry, adds nothing to the list')
def _(s):
    token, expired = s.machine_token(), s.machine_token(s.short)
    s.revoke(token)
    before = denials(s)
    for _ in range(5):
        equal(s.revoke(token).status, 200)
    s.advance(130)
    equal(s.revoke(expired, s.short).status, 200)
    equal(denials(s), before)
    s.revoke(s.machine_token())
    equal(denials(s), before + 1)


@test('E09 forged tokens never enter the list')
def _(s):
    forge = Forge(s)
    good = s.machine_token()
    before = denials(s)
    for number in range(200):
        equal(s.revoke(forge.sign(claims_of(good), key='own')).status, 200)
    equal(s.revoke(good[:-6] + 'AAAAAA').status, 200)
    equal(denials(s), before)
    check(s.is_active(good), 'a forged copy revoked the real token')
    s.revoke(good)
    equal(denials(s), before + 1)


@test('E10 POST only, the token from the body only, no callback')
def _(s):
    token = s.machine_token()
    for method in ('GET', 'PUT', 'DELETE'):
        answer = s.request(method, '/revoke?token=%s&callback=f' % token, None, {'Authorization': s.c1.basic()})
        equal(answer.status, 405, method)
        check('POST' in (answer.header('Allow') or ''), 'Allow')
    expect_error(s.form('/revoke?token=' + token, '', s.c1), 'invalid_request')
    lacks(s.form('/revoke', {'token': token, 'callback': 'canary'}, s.c2).body, b'canary')
    check(s.is_active(token), 'the token died')


@test('E13 what is issued while a grant is revoked is born dead')
def _(s):
    for _round in range(5):
        tokens = s.tokens()
        issued = []

        def act(number):
            if number == 0:
                return s.revoke(tokens['refresh_token'])
            answer = s.refresh(tokens['refresh_token'])
            if answer.status == 200:
                issued.append(answer.json())
            return answer

        answers = in_parallel(6, act)
        equal(answers[0].status, 200)
        for answer in issued:
            check(not s.is_active(answer['access_token']), 'an access token survived')
            expect_error(s.refresh(answer['refresh_token']), 'invalid_grant')
        check(not s.is_active(tokens['access_token']), 'the first access token survived')


@test('rfc7009/2.1 token is needed, once')
def _(s):
    token = s.machine_token()
    expect_error(s.form('/revoke', '', s.c1), 'invalid_request')
    expect_error(s.form('/revoke', 'token=', s.c1), 'invalid_request')
    expect_error(s.form('/revoke', {'token_type_hint': 'access_token'}, s.c1), 'invalid_request')
    expect_error(s.form('/revoke', [('token', token), ('token', token)], s.c1), 'invalid_request')
    equal(s.request('POST', '/revoke', '{"token":"%s"}' % token, {'Authorization': s.c1.basic(), 'Content-Type': 'application/json'}).status, 415)
    check(s.is_active(token), 'the token died')


@test('rfc7009/2.2 unknown token is ok')
def _(s):
    equal(s.revoke('unknown').status, 200)


@test('rfc7009/2.2 the answer is the same 200 for known, unknown, expired, malformed and foreign tokens')
def _(s):
    expired, foreign = s.machine_token(s.short), s.machine_token(s.c2)
    s.advance(130)
    known = s.machine_token(s.short)
    answers = {told(s.revoke(token, s.short)) for token in (known, 'unknown', expired, 'a.b.c', foreign)}
    equal(len(answers), 1, repr(answers))
    equal(answers.pop()[0], 200)


@test('rfc7009/2 a code is no token: revoking it does nothing')
def _(s):
    code, verifier = s.code()
    equal(s.revoke(code).status, 200)
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('rfc7009/2 client_secret_post works here as well')
def _(s):
    token = s.machine_token(s.post1)
    expect_client_refused(s.form('/revoke', {'token': token, 'client_id': 'post1', 'client_secret': 'wrong'}))
    check(s.is_active(token), 'the token died')
    equal(s.revoke(token, s.post1).status, 200)
    check(not s.is_active(token), 'the token lives on')


@test('rfc7009/2.2 the answer is kept by no cache')
def _(s):
    answer = s.revoke('x')
    equal(answer.header('Cache-Control'), 'no-store')
    equal(answer.header('X-Content-Type-Options'), 'nosniff')


@test('rfc7009/2.1 after the answer a token of the same second is good')
def _(s):
    for _ in range(5):
        tokens = s.tokens()
        s.revoke(tokens['refresh_token'])
        check(s.is_active(s.tokens()['access_token']), 'a new grant is dead')
        check(s.is_active(s.machine_token()), 'a new token is dead')


@test('rfc7009/2.1 the other path, and without authentication where that is so set')
def _(s):
    other = Service(endpoints='revocation=/sgc/oauth2/revoke\nrevocation-requires-client-authentication=false\n')
    try:
        other.start()
        token = other.machine_token()
        equal(other.form('/revoke', {'token': token}).status, 404)
        equal(other.form('/sgc/oauth2/revoke', {'token': 'unknown'}).status, 200)
        check(other.is_active(token), 'the token died')
        equal(other.form('/sgc/oauth2/revoke', {'token': token, 'token_type_hint': 'access_token'}).status, 200)
        check(not other.is_active(token), 'the token lives on')
        metadata = other.get('/.well-known/oauth-authorization-server').json()
        equal(metadata['revocation_endpoint'], other.issuer + '/sgc/oauth2/revoke')
        token = other.machine_token()
        expect_client_refused(other.form('/sgc/oauth2/revoke', {'token': token}, headers={'Authorization': other.c1.basic('wrong')}))
        check(other.is_active(token), 'a failed authentication revoked')
    finally:
        other.stop()


@test('rfc7009/2 switched off there is nothing there, and the metadata does not name it')
def _(s):
    other = Service(endpoints='revocation-enabled=false\n')
    try:
        other.start()
        equal(other.revoke('x').status, 404)
        lacks(other.get('/.well-known/oauth-authorization-server').json(), 'revocation_endpoint')
    finally:
        other.stop()
    check('revocation_endpoint' in s.get('/.well-known/oauth-authorization-server').json(), 'not named where it is on')


@test('rfc7009/2.1 many revocations at once are all in force')
def _(s):
    tokens = [s.machine_token() for _ in range(16)]
    answers = in_parallel(16, lambda number: s.revoke(tokens[number]))
    equal([answer.status for answer in answers], [200] * 16)
    one_of([s.is_active(token) for token in tokens], ([False] * 16,))


@test('rfc7009/5 more than 64 revoked tokens of one grant leave the grant alive')
def _(s):
    tokens = s.tokens()
    refresh_token = tokens['refresh_token']
    revoked = []
    for _ in range(70):
        answer = s.refresh(refresh_token).json()
        refresh_token = answer['refresh_token']
        revoked.append(answer['access_token'])
        equal(s.revoke(answer['access_token']).status, 200)
    check(not any(s.is_active(token) for token in revoked), 'one of the revoked lives')
    answer = s.refresh(refresh_token)
    equal(answer.status, 200)
    check(s.is_active(answer.json()['access_token']), 'the next token is dead')


if __name__ == '__main__':
    main(Service)
