/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-ring-private.h"
#include "model/tessera-settings-private.h"
#include "store/tessera-status-lists-private.h"

G_BEGIN_DECLS

/* Draws up and signs status lists when somebody asks for one (Token Status List §5.1), in a thread
 * of its own, which also saves the lists every second while there are any. What it tells is true at
 * the time of the answer: whatever was revoked before the question is in it. A list that says what
 * it said before is not signed anew, until its ttl has passed. All of it on the main loop. */
typedef struct _TesseraStatusPublisher TesseraStatusPublisher;

#define TESSERA_STATUS_LIST_TYPE "statuslist+jwt"

/* A signed list. Borrowed by who is told of it. */
typedef struct
{
  GBytes *token;
  const char *etag;
  guint max_age; /* seconds until it may be signed anew */
} TesseraPublishedList;

/* @published NULL: there is none of that name, or @error. */
typedef void (*TesseraStatusPublished) (const TesseraPublishedList *published,
                                        const GError *error,
                                        gpointer data);

/* Borrows all of it. */
TesseraStatusPublisher *tessera_status_publisher_new (TesseraStatusLists *lists,
                                                      TesseraDenyList *deny_list,
                                                      TesseraKeyRing *keys,
                                                      TesseraClock *clock);
/* Who waits is told, and the lists are closed. */
void tessera_status_publisher_free (TesseraStatusPublisher *self);

/* There is something to save; any thread. */
void tessera_status_publisher_wake (TesseraStatusPublisher *self);

/* May tell at once. */
void tessera_status_publisher_publish (TesseraStatusPublisher *self,
                                       const TesseraSettings *settings,
                                       const char *name,
                                       TesseraStatusPublished published,
                                       gpointer data);

/* ISSUER/status-lists/NAME */
char *tessera_status_publisher_dup_uri (const TesseraSettings *settings, const char *name);

G_END_DECLS
