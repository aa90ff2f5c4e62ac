/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The status lists of one issuer: sharded by expiry, kept in memory, saved beside the database
 * (Token Status List §13.1, §13.3, §13.5). */

#include "store/tessera-status-lists-private.h"

#include "base/tessera-secret-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_TOKENS_DEFAULT (4 * 1024 * 1024)
#define SHARES_OF_CLIENTS 4
#define SHARES_OF_PEOPLE 64
#define OWNERS 65536    /* counters, each for all people and clients that a keyed hash gives it */
#define WIDTH_LEAST 600 /* seconds of expiry in one list */

/* A list and what may still be reserved in it. */
typedef struct
{
  TesseraStatusShard *shard;
  gboolean open;
} Entry;

struct _TesseraStatusLists
{
  TesseraClock *clock;
  guint max_tokens;
  guint64 owner_key;
  char *directory; /* NULL: nothing is saved */
  char *state_id;
  gboolean save_failed; /* said once */

  GMutex mutex;       /* over what follows */
  GPtrArray *entries; /* Entry*, the oldest first */
  guint tokens;
  gboolean limit_told;
  guint owners[OWNERS]; /* tokens of each */
};

static void
entry_free (Entry *self)
{
  tessera_status_shard_unref (self->shard);
  g_free (self);
}

TesseraStatusLists *
tessera_status_lists_new (TesseraClock *clock, guint max_tokens)
{
  TesseraStatusLists *self = g_new0 (TesseraStatusLists, 1);

  self->clock = tessera_clock_ref (clock);
  self->max_tokens = max_tokens > 0 ? max_tokens : MAX_TOKENS_DEFAULT;
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  tessera_random_bytes ((guint8 *) &self->owner_key, sizeof self->owner_key);
  g_mutex_init (&self->mutex);
  return self;
}

void
tessera_status_lists_free (TesseraStatusLists *self)
{
  g_ptr_array_unref (self->entries);
  tessera_clock_unref (self->clock);
  g_mutex_clear (&self->mutex);
  g_free (self->directory);
  g_free (self->state_id);
  g_free (self);
}

/* Shares of the limit. */

static guint16
get_owner (const TesseraTokenIdentity *token, gpointer data)
{
  TesseraStatusLists *self = data;
  const char *name = token->grant_id != NULL ? token->subject : token->client_id;
  guint64 hash = self->owner_key;

  for (; *name != '\0'; name++)
    {
      hash = (hash ^ (guint8) *name) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
      hash ^= hash >> 32;
    }
  return (guint16) hash;
}

static void
count_tokens (TesseraStatusLists *self, TesseraStatusShard *shard, gboolean added)
{
  guint count = tessera_status_shard_get_count (shard);

  for (guint i = 0; i < count; i++)
    self->owners[tessera_status_shard_get_owner (shard, i)] += added ? 1 : -1u;
  self->tokens += added ? count : -count;
}

static gboolean
check_limit (TesseraStatusLists *self, guint16 owner, guint shares, GError **error)
{
  if (self->tokens < self->max_tokens && self->owners[owner] < MAX (self->max_tokens / shares, 1))
    return TRUE;
  if (!self->limit_told)
    g_warning ("So many access tokens live that the status lists have no place for more: some "
               "requests are refused");
  self->limit_told = TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                       "Too many access tokens are alive");
  return FALSE;
}

/* Lists. */

/* When the list of a token ends: lists are as wide as its lifetime or up to twice that, so that
 * there are few of any lifetime, and each is of use to many (section 12.1). */
static gint64
get_end_ms (gint64 expires_s, gint64 lifetime)
{
  gint64 width = WIDTH_LEAST;

  while (width < lifetime)
    width *= 2;
  return (expires_s / width + 1) * width * 1000 + TESSERA_DENY_LIST_SKEW_MS;
}

static TesseraStatusShard *
find_open (TesseraStatusLists *self, gint64 ends_ms)
{
  for (guint i = self->entries->len; i > 0; i--)
    {
      Entry *entry = self->entries->pdata[i - 1];
      if (!entry->open || tessera_status_shard_get_end (entry->shard) != ends_ms)
        continue;
      if (!tessera_status_shard_is_full (entry->shard))
        return entry->shard;
      entry->open = FALSE;
    }
  return NULL;
}

static TesseraStatusShard *
add_shard (TesseraStatusLists *self, TesseraStatusShard *shard, gboolean open)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->shard = shard;
  entry->open = open;
  g_ptr_array_add (self->entries, entry);
  return shard;
}

gboolean
tessera_status_lists_reserve (TesseraStatusLists *self,
                              const TesseraTokenIdentity *token,
                              gint64 lifetime,
                              char out_name[TESSERA_STATUS_SHARD_NAME_MAX + 1],
                              guint32 *out_index,
                              GError **error)
{
  gint64 ends_ms = get_end_ms (token->issued_ms / 1000 + lifetime, lifetime);
  guint16 owner = get_owner (token, self);
  guint shares = token->grant_id != NULL ? SHARES_OF_PEOPLE : SHARES_OF_CLIENTS;

  g_mutex_lock (&self->mutex);
  gboolean allowed = check_limit (self, owner, shares, error);
  if (allowed)
    {
      TesseraStatusShard *shard = find_open (self, ends_ms);
      if (shard == NULL)
        shard = add_shard (self, tessera_status_shard_new (ends_ms), TRUE);
      *out_index = tessera_status_shard_reserve (shard, token, owner);
      g_strlcpy (out_name, tessera_status_shard_get_name (shard),
                 TESSERA_STATUS_SHARD_NAME_MAX + 1);
      self->tokens++;
      self->owners[owner]++;
    }
  g_mutex_unlock (&self->mutex);
  return allowed;
}

