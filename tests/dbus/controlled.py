# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service of the fixture on a bus of a test's own, and what it holds, as one text to compare."""

import os

import message_bus
import tap
from message_bus import MANAGER, NAME, PATH, MessageBus, call
from gi.repository import GLib
from tessera_fixture import Service


class Controlled(Service):
    """On a system bus; @bus is there before the service and after it."""

    def __init__(self, kind='system', **options):
        options.setdefault('sections', '')
        options['sections'] += '\n[dbus]\nbus=%s\n' % kind
        super().__init__(**options)
        self.bus = MessageBus() if kind != 'none' else None
        self.socket = os.path.join(self.runtime, 'bus')
        self._root = None
        self._said_before = 0

    def environment(self):
        environment = super().environment()
        if self.bus is not None:
            environment['DBUS_SYSTEM_BUS_ADDRESS'] = self.bus.address
        return environment

    def start_again(self, wait=True):
        self._said_before = len(self.log)
        return super().start_again(wait)

    def wait_ready(self):
        super().wait_ready()
        if self.bus is not None:
            tap.until(lambda: b'on the system bus as' in self.log[self._said_before:], 'a name on the bus')

    @property
    def peer(self):
        """Our own connection to the socket of the service, which may do everything."""
        if self._root is None or self._root.is_closed():
            self._root = message_bus.connect_peer(self.socket)
        return self._root

    def control(self, method, arguments=None, where=MANAGER):
        return call(self.peer, where, method, arguments)

    def digest(self):
        """All that a call could change."""
        empty = GLib.Variant('(su)', ('', 1000))
        anybody = GLib.Variant('(sssu)', ('', '', '', 1000))
        return {
            'objects': self.control('GetManagedObjects', None, (PATH, 'org.freedesktop.DBus.ObjectManager')),
            'clients': self.control('ListClients', empty),
            'users': self.control('ListUsers', empty),
            'grants': self.control('ListGrants', anybody),
            'sessions': self.control('ListSessions', GLib.Variant('(ssu)', ('', '', 1000))),
            'denied': self.control('Changes', GLib.Variant('(tu)', (0, 1000)), (PATH + '/denylist', NAME + '.DenyList')),
        }

    def check_log(self):
        # What GLib says of bytes that are no message; a test writes such bytes.
        lines = [line for line in bytes(self.log).splitlines(True) if b'_g_dbus_worker_do_read_cb' not in line]
        self.log[:] = b''.join(lines)
        super().check_log()

    def abandon(self):
        super().abandon()
        if self.bus is not None:
            self.bus.remove()
