/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions of signed-in browsers: what must happen at once happens in one commit. */

#include "engine-fixture.h"
#include "server/tessera-login-session-private.h"

typedef struct
{
  EngineFixture *fixture;
  char *cookie;
  TesseraSession *session;
  gboolean done;
} Visit;

static void
wait_for (Visit *visit)
{
  while (!visit->done)
    g_main_context_iteration (NULL, TRUE);
  visit->done = FALSE;
}

static void
on_begun (gpointer data, const char *cookie, const TesseraSession *session, const GError *error)
{
  Visit *visit = data;
  g_assert_no_error (error);
  visit->cookie = g_strdup (cookie);
  visit->session = tessera_session_copy (session);
  visit->done = TRUE;
}

static void
on_ended (gpointer data, const GError *error)
{
  Visit *visit = data;
  g_assert_no_error (error);
  visit->done = TRUE;
}

static void
on_found (gpointer data, TesseraSession *session, TesseraConsent *consent, const GError *error)
{
  Visit *visit = data;
  g_assert_no_error (error);
  g_assert_null (session);
  g_assert_null (consent);
  visit->done = TRUE;
}

static gboolean
is_denied (Visit *visit)
{
  TesseraTokenIdentity identity = {
    .jti = "any",
    .issued_ms = visit->session->began_ms,
    .subject = "alice",
    .client_id = "c1",
    .grant_id = "any",
    .session_id = visit->session->login.session_id,
  };
  return tessera_deny_list_check (visit->fixture->engine.deny_list, &identity);
}

/* Else a crash in between leaves a browser that is signed out beside tokens that live on. */
static void
test_signing_out_is_one_commit (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  TesseraEngine *engine = &fixture->engine;
  const TesseraLogin login = { .subject = (char *) "alice", .amr = (char *) "pwd" };
  Visit visit = { .fixture = fixture };
  guint64 writes, before, after;

  tessera_login_session_begin (engine, &login, tessera_clock_get_ms (engine->clock), NULL, NULL,
                               on_begun, &visit);
  wait_for (&visit);
  g_assert_false (is_denied (&visit));

  tessera_committer_get_counts (engine->committer, &writes, &before);
  tessera_login_session_end (engine, visit.session, NULL, NULL, on_ended, &visit);
  wait_for (&visit);
  tessera_committer_get_counts (engine->committer, &writes, &after);
  g_assert_cmpuint (after, ==, before + 1);
  g_assert_true (is_denied (&visit));

  tessera_login_session_lookup (engine, visit.cookie, NULL, on_found, &visit);
  wait_for (&visit);
  tessera_session_free (visit.session);
  g_free (visit.cookie);
}

/* Whoever has read it from the store before learns of it too. */
static void
test_one_that_was_revoked_is_not_good (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  TesseraEngine *engine = &fixture->engine;
  const TesseraLogin login = { .subject = (char *) "alice", .amr = (char *) "pwd" };
  Visit visit = { .fixture = fixture };
  gint64 now_ms = tessera_clock_get_ms (engine->clock);

  tessera_login_session_begin (engine, &login, now_ms, NULL, NULL, on_begun, &visit);
  wait_for (&visit);
  g_assert_true (tessera_login_session_is_good (engine, visit.session, now_ms));
  tessera_login_session_end (engine, visit.session, NULL, NULL, on_ended, &visit);
  wait_for (&visit);
  g_assert_false (tessera_login_session_is_good (engine, visit.session, now_ms));
  tessera_session_free (visit.session);
  g_free (visit.cookie);
}

static void
test_one_ends_however_much_it_is_used (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  TesseraEngine *engine = &fixture->engine;
  TesseraSession session = {
    .login = { .subject = (char *) "alice", .session_id = (char *) "s1" },
    .last_seen_ms = 1999999,
    .expires_ms = 2000000,
  };

  g_assert_true (tessera_login_session_is_good (engine, &session, 1999999));
  g_assert_false (tessera_login_session_is_good (engine, &session, 2000000));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/login-session/signing-out-is-one-commit", test_signing_out_is_one_commit);
  g_test_add_func ("/login-session/one-that-was-revoked-is-not-good",
                   test_one_that_was_revoked_is_not_good);
  g_test_add_func ("/login-session/one-ends-however-much-it-is-used",
                   test_one_ends_however_much_it_is_used);
  return g_test_run ();
}
