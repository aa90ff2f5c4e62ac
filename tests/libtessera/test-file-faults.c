/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files beside the database (keys, mirror, snapshot of the deny-list) while any one write, sync
 * or rename fails: what was done is on the disk, what was refused left it as it was or as it was to
 * be, and both can be loaded.
 */

#include "base/tessera-error.h"
#include "faulty-files.h"
#include "jose/tessera-key-ring-private.h"
#include "log-capture.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-deny-snapshot-private.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-mirror-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ES256 TESSERA_ALGORITHM_ES256
#define EDDSA TESSERA_ALGORITHM_EDDSA

/* The linker puts these before those of libc, for the library alone. */

static gboolean no_room;   /* on the file system */
static gboolean no_memory; /* to map a file into */

int __real_fstatvfs64 (int fd, struct statvfs64 *info);
int __wrap_fstatvfs64 (int fd, struct statvfs64 *info);
void *__real_mmap64 (void *address, size_t size, int protection, int flags, int fd, off64_t offset);
void *__wrap_mmap64 (void *address, size_t size, int protection, int flags, int fd, off64_t offset);

int
__wrap_fstatvfs64 (int fd, struct statvfs64 *info)
{
  int result = __real_fstatvfs64 (fd, info);
  if (no_room)
    info->f_bavail = 1;
  return result;
}

void *
__wrap_mmap64 (void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
  errno = ENOMEM;
  return no_memory ? MAP_FAILED : __real_mmap64 (address, size, protection, flags, fd, offset);
}

/* From now on only @spare more files can be opened; returns what to end that with. */
static struct rlimit
use_up_descriptors (guint spare)
{
  struct rlimit usual, now;
  int lowest = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (lowest, >=, 0);
  close (lowest);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &usual), ==, 0);
  now = usual;
  now.rlim_cur = (rlim_t) lowest + spare;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &now), ==, 0);
  return usual;
}

/* The ways in which a disk fails, one call of a try each. */
static const FaultyFiles diseases[] = {
  { .kinds = FAULTY_WRITE, .error = EIO, .count = 1 },
  { .kinds = FAULTY_WRITE, .error = ENOSPC, .count = 1 },
  { .kinds = FAULTY_WRITE, .error = EIO, .count = 1, .torn = 1 },
  { .kinds = FAULTY_SYNC, .error = EIO, .count = 1 },
  { .kinds = FAULTY_NAME, .error = EIO, .count = 1 },
};

static const FaultyFiles names_are_not_synced
    = { .kinds = FAULTY_DIRECTORY_SYNC, .error = EIO, .count = -1 };

static char *
make_directory (void)
{
  char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_assert_nonnull (directory);
  return directory;
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      remove_all (inner);
    }
  g_remove (path);
}

/* From now on the call of number @skip fails. */
static void
fall_ill (const FaultyFiles *disease, gint32 skip)
{
  FaultyFiles *faults = faulty_files_get ();
  *faults = *disease;
  faults->skip = skip;
}

/* FALSE: there were not so many calls. */
static gboolean
recover (void)
{
  FaultyFiles *faults = faulty_files_get ();
  gboolean failed = faults->seen > faults->skip;
  faulty_files_reset ();
  return failed;
}

/* Keys. */

static TesseraKeyRing *
open_ring (const char *directory, GError **error)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autofree char *keys = g_build_filename (directory, "keys", NULL);
  return tessera_key_ring_open (keys, ES256, TRUE, clock, error);
}

