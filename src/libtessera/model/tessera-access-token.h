/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_ACCESS_TOKEN (tessera_access_token_get_type ())

/* A verified access token (RFC 9068): immutable, safe to read from any thread. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraAccessToken, tessera_access_token, TESSERA, ACCESS_TOKEN, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_id (TesseraAccessToken *self); /* jti */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_subject (TesseraAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_client_id (TesseraAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_grant_id (TesseraAccessToken *self); /* nullable */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_session_id (TesseraAccessToken *self); /* nullable */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_scope (TesseraAccessToken *self); /* "" when none */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_access_token_has_scope (TesseraAccessToken *self, const char *name);
TESSERA_AVAILABLE_IN_1_0
const char *const *tessera_access_token_get_audience (TesseraAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_access_token_get_issued_at (TesseraAccessToken *self); /* seconds */
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_access_token_get_expires_at (TesseraAccessToken *self); /* seconds */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_access_token_get_claim (TesseraAccessToken *self,
                                            const char *name); /* string claims; nullable */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_access_token_is_stale (TesseraAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
char *tessera_access_token_dup_claims_json (TesseraAccessToken *self);

G_END_DECLS
