/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots of a deny-list, read in pieces, and believed when everything is right. */

#include "resource/tessera-snapshot-reader-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "feed-maker.h"

#include <gio/gio.h>
#include <string.h>

#define TIME_MS G_GINT64_CONSTANT (1700000000000)
#define JTI_1 "018bcfe5-6800-7000-8000-000000000001"
#define JTI_2 "018bcfe5-6800-7000-8000-000000000002"

static TesseraKey *key;
static TesseraClock *the_clock;

/* What became of it: what the verdict is called, or "error". */
static const char *
read_in_pieces (
    TesseraDenyReplica *replica, const char *text, gsize length, gsize first, gsize size)
{
  static const char *const names[] = { "taken", "older", "not ours", "not understood" };
  g_autoptr (TesseraSnapshotReader) reader
      = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);
  g_autoptr (GError) error = NULL;

  for (gsize at = 0, step = first; at < length; at += step, step = MIN (size, length - at))
    if (!tessera_snapshot_reader_feed (reader, text + at, step, &error))
      {
        g_assert_true (error->domain == TESSERA_ERROR);
        g_test_message ("%s", error->message);
        return "error";
      }
  if (!tessera_snapshot_reader_end (reader, &error))
    {
      g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
      return "error";
    }
  g_assert_cmpstr (tessera_snapshot_reader_get_kid (reader), ==, tessera_key_get_id (key));
  TesseraSnapshotVerdict verdict = tessera_snapshot_reader_commit (reader, key, &error);
  g_assert_true ((verdict == TESSERA_SNAPSHOT_TAKEN) == (error == NULL));
  return names[verdict];
}

/* The same as one piece, byte by byte, and as gzip. */
static void
check_bytes (const char *text, gsize length, const char *expected, guint count)
{
  g_autoptr (GBytes) compressed = feed_maker_compress (text, length);
  gsize compressed_length = 0;
  const char *bytes = g_bytes_get_data (compressed, &compressed_length);

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      gsize size = i % 2 == 0 ? 1 : G_MAXINT;
      const char *became = i < 2 ? read_in_pieces (replica, text, length, MIN (size, length), size)
                                 : read_in_pieces (replica, bytes, compressed_length,
                                                   MIN (size, compressed_length), size);

      g_assert_cmpstr (became, ==, expected);
      g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, count);
      g_assert_true ((tessera_deny_replica_get_age_ms (replica) == G_MAXINT64)
                     == (count == 0 && !g_str_equal (expected, "taken")));
    }
}

static void
check (const GString *text, const char *expected, guint count)
{
  check_bytes (text->str, text->len, expected, count);
}

static GString *
make_entries (void)
{
  GString *text = feed_maker_head ("l", TIME_MS);

  feed_maker_add_token (text, 3, JTI_1);
  feed_maker_add_token (text, 7, JTI_2);
  return text;
}

static GString *
make_snapshot (void)
{
  GString *text = make_entries ();

  feed_maker_sign (text, key, NULL, "l", 9, TIME_MS, "");
  return text;
}

static void
test_takes_a_list (void)
{
  g_autoptr (GString) text = make_snapshot ();
  g_autoptr (GString) empty = feed_maker_head ("l", TIME_MS);
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);

  check (text, "taken", 2);
  feed_maker_sign (empty, key, NULL, "l", 0, TIME_MS, "");
  check (empty, "taken", 0);

  g_assert_cmpstr (read_in_pieces (replica, text->str, text->len, 5, 700), ==, "taken");
  g_assert_cmpuint (tessera_deny_replica_get_generation (replica), ==, 9);
  g_autofree char *list = tessera_deny_replica_dup_list (replica);
  g_assert_cmpstr (list, ==, "l");
}

static void
test_takes_it_however_it_is_cut (void)
{
  g_autoptr (GString) text = make_snapshot ();
  g_autoptr (GBytes) compressed = feed_maker_compress (text->str, text->len);
  gsize length = 0;
  const char *bytes = g_bytes_get_data (compressed, &length);

  for (gsize i = 0; i <= text->len; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_assert_cmpstr (read_in_pieces (replica, text->str, text->len, i, G_MAXINT), ==, "taken");
      g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 2);
    }
  for (gsize i = 0; i <= length; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_assert_cmpstr (read_in_pieces (replica, bytes, length, i, G_MAXINT), ==, "taken");
      g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 2);
    }
}

