/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The committing thread: group commit, refusals, faults, order, and the end. */

#include "base/tessera-error.h"
#include "faulty-store.h"
#include "store/tessera-committer-private.h"

#include <unistd.h>

/* Warnings are expected here, and would end the test program. */
static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_WARNING) != 0)
    {
      g_atomic_int_inc ((gint *) data);
      return G_LOG_WRITER_HANDLED;
    }
  return g_log_writer_default (level, fields, n_fields, NULL);
}

static gint warnings;

typedef struct
{
  const char *name;
  GError *refusal; /* what run answers after writing */
  int runs;
  int told;
  GError *outcome;
  GThread *told_in;
  GPtrArray *order;
} Op;

static gboolean
run_op (gpointer data, TesseraStore *store, GError **error)
{
  Op *op = data;
  op->runs++;
  if (op->name != NULL && !tessera_store_put_declared (store, op->name, "x", error))
    return FALSE;
  if (op->refusal == NULL)
    return TRUE;
  g_propagate_error (error, g_error_copy (op->refusal));
  return FALSE;
}

static void
on_done (gpointer data, const GError *error)
{
  Op *op = data;
  op->told++;
  op->told_in = g_thread_self ();
  op->outcome = error != NULL ? g_error_copy (error) : NULL;
  if (op->order != NULL)
    g_ptr_array_add (op->order, op);
}

static void
op_clear (Op *op)
{
  g_clear_error (&op->refusal);
  g_clear_error (&op->outcome);
}

static void
iterate_until_told (Op *op)
{
  while (op->told == 0)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
is_stored (TesseraStore *store, const char *name)
{
  g_autoptr (GHashTable) declared = tessera_store_dup_declared (store, NULL);
  return g_hash_table_contains (declared, name);
}

/* Holds the committing thread inside an operation, so that what follows shares one batch. */
typedef struct
{
  GMutex mutex;
  GCond cond;
  gboolean entered;
  gboolean released;
} Gate;

static gboolean
run_gate (gpointer data, TesseraStore *store, GError **error)
{
  Gate *gate = data;
  g_mutex_lock (&gate->mutex);
  gate->entered = TRUE;
  g_cond_broadcast (&gate->cond);
  while (!gate->released)
    g_cond_wait (&gate->cond, &gate->mutex);
  g_mutex_unlock (&gate->mutex);
  return TRUE;
}

static void
gate_close (Gate *gate, TesseraCommitter *committer)
{
  gate->entered = gate->released = FALSE;
  tessera_committer_submit (committer, run_gate, NULL, gate);
  g_mutex_lock (&gate->mutex);
  while (!gate->entered)
    g_cond_wait (&gate->cond, &gate->mutex);
  g_mutex_unlock (&gate->mutex);
}

static gboolean
gate_is_entered (Gate *gate)
{
  g_mutex_lock (&gate->mutex);
  gboolean entered = gate->entered;
  g_mutex_unlock (&gate->mutex);
  return entered;
}

static void
gate_open (Gate *gate)
{
  g_mutex_lock (&gate->mutex);
  gate->released = TRUE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->mutex);
}

typedef struct
{
  guint pieces; /* so many there are */
  guint done;
  gboolean fails;
  Gate *gate; /* or NULL; the first piece waits for it */
} Chore;

static gboolean
run_chore (TesseraStore *store, gpointer data, gboolean *out_more, GError **error)
{
  Chore *chore = data;

  if (chore->gate != NULL && chore->done == 0)
    run_gate (chore->gate, store, NULL);
  *out_more = ++chore->done < chore->pieces;
  if (!chore->fails)
    return TRUE;
  *out_more = FALSE;
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "unreadable");
  return FALSE;
}

static void
test_tells_in_order_on_its_context (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  g_autoptr (GPtrArray) order = g_ptr_array_new ();
  Op ops[50] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    {
      ops[i].order = order;
      tessera_committer_submit (committer, run_op, on_done, &ops[i]);
    }
  iterate_until_told (&ops[G_N_ELEMENTS (ops) - 1]);
  g_assert_cmpuint (order->len, ==, G_N_ELEMENTS (ops));
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    {
      g_assert_true (order->pdata[i] == &ops[i]);
      g_assert_true (ops[i].told_in == g_thread_self ());
      g_assert_cmpint (ops[i].runs, ==, 1);
      g_assert_no_error (ops[i].outcome);
    }
}

