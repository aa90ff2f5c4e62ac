/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way from a command line to a sub-command: words, options, help. */

#include "tessera-command.h"

#include "tessera-output.h"
#include "tessera-polkit-agent.h"
#include "tessera-service.h"

#include <stdarg.h>
#include <string.h>

TesseraOptions tessera_options;

static const GOptionEntry common_entries[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &tessera_options.json, "Say it as JSON", NULL },
  { "yes", 'y', 0, G_OPTION_ARG_NONE, &tessera_options.yes, "Ask no questions", NULL },
  { "socket", 0, 0, G_OPTION_ARG_FILENAME, &tessera_options.socket,
    "Speak to the service through its socket (or TESSERA_SOCKET)", "PATH" },
  { "system", 0, 0, G_OPTION_ARG_NONE, &tessera_options.system,
    "Speak to the service on the system bus", NULL },
  { "session", 0, 0, G_OPTION_ARG_NONE, &tessera_options.session,
    "Speak to the service on the session bus", NULL },
  { NULL },
};

const GOptionEntry *
tessera_command_get_common_entries (void)
{
  return common_entries;
}

static void
complain (const char *format, va_list arguments)
{
  g_autofree char *sentence = g_strdup_vprintf (format, arguments);
  g_autofree char *safe = tessera_escape (sentence);

  g_printerr ("%s: %s\n", g_get_prgname (), safe);
}

int
tessera_command_fail (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  complain (format, arguments);
  va_end (arguments);
  return TESSERA_EXIT_FAILED;
}

int
tessera_command_misused (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  complain (format, arguments);
  va_end (arguments);
  return TESSERA_EXIT_USAGE;
}

int
tessera_command_fail_with (const GError *error)
{
  tessera_command_fail ("%s", error->message);
  return tessera_service_get_exit_code (error);
}

static const TesseraCommand *
find_command (const TesseraCommand *group, const char *name)
{
  for (const TesseraCommand *const *c = group->commands; *c != NULL; c++)
    if (g_str_equal ((*c)->name, name))
      return *c;
  return NULL;
}

/* Help */

static void
print_group_help (const TesseraCommand *group)
{
  g_print ("Usage: %s COMMAND [OPTION…]\n\n%s\n\n", g_get_prgname (), group->summary);
  for (const TesseraCommand *const *c = group->commands; *c != NULL; c++)
    g_print ("  %-18s %s\n", (*c)->name, (*c)->summary);
  g_print ("\n`%s COMMAND --help` says more.\n", g_get_prgname ());
  if (group->details != NULL)
    g_print ("\n%s\n", group->details);
}

static GOptionContext *
create_context (const TesseraCommand *command)
{
  GOptionContext *context = g_option_context_new (command->words);

  g_option_context_set_summary (context, command->summary);
  if (command->details != NULL)
    g_option_context_set_description (context, command->details);
  if (command->entries != NULL)
    g_option_context_add_main_entries (context, command->entries, NULL);
  if (command->more_entries != NULL)
    g_option_context_add_main_entries (context, command->more_entries, NULL);
  if (!command->is_alone)
    g_option_context_add_main_entries (context, common_entries, NULL);
  return context;
}

/* Options */

static const GOptionEntry *
find_in (const GOptionEntry *entries, const char *option)
{
  for (; entries != NULL && entries->long_name != NULL; entries++)
    if ((g_str_has_prefix (option, "--") && g_str_equal (option + 2, entries->long_name))
        || (option[0] == '-' && option[1] != '\0' && option[1] == entries->short_name
            && option[2] == '\0'))
      return entries;
  return NULL;
}

static const GOptionEntry *
find_option (const TesseraCommand *command, const char *option)
{
  const GOptionEntry *entry = find_in (command->entries, option);

  if (entry == NULL)
    entry = find_in (command->more_entries, option);
  return entry != NULL ? entry : find_in (common_entries, option);
}

const GOptionEntry *
tessera_command_find_open_option (const TesseraCommand *command, const char *option)
{
  const GOptionEntry *entry = find_option (command, option);

  if (entry == NULL || entry->arg == G_OPTION_ARG_NONE
      || (entry->flags & G_OPTION_FLAG_OPTIONAL_ARG) != 0)
    return NULL;
  return entry;
}

