/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each single statement of SQLite fails once, and again from there on, in every operation that
 * tokens have: what was refused had no effect, what was answered with 200 has, and nothing is ever
 * believed that could not be read (threats.md E07). The linker puts our sqlite3_step() before
 * SQLite's. */

#include "engine-fixture.h"

#include "grants/tessera-revoker-private.h"
#include "grants/tessera-withdrawal-private.h"
#include "server/tessera-login-session-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#define STEPS_MAX 200
#define NEVER G_MAXINT

int __real_sqlite3_step (sqlite3_stmt *statement);
int __wrap_sqlite3_step (sqlite3_stmt *statement);

static gint steps_left = NEVER; /* until one fails */
static gboolean for_good;

int
__wrap_sqlite3_step (sqlite3_stmt *statement)
{
  gint left = g_atomic_int_get (&steps_left);

  /* To take back what is in its log only, SQLite needs no disk. */
  if (left == NEVER || g_str_has_prefix (sqlite3_sql (statement), "ROLLBACK"))
    return __real_sqlite3_step (statement);
  if (left > 0)
    {
      g_atomic_int_set (&steps_left, left - 1);
      return left == 1 ? SQLITE_IOERR : __real_sqlite3_step (statement);
    }
  return for_good ? SQLITE_IOERR : __real_sqlite3_step (statement);
}

static void
arm (gint step, gboolean from_there_on)
{
  for_good = from_there_on;
  g_atomic_int_set (&steps_left, step);
}

/* Did the step that was to fail come? */
static gboolean
disarm (void)
{
  gboolean reached = g_atomic_int_get (&steps_left) == 0;

  g_atomic_int_set (&steps_left, NEVER);
  return reached;
}

typedef struct
{
  EngineFixture *fixture;
  char *code;
  char *access_token;
  char *refresh_token;
} Life;

static void
life_begin (Life *self, EngineFixture *fixture)
{
  g_autofree char *code = engine_fixture_put_code (fixture, "c1");
  g_autoptr (Answer) answer = engine_fixture_redeem (fixture, "c1", code);

  g_assert_cmpuint (answer->status, ==, 200);
  self->fixture = fixture;
  self->access_token = g_strdup (answer_get (answer, "access_token"));
  self->refresh_token = g_strdup (answer_get (answer, "refresh_token"));
  self->code = engine_fixture_put_code (fixture, "c1");
}

static void
life_end (Life *self)
{
  g_free (self->code);
  g_free (self->access_token);
  g_free (self->refresh_token);
}

static Answer *
ask_with (Life *self, const char *path, const char *form, const char *token)
{
  g_autofree char *whole = g_strconcat (form, token, NULL);

  return engine_fixture_ask (self->fixture, path, "c1", whole);
}

static void
assert_done_or_unavailable (Answer *answer)
{
  if (answer->status != 503)
    g_assert_cmpuint (answer->status, ==, 200);
}

/* A code that was refused for want of a store can still be redeemed; one that was redeemed cannot.
 */
