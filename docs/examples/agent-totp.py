#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets people log in with a password and a one-time code (RFC 6238).

    agent-totp.py ADDRESS FILE

ADDRESS is the service's socket, such as unix:path=/run/tessera/bus. FILE is JSON, for its owner alone:

    {"anna": {"password": "correct horse", "secret": "JBSWY3DPEHPK3PXP"}}

The secret is what the person's authenticator was given, in base32.
"""

import base64
import hmac
import json
import struct
import sys
import time

from gi.repository import Gio, GLib

NAME = 'org.tessera.Tessera1'
AGENT = Gio.DBusNodeInfo.new_for_xml('''<node><interface name="org.tessera.Tessera1.Agent">
  <method name="Authenticate"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/>
    <arg type="s" direction="out"/><arg type="a{sv}" direction="out"/></method>
  <method name="Cancel"><arg type="s" direction="in"/></method><method name="Release"/>
</interface></node>''').interfaces[0]
SECONDS = 30
TRIES = 3
LOGINS_MAX = 1000

with open(sys.argv[2], encoding='utf-8') as file:
    people = json.load(file)
logins = {}  # id -> user name, or None if it is denied whatever comes
used = {}  # user name -> the last code's step of time: no code is good twice (RFC 6238 section 5.2)


def make_code(secret, counter):
    """RFC 4226 section 5.3"""
    digest = hmac.new(base64.b32decode(secret), struct.pack('>Q', counter), 'sha1').digest()
    number = struct.unpack_from('>I', digest, digest[-1] & 15)[0] & 0x7fffffff
    return '%06d' % (number % 1000000)


def take_code(username, code):
    """Good are the codes of now and of the steps beside it, for clocks that are not quite right."""
    now = int(time.time()) // SECONDS
    for counter in (now - 1, now, now + 1):
        good = hmac.compare_digest(make_code(people[username]['secret'], counter).encode(), code.encode())
        if good and counter > used.get(username, -1):
            used[username] = counter
            return True
    return False


def check_password(username, password):
    known = people.get(username, {}).get('password', '')
    return hmac.compare_digest(known.encode() or b'\0', password.encode())


def begin(login, details):
    """The code is asked in any case, so that nobody learns from it whether the password was right."""
    while len(logins) >= LOGINS_MAX:
        del logins[next(iter(logins))]
    right = check_password(details['username'], details['password'])
    logins[login] = details['username'] if right else None
    return 'ask', {}


def go_on(login, details):
    username = logins.get(login)
    if username is not None and take_code(username, details['answer'].replace(' ', '')):
        del logins[login]
        return 'allow', {'subject': GLib.Variant('s', username), 'amr': GLib.Variant('as', ['pwd', 'otp', 'mfa'])}
    if login in logins and details['step'] < TRIES:
        return 'ask', {}
    logins.pop(login, None)
    return 'deny', {}


def on_call(connection, sender, path, interface, method, parameters, invocation):
    if method == 'Authenticate':
        login, details = parameters.unpack()
        answer = begin(login, details) if details['step'] == 0 else go_on(login, details)
        invocation.return_value(GLib.Variant('(sa{sv})', answer))
        return
    if method == 'Cancel':
        logins.pop(parameters.unpack()[0], None)
    invocation.return_value(None)


loop = GLib.MainLoop()
service = Gio.DBusConnection.new_for_address_sync(sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
service.connect('closed', lambda *_: loop.quit())
service.register_object('/agent', AGENT, on_call, None, None)
service.call_sync(None, '/org/tessera/Tessera1/manager', NAME + '.Manager', 'RegisterAgent',
                  GLib.Variant('(oa{sv})', ('/agent', {})), None, Gio.DBusCallFlags.NONE, -1, None)
loop.run()
