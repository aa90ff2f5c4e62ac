/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-bearer-private.h"
#include "base/tessera-clock-private.h"
#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "model/tessera-access-token-private.h"
#include "server/tessera-bearer-credentials-private.h"
#include "server/tessera-bearer-domain.h"
#include "server/tessera-resource-metadata-private.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ISSUER "http://127.0.0.1:8417"
#define RESOURCE "https://api.test"
#define METADATA "/.well-known/oauth-protected-resource"

static gint64 offset;
static const char *client_of_tokens = "app";

/* All that was logged, at any level and by any thread, while a test listens. */
static GMutex log_lock;
static GString *logged;
static gboolean warning_is_expected; /* atomic */

/* Returns what was there. */
static GString *
exchange_log (GString *log)
{
  g_mutex_lock (&log_lock);
  GString *before = logged;
  logged = log;
  g_mutex_unlock (&log_lock);
  return before;
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  g_mutex_lock (&log_lock);
  for (gsize i = 0; logged != NULL && i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_string_append_printf (logged, "%s\n", (const char *) fields[i].value);
  g_mutex_unlock (&log_lock);
  if (g_atomic_int_get (&warning_is_expected) && level == G_LOG_LEVEL_WARNING)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_default (level, fields, n_fields, data);
}

/* In the place of GLib's: a test sees what waits for how long, and may end that. */
static guint n_waiting;
static guint waiting_seconds;
static gboolean waiting_is_over;
static gpointer ready_once_waiting; /* whose checker is ready as soon as somebody waits for it */

static gboolean make_ready (gpointer data);

GSource *
g_timeout_source_new_seconds (guint interval)
{
  if (ready_once_waiting != NULL)
    g_idle_add (make_ready, g_steal_pointer (&ready_once_waiting));
  n_waiting++;
  waiting_seconds = interval;
  return g_timeout_source_new (waiting_is_over ? 0 : interval * 1000);
}

/* A checker with tokens of the test's own making. */

#define FAKE_TYPE_CHECKER (fake_checker_get_type ())
G_DECLARE_FINAL_TYPE (FakeChecker, fake_checker, FAKE, CHECKER, GObject)

struct _FakeChecker
{
  GObject parent_instance;
  GHashTable *tokens;  /* char *text -> TesseraAccessToken* */
  GHashTable *revoked; /* TesseraAccessToken* */
  TesseraClock *clock;
  gboolean ready;
  gboolean stale; /* it cannot tell any more */
  gboolean broken;
  guint rechecks;
};

static void fake_checker_iface_init (TesseraTokenCheckerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeChecker,
                               fake_checker,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_TOKEN_CHECKER,
                                                      fake_checker_iface_init))

static gboolean
fake_checker_recheck (TesseraTokenChecker *checker,
                      TesseraAccessToken *token,
                      gboolean *out_expired)
{
  FakeChecker *self = FAKE_CHECKER (checker);

  self->rechecks++;
  if (self->stale || g_hash_table_contains (self->revoked, token))
    return FALSE;
  *out_expired
      = tessera_access_token_get_expires_at (token) <= tessera_clock_get_seconds (self->clock);
  return !*out_expired;
}

static TesseraAccessToken *
fake_checker_check (TesseraTokenChecker *checker,
                    const char *text,
                    const char *audience,
                    GError **error)
{
  FakeChecker *self = FAKE_CHECKER (checker);
  TesseraAccessToken *token = g_hash_table_lookup (self->tokens, text);
  gboolean expired;

  g_assert_true (self->ready);
  if (self->broken)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The canary of the checker");
      return NULL;
    }
  if (self->stale)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, "Stale");
      return NULL;
    }
  if (token != NULL && fake_checker_recheck (checker, token, &expired)
      && (audience == NULL || tessera_access_token_has_audience (token, audience)))
    return g_object_ref (token);
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, "No such token");
  return NULL;
}

static gboolean
fake_checker_is_ready (TesseraTokenChecker *checker)
{
  return FAKE_CHECKER (checker)->ready;
}

static void
fake_checker_iface_init (TesseraTokenCheckerInterface *iface)
{
  iface->check = fake_checker_check;
  iface->recheck = fake_checker_recheck;
  iface->is_ready = fake_checker_is_ready;
}

/* As a server and a verifier have it. */
static void
fake_checker_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_string (value, ISSUER);
}

static void
fake_checker_finalize (GObject *object)
{
  FakeChecker *self = FAKE_CHECKER (object);

  g_hash_table_unref (self->tokens);
  g_hash_table_unref (self->revoked);
  tessera_clock_unref (self->clock);
  G_OBJECT_CLASS (fake_checker_parent_class)->finalize (object);
}

