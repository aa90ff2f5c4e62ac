/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy of a deny-list: that it refuses what the server's list refuses, and how old it is. */

#include "base/tessera-secret-private.h"
#include "resource/tessera-deny-replica-private.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-memory-store-private.h"

#include <string.h>

#define LIFETIME_MS (600 * 1000)
#define SEED_STEPS 400

static gint64 offset;  /* of the clock */
static gint64 elapsed; /* more than really has */

/* A server's list, and a copy of it. */
typedef struct
{
  TesseraClock *clock;
  TesseraStore *store;
  TesseraDenyList *list;
  TesseraDenyReplica *replica;
  guint64 cursor;
} Fixture;

static void
load_empty (Fixture *f)
{
  g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (f->replica);

  g_assert_true (tessera_deny_stage_commit (stage, "a", 0, tessera_clock_get_ms (f->clock)));
}

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  offset = elapsed = 0;
  f->clock = tessera_clock_new ();
  f->store = tessera_memory_store_new ();
  f->list = tessera_deny_list_new (f->clock, 0, NULL);
  g_assert_true (tessera_deny_list_load (f->list, f->store, LIFETIME_MS, NULL, NULL));
  f->replica = tessera_deny_replica_new (f->clock);
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  tessera_deny_replica_free (f->replica);
  tessera_deny_list_free (f->list);
  g_object_unref (f->store);
  tessera_clock_unref (f->clock);
}

static void
apply_one (const TesseraDenial *denial, gpointer data)
{
  Fixture *f = data;

  g_assert_true (tessera_deny_replica_apply (f->replica, denial));
  f->cursor = denial->generation;
}

/* What the server's list did since. */
static void
follow (Fixture *f)
{
  g_assert_true (tessera_store_begin (f->store, NULL));
  g_assert_true (tessera_store_foreach_denial (f->store, f->cursor, G_MAXUINT, apply_one, f, NULL));
  g_assert_true (tessera_store_commit (f->store, NULL));
}

static void
stage_one (const TesseraDenial *denial, gpointer stage)
{
  g_assert_true (tessera_deny_stage_add (stage, denial));
}

static TesseraDenyReplica *
copy_by_snapshot (Fixture *f)
{
  TesseraDenyReplica *copy = tessera_deny_replica_new (f->clock);
  g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (copy);

  g_assert_true (tessera_store_begin (f->store, NULL));
  g_assert_true (tessera_store_foreach_denial (f->store, 0, G_MAXUINT, stage_one, stage, NULL));
  g_assert_true (tessera_store_commit (f->store, NULL));
  g_assert_true (
      tessera_deny_stage_commit (stage, "a", f->cursor, tessera_clock_get_ms (f->clock)));
  return copy;
}

typedef struct
{
  char *jti;
  TesseraTokenIdentity identity;
} Token;

static void
token_free (Token *token)
{
  g_free (token->jti);
  g_free (token);
}

static Token *
issue (Fixture *f, const char *client_id, const char *subject, const char *grant_id)
{
  Token *token = g_new0 (Token, 1);
  gint64 now = tessera_clock_get_ms (f->clock);

  token->jti = tessera_uuid_new (now);
  token->identity = (TesseraTokenIdentity){ .jti = token->jti,
                                            .issued_ms = now,
                                            .expires_ms = now + LIFETIME_MS,
                                            .subject = subject,
                                            .client_id = client_id,
                                            .grant_id = grant_id,
                                            .session_id = grant_id != NULL ? "sid" : NULL,
                                            .kid = "kid" };
  return token;
}

/* Persons, clients of those names, grants with a session and without. */
static GPtrArray *
issue_all (Fixture *f)
{
  static const char *const names[] = { "n1", "n2" };
  GPtrArray *tokens = g_ptr_array_new_with_free_func ((GDestroyNotify) token_free);

  for (guint client = 0; client < 2; client++)
    for (guint subject = 0; subject < 2; subject++)
      for (guint grant = 0; grant < 3; grant++)
        {
          const char *grant_id = grant < 2 ? names[grant] : NULL;
          Token *token = issue (f, names[client], names[subject], grant_id);
          token->identity.session_id = grant == 1 ? "n1" : NULL;
          token->identity.kid = names[subject];
          g_ptr_array_add (tokens, token);
        }
  return tokens;
}

