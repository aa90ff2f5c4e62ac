/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people have allowed. */

#include "store/tessera-sqlite-tables-private.h"

static gboolean
tessera_sqlite_store_put_consent (TesseraStore *store,
                                  const TesseraConsent *consent,
                                  GError **error)
{
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT OR REPLACE INTO consents (subject, client_id, redirect_uri, scope, resources,"
      " given_ms) VALUES (?, ?, ?, ?, ?, ?)",
      error, "ttttti", consent->subject, consent->client_id, consent->redirect_uri, consent->scope,
      consent->resources, consent->given_ms);
}

static TesseraConsent *
tessera_sqlite_store_lookup_consent (TesseraStore *store,
                                     const char *subject,
                                     const char *client_id,
                                     const char *redirect_uri,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT scope, resources, given_ms FROM consents"
                                " WHERE subject = ? AND client_id = ? AND redirect_uri = ?",
                                error, "ttt", subject, client_id, redirect_uri);
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error) || !found)
    return NULL;

  TesseraConsent *consent = g_new0 (TesseraConsent, 1);
  consent->subject = g_strdup (subject);
  consent->client_id = g_strdup (client_id);
  consent->redirect_uri = g_strdup (redirect_uri);
  consent->scope = tessera_query_dup_text (query, 0);
  consent->resources = tessera_query_dup_text (query, 1);
  consent->given_ms = tessera_query_get_int (query, 2);
  return consent;
}

static GPtrArray *
tessera_sqlite_store_list_consents (TesseraStore *store, const char *subject, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) list
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_consent_free);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT client_id, redirect_uri, scope, resources, given_ms FROM consents WHERE subject = ?",
      error, "t", subject);
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return NULL;
      if (!found)
        break;
      TesseraConsent *consent = g_new0 (TesseraConsent, 1);
      consent->subject = g_strdup (subject);
      consent->client_id = tessera_query_dup_text (query, 0);
      consent->redirect_uri = tessera_query_dup_text (query, 1);
      consent->scope = tessera_query_dup_text (query, 2);
      consent->resources = tessera_query_dup_text (query, 3);
      consent->given_ms = tessera_query_get_int (query, 4);
      g_ptr_array_add (list, consent);
    }
  while (found);
  return g_steal_pointer (&list);
}

void
tessera_sqlite_consents_implement (TesseraStoreInterface *iface)
{
  iface->put_consent = tessera_sqlite_store_put_consent;
  iface->lookup_consent = tessera_sqlite_store_lookup_consent;
  iface->list_consents = tessera_sqlite_store_list_consents;
}
