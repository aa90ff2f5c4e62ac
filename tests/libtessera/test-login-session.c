/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions of signed-in browsers: what must happen at once happens in one commit. */

#include "engine-fixture.h"
#include "fake-front.h"
#include "endpoints/tessera-error-responder-private.h"
#include "server/tessera-cookie-private.h"
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

static gboolean
run_prune (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_deny_list_prune (data, store, error);
}

/* A session may live longer than what is written down of its end. */
static void
test_one_that_was_ended_stays_so (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  TesseraEngine *engine = &fixture->engine;
  const TesseraLogin login = { .subject = (char *) "alice", .amr = (char *) "pwd" };
  Visit visit = { .fixture = fixture };

  tessera_login_session_begin (engine, &login, tessera_clock_get_ms (engine->clock), NULL, NULL,
                               on_begun, &visit);
  wait_for (&visit);
  tessera_login_session_end (engine, visit.session, NULL, NULL, on_ended, &visit);
  wait_for (&visit);
  fixture->offset_ms += 15 * 60 * 1000;
  g_assert_true (
      tessera_committer_submit_and_wait (engine->committer, run_prune, engine->deny_list, NULL));
  g_assert_false (is_denied (&visit));
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

static TesseraSession *
begin (EngineFixture *fixture, const TesseraLogin *login)
{
  Visit visit = { .fixture = fixture };

  tessera_login_session_begin (&fixture->engine, login,
                               tessera_clock_get_ms (fixture->engine.clock), NULL, NULL, on_begun,
                               &visit);
  wait_for (&visit);
  g_free (visit.cookie);
  return visit.session;
}

/* Else who signs out ends somebody else's session, or not their own. */
static void
test_each_has_a_name_of_its_own (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  const TesseraLogin login = { .subject = (char *) "alice", .amr = (char *) "pwd" };
  const TesseraLogin before
      = { .subject = (char *) "alice", .amr = (char *) "pwd", .session_id = (char *) "s1" };
  TesseraSession *sessions[3];

  for (guint i = 0; i < G_N_ELEMENTS (sessions); i++)
    {
      sessions[i] = begin (fixture, i < 2 ? &login : &before);
      g_assert_cmpstr (sessions[i]->login.session_id, !=, "s1");
      for (guint j = 0; j < i; j++)
        g_assert_cmpstr (sessions[i]->login.session_id, !=, sessions[j]->login.session_id);
    }
  for (guint i = 0; i < G_N_ELEMENTS (sessions); i++)
    tessera_session_free (sessions[i]);
}

/* Cookies */

#define SESSION_NAME "tessera-session"
#define VALUE "0123456789ABCDEFabcdef-_0123456789ABCDEFabc"

static void
assert_cookie (const char *issuer, const char *header, const char *expected)
{
  g_autoptr (TesseraSettings) settings = tessera_settings_new (issuer);
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/login", NULL);
  g_autofree char *value = NULL;

  fake_front_set_header (front, "Cookie", header);
  value = tessera_cookie_dup (TESSERA_COOKIE_SESSION, exchange, settings);
  g_assert_cmpstr (value, ==, expected);
}

static void
test_a_cookie_is_one_that_we_could_have_made (void)
{
  const char *http = "http://127.0.0.1:8417";
  const char *https = "https://id.test";

  assert_cookie (http, SESSION_NAME "=" VALUE, VALUE);
  assert_cookie (http, SESSION_NAME "=" VALUE "x", NULL);
  assert_cookie (http, SESSION_NAME "=" VALUE "!", NULL);
  assert_cookie (http, SESSION_NAME "=123456789ABCDEFabcdef-_0123456789ABCDEFabc", NULL);
  assert_cookie (http, SESSION_NAME "=.123456789ABCDEFabcdef-_0123456789ABCDEFabc", NULL);
  assert_cookie (http, "__Host-" SESSION_NAME "=" VALUE, NULL);
  assert_cookie (https, "__Host-" SESSION_NAME "=" VALUE, VALUE);
  assert_cookie (https, SESSION_NAME "=" VALUE, NULL);
}

static void
assert_set (const char *issuer, TesseraCookie cookie, const char *expected)
{
  g_autoptr (TesseraSettings) settings = tessera_settings_new (issuer);
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/login", NULL);

  tessera_cookie_set (cookie, exchange, settings, VALUE);
  tessera_exchange_respond_http_error (exchange, 404, "This is not looked at.");
  g_assert_cmpstr (g_hash_table_lookup (front->headers, "Set-Cookie"), ==, expected);
}

/* RFC 6265bis §4.1.3.2; a browser keeps no such cookie of http. */
static void
test_over_https_no_neighbour_sets_a_cookie (void)
{
  const char *attributes = "=" VALUE "; Path=/; HttpOnly; SameSite=Lax";
  g_autofree char *session = g_strconcat (SESSION_NAME, attributes, NULL);
  g_autofree char *browser = g_strconcat ("tessera-browser", attributes, NULL);
  g_autofree char *host_session = g_strconcat ("__Host-", session, "; Secure", NULL);
  g_autofree char *host_browser = g_strconcat ("__Host-", browser, "; Secure", NULL);

  assert_set ("http://127.0.0.1:8417", TESSERA_COOKIE_SESSION, session);
  assert_set ("http://127.0.0.1:8417", TESSERA_COOKIE_BROWSER, browser);
  assert_set ("https://id.test", TESSERA_COOKIE_SESSION, host_session);
  assert_set ("https://id.test", TESSERA_COOKIE_BROWSER, host_browser);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/login-session/signing-out-is-one-commit", test_signing_out_is_one_commit);
  g_test_add_func ("/login-session/one-that-was-ended-stays-so", test_one_that_was_ended_stays_so);
  g_test_add_func ("/login-session/one-that-was-revoked-is-not-good",
                   test_one_that_was_revoked_is_not_good);
  g_test_add_func ("/login-session/one-ends-however-much-it-is-used",
                   test_one_ends_however_much_it_is_used);
  g_test_add_func ("/login-session/each-has-a-name-of-its-own", test_each_has_a_name_of_its_own);
  g_test_add_func ("/login-session/a-cookie-is-one-that-we-could-have-made",
                   test_a_cookie_is_one_that_we_could_have_made);
  g_test_add_func ("/login-session/over-https-no-neighbour-sets-a-cookie",
                   test_over_https_no_neighbour_sets_a_cookie);
  return g_test_run ();
}
