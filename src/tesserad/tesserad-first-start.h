/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes a configuration for a person's own service to @path, unless there is one: loopback, a port
 * that was free and stays the service's. */
gboolean tesserad_first_start (const char *path, GError **error);

G_END_DECLS
