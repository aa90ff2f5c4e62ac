#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The authorization endpoint: RFC 6749 sections 3.1 and 4.1, and rows A of the threat table."""

import socket
import urllib.parse

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, one_of, test
from tessera_fixture import (R3, Service, challenge_of, expect_error, expect_page_400, expect_proceeds, expect_redirect_error,
                             new_verifier, parameters_of)


@test('A01 redirect_uri is compared byte by byte: a near miss gets a page')
def _(s):
    for uri in ('https://c1.test/cb/', 'https://c1.test/cb?x', 'https://c1.test/CB', 'https://C1.test/cb', 'HTTPS://c1.test/cb',
                'https://c1.test:443/cb', 'https://c1.test/cb#f', 'https://c1.test/%63b', 'https://c1.test/./cb',
                'https://c1.test.evil/cb', 'https://evil.test/https://c1.test/cb', 'https://c1.test@evil.test/cb',
                'http://c1.test/cb', 'https://c1.test/c', 'https://c1.test/cb ', ' https://c1.test/cb', '//c1.test/cb', '/cb',
                'https://c1.test/cb%00', 'https://c2.test/cb', 'javascript:alert(1)'):
        expect_page_400(s.az(redirect_uri=uri))


@test('A01 redirect_uri is compared byte by byte: the registered one proceeds, with its own query too')
def _(s):
    expect_proceeds(s, s.az())
    expect_proceeds(s, s.az(s.m1))
    expect_proceeds(s, s.az(s.m1, redirect_uri='https://m1.test/other'))
    expect_page_400(s.az(s.m1, redirect_uri='https://m1.test/cb'))
    expect_page_400(s.az(s.m1, redirect_uri='https://m1.test/cb?x=2'))
    answer = s.approve(s.m1)
    equal(answer['x'], '1', 'the query of the registered URI stays')
    check('code' in answer, repr(answer))


@test('A03 redirect_uri may be left out only where one is registered')
def _(s):
    expect_page_400(s.az(s.m1, redirect_uri=None))
    expect_page_400(s.az(s.p1, redirect_uri=None))
    expect_proceeds(s, s.az(redirect_uri=None))
    verifier = new_verifier()
    code = s.approve(redirect_uri=None, code_challenge=challenge_of(verifier))['code']
    equal(s.redeem(s.c1, code, verifier, redirect_uri=None).status, 200)


@test('A04 an unknown, missing or repeated client_id never redirects')
def _(s):
    expect_page_400(s.az(client_id='nobody'))
    expect_page_400(s.az(client_id=None))
    expect_page_400(s.az(client_id=''))
    expect_page_400(s.az(client_id='C1'))
    expect_page_400(s.az(client_id=['c1', 'c1']))
    expect_page_400(s.az(client_id=['c1', 'c2']))
    expect_page_400(s.get('/authorize'))
    expect_proceeds(s, s.az())


@test('A05 the error redirect is for registered clients only, and at once')
def _(s):
    expect_redirect_error(s, s.az(scope='zzz'), 'invalid_scope')
    expect_page_400(s.az(client_id='x1', redirect_uri='https://evil.test/', scope='zzz'))


@test('A06 only response_type code is known')
def _(s):
    for response_type in ('token', 'id_token', 'code token', 'code id_token', 'none', 'CODE', 'code code', 'password'):
        expect_redirect_error(s, s.az(response_type=response_type), 'unsupported_response_type')
    expect_redirect_error(s, s.az(response_type=None), 'invalid_request')
    expect_redirect_error(s, s.az(response_type=''), 'invalid_request')
    expect_proceeds(s, s.az(response_type='code'))


@test('A06 the parameters of a transaction do not change on the way')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    form = page.page.form_with('password')
    page = browser.submit(page, form, username='alice', password=s.users['alice'], response_type='token', scope='a b',
                          redirect_uri='https://evil.test/')
    last = browser.decide(page, 'allow') if page.status == 200 else page
    equal(last.status, 303)
    check(last.location.startswith('https://c1.test/cb?'), last.location)
    check('code' in parameters_of(last.location), last.location)
    lacks(last.location, '#')


