# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks access tokens of Tessera (RFC 9068), and asks its deny-list. Needs PyJWT and cryptography."""
import base64
import json
import math
import re
import time
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen

import jwt
from denylist import DenyList

CLAIMS = ['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'jti']


class Issuer:
    def __init__(self, issuer, client_id, secret):
        self.issuer, self.keys, self.keys_read = issuer, {}, -math.inf
        self.basic = base64.b64encode('{}:{}'.format(quote_plus(client_id), quote_plus(secret)).encode()).decode()
        metadata = re.sub('(://[^/]+)', r'\1/.well-known/oauth-authorization-server', issuer)
        self.places = json.load(urlopen(metadata, timeout=10))
        if self.places['issuer'] != issuer:
            raise ValueError('the metadata of another issuer')

    def verify(self, token, typ, **how):
        """(kid, claims) of a token with a good signature of that type; raises for any other."""
        header = jwt.get_unverified_header(token)
        kid = header['kid']
        if kid not in self.keys and time.monotonic() - self.keys_read > 60:  # whoever makes up names makes us ask once a minute
            self.keys_read = time.monotonic()
            keys = json.load(urlopen(self.places['jwks_uri'], timeout=10))['keys']
            self.keys = {key['kid']: key for key in keys}
        if kid not in self.keys or 'crit' in header or str(header.get('typ')).lower().removeprefix('application/') != typ:
            raise PermissionError('no token of that type by a known key')
        key, options = self.keys[kid], {'verify_exp': False, 'verify_iat': False, **how.pop('options', {})}
        return kid, jwt.decode(token, jwt.PyJWK(key).key, [key['alg']], options, issuer=self.issuer, **how)

    def open(self, name, headers={}):
        """What the deny-list needs of it: an answer of that endpoint, for a new access token with scope denylist."""
        form = {'grant_type': 'client_credentials', 'scope': 'denylist'}
        basic, places = {'Authorization': 'Basic ' + self.basic}, self.places
        answer = urlopen(Request(places['token_endpoint'], urlencode(form).encode(), basic), timeout=10)
        bearer = {'Authorization': 'Bearer ' + json.load(answer)['access_token']}
        return urlopen(Request(places[name], headers={**bearer, **headers}), timeout=45)  # three heartbeats


class Checker:
    def __init__(self, issuer, client_id, secret, max_staleness=60, now=time.time):
        self.issuer, self.now, self.max_staleness = Issuer(issuer, client_id, secret), now, max_staleness
        self.deny_list = DenyList(self.issuer, now)

    def check(self, token, audience):
        """The claims of a token that is good now; raises for any other."""
        kid, claims = self.issuer.verify(token, 'at+jwt', audience=audience, options={'require': CLAIMS})
        if self.deny_list.age() > self.max_staleness:
            raise PermissionError('the deny-list is stale')
        # What is over by the server's clock is no longer in the list: a clock behind it must not bring it back.
        if claims['exp'] <= max(self.now(), self.deny_list.time / 1000):
            raise PermissionError('the token has expired')
        if self.deny_list.refuses(claims, kid):
            raise PermissionError('the token was revoked')
        return claims
