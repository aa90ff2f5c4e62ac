/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All denied tokens, in memory and in the snapshot, and whose they are (design.md §5). */

#include "store/tessera-denied-set-private.h"

#include <string.h>

#define LEAST_DEFAULT 4096
#define LEAST_AT_CLOSE 1024 /* fewer are read from the rows in no time */
#define SNAPSHOT_INTERVAL_MS (60 * 1000)
#define WORTH 8 /* a snapshot is written at once when this part of it would be new */

/* Somebody whose tokens count together. The tag is 32 bits of the hash of the name, the check 64
 * more: where two have the same tag, the later one gets another. */
typedef struct
{
  guint64 check;
  gint64 settled_ms; /* or G_MININT64 */
  gint64 settled_until_ms;
  guint count;  /* in the table */
  guint frozen; /* in the table that is being written */
  gint kept;    /* in the snapshot; -1: ask it */
} Owner;

/* A snapshot on its way. */
typedef struct
{
  GThread *thread;
  char *path;
  char id[64];
  TesseraDenySnapshotTerms terms;
  TesseraDenySnapshot *old;          /* or NULL */
  const TesseraDeniedTokens *frozen; /* the set's */
  gint done;                         /* atomic; after it: */
  TesseraDenySnapshot *snapshot;
  GError *error;
} Writing;

struct _TesseraDeniedSet
{
  GRWLock *lock; /* over what follows */
  TesseraDeniedTokens *tokens;
  TesseraDeniedTokens *frozen;   /* while it is being written; or NULL */
  TesseraDenySnapshot *snapshot; /* or NULL */

  /* Of the snapshot, for who has no lock, and does not read there: */
  guintptr filter;      /* atomic */
  guint32 filter_lines; /* atomic; 0: there is none */

  /* The writing thread's own: */
  char *path; /* or NULL */
  guint least;
  guint64 seed;
  GHashTable *owners; /* tag (pointer) -> Owner */
  gint64 pruned_s;
  Writing *writing; /* or NULL */
  gint64 retry_ms;  /* not before, after a failure */
};

TesseraDeniedSet *
tessera_denied_set_new (GRWLock *lock)
{
  TesseraDeniedSet *self = g_new0 (TesseraDeniedSet, 1);
  self->lock = lock;
  self->tokens = tessera_denied_tokens_new (0);
  self->owners = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  return self;
}

void
tessera_denied_set_set_lock (TesseraDeniedSet *self, GRWLock *lock)
{
  self->lock = lock;
}

static void
writing_free (Writing *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->thread, g_thread_join);
  tessera_deny_snapshot_unref (self->snapshot);
  tessera_deny_snapshot_unref (self->old);
  g_clear_pointer (&self->terms.settled, g_hash_table_unref);
  g_clear_error (&self->error);
  g_free (self->path);
  g_free (self);
}

void
tessera_denied_set_free (TesseraDeniedSet *self)
{
  writing_free (self->writing);
  tessera_denied_tokens_free (self->tokens);
  tessera_denied_tokens_free (self->frozen);
  tessera_deny_snapshot_unref (self->snapshot);
  g_hash_table_unref (self->owners);
  g_free (self->path);
  g_free (self);
}

void
tessera_denied_set_set_file (TesseraDeniedSet *self, const char *path, guint least)
{
  g_free (self->path);
  self->path = g_strdup (path);
  self->least = least > 0 ? least : LEAST_DEFAULT;
}

/* Opening. */

static guint64
hash_text (guint64 hash, const char *text)
{
  for (; *text != '\0'; text++)
    hash = (hash ^ (guint8) *text) * G_GUINT64_CONSTANT (0x100000001b3);
  hash = (hash ^ hash >> 32) * G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  return hash ^ hash >> 32;
}

