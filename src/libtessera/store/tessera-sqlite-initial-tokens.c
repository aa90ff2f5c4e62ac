/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initial access tokens, which are few (RFC 7591 §3). */

#include "store/tessera-sqlite-tables-private.h"

#define INITIAL_TOKEN "SELECT id, digest, note, created_ms, expires_ms, max_uses, uses"

static TesseraInitialAccessToken *
read_initial_token (TesseraQuery *query)
{
  TesseraInitialAccessToken *token = g_new0 (TesseraInitialAccessToken, 1);

  token->id = tessera_query_dup_text (query, 0);
  tessera_query_get_digest (query, 1, &token->digest);
  token->note = tessera_query_dup_text (query, 2);
  token->created_ms = tessera_query_get_int (query, 3);
  token->expires_ms = tessera_query_get_int (query, 4);
  token->max_uses = (guint) tessera_query_get_int (query, 5);
  token->uses = (guint) tessera_query_get_int (query, 6);
  return token;
}

static gboolean
tessera_sqlite_store_put_initial_token (TesseraStore *store,
                                        const TesseraInitialAccessToken *token,
                                        GError **error)
{
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT OR REPLACE INTO initial_tokens (id, digest, note, created_ms,"
      " expires_ms, max_uses, uses) VALUES (?, ?, ?, ?, ?, ?, ?)",
      error, "tdtiiii", token->id, &token->digest, token->note, token->created_ms,
      token->expires_ms, (gint64) token->max_uses, (gint64) token->uses);
}

static TesseraInitialAccessToken *
tessera_sqlite_store_lookup_initial_token (TesseraStore *store,
                                           const TesseraDigest *digest,
                                           GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database, INITIAL_TOKEN " FROM initial_tokens WHERE digest = ?", error, "d", digest);

  return tessera_sqlite_store_step_to_row (self, query, &found, error) && found
             ? read_initial_token (query)
             : NULL;
}

static gboolean
tessera_sqlite_store_remove_initial_token (TesseraStore *store,
                                           const char *id,
                                           gboolean *out_removed,
                                           GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT 1 FROM initial_tokens WHERE id = ?", error,
                                "t", id);

  return tessera_sqlite_store_step_to_row (self, query, out_removed, error)
         && tessera_database_execute (self->database, "DELETE FROM initial_tokens WHERE id = ?",
                                      error, "t", id);
}

static GPtrArray *
tessera_sqlite_store_list_initial_tokens (TesseraStore *store,
                                          const TesseraStoreFilter *filter,
                                          GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_initial_access_token_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                INITIAL_TOKEN " FROM initial_tokens WHERE id > ? AND expires_ms > ?"
                                              " AND (max_uses = 0 OR uses < max_uses) ORDER BY id",
                                error, "ti", filter->after, filter->now_ms);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (found && page->len < filter->limit)
        g_ptr_array_add (page, read_initial_token (query));
    }
  while (found && page->len < filter->limit);
  return g_steal_pointer (&page);
}

void
tessera_sqlite_initial_tokens_implement (TesseraStoreInterface *iface)
{
  iface->put_initial_token = tessera_sqlite_store_put_initial_token;
  iface->lookup_initial_token = tessera_sqlite_store_lookup_initial_token;
  iface->remove_initial_token = tessera_sqlite_store_remove_initial_token;
  iface->list_initial_tokens = tessera_sqlite_store_list_initial_tokens;
}
