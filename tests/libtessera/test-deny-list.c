/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list: every kind of entry, what is durable, what is taken back, and what is forgotten
 * when. */

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "faulty-store.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-deny-snapshot-private.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define LIFETIME_MS (600 * 1000)

static gint64 offset; /* of the clock */
static gint warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n_fields, NULL);
  g_atomic_int_inc (&warnings);
  return G_LOG_WRITER_HANDLED;
}

/* One server's list, which can be closed and opened again. */
typedef struct
{
  FaultyStore *store;
  TesseraClock *clock;
  TesseraDenyList *list;
  TesseraCommitter *committer;
  char *directory;
  char *mirror;
  char *snapshot; /* the file */
  char *id;       /* of the list that was closed */
  guint least;    /* new tokens that are worth one */
  guint max_tokens;
  gboolean rolled_back;
} Fixture;

static void
open_list (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  f->clock = tessera_clock_new ();
  f->list = tessera_deny_list_new (f->clock, f->max_tokens, f->mirror);
  tessera_deny_list_keep_snapshot (f->list, f->snapshot, f->least);
  f->store->denied_tokens_given = 0;
  tessera_deny_list_load (f->list, TESSERA_STORE (f->store), LIFETIME_MS, &f->rolled_back, &error);
  g_assert_no_error (error);
  f->committer = tessera_committer_new (TESSERA_STORE (f->store), NULL);
  tessera_deny_list_attach (f->list, f->committer);
}

static void
close_list (Fixture *f)
{
  if (f->list != NULL)
    {
      g_free (f->id);
      f->id = g_strdup (tessera_deny_list_get_id (f->list));
    }
  g_clear_pointer (&f->committer, tessera_committer_free);
  g_clear_pointer (&f->list, tessera_deny_list_free);
  g_clear_pointer (&f->clock, tessera_clock_unref);
}

static void
reopen_list (Fixture *f)
{
  close_list (f);
  open_list (f);
}

static void
fixture_set_up (Fixture *f, gconstpointer max_tokens)
{
  __atomic_store_n (&offset, 0, __ATOMIC_RELAXED);
  g_atomic_int_set (&warnings, 0);
  f->directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  f->mirror = g_build_filename (f->directory, "mirror", NULL);
  f->snapshot = g_build_filename (f->directory, "denied-tokens", NULL);
  f->store = faulty_store_new ();
  f->max_tokens = GPOINTER_TO_UINT (max_tokens);
  open_list (f);
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  close_list (f);
  g_object_unref (f->store);
  g_unlink (f->mirror);
  g_unlink (f->snapshot);
  g_assert_cmpint (g_rmdir (f->directory), ==, 0); /* nothing was left behind */
  g_free (f->id);
  g_free (f->mirror);
  g_free (f->snapshot);
  g_free (f->directory);
}

/* A token issued now. */
typedef struct
{
  char *jti;
  TesseraTokenIdentity identity;
} Token;

static Token
issue (Fixture *f, const char *client_id, const char *subject, const char *grant_id)
{
  Token token = { 0 };
  gint64 now = tessera_clock_get_ms (f->clock);
  token.jti = tessera_uuid_new (now);
  token.identity = (TesseraTokenIdentity){ .jti = token.jti,
                                           .issued_ms = now,
                                           .expires_ms = now + LIFETIME_MS,
                                           .subject = subject,
                                           .client_id = client_id,
                                           .grant_id = grant_id,
                                           .session_id = grant_id != NULL ? "sid" : NULL,
                                           .kid = "kid" };
  return token;
}

static void
token_clear (Token *token)
{
  g_clear_pointer (&token->jti, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Token, token_clear)

static gboolean
is_denied (Fixture *f, const Token *token)
{
  return tessera_deny_list_check (f->list, &token->identity);
}

typedef gboolean (*DenyValue) (
    TesseraDenyList *, TesseraStore *, const char *, guint64 *, GError **);

typedef struct
{
  TesseraDenyList *list;
  const TesseraTokenIdentity *token;
  DenyValue deny;
  const char *value;
  guint64 generation;
} Denying;

static gboolean
run_deny (gpointer data, TesseraStore *store, GError **error)
{
  Denying *op = data;
  if (op->token != NULL)
    return tessera_deny_list_deny_token (op->list, store, op->token, &op->generation, error);
  if (op->deny != NULL)
    return op->deny (op->list, store, op->value, &op->generation, error);
  return tessera_deny_list_deny_all (op->list, store, &op->generation, error);
}

static guint64
deny_token (Fixture *f, const Token *token)
{
  Denying op = { .list = f->list, .token = &token->identity };
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));
  return op.generation;
}

static guint64
deny (Fixture *f, DenyValue func, const char *value)
{
  Denying op = { .list = f->list, .deny = func, .value = value };
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));
  return op.generation;
}

static gboolean
run_nothing (gpointer data, TesseraStore *store, GError **error)
{
  return TRUE;
}

/* Lets the list see that time has passed: it prunes after a batch. */
static void
let_prune (Fixture *f)
{
  for (guint i = 0; i < 2; i++)
    g_assert_true (tessera_committer_submit_and_wait (f->committer, run_nothing, NULL, NULL));
}

static void
count_row (const TesseraDenial *denial, gpointer data)
{
  (*(guint *) data)++;
}

static gboolean
run_count (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_foreach_denial (store, 0, G_MAXUINT, count_row, data, error);
}

static guint
count_rows (Fixture *f)
{
  guint rows = 0;
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_count, &rows, NULL));
  return rows;
}

static void
test_token (Fixture *f, gconstpointer data)
{
  g_auto (Token) denied = issue (f, "c1", "alice", "g1");
  g_auto (Token) other = issue (f, "c1", "alice", "g1");
  g_auto (Token) own = issue (f, "c1", "c1", NULL);

  g_assert_false (is_denied (f, &denied));
  g_assert_cmpuint (deny_token (f, &denied), ==, 1);
  g_assert_cmpuint (deny_token (f, &own), ==, 2);
  g_assert_true (is_denied (f, &denied));
  g_assert_true (is_denied (f, &own));
  g_assert_false (is_denied (f, &other));
  g_assert_cmpuint (tessera_deny_list_get_generation (f->list), ==, 2);

  reopen_list (f);
  g_assert_true (is_denied (f, &denied));
  g_assert_true (is_denied (f, &own));
  g_assert_false (is_denied (f, &other));
  g_assert_false (f->rolled_back);
}

static void
test_token_again_does_not_grow (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");

  deny_token (f, &token);
  g_assert_cmpuint (deny_token (f, &token), ==, 0);
  g_assert_cmpuint (count_rows (f), ==, 1);
  __atomic_fetch_add (&offset, LIFETIME_MS + TESSERA_DENY_LIST_SKEW_MS + 2000, __ATOMIC_RELAXED);
  let_prune (f);
  g_assert_cmpuint (deny_token (f, &token), ==, 0);
  g_assert_cmpuint (count_rows (f), ==, 0);
}

static void
test_grant (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_auto (Token) other = issue (f, "c1", "alice", "g2");

  g_assert_cmpuint (deny (f, tessera_deny_list_deny_grant, "g1"), ==, 1);
  g_assert_cmpuint (deny (f, tessera_deny_list_deny_grant, "g1"), ==, 0);
  __atomic_fetch_add (&offset, 5, __ATOMIC_RELAXED);
  g_auto (Token) later = issue (f, "c1", "alice", "g1");
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (is_denied (f, &token));
      g_assert_true (is_denied (f, &later));
      g_assert_true (tessera_deny_list_check_authorization (f->list, &later.identity));
      g_assert_false (is_denied (f, &other));
      reopen_list (f);
    }
}

static void
test_session (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_auto (Token) own = issue (f, "c1", "c1", NULL);

  deny (f, tessera_deny_list_deny_session, "sid");
  g_auto (Token) later = issue (f, "c1", "alice", "g9");
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (is_denied (f, &token));
      g_assert_true (is_denied (f, &later));
      g_assert_false (is_denied (f, &own));
      reopen_list (f);
    }
}

static void
test_subject (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_auto (Token) bob = issue (f, "c1", "bob", "g2");
  g_auto (Token) namesake = issue (f, "alice", "alice", NULL);

  deny (f, tessera_deny_list_deny_subject, "alice");
  g_auto (Token) later = issue (f, "c1", "alice", "g3");
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (is_denied (f, &token));
      g_assert_false (is_denied (f, &later)); /* without a pause: the clock went on */
      g_assert_false (is_denied (f, &bob));
      g_assert_false (is_denied (f, &namesake));
      reopen_list (f);
    }
}

