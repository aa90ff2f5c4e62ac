/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A verified access token: the claims of RFC 9068 §2.2, checked once and then immutable. */

#include "model/tessera-access-token-private.h"

#include "base/tessera-clock-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define CLOCK_SKEW_SECONDS 60

/**
 * TesseraAccessToken:
 *
 * An access token that was verified: its signature, type, issuer and times were good, and it was
 * not revoked. A handler behind the guard asks [func@get_access_token] for the one of its request.
 *
 * Immutable; its getters may be called from any thread. What they return belongs to the object.
 */
struct _TesseraAccessToken
{
  GObject parent_instance;

  TesseraTokenProfile *profile; /* or NULL */
  TesseraClaims *claims;        /* atomic; with a profile, when they were asked for */
  char *own_kid;                /* without a profile, as the next */
  char **own_audience;
  char own_jti[TESSERA_UUID_LENGTH + 1]; /* with a profile */

  const char *kid;
  const char *jti;
  const char *subject;
  const char *client_id;
  const char *grant_id;
  const char *session_id;
  const char *scope;
  const char *const *audience;
  gint64 issued_ms;
  gint64 iat;
  gint64 exp;
  gboolean stale;
};

G_DEFINE_FINAL_TYPE (TesseraAccessToken, tessera_access_token, G_TYPE_OBJECT)

static void
tessera_access_token_finalize (GObject *object)
{
  TesseraAccessToken *self = TESSERA_ACCESS_TOKEN (object);

  g_clear_pointer (&self->claims, tessera_claims_unref);
  g_clear_pointer (&self->profile, tessera_token_profile_unref);
  g_free (self->own_kid);
  g_strfreev (self->own_audience);
  G_OBJECT_CLASS (tessera_access_token_parent_class)->finalize (object);
}

static void
tessera_access_token_class_init (TesseraAccessTokenClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_access_token_finalize;
}

static void
tessera_access_token_init (TesseraAccessToken *self)
{
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, why);
  return FALSE;
}

/* RFC 9068 §2.2: iss, exp, aud, sub, client_id, iat and jti are required. */
static gboolean
read_claims (TesseraAccessToken *self,
             TesseraTokenOrigin origin,
             const char *issuer,
             GError **error)
{
  TesseraClaims *claims = self->claims;

  self->jti = tessera_claims_get_string (claims, "jti");
  self->subject = tessera_claims_get_string (claims, "sub");
  self->client_id = tessera_claims_get_string (claims, "client_id");
  self->grant_id = tessera_claims_get_string (claims, "grant_id");
  self->session_id = tessera_claims_get_string (claims, "sid");
  self->scope = tessera_claims_get_string (claims, "scope");
  self->own_audience = tessera_claims_dup_strings (claims, "aud");
  self->audience = (const char *const *) self->own_audience;

  /* Exact, not even a trailing slash is forgiven (threats.md D08). */
  if (g_strcmp0 (tessera_claims_get_string (claims, "iss"), issuer) != 0)
    return refuse (error, "The token has another issuer");
  if (self->jti == NULL
      || (origin == TESSERA_TOKEN_OWN && !tessera_uuid_parse (self->jti, NULL, NULL)))
    return refuse (error, "The token has no usable jti");
  if (self->subject == NULL || self->client_id == NULL || self->audience == NULL
      || self->audience[0] == NULL)
    return refuse (error, "The token lacks a required claim");
  if (!tessera_claims_get_int (claims, "iat", &self->iat)
      || !tessera_claims_get_int (claims, "exp", &self->exp))
    return refuse (error, "The token lacks a required time");
  if (!tessera_uuid_parse (self->jti, NULL, &self->issued_ms))
    self->issued_ms = CLAMP (self->iat, 0, TESSERA_CLOCK_MAX_MS / 1000) * 1000;
  return TRUE;
}

static gboolean
check_nbf (TesseraAccessToken *self, gint64 now, GError **error)
{
  gint64 nbf;

  if (tessera_claims_has (self->claims, "nbf")
      && (!tessera_claims_get_int (self->claims, "nbf", &nbf) || nbf > now + CLOCK_SKEW_SECONDS))
    return refuse (error, "The token is not valid yet");
  return TRUE;
}

