/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-private.h"
#include "resource/tessera-deny-replica-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* An issuer that publishes a deny-list, made for tests: byte for byte what they say, in the thread
 * of the test, which runs its main context. As it is made it does everything right. */
typedef struct _FeedServer FeedServer;

typedef enum
{
  FEED_TOKEN,
  FEED_SNAPSHOT,
  FEED_EVENTS,
  FEED_N_PLACES
} FeedPlace;

struct _FeedServer
{
  GSocketService *service;
  char *uri; /* without a slash at the end */
  TesseraKey *key;

  /* The list: */
  char *list;
  guint64 generation;
  GPtrArray *entries;  /* char*, their JSON without the braces, ascending */
  GArray *generations; /* guint64, theirs */
  gint64 time_ms;      /* of the server; 0: as the clock says */

  /* What was asked for, and how: */
  guint n_requests[FEED_N_PLACES];
  char *authorization[FEED_N_PLACES]; /* of the last one; NULL: none */
  char *cursor;                       /* Last-Event-ID */
  char *asked_body;                   /* of the token endpoint */

  /* How it answers: */
  char *answers[FEED_N_PLACES];   /* whole answers, once, in place of the right one */
  gsize cut_after[FEED_N_PLACES]; /* so many bytes of the next answer, then the connection is cut */
  gboolean is_mute;               /* streams of events are opened and say nothing */
  gboolean is_endless;            /* nothing follows what is in answers, and it does not end */
  gboolean is_compressed;         /* snapshots are gzip files */
  guint token_lifetime_s;
  guint n_tokens;
  char *refused_token; /* answered with 401 */

  GPtrArray *connections; /* Connection* */
};

FeedServer *feed_server_new (TesseraKey *key);
void feed_server_free (FeedServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FeedServer, feed_server_free)

/* Adds an entry, and tells every stream. @generation: 0 for the next one. */
void feed_server_deny (FeedServer *self, const char *rule, const char *value);
/* One that gets into the list, but to no stream. */
void feed_server_deny_silently (FeedServer *self, const char *rule, const char *value);
/* Another list, without entries. */
void feed_server_replace_list (FeedServer *self, const char *list);
void feed_server_forget (FeedServer *self, guint index);

/* To every stream there is. */
void feed_server_say (FeedServer *self, const char *text);
void feed_server_heartbeat (FeedServer *self, gint64 time_ms);
void feed_server_end_streams (FeedServer *self, gboolean in_order);
guint feed_server_count_streams (FeedServer *self);

/* What a stream from @cursor is, from the first byte of the body to the last that is there. */
char *feed_server_dup_stream (FeedServer *self, guint64 cursor);
GString *feed_server_dup_snapshot (FeedServer *self);

/* Is @replica what the list is, entry by entry? */
gboolean feed_server_equals (FeedServer *self, TesseraDenyReplica *replica);

G_END_DECLS
