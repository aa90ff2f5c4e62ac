#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect Core: the code flow, ID tokens, userinfo and the parameters of a request."""

import json

import rfc_path  # noqa: F401
from openid_fixture import OPENID, half_hash, ids, login, userinfo, verify
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import (GRANTS, R1, Client, Service, claims_of, default_clients, expect_error, expect_page_400,
                             expect_redirect_error, header_of, parameters_of)


def clients():
    both = dict(scope='a ' + OPENID, grant_types=GRANTS)
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', first_party='true', **both),
        Client('es', redirect_uri='https://es.test/cb', first_party='true', id_token_signed_response_alg='ES256', **both),
        Client('asks', redirect_uri='https://asks.test/cb', **both),
        Client('told', redirect_uri='https://told.test/cb', first_party='true', userinfo_signed_response_alg='ES256', **both),
        Client('bound', redirect_uri='https://bound.test/cb', first_party='true', resources=R1 + ';', audience=R1 + ';', **both),
    ]


@test('core 3.1.3.3: scope openid brings an ID token, and no other scope does')
def _(s):
    contains(login(s), 'id_token')
    lacks(s.tokens(s.rp, scope='a'), 'id_token')
    answer = s.form('/token', {'grant_type': 'client_credentials'}, s.rp)
    lacks(answer.json(), 'id_token')
    lacks(answer.json()['scope'].split(), 'openid')
    expect_error(s.form('/token', {'grant_type': 'client_credentials', 'scope': 'openid'}, s.rp), 'invalid_scope')


@test('core 2: an ID token says who logged in, where, when, and to whom it is told')
def _(s):
    answer = login(s, nonce='n-0S6_WzA2Mj')
    claims = claims_of(answer['id_token'])
    equal(header_of(answer['id_token'])['typ'], 'JWT')
    equal((claims['iss'], claims['sub'], claims['aud'], claims['nonce']), (s.issuer, 'alice', 'rp', 'n-0S6_WzA2Mj'))
    check(abs(claims['iat'] - s.now()) < 30 and claims['exp'] > claims['iat'], 'times: %r' % claims)
    check(claims['auth_time'] <= claims['iat'], 'auth_time')
    equal(claims['sid'], claims_of(answer['access_token'])['sid'])
    verify(s, answer['id_token'])


@test('core 3.1.3.6: at_hash is the left half of the hash of the access token')
def _(s):
    for client in (s.rp, s.es):
        answer = login(s, client)
        equal(claims_of(answer['id_token'])['at_hash'], half_hash(answer['access_token']))


@test('core 2: nonce comes back as it was sent, and not when none was')
def _(s):
    lacks(claims_of(login(s)['id_token']), 'nonce')
    equal(claims_of(login(s, nonce='a b"c\\d€')['id_token'])['nonce'], 'a b"c\\d€')


@test('registration 2: ID tokens are signed as the client is registered, RS256 unless it says so')
def _(s):
    for client, algorithm in ((s.rp, 'RS256'), (s.es, 'ES256')):
        token = login(s, client)['id_token']
        equal(header_of(token)['alg'], algorithm)
        verify(s, token)


@test('C06 an ID token is no access token')
def _(s):
    token = login(s)['id_token']
    equal(userinfo(s, token).status, 401)
    check(not s.is_active(token), 'active')


@test('core 12.2: a refresh brings another ID token of the same login, without the nonce')
def _(s):
    first = login(s, nonce='once')
    s.advance(5)
    answer = s.refresh(first['refresh_token'], s.rp)
    equal(answer.status, 200)
    before, after = claims_of(first['id_token']), claims_of(answer.json()['id_token'])
    equal([after[name] for name in ('iss', 'sub', 'aud', 'auth_time', 'sid')], [before[name] for name in ('iss', 'sub', 'aud', 'auth_time', 'sid')])
    check(after['iat'] > before['iat'], 'iat')
    lacks(after, 'nonce')


@test('core 5.3: userinfo tells who it is by GET and by POST, with the token in the header alone')
def _(s):
    token = login(s)['access_token']
    for answer in (userinfo(s, token), userinfo(s, token, 'POST')):
        equal((answer.status, answer.json()), (200, {'sub': 'alice'}))
        equal(answer.header('cache-control'), 'no-store')
    equal(s.get('/userinfo?access_token=' + token).status, 401)
    equal(s.request('POST', '/userinfo', 'access_token=' + token, {'Content-Type': 'application/x-www-form-urlencoded'}).status, 401)