static void
test_client (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_auto (Token) own = issue (f, "c1", "c1", NULL);
  g_auto (Token) other = issue (f, "c2", "alice", "g2");

  deny (f, tessera_deny_list_deny_client, "c1");
  g_auto (Token) later = issue (f, "c1", "c1", NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (is_denied (f, &token));
      g_assert_true (is_denied (f, &own));
      g_assert_false (is_denied (f, &later));
      g_assert_false (is_denied (f, &other));
      reopen_list (f);
    }
}

static void
test_all (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_auto (Token) own = issue (f, "c1", "c1", NULL);

  deny (f, NULL, NULL);
  g_auto (Token) later = issue (f, "c1", "alice", "g1");
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (is_denied (f, &token));
      g_assert_true (is_denied (f, &own));
      g_assert_false (is_denied (f, &later));
      reopen_list (f);
    }
}

static void
test_key_for_ever (Fixture *f, gconstpointer data)
{
  deny (f, tessera_deny_list_deny_key, "kid");
  for (guint i = 0; i < 2; i++)
    {
      g_auto (Token) token = issue (f, "c1", "alice", "g1");
      g_assert_true (is_denied (f, &token));
      /* What is issued next is signed by another key. */
      g_assert_false (tessera_deny_list_check_authorization (f->list, &token.identity));
      token.identity.kid = "other";
      g_assert_false (is_denied (f, &token));
      __atomic_fetch_add (&offset, 1000 * (gint64) LIFETIME_MS, __ATOMIC_RELAXED);
      let_prune (f);
      reopen_list (f);
    }
}

static void
test_cut_off_is_the_latest_of_all (Fixture *f, gconstpointer data)
{
  g_auto (Token) first = issue (f, "c1", "alice", "g1");
  deny (f, tessera_deny_list_deny_subject, "alice");
  __atomic_fetch_add (&offset, 10, __ATOMIC_RELAXED);
  g_auto (Token) second = issue (f, "c1", "alice", "g1");
  deny (f, tessera_deny_list_deny_client, "c1");
  __atomic_fetch_add (&offset, 10, __ATOMIC_RELAXED);
  g_auto (Token) third = issue (f, "c1", "alice", "g1");
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (is_denied (f, &first));
      g_assert_true (is_denied (f, &second));
      g_assert_false (is_denied (f, &third));
      reopen_list (f);
    }
}

static void
test_pruning_spares_what_expires_a_little_later (Fixture *f, gconstpointer data)
{
  g_auto (Token) first = issue (f, "c1", "alice", "g1");
  deny_token (f, &first);
  __atomic_fetch_add (&offset, 15 * 1000, __ATOMIC_RELAXED);
  g_auto (Token) second = issue (f, "c1", "alice", "g1");
  deny_token (f, &second);
  __atomic_fetch_add (&offset, LIFETIME_MS + TESSERA_DENY_LIST_SKEW_MS - 10 * 1000,
                      __ATOMIC_RELAXED);
  let_prune (f);
  g_assert_false (is_denied (f, &first));
  g_assert_true (is_denied (f, &second));
}

static void
test_a_second_cut_off_lives_longer_than_the_first (Fixture *f, gconstpointer data)
{
  deny (f, tessera_deny_list_deny_subject, "alice");
  __atomic_fetch_add (&offset, LIFETIME_MS / 2, __ATOMIC_RELAXED);
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  deny (f, tessera_deny_list_deny_subject, "alice");
  __atomic_fetch_add (&offset, LIFETIME_MS / 2 + TESSERA_DENY_LIST_SKEW_MS + 1000,
                      __ATOMIC_RELAXED);
  let_prune (f);
  g_assert_true (is_denied (f, &token));
  reopen_list (f);
  g_assert_true (is_denied (f, &token));
}

static void
test_failed_commit_is_taken_back (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  Denying ops[] = { { .list = f->list, .token = &token.identity },
                    { .list = f->list, .deny = tessera_deny_list_deny_subject, .value = "alice" },
                    { .list = f->list, .deny = tessera_deny_list_deny_grant, .value = "g1" } };

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    {
      g_autoptr (GError) error = NULL;
      f->store->fail_commits = 1;
      g_assert_false (tessera_committer_submit_and_wait (f->committer, run_deny, &ops[i], &error));
      g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
      g_assert_false (is_denied (f, &token));
      g_assert_cmpuint (tessera_deny_list_get_generation (f->list), ==, 0);
      g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 0);
    }
  g_assert_cmpuint (deny_token (f, &token), ==, 1);
  g_assert_true (is_denied (f, &token));
}

static void
test_taking_back_keeps_the_earlier_cut_off (Fixture *f, gconstpointer data)
{
  g_auto (Token) first = issue (f, "c1", "alice", "g1");
  deny (f, tessera_deny_list_deny_subject, "alice");
  g_auto (Token) second = issue (f, "c1", "alice", "g1");

  Denying op = { .list = f->list, .deny = tessera_deny_list_deny_subject, .value = "alice" };
  f->store->fail_commits = 1;
  g_assert_false (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));
  g_assert_true (is_denied (f, &first));
  g_assert_false (is_denied (f, &second));
}

static void
test_many_tokens_of_a_grant_become_one (Fixture *f, gconstpointer data)
{
  Token tokens[TESSERA_DENY_LIST_TOKENS_PER_GRANT + 1];
  g_auto (Token) alive = issue (f, "c1", "alice", "g1");
  g_auto (Token) other = issue (f, "c1", "alice", "g2");

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      tokens[i] = issue (f, "c1", "alice", "g1");
      g_assert_false (is_denied (f, &alive));
      deny_token (f, &tokens[i]);
    }
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 1);
  g_auto (Token) later = issue (f, "c1", "alice", "g1");
  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
        g_assert_true (is_denied (f, &tokens[i]));
      g_assert_true (is_denied (f, &alive)); /* over-revoked */
      g_assert_false (is_denied (f, &later));
      g_assert_false (is_denied (f, &other));
      /* The grant itself lives on. */
      g_assert_false (tessera_deny_list_check_authorization (f->list, &alive.identity));
      reopen_list (f);
      g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    token_clear (&tokens[i]);
}

static void
test_taking_back_a_coalesced_grant (Fixture *f, gconstpointer data)
{
  Token tokens[TESSERA_DENY_LIST_TOKENS_PER_GRANT + 1];
  g_auto (Token) alive = issue (f, "c1", "alice", "g1");

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    tokens[i] = issue (f, "c1", "alice", "g1");
  for (guint i = 0; i < TESSERA_DENY_LIST_TOKENS_PER_GRANT; i++)
    deny_token (f, &tokens[i]);
  Denying op = { .list = f->list, .token = &tokens[TESSERA_DENY_LIST_TOKENS_PER_GRANT].identity };
  f->store->fail_commits = 1;
  g_assert_false (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));

  for (guint i = 0; i < TESSERA_DENY_LIST_TOKENS_PER_GRANT; i++)
    g_assert_true (is_denied (f, &tokens[i]));
  g_assert_false (is_denied (f, &alive));
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    token_clear (&tokens[i]);
}

/* With room for 100 tokens. */
static void
test_a_full_list_costs_the_flooder_only (Fixture *f, gconstpointer data)
{
  g_auto (Token) mine = issue (f, "c2", "c2", NULL);
  g_auto (Token) mine_alive = issue (f, "c2", "c2", NULL);
  g_auto (Token) flooders_user = issue (f, "c1", "alice", "g1");
  Token tokens[150];

  deny_token (f, &mine);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      tokens[i] = issue (f, "c1", "c1", NULL);
      deny_token (f, &tokens[i]);
      g_assert_cmpuint (tessera_deny_list_get_count (f->list), <=, 101);
    }
  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
        g_assert_true (is_denied (f, &tokens[i]));
      g_assert_true (is_denied (f, &mine));
      g_assert_false (is_denied (f, &mine_alive));
      g_assert_false (is_denied (f, &flooders_user));
      reopen_list (f);
    }
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    token_clear (&tokens[i]);
}

