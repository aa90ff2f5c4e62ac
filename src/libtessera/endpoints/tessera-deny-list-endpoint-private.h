/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

#define TESSERA_DENY_LIST_SCOPE "denylist"

/* GET: the whole list, signed. */
void tessera_deny_list_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);
/* GET: what happens to it. */
void tessera_deny_list_events_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
