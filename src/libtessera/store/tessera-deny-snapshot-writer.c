/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the sorted file of denied tokens: what was in the last one, and what has come since
 * (design.md §5). */

#include "store/tessera-deny-snapshot-private.h"

#include "base/tessera-directory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILTER_BITS 10                 /* an entry */
#define RANGE_ENTRIES 16               /* at least, to a place of the directory */
#define LOADS (1u << 16)               /* counters that tell which owners may be heavy */
#define SPARE_BYTES (32 * 1024 * 1024) /* of the disk, that a snapshot leaves to the database */

/* The entries of both sources, in order. */
typedef struct
{
  TesseraDenySnapshot *old; /* or NULL */
  guint32 old_count;
  guint32 old_next;
  GArray *added; /* TesseraDenySnapshotEntry, sorted */
  guint added_next;
  guint32 now_s;
  gboolean damaged; /* the old one */
} Merge;

/* A file that is written from front to back, with a checksum for each block. */
typedef struct
{
  int fd;
  guint8 *block;
  gsize filled;
  gsize at; /* where the block begins in the file */
  GArray *checksums;
  gboolean failed; /* errno says why */
} Stream;

typedef struct
{
  const TesseraDenySnapshotTerms *terms;
  TesseraDenySnapshotHeader header;
  TesseraDenySnapshotLayout layout;
  Merge merge;
  Stream stream;
  guint8 *filter;
  guint32 *directory;
  guint32 *loads;
  GHashTable *shares; /* owner -> count, of those that may be heavy */
  guint64 expiries;   /* their sum */
} Writing;

/* Merging. */

static void
collect (const TesseraDeniedToken *token, gpointer data)
{
  TesseraDenySnapshotEntry entry
      = { .place = tessera_deny_snapshot_place (token->id, token->grant_tag),
          .rest = tessera_deny_snapshot_rest (token->id),
          .expires_s = token->expires_s,
          .owner = token->owner };
  g_array_append_val ((GArray *) data, entry);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const TesseraDenySnapshotEntry *one = a, *other = b;
  if (one->place != other->place)
    return one->place < other->place ? -1 : 1;
  return (one->rest > other->rest) - (one->rest < other->rest);
}

static void
merge_init (Merge *self, TesseraDenySnapshot *old, const TesseraDeniedTokens *added, guint32 now_s)
{
  self->old = old;
  self->old_count = old != NULL ? tessera_deny_snapshot_get_count (old) : 0;
  self->now_s = now_s;
  self->added = g_array_sized_new (FALSE, FALSE, sizeof (TesseraDenySnapshotEntry),
                                   (guint) tessera_denied_tokens_get_count (added));
  tessera_denied_tokens_foreach (added, collect, self->added);
  g_array_sort (self->added, compare);
}

static void
merge_rewind (Merge *self)
{
  self->old_next = 0;
  self->added_next = 0;
}

static gboolean
merge_peek_old (Merge *self, TesseraDenySnapshotEntry *out_entry)
{
  if (self->old_next == self->old_count)
    return FALSE;
  if (tessera_deny_snapshot_get_entry (self->old, self->old_next, out_entry))
    return TRUE;
  self->damaged = TRUE;
  return FALSE;
}

/* Whichever comes first; of two equal ones, the one that lives longer. */
static gboolean
merge_take (Merge *self, TesseraDenySnapshotEntry *out_entry)
{
  TesseraDenySnapshotEntry old;
  gboolean has_old = merge_peek_old (self, &old);
  gboolean has_added = self->added_next < self->added->len;

  if (self->damaged || (!has_old && !has_added))
    return FALSE;
  if (!has_added)
    {
      self->old_next++;
      *out_entry = old;
      return TRUE;
    }
  *out_entry = g_array_index (self->added, TesseraDenySnapshotEntry, self->added_next);
  int order = has_old ? compare (&old, out_entry) : 1;
  if (order >= 0)
    self->added_next++;
  if (order <= 0)
    self->old_next++;
  if (order < 0 || (order == 0 && old.expires_s > out_entry->expires_s))
    *out_entry = old;
  return TRUE;
}

static gboolean
merge_next (Merge *self, TesseraDenySnapshotEntry *out_entry)
{
  while (merge_take (self, out_entry))
    if (out_entry->expires_s >= self->now_s)
      return TRUE;
  return FALSE;
}

/* The stream. */

static void
stream_flush (Stream *self)
{
  guint64 checksum = tessera_deny_snapshot_sum (self->block, self->filled);
  if (self->filled == 0 || self->failed)
    return;
  self->failed
      = pwrite (self->fd, self->block, self->filled, (goffset) self->at) != (gssize) self->filled;
  g_array_append_val (self->checksums, checksum);
  self->at += self->filled;
  self->filled = 0;
}

