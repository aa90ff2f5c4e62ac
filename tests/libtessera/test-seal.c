/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-seal-private.h"

#include "base/tessera-secret-private.h"

#include <string.h>

static const guint8 key[TESSERA_SEAL_KEY_SIZE] = "one key of thirty-two bytes here";
static const guint8 other_key[TESSERA_SEAL_KEY_SIZE] = "another key of 32 bytes is there";

static void
assert_opens (const char *sealed, const char *purpose, const char *secret)
{
  g_autoptr (TesseraSecret) opened = tessera_unseal (key, sealed, purpose);

  g_assert_cmpstr (opened, ==, secret);
}

static void
test_what_was_sealed_comes_back (void)
{
  static const char *const secrets[] = { "", "x", "a secret of some length", "\xc3\xa9\n\t\x01" };

  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    {
      g_autofree char *sealed = tessera_seal (key, secrets[i], "a client");

      assert_opens (sealed, "a client", secrets[i]);
    }
  g_autofree char *long_secret = g_strnfill (4096, 's');
  g_autofree char *sealed = tessera_seal (key, long_secret, "");
  assert_opens (sealed, "", long_secret);
}

static void
test_no_two_look_the_same (void)
{
  g_autofree char *first = tessera_seal (key, "secret", "p");
  g_autofree char *second = tessera_seal (key, "secret", "p");

  g_assert_cmpstr (first, !=, second);
  g_assert_null (strstr (first, "secret"));
}

static void
test_another_key_or_purpose_opens_nothing (void)
{
  g_autofree char *sealed = tessera_seal (key, "secret", "client a");

  g_assert_null (tessera_unseal (other_key, sealed, "client a"));
  assert_opens (sealed, "client b", NULL);
  assert_opens (sealed, "client a ", NULL);
  assert_opens (sealed, "", NULL);
  assert_opens (sealed, "client a", "secret");
}

static void
test_each_character_counts (void)
{
  g_autofree char *sealed = tessera_seal (key, "secret", "p");

  for (gsize i = 0; sealed[i] != '\0'; i++)
    {
      g_autofree char *changed = g_strdup (sealed);

      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      assert_opens (changed, "p", NULL);
      changed[i] = '\0';
      assert_opens (changed, "p", NULL);
    }
  g_autofree char *more = g_strconcat (sealed, "AAAA", NULL);
  assert_opens (more, "p", NULL);
}

static void
test_what_is_no_seal_opens_nothing (void)
{
  static const char *const texts[] = { "", "v1", "v1.", "v1.AAAA", "v2.AAAA", "secret", "v1.*" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    assert_opens (texts[i], "p", NULL);
  g_autofree char *filling = g_strnfill (8000, 'A');
  g_autofree char *huge = g_strconcat ("v1.", filling, NULL);
  assert_opens (huge, "p", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seal/what-was-sealed-comes-back", test_what_was_sealed_comes_back);
  g_test_add_func ("/seal/no-two-look-the-same", test_no_two_look_the_same);
  g_test_add_func ("/seal/another-key-or-purpose-opens-nothing",
                   test_another_key_or_purpose_opens_nothing);
  g_test_add_func ("/seal/each-character-counts", test_each_character_counts);
  g_test_add_func ("/seal/what-is-no-seal-opens-nothing", test_what_is_no_seal_opens_nothing);
  return g_test_run ();
}