static void
test_shares_one_commit (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Gate gate = { 0 };
  Op ops[20] = { 0 };
  guint64 writes, syncs;

  gate_close (&gate, committer);
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    {
      ops[i].name = "same";
      tessera_committer_submit (committer, run_op, on_done, &ops[i]);
    }
  gate_open (&gate);
  iterate_until_told (&ops[19]);
  tessera_committer_get_counts (committer, &writes, &syncs);
  g_assert_cmpuint (writes, ==, 20);
  g_assert_cmpuint (syncs, ==, 1);
  g_assert_cmpint (g_atomic_int_get (&store->commits), ==, 2);
  g_object_unref (store);
}

/* A turn of the loop: a callback that submits @n operations, one after the other. */
typedef struct
{
  TesseraCommitter *committer;
  Op *ops;
  guint n;
  Gate *gate; /* or NULL; an operation more, and the callback waits for it */
} Turn;

static gboolean
take_turn (gpointer data)
{
  Turn *turn = data;

  for (guint i = 0; i < turn->n; i++)
    {
      turn->ops[i].name = "same";
      tessera_committer_submit (turn->committer, run_op, on_done, &turn->ops[i]);
      for (guint y = 0; y < 2000; y++) /* time enough for a thread that would not wait */
        g_thread_yield ();
    }
  if (turn->gate != NULL)
    gate_close (turn->gate, turn->committer);
  return G_SOURCE_REMOVE;
}

static void
test_a_turn_of_the_loop_shares_one_commit (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op ops[7] = { 0 };
  Turn turn = { committer, ops, G_N_ELEMENTS (ops), NULL };

  g_idle_add (take_turn, &turn);
  iterate_until_told (&ops[G_N_ELEMENTS (ops) - 1]);
  g_assert_cmpint (g_atomic_int_get (&store->commits), ==, 1);
  g_object_unref (store);
}

/* Until the committing thread has nothing to do, and all were told. */
static void
take_turn_of (TesseraCommitter *committer, Op *ops, guint n)
{
  Turn turn = { committer, ops, n, NULL };

  g_idle_add (take_turn, &turn);
  iterate_until_told (&ops[n - 1]);
}

/* A few that come by themselves are no sign that the others have gone. */
static void
test_a_crowd_is_expected_again (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Gate gate = { 0 };
  Op crowd[40] = { 0 }, few[4] = { 0 }, part[20] = { 0 };

  tessera_committer_set_patience (committer, G_MAXINT64);
  gate_close (&gate, committer);
  for (guint i = 0; i < G_N_ELEMENTS (crowd); i++)
    tessera_committer_submit (committer, run_op, on_done, &crowd[i]);
  gate_open (&gate);
  iterate_until_told (&crowd[G_N_ELEMENTS (crowd) - 1]);
  take_turn_of (committer, few, G_N_ELEMENTS (few));
  g_assert_cmpint (g_atomic_int_get (&store->commits), ==, 3);
  take_turn_of (committer, part, G_N_ELEMENTS (part));
  g_assert_cmpint (g_atomic_int_get (&store->commits), ==, 4);
  g_object_unref (store);
}

static void
test_many_do_not_wait_for_the_end_of_the_turn (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Gate gate = { 0 };
  Op ops[7] = { 0 };
  Turn turn = { committer, ops, G_N_ELEMENTS (ops), &gate };

  g_idle_add (take_turn, &turn);
  g_main_context_iteration (NULL, TRUE);
  g_assert_true (gate.entered);
  gate_open (&gate);
  iterate_until_told (&ops[G_N_ELEMENTS (ops) - 1]);
  g_object_unref (store);
}

static void
on_done_submit_other (gpointer data, const GError *error)
{
  Turn *turn = data;

  turn->ops[0].name = "same";
  tessera_committer_submit (turn->committer, run_op, on_done, &turn->ops[0]);
}

static gboolean
run_gate_of_turn (gpointer data, TesseraStore *store, GError **error)
{
  return run_gate (((Turn *) data)->gate, store, error);
}

static gboolean
submit_gate_of_turn (gpointer data)
{
  Turn *turn = data;

  tessera_committer_submit (turn->committer, run_gate_of_turn, on_done_submit_other, turn);
  return G_SOURCE_REMOVE;
}

static gboolean
submit_op_of_turn (gpointer data)
{
  Turn *turn = data;

  turn->ops[1].name = "same";
  tessera_committer_submit (turn->committer, run_op, on_done, &turn->ops[1]);
  return G_SOURCE_REMOVE;
}

