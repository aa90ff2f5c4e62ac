/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera hash-password: a line of the users file. The password comes from the terminal without
 * being shown, or from standard input. */

#include "tessera.h"
#include "tessera-command.h"
#include "tessera-input.h"

#include <string.h>

static char *option_user;

static const GOptionEntry entries[] = {
  { "user", 'u', 0, G_OPTION_ARG_STRING, &option_user,
    "Put the name before the hash, as the users file has it", "NAME" },
  { NULL },
};

static gboolean
is_user_name (const char *name)
{
  if (name[0] == '\0' || strlen (name) > 255 || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (*c == ':' || g_ascii_iscntrl (*c))
      return FALSE;
  return TRUE;
}

static int
print_line (const char *password)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *hash = tessera_hash_password (password, &error);

  if (hash == NULL)
    return tessera_command_fail ("%s", error->message);
  if (option_user != NULL)
    g_print ("%s:%s\n", option_user, hash);
  else
    g_print ("%s\n", hash);
  return TESSERA_EXIT_DONE;
}

static int
run (char **words)
{
  char *password = NULL;
  int status = TESSERA_EXIT_FAILED;

  if (option_user != NULL && !is_user_name (option_user))
    return tessera_command_misused ("a user's name has 1 to 255 bytes, no colon, no control "
                                    "characters");
  password = tessera_read_secret (NULL, "Password", TRUE, TESSERA_PASSWORD_MAX);
  if (password != NULL)
    status = print_line (password);
  tessera_clear_secret (&password);
  g_clear_pointer (&option_user, g_free);
  return status;
}

const TesseraCommand tessera_hash_password_command = {
  .name = "hash-password",
  .summary = "Make a line of the users file from a password",
  .entries = entries,
  .run = run,
  .is_alone = TRUE,
  .details = "The password is asked for, or is the first line of standard input.\n\n"
             "Example:\n"
             "  tessera hash-password --user alice >> /etc/tessera/secrets/users",
};
