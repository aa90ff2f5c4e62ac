#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the answer to an authorization request goes (OAuth 2.0 Form Post Response Mode), and the parameters of OpenID
Connect that only ask or wish. Rows A31 and A43 of the threat table."""

import base64
import hashlib
import re

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import (GRANTS, R1, R2, Client, Service, challenge_of, claims_of, default_clients, expect_page_400, expect_proceeds,
                             expect_redirect_error, header_of, new_verifier, parameters_of)


def clients():
    both = dict(scope='a b openid profile', grant_types=GRANTS, resources='%s;%s;' % (R1, R2), audience=R1 + ';')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', first_party='true', **both),
        Client('asks', redirect_uri='https://asks.test/cb', **both),
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
    for ui_locales, language in (('de', 'de'), ('fr de', 'de'), ('zh-CN de', 'zh-CN'), ('de-CH', 'de'), ('xx', 'en'), ('', 'en'), ('d' * 5000, 'en')):
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
    main(lambda: Service(clients=clients()))
