/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-password-private.h"

#include "base/tessera-error.h"

#include <string.h>

static char *alice_hash;

static void
test_a_hash_is_yescrypt_and_matches (void)
{
  g_autofree char *again = tessera_password_hash ("correct horse", NULL);

  g_assert_true (g_str_has_prefix (alice_hash, "$y$"));
  g_assert_cmpstr (again, !=, alice_hash);
  g_assert_true (tessera_password_is_acceptable_hash (alice_hash));
  g_assert_true (tessera_password_matches ("correct horse", alice_hash));
  g_assert_false (tessera_password_matches ("correct horsf", alice_hash));
  g_assert_false (tessera_password_matches ("", alice_hash));
}

static void
test_too_long_never_matches (void)
{
  g_autofree char *most = g_strnfill (TESSERA_PASSWORD_MAX_LENGTH, 'x');
  g_autofree char *too_long = g_strnfill (TESSERA_PASSWORD_MAX_LENGTH + 1, 'x');
  g_autofree char *hash = tessera_password_hash (most, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_password_matches (most, hash));
  g_assert_false (tessera_password_matches (too_long, hash));
  g_assert_null (tessera_password_hash (too_long, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER);
}

static void
test_only_yescrypt_is_acceptable (void)
{
  static const char *const bad[] = {
    "$2b$12$abcdefghijklmnopqrstuOuCZ.b5xAvQ.x2g5s9mfUP5ZW5pdYl1G",
    "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"
    "jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
    "",
    "secret",
    "*",
    "!",
    "x",
    "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0",
    "$5$saltsalt$JEzOVuVFXLIPZVDnO9d8XzNgTUZqGWYaJzfKwKtXbz4",
    "$6$saltsalt",
    "$y$j9T$abcdefgh",
    "ab0123456789.",
    "$unknown$x$y",
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
  };
  /* As long, and of the same family. */
  g_autofree char *gost = g_strconcat ("$g", alice_hash + 1, NULL);

  g_assert_true (g_str_has_prefix (gost, "$gy$"));
  g_assert_false (tessera_password_is_acceptable_hash (gost));
  g_assert_false (tessera_password_is_acceptable_hash (NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (tessera_password_is_acceptable_hash (bad[i]));
}

static void
test_a_useless_hash_matches_nothing (void)
{
  static const char *const hashes[] = { "", "*", "*0", "*1", "!", "$y$", "x" };
  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++)
    {
      g_assert_false (tessera_password_matches ("", hashes[i]));
      g_assert_false (tessera_password_matches ("*0", hashes[i]));
    }
}

typedef struct
{
  GThread *thread;
  guint told;
  guint matched;
} Outcome;

static void
on_verified (gboolean matches, gpointer data)
{
  Outcome *outcome = data;
  g_assert_true (g_thread_self () == outcome->thread);
  outcome->told++;
  outcome->matched += matches;
}

static Outcome
verify_and_wait (TesseraPasswordPool *pool, const char *password, const char *hash)
{
  g_autoptr (GError) error = NULL;
  Outcome outcome = { g_thread_self (), 0, 0 };

  tessera_password_pool_verify (pool, password, hash, on_verified, &outcome, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (outcome.told, ==, 0);
  while (outcome.told == 0)
    g_main_context_iteration (NULL, TRUE);
  return outcome;
}

static void
test_the_pool_tells_on_its_context (void)
{
  g_autoptr (TesseraPasswordPool) pool = tessera_password_pool_new ();
  Outcome right = verify_and_wait (pool, "correct horse", alice_hash);
  Outcome wrong = verify_and_wait (pool, "incorrect horse", alice_hash);

  g_assert_cmpuint (right.matched, ==, 1);
  g_assert_cmpuint (wrong.matched, ==, 0);
}

static void
test_an_unknown_user_costs_the_same (void)
{
  g_autoptr (TesseraPasswordPool) pool = tessera_password_pool_new ();

  verify_and_wait (pool, "wrong", alice_hash);
  guint64 known = tessera_password_pool_get_hash_count (pool);
  Outcome unknown = verify_and_wait (pool, "wrong", NULL);
  g_assert_cmpuint (unknown.matched, ==, 0);
  g_assert_cmpuint (known, ==, 1);
  g_assert_cmpuint (tessera_password_pool_get_hash_count (pool), ==, 2 * known);
}

static void
test_the_queue_is_bounded (void)
{
  g_autoptr (GError) error = NULL;
  TesseraPasswordPool *pool = tessera_password_pool_new ();
  Outcome outcome = { g_thread_self (), 0, 0 };
  guint accepted = 0;

  while (accepted < 10000
         && tessera_password_pool_verify (pool, "x", alice_hash, on_verified, &outcome, &error))
    accepted++;
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpuint (accepted, >=, TESSERA_PASSWORD_QUEUE);

  /* Nobody is left waiting. */
  tessera_password_pool_free (pool);
  g_assert_cmpuint (outcome.told, ==, accepted);
  g_assert_cmpuint (outcome.matched, ==, 0);
}

/* It is hashed, and the loop has not turned since. */
static void
test_what_is_not_told_yet_does_not_match (void)
{
  TesseraPasswordPool *pool = tessera_password_pool_new ();
  Outcome outcome = { g_thread_self (), 0, 0 };

  g_assert_true (tessera_password_pool_verify (pool, "correct horse", alice_hash, on_verified,
                                               &outcome, NULL));
  while (tessera_password_pool_get_hash_count (pool) == 0)
    g_thread_yield ();
  tessera_password_pool_free (pool);
  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpuint (outcome.matched, ==, 0);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
}

static void
test_an_unused_pool_costs_nothing (void)
{
  g_autoptr (TesseraPasswordPool) pool = tessera_password_pool_new ();
  g_assert_cmpuint (tessera_password_pool_get_hash_count (pool), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  alice_hash = tessera_password_hash ("correct horse", NULL);
  g_test_add_func ("/password/a-hash-is-yescrypt-and-matches", test_a_hash_is_yescrypt_and_matches);
  g_test_add_func ("/password/too-long-never-matches", test_too_long_never_matches);
  g_test_add_func ("/password/only-yescrypt-is-acceptable", test_only_yescrypt_is_acceptable);
  g_test_add_func ("/password/a-useless-hash-matches-nothing", test_a_useless_hash_matches_nothing);
  g_test_add_func ("/password/the-pool-tells-on-its-context", test_the_pool_tells_on_its_context);
  g_test_add_func ("/password/A38-an-unknown-user-costs-the-same",
                   test_an_unknown_user_costs_the_same);
  g_test_add_func ("/password/B46-the-queue-is-bounded", test_the_queue_is_bounded);
  g_test_add_func ("/password/what-is-not-told-yet-does-not-match",
                   test_what_is_not_told_yet_does_not_match);
  g_test_add_func ("/password/an-unused-pool-costs-nothing", test_an_unused_pool_costs_nothing);
  int result = g_test_run ();
  g_free (alice_hash);
  return result;
}
