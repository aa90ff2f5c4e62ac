/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients, and which things were declared. */

#include "store/tessera-sqlite-tables-private.h"

#include "model/tessera-client-private.h"

#include <string.h>

static gboolean
tessera_sqlite_store_put_client (TesseraStore *store, TesseraClient *client, GError **error)
{
  static const char insertion[]
      = "INSERT OR REPLACE INTO clients (client_id, registration) VALUES (?, ?)";
  TesseraDatabase *database = TESSERA_SQLITE_STORE (store)->database;
  g_autoptr (json_t) json = tessera_client_to_json (client);
  g_autofree char *registration = tessera_json_dump (json);

  /* Who was disabled gets no more tokens: on a full disk too. */
  if (tessera_client_is_disabled (client))
    return tessera_database_execute (database, insertion, error, "tt",
                                     tessera_client_get_id (client), registration);
  return tessera_database_put (database, insertion, error, "tt", tessera_client_get_id (client),
                               registration);
}

static gboolean
tessera_sqlite_store_remove_client (TesseraStore *store, const char *client_id, GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM clients WHERE client_id = ?", error, "t",
                                   client_id);
}

static gboolean
give_client (TesseraQuery *query, TesseraClientFunc func, gpointer data, GError **error)
{
  const char *text = tessera_query_get_text (query, 0);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraClient) client = tessera_client_new_from_json (text, strlen (text), &problem);
  if (client == NULL)
    {
      g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                   "A stored client cannot be used: %s", problem->message);
      return FALSE;
    }
  func (client, data);
  return TRUE;
}

static gboolean
tessera_sqlite_store_foreach_client (TesseraStore *store,
                                     TesseraClientFunc func,
                                     gpointer data,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT registration FROM clients ORDER BY client_id", error, "");
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return FALSE;
      if (found && !give_client (query, func, data, error))
        return FALSE;
    }
  while (found);
  return TRUE;
}

static gboolean
tessera_sqlite_store_foreach_client_record (TesseraStore *store,
                                            gint64 *position,
                                            guint limit,
                                            TesseraClientRecordFunc func,
                                            gpointer data,
                                            GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  guint n = 0;
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT rowid, client_id, registration FROM clients"
                                " WHERE rowid > ? ORDER BY rowid LIMIT ?",
                                error, "ii", *position, (gint64) limit);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return FALSE;
      if (!found)
        break;
      n++;
      *position = tessera_query_get_int (query, 0);
      func (tessera_query_get_text (query, 1), tessera_query_get_text (query, 2), data);
    }
  while (n < limit);
  if (n < limit)
    {
      *position = -1;
      tessera_database_release_memory (self->database); /* nobody reads those pages again */
    }
  return TRUE;
}

static gboolean
tessera_sqlite_store_has_client (TesseraStore *store,
                                 const char *client_id,
                                 gboolean *out_has,
                                 GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT 1 FROM clients WHERE client_id = ?", error,
                                "t", client_id);

  return tessera_sqlite_store_step_to_row (self, query, out_has, error);
}

static GHashTable *
tessera_sqlite_store_dup_declared (TesseraStore *store, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (GHashTable) declared = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT name, fingerprint FROM declared", error,
                                "");
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_hash_table_insert (declared, tessera_query_dup_text (query, 0),
                             tessera_query_dup_text (query, 1));
    }
  while (found);
  return g_steal_pointer (&declared);
}

static gboolean
tessera_sqlite_store_put_declared (TesseraStore *store,
                                   const char *name,
                                   const char *fingerprint,
                                   GError **error)
{
  TesseraDatabase *database = TESSERA_SQLITE_STORE (store)->database;
  if (fingerprint == NULL)
    return tessera_database_execute (database, "DELETE FROM declared WHERE name = ?", error, "t",
                                     name);
  return tessera_database_execute (
      database, "INSERT OR REPLACE INTO declared (name, fingerprint) VALUES (?, ?)", error, "tt",
      name, fingerprint);
}

void
tessera_sqlite_clients_implement (TesseraStoreInterface *iface)
{
  iface->put_client = tessera_sqlite_store_put_client;
  iface->remove_client = tessera_sqlite_store_remove_client;
  iface->foreach_client = tessera_sqlite_store_foreach_client;
  iface->foreach_client_record = tessera_sqlite_store_foreach_client_record;
  iface->has_client = tessera_sqlite_store_has_client;
  iface->dup_declared = tessera_sqlite_store_dup_declared;
  iface->put_declared = tessera_sqlite_store_put_declared;
}