/* Of a grant, and of a client's share: what was refused is as it was, and can be done later. */
static void
test_what_cannot_be_coalesced_is_refused (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      gboolean coalesced = FALSE;
      while (!coalesced)
        {
          gsize count = tessera_deny_list_get_count (f->list);
          g_auto (Token) token = issue (f, "c1", i == 0 ? "alice" : "c1", i == 0 ? "g1" : NULL);
          Denying op = { .list = f->list, .token = &token.identity };

          f->store->fail_appends = 1;
          g_assert_false (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));
          g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, count);
          g_assert_false (is_denied (f, &token));
          deny_token (f, &token);
          g_assert_true (is_denied (f, &token));
          coalesced = tessera_deny_list_get_count (f->list) < count;
        }
    }
}

/* A grant of alice, whose tokens call her something else. */
static gboolean
run_put_grant (gpointer data, TesseraStore *store, GError **error)
{
  Fixture *f = data;
  TesseraGrant grant = { .grant_id = (char *) "g7",
                         .client_id = (char *) "c1",
                         .login = { .subject = (char *) "alice", .sub = (char *) "~pa" },
                         .expires_ms = G_MAXINT64 };

  return tessera_store_put_grant (f->store->inner, &grant, NULL, error);
}

static void
test_a_person_is_refused_by_every_name_or_not_at_all (Fixture *f, gconstpointer data)
{
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_put_grant, f, NULL));
  g_auto (Token) by_name = issue (f, "c2", "alice", "g6");
  g_auto (Token) by_sub = issue (f, "c1", "~pa", "g7");
  g_auto (Token) another = issue (f, "c1", "~pb", "g8");
  Denying op = { .list = f->list, .deny = tessera_deny_list_deny_subject, .value = "~pa" };
  int *faults[] = { &f->store->fail_lookups, &f->store->fail_appends };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (int good = 0; good < 3; good++)
      {
        *faults[i] = 1;
        f->store->good_calls = good;
        g_assert_false (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));
        g_assert_cmpint (*faults[i], ==, 0);
        g_assert_false (is_denied (f, &by_name));
        g_assert_false (is_denied (f, &by_sub));
      }
  deny (f, tessera_deny_list_deny_subject, "~pa");
  g_assert_true (is_denied (f, &by_name));
  g_assert_true (is_denied (f, &by_sub));
  g_assert_false (is_denied (f, &another));
  g_auto (Token) later = issue (f, "c1", "~pa", "g7");
  later.identity.issued_ms++;
  g_assert_false (is_denied (f, &later));
}

static void
test_nothing_is_forgotten_early (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "bob", "g5");
  deny_token (f, &token);
  deny (f, tessera_deny_list_deny_grant, "g1");
  deny (f, tessera_deny_list_deny_subject, "alice");

  __atomic_fetch_add (&offset, LIFETIME_MS + TESSERA_DENY_LIST_SKEW_MS - 1000, __ATOMIC_RELAXED);
  let_prune (f);
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 3);
  g_assert_cmpuint (count_rows (f), ==, 3);
  reopen_list (f);
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 3);

  __atomic_fetch_add (&offset, 5000 + 2000, __ATOMIC_RELAXED);
  let_prune (f);
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 0);
  g_assert_cmpuint (count_rows (f), ==, 0);
}

static void
test_a_longer_lifetime_of_before_counts (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  token.identity.expires_ms = token.identity.issued_ms + 6 * LIFETIME_MS;
  tessera_deny_list_set_longest_lifetime (f->list, 6 * LIFETIME_MS);
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_nothing, NULL, NULL));
  reopen_list (f); /* with a shorter one */
  deny (f, tessera_deny_list_deny_subject, "alice");

  __atomic_fetch_add (&offset, 5 * LIFETIME_MS, __ATOMIC_RELAXED);
  let_prune (f);
  g_assert_true (is_denied (f, &token));
}

static gboolean
run_get_state (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_get_state (store, data, error);
}

/* Nothing else need ever be written before a crash: issuing is not. */
static void
test_a_longer_lifetime_is_kept_at_once (Fixture *f, gconstpointer data)
{
  TesseraStoreState state = { 0 };

  tessera_deny_list_set_longest_lifetime (f->list, 6 * LIFETIME_MS);
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_get_state, &state, NULL));
  g_assert_cmpint (state.longest_lifetime_ms, ==, 6 * LIFETIME_MS);
}

static void
test_clock_going_back_changes_nothing (Fixture *f, gconstpointer data)
{
  __atomic_store_n (&offset, 24 * 3600 * 1000, __ATOMIC_RELAXED);
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  deny (f, tessera_deny_list_deny_subject, "alice");
  __atomic_store_n (&offset, 0, __ATOMIC_RELAXED);
  reopen_list (f);
  g_assert_true (is_denied (f, &token));
  g_assert_cmpint (tessera_clock_get_ms (f->clock), >, token.identity.issued_ms);
  g_auto (Token) later = issue (f, "c1", "alice", "g2");
  g_assert_false (is_denied (f, &later));
}

static void
assert_rolled_back (Fixture *f, const Token *before)
{
  g_assert_true (f->rolled_back);
  /* Nobody who followed the one that was lost may take this one for it. */
  g_assert_cmpstr (tessera_deny_list_get_id (f->list), !=, f->id);
  g_assert_true (is_denied (f, before));
  g_auto (Token) later = issue (f, "c1", "alice", "g9");
  g_assert_false (is_denied (f, &later));
  reopen_list (f);
  g_assert_false (f->rolled_back);
  g_assert_cmpstr (tessera_deny_list_get_id (f->list), ==, f->id);
  g_assert_true (is_denied (f, before));
  g_assert_false (is_denied (f, &later));
}

static void
test_deleted_database_is_noticed (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  deny_token (f, &token);
  close_list (f);
  g_object_unref (f->store);
  f->store = faulty_store_new ();
  open_list (f);
  assert_rolled_back (f, &token);
}

/* The mirror ends with 16 hexadecimal digits of what the rest of it sums up to, and a line feed. */
#define MIRROR_SUM (16 + 1)

static void
set_mirror (Fixture *f, char *line)
{
  gsize length = strlen (line);
  g_autofree char *sum
      = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) line, length - MIRROR_SUM);
  memcpy (line + length - MIRROR_SUM, sum, MIRROR_SUM - 1);
  g_assert_true (g_file_set_contents (f->mirror, line, -1, NULL));
}

/* The words are numbered from 0. */
static char *
find_word (char *line, guint word)
{
  while (word-- > 0)
    {
      line += strcspn (line, " ");
      line += strspn (line, " ");
    }
  return line;
}

/* Writes @text over the @word of the mirror. */
static void
overwrite_mirror (Fixture *f, guint word, const char *text)
{
  g_autofree char *line = NULL;
  g_assert_true (g_file_get_contents (f->mirror, &line, NULL, NULL));
  memcpy (find_word (line, word), text, strlen (text));
  set_mirror (f, line);
}

static void
test_database_behind_the_mirror_is_noticed (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_autofree char *ahead = NULL;

  deny_token (f, &token);
  close_list (f);
  overwrite_mirror (f, 3, "00000000000000000002");
  open_list (f);
  assert_rolled_back (f, &token);
}

/* Not only when it is closed: a process can be killed. */
static void
test_the_mirror_knows_each_commit (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      g_auto (Token) token = issue (f, "c1", "alice", "g1");
      guint64 generation = deny_token (f, &token);
      g_autofree char *line = NULL;
      g_assert_true (g_file_get_contents (f->mirror, &line, NULL, NULL));
      g_assert_cmpuint (g_ascii_strtoull (find_word (line, 3), NULL, 10), ==, generation);
    }
}

