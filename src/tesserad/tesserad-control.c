/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service on D-Bus: which ways in there are, and what is the same on all of them. */

#include "tesserad-control.h"

#include "tesserad-bus.h"
#include "tesserad-intake.h"
#include "tesserad-private-socket.h"

struct _TesseradControl
{
  TesseraServer *server;
  TesseradReload reload;
  gpointer data; /* of reload */
  TesseradPrivateSocket *socket;
  TesseradBus *bus; /* NULL: none */
};

static char *
on_reload (TesseraDBusExport *export, gpointer data)
{
  TesseradControl *self = data;

  return self->reload (self->data);
}

TesseraDBusExport *
tesserad_control_export (TesseradControl *self,
                         GDBusConnection *connection,
                         TesseraDBusAuthority *authority,
                         GError **error)
{
  TesseraDBusExport *export = NULL;

  tesserad_intake_guard (connection);
  export = tessera_dbus_export (self->server, connection, authority, error);
  if (export != NULL)
    g_signal_connect (export, "reload", G_CALLBACK (on_reload), self);
  return export;
}

void
tesserad_control_free (TesseradControl *self)
{
  g_clear_pointer (&self->bus, tesserad_bus_free);
  g_clear_pointer (&self->socket, tesserad_private_socket_free);
  g_clear_object (&self->server);
  g_free (self);
}

TesseradControl *
tesserad_control_new (const TesseradBusSettings *settings,
                      TesseraServer *server,
                      TesseradReload reload,
                      gpointer data,
                      GError **error)
{
  g_autoptr (TesseradControl) self = g_new0 (TesseradControl, 1);

  self->server = g_object_ref (server);
  self->reload = reload;
  self->data = data;
  self->socket = tesserad_private_socket_open (settings->socket, self, error);
  if (self->socket == NULL)
    return NULL;
  if (settings->kind != TESSERAD_BUS_NONE)
    self->bus = tesserad_bus_new (settings->kind, self);
  return g_steal_pointer (&self);
}
