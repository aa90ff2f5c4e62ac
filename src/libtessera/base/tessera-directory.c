/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories whose names survive a power cut. */

#include "base/tessera-directory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

gboolean
tessera_directory_sync (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return FALSE;
  gboolean synced = fsync (fd) == 0;
  int number = errno;
  close (fd);
  errno = number;
  return synced;
}

gboolean
tessera_directory_make (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return TRUE;
  return g_mkdir_with_parents (path, 0700) == 0 && tessera_directory_sync (parent);
}
