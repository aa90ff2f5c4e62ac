/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* RFC 8414 §3: GET. What is offered, true to what is switched on. */
void tessera_metadata_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
