/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds between grants, store and deny-list when requests meet: single use, rotation, and that
 * issuing and revoking cannot slip past each other (RFC 6749 §4.1.2, RFC 9700 §4.14, RFC 7009
 * §2.1). */

#include "base/tessera-secret-private.h"
#include "engine-fixture.h"

#include "grants/tessera-revoker-private.h"
#include "grants/tessera-token-issuer-private.h"
#include "jose/tessera-jwt-private.h"

#include <string.h>

#define PARALLEL 16

static char *
refresh_form (const char *token)
{
  return g_strconcat ("grant_type=refresh_token&refresh_token=", token, NULL);
}

static Answer *
refresh (EngineFixture *fixture, const char *client_id, const char *token)
{
  g_autofree char *form = refresh_form (token);

  return engine_fixture_ask (fixture, "/token", client_id, form);
}

static Answer *
log_in (EngineFixture *fixture, const char *client_id)
{
  g_autofree char *code = engine_fixture_put_code (fixture, client_id);
  Answer *answer = engine_fixture_redeem (fixture, client_id, code);

  g_assert_cmpuint (answer->status, ==, 200);
  return answer;
}

static void
test_ten_thousand_tokens_write_nothing (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  guint64 writes_before, syncs_before, writes, syncs;

  tessera_committer_get_counts (fixture->engine.committer, &writes_before, &syncs_before);
  for (guint i = 0; i < 10000; i++)
    {
      g_autoptr (Answer) answer
          = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");

      g_assert_cmpuint (answer->status, ==, 200);
    }
  tessera_committer_get_counts (fixture->engine.committer, &writes, &syncs);
  g_assert_cmpuint (writes, ==, writes_before);
  g_assert_cmpuint (syncs, ==, syncs_before);

  /* The counter does count. */
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  tessera_committer_get_counts (fixture->engine.committer, &writes, &syncs);
  g_assert_cmpuint (writes, >, writes_before);
  g_assert_cmpuint (syncs, >, syncs_before);
}

static void
test_B07_a_code_redeemed_many_times_at_once_gives_one_answer_at_most (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autofree char *code = engine_fixture_put_code (fixture, "c1");
  g_autofree char *form
      = g_strconcat ("grant_type=authorization_code&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&code_"
                     "verifier=" ENGINE_FIXTURE_VERIFIER "&code=",
                     code, NULL);
  Answer *answers[PARALLEL];
  guint good = 0;

  for (guint i = 0; i < PARALLEL; i++)
    answers[i] = engine_fixture_post (fixture, "/token", "c1", form);
  for (guint i = 0; i < PARALLEL; i++)
    engine_fixture_wait (fixture, answers[i]);
  for (guint i = 0; i < PARALLEL; i++)
    {
      if (answers[i]->status == 200)
        {
          good++;
          g_assert_false (
              engine_fixture_is_active (fixture, answer_get (answers[i], "access_token")));
        }
      else
        g_assert_cmpstr (answer_get (answers[i], "error"), ==, "invalid_grant");
      answer_free (answers[i]);
    }
  g_assert_cmpuint (good, <=, 1);
  g_assert_cmpuint (fixture->n_revoked, ==, 1);
}

static void
test_B27_parallel_refreshes_get_one_identical_successor (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  g_autofree char *form = refresh_form (answer_get (tokens, "refresh_token"));
  Answer *answers[PARALLEL];
  g_autofree char *successor = NULL;

  for (guint i = 0; i < PARALLEL; i++)
    answers[i] = engine_fixture_post (fixture, "/token", "c1", form);
  for (guint i = 0; i < PARALLEL; i++)
    {
      engine_fixture_wait (fixture, answers[i]);
      g_assert_cmpuint (answers[i]->status, ==, 200);
      if (successor == NULL)
        successor = g_strdup (answer_get (answers[i], "refresh_token"));
      g_assert_cmpstr (answer_get (answers[i], "refresh_token"), ==, successor);
      answer_free (answers[i]);
    }
}

