/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says who is at either end of a connection. */

#include "gate/tessera-gate-peer-private.h"

#include "gate/tessera-gate-connection-private.h"
#include "server/tessera-peer-private.h"

#include <gio/gunixsocketaddress.h>
#include <sys/socket.h>

#define STAND_IN_PORT 80

/* Outlives the connection while libsoup holds its address. */
typedef struct
{
  TesseraPeer base;
  TesseraGateConnection *connection; /* NULL when it is gone */
  TesseraCaller caller;
} Peer;

static void
on_hold (TesseraPeer *base, guint seconds)
{
  TesseraGateConnection *connection = ((Peer *) base)->connection;

  if (connection != NULL)
    tessera_gate_connection_hold (connection, seconds);
}

static gsize
on_get_unsent (TesseraPeer *base)
{
  TesseraGateConnection *connection = ((Peer *) base)->connection;

  return connection != NULL ? tessera_gate_outbox_get_unsent (&connection->out) : 0;
}

static void
on_cut (TesseraPeer *base)
{
  TesseraGateConnection *connection = ((Peer *) base)->connection;
  TesseraGate *gate = connection != NULL ? connection->gate : NULL;

  if (gate == NULL)
    return;
  tessera_gate_begin_turn (gate);
  tessera_gate_connection_cut (connection);
  tessera_gate_end_turn (gate);
}

static void
tell (TesseraPeer *base)
{
  if (base->changed != NULL)
    base->changed (base->changed_data);
}

static GSocketAddress *
ask_address (int fd, int (*ask) (int fd, struct sockaddr *address, socklen_t *length))
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  if (ask (fd, (struct sockaddr *) &address, &length) < 0)
    return NULL;
  return g_socket_address_new_from_native (&address, length);
}

static int
ask_peer (int fd, struct sockaddr *address, socklen_t *length)
{
  return getpeername (fd, address, length);
}

static int
ask_own (int fd, struct sockaddr *address, socklen_t *length)
{
  return getsockname (fd, address, length);
}

void
tessera_gate_peer_find (TesseraGatePeer *self, TesseraGateConnection *connection)
{
  Peer *peer = NULL;

  if (self->remote == NULL)
    self->remote = ask_address (connection->transport.fd, ask_peer);
  if (self->remote == NULL)
    self->remote = g_unix_socket_address_new (""); /* gone already, or without a name */
  if (self->peer != NULL)
    return;
  peer = g_new0 (Peer, 1);
  peer->base.secure = connection->secure;
  peer->base.draining = connection->gate->draining;
  peer->base.hold = on_hold;
  peer->base.get_unsent = on_get_unsent;
  peer->base.cut = on_cut;
  peer->connection = connection;
  tessera_caller_init (&peer->caller, self->remote, connection->secure);
  peer->base.address = peer->caller.address;
  tessera_peer_attach (&peer->base, self->remote, g_free);
  self->peer = peer;
}

const TesseraCaller *
tessera_gate_peer_get_caller (const TesseraGatePeer *self)
{
  return &((const Peer *) self->peer)->caller;
}

TesseraGateConnection *
tessera_gate_peer_get_connection (GSocketAddress *remote)
{
  TesseraPeer *peer = tessera_peer_get (remote);

  return peer != NULL && peer->hold == on_hold ? ((Peer *) peer)->connection : NULL;
}

/* libsoup takes the local address for the host when a request names none, and asserts that it is an
 * internet address. */
GSocketAddress *
tessera_gate_peer_dup_local (TesseraGateConnection *connection)
{
  g_autoptr (GSocketAddress) address = NULL;

  if (connection->socket->local != NULL)
    return g_object_ref (connection->socket->local);
  address = ask_address (connection->transport.fd, ask_own);
  if (G_IS_INET_SOCKET_ADDRESS (address))
    return g_steal_pointer (&address);
  return g_inet_socket_address_new_from_string ("127.0.0.1", STAND_IN_PORT);
}

void
tessera_gate_peer_drain (TesseraGatePeer *self)
{
  Peer *peer = self->peer;

  if (peer == NULL)
    return;
  peer->base.draining = TRUE;
  tell (&peer->base);
}

gboolean
tessera_gate_peer_has_streamed (const TesseraGatePeer *self)
{
  const Peer *peer = self->peer;

  return peer != NULL && peer->base.streamed;
}

void
tessera_gate_peer_clear (TesseraGatePeer *self)
{
  Peer *peer = g_steal_pointer (&self->peer);

  if (peer != NULL)
    {
      peer->connection = NULL;
      peer->base.gone = TRUE;
      tell (&peer->base);
    }
  g_clear_object (&self->remote);
}
