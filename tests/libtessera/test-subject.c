/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tokens call people: never more than 255 ASCII characters, and for a pairwise client nothing
 * that another sector is told. */

#include "model/tessera-subject-private.h"

#include <string.h>

static const guint8 key[32] = { 1, 2, 3 };

static void
assert_derived (const char *sub, const char *prefix)
{
  g_assert_nonnull (sub);
  g_assert_cmpuint (strlen (sub), ==, 45);
  g_assert_true (g_str_has_prefix (sub, prefix));
  g_assert_true (g_str_is_ascii (sub));
}

static void
test_a_plain_subject_is_told_as_it_is (void)
{
  g_autofree char *longest = g_strnfill (255, 'x');
  const char *const plain[] = { "alice", "a b", "u-17", "a@b.test", "~", "~u", "~alice", longest };

  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    g_assert_null (tessera_subject_dup_public (plain[i]));
}

static void
test_any_other_becomes_a_digest_that_stays (void)
{
  g_autofree char *too_long = g_strnfill (256, 'x');
  g_autofree char *public_form
      = g_strconcat ("~u", "0123456789012345678901234567890123456789012", NULL);
  g_autofree char *pairwise_form = g_strconcat ("~p", public_form + 2, NULL);
  const char *const others[] = { "jürgen", "a\tb", "a\x7f", too_long, public_form, pairwise_form };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *sub = tessera_subject_dup_public (others[i]);
      g_autofree char *again = tessera_subject_dup_public (others[i]);
      assert_derived (sub, "~u");
      g_assert_cmpstr (sub, ==, again);
      g_assert_cmpstr (sub, !=, others[i]);
    }
  /* For ever: applications know people by it. */
  g_autofree char *sub = tessera_subject_dup_public ("jürgen");
  g_assert_cmpstr (sub, ==, "~uGbcgqRH87VWuzZa_Tdytocab5altxSPVvjNrjvveMQk");
}

static void
test_a_pairwise_one_depends_on_key_sector_and_subject (void)
{
  const guint8 other_key[32] = { 1, 2, 4 };
  g_autofree char *sub = tessera_subject_dup_pairwise (key, "a.test", "alice");
  g_autofree char *again = tessera_subject_dup_pairwise (key, "a.test", "alice");
  char *others[] = {
    tessera_subject_dup_pairwise (other_key, "a.test", "alice"),
    tessera_subject_dup_pairwise (key, "b.test", "alice"),
    tessera_subject_dup_pairwise (key, "a.test", "bob"),
    tessera_subject_dup_pairwise (key, "a.tes", "talice"),
  };

  assert_derived (sub, "~p");
  g_assert_cmpstr (sub, ==, again);
  g_assert_cmpstr (sub, ==, "~pwWXevmvp1W9DwBzdL1esy6dwRc06cDV4BHPuhvAJRH8");
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_assert_cmpstr (sub, !=, others[i]);
      g_free (others[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add_func ("/subject/" name, func)
  ADD ("a-plain-subject-is-told-as-it-is", test_a_plain_subject_is_told_as_it_is);
  ADD ("any-other-becomes-a-digest-that-stays", test_any_other_becomes_a_digest_that_stays);
  ADD ("a-pairwise-one-depends-on-key-sector-and-subject",
       test_a_pairwise_one_depends_on_key_sector_and_subject);
  return g_test_run ();
}
