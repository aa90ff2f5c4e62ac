/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may do what on D-Bus; and the simplest answer: root, and whoever runs the program. */

#include "tessera-dbus-call-private.h"

#include <unistd.h>

G_DEFINE_INTERFACE (TesseraDBusAuthority, tessera_dbus_authority, G_TYPE_OBJECT)

static void
tessera_dbus_authority_default_init (TesseraDBusAuthorityInterface *iface)
{
}

/**
 * tessera_dbus_authority_check_async:
 * @self: an authority
 * @invocation: the call that was made
 * @action: what the caller wants to do, such as `revoke`
 * @cancellable: (nullable): cancelled when the caller goes away
 * @callback: (scope async): called with the answer
 * @user_data: for @callback
 *
 * Asks whether a caller may do something. The answer may take as long as a person does who is asked
 * for a password.
 */
void
tessera_dbus_authority_check_async (TesseraDBusAuthority *self,
                                    GDBusMethodInvocation *invocation,
                                    const char *action,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (TESSERA_DBUS_IS_AUTHORITY (self));
  TESSERA_DBUS_AUTHORITY_GET_IFACE (self)->check_async (self, invocation, action, cancellable,
                                                        callback, user_data);
}

/**
 * tessera_dbus_authority_check_finish:
 * @self: an authority
 * @result: the result given to the callback
 * @error: return location for an error, which is a refusal too
 *
 * Finishes [method@DBusAuthority.check_async].
 *
 * Returns: %TRUE if the caller may
 */
gboolean
tessera_dbus_authority_check_finish (TesseraDBusAuthority *self,
                                     GAsyncResult *result,
                                     GError **error)
{
  g_return_val_if_fail (TESSERA_DBUS_IS_AUTHORITY (self), FALSE);
  return TESSERA_DBUS_AUTHORITY_GET_IFACE (self)->check_finish (self, result, error);
}

/* By credentials */

#define TESSERA_DBUS_TYPE_CREDENTIALS_AUTHORITY (tessera_dbus_credentials_authority_get_type ())
G_DECLARE_FINAL_TYPE (TesseraDBusCredentialsAuthority,
                      tessera_dbus_credentials_authority,
                      TESSERA_DBUS,
                      CREDENTIALS_AUTHORITY,
                      GObject)

struct _TesseraDBusCredentialsAuthority
{
  GObject parent_instance;
};

static void credentials_iface_init (TesseraDBusAuthorityInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraDBusCredentialsAuthority,
                               tessera_dbus_credentials_authority,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_DBUS_TYPE_AUTHORITY,
                                                      credentials_iface_init))

const char *
tessera_dbus_get_sender (GDBusMethodInvocation *invocation)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (invocation);
  GDBusConnectionFlags flags = g_dbus_connection_get_flags (connection);

  if ((flags & G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION) == 0)
    return NULL;
  return g_dbus_method_invocation_get_sender (invocation);
}

static gboolean
is_trusted (guint32 uid)
{
  return uid == 0 || uid == geteuid ();
}

static void
on_uid (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  guint32 uid = G_MAXUINT32;

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_get (reply, "(u)", &uid);
  g_task_return_boolean (task, is_trusted (uid));
}

/* A bus tells who owns a name, and vouches for the sender of a message; behind a socket of our own
 * the kernel told who it is, and a sender is only what the peer wrote there. */
static void
credentials_check_async (TesseraDBusAuthority *self,
                         GDBusMethodInvocation *invocation,
                         const char *action,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (invocation);
  const char *sender = tessera_dbus_get_sender (invocation);
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  if (sender != NULL)
    {
      g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus", "GetConnectionUnixUser",
                              g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(u)"),
                              G_DBUS_CALL_FLAGS_NONE, -1, cancellable, on_uid, task);
      return;
    }
  GCredentials *credentials = g_dbus_connection_get_peer_credentials (connection);
  uid_t uid = credentials != NULL ? g_credentials_get_unix_user (credentials, NULL) : (uid_t) -1;
  g_task_return_boolean (task, uid != (uid_t) -1 && is_trusted (uid));
  g_object_unref (task);
}

static gboolean
credentials_check_finish (TesseraDBusAuthority *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
credentials_iface_init (TesseraDBusAuthorityInterface *iface)
{
  iface->check_async = credentials_check_async;
  iface->check_finish = credentials_check_finish;
}

static void
tessera_dbus_credentials_authority_class_init (TesseraDBusCredentialsAuthorityClass *klass)
{
}

static void
tessera_dbus_credentials_authority_init (TesseraDBusCredentialsAuthority *self)
{
}

/**
 * tessera_dbus_credentials_authority_new:
 *
 * Makes the authority for a bus without polkit, or a socket of the program's own: root and whoever
 * runs the program may do everything, others nothing.
 *
 * Returns: (transfer full): the authority
 */
TesseraDBusAuthority *
tessera_dbus_credentials_authority_new (void)
{
  return g_object_new (TESSERA_DBUS_TYPE_CREDENTIALS_AUTHORITY, NULL);
}
