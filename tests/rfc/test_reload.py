#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What leaves the configuration, or changes in it, loses its tokens: by a reload, and while the service was
down. What stays keeps them."""

import os
import secrets

import rfc_path  # noqa: F401
from tap import check, equal, main, test
from tessera_fixture import (Client, Service, claims_of, expect_client_refused, expect_error, expect_page_400, expect_proceeds, expect_redirect_error,
                             write_private)


def secret_files(s, client, *contents):
    """Writes the secrets and returns the value of client_secret_file."""
    paths = []
    for number, content in enumerate(contents):
        path = os.path.join(s.directory, 'rotating-%s-%d' % (client.id, number))
        write_private(path, content)
        paths.append(path)
    return ';'.join(paths) + ';'


class Rotating(Client):
    """A client with several secrets at a time."""

    def __init__(self, client_id, **keys):
        super().__init__(client_id, **keys)
        self.files = None

    def configuration(self, directory):
        text = super().configuration(directory)
        if self.files:
            lines = [line for line in text.splitlines() if not line.startswith('client_secret_file=')]
            text = '\n'.join(lines + ['client_secret_file=' + self.files]) + '\n'
        return text


def renew(s, how):
    """The new configuration comes into force."""
    if how == 'reload':
        s.reload()
    else:
        equal(s.terminate(), 0, 'exit status')
        s.start()


def is_live(s, tokens, client):
    return s.is_active(tokens['access_token']) and s.refresh(tokens['refresh_token'], client).status == 200


@test('reload a client or user that leaves loses its tokens, whether the service ran or not')
def _(s):
    for how in ('reload', 'restart'):
        mine, other = s.tokens(s.c2, 'bob'), s.tokens(s.c1, 'alice')
        hers = s.tokens(s.c1, 'eve')
        kept_client, kept_password = s.clients.pop('c2'), s.users.pop('eve')
        renew(s, how)
        check(not s.is_active(mine['access_token']), '%s: the token of the client lives' % how)
        expect_client_refused(s.refresh(mine['refresh_token'], kept_client))
        expect_page_400(s.az(kept_client))
        check(not s.is_active(hers['access_token']), '%s: the token of the user lives' % how)
        expect_error(s.refresh(hers['refresh_token']), 'invalid_grant')
        check(is_live(s, other, s.c1), '%s: a bystander died' % how)
        s.clients['c2'], s.users['eve'] = kept_client, kept_password
        renew(s, how)
        check(not s.is_active(mine['access_token']), '%s: risen with its client' % how)
        expect_error(s.refresh(mine['refresh_token'], kept_client), 'invalid_grant')
        check(not s.is_active(hers['access_token']), '%s: risen with its user' % how)
        s.forget_browsers()
        check(is_live(s, s.tokens(s.c2, 'eve'), s.c2), '%s: new tokens are dead' % how)


@test('reload a secret can be exchanged while tokens live, by having two for a time')
def _(s):
    client = Rotating('rot', redirect_uri='https://rot.test/cb', scope='a', grant_types='authorization_code;refresh_token;client_credentials;')
    old, new = client.secret, 'sec-canary-' + secrets.token_urlsafe(32)
    s.clients['rot'] = client
    s.reload()
    tokens = s.tokens(client)
    client.files = secret_files(s, client, old, new)
    s.reload()
    equal(s.client_credentials(client).status, 200, 'the old secret')
    client.secret = new
    equal(s.client_credentials(client).status, 200, 'the new secret')
    check(is_live(s, tokens, client), 'tokens died of a second secret')
    client.files = secret_files(s, client, new)
    s.reload()
    tokens = s.tokens(client)
    equal(s.client_credentials(client).status, 200, 'the new secret alone')
    client.secret = old
    expect_client_refused(s.client_credentials(client))
    client.secret = new
    check(is_live(s, tokens, client), 'dead')
    del s.clients['rot']
    s.reload()


@test('reload a client whose secret is exchanged at one stroke loses its tokens')
def _(s):
    client = s.c2
    tokens = s.tokens(client)
    old = client.secret
    client.secret = 'sec-canary-' + secrets.token_urlsafe(32)
    s.reload()
    equal(s.client_credentials(client).status, 200, 'the new secret')
    check(not s.is_active(tokens['access_token']), 'the access token lives')
    expect_error(s.refresh(tokens['refresh_token'], client), 'invalid_grant')
    client.secret, new = old, client.secret
    expect_client_refused(s.client_credentials(client))
    client.secret = new


@test('reload a client that may do less loses its tokens; another name takes nothing')
def _(s):
    tokens = s.tokens(s.c2, scope='a b')
    s.c2.keys['client_name'] = 'Another name'
    s.reload()
    check(s.is_active(tokens['access_token']), 'died of a name')
    s.c2.keys['scope'] = 'a'
    s.reload()
    check(not s.is_active(tokens['access_token']), 'scope b lives on')
    expect_error(s.refresh(tokens['refresh_token'], s.c2), 'invalid_grant')
    expect_redirect_error(s, s.az(s.c2, scope='a b'), 'invalid_scope', s.c2.redirect_uri)
    s.c2.keys['scope'] = 'a b'
    s.reload()
    expect_proceeds(s, s.az(s.c2, scope='a b'))


@test('reload a configuration with a mistake changes nothing and is told of')
def _(s):
    token = s.machine_token()
    before = len(s.log)
    s.clients['broken'] = Client('broken', method='none', redirect_uri='javascript:alert(1)', scope='a', grant_types='authorization_code;')
    kept = s.clients.pop('c2')
    s.reload()
    check(s.is_active(token), 'the token died')
    s.clients['c2'] = kept
    equal(s.client_credentials(s.c2).status, 200, 'a client was removed by a configuration that is not in force')
    s.sync_log()
    check(b'broken' in bytes(s.log[before:]), 'the log does not name the client')
    del s.clients['broken']
    s.reload()
    equal(s.client_credentials(s.c2).status, 200)


@test('reload a login that was open while its client changed does not go on')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url(s.c2))
    s.c2.keys['redirect_uris'] = 'https://c2.test/elsewhere;'
    s.reload()
    answer = browser.submit(page, page.page.form_with('password'), username='alice', password=s.users['alice'])
    check(not (answer.location or '').startswith('https://c2.test/cb'), 'a code for an address that is no longer registered: %r' % answer)
    if answer.status == 200 and answer.page.form_with('decision'):
        answer = browser.decide(answer, 'allow')
        check('code=' not in (answer.location or ''), repr(answer))
    del s.c2.keys['redirect_uris']
    s.reload()
    expect_proceeds(s, s.az(s.c2))


@test('reload new clients and users are there at once')
def _(s):
    s.clients['fresh'] = Client('fresh', redirect_uri='https://fresh.test/cb', scope='a', grant_types='authorization_code;refresh_token;client_credentials;')
    s.users['dora'] = 'dora-canary-Pw4'
    s.reload()
    tokens = s.tokens(s.fresh, 'dora')
    equal(claims_of(tokens['access_token'])['sub'], 'dora')
    check(is_live(s, tokens, s.fresh), 'dead')
    s.restart()
    check(s.is_active(tokens['access_token']), 'died by a restart without a change')


if __name__ == '__main__':
    main(Service)
