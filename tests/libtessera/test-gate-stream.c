/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-gate-stream.c: the stream that libsoup sees of a connection. */

#include "gate/tessera-gate-stream-private.h"

#include <string.h>

typedef struct
{
  TesseraGateStream *stream;
  GInputStream *input;
  GOutputStream *output;
  GString *to_read;
  gboolean at_end;
  GString *written;
  gsize room;
  guint n_closes, n_output_closes;
} Fixture;

static gssize
on_read (gpointer owner, void *buffer, gsize count)
{
  Fixture *self = owner;
  gsize part = MIN (count, self->to_read->len);

  if (part == 0)
    return self->at_end ? 0 : TESSERA_GATE_STREAM_LATER;
  memcpy (buffer, self->to_read->str, part);
  g_string_erase (self->to_read, 0, (gssize) part);
  return (gssize) part;
}

static gssize
on_write (gpointer owner, const void *bytes, gsize count, gboolean all)
{
  Fixture *self = owner;
  gsize part = all ? count : MIN (count, self->room);

  if (part == 0)
    return TESSERA_GATE_STREAM_LATER;
  g_string_append_len (self->written, bytes, (gssize) part);
  self->room -= MIN (part, self->room);
  return (gssize) part;
}

static void
on_close (gpointer owner, gboolean input)
{
  Fixture *self = owner;

  if (input)
    self->n_closes++;
  else
    self->n_output_closes++;
}

static const TesseraGateStreamFuncs funcs = { on_read, on_write, on_close };

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  self->to_read = g_string_new (NULL);
  self->written = g_string_new (NULL);
  self->room = 1000;
  self->stream = tessera_gate_stream_new (&funcs, self);
  self->input = g_object_ref (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)));
  self->output = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)));
}

static void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  if (self->stream != NULL)
    tessera_gate_stream_forget_owner (self->stream);
  g_clear_object (&self->stream);
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_string_free (self->to_read, TRUE);
  g_string_free (self->written, TRUE);
}

static gboolean
on_ready (GObject *stream, gpointer data)
{
  ++*(guint *) data;
  return G_SOURCE_REMOVE;
}

static void
iterate (void)
{
  for (guint i = 0; i < 20; i++)
    g_main_context_iteration (NULL, FALSE);
}

static gssize
read_now (Fixture *self, char *buffer, gsize count, GError **error)
{
  return g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (self->input), buffer,
                                                   count, NULL, error);
}

static gssize
write_now (Fixture *self, const char *text, GError **error)
{
  return g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (self->output), text,
                                                     strlen (text), NULL, error);
}

static GSource *
watch_input (Fixture *self, GCancellable *cancellable, guint *count)
{
  GSource *source
      = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (self->input), cancellable);

  g_source_set_callback (source, G_SOURCE_FUNC (on_ready), count, NULL);
  g_source_attach (source, NULL);
  return source;
}

static void
test_source_waits_for_a_wake (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = NULL;
  char buffer[10];
  guint count = 0;

  g_assert_true (g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (self->input)));
  g_assert_cmpint (read_now (self, buffer, sizeof buffer, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (self->input)));
  source = watch_input (self, NULL, &count);
  iterate ();
  g_assert_cmpuint (count, ==, 0);

  g_string_append (self->to_read, "abc");
  tessera_gate_stream_wake_input (self->stream);
  iterate ();
  g_assert_cmpuint (count, ==, 1);
  g_assert_cmpint (read_now (self, buffer, sizeof buffer, NULL), ==, 3);
  self->at_end = TRUE;
  g_assert_cmpint (read_now (self, buffer, sizeof buffer, NULL), ==, 0);
}

static void
test_source_is_ready_when_there_is_something (Fixture *self, gconstpointer data)
{
  guint count = 0;
  g_autoptr (GSource) source = watch_input (self, NULL, &count);

  iterate ();
  g_assert_cmpuint (count, ==, 1);
}

static void
test_source_can_be_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) source = NULL;
  char buffer[10];
  guint count = 0;

  read_now (self, buffer, sizeof buffer, NULL);
  source = watch_input (self, cancellable, &count);
  iterate ();
  g_assert_cmpuint (count, ==, 0);
  g_cancellable_cancel (cancellable);
  iterate ();
  g_assert_cmpuint (count, ==, 1);
}

