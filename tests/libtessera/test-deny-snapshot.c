/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mapped file of denied tokens: says what was put in, and nothing when a block of it is
 * damaged. */

#include "base/tessera-secret-private.h"
#include "store/tessera-deny-snapshot-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_MS G_GINT64_CONSTANT (1800000000000)
#define NOW_S (NOW_MS / 1000)

typedef struct
{
  char *directory;
  char *path;
  TesseraDeniedTokens *tokens; /* all that were ever added */
  GArray *list;                /* the same */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  f->path = g_build_filename (f->directory, "denied-tokens", NULL);
  f->tokens = tessera_denied_tokens_new (MAX (100000, GPOINTER_TO_UINT (data)));
  f->list = g_array_new (FALSE, FALSE, sizeof (TesseraDeniedToken));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_unlink (f->path);
  g_assert_cmpint (g_rmdir (f->directory), ==, 0); /* nothing was left behind */
  tessera_denied_tokens_free (f->tokens);
  g_array_unref (f->list);
  g_free (f->directory);
  g_free (f->path);
}

static TesseraDeniedToken
make_token (gint64 issued_ms, guint64 grant_tag, guint32 owner, gint64 expires_s)
{
  g_autofree char *jti = tessera_uuid_new (issued_ms);
  TesseraDeniedToken token
      = { .grant_tag = grant_tag, .expires_s = (guint32) expires_s, .owner = owner };
  gint64 ms;
  g_assert_true (tessera_uuid_parse (jti, token.id, &ms));
  return token;
}

static void
add (Fixture *f, TesseraDeniedTokens *also, TesseraDeniedToken token)
{
  tessera_denied_tokens_add (f->tokens, &token);
  g_array_append_val (f->list, token);
  if (also != NULL)
    tessera_denied_tokens_add (also, &token);
}

/* A third without a grant, the others of few grants; owners 1 to 20. */
static void
add_many (Fixture *f, TesseraDeniedTokens *also, guint count)
{
  for (guint i = 0; i < count; i++)
    {
      guint64 tag = i % 3 == 0 ? 0 : 1 + (guint64) g_test_rand_int_range (0, 500);
      add (f, also, make_token (NOW_MS - i, tag, 1 + i % 20, NOW_S + 100 + i % 50));
    }
}

static TesseraDenySnapshot *
write_at (Fixture *f,
          TesseraDenySnapshot *old,
          const TesseraDeniedTokens *added,
          gint64 now_ms,
          GHashTable *settled)
{
  g_autoptr (GError) error = NULL;
  TesseraDenySnapshotTerms terms
      = { .id = "database", .generation = 7, .now_ms = now_ms, .settled = settled };
  TesseraDenySnapshot *snapshot = tessera_deny_snapshot_write (f->path, old, added, &terms, &error);
  g_assert_no_error (error);
  return snapshot;
}

static TesseraDenySnapshotAnswer
look_up (TesseraDenySnapshot *snapshot, const TesseraDeniedToken *token)
{
  return tessera_deny_snapshot_lookup (snapshot, token->id, token->grant_tag);
}

static void
assert_has_all (Fixture *f, TesseraDenySnapshot *snapshot)
{
  for (guint i = 0; i < f->list->len; i++)
    g_assert_cmpint (look_up (snapshot, &g_array_index (f->list, TesseraDeniedToken, i)), ==,
                     TESSERA_DENY_SNAPSHOT_PRESENT);
}

static void
assert_has_no_other (TesseraDenySnapshot *snapshot, guint count)
{
  for (guint i = 0; i < count; i++)
    {
      TesseraDeniedToken token = make_token (NOW_MS - i, i % 500, 0, 0);
      g_assert_cmpint (look_up (snapshot, &token), ==, TESSERA_DENY_SNAPSHOT_ABSENT);
    }
}

