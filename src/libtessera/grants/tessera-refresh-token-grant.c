/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14.2): it rotates, and its successor is
 * derived from it, so that a lost answer can be repeated although only digests are kept. */

#include "grants/tessera-refresh-token-grant-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

#include <string.h>

#define SECRET_LENGTH 43 /* base64url of 256 bits */

static gboolean
put_first (
    TesseraStore *store, const char *token, const char *grant_id, gint64 now_ms, GError **error)
{
  TesseraRefreshToken record = {
    .digest = tessera_digest (token, -1),
    .grant_id = (char *) grant_id,
    .issued_ms = now_ms,
  };

  return tessera_store_put_refresh_token (store, &record, error);
}

char *
tessera_refresh_token_begin (TesseraStore *store,
                             const char *grant_id,
                             gint64 now_ms,
                             GError **error)
{
  g_autoptr (TesseraSecret) token = tessera_secret_new (TESSERA_REFRESH_TOKEN_PREFIX);

  if (!put_first (store, token, grant_id, now_ms, error))
    return NULL;
  return g_steal_pointer (&token);
}

gboolean
tessera_refresh_token_looks_like (const char *token)
{
  return g_str_has_prefix (token, TESSERA_REFRESH_TOKEN_PREFIX)
         && strlen (token) == strlen (TESSERA_REFRESH_TOKEN_PREFIX) + SECRET_LENGTH;
}

/* HMAC-SHA-256 (rotation key, grant_id ‖ presented token): the same successor for the same token,
 * and nobody without the key can compute it (design.md §4). */
static char *
derive_successor (TesseraEngine *engine, const char *grant_id, const char *presented)
{
  g_autoptr (TesseraSecret) input = g_strconcat (grant_id, presented, NULL);
  TesseraDigest mac = tessera_hmac (tessera_key_ring_get_rotation_key (engine->keys),
                                    TESSERA_DIGEST_SIZE, input, strlen (input));
  g_autoptr (TesseraSecret) text = tessera_base64url_encode (mac.bytes, sizeof mac.bytes);

  return g_strconcat (TESSERA_REFRESH_TOKEN_PREFIX, text, NULL);
}

static gboolean
is_alive (TesseraEngine *engine, const TesseraGrant *grant, const TesseraRefreshToken *record)
{
  gint64 now_ms = tessera_clock_get_ms (engine->clock);
  gint64 idle_ms = engine->settings->refresh_token_idle_lifetime * G_GINT64_CONSTANT (1000);

  return now_ms < grant->expires_ms && now_ms < record->issued_ms + idle_ms;
}

static gboolean
is_within_window (TesseraEngine *engine, const TesseraRefreshToken *record)
{
  gint64 window_ms = engine->settings->replay_window * G_GINT64_CONSTANT (1000);

  return !record->successor_used
         && tessera_clock_get_ms (engine->clock) <= record->superseded_ms + window_ms;
}

/* Both or neither; neither without an error when the token is unknown. */
static TesseraGrant *
lookup (TesseraStore *store, const char *token, TesseraRefreshToken **out_record, GError **error)
{
  TesseraDigest digest = tessera_digest (token, -1);
  TesseraGrant *grant = NULL;

  *out_record = tessera_store_lookup_refresh_token (store, &digest, &grant, error);
  return grant;
}

TesseraGrant *
tessera_refresh_token_lookup_live (TesseraEngine *engine,
                                   TesseraStore *store,
                                   const char *token,
                                   TesseraRefreshToken **out_record,
                                   GError **error)
{
  g_autoptr (TesseraRefreshToken) record = NULL;
  g_autoptr (TesseraGrant) grant = lookup (store, token, &record, error);

  if (grant == NULL || !is_alive (engine, grant, record))
    return NULL;
  if (record->superseded_ms != 0 && !is_within_window (engine, record))
    return NULL;
  *out_record = g_steal_pointer (&record);
  return g_steal_pointer (&grant);
}

