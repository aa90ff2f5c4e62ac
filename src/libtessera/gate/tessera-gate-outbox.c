/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps what is to be sent until there is room to send it. */

#include "gate/tessera-gate-outbox-private.h"

#include <string.h>

#define COPY_MAX 8192 /* bytes; a copy of less costs less than to send it apart */

static void
drop_sent (TesseraGateOutbox *self)
{
  if (self->at == 0)
    return;
  g_byte_array_remove_range (self->bytes, 0, (guint) self->at);
  explicit_bzero (self->bytes->data + self->bytes->len, self->at); /* a token, maybe */
  self->at = 0;
}

/* Something is to come behind it. */
static void
copy_tail (TesseraGateOutbox *self)
{
  gsize length = 0;
  const guint8 *tail = NULL;

  if (self->tail == NULL)
    return;
  tail = g_bytes_get_data (self->tail, &length);
  g_byte_array_append (self->bytes, tail + self->tail_at, (guint) (length - self->tail_at));
  g_clear_pointer (&self->tail, g_bytes_unref);
  self->tail_at = 0;
}

GByteArray *
tessera_gate_outbox_open (TesseraGateOutbox *self, TesseraGateBuffers *buffers)
{
  if (self->bytes == NULL)
    self->bytes = tessera_gate_buffers_borrow_array (buffers);
  drop_sent (self);
  copy_tail (self);
  return self->bytes;
}

void
tessera_gate_outbox_append (TesseraGateOutbox *self, TesseraGateBuffers *buffers, GBytes *bytes)
{
  GByteArray *array = tessera_gate_outbox_open (self, buffers);
  gsize length = 0;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  if (length <= COPY_MAX)
    g_byte_array_append (array, data, (guint) length);
  else
    self->tail = g_bytes_ref (bytes);
}

static gsize
get_tail_length (const TesseraGateOutbox *self)
{
  return self->tail != NULL ? g_bytes_get_size (self->tail) - self->tail_at : 0;
}

gsize
tessera_gate_outbox_get_unsent (const TesseraGateOutbox *self)
{
  return self->bytes != NULL ? self->bytes->len - self->at + get_tail_length (self) : 0;
}

static void
note_sent (TesseraGateOutbox *self, gsize sent)
{
  gsize part = MIN (sent, self->bytes->len - self->at);

  self->at += part;
  self->tail_at += sent - part;
}

gssize
tessera_gate_outbox_send (TesseraGateOutbox *self,
                          TesseraGateBuffers *buffers,
                          TesseraGateTransport *transport)
{
  while (tessera_gate_outbox_get_unsent (self) > 0)
    {
      gsize tail_length = get_tail_length (self);
      const guint8 *tail
          = tail_length > 0 ? (const guint8 *) g_bytes_get_data (self->tail, NULL) + self->tail_at
                            : NULL;
      gssize sent = tessera_gate_transport_write (transport, self->bytes->data + self->at,
                                                  self->bytes->len - self->at, tail, tail_length);

      if (sent < 0)
        return sent;
      note_sent (self, (gsize) sent);
    }
  tessera_gate_outbox_clear (self, buffers);
  return 0;
}

void
tessera_gate_outbox_clear (TesseraGateOutbox *self, TesseraGateBuffers *buffers)
{
  if (self->bytes != NULL)
    tessera_gate_buffers_return_array (buffers, g_steal_pointer (&self->bytes));
  g_clear_pointer (&self->tail, g_bytes_unref);
  self->at = self->tail_at = 0;
}
