/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A power cut at any moment loses nothing that was acknowledged (threats.md §2).
 *
 * Random operations run on the real store, deny-list, snapshot, mirror and key ring, on a disk that
 * keeps only what was synced (disk.h). At random calls of libc, inside checkpoints, openings and
 * recoveries too, what a cut would leave is put aside. Each such state is opened later: it must be
 * the one after the last acknowledged operation, or after one that was under way, in every detail.
 * What it must be is found out with the same operations on the store in memory.
 *
 * usage: power [--cuts N] [--seed N] [--synchronous-normal | --no-directory-syncs] */

#include "base/tessera-error.h"
#include "disk.h"
#include "jose/tessera-key-ring-private.h"
#include "ledger.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME_MS (600 * 1000)
#define ENTRIES 240      /* of a run */
#define SNAPSHOT_LEAST 3 /* new revocations make another */
#define OPENINGS 3       /* of a run: what one has closed the next continues */
#define UNDER_WAY 12     /* at most */
#define CUTS_A_RUN 50    /* about */
#define KEY_CHANCE 25    /* one of so many operations is one on the key ring */
#define LATER_CHANCE 40
#define LATER_MS 6000 /* so that the store is pruned */

/* The real thing, as the server sets it up. */
typedef struct
{
  Books books;
  TesseraStore *store; /* until the committer has it */
  TesseraCommitter *committer;
  TesseraKeyRing *keys;
  gboolean rolled_back;
} State;

/* One state that a cut left, and which ones it may be. */
typedef struct
{
  char *directory;
  guint acknowledged;
  guint begun;
  guint keys_acknowledged;
  guint keys_begun;
} Cut;

typedef struct
{
  char *directory;
  Ledger *ledger;
  GRand *random;     /* of what is done */
  GRand *cut_random; /* of cuts, under the lock of the hook */
  GMutex mutex;
  GPtrArray *cuts;     /* Cut */
  GPtrArray *rows;     /* GArray: how all looks after so many operations */
  GPtrArray *names;    /* const char: what the operation was that led there */
  GPtrArray *key_rows; /* char*: the same of the key ring */
  guint chance;        /* one call of so many is cut */
  gint acknowledged;   /* atomic, as the next three */
  gint begun;
  gint keys_acknowledged;
  gint keys_begun;
} Run;

typedef struct
{
  guint cuts;
  guint lost;
} Tally;

static gint64 offset_ms; /* of all clocks */
static gboolean synchronous_normal;
static gboolean quiet; /* losses are expected */

/* Linked by --wrap: the harness must find what a weaker setting loses. */
int __real_sqlite3_exec (sqlite3 *handle,
                         const char *sql,
                         int (*callback) (void *, int, char **, char **),
                         void *data,
                         char **message);
int __wrap_sqlite3_exec (sqlite3 *handle,
                         const char *sql,
                         int (*callback) (void *, int, char **, char **),
                         void *data,
                         char **message);

int
__wrap_sqlite3_exec (sqlite3 *handle,
                     const char *sql,
                     int (*callback) (void *, int, char **, char **),
                     void *data,
                     char **message)
{
  g_autoptr (GString) text = g_string_new (sql);
  if (synchronous_normal)
    g_string_replace (text, "synchronous = FULL", "synchronous = NORMAL", 0);
  return __real_sqlite3_exec (handle, text->str, callback, data, message);
}

/* Linked by --wrap: the log begins anew fifty times as often, so that cuts fall into checkpoints.
 */
typedef int (*LogHook) (void *data, sqlite3 *handle, const char *name, int frames);
void *__real_sqlite3_wal_hook (sqlite3 *handle, LogHook func, void *data);
void *__wrap_sqlite3_wal_hook (sqlite3 *handle, LogHook func, void *data);

static LogHook log_hook;

static int
on_log_grown (void *data, sqlite3 *handle, const char *name, int frames)
{
  return log_hook (data, handle, name, frames * 50);
}

void *
__wrap_sqlite3_wal_hook (sqlite3 *handle, LogHook func, void *data)
{
  log_hook = func;
  return __real_sqlite3_wal_hook (handle, on_log_grown, data);
}

/* States. */

static gboolean
is_unused (TesseraStore *store)
{
  TesseraStoreState state = { 0 };
  g_assert_true (tessera_store_get_state (store, &state, NULL));
  return state.generation == 0 && state.high_water_ms == 0;
}

