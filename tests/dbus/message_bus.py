# SPDX-License-Identifier: LGPL-2.1-or-later
"""A message bus of a test's own, who speaks on it, and a polkit whose answers the test decides."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

from gi.repository import Gio, GLib

import tap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
NAME = 'org.tessera.Tessera1'
PATH = '/org/tessera/Tessera1'
MANAGER = (PATH + '/manager', NAME + '.Manager')
POLKIT = 'org.freedesktop.PolicyKit1'
NOBODY = 65534
DAEMON = 1
DENIED = 'org.freedesktop.DBus.Error.AccessDenied'
LIMITS = 'org.freedesktop.DBus.Error.LimitsExceeded'

# As a system bus is set up: nobody owns a name, calls nobody, until a service's own policy says so.
SYSTEM_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%(folder)s/socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="%(polkit)s"/>
  </policy>
  <policy user="%(uid)d">
    <allow own="%(polkit)s"/>
    <allow own="%(name)s"/>
    <allow send_type="method_call" send_interface="%(name)s.Agent"/>
  </policy>
  <include>%(policy)s</include>
</busconfig>
"""


class MessageBus:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='tessera-bus-')
        os.chmod(self.folder, 0o711)
        self.address = 'unix:path=%s/socket' % self.folder
        self._config = os.path.join(self.folder, 'bus.conf')
        with open(self._config, 'w', encoding='utf-8') as file:
            file.write(SYSTEM_BUS % dict(folder=self.folder, name=NAME, polkit=POLKIT, uid=os.geteuid(),
                                         policy=os.path.join(ROOT, 'data/dbus/org.tessera.Tessera1.conf')))
        self._process = None
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            ['dbus-daemon', '--nofork', '--nopidfile', '--config-file=' + self._config, '--print-address'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        tap.contains(self._process.stdout.readline(), self.folder, 'address of the bus')

    def stop(self):
        self._process.kill()
        self._process.wait(tap.PATIENCE)
        self._process.stdout.close()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self):
        return Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION,
            None, None)


def connect_peer(path):
    return Gio.DBusConnection.new_for_address_sync('unix:path=' + path, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)


class Refused(Exception):
    """An error that came back: its name on D-Bus, and what it says."""

    def __init__(self, error):
        super().__init__(error.message)
        self.name = Gio.DBusError.get_remote_error(error) or 'local'
        self.message = error.message


def call(connection, where, method, arguments=None, destination=NAME, timeout=60):
    """@where: (path, interface); @arguments: a GLib.Variant. The answer, unpacked."""
    path, interface = where
    try:
        reply = connection.call_sync(destination if connection.get_unique_name() else None, path, interface, method,
                                     arguments, None, Gio.DBusCallFlags.NONE, timeout * 1000, None)
    except GLib.Error as error:
        raise Refused(error) from None
    return reply.unpack()


def refused(function, *arguments, **keywords):
    """The name of the error that a call ends with."""
    try:
        answer = function(*arguments, **keywords)
    except Refused as error:
        return error.name
    return 'no error but %r' % (answer,)


# Others

STRANGER = r'''
import json, sys
from gi.repository import Gio, GLib

connection = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

def say(**words):
    print(json.dumps(words), flush=True)

def make(order):
    message = Gio.DBusMessage.new_method_call(order['to'], order['path'], order['interface'], order['method'])
    if order.get('sender'):
        message.set_sender(order['sender'])
    flags = 0
    if order.get('quiet'):
        flags |= int(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
    if order.get('interactive'):
        flags |= int(Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
    message.set_flags(Gio.DBusMessageFlags(flags))
    if order.get('arguments') is not None:
        message.set_body(GLib.Variant.parse(GLib.VariantType(order['type']), order['arguments'], None, None))
    return message

def send(order):
    message = make(order)
    for _ in range(order.get('count', 1)):
        connection.send_message(message.copy(), Gio.DBusSendMessageFlags.NONE)
    connection.flush_sync(None)
    say(sent=order.get('count', 1))

def call(order):
    reply, _ = connection.send_message_with_reply_sync(make(order), Gio.DBusSendMessageFlags.NONE, 240000, None)
    if reply.get_message_type() == Gio.DBusMessageType.ERROR:
        say(error=reply.get_error_name(), text=reply.get_body().unpack()[0] if reply.get_body() else '')
    else:
        say(reply=reply.get_body().print_(False) if reply.get_body() else '')

say(name=connection.get_unique_name())
for line in sys.stdin:
    order = json.loads(line)
    try:
        {'send': send, 'call': call}[order.pop('do')](order)
    except Exception as error:
        say(failed=str(error))
'''


