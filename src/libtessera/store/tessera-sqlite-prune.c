/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Forgetting what is of no use any more: a little at a time, so that nobody waits long. */

#include "store/tessera-sqlite-tables-private.h"

#define REDEEMED_CODE_MEMORY_MS (G_GINT64_CONSTANT (24) * 60 * 60 * 1000)
#define PRUNE_ROWS 200 /* removed in one go, but of denials: whoever waits, waits for that */

/* How far to look this time; G_MAXINT64: to the end. */
static gboolean
find_prune_end (TesseraSqliteStore *self, guint part, gint64 *out_end, GError **error)
{
  static const char *const questions[TESSERA_SQLITE_N_DENIALS] = {
    "SELECT generation FROM denials WHERE generation > ? ORDER BY generation LIMIT 1 OFFSET ?",
    "SELECT generation FROM cut_offs WHERE generation > ? ORDER BY generation LIMIT 1 OFFSET ?",
  };
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, questions[part], error, "ii",
                                (gint64) self->prune_cursors[part],
                                (gint64) TESSERA_STORE_PRUNED_DENIALS - 1);
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
    return FALSE;
  *out_end = found ? tessera_query_get_int (query, 0) : G_MAXINT64;
  return TRUE;
}

static gboolean
prune_denials (TesseraSqliteStore *self, guint part, gint64 now_ms, GError **error)
{
  static const char *const deletions[TESSERA_SQLITE_N_DENIALS] = {
    "DELETE FROM denials WHERE generation > ? AND generation <= ? AND expires_ms < ?",
    "DELETE FROM cut_offs WHERE generation > ? AND generation <= ? AND expires_ms < ?",
  };
  gint64 end;
  guint64 writes, syncs, writes_after;

  if (!find_prune_end (self, part, &end, error))
    return FALSE;
  tessera_database_get_counts (self->database, &writes, &syncs);
  if (!tessera_database_execute (self->database, deletions[part], error, "iii",
                                 (gint64) self->prune_cursors[part], end, now_ms))
    return FALSE;
  tessera_database_get_counts (self->database, &writes_after, &syncs);
  self->prune_cursors[part] = end == G_MAXINT64 ? 0 : (guint64) end;
  if (writes_after == writes)
    return TRUE;
  /* So that no generation is given twice, whatever was pruned. */
  self->kept_generation = self->state.generation;
  return tessera_sqlite_store_write_state (self, error);
}

#define FIRST_ENDED " (SELECT grant_id FROM ended_grants ORDER BY number LIMIT ?1)"
#define FIRST_EXPIRED " FROM grants WHERE expires_ms < ?2 ORDER BY expires_ms LIMIT ?1)"

static gboolean
forget_ended (TesseraSqliteStore *self, gint64 count, GError **error)
{
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT grant_id FROM ended_grants ORDER BY number LIMIT ?1", error,
                                "i", count);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return FALSE;
      if (found && g_hash_table_remove (self->ended, tessera_query_get_text (query, 0)))
        g_ptr_array_add (self->forgotten_since_begin, tessera_query_dup_text (query, 0));
    }
  while (found);
  return TRUE;
}

static gboolean
prune_ended_grants (TesseraSqliteStore *self, GError **error)
{
  /* More of them when many have ended, so that it never lags behind. */
  gint64 count = PRUNE_ROWS + g_hash_table_size (self->ended) / 80;
  if (g_hash_table_size (self->ended) == 0)
    return TRUE;
  return tessera_database_execute (self->database,
                                   "DELETE FROM rotations WHERE grant_number IN (SELECT"
                                   " number FROM grants WHERE grant_id IN" FIRST_ENDED ")",
                                   error, "i", count)
         && tessera_database_execute (self->database,
                                      "DELETE FROM grants WHERE grant_id IN" FIRST_ENDED, error,
                                      "i", count)
         && forget_ended (self, count, error)
         && tessera_database_execute (self->database,
                                      "DELETE FROM ended_grants WHERE number IN"
                                      " (SELECT number FROM ended_grants ORDER BY number LIMIT ?1)",
                                      error, "i", count);
}

