/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One life to be checked: a code, its grant and its tokens, or a machine's tokens; what several
 * connections did to it at once, and what they were told. */
#pragma once

#include "connection.h"

/* To whom the service belongs and who asks. */
typedef struct
{
  guint16 port;
  char *client;     /* client_id=…&client_secret=…, for all that is this client's own */
  char *other;      /* the same of another client */
  char *identifier; /* client_id */
  GPtrArray *cookies;
  GRand *random;
  gboolean kills; /* the service is killed now and then: a customer lives to see it */
  guint length;   /* operations of one customer, about */
} World;

typedef struct _Customer Customer;

Customer *customer_new (World *world, guint number);
void customer_free (Customer *self);
/* What to do next, as a request; FALSE: nothing now. */
gboolean customer_begin (Customer *self, GString *request, guint *out_operation);
/* @answer NULL: the service died under it. TRUE: as it should be, or lost. */
gboolean customer_end (Customer *self, guint operation, const Answer *answer);
void customer_note_kill (Customer *self, gint64 now_ns);
/* Nothing more happens; the rest of its life is worth checking. */
void customer_finish (Customer *self);
gboolean customer_is_idle (Customer *self);    /* lives no more: another may begin */
gboolean customer_is_waiting (Customer *self); /* for a kill */
gboolean customer_is_done (Customer *self);
/* One line: number, then "verb,token,begun,ended,outcome,access,refresh" each. */
void customer_print (Customer *self);

gint64 now_ns (void);
