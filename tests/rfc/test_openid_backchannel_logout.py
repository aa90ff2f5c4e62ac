#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect Back-Channel Logout 1.0: applications hear of it when a session has ended, however it did, and what
was issued in it is refused at once."""

import itertools
import os
import signal
import threading
import time
import urllib.parse
import urllib.request

import rfc_path  # noqa: F401
import administrator
import tap
from elsewhere import Authority, Site, section
from openid_fixture import discovery, verify
from tap import check, contains, equal, lacks, main, skip, test
from tessera_fixture import GRANTS, Client, Service, claims_of, default_clients, free_port, header_of

EVENT = 'http://schemas.openid.net/event/backchannel-logout'
OUT = 'https://rp.test/out'


def open_twice(authority):
    """Two sites on one port: of this machine, where the helper may go, and of another, where it may not."""
    while True:
        site = Site(authority, (200, None, b''))
        try:
            return site, Site(authority, (200, None, b''), address='127.0.0.2', port=site.port)
        except OSError:  # somebody has the port there
            site.close()


class WithParties(Service):
    """A service with a way to other machines, and three applications at the end of it."""

    def __init__(self):
        super().__init__()
        self.authority = Authority(self.directory)
        self.sites = {name: Site(self.authority, (200, None, b'')) for name in ('second', 'es')}
        self.sites['rp'], self.inside_site = open_twice(self.authority)
        both = dict(scope='a openid', grant_types=GRANTS, first_party='true')
        mine = [Client(name, redirect_uri='https://%s.test/cb' % name, backchannel_logout_uri=site.uri('/logout?at=' + name),
                       post_logout_redirect_uris=OUT + ';', id_token_signed_response_alg='ES256' if name == 'es' else None,
                       backchannel_logout_session_required='true' if name == 'rp' else None, **both)
                for name, site in self.sites.items()]
        mine.append(Client('deaf', redirect_uri='https://deaf.test/cb', **both))
        mine.append(Client('inside', redirect_uri='https://inside.test/cb', backchannel_logout_uri='https://127.0.0.2:%d/out' % self.sites['rp'].port, **both))
        mine.append(Client('brief', redirect_uri='https://brief.test/cb', backchannel_logout_uri=self.sites['second'].uri('/brief'), scope='openid',
                           grant_types='authorization_code;', first_party='true'))
        self.clients.update({client.id: client for client in default_clients() + mine})
        self.crowd = Site(self.authority, (200, None, b''))
        for number in range(5):
            name = 'crowd%d' % number
            client = Client(name, redirect_uri='https://%s.test/cb' % name, backchannel_logout_uri=self.crowd.uri('/' + name), **both)
            self.clients[name] = client
        self.metrics_port = free_port()
        self.program = os.path.join(self.directory, 'goes-there')
        os.symlink(os.environ['TESSERA_OUTBOUND'], self.program)
        self.sections = section(self.authority).replace(os.environ['TESSERA_OUTBOUND'], self.program) + '[metrics]\naddress=127.0.0.1:%d\n' % self.metrics_port

    def metric(self, name):
        with urllib.request.urlopen('http://127.0.0.1:%d/metrics' % self.metrics_port, timeout=30) as answer:
            return next(float(line.split()[1]) for line in answer.read().decode().splitlines() if line.startswith(name + ' '))

    def settle(self):
        """Until nobody has anything left to hear."""
        deadline = time.monotonic() + 60
        while self.metric('tessera_backchannel_logouts_pending') > 0:
            check(time.monotonic() < deadline, 'not told in time')
            self.advance(36000)
            time.sleep(0.05)

    def before_test(self):
        super().before_test()
        for site in self.sites.values():
            site.answer = (200, None, b'')
        self.settle()
        self.forget_browsers()
        for site in self.sites.values():
            site.questions.clear()

    def abandon(self):
        super().abandon()
        for site in (*self.sites.values(), self.crowd):
            site.close()


def signed_in(s, *clients, username='alice'):
    """A browser of its own, and what each client got in it."""
    browser = s.new_browser()
    return browser, [s.tokens(client, username, browser=browser, scope='openid') for client in clients]


def log_out(s, browser, tokens):
    answer = browser.get('/logout?' + urllib.parse.urlencode({'id_token_hint': tokens['id_token'], 'post_logout_redirect_uri': OUT}))
    equal((answer.status, answer.location), (303, OUT))


def is_alive(s, tokens):
    return s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']}).status == 200


def token_of(question):
    equal((question.method, question.headers['content-type']), ('POST', 'application/x-www-form-urlencoded'))
    equal(sorted(question.form), ['logout_token'])
    return question.form['logout_token']


def told(s, name='rp', count=1):
    """What the application was told, as claims; no more than that comes."""
    questions = s.sites[name].wait_for(count)
    return [claims_of(token_of(question)) for question in questions]


def expect_only(s, **counts):
    """So many were told, and nobody else."""
    for name, count in counts.items():
        s.sites[name].wait_for(count)
    equal({name: len(site.questions) for name, site in s.sites.items()}, dict({name: 0 for name in s.sites}, **counts))


@test('backchannel-logout 2.1: the configuration says that it is offered, with sid, where there is a way to other machines')
def _(s):
    known = discovery(s)
    equal((known['backchannel_logout_supported'], known['backchannel_logout_session_supported']), (True, True))
    other = Service()
    try:
        other.start()
        for name in ('backchannel_logout_supported', 'backchannel_logout_session_supported'):
            lacks(discovery(other), name)
    finally:
        equal(other.terminate(), 0)
        other.abandon()


@test('backchannel-logout 2.4: a logout token has what it must have, and nothing that makes it another token')
def _(s):
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    question, = s.sites['rp'].wait_for(1)
    equal(question.target, '/logout?at=rp')
    token = token_of(question)
    verify(s, token)
    equal((header_of(token)['typ'], header_of(token)['alg']), ('logout+jwt', 'RS256'))
    claims, login = claims_of(token), claims_of(tokens['id_token'])
    equal(sorted(claims), ['aud', 'events', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub'])
    equal((claims['iss'], claims['aud'], claims['sub'], claims['sid']), (s.issuer, 'rp', login['sub'], login['sid']))
    equal(claims['events'], {EVENT: {}})
    check(abs(claims['iat'] - s.now()) < 60 and 0 < claims['exp'] - claims['iat'] <= 120, repr(claims))
    check(claims['jti'] and claims['jti'] != login.get('jti'), 'jti')


@test('backchannel-logout 2.4: it is signed as the client has its ID tokens signed')
def _(s):
    browser, (tokens,) = signed_in(s, s.es)
    log_out(s, browser, tokens)
    token = token_of(s.sites['es'].wait_for(1)[0])
    verify(s, token)
    equal(header_of(token)['alg'], 'ES256')


@test('backchannel-logout 2.4: a logout token is no ID token, no access token and no assertion')
def _(s):
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    token = token_of(s.sites['rp'].wait_for(1)[0])
    browser, _ = signed_in(s, s.rp)
    equal(browser.get('/logout?' + urllib.parse.urlencode({'id_token_hint': token, 'post_logout_redirect_uri': OUT})).status, 400)
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + token}).status, 401)
    check(not s.is_active(token), 'active')


@test('backchannel-logout 2.1: each application that took part in the session hears once, and no other')
def _(s):
    browser, (one, two, _) = signed_in(s, s.rp, s.second, s.deaf)
    again = s.tokens(s.rp, browser=browser, scope='openid')
    s.tokens(s.es, browser=browser, scope='a')  # not told who it is
    _, (elsewhere,) = signed_in(s, s.es)
    log_out(s, browser, one)
    expect_only(s, rp=1, second=1)
    equal(claims_of(token_of(s.sites['second'].questions[0]))['aud'], 'second')
    for tokens in (one, two, again):
        check(not is_alive(s, tokens), 'alive')
    check(is_alive(s, elsewhere), 'another session has ended too')


@test('backchannel-logout 2.1: a client without refresh tokens hears too when its access token has long expired')
def _(s):
    browser, _ = signed_in(s, s.brief)
    s.advance(1500)
    check('code' in s.approve(s.rp, browser=browser, scope='a', prompt='none'), 'not signed in')
    page = browser.get('/logout')
    browser.submit(page, page.page.form_with('csrf'))
    equal(claims_of(token_of(s.sites['second'].wait_for(1)[0]))['aud'], 'brief')


# However a session ends

def by_hint(s, browser, tokens):
    log_out(s, browser, tokens)


def by_page(s, browser, tokens):
    page = browser.get('/logout')
    equal(browser.submit_only(page, page.page.form_with('csrf')).status, 303)


def on_account_page(act, other=False):
    def end(s, browser, tokens):
        if other:
            browser = s.new_browser()
            s.tokens(s.deaf, browser=browser, scope='openid')
        page = browser.get('/account')
        sid = claims_of(tokens['id_token'])['sid']
        form = next(form for form in page.page.forms if dict(form.values()).get('act') == act and dict(form.values()).get('target') in (None, sid))
        asked = browser.submit(page, form)
        equal(browser.submit_only(asked, asked.page.form_with('confirm'), confirm='yes').status, 303)
    return end


def by_command(*words):
    def end(s, browser, tokens):
        if not administrator.is_here():
            skip('the command is not built')
        administrator.command(s, *[word.format(sid=claims_of(tokens['id_token'])['sid'], sub=claims_of(tokens['id_token'])['sub']) for word in words])
    return end


def by_new_password(s, browser, tokens):
    before = s.users['alice']
    s.users['alice'] = 'another-canary-Pw9'
    s.reload()
    s.users['alice'] = before


def by_removal(s, browser, tokens):
    before = s.users.pop('alice')
    s.reload()
    s.users['alice'] = before


WAYS = {
    'an application with an ID token of it': by_hint,
    'the page for it': by_page,
    'the account page, one session': on_account_page('end', other=True),
    'the account page, everywhere': on_account_page('everywhere'),
    'an administrator, one session': by_command('session', 'end', '{sid}'),
    'an administrator, everything of a person': by_command('subject', 'revoke', '{sub}', '--yes'),
    'a new password': by_new_password,
    'the removal of its person': by_removal,
}
for _way, _end in WAYS.items():
    @test('backchannel-logout 2.5: ended by %s: the application hears, and its tokens are refused before the answer' % _way)
    def _(s, end=_end):
        browser, (tokens,) = signed_in(s, s.rp)
        _, (bobs,) = signed_in(s, s.rp, username='bob')
        try:
            check(is_alive(s, tokens), 'dead before')
            end(s, browser, tokens)
            check(not is_alive(s, tokens), 'its access token lives')
            equal(s.refresh(tokens['refresh_token'], s.rp).status, 400)
            check(is_alive(s, bobs), 'somebody else was signed out')
            s.settle()
            login = claims_of(tokens['id_token'])
            equal([claims['sub'] for claims in told(s) if claims['sid'] == login['sid']], [login['sub']])
        finally:
            s.reload()


@test('a session that runs out ends quietly: nobody is told, as nothing is refused that was issued in it')
def _(s):
    browser, (tokens,) = signed_in(s, s.rp)
    s.advance(2000)
    check('error' in s.approve(s.rp, browser=browser, scope='openid', prompt='none'), 'still signed in')
    equal(s.refresh(tokens['refresh_token'], s.rp).status, 200)
    other, (others,) = signed_in(s, s.second)
    log_out(s, other, others)
    expect_only(s, second=1)


# Delivery

@test('backchannel-logout 2.5: the answer to a logout waits for no application')
def _(s):
    gate = threading.Event()
    s.sites['rp'].answer = lambda question: (gate.wait(20), 200, None, b'')[1:]
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    check(not gate.is_set(), 'it waited')
    gate.set()
    told(s)


@test('backchannel-logout 2.8: 204 is as good as 200, a refusal by the application is final')
def _(s):
    for status in (204, 400, 404, 302, 201):
        s.sites['rp'].answer = (status, 'application/json', b'{"error":"invalid_request"}')
        s.sites['rp'].questions.clear()
        browser, (tokens,) = signed_in(s, s.rp)
        log_out(s, browser, tokens)
        told(s)
    s.advance(10000)
    s.sites['rp'].answer = (200, None, b'')
    s.sites['rp'].questions.clear()
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    expect_only(s, rp=1)


@test('backchannel-logout 2.5: an application that does not answer well is told again, each time with another token')
def _(s):
    s.sites['rp'].answer = (503, None, b'')
    browser, (tokens,) = signed_in(s, s.rp)
    since = s.metric('tessera_backchannel_logouts_total{outcome="again"}')
    log_out(s, browser, tokens)
    for count in range(1, 5):
        told(s, count=count)
        wait_for_metric(s, 'tessera_backchannel_logouts_total{outcome="again"}', since + count)
        s.advance(3600)
    s.sites['rp'].answer = (200, None, b'')
    seen = told(s, count=5)
    equal(len({claims['jti'] for claims in seen}), 5)
    equal(len({(claims['sid'], claims['sub']) for claims in seen}), 1)
    check(all(abs(claims['exp'] - claims['iat']) <= 120 for claims in seen), 'lifetime')


@test('an application that never answers is given up after seven times, which is written down')
def _(s):
    s.sites['rp'].answer = (500, None, b'')
    browser, (tokens,) = signed_in(s, s.rp)
    since = s.metric('tessera_backchannel_logouts_total{outcome="again"}')
    log_out(s, browser, tokens)
    for count in range(1, 8):
        told(s, count=count)
        wait_for_metric(s, 'tessera_backchannel_logouts_total{outcome="again"}', since + min(count, 6))
        if count == 3:  # how often it was is written down; the counter is not
            equal(s.restart() or 0, 0)
            since = -count
        else:
            s.advance(36000)
    wait_for_line(s, '%s" reason="it answered 500"' % claims_of(tokens['id_token'])['sid'])
    line = [line for line in s.log_lines() if 'could not be told that a session ended' in line][-1]
    contains(line, 'client="rp"')
    lacks(line, 'alice')
    s.sites['rp'].answer = (200, None, b'')
    browser, (tokens,) = signed_in(s, s.second)
    log_out(s, browser, tokens)
    expect_only(s, rp=7, second=1)


def wait_for_metric(s, name, value):
    deadline = time.monotonic() + 30
    while s.metric(name) < value:
        check(time.monotonic() < deadline, '%s is not %d' % (name, value))
        time.sleep(0.02)


def wait_for_line(s, text):
    deadline = time.monotonic() + 30
    while text.encode() not in s.log:
        check(time.monotonic() < deadline, 'the log does not say: ' + text)
        time.sleep(0.02)


@test('an application that hangs or is broken holds up no other')
def _(s):
    gate, numbers, came = threading.Event(), itertools.count(1), []
    again = 'tessera_backchannel_logouts_total{outcome="again"}'
    since = s.metric(again)

    def hang(_question):
        if not gate.is_set():
            number = next(numbers)
            came.append((number, s.metric(again) - since))
        gate.wait(20)
        return 200, None, b''

    s.sites['rp'].answer = hang
    hanging = [signed_in(s, s.rp) for _ in range(7)]  # more than there are places in all
    other, (others,) = signed_in(s, s.second)
    for browser, (tokens,) in hanging:
        log_out(s, browser, tokens)
    tap.until(lambda: len(came) >= 2, 'two that hang')
    log_out(s, other, others)
    s.sites['second'].wait_for(1)
    gate.set()
    s.settle()
    equal(len({claims['sid'] for claims in told(s, count=7)}), 7)
    # However slow all this is: two of them at a time, and one more for each that was given up.
    check(all(number <= 2 + given_up for number, given_up in came), 'it took the places of others: %r' % came)


@test('the end of a session that cannot be told holds up no other of the same application, and is not told more often for it')
def _(s):
    bad = set()
    s.sites['rp'].answer = lambda question: (503 if claims_of(question.form['logout_token'])['sid'] in bad else 200, None, b'')
    again = 'tessera_backchannel_logouts_total{outcome="again"}'
    since = s.metric(again)

    def end(good):
        browser, (tokens,) = signed_in(s, s.rp)
        sid = claims_of(tokens['id_token'])['sid']
        if not good:
            bad.add(sid)
        log_out(s, browser, tokens)
        return sid

    first = end(good=False)
    for count in range(1, 4):
        told(s, count=count)
        wait_for_metric(s, again, since + count)
        if count < 3:
            s.advance(30)
    # It rests for 80 seconds now.
    second = end(good=True)
    equal(told(s, count=4)[3]['sid'], second)
    third = end(good=False)
    told(s, count=5)
    wait_for_metric(s, again, since + 4)
    s.advance(10)
    equal([claims['sid'] for claims in told(s, count=6)], [first] * 3 + [second] + [third] * 2)
    bad.clear()


@test('where many have much to hear each has its turn')
def _(s):
    gate = threading.Event()
    parties = [s.clients['crowd%d' % number] for number in range(5)]

    def answer(_question):
        gate.wait(20)
        time.sleep(0.02)  # so that they come in the order in which they were begun
        return 200, None, b''

    s.crowd.answer = answer
    for _ in range(5):
        signed_in(s, *parties)
    try:
        by_removal(s, None, None)
        gate.set()
        first = [question.target for question in s.crowd.wait_for(25)][:15]
        check(all(first.count('/' + party.id) >= 2 for party in parties), repr(first))
    finally:
        gate.set()
        s.reload()


@test('what is not told survives a crash, and is told after it')
def _(s):
    s.sites['rp'].answer = (503, None, b'')
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    told(s)
    s.kill()
    s.sites['rp'].answer = (200, None, b'')
    s.sites['rp'].questions.clear()
    s.start_again()
    equal(told(s)[0]['sid'], claims_of(tokens['id_token'])['sid'])
    s.settle()
    equal(s.restart() or 0, 0)
    browser, (tokens,) = signed_in(s, s.second)
    log_out(s, browser, tokens)
    expect_only(s, rp=1, second=1)


@test('who takes part survives a restart')
def _(s):
    browser, (tokens,) = signed_in(s, s.rp)
    equal(s.restart() or 0, 0)
    log_out(s, browser, tokens)
    told(s)


@test('a client that leaves before it was told is not gone to')
def _(s):
    s.sites['rp'].answer = (503, None, b'')
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    told(s)
    kept = s.clients.pop('rp')
    s.reload()
    s.advance(3600)
    browser, (tokens,) = signed_in(s, s.second)
    log_out(s, browser, tokens)
    expect_only(s, rp=1, second=1)
    s.clients['rp'] = kept
    s.reload()


# The way there

@test('G03 an address that is not public and not allowed is not gone to, and that is final')
def _(s):
    browser, (tokens, _) = signed_in(s, s.rp, s.inside)
    log_out(s, browser, tokens)
    told(s)
    wait_for_line(s, 'its address is not a public one')
    equal(s.inside_site.connects, 0)


def children(s):
    with open('/proc/%d/task/%d/children' % (s.process.pid, s.process.pid), encoding='ascii') as file:
        return [int(pid) for pid in file.read().split()]


@test('the program that goes there dies: the service goes on, and tells again by another')
def _(s):
    gate = threading.Event()
    s.sites['rp'].answer = lambda question: (gate.wait(20), 200, None, b'')[1:]
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    connects = s.sites['rp'].connects
    deadline = time.monotonic() + 20
    while s.sites['rp'].connects == connects and not children(s) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in children(s):
        os.kill(pid, signal.SIGKILL)
    gate.set()
    s.sites['rp'].answer = (200, None, b'')
    browser, (others,) = signed_in(s, s.second)
    log_out(s, browser, others)
    s.sites['second'].wait_for(1)
    s.settle()
    s.sites['rp'].wait_for(1)
    equal(s.process.poll(), None)


@test('the program that goes there cannot be started: that counts against nobody, and what waits is told when it can')
def _(s):
    browser, (tokens,) = signed_in(s, s.rp)
    os.rename(s.program, s.program + '-away')
    try:
        for pid in children(s):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while children(s) and time.monotonic() < deadline:
            time.sleep(0.01)
        since = s.metric('tessera_backchannel_logouts_total{outcome="again"}')
        log_out(s, browser, tokens)
        wait_for_line(s, 'There is no way to other machines')
    finally:
        os.rename(s.program + '-away', s.program)
    s.advance(10)
    told(s)
    equal(s.metric('tessera_backchannel_logouts_total{outcome="again"}'), since)


@test('a reload that is refused leaves the way to other machines as it was')
def _(s):
    clients, sections = s.clients, s.sections
    try:
        s.clients = {client.id: client for client in default_clients()}
        s.sections = '[audit]\nfile=/nowhere/audit\n[metrics]\naddress=127.0.0.1:%d\n' % s.metrics_port
        s.reload()
        contains(s.log.decode('utf-8', 'replace'), 'the configuration stays as it was')
    finally:
        s.clients, s.sections = clients, sections
        s.write_configuration()  # the program reads it too
    equal(discovery(s).get('backchannel_logout_supported'), True)
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    told(s)


@test('without a way to other machines a client whose keys lie elsewhere is refused, and the key is named')
def _(_s):
    for more, good in (('', False), ('[outbound]\nenabled=true\nsocket=/run/x\n', True)):
        other = Service(clients=[Client('x', method=None, scope='a', jwks_uri='https://x.test/keys', grant_types='client_credentials;')], sections=more)
        try:
            status, said = other.run_check()
            equal(status, 0 if good else 78, said)
            if not good:
                contains(said, '[client x] jwks_uri')
        finally:
            other.abandon()


@test('without a way to other machines a client that wants to hear is refused, and the key is named')
def _(_s):
    uri = 'https://rp.test/out'
    for more, uri, good in (('', uri, False), ('[outbound]\nenabled=true\nsocket=/run/x\n', uri, True), ('[outbound]\nenabled=true\nsocket=/run/x\n', 'http://rp.test/out', False),
                            ('[outbound]\nenabled=true\nsocket=/run/x\n', uri + '#x', False), ('[outbound]\nenabled=true\nsocket=/run/x\n', 'https://u@rp.test/', False)):
        other = Service(clients=[Client('x', redirect_uri='https://x.test/cb', scope='openid', backchannel_logout_uri=uri, grant_types='authorization_code;')], sections=more)
        try:
            status, said = other.run_check()
            equal(status, 0 if good else 78, uri + ' ' + said)
            if not good:
                contains(said, '[client x] backchannel_logout_uri')
        finally:
            other.abandon()


@test('the audit trail and the log tell of it, without names and tokens')
def _(s):
    browser, (tokens,) = signed_in(s, s.rp)
    log_out(s, browser, tokens)
    token = token_of(s.sites['rp'].wait_for(1)[0])
    s.settle()
    wait_for_line(s, 'a client was told that a session ended client="rp"')
    lines = s.log_lines()
    line = [line for line in lines if 'a client was told' in line and claims_of(tokens['id_token'])['sid'] in line][-1]
    contains(line, 'client="rp"')
    lacks(line, 'alice')
    for secret in (token, token.rpartition('.')[2]):
        lacks('\n'.join(lines), secret)


if __name__ == '__main__':
    main(WithParties)
