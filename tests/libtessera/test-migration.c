/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A database of every schema there ever was comes up whole in this release, also when the first
 * start is killed, or the power cut, at any moment of it.
 *
 * tests/data/schema-N.sql and .mirror are what release N left: test-migration --make DIRECTORY,
 * built in that release, and `sqlite3 tessera.db .dump`. */

#include "base/tessera-secret-private.h"
#include "faulty-vfs.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN_2090_MS G_GINT64_CONSTANT (3786912000000)
#define DENIED_JTI "01900000-0000-7000-8000-000000000001"
#define DENIED_MS G_GINT64_CONSTANT (0x019000000000)
#define LIFETIME_MS (G_GINT64_CONSTANT (60) * 365 * 86400 * 1000) /* nothing is pruned */

static TesseraLogin login
    = { (char *) "alice",  (char *) "sid",     1234,
        (char *) "acr",    (char *) "pwd otp", (char *) "{\"name\":\"Alice\"}",
        (char *) "~palice" };

static guint golden; /* the schema that is tried */

typedef struct
{
  TesseraClock *clock;
  TesseraDenyList *list;
  TesseraCommitter *committer;
  gboolean rolled_back;
} State;

static void
state_open (State *s, const char *directory, gboolean is_new)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *mirror = g_build_filename (directory, "generation", NULL);
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, NULL, &error);
  g_assert_no_error (error);
  s->clock = tessera_clock_new ();
  s->list = tessera_deny_list_new (s->clock, 0, mirror);
  if (!is_new)
    tessera_deny_list_expect_past (s->list);
  tessera_deny_list_load (s->list, store, LIFETIME_MS, &s->rolled_back, &error);
  g_assert_no_error (error);
  s->committer = tessera_committer_new (store, NULL);
  tessera_deny_list_attach (s->list, s->committer);
}

static void
state_close (State *s)
{
  tessera_committer_free (s->committer);
  tessera_deny_list_free (s->list);
  tessera_clock_unref (s->clock);
}

static void
run (State *s, TesseraOperationRun operation)
{
  g_autoptr (GError) error = NULL;
  tessera_committer_submit_and_wait (s->committer, operation, s, &error);
  g_assert_no_error (error);
}

/* What there is. */

static gboolean
put_grant (TesseraStore *store, const char *grant_id)
{
  TesseraGrant grant = { .grant_id = (char *) grant_id,
                         .client_id = (char *) "c1",
                         .login = login,
                         .scope = (char *) "a",
                         .began_ms = 1000,
                         .last_used_ms = 1000,
                         .expires_ms = IN_2090_MS };
  memset (grant.nonce.bytes, 'n', sizeof grant.nonce.bytes);
  return tessera_store_put_grant (store, &grant, NULL, NULL);
}

static gboolean
put_code (TesseraStore *store, const char *text)
{
  TesseraAuthorizationCode code = { .digest = tessera_digest (text, -1),
                                    .client_id = (char *) "c1",
                                    .redirect_uri = (char *) "https://c1.test/cb",
                                    .code_challenge = (char *) text,
                                    .login = login,
                                    .began_ms = 1000,
                                    .expires_ms = IN_2090_MS };
  return tessera_store_put_code (store, &code, NULL);
}

static gboolean
put_others (TesseraStore *store)
{
  TesseraSession session = { .digest = tessera_digest ("cookie", -1),
                             .login = login,
                             .began_ms = 1000,
                             .last_seen_ms = 1000,
                             .expires_ms = IN_2090_MS };
  TesseraConsent consent = { .subject = (char *) "alice",
                             .client_id = (char *) "c1",
                             .redirect_uri = (char *) "https://c1.test/cb",
                             .scope = (char *) "a",
                             .given_ms = 1000 };
  return tessera_store_put_session (store, &session, NULL)
         && tessera_store_put_consent (store, &consent, NULL)
         && tessera_store_put_declared (store, "user/alice", "print", NULL);
}

/* As the grant came to at 3000. */
static gboolean
put_rotation (TesseraStore *store, const char *grant_id)
{
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (store, grant_id, NULL);
  return tessera_store_begin_rotation (store, grant->number, 2000, NULL)
         && tessera_store_rotate (store, grant->number, 3000, NULL);
}

/* FALSE: it was used before. */
static gboolean
use_assertion (TesseraStore *store)
{
  TesseraDigest digest = tessera_digest ("assertion", -1);
  gboolean is_new = FALSE;

  g_assert_true (tessera_store_use_assertion (store, &digest, IN_2090_MS, FALSE, &is_new, NULL));
  return is_new;
}

