/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets servers in, a few at a time, and notices when there are none. */

#include "outbound-reception.h"

#include "outbound-desk.h"

#define DESKS_MAX 4
#define IDLE_SECONDS 30

struct _OutboundReception
{
  OutboundRules *rules;
  GSocket *listener; /* NULL: one server, and no other */
  GSource *accepting;
  GPtrArray *desks; /* OutboundDesk* */
  GSource *idle;    /* NULL: somebody is there */
  OutboundReceptionOver over;
  gpointer data;
};

static gboolean
on_idle (gpointer data)
{
  OutboundReception *self = data;

  self->over (self->data);
  return G_SOURCE_CONTINUE;
}

static void
stop_idle (OutboundReception *self)
{
  if (self->idle != NULL)
    g_source_destroy (self->idle);
  g_clear_pointer (&self->idle, g_source_unref);
}

/* A listening socket is somebody else's: systemd starts us anew when there is something to do. */
static void
start_idle (OutboundReception *self)
{
  stop_idle (self);
  self->idle = g_timeout_source_new_seconds (IDLE_SECONDS);
  g_source_set_callback (self->idle, on_idle, self, NULL);
  g_source_attach (self->idle, g_main_context_get_thread_default ());
}

static void
on_desk_closed (OutboundDesk *desk, gpointer data)
{
  OutboundReception *self = data;

  g_ptr_array_remove_fast (self->desks, desk);
  if (self->listener == NULL)
    self->over (self->data);
  else if (self->desks->len == 0)
    start_idle (self);
}

static void
open_desk (OutboundReception *self, GSocket *socket)
{
  stop_idle (self);
  g_ptr_array_add (self->desks, outbound_desk_new (socket, self->rules, on_desk_closed, self));
}

static gboolean
on_connection (GSocket *listener, GIOCondition condition, gpointer data)
{
  OutboundReception *self = data;
  g_autoptr (GSocket) socket = g_socket_accept (listener, NULL, NULL);

  if (socket != NULL && self->desks->len < DESKS_MAX)
    open_desk (self, socket);
  else if (socket != NULL)
    g_socket_close (socket, NULL);
  return G_SOURCE_CONTINUE;
}

static void
listen_on (OutboundReception *self, GSocket *socket)
{
  self->listener = g_object_ref (socket);
  g_socket_set_blocking (socket, FALSE);
  self->accepting = g_socket_create_source (socket, G_IO_IN, NULL);
  g_source_set_callback (self->accepting, G_SOURCE_FUNC (on_connection), self, NULL);
  g_source_attach (self->accepting, g_main_context_get_thread_default ());
  start_idle (self);
}

OutboundReception *
outbound_reception_new (GSocket *socket,
                        gboolean is_listening,
                        OutboundRules *rules,
                        OutboundReceptionOver over,
                        gpointer data)
{
  OutboundReception *self = g_new0 (OutboundReception, 1);

  self->rules = rules;
  self->desks = g_ptr_array_new_with_free_func ((GDestroyNotify) outbound_desk_free);
  self->over = over;
  self->data = data;
  if (is_listening)
    listen_on (self, socket);
  else
    open_desk (self, socket);
  return self;
}

void
outbound_reception_free (OutboundReception *self)
{
  stop_idle (self);
  if (self->accepting != NULL)
    g_source_destroy (self->accepting);
  g_clear_pointer (&self->accepting, g_source_unref);
  g_clear_object (&self->listener);
  g_ptr_array_unref (self->desks);
  g_free (self);
}
