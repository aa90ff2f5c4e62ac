/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jose/tessera-key-ring-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-seal-private.h"
#include "base/tessera-secret-private.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ES256 TESSERA_ALGORITHM_ES256
#define MAX_AGE 900

static gint64 offset; /* of all clocks, in ms */

typedef struct
{
  char *parent;
  char *directory;
  TesseraClock *clock;
  TesseraKeyRing *ring; /* NULL while closed */
} Fixture;

static gboolean
try_open (Fixture *f, gboolean may_create, GError **error)
{
  g_clear_pointer (&f->ring, tessera_key_ring_free);
  f->ring = tessera_key_ring_open (f->directory, ES256, may_create, f->clock, error);
  return f->ring != NULL;
}

static void
reopen (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  try_open (f, FALSE, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  offset = 0;
  f->parent = g_dir_make_tmp ("tessera-keys-XXXXXX", NULL);
  f->directory = g_build_filename (f->parent, "keys", NULL);
  f->clock = tessera_clock_new ();
  try_open (f, TRUE, &error);
  g_assert_no_error (error);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        remove_all (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->ring, tessera_key_ring_free);
  g_clear_pointer (&f->clock, tessera_clock_unref);
  remove_all (f->parent);
  g_free (f->parent);
  g_free (f->directory);
}

static char *
path_of (Fixture *f, const char *name)
{
  return g_build_filename (f->directory, name, NULL);
}

static char *
path_of_key (Fixture *f, const char *kid)
{
  g_autofree char *name = g_strconcat (kid, ".pem", NULL);
  return path_of (f, name);
}

/* The kid of the key in @state, owned; NULL when there is none. */
static char *
kid_of (TesseraKeyRing *ring, TesseraAlgorithm algorithm, TesseraKeyState state)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (ring);
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);
      if (entry->state == state && tessera_key_get_algorithm (entry->key) == algorithm)
        return g_strdup (tessera_key_get_id (entry->key));
    }
  return NULL;
}

static guint
count (Fixture *f)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (f->ring);
  return entries->len;
}

static gboolean
is_published (Fixture *f, const char *kid)
{
  g_autoptr (GBytes) jwks = tessera_key_ring_dup_jwks (f->ring, NULL);
  g_autofree char *text = g_strndup (g_bytes_get_data (jwks, NULL), g_bytes_get_size (jwks));
  g_autoptr (TesseraKey) key = tessera_key_ring_lookup (f->ring, kid);
  gboolean in_set = strstr (text, kid) != NULL;

  g_assert_cmpint (in_set, ==, key != NULL);
  return in_set;
}

