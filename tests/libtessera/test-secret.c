/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-secret-private.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_secrets_never_repeat (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 100000; i++)
    {
      char *secret = tessera_secret_new ("tsr_");
      g_assert_true (g_str_has_prefix (secret, "tsr_"));
      g_assert_cmpuint (strlen (secret), ==, 4 + 43);
      g_assert_true (g_hash_table_add (seen, secret));
    }
}

static void
test_identifiers_are_22_characters (void)
{
  g_autofree char *a = tessera_identifier_new ();
  g_autofree char *b = tessera_identifier_new ();
  g_assert_cmpuint (strlen (a), ==, 22);
  g_assert_cmpstr (a, !=, b);
}

/* Of one time, side by side; and never the same. */
static void
test_identifiers_of_one_time_begin_alike (void)
{
  g_autofree char *a = tessera_identifier_new_at (G_GINT64_CONSTANT (1700000000000));
  g_autofree char *b = tessera_identifier_new_at (G_GINT64_CONSTANT (1700000000000));
  g_autofree char *later = tessera_identifier_new_at (G_GINT64_CONSTANT (1700000000001));

  g_assert_cmpuint (strlen (a), ==, 22);
  g_assert_cmpmem (a, 8, b, 8);
  g_assert_cmpstr (a, !=, b);
  g_assert_cmpmem (a, 7, later, 7);
  g_assert_cmpint (strncmp (a, later, 8), !=, 0);
}

static void
test_long_random_is_random_too (void)
{
  guint8 a[1000] = { 0 }, b[1000] = { 0 };
  tessera_random_bytes (a, sizeof a);
  tessera_random_bytes (b, sizeof b);
  g_assert_cmpint (memcmp (a, b, sizeof a), !=, 0);
  g_assert_cmpint (memcmp (a + 900, b + 900, 100), !=, 0);
}

static void
test_a_forked_child_draws_other_values (void)
{
  /* Called by its address, as gcov begins to count anew behind each fork() that it knows of. */
  pid_t (*volatile split) (void) = fork;
  int ends[2];
  guint8 ours[16], theirs[16];

  tessera_random_bytes (ours, sizeof ours);
  g_assert_cmpint (pipe (ends), ==, 0);
  pid_t child = split ();
  if (child == 0)
    {
      tessera_random_bytes (theirs, sizeof theirs);
      gboolean written = write (ends[1], theirs, sizeof theirs) == sizeof theirs;
#ifdef __SANITIZE_ADDRESS__
      _exit (written ? 0 : 1); /* without a leak check of its own */
#else
      exit (written ? 0 : 1); /* with its counts of lines */
#endif
    }
  tessera_random_bytes (ours, sizeof ours);
  g_assert_cmpint (read (ends[0], theirs, sizeof theirs), ==, sizeof theirs);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  close (ends[0]);
  close (ends[1]);
  g_assert_cmpint (memcmp (ours, theirs, sizeof ours), !=, 0);
}

static void
assert_hex (const TesseraDigest *digest, const char *expected)
{
  g_autoptr (GString) hex = g_string_new (NULL);
  for (guint i = 0; i < TESSERA_DIGEST_SIZE; i++)
    g_string_append_printf (hex, "%02x", digest->bytes[i]);
  g_assert_cmpstr (hex->str, ==, expected);
}

static void
test_digests_are_compared_whole (void)
{
  const TesseraDigest digest = tessera_digest ("text", -1);

  for (guint i = 0; i < TESSERA_DIGEST_SIZE; i++)
    {
      TesseraDigest other = digest;

      g_assert_true (tessera_digest_equal (&digest, &other));
      other.bytes[i] ^= 1;
      g_assert_false (tessera_digest_equal (&digest, &other));
    }
}

