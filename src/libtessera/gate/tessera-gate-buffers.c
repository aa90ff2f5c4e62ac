/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps a few buffers for the next request, without what they held. */

#include "gate/tessera-gate-buffers-private.h"

#include <string.h>

#define SPARES 16
#define SPARE_MAX 16384 /* bytes; larger buffers are not kept */
#define STRING_SIZE 1024
#define ARRAY_SIZE 4096 /* most answers: an array that grows leaves a copy behind */

void
tessera_gate_buffers_init (TesseraGateBuffers *self)
{
  self->strings = g_ptr_array_new ();
  self->arrays = g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
}

static GString *
steal_string (TesseraGateBuffers *self)
{
  GPtrArray *strings = self->strings;

  return strings->len > 0 ? g_ptr_array_steal_index_fast (strings, strings->len - 1) : NULL;
}

void
tessera_gate_buffers_clear (TesseraGateBuffers *self)
{
  GString *spare = NULL;

  while ((spare = steal_string (self)) != NULL)
    g_string_free (spare, TRUE);
  g_ptr_array_unref (self->strings);
  g_ptr_array_unref (self->arrays);
}

GString *
tessera_gate_buffers_borrow_string (TesseraGateBuffers *self, gsize size)
{
  GString *spare = steal_string (self);

  if (spare != NULL && spare->allocated_len > size)
    return spare;
  if (spare != NULL)
    g_string_free (spare, TRUE);
  return g_string_sized_new (MAX (size, STRING_SIZE));
}

void
tessera_gate_buffers_return_string (TesseraGateBuffers *self, GString *string)
{
  explicit_bzero (string->str, string->len); /* it held credentials */
  g_string_truncate (string, 0);
  if (self->strings->len < SPARES && string->allocated_len <= SPARE_MAX)
    g_ptr_array_add (self->strings, string);
  else
    g_string_free (string, TRUE);
}

GByteArray *
tessera_gate_buffers_borrow_array (TesseraGateBuffers *self)
{
  if (self->arrays->len > 0)
    return g_ptr_array_steal_index_fast (self->arrays, self->arrays->len - 1);
  return g_byte_array_sized_new (ARRAY_SIZE);
}

void
tessera_gate_buffers_return_array (TesseraGateBuffers *self, GByteArray *array)
{
  gboolean is_small = array->len <= SPARE_MAX;

  explicit_bzero (array->data, array->len);
  g_byte_array_set_size (array, 0);
  if (self->arrays->len < SPARES && is_small)
    g_ptr_array_add (self->arrays, array);
  else
    g_byte_array_unref (array);
}
