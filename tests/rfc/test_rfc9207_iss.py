#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The issuer in the authorization response: RFC 9207."""

import rfc_path  # noqa: F401
from tap import check, equal, lacks, main, test
from tessera_fixture import Service, expect_page_400, expect_redirect_error


@test('rfc9207/2 iss comes with the code and is the issuer of the metadata')
def _(s):
    answer = s.approve()
    check('code' in answer, repr(answer))
    equal(answer['iss'], s.get('/.well-known/oauth-authorization-server').json()['issuer'])


@test('rfc9207/2 iss comes with each error that goes to the client')
def _(s):
    for changes, error in (({'scope': 'zzz'}, 'invalid_scope'), ({'response_type': 'token'}, 'unsupported_response_type'), ({'prompt': 'none'}, 'login_required'),
                           ({'code_challenge': None}, 'invalid_request'), ({'resource': 'https://unknown.test/'}, 'invalid_target')):
        expect_redirect_error(s, s.az(**changes), error)
    equal(s.approve(s.m1, scope='b', decision='deny')['iss'], s.issuer)


@test('rfc9207/2 iss of the request is not reflected')
def _(s):
    equal(s.approve(iss='https://evil.test')['iss'], s.issuer)


@test('rfc9207/3 the metadata says that iss is sent')
def _(s):
    equal(s.get('/.well-known/oauth-authorization-server').json()['authorization_response_iss_parameter_supported'], True)


@test('rfc9207/2 without a redirect there is no iss to send')
def _(s):
    lacks(expect_page_400(s.az(client_id='nobody')).text, 'iss=')


if __name__ == '__main__':
    main(Service)
