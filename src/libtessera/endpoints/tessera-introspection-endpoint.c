/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The introspection endpoint (RFC 7662 §2): a client sees its own tokens, and those for the
 * audiences it may introspect; of any other it learns what it learns of an unknown one. */

#include "endpoints/tessera-introspection-endpoint-private.h"

#include "endpoints/tessera-client-authentication-private.h"
#include "grants/tessera-introspector-private.h"
#include "model/tessera-client-private.h"

/* Who asked, until the answer is there. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraClient *client;
} Question;

static Question *
question_new (TesseraEngine *engine, TesseraExchange *exchange, TesseraClient *client)
{
  Question *self = g_new (Question, 1);

  self->engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  self->client = g_object_ref (client);
  return self;
}

static void
question_free (Question *self)
{
  tessera_exchange_unref (self->exchange);
  g_object_unref (self->client);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Question, question_free)

static void
on_introspected (gpointer data, gboolean active, char *json, const GError *error)
{
  g_autoptr (Question) self = data;
  TesseraEngine *engine = self->engine;

  if (error != NULL)
    {
      tessera_exchange_respond_error (self->exchange, error, NULL);
      return;
    }
  tessera_exchange_respond_json_text (self->exchange, 200, json);
  if (engine->hooks.introspected != NULL)
    engine->hooks.introspected (engine->hooks_data, tessera_client_get_id (self->client), active);
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
  tessera_introspector_introspect (engine, token, client, on_introspected,
                                   question_new (engine, exchange, client));
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
