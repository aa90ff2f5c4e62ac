#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of a person, from the store and from an agent, up to userinfo and ID token."""

import json
import threading

import agents
import message_bus
from controlled import Controlled
from gi.repository import GLib
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import GRANTS, Client, claims_of, default_clients, new_verifier, challenge_of, parameters_of

PASSWORD = 'store-canary-Pw5'
NAMES = {'email': 'zoe@old.test', 'name': 'Zoe'}


def clients():
    both = dict(scope='a openid profile email', grant_types=GRANTS, first_party='true')
    return default_clients() + [Client('rp', redirect_uri='https://rp.test/cb', **both)]


def text(value):
    return GLib.Variant('s', value)


def tell(s, username, **claims):
    """SetUserClaims, in the types that bindings make of them."""
    s.control('SetUserClaims', GLib.Variant('(sa{sv})', (username, claims)))


def refusal(s, username, **claims):
    try:
        tell(s, username, **claims)
    except message_bus.Refused as error:
        return str(error)
    raise AssertionError('%r was taken' % claims)


def add(s, username):
    s.control('AddUser', GLib.Variant('(ss)', (username, PASSWORD)))
    s.users[username] = PASSWORD


def known(s, username):
    return s.control('GetUser', GLib.Variant('(s)', (username,)))[0]['claims']


def userinfo(s, tokens):
    answer = s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']})
    equal(answer.status, 200)
    return answer.json()


def login(s, username, **changes):
    changes.setdefault('scope', 'openid profile email')
    return s.tokens(s.rp, username, **changes)


@test('the store keeps what is known of its users, through a restart')
def _(s):
    add(s, 'zoe')
    equal(known(s, 'zoe'), {})
    tell(s, 'zoe', name=text('Zoe'), email=text('zoe@z.test'), email_verified=GLib.Variant('b', True), groups=GLib.Variant('as', ['a', 'b']))
    tell(s, 'zoe', nickname=text('Z'), address=GLib.Variant('a{sv}', {'country': text('DE')}))
    tell(s, 'zoe', nickname=text(''))
    s.restart()
    told = known(s, 'zoe')
    check(abs(told.pop('updated_at') - s.now()) < 30, 'updated_at')
    equal(told, {'name': 'Zoe', 'email': 'zoe@z.test', 'email_verified': True, 'groups': ['a', 'b'], 'address': {'country': 'DE'}})
    user = s.control('GetUser', GLib.Variant('(s)', ('zoe',)))[0]
    equal((user['username'], user['disabled'], user['origin']), ('zoe', False, ''))
    lacks(str(s.control('ListUsers', GLib.Variant('(su)', ('', 1000)))), 'zoe@z.test')


@test('a change is told at the next userinfo request, updated_at is newer, and nobody is signed out')
def _(s):
    tokens = login(s, 'zoe')
    before = userinfo(s, tokens)
    equal((before['name'], before['email_verified']), ('Zoe', True))
    s.advance(50)
    tell(s, 'zoe', email=text('new@z.test'))
    after = userinfo(s, tokens)
    equal(after['email'], 'new@z.test')
    check(after['updated_at'] >= before['updated_at'] + 50, 'updated_at')
    equal(s.refresh(tokens['refresh_token'], s.rp).status, 200)
    claims = json.dumps({'id_token': {'email': None, 'groups': None}})
    told = claims_of(login(s, 'zoe', claims=claims)['id_token'])
    equal((told['email'], told['groups']), ('new@z.test', ['a', 'b']))


@test('what cannot be is refused by its name, and changes nothing')
def _(s):
    before = known(s, 'zoe')
    for name, value in (('email_verified', text('yes')), ('sub', text('root')), ('iss', text('x')), ('updated_at', GLib.Variant('x', 1)),
                        ('picture', text('javascript:x')), ('birthdate', text('1.1.1984')), ('address', text('DE')), ('acr', text('')),
                        ('name', GLib.Variant('i', 1))):
        contains(refusal(s, 'zoe', nickname=text('N'), **{name: value}), name)
    contains(refusal(s, 'zoe', x=GLib.Variant('o', '/')), 'JSON')
    contains(refusal(s, 'zoe', x=text('y' * 8200)), '8192')
    contains(refusal(s, 'alice', name=text('A')), s.users_file)
    contains(refusal(s, 'nobody', name=text('A')), 'no such user')
    equal(known(s, 'zoe'), before)