/* One has yet to hear of an end, and one would of another. */
static gboolean
put_participants (TesseraStore *store)
{
  TesseraParticipant ended
      = { (char *) "over", (char *) "c1", (char *) "alice", NULL, 1000, IN_2090_MS };
  TesseraParticipant alive
      = { (char *) "sid", (char *) "c1", (char *) "alice", NULL, 1000, IN_2090_MS };

  return tessera_store_put_participant (store, &ended, NULL)
         && tessera_store_put_participant (store, &alive, NULL)
         && tessera_store_end_session (store, "over", 2000, NULL);
}

static guint
count_logouts (TesseraStore *store)
{
  g_autoptr (GPtrArray) page = tessera_store_list_logouts (store, 0, 10, NULL);

  g_assert_nonnull (page);
  return page->len;
}

static gboolean
put_initial_token (TesseraStore *store)
{
  const TesseraInitialAccessToken token = { .id = (char *) "i1",
                                            .digest = tessera_digest ("initial", -1),
                                            .note = (char *) "for the wiki",
                                            .created_ms = 1000,
                                            .expires_ms = IN_2090_MS,
                                            .max_uses = 3,
                                            .uses = 1 };

  return tessera_store_put_initial_token (store, &token, NULL);
}

static gboolean
run_fill (gpointer data, TesseraStore *store, GError **error)
{
  State *s = data;
  TesseraDigest redeemed = tessera_digest ("redeemed", -1);
  TesseraTokenIdentity token = { .jti = DENIED_JTI,
                                 .issued_ms = DENIED_MS,
                                 .expires_ms = IN_2090_MS,
                                 .client_id = "c1",
                                 .grant_id = "g1" };

  g_assert_true (put_grant (store, "g1") && put_grant (store, "g2") && put_code (store, "redeemed")
                 && put_code (store, "open") && put_others (store) && put_rotation (store, "g1")
                 && use_assertion (store) && put_initial_token (store) && put_participants (store));
  g_autoptr (TesseraAuthorizationCode) code = tessera_store_lookup_code (store, &redeemed, NULL);
  g_assert_true (tessera_store_redeem_code (store, code, "g1", IN_2090_MS, NULL));
  g_assert_true (tessera_deny_list_deny_token (s->list, store, &token, NULL, NULL));
  g_assert_true (tessera_deny_list_deny_grant (s->list, store, "g2", NULL, NULL));
  g_assert_true (tessera_deny_list_deny_subject (s->list, store, "mallory", NULL, NULL));
  g_assert_true (tessera_deny_list_deny_key (s->list, store, "kid", NULL, NULL));
  return TRUE;
}

static int
make (const char *directory)
{
  State s;
  state_open (&s, directory, TRUE);
  run (&s, run_fill);
  state_close (&s);
  return 0;
}

/* Whether it is all there. */

/* There are some since the tenth, and room for them in any. */
static void
assert_initial_token (TesseraStore *store)
{
  TesseraDigest digest = tessera_digest ("initial", -1);
  g_autoptr (TesseraInitialAccessToken) token
      = tessera_store_lookup_initial_token (store, &digest, NULL);

  g_assert_true ((token != NULL) == (golden >= 10));
  if (token == NULL)
    return;
  g_assert_cmpuint (token->uses, ==, 1);
  g_assert_cmpuint (token->max_uses, ==, 3);
  g_assert_cmpstr (token->note, ==, "for the wiki");
  g_assert_cmpint (token->expires_ms, ==, IN_2090_MS);
}

