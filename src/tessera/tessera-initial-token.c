/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera initial-token: who may register clients (RFC 7591 §3). */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-file.h"
#include "tessera-input.h"
#include "tessera-output.h"

#include <string.h>
#include <unistd.h>

#define USUAL_LIFETIME (7 * 24 * 60 * 60)

static char *option_note;
static char *option_output;
static int option_lifetime = USUAL_LIFETIME;
static int option_uses = 1;

static const GOptionEntry create_entries[] = {
  { "note", 'n', 0, G_OPTION_ARG_STRING, &option_note, "What it is for, for the list", "TEXT" },
  { "lifetime", 0, 0, G_OPTION_ARG_INT, &option_lifetime, "How long it is good (604800, a week)",
    "SECONDS" },
  { "uses", 0, 0, G_OPTION_ARG_INT, &option_uses, "How many clients it can register (1; 0: any)",
    "NUMBER" },
  { "token-output", 0, 0, G_OPTION_ARG_FILENAME, &option_output,
    "Write the token to this new file, for its owner alone", "PATH" },
  { NULL },
};

static const TesseraColumn columns[] = {
  { "ID", "id" },
  { "NOTE", "note" },
  { "CREATED", "created_at", TESSERA_COLUMN_TIME },
  { "EXPIRES", "expires_at", TESSERA_COLUMN_LIFE },
  { "USED", "uses" },
  { "AT MOST", "max_uses" },
  { NULL },
};

static GVariant *
collect_options (void)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  if (option_note != NULL)
    g_variant_dict_insert (&dict, "note", "s", option_note);
  g_variant_dict_insert (&dict, "lifetime", "u", (guint32) option_lifetime);
  g_variant_dict_insert (&dict, "max_uses", "u", (guint32) option_uses);
  return g_variant_dict_end (&dict);
}

static int
tell (const char *id, const char *token, int fd)
{
  if (tessera_options.json && option_output == NULL)
    {
      tessera_output_json (json_pack ("{s:s, s:s}", "id", id, "token", token), FALSE);
      return TESSERA_EXIT_DONE;
    }
  if (tessera_options.json)
    tessera_output_json (json_pack ("{s:s}", "id", id), FALSE);
  else
    tessera_output_line ("%s", id);
  return tessera_tell_secret ("The initial access token", token, fd, option_output)
             ? TESSERA_EXIT_DONE
             : TESSERA_EXIT_FAILED;
}

static int
run_create (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  const char *id = NULL, *token = NULL;
  int fd = -1;

  if (option_lifetime <= 0 || option_uses < 0)
    return tessera_command_misused ("--lifetime is at least a second, --uses is not negative");
  if (option_output != NULL && (fd = tessera_create_secret_file (option_output)) < 0)
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("CreateInitialAccessToken",
                                g_variant_new ("(@a{sv})", collect_options ()), "(ss)", &error);
  if (reply == NULL && fd >= 0)
    tessera_keep_file (fd, option_output, FALSE);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_variant_get (reply, "(&s&s)", &id, &token);
  return tell (id, token, fd);
}

static int
run_list (char **words)
{
  g_autoptr (GError) error = NULL;
  json_t *list = tessera_call_pages ("ListInitialAccessTokens", NULL, "id", "", 0, &error);

  if (list == NULL)
    return tessera_command_fail_with (error);
  tessera_output_list (list, columns, "There are no initial access tokens.");
  return TESSERA_EXIT_DONE;
}

static int
run_revoke (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = tessera_call_manager ("RevokeInitialAccessToken",
                                                     g_variant_new ("(s)", words[0]), NULL, &error);

  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "id", words[0], "revoked", TRUE),
                       "The initial access token %s registers no more clients.", words[0]);
  return TESSERA_EXIT_DONE;
}

static const TesseraCommand create_command = {
  .name = "create",
  .summary = "Let somebody register clients, who has the token that is told once",
  .entries = create_entries,
  .run = run_create,
  .details = "The id is on the first line, the token on the second.\n\n"
             "Example:\n"
             "  tessera initial-token create --note 'wiki, Ann' --uses 2",
};

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List the initial access tokens that are good",
  .run = run_list,
  .details = "Example:\n"
             "  tessera initial-token list",
};

static const TesseraCommand revoke_command = {
  .name = "revoke",
  .words = "ID",
  .summary = "Let nobody register clients with this token any more",
  .run = run_revoke,
  .details = "The clients that it registered stay; `tessera client remove` removes them.\n\n"
             "Example:\n"
             "  tessera initial-token revoke Xq3fJ0c8bN1wYk5pLr7tUg",
};

static const TesseraCommand *const commands[]
    = { &create_command, &list_command, &revoke_command, NULL };

const TesseraCommand tessera_initial_token_command = {
  .name = "initial-token",
  .summary = "Who may register clients over HTTP",
  .commands = commands,
};
