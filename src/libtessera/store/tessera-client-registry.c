/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All clients of a server by id (RFC 6749 §2.2): declared ones and registered ones. */

#include "store/tessera-client-registry-private.h"

#include "base/tessera-page-private.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-client-secrets-private.h"

#include <string.h>

/* What is asked of all of them at once. */
typedef struct
{
  gint64 last_seen; /* seconds; of a dynamic one */
  int access_token_lifetime;
  gboolean dynamic;
  gboolean has_origins;
} Summary;

/* A registered client is kept as the store has it until somebody asks for it: an object is three
 * times as large, and most of its start would go into making those that nobody uses. */
typedef struct
{
  gatomicrefcount references;
  gboolean declared;
  Summary summary;
  gint unusable;         /* atomic; said once */
  TesseraClient *client; /* atomic; NULL: not asked for yet */
  const char *record;    /* behind the id, or NULL */
  char id[];
} Entry;

struct _TesseraClientRegistry
{
  GRWLock lock;
  GHashTable *entries;   /* id, of the entry -> Entry */
  GHashTable *origins;   /* char *origin -> number of clients that bring it, as a pointer */
  GHashTable *lifetimes; /* own lifetime of access tokens -> number of clients that have it */
  guint n_dynamic;

  gint loading;         /* atomic; registered ones are still to come */
  gint *failed;         /* atomic, shared; some of them never will */
  GMutex mutex;         /* over what follows */
  TesseraKeyRing *keys; /* borrowed; what the secrets of registered ones are sealed with */
  GCond come;           /* more of them, or the end of loading */
  guint64 pieces;       /* that came */
};

static Entry *
entry_new (const char *id, const char *record, gboolean declared)
{
  gsize id_size = strlen (id) + 1;
  gsize record_size = record != NULL ? strlen (record) + 1 : 0;
  Entry *self = g_malloc0 (sizeof (Entry) + id_size + record_size);

  g_atomic_ref_count_init (&self->references);
  self->declared = declared;
  memcpy (self->id, id, id_size);
  if (record != NULL)
    self->record = memcpy (self->id + id_size, record, record_size);
  return self;
}

static Entry *
entry_ref (Entry *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

static void
entry_unref (Entry *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_clear_object (&self->client);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Entry, entry_unref)

static void
unseal (TesseraClientRegistry *self, TesseraClient *client)
{
  if (!tessera_client_is_sealed (client))
    return;
  g_mutex_lock (&self->mutex);
  if (self->keys != NULL)
    tessera_client_secrets_unseal (client, self->keys);
  g_mutex_unlock (&self->mutex);
}

static TesseraClient *
parse_record (Entry *self, TesseraClientRegistry *registry)
{
  g_autoptr (GError) error = NULL;
  TesseraClient *client
      = tessera_client_new_from_json (self->record, strlen (self->record), &error);

  if (client != NULL)
    unseal (registry, client);
  else if (g_atomic_int_compare_and_exchange (&self->unusable, FALSE, TRUE))
    g_warning ("The stored client %s cannot be used, it is refused: %s", self->id, error->message);
  return client;
}

/* Owned; NULL: its registration is none. */
static TesseraClient *
entry_dup_client (Entry *self, TesseraClientRegistry *registry)
{
  TesseraClient *client = g_atomic_pointer_get (&self->client);

  if (client != NULL)
    return g_object_ref (client);
  client = parse_record (self, registry);
  if (client == NULL)
    return NULL;
  g_object_ref (client);
  if (!g_atomic_pointer_compare_and_exchange (&self->client, NULL, client))
    {
      /* Another thread was faster: all have the same one. */
      g_object_unref (client);
      g_object_unref (client);
      client = g_object_ref (g_atomic_pointer_get (&self->client));
    }
  return client;
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

static void
summarise (Summary *self, TesseraClient *client)
{
  g_autoptr (GHashTable) origins = dup_origins (client);

  self->access_token_lifetime = tessera_client_get_access_token_lifetime (client);
  self->dynamic = tessera_client_is_dynamic (client);
  self->last_seen
      = MAX (tessera_client_get_registered_at (client), tessera_client_get_used_at (client));
  self->has_origins = g_hash_table_size (origins) > 0;
}

/* No text within a record has an unescaped quotation mark, so that a member cannot be missed; one
 * that only looks like it is found out by reading the whole. */
static gboolean
mentions (const char *record, const char *member)
{
  return strstr (record, member) != NULL;
}

static gboolean
has_to_be_read (const char *record)
{
  return mentions (record, "\"dynamic\":") || mentions (record, "\"access_token_lifetime\":")
         || mentions (record, "\"allowed_origins\":")
         /* Of a client that keeps no secret they are origins. */
         || (mentions (record, "\"redirect_uris\":")
             && (mentions (record, "\"secret_digests\":[]") || mentions (record, "\"none\"")));
}

/* Owned; NULL: nothing is asked of it but by those who name it. */
static TesseraClient *
entry_read_summary (Entry *self, TesseraClientRegistry *registry)
{
  TesseraClient *client = has_to_be_read (self->record) ? parse_record (self, registry) : NULL;

  if (client != NULL)
    summarise (&self->summary, client);
  return client;
}

TesseraClientRegistry *
tessera_client_registry_new (void)
{
  TesseraClientRegistry *self = g_new0 (TesseraClientRegistry, 1);
  g_rw_lock_init (&self->lock);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->come);
  self->failed = g_atomic_rc_box_new0 (gint);
  self->entries
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) entry_unref);
  self->origins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->lifetimes = g_hash_table_new (NULL, NULL);
  return self;
}

