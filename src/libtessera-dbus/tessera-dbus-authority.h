/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tessera.h>

G_BEGIN_DECLS

/* What a caller may want to do, a word each, and so a polkit action each. */
#define TESSERA_DBUS_ACTION_READ "read"
#define TESSERA_DBUS_ACTION_MANAGE_CLIENTS "manage-clients"
#define TESSERA_DBUS_ACTION_MANAGE_USERS "manage-users"
#define TESSERA_DBUS_ACTION_REVOKE "revoke"
#define TESSERA_DBUS_ACTION_MANAGE_KEYS "manage-keys"
#define TESSERA_DBUS_ACTION_REGISTER_AGENT "register-agent"
#define TESSERA_DBUS_ACTION_BACKUP "backup"
#define TESSERA_DBUS_ACTION_RELOAD "reload"
#define TESSERA_DBUS_ACTION_FOLLOW "follow-denylist"

#define TESSERA_DBUS_TYPE_AUTHORITY (tessera_dbus_authority_get_type ())
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (TesseraDBusAuthority, tessera_dbus_authority, TESSERA_DBUS, AUTHORITY, GObject)

/**
 * TesseraDBusAuthorityInterface:
 * @check_async: decides whether whoever sent @invocation may do @action, when it is known
 * @check_finish: %TRUE: may; %FALSE without @error: may not; an error is a refusal too
 *
 * Who decides what a caller on D-Bus may do.
 */
struct _TesseraDBusAuthorityInterface
{
  GTypeInterface parent_iface;

  void (*check_async) (TesseraDBusAuthority *self,
                       GDBusMethodInvocation *invocation,
                       const char *action,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data);
  gboolean (*check_finish) (TesseraDBusAuthority *self, GAsyncResult *result, GError **error);
};

TESSERA_AVAILABLE_IN_1_0
void tessera_dbus_authority_check_async (TesseraDBusAuthority *self,
                                         GDBusMethodInvocation *invocation,
                                         const char *action,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_dbus_authority_check_finish (TesseraDBusAuthority *self,
                                              GAsyncResult *result,
                                              GError **error);

/* Root and whoever runs the program may do everything, others nothing. */
TESSERA_AVAILABLE_IN_1_0
TesseraDBusAuthority *tessera_dbus_credentials_authority_new (void);

G_END_DECLS
