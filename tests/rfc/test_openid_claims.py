#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect Core section 5: what is known of a person, and who is told of it."""

import json

import rfc_path  # noqa: F401
from openid_fixture import ALICE, BY_SCOPE, OPENID
from tap import contains, equal, lacks, main, test
from tessera_fixture import GRANTS, Client, Service, claims_of, default_clients

def service():
    both = dict(scope='a ' + OPENID, grant_types=GRANTS, first_party='true')
    s = Service(clients=default_clients() + [Client('rp', redirect_uri='https://rp.test/cb', **both)])
    s.known = {'alice': dict(ALICE)}
    return s


def login(s, username='alice', **changes):
    changes.setdefault('scope', 'openid')
    return s.tokens(s.rp, username, **changes)


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


@test('core 5.5.1: a claim with a value is told when it has that value')
def _(s):
    for value, told in (('alice@a.test', True), ('other@a.test', False)):
        answer = userinfo(s, login(s, claims=json.dumps({'userinfo': {'email': {'value': value}}})))
        equal('email' in answer, told, value)


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
