/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-authority.h"

#include <tessera.h>

G_BEGIN_DECLS

#define TESSERA_DBUS_NAME "org.tessera.Tessera1"
#define TESSERA_DBUS_PATH "/org/tessera/Tessera1"

#define TESSERA_DBUS_TYPE_EXPORT (tessera_dbus_export_get_type ())
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraDBusExport, tessera_dbus_export, TESSERA_DBUS, EXPORT, GObject)

TESSERA_AVAILABLE_IN_1_0
TesseraDBusExport *tessera_dbus_export (TesseraServer *server,
                                        GDBusConnection *connection,
                                        TesseraDBusAuthority *authority,
                                        GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_dbus_export_unexport (TesseraDBusExport *self);

G_END_DECLS