@test('core 5.3.3: userinfo refuses a token without openid, a client\'s own, a revoked one, and none')
def _(s):
    for token, status, error in ((s.tokens(s.rp, scope='a')['access_token'], 403, 'insufficient_scope'),
                                 (s.form('/token', {'grant_type': 'client_credentials'}, s.rp).json()['access_token'], 403, 'insufficient_scope'),
                                 ('nonsense', 401, 'invalid_token')):
        answer = userinfo(s, token)
        equal(answer.status, status)
        contains(answer.header('www-authenticate'), 'error="%s"' % error)
    tokens = login(s)
    s.revoke(tokens['access_token'], s.rp)
    equal(userinfo(s, tokens['access_token']).status, 401)
    equal(s.get('/userinfo').header('www-authenticate').split()[0], 'Bearer')


@test('core 5.3.2: userinfo is a signed JWT for a client that wants one, with iss and aud, and plain for all others')
def _(s):
    answer = userinfo(s, login(s, s.told)['access_token'])
    equal((answer.status, answer.header('content-type'), answer.header('cache-control')), (200, 'application/jwt', 'no-store'))
    verify(s, answer.text)
    equal((header_of(answer.text)['alg'], claims_of(answer.text)), ('ES256', {'sub': 'alice', 'iss': s.issuer, 'aud': 'told'}))
    equal(userinfo(s, login(s)['access_token']).header('content-type'), 'application/json')


@test('C06 what userinfo signed is no ID token and no access token: it hints at nobody, and opens nothing')
def _(s):
    tokens = login(s, s.told)
    signed = userinfo(s, tokens['access_token']).text
    expect_redirect_error(s, s.az(s.told, scope='openid', id_token_hint=signed), 'invalid_request', s.told.redirect_uri)
    lacks(s.az(s.told, scope='openid', id_token_hint=tokens['id_token']).location, 'error')
    expect_page_400(s.browser('alice').get('/logout?id_token_hint=' + signed))
    equal(userinfo(s, signed).status, 401)
    check(not s.is_active(signed), 'active')


@test('core 5.3: userinfo refuses the token of a grant that has ended')
def _(s):
    tokens = login(s)
    s.revoke(tokens['refresh_token'], s.rp)
    equal(userinfo(s, tokens['access_token']).status, 401)


@test('userinfo takes the token of a client whose tokens are meant for others')
def _(s):
    tokens = login(s, s.bound)
    equal(claims_of(tokens['access_token'])['aud'], [R1, s.issuer])
    equal(userinfo(s, tokens['access_token']).status, 200)
    equal(claims_of(s.tokens(s.bound, scope='a')['access_token'])['aud'], R1)


@test('core 5.5: a claims parameter that is none is refused, and a good one changes nothing that is not known')
def _(s):
    for wrong in ('[]', '{', '{"userinfo":[]}', '{"userinfo":{"email":1}}', '{"id_token":{"acr":{"values":"x"}}}',
                  '{"userinfo":{"email":null},"userinfo":{}}', '{"id_token":{"a":{"essential":"yes"}}}', '[' * 50):
        expect_redirect_error(s, s.az(s.rp, scope='openid', claims=wrong), 'invalid_request', s.rp.redirect_uri)
    wanted = {'userinfo': {'email': {'essential': True}, 'picture': None}, 'id_token': {'email': None}, 'unknown': 1}
    tokens = login(s, claims=json.dumps(wanted))
    equal(userinfo(s, tokens['access_token']).json(), {'sub': 'alice'})


@test('core 5.5.1: sub with a value must be who is signed in')
def _(s):
    right, wrong = (json.dumps({'id_token': {'sub': {'value': name}}}) for name in ('alice', 'bob'))
    contains(login(s, claims=right), 'id_token')
    browser = s.browser('alice')
    answer = browser.get(s.authorization_url(s.rp, scope='openid', claims=wrong, prompt='none'))
    equal(parameters_of(answer.location)['error'], 'login_required')


@test('core 5.5.1: claims and id_token_hint that name two people are refused')
def _(s):
    hint = login(s)['id_token']
    for name, error in (('alice', None), ('bob', 'invalid_request')):
        claims = json.dumps({'id_token': {'sub': {'value': name}}})
        answer = s.browser('alice').get(s.authorization_url(s.rp, scope='openid', claims=claims, id_token_hint=hint, prompt='none'))
        equal(parameters_of(answer.location).get('error'), error)


