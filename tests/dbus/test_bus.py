#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service on a bus that comes and goes, what it says there, and that it tells no secret."""

import json
import os
import re
import threading

import message_bus
import tap
from message_bus import MANAGER, NAME, PATH, Stranger, call, introspect
from controlled import Controlled
from gi.repository import Gio, GLib
from tap import check, contains, equal, lacks, main, test, until

PROPERTIES = 'org.freedesktop.DBus.Properties'
DENYLIST = (PATH + '/denylist', NAME + '.DenyList')


class Listener:
    """Every signal that comes on a connection of its own, as (path, interface, member, text)."""

    def __init__(self, connect):
        self.heard = []
        self._context = GLib.MainContext.new()
        self._loop = GLib.MainLoop.new(self._context, False)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(connect, ready), daemon=True)
        self._thread.start()
        check(ready.wait(20), 'the listener did not start')

    def _run(self, connect, ready):
        self._context.push_thread_default()
        self._connection = connect()
        for interface in (NAME + '.Manager', NAME + '.DenyList', PROPERTIES, 'org.freedesktop.DBus.ObjectManager'):
            self._connection.signal_subscribe(None, interface, None, None, None, Gio.DBusSignalFlags.NONE, self._on_signal)
        if self._connection.get_unique_name():
            self._connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetId', None, None, 0, -1, None)
        ready.set()
        self._loop.run()
        self._connection.close_sync(None)
        self._context.pop_thread_default()

    def _on_signal(self, connection, sender, path, interface, member, arguments):
        self.heard.append((path, interface, member, arguments.print_(False)))

    def wait_for(self, member):
        until(lambda: any(entry[2] == member for entry in self.heard), 'the signal ' + member)
        return [entry for entry in self.heard if entry[2] == member]

    def stop(self):
        self._loop.quit()
        self._thread.join(20)


def everything_said(connection, paths, destination=NAME):
    """Introspection and all properties of @paths, as one text."""
    said = []
    for path in paths:
        xml = call(connection, (path, 'org.freedesktop.DBus.Introspectable'), 'Introspect', destination=destination)[0]
        said.append(xml)
        for interface in re.findall(r'<interface name="(%s[^"]*)"' % re.escape(NAME), xml):
            said.append(json.dumps(call(connection, (path, PROPERTIES), 'GetAll', GLib.Variant('(s)', (interface,)), destination)))
    said.append(json.dumps(call(connection, (PATH, 'org.freedesktop.DBus.ObjectManager'), 'GetManagedObjects', None, destination)))
    return '\n'.join(said)


def secrets_of(service):
    found = {'password of ' + name: password for name, password in service.users.items()}
    for client in service.clients.values():
        if client.secret:
            found['secret of ' + client.id] = client.secret
    for kid, pem in service.signing_keys().items():
        found['key ' + kid] = pem.splitlines()[1]
    with open(service.users_file, encoding='utf-8') as file:
        for line in file:
            name, value = line.rstrip('\n').split(':', 1)
            found['hash of ' + name] = value
    return found


@test('no property, description or signal tells a secret, nor whom it is about')
def _(service):
    listeners = [Listener(service.bus.connect), Listener(lambda: message_bus.connect_peer(service.socket))]
    root = service.bus.connect()
    secrets = secrets_of(service)
    registered, secret = service.control('RegisterClient', GLib.Variant.parse(
        None, '({"client_name": <"Registered">, "grant_types": <["client_credentials"]>, "scope": <"a">},)', None, None))
    service.control('AddUser', GLib.Variant('(ss)', ('zoe', 'zoe-canary-Pw9')))
    secrets.update({'secret of the new client': secret, 'password of zoe': 'zoe-canary-Pw9'})
    tokens = service.tokens()
    code, _ = service.code()
    secrets.update({'access token': tokens['access_token'], 'refresh token': tokens['refresh_token'], 'code': code})
    secrets.update({'signature': tokens['access_token'].rsplit('.')[-1]})
    service.control('RevokeToken', GLib.Variant('(ss)', (tokens['access_token'], '')))
    service.control('RevokeSubject', GLib.Variant('(s)', ('alice',)))
    for listener in listeners:
        listener.wait_for('Revoked')
        listener.wait_for('Changed')

    client = service.control('GetClient', GLib.Variant('(s)', (registered,)))[0]
    paths = [*introspect(root), client]
    said = everything_said(root, paths) + everything_said(service.peer, paths)
    digest = service.digest()
    digest['client'] = service.control('GetRegistration', None, (client, NAME + '.Client'))
    answers = json.dumps(digest)
    signals = json.dumps([listener.heard for listener in listeners])
    for listener in listeners:
        listener.stop()
    root.close_sync(None)

    check('grant_types' in answers and 'zoe' in answers and 'Registered' in answers, 'the lists are there')
    for name, value in secrets.items():
        for where, text in (('properties', said), ('answers', answers), ('signals', signals), ('the log', service.log.decode('utf-8', 'replace'))):
            lacks(text, value, '%s in %s' % (name, where))
    for name in ('alice', 'zoe', registered, 'c1'):
        lacks(signals, name, 'signals')
        lacks(said, '"%s"' % name, 'properties')


