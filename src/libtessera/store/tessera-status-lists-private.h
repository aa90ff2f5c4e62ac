/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-status-shard-private.h"

G_BEGIN_DECLS

/* All status lists of one issuer: which token has which place (Token Status List §13). A token goes
 * to the list of those that expire when it does, so that lists die with their tokens and none is
 * ever cleaned up. Nothing is written when a token is issued; save() appends what is new to files
 * beside the database, and whoever calls it every second loses the places of one second, at most,
 * when the process is killed (see TesseraStatusShard for what becomes of those). The files are
 * bound to the database by its id: beside another one they count for nothing, and whoever asks for
 * a list of then learns nothing, which refuses the token.
 *
 * Safe in any thread; save and close in one at a time. */
typedef struct _TesseraStatusLists TesseraStatusLists;

/* @max_tokens: that have a place at a time (0: 4 million), whose limit is shared out: each client
 * has a quarter of it for its own tokens, each person a 64th. */
TesseraStatusLists *tessera_status_lists_new (TesseraClock *clock, guint max_tokens);
void tessera_status_lists_free (TesseraStatusLists *self);
/* Blocking, before anything else: what an earlier run left in @directory, which need not exist.
 * Without it, nothing is saved. */
void
tessera_status_lists_load (TesseraStatusLists *self, const char *directory, const char *state_id);

/* A place for a token that lives for @lifetime seconds. When there is none, no token that could not
 * be revoked by its list is issued: TESSERA_ERROR_TEMPORARILY_UNAVAILABLE. */
gboolean tessera_status_lists_reserve (TesseraStatusLists *self,
                                       const TesseraTokenIdentity *token,
                                       gint64 lifetime,
                                       char out_name[TESSERA_STATUS_SHARD_NAME_MAX + 1],
                                       guint32 *out_index,
                                       GError **error);
/* A list whose tokens live; NULL: there is none of that name. Owned; @out_count: how many have a
 * place in it by now. */
TesseraStatusShard *
tessera_status_lists_lookup (TesseraStatusLists *self, const char *name, guint *out_count);
GPtrArray *tessera_status_lists_list_names (TesseraStatusLists *self); /* char*, owned */

/* Blocking: appends what is new to the files, forgets what is over. FALSE: nothing is left. */
gboolean tessera_status_lists_save (TesseraStatusLists *self);
/* The same for the last time: what was reserved is known at the next start. */
void tessera_status_lists_close (TesseraStatusLists *self);

typedef struct
{
  guint lists;
  guint tokens;
  gsize memory; /* bytes */
} TesseraStatusListsFigures;

void tessera_status_lists_get_figures (TesseraStatusLists *self,
                                       TesseraStatusListsFigures *out_figures);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraStatusLists, tessera_status_lists_free)

G_END_DECLS
