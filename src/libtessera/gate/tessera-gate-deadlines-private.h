/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  TESSERA_GATE_WAIT_NOTHING, /* no deadline */
  TESSERA_GATE_WAIT_HANDSHAKE,
  TESSERA_GATE_WAIT_HEAD,
  TESSERA_GATE_WAIT_BODY,
  TESSERA_GATE_WAIT_IDLE,
  TESSERA_GATE_WAIT_ANSWER,
  TESSERA_GATE_WAIT_HELD, /* an answer that somebody has to think about */
  TESSERA_GATE_WAIT_WRITE,
  TESSERA_GATE_WAIT_LINGER,
  TESSERA_GATE_WAIT_STREAM, /* not a connection: libsoup's end of one, for its next request */
  TESSERA_GATE_N_WAITS,
} TesseraGateWait;

/* Part of what waits. */
typedef struct
{
  GList link; /* its data is the owner */
  TesseraGateWait wait;
  gint64 due; /* monotonic microseconds */
} TesseraGateDeadline;

/* A queue for each kind of waiting, in order of time: since all of one kind take as long, a new one
 * goes to the end. */
typedef struct
{
  GQueue queues[TESSERA_GATE_N_WAITS];
} TesseraGateDeadlines;

void tessera_gate_deadlines_init (TesseraGateDeadlines *self);
void tessera_gate_deadline_init (TesseraGateDeadline *deadline, gpointer owner);
/* @wait NOTHING: it waits no more. */
void tessera_gate_deadlines_set (TesseraGateDeadlines *self,
                                 TesseraGateDeadline *deadline,
                                 TesseraGateWait wait,
                                 gint64 due);
/* The owner of the first of @wait, or NULL. */
gpointer tessera_gate_deadlines_peek (TesseraGateDeadlines *self, TesseraGateWait wait);
/* The first of @wait that is due at @now, or NULL; it stays. */
gpointer
tessera_gate_deadlines_get_due (TesseraGateDeadlines *self, TesseraGateWait wait, gint64 now);
/* When the next is due, were those that idle due @idle_early microseconds sooner; G_MAXINT64:
 * none. */
gint64 tessera_gate_deadlines_get_next (TesseraGateDeadlines *self, gint64 idle_early);

G_END_DECLS
