#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client in the standard library: opens a browser, gets a token on a loopback port (RFC 8252),
calls the API, refreshes and revokes.

    hello-client.py ISSUER CLIENT-ID [CLIENT-SECRET]

The browser is the command in BROWSER, or xdg-open.
"""

import base64
import hashlib
import http.server
import json
import os
import secrets
import shlex
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

issuer, client_id, *rest = sys.argv[1:]
client_secret = rest[0] if rest else None
answer = {}


class Loopback(http.server.BaseHTTPRequestHandler):
    """Receives the browser when it comes back."""

    def do_GET(self):
        answer.update(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.end_headers()
        self.wfile.write(b'You may close this window.\n')

    def log_message(self, *arguments):
        pass


def post(url, **fields):
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode())
    if client_secret:
        pair = '%s:%s' % (urllib.parse.quote(client_id, ''), urllib.parse.quote(client_secret, ''))
        request.add_header('Authorization', 'Basic ' + base64.b64encode(pair.encode()).decode())
    else:
        request.data += b'&' + urllib.parse.urlencode({'client_id': client_id}).encode()
    with urllib.request.urlopen(request) as response:
        return response.read()


def call(access_token):
    request = urllib.request.Request(issuer + '/', headers={'Authorization': 'Bearer ' + access_token})
    try:
        with urllib.request.urlopen(request) as response:
            return '%d %s' % (response.status, response.read().decode().strip())
    except urllib.error.HTTPError as error:
        return '%d %s' % (error.code, error.headers['WWW-Authenticate'])


with urllib.request.urlopen(issuer + '/.well-known/oauth-authorization-server') as response:
    metadata = json.load(response)
loopback = http.server.HTTPServer(('127.0.0.1', 0), Loopback)
redirect_uri = 'http://127.0.0.1:%d/callback' % loopback.server_port
state = secrets.token_urlsafe()
verifier = secrets.token_urlsafe(48)
challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b'=').decode()
subprocess.Popen(shlex.split(os.environ.get('BROWSER', 'xdg-open')) + [
    metadata['authorization_endpoint'] + '?' + urllib.parse.urlencode({
        'response_type': 'code', 'client_id': client_id, 'redirect_uri': redirect_uri, 'state': state,
        'code_challenge': challenge, 'code_challenge_method': 'S256'})])
while not answer:
    loopback.handle_request()
if answer.get('state') != state or answer.get('iss') != issuer:
    sys.exit('an answer to something else')
if 'code' not in answer:
    sys.exit('refused: ' + answer.get('error', 'no reason given'))

tokens = json.loads(post(metadata['token_endpoint'], grant_type='authorization_code', code=answer['code'],
                         redirect_uri=redirect_uri, code_verifier=verifier))
print('call:', call(tokens['access_token']))
fresh = json.loads(post(metadata['token_endpoint'], grant_type='refresh_token', refresh_token=tokens['refresh_token']))
print('call after refresh:', call(fresh['access_token']))
post(metadata['revocation_endpoint'], token=fresh['refresh_token'], token_type_hint='refresh_token')
print('call after revocation:', call(fresh['access_token']))