/* A kid or client_id in base64url may begin with a hyphen. Options are shorter, or known. */
static gboolean
is_identifier (const TesseraCommand *command, const char *word)
{
  return command->words != NULL && word[0] == '-' && strlen (word) >= 20
         && strspn (word, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_") == strlen (word)
         && find_option (command, word) == NULL;
}

/* Those come last, behind a “--”, so that they are not taken for options. Takes @arguments. */
static char **
move_identifiers (const TesseraCommand *command, char **arguments)
{
  g_autoptr (GPtrArray) options = g_ptr_array_new_null_terminated (0, NULL, TRUE);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  char **word = arguments;

  for (; *word != NULL && !g_str_equal (*word, "--"); word++)
    {
      gboolean is_value = word > arguments && tessera_command_find_open_option (command, word[-1]);
      g_ptr_array_add (!is_value && is_identifier (command, *word) ? words : options, *word);
    }
  if (words->len > 0 || *word != NULL)
    g_ptr_array_add (options, g_strdup ("--"));
  g_ptr_array_extend (options, words, NULL, NULL);
  for (char **rest = *word != NULL ? word + 1 : word; *rest != NULL; rest++)
    g_ptr_array_add (options, *rest);
  g_free (*word);
  g_free (arguments);
  return (char **) g_ptr_array_steal (options, NULL);
}

/* Words */

static guint
count_words (const TesseraCommand *command, gboolean required_only)
{
  g_auto (GStrv) names = g_strsplit (command->words != NULL ? command->words : "", " ", -1);
  guint count = 0;

  for (char **name = names; *name != NULL; name++)
    if (**name != '\0' && !(required_only && **name == '['))
      count++;
  return count;
}

static int
check_words (const TesseraCommand *command, char **words)
{
  guint given = g_strv_length (words);

  /* The words themselves are not repeated: one may be a secret that somebody typed here. */
  if (given > count_words (command, FALSE))
    return tessera_command_misused ("too many words; a secret is never an argument, since others "
                                    "can see those");
  if (given < count_words (command, TRUE))
    return tessera_command_misused ("it takes %s", command->words);
  for (char **word = words; *word != NULL; word++)
    if (!g_utf8_validate (*word, -1, NULL))
      return tessera_command_misused ("a word is not UTF-8");
  if (tessera_options.system + tessera_options.session + (tessera_options.socket != NULL) > 1)
    return tessera_command_misused ("--socket, --system and --session exclude each other");
  return TESSERA_EXIT_DONE;
}

/* What follows “=” may be a secret that somebody typed here. */
static void
cut_value (char *message)
{
  char *value = strchr (message, '=');

  if (value != NULL)
    *value = '\0';
}

static int
run_command (const TesseraCommand *command, char **arguments)
{
  g_autoptr (GOptionContext) context = create_context (command);
  g_autoptr (GError) error = NULL;
  int status = TESSERA_EXIT_DONE;

  arguments = move_identifiers (command, arguments);
  if (!g_option_context_parse_strv (context, &arguments, &error))
    {
      if (g_error_matches (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
        cut_value (error->message);
      g_strfreev (arguments);
      return tessera_command_misused ("%s", error->message);
    }
  char **words = arguments + 1;
  if (*words != NULL && g_str_equal (*words, "--"))
    words++;
  status = check_words (command, words);
  if (status == TESSERA_EXIT_DONE)
    status = command->run (words);
  tessera_polkit_agent_close ();
  g_strfreev (arguments);
  return tessera_output_finish (status);
}

static gboolean
is_help (const char *word)
{
  return g_str_equal (word, "--help") || g_str_equal (word, "-h");
}

/* Options that stand before the words of the command belong to it all the same. */
static gboolean
takes_next_word (const char *option)
{
  return g_str_equal (option, "--socket");
}

int
tessera_command_main (const TesseraCommand *root, int argc, char **argv)
{
  g_autoptr (GPtrArray) arguments = g_ptr_array_new_null_terminated (0, g_free, TRUE);
  const TesseraCommand *command = root;
  int i = 1;

  g_ptr_array_add (arguments, g_strdup (argv[0]));
  g_set_prgname (root->name);
  for (; i < argc && command->commands != NULL; i++)
    {
      if (is_help (argv[i]))
        {
          print_group_help (command);
          return tessera_output_finish (TESSERA_EXIT_DONE);
        }
      if (argv[i][0] == '-')
        {
          g_ptr_array_add (arguments, g_strdup (argv[i]));
          if (takes_next_word (argv[i]) && i + 1 < argc)
            g_ptr_array_add (arguments, g_strdup (argv[++i]));
          continue;
        }
      command = find_command (command, argv[i]);
      if (command == NULL)
        return tessera_command_misused ("there is no such command; see %s --help",
                                        g_get_prgname ());
      g_autofree char *name = g_strconcat (g_get_prgname (), " ", command->name, NULL);
      g_set_prgname (name);
    }
  if (command->commands != NULL)
    return tessera_command_misused ("a command is missing; see %s --help", g_get_prgname ());
  for (; i < argc; i++)
    g_ptr_array_add (arguments, g_strdup (argv[i]));
  return run_command (command, (char **) g_ptr_array_steal (arguments, NULL));
}
