#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect Core sections 2 and 8: what clients are told that people are called."""

import json
import os
import re
import stat

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import GRANTS, R1, Client, Service, claims_of, default_clients, parameters_of

STRANGE = 'jürgen'
PUBLIC, PAIRWISE = re.compile(r'~u[A-Za-z0-9_-]{43}'), re.compile(r'~p[A-Za-z0-9_-]{43}')
PASSWORDS = {'alice': 'alice-canary-Pw1', 'bob': 'bob-canary-Pw2', STRANGE: 'jay-canary-Pw3'}


def clients():
    both = dict(scope='a openid profile', grant_types=GRANTS, first_party='true', resources=R1 + ';', audience=R1 + ';')
    pairwise = dict(both, subject_type='pairwise')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **both),
        Client('p1', redirect_uri='https://one.test/cb', redirect_uris='https://one.test/cb;https://ONE.test:8443/other;',
               post_logout_redirect_uris='https://one.test/out;', **pairwise),
        Client('p1too', redirect_uri='https://one.test/too', **pairwise),
        Client('p2', redirect_uri='https://two.test/cb', **pairwise),
        Client('group', redirect_uri='https://three.test/cb', redirect_uris='https://three.test/cb;https://four.test/cb;',
               sector_identifier_uri='https://one.test/sector.json', **pairwise),
        Client('phone1', redirect_uri='http://[::1]/cb', **pairwise),
        Client('phone2', redirect_uri='http://127.0.0.1/cb', **pairwise),
    ]


def login(s, client, username='alice', **changes):
    changes.setdefault('scope', 'openid')
    return s.tokens(client, username, **changes)


def userinfo(s, tokens):
    return s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']})


def sub(s, client, username='alice'):
    """What the client is told, which is the same wherever it is told."""
    tokens = login(s, client, username)
    told = [claims_of(tokens['id_token'])['sub'], claims_of(tokens['access_token'])['sub'], userinfo(s, tokens).json()['sub'],
            s.introspect(tokens['access_token'], client).json()['sub'], s.introspect(tokens['refresh_token'], client).json()['sub'],
            claims_of(s.refresh(tokens['refresh_token'], client).json()['id_token'])['sub']]
    equal(len(set(told)), 1, 'sub: %r' % told)
    return told[0]


@test('core 2: a subject of ASCII is the sub; any other becomes one of ASCII that stays the same')
def _(s):
    equal(sub(s, s.rp), 'alice')
    strange = sub(s, s.rp, STRANGE)
    check(PUBLIC.fullmatch(strange), strange)
    equal(sub(s, s.rp, STRANGE), strange)
    s.restart()
    s.forget_browsers()
    equal(sub(s, s.rp, STRANGE), strange)
    plain = s.tokens(s.c1, STRANGE)
    equal(claims_of(plain['access_token'])['sub'], strange, 'without openid')


@test('core 8: a pairwise client is told a sub of its sector\'s own, the same everywhere and after a restart')
def _(s):
    told = {name: sub(s, s.clients[name]) for name in ('p1', 'p2', 'p1too', 'group', 'phone1', 'phone2')}
    for value in told.values():
        check(PAIRWISE.fullmatch(value), value)
    equal((told['p1too'], told['group']), (told['p1'], told['p1']), 'one sector')
    equal(len({told[name] for name in ('p1', 'p2', 'phone1', 'phone2')}), 4, 'other sectors')
    check(sub(s, s.p1, 'bob') != told['p1'], 'another person')
    check(PAIRWISE.fullmatch(sub(s, s.p1, STRANGE)), 'a strange name')
    s.restart()
    s.forget_browsers()
    equal(sub(s, s.p1), told['p1'])


@test('core 8: nothing that a pairwise client is given has the name that all are told')
def _(s):
    tokens = login(s, s.p1, scope='openid profile')
    for token in (tokens['id_token'], tokens['access_token']):
        lacks(json.dumps(claims_of(token)), 'alice')
    lacks(userinfo(s, tokens).body, b'alice')
    lacks(s.introspect(tokens['access_token'], s.p1).body, b'alice')


@test('discovery 3: both kinds are offered')
def _(s):
    equal(s.get('/.well-known/openid-configuration').json()['subject_types_supported'], ['pairwise', 'public'])


@test('core 8.1: a client that cannot be is refused at the start, by what is wrong with it')
def _(_s):
    several = dict(redirect_uris='https://a.test/cb;https://b.test/cb;')
    for keys, word in ((dict(several, subject_type='pairwise'), 'several hosts'), (dict(subject_type='ephemeral'), 'subject_type'),
                       (dict(subject_type='pairwise', sector_identifier_uri='http://a.test/s'), 'https'),
                       (dict(sector_identifier_uri='https:///s'), 'https'), (dict(sector_identifier_uri='https://a.test/s#f'), 'https'),
                       (dict(subject_type='pairwise', sector_identifier_uri='https://127.0.0.1/s'), 'machine')):
        s = Service(clients=[Client('x', redirect_uri='https://a.test/cb', **keys)])
        try:
            status, said = s.run_check()
            equal(status, 78, said)
            contains(said, word)
        finally:
            s.abandon()
    s = Service(clients=[Client('x', redirect_uri='https://a.test/cb', **several)])
    try:
        equal(s.run_check()[0], 0, 'a public client may have several hosts')
    finally:
        s.abandon()


