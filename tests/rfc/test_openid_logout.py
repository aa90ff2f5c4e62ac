#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect RP-Initiated Logout 1.0: who is signed out, who is asked first, and where the browser goes then."""

import json
import urllib.parse

import rfc_path  # noqa: F401
import administrator
from tap import check, contains, equal, lacks, main, skip, test
from tessera_fixture import (GRANTS, R1, Client, Service, b64url, claims_of, default_clients, expect_page_400, expect_redirect_error, header_of,
                             parameters_of)

OUT = 'https://rp.test/out'
OUT_WITH_QUERY = 'https://rp.test/out?from=tessera'
NATIVE_OUT = 'http://127.0.0.1/out'


def clients():
    both = dict(scope='a openid', grant_types=GRANTS, first_party='true')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', client_name='The Diary', post_logout_redirect_uris='%s;%s;' % (OUT, OUT_WITH_QUERY), **both),
        Client('other', redirect_uri='https://other.test/cb', post_logout_redirect_uris='https://other.test/out;', **both),
        Client('none', redirect_uri='https://none.test/cb', **both),
        Client('native', method='none', redirect_uri='http://127.0.0.1/cb', application_type='native', scope='openid',
               grant_types='authorization_code;refresh_token;', post_logout_redirect_uris=NATIVE_OUT + ';'),
    ]


def signed_in(s, client=None, username='alice', **changes):
    """A browser of its own, and what the client got in it."""
    browser = s.new_browser()
    return browser, s.tokens(client or s.rp, username, browser=browser, **dict({'scope': 'openid'}, **changes))


def address(**parameters):
    return '/logout?' + urllib.parse.urlencode({name: value for name, value in parameters.items() if value is not None})


def is_signed_in(s, browser):
    answer = browser.copy().get(s.authorization_url(s.rp, scope='openid', prompt='none'))
    return 'code' in parameters_of(answer.location)


def expect_question(answer):
    """The page that asks, and its form."""
    equal((answer.status, answer.location), (200, None))
    check(any(a.get('id') == 'logout' for _, a in answer.page.elements), repr(answer))
    return answer.page.form_with('csrf')


def expect_signed_out_page(answer):
    equal(answer.status, 200)
    check(any(a.get('id') == 'signed-out' for _, a in answer.page.elements), repr(answer))


@test('rp-logout 2.1: the configuration says where the endpoint is')
def _(s):
    for place in ('openid-configuration', 'oauth-authorization-server'):
        equal(s.get('/.well-known/' + place).json()['end_session_endpoint'], s.issuer + '/logout')


@test('rp-logout 2: an id_token_hint of this session ends it without a question, and the browser goes back with its state')
def _(s):
    browser, tokens = signed_in(s)
    answer = browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT, state='a b&c=é"'))
    equal((answer.status, answer.location.split('?')[0], parameters_of(answer.location)), (303, OUT, {'state': 'a b&c=é"'}))
    equal(answer.header('cache-control'), 'no-store')
    check(not is_signed_in(s, browser), 'still signed in')


@test('rp-logout 3: without state there is none, and the query of the address stays')
def _(s):
    browser, tokens = signed_in(s)
    answer = browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT_WITH_QUERY))
    equal((answer.status, answer.location), (303, OUT_WITH_QUERY))
    browser, tokens = signed_in(s)
    answer = browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT_WITH_QUERY, state='x'))
    equal(answer.location, OUT_WITH_QUERY + '&state=x')


@test('rp-logout 2: an id_token_hint and no address: the session ends, and a page says so')
def _(s):
    browser, tokens = signed_in(s)
    expect_signed_out_page(browser.open(address(id_token_hint=tokens['id_token'], state='x')))
    check(not is_signed_in(s, browser), 'still signed in')


@test('rp-logout 2: the access tokens and refresh tokens of the session are refused at once, those of another session are not')
def _(s):
    browser, tokens = signed_in(s)
    _, elsewhere = signed_in(s)
    for one in (tokens, elsewhere):
        equal(s.get('/userinfo', {'Authorization': 'Bearer ' + one['access_token']}).status, 200)
    browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT))
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']}).status, 401)
    equal(s.refresh(tokens['refresh_token'], s.rp).status, 400)
    check(not s.is_active(tokens['access_token']), 'active')
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + elsewhere['access_token']}).status, 200)
    equal(s.refresh(elsewhere['refresh_token'], s.rp).status, 200)


