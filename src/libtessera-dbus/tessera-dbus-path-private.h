/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "clients", "a/b" → "clients/a_2fb" below our root: escaped as sd_bus_path_encode(3) does. */
char *tessera_dbus_path_new (const char *kind, const char *id);
/* The last part of @path, unescaped; NULL when it is not escaped as it should be. */
char *tessera_dbus_path_dup_id (const char *path);
char *tessera_dbus_path_unescape (const char *part);

G_END_DECLS
