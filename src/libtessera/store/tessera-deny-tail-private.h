/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-denial-private.h"

G_BEGIN_DECLS

/* The newest durable entries of the deny-list, in memory, for whoever follows it: so that news
 * reach a follower without a look at the disk. The committing thread adds; any thread may read. */
typedef struct _TesseraDenyTail TesseraDenyTail;

#define TESSERA_DENY_TAIL_LENGTH 4096 /* entries, at least, once there were so many */

/* In the committing thread, when the tail has grown; must not wait. */
typedef void (*TesseraDenyTailGrown) (gpointer data);

TesseraDenyTail *tessera_deny_tail_new (void);
void tessera_deny_tail_free (TesseraDenyTail *self);

/* Of the batch under way. Copies @denial. */
void tessera_deny_tail_add (TesseraDenyTail *self, const TesseraDenial *denial);
/* What was added is durable, or never was. */
void tessera_deny_tail_end_batch (TesseraDenyTail *self, gboolean committed);
/* At the start: forgets what was added. Everything up to @generation is durable; up to @before it
 * lies before the tail, and the rest is added as the first batch. */
void tessera_deny_tail_begin (TesseraDenyTail *self, guint64 before, guint64 generation);

/* Up to @limit entries behind @since, in order: TesseraDenial*, owned. NULL: some of them are no
 * longer, or never were, in the tail. @out_generation: everything up to it is among them, or before
 * them. */
GPtrArray *
tessera_deny_tail_list (TesseraDenyTail *self, guint64 since, guint limit, guint64 *out_generation);
/* Up to which generation all is durable. */
guint64 tessera_deny_tail_get_generation (TesseraDenyTail *self);
/* One at most; NULL: nobody. When this returns, the one before is not called any more. */
void tessera_deny_tail_set_grown (TesseraDenyTail *self, TesseraDenyTailGrown grown, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenyTail, tessera_deny_tail_free)

G_END_DECLS
