/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server's objects on one connection: which they are, and who answers for them (design.md §9). */

#include "tessera-dbus-call-private.h"
#include "tessera-dbus-interfaces.h"
#include "tessera-dbus-objects-private.h"
#include "tessera-dbus-path-private.h"

#include <string.h>

#define REVOKED "Revoked"
#define UNSENT_MS 20

/**
 * TesseraDBusExport:
 *
 * A server's objects on one connection.
 *
 * Signals follow what happens to the server until [method@DBusExport.unexport], or until the last
 * reference is dropped.
 */
enum
{
  SIGNAL_RELOAD,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TesseraDBusExport, tessera_dbus_export, G_TYPE_OBJECT)

/* Methods and properties of every interface go through these two. */

static const TesseraDBusMethod *
find_method (const TesseraDBusInterface *interface, const char *name)
{
  for (const TesseraDBusMethod *method = interface->methods; method->name != NULL; method++)
    if (strcmp (method->name, name) == 0)
      return method;
  return NULL;
}

static const TesseraDBusInterface *const interfaces[]
    = { &tessera_dbus_manager, &tessera_dbus_client, &tessera_dbus_keyring, &tessera_dbus_key,
        &tessera_dbus_denylist };

static const TesseraDBusInterface *
find_interface (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (interfaces); i++)
    if (strcmp (interfaces[i]->info->name, name) == 0)
      return interfaces[i];
  return NULL;
}

static void
on_method_call (GDBusConnection *connection,
                const char *sender,
                const char *path,
                const char *interface_name,
                const char *name,
                GVariant *parameters,
                GDBusMethodInvocation *invocation,
                gpointer data)
{
  const TesseraDBusInterface *interface = find_interface (interface_name);
  const TesseraDBusMethod *method = interface != NULL ? find_method (interface, name) : NULL;

  if (method != NULL)
    tessera_dbus_call_begin (data, method, invocation);
  else
    g_dbus_method_invocation_return_error_literal (invocation, G_DBUS_ERROR,
                                                   G_DBUS_ERROR_ACCESS_DENIED, "Not permitted");
}

static GVariant *
on_get_property (GDBusConnection *connection,
                 const char *sender,
                 const char *path,
                 const char *interface_name,
                 const char *name,
                 GError **error,
                 gpointer data)
{
  const TesseraDBusInterface *interface = find_interface (interface_name);
  g_autofree char *id = tessera_dbus_path_dup_id (path);
  GVariant *value = NULL;

  if (interface != NULL && interface->get_property != NULL && id != NULL)
    value = interface->get_property (data, id, name);
  if (value == NULL)
    g_set_error_literal (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT,
                         "There is no such object");
  return value;
}

static const GDBusInterfaceVTable vtable = { on_method_call, on_get_property, NULL, { NULL } };

/* Subtrees: an object a key, and one a client. */

typedef struct
{
  const TesseraDBusInterface *self;     /* of the root of the subtree, or NULL */
  const TesseraDBusInterface *children; /* of those below */
  gboolean (*exists) (TesseraDBusExport *export, const char *id);
} Subtree;

static gboolean
key_exists (TesseraDBusExport *self, const char *id)
{
  return g_ptr_array_find_with_equal_func (self->kids, id, g_str_equal, NULL);
}

static gboolean
client_exists (TesseraDBusExport *self, const char *id)
{
  g_autoptr (TesseraClient) client = tessera_server_lookup_client (self->server, id);
  return client != NULL;
}

static const Subtree keyring_subtree = { &tessera_dbus_keyring, &tessera_dbus_key, key_exists };
static const Subtree clients_subtree = { NULL, &tessera_dbus_client, client_exists };

/* GDBus gives the path of the subtree to some callbacks, and that of the node to others. */
static const Subtree *
get_subtree (const char *path)
{
  return g_str_has_prefix (path, TESSERA_DBUS_KEYRING_PATH) ? &keyring_subtree : &clients_subtree;
}

static const TesseraDBusInterface *
find_in_subtree (TesseraDBusExport *self, const char *path, const char *node)
{
  const Subtree *subtree = get_subtree (path);

  if (node == NULL)
    return subtree->self;
  g_autofree char *id = tessera_dbus_path_unescape (node);
  return id != NULL && subtree->exists (self, id) ? subtree->children : NULL;
}

