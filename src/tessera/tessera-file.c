/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new file for its owner alone, that is whole or not there. */

#include "tessera-file.h"

#include "tessera-command.h"
#include "tessera-input.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
tessera_file_create (TesseraFile *self, const char *path)
{
  self->path = path;
  self->is_stdout = g_str_equal (path, "-");
  self->fd = self->is_stdout ? STDOUT_FILENO : tessera_create_secret_file (path);
  if (!self->is_stdout || !isatty (STDOUT_FILENO))
    return self->fd >= 0;
  tessera_command_fail ("This is not for a terminal; give a file, or a pipe.");
  return FALSE;
}

gboolean
tessera_file_finish (TesseraFile *self, gboolean whole)
{
  return self->is_stdout ? whole : tessera_keep_file (self->fd, self->path, whole);
}

/* A name is on the disk only once its directory was synced. 0, or why not. */
static int
sync_name (const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int reason = 0;

  if (fd < 0)
    return errno;
  if (fsync (fd) != 0)
    reason = errno;
  close (fd);
  return reason;
}

gboolean
tessera_keep_file (int fd, const char *path, gboolean whole)
{
  int reason = 0;

  if (whole && fsync (fd) != 0)
    reason = errno;
  if (close (fd) != 0 && reason == 0)
    reason = errno;
  if (whole && reason == 0)
    reason = sync_name (path);
  if (whole && reason == 0)
    return TRUE;
  g_unlink (path);
  if (whole)
    tessera_command_fail ("%s: %s", path, g_strerror (reason));
  return FALSE;
}
