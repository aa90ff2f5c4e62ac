#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program of its own whose HTTP and WebSocket requests need access tokens that a server elsewhere issued.

    resource-server.py PORT ISSUER CLIENT-ID SECRET-FILE
"""

import sys

import gi

gi.require_version('Soup', '3.0')
gi.require_version('Tessera', '1')
from gi.repository import GLib, Soup, Tessera

connections = set()


def on_request(server, message, path, query, *data):
    text = 'Hello, %s\n' % Tessera.get_access_token(message).get_subject()
    message.set_status(200, None)
    message.set_response('text/plain', Soup.MemoryUse.COPY, text.encode())


def on_websocket(server, message, path, connection, *data):
    connections.add(connection)
    connection.connect('message', lambda connection, kind, text: connection.send_message(kind, text))
    connection.connect('closed', connections.discard)


port, issuer, client_id, secret_file = sys.argv[1:]
server = Soup.Server()
verifier = Tessera.Verifier(issuer=issuer, client_id=client_id, client_secret_file=secret_file)
guard = Tessera.BearerDomain.new(verifier)
server.add_auth_domain(guard)

# Tokens must be meant for this address, which tells clients where they come from.
guard.props.resource = 'http://127.0.0.1:' + port
guard.props.resource_name = 'Hello'

server.add_handler('/', on_request)
guard.add_websocket_handler(server, '/socket', None, None, on_websocket)
verifier.start()
server.listen_local(int(port), Soup.ServerListenOptions.IPV4_ONLY)
GLib.MainLoop().run()
