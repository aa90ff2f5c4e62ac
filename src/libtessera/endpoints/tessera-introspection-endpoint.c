/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The introspection endpoint (RFC 7662 §2): a client sees its own tokens, and those for the
 * audiences it may introspect; of any other it learns what it learns of an unknown one. */

#include "endpoints/tessera-introspection-endpoint-private.h"

#include "endpoints/tessera-client-authentication-private.h"
#include "grants/tessera-introspector-private.h"
#include "model/tessera-client-private.h"

/* What was asked, and by whom, until the answer is there. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraParams *params;
  TesseraClient *client; /* NULL: not known yet */
  TesseraExplanation explanation;
} Question;

static void
question_free (Question *self)
{
  tessera_exchange_unref (self->exchange);
  g_clear_pointer (&self->params, tessera_params_free);
  g_clear_object (&self->client);
  tessera_explanation_clear (&self->explanation);
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
static gboolean
check_client (Question *self, GError **error)
{
  if (tessera_client_has_credentials (self->client))
    return TRUE;
  tessera_explanation_set (&self->explanation, "introspection", "confidential client",
                           "public client");
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT,
                       "Introspection needs a client with credentials");
  return FALSE;
}

static const char *
get_token (Question *self, GError **error)
{
  const char *token = tessera_params_get (self->params, "token");

  if (token == NULL)
    g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "token is missing");
  return token;
}

static void
on_authenticated (gpointer data, TesseraClient *client, const GError *refusal)
{
  g_autoptr (Question) self = data;
  g_autoptr (GError) error = NULL;
  const char *token = NULL;

  if (refusal != NULL)
    {
      tessera_exchange_respond_error (self->exchange, refusal, &self->explanation);
      return;
    }
  self->client = g_object_ref (client);
  if (check_client (self, &error))
    token = get_token (self, &error);
  if (token == NULL)
    {
      tessera_exchange_respond_error (self->exchange, error, &self->explanation);
      return;
    }
  tessera_introspector_introspect (self->engine, token, client, on_introspected, self);
  g_steal_pointer (&self);
}

void
tessera_introspection_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (Question) self = g_new0 (Question, 1);
  g_autoptr (GError) error = NULL;

  self->engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  self->params = tessera_client_authentication_read_form (exchange, &error);
  if (self->params == NULL)
    {
      tessera_exchange_respond_error (exchange, error, &self->explanation);
      return;
    }
  tessera_client_authentication_authenticate (engine, exchange, self->params, &self->explanation,
                                              on_authenticated, self);
  g_steal_pointer (&self);
}
