/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The form decoder (RFC 6749 appendix B) against a second one made of GLib's parts, and back. */

#include "base/tessera-params-private.h"
#include "fuzz.h"

#include <string.h>

#define NO_NAME "\xff" /* is not UTF-8 */

typedef struct
{
  char *name;
  char *value;
} Pair;

static void
pair_free (Pair *pair)
{
  g_free (pair->name);
  g_free (pair->value);
  g_free (pair);
}

static gboolean
has_controls (const char *text)
{
  for (; *text != '\0'; text++)
    if (g_ascii_iscntrl (*text))
      return TRUE;
  return FALSE;
}

static char *
decode (const char *text)
{
  g_autofree char *spaced = g_strdelimit (g_strdup (text), "+", ' ');
  g_autofree char *decoded = has_controls (text) ? NULL : g_uri_unescape_string (spaced, NULL);

  if (decoded == NULL || !g_utf8_validate (decoded, -1, NULL))
    return NULL;
  return g_steal_pointer (&decoded);
}

static Pair *
split_pair (const char *text)
{
  g_auto (GStrv) sides = g_strsplit (text, "=", 2);

  if (g_strv_length (sides) != 2 || sides[0][0] == '\0')
    return NULL;
  g_autofree char *name = decode (sides[0]);
  g_autofree char *value = decode (sides[1]);
  if (name == NULL || value == NULL)
    return NULL;

  Pair *pair = g_new (Pair, 1);
  *pair = (Pair){ g_steal_pointer (&name), g_steal_pointer (&value) };
  return pair;
}

/* What the form says, or NULL when it is not well-formed. */
static GPtrArray *
expect (const char *form, gsize length)
{
  g_autoptr (GPtrArray) pairs = g_ptr_array_new_with_free_func ((GDestroyNotify) pair_free);
  g_autofree char *text = g_strndup (form, length);
  g_auto (GStrv) parts = g_strsplit (text, "&", -1);

  if (strlen (text) != length || g_strv_length (parts) > TESSERA_PARAMS_MAX)
    return NULL;
  for (guint i = 0; parts[i] != NULL; i++)
    {
      Pair *pair = split_pair (parts[i]);

      if (pair == NULL)
        return NULL;
      g_ptr_array_add (pairs, pair);
    }
  return g_steal_pointer (&pairs);
}

static void
compare_name (TesseraParams *params, GPtrArray *pairs, const char *name)
{
  const char *const *all = tessera_params_get_all (params, name);
  const char *first = *all;
  guint times = 0;

  for (guint i = 0; i < pairs->len; i++)
    {
      const Pair *pair = pairs->pdata[i];

      if (!g_str_equal (pair->name, name))
        continue;
      times++;
      if (pair->value[0] == '\0')
        continue;
      g_assert_cmpstr (*all, ==, pair->value);
      all++;
    }
  g_assert_null (*all);
  g_assert_cmpstr (tessera_params_get (params, name), ==, first);
  g_assert_cmpint (tessera_params_is_repeated (params, name), ==, times > 1);
}

static gboolean
has_repeats (GPtrArray *pairs)
{
  for (guint i = 0; i < pairs->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const Pair *a = pairs->pdata[i], *b = pairs->pdata[j];

        if (g_str_equal (a->name, b->name) && !g_str_equal (a->name, "resource"))
          return TRUE;
      }
  return FALSE;
}

static void
compare (TesseraParams *params, GPtrArray *pairs)
{
  for (guint i = 0; i < pairs->len; i++)
    compare_name (params, pairs, ((Pair *) pairs->pdata[i])->name);
  g_assert_cmpint (tessera_params_check_repeats (params, NULL), ==, !has_repeats (pairs));
  g_assert_null (tessera_params_get (params, NO_NAME));
  g_assert_null (*tessera_params_get_all (params, NO_NAME));
}

/* Encoded anew, it says the same. */
static void
compare_round_trip (GPtrArray *pairs)
{
  g_autoptr (GString) form = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < pairs->len; i++)
    {
      const Pair *pair = pairs->pdata[i];

      g_string_append (form, i > 0 ? "&" : "");
      g_string_append_uri_escaped (form, pair->name, NULL, FALSE);
      g_string_append_c (form, '=');
      g_string_append_uri_escaped (form, pair->value, NULL, FALSE);
    }
  g_autoptr (TesseraParams) params = tessera_params_parse (form->str, form->len, &error);
  g_assert_no_error (error);
  compare (params, pairs);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraParams) params = tessera_params_parse ((const char *) data, size, &error);
  g_autoptr (GPtrArray) pairs = expect ((const char *) data, size);

  g_assert_cmpint (params != NULL, ==, pairs != NULL);
  g_assert_cmpint (params != NULL, ==, error == NULL);
  if (params == NULL)
    return 0;
  compare (params, pairs);
  compare_round_trip (pairs);
  return 0;
}