static void
test_says_what_was_put_in (Fixture *f, gconstpointer count)
{
  add_many (f, NULL, GPOINTER_TO_UINT (count));
  g_autoptr (TesseraDenySnapshot) written = write_at (f, NULL, f->tokens, NOW_MS, NULL);
  g_autoptr (TesseraDenySnapshot) opened = tessera_deny_snapshot_open (f->path, NULL);
  TesseraDenySnapshot *both[] = { written, opened };

  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      assert_has_all (f, both[i]);
      assert_has_no_other (both[i], 5000);
      g_assert_cmpuint (tessera_deny_snapshot_get_count (both[i]), ==, f->list->len);
      g_assert_cmpuint (tessera_deny_snapshot_get_generation (both[i]), ==, 7);
      g_assert_cmpstr (tessera_deny_snapshot_get_id (both[i]), ==, "database");
      g_assert_cmpint (tessera_deny_snapshot_get_made_ms (both[i]), ==, NOW_MS);
      g_assert_false (tessera_deny_snapshot_is_damaged (both[i]));
    }
}

/* So many that their index takes more than one huge page; a few of them are asked for. */
#define LARGE 1500000

static void
test_a_large_index_says_it_too (Fixture *f, gconstpointer count)
{
  for (guint64 i = 1; i <= LARGE; i++)
    {
      guint64 id[2] = { i * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15), /* anything that differs */
                        i * G_GUINT64_CONSTANT (0xd1342543de82ef95) };
      TesseraDeniedToken token = { .expires_s = NOW_S + 100, .owner = 1 };

      memcpy (token.id, id, sizeof token.id);
      tessera_denied_tokens_add (f->tokens, &token);
      if (i % 500 == 0)
        g_array_append_val (f->list, token);
    }
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);

  assert_has_all (f, snapshot);
  assert_has_no_other (snapshot, 5000);
}

/* A token is found by its own grant or without one, as the table does it. */
static void
test_grant_must_match (Fixture *f, gconstpointer data)
{
  TesseraDeniedToken token = make_token (NOW_MS, 5, 1, NOW_S + 100);
  TesseraDeniedToken own = make_token (NOW_MS, 0, 1, NOW_S + 100);
  add (f, NULL, token);
  add (f, NULL, own);
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);

  token.grant_tag = 6;
  g_assert_cmpint (look_up (snapshot, &token), ==, TESSERA_DENY_SNAPSHOT_ABSENT);
  own.grant_tag = 6;
  g_assert_cmpint (look_up (snapshot, &own), ==, TESSERA_DENY_SNAPSHOT_PRESENT);
}

static void
test_merges_what_came_since (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraDenySnapshot) snapshot = NULL;

  for (guint round = 0; round < 12; round++)
    {
      g_autoptr (TesseraDeniedTokens) added = tessera_denied_tokens_new (3000);
      add_many (f, added, (guint) g_test_rand_int_range (0, 2000));
      if (round > 0) /* one that is there already */
        tessera_denied_tokens_add (added, &g_array_index (f->list, TesseraDeniedToken, round - 1));
      TesseraDenySnapshot *newer = write_at (f, snapshot, added, NOW_MS, NULL);
      tessera_deny_snapshot_unref (snapshot);
      snapshot = newer;
      g_assert_cmpuint (tessera_deny_snapshot_get_count (snapshot), ==, f->list->len);
    }
  assert_has_all (f, snapshot);
  assert_has_no_other (snapshot, 5000);
}

