/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mapped, sorted file of denied tokens (design.md §5). */

#include "store/tessera-deny-snapshot-private.h"

#include "base/tessera-directory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_MASK ((G_GUINT64_CONSTANT (1) << TESSERA_DENY_SNAPSHOT_PLACE_BITS) - 1)
#define TIME_BITS 38 /* of a millisecond: 8 years */
#define TIME_MASK ((G_GUINT64_CONSTANT (1) << TIME_BITS) - 1)
#define REST_RANDOM_BITS (64 - TIME_BITS)
#define HUGE_PAGE (2u * 1024 * 1024)

/* What is known of a block. */
enum
{
  UNREAD,
  GOOD,
  BAD
};

struct _TesseraDenySnapshot
{
  gint ref_count;
  int fd;
  const guint8 *map;
  guint8 *index; /* a copy of filter and directory, which was good; or NULL */
  TesseraDenySnapshotHeader header;
  TesseraDenySnapshotLayout layout;
  guint64 *checksums;
  guint8 *blocks; /* atomic */
  gint damaged;   /* atomic */
};

/* The layout. */

void
tessera_deny_snapshot_lay_out (const TesseraDenySnapshotHeader *header,
                               TesseraDenySnapshotLayout *out_layout)
{
  const gsize line = TESSERA_DENY_SNAPSHOT_LINE;
  gsize places = ((gsize) 1 << header->directory_bits) + 1;
  gsize at = sizeof (TesseraDenySnapshotHeader);

  out_layout->entries = at;
  at += (gsize) header->count * TESSERA_DENY_SNAPSHOT_ENTRY_SIZE;
  at = (at + line - 1) / line * line;
  out_layout->filter = at;
  at += (gsize) header->lines * line;
  out_layout->directory = at;
  at += places * sizeof (guint32);
  out_layout->shares = at;
  at += (gsize) header->owners * sizeof (TesseraDenySnapshotShare);
  at = (at + 7) / 8 * 8;
  out_layout->checksums = at;
  out_layout->blocks
      = (at - out_layout->entries + TESSERA_DENY_SNAPSHOT_BLOCK - 1) / TESSERA_DENY_SNAPSHOT_BLOCK;
}

static guint64
mix (guint64 number)
{
  number ^= number >> 32;
  number *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  number ^= number >> 32;
  number *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  return number ^ number >> 32;
}

/* Each step can be undone, so that a change within one word is always seen. Against accidents, not
 * against somebody who may write the file. */
guint64
tessera_deny_snapshot_sum (gconstpointer data, gsize length)
{
  const guint8 *bytes = data;
  guint64 sum = mix (length + 1);

  for (; length >= 8; bytes += 8, length -= 8)
    {
      guint64 word;
      memcpy (&word, bytes, 8);
      sum = (sum ^ word) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
      sum ^= sum >> 32;
    }
  guint64 word = 0;
  memcpy (&word, bytes, length);
  return mix (sum ^ word);
}

static guint64
load_big (const guint8 *bytes)
{
  guint64 number;
  memcpy (&number, bytes, 8);
  return GUINT64_FROM_BE (number);
}

guint64
tessera_deny_snapshot_place (const guint8 id[16], guint64 grant_tag)
{
  if (grant_tag != 0)
    return mix (grant_tag) >> (64 - TESSERA_DENY_SNAPSHOT_PLACE_BITS);
  guint64 random = load_big (id + 8) & (G_MAXUINT64 >> 2);
  guint64 others = load_big (id) & 0xfff;
  return random >> REST_RANDOM_BITS << 12 | others;
}

guint64
tessera_deny_snapshot_rest (const guint8 id[16])
{
  guint64 ms = load_big (id) >> 16 & TIME_MASK;
  return ms << REST_RANDOM_BITS | (load_big (id + 8) & (G_MAXUINT64 >> TIME_BITS));
}

