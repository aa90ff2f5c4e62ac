/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera session: where people are signed in. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"
#include "tessera-user.h"

static const TesseraColumn columns[] = {
  { "SESSION", "sid" },
  { "SUBJECT", "subject" },
  { "BEGAN", "began_at", TESSERA_COLUMN_TIME },
  { "LAST SEEN", "last_seen_at", TESSERA_COLUMN_TIME },
  { "EXPIRES", "expires_at", TESSERA_COLUMN_TIME },
  { NULL },
};

static int
run_list (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *subject = tessera_person_dup_subject (&error);
  json_t *list = NULL;

  if (subject != NULL)
    list = tessera_call_pages ("ListSessions", (const char *const[]){ subject, NULL }, "sid", "", 0,
                               &error);
  if (list == NULL)
    return tessera_command_fail_with (error);
  tessera_output_list (list, columns, "Nobody is signed in.");
  return TESSERA_EXIT_DONE;
}

static int
run_end (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!tessera_confirm ("End session %s, its grants and tokens?", words[0]))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("EndSession", g_variant_new ("(s)", words[0]), NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "sid", words[0], "ended", TRUE),
                       "The session %s has ended, and its tokens are refused.", words[0]);
  return TESSERA_EXIT_DONE;
}

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List where people are signed in",
  .entries = tessera_person_entries,
  .run = run_list,
  .details = "Example:\n"
             "  tessera session list --user alice",
};

static const TesseraCommand end_command = {
  .name = "end",
  .words = "SID",
  .summary = "Sign a browser out, and refuse the tokens of its session",
  .completes = TESSERA_WORD_SESSION,
  .run = run_end,
  .details = "Example:\n"
             "  tessera session end 0197a5de-3c41-7b1c-8f1e-0c6f1d1f2a3b",
};

static const TesseraCommand *const commands[] = { &list_command, &end_command, NULL };

const TesseraCommand tessera_session_command = {
  .name = "session",
  .summary = "Where people are signed in",
  .commands = commands,
};
