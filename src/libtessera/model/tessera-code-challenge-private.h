/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Proof Key for Code Exchange (RFC 7636), S256 only. */

/* Of an authorization request: both or neither; the method said and S256; 43 base64url characters.
 * TESSERA_ERROR_INVALID_REQUEST. */
gboolean tessera_code_challenge_check (const char *code_challenge,
                                       const char *code_challenge_method,
                                       GError **error);
/* RFC 7636 §4.1: 43 to 128 unreserved characters. */
gboolean tessera_code_challenge_is_verifier (const char *code_verifier);
/* RFC 7636 §4.6. */
gboolean tessera_code_challenge_matches (const char *code_challenge, const char *code_verifier);

G_END_DECLS
