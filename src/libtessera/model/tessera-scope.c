/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of scope names as text (RFC 6749 §3.3). */

#include "model/tessera-scope-private.h"

#include "base/tessera-error.h"

#include <string.h>

/* One name inside a scope text; not terminated. */
typedef struct
{
  const char *start;
  gsize length;
} ScopeName;

/* Steps through names that are separated by single spaces. */
static gboolean
next_name (const char **cursor, ScopeName *out_name)
{
  const char *start = *cursor;
  if (start == NULL)
    return FALSE;

  while (*start == ' ')
    start++;
  if (*start == '\0')
    return FALSE;

  out_name->start = start;
  out_name->length = strcspn (start, " ");
  *cursor = start + out_name->length;
  return TRUE;
}

static gboolean
has_name (const char *scope, const ScopeName *wanted)
{
  const char *cursor = scope;
  ScopeName name;
  while (next_name (&cursor, &name))
    if (name.length == wanted->length && memcmp (name.start, wanted->start, name.length) == 0)
      return TRUE;
  return FALSE;
}

static void
append_name (GString *scope, const ScopeName *name)
{
  if (scope->len > 0)
    g_string_append_c (scope, ' ');
  g_string_append_len (scope, name->start, (gssize) name->length);
}

/* RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), with one space between two. */
static gboolean
is_well_formed (const char *text, gsize length)
{
  guint names = 1;
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) text[i];
      if (c == ' ')
        {
          if (i == 0 || i + 1 == length || text[i - 1] == ' ' || ++names > TESSERA_SCOPE_MAX_NAMES)
            return FALSE;
        }
      else if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
        return FALSE;
    }
  return TRUE;
}

/* Mostly nothing is said twice. */
static gboolean
has_repeats (const char *scope)
{
  const char *cursor = scope;
  ScopeName name;
  while (next_name (&cursor, &name))
    if (has_name (cursor, &name))
      return TRUE;
  return FALSE;
}

char *
tessera_scope_parse (const char *text, GError **error)
{
  if (text == NULL)
    return g_strdup ("");

  gsize length = strnlen (text, TESSERA_SCOPE_MAX_LENGTH + 1);
  if (length > TESSERA_SCOPE_MAX_LENGTH || !is_well_formed (text, length))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_SCOPE,
                           "The scope is malformed or too long");
      return NULL;
    }
  return has_repeats (text) ? tessera_scope_union (text, NULL) : g_strdup (text);
}

gboolean
tessera_scope_has (const char *scope, const char *name)
{
  ScopeName wanted = { name, strlen (name) };
  return has_name (scope, &wanted);
}

gboolean
tessera_scope_is_subset (const char *scope, const char *of)
{
  const char *cursor = scope;
  ScopeName name;
  while (next_name (&cursor, &name))
    if (!has_name (of, &name))
      return FALSE;
  return TRUE;
}

char *
tessera_scope_union (const char *a, const char *b)
{
  GString *both = g_string_new (NULL);
  const char *parts[] = { a, b };
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      const char *cursor = parts[i];
      ScopeName name;
      while (next_name (&cursor, &name))
        if (!has_name (both->str, &name))
          append_name (both, &name);
    }
  return g_string_free (both, FALSE);
}

char *
tessera_scope_remove (const char *scope, const char *name)
{
  if (!tessera_scope_has (scope, name))
    return g_strdup (scope != NULL ? scope : "");

  GString *rest = g_string_new (NULL);
  const char *cursor = scope;
  ScopeName one;
  while (next_name (&cursor, &one))
    if (one.length != strlen (name) || memcmp (one.start, name, one.length) != 0)
      append_name (rest, &one);
  return g_string_free (rest, FALSE);
}

char **
tessera_scope_split (const char *scope)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *cursor = scope;
  ScopeName name;
  while (next_name (&cursor, &name))
    g_ptr_array_add (names, g_strndup (name.start, name.length));
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}
