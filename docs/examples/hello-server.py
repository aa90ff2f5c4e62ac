#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An HTTP, HTTPS and WebSocket server that wants a Bearer token for everything.

    hello-server.py PORT STATE-DIRECTORY [HTTPS-PORT PEM-FILE [KEY-FILE CA-FILE]]
"""

import hashlib
import sys

import gi

gi.require_version('Soup', '3.0')
gi.require_version('Tessera', '1')
from gi.repository import GLib, Soup, Tessera

IPV4 = Soup.ServerListenOptions.IPV4_ONLY
HTTPS = Soup.ServerListenOptions.HTTPS
connections = set()


def on_authenticate(tessera, login):
    if login.get_username() == 'user' and login.get_password() == 'secret':
        login.accept(None)
    else:
        login.deny()


def on_revoked(tessera, revocation):
    # The token is for the handler only: what is logged is its digest.
    digest = hashlib.sha256((revocation.get_token() or '').encode()).hexdigest()
    print('revocation token=%s hint=%s revoked=%s' % (
        digest, revocation.get_token_type_hint() or 'none', str(revocation.get_revoked()).lower()), flush=True)


def on_request(server, message, path, query, *data):
    text = 'Hello, %s\n' % Tessera.get_access_token(message).get_subject()
    message.set_status(200, None)
    message.set_response('text/plain', Soup.MemoryUse.COPY, text.encode())


def on_websocket(server, message, path, connection, *data):
    connections.add(connection)
    connection.connect('message', lambda connection, kind, text: connection.send_message(kind, text))
    connection.connect('closed', connections.discard)


port, state, *https = sys.argv[1:]
tessera = Tessera.Server.new('http://127.0.0.1:' + port, state)
tessera.connect('authenticate', on_authenticate)
tessera.connect('after-revoke-token', on_revoked)
tessera.add_client('MyApp', '', 'client-id', 'client-secret', 3600, True, None)
tessera.add_client('Desktop', '', 'desktop-id', None, 3600, True, None)

server = Soup.Server()
tessera.attach(server)
guard = Tessera.BearerDomain.new(tessera)
guard.props.close_connection = True
server.add_auth_domain(guard)
server.add_handler('/', on_request)
guard.add_websocket_handler(server, '/socket', None, None, on_websocket)
server.listen_local(int(port), IPV4)
if https:
    Tessera.set_tls_files(server, *(https[1:] + [None, None])[:3])
    server.listen_local(int(https[0]), IPV4 | HTTPS)
GLib.MainLoop().run()