static void
test_B26_a_lost_answer_may_be_asked_for_until_the_successor_is_used (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) first = log_in (fixture, "c1");
  g_autoptr (Answer) second = refresh (fixture, "c1", answer_get (first, "refresh_token"));
  g_autoptr (Answer) again = refresh (fixture, "c1", answer_get (first, "refresh_token"));
  g_autoptr (Answer) third = refresh (fixture, "c1", answer_get (second, "refresh_token"));

  g_assert_cmpstr (answer_get (second, "refresh_token"), ==, answer_get (again, "refresh_token"));
  g_assert_cmpuint (third->status, ==, 200);

  g_autoptr (Answer) reuse = refresh (fixture, "c1", answer_get (first, "refresh_token"));
  g_autoptr (Answer) newest = refresh (fixture, "c1", answer_get (third, "refresh_token"));
  g_assert_cmpstr (answer_get (reuse, "error"), ==, "invalid_grant");
  g_assert_cmpstr (answer_get (newest, "error"), ==, "invalid_grant");
  g_assert_false (engine_fixture_is_active (fixture, answer_get (third, "access_token")));
  g_assert_cmpuint (fixture->n_revoked, ==, 1);
  g_assert_cmpint (fixture->last_cause, ==, TESSERA_REVOCATION_CAUSE_REPLAY);
}

static void
test_B25_reuse_after_the_window_ends_the_grant (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) first = log_in (fixture, "c1");
  g_autoptr (Answer) second = refresh (fixture, "c1", answer_get (first, "refresh_token"));

  fixture->offset_ms += 31 * 1000;
  g_autoptr (Answer) reuse = refresh (fixture, "c1", answer_get (first, "refresh_token"));
  g_autoptr (Answer) newest = refresh (fixture, "c1", answer_get (second, "refresh_token"));
  g_assert_cmpstr (answer_get (reuse, "error"), ==, "invalid_grant");
  g_assert_cmpstr (answer_get (newest, "error"), ==, "invalid_grant");
  g_assert_false (engine_fixture_is_active (fixture, answer_get (second, "access_token")));
}

static void
revoke_all_of (EngineFixture *fixture, TesseraRevocationKind kind, const char *value)
{
  gboolean revoked = FALSE;
  g_autoptr (GError) error = NULL;

  tessera_revoker_revoke_and_wait (&fixture->engine,
                                   &(TesseraRevocationOrder){ .kind = kind, .value = value },
                                   &revoked, &error);
  g_assert_no_error (error);
  g_assert_true (revoked);
}

/* What @token says, changed, in a token that we might have written. */
static char *
rewrite (EngineFixture *fixture, const char *token, gint64 number, gint64 turn, gboolean other)
{
  const TesseraTokenKind *kind = tessera_key_ring_get_refresh_tokens (fixture->engine.keys);
  TesseraNumberedToken numbered;

  g_assert_true (tessera_numbered_token_read (kind, token, &numbered));
  numbered.number += number;
  numbered.turn += turn;
  if (other)
    numbered.nonce = tessera_nonce_new ();
  return tessera_numbered_token_write (kind, &numbered);
}

static void
assert_unknown (EngineFixture *fixture, const char *token)
{
  g_autoptr (Answer) refreshed = refresh (fixture, "c1", token);
  g_autofree char *form = g_strconcat ("token=", token, NULL);
  g_autoptr (Answer) revoked = engine_fixture_ask (fixture, "/revoke", "c1", form);

  g_assert_cmpuint (refreshed->status, ==, 400);
  g_assert_cmpstr (answer_get (refreshed, "error"), ==, "invalid_grant");
  g_assert_cmpuint (revoked->status, ==, 200);
  g_assert_false (engine_fixture_is_active (fixture, token));
  g_assert_false (fixture->last_revoked);
}

