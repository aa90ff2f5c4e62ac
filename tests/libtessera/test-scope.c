/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scopes: syntax (RFC 6749 §3.3) and the arithmetic of sets. */

#include "base/tessera-error.h"
#include "model/tessera-scope-private.h"

#include <string.h>

static void
assert_parses (const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *scope = tessera_scope_parse (text, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (scope, ==, expected);
}

static void
assert_refused (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (tessera_scope_parse (text, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_SCOPE);
}

static void
test_accepts_names_of_the_rfc (void)
{
  assert_parses (NULL, "");
  assert_parses ("", "");
  assert_parses ("a", "a");
  assert_parses ("read write:all https://r.test/x !#[]~", "read write:all https://r.test/x !#[]~");
}

static void
test_drops_repeats_and_keeps_order (void)
{
  assert_parses ("b a b a c", "b a c");
  assert_parses ("A a", "A a"); /* case matters */
  assert_parses ("read readonly", "read readonly");
}

static void
test_refuses_what_is_malformed (void)
{
  assert_refused (" ");
  assert_refused (" a");
  assert_refused ("a ");
  assert_refused ("a  b");
  assert_refused ("a\tb");
  assert_refused ("a\nb");
  assert_refused ("a\"b");
  assert_refused ("a\\b");
  assert_refused ("a\x7f");
  assert_refused ("\xc3\xa9");
}

static void
test_refuses_what_is_too_much (void)
{
  char longest[TESSERA_SCOPE_MAX_LENGTH + 2];
  memset (longest, 'a', sizeof longest);
  longest[TESSERA_SCOPE_MAX_LENGTH] = '\0';
  assert_parses (longest, longest);
  longest[TESSERA_SCOPE_MAX_LENGTH] = 'a';
  longest[TESSERA_SCOPE_MAX_LENGTH + 1] = '\0';
  assert_refused (longest);

  g_autoptr (GString) many = g_string_new ("0");
  for (guint i = 1; i < TESSERA_SCOPE_MAX_NAMES; i++)
    g_string_append_printf (many, " %u", i);
  assert_parses (many->str, many->str);
  g_string_append (many, " more");
  assert_refused (many->str);
}

static void
test_has (void)
{
  g_assert_true (tessera_scope_has ("read write", "read"));
  g_assert_true (tessera_scope_has ("read write", "write"));
  g_assert_false (tessera_scope_has ("read write", "rea"));
  g_assert_false (tessera_scope_has ("read write", "reads"));
  g_assert_false (tessera_scope_has ("read write", "Read"));
  g_assert_false (tessera_scope_has ("read write", ""));
  g_assert_false (tessera_scope_has ("read write", "read write"));
  g_assert_false (tessera_scope_has (NULL, "read"));
}

static void
test_is_subset (void)
{
  g_assert_true (tessera_scope_is_subset ("b a", "a b c"));
  g_assert_true (tessera_scope_is_subset (NULL, "a"));
  g_assert_true (tessera_scope_is_subset ("", NULL));
  g_assert_false (tessera_scope_is_subset ("a d", "a b c"));
  g_assert_false (tessera_scope_is_subset ("a", NULL));
  g_assert_false (tessera_scope_is_subset ("admin", "administrator"));
}

static void
test_union (void)
{
  g_autofree char *both = tessera_scope_union ("a b", "b c");
  g_autofree char *left = tessera_scope_union ("a", NULL);
  g_autofree char *right = tessera_scope_union (NULL, "c");
  g_autofree char *none = tessera_scope_union (NULL, "");
  g_assert_cmpstr (both, ==, "a b c");
  g_assert_cmpstr (left, ==, "a");
  g_assert_cmpstr (right, ==, "c");
  g_assert_cmpstr (none, ==, "");
}

static void
test_remove (void)
{
  g_autofree char *rest = tessera_scope_remove ("openid openidx a openi openid", "openid");
  g_autofree char *same = tessera_scope_remove ("a b", "openid");
  g_autofree char *all = tessera_scope_remove ("openid", "openid");
  g_autofree char *none = tessera_scope_remove (NULL, "openid");
  g_assert_cmpstr (rest, ==, "openidx a openi");
  g_assert_cmpstr (same, ==, "a b");
  g_assert_cmpstr (all, ==, "");
  g_assert_cmpstr (none, ==, "");
}

static void
test_split (void)
{
  g_auto (GStrv) names = tessera_scope_split ("a bc");
  g_auto (GStrv) none = tessera_scope_split (NULL);
  const char *const expected[] = { "a", "bc", NULL };
  g_assert_cmpstrv (names, expected);
  g_assert_nonnull (none);
  g_assert_null (none[0]);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/scope/accepts-names-of-the-rfc", test_accepts_names_of_the_rfc);
  g_test_add_func ("/scope/drops-repeats-and-keeps-order", test_drops_repeats_and_keeps_order);
  g_test_add_func ("/scope/refuses-what-is-malformed", test_refuses_what_is_malformed);
  g_test_add_func ("/scope/refuses-what-is-too-much", test_refuses_what_is_too_much);
  g_test_add_func ("/scope/has", test_has);
  g_test_add_func ("/scope/is-subset", test_is_subset);
  g_test_add_func ("/scope/union", test_union);
  g_test_add_func ("/scope/remove", test_remove);
  g_test_add_func ("/scope/split", test_split);

  return g_test_run ();
}
