# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of OpenID Connect share: a relying party as the specifications want one, which looks at everything
that it is given before it believes it."""

import base64
import hashlib
import secrets
import urllib.parse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tap import check, contains, equal, lacks
from tessera_fixture import challenge_of, check_description, claims_of, header_of, parameters_of, unb64url

OPENID = 'openid profile email address phone offline_access'
# Somebody of whom everything is known, and which scope tells what of it.
ALICE = {
    'name': 'Alice Adams', 'name#de': 'Alice Ädams', 'given_name': 'Alice', 'family_name': 'Adams', 'middle_name': 'B.',
    'nickname': 'Al', 'preferred_username': 'al', 'profile': 'https://a.test/', 'picture': 'https://a.test/a.png',
    'website': 'https://www.a.test/', 'gender': 'female', 'birthdate': '1984-02-29', 'zoneinfo': 'Europe/Berlin',
    'locale': 'de-DE', 'email': 'alice@a.test', 'email_verified': True, 'phone_number': '+49 30 1234',
    'phone_number_verified': False, 'address': {'formatted': 'A street 1\n10115 Berlin', 'country': 'DE'}, 'groups': ['staff'],
}
BY_SCOPE = {
    'profile': {'name', 'name#de', 'given_name', 'family_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture',
                'website', 'gender', 'birthdate', 'zoneinfo', 'locale'},
    'email': {'email', 'email_verified'}, 'address': {'address'}, 'phone': {'phone_number', 'phone_number_verified'},
}
# What the authorization endpoint may say when it would have to ask somebody and must not.
MUST_ASK = ('interaction_required', 'login_required', 'account_selection_required', 'consent_required')


def _number(text):
    return int.from_bytes(unb64url(text), 'big')


def _verify_with(key, signature, signed):
    if key['alg'] == 'EdDSA':
        ed25519.Ed25519PublicKey.from_public_bytes(unb64url(key['x'])).verify(signature, signed)
    elif key['alg'] == 'ES256':
        equal(len(signature), 64)
        public = ec.EllipticCurvePublicNumbers(_number(key['x']), _number(key['y']), ec.SECP256R1()).public_key()
        public.verify(encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big')), signed, ec.ECDSA(hashes.SHA256()))
    else:
        form = {'RS256': padding.PKCS1v15(), 'PS256': padding.PSS(padding.MGF1(hashes.SHA256()), 32)}[key['alg']]
        rsa.RSAPublicNumbers(_number(key['e']), _number(key['n'])).public_key().verify(signature, signed, form, hashes.SHA256())


def key_set(s):
    return s.get(s.prefix + '/jwks').json()['keys']


def verify(s, token):
    """With nothing but the key set; raises when the signature is wrong."""
    verify_with_keys(key_set(s), token)


def verify_with_keys(keys, token):
    header = header_of(token)
    signed, _, signature = token.rpartition('.')
    key = next(key for key in keys if key['kid'] == header['kid'])
    equal(key['alg'], header['alg'])
    _verify_with(key, unb64url(signature), signed.encode())


def half_hash(text, alg='RS256'):
    digest = hashlib.new('sha512' if alg == 'EdDSA' else 'sha256', text.encode()).digest()
    return base64.urlsafe_b64encode(digest[:len(digest) // 2]).rstrip(b'=').decode()


def login(s, client=None, username='alice', **changes):
    """A whole code flow; the answer of the token endpoint."""
    changes.setdefault('scope', 'openid')
    return s.tokens(client or s.rp, username, **changes)


def userinfo(s, token, method='GET', **options):
    return s.request(method, s.prefix + '/userinfo', headers={'Authorization': 'Bearer ' + token}, **options)


def discovery(s):
    answer = s.get(s.prefix + '/.well-known/openid-configuration')
    equal(answer.status, 200)
    return answer.json()


def query_of(address):
    """Of a request of ours."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))


def ids(response):
    """Of what is on a page, each once."""
    found = [attributes['id'] for _, attributes in response.page.elements if 'id' in attributes]
    equal(len(set(found)), len(found), 'ids are there once: %r' % found)
    return set(found)


def is_login_page(response):
    return response.status == 200 and {'username', 'password', 'login'} <= ids(response)


class Login:
    """What a relying party has got, and believed."""

    def __init__(self, code, answer):
        self.code = code
        self.answer = answer
        self.access_token = answer['access_token']
        self.refresh_token = answer.get('refresh_token')
        self.id_token = answer['id_token']
        self.claims = claims_of(self.id_token)


