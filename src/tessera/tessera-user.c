/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera user: the people whose passwords the service keeps. */

#include "tessera-user.h"

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"
#include "tessera-person.h"

static char *option_password_file;
static char *option_subject;
static char *option_user;

const GOptionEntry tessera_person_entries[] = {
  { "subject", 's', 0, G_OPTION_ARG_STRING, &option_subject, "Only of this person", "SUBJECT" },
  { "user", 'u', 0, G_OPTION_ARG_STRING, &option_user, "The same, by the name they sign in by",
    "NAME" },
  { NULL },
};

static const GOptionEntry entries[] = {
  { "password-file", 'p', 0, G_OPTION_ARG_FILENAME, &option_password_file,
    "Take the password from the first line of FILE (-: standard input)", "FILE" },
  { NULL },
};

static const TesseraColumn list_columns[] = {
  { "USERNAME", "username" },
  { "SUBJECT", "subject" },
  { "STATE", "disabled", TESSERA_COLUMN_STATE },
  { "DECLARED BY", "origin" },
  { NULL },
};

char *
tessera_user_dup_subject (const char *username, GError **error)
{
  g_autoptr (GVariant) reply
      = tessera_call_manager ("GetUser", g_variant_new ("(s)", username), "(a{sv})", error);
  char *subject = NULL;

  if (reply == NULL)
    return NULL;
  g_autoptr (GVariant) user = g_variant_get_child_value (reply, 0);
  if (!g_variant_lookup (user, "subject", "s", &subject))
    g_set_error_literal (error, TESSERA_SERVICE_ERROR, TESSERA_SERVICE_ERROR_NOT_FOUND,
                         "The service does not say what the user is called.");
  return subject;
}

char *
tessera_person_dup_subject (GError **error)
{
  if (option_user == NULL)
    return g_strdup (option_subject != NULL ? option_subject : "");
  if (option_subject == NULL)
    return tessera_user_dup_subject (option_user, error);
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "--user and --subject exclude each other");
  return NULL;
}

/* What is done to one user, and how it is told. */
static int
act (const char *method,
     GVariant *parameters,
     json_t *document,
     const char *format,
     const char *username)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = tessera_call_manager (method, parameters, NULL, &error);

  if (reply == NULL)
    {
      json_decref (document);
      return tessera_command_fail_with (error);
    }
  g_autofree char *sentence = g_strdup_printf ("User %s %s", username, format);
  tessera_output_done (document, "%s", sentence);
  return TESSERA_EXIT_DONE;
}

static int
send_password (const char *method, const char *username, json_t *document, const char *done)
{
  char *password
      = tessera_read_secret (option_password_file, "Password", TRUE, TESSERA_PASSWORD_MAX);
  int status = TESSERA_EXIT_FAILED;

  if (password == NULL)
    json_decref (document);
  else
    status = act (method, g_variant_new ("(ss)", username, password), document, done, username);
  tessera_clear_secret (&password);
  return status;
}

static int
run_add (char **words)
{
  return send_password ("AddUser", words[0],
                        json_pack ("{s:s, s:b}", "username", words[0], "added", TRUE), "is added.");
}

static int
run_passwd (char **words)
{
  return send_password ("SetUserPassword", words[0],
                        json_pack ("{s:s, s:b}", "username", words[0], "password_set", TRUE),
                        "has another password, and is signed out everywhere.");
}

static int
run_list (char **words)
{
  g_autoptr (GError) error = NULL;
  json_t *list = tessera_call_pages ("ListUsers", NULL, "username", "", 0, &error);

  if (list == NULL)
    return tessera_command_fail_with (error);
  tessera_output_list (list, list_columns, "There are no users.");
  return TESSERA_EXIT_DONE;
}

static int
run_show (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply
      = tessera_call_manager ("GetUser", g_variant_new ("(s)", words[0]), "(a{sv})", &error);

  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_autoptr (GVariant) user = g_variant_get_child_value (reply, 0);
  return tessera_person_show (user);
}

static int
run_set (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariant *claims = tessera_claims_read (&error);

  if (claims == NULL)
    return tessera_command_misused ("%s", error->message);
  reply = tessera_call_manager ("SetUserClaims", g_variant_new ("(s@a{sv})", words[0], claims),
                                NULL, &error);
  return reply != NULL ? run_show (words) : tessera_command_fail_with (error);
}

