/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The load generator: keeps so many connections busy, one request each at a time, and counts what
 * is answered. One thread that never sleeps, so that no server pays for waking its core. It ends
 * when the time is over or there are no more tokens, and waits for what is under way. One JSON
 * object. */

#include "load-connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define EVENTS 256
#define DRAIN_US (60 * G_USEC_PER_SEC) /* for answers that are under way at the end */

static int port, connections = 1, idle, requests;
static double seconds = 1;
static gboolean tls, once, fresh;
static char *method, *path, *body, *tokens_file, *next, *save, *save_file, *status_text;

static const GOptionEntry options[] = {
  { "port", 'p', 0, G_OPTION_ARG_INT, &port, "of the server on 127.0.0.1", "N" },
  { "tls", 0, 0, G_OPTION_ARG_NONE, &tls, "speak TLS", NULL },
  { "connections", 'c', 0, G_OPTION_ARG_INT, &connections, "at once", "N" },
  { "idle", 0, 0, G_OPTION_ARG_INT, &idle, "so many more, which ask once and then keep quiet",
    "N" },
  { "fresh", 0, 0, G_OPTION_ARG_NONE, &fresh, "a connection of its own for each request", NULL },
  { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &seconds, "at most", "S" },
  { "requests", 'n', 0, G_OPTION_ARG_INT, &requests, "at most", "N" },
  { "method", 0, 0, G_OPTION_ARG_STRING, &method, "POST unless said", "NAME" },
  { "path", 0, 0, G_OPTION_ARG_STRING, &path, NULL, "PATH" },
  { "body", 0, 0, G_OPTION_ARG_STRING, &body, "a form, with {} where the token stands", "FORM" },
  { "tokens", 0, 0, G_OPTION_ARG_FILENAME, &tokens_file, "one a line, in turns", "FILE" },
  { "once", 0, 0, G_OPTION_ARG_NONE, &once, "each token is good for one request", NULL },
  { "next", 0, 0, G_OPTION_ARG_STRING, &next,
    "the member of an answer that takes the place of the token; what is there at the end is "
    "written "
    "to the file",
    "NAME" },
  { "save", 0, 0, G_OPTION_ARG_STRING, &save, "a member of each answer to keep", "NAME" },
  { "save-to", 0, 0, G_OPTION_ARG_FILENAME, &save_file, "where, one a line", "FILE" },
  { "status", 0, 0, G_OPTION_ARG_STRING, &status_text, "the good one, 200 unless said", "N" },
  { NULL }
};

typedef struct
{
  int epoll;
  GPtrArray *requests; /* GBytes*, the texts to send; those of --next grow */
  guint position;
  GPtrArray *tokens; /* char*, of --next: who is behind each request */
  FILE *save;
  guint status;
  guint64 sent;
  guint64 answered;
  guint64 errors;
  guint under_way;
  gboolean over;
  gint64 begin_us;
  gint64 last_us;
  GArray *latencies; /* guint32, tenths of microseconds */
} Load;

static GBytes *
make_request (const char *token)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *form = NULL;

  if (body != NULL)
    {
      g_auto (GStrv) parts = g_strsplit (body, "{}", 2);
      form = parts[1] != NULL ? g_strconcat (parts[0], token, parts[1], NULL) : g_strdup (body);
    }
  g_string_append_printf (text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n",
                          method != NULL ? method : "POST", path, port);
  if (form != NULL)
    g_string_append_printf (text,
                            "Content-Type: application/x-www-form-urlencoded\r\n"
                            "Content-Length: %zu\r\n",
                            strlen (form));
  g_string_append_printf (text, "\r\n%s", form != NULL ? form : "");
  return g_string_free_to_bytes (g_steal_pointer (&text));
}

static void
add_request (Load *load, const char *token)
{
  g_ptr_array_add (load->requests, make_request (token));
  if (next != NULL)
    g_ptr_array_add (load->tokens, g_strdup (token));
}

static void
read_tokens (Load *load)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (tokens_file == NULL)
    {
      add_request (load, "");
      return;
    }
  if (!g_file_get_contents (tokens_file, &text, NULL, &error))
    g_error ("%s", error->message);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (lines[i][0] != '\0')
      add_request (load, lines[i]);
}

/* Of --next: those that were not presented, and the successors of those that were. */
static void
write_tokens (Load *load)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = load->position; i < load->tokens->len; i++)
    g_string_append_printf (text, "%s\n", (char *) load->tokens->pdata[i]);
  if (!g_file_set_contents (tokens_file, text->str, (gssize) text->len, &error))
    g_error ("%s", error->message);
}

/* NULL: there is nothing more to ask. */
static GBytes *
take_request (Load *load)
{
  gboolean single = once || next != NULL;

  if (load->over || (requests > 0 && load->sent >= (guint64) requests))
    return NULL;
  if (load->position == load->requests->len)
    {
      if (single)
        return NULL;
      load->position = 0;
    }
  return load->requests->pdata[load->position++];
}

static void
ask (Load *load, LoadConnection *connection)
{
  GBytes *request = take_request (load);

  if (request == NULL)
    return;
  load->sent++;
  load->under_way++;
  load_connection_send (connection, request);
}

