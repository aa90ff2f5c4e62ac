/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-claims-private.h"
#include "model/tessera-issuance.h"

G_BEGIN_DECLS

TesseraIssuance *tessera_issuance_new (TesseraClient *client,
                                       const char *subject,
                                       const char *scope,
                                       const char *grant_type);
/* Of the login that it goes back to, as JSON; NULL: none. */
void tessera_issuance_set_login_claims (TesseraIssuance *self, const char *json);
/* Is it one that only the server gives a token? */
gboolean tessera_issuance_protects (const char *claim);
gboolean tessera_issuance_is_refused (TesseraIssuance *self);
/* Merges what handlers added into @claims. */
void tessera_issuance_apply (TesseraIssuance *self, TesseraClaims *claims);

G_END_DECLS