static void
announce_filter (TesseraDeniedSet *self)
{
  gconstpointer filter = NULL;
  guint32 lines
      = self->snapshot != NULL ? tessera_deny_snapshot_get_filter (self->snapshot, &filter) : 0;

  __atomic_store_n (&self->filter, (guintptr) filter, __ATOMIC_RELAXED);
  __atomic_store_n (&self->filter_lines, lines, __ATOMIC_RELAXED);
}

static TesseraDenySnapshot *
open_fitting (TesseraDeniedSet *self, const TesseraStoreState *state, gboolean *out_is_ahead)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (self->path, &error);
  if (error != NULL)
    g_message ("The snapshot of the deny-list is made anew: %s", error->message);
  if (snapshot == NULL || strcmp (tessera_deny_snapshot_get_id (snapshot), state->id) != 0)
    return NULL;
  *out_is_ahead = tessera_deny_snapshot_get_generation (snapshot) > state->generation;
  return *out_is_ahead ? NULL : g_steal_pointer (&snapshot);
}

gboolean
tessera_denied_set_open (TesseraDeniedSet *self,
                         const TesseraStoreState *state,
                         gboolean wanted,
                         gboolean *out_is_ahead,
                         GError **error)
{
  /* So that nobody can choose names that share a tag. */
  self->seed = hash_text (G_GUINT64_CONSTANT (0xcbf29ce484222325), state->id);
  *out_is_ahead = FALSE;
  if (self->path == NULL)
    return TRUE;
  self->snapshot = open_fitting (self, state, out_is_ahead);
  if (self->snapshot != NULL && wanted)
    {
      announce_filter (self);
      return TRUE;
    }
  g_clear_pointer (&self->snapshot, tessera_deny_snapshot_unref);
  /* Before the database goes on: or it would fit when the database has come as far. */
  return tessera_deny_snapshot_remove (self->path, error);
}

guint64
tessera_denied_set_get_generation (TesseraDeniedSet *self)
{
  return self->snapshot != NULL ? tessera_deny_snapshot_get_generation (self->snapshot) : 0;
}

/* Looking. */

static gboolean
has (const TesseraDeniedTokens *tokens, const guint8 id[16], guint64 grant_tag)
{
  if (tokens == NULL || tessera_denied_tokens_get_count (tokens) == 0)
    return FALSE;
  return tessera_denied_tokens_contains (tokens, id, 0)
         || (grant_tag != 0 && tessera_denied_tokens_contains (tokens, id, grant_tag));
}

gboolean
tessera_denied_set_is_new (TesseraDeniedSet *self, const guint8 id[16], guint64 grant_tag)
{
  return has (self->tokens, id, grant_tag) || has (self->frozen, id, grant_tag);
}

/* The two may be of different snapshots, or of one that is gone: nothing is read where they say. */
void
tessera_denied_set_expect (const TesseraDeniedSet *self, const guint8 id[16])
{
  guintptr filter = __atomic_load_n (&self->filter, __ATOMIC_RELAXED);
  guint32 lines = __atomic_load_n (&self->filter_lines, __ATOMIC_RELAXED);
  guint16 bits[6];

  if (lines == 0)
    return;
  guint32 line = tessera_deny_snapshot_filter_line (tessera_deny_snapshot_rest (id), lines, bits);
  __builtin_prefetch ((gconstpointer) (filter + (gsize) line * TESSERA_DENY_SNAPSHOT_LINE));
}

void
tessera_denied_set_prefetch (const TesseraDeniedSet *self, const guint8 id[16], guint64 grant_tag)
{
  tessera_denied_tokens_prefetch (self->tokens, id, grant_tag);
  if (self->snapshot != NULL)
    tessera_deny_snapshot_prefetch (self->snapshot, id, grant_tag);
}

TesseraDenySnapshotAnswer
tessera_denied_set_lookup (TesseraDeniedSet *self, const guint8 id[16], guint64 grant_tag)
{
  if (tessera_denied_set_is_new (self, id, grant_tag))
    return TESSERA_DENY_SNAPSHOT_PRESENT;
  if (self->snapshot == NULL)
    return TESSERA_DENY_SNAPSHOT_ABSENT;
  return tessera_deny_snapshot_lookup (self->snapshot, id, grant_tag);
}

