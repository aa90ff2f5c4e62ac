/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Brings configuration, library and sockets together: start, reload, stop. */

#include "tesserad-service.h"

#include "tesserad-acceptor.h"
#include "tesserad-listener.h"
#include "tesserad-notify.h"

#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#define STOP_SECONDS 5
#define STOP_STEP_MS 20

/* One SoupServer and what it serves. */
typedef struct
{
  SoupServer *soup;
  char *certificate; /* NULL: no TLS */
  char *private_key;
} Front;

struct _TesseradService
{
  char *file;
  TesseradConfiguration *configuration;
  TesseraServer *server;
  GPtrArray *fronts;    /* Front* */
  GPtrArray *listeners; /* TesseradListener* */
  GPtrArray *acceptors; /* TesseradAcceptor*, one a listener */
  GHashTable *busy;     /* SoupServerMessage* whose head has come and whose answer has not gone */
  GMainLoop *loop;
  gboolean stopping;
  int exit_code;
};

static void
front_free (Front *self)
{
  g_clear_object (&self->soup);
  g_free (self->certificate);
  g_free (self->private_key);
  g_free (self);
}

TesseradService *
tesserad_service_new (const char *configuration_file)
{
  TesseradService *self = g_new0 (TesseradService, 1);

  self->file = g_strdup (configuration_file);
  self->fronts = g_ptr_array_new_with_free_func ((GDestroyNotify) front_free);
  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) tesserad_listener_free);
  self->acceptors = g_ptr_array_new_with_free_func ((GDestroyNotify) tesserad_acceptor_free);
  self->busy = g_hash_table_new (NULL, NULL);
  self->loop = g_main_loop_new (NULL, FALSE);
  return self;
}

void
tesserad_service_free (TesseradService *self)
{
  g_clear_pointer (&self->acceptors, g_ptr_array_unref);
  g_clear_pointer (&self->fronts, g_ptr_array_unref);
  g_clear_object (&self->server);
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  g_clear_pointer (&self->configuration, tesserad_configuration_free);
  g_clear_pointer (&self->busy, g_hash_table_unref);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_free (self->file);
  g_free (self);
}

static gboolean
check_addresses (TesseradConfiguration *configuration, GError **error)
{
  for (guint i = 0; i < configuration->listeners->len; i++)
    {
      const TesseradListenerSettings *listener = g_ptr_array_index (configuration->listeners, i);
      g_autofree char *group = g_strconcat ("listener ", listener->name, NULL);
      g_autoptr (GError) inner = NULL;

      if (!tesserad_listener_check_address (listener->address, &inner))
        return tesserad_key_file_propagate (configuration->key_file, group, "address",
                                            g_steal_pointer (&inner), error);
    }
  return TRUE;
}

TesseradConfiguration *
tesserad_service_read_configuration (const char *file, GError **error)
{
  g_autoptr (TesseradConfiguration) configuration = tesserad_configuration_load (file, error);

  if (configuration == NULL || !check_addresses (configuration, error)
      || !tesserad_configuration_rehearse (configuration, error))
    return NULL;
  return g_steal_pointer (&configuration);
}

int
tesserad_service_get_exit_code (const GError *error)
{
  if (error->domain == TESSERAD_ERROR || error->domain == TESSERA_SETUP_ERROR)
    return TESSERAD_EXIT_CONFIGURATION;
  return TESSERAD_EXIT_FAILURE;
}

static void
quit (TesseradService *self, int exit_code)
{
  self->exit_code = exit_code;
  g_main_loop_quit (self->loop);
}

static void
on_failed (TesseraServer *server, const GError *error, gpointer data)
{
  TesseradService *self = data;

  g_warning ("the service cannot go on: %s", error->message);
  quit (self, tesserad_service_get_exit_code (error));
}

/* Which requests are in flight */

/* libsoup says nothing of a message whose connection was taken over. */
static void
on_message_gone (gpointer data, GObject *message)
{
  TesseradService *self = data;

  g_hash_table_remove (self->busy, message);
}

static void
on_got_headers (SoupServerMessage *message, gpointer data)
{
  TesseradService *self = data;

  if (g_hash_table_add (self->busy, message))
    g_object_weak_ref (G_OBJECT (message), on_message_gone, self);
  if (self->stopping)
    soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection",
                                  "close");
}

static void
on_request_started (SoupServer *soup, SoupServerMessage *message, gpointer data)
{
  g_signal_connect (message, "got-headers", G_CALLBACK (on_got_headers), data);
}

static void
on_request_over (SoupServer *soup, SoupServerMessage *message, gpointer data)
{
  TesseradService *self = data;

  if (g_hash_table_remove (self->busy, message))
    g_object_weak_unref (G_OBJECT (message), on_message_gone, self);
}

static void
forget_requests (TesseradService *self)
{
  GHashTableIter iter;
  gpointer message = NULL;

  g_hash_table_iter_init (&iter, self->busy);
  while (g_hash_table_iter_next (&iter, &message, NULL))
    g_object_weak_unref (message, on_message_gone, self);
  g_hash_table_remove_all (self->busy);
}

/* Start */

