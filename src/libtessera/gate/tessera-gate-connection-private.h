/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-answer-private.h"
#include "gate/tessera-gate-private.h"
#include "gate/tessera-gate-stream-private.h"
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

typedef struct _TesseraGatePeer TesseraGatePeer;

struct _TesseraGateConnection
{
  TesseraGateWatch watch;
  TesseraGateState state;
  TesseraGateDeadline deadline;
  TesseraGate *gate;
  TesseraGateSocket *socket; /* which it came by */
  TesseraGateTransport transport;
  TesseraGateAddress address;
  GList all, dirty;       /* of the gate's queues */
  GSocketAddress *remote; /* from the first request on */
  TesseraGatePeer *peer;
  guint n_requests;

  bool is_dirty;
  bool readable;    /* as far as is known */
  bool hung_up;     /* nothing comes behind what can be read */
  bool watches_out; /* waits for room to send */
  bool trusted;     /* a proxy of ours */
  bool secure;
  bool continued; /* 100 was sent */
  bool handing;   /* libsoup is being given the request right now */
  bool stream_done;
  bool shut; /* the tunnel's other end writes no more */
  bool writer_waits;
  bool stepping; /* a step of the handshake is under way */
  bool unread;   /* @in may hold a whole request */

  GByteArray *in; /* what came and was not used; NULL: nothing */
  gsize seen;     /* of the head under way */
  gsize need;     /* bytes of the request under way, once its head is whole; 0: not yet */
  gsize drained;  /* while lingering */

  TesseraGateStream *stream; /* libsoup's end of the request under way */
  GString *request;
  gsize request_head, request_at;
  TesseraGateAnswer answer;
  GByteArray *out; /* NULL: nothing */
  gsize out_at;
};

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
void tessera_gate_connection_drain (TesseraGateConnection *self);
/* It is freed by the gate, after the turn. */
void tessera_gate_connection_close (TesseraGateConnection *self);
void tessera_gate_connection_free (TesseraGateConnection *self);

G_END_DECLS
