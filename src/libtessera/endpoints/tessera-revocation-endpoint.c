/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The revocation endpoint (RFC 7009 §2): the same 200 for every token, durable before it is sent.
 */

#include "endpoints/tessera-revocation-endpoint-private.h"

#include "endpoints/tessera-token-question-private.h"
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

static void
revoke_token (TesseraTokenQuestion *taken_question)
{
  g_autoptr (TesseraTokenQuestion) question = taken_question;
  TesseraRevocationOrder order = {
    .cause = TESSERA_REVOCATION_CAUSE_REQUEST,
    .request = question->exchange->request_id,
    .address = question->exchange->remote_address,
    .token = question->token,
    .token_type_hint = tessera_params_get (question->params, "token_type_hint"),
    .client = question->client,
  };

  tessera_revoker_revoke (question->engine, &order, on_revoked,
                          tessera_exchange_ref (question->exchange));
}

void
tessera_revocation_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  static const TesseraTokenQuestionKind ours = { .answer = revoke_token };
  /* Possession of the token is enough. */
  static const TesseraTokenQuestionKind anybodys
      = { .may_be_nobodys = TRUE, .answer = revoke_token };

  tessera_token_question_ask (engine, exchange,
                              engine->settings->revocation_requires_client_authentication
                                  ? &ours
                                  : &anybodys);
}
