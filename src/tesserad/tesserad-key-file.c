/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a configuration file and its drop-ins strictly, and knows where each setting came from. */

#include "tesserad-key-file.h"

#include <string.h>

#define MAX_FILE_SIZE (4 * 1024 * 1024)

typedef struct
{
  char *path;
  GKeyFile *values;
} Part;

struct _TesseradKeyFile
{
  GPtrArray *parts; /* Part*, in reading order */
};

G_DEFINE_QUARK (tesserad_error_quark, tesserad_error)

static void
part_free (Part *part)
{
  g_free (part->path);
  g_clear_pointer (&part->values, g_key_file_unref);
  g_free (part);
}

/* The name in a line `[name]`, or NULL. */
static char *
parse_header (const char *line)
{
  const char *end = strrchr (line, ']');

  if (line[0] != '[' || end == NULL)
    return NULL;
  return g_strndup (line + 1, (gsize) (end - line - 1));
}

/* GKeyFile lets the last of two equal keys win without a word. In one file that is a mistake, and
 * one that hides what is in force. */
static gboolean
check_repeats (const char *path, const char *text, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *group = g_strdup ("");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = g_strstrip (lines[i]);
      const char *equals = strchr (line, '=');
      char *header = parse_header (line);

      if (line[0] == '\0' || line[0] == '#')
        continue;
      if (header != NULL)
        {
          g_free (group);
          group = header;
          if (!g_hash_table_add (seen, g_strdup (group)))
            {
              g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION,
                           "%s: [%s]: the group is there twice (line %u)", path, group, i + 1);
              return FALSE;
            }
          continue;
        }
      if (equals == NULL)
        continue;

      g_autofree char *key = g_strchomp (g_strndup (line, (gsize) (equals - line)));
      if (!g_hash_table_add (seen, g_strdup_printf ("%s\n%s", group, key)))
        {
          g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION,
                       "%s: [%s] %s: the key is there twice (line %u)", path, group, key, i + 1);
          return FALSE;
        }
    }
  return TRUE;
}

/* What is complained about is quoted, so it must be text before anything else is said of it. */
static gboolean
check_text (const char *path, gsize length, const char *text, GError **error)
{
  const char *bad = NULL;
  guint line = 1;

  if (length > MAX_FILE_SIZE || memchr (text, '\0', length) != NULL)
    {
      g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION,
                   "%s: this is not a configuration file (too long, or with NUL bytes)", path);
      return FALSE;
    }
  if (g_utf8_validate (text, (gssize) length, &bad))
    return TRUE;

  for (const char *c = text; c < bad; c++)
    line += *c == '\n';
  g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION, "%s: line %u is not in UTF-8",
               path, line);
  return FALSE;
}

static gboolean
load_part (TesseradKeyFile *self, const char *path, GError **error)
{
  g_autoptr (GKeyFile) values = g_key_file_new ();
  g_autoptr (GError) inner = NULL;
  g_autofree char *text = NULL;
  gsize length = 0;
  Part *part = NULL;

  if (!g_file_get_contents (path, &text, &length, &inner))
    {
      g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION, "%s: cannot be read: %s",
                   path, inner->message);
      return FALSE;
    }
  if (!check_text (path, length, text, error) || !check_repeats (path, text, error))
    return FALSE;
  /* Translations are kept so that `key[de]` is refused as an unknown key, not dropped. */
  if (length > 0
      && !g_key_file_load_from_data (values, text, length, G_KEY_FILE_KEEP_TRANSLATIONS, &inner))
    {
      g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION, "%s: %s", path,
                   inner->message);
      return FALSE;
    }

  part = g_new0 (Part, 1);
  part->path = g_strdup (path);
  part->values = g_steal_pointer (&values);
  g_ptr_array_add (self->parts, part);
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The full names of FOLDER's *.conf, sorted by their bytes; NULL with an error when it is there but
 * cannot be read. */
static GPtrArray *
list_drop_ins (const char *folder, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) inner = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &inner);
  const char *name = NULL;

  if (dir == NULL && g_error_matches (inner, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return g_steal_pointer (&files);
  if (dir == NULL)
    {
      g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION, "%s: cannot be read: %s",
                   folder, inner->message);
      return NULL;
    }

  while ((name = g_dir_read_name (dir)) != NULL)
    if (name[0] != '.' && g_str_has_suffix (name, ".conf"))
      g_ptr_array_add (files, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (files, compare_names);
  return g_steal_pointer (&files);
}

TesseradKeyFile *
tesserad_key_file_load (const char *path, GError **error)
{
  g_autoptr (TesseradKeyFile) self = g_new0 (TesseradKeyFile, 1);
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *folder = g_strconcat (absolute, ".d", NULL);
  g_autoptr (GPtrArray) drop_ins = NULL;

  self->parts = g_ptr_array_new_with_free_func ((GDestroyNotify) part_free);
  if (!load_part (self, absolute, error))
    return NULL;

  drop_ins = list_drop_ins (folder, error);
  if (drop_ins == NULL)
    return NULL;
  for (guint i = 0; i < drop_ins->len; i++)
    if (!load_part (self, g_ptr_array_index (drop_ins, i), error))
      return NULL;
  return g_steal_pointer (&self);
}

void
tesserad_key_file_free (TesseradKeyFile *self)
{
  g_clear_pointer (&self->parts, g_ptr_array_unref);
  g_free (self);
}

/* The last file that sets @key, or has @group when @key is NULL; NULL when none does. */
static const Part *
find_part (TesseradKeyFile *self, const char *group, const char *key)
{
  for (guint i = self->parts->len; group != NULL && i > 0; i--)
    {
      const Part *part = g_ptr_array_index (self->parts, i - 1);

      if (key == NULL ? g_key_file_has_group (part->values, group)
                      : g_key_file_has_key (part->values, group, key, NULL))
        return part;
    }
  return NULL;
}

static void
collect (GPtrArray *names, GHashTable *seen, char **more)
{
  for (guint i = 0; more != NULL && more[i] != NULL; i++)
    if (g_hash_table_add (seen, g_strdup (more[i])))
      g_ptr_array_add (names, g_strdup (more[i]));
}

/* Groups, or the keys of @group. */
static char **
list_names (TesseradKeyFile *self, const char *group)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->parts->len; i++)
    {
      const Part *part = g_ptr_array_index (self->parts, i);
      g_auto (GStrv) more = group == NULL ? g_key_file_get_groups (part->values, NULL)
                                          : g_key_file_get_keys (part->values, group, NULL, NULL);
      collect (names, seen, more);
    }
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

