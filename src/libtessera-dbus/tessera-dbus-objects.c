/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object manager of a server: manager, key ring and keys, deny-list; clients are too many for
 * it (design.md §9). */

#include "tessera-dbus-objects-private.h"

#include "tessera-dbus-path-private.h"

static const GDBusArgInfo managed_objects_arg
    = { -1, (char *) "objects", (char *) "a{oa{sa{sv}}}", NULL };
static const GDBusArgInfo *const get_managed_objects_out[] = { &managed_objects_arg, NULL };
static const GDBusMethodInfo get_managed_objects
    = { -1, (char *) "GetManagedObjects", NULL, (GDBusArgInfo **) get_managed_objects_out, NULL };
static const GDBusMethodInfo *const object_manager_methods[] = { &get_managed_objects, NULL };
static const GDBusArgInfo path_arg = { -1, (char *) "object", (char *) "o", NULL };
static const GDBusArgInfo added_arg = { -1, (char *) "interfaces", (char *) "a{sa{sv}}", NULL };
static const GDBusArgInfo removed_arg = { -1, (char *) "interfaces", (char *) "as", NULL };
static const GDBusArgInfo *const added_args[] = { &path_arg, &added_arg, NULL };
static const GDBusArgInfo *const removed_args[] = { &path_arg, &removed_arg, NULL };
static const GDBusSignalInfo added
    = { -1, (char *) "InterfacesAdded", (GDBusArgInfo **) added_args, NULL };
static const GDBusSignalInfo removed
    = { -1, (char *) "InterfacesRemoved", (GDBusArgInfo **) removed_args, NULL };
static const GDBusSignalInfo *const object_manager_signals[] = { &added, &removed, NULL };
static const GDBusInterfaceInfo info = { -1,
                                         (char *) "org.freedesktop.DBus.ObjectManager",
                                         (GDBusMethodInfo **) object_manager_methods,
                                         (GDBusSignalInfo **) object_manager_signals,
                                         NULL,
                                         NULL };

GVariant *
tessera_dbus_objects_describe_properties (TesseraDBusExport *self,
                                          const TesseraDBusInterface *interface,
                                          const char *id)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; interface->info->properties != NULL && interface->info->properties[i] != NULL;
       i++)
    {
      const char *name = interface->info->properties[i]->name;
      g_autoptr (GVariant) value = interface->get_property (self, id, name);
      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", name, value);
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
describe_object (TesseraDBusExport *self, const TesseraDBusInterface *interface, const char *id)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{sa{sv}}"));
  g_variant_builder_add (&builder, "{s@a{sv}}", interface->info->name,
                         tessera_dbus_objects_describe_properties (self, interface, id));
  return g_variant_builder_end (&builder);
}

static void
add_object (GVariantBuilder *objects,
            TesseraDBusExport *self,
            const char *path,
            const TesseraDBusInterface *interface,
            const char *id)
{
  g_variant_builder_add (objects, "{o@a{sa{sv}}}", path, describe_object (self, interface, id));
}

static GVariant *
describe_objects (TesseraDBusExport *self)
{
  GVariantBuilder objects;

  g_variant_builder_init (&objects, G_VARIANT_TYPE ("a{oa{sa{sv}}}"));
  add_object (&objects, self, TESSERA_DBUS_MANAGER_PATH, &tessera_dbus_manager, "manager");
  add_object (&objects, self, TESSERA_DBUS_KEYRING_PATH, &tessera_dbus_keyring, "keyring");
  add_object (&objects, self, TESSERA_DBUS_DENYLIST_PATH, &tessera_dbus_denylist, "denylist");
  for (guint i = 0; i < self->kids->len; i++)
    {
      g_autofree char *path = tessera_dbus_path_new ("keyring", self->kids->pdata[i]);
      add_object (&objects, self, path, &tessera_dbus_key, self->kids->pdata[i]);
    }
  return g_variant_builder_end (&objects);
}

static void
on_object_manager_call (GDBusConnection *connection,
                        const char *sender,
                        const char *path,
                        const char *interface_name,
                        const char *name,
                        GVariant *parameters,
                        GDBusMethodInvocation *invocation,
                        gpointer data)
{
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@a{oa{sa{sv}}})",
                                                                    describe_objects (data)));
}

static const GDBusInterfaceVTable vtable = { on_object_manager_call, NULL, NULL, { NULL } };

guint
tessera_dbus_objects_register (TesseraDBusExport *self, GError **error)
{
  return g_dbus_connection_register_object (self->connection, TESSERA_DBUS_PATH,
                                            (GDBusInterfaceInfo *) &info, &vtable, self, NULL,
                                            error);
}

void
tessera_dbus_objects_tell_added (TesseraDBusExport *self,
                                 const char *path,
                                 const TesseraDBusInterface *interface,
                                 const char *id)
{
  g_dbus_connection_emit_signal (
      self->connection, NULL, TESSERA_DBUS_PATH, info.name, "InterfacesAdded",
      g_variant_new ("(o@a{sa{sv}})", path, describe_object (self, interface, id)), NULL);
}

void
tessera_dbus_objects_tell_removed (TesseraDBusExport *self,
                                   const char *path,
                                   const TesseraDBusInterface *interface)
{
  const char *names[] = { interface->info->name, NULL };

  g_dbus_connection_emit_signal (self->connection, NULL, TESSERA_DBUS_PATH, info.name,
                                 "InterfacesRemoved", g_variant_new ("(o^as)", path, names), NULL);
}
