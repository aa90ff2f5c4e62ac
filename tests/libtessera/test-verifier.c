/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verifier: what it accepts and refuses, and what becomes of it when the issuer is silent,
 * broken or hostile (threats.md D). */

#include "base/tessera-clock-private.h"
#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "fake-issuer.h"
#include "feed-maker.h"
#include "log-capture.h"
#include "resource/tessera-deny-replica-private.h"
#include "resource/tessera-verifier-private.h"

#include <glib/gstdio.h>
#include <string.h>

#define AUDIENCE "https://api.test"

static TesseraKey *key;
static TesseraKey *other_key;
static gint64 offset;  /* of the clock */
static gint64 elapsed; /* more than really has; atomic */

typedef struct
{
  FakeIssuer *issuer;
  TesseraVerifier *verifier;
  guint n_changed;
  guint n_stale;
  guint stale_age;
} Fixture;

static gboolean
on_too_long (gpointer data)
{
  g_error ("Not in time: line %d", GPOINTER_TO_INT (data));
  return G_SOURCE_REMOVE;
}

#define RUN_UNTIL(condition)                                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    guint too_long_ = g_timeout_add_seconds (60, on_too_long, GINT_TO_POINTER (__LINE__));         \
    guint turn_ = g_timeout_add (5, G_SOURCE_FUNC (again_), NULL);                                 \
    while (!(condition))                                                                           \
      g_main_context_iteration (NULL, TRUE);                                                       \
    g_source_remove (turn_);                                                                       \
    g_source_remove (too_long_);                                                                   \
  }                                                                                                \
  G_STMT_END

/* The conditions change in other threads: they are looked at again now and then. */
static gboolean
again_ (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
on_changed (TesseraVerifier *verifier, gpointer data)
{
  ((Fixture *) data)->n_changed++;
}

static void
on_stale (TesseraVerifier *verifier, guint age, gpointer data)
{
  Fixture *f = data;

  f->n_stale++;
  f->stale_age = age;
}

static void
pass (gint64 ms)
{
  __atomic_fetch_add (&elapsed, ms, __ATOMIC_ACQ_REL);
  __atomic_fetch_add (&offset, ms, __ATOMIC_ACQ_REL);
}

static void
watch (Fixture *f, TesseraVerifier *verifier)
{
  f->verifier = verifier;
  g_signal_connect (verifier, "changed", G_CALLBACK (on_changed), f);
  g_signal_connect (verifier, "stale", G_CALLBACK (on_stale), f);
}

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  offset = elapsed = 0;
  f->issuer = fake_issuer_new (key);
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->verifier);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  fake_issuer_free (f->issuer);
}

/* Of an issuer that publishes no list. */
static void
use_plain (Fixture *f)
{
  watch (f, g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "follow-deny-list",
                          FALSE, NULL));
}

static void
use_following (Fixture *f, gboolean accept_stale)
{
  watch (f, g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "client-id", "rs",
                          "client-secret", "s3cret", "accept-stale", accept_stale, NULL));
}

static void
start (Fixture *f)
{
  tessera_verifier_start (f->verifier);
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
}

static gboolean
has_problem (TesseraVerifier *verifier)
{
  g_autofree char *problem = tessera_verifier_dup_problem (verifier);

  return problem != NULL;
}

static gboolean
has_problem_like (TesseraVerifier *verifier, const char *pattern)
{
  g_autofree char *problem = tessera_verifier_dup_problem (verifier);

  return problem != NULL && g_pattern_match_simple (pattern, problem);
}

static gboolean
is_good (Fixture *f, const char *token)
{
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (f->verifier, token, AUDIENCE, NULL, NULL);

  return good != NULL;
}

static void
expect_good (Fixture *f, const char *token)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (f->verifier, token, AUDIENCE, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (good);
  g_assert_false (tessera_access_token_is_stale (good));
}

static void
expect_refused (Fixture *f, const char *token, TesseraError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (f->verifier, token, AUDIENCE, NULL, &error);

  g_assert_null (good);
  g_assert_error (error, TESSERA_ERROR, (gint) code);
  g_assert_true (g_str_is_ascii (error->message));
}

static char *
sign (Fixture *f, const char *more)
{
  return fake_issuer_sign (f->issuer, key, NULL, more);
}