static gboolean
check_times (TesseraAccessToken *self, gint64 now, GError **error)
{
  if (self->exp <= now)
    return refuse (error, "The token has expired");
  if (self->exp > TESSERA_CLOCK_MAX_MS / 1000) /* D09: milliseconds of it must not overflow */
    return refuse (error, "The token expires too late");
  if (self->iat > now + CLOCK_SKEW_SECONDS)
    return refuse (error, "The token is from the future");
  return TRUE;
}

TesseraAccessToken *
tessera_access_token_new (const TesseraJwt *jwt,
                          TesseraTokenOrigin origin,
                          const char *issuer,
                          gint64 now_ms,
                          GError **error)
{
  g_autoptr (TesseraAccessToken) self = g_object_new (TESSERA_TYPE_ACCESS_TOKEN, NULL);

  self->claims = tessera_claims_ref (jwt->claims);
  self->own_kid = g_strdup (jwt->kid);
  self->kid = self->own_kid;
  if (!read_claims (self, origin, issuer, error) || !check_times (self, now_ms / 1000, error)
      || !check_nbf (self, now_ms / 1000, error))
    return NULL;
  return g_steal_pointer (&self);
}

static void
read_profile (TesseraAccessToken *self, TesseraTokenProfile *profile)
{
  self->profile = tessera_token_profile_ref (profile);
  self->kid = profile->outline.kid;
  self->subject = profile->subject;
  self->client_id = profile->client_id;
  self->grant_id = profile->grant_id;
  self->session_id = profile->session_id;
  self->scope = profile->scope;
  self->audience = (const char *const *) profile->audience;
}

TesseraAccessToken *
tessera_access_token_new_seen (TesseraTokenProfile *profile,
                               const guint8 jti[16],
                               const char *issuer,
                               gint64 now_ms,
                               GError **error)
{
  g_autoptr (TesseraAccessToken) self = g_object_new (TESSERA_TYPE_ACCESS_TOKEN, NULL);

  read_profile (self, profile);
  tessera_uuid_write (jti, self->own_jti);
  self->jti = self->own_jti;
  self->issued_ms = tessera_uuid_get_ms (jti);
  self->iat = self->issued_ms / 1000;
  self->exp = self->iat + profile->outline.lifetime;
  if (strcmp (profile->issuer, issuer) != 0)
    {
      refuse (error, "The token has another issuer");
      return NULL;
    }
  /* What has an nbf has no profile. */
  return check_times (self, now_ms / 1000, error) ? g_steal_pointer (&self) : NULL;
}

void
tessera_access_token_get_identity (TesseraAccessToken *self, TesseraTokenIdentity *out_identity)
{
  *out_identity = (TesseraTokenIdentity){
    .jti = self->jti,
    .issued_ms = self->issued_ms,
    .expires_ms = self->exp * 1000,
    .subject = self->subject,
    .client_id = self->client_id,
    .grant_id = self->grant_id,
    .session_id = self->session_id,
    .kid = self->kid,
  };
}

gboolean
tessera_access_token_has_audience (TesseraAccessToken *self, const char *audience)
{
  return g_strv_contains (self->audience, audience);
}

void
tessera_access_token_set_stale (TesseraAccessToken *self)
{
  self->stale = TRUE;
}

TesseraClaims *
tessera_access_token_get_claims (TesseraAccessToken *self)
{
  TesseraClaims *claims = g_atomic_pointer_get (&self->claims);
  if (claims != NULL)
    return claims;

  g_autofree char *json = tessera_access_token_dup_claims_json (self);
  claims = tessera_claims_new_from_json (json, strlen (json), NULL);
  if (g_atomic_pointer_compare_and_exchange (&self->claims, NULL, claims))
    return claims;
  tessera_claims_unref (claims); /* another thread was faster */
  return g_atomic_pointer_get (&self->claims);
}

/**
 * tessera_access_token_get_id:
 * @self: an access token
 *
 * The token's identifier, claim `jti` (RFC 7519 §4.1.7): what logs may say instead of the token.
 *
 * Returns: (transfer none): a UUID of version 7 as text
 */
const char *
tessera_access_token_get_id (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->jti;
}

