#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person and their browser see: headers, cookies, sessions, forms; rows A of the threat table."""

import re
import urllib.parse

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, one_of, test
from tessera_fixture import (Browser, Client, Service, challenge_of, expect_page_400, expect_proceeds, expect_redirect_error, in_parallel, new_verifier, parameters_of)


def login_page(s, browser=None, **changes):
    browser = browser or s.new_browser()
    page = browser.open(s.authorization_url(**changes))
    form = page.page.form_with('password')
    check(form is not None, 'no login form: %r' % page)
    return browser, page, form


def consent_page(s, username='alice', client=None, **changes):
    browser = s.browser(username).copy()
    page = browser.open(s.authorization_url(client or s.c1, **dict({'prompt': 'consent'}, **changes)))
    if page.page.form_with('password'):  # signed out by an earlier test
        page = browser.login(page, username, s.users[username])
    form = page.page.form_with('decision')
    check(form is not None, 'no consent form: %r' % page)
    return browser, page, form


def session_cookie(browser, name='tessera-session'):
    return browser.cookies.get(name)


def is_signed_in(s, browser):
    """Without a word to the person: does an authorization request need a login?"""
    answer = browser.copy().get(s.authorization_url(prompt='none'))
    equal(answer.status, 303, repr(answer))
    return parameters_of(answer.location).get('error') != 'login_required'


def every_page(s):
    """(name, response) of each page there is."""
    browser, page, form = login_page(s)
    yield 'login', page
    yield 'login failed', browser.copy().submit(page, form, username='alice', password='wrong')
    yield 'login incomplete', browser.copy().submit(page, form, username='', password='')
    _, page, _ = consent_page(s)
    yield 'consent', page
    yield 'error', s.az(client_id='nobody')
    yield 'error long ago', s.new_browser().get('/consent')
    yield 'logout', s.browser().copy().get('/logout')
    yield 'logout without session', s.new_browser().get('/logout')
    yield 'login without transaction', s.new_browser().get('/login')
    yield 'csrf', s.new_browser().post('/consent', {'decision': 'allow'})
    out, page = signed_out(s)
    yield 'signed out', page


def signed_out(s):
    browser = s.new_browser()
    s.approve(browser=browser)
    page = browser.get('/logout')
    form = [form for form in page.page.forms if form.method == 'post'][0]
    return browser, browser.submit(page, form)


@test('A14 the answer to the login form is 303')
def _(s):
    browser, page, form = login_page(s)
    answer = browser.submit_only(page, form, username='alice', password=s.users['alice'])
    equal(answer.status, 303)
    equal(answer.header('Cache-Control'), 'no-store')


@test('A15 no page can be framed')
def _(s):
    for name, page in every_page(s):
        contains(page.header('Content-Security-Policy') or '', "frame-ancestors 'none'", name)
        equal(page.header('X-Frame-Options'), 'DENY', name)


@test('A16 no page loads from elsewhere, runs a script or tells where it was')
def _(s):
    for name, page in every_page(s):
        policy = page.header('Content-Security-Policy') or ''
        contains(policy, "default-src 'none'", name)
        lacks(policy, 'form-action \'self\'', name)
        lacks(policy, 'unsafe', name)
        equal(page.header('Referrer-Policy'), 'no-referrer', name)
        equal(page.header('X-Content-Type-Options'), 'nosniff', name)
        check((page.header('Content-Type') or '').lower().replace(' ', '') == 'text/html;charset=utf-8', '%s: %s' % (name, page.header('Content-Type')))
        lacks(page.text.lower(), '<script', name)
        for tag, attributes in page.page.elements:
            check(not any(key.startswith('on') for key in attributes), '%s: %s %r' % (name, tag, attributes))
            check('style' not in attributes, '%s: style in %s' % (name, tag))
            for key in ('src', 'href', 'action'):
                value = attributes.get(key)
                if value and urllib.parse.urlsplit(value).scheme:
                    check(value.startswith(s.issuer), '%s: %s leads to %s' % (name, tag, value))


