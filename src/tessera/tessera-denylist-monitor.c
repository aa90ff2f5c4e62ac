/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera denylist monitor: a signal wakes, Changes () tells, so that nothing is missed (design.md
 * §5, §9). */

#include "tessera-denylist.h"

#include "tessera-command.h"

#include <glib-unix.h>

#define RETRY_FIRST 100 /* milliseconds, doubled up to RETRY_LAST */
#define RETRY_LAST 3200
#define LOST_SIGNALS 300 /* seconds until it looks without having been told to */

static gint64 option_since = -1;

const GOptionEntry tessera_denylist_monitor_entries[] = {
  { "since", 0, 0, G_OPTION_ARG_INT64, &option_since,
    "Begin behind this generation (0: with all there is; default: with what comes)", "GENERATION" },
  { NULL },
};

typedef struct
{
  GMainLoop *loop;
  TesseraService *service; /* NULL: it is away */
  gulong on_closed;
  guint subscription;
  guint name_watch;
  guint retry;       /* source */
  guint retry_delay; /* milliseconds */
  guint64 cursor;
  gboolean has_cursor;
  gboolean has_begun; /* the service was there once */
  gboolean has_title;
  int status;
} Monitor;

static void begin (Monitor *self);

static void
stop (Monitor *self, int status)
{
  self->status = status;
  g_main_loop_quit (self->loop);
}

/* Saying */

static gint64
get_seconds (json_t *entry, const char *member)
{
  return (gint64) json_integer_value (json_object_get (entry, member)) / 1000;
}

static void
say_entry (Monitor *self, json_t *entry)
{
  if (tessera_options.json)
    {
      tessera_output_json (json_incref (entry), TRUE);
      return;
    }
  g_autofree char *until = tessera_format_time (get_seconds (entry, "until_ms"), FALSE);
  g_autofree char *expires = tessera_format_time (get_seconds (entry, "expires_ms"), FALSE);
  if (!self->has_title)
    tessera_output_line ("%10s  %-14s  %-36s  %-25s  %s", "GENERATION", "KIND", "VALUE",
                         "REFUSES ISSUED UNTIL", "FORGOTTEN AT");
  self->has_title = TRUE;
  tessera_output_line ("%10" G_GINT64_FORMAT "  %-14s  %-36s  %-25s  %s",
                       (gint64) json_integer_value (json_object_get (entry, "generation")),
                       json_string_value (json_object_get (entry, "kind")),
                       json_string_value (json_object_get (entry, "value")), until, expires);
}

static void
say_page (Monitor *self, TesseraDenyListPage *page)
{
  json_t *entry = NULL;
  size_t i = 0;

  if (page->reset)
    tessera_remark ("The list begins anew: the service has another past than it had.");
  json_array_foreach (page->entries, i, entry)
    say_entry (self, entry);
  self->cursor = page->cursor;
  json_decref (page->entries);
}

/* Reading */

static void lose_service (Monitor *self);

static gboolean
on_retry (gpointer data)
{
  Monitor *self = data;

  self->retry = 0;
  begin (self);
  return G_SOURCE_REMOVE;
}

static void
try_later (Monitor *self)
{
  if (self->retry != 0)
    return;
  self->retry = g_timeout_add (self->retry_delay, on_retry, self);
  self->retry_delay = MIN (self->retry_delay * 2, RETRY_LAST);
}

/* All that is behind the cursor. A service that just stopped comes again; one that says no does
 * not change its mind. */
static void
catch_up (Monitor *self)
{
  g_autoptr (GError) error = NULL;
  TesseraDenyListPage page = { 0 };
  size_t n_entries = 0;

  do
    {
      if (!tessera_denylist_read (self->service, self->cursor, &page, &error))
        {
          if (tessera_service_get_exit_code (error) == TESSERA_EXIT_NOT_PERMITTED)
            stop (self, tessera_command_fail_with (error));
          else
            lose_service (self);
          return;
        }
      n_entries = json_array_size (page.entries);
      say_page (self, &page);
      if (!tessera_output_flush ())
        {
          stop (self, TESSERA_EXIT_FAILED);
          return;
        }
    }
  while (n_entries > 0);
  self->retry_delay = RETRY_FIRST;
}

static void
on_changed (GDBusConnection *connection,
            const char *sender,
            const char *path,
            const char *interface,
            const char *signal,
            GVariant *parameters,
            gpointer data)
{
  Monitor *self = data;

  if (self->service != NULL)
    catch_up (self);
}