static void
test_believes_nothing_before_the_end (void)
{
  g_autoptr (GString) text = make_snapshot ();
  g_autoptr (GBytes) compressed = feed_maker_compress (text->str, text->len);
  gsize length = 0;
  const char *bytes = g_bytes_get_data (compressed, &length);

  for (gsize i = 0; i < text->len; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_assert_cmpstr (read_in_pieces (replica, text->str, i, i, G_MAXINT), ==, "error");
      g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 0);
    }
  for (gsize i = 0; i < length; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_assert_cmpstr (read_in_pieces (replica, bytes, i, i, G_MAXINT), ==, "error");
      g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 0);
    }
}

/* Bits that fill up the last byte of the compressed data, for one, are about nothing. */
static gboolean
says_the_same (const char *bytes, gsize length, const GString *text)
{
  g_autoptr (GZlibDecompressor) inflater = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autofree char *inflated = g_malloc (text->len + 1);
  gsize n_read = 0, n_written = 0;

  return g_converter_convert (G_CONVERTER (inflater), bytes, length, inflated, text->len + 1,
                              G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL)
             == G_CONVERTER_FINISHED
         && n_read == length && n_written == text->len
         && memcmp (inflated, text->str, text->len) == 0;
}

/* No byte of it can be another one. */
static void
test_notices_every_change (void)
{
  g_autoptr (GString) text = make_snapshot ();
  g_autoptr (GBytes) compressed = feed_maker_compress (text->str, text->len);
  g_autofree char *bytes
      = g_memdup2 (g_bytes_get_data (compressed, NULL), g_bytes_get_size (compressed));

  for (gsize i = 0; i < text->len; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_autoptr (TesseraSnapshotReader) reader
          = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);

      text->str[i] ^= 1;
      if (tessera_snapshot_reader_feed (reader, text->str, text->len, NULL)
          && tessera_snapshot_reader_end (reader, NULL))
        g_assert_cmpint (tessera_snapshot_reader_commit (reader, key, NULL), ==,
                         TESSERA_SNAPSHOT_NOT_OURS);
      g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 0);
      text->str[i] ^= 1;
    }
  /* Of what the compression says of itself, some is about nothing (RFC 1952 §2.3.1). */
  for (gsize i = 10; i < g_bytes_get_size (compressed); i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);

      bytes[i] ^= 1;
      g_assert_cmpstr (read_in_pieces (replica, bytes, g_bytes_get_size (compressed), 1, G_MAXINT),
                       ==,
                       says_the_same (bytes, g_bytes_get_size (compressed), text) ? "taken"
                                                                                  : "error");
      bytes[i] ^= 1;
    }
}

static void
test_wants_the_issuers_signature (void)
{
  g_autoptr (TesseraKey) other = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
  g_autoptr (TesseraSnapshotReader) reader
      = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);
  g_autoptr (GString) text = make_entries ();
  g_autoptr (GError) error = NULL;

  feed_maker_sign (text, other, NULL, "l", 9, TIME_MS, "");
  g_assert_true (tessera_snapshot_reader_feed (reader, text->str, text->len, NULL));
  g_assert_true (tessera_snapshot_reader_end (reader, NULL));
  g_assert_cmpstr (tessera_snapshot_reader_get_kid (reader), ==, tessera_key_get_id (other));
  g_assert_cmpint (tessera_snapshot_reader_commit (reader, key, &error), ==,
                   TESSERA_SNAPSHOT_NOT_OURS);
  g_assert_nonnull (error);
  g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 0);
}

static void
test_wants_every_claim_to_be_right (void)
{
  static const char *const wrong[] = {
    "\"iss\":\"https://id.test/\"",
    "\"iss\":null",
    "\"iat\":\"1700000000\"",
    "\"list\":\"k\"",
    "\"list\":null",
    "\"generation\":6",
    "\"generation\":-1",
    "\"generation\":\"9\"",
    "\"time\":null",
    "\"time\":1e15",
    "\"entries\":1",
    "\"entries\":3",
    "\"entries\":null",
    "\"sha256\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"",
    "\"sha256\":null",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GString) text = make_entries ();

      g_test_message ("%s", wrong[i]);
      feed_maker_sign (text, key, NULL, "l", 9, TIME_MS, wrong[i]);
      check (text, "not ours", 0);
    }
}

