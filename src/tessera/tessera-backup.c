/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera backup, restore, purge: the state as a whole. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-file.h"
#include "tessera-input.h"
#include "tessera-output.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <sys/stat.h>
#include <tessera.h>
#include <unistd.h>

#define STATE_DIRECTORY "/var/lib/tessera"

static char *option_state_directory;
static char *option_key_directory;

static const GOptionEntry restore_entries[] = {
  { "state-directory", 0, 0, G_OPTION_ARG_FILENAME, &option_state_directory,
    "The service's; " STATE_DIRECTORY " if not given", "DIRECTORY" },
  { "key-directory", 0, 0, G_OPTION_ARG_FILENAME, &option_key_directory,
    "The service's, if its keys are not in “keys” in its state directory", "DIRECTORY" },
  { "yes", 'y', 0, G_OPTION_ARG_NONE, &tessera_options.yes, "Ask no questions", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &tessera_options.json, "Say it as JSON", NULL },
  { NULL },
};

static int
run_backup (char **words)
{
  g_autoptr (GError) error = NULL;
  TesseraFile file;

  if (!tessera_file_create (&file, words[0]))
    return TESSERA_EXIT_FAILED;
  g_autoptr (GVariant) reply = tessera_call_with_file ("Backup", file.fd, NULL, &error);
  if (!tessera_file_finish (&file, reply != NULL))
    return reply != NULL ? TESSERA_EXIT_FAILED : tessera_command_fail_with (error);
  tessera_remark ("Backed up into %s. A restore refuses what was issued before it, unless nothing "
                  "was written since.",
                  words[0]);
  return TESSERA_EXIT_DONE;
}

/* Files that root makes must be the service's: as whoever owns the directory. */
static gboolean
become_owner (const char *directory)
{
  struct stat info;

  if (geteuid () != 0)
    return TRUE;
  if (g_stat (directory, &info) != 0)
    {
      tessera_command_fail ("%s: %s", directory, g_strerror (errno));
      return FALSE;
    }
  if (info.st_uid == 0)
    return TRUE;
  if (setgroups (0, NULL) == 0 && setgid (info.st_gid) == 0 && setuid (info.st_uid) == 0)
    return TRUE;
  tessera_command_fail ("Cannot become the owner of %s: %s", directory, g_strerror (errno));
  return FALSE;
}

static void
say_counts (GVariant *report)
{
  guint64 clients = 0, users = 0, denials = 0;
  gint64 taken = 0;

  g_variant_lookup (report, "clients", "t", &clients);
  g_variant_lookup (report, "users", "t", &users);
  g_variant_lookup (report, "denials", "t", &denials);
  g_variant_lookup (report, "taken_at", "x", &taken);
  g_autofree char *time = tessera_format_time (taken, TRUE);
  tessera_output_line ("Restored: %" G_GUINT64_FORMAT " clients, %" G_GUINT64_FORMAT
                       " users, %" G_GUINT64_FORMAT " entries of the deny-list, as of %s.",
                       clients, users, denials, time);
}

static void
say_what_is_refused (GVariant *report)
{
  gboolean complete = FALSE, made_keys = FALSE;

  g_variant_lookup (report, "complete", "b", &complete);
  g_variant_lookup (report, "made_keys", "b", &made_keys);
  if (complete)
    {
      tessera_output_line ("Nothing was written after the backup: all tokens stay as they are.");
      return;
    }
  tessera_output_line ("When the service starts it refuses every access token, refresh token, code "
                       "and session issued until then: what was revoked after the backup cannot be "
                       "known from it. People log in again; what they allowed stays allowed.");
  if (made_keys)
    tessera_output_line ("There were no signing keys here, so new ones were made. Resource servers "
                         "read them at the address of the key set.");
}

static int
run_restore (char **words)
{
  g_autoptr (GError) error = NULL;
  const char *directory = option_state_directory != NULL ? option_state_directory : STATE_DIRECTORY;
  int fd = open (words[0], O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return tessera_command_fail ("%s: %s", words[0], g_strerror (errno));
  g_autoptr (GInputStream) stream = g_unix_input_stream_new (fd, TRUE);
  if (!tessera_confirm ("Make %s the state in %s?", words[0], directory)
      || !become_owner (directory))
    return TESSERA_EXIT_FAILED;
  g_autoptr (GVariant) report
      = tessera_restore_state (stream, directory, option_key_directory, &error);
  if (report == NULL)
    return tessera_command_fail_with (error);
  if (tessera_options.json)
    tessera_output_json (tessera_json_from_variant (report), FALSE);
  say_counts (report);
  say_what_is_refused (report);
  return TESSERA_EXIT_DONE;
}

static int
run_purge (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = tessera_call_manager ("Purge", NULL, "(t)", &error);
  guint64 rows = 0;

  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_variant_get (reply, "(t)", &rows);
  tessera_output_done (json_pack ("{s:I}", "rows", (json_int_t) rows),
                       "What is over is forgotten: %" G_GUINT64_FORMAT " rows.", rows);
  return TESSERA_EXIT_DONE;
}

const TesseraCommand tessera_backup_command = {
  .name = "backup",
  .words = "FILE",
  .summary = "Copy the state into a new file, while the service goes on",
  .completes = TESSERA_WORD_FILE,
  .run = run_backup,
  .details = "FILE may be “-” for standard output. The copy holds clients, users, what people "
             "allowed and the\ndeny-list; no secret in clear, and no signing key: see “tessera "
             "restore --help”.\n\n"
             "Examples:\n"
             "  tessera backup /var/backups/tessera-$(date +%F)\n"
             "  tessera backup - | ssh other.example 'cat > tessera.backup'",
};

const TesseraCommand tessera_restore_command = {
  .name = "restore",
  .words = "FILE",
  .summary = "Make a backup the state again, while the service is stopped",
  .completes = TESSERA_WORD_FILE,
  .entries = restore_entries,
  .run = run_restore,
  .is_alone = TRUE,
  .details
  = "What was revoked after the backup cannot be known from it. So, unless what is left of "
    "the old state\nshows that nothing was written since, the service refuses all that was "
    "issued before it starts\nagain, and people log in again. Signing keys that are there "
    "stay; where there are none, new ones\nare made. The old state is kept beside the new "
    "one, as tessera.db.before-restore.\n\n"
    "Example:\n"
    "  systemctl stop tesserad\n"
    "  tessera restore /var/backups/tessera-2026-11-22\n"
    "  systemctl start tesserad",
};

const TesseraCommand tessera_purge_command = {
  .name = "purge",
  .summary = "Forget at once what is over",
  .run = run_purge,
  .details = "Codes, grants, sessions and entries of the deny-list that are over. The service does "
             "it little by little\nanyway.\n\n"
             "Example:\n"
             "  tessera purge",
};
