/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-tls-private.h"

G_BEGIN_DECLS

#define TESSERA_GATE_TRANSPORT_LATER (-1) /* the descriptor says when */
#define TESSERA_GATE_TRANSPORT_BROKEN (-2)

/* The bytes of one connection: a bare descriptor, or TLS on top of one. */
typedef struct
{
  int fd;          /* non-blocking, owned; -1: closed */
  TesseraTls *tls; /* owned, or NULL */
} TesseraGateTransport;

/* Bytes, 0 at the end, LATER or BROKEN. With TLS only after the handshake. */
gssize tessera_gate_transport_read (TesseraGateTransport *self, void *buffer, gsize count);
/* What lies in two places. Bytes, LATER or BROKEN. */
gssize tessera_gate_transport_write (
    TesseraGateTransport *self, const void *bytes, gsize count, const void *more, gsize more_count);
/* TLS waits for room, though it was asked to read. */
gboolean tessera_gate_transport_wants_room (TesseraGateTransport *self);
/* What lies below TLS: without taking it, or of no interest any more. */
gssize tessera_gate_transport_peek (TesseraGateTransport *self, void *buffer, gsize count);
gssize tessera_gate_transport_discard (TesseraGateTransport *self, void *buffer, gsize count);
/* Says that nothing more is written. */
void tessera_gate_transport_shut (TesseraGateTransport *self);
/* What the kernel has not sent goes when it is closed, and the other end is told at once. Else it
 * would stay for minutes, for somebody who reads nothing. */
void tessera_gate_transport_drop_unsent (TesseraGateTransport *self);
void tessera_gate_transport_close (TesseraGateTransport *self);

G_END_DECLS
