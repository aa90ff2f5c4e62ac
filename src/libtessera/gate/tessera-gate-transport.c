/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and writes what is there to be read and written, and waits for nothing. */

#include "gate/tessera-gate-transport-private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static gssize
get_result (gssize count)
{
  if (count >= 0)
    return count;
  return errno == EAGAIN || errno == EWOULDBLOCK ? TESSERA_GATE_TRANSPORT_LATER
                                                 : TESSERA_GATE_TRANSPORT_BROKEN;
}

static gssize
get_tls_result (gssize count)
{
  if (count >= 0)
    return count;
  return count == TESSERA_TLS_LATER ? TESSERA_GATE_TRANSPORT_LATER : TESSERA_GATE_TRANSPORT_BROKEN;
}

static gssize
receive (TesseraGateTransport *self, void *buffer, gsize count, int flags)
{
  gssize got = 0;

  do
    got = recv (self->fd, buffer, count, flags);
  while (got < 0 && errno == EINTR);
  return get_result (got);
}

gssize
tessera_gate_transport_peek (TesseraGateTransport *self, void *buffer, gsize count)
{
  return receive (self, buffer, count, MSG_PEEK);
}

gssize
tessera_gate_transport_discard (TesseraGateTransport *self, void *buffer, gsize count)
{
  return receive (self, buffer, count, 0);
}

gssize
tessera_gate_transport_read (TesseraGateTransport *self, void *buffer, gsize count)
{
  if (self->tls != NULL)
    return get_tls_result (tessera_tls_read (self->tls, buffer, count));
  return receive (self, buffer, count, 0);
}

gssize
tessera_gate_transport_write (TesseraGateTransport *self, const void *bytes, gsize count)
{
  gssize sent = 0;

  if (self->tls != NULL)
    return get_tls_result (tessera_tls_write (self->tls, bytes, count));
  do
    sent = send (self->fd, bytes, count, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return get_result (sent);
}

gboolean
tessera_gate_transport_wants_room (TesseraGateTransport *self)
{
  return self->tls != NULL && tessera_tls_get_wish (self->tls) == TESSERA_TLS_WANTS_WRITE;
}

void
tessera_gate_transport_shut (TesseraGateTransport *self)
{
  if (self->tls != NULL)
    tessera_tls_say_goodbye (self->tls);
  shutdown (self->fd, SHUT_WR);
}

void
tessera_gate_transport_drop_unsent (TesseraGateTransport *self)
{
  struct linger reset = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (self->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

void
tessera_gate_transport_close (TesseraGateTransport *self)
{
  g_clear_pointer (&self->tls, tessera_tls_free);
  close (self->fd);
  self->fd = -1;
}
