#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Decides who may log in: agent.py ADDRESS, the service's socket, such as unix:path=/run/tessera/bus"""

import hmac
import sys

from gi.repository import Gio, GLib

PEOPLE = {'anna': 'correct horse', 'bert': 'battery staple'}
NAME = 'org.tessera.Tessera1'
AGENT = Gio.DBusNodeInfo.new_for_xml('''<node><interface name="org.tessera.Tessera1.Agent">
  <method name="Authenticate"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/>
    <arg type="s" direction="out"/><arg type="a{sv}" direction="out"/></method>
  <method name="Cancel"><arg type="s" direction="in"/></method><method name="Release"/>
</interface></node>''').interfaces[0]


def on_call(connection, sender, path, interface, method, parameters, invocation):
    if method != 'Authenticate':  # Cancel, Release: nothing is kept here
        return invocation.return_value(None)
    login, details = parameters.unpack()
    if hmac.compare_digest(PEOPLE.get(details['username'], '').encode() or b'\0', details['password'].encode()):
        answer = 'allow', {'subject': GLib.Variant('s', details['username']), 'amr': GLib.Variant('as', ['pwd'])}
    else:
        answer = 'deny', {}
    invocation.return_value(GLib.Variant('(sa{sv})', answer))


loop = GLib.MainLoop()
service = Gio.DBusConnection.new_for_address_sync(sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
service.connect('closed', lambda *_: loop.quit())
service.register_object('/agent', AGENT, on_call, None, None)
service.call_sync(None, '/org/tessera/Tessera1/manager', NAME + '.Manager', 'RegisterAgent',
                  GLib.Variant('(oa{sv})', ('/agent', {})), None, Gio.DBusCallFlags.NONE, -1, None)
loop.run()
