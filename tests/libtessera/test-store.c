/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every TesseraStore must do, run against each of them; and what the SQLite one does besides.
 */

#include "log-capture.h"

#include "base/tessera-error.h"
#include "model/tessera-client-private.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-checked-vfs-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

/* NULL directory: the memory store. */
#define HASH "$y$j75$saltsaltsalt$jyf/lxrpdyAIshWRo1x5DRC6KIE7sNRRtjcomR3PgHA"

typedef struct
{
  TesseraStore *store;
  char *directory;
  GHashTable *numbers; /* char *grant_id -> gint64* */
} Fixture;

static void
open_sqlite (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  f->store = tessera_sqlite_store_open (f->directory, NULL, &error);
  g_assert_no_error (error);
}

static void
set_up_memory (Fixture *f, gconstpointer data)
{
  f->store = tessera_memory_store_new ();
  f->numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

static void
set_up_sqlite (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  f->numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  open_sqlite (f);
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_unlink (file);
    }
  g_rmdir (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->store);
  g_hash_table_unref (f->numbers);
  if (f->directory != NULL)
    remove_directory (f->directory);
  g_free (f->directory);
}

/* What is durable must be there after this; nothing changes for the memory store. */
static void
reopen (Fixture *f)
{
  if (f->directory == NULL)
    return;
  g_clear_object (&f->store);
  open_sqlite (f);
}

static char *
path_of (Fixture *f, const char *name)
{
  return g_build_filename (f->directory, name, NULL);
}

static void
run_sql (Fixture *f, const char *sql)
{
  g_autofree char *path = path_of (f, "tessera.db");
  sqlite3 *handle;
  g_assert_cmpint (sqlite3_open_v2 (path, &handle, SQLITE_OPEN_READWRITE,
                                    tessera_checked_vfs_get_name ()),
                   ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL), ==,
                   SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (handle);
}

static void
begin (Fixture *f)
{
  g_assert_true (tessera_store_begin (f->store, NULL));
}

static void
commit (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  tessera_store_commit (f->store, &error);
  g_assert_no_error (error);
}

static TesseraDigest
digest_of (const char *text)
{
  return tessera_digest (text, -1);
}

static const TesseraLogin login
    = { (char *) "alice", (char *) "sid",     1234,
        (char *) "acr",   (char *) "pwd otp", (char *) "{\"name\":\"Alice\"}" };

static TesseraAuthorizationCode
make_code (const char *text)
{
  return (TesseraAuthorizationCode){ .digest = digest_of (text),
                                     .client_id = (char *) "c1",
                                     .redirect_uri = (char *) "https://c1.test/cb",
                                     .redirect_uri_was_sent = TRUE,
                                     .code_challenge = (char *) "challenge",
                                     .login = login,
                                     .scope = (char *) "a b",
                                     .resources = (char *) "https://r.test/",
                                     .began_ms = 1000,
                                     .expires_ms = 61000 };
}

static void
redeem_code (Fixture *f, const TesseraDigest *digest, const char *grant_id)
{
  g_autoptr (TesseraAuthorizationCode) code = tessera_store_lookup_code (f->store, digest, NULL);

  g_assert_nonnull (code);
  g_assert_true (tessera_store_redeem_code (f->store, code, grant_id, 2000, NULL));
}

static TesseraGrant
make_grant (const char *id, const char *client_id, const char *subject, gint64 began_ms)
{
  TesseraGrant grant = { .grant_id = (char *) id,
                         .client_id = (char *) client_id,
                         .login = login,
                         .scope = (char *) "a",
                         .began_ms = began_ms,
                         .last_used_ms = began_ms,
                         .expires_ms = 1000000 };
  grant.login.subject = (char *) subject;
  memset (grant.nonce.bytes, id[strlen (id) - 1], TESSERA_NONCE_SIZE);
  return grant;
}

static TesseraSession
make_session (const char *text, const char *subject, gint64 began_ms)
{
  TesseraSession session = { .digest = digest_of (text),
                             .login = login,
                             .began_ms = began_ms,
                             .last_seen_ms = began_ms,
                             .expires_ms = 50000 };
  session.login.subject = (char *) subject;
  return session;
}

static void
assert_login (const TesseraLogin *actual, const TesseraLogin *expected)
{
  g_assert_cmpstr (actual->subject, ==, expected->subject);
  g_assert_cmpstr (actual->session_id, ==, expected->session_id);
  g_assert_cmpint (actual->auth_time, ==, expected->auth_time);
  g_assert_cmpstr (actual->acr, ==, expected->acr);
  g_assert_cmpstr (actual->amr, ==, expected->amr);
  g_assert_cmpstr (actual->claims, ==, expected->claims);
  g_assert_cmpstr (actual->sub, ==, expected->sub);
}

static void
put_grant (Fixture *f, const char *id, const char *client_id, const char *subject, gint64 began_ms)
{
  TesseraGrant grant = make_grant (id, client_id, subject, began_ms);
  gint64 *number = g_new0 (gint64, 1);
  g_hash_table_insert (f->numbers, g_strdup (id), number);
  g_assert_true (tessera_store_put_grant (f->store, &grant, number, NULL));
  g_assert_cmpint (*number, >, 0);
}

static gint64
number_of (Fixture *f, const char *grant_id)
{
  return *(gint64 *) g_hash_table_lookup (f->numbers, grant_id);
}

static void
begin_rotation (Fixture *f, const char *grant_id)
{
  g_assert_true (tessera_store_begin_rotation (f->store, number_of (f, grant_id), 1000, NULL));
}

static void
rotate (Fixture *f, const char *grant_id, gint64 now_ms)
{
  g_assert_true (tessera_store_rotate (f->store, number_of (f, grant_id), now_ms, NULL));
}

static void
put_session (Fixture *f, const char *text, const char *subject, gint64 began_ms)
{
  TesseraSession session = make_session (text, subject, began_ms);
  g_assert_true (tessera_store_put_session (f->store, &session, NULL));
}

static gboolean
has_grant (Fixture *f, const char *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (f->store, id, &error);
  g_assert_no_error (error);
  return grant != NULL;
}

static gboolean
has_rotation (Fixture *f, const char *grant_id)
{
  TesseraRotation rotation;
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraGrant) grant
      = tessera_store_lookup_rotation (f->store, number_of (f, grant_id), &rotation, &error);
  g_assert_no_error (error);
  return grant != NULL;
}

static void
assert_rotation (Fixture *f, const char *grant_id, gint64 turn, gint64 issued_ms, gint64 before_ms)
{
  TesseraRotation rotation;
  g_autoptr (TesseraGrant) grant
      = tessera_store_lookup_rotation (f->store, number_of (f, grant_id), &rotation, NULL);
  g_assert_cmpstr (grant->grant_id, ==, grant_id);
  g_assert_cmpint (grant->number, ==, number_of (f, grant_id));
  g_assert_cmpint (rotation.turn, ==, turn);
  g_assert_cmpint (rotation.issued_ms, ==, issued_ms);
  g_assert_cmpint (rotation.before_ms, ==, before_ms);
}

static gboolean
has_code (Fixture *f, const char *text)
{
  TesseraDigest digest = digest_of (text);
  g_autoptr (TesseraAuthorizationCode) code = tessera_store_lookup_code (f->store, &digest, NULL);
  return code != NULL;
}

static gboolean
has_session (Fixture *f, const char *text)
{
  TesseraDigest digest = digest_of (text);
  g_autoptr (TesseraSession) session = tessera_store_lookup_session (f->store, &digest, NULL);
  return session != NULL;
}

static gboolean
has_consent (Fixture *f, const char *subject, const char *client_id)
{
  g_autoptr (TesseraConsent) consent
      = tessera_store_lookup_consent (f->store, subject, client_id, "https://c1.test/cb", NULL);
  return consent != NULL;
}

static void
test_code (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode code = make_code ("code");

  begin (f);
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  g_assert_false (tessera_store_put_code (f->store, &code, NULL));
  commit (f);
  reopen (f);

  g_autoptr (TesseraAuthorizationCode) found
      = tessera_store_lookup_code (f->store, &code.digest, NULL);
  g_assert_nonnull (found);
  g_assert_true (tessera_digest_equal (&found->digest, &code.digest));
  g_assert_cmpstr (found->client_id, ==, "c1");
  g_assert_cmpstr (found->redirect_uri, ==, "https://c1.test/cb");
  g_assert_true (found->redirect_uri_was_sent);
  g_assert_cmpstr (found->code_challenge, ==, "challenge");
  assert_login (&found->login, &login);
  g_assert_cmpstr (found->scope, ==, "a b");
  g_assert_cmpstr (found->resources, ==, "https://r.test/");
  g_assert_cmpint (found->began_ms, ==, 1000);
  g_assert_cmpint (found->expires_ms, ==, 61000);
  g_assert_null (found->grant_id);
  g_assert_cmpint (found->redeemed_ms, ==, 0);
  g_assert_false (has_code (f, "other"));
}

/* Who has to hear that a session has ended */

static void
put_participant (Fixture *f,
                 const char *session_id,
                 const char *client_id,
                 const char *subject,
                 gint64 began_ms,
                 gint64 expires_ms)
{
  g_autofree char *called = g_strconcat (subject, "@", client_id, NULL);
  TesseraParticipant participant = { (char *) session_id,
                                     (char *) client_id,
                                     (char *) subject,
                                     g_str_equal (client_id, "c2") ? called : NULL,
                                     began_ms,
                                     expires_ms };

  g_assert_true (tessera_store_put_participant (f->store, &participant, NULL));
}

/* "CLIENT/SESSION/SUBJECT/ATTEMPTS" of each, in order; owned. */
static char *
list_logouts (Fixture *f, gint64 after, guint limit)
{
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (f->store, after, limit, NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < page->len; i++)
    {
      const TesseraLogout *logout = page->pdata[i];

      g_assert_cmpint (logout->number, >, after);
      g_assert_cmpint (logout->sub != NULL, ==, g_str_equal (logout->client_id, "c2"));
      g_assert_true (logout->sub == NULL || g_str_has_suffix (logout->sub, "@c2"));
      after = logout->number;
      g_ptr_array_add (lines, g_strdup_printf ("%s/%s/%s/%u", logout->client_id, logout->session_id,
                                               logout->subject, logout->attempts));
    }
  g_ptr_array_add (lines, NULL);
  return g_strjoinv (" ", (char **) lines->pdata);
}

static void
assert_logouts (Fixture *f, const char *expected)
{
  g_autofree char *found = list_logouts (f, 0, G_MAXINT);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_participants_hear_of_their_session (Fixture *f, gconstpointer data)
{
  begin (f);
  put_participant (f, "s1", "c1", "alice", 1000, 9000);
  put_participant (f, "s1", "c1", "alice", 1000, 8000);
  put_participant (f, "s2", "c1", "alice", 1000, 9000);
  put_participant (f, "s3", "c2", "bob", 1000, 9000);
  assert_logouts (f, "");
  g_assert_true (tessera_store_end_session (f->store, "s1", 2000, NULL));
  g_assert_true (tessera_store_end_session (f->store, "s1", 2000, NULL));
  g_assert_true (tessera_store_end_session (f->store, "s4", 2000, NULL));
  commit (f);
  reopen (f);

  begin (f);
  assert_logouts (f, "c1/s1/alice/0");
  g_assert_true (tessera_store_end_session (f->store, "s3", 2000, NULL));
  assert_logouts (f, "c1/s1/alice/0 c2/s3/bob/0");
  commit (f);
}

static void
test_participants_hear_of_the_end_of_all (Fixture *f, gconstpointer data)
{
  begin (f);
  put_participant (f, "s1", "c1", "alice", 1000, 9000);
  put_participant (f, "s2", "c2", "alice", 2000, 9000);
  put_participant (f, "s3", "c1", "bob", 1000, 9000);
  /* What a client lost is no end of a session. */
  g_assert_true (tessera_store_end_all (f->store, "alice", "c1", 5000, NULL));
  g_assert_true (tessera_store_end_all (f->store, NULL, "c1", 5000, NULL));
  assert_logouts (f, "");
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, 1999, NULL));
  assert_logouts (f, "c1/s1/alice/0");
  g_assert_true (tessera_store_end_all (f->store, NULL, NULL, 1999, NULL));
  assert_logouts (f, "c1/s1/alice/0 c1/s3/bob/0");
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, 2000, NULL));
  assert_logouts (f, "c1/s1/alice/0 c1/s3/bob/0 c2/s2/alice/0");
  commit (f);
}

