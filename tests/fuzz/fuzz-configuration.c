/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file of the service: whatever is taken in hides nothing, is in the vocabulary,
 * and says the same when it is written anew; whatever is refused is refused with its place. The
 * input is the file. */

#include "fuzz.h"
#include "tesserad-configuration.h"
#include "tesserad-schema.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

/* A file without a folder; its path is owned. */
static char *
make_file (const char *text, gsize length, int *out_fd)
{
  *out_fd = memfd_create ("tessera.conf", MFD_CLOEXEC);
  g_assert_cmpint (*out_fd, >=, 0);
  g_assert_cmpint (write (*out_fd, text, length), ==, (gssize) length);
  return g_strdup_printf ("/proc/self/fd/%d", *out_fd);
}

/* How many keys a person would count: lines that are no comment, no group and not empty. */
static guint
count_lines (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = g_strstrip (lines[i]);

      n += line[0] != '\0' && line[0] != '#' && line[0] != '[';
    }
  return n;
}

static gboolean
is_known (const char *group, const char *key)
{
  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    {
      gsize length = strlen (setting->group);

      if (g_str_equal (setting->key, key) && strncmp (setting->group, group, length) == 0
          && (group[length] == '\0' || group[length] == ' '))
        return TRUE;
    }
  return FALSE;
}

/* All of it as a file of its own. */
static char *
write_anew (TesseradKeyFile *key_file, guint *out_keys)
{
  g_autoptr (GKeyFile) anew = g_key_file_new ();
  g_auto (GStrv) groups = tesserad_key_file_list_groups (key_file);

  *out_keys = 0;
  for (guint i = 0; groups[i] != NULL; i++)
    {
      g_auto (GStrv) keys = tesserad_key_file_list_keys (key_file, groups[i]);

      /* A group without keys says something too. */
      g_key_file_set_string (anew, groups[i], "x", "");
      g_key_file_remove_key (anew, groups[i], "x", NULL);
      for (guint n = 0; keys[n] != NULL; n++, ++*out_keys)
        {
          g_autofree char *value = NULL;
          g_auto (GStrv) values = NULL;

          g_assert_true (is_known (groups[i], keys[n]));
          if (tesserad_key_file_get_strings (key_file, groups[i], keys[n], &values, NULL))
            g_key_file_set_string_list (anew, groups[i], keys[n], (const char *const *) values,
                                        g_strv_length (values));
          if (tesserad_key_file_get_string (key_file, groups[i], keys[n], &value, NULL))
            g_key_file_set_string (anew, groups[i], keys[n], value);
        }
    }
  return g_key_file_to_data (anew, NULL, NULL);
}

static void
assert_same_values (TesseradConfiguration *a, TesseradConfiguration *b)
{
  GHashTableIter iter;
  gpointer property, text;

  g_assert_cmpstr (a->issuer, ==, b->issuer);
  g_assert_cmpuint (a->listeners->len, ==, b->listeners->len);
  g_assert_cmpuint (a->resources->len, ==, b->resources->len);
  g_assert_cmpuint (a->clients->len, ==, b->clients->len);
  g_assert_cmpuint (a->trusted_proxies->len, ==, b->trusted_proxies->len);
  g_assert_cmpuint (g_hash_table_size (a->values), ==, g_hash_table_size (b->values));
  g_hash_table_iter_init (&iter, a->values);
  while (g_hash_table_iter_next (&iter, &property, &text))
    g_assert_cmpstr (text, ==, g_hash_table_lookup (b->values, property));
}

static void
assert_place (const GError *error, const char *path)
{
  g_assert_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
check_loaded (TesseradConfiguration *configuration, const char *text)
{
  guint n_keys = 0;
  int fd = -1;
  g_autoptr (GError) error = NULL;
  g_autofree char *anew = write_anew (configuration->key_file, &n_keys);
  g_autofree char *path = make_file (anew, strlen (anew), &fd);
  g_autoptr (TesseradConfiguration) again = tesserad_configuration_load (path, &error);

  g_assert_cmpuint (count_lines (text), ==, n_keys);
  g_assert_no_error (error);
  assert_same_values (configuration, again);
  if (!tesserad_configuration_rehearse (again, &error))
    assert_place (error, path);
  close (fd);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  int fd = -1;
  g_autofree char *path = make_file ((const char *) data, size, &fd);
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseradConfiguration) configuration = tesserad_configuration_load (path, &error);

  close (fd);
  g_assert_cmpint (configuration == NULL, ==, error != NULL);
  if (error != NULL)
    assert_place (error, path);
  else
    check_loaded (configuration, text);
  return 0;
}