static void
test_its_properties_are_as_they_were_given (Fixture *f, gconstpointer data)
{
  g_autofree char *issuer = NULL, *client_id = NULL, *secret_file = NULL, *token_type = NULL;
  g_autofree char *snapshot_uri = NULL, *problem = NULL;
  g_autoptr (GTlsDatabase) trusted
      = g_tls_backend_get_default_database (g_tls_backend_get_default ());
  g_autoptr (GTlsDatabase) tls_database = NULL;
  guint max_staleness = 0, age = 0;
  guint64 generation = 1;
  gboolean accept_stale = FALSE, follow = TRUE, ready = TRUE;

  watch (f, g_object_new (TESSERA_TYPE_VERIFIER, "issuer", "https://a.test", "client-id", "b",
                          "client-secret-file", "/c", "max-staleness", 7, "accept-stale", TRUE,
                          "token-type", "d", "follow-deny-list", FALSE, "snapshot-uri",
                          "https://e.test/", "tls-database", trusted, NULL));
  g_object_get (f->verifier, "issuer", &issuer, "client-id", &client_id, "client-secret-file",
                &secret_file, "max-staleness", &max_staleness, "accept-stale", &accept_stale,
                "token-type", &token_type, "follow-deny-list", &follow, "snapshot-uri",
                &snapshot_uri, "tls-database", &tls_database, "ready", &ready, "generation",
                &generation, "age", &age, "problem", &problem, NULL);
  g_assert_cmpstr (issuer, ==, "https://a.test");
  g_assert_cmpstr (client_id, ==, "b");
  g_assert_cmpstr (secret_file, ==, "/c");
  g_assert_cmpuint (max_staleness, ==, 7);
  g_assert_true (accept_stale);
  g_assert_cmpstr (token_type, ==, "d");
  g_assert_false (follow);
  g_assert_cmpstr (snapshot_uri, ==, "https://e.test/");
  g_assert_true (tls_database == trusted);
  g_assert_false (ready);
  g_assert_cmpuint (generation, ==, 0);
  g_assert_cmpuint (age, ==, G_MAXUINT);
  g_assert_null (problem);
}

/* RFC 9068. */

static void
test_accepts_what_the_issuer_signed (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  use_plain (f);
  expect_refused (f, token, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE); /* and starts it */
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (TesseraAccessToken) good
          = tessera_verifier_check (f->verifier, token, AUDIENCE, NULL, NULL);
      g_assert_cmpstr (tessera_access_token_get_client_id (good), ==, "c1");
      g_assert_cmpstr (tessera_access_token_get_scope (good), ==, "a b");
    }
  g_assert_null (tessera_verifier_dup_problem (f->verifier));
  RUN_UNTIL (f->n_changed > 0);
}

typedef struct
{
  const char *name;
  const char *typ;
  const char *more;
} Bad;

static const Bad bad[] = {
  { "another-issuer", NULL, "\"iss\":\"https://other.test\"" },
  { "an-issuer-with-a-slash", NULL, "\"iss\":\"http://127.0.0.1/\"" },
  { "no-issuer", NULL, "\"iss\":null" },
  { "another-audience", NULL, "\"aud\":\"https://other.test\"" },
  { "no-audience", NULL, "\"aud\":null" },
  { "no-subject", NULL, "\"sub\":null" },
  { "no-client", NULL, "\"client_id\":null" },
  { "no-jti", NULL, "\"jti\":null" },
  { "no-expiry", NULL, "\"exp\":null" },
  { "an-expiry-that-is-a-string", NULL, "\"exp\":\"4102444800\"" },
  { "an-expiry-with-a-fraction", NULL, "\"exp\":4102444800.5" },
  { "an-expiry-beyond-all-times", NULL, "\"exp\":9223372036854775807" },
  { "an-expiry-before-all-times", NULL, "\"exp\":-1" },
  { "expired", NULL, "\"exp\":1000000000" },
  { "no-iat", NULL, "\"iat\":null" },
  { "from-the-future", NULL, "\"iat\":4102444000,\"exp\":4102444800" },
  { "not-yet-valid", NULL, "\"nbf\":4102444000" },
  { "another-type", "JWT", "" },
  { "an-id-token", "id+jwt", "" },
};

static void
test_refuses (Fixture *f, gconstpointer data)
{
  const Bad *one = data;
  g_autofree char *token = fake_issuer_sign (f->issuer, key, one->typ, one->more);
  g_autofree char *good = sign (f, "");

  use_plain (f);
  start (f);
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
  expect_good (f, good);
}

static void
test_accepts_one_of_several_audiences (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "\"aud\":[\"https://other.test\",\"https://api.test\"]");

  use_plain (f);
  start (f);
  expect_good (f, token);
}

static void
test_a_jti_may_be_any (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "\"jti\":\"whatever\"");

  use_plain (f);
  start (f);
  expect_good (f, token);
  expect_good (f, token);
}

static void
test_scopes_are_demanded (Fixture *f, gconstpointer data)
{
  static const char *const both[] = { "b", "a", NULL };
  static const char *const more[] = { "a", "c", NULL };
  g_autofree char *token = sign (f, "");
  g_autoptr (GError) error = NULL;

  use_plain (f);
  start (f);
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (f->verifier, token, AUDIENCE, both, &error);
  g_assert_no_error (error);
  g_assert_nonnull (good);
  g_assert_null (tessera_verifier_check (f->verifier, token, AUDIENCE, more, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INSUFFICIENT_SCOPE);
}

static void
test_another_type_by_choice (Fixture *f, gconstpointer data)
{
  g_autofree char *jwt = fake_issuer_sign (f->issuer, key, "JWT", "");
  g_autofree char *at = sign (f, "");

  watch (f, g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "follow-deny-list",
                          FALSE, "token-type", "JWT", NULL));
  start (f);
  expect_good (f, jwt);
  expect_refused (f, at, TESSERA_ERROR_INVALID_TOKEN);
}

