/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client on its own behalf (RFC 6749 §4.4): no store, no refresh token. */

#include "grants/tessera-grant-type-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

static gboolean
choose_scope (TesseraRedemption *redemption, char **out_scope, GError **error)
{
  TesseraTokenRequest *request = redemption->request;
  /* Nobody logs in. */
  g_autofree char *registered
      = tessera_scope_remove (tessera_client_get_scope (request->client), "openid");

  if (request->scope != NULL && !tessera_scope_is_subset (request->scope, registered))
    {
      tessera_explanation_set (&redemption->explanation, "scope", registered, request->scope);
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_SCOPE,
                           "The client may not ask for this scope");
      return FALSE;
    }
  *out_scope = tessera_target_narrow_scope (request->scope ? request->scope : registered,
                                            request->resources, redemption->engine->resources);
  return TRUE;
}

static gboolean
prepare (TesseraRedemption *redemption, GError **error)
{
  TesseraAuthorization *authorization = &redemption->authorization;
  TesseraTokenRequest *request = redemption->request;

  if (!tessera_client_has_credentials (request->client))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_UNAUTHORIZED_CLIENT,
                           "A public client has no credentials of its own");
      return FALSE;
    }
  if (!tessera_target_check_client (request->resources, request->client, &redemption->explanation,
                                    error)
      || !choose_scope (redemption, &authorization->scope, error))
    return FALSE;

  authorization->client = g_object_ref (request->client);
  authorization->grant_type = tessera_client_credentials_grant.name;
  authorization->login.subject = g_strdup (tessera_client_get_id (request->client));
  authorization->resources = g_strdup (request->resources);
  authorization->began_ms = tessera_clock_get_ms (redemption->engine->clock);
  return TRUE;
}

const TesseraGrantType tessera_client_credentials_grant = {
  .name = "client_credentials",
  .prepare = prepare,
};
