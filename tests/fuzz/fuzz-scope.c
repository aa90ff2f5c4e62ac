/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scopes (RFC 6749 §3.3) against sets. The input: three scopes, a line each. */

#include "fuzz.h"
#include "model/tessera-scope-private.h"

#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

static gboolean
is_name (const char *name)
{
  for (const char *c = name; *c != '\0'; c++)
    if (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\')
      return FALSE;
  return name[0] != '\0';
}

/* The names, or NULL when @text is no scope. */
static GHashTable *
expect (const char *text)
{
  g_autoptr (GHashTable) set = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_auto (GStrv) names = g_strsplit (text, " ", -1);

  if (strlen (text) > TESSERA_SCOPE_MAX_LENGTH || g_strv_length (names) > TESSERA_SCOPE_MAX_NAMES)
    return NULL;
  for (guint i = 0; names[i] != NULL; i++)
    {
      if (!is_name (names[i]))
        return NULL;
      g_hash_table_add (set, g_strdup (names[i]));
    }
  return g_steal_pointer (&set);
}

static gboolean
set_is_subset (GHashTable *set, GHashTable *of)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, set);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (of, name))
      return FALSE;
  return TRUE;
}

/* The text is a scope of just these names, each once. */
static void
assert_is (const char *scope, GHashTable *set)
{
  g_auto (GStrv) names = tessera_scope_split (scope);
  g_autofree char *joined = g_strjoinv (" ", names);

  g_assert_cmpstr (joined, ==, scope);
  g_assert_cmpuint (g_strv_length (names), ==, g_hash_table_size (set));
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_assert_true (g_hash_table_contains (set, names[i]));
      g_assert_true (tessera_scope_has (scope, names[i]));
    }
}

static char *
check_parse (const char *text, GHashTable **out_set)
{
  g_autofree char *scope = tessera_scope_parse (text, NULL);

  /* Absent and empty are the same set, which no grammar can say. */
  *out_set = text[0] == '\0' ? g_hash_table_new (g_str_hash, g_str_equal) : expect (text);
  g_assert_cmpint (scope != NULL, ==, *out_set != NULL);
  if (scope == NULL)
    return NULL;
  assert_is (scope, *out_set);
  g_autofree char *again = tessera_scope_parse (scope, NULL);
  g_assert_cmpstr (again, ==, scope);
  return g_steal_pointer (&scope);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  g_autofree char *first = fuzz_input_take_line (&input);
  g_autofree char *second = fuzz_input_take_line (&input);
  g_autofree char *name = fuzz_input_take_line (&input);
  g_autoptr (GHashTable) a_set = NULL;
  g_autoptr (GHashTable) b_set = NULL;
  g_autofree char *a = check_parse (first, &a_set);
  g_autofree char *b = check_parse (second, &b_set);

  if (a == NULL || b == NULL)
    return 0;
  g_assert_cmpint (tessera_scope_is_subset (a, b), ==, set_is_subset (a_set, b_set));
  g_assert_cmpint (tessera_scope_is_subset (b, a), ==, set_is_subset (b_set, a_set));
  if (is_name (name))
    g_assert_cmpint (tessera_scope_has (a, name), ==, g_hash_table_contains (a_set, name));

  g_autofree char *both = tessera_scope_union (a, b);
  g_autofree char *twice = tessera_scope_union (both, b);
  g_assert_cmpstr (both, ==, twice);
  g_assert_true (tessera_scope_is_subset (a, both) && tessera_scope_is_subset (b, both));
  g_auto (GStrv) names = tessera_scope_split (both);
  for (guint i = 0; names[i] != NULL; i++)
    g_assert_true (g_hash_table_contains (a_set, names[i])
                   || g_hash_table_contains (b_set, names[i]));
  return 0;
}
