/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who took part in a session, and who has yet to hear that it ended (OpenID Connect Back-Channel
 * Logout §2). */

#include "store/tessera-sqlite-tables-private.h"

static gboolean
tessera_sqlite_store_put_participant (TesseraStore *store,
                                      const TesseraParticipant *participant,
                                      GError **error)
{
  return tessera_database_put (TESSERA_SQLITE_STORE (store)->database,
                               "INSERT INTO participants (session_id, client_id, subject, sub,"
                               " began_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)"
                               " ON CONFLICT DO UPDATE SET"
                               " expires_ms = max (expires_ms, excluded.expires_ms)",
                               error, "ttttii", participant->session_id, participant->client_id,
                               participant->subject, participant->sub, participant->began_ms,
                               participant->expires_ms);
}

static TesseraLogout *
read_logout (TesseraQuery *query)
{
  TesseraLogout *logout = g_new0 (TesseraLogout, 1);
  logout->number = tessera_query_get_int (query, 0);
  logout->client_id = tessera_query_dup_text (query, 1);
  logout->subject = tessera_query_dup_text (query, 2);
  logout->sub = tessera_query_dup_text (query, 3);
  logout->session_id = tessera_query_dup_text (query, 4);
  logout->attempts = (guint) tessera_query_get_int (query, 5);
  return logout;
}

static GPtrArray *
tessera_sqlite_store_list_logouts (TesseraStore *store, gint64 after, guint limit, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_logout_free);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT number, client_id, subject, sub, session_id, attempts"
                                " FROM logouts WHERE number > ? ORDER BY number LIMIT ?",
                                error, "ii", after, (gint64) limit);
  gboolean found = TRUE;

  while (found)
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_ptr_array_add (page, read_logout (query));
    }
  return g_steal_pointer (&page);
}

static gboolean
tessera_sqlite_store_put_logout_attempts (TesseraStore *store,
                                          gint64 number,
                                          guint attempts,
                                          GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "UPDATE logouts SET attempts = ?2 WHERE number = ?1", error,
                                   "ii", number, (gint64) attempts);
}

static gboolean
tessera_sqlite_store_remove_logout (TesseraStore *store, gint64 number, GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM logouts WHERE number = ?", error, "i", number);
}

void
tessera_sqlite_logouts_implement (TesseraStoreInterface *iface)
{
  iface->put_participant = tessera_sqlite_store_put_participant;
  iface->list_logouts = tessera_sqlite_store_list_logouts;
  iface->put_logout_attempts = tessera_sqlite_store_put_logout_attempts;
  iface->remove_logout = tessera_sqlite_store_remove_logout;
}
