/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The committing thread: group commit without a timer (design.md §6, §7). */

#include "store/tessera-committer-private.h"

#include "base/tessera-error.h"

/* So many operations at most share one commit: the first of them waits for the last. */
#define BATCH_MAX 2048
/* So many are worth a commit while the context may still bring more. */
#define BATCH_WORTH 8
/* So long somebody waits at most for a context that always has something else to do. */
#define PATIENCE_US (4 * G_TIME_SPAN_MILLISECOND)
/* After so many commits that were over too soon, less is left to be served meanwhile. */
#define CALM_MAX 8
#define LEFT_PART 4 /* of what is expected, at most */
/* It takes so many commits to be sure that leaving pays, or does not. */
#define PAID_MAX 8
/* What is expected falls by so much a commit at most: a part of a crowd is no smaller crowd. */
#define FALL_PART 4
/* Who asks at once waits for it: so it begins at once, and yields to the start where that has to
 * share the processor, piece by piece. */
#define CHORE_DELAY (G_TIME_SPAN_MILLISECOND)

typedef struct _Operation Operation;
struct _Operation
{
  TesseraOperationRun run;
  TesseraOperationDone done;
  gpointer data;
  GError *error;
  gboolean told;   /* with a waiter: the outcome is there */
  gboolean waited; /* on the stack of a thread that waits */
  Operation *next;
};

/* First in, first out. */
typedef struct
{
  Operation *first;
  Operation *last;
  guint length;
} Queue;

typedef struct
{
  TesseraCommitListener listener;
  gpointer data;
} Listener;

typedef struct
{
  GSource source;
  TesseraCommitter *committer;
} ContextSource;

struct _TesseraCommitter
{
  TesseraStore *store;
  gint64 patience_us;
  TesseraCommitterChore chore; /* NULL: none, or done */
  gpointer chore_data;
  gint64 chore_from; /* monotonic */
  GThread *thread;
  GMainContext *context;
  GSource *done_source;
  GSource *rest_source;
  GObject *owner; /* borrowed; or NULL */

  GMutex mutex;     /* over what follows */
  GCond submitted;  /* there is work, or the end */
  GCond told;       /* a waiter's outcome is there */
  gboolean idle;    /* the committing thread waits for `submitted`, and was not called yet */
  gboolean closing; /* nothing more is accepted */
  gboolean failed;
  Queue waiting;
  gint64 waiting_since_us; /* the first of them */
  gboolean busy;           /* with a batch */
  gboolean urgent;         /* nothing more is to be expected now: what waits is to be taken */
  gboolean outside;        /* somebody waits who is not of the context */
  gboolean rests;          /* the context had nothing else to do, and has brought nothing since */
  gboolean polls;          /* the context may wait for its descriptors: it must be woken */
  guint away;              /* who was told, and has not come again */
  guint expected;          /* may be there for the next commit */
  guint left;              /* so many of them are better served while the disk works */
  guint calm;              /* commits in a row for which something was left to the end */
  guint paid;              /* up to PAID_MAX: of late it would have paid to leave some */
  gint64 told_us;          /* when outcomes were told last */
  gint64 took_us;          /* the latest commit */
  guint worth;             /* so many that wait are taken, urgent or not */
  Queue finished;          /* for the context */
  GArray *listeners;       /* Listener */
  GArray *prepares;        /* Prepare */
  TesseraCommitterStatistics statistics;
};

typedef struct
{
  TesseraCommitPrepare prepare;
  gpointer data;
} Prepare;

/* Queues. */

static void
queue_push (Queue *self, Operation *operation)
{
  operation->next = NULL;
  if (self->last != NULL)
    self->last->next = operation;
  else
    self->first = operation;
  self->last = operation;
  self->length++;
}

/* Up to @max operations from the front, as a queue of their own. */
static Queue
queue_take (Queue *self, guint max)
{
  Queue taken = { self->first, self->first, 1 };
  if (self->first == NULL)
    return (Queue){ 0 };

  for (; taken.length < max && taken.last->next != NULL; taken.length++)
    taken.last = taken.last->next;
  self->first = taken.last->next;
  self->length -= taken.length;
  if (self->first == NULL)
    self->last = NULL;
  taken.last->next = NULL;
  return taken;
}

/* Telling outcomes. */