static void
test_leaves_out_what_has_expired (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraDeniedTokens) none = tessera_denied_tokens_new (0);
  add_many (f, NULL, 5000);
  g_autoptr (TesseraDenySnapshot) all = write_at (f, NULL, f->tokens, NOW_MS, NULL);
  g_autoptr (TesseraDenySnapshot) some = write_at (f, all, none, NOW_MS + 125 * 1000, NULL);
  guint left = 0;

  for (guint i = 0; i < f->list->len; i++)
    {
      TesseraDeniedToken *token = &g_array_index (f->list, TesseraDeniedToken, i);
      gboolean lives = token->expires_s >= NOW_S + 125;
      left += lives;
      g_assert_cmpint (look_up (some, token), ==,
                       lives ? TESSERA_DENY_SNAPSHOT_PRESENT : TESSERA_DENY_SNAPSHOT_ABSENT);
    }
  g_assert_cmpuint (left, >, 0);
  g_assert_cmpuint (left, <, 5000);
  g_assert_cmpuint (tessera_deny_snapshot_get_count (some), ==, left);
  g_assert_cmpuint (tessera_deny_snapshot_get_last_expiry (some), ==, NOW_S + 149);
  g_assert_cmpuint (tessera_deny_snapshot_get_mean_expiry (some), >, NOW_S + 125);
  g_assert_cmpuint (tessera_deny_snapshot_get_mean_expiry (some), <, NOW_S + 149);
}

static guint
count_plainly (Fixture *f, guint64 tag, guint32 owner, gint64 now_s, gint64 since_ms)
{
  guint count = 0;
  for (guint i = 0; i < f->list->len; i++)
    {
      TesseraDeniedToken *token = &g_array_index (f->list, TesseraDeniedToken, i);
      gint64 ms = 0;
      for (guint b = 0; b < 6; b++)
        ms = ms << 8 | token->id[b];
      count += (tag == 0 || token->grant_tag == tag) && (owner == 0 || token->owner == owner)
               && token->expires_s >= now_s && ms > since_ms;
    }
  return count;
}

static void
test_counts_like_a_plain_list (Fixture *f, gconstpointer data)
{
  static const gint64 instants[] = { G_MININT64, -1, NOW_MS - 3000, NOW_MS - 1, NOW_MS };
  add_many (f, NULL, 20000);
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (instants); i++)
    for (guint64 tag = 1; tag < 500; tag += 50)
      g_assert_cmpuint (tessera_deny_snapshot_count_grant (snapshot, tag, NOW_S + 120, instants[i]),
                        ==, count_plainly (f, tag, 0, NOW_S + 120, instants[i]));
  for (guint i = 0; i < G_N_ELEMENTS (instants); i++)
    for (guint32 owner = 1; owner <= 20; owner += 4)
      g_assert_cmpuint (tessera_deny_snapshot_count_share (snapshot, owner, NOW_S + 120,
                                                           instants[i]),
                        ==, count_plainly (f, 0, owner, NOW_S + 120, instants[i]));
  g_assert_cmpuint (tessera_deny_snapshot_count_grant (snapshot, 99999, 0, -1), ==, 0);
}

/* At once: who has many; not those who have few, and not what was settled. */
static void
test_knows_the_heavy (Fixture *f, gconstpointer data)
{
  g_autoptr (GHashTable) settled = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  gint64 instant = NOW_MS - 100;

  for (guint i = 0; i < 3000; i++)
    add (f, NULL, make_token (NOW_MS - i, 0, i % 2 != 0 ? 1 : 100 + i / 2, NOW_S + 100));
  for (guint i = 0; i < 500; i++)
    add (f, NULL, make_token (NOW_MS - i, 0, 2, NOW_S + 100));
  g_hash_table_insert (settled, GUINT_TO_POINTER (2), g_memdup2 (&instant, sizeof instant));
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, settled);
  g_assert_cmpuint (tessera_deny_snapshot_get_share (snapshot, 1), ==, 1500);
  g_assert_cmpuint (tessera_deny_snapshot_get_share (snapshot, 2), ==, 100);
  g_assert_cmpuint (tessera_deny_snapshot_get_share (snapshot, 100), ==, 0);
  g_assert_cmpuint (tessera_deny_snapshot_get_share (snapshot, 77777), ==, 0);
}

static void
test_is_private (Fixture *f, gconstpointer data)
{
  GStatBuf info;
  add_many (f, NULL, 10);
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0600);
  g_assert_cmpuint ((gsize) info.st_size, ==, tessera_deny_snapshot_get_size (snapshot));
}

