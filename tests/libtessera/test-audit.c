/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit trail: what a record has, what it never has, and how many there are. */

#include "base/tessera-audit-private.h"
#include "base/tessera-error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const guint8 key[TESSERA_AUDIT_KEY_SIZE] = { 1, 2, 3 };

/* What the log got: GHashTable* of field and value. */
static GPtrArray *records;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  GHashTable *record = NULL;

  if (n_fields < 2 || strcmp (fields[1].value, TESSERA_AUDIT_DOMAIN) != 0)
    return level & G_LOG_LEVEL_WARNING ? G_LOG_WRITER_HANDLED
                                       : g_log_writer_default (level, fields, n_fields, data);
  record = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (gsize i = 0; i < n_fields; i++)
    {
      g_assert_cmpint (fields[i].length, ==, -1);
      g_hash_table_insert (record, g_strdup (fields[i].key), g_strdup (fields[i].value));
    }
  g_ptr_array_add (records, record);
  return G_LOG_WRITER_HANDLED;
}

static TesseraAudit *
audit_new (void)
{
  g_ptr_array_set_size (records, 0);
  return tessera_audit_new (g_main_context_default ());
}

static const char *
get (guint index, const char *field)
{
  g_assert_cmpuint (index, <, records->len);
  return g_hash_table_lookup (records->pdata[index], field);
}

static const TesseraAuditRecord full = {
  .request = "0123456789abcdef",
  .client = "shop",
  .grant = "g1",
  .jti = "j1",
  .subject = "alice",
  .action = "a1",
  .object = "o1",
  .result = "granted",
  .reason = "r1",
  .remote_address = "192.0.2.1",
  .caller = ":1.42 uid=0",
};

static void
test_has_every_field (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  g_autofree char *hash = NULL;

  tessera_audit_set_key (audit, key);
  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  hash = tessera_audit_dup_subject_hash (audit, "alice");
  g_assert_cmpuint (records->len, ==, 1);
  g_assert_cmpstr (get (0, "TESSERA_EVENT"), ==, "token-issued");
  g_assert_cmpstr (get (0, "TESSERA_REQUEST"), ==, "0123456789abcdef");
  g_assert_cmpstr (get (0, "TESSERA_CLIENT"), ==, "shop");
  g_assert_cmpstr (get (0, "TESSERA_GRANT"), ==, "g1");
  g_assert_cmpstr (get (0, "TESSERA_JTI"), ==, "j1");
  g_assert_cmpstr (get (0, "TESSERA_SUBJECT_HASH"), ==, hash);
  g_assert_cmpstr (get (0, "TESSERA_ACTION"), ==, "a1");
  g_assert_cmpstr (get (0, "TESSERA_OBJECT"), ==, "o1");
  g_assert_cmpstr (get (0, "TESSERA_RESULT"), ==, "granted");
  g_assert_cmpstr (get (0, "TESSERA_REASON"), ==, "r1");
  g_assert_cmpstr (get (0, "TESSERA_REMOTE_ADDRESS"), ==, "192.0.2.1");
  g_assert_cmpstr (get (0, "TESSERA_CALLER"), ==, ":1.42 uid=0");
  g_assert_cmpstr (get (0, "PRIORITY"), ==, "6");
  g_assert_cmpstr (get (0, "GLIB_DOMAIN"), ==, "Tessera-Audit");
  g_assert_cmpuint (g_hash_table_size (records->pdata[0]), ==, 16);
}

static void
test_message_says_all (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  const TesseraAuditRecord record
      = { .request = "0123456789abcdef", .client = "shop", .result = "granted" };

  tessera_audit_write (audit, TESSERA_AUDIT_CLIENT_TOKEN_ISSUED, &record);
  g_assert_cmpstr (get (0, "MESSAGE"), ==,
                   "token issued to a client request=0123456789abcdef client=\"shop\" "
                   "result=\"granted\"");
}

static void
test_each_event_has_an_id_of_its_own (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (TesseraAuditEvent event = 0; event < TESSERA_AUDIT_N_EVENTS; event++)
    {
      const char *id = NULL;

      tessera_audit_write (audit, event, &full);
      id = get (event, "MESSAGE_ID");
      g_assert_true (g_regex_match_simple ("^[0-9a-f]{32}$", id, 0, 0));
      g_assert_true (g_hash_table_add (seen, (gpointer) id));
      g_assert_true (g_hash_table_add (seen, (gpointer) get (event, "TESSERA_EVENT")));
      g_assert_cmpstr (get (event, "TESSERA_EVENT"), ==, tessera_audit_get_event_name (event));
    }
}