static void
operation_set_unavailable (Operation *self)
{
  g_clear_error (&self->error);
  g_set_error_literal (&self->error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                       "The server cannot store this now");
}

static void
operation_free (Operation *self)
{
  g_clear_error (&self->error);
  g_free (self);
}

/* When to commit. Each commit costs as much as several requests, whatever is in it, and the disk
 * takes its time, in which others can be served. So as much as possible is to share one, but a few
 * are better left to be served meanwhile, unless a commit takes longer than to serve all: as many
 * as it takes, which is found out by whether the context still had something to do in the end. Who
 * is told an outcome often comes again: so many are expected. What is there is taken when nothing
 * else is to be had, for the context has nothing else to do; or when somebody has waited for too
 * long. What comes from elsewhere waits for nothing. */

static gboolean
is_worth_it (TesseraCommitter *self)
{
  return self->waiting.first != NULL
         && (self->urgent || self->outside || self->waiting.length >= self->worth);
}

/* With the lock. TRUE: the thread is to be called, once. */
static gboolean
must_call_locked (TesseraCommitter *self)
{
  if (!self->idle || !is_worth_it (self))
    return FALSE;
  self->idle = FALSE;
  return TRUE;
}

/* With the lock: nobody else comes for now. */
static void
press_locked (TesseraCommitter *self)
{
  self->urgent = self->waiting.first != NULL;
  self->away = 0;
}

/* With the lock, when outcomes are told. With n that come again, each served in r, and a commit
 * that takes d, commits of all follow each other in d + n r; when l are left, they are smaller by
 * l, and the time is shorter by 2 l r, those served while this one and while the next one is made.
 * That is a gain only if n r is more than d, whatever l is: when a commit takes long, all had
 * better be in it. */
static gboolean
does_leaving_pay_locked (TesseraCommitter *self)
{
  gint64 now_us = g_get_monotonic_time ();
  gint64 between_us = now_us - self->told_us - self->took_us;
  gint64 left = self->expected - MIN (self->worth, self->expected);
  gboolean pays = between_us * self->expected > self->took_us * (self->expected - 2 * left);

  self->told_us = now_us;
  self->paid = pays ? MIN (self->paid + 1, PAID_MAX) : self->paid - MIN (self->paid, 1);
  return self->paid > PAID_MAX / 2;
}

/* With the lock. */
static void
adjust_left_locked (TesseraCommitter *self)
{
  if (!does_leaving_pay_locked (self))
    {
      self->left -= MIN (self->left, 1);
      self->calm = 0;
    }
  else if (self->rests)
    {
      self->left = MIN (self->left + 1, self->expected / LEFT_PART);
      self->calm = 0;
    }
  else if (++self->calm == CALM_MAX)
    {
      self->left -= MIN (self->left, 1);
      self->calm = 0;
    }
}

/* With the lock: @told of the context now have something to go on with. */
static void
expect_locked (TesseraCommitter *self, guint told)
{
  adjust_left_locked (self);
  self->away += told;
  self->expected = MAX (self->away + self->waiting.length,
                        self->expected - (self->expected + FALL_PART - 1) / FALL_PART);
  self->worth = MAX (self->expected - MIN (self->left, self->expected / LEFT_PART), BATCH_WORTH);
  self->urgent = self->rests = FALSE;
}

/* Hands the outcomes of a batch over, with one wake-up. */
static void
tell (TesseraCommitter *self, Queue *batch)
{
  gboolean wake_context = FALSE;
  gboolean wake_waiters = FALSE;
  guint told = 0;

  g_mutex_lock (&self->mutex);
  for (Operation *operation = batch->first, *next; operation != NULL; operation = next)
    {
      next = operation->next;
      if (operation->waited)
        {
          operation->told = TRUE;
          wake_waiters = TRUE;
        }
      else if (operation->done == NULL)
        operation_free (operation);
      else
        {
          queue_push (&self->finished, operation);
          told++;
        }
    }
  if (told > 0)
    {
      expect_locked (self, told);
      wake_context = self->polls;
    }
  if (wake_waiters)
    g_cond_broadcast (&self->told);
  g_mutex_unlock (&self->mutex);

  if (wake_context)
    g_main_context_wakeup (self->context);
}

/* Is this a callback of the context, after which its loop goes on? */
static gboolean
is_inside_context (TesseraCommitter *self)
{
  return g_main_depth () > 0 && g_main_context_is_owner (self->context);
}

