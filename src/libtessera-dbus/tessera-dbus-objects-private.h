/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-export-private.h"

G_BEGIN_DECLS

#define TESSERA_DBUS_MANAGER_PATH TESSERA_DBUS_PATH "/manager"
#define TESSERA_DBUS_KEYRING_PATH TESSERA_DBUS_PATH "/keyring"
#define TESSERA_DBUS_DENYLIST_PATH TESSERA_DBUS_PATH "/denylist"
#define TESSERA_DBUS_CLIENTS_PATH TESSERA_DBUS_PATH "/clients"

/* The object manager; 0 with @error. */
guint tessera_dbus_objects_register (TesseraDBusExport *self, GError **error);
/* a{sv}, floating: all properties of an object. */
GVariant *tessera_dbus_objects_describe_properties (TesseraDBusExport *self,
                                                    const TesseraDBusInterface *interface,
                                                    const char *id);
void tessera_dbus_objects_tell_added (TesseraDBusExport *self,
                                      const char *path,
                                      const TesseraDBusInterface *interface,
                                      const char *id);
void tessera_dbus_objects_tell_removed (TesseraDBusExport *self,
                                        const char *path,
                                        const TesseraDBusInterface *interface);

G_END_DECLS
