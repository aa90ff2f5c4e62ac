/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event streams, read in pieces (WHATWG HTML, "Server-sent events"). */

#include "resource/tessera-event-stream-private.h"

#include "base/tessera-error.h"

#include <string.h>

/* Each event as [type|id|data]; an error as "!". */
static void
read_piece (TesseraEventStream *stream, GString *said, const char *bytes, gsize length)
{
  const TesseraEvent *event = NULL;
  g_autoptr (GError) error = NULL;

  while (length > 0)
    {
      if (!tessera_event_stream_read (stream, &bytes, &length, &event, &error))
        {
          g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
          g_string_append_c (said, '!');
          return;
        }
      if (event == NULL)
        continue;
      g_assert_cmpuint (strlen (event->data), <=, event->length);
      g_string_append_printf (said, "[%s|%s|%.*s]", event->type, event->id, (int) event->length,
                              event->data);
    }
}

static char *
read_in_three (const char *text, gsize length, gsize first, gsize second)
{
  g_autoptr (TesseraEventStream) stream = tessera_event_stream_new ();
  GString *said = g_string_new (NULL);

  read_piece (stream, said, text, first);
  read_piece (stream, said, text + first, second - first);
  read_piece (stream, said, text + second, length - second);
  return g_string_free (said, FALSE);
}

/* The same however it is cut: at every byte, and in any two places if it is short. */
static void
check_bytes (const char *text, gsize length, const char *expected)
{
  for (gsize first = 0; first <= length; first++)
    for (gsize second = length < 100 ? first : length; second <= length; second++)
      {
        g_autofree char *said = read_in_three (text, length, first, second);
        g_assert_cmpstr (said, ==, expected);
      }
}

static void
check (const char *text, const char *expected)
{
  check_bytes (text, strlen (text), expected);
}

static void
test_reads_fields (void)
{
  check ("data: one\n\n", "[message||one]");
  check ("data:one\n\n", "[message||one]");
  check ("data:  one\n\n", "[message|| one]");
  check ("data\n\n", "[message||]");
  check ("data\ndata\n\n", "[message||\n]");
  check ("data: a\ndata: b:c\n\n", "[message||a\nb:c]");
  check ("event: deny\nid: 7\ndata: x\n\n", "[deny|7|x]");
  check ("event: deny\nevent: other\ndata: x\n\n", "[other||x]");
  check ("event: deny\nevent\ndata: x\n\n", "[message||x]");
  check ("datax: a\nDATA: b\n data: c\ndata : d\n\n", "");
}

static void
test_ends_lines_in_three_ways (void)
{
  check ("data: a\r\ndata: b\r\n\r\n", "[message||a\nb]");
  check ("data: a\rdata: b\r\r", "[message||a\nb]");
  check ("data: a\ndata: b\r\n\rdata: c\n\r", "[message||a\nb][message||c]");
  check ("\n\r\r\n\n\n", "");
}

static void
test_starts_with_an_event_of_nothing (void)
{
  check ("event: deny\n\ndata: x\n\n", "[message||x]");
  check ("id: 5\n\ndata: x\n\n", "[message|5|x]");
}

static void
test_keeps_the_last_id (void)
{
  static const char with_nul[] = "id: 5\ndata: a\n\nid: 6\0007\ndata: b\n\n";

  check ("id: 5\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", "[message|5|a][message|5|b][message||c]");
  check_bytes (with_nul, sizeof with_nul - 1, "[message|5|a][message|5|b]");
}

static void
test_skips_comments (void)
{
  check (": one\n:\n:data: x\ndata: y\n:\n\n", "[message||y]");
}

static void
test_skips_one_mark_of_order (void)
{
  check ("\xef\xbb\xbf"
         "data: a\n\n",
         "[message||a]");
  check ("\xef\xbb\xbf\xef\xbb\xbf"
         "data: a\n\n",
         "");
  check ("data: a\n\n\xef\xbb\xbf"
         "data: b\n\n",
         "[message||a]");
  check ("\xef\xbb"
         "data: a\n\n",
         "");
}