static void
test_takes_24_bytes_an_entry_at_most (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 50000; i++) /* everybody heavy: the most that shares can take */
    add (f, NULL, make_token (NOW_MS, i % 2, 1 + i / TESSERA_DENY_SNAPSHOT_HEAVY, NOW_S + 100));
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);
  g_assert_cmpuint (tessera_deny_snapshot_get_share (snapshot, 1), ==, TESSERA_DENY_SNAPSHOT_HEAVY);
  g_assert_cmpuint (tessera_deny_snapshot_get_size (snapshot), <=, 24 * 50000);
}

/* Damage. */

static void
flip (const char *path, gsize at, guint8 bits)
{
  guint8 byte;
  int fd = g_open (path, O_RDWR, 0);
  g_assert_cmpint (pread (fd, &byte, 1, (goffset) at), ==, 1);
  byte ^= bits;
  g_assert_cmpint (pwrite (fd, &byte, 1, (goffset) at), ==, 1);
  close (fd);
}

/* Each one says that it is denied, or that it does not know. */
static void
assert_no_token_is_forgotten (Fixture *f, TesseraDenySnapshot *snapshot)
{
  for (guint i = 0; i < f->list->len; i++)
    g_assert_cmpint (look_up (snapshot, &g_array_index (f->list, TesseraDeniedToken, i)), !=,
                     TESSERA_DENY_SNAPSHOT_ABSENT);
}

static void
test_damage_never_forgets_a_token (Fixture *f, gconstpointer data)
{
  g_autofree char *whole = NULL;
  gsize size, refused = 0, unknown = 0;

  add_many (f, NULL, 4000);
  tessera_deny_snapshot_unref (write_at (f, NULL, f->tokens, NOW_MS, NULL));
  g_assert_true (g_file_get_contents (f->path, &whole, &size, NULL));
  for (gsize at = 0; at < size; at += at < 256 ? 1 : g_test_slow () ? 61 : 997)
    {
      flip (f->path, at, (guint8) (1 << at % 8));
      g_autoptr (GError) error = NULL;
      g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (f->path, &error);
      if (snapshot != NULL)
        {
          assert_no_token_is_forgotten (f, snapshot);
          unknown += tessera_deny_snapshot_is_damaged (snapshot);
        }
      else
        {
          g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
          refused++;
        }
      flip (f->path, at, (guint8) (1 << at % 8));
    }
  /* Headers and checksums refuse the file, everything else what is touched. */
  g_assert_cmpuint (refused, >=, sizeof (TesseraDenySnapshotHeader));
  g_assert_cmpuint (unknown, >, 0);
}

static void
test_one_bad_block_leaves_the_others (Fixture *f, gconstpointer data)
{
  guint answers[3] = { 0 };

  add_many (f, NULL, 8000);
  tessera_deny_snapshot_unref (write_at (f, NULL, f->tokens, NOW_MS, NULL));
  flip (f->path, sizeof (TesseraDenySnapshotHeader) + 3 * TESSERA_DENY_SNAPSHOT_BLOCK + 5, 4);
  g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (f->path, NULL);
  g_assert_false (tessera_deny_snapshot_is_damaged (snapshot));
  for (guint i = 0; i < f->list->len; i++)
    answers[look_up (snapshot, &g_array_index (f->list, TesseraDeniedToken, i))]++;
  g_assert_cmpuint (answers[TESSERA_DENY_SNAPSHOT_ABSENT], ==, 0);
  g_assert_cmpuint (answers[TESSERA_DENY_SNAPSHOT_UNKNOWN], >, 300);
  g_assert_cmpuint (answers[TESSERA_DENY_SNAPSHOT_PRESENT], >, 6000);
  g_assert_true (tessera_deny_snapshot_is_damaged (snapshot));
}

