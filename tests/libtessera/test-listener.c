/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-listener.c and the gate behind it: raw bytes over loopback to a SoupServer that an
 * application has put behind a listener. */

#include "log-capture.h"

#include "gate/tessera-gate-buffers-private.h"
#include "gate/tessera-gate-tls-private.h"
#include "gate/tessera-gate-tls-private.h"
#include "gate/tessera-listener.h"
#include "model/tessera-registration-policy.h"
#include "server/tessera-monitoring.h"
#include "server/tessera-peer-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_US (60 * G_TIME_SPAN_SECOND)
#define BIG (10 * 1024 * 1024)
#define OUT_MAX (256 * 1024) /* so much of an answer waits for its reader at most … */
#define OUT_LOW (64 * 1024)  /* … and more than this while he does not read */
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_CLOSE "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define POST_ECHO "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

typedef struct _Client Client;

typedef struct
{
  SoupServer *soup;
  TesseraListener *listener;
  guint16 port;
  guint n_calls;
  guint n_hidden; /* requests for /hidden */
  gsize written;  /* of the body of /big */
  SoupServerMessage *paused;
  GPtrArray *messages; /* char*: of WebSockets */
  guint n_closed;      /* WebSockets */
  GIOStream *tunnel;
  int vanishing;         /* the descriptor of a client */
  Client *meanwhile;     /* speaks while another is answered */
  GIOStream *stolen;     /* by who keeps it */
  GString *stolen_heard; /* of what was read from it */
  gboolean stolen_ended;
  char stolen_buffer[100];
} Fixture;

struct _Client
{
  Fixture *fixture;
  int fd;
  GString *heard;
  gboolean ended;
};

/* The linker puts these before those of libc, for the library alone. */

static int accept_error; /* of the next one */
static gboolean peer_is_gone;
static gboolean own_is_unknown;
static guint n_tls_reads;

int __real_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_getpeername (int fd, struct sockaddr *address, socklen_t *length);
int __wrap_getpeername (int fd, struct sockaddr *address, socklen_t *length);
int __real_getsockname (int fd, struct sockaddr *address, socklen_t *length);
int __wrap_getsockname (int fd, struct sockaddr *address, socklen_t *length);

int
__wrap_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags)
{
  int result = __real_accept4 (fd, address, length, flags);

  if (result < 0 || accept_error == 0)
    return result;
  close (result);
  errno = accept_error;
  accept_error = 0;
  return -1;
}

int
__wrap_getpeername (int fd, struct sockaddr *address, socklen_t *length)
{
  errno = ENOTCONN;
  return peer_is_gone ? -1 : __real_getpeername (fd, address, length);
}

int
__wrap_getsockname (int fd, struct sockaddr *address, socklen_t *length)
{
  errno = ENOTCONN;
  return own_is_unknown ? -1 : __real_getsockname (fd, address, length);
}

gssize __real_tessera_tls_read (TesseraTls *self, void *buffer, gsize count);
gssize __wrap_tessera_tls_read (TesseraTls *self, void *buffer, gsize count);

gssize
__wrap_tessera_tls_read (TesseraTls *self, void *buffer, gsize count)
{
  n_tls_reads++;
  return __real_tessera_tls_read (self, buffer, count);
}

/* The application */

static void
respond (SoupServerMessage *message, const char *text)
{
  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_COPY, text, strlen (text));
}

static void
on_wrote_data (SoupServerMessage *message, guint size, Fixture *self)
{
  self->written += size;
}

static void
on_big (SoupServer *soup,
        SoupServerMessage *message,
        const char *path,
        GHashTable *query,
        gpointer data)
{
  char *bytes = g_malloc (BIG);

  memset (bytes, 'x', BIG);
  g_signal_connect (message, "wrote-body-data", G_CALLBACK (on_wrote_data), data);
  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_TAKE, bytes, BIG);
}

static void
on_pause (SoupServer *soup,
          SoupServerMessage *message,
          const char *path,
          GHashTable *query,
          gpointer data)
{
  Fixture *self = data;

  g_set_object (&self->paused, message);
  soup_server_message_pause (message);
}

static void
on_held (SoupServer *soup,
         SoupServerMessage *message,
         const char *path,
         GHashTable *query,
         gpointer data)
{
  TesseraPeer *peer = tessera_peer_get (soup_server_message_get_remote_address (message));

  peer->hold (peer, 60);
  on_pause (soup, message, path, query, data);
}

static void
on_events (SoupServer *soup,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer data)
{
  Fixture *self = data;

  g_set_object (&self->paused, message);
  soup_server_message_set_status (message, 200, NULL);
  soup_message_headers_set_encoding (soup_server_message_get_response_headers (message),
                                     SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
}

static void
on_echo (SoupServer *soup,
         SoupServerMessage *message,
         const char *path,
         GHashTable *query,
         gpointer data)
{
  g_autoptr (GBytes) body
      = soup_message_body_flatten (soup_server_message_get_request_body (message));

  ((Fixture *) data)->n_calls++;
  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_COPY,
                                    g_bytes_get_data (body, NULL), g_bytes_get_size (body));
}

static void
on_peer (SoupServer *soup,
         SoupServerMessage *message,
         const char *path,
         GHashTable *query,
         gpointer data)
{
  GSocketAddress *address = soup_server_message_get_remote_address (message);
  g_autofree char *text = G_IS_INET_SOCKET_ADDRESS (address)
                              ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address))
                              : g_strdup ("unix");
  g_autofree char *line
      = g_strdup_printf ("[%s%s]", text, tessera_peer_get (address)->secure ? " secure" : "");

  respond (message, line);
}

static void
on_local (SoupServer *soup,
          SoupServerMessage *message,
          const char *path,
          GHashTable *query,
          gpointer data)
{
  GSocketAddress *address = soup_server_message_get_local_address (message);
  g_autofree char *text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
  g_autofree char *line = g_strdup_printf ("[%s]", text);

  respond (message, line);
}

static void
on_any (SoupServer *soup,
        SoupServerMessage *message,
        const char *path,
        GHashTable *query,
        gpointer data)
{
  Fixture *self = data;

  self->n_calls++;
  if (g_str_equal (path, "/hidden"))
    self->n_hidden++;
  respond (message, path);
}

static void
on_close_all (SoupServer *soup,
              SoupServerMessage *message,
              const char *path,
              GHashTable *query,
              gpointer data)
{
  Fixture *self = data;

  respond (message, "last");
  tessera_listener_close (self->listener);
  g_clear_object (&self->listener);
}

/* Waits within itself until somebody else was answered. */
static void
on_nested (SoupServer *soup,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer data)
{
  Fixture *self = data;
  guint before = self->n_calls;

  while (self->n_calls == before)
    g_main_context_iteration (NULL, TRUE);
  respond (message, "nested");
}

/* Takes the stream from libsoup, writes what the query says, and ends it. */
static void
on_steal (SoupServer *soup,
          SoupServerMessage *message,
          const char *path,
          GHashTable *query,
          gpointer data)
{
  const char *text = query != NULL ? g_hash_table_lookup (query, "say") : NULL;
  g_autoptr (GIOStream) stream = soup_server_message_steal_connection (message);
  GInputStream *input = g_io_stream_get_input_stream (stream);
  GOutputStream *output = g_io_stream_get_output_stream (stream);
  g_autoptr (GError) error = NULL;
  char buffer[10];

  /* All of the request was read, and more will not come before the answer. */
  g_assert_cmpint (g_input_stream_read (input, buffer, sizeof buffer, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  if (text != NULL)
    g_output_stream_write_all (output, text, strlen (text), NULL, NULL, NULL);
  if (text != NULL && g_str_has_suffix (text, "whole"))
    g_assert_cmpint (g_input_stream_read (input, buffer, sizeof buffer, NULL, NULL), ==, 0);
  g_io_stream_close (stream, NULL, NULL);
}

static void
on_stolen_read (GObject *stream, GAsyncResult *result, gpointer data)
{
  Fixture *self = data;
  gssize got = g_input_stream_read_finish (G_INPUT_STREAM (stream), result, NULL);

  if (got > 0)
    g_string_append_len (self->stolen_heard, self->stolen_buffer, got);
  self->stolen_ended = got <= 0;
}

/* Takes the stream, answers as the HTTP server that it takes itself for, and waits for more. */
static void
on_thief (SoupServer *soup,
          SoupServerMessage *message,
          const char *path,
          GHashTable *query,
          gpointer data)
{
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthief";
  Fixture *self = data;

  self->stolen = soup_server_message_steal_connection (message);
  g_output_stream_write_all (g_io_stream_get_output_stream (self->stolen), answer, strlen (answer),
                             NULL, NULL, NULL);
  g_input_stream_read_async (g_io_stream_get_input_stream (self->stolen), self->stolen_buffer,
                             sizeof self->stolen_buffer, G_PRIORITY_DEFAULT, NULL, on_stolen_read,
                             self);
}

/* Switches to a protocol of its own: says hello, says no more, and repeats nothing. */
static void
on_tunnel (SoupServer *soup,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer data)
{
  static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello";
  Fixture *self = data;
  char buffer[10];

  self->tunnel = soup_server_message_steal_connection (message);
  g_output_stream_write_all (g_io_stream_get_output_stream (self->tunnel), hello, strlen (hello),
                             NULL, NULL, NULL);
  g_input_stream_read (g_io_stream_get_input_stream (self->tunnel), buffer, sizeof buffer, NULL,
                       NULL);
}

/* Its client is gone before it says anything. */
static void
on_vanish (SoupServer *soup,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer data)
{
  struct linger reset = { 1, 0 };
  Fixture *self = data;

  setsockopt (self->vanishing, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close (self->vanishing);
  self->vanishing = -1;
  on_big (soup, message, path, query, data);
}

static void
on_websocket_message (SoupWebsocketConnection *socket, int type, GBytes *bytes, Fixture *self)
{
  char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  g_ptr_array_add (self->messages, text);
  soup_websocket_connection_send_text (socket, text);
}

static void
on_websocket_closed (SoupWebsocketConnection *socket, Fixture *self)
{
  self->n_closed++;
  g_object_unref (socket);
}

static void
on_websocket (SoupServer *soup,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *socket,
              gpointer data)
{
  g_object_ref (socket);
  g_signal_connect (socket, "message", G_CALLBACK (on_websocket_message), data);
  g_signal_connect (socket, "closed", G_CALLBACK (on_websocket_closed), data);
}

static void
listen_on (Fixture *self, const char *const *proxies)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;

  tessera_listener_add_address (self->listener, any, NULL, proxies, &address, &error);
  g_assert_no_error (error);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
}

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  self->soup = soup_server_new (NULL, NULL);
  self->messages = g_ptr_array_new_with_free_func (g_free);
  self->stolen_heard = g_string_new (NULL);
  soup_server_add_handler (self->soup, NULL, on_any, self, NULL);
  soup_server_add_handler (self->soup, "/big", on_big, self, NULL);
  soup_server_add_handler (self->soup, "/pause", on_pause, self, NULL);
  soup_server_add_handler (self->soup, "/held", on_held, self, NULL);
  soup_server_add_handler (self->soup, "/events", on_events, self, NULL);
  soup_server_add_handler (self->soup, "/echo", on_echo, self, NULL);
  soup_server_add_handler (self->soup, "/peer", on_peer, self, NULL);
  soup_server_add_handler (self->soup, "/local", on_local, self, NULL);
  soup_server_add_handler (self->soup, "/nested", on_nested, self, NULL);
  soup_server_add_handler (self->soup, "/close", on_close_all, self, NULL);
  soup_server_add_handler (self->soup, "/steal", on_steal, self, NULL);
  soup_server_add_handler (self->soup, "/thief", on_thief, self, NULL);
  soup_server_add_handler (self->soup, "/tunnel", on_tunnel, self, NULL);
  soup_server_add_handler (self->soup, "/vanish", on_vanish, self, NULL);
  soup_server_add_websocket_handler (self->soup, "/ws", NULL, NULL, on_websocket, self, NULL);
  self->listener = tessera_listener_new (self->soup);
  listen_on (self, NULL);
}

static void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  g_clear_object (&self->paused);
  g_clear_object (&self->tunnel);
  g_clear_object (&self->stolen);
  if (self->listener != NULL)
    g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  g_clear_object (&self->listener);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_object (&self->soup);
  g_ptr_array_unref (self->messages);
  g_string_free (self->stolen_heard, TRUE);
}

/* Clients */

