/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list in memory shared between processes (memfd_create(2), fcntl(2) F_ADD_SEALS): open
 * addressing under a sequence lock.
 *
 * A reader can neither write nor wait: it looks at a number, reads, and looks at the number again.
 * All that changes is read with acquire and written with release, so that what was read between two
 * equal, even numbers belongs together. */

#include "resource/tessera-shared-table-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "store/tessera-deny-rules-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define HEADER_SIZE 4096
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)
#define NEVER G_MAXUINT32 /* as an expiry */
#define TORN_MS 50        /* how long a reader tries */
#define SPINS 1024        /* between two looks at the clock */
#define AHEAD_MS 1000     /* by how much a mark may be in the future */

/* At the start of the file. What has an offset of 128 or more changes, in words of 8 bytes. */
typedef struct
{
  char magic[8];
  guint32 version;
  guint32 header_size;
  guint64 size; /* of the file */
  guint64 n_slots;
  char list[TESSERA_SHARED_TABLE_LIST_SIZE];
  guint8 salt[TESSERA_SHARED_TABLE_SALT_SIZE];
  guint8 reserved[16];
  /* 128 */
  guint64 sequence; /* odd: being changed */
  guint64 state;
  guint64 generation;
  guint64 boottime_ms;
  guint64 time_ms;
  guint64 counts[TESSERA_N_SHARED_RULES];
} Header;

G_STATIC_ASSERT (G_STRUCT_OFFSET (Header, sequence) == 128);

typedef struct
{
  guint64 tag[2]; /* 0, 0: empty */
  guint64 instant_ms;
  guint64 expiry; /* seconds; the rule in the upper half */
} Slot;

G_STATIC_ASSERT (sizeof (Slot) == 32);

/* An entry outside the table. */
typedef struct
{
  TesseraSharedTag tag;
  gint64 instant_ms;
  guint32 expires_s;
  TesseraSharedRule rule;
} Entry;

struct _TesseraSharedTable
{
  Header *header;
  Slot *slots;
  gsize n_slots; /* a power of two */
  gsize size;
};

static guint64
load (const guint64 *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE);
}

