/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A question about a token: who asks, and about which (RFC 7009 §2.1, RFC 7662 §2.1). */

#include "endpoints/tessera-token-question-private.h"

#include "endpoints/tessera-client-authentication-private.h"

void
tessera_token_question_free (TesseraTokenQuestion *self)
{
  tessera_exchange_unref (self->exchange);
  g_clear_pointer (&self->params, tessera_params_free);
  g_clear_object (&self->client);
  tessera_explanation_clear (&self->explanation);
  g_free (self);
}

static gboolean
check (TesseraTokenQuestion *self, GError **error)
{
  if (self->kind->check_client != NULL && !self->kind->check_client (self, error))
    return FALSE;
  self->token = tessera_params_get (self->params, "token");
  if (self->token != NULL)
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "token is missing");
  return FALSE;
}

static void
on_authenticated (gpointer data, TesseraClient *client, const GError *refusal)
{
  g_autoptr (TesseraTokenQuestion) self = data;
  g_autoptr (GError) error = NULL;

  if (refusal != NULL)
    {
      tessera_exchange_respond_error (self->exchange, refusal, &self->explanation);
      return;
    }
  g_set_object (&self->client, client);
  if (check (self, &error))
    self->kind->answer (g_steal_pointer (&self));
  else
    tessera_exchange_respond_error (self->exchange, error, &self->explanation);
}

void
tessera_token_question_ask (TesseraEngine *engine,
                            TesseraExchange *exchange,
                            const TesseraTokenQuestionKind *static_kind)
{
  g_autoptr (TesseraTokenQuestion) self = g_new0 (TesseraTokenQuestion, 1);
  g_autoptr (GError) error = NULL;

  self->kind = static_kind;
  self->engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  self->params = tessera_client_authentication_read_form (exchange, &error);
  if (self->params == NULL)
    {
      tessera_exchange_respond_error (exchange, error, &self->explanation);
      return;
    }
  TesseraTokenQuestion *asked = g_steal_pointer (&self);
  if (static_kind->may_be_nobodys
      && !tessera_client_authentication_is_present (exchange, asked->params))
    on_authenticated (asked, NULL, NULL);
  else
    tessera_client_authentication_authenticate (engine, exchange, asked->params,
                                                &asked->explanation, on_authenticated, asked);
}
