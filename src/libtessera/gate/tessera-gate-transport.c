/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and writes what is there to be read and written, and waits for nothing. */

#include "gate/tessera-gate-transport-private.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
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

/* A record of TLS is the bytes of one call. */
static gssize
write_tls (TesseraTls *tls, const void *bytes, gsize count, const void *more, gsize more_count)
{
  return get_tls_result (count > 0 ? tessera_tls_write (tls, bytes, count)
                                   : tessera_tls_write (tls, more, more_count));
}

gssize
tessera_gate_transport_write (
    TesseraGateTransport *self, const void *bytes, gsize count, const void *more, gsize more_count)
{
  struct iovec parts[] = {
    { .iov_base = (void *) bytes, .iov_len = count },
    { .iov_base = (void *) more, .iov_len = more_count },
  };
  const struct msghdr message = { .msg_iov = parts, .msg_iovlen = G_N_ELEMENTS (parts) };
  gssize sent = 0;

  if (self->tls != NULL)
    return write_tls (self->tls, bytes, count, more, more_count);
  do
    sent = more_count > 0 ? sendmsg (self->fd, &message, MSG_NOSIGNAL)
                          : send (self->fd, bytes, count, MSG_NOSIGNAL);
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