static void
test_a_seen_token_expires (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  use_plain (f);
  start (f);
  expect_good (f, token);
  pass (601 * 1000);
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
}

/* Keys. */

static void
test_another_key_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *token = fake_issuer_sign (f->issuer, other_key, NULL, "");

  use_plain (f);
  start (f);
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
}

typedef struct
{
  guint n_good;
  guint n_bad;
} Answers;

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  Answers *answers = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check_finish (TESSERA_VERIFIER (source), result, &error);

  g_assert_true ((good == NULL) == (error != NULL));
  answers->n_good += good != NULL;
  answers->n_bad += good == NULL;
}

static void
check_async (Fixture *f, const char *token, Answers *answers)
{
  tessera_verifier_check_async (f->verifier, token, AUDIENCE, NULL, NULL, on_checked, answers);
}

/* A key that came after the last look at the key set is fetched at once, by whoever can wait. */
static void
test_an_unknown_key_is_asked_for (Fixture *f, gconstpointer data)
{
  g_autofree char *token = fake_issuer_sign (f->issuer, other_key, NULL, "");
  Answers answers = { 0 };

  use_plain (f);
  start (f);
  g_ptr_array_add (f->issuer->keys, tessera_key_ref (other_key));
  check_async (f, token, &answers);
  RUN_UNTIL (answers.n_good == 1);
  g_assert_cmpuint (f->issuer->n_jwks, ==, 2);
}

/* threats.md D04. */
static void
test_many_unknown_keys_cost_one_request (Fixture *f, gconstpointer data)
{
  Answers answers = { 0 };
  const guint n = 10000;

  use_plain (f);
  start (f);
  g_autofree char *good = sign (f, "");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *header
          = g_strdup_printf ("{\"alg\":\"ES256\",\"kid\":\"k%08x%u\",\"typ\":\"at+jwt\"}",
                             g_random_int (), i);
      g_autofree char *head = tessera_base64url_encode ((guint8 *) header, strlen (header));
      g_autofree char *token = g_strconcat (head, strchr (good, '.'), NULL);
      if (i % 2 == 0)
        check_async (f, token, &answers);
      else
        expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
    }
  RUN_UNTIL (answers.n_bad == n / 2);
  g_assert_cmpuint (f->issuer->n_jwks, ==, 2);
  expect_good (f, good);
}

static void
test_unknown_keys_are_asked_for_once_a_minute (Fixture *f, gconstpointer data)
{
  g_autofree char *token = fake_issuer_sign (f->issuer, other_key, NULL, "");
  Answers answers = { 0 };

  use_plain (f);
  start (f);
  check_async (f, token, &answers);
  RUN_UNTIL (answers.n_bad == 1);
  check_async (f, token, &answers);
  RUN_UNTIL (answers.n_bad == 2);
  g_assert_cmpuint (f->issuer->n_jwks, ==, 2);
  pass (61 * 1000);
  check_async (f, token, &answers);
  RUN_UNTIL (answers.n_bad == 3);
  g_assert_cmpuint (f->issuer->n_jwks, ==, 3);
}

static void
test_a_key_that_is_gone_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  f->issuer->cache_control = g_strdup ("public, max-age=300");
  use_plain (f);
  start (f);
  expect_good (f, token);
  g_ptr_array_set_size (f->issuer->keys, 0);
  g_ptr_array_add (f->issuer->keys, tessera_key_ref (other_key));
  pass (200 * 1000);
  expect_good (f, token);
  pass (101 * 1000);
  RUN_UNTIL (f->issuer->n_jwks == 2);
  RUN_UNTIL (!is_good (f, token));
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
}

/* Of a connection that is open: whether the key is still there is looked at again. */
static void
test_an_open_connection_is_looked_at_again (Fixture *f, gconstpointer data)
{
  g_autofree char *first = sign (f, "");
  gboolean expired = TRUE;

  f->issuer->cache_control = g_strdup ("public, max-age=300");
  use_plain (f);
  start (f);
  TesseraTokenChecker *checker = TESSERA_TOKEN_CHECKER (f->verifier);
  g_autoptr (TesseraAccessToken) token
      = tessera_verifier_check (f->verifier, first, AUDIENCE, NULL, NULL);
  g_assert_true (tessera_token_checker_recheck (checker, token, &expired));
  g_assert_false (expired);
  g_autofree char *second = sign (f, "\"exp\":4000000000");
  g_autoptr (TesseraAccessToken) other
      = tessera_verifier_check (f->verifier, second, AUDIENCE, NULL, NULL);
  pass (250 * 1000);
  g_assert_true (tessera_token_checker_recheck (checker, token, &expired));
  g_ptr_array_set_size (f->issuer->keys, 0);
  g_ptr_array_add (f->issuer->keys, tessera_key_ref (other_key));
  pass (51 * 1000);
  RUN_UNTIL (!is_good (f, second));
  g_assert_false (tessera_token_checker_recheck (checker, other, &expired));
  g_assert_false (expired);
}

