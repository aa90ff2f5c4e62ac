/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place that accepts an access token of our own (RFC 9068 §4, RFC 8725 §3). */

#include "grants/tessera-engine-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-target-private.h"

gint64
tessera_engine_get_access_token_lifetime (TesseraEngine *self, TesseraClient *client)
{
  int own = tessera_client_get_access_token_lifetime (client);

  return own > 0 ? own : (gint64) self->settings->access_token_lifetime;
}

gint64
tessera_engine_get_refresh_token_lifetime (TesseraEngine *self, TesseraClient *client)
{
  int own = tessera_client_get_refresh_token_lifetime (client);

  return own > 0 ? own : (gint64) self->settings->refresh_token_lifetime;
}

gint64
tessera_engine_get_longest_lifetime_ms (TesseraEngine *self)
{
  g_autoptr (GPtrArray) clients = tessera_client_registry_list (self->clients);
  gint64 longest = self->settings->access_token_lifetime;

  for (guint i = 0; i < clients->len; i++)
    longest = MAX (longest,
                   tessera_engine_get_access_token_lifetime (self, g_ptr_array_index (clients, i)));
  return longest * 1000;
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, why);
  return FALSE;
}

static gboolean
check_signature (
    TesseraEngine *self, const TesseraJwt *jwt, const char *token, gsize length, GError **error)
{
  g_autoptr (TesseraKey) key = NULL;

  if (jwt->kid == NULL)
    return refuse (error, "The token names no key");
  key = tessera_key_ring_lookup (self->keys, jwt->kid);
  if (key == NULL || tessera_key_get_algorithm (key) != jwt->algorithm)
    return refuse (error, "The token names an unknown key");
  if (tessera_signature_cache_contains (self->signatures, token, length))
    return TRUE;
  if (!tessera_jwt_verify (jwt, key))
    return refuse (error, "The token's signature is not good");
  tessera_signature_cache_add (self->signatures, token, length);
  return TRUE;
}

/* RFC 9068 §4: the type that its audience was promised, and no other. */
static gboolean
check_type (TesseraEngine *self, const TesseraJwt *jwt, TesseraAccessToken *token, GError **error)
{
  const char *const *audience = tessera_access_token_get_audience (token);
  const TesseraResource *resource = tessera_target_lookup (audience, self->resources);
  const char *typ
      = resource != NULL && resource->token_type != NULL ? resource->token_type : "at+jwt";

  return tessera_jwt_has_type (jwt, typ) || refuse (error, "The token is no access token");
}

TesseraAccessToken *
tessera_engine_verify_token (TesseraEngine *self, const char *token, gsize length, GError **error)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, length, error);
  g_autoptr (TesseraAccessToken) access_token = NULL;

  if (jwt == NULL || !check_signature (self, jwt, token, length, error))
    return NULL;
  access_token = tessera_access_token_new (jwt, self->settings->issuer,
                                           tessera_clock_get_ms (self->clock), error);
  if (access_token == NULL || !check_type (self, jwt, access_token, error))
    return NULL;
  return g_steal_pointer (&access_token);
}

gboolean
tessera_engine_is_denied (TesseraEngine *self, TesseraAccessToken *token)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (self->clients, tessera_access_token_get_client_id (token));
  TesseraTokenIdentity identity;

  tessera_access_token_get_identity (token, &identity);
  return client == NULL || tessera_deny_list_check (self->deny_list, &identity);
}

TesseraAccessToken *
tessera_engine_check_token (
    TesseraEngine *self, const char *token, gsize length, const char *audience, GError **error)
{
  g_autoptr (TesseraAccessToken) access_token
      = tessera_engine_verify_token (self, token, length, error);

  if (access_token == NULL)
    return NULL;
  if (audience != NULL && !tessera_access_token_has_audience (access_token, audience))
    {
      refuse (error, "The token is for another audience");
      return NULL;
    }
  if (tessera_engine_is_denied (self, access_token))
    {
      refuse (error, "The token was revoked");
      return NULL;
    }
  return g_steal_pointer (&access_token);
}
