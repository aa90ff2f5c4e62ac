/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Exit codes (tessera(1)). */
#define TESSERA_EXIT_DONE 0
#define TESSERA_EXIT_FAILED 1
#define TESSERA_EXIT_USAGE 2
#define TESSERA_EXIT_NOT_FOUND 3
#define TESSERA_EXIT_NOT_PERMITTED 4
#define TESSERA_EXIT_NOT_REACHABLE 5
#define TESSERA_EXIT_INACTIVE 6

/* What the shell can offer for a word. */
typedef enum
{
  TESSERA_WORD_ANY,
  TESSERA_WORD_CLIENT,
  TESSERA_WORD_USER,
  TESSERA_WORD_SUBJECT,
  TESSERA_WORD_KEY,
  TESSERA_WORD_GRANT,
  TESSERA_WORD_SESSION,
  TESSERA_WORD_FILE,
} TesseraWord;

typedef struct _TesseraCommand TesseraCommand;

/* One sub-command, or a group of them. tessera-NAME.c has tessera_NAME_command. */
struct _TesseraCommand
{
  const char *name;
  const char *words; /* what comes after the options, for its usage line; [WORD] may be left out */
  const char *summary;
  TesseraWord completes;       /* the first of the words */
  const GOptionEntry *entries; /* options of its own, or NULL */
  const GOptionEntry *more_entries;
  int (*run) (char **words);             /* the exit code */
  const TesseraCommand *const *commands; /* of a group, in place of the four above; up to NULL */
  const char *details;                   /* the end of its --help: rules and examples */
  gboolean is_alone;                     /* speaks to no service */
};

extern const TesseraCommand tessera_client_command;
extern const TesseraCommand tessera_initial_token_command;
extern const TesseraCommand tessera_user_command;
extern const TesseraCommand tessera_token_command;
extern const TesseraCommand tessera_grant_command;
extern const TesseraCommand tessera_session_command;
extern const TesseraCommand tessera_subject_command;
extern const TesseraCommand tessera_key_command;
extern const TesseraCommand tessera_denylist_command;
extern const TesseraCommand tessera_status_command;
extern const TesseraCommand tessera_reload_command;
extern const TesseraCommand tessera_login_command;
extern const TesseraCommand tessera_backup_command;
extern const TesseraCommand tessera_restore_command;
extern const TesseraCommand tessera_export_command;
extern const TesseraCommand tessera_import_command;
extern const TesseraCommand tessera_purge_command;
extern const TesseraCommand tessera_generate_secret_command;
extern const TesseraCommand tessera_hash_password_command;

/* The options that every command has. */
typedef struct
{
  gboolean json;
  gboolean yes;
  gboolean system;
  gboolean session;
  char *socket;           /* or NULL */
  gboolean start_nothing; /* no bus is asked to start a service */
} TesseraOptions;

extern TesseraOptions tessera_options;

/* Follows @argv from @root to a command, parses its options and runs it; the exit code. */
int tessera_command_main (const TesseraCommand *root, int argc, char **argv);
/* The same way for the shell: what could stand for the last of @words, a line each. */
int tessera_command_complete (const TesseraCommand *root, char **words);
const GOptionEntry *tessera_command_get_common_entries (void);
/* The option of @command whose value the word behind @option is, or NULL. */
const GOptionEntry *tessera_command_find_open_option (const TesseraCommand *command,
                                                      const char *option);

/* "tessera: sentence" on stderr; TESSERA_EXIT_FAILED. */
int tessera_command_fail (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* The same with TESSERA_EXIT_USAGE. */
int tessera_command_misused (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* The same of an error, with the exit code that it stands for. */
int tessera_command_fail_with (const GError *error);

G_END_DECLS
