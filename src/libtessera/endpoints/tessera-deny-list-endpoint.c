/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published deny-list: who may read it, and from where on (docs/denylist-feed.md; RFC 6750). */

#include "endpoints/tessera-deny-list-endpoint-private.h"

#include "endpoints/tessera-bearer-authentication-private.h"
#include "endpoints/tessera-deny-export-private.h"
#include "endpoints/tessera-deny-feed-private.h"
#include "endpoints/tessera-websocket-handshake-private.h"

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

/* Many clients of WebSocket cannot set a header. FALSE: it is none of a list's. */
static gboolean
read_cursor (TesseraExchange *exchange, gboolean is_websocket, guint64 *out_cursor)
{
  const char *last = tessera_exchange_get_header (exchange, "Last-Event-ID");
  g_autoptr (TesseraParams) query = NULL;

  *out_cursor = 0;
  if (last == NULL && is_websocket)
    {
      query = tessera_exchange_parse_query (exchange, NULL);
      if (query == NULL || tessera_params_is_repeated (query, "last_event_id"))
        return FALSE;
      last = tessera_params_get (query, "last_event_id");
    }
  return last == NULL || *last == '\0'
         || g_ascii_string_to_unsigned (last, 10, 0, G_MAXUINT64, out_cursor, NULL);
}

void
tessera_deny_list_events_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (TesseraAccessToken) token = authorize (engine, exchange);
  gboolean is_websocket = tessera_websocket_handshake_is_asked (exchange);
  gboolean foreign = FALSE;
  guint64 cursor = 0;

  if (token == NULL || (is_websocket && !tessera_websocket_handshake_check (exchange)))
    return;
  foreign = !read_cursor (exchange, is_websocket, &cursor);
  tessera_deny_feed_subscribe (engine->feed, exchange, token, cursor, foreign);
}