static char *
describe (TesseraKeyRing *ring)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (ring);
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < entries->len; i++)
    {
      const TesseraKeyEntry *entry = entries->pdata[i];
      g_string_append_printf (text, "%s:%d ", tessera_key_get_id (entry->key), entry->state);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
get_active (TesseraKeyRing *ring)
{
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (ring, ES256);
  return g_strdup (tessera_key_get_id (key));
}

typedef gboolean (*RingDeed) (TesseraKeyRing *ring, const char *active, GError **error);

static gboolean
rotate (TesseraKeyRing *ring, const char *active, GError **error)
{
  return tessera_key_ring_rotate (ring, 900, TRUE, error);
}

static gboolean
revoke_key (TesseraKeyRing *ring, const char *active, GError **error)
{
  return tessera_key_ring_revoke (ring, active, error);
}

static gboolean
add_algorithm (TesseraKeyRing *ring, const char *active, GError **error)
{
  return tessera_key_ring_ensure (ring, EDDSA, error);
}

static gboolean
prune (TesseraKeyRing *ring, const char *active, GError **error)
{
  return tessera_key_ring_prune (ring, 0, error);
}

static void
assert_key_error (const GError *error)
{
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
}

/* FALSE: the fault was not met. */
static gboolean
try_ring (RingDeed deed, const FaultyFiles *disease, gint32 skip)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraKeyRing) ring = open_ring (directory, NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (rotate (ring, NULL, NULL)); /* so that there is something to prune */
  g_autofree char *active = get_active (ring);
  g_autofree char *before = describe (ring);

  log_capture_begin (); /* what cannot be tidied up is only said */
  fall_ill (disease, skip);
  gboolean done = deed (ring, active, &error);
  gboolean failed = recover ();
  log_capture_end ();
  g_autofree char *after = describe (ring);

  g_autoptr (TesseraKeyRing) loaded = open_ring (directory, NULL);
  g_assert_nonnull (loaded);
  g_autofree char *kept = describe (loaded);
  if (done)
    g_assert_cmpstr (kept, ==, after);
  else
    {
      assert_key_error (error);
      g_assert_cmpstr (after, ==, before);
      g_assert_true (deed (ring, active, NULL));
    }
  remove_all (directory);
  g_assert_true (done || failed);
  return failed;
}

static void
fail_ring (RingDeed deed)
{
  for (guint i = 0; i < G_N_ELEMENTS (diseases); i++)
    {
      gint32 skip = 0;
      while (try_ring (deed, &diseases[i], skip))
        skip++;
      g_assert_cmpint (skip, >, 0);
    }
}

static void
test_rotation (void)
{
  fail_ring (rotate);
}

static void
test_revocation_of_a_key (void)
{
  fail_ring (revoke_key);
}

static void
test_new_algorithm (void)
{
  fail_ring (add_algorithm);
}

static void
test_pruning (void)
{
  fail_ring (prune);
}

/* What is renamed may have its old name again after a power cut. */
static void
test_keys_need_their_directory (void)
{
  static const RingDeed deeds[] = { rotate, revoke_key, add_algorithm, prune };

  for (guint i = 0; i < G_N_ELEMENTS (deeds); i++)
    {
      g_autofree char *directory = make_directory ();
      g_autoptr (TesseraKeyRing) ring = open_ring (directory, NULL);
      g_autoptr (GError) error = NULL;
      g_assert_true (rotate (ring, NULL, NULL));
      g_autofree char *active = get_active (ring);
      g_autofree char *before = describe (ring);

      fall_ill (&names_are_not_synced, 0);
      g_assert_false (deeds[i](ring, active, &error));
      g_assert_true (recover ());
      assert_key_error (error);
      g_autofree char *after = describe (ring);
      g_assert_cmpstr (after, ==, before);
      remove_all (directory);
    }
}

