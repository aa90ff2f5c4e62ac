/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "resource/tessera-deny-replica-private.h"
#include "jose/tessera-key-set-private.h"
#include "store/tessera-seen-tokens-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a resource server knows of an issuer elsewhere, and how it stays right: metadata (RFC 8414),
 * keys (RFC 7517), and a copy of the deny-list. A thread of its own asks for them, with a main
 * context of its own, so that the program needs none. All functions are for any thread. */
typedef struct _TesseraIssuerWatch TesseraIssuerWatch;

/* How long keys are kept when the issuer does not say less, and how much longer when they cannot be
 * had again. */
#define TESSERA_ISSUER_WATCH_MAX_AGE_S 900
#define TESSERA_ISSUER_WATCH_GRACE_S 3600
/* At most once in this time keys are asked for because a token names an unknown one. */
#define TESSERA_ISSUER_WATCH_UNKNOWN_KEY_S 60

typedef struct
{
  const char *issuer;
  gboolean follow; /* its deny-list; FALSE: it has none, by the application's word */
  const char *client_id;
  const char *secret;
  const char *snapshot_uri; /* of another host; or NULL */
  guint max_staleness_s;
  GTlsDatabase *tls_database; /* or NULL */
} TesseraIssuerWatchTerms;

/* In the watch's thread. */
typedef struct
{
  void (*changed) (gpointer data); /* something may have stopped being good, or become so */
  void (*stale) (gpointer data, guint age_s);
} TesseraIssuerWatchFuncs;

/* Keys, and the tokens whose signatures were seen to be good with just these. Immutable, counted.
 */
typedef struct
{
  gint ref_count;
  TesseraKeySet *keys;
  TesseraSeenTokens **seen; /* a g_atomic_rc_box */
} TesseraIssuerTrust;

void tessera_issuer_trust_unref (TesseraIssuerTrust *self);

TesseraIssuerWatch *tessera_issuer_watch_new (const TesseraIssuerWatchTerms *terms,
                                              TesseraClock *clock,
                                              const TesseraIssuerWatchFuncs *funcs,
                                              gpointer data,
                                              GDestroyNotify destroy);
/* Stops it. Never in its own thread. */
void tessera_issuer_watch_free (TesseraIssuerWatch *self);
void tessera_issuer_watch_start (TesseraIssuerWatch *self); /* again: nothing */
/* Waits until its thread has ended. What is known stays, and grows old. */
void tessera_issuer_watch_stop (TesseraIssuerWatch *self);

/* What the issuer's tokens are verified with; owned. TESSERA_ERROR_TEMPORARILY_UNAVAILABLE while
 * that, or the deny-list, is not known. */
TesseraIssuerTrust *tessera_issuer_watch_dup_trust (TesseraIssuerWatch *self, GError **error);
/* Does it know what it needs, or has it tried in vain? */
gboolean tessera_issuer_watch_is_settled (TesseraIssuerWatch *self);
/* Why it cannot tell, for people; or NULL. */
char *tessera_issuer_watch_dup_problem (TesseraIssuerWatch *self);
/* NULL when it follows none. */
TesseraDenyReplica *tessera_issuer_watch_get_replica (TesseraIssuerWatch *self);
/* A token names a key that is not known. */
void tessera_issuer_watch_want_keys (TesseraIssuerWatch *self);
/* Calls @func, in any thread, once there is no more to wait for: what is needed is known, or cannot
 * be had now. @want_keys: keys are asked for again first, if that may be. */
void tessera_issuer_watch_wait (TesseraIssuerWatch *self,
                                gboolean want_keys,
                                void (*func) (gpointer data),
                                gpointer data);
/* How many key sets were asked for. */
guint tessera_issuer_watch_get_key_requests (TesseraIssuerWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraIssuerWatch, tessera_issuer_watch_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraIssuerTrust, tessera_issuer_trust_unref)

G_END_DECLS
