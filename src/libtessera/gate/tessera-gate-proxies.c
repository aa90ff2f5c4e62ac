/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proxies of a listening socket, by where they connect from. */

#include "gate/tessera-gate-proxies-private.h"

#include <netinet/in.h>
#include <string.h>

#define UNIX_NAME "unix"
#define MAPPED_PREFIX 12 /* bytes before the IPv4 address (RFC 4291 §2.5.5.2) */

struct _TesseraGateProxies
{
  GPtrArray *masks; /* GInetAddressMask* */
  gboolean has_unix;
};

TesseraGateProxies *
tessera_gate_proxies_ref (TesseraGateProxies *self)
{
  return g_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  TesseraGateProxies *self = data;

  g_ptr_array_unref (self->masks);
}

void
tessera_gate_proxies_unref (TesseraGateProxies *self)
{
  g_rc_box_release_full (self, clear);
}

TesseraGateProxies *
tessera_gate_proxies_new (const char *const *list, GError **error)
{
  g_autoptr (TesseraGateProxies) self = g_rc_box_new0 (TesseraGateProxies);

  self->masks = g_ptr_array_new_with_free_func (g_object_unref);
  for (; list != NULL && *list != NULL; list++)
    {
      GInetAddressMask *mask = NULL;

      if (g_str_equal (*list, UNIX_NAME))
        {
          self->has_unix = TRUE;
          continue;
        }
      mask = g_inet_address_mask_new_from_string (*list, error);
      if (mask == NULL)
        return NULL;
      g_ptr_array_add (self->masks, mask);
    }
  return g_steal_pointer (&self);
}

static GInetAddress *
read_address (const struct sockaddr *address)
{
  const struct sockaddr_in *ipv4 = (const void *) address;
  const struct sockaddr_in6 *ipv6 = (const void *) address;

  if (address->sa_family == AF_INET)
    return g_inet_address_new_from_bytes ((const guint8 *) &ipv4->sin_addr, G_SOCKET_FAMILY_IPV4);
  if (address->sa_family != AF_INET6)
    return NULL; /* GCOV_EXCL_LINE: a GSocket has no other family that listens for streams */
  if (IN6_IS_ADDR_V4MAPPED (&ipv6->sin6_addr))
    return g_inet_address_new_from_bytes (ipv6->sin6_addr.s6_addr + MAPPED_PREFIX,
                                          G_SOCKET_FAMILY_IPV4);
  return g_inet_address_new_from_bytes (ipv6->sin6_addr.s6_addr, G_SOCKET_FAMILY_IPV6);
}

gboolean
tessera_gate_proxies_contain (TesseraGateProxies *self, const struct sockaddr *address)
{
  g_autoptr (GInetAddress) inet = NULL;

  if (address->sa_family == AF_UNIX || address->sa_family == AF_UNSPEC)
    return self->has_unix;
  if (self->masks->len == 0 || (inet = read_address (address)) == NULL)
    return FALSE;
  for (guint i = 0; i < self->masks->len; i++)
    if (g_inet_address_mask_matches (self->masks->pdata[i], inet))
      return TRUE;
  return FALSE;
}