gsize
tessera_denied_set_get_count (TesseraDeniedSet *self)
{
  gsize count = tessera_denied_tokens_get_count (self->tokens);
  if (self->frozen != NULL)
    count += tessera_denied_tokens_get_count (self->frozen);
  if (self->snapshot != NULL)
    count += tessera_deny_snapshot_get_count (self->snapshot);
  return count;
}

gsize
tessera_denied_set_get_memory (TesseraDeniedSet *self)
{
  gsize size = tessera_denied_tokens_get_size (self->tokens);
  return self->frozen != NULL ? size + tessera_denied_tokens_get_size (self->frozen) : size;
}

void
tessera_denied_set_foreach (TesseraDeniedSet *self,
                            void (*func) (const TesseraDeniedToken *token, gpointer data),
                            gpointer data)
{
  tessera_denied_tokens_foreach (self->tokens, func, data);
  if (self->frozen != NULL)
    tessera_denied_tokens_foreach (self->frozen, func, data);
}

guint
tessera_denied_set_count_grant (TesseraDeniedSet *self,
                                guint64 grant_tag,
                                gint64 now_ms,
                                gint64 since_ms)
{
  guint32 now_s = (guint32) (now_ms / 1000);
  guint count = tessera_denied_tokens_count_grant (self->tokens, grant_tag, now_s, since_ms);
  if (self->frozen != NULL)
    count += tessera_denied_tokens_count_grant (self->frozen, grant_tag, now_s, since_ms);
  if (self->snapshot != NULL)
    count += tessera_deny_snapshot_count_grant (self->snapshot, grant_tag, now_s, since_ms);
  return count;
}

/* Changing the table. */

static Owner *
find_owner (TesseraDeniedSet *self, guint32 tag)
{
  return g_hash_table_lookup (self->owners, GUINT_TO_POINTER (tag));
}

/* Takes @tokens. */
static void
exchange_tokens (TesseraDeniedSet *self, TesseraDeniedTokens *tokens)
{
  g_rw_lock_writer_lock (self->lock);
  TesseraDeniedTokens *old = self->tokens;
  self->tokens = tokens;
  g_rw_lock_writer_unlock (self->lock);
  tessera_denied_tokens_free (old);
}

void
tessera_denied_set_add (TesseraDeniedSet *self, const TesseraDeniedToken *token)
{
  Owner *owner = find_owner (self, token->owner);

  if (tessera_denied_tokens_is_full (self->tokens))
    exchange_tokens (self, tessera_denied_tokens_copy (self->tokens, 0, NULL, NULL));
  g_rw_lock_writer_lock (self->lock);
  tessera_denied_tokens_add (self->tokens, token);
  g_rw_lock_writer_unlock (self->lock);
  if (owner != NULL)
    owner->count++;
}

void
tessera_denied_set_remove (TesseraDeniedSet *self, const TesseraDeniedToken *token)
{
  Owner *owner = find_owner (self, token->owner);

  g_rw_lock_writer_lock (self->lock);
  gboolean removed = tessera_denied_tokens_remove (self->tokens, token->id, token->grant_tag);
  g_rw_lock_writer_unlock (self->lock);
  if (removed && owner != NULL && owner->count > 0)
    owner->count--;
}

/* Pruning. */

static gboolean
keep_unexpired (const TesseraDeniedToken *token, gpointer now_s)
{
  return token->expires_s >= *(const guint32 *) now_s;
}

typedef struct
{
  guint32 now_s;
  gsize count;
} Expired;

static void
count_expired (const TesseraDeniedToken *token, gpointer data)
{
  Expired *expired = data;
  expired->count += token->expires_s < expired->now_s;
}

static void
recount_token (const TesseraDeniedToken *token, gpointer self)
{
  Owner *owner = find_owner (self, token->owner);
  if (owner != NULL)
    owner->count++;
}