/* A rotation that was cut off is finished at the next start, or that is none. */
static void
test_no_start_leaves_a_private_part (void)
{
  const FaultyFiles broken = { .kinds = FAULTY_WRITE, .error = EIO, .count = -1 };
  g_autofree char *directory = make_directory ();
  TesseraKeyRing *ring = open_ring (directory, NULL);
  g_autofree char *active = get_active (ring);
  g_autofree char *name = g_strconcat (active, ".pem", NULL);
  g_autofree char *path = g_build_filename (directory, "keys", name, NULL);
  g_autofree char *pem = NULL;
  g_autofree char *after = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_get_contents (path, &pem, NULL, NULL));
  g_assert_true (rotate (ring, NULL, NULL));
  tessera_key_ring_free (ring);
  g_assert_true (
      g_file_set_contents_full (path, pem, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  fall_ill (&broken, 0);
  g_assert_null (open_ring (directory, &error));
  g_assert_true (recover ());
  assert_key_error (error);
  g_autoptr (TesseraKeyRing) loaded = open_ring (directory, NULL);
  g_assert_nonnull (loaded);
  g_assert_true (g_file_get_contents (path, &after, NULL, NULL));
  g_assert_null (strstr (after, "PRIVATE"));
  remove_all (directory);
}

static void
test_a_new_directory_is_kept (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (GError) error = NULL;

  log_capture_begin ();
  fall_ill (&names_are_not_synced, 0);
  g_autoptr (TesseraKeyRing) ring = open_ring (directory, &error);
  g_assert_cmpint (faulty_files_get ()->seen, ==, 1); /* before anything is in it */
  g_assert_true (recover ());
  log_capture_end ();
  g_assert_null (ring);
  assert_key_error (error);
  remove_all (directory);
}

/* As many writes as there are fail until the reserve is gone, and it is there again when there is
 * room. */
static void
test_a_key_is_revoked_on_a_full_disk (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *reserve = g_build_filename (directory, "keys", "reserve", NULL);
  FaultyFiles full
      = { .kinds = FAULTY_WRITE, .error = ENOSPC, .count = 2 }; /* GLib tries to allocate, too */
  g_autoptr (TesseraKeyRing) ring = open_ring (directory, NULL);
  g_autofree char *active = get_active (ring);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_test (reserve, G_FILE_TEST_EXISTS));
  fall_ill (&full, 0);
  g_assert_false (rotate (ring, NULL, &error));
  g_assert_true (recover ());
  assert_key_error (error);
  g_assert_true (g_file_test (reserve, G_FILE_TEST_EXISTS));
  fall_ill (&full, 0);
  g_assert_true (revoke_key (ring, active, NULL));
  g_assert_true (recover ());
  g_autofree char *now = get_active (ring);
  g_assert_cmpstr (now, !=, active);

  g_assert_cmpint (g_remove (reserve), ==, 0);
  full.count = -1;
  fall_ill (&full, 0);
  g_clear_error (&error);
  g_assert_false (revoke_key (ring, now, &error));
  g_assert_true (recover ());
  assert_key_error (error);
  g_assert_false (g_file_test (reserve, G_FILE_TEST_EXISTS));
  g_assert_true (revoke_key (ring, now, NULL));
  g_assert_true (g_file_test (reserve, G_FILE_TEST_EXISTS));
  remove_all (directory);
}

static gboolean
try_first_start (const FaultyFiles *disease, gint32 skip)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (GError) error = NULL;

  log_capture_begin ();
  fall_ill (disease, skip);
  g_autoptr (TesseraKeyRing) ring = open_ring (directory, &error);
  gboolean failed = recover ();
  log_capture_end ();
  if (ring == NULL)
    assert_key_error (error);
  g_autoptr (TesseraKeyRing) loaded = open_ring (directory, NULL);
  g_autofree char *kept = describe (loaded);
  g_autofree char *told = ring != NULL ? describe (ring) : g_strdup (kept);
  g_assert_cmpstr (kept, ==, told);
  remove_all (directory);
  g_assert_true (ring != NULL || failed);
  return failed;
}

static void
test_first_start (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (diseases); i++)
    {
      gint32 skip = 0;
      while (try_first_start (&diseases[i], skip))
        skip++;
      g_assert_cmpint (skip, >, 0);
    }
}

/* The mirror. */

static const TesseraStoreState first_state
    = { .id = "database", .generation = 1, .commits = 2, .high_water_ms = 3 };
static const TesseraStoreState second_state
    = { .id = "database", .generation = 2, .commits = 4, .high_water_ms = 6 };

static guint64
load_mirror (const char *path)
{
  TesseraMirror *mirror = tessera_mirror_new (path);
  TesseraStoreState state;
  g_autoptr (GError) error = NULL;
  gboolean loaded = tessera_mirror_load (mirror, &state, NULL, &error);
  g_assert_no_error (error);
  tessera_mirror_free (mirror);
  return loaded ? state.generation : 0;
}

static gboolean
try_making_mirror (const FaultyFiles *disease, gint32 skip)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  g_autoptr (TesseraMirror) mirror = tessera_mirror_new (path);
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_mirror_create (mirror, &first_state, NULL));
  fall_ill (disease, skip);
  gboolean done = tessera_mirror_create (mirror, &second_state, &error);
  gboolean failed = recover ();
  g_assert_cmpint (done, ==, !failed);
  g_assert_cmpint (done, ==, error == NULL);
  guint64 kept = load_mirror (path);
  g_assert_true (kept == 2 || (failed && kept == 1));
  remove_all (directory);
  return failed;
}

static void
test_making_the_mirror (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (diseases); i++)
    {
      gint32 skip = 0;
      while (try_making_mirror (&diseases[i], skip))
        skip++;
      g_assert_cmpint (skip, >, 0);
    }
}

/* A mirror that lags behind does no harm, and half a line counts as a rollback; but whoever cannot
 * sync may not go on. */
