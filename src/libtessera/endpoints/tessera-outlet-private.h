/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* An answer that comes in pieces, as long as the client stays, without an HTTP library. Made by
 * tessera_exchange_respond_stream (); with status 101 it is a WebSocket, and what is written are
 * lines, each a message (RFC 6455). Main loop only. What is not sent is kept, up to a limit:
 * whoever reads too slowly for it is not waited for. */
typedef struct _TesseraOutlet TesseraOutlet;

/* Why an answer is over, for a form of answer that can say so (RFC 6455 §7.4.1). */
typedef enum
{
  TESSERA_OUTLET_WHOLE,        /* all was said */
  TESSERA_OUTLET_LEAVING,      /* the service goes on without it, or stops */
  TESSERA_OUTLET_UNAUTHORIZED, /* its token is over */
  TESSERA_OUTLET_FAILED,       /* the rest cannot be had */
  TESSERA_OUTLET_RESET,        /* what comes is another answer: begin anew */
} TesseraOutletEnd;

/* Called from the main loop, never from within a call to the outlet; any but `ended` may be NULL.
 */
typedef struct
{
  /* All that was written has been taken: write on. */
  void (*ready) (TesseraOutlet *outlet, gpointer data);
  /* The front door is being closed; what is short may be finished. */
  void (*draining) (TesseraOutlet *outlet, gpointer data);
  /* The client has gone, or did not read. The outlet is freed when this returns. */
  void (*ended) (TesseraOutlet *outlet, gpointer data);
} TesseraOutletFuncs;

/* What a front implements. */
typedef struct
{
  gboolean (*write) (TesseraOutlet *self, const char *bytes, gsize length);
  gboolean (*is_ready) (TesseraOutlet *self);
  void (*finish) (TesseraOutlet *self, TesseraOutletEnd why);
  void (*cut) (TesseraOutlet *self);
} TesseraOutletFront;

/* The first member of a front's own. */
struct _TesseraOutlet
{
  const TesseraOutletFront *front;
  const TesseraOutletFuncs *funcs;
  gpointer data;
  gsize limit; /* bytes that may be unsent */
};

/* FALSE: that was too much, or nobody is there; cut it. */
gboolean tessera_outlet_write (TesseraOutlet *self, const char *bytes, gsize length);
/* TRUE: nothing waits to be taken. Else `ready` tells. */
gboolean tessera_outlet_is_ready (TesseraOutlet *self);

/* Both take the outlet: nothing of it is called any more. */
void tessera_outlet_finish (TesseraOutlet *self, TesseraOutletEnd why); /* no more is written */
void tessera_outlet_cut (TesseraOutlet *self); /* at once, so that it cannot be taken for whole */

G_END_DECLS
