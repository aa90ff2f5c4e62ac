/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The access token of a request to an endpoint of ours (RFC 6750 §2.1, §3, RFC 9068 §4). */

#include "endpoints/tessera-bearer-authentication-private.h"

#include "base/tessera-bearer-private.h"
#include "base/tessera-secret-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

/* RFC 6750 §3.1: who sent no token is told how to send one, and of no error. */
static void
refuse (TesseraExchange *exchange, gboolean came, const char *scope, const GError *error)
{
  const char *name = came ? tessera_error_get_name ((TesseraError) error->code) : NULL;
  const char *wanted = scope != NULL && *scope != '\0' ? scope : NULL;
  g_autofree char *challenge
      = tessera_bearer_dup_challenge (name, came ? error->message : NULL, wanted, NULL, NULL);

  tessera_exchange_add_header (exchange, "WWW-Authenticate", challenge);
  tessera_exchange_respond_error (exchange, error, NULL);
}

static TesseraAccessToken *
check (TesseraEngine *engine,
       const char *token,
       const char *audience,
       const char *scope,
       GError **error)
{
  g_autoptr (TesseraAccessToken) access_token = NULL;

  if (token == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN,
                           "An access token is needed");
      return NULL;
    }
  access_token = tessera_engine_check_token (engine, token, strlen (token), audience, error);
  if (access_token == NULL)
    return NULL;
  if (!tessera_scope_is_subset (scope, tessera_access_token_get_scope (access_token)))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INSUFFICIENT_SCOPE,
                           "The token lacks a scope");
      return NULL;
    }
  return g_steal_pointer (&access_token);
}

TesseraAccessToken *
tessera_bearer_authentication_require (TesseraEngine *engine,
                                       TesseraExchange *exchange,
                                       const char *audience,
                                       const char *scope)
{
  const char *authorization = tessera_exchange_get_header (exchange, "Authorization");
  g_autoptr (TesseraSecret) token
      = authorization != NULL ? tessera_bearer_parse (authorization) : NULL;
  g_autoptr (GError) error = NULL;
  TesseraAccessToken *access_token = check (engine, token, audience, scope, &error);

  if (access_token == NULL)
    refuse (exchange, token != NULL, scope, error);
  else
    tessera_exchange_set_client_id (exchange, tessera_access_token_get_client_id (access_token));
  return access_token;
}

void
tessera_bearer_authentication_refuse (TesseraExchange *exchange,
                                      TesseraError code,
                                      const char *static_message)
{
  g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, code, static_message);

  refuse (exchange, TRUE, NULL, error);
}

void
tessera_bearer_authentication_ask (TesseraExchange *exchange)
{
  g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN,
                                                  "An access token is needed");

  refuse (exchange, FALSE, NULL, error);
}
