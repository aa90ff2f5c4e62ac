/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ends kept-alive connections that a libsoup before 3.3 forgot (facts.md "libsoup as a server"). A
 * forgotten one is held by the server's list alone: a live one has a message, whose it is too. Its
 * own signal "disconnected" is what takes it from that list. */

#include "server/tessera-soup-connections-private.h"

#define SWEEP_SECONDS 5
#define SWEEP_MIN 32 /* new connections between two sweeps, at least */

typedef struct
{
  guint users;
  GHashTable *connections; /* GObject*, not referenced */
  guint sweep_at;          /* so many connections are worth a sweep: its cost stays in proportion */
  GSource *timer;
} Watch;

/* The connection whose request-started is being emitted in this thread. */
static __thread GObject *current_connection;

/* Whose the next connection of this thread is, which is to be watched from its start. */
static __thread Watch *expecting;

static GQuark
watch_quark (void)
{
  return g_quark_from_static_string ("tessera-soup-connections");
}

static void
on_connection_gone (gpointer data, GObject *connection)
{
  Watch *self = data;
  g_hash_table_remove (self->connections, connection);
}

static void
watch_free (gpointer data)
{
  Watch *self = data;
  GHashTableIter iter;
  gpointer connection;

  g_hash_table_iter_init (&iter, self->connections);
  while (g_hash_table_iter_next (&iter, &connection, NULL))
    g_object_weak_unref (connection, on_connection_gone, self);
  g_hash_table_unref (self->connections);
  g_source_destroy (self->timer);
  g_source_unref (self->timer);
  g_free (self);
}

static void
sweep (Watch *self)
{
  g_autoptr (GPtrArray) forgotten = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->connections);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (g_atomic_int_get (&G_OBJECT (key)->ref_count) == 1)
      g_ptr_array_add (forgotten, key);
  for (guint i = 0; i < forgotten->len; i++)
    g_signal_emit_by_name (forgotten->pdata[i], "disconnected");
  self->sweep_at = 2 * g_hash_table_size (self->connections) + SWEEP_MIN;
}

static gboolean
on_timer (gpointer data)
{
  sweep (data);
  return G_SOURCE_CONTINUE;
}

static void
add (Watch *self, GObject *connection)
{
  if (!g_hash_table_add (self->connections, connection))
    return;
  g_object_weak_ref (connection, on_connection_gone, self);
  if (g_hash_table_size (self->connections) >= self->sweep_at)
    sweep (self);
}

static gboolean
on_connection_request (GSignalInvocationHint *hint,
                       guint n_params,
                       const GValue *params,
                       gpointer data)
{
  current_connection = g_value_get_object (&params[0]);
  if (expecting != NULL)
    add (g_steal_pointer (&expecting), current_connection);
  return TRUE;
}

/* The class is libsoup's own and known by name only, once a server has had a connection. The hook
 * stays: it costs nothing where nobody asks for the connection. FALSE: not yet. */
static gboolean
add_hook (void)
{
  static gsize added;
  GType type = g_type_from_name ("SoupServerConnection");

  if (type == 0 || !g_once_init_enter (&added))
    return type != 0;
  g_type_class_unref (g_type_class_ref (type));
  g_signal_add_emission_hook (g_signal_lookup ("request-started", type), 0, on_connection_request,
                              NULL, NULL);
  g_once_init_leave (&added, 1);
  return TRUE;
}

void
tessera_soup_connections_watch (SoupServer *soup)
{
  if (soup_check_version (3, 3, 0))
    return;
  Watch *self = g_object_get_qdata (G_OBJECT (soup), watch_quark ());
  if (self != NULL)
    {
      self->users++;
      return;
    }
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  self = g_new0 (Watch, 1);
  self->users = 1;
  self->connections = g_hash_table_new (NULL, NULL);
  self->sweep_at = SWEEP_MIN;
  self->timer = g_timeout_source_new_seconds (SWEEP_SECONDS);
  g_source_set_callback (self->timer, on_timer, self, NULL);
  g_source_attach (self->timer, context);
  g_object_set_qdata_full (G_OBJECT (soup), watch_quark (), self, watch_free);
  add_hook ();
}

void
tessera_soup_connections_unwatch (SoupServer *soup)
{
  Watch *self = g_object_get_qdata (G_OBJECT (soup), watch_quark ());
  if (self != NULL && --self->users == 0)
    g_object_set_qdata (G_OBJECT (soup), watch_quark (), NULL);
}

void
tessera_soup_connections_note (SoupServer *soup)
{
  Watch *self = g_object_get_qdata (G_OBJECT (soup), watch_quark ());
  GObject *connection = g_steal_pointer (&current_connection);

  if (self == NULL)
    return;
  if (connection == NULL)
    {
      add_hook ();
      return;
    }
  add (self, connection);
}

gboolean
tessera_soup_connections_expect (SoupServer *soup)
{
  if (soup_check_version (3, 3, 0))
    return TRUE;
  if (!add_hook ())
    return FALSE;
  expecting = g_object_get_qdata (G_OBJECT (soup), watch_quark ());
  return expecting != NULL;
}
