#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An administrator's first hour in a clean directory, three times: with the command, with gdbus, and from Python."""

import json
import os
import subprocess

from gi.repository import Gio, GLib

from desk import Desk
from browser import Browser
import tap
from tap import check, equal, test
from tessera_fixture import header_of

PASSWORD = 'canary-Password-1'
NAME = 'org.tessera.Tessera1'
PATH = '/org/tessera/Tessera1'
REDIRECT_URI = 'http://127.0.0.1:9/cb'
GRANT_TYPES = ['authorization_code', 'refresh_token']


class ByCommand:
    def __init__(self, desk):
        self.desk = desk

    def add_client(self):
        words = [word for grant_type in GRANT_TYPES for word in ('--grant-type', grant_type)]
        return self.desk.json('client', 'add', '--name', 'Reader', '--public', '--application-type', 'native', '--redirect-uri',
                              REDIRECT_URI, *words)['client_id']

    def add_user(self, username):
        self.desk.say('user', 'add', username, said=PASSWORD + '\n')

    def sign_in(self, client_id, username):
        with self.desk.begin('login', '--no-browser', '--client-id', client_id, '--redirect-uri', 'http://127.0.0.1/cb',
                             '--show-tokens', '--json') as command:
            address = command.wait_for(r'(?m)^(http://\S+)$', 'err').group(1)
            last = Browser(self.desk.issuer).authorize(address, username, PASSWORD)
            Browser(last.location.split('/cb')[0]).get(last.location)
            equal(command.wait(), 0, command.text('err'))
            return json.loads(command.text())

    def list_grants(self, username):
        return [grant['client_id'] for grant in self.desk.json('grant', 'list', '--user', username)]

    def log_out(self, username):
        self.desk.say('subject', 'revoke', '--user', username)

    def rotate(self):
        self.desk.say('key', 'rotate', '--now')

    def revoke_key(self, kid):
        self.desk.say('key', 'revoke', kid)

    def keys(self):
        return {key['kid']: key['state'] for key in self.desk.json('key', 'list')}

    def back_up(self, path):
        self.desk.say('backup', path)


