/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disconnects clients of a SoupServer that are too slow with a request (RFC 9112 §9.5), by what its
 * public API tells of one. */
#include "server/tessera-soup-deadlines-private.h"

/* Of a connection; lies at its socket. */
typedef struct
{
  GSocket *socket; /* not referenced */
  GSource *timer;  /* or NULL */
  gboolean in_head;
  gboolean over;   /* the connection is no longer libsoup's */
  gboolean passed; /* it is disconnected */
  TesseraSoupDeadlines deadlines;
} Clock;

static GQuark
deadlines_quark (void)
{
  return g_quark_from_static_string ("tessera-soup-deadlines");
}

static GQuark
clock_quark (void)
{
  return g_quark_from_static_string ("tessera-soup-clock");
}

static void
stop (Clock *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

static void
clock_free (gpointer data)
{
  stop (data);
  g_free (data);
}

/* libsoup finds the end of the connection, and clears up itself. In the middle of a head there is
 * an answer still. */
static gboolean
on_late (gpointer data)
{
  Clock *self = data;
  g_autoptr (GSocket) socket = g_object_ref (self->socket);

  stop (self);
  self->passed = TRUE;
  g_socket_shutdown (socket, TRUE, !self->in_head, NULL);
  return G_SOURCE_REMOVE;
}

static void
start (Clock *self, guint ms)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  stop (self);
  if (self->over)
    return;
  self->timer = g_timeout_source_new (ms);
  g_source_set_callback (self->timer, on_late, self, NULL);
  g_source_attach (self->timer, context);
}

/* NULL: a connection without a socket, whose front door has its own deadlines. */
static Clock *
get_clock (SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);
  if (socket == NULL)
    return NULL;

  Clock *self = g_object_get_qdata (G_OBJECT (socket), clock_quark ());
  if (self == NULL)
    {
      self = g_new0 (Clock, 1);
      self->socket = socket;
      g_object_set_qdata_full (G_OBJECT (socket), clock_quark (), self, clock_free);
    }
  return self;
}

static void
on_got_headers (SoupServerMessage *message, gpointer data)
{
  Clock *clock = get_clock (message);
  if (clock == NULL)
    return;
  clock->in_head = FALSE;
  start (clock, clock->deadlines.body);
}

static void
on_got_body (SoupServerMessage *message, gpointer data)
{
  Clock *clock = get_clock (message);
  if (clock != NULL)
    stop (clock);
}

static void
on_finished (SoupServerMessage *message, gpointer data)
{
  Clock *clock = get_clock (message);
  if (clock == NULL)
    return;
  if (soup_server_message_get_status (message) == SOUP_STATUS_SWITCHING_PROTOCOLS)
    stop (clock);
  else
    start (clock, clock->deadlines.idle);
}

/* Closed, or stolen: after "finished", if there was one, but perhaps by another handler of
 * "got-headers" before ours. */
static void
on_disconnected (SoupServerMessage *message, gpointer data)
{
  Clock *clock = get_clock (message);
  if (clock == NULL)
    return;
  clock->over = TRUE;
  stop (clock);
}

static void
on_request_started (SoupServer *soup, SoupServerMessage *message, gpointer data)
{
  TesseraSoupDeadlines *deadlines = g_object_get_qdata (G_OBJECT (soup), deadlines_quark ());
  Clock *clock = get_clock (message);

  if (clock == NULL)
    return;
  clock->deadlines = *deadlines;
  clock->in_head = TRUE;
  start (clock, deadlines->head);
  g_signal_connect (message, "got-headers", G_CALLBACK (on_got_headers), NULL);
  g_signal_connect (message, "got-body", G_CALLBACK (on_got_body), NULL);
  g_signal_connect (message, "finished", G_CALLBACK (on_finished), NULL);
  g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), NULL);
}

gboolean
tessera_soup_deadlines_have_passed (SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);
  Clock *clock = socket != NULL ? g_object_get_qdata (G_OBJECT (socket), clock_quark ()) : NULL;

  return clock != NULL && clock->passed;
}

void
tessera_soup_deadlines_set (SoupServer *soup, const TesseraSoupDeadlines *deadlines)
{
  TesseraSoupDeadlines *mine = g_object_get_qdata (G_OBJECT (soup), deadlines_quark ());

  if (mine == NULL)
    {
      mine = g_new0 (TesseraSoupDeadlines, 1);
      g_object_set_qdata_full (G_OBJECT (soup), deadlines_quark (), mine, g_free);
      g_signal_connect (soup, "request-started", G_CALLBACK (on_request_started), NULL);
    }
  *mine = *deadlines;
}