static gboolean
dispatch_finished (TesseraCommitter *self)
{
  gboolean any = FALSE;

  /* One by one: a callback may close the committer, which then tells all that are left. */
  for (;;)
    {
      g_mutex_lock (&self->mutex);
      Operation *operation = queue_take (&self->finished, 1).first;
      g_mutex_unlock (&self->mutex);
      if (operation == NULL)
        return any;
      any = TRUE;
      operation->done (operation->data, operation->error);
      operation_free (operation);
    }
}

static gboolean
on_done_source_prepare (GSource *source, gint *timeout)
{
  TesseraCommitter *committer = ((ContextSource *) source)->committer;

  g_mutex_lock (&committer->mutex);
  gboolean finished = committer->finished.first != NULL;
  committer->polls = !finished;
  if (committer->waiting.first != NULL
      && g_source_get_time (source) - committer->waiting_since_us > committer->patience_us)
    press_locked (committer);
  gboolean call = must_call_locked (committer);
  g_mutex_unlock (&committer->mutex);

  if (call)
    g_cond_signal (&committer->submitted);
  *timeout = -1;
  return finished;
}

static gboolean
on_done_source_check (GSource *source)
{
  TesseraCommitter *committer = ((ContextSource *) source)->committer;

  g_mutex_lock (&committer->mutex);
  gboolean finished = committer->finished.first != NULL;
  committer->polls = FALSE;
  g_mutex_unlock (&committer->mutex);
  return finished;
}

static gboolean
on_done_source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  TesseraCommitter *committer = ((ContextSource *) source)->committer;
  /* Or a callback that drops the last reference would take the committer away from under us. */
  g_autoptr (GObject) owner = committer->owner != NULL ? g_object_ref (committer->owner) : NULL;

  dispatch_finished (committer);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs done_source_funcs = {
  .prepare = on_done_source_prepare,
  .check = on_done_source_check,
  .dispatch = on_done_source_dispatch,
};

/* Its turn comes when nothing of a higher priority has anything to do. */

static gboolean
must_note_rest (TesseraCommitter *self)
{
  g_mutex_lock (&self->mutex);
  gboolean must = !self->rests && (self->busy || self->waiting.first != NULL);
  g_mutex_unlock (&self->mutex);
  return must;
}

static gboolean
on_rest_source_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return must_note_rest (((ContextSource *) source)->committer);
}

static gboolean
on_rest_source_check (GSource *source)
{
  return must_note_rest (((ContextSource *) source)->committer);
}

static gboolean
on_rest_source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  TesseraCommitter *committer = ((ContextSource *) source)->committer;

  g_mutex_lock (&committer->mutex);
  committer->rests = TRUE;
  press_locked (committer);
  gboolean call = must_call_locked (committer);
  g_mutex_unlock (&committer->mutex);

  if (call)
    g_cond_signal (&committer->submitted);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs rest_source_funcs = {
  .prepare = on_rest_source_prepare,
  .check = on_rest_source_check,
  .dispatch = on_rest_source_dispatch,
};

/* One transaction. */

static void
notify_listeners (TesseraCommitter *self, gboolean committed)
{
  g_mutex_lock (&self->mutex);
  tessera_store_get_counts (self->store, &self->statistics.writes, &self->statistics.syncs);
  g_autoptr (GArray) listeners = g_array_copy (self->listeners);
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < listeners->len; i++)
    {
      Listener *listener = &g_array_index (listeners, Listener, i);
      listener->listener (committed, listener->data);
    }
}

/* After a failed sync nobody knows what is on the disk: only a restart, which reads it again, helps
 * (threats.md §2). */
static void
fail_for_good (TesseraCommitter *self)
{
  g_mutex_lock (&self->mutex);
  self->failed = TRUE;
  g_mutex_unlock (&self->mutex);
}

void
tessera_committer_fail (TesseraCommitter *self, const GError *error)
{
  gboolean fatal
      = error->code == TESSERA_STORE_ERROR_FATAL || error->code == TESSERA_STORE_ERROR_DAMAGED;
  if (error->code == TESSERA_STORE_ERROR_RESERVED) /* the store has said it once */
    return;
  g_warning ("The store failed%s: %s", fatal ? " for good, restart the program" : "",
             error->message);
  if (fatal)
    fail_for_good (self);
}