void
tessera_client_registry_free (TesseraClientRegistry *self)
{
  g_hash_table_unref (self->entries);
  g_hash_table_unref (self->origins);
  g_hash_table_unref (self->lifetimes);
  g_rw_lock_clear (&self->lock);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->come);
  g_atomic_rc_box_release (self->failed);
  g_free (self);
}

void
tessera_client_registry_set_keys (TesseraClientRegistry *self, TesseraKeyRing *keys)
{
  g_mutex_lock (&self->mutex);
  self->keys = keys;
  g_mutex_unlock (&self->mutex);
}

/* Loading: those who name a client that is not there yet wait for it, as everybody did before the
 * server was ready; for the tenth of a second that a hundred thousand take. */

void
tessera_client_registry_begin_loading (TesseraClientRegistry *self)
{
  g_atomic_int_set (&self->loading, TRUE);
}

void
tessera_client_registry_end_piece (TesseraClientRegistry *self, gboolean is_last)
{
  g_mutex_lock (&self->mutex);
  self->pieces++;
  if (is_last)
    g_atomic_int_set (&self->loading, FALSE);
  g_cond_broadcast (&self->come);
  g_mutex_unlock (&self->mutex);
}

gboolean
tessera_client_registry_is_loading (TesseraClientRegistry *self)
{
  return g_atomic_int_get (&self->loading);
}

void
tessera_client_registry_fail (TesseraClientRegistry *self)
{
  g_atomic_int_set (self->failed, TRUE);
  tessera_client_registry_end_piece (self, TRUE);
}

gboolean
tessera_client_registry_has_failed (TesseraClientRegistry *self)
{
  return g_atomic_int_get (self->failed);
}

const gint *
tessera_client_registry_hold_failed (TesseraClientRegistry *self)
{
  return g_atomic_rc_box_acquire (self->failed);
}

