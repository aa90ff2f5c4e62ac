/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-denial-private.h"
#include "model/tessera-records-private.h"

G_BEGIN_DECLS

/* The deny-list in memory that is shared with other processes of the machine: one process writes,
 * any number read, and a question is answered by reading memory alone. The form is described in
 * docs/shared-deny-list.md; it is the same for every reader, so it changes with the version only.
 *
 * What is denied is not in it, only a tag of it: 128 bits of a salted SHA-256. Whoever has a token
 * can ask for its subject; who has not can at most guess. */

#define TESSERA_SHARED_TABLE_MAGIC "TESSDENY"
#define TESSERA_SHARED_TABLE_VERSION 1
#define TESSERA_SHARED_TABLE_SALT_SIZE 16
#define TESSERA_SHARED_TABLE_LIST_SIZE 64 /* with its NUL */
#define TESSERA_SHARED_TABLE_MIN_SLOTS 4096
#define TESSERA_SHARED_TABLE_MAX_SLOTS (1 << 21) /* 64 MiB */

typedef enum
{
  TESSERA_SHARED_TABLE_FILLING, /* not all is in it yet */
  TESSERA_SHARED_TABLE_LIVE,
  TESSERA_SHARED_TABLE_MOVED, /* there is a larger one; this one is kept right for a while */
  TESSERA_SHARED_TABLE_ENDED
} TesseraSharedTableState;

/* What a tag is made of. The rules of the list that differ only in what else they end are one. */
typedef enum
{
  TESSERA_SHARED_RULE_TOKEN,
  TESSERA_SHARED_RULE_GRANT,
  TESSERA_SHARED_RULE_SESSION,
  TESSERA_SHARED_RULE_SUBJECT,
  TESSERA_SHARED_RULE_CLIENT,
  TESSERA_SHARED_RULE_CLIENT_TOKENS,
  TESSERA_SHARED_RULE_KEY,
  TESSERA_SHARED_RULE_ALL,
  TESSERA_N_SHARED_RULES
} TesseraSharedRule;

typedef enum
{
  TESSERA_SHARED_ANSWER_ABSENT,
  TESSERA_SHARED_ANSWER_PRESENT,
  TESSERA_SHARED_ANSWER_TORN /* it was being changed, for too long */
} TesseraSharedAnswer;

typedef struct
{
  guint64 words[2];
} TesseraSharedTag;

typedef struct _TesseraSharedTable TesseraSharedTable;

/* For the one who writes. */

/* @salt NULL: a new one. @out_fd: sealed, so that nobody but @self writes to it (owned). Errors are
 * those of G_FILE_ERROR. */
TesseraSharedTable *tessera_shared_table_create (
    const char *list, const guint8 *salt, gsize n_slots, int *out_fd, GError **error);
/* Enough for @count entries and their growth; never more than the largest. */
gsize tessera_shared_table_get_slots_for (gsize count);
/* FALSE: it is full, and something is missing from it now. */
gboolean tessera_shared_table_put (TesseraSharedTable *self, const TesseraDenial *denial);
/* Everything up to @generation is in it, as of @boottime_ms (CLOCK_BOOTTIME) and @time_ms. */
void tessera_shared_table_mark (TesseraSharedTable *self,
                                guint64 generation,
                                gint64 time_ms,
                                gint64 boottime_ms);
void tessera_shared_table_set_state (TesseraSharedTable *self, TesseraSharedTableState state);
/* Each looks at @count slots from @cursor on, and moves it; TRUE: it came to the end, and begins
 * anew. sweep removes what had expired at @now_ms, copy puts into @to what had not. */
gboolean
tessera_shared_table_sweep (TesseraSharedTable *self, gsize *cursor, gsize count, gint64 now_ms);
gboolean tessera_shared_table_copy (
    TesseraSharedTable *self, TesseraSharedTable *to, gsize *cursor, gsize count, gint64 now_ms);

/* For readers. */

/* Another process's, which may write meanwhile. TESSERA_SETUP_ERROR_UNSUPPORTED when @fd is none of
 * this form, or one whose owner could make it shorter or hand out the right to write. */
TesseraSharedTable *tessera_shared_table_open (int fd, GError **error);
TesseraSharedAnswer tessera_shared_table_lookup (const TesseraSharedTable *self,
                                                 const TesseraTokenIdentity *token);

/* For both. */
void tessera_shared_table_free (TesseraSharedTable *self);
TesseraSharedTableState tessera_shared_table_get_state (const TesseraSharedTable *self);
const char *tessera_shared_table_get_list (const TesseraSharedTable *self);
const guint8 *tessera_shared_table_get_salt (const TesseraSharedTable *self);
guint64 tessera_shared_table_get_generation (const TesseraSharedTable *self);
gsize tessera_shared_table_get_count (const TesseraSharedTable *self);
gsize tessera_shared_table_get_n_slots (const TesseraSharedTable *self);
gint64 tessera_shared_table_get_time_ms (const TesseraSharedTable *self);
/* Since the last mark; G_MAXINT64: it lies in the future, which cannot be. */
gint64 tessera_shared_table_get_age_ms (const TesseraSharedTable *self);
gint64 tessera_boottime_get_ms (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSharedTable, tessera_shared_table_free)

G_END_DECLS
