#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients manage their own registration (RFC 7592), and row G06 of the threat table."""

import json

import rfc_path  # noqa: F401
from administrator import command
from registrar import ENABLED, WEB, expect_bad_token, open_service, refused, registered, send
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import Service, expect_client_refused, in_parallel

SAID_BY_THE_SERVER = ('registration_access_token', 'registration_client_uri', 'client_secret', 'client_secret_expires_at')


def without(metadata, *names):
    return {name: value for name, value in metadata.items() if name not in names}


@test('7592 2.1: a client reads its registration, without the secret')
def _(s):
    client = registered(s, contacts=['ann@dyn.test'])
    answer = client.read(s)
    equal(answer.status, 200)
    equal(answer.header('Cache-Control'), 'no-store')
    told = answer.json()
    equal(without(told, *SAID_BY_THE_SERVER), without(client.metadata, *SAID_BY_THE_SERVER))
    equal((told['registration_client_uri'], told['registration_access_token']), (client.uri, client.token))
    lacks(told, 'client_secret')


@test('G06: a registration access token is of one client, and of nothing else')
def _(s):
    one, two = registered(s), registered(s)
    for method in ('GET', 'DELETE'):
        expect_bad_token(send(s, method, one.path(s), token=two.token))
    expect_bad_token(one.replace(s, WEB, token=two.token))
    for path in (one.path(s), s.prefix + '/register/unknown'):
        for token in ('wrong', '', one.secret, two.token):
            expect_bad_token(send(s, 'GET', path, token=token))
        lacks(expect_bad_token(send(s, 'GET', path)).header('WWW-Authenticate'), 'error=')
    expect_bad_token(send(s, 'GET', one.path(s), headers={'Authorization': one.basic()}))
    # Nor does it register another one, or stand for an access token.
    expect_bad_token(send(s, 'POST', '/register', WEB, one.token))
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + one.token}).status, 401)
    # An access token does not manage.
    access_token = s.tokens(one, scope='openid')['access_token']
    expect_bad_token(send(s, 'GET', one.path(s), token=access_token))
    equal(one.read(s).status, 200)


@test('G06: who is unknown and who is another are told the same')
def _(s):
    one, two = registered(s), registered(s)
    foreign = send(s, 'GET', one.path(s), token=two.token)
    unknown = send(s, 'GET', '/register/' + 'A' * 22, token=two.token)
    equal((foreign.status, foreign.body, foreign.header('WWW-Authenticate')), (unknown.status, unknown.body, unknown.header('WWW-Authenticate')))
    # A client that an administrator declared has no such token.
    expect_bad_token(send(s, 'GET', '/register/c1', token=two.token))


@test('7592 2.2: PUT replaces the whole, and turns the token over')
def _(s):
    client = registered(s, contacts=['ann@dyn.test'], policy_uri='https://dyn.test/policy')
    first = client.token
    answer = client.replace(s, {'redirect_uris': ['https://dyn.test/new'], 'client_name': 'Renamed'})
    equal(answer.status, 200, repr(answer.body))
    told = answer.json()
    equal((told['client_id'], told['redirect_uris'], told['client_name']), (client.id, ['https://dyn.test/new'], 'Renamed'))
    equal(told['client_id_issued_at'], client.metadata['client_id_issued_at'])
    for name in ('contacts', 'policy_uri', 'client_secret'):
        lacks(told, name)
    check(told['registration_access_token'] != first, 'the same token')
    expect_bad_token(client.read(s, token=first))
    equal(client.read(s).json(), told)
    client.redirect_uri = 'https://dyn.test/new'
    check('access_token' in s.tokens(client, scope='openid'), 'its secret is not as before')


@test('7592 2.2: PUT says who it is, may show its secret, and nothing that is the server`s to say')
def _(s):
    client = registered(s)
    for change in ({'client_id': 'another'}, {'client_id': None}, {'client_secret': 'another-secret-of-enough-length'}, {'client_secret': 7}, {'registration_access_token': client.token},
                   {'registration_client_uri': client.uri}, {'client_secret_expires_at': 0}, {'client_id_issued_at': 1}):
        refused(client.replace(s, dict(WEB, **change)))
    refused(send(s, 'PUT', client.path(s), WEB, client.token))
    refused(client.replace(s, b'[[['))
    refused(client.replace(s, {'client_name': 'x'}), 'invalid_redirect_uri')
    refused(client.replace(s, dict(WEB, redirect_uris=['javascript:x'])), 'invalid_redirect_uri')
    refused(client.replace(s, dict(WEB, grant_types=['client_credentials'])))
    equal(client.read(s).json()['redirect_uris'], WEB['redirect_uris'])
    equal(client.replace(s, dict(WEB, client_secret=client.secret)).status, 200)


