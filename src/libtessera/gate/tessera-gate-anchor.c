/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes libsoup keep the streams that it is handed. */

#include "gate/tessera-gate-anchor-private.h"

/* A datagram socket of the loopback interface that is connected to itself: the kernel takes nothing
 * from anybody else, and if it did, libsoup could not accept it and would look away. NULL: there is
 * no such interface, or no leave. */
static GSocket *
make_socket (void)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) own = NULL;
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                             G_SOCKET_PROTOCOL_DEFAULT, NULL);

  if (socket == NULL || !g_socket_bind (socket, any, FALSE, NULL))
    return NULL;
  own = g_socket_get_local_address (socket, NULL);
  if (own == NULL || !g_socket_connect (socket, own, NULL, NULL))
    return NULL;
  return g_steal_pointer (&socket);
}

static gboolean
listens (SoupServer *soup)
{
  g_autoptr (GSList) sockets = soup_server_get_listeners (soup);

  return sockets != NULL;
}

gboolean
tessera_gate_anchor (SoupServer *soup)
{
  g_autoptr (GSocket) socket = NULL;

  if (listens (soup))
    return TRUE;
  socket = make_socket ();
  return socket != NULL && soup_server_listen_socket (soup, socket, 0, NULL);
}
