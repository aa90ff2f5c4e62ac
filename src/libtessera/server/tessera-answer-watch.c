/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exchange that stands in for another, tells what it was answered with, and can say it again. */

#include "server/tessera-answer-watch-private.h"

#include <string.h>

typedef struct
{
  TesseraExchange *original; /* NULL: it has its answer */
  TesseraAnswered answered;
  gpointer data;
  GDestroyNotify data_free;
} Watch;

/* Nothing of the request is needed any more. */
static void
let_go (Watch *self)
{
  if (self->original == NULL)
    return;
  g_clear_pointer (&self->original, tessera_exchange_unref);
  self->data_free (g_steal_pointer (&self->data));
}

static void
watch_free (gpointer data)
{
  let_go (data);
  g_free (data);
}

static const char *
on_get_header (TesseraExchange *exchange, const char *name)
{
  Watch *self = exchange->front_data;

  return tessera_exchange_get_header (self->original, name);
}

/* Does every answer get it anyway? */
static gboolean
is_common (const TesseraHeader *header)
{
  return g_str_equal (header->name, "X-Content-Type-Options")
         || g_str_equal (header->name, TESSERA_HSTS_NAME);
}

static void
on_send (TesseraExchange *exchange)
{
  Watch *self = exchange->front_data;

  self->answered (self->data, exchange->status);
  tessera_answer_watch_repeat (exchange, self->original);
  let_go (self);
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

void
tessera_answer_watch_repeat (TesseraExchange *self, TesseraExchange *other)
{
  for (guint i = 0; self->headers != NULL && i < self->headers->len; i++)
    {
      const TesseraHeader *header = &g_array_index (self->headers, TesseraHeader, i);

      if (!is_common (header))
        tessera_exchange_add_header (other, header->name, header->value);
    }
  tessera_exchange_respond (other, self->status, self->content_type,
                            self->response != NULL ? g_bytes_ref (self->response) : NULL);
}