static void
fake_checker_class_init (FakeCheckerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = fake_checker_finalize;
  object_class->get_property = fake_checker_get_property;
  g_object_class_install_property (object_class, 1,
                                   g_param_spec_string ("issuer", NULL, NULL, NULL,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
fake_checker_init (FakeChecker *self)
{
  self->tokens = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->revoked = g_hash_table_new (NULL, NULL);
  self->clock = tessera_clock_new ();
  self->ready = TRUE;
}

static TesseraAccessToken *
make_token (gint64 now_ms, const char *subject, const char *scope, int lifetime)
{
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();
  g_autofree char *jti = tessera_uuid_new (now_ms);
  g_autoptr (GError) error = NULL;
  TesseraJwt jwt = { .typ = (char *) "at+jwt", .kid = (char *) "k", .claims = claims };
  TesseraAccessToken *token;

  tessera_claims_set_string (claims, "iss", ISSUER);
  tessera_claims_set_string (claims, "jti", jti);
  tessera_claims_set_string (claims, "sub", subject);
  tessera_claims_set_string (claims, "client_id", client_of_tokens);
  tessera_claims_set_string (claims, "aud", RESOURCE);
  tessera_claims_set_string (claims, "scope", scope);
  tessera_claims_set_int (claims, "iat", now_ms / 1000);
  tessera_claims_set_int (claims, "exp", now_ms / 1000 + lifetime);
  token = tessera_access_token_new (&jwt, TESSERA_TOKEN_OWN, ISSUER, now_ms, &error);
  g_assert_no_error (error);
  return token;
}

static void
fake_checker_add (
    FakeChecker *self, const char *text, const char *subject, const char *scope, int lifetime)
{
  gint64 now_ms = tessera_clock_get_ms (self->clock);

  g_hash_table_replace (self->tokens, g_strdup (text),
                        make_token (now_ms, subject, scope, lifetime));
}

static void
fake_checker_revoke (FakeChecker *self, const char *text)
{
  g_hash_table_add (self->revoked, g_hash_table_lookup (self->tokens, text));
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
}

/* A guarded server, and clients of it in the same process. */

typedef struct
{
  FakeChecker *checker;
  TesseraBearerDomain *guard;
  SoupServer *server;
  SoupSession *session;
  guint16 port;
  guint handled;
  char *subject; /* as the handler saw it */
  char *protocols;
  SoupWebsocketConnection *accepted; /* the last one; all of them: */
  GPtrArray *open;
  GString *received;
  GString *refusals;
} Fixture;

static void
on_request (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  Fixture *f = data;
  TesseraAccessToken *token = tessera_get_access_token (message);

  f->handled++;
  g_free (f->subject);
  f->subject = g_strdup (token ? tessera_access_token_get_subject (token) : NULL);
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "in", 2);
}

static void
on_message (SoupWebsocketConnection *connection, int type, GBytes *bytes, Fixture *f)
{
  g_string_append_len (f->received, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  soup_websocket_connection_send_text (connection, "heard");
}

static void
on_websocket (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *connection,
              gpointer data)
{
  Fixture *f = data;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  f->handled++;
  f->accepted = connection;
  g_ptr_array_add (f->open, g_object_ref (connection));
  g_free (f->protocols);
  f->protocols = g_strdup (soup_message_headers_get_list (headers, "Sec-WebSocket-Protocol"));
  g_signal_connect (connection, "message", G_CALLBACK (on_message), f);
}

static void
on_unauthorized (TesseraBearerDomain *guard,
                 SoupServerMessage *message,
                 const char *error,
                 Fixture *f)
{
  g_string_append_printf (f->refusals, "%s;", error ? error : "-");
}

static void
set_up (Fixture *f, gconstpointer data)
{
  const char *protocols[] = { "chat", NULL };
  g_autoptr (GError) error = NULL;
  GSList *uris;

  alarm (60); /* what does not end waits for ever */
  offset = 0;
  f->open = g_ptr_array_new_with_free_func (g_object_unref);
  f->received = g_string_new (NULL);
  f->refusals = g_string_new (NULL);
  f->checker = g_object_new (FAKE_TYPE_CHECKER, NULL);
  fake_checker_add (f->checker, "good", "alice", "read", 600);
  fake_checker_add (f->checker, "other", "bob", "read", 600);
  f->guard = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (f->checker));
  g_object_set (f->guard, "audience", RESOURCE, NULL);
  g_signal_connect (f->guard, "unauthorized", G_CALLBACK (on_unauthorized), f);
  f->server = soup_server_new (NULL, NULL);
  soup_server_add_handler (f->server, "/", on_request, f, NULL);
  soup_server_add_auth_domain (f->server, SOUP_AUTH_DOMAIN (f->guard));
  tessera_bearer_domain_add_websocket_handler (f->guard, f->server, "/socket", NULL,
                                               (char **) protocols, on_websocket, f, NULL);
  soup_server_listen_local (f->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  uris = soup_server_get_uris (f->server);
  f->port = g_uri_get_port (uris->data);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  f->session = soup_session_new ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  soup_session_abort (f->session);
  g_ptr_array_unref (f->open);
  g_object_unref (f->session);
  soup_server_disconnect (f->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_object_unref (f->server);
  g_assert_finalize_object (f->guard);
  g_assert_finalize_object (f->checker);
  g_string_free (f->received, TRUE);
  g_string_free (f->refusals, TRUE);
  g_free (f->subject);
  g_free (f->protocols);
  alarm (0);
  offset = 0;
  n_waiting = 0;
  waiting_is_over = FALSE;
  ready_once_waiting = NULL;
  g_atomic_int_set (&warning_is_expected, FALSE);
}

/* Sends bytes as they are, and reads until the server closes. */
typedef struct
{
  guint16 port;
  const char *request;
  char *answer;
  int done;
} Exchange;

static gpointer
exchange_thread (gpointer data)
{
  Exchange *exchange = data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection
      = g_socket_client_connect_to_host (client, "127.0.0.1", exchange->port, NULL, NULL);
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  g_autoptr (GString) answer = g_string_new (NULL);
  char buffer[4096];
  gssize count;

  /* A WebSocket that opens has no end to be read to. */
  g_socket_set_timeout (g_socket_connection_get_socket (connection), 20);
  g_output_stream_write_all (output, exchange->request, strlen (exchange->request), NULL, NULL,
                             NULL);
  while ((count = g_input_stream_read (input, buffer, sizeof buffer, NULL, NULL)) > 0)
    g_string_append_len (answer, buffer, count);
  exchange->answer = g_strdup (answer->str);
  g_atomic_int_set (&exchange->done, 1);
  g_main_context_wakeup (NULL);
  return NULL;
}

static char *
exchange (Fixture *f, const char *format, ...)
{
  va_list args;
  g_autofree char *request = NULL;

  va_start (args, format);
  request = g_strdup_vprintf (format, args);
  va_end (args);
  Exchange each = { f->port, request, NULL, 0 };
  GThread *thread = g_thread_new ("client", exchange_thread, &each);
  while (!g_atomic_int_get (&each.done))
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  return each.answer;
}

static char *
get (Fixture *f, const char *path, const char *headers)
{
  return exchange (f, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path,
                   headers);
}

#define assert_status(answer, status) assert_status_at (__LINE__, answer, status)

static void
assert_status_at (int line, const char *answer, guint status)
{
  g_autofree char *start = g_strdup_printf ("HTTP/1.1 %u ", status);

  if (!g_str_has_prefix (answer, start))
    g_error ("line %d: expected %u, got: %s", line, status, answer);
}

static char *
dup_header (const char *answer, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (answer, "\r\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      gsize length = strlen (name);
      if (g_ascii_strncasecmp (*line, name, length) == 0 && (*line)[length] == ':')
        return g_strstrip (g_strdup (*line + length + 1));
    }
  return NULL;
}

/* HTTP */

static void
test_refuses_without_a_token (Fixture *f, gconstpointer data)
{
  g_autofree char *answer = get (f, "/", "");
  g_autofree char *challenge = dup_header (answer, "WWW-Authenticate");

  assert_status (answer, 401);
  g_assert_cmpstr (challenge, ==, "Bearer realm=\"tessera\"");
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "-;");
}

static void
test_accepts_a_good_token (Fixture *f, gconstpointer data)
{
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");

  assert_status (answer, 200);
  g_assert_cmpstr (f->subject, ==, "alice");
  g_assert_cmpstr (f->refusals->str, ==, "");
}

static void
test_takes_the_scheme_in_any_case (Fixture *f, gconstpointer data)
{
  g_autofree char *lower = get (f, "/", "Authorization: bearer good\r\n");
  g_autofree char *upper = get (f, "/", "authorization: BEARER  good\r\n");

  assert_status (lower, 200);
  assert_status (upper, 200);
}

static void
test_refuses_an_unknown_token (Fixture *f, gconstpointer data)
{
  g_autofree char *answer = get (f, "/", "Authorization: Bearer wrong\r\n");
  g_autofree char *challenge = dup_header (answer, "WWW-Authenticate");

  assert_status (answer, 401);
  g_assert_true (g_str_has_prefix (challenge, "Bearer error=\"invalid_token\""));
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "invalid_token;");
}

static void
test_refuses_malformed_credentials (Fixture *f, gconstpointer data)
{
  const char *values[] = { "Bearer",
                           "Bearer good,good",
                           "Bearer good good",
                           "Bearer \"good\"",
                           "Basic Z29vZDo=",
                           "good",
                           "Bearergood",
                           "Bearer=good",
                           "Bearer go\xc3\xb6"
                           "d" };

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *headers = g_strdup_printf ("Authorization: %s\r\n", values[i]);
      g_autofree char *answer = get (f, "/", headers);
      assert_status (answer, 401);
    }
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_refuses_two_authorization_headers (Fixture *f, gconstpointer data)
{
  g_autofree char *twice
      = get (f, "/", "Authorization: Bearer good\r\nAuthorization: Bearer good\r\n");
  g_autofree char *mixed
      = get (f, "/", "Authorization: Basic YTpi\r\nauthorization: Bearer good\r\n");
  g_autofree char *challenge = dup_header (twice, "WWW-Authenticate");

  assert_status (twice, 400);
  assert_status (mixed, 400);
  g_assert_true (g_str_has_prefix (challenge, "Bearer error=\"invalid_request\""));
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_tells_the_log_why_but_not_the_token (Fixture *f, gconstpointer data)
{
  const char *origins[] = { "https://app.test", NULL };

  exchange_log (g_string_new (NULL));
  g_object_set (f->guard, "audience", "https://other.test", "websocket-protocol-token", TRUE,
                "allowed-origins", origins, NULL);
  fake_checker_add (f->checker, "canary", "alice", "read", 600);
  g_autofree char *refused = get (f, "/x\ty", "Authorization: Bearer canary\r\n");
  g_autofree char *handshake = get (f, "/socket",
                                    "Upgrade: websocket\r\nOrigin: https://app.test\r\n"
                                    "Sec-WebSocket-Protocol: chat, canary\r\n");
  g_autoptr (GString) text = exchange_log (NULL);

  assert_status (handshake, 401);
  g_assert_null (strstr (refused, "canary"));
  g_assert_null (strstr (handshake, "canary"));
  g_assert_null (strstr (text->str, "canary"));
  g_assert_nonnull (strstr (text->str, "refused error=invalid_token"));
  g_assert_nonnull (strstr (text->str, "https://other.test"));
}

static void
test_ignores_a_token_in_the_query (Fixture *f, gconstpointer data)
{
  g_autofree char *answer = get (f, "/?access_token=good", "");
  g_autofree char *challenge = dup_header (answer, "WWW-Authenticate");

  assert_status (answer, 401);
  g_assert_null (strstr (challenge, "error"));
}

static void
test_ignores_a_token_in_the_body (Fixture *f, gconstpointer data)
{
  g_autofree char *answer
      = exchange (f, "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                     "Content-Type: application/x-www-form-urlencoded\r\n"
                     "Content-Length: 17\r\n\r\naccess_token=good");

  assert_status (answer, 401);
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_demands_its_scope (Fixture *f, gconstpointer data)
{
  g_autofree char *challenge = NULL, *bare = NULL, *refused = NULL, *accepted = NULL,
                  *expecting = NULL;

  fake_checker_add (f->checker, "strong", "alice", "read write", 600);
  g_object_set (f->guard, "scope", "read write", NULL);
  refused = get (f, "/", "Authorization: Bearer good\r\n");
  challenge = dup_header (refused, "WWW-Authenticate");
  accepted = get (f, "/", "Authorization: Bearer strong\r\n");
  expecting
      = exchange (f, "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: "
                     "100-continue\r\nAuthorization: Bearer good\r\nContent-Length: 2\r\n\r\n");

  assert_status (refused, 403);
  g_assert_true (g_str_has_prefix (challenge, "Bearer error=\"insufficient_scope\""));
  g_assert_nonnull (strstr (challenge, "scope=\"read write\""));
  assert_status (accepted, 200);
  assert_status (expecting, 403);
  g_assert_cmpuint (f->handled, ==, 1);
  g_assert_cmpstr (f->refusals->str, ==, "insufficient_scope;insufficient_scope;");
}

static void
test_demands_its_audience (Fixture *f, gconstpointer data)
{
  g_autofree char *accepted = NULL, *refused = NULL;

  g_object_set (f->guard, "audience", "https://api.test", NULL);
  accepted = get (f, "/", "Authorization: Bearer good\r\n");
  g_object_set (f->guard, "audience", "https://other.test", NULL);
  refused = get (f, "/", "Authorization: Bearer good\r\n");
  assert_status (accepted, 200);
  assert_status (refused, 401);
}

/* The audience is what is set, else the resource, else the checker's issuer. */
static void
test_audience_has_a_default (Fixture *f, gconstpointer data)
{
  g_autofree char *issuer = NULL, *resource = NULL, *other = NULL;

  g_object_set (f->guard, "audience", NULL, NULL);
  issuer = get (f, "/", "Authorization: Bearer good\r\n");
  g_object_set (f->guard, "resource", RESOURCE, NULL);
  resource = get (f, "/", "Authorization: Bearer good\r\n");
  g_object_set (f->guard, "resource", RESOURCE "/", NULL);
  other = get (f, "/", "Authorization: Bearer good\r\n");
  assert_status (issuer, 401);
  assert_status (resource, 200);
  assert_status (other, 401);
}

static gboolean
on_token_validated (TesseraBearerDomain *guard,
                    TesseraAccessToken *token,
                    SoupServerMessage *message,
                    gpointer data)
{
  return g_strcmp0 (tessera_access_token_get_subject (token), data) == 0;
}

static void
test_handlers_may_narrow_only (Fixture *f, gconstpointer data)
{
  g_autofree char *accepted = NULL, *refused = NULL, *unknown = NULL, *both = NULL;

  g_signal_connect (f->guard, "token-validated", G_CALLBACK (on_token_validated),
                    (gpointer) "alice");
  accepted = get (f, "/", "Authorization: Bearer good\r\n");
  refused = get (f, "/", "Authorization: Bearer other\r\n");
  unknown = get (f, "/", "Authorization: Bearer alice\r\n");
  g_signal_connect (f->guard, "token-validated", G_CALLBACK (on_token_validated), (gpointer) "bob");
  both = get (f, "/", "Authorization: Bearer other\r\n");
  assert_status (accepted, 200);
  assert_status (refused, 403);
  assert_status (unknown, 401);
  assert_status (both, 403);
}

static void
test_path_tricks_do_not_help (Fixture *f, gconstpointer data)
{
  const char *paths[]
      = { "/%61pi",  "//api",     "/api/../x",           "/./api",     "/api%2f..%2fx",
          "/api;x",  "/api?x",    "/%2e%2e/x",           "/api/%2e/x", "//",
          "/socket", "/%73ocket", "http://localhost/api" };

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autofree char *answer = get (f, paths[i], "");
      if (!g_str_has_prefix (answer, "HTTP/1.1 400 "))
        assert_status (answer, 401);
    }
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_no_method_is_exempt (Fixture *f, gconstpointer data)
{
  const char *starts[] = { "HEAD /",    "POST /",   "PUT /",         "DELETE /", "OPTIONS /",
                           "OPTIONS *", "PATCH /x", "CONNECT x:443", "TRACE /",  "NONSENSE /" };

  for (gsize i = 0; i < G_N_ELEMENTS (starts); i++)
    {
      g_autofree char *answer
          = exchange (f, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", starts[i]);
      g_assert_null (strstr (answer, "HTTP/1.1 200"));
    }
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_keeps_the_connection_unless_told (Fixture *f, gconstpointer data)
{
  const char *twice = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  g_autofree char *kept = exchange (f, "%s", twice);
  g_autofree char *closed = NULL;

  g_object_set (f->guard, "close-connection", TRUE, NULL);
  closed = exchange (f, "%s", twice);
  assert_status (kept, 401);
  g_assert_nonnull (strstr (kept + 12, "HTTP/1.1 401 "));
  assert_status (closed, 401);
  g_assert_null (strstr (closed + 12, "HTTP/1.1"));
}

static gboolean
make_ready (gpointer data)
{
  Fixture *f = data;

  g_assert_cmpuint (f->handled, ==, 0);
  f->checker->ready = TRUE;
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (f->checker));
  return G_SOURCE_REMOVE;
}

static char *
get_while_loading (Fixture *f, const char *headers)
{
  guint before = n_waiting;
  char *answer;

  f->checker->ready = FALSE;
  f->handled = 0;
  ready_once_waiting = f;
  answer = get (f, "/", headers);
  g_assert_cmpuint (n_waiting, ==, before + 1);
  return answer;
}

static void
test_waits_for_its_checker (Fixture *f, gconstpointer data)
{
  g_autofree char *good = get_while_loading (f, "Authorization: Bearer good\r\n");
  guint handled = f->handled;
  g_autofree char *bad = get_while_loading (f, "Authorization: Bearer bad\r\n");
  g_autofree char *challenge = dup_header (bad, "WWW-Authenticate");

  assert_status (good, 200);
  g_assert_cmpuint (handled, ==, 1);
  assert_status (bad, 401);
  g_assert_true (g_str_has_prefix (challenge, "Bearer error=\"invalid_token\""));
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_waits_a_quarter_of_a_minute_at_most (Fixture *f, gconstpointer data)
{
  f->checker->ready = FALSE;
  waiting_is_over = TRUE;
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");
  g_autofree char *retry_after = dup_header (answer, "Retry-After");

  g_assert_cmpuint (n_waiting, ==, 1);
  g_assert_cmpuint (waiting_seconds, ==, 15);
  assert_status (answer, 503);
  g_assert_cmpstr (retry_after, ==, "1");
  g_assert_cmpstr (f->refusals->str, ==, "temporarily_unavailable;");
  /* Whoever had that answer is not decided about again. */
  make_ready (f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->handled, ==, 0);
}

static GSocketConnection *
send_request (Fixture *f, GSocketClient *client)
{
  static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                "Authorization: Bearer good\r\n\r\n";
  GSocketConnection *connection
      = g_socket_client_connect_to_host (client, "127.0.0.1", f->port, NULL, NULL);

  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), request,
                             strlen (request), NULL, NULL, NULL);
  return connection;
}

/* Those who have to be let wait, until @count do. */
static GPtrArray *
let_wait (Fixture *f, guint count)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  GPtrArray *connections = g_ptr_array_new_with_free_func (g_object_unref);

  f->checker->ready = FALSE;
  while (connections->len < count)
    {
      g_ptr_array_add (connections, send_request (f, client));
      while (n_waiting < connections->len)
        g_main_context_iteration (NULL, TRUE);
    }
  return connections;
}

#define WAITING_MAX 1024

/* Both ends of each connection are ours. */
static gboolean
may_open_files (rlim_t count)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = MAX (limit.rlim_cur, MIN (count, limit.rlim_max));
  return setrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= count;
}

static void
test_lets_a_thousand_wait_and_no_more (Fixture *f, gconstpointer data)
{
  if (!may_open_files (3 * WAITING_MAX))
    {
      g_test_skip ("too few files may be open");
      return;
    }
  g_autoptr (GPtrArray) waiting = let_wait (f, WAITING_MAX);
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");
  g_autofree char *retry_after = dup_header (answer, "Retry-After");

  assert_status (answer, 503);
  g_assert_cmpstr (retry_after, ==, "1");
  g_assert_cmpuint (n_waiting, ==, WAITING_MAX);
  make_ready (f);
  while (f->handled < WAITING_MAX)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_forgets_who_ends_while_waiting (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) waiting = let_wait (f, 2);

  soup_server_disconnect (f->server);
  make_ready (f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "");
}

static void
disconnect_server (TesseraBearerDomain *guard,
                   SoupServerMessage *message,
                   const char *error,
                   SoupServer *server)
{
  soup_server_disconnect (server);
}

/* It hears that the first one was refused; nobody is left then. */
static void
test_application_may_end_all_while_it_is_decided (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) waiting = let_wait (f, 2);

  fake_checker_revoke (f->checker, "good");
  g_signal_connect (f->guard, "unauthorized", G_CALLBACK (disconnect_server), f->server);
  make_ready (f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "invalid_token;");
}

static gboolean
disconnect_and_refuse (TesseraBearerDomain *guard,
                       TesseraAccessToken *token,
                       SoupServerMessage *message,
                       gpointer server)
{
  soup_server_disconnect (server);
  return FALSE;
}

/* Of two that wait the first one is refused, and the other one is not there any more. */
static void
test_application_may_end_all_when_it_is_asked (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) waiting = let_wait (f, 2);

  g_signal_connect (f->guard, "token-validated", G_CALLBACK (disconnect_and_refuse), f->server);
  make_ready (f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "");
}