static void
test_a_forged_refresh_token_changes_nothing (void)
{
  static const struct
  {
    gint64 number;
    gint64 turn;
    gboolean other;
  } changes[] = {
    { 1, 0, FALSE },  /* another grant */
    { -1, 0, FALSE }, /* of one that is there, too */
    { 0, 1, FALSE },  /* a turn that has not come, as of a database that was put back */
    { 0, 0, TRUE },   /* a grant that had this number */
    { -G_MAXINT32, 0, FALSE },
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (EngineFixture) fixture = engine_fixture_new (i % 2 == 0);
      g_autoptr (Answer) before = log_in (fixture, "c1");
      g_autoptr (Answer) tokens = log_in (fixture, "c1");
      const char *good = answer_get (tokens, "refresh_token");
      g_autofree char *forged = rewrite (fixture, good, changes[i / 2].number, changes[i / 2].turn,
                                         changes[i / 2].other);

      assert_unknown (fixture, forged);
      forged[10] ^= 1;
      assert_unknown (fixture, forged);
      g_autoptr (Answer) own = refresh (fixture, "c1", good);
      g_autoptr (Answer) others = refresh (fixture, "c1", answer_get (before, "refresh_token"));
      g_assert_cmpuint (own->status, ==, 200);
      g_assert_cmpuint (others->status, ==, 200);
    }
}

