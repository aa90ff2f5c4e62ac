/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* RFC 7662: POST, form. A client sees its own tokens, and those for the audiences it may
 * introspect. */
void tessera_introspection_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
