/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps what has come over a connection until it is used, and leaves no copy of it. */

#include "gate/tessera-gate-inbox-private.h"

#include <string.h>

#define SIZE_MIN 512

static void
make_room (TesseraGateInbox *self, gsize length)
{
  TesseraGateInbox larger = { .length = self->length, .size = MAX (self->size, SIZE_MIN) };

  if (self->length + length <= self->size)
    return;
  while (larger.size < self->length + length)
    larger.size *= 2;
  larger.bytes = g_malloc (larger.size);
  if (self->length > 0)
    memcpy (larger.bytes, self->bytes, self->length);
  tessera_gate_inbox_clear (self);
  *self = larger;
}

void
tessera_gate_inbox_append (TesseraGateInbox *self, const char *bytes, gsize length)
{
  if (length == 0)
    return;
  make_room (self, length);
  memcpy (self->bytes + self->length, bytes, length);
  self->length += length;
}

void
tessera_gate_inbox_drop (TesseraGateInbox *self, gsize length)
{
  gsize left = self->length - length;

  if (left == 0)
    {
      tessera_gate_inbox_clear (self);
      return;
    }
  memmove (self->bytes, self->bytes + length, left);
  explicit_bzero (self->bytes + left, length);
  self->length = left;
}

TesseraGateInbox
tessera_gate_inbox_steal (TesseraGateInbox *self)
{
  TesseraGateInbox stolen = *self;

  *self = (TesseraGateInbox){ 0 };
  return stolen;
}

void
tessera_gate_inbox_clear (TesseraGateInbox *self)
{
  if (self->length > 0)
    explicit_bzero (self->bytes, self->length);
  g_free (self->bytes);
  *self = (TesseraGateInbox){ 0 };
}
