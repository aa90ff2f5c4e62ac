/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-connection-private.h"

G_BEGIN_DECLS

/* What comes over a connection, as requests. */

/* Reads what there is to be read, as long as it is answered at once. */
void tessera_gate_reader_read (TesseraGateConnection *connection);
/* After an answer: what waits already, then what can be read. */
void tessera_gate_reader_resume (TesseraGateConnection *connection);

G_END_DECLS
