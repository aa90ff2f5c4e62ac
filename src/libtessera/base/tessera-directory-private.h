/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The names in a directory are on the disk only once it was synced itself. */

/* FALSE: they may not be, and errno says why. */
gboolean tessera_directory_sync (const char *path);
/* For its owner alone, with what is missing above it; then its own name is on the disk too. Nothing
 * is done where there is one. FALSE with errno. */
gboolean tessera_directory_make (const char *path);

G_END_DECLS
