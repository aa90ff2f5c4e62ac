/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list: denied tokens, and what cuts off many at once (RFC 7009). */

#include "store/tessera-sqlite-tables-private.h"

#define DENIALS "denials" /* so many that they are only read whole when the snapshot is lost */

static gint64
sum_denial (const TesseraDenial *denial, guint64 generation)
{
  guint64 sum = tessera_sqlite_sum_number (G_GUINT64_CONSTANT (0xcbf29ce484222325), generation);
  sum = tessera_sqlite_sum_number (sum, denial->kind);
  sum = tessera_sqlite_sum_text (sum, denial->value);
  sum = tessera_sqlite_sum_number (sum, (guint64) denial->instant_ms);
  sum = tessera_sqlite_sum_number (sum, (guint64) denial->expires_ms);
  sum = tessera_sqlite_sum_text (sum, denial->grant_id);
  sum = tessera_sqlite_sum_text (sum, denial->client_id);
  if (denial->subject != NULL) /* rows from before there was one stay good */
    sum = tessera_sqlite_sum_text (sum, denial->subject);
  return (gint64) (sum >> 32 ^ (sum & G_MAXUINT32));
}

static gboolean
insert_denial (TesseraSqliteStore *self,
               const TesseraDenial *denial,
               guint64 generation,
               GError **error)
{
  if (denial->kind == TESSERA_DENIAL_TOKEN)
    return tessera_database_execute (
        self->database,
        "INSERT INTO denials (generation, kind, value, instant_ms, expires_ms, grant_id,"
        " client_id, subject, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        error, "iitiittti", (gint64) generation, (gint64) denial->kind, denial->value,
        denial->instant_ms, denial->expires_ms, denial->grant_id, denial->client_id,
        denial->subject, sum_denial (denial, generation));
  return tessera_database_execute (
      self->database,
      "INSERT INTO cut_offs (generation, kind, value, instant_ms, expires_ms, checksum)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      error, "iitiii", (gint64) generation, (gint64) denial->kind, denial->value,
      denial->instant_ms, denial->expires_ms, sum_denial (denial, generation));
}

static gboolean
tessera_sqlite_store_append_denial (TesseraStore *store,
                                    const TesseraDenial *denial,
                                    guint64 *out_generation,
                                    GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  guint64 generation = self->state.generation + 1;
  if (!insert_denial (self, denial, generation, error))
    return FALSE;
  self->state.generation = generation;
  if (out_generation != NULL)
    *out_generation = generation;
  return TRUE;
}

static gboolean
give_denial (TesseraQuery *query, TesseraDenialFunc func, gpointer data, GError **error)
{
  TesseraDenial denial = { .generation = (guint64) tessera_query_get_int (query, 0),
                           .kind = (TesseraDenialKind) tessera_query_get_int (query, 1),
                           .value = tessera_query_get_text (query, 2),
                           .instant_ms = tessera_query_get_int (query, 3),
                           .expires_ms = tessera_query_get_int (query, 4),
                           .grant_id = tessera_query_get_text (query, 5),
                           .client_id = tessera_query_get_text (query, 6),
                           .subject = tessera_query_get_text (query, 7) };
  if (tessera_query_get_int (query, 8) != sum_denial (&denial, denial.generation))
    return tessera_sqlite_fail_damaged (error, "an entry of the deny-list");
  func (&denial, data);
  return TRUE;
}

static gboolean
give_denials (TesseraSqliteStore *self,
              const char *sql,
              guint64 since,
              guint limit,
              TesseraDenialFunc func,
              gpointer data,
              GError **error)
{
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, sql, error, "ii", (gint64) since, (gint64) limit);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return FALSE;
      if (found && !give_denial (query, func, data, error))
        return FALSE;
    }
  while (found);
  return TRUE;
}

#define TOKEN_COLUMNS                                                                              \
  "generation, kind, value, instant_ms, expires_ms, grant_id, client_id, subject, checksum"
#define CUT_OFF_COLUMNS                                                                            \
  "generation, kind, value, instant_ms, expires_ms, NULL, NULL, NULL, checksum"

static gboolean
tessera_sqlite_store_foreach_denial (TesseraStore *store,
                                     guint64 since,
                                     guint limit,
                                     TesseraDenialFunc func,
                                     gpointer data,
                                     GError **error)
{
  return give_denials (TESSERA_SQLITE_STORE (store),
                       "SELECT " TOKEN_COLUMNS " FROM denials WHERE generation > ?1 UNION ALL"
                       " SELECT " CUT_OFF_COLUMNS
                       " FROM cut_offs WHERE generation > ?1 ORDER BY 1 LIMIT ?2",
                       since, limit, func, data, error);
}

static gboolean
tessera_sqlite_store_foreach_cut_off (TesseraStore *store,
                                      TesseraDenialFunc func,
                                      gpointer data,
                                      GError **error)
{
  return give_denials (TESSERA_SQLITE_STORE (store),
                       "SELECT " CUT_OFF_COLUMNS
                       " FROM cut_offs WHERE generation > ?1 ORDER BY generation LIMIT ?2",
                       0, G_MAXUINT, func, data, error);
}

/* From the end, so that no damaged page on the way to @since can hide a newer row. */
static gboolean
tessera_sqlite_store_foreach_denied_token (
    TesseraStore *store, guint64 since, TesseraDenialFunc func, gpointer data, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (since == 0 && !self->examined_denials
      && !tessera_database_examine (self->database, DENIALS, error))
    return FALSE;
  self->examined_denials |= since == 0;
  return give_denials (self,
                       "SELECT " TOKEN_COLUMNS
                       " FROM denials WHERE generation > ?1 ORDER BY generation DESC LIMIT ?2",
                       since, G_MAXUINT, func, data, error);
}

void
tessera_sqlite_denials_implement (TesseraStoreInterface *iface)
{
  iface->append_denial = tessera_sqlite_store_append_denial;
  iface->foreach_denial = tessera_sqlite_store_foreach_denial;
  iface->foreach_cut_off = tessera_sqlite_store_foreach_cut_off;
  iface->foreach_denied_token = tessera_sqlite_store_foreach_denied_token;
}
