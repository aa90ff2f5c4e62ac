/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-bus-settings.h"

#include <tessera-dbus.h>

G_BEGIN_DECLS

/* Reads the configuration again; what was wrong, owned, or NULL. */
typedef char *(*TesseradReload) (gpointer data);

/* How the running service is controlled: on a bus, and on a socket of its own. */
typedef struct _TesseradControl TesseradControl;

/* Opens the socket; the bus comes when it comes. */
TesseradControl *tesserad_control_new (const TesseradBusSettings *settings,
                                       TesseraServer *server,
                                       TesseradReload reload,
                                       gpointer data,
                                       GError **error);
void tesserad_control_free (TesseradControl *self);

/* For both ways in: bounds what may wait on @connection, and serves on it. NULL with @error. */
TesseraDBusExport *tesserad_control_export (TesseradControl *self,
                                            GDBusConnection *connection,
                                            TesseraDBusAuthority *authority,
                                            GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradControl, tesserad_control_free)

G_END_DECLS