static void
test_tells_the_log_whom_the_application_cut_off (Fixture *f, gconstpointer data)
{
  g_signal_connect (f->guard, "token-validated", G_CALLBACK (disconnect_and_refuse), f->server);
  exchange_log (g_string_new (NULL));
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");
  g_autoptr (GString) text = exchange_log (NULL);

  g_assert_cmpstr (answer, ==, "");
  g_assert_nonnull (strstr (text->str, "refused error=insufficient_scope"));
  g_assert_nonnull (strstr (text->str, "from=\"127.0.0.1\""));
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_scope_is_asked_after_waiting_too (Fixture *f, gconstpointer data)
{
  g_object_set (f->guard, "scope", "write", NULL);
  g_autofree char *answer = get_while_loading (f, "Authorization: Bearer good\r\n");
  g_autofree char *challenge = dup_header (answer, "WWW-Authenticate");

  assert_status (answer, 403);
  g_assert_true (g_str_has_prefix (challenge, "Bearer error=\"insufficient_scope\""));
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_refuses_revoked_tokens_at_once (Fixture *f, gconstpointer data)
{
  g_autofree char *before = get (f, "/", "Authorization: Bearer good\r\n");
  g_autofree char *after = NULL;

  fake_checker_revoke (f->checker, "good");
  after = get (f, "/", "Authorization: Bearer good\r\n");
  assert_status (before, 200);
  assert_status (after, 401);
}

/* RFC 6750 has no error for it, and a client with another token would fare no better. */
static void
test_a_checker_that_cannot_tell_is_503 (Fixture *f, gconstpointer data)
{
  f->checker->stale = TRUE;
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");
  g_autofree char *socket
      = get (f, "/socket", "Upgrade: websocket\r\nAuthorization: Bearer good\r\n");
  g_autofree char *without = get (f, "/", "");
  g_autofree char *retry_after = dup_header (answer, "Retry-After");
  g_autofree char *challenge = dup_header (answer, "WWW-Authenticate");

  assert_status (answer, 503);
  assert_status (socket, 503);
  assert_status (without, 401);
  g_assert_cmpstr (retry_after, ==, "1");
  g_assert_null (challenge);
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "temporarily_unavailable;temporarily_unavailable;-;");
}

/* What went wrong is for the log, not for the wire. */
static void
test_a_broken_checker_is_503 (Fixture *f, gconstpointer data)
{
  f->checker->broken = TRUE;
  exchange_log (g_string_new (NULL));
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");
  g_autoptr (GString) text = exchange_log (NULL);

  assert_status (answer, 503);
  g_assert_null (strstr (answer, "canary"));
  g_assert_nonnull (strstr (text->str, "refused error=server_error"));
  g_assert_nonnull (strstr (text->str, "The canary of the checker"));
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "-;");
}

