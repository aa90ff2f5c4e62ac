/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The revocation endpoint (RFC 7009 §2): the same 200 for every token, durable before it is sent.
 */

#include "endpoints/tessera-revocation-endpoint-private.h"

#include "endpoints/tessera-client-authentication-private.h"
#include "grants/tessera-revoker-private.h"

/* RFC 7009 §2.2: 200 with an empty body, whether there was anything to revoke or not. */
static void
on_revoked (gpointer data, gboolean revoked, const GError *error)
{
  g_autoptr (TesseraExchange) exchange = data;

  if (error != NULL)
    {
      tessera_exchange_respond_error (exchange, error, NULL);
      return;
    }
  tessera_exchange_add_header (exchange, "Cache-Control", "no-store");
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

/* What was asked, until it is known who asks. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraParams *params;
  TesseraExplanation explanation;
} Question;

static void
question_free (Question *self)
{
  tessera_exchange_unref (self->exchange);
  g_clear_pointer (&self->params, tessera_params_free);
  tessera_explanation_clear (&self->explanation);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Question, question_free)

/* @client NULL: possession of the token is enough. */
static void
revoke_token (Question *self, TesseraClient *client)
{
  TesseraRevocationOrder order = {
    .cause = TESSERA_REVOCATION_CAUSE_REQUEST,
    .request = self->exchange->request_id,
    .address = self->exchange->remote_address,
    .token = tessera_params_get (self->params, "token"),
    .token_type_hint = tessera_params_get (self->params, "token_type_hint"),
    .client = client,
  };
  g_autoptr (GError) error = NULL;

  if (order.token != NULL)
    {
      tessera_revoker_revoke (self->engine, &order, on_revoked,
                              tessera_exchange_ref (self->exchange));
      return;
    }
  g_set_error_literal (&error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "token is missing");
  tessera_exchange_respond_error (self->exchange, error, &self->explanation);
}

static void
on_authenticated (gpointer data, TesseraClient *client, const GError *error)
{
  g_autoptr (Question) self = data;

  if (error != NULL)
    tessera_exchange_respond_error (self->exchange, error, &self->explanation);
  else
    revoke_token (self, client);
}

void
tessera_revocation_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (Question) self = g_new0 (Question, 1);
  g_autoptr (GError) error = NULL;

  self->engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  self->params = tessera_client_authentication_read_form (exchange, &error);
  if (self->params == NULL)
    tessera_exchange_respond_error (exchange, error, &self->explanation);
  else if (!engine->settings->revocation_requires_client_authentication
           && !tessera_client_authentication_is_present (exchange, self->params))
    revoke_token (self, NULL);
  else
    {
      tessera_client_authentication_authenticate (engine, exchange, self->params,
                                                  &self->explanation, on_authenticated, self);
      g_steal_pointer (&self);
    }
}
