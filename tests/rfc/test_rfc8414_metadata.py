#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metadata of the authorization server: RFC 8414."""

import rfc_path  # noqa: F401
from tap import check, equal, lacks, main, one_of, test
from tessera_fixture import Service, claims_of

PATH = '/.well-known/oauth-authorization-server'


@test('rfc8414/2 the metadata names what there is')
def _(s):
    answer = s.get(PATH)
    equal(answer.status, 200)
    equal(answer.header('Content-Type').split(';')[0], 'application/json')
    told = answer.json()
    equal(told['issuer'], s.issuer)
    for name, path in (('authorization_endpoint', '/authorize'), ('token_endpoint', '/token'), ('revocation_endpoint', '/revoke'),
                       ('introspection_endpoint', '/introspect'), ('jwks_uri', '/jwks')):
        equal(told[name], s.issuer + path, name)
    equal(told['response_types_supported'], ['code'])
    equal(told['response_modes_supported'], ['query', 'form_post'])
    equal(sorted(told['grant_types_supported']), ['authorization_code', 'client_credentials', 'refresh_token'])
    equal(told['code_challenge_methods_supported'], ['S256'])
    equal(sorted(told['token_endpoint_auth_methods_supported']), ['client_secret_basic', 'client_secret_jwt', 'client_secret_post', 'none', 'private_key_jwt'])
    check(set(told['revocation_endpoint_auth_methods_supported']) >= {'client_secret_basic', 'client_secret_post'}, 'revocation methods')
    check(set(told['introspection_endpoint_auth_methods_supported']) >= {'client_secret_basic', 'client_secret_post'}, 'introspection methods')
    equal(told['authorization_response_iss_parameter_supported'], True)


@test('rfc8414/2 what is not built is not named')
def _(s):
    told = s.get(PATH).json()
    for name in ('registration_endpoint', 'device_authorization_endpoint', 'pushed_authorization_request_endpoint', 'request_uri_parameter_supported'):
        check(not told.get(name), name)


@test('rfc8414/2 each endpoint that is named answers')
def _(s):
    told = s.get(PATH).json()
    for name in ('authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'introspection_endpoint', 'jwks_uri'):
        answer = s.request('OPTIONS' if name == 'authorization_endpoint' else 'GET', told[name][len(s.issuer):])
        check(answer.status != 404, name)


@test('rfc8414/3 GET and HEAD only, the exact path only')
def _(s):
    for method in ('POST', 'PUT', 'DELETE'):
        equal(s.request(method, PATH, '' if method == 'POST' else None).status, 405)
    equal(s.request('HEAD', PATH).status, 200)
    for path in (PATH + '/', PATH + 'x', PATH + '/x', '/.well-known//oauth-authorization-server'):
        equal(s.get(path).status, 404, path)
    equal(s.get(PATH).status, 200)


@test('rfc8414/3 a path matches exactly for every endpoint')
def _(s):
    for path in ('/tokenXYZ', '/token/', '/token/x', '//token', '/Token', '/token%2F', '/to%2Fken', '/token%00', '/token;x', '/revoke/', '/introspectx', '/jwksx', '/jwks/', '/authorize/', '/loginx',
                 '/', '/.', '/favicon.ico'):
        one_of(s.form(path, 'grant_type=client_credentials', s.c1).status, (400, 404), path)
        one_of(s.get(path).status, (400, 404), path)
    equal(s.client_credentials().status, 200)


@test('rfc8414/3.1 an issuer with a path: the well-known part stands before it')
def _(s):
    other = Service(issuer_path='/tenant/one')
    try:
        other.start()
        told = other.get(PATH + '/tenant/one').json()
        equal(told['issuer'], other.issuer)
        equal(told['token_endpoint'], other.issuer + '/token')
        equal(claims_of(other.machine_token())['iss'], other.issuer)
        equal(other.get('/tenant/one' + PATH).status in (200, 404), True)
        equal(other.get(PATH).status, 404)
        equal(other.request('POST', '/token', {'grant_type': 'client_credentials'}, {'Authorization': other.c1.basic()}).status, 404)
        check(other.is_active(other.tokens()['access_token']), 'a code flow below the path')
    finally:
        other.stop()


@test('rfc8414/3.3 the issuer comes from the configuration, not from Host or the target')
def _(s):
    plain = s.get(PATH).body
    for headers in ({'Host': 'evil.test'}, {'X-Forwarded-Host': 'evil.test', 'X-Forwarded-Proto': 'https'}, {'Forwarded': 'host=evil.test;proto=https'},
                    {'X-Original-URL': '/jwks', 'X-Rewrite-URL': '/jwks'}):
        equal(s.get(PATH, headers).body, plain)
    data = s.raw(b'GET http://evil.test' + PATH.encode() + b' HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n')
    lacks(data, b'evil.test')


@test('rfc8414/3.2 the metadata may be kept for a while, and is the same each time')
def _(s):
    one, two = s.get(PATH), s.get(PATH)
    equal(one.body, two.body)
    lacks(one.header('Cache-Control') or '', 'private')


if __name__ == '__main__':
    main(Service)