static guint
assert_same (Fixture *f, TesseraDenyReplica *replica, GPtrArray *tokens)
{
  guint refused = 0;

  for (guint i = 0; i < tokens->len; i++)
    {
      const Token *token = tokens->pdata[i];
      gboolean wanted = tessera_deny_list_check (f->list, &token->identity);
      g_assert_cmpint (tessera_deny_replica_check (replica, &token->identity), ==, wanted);
      refused += wanted;
    }
  return refused;
}

/* Revoke: one thing, by the server's own functions. */

typedef gboolean (*DenyValue) (
    TesseraDenyList *, TesseraStore *, const char *, guint64 *, GError **);

static void
deny (Fixture *f, DenyValue func, const char *value)
{
  g_assert_true (tessera_store_begin (f->store, NULL));
  g_assert_true (func != NULL ? func (f->list, f->store, value, NULL, NULL)
                              : tessera_deny_list_deny_all (f->list, f->store, NULL, NULL));
  g_assert_true (tessera_store_commit (f->store, NULL));
}

static void
deny_token (Fixture *f, const TesseraTokenIdentity *token)
{
  g_assert_true (tessera_store_begin (f->store, NULL));
  g_assert_true (tessera_deny_list_deny_token (f->list, f->store, token, NULL, NULL));
  g_assert_true (tessera_store_commit (f->store, NULL));
}

typedef struct
{
  const char *rule;
  DenyValue deny; /* NULL: all, or tokens */
  guint refused;  /* of issue_all () */
} Rule;

static const Rule rules[] = {
  { "grant", tessera_deny_list_deny_grant, 4 },
  { "session", tessera_deny_list_deny_session, 4 },
  { "subject", tessera_deny_list_deny_subject, 4 },
  { "client", tessera_deny_list_deny_client, 6 },
  { "key", tessera_deny_list_deny_key, 6 },
  { "all", NULL, 12 },
};

static void
expect_rule (const TesseraDenial *denial, gpointer rule)
{
  g_assert_cmpstr (tessera_denial_get_rule (denial), ==, ((const Rule *) rule)->rule);
}

static void
test_rule (Fixture *f, gconstpointer data)
{
  const Rule *rule = data;
  g_autoptr (GPtrArray) before = issue_all (f);

  load_empty (f);
  deny (f, rule->deny, "n1");
  g_autoptr (GPtrArray) after = issue_all (f);
  follow (f);
  g_autoptr (TesseraDenyReplica) copy = copy_by_snapshot (f);

  tessera_deny_replica_foreach (f->replica, expect_rule, (gpointer) rule);
  g_assert_cmpuint (assert_same (f, f->replica, before), ==, rule->refused);
  assert_same (f, f->replica, after);
  assert_same (f, copy, before);
  assert_same (f, copy, after);
}

static void
test_token (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) tokens = issue_all (f);
  const Token *own = tokens->pdata[2], *granted = tokens->pdata[0];

  load_empty (f);
  deny_token (f, &own->identity);
  deny_token (f, &granted->identity);
  follow (f);
  g_autoptr (TesseraDenyReplica) copy = copy_by_snapshot (f);
  g_assert_cmpuint (assert_same (f, f->replica, tokens), ==, 2);
  assert_same (f, copy, tokens);
  g_assert_cmpuint (tessera_deny_replica_get_count (copy), ==, 2);
}

/* More than one entry's worth: of one grant, of one client's share, of one person's. */
static void
test_coalesced (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) tokens = g_ptr_array_new_with_free_func ((GDestroyNotify) token_free);

  tessera_deny_list_free (f->list);
  f->list = tessera_deny_list_new (f->clock, 1, NULL); /* the smallest shares */
  g_assert_true (tessera_deny_list_load (f->list, f->store, LIFETIME_MS, NULL, NULL));
  load_empty (f);
  for (guint i = 0; i < 3 * (TESSERA_DENY_LIST_TOKENS_PER_GRANT + 2); i++)
    {
      g_autofree char *grant = i % 3 == 2 ? g_strdup_printf ("g%u", i) : g_strdup ("g");
      g_ptr_array_add (tokens, issue (f, "c",
                                      i % 3 == 0   ? "c"
                                      : i % 3 == 1 ? "alice"
                                                   : "bob",
                                      i % 3 == 0 ? NULL : g_intern_string (grant)));
    }
  for (guint i = 0; i < tokens->len; i++)
    deny_token (f, &((Token *) tokens->pdata[i])->identity);
  g_ptr_array_add (tokens, issue (f, "c", "c", NULL));
  g_ptr_array_add (tokens, issue (f, "c", "alice", "g"));
  g_ptr_array_add (tokens, issue (f, "c", "bob", "g0"));
  follow (f);
  g_autoptr (TesseraDenyReplica) copy = copy_by_snapshot (f);
  g_assert_cmpuint (assert_same (f, f->replica, tokens), ==, tokens->len - 3);
  assert_same (f, copy, tokens);
}

