#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGHUP: the configuration is swapped as a whole or not at all, and what left it loses its tokens."""

import errno
import os
import secrets
import subprocess

import workshop  # finds tests/support
import tap
from tap import test
from tessera_fixture import Client, Service, expect_client_refused, expect_error, claims_of, write_private

MACHINE = dict(scope='a b', grant_types='client_credentials;')
PEOPLE = dict(scope='a b', grant_types='authorization_code;refresh_token;')


def clients():
    return [
        Client('stays', **MACHINE),
        Client('goes', **MACHINE),
        Client('changes', **MACHINE),
        Client('c1', redirect_uri='https://c1.test/cb', **PEOPLE),
        Client('c2', redirect_uri='https://c2.test/cb', **PEOPLE),
        Client('rsall', introspect='*;', **MACHINE),
    ]


def make():
    return Service(clients=clients(), sections='[resource first]\nidentifier=https://first.test/\n')


def swap(service, words=b'reloaded'):
    """Reloads; what the log said about it."""
    before = len(service.log)
    service.reload()
    said = bytes(service.log[before:])
    tap.contains(said, words)
    return said.decode()


def refused(service, *words):
    said = swap(service, b'stays as it was')
    for word in words:
        tap.contains(said, word)


def put(service, client):
    service.clients[client.id] = client


@test('reload: a new client is there; what was there stays')
def _(service):
    token = service.machine_token(service.stays)
    put(service, Client('new', **MACHINE))
    swap(service)
    tap.check(service.is_active(service.machine_token(service.new)), 'the new client')
    tap.check(service.is_active(token), 'a token of before')


@test('reload: a client that left loses its tokens, and cannot come for others')
def _(service):
    token, other = service.machine_token(service.goes), service.machine_token(service.stays)
    gone = service.clients.pop('goes')
    swap(service)
    tap.check(not service.is_active(token), 'its token lives')
    tap.check(service.is_active(other), 'a token of another client died')
    expect_client_refused(service.client_credentials(gone))


@test('reload: a client that changed loses its tokens, and gets new ones')
def _(service):
    token = service.machine_token(service.changes)
    put(service, Client('changes', secret=service.changes.secret, scope='a', grant_types='client_credentials;'))
    swap(service)
    tap.check(not service.is_active(token), 'its token lives')
    tap.check(service.is_active(service.machine_token(service.changes)), 'a new token')
    expect_error(service.client_credentials(service.changes, scope='b'), 'invalid_scope')


@test('reload: a secret changes without loss, by way of two files')
def _(service):
    old = service.stays
    token = service.machine_token(old)
    path = os.path.join(service.directory, 'next-secret')
    write_private(path, 'sec-canary-' + secrets.token_urlsafe(32))
    with open(path, encoding='ascii') as file:
        new = Client('stays', secret=file.read(), **MACHINE)
    both = Client('stays', secret=old.secret, **MACHINE)
    both.keys['client_secret_file'] = None
    written = both.configuration
    both.configuration = lambda directory: written(directory).replace('client_secret_file=', 'client_secret_file=%s;' % path)
    put(service, both)
    swap(service)
    tap.check(service.is_active(token), 'a token of before')
    for client in (old, new):
        tap.equal(service.client_credentials(client).status, 200, 'the secret of %r' % client)
    put(service, new)
    swap(service)
    tap.check(service.is_active(token), 'a token of before')
    tap.equal(service.client_credentials(new).status, 200)
    expect_client_refused(service.client_credentials(old))


@test('reload: a user whose password changed loses every token, others do not')
def _(service):
    alice, bob = service.tokens(service.c1), service.tokens(service.c1, 'bob')
    service.users['alice'] = 'another-canary-Pw1'
    swap(service)
    tap.check(not service.is_active(alice['access_token']), 'the access token lives')
    expect_error(service.refresh(alice['refresh_token'], service.c1), 'invalid_grant')
    tap.check(service.is_active(bob['access_token']), 'bob lost his token')
    service.forget_browsers()
    tap.check(service.is_active(service.tokens(service.c1)['access_token']), 'alice with the new password')


@test('reload: a user who left loses every token and cannot sign in')
def _(service):
    tokens = service.tokens(service.c1, 'eve')
    password = service.users.pop('eve')
    swap(service)
    tap.check(not service.is_active(tokens['access_token']), 'the access token lives')
    expect_error(service.refresh(tokens['refresh_token'], service.c1), 'invalid_grant')
    answer = service.new_browser().authorize(service.authorization_url(), 'eve', password)
    tap.check(answer.location is None or 'code=' not in answer.location, 'eve has a code')


@test('reload: lifetimes, switches and paths change at once, and back')
def _(service):
    service.sections += '[tokens]\naccess-token-lifetime=77\n'
    service.endpoints = 'introspection=/look\nrevocation-enabled=false\n'
    swap(service)
    claims = claims_of(service.machine_token(service.stays))
    tap.equal(claims['exp'] - claims['iat'], 77)
    tap.equal(service.get('/introspect').status, 404)
    tap.equal(service.get('/look').status, 405)
    tap.equal(service.form('/revoke', {'token': 'x'}, service.stays).status, 404)
    metadata = service.get('/.well-known/oauth-authorization-server').json()
    tap.equal(metadata['introspection_endpoint'], service.issuer + '/look')
    tap.lacks(metadata, 'revocation_endpoint')
    service.sections = service.sections.replace('[tokens]\naccess-token-lifetime=77\n', '')
    service.endpoints = ''
    swap(service)
    claims = claims_of(service.machine_token(service.stays))
    tap.equal(claims['exp'] - claims['iat'], 600)
    tap.equal(service.get('/introspect').status, 405)