static void
recount (TesseraDeniedSet *self)
{
  GHashTableIter iter;
  gpointer owner;
  g_hash_table_iter_init (&iter, self->owners);
  while (g_hash_table_iter_next (&iter, NULL, &owner))
    ((Owner *) owner)->count = 0;
  tessera_denied_tokens_foreach (self->tokens, recount_token, self);
}

/* Copying costs as much as all that stays, so it must be worth it: one part in @worth at least. */
static void
prune_tokens (TesseraDeniedSet *self, gint64 now_ms, gsize worth)
{
  Expired expired = { (guint32) (now_ms / 1000), 0 };
  tessera_denied_tokens_foreach (self->tokens, count_expired, &expired);
  if (expired.count == 0 || expired.count < tessera_denied_tokens_get_count (self->tokens) / worth)
    return;
  exchange_tokens (self,
                   tessera_denied_tokens_copy (self->tokens, 0, keep_unexpired, &expired.now_s));
  recount (self);
}

static gboolean
is_forgettable (gpointer tag, gpointer value, gpointer now_ms)
{
  const Owner *owner = value;
  return owner->count == 0 && owner->frozen == 0
         && owner->settled_until_ms < *(const gint64 *) now_ms;
}

void
tessera_denied_set_prune (TesseraDeniedSet *self, gint64 now_ms)
{
  prune_tokens (self, now_ms, WORTH);
  g_hash_table_foreach_remove (self->owners, is_forgettable, &now_ms);
}

/* Shares. */

guint32
tessera_denied_set_get_owner (TesseraDeniedSet *self, char kind, const char *name)
{
  guint64 check = hash_text (self->seed ^ (guint8) kind, name);
  guint32 tag = (guint32) (hash_text (check, name) >> 32);

  for (;; tag++)
    {
      Owner *owner = find_owner (self, tag);
      if (tag == 0 || (owner != NULL && owner->check != check))
        continue;
      if (owner != NULL)
        return tag;
      owner = g_new0 (Owner, 1);
      owner->check = check;
      owner->settled_ms = G_MININT64;
      owner->kept = -1;
      g_hash_table_insert (self->owners, GUINT_TO_POINTER (tag), owner);
      return tag;
    }
}

/* First what costs little. */
static guint
bound_share (TesseraDeniedSet *self, guint32 tag, const Owner *owner)
{
  guint count = owner->count + owner->frozen;
  if (self->snapshot == NULL)
    return count;
  return count
         + (owner->kept >= 0 ? (guint) owner->kept
                             : tessera_deny_snapshot_get_share (self->snapshot, tag));
}

gboolean
tessera_denied_set_is_share_full (TesseraDeniedSet *self, guint32 tag, guint limit, gint64 now_ms)
{
  Owner *owner = find_owner (self, tag);
  if (owner == NULL || bound_share (self, tag, owner) < limit)
    return FALSE;

  /* Nothing is coalesced because of what has expired. */
  if (self->pruned_s != now_ms / 1000)
    prune_tokens (self, now_ms, G_MAXSIZE);
  self->pruned_s = now_ms / 1000;
  if (self->snapshot != NULL && owner->kept < 0)
    owner->kept
        = (gint) tessera_deny_snapshot_count_share (self->snapshot, tag, (guint32) (now_ms / 1000),
                                                    owner->settled_ms);
  return bound_share (self, tag, owner) >= limit;
}

void
tessera_denied_set_settle (TesseraDeniedSet *self,
                           guint32 tag,
                           gint64 instant_ms,
                           gint64 expires_ms)
{
  Owner *owner = find_owner (self, tag);
  if (owner == NULL || owner->settled_ms >= instant_ms)
    return;
  owner->settled_ms = instant_ms;
  owner->settled_until_ms = expires_ms;
  owner->frozen = 0;
  /* A snapshot that was made later has it settled already. */
  if (self->snapshot != NULL && tessera_deny_snapshot_get_made_ms (self->snapshot) <= instant_ms)
    owner->kept = 0;
}

