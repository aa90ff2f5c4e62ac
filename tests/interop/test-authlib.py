#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Authlib (Debian's python3-authlib): as a client that logs in, calls, refreshes and revokes, and as the
one who checks access tokens by our published keys."""
import os
import warnings

import agent
from interop import AUDIENCE, REDIRECT, SCOPE, ProtectedResource, Report

warnings.simplefilter('ignore')  # Authlib warns of its own next release
try:
    from authlib.common.security import generate_token
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.jose import JsonWebKey, JsonWebToken, errors
    MISSING = None
except ImportError as error:
    MISSING = str(error)

os.environ['AUTHLIB_INSECURE_TRANSPORT'] = '1'  # http, on loopback


class Walk:
    def __init__(self, report, service, api, client):
        self.report = report
        self.service = service
        self.api = api
        self.client = client
        self.metadata = service.get('/.well-known/oauth-authorization-server').json()
        self.session = self.new_session()
        self.tokens = None

    def new_session(self):
        method = self.client.method
        return OAuth2Session(
            self.client.id, self.client.secret, scope=SCOPE, redirect_uri=REDIRECT, code_challenge_method='S256',
            token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
            introspection_endpoint_auth_method=method)

    def step(self, name, function):
        return self.report.step('authlib as %s: %s' % (self.client.id, name), function)

    def run(self):
        if self.step('log in', self.log_in) is None:
            return
        self.step('the access token is good by the keys of jwks_uri', self.check_access_token)
        self.step('it is refused for another audience', self.refuse_other_audience)
        self.step('it is refused with a changed signature', self.refuse_changed_signature)
        self.step('the protected resource takes it', lambda: self.call() == 200)
        self.step('refresh: another refresh token, another access token', self.refresh)
        self.step('the protected resource takes the new one', lambda: self.call() == 200)
        if self.client.secret:
            self.step('introspection says active', lambda: self.introspect('refresh_token')['active'] is True)
            self.step('client credentials', self.client_credentials)
        self.step('revoke the access token, and the resource refuses it', self.revoke_access_token)
        self.step('revoke the refresh token, and it refreshes no more', self.revoke_refresh_token)

    def log_in(self):
        verifier = generate_token(48)
        url, state = self.session.create_authorization_url(self.metadata['authorization_endpoint'], code_verifier=verifier)
        os.environ.update(OP_USER='alice', OP_PASSWORD=self.service.users['alice'])
        status, back = agent.walk(url, REDIRECT)
        if status:
            raise RuntimeError(back)
        self.tokens = self.session.fetch_token(
            self.metadata['token_endpoint'], authorization_response=back, code_verifier=verifier, state=state)
        return self.tokens

    def decode(self, token, audience=AUDIENCE):
        keys = JsonWebKey.import_key_set(self.service.get('/jwks').json())
        wanted = {'iss': self.metadata['issuer'], 'aud': audience, 'client_id': self.client.id}
        options = {name: {'essential': True} for name in ('exp', 'iat', 'jti', 'sub')}
        options.update({name: {'essential': True, 'value': value} for name, value in wanted.items()})
        claims = JsonWebToken(['ES256']).decode(token, keys, claims_options=options)
        claims.validate()
        return claims

    def check_access_token(self):
        claims = self.decode(self.tokens['access_token'])
        return claims.header['typ'] == 'at+jwt' and claims['sub'] == 'alice'

    def refuse_other_audience(self):
        try:
            self.decode(self.tokens['access_token'], 'urn:other')
        except errors.InvalidClaimError as error:
            return 'aud' in str(error)
        return False

    def refuse_changed_signature(self):
        head, payload, signature = self.tokens['access_token'].split('.')
        changed = ('B' if signature[0] == 'A' else 'A') + signature[1:]
        try:
            self.decode('.'.join((head, payload, changed)))
        except errors.BadSignatureError:
            return True
        return False

    def call(self):
        return self.session.get(self.api.url).status_code

    def refresh(self):
        old = dict(self.tokens)
        self.tokens = self.session.refresh_token(self.metadata['token_endpoint'], refresh_token=old['refresh_token'])
        return all(self.tokens[name] != old[name] for name in ('access_token', 'refresh_token'))

    def introspect(self, kind):
        return self.session.introspect_token(self.metadata['introspection_endpoint'], token=self.tokens[kind]).json()

    def client_credentials(self):
        token = self.new_session().fetch_token(self.metadata['token_endpoint'], grant_type='client_credentials')
        return 'refresh_token' not in token and self.decode(token['access_token'])['sub'] == self.client.id

    def revoke(self, kind):
        answer = self.session.revoke_token(self.metadata['revocation_endpoint'], token=self.tokens[kind], token_type_hint=kind)
        if answer.status_code != 200:
            raise RuntimeError('revocation answered %d: %s' % (answer.status_code, answer.text))

    def revoke_access_token(self):
        self.revoke('access_token')
        return self.call() == 401

    def revoke_refresh_token(self):
        self.revoke('refresh_token')
        try:
            self.session.refresh_token(self.metadata['token_endpoint'], refresh_token=self.tokens['refresh_token'])
        except OAuthError as error:
            return error.error == 'invalid_grant'
        return False


def walk(report, service):
    api = ProtectedResource(service)
    for client in service.log_in_clients():
        Walk(report, service, api, client).run()


report = Report()
if MISSING:
    report.skip('authlib', MISSING)
else:
    report.run(walk)
report.end()
