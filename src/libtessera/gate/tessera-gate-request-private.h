/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-answer-private.h"
#include "gate/tessera-gate-front-private.h"
#include "gate/tessera-gate-private.h"
#include "gate/tessera-gate-stream-private.h"

#include <stdbool.h>

G_BEGIN_DECLS

/* A whole request that libsoup has, or an endpoint, and the answer it is writing. */
typedef struct
{
  TesseraGateInlet *inlet;   /* an endpoint has it; or NULL */
  TesseraGateStream *stream; /* libsoup's end, which may outlast a request; or NULL */
  TesseraGateDeadline idle;  /* of the stream, between two requests */
  GString *text;             /* as it was written anew for libsoup; or NULL */
  gsize head, at;            /* bytes of its head, and how far libsoup has read */
  TesseraGateAnswer answer;
  bool begun;    /* there is a request under way */
  bool direct;   /* … which libsoup does not see, whatever it does with an old stream meanwhile */
  bool lasting;  /* libsoup is to wait for another request on the stream */
  bool finished; /* it has done with this one */
  bool disowned; /* it may still be busy with an earlier one, on a stream that was dropped */
  bool handing;  /* it is being given to whoever answers it right now */
  bool done;     /* … has closed its end, */
  bool shut;     /* … or writes no more */
  bool waits;    /* … or waits for room to write */
} TesseraGateRequest;

/* Gives it to an endpoint or to libsoup, which may have answered when this returns. @bytes: head
 * and body. */
void tessera_gate_request_begin (TesseraGateConnection *connection,
                                 const TesseraRequestHead *head,
                                 const char *bytes);
/* libsoup has done with it, of itself. */
void tessera_gate_request_on_finished (TesseraGate *gate, SoupServerMessage *message);
/* An endpoint has written all of the answer. */
void tessera_gate_request_complete (TesseraGateConnection *connection);
/* The answer is whole, or nothing comes any more. */
gboolean tessera_gate_request_is_answered (const TesseraGateRequest *self);
/* libsoup may write on. */
void tessera_gate_request_wake_writer (TesseraGateRequest *self);
/* It is answered, and another one may follow. */
void tessera_gate_request_end (TesseraGateConnection *connection);
/* The next one comes late, or not at all: libsoup's end goes. */
void tessera_gate_request_drop_stream (TesseraGateConnection *connection);
/* Whatever libsoup does with it is of no interest any more. */
void tessera_gate_request_forget (TesseraGateConnection *connection);

G_END_DECLS
