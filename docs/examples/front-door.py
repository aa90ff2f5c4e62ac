#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A SoupServer behind a strict front door, with an authorization server beside its own pages.

    front-door.py PORT
"""
import signal
import sys

import gi

gi.require_version('Tessera', '1')
gi.require_version('Soup', '3.0')
from gi.repository import Gio, GLib, Soup, Tessera


def on_request(soup_server, message, path, query):
    message.set_status(200, None)
    message.set_response('text/plain', Soup.MemoryUse.COPY, b'Hello\n')


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8417
loop = GLib.MainLoop()
soup_server = Soup.Server()
soup_server.add_handler(None, on_request)
tessera = Tessera.Server.new_in_memory('http://127.0.0.1:%d' % port)

listener = Tessera.Listener.new(soup_server)
listener.add_address(Gio.InetSocketAddress.new_from_string('127.0.0.1', port), None, None)
tessera.add_listener(listener)


def on_drained(drained, result):
    drained.drain_finish(result)
    loop.quit()


GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, lambda: listener.drain_async(None, on_drained))
print('listening', flush=True)
loop.run()
tessera.close()
