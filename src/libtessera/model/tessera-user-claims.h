/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"

G_BEGIN_DECLS

#define TESSERA_TYPE_USER_CLAIMS (tessera_user_claims_get_type ())

/* What is known of a person, about to be told to a client (signal user-claims). */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraUserClaims, tessera_user_claims, TESSERA, USER_CLAIMS, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *tessera_user_claims_get_subject (TesseraUserClaims *self);
TESSERA_AVAILABLE_IN_1_0
TesseraClient *tessera_user_claims_get_client (TesseraUserClaims *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_user_claims_get_scope (TesseraUserClaims *self);
TESSERA_AVAILABLE_IN_1_0
GVariant *tessera_user_claims_dup_claims (TesseraUserClaims *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_user_claims_set_string (TesseraUserClaims *self, const char *name, const char *value);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_user_claims_merge (TesseraUserClaims *self, GVariant *claims, GError **error);

G_END_DECLS
