/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A last answer on a connection whose request is not worth reading: libsoup would read it to its
 * end first, so the connection is taken from it (RFC 9112 §9.6: half-close, linger, close). */

#include "server/tessera-soup-farewell-private.h"

#include <string.h>

#define LINGER_SECONDS 2
#define LINGER_BYTES (1024 * 1024)
#define LINGER_STEP 16384

typedef struct
{
  SoupServerMessage *message; /* until its connection is taken */
  gulong disconnected;
  GSource *idle;
  GIOStream *stream;
  GSocket *socket; /* NULL with TLS */
  GString *text;
  GCancellable *cancellable;
  GSource *deadline;
  gsize drained;
} Farewell;

static void
farewell_free (Farewell *self)
{
  if (self->message != NULL)
    g_clear_signal_handler (&self->disconnected, self->message);
  g_clear_object (&self->message);
  if (self->idle != NULL)
    g_source_destroy (self->idle);
  g_clear_pointer (&self->idle, g_source_unref);
  if (self->deadline != NULL)
    g_source_destroy (self->deadline);
  g_clear_pointer (&self->deadline, g_source_unref);
  g_clear_object (&self->stream);
  g_clear_object (&self->socket);
  g_clear_object (&self->cancellable);
  g_string_free (self->text, TRUE);
  g_free (self);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  farewell_free (data);
}

static void drain (Farewell *self);

static void
on_drained (GObject *source, GAsyncResult *result, gpointer data)
{
  Farewell *self = data;
  gssize skipped = g_input_stream_skip_finish (G_INPUT_STREAM (source), result, NULL);

  self->drained += (gsize) MAX (skipped, 0);
  if (skipped > 0 && self->drained < LINGER_BYTES)
    drain (self);
  else
    g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, on_closed, self);
}

/* Closing with unread bytes would reset the connection, and the client might never see the answer.
 */
static void
drain (Farewell *self)
{
  g_input_stream_skip_async (g_io_stream_get_input_stream (self->stream), LINGER_STEP,
                             G_PRIORITY_DEFAULT, self->cancellable, on_drained, self);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Farewell *self = data;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL))
    {
      g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, on_closed, self);
      return;
    }
  if (self->socket != NULL)
    g_socket_shutdown (self->socket, FALSE, TRUE, NULL);
  drain (self);
}

static gboolean
on_deadline (gpointer data)
{
  Farewell *self = data;
  g_cancellable_cancel (self->cancellable);
  return G_SOURCE_REMOVE;
}

static void
start_deadline (Farewell *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  self->cancellable = g_cancellable_new ();
  self->deadline = g_timeout_source_new_seconds (LINGER_SECONDS);
  g_source_set_callback (self->deadline, on_deadline, self, NULL);
  g_source_attach (self->deadline, context);
}

/* Outside of libsoup's own reading, where taking the connection is safe. */
static gboolean
take_connection (gpointer data)
{
  Farewell *self = data;
  gboolean is_tls
      = strcmp (g_uri_get_scheme (soup_server_message_get_uri (self->message)), "https") == 0;
  GSocket *socket = soup_server_message_get_socket (self->message);

  g_clear_signal_handler (&self->disconnected, self->message);
  if (socket != NULL && !is_tls)
    self->socket = g_object_ref (socket);
  self->stream = soup_server_message_steal_connection (self->message);
  g_clear_object (&self->message);
  if (self->stream == NULL)
    {
      farewell_free (self);
      return G_SOURCE_REMOVE;
    }
  start_deadline (self);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (self->stream), self->text->str,
                                   self->text->len, G_PRIORITY_DEFAULT, self->cancellable,
                                   on_written, self);
  return G_SOURCE_REMOVE;
}

static void
on_disconnected (SoupServerMessage *message, gpointer data)
{
  farewell_free (data);
}

static const char *
get_phrase (guint status)
{
  /* RFC 6585 §5 is not in libsoup's table. */
  return status == 431 ? "Request Header Fields Too Large" : soup_status_get_phrase (status);
}

static GString *
write_answer (SoupServerMessage *message, TesseraExchange *exchange)
{
  GString *text = g_string_new (NULL);
  gsize length = exchange->response != NULL ? g_bytes_get_size (exchange->response) : 0;

  g_string_append_printf (text,
                          "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %" G_GSIZE_FORMAT
                          "\r\n",
                          exchange->status, get_phrase (exchange->status), length);
  if (exchange->content_type != NULL)
    g_string_append_printf (text, "Content-Type: %s\r\n", exchange->content_type);
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);
      g_string_append_printf (text, "%s: %s\r\n", header->name, header->value);
    }
  g_string_append (text, "\r\n");
  if (length > 0 && soup_server_message_get_method (message) != SOUP_METHOD_HEAD)
    g_string_append_len (text, g_bytes_get_data (exchange->response, NULL), (gssize) length);
  return text;
}

void
tessera_soup_farewell (SoupServerMessage *message, TesseraExchange *exchange)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  Farewell *self = g_new0 (Farewell, 1);

  self->message = g_object_ref (message);
  self->text = write_answer (message, exchange);
  self->disconnected
      = g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), self);
  /* With a status, libsoup asks neither auth domains nor handlers; paused, it reads no further. */
  soup_server_message_set_status (message, exchange->status, NULL);
  soup_server_message_pause (message);
  self->idle = g_idle_source_new ();
  g_source_set_priority (self->idle, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->idle, take_connection, self, NULL);
  g_source_attach (self->idle, context);
}
