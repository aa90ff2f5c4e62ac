/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy of the state, made while the server goes on (design.md §6). */

#include "server/tessera-administration.h"
#include "server/tessera-server-object-private.h"

#define PIECE (1024 * 1024)

/* One copy on its way: a piece is read in the committing thread, where the file is, and written to
 * the stream from the main loop, which waits for neither. */
typedef struct
{
  TesseraServer *server; /* the task's */
  GOutputStream *stream;
  GByteArray *piece;
  gint64 offset;
  gint64 size; /* of the whole file; G_MAXINT64 until it is known */
  GError *problem;
} Backup;

static void
backup_free (Backup *self)
{
  g_object_unref (self->stream);
  g_byte_array_unref (self->piece);
  g_clear_error (&self->problem);
  g_free (self);
}

static void read_piece (GTask *task);

static gboolean
run_end (gpointer data, TesseraStore *store, GError **error)
{
  tessera_store_end_copy (store);
  return TRUE;
}

static void
on_ended (gpointer data, const GError *error)
{
  g_autoptr (GTask) task = data;
  Backup *self = g_task_get_task_data (task);

  self->server->backing_up = FALSE;
  if (self->problem != NULL)
    g_task_return_error (task, g_steal_pointer (&self->problem));
  else
    g_task_return_boolean (task, TRUE);
}

/* Takes @task and @problem. */
static void
finish (GTask *task, GError *problem)
{
  Backup *self = g_task_get_task_data (task);

  self->problem = problem;
  tessera_committer_submit (self->server->engine.committer, run_end, on_ended, task);
}

static void
on_flushed (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  g_output_stream_flush_finish (G_OUTPUT_STREAM (source), result, &error);
  finish (data, error);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  Backup *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!g_output_stream_write_all_finish (self->stream, result, NULL, &error))
    {
      finish (task, error);
      return;
    }
  self->offset += self->piece->len;
  if (self->offset < self->size)
    read_piece (task);
  else
    g_output_stream_flush_async (self->stream, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                                 on_flushed, task);
}

/* How much there is to read is known only when it is read first. */
static gboolean
run_read (gpointer data, TesseraStore *store, GError **error)
{
  Backup *self = g_task_get_task_data (data);

  g_byte_array_set_size (self->piece, 0);
  if (!tessera_store_read_copy (store, 0, self->piece, &self->size, error))
    return FALSE;
  g_byte_array_set_size (self->piece, (guint) MIN (PIECE, self->size - self->offset));
  return tessera_store_read_copy (store, self->offset, self->piece, &self->size, error);
}

static void
on_read (gpointer data, const GError *error)
{
  GTask *task = data;
  Backup *self = g_task_get_task_data (task);

  if (error != NULL)
    finish (task, g_error_copy (error));
  else
    g_output_stream_write_all_async (self->stream, self->piece->data, self->piece->len,
                                     G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_written,
                                     task);
}

static void
read_piece (GTask *task)
{
  Backup *self = g_task_get_task_data (task);

  tessera_committer_submit (self->server->engine.committer, run_read, on_read, task);
}

static gboolean
run_request (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_request_copy (store, error);
}

static void
on_requested (gpointer data, const GError *error)
{
  GTask *task = data;
  Backup *self = g_task_get_task_data (task);

  if (error == NULL)
    {
      read_piece (task);
      return;
    }
  self->server->backing_up = FALSE;
  g_task_return_error (task, g_error_copy (error));
  g_object_unref (task);
}

static gboolean
begin (TesseraServer *self, GAsyncResult *result, GError **error)
{
  if (!tessera_server_wait_ready_finish (self, result, error))
    return FALSE;
  if (!self->backing_up)
    return TRUE;
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                       "Another backup is being made.");
  return FALSE;
}

static void
back_up_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  GError *error = NULL;

  if (!begin (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->backing_up = TRUE;
  tessera_committer_submit (self->engine.committer, run_request, on_requested,
                            g_steal_pointer (&task));
}

/**
 * tessera_server_back_up_async:
 * @self: a server
 * @stream: where the copy goes
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when all of it was written
 * @user_data: for @callback
 *
 * Writes a copy of the database, as it is at one moment, while requests are answered as ever.
 *
 * It holds clients, users, consents and the deny-list, no secret in clear, and no signing key: see
 * [func@restore_state] for what that means.
 */
void
tessera_server_back_up_async (TesseraServer *self,
                              GOutputStream *stream,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (G_IS_OUTPUT_STREAM (stream));

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Backup *backup = g_new0 (Backup, 1);
  backup->server = self;
  backup->stream = g_object_ref (stream);
  backup->piece = g_byte_array_new ();
  g_task_set_source_tag (task, tessera_server_back_up_async);
  g_task_set_task_data (task, backup, (GDestroyNotify) backup_free);
  tessera_server_wait_ready_async (self, cancellable, back_up_when_ready, task);
}

/**
 * tessera_server_back_up_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.back_up_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_UNSUPPORTED for a server in memory, %TESSERA_SETUP_ERROR_EXISTS
 * while another backup is made, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE when so much was written
 * meanwhile that it was given up; or what the stream says.
 *
 * Returns: %TRUE when the copy is whole
 */
gboolean
tessera_server_back_up_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
