/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* Token Status List: GET. The aggregation (section 9.3); below it NAME, one signed list
 * (section 8.1). */
void tessera_status_list_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