/* Whoever could put one there chose what is written over. */
static void
test_a_mirror_is_no_link (Fixture *f, gconstpointer data)
{
  g_autofree char *fresh = g_strconcat (f->mirror, ".new", NULL);
  g_autofree char *victim = g_strconcat (f->mirror, ".victim", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  close_list (f);
  g_assert_true (g_file_set_contents (victim, "as it was", -1, NULL));
  g_assert_cmpint (symlink (victim, fresh), ==, 0);
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  TesseraDenyList *list = tessera_deny_list_new (clock, 0, f->mirror);
  g_assert_false (tessera_deny_list_load (list, TESSERA_STORE (f->store), LIFETIME_MS,
                                          &f->rolled_back, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_LOOP);
  tessera_deny_list_free (list);
  g_assert_true (g_file_get_contents (victim, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "as it was");
  g_unlink (fresh);
  g_unlink (victim);
}

/* Who follows the list is told from memory. */
static void
test_the_tail_has_each_entry (Fixture *f, gconstpointer data)
{
  guint64 before = tessera_deny_list_get_generation (f->list);
  guint64 generation = 0;
  g_auto (Token) token = issue (f, "c1", "alice", "g1");

  deny_token (f, &token);
  deny (f, tessera_deny_list_deny_client, "c1");
  g_autoptr (GPtrArray) entries
      = tessera_deny_tail_list (tessera_deny_list_get_tail (f->list), before, 10, &generation);
  g_assert_cmpuint (generation, ==, before + 2);
  g_assert_cmpuint (entries->len, ==, 2);
  g_assert_cmpstr (((TesseraDenial *) entries->pdata[0])->value, ==, token.jti);
  g_assert_cmpstr (((TesseraDenial *) entries->pdata[1])->value, ==, "c1");
}

static void
test_another_database_is_noticed (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  close_list (f);
  overwrite_mirror (f, 2, "another");
  open_list (f);
  assert_rolled_back (f, &token);
}

/* Whoever follows the list asks for what came behind the last entry that was seen. */
static void
test_a_follower_misses_no_rollback (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  deny_token (f, &token);
  close_list (f);
  overwrite_mirror (f, 3, "00000000000000005000");
  open_list (f);
  g_assert_true (f->rolled_back);
  g_assert_cmpuint (tessera_deny_list_get_generation (f->list), ==, 5001);
  g_auto (Token) later = issue (f, "c1", "alice", "g2");
  g_assert_cmpuint (deny_token (f, &later), ==, 5002);
  reopen_list (f);
  g_assert_cmpuint (tessera_deny_list_get_generation (f->list), ==, 5002);
}

/* A number that cannot be would leave none for what comes. */
static void
test_a_mirror_cannot_use_up_the_numbers (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  deny_token (f, &token);
  close_list (f);
  overwrite_mirror (f, 3, "18446744073709551615");
  open_list (f);
  g_assert_true (f->rolled_back);
  g_assert_cmpuint (tessera_deny_list_get_generation (f->list), ==, 2);
}

/* Not the deny-list, but a code or a refresh token would be as it was before. */
static void
test_a_missing_commit_is_noticed (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  close_list (f);
  overwrite_mirror (f, 5, "00000000000000009999");
  open_list (f);
  assert_rolled_back (f, &token);
}

static void
test_a_mirror_of_another_format_is_noticed (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  close_list (f);
  overwrite_mirror (f, 1, "4");
  open_list (f);
  assert_rolled_back (f, &token);
}

/* Any one character that is not what was written; the clock does not believe it either. */
static void
test_a_damaged_mirror_is_noticed (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  gint64 now = tessera_clock_get_ms (f->clock);
  close_list (f);
  g_autofree char *line = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (f->mirror, &line, &length, NULL));

  const gsize places[] = { 20, 84, 110, 115, 130, 150, 165 };
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *damaged = g_strdup (line);
      g_assert_cmpuint (places[i], <, length);
      damaged[places[i]] ^= 1;
      g_assert_true (g_file_set_contents (f->mirror, damaged, -1, NULL));
      open_list (f);
      g_assert_true (f->rolled_back);
      g_assert_cmpint (tessera_clock_get_ms (f->clock), <, now + 60 * 60 * 1000);
      close_list (f);
    }
  open_list (f);
}

/* As a server of before the sums wrote it. */
static void
test_a_mirror_of_before_is_understood (Fixture *f, gconstpointer data)
{
  g_autofree char *line = NULL;
  close_list (f);
  g_assert_true (g_file_get_contents (f->mirror, &line, NULL, NULL));
  line[strlen ("tessera-mirror ")] = '2';
  strcpy (line + 143, "\n");
  g_assert_true (g_file_set_contents (f->mirror, line, -1, NULL));
  open_list (f);
  g_assert_false (f->rolled_back);
}

/* Also where nothing but the database remembers. */
static void
test_the_clock_does_not_go_back_over_a_restart (Fixture *f, gconstpointer data)
{
  close_list (f);
  g_unlink (f->mirror);
  g_clear_pointer (&f->mirror, g_free);
  __atomic_store_n (&offset, 60 * 60 * 1000, __ATOMIC_RELAXED);
  open_list (f);
  gint64 late = tessera_clock_get_ms (f->clock);
  close_list (f);
  __atomic_store_n (&offset, 0, __ATOMIC_RELAXED);
  open_list (f);
  g_assert_cmpint (tessera_clock_get_ms (f->clock), >=, late);
  f->mirror = g_build_filename (f->directory, "mirror", NULL);
}

static void
assert_not_loaded (Fixture *f, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;

  f->clock = tessera_clock_new ();
  f->list = tessera_deny_list_new (f->clock, 0, f->mirror);
  g_assert_false (tessera_deny_list_load (f->list, TESSERA_STORE (f->store), LIFETIME_MS,
                                          &f->rolled_back, &error));
  g_assert_error (error, domain, code);
  close_list (f);
}

/* Not the same as none. */
static void
test_a_mirror_that_cannot_be_read_refuses_the_start (Fixture *f, gconstpointer data)
{
  close_list (f);
  g_unlink (f->mirror);
  g_assert_cmpint (g_mkdir (f->mirror, 0700), ==, 0);
  assert_not_loaded (f, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE);
  g_rmdir (f->mirror);
  open_list (f);
}

static void
test_a_mirror_with_a_nul_in_it_is_damaged (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_autofree char *line = NULL;
  gsize length = 0;

  close_list (f);
  g_assert_true (g_file_get_contents (f->mirror, &line, &length, NULL));
  line[length - 1] = '\0';
  g_assert_true (g_file_set_contents (f->mirror, line, (gssize) length, NULL));
  open_list (f);
  assert_rolled_back (f, &token);
}

/* After a rollback: without it, what was revoked would be good again. */
static void
test_a_cut_off_that_cannot_be_written_refuses_the_start (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");

  close_list (f);
  overwrite_mirror (f, 2, "another");
  f->store->fail_appends = 1;
  assert_not_loaded (f, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED);
  open_list (f);
  assert_rolled_back (f, &token);
}

static void
test_a_start_without_a_mirror_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *temporary = g_strconcat (f->mirror, ".new", NULL);

  close_list (f);
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  assert_not_loaded (f, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
  g_rmdir (temporary);
  open_list (f);
  g_assert_false (f->rolled_back);
}

/* After a rollback the cut-off is durable first, and then the mirror tells of it. */
static void
test_a_mirror_that_cannot_be_made_refuses_the_start (Fixture *f, gconstpointer data)
{
  g_autofree char *temporary = g_strconcat (f->mirror, ".new", NULL);
  g_auto (Token) token = issue (f, "c1", "alice", "g1");

  close_list (f);
  overwrite_mirror (f, 2, "another");
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  assert_not_loaded (f, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
  g_rmdir (temporary);
  open_list (f);
  assert_rolled_back (f, &token);
}

static void
test_missing_mirror_is_noticed (Fixture *f, gconstpointer damage)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  deny_token (f, &token);
  close_list (f);
  if (damage != NULL)
    g_assert_true (g_file_set_contents (f->mirror, damage, -1, NULL));
  else
    g_unlink (f->mirror);
  open_list (f);
  assert_rolled_back (f, &token);
}

static void
test_database_ahead_of_the_mirror_is_normal (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_auto (Token) alive = issue (f, "c1", "alice", "g1");
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (f->mirror, &text, NULL, NULL));
  deny_token (f, &token);
  close_list (f);
  g_assert_true (g_file_set_contents (f->mirror, text, -1, NULL));
  open_list (f);
  g_assert_false (f->rolled_back);
  g_assert_false (is_denied (f, &alive));
}