class OnBus:
    """What the other two have in common: calls of methods, by name."""

    def __init__(self, desk):
        self.desk = desk

    def manager(self, method, *arguments):
        return self.call('/manager', NAME + '.Manager.' + method, *arguments)

    def sign_in(self, client_id, username):
        return self.desk.sign_in((client_id, None, REDIRECT_URI), username, PASSWORD)

    def add_user(self, username):
        self.manager('AddUser', GLib.Variant('s', username), GLib.Variant('s', PASSWORD))

    def log_out(self, username):
        self.manager('RevokeSubject', GLib.Variant('s', username))

    def add_client(self):
        registration = GLib.Variant('a{sv}', {
            'client_name': GLib.Variant('s', 'Reader'), 'token_endpoint_auth_method': GLib.Variant('s', 'none'),
            'application_type': GLib.Variant('s', 'native'), 'redirect_uris': GLib.Variant('as', [REDIRECT_URI]),
            'grant_types': GLib.Variant('as', GRANT_TYPES)})
        client_id, secret = self.manager('RegisterClient', registration)
        equal(secret, '')
        return client_id

    def list_grants(self, username):
        arguments = GLib.Variant('s', username), GLib.Variant('s', ''), GLib.Variant('s', ''), GLib.Variant('u', 10)
        return [grant['client_id'] for grant in self.manager('ListGrants', *arguments)[0]]

    def rotate(self):
        self.call('/keyring', NAME + '.KeyRing.Rotate', GLib.Variant('b', True))

    def revoke_key(self, kid):
        self.call(self.paths()[kid][len(PATH):], NAME + '.Key.Revoke')

    def objects(self):
        return self.call('', 'org.freedesktop.DBus.ObjectManager.GetManagedObjects')[0]

    def back_up(self, path):
        """A descriptor goes with this call, which gdbus cannot send: Python does it for both."""
        connection = Gio.DBusConnection.new_for_address_sync(
            'unix:path=' + self.desk.socket, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
        with open(path, 'xb') as file:
            connection.call_with_unix_fd_list_sync(
                None, PATH + '/manager', NAME + '.Manager', 'Backup', GLib.Variant('(h)', (0,)), None, Gio.DBusCallFlags.NONE, 60000,
                Gio.UnixFDList.new_from_array([os.dup(file.fileno())]), None)

    def key_objects(self):
        return {path: interfaces[NAME + '.Key'] for path, interfaces in self.objects().items() if NAME + '.Key' in interfaces}

    def paths(self):
        return {key['Kid']: path for path, key in self.key_objects().items()}

    def keys(self):
        return {key['Kid']: key['State'] for key in self.key_objects().values()}


class ByGdbus(OnBus):
    def call(self, path, method, *arguments):
        done = subprocess.run(
            ['gdbus', 'call', '--address', 'unix:path=' + self.desk.socket, '--dest', NAME, '--object-path', PATH + path, '--method', method,
             *[argument.print_(True) for argument in arguments]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
        equal(done.returncode, 0, done.stderr)
        return GLib.Variant.parse(None, done.stdout.strip(), None, None).unpack()


class FromPython(OnBus):
    def __init__(self, desk):
        super().__init__(desk)
        self.connection = Gio.DBusConnection.new_for_address_sync(
            'unix:path=' + desk.socket, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)

    def call(self, path, method, *arguments):
        interface, _, method = method.rpartition('.')
        return self.connection.call_sync(None, PATH + path, interface, method, GLib.Variant.new_tuple(*arguments), None,
                                         Gio.DBusCallFlags.NONE, 60000, None).unpack()


def published(desk):
    return [key['kid'] for key in desk.http('GET', '/jwks').json()['keys']]


def spend_an_hour(desk, make):
    hand = make(desk)
    client_id = hand.add_client()
    hand.add_user('alice')
    hand.add_user('bob')

    tokens = hand.sign_in(client_id, 'alice')
    app = client_id, None, REDIRECT_URI
    check(desk.is_active(tokens['access_token']), 'the API takes the token')
    equal(hand.list_grants('alice'), [client_id])

    hand.log_out('alice')
    equal(desk.is_active(tokens['access_token']), False, 'the next call of the API')
    equal(desk.refresh(app, tokens['refresh_token']), 400)
    equal(hand.list_grants('alice'), [])

    tokens = hand.sign_in(client_id, 'bob')
    kid = header_of(tokens['access_token'])['kid']
    equal(hand.keys()[kid], 'active')
    hand.rotate()
    equal(hand.keys()[kid], 'retired')
    check(desk.is_active(tokens['access_token']), 'the token of the old key')
    check(kid in published(desk), 'the old key is published')
    newer = hand.sign_in(client_id, 'alice')
    check(header_of(newer['access_token'])['kid'] != kid, 'another key signs')

    hand.revoke_key(kid)
    equal(hand.keys()[kid], 'revoked')
    equal(desk.is_active(tokens['access_token']), False, 'the token of the revoked key')
    check(kid not in published(desk), 'the revoked key is not published')
    check(desk.is_active(newer['access_token']), 'the token of the new key')

    hand.back_up(desk.path('copy'))
    hand.log_out('bob')
    equal(desk.service.stop(), 0)
    report = desk.json('restore', desk.path('copy'), '--state-directory', desk.path('state'), '--yes')
    equal((report['users'], report['complete']), (2, False))
    desk.start()
    equal(desk.is_active(newer['access_token']), False, 'what was issued before the restore')
    check(desk.is_active(make(desk).sign_in(client_id, 'bob')['access_token']), 'a login after the restore')


@test('with the command')
def _():
    spend_in_clean_directory(ByCommand)


@test('with gdbus')
def _():
    spend_in_clean_directory(ByGdbus)


@test('from Python')
def _():
    spend_in_clean_directory(FromPython)


def spend_in_clean_directory(make):
    desk = Desk()
    try:
        desk.start()
        spend_an_hour(desk, make)
        desk.stop()
    except BaseException:
        print('\n'.join('# log: ' + line for line in desk.service.text.splitlines()[-40:]))
        desk.abandon()
        raise


if __name__ == '__main__':
    tap.main()
