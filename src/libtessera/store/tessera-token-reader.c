/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads access tokens: signature, type, issuer and times (RFC 9068 §4, RFC 8725 §3). */

#include "store/tessera-token-reader-private.h"

#include <string.h>

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, why);
  return FALSE;
}

static gboolean
check_key (const TesseraTokenReader *self,
           const char *kid,
           TesseraAlgorithm algorithm,
           TesseraKey **out_key,
           GError **error)
{
  if (kid == NULL)
    return refuse (error, "The token names no key");
  *out_key = self->lookup_key (self->data, kid);
  return (*out_key != NULL && tessera_key_get_algorithm (*out_key) == algorithm)
         || refuse (error, "The token names an unknown key");
}

/* RFC 9068 §4: the type that its audience was promised, and no other. */
static gboolean
check_type (const TesseraTokenReader *self,
            const char *typ,
            TesseraAccessToken *token,
            GError **error)
{
  return (typ != NULL && tessera_jwt_is_type (typ, self->get_type (self->data, token)))
         || refuse (error, "The token is no access token");
}

/* What its text says is known; whether that holds is asked as ever. */
static TesseraAccessToken *
recognize (const TesseraTokenReader *self,
           TesseraTokenProfile *profile,
           const guint8 jti[16],
           GError **error)
{
  g_autoptr (TesseraAccessToken) access_token
      = tessera_access_token_new_seen (profile, jti, self->issuer, self->now_ms, error);

  if (access_token == NULL || !check_type (self, profile->outline.typ, access_token, error))
    return NULL;
  return g_steal_pointer (&access_token);
}

static TesseraAccessToken *
read_claims (const TesseraTokenReader *self, TesseraJwt *jwt, GError **error)
{
  g_autoptr (TesseraAccessToken) access_token = NULL;

  if (!tessera_jwt_read_claims (jwt, error))
    return NULL;
  access_token = tessera_access_token_new (jwt, self->origin, self->issuer, self->now_ms, error);
  if (access_token == NULL || !check_type (self, jwt->typ, access_token, error))
    return NULL;
  return g_steal_pointer (&access_token);
}

static gboolean
read_outline (const TesseraTokenReader *self,
              const TesseraJwt *jwt,
              TesseraTokenOutline *out_outline)
{
  *out_outline
      = (TesseraTokenOutline){ .algorithm = jwt->algorithm, .typ = jwt->typ, .kid = jwt->kid };
  return jwt->typ != NULL && strlen (jwt->payload) == jwt->payload_length
         && tessera_seen_tokens_read_outline (self->seen, out_outline, jwt->payload);
}

/* With a good signature: who is it, and is it still good? */
static TesseraAccessToken *
understand (const TesseraTokenReader *self,
            TesseraJwt *jwt,
            const TesseraDigest *digest,
            GError **error)
{
  TesseraTokenOutline outline;
  gboolean outlined = read_outline (self, jwt, &outline);
  g_autoptr (TesseraTokenProfile) profile
      = outlined ? tessera_seen_tokens_dup_profile (self->seen, &outline) : NULL;
  TesseraAccessToken *access_token = profile != NULL ? recognize (self, profile, outline.jti, error)
                                                     : read_claims (self, jwt, error);

  if (access_token != NULL)
    tessera_seen_tokens_add_digest (self->seen, digest, outlined ? &outline : NULL, jwt->claims);
  return access_token;
}

/* @known_good: its signature was seen to be good. @digest: of the text. */
static TesseraAccessToken *
read_token (const TesseraTokenReader *self,
            const char *token,
            gsize length,
            gboolean known_good,
            const TesseraDigest *digest,
            GError **error)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_split (token, length, error);
  g_autoptr (TesseraKey) key = NULL;

  if (jwt == NULL || !check_key (self, jwt->kid, jwt->algorithm, &key, error))
    return NULL;
  if (!known_good && !tessera_jwt_verify (jwt, key))
    {
      refuse (error, "The token's signature is not good");
      return NULL;
    }
  return understand (self, jwt, digest, error);
}

TesseraAccessToken *
tessera_token_reader_read (const TesseraTokenReader *self,
                           const char *token,
                           gsize length,
                           GError **error)
{
  g_auto (TesseraSeenToken) seen = { 0 };
  g_autoptr (TesseraKey) key = NULL;
  gboolean known_good = length <= TESSERA_JWT_MAX_LENGTH
                        && tessera_seen_tokens_lookup (self->seen, token, length, &seen);

  if (seen.profile == NULL)
    return read_token (self, token, length, known_good, &seen.digest, error);
  if (!check_key (self, seen.profile->outline.kid, seen.profile->outline.algorithm, &key, error))
    return NULL;
  return recognize (self, seen.profile, seen.jti, error);
}
