# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests with OpenID Connect's relying parties share: their clients, one for each way to authenticate
and each algorithm."""
from interop import REDIRECT, Client  # first: it finds tests/support
from administrator import rotate_keys  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import rsa
from key_client import KeyClient, jwk_of

SCOPE = 'openid profile email offline_access'
KEY = rsa.generate_private_key(65537, 2048)  # which each of them can sign with


def sealing_client(redirect=REDIRECT, scope=SCOPE, after_logout=REDIRECT + '/out'):
    """One that signs with its secret, and never shows it."""
    return Client('rp-hmac', method='client_secret_jwt', client_name='Sealed Diary', redirect_uri=redirect, post_logout_redirect_uris=after_logout + ';',
                  scope=scope, grant_types='authorization_code;refresh_token;', application_type='native')


def signing_client(redirect=REDIRECT, scope=SCOPE, after_logout=REDIRECT + '/out'):
    """One that has no secret, and a key."""
    return KeyClient('rp-key', [jwk_of(KEY, kid='rp-key', alg='RS256')], KEY, 'RS256', client_name='Signed Diary', redirect_uri=redirect,
                     post_logout_redirect_uris=after_logout + ';', scope=scope, grant_types='authorization_code;refresh_token;', application_type='native')


def clients(redirect=REDIRECT, scope=SCOPE, after_logout=REDIRECT + '/out', **more):
    keys = dict(more, redirect_uri=redirect, post_logout_redirect_uris=after_logout + ';', scope=scope, grant_types='authorization_code;refresh_token;', application_type='native')
    return [
        Client('rp-basic', client_name='Basic Diary', **keys),
        Client('rp-post', client_name='Post Diary', method='client_secret_post', id_token_signed_response_alg='ES256', **keys),
        Client('rp-public', client_name='Field Diary', method='none', **keys),
    ]