/* Its first token was replaced long ago: a replay, though nothing of it is kept. */
static void
test_any_older_refresh_token_is_a_replay (void)
{
  for (guint turns = 2; turns <= 5; turns++)
    {
      g_autoptr (EngineFixture) fixture = engine_fixture_new (turns % 2 == 0);
      g_autoptr (Answer) tokens = log_in (fixture, "c1");
      g_autofree char *first = g_strdup (answer_get (tokens, "refresh_token"));
      g_autofree char *newest = g_strdup (first);

      for (guint i = 0; i < turns; i++)
        {
          g_autoptr (Answer) answer = refresh (fixture, "c1", newest);

          g_assert_cmpuint (answer->status, ==, 200);
          g_free (newest);
          newest = g_strdup (answer_get (answer, "refresh_token"));
        }
      g_assert_false (engine_fixture_is_active (fixture, first));
      g_autoptr (Answer) replay = refresh (fixture, "c1", first);
      g_autoptr (Answer) dead = refresh (fixture, "c1", newest);
      g_assert_cmpuint (replay->status, ==, 400);
      g_assert_cmpuint (dead->status, ==, 400);
      g_assert_false (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
      g_assert_cmpint (fixture->last_cause, ==, TESSERA_REVOCATION_CAUSE_REPLAY);
    }
}

static void
test_a_refresh_token_of_another_key_folder_is_unknown (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  const char *token = answer_get (tokens, "refresh_token");
  TesseraKeyRing *own = fixture->engine.keys;
  g_autoptr (GError) error = NULL;

  fixture->engine.keys
      = tessera_key_ring_open (NULL, TESSERA_ALGORITHM_ES256, TRUE, fixture->engine.clock, &error);
  g_assert_no_error (error);
  assert_unknown (fixture, token);
  tessera_key_ring_free (fixture->engine.keys);
  fixture->engine.keys = own;
  g_autoptr (Answer) answer = refresh (fixture, "c1", token);
  g_assert_cmpuint (answer->status, ==, 200);
}

static void
test_a_number_given_again_makes_no_old_token_good (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  const TesseraTokenKind *kind = tessera_key_ring_get_refresh_tokens (fixture->engine.keys);
  const char *old = answer_get (tokens, "refresh_token");
  TesseraNumberedToken before, after;

  revoke_all_of (fixture, TESSERA_REVOCATION_KIND_SUBJECT, "alice");
  fixture->offset_ms += 1000;
  g_autoptr (Answer) again = log_in (fixture, "c1");
  const char *newer = answer_get (again, "refresh_token");
  g_assert_true (tessera_numbered_token_read (kind, old, &before)
                 && tessera_numbered_token_read (kind, newer, &after));
  g_assert_cmpint (after.number, ==, before.number);
  fixture->last_revoked = FALSE;
  assert_unknown (fixture, old);
  g_autoptr (Answer) answer = refresh (fixture, "c1", newer);
  g_assert_cmpuint (answer->status, ==, 200);
}

static void
test_B24_a_foreign_refresh_token_changes_nothing (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  g_autoptr (Answer) foreign = refresh (fixture, "c2", answer_get (tokens, "refresh_token"));
  g_autoptr (Answer) own = refresh (fixture, "c1", answer_get (tokens, "refresh_token"));

  g_assert_cmpstr (answer_get (foreign, "error"), ==, "invalid_grant");
  g_assert_cmpuint (own->status, ==, 200);
}

/* To the millisecond, and whether or not the row is still there. */
static void
test_a_code_expires (void)
{
  for (guint late = 0; late < 2; late++)
    {
      g_autoptr (EngineFixture) fixture = engine_fixture_new (late == 0);
      g_autofree char *code = engine_fixture_put_code (fixture, "c1");

      /* The clock goes on by itself, so a second from the end. */
      fixture->offset_ms += late != 0 ? 60 * 1000 : 59 * 1000;
      g_autoptr (Answer) answer = engine_fixture_redeem (fixture, "c1", code);
      g_assert_cmpuint (answer->status, ==, late != 0 ? 400 : 200);
    }
}

static void
test_a_token_is_dead_from_its_last_second_on (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  TesseraClock *clock = fixture->engine.clock;
  gint64 exp_ms = (tessera_clock_get_ms (clock) / 1000 + 600) * 1000;

  fixture->offset_ms += exp_ms - 3000 - tessera_clock_get_ms (clock);
  g_assert_true (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
  fixture->offset_ms += exp_ms - tessera_clock_get_ms (clock);
  g_assert_false (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
}

static void
test_a_superseded_token_is_introspected_as_dead (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  const char *first = answer_get (tokens, "refresh_token");
  g_autoptr (Answer) newer = refresh (fixture, "c1", first);

  g_assert_cmpuint (newer->status, ==, 200);
  g_assert_true (engine_fixture_is_active (fixture, first)); /* it can still be asked again */
  fixture->offset_ms += 31 * 1000;
  g_assert_false (engine_fixture_is_active (fixture, first));
  g_assert_true (engine_fixture_is_active (fixture, answer_get (newer, "refresh_token")));
}

/* Its client may be one that could not be read. */
static void
test_after_a_failure_of_the_store_no_token_is_called_dead (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens
      = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials");
  g_autofree char *question = g_strconcat ("token=", answer_get (tokens, "access_token"), NULL);

  tessera_client_registry_remove (fixture->engine.clients, "c1");
  tessera_client_registry_fail (fixture->engine.clients);
  g_autoptr (Answer) answer = engine_fixture_ask (fixture, "/introspect", "c2", question);
  g_assert_cmpuint (answer->status, ==, 503);
  g_assert_cmpstr (answer_get (answer, "error"), ==, "temporarily_unavailable");
}

static void
test_a_public_client_gets_no_token_of_its_own (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "p2", "grant-types",
                      (const char *const[]){ "client_credentials", NULL }, NULL);
  g_autoptr (GError) error = NULL;

  tessera_client_registry_add (fixture->engine.clients, client, TRUE, &error);
  g_assert_no_error (error);
  g_autoptr (Answer) answer
      = engine_fixture_ask (fixture, "/token", "p2", "grant_type=client_credentials");
  g_assert_cmpuint (answer->status, ==, 400);
  g_assert_cmpstr (answer_get (answer, "error"), ==, "unauthorized_client");
}

/* The entry of a cut-off is forgotten in time; what it ended stays ended. */
static void
test_a_cut_off_that_is_forgotten_revives_no_refresh_token (void)
{
  static const struct
  {
    TesseraRevocationKind kind;
    const char *value;
  } cut_offs[] = { { TESSERA_REVOCATION_KIND_SUBJECT, "alice" },
                   { TESSERA_REVOCATION_KIND_CLIENT, "c1" },
                   { TESSERA_REVOCATION_KIND_SESSION, "s1" },
                   { TESSERA_REVOCATION_KIND_ALL, "" } };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (cut_offs); i++)
    {
      g_autoptr (EngineFixture) fixture = engine_fixture_new (i % 2 == 0);
      g_autoptr (Answer) tokens = log_in (fixture, "c1");
      TesseraRevocationOrder order = { .cause = TESSERA_REVOCATION_CAUSE_API,
                                       .kind = cut_offs[i / 2].kind,
                                       .value = cut_offs[i / 2].value };

      g_assert_true (tessera_revoker_revoke_and_wait (&fixture->engine, &order, NULL, NULL));
      fixture->offset_ms += 3600 * 1000;
      for (guint j = 0; j < 3; j++)
        g_free (engine_fixture_put_code (fixture, "c2")); /* batches, behind which it prunes */
      g_autoptr (Answer) answer = refresh (fixture, "c1", answer_get (tokens, "refresh_token"));
      g_assert_cmpuint (answer->status, ==, 400);
    }
}

static void
test_an_access_token_says_what_it_is_for (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  const char *text = answer_get (tokens, "access_token");
  g_autoptr (TesseraAccessToken) token
      = tessera_engine_check_token (&fixture->engine, text, strlen (text), NULL, NULL);

  g_assert_true (tessera_access_token_has_scope (token, "a"));
  g_assert_false (tessera_access_token_has_scope (token, "c"));
  g_assert_cmpstr (tessera_access_token_get_session_id (token), ==, "s1");
  g_assert_cmpstr (tessera_access_token_get_claim (token, "acr"), ==, "urn:test:two");
  TesseraClaims *claims = tessera_access_token_get_claims (token);
  g_autofree char *amr = tessera_claims_dup_json (claims, "amr");
  g_assert_cmpstr (amr, ==, "[\"pwd\",\"otp\"]");
  g_assert_true (tessera_access_token_get_claims (token) == claims);
  g_assert_null (tessera_engine_check_token (&fixture->engine, text, strlen (text),
                                             "https://elsewhere.test/", NULL));
}

static gpointer
get_claims_late (gpointer data)
{
  struct
  {
    TesseraAccessToken *token;
    gint waiting;
  } *race = data;

  g_atomic_int_set (&race->waiting, TRUE);
  while (g_atomic_int_get (&race->waiting))
    continue;
  return tessera_access_token_get_claims (race->token);
}

/* Whoever reads them first: nobody sees claims that another has thrown away. */
static void
test_threads_read_the_same_claims (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  const char *text = answer_get (tokens, "access_token");

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (TesseraAccessToken) token
          = tessera_engine_check_token (&fixture->engine, text, strlen (text), NULL, NULL);
      struct
      {
        TesseraAccessToken *token;
        gint waiting;
      } race = { token, FALSE };
      GThread *other = g_thread_new ("reader", get_claims_late, &race);

      while (!g_atomic_int_get (&race.waiting))
        g_thread_yield ();
      g_atomic_int_set (&race.waiting, FALSE);
      TesseraClaims *claims = tessera_access_token_get_claims (token);
      g_assert_true (g_thread_join (other) == claims);
    }
}

