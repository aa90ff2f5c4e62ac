/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All clients of a server by id (RFC 6749 §2.2): declared ones and registered ones. */

#include "store/tessera-client-registry-private.h"

#include "base/tessera-page-private.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

typedef struct
{
  TesseraClient *client;
  gboolean declared;
} Entry;

struct _TesseraClientRegistry
{
  GRWLock lock;
  GHashTable *entries; /* char *client_id -> Entry */
  GHashTable *origins; /* char *origin -> number of clients that bring it, as a pointer */
};

static void
entry_free (Entry *entry)
{
  g_object_unref (entry->client);
  g_free (entry);
}

static GHashTable *
new_entries (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) entry_free);
}

static void
insert_entry (GHashTable *entries, TesseraClient *client, gboolean declared)
{
  Entry *entry = g_new (Entry, 1);
  entry->client = g_object_ref (client);
  entry->declared = declared;
  g_hash_table_replace (entries, g_strdup (tessera_client_get_id (client)), entry);
}

TesseraClientRegistry *
tessera_client_registry_new (void)
{
  TesseraClientRegistry *self = g_new0 (TesseraClientRegistry, 1);
  g_rw_lock_init (&self->lock);
  self->entries = new_entries ();
  self->origins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
tessera_client_registry_free (TesseraClientRegistry *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->entries);
  g_hash_table_unref (self->origins);
  g_rw_lock_clear (&self->lock);
  g_free (self);
}

/* The origins whose scripts may read our answers on behalf of @client, each once. Scripts have no
 * business with the redirect URI of a client that keeps a secret. */
static GHashTable *
dup_origins (TesseraClient *client)
{
  GHashTable *origins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (const char *const *o = tessera_client_get_allowed_origins (client); *o != NULL; o++)
    g_hash_table_add (origins, g_strdup (*o));
  if (tessera_client_is_confidential (client))
    return origins;

  for (const char *const *uri = tessera_client_get_redirect_uris (client); *uri != NULL; uri++)
    {
      char *origin = tessera_uri_is_private_use (*uri) ? NULL : tessera_uri_dup_origin (*uri);
      if (origin != NULL)
        g_hash_table_add (origins, origin);
    }
  return origins;
}

/* @change: 1 when @client comes, -1 when it goes. */
static void
count_origins (TesseraClientRegistry *self, TesseraClient *client, int change)
{
  g_autoptr (GHashTable) origins = dup_origins (client);
  GHashTableIter iter;
  gpointer origin;
  g_hash_table_iter_init (&iter, origins);
  while (g_hash_table_iter_next (&iter, &origin, NULL))
    {
      int count = GPOINTER_TO_INT (g_hash_table_lookup (self->origins, origin)) + change;
      if (count > 0)
        g_hash_table_replace (self->origins, g_strdup (origin), GINT_TO_POINTER (count));
      else
        g_hash_table_remove (self->origins, origin);
    }
}

static gboolean
refuse_taken (TesseraClient *client, GError **error)
{
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
               "There is a client with the id %s already", tessera_client_get_id (client));
  return FALSE;
}

gboolean
tessera_client_registry_add (TesseraClientRegistry *self,
                             TesseraClient *client,
                             gboolean declared,
                             GError **error)
{
  g_rw_lock_writer_lock (&self->lock);
  gboolean taken = g_hash_table_contains (self->entries, tessera_client_get_id (client));
  if (!taken)
    {
      insert_entry (self->entries, client, declared);
      count_origins (self, client, 1);
    }
  g_rw_lock_writer_unlock (&self->lock);
  return !taken || refuse_taken (client, error);
}

gboolean
tessera_client_registry_remove (TesseraClientRegistry *self, const char *client_id)
{
  g_rw_lock_writer_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, client_id);
  gboolean found = entry != NULL;
  if (found)
    {
      count_origins (self, entry->client, -1);
      g_hash_table_remove (self->entries, client_id);
    }
  g_rw_lock_writer_unlock (&self->lock);
  return found;
}

void
tessera_client_registry_update (TesseraClientRegistry *self, TesseraClient *client)
{
  g_rw_lock_writer_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, tessera_client_get_id (client));
  if (entry != NULL)
    {
      gboolean declared = entry->declared;
      count_origins (self, entry->client, -1);
      insert_entry (self->entries, client, declared);
      count_origins (self, client, 1);
    }
  g_rw_lock_writer_unlock (&self->lock);
}

