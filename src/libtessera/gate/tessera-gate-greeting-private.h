/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-connection-private.h"

G_BEGIN_DECLS

/* What comes before the first request, if the socket asks for it: a proxy introduces its client
 * (PROXY protocol), then there is a handshake (TLS). */
void tessera_gate_greeting_begin (TesseraGateConnection *connection);
/* Something has come, or there is room again. */
void tessera_gate_greeting_go_on (TesseraGateConnection *connection);

G_END_DECLS