/* The very same name for another key: what was seen before does not count. */
static void
test_an_open_connection_ends_with_its_token (Fixture *f, gconstpointer data)
{
  g_autofree char *end
      = g_strdup_printf ("\"exp\":%" G_GINT64_FORMAT, g_get_real_time () / G_USEC_PER_SEC + 100);
  g_autofree char *text = sign (f, end);
  gboolean expired = TRUE;

  f->issuer->cache_control = g_strdup ("public, max-age=300");
  use_plain (f);
  start (f);
  TesseraTokenChecker *checker = TESSERA_TOKEN_CHECKER (f->verifier);
  g_autoptr (TesseraAccessToken) token
      = tessera_verifier_check (f->verifier, text, AUDIENCE, NULL, NULL);
  g_assert_true (tessera_token_checker_recheck (checker, token, &expired));
  g_assert_false (expired);
  pass (150 * 1000);
  g_assert_false (tessera_token_checker_recheck (checker, token, &expired));
  g_assert_true (expired);
}

static void
test_a_key_that_was_exchanged_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "\"exp\":4102444800");
  g_autoptr (json_t) jwk = tessera_key_to_jwk (other_key);

  use_plain (f);
  start (f);
  expect_good (f, token);
  json_object_set_new (jwk, "kid", json_string (tessera_key_get_id (key)));
  g_autoptr (json_t) jwks = json_pack ("{s:[O]}", "keys", jwk);
  f->issuer->jwks = tessera_json_dump (jwks);
  pass (901 * 1000);
  RUN_UNTIL (!is_good (f, token));
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
}

static void
test_a_broken_key_set_keeps_the_old_one (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "\"exp\":4102444800");

  use_plain (f);
  start (f);
  expect_good (f, token);
  f->issuer->jwks = g_strdup ("{\"keys\":");
  log_capture_begin ();
  pass (901 * 1000);
  RUN_UNTIL (has_problem (f->verifier));
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*its keys cannot be had: its key set is malformed");
  expect_good (f, token);
  /* But not for ever. */
  log_capture_begin ();
  pass (3601 * 1000);
  RUN_UNTIL (!tessera_verifier_get_ready (f->verifier));
  expect_refused (f, token, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_clear_pointer (&f->issuer->jwks, g_free);
  pass (61 * 1000);
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  log_capture_end ();
}

/* Issuers that are broken or hostile: never ready, one clear error, and the program goes on. */

static void
expect_never_ready (Fixture *f, const char *problem)
{
  g_autofree char *token = sign (f, "");
  Answers answers = { 0 };

  log_capture_begin ();
  if (f->verifier == NULL)
    use_plain (f);
  check_async (f, token, &answers);
  RUN_UNTIL (answers.n_bad == 1);
  expect_refused (f, token, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_false (tessera_verifier_get_ready (f->verifier));
  g_assert_true (tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (f->verifier)));
  g_autofree char *told = tessera_verifier_dup_problem (f->verifier);
  g_assert_true (g_pattern_match_simple (problem, told));
  g_autofree char *warning = g_strdup_printf ("The issuer http*%s", problem);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, warning);
}

static void
test_metadata_of_another_issuer (Fixture *f, gconstpointer data)
{
  f->issuer->metadata = g_strdup_printf ("{\"issuer\":\"%s/\",\"jwks_uri\":\"%s/jwks\"}",
                                         f->issuer->issuer, f->issuer->issuer);
  expect_never_ready (f, "its metadata is that of another issuer");
  g_assert_cmpuint (f->issuer->n_jwks, ==, 0);
}

static void
test_redirects_are_not_followed (Fixture *f, gconstpointer data)
{
  f->issuer->status = SOUP_STATUS_FOUND;
  f->issuer->location = g_strconcat (f->issuer->issuer, "/jwks", NULL);
  expect_never_ready (f, "its metadata cannot be had: the answer is 302");
  g_assert_cmpuint (f->issuer->n_metadata, ==, 1);
  g_assert_cmpuint (f->issuer->n_jwks, ==, 0);
}

static void
test_a_body_without_an_end (Fixture *f, gconstpointer data)
{
  f->issuer->is_endless = TRUE;
  expect_never_ready (f, "its metadata cannot be had: the answer is too long");
}

static void
test_a_huge_key_set (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) jwks = g_string_new ("{\"keys\":[{}");

  for (guint i = 0; i < 40000; i++)
    g_string_append (jwks, ",{}");
  g_string_append (jwks, "]}");
  f->issuer->jwks = g_string_free (g_steal_pointer (&jwks), FALSE);
  expect_never_ready (f, "its keys cannot be had: the answer is too long");
}

static void
test_nobody_answers (Fixture *f, gconstpointer data)
{
  soup_server_disconnect (f->issuer->server);
  expect_never_ready (f, "its metadata cannot be had: *");
}

static void
test_an_answer_that_never_comes (Fixture *f, gconstpointer data)
{
  if (!g_test_thorough ())
    {
      g_test_skip ("it takes ten seconds");
      return;
    }
  f->issuer->is_mute = TRUE;
  expect_never_ready (f, "its metadata cannot be had: *");
}

