/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mapped file of denied tokens. The input: `D`, the number of tokens, and then damages, five
 * bytes each: where, and how the byte there changes. Of what was denied nothing is ever said to be
 * absent. Or `H` and a file of which only the checksums are put right: it may say anything, and
 * harms nothing. */

#include "fuzz.h"
#include "store/tessera-deny-snapshot-private.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (128 * 1024)
#define TOKENS_MAX 255
#define EXPIRES_S 4102444800u
#define NOW_MS G_GINT64_CONSTANT (1700000000000)

static char *path;

static void
remove_file (void)
{
  g_autofree char *folder = g_path_get_dirname (path);

  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  gboolean in_memory = g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR);
  g_autofree char *template
      = g_strconcat (in_memory ? "/dev/shm" : g_get_tmp_dir (), "/tessera-fuzz-XXXXXX", NULL);

  fuzz_init ();
  g_assert_nonnull (g_mkdtemp (template));
  path = g_build_filename (template, "snapshot", NULL);
  atexit (remove_file);
  return 0;
}

/* A file of its own: GLib 2.74 leaves the end of a longer one that was there. */
static void
put_file (gconstpointer bytes, gsize length)
{
  g_unlink (path);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
}

/* --- honest files, damaged --- */

/* The n-th token: always the same, some of one grant, some without. */
static TesseraDeniedToken
make_token (guint n)
{
  TesseraDeniedToken token
      = { .grant_tag = n % 3 == 0 ? 0 : 1 + n / 16, .expires_s = EXPIRES_S, .owner = 1 + n % 5 };
  guint64 ms = (guint64) NOW_MS + n * 977,
          random = (n + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  for (guint i = 0; i < 6; i++)
    token.id[i] = (guint8) (ms >> (40 - 8 * i));
  for (guint i = 0; i < 8; i++)
    token.id[8 + i] = (guint8) (random >> (8 * i));
  token.id[6] = (guint8) (0x70 | (n & 15));
  token.id[7] = (guint8) n;
  token.id[8] = (guint8) (0x80 | (token.id[8] & 0x3f));
  return token;
}

static void
write_tokens (guint n)
{
  TesseraDenySnapshotTerms terms = { .id = "database", .generation = 7, .now_ms = NOW_MS };
  g_autoptr (TesseraDeniedTokens) tokens = tessera_denied_tokens_new (n + 1);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      TesseraDeniedToken token = make_token (i);
      tessera_denied_tokens_add (tokens, &token);
    }
  g_autoptr (TesseraDenySnapshot) written
      = tessera_deny_snapshot_write (path, NULL, tokens, &terms, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tessera_deny_snapshot_get_count (written), ==, n);
}

/* FALSE: nothing was changed. */
static gboolean
damage (const uint8_t *damages, size_t size)
{
  g_autofree char *bytes = NULL;
  gsize length = 0;
  gboolean changed = FALSE;

  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  for (; size >= 5; damages += 5, size -= 5)
    {
      guint32 at;
      memcpy (&at, damages, sizeof at);
      bytes[at % length] = (char) (bytes[at % length] ^ damages[4]);
      changed |= damages[4] != 0;
    }
  put_file (bytes, length);
  return changed;
}

static void
check_damaged (guint n, const uint8_t *damages, size_t size)
{
  write_tokens (n);
  gboolean changed = damage (damages, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (path, &error);

  g_assert_cmpint (snapshot == NULL, ==, error != NULL);
  g_assert_true (snapshot != NULL || changed);
  for (guint i = 0; snapshot != NULL && i < n; i++)
    {
      TesseraDeniedToken token = make_token (i);
      TesseraDenySnapshotAnswer answer
          = tessera_deny_snapshot_lookup (snapshot, token.id, token.grant_tag);

      g_assert_cmpint (answer, !=, TESSERA_DENY_SNAPSHOT_ABSENT);
      if (answer == TESSERA_DENY_SNAPSHOT_UNKNOWN)
        g_assert_true (tessera_deny_snapshot_is_damaged (snapshot));
      if (!changed)
        g_assert_cmpint (answer, ==, TESSERA_DENY_SNAPSHOT_PRESENT);
    }
  TesseraDeniedToken other = make_token (n + 1);
  if (snapshot != NULL && !changed)
    g_assert_cmpint (tessera_deny_snapshot_lookup (snapshot, other.id, other.grant_tag), ==,
                     TESSERA_DENY_SNAPSHOT_ABSENT);
}

/* --- hostile files --- */

/* Puts right what must be for the file to be looked into at all. */
static GByteArray *
complete_file (const uint8_t *data, size_t size)
{
  TesseraDenySnapshotHeader header = { 0 };
  TesseraDenySnapshotLayout layout;
  GByteArray *file = NULL;

  memcpy (&header, data, MIN (size, sizeof header));
  header.magic = TESSERA_DENY_SNAPSHOT_MAGIC;
  header.id[sizeof header.id - 1] = '\0';
  header.count %= 2048;
  header.lines = 1 + header.lines % 64;
  header.directory_bits %= 12;
  header.owners %= 64;
  tessera_deny_snapshot_lay_out (&header, &layout);
  header.size = layout.checksums + layout.blocks * 8;
  if (header.size > FILE_MAX)
    return NULL;

  file = g_byte_array_sized_new ((guint) header.size);
  g_byte_array_set_size (file, (guint) header.size);
  memset (file->data, 0, file->len);
  if (size > sizeof header)
    memcpy (file->data + sizeof header, data + sizeof header,
            MIN (size - sizeof header, layout.checksums - sizeof header));
  for (gsize i = 0; i < layout.blocks; i++)
    {
      gsize begin = layout.entries + i * TESSERA_DENY_SNAPSHOT_BLOCK;
      gsize length = MIN (layout.checksums - begin, TESSERA_DENY_SNAPSHOT_BLOCK);
      guint64 sum = tessera_deny_snapshot_sum (file->data + begin, length);
      memcpy (file->data + layout.checksums + i * 8, &sum, sizeof sum);
    }
  header.digest = tessera_deny_snapshot_sum (file->data + layout.checksums, layout.blocks * 8);
  header.checksum
      = tessera_deny_snapshot_sum (&header, G_STRUCT_OFFSET (TesseraDenySnapshotHeader, checksum));
  memcpy (file->data, &header, sizeof header);
  return file;
}

static void
check_hostile (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) file = complete_file (data, size);
  g_autoptr (GError) error = NULL;

  if (file == NULL)
    return;
  put_file (file->data, file->len);
  g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 24; i++)
    {
      TesseraDeniedToken token = make_token (i);

      if (size >= 16 * (i + 1))
        memcpy (token.id, data + 16 * i, 16);
      tessera_deny_snapshot_lookup (snapshot, token.id, token.grant_tag);
      tessera_deny_snapshot_count_grant (snapshot, token.grant_tag, 0, 0);
      tessera_deny_snapshot_get_share (snapshot, token.owner);
    }
  tessera_deny_snapshot_count_share (snapshot, 1, 0, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  if (data[0] == 'H')
    check_hostile (data + 1, size - 1);
  else
    check_damaged (MIN (data[1], TOKENS_MAX), data + 2, size - 2);
  return 0;
}
