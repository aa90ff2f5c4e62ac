/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new file for its owner alone, that is whole or not there. */

#include "tessera-file.h"

#include "tessera-command.h"
#include "tessera-input.h"

#include <errno.h>
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
  if (self->is_stdout)
    return whole;
  gboolean synced = !whole || fsync (self->fd) == 0;
  int reason = errno;
  gboolean closed = close (self->fd) == 0;
  if (whole && synced && closed)
    return TRUE;
  g_unlink (self->path);
  if (whole)
    tessera_command_fail ("%s: %s", self->path, g_strerror (synced ? errno : reason));
  return FALSE;
}
