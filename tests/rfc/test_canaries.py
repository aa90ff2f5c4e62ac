#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secrets are planted, used in every way a flow has, and searched for: in the log, in the files, in errors."""

import base64
import os
import urllib.parse

import rfc_path  # noqa: F401
import administrator
from cryptography.hazmat.primitives.asymmetric import ec
from key_client import ASSERTION_TYPE, KeyClient, SecretClient, introduce, jwk_of
from registrar import WEB, initial_token, open_service, registered
from tap import check, equal, lacks, main, test
from tessera_fixture import (PASSWORDS, R1, challenge_of, default_clients, new_verifier, parameters_of, write_private)

KEY = ec.generate_private_key(ec.SECP256R1())
PLANTED = {}


def service():
    machine = dict(scope='a b', grant_types='client_credentials;', resources=R1 + ';', audience=R1 + ';')
    return introduce(open_service(clients=default_clients() + [
        KeyClient('signs', [jwk_of(KEY)], KEY, **machine), SecretClient('macs', **machine)]))


def plant(name, value):
    PLANTED[name] = value
    return value


def spellings(value):
    """A secret as it is, as a form has it, and as a log might escape it."""
    return {value.encode(), urllib.parse.quote(value, '').encode(), urllib.parse.quote_plus(value).encode(),
            base64.b64encode(value.encode()).rstrip(b'=')[:-2], value.encode().hex().encode()}


def look_for(data, where):
    for name, value in PLANTED.items():
        for text in spellings(value):
            if len(text) >= 12 and text in data:
                raise AssertionError('%s is in %s' % (name, where))


@test('B47 secrets of a whole life of tokens are planted')
def _(s):
    for client in s.clients.values():
        if client.secret:
            plant('secret of ' + client.id, client.secret)
    for name, password in PASSWORDS.items():
        plant('password of ' + name, password)
    browser = s.new_browser()
    for client, changes in ((s.c1, {}), (s.p1, {'redirect_uri': 'http://127.0.0.1:1234/cb'}), (s.post1, {})):
        verifier = plant('code_verifier ' + client.id, new_verifier())
        answer = s.approve(client, browser=browser, code_challenge=challenge_of(verifier), **changes)
        code = plant('code ' + client.id, answer['code'])
        s.redeem(client, code, new_verifier(), **changes)
        tokens = s.redeem(client, code, verifier, **changes).json()
        plant('access token ' + client.id, tokens['access_token'])
        plant('refresh token ' + client.id, tokens['refresh_token'])
        newer = s.refresh(tokens['refresh_token'], client).json()
        plant('second access token ' + client.id, newer['access_token'])
        plant('second refresh token ' + client.id, newer['refresh_token'])
        s.introspect(tokens['access_token'])
        s.introspect(newer['refresh_token'], client)
        s.revoke(newer['access_token'], client)
        s.revoke(tokens['access_token'], s.c2)
        s.redeem(client, code, verifier, **changes)  # the replay
        s.refresh(newer['refresh_token'], client)
    for name, value in browser.cookies.items():
        plant('cookie ' + name, value)
    s.tokens()
    check(len(PLANTED) > 30, 'too few')


@test('B47 so are those of clients that sign, and of clients that register')
def _(s):
    for client in (s.clients['signs'], s.clients['macs']):
        for path, fields in (('/token', {'grant_type': 'client_credentials'}), ('/introspect', {'token': 'x'}), ('/revoke', {'token': 'x'})):
            assertion = plant('assertion of %s at %s' % (client.id, path), client.assertion(s))
            fields = dict(fields, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)
            equal(s.form(path, fields).status, 200, path)
            equal(s.form(path, fields).status, 401, 'good once')
    token = plant('initial access token', initial_token(s, '--uses', '9')[1]) if administrator.is_here() else None
    for method in ('client_secret_basic', 'client_secret_post'):
        client = registered(s, token=token, token_endpoint_auth_method=method)
        plant('secret by registration for ' + method, client.secret)
        plant('registration access token for ' + method, client.token)
        equal(client.read(s).status, 200)
        equal(client.replace(s, dict(WEB, token_endpoint_auth_method=method, client_secret=client.secret)).status, 200)
        plant('second registration access token for ' + method, client.token)
        equal(client.read(s, token=PLANTED['registration access token for ' + method]).status, 401)


