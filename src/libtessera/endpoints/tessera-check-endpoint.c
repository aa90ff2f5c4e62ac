/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check endpoint: answers by its status whether the Bearer token of a request is good (RFC 6750
 * §3), for proxies that ask so before they pass a request on (auth_request of nginx, forward_auth
 * of Caddy).
 *
 * It asks no credentials of the proxy: whoever has a token learns of it what the token itself says,
 * and whether it still is good, which any resource server would tell. */

#include "endpoints/tessera-check-endpoint-private.h"

#include "endpoints/tessera-bearer-authentication-private.h"
#include "model/tessera-scope-private.h"

/* A header of the answer, which a proxy hands on to the program behind it. Percent-encoded, but for
 * visible ASCII: an identifier may be any text. */
static void
add_identifier (TesseraExchange *exchange, const char *static_name, const char *identifier)
{
  GString *value = g_string_new (NULL);

  for (const char *c = identifier; *c != '\0'; c++)
    if (g_ascii_isgraph (*c) && *c != '%')
      g_string_append_c (value, *c);
    else
      g_string_append_printf (value, "%%%02X", (guint) (guchar) *c);
  tessera_exchange_add_header (exchange, static_name, value->str);
  g_string_free (value, TRUE);
}

static void
respond_good (TesseraExchange *exchange, TesseraAccessToken *token)
{
  add_identifier (exchange, "Tessera-Subject", tessera_access_token_get_subject (token));
  add_identifier (exchange, "Tessera-Client-Id", tessera_access_token_get_client_id (token));
  /* RFC 6749 §3.3: visible ASCII and single spaces. */
  tessera_exchange_add_header (exchange, "Tessera-Scope", tessera_access_token_get_scope (token));
  /* The next answer for the same token may be another. */
  tessera_exchange_add_header (exchange, "Cache-Control", "no-store");
  tessera_exchange_respond (exchange, 204, NULL, NULL);
}

/* What the proxy wants of the token: from its own configuration, never from the request it asks
 * about. */
static gboolean
check (TesseraEngine *engine, TesseraExchange *exchange, GError **error)
{
  g_autoptr (TesseraParams) params = tessera_exchange_parse_query (exchange, error);
  g_autoptr (TesseraAccessToken) token = NULL;
  g_autofree char *scope = NULL;

  if (params == NULL || !tessera_params_check_repeats (params, error))
    return FALSE;
  scope = tessera_scope_parse (tessera_params_get (params, "scope"), error);
  if (scope == NULL)
    return FALSE;
  token = tessera_bearer_authentication_require (engine, exchange,
                                                 tessera_params_get (params, "audience"), scope);
  if (token != NULL)
    respond_good (exchange, token);
  return TRUE;
}

void
tessera_check_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (GError) error = NULL;

  if (!check (engine, exchange, &error))
    tessera_exchange_respond_error (exchange, error, NULL);
}
