# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tokens as an attacker, or a broken issuer, would make them: signed with the service's own key (read
from its state directory), with another key, or with nothing. Needs python3-cryptography."""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from tessera_fixture import b64url


class Forge:
    def __init__(self, service):
        self.service = service
        self.keys = {kid: serialization.load_pem_private_key(pem.encode(), None) for kid, pem in service.signing_keys().items()}
        self.own = ec.generate_private_key(ec.SECP256R1())

    def active(self, token):
        """(kid, key) that signed @token of the service."""
        from tessera_fixture import header_of
        kid = header_of(token)['kid']
        return kid, self.keys[kid]

    def sign(self, claims, header=None, key=None, kid=None, alg='ES256', raw_claims=None, raw_header=None, like=None, signature=None):
        """A compact JWS. @like: a token whose kid and key are taken. @key 'own': a key the service never saw.
        raw_*: the JSON text itself."""
        if like is not None:
            kid, signer = self.active(like)
        elif key == 'own':
            signer = self.own
            kid = kid or next(iter(self.keys))
        else:
            kid = kid or next(iter(self.keys))
            signer = self.keys[kid]
        if key not in (None, 'own'):
            signer = key
        head = {'alg': alg, 'kid': kid, 'typ': 'at+jwt'}
        head.update(header or {})
        head = {name: value for name, value in head.items() if value is not None}
        first = b64url(raw_header if raw_header is not None else json.dumps(head, separators=(',', ':')))
        second = b64url(raw_claims if raw_claims is not None else json.dumps(claims, separators=(',', ':')))
        text = '%s.%s' % (first, second)
        if signature is None:
            signature = sign_bytes(signer, text.encode(), head.get('alg'))
        return '%s.%s' % (text, b64url(signature))

    def public_pem(self, token):
        return self.active(token)[1].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def hs256(self, claims, secret, kid):
        head = {'alg': 'HS256', 'kid': kid, 'typ': 'at+jwt'}
        text = '%s.%s' % (b64url(json.dumps(head)), b64url(json.dumps(claims)))
        return '%s.%s' % (text, b64url(hmac.new(secret, text.encode(), hashlib.sha256).digest()))


def sign_bytes(key, data, alg='ES256'):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    assert isinstance(key, rsa.RSAPrivateKey)
    if alg == 'PS256':
        return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    digest = hashes.SHA512() if alg == 'RS512' else hashes.SHA256()
    return key.sign(data, padding.PKCS1v15(), digest)
