/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* librest (GNOME) as an OAuth client: authorization code + PKCE, protected call, refresh.
 * Environment: AUTH_URL TOKEN_URL API_URL CLIENT_ID CLIENT_SECRET(unset = public) REDIRECT_URI
 * SCOPE AGENT */
#include <rest/rest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static GMainLoop *loop;
static gboolean ok_flag;
static int n, bad;

static void
tap (gboolean ok, const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  g_autofree char *s = g_strdup_vprintf (fmt, ap);
  va_end (ap);
  printf ("%s %d - librest: %s\n", ok ? "ok" : "not ok", ++n, s);
  if (!ok)
    bad++;
}

static void
fetched (GObject *src, GAsyncResult *res, gpointer data)
{
  g_autoptr (GError) e = NULL;
  ok_flag = rest_oauth2_proxy_fetch_access_token_finish (REST_OAUTH2_PROXY (src), res, &e);
  if (e)
    printf ("# fetch error: %s\n", e->message);
  g_main_loop_quit (loop);
}

static void
refreshed (GObject *src, GAsyncResult *res, gpointer data)
{
  g_autoptr (GError) e = NULL;
  ok_flag = rest_oauth2_proxy_refresh_access_token_finish (REST_OAUTH2_PROXY (src), res, &e);
  if (e)
    printf ("# refresh error: %s\n", e->message);
  g_main_loop_quit (loop);
}

static guint
api_call (RestOAuth2Proxy *p)
{
  g_autoptr (GError) e = NULL;
  g_autoptr (RestProxyCall) call = rest_proxy_new_call (REST_PROXY (p));
  g_autofree char *bearer = g_strconcat ("Bearer ", rest_oauth2_proxy_get_access_token (p), NULL);
  if (g_getenv ("ADD_BEARER"))
    rest_proxy_call_add_header (call, "Authorization", bearer);
  rest_proxy_call_set_method (call, "GET");
  rest_proxy_call_sync (call, &e);
  if (e)
    printf ("# api error: %s\n", e->message);
  return rest_proxy_call_get_status_code (call);
}

static const char *
env (const char *k, const char *d)
{
  const char *v = g_getenv (k);
  return v ? v : d;
}

int
main (void)
{
  g_autoptr (RestOAuth2Proxy) p
      = rest_oauth2_proxy_new (env ("AUTH_URL", ""), env ("TOKEN_URL", ""),
                               env ("REDIRECT_URI", ""), env ("CLIENT_ID", ""),
                               g_getenv ("CLIENT_SECRET"), env ("API_URL", ""));
  RestPkceCodeChallenge *pkce = rest_pkce_code_challenge_new_random ();
  char *state = NULL;
  g_autofree char *url
      = rest_oauth2_proxy_build_authorization_url (p, rest_pkce_code_challenge_get_challenge (pkce),
                                                   env ("SCOPE", "api:read"), &state);
  loop = g_main_loop_new (NULL, FALSE);
  printf ("# url %s\n# verifier length %zu\n", url,
          strlen (rest_pkce_code_challenge_get_verifier (pkce)));

  g_autofree char *out = NULL;
  int st = 0;
  const char *argv[] = { env ("AGENT", "./agent.py"), url, env ("REDIRECT_URI", ""), NULL };
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &st, NULL);
  tap (st == 0, "authorization request reaches the redirect");
  if (st)
    return 1;
  g_autoptr (GUri) u = g_uri_parse (g_strstrip (out), G_URI_FLAGS_ENCODED, NULL);
  g_autoptr (GHashTable) q
      = g_uri_parse_params (g_uri_get_query (u), -1, "&", G_URI_PARAMS_WWW_FORM, NULL);
  const char *code = g_hash_table_lookup (q, "code");
  tap (code != NULL, "code returned");
  tap (g_strcmp0 (g_hash_table_lookup (q, "state"), state) == 0, "state returned unchanged");

  rest_oauth2_proxy_fetch_access_token_async (p, code, rest_pkce_code_challenge_get_verifier (pkce),
                                              NULL, fetched, NULL);
  g_main_loop_run (loop);
  tap (ok_flag && rest_oauth2_proxy_get_access_token (p) != NULL,
       "code exchanged for an access token");
  tap (rest_oauth2_proxy_get_expiration_date (p) != NULL,
       "expires_in present (librest needs it for every call)");
  if (rest_oauth2_proxy_get_access_token (p) == NULL)
    {
      printf ("1..%d\n", n);
      return 1;
    }
  guint s = api_call (p);
  tap (s == 200, "protected call answers 200 (got %u)", s);

  g_autofree char *at1 = g_strdup (rest_oauth2_proxy_get_access_token (p));
  g_autofree char *rt1 = g_strdup (rest_oauth2_proxy_get_refresh_token (p));
  tap (rt1 != NULL, "refresh token issued");
  if (rt1)
    {
      rest_oauth2_proxy_refresh_access_token_async (p, NULL, refreshed, NULL);
      g_main_loop_run (loop);
      gboolean changed = g_strcmp0 (at1, rest_oauth2_proxy_get_access_token (p)) != 0;
      gboolean want = g_getenv ("CLIENT_SECRET")
                      == NULL; /* librest sends no client authentication on refresh */
      tap (changed == want,
           want ? "refresh of a public client gives a new access token"
                : "refresh without client authentication is refused to a confidential client");
      if (changed)
        {
          tap (g_strcmp0 (rt1, rest_oauth2_proxy_get_refresh_token (p)) != 0,
               "refresh token rotated for the public client");
          s = api_call (p);
          tap (s == 200, "protected call with the refreshed token answers 200 (got %u)", s);
        }
    }
  printf ("1..%d\n", n);
  return bad ? 1 : 0;
}