static gboolean
try_password (TesseraBearerDomain *guard,
              TesseraAccessToken *token,
              SoupServerMessage *message,
              gpointer data)
{
  SoupAuthDomain *domain = SOUP_AUTH_DOMAIN (guard);

  *(guint *) data += 1;
  g_assert_false (soup_auth_domain_check_password (domain, message, "alice", "good"));
  g_assert_false (soup_auth_domain_check_password (domain, message, "alice", ""));
  return TRUE;
}

/* Whoever asks it as libsoup asks other domains. */
static void
test_knows_no_passwords (Fixture *f, gconstpointer data)
{
  guint asked = 0;

  g_signal_connect (f->guard, "token-validated", G_CALLBACK (try_password), &asked);
  g_autofree char *answer = get (f, "/", "Authorization: Bearer good\r\n");
  assert_status (answer, 200);
  g_assert_cmpuint (asked, ==, 1);
}

static void
assert_strings (Fixture *f, const char *property, const char *const *expected)
{
  g_auto (GStrv) value = NULL;

  g_object_get (f->guard, property, &value, NULL);
  g_assert_cmpstrv (value, expected);
}

static void
assert_string (Fixture *f, const char *property, const char *expected)
{
  g_autofree char *value = NULL;

  g_object_get (f->guard, property, &value, NULL);
  g_assert_cmpstr (value, ==, expected);
}

static void
test_says_how_it_was_set (Fixture *f, gconstpointer data)
{
  const char *const one[] = { "https://one.test", NULL };
  const char *const two[] = { "https://two.test", "https://three.test", NULL };
  const char *const scopes[] = { "read", "write", NULL };
  g_autoptr (TesseraTokenChecker) checker = NULL;
  gboolean closes = FALSE, takes_protocol_token = FALSE;
  TesseraExpiryPolicy policy = TESSERA_EXPIRY_POLICY_CLOSE;

  g_object_set (f->guard, "scope", "read", "resource", RESOURCE "/x", "resource-name", "Name",
                "resource-documentation", "https://doc.test", "scopes-supported", scopes,
                "authorization-servers", one, "close-connection", TRUE, "expiry-policy",
                TESSERA_EXPIRY_POLICY_RENEW, "websocket-protocol-token", TRUE, "allowed-origins",
                two, NULL);
  g_object_get (f->guard, "checker", &checker, "close-connection", &closes, "expiry-policy",
                &policy, "websocket-protocol-token", &takes_protocol_token, NULL);
  g_assert_true (checker == TESSERA_TOKEN_CHECKER (f->checker));
  g_assert_true (closes && takes_protocol_token);
  g_assert_cmpint (policy, ==, TESSERA_EXPIRY_POLICY_RENEW);
  assert_string (f, "audience", RESOURCE);
  assert_string (f, "scope", "read");
  assert_string (f, "resource", RESOURCE "/x");
  assert_string (f, "resource-name", "Name");
  assert_string (f, "resource-documentation", "https://doc.test");
  assert_strings (f, "scopes-supported", scopes);
  assert_strings (f, "authorization-servers", one);
  assert_strings (f, "allowed-origins", two);
}

/* Metadata of the protected resource */

static void
assert_body (const char *answer, const char *expected)
{
  const char *body = strstr (answer, "\r\n\r\n");

  g_assert_nonnull (body);
  g_assert_cmpstr (body + 4, ==, expected);
}

static void
test_tells_no_metadata_without_a_resource (Fixture *f, gconstpointer data)
{
  g_autofree char *answer = get (f, METADATA, "");
  g_autofree char *challenge = dup_header (answer, "WWW-Authenticate");

  assert_status (answer, 401);
  g_assert_null (strstr (challenge, "resource_metadata"));
}