@test('rp-logout 2: an id_token_hint that has expired is good')
def _(s):
    browser, tokens = signed_in(s)
    for _ in range(4):
        s.advance(1000)
        check(is_signed_in(s, browser), 'signed out')
    check(claims_of(tokens['id_token'])['exp'] < s.now(), 'not expired')
    equal(browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT)).location, OUT)
    check(not is_signed_in(s, browser), 'still signed in')


@test('rp-logout 2: a form that another site posts is taken as an address is, though its cookie stays behind')
def _(s):
    browser, tokens = signed_in(s)
    fields = {'id_token_hint': tokens['id_token'], 'client_id': 'rp', 'post_logout_redirect_uri': OUT, 'state': 'x'}
    answer = s.new_browser().post('/logout', fields, {'Origin': 'https://rp.test', 'Sec-Fetch-Site': 'cross-site'})
    equal(answer.status, 303)
    check(browser.is_inside(answer.location), answer.location)
    check(is_signed_in(s, browser), 'signed out without its cookie')
    equal(browser.get(answer.location).location, OUT + '?state=x')
    check(not is_signed_in(s, browser), 'still signed in')


@test('A41 without an id_token_hint the person is asked, told by whom, and goes to the registered address only then')
def _(s):
    browser, _ = signed_in(s)
    page = browser.get(address(client_id='rp', post_logout_redirect_uri=OUT, state='x'))
    form = expect_question(page)
    contains(page.page.text, 'The Diary')
    contains(page.page.text, 'rp.test')
    check(is_signed_in(s, browser), 'GET signed out')
    answer = browser.submit(page, form)
    equal((answer.status, answer.location), (303, OUT + '?state=x'))
    check(not is_signed_in(s, browser), 'still signed in')


@test('A41 an id_token_hint of another person, or of another session, ends nothing unasked')
def _(s):
    browser, _ = signed_in(s)
    for username in ('bob', 'alice'):
        _, others = signed_in(s, username=username)
        page = browser.get(address(id_token_hint=others['id_token'], post_logout_redirect_uri=OUT))
        form = expect_question(page)
        contains(page.page.text, 'alice')
        check(is_signed_in(s, browser), 'signed out unasked')
        equal(s.get('/userinfo', {'Authorization': 'Bearer ' + others['access_token']}).status, 200)
    equal(browser.submit(page, form).location, OUT)
    check(not is_signed_in(s, browser), 'still signed in')


@test('rp-logout 2: nothing, state alone or a logout_hint: the person is asked, and stays here')
def _(s):
    for parameters in ({}, {'state': 'x'}, {'logout_hint': 'alice'}, {'client_id': 'rp', 'state': 'x'}):
        browser, _ = signed_in(s)
        page = browser.get(address(**parameters))
        form = expect_question(page)
        check(is_signed_in(s, browser), 'signed out unasked')
        expect_signed_out_page(browser.submit(page, form))
        check(not is_signed_in(s, browser), 'still signed in')


@test('A41 an address that is not registered, to the letter, gets a page and never a redirect')
def _(s):
    browser, tokens = signed_in(s)
    wrong = ('https://evil.test/', OUT + '/', OUT + '?x', OUT + '#', OUT.upper(), 'https://rp.test:443/out', 'https://rp.test/o%75t', 'https://rp.test/',
             'https://rp.test/cb', 'https://other.test/out', '//rp.test/out', 'javascript:alert(1)', OUT_WITH_QUERY + '&x=1', ' ' + OUT, 'https://rp.test/out;')
    for uri in wrong:
        for parameters in ({'id_token_hint': tokens['id_token']}, {'client_id': 'rp'}):
            expect_page_400(browser.get(address(post_logout_redirect_uri=uri, state='x', **parameters)))
            check(is_signed_in(s, browser), uri)
    equal(browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT)).location, OUT)


@test('A41 the port of a loopback address is not free here, as it is for an authorization')
def _(s):
    browser, tokens = signed_in(s, s.native)
    expect_page_400(browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri='http://127.0.0.1:4711/out')))
    equal(browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=NATIVE_OUT)).location, NATIVE_OUT)