static void
test_ends_without_the_event_under_way (void)
{
  check ("data: a\n\ndata: b\n", "[message||a]");
  check ("data: a\n\ndata: b", "[message||a]");
}

static gint64
read_retry (const char *text)
{
  g_autoptr (TesseraEventStream) stream = tessera_event_stream_new ();
  g_autoptr (GString) said = g_string_new (NULL);

  read_piece (stream, said, text, strlen (text));
  return tessera_event_stream_get_retry_ms (stream);
}

static void
test_reads_how_long_to_wait (void)
{
  g_assert_cmpint (read_retry ("data: a\n\n"), ==, -1);
  g_assert_cmpint (read_retry ("retry: 1000\n"), ==, 1000);
  g_assert_cmpint (read_retry ("retry:0\n"), ==, 0);
  g_assert_cmpint (read_retry ("retry: 5\nretry: -1\nretry: 1s\nretry: 0x5\nretry\nretry: +6\n"),
                   ==, 5);
  g_assert_cmpint (read_retry ("retry: 99999999999999999999999999999999\n"), ==, G_MAXINT32);
}

/* A line of @n bytes, in pieces of @size, and what follows. */
static char *
read_line_of (gsize n, const char *field, gsize size)
{
  g_autoptr (TesseraEventStream) stream = tessera_event_stream_new ();
  g_autoptr (GString) text = g_string_new (field);
  GString *said = g_string_new (NULL);

  while (text->len < n)
    g_string_append_c (text, 'x');
  g_string_append (text, "\ndata: y\n\n");
  for (gsize at = 0; at < text->len; at += size)
    read_piece (stream, said, text->str + at, MIN (size, text->len - at));
  return g_string_free (said, FALSE);
}

static void
test_bounds_a_line (void)
{
  static const gsize sizes[] = { 1, 1000, 1 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *good = read_line_of (TESSERA_EVENT_LINE_MAX, ":", sizes[i]);
      g_autofree char *bad = read_line_of (TESSERA_EVENT_LINE_MAX + 1, ":", sizes[i]);

      g_assert_cmpstr (good, ==, "[message||y]");
      g_assert_cmpint (bad[0], ==, '!'); /* and ever after */
      g_assert_null (strchr (bad, 'y'));
    }
}

static void
test_bounds_an_event (void)
{
  g_autoptr (TesseraEventStream) stream = tessera_event_stream_new ();
  g_autoptr (GString) said = g_string_new (NULL);

  /* As much as there may be, and the line feeds between: */
  for (guint i = 0; i < TESSERA_EVENT_DATA_MAX / 4; i++)
    read_piece (stream, said, "data: 123\n", 10);
  read_piece (stream, said, "data\n\n", 6);
  g_assert_cmpuint (said->len, ==, TESSERA_EVENT_DATA_MAX + strlen ("[message||]"));

  g_string_truncate (said, 0);
  for (guint i = 0; i < TESSERA_EVENT_DATA_MAX / 4; i++)
    read_piece (stream, said, "data: 123\n", 10);
  g_assert_cmpstr (said->str, ==, "");
  read_piece (stream, said, "data: 1\n", 8);
  g_assert_cmpstr (said->str, ==, "!");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event-stream/reads-fields", test_reads_fields);
  g_test_add_func ("/event-stream/ends-lines-in-three-ways", test_ends_lines_in_three_ways);
  g_test_add_func ("/event-stream/starts-with-an-event-of-nothing",
                   test_starts_with_an_event_of_nothing);
  g_test_add_func ("/event-stream/keeps-the-last-id", test_keeps_the_last_id);
  g_test_add_func ("/event-stream/skips-comments", test_skips_comments);
  g_test_add_func ("/event-stream/skips-one-byte-order-mark", test_skips_one_mark_of_order);
  g_test_add_func ("/event-stream/ends-without-the-event-under-way",
                   test_ends_without_the_event_under_way);
  g_test_add_func ("/event-stream/reads-how-long-to-wait", test_reads_how_long_to_wait);
  g_test_add_func ("/event-stream/bounds-a-line", test_bounds_a_line);
  g_test_add_func ("/event-stream/bounds-an-event", test_bounds_an_event);
  return g_test_run ();
}
