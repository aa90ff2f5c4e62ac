/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of clients, registered as they are or read from elsewhere (RFC 7591 §2; OpenID Connect
 * Core §10.1.1; threats.md D04, G03). */

#include "endpoints/tessera-client-keys-private.h"

#include "model/tessera-client-private.h"

#include <string.h>

#define ENTRIES_MAX 256
#define WAITING_MAX 64                /* for one document */
#define FRESH_MS (10 * 60 * 1000)     /* so long it is taken as it is */
#define KEPT_MS (24 * 60 * 60 * 1000) /* so long it is good while it cannot be read again */
#define BETWEEN_READINGS_MS (60 * 1000)
#define NEVER_MS (-BETWEEN_READINGS_MS)

static const char *const media_types[] = { "application/jwk-set+json", "application/json", NULL };

/* One client's. */
typedef struct
{
  TesseraClientKeys *owner;
  char *client_id;
  char *uri;
  TesseraAlgorithm rsa[TESSERA_CLIENT_N_KEY_USES];
  TesseraKeySet *keys[TESSERA_CLIENT_N_KEY_USES]; /* NULL: never read */
  gint64 read_ms;
  gint64 tried_ms;
  gint64 used_ms;
  gboolean reading; /* until all who waited are told: so long it is not freed */
  GArray *waiting;  /* Waiter */
} Entry;

typedef struct
{
  TesseraClientKeyUse use;
  TesseraClientKeysFound found;
  gpointer data;
} Waiter;

struct _TesseraClientKeys
{
  guint ref_count;     /* its owner's, and one for each reading under way */
  GHashTable *entries; /* char *client_id -> Entry; NULL: closed */
};

static void
entry_free (Entry *self)
{
  g_free (self->client_id);
  g_free (self->uri);
  for (guint use = 0; use < TESSERA_CLIENT_N_KEY_USES; use++)
    tessera_key_set_unref (self->keys[use]);
  g_array_unref (self->waiting);
  g_free (self);
}

/* What could not be read again is good for a while: its server may be restarting. Owned; or NULL.
 */
static TesseraKeySet *
ref_usable_keys (Entry *self, TesseraClientKeyUse use, gint64 now_ms)
{
  if (self->keys[use] == NULL || now_ms - self->read_ms >= KEPT_MS)
    return NULL;
  return tessera_key_set_ref (self->keys[use]);
}

/* Each of them once, with what is there at @now_ms, or with nothing once all is closed. They may
 * ask again meanwhile, or close. */
static void
tell_waiting (Entry *self, gint64 now_ms)
{
  while (self->waiting->len > 0)
    {
      Waiter waiter = g_array_index (self->waiting, Waiter, 0);
      g_autoptr (TesseraKeySet) keys
          = self->owner->entries != NULL ? ref_usable_keys (self, waiter.use, now_ms) : NULL;
      g_array_remove_index (self->waiting, 0);
      waiter.found (waiter.data, keys);
    }
}

gboolean
tessera_client_keys_check (TesseraClient *client, TesseraKeySet *keys, GError **error)
{
  if (keys != NULL || tessera_client_get_jwks_uri (client) == NULL)
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                       "The keys at the client's jwks_uri cannot be read");
  return FALSE;
}

TesseraClientKeys *
tessera_client_keys_new (void)
{
  TesseraClientKeys *self = g_new0 (TesseraClientKeys, 1);

  self->ref_count = 1;
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, NULL);
  return self;
}

static void
unref_keys (TesseraClientKeys *self)
{
  if (--self->ref_count == 0)
    g_free (self);
}

void
tessera_client_keys_close (TesseraClientKeys *self)
{
  g_autoptr (GHashTable) entries = g_steal_pointer (&self->entries);
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    {
      tell_waiting (entry, 0);
      /* Else its reading frees it. */
      if (!((Entry *) entry)->reading)
        entry_free (entry);
    }
  unref_keys (self);
}

/* What was not asked for for the longest makes room. */
static void
make_room (TesseraClientKeys *self)
{
  GHashTableIter iter;
  gpointer entry;
  Entry *oldest = NULL;

  if (g_hash_table_size (self->entries) < ENTRIES_MAX)
    return;
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (!((Entry *) entry)->reading
        && (oldest == NULL || ((Entry *) entry)->used_ms < oldest->used_ms))
      oldest = entry;
  if (oldest == NULL)
    return;
  g_hash_table_remove (self->entries, oldest->client_id);
  entry_free (oldest);
}

/* Are they to be read where, and as what, @client says now? */
static gboolean
is_of (Entry *self, TesseraClient *client)
{
  for (guint use = 0; use < TESSERA_CLIENT_N_KEY_USES; use++)
    if (self->rsa[use] != tessera_client_get_rsa_algorithm (client, use))
      return FALSE;
  return strcmp (self->uri, tessera_client_get_jwks_uri (client)) == 0;
}

