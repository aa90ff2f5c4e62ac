/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-gate-outbox.c: what is to be sent arrives whole and in order, however little room there
 * is, and nothing of it is left behind. */

#include "gate/tessera-gate-outbox-private.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  TesseraGateBuffers buffers;
  TesseraGateTransport transport;
  TesseraGateOutbox outbox;
  int reader;
  GByteArray *heard;
} Fixture;

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  int fds[2], small = 4096;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
  setsockopt (fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  tessera_gate_buffers_init (&self->buffers);
  self->transport.fd = fds[0];
  self->reader = fds[1];
  self->heard = g_byte_array_new ();
}

static void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  tessera_gate_outbox_clear (&self->outbox, &self->buffers);
  tessera_gate_buffers_clear (&self->buffers);
  tessera_gate_transport_close (&self->transport);
  close (self->reader);
  g_byte_array_unref (self->heard);
}

static GBytes *
make_bytes (gsize length, char first)
{
  char *bytes = g_malloc (length);

  for (gsize i = 0; i < length; i++)
    bytes[i] = (char) (first + (char) (i % 61));
  return g_bytes_new_take (bytes, length);
}

static void
listen_for (Fixture *self, gsize max)
{
  char buffer[4096];
  gssize got = read (self->reader, buffer, MIN (max, sizeof buffer));

  if (got > 0)
    g_byte_array_append (self->heard, (guint8 *) buffer, (guint) got);
}

static void
send_all (Fixture *self)
{
  gssize result = TESSERA_GATE_TRANSPORT_LATER;

  while (result == TESSERA_GATE_TRANSPORT_LATER)
    {
      gsize before = tessera_gate_outbox_get_unsent (&self->outbox);

      result = tessera_gate_outbox_send (&self->outbox, &self->buffers, &self->transport);
      g_assert_cmpuint (tessera_gate_outbox_get_unsent (&self->outbox), <=, before);
      listen_for (self, 1500);
    }
  g_assert_cmpint (result, ==, 0);
  g_assert_cmpuint (tessera_gate_outbox_get_unsent (&self->outbox), ==, 0);
  for (guint i = 0; i < 100; i++)
    listen_for (self, 4096);
}

static void
write_text (Fixture *self, const char *text)
{
  g_byte_array_append (tessera_gate_outbox_open (&self->outbox, &self->buffers),
                       (const guint8 *) text, (guint) strlen (text));
}

static void
assert_heard (Fixture *self, const char *head, GBytes *body, const char *rest)
{
  g_autoptr (GByteArray) expected = g_byte_array_new ();

  g_byte_array_append (expected, (const guint8 *) head, (guint) strlen (head));
  g_byte_array_append (expected, g_bytes_get_data (body, NULL), (guint) g_bytes_get_size (body));
  g_byte_array_append (expected, (const guint8 *) rest, (guint) strlen (rest));
  g_assert_cmpmem (self->heard->data, self->heard->len, expected->data, expected->len);
}

static void
test_small_and_large_arrive (Fixture *self, gconstpointer data)
{
  static const gsize lengths[] = { 0, 1, 8191, 8192, 8193, 20000, 100000 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (GBytes) body = make_bytes (lengths[i], 'A');

      write_text (self, "head");
      tessera_gate_outbox_append (&self->outbox, &self->buffers, body);
      g_assert_cmpuint (tessera_gate_outbox_get_unsent (&self->outbox), ==, 4 + lengths[i]);
      send_all (self);
      assert_heard (self, "head", body, "");
      g_byte_array_set_size (self->heard, 0);
    }
}

static void
test_large_is_not_copied (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = make_bytes (100000, 'A');

  write_text (self, "head");
  tessera_gate_outbox_append (&self->outbox, &self->buffers, body);
  g_assert_cmpuint (self->outbox.bytes->len, ==, 4);
  g_assert_true (self->outbox.tail == body);
  send_all (self);
  g_assert_null (self->outbox.tail);
}

