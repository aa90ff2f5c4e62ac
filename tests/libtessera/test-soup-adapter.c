/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-soup-*.c: raw requests over loopback to a SoupServer of an application, which has
 * handlers and an auth domain of its own. */

#include "log-capture.h"

#include "model/tessera-issuance.h"
#include "server/tessera-monitoring.h"
#include "server/tessera-page.h"
#include "server/tessera-server-private.h"
#include "server/tessera-soup-deadlines-private.h"
#include "server/tessera-soup-websocket-private.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BASIC                                                                                      \
  "Authorization: Basic YzE6c2VjcmV0LW9mLWMxLWlzLWxvbmc=\r\n" /* c1:secret-of-c1-is-long */
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define GRANT "grant_type=client_credentials" /* 29 bytes */

typedef struct
{
  SoupServer *soup;
  TesseraServer *server;
  guint16 port;
  guint app_calls;
} Fixture;

static void
on_app_request (SoupServer *soup,
                SoupServerMessage *message,
                const char *path,
                GHashTable *query,
                gpointer data)
{
  Fixture *fixture = data;
  fixture->app_calls++;
  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "app", 3);
}

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  static const char *const machine[] = { "client_credentials", NULL };
  g_autoptr (GError) error = NULL;

  self->soup = soup_server_new (NULL, NULL);
  soup_server_add_handler (self->soup, NULL, on_app_request, self, NULL);
  soup_server_add_handler (self->soup, "/token", on_app_request, self, NULL);
  soup_server_listen_local (self->soup, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  GSList *uris = soup_server_get_uris (self->soup);
  self->port = g_uri_get_port (uris->data);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);

  self->server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  tessera_server_add_client (self->server, "App", NULL, "c1", "secret-of-c1-is-long", 0, FALSE,
                             machine, &error);
  g_assert_no_error (error);
  tessera_server_wait_ready (self->server, &error);
  g_assert_no_error (error);
  tessera_server_attach (self->server, self->soup);
}

static void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  tessera_server_detach (self->server, self->soup);
  soup_server_disconnect (self->soup);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_object (&self->server);
  g_clear_object (&self->soup);
}

static int
connect_to (Fixture *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons (self->port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static void
write_text (int fd, const char *text)
{
  gsize length = strlen (text);
  while (length > 0)
    {
      gssize n = send (fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0)
        text += n, length -= n;
      else if (errno != EAGAIN)
        return;
      g_main_context_iteration (NULL, FALSE);
    }
}

/* Is there one whole answer? */
static gboolean
is_complete (const char *answer)
{
  const char *body = strstr (answer, "\r\n\r\n");
  const char *length = strcasestr (answer, "\r\nContent-Length: ");
  if (body == NULL || g_str_has_prefix (answer, "HTTP/1.1 100"))
    return body != NULL && is_complete (body + 4);
  return length == NULL || length > body || strlen (body + 4) >= atoi (length + 18);
}

/* One answer; "" when the connection was closed without. */
static char *
read_answer (int fd)
{
  GString *answer = g_string_new (NULL);
  while (!is_complete (answer->str))
    {
      char buffer[4096];
      gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0)
        g_string_append_len (answer, buffer, n);
      else if (n == 0 || errno != EAGAIN)
        break;
      else
        g_main_context_iteration (NULL, FALSE);
    }
  return g_string_free (answer, FALSE);
}

static gboolean
is_closed (int fd)
{
  char byte;
  gssize n;
  while ((n = recv (fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
    g_main_context_iteration (NULL, FALSE);
  return n <= 0;
}

static char *
ask (Fixture *self, const char *text)
{
  int fd = connect_to (self);
  write_text (fd, text);
  char *answer = read_answer (fd);
  close (fd);
  return answer;
}

static void
assert_status (const char *answer, guint status)
{
  g_autofree char *line = g_strdup_printf ("HTTP/1.1 %u ", status);
  if (!g_str_has_prefix (answer, line))
    g_error ("expected %u, got: %s", status, answer);
}

/* Refused, logged once, and the connection is over. */
static void
assert_refused (Fixture *self, const char *text, guint status)
{
  int fd = connect_to (self);
  log_capture_begin ();
  write_text (fd, text);
  g_autofree char *answer = read_answer (fd);
  assert_status (answer, status);
  g_assert_nonnull (strcasestr (answer, "\r\nConnection: close\r\n"));
  g_assert_nonnull (strstr (answer, "\"error\":\"invalid_request\""));
  g_assert_true (is_closed (fd));
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");
  close (fd);
}

static char *
make_head (const char *start, const char *fields, guint length)
{
  return g_strdup_printf ("%s HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n%s\r\n", start, length,
                          fields);
}

static char *
make_token_request (const char *fields)
{
  g_autofree char *all = g_strconcat (BASIC FORM, fields, NULL);
  g_autofree char *head = make_head ("POST /token", all, strlen (GRANT));
  return g_strconcat (head, GRANT, NULL);
}

static void
test_serves_its_paths (Fixture *self, gconstpointer data)
{
  g_autofree char *request = make_token_request ("");
  g_autofree char *answer = ask (self, request);
  assert_status (answer, 200);
  g_assert_nonnull (strstr (answer, "\"access_token\""));
  g_assert_nonnull (strcasestr (answer, "\r\nDate: "));
  g_assert_nonnull (strcasestr (answer, "\r\nContent-Type: application/json\r\n"));
  g_assert_cmpuint (self->app_calls, ==, 0);
}

static void
test_leaves_other_paths (Fixture *self, gconstpointer data)
{
  const char *const targets[]
      = { "/", "/tokens", "/token/", "//token", "/token;x", "/token/x", "/tokenXYZ", "/%2574oken" };
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i]);
      g_autofree char *answer = ask (self, request);
      g_assert_true (g_str_has_suffix (answer, "\r\n\r\napp"));
    }
  g_assert_cmpuint (self->app_calls, ==, G_N_ELEMENTS (targets));
}

/* The application's own requests keep what is refused on ours. */
static void
test_leaves_other_requests_alone (Fixture *self, gconstpointer data)
{
  g_autofree char *answer = ask (self, "POST /upload HTTP/1.1\r\nHost: h\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  assert_status (answer, 200);
  g_autofree char *range = ask (self, "GET /file HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0\r\n\r\n");
  assert_status (range, 206);
}

static void
test_disguised_path_reaches_nobody (Fixture *self, gconstpointer data)
{
  g_object_set (self->server, "token-path", "/oauth/token", NULL);
  assert_refused (self, "GET /oauth%2Ftoken HTTP/1.1\r\nHost: h\r\n\r\n", 404);
  g_assert_cmpuint (self->app_calls, ==, 0);
}

/* Two issuers, one SoupServer. */
static void
test_servers_stand_side_by_side (Fixture *self, gconstpointer data)
{
  const char *const targets[] = { "/jwks", "/two/jwks", "/two/login" };
  g_autoptr (TesseraServer) second = tessera_server_new_in_memory ("http://127.0.0.1:8417/two");
  tessera_server_attach (second, self->soup);
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i]);
      g_autofree char *answer = ask (self, request);
      assert_status (answer, 200);
    }
  g_assert_cmpuint (self->app_calls, ==, 0);

  tessera_server_detach (self->server, self->soup);
  tessera_server_attach (self->server, self->soup);
  g_autofree char *request = make_token_request ("");
  g_autofree char *first = ask (self, request);
  assert_status (first, 200);
  tessera_server_detach (second, self->soup);
  g_autofree char *gone = ask (self, "GET /two/jwks HTTP/1.1\r\nHost: h\r\n\r\n");
  g_assert_true (g_str_has_suffix (gone, "\r\n\r\napp"));
}

