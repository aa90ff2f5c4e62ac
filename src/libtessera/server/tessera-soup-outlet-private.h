/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-outlet-private.h"
#include "server/tessera-soup-takeover-private.h"

G_BEGIN_DECLS

/* Sends the head of the answer in @exchange, and then what is written, over the connection of
 * @message, which is taken from libsoup. */
TesseraOutlet *tessera_soup_outlet_new (SoupServerMessage *message,
                                        const TesseraExchange *exchange);

G_END_DECLS
