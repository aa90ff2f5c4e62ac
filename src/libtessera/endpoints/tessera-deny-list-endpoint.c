/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published deny-list: who may read it, and from where on (docs/denylist-feed.md; RFC 6750). */

#include "endpoints/tessera-deny-list-endpoint-private.h"

#include "endpoints/tessera-bearer-authentication-private.h"
#include "endpoints/tessera-deny-export-private.h"
#include "endpoints/tessera-deny-feed-private.h"

static TesseraAccessToken *
authorize (TesseraEngine *engine, TesseraExchange *exchange)
{
  return tessera_bearer_authentication_require (engine, exchange, engine->settings->issuer,
                                                TESSERA_DENY_LIST_SCOPE);
}

void
tessera_deny_list_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (TesseraAccessToken) token = authorize (engine, exchange);

  if (token != NULL)
    tessera_deny_exports_begin (engine->exports, exchange);
}

void
tessera_deny_list_events_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (TesseraAccessToken) token = authorize (engine, exchange);
  const char *last = tessera_exchange_get_header (exchange, "Last-Event-ID");
  guint64 cursor = 0;
  gboolean foreign = last != NULL && *last != '\0'
                     && !g_ascii_string_to_unsigned (last, 10, 0, G_MAXUINT64, &cursor, NULL);

  if (token != NULL)
    tessera_deny_feed_subscribe (engine->feed, exchange, token, cursor, foreign);
}