static int
set_disabled (const char *username, gboolean disabled, const char *done)
{
  return act ("SetUserDisabled", g_variant_new ("(sb)", username, disabled),
              json_pack ("{s:s, s:b}", "username", username, "disabled", disabled), done, username);
}

static int
run_disable (char **words)
{
  if (!tessera_confirm ("Disable user %s, and sign them out everywhere?", words[0]))
    return TESSERA_EXIT_FAILED;
  return set_disabled (words[0], TRUE, "is disabled, and signed out everywhere.");
}

static int
run_enable (char **words)
{
  return set_disabled (words[0], FALSE, "may sign in again.");
}

static int
run_remove (char **words)
{
  if (!tessera_confirm ("Remove user %s, and sign them out everywhere?", words[0]))
    return TESSERA_EXIT_FAILED;
  return act ("RemoveUser", g_variant_new ("(s)", words[0]),
              json_pack ("{s:s, s:b}", "username", words[0], "removed", TRUE),
              "is removed, and signed out everywhere.", words[0]);
}

static const TesseraCommand add_command = {
  .name = "add",
  .words = "USERNAME",
  .summary = "Add a user with a password",
  .entries = entries,
  .run = run_add,
  .details = "Without --password-file the password is asked for twice, or is the first line of "
             "standard input.\n\n"
             "Examples:\n"
             "  tessera user add alice\n"
             "  tessera user add alice --password-file alice.password",
};

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List the users",
  .run = run_list,
  .details = "Example:\n"
             "  tessera user list",
};

static const TesseraCommand passwd_command = {
  .name = "passwd",
  .words = "USERNAME",
  .summary = "Give a user another password, and sign them out everywhere",
  .completes = TESSERA_WORD_USER,
  .entries = entries,
  .run = run_passwd,
  .details = "Examples:\n"
             "  tessera user passwd alice\n"
             "  pwgen 20 1 | tee new | tessera user passwd alice --password-file -",
};

static const TesseraCommand show_command = {
  .name = "show",
  .words = "USERNAME",
  .summary = "Show a user, and what is known of them",
  .completes = TESSERA_WORD_USER,
  .run = run_show,
  .details = "Example:\n"
             "  tessera user show alice --json",
};

static const TesseraCommand set_command = {
  .name = "set",
  .words = "USERNAME",
  .summary = "Say what is known of a user: name, e-mail address and so on",
  .completes = TESSERA_WORD_USER,
  .entries = tessera_claim_entries,
  .run = run_set,
  .details
  = "What is not named stays. The names are those of OpenID Connect (name, email, phone_number, "
    "address …), or any other; name#de is the name in German. Clients learn of it as far as they "
    "may.\n\n"
    "Examples:\n"
    "  tessera user set alice --claim name=\"Alice Adams\" --claim email=alice@example.org\n"
    "  tessera user set alice -c email_verified=true -c 'groups:=[\"staff\"]'\n"
    "  tessera user set alice --claims-file alice.json --unset nickname",
};

static const TesseraCommand disable_command = {
  .name = "disable",
  .words = "USERNAME",
  .summary = "Let a user sign in no more, and sign them out everywhere",
  .completes = TESSERA_WORD_USER,
  .run = run_disable,
  .details = "Example:\n"
             "  tessera user disable alice",
};

static const TesseraCommand enable_command = {
  .name = "enable",
  .words = "USERNAME",
  .summary = "Let a disabled user sign in again",
  .completes = TESSERA_WORD_USER,
  .run = run_enable,
  .details = "Example:\n"
             "  tessera user enable alice",
};

static const TesseraCommand remove_command = {
  .name = "remove",
  .words = "USERNAME",
  .summary = "Remove a user, and sign them out everywhere",
  .completes = TESSERA_WORD_USER,
  .run = run_remove,
  .details = "Example:\n"
             "  tessera user remove alice --yes",
};

static const TesseraCommand *const commands[] = {
  &add_command,     &list_command,   &show_command,   &set_command, &passwd_command,
  &disable_command, &enable_command, &remove_command, NULL,
};

const TesseraCommand tessera_user_command = {
  .name = "user",
  .summary = "The people whose passwords the service keeps",
  .commands = commands,
  .details = "Users of a file are listed with their origin; only the file can change them.",
};