/* Each stays as long as one of its tokens may live: without it nobody knows what they call the
 * person, nor can the person take them back. */
static gboolean
prune_expired_grants (TesseraSqliteStore *self, gint64 now_ms, GError **error)
{
  static const char *const deletions[] = {
    "DELETE FROM rotations WHERE grant_number IN (SELECT number" FIRST_EXPIRED,
    "DELETE FROM grants WHERE number IN (SELECT number" FIRST_EXPIRED,
  };
  gint64 then_ms = now_ms - self->state.longest_lifetime_ms - TESSERA_STORE_TOKEN_SKEW_MS;

  for (guint i = 0; i < G_N_ELEMENTS (deletions); i++)
    if (!tessera_database_execute (self->database, deletions[i], error, "ii", (gint64) PRUNE_ROWS,
                                   then_ms))
      return FALSE;
  return TRUE;
}

/* They expire in the order in which they were put, nearly: so up to the first that is still of use,
 * which is the first of all most of the time. One that was redeemed is of use with its grant. */
#define CODE_ENDS                                                                                  \
  "ifnull ((SELECT redeemed_ms + ?3 FROM redemptions JOIN grants USING (grant_id)"                 \
  " WHERE code_number = codes.number), expires_ms)"

static gboolean
prune_codes (TesseraSqliteStore *self, gint64 now_ms, GError **error)
{
  static const char codes[]
      = "DELETE FROM codes WHERE " CODE_ENDS " < ?2 AND number < ifnull ("
        "(SELECT number FROM (SELECT number, expires_ms FROM codes ORDER BY number LIMIT ?1)"
        " AS codes WHERE " CODE_ENDS " >= ?2 ORDER BY number LIMIT 1),"
        " ifnull ((SELECT number FROM codes ORDER BY number LIMIT 1 OFFSET ?1), ?4))";
  static const char redemptions[]
      = "DELETE FROM redemptions"
        " WHERE code_number < ifnull ((SELECT min (number) FROM codes), ?1)";
  return tessera_database_execute (self->database, codes, error, "iiii", (gint64) PRUNE_ROWS,
                                   now_ms, REDEEMED_CODE_MEMORY_MS, G_MAXINT64)
         && tessera_database_execute (self->database, redemptions, error, "i", G_MAXINT64);
}

static gboolean
prune_expired (TesseraSqliteStore *self, gint64 now_ms, GError **error)
{
  static const char *const deletions[] = {
    "DELETE FROM sessions WHERE rowid IN"
    " (SELECT rowid FROM sessions WHERE expires_ms < ?2 LIMIT ?1)",
    /* By far the most, where there are any. */
    "DELETE FROM assertions WHERE digest IN"
    " (SELECT digest FROM assertions WHERE expires_ms < ?2 LIMIT ?1 * 10)",
    "DELETE FROM initial_tokens WHERE id IN"
    " (SELECT id FROM initial_tokens WHERE expires_ms < ?2 LIMIT ?1)",
    "DELETE FROM participants WHERE (session_id, client_id) IN"
    " (SELECT session_id, client_id FROM participants WHERE expires_ms < ?2 LIMIT ?1)",
  };
  for (guint i = 0; i < G_N_ELEMENTS (deletions); i++)
    if (!tessera_database_execute (self->database, deletions[i], error, "ii", (gint64) PRUNE_ROWS,
                                   now_ms))
      return FALSE;
  return TRUE;
}

static gboolean
tessera_sqlite_store_prune (TesseraStore *store, gint64 now_ms, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  tessera_database_restore_reserve (self->database);
  return prune_denials (self, TESSERA_SQLITE_DENIED_TOKENS, now_ms, error)
         && prune_denials (self, TESSERA_SQLITE_CUT_OFFS, now_ms, error)
         && prune_ended_grants (self, error) && prune_expired_grants (self, now_ms, error)
         && prune_codes (self, now_ms, error) && prune_expired (self, now_ms, error);
}

void
tessera_sqlite_prune_implement (TesseraStoreInterface *iface)
{
  iface->prune = tessera_sqlite_store_prune;
}
