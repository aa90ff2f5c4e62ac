/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jose/tessera-claims-private.h"

#include "base/tessera-error.h"
#include "log-capture.h"

#include <string.h>

static TesseraClaims *
parse (const char *json)
{
  g_autoptr (GError) error = NULL;
  TesseraClaims *claims = tessera_claims_new_from_json (json, strlen (json), &error);
  g_assert_no_error (error);
  return claims;
}

static void
assert_refused (const char *json, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClaims) claims = tessera_claims_new_from_json (json, length, &error);
  g_assert_null (claims);
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
}

static void
test_what_is_set_is_written (void)
{
  static const char *const one[] = { "https://api.test", NULL };
  static const char *const two[] = { "a", "b\"", NULL };
  static const char *const none[] = { NULL };
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();

  tessera_claims_set_string (claims, "sub", "al\"ice\n\xc3\xa9");
  tessera_claims_set_int (claims, "exp", G_GINT64_CONSTANT (4102444800));
  tessera_claims_set_strings (claims, "aud", one);
  tessera_claims_set_strings (claims, "amr", two);
  tessera_claims_set_strings (claims, "empty", none);
  g_autofree char *json = tessera_claims_to_json (claims);
  g_autoptr (TesseraClaims) again = parse (json);
  gint64 exp = 0;
  g_assert_cmpstr (tessera_claims_get_string (again, "sub"), ==, "al\"ice\n\xc3\xa9");
  g_assert_true (tessera_claims_get_int (again, "exp", &exp));
  g_assert_cmpint (exp, ==, 4102444800);
  g_autofree char *aud = tessera_claims_dup_json (again, "aud");
  g_autofree char *amr = tessera_claims_dup_json (again, "amr");
  g_autofree char *empty = tessera_claims_dup_json (again, "empty");
  g_assert_cmpstr (aud, ==, "\"https://api.test\"");
  g_assert_cmpstr (amr, ==, "[\"a\",\"b\\\"\"]");
  g_assert_cmpstr (empty, ==, "[]");
}

static void
test_setting_again_replaces (void)
{
  static const char *const two[] = { "a", "b", NULL };
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();
  gint64 value = 0;

  tessera_claims_set_string (claims, "x", "1");
  tessera_claims_set_string (claims, "x", "2");
  g_assert_cmpstr (tessera_claims_get_string (claims, "x"), ==, "2");
  tessera_claims_set_int (claims, "x", 3);
  g_assert_true (tessera_claims_get_int (claims, "x", &value));
  g_assert_cmpint (value, ==, 3);
  tessera_claims_set_int (claims, "x", -4);
  g_assert_true (tessera_claims_get_int (claims, "x", &value));
  g_assert_cmpint (value, ==, -4);
  tessera_claims_set_strings (claims, "x", two);
  g_assert_null (tessera_claims_get_string (claims, "x"));
  tessera_claims_set_string (claims, "x", "");
  g_assert_cmpstr (tessera_claims_get_string (claims, "x"), ==, "");
}

static void
test_absent_is_absent (void)
{
  g_autoptr (TesseraClaims) claims = parse ("{\"null\":null,\"false\":false,\"text\":\"\"}");
  gint64 value = 7;
  g_assert_true (tessera_claims_has (claims, "null"));
  g_assert_true (tessera_claims_has (claims, "false"));
  g_assert_true (tessera_claims_has (claims, "text"));
  g_assert_false (tessera_claims_has (claims, "other"));
  g_assert_null (tessera_claims_get_string (claims, "other"));
  g_assert_null (tessera_claims_dup_strings (claims, "other"));
  g_assert_null (tessera_claims_dup_json (claims, "other"));
  g_assert_null (tessera_claims_dup_json (claims, ""));
  g_assert_false (tessera_claims_has (claims, ""));
  g_assert_false (tessera_claims_get_int (claims, "other", &value));
}

static void
test_integers_are_integers (void)
{
  static const char *const bad[]
      = { "\"1\"", "1.0", "1.5", "1e3", "1e308", "true", "null", "[1]", "{\"a\":1}", "\"\"" };
  static const char *const unreadable[]
      = { "9223372036854775808", "-9223372036854775809", "1e999", "01", "+1", "0x10", "NaN" };
  gint64 value = 0;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"exp\":%s}", bad[i]);
      g_autoptr (TesseraClaims) claims = parse (json);
      g_assert_false (tessera_claims_get_int (claims, "exp", &value));
    }
  for (guint i = 0; i < G_N_ELEMENTS (unreadable); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"exp\":%s}", unreadable[i]);
      assert_refused (json, strlen (json));
    }

  g_autoptr (TesseraClaims) claims
      = parse ("{\"least\":-9223372036854775808,\"most\":9223372036854775807,\"minus\":-1}");
  g_assert_true (tessera_claims_get_int (claims, "least", &value));
  g_assert_cmpint (value, ==, G_MININT64);
  g_assert_true (tessera_claims_get_int (claims, "most", &value));
  g_assert_cmpint (value, ==, G_MAXINT64);
  g_assert_true (tessera_claims_get_int (claims, "minus", &value));
  g_assert_cmpint (value, ==, -1);
}