static void
test_wants_a_signature_that_is_meant_for_it (void)
{
  static const char *const types[] = { "JWT", "at+jwt", "statuslist+jwt" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GString) text = make_entries ();

      feed_maker_sign (text, key, types[i], "l", 9, TIME_MS, "");
      check (text, "error", 0);
    }
}

static void
test_refuses_what_is_no_snapshot (void)
{
  static const char *const texts[] = {
    "",
    "\n",
    "{}\n",
    "<!DOCTYPE html>\n",
    "{\"tessera_deny_list\":2,\"issuer\":\"" FEED_MAKER_ISSUER "\",\"list\":\"l\",\"time\":1}\n",
    "{\"tessera_deny_list\":true,\"issuer\":\"" FEED_MAKER_ISSUER "\",\"list\":\"l\"}\n",
    "{\"tessera_deny_list\":1,\"issuer\":\"" FEED_MAKER_ISSUER "/\",\"list\":\"l\",\"time\":1}\n",
    "{\"tessera_deny_list\":1,\"issuer\":\"" FEED_MAKER_ISSUER "\",\"time\":1}\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GString) text = g_string_new (texts[i]);

      g_test_message ("%s", texts[i]);
      feed_maker_sign (text, key, NULL, "l", 9, TIME_MS, "");
      check (text, "error", 0);
    }
}

static void
check_entry (const char *line, const char *expected)
{
  g_autoptr (GString) text = make_entries ();

  g_test_message ("%s", line);
  g_string_append (text, line);
  feed_maker_sign (text, key, NULL, "l", 99, TIME_MS, "");
  check (text, expected, 0);
}

static void
test_refuses_entries_out_of_order (void)
{
  check_entry ("{\"generation\":7,\"rule\":\"key\",\"value\":\"k\"}\n", "error");
  check_entry ("{\"generation\":5,\"rule\":\"key\",\"value\":\"k\"}\n", "error");
  check_entry ("{\"generation\":100,\"rule\":\"key\",\"value\":\"k\"}\n", "not ours");
}

static void
test_refuses_what_is_no_entry (void)
{
  check_entry ("{\"generation\":8,\"rule\":\"key\",\"value\":7}\n", "error");
  check_entry ("{\"generation\":8,\"rule\":\"key\"\n,\"value\":\"k\"}\n", "error");
  check_entry ("\n", "error");
  check_entry ("{\"signature\":7}\n", "error");
  check_entry ("{\"signature\":\"a.b.c\"}\n", "error");
}

static void
test_says_what_it_does_not_understand (void)
{
  check_entry ("{\"generation\":8,\"rule\":\"device\",\"value\":\"k\"}\n", "not understood");
  /* But only of what the issuer wrote. */
  g_autoptr (GString) text = make_entries ();
  g_string_append (text, "{\"generation\":8,\"rule\":\"device\",\"value\":\"k\"}\n");
  feed_maker_sign (text, key, NULL, "l", 9, TIME_MS, "\"entries\":2");
  check (text, "not ours", 0);
}

static void
test_refuses_what_follows_the_signature (void)
{
  g_autoptr (GString) text = make_snapshot ();

  g_string_append (text, "\n");
  check (text, "error", 0);
  g_string_truncate (text, text->len - 1);
  g_string_append (text, "x");
  check (text, "error", 0);
}

static void
test_bounds_lines_and_entries (void)
{
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
  g_autofree char *endless = g_strnfill (TESSERA_SNAPSHOT_LINE_MAX + 1, '{');
  g_autoptr (GString) text = make_snapshot ();

  for (guint limit = 1; limit <= 2; limit++)
    {
      g_autoptr (TesseraSnapshotReader) reader
          = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);

      tessera_snapshot_reader_set_max_entries (reader, limit);
      g_assert_true (tessera_snapshot_reader_feed (reader, text->str, text->len, NULL)
                     == (limit == 2));
    }
  check_bytes (endless, TESSERA_SNAPSHOT_LINE_MAX + 1, "error", 0);
}