gboolean
tessera_deny_snapshot_issued_after (guint64 rest, gint64 since_ms)
{
  guint64 passed = ((rest >> REST_RANDOM_BITS) - (guint64) since_ms) & TIME_MASK;
  return since_ms <= 0 || (passed != 0 && passed <= TIME_MASK / 2);
}

guint32
tessera_deny_snapshot_filter_line (guint64 rest, guint32 lines, guint16 out_bits[6])
{
  guint64 hash = mix (rest);
  guint64 bits = hash * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  for (guint i = 0; i < 6; i++)
    out_bits[i] = bits >> (10 + 9 * i) & 511;
  return (guint32) ((hash >> 32) * lines >> 32);
}

/* Opening. */

static gboolean
fail (const char *path, int code, GError **error)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "Cannot use %s: %s", path,
               g_strerror (code));
  return FALSE;
}

static gboolean
fail_content (const char *path, GError **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s is damaged", path);
  return FALSE;
}

static gboolean
is_sound (const TesseraDenySnapshotHeader *header, gsize size)
{
  if (header->magic != TESSERA_DENY_SNAPSHOT_MAGIC
      || header->checksum
             != tessera_deny_snapshot_sum (header,
                                           G_STRUCT_OFFSET (TesseraDenySnapshotHeader, checksum)))
    return FALSE;
  return header->size == size && header->lines > 0 && header->directory_bits < 32
         && header->id[sizeof header->id - 1] == '\0';
}

static gboolean
read_header (TesseraDenySnapshot *self, const char *path, GError **error)
{
  struct stat info;
  gsize length = sizeof self->header;

  if (fstat (self->fd, &info) != 0 || pread (self->fd, &self->header, length, 0) != (gssize) length
      || !is_sound (&self->header, (gsize) info.st_size))
    return fail_content (path, error);
  tessera_deny_snapshot_lay_out (&self->header, &self->layout);
  return self->layout.checksums + self->layout.blocks * 8 == self->header.size
         || fail_content (path, error);
}

static gboolean
read_checksums (TesseraDenySnapshot *self, const char *path, GError **error)
{
  gsize length = self->layout.blocks * 8;
  self->checksums = g_malloc (length);
  self->blocks = g_malloc0 (self->layout.blocks);
  if (pread (self->fd, self->checksums, length, (goffset) self->layout.checksums) != (gssize) length
      || tessera_deny_snapshot_sum (self->checksums, length) != self->header.digest)
    return fail_content (path, error);
  return TRUE;
}

static gboolean
map (TesseraDenySnapshot *self, const char *path, GError **error)
{
  gpointer address = mmap (NULL, self->header.size, PROT_READ, MAP_SHARED, self->fd, 0);
  if (address == MAP_FAILED)
    return fail (path, errno, error);
  self->map = address;
  madvise (address, self->header.size, MADV_RANDOM);
  /* Every check looks at the filter, and most at nothing else. */
  posix_fadvise (self->fd, (goffset) self->layout.filter,
                 (goffset) (self->layout.checksums - self->layout.filter), POSIX_FADV_WILLNEED);
  return TRUE;
}

/* Of the filter and the directory; a large one in whole huge pages, and a small one in none, for of
 * those the kernel may give one for any two megabytes. */
static gsize
get_index_size (const TesseraDenySnapshot *self)
{
  gsize size = self->layout.shares - self->layout.filter;
  gsize page = size > HUGE_PAGE ? HUGE_PAGE : (gsize) sysconf (_SC_PAGESIZE);

  return (size + page - 1) / page * page;
}

static void copy_index (TesseraDenySnapshot *self);

TesseraDenySnapshot *
tessera_deny_snapshot_open (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    {
      if (errno != ENOENT)
        fail (path, errno, error);
      return NULL;
    }

  g_autoptr (TesseraDenySnapshot) self = g_new0 (TesseraDenySnapshot, 1);
  self->ref_count = 1;
  self->fd = fd;
  if (!read_header (self, path, error) || !read_checksums (self, path, error)
      || !map (self, path, error))
    return NULL;
  copy_index (self);
  return g_steal_pointer (&self);
}

