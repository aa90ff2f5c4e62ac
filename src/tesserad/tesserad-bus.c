/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connects to a bus, serves there and owns the name; begins anew whenever that ends. */

#include "tesserad-bus.h"

#include "tesserad-polkit-authority.h"

#define FIRST_RETRY_MS 500
#define LAST_RETRY_MS (60 * 1000)

struct _TesseradBus
{
  TesseradBusKind kind;
  TesseradControl *control; /* borrowed: owns us */
  TesseraDBusAuthority *authority;
  GCancellable *cancellable; /* of connecting */
  GDBusConnection *connection;
  TesseraDBusExport *export;
  guint name;     /* of g_bus_own_name_on_connection() */
  gboolean owned; /* the name */
  guint retry;
  guint retry_ms;
};

static void connect_to_bus (TesseradBus *self);

static const char *
describe (TesseradBus *self)
{
  return self->kind == TESSERAD_BUS_SYSTEM ? "the system bus" : "the session bus";
}

static void
leave (TesseradBus *self)
{
  g_clear_handle_id (&self->name, g_bus_unown_name);
  self->owned = FALSE;
  if (self->export != NULL)
    tessera_dbus_export_unexport (self->export);
  g_clear_object (&self->export);
  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      g_dbus_connection_close (self->connection, NULL, NULL, NULL);
    }
  g_clear_object (&self->connection);
}

static gboolean
on_retry (gpointer data)
{
  TesseradBus *self = data;

  self->retry = 0;
  leave (self);
  connect_to_bus (self);
  return G_SOURCE_REMOVE;
}

/* Said once for each time that it worked before. */
static void
retry_later (TesseradBus *self, const char *problem)
{
  if (self->retry != 0)
    return;
  if (self->retry_ms == FIRST_RETRY_MS)
    g_warning ("not on %s as %s: %s; it will be tried again, and the rest of the service goes on",
               describe (self), TESSERA_DBUS_NAME, problem);
  self->retry = g_timeout_add (self->retry_ms, on_retry, self);
  self->retry_ms = MIN (2 * self->retry_ms, LAST_RETRY_MS);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  TesseradBus *self = data;

  leave (self);
  retry_later (self, error != NULL ? error->message : "the bus has closed the connection");
}

static void
on_name_acquired (GDBusConnection *connection, const char *name, gpointer data)
{
  TesseradBus *self = data;

  self->owned = TRUE;
  self->retry_ms = FIRST_RETRY_MS;
  g_clear_handle_id (&self->retry, g_source_remove);
  g_message ("on %s as %s", describe (self), name);
}

/* In the queue behind another owner, or refused by the bus's policy: which of them, nobody says. */
static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer data)
{
  TesseradBus *self = data;
  gboolean owned = self->owned;

  self->owned = FALSE;
  if (connection != NULL) /* else on_closed */
    retry_later (self, owned ? "another program took the name"
                             : "another program has the name, or the bus does not allow it");
}

static gboolean
enter (TesseradBus *self, GDBusConnection *connection, GError **error)
{
  self->connection = g_object_ref (connection);
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  self->export = tesserad_control_export (self->control, connection, self->authority, error);
  if (self->export == NULL)
    return FALSE;
  if (g_dbus_connection_is_closed (connection)) /* before we could hear of it */
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the connection has ended");
      return FALSE;
    }
  /* Calls for the name come when all is there that they are for. */
  self->name
      = g_bus_own_name_on_connection (connection, TESSERA_DBUS_NAME, G_BUS_NAME_OWNER_FLAGS_NONE,
                                      on_name_acquired, on_name_lost, self, NULL);
  return TRUE;
}

/* Once connecting has come back, too. */
static void
bus_finalize (gpointer data)
{
  TesseradBus *self = data;

  g_clear_object (&self->authority);
  g_clear_object (&self->cancellable);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection
      = g_dbus_connection_new_for_address_finish (result, &error);
  TesseradBus *self = data;
  gboolean gone = g_cancellable_is_cancelled (self->cancellable);

  if (!gone && (connection == NULL || !enter (self, connection, &error)))
    {
      leave (self);
      retry_later (self, error->message);
    }
  g_rc_box_release_full (self, bus_finalize);
}

static void
connect_to_bus (TesseradBus *self)
{
  GBusType type = self->kind == TESSERAD_BUS_SYSTEM ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION;
  g_autoptr (GError) error = NULL;
  g_autofree char *address = g_dbus_address_get_for_bus_sync (type, NULL, &error);

  if (address == NULL)
    {
      retry_later (self, error->message);
      return;
    }
  g_dbus_connection_new_for_address (address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                         | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, self->cancellable, on_connected,
                                     g_rc_box_acquire (self));
}

TesseradBus *
tesserad_bus_new (TesseradBusKind kind, TesseradControl *control)
{
  TesseradBus *self = g_rc_box_new0 (TesseradBus);

  self->kind = kind;
  self->control = control;
  self->authority = kind == TESSERAD_BUS_SYSTEM ? tesserad_polkit_authority_new ()
                                                : tessera_dbus_credentials_authority_new ();
  self->cancellable = g_cancellable_new ();
  self->retry_ms = FIRST_RETRY_MS;
  connect_to_bus (self);
  return self;
}

void
tesserad_bus_free (TesseradBus *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->retry, g_source_remove);
  leave (self);
  g_rc_box_release_full (self, bus_finalize);
}
