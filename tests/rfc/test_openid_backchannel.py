#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's plan for back-channel logout: a relying party is told by the service itself that a person
signed out. Environment: TESSERA_OUTBOUND, the program that asks other machines."""

import secrets
import tempfile
import urllib.parse

import rfc_path  # noqa: F401
from elsewhere import Authority, Site, section
from openid_fixture import MUST_ASK, OPENID, RelyingParty, discovery, verify
from tap import check, equal, lacks, main, one_of, test
from tessera_fixture import GRANTS, Client, Service, claims_of, default_clients, header_of, parameters_of

OUT = 'https://rp.test/out'
EVENT = 'http://schemas.openid.net/event/backchannel-logout'
folder = tempfile.TemporaryDirectory(prefix='tessera-backchannel-')
authority = Authority(folder.name)
place = Site(authority, (200, None, b''))


def clients():
    keys = dict(scope=OPENID, grant_types=GRANTS, require_pkce='false', post_logout_redirect_uris=OUT + ';')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', backchannel_logout_uri=place.uri('/backchannel_logout'), backchannel_logout_session_required='true', **keys),
    ]


@test('oidcc-backchannel-logout-discovery-endpoint-verification: it is told that logout tokens come, with sid; without a way out it is not')
def _(s):
    known = discovery(s)
    equal((known['backchannel_logout_supported'], known['backchannel_logout_session_supported']), (True, True))
    equal(known['end_session_endpoint'], s.issuer + '/logout')
    other = Service(clients=default_clients())
    try:
        other.start()
        check(not discovery(other).get('backchannel_logout_supported'), 'offered without a way out')
    finally:
        other.stop()


@test('oidcc-backchannel-rp-initiated-logout: a logout token comes by POST, with sub and sid of the ID token, the browser goes back, nobody is signed in')
def _(s):
    rp, browser = RelyingParty(s), s.new_browser()
    made = rp.log_in(browser)
    state = secrets.token_urlsafe(96)
    question = dict(id_token_hint=made.id_token, post_logout_redirect_uri=OUT, state=state)
    back = browser.open(discovery(s)['end_session_endpoint'] + '?' + urllib.parse.urlencode(question))
    equal((back.location.partition('?')[0], parameters_of(back.location)), (OUT, {'state': state}))
    said = [one for one in place.wait_for(1) if one.target == '/backchannel_logout'][-1]
    equal((said.method, said.headers['content-type'], list(said.form)), ('POST', 'application/x-www-form-urlencoded', ['logout_token']))
    check_logout_token(s, said.form['logout_token'], rp, made)
    one_of(rp.ask_only(browser, prompt='none')['error'], MUST_ASK)


def check_logout_token(s, token, rp, made):
    """Back-Channel Logout 2.4, 2.6."""
    verify(s, token)
    header, claims = header_of(token), claims_of(token)
    equal(header['alg'], rp.client.keys.get('id_token_signed_response_alg', 'RS256'))
    equal(header['typ'], 'logout+jwt')
    equal((claims['iss'], claims['aud'], claims['sub'], claims['sid']), (s.issuer, rp.client.id, made.claims['sub'], made.claims['sid']))
    equal(claims['events'], {EVENT: {}})
    check(abs(claims['iat'] - s.now()) < 60 and claims['iat'] < claims['exp'] <= claims['iat'] + 300, 'times: %r' % claims)
    check(claims['jti'], 'jti')
    lacks(claims, 'nonce')


if __name__ == '__main__':
    main(lambda: Service(clients=clients(), sections=section(authority)))
