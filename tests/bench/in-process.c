/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What single steps cost, without HTTP: nanoseconds of CPU time each, one JSON object. With a
 * number each is done that often and nothing is timed: tests/bench/instructions has callgrind count
 * what the functions named path_… execute. usage: in-process [TIMES] */

#include "base/tessera-json-private.h"
#include "base/tessera-params-private.h"
#include "engine-fixture.h"
#include "endpoints/tessera-introspection-endpoint-private.h"
#include "endpoints/tessera-token-endpoint-private.h"
#include "grants/tessera-token-issuer-private.h"
#include "model/tessera-code-challenge-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE 1000 /* tokens, and entries of the list */
#define ROUNDS 5
#define DOOMED 500
#define LIFETIME_MS (600 * 1000)

typedef struct
{
  EngineFixture *fixture;
  TesseraEngine *engine;
  GPtrArray *tokens; /* char*, all good */
  GPtrArray *jtis;   /* char*; what is listed is the first half */

  char *directory;
  TesseraStore *store; /* of the list below */
  TesseraDenyList *list;

  EngineFixture *durable; /* with a database */
  char *refresh_token;    /* of it, the newest */
  GPtrArray *doomed;      /* char*, its tokens, to be revoked one after the other */
  guint n_revoked;
} Bench;

static void
expect (gboolean condition, const char *what)
{
  if (!condition)
    g_error ("%s", what);
}

/* --- What is measured ------------------------------------------------------------------------- */

static char *
mint (TesseraEngine *engine)
{
  g_autoptr (TesseraClient) client = tessera_client_registry_lookup (engine->clients, "c1");
  TesseraAuthorization authorization = { .client = client,
                                         .grant_type = "client_credentials",
                                         .login = { .subject = (char *) "c1" },
                                         .scope = (char *) "a b",
                                         .began_ms = tessera_clock_get_ms (engine->clock) };
  g_auto (TesseraIssuedToken) token = { 0 };

  expect (tessera_token_issuer_issue (engine, &authorization, &token, NULL), "no token");
  return g_steal_pointer (&token.access_token);
}

static void
path_mint (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    g_free (mint (b->engine));
}

static void
verify (Bench *b, guint i)
{
  const char *token = b->tokens->pdata[i % b->tokens->len];
  g_autoptr (TesseraAccessToken) good
      = tessera_engine_check_token (b->engine, token, strlen (token), NULL, NULL);

  expect (good != NULL, "a good token is refused");
}

static void
path_verify_cold (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    verify (b, i);
}

static void
path_verify_seen (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    verify (b, i % 16);
}

static gboolean
is_denied (Bench *b, guint at)
{
  TesseraTokenIdentity token = { .jti = b->jtis->pdata[at],
                                 .issued_ms = tessera_clock_get_ms (b->engine->clock),
                                 .expires_ms = G_MAXINT64,
                                 .client_id = "c1",
                                 .subject = "c1",
                                 .kid = "kid" };

  return tessera_deny_list_check (b->list, &token);
}

static void
path_check_listed (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    expect (is_denied (b, i % (SAMPLE / 2)), "a revoked token is taken");
}

static void
path_check_not_listed (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    expect (!is_denied (b, SAMPLE / 2 + i % (SAMPLE / 2)), "a good token is refused");
}

static gboolean
deny (Bench *b, const char *jti)
{
  gint64 now = tessera_clock_get_ms (b->engine->clock);
  TesseraTokenIdentity token = { .jti = jti,
                                 .issued_ms = now,
                                 .expires_ms = now + LIFETIME_MS,
                                 .client_id = "c1",
                                 .subject = "c1",
                                 .kid = "kid" };

  return tessera_deny_list_deny_token (b->list, b->store, &token, NULL, NULL);
}

/* All in one transaction, whose sync costs no instructions. */
static void
path_insert (Bench *b, guint n)
{
  expect (tessera_store_begin (b->store, NULL), "no transaction");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *jti = tessera_uuid_new (tessera_clock_get_ms (b->engine->clock));
      expect (deny (b, jti), "cannot revoke");
    }
  expect (tessera_store_commit (b->store, NULL), "cannot commit");
}

static void
path_parameters (Bench *b, guint n)
{
  static const char form[]
      = "grant_type=authorization_code&code=tsc_7f3Qm0lq5J9rZtV1xYw8Bd2Gh4Kn6Mp_sUvWxYzAbCd&"
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A8417%2Fcb&client_id=c1&"
        "code_verifier=" ENGINE_FIXTURE_VERIFIER;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (TesseraParams) params = tessera_params_parse (form, sizeof form - 1, NULL);
      expect (tessera_params_check_repeats (params, NULL)
                  && tessera_params_get (params, "code_verifier") != NULL,
              "a good form is refused");
    }
}