static void
test_saving_the_mirror (void)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *directory = make_directory ();
      g_autofree char *path = g_build_filename (directory, "generation", NULL);
      g_autoptr (TesseraMirror) mirror = tessera_mirror_new (path);
      g_autoptr (GError) error = NULL;
      gboolean is_sync = diseases[i].kinds == FAULTY_SYNC;

      g_assert_true (tessera_mirror_create (mirror, &first_state, NULL));
      log_capture_begin ();
      fall_ill (&diseases[i], 0);
      g_assert_cmpint (tessera_mirror_save (mirror, &second_state, &error), ==, !is_sync);
      g_assert_true (recover ());
      if (is_sync)
        g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FATAL);
      if (is_sync)
        log_capture_assert_none ();
      else
        log_capture_assert_one (G_LOG_LEVEL_WARNING, "Cannot write *generation*");
      g_assert_true (tessera_mirror_save (mirror, &second_state, NULL));
      g_assert_cmpuint (load_mirror (path), ==, 2);
      remove_all (directory);
    }
}

/* Whether its name is on the disk is known only of a directory that can be opened. */
static void
test_a_mirror_needs_its_directory (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  g_autoptr (TesseraMirror) mirror = tessera_mirror_new (path);
  g_autoptr (GError) error = NULL;
  struct rlimit usual = use_up_descriptors (1);

  g_assert_false (tessera_mirror_create (mirror, &first_state, &error));
  setrlimit (RLIMIT_NOFILE, &usual);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
  g_assert_true (tessera_mirror_create (mirror, &first_state, NULL));
  remove_all (directory);
}

/* Before it was made there is nothing to keep. */
static void
test_a_mirror_that_was_not_made_is_not_saved (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  g_autoptr (TesseraMirror) mirror = tessera_mirror_new (path);

  g_assert_true (tessera_mirror_save (mirror, &second_state, NULL));
  g_assert_cmpuint (load_mirror (path), ==, 0);
  remove_all (directory);
}

/* Where it is not known which run of the machine this is, only a server that stopped can show that
 * its mirror is the last word. */
static void
test_an_unknown_run_proves_nothing (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  struct rlimit usual = use_up_descriptors (0);
  TesseraMirror *mirror = tessera_mirror_new (path);
  g_autoptr (TesseraMirror) reader = tessera_mirror_new (path);
  TesseraStoreState state;
  gboolean is_last = TRUE;

  setrlimit (RLIMIT_NOFILE, &usual);
  g_assert_true (tessera_mirror_create (mirror, &first_state, NULL));
  g_assert_true (tessera_mirror_load (reader, &state, &is_last, NULL));
  g_assert_false (is_last);
  g_assert_cmpuint (state.generation, ==, 1);
  tessera_mirror_free (mirror); /* says that it has stopped */
  g_assert_true (tessera_mirror_load (reader, &state, &is_last, NULL));
  g_assert_true (is_last);
  remove_all (directory);
}

/* One of a release before does not say whether it is. */
static void
test_an_old_mirror_proves_nothing (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  g_autofree char *line
      = g_strdup_printf ("tessera-mirror 2 %-63s %020d %020d %020d\n", "database", 7, 3, 2);
  g_autoptr (TesseraMirror) reader = tessera_mirror_new (path);
  TesseraStoreState state;
  gboolean is_last = TRUE;

  g_assert_true (g_file_set_contents (path, line, -1, NULL));
  g_assert_true (tessera_mirror_load (reader, &state, &is_last, NULL));
  g_assert_cmpuint (state.generation, ==, 7);
  g_assert_cmpuint (state.commits, ==, 2);
  g_assert_false (is_last);
  remove_all (directory);
}

/* The last word that could not be written is said, and what was there before is still true. */
static void
test_an_end_that_cannot_be_written_is_said (void)
{
  for (guint i = 0; i < 3; i += 2) /* nothing of it, and half of it */
    {
      g_autofree char *directory = make_directory ();
      g_autofree char *path = g_build_filename (directory, "generation", NULL);
      TesseraMirror *mirror = tessera_mirror_new (path);
      g_autoptr (TesseraMirror) reader = tessera_mirror_new (path);
      TesseraStoreState state;

      g_assert_true (tessera_mirror_create (mirror, &first_state, NULL));
      log_capture_begin ();
      fall_ill (&diseases[i], 0);
      tessera_mirror_free (mirror);
      g_assert_true (recover ());
      log_capture_assert_one (G_LOG_LEVEL_WARNING, "Cannot write *generation*");
      g_assert_true (tessera_mirror_load (reader, &state, NULL, NULL));
      g_assert_cmpuint (state.generation, ==, 1);
      remove_all (directory);
    }
}

