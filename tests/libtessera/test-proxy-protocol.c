/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate/tessera-proxy-protocol-private.h"

#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\xc0\x00\x02\x01\x7f\x00\x00\x01\x12\x34\x20\xe1"
#define ZEROS_4 "\0\0\0\0"
#define ZEROS_12 ZEROS_4 ZEROS_4 ZEROS_4

/* A header of @version and @family whose rest is as long as it is. */
static GByteArray *
make (guint8 version, guint8 family, const char *rest, gsize length)
{
  GByteArray *bytes = g_byte_array_new ();
  guint8 middle[4] = { version, family, (guint8) (length >> 8), (guint8) (length & 0xff) };

  g_byte_array_append (bytes, (const guint8 *) SIGNATURE, 12);
  g_byte_array_append (bytes, middle, sizeof middle);
  return g_byte_array_append (bytes, (const guint8 *) rest, (guint) length);
}

#define MAKE(version, family, rest) make (version, family, rest, sizeof (rest) - 1)

/* Takes @bytes. Also: whatever is there of it less than all is PARTIAL, and asks for more; what is
 * behind it is not looked at. */
static TesseraProxyProtocol
assert_state (GByteArray *bytes, TesseraProxyProtocolState expected)
{
  TesseraProxyProtocol header, part;

  for (guint length = 0; length < bytes->len && expected == TESSERA_PROXY_PROTOCOL_COMPLETE;
       length++)
    {
      g_autofree guint8 *start = g_memdup2 (bytes->data, length);
      g_assert_cmpint (tessera_proxy_protocol_parse (&part, start, length), ==,
                       TESSERA_PROXY_PROTOCOL_PARTIAL);
      g_assert_cmpuint (part.length, >, length);
    }
  memset (&header, 0xa5, sizeof header);
  g_assert_cmpint (tessera_proxy_protocol_parse (&header, bytes->data, bytes->len), ==, expected);
  if (expected == TESSERA_PROXY_PROTOCOL_COMPLETE)
    {
      gsize length = bytes->len;
      g_byte_array_append (bytes, (const guint8 *) "GET / HTTP/1.1\r\n", 16);
      g_assert_cmpint (tessera_proxy_protocol_parse (&header, bytes->data, bytes->len), ==,
                       expected);
      g_assert_cmpuint (header.length, ==, length);
    }
  else
    g_assert_nonnull (header.description);
  g_byte_array_unref (bytes);
  return header;
}

static TesseraProxyProtocol
parse_good (GByteArray *bytes)
{
  return assert_state (bytes, TESSERA_PROXY_PROTOCOL_COMPLETE);
}

static void
refuse (GByteArray *bytes)
{
  assert_state (bytes, TESSERA_PROXY_PROTOCOL_REFUSED);
}

static void
assert_client (const TesseraProxyProtocol *header, const char *expected)
{
  g_assert_true (header->known);
  g_autoptr (GSocketAddress) address = tessera_proxy_protocol_dup_address (header);
  g_autofree char *text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
  g_assert_cmpstr (text, ==, expected);
}

static void
test_tells_the_client (void)
{
  TesseraProxyProtocol header = parse_good (MAKE (0x21, 0x11, TCP4));

  assert_client (&header, "192.0.2.1:4660");
  g_assert_false (header.secure);
  header = parse_good (MAKE (0x21, 0x21,
                             "\x20\x01\x0d\xb8" ZEROS_4 ZEROS_4 "\0\0\0\x01" ZEROS_12
                             "\0\0\0\x01\x12\x34\x01\xbb"));
  assert_client (&header, "[2001:db8::1]:4660");
  header = parse_good (MAKE (0x21, 0x21,
                             ZEROS_4 ZEROS_4 "\0\0\xff\xff\xc0\x00\x02\x01" ZEROS_12
                                             "\0\0\0\x01\x12\x34\x01\xbb"));
  assert_client (&header, "192.0.2.1:4660");
}