static void
drop_server (TesseraServer *server, TesseraIssuance *issuance, gpointer data)
{
  g_clear_object ((TesseraServer **) data);
}

static void
test_handler_may_drop_the_server (Fixture *self, gconstpointer data)
{
  TesseraServer *server = self->server;
  g_signal_connect (server, "issue-token", G_CALLBACK (drop_server), &self->server);
  g_autofree char *request = make_token_request ("");
  g_autofree char *answer = ask (self, request);
  assert_status (answer, 200);
  g_assert_null (self->server);
  self->server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
}

static gboolean
refuse_everybody (SoupAuthDomain *domain,
                  SoupServerMessage *message,
                  const char *name,
                  const char *password,
                  gpointer data)
{
  return FALSE;
}

static void
test_auth_domains_are_not_asked (Fixture *self, gconstpointer data)
{
  g_autoptr (SoupAuthDomain) domain = soup_auth_domain_basic_new ("realm", "x", NULL);
  soup_auth_domain_add_path (domain, "/");
  soup_auth_domain_basic_set_auth_callback (domain,
                                            (SoupAuthDomainBasicAuthCallback) refuse_everybody,
                                            NULL, NULL);
  soup_server_add_auth_domain (self->soup, domain);
  g_autofree char *request = make_token_request ("");
  g_autofree char *ours = ask (self, request);
  assert_status (ours, 200);
  g_autofree char *expecting = make_token_request ("Expect: 100-continue\r\n");
  g_autofree char *continued = ask (self, expecting);
  g_assert_nonnull (strstr (continued, "\"access_token\""));
  g_autofree char *theirs = ask (self, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert_status (theirs, 401);
}

static void
test_continue_is_sent (Fixture *self, gconstpointer data)
{
  int fd = connect_to (self);
  g_autofree char *head
      = make_head ("POST /token", BASIC FORM "Expect: 100-continue\r\n", strlen (GRANT));
  write_text (fd, head);
  char interim[26] = { 0 };
  for (gsize got = 0; got < 25;)
    {
      gssize n = recv (fd, interim + got, 25 - got, MSG_DONTWAIT);
      got += MAX (n, 0);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpstr (interim, ==, "HTTP/1.1 100 Continue\r\n\r\n");
  write_text (fd, GRANT);
  g_autofree char *answer = read_answer (fd);
  assert_status (answer, 200);
  g_assert_nonnull (strcasestr (answer, "\r\nDate: "));
  close (fd);
}

static void
test_connection_is_kept (Fixture *self, gconstpointer data)
{
  int fd = connect_to (self);
  g_autofree char *request = make_token_request ("");
  for (guint i = 0; i < 3; i++)
    {
      write_text (fd, request);
      g_autofree char *answer = read_answer (fd);
      assert_status (answer, 200);
    }
  close (fd);
}

static void
test_head_has_no_body (Fixture *self, gconstpointer data)
{
  int fd = connect_to (self);
  write_text (fd, "HEAD /jwks HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  GString *answer = g_string_new (NULL);
  char buffer[4096];
  gssize n;
  while ((n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT)) != 0)
    {
      g_string_append_len (answer, buffer, MAX (n, 0));
      g_main_context_iteration (NULL, FALSE);
    }
  assert_status (answer->str, 200);
  g_assert_true (g_str_has_suffix (answer->str, "\r\n\r\n"));
  g_string_free (answer, TRUE);
  close (fd);
}

static void
test_range_is_ignored (Fixture *self, gconstpointer data)
{
  g_autofree char *answer
      = ask (self, "GET /jwks HTTP/1.1\r\nHost: h\r\nRange: bytes=-99999\r\n\r\n");
  assert_status (answer, 200);
  g_assert_null (strcasestr (answer, "Content-Range"));
}

static void
test_host_does_not_matter (Fixture *self, gconstpointer data)
{
  g_autofree char *answer
      = ask (self, "GET http://evil.test/.well-known/oauth-authorization-server HTTP/1.1\r\n"
                   "Host: evil.test\r\n\r\n");
  assert_status (answer, 200);
  g_assert_null (strstr (answer, "evil"));
}

static void
test_large_bodies_are_refused (Fixture *self, gconstpointer data)
{
  g_autofree char *head = make_head ("POST /token", BASIC FORM, 65537);
  assert_refused (self, head, 413);
  g_autofree char *huge = make_head ("POST /token", BASIC FORM, 3000000);
  g_autofree char *body = g_strnfill (3000000, 'a');
  g_autofree char *whole = g_strconcat (huge, body, NULL);
  assert_refused (self, whole, 413);
  g_autofree char *expecting = make_head ("POST /token", FORM "Expect: 100-continue\r\n", 70000);
  assert_refused (self, expecting, 413);
}

static void
test_largest_body_is_read (Fixture *self, gconstpointer data)
{
  g_autofree char *head = make_head ("POST /token", BASIC FORM, 65536);
  g_autofree char *filler = g_strnfill (65536 - strlen (GRANT) - 3, 'a');
  g_autofree char *whole = g_strconcat (head, GRANT "&a=", filler, NULL);
  g_autofree char *answer = ask (self, whole);
  assert_status (answer, 200);
}

static void
test_large_heads_are_refused (Fixture *self, gconstpointer data)
{
  g_autofree char *query = g_strnfill (8192, 'a');
  g_autofree char *long_uri
      = g_strdup_printf ("GET /authorize?%s HTTP/1.1\r\nHost: h\r\n\r\n", query);
  assert_refused (self, long_uri, 414);

  g_autofree char *value = g_strnfill (16384, 'a');
  g_autofree char *large
      = g_strdup_printf ("GET /jwks HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n", value);
  assert_refused (self, large, 431);

  GString *many = g_string_new ("GET /jwks HTTP/1.1\r\nHost: h\r\n");
  for (guint i = 0; i < 66; i++)
    g_string_append_printf (many, "X-%u: a\r\n", i);
  g_string_append (many, "\r\n");
  assert_refused (self, many->str, 431);
  g_string_free (many, TRUE);
}

static void
test_repeated_fields_are_refused (Fixture *self, gconstpointer data)
{
  const char *const fields[] = {
    "Authorization: Basic YTpi\r\n",  "Host: other\r\n",
    "Content-Type: text/plain\r\n",   "Content-Length: 29\r\n",
    "Cookie: a=1\r\nCookie: a=2\r\n",
  };
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autofree char *request = make_token_request (fields[i]);
      assert_refused (self, request, 400);
    }
}

static void
test_unclear_lengths_are_refused (Fixture *self, gconstpointer data)
{
  /* libsoup itself refuses what has no digits at its end. */
  const char *const lengths[] = { "-1", "+3", "12345678" };
  assert_refused (self,
                  "POST /token HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n",
                  411);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *request
          = g_strdup_printf ("POST /token HTTP/1.1\r\nHost: h\r\nContent-Length: %s\r\n\r\nabc",
                             lengths[i]);
      assert_refused (self, request, 400);
    }
}