@test('A17 no page is kept by a cache')
def _(s):
    for name, page in every_page(s):
        equal(page.header('Cache-Control'), 'no-store', name)


@test('A18 consent without its token, or with another\'s, gives no code')
def _(s):
    browser, page, form = consent_page(s)
    other, other_page, other_form = consent_page(s, 'bob')
    theirs = dict(other_form.values())
    for changes in ({'csrf': None}, {'csrf': ''}, {'csrf': 'x' * 43}, {'csrf': theirs['csrf']}, {'csrf': theirs['csrf'], 't': theirs['t']}):
        answer = browser.submit_only(page, form, decision='allow', **changes)
        equal(answer.status, 403, repr(changes))
        equal(answer.location, None)
    equal(s.new_browser().post('/consent', {'decision': 'allow'}).status, 403)
    good = browser.decide(page, 'allow')
    check('code' in parameters_of(good.location), good.location)


@test('A18 consent from a page of another origin gives no code')
def _(s):
    browser, page, form = consent_page(s)
    url = urllib.parse.urljoin(page.url, form.action)
    for headers in ({'Origin': 'https://evil.test'}, {'Origin': 'null'}, {'Origin': None, 'Sec-Fetch-Site': 'cross-site'}):
        answer = browser.post(url, form.values(decision='allow', csrf='x'), headers)
        equal(answer.status, 403, repr(headers))
        equal(answer.location, None)
    check('code' in parameters_of(browser.decide(page, 'allow').location), 'no code')


@test('A19 login without its cookie and its token is refused')
def _(s):
    browser, page, form = login_page(s)
    url = urllib.parse.urljoin(page.url, form.action)
    right = {'username': 'alice', 'password': s.users['alice']}
    for changes in ({'csrf': None}, {'csrf': ''}, {'csrf': 'x' * 43}):
        answer = browser.copy().submit_only(page, form, **dict(right, **changes))
        equal(answer.status, 403, repr(changes))
        lacks(' '.join(answer.all_headers('Set-Cookie')), 'tessera-session')
    stranger = s.new_browser()  # has the form, but not the cookie
    answer = stranger.post(url, form.values(**right))
    one_of(answer.status, (400, 403), repr(answer))
    check(not is_signed_in(s, stranger), 'signed in')
    victim, _, _ = login_page(s)  # has a cookie, but of another form
    answer = victim.post(url, form.values(**right))
    one_of(answer.status, (400, 403), repr(answer))
    check(not is_signed_in(s, victim), 'signed in')
    equal(browser.submit_only(page, form, **right).status, 303)
    check(is_signed_in(s, browser), 'not signed in')


@test('A20 the session is new with each login, and the old one is nobody\'s')
def _(s):
    browser, page, form = login_page(s)
    before = dict(browser.cookies)
    browser.submit_only(page, form, username='alice', password=s.users['alice'])
    check(session_cookie(browser), 'no session cookie: %r' % browser.cookies)
    check(session_cookie(browser) not in before.values(), 'the session of before the login')
    old = browser.copy()
    check(is_signed_in(s, old), 'not signed in')
    page = browser.open(s.authorization_url(prompt='login'))
    browser.submit_only(page, page.page.form_with('password'), username='alice', password=s.users['alice'])
    check(session_cookie(browser) != session_cookie(old), 'the same session after the second login')
    check(not is_signed_in(s, old), 'the old session lives on')
    check(is_signed_in(s, browser), 'the new session does not')
    attacker = s.new_browser()
    attacker.cookies['tessera-session'] = 'x' * 43
    check(not is_signed_in(s, attacker), 'an invented session')