static void
path_pkce (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    expect (tessera_code_challenge_matches (ENGINE_FIXTURE_CHALLENGE, ENGINE_FIXTURE_VERIFIER),
            "the challenge of RFC 7636 is refused");
}

static void
path_json (Bench *b, guint n)
{
  static const char text[]
      = "{\"iss\":\"https://id.example\",\"sub\":\"alice\",\"aud\":\"https://api.example\","
        "\"client_id\":\"c1\",\"scope\":\"read write\",\"iat\":1700000000,\"exp\":1700000600,"
        "\"jti\":\"018bcfe5-6800-7abc-8def-0123456789ab\",\"amr\":[\"pwd\",\"otp\"]}";

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (json_t) json = tessera_json_parse (text, sizeof text - 1, sizeof text, NULL);
      g_autofree char *again = tessera_json_dump (json);
      expect (strcmp (again, text) == 0, "JSON comes back as another");
    }
}

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  return NULL;
}

static void
on_send (TesseraExchange *exchange)
{
  expect (exchange->status == 200, "an endpoint refuses");
}

static void
ask (Bench *b, const char *path, const char *form)
{
  static const TesseraExchangeFront front = { get_header, on_send };
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, NULL, NULL);

  exchange->method = "POST";
  exchange->path = path;
  exchange->body = form;
  exchange->body_length = strlen (form);
  exchange->remote_address = "127.0.0.1";
  if (g_str_equal (path, "/token"))
    tessera_token_endpoint_handle (b->engine, exchange);
  else
    tessera_introspection_endpoint_handle (b->engine, exchange);
}

static void
path_token_request (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    ask (b, "/token",
         "grant_type=client_credentials&client_id=c1&client_secret=" ENGINE_FIXTURE_SECRET
         "&scope=a");
}

static void
path_introspection_request (Bench *b, guint n)
{
  g_autofree char *form = g_strconcat (
      "client_id=c1&client_secret=" ENGINE_FIXTURE_SECRET "&token=", b->tokens->pdata[0], NULL);

  for (guint i = 0; i < n; i++)
    ask (b, "/introspect", form);
}

static Answer *
ask_durable (Bench *b, const char *path, const char *form)
{
  Answer *answer = engine_fixture_ask (b->durable, path, "c1", form);

  expect (answer->status == 200, "a durable request is refused");
  return answer;
}

static void
path_refresh_request (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *form
          = g_strconcat ("grant_type=refresh_token&refresh_token=", b->refresh_token, NULL);
      g_autoptr (Answer) answer = ask_durable (b, "/token", form);
      g_free (b->refresh_token);
      b->refresh_token = g_strdup (answer_get (answer, "refresh_token"));
    }
}

static void
path_revocation_request (Bench *b, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *form
          = g_strconcat ("token=", b->doomed->pdata[b->n_revoked++ % b->doomed->len], NULL);
      g_autoptr (Answer) answer = ask_durable (b, "/revoke", form);
    }
}

/* --- Around it -------------------------------------------------------------------------------- */

static void
forget_tokens (Bench *b)
{
  tessera_seen_tokens_clear (b->engine->seen);
}

static void
know_tokens (Bench *b)
{
  for (guint i = 0; i < 16; i++)
    verify (b, i);
}

typedef struct
{
  const char *name;
  void (*run) (Bench *b, guint n);
  guint times;                /* in a round */
  void (*prepare) (Bench *b); /* each round, or NULL */
  gboolean threads;           /* more than one work at it */
} Path;

static const Path paths[] = {
  { "mint", path_mint, 2000, NULL },
  { "verify_cold", path_verify_cold, SAMPLE, forget_tokens },
  { "verify_seen", path_verify_seen, 50000, know_tokens },
  { "check_listed", path_check_listed, 200000, NULL },
  { "check_not_listed", path_check_not_listed, 200000, NULL },
  { "insert", path_insert, 5000, NULL },
  { "parameters", path_parameters, 50000, NULL },
  { "pkce", path_pkce, 50000, NULL },
  { "json", path_json, 20000, NULL },
  { "token_request", path_token_request, 2000, NULL },
  { "introspection_request", path_introspection_request, 20000, know_tokens },
  { "refresh_request", path_refresh_request, 200, NULL, TRUE },
  { "revocation_request", path_revocation_request, DOOMED / ROUNDS, NULL, TRUE },
};

