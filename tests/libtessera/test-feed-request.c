/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that break the rules of HTTP, over plain sockets: whoever asked is told. */

#include "resource/tessera-feed-request-private.h"

#include <string.h>
#include <unistd.h>

typedef struct
{
  GSocketService *service;
  char *uri;
  GString *answer;
  const char *again; /* sent until nobody reads, or NULL */
  guint n_again;
  gboolean is_over;
  GError *error;
  GString *body;
  gint serving; /* threads, atomic */
} Fixture;

/* In a thread of its own, as the other machine that it is. */
static gboolean
on_connection (GThreadedSocketService *service,
               GSocketConnection *connection,
               GObject *source,
               gpointer data)
{
  Fixture *f = data;
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  char head[4096];
  g_atomic_int_inc (&f->serving);
  gboolean goes_on = g_input_stream_read (in, head, sizeof head, NULL, NULL) > 0;

  while (goes_on && f->again != NULL)
    {
      goes_on = g_output_stream_write_all (out, f->again, strlen (f->again), NULL, NULL, NULL);
      f->n_again++;
    }
  g_output_stream_write_all (out, f->answer->str, f->answer->len, NULL, NULL, NULL);
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  g_atomic_int_add (&f->serving, -1);
  return TRUE;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->service = g_threaded_socket_service_new (1);
  guint16 port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (f->service), NULL, NULL);

  f->uri = g_strdup_printf ("http://127.0.0.1:%u/", port);
  f->answer = g_string_new (NULL);
  f->body = g_string_new (NULL);
  g_signal_connect (f->service, "run", G_CALLBACK (on_connection), f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  while (g_atomic_int_get (&f->serving) > 0) /* who writes without end notices when nobody reads */
    g_main_context_iteration (NULL, FALSE);
  g_socket_service_stop (f->service);
  g_socket_listener_close (G_SOCKET_LISTENER (f->service));
  g_object_unref (f->service);
  g_clear_error (&f->error);
  g_string_free (f->answer, TRUE);
  g_string_free (f->body, TRUE);
  g_free (f->uri);
}

static void
on_head (TesseraFeedRequest *request, SoupMessage *message, gpointer data)
{
  g_assert_cmpuint (soup_message_get_status (message), ==, SOUP_STATUS_OK);
}

static void
on_bytes (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data)
{
  g_string_append_len (((Fixture *) data)->body, bytes, (gssize) length);
}

static void
on_over (TesseraFeedRequest *request, const GError *error, gpointer data)
{
  Fixture *f = data;

  f->is_over = TRUE;
  f->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
ask (Fixture *f, const char *answer)
{
  static const TesseraFeedRequestFuncs funcs = { on_head, on_bytes, on_over };
  g_autoptr (SoupSession) session = soup_session_new ();
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, f->uri);

  g_string_prepend (f->answer, answer);
  TesseraFeedRequest *request = tessera_feed_request_send (session, message, 60 * 1000, &funcs, f);
  alarm (30); /* answers without end would be longer */
  while (!f->is_over)
    g_main_context_iteration (NULL, TRUE);
  alarm (0);
  tessera_feed_request_drop (request);
}

static void
takes_a_body_of_its_length (Fixture *f, gconstpointer data)
{
  ask (f, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour");
  g_assert_no_error (f->error);
  g_assert_cmpstr (f->body->str, ==, "four");
}

static void
takes_a_body_that_the_connection_ends (Fixture *f, gconstpointer data)
{
  ask (f, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfour");
  g_assert_no_error (f->error);
  g_assert_cmpstr (f->body->str, ==, "four");
}

static void
append_gzip (GString *answer, const char *text)
{
  g_autoptr (GZlibCompressor) gzip = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1);
  char packed[256];
  gsize n_read = 0;
  gsize n_written = 0;

  g_assert_cmpint (g_converter_convert (G_CONVERTER (gzip), text, strlen (text), packed,
                                        sizeof packed, G_CONVERTER_INPUT_AT_END, &n_read,
                                        &n_written, NULL),
                   ==, G_CONVERTER_FINISHED);
  g_string_append_printf (answer, "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n", n_written);
  g_string_append_len (answer, packed, (gssize) n_written);
}

static void
takes_a_body_that_was_longer_before_it_was_decoded (Fixture *f, gconstpointer data)
{
  append_gzip (f->answer, "four");
  ask (f, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n");
  g_assert_no_error (f->error);
  g_assert_cmpstr (f->body->str, ==, "four");
}

/* libsoup looks only where the connection was to stay. */
static void
refuses_a_body_shorter_than_it_said (Fixture *f, gconstpointer data)
{
  ask (f, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfour");
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
}

static void
refuses_no_body_where_one_was_said (Fixture *f, gconstpointer data)
{
  ask (f, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n");
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
}

static void
waits_through_a_few_interim_answers (Fixture *f, gconstpointer data)
{
  ask (f, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
          "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour");
  g_assert_no_error (f->error);
  g_assert_cmpstr (f->body->str, ==, "four");
}

static void
gives_up_on_endless_interim_answers (Fixture *f, gconstpointer data)
{
  f->again = "HTTP/1.1 100 Continue\r\n\r\n";
  ask (f, "");
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_FAILED);
}

#define TEST(name, function)                                                                       \
  g_test_add ("/feed-request/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  TEST ("takes-a-body-of-its-length", takes_a_body_of_its_length);
  TEST ("takes-a-body-that-the-connection-ends", takes_a_body_that_the_connection_ends);
  TEST ("takes-a-body-that-was-longer-before-it-was-decoded",
        takes_a_body_that_was_longer_before_it_was_decoded);
  TEST ("refuses-a-body-shorter-than-it-said", refuses_a_body_shorter_than_it_said);
  TEST ("refuses-no-body-where-one-was-said", refuses_no_body_where_one_was_said);
  TEST ("waits-through-a-few-interim-answers", waits_through_a_few_interim_answers);
  TEST ("gives-up-on-endless-interim-answers", gives_up_on_endless_interim_answers);
  return g_test_run ();
}