static void
test_tells_its_metadata (Fixture *f, gconstpointer data)
{
  const char *scopes[] = { "read", "write", NULL };
  const char *servers[] = { "https://as.test", NULL };
  g_autofree char *least = NULL, *most = NULL, *type = NULL, *origin = NULL;

  g_object_set (f->guard, "resource", RESOURCE, NULL);
  least = get (f, METADATA, "");
  g_object_set (f->guard, "scope", "read", "scopes-supported", scopes, "authorization-servers",
                servers, "resource-name", "Files", "resource-documentation", "https://doc.test",
                NULL);
  most = get (f, METADATA, "");
  type = dup_header (most, "Content-Type");
  origin = dup_header (most, "Access-Control-Allow-Origin");

  assert_status (least, 200);
  assert_body (least, "{\"resource\":\"https://api.test\",\"authorization_servers\":"
                      "[\"http://127.0.0.1:8417\"],\"bearer_methods_supported\":[\"header\"]}");
  assert_status (most, 200);
  assert_body (most, "{\"resource\":\"https://api.test\",\"authorization_servers\":"
                     "[\"https://as.test\"],\"scopes_supported\":[\"read\",\"write\"],"
                     "\"bearer_methods_supported\":[\"header\"],\"resource_name\":\"Files\","
                     "\"resource_documentation\":\"https://doc.test\"}");
  g_assert_cmpstr (type, ==, "application/json");
  g_assert_cmpstr (origin, ==, "*");
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_cmpstr (f->refusals->str, ==, "");
}

static void
test_metadata_names_the_scope_of_the_guard (Fixture *f, gconstpointer data)
{
  g_object_set (f->guard, "resource", RESOURCE, "scope", "read write", NULL);
  g_autofree char *answer = get (f, METADATA, "");

  g_assert_nonnull (strstr (answer, "\"scopes_supported\":[\"read\",\"write\"]"));
}

static void
test_metadata_stands_before_the_path_of_the_resource (Fixture *f, gconstpointer data)
{
  g_autofree char *right = NULL, *root = NULL, *slash = NULL, *below = NULL, *beside = NULL,
                  *behind = NULL;

  g_object_set (f->guard, "resource", "https://api.test/v1/files", NULL);
  right = get (f, METADATA "/v1/files", "");
  root = get (f, METADATA, "");
  below = get (f, METADATA "/v1/files/x", "");
  beside = get (f, METADATA "/v1/filesx", "");
  behind = get (f, "/v1/files" METADATA, "");
  g_object_set (f->guard, "resource", RESOURCE "/", NULL);
  slash = get (f, METADATA, "");

  assert_status (right, 200);
  assert_status (root, 401);
  assert_status (below, 401);
  assert_status (beside, 401);
  assert_status (behind, 401);
  assert_status (slash, 200);
  g_assert_nonnull (strstr (slash, "\"resource\":\"https://api.test/\""));
}

static void
test_metadata_is_only_read (Fixture *f, gconstpointer data)
{
  g_object_set (f->guard, "resource", RESOURCE, NULL);
  g_autofree char *head
      = exchange (f, "HEAD " METADATA " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  g_autofree char *post = exchange (f, "POST " METADATA " HTTP/1.1\r\nHost: localhost\r\n"
                                       "Connection: close\r\nContent-Length: 1\r\n\r\nx");
  g_autofree char *allow = dup_header (post, "Allow");
  g_autofree char *socket = get (f, METADATA, "Upgrade: websocket\r\n");

  assert_status (head, 200);
  assert_body (head, "");
  assert_status (post, 405);
  g_assert_cmpstr (allow, ==, "GET, HEAD");
  assert_status (socket, 401);
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_challenge_names_the_metadata (Fixture *f, gconstpointer data)
{
  const char *url = "resource_metadata=\"https://api.test" METADATA "/v1\"";
  g_autofree char *bare = NULL, *wrong = NULL, *weak = NULL;

  g_object_set (f->guard, "resource", "https://api.test/v1", "scope", "write", NULL);
  bare = get (f, "/", "");
  wrong = get (f, "/", "Authorization: Bearer wrong\r\n");
  weak = get (f, "/", "Authorization: Bearer good\r\n");
  assert_status (bare, 401);
  assert_status (wrong, 401);
  assert_status (weak, 403);
  g_assert_nonnull (strstr (bare, url));
  g_assert_nonnull (strstr (wrong, url));
  g_assert_nonnull (strstr (weak, url));
}

static void
on_early (SoupServer *server,
          SoupServerMessage *message,
          const char *path,
          GHashTable *query,
          gpointer data)
{
  ((Fixture *) data)->handled++;
}

/* A guard of a part of the server only; the handlers of the application do not get the request. */
static void
test_metadata_of_a_part_is_served_too (Fixture *f, gconstpointer data)
{
  g_autofree char *metadata = NULL, *part = NULL, *rest = NULL;

  soup_server_add_early_handler (f->server, METADATA, on_early, f, NULL);
  soup_auth_domain_remove_path (SOUP_AUTH_DOMAIN (f->guard), "/");
  soup_auth_domain_add_path (SOUP_AUTH_DOMAIN (f->guard), "/v1");
  g_object_set (f->guard, "resource", "https://api.test/v1", NULL);
  metadata = get (f, METADATA "/v1", "");
  assert_status (metadata, 200);
  g_assert_cmpuint (f->handled, ==, 0);
  part = get (f, "/v1/x", "");
  rest = get (f, "/x", "");
  assert_status (part, 401);
  assert_status (rest, 200);
}

static void
test_a_resource_is_a_plain_https_url (void)
{
  const char *bad[] = { "",
                        "/",
                        "api.test",
                        "urn:api",
                        "http://api.test",
                        "https://",
                        "https://api.test?x",
                        "https://api.test#x",
                        "https://u@api.test",
                        "https://api.test//",
                        "https://api.test/../x",
                        "https://api.test/%61",
                        "https://api.test/a b",
                        "https://api.test/\"x" };
  const char *good[] = { "https://api.test", "https://api.test/", "https://api.test:8443/a/b/",
                         "http://127.0.0.1:8080", "http://[::1]/x" };
  TesseraResourceMetadata metadata = { NULL };

  g_assert_true (tessera_resource_metadata_set_resource (&metadata, "https://first.test"));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (tessera_resource_metadata_set_resource (&metadata, bad[i]));
  g_assert_cmpstr (metadata.url, ==, "https://first.test" METADATA);
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (tessera_resource_metadata_set_resource (&metadata, good[i]));
  g_assert_cmpstr (metadata.url, ==, "http://[::1]" METADATA "/x");
  g_assert_true (tessera_resource_metadata_set_resource (&metadata, NULL));
  g_assert_null (metadata.path);
  tessera_resource_metadata_clear (&metadata);
}

/* WebSocket */

typedef struct
{
  SoupWebsocketConnection *connection;
  guint status;
  GError *error;
  gboolean closed;
  gboolean done;
} Handshake;

static void
on_closed (SoupWebsocketConnection *connection, Handshake *handshake)
{
  handshake->closed = TRUE;
}

static void
on_connected (GObject *session, GAsyncResult *result, gpointer data)
{
  Handshake *handshake = data;

  handshake->connection
      = soup_session_websocket_connect_finish (SOUP_SESSION (session), result, &handshake->error);
  if (handshake->connection != NULL)
    g_signal_connect (handshake->connection, "closed", G_CALLBACK (on_closed), handshake);
  handshake->done = TRUE;
}

static void
handshake_clear (Handshake *handshake)
{
  if (handshake->connection != NULL)
    g_signal_handlers_disconnect_by_data (handshake->connection, handshake);
  g_clear_object (&handshake->connection);
  g_clear_error (&handshake->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Handshake, handshake_clear)

static void
open_socket (
    Fixture *f, Handshake *handshake, const char *token, const char *origin, char **protocols)
{
  g_autofree char *uri = g_strdup_printf ("ws://127.0.0.1:%u/socket", f->port);
  g_autoptr (SoupMessage) message = soup_message_new ("GET", uri);
  g_autofree char *authorization = g_strconcat ("Bearer ", token, NULL);

  if (token != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (message), "Authorization",
                                  authorization);
  soup_session_websocket_connect_async (f->session, message, origin, protocols, G_PRIORITY_DEFAULT,
                                        NULL, on_connected, handshake);
  while (!handshake->done)
    g_main_context_iteration (NULL, TRUE);
  handshake->status = soup_message_get_status (message);
}

static void
test_websocket_needs_a_token (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) without = { NULL };
  g_auto (Handshake) wrong = { NULL };
  g_auto (Handshake) good = { NULL };

  open_socket (f, &without, NULL, NULL, NULL);
  open_socket (f, &wrong, "wrong", NULL, NULL);
  g_assert_null (without.connection);
  g_assert_null (wrong.connection);
  g_assert_cmpuint (without.status, ==, 401);
  g_assert_cmpuint (wrong.status, ==, 401);
  g_assert_cmpuint (f->handled, ==, 0);
  open_socket (f, &good, "good", NULL, NULL);
  g_assert_no_error (good.error);
  g_assert_nonnull (good.connection);
  g_assert_cmpuint (good.status, ==, 101);
  g_assert_cmpuint (f->handled, ==, 1);
}

static void
test_websocket_never_opens_without_the_scope (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  g_object_set (f->guard, "scope", "write", NULL);
  open_socket (f, &handshake, "good", NULL, NULL);
  g_assert_null (handshake.connection);
  g_assert_cmpuint (handshake.status, ==, 403);
}

static void
wait_closed (Handshake *handshake)
{
  while (!handshake->closed)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_revocation_closes_the_websocket (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) revoked = { NULL };
  g_auto (Handshake) other = { NULL };

  open_socket (f, &revoked, "good", NULL, NULL);
  open_socket (f, &other, "other", NULL, NULL);
  fake_checker_revoke (f->checker, "good");
  wait_closed (&revoked);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (revoked.connection), ==, 1008);
  g_assert_false (other.closed);
  g_assert_cmpint (soup_websocket_connection_get_state (other.connection), ==,
                   SOUP_WEBSOCKET_STATE_OPEN);
}

