/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* librest (GNOME) as a client: authorization code with PKCE, a protected call, refresh; says TAP.
 *
 * Environment: AUTH_URL TOKEN_URL REVOKE_URL LOGOUT_URL API_URL CLIENT_ID CLIENT_SECRET (unset: a
 * public client) REDIRECT_URI SCOPE, AGENT: the program that is the person at the browser. */

#include <rest/rest.h>
#include <stdio.h>
#include <stdlib.h>

static const char *client_id;
static int n_lines;
static gboolean all_good = TRUE;

static gboolean
tap (gboolean ok, const char *sentence)
{
  printf ("%s %d - librest as %s: %s\n", ok ? "ok" : "not ok", ++n_lines, client_id, sentence);
  all_good = all_good && ok;
  return ok;
}

static gboolean
say_error (const char *what, GError *error)
{
  if (error == NULL)
    return TRUE;
  printf ("# %s: %s\n", what, error->message);
  g_error_free (error);
  return FALSE;
}

/* Lets the person sign in and allow. The address that the browser is sent to, or NULL. */
static GUri *
walk_through_pages (const char *address)
{
  const char *argv[]
      = { "/usr/bin/python3", g_getenv ("AGENT"), address, g_getenv ("REDIRECT_URI"), NULL };
  g_autofree char *printed = NULL;
  GError *error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &printed, NULL, &status,
                &error);
  if (!say_error ("agent", error) || status != 0)
    return NULL;
  return g_uri_parse (g_strstrip (printed), G_URI_FLAGS_ENCODED, NULL);
}

typedef struct
{
  GMainLoop *loop;
  gboolean ok;
} Wait;

static void
on_fetched (GObject *proxy, GAsyncResult *result, gpointer data)
{
  Wait *wait = data;
  GError *error = NULL;

  wait->ok
      = rest_oauth2_proxy_fetch_access_token_finish (REST_OAUTH2_PROXY (proxy), result, &error);
  say_error ("fetch", error);
  g_main_loop_quit (wait->loop);
}

static void
on_refreshed (GObject *proxy, GAsyncResult *result, gpointer data)
{
  Wait *wait = data;
  GError *error = NULL;

  wait->ok
      = rest_oauth2_proxy_refresh_access_token_finish (REST_OAUTH2_PROXY (proxy), result, &error);
  say_error ("refresh", error);
  g_main_loop_quit (wait->loop);
}

static gboolean
log_in (RestOAuth2Proxy *proxy)
{
  RestPkceCodeChallenge *pkce = rest_pkce_code_challenge_new_random ();
  g_autofree char *state = NULL;
  g_autofree char *address = rest_oauth2_proxy_build_authorization_url (
      proxy, rest_pkce_code_challenge_get_challenge (pkce), g_getenv ("SCOPE"), &state);
  g_autoptr (GUri) back = walk_through_pages (address);
  g_autoptr (GHashTable) answer = NULL; /* char *name -> char *value */
  Wait wait = { g_main_loop_new (NULL, FALSE), FALSE };

  if (back != NULL && g_uri_get_query (back) != NULL)
    answer = g_uri_parse_params (g_uri_get_query (back), -1, "&", G_URI_PARAMS_WWW_FORM, NULL);
  if (!tap (answer != NULL && g_hash_table_contains (answer, "code"),
            "the browser comes back with a code"))
    return FALSE;
  tap (g_strcmp0 (g_hash_table_lookup (answer, "state"), state) == 0, "the state is unchanged");

  rest_oauth2_proxy_fetch_access_token_async (proxy, g_hash_table_lookup (answer, "code"),
                                              rest_pkce_code_challenge_get_verifier (pkce), NULL,
                                              on_fetched, &wait);
  g_main_loop_run (wait.loop);
  g_main_loop_unref (wait.loop);
  rest_pkce_code_challenge_free (pkce);
  return tap (wait.ok && rest_oauth2_proxy_get_access_token (proxy) != NULL,
              "the code is exchanged for tokens");
}

/* GET API_URL; librest leaves the header to the application. */
static guint
call (RestOAuth2Proxy *proxy)
{
  g_autoptr (RestProxyCall) message = rest_proxy_new_call (REST_PROXY (proxy));
  g_autofree char *bearer
      = g_strconcat ("Bearer ", rest_oauth2_proxy_get_access_token (proxy), NULL);
  GError *error = NULL;

  rest_proxy_call_add_header (message, "Authorization", bearer);
  rest_proxy_call_set_method (message, "GET");
  rest_proxy_call_sync (message, &error);
  say_error ("call", error);
  return rest_proxy_call_get_status_code (message);
}