/**
 * tessera_access_token_get_subject:
 * @self: an access token
 *
 * On whose behalf the token acts, claim `sub`: the resource owner, or the client itself if it has a
 * token of its own (then it equals [method@AccessToken.get_client_id]; RFC 9068 §2.2).
 *
 * Returns: (transfer none): the subject
 */
const char *
tessera_access_token_get_subject (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->subject;
}

/**
 * tessera_access_token_get_client_id:
 * @self: an access token
 *
 * The client that was given the token, claim `client_id` (RFC 8693 §4.3).
 *
 * Returns: (transfer none): the client's identifier
 */
const char *
tessera_access_token_get_client_id (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->client_id;
}

/**
 * tessera_access_token_get_grant_id:
 * @self: an access token
 *
 * The approval behind the token, for [method@Server.revoke_grant].
 *
 * Returns: (transfer none) (nullable): the grant's identifier, or %NULL for a client's own token
 */
const char *
tessera_access_token_get_grant_id (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->grant_id;
}

/**
 * tessera_access_token_get_session_id:
 * @self: an access token
 *
 * The session in which the resource owner allowed it, claim `sid`.
 *
 * Returns: (transfer none) (nullable): the session's identifier, or %NULL
 */
const char *
tessera_access_token_get_session_id (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->session_id;
}

/**
 * tessera_access_token_get_scope:
 * @self: an access token
 *
 * What the token allows: scope names separated by single spaces (RFC 6749 §3.3).
 *
 * Returns: (transfer none): the scope, `""` when there is none
 */
const char *
tessera_access_token_get_scope (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->scope != NULL ? self->scope : "";
}

/**
 * tessera_access_token_has_scope:
 * @self: an access token
 * @name: one scope name
 *
 * Whether the token allows @name. A handler that finds it does not answers 403
 * `insufficient_scope` (RFC 6750 §3.1).
 *
 * Returns: %TRUE if it does
 */
gboolean
tessera_access_token_has_scope (TesseraAccessToken *self, const char *name)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  return tessera_scope_has (self->scope, name);
}

/**
 * tessera_access_token_get_audience:
 * @self: an access token
 *
 * The resource servers the token is for, claim `aud`.
 *
 * Returns: (transfer none) (array zero-terminated=1): at least one identifier
 */
const char *const *
tessera_access_token_get_audience (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  return self->audience;
}

/**
 * tessera_access_token_get_issued_at:
 * @self: an access token
 *
 * When the token was issued, claim `iat`.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_access_token_get_issued_at (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), 0);
  return self->iat;
}

/**
 * tessera_access_token_get_expires_at:
 * @self: an access token
 *
 * From when on the token is refused, claim `exp`.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_access_token_get_expires_at (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), 0);
  return self->exp;
}

/**
 * tessera_access_token_get_claim:
 * @self: an access token
 * @name: the claim's name
 *
 * Any claim that is a string, those that a handler of [signal@Server::issue-token] added too.
 *
 * Returns: (transfer none) (nullable): the value, or %NULL if it is absent or no string
 */
const char *
tessera_access_token_get_claim (TesseraAccessToken *self, const char *name)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);
  return tessera_claims_get_string (tessera_access_token_get_claims (self), name);
}

/**
 * tessera_access_token_dup_claims_json:
 * @self: an access token
 *
 * All claims of the token as one JSON object.
 *
 * Returns: (transfer full): JSON text, to be released with g_free()
 */
char *
tessera_access_token_dup_claims_json (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), NULL);
  if (self->profile != NULL)
    return tessera_token_profile_dup_claims_json (self->profile, self->jti, self->iat);
  return tessera_claims_to_json (self->claims);
}

/**
 * tessera_access_token_is_stale:
 * @self: an access token
 *
 * Whether it was accepted although nobody could tell whether it was revoked lately: by a
 * [class@Verifier] with [property@Verifier:accept-stale] that has not heard of its issuer for
 * longer than [property@Verifier:max-staleness].
 *
 * Returns: %TRUE if it may have been revoked since
 */
gboolean
tessera_access_token_is_stale (TesseraAccessToken *self)
{
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (self), FALSE);
  return self->stale;
}