static Front *
front_new (TesseradService *self, const TesseradListenerSettings *settings, GError **error)
{
  g_autoptr (SoupServer) soup = soup_server_new (NULL, NULL);
  Front *front = NULL;

  if (!tesserad_acceptor_prepare (soup, error))
    return NULL;
  if (settings->certificate != NULL
      && !tessera_set_tls_files (soup, settings->certificate, settings->private_key, NULL, error))
    return NULL;

  front = g_new0 (Front, 1);
  front->soup = g_steal_pointer (&soup);
  front->certificate = g_strdup (settings->certificate);
  front->private_key = g_strdup (settings->private_key);
  g_signal_connect (front->soup, "request-started", G_CALLBACK (on_request_started), self);
  g_signal_connect (front->soup, "request-finished", G_CALLBACK (on_request_over), self);
  g_signal_connect (front->soup, "request-aborted", G_CALLBACK (on_request_over), self);
  tessera_server_attach (self->server, front->soup);
  g_ptr_array_add (self->fronts, front);
  return front;
}

static Front *
get_front (TesseradService *self, const TesseradListenerSettings *settings, GError **error)
{
  for (guint i = 0; i < self->fronts->len; i++)
    {
      Front *front = g_ptr_array_index (self->fronts, i);

      if (g_strcmp0 (front->certificate, settings->certificate) == 0
          && g_strcmp0 (front->private_key, settings->private_key) == 0)
        return front;
    }
  return front_new (self, settings, error);
}

static void
serve (TesseradService *self, Front *front, GPtrArray *opened)
{
  while (opened->len > 0)
    {
      TesseradListener *listener = g_ptr_array_steal_index (opened, 0);

      g_ptr_array_add (self->listeners, listener);
      g_ptr_array_add (self->acceptors,
                       tesserad_acceptor_new (tesserad_listener_get_socket (listener), front->soup,
                                              front->certificate != NULL));
      if (tesserad_listener_is_exposed (listener) && front->certificate == NULL)
        g_warning ("%s is reachable from other machines without TLS: put a TLS proxy before it",
                   tesserad_listener_get_description (listener));
    }
}

static gboolean
open_listener (TesseradService *self, const TesseradListenerSettings *settings, GError **error)
{
  g_autoptr (GError) inner = NULL;
  g_autoptr (GPtrArray) opened = tesserad_listener_open (settings->name, settings->address, &inner);
  Front *front = NULL;

  if (opened == NULL)
    {
      /* Not a fault of the file: somebody else has the address, or the network is not there yet. */
      g_set_error (error, inner->domain, inner->code, "%s: [listener %s] address: %s: %s",
                   self->file, settings->name, settings->address, inner->message);
      return FALSE;
    }
  front = get_front (self, settings, error);
  if (front == NULL)
    return FALSE;
  serve (self, front, opened);
  return TRUE;
}

static gboolean
open_listeners (TesseradService *self, GError **error)
{
  GPtrArray *settings = self->configuration->listeners;

  for (guint i = 0; i < settings->len; i++)
    if (!open_listener (self, g_ptr_array_index (settings, i), error))
      return FALSE;
  return TRUE;
}

static gboolean
start_server (TesseradService *self, GError **error)
{
  TesseradConfiguration *configuration = self->configuration;

  self->server = tessera_server_new (configuration->issuer, configuration->state_directory);
  g_object_set (self->server, "key-directory", configuration->key_directory, NULL);
  tesserad_configuration_apply (configuration, self->server);
  /* Before the keys are made ready: a resource may need one of its own algorithm. */
  if (!tesserad_configuration_add_resources (configuration, NULL, self->server, error)
      || !tessera_server_wait_ready (self->server, error))
    return FALSE;

  g_signal_connect (self->server, "failed", G_CALLBACK (on_failed), self);
  return tesserad_configuration_load_users (configuration, self->server, error)
         && tesserad_configuration_replace_clients (configuration, self->server, error);
}

static gboolean
start (TesseradService *self, GError **error)
{
  self->configuration = tesserad_service_read_configuration (self->file, error);
  return self->configuration != NULL && start_server (self, error) && open_listeners (self, error);
}

static void
log_notices (TesseradConfiguration *configuration)
{
  for (guint i = 0; i < configuration->notices->len; i++)
    g_message ("%s", (const char *) g_ptr_array_index (configuration->notices, i));
}

static void
announce (TesseradService *self)
{
  log_notices (self->configuration);
  if (geteuid () == 0)
    g_message ("running as root, which is not needed; of its privileges only that for low ports is "
               "kept");
  g_message ("issuer %s, %u clients, state in %s", self->configuration->issuer,
             self->configuration->clients->len, self->configuration->state_directory);
  for (guint i = 0; i < self->listeners->len; i++)
    g_message ("listening on %s",
               tesserad_listener_get_description (g_ptr_array_index (self->listeners, i)));
  tesserad_notify ("READY=1");
}

/* Reload */