static gboolean
run_look (gpointer data, TesseraStore *store, GError **error)
{
  TesseraRotation rotation;
  TesseraDigest redeemed = tessera_digest ("redeemed", -1), open = tessera_digest ("open", -1);
  TesseraDigest cookie = tessera_digest ("cookie", -1);
  g_autoptr (TesseraGrant) alive = tessera_store_lookup_grant (store, "g1", NULL);
  g_autoptr (TesseraGrant) ended = tessera_store_lookup_grant (store, "g2", NULL);
  g_autoptr (TesseraGrant) rotated
      = tessera_store_lookup_rotation (store, alive->number, &rotation, NULL);
  g_autoptr (TesseraAuthorizationCode) past = tessera_store_lookup_code (store, &redeemed, NULL);
  g_autoptr (TesseraAuthorizationCode) fresh = tessera_store_lookup_code (store, &open, NULL);
  g_autoptr (TesseraSession) session = tessera_store_lookup_session (store, &cookie, NULL);
  g_autoptr (TesseraConsent) consent
      = tessera_store_lookup_consent (store, "alice", "c1", "https://c1.test/cb", NULL);
  g_autoptr (GHashTable) declared = tessera_store_dup_declared (store, NULL);

  /* Logins have them since the fifth. */
  const char *claims = golden >= 5 ? login.claims : NULL;
  /* They are remembered since the eighth; afterwards this one is, too. */
  g_assert_true (golden < 8 || !use_assertion (store));
  /* People may be called otherwise since the ninth. */
  const char *sub = golden >= 9 ? login.sub : NULL;
  g_assert_cmpstr (alive->login.sub, ==, sub);
  g_assert_cmpstr (fresh->login.sub, ==, sub);
  g_assert_cmpstr (session->login.sub, ==, sub);
  g_assert_cmpuint (count_logouts (store), ==, golden >= 11 ? 1 : 0);
  g_assert_cmpstr (alive->login.amr, ==, "pwd otp");
  g_assert_cmpstr (alive->login.claims, ==, claims);
  g_assert_cmpstr (fresh->login.claims, ==, claims);
  g_assert_cmpstr (session->login.claims, ==, claims);
  g_assert_null (ended);
  g_assert_cmpint (alive->last_used_ms, ==, 3000);
  /* Refresh tokens say whose they are since the twelfth; those before it are forgotten. */
  g_assert_true ((rotated != NULL) == (golden >= 12));
  g_assert_cmpint (alive->nonce.bytes[0], ==, golden >= 12 ? 'n' : 0);
  g_assert_cmpstr (past->grant_id, ==, "g1");
  g_assert_null (fresh->grant_id);
  g_assert_cmpstr (session->login.subject, ==, "alice");
  g_assert_cmpstr (consent->scope, ==, "a");
  g_assert_cmpstr (g_hash_table_lookup (declared, "user/alice"), ==, "print");
  assert_initial_token (store);
  return TRUE;
}

/* A rotation goes on where the older release left it, where it had said whose tokens are. */
static gboolean
run_rotate (gpointer data, TesseraStore *store, GError **error)
{
  TesseraRotation rotation;
  g_autoptr (TesseraGrant) before = tessera_store_lookup_grant (store, "g1", NULL);

  g_assert_true (golden >= 12 || tessera_store_begin_rotation (store, before->number, 3000, NULL));
  g_assert_true (tessera_store_rotate (store, before->number, 4000, NULL));
  g_autoptr (TesseraGrant) grant
      = tessera_store_lookup_rotation (store, before->number, &rotation, NULL);
  g_assert_cmpstr (grant->grant_id, ==, "g1");
  g_assert_cmpint (rotation.turn, ==, golden >= 12 ? 2 : 1);
  g_assert_cmpint (rotation.before_ms, ==, 3000);
  return TRUE;
}

static void
assert_rotates (const char *directory)
{
  State s;
  state_open (&s, directory, FALSE);
  run (&s, run_rotate);
  state_close (&s);
}

static void
assert_denials (State *s)
{
  TesseraTokenIdentity token
      = { .jti = DENIED_JTI, .issued_ms = DENIED_MS, .client_id = "c1", .grant_id = "g1" };
  g_assert_true (tessera_deny_list_check (s->list, &token));
  token.jti = "another";
  g_assert_false (tessera_deny_list_check (s->list, &token));
  token.subject = "mallory";
  g_assert_true (tessera_deny_list_check (s->list, &token));
  token.subject = "alice";
  token.kid = "kid";
  g_assert_true (tessera_deny_list_check (s->list, &token));
  token.kid = "another";
  token.grant_id = "g2";
  g_assert_true (tessera_deny_list_check (s->list, &token));
}

static void
assert_whole (const char *directory)
{
  State s;
  state_open (&s, directory, FALSE);
  g_assert_false (s.rolled_back);
  run (&s, run_look);
  assert_denials (&s);
  state_close (&s);
}

/* Directories. */

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
copy_file (const char *from, const char *directory, const char *name)
{
  g_autofree char *to = g_build_filename (directory, name, NULL);
  g_autofree char *content = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (from, &content, &length, NULL));
  g_assert_true (g_file_set_contents_full (to, content, (gssize) length, G_FILE_SET_CONTENTS_NONE,
                                           0600, NULL));
}

/* As the release of that schema left it. */
static void
make_golden (const char *directory, guint schema)
{
  g_autofree char *sql_name = g_strdup_printf ("schema-%u.sql", schema);
  g_autofree char *mirror_name = g_strdup_printf ("schema-%u.mirror", schema);
  g_autofree char *sql_path = g_test_build_filename (G_TEST_DIST, sql_name, NULL);
  g_autofree char *mirror_path = g_test_build_filename (G_TEST_DIST, mirror_name, NULL);
  g_autofree char *path = g_build_filename (directory, "tessera.db", NULL);
  g_autofree char *sql = NULL;
  sqlite3 *handle;

  golden = schema;
  g_assert_true (g_file_get_contents (sql_path, &sql, NULL, NULL));
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle,
                                 "PRAGMA locking_mode = EXCLUSIVE;"
                                 "PRAGMA journal_mode = WAL",
                                 NULL, NULL, NULL),
                   ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (handle), ==, SQLITE_OK);
  copy_file (mirror_path, directory, "generation");
}