/* The value of a member of a JSON text that needs no more than to be found. */
static char *
dup_member (const char *text, const char *name)
{
  g_autofree char *label = g_strdup_printf ("\"%s\":", name);
  const char *value = strstr (text, label);

  if (value == NULL)
    return NULL;
  value += strlen (label);
  value += strspn (value, " ");
  if (*value != '"')
    return NULL;
  const char *end = strchr (value + 1, '"');
  return end != NULL ? g_strndup (value + 1, (gsize) (end - value - 1)) : NULL;
}

static void
read_answer (Load *load, LoadConnection *connection)
{
  const char *text = load_connection_get_body (connection);

  if (next != NULL)
    {
      g_autofree char *token = dup_member (text, next);
      if (token != NULL)
        add_request (load, token);
    }
  if (load->save != NULL)
    {
      g_autofree char *token = dup_member (text, save);
      if (token != NULL)
        fprintf (load->save, "%s\n", token);
    }
}

static void
on_answer (LoadConnection *connection, gpointer data)
{
  Load *load = data;
  gint64 now = g_get_monotonic_time ();

  load->under_way--;
  if (!load->over)
    {
      guint32 took = (guint32) (load_connection_get_took_ns (connection) / 100);
      g_array_append_val (load->latencies, took);
      load->answered++;
      load->last_us = now;
    }
  if (load_connection_get_status (connection) == load->status)
    read_answer (load, connection);
  else if (load->errors++ == 0)
    g_printerr ("answered %u: %.200s\n", load_connection_get_status (connection),
                load_connection_get_body (connection));
  if (fresh)
    load_connection_close (connection);
  ask (load, connection);
}

static void
serve_events (Load *load)
{
  struct epoll_event events[EVENTS];
  int n = epoll_wait (load->epoll, events, EVENTS, 0);

  for (int i = 0; i < n; i++)
    load_connection_read (events[i].data.ptr);
}

static GPtrArray *
make_connections (Load *load, int count)
{
  GPtrArray *made = g_ptr_array_new_with_free_func ((GDestroyNotify) load_connection_free);
  for (int i = 0; i < count; i++)
    g_ptr_array_add (made, load_connection_new (port, tls, load->epoll, on_answer, load));
  return made;
}

/* Has each of them ask once; then they are no more than there. */
static void
make_idle (Load *load, GPtrArray *idlers)
{
  for (guint i = 0; i < idlers->len; i++)
    {
      load_connection_send (idlers->pdata[i], load->requests->pdata[0]);
      load->under_way++;
      load->over = TRUE; /* none of it counts, and none asks again */
      while (load->under_way > 0)
        serve_events (load);
      load->over = FALSE;
    }
}

/* The time is over; but not before there is an answer, however slow the machine. */
static gboolean
is_late (Load *load, gint64 end_us)
{
  gint64 now = g_get_monotonic_time ();
  return now >= end_us && (load->answered > 0 || now >= end_us + DRAIN_US);
}

static void
run (Load *load)
{
  g_autoptr (GPtrArray) idlers = make_connections (load, idle);
  make_idle (load, idlers);
  g_autoptr (GPtrArray) busy = make_connections (load, connections);

  load->errors = 0;
  load->begin_us = load->last_us = g_get_monotonic_time ();
  gint64 end_us = load->begin_us + (gint64) (seconds * G_USEC_PER_SEC);
  for (guint i = 0; i < busy->len; i++)
    ask (load, busy->pdata[i]);
  while (load->under_way > 0 && !is_late (load, end_us))
    serve_events (load);
  load->over = TRUE;
  end_us = g_get_monotonic_time () + DRAIN_US;
  while (load->under_way > 0 && g_get_monotonic_time () < end_us)
    serve_events (load);
  load->errors += load->under_way;
}

static int
compare (const void *a, const void *b)
{
  const guint32 *one = a, *other = b;
  return (*one > *other) - (*one < *other);
}

static double
get_percentile (Load *load, double share)
{
  guint at = (guint) (share * load->latencies->len);
  return load->latencies->len == 0
             ? 0
             : g_array_index (load->latencies, guint32, MIN (at, load->latencies->len - 1)) / 10.0;
}

static void
report (Load *load)
{
  double took = (double) (load->last_us - load->begin_us) / G_USEC_PER_SEC;

  g_array_sort (load->latencies, compare);
  printf ("{\"requests\": %" G_GUINT64_FORMAT ", \"seconds\": %.4f, \"errors\": %" G_GUINT64_FORMAT
          ", \"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
          load->answered, took, load->errors, took > 0 ? (double) load->answered / took : 0,
          get_percentile (load, 0.5), get_percentile (load, 0.99), get_percentile (load, 1));
}

static void
raise_descriptors (void)
{
  struct rlimit limit;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- asks a server");
  g_autoptr (GError) error = NULL;
  Load load = { 0 };

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || path == NULL || port == 0)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "--port and --path are needed");
      return 2;
    }
  raise_descriptors ();
  load.epoll = epoll_create1 (EPOLL_CLOEXEC);
  load.status = status_text != NULL ? (guint) atoi (status_text) : 200;
  load.requests = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  load.tokens = g_ptr_array_new_with_free_func (g_free);
  load.latencies = g_array_new (FALSE, FALSE, sizeof (guint32));
  load.save = save_file != NULL ? fopen (save_file, "a") : NULL;
  read_tokens (&load);
  run (&load);
  if (next != NULL)
    write_tokens (&load);
  if (load.save != NULL)
    fclose (load.save);
  report (&load);
  return 0;
}
