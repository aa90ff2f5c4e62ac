/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera: the command. Its sub-commands are in files of their own. */

#include "tessera-command.h"

#include <locale.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static const TesseraCommand *const commands[] = {
  &tessera_status_command,        &tessera_client_command,
  &tessera_initial_token_command, &tessera_user_command,
  &tessera_grant_command,         &tessera_session_command,
  &tessera_subject_command,       &tessera_token_command,
  &tessera_key_command,           &tessera_denylist_command,
  &tessera_login_command,         &tessera_reload_command,
  &tessera_backup_command,        &tessera_restore_command,
  &tessera_export_command,        &tessera_import_command,
  &tessera_purge_command,         &tessera_generate_secret_command,
  &tessera_hash_password_command, NULL,
};

static const TesseraCommand root = {
  .name = "tessera",
  .summary = "Controls the Tessera authorization server, over D-Bus.",
  .commands = commands,
  .details = "Every command has --json. Those that speak to the service find it on its private "
             "socket, on the\nsession bus or on the system bus; --socket PATH, --system and "
             "--session say where.\n\n"
             "Examples:\n"
             "  tessera status\n"
             "  tessera client add --name Shop --redirect-uri https://shop.example/cb\n"
             "  tessera user add alice\n"
             "  tessera login\n"
             "  tessera subject revoke --user alice\n\n"
             "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not permitted, 5 service "
             "not reachable,\n6 token not good. `tessera --version` says the version; tessera(1) "
             "says all.",
};

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  umask (0077);
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (argc > 1 && g_str_equal (argv[1], "--version"))
    {
      g_print ("tessera %s\n", TESSERA_VERSION);
      return TESSERA_EXIT_DONE;
    }
  if (argc > 1 && g_str_equal (argv[1], "__complete"))
    return tessera_command_complete (&root, argv + 2);
  return tessera_command_main (&root, argc, argv);
}
