#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program without privileges calls org.tessera.Tessera1 on its session bus: a service of its own starts,
which it then controls."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

import message_bus
from message_bus import MANAGER, NAME, PATH, call
from gi.repository import Gio, GLib
from tap import PATIENCE, check, contains, equal, main, test, until


class Home:
    """A person's folders, and a session bus that starts services for them. Each test goes on where the one
    before it was."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix='tessera-home-')
        self.folder = self._folder.name
        self.config = self.path('.config', 'tessera', 'tessera.conf')
        self.log = self.path('log')
        self.bus = None

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def start(self):
        for name in ('.config', '.local/state', '.local/share/dbus-1/services', 'run'):
            os.makedirs(self.path(name), mode=0o700)
        # As it is installed, but for the program, whose log is kept.
        with open(os.path.join(message_bus.ROOT, 'data/dbus/org.tessera.Tessera1.session.service.in'), encoding='utf-8') as file:
            text = file.read()
        text = re.sub(r'^Exec=\S+/tesserad', 'Exec=' + self.path('tesserad'), text, flags=re.MULTILINE)
        with open(self.path('.local/share/dbus-1/services', NAME + '.service'), 'w', encoding='utf-8') as file:
            file.write(text)
        with open(self.path('tesserad'), 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\nexec "%s" "$@" >>"%s" 2>&1\n' % (os.environ['TESSERAD'], self.log))
        os.chmod(self.path('tesserad'), 0o755)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('XDG_', 'DBUS_'))}
        environment.update(
            HOME=self.folder, XDG_CONFIG_HOME=self.path('.config'), XDG_STATE_HOME=self.path('.local/state'),
            XDG_DATA_HOME=self.path('.local/share'), XDG_RUNTIME_DIR=self.path('run'), G_DEBUG='fatal-criticals', LC_ALL='C.UTF-8')
        self._process = subprocess.Popen(
            ['dbus-run-session', '--', 'sh', '-c', 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        address = self._process.stdout.readline().strip()
        self.environment = dict(environment, DBUS_SESSION_BUS_ADDRESS=address)
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

    def before_test(self):
        pass

    def control(self, method, arguments=None, where=MANAGER):
        return call(self.bus, where, method, arguments)

    def get(self, name, where=MANAGER):
        return call(self.bus, (where[0], 'org.freedesktop.DBus.Properties'), 'Get', GLib.Variant('(ss)', (where[1], name)))[0]

    def owner(self):
        """The process behind the name, or None."""
        driver = ('/org/freedesktop/DBus', 'org.freedesktop.DBus')
        try:
            return call(self.bus, driver, 'GetConnectionUnixProcessID', GLib.Variant('(s)', (NAME,)), destination=driver[1])[0]
        except message_bus.Refused:
            return None

    def stop_service(self):
        process = self.owner()
        if process is not None:
            os.kill(process, signal.SIGTERM)
            until(lambda: not os.path.exists('/proc/%d' % process) or self.is_zombie(process), 'the end of the service')

    @staticmethod
    def is_zombie(process):
        try:
            with open('/proc/%d/stat' % process, encoding='ascii') as file:
                return file.read().rsplit(')', 1)[1].split()[0] == 'Z'
        except OSError:
            return True

    def stop(self):
        try:
            self.stop_service()
            with open(self.log, encoding='utf-8') as file:
                log = file.read()
            for word in ('CRITICAL', 'Sanitizer', 'runtime error'):
                check(word not in log, log[-3000:])
        finally:
            self.abandon()

    def abandon(self):
        if self.bus is not None:
            self.bus.close_sync(None)
            self._process.stdin.close()
            self._process.wait(PATIENCE)
            self._process.stdout.close()
        self._folder.cleanup()


def post(address, fields, client):
    pair = base64.b64encode(':'.join(urllib.parse.quote_plus(part) for part in client).encode()).decode()
    request = urllib.request.Request(address, urllib.parse.urlencode(fields).encode(), {'Authorization': 'Basic ' + pair})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read() or b'null')


@test('a call to the name starts a service, with files below the home of who calls')
def _(home):
    equal(home.owner(), None, 'nobody has started it')
    equal(home.control('ListClients', GLib.Variant('(su)', ('', 10))), ([],))
    check(home.owner(), 'no owner')
    with open(home.config, encoding='utf-8') as file:
        text = file.read()
    equal(oct(os.stat(home.config).st_mode & 0o777), oct(0o600))
    issuer = home.get('Issuer')
    contains(text, 'issuer=' + issuer + '\n')
    check(re.fullmatch(r'http://127\.0\.0\.1:\d+', issuer), issuer)
    check(os.path.exists(home.path('.local/state/tessera/tessera.db')), 'the state')
    check(os.listdir(home.path('.local/state/tessera/keys')), 'keys were made')
    equal(oct(os.stat(home.path('run/tessera')).st_mode & 0o777), oct(0o700))
    equal(oct(os.stat(home.path('run/tessera/bus')).st_mode & 0o777), oct(0o600))


@test('register a client, get a token over HTTP, revoke it, hear that it was revoked')
def _(home):
    issuer = home.get('Issuer')
    client = home.control('RegisterClient', GLib.Variant.parse(
        None, '({"client_name": <"Mine">, "grant_types": <["client_credentials"]>, "scope": <"a">},)', None, None))
    heard = []
    loop = GLib.MainLoop()

    def on_revoked(connection, sender, path, interface, member, arguments):
        heard.append(arguments.unpack())
        loop.quit()

    home.bus.signal_subscribe(NAME, MANAGER[1], 'Revoked', MANAGER[0], None, Gio.DBusSignalFlags.NONE, on_revoked)
    token = post(issuer + '/token', {'grant_type': 'client_credentials'}, client)['access_token']
    equal(post(issuer + '/introspect', {'token': token}, client)['active'], True)
    equal(home.control('RevokeToken', GLib.Variant('(ss)', (token, ''))), (True,))
    GLib.timeout_add_seconds(20, loop.quit)
    loop.run()
    equal(len(heard), 1, 'signals')
    generation, count = heard[0]
    equal(count, 1)
    equal(generation, home.get('Cursor', (PATH + '/denylist', NAME + '.DenyList')))
    equal(post(issuer + '/introspect', {'token': token}, client), {'active': False})


@test('the next call starts the service again, with the same address and all that was revoked')
def _(home):
    issuer = home.get('Issuer')
    before = home.control('ListClients', GLib.Variant('(su)', ('', 10)))
    cursor = home.get('Cursor', (PATH + '/denylist', NAME + '.DenyList'))
    first = home.owner()
    home.stop_service()
    equal(home.owner(), None, 'it has stopped')
    equal(home.control('ListClients', GLib.Variant('(su)', ('', 10))), before)
    check(home.owner() != first, 'the same process')
    equal(home.get('Issuer'), issuer)
    equal(home.get('Cursor', (PATH + '/denylist', NAME + '.DenyList')), cursor)


@test('what its person wrote into the configuration is not written over')
def _(home):
    home.stop_service()
    with open(home.config, 'a', encoding='utf-8') as file:
        file.write('[tokens]\naccess-token-lifetime=77\n')
    with open(home.config, encoding='utf-8') as file:
        text = file.read()
    home.control('ListClients', GLib.Variant('(su)', ('', 10)))
    with open(home.config, encoding='utf-8') as file:
        equal(file.read(), text)
    client = home.control('RegisterClient', GLib.Variant.parse(
        None, '({"grant_types": <["client_credentials"]>, "scope": <"a">},)', None, None))
    equal(post(home.get('Issuer') + '/token', {'grant_type': 'client_credentials'}, client)['expires_in'], 77)


@test('another service of the same person does not start beside it')
def _(home):
    done = subprocess.run([os.environ['TESSERAD'], '--user'], env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    check(done.returncode in (1, 78), done.stdout)
    check(home.control('ListClients', GLib.Variant('(su)', ('', 1))), 'the first one')


if __name__ == '__main__':
    main(Home)
