# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that decide the logins of a service under test, and people who log in there."""

import os
import subprocess
import threading
import time

import message_bus
import tap
from gi.repository import Gio, GLib
from tessera_fixture import challenge_of, claims_of, new_verifier, parameters_of

NAME = message_bus.NAME
AGENT = Gio.DBusNodeInfo.new_for_xml(open(os.path.join(message_bus.ROOT, 'data/dbus/org.tessera.Tessera1.Agent.xml'), encoding='utf-8').read()).interfaces[0]
MANAGER = message_bus.MANAGER


def is_alive(pid):
    try:
        with open('/proc/%s/stat' % pid, encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


class Program:
    """An agent as a process; what it prints is kept."""

    def __init__(self, *command, environment=None):
        self.said = bytearray()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         env=dict(os.environ, G_DEBUG='fatal-criticals', PYTHONUNBUFFERED='1', **(environment or {})))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            part = os.read(self._process.stdout.fileno(), 65536)
            if not part:
                return
            self.said += part

    def wait_for(self, text, count=1):
        deadline = time.monotonic() + 60
        while self.said.count(text) < count:
            if time.monotonic() > deadline or (self._process.poll() is not None and not self._reader.is_alive()):
                raise tap.Failure('%r wanted, it said %r' % (text, bytes(self.said)))
            time.sleep(0.01)

    def wait(self):
        """Its exit status."""
        status = self._process.wait(tap.PATIENCE)
        self._reader.join(tap.PATIENCE)
        self._process.stdout.close()
        return status

    def children(self):
        """Those that live; who has ended is collected some time."""
        try:
            with open('/proc/%d/task/%d/children' % (self._process.pid, self._process.pid), encoding='ascii') as file:
                return [pid for pid in file.read().split() if is_alive(pid)]
        except OSError:
            return []

    def terminate(self):
        self._process.terminate()
        return self.wait()

    def kill(self):
        self._process.kill()
        return self.wait()


class Thinker:
    """An agent in this process, which answers when the test says so."""

    def __init__(self, connection, path='/thinker', **options):
        self.connection = connection
        self.asked = []  # (id, details, invocation)
        self.cancelled = []
        self._context = GLib.MainContext()
        self._loop = GLib.MainLoop.new(self._context, False)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path, ready), daemon=True)
        self._thread.start()
        ready.wait(tap.PATIENCE)
        self.path = path
        message_bus.call(connection, MANAGER, 'RegisterAgent', GLib.Variant('(oa{sv})', (path, options)))

    def _run(self, path, ready):
        self._context.push_thread_default()
        self._registration = self.connection.register_object(path, AGENT, self._on_call, None, None)
        ready.set()
        self._loop.run()
        self._context.pop_thread_default()

    def _on_call(self, connection, sender, path, interface, method, parameters, invocation):
        if method == 'Authenticate':
            self.asked.append((*parameters.unpack(), invocation))
            return
        if method == 'Cancel':
            self.cancelled.append(parameters.unpack()[0])
        invocation.return_value(None)

    def wait_asked(self):
        tap.until(lambda: self.asked, 'a question')
        return self.asked[0]

    def answer(self, decision, **result):
        login, details, invocation = self.wait_asked()
        del self.asked[0]
        invocation.return_value(GLib.Variant('(sa{sv})', (decision, result)))
        return details

    def fail(self, name, text):
        self.wait_asked()
        self.asked.pop(0)[2].return_dbus_error(name, text)

    def leave(self):
        if not self.connection.is_closed():
            message_bus.call(self.connection, MANAGER, 'UnregisterAgent', GLib.Variant('(o)', (self.path,)))
        self.stop()

    def stop(self):
        self._loop.quit()
        self._thread.join(tap.PATIENCE)
        self.connection.unregister_object(self._registration)


class Attempt(threading.Thread):
    """Somebody who logs in, and waits as long as it takes."""

    def __init__(self, service, username, password, **options):
        super().__init__(daemon=True)
        self._service = service
        self._arguments = (username, password)
        self._options = options
        self.last = None
        self.start()

    def run(self):
        browser = self._service.new_browser()
        self.last = browser.authorize(self._service.authorization_url(), *self._arguments, **self._options)

    def result(self):
        self.join(tap.PATIENCE)
        tap.check(self.last is not None, 'no answer in time')
        return is_in(self._service, self.last)


def is_in(service, last):
    """Did it lead back to the client?"""
    if last.status == 303:
        tap.check(last.location.startswith(service.c1.redirect_uri), last.location)
        return 'code=' in last.location
    tap.check(last.page.form_with('password') is not None, 'neither in nor back: %r' % last)
    return False


def logs_in(service, username, password, answers=()):
    """One whole login. Each is from an address of its own: delays for guessers are not the subject."""
    browser = service.new_browser()
    browser.source = service.new_source()
    return is_in(service, browser.authorize(service.authorization_url(), username, password, answers=answers))