static void
on_closure (GObject *stream, guint *count)
{
  ++*count;
}

static void
test_source_takes_a_closure (Fixture *self, gconstpointer data)
{
  guint count = 0;
  g_autoptr (GSource) source
      = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (self->input), NULL);

  g_source_set_closure (source, g_cclosure_new (G_CALLBACK (on_closure), &count, NULL));
  g_source_attach (source, NULL);
  iterate ();
  g_assert_cmpuint (count, >, 0);
  g_source_destroy (source);
}

static void
test_writer_waits_for_room (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = NULL;
  guint count = 0;

  self->room = 3;
  g_assert_cmpint (write_now (self, "abcdef", NULL), ==, 3);
  g_assert_cmpint (write_now (self, "def", &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (self->output)));
  source = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (self->output), NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (on_ready), &count, NULL);
  g_source_attach (source, NULL);
  iterate ();
  g_assert_cmpuint (count, ==, 0);
  self->room = 100;
  tessera_gate_stream_wake_output (self->stream);
  iterate ();
  g_assert_cmpuint (count, ==, 1);
  g_assert_cmpint (write_now (self, "def", NULL), ==, 3);
  g_assert_cmpstr (self->written->str, ==, "abcdef");
}

static gpointer
write_elsewhere (gpointer data)
{
  Fixture *self = data;

  g_assert_true (g_output_stream_write_all (self->output, "one ", 4, NULL, NULL, NULL));
  g_assert_true (g_output_stream_write_all (self->output, "two ", 4, NULL, NULL, NULL));
  return NULL;
}

static void
test_other_threads_may_write (Fixture *self, gconstpointer data)
{
  self->room = 0; /* who writes so does not wait */
  g_thread_join (g_thread_new ("writer", write_elsewhere, self));
  g_assert_cmpstr (self->written->str, ==, "");
  iterate ();
  g_assert_cmpstr (self->written->str, ==, "one two ");

  g_thread_join (g_thread_new ("writer", write_elsewhere, self));
  self->room = 100;
  g_assert_cmpint (write_now (self, "three", NULL), ==, 5);
  g_assert_cmpstr (self->written->str, ==, "one two one two three");

  g_thread_join (g_thread_new ("writer", write_elsewhere, self));
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  g_assert_cmpstr (self->written->str, ==, "one two one two threeone two ");
  g_assert_cmpuint (self->n_closes, ==, 1);

  g_thread_join (g_thread_new ("writer", write_elsewhere, self)); /* too late */
  iterate ();
  g_assert_cmpstr (self->written->str, ==, "one two one two threeone two ");
}

#define TURNS 1000

static gpointer
write_much_elsewhere (gpointer data)
{
  for (guint i = 0; i < TURNS; i++)
    write_elsewhere (data);
  return NULL;
}

/* While the owner takes what is there. */
static void
test_what_another_thread_writes_comes_whole (Fixture *self, gconstpointer data)
{
  GThread *writer = g_thread_new ("writer", write_much_elsewhere, self);
  g_autoptr (GString) expected = g_string_new (NULL);

  for (guint i = 0; i < TURNS; i++)
    g_string_append (expected, "one two ");
  while (self->written->len < expected->len)
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (writer);
  iterate ();
  g_assert_cmpstr (self->written->str, ==, expected->str);
}

static gpointer
end_elsewhere (gpointer data)
{
  Fixture *self = data;

  write_elsewhere (self);
  g_assert_true (g_output_stream_close (self->output, NULL, NULL));
  return NULL;
}

/* libsoup ends a chunked body in a thread of its own: the owner hears of it in its own thread
 * alone, and the last of the body is still to be sent. */
static void
test_another_thread_s_end_is_none (Fixture *self, gconstpointer data)
{
  g_thread_join (g_thread_new ("writer", end_elsewhere, self));
  g_assert_cmpuint (self->n_output_closes, ==, 0);
  iterate ();
  g_assert_cmpuint (self->n_output_closes, ==, 0);
  g_assert_cmpstr (self->written->str, ==, "one two ");
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  g_assert_cmpuint (self->n_closes, ==, 1);
}