@test('A41 a client that registered none has none')
def _(s):
    browser, tokens = signed_in(s, s.none)
    for uri in ('https://none.test/cb', 'http://127.0.0.1/'):
        expect_page_400(browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=uri)))
    expect_signed_out_page(browser.open(address(id_token_hint=tokens['id_token'])))


@test('A41 a registered address without a client gets a page and never a redirect, signed in or not')
def _(s):
    browser, _ = signed_in(s)
    for one in (browser, s.new_browser()):
        expect_page_400(one.get(address(post_logout_redirect_uri=OUT)))
        expect_page_400(one.get(address(post_logout_redirect_uri=OUT, state='x', logout_hint='alice')))
    check(is_signed_in(s, browser), 'signed out')
    equal(browser.submit(page := browser.get(address(client_id='rp', post_logout_redirect_uri=OUT)), expect_question(page)).location, OUT)


@test('A41 a client_id that the id_token_hint was not made for gets a page; the right one does not')
def _(s):
    browser, tokens = signed_in(s)
    for client_id in ('other', 'nobody', 'RP'):
        for uri in (OUT, 'https://other.test/out', None):
            expect_page_400(browser.get(address(id_token_hint=tokens['id_token'], client_id=client_id, post_logout_redirect_uri=uri)))
    check(is_signed_in(s, browser), 'signed out')
    equal(browser.get(address(id_token_hint=tokens['id_token'], client_id='rp', post_logout_redirect_uri=OUT)).location, OUT)


@test('rp-logout 4: an id_token_hint that is forged or none, and an unknown client, get a page and end nothing')
def _(s):
    browser, tokens = signed_in(s)
    token = tokens['id_token']
    forged = token[:-8] + ('A' if token[-8] != 'A' else 'B') + token[-7:]
    for hint in (forged, tokens['access_token'], 'x', 'a.b.c', token.rpartition('.')[0] + '.'):
        for uri in (OUT, None):
            expect_page_400(browser.get(address(id_token_hint=hint, post_logout_redirect_uri=uri)))
            expect_page_400(browser.get(address(id_token_hint=hint, client_id='rp', post_logout_redirect_uri=uri)))
    expect_page_400(browser.get(address(client_id='nobody')))
    check(is_signed_in(s, browser), 'signed out')
    equal(browser.get(address(id_token_hint=token, post_logout_redirect_uri=OUT)).location, OUT)


@test('rp-logout 2: a parameter that is there twice, or a state that is too long or has control characters, gets a page')
def _(s):
    browser, tokens = signed_in(s)
    good = address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT)
    for more in ('&post_logout_redirect_uri=https%3A%2F%2Fevil.test', '&id_token_hint=x', '&state=a&state=b', '&state=' + 'x' * 2049, '&state=a%0d%0ab', '&state=%ff'):
        expect_page_400(browser.get(good + more))
        check(is_signed_in(s, browser), 'signed out')
    equal(browser.get(good + '&state=' + 'x' * 2048 + '&unknown=1').location, OUT + '?state=' + 'x' * 2048)


@test('rp-logout 2: where nobody is signed in any more a valid id_token_hint leads back, and a bare client_id does not')
def _(s):
    _, tokens = signed_in(s)
    answer = s.new_browser().get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT, state='x'))
    equal((answer.status, answer.location), (303, OUT + '?state=x'))
    expect_signed_out_page(s.new_browser().get(address(client_id='rp', post_logout_redirect_uri=OUT)))
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']}).status, 200)


@test('A41 the form of the question fits this session and what was shown, and nothing else')
def _(s):
    browser, _ = signed_in(s)
    other, _ = signed_in(s, username='bob')
    asked = address(client_id='rp', post_logout_redirect_uri=OUT, state='x')
    page, theirs = browser.get(asked), other.get(asked)
    form, foreign = expect_question(page), dict(expect_question(theirs).values())['csrf']
    plain = dict(expect_question(browser.get('/logout')).values())['csrf']
    for changes in ({'csrf': foreign}, {'csrf': plain}, {'csrf': 'x' * 43}, {'state': 'y'}, {'post_logout_redirect_uri': OUT_WITH_QUERY},
                    {'post_logout_redirect_uri': None}, {'client_id': 'other', 'post_logout_redirect_uri': 'https://other.test/out'}):
        answer = browser.submit_only(page, form, **changes)
        equal((answer.status, answer.location), (403, None), repr(changes))
    for changes in ({'post_logout_redirect_uri': 'https://evil.test/'}, {'client_id': 'other'}, {'client_id': None}):
        expect_page_400(browser.submit_only(page, form, **changes))
    for changes in ({'csrf': None}, {'csrf': ''}):
        expect_question(browser.submit(page, form, **changes))
    check(is_signed_in(s, browser), 'signed out')
    equal(browser.submit(page, form).location, OUT + '?state=x')


