/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A publisher of a deny-list over plain sockets. */

#include "feed-server.h"

#include "feed-maker.h"

#include <string.h>

#define HEAD_MAX 16384

typedef struct
{
  FeedServer *server;
  GSocketConnection *stream;
  GSource *source; /* of what comes in */
  GString *in;
  gboolean is_events;
} Connection;

static void
connection_free (Connection *self)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  g_object_unref (self->stream);
  g_string_free (self->in, TRUE);
  g_free (self);
}

static void
close_connection (Connection *self)
{
  g_ptr_array_remove_fast (self->server->connections, self);
}

/* What does not fit into the socket's buffer waits here; tests write little. */
static gboolean
put (Connection *self, const char *bytes, gsize length)
{
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (self->stream));

  return g_output_stream_write_all (out, bytes, length, NULL, NULL, NULL);
}

/* FALSE: it was cut, and is gone. */
static gboolean
put_answer (Connection *self, FeedPlace place, const char *bytes, gsize length)
{
  gsize limit = self->server->cut_after[place];

  if (limit == 0)
    {
      put (self, bytes, length);
      return TRUE;
    }
  self->server->cut_after[place] = 0;
  put (self, bytes, MIN (length, limit - 1));
  close_connection (self);
  return FALSE;
}

static gint64
get_time (FeedServer *self)
{
  return self->time_ms != 0 ? self->time_ms : g_get_real_time () / 1000;
}

static void
append_position (GString *text, FeedServer *self, gint64 time_ms, guint64 generation)
{
  g_string_append_printf (text,
                          "\"list\":\"%s\",\"time\":%" G_GINT64_FORMAT
                          ",\"generation\":%" G_GUINT64_FORMAT,
                          self->list, time_ms, generation);
}

static void
append_heartbeat (GString *text, FeedServer *self, gint64 time_ms, guint64 generation)
{
  g_string_append (text, "event: heartbeat\ndata: {");
  append_position (text, self, time_ms, generation);
  g_string_append (text, "}\n\n");
}

static void
append_event (GString *text, FeedServer *self, guint index)
{
  guint64 generation = g_array_index (self->generations, guint64, index);

  g_string_append_printf (text, "id: %" G_GUINT64_FORMAT "\nevent: deny\ndata: {", generation);
  append_position (text, self, get_time (self), generation);
  g_string_append_printf (text, ",%s}\n\n", (char *) self->entries->pdata[index]);
}

char *
feed_server_dup_stream (FeedServer *self, guint64 cursor)
{
  GString *text = g_string_new ("retry: 1\n\n");

  if (cursor > self->generation)
    {
      g_string_append (text, "event: reset\ndata: {");
      append_position (text, self, get_time (self), self->generation);
      g_string_append (text, "}\n\n");
      return g_string_free (text, FALSE);
    }
  append_heartbeat (text, self, cursor == self->generation ? get_time (self) : 0, cursor);
  for (guint i = 0; i < self->entries->len; i++)
    if (g_array_index (self->generations, guint64, i) > cursor)
      append_event (text, self, i);
  if (cursor != self->generation)
    append_heartbeat (text, self, get_time (self), self->generation);
  return g_string_free (text, FALSE);
}

GString *
feed_server_dup_snapshot (FeedServer *self)
{
  GString *text = feed_maker_head (self->list, get_time (self));

  for (guint i = 0; i < self->entries->len; i++)
    g_string_append_printf (text, "{\"generation\":%" G_GUINT64_FORMAT ",%s}\n",
                            g_array_index (self->generations, guint64, i),
                            (char *) self->entries->pdata[i]);
  feed_maker_sign (text, self->key, NULL, self->list, self->generation, get_time (self), "");
  return text;
}

/* A piece of a body that has no length. */
static void
put_chunk (Connection *self, const char *text)
{
  g_autofree char *chunk = g_strdup_printf ("%zx\r\n%s\r\n", strlen (text), text);

  if (text[0] != '\0')
    put (self, chunk, strlen (chunk));
}

static void
answer_events (Connection *self)
{
  FeedServer *server = self->server;
  guint64 cursor = server->cursor != NULL ? g_ascii_strtoull (server->cursor, NULL, 10) : 0;
  g_autofree char *body = feed_server_dup_stream (server, cursor);
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n";
  g_autofree char *chunk = g_strdup_printf ("%zx\r\n%s\r\n", strlen (body), body);
  g_autofree char *all = g_strconcat (head, server->is_mute ? "" : chunk, NULL);

  self->is_events = TRUE;
  if (put_answer (self, FEED_EVENTS, all, strlen (all)) && strstr (body, "event: reset") != NULL)
    {
      put (self, "0\r\n\r\n", 5);
      close_connection (self);
    }
}

static void
answer_whole (Connection *self, FeedPlace place, const char *type, const char *body, gsize length)
{
  g_autoptr (GString) text = g_string_new ("HTTP/1.1 200 OK\r\nConnection: close\r\n");

  g_string_append_printf (text, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, length);
  g_string_append_len (text, body, (gssize) length);
  if (put_answer (self, place, text->str, text->len))
    close_connection (self);
}

