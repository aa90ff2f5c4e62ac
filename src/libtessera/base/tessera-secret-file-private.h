/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"

G_BEGIN_DECLS

/* The one line of a file that nobody else can read: a regular one, of this user or root, mode 0600
 * or less. Released with tessera_secret_free(). TESSERA_SETUP_ERROR_KEY. */
char *tessera_secret_file_read (const char *path, GError **error);

G_END_DECLS