@test('B47 what is wrong is planted too: secrets that a mistake brings into a wrong place')
def _(s):
    for place in ('grant_type', 'scope', 'code', 'refresh_token', 'code_verifier', 'client_secret', 'resource', 'redirect_uri', 'token', 'password', 'username'):
        canary = plant('canary in ' + place, 'canary-%s-of-43-characters-and-some-more' % place.replace('_', '-'))
        if place in ('redirect_uri', 'scope', 'grant_type', 'resource', 'username'):
            del PLANTED['canary in ' + place]  # these may be told to the developer who reads the log
        for grant in ('authorization_code', 'refresh_token', 'client_credentials'):
            s.form('/token', dict({'grant_type': grant, 'code': 'x', 'refresh_token': 'x', 'code_verifier': 'y' * 43}, **{place: canary}), s.c1)
        s.form('/token', {'grant_type': 'client_credentials', 'client_id': 'post1', place: canary})
        s.form('/revoke', {'token': 'x', place: canary}, s.c1)
        s.form('/introspect', {'token': 'x', place: canary}, s.c1)
        s.get('/login?' + urllib.parse.urlencode({place: canary}))
        s.az(**{place: canary})
    secret = plant('wrong secret', 'canary-wrong-secret-of-43-characters-or-so')
    s.form('/token', 'grant_type=client_credentials', headers={'Authorization': s.c1.basic(secret)})
    s.form('/revoke', 'token=x', headers={'Authorization': s.c1.basic(secret, 'nobody')})
    password = plant('wrong password', 'canary-wrong-password')
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    answer = browser.submit(page, page.page.form_with('password'), username='alice', password=password)
    lacks(answer.text, password)
    bearer = plant('bearer token', 'canary-bearer-token-of-43-characters-or-so')
    s.get('/introspect', {'Authorization': 'Bearer ' + bearer})
    s.request('POST', '/token?client_secret=' + plant('secret in the query', 'canary-secret-in-the-query'), 'grant_type=client_credentials', {'Content-Type': 'application/x-www-form-urlencoded'})
    s.get('/authorize?' + urllib.parse.urlencode({'client_id': 'c1', 'client_secret': secret, 'password': password, 'code': 'x'}))


@test('B47 no error echoes a secret')
def _(s):
    for name, value in list(PLANTED.items()):
        for fields in ({'grant_type': 'authorization_code', 'code': value, 'code_verifier': value}, {'grant_type': 'refresh_token', 'refresh_token': value}):
            answer = s.form('/token', fields, s.c2, source=s.new_source())
            lacks(answer.body, value.encode(), name)
            check(all(value not in header for _, header in answer.headers), name)


@test('B47 the log has no secret')
def _(s):
    s.sync_log()
    check(len(s.log) > 1000, 'the log is almost empty')
    look_for(bytes(s.log), 'the log')


@test('B47 database, journal and mirror have no secret')
def _(s):
    seen = 0
    for folder, _, names in os.walk(s.state):
        for name in names:
            if not os.path.isfile(os.path.join(folder, name)):
                continue  # a socket
            with open(os.path.join(folder, name), 'rb') as file:
                data = file.read()
            seen += len(data)
            look_for(data, name)
    check(seen > 10000, 'the state is almost empty')


@test('B47 the search finds what is there')
def _(s):
    plant('proof', 'canary-that-is-in-a-file')
    write_private(os.path.join(s.state, 'proof'), 'x canary-that-is-in-a-file y')
    try:
        with open(os.path.join(s.state, 'proof'), 'rb') as file:
            look_for(file.read(), 'proof')
    except AssertionError:
        pass
    else:
        raise AssertionError('the search is blind')
    finally:
        del PLANTED['proof']
        os.unlink(os.path.join(s.state, 'proof'))


@test('B47 command line and environment of the service have no secret')
def _(s):
    for name in ('cmdline', 'environ'):
        with open('/proc/%d/%s' % (s.process.pid, name), 'rb') as file:
            look_for(file.read(), name)


@test('B47 after a stop the files have no secret either')
def _(s):
    equal(s.terminate(), 0)
    for folder, _, names in os.walk(s.state):
        for name in names:
            with open(os.path.join(folder, name), 'rb') as file:
                look_for(file.read(), name)
    s.start_again()
    check('code' in parameters_of(s.browser().authorize(s.authorization_url(), 'alice', s.users['alice']).location), 'no code')


if __name__ == '__main__':
    main(service)
