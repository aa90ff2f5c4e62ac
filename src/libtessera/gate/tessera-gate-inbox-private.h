/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What has come over a connection and is not used yet: half a request, or the one after this. It
 * may be a password, so that it is overwritten wherever it lay. */
typedef struct
{
  char *bytes; /* NULL: nothing */
  gsize length;
  gsize size;
} TesseraGateInbox;

void tessera_gate_inbox_append (TesseraGateInbox *self, const char *bytes, gsize length);
/* The first @length bytes are used. */
void tessera_gate_inbox_drop (TesseraGateInbox *self, gsize length);
/* All of it, for somebody else; @self is empty then. */
TesseraGateInbox tessera_gate_inbox_steal (TesseraGateInbox *self);
void tessera_gate_inbox_clear (TesseraGateInbox *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraGateInbox, tessera_gate_inbox_clear)

G_END_DECLS