class Stranger:
    """A program of another user on the bus. Only root can be somebody else."""

    def __init__(self, bus, uid=NOBODY):
        if os.geteuid() != 0:
            tap.skip('only root can be another user')
        self._process = subprocess.Popen(
            ['/usr/bin/python3', '-c', STRANGER, bus.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            user=uid, group=uid, extra_groups=[], cwd='/')
        self.name = self._hear()['name']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _hear(self):
        line = self._process.stdout.readline()
        tap.check(line, 'a stranger has died')
        return json.loads(line)

    def _tell(self, do, where, method, arguments, keywords):
        order = dict(dict(do=do, to=NAME, path=where[0], interface=where[1], method=method), **keywords)
        if arguments is not None:
            order.update(type=arguments.get_type_string(), arguments=arguments.print_(True))
        self._process.stdin.write(json.dumps(order) + '\n')
        self._process.stdin.flush()

    def begin(self, where, method, arguments=None, **keywords):
        """A call whose answer is read by finish ()."""
        self._tell('call', where, method, arguments, keywords)

    def finish(self):
        return self._hear()

    def call(self, where, method, arguments=None, **keywords):
        self.begin(where, method, arguments, **keywords)
        return self.finish()

    def send(self, where, method, arguments=None, **keywords):
        """Without waiting for an answer; once the bus has it."""
        self._tell('send', where, method, arguments, keywords)
        return self._hear()

    def kill(self):
        self._process.kill()
        self._process.wait(tap.PATIENCE)
        self._process.stdin.close()
        self._process.stdout.close()


class Polkit:
    """org.freedesktop.PolicyKit1 of a test: @decide (action, caller, flags) is True, False, an exception, or
    None: not yet, and then release () answers."""

    XML = '''<node><interface name="org.freedesktop.PolicyKit1.Authority">
      <method name="CheckAuthorization">
        <arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/><arg type="a{ss}" direction="in"/>
        <arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/>
      </method>
      <method name="CancelCheckAuthorization"><arg type="s" direction="in"/></method>
    </interface></node>'''

    def __init__(self, bus, decide=None):
        self.decide = decide or (lambda action, caller, flags: False)
        self.stubborn = False  # does not drop a question that was taken back
        self.asked = []  # (action, caller, flags, cancellation id)
        self.cancelled = []
        self._waiting = []  # (cancellation id, invocation)
        self._changed = threading.Condition()
        self._context = GLib.MainContext.new()
        self._loop = GLib.MainLoop.new(self._context, False)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(bus, ready), daemon=True)
        self._thread.start()
        tap.check(ready.wait(tap.PATIENCE), 'the polkit of the test did not start')

    def _run(self, bus, ready):
        self._context.push_thread_default()
        self._connection = bus.connect()
        interface = Gio.DBusNodeInfo.new_for_xml(self.XML).interfaces[0]
        self._connection.register_object('/org/freedesktop/PolicyKit1/Authority', interface, self._on_call, None, None)
        call(self._connection, ('/org/freedesktop/DBus', 'org.freedesktop.DBus'), 'RequestName',
             GLib.Variant('(su)', (POLKIT, 4)), destination='org.freedesktop.DBus')
        ready.set()
        self._loop.run()
        self._connection.close_sync(None)
        self._context.pop_thread_default()

    def _on_call(self, connection, sender, path, interface, method, arguments, invocation):
        with self._changed:
            if method == 'CancelCheckAuthorization':
                self._cancel(arguments.unpack()[0])
                invocation.return_value(None)
            else:
                self._check(arguments.unpack(), invocation)
            self._changed.notify_all()

    def _check(self, arguments, invocation):
        (kind, details), action, _, flags, cancellation = arguments
        caller = details.get('name') if kind == 'system-bus-name' else repr((kind, details))
        self.asked.append((action, caller, flags, cancellation))
        verdict = self.decide(action, caller, flags)
        if verdict is None:
            self._waiting.append((cancellation, invocation))
        else:
            self._answer(invocation, verdict)

    def _cancel(self, cancellation):
        """As polkit does: whoever asked is told that nobody answers any more."""
        self.cancelled.append(cancellation)
        for entry in [entry for entry in self._waiting if entry[0] == cancellation and not self.stubborn]:
            self._waiting.remove(entry)
            entry[1].return_dbus_error(POLKIT + '.Error.Cancelled', 'cancelled')

    @staticmethod
    def _answer(invocation, verdict):
        if isinstance(verdict, Exception):
            invocation.return_dbus_error(POLKIT + '.Error.Failed', str(verdict))
        else:
            invocation.return_value(GLib.Variant('((bba{ss}))', ((verdict, False, {}),)))

    def wait_for(self, condition, what):
        with self._changed:
            tap.check(self._changed.wait_for(lambda: condition(self), tap.PATIENCE), 'polkit did not hear in time: ' + what)

    def release(self, verdict, index=0):
        """Answers the question of number @index of those that wait."""
        with self._changed:
            _, invocation = self._waiting.pop(index)
        self._context.invoke_full(GLib.PRIORITY_DEFAULT, lambda *_: self._answer(invocation, verdict))

    def stop(self):
        self._loop.quit()
        self._thread.join(tap.PATIENCE)


# What there is to call

def introspect(connection, path=PATH, destination=NAME):
    """path → Gio.DBusInterfaceInfo of ours, of all objects below @path."""
    xml = call(connection, (path, 'org.freedesktop.DBus.Introspectable'), 'Introspect', destination=destination)[0]
    node = Gio.DBusNodeInfo.new_for_xml(xml)
    found = {path: [interface for interface in node.interfaces if interface.name.startswith(NAME)]}
    for child in node.nodes:
        if child.path:
            found.update(introspect(connection, path + '/' + child.path, destination))
    return found


def sample(signature):
    """Some value of a type."""
    values = {'s': "'x'", 'o': "'/x'", 'b': 'true', 'u': '1', 't': '1', 'i': '1', 'x': '1', 'h': '0', 'a{sv}': '{}', 'as': '[]'}
    return GLib.Variant.parse(GLib.VariantType(signature), values[signature], None, None)


def sample_arguments(method):
    values = [sample(argument.signature) for argument in method.in_args]
    return GLib.Variant.new_tuple(*values) if values else None


def lines_of(text, pattern):
    return [line for line in text.splitlines() if re.search(pattern, line)]
