/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts the connections of each address. */

#include "gate/tessera-gate-addresses-private.h"

#include <netinet/in.h>
#include <string.h>

typedef struct
{
  TesseraGateAddress address;
  guint count;
} Entry;

struct _TesseraGateAddresses
{
  GHashTable *entries; /* Entry*, by its address -> itself */
};

/* An IPv4 address that came over an IPv6 socket counts as what it is (RFC 4291 §2.5.5.2). */
static void
read_ipv6 (TesseraGateAddress *self, const struct in6_addr *address)
{
  if (IN6_IS_ADDR_V4MAPPED (address))
    {
      guint32 host = 0;

      memcpy (&host, address->s6_addr + 12, sizeof host);
      self->family = AF_INET;
      self->prefix = host;
      return;
    }
  self->family = AF_INET6;
  memcpy (&self->prefix, address->s6_addr, sizeof self->prefix);
}

void
tessera_gate_address_read (TesseraGateAddress *self, const struct sockaddr *address)
{
  self->family = 0;
  self->prefix = 0;
  if (address->sa_family == AF_INET)
    {
      self->family = AF_INET;
      self->prefix = ((const struct sockaddr_in *) (const void *) address)->sin_addr.s_addr;
    }
  else if (address->sa_family == AF_INET6)
    read_ipv6 (self, &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr);
}

/* Whoever owns many addresses could choose them so that they collide: GLib's hash of an integer is
 * no defence, but a prefix is worth only as many connections as it may have. */
guint
tessera_gate_address_hash (gconstpointer key)
{
  const TesseraGateAddress *self = key;
  guint64 mixed = (self->prefix ^ self->family) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return (guint) (mixed >> 32);
}

gboolean
tessera_gate_address_equals (gconstpointer a, gconstpointer b)
{
  const TesseraGateAddress *left = a, *right = b;

  return left->prefix == right->prefix && left->family == right->family;
}

TesseraGateAddresses *
tessera_gate_addresses_new (void)
{
  TesseraGateAddresses *self = g_new0 (TesseraGateAddresses, 1);

  self->entries = g_hash_table_new_full (tessera_gate_address_hash, tessera_gate_address_equals,
                                         NULL, g_free);
  return self;
}

void
tessera_gate_addresses_free (TesseraGateAddresses *self)
{
  g_hash_table_unref (self->entries);
  g_free (self);
}

gboolean
tessera_gate_addresses_add (TesseraGateAddresses *self,
                            const TesseraGateAddress *address,
                            guint max)
{
  Entry *entry = NULL;

  if (address->family == 0)
    return TRUE;
  entry = g_hash_table_lookup (self->entries, address);
  if (entry == NULL)
    {
      entry = g_new0 (Entry, 1);
      entry->address = *address;
      g_hash_table_insert (self->entries, &entry->address, entry);
    }
  if (entry->count >= max)
    return FALSE;
  entry->count++;
  return TRUE;
}

void
tessera_gate_addresses_remove (TesseraGateAddresses *self, const TesseraGateAddress *address)
{
  Entry *entry = address->family != 0 ? g_hash_table_lookup (self->entries, address) : NULL;

  if (entry != NULL && --entry->count == 0)
    g_hash_table_remove (self->entries, address);
}
