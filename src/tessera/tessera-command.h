/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Exit codes (tessera(1)). */
#define TESSERA_EXIT_DONE 0
#define TESSERA_EXIT_FAILED 1
#define TESSERA_EXIT_USAGE 2

/* One sub-command, in a file of its own: tessera-NAME.c has tessera_command_NAME. */
typedef struct
{
  const char *name;
  const char *summary;
  int (*run) (int argc, char **argv); /* argv[0] is its name */
} TesseraCommand;

int tessera_command_generate_secret (int argc, char **argv);
int tessera_command_hash_password (int argc, char **argv);

/* Parses the options of a sub-command, which takes no other words. FALSE: said on stderr. */
gboolean tessera_command_parse (const TesseraCommand *command,
                                const GOptionEntry *entries,
                                int argc,
                                char **argv);
/* "tessera: sentence" on stderr; TESSERA_EXIT_FAILED. */
int tessera_command_fail (const char *format, ...) G_GNUC_PRINTF (1, 2);
const TesseraCommand *tessera_command_find (const char *name);

G_END_DECLS