@test('A21 the cookie is for the issuer alone and out of reach of scripts')
def _(s):
    browser, page, form = login_page(s)
    answer = browser.submit_only(page, form, username='alice', password=s.users['alice'])
    cookies = page.all_headers('Set-Cookie') + answer.all_headers('Set-Cookie')
    check(any(cookie.startswith('tessera-session=') for cookie in answer.all_headers('Set-Cookie')), repr(cookies))
    for cookie in cookies:
        parts = [part.strip().lower() for part in cookie.split(';')]
        check('httponly' in parts, cookie)
        check('samesite=lax' in parts or 'samesite=strict' in parts, cookie)
        check('path=/' in parts, cookie)
        check('secure' not in parts, 'over http no browser would keep it: ' + cookie)
        check(not any(part.startswith('domain') for part in parts), cookie)
        lacks(cookie, '__Host-')


@test('A21 with an https issuer the cookie is __Host- and Secure, and the pages say HSTS or leave it to the proxy')
def _(s):
    other = Service(issuer='https://as.test')
    try:
        other.start()
        browser, page, form = login_page(other)
        answer = browser.submit_only(page, form, username='alice', password=other.users['alice'])
        cookies = page.all_headers('Set-Cookie') + answer.all_headers('Set-Cookie')
        check(any(cookie.startswith('__Host-tessera-session=') for cookie in cookies), repr(cookies))
        for cookie in cookies:
            parts = [part.strip().lower() for part in cookie.split(';')]
            check(cookie.startswith('__Host-'), cookie)
            check({'secure', 'httponly', 'path=/'} <= set(parts), cookie)
            check(not any(part.startswith('domain') for part in parts), cookie)
        check('code' in other.approve(), 'no code')
        # A cookie without the prefix, as a neighbour could set it, is not read.
        fake = other.new_browser()
        fake.cookies['tessera-session'] = browser.cookies['__Host-tessera-session']
        check(not is_signed_in(other, fake), 'the cookie without prefix was read')
    finally:
        other.stop()


@test('A21 a session cookie that comes twice counts as none')
def _(s):
    browser = s.browser()
    good = 'tessera-session=' + session_cookie(browser)
    for cookies, signed_in in ((good, True), (good + '; ' + good, False), (good + '; tessera-session=x', False), ('tessera-session=x; ' + good, False), ('x=y; ' + good, True)):
        answer = s.get(s.authorization_url(prompt='none'), {'Cookie': cookies})
        equal('login_required' not in answer.location, signed_in, cookies.replace(session_cookie(browser), '...'))


@test('A22 no parameter leads away from the issuer')
def _(s):
    for target in ('//evil.test', '/\\evil.test', 'https:evil.test', '/%09/evil.test', 'https://evil.test/', 'javascript:alert(1)', '\\\\evil.test'):
        for name in ('return_to', 'next', 'redirect', 'continue', 't', 'url', 'post_logout_redirect_uri'):
            for path in ('/login', '/consent', '/logout', '/account'):
                for browser in (s.new_browser(), s.browser().copy()):
                    answer = browser.get('%s?%s' % (path, urllib.parse.urlencode({name: target})))
                    if answer.location is not None:
                        check(browser.is_inside(answer.location), '%s %s: %s' % (path, name, answer.location))
                    lacks(answer.text, 'evil.test')
    browser, page, form = login_page(s)
    answer = browser.submit_only(page, form, username='alice', password=s.users['alice'], return_to='//evil.test')
    check(browser.is_inside(answer.location), answer.location)


@test('A23 what comes from outside is text, never markup')
def _(s):
    nasty = '"><svg/onload=alert(1)>\'`{{1}}'
    for page in (s.az(client_id=nasty), s.az(redirect_uri=nasty), s.get('/login?t=' + urllib.parse.quote(nasty)), s.get('/consent?t=' + urllib.parse.quote(nasty)),
                 s.az(ui_locales=nasty), s.az(login_hint=nasty)):
        lacks(page.text, '<svg')
    browser, page, form = login_page(s, login_hint=nasty)
    lacks(page.text, '<svg')
    page = browser.submit(page, form, username=nasty, password='x')
    lacks(page.text, '<svg')
    check(page.page.form_with('password') is not None, repr(page))
    equal(dict(page.page.form_with('password').values())['username'], nasty, 'what was typed is still there, as text')
    other = Service(clients=[client_named('<svg/onload=alert(1)>"\'&amp;')])
    try:
        other.start()
        _, page, _ = login_page(other, client=other.c1)
        lacks(page.text, '<svg')
        contains(page.page.text, '<svg/onload=alert(1)>"\'&amp;')
        _, page, _ = consent_page(other)
        lacks(page.text, '<svg')
        contains(page.page.text, '<svg/onload=alert(1)>"\'&amp;')
    finally:
        other.stop()


