/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* POST: a client is registered (RFC 7591 §3). */
void tessera_registration_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);
/* GET, PUT and DELETE of one below it (RFC 7592 §2). */
void tessera_client_configuration_endpoint_handle (TesseraEngine *engine,
                                                   TesseraExchange *exchange);

G_END_DECLS
