/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store in a SQLite database (design.md §6): its transactions and copies. What it keeps is in
 * the files of the tables. */

#include "store/tessera-sqlite-tables-private.h"

static void tessera_sqlite_store_iface_init (TesseraStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraSqliteStore,
                               tessera_sqlite_store,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_STORE,
                                                      tessera_sqlite_store_iface_init))

static gboolean
tessera_sqlite_store_begin (TesseraStore *store, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  self->state_at_begin = self->state;
  self->kept_generation_at_begin = self->kept_generation;
  g_ptr_array_set_size (self->ended_since_begin, 0);
  g_ptr_array_set_size (self->forgotten_since_begin, 0);
  return tessera_database_begin (self->database, error);
}

static gboolean
tessera_sqlite_store_commit (TesseraStore *store, GError **error)
{
  return tessera_database_commit (TESSERA_SQLITE_STORE (store)->database, error);
}

static void
tessera_sqlite_store_rollback (TesseraStore *store)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);

  tessera_database_rollback (self->database);
  self->state = self->state_at_begin;
  self->kept_generation = self->kept_generation_at_begin;
  /* From memory: a disk that fails now must not revive a grant. */
  while (self->forgotten_since_begin->len > 0)
    g_hash_table_add (self->ended, g_ptr_array_steal_index_fast (self->forgotten_since_begin, 0));
  for (guint i = 0; i < self->ended_since_begin->len; i++)
    g_hash_table_remove (self->ended, self->ended_since_begin->pdata[i]);
  g_ptr_array_set_size (self->ended_since_begin, 0);
}

static void
tessera_sqlite_store_get_counts (TesseraStore *store, guint64 *out_writes, guint64 *out_syncs)
{
  tessera_database_get_counts (TESSERA_SQLITE_STORE (store)->database, out_writes, out_syncs);
}

static void
tessera_sqlite_store_request_copy (TesseraStore *store)
{
  tessera_database_request_copy (TESSERA_SQLITE_STORE (store)->database);
}

static gboolean
tessera_sqlite_store_read_copy (
    TesseraStore *store, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error)
{
  return tessera_database_read_copy (TESSERA_SQLITE_STORE (store)->database, offset, bytes,
                                     out_size, error);
}

static void
tessera_sqlite_store_end_copy (TesseraStore *store)
{
  tessera_database_end_copy (TESSERA_SQLITE_STORE (store)->database);
}

static gboolean
tessera_sqlite_store_examine (TesseraStore *store, guint pages, gboolean *out_more, GError **error)
{
  return tessera_database_examine_pages (TESSERA_SQLITE_STORE (store)->database, pages, out_more,
                                         error);
}

static void
tessera_sqlite_store_finalize (GObject *object)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (object);
  g_clear_pointer (&self->database, tessera_database_free);
  g_hash_table_unref (self->ended);
  g_ptr_array_unref (self->ended_since_begin);
  g_ptr_array_unref (self->forgotten_since_begin);
  G_OBJECT_CLASS (tessera_sqlite_store_parent_class)->finalize (object);
}

static void
tessera_sqlite_store_class_init (TesseraSqliteStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_sqlite_store_finalize;
}

static void
tessera_sqlite_store_init (TesseraSqliteStore *self)
{
  self->ended = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->ended_since_begin = g_ptr_array_new_with_free_func (g_free);
  self->forgotten_since_begin = g_ptr_array_new_with_free_func (g_free);
}

static void
tessera_sqlite_store_iface_init (TesseraStoreInterface *iface)
{
  iface->begin = tessera_sqlite_store_begin;
  iface->commit = tessera_sqlite_store_commit;
  iface->rollback = tessera_sqlite_store_rollback;
  iface->get_counts = tessera_sqlite_store_get_counts;
  iface->request_copy = tessera_sqlite_store_request_copy;
  iface->read_copy = tessera_sqlite_store_read_copy;
  iface->end_copy = tessera_sqlite_store_end_copy;
  iface->examine = tessera_sqlite_store_examine;
  tessera_sqlite_state_implement (iface);
  tessera_sqlite_codes_implement (iface);
  tessera_sqlite_grants_implement (iface);
  tessera_sqlite_endings_implement (iface);
  tessera_sqlite_logouts_implement (iface);
  tessera_sqlite_sessions_implement (iface);
  tessera_sqlite_consents_implement (iface);
  tessera_sqlite_assertions_implement (iface);
  tessera_sqlite_initial_tokens_implement (iface);
  tessera_sqlite_clients_implement (iface);
  tessera_sqlite_users_implement (iface);
  tessera_sqlite_denials_implement (iface);
  tessera_sqlite_prune_implement (iface);
}

TesseraStore *
tessera_sqlite_store_open (const char *directory, gboolean *out_is_new, GError **error)
{
  g_autoptr (TesseraSqliteStore) self = g_object_new (TESSERA_TYPE_SQLITE_STORE, NULL);
  gboolean is_new = FALSE;

  self->database = tessera_database_open (directory, tessera_sqlite_migrations,
                                          tessera_sqlite_vital_tables, &is_new, error);
  if (self->database == NULL)
    return NULL;
  if (!tessera_sqlite_store_load_state (self, error))
    {
      tessera_store_explain_damage (error);
      return NULL;
    }
  if (out_is_new != NULL)
    *out_is_new = is_new;
  return TESSERA_STORE (g_steal_pointer (&self));
}
