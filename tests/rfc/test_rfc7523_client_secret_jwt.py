#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that authenticate by client_secret_jwt (OpenID Connect Core section 9, RFC 7523 section 2.2, RFC 7518 section
3.2), rows B36 to B42 of the threat table; and where their secrets are kept."""

import json
import os
import secrets
import socket

import rfc_path  # noqa: F401
import administrator
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from key_client import ASSERTION_TYPE, KeyClient, SecretClient, introduce, jwk_of
from registrar import open_service, register, registered
from tap import check, contains, equal, lacks, main, skip, test
from tessera_fixture import GRANTS, R1, Client, Service, b64url, default_clients, expect_client_refused, in_parallel

KEY = ec.generate_private_key(ec.SECP256R1())


def clients():
    machine = dict(scope='a b', grant_types='client_credentials;', resources=R1 + ';', audience=R1 + ';')
    both = dict(scope='a b', grant_types=GRANTS, resources=R1 + ';', audience=R1 + ';', redirect_uri='https://macs.test/cb')
    return default_clients() + [
        SecretClient('macs', **both),
        SecretClient('other', introspect='*;', **machine),
        SecretClient('only-384', 'HS384', token_endpoint_auth_signing_alg='HS384', **machine),
        SecretClient('just-enough', secret='32-bytes-and-not-one-more-or-les', **machine),
        KeyClient('signs', [jwk_of(KEY, kid='first', alg='ES256')], KEY, **machine),
    ]


def ask(s, assertion, path='/token', **more):
    fields = {'grant_type': 'client_credentials', 'scope': 'a'} if path == '/token' else {'token': 'x'}
    fields.update(client_assertion_type=ASSERTION_TYPE, client_assertion=assertion, **more)
    return s.form(path, fields, source=s.new_source())


def accepted(s, assertion, what='', path='/token', **more):
    answer = ask(s, assertion, path, **more)
    equal(answer.status, 200, 'refused: %s: %r' % (what, answer.body))
    return answer


def refused(s, assertion, what='', path='/token', **more):
    answer = ask(s, assertion, path, **more)
    check(answer.status == 401, 'not refused: %s: %r' % (what, answer))
    expect_client_refused(answer)


@test('core 9: code, refresh, introspection and revocation by assertions that the secret signed')
def _(s):
    answer = s.refresh(s.tokens(s.macs)['refresh_token'], s.macs)
    equal(answer.status, 200, repr(answer.body))
    token = answer.json()['access_token']
    check(s.is_active(token, s.other), 'active')
    equal(s.revoke(token, s.macs).status, 200)
    check(not s.is_active(token, s.other), 'revoked')


@test('core 9: whoever signs with a secret has no other way in, and nobody else has this one')
def _(s):
    for fields in ({}, {'client_secret': s.macs.secret}):
        expect_client_refused(s.form('/token', dict(fields, grant_type='client_credentials', client_id='macs')))
    expect_client_refused(s.form('/token', {'grant_type': 'client_credentials'}, Client('macs', secret=s.macs.secret)))
    for client in (s.machine, s.post1, s.c1, s.signs, s.p1):
        forged = SecretClient(client.id, secret=(client.secret or 'none') + '-' * 40)
        forged.secret = client.secret or ''
        refused(s, forged.assertion(s), client.id)
    accepted(s, s.macs.assertion(s))


@test('B36 the audience is the issuer, as a string')
def _(s):
    for audience in (s.issuer + '/token', s.issuer + '/', [s.issuer], [s.issuer, 'https://evil.test'], 'https://evil.test', '', None, 1):
        refused(s, s.macs.assertion(s, aud=audience), repr(audience))
    accepted(s, s.macs.assertion(s, aud=s.issuer))


@test('B36 as a setting the token endpoint is an audience too')
def _(s):
    other = Service(clients=clients(), endpoints='assertions-for-token-endpoint=true\n')
    try:
        introduce(other.start())
        for audience in (other.issuer, other.issuer + '/token', [other.issuer]):
            accepted(other, other.macs.assertion(other, aud=audience), repr(audience))
        for audience in ([other.issuer, 'https://evil.test'], other.issuer + '/revoke', None):
            refused(other, other.macs.assertion(other, aud=audience), repr(audience))
    finally:
        introduce(s)
        other.stop()


@test('B37 an assertion is good once, at whatever endpoint, across a restart and at the same moment')
def _(s):
    once = s.macs.assertion(s, exp=int(s.now()) + 290)
    accepted(s, once)
    for path in ('/token', '/revoke', '/introspect'):
        refused(s, once, path, path)
    s.restart()
    refused(s, once, 'after a restart')
    again = s.macs.assertion(s)
    answers = in_parallel(8, lambda number: ask(s, again, ('/token', '/revoke')[number % 2]).status)
    equal(sorted(answers), [200] + [401] * 7)
    for jti in (None, '', 1, 'x' * 257):
        refused(s, s.macs.assertion(s, jti=jti), repr(jti)[:10])
    jti = secrets.token_urlsafe(8)
    accepted(s, s.macs.assertion(s, jti=jti))
    refused(s, s.macs.assertion(s, jti=jti, exp=int(s.now()) + 200), 'the same jti')
    accepted(s, s.other.assertion(s, jti=jti), 'the same jti of another client')


@test('B38 exp is needed, in the future, and near; iat and nbf are past')
def _(s):
    now = int(s.now())
    for changes in (dict(exp=None), dict(exp=now - 1), dict(exp=now + 330), dict(exp=str(now + 60)), dict(iat=now + 60), dict(nbf=now + 60), dict(iat='x')):
        refused(s, s.macs.assertion(s, **changes), repr(changes))
    accepted(s, s.macs.assertion(s, exp=now + 290, iat=None, nbf=now - 5))
    late = s.macs.assertion(s)
    s.advance(120)
    refused(s, late, 'two minutes later')


@test('B39 the HMAC is the registered one, and of the secret')
def _(s):
    for alg in ('HS256', 'HS384', 'HS512'):
        accepted(s, s.macs.assertion(s, alg=alg), alg)
    only = getattr(s, 'only-384')
    accepted(s, only.assertion(s))
    for alg in ('HS256', 'HS512'):
        refused(s, only.assertion(s, alg=alg), 'only HS384 is registered, not ' + alg)
    enough = getattr(s, 'just-enough')
    accepted(s, enough.assertion(s))
    for alg in ('HS384', 'HS512'):
        refused(s, enough.assertion(s, alg=alg), 'the secret is shorter than ' + alg)
    for secret in ('', s.other.secret, s.macs.secret[:-1], s.macs.secret + '\n', s.macs.secret.upper()):
        refused(s, s.macs.assertion(s, secret=secret), 'another secret')
    for alg in ('none', 'None', '', 'hs256', 'HS1', 'HS224', None, 1, ['HS256']):
        refused(s, s.macs.assertion(s, {'alg': alg}), repr(alg))
        refused(s, s.macs.sign(s.macs.claims(s), {'alg': alg}, signature=b''), 'no MAC, %r' % alg)
    good = s.macs.assertion(s)
    refused(s, good[:-4] + 'AAAA', 'changed')
    refused(s, good[:-6], 'cut')
    accepted(s, good)


@test('B39 a public key is no secret, and a secret is no key')
def _(s):
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signs = SecretClient('signs')
    for secret in (pem, pem.strip(), json.dumps(s.signs.jwks).encode(), json.dumps(s.signs.jwks['keys'][0]).encode()):
        for alg in ('HS256', 'HS384', 'HS512'):
            refused(s, signs.assertion(s, secret=secret, alg=alg), 'HS with a public key')
            refused(s, signs.assertion(s, {'kid': 'first'}, secret=secret, alg=alg), 'HS with a public key by its name')
    forged = KeyClient('macs', [], KEY)
    refused(s, forged.assertion(s), 'ES256 for a client with a secret')
    refused(s, forged.assertion(s, {'jwk': jwk_of(KEY)}), 'with its key in it')
    accepted(s, s.signs.assertion(s))


@test('B40 iss, sub and client_id are one, and the type is right')
def _(s):
    for changes in (dict(sub='other'), dict(iss='other'), dict(iss=None), dict(sub=None), dict(iss='other', sub='other'), dict(iss='nobody', sub='nobody')):
        refused(s, s.macs.assertion(s, **changes), repr(changes))
    refused(s, s.macs.assertion(s), 'with another client_id', client_id='other')
    for typ in ('at+jwt', 'oauth-authz-req+jwt', 'logout+jwt', ''):
        refused(s, s.macs.assertion(s, {'typ': typ}), typ)
    for typ in ('JWT', None, 'client-authentication+jwt'):
        accepted(s, s.macs.assertion(s, {'typ': typ}), typ)


@test('B41 kid means nothing here, and may be no longer than any')
def _(s):
    for kid in ('../../../../dev/null', "' OR '1'='1", 'first', 'k' * 128):
        accepted(s, s.macs.assertion(s, {'kid': kid}), kid)
    refused(s, s.macs.assertion(s, {'kid': 'k' * 129}))
    refused(s, s.macs.assertion(s, {'kid': 1}))


@test('B42 what an assertion brings along is not looked at, and nothing is fetched')
def _(s):
    with socket.socket() as trap:
        trap.bind(('127.0.0.1', 0))
        trap.listen(8)
        trap.settimeout(0)
        url = 'http://127.0.0.1:%d/jwks' % trap.getsockname()[1]
        for header in ({'jku': url}, {'x5u': url}, {'jwk': {'kty': 'oct', 'k': b64url('x' * 64)}}):
            refused(s, s.macs.assertion(s, header, secret='x' * 64), repr(header))
            accepted(s, s.macs.assertion(s, header), repr(header))
        try:
            trap.accept()
            check(False, 'somebody came')
        except BlockingIOError:
            pass
    for header in ({'crit': ['exp']}, {'b64': False}, {'zip': 'DEF'}, {'enc': 'A128GCM'}):
        refused(s, s.macs.assertion(s, header), repr(header))


@test('an access token signed by the service passes for nothing here, and an HMAC is no access token')
def _(s):
    refused(s, s.machine_token(), 'an access token')
    equal(s.get('/userinfo', {'Authorization': 'Bearer ' + s.macs.assertion(s)}).status, 401)
    check(not s.is_active(s.macs.assertion(s)), 'active')


@test('guessing is slowed down, and the log says nothing secret')
def _(s):
    source, seen = s.new_source(), set()
    for _unused in range(40):
        fields = {'grant_type': 'client_credentials', 'client_assertion_type': ASSERTION_TYPE, 'client_assertion': s.other.assertion(s, secret='x' * 64)}
        seen.add(s.form('/token', fields, source=source).status)
    equal(seen, {401, 429})
    lacks('\n'.join(s.log_lines()), 'sec-canary')


@test('two secrets while they change: both sign')
def _(s):
    old, new = s.other.secret, 'sec-canary-' + secrets.token_urlsafe(48)
    path = os.path.join(s.directory, 'second-secret')
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='ascii') as file:
        file.write(old)
    s.other.secret = new
    text = s.other.configuration
    s.other.configuration = lambda directory: text(directory).replace('\nclient_secret_file=', '\nclient_secret_file=%s;' % path)
    s.reload()
    accepted(s, s.other.assertion(s, secret=old), 'the old one')
    accepted(s, s.other.assertion(s), 'the new one')
    del s.other.configuration
    s.reload()
    refused(s, s.other.assertion(s, secret=old), 'the old one')
    accepted(s, s.other.assertion(s), 'the new one')


@test('of a declared client the state keeps no secret, sealed or not')
def _(s):
    accepted(s, s.macs.assertion(s))
    for name in os.listdir(s.state):
        path = os.path.join(s.state, name)
        if os.path.isfile(path):
            with open(path, 'rb') as file:
                data = file.read()
            lacks(data, s.macs.secret.encode(), name)
            lacks(data, b'sealed_secrets', name)
    check(not os.path.exists(os.path.join(s.state, 'keys', 'sealing.key')), 'a key that nobody needs')


@test('8414: the metadata say so')
def _(s):
    found = s.get('/.well-known/oauth-authorization-server').json()
    for endpoint in ('token', 'revocation', 'introspection'):
        contains(found[endpoint + '_endpoint_auth_methods_supported'], 'client_secret_jwt')
        for alg in ('HS256', 'HS384', 'HS512'):
            contains(found[endpoint + '_endpoint_auth_signing_alg_values_supported'], alg)
    for name in ('id_token_signing_alg_values_supported', 'request_object_signing_alg_values_supported', 'userinfo_signing_alg_values_supported'):
        check(not [alg for alg in found[name] if alg[:2] == 'HS'], name)


@test('what cannot work is refused by the configuration, in words')
def _(s):
    def said(**changes):
        other = Service(clients=[SecretClient('c', **dict(dict(grant_types='client_credentials;'), **changes))])
        try:
            return other.run_check()
        finally:
            other.abandon()
    equal(said()[0], 0, said()[1])
    for words, changes in (('32 bytes', dict(secret='x' * 31)), ('64 bytes', dict(secret='x' * 63, token_endpoint_auth_signing_alg='HS512')),
                           ('HS256', dict(token_endpoint_auth_signing_alg='ES256')), ('HS256', dict(token_endpoint_auth_signing_alg='none'))):
        status, text = said(**changes)
        equal(status, 78, text)
        contains(text, words)
    none = SecretClient('c', grant_types='client_credentials;')
    none.secret = None
    other = Service(clients=[none])
    try:
        status, text = other.run_check()
    finally:
        other.abandon()
    equal(status, 78, text)
    contains(text, 'needs a secret')


# --- clients that the store keeps


def kept(s, *more):
    """One that the command registers, as the tests know it."""
    if not administrator.is_here():
        skip('the command was not built')
    told = json.loads(administrator.command(s, 'client', 'add', '--json', '--auth-method', 'client_secret_jwt', '--grant-type', 'client_credentials', '--scope', 'a', '--name', 'Kept', *more))
    client = SecretClient(told['client_id'], secret=told['client_secret'])
    client.service = s
    return client


def state_of(s):
    text = b''
    for name in os.listdir(s.state):
        if os.path.isfile(os.path.join(s.state, name)):
            with open(os.path.join(s.state, name), 'rb') as file:
                text += file.read()
    return text


def stored(s, client):
    return json.loads(s.database_copy().execute('SELECT registration FROM clients WHERE client_id = ?', (client.id,)).fetchone()[0])


@test('a registered one gets a secret that is long enough for each HMAC, and the store keeps it sealed')
def _(s):
    client = kept(s)
    for alg in ('HS256', 'HS384', 'HS512'):
        accepted(s, client.assertion(s, alg=alg), alg)
    lacks(state_of(s), client.secret.encode())
    record = stored(s, client)
    equal(len(record['sealed_secrets']), 1)
    check(record['sealed_secrets'][0].startswith('v1.'), record)
    key = os.path.join(s.state, 'keys', 'sealing.key')
    equal((os.stat(key).st_mode & 0o7777, os.stat(key).st_size), (0o600, 32))
    lacks(administrator.command(s, 'client', 'show', client.id, '--json'), 'seal')


@test('a restart and SIGKILL keep it; a rotation brings another, and both are good if that is wanted')
def _(s):
    client = kept(s)
    s.restart()
    accepted(s, client.assertion(s), 'after a restart')
    s.kill()
    s.start_again()
    accepted(s, client.assertion(s), 'after SIGKILL')
    old = client.secret
    client.secret = json.loads(administrator.command(s, 'client', 'rotate-secret', client.id, '--keep-previous', '--json', '--yes'))['client_secret']
    check(client.secret != old, 'another one')
    s.restart()
    accepted(s, client.assertion(s), 'the new one')
    accepted(s, client.assertion(s, secret=old), 'the old one')
    client.secret = json.loads(administrator.command(s, 'client', 'rotate-secret', client.id, '--json', '--yes'))['client_secret']
    s.restart()
    accepted(s, client.assertion(s), 'the newest')
    refused(s, client.assertion(s, secret=old), 'the first')
    equal(len(stored(s, client)['sealed_secrets']), 1)


@test('without the key that sealed it the service starts, says whose secret is lost, and lets nobody in until there is another')
def _(s):
    client = kept(s)
    path = os.path.join(s.state, 'keys', 'sealing.key')
    with open(path, 'rb') as file:
        good = file.read()
    equal(s.terminate(), 0)
    os.remove(path)
    s.start_again()
    s.sync_log()
    contains(s.log.decode(), client.id)
    refused(s, client.assertion(s), 'with its good secret')
    contains(administrator.command(s, 'client', 'show', client.id), 'client_secret_jwt')
    # The file comes back: so does the secret.
    equal(s.terminate(), 0)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as file:
        file.write(good)
    s.start_again()
    accepted(s, client.assertion(s), 'with the key again')
    # It does not: another secret helps, and another key is made.
    equal(s.terminate(), 0)
    os.remove(path)
    s.start_again()
    client.secret = json.loads(administrator.command(s, 'client', 'rotate-secret', client.id, '--json', '--yes'))['client_secret']
    accepted(s, client.assertion(s), 'with another secret')
    s.restart()
    accepted(s, client.assertion(s), 'after a restart')


@test('an export opens where the key is that sealed it; elsewhere its client waits for another secret')
def _(s):
    client = kept(s)
    path = os.path.join(s.directory, 'export-' + client.id)
    administrator.command(s, 'export', path)
    with open(path, encoding='utf-8') as file:
        lacks(file.read(), client.secret)
    for with_key in (False, True):
        other = Service(clients=[])
        try:
            other.start()
            if with_key:
                equal(other.terminate(), 0)
                with open(os.path.join(s.state, 'keys', 'sealing.key'), 'rb') as file:
                    copy = os.open(os.path.join(other.state, 'keys', 'sealing.key'), os.O_WRONLY | os.O_CREAT, 0o600)
                    os.write(copy, file.read())
                    os.close(copy)
                other.start_again()
            administrator.command(other, 'import', path, '--yes')
            if with_key:
                accepted(other, client.assertion(other), 'where the key is')
                other.restart()
                accepted(other, client.assertion(other), 'after a restart')
            else:
                refused(other, client.assertion(other), 'where it is not')
                other.sync_log()
                contains(other.log.decode(), client.id)
        finally:
            other.stop()


@test('a sealing key that others can read refuses the start')
def _(s):
    kept(s)
    path = os.path.join(s.state, 'keys', 'sealing.key')
    equal(s.terminate(), 0)
    os.chmod(path, 0o640)
    try:
        s.start_again()
        check(False, 'it started')
    except RuntimeError as error:
        contains(str(error), 'sealing.key')
        contains(str(error), 'exit status 78')
    s.log.clear()
    os.chmod(path, 0o600)
    s._collect()
    s.start_again()


@test('7591: one that registers itself may have it, where the policy says so')
def _(s):
    wanted = {'grant_types': ['client_credentials'], 'token_endpoint_auth_method': 'client_secret_jwt', 'token_endpoint_auth_signing_alg': 'HS512', 'scope': 'a'}
    other = open_service('auth-methods=client_secret_jwt;\ngrant-types=client_credentials;\nscopes=a;\n', clients=[])
    try:
        other.start()
        told = registered(other, wanted).metadata
        client = SecretClient(told['client_id'], 'HS512', secret=told['client_secret'])
        accepted(other, client.assertion(other), 'HS512')
        refused(other, client.assertion(other, alg='HS256'), 'another than it registered')
        other.restart()
        accepted(other, client.assertion(other), 'after a restart')
        lacks(state_of(other), client.secret.encode())
    finally:
        other.stop()
    usual = open_service('grant-types=client_credentials;\nscopes=a;\n', clients=[])
    try:
        usual.start()
        equal(register(usual, wanted).status, 400)
    finally:
        usual.stop()


@test('a secret of one client, put into the record of another, opens nothing')
def _(s):
    one, two = kept(s), kept(s)
    equal(s.terminate(), 0)
    record, foreign = stored(s, one), stored(s, two)
    record['sealed_secrets'] = foreign['sealed_secrets']
    s.edit_database("UPDATE clients SET registration = '%s' WHERE client_id = '%s'" % (json.dumps(record).replace("'", "''"), one.id))
    s.start_again()
    s.sync_log()
    contains(s.log.decode(), one.id)
    refused(s, one.assertion(s), 'with its own')
    refused(s, one.assertion(s, secret=two.secret), 'with the other\'s')
    accepted(s, two.assertion(s))


if __name__ == '__main__':
    main(lambda: introduce(Service(clients=clients())))