static char **
on_enumerate (GDBusConnection *connection, const char *sender, const char *path, gpointer data)
{
  TesseraDBusExport *self = data;
  g_autoptr (GStrvBuilder) nodes = g_strv_builder_new ();

  for (guint i = 0; g_str_equal (path, TESSERA_DBUS_KEYRING_PATH) && i < self->kids->len; i++)
    {
      g_autofree char *key_path = tessera_dbus_path_new ("keyring", self->kids->pdata[i]);
      g_strv_builder_add (nodes, strrchr (key_path, '/') + 1);
    }
  return g_strv_builder_end (nodes);
}

static GDBusInterfaceInfo **
on_introspect (GDBusConnection *connection,
               const char *sender,
               const char *path,
               const char *node,
               gpointer data)
{
  const TesseraDBusInterface *interface = find_in_subtree (data, path, node);

  if (interface == NULL)
    return NULL;
  GDBusInterfaceInfo **infos = g_new0 (GDBusInterfaceInfo *, 2);
  infos[0] = g_dbus_interface_info_ref ((GDBusInterfaceInfo *) interface->info);
  return infos;
}

static const GDBusInterfaceVTable *
on_dispatch (GDBusConnection *connection,
             const char *sender,
             const char *path,
             const char *interface_name,
             const char *node,
             gpointer *out_data,
             gpointer data)
{
  *out_data = data;
  return find_in_subtree (data, path, node) != NULL ? &vtable : NULL;
}

static const GDBusSubtreeVTable subtree_vtable
    = { on_enumerate, on_introspect, on_dispatch, { NULL } };

/* What happens to the server. */

static void
emit (TesseraDBusExport *self,
      const char *path,
      const char *interface,
      const char *name,
      GVariant *floating)
{
  g_dbus_connection_emit_signal (self->connection, NULL, path, interface, name, floating, NULL);
}

static void
emit_changed (TesseraDBusExport *self,
              const char *path,
              const TesseraDBusInterface *interface,
              const char *id)
{
  emit (self, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        g_variant_new ("(s@a{sv}as)", interface->info->name,
                       tessera_dbus_objects_describe_properties (self, interface, id), NULL));
}

static void tell_revoked_later (TesseraDBusExport *self, guint milliseconds);

/* One signal a turn of the loop, however many entries it brought; and none before the last one is
 * on its way: GDBus keeps all that a stopped program does not read. */
static gboolean
on_tell_revoked (gpointer data)
{
  TesseraDBusExport *self = data;
  guint64 generation = tessera_server_get_generation (self->server);

  g_clear_pointer (&self->tell, g_source_unref);
  if (g_dbus_connection_is_closed (self->connection))
    return G_SOURCE_REMOVE;
  if (!g_atomic_int_compare_and_exchange (self->unsent, 0, 1))
    {
      tell_revoked_later (self, UNSENT_MS);
      return G_SOURCE_REMOVE;
    }
  emit (self, TESSERA_DBUS_MANAGER_PATH, tessera_dbus_manager.info->name, REVOKED,
        g_variant_new ("(tu)", generation, self->revoked));
  self->revoked = 0;
  emit (self, TESSERA_DBUS_DENYLIST_PATH, tessera_dbus_denylist.info->name, "Changed",
        g_variant_new ("(t)", generation));
  emit_changed (self, TESSERA_DBUS_DENYLIST_PATH, &tessera_dbus_denylist, "denylist");
  return G_SOURCE_REMOVE;
}

static void
tell_revoked_later (TesseraDBusExport *self, guint milliseconds)
{
  self->tell = milliseconds > 0 ? g_timeout_source_new (milliseconds) : g_idle_source_new ();
  g_source_set_priority (self->tell, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->tell, on_tell_revoked, self, NULL);
  g_source_attach (self->tell, g_main_context_get_thread_default ());
}

/* On the thread that writes, just before it does. */
static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  if (!incoming && g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_SIGNAL
      && g_strcmp0 (g_dbus_message_get_member (message), REVOKED) == 0
      && g_strcmp0 (g_dbus_message_get_path (message), TESSERA_DBUS_MANAGER_PATH) == 0)
    g_atomic_int_set ((int *) data, 0);
  return message;
}

static void
on_after_revoke_token (TesseraServer *server, TesseraRevocation *revocation, gpointer data)
{
  TesseraDBusExport *self = data;

  if (!tessera_revocation_get_revoked (revocation))
    return;
  self->revoked++;
  if (self->tell == NULL)
    tell_revoked_later (self, 0);
}

