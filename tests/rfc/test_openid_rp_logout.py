#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's plan for RP-initiated logout: what test_openid_logout.py does not show already."""

import json
import secrets
import urllib.parse

import rfc_path  # noqa: F401
from openid_fixture import MUST_ASK, OPENID, RelyingParty, discovery, ids, userinfo
from tap import check, contains, equal, main, one_of, test
from tessera_fixture import GRANTS, Client, Service, b64url, default_clients, expect_error, expect_page_400, parameters_of

OUT = 'https://rp.test/out'


def clients():
    return default_clients() + [Client('rp', redirect_uri='https://rp.test/cb', scope=OPENID, grant_types=GRANTS, require_pkce='false', post_logout_redirect_uris=OUT + ';')]


def end_session(s, **parameters):
    return discovery(s)['end_session_endpoint'] + '?' + urllib.parse.urlencode(parameters)


@test('oidcc-rp-initiated-logout-discovery-endpoint-verification: end_session_endpoint is there, and https for an https issuer')
def _(s):
    check(discovery(s)['end_session_endpoint'].startswith(s.issuer + '/'), 'end_session_endpoint')
    other = Service(issuer='https://as.test', clients=clients())
    try:
        other.start()
        equal(discovery(other)['end_session_endpoint'], 'https://as.test/logout')
    finally:
        other.stop()


@test('oidcc-rp-initiated-logout: back to the address with a long state, nobody is signed in, and the tokens are over')
def _(s):
    rp, browser = RelyingParty(s), s.new_browser()
    made = rp.log_in(browser)
    state = secrets.token_urlsafe(96)
    equal(len(state), 128)
    back = browser.open(end_session(s, id_token_hint=made.id_token, post_logout_redirect_uri=OUT, state=state))
    equal((back.location.partition('?')[0], parameters_of(back.location)), (OUT, {'state': state}))
    one_of(rp.ask_only(browser, prompt='none')['error'], MUST_ASK)
    equal(userinfo(s, made.access_token).status, 401)
    expect_error(rp.refresh(made.refresh_token), 'invalid_grant')


@test('oidcc-rp-initiated-logout-modified-id-token-hint: one rewritten to alg none gets a page, and ends nothing')
def _(s):
    rp, browser = RelyingParty(s), s.new_browser()
    made = rp.log_in(browser)
    head, claims, signature = made.id_token.split('.')
    for header in ({'alg': 'none'}, {'alg': 'none', 'typ': 'JWT'}, {'alg': 'None'}):
        for end in ('', signature):
            unsigned = '.'.join((b64url(json.dumps(header)), claims, end))
            page = expect_page_400(browser.get(end_session(s, id_token_hint=unsigned, post_logout_redirect_uri=OUT, state='x')))
            contains(ids(page), 'error')
    contains(rp.ask_only(browser, prompt='none'), 'code')
    equal(browser.get(end_session(s, id_token_hint=made.id_token, post_logout_redirect_uri=OUT, state='x')).location, OUT + '?state=x')


if __name__ == '__main__':
    main(lambda: Service(clients=clients()))
