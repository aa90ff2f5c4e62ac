/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-addresses-private.h"

G_BEGIN_DECLS

/* Who waits for what few can have at once. Address after address has its turn, so that an address
 * with many waits for itself; and when there is no more room, it is the one that makes way. Not for
 * several threads. */
typedef struct _TesseraGateQueue TesseraGateQueue;
typedef struct _TesseraGateLine TesseraGateLine;

/* Part of whoever waits; zero before. */
typedef struct
{
  gpointer owner;
  TesseraGateLine *line; /* NULL: nobody waits here */
  GList link;
} TesseraGatePlace;

TesseraGateQueue *tessera_gate_queue_new (guint max);
void tessera_gate_queue_free (TesseraGateQueue *self);
/* Who waits no more, since more than @max would: the last of the address that has most of them,
 * @owner itself if none has more than its own. NULL: there was room. Who has no address (family 0)
 * stands for itself. */
gpointer tessera_gate_queue_add (TesseraGateQueue *self,
                                 TesseraGatePlace *place,
                                 gpointer owner,
                                 const TesseraGateAddress *address);
/* Whose turn it is; it waits no more. NULL: nobody waits. */
gpointer tessera_gate_queue_take (TesseraGateQueue *self);
void tessera_gate_queue_remove (TesseraGateQueue *self, TesseraGatePlace *place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraGateQueue, tessera_gate_queue_free)

G_END_DECLS
