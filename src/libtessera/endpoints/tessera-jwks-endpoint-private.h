/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* RFC 7517 §5: GET. The key set; below it KID.pem, one public key as SubjectPublicKeyInfo. */
void tessera_jwks_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