/* Header of the SQLite file format: how many bytes of each page are not SQLite's. */
static void
assert_checked (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, "tessera.db", NULL);
  g_autofree char *content = NULL;
  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpint (content[20], ==, 8);
}

/* Tests. */

static void
test_comes_up_whole (gconstpointer schema)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  make_golden (directory, GPOINTER_TO_UINT (schema));
  faulty_vfs_reset ();
  assert_whole (directory);
  assert_checked (directory);
  assert_whole (directory);
  assert_rotates (directory);
  remove_directory (directory);
}

static void
kill_at (guint operation, gpointer data)
{
  if (operation == *(const guint *) data)
    raise (SIGKILL);
}

/* FALSE: it came to its end before. */
static gboolean
start_and_kill (const char *directory, guint operation)
{
  int status;
  pid_t pid = fork ();
  if (pid == 0)
    {
      State s;
      faulty_vfs_reset ();
      faulty_vfs_set_hook (kill_at, &operation);
      state_open (&s, directory, FALSE);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (WIFSIGNALED (status))
    {
      g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
      return TRUE;
    }
  g_assert_cmpint (status, ==, 0);
  return FALSE;
}

static void
test_survives_sigkill (gconstpointer schema)
{
  gboolean killed = TRUE;
  guint step = g_test_slow () ? 1 : 2; /* a commit is one write and one sync */
  guint operation;
  for (operation = (guint) g_test_rand_int_range (0, (gint32) step); killed; operation += step)
    {
      g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
      make_golden (directory, GPOINTER_TO_UINT (schema));
      killed = start_and_kill (directory, operation);
      faulty_vfs_reset ();
      assert_whole (directory);
      remove_directory (directory);
    }
  g_test_message ("killed up to operation %u", operation - 2 * step);
  g_assert_cmpuint (operation, >, 3 * step);
}

typedef struct
{
  const char *directory;
  GRand *random;
  GPtrArray *cuts; /* char *directory */
} PowerCuts;

static void
cut_power (guint operation, gpointer data)
{
  PowerCuts *cuts = data;
  if (!g_test_slow () && g_rand_int_range (cuts->random, 0, 2) != 0)
    return;
  char *directory = g_dir_make_tmp ("tessera-cut-XXXXXX", NULL);
  g_autofree char *mirror = g_build_filename (cuts->directory, "generation", NULL);
  copy_file (mirror, directory, "generation");
  faulty_vfs_cut_power (directory, cuts->random);
  g_ptr_array_add (cuts->cuts, directory);
}

static void
test_survives_power_cut (gconstpointer schema)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autoptr (GPtrArray) cuts = g_ptr_array_new_with_free_func (g_free);
  PowerCuts power = { directory, random, cuts };
  State s;

  make_golden (directory, GPOINTER_TO_UINT (schema));
  faulty_vfs_reset ();
  faulty_vfs_set_hook (cut_power, &power);
  state_open (&s, directory, FALSE);
  faulty_vfs_set_hook (NULL, NULL);
  state_close (&s);
  g_test_message ("cut at %u operations", cuts->len);
  for (guint i = 0; i < cuts->len; i++)
    {
      faulty_vfs_reset ();
      assert_whole (cuts->pdata[i]);
      remove_directory (cuts->pdata[i]);
    }
  remove_directory (directory);
}

static void
add_tests (guint schema)
{
  g_autofree char *whole = g_strdup_printf ("/migration/schema-%u-comes-up-whole", schema);
  g_autofree char *killed = g_strdup_printf ("/migration/schema-%u-survives-sigkill", schema);
  g_autofree char *cut = g_strdup_printf ("/migration/schema-%u-survives-a-power-cut", schema);
  g_test_add_data_func (whole, GUINT_TO_POINTER (schema), test_comes_up_whole);
  g_test_add_data_func (killed, GUINT_TO_POINTER (schema), test_survives_sigkill);
  g_test_add_data_func (cut, GUINT_TO_POINTER (schema), test_survives_power_cut);
}

int
main (int argc, char *argv[])
{
  if (argc == 3 && strcmp (argv[1], "--make") == 0)
    return make (argv[2]);

  /* What syncs do is simulated: where there is a file system in memory, it is quicker. */
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
  faulty_vfs_install ();
  for (guint schema = 1; schema <= 13; schema++)
    add_tests (schema);
  return g_test_run ();
}