/* What is too old to let a request in is too old to keep a connection. */
static void
test_stale_checker_ends_the_websocket (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  open_socket (f, &handshake, "good", NULL, NULL);
  f->checker->stale = TRUE;
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (f->checker));
  wait_closed (&handshake);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (handshake.connection), ==, 1008);
}

static void
test_many_revocations_cost_one_look (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };
  guint before;

  open_socket (f, &handshake, "good", NULL, NULL);
  before = f->checker->rechecks;
  for (int i = 0; i < 1000; i++)
    tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (f->checker));
  fake_checker_revoke (f->checker, "good");
  wait_closed (&handshake);
  g_assert_cmpuint (f->checker->rechecks - before, ==, 1);
}

static void
test_revoked_peer_is_not_heard_any_more (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  open_socket (f, &handshake, "good", NULL, NULL);
  soup_websocket_connection_send_text (handshake.connection, "before");
  while (f->received->len == 0)
    g_main_context_iteration (NULL, TRUE);
  fake_checker_revoke (f->checker, "good");
  while (soup_websocket_connection_get_state (f->accepted) == SOUP_WEBSOCKET_STATE_OPEN)
    g_main_context_iteration (NULL, FALSE);
  soup_websocket_connection_send_text (handshake.connection, "after");
  wait_closed (&handshake);
  while (soup_websocket_connection_get_state (f->accepted) != SOUP_WEBSOCKET_STATE_CLOSED)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (f->received->str, ==, "before");
}

static void
test_expiry_closes_the_websocket (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  open_socket (f, &handshake, "good", NULL, NULL);
  offset = 601 * 1000;
  wait_closed (&handshake);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (handshake.connection), ==, 1008);
}

static void
test_each_websocket_ends_at_its_time (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) brief = { NULL };
  g_auto (Handshake) other = { NULL };

  fake_checker_add (f->checker, "brief", "alice", "read", 60);
  open_socket (f, &brief, "brief", NULL, NULL);
  open_socket (f, &other, "other", NULL, NULL);
  offset = 61 * 1000;
  wait_closed (&brief);
  g_assert_cmpint (soup_websocket_connection_get_state (other.connection), ==,
                   SOUP_WEBSOCKET_STATE_OPEN);
  offset = 601 * 1000;
  wait_closed (&other);
}

static void
test_expiry_may_keep_the_websocket (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) kept = { NULL };
  g_auto (Handshake) probe = { NULL };
  guint before;

  g_object_set (f->guard, "expiry-policy", TESSERA_EXPIRY_POLICY_KEEP, NULL);
  open_socket (f, &kept, "good", NULL, NULL);
  before = f->checker->rechecks;
  offset = 601 * 1000;
  while (f->checker->rechecks == before)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (soup_websocket_connection_get_state (f->accepted), ==,
                   SOUP_WEBSOCKET_STATE_OPEN);
  /* Kept from expiry, not from revocation. */
  fake_checker_revoke (f->checker, "good");
  wait_closed (&kept);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (kept.connection), ==, 1008);
}

static void
assert_renewal_fails (Fixture *f, const char *token, TesseraError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_bearer_domain_renew_websocket (f->guard, f->accepted, token, &error));
  g_assert_error (error, TESSERA_ERROR, (int) code);
}

static void
test_websocket_can_be_renewed (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };
  g_autoptr (GError) error = NULL;
  guint before;

  open_socket (f, &handshake, "good", NULL, NULL);
  offset = 300 * 1000;
  fake_checker_add (f->checker, "newer", "alice", "read", 600);
  client_of_tokens = "another";
  fake_checker_add (f->checker, "of another", "alice", "read", 600);
  client_of_tokens = "app";
  assert_renewal_fails (f, "newer", TESSERA_ERROR_ACCESS_DENIED);
  g_object_set (f->guard, "expiry-policy", TESSERA_EXPIRY_POLICY_RENEW, NULL);
  assert_renewal_fails (f, "wrong", TESSERA_ERROR_INVALID_TOKEN);
  assert_renewal_fails (f, "other", TESSERA_ERROR_INVALID_TOKEN);
  assert_renewal_fails (f, "of another", TESSERA_ERROR_INVALID_TOKEN);
  g_object_set (f->guard, "scope", "write", NULL);
  assert_renewal_fails (f, "newer", TESSERA_ERROR_INSUFFICIENT_SCOPE);
  g_object_set (f->guard, "scope", NULL, NULL);
  g_assert_true (tessera_bearer_domain_renew_websocket (f->guard, f->accepted, "newer", &error));
  g_assert_no_error (error);
  assert_renewal_fails (f, "good", TESSERA_ERROR_INVALID_TOKEN);

  before = f->checker->rechecks;
  offset = 601 * 1000;
  while (f->checker->rechecks == before)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (soup_websocket_connection_get_state (f->accepted), ==,
                   SOUP_WEBSOCKET_STATE_OPEN);
  offset = 901 * 1000;
  wait_closed (&handshake);
}

static void
test_watch_ends_with_the_connection (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };
  guint before;

  waiting_is_over = TRUE; /* the clock is asked all the time */
  open_socket (f, &handshake, "good", NULL, NULL);
  soup_websocket_connection_close (handshake.connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
  wait_closed (&handshake);
  while (soup_websocket_connection_get_state (f->accepted) != SOUP_WEBSOCKET_STATE_CLOSED)
    g_main_context_iteration (NULL, TRUE);
  g_ptr_array_set_size (f->open, 0);
  before = f->checker->rechecks;
  fake_checker_revoke (f->checker, "good");
  while (g_main_context_iteration (NULL, FALSE))
    ; /* and for nobody not at all */
  g_assert_cmpuint (f->checker->rechecks, ==, before);
}

static void
test_websocket_waits_for_the_checker (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  f->checker->ready = FALSE;
  ready_once_waiting = f;
  open_socket (f, &handshake, "good", NULL, NULL);
  g_assert_null (ready_once_waiting);
  g_assert_no_error (handshake.error);
  g_assert_cmpuint (handshake.status, ==, 101);
}

/* An application that hands over a connection which no guard has seen gets no open door for it. */
static void
test_websocket_beside_the_guard_is_closed (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (f->guard));
  g_atomic_int_set (&warning_is_expected, TRUE);
  exchange_log (g_string_new (NULL));
  open_socket (f, &handshake, NULL, NULL, NULL);
  g_assert_cmpuint (handshake.status, ==, 101);
  wait_closed (&handshake);
  g_autoptr (GString) text = exchange_log (NULL);

  g_assert_cmpuint (soup_websocket_connection_get_close_code (handshake.connection), ==, 1008);
  g_assert_cmpuint (f->handled, ==, 0);
  g_assert_nonnull (strstr (text->str, "no guard covers"));
}

static void
watch_only (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            SoupWebsocketConnection *connection,
            gpointer data)
{
  Fixture *f = data;

  g_ptr_array_add (f->open, g_object_ref (connection));
  tessera_bearer_domain_watch_websocket (f->guard, message, connection);
}

static gboolean
revoke_now (TesseraBearerDomain *guard,
            TesseraAccessToken *token,
            SoupServerMessage *message,
            gpointer data)
{
  fake_checker_revoke (((Fixture *) data)->checker, "good");
  return TRUE;
}