static void
test_without_a_key_nothing_is_signed (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);

  fixture->engine.settings->signing_algorithm = TESSERA_ALGORITHM_RS256;
  g_autoptr (Answer) answer
      = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");
  g_assert_cmpuint (answer->status, ==, 500);
  g_assert_cmpstr (answer_get (answer, "error"), ==, "server_error");
}

/* Where a token is checked by others, who have the right time, it would live too long. */
static void
test_nothing_is_issued_while_the_clock_is_behind (void)
{
  static const struct
  {
    gint64 minutes; /* on the clock of the machine */
    guint status;
  } hours[] = { { 60, 200 }, { 56, 200 }, { 54, 503 }, { 0, 503 }, { 60, 200 } };
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (hours); i++)
    {
      fixture->offset_ms = hours[i].minutes * 60 * 1000;
      g_autoptr (Answer) answer
          = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");
      g_assert_cmpuint (answer->status, ==, hours[i].status);
    }
}

static void
test_a_revoked_key_takes_its_tokens_along (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (fixture->engine.keys, TESSERA_ALGORITHM_ES256);

  g_assert_true (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
  revoke_all_of (fixture, TESSERA_REVOCATION_KIND_KEY, tessera_key_get_id (key));
  g_assert_false (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
}

static void
test_a_revoked_session_takes_its_tokens_along (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");

  g_assert_true (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
  revoke_all_of (fixture, TESSERA_REVOCATION_KIND_SESSION, "s1");
  g_assert_false (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
}

/* Our own key signs other things too; with an nbf, nothing of it is recognized. */
static void
test_C01_what_has_another_type_is_no_access_token (void)
{
  static const char *const types[] = { "at+jwt", "JWT", "logout+jwt" };
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (fixture->engine.keys, TESSERA_ALGORITHM_ES256);
  gint64 now_ms = tessera_clock_get_ms (fixture->engine.clock);
  g_autofree char *jti = tessera_uuid_new (now_ms);
  g_autofree char *claims
      = g_strdup_printf ("{\"iss\":\"" ENGINE_FIXTURE_ISSUER "\",\"aud\":\"a\",\"sub\":\"c1\","
                         "\"client_id\":\"c1\",\"iat\":%" G_GINT64_FORMAT
                         ",\"exp\":%" G_GINT64_FORMAT ",\"nbf\":1,\"jti\":\"%s\"}",
                         now_ms / 1000, now_ms / 1000 + 60, jti);

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autofree char *token = tessera_jwt_sign_text (key, types[i], claims, NULL);
      g_assert_cmpint (engine_fixture_is_active (fixture, token), ==, i == 0);
    }
}

/* The authorization was redeemed, then the cut-off came, then it is minted: however late. */
static void
test_E13_what_was_authorised_before_a_cut_off_is_not_minted_after_it (void)
{
  static const TesseraRevocationKind kinds[]
      = { TESSERA_REVOCATION_KIND_SUBJECT, TESSERA_REVOCATION_KIND_CLIENT,
          TESSERA_REVOCATION_KIND_ALL, TESSERA_REVOCATION_KIND_SESSION,
          TESSERA_REVOCATION_KIND_GRANT };
  static const char *const values[] = { "alice", "c1", "", "s1", "g1" };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
      g_auto (TesseraAuthorization) authorization = { 0 };
      g_auto (TesseraIssuedToken) token = { 0 };
      g_autoptr (GError) error = NULL;

      authorization.client = tessera_client_registry_lookup (fixture->engine.clients, "c1");
      authorization.grant_type = "authorization_code";
      authorization.login.subject = g_strdup ("alice");
      authorization.login.session_id = g_strdup ("s1");
      authorization.grant_id = g_strdup ("g1");
      authorization.scope = g_strdup ("a");
      authorization.began_ms = tessera_clock_get_ms (fixture->engine.clock);
      revoke_all_of (fixture, kinds[i], values[i]);
      fixture->offset_ms += 5000;

      g_assert_false (
          tessera_token_issuer_issue (&fixture->engine, &authorization, &token, &error));
      g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT);
    }
}

/* What is written down only after the cut-off has ended nothing that was there. */
static void
test_E13_a_code_that_comes_late_is_of_when_it_was_decided (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  gint64 began_ms = tessera_clock_get_ms (fixture->engine.clock);

  revoke_all_of (fixture, TESSERA_REVOCATION_KIND_SUBJECT, "alice");
  fixture->offset_ms += 5000;
  g_autofree char *late = engine_fixture_put_code_of (fixture, "c1", began_ms);
  g_autoptr (Answer) refused = engine_fixture_redeem (fixture, "c1", late);
  g_assert_cmpstr (answer_get (refused, "error"), ==, "invalid_grant");
  g_autofree char *code = engine_fixture_put_code (fixture, "c1");
  g_autoptr (Answer) answer = engine_fixture_redeem (fixture, "c1", code);
  g_assert_cmpuint (answer->status, ==, 200);
}

static void
test_a_token_issued_after_the_revocation_is_good_in_the_same_second_too (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) before
      = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");

  revoke_all_of (fixture, TESSERA_REVOCATION_KIND_CLIENT, "c1");
  g_autoptr (Answer) after
      = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");
  g_assert_false (engine_fixture_is_active (fixture, answer_get (before, "access_token")));
  g_assert_true (engine_fixture_is_active (fixture, answer_get (after, "access_token")));
}