/* What is wrong is refused when it comes: not at the end, until when it would lie in memory. */
static void
test_refuses_at_once (void)
{
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
  g_autofree char *endless = g_strnfill (TESSERA_SNAPSHOT_LINE_MAX + 1, 'x');
  g_autoptr (GString) whole = make_snapshot ();
  g_autoptr (GString) more = g_string_new (NULL);
  g_autoptr (TesseraSnapshotReader) first
      = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);
  g_autoptr (TesseraSnapshotReader) second
      = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);

  g_assert_true (tessera_snapshot_reader_feed (first, whole->str, whole->len, NULL));
  feed_maker_add_token (more, 100, JTI_1);
  g_assert_false (tessera_snapshot_reader_feed (first, more->str, more->len, NULL));
  g_assert_false (
      tessera_snapshot_reader_feed (second, endless, TESSERA_SNAPSHOT_LINE_MAX + 1, NULL));
}

/* Of the longest entries there may be fewer. */
static void
test_bounds_all_together (void)
{
  const guint max_entries = 20000;
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
  g_autoptr (TesseraSnapshotReader) reader
      = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);
  g_autoptr (GString) text = feed_maker_head ("l", TIME_MS);
  g_autofree char *value = g_strnfill (1000, 'v');
  guint n = 0;

  tessera_snapshot_reader_set_max_entries (reader, max_entries);
  while (tessera_snapshot_reader_feed (reader, text->str, text->len, NULL))
    {
      g_assert_cmpuint (++n, <, max_entries);
      feed_maker_add_token (g_string_truncate (text, 0), n, value);
    }
  g_assert_cmpuint (n, >, 1000);
}

/* A megabyte of a bomb is a gigabyte; it ends with the first line that is none. */
static void
test_survives_a_bomb (void)
{
  g_autofree char *zeros = g_malloc0 (1 << 20);
  g_autoptr (GBytes) bomb = feed_maker_compress (zeros, 1 << 20);
  g_autofree char *feeds = g_strnfill (1 << 20, '\n');
  g_autoptr (GBytes) lines = feed_maker_compress (feeds, 1 << 20);
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);

  g_assert_cmpstr (read_in_pieces (replica, g_bytes_get_data (bomb, NULL), g_bytes_get_size (bomb),
                                   1, G_MAXINT),
                   ==, "error");
  g_assert_cmpstr (read_in_pieces (replica, g_bytes_get_data (lines, NULL),
                                   g_bytes_get_size (lines), 1, G_MAXINT),
                   ==, "error");
}

static void
test_reads_a_file_that_was_put_together (void)
{
  g_autoptr (GString) text = make_snapshot ();
  g_autoptr (GBytes) first = feed_maker_compress (text->str, 100);
  g_autoptr (GBytes) second = feed_maker_compress (text->str + 100, text->len - 100);
  g_autoptr (GByteArray) both = g_byte_array_new ();

  g_byte_array_append (both, g_bytes_get_data (first, NULL), (guint) g_bytes_get_size (first));
  g_byte_array_append (both, g_bytes_get_data (second, NULL), (guint) g_bytes_get_size (second));
  for (gsize i = 0; i <= both->len; i++)
    {
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_assert_cmpstr (read_in_pieces (replica, (const char *) both->data, both->len, i, G_MAXINT),
                       ==, "taken");
    }
}

/* All that was compressed by then, and no end: as a server flushes it. */
static void
compress_some (GConverter *deflater, const char *text, gsize length, GByteArray *out)
{
  guint8 deflated[64 * 1024];
  gsize n_read = 0, n_written = 0, at = 0;

  for (GConverterResult result = G_CONVERTER_CONVERTED; result != G_CONVERTER_FLUSHED;)
    {
      result = g_converter_convert (deflater, text + at, length - at, deflated, sizeof deflated,
                                    G_CONVERTER_FLUSH, &n_read, &n_written, NULL);
      g_assert_cmpint (result, !=, G_CONVERTER_ERROR);
      g_byte_array_append (out, deflated, (guint) n_written);
      at += n_read;
    }
}