static void
test_mirror_is_private_and_small (Fixture *f, gconstpointer data)
{
  GStatBuf info;
  g_assert_cmpint (g_stat (f->mirror, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  g_assert_cmpint (info.st_size, <, 512);
}

static void
note_row (const TesseraDenial *denial, gpointer data)
{
  GString *text = data;
  g_string_append_printf (text, "%" G_GUINT64_FORMAT ":%d:%s ", denial->generation, denial->kind,
                          denial->kind == TESSERA_DENIAL_TOKEN ? "jti" : denial->value);
}

static gboolean
run_note (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_foreach_denial (store, 1, G_MAXUINT, note_row, data, error);
}

static void
test_changes_since_a_cursor (Fixture *f, gconstpointer data)
{
  g_auto (Token) token = issue (f, "c1", "alice", "g1");
  g_autoptr (GString) rows = g_string_new (NULL);

  deny (f, tessera_deny_list_deny_grant, "g7");
  deny_token (f, &token);
  deny (f, tessera_deny_list_deny_client, "c3");
  g_assert_true (tessera_committer_submit_and_wait (f->committer, run_note, rows, NULL));
  g_assert_cmpstr (rows->str, ==, "2:0:jti 3:4:c3 ");
}

/* Against a list that is kept the slow and simple way. */
typedef struct
{
  TesseraDenialKind kind;
  char value[40];
  gint64 instant_ms;
} Rule;

static gboolean
rule_applies (const Rule *rule, const TesseraTokenIdentity *token)
{
  switch (rule->kind)
    {
    case TESSERA_DENIAL_TOKEN:
      return strcmp (rule->value, token->jti) == 0;
    case TESSERA_DENIAL_GRANT:
      return g_strcmp0 (rule->value, token->grant_id) == 0;
    case TESSERA_DENIAL_SESSION:
      return g_strcmp0 (rule->value, token->session_id) == 0;
    case TESSERA_DENIAL_KEY:
      return strcmp (rule->value, token->kid) == 0;
    case TESSERA_DENIAL_SUBJECT:
      return token->grant_id != NULL && strcmp (rule->value, token->subject) == 0
             && token->issued_ms <= rule->instant_ms;
    case TESSERA_DENIAL_CLIENT:
      return strcmp (rule->value, token->client_id) == 0 && token->issued_ms <= rule->instant_ms;
    case TESSERA_DENIAL_ALL:
      return token->issued_ms <= rule->instant_ms;
    default:
      return FALSE;
    }
}

#define ROUNDS 2000

typedef struct
{
  GArray *rules;  /* Rule */
  GArray *tokens; /* Token, with texts that live on */
  GPtrArray *texts;
} Oracle;

static const char *
random_text (Oracle *o, const char *prefix, guint count)
{
  char *text = g_strdup_printf ("%s%d", prefix, g_test_rand_int_range (0, (gint32) count));
  g_ptr_array_add (o->texts, text);
  return text;
}

static void
oracle_issue (Fixture *f, Oracle *o)
{
  gboolean own = g_test_rand_int_range (0, 4) == 0;
  const char *client_id = random_text (o, "c", 5);
  Token token = issue (f, client_id, own ? client_id : random_text (o, "s", 10),
                       own ? NULL : random_text (o, "g", 200));
  token.identity.session_id = own ? NULL : random_text (o, "sid", 300);
  token.identity.kid = random_text (o, "kid", 40);
  g_array_append_val (o->tokens, token);
}

typedef struct
{
  DenyValue deny;
  TesseraDenialKind kind;
  const char *prefix;
  guint count;
} Choice;

static const Choice choices[] = {
  { tessera_deny_list_deny_grant, TESSERA_DENIAL_GRANT, "g", 200 },
  { tessera_deny_list_deny_subject, TESSERA_DENIAL_SUBJECT, "s", 10 },
  { tessera_deny_list_deny_client, TESSERA_DENIAL_CLIENT, "c", 5 },
  { tessera_deny_list_deny_session, TESSERA_DENIAL_SESSION, "sid", 300 },
};

static void
oracle_deny (Fixture *f, Oracle *o)
{
  Rule rule = { 0 };
  gint pick = g_test_rand_int_range (0, 200);

  if (pick < 170)
    {
      Token *token
          = &g_array_index (o->tokens, Token, g_test_rand_int_range (0, (gint32) o->tokens->len));
      rule.kind = TESSERA_DENIAL_TOKEN;
      g_strlcpy (rule.value, token->jti, sizeof rule.value);
      deny_token (f, token);
    }
  else if (pick < 198)
    {
      const Choice *choice = &choices[(guint) pick % G_N_ELEMENTS (choices)];
      rule.kind = choice->kind;
      g_strlcpy (rule.value, random_text (o, choice->prefix, choice->count), sizeof rule.value);
      deny (f, choice->deny, rule.value);
    }
  else if (pick == 198)
    {
      rule.kind = TESSERA_DENIAL_KEY;
      g_strlcpy (rule.value, random_text (o, "kid", 40), sizeof rule.value);
      deny (f, tessera_deny_list_deny_key, rule.value);
    }
  else
    {
      rule.kind = TESSERA_DENIAL_ALL;
      deny (f, NULL, NULL);
    }
  /* The list has moved the clock behind its instant. */
  rule.instant_ms = tessera_clock_get_ms (f->clock) - 1;
  g_array_append_val (o->rules, rule);
}

/* @may_refuse_more: as when a part of the snapshot is damaged. */
static void
oracle_compare (Fixture *f, Oracle *o, gboolean may_refuse_more)
{
  for (guint i = 0; i < o->tokens->len; i++)
    {
      Token *token = &g_array_index (o->tokens, Token, i);
      gboolean expected = FALSE;
      for (guint r = 0; r < o->rules->len && !expected; r++)
        expected = rule_applies (&g_array_index (o->rules, Rule, r), &token->identity);
      gboolean denied = is_denied (f, token);
      g_assert_cmpint (denied || !expected, ==, TRUE);
      g_assert_true (denied == expected || may_refuse_more);
    }
}

static void
oracle_step (Fixture *f, Oracle *o)
{
  __atomic_fetch_add (&offset, g_test_rand_int_range (2, 5), __ATOMIC_RELAXED);
  oracle_issue (f, o);
  if (g_test_rand_int_range (0, 3) != 0)
    return;
  /* Times of tokens and of cut-offs stay apart, so that the rules' guess of the instant, which may
   * be late by as long as a commit takes, does not matter. */
  __atomic_fetch_add (&offset, 1, __ATOMIC_RELAXED);
  oracle_deny (f, o);
  __atomic_fetch_add (&offset, 60, __ATOMIC_RELAXED);
}

static void
oracle_init (Oracle *o)
{
  *o = (Oracle){ g_array_new (FALSE, FALSE, sizeof (Rule)),
                 g_array_new (FALSE, FALSE, sizeof (Token)),
                 g_ptr_array_new_with_free_func (g_free) };
  g_array_set_clear_func (o->tokens, (GDestroyNotify) token_clear);
}

static void
oracle_clear (Oracle *o)
{
  g_array_unref (o->rules);
  g_array_unref (o->tokens);
  g_ptr_array_unref (o->texts);
}

static void
test_agrees_with_a_naive_list (Fixture *f, gconstpointer data)
{
  Oracle o;
  oracle_init (&o);
  for (guint round = 0; round < ROUNDS; round++)
    {
      oracle_step (f, &o);
      if (round % 500 == 499)
        {
          oracle_compare (f, &o, FALSE);
          reopen_list (f);
          oracle_compare (f, &o, FALSE);
        }
    }
  oracle_clear (&o);
}

/* With a snapshot. */

/* Waits for the thread that writes it. */
static void
await_snapshot (Fixture *f, guint64 generation)
{
  for (guint i = 0; tessera_deny_list_get_snapshot_generation (f->list) < generation; i++)
    {
      g_assert_cmpuint (i, <, 20000);
      let_prune (f);
      g_usleep (500);
    }
}

/* Many tokens, all of which are in the snapshot after it. */
static GArray *
deny_into_snapshot (Fixture *f, guint count)
{
  GArray *tokens = g_array_new (FALSE, FALSE, sizeof (Token));
  g_array_set_clear_func (tokens, (GDestroyNotify) token_clear);
  for (guint i = 0; i < count; i++)
    {
      static const char *const grants[] = { "g1", "g2", "g3", NULL };
      const char *grant = grants[i % 4];
      Token token = issue (f, "c1", grant != NULL ? "alice" : "c1", grant);
      deny_token (f, &token);
      g_array_append_val (tokens, token);
    }
  f->least = 1;
  reopen_list (f);
  reopen_list (f);
  g_assert_cmpuint (tessera_deny_list_get_snapshot_generation (f->list), ==,
                    tessera_deny_list_get_generation (f->list));
  return tokens;
}

static void
assert_all_denied (Fixture *f, GArray *tokens)
{
  for (guint i = 0; i < tokens->len; i++)
    g_assert_true (is_denied (f, &g_array_index (tokens, Token, i)));
}

static void
test_start_reads_only_what_is_newer (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 200);
  g_auto (Token) other = issue (f, "c1", "alice", "g1");
  g_auto (Token) newer = issue (f, "c1", "alice", "g1");

  g_assert_cmpuint (f->store->denied_tokens_given, ==, 0);
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 200);
  assert_all_denied (f, tokens);
  g_assert_false (is_denied (f, &other));

  f->least = 1000;
  reopen_list (f);
  deny_token (f, &newer);
  reopen_list (f);
  g_assert_cmpuint (f->store->denied_tokens_given, ==, 1);
  assert_all_denied (f, tokens);
  g_assert_true (is_denied (f, &newer));
  g_assert_false (is_denied (f, &other));
}