static void
test_a_damaged_one_is_not_merged (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *after = NULL;
  gsize size, size_after;

  add_many (f, NULL, 8000);
  tessera_deny_snapshot_unref (write_at (f, NULL, f->tokens, NOW_MS, NULL));
  flip (f->path, sizeof (TesseraDenySnapshotHeader) + 2 * TESSERA_DENY_SNAPSHOT_BLOCK + 5, 4);
  g_assert_true (g_file_get_contents (f->path, &before, &size, NULL));
  g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (f->path, NULL);
  TesseraDenySnapshotTerms terms = { .id = "database", .generation = 8, .now_ms = NOW_MS };
  g_assert_null (tessera_deny_snapshot_write (f->path, snapshot, f->tokens, &terms, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_IO);
  g_assert_true (g_file_get_contents (f->path, &after, &size_after, NULL));
  g_assert_cmpmem (before, size, after, size_after);
}

static TesseraDenySnapshotLayout
read_layout (Fixture *f)
{
  g_autofree char *content = NULL;
  TesseraDenySnapshotHeader header;
  TesseraDenySnapshotLayout layout;

  g_assert_true (g_file_get_contents (f->path, &content, NULL, NULL));
  memcpy (&header, content, sizeof header);
  tessera_deny_snapshot_lay_out (&header, &layout);
  return layout;
}

static void
test_the_index_is_read_at_once (Fixture *f, gconstpointer data)
{
  add_many (f, NULL, 4000);
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);
  TesseraDenySnapshotLayout layout = read_layout (f);

  /* All that is denied would be forgotten if this were looked at now. */
  for (gsize at = layout.filter; at < layout.shares; at++)
    flip (f->path, at, 0xff);
  assert_has_all (f, snapshot);
  g_autoptr (TesseraDenySnapshot) again = tessera_deny_snapshot_open (f->path, NULL);
  g_assert_true (tessera_deny_snapshot_is_damaged (again));
  assert_no_token_is_forgotten (f, again);
}

gpointer
__real_mmap64 (gpointer address, gsize size, int protection, int flags, int fd, gint64 offset);
gpointer
__wrap_mmap64 (gpointer address, gsize size, int protection, int flags, int fd, gint64 offset);

static gboolean is_short_of_memory;

gpointer
__wrap_mmap64 (gpointer address, gsize size, int protection, int flags, int fd, gint64 offset)
{
  if (is_short_of_memory && (flags & MAP_ANONYMOUS) != 0)
    return MAP_FAILED;
  return __real_mmap64 (address, size, protection, flags, fd, offset);
}

static void
test_without_memory_the_index_is_where_it_is (Fixture *f, gconstpointer data)
{
  add_many (f, NULL, 4000);
  g_autoptr (TesseraDenySnapshot) snapshot = write_at (f, NULL, f->tokens, NOW_MS, NULL);
  is_short_of_memory = TRUE;
  g_autoptr (TesseraDenySnapshot) opened = tessera_deny_snapshot_open (f->path, NULL);
  g_autoptr (TesseraDenySnapshot) other = tessera_deny_snapshot_open (f->path, NULL);
  is_short_of_memory = FALSE;
  assert_has_all (f, opened);
  flip (f->path, read_layout (f).filter, 0xff);
  assert_no_token_is_forgotten (f, other);
  g_assert_true (tessera_deny_snapshot_is_damaged (other)); /* in memory it would be whole */
}

static void
test_a_short_file_is_none (Fixture *f, gconstpointer data)
{
  g_autofree char *whole = NULL;
  gsize size;

  add_many (f, NULL, 500);
  tessera_deny_snapshot_unref (write_at (f, NULL, f->tokens, NOW_MS, NULL));
  g_assert_true (g_file_get_contents (f->path, &whole, &size, NULL));
  for (gsize length = 0; length < size; length += length < 256 ? 1 : 501)
    {
      g_autoptr (GError) error = NULL;
      g_assert_true (g_file_set_contents (f->path, whole, (gssize) length, NULL));
      g_assert_null (tessera_deny_snapshot_open (f->path, &error));
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    }
}

