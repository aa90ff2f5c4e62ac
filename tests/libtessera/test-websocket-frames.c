/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server/tessera-websocket-frames.c: what a client may say, and how a server says it. What else a
 * client should not say, is said to the service (tests/service/test_feed_websocket.py). */

#include "server/tessera-websocket-frames-private.h"

#include <string.h>

/* RFC 6455 §5.7: a masked pong with "Hello". */
static const guint8 masked_pong[]
    = { 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };

static void
test_frames_come_in_any_pieces (void)
{
  for (gsize piece = 1; piece <= sizeof masked_pong; piece++)
    {
      TesseraWebsocketReader reader = { 0 };
      TesseraWebsocketFrame frame = { 0 };

      for (gsize at = 0; at < sizeof masked_pong;)
        {
          gsize length = MIN (piece, sizeof masked_pong - at);

          g_assert_cmpuint (frame.opcode, ==, 0);
          g_assert_cmpuint (tessera_websocket_reader_take (&reader, masked_pong + at, length,
                                                           &frame),
                            ==, length);
          at += length;
        }
      g_assert_cmpuint (frame.status, ==, 0);
      g_assert_cmpuint (frame.opcode, ==, TESSERA_WEBSOCKET_PONG);
      g_assert_cmpmem (frame.payload, frame.length, "Hello", 5);
    }
}

static void
test_what_comes_behind_a_frame_is_the_next (void)
{
  guint8 bytes[2 * sizeof masked_pong];
  TesseraWebsocketReader reader = { 0 };
  TesseraWebsocketFrame frame;

  memcpy (bytes, masked_pong, sizeof masked_pong);
  memcpy (bytes + sizeof masked_pong, masked_pong, sizeof masked_pong);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpuint (tessera_websocket_reader_take (&reader, bytes + i * sizeof masked_pong,
                                                       (2 - i) * sizeof masked_pong, &frame),
                        ==, sizeof masked_pong);
      g_assert_cmpmem (frame.payload, frame.length, "Hello", 5);
    }
}

static void
test_largest_frame_is_read (void)
{
  guint8 bytes[6 + 125] = { 0x89, 0xfd, 1, 2, 3, 4 };
  TesseraWebsocketReader reader = { 0 };
  TesseraWebsocketFrame frame;

  g_assert_cmpuint (tessera_websocket_reader_take (&reader, bytes, sizeof bytes, &frame), ==,
                    sizeof bytes);
  g_assert_cmpuint (frame.status, ==, 0);
  g_assert_cmpuint (frame.length, ==, 125);
  g_assert_cmpuint (frame.payload[124], ==, 1);
}

static guint
read_status (guint8 first, guint8 second)
{
  const guint8 bytes[] = { first, second, 0, 0, 0, 0, 0, 0 };
  TesseraWebsocketReader reader = { 0 };
  TesseraWebsocketFrame frame;

  tessera_websocket_reader_take (&reader, bytes, sizeof bytes, &frame);
  return frame.status;
}

static void
test_all_heads_but_three_are_refused (void)
{
  for (guint first = 0; first < 256; first++)
    for (guint second = 0; second < 256; second++)
      {
        guint opcode = first & 0xf;
        gboolean masked = (second & 0x80) != 0 && (first & 0x70) == 0;
        gboolean data = masked && (opcode == 1 || opcode == 2);
        gboolean good = masked && first >= 0x88 && first <= 0x8a && (second & 0x7f) <= 125;
        guint status = read_status ((guint8) first, (guint8) second);

        if (good && opcode == 8) /* a close frame whose payload is 1 byte, or the status 0 */
          g_assert_cmpuint (status, ==, second >= 0x81 && second <= 0x82 ? 1002 : 0);
        else
          g_assert_cmpuint (status, ==, data ? 1003 : good ? 0 : 1002);
      }
}

static void
test_lengths_are_as_short_as_can_be (void)
{
  static const struct
  {
    gsize length;
    guint head;
    guint8 bytes[10];
  } cases[] = { { 0, 2, { 0x81, 0 } },
                { 125, 2, { 0x81, 125 } },
                { 126, 4, { 0x81, 126, 0, 126 } },
                { 65535, 4, { 0x81, 126, 0xff, 0xff } },
                { 65536, 10, { 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0 } } };
  g_autofree char *payload = g_malloc0 (65536);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();

      tessera_websocket_append_frame (out, TESSERA_WEBSOCKET_TEXT, payload, cases[i].length);
      g_assert_cmpuint (out->len, ==, cases[i].head + cases[i].length);
      g_assert_cmpmem (out->data, cases[i].head, cases[i].bytes, cases[i].head);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/websocket-frames/frames-come-in-any-pieces", test_frames_come_in_any_pieces);
  g_test_add_func ("/websocket-frames/what-comes-behind-a-frame-is-the-next",
                   test_what_comes_behind_a_frame_is_the_next);
  g_test_add_func ("/websocket-frames/largest-frame-is-read", test_largest_frame_is_read);
  g_test_add_func ("/websocket-frames/all-heads-but-three-are-refused",
                   test_all_heads_but_three_are_refused);
  g_test_add_func ("/websocket-frames/lengths-are-as-short-as-can-be",
                   test_lengths_are_as_short_as_can_be);
  return g_test_run ();
}