def client_named(name):
    return Client('c1', redirect_uri='https://c1.test/cb', client_name=name, scope='a', grant_types='authorization_code;')


@test('A34 what is approved is what was shown')
def _(s):
    browser, page, form = consent_page(s)
    url = urllib.parse.urljoin(page.url, form.action)
    for field, value in (('scope', 'a b'), ('scope', 'a'), ('redirect_uri', 'https://evil.test/'), ('client_id', 'c2'), ('resource', 'https://r2.test/')):
        answer = browser.post(url, form.values(decision='allow', **{field: value}))
        equal(answer.status, 403, field)
        equal(answer.location, None)
    # The form of one request with the transaction of another.
    verifier = new_verifier()
    browser, page, form = consent_page(s, scope='a')
    wide = browser.open(s.authorization_url(scope='a b', prompt='consent', code_challenge=challenge_of(verifier)))
    wide_form = wide.page.form_with('decision')
    mixed = dict(form.values(), t=dict(wide_form.values())['t'])
    if mixed['csrf'] != dict(wide_form.values())['csrf']:
        answer = browser.post(url, dict(mixed, decision='allow'))
        equal(answer.status, 403)
        equal(answer.location, None)
    good = parameters_of(browser.submit(wide, wide_form, decision='allow').location)
    tokens = s.redeem(s.c1, good['code'], verifier).json()
    equal(set(tokens['scope'].split()), {'a', 'b'})


@test('A37 guessing a password is slowed down, for that account from that address')
def _(s):
    seen = []
    browser, page, form = login_page(s)
    for _ in range(12):
        answer = browser.copy().submit_only(page, form, username='bob', password='wrong')
        seen.append(answer.status)
    equal(seen[10:], [429, 429], repr(seen))
    check(429 not in seen[:10], repr(seen))
    check(int(answer.header('Retry-After')) > 0, 'Retry-After')
    equal(browser.copy().submit_only(page, form, username='bob', password=s.users['bob']).status, 429, 'the right password now')
    elsewhere = s.new_browser()
    elsewhere.source = s.new_source()
    check('code' in s.approve(username='bob', browser=elsewhere), 'from elsewhere')
    s.advance(int(answer.header('Retry-After')) + 1)
    check('code' in s.approve(username='bob', browser=s.new_browser()), 'afterwards')


@test('A38 a wrong password and an unknown user look the same')
def _(s):
    def attempt(username):
        browser, page, form = login_page(s)
        answer = browser.submit_only(page, form, username=username, password='wrong')
        text = answer.text.replace(username, 'NAME')
        for value in dict(form.values()).values():
            text = text.replace(value, 'VALUE') if len(value) > 10 else text
        text = re.sub(r'value="[A-Za-z0-9_-]{20,}"|[?&]t=[A-Za-z0-9_-]+', 'RANDOM', text)
        return answer.status, text, sorted(key for key, _ in answer.headers)

    equal(attempt('nobody'), attempt('alice'))
    browser, page, form = login_page(s)
    equal(browser.submit_only(page, form, username='alice', password=s.users['alice']).status, 303)


@test('A39 a password in the address is neither read nor logged')
def _(s):
    browser, page, form = login_page(s)
    query = urllib.parse.urlencode(form.values(username='alice', password=s.users['alice']))
    answer = browser.get('/login?' + query)
    check(not is_signed_in(s, browser), 'signed in by GET')
    lacks(answer.text, s.users['alice'])
    answer = browser.post('/login?' + query, '')
    check(not is_signed_in(s, browser), 'signed in by the query of a POST')
    s.get('/login?password=canary-in-the-address')
    s.sync_log()
    lacks(bytes(s.log), s.users['alice'].encode())
    lacks(bytes(s.log), b'canary-in-the-address')
    equal(browser.submit_only(page, form, username='alice', password=s.users['alice']).status, 303)


