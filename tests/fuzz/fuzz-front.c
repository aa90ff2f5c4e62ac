/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two fronts of the endpoints: what comes over a connection is given to the gate twice, once
 * with direct-endpoints and once without. The answers are the same; and whatever comes, every byte
 * that comes back belongs to an answer, and the connection ends. What libsoup takes for the address
 * of an endpoint stands there just so. The input is what comes over the connection. */

#include "fuzz.h"
#include "gate/tessera-listener.h"
#include "server/tessera-monitoring.h"
#include "server/tessera-server-private.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ISSUER "https://as.test"
#define SECRET "s3cret-of-a-client-for-tests-0123456789"
#define FAILURES 10
#define PATIENCE_US (4 * G_TIME_SPAN_SECOND)

static SoupServer *soup;
static TesseraServer *server;
static TesseraListener *listener;
static struct sockaddr_un address;
static socklen_t address_length;
static guint n_by_libsoup;
static const char *input;
static gsize input_length;

/* As somebody reads it who decodes nothing. */
static gboolean
is_address_in_input (const char *path)
{
  g_autofree char *alone = g_strconcat (" ", path, " ", NULL);
  g_autofree char *with_query = g_strconcat (" ", path, "?", NULL);

  return memmem (input, input_length, alone, strlen (alone)) != NULL
         || memmem (input, input_length, with_query, strlen (with_query)) != NULL;
}

static void
on_got_headers (SoupServerMessage *message, gpointer data)
{
  GUri *uri = soup_server_message_get_uri (message);

  if (uri != NULL && tessera_server_owns_path (server, g_uri_get_path (uri)))
    g_assert_true (is_address_in_input (g_uri_get_path (uri)));
}

static void
on_request_started (SoupServer *self, SoupServerMessage *message, gpointer data)
{
  n_by_libsoup++;
  g_signal_connect (message, "got-headers", G_CALLBACK (on_got_headers), NULL);
}

/* Without a name in the file system. */
static void
listen_somewhere (void)
{
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  struct sockaddr_un any = { .sun_family = AF_UNIX };

  g_assert_cmpint (bind (g_socket_get_fd (socket), (struct sockaddr *) &any, sizeof (sa_family_t)),
                   ==, 0);
  g_assert_true (g_socket_listen (socket, NULL));
  g_assert_true (tessera_listener_add_socket (listener, socket, NULL, NULL, NULL));
  address_length = sizeof address;
  getsockname (g_socket_get_fd (socket), (struct sockaddr *) &address, &address_length);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  const char *const grants[]
      = { "client_credentials", "refresh_token", "authorization_code", NULL };
  g_autoptr (GError) error = NULL;

  fuzz_init ();
  soup = soup_server_new (NULL, NULL);
  g_signal_connect (soup, "request-started", G_CALLBACK (on_request_started), NULL);
  server = tessera_server_new_in_memory (ISSUER);
  g_object_set (server, "check-enabled", TRUE, "status-list-enabled", TRUE, NULL);
  tessera_server_set_audit_events (server, (const char *const[]){ "none", NULL }, NULL);
  tessera_server_add_client (server, "App", "https://c.test/cb", "c", SECRET, 600, TRUE, grants,
                             &error);
  g_assert_no_error (error);
  tessera_server_wait_ready (server, &error);
  g_assert_no_error (error);
  listener = tessera_listener_new (soup);
  tessera_server_add_listener (server, listener);
  listen_somewhere ();
  return 0;
}

/* A connection */

