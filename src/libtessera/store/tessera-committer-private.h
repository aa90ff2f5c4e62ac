/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-histogram-private.h"
#include "store/tessera-store-private.h"

G_BEGIN_DECLS

/* The committing thread: the only one that touches the store. It takes whatever operations wait,
 * runs them in one transaction, makes that durable, and then tells each (group commit without a
 * timer). */
typedef struct _TesseraCommitter TesseraCommitter;

/* In the committing thread, straight-line code against the store. FALSE with a TESSERA_ERROR is a
 * refusal: what the operation wrote stays (a replayed code ends its grant *and* is refused). FALSE
 * with any other error undoes the whole batch; its other operations are then run again, each in a
 * transaction of its own. So run may be called twice, and must reset what it gives out. An error of
 * TESSERA_STORE_ERROR is told as TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, any other as it is. */
typedef gboolean (*TesseraOperationRun) (gpointer data, TesseraStore *store, GError **error);
/* On the committer's context, when the outcome is durable. @error NULL: done. After a failed
 * commit: TESSERA_ERROR_TEMPORARILY_UNAVAILABLE. */
typedef void (*TesseraOperationDone) (gpointer data, const GError *error);
/* In the committing thread, after each batch: durable, or undone. */
typedef void (*TesseraCommitListener) (gboolean committed, gpointer data);

/* In the committing thread, inside a transaction that has written and is about to be committed, and
 * once more, with @closing, in a transaction of its own before the thread ends. An error undoes it.
 */
typedef gboolean (*TesseraCommitPrepare) (TesseraStore *store,
                                          gboolean closing,
                                          gpointer data,
                                          GError **error);

/* @context: where TesseraOperationDone runs (NULL: the thread's default). Takes a reference to the
 * store, which the committing thread drops when it ends; the caller should drop its own first. */
TesseraCommitter *tessera_committer_new (TesseraStore *store, GMainContext *context);
/* The same, with something that the committing thread does besides, in pieces, once the program
 * had time to start: what needs the store, and others do not wait for. Called until @out_more is
 * FALSE. When it fails, the store has failed for good. */
typedef gboolean (*TesseraCommitterChore) (TesseraStore *store,
                                           gpointer data,
                                           gboolean *out_more,
                                           GError **error);
TesseraCommitter *tessera_committer_new_with_chore (TesseraStore *store,
                                                    GMainContext *context,
                                                    TesseraCommitterChore chore,
                                                    gpointer data);
/* How long somebody waits at most for a context that always has something else to do; for tests,
 * before anything is submitted. */
void tessera_committer_set_patience (TesseraCommitter *self, gint64 patience_us);
/* @owner, not referenced, lives while outcomes are told on the context. */
void tessera_committer_set_owner (TesseraCommitter *self, GObject *owner);
/* Finishes what waits, commits, joins the thread; every accepted operation is told first. */
void tessera_committer_free (TesseraCommitter *self);
/* The same but for the memory: the store is dropped, and what is submitted later is refused and
 * told as ever. */
void tessera_committer_close (TesseraCommitter *self);

void tessera_committer_add_listener (TesseraCommitter *self,
                                     TesseraCommitListener listener,
                                     gpointer data);

void
tessera_committer_add_prepare (TesseraCommitter *self, TesseraCommitPrepare prepare, gpointer data);

/* @data is passed to both; @done may be NULL. Any thread may submit. */
void tessera_committer_submit (TesseraCommitter *self,
                               TesseraOperationRun run,
                               TesseraOperationDone done,
                               gpointer data);
/* Waits in the calling thread; never from the committing thread. */
gboolean tessera_committer_submit_and_wait (TesseraCommitter *self,
                                            TesseraOperationRun run,
                                            gpointer data,
                                            GError **error);

void tessera_committer_get_counts (TesseraCommitter *self, guint64 *out_writes, guint64 *out_syncs);

typedef struct
{
  guint64 writes;
  guint64 syncs;
  guint64 failures;          /* transactions that were undone */
  TesseraHistogram duration; /* tessera_latency_buckets */
  TesseraHistogram batch;    /* tessera_batch_buckets */
} TesseraCommitterStatistics;

void tessera_committer_get_statistics (TesseraCommitter *self,
                                       TesseraCommitterStatistics *out_statistics);
/* What belongs to the store, but lies outside of it, failed. In the committing thread. */
void tessera_committer_fail (TesseraCommitter *self, const GError *error);
/* TRUE after TESSERA_STORE_ERROR_FATAL or _DAMAGED: everything is refused from then on. */
gboolean tessera_committer_has_failed (TesseraCommitter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraCommitter, tessera_committer_free)

G_END_DECLS
