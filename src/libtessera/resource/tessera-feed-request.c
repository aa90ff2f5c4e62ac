/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request to whoever publishes the deny-list, and its answer piece by piece, held to what
 * libsoup's client does not look at (RFC 9110 §15.2, RFC 9112 §8). */
#include "resource/tessera-feed-request-private.h"

#define PIECE_SIZE (16 * 1024)
#define INTERIM_MAX 8 /* answers before the one that counts */

struct _TesseraFeedRequest
{
  guint ref_count; /* its owner's, and that of the operation under way */
  gboolean is_dropped;
  SoupMessage *message;
  GInputStream *body;
  GCancellable *cancellable;
  const TesseraFeedRequestFuncs *funcs;
  gpointer data;
  guint patience_ms;
  GSource *deadline;
  guint n_interim;
  goffset n_read; /* bytes of the body */
  char piece[PIECE_SIZE];
};

static void
unref (TesseraFeedRequest *self)
{
  if (--self->ref_count > 0)
    return;
  g_clear_object (&self->body);
  g_signal_handlers_disconnect_by_data (self->message, self);
  g_object_unref (self->message);
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
stop_deadline (TesseraFeedRequest *self)
{
  if (self->deadline != NULL)
    g_source_destroy (self->deadline);
  g_clear_pointer (&self->deadline, g_source_unref);
}

static void
end (TesseraFeedRequest *self, const GError *error)
{
  stop_deadline (self);
  if (!self->is_dropped)
    self->funcs->over (self, error, self->data);
}

static gboolean
on_deadline (gpointer data)
{
  TesseraFeedRequest *self = data;
  g_autoptr (GError) error
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Nothing came for too long.");

  g_clear_pointer (&self->deadline, g_source_unref);
  self->ref_count++;
  end (self, error);
  /* Whoever hears that it is over may not have dropped it; what still comes is nobody's. */
  self->is_dropped = TRUE;
  g_cancellable_cancel (self->cancellable);
  unref (self);
  return G_SOURCE_REMOVE;
}

void
tessera_feed_request_extend (TesseraFeedRequest *self)
{
  stop_deadline (self);
  if (self->is_dropped)
    return;
  self->deadline = g_timeout_source_new (self->patience_ms);
  g_source_set_callback (self->deadline, on_deadline, self, NULL);
  g_source_attach (self->deadline, g_main_context_get_thread_default ());
}

/* libsoup reads these for as long as they come, and nothing else runs meanwhile. */
static void
on_interim (SoupMessage *message, gpointer data)
{
  TesseraFeedRequest *self = data;

  if (++self->n_interim > INTERIM_MAX)
    g_cancellable_cancel (self->cancellable);
}

/* RFC 9112 §8: an answer that ends before its Content-Length is incomplete; libsoup takes the end
 * of the stream for the end of the body. The length of what it decoded says nothing. */
static gboolean
is_cut_off (TesseraFeedRequest *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);

  return soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH
         && soup_message_headers_get_list (headers, "Content-Encoding") == NULL
         && self->n_read < soup_message_headers_get_content_length (headers);
}

static void read_on (TesseraFeedRequest *self);

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraFeedRequest *self = data;
  g_autoptr (GError) error = NULL;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  self->n_read += MAX (length, 0);
  if (length == 0 && is_cut_off (self))
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                         "The answer ended before its end.");
  if (length <= 0)
    end (self, error);
  else if (!self->is_dropped)
    self->funcs->bytes (self, self->piece, (gsize) length, self->data);
  if (length > 0 && !self->is_dropped)
    read_on (self);
  unref (self);
}

static void
read_on (TesseraFeedRequest *self)
{
  self->ref_count++;
  g_input_stream_read_async (self->body, self->piece, sizeof self->piece, G_PRIORITY_DEFAULT,
                             self->cancellable, on_read, self);
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraFeedRequest *self = data;
  g_autoptr (GError) error = NULL;

  self->body = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (self->body == NULL && self->n_interim > INTERIM_MAX)
    {
      g_clear_error (&error);
      g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_FAILED,
                           "There were too many answers before the one that counts.");
    }
  if (self->body == NULL)
    end (self, error);
  else if (!self->is_dropped)
    self->funcs->head (self, self->message, self->data);
  if (self->body != NULL && !self->is_dropped)
    read_on (self);
  unref (self);
}

TesseraFeedRequest *
tessera_feed_request_send (SoupSession *session,
                           SoupMessage *message,
                           guint patience_ms,
                           const TesseraFeedRequestFuncs *funcs,
                           gpointer data)
{
  TesseraFeedRequest *self = g_new0 (TesseraFeedRequest, 1);

  self->ref_count = 2;
  self->message = g_object_ref (message);
  self->cancellable = g_cancellable_new ();
  self->funcs = funcs;
  self->data = data;
  self->patience_ms = patience_ms;
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  g_signal_connect (message, "got-informational", G_CALLBACK (on_interim), self);
  tessera_feed_request_extend (self);
  soup_session_send_async (session, message, G_PRIORITY_DEFAULT, self->cancellable, on_sent, self);
  return self;
}

void
tessera_feed_request_drop (TesseraFeedRequest *self)
{
  if (self == NULL)
    return;
  stop_deadline (self);
  self->is_dropped = TRUE;
  g_cancellable_cancel (self->cancellable);
  unref (self);
}
