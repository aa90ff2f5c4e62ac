#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's config plan: what a relying party finds at the address of an issuer (OpenID Connect
Discovery 3 and 4), here an https issuer behind a proxy, as every public one is."""

import re
import urllib.parse

import rfc_path  # noqa: F401
from openid_basic_plan import clients
from openid_fixture import discovery, key_set
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import GRANTS, Client, Service, header_of, unb64url

PRIVATE_PARTS = {'d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'}


def is_canonical(tag):
    """BCP 47, as far as language, script and region go: zh-Hans-CN."""
    return re.fullmatch(r'[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?', tag)


@test('oidcc-discovery-endpoint-verification: the configuration is JSON of 200, for whoever asks from wherever')
def _(s):
    answer = s.get('/.well-known/openid-configuration')
    equal((answer.status, answer.header('content-type')), (200, 'application/json'))
    equal(answer.header('access-control-allow-origin'), '*')
    equal(s.get('/.well-known/openid-configuration/').status, 404)


@test('oidcc-discovery-endpoint-verification: issuer is the address under which the configuration lies')
def _(s):
    known = discovery(s)
    equal(known['issuer'], 'https://as.test')
    split = urllib.parse.urlsplit(known['issuer'])
    equal((split.scheme, split.query, split.fragment), ('https', '', ''))


@test('oidcc-discovery-endpoint-verification: it has each member that must be there')
def _(s):
    known = discovery(s)
    contains(known['response_types_supported'], 'code')
    contains(known['grant_types_supported'], 'authorization_code')
    contains(known['id_token_signing_alg_values_supported'], 'RS256')
    lacks(known['id_token_signing_alg_values_supported'], 'none')
    check(known['subject_types_supported'] and set(known['subject_types_supported']) <= {'public', 'pairwise'}, 'subject_types_supported')
    contains(known['scopes_supported'], 'openid')
    check(known['claims_supported'], 'claims_supported')
    for name in ('claims_parameter_supported', 'request_parameter_supported', 'request_uri_parameter_supported'):
        check(type(known[name]) is bool, name)
    for name in ('authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'):
        check(name in known, name)
    contains(known['code_challenge_methods_supported'], 'S256')


@test('oidcc-discovery-endpoint-verification: a list is a list of strings, each once')
def _(s):
    for name, value in discovery(s).items():
        if name.endswith(('_supported', '_values')) and type(value) is not bool:
            check(isinstance(value, list) and value and all(isinstance(one, str) and one for one in value), '%s: %r' % (name, value))
            equal(len(set(value)), len(value), name)


@test('oidcc-discovery-endpoint-verification: every address is https and below the issuer')
def _(s):
    known = discovery(s)
    addresses = {name: value for name, value in known.items() if name.endswith(('_endpoint', '_uri'))}
    check(len(addresses) >= 6, repr(addresses))
    for name, value in addresses.items():
        check(value.startswith('https://as.test/'), '%s: %s' % (name, value))


@test('oidcc-discovery-endpoint-verification: scopes are scope-tokens, languages are tags in their usual spelling')
def _(s):
    known = discovery(s)
    for scope in known['scopes_supported']:
        check(re.fullmatch(r'[\x21\x23-\x5b\x5d-\x7e]+', scope), scope)
    for name in ('ui_locales_supported', 'claims_locales_supported'):
        for tag in known.get(name, []):
            check(is_canonical(tag), '%s: %s' % (name, tag))


@test('oidcc-idtoken-unsigned: none is not offered, and refuses the start for a client that wants it')
def _(s):
    lacks(discovery(s)['id_token_signing_alg_values_supported'], 'none')
    for alg, status in (('none', 78), ('ES256', 0)):
        other = Service(clients=[Client('x', redirect_uri='https://x.test/cb', scope='openid', grant_types=GRANTS, id_token_signed_response_alg=alg)])
        try:
            equal(other.run_check()[0], status, alg)
        finally:
            other.abandon()


@test('G08 oidcc-discovery-endpoint-verification: jwks_uri leads to public keys alone, each with a kid of its own and a use')
def _(s):
    path = discovery(s)['jwks_uri'].removeprefix('https://as.test')
    answer = s.get(path)
    equal(answer.status, 200)
    check(answer.header('content-type').startswith(('application/json', 'application/jwk-set+json')), answer.header('content-type'))
    keys = answer.json()['keys']
    equal(len({key['kid'] for key in keys}), len(keys), 'kids')
    for key in keys:
        equal(PRIVATE_PARTS & set(key), set(), key['kid'])
        check(key['kty'] in ('RSA', 'EC', 'OKP') and key['use'] == 'sig', repr(key))
        for name in {'n', 'e', 'x', 'y'} & set(key):
            check(re.fullmatch(r'[A-Za-z0-9_-]+', key[name]) and unb64url(key[name]), name)


@test('G08 the key that signs an ID token is among them, and what is private in it is nowhere')
def _(s):
    token = s.tokens(s.rp, scope='openid')['id_token']
    body = s.get('/jwks').body.decode()
    contains([key['kid'] for key in key_set(s)], header_of(token)['kid'])
    for pem in s.signing_keys().values():
        lacks(body, pem.splitlines()[1][:40])
    lacks(body, '"d"')


if __name__ == '__main__':
    main(lambda: Service(issuer='https://as.test', clients=clients()))
