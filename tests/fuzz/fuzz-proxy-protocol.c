/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a proxy says of a connection (PROXY protocol, version 2): the reader against a second one,
 * at every length, with anything behind it. The input is what comes first over the connection. */

#include "fuzz.h"
#include "gate/tessera-proxy-protocol-private.h"

#include <string.h>

#define HEADER 16 /* bytes, with the length of the rest */

/* What it says, read the other way: by a table of its fields, and a CRC with polynomial division of
 * whole bytes. */
typedef struct
{
  gboolean good;
  gboolean known, secure;
  char *address; /* owned, with its port behind a space */
} Expected;

static guint32 crc_table[256];

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  for (guint32 byte = 0; byte < G_N_ELEMENTS (crc_table); byte++)
    {
      guint32 rest = byte;

      for (guint bit = 0; bit < 8; bit++)
        rest = (rest & 1) != 0 ? 0x82f63b78 ^ rest >> 1 : rest >> 1;
      crc_table[byte] = rest;
    }
  return 0;
}

static guint32
compute_crc (const guint8 *bytes, gsize length)
{
  guint32 crc = 0xffffffff;

  for (gsize i = 0; i < length; i++)
    crc = crc_table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
  return crc ^ 0xffffffff;
}

/* With the four bytes of the sum as zeros. */
static gboolean
expect_sum (const guint8 *header, gsize length, gsize at)
{
  g_autofree guint8 *copy = g_memdup2 (header, length);
  guint32 sum;

  memcpy (&sum, header + at, sizeof sum);
  memset (copy + at, 0, sizeof sum);
  return GUINT32_FROM_BE (sum) == compute_crc (copy, length);
}

static gboolean
expect_values (Expected *self, const guint8 *header, gsize length, gsize at)
{
  GByteArray rest = { .data = (guint8 *) header + at, .len = (guint) (length - at) };

  while (rest.len > 0)
    {
      if (rest.len < 3)
        return FALSE;
      guint size = rest.data[1] * 256u + rest.data[2];
      if (size > rest.len - 3)
        return FALSE;
      if (rest.data[0] == 3
          && (size != 4 || !expect_sum (header, length, (gsize) (rest.data + 3 - header))))
        return FALSE;
      if (rest.data[0] == 0x20 && size < 5)
        return FALSE;
      if (rest.data[0] == 0x20)
        self->secure = rest.data[3] % 2 == 1;
      rest.data += 3 + size;
      rest.len -= 3 + size;
    }
  return TRUE;
}

static char *
print_address (const guint8 *bytes, gsize size, const guint8 *port)
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };
  gboolean is_mapped = size == 16 && memcmp (bytes, mapped, sizeof mapped) == 0;
  g_autoptr (GInetAddress) address
      = g_inet_address_new_from_bytes (is_mapped ? bytes + sizeof mapped : bytes,
                                       size == 4 || is_mapped ? G_SOCKET_FAMILY_IPV4
                                                              : G_SOCKET_FAMILY_IPV6);
  g_autofree char *text = g_inet_address_to_string (address);

  return g_strdup_printf ("%s %u", text, port[0] * 256u + port[1]);
}

static void
expect (Expected *self, const guint8 *header, gsize length)
{
  static const struct
  {
    guint8 family;
    gsize size, address, port; /* bytes; where the client's port is */
  } kinds[] = { { 0x00, 0, 0, 0 }, { 0x11, 12, 4, 8 }, { 0x21, 36, 16, 32 }, { 0x31, 216, 0, 0 } };

  self->good = header[12] == 0x20;
  if (self->good)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      if (kinds[i].family != header[13] || kinds[i].size > length - 16)
        continue;
      self->known = kinds[i].address > 0;
      if (self->known)
        self->address = print_address (header + 16, kinds[i].address, header + 16 + kinds[i].port);
      self->good = expect_values (self, header, length, 16 + kinds[i].size);
    }
}

static TesseraProxyProtocolState
parse (TesseraProxyProtocol *self, const uint8_t *data, size_t size)
{
  g_autofree guint8 *copy = g_malloc (MAX (size, 1));

  if (size > 0)
    memcpy (copy, data, size);
  memset (self, 0xa5, sizeof *self);
  return tessera_proxy_protocol_parse (self, copy, size);
}

/* The verdict does not fall before it can be known, nor late; and does not change with what comes
 * behind. Once the length is known, one byte less is tried, and no other. */
static TesseraProxyProtocolState
parse_by_steps (TesseraProxyProtocol *self, const uint8_t *data, size_t size)
{
  TesseraProxyProtocolState state = parse (self, data, 0);
  gsize at = 0;

  g_assert_cmpint (state, ==, TESSERA_PROXY_PROTOCOL_PARTIAL);
  while (at < size && state == TESSERA_PROXY_PROTOCOL_PARTIAL)
    {
      g_assert_cmpuint (self->length, >, at);
      gsize needed = at < HEADER ? at + 1 : self->length;
      if (needed > at + 1)
        state = parse (self, data, MIN (needed - 1, size));
      g_assert_cmpint (state, ==, TESSERA_PROXY_PROTOCOL_PARTIAL);
      at = MIN (needed, size);
      state = parse (self, data, at);
    }
  if (state == TESSERA_PROXY_PROTOCOL_COMPLETE)
    g_assert_cmpuint (self->length, ==, at);
  TesseraProxyProtocol whole;
  g_assert_cmpint (parse (&whole, data, size), ==, state);
  if (state == TESSERA_PROXY_PROTOCOL_COMPLETE)
    g_assert_cmpmem (&whole.address, sizeof whole.address, self->address, sizeof self->address);
  return state;
}

static void
compare (const TesseraProxyProtocol *proxy, const Expected *expected)
{
  g_assert_cmpint (proxy->known, ==, expected->known);
  g_assert_cmpint (proxy->secure, ==, expected->secure);
  if (!proxy->known)
    return;
  g_autoptr (GSocketAddress) address = tessera_proxy_protocol_dup_address (proxy);
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);
  g_autofree char *text = g_inet_address_to_string (g_inet_socket_address_get_address (inet));
  g_autofree char *line = g_strdup_printf ("%s %u", text, g_inet_socket_address_get_port (inet));
  g_assert_cmpstr (line, ==, expected->address);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  TesseraProxyProtocol proxy;
  TesseraProxyProtocolState state = parse_by_steps (&proxy, data, size);
  gboolean is_one = size >= 16 && memcmp (data, "\r\n\r\n\0\r\nQUIT\n", 12) == 0
                    && (data[12] == 0x20 || data[12] == 0x21);
  gsize length = is_one ? 16 + data[14] * 256u + data[15] : 0;
  Expected expected = { 0 };

  if (is_one && length <= MIN (size, TESSERA_PROXY_PROTOCOL_MAX))
    expect (&expected, data, length);
  g_assert_cmpint (state == TESSERA_PROXY_PROTOCOL_COMPLETE, ==, expected.good);
  if (expected.good)
    compare (&proxy, &expected);
  else if (state == TESSERA_PROXY_PROTOCOL_REFUSED)
    g_assert_nonnull (proxy.description);
  g_free (expected.address);
  return 0;
}