static gboolean
is_over (TesseraStatusLists *self, TesseraStatusShard *shard)
{
  return tessera_status_shard_get_end (shard) < tessera_clock_get_ms (self->clock);
}

TesseraStatusShard *
tessera_status_lists_lookup (TesseraStatusLists *self, const char *name, guint *out_count)
{
  TesseraStatusShard *found = NULL;

  g_mutex_lock (&self->mutex);
  for (guint i = 0; found == NULL && i < self->entries->len; i++)
    {
      TesseraStatusShard *shard = ((Entry *) self->entries->pdata[i])->shard;
      if (strcmp (tessera_status_shard_get_name (shard), name) == 0 && !is_over (self, shard))
        {
          found = tessera_status_shard_ref (shard);
          *out_count = tessera_status_shard_get_count (shard);
        }
    }
  g_mutex_unlock (&self->mutex);
  return found;
}

GPtrArray *
tessera_status_lists_list_names (TesseraStatusLists *self)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->entries->len; i++)
    {
      TesseraStatusShard *shard = ((Entry *) self->entries->pdata[i])->shard;
      if (!is_over (self, shard))
        g_ptr_array_add (names, g_strdup (tessera_status_shard_get_name (shard)));
    }
  g_mutex_unlock (&self->mutex);
  return names;
}

void
tessera_status_lists_get_figures (TesseraStatusLists *self, TesseraStatusListsFigures *out_figures)
{
  g_mutex_lock (&self->mutex);
  *out_figures = (TesseraStatusListsFigures){ .lists = self->entries->len, .tokens = self->tokens };
  for (guint i = 0; i < self->entries->len; i++)
    out_figures->memory
        += tessera_status_shard_get_memory (((Entry *) self->entries->pdata[i])->shard);
  g_mutex_unlock (&self->mutex);
}

/* Files. */

static void
load_shard (TesseraStatusLists *self, const char *name)
{
  TesseraStatusShard *shard = tessera_status_shard_load (self->directory, name, self->state_id);

  if (shard != NULL && !is_over (self, shard))
    {
      tessera_status_shard_set_owners (shard, get_owner, self);
      count_tokens (self, shard, TRUE);
      add_shard (self, shard, FALSE);
      return;
    }
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  g_unlink (path);
  if (shard != NULL)
    tessera_status_shard_unref (shard);
}

void
tessera_status_lists_load (TesseraStatusLists *self, const char *directory, const char *state_id)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  self->directory = g_strdup (directory);
  self->state_id = g_strdup (state_id);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    load_shard (self, name);
}

/* A list, and how many tokens it has. */
typedef struct
{
  TesseraStatusShard *shard;
  guint count;
  gboolean open;
} View;

static void
view_clear (View *self)
{
  tessera_status_shard_unref (self->shard);
}

static GArray *
take_views (TesseraStatusLists *self)
{
  GArray *views = g_array_new (FALSE, FALSE, sizeof (View));

  g_array_set_clear_func (views, (GDestroyNotify) view_clear);
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = self->entries->pdata[i];
      View view = { tessera_status_shard_ref (entry->shard),
                    tessera_status_shard_get_count (entry->shard), entry->open };
      g_array_append_val (views, view);
    }
  g_mutex_unlock (&self->mutex);
  return views;
}

static void
save_all (TesseraStatusLists *self, gboolean closing)
{
  g_autoptr (GArray) views = take_views (self);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < views->len && error == NULL; i++)
    {
      const View *view = &g_array_index (views, View, i);
      tessera_status_shard_save (view->shard, self->directory, self->state_id, view->count,
                                 closing || !view->open, &error);
    }
  if (error != NULL && !self->save_failed)
    g_warning ("The places in the status lists cannot be saved: %s", error->message);
  self->save_failed = error != NULL;
}

/* What is over, out of the table. Owned; they are many to free, so without the lock. */
static GPtrArray *
take_over (TesseraStatusLists *self, gboolean *out_left)
{
  GPtrArray *over = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);

  g_mutex_lock (&self->mutex);
  for (guint i = self->entries->len; i > 0; i--)
    {
      Entry *entry = self->entries->pdata[i - 1];
      if (!is_over (self, entry->shard))
        continue;
      count_tokens (self, entry->shard, FALSE);
      g_ptr_array_add (over, g_ptr_array_steal_index (self->entries, i - 1));
    }
  if (over->len > 0)
    self->limit_told = FALSE;
  *out_left = self->entries->len > 0;
  g_mutex_unlock (&self->mutex);
  return over;
}

static gboolean
forget_what_is_over (TesseraStatusLists *self)
{
  gboolean left;
  g_autoptr (GPtrArray) over = take_over (self, &left);

  for (guint i = 0; self->directory != NULL && i < over->len; i++)
    tessera_status_shard_remove (((Entry *) over->pdata[i])->shard, self->directory);
  return left;
}

static gboolean
has_directory (TesseraStatusLists *self)
{
  return self->directory != NULL
         && (g_file_test (self->directory, G_FILE_TEST_IS_DIR)
             || g_mkdir (self->directory, 0700) == 0);
}

gboolean
tessera_status_lists_save (TesseraStatusLists *self)
{
  if (has_directory (self))
    save_all (self, FALSE);
  return forget_what_is_over (self);
}

void
tessera_status_lists_close (TesseraStatusLists *self)
{
  if (forget_what_is_over (self) && has_directory (self))
    save_all (self, TRUE);
}
