/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-store-private.h"

G_BEGIN_DECLS

/* The small file outside the database that remembers how far the deny-list had come, so that a
 * database which was deleted or restored from a backup is noticed (design.md §5). */
typedef struct _TesseraMirror TesseraMirror;

TesseraMirror *tessera_mirror_new (const char *path);
/* Says that the server has stopped, and syncs. */
void tessera_mirror_free (TesseraMirror *self);

/* FALSE without an error: there is none, or it is damaged. @out_is_last: nothing was saved after
 * it; FALSE when the machine may have failed since, and the last second with it. */
gboolean tessera_mirror_load (TesseraMirror *self,
                              TesseraStoreState *out_state,
                              gboolean *out_is_last,
                              GError **error);
/* A new file in place of whatever was there, durable at return. */
gboolean
tessera_mirror_create (TesseraMirror *self, const TesseraStoreState *state, GError **error);
/* Overwrites; durable after a crash of the process at once, after a power cut within a second. A
 * write that fails is only said: a mirror that lags behind does no harm. FALSE: a sync failed, with
 * TESSERA_STORE_ERROR_FATAL. */
gboolean tessera_mirror_save (TesseraMirror *self, const TesseraStoreState *state, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraMirror, tessera_mirror_free)

G_END_DECLS
