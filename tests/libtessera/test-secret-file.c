/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A secret in a file: which files and which lines are one. */

#include "base/tessera-error.h"
#include "base/tessera-secret-file-private.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  char *directory;
  char *path;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  self->path = g_build_filename (self->directory, "secret", NULL);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_remove (self->path);
  g_rmdir (self->directory);
  g_free (self->path);
  g_free (self->directory);
}

static void
write_file (Fixture *self, const char *text, gssize length)
{
  g_assert_true (g_file_set_contents_full (self->path, text, length, G_FILE_SET_CONTENTS_CONSISTENT,
                                           0600, NULL));
}

static void
assert_refused (const char *path, const char *why)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_secret_file_read (path, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
  if (strstr (error->message, why) == NULL)
    g_error ("%s is not said: %s", why, error->message);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_one_line_is_a_secret (Fixture *self, gconstpointer data)
{
  static const char *const lines[] = { "a secret", "a secret\n" };
  g_autofree char *longest = g_strnfill (1024, 's');

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      write_file (self, lines[i], -1);
      g_autofree char *secret = tessera_secret_file_read (self->path, NULL);
      g_assert_cmpstr (secret, ==, "a secret");
    }
  write_file (self, longest, -1);
  g_autofree char *secret = tessera_secret_file_read (self->path, NULL);
  g_assert_cmpstr (secret, ==, longest);
}

static void
test_anything_else_is_none (Fixture *self, gconstpointer data)
{
  g_autofree char *too_long = g_strnfill (1025, 's');
  const struct
  {
    const char *text;
    gssize length;
    const char *why;
  } cases[] = {
    { "", 0, "one line of" },
    { "\n", 1, "one line of" },
    { too_long, 1025, "one line of" },
    { "two\nlines\n", 10, "control characters" },
    { "a\0b", 3, "control characters" },
    { "tab\t", 4, "control characters" },
    { "a\r\n", 3, "control characters" },
    { "\xff\xfe", 2, "UTF-8" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      write_file (self, cases[i].text, cases[i].length);
      assert_refused (self->path, cases[i].why);
    }
}

static void
test_what_others_can_read_is_none (Fixture *self, gconstpointer data)
{
  static const mode_t modes[] = { 0640, 0604, 0620, 0610, 0777 };

  write_file (self, "a secret", -1);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_assert_cmpint (g_chmod (self->path, (int) modes[i]), ==, 0);
      assert_refused (self->path, "open to other users");
    }
  g_assert_cmpint (g_chmod (self->path, 0400), ==, 0);
  g_autofree char *secret = tessera_secret_file_read (self->path, NULL);
  g_assert_cmpstr (secret, ==, "a secret");
}

static void
test_what_another_user_has_is_none (Fixture *self, gconstpointer data)
{
  write_file (self, "a secret", -1);
  if (chown (self->path, 65533, (gid_t) -1) != 0)
    {
      g_test_skip ("only root can give a file away");
      return;
    }
  assert_refused (self->path, "another user");
}

static void
test_what_is_no_file_is_none (Fixture *self, gconstpointer data)
{
  assert_refused (self->path, g_strerror (ENOENT));
  assert_refused (self->directory, "regular file");
  g_assert_cmpint (mkfifo (self->path, 0600), ==, 0);
  assert_refused (self->path, "regular file"); /* and nobody is waited for */
  /* A file by its mode, and nothing can be read of it: there is no memory at its beginning. */
  assert_refused ("/proc/self/mem", g_strerror (EIO));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/secret-file/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("one-line-is-a-secret", test_one_line_is_a_secret);
  ADD ("anything-else-is-none", test_anything_else_is_none);
  ADD ("what-others-can-read-is-none", test_what_others_can_read_is_none);
  ADD ("what-another-user-has-is-none", test_what_another_user_has_is_none);
  ADD ("what-is-no-file-is-none", test_what_is_no_file_is_none);
  return g_test_run ();
}
