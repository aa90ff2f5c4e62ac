/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lists. The input is `L`, a number of bits and the text of a list, against a second reading
 * of it; `C` and claims that are signed as they are, against a second reading of the same rules; or
 * `D` and damages of the file of a list, five bytes each: of those whose tokens were revoked nobody
 * is good, whatever they are; `F` and records that are given right checksums: they may say
 * anything, and harm nothing. */

#include "base/tessera-clock-private.h"
#include "base/tessera-secret-private.h"
#include "fuzz.h"
#include "resource/tessera-status-list-token-private.h"
#include "store/tessera-deny-snapshot-private.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-status-shard-private.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define URI "https://id.test/status-lists/1"
#define NOW_S G_GINT64_CONSTANT (1700000000)
#define STATE "state"
#define TOKENS 12
#define HEADER_SIZE 120 /* of the file */
#define PIECE_SIZE 16

static TesseraKey *key;
static TesseraClock *the_clock;
static TesseraDenyList *deny_list; /* all tokens of the list are denied */
static char *folder;
static TesseraStatusShard *honest;
static guint32 indexes[TOKENS];
static char *file;
static gsize file_length;

static void
remove_folder (void)
{
  tessera_status_shard_remove (honest, folder);
  g_rmdir (folder);
}

static void
deny_everything (void)
{
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  gboolean rolled_back;

  the_clock = tessera_clock_new ();
  deny_list = tessera_deny_list_new (the_clock, 0, NULL);
  g_assert_true (tessera_deny_list_load (deny_list, store, 600 * 1000, &rolled_back, NULL));
  g_assert_true (tessera_store_begin (store, NULL));
  g_assert_true (tessera_deny_list_deny_all (deny_list, store, NULL, NULL));
  g_assert_true (tessera_store_commit (store, NULL));
}

static void
make_honest_file (void)
{
  gint64 now_ms = tessera_clock_get_ms (the_clock);
  honest = tessera_status_shard_new (G_MAXINT64 / 2);

  for (guint i = 0; i < TOKENS; i++)
    {
      g_autofree char *jti = tessera_uuid_new (now_ms - 1000);
      TesseraTokenIdentity token = { .jti = jti, .subject = "s", .client_id = "c", .kid = "k" };
      token.grant_id = i % 2 == 0 ? "g" : NULL;
      indexes[i] = tessera_status_shard_reserve (honest, &token, 0);
      if (i % 4 == 3)
        g_assert_true (
            tessera_status_shard_save (honest, folder, STATE, i + 1, i + 1 == TOKENS, NULL));
    }
  g_autofree char *path = g_build_filename (folder, tessera_status_shard_get_name (honest), NULL);
  g_assert_true (g_file_get_contents (path, &file, &file_length, NULL));
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  gboolean in_memory = g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR);

  fuzz_init ();
  folder = g_strconcat (in_memory ? "/dev/shm" : g_get_tmp_dir (), "/tessera-fuzz-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp (folder));
  key = tessera_key_generate (TESSERA_ALGORITHM_EDDSA, NULL);
  deny_everything ();
  make_honest_file ();
  atexit (remove_folder);
  return 0;
}

/* --- lists --- */

/* In one go; NULL: malformed, or too much. */
static guint8 *
inflate_all (const char *text, gsize length, gsize *out_length)
{
  gsize n_packed, n_read;
  g_autofree guint8 *packed = tessera_base64url_decode (text, length, &n_packed);
  g_autofree guint8 *bytes = g_malloc (TESSERA_STATUS_LIST_BYTES_MAX + 1);
  g_autoptr (GZlibDecompressor) zlib = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);

  if (packed == NULL
      || g_converter_convert (G_CONVERTER (zlib), packed, n_packed, bytes,
                              TESSERA_STATUS_LIST_BYTES_MAX + 1, G_CONVERTER_INPUT_AT_END, &n_read,
                              out_length, NULL)
             != G_CONVERTER_FINISHED
      || n_read != n_packed || *out_length > TESSERA_STATUS_LIST_BYTES_MAX)
    return NULL;
  return g_steal_pointer (&bytes);
}

static void
check_list (guint bits, const char *text, gsize length)
{
  gsize n_bytes = 0;
  g_autofree guint8 *bytes = inflate_all (text, length, &n_bytes);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraStatusList) list = tessera_status_list_decode (bits, text, length, &error);
  gboolean possible = bits == 1 || bits == 2 || bits == 4 || bits == 8;
  guint8 status;

  g_assert_cmpint (list != NULL, ==, possible && bytes != NULL);
  g_assert_cmpint (list == NULL, ==, error != NULL);
  if (list == NULL)
    return;
  guint64 size = n_bytes * 8 / bits;
  for (guint64 i = 0; i < MIN (size, 512); i++)
    {
      guint expected = bytes[i * bits / 8] >> (i * bits % 8) & ((1 << bits) - 1);
      g_assert_true (tessera_status_list_get (list, i, &status));
      g_assert_cmpuint (status, ==, expected);
    }
  g_assert_false (tessera_status_list_get (list, size, &status));
  g_autofree char *again = tessera_status_list_encode (list);
  g_autoptr (TesseraStatusList) back
      = tessera_status_list_decode (bits, again, strlen (again), NULL);
  g_assert_true (tessera_status_list_equal (list, back));
}

/* --- claims --- */

