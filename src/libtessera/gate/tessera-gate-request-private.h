/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-answer-private.h"
#include "gate/tessera-gate-private.h"
#include "gate/tessera-gate-stream-private.h"

#include <stdbool.h>

G_BEGIN_DECLS

/* A whole request that libsoup has, and the answer it is writing. */
typedef struct
{
  TesseraGateStream *stream; /* libsoup's end of it; NULL: there is no request under way */
  GString *text;             /* as it was written anew */
  gsize head, at;            /* bytes of its head, and how far libsoup has read */
  TesseraGateAnswer answer;
  bool handing; /* libsoup is being given it right now */
  bool done;    /* … has closed its end, */
  bool shut;    /* … or writes no more */
  bool waits;   /* … or waits for room to write */
} TesseraGateRequest;

/* Gives it to libsoup, which may have answered when this returns. @bytes: head and body. */
void tessera_gate_request_begin (TesseraGateConnection *connection,
                                 const TesseraRequestHead *head,
                                 const char *bytes);
/* The answer is whole, or nothing comes any more. */
gboolean tessera_gate_request_is_answered (const TesseraGateRequest *self);
/* libsoup may write on. */
void tessera_gate_request_wake_writer (TesseraGateRequest *self);
/* Whatever libsoup does with it is of no interest any more. */
void tessera_gate_request_forget (TesseraGateConnection *connection);

G_END_DECLS