TesseraClient *
tessera_client_registry_lookup (TesseraClientRegistry *self, const char *client_id)
{
  TesseraClient *client = tessera_client_registry_lookup_any (self, client_id);
  if (client != NULL && tessera_client_is_disabled (client))
    g_clear_object (&client);
  return client;
}

TesseraClient *
tessera_client_registry_lookup_any (TesseraClientRegistry *self, const char *client_id)
{
  g_rw_lock_reader_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, client_id);
  TesseraClient *client = entry != NULL ? g_object_ref (entry->client) : NULL;
  g_rw_lock_reader_unlock (&self->lock);
  return client;
}

gboolean
tessera_client_registry_is_declared (TesseraClientRegistry *self, const char *client_id)
{
  g_rw_lock_reader_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, client_id);
  gboolean declared = entry != NULL && entry->declared;
  g_rw_lock_reader_unlock (&self->lock);
  return declared;
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return strcmp (tessera_client_get_id (*(TesseraClient *const *) a),
                 tessera_client_get_id (*(TesseraClient *const *) b));
}

GPtrArray *
tessera_client_registry_list (TesseraClientRegistry *self)
{
  GPtrArray *clients = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer entry;

  g_rw_lock_reader_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    g_ptr_array_add (clients, g_object_ref (((Entry *) entry)->client));
  g_rw_lock_reader_unlock (&self->lock);

  g_ptr_array_sort (clients, compare_ids);
  return clients;
}

GPtrArray *
tessera_client_registry_list_page (TesseraClientRegistry *self, const char *after, guint limit)
{
  GPtrArray *clients = g_ptr_array_new_with_free_func (g_object_unref);

  g_rw_lock_reader_lock (&self->lock);
  g_autoptr (GPtrArray) ids = tessera_page_of_keys (self->entries, after, limit);
  for (guint i = 0; i < ids->len; i++)
    {
      const Entry *entry = g_hash_table_lookup (self->entries, ids->pdata[i]);
      g_ptr_array_add (clients, g_object_ref (entry->client));
    }
  g_rw_lock_reader_unlock (&self->lock);
  return clients;
}

guint
tessera_client_registry_get_count (TesseraClientRegistry *self)
{
  g_rw_lock_reader_lock (&self->lock);
  guint count = g_hash_table_size (self->entries);
  g_rw_lock_reader_unlock (&self->lock);
  return count;
}

guint
tessera_client_registry_count_dynamic (TesseraClientRegistry *self)
{
  guint count = 0;
  GHashTableIter iter;
  gpointer entry;

  g_rw_lock_reader_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    count += tessera_client_is_dynamic (((Entry *) entry)->client) ? 1 : 0;
  g_rw_lock_reader_unlock (&self->lock);
  return count;
}

/* The registered ones and @clients, or NULL when two of them have one id. */
static GHashTable *
merge_declared (TesseraClientRegistry *self, GPtrArray *clients, GError **error)
{
  g_autoptr (GHashTable) entries = new_entries ();
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (!((Entry *) entry)->declared)
      insert_entry (entries, ((Entry *) entry)->client, FALSE);

  for (guint i = 0; i < clients->len; i++)
    {
      TesseraClient *client = clients->pdata[i];
      if (g_hash_table_contains (entries, tessera_client_get_id (client)))
        {
          refuse_taken (client, error);
          return NULL;
        }
      insert_entry (entries, client, TRUE);
    }
  return g_steal_pointer (&entries);
}

static void
recount_origins (TesseraClientRegistry *self)
{
  GHashTableIter iter;
  gpointer entry;
  g_hash_table_remove_all (self->origins);
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    count_origins (self, ((Entry *) entry)->client, 1);
}

gboolean
tessera_client_registry_replace_declared (TesseraClientRegistry *self,
                                          GPtrArray *clients,
                                          GError **error)
{
  g_rw_lock_writer_lock (&self->lock);
  GHashTable *entries = merge_declared (self, clients, error);
  if (entries != NULL)
    {
      g_hash_table_unref (self->entries);
      self->entries = entries;
      recount_origins (self);
    }
  g_rw_lock_writer_unlock (&self->lock);
  return entries != NULL;
}

gboolean
tessera_client_registry_allows_origin (TesseraClientRegistry *self, const char *origin)
{
  g_rw_lock_reader_lock (&self->lock);
  gboolean allowed = g_hash_table_contains (self->origins, origin);
  g_rw_lock_reader_unlock (&self->lock);
  return allowed;
}
