/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The newest durable entries of the deny-list, for whoever follows it (design.md §5). */

#include "store/tessera-deny-tail-private.h"

struct _TesseraDenyTail
{
  GPtrArray *batch; /* TesseraDenial*, not durable yet; the committing thread's own */

  GMutex mutex;       /* over what follows */
  GPtrArray *entries; /* TesseraDenial*, in order */
  guint64 before;     /* up to here, entries are not in the tail */
  guint64 generation; /* up to here, all is durable */
  TesseraDenyTailGrown grown;
  gpointer data;
};

TesseraDenyTail *
tessera_deny_tail_new (void)
{
  TesseraDenyTail *self = g_new0 (TesseraDenyTail, 1);

  self->batch = g_ptr_array_new ();
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_denial_free);
  g_mutex_init (&self->mutex);
  return self;
}

static void
clear_batch (TesseraDenyTail *self)
{
  g_ptr_array_foreach (self->batch, (GFunc) (void (*) (void)) tessera_denial_free, NULL);
  g_ptr_array_set_size (self->batch, 0);
}

void
tessera_deny_tail_free (TesseraDenyTail *self)
{
  clear_batch (self);
  g_ptr_array_unref (self->batch);
  g_ptr_array_unref (self->entries);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

void
tessera_deny_tail_add (TesseraDenyTail *self, const TesseraDenial *denial)
{
  g_ptr_array_add (self->batch, tessera_denial_copy (denial));
}

/* With the lock. Half of it at once, so that it costs little for each entry. */
static void
trim (TesseraDenyTail *self)
{
  guint surplus = self->entries->len - MIN (self->entries->len, TESSERA_DENY_TAIL_LENGTH);
  const TesseraDenial *last = NULL;

  if (surplus < TESSERA_DENY_TAIL_LENGTH)
    return;
  last = self->entries->pdata[surplus - 1];
  self->before = last->generation;
  g_ptr_array_remove_range (self->entries, 0, surplus);
}

void
tessera_deny_tail_end_batch (TesseraDenyTail *self, gboolean committed)
{
  if (self->batch->len == 0)
    return;
  if (!committed)
    {
      clear_batch (self);
      return;
    }
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->batch->len; i++)
    {
      TesseraDenial *denial = self->batch->pdata[i];

      self->generation = MAX (self->generation, denial->generation);
      g_ptr_array_add (self->entries, denial);
    }
  g_ptr_array_set_size (self->batch, 0);
  trim (self);
  if (self->grown != NULL)
    self->grown (self->data);
  g_mutex_unlock (&self->mutex);
}

void
tessera_deny_tail_begin (TesseraDenyTail *self, guint64 before, guint64 generation)
{
  clear_batch (self);
  g_mutex_lock (&self->mutex);
  g_ptr_array_set_size (self->entries, 0);
  self->before = before;
  self->generation = generation;
  g_mutex_unlock (&self->mutex);
}

/* With the lock: the index of the first entry behind @since. */
static guint
find (TesseraDenyTail *self, guint64 since)
{
  guint low = 0, high = self->entries->len;

  while (low < high)
    {
      guint middle = (low + high) / 2;
      const TesseraDenial *denial = self->entries->pdata[middle];

      if (denial->generation <= since)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

GPtrArray *
tessera_deny_tail_list (TesseraDenyTail *self, guint64 since, guint limit, guint64 *out_generation)
{
  GPtrArray *list = NULL;

  g_mutex_lock (&self->mutex);
  *out_generation = self->generation;
  if (since >= self->before)
    {
      guint first = find (self, since);
      guint length = MIN (self->entries->len - first, limit);

      list = g_ptr_array_new_full (length, (GDestroyNotify) tessera_denial_free);
      for (guint i = 0; i < length; i++)
        g_ptr_array_add (list, tessera_denial_copy (self->entries->pdata[first + i]));
      if (first + length < self->entries->len)
        *out_generation = ((const TesseraDenial *) list->pdata[length - 1])->generation;
    }
  g_mutex_unlock (&self->mutex);
  return list;
}

guint64
tessera_deny_tail_get_generation (TesseraDenyTail *self)
{
  g_mutex_lock (&self->mutex);
  guint64 generation = self->generation;
  g_mutex_unlock (&self->mutex);
  return generation;
}

void
tessera_deny_tail_set_grown (TesseraDenyTail *self, TesseraDenyTailGrown grown, gpointer data)
{
  g_mutex_lock (&self->mutex);
  self->grown = grown;
  self->data = data;
  g_mutex_unlock (&self->mutex);
}
