/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"
#include "model/tessera-explanation-private.h"

G_BEGIN_DECLS

/* @client is borrowed; NULL with an error: TESSERA_ERROR_INVALID_CLIENT;
 * TESSERA_ERROR_INVALID_REQUEST for several methods at once; TESSERA_ERROR_TOO_MANY_REQUESTS, with
 * Retry-After on the exchange; TESSERA_ERROR_TEMPORARILY_UNAVAILABLE. */
typedef void (*TesseraClientAuthenticated) (gpointer data,
                                            TesseraClient *client,
                                            const GError *error);

/* The one place that authenticates a client (RFC 6749 §2.3): client_secret_basic,
 * client_secret_post, private_key_jwt, or none for a public client. Exactly one method, the
 * registered one.
 *
 * @done is called once: at once, unless there is an assertion, which waits for keys, and until it
 * is durable that it was used. @explanation and @params live until then, with @data. */
void tessera_client_authentication_authenticate (TesseraEngine *engine,
                                                 TesseraExchange *exchange,
                                                 TesseraParams *params,
                                                 TesseraExplanation *explanation,
                                                 TesseraClientAuthenticated done,
                                                 gpointer data);
/* Does the request say at all who the client is? */
gboolean tessera_client_authentication_is_present (TesseraExchange *exchange,
                                                   TesseraParams *params);

/* The form of a POST by a client: read once, nothing in the query (RFC 6749 §2.3.1), no repeats.
 * TESSERA_ERROR_INVALID_REQUEST. */
TesseraParams *tessera_client_authentication_read_form (TesseraExchange *exchange, GError **error);

G_END_DECLS
