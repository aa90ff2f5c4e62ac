/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A new file that the service writes into, or standard output. */
typedef struct
{
  const char *path;
  int fd;
  gboolean is_stdout;
} TesseraFile;

/* “-” is standard output, which must be no terminal. FALSE: said on stderr. */
gboolean tessera_file_create (TesseraFile *self, const char *path);
/* Synced and closed, or removed if not @whole. FALSE: it is not whole; a reason of its own was said
 * on stderr. */
gboolean tessera_file_finish (TesseraFile *self, gboolean whole);

/* Closes @fd, a new file at @path. It and its name are on the disk then, or, if not @whole or if
 * that cannot be, it is removed. FALSE: it is not there; unless it was not @whole, said on stderr.
 */
gboolean tessera_keep_file (int fd, const char *path, gboolean whole);

G_END_DECLS