/* Until something is known, and when something is not understood. */

static void
test_nothing_is_known_at_first (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) tokens = issue_all (f);
  const Token *token = tokens->pdata[0];

  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), ==, G_MAXINT64);
  g_assert_null (tessera_deny_replica_dup_list (f->replica));
  tessera_deny_replica_mark (f->replica, "a", 1, tessera_clock_get_ms (f->clock));
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), ==, G_MAXINT64);
  load_empty (f);
  g_assert_false (tessera_deny_replica_check (f->replica, &token->identity));
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), <, LIFETIME_MS);
}

static void
test_what_nobody_understands_refuses_everything (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) tokens = issue_all (f);
  const Token *token = tokens->pdata[0];
  TesseraDenial unknown
      = { .generation = 5, .kind = TESSERA_DENIAL_UNKNOWN, .expires_ms = G_MAXINT64 };

  load_empty (f);
  g_assert_false (tessera_deny_replica_apply (f->replica, &unknown));
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
  g_assert_cmpuint (tessera_deny_replica_get_generation (f->replica), ==, 5);

  /* A list with it in it is no better. */
  g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (f->replica);
  g_assert_false (tessera_deny_stage_add (stage, &unknown));
  g_assert_true (tessera_deny_stage_commit (stage, "a", 6, tessera_clock_get_ms (f->clock)));
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));

  /* One without it is. */
  g_autoptr (TesseraDenyStage) good = tessera_deny_replica_begin (f->replica);
  g_assert_true (tessera_deny_stage_commit (good, "a", 7, tessera_clock_get_ms (f->clock)));
  g_assert_false (tessera_deny_replica_check (f->replica, &token->identity));
}

static void
test_closed_until_a_list_comes (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) tokens = issue_all (f);
  const Token *token = tokens->pdata[0];

  load_empty (f);
  tessera_deny_replica_close (f->replica);
  tessera_deny_replica_mark (f->replica, "a", 0, tessera_clock_get_ms (f->clock));
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
  /* The same one will do. */
  load_empty (f);
  g_assert_false (tessera_deny_replica_check (f->replica, &token->identity));
}

