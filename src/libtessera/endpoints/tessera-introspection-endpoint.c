/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The introspection endpoint (RFC 7662 §2): a client sees its own tokens, and those for the
 * audiences it may introspect; of any other it learns what it learns of an unknown one. */

#include "endpoints/tessera-introspection-endpoint-private.h"

#include "endpoints/tessera-client-authentication-private.h"
#include "grants/tessera-refresh-token-grant-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

/* A refresh token is looked up in the committing thread. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraClient *client;
  char *token; /* a secret */
  TesseraGrant *grant;
  TesseraRefreshToken *record;
} Lookup;

static void
lookup_free (Lookup *self)
{
  tessera_exchange_unref (self->exchange);
  g_object_unref (self->client);
  tessera_secret_free (self->token);
  g_clear_pointer (&self->grant, tessera_grant_free);
  g_clear_pointer (&self->record, tessera_refresh_token_free);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lookup, lookup_free)

/* Takes @text, an answer; NULL: RFC 7662 §2.2, nothing but that it is not active. */
static void
respond (TesseraEngine *engine, TesseraExchange *exchange, TesseraClient *client, char *text)
{
  gboolean active = text != NULL;

  tessera_exchange_respond_json_text (exchange, 200,
                                      active ? text : g_strdup ("{\"active\":false}"));
  if (engine->hooks.introspected != NULL)
    engine->hooks.introspected (engine->hooks_data, tessera_client_get_id (client), active);
}

/* Takes @claims. What they say under our names does not count. */
static char *
describe_claims (json_t *claims)
{
  g_autoptr (json_t) json = json_object ();

  json_object_set_new_nocheck (json, "active", json_true ());
  json_object_update_missing_new (json, claims);
  return tessera_json_dump (json);
}

/* The claims as the token carries them, between two members of ours: reading them only to write
 * them again would cost as much as all the rest. */
static char *
describe_token (TesseraAccessToken *token)
{
  g_autofree char *claims = tessera_access_token_dup_claims_json (token);
  json_t *json = NULL;

  if (strstr (claims, "\"active\":") == NULL && strstr (claims, "\"token_type\":") == NULL)
    {
      claims[strlen (claims) - 1] = '\0';
      return g_strconcat ("{\"active\":true,", claims + 1, ",\"token_type\":\"Bearer\"}", NULL);
    }
  json = json_loads (claims, 0, NULL);
  json_object_set_new_nocheck (json, "token_type", json_string_nocheck ("Bearer"));
  return describe_claims (json);
}

/* threats.md E11: default is the client's own tokens only. */
static gboolean
may_see (TesseraClient *client, TesseraAccessToken *token)
{
  const char *const *audiences = tessera_client_get_introspect (client);
  const char *const *audience = tessera_access_token_get_audience (token);

  if (g_str_equal (tessera_access_token_get_client_id (token), tessera_client_get_id (client)))
    return TRUE;
  if (g_strv_contains (audiences, "*"))
    return TRUE;
  for (guint i = 0; audience[i] != NULL; i++)
    if (g_strv_contains (audiences, audience[i]))
      return TRUE;
  return FALSE;
}

static void
introspect_access_token (TesseraEngine *engine,
                         TesseraExchange *exchange,
                         TesseraClient *client,
                         const char *token)
{
  g_autoptr (TesseraAccessToken) access_token
      = tessera_engine_check_token (engine, token, strlen (token), NULL, NULL);
  gboolean visible = access_token != NULL && may_see (client, access_token);

  respond (engine, exchange, client, visible ? describe_token (access_token) : NULL);
}

static gboolean
run_lookup (gpointer data, TesseraStore *store, GError **error)
{
  Lookup *self = data;
  g_autoptr (GError) local_error = NULL;

  g_clear_pointer (&self->grant, tessera_grant_free);
  g_clear_pointer (&self->record, tessera_refresh_token_free);
  self->grant = tessera_refresh_token_lookup_live (self->engine, store, self->token, &self->record,
                                                   &local_error);
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static json_t *
describe_grant (TesseraEngine *engine, const TesseraGrant *grant, const TesseraRefreshToken *record)
{
  gint64 idle_ms = record->issued_ms
                   + engine->settings->refresh_token_idle_lifetime * G_GINT64_CONSTANT (1000);
  json_t *json = json_object ();

  json_object_set_new (json, "iss", json_string (engine->settings->issuer));
  json_object_set_new (json, "sub", json_string (grant->login.subject));
  json_object_set_new (json, "client_id", json_string (grant->client_id));
  if (grant->scope != NULL && *grant->scope != '\0')
    json_object_set_new (json, "scope", json_string (grant->scope));
  json_object_set_new (json, "iat", json_integer (record->issued_ms / 1000));
  json_object_set_new (json, "exp", json_integer (MIN (idle_ms, grant->expires_ms) / 1000));
  return json;
}

static void
on_looked_up (gpointer data, const GError *error)
{
  g_autoptr (Lookup) self = data;
  char *text = NULL;

  if (error != NULL)
    {
      tessera_exchange_respond_error (self->exchange, error, NULL);
      return;
    }
  /* A refresh token is a matter between its client and us. */
  if (self->grant != NULL
      && g_str_equal (self->grant->client_id, tessera_client_get_id (self->client)))
    text = describe_claims (describe_grant (self->engine, self->grant, self->record));
  respond (self->engine, self->exchange, self->client, text);
}

static void
introspect_refresh_token (TesseraEngine *engine,
                          TesseraExchange *exchange,
                          TesseraClient *client,
                          const char *token)
{
  Lookup *lookup = g_new0 (Lookup, 1);

  lookup->engine = engine;
  lookup->exchange = tessera_exchange_ref (exchange);
  lookup->client = g_object_ref (client);
  lookup->token = g_strdup (token);
  tessera_committer_submit (engine->committer, run_lookup, on_looked_up, lookup);
}

/* RFC 7662 §2.1: the endpoint is for clients that prove who they are. */
static TesseraClient *
authenticate (TesseraEngine *engine,
              TesseraExchange *exchange,
              TesseraParams *params,
              TesseraExplanation *explanation,
              GError **error)
{
  g_autoptr (TesseraClient) client
      = tessera_client_authentication_authenticate (engine, exchange, params, explanation, error);

  if (client == NULL || tessera_client_has_secret (client))
    return g_steal_pointer (&client);
  tessera_explanation_set (explanation, "introspection", "confidential client", "public client");
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT,
                       "Introspection needs a client with credentials");
  return NULL;
}

static gboolean
introspect (TesseraEngine *engine,
            TesseraExchange *exchange,
            TesseraExplanation *explanation,
            GError **error)
{
  g_autoptr (TesseraParams) params = tessera_client_authentication_read_form (exchange, error);
  g_autoptr (TesseraClient) client = NULL;
  const char *token = NULL;

  if (params == NULL)
    return FALSE;
  client = authenticate (engine, exchange, params, explanation, error);
  if (client == NULL)
    return FALSE;
  token = tessera_params_get (params, "token");
  if (token == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "token is missing");
      return FALSE;
    }
  if (tessera_refresh_token_looks_like (token))
    introspect_refresh_token (engine, exchange, client, token);
  else
    introspect_access_token (engine, exchange, client, token);
  return TRUE;
}

void
tessera_introspection_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;

  if (!introspect (engine, exchange, &explanation, &error))
    tessera_exchange_respond_error (exchange, error, &explanation);
}