/* After a sync that failed nobody knows what is on the disk: another one that succeeds would not
 * say it either, nor would a last word. */
static void
test_a_mirror_that_was_not_synced_has_no_last_word (void)
{
  const FaultyFiles *sync_fails = &diseases[3];
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  g_autofree char *line = NULL;
  TesseraMirror *mirror = tessera_mirror_new (path);

  g_assert_true (tessera_mirror_create (mirror, &first_state, NULL));
  fall_ill (sync_fails, 0);
  g_assert_false (tessera_mirror_save (mirror, &second_state, NULL));
  g_assert_true (recover ());
  fall_ill (sync_fails, 0);
  tessera_mirror_free (mirror);
  g_assert_false (recover ()); /* it was not tried */
  g_assert_true (g_file_get_contents (path, &line, NULL, NULL));
  g_assert_null (strstr (line, "stopped"));
  remove_all (directory);
}

static gboolean
run_cut_off (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_deny_list_deny_all (data, store, NULL, error);
}

/* Whoever cannot sync stores nothing more, be it only the mirror. */
static void
test_a_mirror_that_cannot_be_synced_ends_all_writing (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "generation", NULL);
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  TesseraDenyList *list = tessera_deny_list_new (clock, 0, path);
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_deny_list_load (list, store, 1000, NULL, NULL));
  TesseraCommitter *committer = tessera_committer_new (store, NULL);
  tessera_deny_list_attach (list, committer);
  log_capture_begin ();
  fall_ill (&diseases[3], 0);
  tessera_committer_submit_and_wait (committer, run_cut_off, list, NULL);
  g_assert_true (recover ());
  g_assert_false (tessera_committer_submit_and_wait (committer, run_cut_off, list, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  tessera_committer_free (committer);
  log_capture_end ();
  tessera_deny_list_free (list);
  g_autofree char *line = NULL;
  g_assert_true (g_file_get_contents (path, &line, NULL, NULL));
  g_assert_null (strstr (line, "stopped")); /* who knows what is on the disk */
  remove_all (directory);
}

/* The snapshot. */

static TesseraDenySnapshot *
write_snapshot (const char *path, TesseraDenySnapshot *old, guint64 generation, GError **error)
{
  g_autoptr (TesseraDeniedTokens) tokens = tessera_denied_tokens_new (2000);
  TesseraDenySnapshotTerms terms = { .id = "database", .generation = generation, .now_ms = 1000 };

  for (guint i = 0; i < 1000; i++)
    {
      TesseraDeniedToken token = { .id = { (guint8) i, (guint8) (i >> 8), (guint8) generation },
                                   .expires_s = 4000000000 };
      tessera_denied_tokens_add (tokens, &token);
    }
  return tessera_deny_snapshot_write (path, old, tokens, &terms, error);
}

static gboolean
try_snapshot (const FaultyFiles *disease, gint32 skip)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "denied-tokens", NULL);
  g_autoptr (TesseraDenySnapshot) first = write_snapshot (path, NULL, 1, NULL);
  g_autoptr (GError) error = NULL;

  fall_ill (disease, skip);
  g_autoptr (TesseraDenySnapshot) second = write_snapshot (path, first, 2, &error);
  gboolean failed = recover ();
  if (second == NULL)
    g_assert_cmpstr (g_quark_to_string (error->domain), ==, g_quark_to_string (G_FILE_ERROR));

  g_autoptr (TesseraDenySnapshot) kept = tessera_deny_snapshot_open (path, NULL);
  g_assert_nonnull (kept);
  guint64 generation = tessera_deny_snapshot_get_generation (kept);
  g_assert_true (generation == 2 || (second == NULL && generation == 1));
  for (guint i = 0; i < 1000 * generation; i++)
    {
      guint8 id[16] = { (guint8) (i % 1000), (guint8) (i % 1000 >> 8), (guint8) (1 + i / 1000) };
      g_assert_cmpint (tessera_deny_snapshot_lookup (kept, id, 0), ==,
                       TESSERA_DENY_SNAPSHOT_PRESENT);
    }
  remove_all (directory);
  g_assert_true (second != NULL || failed);
  return failed;
}

static void
test_snapshot (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (diseases); i++)
    {
      gint32 skip = 0;
      while (try_snapshot (&diseases[i], skip))
        skip++;
      g_assert_cmpint (skip, >, 0);
    }
}