/* Between the check of the token and the end of the handshake. */
static void
test_websocket_of_a_token_that_was_just_revoked_is_closed (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  g_signal_connect (f->guard, "token-validated", G_CALLBACK (revoke_now), f);
  open_socket (f, &handshake, "good", NULL, NULL);
  wait_closed (&handshake);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (handshake.connection), ==, 1008);
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
keep_message (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *connection,
              gpointer data)
{
  Fixture *f = data;

  g_ptr_array_add (f->open, g_object_ref (message));
  on_websocket (server, message, path, connection, f);
}

/* It has had its close frame and does not answer. Neither another look nor the application's own
 * makes it what it was. */
static void
test_websocket_that_was_ended_stays_so (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };

  soup_server_remove_handler (f->server, "/socket");
  tessera_bearer_domain_add_websocket_handler (f->guard, f->server, "/socket", NULL, NULL,
                                               keep_message, f, NULL);
  open_socket (f, &handshake, "good", NULL, NULL);
  fake_checker_revoke (f->checker, "good");
  while (soup_websocket_connection_get_state (f->accepted) == SOUP_WEBSOCKET_STATE_OPEN)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (handshake.closed);
  guint rechecks = f->checker->rechecks;
  g_object_set (f->guard, "expiry-policy", TESSERA_EXPIRY_POLICY_RENEW, NULL); /* looks at all */
  g_hash_table_remove_all (f->checker->revoked);
  tessera_bearer_domain_watch_websocket (f->guard, f->open->pdata[0], f->accepted);
  assert_renewal_fails (f, "good", TESSERA_ERROR_ACCESS_DENIED);
  g_assert_cmpuint (f->checker->rechecks, ==, rechecks);
  wait_closed (&handshake);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (handshake.connection), ==, 1008);
}

/* The one line for an application's own handler. */
static void
test_websocket_of_another_handler_can_be_watched (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) revoked = { NULL };
  g_auto (Handshake) other = { NULL };

  soup_server_remove_handler (f->server, "/socket");
  soup_server_add_websocket_handler (f->server, "/socket", NULL, NULL, watch_only, f, NULL);
  open_socket (f, &revoked, "good", NULL, NULL);
  open_socket (f, &other, "other", NULL, NULL);
  fake_checker_revoke (f->checker, "good");
  wait_closed (&revoked);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (revoked.connection), ==, 1008);
  g_assert_false (other.closed);
}

static void
count_one (gpointer data)
{
  *(guint *) data += 1;
}

static void
test_websocket_handler_frees_its_data (Fixture *f, gconstpointer data)
{
  guint freed = 0;

  tessera_bearer_domain_add_websocket_handler (f->guard, f->server, NULL, NULL, NULL, on_websocket,
                                               &freed, count_one);
  g_assert_cmpuint (freed, ==, 0);
  soup_server_remove_handler (f->server, NULL);
  g_assert_cmpuint (freed, ==, 1);
}

/* The token as a WebSocket protocol, for browsers */

static char *
shake_hands (Fixture *f, const char *headers)
{
  g_autofree char *all = g_strconcat ("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                      "Sec-WebSocket-Version: 13\r\n"
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                                      headers, NULL);

  return get (f, "/socket", all);
}

static void
allow_browsers (Fixture *f)
{
  const char *origins[] = { "https://app.test", NULL };

  g_object_set (f->guard, "websocket-protocol-token", TRUE, "allowed-origins", origins, NULL);
}

static void
test_protocol_token_is_opt_in (Fixture *f, gconstpointer data)
{
  char *protocols[] = { (char *) "chat", (char *) "good", NULL };
  const char *origins[] = { "https://app.test", NULL };
  g_auto (Handshake) off = { NULL };
  g_auto (Handshake) on = { NULL };

  g_object_set (f->guard, "allowed-origins", origins, NULL);
  open_socket (f, &off, NULL, "https://app.test", protocols);
  g_assert_cmpuint (off.status, ==, 401);
  allow_browsers (f);
  open_socket (f, &on, NULL, "https://app.test", protocols);
  g_assert_no_error (on.error);
  g_assert_cmpuint (on.status, ==, 101);
  g_assert_cmpstr (soup_websocket_connection_get_protocol (on.connection), ==, "chat");
  g_assert_cmpstr (f->protocols, ==, "chat");
}

static void
test_protocol_token_needs_an_allowed_origin (Fixture *f, gconstpointer data)
{
  const char *refused[] = {
    "Sec-WebSocket-Protocol: chat, good\r\n",
    "Origin: https://evil.test\r\nSec-WebSocket-Protocol: chat, good\r\n",
    "Origin: null\r\nSec-WebSocket-Protocol: chat, good\r\n",
    "Origin: https://app.test.evil\r\nSec-WebSocket-Protocol: chat, good\r\n",
    "Origin: https://app.test\r\nOrigin: https://app.test\r\nSec-WebSocket-Protocol: chat, "
    "good\r\n",
    "Origin: https://app.test\r\nSec-WebSocket-Protocol: good\r\n",
    "Origin: https://app.test\r\nSec-WebSocket-Protocol: chat, good, chat\r\n",
    "Origin: https://app.test\r\nSec-WebSocket-Protocol: good, chat\r\n",
    /* The one in its proper place is the one that counts. */
    "Authorization: Bearer unknown\r\nOrigin: https://app.test\r\nSec-WebSocket-Protocol: chat, "
    "good\r\n",
  };

  allow_browsers (f);
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *answer = shake_hands (f, refused[i]);
      assert_status (answer, 401);
      g_assert_null (strstr (answer, "good"));
    }
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
test_protocol_token_is_never_echoed (Fixture *f, gconstpointer data)
{
  g_auto (Handshake) handshake = { NULL };
  char *protocols[] = { (char *) "unknown", (char *) "chat", NULL };

  /* "chat" is a protocol of the server, and here it stands where the token belongs. */
  allow_browsers (f);
  fake_checker_add (f->checker, "chat", "alice", "read", 600);
  open_socket (f, &handshake, NULL, "https://app.test", protocols);
  if (handshake.connection != NULL)
    g_assert_null (soup_websocket_connection_get_protocol (handshake.connection));
  else
    g_assert_cmpuint (handshake.status, !=, 101);
}

/* With a server of ours behind it */

static void
test_endpoints_of_the_server_stay_open (Fixture *f, gconstpointer data)
{
  const char *guarded[]
      = { "/", "/jwks/", "/jwks/x", "/jwks;x", "//jwks", "/token/x", "/x/../jwks/y" };
  g_autoptr (TesseraServer) tessera = tessera_server_new_in_memory (ISSUER);
  g_autoptr (TesseraBearerDomain) guard
      = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (tessera));
  g_autofree char *open = NULL;

  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (f->guard));
  soup_server_add_auth_domain (f->server, SOUP_AUTH_DOMAIN (guard));
  tessera_server_attach (tessera, f->server);
  open = get (f, "/jwks", "");
  assert_status (open, 200);
  for (gsize i = 0; i < G_N_ELEMENTS (guarded); i++)
    {
      g_autofree char *answer = get (f, guarded[i], "");
      if (!g_str_has_prefix (answer, "HTTP/1.1 404 "))
        assert_status (answer, 401);
    }
  g_assert_cmpuint (f->handled, ==, 0);
  tessera_server_detach (tessera, f->server);
  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (guard));
  tessera_server_close (tessera);
}

/* An endpoint that is served elsewhere, or no longer, is nobody's way past the guard. */
static void
test_endpoints_served_elsewhere_are_guarded (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraServer) tessera = tessera_server_new_in_memory (ISSUER);
  g_autoptr (TesseraBearerDomain) guard
      = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (tessera));
  g_autofree char *before = NULL, *detached = NULL;

  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (f->guard));
  soup_server_add_auth_domain (f->server, SOUP_AUTH_DOMAIN (guard));
  before = get (f, "/jwks", "");
  tessera_server_attach (tessera, f->server);
  tessera_server_detach (tessera, f->server);
  detached = get (f, "/login", "");
  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (guard));
  tessera_server_close (tessera);

  assert_status (before, 401);
  assert_status (detached, 401);
  g_assert_cmpuint (f->handled, ==, 0);
}