/* Coming and going */

static void
release_service (Monitor *self)
{
  GDBusConnection *connection = NULL;

  if (self->service == NULL)
    return;
  connection = tessera_service_get_connection (self->service);
  g_clear_signal_handler (&self->on_closed, connection);
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (connection, self->subscription);
  self->subscription = 0;
  g_clear_handle_id (&self->name_watch, g_bus_unwatch_name);
  g_clear_pointer (&self->service, tessera_service_free);
}

static void
lose_service (Monitor *self)
{
  if (self->service != NULL)
    tessera_remark ("The service went away; waiting for it.");
  release_service (self);
  try_later (self);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  lose_service (data);
}

static void
on_name_vanished (GDBusConnection *connection, const char *name, gpointer data)
{
  lose_service (data);
}

static void
watch_service (Monitor *self)
{
  GDBusConnection *connection = tessera_service_get_connection (self->service);
  const char *name = tessera_service_get_bus_name (self->service);

  /* GDBus prints a critical about it; the reading that follows fails, and is tried again. */
  if (g_dbus_connection_is_closed (connection))
    return;
  self->on_closed = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  /* GDBus compares the sender with the owner of the name, so that no other can wake us. */
  self->subscription
      = g_dbus_connection_signal_subscribe (connection, name, "org.tessera.Tessera1.DenyList",
                                            "Changed", TESSERA_SERVICE_DENYLIST, NULL,
                                            G_DBUS_SIGNAL_FLAGS_NONE, on_changed, self, NULL);
  if (name != NULL)
    self->name_watch
        = g_bus_watch_name_on_connection (connection, name, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                          on_name_vanished, self, NULL);
}

static gboolean
read_cursor (Monitor *self, GError **error)
{
  g_autoptr (GVariant) reply = tessera_service_call (
      self->service, TESSERA_SERVICE_DENYLIST, TESSERA_SERVICE_PROPERTIES, "Get",
      g_variant_new ("(ss)", "org.tessera.Tessera1.DenyList", "Cursor"), "(v)", error);
  g_autoptr (GVariant) value = NULL;

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(v)", &value);
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "The service did not say where its list ends.");
      return FALSE;
    }
  self->cursor = g_variant_get_uint64 (value);
  self->has_cursor = TRUE;
  return TRUE;
}

/* Signals are subscribed to before the list is read: what comes between is read twice, not missed.
 * A service that somebody stopped is not started again. */
static void
begin (Monitor *self)
{
  g_autoptr (GError) error = NULL;

  self->service = tessera_service_open (!self->has_begun, &error);
  if (self->service != NULL)
    watch_service (self);
  if (self->service != NULL && !self->has_cursor && !read_cursor (self, &error))
    release_service (self);
  if (self->service == NULL && !self->has_begun)
    stop (self, tessera_command_fail_with (error));
  else if (self->service == NULL)
    try_later (self);
  else
    {
      self->has_begun = TRUE;
      catch_up (self);
    }
}

/* In case a signal was lost on its way. */
static gboolean
on_lost_signals (gpointer data)
{
  Monitor *self = data;

  if (self->service != NULL)
    catch_up (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_interrupted (gpointer data)
{
  stop (data, TESSERA_EXIT_DONE);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_begin (gpointer data)
{
  begin (data);
  return G_SOURCE_REMOVE;
}

int
tessera_denylist_monitor (char **words)
{
  Monitor self = { .retry_delay = RETRY_FIRST };
  guint interrupt = g_unix_signal_add (SIGINT, on_interrupted, &self);
  guint terminate = g_unix_signal_add (SIGTERM, on_interrupted, &self);

  if (option_since >= 0)
    {
      self.cursor = (guint64) option_since;
      self.has_cursor = TRUE;
    }
  self.loop = g_main_loop_new (NULL, FALSE);
  g_idle_add (on_begin, &self);
  guint lost_signals = g_timeout_add_seconds (LOST_SIGNALS, on_lost_signals, &self);
  g_main_loop_run (self.loop);
  release_service (&self);
  g_clear_handle_id (&self.retry, g_source_remove);
  g_source_remove (lost_signals);
  g_source_remove (interrupt);
  g_source_remove (terminate);
  g_main_loop_unref (self.loop);
  return self.status;
}
