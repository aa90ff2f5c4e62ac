#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the threat table that concern OpenID Connect and are shown nowhere else: what is refused, and what is
accepted beside it."""

import rfc_path  # noqa: F401
from jwt_forge import Forge
from openid_fixture import OPENID, discovery, login, userinfo
from tap import contains, equal, lacks, main, test
from tessera_fixture import (GRANTS, Client, Service, claims_of, default_clients, expect_client_refused, expect_page_400, expect_redirect_error,
                             parameters_of)


def clients():
    keys = dict(scope='a ' + OPENID, grant_types=GRANTS, first_party='true')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **keys),
        Client('only', redirect_uri='https://only.test/cb', **keys),
    ]


@test('A27 prompt=none, max_age and id_token_hint together: each must hold, and with all of them a code comes at once')
def _(s):
    browser = s.new_browser()
    tokens = s.tokens(s.rp, browser=browser, scope='openid')
    def ask(**more):
        return parameters_of(browser.get(s.authorization_url(s.rp, scope='openid', prompt='none', **more)).location)
    contains(ask(max_age='600', id_token_hint=tokens['id_token']), 'code')
    s.advance(601)
    equal(ask(max_age='600', id_token_hint=tokens['id_token'])['error'], 'login_required')
    contains(ask(id_token_hint=tokens['id_token']), 'code')
    equal(ask(id_token_hint=login(s, username='bob')['id_token'])['error'], 'login_required')


@test('A28 the request that a refused request object stood for is good when it is made by parameters')
def _(s):
    for name, error in (('request', 'request_not_supported'), ('request_uri', 'request_uri_not_supported')):
        for value in ('eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.', 'https://rp.test/r.jwt', 'http://169.254.169.254/latest', 'file:///etc/passwd'):
            if name == 'request' and ':' in value:
                continue
            expect_redirect_error(s, s.az(s.rp, scope='openid', **{name: value}), error, s.rp.redirect_uri)
    contains(s.approve(s.rp, scope='openid'), 'code')


@test('A29 pushed requests are not offered: their request_uri is refused by its name, and the same parameters go on')
def _(s):
    lacks(discovery(s), 'pushed_authorization_request_endpoint')
    for client in (s.rp, s.c1):
        pushed = 'urn:ietf:params:oauth:request_uri:' + 'x' * 43
        expect_redirect_error(s, s.az(client, request_uri=pushed), 'request_uri_not_supported', client.redirect_uri)
        contains(s.approve(client), 'code')
    equal(s.form('/par', {'response_type': 'code'}, s.rp).status, 404)


@test('C06 an ID token opens nothing that an access token opens: userinfo, introspection, revocation, the deny-list')
def _(s):
    tokens = login(s)
    for token, status in ((tokens['id_token'], 401), (tokens['access_token'], 200)):
        equal(userinfo(s, token).status, status)
        equal(s.is_active(token), status == 200)
    equal(s.get('/deny-list', {'Authorization': 'Bearer ' + tokens['id_token']}).status, 401)
    equal(s.get('/deny-list', {'Authorization': 'Bearer ' + tokens['access_token']}).status, 403)
    equal(s.revoke(tokens['id_token'], s.rp).status, 200)
    equal(userinfo(s, tokens['access_token']).status, 200)
    # Nor does it speak for its client.
    assertion = {'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'client_assertion': tokens['id_token']}
    expect_client_refused(s.form('/token', dict(assertion, grant_type='client_credentials')))


@test('C06 an ID token whose typ says access token, signed by another key, opens nothing')
def _(s):
    tokens = login(s)
    forge = Forge(s)
    claims = dict(claims_of(tokens['id_token']), aud=s.issuer, scope='openid')
    equal(userinfo(s, forge.sign(claims, key='own')).status, 401)
    equal(userinfo(s, tokens['access_token']).status, 200)


@test('core 3.1.2.1: redirect_uri must be there when scope openid is, and may be left out by others that have one')
def _(s):
    expect_page_400(s.az(s.only, scope='openid', redirect_uri=None))
    contains(s.approve(s.only, scope='openid'), 'code')
    contains(s.approve(s.only, scope='a', redirect_uri=None), 'code')


if __name__ == '__main__':
    main(lambda: Service(clients=clients()))
