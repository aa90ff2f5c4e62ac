/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lists for whoever wants to know what was revoked (Token Status List §8, §9). */

#include "endpoints/tessera-status-list-endpoint-private.h"

#include <string.h>

#define MEDIA_TYPE "application/" TESSERA_STATUS_LIST_TYPE

static void
respond_aggregation (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (GPtrArray) names = tessera_status_lists_list_names (engine->status_lists);
  g_autoptr (json_t) json = json_object ();
  json_t *uris = json_array ();

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *uri = tessera_status_publisher_dup_uri (engine->settings, names->pdata[i]);
      json_array_append_new (uris, json_string (uri));
    }
  json_object_set_new (json, "status_lists", uris);
  char *text = tessera_json_dump (json);
  /* A new list may come with the next token. */
  tessera_exchange_add_header (exchange, "Cache-Control", "no-cache");
  tessera_exchange_respond (exchange, 200, "application/json",
                            g_bytes_new_take (text, strlen (text)));
}

/* RFC 9110 §13.1.2 */
static gboolean
has_it (TesseraExchange *exchange, const char *etag)
{
  const char *if_none_match = tessera_exchange_get_header (exchange, "If-None-Match");

  return if_none_match != NULL
         && (g_str_equal (if_none_match, "*") || strstr (if_none_match, etag) != NULL);
}

static void
respond_list (TesseraExchange *exchange, const TesseraPublishedList *published)
{
  g_autofree char *cache_control = g_strdup_printf ("public, max-age=%u", published->max_age);

  tessera_exchange_add_header (exchange, "Cache-Control", cache_control);
  tessera_exchange_add_header (exchange, "ETag", published->etag);
  if (has_it (exchange, published->etag))
    tessera_exchange_respond (exchange, 304, NULL, NULL);
  else
    tessera_exchange_respond (exchange, 200, MEDIA_TYPE, g_bytes_ref (published->token));
}

static void
on_published (const TesseraPublishedList *published, const GError *error, gpointer data)
{
  g_autoptr (TesseraExchange) exchange = data;

  if (published != NULL)
    respond_list (exchange, published);
  else if (error != NULL)
    tessera_exchange_respond_error (exchange, error, NULL);
  else
    tessera_exchange_respond_http_error (exchange, 404, "There is no such status list.");
}

/* Section 8.1: who sends no Accept knows what comes. */
static gboolean
is_acceptable (TesseraExchange *exchange)
{
  const char *accept = tessera_exchange_get_header (exchange, "Accept");

  return accept == NULL || strstr (accept, TESSERA_STATUS_LIST_TYPE) != NULL
         || strstr (accept, "*/*") != NULL || strstr (accept, "application/*") != NULL;
}

/* Section 8.4: what a list said earlier is not kept. */
static gboolean
asks_for_the_past (TesseraExchange *exchange)
{
  return exchange->query != NULL
         && (g_str_has_prefix (exchange->query, "time=")
             || strstr (exchange->query, "&time=") != NULL);
}

void
tessera_status_list_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  TesseraSettings *settings = engine->settings;
  gsize prefix = strlen (settings->issuer_path) + strlen (settings->status_list_path);
  const char *rest = exchange->path + prefix;

  if (*rest == '\0')
    respond_aggregation (engine, exchange);
  else if (asks_for_the_past (exchange))
    tessera_exchange_respond_http_error (exchange, 501, "Only the status of now is known.");
  else if (!is_acceptable (exchange))
    tessera_exchange_respond_http_error (exchange, 406, "A status list is " MEDIA_TYPE ".");
  else
    tessera_status_publisher_publish (engine->status_publisher, settings, rest + 1, on_published,
                                      tessera_exchange_ref (exchange));
}
