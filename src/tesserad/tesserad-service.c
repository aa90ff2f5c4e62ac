/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Brings configuration, library and sockets together: start, reload, stop. */

#include "tesserad-service.h"

#include "tesserad-control.h"
#include "tesserad-listener.h"
#include "tesserad-metrics.h"
#include "tesserad-notify.h"
#include "tesserad-process.h"

#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#define STOP_SECONDS 5

struct _TesseradService
{
  char *file;
  TesseradConfiguration *configuration;
  TesseraServer *server;
  TesseraListener *gate;    /* the front door of all listeners */
  GPtrArray *listeners;     /* TesseradListener* */
  TesseradMetrics *metrics; /* or NULL */
  TesseradControl *control;
  GMainLoop *loop;
  gboolean stopping;
  gboolean drained;
  guint late;     /* of the drain's deadline */
  guint watchdog; /* its feeding */
  int exit_code;
};

TesseradService *
tesserad_service_new (const char *configuration_file)
{
  TesseradService *self = g_new0 (TesseradService, 1);

  self->file = g_strdup (configuration_file);
  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) tesserad_listener_free);
  self->loop = g_main_loop_new (NULL, FALSE);
  return self;
}

void
tesserad_service_free (TesseradService *self)
{
  g_clear_pointer (&self->metrics, tesserad_metrics_free);
  g_clear_pointer (&self->control, tesserad_control_free);
  g_clear_object (&self->gate);
  g_clear_object (&self->server);
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  g_clear_pointer (&self->configuration, tesserad_configuration_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_free (self->file);
  g_free (self);
}

static gboolean
check_metrics_address (TesseradConfiguration *configuration, GError **error)
{
  const char *address = configuration->metrics_address;
  g_autoptr (GError) inner = NULL;

  return address == NULL || tesserad_metrics_check_address (address, &inner)
         || tesserad_key_file_propagate (configuration->key_file, "metrics", "address",
                                         g_steal_pointer (&inner), error);
}

static gboolean
check_address (TesseradConfiguration *configuration,
               const char *group,
               const char *key,
               const char *address,
               GError **error)
{
  g_autoptr (GError) inner = NULL;

  return tesserad_listener_check_address (address, &inner)
         || tesserad_key_file_propagate (configuration->key_file, group, key,
                                         g_steal_pointer (&inner), error);
}

static gboolean
check_addresses (TesseradConfiguration *configuration, GError **error)
{
  g_autofree char *bus = g_strconcat ("unix:", configuration->bus->socket, NULL);

  for (guint i = 0; i < configuration->listeners->len; i++)
    {
      const TesseradListenerSettings *listener = g_ptr_array_index (configuration->listeners, i);
      g_autofree char *group = g_strconcat ("listener ", listener->name, NULL);

      if (!check_address (configuration, group, "address", listener->address, error))
        return FALSE;
    }
  return check_metrics_address (configuration, error)
         && check_address (configuration, "dbus", "socket", bus, error);
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

/* Start */

static gboolean
serve (TesseradService *self,
       const TesseradListenerSettings *settings,
       TesseradListener *listener,
       GTlsCertificate *certificate,
       GError **error)
{
  GSocket *socket = tesserad_listener_get_socket (listener);
  g_autofree const char **proxies = tesserad_configuration_list_proxies (self->configuration);

  if (tesserad_listener_is_exposed (listener) && certificate == NULL)
    g_warning ("%s is reachable from other machines without TLS: put a TLS proxy before it",
               tesserad_listener_get_description (listener));
  if (!tessera_listener_add_socket (self->gate, socket, certificate, proxies, error))
    return FALSE;
  tessera_listener_set_proxy_protocol (self->gate, socket, settings->proxy_protocol);
  return TRUE;
}

static gboolean
open_listener (TesseradService *self, const TesseradListenerSettings *settings, GError **error)
{
  g_autoptr (GError) inner = NULL;
  g_autoptr (GPtrArray) opened = tesserad_listener_open (settings->name, settings->address, &inner);
  g_autoptr (GTlsCertificate) certificate = NULL;

  if (opened == NULL)
    {
      /* Not a fault of the file: somebody else has the address, or the network is not there yet. */
      g_set_error (error, inner->domain, inner->code, "%s: [listener %s] address: %s: %s",
                   self->file, settings->name, settings->address, inner->message);
      return FALSE;
    }
  if (settings->certificate != NULL
      && (certificate = tesserad_configuration_load_certificate (settings, error)) == NULL)
    return FALSE;
  while (opened->len > 0)
    {
      TesseradListener *listener = g_ptr_array_steal_index (opened, 0);

      g_ptr_array_add (self->listeners, listener);
      if (!serve (self, settings, listener, certificate, error))
        return FALSE;
    }
  return TRUE;
}

/* One door for all: the limits count for the service as a whole. */
static void
make_gate (TesseradService *self)
{
  g_autoptr (SoupServer) soup = soup_server_new (NULL, NULL);

  self->gate = tessera_listener_new (soup);
  tesserad_configuration_apply_to_gate (self->configuration, self->gate);
  tessera_server_add_listener (self->server, self->gate);
}

static gboolean
open_listeners (TesseradService *self, GError **error)
{
  GPtrArray *settings = self->configuration->listeners;

  make_gate (self);
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
  tesserad_outbound_settings_apply (&configuration->outbound, self->server);
  /* Before the keys are made ready: a resource may need one of its own algorithm. */
  if (!tesserad_audit_settings_apply (&configuration->audit, configuration->key_file, self->server,
                                      error)
      || !tesserad_configuration_add_resources (configuration, NULL, self->server, error)
      || !tessera_server_wait_ready (self->server, error))
    return FALSE;

  g_signal_connect (self->server, "failed", G_CALLBACK (on_failed), self);
  return tesserad_configuration_load_users (configuration, self->server, error)
         && tesserad_configuration_replace_clients (configuration, self->server, error);
}

static gboolean
open_metrics (TesseradService *self, GError **error)
{
  const char *address = self->configuration->metrics_address;

  if (address == NULL)
    return TRUE;
  self->metrics = tesserad_metrics_new (self->server, address, error);
  if (self->metrics == NULL)
    g_prefix_error (error, "%s: [metrics] address: %s: ", self->file, address);
  return self->metrics != NULL;
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
  tesserad_outbound_settings_tell_weakness (&self->configuration->outbound);
  if (geteuid () == 0)
    g_message ("running as root, which is not needed; of its privileges only that for low ports is "
               "kept");
  g_message ("issuer %s, %u clients, state in %s", self->configuration->issuer,
             self->configuration->clients->len, self->configuration->state_directory);
  for (guint i = 0; i < self->listeners->len; i++)
    g_message ("listening on %s",
               tesserad_listener_get_description (g_ptr_array_index (self->listeners, i)));
  if (self->metrics != NULL)
    g_message ("metrics on %s", tesserad_metrics_get_description (self->metrics));
  g_message ("controlled at unix:path=%s", self->configuration->bus->socket);
  tesserad_process_drop_start ();
  tesserad_notify ("READY=1");
}

/* Reload */

/* The sockets that [listener NAME] opened. */
static gboolean
renew_certificate (TesseradService *self, const TesseradListenerSettings *settings, GError **error)
{
  g_autoptr (GTlsCertificate) certificate
      = tesserad_configuration_load_certificate (settings, error);

  for (guint i = 0; certificate != NULL && i < self->listeners->len; i++)
    {
      TesseradListener *listener = g_ptr_array_index (self->listeners, i);

      if (g_str_equal (tesserad_listener_get_name (listener), settings->name)
          && !tessera_listener_set_certificate (self->gate, tesserad_listener_get_socket (listener),
                                                certificate, error))
        return FALSE;
    }
  return certificate != NULL;
}

static void
renew_certificates (TesseradService *self, TesseradConfiguration *fresh)
{
  for (guint i = 0; i < fresh->listeners->len; i++)
    {
      const TesseradListenerSettings *settings = g_ptr_array_index (fresh->listeners, i);
      g_autoptr (GError) error = NULL;

      if (settings->certificate != NULL && !renew_certificate (self, settings, &error))
        g_warning ("the old certificate stays: %s", error->message);
    }
}

static gboolean
renew_proxies (TesseradService *self, TesseradConfiguration *fresh, GError **error)
{
  g_autofree const char **proxies = tesserad_configuration_list_proxies (fresh);

  return tessera_listener_set_trusted_proxies (self->gate, NULL, proxies, error);
}

/* What can be put back comes first. Users end tokens, but each of these changes all or nothing, and
 * what may be refused of those behind them was tried before. */
static gboolean
swap_parts (TesseradService *self, TesseradConfiguration *fresh, GError **error)
{
  return tesserad_audit_settings_apply (&fresh->audit, fresh->key_file, self->server, error)
         && tesserad_configuration_load_users (fresh, self->server, error)
         && tesserad_configuration_replace_clients (fresh, self->server, error)
         && tesserad_configuration_add_resources (fresh, self->configuration, self->server, error)
         && renew_proxies (self, fresh, error);
}

static void
put_back (TesseradService *self)
{
  TesseradConfiguration *old = self->configuration;
  g_autoptr (GError) error = NULL;

  tesserad_outbound_settings_apply (&old->outbound, self->server);
  if (!tesserad_audit_settings_apply (&old->audit, old->key_file, self->server, &error))
    g_warning ("the audit trail is kept as the refused configuration says: %s", error->message);
}

/* Everything that can be refused was tried before the first step, but for users that the store has
 * by now; what is left to fail is the disk. */
static gboolean
swap (TesseradService *self, TesseradConfiguration *fresh, GError **error)
{
  /* Before the clients, some of which may need it. */
  tesserad_outbound_settings_apply (&fresh->outbound, self->server);
  if (!swap_parts (self, fresh, error))
    {
      put_back (self);
      return FALSE;
    }
  tesserad_configuration_apply (fresh, self->server);
  tesserad_configuration_apply_to_gate (fresh, self->gate);
  renew_certificates (self, fresh);
  return TRUE;
}

static gboolean
reload (TesseradService *self, GError **error)
{
  g_autoptr (TesseradConfiguration) fresh = tesserad_service_read_configuration (self->file, error);

  if (fresh == NULL
      || !tesserad_configuration_check_reload (fresh, self->configuration, self->server, error)
      || !swap (self, fresh, error))
    return FALSE;

  g_clear_pointer (&self->configuration, tesserad_configuration_free);
  self->configuration = g_steal_pointer (&fresh);
  return TRUE;
}

static gboolean
reload_aloud (TesseradService *self, GError **error)
{
  g_autoptr (GError) inner = NULL;

  tesserad_notify_reloading ();
  if (reload (self, &inner))
    {
      log_notices (self->configuration);
      tesserad_outbound_settings_tell_weakness (&self->configuration->outbound);
      g_message ("reloaded the configuration: %u clients", self->configuration->clients->len);
    }
  else
    g_warning ("the configuration stays as it was: %s", inner->message);
  tesserad_notify ("READY=1");
  if (inner == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&inner));
  return FALSE;
}

static gboolean
on_hangup (gpointer data)
{
  TesseradService *self = data;
  g_autoptr (GError) error = NULL;

  if (self->stopping)
    return G_SOURCE_CONTINUE;
  reload_aloud (self, &error);
  tessera_server_audit_act (self->server, "Reload", "signal", self->file, NULL, error);
  return G_SOURCE_CONTINUE;
}

/* Over D-Bus. What was wrong, owned, or NULL. */
static char *
on_reload (gpointer data)
{
  g_autoptr (GError) error = NULL;

  return reload_aloud (data, &error) ? NULL : g_strdup (error->message);
}

/* Stop */

static gboolean
on_terminate (gpointer data)
{
  quit (data, TESSERAD_EXIT_STOPPED);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_late (gpointer data)
{
  TesseradService *self = data;

  g_warning ("%u connections were cut: they had not come to an end within %d seconds",
             tessera_listener_get_n_connections (self->gate), STOP_SECONDS);
  self->late = 0;
  tessera_listener_close (self->gate);
  return G_SOURCE_REMOVE;
}

static void
on_drained (GObject *gate, GAsyncResult *result, gpointer data)
{
  TesseradService *self = data;

  tessera_listener_drain_finish (self->gate, result, NULL);
  self->drained = TRUE;
}

/* Accepts who has connected already, then nobody any more, then finishes what was asked. */
static void
drain (TesseradService *self)
{
  self->late = g_timeout_add_seconds (STOP_SECONDS, on_late, self);
  tessera_listener_drain_async (self->gate, NULL, on_drained, self);
  for (guint i = 0; i < self->listeners->len; i++)
    tesserad_listener_shut (g_ptr_array_index (self->listeners, i));
  while (!self->drained)
    g_main_context_iteration (NULL, TRUE);
  g_clear_handle_id (&self->late, g_source_remove);
}

static void
stop (TesseradService *self)
{
  self->stopping = TRUE;
  tesserad_notify ("STOPPING=1");
  if (self->metrics != NULL)
    tesserad_metrics_set_stopping (self->metrics);
  g_clear_pointer (&self->control, tesserad_control_free);
  drain (self);
  tessera_server_close (self->server);
  g_message ("stopped");
}

/* Last: nobody is to control what does not serve yet. */
static gboolean
open_control (TesseradService *self, GError **error)
{
  const TesseradBusSettings *settings = self->configuration->bus;
  g_autoptr (GError) inner = NULL;

  self->control = tesserad_control_new (settings, self->server, on_reload, self, &inner);
  if (self->control == NULL)
    g_set_error (error, inner->domain, inner->code, "%s: [dbus] socket: %s: %s", self->file,
                 settings->socket, inner->message);
  return self->control != NULL;
}

static gboolean
start (TesseradService *self, GError **error)
{
  self->configuration = tesserad_service_read_configuration (self->file, error);
  return self->configuration != NULL && start_server (self, error) && open_listeners (self, error)
         && open_metrics (self, error) && open_control (self, error);
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
  self->watchdog = tesserad_notify_feed_watchdog ();
  announce (self);
  g_main_loop_run (self->loop);
  stop (self);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  g_clear_handle_id (&self->watchdog, g_source_remove);
  return self->exit_code;
}
