/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera: the command. Finds the sub-command, whose work is in its own file. */

#include "tessera-command.h"

#include <locale.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static const TesseraCommand commands[] = {
  { "generate-secret", "Make a client secret of 256 random bits", tessera_command_generate_secret },
  { "hash-password", "Make a line of the users file from a password",
    tessera_command_hash_password },
};

const TesseraCommand *
tessera_command_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (commands[i].name, name))
      return &commands[i];
  return NULL;
}

int
tessera_command_fail (const char *format, ...)
{
  g_autofree char *sentence = NULL;
  va_list arguments;

  va_start (arguments, format);
  sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_printerr ("tessera: %s\n", sentence);
  return TESSERA_EXIT_FAILED;
}

gboolean
tessera_command_parse (const TesseraCommand *command,
                       const GOptionEntry *entries,
                       int argc,
                       char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_set_summary (context, command->summary);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("tessera %s: %s\n", command->name, error->message);
      return FALSE;
    }
  if (argc > 1)
    {
      /* The word itself is not repeated: it may be a secret that somebody typed here. */
      g_printerr ("tessera %s: takes options only; a secret is never an argument, since others can "
                  "see those\n",
                  command->name);
      return FALSE;
    }
  return TRUE;
}

static void
print_help (void)
{
  g_print ("Usage: tessera COMMAND [OPTION…]\n\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_print ("  %-18s %s\n", commands[i].name, commands[i].summary);
  g_print ("\n  --version          Say the version\n"
           "  --help             Say this; `tessera COMMAND --help` says more\n");
}

int
main (int argc, char **argv)
{
  const TesseraCommand *command = NULL;
  g_autofree char *prgname = NULL;

  setlocale (LC_ALL, "");
  umask (0077);
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (argc > 1 && g_str_equal (argv[1], "--version"))
    {
      g_print ("tessera %s\n", TESSERA_VERSION);
      return TESSERA_EXIT_DONE;
    }
  if (argc > 1 && (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h")))
    {
      print_help ();
      return TESSERA_EXIT_DONE;
    }

  command = argc > 1 ? tessera_command_find (argv[1]) : NULL;
  if (command == NULL)
    {
      g_printerr ("tessera: %s; see tessera --help\n",
                  argc > 1 ? "there is no such command" : "a command is missing");
      return TESSERA_EXIT_USAGE;
    }
  prgname = g_strconcat ("tessera ", command->name, NULL);
  g_set_prgname (prgname);
  return command->run (argc - 1, argv + 1);
}
