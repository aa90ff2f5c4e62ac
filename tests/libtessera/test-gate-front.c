/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-gate-front.c: what the front door answers without libsoup, and what it leaves to it. Raw
 * bytes over loopback; both ways are compared, answer by answer, in tests/rfc/test_two_fronts.py.
 */

#include "log-capture.h"

#include "gate/tessera-listener.h"
#include "server/tessera-monitoring.h"
#include "server/tessera-page.h"
#include "server/tessera-server-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ISSUER "http://127.0.0.1:8417"
#define SECRET "0123456789012345678901234567890123456789"
#define PATIENCE_US (60 * G_TIME_SPAN_SECOND)
#define GET_JWKS "GET /jwks HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_CLOSE "GET /jwks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define GET_STYLE "GET /tessera.css HTTP/1.1\r\nHost: a\r\n\r\n"

typedef struct
{
  SoupServer *soup;
  TesseraServer *server;
  TesseraListener *listener;
  guint16 port;
  guint n_seen; /* requests, by libsoup */
  guint n_signals;
  GMutex gate; /* while it is locked, the committing thread waits */
  char *remote_address;
  const char *error;
} Fixture;

typedef struct
{
  int fd;
  GString *heard;
  gboolean ended;
} Client;

static void
on_request_started (SoupServer *soup, SoupServerMessage *message, Fixture *self)
{
  self->n_seen++;
}

static void
add_server (Fixture *self)
{
  const char *const grants[] = { "client_credentials", NULL };
  g_autoptr (GError) error = NULL;

  self->server = tessera_server_new_in_memory (ISSUER);
  tessera_server_add_client (self->server, "App", NULL, "c1", SECRET, 3600, FALSE, grants, &error);
  g_assert_no_error (error);
  tessera_server_wait_ready (self->server, &error);
  g_assert_no_error (error);
  tessera_server_add_listener (self->server, self->listener);
}

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) effective = NULL;
  g_autoptr (GError) error = NULL;

  g_mutex_init (&self->gate);
  self->soup = soup_server_new (NULL, NULL);
  g_signal_connect (self->soup, "request-started", G_CALLBACK (on_request_started), self);
  self->listener = tessera_listener_new (self->soup);
  tessera_listener_add_address (self->listener, address, NULL, NULL, &effective, &error);
  g_assert_no_error (error);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (effective));
  add_server (self);
  g_object_set (self->listener, "direct-endpoints", TRUE, NULL);
}

static void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  tessera_listener_close (self->listener);
  g_clear_object (&self->server);
  g_clear_object (&self->listener);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  soup_server_disconnect (self->soup);
  g_clear_object (&self->soup);
  g_free (self->remote_address);
  g_mutex_clear (&self->gate);
}

/* A client */

static Client *
client_new (Fixture *fixture)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (fixture->port) };
  Client *self = g_new0 (Client, 1);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  self->heard = g_string_new (NULL);
  self->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
say (Client *self, const char *text)
{
  g_assert_cmpint (send (self->fd, text, strlen (text), MSG_NOSIGNAL), ==, strlen (text));
}

static void
say_form (Client *self, const char *path, const char *fields, const char *body)
{
  g_autofree char *request = g_strdup_printf ("POST %s HTTP/1.1\r\nHost: a\r\n%s"
                                              "Content-Type: application/x-www-form-urlencoded\r\n"
                                              "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                                              path, fields, strlen (body), body);

  say (self, request);
}

static void
listen_to (Client *self)
{
  char buffer[65536];
  gssize got = recv (self->fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (got > 0)
    g_string_append_len (self->heard, buffer, got);
  self->ended |= got == 0 || (got < 0 && errno != EAGAIN);
}

static void
step (Client *self, gint64 end)
{
  g_assert_cmpint (g_get_monotonic_time (), <, end);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (200);
  listen_to (self);
}

/* Up to and with @text. */
static void
hear (Client *self, const char *text)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;
  const char *found = NULL;

  while ((found = strstr (self->heard->str, text)) == NULL)
    {
      if (self->ended)
        g_error ("\"%s\" did not come, but: %s", text, self->heard->str);
      step (self, end);
    }
  g_string_erase (self->heard, 0, found - self->heard->str + (gssize) strlen (text));
}

static void
hear_end (Client *self)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  while (!self->ended)
    step (self, end);
}

