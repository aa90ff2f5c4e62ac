/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client assertions: a JWT that a client signs to say who it is (RFC 7523 §2.2, §3; RFC 7521 §4.2,
 * §5.2; what rfc7523bis says of the audience). */

#include "endpoints/tessera-client-assertion-private.h"

#include <string.h>

#define ID_MAX_LENGTH 256

const char *
tessera_client_assertion_get_client_id (const TesseraJwt *self)
{
  const char *iss = tessera_claims_get_string (self->claims, "iss");
  const char *sub = tessera_claims_get_string (self->claims, "sub");

  /* RFC 7523 §3, 2B: of a client, both are its client_id. */
  return iss != NULL && g_strcmp0 (iss, sub) == 0 ? iss : NULL;
}

/* A token of another kind must not pass for one (RFC 8725 §3.11). */
static gboolean
has_right_type (const TesseraJwt *self)
{
  return self->typ == NULL || tessera_jwt_has_type (self, "JWT")
         || tessera_jwt_has_type (self, "client-authentication+jwt");
}

static gboolean
is_ours (const TesseraSettings *settings, const char *audience)
{
  g_autofree char *token_endpoint = tessera_settings_dup_url (settings, settings->token_path);

  return g_str_equal (audience, settings->issuer) || g_str_equal (audience, token_endpoint);
}

/* rfc7523bis: the issuer and nothing else, as a string. Any other audience could be that of another
 * server, to which a malicious one made the client send it. Where older clients are let in, all
 * that they name must still be of this server. */
static gboolean
has_right_audience (const TesseraJwt *self, const TesseraSettings *settings)
{
  if (!settings->assertions_for_token_endpoint)
    return g_strcmp0 (tessera_claims_get_string (self->claims, "aud"), settings->issuer) == 0;

  g_auto (GStrv) audiences = tessera_claims_dup_strings (self->claims, "aud");
  if (audiences == NULL || audiences[0] == NULL)
    return FALSE;
  for (char **audience = audiences; *audience != NULL; audience++)
    if (!is_ours (settings, *audience))
      return FALSE;
  return TRUE;
}

/* RFC 7523 §3, 4: `exp` is required; and it is near, for so long `jti` is remembered. */
static gboolean
has_right_expiry (const TesseraJwt *self, gint64 now)
{
  const gint64 latest
      = now + TESSERA_CLIENT_ASSERTION_MAX_LIFETIME + TESSERA_CLIENT_ASSERTION_LEEWAY;
  gint64 exp;

  return tessera_claims_get_int (self->claims, "exp", &exp) && exp > now && exp <= latest;
}

/* RFC 7523 §3, 5 and 6: absent, or past. */
static gboolean
is_past (const TesseraJwt *self, const char *claim, gint64 now)
{
  gint64 time;

  if (!tessera_claims_has (self->claims, claim))
    return TRUE;
  return tessera_claims_get_int (self->claims, claim, &time)
         && time <= now + TESSERA_CLIENT_ASSERTION_LEEWAY;
}

static gboolean
has_right_id (const TesseraJwt *self)
{
  const char *jti = tessera_claims_get_string (self->claims, "jti");

  return jti != NULL && *jti != '\0' && strlen (jti) <= ID_MAX_LENGTH;
}

const char *
tessera_client_assertion_find_fault (const TesseraJwt *self,
                                     TesseraClient *client,
                                     const TesseraSettings *settings,
                                     gint64 now_seconds)
{
  if (g_strcmp0 (tessera_client_assertion_get_client_id (self), tessera_client_get_id (client))
      != 0)
    return "iss or sub of another client";
  if (!has_right_type (self))
    return "another typ";
  if (!tessera_client_check_signature (client, self))
    return "no signature by a registered key and algorithm";
  if (!has_right_audience (self, settings))
    return "another aud";
  if (!has_right_expiry (self, now_seconds))
    return "exp absent, past or too far ahead";
  if (!is_past (self, "iat", now_seconds) || !is_past (self, "nbf", now_seconds))
    return "iat or nbf in the future";
  if (!has_right_id (self))
    return "jti absent or too long";
  return NULL;
}

TesseraDigest
tessera_client_assertion_get_digest (const TesseraJwt *self)
{
  const char *jti = tessera_claims_get_string (self->claims, "jti");
  g_autoptr (GString) text = g_string_new (tessera_client_assertion_get_client_id (self));

  /* No client_id has a NUL in it, so that no two pairs look the same. */
  g_string_append_c (text, '\0');
  g_string_append (text, jti);
  return tessera_digest (text->str, (gssize) text->len);
}

gint64
tessera_client_assertion_get_expiry_ms (const TesseraJwt *self)
{
  gint64 exp = 0;

  tessera_claims_get_int (self->claims, "exp", &exp);
  return exp * 1000;
}
