/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was acknowledged stays in force: through SIGKILL, a power cut, a failed sync, a full disk.
 */

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "faulty-vfs.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIFETIME_MS (600 * 1000)
#define SNAPSHOT_LEAST 10 /* so that there are many */

static gint warnings;
static guint snapshots_used; /* at starts */
static const char *program;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n_fields, NULL);
  g_atomic_int_inc (&warnings);
  return G_LOG_WRITER_HANDLED;
}

typedef struct
{
  TesseraClock *clock;
  TesseraDenyList *list;
  TesseraCommitter *committer;
  gboolean rolled_back;
} State;

static void
state_open (State *s, const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *mirror = g_build_filename (directory, "mirror", NULL);
  g_autofree char *snapshot = g_build_filename (directory, "denied-tokens", NULL);
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, NULL, &error);
  g_assert_no_error (error);
  s->clock = tessera_clock_new ();
  s->list = tessera_deny_list_new (s->clock, 0, mirror);
  tessera_deny_list_keep_snapshot (s->list, snapshot, SNAPSHOT_LEAST);
  tessera_deny_list_load (s->list, store, LIFETIME_MS, &s->rolled_back, &error);
  g_assert_no_error (error);
  s->committer = tessera_committer_new (store, NULL);
  tessera_deny_list_attach (s->list, s->committer);
}

static void
state_close (State *s)
{
  tessera_committer_free (s->committer);
  tessera_deny_list_free (s->list);
  tessera_clock_unref (s->clock);
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_unlink (file);
    }
  g_rmdir (path);
}

/* One thing to revoke: a token, or every third time a grant. */
typedef struct
{
  TesseraDenyList *list;
  TesseraTokenIdentity identity;
  char *jti;
  gboolean grant;
} Order;

static Order *
order_new (State *s, guint number)
{
  Order *order = g_new0 (Order, 1);
  gint64 now = tessera_clock_get_ms (s->clock);
  order->list = s->list;
  order->jti = tessera_uuid_new (now);
  order->grant = number % 3 == 2;
  order->identity.jti = order->jti;
  order->identity.issued_ms = now;
  order->identity.expires_ms = now + LIFETIME_MS;
  order->identity.client_id = "c1";
  return order;
}

static void
order_free (Order *order)
{
  g_free (order->jti);
  g_free (order);
}

static gboolean
run_order (gpointer data, TesseraStore *store, GError **error)
{
  Order *order = data;
  if (order->grant) /* the jti serves as its grant_id */
    return tessera_deny_list_deny_grant (order->list, store, order->jti, NULL, error);
  return tessera_deny_list_deny_token (order->list, store, &order->identity, NULL, error);
}

static gboolean
is_denied (State *s, const char *jti, gboolean grant)
{
  TesseraTokenIdentity identity = { .jti = jti, .issued_ms = 1, .client_id = "c1" };
  if (grant)
    {
      identity.jti = "another";
      identity.grant_id = jti;
    }
  return tessera_deny_list_check (s->list, &identity);
}

/* In the child: revokes for ever, eight at a time, and says what was acknowledged. */
static State child;
static guint child_number;

static void submit_next (void);

static void
on_acknowledged (gpointer data, const GError *error)
{
  Order *order = data;
  char line[64];
  g_assert_no_error (error);
  int length = g_snprintf (line, sizeof line, "%c%s\n", order->grant ? 'g' : 't', order->jti);
  if (write (STDOUT_FILENO, line, (gsize) length) != length)
    _exit (1);
  order_free (order);
  submit_next ();
}

static void
submit_next (void)
{
  tessera_committer_submit (child.committer, run_order, on_acknowledged,
                            order_new (&child, child_number++));
}

static int
revoke_for_ever (const char *directory)
{
  state_open (&child, directory);
  for (guint i = 0; i < 8; i++)
    submit_next ();
  while (TRUE)
    g_main_context_iteration (NULL, TRUE);
  return 0;
}

/* Reads until @count lines came, kills, and reads the rest of what was said. */
static void
kill_after (const char *directory, guint count, GPtrArray *acknowledged)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
                                                      program, "--revoke", directory, NULL);
  g_assert_no_error (error);
  g_autoptr (GDataInputStream) lines
      = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));

  for (guint i = 0;; i++)
    {
      if (i == count)
        g_subprocess_send_signal (process, SIGKILL);
      char *line = g_data_input_stream_read_line (lines, NULL, NULL, NULL);
      if (line == NULL)
        break;
      /* The last line may have been cut. */
      if (strlen (line) == 1 + TESSERA_UUID_LENGTH)
        g_ptr_array_add (acknowledged, line);
      else
        g_free (line);
    }
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  g_assert_true (g_subprocess_get_if_signaled (process));
}

