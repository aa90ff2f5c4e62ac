/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Before anybody serves on @connection: bounds what strangers can leave waiting there. A call that
 * is too large, carries too many descriptors or comes while too many others of its sender wait is
 * answered org.freedesktop.DBus.Error.LimitsExceeded and costs the main loop nothing. */
void tesserad_intake_guard (GDBusConnection *connection);

G_END_DECLS