static gboolean
open_keys (State *self, const char *directory, gboolean may_create, GError **error)
{
  g_autofree char *path = g_build_filename (directory, "keys", NULL);
  if (tessera_key_ring_exists (path))
    tessera_deny_list_expect_past (self->books.list);
  self->keys
      = tessera_key_ring_open (path, TESSERA_ALGORITHM_ES256, may_create, self->books.clock, error);
  return self->keys != NULL && tessera_key_ring_ensure (self->keys, TESSERA_ALGORITHM_ES256, error);
}

/* In the order of tessera-server-setup.c. */
static gboolean
state_open (State *self, const char *parent, GError **error)
{
  g_autofree char *directory = g_build_filename (parent, "state", NULL);
  g_autofree char *mirror = g_build_filename (directory, "generation", NULL);
  g_autofree char *snapshot = g_build_filename (directory, "denied-tokens", NULL);
  gboolean is_new = FALSE;

  *self = (State){ 0 };
  self->books.clock = tessera_clock_new ();
  self->books.list = tessera_deny_list_new (self->books.clock, 0, mirror);
  tessera_deny_list_keep_snapshot (self->books.list, snapshot, SNAPSHOT_LEAST);
  self->store = tessera_sqlite_store_open (directory, &is_new, error);
  self->books.store = self->store;
  return self->store != NULL
         && open_keys (self, directory, is_new || is_unused (self->store), error)
         && tessera_deny_list_load (self->books.list, self->store, LIFETIME_MS, &self->rolled_back,
                                    error);
}

static void
state_serve (State *self)
{
  self->committer = tessera_committer_new (self->store, NULL);
  g_clear_object (&self->store);
  self->books.store = NULL;
  tessera_deny_list_attach (self->books.list, self->committer);
}

static void
state_close (State *self)
{
  g_clear_pointer (&self->committer, tessera_committer_free);
  g_clear_object (&self->store);
  tessera_deny_list_free (self->books.list);
  g_clear_pointer (&self->keys, tessera_key_ring_free);
  tessera_clock_unref (self->books.clock);
}

static char *
describe_keys (TesseraKeyRing *keys)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (keys);
  TesseraDigest rotation
      = tessera_digest (tessera_key_ring_get_rotation_key (keys), TESSERA_DIGEST_SIZE);
  TesseraDigest subjects
      = tessera_digest (tessera_key_ring_get_subject_key (keys), TESSERA_DIGEST_SIZE);
  GString *text = g_string_new (NULL);
  g_string_printf (text, "%02x%02x%02x", rotation.bytes[0], rotation.bytes[1], rotation.bytes[2]);
  g_string_append_printf (text, " %02x%02x%02x", subjects.bytes[0], subjects.bytes[1],
                          subjects.bytes[2]);
  for (guint i = 0; i < entries->len; i++)
    {
      const TesseraKeyEntry *entry = entries->pdata[i];
      g_string_append_printf (text, " %.6s:%d", tessera_key_get_id (entry->key), entry->state);
    }
  return g_string_free (text, FALSE);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      remove_tree (child);
    }
  g_remove (path);
}

static char *
make_directory (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("tessera-power-XXXXXX", &error);
  g_assert_no_error (error);
  return path;
}

/* Cuts. */

static void
cut_free (Cut *cut)
{
  remove_tree (cut->directory);
  g_free (cut->directory);
  g_free (cut);
}

static Cut *
cut_new (Run *run)
{
  Cut *cut = g_new0 (Cut, 1);
  cut->directory = make_directory ();
  cut->acknowledged = (guint) g_atomic_int_get (&run->acknowledged);
  cut->keys_acknowledged = (guint) g_atomic_int_get (&run->keys_acknowledged);
  disk_cut_power (cut->directory, run->cut_random);
  cut->begun = (guint) g_atomic_int_get (&run->begun);
  cut->keys_begun = (guint) g_atomic_int_get (&run->keys_begun);
  return cut;
}

static void
on_call (gpointer data)
{
  Run *run = data;
  g_mutex_lock (&run->mutex);
  if (g_rand_int_range (run->cut_random, 0, (gint32) run->chance) == 0)
    g_ptr_array_add (run->cuts, cut_new (run));
  g_mutex_unlock (&run->mutex);
}

