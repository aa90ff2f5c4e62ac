#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's dynamic plan: a relying party that registers itself, with a key of its own. What the plan
asks for and is not offered (implicit answers, objects fetched from request_uri, alg none) is refused by its name.

Environment: TESSERA_OUTBOUND, the program that asks other machines."""

import contextlib
import json
import os
import tempfile
import urllib.parse

import rfc_path  # noqa: F401
import administrator
from cryptography.hazmat.primitives.asymmetric import rsa
from elsewhere import Authority, Site, section
from key_client import KeyClient, jwk_of
from openid_fixture import OPENID, RelyingParty, discovery, ids, key_set, login, query_of, userinfo, verify, verify_with_keys
from registrar import ENABLED, refused, register
from tap import check, contains, equal, lacks, main, skip, test
from tessera_fixture import (GRANTS, Client, Service, b64url, claims_of, default_clients, expect_client_refused, expect_error, expect_page_400,
                             header_of)

folder = tempfile.TemporaryDirectory(prefix='tessera-dynamic-')
authority = Authority(folder.name)
KEY, NEXT = (rsa.generate_private_key(65537, 2048) for _ in range(2))
CALLBACK = 'https://dyn.test/cb'
SECTOR = 'sector.rp.test'  # a name that the certificates of elsewhere.py are for
os.environ['TESSERA_TEST_HOSTS'] = SECTOR + '=127.0.0.1'


def service():
    """At which anybody may register, and relying parties need no PKCE, of which the plan knows nothing."""
    keys = dict(scope=OPENID, grant_types=GRANTS)
    clients = default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **keys),
        Client('told', redirect_uri='https://told.test/cb', userinfo_signed_response_alg='PS256', **keys),
    ]
    policy = '[registration]\nopen=true\nrequire-pkce=false\nrate=100000\n\n'
    return Service(clients=clients, endpoints=ENABLED, sections=section(authority) + policy)


def public_keys(*pairs):
    return {'keys': [jwk_of(key, kid=kid, use='sig', alg='RS256') for kid, key in pairs]}


class Dynamic(KeyClient):
    """A client as the answer to its registration says."""

    def __init__(self, s, metadata):
        super().__init__(metadata['client_id'], public_keys(('first', KEY))['keys'], KEY, 'RS256', redirect_uri=metadata['redirect_uris'][0],
                         **{name: metadata[name] for name in ('id_token_signed_response_alg',) if name in metadata})
        self.metadata = metadata
        self.kid = 'first'
        self.service = s

    def assertion(self, s, header=None, **changes):
        return super().assertion(s, dict({'kid': self.kid}, **(header or {})), **changes)


def wanted(**changes):
    """What the plan registers, changed; None leaves a member out."""
    metadata = dict(redirect_uris=[CALLBACK], client_name='Dynamic Diary', response_types=['code'], grant_types=['authorization_code'],
                    token_endpoint_auth_method='private_key_jwt', jwks=public_keys(('first', KEY)), contacts=['ann@dyn.test'])
    metadata.update(changes)
    return {name: value for name, value in metadata.items() if value is not None}


def registered(s, **changes):
    answer = register(s, wanted(**changes))
    equal((answer.status, answer.header('content-type')), (201, 'application/json'), repr(answer.body))
    return RelyingParty(s, Dynamic(s, answer.json()))


def site(*arguments):
    return contextlib.closing(Site(authority, *arguments))


def document(value):
    return (200, 'application/json', json.dumps(value))


@test('oidcc-discovery-endpoint-verification: registration_endpoint is told; implicit answers are declined')
def _(s):
    known = discovery(s)
    equal(known['registration_endpoint'], s.issuer + '/register')
    equal(known['response_types_supported'], ['code'])
    refused(register(s, wanted(response_types=['id_token'], grant_types=['implicit'])))
    refused(register(s, wanted(response_types=['code', 'id_token token'])))
    registered(s)


@test('oidcc-server: who registers with a key logs people in, and is told who they are')
def _(s):
    rp = registered(s)
    made = rp.log_in()
    contains(rp.userinfo(made), 'sub')
    equal((rp.client.metadata['token_endpoint_auth_method'], rp.client.metadata['redirect_uris']), ('private_key_jwt', [CALLBACK]))
    lacks(rp.client.metadata, 'client_secret')


@test('oidcc-idtoken-rs256: id_token_signed_response_alg RS256 is kept to')
def _(s):
    rp = registered(s, id_token_signed_response_alg='RS256')
    equal((rp.client.metadata['id_token_signed_response_alg'], header_of(rp.log_in().id_token)['alg']), ('RS256', 'RS256'))


@test('oidcc-idtoken-unsigned: who wants alg none is refused, and is not offered it')
def _(s):
    lacks(discovery(s)['id_token_signing_alg_values_supported'], 'none')
    refused(register(s, wanted(id_token_signed_response_alg='none')))
    equal(header_of(registered(s, id_token_signed_response_alg='ES256').log_in().id_token)['alg'], 'ES256')


@test('oidcc-userinfo-rs256: userinfo_signed_response_alg RS256: a JWT of userinfo, without nonce')
def _(s):
    contains(discovery(s)['userinfo_signing_alg_values_supported'], 'RS256')
    rp = registered(s, userinfo_signed_response_alg='RS256')
    made = rp.log_in()
    answer = userinfo(s, made.access_token)
    equal((answer.status, answer.header('content-type'), header_of(answer.text)['alg']), (200, 'application/jwt', 'RS256'))
    verify(s, answer.text)
    equal(claims_of(answer.text), {'sub': made.claims['sub'], 'iss': s.issuer, 'aud': rp.client.id})


@test('oidcc-ensure-redirect-uri-in-authorization-request: without redirect_uri there is the error page')
def _(s):
    rp = registered(s)
    contains(ids(expect_page_400(s.get(rp.request(redirect_uri=None)))), 'error')
    rp.log_in()


@test('oidcc-redirect-uri-query-OK: the query of a redirect_uri stays, and the answer comes behind it')
def _(s):
    rp = registered(s, redirect_uris=[CALLBACK + '?foo=bar'])
    back = s.new_browser().authorize(rp.request(), 'alice', s.users['alice']).location
    check(back.startswith(CALLBACK + '?foo=bar&'), back)
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))['code']
    rp.take(code)


@test('oidcc-redirect-uri-query-mismatch: another query than the registered one gets the error page')
def _(s):
    rp = registered(s, redirect_uris=[CALLBACK + '?foo=bar'])
    expect_page_400(s.get(rp.request(redirect_uri=CALLBACK + '?foo=baz')))


@test('oidcc-redirect-uri-query-added: so does a query that was not registered')
def _(s):
    rp = registered(s)
    expect_page_400(s.get(rp.request(redirect_uri=CALLBACK + '?foo=bar')))
    rp.log_in()


@test('oidcc-redirect-uri-regfrag: a redirect_uri with a fragment is not registered')
def _(s):
    refused(register(s, wanted(redirect_uris=[CALLBACK + '#foobar'])), 'invalid_redirect_uri')


def consent(s, rp):
    browser = s.new_browser()
    page = browser.login(browser.open(rp.request()), 'alice', s.users['alice'])
    check(page.page.form_with('decision'), repr(page))
    return page


@test('oidcc-registration-logo-uri: a logo is kept, and no picture of strangers is loaded')
def _(s):
    rp = registered(s, logo_uri='https://dyn.test/logo.png')
    equal(rp.client.metadata['logo_uri'], 'https://dyn.test/logo.png')
    equal([attributes for tag, attributes in consent(s, rp).page.elements if tag == 'img'], [])
    rp.log_in()


@test('oidcc-registration-policy-uri: a link to the policy is where people are asked')
def _(s):
    contains(consent(s, registered(s, policy_uri='https://dyn.test/policy')).page.links, 'https://dyn.test/policy')


@test('oidcc-registration-tos-uri: a link to the terms is where people are asked')
def _(s):
    contains(consent(s, registered(s, tos_uri='https://dyn.test/terms')).page.links, 'https://dyn.test/terms')


@test('oidcc-registration-jwks-uri: a client is known by the keys at its jwks_uri')
def _(s):
    with site(document(public_keys(('first', KEY)))) as there:
        rp = registered(s, jwks=None, jwks_uri=there.uri('/jwks'))
        rp.userinfo(rp.log_in())
        equal([question.target for question in there.questions][:1], ['/jwks'])
        stranger = rp.client.assertion(s, key=NEXT)
        expect_client_refused(s.form('/token', {'grant_type': 'authorization_code', 'code': 'x', 'client_assertion_type':
                                                'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'client_assertion': stranger}))


@test('oidcc-refresh-token-rp-key-rotation: a key that is new at the jwks_uri is found by its kid')
def _(s):
    with site(document(public_keys(('first', KEY)))) as there:
        rp = registered(s, jwks=None, jwks_uri=there.uri('/jwks'), grant_types=['authorization_code', 'refresh_token'], scope='openid offline_access')
        made = rp.log_in(scope='openid offline_access', prompt='consent')
        there.answer = document(public_keys(('second', NEXT)))
        rp.client.key, rp.client.kid = NEXT, 'second'
        s.advance(60)
        answer = rp.refresh(made.refresh_token)
        equal(answer.status, 200, repr(answer.body))
        rp.check_id_token(answer.json()['id_token'], None, answer.json()['access_token'])
        rp.client.key, rp.client.kid = KEY, 'first'
        s.advance(3600)
        expect_client_refused(rp.refresh(answer.json()['refresh_token']))


@test('oidcc-registration-sector-uri: who names a sector that lists its redirect_uris is registered')
def _(s):
    with site(document([CALLBACK, 'https://dyn.test/other'])) as there:
        rp = registered(s, subject_type='pairwise', sector_identifier_uri=there.uri('/redirect_uris.json', SECTOR))
        made = rp.log_in()
        check(made.claims['sub'] != claims_of(login(s)['id_token'])['sub'], 'sub is not pairwise')
        equal(rp.userinfo(made)['sub'], made.claims['sub'])


@test('oidcc-registration-sector-bad: a sector that does not list them is invalid_client_metadata')
def _(s):
    with site(document(['https://other.test/cb'])) as there:
        refused(register(s, wanted(subject_type='pairwise', sector_identifier_uri=there.uri('/redirect_uris.json', SECTOR))))
        there.answer = document([CALLBACK])
        registered(s, subject_type='pairwise', sector_identifier_uri=there.uri('/redirect_uris.json', SECTOR))


@test('oidcc-server-rotate-keys: another key is there, the old one still, and relying parties go on with what they know')
def _(s):
    if not administrator.is_here():
        skip('the command was not built')
    rp, told, browser = RelyingParty(s, pkce=True), RelyingParty(s, s.told, pkce=True), s.new_browser()
    before, first, theirs = key_set(s), rp.log_in(browser), told.log_in(browser)
    for _ in range(2):
        known = key_set(s)
        check(administrator.rotate_keys(s), 'no new key for each algorithm')
        made = rp.take(rp.ask_only(browser, prompt='none')['code'])
        # Who keeps the key set for as long as it may be kept knows the next key already.
        verify_with_keys(known, made.id_token)
        verify(s, first.id_token)
        equal(userinfo(s, first.access_token).status, 200)
        verify(s, userinfo(s, theirs.access_token).text)
        equal(rp.refresh(made.refresh_token).status, 200)
    kids = [key['kid'] for key in key_set(s)]
    contains(kids, header_of(first.id_token)['kid'])
    lacks([key['kid'] for key in before], header_of(made.id_token)['kid'])
    s.restart()
    equal([key['kid'] for key in key_set(s)], kids)
    verify(s, first.id_token)
    equal(rp.take(rp.ask_only(browser, prompt='none')['code']).claims['sid'], first.claims['sid'])


def fetched_request(s, rp, there, request_object, **metadata):
    there.answer = (200, 'application/oauth-authz-req+jwt', request_object)
    equal(rp.ask_only(s.new_browser(), request_uri=there.uri('/request.jwt'))['error'], 'request_uri_not_supported')
    equal(there.connects, 0)


@test('oidcc-request-uri-unsigned: request_uri is refused by its name, and nothing is fetched')
def _(s):
    rp = registered(s)
    with site() as there:
        said = dict(client_id=rp.client.id, response_type='code', redirect_uri=CALLBACK, scope='openid')
        fetched_request(s, rp, there, '%s.%s.' % (b64url(json.dumps({'alg': 'none'})), b64url(json.dumps(said))))
    rp.log_in()


@test('oidcc-request-uri-signed-rs256: so it is for one that is signed')
def _(s):
    rp = registered(s)
    with site() as there:
        said = dict(iss=rp.client.id, aud=s.issuer, client_id=rp.client.id, response_type='code', redirect_uri=CALLBACK, scope='openid')
        fetched_request(s, rp, there, rp.client.sign(said, {'typ': 'oauth-authz-req+jwt', 'kid': 'first'}))
    rp.log_in()


@test('oidcc-ensure-request-object-with-redirect-uri: of two redirect_uri that in the signed request object counts')
def _(s):
    rp = registered(s)
    signed = rp.client.request_object(s, {'kid': 'first'}, code_challenge=None, code_challenge_method=None, **query_of(rp.request()))
    wrong = s.authorization_url(rp.client, redirect_uri='https://wrong.test/cb', scope='openid', request=signed)
    rp.take(rp.heard(s.new_browser().authorize(wrong, 'alice', s.users['alice']))['code'])


@test('oidcc-refresh-token: a refresh goes on from the login; another client is told invalid_grant')
def _(s):
    grants = dict(grant_types=['authorization_code', 'refresh_token'], scope='openid offline_access')
    rp, other = registered(s, **grants), registered(s, **grants)
    made = rp.log_in(scope='openid offline_access', prompt='consent')
    answer = rp.refresh(made.refresh_token).json()
    claims = rp.check_id_token(answer['id_token'], None, answer['access_token'])
    equal([claims[name] for name in ('sub', 'auth_time', 'sid')], [made.claims[name] for name in ('sub', 'auth_time', 'sid')])
    expect_error(other.refresh(answer['refresh_token']), 'invalid_grant')
    equal(rp.refresh(answer['refresh_token']).status, 200)


@test('oidcc-ensure-client-assertion-with-iss-aud-succeeds: the issuer is the audience of an assertion')
def _(s):
    rp = registered(s)
    code = rp.ask(s.new_browser())['code']
    equal(claims_of(rp.client.assertion(s))['aud'], s.issuer)
    rp.take(code)


if __name__ == '__main__':
    main(service)
