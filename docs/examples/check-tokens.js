#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Checks access tokens elsewhere than where they are issued: a token a line on standard input, an
// answer a line on standard output.
//
//     check-tokens.js ISSUER AUDIENCE CLIENT-ID SECRET-FILE

import Gio from 'gi://Gio';
import System from 'system';
import Tessera from 'gi://Tessera?version=1';

Gio._promisify(Tessera.Verifier.prototype, 'check_async', 'check_finish');

const [issuer, audience, clientId, secretFile] = System.programArgs;
const verifier = new Tessera.Verifier({
    issuer, client_id: clientId, client_secret_file: secretFile, max_staleness: 60,
});
verifier.connect('stale', (_, age) => printerr(`Nothing was heard of the issuer for ${age} seconds`));
verifier.start();

const lines = new Gio.DataInputStream({base_stream: new Gio.UnixInputStream({fd: 0})});
for (;;) {
    const [line] = lines.read_line_utf8(null);
    if (line === null)
        break;
    try {
        // Waits until the verifier is ready; check () never waits.
        const token = await verifier.check_async(line, audience, null, null);
        print(`good: ${token.get_subject()} may ${token.get_scope()}`);
    } catch (error) {
        print(`refused: ${error.message}`);
    }
}
