/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-clock-private.h"
#include "model/tessera-denial-private.h"
#include "model/tessera-records-private.h"

G_BEGIN_DECLS

/* A copy of an issuer's deny-list, as the one who follows it has it, and how old it is (design.md
 * §5, docs/denylist-feed.md). It decides by the rules of the issuer's own list. Until it is loaded,
 * and after an entry that nobody here understands, it refuses every token.
 *
 * check, foreach and the getters are for any thread; all else is for the one thread that follows.
 */
typedef struct _TesseraDenyReplica TesseraDenyReplica;

#define TESSERA_DENY_REPLICA_MAX_ENTRIES 20000000
/* A time of the issuer that is this far ahead of the own clock is not believed. */
#define TESSERA_DENY_REPLICA_MAX_LEAD_MS (60 * 1000)

TesseraDenyReplica *tessera_deny_replica_new (TesseraClock *clock);
void tessera_deny_replica_free (TesseraDenyReplica *self);
/* Before the first entry; by default TESSERA_DENY_REPLICA_MAX_ENTRIES. */
void tessera_deny_replica_set_max_entries (TesseraDenyReplica *self, gsize max_entries);

/* The question. TRUE: refused. */
gboolean tessera_deny_replica_check (TesseraDenyReplica *self, const TesseraTokenIdentity *token);
/* How long ago the issuer made what was learned last: by its own time on arrival, and by what has
 * elapsed here since then, whatever becomes of the clock. G_MAXINT64: never loaded. */
gint64 tessera_deny_replica_get_age_ms (TesseraDenyReplica *self);
gboolean tessera_deny_replica_is_loaded (TesseraDenyReplica *self); /* has it an age? */
/* Up to which generation nothing is missing. */
guint64 tessera_deny_replica_get_generation (TesseraDenyReplica *self);
guint tessera_deny_replica_get_count (TesseraDenyReplica *self);
char *tessera_deny_replica_dup_list (TesseraDenyReplica *self);   /* its id, or NULL */
gsize tessera_deny_replica_get_memory (TesseraDenyReplica *self); /* bytes of the denied tokens */
/* Every entry, in no order: rule, value, instant, and when it expires; a token's in whole seconds,
 * rounded up, and the value of one whose jti is no UUID is 32 hexadecimal digits of its SHA-256.
 * The generation is 0. @func may ask, but not change anything. */
void tessera_deny_replica_foreach (TesseraDenyReplica *self,
                                   void (*func) (const TesseraDenial *denial, gpointer data),
                                   gpointer data);

/* An event. One that is behind what is known already is passed over. FALSE: it cannot be
 * understood, or there are too many; from then on everything is refused until a list is committed.
 */
gboolean tessera_deny_replica_apply (TesseraDenyReplica *self, const TesseraDenial *denial);
/* A heartbeat: up to @generation everything is here, as of the issuer's @time_ms. Of another list:
 * passed over. */
void tessera_deny_replica_mark (TesseraDenyReplica *self,
                                const char *list,
                                guint64 generation,
                                gint64 time_ms);
/* Something came that nobody here understands: everything is refused until a list is committed. */
void tessera_deny_replica_close (TesseraDenyReplica *self);
/* What has expired is forgotten. Now and then. */
void tessera_deny_replica_prune (TesseraDenyReplica *self);

/* A whole list that is on its way, beside the one in use. Belongs to the caller. */
typedef struct _TesseraDenyStage TesseraDenyStage;

TesseraDenyStage *tessera_deny_replica_begin (TesseraDenyReplica *self);
/* As apply; in any order. After FALSE the list would refuse everything once it is committed. */
gboolean tessera_deny_stage_add (TesseraDenyStage *stage, const TesseraDenial *denial);
/* In place of all that there was. FALSE, and nothing changes: it is an older generation of the same
 * list, or another list from before what is known. */
gboolean tessera_deny_stage_commit (TesseraDenyStage *stage,
                                    const char *list,
                                    guint64 generation,
                                    gint64 time_ms);
void tessera_deny_stage_free (TesseraDenyStage *stage);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenyReplica, tessera_deny_replica_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenyStage, tessera_deny_stage_free)

G_END_DECLS
