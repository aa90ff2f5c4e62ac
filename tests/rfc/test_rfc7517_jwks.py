#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The key set: RFC 7517, 7518, 7638."""

import hashlib
import json
import re

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from tap import check, equal, lacks, main, one_of, test
from tessera_fixture import Service, b64url, header_of, unb64url

THUMBPRINT = {'EC': ('crv', 'kty', 'x', 'y'), 'RSA': ('e', 'kty', 'n'), 'OKP': ('crv', 'kty', 'x')}


def public_key(jwk):
    if jwk['kty'] == 'EC':
        number = [int.from_bytes(unb64url(jwk[name]), 'big') for name in 'xy']
        return ec.EllipticCurvePublicNumbers(number[0], number[1], ec.SECP256R1()).public_key()
    if jwk['kty'] == 'OKP':
        return ed25519.Ed25519PublicKey.from_public_bytes(unb64url(jwk['x']))
    return rsa.RSAPublicNumbers(*[int.from_bytes(unb64url(jwk[name]), 'big') for name in 'en']).public_key()


def verify(jwk, token):
    """As somebody would who has never heard of us; raises if the signature is bad."""
    text, _, signature = token.rpartition('.')
    key, signature = public_key(jwk), unb64url(signature)
    if jwk['alg'] == 'ES256':
        equal(len(signature), 64)
        der = utils.encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))
        key.verify(der, text.encode(), ec.ECDSA(hashes.SHA256()))
    elif jwk['alg'] == 'EdDSA':
        key.verify(signature, text.encode())
    elif jwk['alg'] == 'RS256':
        key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature, text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def key_of(s, token):
    return next(key for key in s.get('/jwks').json()['keys'] if key['kid'] == header_of(token)['kid'])


@test('rfc7517/4 the set has public keys only, with kid, use and alg')
def _(s):
    answer = s.get('/jwks')
    equal(answer.status, 200)
    check(answer.header('Content-Type').split(';')[0] in ('application/json', 'application/jwk-set+json'), answer.header('Content-Type'))
    keys = answer.json()['keys']
    check(len(keys) >= 2, 'active and next')
    equal(len({key['kid'] for key in keys}), len(keys))
    for key in keys:
        for secret in ('d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'):
            lacks(key, secret)
        equal((key['kty'], key['crv'], key['use'], key['alg']), ('EC', 'P-256', 'sig', 'ES256'))
        equal(len(key['x']), 43)
        equal(len(key['y']), 43)


@test('rfc7517/4.5 a token names the key that verifies it')
def _(s):
    token = s.machine_token()
    verify(key_of(s, token), token)


@test('rfc7638/3 kid is the thumbprint')
def _(s):
    for key in s.get('/jwks').json()['keys']:
        text = json.dumps({name: key[name] for name in THUMBPRINT[key['kty']]}, separators=(',', ':'), sort_keys=True)
        equal(key['kid'], b64url(hashlib.sha256(text.encode()).digest()))


@test('rfc7517/8 the set has an ETag and may be kept for at most 900 seconds')
def _(s):
    answer = s.get('/jwks')
    etag = answer.header('ETag')
    check(re.fullmatch(r'(W/)?"[^"]+"', etag or ''), 'ETag %r' % etag)
    age = re.search(r'max-age=(\d+)', answer.header('Cache-Control') or '')
    check(age and int(age.group(1)) <= 900, answer.header('Cache-Control'))
    same = s.get('/jwks', {'If-None-Match': etag})
    equal((same.status, same.body), (304, b''))
    equal(same.header('Content-Length'), None, 'RFC 9110 section 8.6: the length would be that of the set')
    equal(same.header('ETag'), etag)
    equal(s.get('/jwks', {'If-None-Match': '"other"'}).status, 200)
    equal(s.get('/jwks', {'If-None-Match': '"other", ' + etag}).status, 304)
    equal(s.get('/jwks', {'If-None-Match': '*'}).status, 304)
    equal(s.request('HEAD', '/jwks').status, 200)


@test('rfc7517/5 Range is not served')
def _(s):
    for value in ('bytes=0-3', 'bytes=-99999', 'bytes=' + ','.join('%d-%d' % (n, n) for n in range(0, 200, 2)), 'bytes=9999999-'):
        answer = s.get('/jwks', {'Range': value})
        equal(answer.status, 200, value[:20])
        equal(answer.header('Content-Range'), None)
    equal(s.get('/jwks').status, 200)


@test('rfc7517/5 each key is also there as PEM, under its kid')
def _(s):
    for key in s.get('/jwks').json()['keys']:
        answer = s.get('/jwks/%s.pem' % key['kid'])
        equal(answer.status, 200)
        loaded = serialization.load_pem_public_key(answer.body)
        equal(loaded.public_numbers(), public_key(key).public_numbers())
        lacks(answer.body, b'PRIVATE')
    for name in ('x.pem', '.pem', '../keyring.json', '%2e%2e%2fkeyring.json', 'rotation.key', 'subject.key', key['kid'], key['kid'] + '.pem.pem', key['kid'] + '.PEM', 'x' * 200 + '.pem'):
        one_of(s.get('/jwks/' + name).status, (400, 404), name)


@test('rfc7517/5 GET and HEAD only')
def _(s):
    for method in ('POST', 'PUT', 'DELETE'):
        equal(s.request(method, '/jwks', '' if method == 'POST' else None).status, 405)


@test('rfc7518/3.1 each of the four algorithms signs what the published key verifies')
def _(s):
    for algorithm, kty in (('ES256', 'EC'), ('EdDSA', 'OKP'), ('RS256', 'RSA'), ('PS256', 'RSA')):
        other = Service(sections='[tokens]\nsigning-algorithm=%s\n' % algorithm)
        try:
            other.start()
            token = other.machine_token()
            equal(header_of(token)['alg'], algorithm)
            key = key_of(other, token)
            equal((key['kty'], key['alg']), (kty, algorithm))
            verify(key, token)
            check(other.is_active(token), algorithm + ' inactive')
            other.revoke(token)
            check(not other.is_active(token), algorithm + ' active after revocation')
        finally:
            other.stop()


@test('rfc7517/4 the keys are the same after a restart, and the files are private')
def _(s):
    import os
    import stat
    before, token = s.get('/jwks').body, s.machine_token()
    s.restart()
    equal(s.get('/jwks').body, before)
    check(s.is_active(token), 'the token died with the restart')
    for folder, _, names in os.walk(s.state):
        equal(stat.S_IMODE(os.stat(folder).st_mode) & 0o077, 0, folder)
        for name in names:
            equal(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) & 0o077, 0, name)


if __name__ == '__main__':
    main(Service)
