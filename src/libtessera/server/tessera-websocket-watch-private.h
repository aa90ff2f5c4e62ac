/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "resource/tessera-token-checker.h"
#include "server/tessera-bearer-domain.h"

G_BEGIN_DECLS

/* The open WebSockets of one guard, each with the access token it lives by. Closes one with 1008
 * (policy violation, RFC 6455 §7.4.1) when its token stops being good. Main loop only; it lives as
 * long as its guard or any of its connections. */
typedef struct _TesseraWebsocketWatch TesseraWebsocketWatch;

TesseraWebsocketWatch *tessera_websocket_watch_new (TesseraTokenChecker *checker);
TesseraWebsocketWatch *tessera_websocket_watch_ref (TesseraWebsocketWatch *self);
void tessera_websocket_watch_unref (TesseraWebsocketWatch *self);

void tessera_websocket_watch_set_policy (TesseraWebsocketWatch *self, TesseraExpiryPolicy policy);
/* FALSE: @token is no longer good, and @connection is being closed. */
gboolean tessera_websocket_watch_add (TesseraWebsocketWatch *self,
                                      SoupWebsocketConnection *connection,
                                      TesseraAccessToken *token);
/* For a connection that has no token: closes it with 1008. */
void tessera_websocket_watch_reject (TesseraWebsocketWatch *self,
                                     SoupWebsocketConnection *connection);
/* The token @connection lives by; NULL when it is not watched, or is being closed. */
TesseraAccessToken *tessera_websocket_watch_lookup (TesseraWebsocketWatch *self,
                                                    SoupWebsocketConnection *connection);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraWebsocketWatch, tessera_websocket_watch_unref)

G_END_DECLS