static void
test_who_waits_is_joined_by_who_is_told (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Gate gate = { 0 };
  Op ops[2] = { 0 };
  Turn turn = { committer, ops, G_N_ELEMENTS (ops), &gate };

  /* However long this thread is held up, it is not that which ends the waiting. */
  tessera_committer_set_patience (committer, G_MAXINT64);
  g_idle_add (submit_gate_of_turn, &turn);
  while (!gate_is_entered (&gate))
    g_main_context_iteration (NULL, FALSE);
  g_idle_add (submit_op_of_turn, &turn);
  for (guint i = 0; i < 10; i++) /* until there is nothing else to do */
    g_main_context_iteration (NULL, FALSE);
  gate_open (&gate);
  iterate_until_told (&ops[0]);
  iterate_until_told (&ops[1]);
  g_assert_cmpint (g_atomic_int_get (&store->commits), ==, 2);
  g_object_unref (store);
}

static gboolean
go_on (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_a_context_that_never_rests_keeps_nobody_waiting (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op ops[2] = { 0 };
  Turn turn = { committer, ops, G_N_ELEMENTS (ops), NULL };
  guint busy = g_timeout_add_full (G_PRIORITY_DEFAULT, 0, go_on, NULL, NULL);

  g_idle_add_full (G_PRIORITY_DEFAULT, submit_op_of_turn, &turn, NULL);
  iterate_until_told (&ops[1]);
  g_source_remove (busy);
}

static gboolean
wait_in_turn (gpointer data)
{
  Turn *turn = data;
  Op waited = { 0 };

  tessera_committer_submit (turn->committer, run_op, on_done, &turn->ops[0]);
  g_assert_true (tessera_committer_submit_and_wait (turn->committer, run_op, &waited, NULL));
  g_assert_cmpint (turn->ops[0].runs, ==, 1);
  return G_SOURCE_REMOVE;
}

static void
test_who_waits_in_a_turn_is_served (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { 0 };
  Turn turn = { committer, &op, 1, NULL };

  g_idle_add (wait_in_turn, &turn);
  iterate_until_told (&op);
}

static void
test_reading_needs_no_sync (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { 0 };
  guint64 writes, syncs;

  g_assert_true (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  tessera_committer_get_counts (committer, &writes, &syncs);
  g_assert_cmpuint (writes, ==, 0);
  g_assert_cmpuint (syncs, ==, 0);
}

static void
test_refusal_keeps_what_was_written (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "kept" };
  g_autoptr (GError) error = NULL;

  op.refusal = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT, "used twice");
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT);
  g_assert_true (is_stored (store->inner, "kept"));
  op_clear (&op);
  g_object_unref (store);
}

static void
test_fault_undoes_the_batch_and_runs_the_others_alone (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Gate gate = { 0 };
  Op good[] = { { .name = "first" }, { .name = "last" } };
  Op bad = { .name = "bad" };

  bad.refusal = g_error_new_literal (TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "injected");
  gate_close (&gate, committer);
  tessera_committer_submit (committer, run_op, on_done, &good[0]);
  tessera_committer_submit (committer, run_op, on_done, &bad);
  tessera_committer_submit (committer, run_op, on_done, &good[1]);
  gate_open (&gate);
  iterate_until_told (&good[1]);

  g_assert_no_error (good[0].outcome);
  g_assert_no_error (good[1].outcome);
  g_assert_error (bad.outcome, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpint (bad.runs, ==, 1);
  g_assert_cmpint (good[0].runs, ==, 2);
  g_assert_true (is_stored (store->inner, "first"));
  g_assert_true (is_stored (store->inner, "last"));
  g_assert_false (is_stored (store->inner, "bad"));
  op_clear (&bad);
  g_object_unref (store);
}

static void
test_own_fault_is_told_as_it_is (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "gone" };
  g_autoptr (GError) error = NULL;

  op.refusal = g_error_new_literal (TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS, "taken");
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_assert_false (is_stored (store->inner, "gone"));
  op_clear (&op);
  g_object_unref (store);
}

static gboolean
fail_without_a_word (gpointer data, TesseraStore *store, GError **error)
{
  return FALSE;
}