/* What follows a refused request on its connection is never taken for one. */
static void
test_smuggled_request_is_not_served (Fixture *self, gconstpointer data)
{
  int fd = connect_to (self);
  log_capture_begin ();
  write_text (fd, "POST /token HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"
                  "Host: h\r\n\r\n");
  g_autofree char *answer = read_answer (fd);
  assert_status (answer, 411);
  g_assert_true (is_closed (fd));
  log_capture_end ();
  g_assert_cmpuint (self->app_calls, ==, 0);
  close (fd);
}

/* Paused, answered later, and nobody there any more. */
static void
keep_exchange (TesseraServer *server, TesseraRequest *request, gpointer data)
{
  *(guint *) data += 1;
}

static void
test_late_answer_is_sent (Fixture *self, gconstpointer data)
{
  g_autofree char *head = make_head ("POST /revoke", BASIC FORM, strlen ("token=x"));
  g_autofree char *request = g_strconcat (head, "token=x", NULL);
  g_autofree char *answer = ask (self, request);
  assert_status (answer, 200);
}

static void
test_client_may_leave_before_the_answer (Fixture *self, gconstpointer data)
{
  guint seen = 0;
  g_autoptr (TesseraServer) slow = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_object_set (slow, "jwks-path", "/slow", NULL);
  g_signal_connect (slow, "before-request", G_CALLBACK (keep_exchange), &seen);
  tessera_server_attach (slow, self->soup);
  int fd = connect_to (self);
  write_text (fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  close (fd);
  while (seen == 0)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  tessera_server_close (slow);
}

static void
test_server_may_stop_before_the_answer (Fixture *self, gconstpointer data)
{
  guint seen = 0;
  g_autoptr (TesseraServer) slow = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_object_set (slow, "jwks-path", "/slow", NULL);
  g_signal_connect (slow, "before-request", G_CALLBACK (keep_exchange), &seen);
  tessera_server_attach (slow, self->soup);
  int fd = connect_to (self);
  write_text (fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  soup_server_disconnect (self->soup);
  while (!tessera_server_is_ready (slow))
    g_main_context_iteration (NULL, TRUE);
  tessera_server_close (slow);
  close (fd);
}

static void
test_detached_server_serves_nothing (Fixture *self, gconstpointer data)
{
  tessera_server_detach (self->server, self->soup);
  g_autofree char *answer = ask (self, "GET /jwks HTTP/1.1\r\nHost: h\r\n\r\n");
  g_assert_true (g_str_has_suffix (answer, "\r\n\r\napp"));
}

static void
on_request (TesseraServer *server, TesseraRequest *request, gpointer data)
{
  g_free (*(char **) data);
  *(char **) data = g_strdup (tessera_request_get_remote_address (request));
}

static void
test_only_trusted_proxies_are_believed (Fixture *self, gconstpointer data)
{
  g_autofree char *address = NULL;
  const char *const proxies[] = { "127.0.0.1", NULL };
  const char *request
      = "GET /jwks HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 198.51.100.9, 203.0.113.7\r\n\r\n";
  g_signal_connect (self->server, "before-request", G_CALLBACK (on_request), &address);
  g_free (ask (self, request));
  g_assert_cmpstr (address, ==, "127.0.0.1");
  g_object_set (self->server, "trusted-proxies", proxies, NULL);
  g_free (ask (self, request));
  g_assert_cmpstr (address, ==, "203.0.113.7");
  g_free (ask (self, "GET /jwks HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: \"evil\"\r\n\r\n"));
  g_assert_cmpstr (address, ==, "127.0.0.1");
}

/* Only the header that they are said to write. */
static void
test_proxies_speak_one_language (Fixture *self, gconstpointer data)
{
  g_autofree char *address = NULL;
  const char *const proxies[] = { "127.0.0.1", NULL };
  const char *request = "GET /jwks HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 198.51.100.9\r\n"
                        "Forwarded: for=192.0.2.9\r\nForwarded: for=203.0.113.7\r\n\r\n";
  g_signal_connect (self->server, "before-request", G_CALLBACK (on_request), &address);
  g_object_set (self->server, "trusted-proxies", proxies, NULL);
  g_free (ask (self, request));
  g_assert_cmpstr (address, ==, "198.51.100.9");
  g_object_set (self->server, "proxies-send-forwarded", TRUE, NULL);
  g_free (ask (self, request));
  g_assert_cmpstr (address, ==, "203.0.113.7");
  g_free (ask (self, "GET /jwks HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n"));
  g_assert_cmpstr (address, ==, "127.0.0.1");
}

static void
assert_strict_transport (Fixture *self, const char *header, gboolean expected)
{
  g_autofree char *request = g_strconcat ("GET /jwks HTTP/1.1\r\nHost: h\r\n",
                                          "X-Forwarded-For: 203.0.113.7\r\n", header, "\r\n", NULL);
  g_autofree char *answer = ask (self, request);

  g_assert_cmpint (strstr (answer, "Strict-Transport-Security: max-age=") != NULL, ==, expected);
}

/* RFC 6797 §7.2 */
static void
test_strict_transport_is_asked_for_over_tls_alone (Fixture *self, gconstpointer data)
{
  const char *const proxies[] = { "127.0.0.1", NULL };

  assert_strict_transport (self, "X-Forwarded-Proto: https\r\n", FALSE);
  g_object_set (self->server, "trusted-proxies", proxies, NULL);
  assert_strict_transport (self, "X-Forwarded-Proto: https\r\n", TRUE);
  assert_strict_transport (self, "X-Forwarded-Proto: http\r\n", FALSE);
  assert_strict_transport (self, "Forwarded: for=203.0.113.7;proto=https\r\n", FALSE);
  g_object_set (self->server, "proxies-send-forwarded", TRUE, NULL);
  assert_strict_transport (self, "Forwarded: for=203.0.113.7;proto=https\r\n", TRUE);
  assert_strict_transport (self, "X-Forwarded-Proto: https\r\n", FALSE);
}

#define APP "/app HTTP/1.1\r\nHost: h\r\n"

static void
test_hardening_holds_the_application_to_the_rules (Fixture *self, gconstpointer data)
{
  const struct
  {
    guint status;
    const char *request;
  } bad[] = {
    { 411, "POST " APP "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { 411, "POST " APP "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" },
    { 413, "POST " APP "Content-Length: 101\r\n\r\n" },
    { 400, "POST " APP "Content-Length: +5\r\n\r\nabcde" },
    { 400, "POST " APP "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde" },
    { 400, "GET " APP "Host: evil\r\n\r\n" },
    { 400, "GET " APP "Authorization: a\r\nAuthorization: b\r\n\r\n" },
  };

  tessera_server_harden (self->server, self->soup, 100);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (self, bad[i].request, bad[i].status);
  g_assert_cmpuint (self->app_calls, ==, 0);
  g_autofree char *good = ask (self, "POST " APP "Content-Length: 5\r\n\r\nabcde");
  assert_status (good, 200);
  g_assert_cmpuint (self->app_calls, ==, 1);
}

static void
test_without_hardening_the_application_is_its_own (Fixture *self, gconstpointer data)
{
  g_autofree char *answer = ask (self, "POST " APP "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  assert_status (answer, 200);
}

static void
test_hardening_takes_ranges_away (Fixture *self, gconstpointer data)
{
  const char *request = "GET " APP "Range: bytes=0-1\r\nConnection: close\r\n\r\n";
  g_autofree char *before = ask (self, request);
  tessera_server_harden (self->server, self->soup, 100);
  g_autofree char *after = ask (self, request);

  assert_status (before, 206);
  assert_status (after, 200);
}

static void
test_hardening_forbids_http_2 (Fixture *self, gconstpointer data)
{
  g_setenv ("SOUP_SERVER_HTTP2", "1", TRUE);
  tessera_server_harden (self->server, self->soup, 100);
  g_assert_null (g_getenv ("SOUP_SERVER_HTTP2"));
}

/* Each deadline alone is short, the others are far away. @status: 0: none, or libsoup's. */
static void
assert_disconnected (Fixture *self,
                     const TesseraSoupDeadlines *deadlines,
                     const char *text,
                     guint status)
{
  tessera_soup_deadlines_set (self->soup, deadlines);
  int fd = connect_to (self);
  write_text (fd, text);
  g_autofree char *answer = read_answer (fd);
  if (status != 0)
    assert_status (answer, status);
  else
    g_assert_false (g_str_has_prefix (answer, "HTTP/1.1 2"));
  g_assert_true (is_closed (fd));
  close (fd);
}

#define FAR 600000

static void
test_slow_clients_are_disconnected (Fixture *self, gconstpointer data)
{
  const TesseraSoupDeadlines head = { 30, FAR, FAR };
  const TesseraSoupDeadlines body = { FAR, 30, FAR };
  const TesseraSoupDeadlines idle = { FAR, FAR, 30 };

  assert_disconnected (self, &head, "", 0);
  assert_disconnected (self, &head, "GET /app HTTP/1.1\r\nHos", 0);
  assert_disconnected (self, &head, "GET " APP, 408);
  assert_disconnected (self, &body, "POST " APP "Content-Length: 5\r\n\r\nabc", 0);
  assert_disconnected (self, &idle, "GET " APP "\r\n", 200);
  g_assert_cmpuint (self->app_calls, ==, 1);
}

static void
on_slow_request (SoupServer *soup,
                 SoupServerMessage *message,
                 const char *path,
                 GHashTable *query,
                 gpointer data)
{
  *(SoupServerMessage **) data = message;
  soup_server_message_pause (message);
}

/* The server may take its time; the next request of the client begins anew. */
static void
test_slow_answers_are_waited_for (Fixture *self, gconstpointer data)
{
  const TesseraSoupDeadlines deadlines = { 30, 30, FAR };
  SoupServerMessage *held = NULL;
  gint64 until = g_get_monotonic_time () + 100000;

  soup_server_add_handler (self->soup, "/slow", on_slow_request, &held, NULL);
  tessera_soup_deadlines_set (self->soup, &deadlines);
  int fd = connect_to (self);
  write_text (fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  while (held == NULL || g_get_monotonic_time () < until)
    g_main_context_iteration (NULL, FALSE);
  soup_server_message_set_status (held, 200, NULL);
  soup_server_message_set_response (held, "text/plain", SOUP_MEMORY_STATIC, "late", 4);
  soup_server_message_unpause (held);
  g_autofree char *answer = read_answer (fd);
  assert_status (answer, 200);
  for (until += 100000; g_get_monotonic_time () < until;) /* idling is free here */
    g_main_context_iteration (NULL, FALSE);
  write_text (fd, "GET " APP "\r\n");
  g_autofree char *next = read_answer (fd);
  assert_status (next, 200);
  close (fd);
}

static void
on_stealing_request (SoupServer *soup,
                     SoupServerMessage *message,
                     const char *path,
                     GHashTable *query,
                     gpointer data)
{
  *(GIOStream **) data = soup_server_message_steal_connection (message);
}

static void
test_stolen_connections_are_left_alone (Fixture *self, gconstpointer data)
{
  const TesseraSoupDeadlines deadlines = { 30, 30, 30 };
  g_autoptr (GIOStream) stolen = NULL;
  gint64 until = g_get_monotonic_time () + 200000;
  char byte;

  soup_server_add_early_handler (self->soup, "/steal", on_stealing_request, &stolen, NULL);
  tessera_soup_deadlines_set (self->soup, &deadlines);
  int fd = connect_to (self);
  write_text (fd, "GET /steal HTTP/1.1\r\nHost: h\r\n\r\n");
  while (stolen == NULL || g_get_monotonic_time () < until)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (recv (fd, &byte, 1, MSG_DONTWAIT), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  close (fd);
}

static guint
count_descriptors (void)
{
  guint n = 0;
  DIR *dir = opendir ("/proc/self/fd");
  while (readdir (dir) != NULL)
    n++;
  closedir (dir);
  return n;
}

/* Answers in pieces, in an application's own SoupServer. */

static void
read_until (int fd, GString *text, const char *wanted)
{
  while (strstr (text->str, wanted) == NULL)
    {
      char buffer[4096];
      gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      g_assert_true (n > 0 || (n < 0 && errno == EAGAIN));
      if (n > 0)
        g_string_append_len (text, buffer, n);
      else
        g_main_context_iteration (NULL, FALSE);
    }
}

static char *
dup_reader_token (Fixture *self)
{
  g_autoptr (TesseraClient) reader
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "reader", "secret", "secret-of-reader-is-long",
                      "scope", "denylist", "grant-types",
                      (const char *const[]){ "client_credentials", NULL }, NULL);
  g_autoptr (GError) error = NULL;

  tessera_server_add_client_object (self->server, reader, &error);
  g_assert_no_error (error);
  g_autofree char *answer
      = ask (self, "POST /token HTTP/1.1\r\nHost: h\r\nContent-Length: 29\r\n" FORM
                   "Authorization: Basic "
                   "cmVhZGVyOnNlY3JldC1vZi1yZWFkZXItaXMtbG9uZw==\r\n\r\n" GRANT);
  assert_status (answer, 200);
  const char *token = strstr (answer, "\"access_token\":\"") + strlen ("\"access_token\":\"");
  return g_strndup (token, strcspn (token, "\""));
}

static int
follow (Fixture *self, GString *text)
{
  g_autofree char *token = dup_reader_token (self);
  g_autofree char *request = g_strdup_printf (
      "GET /deny-list/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", token);
  int fd = connect_to (self);

  write_text (fd, request);
  read_until (fd, text, "event: heartbeat");
  assert_status (text->str, 200);
  g_assert_nonnull (strstr (text->str, "\r\nTransfer-Encoding: chunked\r\n"));
  return fd;
}

static void
assert_subscribers (Fixture *self, guint n)
{
  g_autofree char *wanted = g_strdup_printf ("\ntessera_feed_subscribers %u\n", n);
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  for (;;)
    {
      g_autofree char *metrics = tessera_server_dup_metrics (self->server);

      if (strstr (metrics, wanted) != NULL)
        return;
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, FALSE);
    }
}

static void
test_events_come_and_end (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);
  int fd = follow (self, text);
  g_autofree char *request = make_token_request ("");
  g_autofree char *answer = ask (self, request);
  const char *token = strstr (answer, "\"access_token\":\"") + strlen ("\"access_token\":\"");
  g_autofree char *form = g_strdup_printf ("token=%.*s", (int) strcspn (token, "\""), token);
  g_autofree char *head = make_head ("POST /revoke", BASIC FORM, (guint) strlen (form));
  g_autofree char *revoke = g_strconcat (head, form, NULL);
  g_autofree char *revoked = ask (self, revoke);

  assert_status (revoked, 200);
  read_until (fd, text, "event: deny");
  assert_subscribers (self, 1);
  tessera_server_close (self->server);
  read_until (fd, text, "\r\n0\r\n\r\n");
  g_assert_true (is_closed (fd));
  close (fd);
}

static void
test_who_leaves_is_noticed (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);
  int fd = follow (self, text);

  assert_subscribers (self, 1);
  close (fd);
  assert_subscribers (self, 0);
}

/* A WebSocket, with libsoup's client. */

typedef struct
{
  SoupWebsocketConnection *connection;
  GString *text;
  gboolean closed;
} Listener;

static void
on_message (SoupWebsocketConnection *connection, int type, GBytes *message, gpointer data)
{
  Listener *self = data;

  g_assert_cmpint (type, ==, SOUP_WEBSOCKET_DATA_TEXT);
  g_string_append_len (self->text, g_bytes_get_data (message, NULL),
                       (gssize) g_bytes_get_size (message));
  g_string_append_c (self->text, '\n');
}

static void
on_closed (SoupWebsocketConnection *connection, gpointer data)
{
  ((Listener *) data)->closed = TRUE;
}

static void
on_connected (GObject *session, GAsyncResult *result, gpointer data)
{
  Listener *self = data;
  g_autoptr (GError) error = NULL;

  self->connection = soup_session_websocket_connect_finish (SOUP_SESSION (session), result, &error);
  g_assert_no_error (error);
  g_signal_connect (self->connection, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
}

static void
listen_to (Fixture *self, SoupSession *session, const char *scheme, Listener *listener)
{
  g_autofree char *token = dup_reader_token (self);
  g_autofree char *bearer = g_strconcat ("Bearer ", token, NULL);
  g_autofree char *uri = g_strdup_printf ("%s://127.0.0.1:%u/deny-list/events", scheme, self->port);
  g_autoptr (SoupMessage) message = soup_message_new ("GET", uri);

  listener->text = g_string_new (NULL);
  soup_message_headers_append (soup_message_get_request_headers (message), "Authorization", bearer);
  soup_session_websocket_connect_async (session, message, NULL, NULL, G_PRIORITY_DEFAULT, NULL,
                                        on_connected, listener);
}

static void
turn_until (const Listener *self, const char *wanted)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (wanted != NULL ? strstr (self->text->str, wanted) == NULL : !self->closed)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
}

static void
test_websocket_comes_and_ends (Fixture *self, gconstpointer data)
{
  g_autoptr (SoupSession) session = soup_session_new ();
  Listener listener = { 0 };

  listen_to (self, session, "ws", &listener);
  turn_until (&listener, "{\"event\":\"heartbeat\",\"list\":\"");
  assert_subscribers (self, 1);
  tessera_server_close (self->server);
  turn_until (&listener, NULL);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (listener.connection), ==, 1001);
  g_object_unref (listener.connection);
  g_string_free (listener.text, TRUE);
}

static void
test_websocket_is_closed_by_the_client (Fixture *self, gconstpointer data)
{
  g_autoptr (SoupSession) session = soup_session_new ();
  Listener listener = { 0 };

  listen_to (self, session, "ws", &listener);
  turn_until (&listener, "heartbeat");
  soup_websocket_connection_close (listener.connection, 1000, "enough");
  turn_until (&listener, NULL);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (listener.connection), ==, 1000);
  assert_subscribers (self, 0);
  g_object_unref (listener.connection);
  g_string_free (listener.text, TRUE);
}

