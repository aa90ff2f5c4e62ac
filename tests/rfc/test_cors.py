#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls from pages of other origins: who may read which answer."""

import rfc_path  # noqa: F401
from tap import check, contains, equal, main, one_of, test
from tessera_fixture import FORM, Client, Service

GOOD = 'https://spa.test'
BAD = ('https://evil.test', 'https://spa.test.evil.test', 'http://spa.test', 'https://spa.test:8443', 'https://SPA.test', 'null', 'https://c1.test', 'https://spa.test/', '*', '')
READABLE = (('GET', '/.well-known/oauth-authorization-server', None), ('GET', '/jwks', None), ('POST', '/token', 'grant_type=client_credentials'), ('POST', '/revoke', 'token=x'))


def ask(s, method, path, body, origin):
    headers = {'Origin': origin}
    if body:
        headers['Content-Type'] = FORM
    return s.request(method, path, body, headers)


@test('cors the origin of a public client may read token, revocation, keys and metadata')
def _(s):
    for method, path, body in READABLE:
        answer = ask(s, method, path, body, GOOD)
        one_of(answer.header('Access-Control-Allow-Origin'), (GOOD, '*') if method == 'GET' else (GOOD,), path)
        equal(answer.header('Access-Control-Allow-Credentials'), None, path)
        if answer.header('Access-Control-Allow-Origin') == GOOD:
            contains(answer.header('Vary') or '', 'Origin', path)


@test('cors no other origin may read the answers of token and revocation')
def _(s):
    for origin in BAD:
        for method, path, body in READABLE:
            allowed = ask(s, method, path, body, origin).header('Access-Control-Allow-Origin')
            check(allowed is None or (allowed == '*' and method == 'GET'), '%s %s: %r' % (origin, path, allowed))


@test('A24 cors never on the authorization endpoint, the pages, and introspection')
def _(s):
    for origin in (GOOD, 'https://evil.test', 'null'):
        for target in (s.authorization_url(), s.authorization_url(s.spa), '/login', '/consent', '/logout', '/account'):
            equal(s.get(target, {'Origin': origin}).header('Access-Control-Allow-Origin'), None, target)
        equal(ask(s, 'POST', '/introspect', 'token=x', origin).header('Access-Control-Allow-Origin'), None, 'introspection')
        answer = s.request('OPTIONS', '/authorize', None, {'Origin': origin, 'Access-Control-Request-Method': 'GET'})
        equal(answer.header('Access-Control-Allow-Origin'), None)
    equal(ask(s, 'POST', '/token', 'x=y', GOOD).header('Access-Control-Allow-Origin'), GOOD)


@test('cors a preflight is answered for the origin of a public client')
def _(s):
    ask_for = {'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type'}
    for path in ('/token', '/revoke'):
        answer = s.request('OPTIONS', path, None, dict(ask_for, Origin=GOOD))
        one_of(answer.status, (200, 204), path)
        equal(answer.header('Access-Control-Allow-Origin'), GOOD)
        contains(answer.header('Access-Control-Allow-Methods') or '', 'POST')
        equal(answer.header('Access-Control-Allow-Credentials'), None)
        answer = s.request('OPTIONS', path, None, dict(ask_for, Origin='https://evil.test'))
        equal(answer.header('Access-Control-Allow-Origin'), None)


@test('cors a refused token request can be read too')
def _(s):
    answer = ask(s, 'POST', '/token', 'grant_type=authorization_code&client_id=spa&code=x&code_verifier=' + 'a' * 43, GOOD)
    equal(answer.status, 400)
    equal(answer.header('Access-Control-Allow-Origin'), GOOD)
    answer = ask(s, 'POST', '/token', 'grant_type=authorization_code&client_id=c1&code=x', GOOD)
    equal(answer.status, 401)
    equal(answer.header('Access-Control-Allow-Origin'), GOOD)


@test('cors an allowed origin that is no redirect URI works too, a mistake in one refuses the start')
def _(s):
    def service(origin):
        return Service(clients=[Client('o', method='none', redirect_uri='https://o.test/cb', scope='a', grant_types='authorization_code;', allowed_origins=origin + ';')])

    other = service('https://extra.test:8443')
    try:
        other.start()
        equal(ask(other, 'POST', '/token', 'x=y', 'https://extra.test:8443').header('Access-Control-Allow-Origin'), 'https://extra.test:8443')
        equal(ask(other, 'POST', '/token', 'x=y', 'https://o.test').header('Access-Control-Allow-Origin'), 'https://o.test')
        equal(ask(other, 'POST', '/token', 'x=y', 'https://extra.test').header('Access-Control-Allow-Origin'), None)
    finally:
        other.stop()
    for bad in ('*', 'null', 'https://extra.test/', 'extra.test', 'https://*.test'):
        other = service(bad)
        try:
            equal(other.run_check()[0], 78, bad)
        finally:
            other.abandon()


@test('cors a whole flow of a page works from its origin')
def _(s):
    tokens = s.tokens(s.spa, redeem={'headers': {'Origin': GOOD}})
    check(s.is_active(tokens['access_token']), 'inactive')


if __name__ == '__main__':
    main(Service)
