/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens that say where their record lies, to us alone. */

#include "base/tessera-secret-private.h"
#include "jose/tessera-numbered-token-private.h"

#include <string.h>

static const guint8 key[32] = "one key of thirty-two bytes ....";
static const guint8 other_key[32] = "another of thirty-two bytes ....";

static TesseraNumberedToken
make (gint64 number, gint64 turn, guint8 byte)
{
  TesseraNumberedToken token = { .number = number, .turn = turn };

  memset (token.nonce.bytes, byte, sizeof token.nonce.bytes);
  return token;
}

static gboolean
read_under (const guint8 *root, const char *prefix, const char *text, TesseraNumberedToken *out)
{
  g_autoptr (TesseraTokenKind) kind = tessera_token_kind_new (root, 32, prefix);

  return tessera_numbered_token_read (kind, text, out);
}

static gboolean
is_known (const char *text)
{
  TesseraNumberedToken token;

  return read_under (key, "tsr_", text, &token);
}

static char *
write_under_key (const TesseraNumberedToken *token)
{
  g_autoptr (TesseraTokenKind) kind = tessera_token_kind_new (key, sizeof key, "tsr_");

  return tessera_numbered_token_write (kind, token);
}

static void
test_is_read_as_it_was_written (void)
{
  static const gint64 numbers[] = { 1, 2, 255, 256, G_MAXINT32, G_MAXINT64 };
  static const gint64 turns[] = { 0, 1, 255, 65536, G_GINT64_CONSTANT (0xffffffffffffff) };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    for (guint j = 0; j < G_N_ELEMENTS (turns); j++)
      {
        TesseraNumberedToken token = make (numbers[i], turns[j], (guint8) (i * 16 + j));
        TesseraNumberedToken read = { 0 };
        g_autofree char *text = write_under_key (&token);

        g_assert_true (read_under (key, "tsr_", text, &read));
        g_assert_cmpint (read.number, ==, numbers[i]);
        g_assert_cmpint (read.turn, ==, turns[j]);
        g_assert_true (tessera_nonce_equal (&read.nonce, &token.nonce));
      }
}

/* So that a lost answer can be repeated, in another process too, by another release too. */
static void
test_the_same_token_is_the_same_text (void)
{
  TesseraNumberedToken token = make (7, 3, 'n');
  g_autofree char *text = write_under_key (&token);
  g_autofree char *again = write_under_key (&token);

  g_assert_cmpstr (text, ==, again);
  /* By another implementation of what the source says. */
  g_assert_cmpstr (text, ==,
                   "tsr_7o-KiCKkABxXYAqm5AZNVdX_FjjRZrNezVaNmuZ5j5ApGG1oXy0IrMgc"
                   "ZqHmkMVT1GG6io_ul1EbsZQTk8cS");
}

/* Neither what differs nor how much. */
static void
test_neighbours_have_nothing_in_common (void)
{
  TesseraNumberedToken token = make (7, 3, 'n');
  TesseraNumberedToken others[] = { make (8, 3, 'n'), make (7, 4, 'n'), make (7, 3, 'm') };
  g_autofree char *text = write_under_key (&token);

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *other = write_under_key (&others[i]);
      guint same = 0;

      g_assert_cmpuint (strlen (other), ==, strlen (text));
      for (gsize at = 4; at < strlen (text); at++)
        same += text[at] == other[at];
      g_assert_cmpuint (same, <, 12);
    }
}

static void
test_a_changed_character_anywhere_makes_it_unknown (void)
{
  TesseraNumberedToken token = make (7, 3, 'n');
  g_autofree char *text = write_under_key (&token);

  for (gsize at = 0; at < strlen (text); at++)
    {
      g_autofree char *forged = g_strdup (text);

      for (const char *c = "AQgwBx8-_"; *c != '\0'; c++)
        {
          forged[at] = *c;
          g_assert_true (is_known (forged) == (*c == text[at]));
        }
    }
  g_assert_true (is_known (text));
}

