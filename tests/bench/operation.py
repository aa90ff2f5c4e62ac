# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is asked of a server: one request of a kind, and the tokens it needs."""
from dataclasses import dataclass

VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'


@dataclass(frozen=True)
class Operation:
    """@tokens: the kind of supply; @use: each for one request (once), in turns (cycle), or the answer's next one
    in its place (next). @peers: can it be asked of them too?"""
    name: str
    title: str
    endpoint: str
    form: str = None
    method: str = 'POST'
    tokens: str = None
    use: str = None
    algorithm: str = 'ES256'
    peers: bool = False
    cost: str = None  # the member of the ceilings that it is compared with


OPERATIONS = [
    Operation('client-credentials', 'client credentials, ES256', 'token', 'grant_type=client_credentials&scope=read+write', peers=True),
    Operation('client-credentials-rs256', 'client credentials, RS256', 'token', 'grant_type=client_credentials&scope=read+write',
              algorithm='RS256'),
    Operation('client-credentials-eddsa', 'client credentials, EdDSA', 'token', 'grant_type=client_credentials&scope=read+write',
              algorithm='EdDSA'),
    Operation('refresh', 'refresh with rotation', 'token', 'grant_type=refresh_token&refresh_token={}', tokens='refresh', use='next',
              peers=True),
    Operation('code', 'code redemption', 'token',
              f'grant_type=authorization_code&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&code_verifier={VERIFIER}&code={{}}',
              tokens='codes', use='once'),
    Operation('introspect', 'introspection, tokens seen before', 'introspect', 'token={}', tokens='seen', use='cycle', peers=True),
    Operation('introspect-fresh', 'introspection, first look', 'introspect', 'token={}', tokens='cold', use='once'),
    Operation('revoke', 'revocation of access tokens seen before', 'revoke', 'token={}', tokens='seen', use='once', peers=True),
    Operation('revoke-cold', 'revocation of cold access tokens', 'revoke', 'token={}', tokens='cold', use='once'),
    Operation('revoke-refresh', 'revocation of refresh tokens', 'revoke', 'token={}', tokens='doomed', use='once'),
    Operation('jwks', 'JWKS', 'jwks', method='GET'),
    Operation('metadata', 'metadata', 'metadata', method='GET'),
]
BY_NAME = {o.name: o for o in OPERATIONS}
