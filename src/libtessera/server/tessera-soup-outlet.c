/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer in pieces over a connection that was libsoup's: chunked (RFC 9112 §7.1), or to the end
 * of the connection for a client of HTTP/1.0, or as the bytes of another protocol (§7.8 of RFC
 * 9110). Behind a front door of ours it costs no GSource while it idles and nobody reads; else the
 * socket has one. */

#include "server/tessera-soup-outlet-private.h"

#include "server/tessera-peer-private.h"

#include <string.h>

#define STALL_SECONDS 10  /* without a byte taken; a front door has deadlines of its own */
#define CHATTER_MAX 65536 /* bytes that a client may send on, for which nobody waits */
#define KEPT 4096         /* bytes of a buffer that is kept while it is empty */

typedef struct
{
  TesseraOutlet base;
  GSocketAddress *remote; /* keeps the peer */
  TesseraPeer *peer;      /* NULL: libsoup has a socket of its own */
  GIOStream *stream;      /* NULL: not taken yet */
  GByteArray *pending;    /* NULL: nothing */
  gsize sent;             /* bytes of it */
  gsize chatter;
  TesseraSoupOutletReader reader; /* or NULL */

  gboolean chunked;
  gboolean taking;   /* its connection is still to come */
  gboolean finished; /* nothing more is written */
  gboolean unheeded; /* whoever wrote is not interested any more */
  gboolean gone;     /* the client */
  gboolean told;     /* of the draining */

  GSource *writable; /* while something is pending */
  GSource *readable; /* without a peer, since the client may leave; or for the reader */
  GSource *stall;    /* without a peer, while something is pending */
  GSource *news;     /* to tell of later */
} Outlet;

/* The end */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
clear_sources (Outlet *self)
{
  clear_source (&self->writable);
  clear_source (&self->readable);
  clear_source (&self->stall);
  clear_source (&self->news);
}

static void
forget_peer (Outlet *self)
{
  if (self->peer != NULL && self->peer->changed_data == self)
    {
      self->peer->changed = NULL;
      self->peer->changed_data = NULL;
    }
  self->peer = NULL;
}

static void
on_closed (GObject *stream, GAsyncResult *result, gpointer data)
{
  g_io_stream_close_finish (G_IO_STREAM (stream), result, NULL);
}

static void
outlet_free (Outlet *self)
{
  clear_sources (self);
  forget_peer (self);
  if (self->stream != NULL)
    g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, on_closed, NULL);
  g_clear_object (&self->stream);
  g_clear_object (&self->remote);
  g_clear_pointer (&self->pending, g_byte_array_unref);
  g_free (self);
}

/* News */

static void
attach (GSource *source, GSourceFunc callback, Outlet *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  g_source_set_callback (source, callback, self, NULL);
  g_source_attach (source, context);
}

static void
end (Outlet *self)
{
  if (!self->unheeded)
    self->base.funcs->ended (&self->base, self->base.data);
  outlet_free (self);
}

static gboolean
on_news (gpointer data)
{
  Outlet *self = data;

  clear_source (&self->news);
  if (self->gone)
    {
      end (self);
      return G_SOURCE_REMOVE;
    }
  if (self->told || self->unheeded || self->peer == NULL || !self->peer->draining)
    return G_SOURCE_REMOVE;
  self->told = TRUE;
  if (self->base.funcs->draining != NULL)
    self->base.funcs->draining (&self->base, self->base.data);
  return G_SOURCE_REMOVE;
}

/* In a turn of its own: whoever found out is in the middle of something. */
static void
bring_news (Outlet *self)
{
  if (self->news != NULL || self->taking)
    return;
  self->news = g_idle_source_new ();
  g_source_set_priority (self->news, G_PRIORITY_DEFAULT);
  attach (self->news, on_news, self);
}

static void
lose (Outlet *self)
{
  self->gone = TRUE;
  clear_source (&self->writable);
  clear_source (&self->stall);
  bring_news (self);
}

static void
on_peer_changed (gpointer data)
{
  Outlet *self = data;

  self->gone |= self->peer->gone;
  bring_news (self);
}

/* Writing */

