/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who waits for what, and until when: any number of connections, constant time, one timer. */

#include "gate/tessera-gate-deadlines-private.h"

void
tessera_gate_deadlines_init (TesseraGateDeadlines *self)
{
  for (guint i = 0; i < TESSERA_GATE_N_WAITS; i++)
    g_queue_init (&self->queues[i]);
}

void
tessera_gate_deadline_init (TesseraGateDeadline *deadline, gpointer owner)
{
  deadline->wait = TESSERA_GATE_WAIT_NOTHING;
  deadline->link.data = owner;
}

static TesseraGateDeadline *
get_deadline (GList *link)
{
  return (TesseraGateDeadline *) link; /* its first member */
}

void
tessera_gate_deadlines_set (TesseraGateDeadlines *self,
                            TesseraGateDeadline *deadline,
                            TesseraGateWait wait,
                            gint64 due)
{
  GQueue *queue = &self->queues[wait];
  GList *before = NULL;

  if (deadline->wait != TESSERA_GATE_WAIT_NOTHING)
    g_queue_unlink (&self->queues[deadline->wait], &deadline->link);
  deadline->wait = wait;
  deadline->due = due;
  if (wait == TESSERA_GATE_WAIT_NOTHING)
    return;

  before = queue->tail;
  while (before != NULL && get_deadline (before)->due > due)
    before = before->prev;
  if (before == NULL)
    g_queue_push_head_link (queue, &deadline->link);
  else
    g_queue_insert_after_link (queue, before, &deadline->link);
}

gpointer
tessera_gate_deadlines_peek (TesseraGateDeadlines *self, TesseraGateWait wait)
{
  GList *link = self->queues[wait].head;

  return link != NULL ? link->data : NULL;
}

gpointer
tessera_gate_deadlines_get_due (TesseraGateDeadlines *self, TesseraGateWait wait, gint64 now)
{
  GList *link = self->queues[wait].head;

  return link != NULL && get_deadline (link)->due <= now ? link->data : NULL;
}

gint64
tessera_gate_deadlines_get_next (TesseraGateDeadlines *self, gint64 idle_early)
{
  gint64 next = G_MAXINT64;

  for (guint wait = TESSERA_GATE_WAIT_HANDSHAKE; wait < TESSERA_GATE_N_WAITS; wait++)
    {
      GList *link = self->queues[wait].head;
      gint64 early = wait == TESSERA_GATE_WAIT_IDLE ? idle_early : 0;

      if (link != NULL)
        next = MIN (next, get_deadline (link)->due - early);
    }
  return next;
}