@test('A40 bob cannot answer what alice was asked')
def _(s):
    alice, page, form = consent_page(s)
    url = urllib.parse.urljoin(page.url, form.action)
    bob = s.browser('bob').copy()
    answer = bob.post(url, form.values(decision='allow'))
    equal(answer.status, 403)
    equal(answer.location, None)
    # In the same browser: bob signs in while alice's question is open in another tab.
    second = alice.open(s.authorization_url(prompt='login'))
    alice.submit(second, second.page.form_with('password'), username='bob', password=s.users['bob'])
    answer = alice.post(url, form.values(decision='allow'))
    equal(answer.status, 403)
    equal(answer.location, None)
    fresh, page, form = consent_page(s)
    check('code' in parameters_of(fresh.submit(page, form, decision='allow').location), 'alice herself')


@test('A40 what one browser began no other goes on with')
def _(s):
    alice, page, form = consent_page(s)
    for session in (session_cookie(s.browser('bob')), session_cookie(alice), None):
        other, _, _ = login_page(s)  # a browser that is known, but not the one
        if session:
            other.cookies['tessera-session'] = session
        answer = other.open(page.url)
        check(answer.status != 200 or not answer.page.form_with('decision'), 'the question of another browser was shown')
        check('code=' not in (answer.location or ''), repr(answer))
    _, login, _ = login_page(s)
    other, _, _ = login_page(s)
    one_of(other.open(login.url).status, (400, 403))
    check('code' in parameters_of(alice.submit(page, form, decision='allow').location), 'alice herself')


@test('pages a consent is given once: who presses twice gets the same code, until it is redeemed')
def _(s):
    verifier = new_verifier()
    browser, page, form = consent_page(s, code_challenge=challenge_of(verifier))
    first = browser.submit_only(page, form, decision='allow')
    equal(first.status, 303)
    again = browser.submit_only(page, form, decision='allow')
    equal((again.status, again.location), (303, first.location))
    code = parameters_of(first.location)['code']
    equal(s.redeem(s.c1, code, verifier).status, 200)
    late = browser.submit_only(page, form, decision='allow')
    equal(late.status, 200)
    check(b'code=' not in late.body and not late.location, repr(late))
    check(browser.get(page.url).status == 200, 'the page was not shown again')


@test('pages a consent that was given is not given again a minute later, with another decision, or without a form')
def _(s):
    browser, page, form = consent_page(s)
    first = browser.submit_only(page, form, decision='allow')
    equal(first.status, 303)
    for answer in (browser.submit_only(page, form, decision='deny'), browser.get(page.url)):
        equal((answer.status, answer.location), (200, None))
    s.advance(61)
    late = browser.submit_only(page, form, decision='allow')
    equal((late.status, late.location), (200, None))


@test('pages who denies twice is sent back twice')
def _(s):
    browser, page, form = consent_page(s)
    first, again = (browser.submit_only(page, form, decision='deny') for _ in range(2))
    equal(parameters_of(first.location)['error'], 'access_denied')
    equal(again.location, first.location)


@test('pages two submits at once give one code at most')
def _(s):
    browser, page, form = consent_page(s)
    answers = in_parallel(4, lambda n: browser.copy().submit_only(page, form, decision='allow'))
    codes = {parameters_of(a.location)['code'] for a in answers if a.status == 303 and 'code=' in a.location}
    check(len(codes) == 1, repr(answers))


