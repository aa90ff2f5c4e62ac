/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer that comes in pieces, without an HTTP library (RFC 9110 §6.4, RFC 9112 §7.1). */

#include "endpoints/tessera-outlet-private.h"

gboolean
tessera_outlet_write (TesseraOutlet *self, const char *bytes, gsize length)
{
  return length == 0 || self->front->write (self, bytes, length);
}

gboolean
tessera_outlet_is_ready (TesseraOutlet *self)
{
  return self->front->is_ready (self);
}

void
tessera_outlet_finish (TesseraOutlet *self, TesseraOutletEnd why)
{
  self->front->finish (self, why);
}

void
tessera_outlet_cut (TesseraOutlet *self)
{
  self->front->cut (self);
}
