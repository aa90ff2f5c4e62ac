/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grants, the turns of their refresh tokens, and what tokens call people. */

#include "store/tessera-sqlite-tables-private.h"

/* The column last_used_ms is as old as the grant: a rotation changes the other table alone. */
#define LAST_USED "max(last_used_ms, ifnull(issued_ms, 0))"
#define GRANTS_AND_ROTATIONS "grants LEFT JOIN rotations ON grant_number = number"

#define N_GRANT_COLUMNS 17
#define GRANT_COLUMNS(LAST_USED)                                                                   \
  "grant_id, client_id, " TESSERA_SQLITE_LOGIN_COLUMNS ", scope, resources, began_ms, " LAST_USED  \
  ", expires_ms, claims_request, nonce"
#define SELECT_GRANT "SELECT " GRANT_COLUMNS (LAST_USED) ", number"

static gboolean
tessera_sqlite_store_put_grant (TesseraStore *store,
                                const TesseraGrant *grant,
                                gint64 *out_number,
                                GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (!tessera_database_put (
          self->database,
          "INSERT INTO grants (" GRANT_COLUMNS (
              "last_used_ms") ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          error, "ttttittttttiiitn", grant->grant_id, grant->client_id, grant->login.subject,
          grant->login.session_id, grant->login.auth_time, grant->login.acr, grant->login.amr,
          grant->login.claims, grant->login.sub, grant->scope, grant->resources, grant->began_ms,
          grant->last_used_ms, grant->expires_ms, grant->claims_request, &grant->nonce))
    return FALSE;
  if (out_number != NULL)
    *out_number = tessera_database_get_last_number (self->database);
  return TRUE;
}

static TesseraGrant *
read_grant (TesseraQuery *query)
{
  TesseraGrant *grant = g_new0 (TesseraGrant, 1);
  grant->grant_id = tessera_query_dup_text (query, 0);
  grant->client_id = tessera_query_dup_text (query, 1);
  tessera_sqlite_read_login (query, 2, &grant->login);
  grant->scope = tessera_query_dup_text (query, 9);
  grant->resources = tessera_query_dup_text (query, 10);
  grant->began_ms = tessera_query_get_int (query, 11);
  grant->last_used_ms = tessera_query_get_int (query, 12);
  grant->expires_ms = tessera_query_get_int (query, 13);
  grant->claims_request = tessera_query_dup_text (query, 14);
  tessera_query_get_nonce (query, 15, &grant->nonce);
  grant->number = tessera_query_get_int (query, 16);
  return grant;
}

static TesseraGrant *
tessera_sqlite_store_lookup_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  if (tessera_sqlite_store_is_ended (self, grant_id))
    return NULL;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                SELECT_GRANT " FROM " GRANTS_AND_ROTATIONS " WHERE grant_id = ?",
                                error, "t", grant_id);
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error) || !found)
    return NULL;
  return read_grant (query);
}

static gboolean
tessera_sqlite_store_end_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (tessera_sqlite_store_is_ended (self, grant_id))
    return TRUE;
  if (!tessera_database_execute (self->database, "INSERT INTO ended_grants (grant_id) VALUES (?)",
                                 error, "t", grant_id))
    return FALSE;
  g_hash_table_add (self->ended, g_strdup (grant_id));
  g_ptr_array_add (self->ended_since_begin, g_strdup (grant_id));
  return TRUE;
}

static gboolean
tessera_sqlite_store_begin_rotation (TesseraStore *store,
                                     gint64 number,
                                     gint64 issued_ms,
                                     GError **error)
{
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT INTO rotations (grant_number, turn, issued_ms, before_ms) VALUES (?, 0, ?, 0)", error,
      "ii", number, issued_ms);
}

static TesseraGrant *
tessera_sqlite_store_lookup_rotation (TesseraStore *store,
                                      gint64 number,
                                      TesseraRotation *out_rotation,
                                      GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                SELECT_GRANT ", turn, issued_ms, before_ms FROM rotations"
                                             " CROSS JOIN grants ON number = grant_number"
                                             " WHERE grant_number = ?",
                                error, "i", number);
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error) || !found
      || tessera_sqlite_store_is_ended (self, tessera_query_get_text (query, 0)))
    return NULL;
  out_rotation->turn = tessera_query_get_int (query, N_GRANT_COLUMNS);
  out_rotation->issued_ms = tessera_query_get_int (query, N_GRANT_COLUMNS + 1);
  out_rotation->before_ms = tessera_query_get_int (query, N_GRANT_COLUMNS + 2);
  return read_grant (query);
}

static gboolean
tessera_sqlite_store_rotate (TesseraStore *store, gint64 number, gint64 issued_ms, GError **error)
{
  return tessera_database_put (TESSERA_SQLITE_STORE (store)->database,
                               "UPDATE rotations SET turn = turn + 1, issued_ms = ?2,"
                               " before_ms = issued_ms WHERE grant_number = ?1",
                               error, "ii", number, issued_ms);
}

static gboolean
tessera_sqlite_store_lookup_subject (TesseraStore *store,
                                     const char *sub,
                                     char **out_subject,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT subject FROM grants WHERE sub = ?1 UNION ALL"
                                " SELECT subject FROM sessions WHERE sub = ?1 LIMIT 1",
                                error, "t", sub);

  *out_subject = NULL;
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
    return FALSE;
  if (found)
    *out_subject = tessera_query_dup_text (query, 0);
  return TRUE;
}

static GPtrArray *
tessera_sqlite_store_list_subs (TesseraStore *store, const char *subject, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) subs = g_ptr_array_new_with_free_func (g_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT DISTINCT sub FROM grants"
                                " WHERE subject = ? AND sub IS NOT NULL ORDER BY sub",
                                error, "t", subject);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_ptr_array_add (subs, tessera_query_dup_text (query, 0));
    }
  while (found);
  return g_steal_pointer (&subs);
}

#define GRANTS_BEHIND(WHO)                                                                         \
  SELECT_GRANT " FROM " GRANTS_AND_ROTATIONS " WHERE " WHO                                         \
               " AND (?2 IS NULL OR client_id = ?2) AND grant_id > ?3 AND expires_ms > ?4"         \
               " ORDER BY grant_id"

static GPtrArray *
tessera_sqlite_store_list_grants (TesseraStore *store,
                                  const TesseraStoreFilter *filter,
                                  GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_grant_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                filter->subject != NULL ? GRANTS_BEHIND (TESSERA_SQLITE_OF_SUBJECT)
                                                        : GRANTS_BEHIND (TESSERA_SQLITE_OF_ANYBODY),
                                error, "ttti", filter->subject, filter->client_id, filter->after,
                                filter->now_ms);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (found && !tessera_sqlite_store_is_ended (self, tessera_query_get_text (query, 0)))
        g_ptr_array_add (page, read_grant (query));
    }
  while (found && page->len < filter->limit);
  return g_steal_pointer (&page);
}

void
tessera_sqlite_grants_implement (TesseraStoreInterface *iface)
{
  iface->put_grant = tessera_sqlite_store_put_grant;
  iface->lookup_grant = tessera_sqlite_store_lookup_grant;
  iface->end_grant = tessera_sqlite_store_end_grant;
  iface->begin_rotation = tessera_sqlite_store_begin_rotation;
  iface->lookup_rotation = tessera_sqlite_store_lookup_rotation;
  iface->rotate = tessera_sqlite_store_rotate;
  iface->lookup_subject = tessera_sqlite_store_lookup_subject;
  iface->list_subs = tessera_sqlite_store_list_subs;
  iface->list_grants = tessera_sqlite_store_list_grants;
}
