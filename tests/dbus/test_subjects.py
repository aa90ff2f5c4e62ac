#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Revoking people whom not every client calls the same (OpenID Connect Core sections 2 and 8)."""

from controlled import Controlled
from gi.repository import GLib
from message_bus import NAME, PATH, Refused
from tap import check, contains, equal, main, test
from tessera_fixture import GRANTS, R1, Client, claims_of, default_clients

STRANGE = 'jürgen'
PASSWORDS = {'alice': 'alice-canary-Pw1', 'bob': 'bob-canary-Pw2', STRANGE: 'jay-canary-Pw3'}


def clients():
    both = dict(scope='a openid profile', grant_types=GRANTS, first_party='true', resources=R1 + ';', audience=R1 + ';')
    pairwise = dict(both, subject_type='pairwise')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **both),
        Client('p1', redirect_uri='https://one.test/cb', **pairwise),
        Client('p2', redirect_uri='https://two.test/cb', **pairwise),
        Client('phone1', redirect_uri='http://[::1]/cb', **pairwise),
    ]


def login(s, client, username='alice', **changes):
    changes.setdefault('scope', 'openid')
    return s.tokens(client, username, **changes)


def userinfo(s, tokens):
    return s.get('/userinfo', {'Authorization': 'Bearer ' + tokens['access_token']})


def revoke(s, subject):
    s.control('RevokeSubject', GLib.Variant('(s)', (subject,)))


def revoked_by(s, names):
    """Tokens of all clients, which a revocation of each of @names ends at once, and nobody else's."""
    for name in names:
        own = {client: login(s, s.clients[client], STRANGE) for client in ('rp', 'p1', 'p2', 'phone1')}
        others = {client: login(s, s.clients[client], 'bob') for client in ('rp', 'p1')}
        revoke(s, name(own))
        denied = denied_subjects(s)
        for client, tokens in own.items():
            check(not s.is_active(tokens['access_token']), '%s is active' % client)
            equal(userinfo(s, tokens).status, 401, client)
            equal(s.refresh(tokens['refresh_token'], s.clients[client]).status, 400, client)
            # For those who read the deny-list and nothing else.
            contains(denied, claims_of(tokens['access_token'])['sub'], client)
        for client, tokens in others.items():
            check(s.is_active(tokens['access_token']), 'the token of bob at %s is not' % client)
        equal(s.browser(STRANGE).get(s.authorization_url(s.rp, prompt='none', scope='openid')).location.count('login_required'), 1, 'signed in')
        s.forget_browsers()
        check(s.is_active(login(s, s.p1, STRANGE)['access_token']), 'a token from after it')


def denied_subjects(s):
    entries = s.control('Changes', GLib.Variant('(tu)', (0, 1000)), (PATH + '/denylist', NAME + '.DenyList'))[0]
    return {value for _, kind, value, _ in entries if kind == 'subject'}


@test('E12 revoking a person by name ends what every client has, pairwise or not, at once')
def _(s):
    revoked_by(s, [lambda own: STRANGE])


@test('E12 revoking a person by any sub of theirs does the same')
def _(s):
    revoked_by(s, [lambda own, client=client: claims_of(own[client]['access_token'])['sub'] for client in ('rp', 'p1', 'phone1')])


@test('E12 a token that outlives its grant is refused, too: what its client calls the person is known as long')
def _(s):
    s.clients['brief'] = Client('brief', redirect_uri='https://brief.test/cb', scope='a openid', grant_types='authorization_code;refresh_token;',
                                first_party='true', subject_type='pairwise', refresh_token_lifetime='60', access_token_lifetime='600')
    s.reload()
    tokens = login(s, s.brief)
    s.advance(120)
    s.control('Purge')
    check(s.is_active(tokens['access_token']), 'it lives on')
    revoke(s, 'alice')
    check(not s.is_active(tokens['access_token']), 'active')
    s.forget_browsers()


@test('registrations say subject_type and sector_identifier_uri over D-Bus, and what cannot be is refused')
def _(s):
    def register(**members):
        members = dict(redirect_uris=GLib.Variant('as', ['https://a.test/cb', 'https://b.test/cb']), **members)
        return s.control('RegisterClient', GLib.Variant('(a{sv})', (members,)))[0]

    text = lambda value: GLib.Variant('s', value)  # noqa: E731
    client_id = register(subject_type=text('pairwise'), sector_identifier_uri=text('https://c.test/s'))
    path = s.control('GetClient', GLib.Variant('(s)', (client_id,)))[0]
    shown = s.control('GetRegistration', None, (path, NAME + '.Client'))[0]
    equal((shown['subject_type'], shown['sector_identifier_uri']), ('pairwise', 'https://c.test/s'))
    for members in (dict(subject_type=text('pairwise')), dict(subject_type=text('x'))):
        try:
            register(**members)
        except Refused as error:
            contains(error.name, 'InvalidClient')
        else:
            raise AssertionError('%r was taken' % members)


if __name__ == '__main__':
    main(lambda: Controlled(kind='none', clients=clients(), users=PASSWORDS))
