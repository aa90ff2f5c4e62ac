/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"

G_BEGIN_DECLS

/* The opening handshake of a WebSocket, the server's part. Who may have it is asked before. */

/* Else the request is one as any other, whatever it says of other protocols. */
gboolean tessera_websocket_handshake_is_asked (TesseraExchange *exchange);
/* FALSE: it is none that can be answered by 101, and the exchange was answered. */
gboolean tessera_websocket_handshake_check (TesseraExchange *exchange);
/* Of one that was checked; as tessera_exchange_respond_stream (). */
TesseraOutlet *tessera_websocket_handshake_accept (TesseraExchange *exchange,
                                                   gsize limit,
                                                   const TesseraOutletFuncs *funcs,
                                                   gpointer data);

G_END_DECLS