/* The index of the first difference, or -1. */
static gint
compare_rows (const GArray *a, const GArray *b)
{
  g_assert_cmpuint (a->len, ==, b->len);
  for (guint i = 0; i < a->len; i++)
    if (g_array_index (a, guint32, i) != g_array_index (b, guint32, i))
      return (gint) i;
  return -1;
}

static void
explain_difference (Run *run, const Cut *cut, const GArray *seen)
{
  printf ("# lost: the state after a cut is none of %u to %u\n", cut->acknowledged, cut->begun);
  for (guint row = cut->acknowledged; row <= cut->begun; row++)
    {
      const GArray *expected = run->rows->pdata[row];
      gint index = compare_rows (seen, expected);
      g_autofree char *what = ledger_describe (run->ledger, (guint) index);
      printf ("#   after %u (%s): %s is %u, not %u\n", row, (char *) run->names->pdata[row], what,
              g_array_index (seen, guint32, index), g_array_index (expected, guint32, index));
    }
}

static gboolean
has_row (Run *run, const Cut *cut, State *state)
{
  g_autoptr (GArray) seen = ledger_look (run->ledger, &state->books);
  if (state->books.is_damaged)
    {
      if (!quiet)
        printf ("# lost: the state after a cut cannot be read\n");
      return FALSE;
    }
  for (guint row = cut->acknowledged; row <= cut->begun; row++)
    if (compare_rows (seen, run->rows->pdata[row]) < 0)
      return TRUE;
  if (!quiet)
    explain_difference (run, cut, seen);
  return FALSE;
}

static gboolean
has_key_row (Run *run, const Cut *cut, State *state)
{
  g_autofree char *seen = describe_keys (state->keys);
  if (cut->keys_begun == 0) /* the first ones were being made */
    return TRUE;
  for (guint row = cut->keys_acknowledged; row <= cut->keys_begun; row++)
    if (strcmp (seen, run->key_rows->pdata[row]) == 0)
      return TRUE;
  if (!quiet)
    printf ("# lost: the keys after a cut are %s, neither %s nor %s\n", seen,
            (char *) run->key_rows->pdata[cut->keys_acknowledged],
            (char *) run->key_rows->pdata[cut->keys_begun]);
  return FALSE;
}

static gboolean
examine (Run *run, const Cut *cut)
{
  g_autoptr (GError) error = NULL;
  State state;
  g_assert_true (g_file_test (cut->directory, G_FILE_TEST_IS_DIR));
  gboolean good = state_open (&state, cut->directory, &error);
  if (!good && !quiet)
    printf ("# lost: the state after a cut cannot be opened: %s\n", error->message);
  /* Keys without a past look like a past that was lost; all may end while nothing was acknowledged.
   */
  if (good && cut->begun == 0)
    {
      state_close (&state);
      return TRUE;
    }
  if (good && state.rolled_back)
    {
      good = FALSE;
      if (!quiet)
        printf ("# lost: the state after a cut is taken for an old copy\n");
    }
  good = good && has_row (run, cut, &state) && has_key_row (run, cut, &state);
  state_close (&state);
  return good;
}

/* The power comes back and goes again before all is recovered. */
typedef struct
{
  GRand *random;
  const Cut *first;
  Cut *second;
} Recovery;

static void
on_recovery_call (gpointer data)
{
  Recovery *recovery = data;
  if (recovery->second != NULL || g_rand_int_range (recovery->random, 0, 12) != 0)
    return;
  recovery->second = g_new (Cut, 1);
  *recovery->second = *recovery->first;
  recovery->second->directory = make_directory ();
  disk_cut_power (recovery->second->directory, recovery->random);
}

static void
judge (Run *run, const Cut *cut, Tally *tally)
{
  tally->cuts++;
  if (!examine (run, cut))
    tally->lost++;
}

static void
judge_with_recovery (Run *run, const Cut *cut, Tally *tally)
{
  Recovery recovery = { run->cut_random, cut, NULL };
  disk_watch (cut->directory);
  disk_set_hook (on_recovery_call, &recovery);
  judge (run, cut, tally);
  disk_forget ();
  if (recovery.second == NULL)
    return;
  judge (run, recovery.second, tally);
  cut_free (recovery.second);
}

/* One run. */

typedef struct
{
  Run *run;
  Books *books;
  Entry *entry;
} Order;

static gboolean
run_order (gpointer data, TesseraStore *store, GError **error)
{
  Order *order = data;
  return entry_run (order->entry, order->books, store, error);
}