/* NULL: there are too many. */
static Entry *
find_entry (TesseraClientKeys *self, TesseraClient *client)
{
  Entry *entry = g_hash_table_lookup (self->entries, tessera_client_get_id (client));

  if (entry != NULL && is_of (entry, client))
    return entry;
  if (entry != NULL)
    {
      g_hash_table_remove (self->entries, entry->client_id);
      /* Else its reading frees it. */
      if (!entry->reading)
        entry_free (entry);
    }
  make_room (self);
  if (g_hash_table_size (self->entries) >= ENTRIES_MAX)
    return NULL;

  entry = g_new0 (Entry, 1);
  entry->owner = self;
  entry->client_id = g_strdup (tessera_client_get_id (client));
  entry->uri = g_strdup (tessera_client_get_jwks_uri (client));
  for (guint use = 0; use < TESSERA_CLIENT_N_KEY_USES; use++)
    entry->rsa[use] = tessera_client_get_rsa_algorithm (client, use);
  entry->tried_ms = NEVER_MS;
  entry->waiting = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_hash_table_insert (self->entries, entry->client_id, entry);
  return entry;
}

/* Owned. To look at a key costs more than to verify with it: once, where all uses mean the same. */
static TesseraKeySet *
parse_keys (Entry *self, TesseraClientKeyUse use, const char *text, gsize length)
{
  if (use > 0 && self->rsa[use] == self->rsa[0])
    return tessera_key_set_ref (self->keys[0]);
  return tessera_key_set_parse_client (text, length, self->rsa[use], NULL);
}

static void
take_document (Entry *self, GBytes *document)
{
  gsize length = 0;
  const char *text = document != NULL ? g_bytes_get_data (document, &length) : NULL;

  for (guint use = 0; text != NULL && use < TESSERA_CLIENT_N_KEY_USES; use++)
    {
      TesseraKeySet *keys = parse_keys (self, use, text, length);
      if (keys == NULL)
        return;
      tessera_key_set_unref (self->keys[use]);
      self->keys[use] = keys;
      self->read_ms = self->tried_ms;
    }
}

/* Is it still what its client is looked up in? */
static gboolean
is_kept (Entry *self)
{
  GHashTable *entries = self->owner->entries;

  return entries != NULL && g_hash_table_lookup (entries, self->client_id) == self;
}

static void
on_fetched (gpointer data, GBytes *document, gboolean asked)
{
  Entry *self = data;
  TesseraClientKeys *owner = self->owner;

  take_document (self, document);
  tell_waiting (self, self->tried_ms);
  if (!asked)
    self->tried_ms = NEVER_MS;
  self->reading = FALSE;
  if (!is_kept (self))
    entry_free (self);
  unref_keys (owner);
}

static void
read_again (Entry *self, TesseraEngine *engine, gint64 now_ms)
{
  self->reading = TRUE;
  self->tried_ms = now_ms;
  self->owner->ref_count++;
  engine->hooks.fetch (engine->hooks_data, self->uri, media_types, on_fetched, self);
}

static gboolean
is_enough (Entry *self, TesseraClientKeyUse use, const char *kid, gint64 now_ms)
{
  return self->keys[use] != NULL && now_ms - self->read_ms < FRESH_MS
         && (kid == NULL || tessera_key_set_lookup (self->keys[use], kid) != NULL);
}

static void
find_remote (TesseraEngine *engine,
             Entry *entry,
             TesseraClientKeyUse use,
             const char *kid,
             TesseraClientKeysFound found,
             gpointer data)
{
  gint64 now_ms = tessera_clock_get_ms (engine->clock);
  Waiter waiter = { use, found, data };
  gboolean waits = entry->waiting->len < WAITING_MAX;

  entry->used_ms = now_ms;
  if (is_enough (entry, use, kid, now_ms) || !waits
      || (!entry->reading && now_ms - entry->tried_ms < BETWEEN_READINGS_MS))
    {
      g_autoptr (TesseraKeySet) keys = ref_usable_keys (entry, use, now_ms);
      found (data, keys);
      return;
    }
  g_array_append_val (entry->waiting, waiter);
  if (!entry->reading)
    read_again (entry, engine, now_ms);
}

void
tessera_client_keys_find (TesseraEngine *engine,
                          TesseraClient *client,
                          TesseraClientKeyUse use,
                          const char *kid,
                          TesseraClientKeysFound found,
                          gpointer data)
{
  TesseraClientKeys *self = engine->client_keys;
  Entry *entry = NULL;

  if (tessera_client_get_jwks_uri (client) != NULL && engine->hooks.fetch != NULL && self != NULL
      && self->entries != NULL)
    entry = find_entry (self, client);
  if (entry != NULL)
    find_remote (engine, entry, use, kid, found, data);
  else
    found (data, tessera_client_get_keys (client, use));
}