static void
test_bytes_from_outside_are_escaped (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  static const char *const lies[]
      = { "a\r\nMESSAGE=b", "a\033[2J", "a\" from=\"192.0.2.9", "a\342\200\250line",
          "a\\\"b",         "a\177",    "a\302\205b",           "\001\002\003\t" };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      const TesseraAuditRecord record = { .client = lies[i], .object = lies[i], .caller = lies[i] };
      GHashTableIter iter;
      gpointer name = NULL, value = NULL;

      tessera_audit_write (audit, TESSERA_AUDIT_ADMINISTRATION, &record);
      g_hash_table_iter_init (&iter, records->pdata[i]);
      while (g_hash_table_iter_next (&iter, &name, &value))
        for (const char *c = value; *c != '\0'; c++)
          g_assert_true (g_ascii_isprint (*c));
      g_assert_null (strchr (get (i, "TESSERA_CLIENT"), '"'));
    }
}

static void
test_subject_is_a_keyed_hash (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  g_autoptr (TesseraAudit) other = audit_new ();
  static const guint8 other_key[TESSERA_AUDIT_KEY_SIZE] = { 9 };
  g_autofree char *plain = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "alice", -1);
  g_autofree char *hash = NULL;
  g_autofree char *again = NULL;
  g_autofree char *elsewhere = NULL;

  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  g_assert_null (get (0, "TESSERA_SUBJECT_HASH"));
  g_assert_null (tessera_audit_dup_subject_hash (audit, "alice"));
  tessera_audit_set_key (audit, key);
  tessera_audit_set_key (other, other_key);
  hash = tessera_audit_dup_subject_hash (audit, "alice");
  again = tessera_audit_dup_subject_hash (audit, "alice");
  elsewhere = tessera_audit_dup_subject_hash (other, "alice");
  g_assert_cmpstr (hash, ==, again);
  g_assert_cmpstr (hash, !=, elsewhere);
  g_assert_cmpuint (strlen (hash), ==, 16);
  g_assert_false (g_str_has_prefix (plain, hash));
  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  g_assert_null (strstr (get (1, "MESSAGE"), "alice"));
}

static void
test_groups_can_be_off (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  TesseraAuditGroups groups = 0;

  g_assert_true (tessera_audit_parse_group ("logins", &groups));
  g_assert_false (tessera_audit_parse_group ("everything", &groups));
  tessera_audit_set_groups (audit, groups);
  g_assert_false (tessera_audit_wants (audit, TESSERA_AUDIT_TOKEN_ISSUED));
  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  g_assert_cmpuint (records->len, ==, 0);
  tessera_audit_write (audit, TESSERA_AUDIT_LOGIN_FAILED, &full);
  g_assert_cmpuint (records->len, ==, 1);
  g_assert_cmpuint (tessera_audit_get_count (audit, TESSERA_AUDIT_TOKEN_ISSUED).dropped, ==, 0);
}

static void
test_what_is_too_much_is_dropped_and_counted (void)
{
  g_autoptr (TesseraAudit) audit = audit_new ();
  TesseraAuditCount count;
  g_autofree char *dropped = NULL;

  tessera_audit_set_rate (audit, 1); /* ten at once; an eleventh for the second that may pass */
  for (guint i = 0; i < 1000; i++)
    if (tessera_audit_wants (audit, TESSERA_AUDIT_REQUEST_REFUSED))
      tessera_audit_write (audit, TESSERA_AUDIT_REQUEST_REFUSED, &full);
  count = tessera_audit_get_count (audit, TESSERA_AUDIT_REQUEST_REFUSED);
  g_assert_cmpuint (count.written, >=, 10);
  g_assert_cmpuint (count.written, <, 100);
  g_assert_cmpuint (count.written + count.dropped, ==, 1000);
  g_assert_cmpuint (records->len, ==, count.written);

  /* Of another kind there is no less, and who administers is never left out. */
  tessera_audit_write (audit, TESSERA_AUDIT_LOGIN_FAILED, &full);
  for (guint i = 0; i < 100; i++)
    tessera_audit_write (audit, TESSERA_AUDIT_ADMINISTRATION, &full);
  g_assert_cmpuint (records->len, ==, count.written + 101);

  tessera_audit_close (audit);
  g_assert_cmpuint (records->len, ==, count.written + 102);
  dropped = g_strdup_printf ("%" G_GUINT64_FORMAT, count.dropped);
  g_assert_cmpstr (get (records->len - 1, "TESSERA_EVENT"), ==, "records-dropped");
  g_assert_cmpstr (get (records->len - 1, "TESSERA_OBJECT"), ==, "request-refused");
  g_assert_cmpstr (get (records->len - 1, "TESSERA_REASON"), ==, dropped);
}

