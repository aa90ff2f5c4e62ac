/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place that accepts an access token of our own (RFC 9068 §4). */

#include "grants/tessera-engine-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-target-private.h"
#include "store/tessera-token-reader-private.h"

#include <string.h>

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
  gint64 longest = self->settings->access_token_lifetime;

  return MAX (longest, tessera_client_registry_get_longest_lifetime (self->clients)) * 1000;
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, why);
  return FALSE;
}

static TesseraKey *
lookup_key (gpointer self, const char *kid)
{
  return tessera_key_ring_lookup (((TesseraEngine *) self)->keys, kid);
}

/* The type that its audience was promised (RFC 9068 §4). */
static const char *
get_type (gpointer data, TesseraAccessToken *token)
{
  TesseraEngine *self = data;
  const char *const *audience = tessera_access_token_get_audience (token);
  const TesseraResource *resource = tessera_target_lookup (audience, self->resources);

  return resource != NULL && resource->token_type != NULL ? resource->token_type : "at+jwt";
}

TesseraAccessToken *
tessera_engine_verify_token (TesseraEngine *self, const char *token, gsize length, GError **error)
{
  const TesseraTokenReader reader = { .issuer = self->settings->issuer,
                                      .origin = TESSERA_TOKEN_OWN,
                                      .seen = self->seen,
                                      .lookup_key = lookup_key,
                                      .get_type = get_type,
                                      .data = self,
                                      .now_ms = tessera_clock_get_ms (self->clock) };

  return tessera_token_reader_read (&reader, token, length, error);
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
  gboolean denied = tessera_engine_is_denied (self, access_token);
  if (denied && tessera_client_registry_has_failed (self->clients))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                           "The store failed: whether the token is good cannot be told");
      return NULL;
    }
  if (denied)
    {
      refuse (error, "The token was revoked");
      return NULL;
    }
  return g_steal_pointer (&access_token);
}
