/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who an address counts as (RFC 4291 §2.5.4). */

#include "base/tessera-network-private.h"

#include <arpa/inet.h>
#include <string.h>

gsize
tessera_network_read (const char *address, guint8 out[TESSERA_NETWORK_SIZE])
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };

  if (inet_pton (AF_INET, address, out) == 1)
    return 4;
  if (inet_pton (AF_INET6, address, out) == 1)
    return memcmp (out, mapped, sizeof mapped) == 0 ? 16 : 8;
  memset (out, 0, TESSERA_NETWORK_SIZE);
  strncpy ((char *) out, address, TESSERA_NETWORK_SIZE - 1);
  return TESSERA_NETWORK_SIZE;
}

char *
tessera_network_dup (const char *address)
{
  guint8 network[TESSERA_NETWORK_SIZE];
  gsize length = tessera_network_read (address, network);

  return g_base64_encode (network, length);
}