@test('reload: after any mistake all stays as it was')
def _(service):
    token = service.machine_token(service.stays)
    before = dict(service.clients)
    put(service, Client('half', **MACHINE))
    service.clients.pop('stays')
    for mistake, words in (
            ('[tokens]\ncode-lifetime=none\n', ('[tokens] code-lifetime',)),
            ('[client broken]\nredirect_uris=http://far.test/cb;\n', ('[client broken] redirect_uris',)),
            ('[client broken]\nclient_secret_file=none\n', ('[client broken] client_secret_file',)),
            ('[resource broken]\nidentifier=nothing\n', ('[resource broken] identifier',))):
        sections = service.sections
        service.sections += mistake
        refused(service, *words)
        service.sections = sections
        expect_client_refused(service.client_credentials(service.half))
        tap.check(service.is_active(token), 'a token of a client that did not leave')
    hashes = dict(service.users)
    service.users['bad:name'] = 'password'
    refused(service, '[users] file')
    service.users = hashes
    service.clients = before
    swap(service)
    tap.check(service.is_active(token), 'the token')


def keep(service, program, *more):
    """Puts a client or a person into the store of the service, which ends and begins for it; what the program said."""
    tap.equal(service.terminate(), 0)
    done = subprocess.run([os.environ[program], service.issuer, service.state, *more], env=service.environment(), stdout=subprocess.PIPE, check=True,
                          text=True, timeout=60)
    service.start()
    return done.stdout.strip()


@test('reload: one that the store refuses changes nothing, the audit trail neither')
def _(service):
    trail = os.path.join(service.directory, 'trail')
    known = keep(service, 'REGISTER_CLIENT')
    keep(service, 'ADD_USER', 'carol', 'carol-canary-Pw4')
    token, hers = service.machine_token(service.stays), service.tokens(service.c1)
    before, users, sections = dict(service.clients), dict(service.users), service.sections
    for name, words in ((known, '[client %s]: a client of this id' % known), ('carol', '[users] file')):
        service.sections = sections + '[audit]\nfile=%s\n' % trail
        put(service, Client('half', **MACHINE))
        service.clients.pop('stays')
        if name == 'carol':
            service.users['carol'] = 'another-canary-Pw5'
        else:
            put(service, Client(name, **MACHINE))
            service.users['alice'] = 'another-canary-Pw1'
        refused(service, words)
        service.clients, service.users, service.sections = dict(before), dict(users), sections
        expect_client_refused(service.client_credentials(Client('half', **MACHINE)))
        tap.check(service.is_active(token), 'a token of a client that did not leave')
        tap.check(service.is_active(hers['access_token']), 'a token of somebody whose password did not change')
        service.get('/jwks')
        tap.check(not os.path.exists(trail) or os.path.getsize(trail) == 0, 'the trail of a configuration that is not in force')
    swap(service)
    tap.check(service.is_active(token), 'the token')


@test('reload: one that cannot be written down changes nothing, then or later')
def _(service):
    token, hers = service.machine_token(service.stays), service.tokens(service.c1)
    before, users = dict(service.clients), dict(service.users)
    for left in ('client', 'user'):
        if left == 'client':
            service.clients.pop('stays')
        else:
            service.users.pop('alice')
        service.files.fail(service.files.WRITE, errno.ENOSPC)
        refused(service)
        service.files.heal()
        service.clients, service.users = dict(before), dict(users)
        tap.equal(service.client_credentials(service.stays).status, 200)
        tap.check(service.is_active(token), 'a token of a client that did not leave')
        tap.check(service.is_active(hers['access_token']), 'a token of somebody who did not leave')
    swap(service)
    tap.check(service.is_active(token), 'the token')


@test('reload: issuer, state and listeners do not change')
def _(service):
    issuer, state, port, sections = service.issuer, service.state, service.port, service.sections
    service.issuer += '/other'
    refused(service, '[server] issuer', 'restart')
    service.issuer = issuer
    service.state += '-other'
    refused(service, '[server] state-directory', 'restart')
    tap.check(not os.path.exists(service.state), 'another state was made')
    service.state = state
    service.sections += '\n[keys]\ndirectory=other-keys\n'
    refused(service, '[keys] directory', 'restart')
    service.sections = sections
    service.port = 1
    refused(service, 'listener', 'restart')
    service.port = port
    swap(service)


@test('reload: a resource can come; it cannot go')
def _(service):
    before = service.sections
    service.sections += '[resource second]\nidentifier=https://second.test/\n'
    swap(service)
    put(service, Client('reader', resources='https://second.test/;', **MACHINE))
    swap(service)
    answer = service.client_credentials(service.reader, resource='https://second.test/')
    tap.equal(answer.status, 200, repr(answer.body))
    tap.equal(claims_of(answer.json()['access_token'])['aud'], 'https://second.test/')
    service.sections = before
    refused(service, '[resource second]', 'restart')
    service.sections += '[resource second]\nidentifier=https://second.test/\n'


@test('restart: a client that left the file meanwhile has lost its tokens')
def _(service):
    put(service, Client('meanwhile', **MACHINE))
    swap(service)
    token = service.machine_token(service.meanwhile)
    tap.equal(service.terminate(), 0)
    gone = service.clients.pop('meanwhile')
    service.start()
    tap.check(not service.is_active(token), 'its token lives')
    put(service, gone)
    swap(service)
    tap.check(not service.is_active(token), 'its token came back')


if __name__ == '__main__':
    tap.main(make)
