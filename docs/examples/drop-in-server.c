/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server with the endpoint paths that clients of sgcWebSockets know: /sgc/oauth2/auth, …/token,
 * …/revoke, …/introspect. Who holds a token may revoke it, without client authentication.
 *
 *     drop-in-server PORT STATE-DIRECTORY [--without-revocation] */

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
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "Hello\n", 6);
}

static gboolean
on_terminate (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

/* Clients of sgcWebSockets may not know PKCE. One with a secret can be let do without. */
static TesseraClient *
make_my_app (const char *const *grant_types)
{
  const char *redirect_uris[] = { "http://127.0.0.1:8080", NULL };

  /* clang-format off */
  return g_object_new (TESSERA_TYPE_CLIENT,
                       "id", "my-client-id",
                       "name", "MyApp",
                       "secret", "my-client-secret",
                       "redirect-uris", redirect_uris,
                       "grant-types", grant_types,
                       "access-token-lifetime", 3600,
                       "refresh-tokens", TRUE,
                       "require-pkce", FALSE,
                       NULL);
  /* clang-format on */
}

static gboolean
register_applications (TesseraServer *tessera, GError **error)
{
  const char *code[] = { "authorization_code", NULL };
  const char *service[] = { "client_credentials", NULL };
  g_autoptr (TesseraClient) my_app = make_my_app (code);

  return tessera_server_add_client_object (tessera, my_app, error)
         && tessera_server_add_client (tessera, "Brief", "http://127.0.0.1:8080", "brief-id",
                                       "brief-secret", 2, FALSE, code, error)
         && tessera_server_add_client (tessera, "Machine", NULL, "machine-id", "machine-secret", 0,
                                       FALSE, service, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (GError) error = NULL;

  if (argc < 3)
    g_error ("usage: drop-in-server PORT STATE-DIRECTORY [--without-revocation]");

  g_autofree char *issuer = g_strdup_printf ("http://127.0.0.1:%s", argv[1]);
  g_autoptr (TesseraServer) tessera = tessera_server_new (issuer, argv[2]);
  /* clang-format off */
  g_object_set (tessera,
                "authorization-path", "/sgc/oauth2/auth",
                "token-path", "/sgc/oauth2/token",
                "revocation-path", "/sgc/oauth2/revoke",
                "introspection-path", "/sgc/oauth2/introspect",
                "revocation-enabled", g_strcmp0 (argv[3], "--without-revocation") != 0,
                "revocation-requires-client-authentication", FALSE,
                NULL);
  /* clang-format on */
  g_signal_connect (tessera, "authenticate", G_CALLBACK (on_authenticate), NULL);
  g_signal_connect (tessera, "after-revoke-token", G_CALLBACK (on_revoked), NULL);
  if (!register_applications (tessera, &error))
    g_error ("%s", error->message);

  tessera_server_attach (tessera, server);
  g_autoptr (TesseraBearerDomain) guard
      = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (tessera));
  soup_server_add_auth_domain (server, SOUP_AUTH_DOMAIN (guard));
  soup_server_add_handler (server, "/", on_request, NULL, NULL);
  if (!soup_server_listen_local (server, atoi (argv[1]), SOUP_SERVER_LISTEN_IPV4_ONLY, &error))
    g_error ("%s", error->message);

  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);
  soup_server_disconnect (server);
  tessera_server_close (tessera);
  return 0;
}
