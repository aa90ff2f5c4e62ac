#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// A program of its own whose HTTP and WebSocket requests need access tokens that a server elsewhere issued.
//
//     resource-server.js PORT ISSUER CLIENT-ID SECRET-FILE

import GLib from 'gi://GLib';
import Soup from 'gi://Soup?version=3.0';
import System from 'system';
import Tessera from 'gi://Tessera?version=1';

const [port, issuer, clientId, secretFile] = System.programArgs;
const connections = new Set();

function onRequest(server, message) {
    const text = `Hello, ${Tessera.get_access_token(message).get_subject()}\n`;
    message.set_status(200, null);
    message.set_response('text/plain', Soup.MemoryUse.COPY, new TextEncoder().encode(text));
}

function onWebsocket(server, message, path, connection) {
    connections.add(connection);
    connection.connect('message', (_, kind, text) => connection.send_message(kind, text));
    connection.connect('closed', () => connections.delete(connection));
}

const server = new Soup.Server();
const verifier = new Tessera.Verifier({issuer, client_id: clientId, client_secret_file: secretFile});
const guard = Tessera.BearerDomain.new(verifier);
server.add_auth_domain(guard);

// Tokens must be meant for this address, which tells clients where they come from.
guard.resource = `http://127.0.0.1:${port}`;
guard.resource_name = 'Hello';

server.add_handler('/', onRequest);
guard.add_websocket_handler(server, '/socket', null, null, onWebsocket);
verifier.start();
server.listen_local(Number(port), Soup.ServerListenOptions.IPV4_ONLY);
new GLib.MainLoop(null, false).run();
