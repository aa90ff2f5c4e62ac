/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the service is, for whoever watches over it: metrics in the text format of Prometheus, alive,
 * ready. Behind a front door of its own, with small limits. */

#include "tesserad-metrics.h"

#include "tesserad-listener.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTIONS 32
#define TEXT "text/plain; charset=utf-8"
#define METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8"

struct _TesseradMetrics
{
  TesseraServer *server;
  SoupServer *soup;
  TesseraListener *gate;
  TesseradListener *listener;
  gint64 started_us;
  gboolean stopping;
};

gboolean
tesserad_metrics_check_address (const char *address, GError **error)
{
  if (!g_str_equal (address, "systemd"))
    return tesserad_listener_check_address (address, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "must be HOST:PORT or unix:PATH");
  return FALSE;
}

/* The process itself, with the names that every exporter has. */

static void
append (GString *text, const char *name, const char *type, const char *help, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (text, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, help, name, type, name,
                          g_ascii_formatd (number, sizeof number, "%.15g", value));
}

static double
get_seconds (const struct timeval *time)
{
  return (double) time->tv_sec + (double) time->tv_usec / G_USEC_PER_SEC;
}

static void
append_memory (GString *text)
{
  g_autofree char *statm = NULL;
  unsigned long size = 0, resident = 0;
  double page = (double) sysconf (_SC_PAGESIZE);

  if (!g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL)
      || sscanf (statm, "%lu %lu", &size, &resident) != 2)
    return;
  append (text, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
          (double) resident * page);
  append (text, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
          (double) size * page);
}

static void
append_descriptors (GString *text)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  struct rlimit limit;
  guint open = 0;

  while (folder != NULL && g_dir_read_name (folder) != NULL)
    open++;
  if (open > 0) /* without that of the folder itself */
    append (text, "process_open_fds", "gauge", "Number of open file descriptors.", open - 1);
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    append (text, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
            (double) limit.rlim_cur);
}

static void
append_process (TesseradMetrics *self, GString *text)
{
  struct rusage usage;

  if (getrusage (RUSAGE_SELF, &usage) == 0)
    append (text, "process_cpu_seconds_total", "counter",
            "Total user and system CPU time spent in seconds.",
            get_seconds (&usage.ru_utime) + get_seconds (&usage.ru_stime));
  append_memory (text);
  append_descriptors (text);
  append (text, "process_start_time_seconds", "gauge",
          "Start time of the process since unix epoch in seconds.",
          (double) self->started_us / G_USEC_PER_SEC);
}

/* Answers. @body is taken. */

static void
respond (SoupServerMessage *message, guint status, const char *type, char *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, type, SOUP_MEMORY_TAKE, body, strlen (body));
}

static void
respond_metrics (TesseradMetrics *self, SoupServerMessage *message)
{
  g_autofree char *metrics = tessera_server_dup_metrics (self->server);
  GString *text = g_string_new (metrics);

  append_process (self, text);
  respond (message, 200, METRICS_TEXT, g_string_free (text, FALSE));
}

/* Whoever gets it knows that the main loop turns: there is no other thread that could answer. */
static void
respond_health (TesseradMetrics *self, SoupServerMessage *message)
{
  respond (message, 200, TEXT, g_strdup ("alive\n"));
}

static void
respond_readiness (TesseradMetrics *self, SoupServerMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (self->stopping)
    respond (message, 503, TEXT, g_strdup ("not ready: the service is stopping\n"));
  else if (!tessera_server_check_available (self->server, &error))
    respond (message, 503, TEXT, g_strdup_printf ("not ready: %s\n", error->message));
  else
    respond (message, 200, TEXT, g_strdup ("ready\n"));
}

static const struct
{
  const char *path;
  void (*respond) (TesseradMetrics *self, SoupServerMessage *message);
} pages[] = {
  { "/metrics", respond_metrics },
  { "/healthz", respond_health },
  { "/readyz", respond_readiness },
};

static void
on_request (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  const char *method = soup_server_message_get_method (message);
  const char *raw = g_uri_get_path (soup_server_message_get_uri (message));

  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      if (!g_str_equal (raw, pages[i].path))
        continue;
      if (g_str_equal (method, "GET") || g_str_equal (method, "HEAD"))
        {
          pages[i].respond (data, message);
          return;
        }
      soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow",
                                    "GET, HEAD");
      respond (message, 405, TEXT, g_strdup ("The method is not allowed here.\n"));
      return;
    }
  respond (message, 404, TEXT, g_strdup ("There is nothing here.\n"));
}

static gboolean
open_listener (TesseradMetrics *self, const char *address, GError **error)
{
  g_autoptr (GPtrArray) opened = tesserad_listener_open ("metrics", address, error);

  if (opened == NULL)
    return FALSE;
  self->listener = g_ptr_array_steal_index (opened, 0);
  if (tesserad_listener_is_exposed (self->listener))
    g_warning ("the metrics on %s are reachable from other machines",
               tesserad_listener_get_description (self->listener));
  return tessera_listener_add_socket (self->gate, tesserad_listener_get_socket (self->listener),
                                      NULL, NULL, error);
}

TesseradMetrics *
tesserad_metrics_new (TesseraServer *server, const char *address, GError **error)
{
  g_autoptr (TesseradMetrics) self = g_new0 (TesseradMetrics, 1);

  self->server = g_object_ref (server);
  self->started_us = g_get_real_time ();
  self->soup = soup_server_new (NULL, NULL);
  soup_server_add_handler (self->soup, NULL, on_request, self, NULL);
  self->gate = tessera_listener_new (self->soup);
  g_object_set (self->gate, "connections", CONNECTIONS, "connections-per-address", CONNECTIONS,
                NULL);
  return open_listener (self, address, error) ? g_steal_pointer (&self) : NULL;
}

void
tesserad_metrics_free (TesseradMetrics *self)
{
  if (self == NULL)
    return;

  tessera_listener_close (self->gate);
  if (self->listener != NULL)
    tesserad_listener_shut (self->listener);
  g_clear_pointer (&self->listener, tesserad_listener_free);
  g_object_unref (self->gate);
  g_object_unref (self->soup);
  g_object_unref (self->server);
  g_free (self);
}

void
tesserad_metrics_set_stopping (TesseradMetrics *self)
{
  self->stopping = TRUE;
}

const char *
tesserad_metrics_get_description (TesseradMetrics *self)
{
  return tesserad_listener_get_description (self->listener);
}
