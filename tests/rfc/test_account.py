#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The person's own page: what applications may do, where they are signed in, taking it back, the password."""

import os
import subprocess
import urllib.parse

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import GRANTS, Client, Service, challenge_of, claims_of, new_verifier, parameters_of

CAROL = 'carol-canary-Pw4'


class WithCarol(Service):
    """Carol is in the store, everybody else in a file."""

    def start(self, wait=True):
        first = not os.path.exists(self.state)
        super().start(wait)
        if first:
            equal(self.terminate(), 0)
            subprocess.run([os.environ['ADD_USER'], self.issuer, self.state, 'carol', CAROL], check=True,
                           env=self.environment(), timeout=60)
            self.start_again(wait)
            self.passwords = {'carol': CAROL}
        return self

    def password_of(self, username):
        return self.passwords.get(username) or self.users[username]


def signed_in(s, username='alice'):
    """A browser of its own, on the page."""
    browser = s.new_browser()
    page = browser.open('/account')
    page = browser.login(page, username, s.password_of(username))
    equal((page.status, urllib.parse.urlsplit(page.url).path), (200, '/account'), repr(page))
    return browser, page


def form_of(page, act, target=None):
    for form in page.page.forms:
        values = dict(form.values())
        if values.get('act') == act and target in (None, values.get('target')):
            return form
    return None


def do(browser, page, act, target=None):
    """Both pages of it."""
    asked = browser.submit(page, form_of(page, act, target))
    check(asked.page.form_with('confirm') is not None, 'no question: %r' % asked)
    return browser.submit(asked, asked.page.form_with('confirm'), confirm='yes')


def tokens(s, browser, client, username='alice'):
    """Of a browser that is signed in."""
    verifier = new_verifier()
    last = browser.authorize(s.authorization_url(client, code_challenge=challenge_of(verifier)), username)
    return s.redeem(client, parameters_of(last.location)['code'], verifier).json()


def is_signed_in(s, browser):
    answer = browser.copy().get(s.authorization_url(prompt='none'))
    return parameters_of(answer.location).get('error') != 'login_required'


@test('account whoever is not signed in signs in first, and is led back')
def _(s):
    browser = s.new_browser()
    answer = browser.get('/account')
    equal(answer.status, 303)
    path = urllib.parse.urlsplit(answer.location)
    equal(path.path, '/login')
    page = browser.follow(answer)
    check(page.page.form_with('password'), repr(page))
    wrong = browser.login(page, 'alice', 'wrong')
    check(wrong.page.form_with('password'), repr(wrong))
    page = browser.login(wrong, 'alice', s.users['alice'])
    equal(urllib.parse.urlsplit(page.url).path, '/account')
    contains(page.page.text, 'alice')
    equal(browser.get('/account').status, 200)


@test('account a page that was open for too long starts the login again, and still leads back')
def _(s):
    browser = s.new_browser()
    page = browser.open('/account')
    s.advance(21 * 60)
    page = browser.login(page, 'alice', s.users['alice'])
    contains(page.text, 'id="restarted"')
    page = browser.login(page, 'alice', s.users['alice'])
    equal(urllib.parse.urlsplit(page.url).path, '/account')


@test('account what an application has left of a grant that is over is taken back, too')
def _(s):
    s.clients['brief'] = Client('brief', redirect_uri='https://brief.test/cb', scope='a', grant_types=GRANTS, refresh_token_lifetime='700')
    s.reload()
    browser, _ = signed_in(s)
    first = tokens(s, browser, s.brief)
    s.advance(650)
    last = s.refresh(first['refresh_token'], s.brief).json()['access_token']
    for _ in range(3):  # one of them forgets what is useless
        s.advance(65)
        s.tokens(s.c2, 'bob')
    check(s.is_active(last), 'it lives')
    do(browser, browser.get('/account'), 'remove', 'brief')
    check(not s.is_active(last), 'it was taken back')


@test('account an application that was removed has lost its access token, its refresh token and its consent')
def _(s):
    browser, _ = signed_in(s)
    gone, kept = tokens(s, browser, s.c1), tokens(s, browser, s.c2)
    others = tokens(s, s.browser('bob').copy(), s.c1, 'bob')
    page = browser.get('/account')
    contains(page.page.text, 'Client c1')
    contains(page.page.text, 'Client c2')
    code = s.approve(s.c1, browser=browser)['code']
    done = do(browser, page, 'remove', 'c1')
    contains(done.page.text, 'no access any more')
    lacks(done.page.text, 'Client c1')
    contains(done.page.text, 'Client c2')
    check(not s.is_active(gone['access_token']), 'the access token lives')
    equal(s.refresh(gone['refresh_token'], s.c1).status, 400)
    equal(s.redeem(s.c1, code, 'x' * 43).json()['error'], 'invalid_grant')
    check(s.is_active(kept['access_token']) and s.is_active(others['access_token']), 'too much was removed')
    equal(s.refresh(kept['refresh_token'], s.c2).status, 200)
    answer = browser.get(s.authorization_url(s.c1, prompt='none'))
    equal(parameters_of(answer.location)['error'], 'consent_required')
    check(is_signed_in(s, browser), 'signed out')


