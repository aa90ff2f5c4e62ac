/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The introspection endpoint (RFC 7662 §2): a client sees its own tokens, and those for the
 * audiences it may introspect; of any other it learns what it learns of an unknown one. */

#include "endpoints/tessera-introspection-endpoint-private.h"

#include "endpoints/tessera-token-question-private.h"
#include "grants/tessera-introspector-private.h"

static void
on_introspected (gpointer data, gboolean active, char *json, const GError *error)
{
  g_autoptr (TesseraTokenQuestion) question = data;
  TesseraEngine *engine = question->engine;

  if (error != NULL)
    {
      tessera_exchange_respond_error (question->exchange, error, NULL);
      return;
    }
  tessera_exchange_respond_json_text (question->exchange, 200, json);
  if (engine->hooks.introspected != NULL)
    engine->hooks.introspected (engine->hooks_data, tessera_client_get_id (question->client),
                                active);
}

/* RFC 7662 §2.1: the endpoint is for clients that prove who they are. */
static gboolean
check_client (TesseraTokenQuestion *question, GError **error)
{
  if (tessera_client_has_credentials (question->client))
    return TRUE;
  tessera_explanation_set (&question->explanation, "introspection", "confidential client",
                           "public client");
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT,
                       "Introspection needs a client with credentials");
  return FALSE;
}

static void
introspect (TesseraTokenQuestion *question)
{
  tessera_introspector_introspect (question->engine, question->token, question->client,
                                   on_introspected, question);
}

void
tessera_introspection_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  static const TesseraTokenQuestionKind kind
      = { .check_client = check_client, .answer = introspect };

  tessera_token_question_ask (engine, exchange, &kind);
}