static GPtrArray *
list_kids (TesseraServer *server)
{
  GPtrArray *kids = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) keys = tessera_server_list_keys (server);

  for (guint i = 0; keys[i] != NULL; i++)
    g_ptr_array_add (kids, g_strndup (keys[i], strcspn (keys[i], " ")));
  return kids;
}

static void
tell_key (TesseraDBusExport *self, const char *kid, gboolean is_new)
{
  g_autofree char *path = tessera_dbus_path_new ("keyring", kid);

  if (is_new)
    tessera_dbus_objects_tell_added (self, path, &tessera_dbus_key, kid);
  else
    emit_changed (self, path, &tessera_dbus_key, kid);
}

static void
tell_key_gone (TesseraDBusExport *self, const char *kid)
{
  g_autofree char *path = tessera_dbus_path_new ("keyring", kid);

  tessera_dbus_objects_tell_removed (self, path, &tessera_dbus_key);
}

static void
on_keys_changed (TesseraServer *server, gpointer data)
{
  TesseraDBusExport *self = data;
  g_autoptr (GPtrArray) before = g_steal_pointer (&self->kids);

  self->kids = list_kids (self->server);
  if (self->registrations->len == 0)
    return;
  for (guint i = 0; i < self->kids->len; i++)
    tell_key (self, self->kids->pdata[i],
              !g_ptr_array_find_with_equal_func (before, self->kids->pdata[i], g_str_equal, NULL));
  for (guint i = 0; i < before->len; i++)
    if (!g_ptr_array_find_with_equal_func (self->kids, before->pdata[i], g_str_equal, NULL))
      tell_key_gone (self, before->pdata[i]);
}

gboolean
tessera_dbus_export_reload (TesseraDBusExport *self, GError **error)
{
  g_autofree char *problem = NULL;
  /* Of an export that ended, whoever heard may be gone. */
  gboolean heard = self->registrations->len > 0
                   && g_signal_has_handler_pending (self, signals[SIGNAL_RELOAD], 0, FALSE);

  if (heard)
    g_signal_emit (self, signals[SIGNAL_RELOAD], 0, &problem);
  if (heard && problem == NULL)
    return TRUE;
  g_set_error_literal (error, G_DBUS_ERROR,
                       heard ? G_DBUS_ERROR_FAILED : G_DBUS_ERROR_NOT_SUPPORTED,
                       heard ? problem : "There is nothing to reload");
  return FALSE;
}

/* Coming and going */

static gboolean
add_registration (TesseraDBusExport *self, guint id)
{
  if (id != 0)
    g_array_append_val (self->registrations, id);
  return id != 0;
}

static gboolean
register_object (TesseraDBusExport *self,
                 const char *path,
                 const TesseraDBusInterface *interface,
                 GError **error)
{
  return add_registration (self, g_dbus_connection_register_object (
                                     self->connection, path, (GDBusInterfaceInfo *) interface->info,
                                     &vtable, self, NULL, error));
}

static gboolean
register_subtree (TesseraDBusExport *self, const char *path, GError **error)
{
  guint id
      = g_dbus_connection_register_subtree (self->connection, path, &subtree_vtable,
                                            G_DBUS_SUBTREE_FLAGS_DISPATCH_TO_UNENUMERATED_NODES,
                                            self, NULL, error);

  if (id != 0)
    g_array_append_val (self->subtrees, id);
  return id != 0;
}

static gboolean
register_all (TesseraDBusExport *self, GError **error)
{
  return add_registration (self, tessera_dbus_objects_register (self, error))
         && register_object (self, TESSERA_DBUS_MANAGER_PATH, &tessera_dbus_manager, error)
         && register_object (self, TESSERA_DBUS_DENYLIST_PATH, &tessera_dbus_denylist, error)
         && register_subtree (self, TESSERA_DBUS_KEYRING_PATH, error)
         && register_subtree (self, TESSERA_DBUS_CLIENTS_PATH, error);
}

/**
 * tessera_dbus_export:
 * @server: a server
 * @connection: a bus, or a peer
 * @authority: (nullable): who decides what callers may do, or %NULL for root and whoever runs the
 *   program
 * @error: return location for an error
 *
 * Lets programs on @connection control a server, below the path `/org/tessera/Tessera1`.
 *
 * Errors: %G_IO_ERROR_EXISTS when a server is exported there already.
 *
 * Returns: (transfer full): the export, which lasts until it is dropped
 */
