/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "model/tessera-client.h"
#include "model/tessera-registration-policy.h"

G_BEGIN_DECLS

/* Client metadata as a client sends it, and as it is told what was registered (RFC 7591 §2, §3.2.1;
 * OpenID Connect Dynamic Client Registration §2). */

#define TESSERA_CLIENT_REGISTRATION_MAX_LENGTH (32 * 1024)

/* The client that is wished for, without identifier and secret; what it does not say is filled in.
 * TESSERA_ERROR_INVALID_CLIENT_METADATA, or _INVALID_REDIRECT_URI. */
TesseraClient *tessera_client_registration_read (const json_t *metadata,
                                                 TesseraRegistrationPolicy *policy,
                                                 GError **error);
/* All that is registered about it, but for what only its server knows. */
json_t *tessera_client_registration_to_json (TesseraClient *client);
/* What tessera_client_check() finds wrong, as an error of the wire: without the name that the
 * client does not know yet. */
void tessera_client_registration_translate (GError **error);

G_END_DECLS