static void
test_strings_are_strings (void)
{
  g_autoptr (TesseraClaims) claims
      = parse ("{\"one\":\"a\",\"two\":[\"a\",\"b\"],\"none\":[],\"mixed\":[\"a\",1],\"int\":1}");
  g_auto (GStrv) one = tessera_claims_dup_strings (claims, "one");
  g_auto (GStrv) two = tessera_claims_dup_strings (claims, "two");
  g_auto (GStrv) none = tessera_claims_dup_strings (claims, "none");

  g_assert_cmpuint (g_strv_length (one), ==, 1);
  g_assert_cmpuint (g_strv_length (two), ==, 2);
  g_assert_cmpstr (two[1], ==, "b");
  g_assert_cmpuint (g_strv_length (none), ==, 0);
  g_assert_null (tessera_claims_dup_strings (claims, "mixed"));
  g_assert_null (tessera_claims_dup_strings (claims, "int"));
  g_assert_null (tessera_claims_get_string (claims, "int"));
  g_assert_null (tessera_claims_get_string (claims, "two"));
}

static void
test_only_a_strict_object_is_read (void)
{
  static const char *const bad[] = { "",
                                     "[]",
                                     "\"a\"",
                                     "1",
                                     "{",
                                     "{\"a\":1}}",
                                     "{\"a\":1} {}",
                                     "{'a':1}",
                                     "{\"a\":}",
                                     "{\"a\":\"\\u0000\"}",
                                     "{\"a\":\"\xff\"}" };
  const char *deep = "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}";
  g_autofree char *large = g_strnfill (TESSERA_CLAIMS_MAX_LENGTH + 1, ' ');

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (bad[i], strlen (bad[i]));
  assert_refused ("{\"a\":1,\"a\":2}", 13);
  assert_refused ("{\"a\":{\"b\":1,\"\\u0062\":2}}", 24);
  assert_refused ("{\"a\":1}\0{}", 10);
  assert_refused (deep, strlen (deep));
  memcpy (large, "{}", 2);
  assert_refused (large, strlen (large));
  assert_refused ("{\"a\":1}", 6); /* the length counts, not the NUL */
}

static void
test_merging_protects_names (void)
{
  static const char *const protected_names[] = { "sub", "exp", NULL };
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();
  tessera_claims_set_string (claims, "sub", "alice");

  g_assert_true (
      tessera_claims_merge_json (claims, "{\"dept\":\"x\",\"roles\":[\"a\"]}", protected_names));
  g_assert_false (tessera_claims_merge_json (claims, "{\"sub\":\"bob\"}", protected_names));
  g_assert_false (tessera_claims_merge_json (claims, "{\"s\\u0075b\":\"bob\"}", protected_names));
  g_assert_false (tessera_claims_merge_json (claims, "[]", protected_names));
  g_assert_false (tessera_claims_merge_json (claims, "{\"a\":1,\"a\":2}", NULL));
  g_assert_true (tessera_claims_merge_json (claims, "{\"dept\":\"y\"}", NULL));
  g_assert_cmpstr (tessera_claims_get_string (claims, "sub"), ==, "alice");
  g_assert_cmpstr (tessera_claims_get_string (claims, "dept"), ==, "y");
  g_assert_false (tessera_claims_has (claims, "a"));
}

/* A mistake of the program, which is told of it; nothing of the text gets into a token. */
static void
test_what_is_not_utf8_is_no_claim (void)
{
  static const char *const texts[] = { "good", "\xff", NULL };
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();

  log_capture_begin ();
  tessera_claims_set_string (claims, "one", "\xff");
  log_capture_assert_one (G_LOG_LEVEL_CRITICAL, "The claim one *UTF-8*");
  log_capture_begin ();
  tessera_claims_set_array (claims, "many", texts);
  log_capture_assert_one (G_LOG_LEVEL_CRITICAL, "The claim many *UTF-8*");
  g_autofree char *json = tessera_claims_to_json (claims);
  g_assert_cmpstr (json, ==, "{}");
}