/* GIO's plain calls, for whoever took the stream from libsoup: they wait for nobody. */
static void
test_plain_calls_work_too (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  char buffer[10];
  gsize written = 0;

  g_string_append (self->to_read, "abc");
  g_assert_cmpint (g_input_stream_read (self->input, buffer, sizeof buffer, NULL, NULL), ==, 3);
  g_assert_cmpint (g_input_stream_read (self->input, buffer, sizeof buffer, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  self->room = 1; /* and yet all of it is taken */
  g_assert_true (g_output_stream_write_all (self->output, "whole", 5, &written, NULL, NULL));
  g_assert_cmpstr (self->written->str, ==, "whole");
}

static void
test_end_is_told_once (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  char buffer[10];

  g_output_stream_close (self->output, NULL, NULL);
  g_assert_cmpuint (self->n_output_closes, ==, 1);
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  g_assert_cmpuint (self->n_closes, ==, 1);
  g_assert_cmpint (write_now (self, "x", &error), ==, -1);
  g_assert_nonnull (error);
  g_string_append (self->to_read, "unread");
  g_assert_cmpint (read_now (self, buffer, sizeof buffer, NULL), ==, 0);
}

static void
test_dropping_it_ends_it (Fixture *self, gconstpointer data)
{
  g_clear_object (&self->stream);
  g_assert_cmpuint (self->n_closes, ==, 1);
}

static void
on_closed (GObject *stream, GAsyncResult *result, gpointer data)
{
  *(gboolean *) data = g_io_stream_close_finish (G_IO_STREAM (stream), result, NULL);
}

static void
test_closing_needs_no_thread (Fixture *self, gconstpointer data)
{
  gboolean closed = FALSE;

  g_io_stream_close_async (G_IO_STREAM (self->stream), G_PRIORITY_DEFAULT, NULL, on_closed,
                           &closed);
  g_assert_cmpuint (self->n_closes, ==, 1);
  g_assert_false (closed);
  iterate ();
  g_assert_true (closed);
}

static void
test_without_its_owner_it_is_broken (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = NULL;
  char buffer[10];
  guint count = 0;

  read_now (self, buffer, sizeof buffer, NULL);
  source = watch_input (self, NULL, &count);
  tessera_gate_stream_forget_owner (self->stream);
  iterate ();
  g_assert_cmpuint (count, ==, 1);
  g_assert_cmpint (read_now (self, buffer, sizeof buffer, NULL), ==, 0);
  g_assert_cmpint (write_now (self, "x", &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  g_assert_cmpuint (self->n_closes, ==, 0);
}

static void
test_halves_may_outlive_it (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint count = 0;
  g_autoptr (GSource) source = watch_input (self, NULL, &count);

  tessera_gate_stream_forget_owner (self->stream);
  g_clear_object (&self->stream);
  g_clear_object (&self->input);
  iterate ();
  g_assert_cmpint (write_now (self, "x", &error), ==, -1);
}

#define ADD(name, test)                                                                            \
  g_test_add ("/gate-stream/" name, Fixture, NULL, fixture_set_up, test, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("source-waits-for-a-wake", test_source_waits_for_a_wake);
  ADD ("source-is-ready-when-there-is-something", test_source_is_ready_when_there_is_something);
  ADD ("source-can-be-cancelled", test_source_can_be_cancelled);
  ADD ("source-takes-a-closure", test_source_takes_a_closure);
  ADD ("writer-waits-for-room", test_writer_waits_for_room);
  ADD ("other-threads-may-write", test_other_threads_may_write);
  ADD ("what-another-thread-writes-comes-whole", test_what_another_thread_writes_comes_whole);
  ADD ("another-thread-s-end-is-none", test_another_thread_s_end_is_none);
  ADD ("plain-calls-work-too", test_plain_calls_work_too);
  ADD ("end-is-told-once", test_end_is_told_once);
  ADD ("dropping-it-ends-it", test_dropping_it_ends_it);
  ADD ("closing-needs-no-thread", test_closing_needs_no_thread);
  ADD ("without-its-owner-it-is-broken", test_without_its_owner_it_is_broken);
  ADD ("halves-may-outlive-it", test_halves_may_outlive_it);

  return g_test_run ();
}