/* Half a minute, and only so many. */
static void
test_nobody_waits_for_ever (Fixture *f, gconstpointer data)
{
  enum
  {
    WAITING_MAX = 4096
  };
  g_autofree char *token = sign (f, "");
  Answers answers = { 0 };

  f->issuer->is_mute = TRUE;
  use_plain (f);
  for (guint i = 0; i < WAITING_MAX + 3; i++)
    check_async (f, token, &answers);
  RUN_UNTIL (answers.n_bad == 3);
  g_assert_false (has_problem (f->verifier));
  pass (31 * 1000);
  RUN_UNTIL (answers.n_bad == WAITING_MAX + 3);
  g_assert_false (has_problem (f->verifier));
}

static void
test_an_issuer_without_encryption (Fixture *f, gconstpointer data)
{
  watch (f, g_object_new (TESSERA_TYPE_VERIFIER, "issuer", "http://id.test", "follow-deny-list",
                          FALSE, NULL));
  expect_never_ready (f, "it is neither https nor on a loopback address");
}

static void
test_an_issuer_without_a_list (Fixture *f, gconstpointer data)
{
  f->issuer->has_feed = FALSE;
  use_following (f, FALSE);
  expect_never_ready (f, "it publishes no deny-list");
}

static void
test_a_list_without_credentials (Fixture *f, gconstpointer data)
{
  watch (f, tessera_verifier_new (f->issuer->issuer));
  expect_never_ready (f, "there are no credentials to read its deny-list with");
  g_assert_cmpuint (f->issuer->n_metadata, ==, 0);
}

static void
test_an_issuer_that_comes_late (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  f->issuer->status = SOUP_STATUS_SERVICE_UNAVAILABLE;
  expect_never_ready (f, "its metadata cannot be had: the answer is 503");
  f->issuer->status = SOUP_STATUS_OK;
  log_capture_begin ();
  pass (3000);
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "*can be followed again");
  expect_good (f, token);
}

static void
test_an_issuer_with_a_list_that_comes_late (Fixture *f, gconstpointer data)
{
  f->issuer->status = SOUP_STATUS_SERVICE_UNAVAILABLE;
  use_following (f, FALSE);
  expect_never_ready (f, "its metadata cannot be had: the answer is 503");
  f->issuer->status = SOUP_STATUS_OK;
  log_capture_begin ();
  pass (3000);
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "*can be followed again");
  g_assert_cmpuint (f->n_stale, ==, 0);
}

/* The list is signed with a key that came after the keys were asked for. */
static void
test_the_key_of_the_list_is_asked_for (Fixture *f, gconstpointer data)
{
  f->issuer->feed->key = other_key;
  use_following (f, FALSE);
  tessera_verifier_start (f->verifier);
  RUN_UNTIL (f->issuer->n_jwks == 1);
  g_ptr_array_add (f->issuer->keys, tessera_key_ref (other_key));
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  g_assert_cmpuint (f->issuer->n_jwks, ==, 2);
  f->issuer->feed->key = key;
}

/* The deny-list. */

static void
test_what_is_revoked_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *jti = tessera_uuid_new (g_get_real_time () / 1000);
  g_autofree char *more = g_strdup_printf ("\"jti\":\"%s\"", jti);
  g_autofree char *token = sign (f, more);
  g_autofree char *other = sign (f, "");

  use_following (f, FALSE);
  start (f);
  expect_good (f, token); /* it is among the seen ones now */
  guint before = f->n_changed;
  feed_server_deny (f->issuer->feed, "token", jti);
  RUN_UNTIL (tessera_verifier_get_generation (f->verifier) == 1);
  expect_refused (f, token, TESSERA_ERROR_INVALID_TOKEN);
  expect_good (f, other);
  RUN_UNTIL (f->n_changed > before);
}

static void
test_a_kept_token_is_asked_about_again (Fixture *f, gconstpointer data)
{
  g_autofree char *text = sign (f, "");
  gboolean expired = TRUE;

  use_following (f, FALSE);
  start (f);
  TesseraTokenChecker *checker = TESSERA_TOKEN_CHECKER (f->verifier);
  g_autoptr (TesseraAccessToken) token
      = tessera_token_checker_check (checker, text, AUDIENCE, NULL);
  g_assert_true (tessera_token_checker_recheck (checker, token, &expired));
  g_assert_false (expired);
  feed_server_deny (f->issuer->feed, "token", tessera_access_token_get_id (token));
  RUN_UNTIL (!tessera_token_checker_recheck (checker, token, &expired));
  g_assert_false (expired);
}