/* RFC 9110 §7.8. A gate sees to that itself. */
static void
test_half_a_handshake_is_none (Fixture *self, gconstpointer data)
{
  static const char *const halves[] = { "Upgrade: websocket", "Connection: Upgrade" };
  g_autofree char *token = dup_reader_token (self);

  for (guint i = 0; i < G_N_ELEMENTS (halves); i++)
    {
      g_autofree char *request = g_strdup_printf (
          "GET /deny-list/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n",
          token, halves[i]);
      g_autoptr (GString) text = g_string_new (NULL);
      int fd = connect_to (self);

      write_text (fd, request);
      read_until (fd, text, "\r\n\r\n");
      assert_status (text->str, 200);
      close (fd);
    }
}

/* An outlet of its own, to write more than anybody takes. */

static void
on_outlet_ended (TesseraOutlet *outlet, gpointer data)
{
  g_assert_not_reached ();
}

static void
on_websocket_request (SoupServer *soup,
                      SoupServerMessage *message,
                      const char *path,
                      GHashTable *query,
                      gpointer data)
{
  static const TesseraExchangeFront front = { NULL };
  static const TesseraOutletFuncs funcs = { NULL, NULL, on_outlet_ended };
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, NULL, NULL);
  TesseraOutlet **outlet = data;

  exchange->answered = TRUE;
  exchange->status = 101;
  *outlet = tessera_soup_websocket_new (message, exchange);
  (*outlet)->funcs = &funcs;
  (*outlet)->limit = 128 * 1024;
}

