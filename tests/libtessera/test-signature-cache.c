/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jose/tessera-signature-cache-private.h"

#include <string.h>

static void
test_knows_what_was_added (void)
{
  g_autoptr (TesseraSignatureCache) cache = tessera_signature_cache_new (100);

  g_assert_false (tessera_signature_cache_contains (cache, "a.b.c", 5));
  tessera_signature_cache_add (cache, "a.b.c", 5);
  tessera_signature_cache_add (cache, "a.b.c", 5);
  g_assert_true (tessera_signature_cache_contains (cache, "a.b.c", 5));
  g_assert_false (tessera_signature_cache_contains (cache, "a.b.cd", 6));
  g_assert_false (tessera_signature_cache_contains (cache, "a.b.c", 4));
  tessera_signature_cache_clear (cache);
  g_assert_false (tessera_signature_cache_contains (cache, "a.b.c", 5));
}

static void
test_stays_small_and_keeps_the_newest (void)
{
  g_autoptr (TesseraSignatureCache) cache = tessera_signature_cache_new (64);
  guint known = 0;

  for (guint i = 0; i < 10000; i++)
    {
      tessera_signature_cache_add (cache, (const char *) &i, sizeof i);
      g_assert_true (tessera_signature_cache_contains (cache, (const char *) &i, sizeof i));
    }
  for (guint i = 0; i < 10000; i++)
    known += tessera_signature_cache_contains (cache, (const char *) &i, sizeof i);
  g_assert_cmpuint (known, ==, 64);
}

static void
test_the_smallest_works (void)
{
  g_autoptr (TesseraSignatureCache) cache = tessera_signature_cache_new (0);
  tessera_signature_cache_add (cache, "x", 1);
  g_assert_true (tessera_signature_cache_contains (cache, "x", 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/signature-cache/knows-what-was-added", test_knows_what_was_added);
  g_test_add_func ("/signature-cache/stays-small-and-keeps-the-newest",
                   test_stays_small_and_keeps_the_newest);
  g_test_add_func ("/signature-cache/the-smallest-works", test_the_smallest_works);
  return g_test_run ();
}