static void
stream_put (Stream *self, gconstpointer data, gsize length)
{
  const guint8 *bytes = data;
  while (length > 0 && !self->failed)
    {
      gsize part = MIN (length, TESSERA_DENY_SNAPSHOT_BLOCK - self->filled);
      memcpy (self->block + self->filled, bytes, part);
      self->filled += part;
      bytes += part;
      length -= part;
      if (self->filled == TESSERA_DENY_SNAPSHOT_BLOCK)
        stream_flush (self);
    }
}

static void
stream_pad (Stream *self, gsize to)
{
  while (self->at + self->filled < to && !self->failed)
    stream_put (self, "", 1);
}

static void
stream_put_entry (Stream *self, const TesseraDenySnapshotEntry *entry)
{
  guint8 bytes[TESSERA_DENY_SNAPSHOT_ENTRY_SIZE];
  guint64 place = GUINT64_TO_LE (entry->place);
  guint64 rest = GUINT64_TO_LE (entry->rest);
  guint64 end = GUINT64_TO_LE ((guint64) entry->owner << 32 | entry->expires_s);
  memcpy (bytes, &place, 6);
  memcpy (bytes + 6, &rest, 8);
  memcpy (bytes + 14, &end, 8);
  stream_put (self, bytes, sizeof bytes);
}

/* Shares. */

static gboolean
counts (Writing *self, const TesseraDenySnapshotEntry *entry)
{
  if (entry->owner == 0)
    return FALSE;
  const gint64 *instant
      = self->terms->settled != NULL
            ? g_hash_table_lookup (self->terms->settled, GUINT_TO_POINTER (entry->owner))
            : NULL;
  return instant == NULL || tessera_deny_snapshot_issued_after (entry->rest, *instant);
}

static void
count_share (Writing *self, const TesseraDenySnapshotEntry *entry)
{
  if (self->loads[entry->owner % LOADS] < TESSERA_DENY_SNAPSHOT_HEAVY || !counts (self, entry))
    return;
  gpointer owner = GUINT_TO_POINTER (entry->owner);
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (self->shares, owner));
  g_hash_table_insert (self->shares, owner, GUINT_TO_POINTER (count + 1));
}

static gboolean
is_light (gpointer owner, gpointer count, gpointer data)
{
  return GPOINTER_TO_UINT (count) < TESSERA_DENY_SNAPSHOT_HEAVY;
}

static int
compare_shares (gconstpointer a, gconstpointer b)
{
  guint32 one = ((const TesseraDenySnapshotShare *) a)->owner;
  guint32 other = ((const TesseraDenySnapshotShare *) b)->owner;
  return (one > other) - (one < other);
}

static void
put_shares (Writing *self)
{
  g_autoptr (GArray) shares = g_array_new (FALSE, FALSE, sizeof (TesseraDenySnapshotShare));
  GHashTableIter iter;
  gpointer owner, count;

  g_hash_table_foreach_remove (self->shares, is_light, NULL);
  g_hash_table_iter_init (&iter, self->shares);
  while (g_hash_table_iter_next (&iter, &owner, &count))
    {
      TesseraDenySnapshotShare share = { GPOINTER_TO_UINT (owner), GPOINTER_TO_UINT (count) };
      g_array_append_val (shares, share);
    }
  g_array_sort (shares, compare_shares);
  self->header.owners = shares->len;
  stream_put (&self->stream, shares->data, shares->len * sizeof (TesseraDenySnapshotShare));
}

/* The parts. */

/* How many there will be, and who may have many of them. */
static void
survey (Writing *self)
{
  TesseraDenySnapshotEntry entry;
  guint32 count = 0;

  self->loads = g_new0 (guint32, LOADS);
  while (merge_next (&self->merge, &entry))
    {
      count++;
      self->loads[entry.owner % LOADS]++;
    }
  merge_rewind (&self->merge);
  self->header.count = count;
  self->header.lines = MAX (1, (guint32) (((guint64) count * FILTER_BITS + 511) / 512));
  self->header.directory_bits
      = count >= RANGE_ENTRIES ? g_bit_storage (count / RANGE_ENTRIES) - 1 : 0;
}

static void
add_to_filter (Writing *self, guint64 rest)
{
  guint16 bits[6];
  guint8 *line = self->filter
                 + (gsize) tessera_deny_snapshot_filter_line (rest, self->header.lines, bits)
                       * TESSERA_DENY_SNAPSHOT_LINE;
  for (guint i = 0; i < 6; i++)
    line[bits[i] / 8] = (guint8) (line[bits[i] / 8] | 1 << bits[i] % 8);
}

static void
put_entries (Writing *self)
{
  guint shift = TESSERA_DENY_SNAPSHOT_PLACE_BITS - self->header.directory_bits;
  TesseraDenySnapshotEntry entry;
  guint32 index = 0;
  gsize place = 0;

  while (merge_next (&self->merge, &entry) && !self->stream.failed)
    {
      for (; place <= entry.place >> shift; place++)
        self->directory[place] = GUINT32_TO_LE (index);
      stream_put_entry (&self->stream, &entry);
      add_to_filter (self, entry.rest);
      count_share (self, &entry);
      self->expiries += entry.expires_s;
      self->header.last_expiry = MAX (self->header.last_expiry, entry.expires_s);
      index++;
    }
  for (; place <= (gsize) 1 << self->header.directory_bits; place++)
    self->directory[place] = GUINT32_TO_LE (index);
  self->header.mean_expiry = index > 0 ? (guint32) (self->expiries / index) : 0;
}