static gboolean
prepare (TesseraRedemption *redemption, GError **error)
{
  if (tessera_params_get (redemption->request->params, "refresh_token") == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "refresh_token is missing");
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_owner (TesseraRedemption *redemption, const TesseraGrant *grant, GError **error)
{
  const char *client_id = tessera_client_get_id (redemption->request->client);

  if (grant == NULL)
    return tessera_redemption_refuse (redemption, "refresh_token", "known", "unknown", error);
  if (g_strcmp0 (grant->client_id, client_id) != 0)
    return tessera_redemption_refuse (redemption, "refresh_token client_id", grant->client_id,
                                      client_id, error);
  return TRUE;
}

/* RFC 6749 §6: at most what the resource owner granted; the grant itself stays as it is. */
static gboolean
narrow (TesseraRedemption *redemption, const TesseraGrant *grant, GError **error)
{
  TesseraTokenRequest *request = redemption->request;
  TesseraAuthorization *authorization = &redemption->authorization;

  if (request->scope != NULL && !tessera_scope_is_subset (request->scope, grant->scope))
    {
      tessera_explanation_set (&redemption->explanation, "scope", grant->scope, request->scope);
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_SCOPE,
                           "The scope exceeds what was granted");
      return FALSE;
    }
  if (!tessera_target_narrow (request->resources, grant->resources, &authorization->resources,
                              &redemption->explanation, error))
    return FALSE;
  authorization->scope
      = tessera_target_narrow_scope (request->scope ? request->scope : grant->scope,
                                     authorization->resources, redemption->engine->resources);
  return TRUE;
}

static gboolean
rotate (TesseraRedemption *redemption,
        TesseraStore *store,
        const TesseraRefreshToken *record,
        GError **error)
{
  gint64 now_ms = tessera_clock_get_ms (redemption->engine->clock);
  TesseraRefreshToken successor = {
    .digest = tessera_digest (redemption->authorization.refresh_token, -1),
    .grant_id = record->grant_id,
    .issued_ms = now_ms,
  };

  return tessera_store_supersede_refresh_token (store, &record->digest, &successor, error);
}

static void
answer (TesseraRedemption *redemption, const TesseraGrant *grant, const char *presented)
{
  TesseraAuthorization *authorization = &redemption->authorization;

  authorization->client = g_object_ref (redemption->request->client);
  authorization->grant_type = tessera_refresh_token_grant.name;
  tessera_login_copy (&grant->login, &authorization->login);
  authorization->grant_id = g_strdup (grant->grant_id);
  authorization->claims_request = g_strdup (grant->claims_request);
  authorization->began_ms = grant->began_ms;
  authorization->refresh_token = derive_successor (redemption->engine, grant->grant_id, presented);
}

static gboolean
redeem (TesseraRedemption *redemption, TesseraStore *store, GError **error)
{
  TesseraEngine *engine = redemption->engine;
  const char *presented = tessera_params_get (redemption->request->params, "refresh_token");
  g_autoptr (TesseraRefreshToken) record = NULL;
  g_autoptr (TesseraGrant) grant = NULL;
  g_autoptr (GError) storage_error = NULL;

  tessera_redemption_reset (redemption);
  grant = lookup (store, presented, &record, &storage_error);
  if (storage_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&storage_error));
      return FALSE;
    }
  if (!check_owner (redemption, grant, error))
    return FALSE;
  if (record->superseded_ms != 0 && !is_within_window (engine, record))
    return tessera_redemption_refuse_replay (redemption, store, "refresh_token", grant->grant_id,
                                             error);
  if (!is_alive (engine, grant, record))
    return tessera_redemption_refuse (redemption, "refresh_token", "lifetime", "expired", error);
  if (!narrow (redemption, grant, error))
    return FALSE;

  answer (redemption, grant, presented);
  /* Inside the window the successor exists already: the same one is handed out again. */
  return record->superseded_ms != 0 || rotate (redemption, store, record, error);
}

const TesseraGrantType tessera_refresh_token_grant = {
  .name = "refresh_token",
  .prepare = prepare,
  .redeem = redeem,
};
