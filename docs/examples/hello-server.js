#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// An HTTP, HTTPS and WebSocket server that wants a Bearer token for everything.
//
//     gjs -m hello-server.js PORT STATE-DIRECTORY [HTTPS-PORT PEM-FILE [KEY-FILE CA-FILE]]

import GLib from 'gi://GLib';
import Soup from 'gi://Soup?version=3.0';
import Tessera from 'gi://Tessera?version=1';
import System from 'system';

const IPV4 = Soup.ServerListenOptions.IPV4_ONLY;
const HTTPS = Soup.ServerListenOptions.HTTPS;
const [port, state, httpsPort, pem, key, ca] = System.programArgs;
const connections = new Set();

const tessera = Tessera.Server.new(`http://127.0.0.1:${port}`, state);
tessera.connect('authenticate', (_tessera, login) => {
    if (login.get_username() === 'user' && login.get_password() === 'secret')
        login.accept(null);
    else
        login.deny();
});
tessera.connect('after-revoke-token', (_tessera, revocation) => {
    // The token is for the handler only: what is logged is its digest.
    const digest = GLib.compute_checksum_for_string(
        GLib.ChecksumType.SHA256, revocation.get_token() ?? '', -1);
    const hint = revocation.get_token_type_hint() ?? 'none';
    print(`revocation token=${digest} hint=${hint} revoked=${revocation.get_revoked()}`);
});
tessera.add_client('MyApp', '', 'client-id', 'client-secret', 3600, true, null);
tessera.add_client('Desktop', '', 'desktop-id', null, 3600, true, null);

const server = new Soup.Server();
tessera.attach(server);
const guard = Tessera.BearerDomain.new(tessera);
guard.close_connection = true;
server.add_auth_domain(guard);
server.add_handler('/', (_server, message) => {
    const text = `Hello, ${Tessera.get_access_token(message).get_subject()}\n`;
    message.set_status(200, null);
    message.set_response('text/plain', Soup.MemoryUse.COPY, new TextEncoder().encode(text));
});
guard.add_websocket_handler(server, '/socket', null, null, (_server, _message, _path, connection) => {
    connections.add(connection);
    connection.connect('message', (_connection, type, text) => connection.send_message(type, text));
    connection.connect('closed', () => connections.delete(connection));
});
server.listen_local(Number(port), IPV4);
if (httpsPort) {
    Tessera.set_tls_files(server, pem, key ?? null, ca ?? null);
    server.listen_local(Number(httpsPort), IPV4 | HTTPS);
}
new GLib.MainLoop(null, false).run();
