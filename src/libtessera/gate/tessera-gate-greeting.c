/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Greets who has connected: PROXY protocol, version 2, then TLS, each by steps and with a time. */

#include "gate/tessera-gate-greeting-private.h"

#include "gate/tessera-proxy-protocol-private.h"

#include <netinet/in.h>

/* The handshake */

static void shake_hands (TesseraGateConnection *connection);

static void
on_handshake (TesseraTls *tls, TesseraTlsState state, gpointer data)
{
  TesseraGateConnection *connection = data;
  TesseraGate *gate = connection->gate;

  tessera_gate_begin_turn (gate);
  connection->stepping = FALSE;
  if (state == TESSERA_TLS_FAILED)
    tessera_gate_connection_close (connection);
  else if (state == TESSERA_TLS_READY)
    {
      tessera_gate_connection_watch_out (connection, FALSE);
      tessera_gate_connection_await_request (connection);
      /* The descriptor says nothing of what TLS has read already. */
      tessera_gate_connection_on_readable (connection);
    }
  else
    {
      tessera_gate_connection_watch_out (connection, state == TESSERA_TLS_WANTS_WRITE);
      shake_hands (connection);
    }
  tessera_gate_end_turn (gate);
}

static void
shake_hands (TesseraGateConnection *connection)
{
  if (connection->stepping || !connection->readable)
    return;
  connection->readable = FALSE;
  connection->stepping = TRUE;
  tessera_tls_handshake (connection->transport.tls, on_handshake, connection);
}

static void
begin_handshake (TesseraGateConnection *connection)
{
  TesseraTlsContext *tls = connection->socket->tls;

  if (tls == NULL)
    {
      tessera_gate_connection_await_request (connection);
      return;
    }
  if (!tessera_gate_has_tls_room (connection->gate, tessera_tls_get_handshake_size ()))
    {
      connection->gate->n_shed++;
      tessera_gate_connection_close (connection);
      return;
    }
  connection->secure = true;
  connection->state = TESSERA_GATE_HANDSHAKING;
  connection->transport.tls = tessera_tls_new (tls, connection->transport.fd, &connection->address);
  tessera_gate_connection_count (connection);
  tessera_gate_connection_wait_for (connection, TESSERA_GATE_WAIT_HANDSHAKE,
                                    connection->gate->limits->handshake_ms);
}

/* The introduction, which comes before TLS */

/* FALSE: there are too many from there. */
static gboolean
take_introduction (TesseraGateConnection *connection, const TesseraProxyProtocol *proxy)
{
  struct sockaddr_storage native = { 0 };

  if (!proxy->known)
    return TRUE;
  connection->peer.remote = tessera_proxy_protocol_dup_address (proxy);
  connection->secure = proxy->secure;
  g_socket_address_to_native (connection->peer.remote, &native, sizeof native, NULL);
  tessera_gate_address_read (&connection->address, (struct sockaddr *) &native);
  if (tessera_gate_addresses_add (connection->gate->addresses, &connection->address,
                                  connection->gate->limits->connections_per_address))
    return TRUE;
  connection->address.family = 0;
  return FALSE;
}

/* What comes behind it stays with the kernel: it may be TLS's. */
static void
introduce (TesseraGateConnection *connection)
{
  TesseraProxyProtocol proxy;
  guint8 *bytes = (guint8 *) connection->gate->scratch;
  gssize got
      = tessera_gate_transport_peek (&connection->transport, bytes, TESSERA_PROXY_PROTOCOL_MAX);
  TesseraProxyProtocolState state = TESSERA_PROXY_PROTOCOL_REFUSED;

  if (got == TESSERA_GATE_TRANSPORT_LATER)
    return;
  if (got > 0)
    state = tessera_proxy_protocol_parse (&proxy, bytes, (gsize) got);
  if (state == TESSERA_PROXY_PROTOCOL_PARTIAL && !connection->hung_up)
    return;
  if (state != TESSERA_PROXY_PROTOCOL_COMPLETE
      || tessera_gate_transport_discard (&connection->transport, bytes, proxy.length)
             != (gssize) proxy.length
      || !take_introduction (connection, &proxy))
    {
      tessera_gate_connection_close (connection);
      return;
    }
  begin_handshake (connection);
  tessera_gate_connection_on_readable (connection); /* of what came with it no event will tell */
}

void
tessera_gate_greeting_begin (TesseraGateConnection *connection)
{
  if (!connection->socket->proxy_protocol)
    {
      begin_handshake (connection);
      return;
    }
  connection->state = TESSERA_GATE_INTRODUCING;
  tessera_gate_connection_wait_for (connection, TESSERA_GATE_WAIT_HANDSHAKE,
                                    connection->gate->limits->head_ms);
}

void
tessera_gate_greeting_go_on (TesseraGateConnection *connection)
{
  if (connection->state == TESSERA_GATE_INTRODUCING)
    introduce (connection);
  else
    shake_hands (connection);
}