static void
redeem (Life *self)
{
  g_autoptr (Answer) answer = engine_fixture_redeem (self->fixture, "c1", self->code);
  gboolean reached = disarm ();
  g_autoptr (Answer) again = engine_fixture_redeem (self->fixture, "c1", self->code);

  assert_done_or_unavailable (answer);
  g_assert_cmpuint (again->status, ==, answer->status == 200 ? 400 : 200);
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static void
refresh (Life *self)
{
  g_autoptr (Answer) answer
      = ask_with (self, "/token", "grant_type=refresh_token&refresh_token=", self->refresh_token);
  gboolean reached = disarm ();
  g_autoptr (Answer) again
      = ask_with (self, "/token", "grant_type=refresh_token&refresh_token=", self->refresh_token);

  assert_done_or_unavailable (answer);
  g_assert_cmpuint (again->status, ==, 200); /* inside the window: the same successor */
  if (answer->status == 200)
    g_assert_cmpstr (answer_get (again, "refresh_token"), ==, answer_get (answer, "refresh_token"));
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static void
revoke_by_token (Life *self, const char *token, gboolean ends_grant)
{
  g_autoptr (Answer) answer = ask_with (self, "/revoke", "token=", token);
  gboolean reached = disarm ();
  gboolean done = answer->status == 200;

  g_assert_cmpint (self->fixture->last_revoked, ==, done); /* what the application hears */
  assert_done_or_unavailable (answer);
  g_assert_cmpint (engine_fixture_is_active (self->fixture, self->access_token), ==, !done);
  g_assert_cmpint (engine_fixture_is_active (self->fixture, self->refresh_token), ==,
                   !(done && ends_grant));
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static void
revoke_access_token (Life *self)
{
  revoke_by_token (self, self->access_token, FALSE);
}

static void
revoke_refresh_token (Life *self)
{
  revoke_by_token (self, self->refresh_token, TRUE);
}

static void
introspect (Life *self)
{
  g_autoptr (Answer) answer = ask_with (self, "/introspect", "token=", self->refresh_token);

  assert_done_or_unavailable (answer);
  if (answer->status == 200)
    g_assert_true (json_is_true (json_object_get (answer->json, "active")));
}

/* A replay ends the grant, or is told to come back; it never passes. */
static void
replay (Life *self)
{
  gint armed = g_atomic_int_get (&steps_left);
  g_atomic_int_set (&steps_left, NEVER);
  g_autoptr (Answer) first = engine_fixture_redeem (self->fixture, "c1", self->code);
  g_assert_cmpuint (first->status, ==, 200);
  g_atomic_int_set (&steps_left, armed);

  g_autoptr (Answer) second = engine_fixture_redeem (self->fixture, "c1", self->code);
  gboolean reached = disarm ();
  gboolean ended = second->status == 400;

  if (!ended)
    g_assert_cmpuint (second->status, ==, 503);
  g_assert_cmpint (engine_fixture_is_active (self->fixture, answer_get (first, "access_token")), ==,
                   !ended);
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static void
revoke_by_name (Life *self, TesseraRevocationKind kind, const char *value)
{
  TesseraRevocationOrder order
      = { .cause = TESSERA_REVOCATION_CAUSE_API, .kind = kind, .value = value };
  gboolean revoked = FALSE;
  g_autoptr (GError) error = NULL;
  gboolean done
      = tessera_revoker_revoke_and_wait (&self->fixture->engine, &order, &revoked, &error);
  gboolean reached = disarm ();

  g_assert_cmpint (done, ==, error == NULL);
  g_assert_cmpint (done, ==, revoked);
  g_assert_cmpint (engine_fixture_is_active (self->fixture, self->access_token), ==, !done);
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static void
revoke_subject (Life *self)
{
  revoke_by_name (self, TESSERA_REVOCATION_KIND_SUBJECT, "alice");
}

static void
revoke_client (Life *self)
{
  revoke_by_name (self, TESSERA_REVOCATION_KIND_CLIENT, "c1");
}

static void
revoke_session (Life *self)
{
  revoke_by_name (self, TESSERA_REVOCATION_KIND_SESSION, "s1");
}

static void
revoke_all (Life *self)
{
  revoke_by_name (self, TESSERA_REVOCATION_KIND_ALL, "");
}

/* An answer, or somebody is asked; never a challenge that was not looked for. */
static void
authorize (Life *self)
{
  static const char query[]
      = "response_type=code&client_id=c1&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb"
        "&code_challenge_method=S256&code_challenge=" ENGINE_FIXTURE_CHALLENGE;
  g_autoptr (Answer) answer = engine_fixture_authorize (self->fixture, query);

  g_assert_nonnull (answer->location); /* redeemed before, in life_begin() */
  g_assert_null (strstr (answer->location, "code="));
  g_assert_true (strstr (answer->location, "error=temporarily_unavailable") != NULL
                 || strstr (answer->location, "error=invalid_request") != NULL);
}

/* What people do themselves */

typedef struct
{
  char *cookie;
  gboolean found;
  gboolean done;
  gboolean failed;
} Visit;

static void
visit_wait (Visit *self)
{
  while (!self->done)
    g_main_context_iteration (NULL, TRUE);
  self->done = FALSE;
}

static void
on_withdrawn (gpointer data, const GError *error)
{
  ((Visit *) data)->failed = error != NULL;
  ((Visit *) data)->done = TRUE;
}

static void
withdraw (Life *self)
{
  Visit visit = { 0 };

  tessera_withdrawal_start (&self->fixture->engine, "alice", "c1", on_withdrawn, &visit);
  visit_wait (&visit);
  gboolean reached = disarm ();
  g_assert_cmpint (engine_fixture_is_active (self->fixture, self->access_token), ==, visit.failed);
  g_assert_cmpint (engine_fixture_is_active (self->fixture, self->refresh_token), ==, visit.failed);
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static void
on_begun (gpointer data, const char *cookie, const TesseraSession *session, const GError *error)
{
  Visit *visit = data;

  visit->failed = error != NULL;
  visit->cookie = error == NULL ? g_strdup (cookie) : NULL;
  visit->done = TRUE;
}

static void
begin_session (Life *self, Visit *visit, const char *replaced)
{
  TesseraEngine *engine = &self->fixture->engine;
  const TesseraLogin login = { .subject = (char *) "alice", .amr = (char *) "pwd" };

  tessera_login_session_begin (engine, &login, tessera_clock_get_ms (engine->clock), replaced, NULL,
                               on_begun, visit);
  visit_wait (visit);
}

static void
on_found (gpointer data, TesseraSession *session, TesseraConsent *consent, const GError *error)
{
  Visit *visit = data;

  visit->failed = error != NULL;
  visit->found = session != NULL;
  visit->done = TRUE;
  g_assert_false (visit->failed && (visit->found || consent != NULL));
  tessera_session_free (session);
  tessera_consent_free (consent);
}

static void
look_up_session (Life *self, Visit *visit)
{
  TesseraEngine *engine = &self->fixture->engine;
  g_autoptr (TesseraClient) client = tessera_client_registry_lookup (engine->clients, "c1");
  TesseraAuthorizationRequest request
      = { .client = client, .redirect_uri = (char *) "http://127.0.0.1/cb" };

  tessera_login_session_lookup (engine, visit->cookie, &request, on_found, visit);
  visit_wait (visit);
}

/* Whoever could not be looked up is signed in by nobody's word, and signed in all the same. */
static void
visit_again (Life *self)
{
  gint armed = g_atomic_int_get (&steps_left);
  Visit visit = { 0 };

  g_atomic_int_set (&steps_left, NEVER);
  begin_session (self, &visit, NULL);
  g_assert_false (visit.failed);
  self->fixture->offset_ms += 10 * 60 * 1000; /* so that it is seen anew */
  g_atomic_int_set (&steps_left, armed);
  look_up_session (self, &visit);
  gboolean reached = disarm ();
  g_assert_cmpint (visit.found, ==, !visit.failed);
  look_up_session (self, &visit);
  g_assert_true (visit.found);
  g_free (visit.cookie);
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

/* The old session ends where the new one begins, and nowhere else. */
static void
sign_in_again (Life *self)
{
  gint armed = g_atomic_int_get (&steps_left);
  Visit before = { 0 }, after = { 0 };

  g_atomic_int_set (&steps_left, NEVER);
  begin_session (self, &before, NULL);
  g_atomic_int_set (&steps_left, armed);
  begin_session (self, &after, before.cookie);
  gboolean reached = disarm ();
  look_up_session (self, &before);
  g_assert_cmpint (before.found, ==, after.failed);
  g_free (before.cookie);
  g_free (after.cookie);
  g_atomic_int_set (&steps_left, reached ? 0 : NEVER);
}

static const struct
{
  const char *name;
  void (*run) (Life *self);
} operations[] = {
  { "redeem", redeem },
  { "refresh", refresh },
  { "revoke-access-token", revoke_access_token },
  { "revoke-refresh-token", revoke_refresh_token },
  { "introspect", introspect },
  { "replay", replay },
  { "revoke-subject", revoke_subject },
  { "revoke-client", revoke_client },
  { "revoke-session", revoke_session },
  { "revoke-all", revoke_all },
  { "authorize", authorize },
  { "withdraw", withdraw },
  { "visit-again", visit_again },
  { "sign-in-again", sign_in_again },
};

/* FALSE once the operation has fewer statements than that. */
static gboolean
run_with_fault (void (*run) (Life *self), gint step, gboolean from_there_on)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  Life life = { 0 };

  life_begin (&life, fixture);
  arm (step, from_there_on);
  run (&life);
  gboolean reached = disarm ();
  life_end (&life);
  return reached;
}

static void
test_operation (gconstpointer data)
{
  guint which = GPOINTER_TO_UINT (data);
  guint n = 0;

  for (gint mode = 0; mode < 2; mode++)
    for (gint step = 1; step < STEPS_MAX; step++)
      {
        if (!run_with_fault (operations[which].run, step, mode == 1))
          break;
        n++;
      }
  g_assert_cmpuint (n, >, 2);
}

/* A database that cannot be read whole is refused; it is never taken for one in which nothing was
 * revoked. */
static gboolean
start_with_fault (const char *directory, const TesseraTokenIdentity *revoked, gint step)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  gboolean is_new = FALSE, rolled_back = FALSE;
  g_autoptr (GError) error = NULL;

  arm (step, TRUE);
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, &is_new, &error);
  TesseraDenyList *list = store != NULL ? tessera_deny_list_new (clock, 0, NULL) : NULL;
  gboolean loaded
      = list != NULL && tessera_deny_list_load (list, store, 600 * 1000, &rolled_back, &error);
  gboolean reached = disarm ();
  if (loaded)
    g_assert_true (tessera_deny_list_check (list, revoked));
  else
    g_assert_nonnull (error);
  g_assert_false (is_new);
  g_clear_pointer (&list, tessera_deny_list_free);
  return reached;
}

static void
put_denial (const char *directory, const TesseraTokenIdentity *token)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  gboolean is_new = FALSE, rolled_back = FALSE;
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, &is_new, &error);
  TesseraDenyList *list = tessera_deny_list_new (clock, 0, NULL);

  g_assert_true (tessera_deny_list_load (list, store, 600 * 1000, &rolled_back, &error));
  g_assert_true (tessera_store_begin (store, &error));
  g_assert_true (tessera_deny_list_deny_token (list, store, token, NULL, &error));
  g_assert_true (tessera_deny_list_deny_grant (list, store, "another-grant", NULL, &error));
  g_assert_true (tessera_store_commit (store, &error));
  tessera_deny_list_free (list);
}

/* The store by itself: what it could not read or write it says, and what is taken back revives
 * nothing. */

static void
see_client (TesseraClient *client, gpointer data)
{
}

static void
see_user (TesseraUser *user, gpointer data)
{
}

static void
see_denial (const TesseraDenial *denial, gpointer data)
{
}

static const TesseraStoreFilter anything = { .after = "", .limit = 10 };

static gboolean
list_clients (TesseraStore *store, GError **error)
{
  return tessera_store_foreach_client (store, see_client, NULL, error);
}

static gboolean
list_users (TesseraStore *store, GError **error)
{
  return tessera_store_foreach_user (store, see_user, NULL, error);
}

static gboolean
list_grants (TesseraStore *store, GError **error)
{
  g_autoptr (GPtrArray) page = tessera_store_list_grants (store, &anything, error);
  return page != NULL;
}

static gboolean
list_sessions (TesseraStore *store, GError **error)
{
  g_autoptr (GPtrArray) page = tessera_store_list_sessions (store, &anything, error);
  return page != NULL;
}

static gboolean
list_declared (TesseraStore *store, GError **error)
{
  g_autoptr (GHashTable) declared = tessera_store_dup_declared (store, error);
  return declared != NULL;
}

static gboolean
list_consents (TesseraStore *store, GError **error)
{
  g_autoptr (GPtrArray) list = tessera_store_list_consents (store, "alice", error);
  return list != NULL;
}

static gboolean
list_denials (TesseraStore *store, GError **error)
{
  return tessera_store_foreach_denial (store, 0, 10, see_denial, NULL, error);
}

static gboolean
list_denied_tokens (TesseraStore *store, GError **error)
{
  return tessera_store_foreach_denied_token (store, 0, see_denial, NULL, error);
}

static gboolean
look_for_challenge (TesseraStore *store, GError **error)
{
  gboolean redeemed = FALSE;
  return tessera_store_is_challenge_redeemed (store, "c1", "challenge", &redeemed, error);
}

static gboolean
use_assertion (TesseraStore *store, GError **error)
{
  TesseraDigest digest = tessera_digest ("assertion", -1);
  gboolean is_new = FALSE;
  return tessera_store_use_assertion (store, &digest, 1000, FALSE, &is_new, error);
}

static gboolean
look_for_initial_token (TesseraStore *store, GError **error)
{
  TesseraDigest digest = tessera_digest ("initial", -1);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraInitialAccessToken) token
      = tessera_store_lookup_initial_token (store, &digest, &problem);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static gboolean
list_initial_tokens (TesseraStore *store, GError **error)
{
  const TesseraStoreFilter filter = { .after = "", .limit = 10, .now_ms = 1 };
  g_autoptr (GPtrArray) page = tessera_store_list_initial_tokens (store, &filter, error);
  return page != NULL;
}

static gboolean
list_logouts (TesseraStore *store, GError **error)
{
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (store, 0, 10, error);
  return page != NULL;
}

static gboolean
remove_initial_token (TesseraStore *store, GError **error)
{
  gboolean removed = FALSE;
  return tessera_store_remove_initial_token (store, "i1", &removed, error);
}

static gboolean
prune_late (TesseraStore *store, GError **error)
{
  return tessera_store_prune (store, 2000000, error);
}

static const struct
{
  const char *name;
  gboolean (*run) (TesseraStore *store, GError **error);
} questions[] = { { "clients", list_clients },
                  { "users", list_users },
                  { "grants", list_grants },
                  { "sessions", list_sessions },
                  { "declared", list_declared },
                  { "consents", list_consents },
                  { "denials", list_denials },
                  { "denied-tokens", list_denied_tokens },
                  { "challenge", look_for_challenge },
                  { "prune", prune_late },
                  { "assertion", use_assertion },
                  { "initial-token", look_for_initial_token },
                  { "initial-tokens", list_initial_tokens },
                  { "logouts", list_logouts },
                  { "removal", remove_initial_token } };

static TesseraStore *
open_store (const char *directory)
{
  g_autoptr (GError) error = NULL;
  TesseraStore *store = tessera_sqlite_store_open (directory, NULL, &error);

  g_assert_no_error (error);
  return store;
}

/* One of each. A @large database is not examined whole at its start. */
static void
fill_store (const char *directory, gboolean large)
{
  g_autoptr (TesseraStore) store = open_store (directory);
  g_autofree char *long_text = g_strnfill (large ? 17 * 1024 * 1024 : 17, 'x');
  TesseraGrant alive = { .grant_id = (char *) "alive",
                         .client_id = (char *) "c1",
                         .login = { .subject = (char *) "alice" },
                         .scope = (char *) "a",
                         .began_ms = 1000,
                         .expires_ms = 1000000 };
  TesseraGrant ended = alive;
  TesseraDenial token = { .kind = TESSERA_DENIAL_TOKEN,
                          .value = (char *) "01890a5d-ac96-7000-8000-000000000001",
                          .expires_ms = 1000000,
                          .grant_id = (char *) "alive",
                          .client_id = (char *) "c1" };
  TesseraDenial all = { .kind = TESSERA_DENIAL_ALL, .value = (char *) "", .expires_ms = 1000000 };
  TesseraConsent consent = { .subject = (char *) "alice",
                             .client_id = (char *) "c1",
                             .redirect_uri = (char *) "https://c1.test/cb",
                             .scope = (char *) "a",
                             .given_ms = 1000 };
  guint64 generation = 0;

  ended.grant_id = (char *) "ended";
  g_assert_true (tessera_store_begin (store, NULL));
  g_assert_true (tessera_store_put_declared (store, "client:c1", long_text, NULL));
  g_assert_true (tessera_store_put_consent (store, &consent, NULL));
  g_assert_true (tessera_store_put_grant (store, &alive, NULL, NULL));
  g_assert_true (tessera_store_put_grant (store, &ended, NULL, NULL));
  g_assert_true (tessera_store_end_grant (store, "ended", NULL));
  g_assert_true (tessera_store_append_denial (store, &token, &generation, NULL));
  g_assert_true (tessera_store_append_denial (store, &all, &generation, NULL));
  g_assert_true (tessera_store_commit (store, NULL));
}

/* FALSE once there are fewer statements than that. */
static gboolean
ask_with_fault (const char *directory, guint which, gint step)
{
  g_autoptr (TesseraStore) store = open_store (directory);
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_store_begin (store, NULL));
  arm (step, TRUE);
  gboolean done = questions[which].run (store, &error);
  gboolean reached = g_atomic_int_get (&steps_left) == 0;
  tessera_store_rollback (store); /* while the disk still fails */
  disarm ();
  g_assert_cmpint (done, ==, !reached);
  g_assert_cmpint (done, ==, error == NULL);

  g_autoptr (TesseraGrant) alive = tessera_store_lookup_grant (store, "alive", NULL);
  g_autoptr (TesseraGrant) ended = tessera_store_lookup_grant (store, "ended", NULL);
  g_assert_nonnull (alive);
  g_assert_null (ended);
  return reached;
}

static void remove_directory (const char *path);

static void
test_question (gconstpointer data)
{
  guint which = GPOINTER_TO_UINT (data);
  g_autofree char *directory = g_dir_make_tmp ("tessera-fault-XXXXXX", NULL);
  gint step = 1;

  fill_store (directory, questions[which].run == list_denied_tokens);
  while (step < STEPS_MAX && ask_with_fault (directory, which, step))
    step++;
  g_assert_cmpint (step, >, 1);
  remove_directory (directory);
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name = NULL;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

/* A database that could not be made is made at the next start. */
static void
test_first_start (void)
{
  gboolean reached = TRUE;
  gint step = 0;

  while (reached && ++step < STEPS_MAX)
    {
      g_autofree char *directory = g_dir_make_tmp ("tessera-fault-XXXXXX", NULL);
      g_autoptr (GError) error = NULL;

      arm (step, TRUE);
      g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, NULL, &error);
      reached = disarm ();
      g_assert_cmpint (store != NULL, ==, error == NULL);
      g_clear_object (&store);
      g_autoptr (TesseraStore) again = open_store (directory);
      g_clear_object (&again);
      remove_directory (directory);
    }
  g_assert_cmpint (step, >, 5);
}

static void
test_start (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-fault-XXXXXX", NULL);
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  gint64 now_ms = tessera_clock_get_ms (clock);
  g_autofree char *jti = tessera_uuid_new (now_ms);
  TesseraTokenIdentity token = { .jti = jti,
                                 .issued_ms = now_ms,
                                 .expires_ms = now_ms + 600 * 1000,
                                 .client_id = "c1",
                                 .subject = "alice",
                                 .grant_id = "a-grant" };
  gint step = 1;

  put_denial (directory, &token);
  while (step < STEPS_MAX && start_with_fault (directory, &token, step))
    step++;
  g_assert_cmpint (step, >, 5);
  remove_directory (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* That the store failed is said as a warning, which GTest would end with. */
  g_log_set_always_fatal ((GLogLevelFlags) (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL));
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autofree char *path = g_strconcat ("/store-fault/E07-", operations[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_operation);
    }
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    {
      g_autofree char *path = g_strconcat ("/store-fault/store/", questions[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_question);
    }
  g_test_add_func ("/store-fault/what-could-not-be-made-is-made-at-the-next-start",
                   test_first_start);
  g_test_add_func ("/store-fault/a-list-that-cannot-be-read-refuses-the-start", test_start);
  return g_test_run ();
}