static void
iterate_for_ms (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND;

  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (500);
}

static guint
count (const char *text, const char *part)
{
  guint n = 0;

  for (; (text = strstr (text, part)) != NULL; text++)
    n++;
  return n;
}

static char *
issue (Fixture *self)
{
  g_autoptr (Client) client = client_new (self);

  say_form (client, "/token", "",
            "grant_type=client_credentials&client_id=c1&client_secret=" SECRET);
  hear (client, "\"access_token\":\"");
  return g_strndup (client->heard->str, strcspn (client->heard->str, "\""));
}

/* The committing thread is kept busy until the lock is given back. */

static gboolean
run_wait (gpointer data, TesseraStore *store, GError **error)
{
  Fixture *self = data;

  g_mutex_lock (&self->gate);
  g_mutex_unlock (&self->gate);
  return TRUE;
}

static void
block (Fixture *self)
{
  g_mutex_lock (&self->gate);
  tessera_committer_submit (tessera_server_get_engine (self->server)->committer, run_wait, NULL,
                            self);
}

static void
say_revocation (Client *client, const char *token)
{
  g_autofree char *body = g_strdup_printf ("token=%s&client_id=c1&client_secret=" SECRET, token);

  say_form (client, "/revoke", "", body);
}

/* Who answers */

static void
test_programs_are_answered_without_libsoup (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autofree char *body = g_strdup_printf ("token=%s&client_id=c1&client_secret=" SECRET, token);
  g_autoptr (Client) client = client_new (self);

  say_form (client, "/introspect", "", body);
  hear (client, "{\"active\":true");
  say_form (client, "/revoke", "", body);
  hear (client, "HTTP/1.1 200 OK\r\n");
  hear (client, "Content-Length: 0\r\n\r\n");
  say_form (client, "/introspect", "", body);
  hear (client, "{\"active\":false}");
  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  say (client, "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: a\r\n\r\n"
               "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\"issuer\"");
  hear (client, "\"issuer\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

static void
test_pages_and_other_paths_stay_with_libsoup (Fixture *self, gconstpointer data)
{
  static const char *const targets[]
      = { "/tessera.css", "/login", "/authorize", "/deny-list", "/nothing", "/jwk",
          "/jwks/",       "/jwks?", "/jwks?%41",  "/jwks?%2f",  "/jwks?[",  "/jwks/a%2Fb.pem",
          "/jwks%2f",     "/%6awk", "/a%7eb",     "/jwks%20",   "/jw%c3%a9" };
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);

      say (client, request);
      hear (client, "HTTP/1.1 ");
      hear (client, "\r\n\r\n");
      iterate_for_ms (1);
      listen_to (client);
      g_string_truncate (client->heard, 0);
      g_assert_cmpuint (self->n_seen, ==, i + 1);
    }
}

/* libsoup would decode it, and somebody before us may have let it through for another one. */
static void
test_endpoint_in_disguise_reaches_nobody (Fixture *self, gconstpointer data)
{
  static const char *const targets[] = { "/%6awks",
                                         "/%6Awks",
                                         "/jwk%73",
                                         "/jwks/a%41.pem",
                                         "/aut%68orize",
                                         "/tessera%2ecss",
                                         "/%6awks?a=b",
                                         "/%6c%6F%67in",
                                         "/jwks/%7e.pem",
                                         "/status-lists/%31",
                                         "/%2Ewell-known/oauth-authorization-server" };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (targets); i++)
    {
      const char *target = targets[i / 2];
      g_autoptr (Client) client = client_new (self);
      g_autofree char *request
          = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" GET_JWKS, target);

      g_object_set (self->listener, "direct-endpoints", i % 2 == 0, NULL);
      say (client, request);
      hear (client, "HTTP/1.1 404 ");
      hear_end (client);
      g_assert_null (strstr (client->heard->str, "\"keys\""));
    }
  g_assert_cmpuint (self->n_seen, ==, 0);
}

