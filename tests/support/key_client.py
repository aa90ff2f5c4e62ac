# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that signs: assertions (RFC 7523), and its requests (RFC 9101). Needs python3-cryptography."""

import hashlib
import hmac
import json
import os
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt_forge import sign_bytes
from tessera_fixture import Client, b64url, challenge_of, new_verifier, write_private

ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'


def _number(value, size=None):
    return b64url(value.to_bytes(size or (value.bit_length() + 7) // 8, 'big'))


def jwk_of(key, **members):
    public = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = public.public_numbers()
        jwk = {'kty': 'EC', 'crv': 'P-256', 'x': _number(numbers.x, 32), 'y': _number(numbers.y, 32)}
    elif isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        jwk = {'kty': 'RSA', 'n': _number(numbers.n), 'e': _number(numbers.e)}
    else:
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        jwk = {'kty': 'OKP', 'crv': 'Ed25519', 'x': b64url(raw)}
    return dict(jwk, **members)


class KeyClient(Client):
    """One that signs with @key, one of those it has registered: assertions, unless @method is another, and
    request objects."""

    def __init__(self, client_id, jwks, key, alg='ES256', method='private_key_jwt', **keys):
        super().__init__(client_id, method=method, **keys)
        if method == 'private_key_jwt':
            self.secret = None
        self.jwks = {'keys': jwks}
        self.key = key
        self.alg = alg
        self.service = None

    def configuration(self, directory):
        path = os.path.join(directory, 'jwks-' + self.id)
        write_private(path, json.dumps(self.jwks))
        return super().configuration(directory) + 'jwks_file=%s\n' % path

    def claims(self, s, **changes):
        now = int(s.now())
        claims = {'iss': self.id, 'sub': self.id, 'aud': s.issuer, 'jti': secrets.token_urlsafe(16), 'iat': now, 'exp': now + 60}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims, header=None, key=None, alg=None, signature=None):
        head = {'alg': alg or self.alg, 'typ': 'JWT'}
        head.update(header or {})
        head = {name: value for name, value in head.items() if value is not None}
        text = '%s.%s' % (b64url(json.dumps(head)), b64url(json.dumps(claims)))
        if signature is None:
            signature = sign_bytes(key or self.key, text.encode(), alg or self.alg)
        return '%s.%s' % (text, b64url(signature))

    def assertion(self, s, header=None, key=None, alg=None, **changes):
        return self.sign(self.claims(s, **changes), header, key, alg)

    def request_object(self, s, header=None, key=None, alg=None, **changes):
        """RFC 9101 section 4: all parameters, who says them, and to whom."""
        now = int(s.now())
        members = {'iss': self.id, 'aud': s.issuer, 'exp': now + 60, 'iat': now, 'client_id': self.id, 'response_type': 'code',
                   'redirect_uri': self.redirect_uri, 'scope': 'a', 'state': 'S', 'code_challenge': challenge_of(new_verifier()),
                   'code_challenge_method': 'S256'}
        members.update(changes)
        members = {name: value for name, value in members.items() if value is not None}
        return self.sign(members, dict({'typ': 'oauth-authz-req+jwt'}, **(header or {})), key, alg)

    def pem(self):
        """The key, as other people's programs want it."""
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()

    def authenticate(self, fields, headers):
        if self.method != 'private_key_jwt':
            super().authenticate(fields, headers)
            return
        fields += [('client_assertion_type', ASSERTION_TYPE), ('client_assertion', self.assertion(self.service))]


class SecretClient(Client):
    """One that signs assertions with its secret (client_secret_jwt)."""

    def __init__(self, client_id, alg='HS256', **keys):
        super().__init__(client_id, method='client_secret_jwt', **dict({'secret': 'sec-canary-' + secrets.token_urlsafe(48)}, **keys))
        self.alg = alg
        self.service = None

    claims = KeyClient.claims

    def sign(self, claims, header=None, secret=None, alg=None, signature=None):
        head = {'alg': alg or self.alg, 'typ': 'JWT'}
        head.update(header or {})
        head = {name: value for name, value in head.items() if value is not None}
        text = '%s.%s' % (b64url(json.dumps(head)), b64url(json.dumps(claims)))
        if signature is None:
            secret = self.secret if secret is None else secret
            secret = secret.encode() if isinstance(secret, str) else secret
            digest = {'HS384': hashlib.sha384, 'HS512': hashlib.sha512}.get(alg or self.alg, hashlib.sha256)
            signature = hmac.new(secret, text.encode(), digest).digest()
        return '%s.%s' % (text, b64url(signature))

    def assertion(self, s, header=None, secret=None, alg=None, **changes):
        return self.sign(self.claims(s, **changes), header, secret, alg)

    def authenticate(self, fields, headers):
        fields += [('client_assertion_type', ASSERTION_TYPE), ('client_assertion', self.assertion(self.service))]


def introduce(s):
    """The clients of @s to it: they sign for its issuer, at its time."""
    for client in s.clients.values():
        if isinstance(client, (KeyClient, SecretClient)):
            client.service = s
    return s