static void
test_entries_that_cannot_be (Fixture *f, gconstpointer data)
{
  const TesseraDenial bad[] = {
    { .kind = TESSERA_DENIAL_TOKEN, .expires_ms = G_MAXINT64 },
    { .kind = TESSERA_DENIAL_TOKEN, .value = "", .expires_ms = G_MAXINT64 },
    { .kind = TESSERA_DENIAL_CLIENT, .value = "", .instant_ms = 1, .expires_ms = G_MAXINT64 },
    { .kind = TESSERA_DENIAL_CLIENT, .value = "c", .instant_ms = -1, .expires_ms = G_MAXINT64 },
    { .kind = TESSERA_DENIAL_CLIENT,
      .value = "c",
      .instant_ms = TESSERA_CLOCK_MAX_MS + 1,
      .expires_ms = G_MAXINT64 },
    { .kind = TESSERA_DENIAL_TOKEN, .value = "t", .expires_ms = -1 },
    { .kind = TESSERA_DENIAL_TOKEN, .value = "t", .expires_ms = G_MAXINT64 - 1 },
    { .kind = (TesseraDenialKind) 99, .value = "t", .expires_ms = 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (f->replica);
      g_assert_false (tessera_deny_stage_add (stage, &bad[i]));
    }
}

/* Order. */

static void
test_what_is_behind_is_passed_over (Fixture *f, gconstpointer data)
{
  TesseraDenial denial = { .generation = 3,
                           .kind = TESSERA_DENIAL_CLIENT,
                           .value = "n1",
                           .instant_ms = G_GINT64_CONSTANT (4000000000000),
                           .expires_ms = G_MAXINT64 };
  g_autoptr (GPtrArray) tokens = issue_all (f);
  const Token *token = tokens->pdata[0];

  load_empty (f);
  tessera_deny_replica_mark (f->replica, "a", 3, tessera_clock_get_ms (f->clock));
  g_assert_true (tessera_deny_replica_apply (f->replica, &denial));
  g_assert_false (tessera_deny_replica_check (f->replica, &token->identity));
  denial.generation = 4;
  g_assert_true (tessera_deny_replica_apply (f->replica, &denial));
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
}

static void
test_an_older_list_is_not_taken (Fixture *f, gconstpointer data)
{
  gint64 now = tessera_clock_get_ms (f->clock);
  g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (f->replica);
  g_autoptr (TesseraDenyStage) old = tessera_deny_replica_begin (f->replica);
  g_autoptr (TesseraDenyStage) another = tessera_deny_replica_begin (f->replica);

  g_assert_true (tessera_deny_stage_commit (stage, "a", 9, now));
  g_assert_false (tessera_deny_stage_commit (old, "a", 8, now + 1));
  g_assert_cmpuint (tessera_deny_replica_get_generation (f->replica), ==, 9);
  /* Another list must be newer: or an old one, which is signed too, would un-revoke. */
  g_assert_false (tessera_deny_stage_commit (another, "b", 100, now - 1));
  g_assert_true (tessera_deny_stage_commit (another, "b", 1, now + 1));
  g_autofree char *list = tessera_deny_replica_dup_list (f->replica);
  g_assert_cmpstr (list, ==, "b");
  g_assert_cmpuint (tessera_deny_replica_get_generation (f->replica), ==, 1);
}

static void
test_a_mark_of_another_list_counts_for_nothing (Fixture *f, gconstpointer data)
{
  load_empty (f);
  elapsed += 5000;
  offset += 5000;
  tessera_deny_replica_mark (f->replica, "b", 7, tessera_clock_get_ms (f->clock));
  g_assert_cmpuint (tessera_deny_replica_get_generation (f->replica), ==, 0);
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), >=, 5000);
}

/* Age. */

static gint64
get_age_s (Fixture *f)
{
  return tessera_deny_replica_get_age_ms (f->replica) / 1000;
}

static void
pass (gint64 ms)
{
  offset += ms;
  elapsed += ms;
}

static void
test_age_is_from_the_issuers_time (Fixture *f, gconstpointer data)
{
  gint64 then = tessera_clock_get_ms (f->clock);

  load_empty (f);
  pass (20000);
  g_assert_cmpint (get_age_s (f), ==, 20);
  /* Held up on the way for fifteen of the twenty. */
  tessera_deny_replica_mark (f->replica, "a", 0, then + 5000);
  g_assert_cmpint (get_age_s (f), ==, 15);
  pass (10000);
  g_assert_cmpint (get_age_s (f), ==, 25);
  tessera_deny_replica_mark (f->replica, "a", 0, tessera_clock_get_ms (f->clock));
  g_assert_cmpint (get_age_s (f), ==, 0);
}

static void
test_what_is_played_again_does_not_freshen (Fixture *f, gconstpointer data)
{
  gint64 then = tessera_clock_get_ms (f->clock) + 1;

  load_empty (f);
  tessera_deny_replica_mark (f->replica, "a", 0, then);
  pass (30000);
  tessera_deny_replica_mark (f->replica, "a", 0, then);
  tessera_deny_replica_mark (f->replica, "a", 0, then - 1);
  g_assert_cmpint (get_age_s (f), ==, 30);
}

/* A heartbeat that was overtaken by another. */
static void
test_what_is_older_does_not_age (Fixture *f, gconstpointer data)
{
  gint64 then = tessera_clock_get_ms (f->clock);

  load_empty (f);
  pass (30000);
  tessera_deny_replica_mark (f->replica, "a", 0, then + 30000);
  tessera_deny_replica_mark (f->replica, "a", 0, then + 10000);
  g_assert_cmpint (get_age_s (f), ==, 0);
}

