/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server-object-private.h"

G_BEGIN_DECLS

/* One act of administration, in steps, each of which may be left out:
 *
 *   begin  on the main loop, once the server is ready: examines what is asked
 *   work   in a thread: what takes long and touches nothing of the server (a hash, a key)
 *   examine  on the main loop: what only the work brought to light
 *   apply  on the main loop: takes effect in memory, so that what is no longer right gets nothing
 *          after the instant that ends what it had
 *   run    in the committing thread, as an operation of the store: may be called twice
 *   end    on the main loop: durable (@error is NULL), or not, and then what was applied is taken
 *          back
 *
 * A server does one at a time, so what @begin saw is still so when @apply comes. Once @begin is
 * through the outcome is told, cancelled or not: nobody may be left in doubt. */
typedef struct _TesseraAct TesseraAct;

typedef struct
{
  gsize size;      /* of the type that begins with a TesseraAct */
  gboolean always; /* it only reads or takes away, and may be done without an audit trail */
  gboolean (*begin) (TesseraAct *self, GError **error);
  gboolean (*work) (TesseraAct *self, GError **error);
  gboolean (*examine) (TesseraAct *self, GError **error); /* after @work alone */
  void (*apply) (TesseraAct *self);
  gboolean (*run) (TesseraAct *self, TesseraStore *store, GError **error);
  void (*end) (TesseraAct *self, const GError *error);
  void (*clear) (TesseraAct *self);
} TesseraActClass;

struct _TesseraAct
{
  const TesseraActClass *klass;
  TesseraServer *server; /* not referenced: the task does */
  GTask *task;           /* while it is under way, if somebody waits for a callback */
  GList link;            /* in the server's queue */
  gboolean working;      /* in a thread */
};

/* Zero-filled. */
gpointer tessera_act_new (const TesseraActClass *klass, TesseraServer *server);
void tessera_act_free (TesseraAct *self);

/* Takes @self. @tag: the public function that was called. */
void tessera_act_start (TesseraAct *self,
                        gpointer tag,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
/* The act with its outcome, borrowed until @result goes; NULL with @error. */
gpointer
tessera_act_finish (TesseraServer *server, GAsyncResult *result, gpointer tag, GError **error);
/* What an act does in a thread is over: that uses what goes when a server is closed. Blocks. */
void tessera_act_await_work (TesseraServer *server);
/* All of it in the calling thread, which is the main loop's. The caller keeps @self. */
gboolean tessera_act_perform (TesseraAct *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAct, tessera_act_free)

G_END_DECLS
