/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An HTTP, HTTPS and WebSocket server that wants a Bearer token for everything.
 *
 *     hello-server PORT STATE-DIRECTORY [HTTPS-PORT PEM-FILE [KEY-FILE CA-FILE]] */

#include <glib-unix.h>
#include <tessera.h>

static void
on_authenticate (TesseraServer *tessera, TesseraAuthentication *login)
{
  if (g_str_equal (tessera_authentication_get_username (login), "user")
      && g_str_equal (tessera_authentication_get_password (login), "secret"))
    tessera_authentication_accept (login, NULL);
  else
    tessera_authentication_deny (login);
}

/* The token is for the handler only: what is logged is its digest. */
static void
on_revoked (TesseraServer *tessera, TesseraRevocation *revocation)
{
  const char *token = tessera_revocation_get_token (revocation);
  const char *hint = tessera_revocation_get_token_type_hint (revocation);
  g_autofree char *digest
      = g_compute_checksum_for_string (G_CHECKSUM_SHA256, token ? token : "", -1);

  g_print ("revocation token=%s hint=%s revoked=%s\n", digest, hint ? hint : "none",
           tessera_revocation_get_revoked (revocation) ? "true" : "false");
}

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

static gboolean
start (SoupServer *server, char **argv, GError **error)
{
  if (!soup_server_listen_local (server, atoi (argv[1]), SOUP_SERVER_LISTEN_IPV4_ONLY, error))
    return FALSE;
  if (argv[3] == NULL)
    return TRUE;
  return tessera_set_tls_files (server, argv[4], argv[5], argv[5] ? argv[6] : NULL, error)
         && soup_server_listen_local (server, atoi (argv[3]),
                                      SOUP_SERVER_LISTEN_IPV4_ONLY | SOUP_SERVER_LISTEN_HTTPS,
                                      error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (GError) error = NULL;

  if (argc != 3 && (argc < 5 || argc > 7))
    g_error ("usage: hello-server PORT STATE-DIRECTORY [HTTPS-PORT PEM-FILE [KEY-FILE CA-FILE]]");

  g_autofree char *issuer = g_strdup_printf ("http://127.0.0.1:%s", argv[1]);
  g_autoptr (TesseraServer) tessera = tessera_server_new (issuer, argv[2]);
  g_signal_connect (tessera, "authenticate", G_CALLBACK (on_authenticate), NULL);
  g_signal_connect (tessera, "after-revoke-token", G_CALLBACK (on_revoked), NULL);
  if (!tessera_server_add_client (tessera, "MyApp", "", "client-id", "client-secret", 3600, TRUE,
                                  NULL, &error)
      || !tessera_server_add_client (tessera, "Desktop", "", "desktop-id", NULL, 3600, TRUE, NULL,
                                     &error))
    g_error ("%s", error->message);

  tessera_server_attach (tessera, server);
  g_autoptr (TesseraBearerDomain) guard
      = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (tessera));
  g_object_set (guard, "close-connection", TRUE, NULL);
  soup_server_add_auth_domain (server, SOUP_AUTH_DOMAIN (guard));
  soup_server_add_handler (server, "/", on_request, NULL, NULL);
  tessera_bearer_domain_add_websocket_handler (guard, server, "/socket", NULL, NULL, on_websocket,
                                               NULL, NULL);
  if (!start (server, argv, &error))
    g_error ("%s", error->message);

  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);
  soup_server_disconnect (server);
  tessera_server_close (tessera);
  return 0;
}
