#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resource indicators: RFC 8707."""

import rfc_path  # noqa: F401
from tap import check, equal, main, test
from tessera_fixture import R1, R2, R3, Service, claims_of, expect_error, expect_redirect_error


def both(s, client, *resources, **fields):
    return s.form('/token', list(fields.items()) + [('resource', one) for one in resources], client)


@test('B31 a resource that the client may not name is invalid_target')
def _(s):
    for bad in (R3, 'https://unknown.test/', R1[:-1], R1 + 'x', R1.upper(), 'https://r1.test', '//r1.test/'):
        expect_error(s.client_credentials(resource=bad), 'invalid_target')
        expect_redirect_error(s, s.az(resource=bad), 'invalid_target')
    expect_error(s.client_credentials(s.machine, resource=R2), 'invalid_target')
    expect_redirect_error(s, s.az(s.spa, resource=R2), 'invalid_target', s.spa.redirect_uri)
    equal(claims_of(s.machine_token(resource=R1))['aud'], R1)


@test('B31 a refresh cannot reach a resource that was not granted')
def _(s):
    tokens = s.tokens(resource=R2)
    equal(claims_of(tokens['access_token'])['aud'], R2)
    expect_error(s.refresh(tokens['refresh_token'], resource=R1), 'invalid_target')
    expect_error(both(s, s.c1, R1, R2, grant_type='refresh_token', refresh_token=tokens['refresh_token']), 'invalid_target')
    equal(claims_of(s.refresh(tokens['refresh_token']).json()['access_token'])['aud'], R2)


@test('consent for one resource is not consent for the usual audience')
def _(s):
    browser = s.new_browser()
    first = browser.authorize(s.authorization_url(resource=R2), 'alice', s.users['alice'])
    check('code=' in (first.location or ''), repr(first))
    again = browser.open(s.authorization_url(resource=R2))
    check('code=' in (again.location or ''), 'it was remembered: %r' % again)
    other = browser.open(s.authorization_url())
    check(other.status == 200 and other.page.form_with('decision'), 'asked again: %r' % other)


@test('B31 a code cannot be redeemed for a resource that was not granted')
def _(s):
    code, verifier = s.code(resource=R1)
    expect_error(s.redeem(s.c1, code, verifier, resource=R2), 'invalid_target')
    code, verifier = s.code(resource=R1)
    answer = s.redeem(s.c1, code, verifier, resource=R1)
    equal(claims_of(answer.json()['access_token'])['aud'], R1)


@test('rfc8707/2 a fragment or a relative reference is invalid_target')
def _(s):
    for bad in (R1 + '#', R1 + '#x', 'r1.test', '/r1', '', 'x' * 3000):
        if bad:
            expect_error(s.client_credentials(resource=bad), 'invalid_target')
    equal(s.client_credentials(resource='').status, 200, 'an empty one counts as left out')


@test('rfc8707/2 several resources give a token for all of them')
def _(s):
    tokens = s.tokens(resource=[R1, R2])
    equal(sorted(claims_of(tokens['access_token'])['aud']), [R1, R2])
    check(s.is_active(tokens['access_token'], s.rs1) and s.is_active(tokens['access_token'], s.rs2), 'one of them does not see it')


@test('rfc8707/2.2 each token request may choose among what was granted')
def _(s):
    code, verifier = s.code(resource=[R1, R2])
    answer = s.redeem(s.c1, code, verifier, resource=R1).json()
    equal(claims_of(answer['access_token'])['aud'], R1)
    second = s.refresh(answer['refresh_token'], resource=R2).json()
    equal(claims_of(second['access_token'])['aud'], R2)
    third = s.refresh(second['refresh_token']).json()
    equal(sorted(claims_of(third['access_token'])['aud']), [R1, R2], 'the grant keeps both')
    check(s.is_active(answer['access_token'], s.rs1) and not s.is_active(answer['access_token'], s.rs2), 'R1 only')


@test('rfc8707/2 more resources than eight are refused')
def _(s):
    expect_error(both(s, s.c1, *[R1] * 9, grant_type='client_credentials'), 'invalid_target')
    equal(both(s, s.c1, R1, R1, grant_type='client_credentials').status, 200)


@test('rfc8707/2.2 a token has the scopes only that its resource offers, and the answer says so')
def _(s):
    other = Service(sections='[resource r1]\nidentifier=%s\nscopes=a;\n\n[resource r2]\nidentifier=%s\nscopes=b;\n' % (R1, R2))
    try:
        other.start()
        for resource, scope in ((R1, 'a'), (R2, 'b')):
            answer = other.client_credentials(scope='a b', resource=resource).json()
            equal(answer['scope'], scope)
            equal(claims_of(answer['access_token'])['scope'], scope)
        tokens = other.tokens(scope='a b', resource=[R1, R2])
        equal(set(tokens['scope'].split()), {'a', 'b'})
        equal(other.refresh(tokens['refresh_token'], resource=R2).json()['scope'], 'b')
    finally:
        other.stop()


if __name__ == '__main__':
    main(Service)