static void
test_silence_ends_in_refusal (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  use_following (f, FALSE);
  start (f);
  RUN_UNTIL (feed_server_count_streams (f->issuer->feed) == 1);
  pass (29 * 1000);
  expect_good (f, token);
  g_assert_cmpuint (f->n_stale, ==, 0);
  pass (2 * 1000);
  RUN_UNTIL (f->n_stale == 1);
  g_assert_cmpuint (f->stale_age, >=, 30);
  expect_good (f, token);
  pass (30 * 1000);
  expect_refused (f, token, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_false (tessera_verifier_get_ready (f->verifier));
  g_assert_cmpuint (tessera_verifier_get_age (f->verifier), >=, 60);
  g_assert_cmpuint (f->n_stale, ==, 1);

  /* And news in acceptance. */
  feed_server_heartbeat (f->issuer->feed, g_get_real_time () / 1000 + offset);
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  expect_good (f, token);
  pass (31 * 1000);
  RUN_UNTIL (f->n_stale == 2); /* another episode */
}

/* What went wrong with the list is over when it is fresh again, though nothing was revoked since.
 */
static void
test_a_problem_of_the_list_goes_by (Fixture *f, gconstpointer data)
{
  use_following (f, FALSE);
  start (f);
  RUN_UNTIL (feed_server_count_streams (f->issuer->feed) == 1);
  log_capture_begin ();
  f->issuer->feed->answers[FEED_EVENTS] = g_strdup ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
  feed_server_end_streams (f->issuer->feed, FALSE); /* which newer libsoup calls a problem too */
  RUN_UNTIL (has_problem_like (f->verifier, "*The deny-list is not given."));
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*its deny-list cannot be had: *");
  RUN_UNTIL (feed_server_count_streams (f->issuer->feed) == 1);
  feed_server_heartbeat (f->issuer->feed, g_get_real_time () / 1000 + offset);
  RUN_UNTIL (!has_problem (f->verifier));
}

gboolean __real_tessera_deny_replica_check (TesseraDenyReplica *replica,
                                            const TesseraTokenIdentity *token);
gboolean __wrap_tessera_deny_replica_check (TesseraDenyReplica *replica,
                                            const TesseraTokenIdentity *token);

/* News that arrive just after the list was asked make it so much younger. */
static gint64 younger_ms;

gboolean
__wrap_tessera_deny_replica_check (TesseraDenyReplica *replica, const TesseraTokenIdentity *token)
{
  gboolean refused = __real_tessera_deny_replica_check (replica, token);

  __atomic_fetch_sub (&elapsed, __atomic_exchange_n (&younger_ms, 0, __ATOMIC_ACQ_REL),
                      __ATOMIC_ACQ_REL);
  return refused;
}

/* What they say, the list was not asked about. */
static void
test_news_after_the_question_come_too_late (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  use_following (f, FALSE);
  start (f);
  expect_good (f, token);
  pass (61 * 1000);
  younger_ms = 61 * 1000;
  expect_refused (f, token, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpint (younger_ms, ==, 0);
}

static void
test_stale_by_choice (Fixture *f, gconstpointer data)
{
  g_autofree char *jti = tessera_uuid_new (g_get_real_time () / 1000);
  g_autofree char *more = g_strdup_printf ("\"jti\":\"%s\"", jti);
  g_autofree char *denied = sign (f, more);
  g_autofree char *token = sign (f, "");

  feed_server_deny (f->issuer->feed, "token", jti);
  use_following (f, TRUE);
  start (f);
  expect_good (f, token);
  pass (61 * 1000);
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (f->verifier, token, AUDIENCE, NULL, NULL);
  g_assert_true (tessera_access_token_is_stale (good));
  expect_refused (f, denied, TESSERA_ERROR_INVALID_TOKEN);
}

/* Life. */

static void
test_stopping_and_starting (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");
  Answers answers = { 0 };

  use_following (f, FALSE);
  start (f);
  tessera_verifier_stop (f->verifier);
  tessera_verifier_stop (f->verifier);
  expect_refused (f, token, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  check_async (f, token, &answers);
  RUN_UNTIL (answers.n_bad == 1);
  tessera_verifier_start (f->verifier);
  tessera_verifier_start (f->verifier);
  RUN_UNTIL (tessera_verifier_get_ready (f->verifier));
  expect_good (f, token);
}

static void
test_it_can_go_at_any_time (Fixture *f, gconstpointer data)
{
  g_autofree char *token = sign (f, "");

  for (guint i = 0; i < 20; i++)
    {
      Answers answers = { 0 };
      g_autoptr (GTimer) timer = g_timer_new ();
      g_autoptr (TesseraVerifier) verifier
          = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "client-id", "rs",
                          "client-secret", "s3cret", NULL);
      tessera_verifier_check_async (verifier, token, AUDIENCE, NULL, NULL, on_checked, &answers);
      while (g_timer_elapsed (timer, NULL) < i * 0.001)
        g_main_context_iteration (NULL, FALSE);
      tessera_verifier_stop (verifier);
      RUN_UNTIL (answers.n_good + answers.n_bad == 1);
    }
}

/* Nobody is left to tell. */
static void
test_its_last_news_are_told_to_nobody (Fixture *f, gconstpointer data)
{
  use_following (f, FALSE);
  start (f);
  feed_server_deny (f->issuer->feed, "grant", "g");
  RUN_UNTIL (tessera_verifier_get_generation (f->verifier) == 1);
  g_clear_object (&f->verifier);
  guint before = f->n_changed;
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->n_changed, ==, before);
}

static void
test_the_secret_is_in_a_file_of_ones_own (Fixture *f, gconstpointer data)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "secret", NULL);
  g_autofree char *token = sign (f, "");

  g_assert_true (
      g_file_set_contents_full (path, "s3cret\n", -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  watch (f, g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "client-id", "rs",
                          "client-secret-file", path, NULL));
  start (f);
  expect_good (f, token);
  g_autofree char *pair = g_base64_encode ((const guchar *) "rs:s3cret", 9);
  g_autofree char *basic = g_strconcat ("Basic ", pair, NULL);
  g_assert_cmpstr (f->issuer->feed->authorization[FEED_TOKEN], ==, basic);

  g_assert_cmpint (g_chmod (path, 0644), ==, 0);
  g_autoptr (TesseraVerifier) careless
      = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "client-id", "rs",
                      "client-secret-file", path, NULL);
  log_capture_begin ();
  tessera_verifier_start (careless);
  RUN_UNTIL (has_problem (careless));
  tessera_verifier_stop (careless);
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*is open to other users*");
  g_unlink (path);
  g_rmdir (directory);
}

