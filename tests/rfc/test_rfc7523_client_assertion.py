#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that authenticate by private_key_jwt: RFC 7523 sections 2.2 and 3, RFC 7521 section 4.2, and rows B36 to
B42 of the threat table. Each row is shown a refusal and what is accepted beside it."""

import hashlib
import hmac
import json
import secrets
import socket

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from key_client import ASSERTION_TYPE, KeyClient, introduce, jwk_of
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import (GRANTS, R1, Client, Service, b64url, default_clients, expect_client_refused, expect_error, in_parallel)

FIRST, SECOND, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
EDWARDS = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)


def clients():
    machine = dict(scope='a b', grant_types='client_credentials;', resources=R1 + ';', audience=R1 + ';')
    both = dict(scope='a b', grant_types=GRANTS, resources=R1 + ';', audience=R1 + ';', redirect_uri='https://signs.test/cb')
    named = [jwk_of(FIRST, kid='first', use='sig', alg='ES256'), jwk_of(SECOND, kid='second')]
    return default_clients() + [
        KeyClient('signs', named, FIRST, **both),
        KeyClient('plain-key', [jwk_of(SECOND), jwk_of(FIRST)], FIRST, introspect='*;', **machine),
        KeyClient('edwards', [jwk_of(EDWARDS)], EDWARDS, 'EdDSA', **machine),
        KeyClient('rsa', [jwk_of(RSA)], RSA, 'RS256', **machine),
        KeyClient('pss', [jwk_of(RSA)], RSA, 'PS256', token_endpoint_auth_signing_alg='PS256', **machine),
        KeyClient('only-es', [jwk_of(FIRST), jwk_of(EDWARDS)], FIRST, token_endpoint_auth_signing_alg='ES256', **machine),
    ]


def ask(s, assertion, path='/token', kind=ASSERTION_TYPE, **more):
    fields = {'grant_type': 'client_credentials', 'scope': 'a', 'client_assertion_type': kind, 'client_assertion': assertion}
    if path != '/token':
        fields = {'token': 'x', 'client_assertion_type': kind, 'client_assertion': assertion}
    fields.update(more)
    return s.form(path, fields, source=s.new_source())


def accepted(s, assertion, what='', path='/token', **more):
    answer = ask(s, assertion, path, **more)
    equal(answer.status, 200, 'refused: %s: %r' % (what, answer.body))
    return answer


def refused(s, assertion, what='', path='/token', **more):
    answer = ask(s, assertion, path, **more)
    check(answer.status == 401, 'not refused: %s: %r' % (what, answer))
    expect_client_refused(answer)


@test('7523 2.2: a client gets a token by an assertion, and needs no client_id beside it')
def _(s):
    equal(accepted(s, s.signs.assertion(s)).json()['token_type'], 'Bearer')
    accepted(s, s.signs.assertion(s), 'with its client_id', client_id='signs')
    refused(s, s.signs.assertion(s), 'with another client_id', client_id='machine')


@test('7523 2.2: code, refresh, revocation and introspection by assertions')
def _(s):
    answer = s.tokens(s.signs)
    answer = s.refresh(answer['refresh_token'], s.signs)
    equal(answer.status, 200, repr(answer.body))
    token = answer.json()['access_token']
    check(s.is_active(token, getattr(s, 'plain-key')), 'active')
    equal(s.revoke(token, s.signs).status, 200)
    check(not s.is_active(token, getattr(s, 'plain-key')), 'revoked')


@test('7521 4.2: one method a request, and type and assertion belong together')
def _(s):
    good = s.signs.assertion(s)
    expect_error(ask(s, good, client_secret='x'), 'invalid_request')
    expect_error(ask(s, good, client_secret='x', client_id='signs'), 'invalid_request')
    answer = s.form('/token', {'grant_type': 'client_credentials', 'client_assertion': good, 'client_assertion_type': ASSERTION_TYPE}, s.machine)
    expect_error(answer, 'invalid_request')
    expect_error(s.form('/token', {'grant_type': 'client_credentials', 'client_assertion': good}), 'invalid_request')
    expect_error(s.form('/token', {'grant_type': 'client_credentials', 'client_assertion_type': ASSERTION_TYPE, 'client_id': 'signs'}), 'invalid_request')
    refused(s, good, 'SAML', kind='urn:ietf:params:oauth:client-assertion-type:saml2-bearer')
    accepted(s, good)


@test('a client that signs has no other way in, and no other client has this one')
def _(s):
    expect_client_refused(s.form('/token', {'grant_type': 'client_credentials', 'client_id': 'signs'}))
    expect_client_refused(s.form('/token', {'grant_type': 'client_credentials', 'client_id': 'signs', 'client_secret': 'x' * 20}))
    expect_client_refused(s.introspect('x', Client('signs', method='none')))
    refused(s, s.signs.assertion(s, iss='machine', sub='machine'), 'one with a secret')
    refused(s, s.signs.assertion(s, iss='p1', sub='p1'), 'a public one')
    refused(s, s.signs.assertion(s, iss='nobody', sub='nobody'), 'an unknown one')
    refused(s, 'x', 'no JWT')
    refused(s, s.signs.assertion(s) + 'A', 'not base64url of a signature')
    refused(s, 'A' * 9000, 'too long')
    accepted(s, s.signs.assertion(s))


@test('B36 the audience is the issuer, as a string')
def _(s):
    for audience in (s.issuer + '/token', s.issuer + '/', [s.issuer], [s.issuer, 'https://evil.test'], 'https://evil.test', s.issuer.upper(), '',
                     None, 1, {}, []):
        refused(s, s.signs.assertion(s, aud=audience), repr(audience))
    accepted(s, s.signs.assertion(s, aud=s.issuer))


@test('B36 as a setting the token endpoint is an audience too, and nothing that is not ours')
def _(s):
    other = Service(clients=clients(), endpoints='assertions-for-token-endpoint=true\ntoken=/oauth/token\n')
    try:
        introduce(other.start())
        url = other.issuer + '/oauth/token'
        for audience in (other.issuer, url, [other.issuer], [url, other.issuer]):
            accepted(other, other.signs.assertion(other, aud=audience), repr(audience), path='/revoke')
        for audience in (other.issuer + '/token', other.issuer + '/revoke', [other.issuer, 'https://evil.test'], [], [1], None):
            refused(other, other.signs.assertion(other, aud=audience), repr(audience), path='/revoke')
    finally:
        introduce(s)
        other.stop()


@test('B37 an assertion is good once, at whatever endpoint')
def _(s):
    once = s.signs.assertion(s)
    accepted(s, once)
    for path in ('/token', '/revoke', '/introspect'):
        refused(s, once, 'used at /token, then at ' + path, path)
    for path in ('/revoke', '/introspect'):
        again = s.signs.assertion(s)
        accepted(s, again, path, path)
        refused(s, again, 'used at %s, then at /token' % path)
    jti = secrets.token_urlsafe(8)
    accepted(s, s.signs.assertion(s, jti=jti))
    refused(s, s.signs.assertion(s, jti=jti, exp=int(s.now()) + 200), 'the same jti in another one')
    accepted(s, getattr(s, 'only-es').assertion(s, jti=jti), 'the same jti of another client')


@test('B37 an assertion that was used before a restart, or a crash, is used')
def _(s):
    one, two = s.signs.assertion(s, exp=int(s.now()) + 290), s.signs.assertion(s, exp=int(s.now()) + 290)
    accepted(s, one)
    s.restart()
    refused(s, one, 'after a restart')
    accepted(s, two)
    s.kill()
    s.start_again()
    refused(s, two, 'after SIGKILL')
    refused(s, one, 'still')
    accepted(s, s.signs.assertion(s))


@test('B37 of many that come at once with one assertion, one is let in')
def _(s):
    once = s.signs.assertion(s)
    answers = in_parallel(12, lambda number: ask(s, once, ('/token', '/revoke', '/introspect')[number % 3]).status)
    equal(sorted(answers), [200] + [401] * 11)


@test('B37 an assertion that was refused for another reason is not used up')
def _(s):
    jti = secrets.token_urlsafe(8)
    refused(s, s.signs.assertion(s, key=STRANGER, jti=jti), 'of a stranger')
    refused(s, s.signs.assertion(s, aud='https://evil.test', jti=jti), 'for another')
    accepted(s, s.signs.assertion(s, jti=jti))


@test('B37 jti is needed, as a string of some length')
def _(s):
    for jti in (None, '', 1, ['x'], 'x' * 257):
        refused(s, s.signs.assertion(s, jti=jti), repr(jti)[:20])
    accepted(s, s.signs.assertion(s, jti=secrets.token_hex(128)))


@test('B37 what was used is forgotten when it is over, and refused still')
def _(s):
    once = s.signs.assertion(s)
    accepted(s, once)
    s.advance(3600)
    refused(s, once, 'an hour later')
    s.machine_token(s.signs)  # something to commit, so that there is a batch to prune in
    s.advance(3600)
    for _unused in range(3):
        s.machine_token(s.signs)
        s.advance(1)
    count = s.database_copy().execute('SELECT count(*) FROM assertions WHERE expires_ms < ?', (int((s.now() - 1800) * 1000),)).fetchone()[0]
    equal(count, 0, 'assertions that are over')


@test('B38 exp is needed, in the future, and near')
def _(s):
    now = int(s.now())
    for exp in (None, now - 1, now - 3600, now + 330, now + 86400, str(now + 60), now + 60.5, 2 ** 62, -1, True):
        refused(s, s.signs.assertion(s, exp=exp), 'exp %r' % exp)
    for ahead in (30, 300):
        accepted(s, s.signs.assertion(s, exp=int(s.now()) + ahead), 'exp in %d s' % ahead)


@test('B38 iat and nbf may be absent, and are not in the future')
def _(s):
    now = int(s.now())
    for changes in (dict(iat=now + 60), dict(iat=now + 86400), dict(iat='x'), dict(nbf=now + 60), dict(nbf='x'), dict(iat=[])):
        refused(s, s.signs.assertion(s, **changes), repr(changes))
    accepted(s, s.signs.assertion(s, iat=None))
    accepted(s, s.signs.assertion(s, nbf=now - 5))


@test('B38 an assertion is over when its time has come')
def _(s):
    late = s.signs.assertion(s)
    s.advance(120)
    refused(s, late, 'two minutes later')
    accepted(s, s.signs.assertion(s))


@test('B39 alg none, HS256 with a public key, and unknown ones are refused')
def _(s):
    claims = s.signs.claims
    pem = FIRST.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for alg in ('none', 'None', 'NONE', ''):
        refused(s, s.signs.sign(claims(s), {'alg': alg}, signature=b''), alg)
        refused(s, s.signs.sign(claims(s), {'alg': alg}), alg + ' signed')
    for secret in (pem, pem.strip(), json.dumps(s.signs.jwks['keys'][0]).encode(), b''):
        head, body = b64url(json.dumps({'alg': 'HS256', 'kid': 'first'})), b64url(json.dumps(claims(s)))
        text = head + '.' + body
        refused(s, text + '.' + b64url(hmac.new(secret, text.encode(), hashlib.sha256).digest()), 'HS256')
    for alg in ('ES384', 'ES512', 'ES256K', 'RS256', 'PS256', 'EdDSA', 'es256', None, 1, ['ES256']):
        refused(s, s.signs.sign(claims(s), {'alg': alg}), repr(alg))
    accepted(s, s.signs.sign(claims(s)))


@test('B39 an algorithm is that of the key, and the registered one if there is one')
def _(s):
    for name in ('edwards', 'rsa', 'pss', 'only-es', 'plain-key'):
        client = getattr(s, name)
        accepted(s, client.assertion(s), name)
    refused(s, s.rsa.assertion(s, alg='PS256'), 'PS256 with a key for RS256')
    refused(s, s.pss.assertion(s, alg='RS256'), 'RS256 where PS256 is registered')
    only = getattr(s, 'only-es')
    refused(s, only.assertion(s, key=EDWARDS, alg='EdDSA'), 'another key of its own, but not the registered algorithm')


@test('B40 iss, sub and client_id are one')
def _(s):
    for changes in (dict(sub='machine'), dict(iss='machine'), dict(iss=None), dict(sub=None), dict(sub=['signs']), dict(iss=1, sub=1),
                    dict(iss='', sub=''), dict(iss='plain-key', sub='signs')):
        refused(s, s.signs.assertion(s, **changes), repr(changes))
    refused(s, s.signs.assertion(s, iss='edwards', sub='edwards'), 'signed by another client')
    accepted(s, s.signs.assertion(s))


@test('B40 a token of another type is no assertion')
def _(s):
    for typ in ('at+jwt', 'dpop+jwt', 'logout+jwt', 'JOSE', '', 1, ['JWT']):
        refused(s, s.signs.assertion(s, {'typ': typ}), repr(typ))
    for typ in ('JWT', 'jwt', None, 'client-authentication+jwt', 'application/client-authentication+jwt'):
        accepted(s, s.signs.assertion(s, {'typ': typ}), repr(typ))
    refused(s, s.machine_token(), 'an access token')


@test('B41 kid names a registered key and nothing else')
def _(s):
    bad = ('../../../../dev/null', '/etc/passwd', "' OR '1'='1", 'x; DROP TABLE clients', 'k' * 129, 'k' * 1500, '', 'second', 'nobody', '%00',
           'http://127.0.0.1:9/jwks')
    for kid in bad:
        refused(s, s.signs.assertion(s, {'kid': kid}), kid[:30])
    for kid in (1, ['first'], {}):
        refused(s, s.signs.assertion(s, {'kid': kid}), repr(kid))
    refused(s, s.signs.assertion(s, {'kid': 'k' * 4096}), 'a header that is too long')
    log = '\n'.join(s.log_lines())
    for word in ('SQL', 'No such file', 'passwd'):
        lacks(log, word)
    accepted(s, s.signs.assertion(s, {'kid': 'first'}))
    accepted(s, s.signs.assertion(s, {'kid': 'second'}, key=SECOND))


@test('B41 without a kid each of several keys may have signed')
def _(s):
    client = getattr(s, 'plain-key')
    for key in (FIRST, SECOND):
        accepted(s, client.assertion(s, key=key))
        accepted(s, s.signs.assertion(s, key=key))
    refused(s, client.assertion(s, key=STRANGER), 'a stranger')


@test('B42 keys that an assertion brings along are not looked at, and nothing is fetched')
def _(s):
    with socket.socket() as trap:
        trap.bind(('127.0.0.1', 0))
        trap.listen(8)
        trap.settimeout(0)
        url = 'http://127.0.0.1:%d/jwks' % trap.getsockname()[1]
        mine = jwk_of(STRANGER, kid='first', alg='ES256')
        for header in ({'jku': url}, {'x5u': url}, {'jwk': mine}, {'x5c': ['MIIB']}, {'jku': url, 'jwk': mine, 'kid': 'first'}):
            refused(s, s.signs.assertion(s, header, key=STRANGER), repr(header))
            accepted(s, s.signs.assertion(s, header), 'beside a good signature: %r' % header)
        try:
            trap.accept()
            check(False, 'somebody came')
        except BlockingIOError:
            pass


@test('extensions that are critical, or change what is signed, are refused')
def _(s):
    for header in ({'crit': ['exp']}, {'b64': False}, {'zip': 'DEF'}, {'enc': 'A128GCM'}):
        refused(s, s.signs.assertion(s, header), repr(header))
    accepted(s, s.signs.assertion(s))


@test('the log says what was wrong, the answer does not')
def _(s):
    answer = ask(s, s.signs.assertion(s, aud='https://evil.test'))
    contains('\n'.join(s.log_lines()), 'another aud')
    lacks(answer.body.decode(), 'aud')
    equal(answer.body, ask(s, s.signs.assertion(s, iss='nobody', sub='nobody')).body)


@test('guessing assertions is slowed down like guessing secrets')
def _(s):
    source, seen = s.new_source(), set()
    for _unused in range(40):
        fields = {'grant_type': 'client_credentials', 'client_assertion_type': ASSERTION_TYPE, 'client_assertion': s.rsa.assertion(s, key=STRANGER, alg='ES256')}
        seen.add(s.form('/token', fields, source=source).status)
    equal(seen, {401, 429})


@test('B37 showing used assertions is slowed down like guessing secrets')
def _(s):
    source, used, seen = s.new_source(), s.rsa.assertion(s), set()
    fields = {'grant_type': 'client_credentials', 'client_assertion_type': ASSERTION_TYPE, 'client_assertion': used}
    equal(s.form('/token', fields, source=source).status, 200)
    for _unused in range(40):
        seen.add(s.form('/token', fields, source=source).status)
    equal(seen, {401, 429})


@test('8414: the metadata say so')
def _(s):
    found = s.get('/.well-known/oauth-authorization-server').json()
    for endpoint in ('token', 'revocation', 'introspection'):
        contains(found[endpoint + '_endpoint_auth_methods_supported'], 'private_key_jwt')
        equal(sorted(alg for alg in found[endpoint + '_endpoint_auth_signing_alg_values_supported'] if alg[:2] != 'HS'),
              ['ES256', 'EdDSA', 'PS256', 'RS256'])


@test('keys that stay while others come and go keep the tokens; without one that stays they end')
def _(s):
    client = s.edwards
    token = s.machine_token(client)
    client.jwks = {'keys': [jwk_of(FIRST), jwk_of(EDWARDS)]}
    s.reload()
    check(s.is_active(token), 'one key stayed')
    client.jwks = {'keys': [jwk_of(SECOND)]}
    s.reload()
    check(not s.is_active(token), 'none stayed')
    refused(s, client.assertion(s), 'by a key that went')
    client.key, client.alg = SECOND, 'ES256'
    accepted(s, client.assertion(s), 'by the one that came')


@test('what cannot work is refused by the configuration, in words')
def _(s):
    def said(**changes):
        other = Service(clients=[KeyClient('c', **dict(dict(jwks=[jwk_of(FIRST)], key=FIRST, grant_types='client_credentials;'), **changes))])
        try:
            return other.run_check()
        finally:
            other.abandon()
    equal(said()[0], 0, said()[1])
    private = dict(jwk_of(FIRST), d=b64url(FIRST.private_numbers().private_value.to_bytes(32, 'big')))
    for words, changes in (('private keys', dict(jwks=[private])), ('private keys', dict(jwks=[{'kty': 'oct', 'k': 'AAAA'}])),
                           ('no usable key', dict(jwks=[])), ('no usable key', dict(jwks=[jwk_of(FIRST, use='enc')])),
                           ('no usable key', dict(jwks=[jwk_of(FIRST, alg='RS256')])), ('too many', dict(jwks=[jwk_of(FIRST)] * 17)),
                           ('no key for RS256', dict(token_endpoint_auth_signing_alg='RS256')),
                           ('token_endpoint_auth_signing_alg', dict(token_endpoint_auth_signing_alg='HS256'))):
        status, text = said(**changes)
        equal(status, 78, text)
        contains(text, words)
    other = Service(clients=[Client('c', method='private_key_jwt', secret='x' * 32)])
    try:
        equal(other.run_check()[0], 78)
    finally:
        other.abandon()


if __name__ == '__main__':
    main(lambda: introduce(Service(clients=clients())))
