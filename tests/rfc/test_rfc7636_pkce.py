#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""PKCE: RFC 7636, and the rows of the threat table about it."""

import rfc_path  # noqa: F401
from tap import check, equal, main, one_of, test
from tessera_fixture import Service, challenge_of, expect_error, expect_proceeds, expect_redirect_error, new_verifier


@test('A07 a request without code_challenge is refused, of confidential clients too')
def _(s):
    for client in (s.c1, s.post1, s.spa, s.first):
        expect_redirect_error(s, s.az(client, code_challenge=None, code_challenge_method=None), 'invalid_request', client.redirect_uri)
    expect_redirect_error(s, s.az(code_challenge=None), 'invalid_request')
    expect_proceeds(s, s.az())


@test('A08 plain is refused, and so is no method, which means plain')
def _(s):
    for method in ('plain', None, '', 's256', 'S512', 'S256 '):
        expect_redirect_error(s, s.az(code_challenge_method=method), 'invalid_request')
    expect_proceeds(s, s.az(code_challenge_method='S256'))


@test('A09 a code_challenge has exactly 43 characters of base64url')
def _(s):
    good = challenge_of(new_verifier())
    for bad in (good[:-1], good + 'A', 'a' * 42, 'a' * 44, 'a' * 128, 'a' * 129, good[:-1] + '+', good[:-1] + '/', good[:-1] + '=',
                good[:-1] + ' ', good[:-1] + '.', good[:-2] + '\u00e9'):
        expect_redirect_error(s, s.az(code_challenge=bad), 'invalid_request')
    expect_proceeds(s, s.az(code_challenge=good))


@test('B10 the verifier is demanded and must be right')
def _(s):
    code, verifier = s.code()
    one_of(expect_error(s.redeem(s.c1, code, None), s.redeem(s.c1, code, None).json()['error'])['error'], ('invalid_grant', 'invalid_request'))
    expect_error(s.redeem(s.c1, code, new_verifier()), 'invalid_grant')
    expect_error(s.redeem(s.c1, code, verifier.swapcase()), 'invalid_grant')
    expect_error(s.redeem(s.c1, code, verifier + 'A'), 'invalid_grant')
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('B10 the verifier of a public client is demanded and must be right')
def _(s):
    code, verifier = s.code(s.spa)
    answer = s.redeem(s.spa, code, None)
    equal(answer.status, 400)
    one_of(answer.json()['error'], ('invalid_grant', 'invalid_request'))
    expect_error(s.redeem(s.spa, code, new_verifier()), 'invalid_grant')
    equal(s.redeem(s.spa, code, verifier).status, 200)


@test('B11 a verifier without a challenge is refused')
def _(s):
    code, _ = s.code(s.legacy, code_challenge=None, code_challenge_method=None)
    answer = s.redeem(s.legacy, code, new_verifier())
    equal(answer.status, 400)
    one_of(answer.json()['error'], ('invalid_grant', 'invalid_request'))
    code, _ = s.code(s.legacy, code_challenge=None, code_challenge_method=None)
    equal(s.redeem(s.legacy, code, None).status, 200)


@test('B11 a client that need not use PKCE is held to the challenge it sent')
def _(s):
    code, verifier = s.code(s.legacy)
    answer = s.redeem(s.legacy, code, None)
    equal(answer.status, 400)
    one_of(answer.json()['error'], ('invalid_grant', 'invalid_request'))
    expect_error(s.redeem(s.legacy, code, new_verifier()), 'invalid_grant')
    equal(s.redeem(s.legacy, code, verifier).status, 200)
    expect_redirect_error(s, s.az(s.legacy, code_challenge_method='plain'), 'invalid_request', s.legacy.redirect_uri)


@test('B12 the verifier is hashed and its syntax checked')
def _(s):
    code, verifier = s.code()
    expect_error(s.redeem(s.c1, code, challenge_of(verifier)), 'invalid_grant')
    for bad in ('a' * 42, 'a' * 129, 'a' * 42 + '+', 'a' * 42 + ' ', 'a' * 42 + '\u00e9'):
        answer = s.redeem(s.c1, code, bad)
        equal(answer.status, 400)
        one_of(answer.json()['error'], ('invalid_grant', 'invalid_request'))
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('rfc7636/4.1 what is no verifier is none for the challenge that was made of it')
def _(s):
    for bad in ('a' * 42, 'a' * 129, 'a' * 42 + '+', 'password'):
        code = s.approve(code_challenge=challenge_of(bad))['code']
        expect_error(s.redeem(s.c1, code, bad), 'invalid_request')


@test('rfc7636/4.1 verifiers of 43 and of 128 characters work, with every unreserved character')
def _(s):
    for verifier in ('a' * 43, 'Az09-._~' * 16):
        code = s.approve(code_challenge=challenge_of(verifier))['code']
        equal(s.redeem(s.c1, code, verifier).status, 200)


@test('rfc7636/B the example of the appendix works')
def _(s):
    verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
    code = s.approve(code_challenge='E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')['code']
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('rfc7636/4.4 the challenge belongs to one code')
def _(s):
    one, verifier_one = s.code()
    two, verifier_two = s.code()
    expect_error(s.redeem(s.c1, one, verifier_two), 'invalid_grant')
    equal(s.redeem(s.c1, one, verifier_one).status, 200)
    equal(s.redeem(s.c1, two, verifier_two).status, 200)


@test('rfc7636/5 that a client need not use PKCE is said at the start')
def _(s):
    s.sync_log()
    check(b'legacy' in bytes(s.log), 'no word about the client in the log')


if __name__ == '__main__':
    main(Service)