static gboolean
is_empty (Outlet *self)
{
  return self->pending == NULL || self->pending->len == self->sent;
}

static void
empty (Outlet *self)
{
  clear_source (&self->writable);
  clear_source (&self->stall);
  self->sent = 0;
  if (self->pending == NULL)
    return;
  if (self->pending->len > KEPT)
    g_clear_pointer (&self->pending, g_byte_array_unref);
  else
    g_byte_array_set_size (self->pending, 0);
}

static gboolean
on_stall (gpointer data)
{
  lose (data);
  return G_SOURCE_REMOVE;
}

static gboolean on_writable (GPollableOutputStream *output, gpointer data);

static void
wait_for_room (Outlet *self, GPollableOutputStream *output, gboolean progress)
{
  if (self->writable == NULL)
    {
      self->writable = g_pollable_output_stream_create_source (output, NULL);
      attach (self->writable, G_SOURCE_FUNC (on_writable), self);
    }
  if (self->peer != NULL || (self->stall != NULL && !progress))
    return;
  clear_source (&self->stall);
  self->stall = g_timeout_source_new_seconds (STALL_SECONDS);
  attach (self->stall, on_stall, self);
}

/* FALSE: the client has gone. */
static gboolean
push (Outlet *self)
{
  GPollableOutputStream *output = NULL;
  gsize before = self->sent;

  if (self->stream == NULL || self->gone)
    return !self->gone;
  output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));
  while (!is_empty (self))
    {
      g_autoptr (GError) error = NULL;
      gssize taken = g_pollable_output_stream_write_nonblocking (
          output, self->pending->data + self->sent, self->pending->len - self->sent, NULL, &error);

      if (taken >= 0)
        self->sent += (gsize) taken;
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          wait_for_room (self, output, self->sent > before);
          return TRUE;
        }
      else
        return FALSE;
    }
  empty (self);
  return TRUE;
}

/* Once nothing is left to be done. */
static void
go_on (Outlet *self)
{
  if (!is_empty (self))
    return;
  if (self->finished)
    outlet_free (self);
  else if (self->base.funcs->ready != NULL)
    self->base.funcs->ready (&self->base, self->base.data);
}

static gboolean
on_writable (GPollableOutputStream *output, gpointer data)
{
  Outlet *self = data;

  if (push (self))
    go_on (self);
  else
    lose (self);
  return G_SOURCE_CONTINUE; /* push () has taken it away if it is not wanted any more */
}

/* Reading */

static gboolean
on_readable (GPollableInputStream *input, gpointer data)
{
  Outlet *self = data;
  char buffer[1024];
  g_autoptr (GError) error = NULL;
  gssize got
      = g_pollable_input_stream_read_nonblocking (input, buffer, sizeof buffer, NULL, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;
  if (got > 0 && self->reader != NULL)
    {
      self->reader ((const guint8 *) buffer, (gsize) got, self->base.data);
      return G_SOURCE_CONTINUE; /* its source is gone if it is */
    }
  self->chatter += (gsize) MAX (got, 0);
  if (got > 0 && self->chatter < CHATTER_MAX)
    return G_SOURCE_CONTINUE;
  self->gone = TRUE;
  clear_source (&self->readable);
  end (self);
  return G_SOURCE_REMOVE;
}

static void
watch_client (Outlet *self)
{
  GInputStream *input = g_io_stream_get_input_stream (self->stream);

  if (!G_IS_POLLABLE_INPUT_STREAM (input)
      || !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)))
    return;
  self->readable = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (input), NULL);
  attach (self->readable, G_SOURCE_FUNC (on_readable), self);
}

/* The beginning */

static void
on_taken (GIOStream *stream, GSocket *socket, gpointer data)
{
  Outlet *self = data;

  self->taking = FALSE;
  self->stream = stream;
  if (stream == NULL || self->gone)
    {
      self->gone = TRUE;
      if (self->unheeded)
        outlet_free (self);
      else
        bring_news (self);
      return;
    }
  if (self->peer == NULL || self->reader != NULL)
    watch_client (self);
  if (self->peer != NULL && self->peer->draining)
    bring_news (self);
  if (push (self))
    go_on (self);
  else
    lose (self);
}