/* librest sends no client authentication when it refreshes, and takes a refusal for success: what
 * tells is whether the tokens are others. */
static gboolean
is_refreshed (RestOAuth2Proxy *proxy)
{
  g_autofree char *access_token = g_strdup (rest_oauth2_proxy_get_access_token (proxy));
  Wait wait = { g_main_loop_new (NULL, FALSE), FALSE };

  rest_oauth2_proxy_refresh_access_token_async (proxy, NULL, on_refreshed, &wait);
  g_main_loop_run (wait.loop);
  g_main_loop_unref (wait.loop);
  return g_strcmp0 (access_token, rest_oauth2_proxy_get_access_token (proxy)) != 0;
}

static void
refresh (RestOAuth2Proxy *proxy, gboolean is_public)
{
  g_autofree char *refresh_token = g_strdup (rest_oauth2_proxy_get_refresh_token (proxy));
  gboolean changed = is_refreshed (proxy);

  if (!is_public)
    {
      tap (!changed, "a confidential client that does not authenticate itself is not refreshed");
      return;
    }
  tap (changed, "refresh gives another access token");
  tap (g_strcmp0 (refresh_token, rest_oauth2_proxy_get_refresh_token (proxy)) != 0,
       "and another refresh token");
  tap (call (proxy) == 200, "the protected resource takes the new token");
}

/* As an application does that forgets an account: librest has nothing for it. */
static gboolean
revoke_tokens (RestOAuth2Proxy *proxy)
{
  g_autoptr (RestProxy) endpoint = rest_proxy_new (g_getenv ("REVOKE_URL"), FALSE);
  g_autoptr (RestProxyCall) message = rest_proxy_new_call (endpoint);
  GError *error = NULL;

  rest_proxy_call_set_method (message, "POST");
  rest_proxy_call_add_param (message, "token", rest_oauth2_proxy_get_refresh_token (proxy));
  rest_proxy_call_add_param (message, "client_id", client_id);
  if (g_getenv ("CLIENT_SECRET") != NULL)
    rest_proxy_call_add_param (message, "client_secret", g_getenv ("CLIENT_SECRET"));
  rest_proxy_call_sync (message, &error);
  return say_error ("revoke", error) && rest_proxy_call_get_status_code (message) == 200;
}

/* What was given is worth nothing any more. */
static void
expect_refusal (RestOAuth2Proxy *proxy, const char *when)
{
  g_autofree char *refused
      = g_strconcat ("the protected resource refuses the token after ", when, NULL);
  g_autofree char *over = g_strconcat ("and nothing is refreshed after ", when, NULL);

  tap (call (proxy) == 401, refused);
  tap (!is_refreshed (proxy), over);
}

static void
log_out (RestOAuth2Proxy *proxy)
{
  if (!log_in (proxy))
    return;
  g_autoptr (GUri) back = walk_through_pages (g_getenv ("LOGOUT_URL"));
  tap (back != NULL && g_str_has_suffix (g_uri_get_path (back), "/out"),
       "who signs out in the browser is asked, and comes back");
  expect_refusal (proxy, "that");
}

static RestOAuth2Proxy *
new_proxy (void)
{
  return rest_oauth2_proxy_new (g_getenv ("AUTH_URL"), g_getenv ("TOKEN_URL"),
                                g_getenv ("REDIRECT_URI"), client_id, g_getenv ("CLIENT_SECRET"),
                                g_getenv ("API_URL"));
}

int
main (void)
{
  const char *secret = g_getenv ("CLIENT_SECRET");
  g_autoptr (RestOAuth2Proxy) proxy = NULL;
  g_autoptr (RestOAuth2Proxy) other = NULL;

  client_id = g_getenv ("CLIENT_ID");
  proxy = new_proxy ();
  if (log_in (proxy))
    {
      tap (rest_oauth2_proxy_get_expiration_date (proxy) != NULL,
           "expires_in is a number: librest asks for it at every call");
      tap (call (proxy) == 200, "the protected resource takes the token");
      if (tap (rest_oauth2_proxy_get_refresh_token (proxy) != NULL, "there is a refresh token"))
        refresh (proxy, secret == NULL);
      tap (revoke_tokens (proxy), "the refresh token is revoked");
      expect_refusal (proxy, "a revocation");
      other = new_proxy ();
      log_out (other);
    }
  printf ("1..%d\n", n_lines);
  return all_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
