/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client configuration endpoint (RFC 7592 §2): a client reads, replaces and removes its own
 * registration. */

#include "endpoints/tessera-registration-endpoint-private.h"

#include "base/tessera-bearer-private.h"
#include "endpoints/tessera-error-responder-private.h"
#include "endpoints/tessera-registration-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

/* Behind the last slash; the router knows what stands before it. */
static const char *
get_client_id (TesseraExchange *exchange)
{
  return strrchr (exchange->path, '/') + 1;
}

/* Whose token it is; NULL: nobody's who could use it here (threats.md G06). An unknown client costs
 * what a known one does. */
static TesseraClient *
authenticate (TesseraEngine *engine, const char *client_id, const char *token)
{
  g_autoptr (TesseraClient) client = tessera_client_registry_lookup (engine->clients, client_id);

  if (client == NULL)
    tessera_digest (token, -1);
  else if (tessera_client_check_registration_token (client, token))
    return g_steal_pointer (&client);
  return NULL;
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA, why);
  return FALSE;
}

/* RFC 7592 §2.2: it says who it is, and nothing that is not its to say. */
static gboolean
check_replacement (const json_t *metadata, TesseraClient *client, GError **error)
{
  static const char *const ours[] = { "registration_access_token", "registration_client_uri",
                                      "client_secret_expires_at", "client_id_issued_at", NULL };
  const char *client_id = json_string_value (json_object_get (metadata, "client_id"));
  const json_t *secret = json_object_get (metadata, "client_secret");

  if (g_strcmp0 (client_id, tessera_client_get_id (client)) != 0)
    return refuse (error, "client_id is not that of the client");
  for (guint i = 0; ours[i] != NULL; i++)
    if (json_object_get (metadata, ours[i]) != NULL)
      return refuse (error, "What the server says about a registration cannot be replaced");
  if (secret != NULL && !json_is_null (secret)
      && (!json_is_string (secret)
          || !tessera_client_check_secret (client, json_string_value (secret))))
    return refuse (error, "client_secret is not that of the client, and cannot be chosen");
  return TRUE;
}

static void
replace (TesseraRegistration *taken_self, TesseraClient *client)
{
  g_autoptr (TesseraRegistration) self = taken_self;
  g_autoptr (GError) error = NULL;
  /* Each may deny what the client has, and that is kept. */
  tessera_registration_count (self);
  g_autoptr (json_t) metadata = tessera_registration_parse_body (self->exchange, &error);

  if (metadata != NULL && check_replacement (metadata, client, &error))
    {
      tessera_registration_proceed (g_steal_pointer (&self), metadata);
      return;
    }
  tessera_exchange_respond_error (self->exchange, error, NULL);
}

static void
respond_registration (TesseraEngine *engine,
                      TesseraExchange *exchange,
                      TesseraClient *client,
                      const char *token)
{
  tessera_exchange_respond_json_text (exchange, 200,
                                      tessera_registration_describe (engine, client, NULL, token));
}

static void
serve (TesseraEngine *engine, TesseraExchange *exchange, TesseraClient *client, const char *token)
{
  g_autoptr (TesseraRegistration) self
      = tessera_registration_new (engine, exchange, TESSERA_REGISTRATION_REPLACE);

  tessera_exchange_set_client_id (exchange, tessera_client_get_id (client));
  self->client_id = g_strdup (tessera_client_get_id (client));
  self->token = g_strdup (token);
  if (strcmp (exchange->method, "GET") == 0)
    respond_registration (engine, exchange, client, token);
  else if (strcmp (exchange->method, "PUT") == 0)
    replace (g_steal_pointer (&self), client);
  else
    {
      self->kind = TESSERA_REGISTRATION_REMOVE;
      tessera_registration_submit (g_steal_pointer (&self));
    }
}

void
tessera_client_configuration_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  const char *authorization = tessera_exchange_get_header (exchange, "Authorization");
  g_autoptr (TesseraSecret) token
      = authorization != NULL ? tessera_bearer_parse (authorization) : NULL;

  if (!tessera_registration_check_rate (engine, exchange))
    return;
  g_autoptr (TesseraClient) client
      = token != NULL ? authenticate (engine, get_client_id (exchange), token) : NULL;
  if (client == NULL)
    tessera_registration_refuse_token (engine, exchange, token != NULL);
  else
    serve (engine, exchange, client, token);
}