static Client *
client_new (Fixture *fixture)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (fixture->port) };
  Client *self = g_new0 (Client, 1);
  int small = 65536;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  self->fixture = fixture;
  self->heard = g_string_new (NULL);
  self->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (self->fd, >=, 0);
  setsockopt (self->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  g_assert_cmpint (connect (self->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return self;
}

static void
client_free (Client *self)
{
  close (self->fd);
  g_string_free (self->heard, TRUE);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Client, client_free)

static void
say_bytes (Client *self, const char *bytes, gsize length)
{
  g_assert_cmpint (send (self->fd, bytes, length, MSG_NOSIGNAL), ==, length);
}

static void
say (Client *self, const char *text)
{
  say_bytes (self, text, strlen (text));
}

/* One turn of both sides. */
static void
turn (Client *self)
{
  char bytes[65536];
  gssize got = 0;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  got = recv (self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got > 0)
    g_string_append_len (self->heard, bytes, got);
  else if (got == 0 || errno != EAGAIN)
    self->ended = TRUE;
  else
    g_usleep (200);
}

/* And until there is nothing more to do, however slow the machine is. */
static void
iterate_for_ms (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND;
  gboolean did = TRUE;

  while (did || g_get_monotonic_time () < end)
    {
      did = g_main_context_iteration (NULL, FALSE);
      if (!did)
        g_usleep (500);
    }
}

/* Until @text was heard; it is taken out with what came before it. */
static void
hear (Client *self, const char *text)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;
  const char *found = NULL;

  while ((found = strstr (self->heard->str, text)) == NULL)
    {
      if (self->ended || g_get_monotonic_time () > end)
        g_error ("no '%s' in '%.500s'%s", text, self->heard->str, self->ended ? ", the end" : "");
      turn (self);
    }
  g_string_erase (self->heard, 0, found - self->heard->str + (gssize) strlen (text));
}

static void
hear_end (Client *self)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  while (!self->ended)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      turn (self);
    }
}

static void
wait_for_connections (Fixture *self, guint n)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  while (tessera_listener_get_n_connections (self->listener) != n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (200);
    }
}

static void
wait_for_paused (Fixture *self)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  while (self->paused == NULL)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (200);
    }
}

static guint
count_descriptors (void)
{
  DIR *folder = opendir ("/proc/self/fd");
  guint count = 0;

  while (readdir (folder) != NULL)
    count++;
  closedir (folder);
  return count;
}

static void
assert_still_serves (Fixture *self)
{
  g_autoptr (Client) client = client_new (self);

  say (client, GET_CLOSE);
  hear (client, "200 OK");
  hear_end (client);
}

/* Requests and answers */

/* The socket that listens there; -1: none. */
static int
find_socket (guint16 port)
{
  int listens = 0;

  for (int fd = 0; fd < 1024; fd++)
    {
      struct sockaddr_in address = { 0 };
      socklen_t length = sizeof address, size = sizeof listens;

      if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0
          && getsockname (fd, (struct sockaddr *) &address, &length) == 0
          && address.sin_family == AF_INET && ntohs (address.sin_port) == port)
        return fd;
    }
  return -1;
}

static guint
get_longest_backlog (void)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents ("/proc/sys/net/core/somaxconn", &text, NULL, NULL));
  return (guint) g_ascii_strtoull (text, NULL, 10);
}

/* Of a socket that listens the kernel tells it in a field that has another name. */
static void
test_crowd_waits_in_the_kernel (Fixture *self, gconstpointer data)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;

  g_assert_cmpint (getsockopt (find_socket (self->port), IPPROTO_TCP, TCP_INFO, &info, &length), ==,
                   0);
  g_assert_cmpuint (info.tcpi_sacked, ==, MIN (4096, get_longest_backlog ()));
}

static void
test_keeps_the_connection (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < 50; i++)
    {
      say (client, i % 2 == 0 ? GET : POST_ECHO);
      hear (client, "HTTP/1.1 200 OK\r\n");
      hear (client, i % 2 == 0 ? "\r\n\r\n/" : "\r\n\r\nhello");
      g_assert_cmpuint (client->heard->len, ==, 0);
    }
  g_assert_cmpuint (self->n_calls, ==, 50);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 1);
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
}

static void
test_pipelined_are_answered_in_order (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; i < 100; i++)
    g_string_append_printf (all, "GET /n%u. HTTP/1.1\r\nHost: a\r\n\r\n" POST_ECHO, i);
  say (client, all->str);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *path = g_strdup_printf ("\r\n\r\n/n%u.", i);

      hear (client, path);
      hear (client, "\r\n\r\nhello");
    }
  g_assert_cmpuint (self->n_calls, ==, 200);
}

/* More than are answered in one turn. */
static void
test_many_pipelined_leave_others_their_turn (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  g_autoptr (GString) all = g_string_new (NULL);

  say (client, GET);
  hear (client, "\r\n\r\n/");
  for (guint i = 0; i < 100; i++)
    g_string_append_printf (all, "GET /n%u. HTTP/1.1\r\nHost: a\r\n\r\n", i);
  say (client, all->str);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *path = g_strdup_printf ("\r\n\r\n/n%u.", i);

      hear (client, path);
    }
  g_assert_cmpuint (self->n_calls, ==, 101);
}

static void
test_pipelined_wait_for_a_late_answer (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client,
       "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n" GET "GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  iterate_for_ms (20);
  g_assert_cmpuint (self->n_calls, ==, 0);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (client, "\r\n\r\nlate");
  hear (client, "\r\n\r\n/");
  hear (client, "\r\n\r\n/last");
}

static void
test_requests_come_in_any_pieces (Fixture *self, gconstpointer data)
{
  static const char two[] = POST_ECHO GET;

  for (gsize at = 1; at < sizeof two - 1; at++)
    {
      g_autoptr (Client) client = client_new (self);

      say_bytes (client, two, at);
      iterate_for_ms (1);
      say (client, two + at);
      hear (client, "\r\n\r\nhello");
      hear (client, "\r\n\r\n/");
    }

  g_autoptr (Client) slow = client_new (self);
  for (gsize at = 0; at < sizeof two - 1; at++)
    {
      say_bytes (slow, two + at, 1);
      turn (slow);
    }
  hear (slow, "\r\n\r\nhello");
  hear (slow, "\r\n\r\n/");
}

static void
test_nothing_runs_before_the_body_is_there (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell");
  iterate_for_ms (30);
  g_assert_cmpuint (self->n_calls, ==, 0);
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  say (client, "o");
  hear (client, "\r\n\r\nhello");
  g_assert_cmpuint (self->n_calls, ==, 1);
}

static void
test_largest_body_is_read (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  g_autofree char *body = g_strnfill (65536, 'b');

  say (client, GET); /* whose buffer is too small for the next */
  hear (client, "\r\n\r\n/");
  say (client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n");
  say (client, body);
  hear (client, "\r\n\r\n");
  while (client->heard->len < 65536)
    turn (client);
  g_assert_cmpstr (client->heard->str, ==, body);

  g_autoptr (Client) other = client_new (self);
  say (other, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n");
  hear (other, "HTTP/1.1 413 ");
  hear_end (other);
}

static void
test_continue_is_sent (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < 3; i++)
    {
      say (client,
           "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
      hear (client, "HTTP/1.1 100 Continue\r\n\r\n");
      g_assert_cmpuint (self->n_calls, ==, i);
      say (client, "hello");
      hear (client, "HTTP/1.1 200 OK\r\n");
      hear (client, "Date: ");
      hear (client, "\r\n\r\nhello");
    }
}

static void
test_head_has_no_body (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" GET);
  hear (client, "Content-Length: 4\r\n\r\nHTTP/1.1 200 OK\r\n");
  hear (client, "\r\n\r\n/");
}

static void
test_refusal_is_read_and_ends_the_connection (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *text;
    const char *answer;
  } cases[] = {
    { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
    { "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 Bad Request\r\n" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 4" },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", "HTTP/1.1 400 " },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Client) client = client_new (self);
      g_autofree char *more = g_strnfill (30000, 'z');

      say (client, cases[i].text);
      say (client, "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
      say (client, more);
      hear (client, cases[i].answer);
      hear (client, "Date: ");
      hear (client, "Connection: close");
      hear (client, "Content-Length: ");
      hear (client, "\r\n\r\n");
      hear_end (client);
      g_assert_null (strstr (client->heard->str, "HTTP/1.1"));
    }
  g_assert_cmpuint (self->n_calls, ==, 0);
  g_assert_cmpuint (self->n_hidden, ==, 0);
}

static void
test_connection_ends_when_asked (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  g_autoptr (Client) old = client_new (self);

  say (client, GET_CLOSE GET);
  hear (client, "Connection: close");
  hear (client, "\r\n\r\n/");
  hear_end (client);
  g_assert_cmpuint (client->heard->len, ==, 0);

  say (old, "GET / HTTP/1.0\r\n\r\n");
  hear (old, "HTTP/1.0 200 OK\r\n");
  hear (old, "\r\n\r\n/");
  hear_end (old);
  wait_for_connections (self, 0);
}

static void
test_half_closed_client_gets_its_answer (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n" GET);
  shutdown (client->fd, SHUT_WR);
  wait_for_paused (self);
  iterate_for_ms (20);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (client, "\r\n\r\nlate");
  hear (client, "\r\n\r\n/");
  hear_end (client);
}

static void
test_requests_of_a_connection_are_counted (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "requests-per-connection", 3, NULL);
  say (client, GET GET GET GET);
  for (guint i = 0; i < 3; i++)
    hear (client, "HTTP/1.1 200 OK\r\n");
  hear (client, "Connection: close");
  hear_end (client);
  g_assert_cmpuint (self->n_calls, ==, 3);
}

/* Large and endless answers */

static void
test_large_answer_waits_for_its_reader (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  gsize total = 0;

  say (client, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n" GET);
  iterate_for_ms (300);
  g_assert_cmpuint (self->written, >, 0);
  g_assert_cmpuint (self->written, <, BIG - 1024 * 1024);
  hear (client, "\r\n\r\n");
  while (total + client->heard->len < BIG)
    {
      total += client->heard->len;
      g_string_truncate (client->heard, 0);
      g_assert_false (client->ended);
      turn (client);
    }
  g_string_erase (client->heard, 0, (gssize) (BIG - total));
  hear (client, "HTTP/1.1 200 OK\r\n");
  hear (client, "\r\n\r\n/");
}

/* It has not only come to an end, behind what is still to be read: the kernel keeps nothing. */
static gboolean
is_reset (Client *self)
{
  struct pollfd poll_fd = { .fd = self->fd };

  return poll (&poll_fd, 1, 1000) == 1 && (poll_fd.revents & POLLERR) != 0;
}

static void
test_stalled_reader_is_cut (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "write-timeout", 100, NULL);
  say (client, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_connections (self, 1);
  wait_for_connections (self, 0);
  g_assert_true (is_reset (client));
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  g_assert_cmpuint (self->written, <, BIG);
}

/* RFC 9112 §9.3: nobody of that time is spoken to for longer than it must be. */
static void
test_old_clients_are_not_kept (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  hear (client, "\r\n\r\n/old");
  hear_end (client);
}

static void
send_event (Fixture *self, const char *text)
{
  soup_message_body_append (soup_server_message_get_response_body (self->paused), SOUP_MEMORY_COPY,
                            text, strlen (text));
  soup_server_message_unpause (self->paused);
}

static void
test_events_are_sent_as_they_come (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "answer-timeout", 50, "idle-timeout", 50, "write-timeout", 50,
                NULL);
  say (client, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "Transfer-Encoding: chunked");
  iterate_for_ms (150);
  for (guint i = 0; i < 3; i++)
    {
      send_event (self, "data: x\n\n");
      hear (client, "9\r\ndata: x\n\n\r\n");
    }
  g_object_set (self->listener, "idle-timeout", 15000, NULL);
  soup_message_body_complete (soup_server_message_get_response_body (self->paused));
  soup_server_message_unpause (self->paused);
  hear (client, "0\r\n\r\n");
  say (client, GET);
  hear (client, "\r\n\r\n/");
}

static void
test_deserted_event_stream_ends (Fixture *self, gconstpointer data)
{
  Client *client = client_new (self);

  say (client, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\r\n\r\n");
  client_free (client);
  wait_for_connections (self, 0);
  send_event (self, "data: x\n\n"); /* into the void */
  iterate_for_ms (20);
  assert_still_serves (self);
}

/* An answer in pieces that nobody reads: what is unsent goes with its connection. */
static void
test_a_connection_may_be_cut (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  g_autoptr (GSocketAddress) address
      = g_object_ref (soup_server_message_get_remote_address (self->paused));
  TesseraPeer *peer = tessera_peer_get (address);
  peer->cut (peer);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 0);
  g_assert_true (peer->gone);
  peer->cut (peer); /* again does no harm */
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  iterate_for_ms (20);
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  assert_still_serves (self);
}

static void
on_peer_changed (gpointer data)
{
  ++*(guint *) data;
}

/* libsoup, and who writes by it, hold on to what is known of who is there. */
static void
test_a_peer_outlives_its_connection (Fixture *self, gconstpointer data)
{
  Client *client = client_new (self);
  guint changes = 0;

  say (client, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\r\n\r\n");
  g_autoptr (GSocketAddress) address
      = g_object_ref (soup_server_message_get_remote_address (self->paused));
  TesseraPeer *peer = tessera_peer_get (address);
  peer->changed = on_peer_changed;
  peer->changed_data = &changes;
  g_assert_false (peer->gone);
  client_free (client);
  wait_for_connections (self, 0);
  g_assert_cmpuint (changes, ==, 1);
  g_assert_true (peer->gone);
  g_assert_cmpuint (peer->get_unsent (peer), ==, 0);
  peer->hold (peer, 60);
  peer->cut (peer);
  assert_still_serves (self);
}

/* Whoever writes looks there whether its reader is too slow. */
static void
test_what_could_not_be_sent_is_told (Fixture *self, gconstpointer data)
{
  g_autofree char *event = g_strnfill (BIG, 'x');
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\r\n\r\n");
  TesseraPeer *peer = tessera_peer_get (soup_server_message_get_remote_address (self->paused));
  g_assert_cmpuint (peer->get_unsent (peer), ==, 0);
  send_event (self, event);
  iterate_for_ms (20);
  g_assert_cmpuint (peer->get_unsent (peer), >, OUT_LOW);
  while (client->heard->len < BIG)
    turn (client);
  g_assert_cmpuint (peer->get_unsent (peer), ==, 0);
  soup_message_body_complete (soup_server_message_get_response_body (self->paused));
  soup_server_message_unpause (self->paused);
  hear (client, "\r\n0\r\n\r\n");
}

static void
test_client_may_leave_before_the_answer (Fixture *self, gconstpointer data)
{
  struct linger reset = { 1, 0 };
  Client *client = client_new (self);

  say (client, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  setsockopt (client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client_free (client);
  wait_for_connections (self, 0);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  iterate_for_ms (20);
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  assert_still_serves (self);
}

/* WebSockets */

#define HANDSHAKE                                                                                  \
  "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define FRAME_HI "\x81\x82\x01\x01\x01\x01\x69\x68" /* masked by ones */
#define FRAME_CLOSE "\x88\x80\x01\x01\x01\x01"

static void
test_websocket_is_a_tunnel (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "idle-timeout", 50, "answer-timeout", 50, NULL);
  say (client, HANDSHAKE FRAME_HI); /* the first frame with the head */
  hear (client, "HTTP/1.1 101 ");
  hear (client, "\r\n\r\n");
  hear (client, "\x81\x02hi");
  iterate_for_ms (150); /* no deadline of HTTP's applies */
  for (guint i = 0; i < 20; i++)
    {
      say (client, FRAME_HI);
      hear (client, "\x81\x02hi");
    }
  g_assert_cmpuint (self->messages->len, ==, 21);
  say (client, FRAME_CLOSE);
  hear (client, "\x88");
  hear_end (client);
  wait_for_connections (self, 0);
  g_assert_cmpuint (self->n_closed, ==, 1);
}

static void
test_deserted_websocket_ends (Fixture *self, gconstpointer data)
{
  Client *client = client_new (self);

  say (client, HANDSHAKE);
  hear (client, "HTTP/1.1 101 ");
  client_free (client);
  wait_for_connections (self, 0);
  g_assert_cmpuint (self->n_closed, ==, 1);
}

static void
test_refused_upgrade_is_an_answer (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /no HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  hear (client, "HTTP/1.1 200 OK\r\n");
  hear (client, "\r\n\r\n/no");
  say (client, GET);
  hear (client, "\r\n\r\n/");
}

/* Deadlines */

static void
test_slow_head_ends_in_all (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  g_autofree char *head = g_strconcat ("GET / HTTP/1.1\r\nHost: a\r\nX: ", NULL);
  guint n_bytes = 0;

  g_object_set (self->listener, "head-timeout", 200, NULL);
  say (client, head);
  while (client->heard->len == 0 && n_bytes < 1000)
    {
      g_assert_false (client->ended);
      send (client->fd, "x", 1, MSG_NOSIGNAL);
      n_bytes++;
      iterate_for_ms (10);
      turn (client);
    }
  g_assert_cmpuint (n_bytes, <, 1000); /* it ended while they still came */
  hear (client, "HTTP/1.1 408 Request Timeout\r\n");
  hear_end (client);
  g_assert_cmpuint (self->n_calls, ==, 0);
}

static void
test_missing_body_ends (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "body-timeout", 50, NULL);
  say (client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  hear (client, "HTTP/1.1 408 ");
  hear_end (client);
  g_assert_cmpuint (self->n_calls, ==, 0);
}

static void
test_idle_connections_end (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) silent = client_new (self);
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "idle-timeout", 80, NULL);
  say (client, GET);
  hear (client, "\r\n\r\n/");
  hear_end (client);
  hear_end (silent);
  g_assert_cmpuint (client->heard->len + silent->heard->len, ==, 0);
  wait_for_connections (self, 0);
}

static void
test_pressed_listener_waits_less (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) first = client_new (self);

  g_object_set (self->listener, "connections", 2, "pressed-idle-timeout", 50, NULL);
  say (first, GET);
  hear (first, "\r\n\r\n/");
  iterate_for_ms (120);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 1);
  g_autoptr (Client) second = client_new (self);
  say (second, GET);
  hear (second, "\r\n\r\n/");
  hear_end (first);
}

