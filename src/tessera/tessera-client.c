/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera client: the applications that may ask for tokens. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-file.h"
#include "tessera-input.h"
#include "tessera-output.h"
#include "tessera-registration.h"

#include <string.h>
#include <unistd.h>

static char *option_secret_output;
static gboolean option_keep_previous;

static const TesseraColumn list_columns[] = {
  { "CLIENT ID", "client_id" },
  { "NAME", "client_name" },
  { "GRANT TYPES", "grant_types" },
  { "AUTHENTICATION", "token_endpoint_auth_method" },
  { "STATE", "disabled", TESSERA_COLUMN_STATE },
  { "REGISTERED ITSELF", "dynamic", TESSERA_COLUMN_FLAG },
  { "DECLARED BY", "origin" },
  { NULL },
};

/* Secrets that were made */

/* What was told with the call cannot be told again: the file is there before it. */
static gboolean
open_secret_output (int *out_fd)
{
  *out_fd = option_secret_output != NULL ? tessera_create_secret_file (option_secret_output) : -1;
  return option_secret_output == NULL || *out_fd >= 0;
}

static void
drop_secret_output (int fd)
{
  if (fd >= 0)
    tessera_keep_file (fd, option_secret_output, FALSE);
}

/* The id on a line, then the secret on one, where there is one. */
static int
tell (const char *client_id, const char *secret, gboolean with_id, int fd)
{
  gboolean in_json = tessera_options.json;

  if (in_json && *secret != '\0' && option_secret_output == NULL)
    {
      tessera_output_json (
          json_pack ("{s:s, s:s}", "client_id", client_id, "client_secret", secret), FALSE);
      return TESSERA_EXIT_DONE;
    }
  if (in_json)
    tessera_output_json (json_pack ("{s:s}", "client_id", client_id), FALSE);
  else if (with_id)
    tessera_output_line ("%s", client_id);
  if (*secret == '\0')
    {
      drop_secret_output (fd);
      return TESSERA_EXIT_DONE;
    }
  return tessera_tell_secret ("The client secret", secret, fd, option_secret_output)
             ? TESSERA_EXIT_DONE
             : TESSERA_EXIT_FAILED;
}

/* Sub-commands */

static int
run_add (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  const char *client_id = NULL;
  const char *secret = NULL;
  int fd = -1;

  if (!tessera_registration_is_given ())
    return tessera_command_misused ("say at least how it is called and where answers go: --name, "
                                    "--redirect-uri");
  if (!open_secret_output (&fd))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("RegisterClient",
                                g_variant_new ("(@a{sv})", tessera_registration_new (NULL)), "(ss)",
                                &error);
  if (reply == NULL)
    {
      drop_secret_output (fd);
      return tessera_command_fail_with (error);
    }
  g_variant_get (reply, "(&s&s)", &client_id, &secret);
  return tell (client_id, secret, TRUE, fd);
}

static int
run_list (char **words)
{
  g_autoptr (GError) error = NULL;
  json_t *list = tessera_call_pages ("ListClients", NULL, "client_id", "", 0, &error);

  if (list == NULL)
    return tessera_command_fail_with (error);
  tessera_output_list (list, list_columns, "There are no clients.");
  return TESSERA_EXIT_DONE;
}

static GVariant *
get_registration (const char *client_id, GError **error)
{
  g_autoptr (GVariant) reply
      = tessera_call_client (client_id, "GetRegistration", NULL, "(a{sv})", error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static int
run_show (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) registration = get_registration (words[0], &error);

  if (registration == NULL)
    return tessera_command_fail_with (error);
  tessera_output_object (tessera_json_from_variant (registration), tessera_registration_columns);
  return TESSERA_EXIT_DONE;
}

static int
run_update (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) registration = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!tessera_registration_is_given ())
    return tessera_command_misused ("say what is to change");
  registration = get_registration (words[0], &error);
  if (registration != NULL)
    reply
        = tessera_call_client (words[0], "Update",
                               g_variant_new ("(@a{sv})", tessera_registration_new (registration)),
                               NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  return run_show (words);
}

static int
set_disabled (const char *client_id, gboolean disabled)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = tessera_call_client (client_id, "SetDisabled",
                                                    g_variant_new ("(b)", disabled), NULL, &error);

  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "client_id", client_id, "disabled", disabled),
                       disabled ? "Client %s is disabled, and its tokens are refused."
                                : "Client %s may ask for tokens again.",
                       client_id);
  return TESSERA_EXIT_DONE;
}

static int
run_disable (char **words)
{
  if (!tessera_confirm ("Disable client %s, and refuse all its tokens?", words[0]))
    return TESSERA_EXIT_FAILED;
  return set_disabled (words[0], TRUE);
}

static int
run_enable (char **words)
{
  return set_disabled (words[0], FALSE);
}

static int
run_rotate_secret (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  const char *secret = NULL;
  int fd = -1;

  if (!option_keep_previous
      && !tessera_confirm ("Give client %s another secret? The one of now ends at once.", words[0]))
    return TESSERA_EXIT_FAILED;
  if (!open_secret_output (&fd))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_client (words[0], "RotateSecret",
                               g_variant_new ("(b)", option_keep_previous), "(s)", &error);
  if (reply == NULL)
    {
      drop_secret_output (fd);
      return tessera_command_fail_with (error);
    }
  g_variant_get (reply, "(&s)", &secret);
  return tell (words[0], secret, FALSE, fd);
}

