#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How an authorization request comes and how its answer goes: OAuth 2.0 Form Post Response Mode, request objects by
value (RFC 9101, OpenID Connect Core section 6.1), and the parameters of OpenID Connect that only ask or wish. Rows
A28, A31 and A43 of the threat table."""

import base64
import hashlib
import json
import re
import socket

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from key_client import KeyClient, introduce, jwk_of
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import (GRANTS, R1, R2, Client, Service, b64url, challenge_of, claims_of, default_clients, expect_page_400, expect_proceeds,
                             expect_redirect_error, header_of, new_verifier, parameters_of)

FIRST, SECOND, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
EDWARDS = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)


def clients():
    both = dict(scope='a b openid profile', grant_types=GRANTS, resources='%s;%s;' % (R1, R2), audience=R1 + ';')
    named = [jwk_of(FIRST, kid='first', use='sig', alg='ES256'), jwk_of(SECOND, kid='second')]

    def signs(name, jwks, key, alg='ES256', **keys):
        return KeyClient(name, jwks, key, alg, **dict(dict(both, method='client_secret_basic', redirect_uri='https://%s.test/cb' % name,
                                                           first_party='true'), **keys))
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', first_party='true', **both),
        Client('asks', redirect_uri='https://asks.test/cb', **both),
        signs('signs', named, FIRST),
        signs('pinned', [jwk_of(FIRST), jwk_of(EDWARDS)], FIRST, request_object_signing_alg='ES256'),
        signs('must', [jwk_of(FIRST)], FIRST, require_signed_request_object='true'),
        signs('rsa', [jwk_of(RSA)], RSA, 'RS256'),
        signs('pss', [jwk_of(RSA)], RSA, 'PS256', request_object_signing_alg='PS256'),
        signs('edwards', [jwk_of(EDWARDS)], EDWARDS, 'EdDSA'),
        signs('two', [jwk_of(FIRST)], FIRST, redirect_uris='https://two.test/cb;https://two.test/other;'),
        signs('asserts', [jwk_of(FIRST)], FIRST, method='private_key_jwt'),
    ]


# --- form_post

def form_of(answer):
    """(action, fields) of the page that posts an answer."""
    equal(answer.status, 200, repr(answer))
    form, = answer.page.forms
    equal(form.method, 'post')
    fields = form.values()
    equal(len(dict(fields)), len(fields), 'fields')
    return form.action, dict(fields)


def expect_form_error(s, answer, error, client, state='S'):
    action, fields = form_of(answer)
    equal(action, client.redirect_uri)
    equal((fields.get('error'), fields.get('iss'), fields.get('state')), (error, s.issuer, state), repr(fields))
    lacks(fields, 'code')
    return fields


@test('form post 2: code, state and iss come in a form for the registered address, and the code is good')
def _(s):
    verifier = new_verifier()
    url = s.authorization_url(s.rp, response_mode='form_post', code_challenge=challenge_of(verifier))
    action, fields = form_of(s.browser('alice').authorize(url))
    equal(action, s.rp.redirect_uri)
    equal(sorted(fields), ['code', 'iss', 'state'])
    equal((fields['state'], fields['iss']), ('S', s.issuer))
    equal(s.redeem(s.rp, fields['code'], verifier).status, 200)


@test('form post 2: the same behind login and consent')
def _(s):
    verifier = new_verifier()
    url = s.authorization_url(s.asks, response_mode='form_post', code_challenge=challenge_of(verifier), scope='openid')
    action, fields = form_of(s.new_browser().authorize(url, 'bob', s.users['bob']))
    equal(action, s.asks.redirect_uri)
    tokens = s.redeem(s.asks, fields['code'], verifier).json()
    equal(claims_of(tokens['id_token'])['sub'], 'bob')


@test('form post 2: a login page that was open for too long keeps the way of the answer')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url(s.rp, response_mode='form_post'))
    s.advance(21 * 60)
    page = browser.login(page, 'alice', s.users['alice'])
    contains(form_of(browser.login(page, 'alice', s.users['alice']))[1], 'code')


@test('form post 2: refusals come in a form too: of the person, and of the request')
def _(s):
    mode = dict(response_mode='form_post')
    denied = s.new_browser().authorize(s.authorization_url(s.asks, **mode), 'alice', s.users['alice'], 'deny')
    expect_form_error(s, denied, 'access_denied', s.asks)
    expect_form_error(s, s.az(s.rp, prompt='none', **mode), 'login_required', s.rp)
    expect_form_error(s, s.az(s.rp, response_type='token', **mode), 'unsupported_response_type', s.rp)
    expect_form_error(s, s.az(s.rp, response_type=None, **mode), 'invalid_request', s.rp)
    expect_form_error(s, s.az(s.rp, scope='nobody-has-this', **mode), 'invalid_scope', s.rp)
    expect_form_error(s, s.az(s.rp, extra='&nonce=1&nonce=2', **mode), 'invalid_request', s.rp)
    expect_form_error(s, s.az(s.rp, request_uri='https://rp.test/r', **mode), 'request_uri_not_supported', s.rp)
    # With no state there is none.
    equal(sorted(form_of(s.az(s.rp, prompt='none', state=None, **mode))[1]), ['error', 'error_description', 'iss'])


@test('form post 2: before the address can be trusted there is a page of ours')
def _(s):
    for changes in (dict(redirect_uri='https://evil.test/cb'), dict(client_id='nobody')):
        page = expect_page_400(s.az(s.rp, response_mode='form_post', **changes))
        equal(page.page.forms, [])
        lacks(page.text, 'evil.test')


@test('A31 the page: nothing runs but the one script of ours, the form goes nowhere else, nothing is kept')
def _(s):
    answer = s.browser('alice').authorize(s.authorization_url(s.rp, response_mode='form_post'))
    equal(answer.header('Cache-Control'), 'no-store')
    equal(answer.header('X-Frame-Options'), 'DENY')
    equal(answer.header('X-Content-Type-Options'), 'nosniff')
    equal(answer.header('Referrer-Policy'), 'strict-origin')
    scripts = re.findall(r'<script[^>]*>(.*?)</script>', answer.text, re.S)
    equal(len(scripts), 1)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = dict(part.strip().split(' ', 1) for part in answer.header('Content-Security-Policy').split(';'))
    equal(policy, {'default-src': "'none'", 'style-src': "'self'", 'img-src': "'self'", 'frame-ancestors': "'none'", 'base-uri': "'none'",
                   'script-src': "'sha256-%s'" % digest, 'form-action': 'https:'})
    equal([name for _, attributes in answer.page.elements for name in attributes if name.startswith('on')], [])
    # Who has no scripts has a button.
    buttons = [attributes for tag, attributes in answer.page.elements if tag == 'button']
    equal([button.get('type') for button in buttons], ['submit'])
    equal([button.get('name') for button in buttons], [None])


@test('A31 what the client sends comes back as text, whatever it looks like')
def _(s):
    for state in ('"><script>alert(1)</script>', "'><img src=x onerror=alert(1)>", '</form><form action=https://evil.test>', '&amp;&#34;', 'é€😀', '{{csrf}}',
                  '%{client}', '</body><script>', 'x' * 2048):
        answer = s.az(s.rp, prompt='none', state=state, response_mode='form_post')
        expect_form_error(s, answer, 'login_required', s.rp, state)
        equal(answer.text.count('<script>'), 1, state)
        equal(answer.text.count('<form'), 1, state)
        equal([tag for tag, _ in answer.page.elements if tag == 'img'], [])


@test('form post: a native client on loopback gets it at the port it asked for; a scheme of its own cannot be posted to')
def _(s):
    answer = s.az(s.p1, redirect_uri='http://127.0.0.1:4711/cb', prompt='none', response_mode='form_post')
    action, fields = form_of(answer)
    equal((action, fields['error']), ('http://127.0.0.1:4711/cb', 'login_required'))
    contains(answer.header('Content-Security-Policy'), 'form-action http: https:')
    equal(form_of(s.az(s.p1, redirect_uri='http://[::1]:4711/cb', prompt='none', response_mode='form_post'))[0], 'http://[::1]:4711/cb')
    answer = s.az(s.p1, redirect_uri='com.example.app:/cb', prompt='none', response_mode='form_post')
    expect_redirect_error(s, answer, 'invalid_request', 'com.example.app:/cb')


@test('form post: an address with a query of its own keeps it')
def _(s):
    equal(form_of(s.az(s.m1, prompt='none', response_mode='form_post'))[0], 'https://m1.test/cb?x=1')


@test('A43 other response modes are refused, by a redirect')
def _(s):
    for mode in ('fragment', 'web_message', 'query.jwt', 'form_post.jwt', 'jwt', 'okta_post_message', 'FORM_POST', 'form_post query'):
        expect_redirect_error(s, s.az(s.rp, response_mode=mode), 'invalid_request', s.rp.redirect_uri)
    expect_redirect_error(s, s.az(s.rp, extra='&response_mode=form_post&response_mode=query'), 'invalid_request', s.rp.redirect_uri)
    contains(s.approve(s.rp, response_mode='query'), 'code')


@test('form post: an application may replace the words of the page, and the metadata offer it')
def _(s):
    equal(sorted(s.get('/.well-known/openid-configuration').json()['response_modes_supported']), ['form_post', 'query'])


# --- request objects

def object_url(s, client, jwt, *, extra='', **beside):
    """What RFC 9101 section 5 asks for beside the object: client_id."""
    fields = dict.fromkeys(('response_type', 'redirect_uri', 'scope', 'state', 'code_challenge', 'code_challenge_method'))
    fields.update(beside)
    return s.authorization_url(client, extra=extra, request=jwt, **fields)


def send(s, client, jwt=None, beside=None, **changes):
    return s.get(object_url(s, client, jwt or client.request_object(s, **changes), **(beside or {})))


def good(s, client, jwt=None, what='', beside=None, **changes):
    answer = send(s, client, jwt, beside, **changes)
    lacks(answer.location or '', 'error=', what)
    expect_proceeds(s, answer)


def bad(s, client, jwt=None, what='', error='invalid_request_object', back=None, **changes):
    """No redirect_uri stands beside it; but the client has one alone."""
    answer = send(s, client, jwt, **changes)
    check(answer.status == 303, '%s: %r' % (what, answer))
    return expect_redirect_error(s, answer, error, client.redirect_uri, back)


@test('9101 5: a signed request with client_id beside it and nothing else is a whole code flow')
def _(s):
    verifier = new_verifier()
    jwt = s.signs.request_object(s, scope='openid', state='in the object', nonce='n1', code_challenge=challenge_of(verifier))
    answer = parameters_of(s.browser('alice').authorize(object_url(s, s.signs, jwt)).location)
    equal((answer['state'], answer['iss']), ('in the object', s.issuer))
    tokens = s.redeem(s.signs, answer['code'], verifier)
    equal(tokens.status, 200, repr(tokens.body))
    equal(claims_of(tokens.json()['id_token'])['nonce'], 'n1')


@test('core 6.1: response_type and scope may stand beside it, and what is in the object counts')
def _(s):
    beside = dict(response_type='code', scope='openid a b', state='beside', redirect_uri='https://two.test/cb')
    jwt = s.two.request_object(s, scope='a', state='inside', redirect_uri='https://two.test/other')
    answer = s.browser('alice').authorize(object_url(s, s.two, jwt, **beside))
    check(answer.location.startswith('https://two.test/other?'), answer.location)
    equal(parameters_of(answer.location)['state'], 'inside')


@test('9101 6.3: what stands beside the object counts for nothing, right or wrong')
def _(s):
    for beside in (dict(response_type='token'), dict(scope='nobody-has-this'), dict(redirect_uri='https://evil.test/cb'), dict(prompt='none'),
                   dict(max_age='x'), dict(claims='{'), dict(response_mode='fragment'), dict(code_challenge='x')):
        good(s, s.signs, what=repr(beside), beside=beside)
    # Missing in the object is missing.
    for name, error in (('response_type', 'invalid_request'), ('code_challenge', 'invalid_request')):
        answer = send(s, s.signs, beside=dict(response_type='code', code_challenge=challenge_of('x' * 43), code_challenge_method='S256'), **{name: None})
        expect_redirect_error(s, answer, error, s.signs.redirect_uri)
    answer = s.browser('alice').authorize(object_url(s, s.signs, s.signs.request_object(s, state=None), state='beside'))
    lacks(parameters_of(answer.location), 'state')


@test('9101 10.8: typ says request object, or JWT, or nothing; and nothing else')
def _(s):
    for typ in ('oauth-authz-req+jwt', 'application/oauth-authz-req+jwt', 'OAuth-Authz-Req+JWT', 'JWT', 'jwt', None):
        good(s, s.signs, what=repr(typ), header={'typ': typ})
    for typ in ('at+jwt', 'client-authentication+jwt', 'dpop+jwt', 'logout+jwt', 'JOSE', 'oauth-authz-req', '', 1):
        bad(s, s.signs, what=repr(typ), header={'typ': typ})


@test('9101 10.8: an assertion is no request, and a request no assertion')
def _(s):
    bad(s, s.asserts, s.asserts.sign(dict(s.asserts.claims(s), client_id='asserts', response_type='code', redirect_uri=s.asserts.redirect_uri)), 'an assertion')
    bad(s, s.asserts, what='with the sub of one', sub='asserts')
    good(s, s.asserts, what='with the sub of a person', sub='alice')
    fields = {'grant_type': 'client_credentials', 'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'}
    equal(s.form('/token', dict(fields, client_assertion=s.asserts.request_object(s, header={'typ': 'JWT'}, jti='x'))).status, 401)
    equal(s.form('/token', dict(fields, client_assertion=s.asserts.assertion(s))).status, 200)


@test('A28 an object that nobody signed is refused by its name, and never ignored')
def _(s):
    members = {'iss': 'signs', 'aud': s.issuer, 'client_id': 'signs', 'response_type': 'code', 'redirect_uri': s.signs.redirect_uri, 'scope': 'a'}
    for client, error in ((s.rp, 'request_not_supported'), (s.signs, 'request_not_supported'), (s.pinned, 'invalid_request_object'),
                          (s.must, 'invalid_request_object')):
        unsigned = '%s.%s.' % (b64url('{"alg":"none"}'), b64url(json.dumps(dict(members, iss=client.id, client_id=client.id))))
        expect_redirect_error(s, send(s, client, unsigned), error, client.redirect_uri, None)
        # Good parameters beside it do not help.
        beside = dict(response_type='code', redirect_uri=client.redirect_uri, scope='a', state='S', code_challenge=challenge_of('x' * 43),
                      code_challenge_method='S256')
        expect_redirect_error(s, send(s, client, unsigned, beside), error, client.redirect_uri)
    for alg in ('none', 'None', 'NONE', '', None):
        bad(s, s.signs, s.signs.request_object(s, header={'alg': alg}), 'alg %r with a signature' % alg)


@test('A28 a client without keys has no request objects')
def _(s):
    bad(s, s.rp, s.signs.request_object(s, iss='rp', client_id='rp'), error='request_not_supported')
    bad(s, s.rp, 'x', error='request_not_supported')


@test('A28 only a registered key signs, and by its own algorithm')
def _(s):
    for name in ('signs', 'pinned', 'must', 'rsa', 'pss', 'edwards'):
        good(s, getattr(s, name), what=name)
    good(s, s.signs, key=SECOND, header={'kid': 'second'})
    bad(s, s.signs, what='a stranger', key=STRANGER)
    bad(s, s.signs, what='a stranger with a good name', key=STRANGER, header={'kid': 'first'})
    bad(s, s.signs, what='the name of another key', key=SECOND, header={'kid': 'first'})
    bad(s, s.signs, what='more than a request may say', resource=['https://r%d.test/' % number for number in range(200)])
    bad(s, s.pinned, what='its own key, another algorithm', key=EDWARDS, alg='EdDSA')
    bad(s, s.rsa, what='PS256 with a key for RS256', alg='PS256')
    bad(s, s.pss, what='RS256 where PS256 is registered', alg='RS256')
    bad(s, s.signs, s.pinned.request_object(s), 'of another client')
    text = s.signs.request_object(s)
    head, body, signature = text.split('.')
    for wrong in (head + '.' + body, head + '.' + body + '.' + signature[:-4] + 'AAAA', text + '.', text + '.x.y', '.' + body + '.' + signature, 'x', '...', 'A' * 5000):
        bad(s, s.signs, wrong, wrong[:20])
    other = b64url(json.dumps(dict(claims_of(text), scope='a b')))
    bad(s, s.signs, head + '.' + other + '.' + signature, 'other members')


@test('A28 an HMAC with a public key or a client secret is no signature')
def _(s):
    import hmac
    secrets = [json.dumps(s.signs.jwks['keys'][0]).encode(), s.signs.secret.encode()]
    members = claims_of(s.signs.request_object(s))
    for secret in secrets:
        text = b64url('{"alg":"HS256"}') + '.' + b64url(json.dumps(members))
        bad(s, s.signs, text + '.' + b64url(hmac.new(secret, text.encode(), hashlib.sha256).digest()), 'HS256')


@test('A28 keys that an object brings along are not looked at, request_uri is refused, and nothing is fetched')
def _(s):
    with socket.socket() as trap:
        trap.bind(('127.0.0.1', 0))
        trap.listen(8)
        trap.settimeout(0)
        url = 'http://127.0.0.1:%d/x' % trap.getsockname()[1]
        for header in ({'jku': url}, {'x5u': url}, {'jwk': jwk_of(STRANGER)}, {'x5c': ['MIIB']}):
            bad(s, s.signs, what=repr(header), key=STRANGER, header=header)
            good(s, s.signs, what=repr(header), header=header)
        for client in (s.rp, s.signs, s.must):
            expect_redirect_error(s, s.az(client, request_uri=url), 'request_uri_not_supported', client.redirect_uri)
            expect_redirect_error(s, s.az(client, request_uri='urn:ietf:params:oauth:request_uri:x'), 'request_uri_not_supported', client.redirect_uri)
        # RFC 9101 section 5: not both.
        expect_redirect_error(s, send(s, s.signs, beside=dict(request_uri=url, state='S')), 'request_uri_not_supported', s.signs.redirect_uri)
        try:
            trap.accept()
            check(False, 'somebody came')
        except BlockingIOError:
            pass


@test('9101 4: iss and client_id are the client, aud is the issuer')
def _(s):
    for changes in (dict(iss='rp'), dict(iss=None), dict(iss=['signs']), dict(client_id='rp'), dict(client_id=None), dict(aud='https://evil.test'),
                    dict(aud=None), dict(aud=s.issuer + '/'), dict(aud=s.issuer + '/authorize'), dict(aud=s.issuer + '/token'), dict(aud=[]),
                    dict(aud=[s.issuer, 'https://evil.test']), dict(aud=1)):
        bad(s, s.signs, what=repr(changes), **changes)
    good(s, s.signs, aud=[s.issuer])


@test('9101 4: an object is over after an hour at the latest, and begins when it says so')
def _(s):
    now = int(s.now())
    for changes in (dict(exp=None), dict(exp=now - 1), dict(exp=now + 7200), dict(exp=str(now + 60)), dict(exp=now + 60.5), dict(exp=True),
                    dict(iat=now + 60), dict(iat='x'), dict(nbf=now + 60), dict(nbf=[])):
        bad(s, s.signs, what=repr(changes), **changes)
    good(s, s.signs, exp=int(s.now()) + 3600, nbf=now - 5, iat=None)
    jwt = s.signs.request_object(s)
    good(s, s.signs, jwt, 'once')
    good(s, s.signs, jwt, 'the same page again')
    s.advance(120)
    bad(s, s.signs, jwt, 'two minutes later')


@test('9101 4: no request object inside a request object')
def _(s):
    for name in ('request', 'request_uri'):
        bad(s, s.signs, what=name, **{name: 'https://signs.test/r'})
        bad(s, s.signs, what=name, **{name: ''})
    bad(s, s.signs, what='registration', error='registration_not_supported', back='S', registration={})


@test('9101 6.1: members of a wrong kind are refused, numbers, objects and lists where they belong are taken')
def _(s):
    for changes in (dict(scope=['a']), dict(state=1), dict(redirect_uri=[s.signs.redirect_uri]), dict(nonce={}), dict(max_age=1.5), dict(max_age=True),
                    dict(claims='{}'), dict(claims=[]), dict(prompt=['login']), dict(resource={}), dict(resource=[R1, 1]), dict(response_type=True)):
        bad(s, s.signs, what=repr(changes), **changes)
    good(s, s.signs, max_age=600)
    good(s, s.signs, max_age='600')
    good(s, s.signs, resource=R1)
    good(s, s.signs, resource=[R1, R2])
    good(s, s.signs, scope='openid', claims={'userinfo': {'name': None}})
    good(s, s.signs, something_else={'deep': [1, 2, None]})
    for changes, error in ((dict(max_age=-1), 'invalid_request'), (dict(resource='https://nobody.test/'), 'invalid_target'), (dict(scope='nobody-has-this'), 'invalid_scope'),
                           (dict(scope='openid', claims={'userinfo': []}), 'invalid_request'), (dict(response_type='token'), 'unsupported_response_type')):
        expect_redirect_error(s, send(s, s.signs, **changes), error, s.signs.redirect_uri)


@test('9101 6.1: an error goes only to an address that is registered, and by the object only if that is good')
def _(s):
    # Beside a bad object, the address beside it.
    answer = send(s, s.two, beside=dict(redirect_uri='https://two.test/other', state='beside'), key=STRANGER, redirect_uri='https://two.test/cb')
    expect_redirect_error(s, answer, 'invalid_request_object', 'https://two.test/other', 'beside')
    form_answer = send(s, s.two, beside=dict(redirect_uri='https://two.test/other', response_mode='form_post'), key=STRANGER)
    equal(form_of(form_answer)[0], 'https://two.test/other')
    # Two registered and none said, or one that is not: a page.
    expect_page_400(send(s, s.two, key=STRANGER))
    expect_page_400(send(s, s.two, beside=dict(redirect_uri='https://evil.test/cb'), key=STRANGER))
    # A good object with a bad address, whatever stands beside it: a page.
    for redirect_uri in ('https://evil.test/cb', 'https://two.test/cb/', None):
        expect_page_400(send(s, s.two, beside=dict(redirect_uri='https://two.test/cb'), redirect_uri=redirect_uri))
    good(s, s.two, beside=dict(redirect_uri='https://evil.test/cb'), redirect_uri='https://two.test/cb')


@test('9101 5: client_id stands beside it, once; request too')
def _(s):
    jwt = s.signs.request_object(s)
    expect_page_400(s.get(s.authorization_url(s.signs, client_id=None, request=jwt)))
    expect_page_400(send(s, s.signs, jwt, beside=dict(extra='&client_id=signs')))
    expect_redirect_error(s, send(s, s.signs, jwt, beside=dict(extra='&request=' + jwt)), 'invalid_request', s.signs.redirect_uri, None)
    bad(s, s.pinned, jwt, 'of the client beside it')
    good(s, s.signs, jwt)


@test('an object comes by POST too')
def _(s):
    fields = {'client_id': 'signs', 'request': s.signs.request_object(s)}
    expect_proceeds(s, s.request('POST', '/authorize', fields))
    expect_redirect_error(s, s.request('POST', '/authorize', dict(fields, request=s.signs.request_object(s, key=STRANGER))), 'invalid_request_object',
                          s.signs.redirect_uri, None)


@test('form_post by an object, and an error by it')
def _(s):
    answer = s.browser('alice').authorize(object_url(s, s.signs, s.signs.request_object(s, response_mode='form_post')))
    contains(form_of(answer)[1], 'code')
    expect_form_error(s, send(s, s.signs, response_mode='form_post', scope='nobody-has-this'), 'invalid_scope', s.signs)


@test('9101 10.5: a client that must sign is refused without an object')
def _(s):
    expect_redirect_error(s, s.az(s.must), 'invalid_request', s.must.redirect_uri)
    good(s, s.must)
    expect_proceeds(s, s.az(s.signs))


@test('a challenge that was redeemed is refused in an object too')
def _(s):
    verifier = new_verifier()
    jwt = s.signs.request_object(s, code_challenge=challenge_of(verifier))
    code = parameters_of(s.browser('alice').authorize(object_url(s, s.signs, jwt)).location)['code']
    equal(s.redeem(s.signs, code, verifier).status, 200)
    expect_redirect_error(s, s.get(object_url(s, s.signs, jwt)), 'invalid_request', s.signs.redirect_uri)


@test('the log says what is wrong with an object, the answer does not')
def _(s):
    answer = bad(s, s.signs, aud='https://evil.test')
    lacks(answer['error_description'], 'aud')
    line = next(line for line in reversed(s.log_lines()) if 'invalid_request_object' in line)
    contains(line, 'another aud')


@test('the metadata say so')
def _(s):
    for path in ('/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'):
        found = s.get(path).json()
        equal((found['request_parameter_supported'], found['request_uri_parameter_supported']), (True, False))
        equal(sorted(found['request_object_signing_alg_values_supported']), ['ES256', 'EdDSA', 'PS256', 'RS256'])
        lacks(found['request_object_signing_alg_values_supported'], 'none')


@test('what cannot work is refused by the configuration, in words')
def _(s):
    def said(**changes):
        client = KeyClient('c', **dict(dict(jwks=[jwk_of(FIRST)], key=FIRST, redirect_uri='https://c.test/cb', method='client_secret_basic'), **changes))
        other = Service(clients=[client])
        try:
            return other.run_check()
        finally:
            other.abandon()
    equal(said(request_object_signing_alg='ES256', require_signed_request_object='true')[0], 0)
    for words, changes in (('request_object_signing_alg', dict(request_object_signing_alg='none')),
                           ('request_object_signing_alg', dict(request_object_signing_alg='HS256')),
                           ('no key for RS256', dict(request_object_signing_alg='RS256')),
                           ('private keys', dict(jwks=[dict(jwk_of(FIRST), d=b64url(FIRST.private_numbers().private_value.to_bytes(32, 'big')))]))):
        status, text = said(**changes)
        equal(status, 78, text)
        contains(text, words)
    for keys in (dict(require_signed_request_object='true'), dict(request_object_signing_alg='ES256')):
        other = Service(clients=[Client('c', redirect_uri='https://c.test/cb', **keys)])
        try:
            status, text = other.run_check()
        finally:
            other.abandon()
        equal(status, 78, text)
        contains(text, 'jwks')


# --- what only asks or wishes

def signed_in(s, username='alice'):
    """In a browser of its own: who signs in again ends the session before."""
    browser = s.new_browser()
    browser.authorize(s.authorization_url(), username, s.users[username])
    return browser


def page_language(answer):
    return next(attributes['lang'] for tag, attributes in answer.page.elements if tag == 'html')


@test('core 3.1.2.1: ui_locales chooses the language of the pages, in the order it is said, before the browser\'s own')
def _(s):
    for ui_locales, language in (('de', 'de'), ('fr de', 'de'), ('zh-CN de', 'zh-CN'), ('de-CH', 'de'), ('xx', 'en'), ('', 'en'), ('d' * 5000, 'en'), ('de' + ' xx' * 170, 'de'), ('de' + ' xx' * 171, 'en')):
        equal(page_language(s.new_browser(language='en').open(s.authorization_url(s.rp, ui_locales=ui_locales))), language, ui_locales[:20])
    equal(page_language(s.new_browser(language='zh-CN').open(s.authorization_url(s.rp, ui_locales='de'))), 'de')
    equal(page_language(s.new_browser(language='de').open(s.authorization_url(s.rp))), 'de')


@test('core 3.1.2.1: login_hint fills in the user name, as text, and decides nothing')
def _(s):
    for hint in ('bob', 'alice@example.org', '"><script>alert(1)</script>', 'é'):
        page = s.new_browser().open(s.authorization_url(s.rp, login_hint=hint))
        equal(dict(page.page.form_with('username').values())['username'], hint)
        lacks(page.text, '<script')
    equal(dict(s.new_browser().open(s.authorization_url(s.rp, login_hint='x' * 300)).page.form_with('username').values())['username'], '')
    # Somebody else may sign in, and who is signed in stays.
    contains(s.approve(s.rp, browser=s.new_browser(), login_hint='bob'), 'code')
    contains(s.approve(s.rp, prompt='none', login_hint='bob'), 'code')


@test('core 3.1.2.1: display and claims_locales are wishes, whatever they say')
def _(s):
    for changes in (dict(display='page'), dict(display='popup'), dict(display='touch'), dict(display='wap'), dict(display='x"><y'), dict(claims_locales='de fr'),
                    dict(claims_locales='not a language')):
        contains(s.approve(s.rp, scope='openid', **changes), 'code')


@test('core 3.1.2.1: acr_values that nobody has are wishes; of the ones a login has, acr says so or is silent')
def _(s):
    tokens = s.tokens(s.rp, scope='openid', acr_values='urn:test:gold urn:test:silver')
    lacks(claims_of(tokens['id_token']).get('acr', ''), 'urn:test')
    contains(s.approve(s.rp, scope='openid', acr_values='x' * 1000), 'code')


@test('core 3.1.2.1: prompt takes its values in any order, once or twice, and no others')
def _(s):
    browser = signed_in(s)
    for prompt in ('login', 'consent', 'select_account', 'login consent', 'consent login', 'login select_account consent', 'login login'):
        expect_proceeds(s, browser.get(s.authorization_url(s.rp, prompt=prompt)))
    for prompt in ('none login', 'login none', 'none consent', 'none select_account', 'create', 'LOGIN', 'login,consent', 'x'):
        expect_redirect_error(s, s.az(s.rp, prompt=prompt), 'invalid_request', s.rp.redirect_uri)
    contains(s.approve(s.rp, prompt='none none'), 'code')
    contains(s.approve(s.rp, prompt=''), 'code')


@test('core 3.1.2.1: prompt login asks for the password again, consent for consent, select_account which account')
def _(s):
    page = signed_in(s).open(s.authorization_url(s.rp, prompt='login'))
    check(page.page.form_with('password') is not None, 'login')
    page = signed_in(s).open(s.authorization_url(s.rp, prompt='consent'))
    check(page.page.form_with('decision') is not None, 'consent')
    browser = signed_in(s)
    page = browser.open(s.authorization_url(s.rp, prompt='select_account', scope='openid'))
    contains(page.text, 'alice')
    switch = next(attributes['href'] for _, attributes in page.page.elements if attributes.get('id') == 'switch')
    answer = browser.login(browser.open(switch), 'bob', s.users['bob'])
    if answer.status == 200 and answer.page.form_with('decision'):
        answer = browser.decide(answer, 'allow')
    contains(parameters_of(answer.location), 'code')
    # Both: the password, then consent; and no question twice.
    browser = signed_in(s)
    page = browser.login(browser.open(s.authorization_url(s.rp, prompt='login consent')), 'alice', s.users['alice'])
    contains(parameters_of(browser.decide(page, 'allow').location), 'code')


@test('core 3.1.2.1: max_age is seconds; 0 asks again; with prompt none it is login_required')
def _(s):
    for max_age in ('-1', 'x', '1.5', '1e3', '9' * 20, '+1', ' 1'):
        expect_redirect_error(s, s.az(s.rp, max_age=max_age), 'invalid_request', s.rp.redirect_uri)
    browser = signed_in(s)
    check(browser.open(s.authorization_url(s.rp, max_age='0')).page.form_with('password') is not None, 'max_age 0')
    equal(parameters_of(browser.get(s.authorization_url(s.rp, max_age='0', prompt='none')).location)['error'], 'login_required')
    contains(parameters_of(browser.get(s.authorization_url(s.rp, max_age='2147483647', prompt='none')).location), 'code')


@test('core 3.1.2.1: id_token_hint and login_hint of others do not sign anybody in')
def _(s):
    hint = s.tokens(s.rp, 'bob', scope='openid')['id_token']
    equal(header_of(hint)['alg'], 'RS256')
    page = signed_in(s).open(s.authorization_url(s.rp, scope='openid', id_token_hint=hint))
    check(page.page.form_with('password') is not None, 'the one that is meant must sign in')
    answer = signed_in(s).get(s.authorization_url(s.rp, scope='openid', id_token_hint=hint, prompt='none', response_mode='form_post'))
    expect_form_error(s, answer, 'login_required', s.rp)


if __name__ == '__main__':
    main(lambda: introduce(Service(clients=clients())))