/* Of the right length and at every place, what base64url has no letter for. */
static void
test_what_is_no_base64url_is_unknown (void)
{
  TesseraNumberedToken token = make (7, 3, 'n');
  g_autofree char *text = write_under_key (&token);

  for (gsize at = strlen ("tsr_"); at < strlen (text); at++)
    for (const char *c = "+/=. \n\x7f\xff"; *c != '\0'; c++)
      {
        g_autofree char *forged = g_strdup (text);

        forged[at] = *c;
        g_assert_true (tessera_numbered_token_looks_like ("tsr_", forged));
        g_assert_false (is_known (forged));
      }
}

static void
test_what_is_longer_or_shorter_is_unknown (void)
{
  TesseraNumberedToken token = make (7, 3, 'n');
  g_autofree char *text = write_under_key (&token);
  g_autofree char *longer = g_strconcat (text, "A", NULL);
  g_autofree char *padded = g_strconcat (text, "=", NULL);
  g_autofree char *twice = g_strconcat (text, text, NULL);

  g_assert_true (tessera_numbered_token_looks_like ("tsr_", text));
  g_assert_false (tessera_numbered_token_looks_like ("tsc_", text));
  g_assert_false (tessera_numbered_token_looks_like ("tsr_", longer));
  g_assert_false (is_known (longer) || is_known (padded) || is_known (twice) || is_known (""));
  for (gsize length = strlen (text); length-- > 0;)
    {
      g_autofree char *shorter = g_strndup (text, length);

      g_assert_false (is_known (shorter) || is_known (text + strlen (text) - length));
    }
}

static void
test_another_key_or_kind_knows_nothing_of_it (void)
{
  TesseraNumberedToken token = make (7, 3, 'n');
  TesseraNumberedToken read;
  g_autofree char *text = write_under_key (&token);
  g_autofree char *renamed = g_strconcat ("tsc_", text + 4, NULL);

  g_assert_false (read_under (other_key, "tsr_", text, &read));
  g_assert_false (read_under (key, "tsc_", text, &read));
  g_assert_false (read_under (key, "tsc_", renamed, &read));
}

/* Two that somebody has make no third. */
static void
test_halves_of_two_make_no_third (void)
{
  TesseraNumberedToken one = make (7, 3, 'n'), other = make (8, 0, 'm');
  g_autofree char *text = write_under_key (&one);
  g_autofree char *other_text = write_under_key (&other);

  for (gsize at = 5; at < strlen (text); at++)
    {
      g_autofree char *head = g_strndup (text, at);
      g_autofree char *mixed = g_strconcat (head, other_text + at, NULL);

      g_assert_true (is_known (mixed) == (strcmp (mixed, text) == 0));
    }
}

static void
test_a_nonce_is_new_each_time (void)
{
  TesseraNonce one = tessera_nonce_new (), other = tessera_nonce_new ();
  TesseraNonce changed = one;

  g_assert_true (tessera_nonce_equal (&one, &one));
  g_assert_false (tessera_nonce_equal (&one, &other));
  for (guint i = 0; i < TESSERA_NONCE_SIZE; i++, changed = one)
    {
      changed.bytes[i] ^= 1;
      g_assert_false (tessera_nonce_equal (&one, &changed));
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/numbered-token/is-read-as-it-was-written", test_is_read_as_it_was_written);
  g_test_add_func ("/numbered-token/the-same-token-is-the-same-text",
                   test_the_same_token_is_the_same_text);
  g_test_add_func ("/numbered-token/neighbours-have-nothing-in-common",
                   test_neighbours_have_nothing_in_common);
  g_test_add_func ("/numbered-token/a-changed-character-anywhere-makes-it-unknown",
                   test_a_changed_character_anywhere_makes_it_unknown);
  g_test_add_func ("/numbered-token/what-is-no-base64url-is-unknown",
                   test_what_is_no_base64url_is_unknown);
  g_test_add_func ("/numbered-token/what-is-longer-or-shorter-is-unknown",
                   test_what_is_longer_or_shorter_is_unknown);
  g_test_add_func ("/numbered-token/another-key-or-kind-knows-nothing-of-it",
                   test_another_key_or_kind_knows_nothing_of_it);
  g_test_add_func ("/numbered-token/halves-of-two-make-no-third", test_halves_of_two_make_no_third);
  g_test_add_func ("/numbered-token/a-nonce-is-new-each-time", test_a_nonce_is_new_each_time);
  return g_test_run ();
}
