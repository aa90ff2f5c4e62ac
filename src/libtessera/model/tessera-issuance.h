/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"

G_BEGIN_DECLS

#define TESSERA_TYPE_ISSUANCE (tessera_issuance_get_type ())

/* An access token about to be signed (signal issue-token): may gain claims and lose scopes, or be
 * refused. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraIssuance, tessera_issuance, TESSERA, ISSUANCE, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *tessera_issuance_get_subject (TesseraIssuance *self);
TESSERA_AVAILABLE_IN_1_0
TesseraClient *tessera_issuance_get_client (TesseraIssuance *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_issuance_get_scope (TesseraIssuance *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_issuance_get_grant_type (TesseraIssuance *self);
/* a{sv}, or NULL. */
TESSERA_AVAILABLE_IN_1_0
GVariant *tessera_issuance_get_login_claims (TesseraIssuance *self);
/* FALSE, with a warning, when @scope has a name that was not granted. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_issuance_narrow_scope (TesseraIssuance *self, const char *scope);
TESSERA_AVAILABLE_IN_1_0
void tessera_issuance_add_claim (TesseraIssuance *self, const char *name, const char *value);
/* A JSON object; claims that the server sets itself are refused. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_issuance_add_claims_json (TesseraIssuance *self, const char *json);
TESSERA_AVAILABLE_IN_1_0
void tessera_issuance_refuse (TesseraIssuance *self);

G_END_DECLS
