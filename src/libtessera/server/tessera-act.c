/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way of every act of administration: ready, examined, in effect, durable (design.md §7). */

#include "server/tessera-act-private.h"

#include <openssl/crypto.h>

static void start_next (TesseraServer *server);

/* Over `working` of every act. */
static GMutex work_mutex;
static GCond work_over;

gpointer
tessera_act_new (const TesseraActClass *klass, TesseraServer *server)
{
  TesseraAct *self = g_malloc0 (klass->size);
  self->klass = klass;
  self->server = server;
  self->link.data = self;
  return self;
}

void
tessera_act_free (TesseraAct *self)
{
  if (self->klass->clear != NULL)
    self->klass->clear (self);
  g_free (self);
}

static gboolean
begin (TesseraAct *self, GError **error)
{
  if (!self->klass->always && !tessera_audit_check (self->server->engine.audit, error))
    return FALSE;
  return self->klass->begin == NULL || self->klass->begin (self, error);
}

static gboolean
work (TesseraAct *self, GError **error)
{
  return self->klass->work == NULL || self->klass->work (self, error);
}

static gboolean
examine (TesseraAct *self, GError **error)
{
  return self->klass->examine == NULL || self->klass->examine (self, error);
}

static void
apply (TesseraAct *self)
{
  if (self->klass->apply != NULL)
    self->klass->apply (self);
}

static gboolean
run (gpointer data, TesseraStore *store, GError **error)
{
  TesseraAct *self = data;
  return self->klass->run (self, store, error);
}

static void
end (TesseraAct *self, const GError *error)
{
  if (self->klass->end != NULL)
    self->klass->end (self, error);
}

/* Whoever asked is told, and the next one may begin. */
static void
tell (TesseraAct *self, const GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  TesseraServer *server = self->server;

  g_queue_unlink (&server->acts, &self->link);
  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);
  start_next (server);
}

static void
on_committed (gpointer data, const GError *error)
{
  TesseraAct *self = data;
  end (self, error);
  tell (self, error);
}

static void
commit (TesseraAct *self)
{
  apply (self);
  if (self->klass->run != NULL)
    tessera_committer_submit (self->server->engine.committer, run, on_committed, self);
  else
    on_committed (self, NULL);
}

static void
set_working (TesseraAct *self, gboolean working)
{
  g_mutex_lock (&work_mutex);
  self->working = working;
  g_cond_broadcast (&work_over);
  g_mutex_unlock (&work_mutex);
}

static void
work_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  gboolean done = work (data, &error);

  set_working (data, FALSE);
  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
  OPENSSL_thread_stop (); /* the threads of the pool outlive OpenSSL's own end at exit () */
}

void
tessera_act_await_work (TesseraServer *server)
{
  TesseraAct *first = g_queue_peek_head (&server->acts);

  g_mutex_lock (&work_mutex);
  while (first != NULL && first->working)
    g_cond_wait (&work_over, &work_mutex);
  g_mutex_unlock (&work_mutex);
}

static void
on_worked (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraAct *self = data;
  g_autoptr (GError) error = NULL;

  /* The server may have been closed meanwhile. */
  if (g_task_propagate_boolean (G_TASK (result), &error)
      && tessera_server_check_ready (self->server, &error) && examine (self, &error))
    commit (self);
  else
    tell (self, error);
}

static void
begin_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraAct *self = data;
  g_autoptr (GError) error = NULL;

  if (!tessera_server_wait_ready_finish (self->server, result, &error) || !begin (self, &error))
    {
      tell (self, error);
      return;
    }
  if (self->klass->work == NULL)
    {
      commit (self);
      return;
    }
  g_autoptr (GTask) inner = g_task_new (self->server, NULL, on_worked, self);
  g_task_set_task_data (inner, self, NULL);
  set_working (self, TRUE);
  g_task_run_in_thread (inner, work_in_thread);
}

static void
start_next (TesseraServer *server)
{
  TesseraAct *next = g_queue_peek_head (&server->acts);

  if (next != NULL)
    tessera_server_wait_ready_async (server, g_task_get_cancellable (next->task), begin_when_ready,
                                     next);
}

void
tessera_act_start (TesseraAct *self,
                   gpointer tag,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  TesseraServer *server = self->server;

  self->task = g_task_new (server, cancellable, callback, user_data);
  g_task_set_source_tag (self->task, tag);
  g_task_set_check_cancellable (self->task, FALSE);
  g_task_set_task_data (self->task, self, (GDestroyNotify) tessera_act_free);
  g_queue_push_tail_link (&server->acts, &self->link);
  if (server->acts.length == 1)
    start_next (server);
}

gpointer
tessera_act_finish (TesseraServer *server, GAsyncResult *result, gpointer tag, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (server), NULL);
  g_return_val_if_fail (g_task_is_valid (result, server), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, tag), NULL);
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_task_get_task_data (G_TASK (result));
}

gboolean
tessera_act_perform (TesseraAct *self, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (!tessera_server_wait_ready (self->server, error) || !begin (self, error)
      || !work (self, error) || !examine (self, error))
    return FALSE;
  apply (self);
  if (self->klass->run != NULL)
    tessera_committer_submit_and_wait (self->server->engine.committer, run, self, &problem);
  end (self, problem);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}
