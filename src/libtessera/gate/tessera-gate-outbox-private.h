/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-buffers-private.h"
#include "gate/tessera-gate-transport-private.h"

G_BEGIN_DECLS

/* What is to be sent over a connection. */
typedef struct
{
  GByteArray *bytes; /* of the gate's buffers; NULL: nothing */
  gsize at;          /* the first that is not sent */
  GBytes *tail;      /* what comes behind them and is others' too; NULL: nothing */
  gsize tail_at;
} TesseraGateOutbox;

/* Room for more, with what was sent out of the way. */
GByteArray *tessera_gate_outbox_open (TesseraGateOutbox *self, TesseraGateBuffers *buffers);
/* Behind what there is, without a copy, unless it is small. */
void
tessera_gate_outbox_append (TesseraGateOutbox *self, TesseraGateBuffers *buffers, GBytes *bytes);
gsize tessera_gate_outbox_get_unsent (const TesseraGateOutbox *self);
/* Sends what there is room for. 0: all is sent; else LATER or BROKEN of the transport. */
gssize tessera_gate_outbox_send (TesseraGateOutbox *self,
                                 TesseraGateBuffers *buffers,
                                 TesseraGateTransport *transport);
void tessera_gate_outbox_clear (TesseraGateOutbox *self, TesseraGateBuffers *buffers);

G_END_DECLS