/* Whatever the pieces are that it inflates at once: one of them ends where they do. */
static void
test_pieces_may_end_where_the_room_for_them_does (void)
{
  for (gsize room = 1024; room <= 64 * 1024; room *= 2)
    {
      g_autoptr (GConverter) deflater
          = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
      g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
      g_autoptr (TesseraSnapshotReader) reader
          = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);
      g_autoptr (GString) text = make_entries ();
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      for (guint i = 8; text->len <= room; i++)
        {
          g_autofree char *jti = g_strdup_printf ("018bcfe5-6800-7000-8000-%012u", i);
          feed_maker_add_token (text, i, jti);
        }
      compress_some (deflater, text->str, room, bytes);
      g_assert_true (tessera_snapshot_reader_feed (reader, bytes->data, bytes->len, NULL));
      g_byte_array_set_size (bytes, 0);
      compress_some (deflater, text->str + room, text->len - room, bytes);
      g_assert_true (tessera_snapshot_reader_feed (reader, bytes->data, bytes->len, NULL));
    }
}

static void
test_does_not_go_back (void)
{
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
  g_autoptr (GString) newer = make_snapshot ();
  g_autoptr (GString) older = feed_maker_head ("l", TIME_MS);

  feed_maker_add_token (older, 3, JTI_1);
  feed_maker_sign (older, key, NULL, "l", 8, TIME_MS + 5, "");
  g_assert_cmpstr (read_in_pieces (replica, newer->str, newer->len, 1, G_MAXINT), ==, "taken");
  g_assert_cmpstr (read_in_pieces (replica, older->str, older->len, 1, G_MAXINT), ==, "older");
  g_assert_cmpuint (tessera_deny_replica_get_generation (replica), ==, 9);
  g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, 2);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  the_clock = tessera_clock_new ();
  g_test_add_func ("/snapshot-reader/takes-a-list", test_takes_a_list);
  g_test_add_func ("/snapshot-reader/takes-it-however-it-is-cut", test_takes_it_however_it_is_cut);
  g_test_add_func ("/snapshot-reader/believes-nothing-before-the-end",
                   test_believes_nothing_before_the_end);
  g_test_add_func ("/snapshot-reader/notices-every-change", test_notices_every_change);
  g_test_add_func ("/snapshot-reader/wants-the-issuers-signature",
                   test_wants_the_issuers_signature);
  g_test_add_func ("/snapshot-reader/wants-every-claim-to-be-right",
                   test_wants_every_claim_to_be_right);
  g_test_add_func ("/snapshot-reader/wants-a-signature-that-is-meant-for-it",
                   test_wants_a_signature_that_is_meant_for_it);
  g_test_add_func ("/snapshot-reader/refuses-what-is-no-snapshot",
                   test_refuses_what_is_no_snapshot);
  g_test_add_func ("/snapshot-reader/refuses-entries-out-of-order",
                   test_refuses_entries_out_of_order);
  g_test_add_func ("/snapshot-reader/refuses-what-is-no-entry", test_refuses_what_is_no_entry);
  g_test_add_func ("/snapshot-reader/says-what-it-does-not-understand",
                   test_says_what_it_does_not_understand);
  g_test_add_func ("/snapshot-reader/refuses-what-follows-the-signature",
                   test_refuses_what_follows_the_signature);
  g_test_add_func ("/snapshot-reader/bounds-lines-and-entries", test_bounds_lines_and_entries);
  g_test_add_func ("/snapshot-reader/refuses-at-once", test_refuses_at_once);
  g_test_add_func ("/snapshot-reader/bounds-all-together", test_bounds_all_together);
  g_test_add_func ("/snapshot-reader/survives-a-bomb", test_survives_a_bomb);
  g_test_add_func ("/snapshot-reader/reads-a-file-that-was-put-together",
                   test_reads_a_file_that_was_put_together);
  g_test_add_func ("/snapshot-reader/pieces-may-end-where-the-room-for-them-does",
                   test_pieces_may_end_where_the_room_for_them_does);
  g_test_add_func ("/snapshot-reader/does-not-go-back", test_does_not_go_back);
  int result = g_test_run ();
  tessera_clock_unref (the_clock);
  tessera_key_unref (key);
  return result;
}