/* Written down claim by claim, or by libjwt from its set: the same text. */
static void
assert_same_text (TesseraClaims *claims)
{
  g_autofree char *text = tessera_claims_to_json (claims);
  g_autoptr (TesseraClaims) read = parse (text);
  g_autofree char *by_libjwt = tessera_claims_to_json (read);

  g_assert_cmpstr (text, ==, by_libjwt);
  g_assert_true (tessera_claims_merge_json (claims, "{}", NULL));
  g_free (text);
  text = tessera_claims_to_json (claims);
  g_assert_cmpstr (text, ==, by_libjwt);
}

static void
test_the_text_is_that_of_the_set (void)
{
  static const char *const values[] = { "",          "a",        "https://as.test/a?b=c",
                                        "a b",       "\"",       "\\",
                                        "\x01",      "\n",       "/",
                                        "\x7f",      "\xc3\xa9", "~",
                                        "</script>", "&" };
  static const char *const names[] = { "a", "aa", "a_", "a0", "auth_time", "aud", "b c", "b!",
                                       "b", "A",  "é",  "_",  "exp",       "x:y", "\"" };
  static const char *const several[] = { "pwd", "otp", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    for (guint n = 0; n < G_N_ELEMENTS (names); n++)
      {
        g_autoptr (TesseraClaims) claims = tessera_claims_new ();

        for (guint more = 0; more <= n; more++)
          tessera_claims_set_string (claims, names[more], values[(i + more) % 4]);
        tessera_claims_set_string (claims, "zz", values[i]);
        tessera_claims_set_array (claims, "amr", several);
        tessera_claims_set_int (claims, "iat", (gint64) i * n - 7);
        assert_same_text (claims);
      }
  for (guint i = 0; i < 64; i++)
    {
      g_autoptr (TesseraClaims) claims = tessera_claims_new ();

      tessera_claims_set_int (claims, "a", (gint64) (G_GUINT64_CONSTANT (1) << i));
      tessera_claims_set_int (claims, "b", (gint64) ((G_GUINT64_CONSTANT (1) << i) - 1));
      tessera_claims_set_int (claims, "c", -(gint64) ((G_GUINT64_CONSTANT (1) << i) - 1));
      assert_same_text (claims);
    }
}

static void
test_the_text_follows_what_is_set_again (void)
{
  static const char *const odd[] = { "a", "b\"", NULL };
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();
  g_autofree char *empty = tessera_claims_to_json (claims);

  g_assert_cmpstr (empty, ==, "{}");
  tessera_claims_set_string (claims, "a", "1");
  tessera_claims_set_int (claims, "b", 2);
  assert_same_text (claims);
  tessera_claims_set_string (claims, "a", "2");
  tessera_claims_set_int (claims, "b", 3);
  assert_same_text (claims);
  tessera_claims_set_array (claims, "a", odd);
  assert_same_text (claims);

  g_autoptr (TesseraClaims) many = tessera_claims_new ();
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);
      g_autoptr (TesseraClaims) twice = tessera_claims_new ();

      tessera_claims_set_int (many, name, i);
      tessera_claims_set_int (twice, name, i);
      tessera_claims_set_int (twice, name, i + 1);
      assert_same_text (twice);
      g_autofree char *text = tessera_claims_to_json (many);
      g_autoptr (TesseraClaims) again = parse (text);
      g_assert_true (tessera_claims_has (again, "c0") && tessera_claims_has (again, name));
    }
}

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/claims/what-is-set-is-written", test_what_is_set_is_written);
  g_test_add_func ("/claims/setting-again-replaces", test_setting_again_replaces);
  g_test_add_func ("/claims/the-text-is-that-of-the-set", test_the_text_is_that_of_the_set);
  g_test_add_func ("/claims/the-text-follows-what-is-set-again",
                   test_the_text_follows_what_is_set_again);
  g_test_add_func ("/claims/absent-is-absent", test_absent_is_absent);
  g_test_add_func ("/claims/D09-integers-are-integers", test_integers_are_integers);
  g_test_add_func ("/claims/strings-are-strings", test_strings_are_strings);
  g_test_add_func ("/claims/D12-only-a-strict-object-is-read", test_only_a_strict_object_is_read);
  g_test_add_func ("/claims/merging-protects-names", test_merging_protects_names);
  g_test_add_func ("/claims/what-is-not-utf8-is-no-claim", test_what_is_not_utf8_is_no_claim);
  return g_test_run ();
}