static void
test_late_answer_is_not_waited_for (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "answer-timeout", 50, NULL);
  say (client, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "HTTP/1.1 503 Service Unavailable\r\n");
  hear (client, "Retry-After: ");
  hear_end (client);
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  soup_server_message_unpause (self->paused);
  iterate_for_ms (20);
}

static void
test_held_answer_has_its_own_time (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "answer-timeout", 50, NULL);
  say (client, "GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  iterate_for_ms (150);
  respond (self->paused, "in the end");
  soup_server_message_unpause (self->paused);
  hear (client, "\r\n\r\nin the end");
}

/* Limits */

static void
test_oldest_idle_makes_way (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) busy = client_new (self);

  g_object_set (self->listener, "connections", 3, "pressed-idle-timeout", 60000, NULL);
  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  g_autoptr (Client) oldest = client_new (self);
  say (oldest, GET);
  hear (oldest, "\r\n\r\n/");
  g_autoptr (Client) younger = client_new (self);
  say (younger, GET);
  hear (younger, "\r\n\r\n/");
  g_autoptr (Client) fresh = client_new (self);
  say (fresh, GET);
  hear (fresh, "\r\n\r\n/");
  hear_end (oldest);
  say (younger, GET);
  hear (younger, "\r\n\r\n/");
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (busy, "\r\n\r\nlate");
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 3);
}

/* @size bytes of the head of a request that goes on. */
static void
say_half_a_head (Client *self, gsize size)
{
  g_autofree char *filler = g_strnfill (size - strlen ("GET / HTTP/1.1\r\nX: "), 'x');

  say (self, "GET / HTTP/1.1\r\nX: ");
  say (self, filler);
  iterate_for_ms (20);
}

/* @size bytes of a body that goes on, behind its head. */
static void
say_half_a_body (Client *self, gsize size)
{
  g_autofree char *filler = g_strnfill (size, 'x');

  say (self, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
  say (self, filler);
  iterate_for_ms (20);
}

static void
test_oldest_half_makes_way (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) oldest = client_new (self);
  g_autoptr (Client) younger = client_new (self);
  g_autoptr (Client) youngest = client_new (self);

  g_object_set (self->listener, "buffer-size", 5000, NULL);
  say_half_a_body (oldest, 1950);
  say_half_a_head (younger, 2000);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 3);
  say_half_a_head (youngest, 2000);
  hear (oldest, "HTTP/1.1 503 Service Unavailable\r\n");
  hear (oldest, "Retry-After: ");
  hear_end (oldest);
  say (younger, "\r\nHost: a\r\n\r\n");
  hear (younger, "HTTP/1.1 200 OK\r\n");
  say (youngest, "\r\nHost: a\r\n\r\n");
  hear (youngest, "HTTP/1.1 200 OK\r\n");
}

static void
test_one_request_has_its_share_only (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "buffer-size", 3000, NULL);
  say_half_a_head (client, 3100);
  hear (client, "HTTP/1.1 503 Service Unavailable\r\n");
  hear_end (client);
  assert_still_serves (self);
}

/* What libsoup has cannot be taken back. */
static void
test_request_is_refused_where_there_is_no_room (Fixture *self, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (2500, 'x');
  g_autofree char *large
      = g_strdup_printf ("GET /pause HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", filler);
  g_autoptr (Client) busy = client_new (self);
  g_autoptr (Client) refused = client_new (self);

  g_object_set (self->listener, "buffer-size", 3000, NULL);
  say (busy, large);
  wait_for_paused (self);
  assert_still_serves (self);
  say (refused, large);
  hear (refused, "HTTP/1.1 503 Service Unavailable\r\n");
  hear (refused, "Retry-After: ");
  hear_end (refused);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (busy, "\r\n\r\nlate");
  g_clear_object (&self->paused);
  say (busy, large);
  wait_for_paused (self);
  respond (self->paused, "again");
  soup_server_message_unpause (self->paused);
  hear (busy, "\r\n\r\nagain");
}

/* Until an answer fills what the kernel takes, and as much of what we keep as has the writer wait.
 */
static void
wait_for_stall (TesseraServer *server)
{
  static const char name[] = "\ntessera_buffered_bytes ";
  gint64 end = g_get_monotonic_time () + PATIENCE_US;
  double held = 0;

  while (held <= OUT_LOW || g_main_context_pending (NULL))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (200);
      g_autofree char *metrics = tessera_server_dup_metrics (server);
      held = g_ascii_strtod (strstr (metrics, name) + strlen (name), NULL);
    }
}