static void
append (Outlet *self, const char *bytes, gsize length)
{
  if (self->pending == NULL)
    self->pending = g_byte_array_new ();
  g_byte_array_append (self->pending, (const guint8 *) bytes, (guint) length);
}

static void
append_head (Outlet *self, SoupServerMessage *message, const TesseraExchange *exchange)
{
  g_autoptr (GString) head = g_string_new (NULL);
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = soup_date_time_to_string (now, SOUP_DATE_HTTP);
  gboolean closes = self->peer == NULL && exchange->status != 101;
  g_autofree char *fields
      = g_strdup_printf ("Date: %s\r\n%s%s", date, closes ? "Connection: close\r\n" : "",
                         self->chunked ? "Transfer-Encoding: chunked\r\n" : "");

  tessera_soup_append_head (head, exchange, fields);
  append (self, head->str, head->len);
}

/* For the writer */

static gsize
count_unsent (Outlet *self)
{
  gsize pending = self->pending != NULL ? self->pending->len - self->sent : 0;

  return pending + (self->peer != NULL ? self->peer->get_unsent (self->peer) : 0);
}

static void
append_chunk (Outlet *self, const char *bytes, gsize length)
{
  char size[24];

  if (self->sent > 0 && self->sent >= self->pending->len / 2)
    {
      g_byte_array_remove_range (self->pending, 0, (guint) self->sent);
      self->sent = 0;
    }
  if (self->chunked)
    append (self, size,
            (gsize) g_snprintf (size, sizeof size, "%" G_GSIZE_MODIFIER "x\r\n", length));
  append (self, bytes, length);
  if (self->chunked)
    append (self, "\r\n", 2);
}

static gboolean
outlet_write (TesseraOutlet *base, const char *bytes, gsize length)
{
  Outlet *self = (Outlet *) base;

  if (self->gone)
    return FALSE;
  append_chunk (self, bytes, length);
  return push (self) && count_unsent (self) <= base->limit;
}

static gboolean
outlet_is_ready (TesseraOutlet *base)
{
  Outlet *self = (Outlet *) base;

  return self->stream != NULL && !self->gone && is_empty (self);
}

static void
outlet_finish (TesseraOutlet *base, TesseraOutletEnd why)
{
  Outlet *self = (Outlet *) base;

  self->reader = NULL;
  self->unheeded = self->finished = TRUE;
  if (self->chunked)
    append (self, "0\r\n\r\n", 5);
  if (self->taking)
    return;
  if (!push (self) || is_empty (self))
    outlet_free (self);
}

static void
outlet_cut (TesseraOutlet *base)
{
  Outlet *self = (Outlet *) base;
  TesseraPeer *peer = self->peer;

  self->reader = NULL;
  self->unheeded = self->gone = TRUE;
  forget_peer (self);
  if (peer != NULL)
    peer->cut (peer);
  if (!self->taking)
    outlet_free (self);
}

static const TesseraOutletFront outlet_front
    = { outlet_write, outlet_is_ready, outlet_finish, outlet_cut };

TesseraOutlet *
tessera_soup_outlet_new (SoupServerMessage *message, const TesseraExchange *exchange)
{
  Outlet *self = g_new0 (Outlet, 1);
  GSocketAddress *remote = soup_server_message_get_remote_address (message);

  self->base.front = &outlet_front;
  self->peer = tessera_peer_get (remote);
  self->chunked
      = exchange->status != 101 && soup_server_message_get_http_version (message) != SOUP_HTTP_1_0;
  self->taking = TRUE;
  if (self->peer != NULL)
    {
      self->remote = g_object_ref (remote);
      self->peer->changed = on_peer_changed;
      self->peer->changed_data = self;
      self->peer->streamed = TRUE;
    }
  append_head (self, message, exchange);
  tessera_soup_take_over (message, exchange->status, on_taken, self);
  return &self->base;
}

void
tessera_soup_outlet_set_reader (TesseraOutlet *outlet, TesseraSoupOutletReader reader)
{
  ((Outlet *) outlet)->reader = reader;
}
