# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests with OpenID Connect's relying parties share: their clients, one for each way to authenticate
and each algorithm, and what none of them can do yet."""
import os
import subprocess

from interop import REDIRECT, Client

SCOPE = 'openid profile email offline_access'
LATER = {
    'back-channel logout': 'logout tokens are not sent yet',
    'private_key_jwt, client_secret_jwt': 'client assertions are not taken yet',
    'form_post, request objects': 'answers come by query, requests by plain parameters',
}


def clients(redirect=REDIRECT, scope=SCOPE, after_logout=REDIRECT + '/out'):
    keys = dict(redirect_uri=redirect, post_logout_redirect_uris=after_logout + ';', scope=scope, grant_types='authorization_code;refresh_token;', application_type='native')
    return [
        Client('rp-basic', client_name='Basic Diary', **keys),
        Client('rp-post', client_name='Post Diary', method='client_secret_post', id_token_signed_response_alg='ES256', **keys),
        Client('rp-public', client_name='Field Diary', method='none', **keys),
    ]


def rotate_keys(service):
    """By the command, as an administrator does; True when each algorithm got another key."""
    before = service.get('/jwks').json()['keys']
    environment = dict(os.environ, TESSERA_SOCKET=os.path.join(service.runtime, 'bus'), LC_ALL='C.UTF-8')
    words = [os.environ.get('TESSERA') or 'tessera', 'key', 'rotate', '--now', '--yes']
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr)
    made = [key['alg'] for key in service.get('/jwks').json()['keys'] if key['kid'] not in {known['kid'] for known in before}]
    return sorted(made) == sorted({key['alg'] for key in before})


def skip_later(report, name):
    for what, reason in LATER.items():
        report.skip('%s: %s' % (name, what), reason)
