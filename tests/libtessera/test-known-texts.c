/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts whose digest is known: found whole or not at all, and no more of them than fit. */

#include "store/tessera-known-texts-private.h"

#include <string.h>

#define TEXT "header.payload.0123456789abcdef"

/* The digest is whatever was told with the text, so that one can see that none is made. */
static TesseraDigest
make_digest (guint number)
{
  TesseraDigest digest = { 0 };

  memcpy (digest.bytes, &number, sizeof number);
  return digest;
}

static void
add (TesseraKnownTexts *texts, const char *text, guint number)
{
  TesseraDigest digest = make_digest (number);
  tessera_known_texts_add (texts, text, strlen (text), &digest);
}

static gboolean
finds (TesseraKnownTexts *texts, const char *text, guint number)
{
  TesseraDigest expected = make_digest (number), found;

  return tessera_known_texts_lookup (texts, text, strlen (text), &found)
         && tessera_digest_equal (&expected, &found);
}

static void
test_finds_what_was_added (void)
{
  g_autoptr (TesseraKnownTexts) texts = tessera_known_texts_new (64);
  TesseraDigest digest;

  g_assert_false (tessera_known_texts_lookup (texts, TEXT, strlen (TEXT), &digest));
  add (texts, TEXT, 1);
  g_assert_true (finds (texts, TEXT, 1));
  tessera_known_texts_clear (texts);
  g_assert_false (tessera_known_texts_lookup (texts, TEXT, strlen (TEXT), &digest));
  add (texts, TEXT, 2);
  g_assert_true (finds (texts, TEXT, 2));
}

/* Whichever bit differs, those at the end too, by which it is looked for. */
static void
test_every_bit_counts (void)
{
  g_autoptr (TesseraKnownTexts) texts = tessera_known_texts_new (1);
  gsize length = strlen (TEXT);
  TesseraDigest digest;

  add (texts, TEXT, 1);
  for (gsize bit = 0; bit < 8 * length; bit++)
    {
      char text[] = TEXT;
      text[bit / 8] ^= (char) (1 << bit % 8);
      g_assert_false (tessera_known_texts_lookup (texts, text, length, &digest));
    }
  g_assert_false (tessera_known_texts_lookup (texts, TEXT, length - 1, &digest));
  g_assert_false (tessera_known_texts_lookup (texts, TEXT, length + 1, &digest)); /* with its NUL */
  g_assert_false (tessera_known_texts_lookup (texts, TEXT + 1, length - 1, &digest));
}

static void
test_texts_with_the_same_end_are_several (void)
{
  g_autoptr (TesseraKnownTexts) texts = tessera_known_texts_new (1);
  static const char *const same[] = { "a.0123456789abcdef", "b.0123456789abcdef" };

  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    add (texts, same[i], i);
  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    g_assert_true (finds (texts, same[i], i));
}

static void
test_stays_small_and_keeps_the_newest (void)
{
  g_autoptr (TesseraKnownTexts) texts = tessera_known_texts_new (61);
  guint found = 0;

  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *text = g_strdup_printf ("%032u", i);
      add (texts, text, i);
      g_assert_true (finds (texts, text, i));
    }
  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *text = g_strdup_printf ("%032u", i);
      found += finds (texts, text, i) ? 1 : 0;
    }
  g_assert_cmpuint (found, ==, 64);
}

static void
test_texts_of_other_lengths_are_not_kept (void)
{
  static const struct
  {
    gsize length;
    gboolean kept;
  } cases[] = { { 0, FALSE },
                { TESSERA_KNOWN_TEXTS_LENGTH_MIN - 1, FALSE },
                { TESSERA_KNOWN_TEXTS_LENGTH_MIN, TRUE },
                { TESSERA_KNOWN_TEXTS_LENGTH_MAX, TRUE },
                { TESSERA_KNOWN_TEXTS_LENGTH_MAX + 1, FALSE } };
  g_autoptr (TesseraKnownTexts) texts = tessera_known_texts_new (64);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strnfill (cases[i].length, 'x');
      add (texts, text, i);
      g_assert_cmpint (finds (texts, text, i), ==, cases[i].kept);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/known-texts/finds-what-was-added", test_finds_what_was_added);
  g_test_add_func ("/known-texts/every-bit-counts", test_every_bit_counts);
  g_test_add_func ("/known-texts/texts-with-the-same-end-are-several",
                   test_texts_with_the_same_end_are_several);
  g_test_add_func ("/known-texts/stays-small-and-keeps-the-newest",
                   test_stays_small_and_keeps_the_newest);
  g_test_add_func ("/known-texts/texts-of-other-lengths-are-not-kept",
                   test_texts_of_other_lengths_are_not_kept);
  return g_test_run ();
}
