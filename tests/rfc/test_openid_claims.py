#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect Core section 5: what is known of a person, and who is told of it."""

import json
import re

import rfc_path  # noqa: F401
from openid_fixture import ALICE, BY_SCOPE, OPENID
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import GRANTS, Client, Service, claims_of, default_clients, parameters_of

EVERYTHING = json.dumps({place: dict.fromkeys(list(ALICE) + ['acr', 'auth_time', 'sub']) for place in ('userinfo', 'id_token')})

def service():
    first = dict(grant_types=GRANTS, first_party='true')
    s = Service(clients=default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', scope='a ' + OPENID, **first),
        Client('little', redirect_uri='https://little.test/cb', scope='openid', **first),
        Client('mails', redirect_uri='https://mails.test/cb', scope='openid email', **first),
        Client('asks', redirect_uri='https://asks.test/cb', scope='a ' + OPENID, grant_types=GRANTS),
        Client('barely', redirect_uri='https://barely.test/cb', scope='openid', grant_types=GRANTS),
        Client('app', 'none', redirect_uri='https://app.test/cb', scope=OPENID, grant_types='authorization_code;refresh_token;'),
    ])
    s.known = {'alice': dict(ALICE)}
    return s


def login(s, username='alice', client=None, **changes):
    changes.setdefault('scope', 'openid')
    return s.tokens(client or s.rp, username, **changes)


def userinfo(s, tokens):
    answer = s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']})
    equal(answer.status, 200)
    return answer.json()


@test('core 5.4: each scope tells its claims at userinfo, in their types, and no others')
def _(s):
    for scope, names in BY_SCOPE.items():
        told = userinfo(s, login(s, scope='openid ' + scope))
        equal(told, dict({name: ALICE[name] for name in names}, sub='alice'), scope)
    everything = set().union(*BY_SCOPE.values())
    equal(set(userinfo(s, login(s, scope=OPENID))), everything | {'sub'})


@test('core 5.4: the scopes tell nothing in an ID token, since there is an access token for userinfo')
def _(s):
    lacks(claims_of(login(s, scope=OPENID)['id_token']), 'email')


@test('core 5.5: what a client asks for by name is told where it asks, custom claims and other languages too')
def _(s):
    wanted = {'userinfo': {'groups': None, 'name#de': None, 'email': {'essential': True}},
              'id_token': {'address': None, 'phone_number_verified': {'essential': True}, 'groups': None, 'nonce': None, 'azp': None}}
    tokens = login(s, claims=json.dumps(wanted))
    equal(userinfo(s, tokens), {'sub': 'alice', 'groups': ['staff'], 'name#de': ALICE['name#de'], 'email': ALICE['email']})
    claims = claims_of(tokens['id_token'])
    equal((claims['address'], claims['phone_number_verified'], claims['groups']), (ALICE['address'], False, ['staff']))
    lacks(claims, 'nonce')
    lacks(claims, 'azp')
    lacks(claims, 'name')


@test('core 5.5: by name a client is told nothing that it could not have by scope, and goes on without it')
def _(s):
    for client, names in ((s.little, set()), (s.mails, BY_SCOPE['email']), (s.rp, set(ALICE))):
        tokens = login(s, client=client, claims=EVERYTHING)
        equal(set(userinfo(s, tokens)), names | {'sub'}, client.id)
        claims = claims_of(tokens['id_token'])
        equal(set(claims) & set(ALICE), names, client.id)
        contains(claims, 'auth_time')


def shown(s, browser, client=None, **changes):
    """What the consent page says that the application will be able to do; None: nobody is asked."""
    answer = browser.open(s.authorization_url(client or s.asks, scope='openid', **changes))
    if answer.page.form_with('decision') is None:
        return None
    return re.findall(r'<li>(?:<code>)?<bdi>(.*?)</bdi>', answer.text)


def by_name(*names, place='userinfo'):
    return json.dumps({place: dict.fromkeys(names)})