/* Threads. */

typedef struct
{
  TesseraVerifier *verifier;
  const char *good;
  const char *denied;
  gint stop; /* atomic */
} Asking;

static gpointer
ask (gpointer data)
{
  Asking *asking = data;
  guint n = 0;

  for (; !g_atomic_int_get (&asking->stop); n++)
    {
      g_autoptr (TesseraAccessToken) good
          = tessera_verifier_check (asking->verifier, asking->good, AUDIENCE, NULL, NULL);
      g_assert_nonnull (good);
      g_assert_null (
          tessera_verifier_check (asking->verifier, asking->denied, AUDIENCE, NULL, NULL));
    }
  return GUINT_TO_POINTER (n);
}

static void
test_threads_check_while_the_list_changes (Fixture *f, gconstpointer data)
{
  g_autofree char *jti = tessera_uuid_new (g_get_real_time () / 1000);
  g_autofree char *more = g_strdup_printf ("\"jti\":\"%s\"", jti);
  g_autofree char *denied = sign (f, more);
  g_autofree char *good = sign (f, "");
  GThread *threads[3];

  feed_server_deny (f->issuer->feed, "token", jti);
  use_following (f, FALSE);
  start (f);
  Asking asking = { f->verifier, good, denied, FALSE };
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("ask", ask, &asking);
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *another = tessera_uuid_new (i);
      feed_server_deny (f->issuer->feed, "token", another);
      if (i % 50 == 25)
        pass (901); /* nothing is due */
      guint64 wanted = f->issuer->feed->generation;
      RUN_UNTIL (tessera_verifier_get_generation (f->verifier) == wanted);
    }
  g_atomic_int_set (&asking.stop, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (threads[i])), >, 0);
}

/* A program that has no main loop checks as well: here the issuer has the thread, the verifier
 * another. */
static gpointer
check_without_a_loop (gpointer data)
{
  Asking *asking = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context); /* which nobody runs */
  g_autoptr (TesseraVerifier) verifier
      = g_object_new (TESSERA_TYPE_VERIFIER, "issuer",
                      (char *) g_object_get_data (G_OBJECT (asking->verifier), "issuer"),
                      "follow-deny-list", FALSE, NULL);
  tessera_verifier_start (verifier);
  g_autoptr (TesseraAccessToken) good = NULL;
  while (good == NULL)
    {
      good = tessera_verifier_check (verifier, asking->good, AUDIENCE, NULL, NULL);
      g_thread_yield ();
    }
  g_main_context_pop_thread_default (context);
  g_atomic_int_set (&asking->stop, TRUE);
  return NULL;
}

static gpointer
check_first (gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (tessera_verifier_check (data, "a.b.c", AUDIENCE, NULL, &error) != NULL || error == NULL)
    g_assert_not_reached ();
  tessera_verifier_start (data);
  return NULL;
}

/* Whoever comes first begins to follow the issuer, and nobody else. */
static void
test_threads_make_the_first_check_at_once (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (TesseraVerifier) verifier
          = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", f->issuer->issuer, "follow-deny-list",
                          FALSE, NULL);
      GThread *threads[3];

      for (guint n = 0; n < G_N_ELEMENTS (threads); n++)
        threads[n] = g_thread_new ("first", check_first, verifier);
      for (guint n = 0; n < G_N_ELEMENTS (threads); n++)
        g_thread_join (threads[n]);
      tessera_verifier_stop (verifier);
    }
}

static void
test_no_main_loop_is_needed (Fixture *f, gconstpointer data)
{
  g_autofree char *good = sign (f, "");

  use_plain (f);
  g_object_set_data (G_OBJECT (f->verifier), "issuer", f->issuer->issuer);
  Asking asking = { f->verifier, good, NULL, FALSE };
  GThread *thread = g_thread_new ("loopless", check_without_a_loop, &asking);
  RUN_UNTIL (g_atomic_int_get (&asking.stop));
  g_thread_join (thread);
}