static void
test_without_a_trail_nothing_is_lost (void)
{
  g_ptr_array_set_size (records, 0);
  g_assert_true (tessera_audit_wants (NULL, TESSERA_AUDIT_REQUEST_REFUSED));
  g_assert_true (tessera_audit_check (NULL, NULL));
  tessera_audit_write (NULL, TESSERA_AUDIT_REQUEST_REFUSED, &full);
  g_assert_cmpstr (get (0, "TESSERA_CLIENT"), ==, "shop");
  g_assert_null (get (0, "TESSERA_SUBJECT_HASH"));
}

/* The file */

typedef struct
{
  char *folder;
  char *path;
} Folder;

static void
folder_init (Folder *self)
{
  g_autoptr (GError) error = NULL;

  self->folder = g_dir_make_tmp ("tessera-audit-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->folder, "audit.json", NULL);
}

static void
folder_clear (Folder *self)
{
  g_unlink (self->path);
  g_rmdir (self->folder);
  g_free (self->path);
  g_free (self->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Folder, folder_clear)

static char **
read_lines (const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return g_strsplit (g_strchomp (text), "\n", -1);
}

static void
test_file_gets_all (gconstpointer data)
{
  gboolean required = GPOINTER_TO_INT (data);
  g_auto (Folder) folder = { NULL };
  g_autoptr (TesseraAudit) audit = audit_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) lines = NULL;
  struct stat status;
  TesseraAuditRecord record = full;

  folder_init (&folder);
  g_assert_true (tessera_audit_set_file (audit, folder.path, required, &error));
  g_assert_no_error (error);
  tessera_audit_set_rate (audit, 1);
  record.client = "a\n\"\\b";
  for (guint i = 0; i < 500; i++)
    if (tessera_audit_wants (audit, TESSERA_AUDIT_TOKEN_REFRESHED))
      tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_REFRESHED, &record);
  tessera_audit_close (audit);
  g_assert_cmpuint (tessera_audit_get_lost_lines (audit), ==, 0);
  lines = read_lines (folder.path);
  g_assert_cmpuint (g_strv_length (lines), ==, 501); /* and what the log did not get */
  for (guint i = 0; i < 500; i++)
    {
      json_t *json = json_loads (lines[i], JSON_REJECT_DUPLICATES, NULL);

      g_assert_nonnull (json);
      g_assert_cmpstr (json_string_value (json_object_get (json, "event")), ==, "token-refreshed");
      g_assert_cmpstr (json_string_value (json_object_get (json, "client")), ==,
                       "a\\x0a\\x22\\x5cb");
      g_assert_cmpstr (json_string_value (json_object_get (json, "from")), ==, "192.0.2.1");
      json_decref (json);
    }
  g_assert_cmpint (g_stat (folder.path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
}

static void
test_file_only_grows (void)
{
  g_auto (Folder) folder = { NULL };
  g_auto (GStrv) lines = NULL;

  folder_init (&folder);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (TesseraAudit) audit = audit_new ();

      g_assert_true (tessera_audit_set_file (audit, folder.path, TRUE, NULL));
      tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
    }
  lines = read_lines (folder.path);
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
}

static void
test_only_a_regular_file_will_do (void)
{
  g_auto (Folder) folder = { NULL };
  g_autoptr (TesseraAudit) audit = audit_new ();
  g_autoptr (GError) error = NULL;

  folder_init (&folder);
  g_assert_false (tessera_audit_set_file (audit, folder.folder, FALSE, NULL));
  g_assert_false (tessera_audit_set_file (audit, "/dev/null", FALSE, NULL));
  g_assert_cmpint (mkfifo (folder.path, 0600), ==, 0);
  g_assert_false (tessera_audit_set_file (audit, folder.path, FALSE, NULL));
  g_assert_cmpint (g_unlink (folder.path), ==, 0);
  g_assert_cmpint (symlink ("/dev/null", folder.path), ==, 0);
  g_assert_false (tessera_audit_set_file (audit, folder.path, FALSE, &error));
  g_assert_nonnull (strstr (error->message, folder.path));
}

static void
set_room (const char *path, rlim_t more)
{
  struct stat status = { 0 };
  struct rlimit limit = { 0 };

  g_stat (path, &status);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : (rlim_t) status.st_size + more;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
}

static void
test_a_required_file_fails_closed (void)
{
  g_auto (Folder) folder = { NULL };
  g_autoptr (TesseraAudit) audit = audit_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) lines = NULL;

  folder_init (&folder);
  g_assert_true (tessera_audit_set_file (audit, folder.path, TRUE, NULL));
  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  g_assert_true (tessera_audit_check (audit, NULL));

  signal (SIGXFSZ, SIG_IGN);
  set_room (folder.path, 20); /* half a line */
  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  g_assert_false (tessera_audit_check (audit, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpuint (tessera_audit_get_lost_lines (audit), >=, 1);

  /* There is room again: what was torn stays on its own line, and that it goes on is said. */
  set_room (folder.path, RLIM_INFINITY);
  g_ptr_array_set_size (records, 0);
  g_assert_true (tessera_audit_check (audit, NULL));
  g_assert_cmpstr (get (0, "TESSERA_EVENT"), ==, "file-restored");
  lines = read_lines (folder.path);
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_assert_nonnull (strstr (lines[2], "\"event\":\"file-restored\""));
  g_assert_true (g_str_has_suffix (lines[2], "}"));
}

static void
test_a_file_that_is_not_required_only_counts (void)
{
  g_auto (Folder) folder = { NULL };
  g_autoptr (TesseraAudit) audit = audit_new ();

  folder_init (&folder);
  g_assert_true (tessera_audit_set_file (audit, folder.path, FALSE, NULL));
  signal (SIGXFSZ, SIG_IGN);
  set_room (folder.path, 10);
  tessera_audit_write (audit, TESSERA_AUDIT_TOKEN_ISSUED, &full);
  g_assert_true (tessera_audit_check (audit, NULL));
  tessera_audit_close (audit);
  set_room (folder.path, RLIM_INFINITY);
  g_assert_cmpuint (tessera_audit_get_lost_lines (audit), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  records = g_ptr_array_new_with_free_func ((GDestroyNotify) g_hash_table_unref);
  g_log_set_writer_func (write_log, NULL, NULL);
  g_test_add_func ("/audit/record/has-every-field", test_has_every_field);
  g_test_add_func ("/audit/record/message-says-all", test_message_says_all);
  g_test_add_func ("/audit/record/each-event-has-an-id-of-its-own",
                   test_each_event_has_an_id_of_its_own);
  g_test_add_func ("/audit/record/bytes-from-outside-are-escaped",
                   test_bytes_from_outside_are_escaped);
  g_test_add_func ("/audit/record/subject-is-a-keyed-hash", test_subject_is_a_keyed_hash);
  g_test_add_func ("/audit/number/groups-can-be-off", test_groups_can_be_off);
  g_test_add_func ("/audit/number/what-is-too-much-is-dropped-and-counted",
                   test_what_is_too_much_is_dropped_and_counted);
  g_test_add_func ("/audit/number/without-a-trail-nothing-is-lost",
                   test_without_a_trail_nothing_is_lost);
  g_test_add_data_func ("/audit/file/gets-all", GINT_TO_POINTER (FALSE), test_file_gets_all);
  g_test_add_data_func ("/audit/file/gets-all-at-once", GINT_TO_POINTER (TRUE), test_file_gets_all);
  g_test_add_func ("/audit/file/only-grows", test_file_only_grows);
  g_test_add_func ("/audit/file/only-a-regular-file-will-do", test_only_a_regular_file_will_do);
  g_test_add_func ("/audit/file/a-required-one-fails-closed", test_a_required_file_fails_closed);
  g_test_add_func ("/audit/file/one-that-is-not-required-only-counts",
                   test_a_file_that_is_not_required_only_counts);
  int result = g_test_run ();
  g_clear_pointer (&records, g_ptr_array_unref);
  return result;
}