@test('A41 a page of another site ends no session by posting, and is led to the question')
def _(s):
    browser, _ = signed_in(s)
    for headers in ({'Origin': 'https://evil.test'}, {'Origin': 'null'}):
        page = browser.follow(browser.post('/logout', {'client_id': 'rp', 'post_logout_redirect_uri': OUT}, headers))
        expect_question(page)
    check(is_signed_in(s, browser), 'signed out')


@test('rp-logout 2: ui_locales chooses the language of the question and of the page after it')
def _(s):
    browser, tokens = signed_in(s)
    page = browser.get(address(client_id='rp', ui_locales='de'))
    contains(page.text, 'lang="de"')
    contains(page.page.text, 'Abmelden')
    contains(browser.get(address(client_id='rp', ui_locales='zh-CN')).text, 'lang="zh')
    contains(browser.get(address(client_id='rp', ui_locales='xx')).text, 'lang="en"')
    contains(browser.submit(page, expect_question(page)).text, 'lang="de"')
    browser, tokens = signed_in(s)
    contains(browser.open(address(id_token_hint=tokens['id_token'], ui_locales='de')).text, 'lang="de"')


@test('A23 what an application says at a logout is text, never markup')
def _(s):
    browser, _ = signed_in(s)
    nasty = '"><svg/onload=alert(1)>\'`{{1}}'
    page = browser.get(address(client_id='rp', post_logout_redirect_uri=OUT, state=nasty, ui_locales=nasty, logout_hint=nasty))
    lacks(page.text, '<svg')
    answer = browser.submit(page, expect_question(page))
    equal(parameters_of(answer.location), {'state': nasty})


@test('a client is checked for its post_logout_redirect_uris as for its redirect_uris')
def _(_s):
    for uri, good in (('http://rp.test/out', False), ('https://rp.test/out#x', False), ('https://*.rp.test/', False), ('javascript:alert(1)', False),
                      ('com.example.app:/out', True), ('http://127.0.0.1/out', True)):
        other = Service(clients=[Client('x', redirect_uri='https://x.test/cb', scope='openid', post_logout_redirect_uris=uri + ';', grant_types='authorization_code;')])
        try:
            status, said = other.run_check()
            equal(status, 0 if good else 78, uri + ' ' + said)
            if not good:
                contains(said, '[client x] post_logout_redirect_uris')
        finally:
            other.abandon()


@test('the log says which address was refused and which are registered')
def _(s):
    s.new_browser().get(address(client_id='rp', post_logout_redirect_uri='https://seen.test/'))
    line = [line for line in s.log_lines() if 'https://seen.test/' in line][-1]
    contains(line, OUT)


@test('a session that ended by a logout stays ended over a restart')
def _(s):
    browser, tokens = signed_in(s)
    kept = browser.copy()
    equal(browser.get(address(id_token_hint=tokens['id_token'], post_logout_redirect_uri=OUT)).location, OUT)
    equal(s.restart() or 0, 0)
    check(not is_signed_in(s, kept), 'the cookie of before works again')
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']}).status, 401)


@test('rp-logout 2: below an issuer with a path a posted form and a question find their way')
def _(_s):
    s = Service(clients=clients(), issuer_path='/tenant')
    try:
        s.start()
        equal(s.get('/tenant/.well-known/openid-configuration').json()['end_session_endpoint'], s.issuer + '/logout')
        browser, tokens = signed_in(s)
        page = browser.follow(browser.post('/tenant/logout', {'client_id': 'rp', 'post_logout_redirect_uri': OUT}))
        equal(browser.submit(page, expect_question(page)).location, OUT)
        browser, tokens = signed_in(s)
        expect_signed_out_page(browser.open('/tenant' + address(id_token_hint=tokens['id_token'])))
    finally:
        s.stop()


