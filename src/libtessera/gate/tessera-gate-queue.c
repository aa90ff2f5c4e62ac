/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets who waits have turns by address, so that none keeps the others from theirs. */

#include "gate/tessera-gate-queue-private.h"

/* Of one address; there is none without places. */
struct _TesseraGateLine
{
  TesseraGateAddress address;
  GQueue places; /* TesseraGatePlace* */
  GList link;
};

struct _TesseraGateQueue
{
  GHashTable *by_address; /* TesseraGateLine*, of those that have one, by it */
  GQueue lines;           /* TesseraGateLine*, the next one first */
  guint n_waiting, max;
};

TesseraGateQueue *
tessera_gate_queue_new (guint max)
{
  TesseraGateQueue *self = g_new0 (TesseraGateQueue, 1);

  self->by_address = g_hash_table_new (tessera_gate_address_hash, tessera_gate_address_equals);
  self->max = max;
  return self;
}

void
tessera_gate_queue_free (TesseraGateQueue *self)
{
  while (tessera_gate_queue_take (self) != NULL)
    ;
  g_hash_table_unref (self->by_address);
  g_free (self);
}

static TesseraGateLine *
find_line (TesseraGateQueue *self, const TesseraGateAddress *address)
{
  TesseraGateLine *line = g_hash_table_lookup (self->by_address, address);

  if (line != NULL)
    return line;
  line = g_new0 (TesseraGateLine, 1);
  line->address = *address;
  line->link.data = line;
  g_queue_push_tail_link (&self->lines, &line->link);
  if (address->family != 0)
    g_hash_table_insert (self->by_address, &line->address, line);
  return line;
}

static void
drop_line (TesseraGateQueue *self, TesseraGateLine *line)
{
  g_queue_unlink (&self->lines, &line->link);
  g_hash_table_remove (self->by_address, &line->address);
  g_free (line);
}

/* @line, if none is longer. */
static TesseraGateLine *
find_longest (TesseraGateQueue *self, TesseraGateLine *line)
{
  for (GList *link = self->lines.head; link != NULL; link = link->next)
    if (((TesseraGateLine *) link->data)->places.length > line->places.length)
      line = link->data;
  return line;
}

void
tessera_gate_queue_remove (TesseraGateQueue *self, TesseraGatePlace *place)
{
  TesseraGateLine *line = place->line;

  g_queue_unlink (&line->places, &place->link);
  place->line = NULL;
  self->n_waiting--;
  if (line->places.length == 0)
    drop_line (self, line);
}

gpointer
tessera_gate_queue_add (TesseraGateQueue *self,
                        TesseraGatePlace *place,
                        gpointer owner,
                        const TesseraGateAddress *address)
{
  place->owner = owner;
  place->link.data = place;
  place->line = find_line (self, address);
  g_queue_push_tail_link (&place->line->places, &place->link);
  if (++self->n_waiting <= self->max)
    return NULL;
  place = find_longest (self, place->line)->places.tail->data;
  tessera_gate_queue_remove (self, place);
  return place->owner;
}

gpointer
tessera_gate_queue_take (TesseraGateQueue *self)
{
  TesseraGateLine *line = g_queue_peek_head (&self->lines);

  if (line == NULL)
    return NULL;
  TesseraGatePlace *place = line->places.head->data;
  g_queue_unlink (&self->lines, &line->link);
  g_queue_push_tail_link (&self->lines, &line->link);
  tessera_gate_queue_remove (self, place);
  return place->owner;
}
