/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* One HTTP request whose answer comes in pieces, and which is given up when nothing of use comes
 * for too long. For one thread: that whose default context it was sent from. */
typedef struct _TesseraFeedRequest TesseraFeedRequest;

/* Any of them may drop the request; then no other is called, nor the same one again. */
typedef struct
{
  /* The head of the answer is here. */
  void (*head) (TesseraFeedRequest *request, SoupMessage *message, gpointer data);
  void (*bytes) (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data);
  /* It is over; @error: not in order. */
  void (*over) (TesseraFeedRequest *request, const GError *error, gpointer data);
} TesseraFeedRequestFuncs;

/* Redirects are not followed: what is sent is for nobody else. @patience_ms: how long it may take,
 * unless it is extended. */
TesseraFeedRequest *tessera_feed_request_send (SoupSession *session,
                                               SoupMessage *message,
                                               guint patience_ms,
                                               const TesseraFeedRequestFuncs *funcs,
                                               gpointer data);
/* From now on as long again. */
void tessera_feed_request_extend (TesseraFeedRequest *self);
/* Ends it, at any time, also when it is over; nothing is called any more. NULL is fine. */
void tessera_feed_request_drop (TesseraFeedRequest *self);

G_END_DECLS