static void
test_a_fault_without_a_word_is_one (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_committer_submit_and_wait (committer, fail_without_a_word, NULL, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_false (tessera_committer_has_failed (committer));
  g_object_unref (store);
}

/* The store has said it once; whoever comes does not make it say so again. */
static void
test_what_has_to_wait_is_not_said_each_time (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "late" };
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&warnings, 0);
  op.refusal = g_error_new_literal (TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_RESERVED, "no room");
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 0);
  g_assert_false (is_stored (store->inner, "late"));
  op_clear (&op);
  g_object_unref (store);
}

static void
count_outcome (gboolean committed, gpointer data)
{
  g_atomic_int_inc (&((gint *) data)[committed ? 1 : 0]);
}

static void
test_failed_commit_is_unavailable_for_all (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  gint outcomes[2] = { 0 };
  Op op = { .name = "lost" };
  g_autoptr (GError) error = NULL;

  tessera_committer_add_listener (committer, count_outcome, outcomes);
  store->fail_commits = 1;
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpint (outcomes[0], ==, 1);
  g_assert_false (is_stored (store->inner, "lost"));
  g_assert_false (tessera_committer_has_failed (committer));

  g_assert_true (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  g_assert_true (is_stored (store->inner, "lost"));
  g_assert_cmpint (outcomes[1], ==, 1);
  g_object_unref (store);
}

static void
test_full_disk_refuses_only_what_finds_no_room (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "fits" };

  store->fail_commits = 1;
  store->fail_code = TESSERA_STORE_ERROR_FULL;
  g_assert_true (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  g_assert_cmpint (op.runs, ==, 2);
  g_object_unref (store);
}

static void
test_after_a_fatal_failure_everything_is_refused (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "lost" };
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&warnings, 0);
  store->fail_commits = 1;
  store->fail_code = TESSERA_STORE_ERROR_FATAL;
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 1);
  g_assert_true (tessera_committer_has_failed (committer));
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpint (op.runs, ==, 1);
  g_object_unref (store);
}

/* Whatever it was that nobody can be sure of any more. */
static void
test_after_damage_everything_is_refused (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "lost" };

  store->fail_commits = 1;
  store->fail_code = TESSERA_STORE_ERROR_DAMAGED;
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  g_assert_true (tessera_committer_has_failed (committer));
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  g_assert_cmpint (op.runs, ==, 1);
  g_object_unref (store);
}

/* Not by itself either, as those are who shared the commit of somebody else's fault. */
static void
test_who_comes_with_a_fatal_failure_is_refused (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Gate gate = { 0 };
  Op bad = { .name = "bad" }, other = { .name = "other" };

  bad.refusal = g_error_new_literal (TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FATAL, "injected");
  gate_close (&gate, committer);
  tessera_committer_submit (committer, run_op, on_done, &bad);
  tessera_committer_submit (committer, run_op, on_done, &other);
  gate_open (&gate);
  iterate_until_told (&other);

  g_assert_error (other.outcome, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpint (other.runs, ==, 0);
  g_assert_false (is_stored (store->inner, "other"));
  op_clear (&bad);
  op_clear (&other);
  g_object_unref (store);
}

static gboolean
fail_to_prepare (TesseraStore *store, gboolean closing, gpointer data, GError **error)
{
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "injected");
  return FALSE;
}

static void
test_what_cannot_be_prepared_is_not_committed (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op reads = { 0 }, writes = { .name = "row" };
  g_autoptr (GError) error = NULL;

  tessera_committer_add_prepare (committer, fail_to_prepare, NULL);
  g_assert_true (tessera_committer_submit_and_wait (committer, run_op, &reads, NULL));
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &writes, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_false (is_stored (store->inner, "row"));
  g_object_unref (store);
}

/* What somebody is to be sure of is there when it is told, not soon after. */
static void
test_what_is_told_is_committed (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { .name = "row" };

  tessera_committer_submit (committer, run_op, on_done, &op);
  iterate_until_told (&op);
  g_assert_no_error (op.outcome);
  g_assert_cmpint (g_atomic_int_get (&store->commits), ==, 1);
  g_object_unref (store);
}

static gboolean
note_closing (TesseraStore *store, gboolean closing, gpointer data, GError **error)
{
  g_atomic_int_inc (&((gint *) data)[closing ? 1 : 0]);
  return tessera_store_put_declared (store, closing ? "closed" : "prepared", "x", error);
}