@test('What tokens depend on cannot change under them; a name can')
def _(s):
    client = registered(s, scope='openid profile')
    token = s.tokens(client, scope='openid')['access_token']
    same = dict(WEB, scope='openid profile', client_name='Other name', contacts=['bob@dyn.test'])
    equal(client.replace(s, same).status, 200)
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + token}).status, 200)
    equal(client.replace(s, dict(same, scope='openid')).status, 200)
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + token}).status, 401)


@test('A client becomes public and confidential again: with another secret')
def _(s):
    client = registered(s)
    old = client.secret
    answer = client.replace(s, dict(WEB, token_endpoint_auth_method='none'))
    equal(answer.status, 200)
    lacks(answer.json(), 'client_secret')
    answer = client.replace(s, dict(WEB, token_endpoint_auth_method='client_secret_post'))
    equal(answer.status, 200)
    client.method, client.secret = 'client_secret_post', answer.json()['client_secret']
    check(client.secret != old, 'the old secret')
    check('access_token' in s.tokens(client, scope='openid'), 'no token')
    client.secret = old
    expect_client_refused(s.refresh('x', client))


@test('What an administrator gave stays when a client replaces its registration')
def _(s):
    client = registered(s)
    command(s, 'client', 'update', client.id, '--introspect', 'https://r1.test/', '--access-token-lifetime', '77')
    equal(client.read(s).status, 200)
    equal(client.replace(s, dict(WEB, client_name='Again')).status, 200)
    shown = json.loads(command(s, 'client', 'show', '--json', client.id))
    equal((shown['introspect'], shown['access_token_lifetime'], shown['dynamic'], shown['client_name']), (['https://r1.test/'], 77, True, 'Again'))


@test('7592 2.3: a client that removes itself is gone, with its tokens')
def _(s):
    client = registered(s, grant_types=['authorization_code', 'refresh_token'])
    answer = s.tokens(client, scope='openid offline_access')
    gone = client.remove(s)
    equal((gone.status, gone.body), (204, b''))
    for method in ('GET', 'DELETE'):
        expect_bad_token(send(s, method, client.path(s), token=client.token))
    expect_client_refused(s.refresh(answer['refresh_token'], client))
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + answer['access_token']}).status, 401)
    check(not s.is_active(answer['access_token']), 'still active')
    s.restart()
    expect_bad_token(client.read(s))
    check(not s.is_active(answer['access_token']), 'active again')


@test('An administrator disables and removes a client that registered itself')
def _(s):
    client = registered(s)
    contains(command(s, 'client', 'list'), client.id)
    command(s, 'client', 'disable', '--yes', client.id)
    for method in ('GET', 'DELETE'):
        expect_bad_token(send(s, method, client.path(s), token=client.token))
    command(s, 'client', 'enable', client.id)
    equal(client.read(s).status, 200)
    command(s, 'client', 'remove', '--yes', client.id)
    expect_bad_token(client.read(s))


@test('Of many who replace with one token one comes first')
def _(s):
    client = registered(s)
    sources = [s.new_source() for _ in range(8)]
    body = dict(WEB, client_id=client.id)
    answers = in_parallel(8, lambda number: send(s, 'PUT', client.path(s), dict(body, client_name='Name %d' % number), client.token, source=sources[number]))
    equal(sorted(answer.status for answer in answers), [200] + [401] * 7)
    winner = next(answer for answer in answers if answer.status == 200).json()
    equal(send(s, 'GET', client.path(s), token=winner['registration_access_token']).json(), winner)


@test('An address that replaces too often has to wait')
def _(s):
    other = Service(endpoints=ENABLED, sections='[registration]\nopen=true\nrate=5\n')
    try:
        other.start()
        client, source = registered(other), other.new_source()
        statuses = [client.replace(other, dict(WEB, scope='openid' if number % 2 else 'openid profile'), source=source).status for number in range(8)]
        check(statuses[:5] == [200] * 5 and statuses[-1] == 429, statuses)
        other.advance(3600)
        equal(client.replace(other, WEB, source=source).status, 200)
    finally:
        other.stop()


@test('Only these methods, and JSON where there is a body')
def _(s):
    client = registered(s)
    for method in ('POST', 'PATCH'):
        answer = send(s, method, client.path(s), WEB, client.token)
        equal((answer.status, answer.header('Allow')), (405, 'GET, HEAD, PUT, DELETE'))
    equal(client.replace(s, WEB, content_type='text/plain').status, 415)
    for path in (client.path(s) + '/x', client.path(s) + '/', '/register/'):
        equal(send(s, 'GET', path, token=client.token).status, 404)


if __name__ == '__main__':
    main(open_service)