static void
test_age_goes_on_when_the_clock_stands_or_goes_back (Fixture *f, gconstpointer data)
{
  gint64 then = tessera_clock_get_ms (f->clock) + 1;

  load_empty (f);
  elapsed += 30000;
  offset -= 3600 * 1000;
  g_assert_cmpint (get_age_s (f), ==, 30);
  /* What is no newer than the clock has ever been is as old as that. */
  elapsed += 30000;
  tessera_deny_replica_mark (f->replica, "a", 0, then);
  g_assert_cmpint (get_age_s (f), <=, 60);
  offset = 60000;
  tessera_deny_replica_mark (f->replica, "a", 0, then + 1);
  g_assert_cmpint (get_age_s (f), >=, 59);
}

static void
test_a_clock_that_jumps_ahead_does_not_age (Fixture *f, gconstpointer data)
{
  load_empty (f);
  offset += 3600 * 1000;
  g_assert_cmpint (get_age_s (f), ==, 0);
}

static void
test_a_time_far_ahead_is_not_believed (Fixture *f, gconstpointer data)
{
  gint64 now = tessera_clock_get_ms (f->clock);

  load_empty (f);
  pass (30000);
  tessera_deny_replica_mark (f->replica, "a", 0, now + 30000 + 62000);
  g_assert_cmpint (get_age_s (f), ==, 30);
  /* A little ahead is: but never younger than 0. */
  tessera_deny_replica_mark (f->replica, "a", 0, now + 30000 + 50000);
  g_assert_cmpint (get_age_s (f), ==, 0);
  pass (10000);
  g_assert_cmpint (get_age_s (f), ==, 10);
}

/* Its clock is ahead of ours, and its list lacks what it holds to be over. */
static void
test_what_is_over_for_the_issuer_is_over (Fixture *f, gconstpointer data)
{
  gint64 ahead = tessera_clock_get_ms (f->clock) + 30 * 1000;
  load_empty (f);
  tessera_deny_replica_mark (f->replica, "a", 1, ahead);
  g_assert_cmpint (tessera_clock_get_ms (f->clock), >=, ahead);
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), <, 15 * 1000);
}

static void
test_another_list_has_an_age_of_its_own (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (f->replica);

  load_empty (f);
  g_assert_true (
      tessera_deny_stage_commit (stage, "b", 1, tessera_clock_get_ms (f->clock) + 90000));
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), ==, G_MAXINT64);
}

/* Forgetting. */

static void
note_value (const TesseraDenial *denial, gpointer data)
{
  g_autofree char *line
      = g_strdup_printf ("%s %s %" G_GINT64_FORMAT, tessera_denial_get_rule (denial), denial->value,
                         denial->expires_ms);
  g_ptr_array_add (data, g_steal_pointer (&line));
}

static void
test_what_has_expired_is_forgotten (Fixture *f, gconstpointer data)
{
  gint64 end_s = tessera_clock_get_seconds (f->clock) + 100;
  TesseraDenial entries[] = {
    { .generation = 1,
      .kind = TESSERA_DENIAL_TOKEN,
      .value = "opaque",
      .expires_ms = end_s * 1000 },
    { .generation = 2,
      .kind = TESSERA_DENIAL_CLIENT,
      .value = "c",
      .instant_ms = 1,
      .expires_ms = end_s * 1000 },
    { .generation = 3, .kind = TESSERA_DENIAL_KEY, .value = "k", .expires_ms = G_MAXINT64 },
  };

  load_empty (f);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    g_assert_true (tessera_deny_replica_apply (f->replica, &entries[i]));
  tessera_deny_replica_prune (f->replica);
  g_assert_cmpuint (tessera_deny_replica_get_count (f->replica), ==, 3);
  pass (102000);
  tessera_deny_replica_prune (f->replica);

  g_autoptr (GPtrArray) left = g_ptr_array_new_with_free_func (g_free);
  tessera_deny_replica_foreach (f->replica, note_value, left);
  g_assert_cmpuint (left->len, ==, 1);
  g_assert_cmpstr (left->pdata[0], ==, "key k 9223372036854775807");
}

/* Of two entries about the same the later instant counts, and the longer life, whichever came
 * first. */
static void
test_a_cut_off_is_never_lowered (Fixture *f, gconstpointer data)
{
  gint64 now = tessera_clock_get_ms (f->clock);
  g_autofree Token *token = issue (f, "c", "alice", "g");
  const TesseraDenial entries[] = {
    { .generation = 1,
      .kind = TESSERA_DENIAL_SUBJECT,
      .value = "alice",
      .instant_ms = now + 10000,
      .expires_ms = now + 200000 },
    { .generation = 2,
      .kind = TESSERA_DENIAL_SUBJECT,
      .value = "alice",
      .instant_ms = now - 10000,
      .expires_ms = now + 100000 },
  };

  load_empty (f);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    g_assert_true (tessera_deny_replica_apply (f->replica, &entries[i]));
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
  pass (150000);
  tessera_deny_replica_prune (f->replica);
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
  g_free (token->jti);
}

