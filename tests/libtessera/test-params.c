/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-params-private.h"

#include "base/tessera-error.h"

#include <string.h>

static TesseraParams *
parse (const char *form)
{
  g_autoptr (GError) error = NULL;
  TesseraParams *params = tessera_params_parse (form, strlen (form), &error);

  g_assert_no_error (error);
  return params;
}

static void
assert_refused (const char *form, gsize length)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_params_parse (form, length, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
}

static void
test_decodes_names_and_values (void)
{
  g_autoptr (TesseraParams) params = parse ("a=1&b%20c=x+y%2Bz%26&d=%C3%A9&e=f=g");
  g_assert_cmpstr (tessera_params_get (params, "a"), ==, "1");
  g_assert_cmpstr (tessera_params_get (params, "b c"), ==, "x y+z&");
  g_assert_cmpstr (tessera_params_get (params, "d"), ==, "é");
  g_assert_cmpstr (tessera_params_get (params, "e"), ==, "f=g");
  g_assert_null (tessera_params_get (params, "A"));
}

static void
test_nothing_is_an_empty_set (void)
{
  g_autoptr (TesseraParams) none = tessera_params_parse (NULL, 0, NULL);
  g_autoptr (TesseraParams) empty = parse ("");
  g_assert_null (tessera_params_get (none, "a"));
  g_assert_null (tessera_params_get (empty, ""));
  g_assert_cmpstr (tessera_params_get_all (none, "a")[0], ==, NULL);
}

static void
test_empty_counts_as_absent (void)
{
  g_autoptr (TesseraParams) params = parse ("state=&scope=a");
  g_assert_null (tessera_params_get (params, "state"));
  g_assert_cmpstr (tessera_params_get_all (params, "state")[0], ==, NULL);
  g_assert_false (tessera_params_is_repeated (params, "state"));
}

static void
test_repeats_are_refused_whatever_their_spelling (void)
{
  static const char *const forms[]
      = { "scope=a&scope=b", "scope=a&sc%6fpe=a", "scope=&scope=b", "x=1&y=2&x=3" };
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TesseraParams) params = parse (forms[i]);
      g_assert_false (tessera_params_check_repeats (params, &error));
      g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
    }

  g_autoptr (TesseraParams) params = parse ("scope=a&sc%6fpe=b&d=1");
  g_assert_true (tessera_params_is_repeated (params, "scope"));
  g_assert_false (tessera_params_is_repeated (params, "d"));
  g_assert_false (tessera_params_is_repeated (params, "e"));
  g_assert_cmpstr (tessera_params_get (params, "scope"), ==, "a");
}

static void
test_resource_may_repeat (void)
{
  g_autoptr (TesseraParams) params = parse ("resource=urn:a&resource=&x=1&resource=urn:b");
  g_assert_true (tessera_params_check_repeats (params, NULL));
  const char *const *all = tessera_params_get_all (params, "resource");
  g_assert_cmpstr (all[0], ==, "urn:a");
  g_assert_cmpstr (all[1], ==, "urn:b");
  g_assert_cmpstr (all[2], ==, NULL);
  g_assert_cmpstr (tessera_params_get_all (params, "x")[0], ==, "1");
  g_assert_cmpstr (all[0], ==, "urn:a");
}

static void
test_bad_syntax_is_refused (void)
{
  static const char *const forms[]
      = { "a",     "a=1&b",    "a=1&&b=2",    "a=1&",   "&a=1",     "=1",      "a=%zz",
          "a=%",   "a=%4",     "a=%4&b=1",    "%g1=1",  "a=%00",    "a%00b=1", "a=%ff",
          "a=%c3", "a=%c0%80", "a=%ed%a0%80", "a=\xff", "a=b\nc=d", "a=\x7f" };
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    assert_refused (forms[i], strlen (forms[i]));
  assert_refused ("a=b\0c", 5);
}

static void
test_a_value_alone_obeys_the_same_rules (void)
{
  static const char *const bad[] = { "%", "%4", "%zz", "%00", "%c3", "a\nb", "\x7f", "\xff" };
  g_autofree char *good = tessera_params_decode ("a+b%2Bc%c3%a9=&xyz", 14);

  g_assert_cmpstr (good, ==, "a b+c\303\251=");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_null (tessera_params_decode (bad[i], strlen (bad[i])));
  g_assert_null (tessera_params_decode ("a\0b", 3));
}

static void
test_a_semicolon_is_data (void)
{
  g_autoptr (TesseraParams) params = parse ("a=1;b=2");
  g_assert_cmpstr (tessera_params_get (params, "a"), ==, "1;b=2");
  g_assert_null (tessera_params_get (params, "b"));
}

