/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A desktop client with librest: opens a browser, gets a token on a loopback port (RFC 8252), calls
 * the API, refreshes and revokes. A desktop program is a public client: it has no secret.
 *
 *     hello-client ISSUER CLIENT-ID
 *
 * The browser is the command in BROWSER, or xdg-open. */

#include <libsoup/soup.h>
#include <rest/rest.h>

typedef struct
{
  GMainLoop *loop;
  SoupServer *loopback;
  RestOAuth2Proxy *proxy;
  RestPkceCodeChallenge *pkce;
  const char *issuer;
  char *state;
  int status;
} Client;

static void
finish (Client *client, const GError *error)
{
  if (error != NULL)
    g_printerr ("%s\n", error->message);
  client->status = error == NULL ? 0 : 1;
  g_main_loop_quit (client->loop);
}

static void
call (Client *client, const char *when)
{
  g_autoptr (RestProxyCall) request = rest_proxy_new_call (REST_PROXY (client->proxy));
  g_autoptr (GError) error = NULL;

  rest_proxy_call_set_method (request, "GET");
  rest_proxy_call_set_function (request, "hello");
  rest_proxy_call_sync (request, &error);
  g_print ("call%s: %u %s\n", when, rest_proxy_call_get_status_code (request),
           error == NULL ? g_strchomp ((char *) rest_proxy_call_get_payload (request)) : "");
}

static void
on_revoked (GObject *session, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body
      = soup_session_send_and_read_finish (SOUP_SESSION (session), result, &error);
  Client *client = data;

  if (body != NULL)
    call (client, " after revocation");
  finish (client, error);
}

/* RFC 7009 §2.1; librest has no function for it. */
static void
revoke_token (Client *client)
{
  g_autoptr (SoupSession) session = soup_session_new ();
  g_autofree char *url = g_strconcat (client->issuer, "/revoke", NULL);
  char *form = soup_form_encode ("token", rest_oauth2_proxy_get_refresh_token (client->proxy),
                                 "token_type_hint", "refresh_token", "client_id",
                                 rest_oauth2_proxy_get_client_id (client->proxy), NULL);
  g_autoptr (SoupMessage) message = soup_message_new_from_encoded_form ("POST", url, form);

  soup_session_send_and_read_async (session, message, G_PRIORITY_DEFAULT, NULL, on_revoked, client);
}

static void
on_refreshed (GObject *proxy, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  Client *client = data;

  if (!rest_oauth2_proxy_refresh_access_token_finish (client->proxy, result, &error))
    {
      finish (client, error);
      return;
    }
  call (client, " after refresh");
  revoke_token (client);
}

static void
on_fetched (GObject *proxy, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  Client *client = data;

  if (!rest_oauth2_proxy_fetch_access_token_finish (client->proxy, result, &error))
    {
      finish (client, error);
      return;
    }
  call (client, "");
  rest_oauth2_proxy_refresh_access_token_async (client->proxy, NULL, on_refreshed, client);
}

static const char *
lookup (GHashTable *query, const char *name)
{
  return query != NULL ? g_hash_table_lookup (query, name) : NULL;
}

static void
on_callback (SoupServer *server,
             SoupServerMessage *message,
             const char *path,
             GHashTable *query,
             gpointer data)
{
  Client *client = data;

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC,
                                    "You may close this window.\n", 27);
  if (g_strcmp0 (lookup (query, "state"), client->state) != 0
      || g_strcmp0 (lookup (query, "iss"), client->issuer) != 0)
    return;
  if (lookup (query, "code") == NULL)
    {
      g_autoptr (GError) error
          = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "refused");
      finish (client, error);
      return;
    }
  rest_oauth2_proxy_fetch_access_token_async (client->proxy, lookup (query, "code"),
                                              rest_pkce_code_challenge_get_verifier (client->pkce),
                                              NULL, on_fetched, client);
}

static char *
listen_on_loopback (Client *client, GError **error)
{
  char *redirect_uri;
  GSList *uris;

  client->loopback = soup_server_new (NULL, NULL);
  soup_server_add_handler (client->loopback, "/callback", on_callback, client, NULL);
  if (!soup_server_listen_local (client->loopback, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, error))
    return NULL;
  uris = soup_server_get_uris (client->loopback);
  redirect_uri = g_strdup_printf ("http://127.0.0.1:%d/callback", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  return redirect_uri;
}

static gboolean
open_browser (const char *url, GError **error)
{
  const char *command = g_getenv ("BROWSER") ? g_getenv ("BROWSER") : "xdg-open";
  g_autofree char *quoted = g_shell_quote (url);
  g_autofree char *line = g_strconcat (command, " ", quoted, NULL);

  return g_spawn_command_line_async (line, error);
}

static gboolean
start (Client *client, const char *client_id, GError **error)
{
  g_autofree char *authorize = g_strconcat (client->issuer, "/authorize", NULL);
  g_autofree char *token = g_strconcat (client->issuer, "/token", NULL);
  g_autofree char *redirect_uri = listen_on_loopback (client, error);
  g_autofree char *url = NULL;

  if (redirect_uri == NULL)
    return FALSE;
  /* A public client has no secret; librest wants a text all the same. */
  client->proxy
      = rest_oauth2_proxy_new (authorize, token, redirect_uri, client_id, "", client->issuer);
  client->pkce = rest_pkce_code_challenge_new_random ();
  url = rest_oauth2_proxy_build_authorization_url (
      client->proxy, rest_pkce_code_challenge_get_challenge (client->pkce), NULL, &client->state);
  return open_browser (url, error);
}

int
main (int argc, char **argv)
{
  Client client = { 0 };
  g_autoptr (GError) error = NULL;

  if (argc != 3)
    g_error ("usage: hello-client ISSUER CLIENT-ID");
  client.loop = g_main_loop_new (NULL, FALSE);
  client.issuer = argv[1];
  if (start (&client, argv[2], &error))
    g_main_loop_run (client.loop);
  else
    finish (&client, error);

  g_clear_object (&client.proxy);
  g_clear_object (&client.loopback);
  g_clear_pointer (&client.pkce, rest_pkce_code_challenge_free);
  g_free (client.state);
  g_main_loop_unref (client.loop);
  return client.status;
}