static void
renew_certificates (TesseradService *self)
{
  for (guint i = 0; i < self->fronts->len; i++)
    {
      Front *front = g_ptr_array_index (self->fronts, i);
      g_autoptr (GError) error = NULL;

      if (front->certificate != NULL
          && !tessera_set_tls_files (front->soup, front->certificate, front->private_key, NULL,
                                     &error))
        g_warning ("the old certificate stays: %s", error->message);
    }
}

/* Everything that can be refused was tried before the first step; what is left to fail is the disk.
 */
static gboolean
swap (TesseradService *self, TesseradConfiguration *fresh, GError **error)
{
  if (!tesserad_configuration_replace_clients (fresh, self->server, error)
      || !tesserad_configuration_load_users (fresh, self->server, error)
      || !tesserad_configuration_add_resources (fresh, self->configuration, self->server, error))
    return FALSE;
  tesserad_configuration_apply (fresh, self->server);
  renew_certificates (self);
  return TRUE;
}

static gboolean
reload (TesseradService *self, GError **error)
{
  g_autoptr (TesseradConfiguration) fresh = tesserad_service_read_configuration (self->file, error);

  if (fresh == NULL || !tesserad_configuration_check_reload (fresh, self->configuration, error)
      || !swap (self, fresh, error))
    return FALSE;

  g_clear_pointer (&self->configuration, tesserad_configuration_free);
  self->configuration = g_steal_pointer (&fresh);
  return TRUE;
}

static gboolean
on_hangup (gpointer data)
{
  TesseradService *self = data;
  g_autoptr (GError) error = NULL;

  if (self->stopping)
    return G_SOURCE_CONTINUE;
  tesserad_notify_reloading ();
  if (reload (self, &error))
    {
      log_notices (self->configuration);
      g_message ("reloaded the configuration: %u clients", self->configuration->clients->len);
    }
  else
    g_warning ("the configuration stays as it was: %s", error->message);
  tesserad_notify ("READY=1");
  return G_SOURCE_CONTINUE;
}

/* Stop */

static gboolean
on_terminate (gpointer data)
{
  quit (data, TESSERAD_EXIT_STOPPED);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_step (gpointer data)
{
  return G_SOURCE_CONTINUE; /* wakes the loop, so that the deadline is looked at */
}

static gboolean
has_waiting (TesseradService *self)
{
  for (guint i = 0; i < self->listeners->len; i++)
    if (tesserad_listener_has_waiting (g_ptr_array_index (self->listeners, i)))
      return TRUE;
  return FALSE;
}

static guint
count_handshakes (TesseradService *self)
{
  guint count = 0;

  for (guint i = 0; i < self->acceptors->len; i++)
    count += tesserad_acceptor_count_handshakes (g_ptr_array_index (self->acceptors, i));
  return count;
}

static void
shut_listeners (TesseradService *self)
{
  for (guint i = 0; i < self->acceptors->len; i++)
    tesserad_acceptor_stop (g_ptr_array_index (self->acceptors, i));
  for (guint i = 0; i < self->listeners->len; i++)
    tesserad_listener_shut (g_ptr_array_index (self->listeners, i));
}

/* Accepts who has connected already, then nobody any more, then finishes what was asked. */
static void
drain (TesseradService *self)
{
  gint64 deadline = g_get_monotonic_time () + STOP_SECONDS * G_TIME_SPAN_SECOND;
  guint step = g_timeout_add (STOP_STEP_MS, on_step, NULL);

  while (has_waiting (self) && g_get_monotonic_time () < deadline)
    g_main_context_iteration (NULL, TRUE);
  shut_listeners (self);
  do
    g_main_context_iteration (NULL, TRUE);
  while ((g_hash_table_size (self->busy) > 0 || count_handshakes (self) > 0
          || g_main_context_pending (NULL))
         && g_get_monotonic_time () < deadline);
  g_source_remove (step);

  if (g_hash_table_size (self->busy) > 0)
    g_warning ("%u requests were not answered within %d seconds", g_hash_table_size (self->busy),
               STOP_SECONDS);
}

static void
close_fronts (TesseradService *self)
{
  for (guint i = 0; i < self->fronts->len; i++)
    {
      Front *front = g_ptr_array_index (self->fronts, i);

      g_signal_handlers_disconnect_by_data (front->soup, self);
      tessera_server_detach (self->server, front->soup);
      soup_server_disconnect (front->soup);
    }
  forget_requests (self);
}

static void
stop (TesseradService *self)
{
  self->stopping = TRUE;
  tesserad_notify ("STOPPING=1");
  drain (self);
  tessera_server_close (self->server);
  close_fronts (self);
  g_message ("stopped");
}

int
tesserad_service_run (TesseradService *self)
{
  guint sources[3];
  g_autoptr (GError) error = NULL;

  if (!start (self, &error))
    {
      g_printerr ("tesserad: %s\n", error->message);
      return tesserad_service_get_exit_code (error);
    }

  sources[0] = g_unix_signal_add (SIGTERM, on_terminate, self);
  sources[1] = g_unix_signal_add (SIGINT, on_terminate, self);
  sources[2] = g_unix_signal_add (SIGHUP, on_hangup, self);
  announce (self);
  g_main_loop_run (self->loop);
  stop (self);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  return self->exit_code;
}
