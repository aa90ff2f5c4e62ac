/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a front door knows of a connection, carried by its remote address. */

#include "server/tessera-peer-private.h"

static GQuark
peer_quark (void)
{
  static GQuark quark;

  if (G_UNLIKELY (quark == 0))
    quark = g_quark_from_static_string ("tessera-peer");
  return quark;
}

void
tessera_peer_attach (TesseraPeer *self, GSocketAddress *address, GDestroyNotify destroy)
{
  g_object_set_qdata_full (G_OBJECT (address), peer_quark (), self, destroy);
}

TesseraPeer *
tessera_peer_get (GSocketAddress *address)
{
  return address != NULL ? g_object_get_qdata (G_OBJECT (address), peer_quark ()) : NULL;
}