/* The endpoints take less than the listener may let in for others. */
static void
test_large_bodies_are_refused_as_ever (Fixture *self, gconstpointer data)
{
  g_autofree char *body = g_strnfill (65537, 'a');
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "body-size", 1000000, NULL);
  say_form (client, "/token", "", body);
  hear (client, "HTTP/1.1 413 ");
  hear_end (client);
  g_assert_cmpuint (self->n_seen, ==, 1);
}

static void
test_is_a_switch (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  gboolean direct = FALSE;

  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  g_object_set (self->listener, "direct-endpoints", FALSE, NULL);
  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 1);
  g_object_set (self->listener, "direct-endpoints", TRUE, NULL);
  g_object_get (self->listener, "direct-endpoints", &direct, NULL);
  g_assert_true (direct);
  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 1);
}

static void
test_is_off_unless_asked_for (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraListener) listener = tessera_listener_new (self->soup);
  gboolean direct = TRUE;

  g_object_get (listener, "direct-endpoints", &direct, NULL);
  g_assert_false (direct);
}

/* Where it was told before there was anything to listen at. */
static void
test_is_known_to_what_listens_later (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraListener) listener = tessera_listener_new (self->soup);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) effective = NULL;
  g_autoptr (GError) error = NULL;

  tessera_server_add_listener (self->server, listener);
  g_object_set (listener, "direct-endpoints", TRUE, NULL);
  tessera_listener_add_address (listener, address, NULL, NULL, &effective, &error);
  g_assert_no_error (error);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (effective));
  g_autoptr (Client) client = client_new (self);
  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
  tessera_listener_close (listener);
}

static void
test_connection_may_change_hands (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < 5; i++)
    {
      say (client, GET_JWKS GET_STYLE GET_JWKS);
      hear (client, "\"keys\"");
      hear (client, "text/css");
      hear (client, "\"keys\"");
    }
  g_assert_cmpuint (self->n_seen, ==, 5);
}

/* libsoup may close the stream that it was left, in the middle of a request that is none of its
 * business. */
static void
test_libsoup_may_leave_meanwhile (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < 3; i++)
    {
      say (client, GET_STYLE);
      hear (client, "text/css");
      iterate_for_ms (2);
    }
  block (self);
  say_revocation (client, token);
  iterate_for_ms (5);
  soup_server_disconnect (self->soup);
  iterate_for_ms (5);
  g_string_truncate (client->heard, 0);
  listen_to (client);
  g_assert_null (strstr (client->heard->str, "HTTP/1.1 503"));
  g_mutex_unlock (&self->gate);
  hear (client, "HTTP/1.1 200 OK\r\n");
  say (client, GET_STYLE);
  hear (client, "text/css");
}

static void
test_a_server_that_left_is_not_asked (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  tessera_server_detach (self->server, self->soup);
  say (client, GET_JWKS);
  hear (client, "HTTP/1.1 404 Not Found\r\n");
  tessera_server_attach (self->server, self->soup);
  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  tessera_server_close (self->server);
  say (client, GET_JWKS);
  hear (client, "HTTP/1.1 404 Not Found\r\n");
  g_clear_object (&self->server);
  say (client, GET_JWKS);
  hear (client, "HTTP/1.1 404 Not Found\r\n");
}

