/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-server-backup.c, tessera-restore.c: a copy of the state, and its way back. */

#include "server/tessera-administration.h"
#include "server/tessera-server-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ISSUER "http://127.0.0.1:8417"
#define KILLED 77

static GHashTable *synced; /* inode; NULL: nobody wants to know */

static int steps_left = -1; /* of a process that dies before the one behind them; -1: it does not */

static void
step (void)
{
  if (steps_left == 0)
    _exit (KILLED);
  if (steps_left > 0)
    steps_left--;
}

/* Before those of the C library; SQLite has other ones. */
int
fsync (int fd)
{
  struct stat info;

  step ();
  if (synced != NULL && fstat (fd, &info) == 0)
    g_hash_table_add (synced, GSIZE_TO_POINTER (info.st_ino));
  return (int) syscall (SYS_fsync, fd);
}

int
rename (const char *from, const char *to)
{
  step ();
  return (int) syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink (const char *path)
{
  step ();
  return (int) syscall (SYS_unlinkat, AT_FDCWD, path, 0);
}

typedef struct
{
  char *root;
  char *directory; /* of the server */
  char *backup;
  TesseraServer *server;
} Fixture;

static TesseraServer *
open_server (const char *directory)
{
  g_autoptr (GError) error = NULL;
  TesseraServer *server = tessera_server_new (ISSUER, directory);
  tessera_server_wait_ready (server, &error);
  g_assert_no_error (error);
  return server;
}

static void
close_server (Fixture *self)
{
  if (self->server != NULL)
    tessera_server_close (self->server);
  g_clear_object (&self->server);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->root = g_dir_make_tmp ("tessera-backup-XXXXXX", NULL);
  self->directory = g_build_filename (self->root, "state", NULL);
  self->backup = g_build_filename (self->root, "backup", NULL);
  self->server = open_server (self->directory);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      remove_tree (child);
    }
  g_remove (path);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  close_server (self);
  remove_tree (self->root);
  g_free (self->root);
  g_free (self->directory);
  g_free (self->backup);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GAsyncResult *
await (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static void
add_user (Fixture *self, const char *name)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  tessera_server_add_user_async (self->server, name, "correct horse", NULL, keep_result, &result);
  tessera_server_add_user_finish (self->server, await (&result), &error);
  g_assert_no_error (error);
}

static gboolean
back_up_to (TesseraServer *server, GOutputStream *stream, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  tessera_server_back_up_async (server, stream, NULL, keep_result, &result);
  return tessera_server_back_up_finish (server, await (&result), error);
}

static void
back_up (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) file = g_file_new_for_path (self->backup);
  g_autoptr (GFileOutputStream) stream
      = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_PRIVATE, NULL, &error);
  g_assert_no_error (error);
  back_up_to (self->server, G_OUTPUT_STREAM (stream), &error);
  g_assert_no_error (error);
}

static GVariant *
restore_from (Fixture *self, const char *directory, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (self->backup);
  g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, error);
  g_assert_nonnull (stream);
  return tessera_restore_state (G_INPUT_STREAM (stream), directory, NULL, error);
}

static GVariant *
restore (Fixture *self, const char *directory)
{
  g_autoptr (GError) error = NULL;
  GVariant *report = restore_from (self, directory, &error);
  g_assert_no_error (error);
  return report;
}

static gboolean
get_flag (GVariant *report, const char *name)
{
  gboolean flag = FALSE;
  g_assert_true (g_variant_lookup (report, name, "b", &flag));
  return flag;
}

/* Revocations that a list of the deny-list shows: "kind:value " … */
static char *
list_denials (TesseraServer *server)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GString *text = g_string_new (NULL);
  tessera_server_list_denials_async (server, 0, 100, NULL, keep_result, &result);
  g_autoptr (GPtrArray) page
      = tessera_server_list_denials_finish (server, await (&result), NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < page->len; i++)
    g_string_append_printf (text, "%s:%s ", tessera_denial_get_rule (page->pdata[i]),
                            tessera_denial_get_value (page->pdata[i]));
  return g_string_free (text, FALSE);
}

static void
test_another_machine_gets_everything_but_trust (Fixture *self, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (self->root, "elsewhere", NULL);
  add_user (self, "anna");
  tessera_server_revoke_grant (self->server, "g1", NULL);
  back_up (self);

  g_autoptr (GVariant) report = restore (self, elsewhere);
  guint64 users = 0, denials = 0;
  g_variant_lookup (report, "users", "t", &users);
  g_variant_lookup (report, "denials", "t", &denials);
  g_assert_cmpuint (users, ==, 1);
  g_assert_cmpuint (denials, ==, 1);
  g_assert_false (get_flag (report, "complete"));
  g_assert_true (get_flag (report, "made_keys"));

  g_autoptr (TesseraServer) other = open_server (elsewhere);
  g_autoptr (TesseraUser) anna = tessera_server_lookup_user (other, "anna");
  g_assert_nonnull (anna);
  g_autofree char *denied = list_denials (other);
  g_assert_cmpstr (denied, ==, "grant:g1 all: ");
  tessera_server_close (other);
}

