/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The bytes at the end of each page that SQLite leaves to us. */
#define TESSERA_CHECKED_VFS_RESERVE 8

/* A SQLite VFS over the default one, which is registered at the first call. Of a database whose
 * pages have TESSERA_CHECKED_VFS_RESERVE bytes in reserve, each page that reaches the file carries
 * a checksum, and one that does not fit what is read is SQLITE_IOERR_DATA. The log has checksums of
 * SQLite's own. */
const char *tessera_checked_vfs_get_name (void);

G_END_DECLS