class RelyingParty:
    """@client at the service @s, which answers by @mode: query or form_post. A code_challenge is sent when
    @pkce is true."""

    def __init__(self, s, client=None, mode='query', pkce=False):
        self.s, self.client, self.mode, self.pkce = s, client or s.rp, mode, pkce
        self.state = self.nonce = self.verifier = None

    def request(self, **changes):
        """The address of an authorization request; the base of it changed, None leaves out."""
        self.state, self.nonce, self.verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        fields = dict(scope='openid', state=self.state, nonce=self.nonce, code_challenge=None, code_challenge_method=None)
        if self.mode != 'query':
            fields['response_mode'] = self.mode
        if self.pkce:
            fields.update(code_challenge=challenge_of(self.verifier), code_challenge_method='S256')
        fields.update(changes)
        self.nonce = fields.get('nonce')
        return self.s.authorization_url(self.client, **fields)

    def heard(self, response):
        """What the browser brings to the redirect_uri after @response, checked against what was asked."""
        parameters = self._from_form(response) if self.mode == 'form_post' else self._from_query(response)
        equal(parameters.get('state'), self.state)
        equal(parameters.get('iss'), self.s.issuer)
        check(('code' in parameters) != ('error' in parameters), repr(parameters))
        check_description(parameters.get('error_description', ''))
        return parameters

    def _from_query(self, response):
        check(response.status in (302, 303), repr(response))
        address, _, _ = response.location.partition('?')
        equal(address, self.client.redirect_uri)
        lacks(response.location, '#')
        return parameters_of(response.location)

    def _from_form(self, response):
        equal((response.status, response.location), (200, None), repr(response))
        form = response.page.forms[0]
        equal((len(response.page.forms), form.method, form.action), (1, 'post', self.client.redirect_uri))
        fields = [(name, value) for name, value, _ in form.fields if name]
        equal(len(dict(fields)), len(fields), 'fields of the form')
        return dict(fields)

    def ask(self, browser, username='alice', **changes):
        """The parameters that come back; whoever is at @browser logs in and allows."""
        return self.heard(browser.authorize(self.request(**changes), username, self.s.users[username]))

    def ask_only(self, browser, **changes):
        """The same, and nobody does anything."""
        return self.heard(browser.open(self.request(**changes)))

    def redeem(self, code, **changes):
        fields = {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': self.client.redirect_uri}
        if self.pkce:
            fields['code_verifier'] = self.verifier
        fields.update(changes)
        return self.s.form('/token', fields, self.client)

    def log_in(self, browser=None, username='alice', **changes):
        """From nothing to an ID token that was checked."""
        answer = self.ask(browser or self.s.new_browser(), username, **changes)
        contains(answer, 'code')
        return self.take(answer['code'])

    def take(self, code, **changes):
        answer = self.redeem(code, **changes)
        equal(answer.status, 200, repr(answer))
        equal((answer.header('content-type'), answer.header('cache-control')), ('application/json', 'no-store'))
        body = answer.json()
        equal(body['token_type'].lower(), 'bearer')
        check(type(body['expires_in']) is int and body['expires_in'] > 0, 'expires_in')
        made = Login(code, body)
        self.check_id_token(made.id_token, self.nonce, made.access_token)
        return made

    def check_id_token(self, token, nonce=None, access_token=None):
        """Core 3.1.3.7."""
        verify(self.s, token)
        header, claims = header_of(token), claims_of(token)
        equal(header['alg'], self.client.keys.get('id_token_signed_response_alg', 'RS256'))
        equal((claims['iss'], claims['aud'], claims.get('azp', self.client.id)), (self.s.issuer, self.client.id, self.client.id))
        check(claims['sub'] and claims['sub'].isascii() and len(claims['sub']) <= 255, 'sub %r' % claims['sub'])
        check(abs(claims['iat'] - self.s.now()) < 60, 'iat')
        check(claims['iat'] < claims['exp'] <= claims['iat'] + 86400, 'exp')
        equal(claims.get('nonce'), nonce)
        if access_token is not None and 'at_hash' in claims:
            equal(claims['at_hash'], half_hash(access_token, header['alg']))
        return claims

    def refresh(self, refresh_token, client=None, **changes):
        return self.s.form('/token', dict({'grant_type': 'refresh_token', 'refresh_token': refresh_token}, **changes), client or self.client)

    def userinfo(self, made, method='GET'):
        """The claims, of the same person."""
        answer = userinfo(self.s, made.access_token, method)
        equal((answer.status, answer.header('content-type')), (200, 'application/json'))
        equal(answer.json()['sub'], made.claims['sub'])
        return answer.json()
