/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  TESSERA_GATE_ANSWER_HEAD, /* not whole yet */
  TESSERA_GATE_ANSWER_BODY,
  TESSERA_GATE_ANSWER_COMPLETE,
  TESSERA_GATE_ANSWER_TUNNEL, /* 101: from here on it is another protocol */
} TesseraGateAnswerState;

/* One answer as it goes by (RFC 9112 §6.3, §7.1): where it ends, and whether the connection can
 * bear another. */
typedef struct
{
  TesseraGateAnswerState state;
  gboolean no_body;   /* to HEAD */
  gboolean closing;   /* the connection ends with it */
  gboolean delimited; /* its end is seen by @left, or by chunks, not by the end of the connection */
  gboolean chunked;
  gboolean strict; /* it is to say that only TLS is to be used (RFC 6797 §7.1) */
  guint8 chunk_state;
  guint status;
  guint64 left;  /* of the body, or of the chunk */
  GString *head; /* as far as it has come, when it comes in pieces */
} TesseraGateAnswer;

/* @closing: the answer is to say that the connection ends. */
void tessera_gate_answer_init (TesseraGateAnswer *self, gboolean no_body, gboolean closing);
void tessera_gate_answer_clear (TesseraGateAnswer *self);
/* Appends @bytes to @out, with "Connection: close" in the head if the connection ends and that is
 * not said yet. What comes behind the end of an answer is left out, and ends the connection. */
void tessera_gate_answer_take (TesseraGateAnswer *self,
                               const char *bytes,
                               gsize length,
                               GByteArray *out);

/* A whole answer of the gate's own; @strict as above. */
void tessera_gate_answer_write_refusal (guint status,
                                        const char *description,
                                        gboolean strict,
                                        GByteArray *out);

G_END_DECLS
