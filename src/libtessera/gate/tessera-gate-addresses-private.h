/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* Where a connection comes from, as far as it counts: an IPv4 address, or the first 64 bits of an
 * IPv6 address, which are one customer's. */
typedef struct
{
  guint64 prefix;
  guint32 family; /* 0: not counted */
} TesseraGateAddress;

void tessera_gate_address_read (TesseraGateAddress *self, const struct sockaddr *address);
/* For tables. */
guint tessera_gate_address_hash (gconstpointer key);
gboolean tessera_gate_address_equals (gconstpointer a, gconstpointer b);

/* How many connections an address has. */
typedef struct _TesseraGateAddresses TesseraGateAddresses;

TesseraGateAddresses *tessera_gate_addresses_new (void);
void tessera_gate_addresses_free (TesseraGateAddresses *self);
/* FALSE: it has @max already. */
gboolean tessera_gate_addresses_add (TesseraGateAddresses *self,
                                     const TesseraGateAddress *address,
                                     guint max);
void tessera_gate_addresses_remove (TesseraGateAddresses *self, const TesseraGateAddress *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraGateAddresses, tessera_gate_addresses_free)

G_END_DECLS
