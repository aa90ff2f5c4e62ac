#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A configuration that is true: each member of /.well-known/openid-configuration is taken at its word, by one real
request for each value, and what it does not list is seen refused. A member for which nothing is tried here fails."""

import json
import tempfile
import urllib.parse

import rfc_path  # noqa: F401
import administrator
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from elsewhere import Authority, Site, section
from key_client import KeyClient, SecretClient, introduce, jwk_of
from openid_fixture import ALICE, BY_SCOPE, OPENID, RelyingParty, discovery, ids, is_login_page, login, userinfo, verify
from registrar import WEB, Registered, send
from tap import check, contains, equal, lacks, main, skip, test
from tessera_fixture import (GRANTS, Client, Service, challenge_of, claims_of, default_clients, expect_client_refused, expect_error,
                             expect_proceeds, expect_redirect_error, header_of, new_verifier, parameters_of)

KEYS = {'RS256': rsa.generate_private_key(65537, 2048), 'ES256': ec.generate_private_key(ec.SECP256R1()), 'EdDSA': ed25519.Ed25519PrivateKey.generate()}
KEYS['PS256'] = KEYS['RS256']
folder = tempfile.TemporaryDirectory(prefix='tessera-discovery-')
authority = Authority(folder.name)
hearer = Site(authority, (200, None, b''))
# What the registries know; each is either listed and works, or is refused.
METHODS = ('client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth', 'none')
ALGORITHMS = ('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'ES256K', 'EdDSA', 'HS256', 'HS384', 'HS512', 'none')
RESPONSE_TYPES = ('code', 'token', 'id_token', 'id_token token', 'code id_token', 'code token', 'code id_token token', 'none')
RESPONSE_MODES = ('query', 'fragment', 'form_post', 'web_message', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt')
GRANT_TYPES = ('authorization_code', 'refresh_token', 'client_credentials', 'implicit', 'password', 'urn:ietf:params:oauth:grant-type:device_code',
               'urn:ietf:params:oauth:grant-type:jwt-bearer', 'urn:ietf:params:oauth:grant-type:saml2-bearer', 'urn:ietf:params:oauth:grant-type:token-exchange',
               'urn:openid:params:grant-type:ciba')

WALKS = {}


def walks(*members):
    """The function is what is tried for each of @members; it is given the service, the configuration and the value."""
    def take(function):
        for member in members:
            WALKS[member] = function
            test('discovery: %s is true' % member)(lambda s, member=member: walk(s, member))
        return function
    return take


def walk(s, member):
    known = discovery(s)
    WALKS[member](s, known, known[member])


def clients():
    keys = dict(scope='a ' + OPENID, grant_types=GRANTS, first_party='true', introspect='*;')
    made = default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **keys),
        Client('asks', redirect_uri='https://asks.test/cb', **dict(keys, first_party='false')),
        Client('public', 'none', redirect_uri='https://public.test/cb', scope=OPENID, grant_types='authorization_code;refresh_token;'),
        Client('post', 'client_secret_post', redirect_uri='https://post.test/cb', **keys),
        Client('hears', redirect_uri='https://hears.test/cb', backchannel_logout_uri=hearer.uri('/out'), **keys),
        Client('pair', redirect_uri='https://pair.test/cb', subject_type='pairwise', **keys),
        Client('pair2', redirect_uri='https://pair2.test/cb', subject_type='pairwise', **keys),
    ]
    made += [KeyClient('signs-' + alg, [jwk_of(key, alg=alg)], key, alg, redirect_uri='https://signs.test/cb', **keys) for alg, key in KEYS.items()]
    made += [SecretClient('mac-' + alg, alg, redirect_uri='https://mac.test/cb', **keys) for alg in ('HS256', 'HS384', 'HS512')]
    made += [Client('id-' + alg, redirect_uri='https://id.test/cb', id_token_signed_response_alg=alg, **keys) for alg in KEYS]
    made += [Client('told-' + alg, redirect_uri='https://told.test/cb', userinfo_signed_response_alg=alg, **keys) for alg in KEYS]
    return made


def service():
    """With all that can be offered."""
    sections = section(authority) + '[registration]\nopen=true\nrate=100000\n\n[status-list]\nenabled=true\n\n'
    s = introduce(Service(clients=clients(), endpoints='registration-enabled=true\n', sections=sections))
    s.known = {'alice': ALICE}
    return s


def by_method(s, method):
    names = {'client_secret_basic': 'rp', 'client_secret_post': 'post', 'client_secret_jwt': 'mac-HS256', 'private_key_jwt': 'signs-ES256', 'none': 'public'}
    return s.clients[names[method]]


def starts(**keys):
    """Whether a service with a client of these keys would start."""
    other = Service(clients=[Client('x', keys.pop('method', 'client_secret_basic'), redirect_uri='https://x.test/cb', grant_types=GRANTS, scope='openid', **keys)])
    try:
        return other.run_check()[0] == 0
    finally:
        other.abandon()


def path_of(s, address):
    check(address.startswith(s.issuer + '/'), address)
    return urllib.parse.urlsplit(address).path


@test('discovery: each member is walked here, and none is there twice under another name')
def _(s):
    equal(set(discovery(s)) - set(WALKS), set(), 'members that nobody tries')
    equal(set(WALKS) - set(discovery(s)), set(), 'members that are not there')
    equal(s.get('/.well-known/oauth-authorization-server').json(), discovery(s))


@walks('issuer')
def _(s, known, value):
    equal((value, claims_of(login(s)['id_token'])['iss'], claims_of(s.machine_token())['iss']), (s.issuer,) * 3)


@walks('authorization_endpoint')
def _(s, known, value):
    answer = s.new_browser().open(path_of(s, value) + '?' + s.authorization_url(s.rp, scope='openid').partition('?')[2])
    check(is_login_page(answer), repr(answer))


@walks('token_endpoint')
def _(s, known, value):
    equal(s.form(path_of(s, value), {'grant_type': 'client_credentials'}, s.rp).status, 200)


@walks('userinfo_endpoint')
def _(s, known, value):
    answer = s.get(path_of(s, value), {'Authorization': 'Bearer ' + login(s)['access_token']})
    equal((answer.status, answer.json()['sub']), (200, 'alice'))


@walks('end_session_endpoint')
def _(s, known, value):
    browser = s.new_browser()
    tokens = s.tokens(s.rp, browser=browser, scope='openid')
    equal(browser.open(path_of(s, value) + '?' + urllib.parse.urlencode({'id_token_hint': tokens['id_token']})).status, 200)
    equal(userinfo(s, tokens['access_token']).status, 401)


@walks('backchannel_logout_supported', 'backchannel_logout_session_supported')
def _(s, known, value):
    equal(value, True)
    hearer.questions.clear()
    browser = s.new_browser()
    tokens = s.tokens(s.hears, browser=browser, scope='openid')
    browser.open('/logout?' + urllib.parse.urlencode({'id_token_hint': tokens['id_token']}))
    told = claims_of(hearer.wait_for(1)[0].form['logout_token'])
    equal((told['aud'], told['sid']), ('hears', claims_of(tokens['id_token'])['sid']))


@walks('jwks_uri')
def _(s, known, value):
    kids = [key['kid'] for key in s.get(path_of(s, value)).json()['keys']]
    for token in (login(s)['id_token'], s.machine_token()):
        contains(kids, header_of(token)['kid'])


@walks('revocation_endpoint')
def _(s, known, value):
    token = s.machine_token(s.rp)
    equal(s.form(path_of(s, value), {'token': token}, s.rp).status, 200)
    check(not s.is_active(token), 'active')


@walks('introspection_endpoint')
def _(s, known, value):
    equal(s.form(path_of(s, value), {'token': s.machine_token()}, s.rsall).json()['active'], True)


@walks('status_list_aggregation_endpoint')
def _(s, known, value):
    lists = s.get(path_of(s, value)).json()['status_lists']
    contains(lists, claims_of(s.machine_token())['status']['status_list']['uri'])


@walks('tessera_deny_list_endpoint', 'tessera_deny_list_events_endpoint')
def _(s, known, value):
    equal(s.get(path_of(s, value)).status, 401)
    equal(s.get(path_of(s, value), {'Authorization': 'Bearer ' + s.machine_token(s.rp)}).status, 403)


@walks('registration_endpoint')
def _(s, known, value):
    answer = send(s, 'POST', path_of(s, value), WEB)
    equal(answer.status, 201, repr(answer.body))
    equal(send(s, 'POST', path_of(s, value), dict(WEB, redirect_uris=['javascript:x'])).status, 400)
    made = Registered(answer)
    contains(ids(s.new_browser().open(s.authorization_url(made, scope='openid'))), 'login')


@walks('response_types_supported')
def _(s, known, value):
    for one in RESPONSE_TYPES:
        answer = s.browser().open(s.authorization_url(s.rp, response_type=one, scope='openid', nonce='n'))
        if one in value:
            contains(parameters_of(answer.location), 'code')
        else:
            expect_redirect_error(s, answer, 'unsupported_response_type', s.rp.redirect_uri)
    equal(set(value) - set(RESPONSE_TYPES), set())


@walks('response_modes_supported')
def _(s, known, value):
    for one in RESPONSE_MODES:
        rp = RelyingParty(s, s.rp, one, pkce=True)
        if one in value:
            contains(rp.ask(s.browser(), response_mode=one), 'code')
        else:
            expect_redirect_error(s, s.browser().open(rp.request(state='S')), 'invalid_request', s.rp.redirect_uri)
    equal(set(value) - set(RESPONSE_MODES), set())


@walks('code_challenge_methods_supported')
def _(s, known, value):
    for one in ('S256', 'plain', 'S512'):
        verifier = new_verifier()
        challenge = challenge_of(verifier) if one == 'S256' else verifier
        answer = s.browser().open(s.authorization_url(s.rp, code_challenge=challenge, code_challenge_method=one))
        if one in value:
            equal(s.redeem(s.rp, parameters_of(answer.location)['code'], verifier).status, 200)
        else:
            expect_redirect_error(s, answer, 'invalid_request', s.rp.redirect_uri)


@walks('authorization_response_iss_parameter_supported')
def _(s, known, value):
    equal(value, True)
    equal(s.approve(s.rp)['iss'], s.issuer)
    expect_redirect_error(s, s.az(s.rp, scope='nonsense'), 'invalid_scope', s.rp.redirect_uri)


@walks('ui_locales_supported')
def _(s, known, value):
    for one in value + ['fr', 'tlh']:
        page = s.new_browser().open(s.authorization_url(s.rp, ui_locales=one))
        html = next(attributes for tag, attributes in page.page.elements if tag == 'html')
        equal(html['lang'].lower(), one.lower() if one in value else 'en')


def try_methods(s, listed, ask):
    """@ask (client) → Response, with each method; what is not listed has no client, or is refused."""
    for method in METHODS:
        if method in listed:
            equal(ask(by_method(s, method)).status, 200, method)
        elif method == 'none':
            expect_client_refused(ask(by_method(s, method)))
        else:
            check(not starts(method=method, secret='x' * 43), 'a client may be registered for ' + method)
    equal(set(listed) - set(METHODS), set())


@walks('token_endpoint_auth_methods_supported')
def _(s, known, value):
    def ask(client):
        code, verifier = s.code(client, scope='openid')
        return s.redeem(client, code, verifier)
    try_methods(s, value, ask)


@walks('revocation_endpoint_auth_methods_supported')
def _(s, known, value):
    try_methods(s, value, lambda client: s.form('/revoke', {'token': 'x'}, client))


@walks('introspection_endpoint_auth_methods_supported')
def _(s, known, value):
    try_methods(s, value, lambda client: s.form('/introspect', {'token': 'x'}, client))


@walks('token_endpoint_auth_signing_alg_values_supported', 'revocation_endpoint_auth_signing_alg_values_supported', 'introspection_endpoint_auth_signing_alg_values_supported')
def _(s, known, value):
    for alg in ALGORITHMS:
        client = s.clients['mac-' + alg if alg[0] == 'H' else 'signs-' + (alg if alg in value else 'RS256' if alg[1:2] == 'S' else 'ES256')]
        for path, fields in (('/token', {'grant_type': 'client_credentials'}), ('/revoke', {'token': 'x'}), ('/introspect', {'token': 'x'})):
            more = {'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'client_assertion': client.assertion(s, alg=alg)}
            answer = s.form(path, dict(fields, **more), source=s.new_source())
            if alg in value:
                equal(answer.status, 200, '%s %s: %r' % (path, alg, answer))
            else:
                expect_client_refused(answer)


@walks('grant_types_supported')
def _(s, known, value):
    tokens = login(s, s.rp)
    code, verifier = s.code(s.rp, scope='openid')
    fields = {'authorization_code': dict(code=code, code_verifier=verifier, redirect_uri=s.rp.redirect_uri), 'refresh_token': dict(refresh_token=tokens['refresh_token'])}
    for one in GRANT_TYPES:
        answer = s.form('/token', dict({'grant_type': one}, **fields.get(one, {})), s.rp)
        if one in value:
            equal(answer.status, 200, '%s: %r' % (one, answer))
        else:
            expect_error(answer, 'unsupported_grant_type')
    equal(set(value) - set(GRANT_TYPES), set())


@walks('scopes_supported')
def _(s, known, value):
    for one in value:
        answer = s.tokens(s.rp, scope='openid' if one == 'openid' else 'openid ' + one)
        contains(answer.get('scope', one).split(), one)
    for one in ('openid2', 'OPENID', 'groups'):
        expect_redirect_error(s, s.az(s.rp, scope='openid ' + one), 'invalid_scope', s.rp.redirect_uri)


@walks('subject_types_supported')
def _(s, known, value):
    equal(set(value), {'public', 'pairwise'})
    told = {name: claims_of(login(s, s.clients[name])['id_token'])['sub'] for name in ('rp', 'post', 'pair', 'pair2')}
    equal((told['rp'], told['post']), ('alice', 'alice'))
    equal(len(set(told.values())), 3, 'subs: %r' % told)
    check(not starts(subject_type='other'), 'another')


@walks('id_token_signing_alg_values_supported')
def _(s, known, value):
    for alg in ALGORITHMS:
        if alg in value:
            token = login(s, s.clients['id-' + alg])['id_token']
            equal(header_of(token)['alg'], alg)
            verify(s, token)
        else:
            check(not starts(id_token_signed_response_alg=alg), 'a client may want ' + alg)
    equal(set(value) - set(ALGORITHMS), set())


@walks('userinfo_signing_alg_values_supported')
def _(s, known, value):
    for alg in ALGORITHMS:
        if alg in value:
            answer = userinfo(s, login(s, s.clients['told-' + alg])['access_token'])
            equal((answer.header('content-type'), header_of(answer.text)['alg']), ('application/jwt', alg))
            verify(s, answer.text)
        else:
            check(not starts(userinfo_signed_response_alg=alg), 'a client may want ' + alg)
    equal(set(value) - set(ALGORITHMS), set())


@walks('prompt_values_supported')
def _(s, known, value):
    shown = {'none': lambda answer: 'code' in parameters_of(answer.location or '?x=1'), 'login': is_login_page,
             'consent': lambda answer: answer.status == 200 and answer.page.form_with('decision') is not None,
             'select_account': lambda answer: answer.status == 200}
    equal(set(value) - set(shown), set())
    for one in list(shown) + ['create', 'None', 'nonsense']:
        answer = s.browser().open(s.authorization_url(s.rp, scope='openid', prompt=one))
        if one in value:
            check(shown[one](answer), '%s: %r' % (one, answer))
        else:
            expect_redirect_error(s, answer, 'invalid_request', s.rp.redirect_uri)


@walks('claim_types_supported')
def _(s, known, value):
    equal(value, ['normal'])
    lacks(userinfo(s, login(s, scope='openid profile')['access_token']).json(), '_claim_names')


@walks('claims_supported')
def _(s, known, value):
    made = login(s)
    known = dict(claims_of(made['id_token']), acr='what an agent says')
    for scopes in (OPENID, 'openid'):
        wanted = {name: None for name in value}
        made = login(s, scope=scopes, claims=json.dumps({'userinfo': wanted}) if scopes == 'openid' else None)
        told = dict(known, **userinfo(s, made['access_token']).json())
        equal(set(value) - set(told) - {'updated_at'}, set(), 'claims that nobody is told with ' + scopes)
    equal({name for names in BY_SCOPE.values() for name in names if '#' not in name} - set(value), set())
    lacks(value, 'groups')


@test('discovery: claims_supported is true of updated_at, which the store keeps')
def _(s):
    if not administrator.is_here():
        skip('the command was not built')
    administrator.add_user(s, 'carol', 'carol-canary-Pw4', {'name': 'Carol'})
    told = userinfo(s, login(s, username='carol', scope='openid profile')['access_token']).json()
    equal((told['name'], told['sub']), ('Carol', 'carol'))
    check(abs(told['updated_at'] - s.now()) < 60, repr(told))


@walks('claims_parameter_supported')
def _(s, known, value):
    equal(value, True)
    browser = s.browser()
    for subject, expected in (('alice', 'code'), ('bob', 'error')):
        answer = browser.open(s.authorization_url(s.rp, scope='openid', prompt='none', claims='{"id_token":{"sub":{"value":"%s"}}}' % subject))
        contains(parameters_of(answer.location), expected)
    expect_redirect_error(s, s.az(s.rp, scope='openid', claims='nonsense'), 'invalid_request', s.rp.redirect_uri)


@walks('request_parameter_supported')
def _(s, known, value):
    equal(value, True)
    signs = s.clients['signs-ES256']
    jwt = signs.request_object(s, scope='openid', state='in it')
    answer = s.browser().authorize(s.authorization_url(signs, scope='openid', request=jwt))
    equal(parameters_of(answer.location)['state'], 'in it')
    expect_redirect_error(s, s.az(s.rp, scope='openid', request='eyJhbGciOiJub25lIn0.e30.'), 'request_not_supported', s.rp.redirect_uri)


@walks('request_object_signing_alg_values_supported')
def _(s, known, value):
    for alg in ALGORITHMS:
        client = s.clients['signs-' + (alg if alg in value else 'RS256' if alg[1:2] == 'S' else 'ES256')]
        answer = s.az(client, scope='openid', request=client.request_object(s, alg=alg, scope='openid'))
        if alg in value:
            expect_proceeds(s, answer)
        else:
            expect_redirect_error(s, answer, 'invalid_request_object', client.redirect_uri)


@walks('request_uri_parameter_supported')
def _(s, known, value):
    equal(value, False)
    expect_redirect_error(s, s.az(s.rp, scope='openid', request_uri='https://rp.test/request'), 'request_uri_not_supported', s.rp.redirect_uri)


if __name__ == '__main__':
    main(service)