static void
answer_snapshot (Connection *self)
{
  g_autoptr (GString) text = feed_server_dup_snapshot (self->server);
  g_autoptr (GBytes) compressed = feed_maker_compress (text->str, text->len);

  if (self->server->is_compressed)
    answer_whole (self, FEED_SNAPSHOT, "application/octet-stream",
                  g_bytes_get_data (compressed, NULL), g_bytes_get_size (compressed));
  else
    answer_whole (self, FEED_SNAPSHOT, "application/vnd.tessera.deny-list+jsonl", text->str,
                  text->len);
}

static void
answer_token (Connection *self)
{
  g_autofree char *body = g_strdup_printf (
      "{\"access_token\":\"token-%u\",\"token_type\":\"Bearer\",\"expires_in\":%u}",
      ++self->server->n_tokens, self->server->token_lifetime_s);

  answer_whole (self, FEED_TOKEN, "application/json", body, strlen (body));
}

static char *
dup_header (const char *head, const char *name)
{
  g_autofree char *pattern = g_strdup_printf ("^%s: *([^\r\n]*)", name);
  g_autoptr (GRegex) regex
      = g_regex_new (pattern, G_REGEX_CASELESS | G_REGEX_MULTILINE | G_REGEX_NEWLINE_CRLF, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  return g_regex_match (regex, head, 0, &match) ? g_match_info_fetch (match, 1) : NULL;
}

static void
note_request (FeedServer *server, FeedPlace place, const char *head)
{
  server->n_requests[place]++;
  g_free (server->authorization[place]);
  server->authorization[place] = dup_header (head, "Authorization");
  if (place != FEED_EVENTS)
    return;
  g_free (server->cursor);
  server->cursor = dup_header (head, "Last-Event-ID");
}

static gboolean
is_refused (FeedServer *server, FeedPlace place)
{
  const char *authorization = server->authorization[place];

  return place != FEED_TOKEN && authorization != NULL && server->refused_token != NULL
         && strstr (authorization, server->refused_token) != NULL;
}

static void
answer (Connection *self, FeedPlace place)
{
  FeedServer *server = self->server;
  g_autofree char *given = g_steal_pointer (&server->answers[place]);

  if (given == NULL && is_refused (server, place))
    given = g_strdup ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                      "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n\r\n");
  if (given != NULL)
    {
      put (self, given, strlen (given));
      if (!server->is_endless)
        close_connection (self);
    }
  else if (place == FEED_TOKEN)
    answer_token (self);
  else if (place == FEED_SNAPSHOT)
    answer_snapshot (self);
  else
    answer_events (self);
}

/* A request, once it is whole. The connection may be gone afterwards. */
static void
handle (Connection *self)
{
  FeedServer *server = self->server;
  const char *end = strstr (self->in->str, "\r\n\r\n");
  g_autofree char *length = end != NULL ? dup_header (self->in->str, "Content-Length") : NULL;
  gsize n_body = length != NULL ? (gsize) g_ascii_strtoull (length, NULL, 10) : 0;

  if (end == NULL || strlen (end + 4) < n_body)
    return;
  FeedPlace place = g_str_has_prefix (self->in->str, "POST /token ")      ? FEED_TOKEN
                    : g_str_has_prefix (self->in->str, "GET /deny-list ") ? FEED_SNAPSHOT
                                                                          : FEED_EVENTS;
  if (place == FEED_EVENTS)
    g_assert_true (g_str_has_prefix (self->in->str, "GET /events "));
  note_request (server, place, self->in->str);
  if (place == FEED_TOKEN)
    {
      g_free (server->asked_body);
      server->asked_body = g_strdup (end + 4);
    }
  g_string_truncate (self->in, 0);
  answer (self, place);
}

static gboolean
on_readable (GPollableInputStream *in, gpointer data)
{
  Connection *self = data;
  char bytes[4096];
  gssize length = g_pollable_input_stream_read_nonblocking (in, bytes, sizeof bytes, NULL, NULL);

  if (length <= 0)
    {
      g_clear_pointer (&self->source, g_source_unref);
      close_connection (self);
      return G_SOURCE_REMOVE;
    }
  g_string_append_len (self->in, bytes, length);
  g_assert_cmpuint (self->in->len, <, HEAD_MAX);
  g_autoptr (GSource) source = g_source_ref (g_main_current_source ());
  handle (self);
  return !g_source_is_destroyed (source);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data)
{
  Connection *self = g_new0 (Connection, 1);
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (stream));

  self->server = data;
  self->stream = g_object_ref (stream);
  self->in = g_string_new (NULL);
  self->source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (in), NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->source, NULL);
  g_ptr_array_add (self->server->connections, self);
  return TRUE;
}