/* The last frame of all that comes until the end. */
static guint
read_close_code (int fd)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  const guint8 *last = NULL;

  for (;;)
    {
      guint8 buffer[65536];
      gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (n == 0)
        break;
      g_assert_true (n > 0 || errno == EAGAIN);
      if (n > 0)
        g_byte_array_append (all, buffer, (guint) n);
      else
        g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (all->len, >, 4);
  last = all->data + all->len - 4;
  g_assert_cmpmem (last, 2, "\x88\x02", 2);
  return (guint) last[2] << 8 | last[3];
}

static void
test_slow_websocket_is_told (Fixture *self, gconstpointer data)
{
  g_autofree char *line = g_strnfill (4095, 'x');
  TesseraOutlet *outlet = NULL;
  gsize written = 0;
  int fd = connect_to (self);

  line[4094] = '\n';
  soup_server_add_handler (self->soup, "/websocket", on_websocket_request, &outlet, NULL);
  write_text (fd, "GET /websocket HTTP/1.1\r\nHost: h\r\n\r\n");
  while (outlet == NULL || !tessera_outlet_is_ready (outlet))
    g_main_context_iteration (NULL, TRUE);
  while (written < 64 * 1024 * 1024 && tessera_outlet_write (outlet, line, 4095))
    written += 4095;
  g_assert_cmpuint (written, <, 64 * 1024 * 1024);
  tessera_outlet_cut (outlet);
  g_assert_cmpuint (read_close_code (fd), ==, 1013);
  close (fd);
}

