/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Buffers that have room already, so that a request needs no new ones; what they held is
 * overwritten when they come back. */
typedef struct
{
  GPtrArray *strings; /* GString* */
  GPtrArray *arrays;  /* GByteArray* */
} TesseraGateBuffers;

void tessera_gate_buffers_init (TesseraGateBuffers *self);
void tessera_gate_buffers_clear (TesseraGateBuffers *self);
/* Empty, with room for @size bytes: as long as there are no more, they lie in one place only. */
GString *tessera_gate_buffers_borrow_string (TesseraGateBuffers *self, gsize size);
void tessera_gate_buffers_return_string (TesseraGateBuffers *self, GString *string);
GByteArray *tessera_gate_buffers_borrow_array (TesseraGateBuffers *self);
void tessera_gate_buffers_return_array (TesseraGateBuffers *self, GByteArray *array);

G_END_DECLS
