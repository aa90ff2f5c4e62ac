/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The addresses that are somebody's inside: never connected to unless listed (RFC 6890 and what was
 * registered since, RFC 4291 §2.5.5.2, RFC 6052, RFC 3056, RFC 4380). */

#include "outbound-addresses.h"

#include <string.h>

#define NAT64 "64:ff9b::/96"
#define NAT64_PREFIX 12 /* bytes before the IPv4 address */

static const char *const inside_ipv4[]
    = { "0.0.0.0/8",       /* this host */
        "10.0.0.0/8",      /* private */
        "100.64.0.0/10",   /* behind a carrier's NAT, and some clouds' metadata */
        "127.0.0.0/8",     /* loopback */
        "168.63.129.16",   /* one cloud's metadata, at a public address */
        "169.254.0.0/16",  /* link-local, and most clouds' metadata */
        "172.16.0.0/12",   /* private */
        "192.0.0.0/24",    /* of protocols */
        "192.0.2.0/24",    /* examples */
        "192.88.99.0/24",  /* relays of 6to4 */
        "192.168.0.0/16",  /* private */
        "198.18.0.0/15",   /* measurements */
        "198.51.100.0/24", /* examples */
        "203.0.113.0/24",  /* examples */
        "224.0.0.0/4",     /* multicast */
        "240.0.0.0/4",     /* reserved, and broadcast */
        NULL };

/* Of IPv6 one range is the public internet: so loopback, unique-local, link-local, site-local,
 * multicast, mapped, NAT64 and whatever comes are outside of it. */
static const char *const public_ipv6[] = { "2000::/3", NULL };

static const char *const inside_ipv6[]
    = { "2001::/23",     /* of protocols, Teredo among them, with an IPv4 address inside */
        "2001:db8::/32", /* examples */
        "2002::/16",     /* 6to4, likewise */
        "3ffe::/16",     /* an experiment that has ended */
        "3fff::/20",     /* examples */
        NULL };

struct _OutboundAddresses
{
  GPtrArray *listed; /* GInetAddressMask* */
  GPtrArray *inside_ipv4;
  GPtrArray *inside_ipv6;
  GPtrArray *public_ipv6;
  GPtrArray *nat64;
};

static GPtrArray *
parse (const char *const *ranges, GError **error)
{
  g_autoptr (GPtrArray) masks = g_ptr_array_new_with_free_func (g_object_unref);

  for (; ranges != NULL && *ranges != NULL; ranges++)
    {
      GInetAddressMask *mask = g_inet_address_mask_new_from_string (*ranges, error);

      if (mask == NULL)
        {
          g_prefix_error (error, "%s: ", *ranges);
          return NULL;
        }
      g_ptr_array_add (masks, mask);
    }
  return g_steal_pointer (&masks);
}

static gboolean
contains (GPtrArray *masks, GInetAddress *address)
{
  for (guint i = 0; i < masks->len; i++)
    if (g_inet_address_mask_matches (masks->pdata[i], address))
      return TRUE;
  return FALSE;
}

OutboundAddresses *
outbound_addresses_new (const char *const *ranges, GError **error)
{
  static const char *const nat64[] = { NAT64, NULL };
  g_autoptr (GPtrArray) listed = parse (ranges, error);

  if (listed == NULL)
    return NULL;
  OutboundAddresses *self = g_new0 (OutboundAddresses, 1);
  self->listed = g_steal_pointer (&listed);
  self->inside_ipv4 = parse (inside_ipv4, NULL);
  self->inside_ipv6 = parse (inside_ipv6, NULL);
  self->public_ipv6 = parse (public_ipv6, NULL);
  self->nat64 = parse (nat64, NULL);
  return self;
}

void
outbound_addresses_free (OutboundAddresses *self)
{
  g_ptr_array_unref (self->listed);
  g_ptr_array_unref (self->inside_ipv4);
  g_ptr_array_unref (self->inside_ipv6);
  g_ptr_array_unref (self->public_ipv6);
  g_ptr_array_unref (self->nat64);
  g_free (self);
}

static gboolean
is_public (OutboundAddresses *self, GInetAddress *address)
{
  if (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV4)
    return !contains (self->inside_ipv4, address);
  return contains (self->public_ipv6, address) && !contains (self->inside_ipv6, address);
}

gboolean
outbound_addresses_permit (OutboundAddresses *self, GInetAddress *address)
{
  if (!contains (self->listed, address))
    return is_public (self, address);
  if (!contains (self->nat64, address))
    return TRUE;
  /* Whoever lists the way through NAT64 has not listed what lies behind it. */
  g_autoptr (GInetAddress) behind
      = g_inet_address_new_from_bytes (g_inet_address_to_bytes (address) + NAT64_PREFIX,
                                       G_SOCKET_FAMILY_IPV4);
  return outbound_addresses_permit (self, behind);
}