static void
test_two_servers_have_their_own_paths (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraServer) other = tessera_server_new_in_memory (ISSUER "/other");
  g_autoptr (Client) client = client_new (self);
  g_autoptr (GError) error = NULL;

  tessera_server_wait_ready (other, &error);
  g_assert_no_error (error);
  tessera_server_add_listener (other, self->listener);
  say (client, "GET /.well-known/oauth-authorization-server/other HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\"issuer\":\"" ISSUER "/other\"");
  say (client, "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: a\r\n\r\n");
  hear (client, "\"issuer\":\"" ISSUER "\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

/* In which order */

static void
test_many_pipelined_are_answered_in_order (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) requests = g_string_new (NULL);
  g_autoptr (Client) client = client_new (self), other = client_new (self);

  for (guint i = 0; i < 100; i++)
    g_string_append_printf (requests, "GET /jwks/%u.pem HTTP/1.1\r\nHost: a\r\n\r\n" GET_JWKS, i);
  say (client, requests->str);
  say (other, GET_JWKS);
  for (guint i = 0; i < 100; i++)
    {
      hear (client, "HTTP/1.1 404 ");
      hear (client, "HTTP/1.1 200 ");
    }
  hear (other, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

/* All of them are there, and so is the client, who has only nothing more to say. */
static void
test_half_closed_client_gets_all_its_answers (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) requests = g_string_new (NULL);
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < 100; i++)
    g_string_append (requests, GET_JWKS);
  say (client, requests->str);
  shutdown (client->fd, SHUT_WR);
  hear_end (client);
  g_assert_cmpuint (count (client->heard->str, "HTTP/1.1 200 OK"), ==, 100);
}

static void
test_pipelined_wait_for_a_late_answer (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autoptr (Client) client = client_new (self);

  block (self);
  say_revocation (client, token);
  say (client, GET_JWKS GET_STYLE);
  iterate_for_ms (10);
  listen_to (client);
  g_assert_cmpstr (client->heard->str, ==, "");
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 1);
  g_mutex_unlock (&self->gate);
  hear (client, "Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n");
  hear (client, "\"keys\"");
  hear (client, "text/css");
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
}

static void
test_requests_of_a_connection_are_counted (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "requests-per-connection", 3, NULL);
  say (client, GET_JWKS GET_JWKS GET_JWKS GET_JWKS);
  hear_end (client);
  g_assert_cmpuint (count (client->heard->str, "HTTP/1.1 200 OK"), ==, 3);
  g_assert_cmpuint (count (client->heard->str, "Connection: close"), ==, 1);
}

static double
get_buffered (Fixture *self)
{
  static const char name[] = "\ntessera_buffered_bytes ";
  g_autofree char *metrics = tessera_server_dup_metrics (self->server);

  return g_ascii_strtod (strstr (metrics, name) + strlen (name), NULL);
}

/* A client that asks and asks, and reads nothing until it has asked for all. */
static void
test_who_does_not_read_is_not_answered_further (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) requests = g_string_new (NULL);
  g_autoptr (Client) client = client_new (self);

  for (guint i = 0; i < 4000; i++)
    g_string_append (requests, i < 3999 ? GET_JWKS : GET_CLOSE);
  g_object_set (self->listener, "buffer-size", 1 << 30, NULL);
  say (client, requests->str);
  iterate_for_ms (100);
  g_assert_cmpfloat (get_buffered (self), <, 4 * 65536);
  hear_end (client);
  g_assert_cmpuint (count (client->heard->str, "HTTP/1.1 200 OK"), ==, 4000);
}

static void
test_stalled_reader_is_cut (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) requests = g_string_new (NULL);
  g_autoptr (Client) client = client_new (self);
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  g_object_set (self->listener, "write-timeout", 50, NULL);
  for (guint i = 0; i < 10000; i++)
    g_string_append (requests, GET_JWKS);
  while (tessera_listener_get_n_connections (self->listener) > 0
         || g_get_monotonic_time () < end - PATIENCE_US + 100 * G_TIME_SPAN_MILLISECOND)
    {
      send (client->fd, requests->str, requests->len, MSG_NOSIGNAL | MSG_DONTWAIT);
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      iterate_for_ms (2);
    }
}

