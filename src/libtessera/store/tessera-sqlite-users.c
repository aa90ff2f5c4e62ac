/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* People. */

#include "store/tessera-sqlite-tables-private.h"

#include <string.h>

static gboolean
tessera_sqlite_store_put_user (TesseraStore *store, TesseraUser *user, GError **error)
{
  g_autoptr (json_t) json = tessera_user_to_json (user);
  g_autofree char *record = tessera_json_dump (json);
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "INSERT OR REPLACE INTO users (username, record) VALUES (?, ?)",
                                   error, "tt", tessera_user_get_username (user), record);
}

static gboolean
tessera_sqlite_store_remove_user (TesseraStore *store, const char *username, GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM users WHERE username = ?", error, "t", username);
}

static gboolean
give_user (TesseraQuery *query, TesseraUserFunc func, gpointer data, GError **error)
{
  const char *text = tessera_query_get_text (query, 0);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraUser) user = tessera_user_new_from_json (text, strlen (text), &problem);
  if (user == NULL)
    {
      g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                   "A stored user cannot be used: %s", problem->message);
      return FALSE;
    }
  func (user, data);
  return TRUE;
}

static gboolean
tessera_sqlite_store_foreach_user (TesseraStore *store,
                                   TesseraUserFunc func,
                                   gpointer data,
                                   GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT record FROM users ORDER BY username", error,
                                "");
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return FALSE;
      if (found && !give_user (query, func, data, error))
        return FALSE;
    }
  while (found);
  return TRUE;
}

void
tessera_sqlite_users_implement (TesseraStoreInterface *iface)
{
  iface->put_user = tessera_sqlite_store_put_user;
  iface->remove_user = tessera_sqlite_store_remove_user;
  iface->foreach_user = tessera_sqlite_store_foreach_user;
}