char **
tesserad_key_file_list_groups (TesseradKeyFile *self)
{
  return list_names (self, NULL);
}

char **
tesserad_key_file_list_keys (TesseradKeyFile *self, const char *group)
{
  return list_names (self, group);
}

gboolean
tesserad_key_file_has (TesseradKeyFile *self, const char *group, const char *key)
{
  return find_part (self, group, key) != NULL;
}

char *
tesserad_key_file_dup_place (TesseradKeyFile *self, const char *group, const char *key)
{
  const Part *part = find_part (self, group, key);

  if (part == NULL) /* a key that is missing: the file that has its group, or the first one */
    part = find_part (self, group, NULL);
  if (part == NULL)
    part = g_ptr_array_index (self->parts, 0);
  if (group == NULL)
    return g_strdup (part->path);
  if (key == NULL)
    return g_strdup_printf ("%s: [%s]", part->path, group);
  return g_strdup_printf ("%s: [%s] %s", part->path, group, key);
}

gboolean
tesserad_key_file_refuse (TesseradKeyFile *self,
                          const char *group,
                          const char *key,
                          GError **error,
                          const char *format,
                          ...)
{
  g_autofree char *place = tesserad_key_file_dup_place (self, group, key);
  g_autofree char *sentence = NULL;
  va_list arguments;

  va_start (arguments, format);
  sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION, "%s: %s", place, sentence);
  return FALSE;
}

gboolean
tesserad_key_file_propagate (
    TesseradKeyFile *self, const char *group, const char *key, GError *inner, GError **error)
{
  tesserad_key_file_refuse (self, group, key, error, "%s", inner->message);
  g_error_free (inner);
  return FALSE;
}

gboolean
tesserad_key_file_get_string (
    TesseradKeyFile *self, const char *group, const char *key, char **out_value, GError **error)
{
  const Part *part = find_part (self, group, key);
  g_autofree char *value = NULL;

  if (part == NULL)
    return TRUE;
  value = g_key_file_get_string (part->values, group, key, NULL);
  if (value == NULL)
    return tesserad_key_file_refuse (self, group, key, error,
                                     "is not a text in UTF-8 with valid escapes");
  g_free (*out_value);
  *out_value = g_steal_pointer (&value);
  return TRUE;
}

gboolean
tesserad_key_file_get_strings (
    TesseradKeyFile *self, const char *group, const char *key, char ***out_value, GError **error)
{
  const Part *part = find_part (self, group, key);
  g_auto (GStrv) values = NULL;

  if (part == NULL)
    return TRUE;
  values = g_key_file_get_string_list (part->values, group, key, NULL, NULL);
  if (values == NULL)
    return tesserad_key_file_refuse (self, group, key, error,
                                     "is not a list of texts with ';' between them");
  for (guint i = 0; values[i] != NULL; i++)
    if (g_strstrip (values[i])[0] == '\0')
      return tesserad_key_file_refuse (self, group, key, error, "has an empty member");
  g_strfreev (*out_value);
  *out_value = g_steal_pointer (&values);
  return TRUE;
}

gboolean
tesserad_key_file_get_boolean (
    TesseradKeyFile *self, const char *group, const char *key, gboolean *out_value, GError **error)
{
  g_autofree char *text = NULL;

  if (!tesserad_key_file_get_string (self, group, key, &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  if (!g_str_equal (text, "true") && !g_str_equal (text, "false"))
    return tesserad_key_file_refuse (self, group, key, error, "must be true or false");
  *out_value = g_str_equal (text, "true");
  return TRUE;
}

gboolean
tesserad_key_file_get_integer (TesseradKeyFile *self,
                               const char *group,
                               const char *key,
                               int minimum,
                               int maximum,
                               int *out_value,
                               GError **error)
{
  g_autofree char *text = NULL;
  gint64 number = 0;

  if (!tesserad_key_file_get_string (self, group, key, &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_signed (text, 10, minimum, maximum, &number, NULL))
    return tesserad_key_file_refuse (self, group, key, error,
                                     "must be a whole number from %d to %d", minimum, maximum);
  *out_value = (int) number;
  return TRUE;
}

char *
tesserad_key_file_resolve (TesseradKeyFile *self,
                           const char *group,
                           const char *key,
                           const char *path)
{
  const Part *part = find_part (self, group, key);
  g_autofree char *folder = NULL;

  if (part == NULL)
    return g_strdup (path);
  folder = g_path_get_dirname (part->path);
  return g_canonicalize_filename (path, folder);
}