static void
test_digests_are_sha256 (void)
{
  TesseraDigest digest = tessera_digest ("abc", -1);
  TesseraDigest same = tessera_digest ("abcd", 3);
  TesseraDigest other = tessera_digest ("abd", 3);

  assert_hex (&digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  g_assert_true (tessera_digest_equal (&digest, &same));
  g_assert_true (tessera_digest_equal_key (&digest, &same));
  g_assert_cmpuint (tessera_digest_hash (&digest), ==, tessera_digest_hash (&same));
  g_assert_false (tessera_digest_equal (&digest, &other));
}

static void
test_hmac_is_that_of_rfc4231 (void)
{
  const char *data = "what do ya want for nothing?";
  TesseraDigest mac = tessera_hmac ((const guint8 *) "Jefe", 4, data, strlen (data));
  assert_hex (&mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void
test_comparison (void)
{
  g_assert_true (tessera_secret_equal ("abc", "abc"));
  g_assert_false (tessera_secret_equal ("abc", "abd"));
  g_assert_false (tessera_secret_equal ("abc", "ab"));
  g_assert_false (tessera_secret_equal ("abc", NULL));
  g_assert_false (tessera_secret_equal (NULL, NULL));
  g_assert_true (tessera_secret_equal ("", ""));
}

static void
test_base64url_round_trips_every_length (void)
{
  guint8 bytes[100];
  tessera_random_bytes (bytes, sizeof bytes);
  for (gsize length = 0; length <= sizeof bytes; length++)
    {
      gsize back_length = 999;
      g_autofree char *text = tessera_base64url_encode (bytes, length);
      g_autofree guint8 *back = tessera_base64url_decode (text, strlen (text), &back_length);
      g_autoptr (GString) string = g_string_new ("x");
      tessera_base64url_append (string, bytes, length);
      g_assert_cmpmem (bytes, length, back, back_length);
      g_assert_cmpstr (string->str + 1, ==, text);
    }
}

static void
test_base64url_is_strict (void)
{
  static const char *const lax[]
      = { "Zg==",   "Zg=", "Z",    "A",   "Zm9vA", "Zm9vY", "Zh",    "Zm9",
          "Zm9vYf", "Z g", "Zg\n", "+_8", "/-8",   "Zm9v.", "Zg%3D", "Zm\xc3\xa9" };
  g_autofree guint8 *good = tessera_base64url_decode ("Zm9vYg", 6, NULL);
  g_assert_cmpstr ((char *) good, ==, "foob");
  for (guint i = 0; i < G_N_ELEMENTS (lax); i++)
    {
      gsize length;
      g_autofree guint8 *bytes = tessera_base64url_decode (lax[i], strlen (lax[i]), &length);
      g_assert_null (bytes);
    }
}

static void
test_each_character_of_base64url_counts (void)
{
  static const char good[] = "Zm9vYmFyYg";

  for (gsize at = 0; at < sizeof good - 1; at++)
    for (guint c = 0; c < 256; c++)
      {
        char text[sizeof good];
        gsize length = 0;

        memcpy (text, good, sizeof good);
        text[at] = (char) c;
        g_autofree guint8 *bytes = tessera_base64url_decode (text, sizeof good - 1, &length);
        if (bytes == NULL)
          continue;
        g_autofree char *again = tessera_base64url_encode (bytes, length);
        g_assert_cmpmem (again, strlen (again), text, sizeof good - 1);
      }
}

/* As GLib writes it, and no other text: not what its reader passes over. */
static void
test_base64_is_strict (void)
{
  static const char *const bad[]
      = { "A",    "AA",       "AAA",    "AA=",   "AAA==", "AA===", "====",  "A===", "AB==",
          "AAB=", "AA==AAAA", "AAAA\n", " AAAA", "AA-_",  "AA!A",  "AAAA=", "=AAA" };

  for (gsize length = 0; length < 70; length++)
    {
      guint8 bytes[70];
      gsize decoded_length = 0;

      tessera_random_bytes (bytes, sizeof bytes);
      g_autofree char *text = g_base64_encode (bytes, length);
      g_autofree guint8 *decoded = tessera_base64_decode (text, strlen (text), &decoded_length);
      g_assert_cmpmem (decoded, decoded_length, bytes, length);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree guint8 *decoded = tessera_base64_decode (bad[i], strlen (bad[i]), NULL);
      g_assert_null (decoded);
    }
}

static void
test_uuids_are_unique_and_carry_their_time (void)
{
  g_autoptr (GHashTable) seen
      = g_hash_table_new_full (tessera_digest_hash, tessera_digest_equal_key, g_free, NULL);
  const gint64 ms = G_GINT64_CONSTANT (1784567890123);

  for (guint i = 0; i < 200000; i++)
    {
      guint8 bytes[16];
      gint64 back = 0;
      g_autofree char *uuid = tessera_uuid_new (ms);
      g_assert_true (tessera_uuid_parse (uuid, bytes, &back));
      g_assert_cmpint (back, ==, ms);
      TesseraDigest digest = tessera_digest (bytes, sizeof bytes);
      g_assert_true (g_hash_table_add (seen, g_memdup2 (&digest, sizeof digest)));
    }
}

static gboolean
is_uuid_character (guint place, guint character)
{
  if (place == 8 || place == 13 || place == 18 || place == 23)
    return character == '-';
  if (place == 14)
    return character == '7';
  const char *digits = place == 19 ? "89ab" : "0123456789abcdef";
  return character != '\0' && strchr (digits, (int) character) != NULL;
}

static void
test_each_character_of_a_uuid_counts (void)
{
  static const char good[] = "019f8e2b-3c4d-7abc-8def-0123456789ab";
  char written[TESSERA_UUID_LENGTH + 1];
  guint8 bytes[16];

  for (guint place = 0; place < TESSERA_UUID_LENGTH; place++)
    for (guint character = 0; character < 256; character++)
      {
        char text[sizeof good];
        memcpy (text, good, sizeof text);
        text[place] = (char) character;
        g_assert_cmpint (tessera_uuid_parse (text, bytes, NULL), ==,
                         is_uuid_character (place, character));
        if (!is_uuid_character (place, character))
          continue;
        tessera_uuid_write (bytes, written);
        g_assert_cmpstr (written, ==, text);
      }
}

static void
test_uuids_are_read_strictly (void)
{
  static const char *const bad[] = {
    "",
    "019f8e2b-3c4d-7abc-8def-0123456789a",
    "019f8e2b-3c4d-7abc-8def-0123456789abc",
    "019F8E2B-3c4d-7abc-8def-0123456789ab",
    "019f8e2b-3c4d-4abc-8def-0123456789ab",
    "019f8e2b-3c4d-7abc-cdef-0123456789ab",
    "019f8e2b-3c4d-7abc-7def-0123456789ab",
    "019f8e2b+3c4d-7abc-8def-0123456789ab",
    "019f8e2b3c4d-7abc-8def-0123456789ab-",
    "{19f8e2b-3c4d-7abc-8def-0123456789a}",
  };
  g_assert_true (tessera_uuid_parse ("019f8e2b-3c4d-7abc-8def-0123456789ab", NULL, NULL));
  g_assert_false (tessera_uuid_parse (NULL, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (tessera_uuid_parse (bad[i], NULL, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/secret/A32-secrets-never-repeat", test_secrets_never_repeat);
  g_test_add_func ("/secret/identifiers-are-22-characters", test_identifiers_are_22_characters);
  g_test_add_func ("/secret/identifiers-of-one-time-begin-alike",
                   test_identifiers_of_one_time_begin_alike);
  g_test_add_func ("/secret/long-random-is-random-too", test_long_random_is_random_too);
  g_test_add_func ("/secret/a-forked-child-draws-other-values",
                   test_a_forked_child_draws_other_values);
  g_test_add_func ("/secret/digests-are-compared-whole", test_digests_are_compared_whole);
  g_test_add_func ("/secret/digests-are-sha256", test_digests_are_sha256);
  g_test_add_func ("/secret/hmac-is-that-of-rfc4231", test_hmac_is_that_of_rfc4231);
  g_test_add_func ("/secret/comparison", test_comparison);
  g_test_add_func ("/secret/base64url-round-trips-every-length",
                   test_base64url_round_trips_every_length);
  g_test_add_func ("/secret/D11-base64url-is-strict", test_base64url_is_strict);
  g_test_add_func ("/secret/D11-each-character-of-base64url-counts",
                   test_each_character_of_base64url_counts);
  g_test_add_func ("/secret/base64-is-strict", test_base64_is_strict);
  g_test_add_func ("/secret/C02-uuids-are-unique-and-carry-their-time",
                   test_uuids_are_unique_and_carry_their_time);
  g_test_add_func ("/secret/uuids-are-read-strictly", test_uuids_are_read_strictly);
  g_test_add_func ("/secret/each-character-of-a-uuid-counts", test_each_character_of_a_uuid_counts);
  return g_test_run ();
}