static void
test_stalled_reader_makes_way (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_autoptr (Client) oldest = client_new (self);
  g_autoptr (Client) younger = client_new (self);

  g_assert_true (tessera_server_wait_ready (server, NULL));
  tessera_server_add_listener (server, self->listener); /* for what it counts */
  g_object_set (self->listener, "buffer-size", OUT_MAX + OUT_LOW - 4096, NULL);
  say (oldest, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_stall (server);
  wait_for_connections (self, 2);
  say (younger, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_connections (self, 1);
  g_assert_true (is_reset (oldest));
  while (younger->heard->len < BIG)
    turn (younger);
  assert_still_serves (self);
  tessera_server_close (server);
}

/* A buffer that is kept for the next request has nothing of the one before. */
static void
test_what_was_answered_is_overwritten (void)
{
  static const char nothing[16] = "";
  TesseraGateBuffers buffers = { NULL };

  tessera_gate_buffers_init (&buffers);
  GString *string = tessera_gate_buffers_borrow_string (&buffers, 100);
  g_string_append (string, "Basic c2VjcmV0Og");
  const char *at = string->str;
  tessera_gate_buffers_return_string (&buffers, string);
  g_assert_cmpmem (at, sizeof nothing, nothing, sizeof nothing);

  GByteArray *array = tessera_gate_buffers_borrow_array (&buffers);
  g_byte_array_append (array, (const guint8 *) "Location: ?code=", 16);
  const guint8 *bytes = array->data;
  tessera_gate_buffers_return_array (&buffers, array);
  g_assert_cmpmem (bytes, sizeof nothing, nothing, sizeof nothing);
  tessera_gate_buffers_clear (&buffers);
}

#define MASK 0x5a
#define CANARY_SIZE 24                  /* an allocator writes to the beginning of what is freed */
#define MAPPING_MAX (256 * 1024 * 1024) /* a sanitizer's own are larger, and not for us */

/* How often the unmasked @canary lies in @bytes; it is never unmasked for it. */
static guint
count_canaries (const guint8 *bytes, gsize length, const guint8 *canary)
{
  const guint8 *at = bytes, *end = bytes + length;
  guint count = 0;

  while (end - at >= CANARY_SIZE
         && (at = memchr (at, canary[0] ^ MASK, (gsize) (end - at) - CANARY_SIZE + 1)) != NULL)
    {
      guint i = 1;

      while (i < CANARY_SIZE && at[i] == (canary[i] ^ MASK))
        i++;
      count += i == CANARY_SIZE;
      at++;
    }
  return count;
}

/* In all memory of this process that can be written. What is read of it lies in shared memory,
 * which is not searched. */
static guint
search_memory (const guint8 *canary)
{
  g_autofree char *text = NULL;
  int fd = open ("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  guint8 *bytes = mmap (NULL, MAPPING_MAX, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  guint count = 0;

  g_assert_true (bytes != MAP_FAILED);
  g_assert_true (g_file_get_contents ("/proc/self/maps", &text, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long start = 0, end = 0;
      char flags[5] = "";

      if (sscanf (lines[i], "%lx-%lx %4s", &start, &end, flags) != 3 || !g_str_equal (flags, "rw-p")
          || end - start > MAPPING_MAX)
        continue;
      gssize got = pread (fd, bytes, end - start, (off_t) start);
      if (got > 0)
        count += count_canaries (bytes, (gsize) got, canary);
    }
  munmap (bytes, MAPPING_MAX);
  close (fd);
  return count;
}

/* The kernel keeps it until it is read: of our own there is none that is not overwritten. */
static void
say_canary (Client *self, const guint8 *canary)
{
  guint8 bytes[CANARY_SIZE];

  for (guint i = 0; i < CANARY_SIZE; i++)
    bytes[i] = canary[i] ^ MASK;
  g_assert_cmpint (send (self->fd, bytes, sizeof bytes, 0), ==, sizeof bytes);
  explicit_bzero (bytes, sizeof bytes);
}

/* A password of which the rest never came. */
static void
test_half_a_request_leaves_nothing_behind (Fixture *self, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (20000, 'x');
  guint8 canary[CANARY_SIZE];
  Client *client = client_new (self);

  mallopt (M_PERTURB, 0); /* else the C library might overwrite it */
  for (guint i = 0; i < CANARY_SIZE; i++)
    canary[i] = (guint8) g_random_int ();
  say (client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
  say_bytes (client, filler, 3000); /* what is freed is used again from its start */
  say_canary (client, canary);
  iterate_for_ms (20);
  g_assert_cmpuint (search_memory (canary), ==, 1);
  say (client, filler); /* what was kept has to move */
  iterate_for_ms (20);
  g_assert_cmpuint (search_memory (canary), ==, 1);
  client_free (client);
  wait_for_connections (self, 0);
  g_assert_cmpuint (search_memory (canary), ==, 0);
}

/* A secret in a request that the gate answers itself: all of ours who had it have overwritten it.
 */
static void
test_what_is_answered_directly_leaves_nothing_behind (Fixture *self, gconstpointer data)
{
  static const char form[] = "client_id=c1&client_secret=", rest[] = "&token=x";
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_autoptr (Client) client = client_new (self);
  g_autoptr (GError) error = NULL;
  guint8 canary[CANARY_SIZE];

  for (guint i = 0; i < CANARY_SIZE; i++)
    canary[i] = (guint8) g_random_int_range ('a', 'z' + 1) ^ MASK;
  tessera_server_wait_ready (server, &error);
  g_assert_no_error (error);
  tessera_server_add_listener (server, self->listener);
  g_object_set (self->listener, "direct-endpoints", TRUE, NULL);
  g_autofree char *head = g_strdup_printf (
      "POST /introspect HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
      strlen (form) + CANARY_SIZE + strlen (rest), form);
  say (client, head);
  say_canary (client, canary);
  iterate_for_ms (20);
  g_assert_cmpuint (search_memory (canary), >, 0);
  say (client, rest);
  hear (client, "invalid_client");
  iterate_for_ms (20);
  g_assert_cmpuint (search_memory (canary), ==, 0);
  tessera_server_close (server);
}

/* The end of a secret in an answer, which is nowhere else of what is searched. */
static void
hear_secret (Client *self, const char *before, guint8 *canary)
{
  char *bytes = mmap (NULL, BUFSIZ, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  gint64 end = g_get_monotonic_time () + PATIENCE_US;
  const char *token = NULL;

  while (recv (self->fd, bytes, BUFSIZ - 1, MSG_DONTWAIT) < 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (200);
    }
  token = strstr (bytes, before);
  g_assert_nonnull (token);
  token = strchr (token + strlen (before), '"') - CANARY_SIZE;
  for (guint i = 0; i < CANARY_SIZE; i++)
    canary[i] = (guint8) token[i] ^ MASK;
  explicit_bzero (bytes, BUFSIZ);
  munmap (bytes, BUFSIZ);
}

/* A token is its client's alone, once it is sent. */
static void
test_what_was_issued_leaves_nothing_behind (Fixture *self, gconstpointer data)
{
  static const char *const machine[] = { "client_credentials", NULL };
  static const char form[]
      = "grant_type=client_credentials&client_id=c1&client_secret=secret-of-c1-is-long";
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_autoptr (Client) client = client_new (self);
  guint8 canary[CANARY_SIZE];

  mallopt (M_PERTURB, 0); /* else the C library might overwrite it */
  tessera_server_add_client (server, "App", NULL, "c1", "secret-of-c1-is-long", 3600, FALSE,
                             machine, NULL);
  g_assert_true (tessera_server_wait_ready (server, NULL));
  tessera_server_add_listener (server, self->listener);
  g_object_set (self->listener, "direct-endpoints", TRUE, NULL);
  g_autofree char *request = g_strdup_printf (
      "POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
      strlen (form), form);
  say (client, request);
  hear_secret (client, "\"access_token\":\"", canary);
  iterate_for_ms (20);
  g_assert_cmpuint (search_memory (canary), ==, 0);
  tessera_server_close (server);
}

static void
test_what_was_registered_leaves_nothing_behind (Fixture *self, gconstpointer data)
{
  static const char wish[] = "{\"redirect_uris\":[\"https://a.test/cb\"]}";
  static const char *const secrets[]
      = { "\"client_secret\":\"", "\"registration_access_token\":\"" };

  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    {
      g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
      g_autoptr (TesseraRegistrationPolicy) policy
          = g_object_new (TESSERA_TYPE_REGISTRATION_POLICY, "open", TRUE, NULL);
      g_autoptr (Client) client = client_new (self);
      guint8 canary[CANARY_SIZE];

      mallopt (M_PERTURB, 0); /* as above */
      g_object_set (server, "registration-enabled", TRUE, "registration-policy", policy, NULL);
      g_assert_true (tessera_server_wait_ready (server, NULL));
      tessera_server_add_listener (server, self->listener);
      g_autofree char *request
          = g_strdup_printf ("POST /register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
                             "\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                             strlen (wish), wish);
      say (client, request);
      hear_secret (client, secrets[i], canary);
      iterate_for_ms (20);
      g_assert_cmpuint (search_memory (canary), ==, 0);
      tessera_server_close (server);
    }
}

static void
test_full_listener_lets_others_wait (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) busy = client_new (self);

  log_capture_begin ();
  g_object_set (self->listener, "connections", 1, NULL);
  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  wait_for_paused (self);
  g_autoptr (Client) waiting = client_new (self);
  say (waiting, GET);
  iterate_for_ms (150);
  g_assert_cmpuint (waiting->heard->len, ==, 0);
  g_assert_false (waiting->ended);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (busy, "\r\n\r\nlate");
  hear_end (busy);
  client_free (g_steal_pointer (&busy));
  hear (waiting, "\r\n\r\n/");
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "nobody can be accepted for the moment: *");
}

static void
test_address_has_its_share (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) first = client_new (self);
  g_autoptr (Client) second = client_new (self);

  g_object_set (self->listener, "connections-per-address", 2, NULL);
  say (first, GET);
  hear (first, "\r\n\r\n/");
  say (second, GET);
  hear (second, "\r\n\r\n/");
  g_autoptr (Client) third = client_new (self);
  say (third, GET_CLOSE);
  hear_end (third);
  g_assert_cmpuint (third->heard->len, ==, 0);
  client_free (g_steal_pointer (&first));
  wait_for_connections (self, 1);
  assert_still_serves (self);
}

static void
test_survives_without_descriptors (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) clients = g_ptr_array_new_with_free_func ((GDestroyNotify) client_free);
  struct rlimit before, low;

  for (guint i = 0; i < 20; i++)
    g_ptr_array_add (clients, client_new (self));
  log_capture_begin ();
  getrlimit (RLIMIT_NOFILE, &before);
  low = before;
  low.rlim_cur = count_descriptors () + 5; /* the three of the folder's, and a few more */
  setrlimit (RLIMIT_NOFILE, &low);
  iterate_for_ms (350);
  setrlimit (RLIMIT_NOFILE, &before);
  iterate_for_ms (150);
  assert_still_serves (self);
  log_capture_end ();
}

static void
test_loses_no_descriptors (Fixture *self, gconstpointer data)
{
  guint before = 0;

  assert_still_serves (self);
  wait_for_connections (self, 0);
  before = count_descriptors ();
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (Client) client = client_new (self);

      say (client, i % 3 == 0 ? GET : i % 3 == 1 ? "GET / HTTP/1.1\r\nHo" : GET_CLOSE);
      turn (client);
    }
  wait_for_connections (self, 0);
  g_assert_cmpuint (count_descriptors (), ==, before);
}

/* The end */

static void
on_drained (GObject *listener, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  gboolean done = tessera_listener_drain_finish (TESSERA_LISTENER (listener), result, &error);
  g_assert_cmpint (done, ==, error == NULL);
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  *(char **) data = g_strdup (error != NULL ? error->message : "done");
}

static void
test_drain_answers_who_has_asked (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) idle = client_new (self);
  g_autoptr (Client) busy = client_new (self);
  g_autoptr (Client) half = client_new (self);
  g_autofree char *outcome = NULL;

  say (idle, GET);
  hear (idle, "\r\n\r\n/");
  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n" GET);
  wait_for_paused (self);
  say (half, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  iterate_for_ms (20);
  g_autoptr (Client) waiting = client_new (self); /* not accepted yet */
  say (waiting, GET);

  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  hear_end (idle);
  hear (waiting, "Connection: close");
  hear (waiting, "\r\n\r\n/");
  say (half, "lo");
  hear (half, "Connection: close");
  hear (half, "\r\n\r\nhello");
  g_assert_null (outcome);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (busy, "Connection: close");
  hear (busy, "\r\n\r\nlate");
  hear_end (busy);
  g_assert_cmpuint (busy->heard->len, ==, 0);
  hear_end (waiting);
  hear_end (half);
  client_free (g_steal_pointer (&busy));
  client_free (g_steal_pointer (&waiting));
  client_free (g_steal_pointer (&half));
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");
}

static void
test_drain_can_be_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) busy = client_new (self);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *outcome = NULL;

  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  tessera_listener_drain_async (self->listener, cancellable, on_drained, &outcome);
  iterate_for_ms (20);
  g_assert_null (outcome);
  g_cancellable_cancel (cancellable);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 0);
  hear_end (busy);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, !=, "done");
  soup_server_message_unpause (self->paused);
}

static void
test_drain_may_be_cancelled_before_it_begins (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) busy = client_new (self);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *outcome = NULL;

  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  g_cancellable_cancel (cancellable);
  tessera_listener_drain_async (self->listener, cancellable, on_drained, &outcome);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 0);
  hear_end (busy);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, !=, "done");
  soup_server_message_unpause (self->paused);
}

/* Not by whoever waits for it, but by somebody to whom it takes too long. */
static void
test_drain_that_is_cut_is_not_done (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) busy = client_new (self);
  g_autofree char *outcome = NULL;

  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  iterate_for_ms (20);
  g_assert_null (outcome);
  tessera_listener_close (self->listener);
  hear_end (busy);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "Connections were cut");
  soup_server_message_unpause (self->paused);
}

static void
test_empty_listener_is_drained (Fixture *self, gconstpointer data)
{
  g_autofree char *outcome = NULL;

  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");
}

static void
test_handler_may_end_everything (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /close HTTP/1.1\r\nHost: a\r\n\r\n" GET);
  hear_end (client);
  g_assert_null (self->listener);
}

static void
test_handler_may_run_the_loop (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) waiting = client_new (self);
  g_autoptr (Client) other = client_new (self);

  say (other, GET);
  hear (other, "\r\n\r\n/");
  say (waiting, "GET /nested HTTP/1.1\r\nHost: a\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n");
  say (other,
       "GET /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx HTTP/1.1\r\nHost: bb\r\n\r\n");
  hear (waiting, "\r\n\r\nnested");
  hear (waiting, "\r\n\r\n/behind");
  hear (other, "\r\n\r\n/xxx");
}

/* Where they come from */

static void
test_peer_is_known (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  hear (client, "[127.0.0.1:");
  hear_end (client);
  g_assert_null (strchr (client->heard->str, ' ')); /* nothing but the port: it is not secure */
}

/* The name of a unix socket that the listener listens at. */
static char *
listen_on_unix (Fixture *self)
{
  g_autofree char *folder = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  char *path = g_build_filename (folder, "sock", NULL);
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GError) error = NULL;

  tessera_listener_add_address (self->listener, address, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return path;
}

