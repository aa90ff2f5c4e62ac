/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The userinfo endpoint (OpenID Connect Core §5.3): what the bearer of an access token may know of
 * the person who allowed it. */

#include "endpoints/tessera-userinfo-endpoint-private.h"

#include "endpoints/tessera-bearer-authentication-private.h"
#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-id-token-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-standard-claims-private.h"
#include "model/tessera-user-claims-private.h"

#include <string.h>

/* A request that waits for its grant. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraAccessToken *token;
  TesseraGrant *grant; /* or NULL: it has ended */
} Asking;

static void
asking_free (Asking *self)
{
  tessera_exchange_unref (self->exchange);
  g_object_unref (self->token);
  tessera_grant_free (self->grant);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Asking, asking_free)

static gboolean
run_lookup (gpointer data, TesseraStore *store, GError **error)
{
  Asking *self = data;
  g_autoptr (GError) problem = NULL;

  g_clear_pointer (&self->grant, tessera_grant_free);
  self->grant = tessera_store_lookup_grant (store, tessera_access_token_get_grant_id (self->token),
                                            &problem);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

/* Core §5.3.2. There is no end in it: it is no ID token. */
static void
respond_signed (Asking *self, TesseraClient *client, TesseraAlgorithm algorithm, json_t *claims)
{
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (self->engine->keys, algorithm);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  char *token;

  json_object_set_new (claims, "iss", json_string (self->engine->settings->issuer));
  json_object_set_new (claims, "aud", json_string (tessera_client_get_id (client)));
  text = tessera_json_dump (claims);
  token = key != NULL ? tessera_jwt_sign_text (key, "JWT", text, &error) : NULL;
  if (token == NULL)
    {
      g_autoptr (GError) failure
          = g_error_new (TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR, "userinfo cannot be signed: %s",
                         error != NULL ? error->message : "there is no key");

      tessera_exchange_respond_error (self->exchange, failure, NULL);
      return;
    }
  tessera_exchange_add_header (self->exchange, "Cache-Control", "no-store");
  tessera_exchange_respond (self->exchange, 200, "application/jwt",
                            g_bytes_new_take (token, strlen (token)));
}

static void
respond_claims (Asking *self, TesseraClient *client)
{
  const char *scope = tessera_access_token_get_scope (self->token);
  TesseraAlgorithm algorithm;
  g_autoptr (TesseraClaimsRequest) request
      = tessera_claims_request_parse (self->grant->claims_request, NULL);
  g_autoptr (TesseraUserClaims) known
      = tessera_id_token_ask_claims (self->engine, &self->grant->login, client, scope);
  g_autoptr (json_t) answer
      = tessera_standard_claims_select (tessera_user_claims_get_json (known), scope,
                                        tessera_client_get_scope (client), request,
                                        TESSERA_CLAIMS_USERINFO);

  json_object_set_new (answer, "sub", json_string (tessera_login_get_sub (&self->grant->login)));
  if (tessera_client_get_userinfo_algorithm (client, &algorithm))
    respond_signed (self, client, algorithm, answer);
  else
    tessera_exchange_respond_json (self->exchange, 200, g_steal_pointer (&answer));
}

static void
on_looked_up (gpointer data, const GError *error)
{
  g_autoptr (Asking) self = data;
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (self->engine->clients,
                                        tessera_access_token_get_client_id (self->token));

  if (error != NULL)
    tessera_exchange_respond_error (self->exchange, error, NULL);
  else if (self->grant == NULL || client == NULL)
    tessera_bearer_authentication_refuse (self->exchange, TESSERA_ERROR_INVALID_TOKEN,
                                          "The grant of the token has ended");
  else
    respond_claims (self, client);
}

/* RFC 6750 §2.1 alone: never from the body or the query (threats.md D16, D17). */
void
tessera_userinfo_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (TesseraAccessToken) token
      = tessera_bearer_authentication_require (engine, exchange, engine->settings->issuer,
                                               "openid");

  if (token == NULL)
    return;
  if (tessera_access_token_get_grant_id (token) == NULL)
    {
      /* GCOV_EXCL_START: no machine is given openid; were it ever, it is no person all the same */
      tessera_bearer_authentication_refuse (exchange, TESSERA_ERROR_INVALID_TOKEN,
                                            "The token speaks of no person");
      return;
      /* GCOV_EXCL_STOP */
    }
  Asking *asking = g_new0 (Asking, 1);
  asking->engine = engine;
  asking->exchange = tessera_exchange_ref (exchange);
  asking->token = g_steal_pointer (&token);
  tessera_committer_submit (engine->committer, run_lookup, on_looked_up, asking);
}