TesseraDBusExport *
tessera_dbus_export (TesseraServer *server,
                     GDBusConnection *connection,
                     TesseraDBusAuthority *authority,
                     GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (server), NULL);
  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);

  g_autoptr (TesseraDBusExport) self = g_object_new (TESSERA_DBUS_TYPE_EXPORT, NULL);
  self->server = g_object_ref (server);
  self->connection = g_object_ref (connection);
  self->authority
      = authority != NULL ? g_object_ref (authority) : tessera_dbus_credentials_authority_new ();
  self->agents = tessera_dbus_agents_hold (server);
  self->kids = list_kids (server);
  if (!register_all (self, error))
    return NULL;
  self->filter = g_dbus_connection_add_filter (connection, on_message,
                                               g_atomic_rc_box_acquire (self->unsent),
                                               g_atomic_rc_box_release);
  g_signal_connect_object (server, "after-revoke-token", G_CALLBACK (on_after_revoke_token), self,
                           G_CONNECT_DEFAULT);
  g_signal_connect_object (server, "ready", G_CALLBACK (on_keys_changed), self, G_CONNECT_DEFAULT);
  g_signal_connect_object (server, "keys-changed", G_CALLBACK (on_keys_changed), self,
                           G_CONNECT_DEFAULT);
  return g_steal_pointer (&self);
}

/**
 * tessera_dbus_export_unexport:
 * @self: an export
 *
 * Takes the objects off the connection. Calls under way are still answered; programs on the
 * connection that decide logins are told that they are not needed any more.
 */
void
tessera_dbus_export_unexport (TesseraDBusExport *self)
{
  g_return_if_fail (TESSERA_DBUS_IS_EXPORT (self));

  for (guint i = 0; i < self->registrations->len; i++)
    g_dbus_connection_unregister_object (self->connection,
                                         g_array_index (self->registrations, guint, i));
  for (guint i = 0; i < self->subtrees->len; i++)
    g_dbus_connection_unregister_subtree (self->connection,
                                          g_array_index (self->subtrees, guint, i));
  g_array_set_size (self->registrations, 0);
  g_array_set_size (self->subtrees, 0);
  if (self->filter != 0)
    g_dbus_connection_remove_filter (self->connection, self->filter);
  self->filter = 0;
  if (self->tell != NULL)
    g_source_destroy (self->tell);
  g_clear_pointer (&self->tell, g_source_unref);
  g_signal_handlers_disconnect_by_data (self->server, self);
  tessera_dbus_agents_leave (self->agents, self->connection);
}

static void
tessera_dbus_export_dispose (GObject *object)
{
  TesseraDBusExport *self = TESSERA_DBUS_EXPORT (object);

  if (self->server != NULL)
    tessera_dbus_export_unexport (self);
  g_clear_pointer (&self->agents, tessera_dbus_agents_unref);
  g_clear_object (&self->server);
  g_clear_object (&self->connection);
  g_clear_object (&self->authority);
  G_OBJECT_CLASS (tessera_dbus_export_parent_class)->dispose (object);
}

static void
tessera_dbus_export_finalize (GObject *object)
{
  TesseraDBusExport *self = TESSERA_DBUS_EXPORT (object);

  g_clear_pointer (&self->kids, g_ptr_array_unref);
  g_array_unref (self->registrations);
  g_array_unref (self->subtrees);
  g_atomic_rc_box_release (self->unsent);
  G_OBJECT_CLASS (tessera_dbus_export_parent_class)->finalize (object);
}

static void
tessera_dbus_export_class_init (TesseraDBusExportClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tessera_dbus_export_dispose;
  G_OBJECT_CLASS (klass)->finalize = tessera_dbus_export_finalize;

  /**
   * TesseraDBusExport::reload:
   * @self: the export
   *
   * Somebody who may do so asks the program to read its configuration again.
   *
   * Returns: (transfer full) (nullable): what was wrong, or %NULL when it is in force
   */
  signals[SIGNAL_RELOAD] = g_signal_new ("reload", TESSERA_DBUS_TYPE_EXPORT, G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, NULL, G_TYPE_STRING, 0);
}

static void
tessera_dbus_export_init (TesseraDBusExport *self)
{
  self->registrations = g_array_new (FALSE, FALSE, sizeof (guint));
  self->subtrees = g_array_new (FALSE, FALSE, sizeof (guint));
  self->unsent = g_atomic_rc_box_new0 (int);
}