static void
remove_unix (char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);

  unlink (path);
  rmdir (folder);
  g_free (path);
}

static Client *
unix_client_new (Fixture *fixture, const char *path)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  Client *self = g_new0 (Client, 1);

  g_strlcpy (native.sun_path, path, sizeof native.sun_path);
  self->fixture = fixture;
  self->heard = g_string_new (NULL);
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (self->fd, (struct sockaddr *) &native, sizeof native), ==, 0);
  return self;
}

static void
test_unix_socket_is_served (Fixture *self, gconstpointer data)
{
  char *path = listen_on_unix (self);

  g_object_set (self->listener, "connections-per-address", 1, NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Client) client = unix_client_new (self, path);

      say (client, "GET /peer HTTP/1.0\r\n\r\n");
      hear (client, "[unix]");
      hear_end (client);
    }
  remove_unix (path);
}

#define PROXY_HEADER                                                                               \
  "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x1f\x90\x01\xbb"

/* Over a unix socket, too, only proxies introduce somebody, and that they are some must be said. */
static void
test_unix_strangers_introduce_nobody (Fixture *self, gconstpointer data)
{
  char *path = listen_on_unix (self);

  tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
  g_autoptr (Client) client = unix_client_new (self, path);
  send (client->fd, PROXY_HEADER, sizeof PROXY_HEADER - 1, MSG_NOSIGNAL);
  send (client->fd, GET, strlen (GET), MSG_NOSIGNAL);
  hear_end (client);
  g_assert_cmpuint (client->heard->len, ==, 0);
  g_assert_cmpuint (self->n_calls, ==, 0);
  remove_unix (path);
}