@test('a signal says how far the deny-list is, and Changes gives what somebody missed')
def _(service):
    listener = Listener(service.bus.connect)
    since = service.control('Changes', GLib.Variant('(tu)', (0, 1)), DENYLIST)[1]
    before = service.control('Changes', GLib.Variant('(tu)', (0, 10000)), DENYLIST)[1]
    for number in range(20):
        service.control('RevokeSubject', GLib.Variant('(s)', ('subject-%d' % number,)))
    until(lambda: any('%d' % (before + 20) in entry[3] for entry in listener.heard if entry[2] == 'Changed'), 'the last generation')
    listener.stop()
    cursor, seen = before, []
    while True:  # a listener that heard none of the signals
        entries, cursor, reset = service.control('Changes', GLib.Variant('(tu)', (cursor, 7)), DENYLIST)
        if not entries:
            break
        seen += [entry[2] for entry in entries]
    equal(seen, ['subject-%d' % number for number in range(20)])
    check(since <= before, 'cursors grow')


@test('the service is ready before the bus is, and comes to it when it is there')
def _(service):
    service.terminate()
    service.bus.stop()
    os.unlink(os.path.join(service.bus.folder, 'socket'))
    waiting = super(Controlled, service).wait_ready
    since = len(service.log)
    service.start_again(wait=False)
    waiting()
    until(lambda: b'not on the system bus' in service.log[since:], 'a word about the bus')
    equal(service.get('/jwks').status, 200)
    check(service.control('ListClients', GLib.Variant('(su)', ('', 1))), 'the socket')
    service.bus.start()
    since = len(service.log)
    until(lambda: b'on the system bus as org.tessera' in service.log[since:], 'the bus')
    root = service.bus.connect()
    equal(call(root, MANAGER, 'RevokeSubject', GLib.Variant('(s)', ('alice',))), ())
    root.close_sync(None)


@test('a bus that ends takes nothing else with it, and the next one is joined')
def _(service):
    for _ in range(3):
        since = len(service.log)
        service.bus.stop()
        until(lambda: b'not on the system bus' in service.log[since:], 'a word about the loss')
        equal(service.get('/jwks').status, 200)
        service.bus.start()
        until(lambda: b'on the system bus as org.tessera.Tessera1\n' in service.log[since:], 'the next bus')
    root = service.bus.connect()
    equal(call(root, MANAGER, 'ListClients', GLib.Variant('(su)', ('', 1))).__class__, tuple)
    root.close_sync(None)


@test('a name that another program has is taken when that one goes')
def _(service):
    service.terminate()
    other = service.bus.connect()
    call(other, ('/org/freedesktop/DBus', 'org.freedesktop.DBus'), 'RequestName', GLib.Variant('(su)', (NAME, 4)), destination='org.freedesktop.DBus')
    waiting = super(Controlled, service).wait_ready
    since = len(service.log)
    service.start_again(wait=False)
    waiting()
    until(lambda: b'another program has the name' in service.log[since:], 'a word about the name')
    other.close_sync(None)
    until(lambda: b'on the system bus as' in service.log[since:], 'the name')


@test('Reload over the bus has the effect of SIGHUP, and who may not has none')
def _(service):
    root = service.bus.connect()
    since = len(service.log)
    with Stranger(service.bus) as stranger:
        stranger.call(MANAGER, 'Reload')
    lacks(service.log[since:], b'reloaded', 'the log')
    equal(call(root, MANAGER, 'Reload'), ())
    until(lambda: b'reloaded the configuration' in service.log[since:], 'a word about the reload')
    root.close_sync(None)


@test('a change of [dbus] needs a restart, and unknown words are refused')
def _(service):
    sections = service.sections
    try:
        service.sections = sections.replace('bus=system', 'bus=none')
        service.write_configuration()
        try:
            service.control('Reload')
            check(False, 'it was taken')
        except message_bus.Refused as error:
            contains(error.message, '[dbus]')
            contains(error.message, 'restart')
        service.sections = sections.replace('bus=system', 'bus=starship')
        status, said = service.run_check()
        equal(status, 78)
        contains(said, '[dbus] bus: must be system, session or none')
    finally:
        service.sections = sections
        service.write_configuration()


if __name__ == '__main__':
    main(Controlled)
