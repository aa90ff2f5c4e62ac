/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions of browsers. */

#include "store/tessera-sqlite-tables-private.h"

#define SESSION_COLUMNS                                                                            \
  "digest, " TESSERA_SQLITE_LOGIN_COLUMNS ", began_ms, last_seen_ms, expires_ms"

static gboolean
tessera_sqlite_store_put_session (TesseraStore *store,
                                  const TesseraSession *session,
                                  GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  return tessera_database_put (
      self->database,
      "INSERT INTO sessions (" SESSION_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", error,
      "dttittttiii", &session->digest, session->login.subject, session->login.session_id,
      session->login.auth_time, session->login.acr, session->login.amr, session->login.claims,
      session->login.sub, session->began_ms, session->last_seen_ms, session->expires_ms);
}

static TesseraSession *
read_session (TesseraQuery *query)
{
  TesseraSession *session = g_new0 (TesseraSession, 1);
  tessera_query_get_digest (query, 0, &session->digest);
  tessera_sqlite_read_login (query, 1, &session->login);
  session->began_ms = tessera_query_get_int (query, 8);
  session->last_seen_ms = tessera_query_get_int (query, 9);
  session->expires_ms = tessera_query_get_int (query, 10);
  return session;
}

static TesseraSession *
tessera_sqlite_store_lookup_session (TesseraStore *store,
                                     const TesseraDigest *digest,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT " SESSION_COLUMNS " FROM sessions WHERE digest = ?", error,
                                "d", digest);
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error) || !found)
    return NULL;
  return read_session (query);
}

static gboolean
tessera_sqlite_store_touch_session (TesseraStore *store,
                                    const TesseraDigest *digest,
                                    gint64 last_seen_ms,
                                    GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "UPDATE sessions SET last_seen_ms = ? WHERE digest = ?", error,
                                   "id", last_seen_ms, digest);
}

static gboolean
tessera_sqlite_store_remove_session (TesseraStore *store,
                                     const TesseraDigest *digest,
                                     GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM sessions WHERE digest = ?", error, "d", digest);
}

#define SESSIONS_BEHIND(WHO)                                                                       \
  "SELECT " SESSION_COLUMNS " FROM sessions WHERE " WHO                                            \
  " AND session_id > ?2 AND expires_ms > ?3 ORDER BY session_id"

static GPtrArray *
tessera_sqlite_store_list_sessions (TesseraStore *store,
                                    const TesseraStoreFilter *filter,
                                    GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_session_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                filter->subject != NULL
                                    ? SESSIONS_BEHIND (TESSERA_SQLITE_OF_SUBJECT)
                                    : SESSIONS_BEHIND (TESSERA_SQLITE_OF_ANYBODY),
                                error, "tti", filter->subject, filter->after, filter->now_ms);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_ptr_array_add (page, read_session (query));
    }
  while (found && page->len < filter->limit);
  return g_steal_pointer (&page);
}

void
tessera_sqlite_sessions_implement (TesseraStoreInterface *iface)
{
  iface->put_session = tessera_sqlite_store_put_session;
  iface->lookup_session = tessera_sqlite_store_lookup_session;
  iface->touch_session = tessera_sqlite_store_touch_session;
  iface->remove_session = tessera_sqlite_store_remove_session;
  iface->list_sessions = tessera_sqlite_store_list_sessions;
}
