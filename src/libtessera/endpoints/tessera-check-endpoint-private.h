/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* GET with the Bearer token of another request: 204 and whose it is, or 401, 403. For proxies that
 * ask before they pass a request on. */
void tessera_check_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
