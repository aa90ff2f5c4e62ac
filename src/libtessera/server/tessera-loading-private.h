/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server-private.h"
#include "store/tessera-committer-private.h"

G_BEGIN_DECLS

/* What of the store is read behind the start, so that nobody waits for it: the clients that it
 * keeps, by the committing thread before all else, and then the pages that the start did not
 * examine, a few at a time. What is wrong there ends the server, as a failed sync does. */
typedef struct _TesseraLoading TesseraLoading;

TesseraLoading *tessera_loading_new (TesseraServer *server);
/* After the committer is closed, and before the keys are freed. */
void tessera_loading_free (TesseraLoading *self);
/* In the thread of the setup. @keys stay as long as the loading. */
TesseraCommitter *tessera_loading_start (TesseraLoading *self,
                                         TesseraStore *store,
                                         TesseraKeyRing *keys,
                                         GMainContext *context);
/* The server is ready. What ends it, borrowed; NULL: nothing. */
const GError *tessera_loading_follow (TesseraLoading *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraLoading, tessera_loading_free)

G_END_DECLS