static char *
read_file (const char *path)
{
  char *text = NULL;
  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static void
rotate_now (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  tessera_key_ring_rotate (f->ring, MAX_AGE, TRUE, &error);
  g_assert_no_error (error);
}

static void
assert_refused (Fixture *f, gboolean may_create, const char *named)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (try_open (f, may_create, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
  g_assert_nonnull (strstr (error->message, named));
}

static void
test_starts_with_active_and_next (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (f->ring, ES256);

  g_assert_cmpuint (count (f), ==, 2);
  g_assert_true (is_published (f, active));
  g_assert_true (is_published (f, next));
  g_assert_cmpstr (tessera_key_get_id (key), ==, active);
  g_assert_null (tessera_key_ring_dup_active (f->ring, TESSERA_ALGORITHM_RS256));
  g_assert_null (tessera_key_ring_lookup (f->ring, "../keyring"));
  g_assert_null (tessera_key_ring_lookup (f->ring, NULL));
}

static void
test_survives_a_restart (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  guint8 rotation_key[32];
  g_autofree char *etag = NULL;
  g_autofree char *etag_after = NULL;
  memcpy (rotation_key, tessera_key_ring_get_rotation_key (f->ring), sizeof rotation_key);
  g_bytes_unref (tessera_key_ring_dup_jwks (f->ring, &etag));

  reopen (f);
  g_autofree char *active_after = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_bytes_unref (tessera_key_ring_dup_jwks (f->ring, &etag_after));
  g_assert_cmpstr (active_after, ==, active);
  g_assert_cmpstr (etag_after, ==, etag);
  g_assert_cmpmem (rotation_key, 32, tessera_key_ring_get_rotation_key (f->ring), 32);
}

static guint
count_files (Fixture *f)
{
  guint n = 0;
  g_autoptr (GDir) directory = g_dir_open (f->directory, 0, NULL);
  while (g_dir_read_name (directory) != NULL)
    n++;
  return n;
}

static void
test_files_are_for_the_owner_only (Fixture *f, gconstpointer data)
{
  struct stat status;
  const char *name;
  g_autoptr (GDir) directory = g_dir_open (f->directory, 0, NULL);

  g_assert_cmpint (stat (f->directory, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 07777, ==, 0700);
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = path_of (f, name);
      g_assert_cmpint (stat (path, &status), ==, 0);
      g_assert_cmpint (status.st_mode & 07777, ==, 0600);
    }
  g_assert_cmpuint (count_files (f), ==, 6); /* the list, two keys, two secrets, and the reserve */
}

static void
assert_open_mode_is_refused (Fixture *f, const char *path, int mode, int good_mode)
{
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
  assert_refused (f, FALSE, path);
  g_assert_cmpint (g_chmod (path, good_mode), ==, 0);
  reopen (f);
}

static void
test_what_others_can_read_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *key = path_of_key (f, active);
  g_autofree char *list = path_of (f, "keyring.json");
  g_autofree char *rotation = path_of (f, "rotation.key");
  g_autofree char *subject = path_of (f, "subject.key");

  assert_open_mode_is_refused (f, key, 0644, 0600);
  assert_open_mode_is_refused (f, key, 0660, 0400);
  assert_open_mode_is_refused (f, list, 0604, 0600);
  assert_open_mode_is_refused (f, rotation, 0640, 0600);
  assert_open_mode_is_refused (f, subject, 0640, 0600);
  assert_open_mode_is_refused (f, f->directory, 0755, 0700);
}

static void
test_only_regular_files_of_ours_are_read (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *key = path_of_key (f, active);
  g_autofree char *aside = g_strconcat (key, ".aside", NULL);
  g_autofree char *large = g_strnfill (65 * 1024, 'x');
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_rename (key, aside), ==, 0);
  g_assert_cmpint (symlink (aside, key), ==, 0);
  assert_refused (f, FALSE, key);
  g_assert_cmpint (g_unlink (key), ==, 0);

  g_assert_cmpint (mkfifo (key, 0600), ==, 0);
  g_assert_false (try_open (f, FALSE, &error));
  g_assert_nonnull (strstr (error->message, "is not a key file"));
  g_assert_cmpint (g_unlink (key), ==, 0);

  g_assert_true (
      g_file_set_contents_full (key, large, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  assert_refused (f, FALSE, key);
  g_assert_cmpint (g_rename (aside, key), ==, 0);
  reopen (f);
}

static void
test_files_of_another_user_are_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *key = path_of_key (f, active);
  g_autoptr (GError) error = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can give a file away");
      return;
    }
  g_assert_cmpint (chown (key, 65534, (gid_t) -1), ==, 0);
  g_assert_false (try_open (f, FALSE, &error));
  g_assert_nonnull (strstr (error->message, "belongs to another user"));
  g_assert_cmpint (chown (key, 0, (gid_t) -1), ==, 0);
  reopen (f);
}

