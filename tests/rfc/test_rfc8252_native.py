#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Native applications: RFC 8252."""

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import (Client, Service, challenge_of, expect_error, expect_page_400, expect_proceeds, expect_redirect_error, new_verifier,
                             parameters_of)


@test('A02 a loopback redirect may use any port, and nothing else may differ')
def _(s):
    for uri in ('http://127.0.0.1:49152/cb', 'http://127.0.0.1/cb', 'http://127.0.0.1:1/cb', 'http://127.0.0.1:65535/cb', 'http://[::1]:49152/cb', 'http://[::1]/cb'):
        expect_proceeds(s, s.az(s.p1, redirect_uri=uri))
    for uri in ('http://127.0.0.1:49152/x', 'http://127.0.0.1:49152/cb/', 'http://127.0.0.1:49152/cb?x', 'http://127.0.0.1:49152/cb#x', 'http://localhost:1/cb',
                'http://localhost/cb', 'https://127.0.0.1:1/cb', 'http://127.1/cb', 'http://127.0.0.2/cb', 'http://127.0.0.1.evil/cb', 'http://127.0.0.1:80@evil.test/cb',
                'http://x@127.0.0.1/cb', 'http://127.0.0.1:/cb', 'http://127.0.0.1:0/cb', 'http://127.0.0.1:65536/cb', 'http://127.0.0.1:99999/cb', 'http://127.0.0.1:+1/cb', 'http://127.0.0.1: 1/cb',
                'http://127.0.0.1:1x/cb', 'http://127.0.0.1:1:2/cb', 'http://2130706433/cb', 'http://0x7f.1/cb', 'http://[::ffff:127.0.0.1]/cb', 'http://[0:0:0:0:0:0:0:1]/cb',
                'http://[::1%25lo]/cb', 'http://[::1]x/cb', 'HTTP://127.0.0.1/cb', 'http:///cb', 'http://127.0.0.1'):
        expect_page_400(s.az(s.p1, redirect_uri=uri))


@test('A02 the port is free for loopback only, not for other clients')
def _(s):
    expect_page_400(s.az(redirect_uri='https://c1.test:8443/cb'))
    expect_page_400(s.az(redirect_uri='http://127.0.0.1:1/cb'))
    expect_proceeds(s, s.az())


@test('rfc8252/7.3 a whole flow with a port of the moment')
def _(s):
    tokens = s.tokens(s.p1, redirect_uri='http://127.0.0.1:51234/cb')
    check(s.is_active(tokens['access_token']), 'inactive')
    check('refresh_token' in tokens, 'no refresh token')


@test('rfc8252/7.3 the token request must name the very port of the authorization request')
def _(s):
    code, verifier = s.code(s.p1, redirect_uri='http://127.0.0.1:51234/cb')
    expect_error(s.redeem(s.p1, code, verifier, redirect_uri='http://127.0.0.1:51235/cb'), 'invalid_grant')
    expect_error(s.redeem(s.p1, code, verifier, redirect_uri='http://127.0.0.1/cb'), 'invalid_grant')
    equal(s.redeem(s.p1, code, verifier, redirect_uri='http://127.0.0.1:51234/cb').status, 200)


@test('rfc8252/7.1 a private-use scheme is matched byte by byte and led to by a page')
def _(s):
    for uri in ('com.example.app:/cb/', 'com.example.app:/CB', 'com.example.APP:/cb', 'com.example.app://cb', 'com.example.app2:/cb', 'com.example.app:/cb?x', 'com.example:/cb'):
        expect_page_400(s.az(s.p1, redirect_uri=uri))
    verifier = new_verifier()
    browser = s.browser().copy()
    last = browser.authorize(s.authorization_url(s.p1, redirect_uri='com.example.app:/cb', code_challenge=challenge_of(verifier)), 'alice', s.users['alice'])
    if last.status == 200:
        links = [link for link in last.page.links if link.startswith('com.example.app:/cb?')]
        check(links, 'the page does not lead to the application: %r' % last)
        location = links[0]
        lacks(last.text, 'javascript:')
        equal(last.header('Cache-Control'), 'no-store')
    else:
        equal(last.status, 303)
        location = last.location
    answer = parameters_of(location)
    equal(answer['iss'], s.issuer)
    equal(answer['state'], 'S')
    equal(s.redeem(s.p1, answer['code'], verifier, redirect_uri='com.example.app:/cb').status, 200)


@test('A25 a native client is asked about each time')
def _(s):
    browser = s.browser().copy()
    url = s.authorization_url(s.p1, redirect_uri='http://127.0.0.1:50000/cb')
    check('code=' in browser.authorize(url, 'alice', s.users['alice']).location, 'no code')
    second = browser.open(s.authorization_url(s.p1, redirect_uri='http://127.0.0.1:50001/cb'))
    check(second.status == 200 and second.page.form_with('decision'), 'no consent page: %r' % second)
    silent = browser.get(s.authorization_url(s.p1, redirect_uri='http://127.0.0.1:50001/cb', prompt='none'))
    expect_redirect_error(s, silent, 'consent_required', 'http://127.0.0.1:50001/cb')
    s.approve(s.c1, browser=browser)
    again = browser.open(s.authorization_url(s.c1))
    equal(again.status, 303, 'a client behind https is remembered')


@test('rfc8252/8.1 a public client must use PKCE')
def _(s):
    expect_redirect_error(s, s.az(s.p1, code_challenge=None, code_challenge_method=None), 'invalid_request', 'http://127.0.0.1/cb')
    expect_proceeds(s, s.az(s.p1))


@test('rfc8252/7.3 an empty redirect URI means loopback, any port and path')
def _(s):
    other = Service(clients=[Client('empty', method='none', redirect_uri='http://127.0.0.1/any', redirect_uris='', scope='a', application_type='native',
                                    grant_types='authorization_code;refresh_token;')])
    try:
        status, said = other.run_check()
        if status != 0:
            # Configuration may demand at least one URI; then the sentence says so.
            equal(status, 78)
            contains(said, 'redirect_uris')
            return
        other.start()
        for uri in ('http://127.0.0.1:1234/x/y', 'http://[::1]:7/'):
            expect_proceeds(other, other.az(other.empty, redirect_uri=uri))
        for uri in ('http://localhost:1/x', 'https://evil.test/', 'http://127.0.0.1@evil.test/', 'http://127.0.0.1.evil.test/', 'com.example.app:/cb'):
            expect_page_400(other.az(other.empty, redirect_uri=uri))
        other.stop()
    finally:
        other.abandon()


if __name__ == '__main__':
    main(Service)