/* It may not take the room that a revocation needs. */
static void
test_a_snapshot_leaves_room (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "denied-tokens", NULL);
  g_autoptr (GError) error = NULL;

  no_room = TRUE;
  g_assert_null (write_snapshot (path, NULL, 1, &error));
  no_room = FALSE;
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  remove_all (directory);
}

static void
assert_not_opened (const char *path, GFileError code)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (tessera_deny_snapshot_open (path, &error));
  g_assert_error (error, G_FILE_ERROR, (int) code);
}

/* There being none is no error; not knowing whether there is one is. */
static void
test_a_snapshot_that_cannot_be_opened_is_said (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "denied-tokens", NULL);
  g_autofree char *link = g_build_filename (directory, "link", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_deny_snapshot_open (path, &error));
  g_assert_no_error (error);
  tessera_deny_snapshot_unref (write_snapshot (path, NULL, 1, NULL));
  g_assert_cmpint (symlink (path, link), ==, 0);
  assert_not_opened (link, G_FILE_ERROR_LOOP);
  no_memory = TRUE;
  assert_not_opened (path, G_FILE_ERROR_NOMEM);
  no_memory = FALSE;
  remove_all (directory);
}

static void
test_removing_a_snapshot_needs_its_directory (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "denied-tokens", NULL);
  g_autoptr (GError) error = NULL;

  tessera_deny_snapshot_unref (write_snapshot (path, NULL, 1, NULL));
  struct rlimit usual = use_up_descriptors (0);
  g_assert_false (tessera_deny_snapshot_remove (path, &error));
  setrlimit (RLIMIT_NOFILE, &usual);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
  g_assert_true (tessera_deny_snapshot_remove (path, NULL));
  remove_all (directory);
}

int
main (int argc, char *argv[])
{
  log_capture_init ();
  /* Where there is a file system in memory, syncs are quick. */
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file-faults/first-start-of-the-keys", test_first_start);
  g_test_add_func ("/file-faults/rotation", test_rotation);
  g_test_add_func ("/file-faults/revocation-of-a-key", test_revocation_of_a_key);
  g_test_add_func ("/file-faults/new-algorithm", test_new_algorithm);
  g_test_add_func ("/file-faults/pruning-of-keys", test_pruning);
  g_test_add_func ("/file-faults/keys-need-their-directory", test_keys_need_their_directory);
  g_test_add_func ("/file-faults/no-start-leaves-a-private-part",
                   test_no_start_leaves_a_private_part);
  g_test_add_func ("/file-faults/a-new-directory-is-kept", test_a_new_directory_is_kept);
  g_test_add_func ("/file-faults/a-key-is-revoked-on-a-full-disk",
                   test_a_key_is_revoked_on_a_full_disk);
  g_test_add_func ("/file-faults/making-the-mirror", test_making_the_mirror);
  g_test_add_func ("/file-faults/saving-the-mirror", test_saving_the_mirror);
  g_test_add_func ("/file-faults/a-mirror-needs-its-directory", test_a_mirror_needs_its_directory);
  g_test_add_func ("/file-faults/a-mirror-that-was-not-made-is-not-saved",
                   test_a_mirror_that_was_not_made_is_not_saved);
  g_test_add_func ("/file-faults/an-unknown-run-proves-nothing",
                   test_an_unknown_run_proves_nothing);
  g_test_add_func ("/file-faults/an-old-mirror-proves-nothing", test_an_old_mirror_proves_nothing);
  g_test_add_func ("/file-faults/an-end-that-cannot-be-written-is-said",
                   test_an_end_that_cannot_be_written_is_said);
  g_test_add_func ("/file-faults/a-mirror-that-was-not-synced-has-no-last-word",
                   test_a_mirror_that_was_not_synced_has_no_last_word);
  g_test_add_func ("/file-faults/a-mirror-that-cannot-be-synced-ends-all-writing",
                   test_a_mirror_that_cannot_be_synced_ends_all_writing);
  g_test_add_func ("/file-faults/a-snapshot-leaves-room", test_a_snapshot_leaves_room);
  g_test_add_func ("/file-faults/a-snapshot-that-cannot-be-opened-is-said",
                   test_a_snapshot_that_cannot_be_opened_is_said);
  g_test_add_func ("/file-faults/removing-a-snapshot-needs-its-directory",
                   test_removing_a_snapshot_needs_its_directory);
  g_test_add_func ("/file-faults/snapshot-of-the-deny-list", test_snapshot);
  return g_test_run ();
}