static void
test_a_cut_off_stays_through_its_last_millisecond (Fixture *f, gconstpointer data)
{
  gint64 now = 0;
  guint count = 0;

  load_empty (f);
  for (guint64 generation = 1; now != tessera_clock_get_ms (f->clock); generation++)
    {
      now = tessera_clock_get_ms (f->clock);
      TesseraDenial denial = {
        .generation = generation, .kind = TESSERA_DENIAL_GRANT, .value = "g", .expires_ms = now
      };

      g_assert_true (tessera_deny_replica_apply (f->replica, &denial));
      tessera_deny_replica_prune (f->replica);
      count = tessera_deny_replica_get_count (f->replica);
    }
  g_assert_cmpuint (count, ==, 1);
}

/* Who sends entries without end fills no memory: beyond the limit nothing is good any more. */
static void
test_more_than_can_be_kept_refuses_all (Fixture *f, gconstpointer data)
{
  g_autofree Token *token = issue (f, "c", "alice", "g");

  tessera_deny_replica_set_max_entries (f->replica, 3);
  load_empty (f);
  for (guint64 generation = 1; generation <= 4; generation++)
    {
      g_autofree char *jti = tessera_uuid_new (0);
      TesseraDenial denial = { .generation = generation,
                               .kind = TESSERA_DENIAL_TOKEN,
                               .value = jti,
                               .expires_ms = G_MAXINT64 };

      g_assert_false (tessera_deny_replica_check (f->replica, &token->identity));
      g_assert_cmpint (tessera_deny_replica_apply (f->replica, &denial), ==, generation <= 3);
    }
  g_assert_true (tessera_deny_replica_check (f->replica, &token->identity));
  g_assert_cmpuint (tessera_deny_replica_get_memory (f->replica), >, 3 * 16);
  tessera_deny_stage_free (NULL);
  g_free (token->jti);
}

static void
test_entries_come_back_as_they_were (Fixture *f, gconstpointer data)
{
  g_autofree char *jti = tessera_uuid_new (tessera_clock_get_ms (f->clock));
  TesseraDigest digest = tessera_digest ("opaque", -1);
  g_autofree char *wanted = g_strdup_printf ("token %s 4200000000000", jti);
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (g_free);
  TesseraDenial uuid = { .generation = 1,
                         .kind = TESSERA_DENIAL_TOKEN,
                         .value = jti,
                         .expires_ms = G_GINT64_CONSTANT (4199999999001) };
  TesseraDenial opaque
      = { .generation = 2, .kind = TESSERA_DENIAL_TOKEN, .value = "opaque", .expires_ms = 1000 };
  const TesseraTokenIdentity token = { .jti = "opaque", .issued_ms = 1 };

  load_empty (f);
  g_assert_true (tessera_deny_replica_apply (f->replica, &uuid));
  g_assert_cmpuint (tessera_deny_replica_get_count (f->replica), ==, 1);
  tessera_deny_replica_foreach (f->replica, note_value, values);
  g_assert_cmpstr (values->pdata[0], ==, wanted);

  g_assert_false (tessera_deny_replica_check (f->replica, &token));
  g_assert_true (tessera_deny_replica_apply (f->replica, &opaque));
  g_assert_true (tessera_deny_replica_check (f->replica, &token));
  g_autoptr (GString) hex = g_string_new ("token ");
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (hex, "%02x", digest.bytes[i]);
  g_string_append (hex, " 1000");
  g_ptr_array_set_size (values, 0);
  tessera_deny_replica_foreach (f->replica, note_value, values);
  g_assert_true (g_str_equal (values->pdata[0], hex->str)
                 || g_str_equal (values->pdata[1], hex->str));
}

/* Threads. */

typedef struct
{
  Fixture *f;
  const Token *denied;
  const Token *good;
  gint stop;
} Asking;