static void
test_logouts_are_counted_and_removed (Fixture *f, gconstpointer data)
{
  begin (f);
  put_participant (f, "s1", "c1", "alice", 1000, 9000);
  put_participant (f, "s1", "c2", "alice", 1000, 9000);
  g_assert_true (tessera_store_end_session (f->store, "s1", 2000, NULL));
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (f->store, 0, 1, NULL);
  g_assert_cmpuint (page->len, ==, 1);
  gint64 first = ((const TesseraLogout *) page->pdata[0])->number;
  g_autofree char *rest = list_logouts (f, first, 10);
  g_assert_true (g_str_has_suffix (rest, "/s1/alice/0"));
  g_assert_true (tessera_store_put_logout_attempts (f->store, first, 3, NULL));
  g_assert_true (tessera_store_put_logout_attempts (f->store, first + 100, 3, NULL));
  commit (f);
  reopen (f);

  begin (f);
  g_autoptr (GPtrArray) again = tessera_store_list_logouts (f->store, 0, 10, NULL);
  g_assert_cmpuint (again->len, ==, 2);
  g_assert_cmpuint (((const TesseraLogout *) again->pdata[0])->attempts, ==, 3);
  for (guint i = 0; i < again->len; i++)
    g_assert_true (tessera_store_remove_logout (
        f->store, ((const TesseraLogout *) again->pdata[i])->number, NULL));
  assert_logouts (f, "");
  /* A number is given once: whoever reads on from the last one misses nothing. */
  put_participant (f, "s2", "c1", "alice", 1000, 9000);
  g_assert_true (tessera_store_end_session (f->store, "s2", 2000, NULL));
  g_autofree char *next = list_logouts (f, first + 1, 10);
  g_assert_cmpstr (next, ==, "c1/s2/alice/0");
  commit (f);
}

static void
test_logouts_of_one_client_are_limited (Fixture *f, gconstpointer data)
{
  log_capture_begin ();
  begin (f);
  for (guint i = 0; i < TESSERA_STORE_LOGOUTS_OF_CLIENT + 5; i++)
    {
      g_autofree char *session_id = g_strdup_printf ("s%u", i);

      put_participant (f, session_id, "dead", "alice", 1000, 9000);
      put_participant (f, session_id, i % 100 == 0 ? "good" : "dead", "alice", 1000, 9000);
      g_assert_true (tessera_store_end_session (f->store, session_id, 2000, NULL));
    }
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*: 1 are dropped*");
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (f->store, 0, G_MAXINT, NULL);
  g_assert_cmpuint (page->len, ==, TESSERA_STORE_LOGOUTS_OF_CLIENT + 11);
  commit (f);
}

/* In one go too: whoever never answers leaves room for others. */
static void
test_logouts_of_one_client_are_limited_at_once (Fixture *f, gconstpointer data)
{
  guint n_good = 0;

  begin (f);
  put_participant (f, "first", "dead", "alice", 1000, 9000);
  g_assert_true (tessera_store_end_session (f->store, "first", 2000, NULL));
  for (guint i = 0; i < TESSERA_STORE_LOGOUTS_OF_CLIENT + 5; i++)
    {
      g_autofree char *session_id = g_strdup_printf ("s%u", i);

      put_participant (f, session_id, "dead", "alice", 1000, 9000);
      if (i % 100 == 0)
        put_participant (f, session_id, "good", "alice", 1000, 9000);
    }
  log_capture_begin ();
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, 2000, NULL));
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*: 6 are dropped*");
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (f->store, 0, G_MAXINT, NULL);
  for (guint i = 0; i < page->len; i++)
    n_good += g_str_equal (((const TesseraLogout *) page->pdata[i])->client_id, "good");
  g_assert_cmpuint (n_good, ==, 11);
  g_assert_cmpuint (page->len, ==, TESSERA_STORE_LOGOUTS_OF_CLIENT + 11);
  commit (f);
}

static void
test_logouts_in_all_are_limited (Fixture *f, gconstpointer data)
{
  begin (f);
  for (guint i = 0; i < TESSERA_STORE_LOGOUTS + 5; i++)
    {
      g_autofree char *client_id = g_strdup_printf ("c%u", i % 97);
      g_autofree char *session_id = g_strdup_printf ("s%u", i);

      put_participant (f, session_id, client_id, "alice", 1000, 9000);
    }
  log_capture_begin ();
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, 2000, NULL));
  put_participant (f, "more", "c1", "alice", 1000, 9000);
  g_assert_true (tessera_store_end_session (f->store, "more", 2000, NULL));
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*: 5 are dropped*");
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (f->store, 0, G_MAXINT, NULL);
  g_assert_cmpuint (page->len, ==, TESSERA_STORE_LOGOUTS);
  commit (f);
}

static void
test_participants_are_forgotten (Fixture *f, gconstpointer data)
{
  begin (f);
  put_participant (f, "s1", "c1", "alice", 1000, 5000);
  put_participant (f, "s2", "c1", "alice", 1000, 7000);
  g_assert_true (tessera_store_prune (f->store, 6000, NULL));
  g_assert_true (tessera_store_end_session (f->store, "s1", 2000, NULL));
  g_assert_true (tessera_store_end_session (f->store, "s2", 2000, NULL));
  assert_logouts (f, "c1/s2/alice/0");
  g_assert_true (tessera_store_prune (f->store, G_GINT64_CONSTANT (3786912000000), NULL));
  assert_logouts (f, "c1/s2/alice/0");
  commit (f);
}

static gboolean
use_assertion (Fixture *f, const char *text, gint64 expires_ms, gboolean for_revocation)
{
  TesseraDigest digest = tessera_digest (text, -1);
  gboolean is_new = FALSE;

  g_assert_true (
      tessera_store_use_assertion (f->store, &digest, expires_ms, for_revocation, &is_new, NULL));
  return is_new;
}

static void
put_initial_token (Fixture *f, const char *id, gint64 expires_ms, guint max_uses, guint uses)
{
  const TesseraInitialAccessToken token = { .id = (char *) id,
                                            .digest = tessera_digest (id, -1),
                                            .note = (char *) "note",
                                            .created_ms = 1000,
                                            .expires_ms = expires_ms,
                                            .max_uses = max_uses,
                                            .uses = uses };
  g_assert_true (tessera_store_put_initial_token (f->store, &token, NULL));
}

static char *
list_initial_tokens (Fixture *f, const char *after, guint limit, gint64 now_ms)
{
  const TesseraStoreFilter filter = { .after = after, .limit = limit, .now_ms = now_ms };
  g_autoptr (GPtrArray) page = tessera_store_list_initial_tokens (f->store, &filter, NULL);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < page->len; i++)
    {
      const TesseraInitialAccessToken *token = page->pdata[i];
      g_string_append_printf (text, "%s:%u/%u ", token->id, token->uses, token->max_uses);
    }
  return g_string_free (text, FALSE);
}

static TesseraInitialAccessToken *
lookup_initial_token (Fixture *f, const char *text)
{
  TesseraDigest digest = tessera_digest (text, -1);
  g_autoptr (GError) error = NULL;
  TesseraInitialAccessToken *token = tessera_store_lookup_initial_token (f->store, &digest, &error);
  g_assert_no_error (error);
  return token;
}

static void
test_initial_tokens_are_found_and_listed_while_good (Fixture *f, gconstpointer data)
{
  begin (f);
  put_initial_token (f, "c", 5000, 0, 77);
  put_initial_token (f, "a", 5000, 2, 1);
  put_initial_token (f, "b", 5000, 2, 2);
  put_initial_token (f, "d", 3000, 1, 0);
  commit (f);
  begin (f);
  g_autofree char *all = list_initial_tokens (f, "", 10, 2000);
  g_assert_cmpstr (all, ==, "a:1/2 c:77/0 d:0/1 ");
  g_autofree char *first = list_initial_tokens (f, "", 1, 2000);
  g_assert_cmpstr (first, ==, "a:1/2 ");
  g_autofree char *later = list_initial_tokens (f, "a", 10, 4000);
  g_assert_cmpstr (later, ==, "c:77/0 ");
  g_autoptr (TesseraInitialAccessToken) used = lookup_initial_token (f, "b");
  g_assert_cmpstr (used->note, ==, "note");
  g_assert_false (tessera_initial_access_token_is_good (used, 2000));
  g_autoptr (TesseraInitialAccessToken) copy
      = g_boxed_copy (TESSERA_TYPE_INITIAL_ACCESS_TOKEN, used);
  g_assert_cmpstr (copy->id, ==, used->id);
  g_assert_cmpstr (tessera_initial_access_token_get_note (copy), ==, "note");
  g_assert_null (lookup_initial_token (f, "x"));
  commit (f);
}

static void
test_initial_tokens_are_replaced_removed_and_pruned (Fixture *f, gconstpointer data)
{
  gboolean removed = FALSE;
  begin (f);
  put_initial_token (f, "a", 5000, 2, 0);
  put_initial_token (f, "b", 9000, 2, 0);
  commit (f);
  begin (f);
  put_initial_token (f, "a", 5000, 2, 1);
  tessera_store_rollback (f->store);
  begin (f);
  g_autofree char *before = list_initial_tokens (f, "", 10, 2000);
  g_assert_cmpstr (before, ==, "a:0/2 b:0/2 ");
  put_initial_token (f, "a", 5000, 2, 1);
  g_assert_true (tessera_store_remove_initial_token (f->store, "b", &removed, NULL));
  g_assert_true (removed);
  g_assert_true (tessera_store_remove_initial_token (f->store, "b", &removed, NULL));
  g_assert_false (removed);
  commit (f);
  begin (f);
  g_autofree char *after = list_initial_tokens (f, "", 10, 2000);
  g_assert_cmpstr (after, ==, "a:1/2 ");
  g_assert_true (tessera_store_prune (f->store, 5001, NULL));
  g_assert_null (lookup_initial_token (f, "a"));
  commit (f);
}

static void
test_assertion_is_new_once (Fixture *f, gconstpointer data)
{
  begin (f);
  g_assert_true (use_assertion (f, "a", 5000, FALSE));
  g_assert_false (use_assertion (f, "a", 5000, FALSE));
  g_assert_false (use_assertion (f, "a", 6000, TRUE));
  g_assert_true (use_assertion (f, "b", 7000, TRUE));
  commit (f);
  reopen (f);

  begin (f);
  g_assert_false (use_assertion (f, "a", 5000, FALSE));
  g_assert_false (use_assertion (f, "b", 7000, FALSE));
  /* Until it is over, and no longer. */
  g_assert_true (tessera_store_prune (f->store, 5000, NULL));
  g_assert_false (use_assertion (f, "a", 5000, FALSE));
  g_assert_true (tessera_store_prune (f->store, 5001, NULL));
  g_assert_true (use_assertion (f, "a", 9000, FALSE));
  g_assert_false (use_assertion (f, "b", 7000, FALSE));
  commit (f);
}

static void
test_assertion_of_what_was_undone_is_new (Fixture *f, gconstpointer data)
{
  begin (f);
  g_assert_true (use_assertion (f, "a", 5000, FALSE));
  tessera_store_rollback (f->store);
  begin (f);
  g_assert_true (use_assertion (f, "a", 5000, FALSE));
  commit (f);
}

static gboolean
is_redeemed (Fixture *f, const char *client_id, const char *challenge)
{
  gboolean redeemed = TRUE;
  g_assert_true (
      tessera_store_is_challenge_redeemed (f->store, client_id, challenge, &redeemed, NULL));
  return redeemed;
}

static void
test_code_that_is_not_kept_is_not_redeemed (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode code = make_code ("code");
  g_autoptr (GError) error = NULL;

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  g_assert_false (tessera_store_redeem_code (f->store, &code, "g1", 2000, &error));
  g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED);
  g_assert_false (is_redeemed (f, "c1", "challenge"));
  commit (f);
}

static void
test_redeemed_code_is_remembered (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode code = make_code ("code");

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  g_assert_false (is_redeemed (f, "c1", "challenge"));
  redeem_code (f, &code.digest, "g1");
  commit (f);
  reopen (f);

  g_autoptr (TesseraAuthorizationCode) found
      = tessera_store_lookup_code (f->store, &code.digest, NULL);
  g_assert_cmpstr (found->grant_id, ==, "g1");
  g_assert_cmpint (found->redeemed_ms, ==, 2000);
  g_assert_true (is_redeemed (f, "c1", "challenge"));
  g_assert_false (is_redeemed (f, "c2", "challenge"));
  g_assert_false (is_redeemed (f, "c1", "other"));

  begin (f);
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  commit (f);
  g_assert_false (has_code (f, "code"));
  g_assert_false (is_redeemed (f, "c1", "challenge"));
}

