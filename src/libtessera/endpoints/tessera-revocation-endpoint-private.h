/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* RFC 7009: POST, form. 200 whether there was anything to revoke or not; 503 if it is not durable.
 */
void tessera_revocation_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