@test('pages a decision other than allow and deny gives no code')
def _(s):
    browser, page, form = consent_page(s)
    for decision in ('', 'maybe', 'ALLOW', 'allow ', None):
        answer = browser.submit_only(page, form, decision=decision)
        if answer.status == 303:
            check('code=' not in answer.location, answer.location)
    values = form.values(decision='allow') + [('decision', 'deny')]
    answer = browser.post(urllib.parse.urljoin(page.url, form.action), values)
    check(answer.status != 303 or 'code=' not in answer.location, repr(answer))


@test('pages a transaction lives for twenty minutes, then the login starts anew')
def _(s):
    browser, page, form = login_page(s)
    s.advance(21 * 60)
    answer = browser.submit(page, form, username='alice', password=s.users['alice'])
    check(not (answer.status == 303 and 'code=' in (answer.location or '')), 'an expired transaction gave a code')
    check(answer.status in (200, 400, 403), repr(answer))
    browser, page, form = login_page(s)
    s.advance(15 * 60)
    equal(browser.submit_only(page, form, username='alice', password=s.users['alice']).status, 303)


@test('pages a browser that keeps no cookies is told so')
def _(s):
    browser, page, form = login_page(s)
    url = urllib.parse.urljoin(page.url, form.action)
    blank = s.new_browser()
    answer = blank.post(url, form.values(username='alice', password=s.users['alice']))
    one_of(answer.status, (400, 403))
    contains(answer.page.text.lower(), 'cookie')


@test('pages a session ends after thirty idle minutes and after eight hours')
def _(s):
    browser = s.new_browser()
    s.approve(browser=browser)
    check(is_signed_in(s, browser), 'not signed in')
    s.advance(29 * 60)
    check(is_signed_in(s, browser), 'idle for 29 minutes')
    s.advance(31 * 60)
    check(not is_signed_in(s, browser), 'idle for 31 minutes')
    s.approve(browser=browser)
    for _ in range(24):
        s.advance(20 * 60)
        is_signed_in(s, browser)
    s.advance(60)
    check(not is_signed_in(s, browser), 'eight hours')
    s.forget_browsers()


@test('pages logout asks, ends the session by POST only, and needs its token')
def _(s):
    browser = s.new_browser()
    s.approve(browser=browser)
    page = browser.get('/logout')
    equal(page.status, 200)
    check(is_signed_in(s, browser), 'GET signed out')
    form = [form for form in page.page.forms if form.method == 'post'][0]
    equal(browser.copy().submit_only(page, form, csrf='x').status, 403)
    equal(browser.post('/logout', '').status, 403)
    check(is_signed_in(s, browser), 'signed out without the token')
    kept = browser.copy()
    answer = browser.submit(page, form)
    equal(answer.status, 200)
    check(not is_signed_in(s, browser), 'still signed in')
    check(not is_signed_in(s, kept), 'the cookie of before still works')


@test('pages consent is remembered per client, scope and redirect')
def _(s):
    browser = s.new_browser()
    first = browser.authorize(s.authorization_url(s.m1, scope='a'), 'bob', s.users['bob'])
    equal(first.status, 303)
    equal(browser.open(s.authorization_url(s.m1, scope='a')).status, 303, 'asked again')
    for changes in ({'scope': 'a b'}, {'scope': 'b'}, {'redirect_uri': 'https://m1.test/other', 'scope': 'a'}, {'scope': 'a', 'prompt': 'consent'}):
        page = browser.copy().open(s.authorization_url(s.m1, **changes))
        check(page.status == 200 and page.page.form_with('decision'), 'not asked: %r' % changes)
    page = browser.copy().open(s.authorization_url(s.c2, scope='a'))
    check(page.status == 200 and page.page.form_with('decision'), 'another client: not asked')


@test('pages a first-party client is not asked about, after the login')
def _(s):
    browser, page, form = login_page(s, client=s.first)
    last = browser.submit(page, form, username='alice', password=s.users['alice'])
    equal(last.status, 303)
    check(last.location.startswith('https://first.test/cb?') and 'code' in parameters_of(last.location), last.location)