static void
write_secret (Fixture *f, const char *name, const guint8 *key)
{
  g_autofree char *path = path_of (f, name);

  g_assert_true (g_file_set_contents_full (path, (const char *) key, 32,
                                           G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
}

static void
test_a_subject_key_is_never_another_one (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "subject.key");
  g_autofree char *list = path_of (f, "keyring.json");
  g_autofree char *text = NULL;
  guint8 key[32], other[32] = { 1 };

  memcpy (key, tessera_key_ring_get_subject_key (f->ring), sizeof key);
  g_assert_cmpint (memcmp (key, tessera_key_ring_get_rotation_key (f->ring), 32), !=, 0);
  reopen (f);
  g_assert_cmpmem (key, 32, tessera_key_ring_get_subject_key (f->ring), 32);
  write_secret (f, "subject.key", other);
  assert_refused (f, FALSE, path);
  write_secret (f, "subject.key", key);
  reopen (f);
  /* The list of an older release says nothing of it: what lies there is taken, or one is made. */
  for (guint is_there = 0; is_there <= 1; is_there++)
    {
      g_clear_pointer (&f->ring, tessera_key_ring_free);
      g_clear_pointer (&text, g_free);
      g_assert_true (g_file_get_contents (list, &text, NULL, NULL));
      char *member = strstr (text, ",\"subject_key\"");
      g_assert_nonnull (member);
      strcpy (member, "}");
      g_assert_true (
          g_file_set_contents_full (list, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
      if (!is_there)
        g_assert_cmpint (g_unlink (path), ==, 0);
      reopen (f);
      memcpy (is_there ? other : key, tessera_key_ring_get_subject_key (f->ring), 32);
      write_secret (f, "subject.key", (const guint8[32]){ 2 });
      assert_refused (f, FALSE, path);
      write_secret (f, "subject.key", key);
    }
  g_assert_cmpmem (key, 32, other, 32);
}

/* With another one, every refresh token would be unknown. */
static void
test_a_rotation_key_is_never_another_one (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "rotation.key");
  guint8 key[32], other[32];

  memcpy (key, tessera_key_ring_get_rotation_key (f->ring), sizeof key);
  memcpy (other, key, sizeof other);
  other[31] ^= 1;
  write_secret (f, "rotation.key", other);
  assert_refused (f, FALSE, path);
  write_secret (f, "rotation.key", key);
  reopen (f);
  g_assert_cmpmem (key, 32, tessera_key_ring_get_rotation_key (f->ring), 32);
}

static void
test_a_subject_key_can_be_there_before_all_others (Fixture *f, gconstpointer data)
{
  const guint8 kept[32] = { 7 };
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&f->ring, tessera_key_ring_free);
  remove_all (f->directory);
  g_assert_cmpint (g_mkdir (f->directory, 0700), ==, 0);
  write_secret (f, "subject.key", kept);
  try_open (f, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (kept, 32, tessera_key_ring_get_subject_key (f->ring), 32);
}

static void
test_a_rotation_key_of_another_size_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "rotation.key");
  g_autofree char *good = NULL;
  gsize length = 0;

  g_assert_true (g_file_get_contents (path, &good, &length, NULL));
  for (gsize size = 0; size < length; size += length - 1)
    {
      g_assert_true (g_file_set_contents_full (path, good, (gssize) size,
                                               G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
      assert_refused (f, FALSE, path);
    }
  g_assert_true (g_file_set_contents_full (path, good, (gssize) length,
                                           G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  reopen (f);
}

static void
test_a_directory_that_cannot_be_made_is_refused (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  remove_all (f->directory);
  g_assert_true (g_file_set_contents (f->directory, "", 0, NULL));
  g_free (f->directory);
  f->directory = g_build_filename (f->parent, "keys", "below", NULL);
  g_assert_false (try_open (f, TRUE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
  g_free (f->directory);
  f->directory = g_build_filename (f->parent, "keys", NULL);
  g_assert_cmpint (g_unlink (f->directory), ==, 0);
}

static void
test_what_is_not_there_is_not_found (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_key_ring_revoke (f->ring, "nobody", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
  tessera_key_ring_free (NULL);
  tessera_key_entry_free (NULL);
}

static void
test_the_sealing_key_is_made_once_and_kept (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "sealing.key");
  g_autoptr (GError) error = NULL;
  guint8 key[TESSERA_SEAL_KEY_SIZE];

  g_assert_null (tessera_key_ring_get_sealing_key (f->ring));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (tessera_key_ring_ensure_sealing_key (f->ring, &error));
  g_assert_no_error (error);
  memcpy (key, tessera_key_ring_get_sealing_key (f->ring), sizeof key);
  g_assert_true (tessera_key_ring_ensure_sealing_key (f->ring, &error));
  g_assert_cmpmem (tessera_key_ring_get_sealing_key (f->ring), sizeof key, key, sizeof key);
  reopen (f);
  g_assert_cmpmem (tessera_key_ring_get_sealing_key (f->ring), sizeof key, key, sizeof key);
  g_assert_true (memcmp (tessera_key_ring_get_rotation_key (f->ring), key, TESSERA_SEAL_KEY_SIZE)
                 != 0);

  assert_open_mode_is_refused (f, path, 0640, 0600);
  g_assert_true (
      g_file_set_contents_full (path, "short", 5, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  assert_refused (f, FALSE, path);
  g_assert_cmpint (g_unlink (path), ==, 0);
  reopen (f);
  g_assert_null (tessera_key_ring_get_sealing_key (f->ring));
}

static void
test_a_missing_file_is_refused_and_nothing_made (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *key = path_of_key (f, active);
  const char *names[] = { key, path_of (f, "keyring.json"), path_of (f, "rotation.key"),
                          path_of (f, "subject.key") };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *aside = g_strconcat (names[i], ".aside", NULL);
      g_assert_cmpint (g_rename (names[i], aside), ==, 0);
      assert_refused (f, TRUE, names[i]);
      g_assert_false (g_file_test (names[i], G_FILE_TEST_EXISTS));
      g_assert_cmpint (g_rename (aside, names[i]), ==, 0);
      reopen (f);
    }
  for (guint i = 1; i < G_N_ELEMENTS (names); i++)
    g_free ((char *) names[i]);
}

static void
test_an_absent_directory_is_made_only_when_allowed (Fixture *f, gconstpointer data)
{
  remove_all (f->directory);
  assert_refused (f, FALSE, f->directory);
  g_assert_false (g_file_test (f->directory, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_mkdir (f->directory, 0700), ==, 0);
  assert_refused (f, FALSE, f->directory);
  g_assert_true (try_open (f, TRUE, NULL));
}

static void
test_a_first_start_that_was_cut_off_is_repeated (Fixture *f, gconstpointer data)
{
  g_autofree char *list = path_of (f, "keyring.json");
  g_autofree char *creating = path_of (f, "creating");

  g_assert_cmpint (g_unlink (list), ==, 0);
  g_assert_true (g_file_set_contents (creating, "", 0, NULL));
  assert_refused (f, FALSE, list);
  g_assert_true (try_open (f, TRUE, NULL));
  g_assert_false (g_file_test (creating, G_FILE_TEST_EXISTS));
  reopen (f);
  g_assert_cmpuint (count_files (f), ==, 6);
}

static void
write_private (const char *path, const char *text)
{
  g_assert_true (
      g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
}

static void
test_another_key_in_the_file_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autofree char *path = path_of_key (f, active);
  g_autofree char *other_path = path_of_key (f, next);
  g_autofree char *pem = read_file (path);
  g_autofree char *other = read_file (other_path);

  write_private (path, other);
  assert_refused (f, FALSE, path);
  write_private (path, "nonsense");
  assert_refused (f, FALSE, path);
  g_autoptr (TesseraKey) key = tessera_key_new_from_pem (pem, -1, ES256, NULL);
  g_autofree char *public_pem = tessera_key_dup_public_pem (key);
  write_private (path, public_pem);
  assert_refused (f, FALSE, path);
  write_private (path, pem);
  reopen (f);
}

static void
test_a_damaged_list_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "keyring.json");
  g_autofree char *good = read_file (path);
  static const char *const bad[] = {
    "",
    "{}",
    "[]",
    "{\"version\":2,\"keys\":[]}",
    "{\"version\":1,\"keys\":{}}",
    "{\"version\":1,\"keys\":[]}",
    "{\"version\":1,\"keys\":[1]}",
    "{\"version\":1,\"keys\":[{\"kid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
    "\"alg\":\"ES256\",\"state\":\"lost\",\"created_ms\":1,\"changed_ms\":1}]}",
    "{\"version\":1,\"keys\":[{\"kid\":\"../../etc/"
    "passwd\",\"alg\":\"ES256\",\"state\":\"active\",\"created_ms\":1,\"changed_ms\":1}]}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      write_private (path, bad[i]);
      assert_refused (f, TRUE, path);
    }
  g_autoptr (GString) twice_active = g_string_new (good);
  g_string_replace (twice_active, "\"next\"", "\"active\"", 1);
  write_private (path, twice_active->str);
  assert_refused (f, TRUE, path);
  g_autoptr (GString) newer = g_string_new (good);
  g_assert_cmpuint (g_string_replace (newer, "\"version\":1", "\"version\":2", 0), ==, 1);
  write_private (path, newer->str);
  assert_refused (f, TRUE, path);
  write_private (path, good);
  reopen (f);
}

/* Else the next one would lose its private part to its retired self. */
static void
test_a_key_is_listed_once (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "keyring.json");
  g_autofree char *good = read_file (path);
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autofree char *row
      = g_strdup_printf ("\"keys\":[{\"kid\":\"%s\",\"alg\":\"ES256\",\"state\":\"retired\","
                         "\"created_ms\":1,\"changed_ms\":1},",
                         next);
  g_autoptr (GString) twice = g_string_new (good);

  g_assert_cmpuint (g_string_replace (twice, "\"keys\":[", row, 0), ==, 1);
  write_private (path, twice->str);
  assert_refused (f, TRUE, path);
  write_private (path, good);
  reopen (f);
}

static void
test_rotates_when_next_was_published_long_enough (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autofree char *etag = NULL;
  g_autofree char *etag_after = NULL;
  g_autoptr (GError) error = NULL;
  g_bytes_unref (tessera_key_ring_dup_jwks (f->ring, &etag));

  offset = (MAX_AGE - 10) * 1000;
  g_assert_false (tessera_key_ring_rotate (f->ring, MAX_AGE, FALSE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_TOO_EARLY);
  offset = MAX_AGE * 1000;
  g_assert_true (tessera_key_ring_rotate (f->ring, MAX_AGE, FALSE, NULL));

  g_autofree char *active_after = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *retired = kid_of (f->ring, ES256, TESSERA_KEY_RETIRED);
  g_autofree char *next_after = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_bytes_unref (tessera_key_ring_dup_jwks (f->ring, &etag_after));
  g_assert_cmpstr (active_after, ==, next);
  g_assert_cmpstr (retired, ==, active);
  g_assert_cmpstr (next_after, !=, next);
  g_assert_true (is_published (f, active));
  g_assert_true (is_published (f, next_after));
  g_assert_cmpstr (etag_after, !=, etag);
}

static void
test_rotates_at_once_when_told (Fixture *f, gconstpointer data)
{
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);

  rotate_now (f);
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_assert_cmpstr (active, ==, next);
}

/* ID tokens have keys of their own (OpenID Connect Core §10.1.1). */
static void
test_rotates_every_algorithm_or_none (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const TesseraAlgorithm rs256 = TESSERA_ALGORITHM_RS256;

  offset = MAX_AGE * 1000;
  g_assert_true (tessera_key_ring_ensure (f->ring, rs256, NULL));
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autofree char *next_rsa = kid_of (f->ring, rs256, TESSERA_KEY_NEXT);
  g_assert_false (tessera_key_ring_rotate (f->ring, MAX_AGE, FALSE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_TOO_EARLY);
  g_autofree char *still = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_assert_cmpstr (still, ==, next);

  offset = 2 * MAX_AGE * 1000;
  g_assert_true (tessera_key_ring_rotate (f->ring, MAX_AGE, FALSE, NULL));
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *active_rsa = kid_of (f->ring, rs256, TESSERA_KEY_ACTIVE);
  g_assert_cmpstr (active, ==, next);
  g_assert_cmpstr (active_rsa, ==, next_rsa);
}

static void
test_old_tokens_stay_good_through_a_rotation (Fixture *f, gconstpointer data)
{
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;
  g_autoptr (TesseraKey) before = tessera_key_ring_dup_active (f->ring, ES256);
  g_assert_true (tessera_key_sign (before, "abc", 3, signature, &length, NULL));

  rotate_now (f);
  reopen (f);
  g_autoptr (TesseraKey) found = tessera_key_ring_lookup (f->ring, tessera_key_get_id (before));
  g_assert_true (tessera_key_verify (found, "abc", 3, signature, length));
}

static void
test_a_retired_key_leaves_no_private_part (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *path = path_of_key (f, active);
  g_autofree char *before = read_file (path);
  g_assert_nonnull (strstr (before, "PRIVATE KEY"));

  rotate_now (f);
  g_autofree char *after = read_file (path);
  g_autoptr (TesseraKey) key = tessera_key_ring_lookup (f->ring, active);
  g_assert_null (strstr (after, "PRIVATE"));
  g_assert_false (tessera_key_is_private (key));

  /* A change that was cut off before the file was rewritten is finished at the next start. */
  write_private (path, before);
  reopen (f);
  g_autofree char *at_last = read_file (path);
  g_assert_null (strstr (at_last, "PRIVATE"));
}

static void
test_retired_keys_are_pruned_in_time (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *path = path_of_key (f, active);
  rotate_now (f);

  offset = 500 * 1000;
  g_assert_true (tessera_key_ring_prune (f->ring, 600 * 1000, NULL));
  g_assert_true (is_published (f, active));
  offset = 601 * 1000;
  g_assert_true (tessera_key_ring_prune (f->ring, 600 * 1000, NULL));
  g_assert_false (is_published (f, active));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (count (f), ==, 2);
  reopen (f);
}

static void
test_only_next_and_retired_can_be_dropped (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) unknown = NULL;

  g_assert_false (tessera_key_ring_retire (f->ring, active, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
  g_assert_false (tessera_key_ring_retire (f->ring, "nobody", &unknown));
  g_assert_error (unknown, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
  g_assert_true (tessera_key_ring_retire (f->ring, next, NULL));
  g_assert_false (is_published (f, next));
  g_autofree char *next_after = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_assert_nonnull (next_after);

  rotate_now (f);
  g_assert_true (tessera_key_ring_retire (f->ring, active, NULL));
  g_assert_false (is_published (f, active));
  reopen (f);
  g_assert_cmpuint (count (f), ==, 2);
}

static void
test_a_revoked_key_is_out_at_once_and_for_ever (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *next = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_autofree char *path = path_of_key (f, active);

  g_assert_true (tessera_key_ring_revoke (f->ring, active, NULL));
  g_assert_true (tessera_key_ring_revoke (f->ring, active, NULL));
  g_assert_false (is_published (f, active));
  g_autofree char *active_after = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *next_after = kid_of (f->ring, ES256, TESSERA_KEY_NEXT);
  g_assert_cmpstr (active_after, ==, next);
  g_assert_nonnull (next_after);
  g_autofree char *pem = read_file (path);
  g_assert_null (strstr (pem, "PRIVATE"));

  offset = G_GINT64_CONSTANT (400) * 24 * 3600 * 1000;
  g_assert_true (tessera_key_ring_prune (f->ring, 0, NULL));
  reopen (f);
  g_autofree char *revoked = kid_of (f->ring, ES256, TESSERA_KEY_REVOKED);
  g_assert_cmpstr (revoked, ==, active);
  g_assert_false (is_published (f, active));
  g_assert_cmpuint (count (f), ==, 3);
}

static void
test_a_second_algorithm_gets_keys_of_its_own (Fixture *f, gconstpointer data)
{
  g_assert_true (tessera_key_ring_ensure (f->ring, TESSERA_ALGORITHM_EDDSA, NULL));
  g_assert_true (tessera_key_ring_ensure (f->ring, TESSERA_ALGORITHM_EDDSA, NULL));
  g_assert_cmpuint (count (f), ==, 4);
  rotate_now (f);
  reopen (f);
  g_assert_cmpuint (count (f), ==, 6);
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (f->ring, TESSERA_ALGORITHM_EDDSA);
  g_assert_cmpint (tessera_key_get_algorithm (key), ==, TESSERA_ALGORITHM_EDDSA);
}

static void
test_a_failed_write_changes_nothing (Fixture *f, gconstpointer data)
{
  g_autofree char *active = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_autofree char *aside = g_strconcat (f->directory, ".aside", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_rename (f->directory, aside), ==, 0);
  g_assert_false (tessera_key_ring_rotate (f->ring, MAX_AGE, TRUE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
  g_autofree char *still = kid_of (f->ring, ES256, TESSERA_KEY_ACTIVE);
  g_assert_cmpstr (still, ==, active);
  g_assert_cmpint (g_rename (aside, f->directory), ==, 0);
  reopen (f);
}

static void
test_the_jwks_is_public (Fixture *f, gconstpointer data)
{
  g_autofree char *etag = NULL;
  gsize i;
  json_t *jwk;
  rotate_now (f);
  g_autoptr (GBytes) bytes = tessera_key_ring_dup_jwks (f->ring, &etag);
  g_autoptr (json_t) jwks
      = tessera_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), 65536, NULL);
  json_t *jwk_array = json_object_get (jwks, "keys");

  g_assert_cmpuint (json_array_size (jwk_array), ==, 3);
  json_array_foreach (jwk_array, i, jwk)
    {
      g_assert_null (json_object_get (jwk, "d"));
      g_assert_cmpstr (json_string_value (json_object_get (jwk, "kty")), ==, "EC");
    }
  g_assert_true (etag[0] == '"' && g_str_has_suffix (etag, "\"") && strlen (etag) == 45);
}

static void
test_in_memory_only (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autoptr (TesseraKeyRing) ring
      = tessera_key_ring_open (NULL, TESSERA_ALGORITHM_EDDSA, TRUE, clock, &error);

  g_assert_no_error (error);
  g_assert_true (tessera_key_ring_rotate (ring, MAX_AGE, TRUE, &error));
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (ring);
  g_assert_cmpuint (entries->len, ==, 3);
}

static gpointer
read_a_lot (gpointer data)
{
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *etag = NULL;
      g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (data, ES256);
      g_autoptr (GBytes) jwks = tessera_key_ring_dup_jwks (data, &etag);
      g_assert_true (tessera_key_is_private (key));
      g_assert_cmpuint (g_bytes_get_size (jwks), >, 100);
    }
  return NULL;
}

static void
test_readers_see_no_gap_while_keys_rotate (Fixture *f, gconstpointer data)
{
  GThread *reader = g_thread_new ("reader", read_a_lot, f->ring);
  for (guint i = 0; i < 5; i++)
    rotate_now (f);
  g_thread_join (reader);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/key-ring/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  tessera_clock_follow_offset (&offset);
  ADD ("starts-with-active-and-next", test_starts_with_active_and_next);
  ADD ("survives-a-restart", test_survives_a_restart);
  ADD ("files-are-for-the-owner-only", test_files_are_for_the_owner_only);
  ADD ("what-others-can-read-is-refused", test_what_others_can_read_is_refused);
  ADD ("only-regular-files-of-ours-are-read", test_only_regular_files_of_ours_are_read);
  ADD ("files-of-another-user-are-refused", test_files_of_another_user_are_refused);
  ADD ("a-subject-key-is-never-another-one", test_a_subject_key_is_never_another_one);
  ADD ("a-rotation-key-is-never-another-one", test_a_rotation_key_is_never_another_one);
  ADD ("a-subject-key-can-be-there-before-all-others",
       test_a_subject_key_can_be_there_before_all_others);
  ADD ("a-rotation-key-of-another-size-is-refused", test_a_rotation_key_of_another_size_is_refused);
  ADD ("a-directory-that-cannot-be-made-is-refused",
       test_a_directory_that_cannot_be_made_is_refused);
  ADD ("what-is-not-there-is-not-found", test_what_is_not_there_is_not_found);
  ADD ("a-missing-file-is-refused-and-nothing-made",
       test_a_missing_file_is_refused_and_nothing_made);
  ADD ("an-absent-directory-is-made-only-when-allowed",
       test_an_absent_directory_is_made_only_when_allowed);
  ADD ("a-first-start-that-was-cut-off-is-repeated",
       test_a_first_start_that_was_cut_off_is_repeated);
  ADD ("another-key-in-the-file-is-refused", test_another_key_in_the_file_is_refused);
  ADD ("a-damaged-list-is-refused", test_a_damaged_list_is_refused);
  ADD ("a-key-is-listed-once", test_a_key_is_listed_once);
  ADD ("G09-rotates-when-next-was-published-long-enough",
       test_rotates_when_next_was_published_long_enough);
  ADD ("rotates-at-once-when-told", test_rotates_at_once_when_told);
  ADD ("rotates-every-algorithm-or-none", test_rotates_every_algorithm_or_none);
  ADD ("G09-old-tokens-stay-good-through-a-rotation", test_old_tokens_stay_good_through_a_rotation);
  ADD ("a-retired-key-leaves-no-private-part", test_a_retired_key_leaves_no_private_part);
  ADD ("retired-keys-are-pruned-in-time", test_retired_keys_are_pruned_in_time);
  ADD ("only-next-and-retired-can-be-dropped", test_only_next_and_retired_can_be_dropped);
  ADD ("a-revoked-key-is-out-at-once-and-for-ever", test_a_revoked_key_is_out_at_once_and_for_ever);
  ADD ("a-second-algorithm-gets-keys-of-its-own", test_a_second_algorithm_gets_keys_of_its_own);
  ADD ("a-failed-write-changes-nothing", test_a_failed_write_changes_nothing);
  ADD ("the-sealing-key-is-made-once-and-kept", test_the_sealing_key_is_made_once_and_kept);
  ADD ("G08-the-jwks-is-public", test_the_jwks_is_public);
  ADD ("readers-see-no-gap-while-keys-rotate", test_readers_see_no_gap_while_keys_rotate);
  g_test_add_func ("/key-ring/in-memory-only", test_in_memory_only);
  return g_test_run ();
}
