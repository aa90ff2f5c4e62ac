/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-clock-private.h"
#include "store/tessera-committer-private.h"
#include "store/tessera-deny-tail-private.h"

G_BEGIN_DECLS

/* The deny-list (design.md §5): one list, one question. Held in memory, kept by the store. check
 * and the getters are safe from any thread; deny_* run in the committing thread, inside an
 * operation: the entry is visible at once, durable with the batch, and taken back if the batch
 * fails. */
typedef struct _TesseraDenyList TesseraDenyList;

#define TESSERA_DENY_LIST_SKEW_MS (60 * 1000) /* added to every expiry (threats.md D10) */
#define TESSERA_DENY_LIST_TOKENS_PER_GRANT 64 /* more become one entry for the grant */

/* @max_tokens: the limit that is shared out (0: 16 million): each client has a 64th of it for its
 * own tokens, those without a grant, each person a 4096th for all others. When a share is full, its
 * owner has all such tokens denied up to that instant instead, so that nobody else's are touched;
 * grants and sessions live on. @mirror_path: the file outside the database that remembers (id,
 * generation), or NULL. */
TesseraDenyList *
tessera_deny_list_new (TesseraClock *clock, guint max_tokens, const char *mirror_path);
void tessera_deny_list_free (TesseraDenyList *self);

/* Before it is loaded: keeps the denied tokens in a file that is mapped at start, and only what is
 * newer in memory; it is written when @least are new (0: the usual number), and when the committer
 * is closed. */
void tessera_deny_list_keep_snapshot (TesseraDenyList *self, const char *path, guint least);
/* Before it is loaded: there are signing keys already, so that a database without a past, and
 * without a mirror beside it, has lost them. */
void tessera_deny_list_expect_past (TesseraDenyList *self);
/* Before the committer exists, in the thread that opened @store: loads the entries and the
 * high-water time, compares the mirror. A database that is missing, another, or behind its mirror
 * was rolled back: then everything issued up to now is denied, everything that began before is
 * ended, and
 * @out_rolled_back says so. */
gboolean tessera_deny_list_load (TesseraDenyList *self,
                                 TesseraStore *store,
                                 gint64 longest_lifetime_ms,
                                 gboolean *out_rolled_back,
                                 GError **error);
/* Listens to the committer: mirror, take-back; and prunes as time passes. */
void tessera_deny_list_attach (TesseraDenyList *self, TesseraCommitter *committer);

/* The question. Asked after the signature by everything that accepts a token. TRUE: refused. */
gboolean tessera_deny_list_check (TesseraDenyList *self, const TesseraTokenIdentity *token);
/* The same of what a token is about to be issued for; by the issuer, before it signs. @issued_ms is
 * when the authorization began; jti, kid and expires_ms do not matter. An entry that was made by
 * coalescing tokens leaves the grant alive. TRUE: it has ended. */
gboolean tessera_deny_list_check_authorization (TesseraDenyList *self,
                                                const TesseraTokenIdentity *authorization);

/* Inside an operation. @out_generation may be NULL. deny_token: TRUE without a new entry (and
 * *out_generation 0) when the token is denied already. */
gboolean tessera_deny_list_deny_token (TesseraDenyList *self,
                                       TesseraStore *store,
                                       const TesseraTokenIdentity *token,
                                       guint64 *out_generation,
                                       GError **error);
/* Ends the grant in the store too; deny_session the session and its grants. Both, and deny_key:
 * TRUE without a new entry when it is denied already. */
gboolean tessera_deny_list_deny_grant (TesseraDenyList *self,
                                       TesseraStore *store,
                                       const char *grant_id,
                                       guint64 *out_generation,
                                       GError **error);
gboolean tessera_deny_list_deny_session (TesseraDenyList *self,
                                         TesseraStore *store,
                                         const char *session_id,
                                         guint64 *out_generation,
                                         GError **error);
/* A token of which no more than its name is known, for as long as it can live. @out_known: FALSE
 * when it is no name of ours, or must have expired. */
gboolean tessera_deny_list_deny_token_id (TesseraDenyList *self,
                                          TesseraStore *store,
                                          const char *jti,
                                          guint64 *out_generation,
                                          gboolean *out_known,
                                          GError **error);
/* The instant is taken when the entry becomes visible; the clock is advanced behind it, so that
 * what is issued afterwards is good. Ends grants, codes and sessions that began until then. */
gboolean tessera_deny_list_deny_subject (TesseraDenyList *self,
                                         TesseraStore *store,
                                         const char *subject,
                                         guint64 *out_generation,
                                         GError **error);
gboolean tessera_deny_list_deny_client (TesseraDenyList *self,
                                        TesseraStore *store,
                                        const char *client_id,
                                        guint64 *out_generation,
                                        GError **error);
gboolean tessera_deny_list_deny_all (TesseraDenyList *self,
                                     TesseraStore *store,
                                     guint64 *out_generation,
                                     GError **error);
gboolean tessera_deny_list_deny_key (TesseraDenyList *self,
                                     TesseraStore *store,
                                     const char *kid,
                                     guint64 *out_generation,
                                     GError **error);

/* Inside an operation: forgets a little of what is over, here and in the store. */
gboolean tessera_deny_list_prune (TesseraDenyList *self, TesseraStore *store, GError **error);

/* The longest lifetime any token may have: entries with an instant live that long. May only grow
 * while old tokens live. */
void tessera_deny_list_set_longest_lifetime (TesseraDenyList *self, gint64 lifetime_ms);

guint64 tessera_deny_list_get_generation (TesseraDenyList *self); /* last durable */
/* Another id is another list, whose generations say nothing about those of this one: it changes
 * when the database was lost or rolled back, and with nothing else. */
const char *tessera_deny_list_get_id (TesseraDenyList *self);
TesseraDenyTail *tessera_deny_list_get_tail (TesseraDenyList *self); /* what is newest in it */
guint tessera_deny_list_get_count (TesseraDenyList *self);           /* entries in force */
/* Up to which row the snapshot in use goes; 0: there is none. */
guint64 tessera_deny_list_get_snapshot_generation (TesseraDenyList *self);
gsize tessera_deny_list_get_memory (TesseraDenyList *self); /* bytes of the table of tokens */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenyList, tessera_deny_list_free)

G_END_DECLS
