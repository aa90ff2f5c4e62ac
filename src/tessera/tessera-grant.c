/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera grant: what people allowed clients. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"
#include "tessera-user.h"

static char *option_client;

static const GOptionEntry entries[] = {
  { "client", 'c', 0, G_OPTION_ARG_STRING, &option_client, "Only to this client", "CLIENT_ID" },
  { NULL },
};

static const TesseraColumn columns[] = {
  { "GRANT", "grant_id" },
  { "CLIENT ID", "client_id" },
  { "SUBJECT", "subject" },
  { "SCOPE", "scope" },
  { "BEGAN", "began_at", TESSERA_COLUMN_TIME },
  { "LAST USED", "last_used_at", TESSERA_COLUMN_TIME },
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
    list = tessera_call_pages ("ListGrants",
                               (const char *const[]){
                                   subject, option_client != NULL ? option_client : "", NULL },
                               "grant_id", "", 0, &error);
  if (list == NULL)
    return tessera_command_fail_with (error);
  tessera_output_list (list, columns, "There are no grants.");
  return TESSERA_EXIT_DONE;
}

static int
run_revoke (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!tessera_confirm ("End grant %s, and refuse its tokens?", words[0]))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("RevokeGrant", g_variant_new ("(s)", words[0]), NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "grant_id", words[0], "revoked", TRUE),
                       "The grant %s has ended, and its tokens are refused.", words[0]);
  return TESSERA_EXIT_DONE;
}

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List what people allowed",
  .entries = tessera_person_entries,
  .more_entries = entries,
  .run = run_list,
  .details = "Examples:\n"
             "  tessera grant list --user alice\n"
             "  tessera grant list --client shop --json",
};

static const TesseraCommand revoke_command = {
  .name = "revoke",
  .words = "GRANT_ID",
  .summary = "End a grant, and refuse its tokens",
  .completes = TESSERA_WORD_GRANT,
  .run = run_revoke,
  .details = "Example:\n"
             "  tessera grant revoke 0197a5de-3c41-7b1c-8f1e-0c6f1d1f2a3b",
};

static const TesseraCommand *const commands[] = { &list_command, &revoke_command, NULL };

const TesseraCommand tessera_grant_command = {
  .name = "grant",
  .summary = "What people allowed clients",
  .commands = commands,
};
