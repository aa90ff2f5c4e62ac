/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program of its own whose HTTP and WebSocket requests need access tokens that a server elsewhere
 * issued. Tokens are checked here, from memory; what is revoked there is refused here at once.
 *
 *     resource-server PORT ISSUER CLIENT-ID SECRET-FILE
 *
 * The client may have a token of scope "denylist", to follow what is revoked. */

#include <glib-unix.h>
#include <tessera.h>

static void
on_request (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  const char *subject = tessera_access_token_get_subject (tessera_get_access_token (message));
  g_autofree char *text = g_strdup_printf ("Hello, %s\n", subject);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_COPY, text, strlen (text));
}

static void
on_message (SoupWebsocketConnection *connection, int type, GBytes *text)
{
  soup_websocket_connection_send_message (connection, type, text);
}

static void
on_websocket (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *connection,
              gpointer data)
{
  g_signal_connect (connection, "message", G_CALLBACK (on_message), NULL);
  g_signal_connect (g_object_ref (connection), "closed", G_CALLBACK (g_object_unref), NULL);
}

static gboolean
on_terminate (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (GError) error = NULL;

  if (argc != 5)
    g_error ("usage: resource-server PORT ISSUER CLIENT-ID SECRET-FILE");

  g_autoptr (TesseraVerifier) verifier
      = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", argv[2], "client-id", argv[3],
                      "client-secret-file", argv[4], NULL);
  g_autoptr (TesseraBearerDomain) guard
      = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (verifier));
  soup_server_add_auth_domain (server, SOUP_AUTH_DOMAIN (guard));

  /* Tokens must be meant for this address, which tells clients where they come from. */
  g_autofree char *resource = g_strdup_printf ("http://127.0.0.1:%s", argv[1]);
  g_object_set (guard, "resource", resource, "resource-name", "Hello", NULL);

  soup_server_add_handler (server, "/", on_request, NULL, NULL);
  tessera_bearer_domain_add_websocket_handler (guard, server, "/socket", NULL, NULL, on_websocket,
                                               NULL, NULL);
  tessera_verifier_start (verifier);
  if (!soup_server_listen_local (server, atoi (argv[1]), SOUP_SERVER_LISTEN_IPV4_ONLY, &error))
    g_error ("%s", error->message);

  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);
  soup_server_disconnect (server);
  tessera_verifier_stop (verifier);
  return 0;
}
