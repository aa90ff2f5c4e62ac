/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* The answer to an authorization request on its way to the client, good or bad: parameters, and
 * the way they go. It has `state` and `iss` from the start (RFC 9207 §2). */
typedef struct _TesseraAuthorizationResponse TesseraAuthorizationResponse;

TesseraAuthorizationResponse *
tessera_authorization_response_new (TesseraEngine *engine, TesseraAuthorizationRequest *request);
void tessera_authorization_response_free (TesseraAuthorizationResponse *self);
/* @static_name; @value NULL: left out. */
void tessera_authorization_response_add (TesseraAuthorizationResponse *self,
                                         const char *static_name,
                                         const char *value);
/* By the response_mode of the request. Answers @exchange. @is_success: it is what was asked for. */
void tessera_authorization_response_send (TesseraAuthorizationResponse *self,
                                          TesseraExchange *exchange,
                                          gboolean is_success);

/* As response_mode says it, and the client can be reached that way. */
gboolean tessera_authorization_response_check_mode (const char *response_mode,
                                                    const char *redirect_uri,
                                                    TesseraResponseMode *out_mode,
                                                    GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAuthorizationResponse, tessera_authorization_response_free)

G_END_DECLS
