/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* Everybody who follows the deny-list, by Server-Sent Events or by WebSocket
 * (docs/denylist-feed.md). What is new is written once and given to all; who lags behind reads
 * pages, at its own pace. Main loop only. */
typedef struct _TesseraDenyFeed TesseraDenyFeed;

#define TESSERA_DENY_FEED_LAG_MAX 65536 /* generations that may be caught up with */
#define TESSERA_DENY_FEED_HEARTBEAT_MS 15000
#define TESSERA_DENY_FEED_RETRY_MS 1000 /* before a reader connects again */
/* Bytes: what a front door keeps for a connection, 256 KiB, and more than what is written at once.
 */
#define TESSERA_DENY_FEED_UNSENT_MAX (384 * 1024)

/* Of an engine that is ready; borrowed until the end. */
TesseraDenyFeed *tessera_deny_feed_new (TesseraEngine *engine);
/* Ends all streams. */
void tessera_deny_feed_free (TesseraDenyFeed *self);
/* … but stays: there is no feed any more, for now. */
void tessera_deny_feed_end_all (TesseraDenyFeed *self);

/* Answers @exchange, which may be a handshake that was checked, with the events behind @cursor, as
 * long as @token is good. @foreign: the cursor is none of ours. */
void tessera_deny_feed_subscribe (TesseraDenyFeed *self,
                                  TesseraExchange *exchange,
                                  TesseraAccessToken *token,
                                  guint64 cursor,
                                  gboolean foreign);

void tessera_deny_feed_append_metrics (TesseraDenyFeed *self, GString *text);

G_END_DECLS