@test('a password or a time away take nothing of what is known; who is removed is forgotten')
def _(s):
    s.control('SetUserPassword', GLib.Variant('(ss)', ('zoe', PASSWORD)))
    s.control('SetUserDisabled', GLib.Variant('(sb)', ('zoe', True)))
    s.control('SetUserDisabled', GLib.Variant('(sb)', ('zoe', False)))
    equal(known(s, 'zoe')['name'], 'Zoe')
    s.control('RemoveUser', GLib.Variant('(s)', ('zoe',)))
    add(s, 'zoe')
    equal(known(s, 'zoe'), {})
    s.forget_browsers()


def login_by_agent(s, username, **result):
    """One whole login that an agent decides; the answer of the token endpoint."""
    agent = agents.Thinker(message_bus.connect_peer(s.socket))
    verifier = new_verifier()
    browser = s.new_browser()
    claims = json.dumps({'id_token': {'email': None, 'groups': None}})
    url = s.authorization_url(s.rp, scope='openid profile email', code_challenge=challenge_of(verifier), claims=claims)
    thread = threading.Thread(target=lambda: agent.answer('allow', subject=text(username), **result))
    thread.start()
    last = browser.authorize(url, username, PASSWORD)
    thread.join(20)
    agent.leave()
    answer = s.redeem(s.rp, parameters_of(last.location)['code'], verifier)
    equal(answer.status, 200)
    return answer.json()


@test('what an agent says of a person reaches userinfo and ID token, also after a refresh and a restart')
def _(s):
    said = GLib.Variant('a{sv}', {'name': text('Anna'), 'email': text('anna@agent.test'), 'groups': GLib.Variant('as', ['x'])})
    tokens = login_by_agent(s, 'anna', claims=said)
    equal((claims_of(tokens['id_token'])['email'], claims_of(tokens['id_token'])['groups']), ('anna@agent.test', ['x']))
    told = {'sub': 'anna', 'name': 'Anna', 'email': 'anna@agent.test'}
    equal(userinfo(s, tokens), told)
    s.restart()
    equal(userinfo(s, tokens), told)
    again = s.refresh(tokens['refresh_token'], s.rp).json()
    equal(userinfo(s, again), told)
    equal(claims_of(again['id_token'])['email'], 'anna@agent.test')


@test('what an agent says stands over what the store keeps, claim by claim')
def _(s):
    tell(s, 'zoe', **{name: text(value) for name, value in NAMES.items()})
    tokens = login_by_agent(s, 'zoe', claims=GLib.Variant('a{sv}', {'email': text('zoe@agent.test')}))
    told = userinfo(s, tokens)
    equal((told['name'], told['email']), ('Zoe', 'zoe@agent.test'))
    tell(s, 'zoe', name=text('Zoe Z.'), email=text('zoe@new.test'))
    told = userinfo(s, tokens)
    equal((told['name'], told['email']), ('Zoe Z.', 'zoe@agent.test'))


@test('an agent that says what only the server says denies the login')
def _(s):
    for name in ('sub', 'nonce', 'azp', 'at_hash'):
        agent = agents.Thinker(message_bus.connect_peer(s.socket))
        attempt = agents.Attempt(s, 'anna', PASSWORD)
        agent.answer('allow', subject=text('anna'), claims=GLib.Variant('a{sv}', {name: text('x')}))
        check(not attempt.result(), name)
        agent.leave()


@test('the audit trail tells of whom something was written down, and not what')
def _(s):
    tell(s, 'zoe', email=text('canary@trail.test'))
    s.sync_log()
    contains(s.log, b'Manager.SetUserClaims')
    lacks(s.log, b'canary@trail.test')


if __name__ == '__main__':
    main(lambda: Controlled(kind='none', clients=clients()))
