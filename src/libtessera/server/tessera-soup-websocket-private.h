/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-outlet-private.h"
#include "server/tessera-soup-takeover-private.h"

G_BEGIN_DECLS

/* Sends the head of the answer in @exchange, which is 101, over the connection of @message, which
 * is taken from libsoup, and then each line that is written as a message. */
TesseraOutlet *tessera_soup_websocket_new (SoupServerMessage *message,
                                           const TesseraExchange *exchange);

G_END_DECLS
