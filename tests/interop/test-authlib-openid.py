#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Authlib as a relying party: the OpenID client that its Flask, Django and Starlette integrations share, with a
session that is a dictionary."""
import base64
import json
import os
import time
import urllib.parse
import warnings

import agent
import relying_party
from interop import REDIRECT, Report

warnings.simplefilter('ignore')  # Authlib warns of its own next release
try:
    import requests
    from authlib.integrations.base_client import BaseApp, FrameworkIntegration, OAuth2Mixin, OAuthError, OpenIDMixin
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.jose.errors import JoseError
    from authlib.oauth2.rfc7523 import PrivateKeyJWT
    from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
    MISSING = None
except ImportError as error:
    MISSING = str(error)
    BaseApp = OAuth2Mixin = OpenIDMixin = FrameworkIntegration = PrivateKeyJWT = object

os.environ['AUTHLIB_INSECURE_TRANSPORT'] = '1'  # http, on loopback


class Framework(FrameworkIntegration):
    def update_token(self, token, refresh_token=None, access_token=None):
        pass


class App(OAuth2Mixin, OpenIDMixin, BaseApp):
    """What authlib.integrations.flask_client.FlaskOAuth2App is, without Flask."""


class Signing(PrivateKeyJWT):
    """Authlib lets an assertion live for an hour, of which we allow five minutes; and it makes one for whatever it is
    told is the token endpoint, where we want the issuer."""

    def __init__(self, issuer, alg):
        super().__init__(issuer, alg=alg)

    def sign(self, auth, token_endpoint):
        self.claims = {'exp': int(time.time()) + 60}
        return super().sign(auth, token_endpoint)


class Walk:
    def __init__(self, report, service, client):
        self.report, self.service, self.client = report, service, client
        self.well_known = get_well_known_url(service.issuer, external=True)
        App.client_cls = OAuth2Session
        self.browser = agent.new_browser(service.issuer)
        method = Signing(service.issuer, client.alg) if client.method == 'private_key_jwt' else client.method
        self.proves = client.method != 'none'
        self.app = App(Framework('tessera'), 'tessera', client_id=client.id, client_secret=client.secret or self.pem(), server_metadata_url=self.well_known,
                       client_kwargs=dict(scope=relying_party.SCOPE, code_challenge_method='S256', token_endpoint_auth_method=method,
                                          revocation_endpoint_auth_method=method))

    def pem(self):
        return self.client.pem() if self.client.method == 'private_key_jwt' else None

    def step(self, name, function):
        return self.report.step('authlib as %s: %s' % (self.client.id, name), function)

    def refuses(self, name, function, errors, is_right=lambda error: True):
        def run():
            try:
                function()
            except errors as error:
                return is_right(error)
            return False
        self.step(name, run)

    def run(self):
        self.step('the configuration is as OpenID Connect Discovery wants it', self.check_metadata)
        if self.step('log in', self.log_in) is None:
            return
        self.step('the ID token is good: signature, iss, aud, exp, nonce, at_hash', self.check_id_token)
        self.hold_refusals()
        self.step('userinfo is about the same person', self.userinfo)
        self.step('refresh: another ID token, of the same login', self.refresh)
        self.step('userinfo takes the new access token', self.userinfo)
        self.step('the keys are rotated twice', self.rotate)
        self.step('refresh: it looks for the key that it does not know', self.refresh)
        if self.proves:
            self.step('prompt=none: another ID token of the same login, nobody is asked', self.ask_silently)
        else:
            self.refuses('prompt=none: who cannot prove who it is has to let ask', self.ask_silently, OAuthError, lambda error: error.error == 'consent_required')
        self.refuses('prompt=none in a browser that nobody logged in with is login_required', lambda: self.authorize(agent.new_browser(self.service.issuer), prompt='none'),
                     OAuthError, lambda error: error.error == 'login_required')
        self.step('max_age=0 with an id_token_hint: another login', self.log_in_again)
        self.step('revoke the refresh token', self.revoke)
        self.refuses('userinfo refuses the access token', self.userinfo, requests.HTTPError, lambda error: error.response.status_code == 401)
        self.refuses('and the refresh token refreshes no more', self.refresh, OAuthError, lambda error: error.error == 'invalid_grant')
        self.step('log out: the browser comes back with the state', self.log_out)
        self.refuses('nobody is signed in there any more', lambda: self.authorize(self.browser, prompt='none'), OAuthError, lambda error: error.error == 'login_required')
        self.refuses('userinfo refuses the access token of that session', self.userinfo, requests.HTTPError, lambda error: error.response.status_code == 401)
        self.refuses('and its refresh token refreshes no more', self.refresh, OAuthError, lambda error: error.error == 'invalid_grant')

    def check_metadata(self):
        known = requests.get(self.well_known, timeout=30).json()
        # It takes for an error what is only advised: that requests without a signature are good, which they are not.
        if 'none' in known.pop('request_object_signing_alg_values_supported'):
            return False
        OpenIDProviderMetadata(known).validate()

    def authorize(self, browser, **parameters):
        """(tokens, nonce)"""
        request = self.app.create_authorization_url(REDIRECT, **parameters)
        os.environ.update(OP_USER='alice', OP_PASSWORD=self.service.users['alice'])
        status, back = agent.walk(request['url'], REDIRECT, browser)
        if status:
            raise RuntimeError(back)
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
        if 'error' in answer:
            raise OAuthError(answer['error'], answer.get('error_description'))
        if answer['state'] != request['state'] or answer['iss'] != self.service.issuer:
            raise RuntimeError(back)
        return self.app.fetch_access_token(REDIRECT, code=answer['code'], code_verifier=request['code_verifier']), request['nonce']

    def log_in(self):
        self.tokens, self.nonce = self.authorize(self.browser)
        return self.tokens

    def check_id_token(self):
        self.claims = self.app.parse_id_token(self.tokens, self.nonce)
        return self.claims['sub'] == 'alice'

    def hold_refusals(self):
        head, payload, signature = self.tokens['id_token'].split('.')
        other = json.loads(base64.urlsafe_b64decode(payload + '=='))
        other['sub'] = 'bob'
        payload = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip('=')
        forged = dict(self.tokens, id_token='.'.join((head, payload, signature)))
        self.refuses('it refuses a changed ID token', lambda: self.app.parse_id_token(forged, self.nonce), JoseError)
        self.refuses('it refuses the nonce of another login', lambda: self.app.parse_id_token(self.tokens, 'other'), JoseError)
        stolen = dict(self.tokens, access_token=self.tokens['access_token'] + 'x')
        self.refuses('it refuses an access token that at_hash is not of', lambda: self.app.parse_id_token(stolen, self.nonce), JoseError)

    def userinfo(self):
        return self.app.userinfo(token=self.tokens)['sub'] == 'alice'

    def session(self):
        return self.app._get_oauth_client(**self.app.load_server_metadata())

    def refresh(self):
        with self.session() as session:
            new = session.refresh_token(refresh_token=self.tokens['refresh_token'], url=self.app.server_metadata['token_endpoint'])
        claims = self.app.parse_id_token(new, None)
        same = all(claims[name] == self.claims[name] for name in ('iss', 'sub', 'aud', 'auth_time', 'sid'))
        different = new['refresh_token'] != self.tokens['refresh_token'] and new['id_token'] != self.tokens['id_token']
        self.tokens = new
        return same and different

    def rotate(self):
        """What it knew as the next key is the old one then."""
        return all([relying_party.rotate_keys(self.service), relying_party.rotate_keys(self.service)])

    def ask_silently(self):
        tokens, nonce = self.authorize(self.browser, prompt='none')
        claims = self.app.parse_id_token(tokens, nonce)
        return claims['nonce'] == nonce and all(claims[name] == self.claims[name] for name in ('sub', 'auth_time', 'sid'))

    def log_in_again(self):
        self.service.advance(2)
        tokens, nonce = self.authorize(self.browser, max_age='0', id_token_hint=self.tokens['id_token'])
        return self.app.parse_id_token(tokens, nonce)['auth_time'] > self.claims['auth_time']

    def log_out(self):
        """Authlib 1.2 builds no such address itself."""
        self.tokens, self.nonce = self.authorize(self.browser)
        back = REDIRECT + '/out'
        question = dict(id_token_hint=self.tokens['id_token'], post_logout_redirect_uri=back, state='over')
        answer = self.browser.open(self.app.server_metadata['end_session_endpoint'] + '?' + urllib.parse.urlencode(question))
        return answer.location == back + '?state=over'

    def revoke(self):
        with self.session() as session:
            answer = session.revoke_token(self.app.server_metadata['revocation_endpoint'], token=self.tokens['refresh_token'])
        return answer.status_code == 200


def clients():
    return relying_party.clients() + [relying_party.signing_client()]


def walk(report, service):
    for client in clients():
        Walk(report, service, service.clients[client.id]).run()


report = Report()
if MISSING:
    report.skip('authlib', MISSING)
else:
    report.run(walk, more=clients(), sections='[tokens]\nreplay-window=0\n')
report.end()
