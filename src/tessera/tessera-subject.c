/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera subject: a person, wherever they are signed in. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"
#include "tessera-user.h"

static char *option_user;

static const GOptionEntry entries[] = {
  { "user", 'u', 0, G_OPTION_ARG_STRING, &option_user, "The one who signs in by this name",
    "NAME" },
  { NULL },
};

static int
revoke_subject (const char *subject)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!tessera_confirm ("Sign %s out everywhere, and refuse all their tokens?", subject))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("RevokeSubject", g_variant_new ("(s)", subject), NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "subject", subject, "revoked", TRUE),
                       "%s is signed out everywhere, and the tokens of until now are refused.",
                       subject);
  return TESSERA_EXIT_DONE;
}

static int
run_revoke (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *subject = NULL;

  if ((words[0] != NULL) == (option_user != NULL))
    return tessera_command_misused ("it takes a subject, or --user NAME");
  if (words[0] != NULL)
    return revoke_subject (words[0]);
  subject = tessera_user_dup_subject (option_user, &error);
  return subject != NULL ? revoke_subject (subject) : tessera_command_fail_with (error);
}

static const TesseraCommand revoke_command = {
  .name = "revoke",
  .words = "[SUBJECT]",
  .summary = "Log somebody out everywhere: end sessions and grants, refuse tokens",
  .completes = TESSERA_WORD_SUBJECT,
  .entries = entries,
  .run = run_revoke,
  .details = "The person can sign in again at once; `tessera user disable` prevents that.\n\n"
             "Examples:\n"
             "  tessera subject revoke --user alice\n"
             "  tessera subject revoke alice --yes",
};

static const TesseraCommand *const commands[] = { &revoke_command, NULL };

const TesseraCommand tessera_subject_command = {
  .name = "subject",
  .summary = "A person, wherever they are signed in",
  .commands = commands,
};