static void
on_done (gpointer data, const GError *error)
{
  Order *order = data;
  g_assert_no_error (error);
  g_atomic_int_inc (&order->run->acknowledged);
  entry_free (order->entry);
  g_free (order);
}

static void
add_row (Run *run, Books *expected, const char *name)
{
  g_ptr_array_add (run->rows, ledger_look (run->ledger, expected));
  g_ptr_array_add (run->names, (gpointer) name);
}

/* First where it cannot fail, to know what must come of it; then on the disk. */
static void
submit_one (Run *run, State *state, Books *expected)
{
  g_autoptr (GError) error = NULL;
  Order *order = g_new0 (Order, 1);
  order->run = run;
  order->books = &state->books;
  order->entry = entry_new (run->ledger, run->random);

  g_assert_true (tessera_store_begin (expected->store, NULL));
  gboolean done = entry_run (order->entry, expected, expected->store, &error);
  g_assert_no_error (error);
  g_assert_true (done && tessera_store_commit (expected->store, NULL));
  add_row (run, expected, entry_get_name (order->entry));
  g_atomic_int_inc (&run->begun);
  tessera_committer_submit (state->committer, run_order, on_done, order);
}

static void
change_keys (Run *run, State *state)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (state->keys);
  const TesseraKeyEntry *entry
      = entries->pdata[g_rand_int_range (run->random, 0, (gint32) entries->len)];
  const char *kid = tessera_key_get_id (entry->key);

  g_atomic_int_inc (&run->keys_begun);
  switch (g_rand_int_range (run->random, 0, 4))
    {
    case 0: /* may be refused, as the active key is */
      tessera_key_ring_retire (state->keys, kid, NULL);
      break;
    case 1:
      tessera_key_ring_revoke (state->keys, kid, NULL);
      break;
    default:
      g_assert_true (tessera_key_ring_rotate (state->keys, 0, TRUE, NULL));
      break;
    }
  g_ptr_array_add (run->key_rows, describe_keys (state->keys));
  g_atomic_int_inc (&run->keys_acknowledged);
}

static void
work (Run *run, State *state, Books *expected, guint count)
{
  for (guint i = 0; i < count; i++)
    {
      gint most = g_rand_int_range (run->random, 1, UNDER_WAY + 1);
      if (g_rand_int_range (run->random, 0, KEY_CHANCE) == 0)
        change_keys (run, state);
      if (g_rand_int_range (run->random, 0, LATER_CHANCE) == 0)
        __atomic_add_fetch (&offset_ms, LATER_MS, __ATOMIC_RELAXED);
      submit_one (run, state, expected);
      while (g_atomic_int_get (&run->begun) - g_atomic_int_get (&run->acknowledged) >= most)
        g_main_context_iteration (NULL, TRUE);
    }
}

/* What was closed in order is there again, all of it. */
static void
check_continuation (Run *run, State *state)
{
  const Cut none = { .acknowledged = run->rows->len - 1, .begun = run->rows->len - 1 };
  if (has_row (run, &none, state))
    return;
  fflush (stdout);
  g_error ("what was closed in order is not what is opened");
}

static void
open_and_work (Run *run, Books *expected, guint count)
{
  g_autoptr (GError) error = NULL;
  State state;
  g_assert_true (g_file_test (run->directory, G_FILE_TEST_IS_DIR));
  gboolean opened = state_open (&state, run->directory, &error);
  g_assert_no_error (error);
  g_assert_true (opened && !state.rolled_back);
  if (run->key_rows->len == 0)
    {
      g_ptr_array_add (run->key_rows, NULL); /* none yet */
      g_ptr_array_add (run->key_rows, describe_keys (state.keys));
      run->keys_begun = run->keys_acknowledged = 1;
    }
  check_continuation (run, &state);
  state_serve (&state);
  work (run, &state, expected, count);
  state_close (&state);
}

static Run *
run_new (guint32 seed)
{
  Run *run = g_new0 (Run, 1);
  g_mutex_init (&run->mutex);
  run->directory = make_directory ();
  run->ledger = ledger_new (seed);
  run->random = g_rand_new_with_seed (seed);
  run->cut_random = g_rand_new_with_seed (seed + 1);
  run->cuts = g_ptr_array_new_with_free_func ((GDestroyNotify) cut_free);
  run->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  run->names = g_ptr_array_new ();
  run->key_rows = g_ptr_array_new_with_free_func (g_free);
  run->chance = ENTRIES * 8 / CUTS_A_RUN;
  return run;
}