static void
test_proxy_introduces_its_client (Fixture *self, gconstpointer data)
{
  static const char *const proxies[] = { "127.0.0.0/8", NULL };

  listen_on (self, proxies);
  tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
  g_object_set (self->listener, "connections-per-address", 1, NULL);
  g_autoptr (Client) client = client_new (self);
  say_bytes (client, PROXY_HEADER, sizeof PROXY_HEADER - 1);
  say (client, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "[203.0.113.7:8080]");

  /* Whom it speaks for has a share, not the proxy. */
  g_autoptr (Client) same = client_new (self);
  say_bytes (same, PROXY_HEADER, sizeof PROXY_HEADER - 1);
  say (same, GET_CLOSE);
  hear_end (same);
  g_assert_cmpuint (same->heard->len, ==, 0);

  /* In pieces, and then what is no header at all. */
  client_free (g_steal_pointer (&client));
  wait_for_connections (self, 0);
  g_autoptr (Client) slow = client_new (self);
  for (gsize at = 0; at < sizeof PROXY_HEADER - 1; at++)
    {
      say_bytes (slow, PROXY_HEADER + at, 1);
      turn (slow);
    }
  say (slow, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (slow, "[203.0.113.7:8080]");
  g_autoptr (Client) plain = client_new (self);
  say (plain, "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
  hear_end (plain);
  g_assert_cmpuint (self->n_hidden, ==, 0);
}

static void
test_strangers_introduce_nobody (Fixture *self, gconstpointer data)
{
  static const char *const proxies[] = { "10.0.0.1", "unix", NULL };

  listen_on (self, proxies);
  tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
  g_autoptr (Client) client = client_new (self);
  hear_end (client);
  g_assert_cmpuint (client->heard->len, ==, 0);
}

static void
assert_introduces (Fixture *self, gboolean served)
{
  static const char request[] = "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n";
  g_autoptr (Client) client = client_new (self);

  /* It may be gone already. */
  send (client->fd, PROXY_HEADER, sizeof PROXY_HEADER - 1, MSG_NOSIGNAL);
  send (client->fd, request, strlen (request), MSG_NOSIGNAL);
  if (served)
    {
      hear (client, "[203.0.113.7:8080]");
      return;
    }
  hear_end (client);
  g_assert_cmpuint (client->heard->len, ==, 0);
}

/* Of those who connect from then on; a list that is wrong changes nothing, wherever it is for. */
static void
test_proxies_change (Fixture *self, gconstpointer data)
{
  static const char *const others[] = { "10.0.0.1", NULL };
  static const char *const proxies[] = { "127.0.0.1", NULL };
  static const char *const wrong[] = { "127.0.0.1", "proxy.example", NULL };
  g_autoptr (GSocket) elsewhere
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_listener_set_trusted_proxies (self->listener, elsewhere, wrong, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  listen_on (self, others);
  tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
  assert_introduces (self, FALSE);
  g_assert_true (tessera_listener_set_trusted_proxies (self->listener, elsewhere, proxies, &error));
  assert_introduces (self, FALSE);
  g_assert_true (tessera_listener_set_trusted_proxies (self->listener, NULL, proxies, &error));
  assert_introduces (self, TRUE);
  g_assert_false (tessera_listener_set_trusted_proxies (self->listener, NULL, wrong, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  assert_introduces (self, TRUE);

  g_autoptr (Client) before = client_new (self);
  say_bytes (before, PROXY_HEADER, sizeof PROXY_HEADER - 1);
  say (before, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (before, "[203.0.113.7:8080]");
  g_assert_true (tessera_listener_set_trusted_proxies (self->listener, NULL, NULL, &error));
  g_assert_no_error (error);
  assert_introduces (self, FALSE);
  say (before, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (before, "[203.0.113.7:8080]");
}

static void
test_sockets_must_listen (Fixture *self, gconstpointer data)
{
  static const char *const wrong[] = { "proxy.example", NULL };
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_listener_add_socket (self->listener, socket, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (
      tessera_listener_add_address (self->listener, address, NULL, wrong, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  tessera_listener_close (self->listener);
  g_assert_false (tessera_listener_add_address (self->listener, address, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_limits_are_as_documented (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *name;
    guint value;
  } limits[] = { { "connections", 10000 },
                 { "connections-per-address", 64 },
                 { "requests-per-connection", 10000 },
                 { "body-size", 65536 },
                 { "buffer-size", 16 * 1024 * 1024 },
                 { "tls-size", 96 * 1024 * 1024 },
                 { "handshake-timeout", 5000 },
                 { "head-timeout", 10000 },
                 { "body-timeout", 10000 },
                 { "idle-timeout", 15000 },
                 { "pressed-idle-timeout", 5000 },
                 { "answer-timeout", 30000 },
                 { "write-timeout", 10000 } };
  g_autoptr (SoupServer) soup = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      guint value = 0;
      g_object_get (self->listener, limits[i].name, &value, NULL);
      g_assert_cmpuint (value, ==, limits[i].value);
    }
  g_object_get (self->listener, "soup-server", &soup, NULL);
  g_assert_true (soup == self->soup);
}

/* Answers of whoever takes the stream from libsoup */

static void
test_no_answer_is_said (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /steal HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "HTTP/1.1 503 ");
  hear_end (client);
}

static void
test_half_an_answer_is_not_taken_for_whole (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /steal?say=HTTP/1.1%20200%20OK%0D%0AContent-Length:%209%0D%0A%0D%0Ahalf "
               "HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\r\n\r\nhalf");
  hear_end (client);
  g_assert_cmpuint (client->heard->len, ==, 0);
}

static void
test_a_whole_answer_keeps_the_connection (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /steal?say=HTTP/1.1%20200%20OK%0D%0AContent-Length:%205%0D%0A%0D%0Awhole "
               "HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\r\n\r\nwhole");
  say (client, GET);
  hear (client, "\r\n\r\n/");
}

/* Half closed, in both directions; and a reader who stalls for a while. */
static void
test_tunnel_may_be_half_closed (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  g_autofree char *much = g_strnfill (BIG, 'm');
  char buffer[16] = "";

  say (client, "GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  hear (client, "\r\n\r\nhello");
  g_output_stream_write_all (g_io_stream_get_output_stream (self->tunnel), much, strlen (much),
                             NULL, NULL, NULL);
  iterate_for_ms (20);
  for (gsize heard = 0; heard < strlen (much); g_string_truncate (client->heard, 0))
    {
      turn (client);
      heard += client->heard->len;
    }
  g_output_stream_close (g_io_stream_get_output_stream (self->tunnel), NULL, NULL);
  hear_end (client);
  say (client, "still");
  iterate_for_ms (20);
  g_assert_cmpint (g_input_stream_read (g_io_stream_get_input_stream (self->tunnel), buffer,
                                        sizeof buffer, NULL, NULL),
                   ==, 5);
  g_assert_cmpstr (buffer, ==, "still");
  g_io_stream_close (self->tunnel, NULL, NULL);
  wait_for_connections (self, 0);
}

static void
test_client_may_vanish_before_the_first_byte (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  self->vanishing = dup (client->fd);
  close (client->fd);
  client->fd = self->vanishing;
  say (client, "GET /vanish HTTP/1.1\r\nHost: a\r\n\r\n");
  while (self->vanishing >= 0)
    g_main_context_iteration (NULL, TRUE);
  client->fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  wait_for_connections (self, 0);
  assert_still_serves (self);
}

/* Deadlines of several lengths */

static void
test_a_shorter_wait_ends_before_a_longer (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) patient = client_new (self);

  say (patient, GET);
  hear (patient, "\r\n\r\n/");
  g_object_set (self->listener, "idle-timeout", 50, NULL);
  g_autoptr (Client) hasty = client_new (self);
  say (hasty, GET);
  hear (hasty, "\r\n\r\n/");
  hear_end (hasty);
  say (patient, GET_CLOSE);
  hear (patient, "\r\n\r\n/");
}

static void
test_no_time_is_no_deadline (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "answer-timeout", 0, "idle-timeout", 10, NULL);
  say (client, "GET /pause HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  wait_for_paused (self);
  iterate_for_ms (50);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (client, "\r\n\r\nlate");
}

/* Who is asked for more time when the gate is not at work. */
static void
test_answer_may_be_held_later (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "answer-timeout", 500, NULL);
  say (client, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  TesseraPeer *peer = tessera_peer_get (soup_server_message_get_remote_address (self->paused));
  peer->hold (peer, 60);
  iterate_for_ms (600);
  g_assert_cmpuint (client->heard->len, ==, 0);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear (client, "\r\n\r\nlate");
}

/* Who has come and not spoken yet, when it is closed */
static void
test_drain_waits_a_moment_for_the_fresh (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) fresh = client_new (self);
  g_autoptr (Client) silent = client_new (self);
  g_autofree char *outcome = NULL;

  wait_for_connections (self, 2);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  say (fresh, GET);
  hear (fresh, "Connection: close");
  hear (fresh, "\r\n\r\n/");
  client_free (g_steal_pointer (&fresh));
  hear_end (silent);
  client_free (g_steal_pointer (&silent));
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");

  /* And once more, when nobody is left. */
  g_clear_pointer (&outcome, g_free);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");
}

static void
test_no_door_opens_after_a_drain (Fixture *self, gconstpointer data)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (Client) busy = client_new (self);
  g_autofree char *outcome = NULL;
  g_autoptr (GError) error = NULL;

  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  g_assert_false (tessera_listener_add_address (self->listener, any, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear_end (busy);
  client_free (g_steal_pointer (&busy));
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (tessera_listener_add_address (self->listener, any, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_unused_listener_is_drained (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraListener) unused = tessera_listener_new (self->soup);
  g_autofree char *outcome = NULL;

  tessera_listener_drain_async (unused, NULL, on_drained, &outcome);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");
}

static void
assert_nobody_connects (Fixture *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (self->port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, -1);
  g_assert_cmpint (errno, ==, ECONNREFUSED);
  close (fd);
}

/* Else somebody would wait for an answer that nobody gives; and once more is no harm. */
static void
test_nobody_connects_to_what_was_closed (Fixture *self, gconstpointer data)
{
  tessera_listener_close (self->listener);
  assert_nobody_connects (self);
  tessera_listener_close (self->listener);
  assert_nobody_connects (self);
}

static void
test_nobody_connects_to_what_is_drained (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) busy = client_new (self);
  g_autofree char *outcome = NULL;

  say (busy, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_paused (self);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  assert_nobody_connects (self);
  g_assert_null (outcome);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  hear_end (busy);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");
  tessera_listener_close (self->listener);
}

static void
nest_once (SoupServer *soup, SoupServerMessage *message, Fixture *self)
{
  guint before = self->n_calls;

  g_signal_handlers_disconnect_by_func (soup, nest_once, self);
  say (self->meanwhile, "GET /meanwhile HTTP/1.1\r\nHost: a\r\n\r\n");
  while (self->n_calls == before)
    g_main_context_iteration (NULL, TRUE);
}

/* A turn within a turn: of two events that came at once, each is told of once, and none is lost for
 * one that comes meanwhile. */
static void
test_events_that_came_at_once_are_told_once (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) waiting = client_new (self);
  g_autoptr (Client) other = client_new (self);
  g_autoptr (Client) third = client_new (self);

  say (waiting, GET);
  hear (waiting, "\r\n\r\n/");
  say (other, GET);
  hear (other, "\r\n\r\n/");
  say (third, GET);
  hear (third, "\r\n\r\n/");
  self->meanwhile = third;
  guint before = self->n_calls;
  g_signal_connect (self->soup, "request-started", G_CALLBACK (nest_once), self);
  say (waiting, GET);
  say (other, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (other, "\r\n\r\n/other");
  hear (waiting, "\r\n\r\n/");
  hear (third, "\r\n\r\n/meanwhile");
  g_assert_cmpuint (self->n_calls, ==, before + 3);
}

/* Accepting */

static void
test_one_failed_accept_is_of_that_one_only (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) unlucky = client_new (self);

  accept_error = ECONNABORTED;
  hear_end (unlucky);
  assert_still_serves (self);
}

/* Somebody else has shut the socket; that is said, and the others go on. */
static void
test_a_socket_that_was_shut_is_said (Fixture *self, gconstpointer data)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  g_assert_true (g_socket_bind (socket, any, TRUE, NULL));
  g_assert_true (g_socket_listen (socket, NULL));
  g_assert_true (tessera_listener_add_socket (self->listener, socket, NULL, NULL, NULL));
  log_capture_begin ();
  shutdown (g_socket_get_fd (socket), SHUT_RDWR);
  iterate_for_ms (20);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "a socket was closed*");
  assert_still_serves (self);
}

static void
assert_refuses_address (TesseraListener *listener, guint16 port, int code)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_listener_add_address (listener, address, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, code);
}

static void
test_what_cannot_listen_is_said (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraListener) other = tessera_listener_new (self->soup);
  struct rlimit before, low;
  int lowest = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  close (lowest);
  assert_refuses_address (self->listener, self->port, G_IO_ERROR_ADDRESS_IN_USE);
  getrlimit (RLIMIT_NOFILE, &before);
  low = before;
  for (guint spare = 0; spare < 2; spare++)
    {
      low.rlim_cur = (rlim_t) lowest + spare; /* no socket; and then nothing to watch it with */
      setrlimit (RLIMIT_NOFILE, &low);
      assert_refuses_address (other, 0, G_IO_ERROR_TOO_MANY_OPEN_FILES);
      setrlimit (RLIMIT_NOFILE, &before);
    }
}

/* Addresses */

static void
listen_anywhere (Fixture *self, const char *address, const char *const *proxies)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string (address, 0);
  g_autoptr (GSocketAddress) effective = NULL;
  g_autoptr (GError) error = NULL;

  tessera_listener_add_address (self->listener, any, NULL, proxies, &effective, &error);
  if (g_str_equal (address, "::") && error != NULL)
    {
      g_test_skip ("there is no IPv6 here");
      self->port = 0;
      return;
    }
  g_assert_no_error (error);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (effective));
}

/* RFC 4291 §2.5.5.2 */
static void
test_ipv4_over_ipv6_is_the_same_address (Fixture *self, gconstpointer data)
{
  guint16 port = self->port;
  g_autoptr (Client) first = client_new (self);

  say (first, GET);
  hear (first, "\r\n\r\n/");
  listen_anywhere (self, "::", NULL);
  if (self->port == 0)
    return;
  g_object_set (self->listener, "connections-per-address", 1, NULL);
  g_autoptr (Client) same = client_new (self);
  hear_end (same);
  self->port = port;
}

static Client *
client_new_ipv6 (Fixture *fixture)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6,
                                  .sin6_port = htons (fixture->port),
                                  .sin6_addr = in6addr_loopback };
  Client *self = g_new0 (Client, 1);

  self->fixture = fixture;
  self->heard = g_string_new (NULL);
  self->fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (self->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return self;
}

static void
test_proxies_are_known_by_any_spelling (Fixture *self, gconstpointer data)
{
  static const char *const of_ipv4[] = { "127.0.0.1", NULL };
  static const char *const of_ipv6[] = { "::1", NULL };

  for (guint i = 0; i < 4; i++)
    {
      listen_anywhere (self, "::", i < 2 ? of_ipv4 : of_ipv6);
      if (self->port == 0)
        return;
      tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
      g_autoptr (Client) client = i % 2 == 0 ? client_new (self) : client_new_ipv6 (self);
      if (i == 1 || i == 2)
        {
          hear_end (client); /* a stranger */
          continue;
        }
      say_bytes (client, PROXY_HEADER, sizeof PROXY_HEADER - 1);
      say (client, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
      hear (client, "[203.0.113.7:8080]");
    }
}

/* The command LOCAL: the proxy looks whether we are there. */
static void
test_a_proxy_may_speak_for_itself (Fixture *self, gconstpointer data)
{
  static const char *const proxies[] = { "127.0.0.0/8", NULL };
  static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

  listen_on (self, proxies);
  tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
  g_autoptr (Client) client = client_new (self);
  say_bytes (client, local, sizeof local - 1);
  say (client, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "[127.0.0.1:");
}

static void
assert_local (Client *client, const char *address)
{
  g_autofree char *line = g_strdup_printf ("\r\n\r\n[%s]", address);

  say (client, "GET /local HTTP/1.0\r\n\r\n");
  hear (client, line);
  hear_end (client);
}

/* At one address, over any address of the machine, and where nobody knows any more which. */
static void
test_where_to_is_found_out (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      if (i == 1)
        listen_anywhere (self, "0.0.0.0", NULL);
      own_is_unknown = i == 2;
      g_autoptr (Client) client = client_new (self);
      g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", i < 2 ? self->port : 80);
      assert_local (client, address);
    }
  own_is_unknown = FALSE;
}

/* libsoup wants one for its addresses. */
static void
test_a_unix_socket_stands_for_an_address (Fixture *self, gconstpointer data)
{
  char *path = listen_on_unix (self);
  g_autoptr (Client) client = unix_client_new (self, path);

  assert_local (client, "127.0.0.1:80");
  remove_unix (path);
}

static void
test_who_is_gone_has_no_address (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  peer_is_gone = TRUE;
  say (client, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "[unix]");
  peer_is_gone = FALSE;
}

/* Certificates */

static GTlsCertificate *
make_certificate (gboolean with_key)
{
  EVP_PKEY *key = EVP_EC_gen ("P-256");
  X509 *x509 = X509_new ();
  BIO *bio = BIO_new (BIO_s_mem ());
  char *bytes = NULL;
  g_autoptr (GError) error = NULL;

  X509_set_version (x509, X509_VERSION_3);
  X509_gmtime_adj (X509_getm_notBefore (x509), -60);
  X509_gmtime_adj (X509_getm_notAfter (x509), 3600);
  X509_set_pubkey (x509, key);
  g_assert_cmpint (X509_sign (x509, key, EVP_sha256 ()), >, 0);
  PEM_write_bio_X509 (bio, x509);
  if (with_key)
    PEM_write_bio_PrivateKey (bio, key, NULL, NULL, 0, NULL, NULL);
  long length = BIO_get_mem_data (bio, &bytes);
  GTlsCertificate *made = g_tls_certificate_new_from_pem (bytes, length, &error);
  g_assert_no_error (error);
  BIO_free (bio);
  X509_free (x509);
  EVP_PKEY_free (key);
  return made;
}

/* Sent as it is by whoever is asked in plain; a TLS socket says nothing to that. */
static void
test_a_certificate_is_for_sockets_that_have_one (Fixture *self, gconstpointer data)
{
  g_autoptr (GTlsCertificate) certificate = make_certificate (TRUE);
  g_autoptr (GTlsCertificate) keyless = make_certificate (FALSE);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_listener_add_address (self->listener, any, keyless, NULL, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  g_assert_true (
      tessera_listener_add_address (self->listener, any, certificate, NULL, NULL, &error));
  g_assert_true (tessera_listener_set_certificate (self->listener, NULL, certificate, &error));
  g_assert_no_error (error);
  g_assert_false (tessera_listener_set_certificate (self->listener, NULL, keyless, &error));
  assert_still_serves (self); /* in plain, as before */
}

typedef struct
{
  Client *client;
  SSL_CTX *context;
  SSL *ssl;
} TlsClient;

static gboolean
tls_goes_on (TlsClient *self, int outcome)
{
  int error = SSL_get_error (self->ssl, outcome);

  if (outcome > 0)
    return FALSE;
  g_assert_true (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (200);
  return TRUE;
}

static TlsClient *
tls_client_begin (Fixture *fixture)
{
  TlsClient *self = g_new0 (TlsClient, 1);

  self->client = client_new (fixture);
  fcntl (self->client->fd, F_SETFL, O_NONBLOCK);
  self->context = SSL_CTX_new (TLS_client_method ());
  self->ssl = SSL_new (self->context);
  SSL_set_fd (self->ssl, self->client->fd);
  return self;
}

static TlsClient *
tls_client_new (Fixture *fixture)
{
  TlsClient *self = tls_client_begin (fixture);

  while (tls_goes_on (self, SSL_connect (self->ssl)))
    ;
  return self;
}

static void
tls_client_free (TlsClient *self)
{
  SSL_free (self->ssl);
  SSL_CTX_free (self->context);
  client_free (self->client);
  g_free (self);
}

/* An answer, as far as @last. */
static char *
hear_by_tls (TlsClient *self, const char *last)
{
  g_autoptr (GString) heard = g_string_new (NULL);

  while (strstr (heard->str, last) == NULL)
    {
      char bytes[4096];
      int got = SSL_read (self->ssl, bytes, sizeof bytes);

      if (!tls_goes_on (self, got))
        g_string_append_len (heard, bytes, got);
    }
  return g_string_free (g_steal_pointer (&heard), FALSE);
}

/* The answer to @request, as far as @last. */
static char *
ask_by_tls (TlsClient *self, const char *request, const char *last)
{
  g_assert_cmpint (SSL_write (self->ssl, request, (int) strlen (request)), >, 0);
  return hear_by_tls (self, last);
}

/* On an address of its own, where @self's clients then connect. */
static void
listen_by_tls (Fixture *self)
{
  g_autoptr (GTlsCertificate) certificate = make_certificate (TRUE);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;

  tessera_listener_add_address (self->listener, any, certificate, NULL, &address, &error);
  g_assert_no_error (error);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
}

/* At once, each byte of @bytes a record of its own (RFC 8446 §5.1). */
static void
say_in_tiny_records (TlsClient *self, const char *bytes)
{
  BIO *out = BIO_new (BIO_s_mem ());
  char *records = NULL;

  SSL_set0_wbio (self->ssl, out);
  for (const char *byte = bytes; *byte != '\0'; byte++)
    g_assert_cmpint (SSL_write (self->ssl, byte, 1), ==, 1);
  long length = BIO_get_mem_data (out, &records);
  g_assert_cmpint (send (self->client->fd, records, (gsize) length, MSG_NOSIGNAL), ==, length);
}

/* One turn has few of them, and what is left, of which no event tells, is read in further ones. */
static void
test_tiny_records_take_nobody_s_turn (Fixture *self, gconstpointer data)
{
  g_autofree char *body = g_strnfill (2000, 'x');
  g_autofree char *request
      = g_strconcat ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n", body, NULL);
  guint most = 0;

  g_object_set (self->listener, "body-timeout", 5000, NULL);
  listen_by_tls (self);
  TlsClient *client = tls_client_new (self);
  say_in_tiny_records (client, request);
  n_tls_reads = 0;
  while (self->n_calls == 0 && tessera_listener_get_n_connections (self->listener) == 1)
    {
      guint before = n_tls_reads;

      g_main_context_iteration (NULL, TRUE);
      most = MAX (most, n_tls_reads - before);
    }
  g_assert_cmpuint (n_tls_reads, >=, strlen (request));
  g_assert_cmpuint (most, <=, 2 * 16); /* an event, and what was left before it */
  g_autofree char *answer = hear_by_tls (client, body);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 200 "));
  tls_client_free (client);
}

#define GET_PEER "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_JWKS "GET /jwks HTTP/1.1\r\nHost: a\r\n\r\n"

/* RFC 6797 §7.2: who came in plain is not told to stay with TLS. By libsoup and without it. */
static void
test_secure_is_who_came_by_tls (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_autoptr (Client) plain = client_new (self);

  g_assert_true (tessera_server_wait_ready (server, NULL));
  tessera_server_add_listener (server, self->listener);
  listen_by_tls (self);
  TlsClient *client = tls_client_new (self);
  g_autofree char *peer = ask_by_tls (client, GET_PEER, "]");
  g_assert_true (g_str_has_suffix (peer, " secure]"));
  for (guint i = 0; i < 2; i++)
    {
      g_object_set (self->listener, "direct-endpoints", i == 1, NULL);
      g_autofree char *answer = ask_by_tls (client, GET_JWKS, "\"keys\"");
      g_assert_nonnull (strstr (answer, "\r\nStrict-Transport-Security: "));
      say (plain, GET_JWKS);
      while (strstr (plain->heard->str, "\"keys\"") == NULL)
        turn (plain);
      g_assert_null (strstr (plain->heard->str, "Strict-Transport-Security"));
      g_string_truncate (plain->heard, 0);
    }
  tls_client_free (client);
  tessera_server_close (server);
}

/* How often @answer says that only TLS is to be used. */
static guint
count_strict (const char *answer)
{
  guint count = 0;

  for (const char *at = answer; (at = strstr (at, "\r\nStrict-Transport-Security: ")) != NULL; at++)
    count++;
  return count;
}

/* RFC 6797 §7.1: of the gate's own answers, of libsoup's, of the application's and of endpoints. */
static void
test_every_answer_over_tls_says_so (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *request, *status, *last;
  } answers[] = {
    { GET_JWKS, "200", "\"keys\"" },
    { "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404", "\r\n\r\n" },
    { "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "200", "\r\n\r\n" },
    { "GET / HTTP/1.1\r\n\r\n", "400", "\r\n\r\n" },
  };
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  guint16 plain_port = self->port;

  g_assert_true (tessera_server_wait_ready (server, NULL));
  listen_by_tls (self);
  soup_server_remove_handler (self->soup, NULL);
  TlsClient *before = tls_client_new (self);
  g_autofree char *alone = ask_by_tls (before, answers[1].request, answers[1].last);
  g_assert_cmpuint (count_strict (alone), ==, 0); /* nobody's decision yet */
  tls_client_free (before);
  tessera_server_add_listener (server, self->listener);
  TlsClient *client = tls_client_new (self);
  self->port = plain_port;
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (Client) plain = client_new (self);
      g_autofree char *answer = ask_by_tls (client, answers[i].request, answers[i].last);
      g_assert_true (g_str_has_prefix (answer + strlen ("HTTP/1.1 "), answers[i].status));
      g_assert_cmpuint (count_strict (answer), ==, 1);
      say (plain, answers[i].request);
      while (strstr (plain->heard->str, answers[i].last) == NULL)
        turn (plain);
      g_assert_cmpuint (count_strict (plain->heard->str), ==, 0);
    }
  tls_client_free (client);
  tessera_server_close (server);
}

/* Who was still in a handshake has as little time afterwards as who was not. */
static void
test_drain_waits_a_moment_for_who_shakes_hands (Fixture *self, gconstpointer data)
{
  g_autofree char *outcome = NULL;

  g_object_set (self->listener, "handshake-timeout", 0, "idle-timeout", 0, NULL);
  listen_by_tls (self);
  TlsClient *silent = tls_client_begin (self);
  g_assert_true (tls_goes_on (silent, SSL_connect (silent->ssl)));
  wait_for_connections (self, 1);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &outcome);
  while (tls_goes_on (silent, SSL_connect (silent->ssl)))
    ;
  iterate_for_ms (1000);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 0);
  tls_client_free (silent);
  while (outcome == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (outcome, ==, "done");
}

/* What OpenSSL takes */

/* For so many handshakes and connections that idle, and a few bytes more. */
static void
limit_tls (Fixture *self, guint n_handshakes, guint n_idle)
{
  gsize size = n_handshakes * tessera_tls_get_handshake_size ()
               + n_idle * tessera_tls_get_idle_size () + 2000;

  g_object_set (self->listener, "tls-size", (guint) size, NULL);
}

/* It has asked once, and idles. */
static TlsClient *
tls_client_that_idles (Fixture *self)
{
  TlsClient *client = tls_client_new (self);

  g_free (ask_by_tls (client, GET_PEER, "]"));
  return client;
}

static gboolean
is_cut (TlsClient *self)
{
  char byte;

  return recv (self->client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void
wait_until_cut (TlsClient *self)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  while (!is_cut (self))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (200);
    }
}

static void
assert_answers (TlsClient *self)
{
  g_autofree char *answer = ask_by_tls (self, GET_PEER, "]");

  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 200 "));
}

/* Not the oldest of all, which takes nothing of it. */
static void
test_oldest_idle_tls_makes_way (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) plain = client_new (self);

  say (plain, GET);
  hear (plain, "\r\n\r\n/");
  listen_by_tls (self);
  limit_tls (self, 1, 1);
  TlsClient *first = tls_client_that_idles (self);
  TlsClient *second = tls_client_that_idles (self);
  iterate_for_ms (20);
  g_assert_false (is_cut (first));
  TlsClient *third = tls_client_that_idles (self);
  wait_until_cut (first);
  assert_answers (second);
  assert_answers (third);
  say (plain, GET);
  hear (plain, "\r\n\r\n/");
  tls_client_free (first);
  tls_client_free (second);
  tls_client_free (third);
}

/* A client that has said hello, and says no more. */
static TlsClient *
tls_client_that_stops (Fixture *self)
{
  TlsClient *client = tls_client_begin (self);

  g_assert_true (tls_goes_on (client, SSL_connect (client->ssl)));
  iterate_for_ms (20);
  return client;
}

/* They take more than half, and of them who has been in it longest goes: not who has ended it. */
static void
test_oldest_half_handshake_makes_way (Fixture *self, gconstpointer data)
{
  TlsClient *halves[4];

  g_object_set (self->listener, "handshake-timeout", 60000, NULL);
  listen_by_tls (self);
  limit_tls (self, 3, 1);
  TlsClient *idle = tls_client_that_idles (self);
  for (guint i = 0; i < G_N_ELEMENTS (halves); i++)
    halves[i] = tls_client_that_stops (self);
  wait_for_connections (self, 4);
  iterate_for_ms (20);
  assert_answers (idle);
  while (tls_goes_on (halves[3], SSL_connect (halves[3]->ssl)))
    ;
  assert_answers (halves[3]);
  for (guint i = 0; i < G_N_ELEMENTS (halves); i++)
    tls_client_free (halves[i]);
  tls_client_free (idle);
}

/* It holds a buffer for a whole one. */
static void
test_half_a_record_counts (Fixture *self, gconstpointer data)
{
  static const char half[] = "\x17\x03\x03\x40\x00half";

  listen_by_tls (self);
  limit_tls (self, 1, 1);
  TlsClient *first = tls_client_that_idles (self);
  TlsClient *second = tls_client_that_idles (self);
  limit_tls (self, 0, 2);
  assert_answers (first);
  iterate_for_ms (20);
  g_assert_false (is_cut (first) || is_cut (second));
  say_bytes (first->client, half, strlen ("\x17\x03\x03\x40") + 1); /* the head alone */
  wait_until_cut (second);
  iterate_for_ms (20);
  g_assert_false (is_cut (first));
  tls_client_free (first);
  tls_client_free (second);
}

/* Where nobody idles, who does not read. */
static void
test_stalled_reader_by_tls_makes_way (Fixture *self, gconstpointer data)
{
  static const char request[] = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";

  g_object_set (self->listener, "write-timeout", 600000, NULL);
  listen_by_tls (self);
  TlsClient *stalled = tls_client_new (self);
  g_assert_cmpint (SSL_write (stalled->ssl, request, (int) strlen (request)), >, 0);
  iterate_for_ms (100);
  limit_tls (self, 1, 0);
  TlsClient *late = tls_client_new (self);
  wait_for_connections (self, 1);
  assert_answers (late);
  tls_client_free (stalled);
  tls_client_free (late);
}

/* Who is served does not make way for who comes. */
static void
test_tls_is_refused_where_there_is_no_room (Fixture *self, gconstpointer data)
{
  static const char request[] = "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n";

  listen_by_tls (self);
  limit_tls (self, 1, 0);
  TlsClient *busy = tls_client_new (self);
  g_assert_cmpint (SSL_write (busy->ssl, request, (int) strlen (request)), >, 0);
  wait_for_paused (self);
  TlsClient *late = tls_client_begin (self);
  wait_until_cut (late);
  respond (self->paused, "late");
  soup_server_message_unpause (self->paused);
  g_free (hear_by_tls (busy, "\r\n\r\nlate"));
  tls_client_free (busy);
  tls_client_free (late);
}

/* RFC 6797 §7.2 again: the proxy has ended TLS. */
static void
test_secure_is_whose_proxy_says_so (Fixture *self, gconstpointer data)
{
  static const char *const proxies[] = { "127.0.0.0/8", NULL };
  static const char by_tls[]
      = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xcb\x00\x71\x07\x7f\x00\x00\x01\x1f\x90\x01\xbb"
        "\x20\0\x05\x01\0\0\0\0";

  listen_on (self, proxies);
  tessera_listener_set_proxy_protocol (self->listener, NULL, TRUE);
  g_autoptr (Client) client = client_new (self);
  say_bytes (client, by_tls, sizeof by_tls - 1);
  say (client, GET_PEER);
  hear (client, "[203.0.113.7:8080 secure]");
  g_autoptr (Client) plain = client_new (self);
  say_bytes (plain, PROXY_HEADER, sizeof PROXY_HEADER - 1);
  say (plain, GET_PEER);
  hear (plain, "[203.0.113.7:8080]");
}

/* What libsoup has of a connection */

static GArray *soup_connections; /* guint: which of them each request came by, from 1 */
static guint n_soup_connections; /* that there are */

static void
on_soup_connection_gone (gpointer data, GObject *connection)
{
  n_soup_connections--;
}

static gboolean
on_soup_request (GSignalInvocationHint *hint, guint n_params, const GValue *params, gpointer data)
{
  static guint n_seen;
  GObject *connection = g_value_get_object (&params[0]);
  guint number = GPOINTER_TO_UINT (g_object_get_data (connection, "number"));

  if (number == 0)
    {
      number = ++n_seen;
      n_soup_connections++;
      g_object_set_data (connection, "number", GUINT_TO_POINTER (number));
      g_object_weak_ref (connection, on_soup_connection_gone, NULL);
    }
  g_array_append_val (soup_connections, number);
  return TRUE;
}

static guint
get_soup_connection (guint request)
{
  return g_array_index (soup_connections, guint, request);
}

/* Its class has no public name. */
static gulong
watch_soup_connections (Fixture *self)
{
  g_autoptr (Client) client = client_new (self);

  say (client, GET_CLOSE);
  hear_end (client);
  n_soup_connections = 0;
  soup_connections = g_array_new (FALSE, FALSE, sizeof (guint));
  return g_signal_add_emission_hook (g_signal_lookup ("request-started",
                                                      g_type_from_name ("SoupServerConnection")),
                                     0, on_soup_request, NULL, NULL);
}

static void
unwatch_soup_connections (gulong hook)
{
  g_signal_remove_emission_hook (
      g_signal_lookup ("request-started", g_type_from_name ("SoupServerConnection")), hook);
  g_clear_pointer (&soup_connections, g_array_unref);
}

static void
ask_often (Client *client, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      say (client, POST_ECHO);
      hear (client, "hello");
    }
}

