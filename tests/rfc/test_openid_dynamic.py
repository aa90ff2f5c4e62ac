#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's dynamic plan."""

import rfc_path  # noqa: F401
import administrator
from openid_fixture import OPENID, RelyingParty, key_set, userinfo, verify, verify_with_keys
from tap import check, contains, equal, lacks, main, skip, test
from tessera_fixture import GRANTS, Client, Service, default_clients, header_of


def clients():
    keys = dict(scope=OPENID, grant_types=GRANTS)
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **keys),
        Client('told', redirect_uri='https://told.test/cb', userinfo_signed_response_alg='PS256', **keys),
    ]


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


if __name__ == '__main__':
    main(lambda: Service(clients=clients()))