static void
store (guint64 *word, guint64 value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

gint64
tessera_boottime_get_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return (gint64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Tags */

static void
make_tag (const guint8 *salt, TesseraSharedRule rule, const char *value, TesseraSharedTag *out_tag)
{
  static const char letters[TESSERA_N_SHARED_RULES] = "tgsucokA";
  guint8 data[TESSERA_SHARED_TABLE_SALT_SIZE + 1 + TESSERA_DIGEST_SIZE];
  TesseraDigest digest = tessera_digest (value, -1);

  memcpy (data, salt, TESSERA_SHARED_TABLE_SALT_SIZE);
  data[TESSERA_SHARED_TABLE_SALT_SIZE] = (guint8) letters[rule];
  memcpy (data + TESSERA_SHARED_TABLE_SALT_SIZE + 1, digest.bytes, TESSERA_DIGEST_SIZE);
  digest = tessera_digest (data, sizeof data);
  memcpy (out_tag->words, digest.bytes, sizeof out_tag->words);
  out_tag->words[1] |= out_tag->words[0] == 0; /* never an empty slot's */
}

static TesseraSharedRule
get_rule (const TesseraDenial *denial, gint64 *out_instant_ms)
{
  static const TesseraSharedRule rules[TESSERA_N_CUT_OFFS] = {
    [TESSERA_CUT_OFF_GRANT] = TESSERA_SHARED_RULE_GRANT,
    [TESSERA_CUT_OFF_GRANT_TOKENS] = TESSERA_SHARED_RULE_GRANT,
    [TESSERA_CUT_OFF_SESSION] = TESSERA_SHARED_RULE_SESSION,
    [TESSERA_CUT_OFF_SUBJECT] = TESSERA_SHARED_RULE_SUBJECT,
    [TESSERA_CUT_OFF_SUBJECT_TOKENS] = TESSERA_SHARED_RULE_SUBJECT,
    [TESSERA_CUT_OFF_CLIENT] = TESSERA_SHARED_RULE_CLIENT,
    [TESSERA_CUT_OFF_CLIENT_TOKENS] = TESSERA_SHARED_RULE_CLIENT_TOKENS,
    [TESSERA_CUT_OFF_KEY] = TESSERA_SHARED_RULE_KEY,
    [TESSERA_CUT_OFF_ALL] = TESSERA_SHARED_RULE_ALL,
  };
  TesseraCutOffTable table;
  TesseraCutOff cut_off;

  *out_instant_ms = TESSERA_CUT_OFF_ENDED;
  if (!tessera_cut_off_table_of (denial, &table, &cut_off))
    return TESSERA_SHARED_RULE_TOKEN;
  *out_instant_ms = cut_off.instant_ms;
  return rules[table];
}

static void
make_entry (const TesseraSharedTable *self, const TesseraDenial *denial, Entry *out_entry)
{
  const char *value;

  out_entry->rule = get_rule (denial, &out_entry->instant_ms);
  value = out_entry->rule == TESSERA_SHARED_RULE_ALL ? "" : denial->value;
  make_tag (self->header->salt, out_entry->rule, value, &out_entry->tag);
  out_entry->expires_s = denial->expires_ms == G_MAXINT64
                             ? NEVER
                             : tessera_deny_rules_get_expiry (denial->expires_ms);
}

/* Slots */

static gsize
get_home (const TesseraSharedTable *self, const guint64 tag[2])
{
  return tag[0] & (self->n_slots - 1);
}

static gboolean
is_empty (const Slot *slot)
{
  return load (&slot->tag[0]) == 0 && load (&slot->tag[1]) == 0;
}

/* The slot of @tag, or the empty one where it would be; @self->n_slots: neither. */
static gsize
find (const TesseraSharedTable *self, const TesseraSharedTag *tag)
{
  gsize i = get_home (self, tag->words);

  for (gsize n = 0; n < self->n_slots; n++)
    {
      const Slot *slot = &self->slots[i];
      guint64 first = load (&slot->tag[0]), second = load (&slot->tag[1]);

      if ((first == tag->words[0] && second == tag->words[1]) || (first == 0 && second == 0))
        return i;
      i = (i + 1) & (self->n_slots - 1);
    }
  return self->n_slots;
}

static void
set_slot (Slot *slot, guint64 first, guint64 second, guint64 instant_ms, guint64 expiry)
{
  store (&slot->tag[0], first);
  store (&slot->tag[1], second);
  store (&slot->instant_ms, instant_ms);
  store (&slot->expiry, expiry);
}

static TesseraSharedRule
get_slot_rule (const Slot *slot)
{
  return (TesseraSharedRule) (slot->expiry >> 32);
}

/* Writing */

static void
begin_change (TesseraSharedTable *self)
{
  store (&self->header->sequence, self->header->sequence + 1);
}

static void
end_change (TesseraSharedTable *self)
{
  store (&self->header->sequence, self->header->sequence + 1);
}

static void
count (TesseraSharedTable *self, TesseraSharedRule rule, gint64 change)
{
  store (&self->header->counts[rule], self->header->counts[rule] + (guint64) change);
}

/* The later instant wins, so that nothing is un-revoked. */
static void
raise_slot (Slot *slot, const Entry *entry)
{
  gint64 instant = MAX ((gint64) slot->instant_ms, entry->instant_ms);
  guint32 expires = MAX ((guint32) slot->expiry, entry->expires_s);

  set_slot (slot, entry->tag.words[0], entry->tag.words[1], (guint64) instant,
            (guint64) entry->rule << 32 | expires);
}

static void
fill_slot (Slot *slot, const Entry *entry)
{
  set_slot (slot, entry->tag.words[0], entry->tag.words[1], (guint64) entry->instant_ms,
            (guint64) entry->rule << 32 | entry->expires_s);
}

/* An eighth stays empty, so that a search ends soon. */
static gboolean
is_full (const TesseraSharedTable *self)
{
  return tessera_shared_table_get_count (self) >= self->n_slots - self->n_slots / 8;
}

static gboolean
put_entry (TesseraSharedTable *self, const Entry *entry)
{
  Slot *slot = &self->slots[find (self, &entry->tag)];

  if (is_empty (slot) && is_full (self))
    return FALSE;
  begin_change (self);
  if (is_empty (slot))
    {
      fill_slot (slot, entry);
      count (self, entry->rule, 1);
    }
  else
    raise_slot (slot, entry);
  end_change (self);
  return TRUE;
}

gboolean
tessera_shared_table_put (TesseraSharedTable *self, const TesseraDenial *denial)
{
  Entry entry;

  make_entry (self, denial, &entry);
  return put_entry (self, &entry);
}

/* Is @home, of the entry in @at, reached from @hole or only behind it? */
static gboolean
may_move (gsize hole, gsize home, gsize at)
{
  if (hole <= at)
    return home <= hole || home > at;
  return home <= hole && home > at;
}

/* Closes the gap by what was put behind it because of it. */
static void
remove_slot (TesseraSharedTable *self, gsize hole)
{
  gsize mask = self->n_slots - 1;

  begin_change (self);
  count (self, get_slot_rule (&self->slots[hole]), -1);
  for (gsize at = (hole + 1) & mask; !is_empty (&self->slots[at]); at = (at + 1) & mask)
    {
      const Slot *slot = &self->slots[at];

      if (!may_move (hole, get_home (self, slot->tag), at))
        continue;
      set_slot (&self->slots[hole], slot->tag[0], slot->tag[1], slot->instant_ms, slot->expiry);
      hole = at;
    }
  set_slot (&self->slots[hole], 0, 0, 0, 0);
  end_change (self);
}

static gboolean
has_expired (const Slot *slot, gint64 now_ms)
{
  guint32 expires_s = (guint32) slot->expiry;

  return expires_s != NEVER && (gint64) expires_s * 1000 < now_ms;
}

gboolean
tessera_shared_table_sweep (TesseraSharedTable *self, gsize *cursor, gsize number, gint64 now_ms)
{
  for (gsize n = 0; n < number && *cursor < self->n_slots; n++)
    {
      const Slot *slot = &self->slots[*cursor];

      /* Another one may have come into its place. */
      if (!is_empty (slot) && has_expired (slot, now_ms))
        remove_slot (self, *cursor);
      else
        (*cursor)++;
    }
  if (*cursor < self->n_slots)
    return FALSE;
  *cursor = 0;
  return TRUE;
}

gboolean
tessera_shared_table_copy (
    TesseraSharedTable *self, TesseraSharedTable *to, gsize *cursor, gsize number, gint64 now_ms)
{
  for (gsize n = 0; n < number && *cursor < self->n_slots; n++, (*cursor)++)
    {
      const Slot *slot = &self->slots[*cursor];

      if (is_empty (slot) || has_expired (slot, now_ms))
        continue;
      Entry entry = { { { slot->tag[0], slot->tag[1] } },
                      (gint64) slot->instant_ms,
                      (guint32) slot->expiry,
                      get_slot_rule (slot) };
      put_entry (to, &entry);
    }
  if (*cursor < self->n_slots)
    return FALSE;
  *cursor = 0;
  return TRUE;
}

void
tessera_shared_table_mark (TesseraSharedTable *self,
                           guint64 generation,
                           gint64 time_ms,
                           gint64 boottime_ms)
{
  begin_change (self);
  store (&self->header->generation, MAX (generation, self->header->generation));
  store (&self->header->time_ms, (guint64) time_ms);
  store (&self->header->boottime_ms, (guint64) boottime_ms);
  end_change (self);
}

void
tessera_shared_table_set_state (TesseraSharedTable *self, TesseraSharedTableState state)
{
  store (&self->header->state, state);
}

/* The file */

static gsize
get_size (gsize n_slots)
{
  return HEADER_SIZE + n_slots * sizeof (Slot);
}

static TesseraSharedTable *
map (int fd, gsize n_slots, int protection)
{
  gsize size = get_size (n_slots);
  void *memory = mmap (NULL, size, protection, MAP_SHARED, fd, 0);

  if (memory == MAP_FAILED)
    return NULL;
  TesseraSharedTable *self = g_new0 (TesseraSharedTable, 1);
  self->header = memory;
  self->slots = (Slot *) ((char *) memory + HEADER_SIZE);
  self->n_slots = n_slots;
  self->size = size;
  return self;
}

static void
fill_header (TesseraSharedTable *self, const char *list, const guint8 *salt)
{
  Header *header = self->header;

  header->version = TESSERA_SHARED_TABLE_VERSION;
  header->header_size = HEADER_SIZE;
  header->size = self->size;
  header->n_slots = self->n_slots;
  g_strlcpy (header->list, list, sizeof header->list);
  if (salt != NULL)
    memcpy (header->salt, salt, sizeof header->salt);
  else
    tessera_random_bytes (header->salt, sizeof header->salt);
  memcpy (header->magic, TESSERA_SHARED_TABLE_MAGIC, sizeof header->magic);
}

gsize
tessera_shared_table_get_slots_for (gsize number)
{
  gsize n_slots = TESSERA_SHARED_TABLE_MIN_SLOTS;

  while (n_slots < TESSERA_SHARED_TABLE_MAX_SLOTS && n_slots / 4 < number)
    n_slots *= 2;
  return n_slots;
}

/* The one mapping that can write is made before the seal that forbids all others. */
TesseraSharedTable *
tessera_shared_table_create (
    const char *list, const guint8 *salt, gsize n_slots, int *out_fd, GError **error)
{
  int fd = memfd_create ("tessera-deny-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_autoptr (TesseraSharedTable) self = NULL;

  if (fd >= 0 && ftruncate (fd, (off_t) get_size (n_slots)) == 0)
    self = map (fd, n_slots, PROT_READ | PROT_WRITE);
  if (self == NULL || fcntl (fd, F_ADD_SEALS, SEALS) != 0)
    {
      int problem = errno;
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (problem),
                   "The deny-list cannot be shared: %s", g_strerror (problem));
      if (fd >= 0)
        close (fd);
      return NULL;
    }
  fill_header (self, list, salt);
  *out_fd = fd;
  return g_steal_pointer (&self);
}

/* The seals first: what is checked afterwards cannot be taken back. */
static gboolean
is_ours (int fd, const Header *header)
{
  struct stat status;

  return memcmp (header->magic, TESSERA_SHARED_TABLE_MAGIC, sizeof header->magic) == 0
         && header->version == TESSERA_SHARED_TABLE_VERSION && header->header_size == HEADER_SIZE
         && header->n_slots > 0 && header->n_slots <= TESSERA_SHARED_TABLE_MAX_SLOTS
         && (header->n_slots & (header->n_slots - 1)) == 0
         && header->size == get_size (header->n_slots)
         && memchr (header->list, '\0', sizeof header->list) != NULL && fstat (fd, &status) == 0
         && (guint64) status.st_size == header->size;
}

static gboolean
read_header (int fd, Header *header)
{
  int seals = fcntl (fd, F_GET_SEALS);

  return seals >= 0 && (seals & SEALS) == SEALS
         && pread (fd, header, sizeof *header, 0) == (gssize) sizeof *header
         && is_ours (fd, header);
}

TesseraSharedTable *
tessera_shared_table_open (int fd, GError **error)
{
  Header header;
  TesseraSharedTable *self = NULL;

  if (read_header (fd, &header))
    self = map (fd, header.n_slots, PROT_READ);
  if (self == NULL)
    g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED,
                         "This is no shared deny-list of the form that is known here");
  return self;
}

void
tessera_shared_table_free (TesseraSharedTable *self)
{
  munmap (self->header, self->size);
  g_free (self);
}

/* The question */

/* One look at the table, under a sequence number that was even. */
typedef struct
{
  const TesseraSharedTable *table;
  TesseraSharedTag tags[TESSERA_N_SHARED_RULES];
  guint made; /* bits of the rules: their tags are there */
} Look;

static gboolean
refuses (Look *self, TesseraSharedRule rule, const char *value, gint64 issued_ms)
{
  const Header *header = self->table->header;
  gsize i;

  if (value == NULL || load (&header->counts[rule]) == 0)
    return FALSE;
  if ((self->made & 1u << rule) == 0)
    make_tag (header->salt, rule, value, &self->tags[rule]);
  self->made |= 1u << rule;
  i = find (self->table, &self->tags[rule]);
  /* Full to the last slot: nobody of ours has written that. */
  if (i == self->table->n_slots)
    return TRUE;
  return !is_empty (&self->table->slots[i])
         && issued_ms <= (gint64) load (&self->table->slots[i].instant_ms);
}

/* The rules of tessera-deny-rules.c. */
static gboolean
refuses_any (Look *self, const TesseraTokenIdentity *token)
{
  gint64 issued = token->issued_ms;
  gboolean has_grant = token->grant_id != NULL;

  return refuses (self, TESSERA_SHARED_RULE_TOKEN, token->jti, G_MININT64)
         || refuses (self, TESSERA_SHARED_RULE_GRANT, token->grant_id, issued)
         || refuses (self, TESSERA_SHARED_RULE_SESSION, token->session_id, issued)
         || refuses (self, TESSERA_SHARED_RULE_SUBJECT, has_grant ? token->subject : NULL, issued)
         || refuses (self, TESSERA_SHARED_RULE_CLIENT, token->client_id, issued)
         || refuses (self, TESSERA_SHARED_RULE_CLIENT_TOKENS, has_grant ? NULL : token->client_id,
                     issued)
         || refuses (self, TESSERA_SHARED_RULE_KEY, token->kid, issued)
         || refuses (self, TESSERA_SHARED_RULE_ALL, "", issued);
}

/* Whoever writes may have been stopped in the middle: it gets some time to go on. */
TesseraSharedAnswer
tessera_shared_table_lookup (const TesseraSharedTable *self, const TesseraTokenIdentity *token)
{
  Look look = { .table = self };
  gint64 deadline = 0;

  for (guint n = 1;; n++)
    {
      guint64 before = load (&self->header->sequence);

      if ((before & 1) == 0)
        {
          gboolean refused = refuses_any (&look, token);
          if (load (&self->header->sequence) == before)
            return refused ? TESSERA_SHARED_ANSWER_PRESENT : TESSERA_SHARED_ANSWER_ABSENT;
        }
      if (n % SPINS != 0)
        continue;
      gint64 now = tessera_boottime_get_ms ();
      if (deadline == 0)
        deadline = now + TORN_MS;
      else if (now >= deadline)
        return TESSERA_SHARED_ANSWER_TORN;
    }
}

/* What it says of itself */

TesseraSharedTableState
tessera_shared_table_get_state (const TesseraSharedTable *self)
{
  guint64 state = load (&self->header->state);

  return state < TESSERA_SHARED_TABLE_ENDED ? (TesseraSharedTableState) state
                                            : TESSERA_SHARED_TABLE_ENDED;
}

const char *
tessera_shared_table_get_list (const TesseraSharedTable *self)
{
  return self->header->list;
}

const guint8 *
tessera_shared_table_get_salt (const TesseraSharedTable *self)
{
  return self->header->salt;
}

guint64
tessera_shared_table_get_generation (const TesseraSharedTable *self)
{
  return load (&self->header->generation);
}

gsize
tessera_shared_table_get_count (const TesseraSharedTable *self)
{
  gsize sum = 0;

  for (guint i = 0; i < TESSERA_N_SHARED_RULES; i++)
    sum += load (&self->header->counts[i]);
  return sum;
}

gsize
tessera_shared_table_get_n_slots (const TesseraSharedTable *self)
{
  return self->n_slots;
}

gint64
tessera_shared_table_get_time_ms (const TesseraSharedTable *self)
{
  return (gint64) load (&self->header->time_ms);
}

gint64
tessera_shared_table_get_age_ms (const TesseraSharedTable *self)
{
  gint64 age = tessera_boottime_get_ms () - (gint64) load (&self->header->boottime_ms);

  if (age < -AHEAD_MS)
    return G_MAXINT64;
  return MAX (age, 0);
}