FeedServer *
feed_server_new (TesseraKey *key)
{
  FeedServer *self = g_new0 (FeedServer, 1);
  g_autoptr (GSocketAddress) loopback = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) address = NULL;

  self->key = tessera_key_ref (key);
  self->list = g_strdup ("list-1");
  self->entries = g_ptr_array_new_with_free_func (g_free);
  self->generations = g_array_new (FALSE, FALSE, sizeof (guint64));
  self->token_lifetime_s = 600;
  self->connections = g_ptr_array_new_with_free_func ((GDestroyNotify) connection_free);
  self->service = g_socket_service_new ();
  g_assert_true (g_socket_listener_add_address (G_SOCKET_LISTENER (self->service), loopback,
                                                G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL,
                                                &address, NULL));
  g_signal_connect (self->service, "incoming", G_CALLBACK (on_incoming), self);
  self->uri = g_strdup_printf ("http://127.0.0.1:%u",
                               g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  return self;
}

void
feed_server_free (FeedServer *self)
{
  g_socket_service_stop (self->service);
  g_socket_listener_close (G_SOCKET_LISTENER (self->service));
  g_object_unref (self->service);
  g_ptr_array_unref (self->connections);
  tessera_key_unref (self->key);
  for (guint i = 0; i < FEED_N_PLACES; i++)
    {
      g_free (self->authorization[i]);
      g_free (self->answers[i]);
    }
  g_free (self->uri);
  g_free (self->list);
  g_free (self->cursor);
  g_free (self->asked_body);
  g_free (self->refused_token);
  g_ptr_array_unref (self->entries);
  g_array_unref (self->generations);
  g_free (self);
}

/* The list. */

void
feed_server_deny_silently (FeedServer *self, const char *rule, const char *value)
{
  gboolean has_instant = g_str_has_suffix (rule, "-tokens") || g_str_equal (rule, "subject")
                         || g_str_equal (rule, "client") || g_str_equal (rule, "all");

  self->generation++;
  g_ptr_array_add (self->entries,
                   g_strdup_printf ("\"rule\":\"%s\",\"value\":\"%s\"%s,\"expires\":4102444800000",
                                    rule, value, has_instant ? ",\"instant\":1700000000000" : ""));
  g_array_append_val (self->generations, self->generation);
}

void
feed_server_deny (FeedServer *self, const char *rule, const char *value)
{
  g_autoptr (GString) text = g_string_new (NULL);

  feed_server_deny_silently (self, rule, value);
  append_event (text, self, self->entries->len - 1);
  feed_server_say (self, text->str);
}

void
feed_server_forget (FeedServer *self, guint index)
{
  g_ptr_array_remove_index (self->entries, index);
  g_array_remove_index (self->generations, index);
}

void
feed_server_replace_list (FeedServer *self, const char *list)
{
  g_free (self->list);
  self->list = g_strdup (list);
  self->generation = 0;
  g_ptr_array_set_size (self->entries, 0);
  g_array_set_size (self->generations, 0);
}

/* Streams. */

void
feed_server_say (FeedServer *self, const char *text)
{
  for (guint i = 0; i < self->connections->len; i++)
    {
      Connection *connection = self->connections->pdata[i];
      if (connection->is_events)
        put_chunk (connection, text);
    }
}

void
feed_server_heartbeat (FeedServer *self, gint64 time_ms)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_heartbeat (text, self, time_ms, self->generation);
  feed_server_say (self, text->str);
}

void
feed_server_end_streams (FeedServer *self, gboolean in_order)
{
  for (guint i = self->connections->len; i > 0; i--)
    {
      Connection *connection = self->connections->pdata[i - 1];
      if (!connection->is_events)
        continue;
      if (in_order)
        put (connection, "0\r\n\r\n", 5);
      close_connection (connection);
    }
}

guint
feed_server_count_streams (FeedServer *self)
{
  guint n = 0;

  for (guint i = 0; i < self->connections->len; i++)
    n += ((Connection *) self->connections->pdata[i])->is_events;
  return n;
}

/* Comparing. */

static void
collect (const TesseraDenial *denial, gpointer data)
{
  g_hash_table_add (data, g_strdup_printf ("%s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                                           tessera_denial_get_rule (denial), denial->value,
                                           denial->instant_ms, denial->expires_ms));
}

gboolean
feed_server_equals (FeedServer *self, TesseraDenyReplica *replica)
{
  g_autoptr (GHashTable) theirs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *list = tessera_deny_replica_dup_list (replica);

  tessera_deny_replica_foreach (replica, collect, theirs);
  if (g_strcmp0 (list, self->list) != 0
      || tessera_deny_replica_get_generation (replica) != self->generation
      || g_hash_table_size (theirs) != self->entries->len)
    return FALSE;
  for (guint i = 0; i < self->entries->len; i++)
    {
      g_autofree char *json = g_strdup_printf ("{%s}", (char *) self->entries->pdata[i]);
      g_autoptr (GRegex) regex
          = g_regex_new ("^\\{\"rule\":\"([^\"]*)\",\"value\":\"([^\"]*)\"(?:,\"instant\":(\\d+))?"
                         ",\"expires\":(\\d+)\\}$",
                         0, 0, NULL);
      g_auto (GStrv) parts = g_regex_split (regex, json, 0);
      g_autofree char *entry = g_strdup_printf ("%s %s %s %s", parts[1], parts[2],
                                                parts[3][0] != '\0' ? parts[3] : "0", parts[4]);

      if (!g_hash_table_contains (theirs, entry))
        return FALSE;
    }
  return TRUE;
}
