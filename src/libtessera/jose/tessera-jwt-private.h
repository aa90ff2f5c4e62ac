/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-claims-private.h"
#include "jose/tessera-key-private.h"

G_BEGIN_DECLS

/* Compact JWS (RFC 7515 §3.1) with a JSON claim set: made and verified by OpenSSL with keys that
 * stay parsed. Only the compact form, only the four algorithms, only the key's own one. */
typedef struct
{
  char *typ;                  /* as it stands in the header; NULL when absent */
  char *kid;                  /* at most 128 characters; NULL when absent */
  TesseraAlgorithm algorithm; /* of a signature; nothing where there is a MAC */
  guint mac_bits;             /* 256, 384 or 512 of an HMAC (RFC 7518 §3.2); 0: it is signed */
  TesseraClaims *claims;
  char *payload; /* the claims as they stand in the token, and a NUL */
  gsize payload_length;
  /* Borrowed from the token text: */
  const char *signing_input;
  gsize signing_input_length;
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize signature_length;
} TesseraJwt;

#define TESSERA_JWT_MAX_LENGTH 8192

/* header.payload.signature with header {"alg","kid","typ"}. */
char *tessera_jwt_sign (TesseraKey *key, const char *typ, TesseraClaims *claims, GError **error);
/* The same with claims that are written already. */
char *
tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims_json, GError **error);
/* Syntax only; nothing is believed yet. Refuses `crit`, `zip`, `b64`, unknown algorithms, duplicate
 * members, lax base64url, more than TESSERA_JWT_MAX_LENGTH bytes; ignores jku, jwk, x5u, x5c.
 * @token must outlive the result. TESSERA_ERROR_INVALID_TOKEN. */
TesseraJwt *tessera_jwt_parse (const char *token, gsize length, GError **error);
/* The same of one with an HMAC, and of no other. What has one is never good by a key, and what is
 * signed never by a secret: so that the public half of a key is no secret (RFC 8725 §2.1). */
TesseraJwt *tessera_jwt_parse_mac (const char *token, gsize length, GError **error);
/* The same in two steps: all but the claims, which may be read when the signature was verified. */
TesseraJwt *tessera_jwt_split (const char *token, gsize length, GError **error);
/* The first step for what is longer than a token of somebody; its claims are for the caller. */
TesseraJwt *
tessera_jwt_split_long (const char *token, gsize length, gsize max_length, GError **error);
gboolean tessera_jwt_read_claims (TesseraJwt *self, GError **error);
gboolean tessera_jwt_verify (const TesseraJwt *self, TesseraKey *key);
/* Of an HMAC: FALSE for any other name. */
gboolean tessera_jwt_parse_mac_name (const char *name, guint *out_bits);
const char *tessera_jwt_get_mac_name (const TesseraJwt *self); /* NULL: it has none */
/* FALSE also for a secret that is shorter than the HMAC (RFC 7518 §3.2). */
gboolean tessera_jwt_verify_mac (const TesseraJwt *self, const char *secret);
void tessera_jwt_free (TesseraJwt *self);
/* RFC 8725 §3.11: case-insensitive, `application/` optional. */
gboolean tessera_jwt_has_type (const TesseraJwt *self, const char *typ);
gboolean tessera_jwt_is_type (const char *typ, const char *wanted);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraJwt, tessera_jwt_free)

G_END_DECLS
