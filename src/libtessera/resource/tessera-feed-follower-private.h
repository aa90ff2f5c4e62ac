/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-private.h"
#include "resource/tessera-deny-replica-private.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Keeps a copy of an issuer's deny-list right (docs/denylist-feed.md): a token, a snapshot, and
 * then each event as it comes. Whatever happens on the way, the copy is the issuer's list as of
 * some time, and its age says of which. For one thread, with its default context. */
typedef struct _TesseraFeedFollower TesseraFeedFollower;

typedef struct
{
  const char *issuer;
  const char *token_endpoint; /* NULL: no token is needed */
  const char *snapshot_uri;   /* of another host it is asked for without the token */
  const char *events_uri;     /* NULL: there are only snapshots, which are asked for again */
  const char *client_id;
  const char *secret;
} TesseraFeedPlaces;

typedef struct
{
  /* One of the issuer's keys, owned. NULL: it is not known; it is asked for again after
   * tessera_feed_follower_keys_changed(). */
  TesseraKey *(*lookup_key) (gpointer data, const char *kid);
  void (*changed) (gpointer data);                     /* an entry came, or a list */
  void (*failed) (gpointer data, const GError *error); /* it is tried again */
} TesseraFeedFollowerFuncs;

/* @replica and @funcs must outlive it. */
TesseraFeedFollower *tessera_feed_follower_new (SoupSession *session,
                                                TesseraDenyReplica *replica,
                                                const TesseraFeedFollowerFuncs *funcs,
                                                gpointer data);
void tessera_feed_follower_free (TesseraFeedFollower *self);

/* Again with other places: from there on. The functions are not called before it returns. */
void tessera_feed_follower_start (TesseraFeedFollower *self, const TesseraFeedPlaces *places);
void tessera_feed_follower_stop (TesseraFeedFollower *self);
void tessera_feed_follower_keys_changed (TesseraFeedFollower *self);

/* How fast it is: the first and the longest wait between attempts, for how long nothing may come,
 * and for how long a snapshot may. */
typedef struct
{
  guint wait_ms;
  guint max_wait_ms;
  guint patience_ms;
  guint snapshot_ms;
} TesseraFeedPace;

/* Before it is started; without it, it has the pace that the format asks for. */
void tessera_feed_follower_set_pace (TesseraFeedFollower *self, const TesseraFeedPace *pace);
/* Before it is started: how many entries a snapshot may have. */
void tessera_feed_follower_set_max_entries (TesseraFeedFollower *self, guint64 max_entries);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraFeedFollower, tessera_feed_follower_free)

G_END_DECLS
