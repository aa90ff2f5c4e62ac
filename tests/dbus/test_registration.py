#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Over D-Bus: who may register clients, and the clients that registered themselves."""

from controlled import Controlled
from gi.repository import GLib
from message_bus import NAME, Refused
from registrar import ENABLED, Registered, expect_bad_token, register, registered
from tap import check, contains, equal, lacks, main, test

WEEK = 7 * 86400


def service():
    return Controlled(endpoints=ENABLED, sections='[registration]\nrate=100000\n')


def create(s, **options):
    values = {name: GLib.Variant(kind, value) for name, (kind, value) in options.items()}
    return s.control('CreateInitialAccessToken', GLib.Variant('(a{sv})', (values,)))


def listed(s, after='', limit=1000):
    return s.control('ListInitialAccessTokens', GLib.Variant('(su)', (after, limit)))[0]


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except Refused as error:
        return error
    raise AssertionError('it was taken')


def client_call(s, client, method, parameters=None):
    path = s.control('GetClient', GLib.Variant('(s)', (client.id,)))[0]
    return s.control(method, parameters, (path, NAME + '.Client'))


@test('an initial access token is made, listed without its secret, used and revoked')
def _(s):
    identifier, token = create(s, note=('s', 'wiki'), lifetime=('u', 3600), max_uses=('u', 2))
    entry = next(entry for entry in listed(s) if entry['id'] == identifier)
    equal((entry['note'], entry['max_uses'], entry['uses']), ('wiki', 2, 0))
    equal(entry['expires_at'] - entry['created_at'], 3600)
    lacks(repr(listed(s)), token)
    equal(register(s, token=token).status, 201)
    equal(next(entry for entry in listed(s) if entry['id'] == identifier)['uses'], 1)
    s.control('RevokeInitialAccessToken', GLib.Variant('(s)', (identifier,)))
    expect_bad_token(register(s, token=token))
    refusal(s.control, 'RevokeInitialAccessToken', GLib.Variant('(s)', (identifier,)))


@test('without options it is good for a week, and for one client')
def _(s):
    identifier, _ = create(s)
    entry = next(entry for entry in listed(s) if entry['id'] == identifier)
    equal((entry['expires_at'] - entry['created_at'], entry['max_uses'], entry['note']), (WEEK, 1, ''))


@test('options that are none, or of another type, are refused')
def _(s):
    before = len(listed(s))
    for options in (dict(color=('s', 'red')), dict(note=('u', 1)), dict(lifetime=('i', 60)), dict(lifetime=('u', 0)), dict(max_uses=('s', '1')), dict(note=('s', 'x' * 1000))):
        refusal(create, s, **options)
    equal(len(listed(s)), before)


@test('lists come in pages')
def _(s):
    made = sorted(create(s)[0] for _ in range(5))
    found, after = [], ''
    while True:
        page = [entry['id'] for entry in listed(s, after, 2)]
        if not page:
            break
        found += page
        after = page[-1]
    equal([name for name in found if name in made], made)
    equal(found, sorted(found))


@test('a client that registered itself is told from others, and can be changed and removed')
def _(s):
    client = registered(s, token=create(s)[1], contacts=['ann@dyn.test'], default_max_age=0)
    told = client_call(s, client, 'GetRegistration')[0]
    equal((told['dynamic'], told['client_name'], told['contacts'], told['default_max_age'], told['first_party']), (True, 'Dynamic Diary', ['ann@dyn.test'], 0, False))
    check(abs(told['registered_at'] - s.now()) < 60, told['registered_at'])
    lacks(told, 'origin')
    lacks(repr(told), client.token)
    # What was read can be sent back, changed; what it was registered with stays.
    client_call(s, client, 'Update', GLib.Variant('(a{sv})', ({'client_name': GLib.Variant('s', 'Ours'), 'redirect_uris': GLib.Variant('as', told['redirect_uris']),
                                                              'dynamic': GLib.Variant('b', False), 'registered_at': GLib.Variant('x', 1)},)))
    again = client_call(s, client, 'GetRegistration')[0]
    equal((again['dynamic'], again['registered_at'], again['client_name']), (True, told['registered_at'], 'Ours'))
    equal(client.read(s).json()['client_name'], 'Ours')
    refusal(client_call, s, client, 'Update', GLib.Variant('(a{sv})', ({'redirect_uris': GLib.Variant('as', told['redirect_uris']), 'first_party': GLib.Variant('b', True)},)))
    equal([entry['dynamic'] for entry in s.control('ListClients', GLib.Variant('(su)', ('', 1000)))[0] if entry['client_id'] in (client.id, 'c1')].count(True), 1)
    client_call(s, client, 'Remove')
    expect_bad_token(client.read(s))


if __name__ == '__main__':
    main(service)
