/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Forgets at once what is over; else it is forgotten little by little (design.md §6). */

#include "server/tessera-administration.h"
#include "server/tessera-server-object-private.h"

/* A turn forgets no more than a little, so that nobody waits long for the committing thread; it is
 * over when so many turns in a row found nothing that each part of the list was looked at. */
typedef struct
{
  TesseraServer *server; /* the task's */
  guint64 idle_turns;
  guint64 last_turns;
  guint64 rows;
  guint64 rows_of_turn;
} Purge;

static gboolean
run_turn (gpointer data, TesseraStore *store, GError **error)
{
  Purge *self = g_task_get_task_data (data);
  guint64 before, after, syncs;

  tessera_store_get_counts (store, &before, &syncs);
  if (!tessera_deny_list_prune (self->server->engine.deny_list, store, error))
    return FALSE;
  tessera_store_get_counts (store, &after, &syncs);
  self->rows_of_turn = after - before;
  return TRUE;
}

static void
on_turned (gpointer data, const GError *error)
{
  g_autoptr (GTask) task = data;
  Purge *self = g_task_get_task_data (task);

  if (error != NULL)
    {
      g_task_return_error (task, g_error_copy (error));
      return;
    }
  self->rows += self->rows_of_turn;
  self->idle_turns = self->rows_of_turn > 0 ? 0 : self->idle_turns + 1;
  if (self->idle_turns > self->last_turns)
    g_task_return_boolean (task, TRUE);
  else
    tessera_committer_submit (self->server->engine.committer, run_turn, on_turned,
                              g_steal_pointer (&task));
}

static void
purge_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  Purge *purge = g_task_get_task_data (task);
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  purge->last_turns
      = tessera_deny_list_get_count (self->engine.deny_list) / TESSERA_STORE_PRUNED_DENIALS + 1;
  tessera_committer_submit (self->engine.committer, run_turn, on_turned, g_steal_pointer (&task));
}

/**
 * tessera_server_purge_async:
 * @self: a server
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is done
 * @user_data: for @callback
 *
 * Forgets all codes, grants, sessions and entries of the deny-list that are over.
 *
 * A server does that little by little as time passes, so this is for whoever wants to see it done.
 * The database does not shrink: it uses the space again.
 */
void
tessera_server_purge_async (TesseraServer *self,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Purge *purge = g_new0 (Purge, 1);
  purge->server = self;
  g_task_set_source_tag (task, tessera_server_purge_async);
  g_task_set_task_data (task, purge, g_free);
  tessera_server_wait_ready_async (self, cancellable, purge_when_ready, task);
}

/**
 * tessera_server_purge_finish:
 * @self: a server
 * @result: the result given to the callback
 * @out_rows: (out) (optional): rows of the database that changed or went
 * @error: return location for an error
 *
 * Finishes [method@Server.purge_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when nothing is left that is over
 */
gboolean
tessera_server_purge_finish (TesseraServer *self,
                             GAsyncResult *result,
                             guint64 *out_rows,
                             GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  Purge *purge = g_task_get_task_data (G_TASK (result));
  if (out_rows != NULL)
    *out_rows = purge->rows;
  return g_task_propagate_boolean (G_TASK (result), error);
}