static TesseraKey *
lookup_key (const char *kid, gpointer data)
{
  return strcmp (kid, tessera_key_get_id (key)) == 0 ? tessera_key_ref (key) : NULL;
}

static gboolean
is_number (const json_t *claims, const char *name, gint64 least, gint64 most, gboolean optional)
{
  const json_t *value = json_object_get (claims, name);

  if (value == NULL)
    return optional;
  return json_is_integer (value) && json_integer_value (value) >= least
         && json_integer_value (value) <= most;
}

static gboolean
is_believable (const json_t *claims)
{
  const json_t *list = json_object_get (claims, "status_list");
  const json_t *lst = json_object_get (list, "lst");
  gint64 bits = json_integer_value (json_object_get (list, "bits"));
  gsize n_bytes;

  if (g_strcmp0 (json_string_value (json_object_get (claims, "sub")), URI) != 0
      || !is_number (claims, "iat", 0, NOW_S + 60, FALSE)
      || !is_number (claims, "exp", NOW_S + 1, G_GINT64_CONSTANT (253402300799), TRUE)
      || !is_number (claims, "ttl", 1, G_GINT64_CONSTANT (253402300799), TRUE))
    return FALSE;
  if (!json_is_string (lst) || (bits != 1 && bits != 2 && bits != 4 && bits != 8))
    return FALSE;
  g_autofree guint8 *bytes
      = inflate_all (json_string_value (lst), json_string_length (lst), &n_bytes);
  return bytes != NULL;
}

static void
check_claims (const char *text, gsize length)
{
  g_autofree char *terminated = g_strndup (text, length);
  g_autofree char *token = tessera_jwt_sign_text (key, "statuslist+jwt", terminated, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (json_t) claims = json_loads (terminated, JSON_REJECT_DUPLICATES, NULL);
  g_autoptr (TesseraStatusListToken) list
      = tessera_status_list_token_read (token, strlen (token), URI, NOW_S, lookup_key, NULL,
                                        &error);

  g_assert_cmpint (list == NULL, ==, error != NULL);
  if (list == NULL)
    {
      /* What is nested too deeply is refused besides. */
      g_assert_true (claims == NULL || !is_believable (claims)
                     || strstr (error->message, "malformed") != NULL);
      return;
    }
  g_assert_true (claims != NULL && is_believable (claims));
  guint64 size = tessera_status_list_get_size (tessera_status_list_token_get_list (list));
  g_assert_false (tessera_status_list_token_check (list, size, NOW_S, NULL));
}

/* --- files --- */

static TesseraStatusShard *
load (const char *bytes, gsize length)
{
  const char *name = tessera_status_shard_get_name (honest);
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_unlink (path);
  g_assert_true (g_file_set_contents_full (path, bytes, (gssize) length, G_FILE_SET_CONTENTS_NONE,
                                           0600, NULL));
  return tessera_status_shard_load (folder, name, STATE);
}

static void
assert_nobody_is_good (TesseraStatusShard *shard)
{
  g_autoptr (TesseraStatusList) list
      = tessera_status_shard_draw_up (shard, tessera_status_shard_get_count (shard), deny_list);
  for (guint i = 0; i < TOKENS; i++)
    {
      guint8 status;
      g_assert_true (tessera_status_list_get (list, indexes[i], &status));
      g_assert_cmpuint (status, ==, TESSERA_STATUS_INVALID);
    }
}

static void
check_damaged (const uint8_t *damages, size_t size)
{
  g_autofree char *bytes = g_memdup2 (file, file_length);
  gsize length = file_length;

  for (; size >= 5; damages += 5, size -= 5)
    {
      guint32 at;
      memcpy (&at, damages, sizeof at);
      if (damages[4] == 0) /* cut there */
        length = MIN (length, at % file_length);
      else
        bytes[at % file_length] = (char) (bytes[at % file_length] ^ damages[4]);
    }
  TesseraStatusShard *shard = load (bytes, length);
  if (shard == NULL)
    return;
  assert_nobody_is_good (shard);
  tessera_status_shard_unref (shard);
}

static void
check_hostile (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  struct
  {
    guint32 length;
    guint32 number;
    guint64 checksum;
  } piece = { .length = (guint32) size };

  G_STATIC_ASSERT (sizeof piece == PIECE_SIZE);
  piece.checksum = tessera_deny_snapshot_sum (data, size) ^ tessera_deny_snapshot_sum (&piece, 8);
  g_byte_array_append (bytes, (const guint8 *) file, HEADER_SIZE);
  g_byte_array_append (bytes, (const guint8 *) &piece, sizeof piece);
  g_byte_array_append (bytes, data, (guint) size);
  TesseraStatusShard *shard = load ((const char *) bytes->data, bytes->len);
  g_assert_nonnull (shard);
  g_assert_true (tessera_status_shard_is_torn (shard));
  g_autoptr (TesseraStatusList) list
      = tessera_status_shard_draw_up (shard, tessera_status_shard_get_count (shard), deny_list);
  tessera_status_shard_unref (shard);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  if (data[0] == 'L')
    check_list (data[1] - (guint) '0', (const char *) data + 2, size - 2);
  else if (data[0] == 'C')
    check_claims ((const char *) data + 1, size - 1);
  else if (data[0] == 'D')
    check_damaged (data + 1, size - 1);
  else if (data[0] == 'F')
    check_hostile (data + 1, size - 1);
  return 0;
}
