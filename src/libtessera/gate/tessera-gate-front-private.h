/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-private.h"
#include "server/tessera-server-private.h"

G_BEGIN_DECLS

/* A request that the gate answers itself, in the hands of an endpoint. */
typedef struct _TesseraGateInlet TesseraGateInlet;

/* Who answers it without libsoup; NULL: nobody. Whatever is not spelled as libsoup would give it
 * further, or is refused by the adapter, is libsoup's, so that both ways lead to the same answer.
 */
TesseraServer *tessera_gate_front_find_server (TesseraGate *gate,
                                               const TesseraRequestHead *head,
                                               const char *bytes);
/* Would libsoup take its path for an endpoint's, which is spelled otherwise? It decodes escapes of
 * letters, digits and "-._~", and no harm is in that for the paths of the application; but whoever
 * stands before us and knows endpoints by their addresses would have let another one through. */
gboolean tessera_gate_front_is_disguised (TesseraGate *gate,
                                          const TesseraRequestHead *head,
                                          const char *bytes);
/* @server may have answered when this returns. @bytes: head and body. */
void tessera_gate_front_begin (TesseraGateConnection *connection,
                               TesseraServer *server,
                               const TesseraRequestHead *head,
                               const char *bytes);
/* Its answer is of no interest any more, or was given. */
void tessera_gate_front_forget (TesseraGateInlet **inlet);
/* Bytes that it holds; 0 for NULL. */
gsize tessera_gate_front_get_length (const TesseraGateInlet *inlet);

G_END_DECLS