static void
assert_all_denied (State *s, GPtrArray *acknowledged)
{
  for (guint i = 0; i < acknowledged->len; i++)
    {
      const char *line = acknowledged->pdata[i];
      g_assert_true (is_denied (s, line + 1, *line == 'g'));
    }
}

static void
test_sigkill (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autoptr (GPtrArray) acknowledged = g_ptr_array_new_with_free_func (g_free);
  guint rounds = g_test_slow () ? 200 : 8;

  for (guint round = 0; round < rounds; round++)
    {
      State s;
      kill_after (directory, (guint) g_test_rand_int_range (1, 100), acknowledged);
      state_open (&s, directory);
      g_assert_false (s.rolled_back);
      snapshots_used += tessera_deny_list_get_snapshot_generation (s.list) > 0;
      assert_all_denied (&s, acknowledged);
      state_close (&s);
    }
  g_assert_cmpuint (acknowledged->len, >, rounds);
  g_assert_cmpuint (snapshots_used, >, 0);
  remove_directory (directory);
}

/* Power cuts at random moments of one run, each into a directory of its own. */
typedef struct
{
  const char *directory;
  GRand *random;
  GPtrArray *cuts;  /* char *directory */
  GArray *promised; /* guint: how many orders were acknowledged by then */
  gint acknowledged;
} PowerCuts;

static void
copy_mirror (const char *from, const char *to)
{
  g_autofree char *source = g_build_filename (from, "mirror", NULL);
  g_autofree char *target = g_build_filename (to, "mirror", NULL);
  g_autofree char *content = NULL;
  if (g_file_get_contents (source, &content, NULL, NULL))
    g_assert_true (g_file_set_contents (target, content, -1, NULL));
}

/* As it was synced and renamed last, or as it was before there was one; and what a later one had
 * got as far as. */
static void
copy_snapshot (const char *from, const char *to, GRand *random)
{
  static const char *const names[] = { "denied-tokens", "denied-tokens.new" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *source = g_build_filename (from, names[i], NULL);
      g_autofree char *target = g_build_filename (to, names[i], NULL);
      g_autofree char *content = NULL;
      gsize length;
      if (g_rand_int_range (random, 0, 4) == 0
          || !g_file_get_contents (source, &content, &length, NULL))
        continue;
      if (i > 0)
        length = length * (gsize) g_rand_int_range (random, 0, 100) / 100;
      g_assert_true (g_file_set_contents (target, content, (gssize) length, NULL));
    }
}

static void
on_operation (guint operation, gpointer data)
{
  PowerCuts *cuts = data;
  if (g_rand_int_range (cuts->random, 0, 12) != 0)
    return;
  char *directory = g_dir_make_tmp ("tessera-cut-XXXXXX", NULL);
  guint promised = (guint) g_atomic_int_get (&cuts->acknowledged);
  copy_mirror (cuts->directory, directory);
  copy_snapshot (cuts->directory, directory, cuts->random);
  faulty_vfs_cut_power (directory, cuts->random);
  g_ptr_array_add (cuts->cuts, directory);
  g_array_append_val (cuts->promised, promised);
}

static void
examine_cut (const char *directory, GPtrArray *orders, guint promised)
{
  State s;
  faulty_vfs_reset ();
  state_open (&s, directory);
  g_assert_false (s.rolled_back);
  snapshots_used += tessera_deny_list_get_snapshot_generation (s.list) > 0;
  for (guint i = 0; i < promised; i++)
    {
      const Order *order = orders->pdata[i];
      g_assert_true (is_denied (&s, order->jti, order->grant));
    }
  state_close (&s);
}

