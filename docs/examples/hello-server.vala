/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An HTTP, HTTPS and WebSocket server that wants a Bearer token for everything.
 *
 *     hello-server PORT STATE-DIRECTORY [HTTPS-PORT PEM-FILE [KEY-FILE CA-FILE]] */

static void on_authenticate (Tessera.Authentication login) {
    if (login.get_username () == "user" && login.get_password () == "secret")
        login.accept (null);
    else
        login.deny ();
}

/* The token is for the handler only: what is logged is its digest. */
static void on_revoked (Tessera.Revocation revocation) {
    print ("revocation token=%s hint=%s revoked=%s\n",
           Checksum.compute_for_string (ChecksumType.SHA256, revocation.get_token () ?? ""),
           revocation.get_token_type_hint () ?? "none",
           revocation.get_revoked ().to_string ());
}

static void on_request (Soup.Server server, Soup.ServerMessage message, string path, HashTable<string, string>? query) {
    var text = "Hello, %s\n".printf (Tessera.get_access_token (message).get_subject ());
    message.set_status (200, null);
    message.set_response ("text/plain", Soup.MemoryUse.COPY, text.data);
}

static void on_websocket (Soup.Server server, Soup.ServerMessage message, string path, Soup.WebsocketConnection connection) {
    connection.message.connect ((type, text) => connection.send_message ((Soup.WebsocketDataType) type, text));
    connection.closed.connect ((self) => self.unref ());
    connection.ref ();
}

int main (string[] args) {
    var loop = new MainLoop ();
    var tessera = new Tessera.Server ("http://127.0.0.1:" + args[1], args[2]);
    var server = (Soup.Server) Object.new (typeof (Soup.Server));
    var guard = new Tessera.BearerDomain (tessera);
    try {
        tessera.authenticate.connect (on_authenticate);
        tessera.after_revoke_token.connect (on_revoked);
        tessera.add_client ("MyApp", "", "client-id", "client-secret", 3600, true, null);
        tessera.add_client ("Desktop", "", "desktop-id", null, 3600, true, null);

        tessera.attach (server);
        guard.close_connection = true;
        server.add_auth_domain (guard);
        server.add_handler ("/", on_request);
        guard.add_websocket_handler (server, "/socket", null, null, on_websocket);
        server.listen_local (int.parse (args[1]), Soup.ServerListenOptions.IPV4_ONLY);
        if (args.length > 4) {
            Tessera.set_tls_files (server, args[4], args.length > 5 ? args[5] : null, args.length > 6 ? args[6] : null);
            server.listen_local (int.parse (args[3]), Soup.ServerListenOptions.IPV4_ONLY | Soup.ServerListenOptions.HTTPS);
        }
    } catch (Error error) {
        printerr ("%s\n", error.message);
        return 1;
    }
    loop.run ();
    return 0;
}
