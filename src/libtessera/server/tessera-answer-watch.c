/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exchange that stands in for another and tells what it was answered with. */

#include "server/tessera-answer-watch-private.h"

#include <string.h>

typedef struct
{
  TesseraExchange *original;
  TesseraAnswered answered;
  gpointer data;
  GDestroyNotify data_free;
} Watch;

static void
watch_free (gpointer data)
{
  Watch *self = data;

  self->data_free (self->data);
  tessera_exchange_unref (self->original);
  g_free (self);
}

static const char *
on_get_header (TesseraExchange *exchange, const char *name)
{
  Watch *self = exchange->front_data;

  return tessera_exchange_get_header (self->original, name);
}

/* All of it but the header that every answer gets anyway. */
static void
on_send (TesseraExchange *exchange)
{
  Watch *self = exchange->front_data;

  self->answered (self->data, exchange->status);
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      const TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);

      if (g_ascii_strcasecmp (header->name, "X-Content-Type-Options") != 0)
        tessera_exchange_add_header (self->original, header->name, header->value);
    }
  tessera_exchange_respond (self->original, exchange->status, exchange->content_type,
                            exchange->response != NULL ? g_bytes_ref (exchange->response) : NULL);
}

static void
on_hold (TesseraExchange *exchange, guint seconds)
{
  tessera_exchange_hold (((Watch *) exchange->front_data)->original, seconds);
}

static void
on_refused (TesseraExchange *exchange, const char *static_error, gpointer data)
{
  TesseraExchange *original = ((Watch *) data)->original;

  if (original->refused != NULL)
    original->refused (original, static_error, original->refused_data);
}

/* What the stand-in shows of a request is borrowed from it. */
static void
show_request (TesseraExchange *self, const TesseraExchange *original)
{
  self->method = original->method;
  self->path = original->path;
  self->query = original->query;
  self->body = original->body;
  self->body_length = original->body_length;
  self->remote_address = original->remote_address;
  self->secure = original->secure;
  memcpy (self->request_id, original->request_id, sizeof self->request_id);
  self->endpoint = original->endpoint;
}

TesseraExchange *
tessera_answer_watch_new (TesseraExchange *original,
                          TesseraAnswered answered,
                          gpointer data,
                          GDestroyNotify data_free)
{
  static const TesseraExchangeFront front = { on_get_header, on_send, on_hold };
  Watch *watch = g_new0 (Watch, 1);
  TesseraExchange *self = tessera_exchange_new (&front, watch, watch_free);

  watch->original = tessera_exchange_ref (original);
  watch->answered = answered;
  watch->data = data;
  watch->data_free = data_free;
  show_request (self, original);
  tessera_exchange_set_client_id (self, original->client_id);
  /* Its answer is counted as the original's; all else is its own. */
  if (original->audit != NULL)
    {
      self->audit = tessera_audit_ref (original->audit);
      self->metrics = tessera_metrics_ref (original->metrics);
    }
  self->refused = on_refused;
  self->refused_data = watch;
  return self;
}

TesseraExchange *
tessera_answer_watch_replace (TesseraExchange *self, TesseraExchange *original)
{
  Watch *watch = self->front_data;
  TesseraExchange *before = g_steal_pointer (&watch->original);

  watch->original = tessera_exchange_ref (original);
  show_request (self, original);
  return before;
}