@test('account what is only remembered is shown and taken back too')
def _(s):
    browser, _ = signed_in(s, 'eve')
    s.approve(s.nocc, 'eve', browser=browser)  # a code that nobody redeems
    page = browser.get('/account')
    contains(page.page.text, 'Client nocc')
    done = do(browser, page, 'remove', 'nocc')
    lacks(done.page.text, 'Client nocc')
    answer = browser.get(s.authorization_url(s.nocc, prompt='none'))
    equal(parameters_of(answer.location)['error'], 'consent_required')


@test('account nothing happens without the question, and the question fits only what it said')
def _(s):
    browser, _ = signed_in(s)
    one, two = tokens(s, browser, s.c1), tokens(s, browser, s.c2)
    page = browser.get('/account')
    asked = browser.submit(page, form_of(page, 'remove', 'c1'))
    equal(asked.status, 200)
    check(s.is_active(one['access_token']), 'removed without a question')
    form = asked.page.form_with('confirm')
    equal(browser.submit_only(asked, form, confirm='yes', target='c2').status, 403)
    equal(browser.submit_only(asked, form, confirm='yes', act='everywhere').status, 403)
    equal(browser.submit_only(page, form_of(page, 'remove', 'c1'), confirm='yes').status, 403)
    check(s.is_active(one['access_token']) and s.is_active(two['access_token']), 'removed')


@test('account a form without its token, or with another person\'s, is refused with 403')
def _(s):
    browser, page = signed_in(s)
    stranger, theirs = signed_in(s, 'bob')
    mine = tokens(s, browser, s.c1)
    for act, more in (('remove', {'target': 'c1'}), ('everywhere', {}), ('end', {'target': 'x'}), ('password', {}), ('nothing', {})):
        for token in (None, '', 'x' * 43, dict(form_of(theirs, 'everywhere').values())['csrf']):
            for confirm in ({}, {'confirm': 'yes'}):
                fields = dict({'act': act}, **more, **confirm)
                if token is not None:
                    fields['csrf'] = token
                equal(browser.post('/account', fields).status, 403, repr(fields))
    check(s.is_active(mine['access_token']), 'removed')
    equal(browser.get('/account?act=everywhere&confirm=yes').status, 200)
    check(is_signed_in(s, browser) and is_signed_in(s, stranger), 'signed out')


@test('account one cannot end another person\'s session, nor remove what they allowed')
def _(s):
    browser, page = signed_in(s)
    victim, theirs = signed_in(s, 'bob')
    token = tokens(s, victim, s.c2, 'bob')
    sid = claims_of(token['access_token'])['sid']
    form = form_of(page, 'everywhere')
    equal(browser.submit_only(page, form, act='end', target=sid).status, 303)
    tokens(s, browser, s.c2)  # alice too allowed it something
    do(browser, browser.get('/account'), 'remove', 'c2')
    check(is_signed_in(s, victim), 'the session ended')
    check(s.is_active(token['access_token']), 'the token is gone')


@test('account one session is ended, and what was issued in it')
def _(s):
    browser, _ = signed_in(s)
    other, _ = signed_in(s)
    here, there = tokens(s, browser, s.c1), tokens(s, other, s.c1)
    sid = claims_of(there['access_token'])['sid']
    page = browser.get('/account')
    contains(page.page.text, 'This browser')
    check(form_of(page, 'end', claims_of(here['access_token'])['sid']) is None, 'one can end this one')
    done = do(browser, page, 'end', sid)
    contains(done.page.text, 'signed out')
    check(form_of(done, 'end', sid) is None, 'still listed')
    check(not is_signed_in(s, other), 'still signed in')
    check(is_signed_in(s, browser), 'signed out here')
    check(not s.is_active(there['access_token']) and s.is_active(here['access_token']), 'the wrong tokens')
    equal(urllib.parse.urlsplit(other.get('/account').location).path, '/login')


@test('account signing out everywhere ends all sessions and all tokens')
def _(s):
    browser, page = signed_in(s, 'eve')
    other, _ = signed_in(s, 'eve')
    token = tokens(s, other, s.c1, 'eve')
    bystander = s.browser('bob').copy()
    last = do(browser, page, 'everywhere')
    contains(last.page.text, 'signed out')
    check('tessera-session' not in browser.cookies, 'the cookie is still there')
    check(not is_signed_in(s, browser) and not is_signed_in(s, other), 'signed in')
    check(not s.is_active(token['access_token']), 'the token lives')
    equal(s.refresh(token['refresh_token'], s.c1).status, 400)
    check(is_signed_in(s, bystander), 'somebody else was signed out')