@test('switched off there is no endpoint to be found, and what an application says is not heard')
def _(_s):
    s = Service(clients=clients(), endpoints='openid-enabled=false')
    try:
        s.start()
        lacks(s.get('/.well-known/oauth-authorization-server').json(), 'end_session_endpoint')
        browser = s.new_browser()
        s.approve(s.rp, browser=browser, scope='a')
        page = browser.get(address(client_id='rp', post_logout_redirect_uri=OUT, state='x'))
        form = expect_question(page)
        lacks(page.text, 'rp.test')
        equal(browser.post('/logout', {'client_id': 'rp', 'post_logout_redirect_uri': OUT}).status, 403)
        expect_signed_out_page(browser.submit(page, form, client_id='rp', post_logout_redirect_uri=OUT))
    finally:
        s.stop()


@test('rp-logout 4: an access token is no id_token_hint, even where its typ is JWT and it is for several audiences')
def _(_):
    s = Service(clients=[Client('rp', redirect_uri='https://rp.test/cb', scope='a openid', grant_types=GRANTS, first_party='true', resources=R1 + ';',
                                audience=R1 + ';', post_logout_redirect_uris=OUT + ';')],
                sections='[resource r1]\nidentifier=%s\ntoken-type=JWT\n' % R1)
    s.start()
    try:
        browser, tokens = signed_in(s, s.rp)
        equal(header_of(tokens['access_token'])['typ'], 'JWT')
        equal(claims_of(tokens['access_token'])['aud'], [R1, s.issuer])
        for parameters in ({}, {'client_id': R1}, {'post_logout_redirect_uri': OUT}):
            expect_page_400(browser.get(address(id_token_hint=tokens['access_token'], **parameters)))
        check(is_signed_in(s, browser), 'still there')
    finally:
        s.stop()


def forget_key(s, kid):
    """The keys change, and nobody needs the old ones any more."""
    if not administrator.is_here():
        skip('the command is not built')
    check(administrator.rotate_keys(s), 'no new key for each algorithm')
    s.advance(900)
    check(administrator.rotate_keys(s), 'no new key for each algorithm')
    lacks([key['kid'] for key in s.get('/jwks').json()['keys']], kid)


@test('rp-logout 4, 6: an id_token_hint of a key that is gone counts for nothing: the person is asked, and stays here')
def _(s):
    browser, tokens = signed_in(s)
    forget_key(s, header_of(tokens['id_token'])['kid'])
    hint = tokens['id_token']
    page = browser.get(address(id_token_hint=hint, post_logout_redirect_uri=OUT, state='x'))
    form = expect_question(page)
    check(is_signed_in(s, browser), 'signed out unasked')
    expect_signed_out_page(browser.submit(page, form))
    check(not is_signed_in(s, browser), 'still signed in')
    expect_signed_out_page(browser.open(address(id_token_hint=hint, post_logout_redirect_uri=OUT)))
    # An application that says who it is has its address, as without a hint.
    browser, _ = signed_in(s)
    page = browser.get(address(id_token_hint=hint, client_id='rp', post_logout_redirect_uri=OUT))
    equal(browser.submit(page, expect_question(page)).location, OUT)
    browser, _ = signed_in(s)
    for changes in (dict(client_id='rp', post_logout_redirect_uri='https://evil.test/'), dict(client_id='nobody')):
        expect_page_400(browser.get(address(id_token_hint=hint, **changes)))
    # Of another issuer, no ID token, or of a key that is there: that is no question of age.
    _, fresh = signed_in(s)
    for header, changed in (({}, {'iss': 'https://other.test'}), ({'typ': 'at+jwt'}, {}), ({'kid': header_of(fresh['id_token'])['kid']}, {})):
        text = '.'.join((b64url(json.dumps(dict(header_of(hint), **header))), b64url(json.dumps(dict(claims_of(hint), **changed))), hint.rpartition('.')[2]))
        expect_page_400(browser.get(address(id_token_hint=text)))
    check(is_signed_in(s, browser), 'signed out unasked')


@test('core 3.1.2.1: an id_token_hint of a key that is gone says nobody: login_required')
def _(s):
    browser, tokens = signed_in(s)
    forget_key(s, header_of(tokens['id_token'])['kid'])
    for changes in ({}, {'prompt': 'none'}):
        answer = browser.get(s.authorization_url(s.rp, scope='openid', id_token_hint=tokens['id_token'], **changes))
        expect_redirect_error(s, answer, 'login_required', s.rp.redirect_uri)


if __name__ == '__main__':
    main(lambda: Service(clients=clients()))
