/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera __complete: what the shell may offer for the last word, a line each. */

#include "tessera-command.h"

#include "tessera-calls.h"
#include "tessera-key.h"
#include "tessera-output.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE 2 /* seconds: nobody waits longer for a suggestion */
#define LIMIT 500
#define EXIT_FILE_NAMES 10 /* the shell itself knows those */

/* A name that cannot be typed is not offered. */
static void
offer (const char *candidate, const char *prefix)
{
  g_autofree char *safe = candidate != NULL ? tessera_escape (candidate) : NULL;

  if (safe != NULL && g_str_equal (safe, candidate) && *candidate != '\0'
      && g_str_has_prefix (candidate, prefix))
    printf ("%s\n", candidate);
}

/* Commands and options */

static void
offer_commands (const TesseraCommand *group, const char *prefix)
{
  for (const TesseraCommand *const *c = group->commands; *c != NULL; c++)
    offer ((*c)->name, prefix);
}

static void
offer_entries (const GOptionEntry *entries, const char *prefix)
{
  for (; entries != NULL && entries->long_name != NULL; entries++)
    {
      g_autofree char *option = g_strconcat ("--", entries->long_name, NULL);
      offer (option, prefix);
    }
}

static void
offer_options (const TesseraCommand *command, const char *prefix)
{
  offer ("--help", prefix);
  offer_entries (command->entries, prefix);
  offer_entries (command->more_entries, prefix);
  if (!command->is_alone)
    offer_entries (tessera_command_get_common_entries (), prefix);
}

/* Names that the service knows */

static void
offer_list (json_t *list, const char *member, const char *prefix)
{
  json_t *entry = NULL;
  size_t i = 0;

  json_array_foreach (list, i, entry)
    offer (json_string_value (json_object_get (entry, member)), prefix);
  json_decref (list);
}

/* Lists are in the order of bytes: what begins with @prefix comes behind it. */
static void
offer_pages (const char *method, const char *const *filters, const char *member, const char *prefix)
{
  offer_list (tessera_call_pages (method, filters, member, prefix, LIMIT, NULL), member, prefix);
}

static void
offer_names (TesseraWord word, const char *prefix)
{
  static const char *const anybody[] = { "", NULL };
  static const char *const anything[] = { "", "", NULL };

  switch (word)
    {
    case TESSERA_WORD_CLIENT:
      offer_pages ("ListClients", NULL, "client_id", prefix);
      break;
    case TESSERA_WORD_USER:
      offer_pages ("ListUsers", NULL, "username", prefix);
      break;
    case TESSERA_WORD_SUBJECT:
      offer_pages ("ListUsers", NULL, "subject", prefix);
      break;
    case TESSERA_WORD_GRANT:
      offer_pages ("ListGrants", anything, "grant_id", prefix);
      break;
    case TESSERA_WORD_SESSION:
      offer_pages ("ListSessions", anybody, "sid", prefix);
      break;
    case TESSERA_WORD_KEY:
      offer_list (tessera_key_list (NULL), "kid", prefix);
      break;
    case TESSERA_WORD_ANY:
    case TESSERA_WORD_FILE:
    default:
      break;
    }
}

static TesseraWord
get_word_of_option (const GOptionEntry *entry)
{
  static const struct
  {
    const char *description;
    TesseraWord word;
  } words[] = {
    { "CLIENT_ID", TESSERA_WORD_CLIENT }, { "NAME", TESSERA_WORD_USER },
    { "SUBJECT", TESSERA_WORD_SUBJECT },  { "FILE", TESSERA_WORD_FILE },
    { "PATH", TESSERA_WORD_FILE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_strcmp0 (entry->arg_description, words[i].description) == 0)
      return words[i].word;
  return TESSERA_WORD_ANY;
}

/* The line so far */

typedef struct
{
  const TesseraCommand *command;
  guint n_words;            /* that came after its name */
  const GOptionEntry *open; /* whose value comes next */
} Line;

static gboolean
read_word (Line *line, const char *word)
{
  if (line->open != NULL)
    {
      if (g_str_equal (line->open->long_name, "socket"))
        tessera_options.socket = g_strdup (word);
      line->open = NULL;
    }
  else if (word[0] == '-' && word[1] != '\0')
    {
      tessera_options.system = tessera_options.system || g_str_equal (word, "--system");
      tessera_options.session = tessera_options.session || g_str_equal (word, "--session");
      line->open = tessera_command_find_open_option (line->command, word);
    }
  else if (line->command->commands == NULL)
    line->n_words++;
  else
    {
      const TesseraCommand *const *c = line->command->commands;
      while (*c != NULL && !g_str_equal ((*c)->name, word))
        c++;
      line->command = *c;
    }
  return line->command != NULL;
}

static int
offer_for (const Line *line, const char *prefix)
{
  TesseraWord word = TESSERA_WORD_ANY;

  if (line->open != NULL)
    word = get_word_of_option (line->open);
  else if (prefix[0] == '-')
    offer_options (line->command, prefix);
  else if (line->command->commands != NULL)
    offer_commands (line->command, prefix);
  else if (line->n_words == 0)
    word = line->command->completes;
  if (word == TESSERA_WORD_FILE)
    return EXIT_FILE_NAMES;
  offer_names (word, prefix);
  return TESSERA_EXIT_DONE;
}

/* Not by the signal itself: the shell would speak of it. */
static void
on_deadline (int number)
{
  _exit (TESSERA_EXIT_FAILED);
}

int
tessera_command_complete (const TesseraCommand *root, char **words)
{
  Line line = { root };
  guint n = g_strv_length (words);

  if (signal (SIGALRM, on_deadline) != SIG_ERR)
    alarm (DEADLINE);
  tessera_options.start_nothing = TRUE;
  for (guint i = 0; i + 1 < n; i++)
    if (!read_word (&line, words[i]))
      return TESSERA_EXIT_DONE;
  return n > 0 ? offer_for (&line, words[n - 1]) : TESSERA_EXIT_DONE;
}