static void
test_an_escape_across_pairs_is_no_escape (void)
{
  assert_refused ("a=%4", 4);
  assert_refused ("a=%41", 4); /* the text goes on, the form does not */
}

static void
test_state_round_trips_byte_by_byte (void)
{
  g_autoptr (TesseraParams) params = parse ("state=%0d%0aX:1%22%3E%3Cscript%3E");
  g_assert_cmpstr (tessera_params_get (params, "state"), ==, "\r\nX:1\"><script>");
}

static char *
repeat_pairs (guint n)
{
  GString *form = g_string_new (NULL);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (form, "%sp%u=%u", i == 0 ? "" : "&", i, i);
  return g_string_free (form, FALSE);
}

static void
test_the_number_of_pairs_is_limited (void)
{
  g_autofree char *most = repeat_pairs (TESSERA_PARAMS_MAX);
  g_autofree char *too_many = repeat_pairs (TESSERA_PARAMS_MAX + 1);
  g_autoptr (TesseraParams) params = parse (most);

  g_assert_cmpstr (tessera_params_get (params, "p63"), ==, "63");
  assert_refused (too_many, strlen (too_many));
}

static char *
random_text (void)
{
  GString *text = g_string_new (NULL);
  gint32 length = g_test_rand_int_range (1, 20);
  while (length-- > 0)
    g_string_append_unichar (text, g_test_rand_int_range (1, 0xd7ff));
  return g_string_free (text, FALSE);
}

static void
test_random_pairs_round_trip (void)
{
  for (guint i = 0; i < 5000; i++)
    {
      g_autofree char *name = random_text ();
      g_autofree char *value = random_text ();
      g_autofree char *other = random_text ();
      g_autofree char *escaped_name = g_uri_escape_string (name, NULL, FALSE);
      g_autofree char *escaped_value = g_uri_escape_string (value, NULL, FALSE);
      g_autofree char *escaped_other = g_uri_escape_string (other, NULL, FALSE);
      g_autofree char *form = g_strdup_printf ("%s=%s&x%s=%s", escaped_name, escaped_value,
                                               escaped_name, escaped_other);
      g_autoptr (TesseraParams) params = parse (form);
      g_autofree char *second = g_strconcat ("x", name, NULL);
      g_assert_cmpstr (tessera_params_get (params, name), ==, value);
      g_assert_cmpstr (tessera_params_get (params, second), ==, other);
    }
}

/* Under the sanitizers: every text is read or refused, whatever it is, within its length. */
static void
test_random_bytes_are_read_or_refused (void)
{
  static const char likely[] = "a=&%4+;\xc3\x00";
  for (guint i = 0; i < 50000; i++)
    {
      gint32 length = g_test_rand_int_range (0, 24);
      g_autofree char *form = g_malloc (MAX (length, 1));
      for (gint32 j = 0; j < length; j++)
        form[j] = likely[g_test_rand_int_range (0, sizeof likely)];
      g_autoptr (TesseraParams) params = tessera_params_parse (form, length, NULL);
      if (params == NULL)
        continue;
      const char *value = tessera_params_get (params, "a");
      g_assert_true (value == NULL || g_utf8_validate (value, -1, NULL));
      tessera_params_check_repeats (params, NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/params/decodes-names-and-values", test_decodes_names_and_values);
  g_test_add_func ("/params/nothing-is-an-empty-set", test_nothing_is_an_empty_set);
  g_test_add_func ("/params/A11-empty-counts-as-absent", test_empty_counts_as_absent);
  g_test_add_func ("/params/A10-repeats-are-refused-whatever-their-spelling",
                   test_repeats_are_refused_whatever_their_spelling);
  g_test_add_func ("/params/resource-may-repeat", test_resource_may_repeat);
  g_test_add_func ("/params/B34-bad-syntax-is-refused", test_bad_syntax_is_refused);
  g_test_add_func ("/params/a-value-alone-obeys-the-same-rules",
                   test_a_value_alone_obeys_the_same_rules);
  g_test_add_func ("/params/B34-a-semicolon-is-data", test_a_semicolon_is_data);
  g_test_add_func ("/params/an-escape-ends-with-the-form",
                   test_an_escape_across_pairs_is_no_escape);
  g_test_add_func ("/params/A12-state-round-trips-byte-by-byte",
                   test_state_round_trips_byte_by_byte);
  g_test_add_func ("/params/the-number-of-pairs-is-limited", test_the_number_of_pairs_is_limited);
  g_test_add_func ("/params/random-pairs-round-trip", test_random_pairs_round_trip);
  g_test_add_func ("/params/random-bytes-are-read-or-refused",
                   test_random_bytes_are_read_or_refused);
  return g_test_run ();
}