void
tessera_denied_set_list_grant (TesseraDeniedSet *self, guint64 grant_tag, GArray *out_tokens)
{
  tessera_denied_tokens_list_grant (self->tokens, grant_tag, out_tokens);
}

typedef struct
{
  guint32 owner;
  GArray *tokens;
} Listing;

static void
list_token (const TesseraDeniedToken *token, gpointer data)
{
  Listing *listing = data;
  if (token->owner == listing->owner)
    g_array_append_val (listing->tokens, *token);
}

void
tessera_denied_set_list_owner (TesseraDeniedSet *self, guint32 owner, GArray *out_tokens)
{
  Listing listing = { owner, out_tokens };
  tessera_denied_tokens_foreach (self->tokens, list_token, &listing);
}

/* Snapshots. */

static guint32
count_kept (TesseraDeniedSet *self)
{
  return self->snapshot != NULL ? tessera_deny_snapshot_get_count (self->snapshot) : 0;
}

gboolean
tessera_denied_set_is_due (TesseraDeniedSet *self, gint64 now_ms, gboolean closing)
{
  gsize added = tessera_denied_tokens_get_count (self->tokens);
  guint32 kept = count_kept (self);
  guint32 now_s = (guint32) (now_ms / 1000);

  if (self->path == NULL || self->writing != NULL || tessera_denied_set_is_damaged (self))
    return FALSE;
  if (closing)
    return added >= MIN (self->least, LEAST_AT_CLOSE);
  if (now_ms < self->retry_ms)
    return FALSE;
  if (kept > 0
      && (tessera_deny_snapshot_get_last_expiry (self->snapshot) < now_s
          || (kept >= self->least
              && tessera_deny_snapshot_get_mean_expiry (self->snapshot) < now_s)))
    return TRUE;
  if (added < self->least)
    return FALSE;
  return added >= kept / WORTH
         || now_ms - tessera_deny_snapshot_get_made_ms (self->snapshot) >= SNAPSHOT_INTERVAL_MS;
}

static gpointer
writing_thread (gpointer data)
{
  Writing *self = data;
  self->snapshot = tessera_deny_snapshot_write (self->path, self->old, self->frozen, &self->terms,
                                                &self->error);
  g_atomic_int_set (&self->done, TRUE);
  return NULL;
}

static GHashTable *
copy_settled (TesseraDeniedSet *self)
{
  GHashTable *settled = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  GHashTableIter iter;
  gpointer tag, owner;
  g_hash_table_iter_init (&iter, self->owners);
  while (g_hash_table_iter_next (&iter, &tag, &owner))
    if (((Owner *) owner)->settled_ms != G_MININT64)
      g_hash_table_insert (settled, tag,
                           g_memdup2 (&((Owner *) owner)->settled_ms, sizeof (gint64)));
  return settled;
}

/* The table stands still from now on, so that it can be read without copying it. */
static void
freeze (TesseraDeniedSet *self)
{
  GHashTableIter iter;
  gpointer value;

  g_rw_lock_writer_lock (self->lock);
  self->frozen = self->tokens;
  self->tokens = tessera_denied_tokens_new (0);
  g_rw_lock_writer_unlock (self->lock);

  g_hash_table_iter_init (&iter, self->owners);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Owner *owner = value;
      owner->frozen = owner->count;
      owner->count = 0;
    }
}

void
tessera_denied_set_begin_snapshot (TesseraDeniedSet *self,
                                   const TesseraStoreState *state,
                                   gint64 now_ms)
{
  g_return_if_fail (self->writing == NULL && self->path != NULL);

  Writing *writing = g_new0 (Writing, 1);
  freeze (self);
  g_strlcpy (writing->id, state->id, sizeof writing->id);
  writing->path = g_strdup (self->path);
  writing->terms = (TesseraDenySnapshotTerms){ .id = writing->id,
                                               .generation = state->generation,
                                               .now_ms = now_ms,
                                               .settled = copy_settled (self) };
  writing->old = self->snapshot != NULL ? tessera_deny_snapshot_ref (self->snapshot) : NULL;
  writing->frozen = self->frozen;
  writing->thread = g_thread_new ("tessera-snapshot", writing_thread, writing);
  self->writing = writing;
}