static int
run_revoke (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!tessera_confirm ("Refuse all tokens that client %s has, and end what people allowed it?",
                        words[0]))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("RevokeClient", g_variant_new ("(s)", words[0]), NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "client_id", words[0], "revoked", TRUE),
                       "All tokens that client %s had are refused.", words[0]);
  return TESSERA_EXIT_DONE;
}

static int
run_remove (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!tessera_confirm ("Remove client %s, and refuse all its tokens?", words[0]))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_client (words[0], "Remove", NULL, NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "client_id", words[0], "removed", TRUE),
                       "Client %s is removed, and its tokens are refused.", words[0]);
  return TESSERA_EXIT_DONE;
}

static const GOptionEntry secret_entries[] = {
  { "secret-output", 'o', 0, G_OPTION_ARG_FILENAME, &option_secret_output,
    "Write the secret into a new file that only you can read", "FILE" },
  { NULL },
};

static const GOptionEntry rotation_entries[] = {
  { "keep-previous", 'k', 0, G_OPTION_ARG_NONE, &option_keep_previous,
    "The secret of now stays good, until the next rotation", NULL },
  { NULL },
};

static const TesseraCommand add_command = {
  .name = "add",
  .summary = "Register a client; its id and secret are made, and told once",
  .entries = tessera_registration_entries,
  .more_entries = secret_entries,
  .run = run_add,
  .details
  = "Examples:\n"
    "  tessera client add --name Shop --redirect-uri https://shop.example/cb --scope \"a b\" \\\n"
    "    --secret-output shop.secret\n"
    "  tessera client add --name Reader --public --application-type native \\\n"
    "    --redirect-uri http://127.0.0.1/cb --grant-type authorization_code --grant-type "
    "refresh_token\n"
    "  tessera client add --name Nightly --grant-type client_credentials --json",
};

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List the clients",
  .run = run_list,
  .details = "Examples:\n"
             "  tessera client list\n"
             "  tessera client list --json | jq -r '.[].client_id'",
};

static const TesseraCommand show_command = {
  .name = "show",
  .words = "CLIENT_ID",
  .summary = "Show a client",
  .completes = TESSERA_WORD_CLIENT,
  .run = run_show,
  .details = "Example:\n"
             "  tessera client show shop",
};

static const TesseraCommand update_command = {
  .name = "update",
  .words = "CLIENT_ID",
  .summary = "Change a client's registration",
  .completes = TESSERA_WORD_CLIENT,
  .entries = tessera_registration_entries,
  .run = run_update,
  .details = "What is not named stays. An option that may be repeated replaces the whole list; an "
             "empty value empties it.\n\n"
             "Examples:\n"
             "  tessera client update shop --scope \"a b c\" --access-token-lifetime 300\n"
             "  tessera client update shop --resource \"\"",
};

static const TesseraCommand disable_command = {
  .name = "disable",
  .words = "CLIENT_ID",
  .summary = "Give a client no more tokens, and refuse those it has",
  .completes = TESSERA_WORD_CLIENT,
  .run = run_disable,
  .details = "Example:\n"
             "  tessera client disable shop --yes",
};

static const TesseraCommand enable_command = {
  .name = "enable",
  .words = "CLIENT_ID",
  .summary = "Let a disabled client ask for tokens again",
  .completes = TESSERA_WORD_CLIENT,
  .run = run_enable,
  .details = "Example:\n"
             "  tessera client enable shop",
};

static const TesseraCommand rotate_secret_command = {
  .name = "rotate-secret",
  .words = "CLIENT_ID",
  .summary = "Make a client another secret, told once",
  .completes = TESSERA_WORD_CLIENT,
  .entries = rotation_entries,
  .more_entries = secret_entries,
  .run = run_rotate_secret,
  .details = "Example:\n"
             "  tessera client rotate-secret shop --keep-previous --secret-output shop.secret",
};

static const TesseraCommand revoke_command = {
  .name = "revoke",
  .words = "CLIENT_ID",
  .summary = "Refuse every token a client has; it may ask for new ones",
  .completes = TESSERA_WORD_CLIENT,
  .run = run_revoke,
  .details = "Example:\n"
             "  tessera client revoke shop --yes",
};

static const TesseraCommand remove_command = {
  .name = "remove",
  .words = "CLIENT_ID",
  .summary = "Remove a client, and refuse all its tokens",
  .completes = TESSERA_WORD_CLIENT,
  .run = run_remove,
  .details = "Example:\n"
             "  tessera client remove shop --yes",
};

static const TesseraCommand *const commands[] = {
  &add_command,    &list_command,          &show_command,   &update_command, &disable_command,
  &enable_command, &rotate_secret_command, &revoke_command, &remove_command, NULL,
};

const TesseraCommand tessera_client_command = {
  .name = "client",
  .summary = "The applications that may ask for tokens",
  .commands = commands,
  .details = "What a configuration file declares is listed with its origin; only the file can "
             "change it.",
};
