/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14.2): it rotates, and its successor is
 * the next turn of the same grant, so that a lost answer can be repeated although no token is kept.
 */

#include "grants/tessera-refresh-token-grant-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

char *
tessera_refresh_token_begin (const TesseraTokenKind *kind,
                             TesseraStore *store,
                             const TesseraGrant *grant,
                             gint64 now_ms,
                             GError **error)
{
  TesseraNumberedToken token = { .number = grant->number, .nonce = grant->nonce };

  if (!tessera_store_begin_rotation (store, grant->number, now_ms, error))
    return NULL;
  return tessera_numbered_token_write (kind, &token);
}

gboolean
tessera_refresh_token_looks_like (const char *token)
{
  return tessera_numbered_token_looks_like (TESSERA_REFRESH_TOKEN_PREFIX, token);
}

static gboolean
is_alive (TesseraEngine *engine, const TesseraGrant *grant, const TesseraRefreshToken *known)
{
  gint64 now_ms = tessera_clock_get_ms (engine->clock);
  gint64 idle_ms = engine->settings->refresh_token_idle_lifetime * G_GINT64_CONSTANT (1000);

  return now_ms < grant->expires_ms && now_ms < known->issued_ms + idle_ms;
}

static gboolean
is_within_window (TesseraEngine *engine, const TesseraRefreshToken *known)
{
  gint64 window_ms = engine->settings->replay_window * G_GINT64_CONSTANT (1000);

  return !known->successor_used
         && tessera_clock_get_ms (engine->clock) <= known->superseded_ms + window_ms;
}

/* Of an authentic token, whose turn came. */
static TesseraRefreshToken
judge (gint64 turn, const TesseraRotation *rotation)
{
  if (turn == rotation->turn)
    return (TesseraRefreshToken){ .issued_ms = rotation->issued_ms };
  if (turn == rotation->turn - 1)
    return (TesseraRefreshToken){ .issued_ms = rotation->before_ms,
                                  .superseded_ms = rotation->issued_ms };
  return (TesseraRefreshToken){ .superseded_ms = rotation->issued_ms, .successor_used = TRUE };
}

/* Its number may be another grant's by now; and a database that was put back knows nothing of the
 * turns that came after it was copied. */
TesseraGrant *
tessera_refresh_token_lookup (TesseraStore *store,
                              const TesseraNumberedToken *token,
                              TesseraRefreshToken *out_known,
                              GError **error)
{
  TesseraRotation rotation;
  g_autoptr (TesseraGrant) grant
      = tessera_store_lookup_rotation (store, token->number, &rotation, error);

  if (grant == NULL || !tessera_nonce_equal (&token->nonce, &grant->nonce)
      || token->turn > rotation.turn)
    return NULL;
  *out_known = judge (token->turn, &rotation);
  return g_steal_pointer (&grant);
}

TesseraGrant *
tessera_refresh_token_lookup_live (TesseraEngine *engine,
                                   TesseraStore *store,
                                   const TesseraNumberedToken *token,
                                   TesseraRefreshToken *out_known,
                                   GError **error)
{
  g_autoptr (TesseraGrant) grant = tessera_refresh_token_lookup (store, token, out_known, error);

  if (grant == NULL || !is_alive (engine, grant, out_known))
    return NULL;
  if (out_known->superseded_ms != 0 && !is_within_window (engine, out_known))
    return NULL;
  return g_steal_pointer (&grant);
}

/* One that we did not write costs the store nothing. */
static gboolean
prepare (TesseraRedemption *redemption, GError **error)
{
  const char *text = tessera_params_get (redemption->request->params, "refresh_token");
  const TesseraTokenKind *kind = tessera_key_ring_get_refresh_tokens (redemption->engine->keys);

  if (text == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "refresh_token is missing");
      return FALSE;
    }
  return tessera_numbered_token_read (kind, text, &redemption->presented)
         || tessera_redemption_refuse (redemption, "refresh_token", "known", "unknown", error);
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

static char *
write_successor (TesseraRedemption *redemption)
{
  const TesseraTokenKind *kind = tessera_key_ring_get_refresh_tokens (redemption->engine->keys);
  TesseraNumberedToken successor = redemption->presented;

  successor.turn++;
  return tessera_numbered_token_write (kind, &successor);
}

static void
answer (TesseraRedemption *redemption, const TesseraGrant *grant)
{
  TesseraAuthorization *authorization = &redemption->authorization;

  authorization->client = g_object_ref (redemption->request->client);
  authorization->grant_type = tessera_refresh_token_grant.name;
  tessera_login_copy (&grant->login, &authorization->login);
  authorization->grant_id = g_strdup (grant->grant_id);
  authorization->claims_request = g_strdup (grant->claims_request);
  authorization->began_ms = grant->began_ms;
  authorization->refresh_token = write_successor (redemption);
}

static gboolean
redeem (TesseraRedemption *redemption, TesseraStore *store, GError **error)
{
  TesseraEngine *engine = redemption->engine;
  TesseraRefreshToken known = { 0 };
  g_autoptr (TesseraGrant) grant = NULL;
  g_autoptr (GError) storage_error = NULL;

  tessera_redemption_reset (redemption);
  grant = tessera_refresh_token_lookup (store, &redemption->presented, &known, &storage_error);
  if (storage_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&storage_error));
      return FALSE;
    }
  if (!check_owner (redemption, grant, error))
    return FALSE;
  if (known.superseded_ms != 0 && !is_within_window (engine, &known))
    return tessera_redemption_refuse_replay (redemption, store, "refresh_token", grant->grant_id,
                                             error);
  if (!is_alive (engine, grant, &known))
    return tessera_redemption_refuse (redemption, "refresh_token", "lifetime", "expired", error);
  if (!narrow (redemption, grant, error))
    return FALSE;

  answer (redemption, grant);
  /* Inside the window the successor exists already: the same one is handed out again. */
  return known.superseded_ms != 0
         || tessera_store_rotate (store, grant->number, tessera_clock_get_ms (engine->clock),
                                  error);
}

const TesseraGrantType tessera_refresh_token_grant = {
  .name = "refresh_token",
  .prepare = prepare,
  .redeem = redeem,
};
