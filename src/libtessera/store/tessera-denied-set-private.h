/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-deny-snapshot-private.h"
#include "store/tessera-store-private.h"

G_BEGIN_DECLS

/* All denied tokens: the new ones in a table in memory, the others in a snapshot file, if it was
 * given one; and how many of them count against the share of which person or client.
 *
 * lookup and the getters are for any thread that holds the lock for reading. All else is for the
 * one thread that writes, which takes the lock for writing by itself, and only for moments. */
typedef struct _TesseraDeniedSet TesseraDeniedSet;

TesseraDeniedSet *tessera_denied_set_new (GRWLock *lock);
void tessera_denied_set_free (TesseraDeniedSet *self);
/* While nobody else can see it. */
void tessera_denied_set_set_lock (TesseraDeniedSet *self, GRWLock *lock);

/* Before anything is in it. A snapshot is written when @least tokens are new (0: the usual number)
 * and worth it. */
void tessera_denied_set_set_file (TesseraDeniedSet *self, const char *path, guint least);
/* Takes the snapshot of the database @state into use. One that does not fit is removed, also when
 * @wanted is FALSE; @out_is_ahead: because it knows of rows that the database does not have. */
gboolean tessera_denied_set_open (TesseraDeniedSet *self,
                                  const TesseraStoreState *state,
                                  gboolean wanted,
                                  gboolean *out_is_ahead,
                                  GError **error);
/* Up to which row the snapshot in use goes; 0: there is none. */
guint64 tessera_denied_set_get_generation (TesseraDeniedSet *self);

/* Without the lock, in any thread: the token is about to be looked up, so that what the snapshot
 * says of it comes from memory while the lock is taken. */
void tessera_denied_set_expect (const TesseraDeniedSet *self, const guint8 id[16]);
/* What a look-up reads first. */
void
tessera_denied_set_prefetch (const TesseraDeniedSet *self, const guint8 id[16], guint64 grant_tag);
TesseraDenySnapshotAnswer
tessera_denied_set_lookup (TesseraDeniedSet *self, const guint8 id[16], guint64 grant_tag);
/* The same, without the snapshot. */
gboolean tessera_denied_set_is_new (TesseraDeniedSet *self, const guint8 id[16], guint64 grant_tag);
gsize tessera_denied_set_get_count (TesseraDeniedSet *self);
gsize tessera_denied_set_get_memory (TesseraDeniedSet *self); /* bytes of the table */

/* Those that are in memory. */
void tessera_denied_set_foreach (TesseraDeniedSet *self,
                                 void (*func) (const TesseraDeniedToken *token, gpointer data),
                                 gpointer data);

void tessera_denied_set_add (TesseraDeniedSet *self, const TesseraDeniedToken *token);
void tessera_denied_set_remove (TesseraDeniedSet *self, const TesseraDeniedToken *token);
void tessera_denied_set_prune (TesseraDeniedSet *self, gint64 now_ms);

guint tessera_denied_set_count_grant (TesseraDeniedSet *self,
                                      guint64 grant_tag,
                                      gint64 now_ms,
                                      gint64 since_ms);

/* Whose tokens count together: never 0. @kind tells apart what may have the same name. */
guint32 tessera_denied_set_get_owner (TesseraDeniedSet *self, char kind, const char *name);
/* Have @limit tokens of @owner, which live, been denied since they were settled last? */
gboolean tessera_denied_set_is_share_full (TesseraDeniedSet *self,
                                           guint32 owner,
                                           guint limit,
                                           gint64 now_ms);
/* What @owner was issued until @instant_ms, of use until @expires_ms, does not count any more. */
void tessera_denied_set_settle (TesseraDeniedSet *self,
                                guint32 owner,
                                gint64 instant_ms,
                                gint64 expires_ms);
/* Appends to @out_tokens what of it is in the table in memory. What is there may be removed once an
 * entry covers it; what is in a snapshot leaves by expiring. */
void tessera_denied_set_list_grant (TesseraDeniedSet *self, guint64 grant_tag, GArray *out_tokens);
void tessera_denied_set_list_owner (TesseraDeniedSet *self, guint32 owner, GArray *out_tokens);

/* Is it time for a new snapshot? @closing: for the last one. */
gboolean tessera_denied_set_is_due (TesseraDeniedSet *self, gint64 now_ms, gboolean closing);
/* Everything that is in it now was made durable with @state->generation. Writes in a thread of its
 * own. */
void tessera_denied_set_begin_snapshot (TesseraDeniedSet *self,
                                        const TesseraStoreState *state,
                                        gint64 now_ms);
/* Takes a finished snapshot into use; @wait: waits for the one under way. */
void tessera_denied_set_end_snapshot (TesseraDeniedSet *self, gint64 now_ms, gboolean wait);
gboolean tessera_denied_set_is_damaged (TesseraDeniedSet *self);
/* When everything that was in the snapshot has been added again. */
gboolean tessera_denied_set_drop_snapshot (TesseraDeniedSet *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDeniedSet, tessera_denied_set_free)

G_END_DECLS
