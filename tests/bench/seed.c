/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes what a load needs, N of it, as that many log-ins and requests would have done, and prints
 * it, one a line:
 *   refresh STATE CLIENT N        grants with a refresh token each, under the keys of STATE/keys
 *   codes STATE CLIENT N          authorization codes, with the challenge of RFC 7636 appendix B
 *   clients STATE N               registered clients, which nothing asks for
 *   access ISSUER KEYS CLIENT N   access tokens that the service has not seen yet
 * STATE belongs to a service that does not run. */

#include "base/tessera-clock-private.h"
#include "grants/tessera-refresh-token-grant-private.h"
#include "grants/tessera-token-issuer-private.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 20000 /* in one transaction */
#define CODE_LIFETIME_MS (60 * 60 * 1000)
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define REDIRECT_URI "http://127.0.0.1/cb"
#define SECRET "a-secret-of-at-least-128-bits-of-length"

/* Where it is put, and under which keys. */
typedef struct
{
  TesseraStore *store;
  TesseraKeyRing *keys;
} Target;

typedef gboolean (*PutFunc) (
    Target *target, const char *client_id, gint64 now_ms, guint i, GError **error);

static gboolean
put_refresh_token (Target *target, const char *client_id, gint64 now_ms, guint i, GError **error)
{
  g_autofree char *grant_id = tessera_identifier_new_at (now_ms);
  g_autofree char *subject = g_strdup_printf ("person%u", i % 1000);
  g_autofree char *token = NULL;
  TesseraGrant grant = {
    .nonce = tessera_nonce_new (),
    .grant_id = grant_id,
    .client_id = (char *) client_id,
    .login = { .subject = subject, .session_id = (char *) "bench", .auth_time = now_ms / 1000 },
    .scope = (char *) "read write",
    .began_ms = now_ms,
    .last_used_ms = now_ms,
    .expires_ms = now_ms + 30 * G_TIME_SPAN_DAY / 1000,
  };

  if (!tessera_store_put_grant (target->store, &grant, &grant.number, error))
    return FALSE;
  token = tessera_refresh_token_begin (tessera_key_ring_get_refresh_tokens (target->keys),
                                       target->store, &grant, now_ms, error);
  if (token == NULL)
    return FALSE;
  printf ("%s\n", token);
  return TRUE;
}

static gboolean
put_code (Target *target, const char *client_id, gint64 now_ms, guint i, GError **error)
{
  g_autofree char *code = tessera_secret_new ("tsc_");
  g_autofree char *subject = g_strdup_printf ("person%u", i % 1000);
  TesseraAuthorizationCode record = {
    .digest = tessera_digest (code, -1),
    .client_id = (char *) client_id,
    .redirect_uri = (char *) REDIRECT_URI,
    .redirect_uri_was_sent = TRUE,
    .code_challenge = (char *) CHALLENGE,
    .login = { .subject = subject, .session_id = (char *) "bench", .auth_time = now_ms / 1000 },
    .scope = (char *) "read write",
    .began_ms = now_ms,
    .expires_ms = now_ms + CODE_LIFETIME_MS,
  };

  printf ("%s\n", code);
  return tessera_store_put_code (target->store, &record, error);
}

static TesseraClient *
make_client (const char *id)
{
  return g_object_new (TESSERA_TYPE_CLIENT, "id", id, "name", "Bench", "secret", SECRET, "scope",
                       "read write", "grant-types",
                       (const char *const[]){ "client_credentials", NULL }, NULL);
}

static gboolean
put_client (Target *target, const char *client_id, gint64 now_ms, guint i, GError **error)
{
  g_autofree char *id = g_strdup_printf ("seeded-client-%u", i);
  g_autoptr (TesseraClient) client = make_client (id);

  return tessera_store_put_client (target->store, client, error);
}

static gboolean
put_each (Target *target, PutFunc put, const char *client_id, guint n, GError **error)
{
  for (guint i = 0; i < n; i++)
    {
      if (i % BATCH == 0 && !tessera_store_begin (target->store, error))
        return FALSE;
      if (!put (target, client_id, g_get_real_time () / 1000, i, error))
        return FALSE;
      if ((i % BATCH == BATCH - 1 || i == n - 1) && !tessera_store_commit (target->store, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
put_all (const char *directory, PutFunc put, const char *client_id, guint n, GError **error)
{
  g_autofree char *key_directory = g_build_filename (directory, "keys", NULL);
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, NULL, error);
  g_autoptr (TesseraKeyRing) keys
      = tessera_key_ring_open (key_directory, TESSERA_ALGORITHM_ES256, FALSE, clock, error);
  Target target = { store, keys };

  return store != NULL && keys != NULL && put_each (&target, put, client_id, n, error);
}

/* As much of a server as signs, with the keys of another. */
static gboolean
open_engine (TesseraEngine *engine, const char *issuer, const char *keys, GError **error)
{
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  gboolean rolled_back;

  engine->settings = tessera_settings_new (issuer);
  engine->resources = g_ptr_array_new ();
  engine->clock = tessera_clock_new ();
  engine->clients = tessera_client_registry_new ();
  engine->seen = tessera_seen_tokens_new (4);
  engine->keys = tessera_key_ring_open (keys, TESSERA_ALGORITHM_ES256, FALSE, engine->clock, error);
  engine->deny_list = tessera_deny_list_new (engine->clock, 0, NULL);
  return engine->keys != NULL
         && tessera_deny_list_load (engine->deny_list, store, 1, &rolled_back, error);
}

static gboolean
print_access_tokens (
    const char *issuer, const char *keys, const char *client_id, guint n, GError **error)
{
  TesseraEngine engine = { 0 };
  g_autoptr (TesseraClient) client = make_client (client_id);
  TesseraAuthorization authorization = { .client = client,
                                         .grant_type = "client_credentials",
                                         .login = { .subject = (char *) client_id },
                                         .scope = (char *) "read write" };

  if (!open_engine (&engine, issuer, keys, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      g_auto (TesseraIssuedToken) token = { 0 };
      authorization.began_ms = tessera_clock_get_ms (engine.clock);
      if (!tessera_token_issuer_issue (&engine, &authorization, &token, error))
        return FALSE;
      printf ("%s\n", token.access_token);
    }
  return TRUE;
}

static gboolean
run (int argc, char **argv, GError **error)
{
  const char *kind = argc > 1 ? argv[1] : "";

  if (g_str_equal (kind, "refresh") && argc == 5)
    return put_all (argv[2], put_refresh_token, argv[3], (guint) atoi (argv[4]), error);
  if (g_str_equal (kind, "codes") && argc == 5)
    return put_all (argv[2], put_code, argv[3], (guint) atoi (argv[4]), error);
  if (g_str_equal (kind, "clients") && argc == 4)
    return put_all (argv[2], put_client, NULL, (guint) atoi (argv[3]), error);
  if (g_str_equal (kind, "access") && argc == 6)
    return print_access_tokens (argv[2], argv[3], argv[4], (guint) atoi (argv[5]), error);
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "usage: seed refresh|codes STATE CLIENT N, seed clients STATE N, or seed "
                       "access ISSUER KEYS CLIENT N");
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (run (argc, argv, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