static void
test_what_came_after_the_backup_is_not_forgotten (Fixture *self, gconstpointer data)
{
  add_user (self, "anna");
  back_up (self);
  tessera_server_revoke_grant (self->server, "after", NULL);
  close_server (self);

  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_false (get_flag (report, "complete"));
  g_assert_false (get_flag (report, "made_keys"));
  self->server = open_server (self->directory);
  g_autofree char *denied = list_denials (self->server);
  g_assert_cmpstr (denied, ==, "all: ");
}

/* What the end of a server commits would come after the backup; here the machine fails instead. */
static void
die (Fixture *self)
{
  g_autofree char *mirror = g_build_filename (self->directory, "generation", NULL);
  g_autofree char *mirrored = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (mirror, &mirrored, &length, NULL));
  close_server (self);
  g_assert_true (g_file_set_contents (mirror, mirrored, (gssize) length, NULL));
  g_chmod (mirror, 0600);
}

static gboolean
put_grant (gpointer data, TesseraStore *store, GError **error)
{
  gint64 *number = data;
  gint64 now = g_get_real_time () / 1000;
  g_autoptr (TesseraGrant) grant = g_new0 (TesseraGrant, 1);

  grant->grant_id = g_strdup ("g1");
  grant->client_id = g_strdup ("c");
  grant->login.subject = g_strdup ("anna");
  grant->scope = g_strdup ("a");
  grant->began_ms = grant->last_used_ms = now;
  grant->expires_ms = now + 3600 * 1000;
  grant->nonce = tessera_nonce_new ();
  return tessera_store_put_grant (store, grant, number, error)
         && tessera_store_begin_rotation (store, *number, now, error);
}

static gboolean
rotate_grant (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_rotate (store, *(gint64 *) data, g_get_real_time () / 1000, error);
}

static gboolean is_committed;

static void
note_commit (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  is_committed = TRUE;
}

static void
commit (Fixture *self, TesseraOperationRun run, gint64 *number)
{
  TesseraEngine *engine = tessera_server_get_engine (self->server);

  is_committed = FALSE;
  tessera_committer_submit (engine->committer, run, note_commit, number);
  while (!is_committed)
    g_main_context_iteration (NULL, TRUE);
}

/* A refresh revokes nothing, but a token that it made useless would be good again. */
static void
test_a_refresh_after_the_backup_is_not_forgotten (Fixture *self, gconstpointer data)
{
  gint64 number = 0;

  commit (self, put_grant, &number);
  back_up (self);
  commit (self, rotate_grant, &number);
  die (self);

  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_false (get_flag (report, "complete"));
  self->server = open_server (self->directory);
  g_autofree char *denied = list_denials (self->server);
  g_assert_cmpstr (denied, ==, "all: ");
}

/* It knows of more than this one ever did, and of nothing of it. */
static void
test_a_backup_of_another_server_is_not_complete (Fixture *self, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (self->root, "elsewhere", NULL);

  tessera_server_revoke_grant (self->server, "here", NULL);
  close_server (self);
  self->server = open_server (elsewhere);
  for (guint i = 0; i < 8; i++)
    tessera_server_revoke_grant (self->server, "there", NULL);
  add_user (self, "anna");
  add_user (self, "bert");
  add_user (self, "carl");
  back_up (self);
  close_server (self);

  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_false (get_flag (report, "complete"));
}

static void
test_a_backup_that_is_complete_refuses_nothing (Fixture *self, gconstpointer data)
{
  g_autofree char *database = g_build_filename (self->directory, "tessera.db", NULL);
  g_autofree char *aside = g_strconcat (database, ".before-restore", NULL);
  add_user (self, "anna");
  tessera_server_revoke_grant (self->server, "g1", NULL);
  close_server (self);
  self->server = open_server (self->directory);
  back_up (self);
  die (self);

  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_true (get_flag (report, "complete"));
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  self->server = open_server (self->directory);
  g_autofree char *denied = list_denials (self->server);
  g_assert_cmpstr (denied, ==, "grant:g1 ");
}

/* The mirror is on the disk once a second. After a power cut it may lack what was revoked last, and
 * so proves nothing; here it is of another run of the machine. */