static gpointer
ask (gpointer data)
{
  Asking *asking = data;

  while (!g_atomic_int_get (&asking->stop))
    {
      g_assert_true (tessera_deny_replica_check (asking->f->replica, &asking->denied->identity));
      g_assert_false (tessera_deny_replica_check (asking->f->replica, &asking->good->identity));
      tessera_deny_replica_get_age_ms (asking->f->replica);
      tessera_deny_replica_get_generation (asking->f->replica);
    }
  return NULL;
}

/* Whole lists take each other's place, events come in, and what is denied stays so throughout. */
static void
test_threads_ask_while_the_list_changes (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) tokens = issue_all (f);
  Asking asking = { .f = f, .denied = tokens->pdata[0], .good = tokens->pdata[1] };
  GThread *threads[2];

  load_empty (f);
  deny_token (f, &asking.denied->identity);
  follow (f);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("ask", ask, &asking);
  for (guint i = 0; i < SEED_STEPS; i++)
    {
      Token *another = issue (f, "n9", "n9", NULL);
      deny_token (f, &another->identity);
      token_free (another);
      follow (f);
      tessera_deny_replica_prune (f->replica);
      if (i % 50 != 0)
        continue;
      g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (f->replica);
      g_assert_true (tessera_store_begin (f->store, NULL));
      g_assert_true (tessera_store_foreach_denial (f->store, 0, G_MAXUINT, stage_one, stage, NULL));
      g_assert_true (tessera_store_commit (f->store, NULL));
      g_assert_true (
          tessera_deny_stage_commit (stage, "a", f->cursor, tessera_clock_get_ms (f->clock)));
    }
  g_atomic_int_set (&asking.stop, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

#define ADD(path, function)                                                                        \
  g_test_add ("/deny-replica/" path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  tessera_clock_follow_offset (&offset);
  tessera_clock_follow_elapsed_offset (&elapsed);
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      g_autofree char *path
          = g_strdup_printf ("/deny-replica/refuses-as-the-server/%s", rules[i].rule);
      g_test_add (path, Fixture, &rules[i], fixture_set_up, test_rule, fixture_tear_down);
    }
  ADD ("refuses-as-the-server/token", test_token);
  ADD ("refuses-as-the-server/coalesced", test_coalesced);
  ADD ("nothing-is-known-at-first", test_nothing_is_known_at_first);
  ADD ("what-nobody-understands-refuses-everything",
       test_what_nobody_understands_refuses_everything);
  ADD ("closed-until-a-list-comes", test_closed_until_a_list_comes);
  ADD ("entries-that-cannot-be-are-not-understood", test_entries_that_cannot_be);
  ADD ("what-is-behind-is-passed-over", test_what_is_behind_is_passed_over);
  ADD ("an-older-list-is-not-taken", test_an_older_list_is_not_taken);
  ADD ("a-mark-of-another-list-counts-for-nothing", test_a_mark_of_another_list_counts_for_nothing);
  ADD ("age-is-from-the-issuers-time", test_age_is_from_the_issuers_time);
  ADD ("what-is-played-again-does-not-freshen", test_what_is_played_again_does_not_freshen);
  ADD ("what-is-older-does-not-age", test_what_is_older_does_not_age);
  ADD ("a-cut-off-is-never-lowered", test_a_cut_off_is_never_lowered);
  ADD ("a-cut-off-stays-through-its-last-millisecond",
       test_a_cut_off_stays_through_its_last_millisecond);
  ADD ("more-than-can-be-kept-refuses-all", test_more_than_can_be_kept_refuses_all);
  ADD ("age-goes-on-when-the-clock-stands-or-goes-back",
       test_age_goes_on_when_the_clock_stands_or_goes_back);
  ADD ("a-clock-that-jumps-ahead-does-not-age", test_a_clock_that_jumps_ahead_does_not_age);
  ADD ("a-time-far-ahead-is-not-believed", test_a_time_far_ahead_is_not_believed);
  ADD ("what-is-over-for-the-issuer-is-over", test_what_is_over_for_the_issuer_is_over);
  ADD ("another-list-has-an-age-of-its-own", test_another_list_has_an_age_of_its_own);
  ADD ("what-has-expired-is-forgotten", test_what_has_expired_is_forgotten);
  ADD ("entries-come-back-as-they-were", test_entries_come_back_as_they_were);
  ADD ("threads-ask-while-the-list-changes", test_threads_ask_while_the_list_changes);
  return g_test_run ();
}
