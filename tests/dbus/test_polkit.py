#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what on the system bus: every method, asked as somebody without rights, with a polkit whose
answers the test decides (threats.md J01–J05, G11)."""

import re

import message_bus
from message_bus import DENIED, MANAGER, NAME, PATH, Polkit, Stranger, call, introspect, sample_arguments
from controlled import Controlled
from gi.repository import GLib
import tap
from tap import check, contains, equal, lacks, main, test

READ, CLIENTS, USERS, REVOKE, KEYS, AGENT, BACKUP, RELOAD, FOLLOW = (
    'read manage-clients manage-users revoke manage-keys register-agent backup reload follow-denylist'.split())

# Which action polkit is asked about; a method that is not here fails the test.
ACTIONS = {
    'Manager': dict(
        RegisterClient=CLIENTS, ListClients=READ, GetClient=READ, CreateInitialAccessToken=CLIENTS, ListInitialAccessTokens=READ,
        RevokeInitialAccessToken=CLIENTS, AddUser=USERS, ListUsers=READ, GetUser=READ,
        SetUserClaims=USERS, SetUserPassword=USERS, SetUserDisabled=USERS, RemoveUser=USERS, ListGrants=READ, ListSessions=READ, EndSession=REVOKE, RevokeToken=REVOKE,
        RevokeJti=REVOKE, RevokeGrant=REVOKE, RevokeSubject=REVOKE, RevokeClient=REVOKE, Introspect=READ,
        RegisterAgent=AGENT, UnregisterAgent=AGENT, Backup=BACKUP, Purge=BACKUP, Export=BACKUP,
        Import=BACKUP, Reload=RELOAD),
    'Client': dict(GetRegistration=READ, Update=CLIENTS, SetDisabled=CLIENTS, RotateSecret=CLIENTS, Remove=CLIENTS),
    'KeyRing': dict(Rotate=KEYS),
    'Key': dict(Retire=KEYS, Revoke=KEYS),
    'DenyList': dict(Changes=READ, OpenShared=FOLLOW),
}


class Methods:
    """(where, Gio.DBusMethodInfo, word of the action) of everything that can be called."""

    def __init__(self, service):
        self.all = []
        found = introspect(service.peer)
        path = service.control('GetClient', GLib.Variant('(s)', ('c1',)))[0]
        found.update(introspect(service.peer, path))
        for path, interfaces in found.items():
            for interface in interfaces:
                for method in interface.methods:
                    self.all.append(((path, interface.name), method))

    def action(self, where, method):
        interface = where[1].rsplit('.', 1)[1]
        check(method.name in ACTIONS.get(interface, {}), 'this test does not know %s.%s' % (interface, method.name))
        return ACTIONS[interface][method.name]


@test('all methods are known here, and each interface is there')
def _(service):
    methods = Methods(service)
    for where, method in methods.all:
        methods.action(where, method)
    equal({where[1].rsplit('.', 1)[1] for where, _ in methods.all}, set(ACTIONS), 'interfaces')
    check(len(methods.all) >= 30, 'only %d methods' % len(methods.all))


@test('without polkit nobody but root and the service itself may call any method, and nothing changes')
def _(service):
    before = service.digest()
    methods = Methods(service).all
    with Stranger(service.bus) as stranger:
        for where, method in methods:
            answer = stranger.call(where, method.name, sample_arguments(method), interactive=True)
            equal(answer.get('error'), DENIED, '%s.%s: %r' % (where[1], method.name, answer))
    equal(service.digest(), before)
    print('# %d methods' % len(methods))


@test('polkit is asked about the caller, by the action of the method, and its no is obeyed')
def _(service):
    before = service.digest()
    methods = Methods(service)
    polkit = Polkit(service.bus)
    try:
        with Stranger(service.bus) as stranger:
            for where, method in methods.all:
                asked = len(polkit.asked)
                answer = stranger.call(where, method.name, sample_arguments(method))
                equal(answer.get('error'), DENIED, '%s.%s: %r' % (where[1], method.name, answer))
                word = methods.action(where, method)
                if word is None or (len(polkit.asked) == asked and message_bus.refused(
                        call, service.peer, where, method.name, sample_arguments(method)) == DENIED):
                    continue  # not offered to anybody
                equal([entry[:3] for entry in polkit.asked[asked:]], [(NAME + '.' + word, stranger.name, 0)], method.name)
    finally:
        polkit.stop()
    equal(service.digest(), before)


@test('who may do one thing may do that, and nothing else')
def _(service):
    methods = Methods(service)
    for word in (READ, CLIENTS, USERS, REVOKE, KEYS, AGENT, RELOAD):
        polkit = Polkit(service.bus, lambda action, caller, flags: action == NAME + '.' + word)
        try:
            with Stranger(service.bus) as stranger:
                for where, method in methods.all:
                    own = methods.action(where, method)
                    if own == word and word != READ:
                        continue  # it would change something
                    answer = stranger.call(where, method.name, sample_arguments(method))
                    if own == word:
                        check(answer.get('error') != DENIED, '%s with %s: %r' % (method.name, word, answer))
                    else:
                        equal(answer.get('error'), DENIED, '%s with %s' % (method.name, word))
        finally:
            polkit.stop()


@test('the actions that polkit is asked about are those of the policy file')
def _(service):
    with open(message_bus.ROOT + '/data/polkit/org.tessera.Tessera1.policy', encoding='utf-8') as file:
        declared = set(re.findall(r'<action id="([^"]+)"', file.read()))
    asked = {NAME + '.' + word for methods in ACTIONS.values() for word in methods.values()}
    equal(declared, asked)


@test('a person is asked for a password only when the caller says so')
def _(service):
    polkit = Polkit(service.bus)
    try:
        with Stranger(service.bus) as stranger:
            stranger.call(MANAGER, 'Reload', interactive=True)
            stranger.call(MANAGER, 'Reload')
        equal([flags for _, _, flags, _ in polkit.asked], [1, 0])
    finally:
        polkit.stop()


@test('an error of polkit is a refusal')
def _(service):
    before = service.digest()
    polkit = Polkit(service.bus, lambda action, caller, flags: RuntimeError('polkit is ill'))
    try:
        with Stranger(service.bus) as stranger:
            answer = stranger.call(MANAGER, 'RevokeSubject', GLib.Variant('(s)', ('alice',)))
            equal(answer.get('error'), DENIED)
            lacks(answer.get('text', ''), 'ill', 'what the stranger hears')
    finally:
        polkit.stop()
    equal(service.digest(), before)


@test('a polkit that goes away during the question is a refusal')
def _(service):
    before = service.digest()
    polkit = Polkit(service.bus, lambda action, caller, flags: None)
    with Stranger(service.bus) as stranger:
        stranger.begin(MANAGER, 'RevokeSubject', GLib.Variant('(s)', ('alice',)))
        polkit.wait_for(lambda it: it.asked, 'the question')
        polkit.stop()
        equal(stranger.finish().get('error'), DENIED)
    equal(service.digest(), before)


@test('a caller that disconnects during the question is refused, and polkit need not ask on')
def _(service):
    before = service.digest()
    polkit = Polkit(service.bus, lambda action, caller, flags: None)
    polkit.stubborn = True
    try:
        stranger = Stranger(service.bus)
        stranger.begin(MANAGER, 'RevokeSubject', GLib.Variant('(s)', ('alice',)))
        polkit.wait_for(lambda it: it.asked, 'the question')
        stranger.kill()
        polkit.wait_for(lambda it: it.cancelled, 'that the question is taken back')
        equal(polkit.cancelled, [polkit.asked[0][3]])
        polkit.release(True)  # too late, whatever it says
        equal(service.digest(), before)
        name = stranger.name.encode()
        tap.until(lambda: any(b'Manager.RevokeSubject' in line and name in line for line in service.log.splitlines()),
                  'a word about it')
    finally:
        polkit.stop()
    equal(service.digest(), before)


@test('what is done is what was asked about, in whatever order the answers come')
def _(service):
    polkit = Polkit(service.bus, lambda action, caller, flags: None)
    try:
        with Stranger(service.bus) as one, Stranger(service.bus) as other:
            for stranger, name in ((one, 'one'), (other, 'other')):
                seen = len(polkit.asked)
                stranger.begin(MANAGER, 'RegisterClient', GLib.Variant.parse(
                    None, '({"client_name": <"The client %s">, "grant_types": <["client_credentials"]>, "scope": <"a">},)' % name, None, None))
                polkit.wait_for(lambda it: len(it.asked) > seen, 'the question of ' + name)
            polkit.release(True, 1)
            check('reply' in (answer := other.finish()), repr(answer))
            polkit.release(False, 0)
            equal(one.finish().get('error'), DENIED)
    finally:
        polkit.stop()
    names = str(service.control('ListClients', GLib.Variant('(su)', ('', 1000))))
    contains(names, 'The client other')
    lacks(names, 'The client one')


@test('a sender that a stranger writes into a message is not believed')
def _(service):
    before = service.digest()
    root = service.bus.connect()
    try:
        call(root, MANAGER, 'ListClients', GLib.Variant('(su)', ('', 1)))
        with Stranger(service.bus) as stranger:
            for sender in (root.get_unique_name(), NAME, 'org.freedesktop.DBus', message_bus.POLKIT):
                answer = stranger.call(MANAGER, 'RevokeSubject', GLib.Variant('(s)', ('alice',)), sender=sender)
                check(answer.get('error') in (DENIED, 'org.freedesktop.DBus.Error.InvalidArgs'), repr(answer))
    finally:
        root.close_sync(None)
    equal(service.digest(), before)


@test('no property can be written, and no object appears by asking for it')
def _(service):
    before = service.digest()
    properties = 'org.freedesktop.DBus.Properties'
    with Stranger(service.bus) as stranger:
        for path, interface, name in ((MANAGER[0], MANAGER[1], 'Issuer'), (PATH + '/denylist', NAME + '.DenyList', 'Cursor')):
            answer = stranger.call((path, properties), 'Set', GLib.Variant('(ssv)', (interface, name, GLib.Variant('s', 'x'))))
            check('error' in answer, repr(answer))
        for path in (PATH + '/keyring/nobody', PATH + '/nothing', '/', PATH + '/manager/below'):
            check('error' in stranger.call((path, NAME + '.Key'), 'Revoke'), path)
    equal(service.digest(), before)


@test('the policy of the bus lets nobody take the name')
def _(service):
    with Stranger(service.bus) as stranger:
        answer = stranger.call(('/org/freedesktop/DBus', 'org.freedesktop.DBus'), 'RequestName', GLib.Variant('(su)', (NAME, 4)), to='org.freedesktop.DBus')
        equal(answer.get('error'), DENIED)


if __name__ == '__main__':
    main(Controlled)
