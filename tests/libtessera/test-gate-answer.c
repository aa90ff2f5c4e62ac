/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-gate-answer.c: where answers end (RFC 9112 §6.3, §7.1). */

#include "gate/tessera-gate-answer-private.h"

#include <string.h>

typedef struct
{
  const char *text;
  gboolean no_body;
  TesseraGateAnswerState state;
  gboolean closing;
} Case;

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const Case cases[] = {
  { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nh", FALSE, TESSERA_GATE_ANSWER_BODY, FALSE },
  { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", TRUE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "HTTP/1.1 204 No Content\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE,
    FALSE },
  { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", FALSE,
    TESSERA_GATE_ANSWER_COMPLETE, TRUE },
  { "HTTP/1.1 200 OK\r\n\r\nto the end", FALSE, TESSERA_GATE_ANSWER_BODY, TRUE },
  { "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
    FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes", FALSE,
    TESSERA_GATE_ANSWER_TUNNEL, FALSE },
  { CHUNKED "2\r\nhi\r\n0\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { CHUNKED "2;x=y\r\nhi\r\n00\r\nTrailer: t\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { CHUNKED "a\r\n0\r\n\r\n0\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_BODY, FALSE },
  { CHUNKED "A\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { CHUNKED "10\r\n", FALSE, TESSERA_GATE_ANSWER_BODY, FALSE },
  { CHUNKED "2\nhi\r\n0\n\r\n", FALSE, TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", FALSE,
    TESSERA_GATE_ANSWER_COMPLETE, FALSE },
  { "this is no\r\nHTTP\r\n\r\nat all", FALSE, TESSERA_GATE_ANSWER_BODY, TRUE },
  { "HTTP/1.1 20", FALSE, TESSERA_GATE_ANSWER_HEAD, FALSE },
};

static void
check (const Case *expected, gsize piece)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  gsize length = strlen (expected->text);
  TesseraGateAnswer answer;

  tessera_gate_answer_init (&answer, expected->no_body, FALSE);
  for (gsize at = 0; at < length; at += piece)
    tessera_gate_answer_take (&answer, expected->text + at, MIN (piece, length - at), out);
  g_assert_cmpint (answer.state, ==, expected->state);
  g_assert_cmpint (answer.closing, ==, expected->closing);
  if (!expected->closing && answer.state != TESSERA_GATE_ANSWER_HEAD)
    g_assert_cmpmem (out->data, out->len, expected->text, length);
  tessera_gate_answer_clear (&answer);
}

static void
test_end_is_found (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize piece = 1; piece <= strlen (cases[i].text); piece++)
      check (&cases[i], piece);
}

/* Whoever took the stream from libsoup may write anything: it is let through, and ends with it. */
static void
test_what_has_no_end_of_a_head_is_let_through (void)
{
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autoptr (GByteArray) out = g_byte_array_new ();
  TesseraGateAnswer answer;

  tessera_gate_answer_init (&answer, FALSE, FALSE);
  for (gsize at = 0; at < 100000; at += 10000)
    tessera_gate_answer_take (&answer, text + at, 10000, out);
  g_assert_cmpmem (out->data, out->len, text, 100000);
  g_assert_cmpint (answer.state, ==, TESSERA_GATE_ANSWER_BODY);
  g_assert_true (answer.closing);
  tessera_gate_answer_clear (&answer);
}

static void
test_close_is_said_once (void)
{
  static const char *const texts[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\n\r\nhi",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autofree char *text = NULL;
      TesseraGateAnswer answer;

      tessera_gate_answer_init (&answer, FALSE, TRUE);
      tessera_gate_answer_take (&answer, texts[i], strlen (texts[i]), out);
      text = g_ascii_strdown ((const char *) out->data, out->len);
      g_assert_nonnull (strstr (text, "\r\nconnection: close\r\n"));
      g_assert_null (strstr (strstr (text, "connection: close") + 1, "connection: close"));
      g_assert_true (g_str_has_suffix (text, "\r\n\r\nhi"));
    }
}

static void
test_nothing_comes_behind_the_end (void)
{
  static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n";
  g_autoptr (GByteArray) out = g_byte_array_new ();
  TesseraGateAnswer answer;

  tessera_gate_answer_init (&answer, FALSE, FALSE);
  tessera_gate_answer_take (&answer, text, strlen (text), out);
  g_assert_cmpint (answer.state, ==, TESSERA_GATE_ANSWER_COMPLETE);
  g_assert_true (answer.closing);
  /* Parentheses for GLib 2.84, whose macro has none. */
  g_assert_cmpmem (out->data, out->len, text, (gsize) (strstr (text, "hi") + 2 - text));
}

static void
test_refusal_is_an_answer (void)
{
  static const guint statuses[] = { 400, 405, 408, 411, 413, 414, 417, 431, 501, 503, 505 };

  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autoptr (GByteArray) again = g_byte_array_new ();
      TesseraGateAnswer answer;

      tessera_gate_answer_write_refusal (statuses[i], "Why.", i % 2 == 0, out);
      tessera_gate_answer_init (&answer, FALSE, FALSE);
      tessera_gate_answer_take (&answer, (const char *) out->data, out->len, again);
      g_assert_cmpuint (answer.status, ==, statuses[i]);
      g_assert_cmpint (answer.state, ==, TESSERA_GATE_ANSWER_COMPLETE);
      g_assert_true (answer.closing);
      g_assert_cmpmem (out->data, out->len, again->data, again->len);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/gate-answer/end-is-found", test_end_is_found);
  g_test_add_func ("/gate-answer/what-has-no-end-of-a-head-is-let-through",
                   test_what_has_no_end_of_a_head_is_let_through);
  g_test_add_func ("/gate-answer/close-is-said-once", test_close_is_said_once);
  g_test_add_func ("/gate-answer/nothing-comes-behind-the-end", test_nothing_comes_behind_the_end);
  g_test_add_func ("/gate-answer/refusal-is-an-answer", test_refusal_is_an_answer);

  return g_test_run ();
}