static void
forget_frozen (gpointer tag, gpointer value, gpointer made_ms)
{
  Owner *owner = value;
  owner->frozen = 0;
  /* What was settled meanwhile is not in the snapshot's shares yet. */
  owner->kept = owner->settled_ms >= *(const gint64 *) made_ms ? 0 : -1;
}

static void
use_snapshot (TesseraDeniedSet *self, TesseraDenySnapshot *snapshot)
{
  gint64 made_ms = tessera_deny_snapshot_get_made_ms (snapshot);

  g_rw_lock_writer_lock (self->lock);
  TesseraDenySnapshot *old = self->snapshot;
  TesseraDeniedTokens *frozen = g_steal_pointer (&self->frozen);
  self->snapshot = tessera_deny_snapshot_ref (snapshot);
  g_rw_lock_writer_unlock (self->lock);
  announce_filter (self);
  tessera_deny_snapshot_unref (old);
  tessera_denied_tokens_free (frozen);
  g_hash_table_foreach (self->owners, forget_frozen, &made_ms);
}

static void
add_unless_there (const TesseraDeniedToken *token, gpointer tokens)
{
  if (!tessera_denied_tokens_contains (tokens, token->id, token->grant_tag))
    tessera_denied_tokens_add (tokens, token);
}

/* All in one table again. */
static void
thaw (TesseraDeniedSet *self)
{
  TesseraDeniedTokens *both
      = tessera_denied_tokens_copy (self->tokens, tessera_denied_tokens_get_count (self->frozen),
                                    NULL, NULL);
  tessera_denied_tokens_foreach (self->frozen, add_unless_there, both);

  g_rw_lock_writer_lock (self->lock);
  TesseraDeniedTokens *tokens = self->tokens;
  TesseraDeniedTokens *frozen = g_steal_pointer (&self->frozen);
  self->tokens = both;
  g_rw_lock_writer_unlock (self->lock);
  tessera_denied_tokens_free (tokens);
  tessera_denied_tokens_free (frozen);

  GHashTableIter iter;
  gpointer owner;
  g_hash_table_iter_init (&iter, self->owners);
  while (g_hash_table_iter_next (&iter, NULL, &owner))
    ((Owner *) owner)->frozen = 0;
  recount (self);
}

void
tessera_denied_set_end_snapshot (TesseraDeniedSet *self, gint64 now_ms, gboolean wait)
{
  Writing *writing = self->writing;
  if (writing == NULL || (!wait && !g_atomic_int_get (&writing->done)))
    return;

  g_clear_pointer (&writing->thread, g_thread_join);
  self->writing = NULL;
  if (writing->snapshot != NULL)
    use_snapshot (self, writing->snapshot);
  else
    {
      g_warning (
          "The snapshot of the deny-list cannot be written now, the next start takes longer: "
          "%s",
          writing->error->message);
      self->retry_ms = now_ms + SNAPSHOT_INTERVAL_MS;
      thaw (self);
    }
  writing_free (writing);
}

gboolean
tessera_denied_set_is_damaged (TesseraDeniedSet *self)
{
  return self->snapshot != NULL && tessera_deny_snapshot_is_damaged (self->snapshot);
}

gboolean
tessera_denied_set_drop_snapshot (TesseraDeniedSet *self, GError **error)
{
  g_rw_lock_writer_lock (self->lock);
  TesseraDenySnapshot *old = g_steal_pointer (&self->snapshot);
  g_rw_lock_writer_unlock (self->lock);
  announce_filter (self);
  tessera_deny_snapshot_unref (old);
  return tessera_deny_snapshot_remove (self->path, error);
}
