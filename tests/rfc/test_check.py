#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The check endpoint: what a proxy asks before it passes a request on (RFC 6750)."""

import urllib.parse

import rfc_path  # noqa: F401
from jwt_forge import Forge
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import R1, R2, Service, claims_of, expect_error, header_of

ODD = 'eve%20"\\,; x'
STRANGE = 'eve \u00e9'


class WithCheck(Service):
    def __init__(self):
        super().__init__(endpoints='check-enabled=true')
        self.users[ODD] = 'odd-canary-Pw5'
        self.users[STRANGE] = 'odd-canary-Pw6'


def ask(s, token=None, headers=None, method='GET', target='/check', **query):
    headers = dict(headers or {})
    if token is not None:
        headers['Authorization'] = 'Bearer ' + token
    return s.request(method, target + ('?' + urllib.parse.urlencode(query) if query else ''), None, headers)


def expect_good(answer):
    equal(answer.status, 204, repr(answer))
    equal(answer.body, b'')
    equal(answer.header('Cache-Control'), 'no-store')
    return answer


def expect_refused(answer, error, status):
    expect_error(answer, error, status)
    contains(answer.header('WWW-Authenticate'), 'Bearer error="%s"' % error)
    check(not any(name.lower().startswith('tessera-') for name, _ in answer.headers), repr(answer.headers))
    return answer


@test('check a good token gets 204, and whose it is')
def _(s):
    answer = expect_good(ask(s, s.tokens(scope='a b')['access_token']))
    equal([answer.header('Tessera-' + name) for name in ('Subject', 'Client-Id', 'Scope')], ['alice', 'c1', 'a b'])
    answer = expect_good(ask(s, s.machine_token(s.machine)))
    equal([answer.header('Tessera-' + name) for name in ('Subject', 'Client-Id', 'Scope')], ['machine', 'machine', 'a'])


@test('check a name with other than visible ASCII comes percent-encoded, so that it is one header')
def _(s):
    token = s.tokens(username=ODD)['access_token']
    told = expect_good(ask(s, token)).header('Tessera-Subject')
    check(all(0x20 < ord(c) < 0x7f for c in told), told)
    equal(urllib.parse.unquote(told), ODD)
    equal(claims_of(token)['sub'], ODD)
    contains(told, '%2520')
    # One that is no ASCII is told as the digest that tokens have of it.
    token = s.tokens(username=STRANGE)['access_token']
    equal(expect_good(ask(s, token)).header('Tessera-Subject'), claims_of(token)['sub'])
    check(claims_of(token)['sub'].startswith('~u'), claims_of(token)['sub'])


@test('check no token gets 401 and a challenge that names no error')
def _(s):
    for headers in ({}, {'Authorization': 'Basic YTpi'}, {'Authorization': 'bearerx abc'}):
        answer = ask(s, headers=headers)
        equal(answer.status, 401)
        equal(answer.header('WWW-Authenticate'), 'Bearer')
    equal(ask(s, scope='a').header('WWW-Authenticate'), 'Bearer scope="a"')


@test('check a token in the query, in a cookie or in a body is none')
def _(s):
    token = s.machine_token()
    equal(ask(s, access_token=token).status, 401)
    equal(ask(s, headers={'Cookie': 'access_token=' + token}).status, 401)
    equal(s.form('/check', {'access_token': token}).status, 405)


@test('check a token that is not good gets 401 invalid_token: changed, foreign, expired, revoked, a refresh token')
def _(s):
    good, tokens = s.machine_token(s.short), s.tokens()
    forge = Forge(s)
    bad = [good[:-1], good + 'A', 'x', 'a.b.c', tokens['refresh_token'], forge.sign(claims_of(good), like=good, alg='none', signature=b''),
           forge.sign(dict(claims_of(good), iss='https://other.test'), like=good),
           forge.sign(claims_of(good), {'typ': 'JWT'}, like=good)]
    for token in bad:
        expect_refused(ask(s, token), 'invalid_token', 401)
    for header in ('Bearer ', 'Bearer', 'Bearer  ', 'Bearer %s x' % good, 'Bearer "%s"' % good):
        equal(ask(s, headers={'Authorization': header}).status, 401, header)
    expect_good(ask(s, good))
    equal(s.revoke(tokens['access_token']).status, 200)
    expect_refused(ask(s, tokens['access_token']), 'invalid_token', 401)
    s.advance(3600)
    expect_refused(ask(s, good), 'invalid_token', 401)


@test('check two Authorization headers are refused')
def _(s):
    token = s.machine_token()
    answer = s.raw(('GET /check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n' % token).encode())
    contains(answer[:12], b' 400')


@test('check a token must be for the audience of the question')
def _(s):
    token = s.machine_token(resource=R1)
    expect_good(ask(s, token, audience=R1))
    for other in (R2, R1 + 'x', R1[:-1], 'r'):
        expect_refused(ask(s, token, audience=other), 'invalid_token', 401)
    both = s.machine_token(resource=R2)
    expect_good(ask(s, both, audience=R2))
    expect_refused(ask(s, both, audience=R1), 'invalid_token', 401)


@test('check a token must have all scopes of the question, else 403 and which they are')
def _(s):
    token = s.machine_token(scope='a')
    expect_good(ask(s, token, scope='a'))
    for scope in ('b', 'a b', 'A', 'aa'):
        answer = expect_refused(ask(s, token, scope=scope), 'insufficient_scope', 403)
        contains(answer.header('WWW-Authenticate'), 'scope="%s"' % scope)
    expect_good(ask(s, s.machine_token(scope='a b'), scope='b a'))


@test('check a question that is malformed is never yes')
def _(s):
    token = s.machine_token()
    for query in ('audience=%s&audience=%s' % (R1, R1), 'scope=a&scope=b', 'scope=a%22', 'scope=a%20%20b', 'audience=%zz', 'scope=' + 'x' * 2000, 'audience'):
        answer = ask(s, token, target='/check?' + query)
        equal(answer.status, 400, query)
        equal(answer.header('Tessera-Subject'), None)


@test('check GET and HEAD only, and for no script of another origin')
def _(s):
    token = s.machine_token()
    equal(ask(s, token, method='HEAD').status, 204)
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
        equal(ask(s, token, method=method).status, 405, method)
    equal(ask(s, token, headers={'Origin': 'https://spa.test'}).header('Access-Control-Allow-Origin'), None)


@test('check says the same again for the same token until it is revoked, whichever way')
def _(s):
    tokens = s.tokens()
    for _ in range(3):
        expect_good(ask(s, tokens['access_token'], audience=R1))
    equal(s.revoke(tokens['refresh_token']).status, 200)
    expect_refused(ask(s, tokens['access_token'], audience=R1), 'invalid_token', 401)


@test('check is not in the metadata, has a path that can be set, and is off unless it is switched on')
def _(s):
    lacks(s.get('/.well-known/oauth-authorization-server').text, 'check')
    token = s.machine_token()
    s.endpoints = 'check-enabled=true\ncheck=/internal/ask'
    s.reload()
    expect_good(ask(s, token, target='/internal/ask'))
    equal(ask(s, token).status, 404)
    s.endpoints = ''
    s.reload()
    equal(ask(s, token).status, 404)
    equal(ask(s, token, target='/internal/ask').status, 404)
    equal(header_of(token)['typ'], 'at+jwt')


if __name__ == '__main__':
    main(WithCheck)