@test('A27 id_token_hint of a pairwise client is understood, and is of that person alone')
def _(s):
    alice, bob = login(s, s.p1)['id_token'], login(s, s.p1, 'bob')['id_token']
    for hint, expected in ((alice, 'code'), (bob, 'error')):
        answer = s.browser('alice').get(s.authorization_url(s.p1, scope='openid', id_token_hint=hint, prompt='none'))
        contains(parameters_of(answer.location), expected)
    # Another client of the sector is told the same, but the hint is not its own.
    answer = s.browser('alice').get(s.authorization_url(s.p1too, scope='openid', id_token_hint=alice, prompt='none'))
    equal(parameters_of(answer.location)['error'], 'invalid_request')


@test('core 5.5.1: a sub that is asked for with a value is that of the client')
def _(s):
    own, other = sub(s, s.p1), sub(s, s.p2)
    for value, expected in ((own, 'code'), (other, 'error'), ('alice', 'error')):
        claims = json.dumps({'id_token': {'sub': {'value': value}}})
        answer = s.browser('alice').get(s.authorization_url(s.p1, scope='openid', claims=claims, prompt='none'))
        contains(parameters_of(answer.location), expected, value)
    for value, expected in ((sub(s, s.rp, STRANGE), 'code'), (STRANGE, 'error')):
        claims = json.dumps({'id_token': {'sub': {'value': value}}})
        answer = s.browser(STRANGE).get(s.authorization_url(s.rp, scope='openid', claims=claims, prompt='none'))
        contains(parameters_of(answer.location), expected, value)


@test('logout: the ID token of a pairwise client, and of a strange name, signs that person out at once')
def _(s):
    for client, username in ((s.p1, 'alice'), (s.p1, STRANGE)):
        browser = s.new_browser()
        verifier_code = s.approve(client, username, browser=browser, scope='openid', code_challenge='E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
        tokens = s.redeem(client, verifier_code['code'], 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk').json()
        answer = browser.get('/logout?id_token_hint=%s&post_logout_redirect_uri=https://one.test/out&state=x' % tokens['id_token'])
        equal((answer.status, answer.location), (303, 'https://one.test/out?state=x'), username)
        check(not s.is_active(tokens['access_token']), 'active')


@test('who is removed from the file of users, or gets another password, loses what pairwise clients have')
def _(s):
    tokens = login(s, s.p1, 'bob')
    s.users['bob'] = 'bob-canary-other'
    try:
        s.reload()
        check(not s.is_active(tokens['access_token']), 'active')
    finally:
        s.users['bob'] = PASSWORDS['bob']
        s.reload()
        s.forget_browsers()


@test('a client that becomes pairwise loses what it has')
def _(s):
    tokens = login(s, s.rp)
    s.rp.keys['subject_type'] = 'pairwise'
    try:
        s.reload()
        check(not s.is_active(tokens['access_token']), 'active')
        check(PAIRWISE.fullmatch(sub(s, s.rp)), 'sub')
    finally:
        del s.rp.keys['subject_type']
        s.reload()


@test('whoever takes the form of another\'s sub as a name is not told as that')
def _(s):
    told = sub(s, s.rp, STRANGE)
    s.users[told] = 'mallory-canary-Pw9'
    s.reload()
    other = sub(s, s.rp, told)
    check(PUBLIC.fullmatch(other) and other != told, other)


@test('the key of the subs is 0600 beside the signing keys; with it they stay through a restore on a new machine')
def _(s):
    path = os.path.join(s.state, 'keys', 'subject.key')
    status = os.stat(path)
    equal((stat.S_IMODE(status.st_mode), status.st_size), (0o600, 32))
    before = sub(s, s.p1)
    equal(s.terminate(), 0)
    os.rename(path, path + '.aside')
    try:
        s.start_again()
        raise AssertionError('it started')
    except RuntimeError as error:
        contains(str(error), 'subject.key')
    finally:
        s._collect()
    # As when a backup is restored and the one key was kept.
    for name in os.listdir(os.path.join(s.state, 'keys')):
        if name != 'subject.key.aside':
            os.unlink(os.path.join(s.state, 'keys', name))
    os.rename(path + '.aside', path)
    for name in os.listdir(s.state):
        if os.path.isfile(os.path.join(s.state, name)):
            os.unlink(os.path.join(s.state, name))
    s.start_again()
    s.forget_browsers()
    equal(sub(s, s.p1), before)


if __name__ == '__main__':
    main(lambda: Service(clients=clients(), users=PASSWORDS))