static void
cut_power_during_one_run (guint count)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autoptr (GPtrArray) orders = g_ptr_array_new_with_free_func ((GDestroyNotify) order_free);
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autoptr (GPtrArray) cuts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) promised = g_array_new (FALSE, FALSE, sizeof (guint));
  PowerCuts power = { directory, random, cuts, promised, 0 };
  State s;

  faulty_vfs_reset ();
  /* From the first moment, when the tables are being made. */
  faulty_vfs_set_hook (on_operation, &power);
  state_open (&s, directory);
  for (guint i = 0; i < count; i++)
    {
      Order *order = order_new (&s, i);
      g_ptr_array_add (orders, order);
      g_assert_true (tessera_committer_submit_and_wait (s.committer, run_order, order, NULL));
      g_atomic_int_inc (&power.acknowledged);
    }
  state_close (&s);
  faulty_vfs_set_hook (NULL, NULL);

  g_assert_cmpuint (cuts->len, >, 0);
  for (guint i = 0; i < cuts->len; i++)
    {
      examine_cut (cuts->pdata[i], orders, g_array_index (promised, guint, i));
      remove_directory (cuts->pdata[i]);
    }
  remove_directory (directory);
}

static void
test_power_cut (void)
{
  snapshots_used = 0;
  for (guint round = 0; round < (g_test_slow () ? 50 : 2); round++)
    cut_power_during_one_run (60);
  g_assert_cmpuint (snapshots_used, >, 0);
}

static void
count_operation (guint operation, gpointer count)
{
  g_atomic_int_inc ((gint *) count);
}

/* Its pages go to the log at once, and are synced once. */
static void
test_a_commit_is_one_write_and_one_sync (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  State s;

  faulty_vfs_reset ();
  state_open (&s, directory);
  for (guint i = 0; i < 6; i++)
    {
      Order *order = order_new (&s, i);
      gint operations = 0;

      faulty_vfs_set_hook (count_operation, &operations);
      g_assert_true (tessera_committer_submit_and_wait (s.committer, run_order, order, NULL));
      faulty_vfs_set_hook (NULL, NULL);
      g_assert_cmpint (g_atomic_int_get (&operations), ==, 2);
      order_free (order);
    }
  state_close (&s);
  remove_directory (directory);
}

