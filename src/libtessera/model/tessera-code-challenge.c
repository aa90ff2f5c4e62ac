/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Proof Key for Code Exchange, S256 only (RFC 7636 §4, RFC 9700 §2.1.1). */

#include "model/tessera-code-challenge-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"

#include <string.h>

#define S256_LENGTH 43 /* base64url of 32 bytes */
#define VERIFIER_MAX 128

static gboolean
has_only (const char *text, const char *punctuation)
{
  for (; *text != '\0'; text++)
    if (!g_ascii_isalnum (*text) && strchr (punctuation, *text) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
tessera_code_challenge_check (const char *code_challenge,
                              const char *code_challenge_method,
                              GError **error)
{
  if (code_challenge == NULL && code_challenge_method == NULL)
    return TRUE;

  if (code_challenge == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "code_challenge_method without code_challenge");
      return FALSE;
    }
  /* RFC 7636 §4.3: an absent method means plain, which is not offered (RFC 9700 §2.1.1). */
  if (g_strcmp0 (code_challenge_method, "S256") != 0)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "code_challenge_method must be S256");
      return FALSE;
    }
  if (strlen (code_challenge) != S256_LENGTH || !has_only (code_challenge, "-_"))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "code_challenge must be 43 base64url characters");
      return FALSE;
    }
  return TRUE;
}

gboolean
tessera_code_challenge_is_verifier (const char *code_verifier)
{
  gsize length = strlen (code_verifier);

  return length >= S256_LENGTH && length <= VERIFIER_MAX && has_only (code_verifier, "-._~");
}

gboolean
tessera_code_challenge_matches (const char *code_challenge, const char *code_verifier)
{
  TesseraDigest digest = tessera_digest (code_verifier, -1);
  g_autofree char *computed = tessera_base64url_encode (digest.bytes, sizeof digest.bytes);

  return tessera_secret_equal (computed, code_challenge);
}
