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

/* *out_client stays NULL where possession of the token is enough. */
static gboolean
authenticate (TesseraEngine *engine,
              TesseraExchange *exchange,
              TesseraParams *params,
              TesseraExplanation *explanation,
              TesseraClient **out_client,
              GError **error)
{
  if (!engine->settings->revocation_requires_client_authentication
      && !tessera_client_authentication_is_present (exchange, params))
    return TRUE;
  *out_client
      = tessera_client_authentication_authenticate (engine, exchange, params, explanation, error);
  return *out_client != NULL;
}

static gboolean
revoke_token (TesseraEngine *engine,
              TesseraExchange *exchange,
              TesseraExplanation *explanation,
              GError **error)
{
  g_autoptr (TesseraParams) params = tessera_client_authentication_read_form (exchange, error);
  g_autoptr (TesseraClient) client = NULL;
  TesseraRevocationOrder order = {
    .cause = TESSERA_REVOCATION_CAUSE_REQUEST,
    .request = exchange->request_id,
    .address = exchange->remote_address,
  };

  if (params == NULL || !authenticate (engine, exchange, params, explanation, &client, error))
    return FALSE;
  order.token = tessera_params_get (params, "token");
  order.token_type_hint = tessera_params_get (params, "token_type_hint");
  order.client = client;
  if (order.token == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "token is missing");
      return FALSE;
    }
  tessera_revoker_revoke (engine, &order, on_revoked, tessera_exchange_ref (exchange));
  return TRUE;
}

void
tessera_revocation_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;

  if (!revoke_token (engine, exchange, &explanation, &error))
    tessera_exchange_respond_error (exchange, error, &explanation);
}