static void
test_failed_sync_ends_all_writing (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  State s;

  faulty_vfs_reset ();
  g_atomic_int_set (&warnings, 0);
  state_open (&s, directory);
  Order *first = order_new (&s, 0), *lost = order_new (&s, 0), *after = order_new (&s, 0);
  g_assert_true (tessera_committer_submit_and_wait (s.committer, run_order, first, NULL));
  faulty_vfs_fail_syncs (1);
  g_assert_false (tessera_committer_submit_and_wait (s.committer, run_order, lost, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_true (tessera_committer_has_failed (s.committer));
  g_assert_false (tessera_committer_submit_and_wait (s.committer, run_order, after, NULL));
  g_assert_true (is_denied (&s, first->jti, FALSE));
  g_assert_cmpint (g_atomic_int_get (&warnings), >=, 1);
  state_close (&s);

  /* A restart reads what is there; the one in between may be in force or not. */
  state_open (&s, directory);
  g_assert_false (s.rolled_back);
  g_assert_true (is_denied (&s, first->jti, FALSE));
  g_assert_false (is_denied (&s, after->jti, FALSE));
  g_assert_true (tessera_committer_submit_and_wait (s.committer, run_order,
                                                    (after->list = s.list, after), NULL));
  state_close (&s);
  order_free (first);
  order_free (lost);
  order_free (after);
  remove_directory (directory);
}

/* SQLite does not tell of a checkpoint that it makes by itself and that fails. */
static void
test_failed_checkpoint_ends_all_writing (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autoptr (GPtrArray) orders = g_ptr_array_new_with_free_func ((GDestroyNotify) order_free);
  State s;

  faulty_vfs_reset ();
  state_open (&s, directory);
  faulty_vfs_fail_database_syncs (1);
  while (!tessera_committer_has_failed (s.committer))
    {
      Order *order = order_new (&s, 0);
      if (tessera_committer_submit_and_wait (s.committer, run_order, order, NULL))
        g_ptr_array_add (orders, order);
      else
        order_free (order);
      g_assert_cmpuint (orders->len, <, 10000);
    }
  g_assert_cmpuint (orders->len, >, 100);
  state_close (&s);

  state_open (&s, directory);
  g_assert_false (s.rolled_back);
  for (guint i = 0; i < orders->len; i++)
    {
      const Order *order = orders->pdata[i];
      g_assert_true (is_denied (&s, order->jti, order->grant));
    }
  state_close (&s);
  remove_directory (directory);
}

static void
test_full_disk_still_revokes (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autofree char *reserve = g_build_filename (directory, "reserve", NULL);
  State s;

  faulty_vfs_reset ();
  state_open (&s, directory);
  Order *first = order_new (&s, 0), *second = order_new (&s, 0), *third = order_new (&s, 0);
  g_assert_true (g_file_test (reserve, G_FILE_TEST_EXISTS));
  faulty_vfs_fail_writes (1);
  g_assert_true (tessera_committer_submit_and_wait (s.committer, run_order, first, NULL));
  g_assert_false (g_file_test (reserve, G_FILE_TEST_EXISTS));
  /* And with nothing left to give up: refused, taken back, and good again afterwards. */
  faulty_vfs_fail_writes (1000);
  g_assert_false (tessera_committer_submit_and_wait (s.committer, run_order, second, NULL));
  g_assert_false (is_denied (&s, second->jti, FALSE));
  g_assert_false (tessera_committer_has_failed (s.committer));
  faulty_vfs_fail_writes (0);
  g_assert_true (tessera_committer_submit_and_wait (s.committer, run_order, third, NULL));
  state_close (&s);

  state_open (&s, directory);
  g_assert_true (is_denied (&s, first->jti, FALSE));
  g_assert_false (is_denied (&s, second->jti, FALSE));
  g_assert_true (is_denied (&s, third->jti, FALSE));
  g_assert_true (g_file_test (reserve, G_FILE_TEST_EXISTS));
  state_close (&s);
  order_free (first);
  order_free (second);
  order_free (third);
  remove_directory (directory);
}

/* So large that its start does not read all of it. */
static TesseraStore *
open_much (const char *directory)
{
  g_autofree char *much = g_strnfill (17 * 1024 * 1024, 'x');
  g_autoptr (GError) error = NULL;
  TesseraStore *store = tessera_sqlite_store_open (directory, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (tessera_store_begin (store, &error));
  g_assert_true (tessera_store_put_declared (store, "client:much", much, &error));
  g_assert_true (tessera_store_commit (store, &error));
  g_object_unref (store);
  store = tessera_sqlite_store_open (directory, NULL, &error);
  g_assert_no_error (error);
  return store;
}

/* A disk that does not answer says nothing about what is on it. */
static void
test_what_cannot_be_read_now_is_no_damage (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autofree char *mark = g_build_filename (directory, "damaged", NULL);
  g_autoptr (GError) error = NULL;
  gboolean more = TRUE;

  faulty_vfs_reset ();
  g_autoptr (TesseraStore) store = open_much (directory);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (tessera_store_begin (store, NULL));
      faulty_vfs_fail_reads (1);
      g_assert_false (tessera_store_examine (store, 256, &more, &error));
      faulty_vfs_fail_reads (0);
      g_assert_false (g_error_matches (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED));
      g_clear_error (&error);
      tessera_store_rollback (store);
    }
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
  for (more = TRUE; more;)
    {
      g_assert_true (tessera_store_begin (store, NULL));
      g_assert_true (tessera_store_examine (store, 256, &more, &error));
      g_assert_true (tessera_store_commit (store, NULL));
    }
  g_clear_object (&store);
  remove_directory (directory);
}

int
main (int argc, char *argv[])
{
  if (argc == 3 && strcmp (argv[1], "--revoke") == 0)
    return revoke_for_ever (argv[2]);

  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  faulty_vfs_install ();

  g_test_add_func ("/durability/acknowledged-survives-sigkill", test_sigkill);
  g_test_add_func ("/durability/acknowledged-survives-a-power-cut", test_power_cut);
  g_test_add_func ("/durability/a-commit-is-one-write-and-one-sync",
                   test_a_commit_is_one_write_and_one_sync);
  g_test_add_func ("/durability/failed-sync-ends-all-writing", test_failed_sync_ends_all_writing);
  g_test_add_func ("/durability/failed-checkpoint-ends-all-writing",
                   test_failed_checkpoint_ends_all_writing);
  g_test_add_func ("/durability/full-disk-still-revokes", test_full_disk_still_revokes);
  g_test_add_func ("/durability/what-cannot-be-read-now-is-no-damage",
                   test_what_cannot_be_read_now_is_no_damage);

  return g_test_run ();
}
