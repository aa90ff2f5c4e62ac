/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "model/tessera-user-claims.h"

G_BEGIN_DECLS

TesseraUserClaims *
tessera_user_claims_new (const char *subject, TesseraClient *client, const char *scope);
/* Adds the members of a JSON object (NULL: nothing), without those that only the server says. */
void tessera_user_claims_merge_json (TesseraUserClaims *self, const char *json);
void tessera_user_claims_merge_known (TesseraUserClaims *self, json_t *known);
json_t *tessera_user_claims_get_json (TesseraUserClaims *self);

G_END_DECLS
