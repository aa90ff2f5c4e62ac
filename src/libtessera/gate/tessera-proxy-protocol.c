/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what a proxy says of a connection: PROXY protocol, version 2 (HAProxy's proxy-protocol.txt
 * §2.2 to §2.2.8). */
#include "gate/tessera-proxy-protocol-private.h"

#include <string.h>

#define HEADER 16
#define VERSION_LOCAL 0x20 /* the proxy's own connection */
#define VERSION_PROXY 0x21
#define FAMILY_UNSPECIFIED 0x00
#define FAMILY_TCP4 0x11
#define FAMILY_TCP6 0x21
#define FAMILY_UNIX_STREAM 0x31
#define TCP4_SIZE 12
#define TCP6_SIZE 36
#define UNIX_SIZE 216
#define TLV_HEADER 3
#define TLV_CRC32C 0x03
#define TLV_SSL 0x20
#define SSL_SIZE 5
#define CLIENT_SSL 0x01

static const guint8 signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static gboolean
refuse (TesseraProxyProtocol *self, const char *description)
{
  self->description = description;
  return FALSE;
}

static guint
get_16 (const guint8 *bytes)
{
  return (guint) bytes[0] << 8 | bytes[1];
}

static guint32
get_32 (const guint8 *bytes)
{
  return (guint32) get_16 (bytes) << 16 | get_16 (bytes + 2);
}

/* CRC-32C (RFC 9260 appendix A) of @bytes, in which the four at @hole count as zero. */
static guint32
compute_crc (const guint8 *bytes, gsize length, gsize hole)
{
  guint32 crc = G_MAXUINT32;

  for (gsize i = 0; i < length; i++)
    {
      crc ^= i >= hole && i < hole + 4 ? 0 : bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
  return ~crc;
}

/* How many bytes of addresses a family has; -1: not for us. */
static int
get_addresses_size (guint8 family)
{
  switch (family)
    {
    case FAMILY_UNSPECIFIED:
      return 0;
    case FAMILY_TCP4:
      return TCP4_SIZE;
    case FAMILY_TCP6:
      return TCP6_SIZE;
    case FAMILY_UNIX_STREAM:
      return UNIX_SIZE;
    default:
      return -1;
    }
}

static void
take_address (TesseraProxyProtocol *self, guint8 family, const guint8 *bytes)
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };

  self->known = TRUE;
  self->family = G_SOCKET_FAMILY_IPV4;
  if (family == FAMILY_TCP4)
    {
      memcpy (self->address, bytes, 4);
      self->port = (guint16) get_16 (bytes + 8);
      return;
    }
  self->port = (guint16) get_16 (bytes + 32);
  if (memcmp (bytes, mapped, sizeof mapped) == 0)
    {
      memcpy (self->address, bytes + sizeof mapped, 4);
      return;
    }
  self->family = G_SOCKET_FAMILY_IPV6;
  memcpy (self->address, bytes, 16);
}

static gboolean
read_value (TesseraProxyProtocol *self, const guint8 *bytes, gsize at, gsize size)
{
  guint8 type = bytes[at - TLV_HEADER];

  if (type == TLV_CRC32C
      && (size != 4 || get_32 (bytes + at) != compute_crc (bytes, self->length, at)))
    return refuse (self, "The checksum of the proxy's header is wrong.");
  if (type == TLV_SSL && size < SSL_SIZE)
    return refuse (self, "The proxy's header says too little of TLS.");
  if (type == TLV_SSL)
    self->secure = (bytes[at] & CLIENT_SSL) != 0;
  return TRUE;
}

static gboolean
read_values (TesseraProxyProtocol *self, const guint8 *bytes, gsize at)
{
  while (at < self->length)
    {
      gsize left = self->length - at;
      gsize size = left >= TLV_HEADER ? get_16 (bytes + at + 1) : left;

      if (size > left - MIN (left, TLV_HEADER))
        return refuse (self, "The proxy's header ends within a value.");
      if (!read_value (self, bytes, at + TLV_HEADER, size))
        return FALSE;
      at += TLV_HEADER + size;
    }
  return TRUE;
}

static gboolean
read_all (TesseraProxyProtocol *self, const guint8 *bytes)
{
  guint8 family = bytes[13];
  int size = get_addresses_size (family);

  if (bytes[12] == VERSION_LOCAL)
    return TRUE; /* whatever else it says */
  if (size < 0 || (gsize) size > self->length - HEADER)
    return refuse (self, "The proxy's header has no addresses of its kind.");
  if (family == FAMILY_TCP4 || family == FAMILY_TCP6)
    take_address (self, family, bytes + HEADER);
  return read_values (self, bytes, HEADER + (gsize) size);
}

static gboolean
check_start (TesseraProxyProtocol *self, const guint8 *bytes, gsize length)
{
  if (length > 0 && memcmp (bytes, signature, MIN (length, sizeof signature)) != 0)
    return refuse (self, "The connection does not begin with a proxy's header.");
  if (length > 12 && bytes[12] != VERSION_LOCAL && bytes[12] != VERSION_PROXY)
    return refuse (self, "The proxy's header has another version or command.");
  return TRUE;
}

TesseraProxyProtocolState
tessera_proxy_protocol_parse (TesseraProxyProtocol *self, const guint8 *bytes, gsize length)
{
  memset (self, 0, sizeof *self);
  if (!check_start (self, bytes, length))
    return TESSERA_PROXY_PROTOCOL_REFUSED;
  self->length = HEADER;
  if (length < HEADER)
    return TESSERA_PROXY_PROTOCOL_PARTIAL;
  self->length += get_16 (bytes + 14);
  if (self->length > TESSERA_PROXY_PROTOCOL_MAX)
    {
      refuse (self, "The proxy's header is too long.");
      return TESSERA_PROXY_PROTOCOL_REFUSED;
    }
  if (length < self->length)
    return TESSERA_PROXY_PROTOCOL_PARTIAL;
  return read_all (self, bytes) ? TESSERA_PROXY_PROTOCOL_COMPLETE : TESSERA_PROXY_PROTOCOL_REFUSED;
}

GSocketAddress *
tessera_proxy_protocol_dup_address (const TesseraProxyProtocol *self)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_bytes (self->address, self->family);

  return g_inet_socket_address_new (address, self->port);
}