static void
undo (TesseraCommitter *self, const GError *error)
{
  if (error->domain == TESSERA_STORE_ERROR)
    tessera_committer_fail (self, error);
  g_mutex_lock (&self->mutex);
  self->statistics.failures++;
  g_mutex_unlock (&self->mutex);
  tessera_store_rollback (self->store);
  notify_listeners (self, FALSE);
}

static gboolean
prepare_commit (TesseraCommitter *self, gboolean closing, GError **error)
{
  g_mutex_lock (&self->mutex);
  g_autoptr (GArray) prepares = g_array_copy (self->prepares);
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < prepares->len; i++)
    {
      Prepare *prepare = &g_array_index (prepares, Prepare, i);
      if (!prepare->prepare (self->store, closing, prepare->data, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
has_written_since (TesseraCommitter *self, guint64 writes)
{
  guint64 now, syncs;
  tessera_store_get_counts (self->store, &now, &syncs);
  return now != writes;
}

/* A refusal keeps what the operation wrote; anything else stops the batch at it. Returns the
 * operation that stopped it, or NULL. */
static Operation *
run_operations (TesseraCommitter *self, Queue *batch, GError **error)
{
  for (Operation *operation = batch->first; operation != NULL; operation = operation->next)
    {
      g_autoptr (GError) outcome = NULL;
      g_clear_error (&operation->error);
      if (operation->run (operation->data, self->store, &outcome))
        continue;
      if (outcome == NULL)
        g_set_error_literal (&outcome, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                             "An operation failed and did not say why");
      if (outcome->domain != TESSERA_ERROR)
        {
          g_propagate_error (error, g_steal_pointer (&outcome));
          return operation;
        }
      operation->error = g_steal_pointer (&outcome);
    }
  return NULL;
}

static void
measure (TesseraCommitter *self, guint operations, gint64 microseconds)
{
  g_mutex_lock (&self->mutex);
  self->took_us = microseconds;
  tessera_histogram_add (&self->statistics.duration, &tessera_latency_buckets, microseconds);
  tessera_histogram_add (&self->statistics.batch, &tessera_batch_buckets, operations);
  g_mutex_unlock (&self->mutex);
}

/* FALSE with @error: undone. @out_culprit: the operation whose fault it is, or NULL. */
static gboolean
commit_batch (TesseraCommitter *self, Queue *batch, Operation **out_culprit, GError **error)
{
  guint64 writes, syncs;
  tessera_store_get_counts (self->store, &writes, &syncs);
  *out_culprit = NULL;
  gint64 began = g_get_monotonic_time ();

  if (!tessera_store_begin (self->store, error))
    return FALSE;
  *out_culprit = run_operations (self, batch, error);
  if (*out_culprit != NULL)
    return FALSE;
  if (has_written_since (self, writes) && !prepare_commit (self, FALSE, error))
    return FALSE;
  if (!tessera_store_commit (self->store, error))
    return FALSE;
  measure (self, batch->length, g_get_monotonic_time () - began);
  notify_listeners (self, TRUE);
  return TRUE;
}

static void
refuse_batch (Queue *batch)
{
  for (Operation *operation = batch->first; operation != NULL; operation = operation->next)
    operation_set_unavailable (operation);
}

/* A fault of the store is nobody's business outside; one of the operation's own is told as it is.
 */
static void
set_fault (Operation *operation, const GError *error)
{
  if (error->domain == TESSERA_STORE_ERROR)
    operation_set_unavailable (operation);
  else
    {
      g_clear_error (&operation->error);
      operation->error = g_error_copy (error);
    }
}

static void
run_alone (TesseraCommitter *self, Operation *operation)
{
  g_autoptr (GError) error = NULL;
  Operation *next = g_steal_pointer (&operation->next);
  Operation *culprit;
  Queue single = { operation, operation, 1 };

  if (tessera_committer_has_failed (self))
    operation_set_unavailable (operation);
  else if (!commit_batch (self, &single, &culprit, &error))
    {
      undo (self, error);
      set_fault (operation, error);
    }
  operation->next = next;
}

static void
run_batch (TesseraCommitter *self, Queue *batch)
{
  g_autoptr (GError) error = NULL;
  Operation *culprit;

  if (tessera_committer_has_failed (self))
    {
      refuse_batch (batch);
      return;
    }
  if (commit_batch (self, batch, &culprit, &error))
    return;

  undo (self, error);
  /* A full disk may have room for some of them, now that the store has given up its reserve. */
  gboolean full = g_error_matches (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FULL);
  if (culprit == NULL && !full)
    {
      refuse_batch (batch);
      return;
    }
  for (Operation *operation = batch->first; operation != NULL; operation = operation->next)
    if (operation == culprit && !full)
      set_fault (operation, error);
    else
      run_alone (self, operation);
}

static void
prepare_closing (TesseraCommitter *self)
{
  g_autoptr (GError) error = NULL;
  if (tessera_committer_has_failed (self))
    return;
  if (tessera_store_begin (self->store, &error) && prepare_commit (self, TRUE, &error)
      && tessera_store_commit (self->store, &error))
    notify_listeners (self, TRUE);
  else
    undo (self, error);
}

/* Nothing: it is time for the chore, or the end. */
static Queue
wait_for_work (TesseraCommitter *self)
{
  g_mutex_lock (&self->mutex);
  self->busy = FALSE;
  while (!is_worth_it (self) && !self->closing)
    {
      self->idle = TRUE;
      if (self->chore == NULL)
        g_cond_wait (&self->submitted, &self->mutex);
      else if (!g_cond_wait_until (&self->submitted, &self->mutex, self->chore_from))
        break;
    }
  self->idle = FALSE;
  Queue batch = queue_take (&self->waiting, BATCH_MAX);
  self->outside = self->waiting.first != NULL;
  self->urgent = FALSE;
  self->busy = TRUE;
  g_mutex_unlock (&self->mutex);
  return batch;
}

static void
run_chore (TesseraCommitter *self)
{
  g_autoptr (GError) error = NULL;
  gboolean more = FALSE;

  gboolean done = self->chore (self->store, self->chore_data, &more, &error);
  if (!more)
    self->chore = NULL;
  if (done)
    return;
  g_warning ("The store cannot be read, restart the program: %s", error->message);
  fail_for_good (self);
  notify_listeners (self, FALSE);
}

static gpointer
committer_thread (gpointer data)
{
  TesseraCommitter *self = data;

  for (;;)
    {
      Queue batch = wait_for_work (self);
      if (batch.first != NULL)
        {
          run_batch (self, &batch);
          tell (self, &batch);
        }
      else if (self->chore != NULL)
        run_chore (self);
      else
        break;
    }
  prepare_closing (self);
  g_object_unref (self->store);
  return NULL;
}

static GSource *
add_source (TesseraCommitter *self, GSourceFuncs *funcs, int priority)
{
  GSource *source = g_source_new (funcs, sizeof (ContextSource));

  g_source_set_static_name (source, "Tessera committer");
  g_source_set_priority (source, priority);
  ((ContextSource *) source)->committer = self;
  g_source_attach (source, self->context);
  return source;
}

TesseraCommitter *
tessera_committer_new (TesseraStore *store, GMainContext *context)
{
  return tessera_committer_new_with_chore (store, context, NULL, NULL);
}

TesseraCommitter *
tessera_committer_new_with_chore (TesseraStore *store,
                                  GMainContext *context,
                                  TesseraCommitterChore chore,
                                  gpointer data)
{
  TesseraCommitter *self = g_new0 (TesseraCommitter, 1);
  self->store = g_object_ref (store);
  self->patience_us = PATIENCE_US;
  self->chore = chore;
  self->chore_data = data;
  self->chore_from = g_get_monotonic_time () + CHORE_DELAY;
  self->context
      = context != NULL ? g_main_context_ref (context) : g_main_context_ref_thread_default ();
  g_mutex_init (&self->mutex);
  g_cond_init (&self->submitted);
  g_cond_init (&self->told);
  self->listeners = g_array_new (FALSE, FALSE, sizeof (Listener));
  self->prepares = g_array_new (FALSE, FALSE, sizeof (Prepare));
  self->worth = BATCH_WORTH;

  self->done_source = add_source (self, &done_source_funcs, G_PRIORITY_DEFAULT);
  self->rest_source = add_source (self, &rest_source_funcs, G_PRIORITY_HIGH_IDLE);

  tessera_store_get_counts (store, &self->statistics.writes, &self->statistics.syncs);
  self->thread = g_thread_new ("tessera-commit", committer_thread, self);
  return self;
}

void
tessera_committer_set_patience (TesseraCommitter *self, gint64 patience_us)
{
  self->patience_us = patience_us;
}

void
tessera_committer_set_owner (TesseraCommitter *self, GObject *owner)
{
  self->owner = owner;
}

void
tessera_committer_close (TesseraCommitter *self)
{
  g_mutex_lock (&self->mutex);
  self->closing = TRUE;
  g_cond_signal (&self->submitted);
  g_mutex_unlock (&self->mutex);
  g_clear_pointer (&self->thread, g_thread_join);

  while (dispatch_finished (self))
    ;
}

void
tessera_committer_free (TesseraCommitter *self)
{
  if (self == NULL)
    return;

  tessera_committer_close (self);
  g_source_destroy (self->done_source);
  g_source_unref (self->done_source);
  g_source_destroy (self->rest_source);
  g_source_unref (self->rest_source);
  g_main_context_unref (self->context);
  g_array_unref (self->listeners);
  g_array_unref (self->prepares);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->submitted);
  g_cond_clear (&self->told);
  g_free (self);
}

void
tessera_committer_add_listener (TesseraCommitter *self,
                                TesseraCommitListener listener,
                                gpointer data)
{
  Listener entry = { listener, data };
  g_mutex_lock (&self->mutex);
  g_array_append_val (self->listeners, entry);
  g_mutex_unlock (&self->mutex);
}

void
tessera_committer_add_prepare (TesseraCommitter *self, TesseraCommitPrepare prepare, gpointer data)
{
  Prepare entry = { prepare, data };
  g_mutex_lock (&self->mutex);
  g_array_append_val (self->prepares, entry);
  g_mutex_unlock (&self->mutex);
}

/* FALSE: too late, the committer is being freed. */
static gboolean
enqueue (TesseraCommitter *self, Operation *operation, gboolean may_wait)
{
  gboolean wake = FALSE;

  g_mutex_lock (&self->mutex);
  gboolean accepted = !self->closing;
  if (accepted)
    {
      if (self->waiting.first == NULL)
        self->waiting_since_us = g_get_monotonic_time ();
      queue_push (&self->waiting, operation);
      self->rests = FALSE;
      self->outside |= !may_wait;
      self->away -= MIN (self->away, 1);
      wake = must_call_locked (self);
    }
  g_mutex_unlock (&self->mutex);

  if (wake)
    g_cond_signal (&self->submitted);
  return accepted;
}

void
tessera_committer_submit (TesseraCommitter *self,
                          TesseraOperationRun run,
                          TesseraOperationDone done,
                          gpointer data)
{
  Operation *operation = g_new0 (Operation, 1);
  operation->run = run;
  operation->done = done;
  operation->data = data;

  if (enqueue (self, operation, is_inside_context (self)))
    return;

  Queue refused = { operation, operation, 1 };
  operation_set_unavailable (operation);
  tell (self, &refused);
}

static void
wait_until_told (TesseraCommitter *self, Operation *operation)
{
  g_mutex_lock (&self->mutex);
  while (!operation->told)
    g_cond_wait (&self->told, &self->mutex);
  g_mutex_unlock (&self->mutex);
}

gboolean
tessera_committer_submit_and_wait (TesseraCommitter *self,
                                   TesseraOperationRun run,
                                   gpointer data,
                                   GError **error)
{
  Operation operation = { .run = run, .data = data, .waited = TRUE };

  if (!enqueue (self, &operation, FALSE))
    operation_set_unavailable (&operation);
  else
    wait_until_told (self, &operation);

  if (operation.error == NULL)
    return TRUE;
  g_propagate_error (error, operation.error);
  return FALSE;
}

void
tessera_committer_get_counts (TesseraCommitter *self, guint64 *out_writes, guint64 *out_syncs)
{
  g_mutex_lock (&self->mutex);
  *out_writes = self->statistics.writes;
  *out_syncs = self->statistics.syncs;
  g_mutex_unlock (&self->mutex);
}

void
tessera_committer_get_statistics (TesseraCommitter *self,
                                  TesseraCommitterStatistics *out_statistics)
{
  g_mutex_lock (&self->mutex);
  *out_statistics = self->statistics;
  g_mutex_unlock (&self->mutex);
}

gboolean
tessera_committer_has_failed (TesseraCommitter *self)
{
  g_mutex_lock (&self->mutex);
  gboolean failed = self->failed;
  g_mutex_unlock (&self->mutex);
  return failed;
}