static void
test_may_speak_for_nobody (void)
{
  g_assert_false (parse_good (MAKE (0x20, 0x00, "")).known);
  g_assert_false (parse_good (MAKE (0x20, 0x11, TCP4)).known);
  g_assert_false (parse_good (MAKE (0x21, 0x00, "")).known);
  g_assert_false (parse_good (MAKE (0x21, 0x00, "\x04\x00\x01\x00")).known);
  char paths[216] = "/run/a";
  g_assert_false (parse_good (make (0x21, 0x31, paths, sizeof paths)).known);
}

static void
test_tells_of_tls (void)
{
  g_assert_true (parse_good (MAKE (0x21, 0x11, TCP4 "\x20\x00\x05\x01" ZEROS_4)).secure);
  g_assert_true (parse_good (MAKE (0x21, 0x11,
                                   TCP4 "\x01\x00\x02h2\x20\x00\x0b\x07" ZEROS_4 "\x21\x00\x03TLS"))
                     .secure);
  g_assert_false (parse_good (MAKE (0x21, 0x11, TCP4 "\x20\x00\x05\x02" ZEROS_4)).secure);
  refuse (MAKE (0x21, 0x11, TCP4 "\x20\x00\x04\x01\0\0\0"));
}

static void
test_holds_the_checksum (void)
{
  /* CRC-32C of it all with zeros in its place, computed by another program. */
  parse_good (MAKE (0x21, 0x11,
                    TCP4 "\x03\x00\x04"
                         "\xe4\x82\x37\x46"));
  refuse (MAKE (0x21, 0x11, TCP4 "\x03\x00\x04\x01\x02\x03\x04"));
  refuse (MAKE (0x21, 0x11, TCP4 "\x03\x00\x03\x01\x02\x03"));
}

static void
test_refuses_what_it_is_not (void)
{
  GByteArray *bytes = MAKE (0x21, 0x11, TCP4);

  bytes->data[11] = 'X';
  refuse (bytes);
  refuse (MAKE (0x11, 0x11, TCP4));
  refuse (MAKE (0x22, 0x11, TCP4));
  refuse (MAKE (0x21, 0x12, TCP4)); /* datagrams */
  refuse (MAKE (0x21, 0x41, TCP4));
  refuse (MAKE (0x21, 0x11, "\xc0\x00\x02\x01"));
  refuse (MAKE (0x21, 0x21, TCP4));
  for (guint i = 0; i < 3; i++)
    {
      static const char *const others[] = { "GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00\x01",
                                            "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n" };
      bytes = g_byte_array_new ();
      refuse (g_byte_array_append (bytes, (const guint8 *) others[i], (guint) strlen (others[i])));
    }
}

static void
test_refuses_values_that_go_too_far (void)
{
  refuse (MAKE (0x21, 0x11, TCP4 "\x04"));
  refuse (MAKE (0x21, 0x11, TCP4 "\x04\x00"));
  refuse (MAKE (0x21, 0x11, TCP4 "\x04\x00\x02\x00"));
  refuse (MAKE (0x21, 0x11, TCP4 "\x04\xff\xff"));
  parse_good (MAKE (0x21, 0x11, TCP4 "\x04\x00\x00"));
}

static void
test_is_bounded (void)
{
  char rest[TESSERA_PROXY_PROTOCOL_MAX - 16 + 1] = "";

  parse_good (make (0x20, 0x00, rest, sizeof rest - 1));
  refuse (make (0x20, 0x00, rest, sizeof rest));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proxy-protocol/tells-the-client", test_tells_the_client);
  g_test_add_func ("/proxy-protocol/may-speak-for-nobody", test_may_speak_for_nobody);
  g_test_add_func ("/proxy-protocol/tells-of-tls", test_tells_of_tls);
  g_test_add_func ("/proxy-protocol/holds-the-checksum", test_holds_the_checksum);
  g_test_add_func ("/proxy-protocol/refuses-what-it-is-not", test_refuses_what_it_is_not);
  g_test_add_func ("/proxy-protocol/refuses-values-that-go-too-far",
                   test_refuses_values_that_go_too_far);
  g_test_add_func ("/proxy-protocol/is-bounded", test_is_bounded);
  return g_test_run ();
}
