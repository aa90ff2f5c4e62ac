/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-json-private.h"

#include "base/tessera-error.h"

#include <string.h>

static void
assert_refused (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (json_t) json = tessera_json_parse (text, strlen (text), 4096, &error);

  g_assert_null (json);
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
}

static void
test_reads_an_object_and_writes_it_in_order (void)
{
  const char *text = " { \"z\" : 1, \"a\": [true, null, \"\\u00e9\"] } ";
  g_autoptr (GError) error = NULL;
  g_autoptr (json_t) json = tessera_json_parse (text, strlen (text), 4096, &error);
  g_assert_no_error (error);
  g_autofree char *written = tessera_json_dump (json);
  g_assert_cmpstr (written, ==, "{\"z\":1,\"a\":[true,null,\"é\"]}");
}

static void
test_refuses_what_is_no_strict_object (void)
{
  assert_refused ("");
  assert_refused ("[]");
  assert_refused ("\"a\"");
  assert_refused ("{\"a\":1} x");
  assert_refused ("{'a':1}");
  assert_refused ("{\"a\":1,}");
  assert_refused ("/* c */ {}");
  assert_refused ("{\"a\":\"\\u0000\"}");
  assert_refused ("{\"a\":\"\xff\"}");
  assert_refused ("{\"a\":99999999999999999999}");
}

static void
test_refuses_duplicate_members (void)
{
  assert_refused ("{\"a\":1,\"a\":2}");
  assert_refused ("{\"b\":{\"a\":1,\"\\u0061\":2}}");
}

static void
test_refuses_an_embedded_nul (void)
{
  static const char behind_a_number[] = "{\"a\":2\0}";
  g_autoptr (json_t) json = tessera_json_parse ("{}\0{}", 5, 4096, NULL);
  g_assert_null (json);
  json = tessera_json_parse (behind_a_number, sizeof behind_a_number - 1, 4096, NULL);
  g_assert_null (json);
}

static void
test_size_is_limited (void)
{
  g_autoptr (json_t) fits = tessera_json_parse ("{\"a\":12}", 8, 8, NULL);
  g_autoptr (json_t) too_long = tessera_json_parse ("{\"a\":123}", 9, 8, NULL);
  g_assert_nonnull (fits);
  g_assert_null (too_long);
}

static char *
nest (guint depth)
{
  GString *text = g_string_new ("{\"a\":");
  for (guint i = 1; i < depth; i++)
    g_string_append_c (text, '[');
  for (guint i = 1; i < depth; i++)
    g_string_append_c (text, ']');
  g_string_append_c (text, '}');
  return g_string_free (text, FALSE);
}

static void
test_depth_is_limited (void)
{
  g_autofree char *deepest = nest (TESSERA_JSON_MAX_DEPTH);
  g_autofree char *too_deep = nest (TESSERA_JSON_MAX_DEPTH + 1);
  g_autofree char *flood = g_strnfill (200000, '[');

  g_assert_true (tessera_json_is_shallow (deepest, strlen (deepest)));
  g_assert_false (tessera_json_is_shallow (too_deep, strlen (too_deep)));
  g_assert_false (tessera_json_is_shallow (flood, strlen (flood)));
  assert_refused (too_deep);
}

static void
test_brackets_in_strings_are_not_depth (void)
{
  const char *text = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[\"}";
  g_assert_true (tessera_json_is_shallow (text, strlen (text)));
}

static void
test_strings_are_escaped (void)
{
  static const char *const texts[]
      = { "", "plain", "\"quoted\"", "back\\slash", "\001\n\t\037", "é…" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GString) text = g_string_new ("{\"a\":");
      tessera_json_append_string (text, texts[i]);
      g_string_append_c (text, '}');
      g_autoptr (json_t) json = tessera_json_parse (text->str, text->len, 1000, NULL);
      g_assert_nonnull (json);
      g_assert_cmpstr (json_string_value (json_object_get (json, "a")), ==, texts[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/reads-an-object-and-writes-it-in-order",
                   test_reads_an_object_and_writes_it_in_order);
  g_test_add_func ("/json/refuses-what-is-no-strict-object", test_refuses_what_is_no_strict_object);
  g_test_add_func ("/json/D12-refuses-duplicate-members", test_refuses_duplicate_members);
  g_test_add_func ("/json/refuses-an-embedded-nul", test_refuses_an_embedded_nul);
  g_test_add_func ("/json/D13-size-is-limited", test_size_is_limited);
  g_test_add_func ("/json/D13-depth-is-limited", test_depth_is_limited);
  g_test_add_func ("/json/brackets-in-strings-are-not-depth",
                   test_brackets_in_strings_are_not_depth);
  g_test_add_func ("/json/strings-are-escaped", test_strings_are_escaped);
  return g_test_run ();
}