TesseraDenySnapshot *
tessera_deny_snapshot_ref (TesseraDenySnapshot *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_deny_snapshot_unref (TesseraDenySnapshot *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (self->index != NULL)
    munmap (self->index, get_index_size (self));
  if (self->map != NULL)
    munmap ((gpointer) self->map, self->header.size);
  close (self->fd);
  g_free (self->checksums);
  g_free (self->blocks);
  g_free (self);
}

gboolean
tessera_deny_snapshot_remove (const char *path, GError **error)
{
  if (g_unlink (path) != 0)
    return errno == ENOENT || fail (path, errno, error);

  g_autofree char *directory = g_path_get_dirname (path);
  return tessera_directory_sync (directory) || fail (directory, errno, error);
}

const char *
tessera_deny_snapshot_get_id (TesseraDenySnapshot *self)
{
  return self->header.id;
}

guint64
tessera_deny_snapshot_get_generation (TesseraDenySnapshot *self)
{
  return self->header.generation;
}

gint64
tessera_deny_snapshot_get_made_ms (TesseraDenySnapshot *self)
{
  return self->header.made_ms;
}

guint32
tessera_deny_snapshot_get_count (TesseraDenySnapshot *self)
{
  return self->header.count;
}

gsize
tessera_deny_snapshot_get_size (TesseraDenySnapshot *self)
{
  return self->header.size;
}

guint32
tessera_deny_snapshot_get_last_expiry (TesseraDenySnapshot *self)
{
  return self->header.last_expiry;
}

guint32
tessera_deny_snapshot_get_mean_expiry (TesseraDenySnapshot *self)
{
  return self->header.mean_expiry;
}

gboolean
tessera_deny_snapshot_is_damaged (TesseraDenySnapshot *self)
{
  return g_atomic_int_get (&self->damaged) != 0;
}

/* Trusting the content. */

/* By read() and not through the mapping, where a disk that cannot read kills the process. */
static gboolean
read_block (TesseraDenySnapshot *self, gsize block, guint8 content[TESSERA_DENY_SNAPSHOT_BLOCK])
{
  gsize begin = self->layout.entries + block * TESSERA_DENY_SNAPSHOT_BLOCK;
  gsize length = MIN (self->layout.checksums - begin, TESSERA_DENY_SNAPSHOT_BLOCK);

  gboolean good = pread (self->fd, content, length, (goffset) begin) == (gssize) length
                  && tessera_deny_snapshot_sum (content, length) == self->checksums[block];
  __atomic_store_n (&self->blocks[block], good ? GOOD : BAD, __ATOMIC_RELEASE);
  if (!good)
    g_atomic_int_set (&self->damaged, TRUE);
  return good;
}

static gboolean
examine_block (TesseraDenySnapshot *self, gsize block)
{
  guint8 content[TESSERA_DENY_SNAPSHOT_BLOCK];

  return read_block (self, block, content);
}

static gboolean
is_good (TesseraDenySnapshot *self, gsize begin, gsize length)
{
  gsize last = (begin + length - 1 - self->layout.entries) / TESSERA_DENY_SNAPSHOT_BLOCK;
  gsize block = (begin - self->layout.entries) / TESSERA_DENY_SNAPSHOT_BLOCK;

  for (; block <= last; block++)
    {
      guint8 known = __atomic_load_n (&self->blocks[block], __ATOMIC_ACQUIRE);
      if (known == BAD || (known == UNREAD && !examine_block (self, block)))
        return FALSE;
    }
  return TRUE;
}

/* Filter and directory in memory. */

/* The index is asked for somewhere else each time, and of pages of 4 KiB the processor has to look
 * up where each is. So it is copied, a large one to huge pages; and what is in memory was good once
 * and for all. */
static guint8 *
allocate_index (gsize size)
{
  gsize slack = size > HUGE_PAGE ? HUGE_PAGE : 0;
  guint8 *begin
      = mmap (NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED)
    return NULL;
  if (slack == 0)
    return begin;

  gsize before = HUGE_PAGE - (guintptr) begin % HUGE_PAGE;
  munmap (begin, before);
  munmap (begin + before + size, slack - before); /* or nothing, which is refused */
  madvise (begin + before, size, MADV_HUGEPAGE);
  return begin + before;
}

/* What of the index is in the block. FALSE: it is damaged. */
static gboolean
copy_block (TesseraDenySnapshot *self, gsize block, guint8 *index)
{
  guint8 content[TESSERA_DENY_SNAPSHOT_BLOCK];
  gsize at = self->layout.entries + block * TESSERA_DENY_SNAPSHOT_BLOCK;
  gsize begin = MAX (at, self->layout.filter);
  gsize end = MIN (at + TESSERA_DENY_SNAPSHOT_BLOCK, self->layout.shares);

  if (!read_block (self, block, content))
    return FALSE;
  memcpy (index + (begin - self->layout.filter), content + (begin - at), end - begin);
  return TRUE;
}

/* One that is damaged somewhere is used where it is. */
static void
copy_index (TesseraDenySnapshot *self)
{
  gsize block = (self->layout.filter - self->layout.entries) / TESSERA_DENY_SNAPSHOT_BLOCK;
  gsize last = (self->layout.shares - 1 - self->layout.entries) / TESSERA_DENY_SNAPSHOT_BLOCK;
  gsize size = get_index_size (self);
  guint8 *index = allocate_index (size);

  if (index == NULL)
    return;
  while (block <= last && copy_block (self, block, index))
    block++;
  if (block > last && mprotect (index, size, PROT_READ) == 0)
    self->index = index;
  else
    munmap (index, size);
}

/* Of @at in the file. */
static const guint8 *
get_index (const TesseraDenySnapshot *self, gsize at)
{
  return self->index != NULL ? self->index + (at - self->layout.filter) : self->map + at;
}

static gboolean
is_index_good (TesseraDenySnapshot *self, gsize at, gsize length)
{
  return self->index != NULL || is_good (self, at, length);
}

guint32
tessera_deny_snapshot_get_filter (TesseraDenySnapshot *self, gconstpointer *out_filter)
{
  *out_filter = get_index (self, self->layout.filter);
  return self->header.lines;
}

/* Looking. */

static guint64
load_little (const guint8 *bytes)
{
  guint64 number;
  memcpy (&number, bytes, 8);
  return GUINT64_FROM_LE (number);
}

static void
load_entry (TesseraDenySnapshot *self, guint32 index, TesseraDenySnapshotEntry *out_entry)
{
  const guint8 *bytes
      = self->map + self->layout.entries + (gsize) index * TESSERA_DENY_SNAPSHOT_ENTRY_SIZE;
  guint64 end = load_little (bytes + 14);
  out_entry->place = load_little (bytes) & PLACE_MASK;
  out_entry->rest = load_little (bytes + 6);
  out_entry->expires_s = (guint32) end;
  out_entry->owner = (guint32) (end >> 32);
}

gboolean
tessera_deny_snapshot_get_entry (TesseraDenySnapshot *self,
                                 guint32 index,
                                 TesseraDenySnapshotEntry *out_entry)
{
  gsize begin = self->layout.entries + (gsize) index * TESSERA_DENY_SNAPSHOT_ENTRY_SIZE;
  if (!is_good (self, begin, TESSERA_DENY_SNAPSHOT_ENTRY_SIZE))
    return FALSE;
  load_entry (self, index, out_entry);
  return TRUE;
}

/* FALSE: surely not there. A damaged filter says nothing. Without a branch for each bit, which
 * nobody could foretell. */
static gboolean
may_have (TesseraDenySnapshot *self, guint64 rest)
{
  guint16 bits[6];
  gsize at = self->layout.filter
             + (gsize) tessera_deny_snapshot_filter_line (rest, self->header.lines, bits)
                   * TESSERA_DENY_SNAPSHOT_LINE;
  if (!is_index_good (self, at, TESSERA_DENY_SNAPSHOT_LINE))
    return TRUE;

  const guint8 *line = get_index (self, at);
  guint all = 1;
  for (guint i = 0; i < 6; i++)
    all &= (guint) line[bits[i] / 8] >> bits[i] % 8;
  return all != 0;
}

static gsize
get_directory_cell (const TesseraDenySnapshot *self, guint64 place)
{
  guint bits = TESSERA_DENY_SNAPSHOT_PLACE_BITS - self->header.directory_bits;

  return self->layout.directory + (gsize) (place >> bits) * sizeof (guint32);
}

/* Each line comes from memory, and one that is asked for early is there when it is needed. */
void
tessera_deny_snapshot_prefetch (const TesseraDenySnapshot *self,
                                const guint8 id[16],
                                guint64 grant_tag)
{
  guint16 bits[6];
  guint32 line = tessera_deny_snapshot_filter_line (tessera_deny_snapshot_rest (id),
                                                    self->header.lines, bits);
  guint64 place = tessera_deny_snapshot_place (id, grant_tag);

  __builtin_prefetch (
      get_index (self, self->layout.filter + (gsize) line * TESSERA_DENY_SNAPSHOT_LINE));
  __builtin_prefetch (get_index (self, get_directory_cell (self, place)));
}

/* Which entries begin with the same bits as @place. FALSE: damaged. */
static gboolean
find_range (TesseraDenySnapshot *self, guint64 place, guint32 *out_begin, guint32 *out_end)
{
  guint32 cells[2];
  gsize at = get_directory_cell (self, place);
  if (!is_index_good (self, at, sizeof cells))
    return FALSE;
  memcpy (cells, get_index (self, at), sizeof cells);
  *out_begin = GUINT32_FROM_LE (cells[0]);
  *out_end = GUINT32_FROM_LE (cells[1]);
  if (*out_begin > *out_end || *out_end > self->header.count)
    {
      g_atomic_int_set (&self->damaged, TRUE);
      return FALSE;
    }
  if (*out_begin == *out_end)
    return TRUE;
  return is_good (self,
                  self->layout.entries + (gsize) *out_begin * TESSERA_DENY_SNAPSHOT_ENTRY_SIZE,
                  (gsize) (*out_end - *out_begin) * TESSERA_DENY_SNAPSHOT_ENTRY_SIZE);
}

static gboolean
is_before (TesseraDenySnapshot *self, guint32 index, guint64 place, guint64 rest)
{
  TesseraDenySnapshotEntry entry;
  load_entry (self, index, &entry);
  return entry.place < place || (entry.place == place && entry.rest < rest);
}

/* Where it would be if the places of the range were spread evenly, as random ones nearly are. */
static guint32
guess (TesseraDenySnapshot *self, guint32 begin, guint32 end, guint64 place)
{
  guint bits = TESSERA_DENY_SNAPSHOT_PLACE_BITS - self->header.directory_bits;
  guint64 within = place & ((G_GUINT64_CONSTANT (1) << bits) - 1);
  within = bits > 32 ? within >> (bits - 32) : within << (32 - bits);
  return begin + (guint32) (within * (end - begin) >> 32);
}

/* The first entry of the range that is not before (@place, @rest). It is looked for around the
 * guess, with steps that double: each cache line costs more than all of the arithmetic. */
static guint32
find_first (TesseraDenySnapshot *self, guint32 begin, guint32 end, guint64 place, guint64 rest)
{
  if (begin == end)
    return end;

  guint32 at = guess (self, begin, end, place);
  if (is_before (self, at, place, rest))
    {
      begin = at + 1;
      for (guint32 step = 2; end - begin > step; begin += step + 1, step *= 2)
        if (!is_before (self, begin + step, place, rest))
          {
            end = begin + step;
            break;
          }
    }
  else
    {
      end = at;
      for (guint32 step = 2; end - begin > step; end -= step, step *= 2)
        if (is_before (self, end - step, place, rest))
          {
            begin = end - step + 1;
            break;
          }
    }
  while (begin < end)
    {
      guint32 middle = begin + (end - begin) / 2;
      if (is_before (self, middle, place, rest))
        begin = middle + 1;
      else
        end = middle;
    }
  return begin;
}

static TesseraDenySnapshotAnswer
find (TesseraDenySnapshot *self, guint64 place, guint64 rest)
{
  TesseraDenySnapshotEntry entry;
  guint32 begin, end;

  if (!find_range (self, place, &begin, &end))
    return TESSERA_DENY_SNAPSHOT_UNKNOWN;
  begin = find_first (self, begin, end, place, rest);
  if (begin == end)
    return TESSERA_DENY_SNAPSHOT_ABSENT;
  load_entry (self, begin, &entry);
  return entry.place == place && entry.rest == rest ? TESSERA_DENY_SNAPSHOT_PRESENT
                                                    : TESSERA_DENY_SNAPSHOT_ABSENT;
}

TesseraDenySnapshotAnswer
tessera_deny_snapshot_lookup (TesseraDenySnapshot *self, const guint8 id[16], guint64 grant_tag)
{
  guint64 rest = tessera_deny_snapshot_rest (id);
  if (self->header.count == 0 || !may_have (self, rest))
    return TESSERA_DENY_SNAPSHOT_ABSENT;

  TesseraDenySnapshotAnswer answer = TESSERA_DENY_SNAPSHOT_ABSENT;
  if (grant_tag != 0)
    answer = find (self, tessera_deny_snapshot_place (id, grant_tag), rest);
  if (answer != TESSERA_DENY_SNAPSHOT_ABSENT)
    return answer;
  return find (self, tessera_deny_snapshot_place (id, 0), rest);
}

guint
tessera_deny_snapshot_count_grant (TesseraDenySnapshot *self,
                                   guint64 grant_tag,
                                   guint32 now_s,
                                   gint64 since_ms)
{
  static const guint8 any[16];
  guint64 place = tessera_deny_snapshot_place (any, grant_tag);
  guint32 begin, end;
  guint count = 0;

  if (self->header.count == 0 || !find_range (self, place, &begin, &end))
    return 0;
  for (begin = find_first (self, begin, end, place, 0); begin < end; begin++)
    {
      TesseraDenySnapshotEntry entry;
      load_entry (self, begin, &entry);
      if (entry.place != place)
        break;
      count
          += entry.expires_s >= now_s && tessera_deny_snapshot_issued_after (entry.rest, since_ms);
    }
  return count;
}

/* Shares. */

guint
tessera_deny_snapshot_get_share (TesseraDenySnapshot *self, guint32 owner)
{
  guint32 begin = 0, end = self->header.owners;
  gsize length = (gsize) end * sizeof (TesseraDenySnapshotShare);
  if (length == 0 || !is_good (self, self->layout.shares, length))
    return 0;
  while (begin < end)
    {
      TesseraDenySnapshotShare share;
      guint32 middle = begin + (end - begin) / 2;
      memcpy (&share, self->map + self->layout.shares + (gsize) middle * sizeof share,
              sizeof share);
      if (share.owner == owner)
        return share.count;
      if (share.owner < owner)
        begin = middle + 1;
      else
        end = middle;
    }
  return 0;
}

guint
tessera_deny_snapshot_count_share (TesseraDenySnapshot *self,
                                   guint32 owner,
                                   guint32 now_s,
                                   gint64 since_ms)
{
  guint count = 0;
  for (guint32 i = 0; i < self->header.count; i++)
    {
      TesseraDenySnapshotEntry entry;
      if (tessera_deny_snapshot_get_entry (self, i, &entry) && entry.owner == owner
          && entry.expires_s >= now_s && tessera_deny_snapshot_issued_after (entry.rest, since_ms))
        count++;
    }
  return count;
}
