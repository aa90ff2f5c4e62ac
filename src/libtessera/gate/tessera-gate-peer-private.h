/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-private.h"
#include "server/tessera-caller-private.h"

G_BEGIN_DECLS

/* Who is at the other end, as libsoup and the endpoints see it. */
typedef struct
{
  GSocketAddress *remote; /* from the first request on, or what a proxy said */
  gpointer peer;          /* a TesseraPeer, which lives as long as libsoup holds @remote */
} TesseraGatePeer;

/* Finds out what is not known yet. */
void tessera_gate_peer_find (TesseraGatePeer *self, TesseraGateConnection *connection);
/* The same for an endpoint. Borrowed; once it was found. */
const TesseraCaller *tessera_gate_peer_get_caller (const TesseraGatePeer *self);
/* Whose @remote it is; NULL: it has gone, or came otherwise. */
TesseraGateConnection *tessera_gate_peer_get_connection (GSocketAddress *remote);
/* Our own end of the connection. Owned. */
GSocketAddress *tessera_gate_peer_dup_local (TesseraGateConnection *connection);
/* Whoever answers in pieces is told that the door waits for the end. */
void tessera_gate_peer_drain (TesseraGatePeer *self);
/* Had it an answer in pieces? */
gboolean tessera_gate_peer_has_streamed (const TesseraGatePeer *self);
/* The connection has gone. */
void tessera_gate_peer_clear (TesseraGatePeer *self);

G_END_DECLS
