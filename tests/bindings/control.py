#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libtessera-dbus through its introspection data: a program in Python that embeds a server lets others control it."""

import os
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import gi

gi.require_version('Tessera', '1')
gi.require_version('TesseraDBus', '1')
from gi.repository import Gio, GLib, Tessera, TesseraDBus

import tap
from tap import check, equal, test

PATH = '/org/tessera/Tessera1'
NAME = 'org.tessera.Tessera1'


class Program:
    """It has a server, and a socket of its own on which it is exported."""

    def __init__(self, folder):
        self.server = Tessera.Server.new_in_memory('http://127.0.0.1:8417')
        self.server.wait_ready()
        self.exports = []
        self.bus = Gio.DBusServer.new_sync('unix:dir=' + folder, Gio.DBusServerFlags.NONE, Gio.dbus_generate_guid(), None, None)
        self.bus.connect('new-connection', self.on_connection)
        self.bus.start()

    def on_connection(self, bus, connection):
        self.exports.append(TesseraDBus.export(self.server, connection, None))
        return True

    def ask(self, calls):
        """What another program gets that makes @calls (path, interface and method, arguments): values, or names of errors."""
        answers = []
        done = []
        thread = threading.Thread(target=self.run, args=(calls, answers, done))
        thread.start()
        while not done:
            GLib.MainContext.default().iteration(True)
        thread.join()
        return answers

    def run(self, calls, answers, done):
        try:
            self.make_calls(calls, answers)
        finally:
            done.append(True)
            GLib.idle_add(lambda: None)

    def make_calls(self, calls, answers):
        connection = Gio.DBusConnection.new_for_address_sync(
            self.bus.get_client_address(), Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
        for path, method, arguments in calls:
            interface, _, member = method.rpartition('.')
            try:
                answers.append(connection.call_sync(None, PATH + path, NAME + '.' + interface, member, arguments, None,
                                                    Gio.DBusCallFlags.NONE, 30000, None).unpack())
            except GLib.Error as error:
                answers.append(Gio.DBusError.get_remote_error(error))
        connection.close_sync(None)


def with_program(function):
    with tempfile.TemporaryDirectory(prefix='tessera-control-') as folder:
        program = Program(folder)
        try:
            function(program)
        finally:
            program.exports.clear()
            program.bus.stop()
            program.server.close()


REGISTER = ('/manager', 'Manager.RegisterClient', GLib.Variant('(a{sv})', ({
    'client_name': GLib.Variant('s', 'App'), 'grant_types': GLib.Variant('as', ['client_credentials'])},)))
LIST = ('/manager', 'Manager.ListClients', GLib.Variant('(su)', ('', 10)))


@test('one call exports a server, and others control it')
def _():
    def control(program):
        (client_id, secret), (clients,) = program.ask([REGISTER, LIST])
        check(secret, 'a secret is told once')
        equal([client['client_id'] for client in clients], [client_id])
        equal(program.server.lookup_client(client_id).props.name, 'App')

    with_program(control)


if __name__ == '__main__':
    tap.main()
