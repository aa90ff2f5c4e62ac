/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera export, import: clients and users from one service to another. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-file.h"
#include "tessera-output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
run_export (char **words)
{
  g_autoptr (GError) error = NULL;
  TesseraFile file;

  if (!tessera_file_create (&file, words[0]))
    return TESSERA_EXIT_FAILED;
  g_autoptr (GVariant) reply = tessera_call_with_file ("Export", file.fd, NULL, &error);
  if (!tessera_file_finish (&file, reply != NULL))
    return reply != NULL ? TESSERA_EXIT_FAILED : tessera_command_fail_with (error);
  return TESSERA_EXIT_DONE;
}

static int
open_import (const char *path)
{
  int fd = g_str_equal (path, "-") ? dup (STDIN_FILENO) : open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    tessera_command_fail ("%s: %s", path, g_strerror (errno));
  return fd;
}

static int
run_import (char **words)
{
  g_autoptr (GError) error = NULL;
  guint64 clients = 0, users = 0;
  int fd = open_import (words[0]);

  if (fd < 0)
    return TESSERA_EXIT_FAILED;
  g_autoptr (GVariant) reply = tessera_call_with_file ("Import", fd, "(tt)", &error);
  close (fd);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_variant_get (reply, "(tt)", &clients, &users);
  tessera_output_done (
      json_pack ("{s:I, s:I}", "clients", (json_int_t) clients, "users", (json_int_t) users),
      "%" G_GUINT64_FORMAT " clients and %" G_GUINT64_FORMAT " users came.", clients, users);
  return TESSERA_EXIT_DONE;
}

const TesseraCommand tessera_export_command = {
  .name = "export",
  .words = "FILE",
  .summary = "Write down the clients and users that the service keeps",
  .completes = TESSERA_WORD_FILE,
  .run = run_export,
  .details
  = "FILE is new, or “-” for standard output: lines of JSON, with secrets as digests and "
    "passwords as\nhashes, which are worth guarding all the same. What files declare is not "
    "among them.\n\n"
    "Example:\n"
    "  tessera export clients-and-users",
};

const TesseraCommand tessera_import_command = {
  .name = "import",
  .words = "FILE",
  .summary = "Take over what another service exported: all of it, or nothing",
  .completes = TESSERA_WORD_FILE,
  .run = run_import,
  .details = "FILE may be “-” for standard input.\n\n"
             "Example:\n"
             "  tessera import clients-and-users",
};