/* FALSE: all are there. */
static gboolean
get_progress (TesseraClientRegistry *self, guint64 *out_pieces)
{
  if (G_LIKELY (!g_atomic_int_get (&self->loading)))
    return FALSE;
  g_mutex_lock (&self->mutex);
  *out_pieces = self->pieces;
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

static void
wait_for_more (TesseraClientRegistry *self, guint64 pieces)
{
  g_mutex_lock (&self->mutex);
  while (g_atomic_int_get (&self->loading) && self->pieces == pieces)
    g_cond_wait (&self->come, &self->mutex);
  g_mutex_unlock (&self->mutex);
}

static void
wait_for_all (TesseraClientRegistry *self)
{
  guint64 pieces = 0;

  while (get_progress (self, &pieces))
    wait_for_more (self, pieces);
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

static void
count_lifetime (TesseraClientRegistry *self, int lifetime, int change)
{
  gpointer key = GINT_TO_POINTER (lifetime);
  int count = GPOINTER_TO_INT (g_hash_table_lookup (self->lifetimes, key)) + change;

  if (count > 0)
    g_hash_table_insert (self->lifetimes, key, GINT_TO_POINTER (count));
  else
    g_hash_table_remove (self->lifetimes, key);
}

/* @client: of @entry; may be NULL when the summary says that it is not needed. */
static void
tally (TesseraClientRegistry *self, Entry *entry, TesseraClient *client, int change)
{
  const Summary *summary = &entry->summary;

  if (summary->has_origins && client != NULL)
    count_origins (self, client, change);
  if (summary->access_token_lifetime > 0)
    count_lifetime (self, summary->access_token_lifetime, change);
  if (summary->dynamic)
    self->n_dynamic += (guint) change;
}

static void
tally_gone (TesseraClientRegistry *self, Entry *entry)
{
  g_autoptr (TesseraClient) client
      = entry->summary.has_origins ? entry_dup_client (entry, self) : NULL;

  tally (self, entry, client, -1);
}

/* Takes @entry. */
static void
insert_entry (TesseraClientRegistry *self, Entry *entry, TesseraClient *client)
{
  g_hash_table_replace (self->entries, entry->id, entry);
  tally (self, entry, client, 1);
}

static void
insert_client (TesseraClientRegistry *self, TesseraClient *client, gboolean declared)
{
  Entry *entry = entry_new (tessera_client_get_id (client), NULL, declared);

  entry->client = g_object_ref (client);
  summarise (&entry->summary, client);
  insert_entry (self, entry, client);
}

static gboolean
refuse_taken (const char *client_id, GError **error)
{
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
               "There is a client with the id %s already", client_id);
  return FALSE;
}

gboolean
tessera_client_registry_add (TesseraClientRegistry *self,
                             TesseraClient *client,
                             gboolean declared,
                             GError **error)
{
  wait_for_all (self);
  g_rw_lock_writer_lock (&self->lock);
  gboolean taken = g_hash_table_contains (self->entries, tessera_client_get_id (client));
  if (!taken)
    insert_client (self, client, declared);
  g_rw_lock_writer_unlock (&self->lock);
  return !taken || refuse_taken (tessera_client_get_id (client), error);
}

gboolean
tessera_client_registry_add_record (TesseraClientRegistry *self,
                                    const char *client_id,
                                    const char *record,
                                    GError **error)
{
  g_autoptr (Entry) entry = entry_new (client_id, record, FALSE);

  g_autoptr (TesseraClient) client = entry_read_summary (entry, self);
  g_rw_lock_writer_lock (&self->lock);
  gboolean taken = g_hash_table_contains (self->entries, client_id);
  if (!taken)
    insert_entry (self, g_steal_pointer (&entry), client);
  g_rw_lock_writer_unlock (&self->lock);
  return !taken || refuse_taken (client_id, error);
}

gboolean
tessera_client_registry_remove (TesseraClientRegistry *self, const char *client_id)
{
  wait_for_all (self);
  g_rw_lock_writer_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, client_id);
  gboolean found = entry != NULL;
  if (found)
    {
      tally_gone (self, entry);
      g_hash_table_remove (self->entries, client_id);
    }
  g_rw_lock_writer_unlock (&self->lock);
  return found;
}

void
tessera_client_registry_update (TesseraClientRegistry *self, TesseraClient *client)
{
  wait_for_all (self);
  g_rw_lock_writer_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, tessera_client_get_id (client));
  if (entry != NULL)
    {
      gboolean declared = entry->declared;
      tally_gone (self, entry);
      insert_client (self, client, declared);
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

/* TRUE: @client_id is taken; @out_client is owned, or NULL for what is no registration. */
static gboolean
find (TesseraClientRegistry *self, const char *client_id, TesseraClient **out_client)
{
  g_autoptr (Entry) unread = NULL;

  g_rw_lock_reader_lock (&self->lock);
  Entry *entry = g_hash_table_lookup (self->entries, client_id);
  TesseraClient *client = entry != NULL ? g_atomic_pointer_get (&entry->client) : NULL;
  if (client != NULL)
    g_object_ref (client);
  else if (entry != NULL)
    unread = entry_ref (entry);
  g_rw_lock_reader_unlock (&self->lock);
  *out_client = unread != NULL ? entry_dup_client (unread, self) : client;
  return entry != NULL;
}

/* The same, of one that may be still to come. */
static gboolean
await (TesseraClientRegistry *self, const char *client_id, TesseraClient **out_client)
{
  guint64 pieces = 0;

  for (;;)
    {
      gboolean loading = get_progress (self, &pieces);
      gboolean found = find (self, client_id, out_client);
      if (found || G_LIKELY (!loading))
        return found;
      wait_for_more (self, pieces);
    }
}

TesseraClient *
tessera_client_registry_lookup_any (TesseraClientRegistry *self, const char *client_id)
{
  TesseraClient *client;

  await (self, client_id, &client);
  return client;
}

gboolean
tessera_client_registry_is_taken (TesseraClientRegistry *self, const char *client_id)
{
  g_autoptr (TesseraClient) client = NULL;

  return await (self, client_id, &client);
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

/* Lists. */

static gboolean
is_of (const Entry *entry, TesseraClientsKind kind)
{
  return kind == TESSERA_CLIENTS_ALL || entry->declared == (kind == TESSERA_CLIENTS_DECLARED);
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(Entry *const *) a)->id, (*(Entry *const *) b)->id);
}

/* Entry, by id. */
static GPtrArray *
list_entries (TesseraClientRegistry *self, TesseraClientsKind kind)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_unref);
  GHashTableIter iter;
  gpointer entry;

  if (kind != TESSERA_CLIENTS_DECLARED)
    wait_for_all (self);
  g_rw_lock_reader_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (is_of (entry, kind))
      g_ptr_array_add (entries, entry_ref (entry));
  g_rw_lock_reader_unlock (&self->lock);

  g_ptr_array_sort (entries, compare_ids);
  return entries;
}

