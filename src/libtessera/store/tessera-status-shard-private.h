/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-status-list-private.h"
#include "store/tessera-deny-list-private.h"

G_BEGIN_DECLS

/* One status list as the issuer keeps it: who has which index, for tokens that expire at about the
 * same time, so that the list dies with them. It says nothing of what was revoked: that the
 * deny-list is asked, token by token, whenever the list is drawn up. So there is nothing to keep
 * in step, and whatever refuses a token here refuses it there.
 *
 * Its file is a header and pieces that are only appended, each with a checksum, the last one saying
 * that there are no more. What was reserved after the last whole piece, before the process was
 * killed, is not known any more: then every index that is not known to be somebody's is taken for
 * revoked.
 *
 * For one thread at a time, but for draw_up and save: the first @count tokens stay as they are. */
typedef struct _TesseraStatusShard TesseraStatusShard;

#define TESSERA_STATUS_SHARD_SIZE (128 * 1024) /* indexes; a quarter of them is left free */
#define TESSERA_STATUS_SHARD_NAME_MAX 31

/* All its tokens have expired at @ends_ms. */
TesseraStatusShard *tessera_status_shard_new (gint64 ends_ms);
TesseraStatusShard *tessera_status_shard_ref (TesseraStatusShard *self);
void tessera_status_shard_unref (TesseraStatusShard *self);

const char *tessera_status_shard_get_name (TesseraStatusShard *self);
gint64 tessera_status_shard_get_end (TesseraStatusShard *self);
guint tessera_status_shard_get_count (TesseraStatusShard *self);
gsize tessera_status_shard_get_memory (TesseraStatusShard *self); /* bytes */
gboolean tessera_status_shard_is_full (TesseraStatusShard *self);
/* It may have more tokens than are known. */
gboolean tessera_status_shard_is_torn (TesseraStatusShard *self);

/* A random index that nobody has. The jti must be a UUID; @owner is the caller's. */
guint32 tessera_status_shard_reserve (TesseraStatusShard *self,
                                      const TesseraTokenIdentity *token,
                                      guint16 owner);
/* Tells whose the tokens are that were loaded. */
void tessera_status_shard_set_owners (TesseraStatusShard *self,
                                      guint16 (*get_owner) (const TesseraTokenIdentity *token,
                                                            gpointer data),
                                      gpointer data);
guint16 tessera_status_shard_get_owner (TesseraStatusShard *self, guint number);

/* The list for the first @count tokens, asked of @deny_list now. Any thread; @count as get_count
 * said while nobody reserved. */
TesseraStatusList *
tessera_status_shard_draw_up (TesseraStatusShard *self, guint count, TesseraDenyList *deny_list);

/* Its file, below @directory: what is new of the first @count tokens is appended; @closing: there
 * will be no more, and it is synced. One thread saves, while another may reserve. FALSE: it is
 * tried again the next time. */
gboolean tessera_status_shard_save (TesseraStatusShard *self,
                                    const char *directory,
                                    const char *state_id,
                                    guint count,
                                    gboolean closing,
                                    GError **error);
/* NULL: it is no shard of this state, or of no use. */
TesseraStatusShard *
tessera_status_shard_load (const char *directory, const char *name, const char *state_id);
void tessera_status_shard_remove (TesseraStatusShard *self, const char *directory);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraStatusShard, tessera_status_shard_unref)

G_END_DECLS
