/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Sends the answer of @exchange at once, though the request is not read to its end, and closes the
 * connection so that the client gets to see the answer. May be called from any of @message's
 * signals. */
void tessera_soup_farewell (SoupServerMessage *message, TesseraExchange *exchange);

G_END_DECLS
