/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps what is to be sent until there is room to send it. */

#include "gate/tessera-gate-outbox-private.h"

#include <string.h>

GByteArray *
tessera_gate_outbox_open (TesseraGateOutbox *self, TesseraGateBuffers *buffers)
{
  if (self->bytes == NULL)
    self->bytes = tessera_gate_buffers_borrow_array (buffers);
  if (self->at > 0)
    {
      g_byte_array_remove_range (self->bytes, 0, (guint) self->at);
      explicit_bzero (self->bytes->data + self->bytes->len, self->at); /* a token, maybe */
    }
  self->at = 0;
  return self->bytes;
}

gsize
tessera_gate_outbox_get_unsent (const TesseraGateOutbox *self)
{
  return self->bytes != NULL ? self->bytes->len - self->at : 0;
}

gssize
tessera_gate_outbox_send (TesseraGateOutbox *self,
                          TesseraGateBuffers *buffers,
                          TesseraGateTransport *transport)
{
  while (tessera_gate_outbox_get_unsent (self) > 0)
    {
      gssize sent = tessera_gate_transport_write (transport, self->bytes->data + self->at,
                                                  self->bytes->len - self->at);

      if (sent < 0)
        return sent;
      self->at += (gsize) sent;
    }
  tessera_gate_outbox_clear (self, buffers);
  return 0;
}

void
tessera_gate_outbox_clear (TesseraGateOutbox *self, TesseraGateBuffers *buffers)
{
  if (self->bytes != NULL)
    tessera_gate_buffers_return_array (buffers, g_steal_pointer (&self->bytes));
  self->at = 0;
}