static void
on_request_large (TesseraServer *server, TesseraRequest *request, Fixture *self)
{
  g_autofree char *text = g_strnfill (300000, 'x');

  tessera_request_respond (request, 200, "text/plain", text);
}

static void
test_large_answer_arrives_whole (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);
  gulong handler
      = g_signal_connect (self->server, "before-request", G_CALLBACK (on_request_large), self);

  say (client, GET_JWKS "HEAD /jwks HTTP/1.1\r\nHost: a\r\n\r\n" GET_JWKS);
  hear (client, "Content-Length: 300000\r\n");
  hear (client, "HTTP/1.1 200 OK");
  hear (client, "Content-Length: 300000\r\n\r\nHTTP/1.1 200 OK");
  hear (client, "Content-Length: 300000\r\n\r\n");
  while (client->heard->len < 300000)
    {
      iterate_for_ms (1);
      listen_to (client);
    }
  g_assert_cmpuint (strspn (client->heard->str, "x"), ==, 300000);
  g_signal_handler_disconnect (self->server, handler);
  g_string_truncate (client->heard, 0);
  say (client, GET_JWKS);
  hear (client, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

/* A server that is not ready answers when it is. */
static void
test_request_waits_for_its_server (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraServer) other = tessera_server_new_in_memory (ISSUER "/late");
  g_autoptr (Client) client = client_new (self);

  tessera_server_add_listener (other, self->listener);
  say (client, "GET /late/jwks HTTP/1.1\r\nHost: a\r\n\r\n" GET_JWKS);
  hear (client, "\"keys\"");
  hear (client, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

/* Who leaves, and who is late */

static void
test_client_may_leave_before_the_answer (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  Client *client = client_new (self);
  struct linger reset = { .l_onoff = 1 };

  block (self);
  say_revocation (client, token);
  iterate_for_ms (10);
  setsockopt (client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client_free (client);
  iterate_for_ms (10);
  g_assert_cmpuint (tessera_listener_get_n_connections (self->listener), ==, 0);
  g_assert_cmpuint (tessera_listener_get_n_requests (self->listener), ==, 0);
  g_mutex_unlock (&self->gate);
  iterate_for_ms (10);
}

static void
test_late_answer_is_not_waited_for (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autoptr (Client) client = client_new (self);

  g_object_set (self->listener, "answer-timeout", 20, NULL);
  block (self);
  say_revocation (client, token);
  hear (client, "HTTP/1.1 503 ");
  hear_end (client);
  g_mutex_unlock (&self->gate);
  iterate_for_ms (10);
  g_assert_null (strstr (client->heard->str, "200 OK"));
}

static void
on_drained (GObject *listener, GAsyncResult *result, gpointer data)
{
  *(gboolean *) data = tessera_listener_drain_finish (TESSERA_LISTENER (listener), result, NULL);
}

static void
test_drain_answers_who_has_asked (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autoptr (Client) client = client_new (self), late = client_new (self);
  gboolean drained = FALSE;

  block (self);
  say_revocation (client, token);
  iterate_for_ms (10);
  say (late, GET_JWKS GET_JWKS);
  tessera_listener_drain_async (self->listener, NULL, on_drained, &drained);
  iterate_for_ms (10);
  g_assert_false (drained);
  g_mutex_unlock (&self->gate);
  hear (client, "HTTP/1.1 200 OK\r\n");
  hear (client, "Connection: close\r\n\r\n");
  hear_end (client);
  hear (late, "Connection: close\r\n");
  hear (late, "\"keys\"");
  hear_end (late);
  while (!drained)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_listener_may_close_before_the_answer (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autoptr (Client) client = client_new (self);

  block (self);
  say_revocation (client, token);
  iterate_for_ms (10);
  tessera_listener_close (self->listener);
  g_mutex_unlock (&self->gate);
  hear_end (client);
  iterate_for_ms (10);
}

static void
test_server_may_end_before_the_answer (Fixture *self, gconstpointer data)
{
  g_autofree char *token = issue (self);
  g_autoptr (Client) client = client_new (self);

  block (self);
  say_revocation (client, token);
  iterate_for_ms (10);
  g_mutex_unlock (&self->gate);
  g_clear_object (&self->server);
  hear (client, "HTTP/1.1 200 OK\r\n");
}

/* What handlers of the server may do */

static void
on_before_request (TesseraServer *server, TesseraRequest *request, Fixture *self)
{
  self->n_signals++;
  g_free (self->remote_address);
  self->remote_address = g_strdup (tessera_request_get_remote_address (request));
  if (g_str_equal (tessera_request_get_path (request), "/token"))
    tessera_request_respond (request, 418, "text/plain", "a teapot");
}

static void
on_response_error (TesseraServer *server, const char *path, const char *error, Fixture *self)
{
  self->error = g_intern_string (error);
}

static void
test_signals_are_emitted (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_signal_connect (self->server, "before-request", G_CALLBACK (on_before_request), self);
  g_signal_connect (self->server, "response-error", G_CALLBACK (on_response_error), self);
  say_form (client, "/token", "", "");
  hear (client, "HTTP/1.1 418 ");
  hear (client, "a teapot");
  say_form (client, "/introspect", "", "");
  hear (client, "HTTP/1.1 401 ");
  g_assert_cmpuint (self->n_signals, ==, 2);
  g_assert_cmpstr (self->error, ==, "invalid_client");
  g_assert_cmpstr (self->remote_address, ==, "127.0.0.1");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

static void
on_request_iterate (TesseraServer *server, TesseraRequest *request, Fixture *self)
{
  if (self->n_signals++ < 3)
    iterate_for_ms (5);
}

static void
test_handler_may_run_the_loop (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self), other = client_new (self);

  g_signal_connect (self->server, "before-request", G_CALLBACK (on_request_iterate), self);
  say (client, GET_JWKS "GET /jwks/x.pem HTTP/1.1\r\nHost: a\r\n\r\n" GET_JWKS);
  say (other, GET_JWKS GET_STYLE);
  hear (client, "HTTP/1.1 200 ");
  hear (client, "HTTP/1.1 404 ");
  hear (client, "HTTP/1.1 200 ");
  hear (other, "\"keys\"");
  hear (other, "text/css");
  g_assert_cmpuint (self->n_signals, ==, 5);
}

static void
on_request_end (TesseraServer *server, TesseraRequest *request, Fixture *self)
{
  tessera_listener_close (self->listener);
  g_clear_object (&self->listener);
  g_clear_object (&self->server);
}

static void
test_handler_may_end_everything (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  g_signal_connect (self->server, "before-request", G_CALLBACK (on_request_end), self);
  say (client, GET_JWKS GET_JWKS);
  hear_end (client);
  self->listener = tessera_listener_new (self->soup);
}

/* For whom a proxy speaks */

static void
test_proxies_speak_for_others (Fixture *self, gconstpointer data)
{
  const char *const proxies[] = { "127.0.0.1", "192.0.2.9", NULL };
  g_autoptr (Client) client = client_new (self);

  g_signal_connect (self->server, "before-request", G_CALLBACK (on_before_request), self);
  say (client, "GET /jwks HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
  hear (client, "\"keys\"");
  g_assert_cmpstr (self->remote_address, ==, "127.0.0.1");
  g_assert_null (strstr (client->heard->str, "Strict-Transport-Security"));
  g_object_set (self->server, "trusted-proxies", proxies, NULL);
  say (client, "GET /jwks HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n"
               "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.9\r\n"
               "X-Forwarded-Proto: https\r\n\r\n");
  hear (client, "Strict-Transport-Security: ");
  hear (client, "\"keys\"");
  g_assert_cmpstr (self->remote_address, ==, "192.0.2.1");
  g_object_set (self->server, "proxies-send-forwarded", TRUE, NULL);
  say (client, "GET /jwks HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.3;proto=https\r\n"
               "Forwarded: for=192.0.2.9\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
  hear (client, "Strict-Transport-Security: ");
  hear (client, "\"keys\"");
  g_assert_cmpstr (self->remote_address, ==, "192.0.2.3");
  g_assert_cmpuint (self->n_seen, ==, 0);
}

static void
test_hosts_that_libsoup_refuses_are_left_to_it (Fixture *self, gconstpointer data)
{
  g_autoptr (Client) client = client_new (self);

  say (client, "GET /jwks HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
  hear (client, "\"keys\"");
  g_assert_cmpuint (self->n_seen, ==, 0);
  say (client, "GET /jwks HTTP/1.1\r\nHost: [:::]\r\n\r\n");
  hear (client, "HTTP/1.1 400 ");
}

#define ADD(name, test)                                                                            \
  g_test_add ("/gate-front/" name, Fixture, NULL, fixture_set_up, test, fixture_tear_down)

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);

  ADD ("programs-are-answered-without-libsoup", test_programs_are_answered_without_libsoup);
  ADD ("endpoint-in-disguise-reaches-nobody", test_endpoint_in_disguise_reaches_nobody);
  ADD ("pages-and-other-paths-stay-with-libsoup", test_pages_and_other_paths_stay_with_libsoup);
  ADD ("large-bodies-are-refused-as-ever", test_large_bodies_are_refused_as_ever);
  ADD ("is-a-switch", test_is_a_switch);
  ADD ("is-off-unless-asked-for", test_is_off_unless_asked_for);
  ADD ("is-known-to-what-listens-later", test_is_known_to_what_listens_later);
  ADD ("connection-may-change-hands", test_connection_may_change_hands);
  ADD ("libsoup-may-leave-meanwhile", test_libsoup_may_leave_meanwhile);
  ADD ("a-server-that-left-is-not-asked", test_a_server_that_left_is_not_asked);
  ADD ("two-servers-have-their-own-paths", test_two_servers_have_their_own_paths);
  ADD ("many-pipelined-are-answered-in-order", test_many_pipelined_are_answered_in_order);
  ADD ("half-closed-client-gets-all-its-answers", test_half_closed_client_gets_all_its_answers);
  ADD ("pipelined-wait-for-a-late-answer", test_pipelined_wait_for_a_late_answer);
  ADD ("requests-of-a-connection-are-counted", test_requests_of_a_connection_are_counted);
  ADD ("who-does-not-read-is-not-answered-further", test_who_does_not_read_is_not_answered_further);
  ADD ("stalled-reader-is-cut", test_stalled_reader_is_cut);
  ADD ("large-answer-arrives-whole", test_large_answer_arrives_whole);
  ADD ("request-waits-for-its-server", test_request_waits_for_its_server);
  ADD ("client-may-leave-before-the-answer", test_client_may_leave_before_the_answer);
  ADD ("late-answer-is-not-waited-for", test_late_answer_is_not_waited_for);
  ADD ("drain-answers-who-has-asked", test_drain_answers_who_has_asked);
  ADD ("listener-may-close-before-the-answer", test_listener_may_close_before_the_answer);
  ADD ("server-may-end-before-the-answer", test_server_may_end_before_the_answer);
  ADD ("signals-are-emitted", test_signals_are_emitted);
  ADD ("handler-may-run-the-loop", test_handler_may_run_the_loop);
  ADD ("handler-may-end-everything", test_handler_may_end_everything);
  ADD ("proxies-speak-for-others", test_proxies_speak_for_others);
  ADD ("hosts-that-libsoup-refuses-are-left-to-it", test_hosts_that_libsoup_refuses_are_left_to_it);
  return g_test_run ();
}