static gboolean
say_some (int fd, const char **bytes, gsize *length)
{
  gssize sent = *length > 0 ? send (fd, *bytes, *length, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

  if (sent < 0)
    return errno == EAGAIN;
  *bytes += sent;
  *length -= (gsize) sent;
  return TRUE;
}

/* FALSE at the end. */
static gboolean
hear_some (int fd, GString *heard)
{
  char buffer[65536];
  gssize got = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (got > 0)
    g_string_append_len (heard, buffer, got);
  return got > 0 || (got < 0 && errno == EAGAIN);
}

/* All that comes back when @bytes are said, and nothing more. */
static GString *
exchange (const char *bytes, gsize length)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  GString *heard = g_string_new (NULL);
  gint64 end = g_get_monotonic_time () + PATIENCE_US;
  gboolean shut = FALSE;

  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, address_length), ==, 0);
  while (hear_some (fd, heard))
    {
      if (!shut && (!say_some (fd, &bytes, &length) || length == 0))
        {
          shutdown (fd, SHUT_WR);
          shut = TRUE;
        }
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, end);
    }
  close (fd);
  while (tessera_listener_get_n_connections (listener) > 0)
    g_main_context_iteration (NULL, FALSE);
  return heard;
}

/* With no failures of clients before it. */
static GString *
exchange_by (gboolean direct, const char *bytes, gsize length)
{
  TesseraEngine *engine = tessera_server_get_engine (server);

  tessera_throttle_free (engine->client_throttle);
  engine->client_throttle = tessera_throttle_new (FAILURES);
  g_object_set (listener, "direct-endpoints", direct, NULL);
  n_by_libsoup = 0;
  return exchange (bytes, length);
}

/* The answers */

/* Takes the line that begins with @name out of a head. */
static void
drop_field (GString *head, const char *name)
{
  char *line = strstr (head->str, name);
  char *end = line != NULL ? strstr (line, "\r\n") : NULL;

  if (end != NULL)
    g_string_erase (head, line - head->str, end + 2 - line);
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The fields in one order, and without the time. */
static char *
normalise (const char *text, gsize length)
{
  g_autoptr (GString) head = g_string_new_len (text, (gssize) length);

  drop_field (head, "Date: ");
  g_auto (GStrv) lines = g_strsplit (head->str, "\r\n", -1);
  qsort (lines + 1, g_strv_length (lines) - 1, sizeof *lines, compare_lines);
  return g_strjoinv ("\n", lines);
}

static gsize
get_body_length (const char *head)
{
  const char *field = strstr (head, "Content-Length: ");

  return field != NULL ? (gsize) g_ascii_strtoull (field + strlen ("Content-Length: "), NULL, 10)
                       : 0;
}

/* Tokens are others each time. */
static gboolean
has_token (const GString *answers)
{
  return strstr (answers->str, "\"access_token\":\"") != NULL;
}

/* Head by head, with what is behind each up to the next. */
static void
compare (const GString *direct, const GString *by_libsoup)
{
  const char *a = direct->str, *b = by_libsoup->str;

  while (*a != '\0')
    {
      const char *a_end = strstr (a, "\r\n\r\n"), *b_end = strstr (b, "\r\n\r\n");

      g_assert_true (g_str_has_prefix (a, "HTTP/1."));
      g_assert_true (a_end != NULL && b_end != NULL);
      g_autofree char *a_head = normalise (a, (gsize) (a_end - a));
      g_autofree char *b_head = normalise (b, (gsize) (b_end - b));
      g_assert_cmpstr (a_head, ==, b_head);
      a = a_end + 4;
      b = b_end + 4;
      if (!g_str_has_prefix (a, "HTTP/1.")) /* else to HEAD, or without one */
        {
          gsize length = get_body_length (a_head);

          length = MIN (length, strlen (a)); /* the connection may have ended before */
          g_assert_cmpmem (a, length, b, MIN (length, strlen (b)));
          a += length;
          b += length;
        }
    }
  g_assert_cmpstr (b, ==, "");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GString) direct = NULL;
  g_autoptr (GString) by_libsoup = NULL;

  input = (const char *) data;
  input_length = size;
  direct = exchange_by (TRUE, input, size);
  if (n_by_libsoup > 0) /* the other way is the same way, and pages have things of their own */
    return 0;
  by_libsoup = exchange_by (FALSE, input, size);
  if (!has_token (direct) && !has_token (by_libsoup))
    compare (direct, by_libsoup);
  else
    g_assert_true (has_token (direct) && has_token (by_libsoup));
  return 0;
}