@test('core 5.5, 3.1.2.4: who is asked is shown claims by name as the scopes that they belong to')
def _(s):
    browser = s.browser().copy()
    openid = shown(s, browser, prompt='consent')
    equal(len(openid), 1)
    texts = {}
    for scope in BY_SCOPE:
        answer = browser.open(s.authorization_url(s.asks, scope=scope, prompt='consent'))
        texts[scope] = re.findall(r'<li>(?:<code>)?<bdi>(.*?)</bdi>', answer.text)
        equal(len(texts[scope]), 1, scope)
        for place in ('userinfo', 'id_token'):
            for name in BY_SCOPE[scope]:
                equal(shown(s, browser, prompt='consent', claims=by_name(name, place=place)), openid + texts[scope], name)
    equal(shown(s, browser, prompt='consent', claims=by_name('groups')), openid + texts['profile'])
    equal(shown(s, browser, prompt='consent', claims=by_name('acr', 'auth_time', 'sub', 'nonce')), openid)
    equal(set(shown(s, browser, prompt='consent', claims=EVERYTHING)), set(openid).union(*texts.values()))
    equal(shown(s, browser, s.barely, prompt='consent', claims=EVERYTHING), openid, 'what it will not be told')


@test('core 5.5, 3.1.2.4: a consent to scopes is none to claims by name; one to both is remembered')
def _(s):
    browser = s.new_browser()
    def silent(**changes):
        answer = parameters_of(browser.get(s.authorization_url(s.asks, prompt='none', **dict(dict(scope='openid'), **changes))).location)
        return answer.get('error', 'allowed')
    contains(s.approve(s.asks, browser=browser, scope='openid'), 'code')
    equal((silent(), silent(claims=by_name('acr', 'sub'))), ('allowed', 'allowed'))
    for name in ('email', 'groups', 'phone_number'):
        for place in ('userinfo', 'id_token'):
            equal(silent(claims=by_name(name, place=place)), 'consent_required', name)
    check(shown(s, browser, claims=by_name('email')) is not None, 'nobody was asked')
    contains(s.approve(s.asks, browser=browser, scope='openid', claims=by_name('email')), 'code')
    equal((silent(claims=by_name('email', 'email_verified')), silent(scope='openid email'), silent()), ('allowed',) * 3)
    equal((silent(claims=by_name('name')), silent(scope='openid profile')), ('consent_required',) * 2)


@test('the account page says of an application what it was allowed by name, too')
def _(s):
    browser = s.new_browser()
    s.tokens(s.app, 'bob', browser=browser, scope='openid', claims=by_name('phone_number'))
    page = browser.open(s.issuer + '/account')
    equal(page.status, 200)
    contains(page.text, 'phone')


@test('core 5.5.1: a claim with a value is told when it has that value')
def _(s):
    for value, told in (('alice@a.test', True), ('other@a.test', False)):
        answer = userinfo(s, login(s, claims=json.dumps({'userinfo': {'email': {'value': value}}})))
        equal('email' in answer, told, value)


@test('core 5.5: a request that grows too long when its numbers are written out is refused')
def _(s):
    for value, told in (('0.1', 'invalid_request'), ('1', None)):
        claims = '{"userinfo":{"email":{"values":[%s]}}}' % ','.join([value] * 900)
        answer = parameters_of(s.browser().authorize(s.authorization_url(s.rp, scope='openid', claims=claims)).location)
        equal(answer.get('error'), told)


@test('core 5.3.2: of somebody of whom nothing is known only sub is told')
def _(s):
    equal(userinfo(s, login(s, 'bob', scope=OPENID)), {'sub': 'bob'})


@test('a change in the file is told at the next userinfo request, and ends nothing')
def _(s):
    tokens = login(s, scope=OPENID)
    s.known['alice'] = dict(ALICE, email='new@a.test')
    del s.known['alice']['nickname']
    try:
        s.reload()
        told = userinfo(s, tokens)
        equal(told['email'], 'new@a.test')
        lacks(told, 'nickname')
        equal(s.refresh(tokens['refresh_token'], s.rp).status, 200)
    finally:
        s.known['alice'] = dict(ALICE)
        s.reload()
    equal(userinfo(s, tokens)['email'], ALICE['email'])


@test('a file that says of a person what cannot be refuses the start, and names the line and the claim')
def _(_s):
    for claims, word in (({'email_verified': 'true'}, 'email_verified'), ({'sub': 'root'}, 'sub'), ({'updated_at': 1}, 'updated_at'),
                         ({'picture': 'javascript:x'}, 'picture'), ([], 'JSON')):
        s = service()
        s.known['bob'] = claims
        try:
            status, said = s.run_check()
            equal(status, 78, said)
            contains(said, word)
            contains(said, 'Line 2')
        finally:
            s.abandon()


@test('discovery 3: claims_supported has all that scopes tell')
def _(s):
    known = s.get('/.well-known/openid-configuration').json()['claims_supported']
    for name in set().union(*BY_SCOPE.values()) - {'name#de'} | {'updated_at'}:
        contains(known, name)


if __name__ == '__main__':
    main(service)