@test('core 3.1.2.1: nonce and acr_values have limits')
def _(s):
    contains(login(s, nonce='n' * 512), 'id_token')
    for wrong in ({'nonce': 'n' * 513}, {'acr_values': 'a"b'}, {'acr_values': 'a ' * 600 + 'a'}):
        expect_redirect_error(s, s.az(s.rp, scope='openid', **wrong), 'invalid_request', s.rp.redirect_uri)


@test('core 5.5.1.1: an essential acr that the login has not is login_required')
def _(s):
    claims = json.dumps({'id_token': {'acr': {'essential': True, 'values': ['urn:test:silver', 'urn:test:gold']}}})
    answer = s.browser('alice').get(s.authorization_url(s.rp, scope='openid', claims=claims, prompt='none'))
    equal(parameters_of(answer.location)['error'], 'login_required')
    voluntary = json.dumps({'id_token': {'acr': {'values': ['urn:test:silver']}}})
    contains(login(s, claims=voluntary), 'id_token')


@test('A27 id_token_hint of another person, with prompt none, is login_required; of the same one it goes on')
def _(s):
    alice, bob = login(s)['id_token'], login(s, username='bob')['id_token']
    for hint, expected in ((alice, 'code'), (bob, 'error')):
        answer = s.browser('alice').get(s.authorization_url(s.rp, scope='openid', id_token_hint=hint, prompt='none'))
        parameters = parameters_of(answer.location)
        check(expected in parameters, parameters)
        if expected == 'error':
            equal(parameters['error'], 'login_required')


@test('core 3.1.2.1: an id_token_hint that has expired is good; a forged one, another client\'s or an access token is not')
def _(s):
    tokens = login(s)
    s.advance(4000)
    answer = s.new_browser().get(s.authorization_url(s.rp, scope='openid', id_token_hint=tokens['id_token']))
    equal(answer.status, 303)
    lacks(answer.location, 'error')
    other = login(s, s.es)['id_token']
    forged = tokens['id_token'][:-8] + ('A' if tokens['id_token'][-8] != 'A' else 'B') + tokens['id_token'][-7:]
    for hint in (forged, other, login(s)['access_token'], 'x', 'a.b.c'):
        expect_redirect_error(s, s.az(s.rp, scope='openid', id_token_hint=hint), 'invalid_request', s.rp.redirect_uri)


@test('A28 request objects and request_uri are refused by their names, never ignored, and nothing is fetched')
def _(s):
    for name, value, error in (('request', 'eyJhbGciOiJub25lIn0.e30.', 'request_not_supported'),
                               ('request_uri', 'http://127.0.0.1:1/x', 'request_uri_not_supported'),
                               ('registration', '{}', 'registration_not_supported')):
        expect_redirect_error(s, s.az(s.rp, scope='openid', **{name: value}), error, s.rp.redirect_uri)
        # RFC 9101 section 5: all but client_id may be in the object alone.
        expect_redirect_error(s, s.az(s.rp, scope=None, response_type=None, code_challenge=None, code_challenge_method=None, **{name: value}),
                              error, s.rp.redirect_uri)


@test('core 3.1.2.1: parameters that are unknown or wished for in vain do no harm')
def _(s):
    contains(login(s, display='touch', claims_locales='de', acr_values='a b', ui_locales='xx', extra_parameter='1'), 'id_token')


@test('core 3.1.2.1: max_age that has passed asks again, and auth_time is newer')
def _(s):
    before = claims_of(login(s)['id_token'])['auth_time']
    s.advance(30)
    browser = s.browser('alice')
    answer = browser.get(s.authorization_url(s.rp, scope='openid', max_age='1', prompt='none'))
    equal(parameters_of(answer.location)['error'], 'login_required')
    after = claims_of(login(s, max_age='1')['id_token'])['auth_time']
    check(after >= before + 30, 'auth_time %d, before %d' % (after, before))


@test('core 3.1.2.1: prompt none without a session is login_required')
def _(s):
    expect_redirect_error(s, s.az(s.rp, scope='openid', prompt='none'), 'login_required', s.rp.redirect_uri)


