#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Introspection: RFC 7662, and rows D of the threat table: it is the place of the service that takes
access tokens, so each forgery is shown to it."""

import base64
import json

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt_forge import Forge
from tap import check, equal, lacks, main, test
from tessera_fixture import (R1, R2, Service, b64url, claims_of, expect_client_refused, expect_error, header_of, unb64url)

P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def refused(s, token, what=''):
    check(not s.is_active(token), 'accepted: ' + what)


def accepted(s, token, what=''):
    check(s.is_active(token), 'refused: ' + what)


def twin(claims, **changes):
    """The same claims changed; None leaves one out."""
    result = dict(claims, **changes)
    return {key: value for key, value in result.items() if value is not None}


@test('D01 alg none is refused however it is spelled')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims = claims_of(good)
    for alg in ('none', 'None', 'nOnE', 'NONE', ''):
        refused(s, forge.sign(claims, like=good, alg=alg, signature=b''), alg)
        refused(s, forge.sign(claims, like=good, alg=alg), alg + ' signed')
        refused(s, forge.sign(claims, {'kid': None}, alg=alg, signature=b''), alg + ' without kid')
    refused(s, forge.sign(claims, like=good, signature=b''), 'no signature')
    refused(s, good.rsplit('.', 1)[0] + '.', 'signature cut off')
    accepted(s, good)
    accepted(s, forge.sign(claims, like=good), 'our own key, the same claims')


@test('D02 HS256 with a public key as the secret is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    kid = header_of(good)['kid']
    jwk = next(key for key in s.get('/jwks').json()['keys'] if key['kid'] == kid)
    for secret in (forge.public_pem(good), forge.public_pem(good).strip(), json.dumps(jwk).encode(), unb64url(jwk['x']) + unb64url(jwk['y']), b'', kid.encode()):
        refused(s, forge.hs256(claims_of(good), secret, kid), repr(secret[:20]))
    accepted(s, good)


@test('D03 an algorithm other than the key\'s own is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    for alg in ('ES384', 'ES512', 'ES256K', 'RS256', 'PS256', 'EdDSA', 'HS256', 'es256', 'ES256 ', None, 1, True, ['ES256']):
        refused(s, forge.sign(claims_of(good), {'alg': alg}, like=good), repr(alg))
    refused(s, forge.sign(claims_of(good), {'alg': 'RS256'}, key=rsa.generate_private_key(65537, 2048), kid=header_of(good)['kid']), 'a stranger\'s RSA key')
    accepted(s, good)


@test('D03 RS512 and PS256 on an RS256 key are refused')
def _(s):
    other = Service(sections='[tokens]\nsigning-algorithm=RS256\n')
    try:
        other.start()
        forge, good = Forge(other), other.machine_token()
        equal(header_of(good)['alg'], 'RS256')
        for alg in ('RS512', 'PS256'):
            refused(other, forge.sign(claims_of(good), {'alg': alg}, like=good), alg)
        accepted(other, forge.sign(claims_of(good), {'alg': 'RS256'}, like=good), 'RS256')
        accepted(other, good)
    finally:
        other.stop()


@test('D04 an unknown kid is refused, and so is a known kid with another key')
def _(s):
    forge, good = Forge(s), s.machine_token()
    kid = header_of(good)['kid']
    for bad in ('x', '', '../../etc/passwd', "' OR 1=1 --", 'x' * 200, kid + 'x', kid[:-1], kid.swapcase(), '\u0000'):
        refused(s, forge.sign(claims_of(good), {'kid': bad}, like=good), bad[:20])
    refused(s, forge.sign(claims_of(good), {'kid': None}, like=good), 'no kid')
    refused(s, forge.sign(claims_of(good), {'kid': 7}, like=good), 'a number')
    refused(s, forge.sign(claims_of(good), key='own', kid=kid), 'another key')
    accepted(s, good)


@test('D05 a key that comes with the token is not used')
def _(s):
    forge, good = Forge(s), s.machine_token()
    numbers = forge.own.public_key().public_numbers()
    jwk = {'kty': 'EC', 'crv': 'P-256', 'x': b64url(numbers.x.to_bytes(32, 'big')), 'y': b64url(numbers.y.to_bytes(32, 'big')), 'kid': 'mine'}
    for header in ({'jwk': jwk}, {'jwk': jwk, 'kid': 'mine'}, {'jku': 'http://127.0.0.1:1/jwks', 'kid': 'mine'}, {'x5u': 'http://127.0.0.1:1/'}, {'x5c': ['AAAA']}):
        refused(s, forge.sign(claims_of(good), header, key='own', kid=header_of(good)['kid']), repr(header))
    accepted(s, good)


@test('D06 crit is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    for header in ({'crit': ['exp'], 'exp': 1}, {'crit': ['b64'], 'b64': True}, {'crit': []}, {'crit': 'x'}, {'crit': ['http://example.test/x'], 'http://example.test/x': 1}, {'b64': False}):
        refused(s, forge.sign(claims_of(good), header, like=good), repr(header))
    accepted(s, forge.sign(claims_of(good), {'foo': 'bar'}, like=good), 'an unknown header that is not critical')


@test('D07 another typ, or none, is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    for typ in ('JWT', 'dpop+jwt', 'logout+jwt', 'at', 'at+jwt ', '', None, 1, ['at+jwt'], 'application/JWT', 'text/at+jwt'):
        refused(s, forge.sign(claims_of(good), {'typ': typ}, like=good), repr(typ))
    for typ in ('at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'):
        accepted(s, forge.sign(claims_of(good), {'typ': typ}, like=good), typ)


@test('D08 another issuer is refused, and a resource server sees only its audience')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims = claims_of(good)
    for iss in (s.issuer + '/', s.issuer.upper(), 'https://evil.test', '', None, [s.issuer], 1):
        refused(s, forge.sign(twin(claims, iss=iss), like=good), repr(iss))
    for aud in ('https://evil.test/', R1[:-1], R1 + 'x', R1.upper(), ['https://evil.test/'], [R1 + 'x'], {R1: 1}, 1):
        check(not s.is_active(forge.sign(twin(claims, aud=aud), like=good), s.rs1), 'audience %r accepted' % (aud,))
    refused(s, forge.sign(twin(claims, aud=None), like=good), 'no audience')
    refused(s, forge.sign(twin(claims, aud=[]), like=good), 'an audience of nobody')
    for aud in (R1, [R1], [R2, R1]):
        check(s.is_active(forge.sign(twin(claims, aud=aud), like=good), s.rs1), 'audience %r refused' % (aud,))


@test('D09 exp must be there and be a whole number')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims = claims_of(good)
    for exp in (None, '1', str(claims['exp']), -1, 0, [claims['exp']], {}, True, False):
        refused(s, forge.sign(twin(claims, exp=exp), like=good), repr(exp))
    for text in ('1e308', '1e400', '9223372036854775807', '9223372036854775808', '18446744073709551616', '-9223372036854775809', '%d.5' % claims['exp'],
                 '%de0' % claims['exp'], 'NaN', 'Infinity', 'null', '0x7fffffff', '1' * 400):
        raw = json.dumps(twin(claims, exp=4242)).replace('4242', text)
        refused(s, forge.sign(None, raw_claims=raw, like=good), text[:20])
    for name in ('iat', 'jti', 'sub', 'client_id', 'aud', 'iss'):
        refused(s, forge.sign(twin(claims, **{name: None}), like=good), 'without ' + name)
    accepted(s, forge.sign(claims, like=good), 'unchanged')


@test('D09 an expired token is refused')
def _(s):
    token = s.machine_token(s.short)
    accepted(s, token, 'fresh')
    s.advance(59)
    accepted(s, token, 'in its last second')
    s.advance(33)
    refused(s, token, 'expired')


@test('D10 the clocks may differ by a minute for nbf and iat, not more')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims = claims_of(good)
    now = int(s.now())
    refused(s, forge.sign(twin(claims, nbf=now + 70), like=good), 'nbf')
    refused(s, forge.sign(twin(claims, iat=now + 70), like=good), 'iat')
    refused(s, forge.sign(twin(claims, exp=now - 35), like=good), 'exp')
    refused(s, forge.sign(twin(claims, nbf='x'), like=good), 'nbf as text')
    accepted(s, forge.sign(twin(claims, nbf=now - 5), like=good), 'nbf in the past')
    accepted(s, forge.sign(twin(claims, exp=now + 5), like=good), 'exp to come')


@test('D11 lax base64url is refused')
def _(s):
    good = s.machine_token()
    first, second, third = good.split('.')
    alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    # 64 bytes are 86 characters: the last carries four bits that must be zero.
    tail = third[:-1] + alphabet[alphabet.index(third[-1]) ^ 1]
    for bad in (good + '=', good + '==', good + '\n', ' ' + good, good + ' ', first + '=.' + second + '.' + third, first + '.' + second + '=.' + third,
                '%s.%s.%s' % (first, second, tail), '%s.%s.%s' % (first, second, third[:40] + '\n' + third[40:]),
                '%s.%s.%s' % (first, second, third[:40] + '%' + third[41:]), '%s.%s.%s' % (first, second, third.replace('-', '+').replace('_', '/') + 'AA')):
        refused(s, bad, repr(bad[-20:]))
    accepted(s, good)


@test('D12 a member that comes twice is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims, header = json.dumps(claims_of(good)), json.dumps(header_of(good))
    for name, value in (('sub', '"alice"'), ('exp', '4102444800'), ('foo', '1')):
        raw = claims[:-1] + ', "%s": %s%s}' % (name, value, ', "foo": 2' if name == 'foo' else '')
        refused(s, forge.sign(None, raw_claims=raw, like=good), 'claim ' + name)
    raw = claims[:-1] + ', "s\\u0075b": "alice"}'
    refused(s, forge.sign(None, raw_claims=raw, like=good), 'an escaped name')
    refused(s, forge.sign(None, raw_claims=claims, raw_header=header[:-1] + ', "alg": "ES256"}', like=good), 'header alg')
    refused(s, forge.sign(None, raw_claims=claims, raw_header=header[:-1] + ', "kid": "x"}', like=good), 'header kid')
    accepted(s, forge.sign(None, raw_claims=claims[:-1] + ', "foo": 1}', like=good), 'one more member')


@test('D13 a giant or deep token is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims = claims_of(good)
    refused(s, forge.sign(twin(claims, foo='x' * 9000), like=good), '9000 bytes')
    deep = json.dumps(claims)[:-1] + ', "foo": %s%s}' % ('[' * 20, ']' * 20)
    refused(s, forge.sign(None, raw_claims=deep, like=good), 'twenty levels')
    deeper = json.dumps(claims)[:-1] + ', "foo": %s%s}' % ('[' * 2500, ']' * 2500)
    refused(s, forge.sign(None, raw_claims=deeper, like=good), '2500 levels')
    refused(s, '.' * 8000, 'dots')
    refused(s, 'x' * 60000, '60 KB')
    shallow = json.dumps(claims)[:-1] + ', "foo": %s%s}' % ('[' * 10, ']' * 10)
    accepted(s, forge.sign(None, raw_claims=shallow, like=good), 'ten levels')
    accepted(s, forge.sign(twin(claims, foo='x' * 4000), like=good), '4000 bytes')


@test('D14 the deny-list is asked after the signature: another text of a revoked token is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    signature = unb64url(good.rsplit('.', 1)[1])
    mirrored = signature[:32] + (P256_ORDER - int.from_bytes(signature[32:], 'big')).to_bytes(32, 'big')
    malleable = good.rsplit('.', 1)[0] + '.' + b64url(mirrored)
    again = forge.sign(claims_of(good), like=good)
    accepted(s, malleable, 'r, n - s is as good a signature')
    accepted(s, again)
    equal(s.revoke(good).status, 200)
    refused(s, good, 'revoked')
    refused(s, malleable, 'the same token with the other signature')
    refused(s, again, 'the same token signed again')


@test('D14 revoking by another text of the token revokes the token')
def _(s):
    forge, good = Forge(s), s.machine_token()
    equal(s.revoke(forge.sign(claims_of(good), like=good)).status, 200)
    refused(s, good, 'revoked by its twin')


@test('D15 only compact JWS: no JSON form, no JWE, no zip')
def _(s):
    forge, good = Forge(s), s.machine_token()
    first, second, third = good.split('.')
    for bad in (json.dumps({'protected': first, 'payload': second, 'signature': third}),
                json.dumps({'payload': second, 'signatures': [{'protected': first, 'signature': third}]}),
                good + '.', '.' + good, good + '.x', good + '.x.y', first + '.' + second, first, '%s..%s' % (first, third),
                b64url('{"alg":"dir","enc":"A128GCM"}') + '..AAAA.AAAA.AAAA',
                b64url('{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}') + '.AAAA.AAAA.AAAA.AAAA'):
        refused(s, bad, bad[:40])
    refused(s, forge.sign(claims_of(good), {'zip': 'DEF'}, like=good), 'zip')
    refused(s, forge.sign(claims_of(good), {'cty': 'JWT'}, raw_claims='"%s"' % good, like=good), 'nested')
    refused(s, forge.sign(None, raw_claims='[]', like=good), 'an array')
    refused(s, forge.sign(None, raw_claims='', like=good), 'nothing')
    refused(s, forge.sign(None, raw_claims=json.dumps(claims_of(good)) + 'x', like=good), 'more behind')
    accepted(s, good)


@test('D16 a token in the query is not read')
def _(s):
    token = s.machine_token()
    expect_error(s.form('/introspect?token=' + token, '', s.rsall), 'invalid_request')
    equal(s.introspect(token).status, 200)


@test('D17 a token sent twice is refused')
def _(s):
    token = s.machine_token()
    expect_error(s.form('/introspect', [('token', token), ('token', token)], s.rsall), 'invalid_request')
    accepted(s, token)


@test('D18 a signature with r or s of 0, of n or more, or of another length is refused')
def _(s):
    forge, good = Forge(s), s.machine_token()
    claims = claims_of(good)
    sig = unb64url(good.rsplit('.', 1)[1])
    n = P256_ORDER.to_bytes(32, 'big')
    zero, one, ones = b'\0' * 32, b'\0' * 31 + b'\1', b'\xff' * 32
    for bad in (zero + zero, zero + sig[32:], sig[:32] + zero, n + sig[32:], sig[:32] + n, ones + ones, one + one, sig + b'\0', sig[:-1], b'\0' + sig, sig + sig,
                sig[:32], sig[32:] + sig[:32], b'0' * 511, b'\x30\x45' + sig, bytes([sig[0] ^ 1]) + sig[1:]):
        refused(s, good.rsplit('.', 1)[0] + '.' + b64url(bad), repr(bad[:8]))
    signer = forge.active(good)[1]
    from cryptography.hazmat.primitives import hashes
    der = signer.sign(good.rsplit('.', 1)[0].encode(), ec.ECDSA(hashes.SHA256()))
    refused(s, good.rsplit('.', 1)[0] + '.' + b64url(der), 'DER')
    accepted(s, forge.sign(claims, like=good))


@test('D19 a forged token does not touch the real one of the same jti')
def _(s):
    forge, good = Forge(s), s.machine_token()
    forged = forge.sign(claims_of(good), key='own', kid=header_of(good)['kid'])
    for _ in range(3):
        refused(s, forged, 'forged')
        equal(s.revoke(forged).status, 200)
    accepted(s, good, 'the real one')


@test('C06 what is no access token is not active here')
def _(s):
    forge, good = Forge(s), s.machine_token()
    tokens, (code, _) = s.tokens(), s.code()
    refused(s, forge.sign(twin(claims_of(good), nonce='x', azp='c1'), {'typ': 'JWT'}, like=good), 'an ID token')
    refused(s, code, 'a code')
    accepted(s, tokens['access_token'])


@test('E11 a client that may not introspect sees its own tokens only')
def _(s):
    mine, other = s.machine_token(s.c1), s.machine_token(s.c2)
    check(s.is_active(mine, s.c1), 'its own')
    check(not s.is_active(other, s.c1), 'another\'s')
    tokens = s.tokens()
    check(s.is_active(tokens['access_token'], s.c1), 'its own, of a person')
    check(not s.is_active(tokens['access_token'], s.c2), 'another\'s, of a person')


@test('E11 a resource server sees tokens for its audience only')
def _(s):
    one, two = s.machine_token(resource=R1), s.machine_token(resource=R2)
    both = s.form('/token', [('grant_type', 'client_credentials'), ('scope', 'a'), ('resource', R1), ('resource', R2)], s.c1).json()['access_token']
    check(s.is_active(one, s.rs1) and not s.is_active(one, s.rs2), 'R1')
    check(s.is_active(two, s.rs2) and not s.is_active(two, s.rs1), 'R2')
    check(s.is_active(both, s.rs1) and s.is_active(both, s.rs2), 'both')
    check(s.is_active(one, s.rsall) and s.is_active(two, s.rsall), 'all')


@test('E11 the caller must authenticate itself')
def _(s):
    token = s.machine_token()
    expect_client_refused(s.form('/introspect', {'token': token}))
    expect_client_refused(s.form('/introspect', {'token': token, 'client_id': 'rs1'}))
    expect_client_refused(s.form('/introspect', {'token': token}, headers={'Authorization': s.rs1.basic('wrong')}))
    expect_client_refused(s.form('/introspect', {'token': token}, headers={'Authorization': 'Bearer ' + token}))
    public = s.form('/introspect', {'token': s.tokens(s.spa)['access_token']}, s.spa)
    if public.status == 200:
        lacks(public.json(), 'scope')  # nobody proves to be a public client
        equal(public.body, b'{"active":false}')
    else:
        equal(public.status, 401)
    check(s.is_active(token), 'inactive for who may ask')


@test('E11 guessing the secret of a resource server is slowed down')
def _(s):
    seen = [s.form('/introspect', {'token': 'x'}, headers={'Authorization': s.rs1.basic('wrong')}).status for _ in range(12)]
    equal(seen[:10], [401] * 10)
    equal(seen[11], 429)
    equal(s.introspect('x', s.rs1, source=s.new_source()).status, 200)


@test('E12 revocation at each level is seen')
def _(s):
    tokens = s.tokens()
    s.revoke(tokens['access_token'])
    refused(s, tokens['access_token'], 'jti')
    tokens = s.tokens()
    s.revoke(tokens['refresh_token'])
    refused(s, tokens['access_token'], 'grant')
    accepted(s, s.tokens()['access_token'])


@test('rfc7662/2.2 the answer tells what the token carries')
def _(s):
    token = s.tokens(scope='a b')['access_token']
    claims, told = claims_of(token), s.introspect(token).json()
    for name in ('iss', 'sub', 'aud', 'client_id', 'scope', 'iat', 'exp', 'jti'):
        equal(told[name], claims[name], name)
    equal(told['active'], True)
    equal(told['sub'], 'alice')
    equal(told['token_type'], 'Bearer')


@test('rfc7662/2.2 an inactive token is told nothing else about')
def _(s):
    for token in ('unknown', '', 'a.b.c'):
        answer = s.form('/introspect', {'token': token}, s.rsall)
        if token:
            equal((answer.status, answer.body), (200, b'{"active":false}'))
        else:
            expect_error(answer, 'invalid_request')
    equal(s.introspect(s.machine_token()).json()['active'], True)


@test('rfc7662/2.1 POST with a form only')
def _(s):
    token = s.machine_token()
    equal(s.get('/introspect?token=' + token, {'Authorization': s.rsall.basic()}).status, 405)
    equal(s.request('POST', '/introspect', 'token=' + token, {'Authorization': s.rsall.basic(), 'Content-Type': 'text/plain'}).status, 415)
    expect_error(s.form('/introspect', 'token_type_hint=access_token', s.rsall), 'invalid_request')
    accepted(s, token)


@test('rfc7662/2.1 a wrong hint hinders nothing')
def _(s):
    for hint in ('refresh_token', 'access_token', 'foo'):
        equal(s.introspect(s.machine_token(), hint=hint).json()['active'], True)


@test('rfc7662/2 a refresh token is active for its own client, not for others')
def _(s):
    tokens = s.tokens()
    told = s.introspect(tokens['refresh_token'], s.c1).json()
    check(not s.is_active(tokens['refresh_token'], s.c2), 'told to another client')
    check(not s.is_active(tokens['refresh_token'], s.rs1), 'told to a resource server')
    if told['active']:
        equal(told['client_id'], 'c1')
        s.revoke(tokens['refresh_token'])
        check(not s.is_active(tokens['refresh_token'], s.c1), 'active after revocation')


@test('rfc7662/4 the answer is JSON and kept by no cache')
def _(s):
    for token in (s.machine_token(), 'x'):
        answer = s.introspect(token)
        equal(answer.header('Content-Type').split(';')[0], 'application/json')
        equal(answer.header('Cache-Control'), 'no-store')
        equal(answer.header('X-Content-Type-Options'), 'nosniff')


@test('rfc7662/2 switched off there is nothing there, and the metadata does not name it')
def _(s):
    other = Service(endpoints='introspection-enabled=false\n')
    try:
        other.start()
        equal(other.introspect('x').status, 404)
        lacks(other.get('/.well-known/oauth-authorization-server').json(), 'introspection_endpoint')
    finally:
        other.stop()


@test('rfc7515/3 padding of the standard alphabet is no token')
def _(s):
    good = s.machine_token()
    first, second, third = good.split('.')
    standard = base64.b64encode(unb64url(second)).decode()
    refused(s, '%s.%s.%s' % (first, standard + '=', third))
    accepted(s, good)


if __name__ == '__main__':
    main(Service)
