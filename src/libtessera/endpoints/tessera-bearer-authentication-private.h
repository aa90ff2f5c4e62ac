/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* An endpoint that takes an access token itself (RFC 6750). The token of the Authorization header,
 * when it is good, is for @audience (NULL: any) and has every name of @scope (NULL: none wanted).
 * NULL: the exchange was answered, with 401 or 403 and a challenge. */
TesseraAccessToken *tessera_bearer_authentication_require (TesseraEngine *engine,
                                                           TesseraExchange *exchange,
                                                           const char *audience,
                                                           const char *scope);

/* The same refusal for what is found out later. */
void tessera_bearer_authentication_refuse (TesseraExchange *exchange,
                                           TesseraError code,
                                           const char *static_message);

/* Answers who came without a token: 401, and how to send one. */
void tessera_bearer_authentication_ask (TesseraExchange *exchange);

G_END_DECLS
