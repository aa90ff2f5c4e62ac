/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a resource server believes of a status list (Token Status List §8.3, RFC 8725). */

#include "resource/tessera-status-list-token-private.h"

#include "base/tessera-clock-private.h"
#include "base/tessera-json-private.h"

#include <string.h>

#define TYPE "statuslist+jwt"
#define CLOCK_SKEW_SECONDS 60
#define TTL_DEFAULT 60
#define LATEST (TESSERA_CLOCK_MAX_MS / 1000)

struct _TesseraStatusListToken
{
  TesseraStatusList *list;
  gint64 iat;
  gint64 exp; /* LATEST: never said */
  gint64 ttl;
};

void
tessera_status_list_token_free (TesseraStatusListToken *self)
{
  tessera_status_list_free (self->list);
  g_free (self);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, why);
  return FALSE;
}

static gboolean
verify (const TesseraJwt *jwt, TesseraStatusKeyLookup lookup_key, gpointer data, GError **error)
{
  g_autoptr (TesseraKey) key = NULL;

  /* RFC 8725 §3.11: no other kind of token may pass for a list. */
  if (!tessera_jwt_has_type (jwt, TYPE))
    return refuse (error, "This is no status list.");
  if (jwt->kid != NULL)
    key = lookup_key (jwt->kid, data);
  return (key != NULL && tessera_jwt_verify (jwt, key))
         || refuse (error, "The status list's signature is not good.");
}

/* Absent: as it was. FALSE: there, and no whole number from @least to LATEST. */
static gboolean
read_number (const json_t *claims, const char *name, gint64 least, gint64 *number)
{
  const json_t *value = json_object_get (claims, name);

  if (value == NULL)
    return TRUE;
  if (!json_is_integer (value))
    return FALSE;
  *number = json_integer_value (value);
  return *number >= least && *number <= LATEST;
}

static gboolean
read_times (TesseraStatusListToken *self, const json_t *claims, gint64 now_s, GError **error)
{
  self->iat = -1;
  self->exp = LATEST;
  self->ttl = TTL_DEFAULT;
  if (!read_number (claims, "iat", 0, &self->iat) || !read_number (claims, "exp", 0, &self->exp)
      || !read_number (claims, "ttl", 1, &self->ttl) || self->iat < 0)
    return refuse (error, "The times of the status list are malformed.");
  if (self->iat > now_s + CLOCK_SKEW_SECONDS)
    return refuse (error, "The status list is from the future.");
  return self->exp > now_s || refuse (error, "The status list has expired.");
}

static gboolean
read_list (TesseraStatusListToken *self, const json_t *claims, GError **error)
{
  const json_t *status_list = json_object_get (claims, "status_list");
  const json_t *bits = json_object_get (status_list, "bits");
  const json_t *lst = json_object_get (status_list, "lst");

  if (!json_is_integer (bits) || !json_is_string (lst) || json_integer_value (bits) < 0
      || json_integer_value (bits) > 8)
    return refuse (error, "The status list is malformed.");
  self->list
      = tessera_status_list_decode ((guint) json_integer_value (bits), json_string_value (lst),
                                    json_string_length (lst), error);
  return self->list != NULL;
}

static gboolean
read_claims (TesseraStatusListToken *self,
             const TesseraJwt *jwt,
             const char *uri,
             gint64 now_s,
             GError **error)
{
  g_autoptr (json_t) claims = tessera_json_parse (jwt->payload, jwt->payload_length,
                                                  TESSERA_STATUS_LIST_TOKEN_MAX_LENGTH, NULL);

  if (claims == NULL)
    return refuse (error, "The claims of the status list are malformed.");
  if (g_strcmp0 (json_string_value (json_object_get (claims, "sub")), uri) != 0)
    return refuse (error, "This is another status list.");
  return read_times (self, claims, now_s, error) && read_list (self, claims, error);
}

TesseraStatusListToken *
tessera_status_list_token_read (const char *token,
                                gsize length,
                                const char *uri,
                                gint64 now_s,
                                TesseraStatusKeyLookup lookup_key,
                                gpointer data,
                                GError **error)
{
  g_autoptr (TesseraJwt) jwt
      = tessera_jwt_split_long (token, length, TESSERA_STATUS_LIST_TOKEN_MAX_LENGTH, error);
  g_autoptr (TesseraStatusListToken) self = g_new0 (TesseraStatusListToken, 1);

  if (jwt == NULL || !verify (jwt, lookup_key, data, error)
      || !read_claims (self, jwt, uri, now_s, error))
    return NULL;
  return g_steal_pointer (&self);
}

const TesseraStatusList *
tessera_status_list_token_get_list (const TesseraStatusListToken *self)
{
  return self->list;
}

gint64
tessera_status_list_token_get_stale (const TesseraStatusListToken *self)
{
  return MIN (self->iat + self->ttl, self->exp);
}

gboolean
tessera_status_list_token_check (const TesseraStatusListToken *self,
                                 guint64 index,
                                 gint64 now_s,
                                 GError **error)
{
  guint8 status;

  if (self->exp <= now_s)
    return refuse (error, "The status list has expired.");
  /* Section 8.3: then nothing can be said of the token. */
  if (!tessera_status_list_get (self->list, index, &status))
    return refuse (error, "The status list is too short for the token.");
  return status == TESSERA_STATUS_VALID || refuse (error, "The token was revoked.");
}
