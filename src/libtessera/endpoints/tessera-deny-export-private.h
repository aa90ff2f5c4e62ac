/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* The whole deny-list, as a signed file that goes out while it is read (docs/denylist-feed.md): a
 * page at a time from the store, at the pace of the reader. Main loop only. */
typedef struct _TesseraDenyExports TesseraDenyExports;

#define TESSERA_DENY_EXPORTS_MAX 8 /* at the same time */

/* Of an engine that is ready; borrowed until the end. */
TesseraDenyExports *tessera_deny_exports_new (TesseraEngine *engine);
/* Those under way are cut off. */
void tessera_deny_exports_free (TesseraDenyExports *self);

void tessera_deny_exports_begin (TesseraDenyExports *self, TesseraExchange *exchange);

G_END_DECLS
