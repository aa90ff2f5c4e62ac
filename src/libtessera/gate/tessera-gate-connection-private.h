/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-inbox-private.h"
#include "gate/tessera-gate-outbox-private.h"
#include "gate/tessera-gate-peer-private.h"
#include "gate/tessera-gate-private.h"
#include "gate/tessera-gate-request-private.h"
#include "gate/tessera-gate-transport-private.h"

#include <stdbool.h>

G_BEGIN_DECLS

typedef enum
{
  TESSERA_GATE_INTRODUCING, /* by a proxy, which says for whom it comes */
  TESSERA_GATE_HANDSHAKING,
  TESSERA_GATE_READING,   /* a request, or waiting for one */
  TESSERA_GATE_ANSWERING, /* libsoup has the request */
  TESSERA_GATE_TUNNELING, /* after 101 */
  TESSERA_GATE_CLOSING,   /* once all is sent */
  TESSERA_GATE_LINGERING, /* until the client has read */
  TESSERA_GATE_CLOSED,
} TesseraGateState;

struct _TesseraGateConnection
{
  TesseraGateWatch watch;
  TesseraGateState state;
  TesseraGateDeadline deadline;
  TesseraGate *gate;
  TesseraGateSocket *socket; /* which it came by */
  TesseraGateTransport transport;
  TesseraGateAddress address;
  GList all, dirty; /* of the gate's queues */
  TesseraGatePeer peer;
  guint n_requests;

  bool is_dirty;
  bool readable;    /* as far as is known */
  bool hung_up;     /* nothing comes behind what can be read */
  bool watches_out; /* waits for room to send */
  bool secure;
  bool continued; /* 100 was sent */
  bool stepping;  /* a step of the handshake is under way */
  bool unread;    /* @in may hold a whole request */

  TesseraGateInbox in;
  gsize seen;    /* of the head under way */
  gsize need;    /* bytes of the request under way, once its head is whole; 0: not yet */
  gsize drained; /* while lingering */
  TesseraGateRequest request;
  TesseraGateOutbox out;
  gsize held;     /* bytes of the above, as the gate knows them */
  gsize tls_held; /* and those that TLS takes */
};

/* For the gate */

/* Takes @fd. */
TesseraGateConnection *tessera_gate_connection_new (TesseraGate *gate,
                                                    TesseraGateSocket *socket,
                                                    int fd,
                                                    const TesseraGateAddress *address);
/* Requests may come, after an introduction and a handshake if the socket asks for them. */
void tessera_gate_connection_begin (TesseraGateConnection *self);
void tessera_gate_connection_on_event (TesseraGateConnection *self, guint32 events);
/* Sends what there is to send and goes on. */
void tessera_gate_connection_advance (TesseraGateConnection *self);
void tessera_gate_connection_expire (TesseraGateConnection *self);
/* What it holds is wanted for others. */
void tessera_gate_connection_make_way (TesseraGateConnection *self);
void tessera_gate_connection_drain (TesseraGateConnection *self);
/* It is freed by the gate, after the turn. */
void tessera_gate_connection_close (TesseraGateConnection *self);
void tessera_gate_connection_free (TesseraGateConnection *self);

/* For its parts: greeting, reader, request, peer */

void tessera_gate_connection_wait_for (TesseraGateConnection *self, TesseraGateWait wait, guint ms);
void tessera_gate_connection_wait_for_nothing (TesseraGateConnection *self);
/* It goes on in a turn of its own. */
void tessera_gate_connection_mark_dirty (TesseraGateConnection *self);
/* Be told of room to send, or not. */
void tessera_gate_connection_watch_out (TesseraGateConnection *self, gboolean out);
/* Something may be there to be read. */
void tessera_gate_connection_on_readable (TesseraGateConnection *self);
void tessera_gate_connection_await_request (TesseraGateConnection *self);
/* Sends, and goes on with what comes then. FALSE: there is more to be sent than there is room for.
 */
gboolean tessera_gate_connection_flush (TesseraGateConnection *self);
/* Nothing more is read as requests; when all is sent, it ends. */
void tessera_gate_connection_end (TesseraGateConnection *self);
/* … and what is sent is this. */
void
tessera_gate_connection_refuse (TesseraGateConnection *self, guint status, const char *description);
/* Of somebody who does not read: what is unsent is forgotten. */
void tessera_gate_connection_cut (TesseraGateConnection *self);
/* Somebody has to think about the answer. */
void tessera_gate_connection_hold (TesseraGateConnection *self, guint seconds);
/* Is an answer to say that only TLS is to be used (RFC 6797 §7.1, §7.2)? As the endpoints behind
 * the gate do, of which it is the host. */
gboolean tessera_gate_connection_is_strict (TesseraGateConnection *self);
/* Tells the gate how many bytes it holds now. */
void tessera_gate_connection_count (TesseraGateConnection *self);

G_END_DECLS
