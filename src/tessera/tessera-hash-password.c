/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera hash-password: a line of the users file. The password comes from the terminal without
 * being shown, or from standard input. */

#include "tessera.h"
#include "tessera-command.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MAX_PASSWORD 511 /* what crypt(3) takes */

static char *option_user;

static const GOptionEntry entries[] = {
  { "user", 'u', 0, G_OPTION_ARG_STRING, &option_user,
    "Put the name before the hash, as the users file has it", "NAME" },
  { NULL },
};

static void
scrub (char *text)
{
  explicit_bzero (text, strlen (text));
  g_free (text);
}

/* One line without its end, or NULL at the end of the input. */
static char *
read_line (void)
{
  char buffer[MAX_PASSWORD + 2];
  char *line = NULL;
  gsize length = 0;

  if (fgets (buffer, sizeof buffer, stdin) != NULL)
    {
      length = strcspn (buffer, "\n");
      if (buffer[length] == '\n' || length <= MAX_PASSWORD)
        line = g_strndup (buffer, length);
    }
  explicit_bzero (buffer, sizeof buffer);
  return line;
}

static char *
ask (const char *question)
{
  struct termios before;
  struct termios silent;
  char *line = NULL;

  if (tcgetattr (STDIN_FILENO, &before) < 0)
    return NULL;
  silent = before;
  silent.c_lflag &= ~(tcflag_t) ECHO;
  /* Silence comes first: what is typed before it is thrown away. */
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &silent);
  g_printerr ("%s: ", question);
  line = read_line ();
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
  g_printerr ("\n");
  return line;
}

/* Asked twice at a terminal, since nobody sees what is typed. */
static char *
read_password (void)
{
  char *password = NULL;
  char *again = NULL;

  if (!isatty (STDIN_FILENO))
    return read_line ();
  password = ask ("Password");
  if (password == NULL)
    return NULL;
  again = ask ("Once more");
  if (again == NULL || strcmp (password, again) != 0)
    {
      g_printerr ("tessera: the two are not the same\n");
      g_clear_pointer (&password, scrub);
    }
  g_clear_pointer (&again, scrub);
  return password;
}

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

int
tessera_command_hash_password (int argc, char **argv)
{
  char *password = NULL;
  int status = TESSERA_EXIT_FAILED;

  if (!tessera_command_parse (tessera_command_find (argv[0]), entries, argc, argv))
    return TESSERA_EXIT_USAGE;
  if (option_user != NULL && !is_user_name (option_user))
    {
      g_printerr ("tessera: a user's name has 1 to 255 bytes, no colon, no control characters\n");
      return TESSERA_EXIT_USAGE;
    }
  password = read_password ();
  if (password == NULL || password[0] == '\0')
    status
        = tessera_command_fail ("there is no password (one line, at most %d bytes)", MAX_PASSWORD);
  else
    status = print_line (password);
  g_clear_pointer (&password, scrub);
  g_clear_pointer (&option_user, g_free);
  return status;
}