static void
test_revoking_a_person_ends_refresh_tokens_and_spares_others (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (TRUE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  g_autoptr (Answer) machine
      = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");

  revoke_all_of (fixture, TESSERA_REVOCATION_KIND_SUBJECT, "alice");
  g_autoptr (Answer) refreshed = refresh (fixture, "c1", answer_get (tokens, "refresh_token"));
  g_assert_cmpstr (answer_get (refreshed, "error"), ==, "invalid_grant");
  g_assert_false (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
  g_assert_true (engine_fixture_is_active (fixture, answer_get (machine, "access_token")));
}

static void
test_revoking_an_access_token_leaves_its_refresh_token (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  g_autofree char *form = g_strconcat ("token=", answer_get (tokens, "access_token"), NULL);
  g_autoptr (Answer) revoked = engine_fixture_ask (fixture, "/revoke", "c1", form);
  g_autoptr (Answer) refreshed = refresh (fixture, "c1", answer_get (tokens, "refresh_token"));

  g_assert_cmpuint (revoked->status, ==, 200);
  g_assert_false (engine_fixture_is_active (fixture, answer_get (tokens, "access_token")));
  g_assert_cmpuint (refreshed->status, ==, 200);
  g_assert_true (engine_fixture_is_active (fixture, answer_get (refreshed, "access_token")));
}

static void
test_revoking_an_access_token_may_end_its_grant (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) tokens = log_in (fixture, "c1");
  g_autofree char *form = g_strconcat ("token=", answer_get (tokens, "access_token"), NULL);

  fixture->engine.settings->revocation_ends_grant = TRUE;
  g_autoptr (Answer) revoked = engine_fixture_ask (fixture, "/revoke", "c1", form);
  g_autoptr (Answer) refreshed = refresh (fixture, "c1", answer_get (tokens, "refresh_token"));
  g_assert_cmpuint (revoked->status, ==, 200);
  g_assert_cmpstr (answer_get (refreshed, "error"), ==, "invalid_grant");
}

static void
test_every_attempt_is_reported_once (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) unknown = engine_fixture_ask (fixture, "/revoke", "c1", "token=garbage");

  g_assert_cmpuint (unknown->status, ==, 200);
  g_assert_cmpuint (fixture->n_revoked, ==, 1);
}