/* A refusal may have to follow when half of an answer is on its way. */
static void
test_more_may_follow (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = make_bytes (50000, 'A');

  for (guint sends = 0; sends < 4; sends++)
    {
      write_text (self, "head");
      tessera_gate_outbox_append (&self->outbox, &self->buffers, body);
      for (guint i = 0; i < sends; i++)
        {
          tessera_gate_outbox_send (&self->outbox, &self->buffers, &self->transport);
          listen_for (self, 3000);
        }
      write_text (self, "more");
      g_assert_null (self->outbox.tail);
      send_all (self);
      assert_heard (self, "head", body, "more");
      g_byte_array_set_size (self->heard, 0);
    }
}

static void
test_half_sent_may_be_forgotten (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = make_bytes (50000, 'A');

  write_text (self, "head");
  tessera_gate_outbox_append (&self->outbox, &self->buffers, body);
  tessera_gate_outbox_send (&self->outbox, &self->buffers, &self->transport);
  tessera_gate_outbox_clear (&self->outbox, &self->buffers);
  g_assert_cmpuint (tessera_gate_outbox_get_unsent (&self->outbox), ==, 0);
  while (read (self->reader, (char[4096]){ 0 }, 4096) > 0)
    ;
  write_text (self, "next");
  send_all (self);
  g_assert_cmpmem (self->heard->data, self->heard->len, "next", 4);
}

#define SECRET_SIZE 12000 /* more than is sent at once, and less than a buffer that is not kept */

/* How many bytes of it have gone. */
static gsize
send_part_of_a_secret (Fixture *self)
{
  g_autofree char *secret = g_strnfill (SECRET_SIZE, 'S');

  write_text (self, secret);
  g_assert_cmpint (tessera_gate_outbox_send (&self->outbox, &self->buffers, &self->transport), ==,
                   TESSERA_GATE_TRANSPORT_LATER);
  g_assert_cmpuint (tessera_gate_outbox_get_unsent (&self->outbox), >, 0);
  return SECRET_SIZE - tessera_gate_outbox_get_unsent (&self->outbox);
}

static void
assert_overwritten (const guint8 *bytes, gsize length)
{
  g_assert_cmpuint (length, >, 0);
  for (gsize i = 0; i < length; i++)
    g_assert_cmpuint (bytes[i], ==, 0);
}

/* What is left moves to the beginning, for more to follow. */
static void
test_what_was_sent_is_overwritten (Fixture *self, gconstpointer data)
{
  gsize sent = send_part_of_a_secret (self);
  GByteArray *left = tessera_gate_outbox_open (&self->outbox, &self->buffers);

  g_assert_cmpuint (left->len, ==, SECRET_SIZE - sent);
  assert_overwritten (left->data + left->len, sent);
}

/* Its reader has gone. */
static void
test_what_was_not_sent_is_overwritten (Fixture *self, gconstpointer data)
{
  send_part_of_a_secret (self);
  tessera_gate_outbox_clear (&self->outbox, &self->buffers);
  GByteArray *next = tessera_gate_outbox_open (&self->outbox, &self->buffers);
  g_assert_cmpuint (next->len, ==, 0);
  assert_overwritten (next->data, SECRET_SIZE);
}

static void
test_broken_is_said (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = make_bytes (50000, 'A');

  shutdown (self->reader, SHUT_RD);
  write_text (self, "head");
  tessera_gate_outbox_append (&self->outbox, &self->buffers, body);
  g_assert_cmpint (tessera_gate_outbox_send (&self->outbox, &self->buffers, &self->transport), ==,
                   TESSERA_GATE_TRANSPORT_BROKEN);
}

#define ADD(name, test)                                                                            \
  g_test_add ("/gate-outbox/" name, Fixture, NULL, fixture_set_up, test, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("small-and-large-arrive", test_small_and_large_arrive);
  ADD ("large-is-not-copied", test_large_is_not_copied);
  ADD ("more-may-follow", test_more_may_follow);
  ADD ("half-sent-may-be-forgotten", test_half_sent_may_be_forgotten);
  ADD ("what-was-sent-is-overwritten", test_what_was_sent_is_overwritten);
  ADD ("what-was-not-sent-is-overwritten", test_what_was_not_sent_is_overwritten);
  ADD ("broken-is-said", test_broken_is_said);
  return g_test_run ();
}