@test('A10 no parameter may be repeated, in GET and POST, also with an escaped name')
def _(s):
    for extra in ('&scope=a', '&scope=b', '&sc%6Fpe=b', '&scope=', '&response_type=code', '&code_challenge_method=S256', '&code_challenge=x', '&prompt=login&prompt=none'):
        url = s.authorization_url(extra=extra)
        expect_redirect_error(s, s.get(url), 'invalid_request')
        path, _, query = url.partition('?')
        expect_redirect_error(s, s.form(path, query), 'invalid_request')
    answer = s.get(s.authorization_url(extra='&state=T'))
    equal(parameters_of(answer.location)['error'], 'invalid_request')
    for name in ('redirect_uri', 'redirect%5Furi'):
        expect_page_400(s.get(s.authorization_url(extra='&%s=%s' % (name, urllib.parse.quote(s.c1.redirect_uri, '')))))
        expect_page_400(s.get(s.authorization_url(extra='&%s=https://evil.test/' % name)))
    lacks(parameters_of(answer.location), 'state')  # which of the two it is, nobody can know
    expect_proceeds(s, s.az())


@test('A10 resource is the one parameter that may be repeated')
def _(s):
    expect_proceeds(s, s.az(resource=['https://r1.test/', 'https://r2.test/']))


@test('A11 an empty parameter counts as left out')
def _(s):
    answer = s.approve(state='')
    check('code' in answer and 'state' not in answer, repr(answer))
    check('code' in s.approve(prompt='', max_age='', ui_locales='', login_hint=''), 'empty parameters refused')
    expect_redirect_error(s, s.az(code_challenge=''), 'invalid_request')


@test('A12 a state has a limit, beyond which it is not sent back')
def _(s):
    expect_proceeds(s, s.az(state='x' * 2048))
    expect_redirect_error(s, s.az(state='x' * 2049), 'invalid_request', state=None)


@test('A12 state comes back byte for byte and never splits the response')
def _(s):
    for state in ('\r\nX-Evil: 1\r\n\r\n"><script>alert(1)</script>', 'a&code=evil&iss=evil', 'é%20+ =;#?\\', 'x' * 2048, '\u2028\u202e'):
        browser = s.browser()
        last = browser.authorize(s.authorization_url(state=state), 'alice', s.users['alice'])
        equal(last.status, 303)
        equal(parameters_of(last.location)['state'], state)
        equal(last.header('X-Evil'), None)
        answer = s.az(scope='zzz', state=state)
        equal(parameters_of(answer.location)['state'], state)
        equal(answer.header('X-Evil'), None)
        check(all(32 < ord(c) < 127 for c in answer.location), answer.location)


@test('A13 iss is in each answer, good or bad')
def _(s):
    equal(s.approve()['iss'], s.issuer)
    expect_redirect_error(s, s.az(scope='zzz'), 'invalid_scope')
    equal(s.approve(scope='b', decision='deny')['iss'], s.issuer)
    check(s.get('/.well-known/oauth-authorization-server').json()['authorization_response_iss_parameter_supported'] is True, 'not advertised')


@test('A17 the redirect with the code is kept by no cache')
def _(s):
    last = s.browser().authorize(s.authorization_url(), 'alice', s.users['alice'])
    equal(last.status, 303)
    equal(last.header('Cache-Control'), 'no-store')
    equal(last.header('Referrer-Policy') or 'no-referrer', 'no-referrer')
    equal(s.az(scope='zzz').header('Cache-Control'), 'no-store')


@test('A26 a scope outside the registration is refused, the consent page names client, host and scopes')
def _(s):
    expect_redirect_error(s, s.az(scope='admin'), 'invalid_scope')
    expect_redirect_error(s, s.az(scope='a admin'), 'invalid_scope')
    browser = s.browser().copy()
    page = browser.open(s.authorization_url(s.m1, scope='a b', prompt='consent'))
    form = page.page.form_with('decision')
    check(form is not None, 'no consent form: %r' % page)
    contains(page.page.text, 'Client m1')
    contains(page.page.text, 'm1.test')
    for scope in ('a', 'b'):
        check(scope in page.page.text.split(), 'scope %s is not on the page: %r' % (scope, page.page.text))