/* Takes @taken_entries. */
static GPtrArray *
dup_clients (TesseraClientRegistry *self, GPtrArray *taken_entries)
{
  g_autoptr (GPtrArray) entries = taken_entries;
  GPtrArray *clients = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < entries->len; i++)
    {
      TesseraClient *client = entry_dup_client (entries->pdata[i], self);
      if (client != NULL)
        g_ptr_array_add (clients, client);
    }
  return clients;
}

GPtrArray *
tessera_client_registry_list (TesseraClientRegistry *self, TesseraClientsKind kind)
{
  return dup_clients (self, list_entries (self, kind));
}

GPtrArray *
tessera_client_registry_list_page (TesseraClientRegistry *self, const char *after, guint limit)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_unref);

  wait_for_all (self);
  g_rw_lock_reader_lock (&self->lock);
  g_autoptr (GPtrArray) ids = tessera_page_of_keys (self->entries, after, limit);
  for (guint i = 0; i < ids->len; i++)
    g_ptr_array_add (entries, entry_ref (g_hash_table_lookup (self->entries, ids->pdata[i])));
  g_rw_lock_reader_unlock (&self->lock);
  return dup_clients (self, entries);
}

GStrv
tessera_client_registry_list_unused (TesseraClientRegistry *self, gint64 since, guint limit)
{
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer value;
  guint found = 0;

  wait_for_all (self);
  g_rw_lock_reader_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->entries);
  while (self->n_dynamic > 0 && found < limit && g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Entry *entry = value;
      if (!entry->summary.dynamic || entry->summary.last_seen >= since)
        continue;
      g_strv_builder_add (ids, entry->id);
      found++;
    }
  g_rw_lock_reader_unlock (&self->lock);
  return g_strv_builder_end (ids);
}

guint
tessera_client_registry_get_count (TesseraClientRegistry *self)
{
  wait_for_all (self);
  g_rw_lock_reader_lock (&self->lock);
  guint count = g_hash_table_size (self->entries);
  g_rw_lock_reader_unlock (&self->lock);
  return count;
}

guint
tessera_client_registry_count_dynamic (TesseraClientRegistry *self)
{
  wait_for_all (self);
  g_rw_lock_reader_lock (&self->lock);
  guint count = self->n_dynamic;
  g_rw_lock_reader_unlock (&self->lock);
  return count;
}

int
tessera_client_registry_get_longest_lifetime (TesseraClientRegistry *self)
{
  int longest = 0;
  GHashTableIter iter;
  gpointer lifetime;

  wait_for_all (self);
  g_rw_lock_reader_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->lifetimes);
  while (g_hash_table_iter_next (&iter, &lifetime, NULL))
    longest = MAX (longest, GPOINTER_TO_INT (lifetime));
  g_rw_lock_reader_unlock (&self->lock);
  return longest;
}

/* All at once. */

/* Is there a registered one with an id of @clients, or one of those twice? */
static gboolean
check_declared (TesseraClientRegistry *self, GPtrArray *clients, GError **error)
{
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < clients->len; i++)
    {
      const char *id = tessera_client_get_id (clients->pdata[i]);
      const Entry *entry = g_hash_table_lookup (self->entries, id);
      if (!g_hash_table_add (ids, (gpointer) id) || (entry != NULL && !entry->declared))
        return refuse_taken (id, error);
    }
  return TRUE;
}

static void
remove_declared (TesseraClientRegistry *self)
{
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (((Entry *) entry)->declared)
      {
        tally_gone (self, entry);
        g_hash_table_iter_remove (&iter);
      }
}

gboolean
tessera_client_registry_replace_declared (TesseraClientRegistry *self,
                                          GPtrArray *clients,
                                          GError **error)
{
  g_rw_lock_writer_lock (&self->lock);
  gboolean good = check_declared (self, clients, error);
  if (good)
    {
      remove_declared (self);
      for (guint i = 0; i < clients->len; i++)
        insert_client (self, clients->pdata[i], TRUE);
    }
  g_rw_lock_writer_unlock (&self->lock);
  return good;
}

static gboolean
has_origin (TesseraClientRegistry *self, const char *origin)
{
  g_rw_lock_reader_lock (&self->lock);
  gboolean allowed = g_hash_table_contains (self->origins, origin);
  g_rw_lock_reader_unlock (&self->lock);
  return allowed;
}

gboolean
tessera_client_registry_allows_origin (TesseraClientRegistry *self, const char *origin)
{
  if (has_origin (self, origin))
    return TRUE;
  wait_for_all (self);
  return has_origin (self, origin);
}