/* From the second request on: a client that comes for one only is not waited for. */
static void
test_libsoup_keeps_its_end (Fixture *self, gconstpointer data)
{
  gulong hook = watch_soup_connections (self);
  g_autoptr (Client) client = client_new (self);

  ask_often (client, 4);
  g_assert_cmpuint (soup_connections->len, ==, 4);
  g_assert_cmpuint (get_soup_connection (0), !=, get_soup_connection (1));
  g_assert_cmpuint (get_soup_connection (1), ==, get_soup_connection (2));
  g_assert_cmpuint (get_soup_connection (2), ==, get_soup_connection (3));
  g_assert_cmpuint (n_soup_connections, ==, 1);
  unwatch_soup_connections (hook);
}

static void
wait_for_soup_connections (guint n)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  while (n_soup_connections > n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (500);
    }
}

/* Who idles is a burden for the main context: 64 are kept, and for a second. libsoup before 3.3
 * forgets those that end, which are found every 5 s. */
static void
test_libsoup_keeps_few_ends (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) clients = g_ptr_array_new_with_free_func ((GDestroyNotify) client_free);
  gulong hook = watch_soup_connections (self);

  g_object_set (self->listener, "connections-per-address", 1000, NULL);
  for (guint i = 0; i < 100; i++)
    {
      g_ptr_array_add (clients, client_new (self));
      ask_often (clients->pdata[i], 3);
    }
  g_assert_cmpuint (n_soup_connections, >, 0); /* a second may be over for some */
  g_assert_cmpuint (n_soup_connections, <=, 64);
  g_ptr_array_set_size (clients, 30); /* who left, and who idles */
  wait_for_connections (self, 30);
  wait_for_soup_connections (0);
  for (guint i = 0; i < 30; i++)
    ask_often (clients->pdata[i], 2);
  unwatch_soup_connections (hook);
}