@test('the pages have stable ids, by which a scripted browser can walk them')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url(s.asks, scope='openid'))
    equal(ids(page), {'username', 'password', 'login'})
    failed = browser.login(page, 'alice', 'wrong')
    equal(ids(failed), {'username', 'password', 'login', 'error'})
    consent = browser.login(failed, 'alice', s.users['alice'])
    equal(ids(consent), {'switch', 'allow', 'deny', 'account'})
    switch = next(attributes['href'] for _, attributes in consent.page.elements if attributes.get('id') == 'switch')
    equal(ids(browser.open(switch)), {'username', 'password', 'login', 'stay'})
    contains(parameters_of(browser.decide(consent, 'allow').location), 'code')
    equal(ids(browser.open('/login')), {'switch', 'account', 'logout'})
    equal(ids(browser.open('/logout')), {'logout'})
    for wrong in (dict(redirect_uri='https://rp.test/other'), dict(client_id='unknown')):
        equal(ids(s.az(s.rp, **wrong)), {'error'})


@test('core 3.1.2.2: a redirect_uri that is not registered gets the error page')
def _(s):
    expect_page_400(s.az(s.rp, scope='openid', redirect_uri='https://rp.test/other'))


@test('B05 a code that is used twice ends its first access token, at userinfo too')
def _(s):
    code, verifier = s.code(s.rp, scope='openid')
    first = s.redeem(s.rp, code, verifier)
    equal(userinfo(s, first.json()['access_token']).status, 200)
    expect_error(s.redeem(s.rp, code, verifier), 'invalid_grant')
    equal(userinfo(s, first.json()['access_token']).status, 401)


@test('discovery 3: the configuration has what it must have and says what is offered')
def _(s):
    answer = s.get('/.well-known/openid-configuration')
    equal((answer.status, answer.header('content-type'), answer.header('access-control-allow-origin')), (200, 'application/json', '*'))
    known = answer.json()
    equal(known['issuer'], s.issuer)
    equal(known['userinfo_endpoint'], s.issuer + '/userinfo')
    for name in ('authorization_endpoint', 'token_endpoint', 'jwks_uri', 'response_types_supported'):
        check(name in known, name)
    equal(known['subject_types_supported'], ['pairwise', 'public'])
    for algorithm in ('RS256', 'ES256'):
        contains(known['id_token_signing_alg_values_supported'], algorithm)
    for scope in OPENID.split():
        contains(known['scopes_supported'], scope)
    for claim in ('sub', 'email', 'name', 'auth_time'):
        contains(known['claims_supported'], claim)
    equal((known['claims_parameter_supported'], known['request_parameter_supported'], known['request_uri_parameter_supported']), (True, True, False))
    equal(s.get('/.well-known/oauth-authorization-server').json(), known)


@test('discovery 4: below an issuer with a path the configuration lies behind it')
def _(_s):
    s = Service(clients=clients(), issuer_path='/tenant')
    try:
        s.start()
        equal(s.get('/tenant/.well-known/openid-configuration').json()['issuer'], s.issuer)
        equal(s.get('/.well-known/oauth-authorization-server/tenant').status, 200)
    finally:
        s.stop()


@test('switched off there is no userinfo, no configuration, no scope openid')
def _(_s):
    s = Service(clients=clients(), endpoints='openid-enabled=false')
    try:
        s.start()
        equal(s.get('/userinfo').status, 404)
        equal(s.get('/.well-known/openid-configuration').status, 404)
        lacks(s.get('/.well-known/oauth-authorization-server').json(), 'userinfo_endpoint')
        expect_redirect_error(s, s.az(s.rp, scope='openid'), 'invalid_scope', s.rp.redirect_uri)
        equal(s.tokens(s.rp, scope='a')['token_type'], 'Bearer')
    finally:
        s.stop()


@test('switched off later, a refresh tells nobody any more who it is')
def _(_s):
    s = Service(clients=clients())
    try:
        s.start()
        token = login(s)['refresh_token']
        s.endpoints = 'openid-enabled=false'
        s.write_configuration()
        s.restart()
        answer = s.refresh(token, s.rp)
        equal(answer.status, 200)
        lacks(answer.json(), 'id_token')
    finally:
        s.stop()


@test('a restart keeps keys and sessions: the same kid signs, and nobody logs in again')
def _(s):
    before = header_of(login(s)['id_token'])['kid']
    equal(s.restart() or 0, 0)
    answer = s.browser('alice').get(s.authorization_url(s.rp, scope='openid', prompt='none'))
    check('code' in parameters_of(answer.location), answer.location)
    equal(header_of(login(s)['id_token'])['kid'], before)


if __name__ == '__main__':
    main(lambda: Service(clients=clients()))