#define ADD(path, function)                                                                        \
  g_test_add ("/verifier/" path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

static void
add_tests (void)
{
  ADD ("its-properties-are-as-they-were-given", test_its_properties_are_as_they_were_given);
  ADD ("accepts-what-the-issuer-signed", test_accepts_what_the_issuer_signed);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strconcat ("/verifier/refuses/", bad[i].name, NULL);
      g_test_add (path, Fixture, &bad[i], fixture_set_up, test_refuses, fixture_tear_down);
    }
  ADD ("accepts-one-of-several-audiences", test_accepts_one_of_several_audiences);
  ADD ("a-jti-may-be-any", test_a_jti_may_be_any);
  ADD ("scopes-are-demanded", test_scopes_are_demanded);
  ADD ("another-type-by-choice", test_another_type_by_choice);
  ADD ("a-seen-token-expires", test_a_seen_token_expires);
  ADD ("another-key-is-refused", test_another_key_is_refused);
  ADD ("an-unknown-key-is-asked-for", test_an_unknown_key_is_asked_for);
  ADD ("many-unknown-keys-cost-one-request", test_many_unknown_keys_cost_one_request);
  ADD ("unknown-keys-are-asked-for-once-a-minute", test_unknown_keys_are_asked_for_once_a_minute);
  ADD ("a-key-that-is-gone-is-refused", test_a_key_that_is_gone_is_refused);
  ADD ("an-open-connection-is-looked-at-again", test_an_open_connection_is_looked_at_again);
  ADD ("an-open-connection-ends-with-its-token", test_an_open_connection_ends_with_its_token);
  ADD ("a-key-that-was-exchanged-is-refused", test_a_key_that_was_exchanged_is_refused);
  ADD ("a-broken-key-set-keeps-the-old-one", test_a_broken_key_set_keeps_the_old_one);
  ADD ("metadata-of-another-issuer", test_metadata_of_another_issuer);
  ADD ("redirects-are-not-followed", test_redirects_are_not_followed);
  ADD ("a-body-without-an-end", test_a_body_without_an_end);
  ADD ("a-huge-key-set", test_a_huge_key_set);
  ADD ("nobody-answers", test_nobody_answers);
  ADD ("an-answer-that-never-comes", test_an_answer_that_never_comes);
  ADD ("nobody-waits-for-ever", test_nobody_waits_for_ever);
  ADD ("an-issuer-without-encryption", test_an_issuer_without_encryption);
  ADD ("an-issuer-without-a-list", test_an_issuer_without_a_list);
  ADD ("a-list-without-credentials", test_a_list_without_credentials);
  ADD ("an-issuer-that-comes-late", test_an_issuer_that_comes_late);
  ADD ("an-issuer-with-a-list-that-comes-late", test_an_issuer_with_a_list_that_comes_late);
  ADD ("the-key-of-the-list-is-asked-for", test_the_key_of_the_list_is_asked_for);
  ADD ("what-is-revoked-is-refused", test_what_is_revoked_is_refused);
  ADD ("a-kept-token-is-asked-about-again", test_a_kept_token_is_asked_about_again);
  ADD ("silence-ends-in-refusal", test_silence_ends_in_refusal);
  ADD ("a-problem-of-the-list-goes-by", test_a_problem_of_the_list_goes_by);
  ADD ("news-after-the-question-come-too-late", test_news_after_the_question_come_too_late);
  ADD ("stale-by-choice", test_stale_by_choice);
  ADD ("stopping-and-starting", test_stopping_and_starting);
  ADD ("it-can-go-at-any-time", test_it_can_go_at_any_time);
  ADD ("its-last-news-are-told-to-nobody", test_its_last_news_are_told_to_nobody);
  ADD ("the-secret-is-in-a-file-of-ones-own", test_the_secret_is_in_a_file_of_ones_own);
  ADD ("threads-check-while-the-list-changes", test_threads_check_while_the_list_changes);
  ADD ("threads-make-the-first-check-at-once", test_threads_make_the_first_check_at_once);
  ADD ("no-main-loop-is-needed", test_no_main_loop_is_needed);
}

/* Two threads that use GIO for the first time at once may wait for each other for ever: so what the
 * verifier's thread uses is there before that begins. In a process where nothing was there. */
static void
test_its_thread_makes_no_class (void)
{
  g_autoptr (TesseraVerifier) verifier = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL); /* nobody is there, which it warns of */
  g_assert_null (g_type_class_peek (G_TYPE_SOCKET_CLIENT));
  g_assert_null (g_type_class_peek (SOUP_TYPE_SESSION));
  verifier = tessera_verifier_new ("http://127.0.0.1:1");
  tessera_verifier_start (verifier);
  g_assert_nonnull (g_type_class_peek (G_TYPE_SOCKET_CLIENT));
  g_assert_nonnull (g_type_class_peek (SOUP_TYPE_SESSION));
  tessera_verifier_stop (verifier);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();
  tessera_clock_follow_offset (&offset);
  tessera_clock_follow_elapsed_offset (&elapsed);
  key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  other_key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  add_tests ();
  g_test_add_func ("/verifier/its-thread-makes-no-class", test_its_thread_makes_no_class);
  int status = g_test_run ();
  tessera_key_unref (key);
  tessera_key_unref (other_key);
  return status;
}
