/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One answer for everybody who pressed the same button. */

#include "server/tessera-answer-relay-private.h"

#include <string.h>

typedef struct
{
  guint status;
  const char *content_type; /* static, or NULL */
  GBytes *response;         /* or NULL */
  GArray *headers;          /* TesseraHeader, or NULL */
} Answer;

struct _TesseraAnswerRelay
{
  guint ref_count;
  gboolean begun;
  GPtrArray *waiting; /* TesseraExchange* */
  Answer *answer;     /* or NULL */
};

typedef struct
{
  TesseraAnswerRelay *relay;
  TesseraExchange *original;
} StandIn;

static Answer *
answer_new (const TesseraExchange *exchange)
{
  Answer *self = g_new0 (Answer, 1);

  self->status = exchange->status;
  self->content_type = exchange->content_type;
  if (exchange->response != NULL)
    self->response = g_bytes_ref (exchange->response);
  if (exchange->headers != NULL)
    self->headers = g_array_ref (exchange->headers);
  return self;
}

static void
answer_free (Answer *self)
{
  g_clear_pointer (&self->response, g_bytes_unref);
  g_clear_pointer (&self->headers, g_array_unref);
  g_free (self);
}

/* All of it but the header that every answer gets anyway. */
static void
answer_give (const Answer *self, TesseraExchange *exchange)
{
  for (guint i = 0; self->headers != NULL && i < self->headers->len; i++)
    {
      const TesseraHeader *header = &g_array_index (self->headers, TesseraHeader, i);

      if (g_ascii_strcasecmp (header->name, "X-Content-Type-Options") != 0)
        tessera_exchange_add_header (exchange, header->name, header->value);
    }
  tessera_exchange_respond (exchange, self->status, self->content_type,
                            self->response != NULL ? g_bytes_ref (self->response) : NULL);
}

TesseraAnswerRelay *
tessera_answer_relay_new (void)
{
  TesseraAnswerRelay *self = g_new0 (TesseraAnswerRelay, 1);

  self->ref_count = 1;
  self->waiting = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_exchange_unref);
  return self;
}

TesseraAnswerRelay *
tessera_answer_relay_ref (TesseraAnswerRelay *self)
{
  self->ref_count++;
  return self;
}

void
tessera_answer_relay_unref (TesseraAnswerRelay *self)
{
  if (--self->ref_count > 0)
    return;

  tessera_answer_relay_clear (self);
  g_ptr_array_unref (self->waiting);
  g_free (self);
}

static const char *
on_get_header (TesseraExchange *exchange, const char *name)
{
  StandIn *stand_in = exchange->front_data;

  return tessera_exchange_get_header (stand_in->original, name);
}

static void
on_send (TesseraExchange *exchange)
{
  StandIn *stand_in = exchange->front_data;
  g_autoptr (TesseraAnswerRelay) relay = tessera_answer_relay_ref (stand_in->relay);
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&relay->waiting);

  relay->waiting = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_exchange_unref);
  /* Where we failed, the same button may be pressed again. */
  relay->begun = exchange->status < 400;
  relay->answer = answer_new (exchange);
  for (guint i = 0; i < waiting->len; i++)
    answer_give (relay->answer, waiting->pdata[i]);
  if (!relay->begun)
    tessera_answer_relay_clear (relay);
}

static void
on_refused (TesseraExchange *exchange, const char *static_error, gpointer data)
{
  TesseraExchange *original = ((StandIn *) data)->original;

  if (original->refused != NULL)
    original->refused (original, static_error, original->refused_data);
}

static void
stand_in_free (gpointer data)
{
  StandIn *self = data;

  tessera_answer_relay_unref (self->relay);
  tessera_exchange_unref (self->original);
  g_free (self);
}

static TesseraExchange *
stand_in_new (TesseraAnswerRelay *relay, TesseraExchange *original)
{
  static const TesseraExchangeFront front = { on_get_header, on_send };
  StandIn *self = g_new0 (StandIn, 1);
  TesseraExchange *exchange = tessera_exchange_new (&front, self, stand_in_free);

  self->relay = tessera_answer_relay_ref (relay);
  self->original = tessera_exchange_ref (original);
  exchange->method = original->method;
  exchange->path = original->path;
  exchange->query = original->query;
  exchange->body = original->body;
  exchange->body_length = original->body_length;
  exchange->remote_address = original->remote_address;
  exchange->secure = original->secure;
  memcpy (exchange->request_id, original->request_id, sizeof exchange->request_id);
  tessera_exchange_set_client_id (exchange, original->client_id);
  exchange->refused = on_refused;
  exchange->refused_data = self;
  return exchange;
}

TesseraExchange *
tessera_answer_relay_begin (TesseraAnswerRelay *self, TesseraExchange *exchange)
{
  tessera_answer_relay_clear (self);
  self->begun = TRUE;
  g_ptr_array_add (self->waiting, tessera_exchange_ref (exchange));
  return stand_in_new (self, exchange);
}

gboolean
tessera_answer_relay_has_begun (TesseraAnswerRelay *self)
{
  return self->begun;
}

void
tessera_answer_relay_join (TesseraAnswerRelay *self, TesseraExchange *exchange)
{
  if (self->answer != NULL)
    answer_give (self->answer, exchange);
  else
    g_ptr_array_add (self->waiting, tessera_exchange_ref (exchange));
}

void
tessera_answer_relay_clear (TesseraAnswerRelay *self)
{
  self->begun = FALSE;
  g_clear_pointer (&self->answer, answer_free);
}