/* Of two that came at once, the grant of one has ended. */
static void
test_challenge_of_two_codes_is_remembered (Fixture *f, gconstpointer data)
{
  static const char *const grants[] = { "g1", "g2" };

  for (guint ended = 0; ended < G_N_ELEMENTS (grants); ended++)
    {
      TesseraAuthorizationCode codes[] = { make_code ("one"), make_code ("two") };
      g_autofree char *challenge = g_strdup_printf ("challenge-%u", ended);

      begin (f);
      for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
        {
          g_autofree char *text = g_strdup_printf ("code-%u-%u", ended, i);
          g_autofree char *id = g_strdup_printf ("%s-%u", grants[i], ended);

          codes[i].digest = digest_of (text);
          codes[i].code_challenge = challenge;
          put_grant (f, id, "c1", "alice", 1000);
          g_assert_true (tessera_store_put_code (f->store, &codes[i], NULL));
          redeem_code (f, &codes[i].digest, id);
        }
      g_autofree char *over = g_strdup_printf ("%s-%u", grants[ended], ended);
      g_assert_true (tessera_store_end_grant (f->store, over, NULL));
      commit (f);
      g_assert_true (is_redeemed (f, "c1", challenge));
    }
}

static void
test_grant (Fixture *f, gconstpointer data)
{
  TesseraGrant grant = make_grant ("g1", "c1", "alice", 1000);

  begin (f);
  g_assert_true (tessera_store_put_grant (f->store, &grant, NULL, NULL));
  g_assert_false (tessera_store_put_grant (f->store, &grant, NULL, NULL));
  commit (f);
  reopen (f);

  g_autoptr (TesseraGrant) found = tessera_store_lookup_grant (f->store, "g1", NULL);
  g_assert_cmpstr (found->grant_id, ==, "g1");
  g_assert_cmpstr (found->client_id, ==, "c1");
  assert_login (&found->login, &login);
  g_assert_cmpstr (found->scope, ==, "a");
  g_assert_null (found->resources);
  g_assert_cmpint (found->began_ms, ==, 1000);
  g_assert_cmpint (found->last_used_ms, ==, 1000);
  g_assert_cmpint (found->expires_ms, ==, 1000000);
  g_assert_false (has_grant (f, "unknown"));
}

static void
test_ended_grant_takes_its_tokens_along (Fixture *f, gconstpointer data)
{
  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_grant (f, "g2", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  begin_rotation (f, "g2");
  commit (f);
  begin (f);
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  g_assert_true (tessera_store_end_grant (f->store, "unknown", NULL));
  commit (f);

  for (guint round = 0; round < 3; round++)
    {
      g_assert_false (has_grant (f, "g1"));
      g_assert_false (has_rotation (f, "g1"));
      g_assert_true (has_grant (f, "g2"));
      g_assert_true (has_rotation (f, "g2"));
      reopen (f);
      begin (f);
      g_assert_true (tessera_store_prune (f->store, 2000, NULL));
      commit (f);
    }
}

static void
assert_last_used (Fixture *f, gint64 expected_ms)
{
  const TesseraStoreFilter all = { .after = "", .limit = 10 };
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (f->store, "g1", NULL);
  g_autoptr (GPtrArray) grants = tessera_store_list_grants (f->store, &all, NULL);

  g_assert_cmpint (grant->last_used_ms, ==, expected_ms);
  for (guint i = 0; i < grants->len; i++)
    {
      const TesseraGrant *listed = grants->pdata[i];
      gboolean is_it = strcmp (listed->grant_id, "g1") == 0;
      g_assert_cmpint (listed->last_used_ms, ==, is_it ? expected_ms : 1000);
    }
}

static void
test_a_rotation_goes_on_turn_by_turn (Fixture *f, gconstpointer data)
{
  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_grant (f, "g2", "c1", "alice", 1000);
  g_assert_cmpint (number_of (f, "g1"), !=, number_of (f, "g2"));
  g_assert_false (has_rotation (f, "g1"));
  begin_rotation (f, "g1");
  begin_rotation (f, "g2");
  assert_rotation (f, "g1", 0, 1000, 0);
  assert_last_used (f, 1000);
  rotate (f, "g1", 2000);
  commit (f);
  reopen (f);
  assert_rotation (f, "g1", 1, 2000, 1000);
  assert_last_used (f, 2000);

  begin (f);
  rotate (f, "g1", 3000);
  rotate (f, "g1", 4000);
  commit (f);
  reopen (f);
  assert_rotation (f, "g1", 3, 4000, 3000);
  assert_rotation (f, "g2", 0, 1000, 0);
  assert_last_used (f, 4000);
}

static void
test_a_rotation_knows_its_grant (Fixture *f, gconstpointer data)
{
  TesseraRotation rotation;
  TesseraNonce nonce;

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  commit (f);
  reopen (f);
  g_autoptr (TesseraGrant) grant
      = tessera_store_lookup_rotation (f->store, number_of (f, "g1"), &rotation, NULL);
  memset (nonce.bytes, '1', sizeof nonce.bytes);
  g_assert_cmpmem (grant->nonce.bytes, TESSERA_NONCE_SIZE, nonce.bytes, sizeof nonce.bytes);
  g_assert_cmpstr (grant->client_id, ==, "c1");
  assert_login (&grant->login, &login);
  g_assert_cmpstr (grant->scope, ==, "a");
  g_assert_cmpint (grant->began_ms, ==, 1000);
  g_assert_cmpint (grant->last_used_ms, ==, 1000);
  g_assert_cmpint (grant->expires_ms, ==, 1000000);
  g_assert_null (tessera_store_lookup_rotation (f->store, -1, &rotation, NULL));
  g_assert_null (
      tessera_store_lookup_rotation (f->store, number_of (f, "g1") + 1, &rotation, NULL));
}

/* A number may be given again; the nonce tells the two apart, and nothing of the first is left. */
static void
test_a_number_given_again_starts_anew (Fixture *f, gconstpointer data)
{
  TesseraRotation rotation;

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  rotate (f, "g1", 2000);
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  commit (f);
  begin (f);
  g_assert_true (tessera_store_prune (f->store, 2000, NULL));
  commit (f);
  begin (f);
  put_grant (f, "g2", "c1", "alice", 1000);
  g_assert_null (tessera_store_lookup_rotation (f->store, number_of (f, "g2"), &rotation, NULL));
  begin_rotation (f, "g2");
  commit (f);
  reopen (f);
  if (f->directory != NULL)
    g_assert_cmpint (number_of (f, "g2"), ==, number_of (f, "g1"));
  assert_rotation (f, "g2", 0, 1000, 0);
}

static void
test_session (Fixture *f, gconstpointer data)
{
  TesseraDigest digest = digest_of ("s1");

  begin (f);
  put_session (f, "s1", "alice", 1000);
  put_session (f, "s2", "alice", 1000);
  g_assert_true (tessera_store_touch_session (f->store, &digest, 7000, NULL));
  commit (f);
  reopen (f);
  g_autoptr (TesseraSession) found = tessera_store_lookup_session (f->store, &digest, NULL);
  assert_login (&found->login, &login);
  g_assert_cmpint (found->began_ms, ==, 1000);
  g_assert_cmpint (found->last_seen_ms, ==, 7000);
  g_assert_cmpint (found->expires_ms, ==, 50000);

  begin (f);
  g_assert_true (tessera_store_remove_session (f->store, &digest, NULL));
  commit (f);
  g_assert_false (has_session (f, "s1"));
  g_assert_true (has_session (f, "s2"));
}

static void
test_ended_session_takes_its_grants_along (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode code = make_code ("code");
  TesseraGrant other = make_grant ("g2", "c1", "alice", 1000);
  other.login.session_id = (char *) "other";

  begin (f);
  put_session (f, "s1", "alice", 1000);
  put_grant (f, "g1", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  g_assert_true (tessera_store_put_grant (f->store, &other, NULL, NULL));
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  commit (f);
  begin (f);
  g_assert_true (tessera_store_end_session (f->store, "sid", 2000, NULL));
  commit (f);
  reopen (f);
  g_assert_false (has_session (f, "s1"));
  g_assert_false (has_grant (f, "g1"));
  g_assert_false (has_rotation (f, "g1"));
  g_assert_false (has_code (f, "code"));
  g_assert_true (has_grant (f, "g2"));
}

static void
put_consent (
    Fixture *f, const char *subject, const char *client_id, const char *scope, gint64 given)
{
  TesseraConsent consent = { .subject = (char *) subject,
                             .client_id = (char *) client_id,
                             .redirect_uri = (char *) "https://c1.test/cb",
                             .scope = (char *) scope,
                             .given_ms = given };
  g_assert_true (tessera_store_put_consent (f->store, &consent, NULL));
}

static void
test_consent_is_replaced (Fixture *f, gconstpointer data)
{
  begin (f);
  put_consent (f, "alice", "c1", "a", 1000);
  put_consent (f, "alice", "c1", "a b", 2000);
  put_consent (f, "bob", "c1", "b", 3000);
  commit (f);
  reopen (f);
  g_autoptr (TesseraConsent) found
      = tessera_store_lookup_consent (f->store, "alice", "c1", "https://c1.test/cb", NULL);
  g_assert_cmpstr (found->subject, ==, "alice");
  g_assert_cmpstr (found->scope, ==, "a b");
  g_assert_null (found->resources);
  g_assert_cmpint (found->given_ms, ==, 2000);
  g_assert_null (tessera_store_lookup_consent (f->store, "alice", "c1", "https://c1.test/", NULL));
  g_assert_false (has_consent (f, "alice", "c2"));

  g_autoptr (GPtrArray) list = tessera_store_list_consents (f->store, "alice", NULL);
  g_assert_cmpuint (list->len, ==, 1);
  const TesseraConsent *listed = list->pdata[0];
  g_assert_cmpstr (listed->client_id, ==, "c1");
  g_assert_cmpstr (listed->redirect_uri, ==, "https://c1.test/cb");
  g_assert_cmpstr (listed->scope, ==, "a b");
  g_assert_cmpint (listed->given_ms, ==, 2000);
}

/* Of alice and bob at c1 and c2, before and after 5000. */
static void
fill (Fixture *f)
{
  TesseraAuthorizationCode code = make_code ("code");

  begin (f);
  put_grant (f, "a1", "c1", "alice", 5000);
  put_grant (f, "a2", "c2", "alice", 5000);
  put_grant (f, "later", "c1", "alice", 5001);
  put_grant (f, "b1", "c1", "bob", 5000);
  begin_rotation (f, "a1");
  begin_rotation (f, "b1");
  put_session (f, "sa", "alice", 5000);
  put_session (f, "sb", "bob", 5000);
  put_session (f, "salater", "alice", 5001);
  put_consent (f, "alice", "c1", "a", 5000);
  put_consent (f, "alice", "c2", "a", 5000);
  put_consent (f, "bob", "c1", "a", 5000);
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  commit (f);
}

static void
end_all (Fixture *f, const char *subject, const char *client_id)
{
  begin (f);
  g_assert_true (tessera_store_end_all (f->store, subject, client_id, 5000, NULL));
  commit (f);
  reopen (f);
}

static void
test_end_all_of_a_subject (Fixture *f, gconstpointer data)
{
  fill (f);
  end_all (f, "alice", NULL);
  g_assert_false (has_grant (f, "a1"));
  g_assert_false (has_grant (f, "a2"));
  g_assert_true (has_grant (f, "later"));
  g_assert_true (has_grant (f, "b1"));
  g_assert_false (has_rotation (f, "a1"));
  g_assert_true (has_rotation (f, "b1"));
  g_assert_false (has_session (f, "sa"));
  g_assert_true (has_session (f, "sb"));
  g_assert_true (has_session (f, "salater"));
  g_assert_false (has_consent (f, "alice", "c1"));
  g_assert_false (has_consent (f, "alice", "c2"));
  g_assert_true (has_consent (f, "bob", "c1"));
  g_assert_false (has_code (f, "code"));
}

static void
test_end_all_of_a_client (Fixture *f, gconstpointer data)
{
  fill (f);
  end_all (f, NULL, "c1");
  g_assert_false (has_grant (f, "a1"));
  g_assert_true (has_grant (f, "a2"));
  g_assert_true (has_grant (f, "later"));
  g_assert_false (has_grant (f, "b1"));
  g_assert_false (has_rotation (f, "a1"));
  g_assert_true (has_session (f, "sa"));
  g_assert_false (has_consent (f, "alice", "c1"));
  g_assert_true (has_consent (f, "alice", "c2"));
  g_assert_false (has_code (f, "code"));
}

static void
test_end_all_of_a_subject_at_a_client (Fixture *f, gconstpointer data)
{
  fill (f);
  end_all (f, "alice", "c1");
  g_assert_false (has_grant (f, "a1"));
  g_assert_true (has_grant (f, "a2"));
  g_assert_true (has_grant (f, "b1"));
  g_assert_true (has_session (f, "sa"));
}

static void
test_end_all_of_everybody (Fixture *f, gconstpointer data)
{
  fill (f);
  end_all (f, NULL, NULL);
  g_assert_false (has_grant (f, "a1"));
  g_assert_false (has_grant (f, "a2"));
  g_assert_false (has_grant (f, "b1"));
  g_assert_true (has_grant (f, "later"));
  g_assert_false (has_session (f, "sa"));
  g_assert_false (has_session (f, "sb"));
  g_assert_false (has_consent (f, "bob", "c1"));
}

static void
add_client_id (TesseraClient *client, gpointer data)
{
  g_string_append_printf (data, "%s%s ", tessera_client_get_id (client),
                          tessera_client_check_secret (client, "0123456789abcdef") ? "!" : "");
}

static void
test_clients (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraClient) first
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "first", "secret", "0123456789abcdef", NULL);
  g_autoptr (TesseraClient) second = tessera_client_new ("second", "Two");
  g_autoptr (GString) ids = g_string_new (NULL);

  begin (f);
  g_assert_true (tessera_store_put_client (f->store, second, NULL));
  g_assert_true (tessera_store_put_client (f->store, first, NULL));
  g_assert_true (tessera_store_remove_client (f->store, "second", NULL));
  g_assert_true (tessera_store_remove_client (f->store, "unknown", NULL));
  commit (f);
  reopen (f);
  g_assert_true (tessera_store_foreach_client (f->store, add_client_id, ids, NULL));
  g_assert_cmpstr (ids->str, ==, "first! ");
}