static void
test_a_link_is_none (Fixture *f, gconstpointer data)
{
  g_autofree char *other = g_strconcat (f->path, ".other", NULL);
  g_autoptr (GError) error = NULL;

  add_many (f, NULL, 5);
  tessera_deny_snapshot_unref (write_at (f, NULL, f->tokens, NOW_MS, NULL));
  g_assert_cmpint (g_rename (f->path, other), ==, 0);
  g_assert_cmpint (symlink (other, f->path), ==, 0);
  g_assert_null (tessera_deny_snapshot_open (f->path, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_LOOP);
  g_unlink (other);
}

static void
test_no_file_is_no_error (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (tessera_deny_snapshot_open (f->path, &error));
  g_assert_no_error (error);
  g_assert_true (tessera_deny_snapshot_remove (f->path, &error));
}

static void
test_what_cannot_be_written_changes_nothing (Fixture *f, gconstpointer data)
{
  g_autofree char *temporary = g_strconcat (f->path, ".new", NULL);
  g_autoptr (GError) error = NULL;
  TesseraDenySnapshotTerms terms = { .id = "database", .generation = 8, .now_ms = NOW_MS };

  add_many (f, NULL, 100);
  tessera_deny_snapshot_unref (write_at (f, NULL, f->tokens, NOW_MS, NULL));
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  g_assert_null (tessera_deny_snapshot_write (f->path, NULL, f->tokens, &terms, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (g_rmdir (temporary), ==, 0);
  g_autoptr (TesseraDenySnapshot) snapshot = tessera_deny_snapshot_open (f->path, NULL);
  g_assert_cmpuint (tessera_deny_snapshot_get_generation (snapshot), ==, 7);
  assert_has_all (f, snapshot);
}

#define ADD(name, data, func)                                                                      \
  g_test_add ("/deny-snapshot/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("says-what-was-put-in/none", 0, test_says_what_was_put_in);
  ADD ("says-what-was-put-in/one", 1, test_says_what_was_put_in);
  ADD ("says-what-was-put-in/few", 33, test_says_what_was_put_in);
  ADD ("says-what-was-put-in/many", 40000, test_says_what_was_put_in);
  ADD ("a-large-index-says-it-too", LARGE, test_a_large_index_says_it_too);
  ADD ("the-grant-must-match", 0, test_grant_must_match);
  ADD ("merges-what-came-since", 0, test_merges_what_came_since);
  ADD ("leaves-out-what-has-expired", 0, test_leaves_out_what_has_expired);
  ADD ("counts-like-a-plain-list", 0, test_counts_like_a_plain_list);
  ADD ("knows-the-heavy", 0, test_knows_the_heavy);
  ADD ("is-private", 0, test_is_private);
  ADD ("takes-24-bytes-an-entry-at-most", 0, test_takes_24_bytes_an_entry_at_most);
  ADD ("damage-never-forgets-a-token", 0, test_damage_never_forgets_a_token);
  ADD ("one-bad-block-leaves-the-others", 0, test_one_bad_block_leaves_the_others);
  ADD ("a-damaged-one-is-not-merged", 0, test_a_damaged_one_is_not_merged);
  ADD ("the-index-is-read-at-once", 0, test_the_index_is_read_at_once);
  ADD ("without-memory-the-index-is-where-it-is", 0, test_without_memory_the_index_is_where_it_is);
  ADD ("a-short-file-is-none", 0, test_a_short_file_is_none);
  ADD ("a-link-is-none", 0, test_a_link_is_none);
  ADD ("no-file-is-no-error", 0, test_no_file_is_no_error);
  ADD ("what-cannot-be-written-changes-nothing", 0, test_what_cannot_be_written_changes_nothing);

  return g_test_run ();
}