static void
test_snapshot_takes_over_while_running (Fixture *f, gconstpointer data)
{
  Token tokens[100];
  f->least = 60;
  reopen_list (f);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      tokens[i] = issue (f, "c1", "c1", NULL);
      deny_token (f, &tokens[i]);
    }
  await_snapshot (f, 60);
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 100);
  g_assert_cmpuint (tessera_deny_list_get_memory (f->list), <, 100 * 32);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      g_assert_true (is_denied (f, &tokens[i]));
      g_assert_cmpuint (deny_token (f, &tokens[i]), ==, 0);
      token_clear (&tokens[i]);
    }
}

static void
flip_bit (Fixture *f, gsize at)
{
  g_autofree char *content = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (f->snapshot, &content, &size, NULL));
  content[at % size] ^= (char) (1 << (at / size) % 8);
  g_assert_true (g_file_set_contents (f->snapshot, content, (gssize) size, NULL));
}

static void
damage_entries (Fixture *f)
{
  close_list (f);
  flip_bit (f, 256 + 100);
  open_list (f);
}

static void
test_damage_refuses_until_the_rows_were_read (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 200);
  g_auto (Token) other = issue (f, "c1", "alice", "g1");

  damage_entries (f);
  g_assert_cmpuint (f->store->denied_tokens_given, ==, 0);
  assert_all_denied (f, tokens);
  f->least = 1000;
  let_prune (f);
  let_prune (f);
  g_assert_cmpuint (f->store->denied_tokens_given, ==, 200);
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 1);
  assert_all_denied (f, tokens);
  g_assert_false (is_denied (f, &other));
  await_snapshot (f, 200);
  assert_all_denied (f, tokens);
  g_assert_false (is_denied (f, &other));
  reopen_list (f);
  assert_all_denied (f, tokens);
}

/* Or it would be acknowledged, and good again when the rows were read. */
static void
test_what_damage_hides_is_denied_durably (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 200);
  Token more[64];

  damage_entries (f);
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    {
      more[i] = issue (f, "c1", "c2", NULL);
      g_assert_cmpuint (deny_token (f, &more[i]), ==, 201 + i);
    }
  let_prune (f);
  let_prune (f);
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    g_assert_true (is_denied (f, &more[i]));
  assert_all_denied (f, tokens);
  reopen_list (f);
  assert_all_denied (f, tokens);
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    {
      g_assert_true (is_denied (f, &more[i]));
      token_clear (&more[i]);
    }
}

/* What a kill in the middle leaves: the rows are there, and the file is an older one, or none. */
static void
go_back_to_file (Fixture *f, const char *content, gsize size)
{
  if (content == NULL)
    g_unlink (f->snapshot);
  else
    g_assert_true (g_file_set_contents (f->snapshot, content, (gssize) size, NULL));
}

static void
disturb (Fixture *f, char **kept, gsize *kept_size)
{
  close_list (f);
  switch (g_test_rand_int_range (0, 5))
    {
    case 0:
      if (g_file_test (f->snapshot, G_FILE_TEST_EXISTS))
        flip_bit (f, (gsize) g_test_rand_int_range (0, G_MAXINT32));
      break;
    case 1:
      go_back_to_file (f, *kept, *kept_size);
      break;
    case 2:
      g_clear_pointer (kept, g_free);
      g_file_get_contents (f->snapshot, kept, kept_size, NULL);
      break;
    case 3: /* the clock of the machine goes back, and later on again */
      __atomic_fetch_sub (&offset, 3600 * 1000, __ATOMIC_RELAXED);
      open_list (f);
      close_list (f);
      __atomic_fetch_add (&offset, 3600 * 1000, __ATOMIC_RELAXED);
      break;
    default:
      break;
    }
  f->least = (guint) g_test_rand_int_range (1, 30);
  open_list (f);
  g_assert_false (f->rolled_back);
}

static void
test_agrees_with_a_naive_list_with_snapshots (Fixture *f, gconstpointer data)
{
  g_autofree char *kept = NULL;
  gsize kept_size = 0;
  guint used = 0;
  Oracle o;

  oracle_init (&o);
  f->least = 5;
  reopen_list (f);
  for (guint round = 0; round < ROUNDS; round++)
    {
      oracle_step (f, &o);
      if (g_test_rand_int_range (0, 60) != 0)
        continue;
      disturb (f, &kept, &kept_size);
      used += tessera_deny_list_get_snapshot_generation (f->list) > 0;
      oracle_compare (f, &o, TRUE);
      for (guint i = 0; i < 3; i++) /* whatever was damaged is made anew */
        let_prune (f);
      oracle_compare (f, &o, FALSE);
    }
  g_assert_cmpuint (used, >, 5);
  oracle_clear (&o);
}

static void
test_unusable_snapshot_is_made_anew (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 100);
  static const gsize places[] = { 0, 20, 80, 100, 120 };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      close_list (f);
      flip_bit (f, places[i]);
      open_list (f);
      g_assert_cmpuint (f->store->denied_tokens_given, ==, 100);
      g_assert_false (f->rolled_back);
      assert_all_denied (f, tokens);
      reopen_list (f); /* it was written at the end */
      g_assert_cmpuint (f->store->denied_tokens_given, ==, 0);
      assert_all_denied (f, tokens);
    }
}

static void
test_snapshot_of_another_database_is_not_used (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 100);
  close_list (f);
  g_unlink (f->mirror);
  g_object_unref (f->store);
  f->store = faulty_store_new ();
  open_list (f);
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 0);
  g_assert_false (g_file_test (f->snapshot, G_FILE_TEST_EXISTS));
}

/* The mirror was restored with the database, and this was not. */
static void
test_database_behind_the_snapshot_is_noticed (Fixture *f, gconstpointer data)
{
  g_autofree char *mirror = NULL;
  g_autofree char *content = NULL;
  gsize size;
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 100);
  g_auto (Token) before = issue (f, "c1", "alice", "g8");

  /* A snapshot of the same database that knows of a row more. */
  g_auto (Token) lost = issue (f, "c1", "alice", "g9");
  close_list (f);
  g_assert_true (g_file_get_contents (f->snapshot, &content, &size, NULL));
  TesseraDenySnapshotHeader *header = (gpointer) content;
  header->generation++;
  header->checksum
      = tessera_deny_snapshot_sum (header, G_STRUCT_OFFSET (TesseraDenySnapshotHeader, checksum));
  g_assert_true (g_file_set_contents (f->snapshot, content, (gssize) size, NULL));
  open_list (f);
  assert_rolled_back (f, &before);
  assert_all_denied (f, tokens);
}

static void
test_snapshot_that_cannot_be_written_is_missed_only (Fixture *f, gconstpointer data)
{
  g_autofree char *temporary = g_strconcat (f->snapshot, ".new", NULL);
  Token tokens[30];

  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  f->least = 10;
  reopen_list (f);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      tokens[i] = issue (f, "c1", "alice", i % 2 == 0 ? "g1" : NULL);
      deny_token (f, &tokens[i]);
    }
  while (g_atomic_int_get (&warnings) == 0)
    let_prune (f);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    g_assert_true (is_denied (f, &tokens[i]));
  g_assert_cmpuint (tessera_deny_list_get_count (f->list), ==, 30);

  g_assert_cmpint (g_rmdir (temporary), ==, 0);
  let_prune (f);
  g_assert_cmpuint (tessera_deny_list_get_snapshot_generation (f->list), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 1);
  __atomic_fetch_add (&offset, 61 * 1000, __ATOMIC_RELAXED);
  await_snapshot (f, 30);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      g_assert_true (is_denied (f, &tokens[i]));
      token_clear (&tokens[i]);
    }
}