static void
add_username (TesseraUser *user, gpointer data)
{
  g_string_append_printf (data, "%s%s ", tessera_user_get_username (user),
                          tessera_user_is_disabled (user) ? "!" : "");
}

static void
test_users (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraUser) alice = tessera_user_new ("alice", HASH, NULL, NULL);
  g_autoptr (TesseraUser) bob = tessera_user_new ("bob", HASH, NULL, NULL);
  g_autoptr (TesseraUser) disabled = tessera_user_copy_with_disabled (alice, TRUE);
  g_autoptr (GString) names = g_string_new (NULL);

  begin (f);
  g_assert_true (tessera_store_put_user (f->store, alice, NULL));
  g_assert_true (tessera_store_put_user (f->store, bob, NULL));
  g_assert_true (tessera_store_put_user (f->store, disabled, NULL));
  g_assert_true (tessera_store_remove_user (f->store, "bob", NULL));
  g_assert_true (tessera_store_remove_user (f->store, "unknown", NULL));
  commit (f);
  reopen (f);
  g_assert_true (tessera_store_foreach_user (f->store, add_username, names, NULL));
  g_assert_cmpstr (names->str, ==, "alice! ");
}

static void
assert_grants (Fixture *f, const TesseraStoreFilter *filter, const char *expected)
{
  g_autoptr (GPtrArray) grants = tessera_store_list_grants (f->store, filter, NULL);
  g_autoptr (GString) ids = g_string_new (NULL);
  for (guint i = 0; i < grants->len; i++)
    g_string_append_printf (ids, "%s ", tessera_grant_get_id (grants->pdata[i]));
  g_assert_cmpstr (ids->str, ==, expected);
}

static void
test_grants_are_listed (Fixture *f, gconstpointer data)
{
  begin (f);
  put_grant (f, "g3", "c2", "alice", 1000);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_grant (f, "g2", "c1", "bob", 1000);
  put_grant (f, "g4", "c1", "alice", 1000);
  g_assert_true (tessera_store_end_grant (f->store, "g4", NULL));
  commit (f);
  reopen (f);

  assert_grants (f, &(TesseraStoreFilter){ .after = "", .limit = 9 }, "g1 g2 g3 ");
  assert_grants (f, &(TesseraStoreFilter){ .after = "", .limit = 2 }, "g1 g2 ");
  assert_grants (f, &(TesseraStoreFilter){ .after = "g2", .limit = 2 }, "g3 ");
  assert_grants (f, &(TesseraStoreFilter){ .subject = "alice", .after = "", .limit = 9 }, "g1 g3 ");
  assert_grants (f, &(TesseraStoreFilter){ .client_id = "c1", .after = "", .limit = 9 }, "g1 g2 ");
  assert_grants (
      f, &(TesseraStoreFilter){ .subject = "alice", .client_id = "c2", .after = "", .limit = 9 },
      "g3 ");
  assert_grants (f, &(TesseraStoreFilter){ .after = "", .limit = 9, .now_ms = 999999 },
                 "g1 g2 g3 ");
  assert_grants (f, &(TesseraStoreFilter){ .after = "", .limit = 9, .now_ms = 1000000 }, "");
}

static void
put_session_named (Fixture *f, const char *id, const char *subject)
{
  TesseraSession session = make_session (id, subject, 1000);
  session.login.session_id = (char *) id;
  g_assert_true (tessera_store_put_session (f->store, &session, NULL));
}

static void
assert_sessions (Fixture *f, const TesseraStoreFilter *filter, const char *expected)
{
  g_autoptr (GPtrArray) sessions = tessera_store_list_sessions (f->store, filter, NULL);
  g_autoptr (GString) ids = g_string_new (NULL);
  for (guint i = 0; i < sessions->len; i++)
    g_string_append_printf (ids, "%s ", tessera_session_get_id (sessions->pdata[i]));
  g_assert_cmpstr (ids->str, ==, expected);
}

static void
test_sessions_are_listed (Fixture *f, gconstpointer data)
{
  begin (f);
  put_session_named (f, "s2", "bob");
  put_session_named (f, "s1", "alice");
  put_session_named (f, "s3", "alice");
  commit (f);
  reopen (f);

  assert_sessions (f, &(TesseraStoreFilter){ .after = "", .limit = 2 }, "s1 s2 ");
  assert_sessions (f, &(TesseraStoreFilter){ .after = "s2", .limit = 2 }, "s3 ");
  assert_sessions (f, &(TesseraStoreFilter){ .subject = "alice", .after = "", .limit = 9 },
                   "s1 s3 ");
  assert_sessions (f, &(TesseraStoreFilter){ .after = "", .limit = 9, .now_ms = 50000 }, "");
}

static void
test_declared (Fixture *f, gconstpointer data)
{
  begin (f);
  g_assert_true (tessera_store_put_declared (f->store, "client:a", "1", NULL));
  g_assert_true (tessera_store_put_declared (f->store, "client:b", "1", NULL));
  g_assert_true (tessera_store_put_declared (f->store, "client:a", "2", NULL));
  g_assert_true (tessera_store_put_declared (f->store, "client:b", NULL, NULL));
  commit (f);
  reopen (f);
  g_autoptr (GHashTable) declared = tessera_store_dup_declared (f->store, NULL);
  g_assert_cmpuint (g_hash_table_size (declared), ==, 1);
  g_assert_cmpstr (g_hash_table_lookup (declared, "client:a"), ==, "2");
}

static guint64
append_denial (Fixture *f, TesseraDenialKind kind, const char *value, gint64 expires_ms)
{
  TesseraDenial denial = { .kind = kind,
                           .value = value,
                           .instant_ms = 77,
                           .expires_ms = expires_ms,
                           .grant_id = kind == TESSERA_DENIAL_TOKEN ? "g1" : NULL,
                           .client_id = kind == TESSERA_DENIAL_TOKEN ? "c1" : NULL };
  guint64 generation;
  g_assert_true (tessera_store_append_denial (f->store, &denial, &generation, NULL));
  return generation;
}

static void
note_denial (const TesseraDenial *denial, gpointer data)
{
  g_string_append_printf (data, "%" G_GUINT64_FORMAT ":%d:%s:%d:%s ", denial->generation,
                          denial->kind, denial->value, (int) denial->instant_ms,
                          denial->grant_id != NULL ? denial->grant_id : "-");
}

static char *
list_denials (Fixture *f, guint64 since)
{
  GString *text = g_string_new (NULL);
  g_assert_true (
      tessera_store_foreach_denial (f->store, since, G_MAXUINT, note_denial, text, NULL));
  return g_string_free (text, FALSE);
}

static void
test_denials_are_given_a_page_at_a_time (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);
  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "one", 1000);
  append_denial (f, TESSERA_DENIAL_KEY, "kid", G_MAXINT64);
  append_denial (f, TESSERA_DENIAL_TOKEN, "two", 1000);
  commit (f);
  g_assert_true (tessera_store_foreach_denial (f->store, 0, 2, note_denial, text, NULL));
  g_assert_cmpstr (text->str, ==, "1:0:one:77:g1 2:6:kid:77:- ");
  g_string_truncate (text, 0);
  g_assert_true (tessera_store_foreach_denial (f->store, 2, 2, note_denial, text, NULL));
  g_assert_cmpstr (text->str, ==, "3:0:two:77:g1 ");
}

static void
test_denials_are_given_in_two_parts (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);
  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "one", 1000);
  append_denial (f, TESSERA_DENIAL_KEY, "kid", G_MAXINT64);
  append_denial (f, TESSERA_DENIAL_TOKEN, "two", 1000);
  append_denial (f, TESSERA_DENIAL_ALL, "", 3000);
  append_denial (f, TESSERA_DENIAL_CLIENT_TOKENS, "c1", 3000);
  commit (f);
  g_assert_true (tessera_store_foreach_cut_off (f->store, note_denial, text, NULL));
  g_assert_cmpstr (text->str, ==, "2:6:kid:77:- 4:5::77:- 5:7:c1:77:- ");
  g_string_truncate (text, 0);
  g_assert_true (tessera_store_foreach_denied_token (f->store, 1, note_denial, text, NULL));
  g_assert_cmpstr (text->str, ==, "3:0:two:77:g1 ");
  g_string_truncate (text, 0);
  g_assert_true (tessera_store_foreach_denied_token (f->store, 0, note_denial, text, NULL));
  g_assert_nonnull (strstr (text->str, "1:0:one:77:g1 "));
  g_assert_nonnull (strstr (text->str, "3:0:two:77:g1 "));
  g_assert_cmpuint (text->len, ==, 2 * strlen ("1:0:one:77:g1 "));
}

static void
test_denials_are_numbered_in_order (Fixture *f, gconstpointer data)
{
  begin (f);
  g_assert_cmpuint (append_denial (f, TESSERA_DENIAL_TOKEN, "jti", 1000), ==, 1);
  g_assert_cmpuint (append_denial (f, TESSERA_DENIAL_KEY, "kid", G_MAXINT64), ==, 2);
  commit (f);
  reopen (f);
  begin (f);
  g_assert_cmpuint (append_denial (f, TESSERA_DENIAL_ALL, "", 3000), ==, 3);
  commit (f);
  g_autofree char *all = list_denials (f, 0);
  g_autofree char *since = list_denials (f, 2);
  g_assert_cmpstr (all, ==, "1:0:jti:77:g1 2:6:kid:77:- 3:5::77:- ");
  g_assert_cmpstr (since, ==, "3:5::77:- ");
}

static void
test_no_generation_is_given_twice (Fixture *f, gconstpointer data)
{
  TesseraStoreState state;

  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "one", 1000);
  append_denial (f, TESSERA_DENIAL_TOKEN, "two", 1000);
  commit (f);
  begin (f);
  g_assert_true (tessera_store_prune (f->store, 5000, NULL));
  commit (f);
  reopen (f);
  g_assert_true (tessera_store_get_state (f->store, &state, NULL));
  g_assert_cmpuint (state.generation, ==, 2);
  begin (f);
  g_assert_cmpuint (append_denial (f, TESSERA_DENIAL_TOKEN, "three", 9000), ==, 3);
  commit (f);
}

