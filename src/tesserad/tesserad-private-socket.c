/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket on which `tessera` finds the service when there is no bus. The kernel says who
 * connects (SO_PEERCRED); whoever is neither root nor the user of the service is shown the door
 * before a byte is read. */

#include "tesserad-private-socket.h"

#include "tesserad-bus-driver.h"
#include "tesserad-listener.h"

#include <glib-unix.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define GREETING_SECONDS 10 /* for the authentication */
#define PAUSE_MS 100        /* after a failed accept */

struct _TesseradPrivateSocket
{
  TesseradControl *control; /* borrowed: owns us */
  TesseradListener *listener;
  TesseraDBusAuthority *authority;
  char *guid;
  GSource *source; /* of new connections, or of the pause before more of them */
  GPtrArray *peers;
};

/* One connection. */
typedef struct
{
  TesseradPrivateSocket *socket; /* NULL: closed; the greeting still has to come back */
  gboolean greeting;             /* under way */
  GCancellable *cancellable;     /* of the greeting */
  guint deadline;                /* of the greeting */
  GDBusConnection *connection;   /* NULL until it has been greeted */
  TesseraDBusExport *export;
} Peer;

static void
peer_free (Peer *self)
{
  g_clear_handle_id (&self->deadline, g_source_remove);
  g_clear_object (&self->cancellable);
  if (self->export != NULL)
    tessera_dbus_export_unexport (self->export);
  g_clear_object (&self->export);
  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      g_dbus_connection_close (self->connection, NULL, NULL, NULL);
    }
  g_clear_object (&self->connection);
  g_free (self);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  Peer *peer = data;

  g_ptr_array_remove_fast (peer->socket->peers, peer);
}

static gboolean
is_trusted (GCredentials *credentials)
{
  uid_t uid = credentials != NULL ? g_credentials_get_unix_user (credentials, NULL) : (uid_t) -1;

  return uid != (uid_t) -1 && (uid == 0 || uid == geteuid ());
}

static gboolean
on_allow_mechanism (GDBusAuthObserver *observer, const char *mechanism, gpointer data)
{
  return g_str_equal (mechanism, "EXTERNAL");
}

static gboolean
on_authorize (GDBusAuthObserver *observer,
              GIOStream *stream,
              GCredentials *credentials,
              gpointer data)
{
  return is_trusted (credentials);
}

static gboolean
serve (Peer *peer, GDBusConnection *connection, GError **error)
{
  peer->connection = g_object_ref (connection);
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), peer);
  peer->export
      = tesserad_control_export (peer->socket->control, connection, peer->socket->authority, error);
  if (peer->export == NULL || !tesserad_bus_driver_export (connection, error))
    return FALSE;
  g_dbus_connection_start_message_processing (connection);
  /* Who was gone before we could hear of it will not be heard of again. */
  if (!g_dbus_connection_is_closed (connection))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the connection has ended");
  return FALSE;
}

static void
on_greeted (GObject *source, GAsyncResult *result, gpointer data)
{
  Peer *peer = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_finish (result, &error);

  g_clear_handle_id (&peer->deadline, g_source_remove);
  peer->greeting = FALSE;
  if (peer->socket == NULL)
    {
      peer_free (peer);
      return;
    }
  if (connection == NULL || !serve (peer, connection, &error))
    {
      g_debug ("somebody at the socket of D-Bus was not let in: %s", error->message);
      g_ptr_array_remove_fast (peer->socket->peers, peer);
    }
}

static gboolean
on_deadline (gpointer data)
{
  Peer *peer = data;

  peer->deadline = 0;
  g_cancellable_cancel (peer->cancellable);
  return G_SOURCE_REMOVE;
}

static void
greet (TesseradPrivateSocket *self, GSocketConnection *stream)
{
  g_autoptr (GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
  Peer *peer = g_new0 (Peer, 1);

  peer->socket = self;
  peer->greeting = TRUE;
  peer->cancellable = g_cancellable_new ();
  peer->deadline = g_timeout_add_seconds (GREETING_SECONDS, on_deadline, peer);
  g_ptr_array_add (self->peers, peer);
  g_signal_connect (observer, "allow-mechanism", G_CALLBACK (on_allow_mechanism), NULL);
  g_signal_connect (observer, "authorize-authenticated-peer", G_CALLBACK (on_authorize), NULL);
  g_dbus_connection_new (G_IO_STREAM (stream), self->guid,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                             | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                         observer, peer->cancellable, on_greeted, peer);
}

static void
receive (TesseradPrivateSocket *self, GSocket *socket)
{
  g_autoptr (GCredentials) credentials = g_socket_get_credentials (socket, NULL);
  g_autoptr (GSocketConnection) stream = NULL;

  if (!is_trusted (credentials))
    {
      g_message ("dbus refused a connection: neither root nor the user of the service");
      return;
    }
  if (self->peers->len >= CONNECTIONS_MAX)
    {
      g_message ("dbus refused a connection: there are %d already", CONNECTIONS_MAX);
      return;
    }
  stream = g_socket_connection_factory_create_connection (socket);
  greet (self, stream);
}

static void accept_more (TesseradPrivateSocket *self);

static gboolean
on_rested (gpointer data)
{
  accept_more (data);
  return G_SOURCE_REMOVE;
}

static void
set_source (TesseradPrivateSocket *self, GSource *source)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  self->source = source;
  if (source != NULL)
    g_source_attach (source, NULL);
}

/* Out of descriptors, most likely: the same error would come again at once. */
static void
rest (TesseradPrivateSocket *self)
{
  GSource *source = g_timeout_source_new (PAUSE_MS);

  g_source_set_callback (source, on_rested, self, NULL);
  set_source (self, source);
}

static gboolean
on_incoming (GSocket *listening, GIOCondition condition, gpointer data)
{
  TesseradPrivateSocket *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_accept (listening, NULL, &error);

  if (socket != NULL)
    receive (self, socket);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    rest (self);
  return G_SOURCE_CONTINUE;
}

static void
accept_more (TesseradPrivateSocket *self)
{
  GSocket *socket = tesserad_listener_get_socket (self->listener);
  GSource *source = g_socket_create_source (socket, G_IO_IN, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (on_incoming), self, NULL);
  set_source (self, source);
}

/* One in its greeting frees itself when that comes back. */
static void
peer_drop (gpointer data)
{
  Peer *peer = data;

  if (!peer->greeting)
    {
      peer_free (peer);
      return;
    }
  peer->socket = NULL;
  g_clear_handle_id (&peer->deadline, g_source_remove);
  g_cancellable_cancel (peer->cancellable);
}

TesseradPrivateSocket *
tesserad_private_socket_open (const char *path, TesseradControl *control, GError **error)
{
  g_autoptr (TesseradPrivateSocket) self = g_new0 (TesseradPrivateSocket, 1);

  self->control = control;
  self->authority = tessera_dbus_credentials_authority_new ();
  self->guid = g_dbus_generate_guid ();
  self->peers = g_ptr_array_new_with_free_func (peer_drop);
  self->listener = tesserad_listener_open_private (path, error);
  if (self->listener == NULL)
    return NULL;
  g_socket_set_blocking (tesserad_listener_get_socket (self->listener), FALSE);
  accept_more (self);
  return g_steal_pointer (&self);
}

void
tesserad_private_socket_free (TesseradPrivateSocket *self)
{
  set_source (self, NULL);
  g_ptr_array_unref (self->peers);
  g_clear_pointer (&self->listener, tesserad_listener_free);
  g_clear_object (&self->authority);
  g_free (self->guid);
  g_free (self);
}