static void
test_prepares_what_writes_and_the_end (void)
{
  FaultyStore *store = faulty_store_new ();
  TesseraCommitter *committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  gint prepared[2] = { 0 };
  Op reads = { 0 }, writes = { .name = "row" };

  tessera_committer_add_prepare (committer, note_closing, prepared);
  g_assert_true (tessera_committer_submit_and_wait (committer, run_op, &reads, NULL));
  g_assert_cmpint (prepared[0], ==, 0);
  g_assert_true (tessera_committer_submit_and_wait (committer, run_op, &writes, NULL));
  g_assert_cmpint (prepared[0], ==, 1);
  tessera_committer_free (committer);
  g_assert_cmpint (prepared[1], ==, 1);
  g_assert_true (is_stored (store->inner, "prepared"));
  g_assert_true (is_stored (store->inner, "closed"));
  g_object_unref (store);
}

static void
test_after_a_failure_the_end_writes_nothing (void)
{
  FaultyStore *store = faulty_store_new ();
  TesseraCommitter *committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  gint prepared[2] = { 0 };
  Op op = { .name = "lost" };

  tessera_committer_add_prepare (committer, note_closing, prepared);
  store->fail_commits = 1;
  store->fail_code = TESSERA_STORE_ERROR_FATAL;
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, NULL));
  tessera_committer_free (committer);
  g_assert_cmpint (prepared[1], ==, 0);
  g_assert_false (is_stored (store->inner, "closed"));
  g_object_unref (store);
}

