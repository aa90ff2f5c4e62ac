/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-outlet-private.h"
#include "server/tessera-soup-takeover-private.h"

G_BEGIN_DECLS

/* Sends the head of the answer in @exchange, and then what is written, over the connection of
 * @message, which is taken from libsoup. */
TesseraOutlet *tessera_soup_outlet_new (SoupServerMessage *message,
                                        const TesseraExchange *exchange);

/* What the client sends, from the main loop; the outlet may be finished or cut by this. */
typedef void (*TesseraSoupOutletReader) (const guint8 *bytes, gsize length, gpointer data);

/* Of one that tessera_soup_outlet_new () has just made: @reader gets what is passed over otherwise,
 * until the outlet is finished or cut, with the data of its funcs. */
void tessera_soup_outlet_set_reader (TesseraOutlet *outlet, TesseraSoupOutletReader reader);

G_END_DECLS