static void
run_free (Run *run)
{
  remove_tree (run->directory);
  g_free (run->directory);
  ledger_free (run->ledger);
  g_rand_free (run->random);
  g_rand_free (run->cut_random);
  g_ptr_array_unref (run->cuts);
  g_ptr_array_unref (run->rows);
  g_ptr_array_unref (run->names);
  g_ptr_array_unref (run->key_rows);
  g_mutex_clear (&run->mutex);
  g_free (run);
}

static void
cut_one_run (guint32 seed, Tally *tally)
{
  Run *run = run_new (seed);
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  g_autoptr (TesseraDenyList) list = tessera_deny_list_new (clock, 0, NULL);
  Books expected = { .clock = clock, .list = list, .store = store };

  g_assert_true (tessera_deny_list_load (list, store, LIFETIME_MS, NULL, NULL));
  add_row (run, &expected, "nothing");
  disk_watch (run->directory);
  disk_set_hook (on_call, run);
  for (guint i = 0; i < OPENINGS; i++)
    open_and_work (run, &expected, ENTRIES / OPENINGS);
  disk_forget ();

  /* What somebody else removed is no loss of ours. */
  g_assert_true (g_file_test (run->directory, G_FILE_TEST_IS_DIR));
  for (guint i = 0; i < run->cuts->len; i++)
    if (i % 4 == 0)
      judge_with_recovery (run, run->cuts->pdata[i], tally);
    else
      judge (run, run->cuts->pdata[i], tally);
  run_free (run);
}

static Tally
cut_power (guint cuts, guint32 seed)
{
  Tally tally = { 0 };
  for (guint32 i = 0; tally.cuts < cuts; i++)
    {
      cut_one_run (seed + 2 * i, &tally);
      fflush (stdout);
    }
  printf ("# %u cuts, %u of them lost something; seed %u\n", tally.cuts, tally.lost, seed);
  fflush (stdout);
  return tally;
}

/* Tests. */

static gint n_cuts = 1000;
static gint64 given_seed = -1;
static gboolean only_normal, only_no_directory_syncs;

static guint32
get_seed (void)
{
  return given_seed >= 0 ? (guint32) given_seed : (guint32) g_test_rand_int ();
}

static void
test_power_cut (void)
{
  disk_set_kind (only_no_directory_syncs ? DISK_IGNORES_DIRECTORY_SYNCS : DISK_HONEST);
  synchronous_normal = only_normal;
  g_assert_cmpuint (cut_power ((guint) n_cuts, get_seed ()).lost, ==, 0);
}

static void
test_finds_what_normal_loses (void)
{
  synchronous_normal = quiet = TRUE;
  g_assert_cmpuint (cut_power (150, get_seed ()).lost, >, 0);
  synchronous_normal = quiet = FALSE;
}

static void
test_finds_forgotten_directory_syncs (void)
{
  quiet = TRUE;
  disk_set_kind (DISK_IGNORES_DIRECTORY_SYNCS);
  g_assert_cmpuint (cut_power (150, get_seed ()).lost, >, 0);
  disk_set_kind (DISK_HONEST);
  quiet = FALSE;
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) == 0)
    return G_LOG_WRITER_HANDLED; /* an old state says that it is old */
  return g_log_writer_default (level, fields, n_fields, data);
}

int
main (int argc, char *argv[])
{
  const GOptionEntry options[] = {
    { "cuts", 0, 0, G_OPTION_ARG_INT, &n_cuts, "how many", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &given_seed, "of all that is random", "N" },
    { "synchronous-normal", 0, 0, G_OPTION_ARG_NONE, &only_normal, "SQLite's weaker setting",
      NULL },
    { "no-directory-syncs", 0, 0, G_OPTION_ARG_NONE, &only_no_directory_syncs,
      "syncs of directories do nothing", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  if (g_getenv ("TMPDIR") == NULL && g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
  tessera_clock_follow_offset (&offset_ms);

  g_test_add_func ("/power/nothing-acknowledged-is-lost-in-a-cut", test_power_cut);
  if (!only_normal && !only_no_directory_syncs)
    {
      g_test_add_func ("/power/what-synchronous-normal-loses-is-found",
                       test_finds_what_normal_loses);
      g_test_add_func ("/power/what-a-forgotten-directory-sync-loses-is-found",
                       test_finds_forgotten_directory_syncs);
    }
  return g_test_run ();
}
