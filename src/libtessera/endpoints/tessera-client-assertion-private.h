/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"
#include "jose/tessera-jwt-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-settings-private.h"

G_BEGIN_DECLS

/* What a client says of itself, and signs (RFC 7523 §2.2). */

#define TESSERA_CLIENT_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define TESSERA_CLIENT_ASSERTION_MAX_LIFETIME 300 /* seconds */

/* Whom it speaks for, if anybody; nothing is believed yet. */
const char *tessera_client_assertion_get_client_id (const TesseraJwt *self);
/* What is wrong with it, in words for a log; NULL: nothing, it was made by @client, which has
 * @keys, for us, and not expired. Whether it was used before, the store knows. */
const char *tessera_client_assertion_find_fault (const TesseraJwt *self,
                                                 TesseraClient *client,
                                                 TesseraKeySet *keys,
                                                 const TesseraSettings *settings,
                                                 gint64 now_seconds);
/* Of a good one: its name among all that were ever made, and until when it has to be remembered. */
TesseraDigest tessera_client_assertion_get_digest (const TesseraJwt *self);
gint64 tessera_client_assertion_get_expiry_ms (const TesseraJwt *self);

G_END_DECLS