static void
put_grant_of (Fixture *f, const char *id, const char *subject, const char *sub)
{
  TesseraGrant grant = make_grant (id, "c1", subject, 1000);

  grant.login.sub = (char *) sub;
  g_assert_true (tessera_store_put_grant (f->store, &grant, NULL, NULL));
  g_autoptr (TesseraGrant) read = tessera_store_lookup_grant (f->store, id, NULL);
  assert_login (&read->login, &grant.login);
}

static void
assert_called (Fixture *f, const char *sub, const char *expected)
{
  g_autofree char *subject = NULL;

  g_assert_true (tessera_store_lookup_subject (f->store, sub, &subject, NULL));
  g_assert_cmpstr (subject, ==, expected);
}

static void
assert_subs (Fixture *f, const char *subject, const char *expected)
{
  g_autoptr (GPtrArray) subs = tessera_store_list_subs (f->store, subject, NULL);

  g_ptr_array_add (subs, NULL);
  g_autofree char *joined = g_strjoinv (" ", (char **) subs->pdata);
  g_assert_cmpstr (joined, ==, expected);
}

static void
test_people_are_found_by_what_tokens_call_them (Fixture *f, gconstpointer data)
{
  TesseraSession session = make_session ("cookie", "carl", 1000);
  TesseraAuthorizationCode code = make_code ("code");

  session.login.sub = (char *) "~uc";
  code.login.sub = (char *) "~pa";
  begin (f);
  put_grant_of (f, "g1", "alice", "~pb");
  put_grant_of (f, "g2", "alice", "~pa");
  put_grant_of (f, "g3", "alice", "~pb");
  put_grant_of (f, "g4", "alice", NULL);
  put_grant_of (f, "g5", "bob", NULL);
  g_assert_true (tessera_store_put_session (f->store, &session, NULL));
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  commit (f);
  reopen (f);
  assert_called (f, "~pa", "alice");
  assert_called (f, "~pb", "alice");
  assert_called (f, "~uc", "carl");
  assert_called (f, "bob", NULL);
  assert_called (f, "~pc", NULL);
  assert_subs (f, "alice", "~pa ~pb");
  assert_subs (f, "bob", "");
  assert_subs (f, "carl", "");
  g_autoptr (TesseraSession) read = tessera_store_lookup_session (f->store, &session.digest, NULL);
  assert_login (&read->login, &session.login);
  g_autoptr (TesseraAuthorizationCode) kept
      = tessera_store_lookup_code (f->store, &code.digest, NULL);
  assert_login (&kept->login, &code.login);
  begin (f);
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, 1000, NULL));
  commit (f);
  assert_called (f, "~pa", NULL);
  assert_subs (f, "alice", "");
}

static void
prune_at (Fixture *f, gint64 now_ms)
{
  begin (f);
  g_assert_true (tessera_store_prune (f->store, now_ms, NULL));
  commit (f);
  reopen (f);
}

static void
test_prune_forgets_what_is_useless_only (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode code = make_code ("code");
  TesseraAuthorizationCode used = make_code ("used");
  const gint64 day = 24 * 3600 * 1000;

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_grant (f, "g2", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  put_session (f, "s1", "alice", 1000);
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  g_assert_true (tessera_store_put_code (f->store, &used, NULL));
  redeem_code (f, &used.digest, "g2");
  append_denial (f, TESSERA_DENIAL_TOKEN, "jti", 1000000);
  append_denial (f, TESSERA_DENIAL_KEY, "kid", G_MAXINT64);
  commit (f);

  prune_at (f, 50000);
  g_assert_true (has_session (f, "s1"));
  prune_at (f, 50001);
  g_assert_false (has_session (f, "s1"));
  prune_at (f, 61000);
  g_assert_true (has_code (f, "code"));
  prune_at (f, 61001);
  g_assert_false (has_code (f, "code"));
  g_assert_true (has_code (f, "used"));
  prune_at (f, 1000000);
  g_autofree char *both = list_denials (f, 0);
  g_assert_cmpstr (both, ==, "1:0:jti:77:g1 2:6:kid:77:- ");
  g_assert_true (has_grant (f, "g1"));
  g_assert_true (has_rotation (f, "g1"));
  prune_at (f, 1000001 + TESSERA_STORE_TOKEN_SKEW_MS);
  g_assert_false (has_grant (f, "g1"));
  g_assert_false (has_rotation (f, "g1"));
  g_assert_false (has_code (f, "used"));
  prune_at (f, 2000 + day + 1);
  g_autofree char *key = list_denials (f, 0);
  g_assert_cmpstr (key, ==, "2:6:kid:77:- ");
}

static void
test_redeemed_code_is_forgotten_after_a_day (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode used = make_code ("used");
  TesseraGrant grant = make_grant ("g1", "c1", "alice", 1000);
  const gint64 day = 24 * 3600 * 1000;
  grant.expires_ms = 30 * day;

  begin (f);
  g_assert_true (tessera_store_put_grant (f->store, &grant, NULL, NULL));
  g_assert_true (tessera_store_put_code (f->store, &used, NULL));
  redeem_code (f, &used.digest, "g1");
  commit (f);
  prune_at (f, 2000 + day);
  g_assert_true (has_code (f, "used"));
  prune_at (f, 2001 + day);
  g_assert_false (has_code (f, "used"));
  g_assert_false (is_redeemed (f, "c1", "challenge"));
  g_assert_true (has_grant (f, "g1"));
}

/* Its row may have the number of one that is gone, with what is said of that. */
static void
test_a_code_put_after_an_end_is_new (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode first = make_code ("first"), next = make_code ("next");

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  g_assert_true (tessera_store_put_code (f->store, &first, NULL));
  redeem_code (f, &first.digest, "g1");
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, 1000, NULL));
  g_assert_true (tessera_store_put_code (f->store, &next, NULL));
  commit (f);
  reopen (f);
  g_assert_false (has_code (f, "first"));
  g_autoptr (TesseraAuthorizationCode) found
      = tessera_store_lookup_code (f->store, &next.digest, NULL);
  g_assert_null (found->grant_id);
  g_assert_false (is_redeemed (f, "c1", "challenge"));

  begin (f);
  put_grant (f, "g2", "c1", "alice", 1000);
  redeem_code (f, &next.digest, "g2");
  g_assert_true (tessera_store_end_session (f->store, "sid", 2000, NULL));
  g_assert_true (tessera_store_put_code (f->store, &first, NULL));
  commit (f);
  g_assert_false (has_code (f, "next"));
  g_autoptr (TesseraAuthorizationCode) again
      = tessera_store_lookup_code (f->store, &first.digest, NULL);
  g_assert_null (again->grant_id);
}

static void
put_code (Fixture *f, const char *text, const char *session_id, gint64 expires_ms)
{
  TesseraAuthorizationCode code = make_code (text);

  code.login.session_id = (char *) session_id;
  code.expires_ms = expires_ms;
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
}

static void
redeem (Fixture *f, const char *text, const char *grant_id)
{
  TesseraDigest digest = digest_of (text);

  redeem_code (f, &digest, grant_id);
}

typedef void (*EndFunc) (Fixture *f, gint64 now_ms);

static void
end_sid (Fixture *f, gint64 now_ms)
{
  g_assert_true (tessera_store_end_session (f->store, "sid", now_ms, NULL));
}

static void
end_alice (Fixture *f, gint64 now_ms)
{
  g_assert_true (tessera_store_end_all (f->store, "alice", NULL, now_ms, NULL));
}

static void
end_everybody (Fixture *f, gint64 now_ms)
{
  g_assert_true (tessera_store_end_all (f->store, NULL, NULL, now_ms, NULL));
}

static const EndFunc ends[] = { end_sid, end_alice, end_everybody };

/* Their lifetimes may differ, and threads may put them in another order than they were made. */
static void
test_an_end_takes_all_that_can_be_redeemed (Fixture *f, gconstpointer data)
{
  const gint64 now = 1000000;

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      begin (f);
      put_code (f, "long over", "sid", now - 3600 * 1000);
      put_code (f, "last moment", "sid", now + 1);
      put_code (f, "in time", "sid", now + TESSERA_STORE_CODE_LIFETIME_MS);
      put_code (f, "just over", "sid", now);
      put_code (f, "over", "sid", now - TESSERA_STORE_CODE_DISORDER_MS + 1);
      commit (f);
      begin (f);
      ends[i](f, now);
      commit (f);
      reopen (f);
      g_assert_false (has_code (f, "last moment"));
      g_assert_false (has_code (f, "in time"));
      prune_at (f, now + 1);
      g_assert_false (has_code (f, "long over"));
      g_assert_false (has_code (f, "just over"));
    }
}

/* What the end of its grant left of a code of the morning is nothing: neither for it, nor for one
 * that is put behind it or in its place. */
static void
test_an_old_redeemed_code_is_unknown_after_an_end (Fixture *f, gconstpointer data)
{
  const gint64 later = 3600 * 1000;

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      begin (f);
      put_grant (f, "g1", "c1", "alice", 1000);
      put_code (f, "old", "sid", 61000);
      redeem (f, "old", "g1");
      ends[i](f, later);
      g_assert_false (has_code (f, "old"));
      g_assert_false (is_redeemed (f, "c1", "challenge"));
      put_code (f, "behind", "sid", later + 60000);
      put_grant (f, "g2", "c1", "alice", 1000);
      redeem (f, "behind", "g2");
      commit (f);
      reopen (f);
      g_assert_true (has_code (f, "behind"));
      begin (f);
      ends[i](f, later);
      commit (f);
      prune_at (f, later + 60001);
      begin (f);
      put_code (f, "old", "sid", later + 120000);
      g_assert_false (is_redeemed (f, "c1", "challenge"));
      put_grant (f, "g1", "c1", "alice", 1000);
      redeem (f, "old", "g1");
      commit (f);
      reopen (f);
      g_assert_true (has_code (f, "old"));
      g_assert_true (is_redeemed (f, "c1", "challenge"));
      begin (f);
      ends[i](f, later);
      commit (f);
      prune_at (f, later + 120001);
    }
}

static void
test_the_end_of_another_leaves_a_code_redeemed (Fixture *f, gconstpointer data)
{
  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_code (f, "mine", "sid", 61000);
  redeem (f, "mine", "g1");
  put_code (f, "other", "other", 61000);
  g_assert_true (tessera_store_end_session (f->store, "other", 2000, NULL));
  g_assert_true (tessera_store_end_session (f->store, "other", 3600 * 1000, NULL));
  g_assert_true (tessera_store_end_all (f->store, "bob", NULL, 2000, NULL));
  g_assert_true (tessera_store_end_all (f->store, NULL, "c2", 2000, NULL));
  commit (f);
  reopen (f);
  g_assert_false (has_code (f, "other"));
  g_assert_true (has_code (f, "mine"));
  g_assert_true (is_redeemed (f, "c1", "challenge"));
}

/* Who had a grant that is forgotten is not kept for the rest of the day. */
static void
test_a_code_is_forgotten_with_its_grant (Fixture *f, gconstpointer data)
{
  guint64 before, after, syncs;

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_code (f, "code", "sid", 61000);
  redeem (f, "code", "g1");
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  commit (f);
  prune_at (f, 61000);
  tessera_store_get_counts (f->store, &before, &syncs);
  begin (f);
  g_assert_true (tessera_store_prune (f->store, 61001, NULL));
  commit (f);
  tessera_store_get_counts (f->store, &after, &syncs);
  if (f->directory != NULL)
    g_assert_cmpuint (after - before, ==, 2); /* the code and its redemption */
  g_assert_false (has_code (f, "code"));
}

/* Steps of SQLite's machine. */
static guint64 vm_steps;

static int
count_steps (unsigned event, void *data, void *statement, void *nanoseconds)
{
  vm_steps += (guint64) sqlite3_stmt_status (statement, SQLITE_STMTSTATUS_VM_STEP, TRUE);
  return 0;
}

static int
watch_steps (sqlite3 *handle, const char **message, const void *routines)
{
  return sqlite3_trace_v2 (handle, SQLITE_TRACE_PROFILE, count_steps, NULL);
}

static void
put_old_codes (Fixture *f, guint n)
{
  static guint number;

  begin (f);
  for (guint i = 0; i < n; i++, number++)
    {
      g_autofree char *code = g_strdup_printf ("code%u", number);
      g_autofree char *grant = g_strdup_printf ("grant%u", number);
      g_autofree char *session_id = g_strdup_printf ("sid%u", number);
      g_autofree char *subject = g_strdup_printf ("person%u", number);
      TesseraGrant old = make_grant (grant, "c1", subject, 1000);

      old.login.session_id = session_id;
      g_assert_true (tessera_store_put_grant (f->store, &old, NULL, NULL));
      put_code (f, code, session_id, 61000);
      redeem (f, code, grant);
    }
  commit (f);
}