static void
open_list (Bench *b)
{
  gboolean rolled_back;
  g_autoptr (GError) error = NULL;

  b->directory = g_dir_make_tmp ("tessera-bench-XXXXXX", &error);
  b->store = tessera_sqlite_store_open (b->directory, NULL, &error);
  b->list = tessera_deny_list_new (b->engine->clock, 0, NULL);
  if (b->store == NULL
      || !tessera_deny_list_load (b->list, b->store, LIFETIME_MS, &rolled_back, &error))
    g_error ("%s", error->message);
  expect (tessera_store_begin (b->store, NULL), "no transaction");
  for (guint i = 0; i < SAMPLE / 2; i++)
    expect (deny (b, b->jtis->pdata[i]), "cannot revoke");
  expect (tessera_store_commit (b->store, NULL), "cannot commit");
}

/* The same in each process, and so the places in the list: what looks for them counts the same. */
static char *
make_jti (GRand *random)
{
  static const guint8 version[16] = { 1, 0x8b, 0xcf, 0xe5, 0x68, 0, 0x70, 0, 0x80 };
  guint8 bytes[16];
  char *jti = g_malloc (TESSERA_UUID_LENGTH + 1);

  memcpy (bytes, version, sizeof bytes);
  for (guint i = 9; i < sizeof bytes; i++)
    bytes[i] = (guint8) g_rand_int_range (random, 0, 256);
  tessera_uuid_write (bytes, jti);
  return jti;
}

static void
set_up (Bench *b)
{
  GRand *random = g_rand_new_with_seed (1);

  b->fixture = engine_fixture_new (FALSE);
  b->engine = &b->fixture->engine;
  b->tokens = g_ptr_array_new_with_free_func (g_free);
  b->jtis = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < SAMPLE; i++)
    {
      g_ptr_array_add (b->tokens, mint (b->engine));
      g_ptr_array_add (b->jtis, make_jti (random));
    }
  g_rand_free (random);
  open_list (b);
}

static void
set_up_durable (Bench *b)
{
  b->durable = engine_fixture_new (TRUE);
  g_autofree char *code = engine_fixture_put_code (b->durable, "c1");
  g_autoptr (Answer) answer = engine_fixture_redeem (b->durable, "c1", code);
  b->refresh_token = g_strdup (answer_get (answer, "refresh_token"));
  b->doomed = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < DOOMED; i++)
    g_ptr_array_add (b->doomed, mint (&b->durable->engine));
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);

  for (const char *name; (name = g_dir_read_name (directory)) != NULL;)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_unlink (file);
    }
  g_rmdir (path);
}

static void
tear_down (Bench *b)
{
  tessera_deny_list_free (b->list);
  g_object_unref (b->store);
  remove_directory (b->directory);
  g_free (b->directory);
  g_ptr_array_unref (b->tokens);
  g_ptr_array_unref (b->jtis);
  engine_fixture_free (b->fixture);
}

static void
tear_down_durable (Bench *b)
{
  engine_fixture_free (b->durable);
  g_free (b->refresh_token);
  g_ptr_array_unref (b->doomed);
}

static double
get_cpu_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* The best of some rounds: whatever else the machine does only adds to it. */
static double
measure (Bench *b, const Path *path)
{
  double best = G_MAXDOUBLE;

  for (guint round = 0; round < ROUNDS; round++)
    {
      if (path->prepare != NULL)
        path->prepare (b);
      double begin = get_cpu_ns ();
      path->run (b, path->times);
      best = MIN (best, (get_cpu_ns () - begin) / path->times);
    }
  return best;
}

static void
time_paths (Bench *b)
{
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    printf ("%s\"%s\": %.1f", i > 0 ? ", " : "{", paths[i].name, measure (b, &paths[i]));
  printf ("}\n");
}

/* Those of one thread. */
static void
run_paths (Bench *b, guint times)
{
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      if (paths[i].threads)
        continue;
      if (paths[i].prepare != NULL)
        paths[i].prepare (b);
      paths[i].run (b, times);
    }
}

/* One of those of several. */
static void
run_path (Bench *b, guint times, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    if (paths[i].threads && g_str_equal (paths[i].name, name))
      paths[i].run (b, times);
}

int
main (int argc, char **argv)
{
  Bench bench = { 0 };
  guint times = argc > 1 ? (guint) atoi (argv[1]) : 0;

  if (argc < 3)
    set_up (&bench);
  if (argc != 2)
    set_up_durable (&bench);

  if (argc > 2)
    run_path (&bench, times, argv[2]);
  else if (argc == 2)
    run_paths (&bench, times);
  else
    time_paths (&bench);

  if (argc < 3)
    tear_down (&bench);
  if (argc != 2)
    tear_down_durable (&bench);
  return 0;
}
