/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "server/tessera-page.h"

G_BEGIN_DECLS

/* @name is static. Takes @html. */
TesseraPage *tessera_page_new (const char *name, char *html);
char *tessera_page_steal_html (TesseraPage *self);

TesseraRequest *tessera_request_new (TesseraExchange *exchange);
/* After the emission: handlers that kept it can do nothing more with it. */
void tessera_request_close (TesseraRequest *self);

G_END_DECLS