static void
on_failed (TesseraServer *tessera, GError *error, gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
test_a_failed_server_is_not_waited_for (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraServer) tessera = tessera_server_new (ISSUER, "/dev/null/state");
  g_autoptr (TesseraBearerDomain) guard
      = tessera_bearer_domain_new (TESSERA_TOKEN_CHECKER (tessera));
  g_autofree char *answer = NULL, *again = NULL, *retry = NULL;
  gboolean failed = FALSE;

  g_signal_connect (tessera, "failed", G_CALLBACK (on_failed), &failed);
  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (f->guard));
  soup_server_add_auth_domain (f->server, SOUP_AUTH_DOMAIN (guard));
  answer = get (f, "/", "Authorization: Bearer good\r\n");
  g_assert_true (failed);
  again = get (f, "/", "Authorization: Bearer good\r\n");
  retry = dup_header (again, "Retry-After");
  assert_status (answer, 503);
  assert_status (again, 503);
  g_assert_nonnull (retry);
  g_assert_cmpuint (f->handled, ==, 0);
  soup_server_remove_auth_domain (f->server, SOUP_AUTH_DOMAIN (guard));
}

/* Credentials */

static void
test_challenge_is_safe_to_quote (void)
{
  g_autofree char *challenge
      = tessera_bearer_dup_challenge ("invalid_token", "a \"b\" \\c\r\n", NULL, NULL, "r");

  g_assert_cmpstr (challenge, ==,
                   "Bearer error=\"invalid_token\", error_description=\"a b c\", realm=\"r\"");
}

static void
test_credentials_are_parsed_strictly (void)
{
  g_autofree char *good = tessera_bearer_parse ("Bearer a.b-c_d~e+f/g==");
  g_autofree char *tail = tessera_bearer_parse ("Bearer a=b");
  g_autofree char *other = tessera_bearer_parse ("Basic YTpi");
  g_autofree char *cut = tessera_bearer_parse ("Bear a.b");
  g_autofree char *without = tessera_bearer_parse (" a.b");
  g_autofree char *empty = tessera_bearer_parse ("Bearer ");
  g_autofree char *nothing = tessera_bearer_parse ("Bearer");
  g_autofree char *padding = tessera_bearer_parse ("Bearer ==");

  g_assert_cmpstr (good, ==, "a.b-c_d~e+f/g==");
  g_assert_cmpstr (tail, ==, "");
  g_assert_null (other);
  g_assert_null (cut);
  g_assert_null (without);
  g_assert_cmpstr (empty, ==, "");
  g_assert_cmpstr (nothing, ==, "");
  g_assert_cmpstr (padding, ==, "");
}

#define add(name, function)                                                                        \
  g_test_add ("/bearer-domain/" name, Fixture, NULL, set_up, function, tear_down)

static void
add_http_tests (void)
{
  add ("refuses-without-a-token", test_refuses_without_a_token);
  add ("accepts-a-good-token", test_accepts_a_good_token);
  add ("takes-the-scheme-in-any-case", test_takes_the_scheme_in_any_case);
  add ("refuses-an-unknown-token", test_refuses_an_unknown_token);
  add ("refuses-malformed-credentials", test_refuses_malformed_credentials);
  add ("D17/refuses-two-authorization-headers", test_refuses_two_authorization_headers);
  add ("D16/ignores-a-token-in-the-query", test_ignores_a_token_in_the_query);
  add ("D17/ignores-a-token-in-the-body", test_ignores_a_token_in_the_body);
  add ("B47/tells-the-log-why-but-not-the-token", test_tells_the_log_why_but_not_the_token);
  add ("demands-its-scope", test_demands_its_scope);
  add ("D08/demands-its-audience", test_demands_its_audience);
  add ("audience-has-a-default", test_audience_has_a_default);
  add ("a-checker-that-cannot-tell-is-503", test_a_checker_that_cannot_tell_is_503);
  add ("handlers-may-narrow-only", test_handlers_may_narrow_only);
  add ("path-tricks-do-not-help", test_path_tricks_do_not_help);
  add ("no-method-is-exempt", test_no_method_is_exempt);
  add ("endpoints-of-the-server-stay-open", test_endpoints_of_the_server_stay_open);
  add ("endpoints-served-elsewhere-are-guarded", test_endpoints_served_elsewhere_are_guarded);
  add ("a-failed-server-is-not-waited-for", test_a_failed_server_is_not_waited_for);
  add ("keeps-the-connection-unless-told", test_keeps_the_connection_unless_told);
  add ("waits-for-its-checker", test_waits_for_its_checker);
  add ("waits-a-quarter-of-a-minute-at-most", test_waits_a_quarter_of_a_minute_at_most);
  add ("lets-a-thousand-wait-and-no-more", test_lets_a_thousand_wait_and_no_more);
  add ("forgets-who-ends-while-waiting", test_forgets_who_ends_while_waiting);
  add ("application-may-end-all-while-it-is-decided",
       test_application_may_end_all_while_it_is_decided);
  add ("application-may-end-all-when-it-is-asked", test_application_may_end_all_when_it_is_asked);
  add ("tells-the-log-whom-the-application-cut-off",
       test_tells_the_log_whom_the_application_cut_off);
  add ("scope-is-asked-after-waiting-too", test_scope_is_asked_after_waiting_too);
  add ("refuses-revoked-tokens-at-once", test_refuses_revoked_tokens_at_once);
  add ("a-broken-checker-is-503", test_a_broken_checker_is_503);
  add ("knows-no-passwords", test_knows_no_passwords);
  add ("says-how-it-was-set", test_says_how_it_was_set);
}

static void
add_metadata_tests (void)
{
  add ("metadata/is-off-without-a-resource", test_tells_no_metadata_without_a_resource);
  add ("metadata/is-told", test_tells_its_metadata);
  add ("metadata/names-the-scope-of-the-guard", test_metadata_names_the_scope_of_the_guard);
  add ("metadata/stands-before-the-path-of-the-resource",
       test_metadata_stands_before_the_path_of_the_resource);
  add ("metadata/is-only-read", test_metadata_is_only_read);
  add ("metadata/is-named-in-the-challenge", test_challenge_names_the_metadata);
  add ("metadata/of-a-part-is-served-too", test_metadata_of_a_part_is_served_too);
  g_test_add_func ("/resource-metadata/a-resource-is-a-plain-https-url",
                   test_a_resource_is_a_plain_https_url);
}

static void
add_websocket_tests (void)
{
  add ("websocket/ends-when-the-checker-cannot-tell", test_stale_checker_ends_the_websocket);
  add ("websocket/needs-a-token", test_websocket_needs_a_token);
  add ("websocket/never-opens-without-the-scope", test_websocket_never_opens_without_the_scope);
  add ("websocket/revocation-closes-it", test_revocation_closes_the_websocket);
  add ("websocket/many-revocations-cost-one-look", test_many_revocations_cost_one_look);
  add ("websocket/revoked-peer-is-not-heard-any-more", test_revoked_peer_is_not_heard_any_more);
  add ("websocket/expiry-closes-it", test_expiry_closes_the_websocket);
  add ("websocket/each-ends-at-its-time", test_each_websocket_ends_at_its_time);
  add ("websocket/expiry-may-keep-it", test_expiry_may_keep_the_websocket);
  add ("websocket/can-be-renewed", test_websocket_can_be_renewed);
  add ("websocket/watch-ends-with-the-connection", test_watch_ends_with_the_connection);
  add ("websocket/waits-for-the-checker", test_websocket_waits_for_the_checker);
  add ("websocket/beside-the-guard-is-closed", test_websocket_beside_the_guard_is_closed);
  add ("websocket/of-a-token-that-was-just-revoked-is-closed",
       test_websocket_of_a_token_that_was_just_revoked_is_closed);
  add ("websocket/that-was-ended-stays-so", test_websocket_that_was_ended_stays_so);
  add ("websocket/of-another-handler-can-be-watched",
       test_websocket_of_another_handler_can_be_watched);
  add ("websocket/handler-frees-its-data", test_websocket_handler_frees_its_data);
  add ("websocket/protocol-token-is-opt-in", test_protocol_token_is_opt_in);
  add ("websocket/protocol-token-needs-an-allowed-origin",
       test_protocol_token_needs_an_allowed_origin);
  add ("websocket/protocol-token-is-never-echoed", test_protocol_token_is_never_echoed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
  tessera_clock_follow_offset (&offset);
  add_http_tests ();
  add_metadata_tests ();
  add_websocket_tests ();
  g_test_add_func ("/bearer-credentials/challenge-is-safe-to-quote",
                   test_challenge_is_safe_to_quote);
  g_test_add_func ("/bearer-credentials/are-parsed-strictly", test_credentials_are_parsed_strictly);
  return g_test_run ();
}