static guint64
count_steps_of (Fixture *f, EndFunc end)
{
  const gint64 now = 3600 * 1000;

  begin (f);
  put_code (f, "new", "sid", now + 60000);
  vm_steps = 0;
  end (f, now);
  g_assert_cmpuint (vm_steps, >, 0);
  g_assert_false (has_code (f, "new"));
  tessera_store_rollback (f->store);
  return vm_steps;
}

static void
test_an_end_does_not_walk_old_codes (Fixture *f, gconstpointer data)
{
  const EndFunc of_few[] = { end_sid, end_alice };
  guint64 alone[G_N_ELEMENTS (of_few)];

  g_assert_cmpint (sqlite3_auto_extension ((void (*) (void)) watch_steps), ==, SQLITE_OK);
  reopen (f);
  sqlite3_cancel_auto_extension ((void (*) (void)) watch_steps);
  put_old_codes (f, 10);
  for (guint i = 0; i < G_N_ELEMENTS (of_few); i++)
    alone[i] = count_steps_of (f, of_few[i]);
  put_old_codes (f, 1000);
  for (guint i = 0; i < G_N_ELEMENTS (of_few); i++)
    g_assert_cmpuint (count_steps_of (f, of_few[i]), <=, alone[i] + 20);
}

static void
test_challenges_are_compared_whole (Fixture *f, gconstpointer data)
{
  TesseraAuthorizationCode code = make_code ("code");
  code.code_challenge = (char *) "0123456789abcdef";

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  redeem_code (f, &code.digest, "g1");
  commit (f);
  g_assert_true (is_redeemed (f, "c1", "0123456789abcdef"));
  g_assert_false (is_redeemed (f, "c1", "0123456789abcdeg"));
  g_assert_false (is_redeemed (f, "c1", "0123456789a"));
  g_assert_false (is_redeemed (f, "c1", "1123456789abcdef"));
}

/* A few hundred at a time, and one that was never redeemed may wait for those before it. */
static void
test_codes_are_forgotten_in_order (Fixture *f, gconstpointer data)
{
  const gint64 day = 24 * 3600 * 1000;
  TesseraAuthorizationCode used = make_code ("used");
  TesseraGrant grant = make_grant ("g1", "c1", "alice", 1000);
  grant.expires_ms = 30 * day;

  begin (f);
  for (guint i = 0; i < 450; i++)
    {
      g_autofree char *text = g_strdup_printf ("code%u", i);
      TesseraAuthorizationCode code = make_code (text);
      g_assert_true (tessera_store_put_code (f->store, &code, NULL));
    }
  g_assert_true (tessera_store_put_grant (f->store, &grant, NULL, NULL));
  g_assert_true (tessera_store_put_code (f->store, &used, NULL));
  redeem_code (f, &used.digest, "g1");
  commit (f);
  prune_at (f, 61000);
  g_assert_true (has_code (f, "code0"));
  prune_at (f, 61001);
  g_assert_false (has_code (f, "code0") || has_code (f, "code199"));
  g_assert_true (has_code (f, "code200"));
  prune_at (f, 61001);
  prune_at (f, 61001);
  g_assert_false (has_code (f, "code449"));
  g_assert_true (has_code (f, "used"));

  TesseraAuthorizationCode behind = make_code ("behind");
  begin (f);
  g_assert_true (tessera_store_put_code (f->store, &behind, NULL));
  commit (f);
  prune_at (f, 2000 + day);
  g_assert_true (has_code (f, "used"));
  prune_at (f, 2001 + day);
  g_assert_false (has_code (f, "used") || has_code (f, "behind"));
}

static void
test_rollback_undoes_everything (Fixture *f, gconstpointer data)
{
  TesseraStoreState before, after;
  TesseraAuthorizationCode code = make_code ("new");
  TesseraDigest session = digest_of ("sa");
  guint64 writes, syncs, writes_after, syncs_after;

  fill (f);
  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "kept", 1000);
  commit (f);
  g_assert_true (tessera_store_get_state (f->store, &before, NULL));
  tessera_store_get_counts (f->store, &writes, &syncs);

  begin (f);
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  rotate (f, "a1", 9000);
  g_assert_true (tessera_store_remove_session (f->store, &session, NULL));
  g_assert_true (tessera_store_end_grant (f->store, "b1", NULL));
  g_assert_false (has_grant (f, "b1"));
  append_denial (f, TESSERA_DENIAL_TOKEN, "jti", 1000);
  g_assert_true (tessera_store_put_high_water (f->store, 12345678, NULL));
  g_assert_true (tessera_store_prune (f->store, 2000000, NULL));
  g_assert_true (tessera_store_end_all (f->store, NULL, NULL, 9000, NULL));
  tessera_store_rollback (f->store);

  g_assert_true (tessera_store_get_state (f->store, &after, NULL));
  g_assert_cmpmem (&before, sizeof before, &after, sizeof after);
  tessera_store_get_counts (f->store, &writes_after, &syncs_after);
  g_assert_cmpuint (writes_after, ==, writes);
  g_assert_cmpuint (syncs_after, ==, syncs);
  for (guint round = 0; round < 2; round++)
    {
      g_assert_false (has_code (f, "new"));
      g_assert_true (has_code (f, "code"));
      assert_rotation (f, "a1", 0, 1000, 0);
      g_assert_true (has_session (f, "sa"));
      g_assert_true (has_grant (f, "b1"));
      g_assert_true (has_rotation (f, "b1"));
      g_autofree char *denials = list_denials (f, 0);
      g_assert_cmpstr (denials, ==, "1:0:kept:77:g1 ");
      reopen (f);
    }
}

/* Its tokens may outlive it. They can be refused only by who knows what they call the person, and
 * taken back only as those of a grant. */
static void
test_a_grant_stays_as_long_as_its_tokens (Fixture *f, gconstpointer data)
{
  const gint64 end = 1000000 + 600000 + TESSERA_STORE_TOKEN_SKEW_MS;

  begin (f);
  g_assert_true (tessera_store_put_longest_lifetime (f->store, 600000, NULL));
  put_grant_of (f, "g1", "alice", "~pa");
  put_grant_of (f, "g2", "alice", NULL);
  commit (f);
  prune_at (f, end);
  assert_subs (f, "alice", "~pa");
  g_assert_true (has_grant (f, "g2"));
  prune_at (f, end + 1);
  assert_subs (f, "alice", "");
  g_assert_false (has_grant (f, "g2"));
}

static void
test_undone_prune_revives_nothing (Fixture *f, gconstpointer data)
{
  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  commit (f);
  begin (f);
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  commit (f);
  begin (f);
  g_assert_true (tessera_store_prune (f->store, 2000, NULL));
  tessera_store_rollback (f->store);
  g_assert_false (has_grant (f, "g1"));
  g_assert_false (has_rotation (f, "g1"));
  prune_at (f, 2000);
  g_assert_false (has_grant (f, "g1"));
  g_assert_false (has_rotation (f, "g1"));
}

/* What was pruned, ended and undone in one: g1 had ended before, g2 had not. */
static void
test_undone_prune_knows_what_had_ended (Fixture *f, gconstpointer data)
{
  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  put_grant (f, "g2", "c1", "alice", 1000);
  begin_rotation (f, "g2");
  g_assert_true (tessera_store_end_grant (f->store, "g1", NULL));
  commit (f);
  begin (f);
  g_assert_true (tessera_store_end_grant (f->store, "g2", NULL));
  g_assert_true (tessera_store_prune (f->store, 2000, NULL));
  tessera_store_rollback (f->store);
  g_assert_false (has_grant (f, "g1"));
  g_assert_true (has_grant (f, "g2"));
  g_assert_true (has_rotation (f, "g2"));
}

/* What there is not changes nothing, and what there is is not overwritten. */
static void
test_secrets_are_put_once (Fixture *f, gconstpointer data)
{
  TesseraDigest unknown = digest_of ("unknown");
  TesseraSession session = make_session ("s1", "alice", 1000);
  TesseraAuthorizationCode plain = make_code ("plain");
  plain.code_challenge = NULL;

  begin (f);
  put_grant (f, "g1", "c1", "alice", 1000);
  begin_rotation (f, "g1");
  g_assert_true (tessera_store_put_session (f->store, &session, NULL));
  g_assert_true (tessera_store_put_code (f->store, &plain, NULL));
  redeem_code (f, &plain.digest, "g1");
  g_assert_true (tessera_store_touch_session (f->store, &unknown, 2000, NULL));
  commit (f);
  begin (f);
  g_assert_false (tessera_store_begin_rotation (f->store, number_of (f, "g1"), 9000, NULL));
  tessera_store_rollback (f->store);
  begin (f);
  g_assert_false (tessera_store_put_session (f->store, &session, NULL));
  tessera_store_rollback (f->store);
  begin (f);
  g_assert_true (tessera_store_rotate (f->store, number_of (f, "g1") + 1, 9000, NULL));
  tessera_store_rollback (f->store);
  assert_rotation (f, "g1", 0, 1000, 0);
  g_assert_false (is_redeemed (f, "c1", "challenge"));
}

static void
note_nothing (TesseraClient *client, gpointer data)
{
}

static void
note_nobody (TesseraUser *user, gpointer data)
{
}

/* Never passed over: who is not known would have nothing to end. */
static void
test_an_unusable_registration_is_said (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraClient) client = tessera_client_new ("c1", "One");
  g_autoptr (TesseraUser) user = tessera_user_new ("alice", HASH, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) user_error = NULL;

  begin (f);
  g_assert_true (tessera_store_put_client (f->store, client, NULL));
  g_assert_true (tessera_store_put_user (f->store, user, NULL));
  commit (f);
  g_clear_object (&f->store);
  run_sql (f, "UPDATE clients SET registration = '{}'; UPDATE users SET record = '{}'");
  open_sqlite (f);
  g_assert_false (tessera_store_foreach_client (f->store, note_nothing, NULL, &error));
  g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED);
  g_assert_false (tessera_store_foreach_user (f->store, note_nobody, NULL, &user_error));
  g_assert_error (user_error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED);
}

static void
test_state_only_grows (Fixture *f, gconstpointer data)
{
  TesseraStoreState first, state;

  g_assert_true (tessera_store_get_state (f->store, &first, NULL));
  g_assert_cmpuint (strlen (first.id), >=, 22);
  g_assert_cmpuint (first.generation, ==, 0);
  g_assert_cmpint (first.high_water_ms, ==, 0);
  begin (f);
  g_assert_true (tessera_store_put_high_water (f->store, 5000, NULL));
  g_assert_true (tessera_store_put_high_water (f->store, 4000, NULL));
  g_assert_true (tessera_store_put_longest_lifetime (f->store, 600, NULL));
  g_assert_true (tessera_store_put_longest_lifetime (f->store, 300, NULL));
  g_assert_true (tessera_store_raise_generation (f->store, 100, NULL));
  g_assert_true (tessera_store_raise_generation (f->store, 50, NULL));
  commit (f);
  reopen (f);
  g_assert_true (tessera_store_get_state (f->store, &state, NULL));
  g_assert_cmpstr (state.id, ==, first.id);
  g_assert_cmpuint (state.generation, ==, 100);
  g_assert_cmpuint (state.commits, ==, first.commits + 2); /* by which a rollback is known */
  g_assert_cmpint (state.high_water_ms, ==, 5000);
  g_assert_cmpint (state.longest_lifetime_ms, ==, 600);
}

static void
test_reading_costs_no_sync (Fixture *f, gconstpointer data)
{
  guint64 writes, syncs, writes_after, syncs_after;

  fill (f);
  tessera_store_get_counts (f->store, &writes, &syncs);
  g_assert_cmpuint (writes, >, 0);
  g_assert_cmpuint (syncs, >, 0);
  begin (f);
  g_assert_true (has_grant (f, "a1"));
  g_assert_true (has_rotation (f, "a1"));
  g_assert_true (tessera_store_prune (f->store, 1000, NULL));
  commit (f);
  tessera_store_get_counts (f->store, &writes_after, &syncs_after);
  g_assert_cmpuint (writes_after, ==, writes);
  g_assert_cmpuint (syncs_after, ==, syncs);
}

/* SQLite only. */