@test('pages first_party is refused for a public client')
def _(s):
    other = Service(clients=[Client('f', method='none', redirect_uri='https://f.test/cb', scope='a', grant_types='authorization_code;', first_party='true')])
    try:
        status, said = other.run_check()
        equal(status, 78)
        contains(said, 'f')
    finally:
        other.abandon()


@test('pages the consent page offers another account')
def _(s):
    browser, page, form = consent_page(s)
    contains(page.page.text, 'alice')
    inside = [link for link in page.page.links if browser.is_inside(link)]
    check(inside, 'no link')
    other = browser.open(urllib.parse.urljoin(page.url, inside[0]))
    check(other.page.form_with('password'), 'no login form: %r' % other)


@test('pages the language follows ui_locales, then the browser')
def _(s):
    _, german, _ = login_page(s, s.new_browser(language='de-DE,de;q=0.9,en;q=0.5'))
    contains(german.text, 'lang="de"')
    contains(german.text, 'Passwort')
    _, english, _ = login_page(s, s.new_browser(language='fr'))
    contains(english.text, 'lang="en"')
    _, chinese, _ = login_page(s, s.new_browser(language='de'), ui_locales='zh-CN')
    contains(chinese.text, 'lang="zh')
    equal(english.header('Content-Type').lower().replace(' ', ''), 'text/html;charset=utf-8')


@test('pages the style sheet is there and pages use no other')
def _(s):
    _, page, _ = login_page(s)
    sheets = [a.get('href') for tag, a in page.page.elements if tag == 'link']
    check(sheets, 'no style sheet')
    answer = s.get(urllib.parse.urlsplit(urllib.parse.urljoin(page.url, sheets[0])).path)
    equal(answer.status, 200)
    equal(answer.header('Content-Type').split(';')[0], 'text/css')
    lacks(answer.text, 'http://')
    lacks(answer.text, 'https://')


@test('pages forms have labels, autocomplete and a title; a failure is announced')
def _(s):
    browser, page, form = login_page(s)
    elements = page.page.elements
    labels = {a.get('for') for tag, a in elements if tag == 'label'}
    for tag, a in elements:
        if tag == 'input' and a.get('type') not in ('hidden', 'submit'):
            check(a.get('id') in labels, repr(a))
            check(a.get('autocomplete') in ('username', 'current-password'), repr(a))
    check(page.page.title.strip(), 'no title')
    failed = browser.submit(page, form, username='alice', password='wrong')
    check(failed.page.title != page.page.title, 'the title does not tell of the failure')
    check(any('autofocus' in a and a.get('role') == 'alert' for _, a in failed.page.elements), 'no focus on the summary')
    lacks(failed.text, 'wrong')


@test('pages an error page names the request, and so does the log')
def _(s):
    page = expect_page_400(s.az(redirect_uri='https://evil.test/cb'))
    line = [line for line in s.log_lines() if 'https://evil.test/cb' in line][-1]
    contains(line, 'https://c1.test/cb')
    contains(line, 'redirect_uri')
    contains(page.page.text, re.search('request=([A-Za-z0-9_-]{8,}) ', line).group(1))


@test('A27 prompt=select_account shows who may be chosen')
def _(s):
    page = s.browser().copy().open(s.authorization_url(prompt='select_account'))
    equal(page.status, 200)
    check(page.page.form_with('password') or page.page.form_with('decision'), repr(page))


@test('pages Browser sees the errors that the client is told')
def _(s):
    browser, page, form = consent_page(s)
    last = browser.submit(page, form, decision='deny')
    expect_redirect_error(s, last, 'access_denied')
    expect_proceeds(s, Browser(s.issuer, source=s.source).get(s.authorization_url()))


@test('pages other methods on the pages are refused')
def _(s):
    for path in ('/login', '/consent', '/logout', '/account'):
        for method in ('PUT', 'DELETE', 'PATCH'):
            answer = s.request(method, path)
            equal(answer.status, 405, path)
            contains(answer.header('Allow') or '', 'POST')
        equal(s.request('POST', path, '{}', {'Content-Type': 'application/json'}).status, 415, path)


if __name__ == '__main__':
    main(Service)