static void
test_a_mirror_of_before_a_power_cut_proves_nothing (Fixture *self, gconstpointer data)
{
  g_autofree char *mirror = g_build_filename (self->directory, "generation", NULL);
  g_autofree char *mirrored = NULL;
  gsize length;
  back_up (self);
  g_assert_true (g_file_get_contents (mirror, &mirrored, &length, NULL));
  tessera_server_revoke_grant (self->server, "unheard", NULL);
  close_server (self);
  char *run = mirrored + length - 1 - 16 - 1 - 16;
  memcpy (run, "0123456789abcdef", 16);
  g_autofree char *sum
      = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) mirrored, length - 17);
  memcpy (mirrored + length - 17, sum, 16);
  g_assert_true (g_file_set_contents (mirror, mirrored, (gssize) length, NULL));
  g_chmod (mirror, 0600);

  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_false (get_flag (report, "complete"));
  self->server = open_server (self->directory);
  g_autofree char *denied = list_denials (self->server);
  g_assert_cmpstr (denied, ==, "all: ");
}

static void
test_a_backup_is_made_while_others_write (Fixture *self, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (self->root, "elsewhere", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (self->backup);
  g_autoptr (GFileOutputStream) stream
      = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_PRIVATE, NULL, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint n = 0, before;

  for (guint i = 0; i < 6000; i++) /* so that it has several pieces */
    {
      g_autofree char *grant = g_strdup_printf ("before-%u-%0200u", i, i);
      tessera_server_revoke_grant_async (self->server, grant, NULL, NULL, NULL);
    }
  tessera_server_revoke_grant (self->server, "last before", NULL);
  while (tessera_server_get_n_denials (self->server) < 6001)
    g_main_context_iteration (NULL, TRUE);
  before = 6001;
  tessera_server_back_up_async (self->server, G_OUTPUT_STREAM (stream), NULL, keep_result, &result);
  while (result == NULL)
    {
      g_autofree char *grant = g_strdup_printf ("meanwhile-%u", n++);
      tessera_server_revoke_grant_async (self->server, grant, NULL, NULL, NULL);
      g_main_context_iteration (NULL, TRUE);
    }
  g_assert_true (tessera_server_back_up_finish (self->server, result, &error));
  g_assert_no_error (error);
  tessera_server_revoke_grant (self->server, "last", NULL);
  while (tessera_server_get_n_denials (self->server) < before + n + 1)
    g_main_context_iteration (NULL, TRUE);

  g_autoptr (GVariant) report = restore (self, elsewhere);
  guint64 denials = 0;
  g_variant_lookup (report, "denials", "t", &denials);
  g_assert_cmpuint (denials, >=, before);
  g_assert_cmpuint (denials, <, before + n + 1);
}

static void
test_one_backup_at_a_time (Fixture *self, gconstpointer data)
{
  g_autoptr (GOutputStream) first = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) second = g_memory_output_stream_new_resizable ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  tessera_server_back_up_async (self->server, first, NULL, keep_result, &result);
  g_assert_false (back_up_to (self->server, second, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (tessera_server_back_up_finish (self->server, await (&result), &error));
  g_assert_true (back_up_to (self->server, second, &error));
  g_assert_no_error (error);
}

/* A stream that takes nothing. */
static void
test_a_stream_that_fails_ends_the_backup (Fixture *self, gconstpointer data)
{
  guint8 byte;
  g_autoptr (GOutputStream) full = g_memory_output_stream_new (&byte, 1, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_assert_false (back_up_to (self->server, full, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  back_up (self);
}

static void
test_a_server_in_memory_has_nothing_to_copy (void)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER);
  g_autoptr (GOutputStream) stream = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;
  g_assert_false (back_up_to (server, stream, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED);
}

/* Said to be done, it outlasts a power cut: a name without its bytes would be an empty database. */
static void
test_what_is_restored_is_durable (Fixture *self, gconstpointer data)
{
  g_autofree char *database = g_build_filename (self->directory, "tessera.db", NULL);
  struct stat info;

  add_user (self, "anna");
  back_up (self);
  close_server (self);
  synced = g_hash_table_new (NULL, NULL);
  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_cmpint (stat (database, &info), ==, 0);
  g_assert_true (g_hash_table_contains (synced, GSIZE_TO_POINTER (info.st_ino)));
  g_assert_cmpint (stat (self->directory, &info), ==, 0);
  g_assert_true (g_hash_table_contains (synced, GSIZE_TO_POINTER (info.st_ino)));
  g_clear_pointer (&synced, g_hash_table_unref);
}

/* FALSE: it was done before it could be killed. */
static gboolean
restore_until_killed (Fixture *self, int steps)
{
  int status = 0;
  pid_t child = fork ();

  if (child == 0)
    {
      steps_left = steps;
      g_autoptr (GVariant) report = restore_from (self, self->directory, NULL);
      _exit (report != NULL ? 0 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_true (WEXITSTATUS (status) == KILLED || WEXITSTATUS (status) == 0);
  return WEXITSTATUS (status) == KILLED;
}

/* What was revoked since the backup stays refused, and who tries again gets it all. */
static void
test_killed_between_two_steps_it_gives_nothing_back (Fixture *self, gconstpointer data)
{
  gboolean killed = TRUE;
  int steps = 0;

  add_user (self, "anna");
  back_up (self);
  for (; killed; steps++)
    {
      tessera_server_revoke_grant (self->server, "after", NULL);
      close_server (self);
      killed = restore_until_killed (self, steps);
      self->server = open_server (self->directory);
      g_autofree char *denied = list_denials (self->server);
      g_assert_true (strstr (denied, "grant:after ") != NULL || strstr (denied, "all: ") != NULL);
      close_server (self);
      g_autoptr (GVariant) report = restore (self, self->directory);
      self->server = open_server (self->directory);
      g_autoptr (TesseraUser) anna = tessera_server_lookup_user (self->server, "anna");
      g_assert_nonnull (anna);
    }
  g_assert_cmpint (steps, >, 5);
  g_test_message ("killed at %d steps", steps - 1);
}

static void
test_no_old_log_lies_beside_what_is_set_aside (Fixture *self, gconstpointer data)
{
  g_autofree char *aside = g_build_filename (self->directory, "tessera.db.before-restore", NULL);
  g_autofree char *log = g_strconcat (aside, "-wal", NULL);

  back_up (self);
  close_server (self);
  /* Of an earlier restore, after a crash. */
  g_assert_true (g_file_set_contents (log, "log", -1, NULL));
  g_autoptr (GVariant) report = restore (self, self->directory);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (log, G_FILE_TEST_EXISTS));
}

static void
test_no_restore_under_a_running_server (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  back_up (self);
  g_assert_null (restore_from (self, self->directory, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_LOCKED);
}

static void
test_a_damaged_backup_changes_nothing (Fixture *self, gconstpointer data)
{
  g_autofree char *bytes = NULL;
  gsize length;
  add_user (self, "anna");
  back_up (self);
  close_server (self);
  g_assert_true (g_file_get_contents (self->backup, &bytes, &length, NULL));
  for (gsize at = 100; at < length; at += 4096)
    {
      g_autoptr (GError) error = NULL;
      bytes[at] ^= 1;
      g_assert_true (g_file_set_contents (self->backup, bytes, (gssize) length, NULL));
      bytes[at] ^= 1;
      g_assert_null (restore_from (self, self->directory, &error));
      g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE);
    }
  g_assert_true (g_file_set_contents (self->backup, "", 0, NULL));
  g_autoptr (GError) empty = NULL;
  g_assert_null (restore_from (self, self->directory, &empty));
  g_assert_error (empty, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE);
  self->server = open_server (self->directory);
  g_autoptr (TesseraUser) anna = tessera_server_lookup_user (self->server, "anna");
  g_assert_nonnull (anna);
  g_autofree char *denied = list_denials (self->server);
  g_assert_cmpstr (denied, ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* a rollback is a warning */
#define ADD(NAME, FUNC) g_test_add ("/backup/" NAME, Fixture, NULL, set_up, FUNC, tear_down)
  ADD ("another-machine-gets-everything-but-trust", test_another_machine_gets_everything_but_trust);
  ADD ("what-came-after-is-not-forgotten", test_what_came_after_the_backup_is_not_forgotten);
  ADD ("a-refresh-after-is-not-forgotten", test_a_refresh_after_the_backup_is_not_forgotten);
  ADD ("one-of-another-server-is-not-complete", test_a_backup_of_another_server_is_not_complete);
  ADD ("a-complete-one-refuses-nothing", test_a_backup_that_is_complete_refuses_nothing);
  ADD ("a-mirror-of-before-a-power-cut-proves-nothing",
       test_a_mirror_of_before_a_power_cut_proves_nothing);
  ADD ("it-is-made-while-others-write", test_a_backup_is_made_while_others_write);
  ADD ("one-at-a-time", test_one_backup_at_a_time);
  ADD ("a-stream-that-fails-ends-it", test_a_stream_that_fails_ends_the_backup);
  g_test_add_func ("/backup/a-server-in-memory-has-nothing-to-copy",
                   test_a_server_in_memory_has_nothing_to_copy);
  ADD ("what-is-restored-is-durable", test_what_is_restored_is_durable);
  ADD ("killed-between-two-steps-it-gives-nothing-back",
       test_killed_between_two_steps_it_gives_nothing_back);
  ADD ("no-old-log-lies-beside-what-is-set-aside", test_no_old_log_lies_beside_what_is_set_aside);
  ADD ("no-restore-under-a-running-server", test_no_restore_under_a_running_server);
  ADD ("a-damaged-one-changes-nothing", test_a_damaged_backup_changes_nothing);
  return g_test_run ();
}