@test('A27 prompt=none never shows a page')
def _(s):
    expect_redirect_error(s, s.az(prompt='none'), 'login_required')
    expect_redirect_error(s, s.az(prompt='none login'), 'invalid_request')
    for unknown in ('nothing', 'None', 'login nothing'):
        expect_redirect_error(s, s.az(prompt=unknown), 'invalid_request')
    browser = s.browser()
    expect_redirect_error(s, browser.get(s.authorization_url(s.c2, prompt='none', scope='a b')), 'consent_required', s.c2.redirect_uri)
    s.approve(s.c1)
    last = browser.get(s.authorization_url(prompt='none'))
    equal(last.status, 303)
    check('code' in parameters_of(last.location), last.location)


@test('A27 prompt=login and max_age ask for the password again')
def _(s):
    browser = s.browser('bob').copy()
    check(browser.open(s.authorization_url(prompt='login')).page.form_with('password'), 'prompt=login showed no login form')
    check(browser.open(s.authorization_url(max_age='0')).page.form_with('password'), 'max_age=0 showed no login form')
    s.advance(100)
    check(browser.open(s.authorization_url(max_age='50')).page.form_with('password'), 'max_age=50 showed no login form')
    last = browser.open(s.authorization_url(max_age='5000'))
    equal(last.status, 303, 'max_age=5000')
    expect_redirect_error(s, browser.get(s.authorization_url(max_age='50', prompt='none')), 'login_required')
    for bad in ('-1', 'x', '1.5', '99999999999999999999', '+3'):
        expect_redirect_error(s, s.az(max_age=bad), 'invalid_request')


@test('A32 codes are of 256 random bits')
def _(s):
    codes = [s.code()[0] for _ in range(40)]
    equal(len(set(codes)), 40)
    check(all(len(code) >= 43 for code in codes), repr(codes[:3]))
    check(len({code[-43:-33] for code in codes}) == 40, 'codes begin alike')


@test('A33 a code lives sixty seconds')
def _(s):
    code, verifier = s.code()
    s.advance(61)
    expect_error(s.redeem(s.c1, code, verifier), 'invalid_grant')
    code, verifier = s.code()
    s.advance(50)
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('A35 too long a target, head or body is refused and the connection closed')
def _(s):
    answer = s.az(state='x' * 9000)
    equal(answer.status, 414)
    equal(answer.header('Connection'), 'close')
    answer = s.get('/authorize', {'X-Filler': 'x' * 17000})
    equal(answer.status, 431)
    equal(answer.header('Connection'), 'close')
    answer = s.form('/authorize', 'state=' + 'x' * 70000)
    equal(answer.status, 413)
    equal(answer.header('Connection'), 'close')
    expect_proceeds(s, s.az(state='x' * 2000))
    expect_proceeds(s, s.get(s.authorization_url(), {'X-Filler': 'x' * 8000}))


@test('A36 other methods are refused with Allow')
def _(s):
    for method in ('PUT', 'DELETE', 'PATCH', 'TRACE'):
        answer = s.request(method, s.authorization_url())
        one_of(answer.status, (405, 501), method)
        if answer.status == 405:
            contains(answer.header('Allow') or '', 'GET')
            contains(answer.header('Allow') or '', 'POST')
        equal(answer.location, None)
    expect_proceeds(s, s.get(s.authorization_url()))


@test('A42 a code_challenge whose code was redeemed is not taken again')
def _(s):
    verifier = new_verifier()
    challenge = challenge_of(verifier)
    first = s.approve(code_challenge=challenge)['code']
    second = s.approve(code_challenge=challenge)['code']  # the page was loaded again before redemption
    equal(s.redeem(s.c1, second, verifier).status, 200)
    check(first != second, 'the same code twice')
    last = s.browser().open(s.authorization_url(code_challenge=challenge))
    expect_redirect_error(s, last, 'invalid_request')
    other = s.approve(s.c2, code_challenge=challenge)
    check('code' in other, 'the challenge of another client was refused')


@test('A43 response modes other than query and form_post are not offered')
def _(s):
    for mode in ('web_message', 'fragment', 'jwt', 'query.jwt', 'form_post.jwt', 'nonsense'):
        expect_redirect_error(s, s.az(response_mode=mode), 'invalid_request')
    expect_proceeds(s, s.az(response_mode='query'))


@test('rfc6749/3.1 POST is accepted like GET, and its query is not')
def _(s):
    path, _, query = s.authorization_url().partition('?')
    expect_proceeds(s, s.form(path, query))
    expect_page_400(s.form(path + '?' + query, ''))
    expect_page_400(s.form(path + '?x=1', query))
    equal(s.request('POST', path, query, {'Content-Type': 'application/json'}).status, 415)