@test('account a new password ends other sessions and all tokens, and this browser stays signed in')
def _(s):
    browser, page = signed_in(s, 'carol')
    other, _ = signed_in(s, 'carol')
    token = tokens(s, other, s.c1, 'carol')
    old = browser.cookies['tessera-session']
    form = form_of(page, 'password')
    fields = {'current-password': CAROL, 'new-password': 'a new canary word', 'repeated-password': 'a new canary word'}
    done = browser.submit(page, form, **fields)
    contains(done.page.text, 'Your password is changed')
    s.passwords['carol'] = 'a new canary word'
    check(browser.cookies['tessera-session'] != old, 'the same cookie')
    check(is_signed_in(s, browser), 'signed out')
    check(not is_signed_in(s, other), 'the other browser is still signed in')
    check(not s.is_active(token['access_token']), 'the token lives')
    equal(s.refresh(token['refresh_token'], s.c1).status, 400)
    equal(browser.submit_only(page, form, **fields).status, 403)  # once more, by the way back
    fresh = s.new_browser()
    check(fresh.login(fresh.open('/account'), 'carol', CAROL).page.form_with('password'), 'the old one is good')
    signed_in(s, 'carol')
    s.restart()
    signed_in(s, 'carol')


@test('account a password is not changed without the right one, the same twice, and a decent one')
def _(s):
    browser, page = signed_in(s, 'carol')
    good = s.password_of('carol')
    new = 'an even newer one'
    for current, one, two, words in (('wrong', new, new, 'current password is not right'), (good, new, 'x' * 9, 'not the same twice'),
                                     (good, 'short', 'short', 'at least 8'), (good, 'x' * 512, 'x' * 512, 'at least 8'),
                                     ('', new, new, 'Enter the current password'), (good, '', '', 'Enter the current password')):
        answer = browser.submit(page, form_of(page, 'password'), **{'current-password': current, 'new-password': one, 'repeated-password': two})
        equal(answer.status, 200)
        contains(answer.page.text, words)
        check(answer.page.title.startswith('Error: '), answer.page.title)
        check(any(a.get('id') == 'error' and 'autofocus' in a for _, a in answer.page.elements), 'no summary')
        lacks(answer.text, new)
    signed_in(s, 'carol')


@test('account guessing the current password is slowed down, and told to those who watch the log')
def _(s):
    browser, page = signed_in(s, 'carol')
    status = 200
    for tries in range(15):
        answer = browser.submit_only(page, form_of(page, 'password'), **{
            'current-password': 'wrong %d' % tries, 'new-password': 'guessed it', 'repeated-password': 'guessed it'})
        status = answer.status
        if status != 200:
            break
    equal(status, 429)
    check(8 <= tries <= 11, tries)
    check(int(answer.header('Retry-After')) > 0, repr(answer))
    check([line for line in s.log_lines() if 'login failed' in line and s.source in line], 'the log says nothing')


@test('account who is declared in a file has no form for a password')
def _(s):
    browser, page = signed_in(s)
    check(form_of(page, 'password') is None, 'there is one')
    answer = browser.submit_only(page, form_of(page, 'everywhere'), act='password', **{
        'current-password': s.users['alice'], 'new-password': 'a new canary word', 'repeated-password': 'a new canary word'})
    equal(answer.status, 303)
    signed_in(s)


@test('account a sentence about what was done cannot be made by others')
def _(s):
    browser, page = signed_in(s)
    for said in ('password', 'remove', 'remove.', 'password.' + 'x' * 43):
        lacks(browser.get('/account?' + urllib.parse.urlencode({'done': said})).text, 'id="done"')


@test('account the page has the headers of the others')
def _(s):
    browser, page = signed_in(s, 'carol')
    asked = browser.submit(page, form_of(page, 'everywhere'))
    for answer in (page, asked):
        equal(answer.header('Cache-Control'), 'no-store')
        equal(answer.header('X-Frame-Options'), 'DENY')
        equal(answer.header('Referrer-Policy'), 'no-referrer')
        contains(answer.header('Content-Security-Policy'), "default-src 'none'")
        lacks(answer.text.lower(), '<script')
        labels = {a.get('for') for tag, a in answer.page.elements if tag == 'label'}
        for tag, a in answer.page.elements:
            check('style' not in a and not any(key.startswith('on') for key in a), repr(a))
            if tag == 'input' and a.get('type') != 'hidden' and 'hidden' not in a:
                check(a['id'] in labels and a['autocomplete'] in ('current-password', 'new-password'), repr(a))
    equal(s.request('PUT', '/account').status, 405)
    equal(s.request('POST', '/account', '{}', {'Content-Type': 'application/json'}).status, 415)


@test('account the path can be set, and the page switched off')
def _(s):
    s.endpoints = 'account=/me/here'
    s.reload()
    equal(s.get('/account').status, 404)
    equal(s.get('/me/here').status, 303)
    browser = s.new_browser()
    page = browser.login(browser.open('/me/here'), 'alice', s.users['alice'])
    equal(urllib.parse.urlsplit(page.url).path, '/me/here')
    contains(browser.get('/login').text, '/me/here')
    s.endpoints = 'account-enabled=false'
    s.reload()
    equal(s.get('/account').status, 404)
    lacks(browser.get('/login').text, '/account')


if __name__ == '__main__':
    main(WithCarol)
