/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"
#include "model/tessera-authorization-request-private.h"

G_BEGIN_DECLS

/* RFC 6749 §4.1.1. GET with a query, POST with a form. A valid request goes to the engine's
 * `interact` hook, which ends in one of the two functions below. */
void tessera_authorization_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange);

/* Puts a code for @login and sends code, state and iss (RFC 9207) by its response_mode. */
void tessera_authorization_endpoint_approve (TesseraEngine *engine,
                                             TesseraExchange *exchange,
                                             TesseraAuthorizationRequest *request,
                                             const TesseraLogin *login);
/* Sends error, error_description, state and iss likewise (RFC 6749 §4.1.2.1). */
void tessera_authorization_endpoint_refuse (TesseraEngine *engine,
                                            TesseraExchange *exchange,
                                            TesseraAuthorizationRequest *request,
                                            const GError *error,
                                            const TesseraExplanation *explanation);

G_END_DECLS