@test('rfc9101/5 request objects are refused, never ignored or fetched')
def _(s):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(0.2)
        expect_redirect_error(s, s.az(request_uri='http://127.0.0.1:%d/request' % listener.getsockname()[1]), 'request_uri_not_supported')
        expect_redirect_error(s, s.az(request='eyJhbGciOiJub25lIn0.e30.'), 'request_not_supported')
        try:
            listener.accept()
        except socket.timeout:
            return
        check(False, 'the service fetched it')


@test('rfc6749/3.1 unknown parameters are ignored')
def _(s):
    expect_proceeds(s, s.az(shoe_size='44', foo='bar'))


@test('rfc6749/3.1.2.4 nothing a stranger sends is echoed unescaped on the error page')
def _(s):
    page = expect_page_400(s.az(client_id='<svg/onload=alert(1)>', redirect_uri='"><script>alert(2)</script>'))
    lacks(page.text, '<svg')
    lacks(page.text, '<script>alert')


@test('rfc6749/3.3 an authorization without scope asks for what is registered, or is refused')
def _(s):
    answer = s.browser().authorize(s.authorization_url(scope=None), 'alice', s.users['alice'])
    equal(answer.status, 303)
    parameters = parameters_of(answer.location)
    check('code' in parameters or parameters.get('error') == 'invalid_scope', answer.location)


@test('rfc6749/3.3 a malformed scope is invalid_scope')
def _(s):
    for scope in ('a"', 'a\\', 'é', 'a\tb', ' '.join('s%d' % n for n in range(70)), 'x' * 1100):
        expect_redirect_error(s, s.az(scope=scope), 'invalid_scope')


@test('rfc6749/4.1.1 openid is refused until there is OpenID Connect')
def _(s):
    expect_redirect_error(s, s.az(scope='openid'), 'invalid_scope')
    expect_redirect_error(s, s.az(scope='a openid'), 'invalid_scope')


@test('rfc6749/4.1.2.1 no is told to the client as access_denied')
def _(s):
    answer = s.approve(s.m1, scope='b', decision='deny')
    equal(answer['error'], 'access_denied')
    equal(answer['state'], 'S')
    lacks(answer, 'code')
    check('code' in s.approve(s.m1, scope='b'), 'yes gave no code')


@test('rfc6749/4.1.2.1 a client without the grant is unauthorized_client')
def _(s):
    # "machine" has no redirect URI at all, so it cannot even get a redirect.
    expect_page_400(s.az(s.machine, redirect_uri='https://machine.test/cb'))
    expect_redirect_error(s, s.az(s.noac), 'unauthorized_client', s.noac.redirect_uri)
    expect_proceeds(s, s.az(s.nocc))


@test('rfc8707/2 an unknown resource is invalid_target at the authorization endpoint')
def _(s):
    for bad in ('https://unknown.test/', 'not a uri', 'https://r1.test/#f', R3, 'https://r1.test'):
        expect_redirect_error(s, s.az(resource=bad), 'invalid_target')
    expect_proceeds(s, s.az(resource='https://r1.test/'))


@test('rfc9700/4.12 the answer after a form is 303')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url(prompt='consent'))
    answer = browser.submit_only(page, page.page.form_with('password'), username='alice', password=s.users['alice'])
    equal(answer.status, 303)
    page = browser.follow(answer)
    answer = browser.submit_only(page, page.page.form_with('decision'), decision='allow')
    equal(answer.status, 303)
    check('code' in parameters_of(answer.location), answer.location)


@test('rfc6749/3.1 bad escapes, NUL and bad UTF-8 are refused')
def _(s):
    for extra in ('&foo=%zz', '&foo=%', '&foo=%0', '&foo=%00', '&foo=%ff%fe', '&foo=%c0%af', '&foo=%ed%a0%80'):
        answer = s.get(s.authorization_url(extra=extra))
        if answer.status == 400:  # of the HTTP library, or ours
            equal(answer.location, None)
        else:
            expect_redirect_error(s, answer, 'invalid_request')
    expect_proceeds(s, s.get(s.authorization_url(extra='&foo=%e2%82%ac')))


if __name__ == '__main__':
    main(Service)
