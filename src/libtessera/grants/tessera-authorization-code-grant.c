/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An authorization code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.6): single use, bound to client,
 * redirect_uri and code_challenge. A valid replay ends the grant; an invalid one changes nothing.
 */

#include "grants/tessera-grant-type-private.h"

#include "grants/tessera-refresh-token-grant-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-code-challenge-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

static gboolean
prepare (TesseraRedemption *redemption, GError **error)
{
  TesseraParams *params = redemption->request->params;
  const char *code_verifier = tessera_params_get (params, "code_verifier");

  if (tessera_params_get (params, "code") == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "code is missing");
      return FALSE;
    }
  if (code_verifier != NULL && !tessera_code_challenge_is_verifier (code_verifier))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "code_verifier must be 43 to 128 unreserved characters");
      return FALSE;
    }
  return TRUE;
}

/* RFC 6749 §4.1.3: identical if it was in the authorization request. */
static gboolean
check_redirect_uri (TesseraRedemption *redemption,
                    const TesseraAuthorizationCode *code,
                    GError **error)
{
  const char *redirect_uri = tessera_params_get (redemption->request->params, "redirect_uri");

  if (redirect_uri == NULL && !code->redirect_uri_was_sent)
    return TRUE;
  if (g_strcmp0 (redirect_uri, code->redirect_uri) == 0)
    return TRUE;
  return tessera_redemption_refuse (redemption, "redirect_uri", code->redirect_uri, redirect_uri,
                                    error);
}

static gboolean
check_code_verifier (TesseraRedemption *redemption,
                     const TesseraAuthorizationCode *code,
                     GError **error)
{
  const char *code_verifier = tessera_params_get (redemption->request->params, "code_verifier");

  if (code->code_challenge == NULL && code_verifier == NULL)
    return TRUE;
  /* RFC 9700 §2.1.1: a verifier without a challenge is a downgrade. */
  if (code->code_challenge == NULL)
    return tessera_redemption_refuse (redemption, "code_verifier", "no code_challenge", "present",
                                      error);
  if (code_verifier == NULL)
    return tessera_redemption_refuse (redemption, "code_verifier", "code_challenge", "absent",
                                      error);
  if (!tessera_code_challenge_matches (code->code_challenge, code_verifier))
    return tessera_redemption_refuse (redemption, "code_verifier", "code_challenge", "no match",
                                      error);
  return TRUE;
}

/* Everything but the single use: what fails here leaves the code as it was. */
static gboolean
check_code (TesseraRedemption *redemption, const TesseraAuthorizationCode *code, GError **error)
{
  const char *client_id = tessera_client_get_id (redemption->request->client);

  if (code == NULL)
    return tessera_redemption_refuse (redemption, "code", "known", "unknown", error);
  if (g_strcmp0 (code->client_id, client_id) != 0)
    return tessera_redemption_refuse (redemption, "code client_id", code->client_id, client_id,
                                      error);
  return check_redirect_uri (redemption, code, error)
         && check_code_verifier (redemption, code, error);
}

/* OpenID Connect Back-Channel Logout §2.1: whoever is told of this login will hear of its end, as
 * long as something of it can be good. */
static gboolean
put_participant (TesseraRedemption *redemption,
                 TesseraStore *store,
                 const TesseraGrant *grant,
                 GError **error)
{
  TesseraClient *client = redemption->request->client;
  gint64 session_ms = redemption->engine->settings->session_lifetime * G_GINT64_CONSTANT (1000);
  TesseraParticipant participant = {
    .session_id = grant->login.session_id,
    .client_id = grant->client_id,
    .subject = grant->login.subject,
    .sub = grant->login.sub,
    .began_ms = grant->began_ms,
    .expires_ms = MAX (grant->expires_ms, grant->login.auth_time * 1000 + session_ms),
  };

  return tessera_client_get_backchannel_logout_uri (client) == NULL
         || participant.session_id == NULL || !tessera_scope_has (grant->scope, "openid")
         || tessera_store_put_participant (store, &participant, error);
}

static gboolean
put_grant (TesseraRedemption *redemption,
           TesseraStore *store,
           const TesseraAuthorizationCode *code,
           gint64 now_ms,
           GError **error)
{
  TesseraClient *client = redemption->request->client;
  gboolean refreshes = tessera_client_allows_grant_type (client, "refresh_token");
  gint64 lifetime = refreshes
                        ? tessera_engine_get_refresh_token_lifetime (redemption->engine, client)
                        : tessera_engine_get_access_token_lifetime (redemption->engine, client);
  g_autoptr (TesseraGrant) grant = g_new0 (TesseraGrant, 1);

  grant->nonce = tessera_nonce_new ();
  grant->grant_id = tessera_identifier_new_at (now_ms);
  grant->client_id = g_strdup (code->client_id);
  tessera_login_copy (&code->login, &grant->login);
  grant->scope = g_strdup (code->scope);
  grant->resources = g_strdup (code->resources);
  grant->claims_request = g_strdup (code->claims_request);
  grant->began_ms = code->began_ms;
  grant->last_used_ms = now_ms;
  grant->expires_ms = now_ms + lifetime * 1000;

  if (!tessera_store_put_grant (store, grant, &grant->number, error)
      || !tessera_store_redeem_code (store, code, grant->grant_id, now_ms, error)
      || !put_participant (redemption, store, grant, error))
    return FALSE;
  redemption->authorization.grant_id = g_strdup (grant->grant_id);
  if (!refreshes)
    return TRUE;
  redemption->authorization.refresh_token
      = tessera_refresh_token_begin (tessera_key_ring_get_refresh_tokens (redemption->engine->keys),
                                     store, grant, now_ms, error);
  return redemption->authorization.refresh_token != NULL;
}

static gboolean
redeem (TesseraRedemption *redemption, TesseraStore *store, GError **error)
{
  TesseraTokenRequest *request = redemption->request;
  TesseraAuthorization *authorization = &redemption->authorization;
  TesseraDigest digest = tessera_digest (tessera_params_get (request->params, "code"), -1);
  gint64 now_ms = tessera_clock_get_ms (redemption->engine->clock);
  g_autoptr (GError) storage_error = NULL;
  g_autoptr (TesseraAuthorizationCode) code = NULL;

  tessera_redemption_reset (redemption);
  code = tessera_store_lookup_code (store, &digest, &storage_error);
  if (storage_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&storage_error));
      return FALSE;
    }
  if (!check_code (redemption, code, error))
    return FALSE;
  if (code->grant_id != NULL)
    return tessera_redemption_refuse_replay (redemption, store, "code", code->grant_id, error);
  if (now_ms >= code->expires_ms)
    return tessera_redemption_refuse (redemption, "code", "code-lifetime", "expired", error);
  if (!tessera_target_narrow (request->resources, code->resources, &authorization->resources,
                              &redemption->explanation, error))
    return FALSE;

  authorization->client = g_object_ref (request->client);
  authorization->grant_type = tessera_authorization_code_grant.name;
  tessera_login_copy (&code->login, &authorization->login);
  authorization->scope = tessera_target_narrow_scope (code->scope, authorization->resources,
                                                      redemption->engine->resources);
  authorization->nonce = g_strdup (code->nonce);
  authorization->claims_request = g_strdup (code->claims_request);
  authorization->began_ms = code->began_ms;
  return put_grant (redemption, store, code, now_ms, error);
}

const TesseraGrantType tessera_authorization_code_grant = {
  .name = "authorization_code",
  .prepare = prepare,
  .redeem = redeem,
};