static void
test_snapshot_forgets_what_has_expired (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 100);
  __atomic_fetch_add (&offset, LIFETIME_MS + TESSERA_DENY_LIST_SKEW_MS - 1000, __ATOMIC_RELAXED);
  let_prune (f);
  assert_all_denied (f, tokens);
  __atomic_fetch_add (&offset, 5000 + 2000, __ATOMIC_RELAXED);
  for (guint i = 0; tessera_deny_list_get_count (f->list) > 0; i++)
    {
      g_assert_cmpuint (i, <, 20000);
      let_prune (f);
      g_usleep (500);
    }
  g_assert_cmpuint (count_rows (f), ==, 0);
}

/* The clock went back, and the snapshot is from then. */
static void
test_snapshot_outlives_a_clock_that_goes_back (Fixture *f, gconstpointer data)
{
  __atomic_store_n (&offset, 24 * 3600 * 1000, __ATOMIC_RELAXED);
  g_autoptr (GArray) tokens = deny_into_snapshot (f, 100);
  __atomic_store_n (&offset, 0, __ATOMIC_RELAXED);
  reopen_list (f);
  assert_all_denied (f, tokens);
  g_assert_false (f->rolled_back);
}

/* Half of the tokens of a grant are in the snapshot. */
static void
test_many_tokens_of_a_grant_become_one_across_the_snapshot (Fixture *f, gconstpointer data)
{
  Token tokens[TESSERA_DENY_LIST_TOKENS_PER_GRANT + 1];
  g_auto (Token) alive = issue (f, "c1", "alice", "g1");

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      if (i == G_N_ELEMENTS (tokens) / 2)
        {
          f->least = 1;
          reopen_list (f);
          f->least = 1000;
          reopen_list (f);
          g_assert_cmpuint (tessera_deny_list_get_snapshot_generation (f->list), ==, i);
        }
      tokens[i] = issue (f, "c1", "alice", "g1");
      g_assert_false (is_denied (f, &alive));
      deny_token (f, &tokens[i]);
    }
  g_assert_true (is_denied (f, &alive));
  __atomic_fetch_add (&offset, 10, __ATOMIC_RELAXED);
  /* What the entry covers does not count again. */
  for (guint round = 0; round < 3; round++)
    {
      g_auto (Token) later = issue (f, "c1", "alice", "g1");
      g_auto (Token) alive_later = issue (f, "c1", "alice", "g1");
      deny_token (f, &later);
      g_assert_true (is_denied (f, &later));
      g_assert_false (is_denied (f, &alive_later));
      f->least = 1;
      reopen_list (f);
    }
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      g_assert_true (is_denied (f, &tokens[i]));
      token_clear (&tokens[i]);
    }
}

/* A share is 64 tokens here. */
static void
deny_of_subject (Fixture *f, const char *subject, guint count, GArray *tokens)
{
  for (guint i = 0; i < count; i++)
    {
      g_autofree char *grant = g_strdup_printf ("%s-%u", subject, i % 7);
      Token token = issue (f, "c1", subject, g_intern_string (grant));
      deny_token (f, &token);
      g_array_append_val (tokens, token);
    }
}

static void
test_a_persons_share_costs_that_person_only (Fixture *f, gconstpointer least)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (Token));
  g_auto (Token) alice = issue (f, "c1", "alice", "alice-1");
  g_auto (Token) bob = issue (f, "c1", "bob", "bob-1");
  g_auto (Token) own = issue (f, "alice", "alice", NULL);
  g_array_set_clear_func (tokens, (GDestroyNotify) token_clear);

  f->least = GPOINTER_TO_UINT (least);
  f->max_tokens = 1000;
  reopen_list (f);
  deny_of_subject (f, "bob", 63, tokens);
  deny_of_subject (f, "alice", 40, tokens);
  reopen_list (f);
  deny_of_subject (f, "alice", 24, tokens);
  g_assert_false (is_denied (f, &alice));
  deny_of_subject (f, "alice", 1, tokens);
  __atomic_fetch_add (&offset, 10, __ATOMIC_RELAXED);
  g_auto (Token) alive_soon = issue (f, "c1", "alice", "alice-1");
  deny_of_subject (f, "alice", 30, tokens);
  g_assert_false (is_denied (f, &alive_soon)); /* what the entry covers does not count again */
  for (guint round = 0; round < 2; round++)
    {
      assert_all_denied (f, tokens);
      g_assert_true (is_denied (f, &alice)); /* over-revoked */
      g_assert_false (is_denied (f, &bob));
      g_assert_false (is_denied (f, &own)); /* of a client with that name */
      /* Grants and sessions live on. */
      g_assert_false (tessera_deny_list_check_authorization (f->list, &alice.identity));
      g_auto (Token) later = issue (f, "c1", "alice", "alice-1");
      g_assert_false (is_denied (f, &later));
      reopen_list (f);
    }

  /* And it begins anew. */
  __atomic_fetch_add (&offset, 10, __ATOMIC_RELAXED);
  g_auto (Token) alive = issue (f, "c1", "alice", "alice-1");
  deny_of_subject (f, "alice", 30, tokens);
  g_assert_false (is_denied (f, &alive));
  reopen_list (f);
  g_assert_false (is_denied (f, &alive));
  deny_of_subject (f, "alice", 5, tokens);
  g_assert_true (is_denied (f, &alive));
  g_assert_false (is_denied (f, &bob));
  assert_all_denied (f, tokens);
}

static void
test_what_has_expired_is_in_no_share (Fixture *f, gconstpointer least)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (Token));
  g_array_set_clear_func (tokens, (GDestroyNotify) token_clear);
  f->least = GPOINTER_TO_UINT (least);
  f->max_tokens = 1000;
  reopen_list (f);
  deny_of_subject (f, "alice", 6, tokens); /* too few to be pruned for their own sake */
  __atomic_fetch_add (&offset, LIFETIME_MS / 2, __ATOMIC_RELAXED);
  deny_of_subject (f, "alice", 57, tokens);
  reopen_list (f);
  __atomic_fetch_add (&offset, LIFETIME_MS / 2 + TESSERA_DENY_LIST_SKEW_MS + 2000,
                      __ATOMIC_RELAXED);
  g_auto (Token) alive = issue (f, "c1", "alice", "alice-1");
  deny_of_subject (f, "alice", 5, tokens);
  g_assert_false (is_denied (f, &alive));
}

static void
test_failed_commit_leaves_the_share_open (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (Token));
  g_array_set_clear_func (tokens, (GDestroyNotify) token_clear);
  f->max_tokens = 1000;
  reopen_list (f);
  g_auto (Token) alive = issue (f, "c1", "alice", "alice-1");
  deny_of_subject (f, "alice", 64, tokens);
  g_auto (Token) last = issue (f, "c1", "alice", "alice-2");
  Denying op = { .list = f->list, .token = &last.identity };
  f->store->fail_commits = 1;
  g_assert_false (tessera_committer_submit_and_wait (f->committer, run_deny, &op, NULL));
  g_assert_false (is_denied (f, &alive));
  g_assert_false (is_denied (f, &last));
  assert_all_denied (f, tokens);
}

/* Not judged: what an entry costs. */
static void
test_size (Fixture *f, gconstpointer data)
{
  guint count = g_test_perf () ? 1000000 : 5000;
  for (guint i = 0; i < count; i++)
    {
      g_auto (Token) token = issue (f, "c1", "c1", NULL);
      Denying op = { .list = f->list, .token = &token.identity };
      g_assert_true (run_deny (&op, f->store->inner, NULL));
    }
  g_assert_cmpuint (tessera_deny_list_get_memory (f->list) / count, <=, 48);
}

#define ADD(name, max, func)                                                                       \
  g_test_add ("/deny-list/" name, Fixture, GUINT_TO_POINTER (max), fixture_set_up, func,           \
              fixture_tear_down)

