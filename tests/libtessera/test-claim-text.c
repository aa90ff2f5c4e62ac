/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claim sets that are written member by member: what they say is what JSON would have said, or
 * nothing. */

#include "jose/tessera-claim-text-private.h"

static void
assert_given_up (TesseraClaimText *text)
{
  g_autofree char *json = tessera_claim_text_dup_json (text);

  g_assert_null (json);
  tessera_claim_text_clear (text);
}

static void
test_members_are_in_order (void)
{
  const char *const audience[] = { "a", "b", NULL };
  TesseraClaimText text = { 0 };

  tessera_claim_text_add_string (&text, "sub", "alice");
  tessera_claim_text_add_int (&text, "iat", -12);
  tessera_claim_text_add_array (&text, "aud", audience);
  g_autofree char *json = tessera_claim_text_dup_json (&text);
  g_assert_cmpstr (json, ==, "{\"aud\":[\"a\",\"b\"],\"iat\":-12,\"sub\":\"alice\"}");
  tessera_claim_text_clear (&text);
}

static void
test_what_must_be_escaped_is_not_written (void)
{
  const char *const bad[]
      = { "\"", "\\", "\n", "\x7f", "\xc3\xa9", "\xff", "a\tb", "a\",\"sub\":\"mallory" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *const values[] = { "a", bad[i], NULL };
      TesseraClaimText as_value = { 0 }, in_array = { 0 }, as_name = { 0 };

      tessera_claim_text_add_string (&as_value, "a", bad[i]);
      assert_given_up (&as_value);
      tessera_claim_text_add_array (&in_array, "a", values);
      assert_given_up (&in_array);
      tessera_claim_text_add_string (&as_name, bad[i], "a");
      assert_given_up (&as_name);
    }
}

/* Of two with one name, readers take the one or the other. */
static void
test_nothing_is_said_twice (void)
{
  TesseraClaimText text = { 0 };

  tessera_claim_text_add_string (&text, "sub", "alice");
  tessera_claim_text_add_string (&text, "subject", "alice");
  tessera_claim_text_add_int (&text, "sub", 1);
  assert_given_up (&text);
}

static void
test_too_many_are_none (void)
{
  TesseraClaimText text = { 0 };

  for (guint i = 0; i <= TESSERA_CLAIM_TEXT_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);
      tessera_claim_text_add_int (&text, name, i);
    }
  assert_given_up (&text);
}

static void
test_nothing_is_no_object (void)
{
  TesseraClaimText text = { 0 };

  assert_given_up (&text);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/claim-text/members-are-in-order", test_members_are_in_order);
  g_test_add_func ("/claim-text/what-must-be-escaped-is-not-written",
                   test_what_must_be_escaped_is_not_written);
  g_test_add_func ("/claim-text/nothing-is-said-twice", test_nothing_is_said_twice);
  g_test_add_func ("/claim-text/too-many-are-none", test_too_many_are_none);
  g_test_add_func ("/claim-text/nothing-is-no-object", test_nothing_is_no_object);

  return g_test_run ();
}
