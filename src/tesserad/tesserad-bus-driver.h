/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* busctl and gdbus, given an address, expect a bus there and greet it. Answers on @connection, to a
 * peer, the little that they ask of one. */
gboolean tesserad_bus_driver_export (GDBusConnection *connection, GError **error);

G_END_DECLS