/* Whoever has taken the stream from libsoup gets nothing of the next request, and says nothing to
 * who has sent it. */
static void
test_a_thief_hears_no_other_request (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  ask_often (client, 3);
  say (client, "GET /thief HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "thief");
  say (client, POST_ECHO);
  hear (client, "hello");
  while (!self->stolen_ended)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (self->stolen_heard->str, ==, "");
  g_assert_false (g_output_stream_write_all (g_io_stream_get_output_stream (self->stolen), "x", 1,
                                             NULL, NULL, NULL));
  ask_often (client, 2);
  g_assert_cmpstr (client->heard->str, ==, "");
}

/* Without the socket that it was lent, libsoup keeps nothing, and each request has its answer. */
static void
test_libsoup_may_end_all_streams (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  ask_often (client, 3);
  soup_server_disconnect (self->soup);
  ask_often (client, 3);
  g_assert_cmpuint (self->n_calls, ==, 6);
  g_assert_false (client->ended);
}

static void
test_kept_end_may_be_of_a_last_request (Fixture *self, gconstpointer data)
{
  gulong hook = watch_soup_connections (self);
  g_autoptr (Client) client = client_new (self);

  ask_often (client, 3);
  say (client, GET_CLOSE);
  hear (client, "Connection: close");
  hear_end (client);
  g_assert_cmpuint (get_soup_connection (1), ==, get_soup_connection (3));
  wait_for_soup_connections (0);
  unwatch_soup_connections (hook);
}

/* An answer that comes late goes to nobody else. */
static void
test_kept_end_may_pause (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  ask_often (client, 3);
  for (guint i = 0; i < 3; i++)
    {
      say (client, "GET /pause HTTP/1.1\r\nHost: a\r\n\r\n" POST_ECHO);
      wait_for_paused (self);
      iterate_for_ms (5);
      g_assert_cmpstr (client->heard->str, ==, "");
      respond (self->paused, "late");
      soup_server_message_unpause (self->paused);
      g_clear_object (&self->paused);
      hear (client, "late");
      hear (client, "hello");
    }
}

static void
test_server_keeps_its_listener (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_autoptr (Client) client = client_new (self);
  g_autoptr (GError) error = NULL;

  tessera_server_wait_ready (server, &error);
  g_assert_no_error (error);
  tessera_server_add_listener (server, self->listener);
  tessera_server_add_listener (server, self->listener);
  g_assert_true (tessera_listener_get_soup_server (self->listener) == self->soup);

  /* One that listens nowhere has nothing to count. */
  g_autoptr (TesseraListener) unused = tessera_listener_new (self->soup);
  tessera_server_add_listener (server, unused);
  g_autofree char *metrics = tessera_server_dup_metrics (server);
  g_assert_nonnull (strstr (metrics, "tessera_connections_accepted_total"));
  say (client, "GET /jwks HTTP/1.1\r\nHost: a\r\n\r\n" GET);
  hear (client, "\"keys\"");
  hear (client, "\r\n\r\n/");
  tessera_server_close (server);
}

#define ADD(name, test)                                                                            \
  g_test_add ("/listener/" name, Fixture, NULL, fixture_set_up, test, fixture_tear_down)

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);

  ADD ("crowd-waits-in-the-kernel", test_crowd_waits_in_the_kernel);
  ADD ("keeps-the-connection", test_keeps_the_connection);
  ADD ("pipelined-are-answered-in-order", test_pipelined_are_answered_in_order);
  ADD ("many-pipelined-leave-others-their-turn", test_many_pipelined_leave_others_their_turn);
  ADD ("pipelined-wait-for-a-late-answer", test_pipelined_wait_for_a_late_answer);
  ADD ("requests-come-in-any-pieces", test_requests_come_in_any_pieces);
  ADD ("nothing-runs-before-the-body-is-there", test_nothing_runs_before_the_body_is_there);
  ADD ("largest-body-is-read", test_largest_body_is_read);
  ADD ("continue-is-sent", test_continue_is_sent);
  ADD ("head-has-no-body", test_head_has_no_body);
  ADD ("refusal-is-read-and-ends-the-connection", test_refusal_is_read_and_ends_the_connection);
  ADD ("connection-ends-when-asked", test_connection_ends_when_asked);
  ADD ("half-closed-client-gets-its-answer", test_half_closed_client_gets_its_answer);
  ADD ("requests-of-a-connection-are-counted", test_requests_of_a_connection_are_counted);
  ADD ("large-answer-waits-for-its-reader", test_large_answer_waits_for_its_reader);
  ADD ("stalled-reader-is-cut", test_stalled_reader_is_cut);
  ADD ("old-clients-are-not-kept", test_old_clients_are_not_kept);
  ADD ("events-are-sent-as-they-come", test_events_are_sent_as_they_come);
  ADD ("a-connection-may-be-cut", test_a_connection_may_be_cut);
  ADD ("deserted-event-stream-ends", test_deserted_event_stream_ends);
  ADD ("a-peer-outlives-its-connection", test_a_peer_outlives_its_connection);
  ADD ("what-could-not-be-sent-is-told", test_what_could_not_be_sent_is_told);
  ADD ("client-may-leave-before-the-answer", test_client_may_leave_before_the_answer);
  ADD ("websocket-is-a-tunnel", test_websocket_is_a_tunnel);
  ADD ("deserted-websocket-ends", test_deserted_websocket_ends);
  ADD ("refused-upgrade-is-an-answer", test_refused_upgrade_is_an_answer);
  ADD ("slow-head-ends-in-all", test_slow_head_ends_in_all);
  ADD ("missing-body-ends", test_missing_body_ends);
  ADD ("idle-connections-end", test_idle_connections_end);
  ADD ("pressed-listener-waits-less", test_pressed_listener_waits_less);
  ADD ("late-answer-is-not-waited-for", test_late_answer_is_not_waited_for);
  ADD ("held-answer-has-its-own-time", test_held_answer_has_its_own_time);
  ADD ("oldest-idle-makes-way", test_oldest_idle_makes_way);
  ADD ("full-listener-lets-others-wait", test_full_listener_lets_others_wait);
  ADD ("oldest-half-makes-way", test_oldest_half_makes_way);
  ADD ("one-request-has-its-share-only", test_one_request_has_its_share_only);
  ADD ("request-is-refused-where-there-is-no-room", test_request_is_refused_where_there_is_no_room);
  ADD ("stalled-reader-makes-way", test_stalled_reader_makes_way);
  g_test_add_func ("/listener/what-was-answered-is-overwritten",
                   test_what_was_answered_is_overwritten);
  ADD ("half-a-request-leaves-nothing-behind", test_half_a_request_leaves_nothing_behind);
  ADD ("what-is-answered-directly-leaves-nothing-behind",
       test_what_is_answered_directly_leaves_nothing_behind);
  ADD ("what-was-issued-leaves-nothing-behind", test_what_was_issued_leaves_nothing_behind);
  ADD ("what-was-registered-leaves-nothing-behind", test_what_was_registered_leaves_nothing_behind);
  ADD ("address-has-its-share", test_address_has_its_share);
  ADD ("survives-without-descriptors", test_survives_without_descriptors);
  ADD ("loses-no-descriptors", test_loses_no_descriptors);
  ADD ("drain-answers-who-has-asked", test_drain_answers_who_has_asked);
  ADD ("drain-can-be-cancelled", test_drain_can_be_cancelled);
  ADD ("drain-may-be-cancelled-before-it-begins", test_drain_may_be_cancelled_before_it_begins);
  ADD ("drain-that-is-cut-is-not-done", test_drain_that_is_cut_is_not_done);
  ADD ("empty-listener-is-drained", test_empty_listener_is_drained);
  ADD ("handler-may-end-everything", test_handler_may_end_everything);
  ADD ("handler-may-run-the-loop", test_handler_may_run_the_loop);
  ADD ("peer-is-known", test_peer_is_known);
  ADD ("unix-socket-is-served", test_unix_socket_is_served);
  ADD ("proxy-introduces-its-client", test_proxy_introduces_its_client);
  ADD ("proxies-change", test_proxies_change);
  ADD ("strangers-introduce-nobody", test_strangers_introduce_nobody);
  ADD ("unix-strangers-introduce-nobody", test_unix_strangers_introduce_nobody);
  ADD ("sockets-must-listen", test_sockets_must_listen);
  ADD ("no-answer-is-said", test_no_answer_is_said);
  ADD ("half-an-answer-is-not-taken-for-whole", test_half_an_answer_is_not_taken_for_whole);
  ADD ("a-whole-answer-keeps-the-connection", test_a_whole_answer_keeps_the_connection);
  ADD ("tunnel-may-be-half-closed", test_tunnel_may_be_half_closed);
  ADD ("client-may-vanish-before-the-first-byte", test_client_may_vanish_before_the_first_byte);
  ADD ("a-shorter-wait-ends-before-a-longer", test_a_shorter_wait_ends_before_a_longer);
  ADD ("no-time-is-no-deadline", test_no_time_is_no_deadline);
  ADD ("answer-may-be-held-later", test_answer_may_be_held_later);
  ADD ("drain-waits-a-moment-for-the-fresh", test_drain_waits_a_moment_for_the_fresh);
  ADD ("drain-waits-a-moment-for-who-shakes-hands", test_drain_waits_a_moment_for_who_shakes_hands);
  ADD ("no-door-opens-after-a-drain", test_no_door_opens_after_a_drain);
  ADD ("unused-listener-is-drained", test_unused_listener_is_drained);
  ADD ("nobody-connects-to-what-was-closed", test_nobody_connects_to_what_was_closed);
  ADD ("nobody-connects-to-what-is-drained", test_nobody_connects_to_what_is_drained);
  ADD ("events-that-came-at-once-are-told-once", test_events_that_came_at_once_are_told_once);
  ADD ("one-failed-accept-is-of-that-one-only", test_one_failed_accept_is_of_that_one_only);
  ADD ("a-socket-that-was-shut-is-said", test_a_socket_that_was_shut_is_said);
  ADD ("what-cannot-listen-is-said", test_what_cannot_listen_is_said);
  ADD ("ipv4-over-ipv6-is-the-same-address", test_ipv4_over_ipv6_is_the_same_address);
  ADD ("proxies-are-known-by-any-spelling", test_proxies_are_known_by_any_spelling);
  ADD ("a-proxy-may-speak-for-itself", test_a_proxy_may_speak_for_itself);
  ADD ("where-to-is-found-out", test_where_to_is_found_out);
  ADD ("a-unix-socket-stands-for-an-address", test_a_unix_socket_stands_for_an_address);
  ADD ("who-is-gone-has-no-address", test_who_is_gone_has_no_address);
  ADD ("a-certificate-is-for-sockets-that-have-one",
       test_a_certificate_is_for_sockets_that_have_one);
  ADD ("tiny-records-take-nobody-s-turn", test_tiny_records_take_nobody_s_turn);
  ADD ("secure-is-who-came-by-tls", test_secure_is_who_came_by_tls);
  ADD ("every-answer-over-tls-says-so", test_every_answer_over_tls_says_so);
  ADD ("oldest-idle-tls-makes-way", test_oldest_idle_tls_makes_way);
  ADD ("oldest-half-handshake-makes-way", test_oldest_half_handshake_makes_way);
  ADD ("half-a-record-counts", test_half_a_record_counts);
  ADD ("stalled-reader-by-tls-makes-way", test_stalled_reader_by_tls_makes_way);
  ADD ("tls-is-refused-where-there-is-no-room", test_tls_is_refused_where_there_is_no_room);
  ADD ("secure-is-whose-proxy-says-so", test_secure_is_whose_proxy_says_so);
  ADD ("limits-are-as-documented", test_limits_are_as_documented);
  ADD ("server-keeps-its-listener", test_server_keeps_its_listener);
  ADD ("libsoup-keeps-its-end", test_libsoup_keeps_its_end);
  ADD ("libsoup-keeps-few-ends", test_libsoup_keeps_few_ends);
  ADD ("a-thief-hears-no-other-request", test_a_thief_hears_no_other_request);
  ADD ("libsoup-may-end-all-streams", test_libsoup_may_end_all_streams);
  ADD ("kept-end-may-be-of-a-last-request", test_kept_end_may_be_of_a_last_request);
  ADD ("kept-end-may-pause", test_kept_end_may_pause);

  return g_test_run ();
}
