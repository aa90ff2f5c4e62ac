/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-denied-tokens-private.h"

G_BEGIN_DECLS

/* The sorted file of denied tokens that is mapped at start, so that millions of them cost neither
 * time nor memory there (design.md §5; docs/guide/revoke.md has the layout). It holds what the rows
 * of the database up to one generation said; the rows stay the truth, and it can always be made
 * anew from them.
 *
 * Immutable, safe from any thread. Opening reads the header, the checksums, and the index
 * (filter and directory) into memory. A block of the content is held against its checksum then, or
 * when it is touched first; what a wrong block would have answered is unknown, and whoever asks
 * must take it for denied. */
typedef struct _TesseraDenySnapshot TesseraDenySnapshot;

typedef enum
{
  TESSERA_DENY_SNAPSHOT_ABSENT,
  TESSERA_DENY_SNAPSHOT_PRESENT,
  TESSERA_DENY_SNAPSHOT_UNKNOWN /* damaged there */
} TesseraDenySnapshotAnswer;

/* NULL without an error: there is no file. G_FILE_ERROR: it cannot be read, or is no snapshot of
 * ours. */
TesseraDenySnapshot *tessera_deny_snapshot_open (const char *path, GError **error);
TesseraDenySnapshot *tessera_deny_snapshot_ref (TesseraDenySnapshot *self);
void tessera_deny_snapshot_unref (TesseraDenySnapshot *self);

const char *tessera_deny_snapshot_get_id (TesseraDenySnapshot *self); /* of the database */
guint64 tessera_deny_snapshot_get_generation (TesseraDenySnapshot *self);
gint64 tessera_deny_snapshot_get_made_ms (TesseraDenySnapshot *self);
guint32 tessera_deny_snapshot_get_count (TesseraDenySnapshot *self);
gsize tessera_deny_snapshot_get_size (TesseraDenySnapshot *self); /* bytes of the file */
/* When its last entry, and when about half of them, may be forgotten. */
guint32 tessera_deny_snapshot_get_last_expiry (TesseraDenySnapshot *self);
guint32 tessera_deny_snapshot_get_mean_expiry (TesseraDenySnapshot *self);
/* A block that does not match its checksum was met. */
gboolean tessera_deny_snapshot_is_damaged (TesseraDenySnapshot *self);

/* Where the filter lies, and how many lines it has. */
guint32 tessera_deny_snapshot_get_filter (TesseraDenySnapshot *self, gconstpointer *out_filter);
/* What a look-up reads first, so that it does not wait for it. */
void tessera_deny_snapshot_prefetch (const TesseraDenySnapshot *self,
                                     const guint8 id[16],
                                     guint64 grant_tag);
/* Of a token that was denied with that grant, or without one. */
TesseraDenySnapshotAnswer
tessera_deny_snapshot_lookup (TesseraDenySnapshot *self, const guint8 id[16], guint64 grant_tag);
/* Tokens of a grant that were issued after @since_ms and have not expired; 0 where it is damaged.
 */
guint tessera_deny_snapshot_count_grant (TesseraDenySnapshot *self,
                                         guint64 grant_tag,
                                         guint32 now_s,
                                         gint64 since_ms);
/* An upper bound of what counts against the share of @owner, 0 when that is little; at once. */
guint tessera_deny_snapshot_get_share (TesseraDenySnapshot *self, guint32 owner);
/* The same exactly: reads all entries. */
guint tessera_deny_snapshot_count_share (TesseraDenySnapshot *self,
                                         guint32 owner,
                                         guint32 now_s,
                                         gint64 since_ms);

typedef struct
{
  const char *id;      /* of the database, at most 63 characters */
  guint64 generation;  /* of the last row that is in it */
  gint64 now_ms;       /* what has expired before is left out */
  GHashTable *settled; /* owner (pointer) -> gint64*: its tokens issued until then do not count
                          against its share; or NULL */
} TesseraDenySnapshotTerms;

/* What is in @old (or NULL) and in @added, as a new file in place of whatever is at @path; durable
 * at return. Blocking, for a thread of its own; @added must not change meanwhile. NULL with
 * G_FILE_ERROR: whatever was at @path is there still. */
TesseraDenySnapshot *tessera_deny_snapshot_write (const char *path,
                                                  TesseraDenySnapshot *old,
                                                  const TesseraDeniedTokens *added,
                                                  const TesseraDenySnapshotTerms *terms,
                                                  GError **error);
/* Removes the file, durably. TRUE too when there is none. */
gboolean tessera_deny_snapshot_remove (const char *path, GError **error);

/* The layout, shared with the writer. */

#define TESSERA_DENY_SNAPSHOT_MAGIC G_GUINT64_CONSTANT (0x3154534c44534554) /* with byte order */
#define TESSERA_DENY_SNAPSHOT_BLOCK 16384   /* bytes of content to a checksum */
#define TESSERA_DENY_SNAPSHOT_LINE 64       /* bytes of the filter that one token looks at */
#define TESSERA_DENY_SNAPSHOT_ENTRY_SIZE 22 /* 6 place, 8 rest, 4 expiry, 4 owner */
#define TESSERA_DENY_SNAPSHOT_PLACE_BITS 48
#define TESSERA_DENY_SNAPSHOT_HEAVY 32 /* tokens from which on an owner is listed */

typedef struct
{
  guint64 magic;
  char id[64];
  guint64 generation;
  gint64 made_ms;
  guint64 size;
  guint32 count;
  guint32 lines;          /* of the filter */
  guint32 directory_bits; /* 2^n places, and one more */
  guint32 owners;
  guint32 last_expiry;
  guint32 mean_expiry;
  guint64 digest;   /* of the checksums */
  guint64 checksum; /* of all above */
} TesseraDenySnapshotHeader;

/* A token as it is sorted: with a grant by that, so that the tokens of one lie side by side; else
 * by the random bits of its id. All random bits are in place and rest, and in rest the
 * millisecond. */
typedef struct
{
  guint64 place;
  guint64 rest;
  guint32 expires_s;
  guint32 owner;
} TesseraDenySnapshotEntry;

typedef struct
{
  guint32 owner;
  guint32 count;
} TesseraDenySnapshotShare;

/* Where the parts are in the file. */
typedef struct
{
  gsize entries;
  gsize filter;
  gsize directory;
  gsize shares;
  gsize checksums; /* to the end; the content is before */
  gsize blocks;
} TesseraDenySnapshotLayout;

void tessera_deny_snapshot_lay_out (const TesseraDenySnapshotHeader *header,
                                    TesseraDenySnapshotLayout *out_layout);
guint64 tessera_deny_snapshot_sum (gconstpointer data, gsize length);
guint64 tessera_deny_snapshot_place (const guint8 id[16], guint64 grant_tag);
guint64 tessera_deny_snapshot_rest (const guint8 id[16]);
/* The line of the filter of @rest and six bits in it. */
guint32 tessera_deny_snapshot_filter_line (guint64 rest, guint32 lines, guint16 out_bits[6]);
gboolean tessera_deny_snapshot_issued_after (guint64 rest, gint64 since_ms);
/* FALSE: it is damaged there. */
gboolean tessera_deny_snapshot_get_entry (TesseraDenySnapshot *self,
                                          guint32 index,
                                          TesseraDenySnapshotEntry *out_entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenySnapshot, tessera_deny_snapshot_unref)

G_END_DECLS