static void
test_a_removed_client_has_no_good_tokens (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) token
      = engine_fixture_ask (fixture, "/token", "c2", "grant_type=client_credentials&scope=a");
  const char *text = answer_get (token, "access_token");
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) before
      = tessera_engine_check_token (&fixture->engine, text, strlen (text), NULL, &error);

  g_assert_no_error (error);
  tessera_client_registry_remove (fixture->engine.clients, "c2");
  g_assert_null (tessera_engine_check_token (&fixture->engine, text, strlen (text), NULL, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL); /* a replay is warned of, and that is right */
  g_test_add_func ("/cost/ten-thousand-client-credentials-tokens-write-nothing",
                   test_ten_thousand_tokens_write_nothing);
  g_test_add_func ("/grants/B07-a-code-redeemed-many-times-at-once-gives-one-answer-at-most",
                   test_B07_a_code_redeemed_many_times_at_once_gives_one_answer_at_most);
  g_test_add_func ("/grants/B27-parallel-refreshes-get-one-identical-successor",
                   test_B27_parallel_refreshes_get_one_identical_successor);
  g_test_add_func ("/grants/B26-a-lost-answer-may-be-asked-for-until-the-successor-is-used",
                   test_B26_a_lost_answer_may_be_asked_for_until_the_successor_is_used);
  g_test_add_func ("/grants/B25-reuse-after-the-window-ends-the-grant",
                   test_B25_reuse_after_the_window_ends_the_grant);
  g_test_add_func ("/grants/a-forged-refresh-token-changes-nothing",
                   test_a_forged_refresh_token_changes_nothing);
  g_test_add_func ("/grants/any-older-refresh-token-is-a-replay",
                   test_any_older_refresh_token_is_a_replay);
  g_test_add_func ("/grants/a-refresh-token-of-another-key-folder-is-unknown",
                   test_a_refresh_token_of_another_key_folder_is_unknown);
  g_test_add_func ("/grants/a-number-given-again-makes-no-old-token-good",
                   test_a_number_given_again_makes_no_old_token_good);
  g_test_add_func ("/grants/B24-a-foreign-refresh-token-changes-nothing",
                   test_B24_a_foreign_refresh_token_changes_nothing);
  g_test_add_func ("/grants/E13-what-was-authorised-before-a-cut-off-is-not-minted-after-it",
                   test_E13_what_was_authorised_before_a_cut_off_is_not_minted_after_it);
  g_test_add_func ("/grants/E13-a-code-that-comes-late-is-of-when-it-was-decided",
                   test_E13_a_code_that_comes_late_is_of_when_it_was_decided);
  g_test_add_func ("/grants/a-token-issued-after-the-revocation-is-good-in-the-same-second-too",
                   test_a_token_issued_after_the_revocation_is_good_in_the_same_second_too);
  g_test_add_func ("/grants/A33-a-code-expires", test_a_code_expires);
  g_test_add_func ("/grants/a-token-is-dead-from-its-last-second-on",
                   test_a_token_is_dead_from_its_last_second_on);
  g_test_add_func ("/grants/after-a-failure-of-the-store-no-token-is-called-dead",
                   test_after_a_failure_of_the_store_no_token_is_called_dead);
  g_test_add_func ("/grants/a-superseded-token-is-introspected-as-dead",
                   test_a_superseded_token_is_introspected_as_dead);
  g_test_add_func ("/grants/B20-a-public-client-gets-no-token-of-its-own",
                   test_a_public_client_gets_no_token_of_its_own);
  g_test_add_func ("/grants/a-cut-off-that-is-forgotten-revives-no-refresh-token",
                   test_a_cut_off_that_is_forgotten_revives_no_refresh_token);
  g_test_add_func ("/grants/an-access-token-says-what-it-is-for",
                   test_an_access_token_says_what_it_is_for);
  g_test_add_func ("/grants/a-revoked-session-takes-its-tokens-along",
                   test_a_revoked_session_takes_its_tokens_along);
  g_test_add_func ("/grants/C01-what-has-another-type-is-no-access-token",
                   test_C01_what_has_another_type_is_no_access_token);
  g_test_add_func ("/grants/a-revoked-key-takes-its-tokens-along",
                   test_a_revoked_key_takes_its_tokens_along);
  g_test_add_func ("/grants/threads-read-the-same-claims", test_threads_read_the_same_claims);
  g_test_add_func ("/grants/without-a-key-nothing-is-signed", test_without_a_key_nothing_is_signed);
  g_test_add_func ("/grants/nothing-is-issued-while-the-clock-is-behind",
                   test_nothing_is_issued_while_the_clock_is_behind);
  g_test_add_func ("/grants/revoking-a-person-ends-refresh-tokens-and-spares-others",
                   test_revoking_a_person_ends_refresh_tokens_and_spares_others);
  g_test_add_func ("/rfc7009/2.1/revoking-an-access-token-leaves-its-refresh-token",
                   test_revoking_an_access_token_leaves_its_refresh_token);
  g_test_add_func ("/rfc7009/2.1/revoking-an-access-token-may-end-its-grant",
                   test_revoking_an_access_token_may_end_its_grant);
  g_test_add_func ("/revoker/every-attempt-is-reported-once", test_every_attempt_is_reported_once);
  g_test_add_func ("/revoker/a-removed-client-has-no-good-tokens",
                   test_a_removed_client_has_no_good_tokens);
  return g_test_run ();
}
