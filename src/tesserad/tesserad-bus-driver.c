/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of org.freedesktop.DBus (D-Bus Specification, "Message Bus Messages") what a tool needs to speak
 * to a service that is alone on its socket: a name of its own, and to be told that matches are
 * fine; signals come to each connection anyway. */

#include "tesserad-bus-driver.h"

#define DRIVER_NAME "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"
#define UNIQUE_NAME ":1.1" /* of whoever is on the other end */

static const GDBusArgInfo name_arg = { -1, (char *) "name", (char *) "s", NULL };
static const GDBusArgInfo rule_arg = { -1, (char *) "rule", (char *) "s", NULL };
static const GDBusArgInfo *const name_args[] = { &name_arg, NULL };
static const GDBusArgInfo *const rule_args[] = { &rule_arg, NULL };

static const GDBusMethodInfo hello
    = { -1, (char *) "Hello", NULL, (GDBusArgInfo **) name_args, NULL };
static const GDBusMethodInfo add_match
    = { -1, (char *) "AddMatch", (GDBusArgInfo **) rule_args, NULL, NULL };
static const GDBusMethodInfo remove_match
    = { -1, (char *) "RemoveMatch", (GDBusArgInfo **) rule_args, NULL, NULL };
static const GDBusMethodInfo *const methods[] = { &hello, &add_match, &remove_match, NULL };

static const GDBusInterfaceInfo driver
    = { -1, (char *) DRIVER_NAME, (GDBusMethodInfo **) methods, NULL, NULL, NULL };

static void
on_call (GDBusConnection *connection,
         const char *sender,
         const char *path,
         const char *interface,
         const char *method,
         GVariant *parameters,
         GDBusMethodInvocation *invocation,
         gpointer data)
{
  GVariant *result = g_str_equal (method, "Hello") ? g_variant_new ("(s)", UNIQUE_NAME) : NULL;

  g_dbus_method_invocation_return_value (invocation, result);
}

gboolean
tesserad_bus_driver_export (GDBusConnection *connection, GError **error)
{
  static const GDBusInterfaceVTable vtable = { on_call, NULL, NULL, { NULL } };

  return g_dbus_connection_register_object (connection, DRIVER_PATH, (GDBusInterfaceInfo *) &driver,
                                            &vtable, NULL, NULL, error)
         != 0;
}