static void
test_files_are_private (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "tessera.db", "tessera.db-wal", "lock", "reserve" };
  GStatBuf info;

  fill (f);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = path_of (f, names[i]);
      g_assert_cmpint (g_stat (path, &info), ==, 0);
      g_assert_cmpint (info.st_mode & 0777, ==, 0600);
    }
  g_autofree char *deep = g_build_filename (f->directory, "made", NULL);
  g_autoptr (TesseraStore) made = tessera_sqlite_store_open (deep, NULL, NULL);
  g_assert_nonnull (made);
  g_assert_cmpint (g_stat (deep, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0700);
  g_clear_object (&made);
  remove_directory (deep);
}

static void
assert_refused (Fixture *f, int code)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (tessera_sqlite_store_open (f->directory, NULL, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, code);
}

/* A home that is a link, as on systems where /home is one. */
static void
test_directory_behind_a_link (Fixture *f, gconstpointer data)
{
  g_autofree char *link = path_of (f, "link");
  g_autofree char *inside = g_build_filename (link, "made", NULL);
  g_autofree char *deep = path_of (f, "made");
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (symlink (".", link), ==, 0);
  g_autoptr (TesseraStore) made = tessera_sqlite_store_open (inside, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (made);
  g_clear_object (&made);
  remove_directory (deep);
}

static void
test_second_process_is_kept_out (Fixture *f, gconstpointer data)
{
  assert_refused (f, TESSERA_SETUP_ERROR_LOCKED);
  reopen (f);
}

static int
get_schema_version (Fixture *f)
{
  g_autofree char *path = path_of (f, "tessera.db");
  sqlite3 *handle;
  sqlite3_stmt *statement;
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (handle, "PRAGMA user_version", -1, &statement, NULL), ==,
                   SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  int version = sqlite3_column_int (statement, 0);
  sqlite3_finalize (statement);
  sqlite3_close (handle);
  return version;
}

static void
set_schema_version (Fixture *f, int version)
{
  g_autofree char *sql = g_strdup_printf ("PRAGMA user_version = %d", version);
  run_sql (f, sql);
}

static void
test_newer_schema_is_refused (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->store);
  int version = get_schema_version (f);
  set_schema_version (f, version + 1);
  assert_refused (f, TESSERA_SETUP_ERROR_STATE);
  set_schema_version (f, version);
  open_sqlite (f);
}

/* Before it had a table for all in the deny-list that is no token. */
static void
test_older_schema_is_brought_up (Fixture *f, gconstpointer data)
{
  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "jti", 1000);
  append_denial (f, TESSERA_DENIAL_KEY, "kid", G_MAXINT64);
  append_denial (f, TESSERA_DENIAL_SUBJECT, "alice", 2000);
  commit (f);
  g_autofree char *before = list_denials (f, 0);
  g_clear_object (&f->store);
  run_sql (f, "INSERT INTO denials (generation, kind, value, instant_ms, expires_ms, checksum)"
              "  SELECT generation, kind, value, instant_ms, expires_ms, checksum FROM cut_offs;"
              "DROP TABLE cut_offs;"
              "DROP TABLE assertions;"
              "DROP TABLE participants;"
              "DROP TABLE logouts;"
              "DROP INDEX grants_by_sub;"
              "DROP INDEX sessions_by_sub;"
              "ALTER TABLE grants DROP COLUMN sub;"
              "ALTER TABLE sessions DROP COLUMN sub;"
              "DROP TABLE initial_tokens;"
              "ALTER TABLE denials DROP COLUMN subject;"
              "ALTER TABLE grants DROP COLUMN claims;"
              "DROP TABLE redemptions;"
              "ALTER TABLE codes DROP COLUMN sub;"
              "ALTER TABLE codes DROP COLUMN claims;"
              "ALTER TABLE codes DROP COLUMN nonce;"
              "ALTER TABLE codes DROP COLUMN claims_request;"
              "ALTER TABLE codes ADD COLUMN grant_id TEXT;"
              "ALTER TABLE codes ADD COLUMN redeemed_ms INTEGER;"
              "ALTER TABLE sessions DROP COLUMN claims;"
              "DROP TABLE rotations;"
              "ALTER TABLE grants DROP COLUMN nonce;"
              "CREATE TABLE refresh_tokens (digest, grant_id, issued_ms, superseded_ms,"
              "  successor_used, predecessor);"
              "PRAGMA user_version = 3");
  open_sqlite (f);
  g_autofree char *after = list_denials (f, 0);
  g_assert_cmpstr (after, ==, before);
  g_autoptr (GString) cut_offs = g_string_new (NULL);
  g_assert_true (tessera_store_foreach_cut_off (f->store, note_denial, cut_offs, NULL));
  g_assert_cmpstr (cut_offs->str, ==, "2:6:kid:77:- 3:3:alice:77:- ");
  begin (f);
  g_assert_cmpuint (append_denial (f, TESSERA_DENIAL_ALL, "", 3000), ==, 4);
  commit (f);
}

static void
test_foreign_database_is_refused (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->store);
  run_sql (f, "PRAGMA user_version = 0");
  assert_refused (f, TESSERA_SETUP_ERROR_STATE);
}

static void
copy_file (Fixture *f, const char *directory, const char *name)
{
  g_autofree char *from = path_of (f, name);
  g_autofree char *to = g_build_filename (directory, name, NULL);
  g_autofree char *contents = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (from, &contents, &length, NULL));
  g_assert_true (g_file_set_contents (to, contents, (gssize) length, NULL));
}

/* What is behind the last page of the log is none: as it lies on the disk, it comes up whole. */
static void
test_log_has_room (Fixture *f, gconstpointer data)
{
  g_autofree char *log = path_of (f, "tessera.db-wal");
  g_autofree char *copy = g_dir_make_tmp ("tessera-store-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  GStatBuf info;
  gint64 size = 0;
  guint steps = 0;

  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *value = g_strdup_printf ("jti-%u", i);
      begin (f);
      append_denial (f, TESSERA_DENIAL_TOKEN, value, 1000);
      commit (f);
      g_assert_cmpint (g_stat (log, &info), ==, 0);
      steps += i >= 100 && info.st_size != size ? 1 : 0;
      size = info.st_size;
    }
  g_assert_cmpuint (steps, <=, 2);
  g_assert_cmpint (size, >, 512 * 1024);

  g_autofree char *before = list_denials (f, 0);
  copy_file (f, copy, "tessera.db");
  copy_file (f, copy, "tessera.db-wal");
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (copy, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (GString) after = g_string_new (NULL);
  g_assert_true (tessera_store_foreach_denial (store, 0, G_MAXUINT, note_denial, after, NULL));
  g_assert_cmpstr (after->str, ==, before);
  g_clear_object (&store);
  remove_directory (copy);
}

static void
test_is_new_only_once (Fixture *f, gconstpointer data)
{
  gboolean is_new;
  g_clear_object (&f->store);
  remove_directory (f->directory);
  g_autoptr (TesseraStore) first = tessera_sqlite_store_open (f->directory, &is_new, NULL);
  g_assert_true (is_new);
  g_clear_object (&first);
  g_autoptr (TesseraStore) second = tessera_sqlite_store_open (f->directory, &is_new, NULL);
  g_assert_false (is_new);
}

static void
ignore_denial (const TesseraDenial *denial, gpointer data)
{
}

/* A block of a disk, and one bit of it. */
static void
test_damage_is_noticed (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "tessera.db");
  g_autofree char *whole = NULL;
  gsize length;

  fill (f);
  g_clear_object (&f->store);
  run_sql (f, "VACUUM"); /* what nobody reads holds nothing */
  g_assert_true (g_file_get_contents (path, &whole, &length, NULL));

  guint step = g_test_slow () ? 512 : 2048 + 512;
  for (gsize at = 0; at < length; at += step)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);
      damaged[at + (gsize) g_test_rand_int_range (0, 512)] ^= (char) (1 << (at / 512 % 8));
      g_assert_true (g_file_set_contents (path, damaged, (gssize) length, NULL));
      assert_refused (f, TESSERA_SETUP_ERROR_STATE);
      for (gsize i = at; i < MIN (at + 512, length); i++)
        damaged[i] = (char) ~whole[i];
      g_assert_true (g_file_set_contents (path, damaged, (gssize) length, NULL));
      assert_refused (f, TESSERA_SETUP_ERROR_STATE);
    }
  g_assert_true (g_file_set_contents (path, whole, (gssize) length, NULL));
  open_sqlite (f);
}

/* So large that nobody would wait for all of it at the start. */
static void
fill_much (Fixture *f)
{
  g_autofree char *long_text = g_strnfill (17 * 1024 * 1024, 'x');

  fill (f);
  begin (f);
  g_assert_true (tessera_store_put_declared (f->store, "client:much", long_text, NULL));
  commit (f);
  g_clear_object (&f->store);
}

static gboolean
examine (Fixture *f, guint *pieces, GError **error)
{
  gboolean more = TRUE;

  for (*pieces = 0; more; (*pieces)++)
    {
      g_assert_cmpuint (*pieces, <, 1000);
      begin (f);
      if (!tessera_store_examine (f->store, 256, &more, error))
        return FALSE;
      commit (f);
    }
  return TRUE;
}

static void
flip (Fixture *f, gint64 offset)
{
  g_autofree char *path = path_of (f, "tessera.db");
  int fd = g_open (path, O_RDWR, 0);
  char byte;

  g_assert_cmpint (pread (fd, &byte, 1, offset), ==, 1);
  byte ^= 1;
  g_assert_cmpint (pwrite (fd, &byte, 1, offset), ==, 1);
  close (fd);
}

static void
test_damage_is_noticed_in_pieces (Fixture *f, gconstpointer data)
{
  g_autofree char *mark = path_of (f, "damaged");
  g_autoptr (GError) error = NULL;
  guint pieces;

  fill_much (f);
  open_sqlite (f);
  g_assert_true (examine (f, &pieces, NULL));
  g_assert_cmpuint (pieces, >, 10);
  g_clear_object (&f->store);

  flip (f, 16 * 1024 * 1024 + 100); /* within the long text */
  open_sqlite (f);
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
  g_assert_false (examine (f, &pieces, &error));
  g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED);
  g_clear_object (&f->store);

  /* From then on it does not even start, until it is whole again. */
  g_assert_true (g_file_test (mark, G_FILE_TEST_EXISTS));
  assert_refused (f, TESSERA_SETUP_ERROR_STATE);
  assert_refused (f, TESSERA_SETUP_ERROR_STATE);
  flip (f, 16 * 1024 * 1024 + 100);
  open_sqlite (f);
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
}

#define INSIDE (16 * 1024 * 1024) /* a page of the long text */

static void
assert_damaged (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  guint pieces;

  open_sqlite (f);
  g_assert_false (examine (f, &pieces, &error));
  g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED);
  g_clear_object (&f->store);
}

static void
assert_refused_as_damaged (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_sqlite_store_open (f->directory, NULL, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE);
  g_assert_nonnull (strstr (error->message, "damaged"));
}

/* A small one is examined whole, what nobody reads at the start too. */
static void
test_a_small_one_that_makes_no_sense_is_refused (Fixture *f, gconstpointer data)
{
  fill (f);
  g_clear_object (&f->store);
  run_sql (f, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
              " sql = replace (sql, 'given_ms INTEGER', 'given_ms TEXT') WHERE name = 'consents'");
  assert_refused_as_damaged (f);
}

/* What a page says to its last word, and each byte of its checksum. */
static void
test_the_end_of_a_page_is_as_good_as_its_middle (Fixture *f, gconstpointer data)
{
  static const gint64 places[] = { 4087, 4088, 4095 };

  fill_much (f);
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      flip (f, INSIDE + places[i]);
      assert_damaged (f);
      flip (f, INSIDE + places[i]);
      open_sqlite (f);
      g_clear_object (&f->store);
    }
}

/* A disk that wrote a page where another belongs. */
static void
test_a_page_in_the_place_of_another_is_noticed (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "tessera.db");
  char page[4096];

  fill_much (f);
  int fd = g_open (path, O_RDWR, 0);
  g_assert_cmpint (pread (fd, page, sizeof page, INSIDE), ==, sizeof page);
  g_assert_cmpint (pwrite (fd, page, sizeof page, INSIDE + 4096), ==, sizeof page);
  close (fd);
  assert_damaged (f);
}

