/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * TesseraRevocationCause:
 * @TESSERA_REVOCATION_CAUSE_REQUEST: a client asked at the revocation endpoint (RFC 7009)
 * @TESSERA_REVOCATION_CAUSE_API: the application called a function of the library
 * @TESSERA_REVOCATION_CAUSE_REPLAY: a code or refresh token was used twice (RFC 9700 §2.1.1, §4.14)
 * @TESSERA_REVOCATION_CAUSE_REMOVED: its client or user was removed or changed
 * @TESSERA_REVOCATION_CAUSE_LOGOUT: its session ended
 * @TESSERA_REVOCATION_CAUSE_OWNER: the person took it back on the account page
 *
 * What led to a revocation.
 */
typedef enum
{
  TESSERA_REVOCATION_CAUSE_REQUEST,
  TESSERA_REVOCATION_CAUSE_API,
  TESSERA_REVOCATION_CAUSE_REPLAY,
  TESSERA_REVOCATION_CAUSE_REMOVED,
  TESSERA_REVOCATION_CAUSE_LOGOUT,
  TESSERA_REVOCATION_CAUSE_OWNER
} TesseraRevocationCause;

/**
 * TesseraRevocationKind:
 * @TESSERA_REVOCATION_KIND_NONE: nothing was revoked
 * @TESSERA_REVOCATION_KIND_ACCESS_TOKEN: one access token
 * @TESSERA_REVOCATION_KIND_GRANT: a grant: its refresh token and all its access tokens
 * @TESSERA_REVOCATION_KIND_SESSION: a session
 * @TESSERA_REVOCATION_KIND_SUBJECT: everything of one resource owner
 * @TESSERA_REVOCATION_KIND_CLIENT: everything of one client
 * @TESSERA_REVOCATION_KIND_KEY: every token of one signing key
 * @TESSERA_REVOCATION_KIND_ALL: everything
 *
 * How much a revocation ended.
 */
typedef enum
{
  TESSERA_REVOCATION_KIND_NONE,
  TESSERA_REVOCATION_KIND_ACCESS_TOKEN,
  TESSERA_REVOCATION_KIND_GRANT,
  TESSERA_REVOCATION_KIND_SESSION,
  TESSERA_REVOCATION_KIND_SUBJECT,
  TESSERA_REVOCATION_KIND_CLIENT,
  TESSERA_REVOCATION_KIND_KEY,
  TESSERA_REVOCATION_KIND_ALL
} TesseraRevocationKind;

#define TESSERA_TYPE_REVOCATION (tessera_revocation_get_type ())

/* What became of one attempt to revoke (signal after-revoke-token). */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraRevocation, tessera_revocation, TESSERA, REVOCATION, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *
tessera_revocation_get_token (TesseraRevocation *self); /* as sent; nullable; never log it */
TESSERA_AVAILABLE_IN_1_0
const char *
tessera_revocation_get_token_id (TesseraRevocation *self); /* jti, grant_id, … for logs; nullable */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_revocation_get_token_type_hint (TesseraRevocation *self); /* nullable */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_revocation_get_client_id (TesseraRevocation *self); /* who asked; nullable */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_revocation_get_revoked (TesseraRevocation *self);
TESSERA_AVAILABLE_IN_1_0
TesseraRevocationKind tessera_revocation_get_kind (TesseraRevocation *self);
TESSERA_AVAILABLE_IN_1_0
TesseraRevocationCause tessera_revocation_get_cause (TesseraRevocation *self);
TESSERA_AVAILABLE_IN_1_0
guint64 tessera_revocation_get_generation (TesseraRevocation *self); /* 0: no new entry */

G_END_DECLS
