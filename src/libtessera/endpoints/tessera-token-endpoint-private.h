/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* RFC 6749 §3.2: POST, form. Authenticates the client, asks the grant who authorised what, mints.
 */
void tessera_token_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
