/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

void tessera_userinfo_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

G_END_DECLS
