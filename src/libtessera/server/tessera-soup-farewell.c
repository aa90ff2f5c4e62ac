/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A last answer on a connection whose request is not worth reading: libsoup would read it to its
 * end first, so the connection is taken from it (RFC 9112 §9.6: half-close, linger, close). */

#include "server/tessera-soup-farewell-private.h"

#include "server/tessera-soup-takeover-private.h"

#define LINGER_SECONDS 2
#define LINGER_BYTES (1024 * 1024)
#define LINGER_STEP 16384

typedef struct
{
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

static void
on_taken (GIOStream *stream, GSocket *socket, gpointer data)
{
  Farewell *self = data;

  if (stream == NULL)
    {
      farewell_free (self);
      return;
    }
  self->stream = stream;
  self->socket = socket != NULL ? g_object_ref (socket) : NULL;
  start_deadline (self);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (stream), self->text->str,
                                   self->text->len, G_PRIORITY_DEFAULT, self->cancellable,
                                   on_written, self);
}

static GString *
write_answer (SoupServerMessage *message, TesseraExchange *exchange)
{
  GString *text = g_string_new (NULL);
  gsize length = exchange->response != NULL ? g_bytes_get_size (exchange->response) : 0;
  g_autofree char *fields
      = g_strdup_printf ("Connection: close\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n", length);

  tessera_soup_append_head (text, exchange, fields);
  if (length > 0 && soup_server_message_get_method (message) != SOUP_METHOD_HEAD)
    g_string_append_len (text, g_bytes_get_data (exchange->response, NULL), (gssize) length);
  return text;
}

void
tessera_soup_farewell (SoupServerMessage *message, TesseraExchange *exchange)
{
  Farewell *self = g_new0 (Farewell, 1);

  self->text = write_answer (message, exchange);
  tessera_soup_take_over (message, exchange->status, on_taken, self);
}