/* Nothing is made of a damaged page that a new schema would hide. */
static void
test_before_another_schema_all_is_examined (Fixture *f, gconstpointer data)
{
  fill_much (f);
  run_sql (f, "PRAGMA user_version = 1");
  flip (f, INSIDE + 100);
  assert_refused_as_damaged (f);
}

/* However large the rest is: what it says of revocations holds together. */
static void
test_what_matters_is_examined_each_time (Fixture *f, gconstpointer data)
{
  fill_much (f);
  open_sqlite (f);
  begin (f);
  append_denial (f, TESSERA_DENIAL_GRANT, "a1", 1000000);
  commit (f);
  g_clear_object (&f->store);
  run_sql (f, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
              " sql = replace (sql, 'checksum INTEGER', 'checksum TEXT') WHERE name = 'cut_offs'");
  assert_refused_as_damaged (f);
}

/* Each page has its checksum; what they say together is wrong. */
static void
test_whole_pages_that_make_no_sense_are_noticed (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint pieces;

  fill_much (f);
  open_sqlite (f);
  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "jti", 1000000);
  commit (f);
  g_clear_object (&f->store);
  run_sql (f, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
              " sql = replace (sql, 'subject TEXT', 'subject TEXT NOT NULL')"
              " WHERE name = 'denials'");
  open_sqlite (f);
  g_assert_true (examine (f, &pieces, NULL));
  g_assert_true (tessera_store_foreach_denied_token (f->store, 1, ignore_denial, NULL, NULL));
  g_assert_false (tessera_store_foreach_denied_token (f->store, 0, ignore_denial, NULL, &error));
  g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED);
}

/* A page that a power cut left half written, but the log has whole. */
static void
test_what_the_log_has_anew_is_no_damage (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "tessera.db-wal");
  g_autofree char *log = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;
  guint n = 0, pieces;

  fill_much (f);
  open_sqlite (f);
  begin (f);
  put_grant (f, "new", "c1", "alice", 5000);
  commit (f);
  g_assert_true (g_file_get_contents (path, &log, &length, NULL));
  for (gsize frame = 32; frame + 24 + 4096 <= length; frame += 24 + 4096)
    {
      guint32 page;
      memcpy (&page, log + frame, sizeof page);
      if (page == 0) /* room for more */
        break;
      flip (f, ((gint64) GUINT32_FROM_BE (page) - 1) * 4096 + 2000);
      n++;
    }
  g_assert_cmpuint (n, >, 0);
  examine (f, &pieces, &error);
  g_assert_no_error (error);
}

static void
note_record (const char *client_id, const char *record, gpointer data)
{
  g_string_append_printf (data, "%s ", client_id);
  g_assert_nonnull (strstr (record, client_id));
}

static void
test_clients_as_they_are_kept (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) ids = g_string_new (NULL);
  gint64 position = 0;
  gboolean has;

  begin (f);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *id = g_strdup_printf ("c%u", i);
      g_autoptr (TesseraClient) client = tessera_client_new (id, NULL);
      g_assert_true (tessera_store_put_client (f->store, client, NULL));
    }
  commit (f);
  while (position >= 0)
    {
      g_assert_true (
          tessera_store_foreach_client_record (f->store, &position, 2, note_record, ids, NULL));
      g_string_append_c (ids, '|');
    }
  if (f->directory != NULL)
    g_assert_cmpstr (ids->str, ==, "c0 c1 |c2 |");
  g_assert_cmpuint (ids->len, >=, 9);
  g_assert_true (tessera_store_has_client (f->store, "c1", &has, NULL) && has);
  g_assert_true (tessera_store_has_client (f->store, "c3", &has, NULL) && !has);
}

static void
test_one_flipped_bit_in_an_entry_is_noticed (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  begin (f);
  append_denial (f, TESSERA_DENIAL_TOKEN, "jti", G_MAXINT64);
  commit (f);
  g_clear_object (&f->store);
  run_sql (f, "UPDATE denials SET value = 'jtj'");
  open_sqlite (f);
  g_assert_false (
      tessera_store_foreach_denial (f->store, 0, G_MAXUINT, ignore_denial, NULL, &error));
  g_assert_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED);
  g_clear_object (&f->store);
  run_sql (f, "UPDATE state SET high_water_ms = 1");
  assert_refused (f, TESSERA_SETUP_ERROR_STATE);
}

static void
test_no_secret_is_kept_in_clear (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c1", "secret", "canary-of-the-client", NULL);
  TesseraAuthorizationCode code = make_code ("canary-of-the-code");
  static const char *const names[] = { "tessera.db", "tessera.db-wal" };

  begin (f);
  g_assert_true (tessera_store_put_client (f->store, client, NULL));
  g_assert_true (tessera_store_put_code (f->store, &code, NULL));
  put_grant (f, "g1", "c1", "alice", 1000);
  put_session (f, "canary-of-the-session", "alice", 1000);
  commit (f);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = path_of (f, names[i]);
      g_autofree char *content = NULL;
      gsize length;
      g_assert_true (g_file_get_contents (path, &content, &length, NULL));
      g_assert_null (memmem (content, length, "canary-of", 9));
    }
}

#define ADD(name, func)                                                                            \
  g_test_add ("/store/memory/" name, Fixture, NULL, set_up_memory, func, tear_down);               \
  g_test_add ("/store/sqlite/" name, Fixture, NULL, set_up_sqlite, func, tear_down)
#define ADD_SQLITE(name, func)                                                                     \
  g_test_add ("/store/sqlite/" name, Fixture, NULL, set_up_sqlite, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();

  ADD ("code", test_code);
  ADD ("code-that-is-not-kept-is-not-redeemed", test_code_that_is_not_kept_is_not_redeemed);
  ADD ("redeemed-code-is-remembered", test_redeemed_code_is_remembered);
  ADD_SQLITE ("challenge-of-two-codes-is-remembered", test_challenge_of_two_codes_is_remembered);
  ADD ("initial-tokens-are-found-and-listed-while-good",
       test_initial_tokens_are_found_and_listed_while_good);
  ADD ("initial-tokens-are-replaced-removed-and-pruned",
       test_initial_tokens_are_replaced_removed_and_pruned);
  ADD ("assertion-is-new-once", test_assertion_is_new_once);
  ADD ("assertion-of-what-was-undone-is-new", test_assertion_of_what_was_undone_is_new);
  ADD ("grant", test_grant);
  ADD ("people-are-found-by-what-tokens-call-them", test_people_are_found_by_what_tokens_call_them);
  ADD ("a-grant-stays-as-long-as-its-tokens", test_a_grant_stays_as_long_as_its_tokens);
  ADD ("ended-grant-takes-its-tokens-along", test_ended_grant_takes_its_tokens_along);
  ADD ("a-rotation-goes-on-turn-by-turn", test_a_rotation_goes_on_turn_by_turn);
  ADD ("a-rotation-knows-its-grant", test_a_rotation_knows_its_grant);
  ADD ("a-number-given-again-starts-anew", test_a_number_given_again_starts_anew);
  ADD ("session", test_session);
  ADD ("ended-session-takes-its-grants-along", test_ended_session_takes_its_grants_along);
  ADD ("consent-is-replaced", test_consent_is_replaced);
  ADD ("end-all-of-a-subject", test_end_all_of_a_subject);
  ADD ("end-all-of-a-client", test_end_all_of_a_client);
  ADD ("end-all-of-a-subject-at-a-client", test_end_all_of_a_subject_at_a_client);
  ADD ("end-all-of-everybody", test_end_all_of_everybody);
  ADD ("participants-hear-of-their-session", test_participants_hear_of_their_session);
  ADD ("participants-hear-of-the-end-of-all", test_participants_hear_of_the_end_of_all);
  ADD ("logouts-are-counted-and-removed", test_logouts_are_counted_and_removed);
  ADD ("logouts-of-one-client-are-limited", test_logouts_of_one_client_are_limited);
  ADD ("logouts-of-one-client-are-limited-at-once", test_logouts_of_one_client_are_limited_at_once);
  ADD ("logouts-in-all-are-limited", test_logouts_in_all_are_limited);
  ADD ("participants-are-forgotten", test_participants_are_forgotten);
  ADD ("clients", test_clients);
  ADD ("users", test_users);
  ADD ("grants-are-listed", test_grants_are_listed);
  ADD ("sessions-are-listed", test_sessions_are_listed);
  ADD ("declared", test_declared);
  ADD ("denials-are-numbered-in-order", test_denials_are_numbered_in_order);
  ADD ("denials-are-given-in-two-parts", test_denials_are_given_in_two_parts);
  ADD ("denials-are-given-a-page-at-a-time", test_denials_are_given_a_page_at_a_time);
  ADD ("no-generation-is-given-twice", test_no_generation_is_given_twice);
  ADD ("prune-forgets-what-is-useless-only", test_prune_forgets_what_is_useless_only);
  ADD ("redeemed-code-is-forgotten-after-a-day", test_redeemed_code_is_forgotten_after_a_day);
  ADD ("a-code-put-after-an-end-is-new", test_a_code_put_after_an_end_is_new);
  ADD ("challenges-are-compared-whole", test_challenges_are_compared_whole);
  ADD ("an-end-takes-all-that-can-be-redeemed", test_an_end_takes_all_that_can_be_redeemed);
  ADD ("an-old-redeemed-code-is-unknown-after-an-end",
       test_an_old_redeemed_code_is_unknown_after_an_end);
  ADD ("the-end-of-another-leaves-a-code-redeemed", test_the_end_of_another_leaves_a_code_redeemed);
  ADD ("a-code-is-forgotten-with-its-grant", test_a_code_is_forgotten_with_its_grant);
  ADD_SQLITE ("an-end-does-not-walk-old-codes", test_an_end_does_not_walk_old_codes);
  ADD_SQLITE ("codes-are-forgotten-in-order", test_codes_are_forgotten_in_order);
  ADD ("rollback-undoes-everything", test_rollback_undoes_everything);
  ADD ("undone-prune-revives-nothing", test_undone_prune_revives_nothing);
  ADD ("undone-prune-knows-what-had-ended", test_undone_prune_knows_what_had_ended);
  ADD ("secrets-are-put-once", test_secrets_are_put_once);
  ADD ("state-only-grows", test_state_only_grows);
  ADD ("reading-costs-no-sync", test_reading_costs_no_sync);

  ADD_SQLITE ("files-are-private", test_files_are_private);
  ADD_SQLITE ("directory-may-lie-behind-a-link", test_directory_behind_a_link);
  ADD_SQLITE ("second-process-is-kept-out", test_second_process_is_kept_out);
  ADD_SQLITE ("newer-schema-is-refused", test_newer_schema_is_refused);
  ADD_SQLITE ("older-schema-is-brought-up", test_older_schema_is_brought_up);
  ADD_SQLITE ("foreign-database-is-refused", test_foreign_database_is_refused);
  ADD_SQLITE ("is-new-only-once", test_is_new_only_once);
  ADD_SQLITE ("log-has-room", test_log_has_room);
  ADD_SQLITE ("an-unusable-registration-is-said", test_an_unusable_registration_is_said);
  ADD_SQLITE ("damage-is-noticed", test_damage_is_noticed);
  ADD_SQLITE ("damage-is-noticed-in-pieces", test_damage_is_noticed_in_pieces);
  ADD_SQLITE ("a-small-one-that-makes-no-sense-is-refused",
              test_a_small_one_that_makes_no_sense_is_refused);
  ADD_SQLITE ("the-end-of-a-page-is-as-good-as-its-middle",
              test_the_end_of_a_page_is_as_good_as_its_middle);
  ADD_SQLITE ("a-page-in-the-place-of-another-is-noticed",
              test_a_page_in_the_place_of_another_is_noticed);
  ADD_SQLITE ("before-another-schema-all-is-examined", test_before_another_schema_all_is_examined);
  ADD_SQLITE ("what-matters-is-examined-each-time", test_what_matters_is_examined_each_time);
  ADD_SQLITE ("whole-pages-that-make-no-sense-are-noticed",
              test_whole_pages_that_make_no_sense_are_noticed);
  ADD_SQLITE ("what-the-log-has-anew-is-no-damage", test_what_the_log_has_anew_is_no_damage);
  ADD ("clients-as-they-are-kept", test_clients_as_they_are_kept);
  ADD_SQLITE ("one-flipped-bit-in-an-entry-is-noticed",
              test_one_flipped_bit_in_an_entry_is_noticed);
  ADD_SQLITE ("no-secret-is-kept-in-clear", test_no_secret_is_kept_in_clear);

  return g_test_run ();
}
