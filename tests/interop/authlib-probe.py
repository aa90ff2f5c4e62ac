#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Authlib 1.2 (Debian python3-authlib) as client, and its JWTBearer/introspection view as resource server."""
import os, sys, time, urllib.request, json, warnings
warnings.simplefilter('ignore')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken, errors
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.common.security import generate_token
E = os.environ.get; N = [0, 0]
if E('ISSUER', 'http:').startswith('http:'): os.environ['AUTHLIB_INSECURE_TRANSPORT'] = '1'
def tap(ok, what, why=''):
    N[0] += 1; N[1] += (not ok); print('%s %d - authlib: %s%s' % ('ok' if ok else 'not ok', N[0], what, (' # ' + str(why)[:250]) if why and not ok else ''))
def step(what, fn):
    try: v = fn(); tap(v is not False, what); return v
    except Exception as e: tap(False, what, repr(e)); return None
iss = E('ISSUER', 'http://127.0.0.1:9400').rstrip('/')
md = json.load(urllib.request.urlopen(iss + '/.well-known/oauth-authorization-server', timeout=10))
cid, secret, method = E('CLIENT_ID', 'interop-basic'), E('CLIENT_SECRET') or None, E('CLIENT_AUTH', 'client_secret_basic')
redirect, scope, aud = E('REDIRECT_URI', 'http://127.0.0.1:9499/cb'), E('SCOPE', 'api:read'), E('RS_AUDIENCE', 'urn:interop:rs')
s = OAuth2Session(cid, secret, scope=scope, redirect_uri=redirect, token_endpoint_auth_method=method, code_challenge_method='S256',
                  revocation_endpoint_auth_method=method, introspection_endpoint_auth_method=method)
v = generate_token(48)
url, state = s.create_authorization_url(md['authorization_endpoint'], code_verifier=v, prompt='consent')
rc, back = agent.walk(url, redirect); tap(rc == 0, 'authorization request reaches the redirect', back)
tok = step('code exchanged', lambda: s.fetch_token(md['token_endpoint'], authorization_response=back, code_verifier=v, state=state))
if tok:
    jwks = JsonWebKey.import_key_set(json.load(urllib.request.urlopen(md['jwks_uri'], timeout=10)))
    J = JsonWebToken(['RS256', 'PS256', 'ES256', 'EdDSA'])
    def at():
        c = J.decode(tok['access_token'], jwks, claims_options={'iss': {'essential': True, 'value': md['issuer']}, 'aud': {'essential': True, 'value': aud}, 'exp': {'essential': True}, 'sub': {'essential': True}, 'client_id': {'essential': True, 'value': cid}, 'iat': {'essential': True}, 'jti': {'essential': True}})
        c.validate(); assert c.header['typ'].lower() in ('at+jwt', 'application/at+jwt')
    step('access token verifies as a JWT with jwks_uri keys (iss aud exp sub client_id iat jti typ)', at)
    def other():
        c = J.decode(tok['access_token'], jwks, claims_options={'aud': {'essential': True, 'value': 'urn:other'}})
        try: c.validate(); return False
        except errors.InvalidClaimError: return True
    step('another audience is refused', other)
    def tamper():
        h, p, g = tok['access_token'].split('.')
        try: J.decode(h + '.' + p + '.' + g[:-6] + 'AAAAAA', jwks); return False
        except errors.BadSignatureError: return True
    step('a changed signature is refused', tamper)
    tok2 = step('refresh', lambda: s.refresh_token(md['token_endpoint'], refresh_token=tok['refresh_token']))
    rt = (tok2 or tok).get('refresh_token')
    if md.get('introspection_endpoint') and secret: step('introspection: active', lambda: s.introspect_token(md['introspection_endpoint'], token=rt).json()['active'] is True)
    if md.get('revocation_endpoint'):
        step('revocation answers 200', lambda: s.revoke_token(md['revocation_endpoint'], token=rt, token_type_hint='refresh_token').status_code == 200)
        def dead():
            try: s.refresh_token(md['token_endpoint'], refresh_token=rt); return False
            except Exception as e: return 'invalid_grant' in str(e)
        step('revoked refresh token refused with invalid_grant', dead)
if secret:
    c = OAuth2Session(cid, secret, token_endpoint_auth_method=method, scope='api:read')
    step('client_credentials', lambda: bool(c.fetch_token(md['token_endpoint'], grant_type='client_credentials')['access_token']))
print('1..%d' % N[0]); sys.exit(1 if N[1] else 0)