/* The clock only goes forwards, so a time of the far future would stay. */
static void
test_times_that_cannot_be_are_damage (void)
{
  const gint64 times[] = { G_MAXINT64, TESSERA_CLOCK_MAX_MS + 1 };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (times); i++)
    {
      g_autoptr (TesseraStore) store = tessera_memory_store_new ();
      g_autoptr (TesseraClock) clock = tessera_clock_new ();
      g_autoptr (TesseraDenyList) list = tessera_deny_list_new (clock, 0, NULL);
      g_autoptr (GError) error = NULL;

      tessera_store_begin (store, NULL);
      if (i % 2 == 0)
        tessera_store_put_high_water (store, times[i / 2], NULL);
      else
        tessera_store_put_longest_lifetime (store, times[i / 2], NULL);
      tessera_store_commit (store, NULL);
      g_assert_false (tessera_deny_list_load (list, store, 600000, NULL, &error));
      g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE);
      g_assert_cmpint (tessera_clock_get_ms (clock), <, TESSERA_CLOCK_MAX_MS);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  tessera_clock_follow_offset (&offset);

  ADD ("refuses-a-token", 0, test_token);
  ADD ("denying-again-does-not-grow-it", 0, test_token_again_does_not_grow);
  ADD ("refuses-all-of-an-ended-grant", 0, test_grant);
  ADD ("refuses-all-of-an-ended-session", 0, test_session);
  ADD ("refuses-a-subject-until-the-instant", 0, test_subject);
  ADD ("refuses-a-client-until-the-instant", 0, test_client);
  ADD ("refuses-everything-until-the-instant", 0, test_all);
  ADD ("refuses-a-key-for-ever", 0, test_key_for_ever);
  ADD ("cut-off-is-the-latest-of-all", 0, test_cut_off_is_the_latest_of_all);
  ADD ("failed-commit-is-taken-back", 0, test_failed_commit_is_taken_back);
  ADD ("pruning-spares-what-expires-a-little-later", 0,
       test_pruning_spares_what_expires_a_little_later);
  ADD ("a-second-cut-off-lives-longer-than-the-first", 0,
       test_a_second_cut_off_lives_longer_than_the_first);
  ADD ("taking-back-keeps-the-earlier-cut-off", 0, test_taking_back_keeps_the_earlier_cut_off);
  ADD ("many-tokens-of-a-grant-become-one-entry", 0, test_many_tokens_of_a_grant_become_one);
  ADD ("taking-back-restores-what-was-coalesced", 0, test_taking_back_a_coalesced_grant);
  ADD ("a-full-list-costs-the-flooder-only", 100, test_a_full_list_costs_the_flooder_only);
  ADD ("nothing-is-forgotten-early", 0, test_nothing_is_forgotten_early);
  ADD ("a-longer-lifetime-of-before-counts", 0, test_a_longer_lifetime_of_before_counts);
  ADD ("a-longer-lifetime-is-kept-at-once", 0, test_a_longer_lifetime_is_kept_at_once);
  ADD ("clock-going-back-changes-nothing", 0, test_clock_going_back_changes_nothing);
  ADD ("deleted-database-is-noticed", 0, test_deleted_database_is_noticed);
  ADD ("database-behind-the-mirror-is-noticed", 0, test_database_behind_the_mirror_is_noticed);
  ADD ("the-mirror-knows-each-commit", 0, test_the_mirror_knows_each_commit);
  ADD ("a-mirror-is-no-link", 0, test_a_mirror_is_no_link);
  ADD ("the-tail-has-each-entry", 0, test_the_tail_has_each_entry);
  ADD ("another-database-is-noticed", 0, test_another_database_is_noticed);
  ADD ("a-missing-commit-is-noticed", 0, test_a_missing_commit_is_noticed);
  ADD ("a-follower-misses-no-rollback", 0, test_a_follower_misses_no_rollback);
  ADD ("a-mirror-cannot-use-up-the-numbers", 0, test_a_mirror_cannot_use_up_the_numbers);
  ADD ("a-mirror-of-another-format-is-noticed", 0, test_a_mirror_of_another_format_is_noticed);
  ADD ("a-damaged-mirror-is-noticed", 0, test_a_damaged_mirror_is_noticed);
  ADD ("a-mirror-of-before-is-understood", 0, test_a_mirror_of_before_is_understood);
  ADD ("the-clock-does-not-go-back-over-a-restart", 0,
       test_the_clock_does_not_go_back_over_a_restart);
  ADD ("a-mirror-that-cannot-be-made-refuses-the-start", 0,
       test_a_mirror_that_cannot_be_made_refuses_the_start);
  ADD ("a-mirror-that-cannot-be-read-refuses-the-start", 0,
       test_a_mirror_that_cannot_be_read_refuses_the_start);
  ADD ("a-mirror-with-a-nul-in-it-is-damaged", 0, test_a_mirror_with_a_nul_in_it_is_damaged);
  ADD ("a-cut-off-that-cannot-be-written-refuses-the-start", 0,
       test_a_cut_off_that_cannot_be_written_refuses_the_start);
  ADD ("a-start-without-a-mirror-is-refused", 0, test_a_start_without_a_mirror_is_refused);
  ADD ("what-cannot-be-coalesced-is-refused", 100, test_what_cannot_be_coalesced_is_refused);
  ADD ("a-person-is-refused-by-every-name-or-not-at-all", 0,
       test_a_person_is_refused_by_every_name_or_not_at_all);
  ADD ("missing-mirror-is-noticed", 0, test_missing_mirror_is_noticed);
  g_test_add ("/deny-list/damaged-mirror-is-noticed", Fixture, "tessera-mirror 1 nonsense\n",
              fixture_set_up, (void (*) (Fixture *, gconstpointer)) test_missing_mirror_is_noticed,
              fixture_tear_down);
  ADD ("database-ahead-of-the-mirror-is-normal", 0, test_database_ahead_of_the_mirror_is_normal);
  ADD ("mirror-is-private-and-small", 0, test_mirror_is_private_and_small);
  ADD ("changes-since-a-cursor", 0, test_changes_since_a_cursor);
  ADD ("agrees-with-a-naive-list", 0, test_agrees_with_a_naive_list);
  ADD ("agrees-with-a-naive-list/with-snapshots", 0, test_agrees_with_a_naive_list_with_snapshots);
  ADD ("start-reads-only-what-is-newer", 0, test_start_reads_only_what_is_newer);
  ADD ("snapshot-takes-over-while-running", 0, test_snapshot_takes_over_while_running);
  ADD ("damage-refuses-until-the-rows-were-read", 0, test_damage_refuses_until_the_rows_were_read);
  ADD ("what-damage-hides-is-denied-durably", 0, test_what_damage_hides_is_denied_durably);
  ADD ("unusable-snapshot-is-made-anew", 0, test_unusable_snapshot_is_made_anew);
  ADD ("snapshot-of-another-database-is-not-used", 0,
       test_snapshot_of_another_database_is_not_used);
  ADD ("database-behind-the-snapshot-is-noticed", 0, test_database_behind_the_snapshot_is_noticed);
  ADD ("snapshot-that-cannot-be-written-is-missed-only", 0,
       test_snapshot_that_cannot_be_written_is_missed_only);
  ADD ("snapshot-forgets-what-has-expired", 0, test_snapshot_forgets_what_has_expired);
  ADD ("snapshot-outlives-a-clock-that-goes-back", 0,
       test_snapshot_outlives_a_clock_that_goes_back);
  ADD ("many-tokens-of-a-grant-become-one-entry-across-the-snapshot", 0,
       test_many_tokens_of_a_grant_become_one_across_the_snapshot);
  ADD ("a-persons-share-costs-that-person-only", 0, test_a_persons_share_costs_that_person_only);
  ADD ("a-persons-share-costs-that-person-only/with-snapshots", 1,
       test_a_persons_share_costs_that_person_only);
  ADD ("a-persons-share-costs-that-person-only/with-a-snapshot", 103,
       test_a_persons_share_costs_that_person_only);
  ADD ("what-has-expired-is-in-no-share", 0, test_what_has_expired_is_in_no_share);
  ADD ("what-has-expired-is-in-no-share/with-snapshots", 1, test_what_has_expired_is_in_no_share);
  ADD ("failed-commit-leaves-the-share-open", 0, test_failed_commit_leaves_the_share_open);
  ADD ("an-entry-takes-48-bytes-at-most", 0, test_size);
  g_test_add_func ("/deny-list/times-that-cannot-be-are-damage",
                   test_times_that_cannot_be_are_damage);
  return g_test_run ();
}