static void
test_closed_connections_are_let_go (Fixture *self, gconstpointer data)
{
  g_autofree char *request = make_token_request ("");
  g_free (ask (self, request));
  guint before = count_descriptors ();
  for (guint i = 0; i < 400; i++)
    {
      g_free (ask (self, request));
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
  g_assert_cmpuint (count_descriptors (), <, before + 100);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/soup-adapter/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

static void
add_path_tests (void)
{
  ADD ("serves-its-paths", test_serves_its_paths);
  ADD ("leaves-other-paths-to-the-application", test_leaves_other_paths);
  ADD ("leaves-other-requests-alone", test_leaves_other_requests_alone);
  ADD ("disguised-path-reaches-nobody", test_disguised_path_reaches_nobody);
  ADD ("auth-domains-are-not-asked", test_auth_domains_are_not_asked);
  ADD ("servers-stand-side-by-side", test_servers_stand_side_by_side);
  ADD ("handler-may-drop-the-server", test_handler_may_drop_the_server);
  ADD ("G07-host-does-not-matter", test_host_does_not_matter);
  ADD ("detached-server-serves-nothing", test_detached_server_serves_nothing);
}

static void
add_message_tests (void)
{
  ADD ("continue-is-sent", test_continue_is_sent);
  ADD ("connection-is-kept", test_connection_is_kept);
  ADD ("closed-connections-are-let-go", test_closed_connections_are_let_go);
  ADD ("head-has-no-body", test_head_has_no_body);
  ADD ("range-is-ignored", test_range_is_ignored);
  ADD ("late-answer-is-sent", test_late_answer_is_sent);
  ADD ("client-may-leave-before-the-answer", test_client_may_leave_before_the_answer);
  ADD ("server-may-stop-before-the-answer", test_server_may_stop_before_the_answer);
  ADD ("only-trusted-proxies-are-believed", test_only_trusted_proxies_are_believed);
  ADD ("hardening-holds-the-application-to-the-rules",
       test_hardening_holds_the_application_to_the_rules);
  ADD ("without-hardening-the-application-is-its-own",
       test_without_hardening_the_application_is_its_own);
  ADD ("hardening-takes-ranges-away", test_hardening_takes_ranges_away);
  ADD ("hardening-forbids-http-2", test_hardening_forbids_http_2);
  ADD ("slow-clients-are-disconnected", test_slow_clients_are_disconnected);
  ADD ("slow-answers-are-waited-for", test_slow_answers_are_waited_for);
  ADD ("stolen-connections-are-left-alone", test_stolen_connections_are_left_alone);
  ADD ("proxies-speak-one-language", test_proxies_speak_one_language);
  ADD ("strict-transport-is-asked-for-over-tls-alone",
       test_strict_transport_is_asked_for_over_tls_alone);
}

static void
add_limit_tests (void)
{
  ADD ("A35-large-bodies-are-refused", test_large_bodies_are_refused);
  ADD ("A35-largest-body-is-read", test_largest_body_is_read);
  ADD ("A35-large-heads-are-refused", test_large_heads_are_refused);
  ADD ("repeated-fields-are-refused", test_repeated_fields_are_refused);
  ADD ("unclear-lengths-are-refused", test_unclear_lengths_are_refused);
  ADD ("smuggled-request-is-not-served", test_smuggled_request_is_not_served);
  ADD ("events-come-and-end", test_events_come_and_end);
  ADD ("who-leaves-a-stream-is-noticed", test_who_leaves_is_noticed);
  ADD ("websocket-comes-and-ends", test_websocket_comes_and_ends);
  ADD ("websocket-is-closed-by-the-client", test_websocket_is_closed_by_the_client);
  ADD ("half-a-handshake-is-none", test_half_a_handshake_is_none);
  ADD ("slow-websocket-is-told", test_slow_websocket_is_told);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();
  add_path_tests ();
  add_message_tests ();
  add_limit_tests ();
  return g_test_run ();
}