static void
put_content (Writing *self)
{
  gsize filter = (gsize) self->header.lines * TESSERA_DENY_SNAPSHOT_LINE;
  gsize directory = (((gsize) 1 << self->header.directory_bits) + 1) * sizeof (guint32);

  tessera_deny_snapshot_lay_out (&self->header, &self->layout);
  self->filter = g_malloc0 (filter);
  self->directory = g_malloc0 (directory);
  self->shares = g_hash_table_new (NULL, NULL);
  put_entries (self);
  stream_pad (&self->stream, self->layout.filter);
  stream_put (&self->stream, self->filter, filter);
  stream_put (&self->stream, self->directory, directory);
  put_shares (self);
  tessera_deny_snapshot_lay_out (&self->header, &self->layout);
  stream_pad (&self->stream, self->layout.checksums);
  stream_flush (&self->stream);
}

/* Last of all: without it the file is none. */
static void
put_header (Writing *self)
{
  Stream *stream = &self->stream;
  gsize length = stream->checksums->len * 8;

  if (stream->failed || self->merge.damaged)
    return;
  self->header.magic = TESSERA_DENY_SNAPSHOT_MAGIC;
  self->header.generation = self->terms->generation;
  self->header.made_ms = self->terms->now_ms;
  g_strlcpy (self->header.id, self->terms->id, sizeof self->header.id);
  self->header.size = self->layout.checksums + length;
  self->header.digest = tessera_deny_snapshot_sum (stream->checksums->data, length);
  self->header.checksum
      = tessera_deny_snapshot_sum (&self->header,
                                   G_STRUCT_OFFSET (TesseraDenySnapshotHeader, checksum));
  stream->failed
      = pwrite (stream->fd, stream->checksums->data, length, (goffset) self->layout.checksums)
            != (gssize) length
        || pwrite (stream->fd, &self->header, sizeof self->header, 0)
               != (gssize) sizeof self->header;
}

/* A snapshot is a convenience, and may not take the room that a revocation needs. */
static gboolean
has_room (Writing *self)
{
  struct statvfs info;
  tessera_deny_snapshot_lay_out (&self->header, &self->layout);
  if (fstatvfs (self->stream.fd, &info) != 0
      || (guint64) info.f_bavail * info.f_frsize > self->layout.checksums + SPARE_BYTES)
    return TRUE;
  errno = ENOSPC;
  return FALSE;
}

static gboolean
fail (const char *path, int code, GError **error)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "Cannot write %s: %s", path,
               g_strerror (code));
  return FALSE;
}

static gboolean
write_file (Writing *self, const char *path, GError **error)
{
  survey (self);
  if (!self->merge.damaged && !has_room (self))
    return fail (path, errno, error);
  if (!self->merge.damaged)
    put_content (self);
  put_header (self);
  if (self->merge.damaged)
    return fail (path, EIO, error);
  return (!self->stream.failed && fsync (self->stream.fd) == 0) || fail (path, errno, error);
}

static void
writing_clear (Writing *self)
{
  g_array_unref (self->merge.added);
  g_array_unref (self->stream.checksums);
  g_free (self->stream.block);
  g_free (self->filter);
  g_free (self->directory);
  g_free (self->loads);
  g_clear_pointer (&self->shares, g_hash_table_unref);
  close (self->stream.fd);
}

static gboolean
put_in_place (const char *temporary, const char *path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);

  return (g_rename (temporary, path) == 0 && tessera_directory_sync (directory))
         || fail (path, errno, error);
}

TesseraDenySnapshot *
tessera_deny_snapshot_write (const char *path,
                             TesseraDenySnapshot *old,
                             const TesseraDeniedTokens *added,
                             const TesseraDenySnapshotTerms *terms,
                             GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".new", NULL);
  Writing writing = { .terms = terms };

  writing.stream.fd = open (temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (writing.stream.fd < 0)
    {
      fail (temporary, errno, error);
      return NULL;
    }
  writing.stream.at = sizeof (TesseraDenySnapshotHeader);
  writing.stream.block = g_malloc (TESSERA_DENY_SNAPSHOT_BLOCK);
  writing.stream.checksums = g_array_new (FALSE, FALSE, sizeof (guint64));
  merge_init (&writing.merge, old, added, (guint32) (terms->now_ms / 1000));

  gboolean written = write_file (&writing, temporary, error);
  writing_clear (&writing);
  if (written && put_in_place (temporary, path, error))
    return tessera_deny_snapshot_open (path, error);
  g_unlink (temporary);
  return NULL;
}