static void
test_who_comes_after_the_end_is_told_so (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op op = { 0 };

  tessera_committer_close (committer);
  g_autoptr (GError) error = NULL;
  g_assert_false (tessera_committer_submit_and_wait (committer, run_op, &op, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  tessera_committer_submit (committer, run_op, on_done, &op);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (op.told, ==, 1);
  g_assert_cmpint (op.runs, ==, 0);
  g_assert_error (op.outcome, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  op_clear (&op);
}

static void
test_tells_everything_before_it_ends (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  TesseraCommitter *committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  Op ops[500] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    tessera_committer_submit (committer, run_op, on_done, &ops[i]);
  tessera_committer_free (committer);
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    g_assert_cmpint (ops[i].told, ==, 1);
}

static gpointer
submit_many (gpointer data)
{
  for (guint i = 0; i < 200; i++)
    {
      Op op = { .name = "row" };
      g_assert_true (tessera_committer_submit_and_wait (data, run_op, &op, NULL));
      g_assert_cmpint (op.runs, ==, 1);
    }
  return NULL;
}

static void
test_takes_work_from_any_thread (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  GThread *threads[4];
  guint64 writes, syncs;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("submit", submit_many, committer);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  tessera_committer_get_counts (committer, &writes, &syncs);
  g_assert_cmpuint (writes, ==, 800);
  g_assert_cmpuint (syncs, <=, 800);
}

/* Not judged: how much one submitting main loop gets through. */
static void
test_throughput (void)
{
  g_autoptr (GObject) store = (GObject *) faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  guint count = g_test_perf () ? 1000000 : 1000;
  Op *ops = g_new0 (Op, count);
  guint submitted = 0, window = 64;
  gint64 began = g_get_monotonic_time ();

  while (submitted < count)
    {
      for (guint i = 0; i < window && submitted < count; i++)
        tessera_committer_submit (committer, run_op, on_done, &ops[submitted++]);
      while (ops[submitted - 1].told == 0)
        g_main_context_iteration (NULL, TRUE);
    }
  g_test_maximized_result (count * 1e6 / (g_get_monotonic_time () - began), "%.0f operations/s",
                           count * 1e6 / (g_get_monotonic_time () - began));
  g_free (ops);
}

static gboolean
note_chore (gpointer data, TesseraStore *store, GError **error)
{
  guint **seen = data;

  *seen[0] = *seen[1];
  return TRUE;
}

/* What comes does not wait for it, and it is finished before the committer ends. */
static void
test_a_chore_is_done_besides (void)
{
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  Gate gate = { 0 };
  Chore chore = { .pieces = 1000, .gate = &gate };
  TesseraCommitter *committer = tessera_committer_new_with_chore (store, NULL, run_chore, &chore);
  guint done_then = 0;
  guint *seen[] = { &done_then, &chore.done };

  tessera_committer_submit (committer, note_chore, NULL, seen);
  gate_open (&gate);
  tessera_committer_free (committer);
  g_assert_cmpuint (done_then, <=, 1);
  g_assert_cmpuint (chore.done, ==, 1000);
}

static void
test_a_chore_that_fails_ends_the_store (void)
{
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  Gate gate = { 0 };
  Chore chore = { .pieces = 2, .fails = TRUE, .gate = &gate };
  TesseraCommitter *committer = tessera_committer_new_with_chore (store, NULL, run_chore, &chore);
  gint before = warnings;
  gint outcomes[2] = { 0 };

  tessera_committer_add_listener (committer, count_outcome, outcomes);
  gate_open (&gate);
  while (g_atomic_int_get (&outcomes[0]) == 0)
    g_thread_yield ();
  g_assert_true (tessera_committer_has_failed (committer));
  g_assert_cmpuint (chore.done, ==, 1);
  g_assert_cmpint (warnings, ==, before + 1);
  tessera_committer_free (committer);
}

static const struct
{
  const char *name;
  GTestFunc run;
} tests[] = {
  { "/committer/tells-in-order-on-its-context", test_tells_in_order_on_its_context },
  { "/committer/a-chore-is-done-besides", test_a_chore_is_done_besides },
  { "/committer/a-chore-that-fails-ends-the-store", test_a_chore_that_fails_ends_the_store },
  { "/committer/shares-one-commit", test_shares_one_commit },
  { "/committer/a-turn-of-the-loop-shares-one-commit", test_a_turn_of_the_loop_shares_one_commit },
  { "/committer/a-crowd-is-expected-again", test_a_crowd_is_expected_again },
  { "/committer/many-do-not-wait-for-the-end-of-the-turn",
    test_many_do_not_wait_for_the_end_of_the_turn },
  { "/committer/who-waits-is-joined-by-who-is-told", test_who_waits_is_joined_by_who_is_told },
  { "/committer/a-context-that-never-rests-keeps-nobody-waiting",
    test_a_context_that_never_rests_keeps_nobody_waiting },
  { "/committer/who-waits-in-a-turn-is-served", test_who_waits_in_a_turn_is_served },
  { "/committer/reading-needs-no-sync", test_reading_needs_no_sync },
  { "/committer/refusal-keeps-what-was-written", test_refusal_keeps_what_was_written },
  { "/committer/fault-undoes-the-batch-and-runs-the-others-alone",
    test_fault_undoes_the_batch_and_runs_the_others_alone },
  { "/committer/own-fault-is-told-as-it-is", test_own_fault_is_told_as_it_is },
  { "/committer/a-fault-without-a-word-is-one", test_a_fault_without_a_word_is_one },
  { "/committer/what-has-to-wait-is-not-said-each-time",
    test_what_has_to_wait_is_not_said_each_time },
  { "/committer/failed-commit-is-unavailable-for-all", test_failed_commit_is_unavailable_for_all },
  { "/committer/full-disk-refuses-only-what-finds-no-room",
    test_full_disk_refuses_only_what_finds_no_room },
  { "/committer/after-a-fatal-failure-everything-is-refused",
    test_after_a_fatal_failure_everything_is_refused },
  { "/committer/after-damage-everything-is-refused", test_after_damage_everything_is_refused },
  { "/committer/who-comes-with-a-fatal-failure-is-refused",
    test_who_comes_with_a_fatal_failure_is_refused },
  { "/committer/what-cannot-be-prepared-is-not-committed",
    test_what_cannot_be_prepared_is_not_committed },
  { "/committer/what-is-told-is-committed", test_what_is_told_is_committed },
  { "/committer/prepares-what-writes-and-the-end", test_prepares_what_writes_and_the_end },
  { "/committer/after-a-failure-the-end-writes-nothing",
    test_after_a_failure_the_end_writes_nothing },
  { "/committer/who-comes-after-the-end-is-told-so", test_who_comes_after_the_end_is_told_so },
  { "/committer/tells-everything-before-it-ends", test_tells_everything_before_it_ends },
  { "/committer/takes-work-from-any-thread", test_takes_work_from_any_thread },
  { "/committer/throughput", test_throughput },
};

/* Who is forgotten waits for ever. */
static void
run_within_a_minute (gconstpointer data)
{
  GTestFunc const *run = data;

  if (!g_test_perf ())
    alarm (60);
  (*run) ();
  alarm (0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, &warnings, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_data_func (tests[i].name, &tests[i].run, run_within_a_minute);
  return g_test_run ();
}
