/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-server*.c and tessera-router.c: what an application sees of the server, without HTTP. */

#include "fake-front.h"
#include "log-capture.h"

#include "base/tessera-clock-private.h"
#include "base/tessera-error.h"
#include "model/tessera-access-token-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-issuance.h"
#include "server/tessera-page.h"
#include "server/tessera-administration.h"
#include "server/tessera-outbound-private.h"
#include "server/tessera-server-private.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define ISSUER "http://127.0.0.1:8417"
#define SECRET "secret-of-c1-is-long"
#define BASIC "Basic YzE6c2VjcmV0LW9mLWMxLWlzLWxvbmc=" /* c1:SECRET */

static const char *const machine[] = { "client_credentials", NULL };

static void
add_client (TesseraServer *server, const char *id, const char *secret)
{
  g_autoptr (GError) error = NULL;
  tessera_server_add_client (server, "App", NULL, id, secret, 3600, FALSE, machine, &error);
  g_assert_no_error (error);
}

static void
wait_ready (TesseraServer *server)
{
  g_autoptr (GError) error = NULL;
  tessera_server_wait_ready (server, &error);
  g_assert_no_error (error);
}

static TesseraServer *
new_server (void)
{
  TesseraServer *server = tessera_server_new_in_memory (ISSUER);
  add_client (server, "c1", SECRET);
  wait_ready (server);
  return server;
}

static char *
make_directory (void)
{
  g_autoptr (GError) error = NULL;
  char *directory = g_dir_make_tmp ("tessera-server-XXXXXX", &error);
  g_assert_no_error (error);
  return directory;
}

static void
remove_directory (const char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        remove_directory (path);
      else
        g_unlink (path);
    }
  g_rmdir (directory);
}

static TesseraServer *
open_server (const char *directory, const char *client_id, const char *secret)
{
  TesseraServer *server = tessera_server_new (ISSUER, directory);
  if (client_id != NULL)
    add_client (server, client_id, secret);
  wait_ready (server);
  return server;
}

static void
turn_until (guint *condition)
{
  while (*condition == 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Sends one request and waits for its answer. */
static FakeFront *
ask (TesseraServer *server,
     const char *method,
     const char *path,
     const char *authorization,
     const char *form)
{
  FakeFront *front = fake_front_new ();
  if (authorization != NULL)
    fake_front_set_header (front, "Authorization", authorization);
  if (form != NULL)
    fake_front_set_header (front, "Content-Type", "application/x-www-form-urlencoded");
  TesseraExchange *exchange = fake_front_request (front, method, path, form);
  tessera_server_handle (server, exchange);
  tessera_exchange_unref (exchange);
  turn_until (&front->sent);
  return front;
}

/* The same, when it is to be refused: the line in the log belongs to it. */
static FakeFront *
ask_in_vain (TesseraServer *server,
             const char *method,
             const char *path,
             const char *authorization,
             const char *form)
{
  log_capture_begin ();
  FakeFront *front = ask (server, method, path, authorization, form);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");
  return front;
}

static char *
get_member (FakeFront *front, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (json_t) json = tessera_json_parse (front->body, strlen (front->body), 65536, &error);
  g_assert_no_error (error);
  return g_strdup (json_string_value (json_object_get (json, name)));
}

static char *
issue (TesseraServer *server)
{
  g_autoptr (FakeFront) front
      = ask (server, "POST", "/token", BASIC, "grant_type=client_credentials");
  g_assert_cmpuint (front->status, ==, 200);
  return get_member (front, "access_token");
}

static gboolean
is_good (TesseraServer *server, const char *token)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) access_token
      = tessera_token_checker_check (TESSERA_TOKEN_CHECKER (server), token, NULL, &error);
  if (access_token == NULL)
    g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
  return access_token != NULL;
}

static const char *
answer_header (FakeFront *front, const char *name)
{
  return g_hash_table_lookup (front->headers, name);
}

/* Setup. */

static void
count (gpointer object, gpointer data)
{
  (*(guint *) data)++;
}

static void
count_2 (gpointer object, gpointer argument, gpointer data)
{
  (*(guint *) data)++;
}

static void
test_becomes_ready_when_the_loop_turns (void)
{
  guint ready = 0, changed = 0;
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER);
  g_signal_connect (server, "ready", G_CALLBACK (count), &ready);
  g_signal_connect (server, "changed", G_CALLBACK (count), &changed);
  g_assert_false (tessera_server_is_ready (server));
  g_assert_false (tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (server)));
  turn_until (&ready);

  g_assert_true (tessera_server_is_ready (server));
  g_assert_true (tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (server)));
  g_assert_cmpuint (changed, ==, 1);
}

static void
test_waits_without_a_loop (void)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER);
  wait_ready (server);
  g_assert_true (tessera_server_is_ready (server));
}

static void
on_failed (TesseraServer *server, const GError *error, gpointer data)
{
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_ISSUER);
  (*(guint *) data)++;
}

static void
test_bad_issuer_fails (void)
{
  guint failed = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://example.com");
  g_signal_connect (server, "failed", G_CALLBACK (on_failed), &failed);
  turn_until (&failed);

  g_assert_false (tessera_server_wait_ready (server, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_ISSUER);
  g_autoptr (FakeFront) front = ask_in_vain (server, "GET", "/jwks", NULL, NULL);
  g_assert_cmpuint (front->status, ==, 503);
}

static void
test_unheard_failure_is_logged (void)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory ("http://example.com");
  g_autoptr (FakeFront) front = fake_front_new ();
  TesseraExchange *exchange = fake_front_request (front, "GET", "/jwks", NULL);
  log_capture_begin ();
  tessera_server_handle (server, exchange);
  tessera_exchange_unref (exchange);
  turn_until (&front->sent);
  log_capture_end ();

  g_assert_cmpuint (front->status, ==, 503);
  g_assert_nonnull (answer_header (front, "Retry-After"));
}

static void
on_wait_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  tessera_server_wait_ready_finish (TESSERA_SERVER (source), result, &error);
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_LOCKED);
  (*(guint *) data)++;
}

static void
test_second_server_is_locked_out (void)
{
  guint told = 0;
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, NULL, NULL);
  g_autoptr (TesseraServer) second = tessera_server_new (ISSUER, directory);
  tessera_server_wait_ready_async (second, NULL, on_wait_ready, &told);
  turn_until (&told);
  g_assert_false (tessera_server_is_ready (second));
  tessera_server_close (first);
  remove_directory (directory);
}

static void
test_requests_wait (void)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER);
  g_autoptr (FakeFront) front = fake_front_new ();
  TesseraExchange *exchange = fake_front_request (front, "GET", "/jwks", NULL);
  tessera_server_handle (server, exchange);
  tessera_exchange_unref (exchange);
  g_assert_cmpuint (front->sent, ==, 0);
  turn_until (&front->sent);

  g_assert_cmpuint (front->status, ==, 200);
}

static void
test_close_answers_who_waits (void)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER);
  g_autoptr (FakeFront) front = fake_front_new ();
  TesseraExchange *exchange = fake_front_request (front, "GET", "/jwks", NULL);
  tessera_server_handle (server, exchange);
  tessera_exchange_unref (exchange);
  log_capture_begin ();
  tessera_server_close (server);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *error=temporarily_unavailable*");

  g_assert_cmpuint (front->status, ==, 503);
}

/* A program for the way out that takes connections and says nothing. */
static GSocket *
listen_at (const char *path)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  GSocket *socket
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  g_assert_true (g_socket_bind (socket, address, FALSE, NULL));
  g_assert_true (g_socket_listen (socket, NULL));
  return socket;
}

static void
register_in_sector (TesseraServer *server, FakeFront *front)
{
  g_autoptr (TesseraRegistrationPolicy) policy
      = g_object_new (TESSERA_TYPE_REGISTRATION_POLICY, "open", TRUE, NULL);

  g_object_set (server, "registration-enabled", TRUE, "registration-policy", policy, NULL);
  fake_front_set_header (front, "Content-Type", "application/json");
  TesseraExchange *exchange
      = fake_front_request (front, "POST", "/register",
                            "{\"redirect_uris\":[\"https://a.test/cb\"],"
                            "\"sector_identifier_uri\":\"https://a.test/sector\"}");
  tessera_server_handle (server, exchange);
  tessera_exchange_unref (exchange);
}

/* The document comes to nobody: no later than that the server would be used after it was freed. */
static void
test_close_answers_who_waits_for_a_document (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "socket", NULL);
  g_autoptr (GSocket) listener = listen_at (path);
  TesseraOutbound *outbound = tessera_outbound_new_for_socket (path);
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (FakeFront) front = fake_front_new ();

  g_object_set (server, "outbound", outbound, NULL);
  register_in_sector (server, front);
  g_assert_cmpuint (front->sent, ==, 0);
  log_capture_begin ();
  tessera_server_close (server);
  g_assert_cmpuint (front->sent, ==, 1);
  g_assert_cmpuint (front->status, ==, 503);
  g_clear_object (&server);
  g_object_add_weak_pointer (G_OBJECT (outbound), (gpointer *) &outbound);
  g_object_unref (outbound);
  g_clear_object (&listener);
  while (outbound != NULL)
    g_main_context_iteration (NULL, TRUE);
  log_capture_assert_some (G_LOG_LEVEL_MESSAGE, "refused *");
  g_assert_cmpuint (front->sent, ==, 1);
  remove_directory (directory);
}

static guint
ask_to_register (TesseraServer *server)
{
  g_autoptr (FakeFront) front = fake_front_new ();

  register_in_sector (server, front);
  turn_until (&front->sent);
  return front->status;
}

static void
on_lost (GObject *outbound, GAsyncResult *result, gpointer data)
{
  g_assert_null (_tessera_outbound_get_finish (TESSERA_OUTBOUND (outbound), result, NULL));
}

#define QUESTIONS_MAX 72 /* so many are under way, or wait */

/* Where nobody was asked, nothing is said of whoever registers: they are asked to come back. */
static void
test_a_document_that_nobody_asked_for_is_no_fault (void)
{
  static const char *const json[] = { "application/json", NULL };
  g_autofree char *directory = make_directory ();
  g_autofree char *path = g_build_filename (directory, "socket", NULL);
  g_autofree char *nowhere = g_build_filename (directory, "nowhere", NULL);
  g_autoptr (GSocket) listener = listen_at (path);
  g_autoptr (TesseraOutbound) unreachable = tessera_outbound_new_for_socket (nowhere);
  TesseraOutbound *busy = tessera_outbound_new_for_socket (path);
  g_autoptr (TesseraOutbound) broken = tessera_outbound_new_for_socket (path);
  g_autoptr (TesseraServer) server = new_server ();

  log_capture_begin ();
  g_object_set (server, "outbound", unreachable, NULL);
  g_assert_cmpuint (ask_to_register (server), ==, 503);

  g_object_set (server, "outbound", busy, NULL);
  for (guint i = 0; i < QUESTIONS_MAX; i++)
    _tessera_outbound_get_async (busy, "https://a.test/", json, NULL, on_lost, NULL);
  g_assert_cmpuint (ask_to_register (server), ==, 503);
  g_object_unref (g_socket_accept (listener, NULL, NULL)); /* and it hangs up */

  g_object_set (server, "outbound", broken, NULL);
  g_autoptr (FakeFront) front = fake_front_new ();
  register_in_sector (server, front);
  g_object_unref (g_socket_accept (listener, NULL, NULL));
  turn_until (&front->sent);
  g_assert_cmpuint (front->status, ==, 400);
  g_object_add_weak_pointer (G_OBJECT (busy), (gpointer *) &busy);
  g_object_unref (busy);
  while (busy != NULL)
    g_main_context_iteration (NULL, TRUE);
  log_capture_end ();
  tessera_server_close (server);
  remove_directory (directory);
}

static void
test_nothing_is_good_after_close (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  g_autoptr (TesseraAccessToken) access_token
      = tessera_token_checker_check (TESSERA_TOKEN_CHECKER (server), token, NULL, &error);
  g_assert_no_error (error);
  guint changed = 0; /* tells guards to look at their open WebSockets */
  g_signal_connect (server, "changed", G_CALLBACK (count), &changed);
  tessera_server_close (server);

  g_assert_cmpuint (changed, ==, 1);
  g_assert_false (
      tessera_token_checker_recheck (TESSERA_TOKEN_CHECKER (server), access_token, NULL));
  g_assert_null (tessera_token_checker_check (TESSERA_TOKEN_CHECKER (server), token, NULL, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
}

/* What is declared, over restarts. */

static void
test_token_survives_a_restart (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, "c1", SECRET);
  g_autofree char *good = issue (first);
  g_autofree char *revoked = issue (first);
  gboolean was_revoked = FALSE;
  g_autoptr (GError) error = NULL;
  tessera_server_revoke_token (first, revoked, NULL, &was_revoked, &error);
  g_assert_no_error (error);
  g_assert_true (was_revoked);
  tessera_server_close (first);

  g_autoptr (TesseraServer) second = open_server (directory, "c1", SECRET);
  g_assert_true (is_good (second, good));
  g_assert_false (is_good (second, revoked));
  tessera_server_close (second);
  remove_directory (directory);
}

static void
test_removed_client_loses_its_tokens (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, "c1", SECRET);
  g_autofree char *token = issue (first);
  tessera_server_close (first);
  g_autoptr (TesseraServer) without = open_server (directory, NULL, NULL);
  g_assert_false (is_good (without, token));
  tessera_server_close (without);

  g_autoptr (TesseraServer) again = open_server (directory, "c1", SECRET);
  g_assert_false (is_good (again, token));
  g_autofree char *fresh = issue (again);
  g_assert_true (is_good (again, fresh));
  tessera_server_close (again);
  remove_directory (directory);
}

static void
test_changed_client_loses_its_tokens (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, "c1", SECRET);
  g_autofree char *token = issue (first);
  tessera_server_close (first);

  g_autoptr (TesseraServer) changed = open_server (directory, "c1", "another-secret-of-c1");
  g_assert_false (is_good (changed, token));
  tessera_server_close (changed);
  remove_directory (directory);
}

/* A service may wait first and read its clients then. */
static void
test_client_may_be_declared_after_waiting (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, "c1", SECRET);
  g_autofree char *token = issue (first);
  tessera_server_close (first);

  g_autoptr (TesseraServer) second = open_server (directory, NULL, NULL);
  add_client (second, "c1", SECRET);
  g_assert_true (is_good (second, token));
  tessera_server_close (second);
  remove_directory (directory);
}

static void
test_replaced_clients_lose_their_tokens (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) server = open_server (directory, "c1", SECRET);
  g_autofree char *token = issue (server);
  g_autoptr (TesseraClient) same = tessera_server_lookup_client (server, "c1");
  g_autoptr (TesseraClient) other
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c1", "name", "App", "secret", SECRET,
                      "grant-types", machine, "access-token-lifetime", 60, NULL);
  g_autoptr (GError) error = NULL;
  tessera_server_replace_clients (server, &same, 1, &error);
  g_assert_no_error (error);
  g_assert_true (is_good (server, token));
  tessera_server_replace_clients (server, &other, 1, &error);
  g_assert_no_error (error);

  g_assert_false (is_good (server, token));
  tessera_server_close (server);
  remove_directory (directory);
}

static char *
write_users (const char *directory, const char *name, const char *password)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *hash = tessera_hash_password (password, &error);
  g_assert_no_error (error);
  g_autofree char *text = g_strdup_printf ("%s:%s\n", name, hash);
  char *file = g_build_filename (directory, "users", NULL);
  g_file_set_contents (file, text, -1, &error);
  g_assert_no_error (error);
  return file;
}

static gboolean
is_subject_denied (TesseraServer *server, const char *subject, gint64 issued_ms)
{
  TesseraEngine *engine = tessera_server_get_engine (server);
  TesseraTokenIdentity identity = { .jti = "01890a5d-ac96-774b-bcce-b302099a8057",
                                    .issued_ms = issued_ms,
                                    .expires_ms = issued_ms + 600000,
                                    .subject = subject,
                                    .client_id = "c1",
                                    .grant_id = "g1",
                                    .kid = "k1" };
  return tessera_deny_list_check (engine->deny_list, &identity);
}

static void
test_user_with_a_new_password_loses_their_tokens (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *file = write_users (directory, "alice", "one");
  g_autoptr (TesseraServer) server = open_server (directory, NULL, NULL);
  g_autoptr (GError) error = NULL;
  tessera_server_load_users (server, file, &error);
  g_assert_no_error (error);
  gint64 before = tessera_clock_get_ms (tessera_server_get_engine (server)->clock);
  tessera_server_load_users (server, file, &error);
  g_assert_no_error (error);
  g_assert_false (is_subject_denied (server, "alice", before));
  g_autofree char *changed = write_users (directory, "alice", "two");
  tessera_server_load_users (server, changed, &error);
  g_assert_no_error (error);

  g_assert_true (is_subject_denied (server, "alice", before));
  g_assert_false (is_subject_denied (server, "bob", before));
  tessera_server_close (server);
  remove_directory (directory);
}

static void
test_same_client_in_store_and_program_is_refused (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, NULL, NULL);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "name", "App", "grant-types", machine,
                      "token-endpoint-auth-method", "client_secret_basic", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *secret = NULL;
  g_autofree char *id = tessera_server_register_client (first, client, &secret, &error);
  g_assert_no_error (error);
  tessera_server_close (first);

  g_autoptr (TesseraServer) second = tessera_server_new (ISSUER, directory);
  add_client (second, id, SECRET);
  g_assert_false (tessera_server_wait_ready (second, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  remove_directory (directory);
}

/* Registered clients. */

static char *
make_basic (const char *id, const char *secret)
{
  g_autofree char *pair = g_strdup_printf ("%s:%s", id, secret);
  g_autofree char *encoded = g_base64_encode ((const guchar *) pair, strlen (pair));
  return g_strconcat ("Basic ", encoded, NULL);
}

static void
test_registered_client_survives_a_restart (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, NULL, NULL);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "name", "App", "grant-types", machine,
                      "token-endpoint-auth-method", "client_secret_basic", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *secret = NULL;
  g_autofree char *id = tessera_server_register_client (first, client, &secret, &error);
  g_assert_no_error (error);
  g_assert_nonnull (secret);
  tessera_server_close (first);

  g_autoptr (TesseraServer) second = open_server (directory, NULL, NULL);
  g_autofree char *basic = make_basic (id, secret);
  g_autoptr (FakeFront) front
      = ask (second, "POST", "/token", basic, "grant_type=client_credentials");
  g_assert_cmpuint (front->status, ==, 200);
  g_autofree char *token = get_member (front, "access_token");
  g_assert_true (is_good (second, token));
  g_assert_true (tessera_server_remove_client (second, id, &error));
  g_assert_no_error (error);
  g_assert_false (is_good (second, token));
  tessera_server_close (second);

  g_autoptr (TesseraServer) third = open_server (directory, NULL, NULL);
  g_assert_null (tessera_server_lookup_client (third, id));
  tessera_server_close (third);
  remove_directory (directory);
}

/* Some clients in a database so large that its start does not examine it. */
static void
fill_much (const char *directory)
{
  g_autoptr (GError) error = NULL;
  gboolean is_new;
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, &is_new, &error);
  g_autofree char *filling = g_strnfill (17 * 1024 * 1024, 'x');
  g_autofree char *much = g_strconcat (filling, "the end of much", NULL);

  g_assert_no_error (error);
  g_assert_true (tessera_store_begin (store, NULL));
  /* What nobody reads at the start. */
  const TesseraConsent consent = { .subject = (char *) "alice",
                                   .client_id = (char *) "c1",
                                   .redirect_uri = (char *) "https://c1.test/",
                                   .scope = much };
  g_assert_true (tessera_store_put_consent (store, &consent, &error));
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("the name of client %u", i);
      g_autofree char *id = g_strdup_printf ("client-%u", i);
      g_autoptr (TesseraClient) client
          = g_object_new (TESSERA_TYPE_CLIENT, "id", id, "name", name, NULL);
      g_assert_true (tessera_store_put_client (store, client, &error));
    }
  g_assert_true (tessera_store_commit (store, &error));
}

static void
damage (const char *directory, const char *text)
{
  g_autofree char *path = g_build_filename (directory, "tessera.db", NULL);
  g_autofree char *whole = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &whole, &length, &error));
  char *at = memmem (whole, length, text, strlen (text));
  g_assert_nonnull (at);
  *at ^= 1;
  g_assert_true (g_file_set_contents (path, whole, (gssize) length, &error));
}

static gboolean
on_unnoticed (gpointer data)
{
  g_error ("Nobody noticed");
  return G_SOURCE_REMOVE;
}

/* Clients are not read before the test says so. */
static gint loading_waits;

gboolean __wrap_tessera_store_foreach_client_record (TesseraStore *self,
                                                     gint64 *position,
                                                     guint limit,
                                                     TesseraClientRecordFunc func,
                                                     gpointer data,
                                                     GError **error);
gboolean __real_tessera_store_foreach_client_record (TesseraStore *self,
                                                     gint64 *position,
                                                     guint limit,
                                                     TesseraClientRecordFunc func,
                                                     gpointer data,
                                                     GError **error);

gboolean
__wrap_tessera_store_foreach_client_record (TesseraStore *self,
                                            gint64 *position,
                                            guint limit,
                                            TesseraClientRecordFunc func,
                                            gpointer data,
                                            GError **error)
{
  while (g_atomic_int_get (&loading_waits))
    g_usleep (1000);
  return __real_tessera_store_foreach_client_record (self, position, limit, func, data, error);
}

/* Behind a page that cannot be read nobody is unknown. */
static void
test_clients_behind_damage_are_not_unknown (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (GError) error = NULL;
  g_autofree char *secret = NULL;
  guint failed = 0;

  fill_much (directory);
  g_autoptr (TesseraServer) first = open_server (directory, NULL, NULL);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "name", "the name of this client", "grant-types",
                      machine, "token-endpoint-auth-method", "client_secret_basic", NULL);
  g_autofree char *id = tessera_server_register_client (first, client, &secret, &error);
  g_assert_no_error (error);
  g_autofree char *basic = make_basic (id, secret);
  g_autoptr (FakeFront) good
      = ask (first, "POST", "/token", basic, "grant_type=client_credentials");
  g_autofree char *token = get_member (good, "access_token");
  tessera_server_close (first);
  damage (directory, "the name of this client");

  log_capture_begin ();
  loading_waits = TRUE; /* else the start may fail of it already */
  g_autoptr (TesseraServer) second = open_server (directory, "api", SECRET);
  g_signal_connect (second, "failed", G_CALLBACK (count_2), &failed);
  g_atomic_int_set (&loading_waits, FALSE);
  /* This one waits for its client, the others come when that has failed. */
  g_autoptr (FakeFront) front
      = ask (second, "POST", "/token", basic, "grant_type=client_credentials");
  g_assert_cmpuint (front->status, ==, 503);
  g_autofree char *refusal = get_member (front, "error");
  g_assert_cmpstr (refusal, ==, "temporarily_unavailable");
  g_autoptr (FakeFront) again
      = ask (second, "POST", "/token", basic, "grant_type=client_credentials");
  g_assert_cmpuint (again->status, ==, 503);
  g_assert_null (tessera_token_checker_check (TESSERA_TOKEN_CHECKER (second), token, NULL, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_autofree char *api = make_basic ("api", SECRET);
  g_autofree char *question = g_strconcat ("token=", token, NULL);
  g_autoptr (FakeFront) told = ask (second, "POST", "/introspect", api, question);
  g_assert_cmpuint (told->status, ==, 503);
  turn_until (&failed);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (failed, ==, 1);
  g_assert_false (tessera_server_is_ready (second));
  tessera_server_close (second); /* its threads have said all they had to say */
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*cannot be read*");
  remove_directory (directory);
}

#define MANY 3000

static void
fill_with_clients (const char *directory)
{
  g_autoptr (GError) error = NULL;
  gboolean is_new;
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (directory, &is_new, &error);

  g_assert_no_error (error);
  g_assert_true (tessera_store_begin (store, NULL));
  for (guint i = 1; i <= MANY; i++)
    {
      g_autofree char *id = g_strdup_printf ("client-%u", i);
      g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT, "id", id, NULL);
      g_assert_true (tessera_store_put_client (store, client, &error));
    }
  g_assert_true (tessera_store_commit (store, &error));
}

static void
keep_error (TesseraServer *server, const GError *error, gpointer data)
{
  *(GError **) data = g_error_copy (error);
}

/* It waits for none, so that it may come before the registered one with its id: which is noticed.
 */
static void
test_declared_while_registered_ones_are_read (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *id = g_strdup_printf ("client-%u", MANY);
  g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT, "id", id, "grant-types",
                                                   machine, "secret", SECRET, NULL);
  g_autoptr (GError) error = NULL;

  fill_with_clients (directory);
  g_autoptr (TesseraServer) server = open_server (directory, NULL, NULL);
  g_signal_connect (server, "failed", G_CALLBACK (keep_error), &error);
  guint limit = g_timeout_add_seconds (30, on_unnoticed, NULL);
  if (tessera_server_replace_clients (server, &client, 1, &error))
    while (error == NULL)
      g_main_context_iteration (NULL, TRUE);
  g_source_remove (limit);
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  tessera_server_close (server);
  remove_directory (directory);
}

/* Nobody asks for what is on that page; the server looks at it all the same, though not at the
 * start. */
static void
test_damage_that_nobody_meets_is_found (void)
{
  g_autofree char *directory = make_directory ();
  guint failed = 0;

  fill_much (directory);
  damage (directory, "the end of much");
  log_capture_begin ();
  g_autoptr (TesseraServer) server = open_server (directory, NULL, NULL);
  g_signal_connect (server, "failed", G_CALLBACK (count_2), &failed);
  guint limit = g_timeout_add_seconds (30, on_unnoticed, NULL);
  turn_until (&failed);
  g_source_remove (limit);
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*wrong checksum of the page at*");
  g_assert_true (tessera_committer_has_failed (tessera_server_get_engine (server)->committer));
  tessera_server_close (server);
  remove_directory (directory);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GAsyncResult *
await (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static gboolean
add_user (TesseraServer *server, const char *name, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  tessera_server_add_user_async (server, name, "a long password", NULL, keep_result, &result);
  return tessera_server_add_user_finish (server, await (&result), error);
}

static void
test_unusable_registration_keeps_its_name_until_removed (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  TesseraClientRegistry *clients = tessera_server_get_engine (server)->clients;
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_client_registry_add_record (clients, "alice", "{}", NULL));
  log_capture_begin ();
  g_assert_false (add_user (server, "alice", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*alice cannot be used*");
  g_clear_error (&error);
  g_assert_true (tessera_server_remove_client (server, "alice", &error));
  g_assert_no_error (error);
  g_assert_false (tessera_client_registry_is_taken (clients, "alice"));
  g_assert_true (add_user (server, "alice", &error));
  g_assert_no_error (error);
}

/* As after a restore of the keys alone. */
static void
test_keys_without_their_database_revive_nothing (void)
{
  static const char *const lost[]
      = { "tessera.db", "tessera.db-wal", "tessera.db-shm", "generation" };
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) first = open_server (directory, "c1", SECRET);
  g_autofree char *token = issue (first);
  g_assert_true (tessera_server_revoke_token (first, token, NULL, NULL, NULL));
  tessera_server_close (first);
  for (guint i = 0; i < G_N_ELEMENTS (lost); i++)
    {
      g_autofree char *path = g_build_filename (directory, lost[i], NULL);
      g_unlink (path);
    }

  log_capture_begin ();
  g_autoptr (TesseraServer) second = open_server (directory, "c1", SECRET);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*everybody has to log in again*");
  g_assert_false (is_good (second, token));
  g_autofree char *fresh = issue (second);
  g_assert_true (is_good (second, fresh));
  tessera_server_close (second);
  remove_directory (directory);
}

/* While the disk refuses, a client can be neither removed nor half removed. */
static void
test_removal_that_failed_can_be_repeated (void)
{
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) server = open_server (directory, NULL, NULL);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "name", "App", "grant-types", machine,
                      "token-endpoint-auth-method", "client_secret_basic", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *id = tessera_server_register_client (server, client, NULL, &error);
  g_assert_no_error (error);
  struct rlimit before, none;
  getrlimit (RLIMIT_FSIZE, &before);
  none = before;
  none.rlim_cur = 0;
  void (*handler) (int) = signal (SIGXFSZ, SIG_IGN);

  log_capture_begin ();
  setrlimit (RLIMIT_FSIZE, &none);
  g_assert_false (tessera_server_remove_client (server, id, &error));
  setrlimit (RLIMIT_FSIZE, &before);
  log_capture_end ();
  signal (SIGXFSZ, handler);
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_clear_error (&error);
  g_autoptr (TesseraClient) found = tessera_server_lookup_client (server, id);
  g_assert_nonnull (found);
  g_assert_true (tessera_server_remove_client (server, id, &error));
  g_assert_no_error (error);
  tessera_server_close (server);
  remove_directory (directory);
}

typedef struct
{
  guint told;
  char *id;
  char *secret;
} Registered;

static void
on_registered (GObject *source, GAsyncResult *result, gpointer data)
{
  Registered *registered = data;
  g_autoptr (GError) error = NULL;
  registered->id = tessera_server_register_client_finish (TESSERA_SERVER (source), result,
                                                          &registered->secret, &error);
  g_assert_no_error (error);
  registered->told++;
}

static void
on_removed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  tessera_server_remove_client_finish (TESSERA_SERVER (source), result, &error);
  g_assert_no_error (error);
  (*(guint *) data)++;
}

static void
test_registers_and_removes_without_blocking (void)
{
  guint removed = 0;
  Registered registered = { 0 };
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "name", "App", "redirect-uris",
                      (const char *[]){ "com.example.app:/cb", NULL }, "token-endpoint-auth-method",
                      "none", NULL);
  tessera_server_register_client_async (server, client, NULL, on_registered, &registered);
  turn_until (&registered.told);
  g_assert_null (registered.secret);
  g_autoptr (TesseraClient) found = tessera_server_lookup_client (server, registered.id);
  g_assert_nonnull (found);
  tessera_server_remove_client_async (server, registered.id, NULL, on_removed, &removed);
  turn_until (&removed);

  g_assert_null (tessera_server_lookup_client (server, registered.id));
  g_free (registered.id);
}

static void
test_removed_client_comes_back_without_tokens (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  g_autoptr (GError) error = NULL;
  tessera_server_remove_client (server, "c1", &error);
  g_assert_no_error (error);
  add_client (server, "c1", SECRET);
  g_autofree char *fresh = issue (server);

  g_assert_false (is_good (server, token));
  g_assert_true (is_good (server, fresh));
}

static void
test_unknown_client_cannot_be_removed (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (GError) error = NULL;
  g_assert_false (tessera_server_remove_client (server, "nobody", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
}

/* Revocation. */

typedef struct
{
  guint told;
  gboolean revoked;
  TesseraRevocationKind kind;
  TesseraRevocationCause cause;
  char *hint;
} Report;

static void
on_after_revoke (TesseraServer *server, TesseraRevocation *revocation, gpointer data)
{
  Report *report = data;
  report->told++;
  report->revoked = tessera_revocation_get_revoked (revocation);
  report->kind = tessera_revocation_get_kind (revocation);
  report->cause = tessera_revocation_get_cause (revocation);
  g_free (report->hint);
  report->hint = g_strdup (tessera_revocation_get_token_type_hint (revocation));
}

static void
test_each_attempt_is_told_once (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  Report report = { 0 };
  guint changed = 0;
  g_signal_connect (server, "after-revoke-token", G_CALLBACK (on_after_revoke), &report);
  g_signal_connect (server, "changed", G_CALLBACK (count), &changed);

  g_assert_true (tessera_server_revoke_token (server, token, "access_token", NULL, NULL));
  g_assert_cmpuint (report.told, ==, 1);
  g_assert_true (report.revoked);
  g_assert_cmpint (report.kind, ==, TESSERA_REVOCATION_KIND_ACCESS_TOKEN);
  g_assert_cmpint (report.cause, ==, TESSERA_REVOCATION_CAUSE_API);
  g_assert_cmpstr (report.hint, ==, "access_token");
  g_assert_cmpuint (changed, ==, 1);

  g_assert_true (tessera_server_revoke_token (server, "garbage", NULL, NULL, NULL));
  g_assert_cmpuint (report.told, ==, 2);
  g_assert_false (report.revoked);
  g_assert_cmpuint (changed, ==, 1);

  g_assert_true (tessera_server_remove_client (server, "c1", NULL));
  g_assert_cmpuint (report.told, ==, 3);
  g_assert_cmpint (report.cause, ==, TESSERA_REVOCATION_CAUSE_REMOVED);
  g_free (report.hint);
}

static void
test_client_can_be_revoked_and_goes_on (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *before = issue (server);
  g_autoptr (GError) error = NULL;
  tessera_server_revoke_client (server, "c1", &error);
  g_assert_no_error (error);
  g_autofree char *after = issue (server);

  g_assert_false (is_good (server, before));
  g_assert_true (is_good (server, after));
  g_assert_cmpuint (tessera_server_get_generation (server), >, 0);
}

static void
on_token_revoked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean revoked = FALSE;
  tessera_server_revoke_token_finish (TESSERA_SERVER (source), result, &revoked, &error);
  g_assert_no_error (error);
  g_assert_true (revoked);
  (*(guint *) data)++;
}

typedef gboolean (*Finish) (TesseraServer *, GAsyncResult *, GError **);

typedef struct
{
  Finish finish;
  guint told;
} Finished;

static void
on_revoke_finished (GObject *source, GAsyncResult *result, gpointer data)
{
  Finished *finished = data;
  g_autoptr (GError) error = NULL;
  finished->finish (TESSERA_SERVER (source), result, &error);
  g_assert_no_error (error);
  finished->told++;
}

static void
test_revokes_without_blocking (void)
{
  guint token_told = 0;
  Finished client = { tessera_server_revoke_client_finish, 0 };
  Finished subject = { tessera_server_revoke_subject_finish, 0 };
  Finished grant = { tessera_server_revoke_grant_finish, 0 };
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  tessera_server_revoke_token_async (server, token, NULL, NULL, on_token_revoked, &token_told);
  turn_until (&token_told);
  g_assert_false (is_good (server, token));

  g_autofree char *other = issue (server);
  tessera_server_revoke_client_async (server, "c1", NULL, on_revoke_finished, &client);
  tessera_server_revoke_subject_async (server, "alice", NULL, on_revoke_finished, &subject);
  tessera_server_revoke_grant_async (server, "g1", NULL, on_revoke_finished, &grant);
  turn_until (&client.told);
  turn_until (&subject.told);
  turn_until (&grant.told);
  g_assert_false (is_good (server, other));
  g_assert_true (is_subject_denied (server, "alice", 1000));
}

static void
test_recheck_tells_revoked_from_expired (void)
{
  static gint64 offset;
  g_autoptr (TesseraServer) server = new_server ();
  TesseraTokenChecker *checker = TESSERA_TOKEN_CHECKER (server);
  g_autofree char *token = issue (server);
  g_autofree char *other = issue (server);
  g_autoptr (TesseraAccessToken) revoked = tessera_token_checker_check (checker, token, NULL, NULL);
  g_autoptr (TesseraAccessToken) expired = tessera_token_checker_check (checker, other, NULL, NULL);
  gboolean is_expired = TRUE;
  g_assert_true (tessera_token_checker_recheck (checker, revoked, &is_expired));
  g_assert_false (is_expired);
  g_assert_true (tessera_server_revoke_token (server, token, NULL, NULL, NULL));
  g_assert_false (tessera_token_checker_recheck (checker, revoked, &is_expired));
  g_assert_false (is_expired);

  tessera_clock_follow_offset (&offset);
  __atomic_store_n (&offset, 3600 * 1000 + 1000, __ATOMIC_RELAXED);
  g_assert_false (tessera_token_checker_recheck (checker, expired, &is_expired));
  g_assert_true (is_expired);
  tessera_clock_follow_offset (NULL);
}

/* Elsewhere they would live for as long as it was set back. */
static void
test_issues_nothing_while_the_clock_is_behind (void)
{
  static gint64 offset = 7 * 60 * 1000;
  g_autoptr (TesseraServer) server = new_server ();
  tessera_clock_follow_offset (&offset);
  g_autofree char *token = issue (server);
  __atomic_store_n (&offset, 3 * 60 * 1000, __ATOMIC_RELAXED);
  g_autofree char *still = issue (server);
  __atomic_store_n (&offset, 0, __ATOMIC_RELAXED);
  log_capture_begin ();
  g_autoptr (FakeFront) first
      = ask (server, "POST", "/token", BASIC, "grant_type=client_credentials");
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*no tokens are issued*");
  g_assert_cmpuint (first->status, ==, 503);
  g_autoptr (FakeFront) second
      = ask_in_vain (server, "POST", "/token", BASIC, "grant_type=client_credentials");
  g_assert_cmpuint (second->status, ==, 503);
  g_assert_true (is_good (server, token));
  __atomic_store_n (&offset, 7 * 60 * 1000, __ATOMIC_RELAXED);
  g_autofree char *again = issue (server);
  tessera_clock_follow_offset (NULL);
}

/* Keys. */

static void
test_old_tokens_survive_a_rotation (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *before = issue (server);
  g_autoptr (GError) error = NULL;
  g_assert_false (tessera_server_rotate_key (server, FALSE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_TOO_EARLY);
  g_clear_error (&error);
  g_assert_true (tessera_server_rotate_key (server, TRUE, &error));
  g_assert_no_error (error);
  g_autofree char *after = issue (server);

  g_assert_true (is_good (server, before));
  g_assert_true (is_good (server, after));
  g_auto (GStrv) keys = tessera_server_list_keys (server);
  g_assert_cmpuint (g_strv_length (keys), ==, 3);
}

/* However often: a verifier reads no set of more than 64. */
static void
test_a_rotation_drops_the_keys_that_nobody_needs (void)
{
  gint64 offset = 0;
  tessera_clock_follow_offset (&offset);
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 5; i++)
    {
      g_assert_true (tessera_server_rotate_key (server, TRUE, &error));
      g_assert_no_error (error);
      __atomic_add_fetch (&offset, 2 * 60 * 60 * 1000, __ATOMIC_RELAXED);
    }
  g_auto (GStrv) keys = tessera_server_list_keys (server);
  g_assert_cmpuint (g_strv_length (keys), ==, 3);
  tessera_clock_follow_offset (NULL);
}

static char *
find_kid (TesseraServer *server, const char *state)
{
  g_auto (GStrv) keys = tessera_server_list_keys (server);
  for (guint i = 0; keys[i] != NULL; i++)
    if (g_str_has_suffix (keys[i], state))
      return g_strndup (keys[i], strcspn (keys[i], " "));
  g_assert_not_reached ();
}

static void
test_revoked_key_takes_its_tokens (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  g_assert_true (is_good (server, token));
  g_autofree char *kid = find_kid (server, "active");
  g_autoptr (GError) error = NULL;
  tessera_server_revoke_key (server, kid, &error);
  g_assert_no_error (error);
  g_autofree char *after = issue (server);

  g_assert_false (is_good (server, token));
  g_assert_true (is_good (server, after));
}

/* What an administrator does with a token. */

static char *
introspect (TesseraServer *server, const char *token)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  tessera_server_introspect_async (server, token, NULL, keep_result, &result);
  char *json = tessera_server_introspect_finish (server, await (&result), &error);
  g_assert_no_error (error);
  return json;
}

static void
revoke_token_id (TesseraServer *server, const char *jti)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  tessera_server_revoke_token_id_async (server, jti, NULL, keep_result, &result);
  tessera_server_revoke_token_id_finish (server, await (&result), &error);
  g_assert_no_error (error);
}

static char *
dup_jti (TesseraServer *server, const char *token)
{
  g_autoptr (TesseraAccessToken) access_token
      = tessera_token_checker_check (TESSERA_TOKEN_CHECKER (server), token, NULL, NULL);
  return g_strdup (tessera_access_token_get_id (access_token));
}

static void
test_a_token_is_revoked_by_its_name (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  g_autofree char *other = issue (server);
  g_autofree char *jti = dup_jti (server, token);

  revoke_token_id (server, jti);
  g_assert_false (is_good (server, token));
  g_assert_true (is_good (server, other));
  g_assert_cmpuint (tessera_server_get_n_denials (server), ==, 1);
  revoke_token_id (server, jti);
  revoke_token_id (server, "no name of ours");
  g_assert_cmpuint (tessera_server_get_n_denials (server), ==, 1);
}

static void
test_an_administrator_may_see_any_token (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autofree char *token = issue (server);
  g_autofree char *jti = dup_jti (server, token);
  g_autofree char *active = introspect (server, token);
  g_assert_true (g_str_has_prefix (active, "{\"active\":true,"));
  g_assert_nonnull (strstr (active, jti));
  revoke_token_id (server, jti);
  g_autofree char *revoked = introspect (server, token);
  g_assert_cmpstr (revoked, ==, "{\"active\":false}");
  g_autofree char *unknown = introspect (server, "nonsense");
  g_assert_cmpstr (unknown, ==, "{\"active\":false}");
}

static void
on_introspect (TesseraServer *server, const char *client_id, gboolean active, GString *told)
{
  g_string_append_printf (told, "%s:%d ", client_id, active);
}

static void
test_who_introspects_is_told_of (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (GString) told = g_string_new (NULL);
  g_autofree char *token = issue (server);
  g_autofree char *question = g_strconcat ("token=", token, NULL);
  g_autofree char *basic = make_basic ("c1", SECRET);

  g_signal_connect (server, "introspect", G_CALLBACK (on_introspect), told);
  g_autoptr (FakeFront) good = ask (server, "POST", "/introspect", basic, question);
  g_autoptr (FakeFront) bad = ask (server, "POST", "/introspect", basic, "token=x");
  g_autoptr (FakeFront) unheard = ask (server, "POST", "/introspect", NULL, question);
  g_assert_cmpuint (good->status, ==, 200);
  g_assert_cmpuint (bad->status, ==, 200);
  g_assert_cmpuint (unheard->status, ==, 401);
  g_assert_cmpstr (told->str, ==, "c1:1 c1:0 ");
}

/* Logins. */

typedef struct
{
  guint told;
  TesseraVerdict verdict;
  gboolean busy;
  char *subject;
} Verdict;

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  Verdict *verdict = data;
  verdict->told++;
  verdict->verdict = tessera_authentication_get_verdict (authentication);
  verdict->busy = tessera_authentication_is_busy (authentication);
  g_free (verdict->subject);
  verdict->subject = g_strdup (tessera_authentication_get_login (authentication)->subject);
}

static void
log_in (TesseraServer *server, const char *name, const char *password, Verdict *verdict)
{
  g_autoptr (TesseraAuthentication) authentication
      = tessera_authentication_new (name, password, NULL, "a", "192.0.2.1");
  tessera_server_authenticate (server, authentication, on_decided, verdict);
}

static void
accept_alice (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  if (strcmp (tessera_authentication_get_username (authentication), "alice") == 0)
    tessera_authentication_accept (authentication, NULL);
}

static void
deny_all (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  tessera_authentication_deny (authentication);
}

static void
hold_all (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  tessera_authentication_hold (authentication);
  if (data != NULL)
    *(TesseraAuthentication **) data = g_object_ref (authentication);
}

static void
test_first_verdict_ends_the_emission (void)
{
  Verdict verdict = { 0 };
  guint later = 0;
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "authenticate", G_CALLBACK (accept_alice), NULL);
  g_signal_connect (server, "authenticate", G_CALLBACK (deny_all), NULL);
  g_signal_connect (server, "authenticate", G_CALLBACK (count_2), &later);
  log_in (server, "alice", "x", &verdict);
  g_assert_cmpint (verdict.verdict, ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpstr (verdict.subject, ==, "alice");
  log_in (server, "bob", "x", &verdict);
  g_assert_cmpint (verdict.verdict, ==, TESSERA_VERDICT_DENIED);

  g_assert_cmpuint (verdict.told, ==, 2);
  g_assert_cmpuint (later, ==, 0);
  g_free (verdict.subject);
}

static void
test_hold_ends_the_emission (void)
{
  Verdict verdict = { 0 };
  g_autoptr (TesseraAuthentication) held = NULL;
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "authenticate", G_CALLBACK (hold_all), &held);
  g_signal_connect (server, "authenticate", G_CALLBACK (deny_all), NULL);
  log_in (server, "alice", "x", &verdict);
  g_assert_cmpuint (verdict.told, ==, 0);
  tessera_authentication_accept (held, "u1");

  g_assert_cmpint (verdict.verdict, ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpstr (verdict.subject, ==, "u1");
  g_free (verdict.subject);
}

static void
test_held_and_forgotten_is_denied (void)
{
  Verdict verdict = { 0 };
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "authenticate", G_CALLBACK (hold_all), NULL);
  log_in (server, "alice", "x", &verdict);

  g_assert_cmpuint (verdict.told, ==, 1);
  g_assert_cmpint (verdict.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
test_no_verdict_is_denied (void)
{
  Verdict verdict = { 0 };
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "authenticate", G_CALLBACK (accept_alice), NULL);
  log_capture_begin ();
  log_in (server, "bob", "x", &verdict);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "no handler of authenticate called *");

  g_assert_cmpint (verdict.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
accept_as_client (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  tessera_authentication_accept (authentication, "c1");
}

static void
test_subject_of_a_client_is_denied (void)
{
  Verdict verdict = { 0 };
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "authenticate", G_CALLBACK (accept_as_client), NULL);
  log_capture_begin ();
  log_in (server, "alice", "x", &verdict);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*client_id of a client*");

  g_assert_cmpint (verdict.verdict, ==, TESSERA_VERDICT_DENIED);
  g_free (verdict.subject);
}

static TesseraVerdict
log_in_user (TesseraServer *server, const char *name, const char *password)
{
  Verdict verdict = { 0 };
  log_in (server, name, password, &verdict);
  turn_until (&verdict.told);
  g_free (verdict.subject);
  return verdict.verdict;
}

static void
test_users_are_asked_when_no_handler_decides (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *file = write_users (directory, "alice", "right");
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (GError) error = NULL;
  tessera_server_load_users (server, file, &error);
  g_assert_no_error (error);

  g_assert_cmpint (log_in_user (server, "alice", "right"), ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpint (log_in_user (server, "alice", "wrong"), ==, TESSERA_VERDICT_DENIED);
  g_assert_cmpint (log_in_user (server, "nobody", "right"), ==, TESSERA_VERDICT_DENIED);
  remove_directory (directory);
}

static void
test_full_queue_is_busy_not_wrong (void)
{
  Verdict verdict = { 0 };
  g_autofree char *directory = make_directory ();
  g_autofree char *file = write_users (directory, "alice", "right");
  g_autoptr (TesseraServer) server = new_server ();
  g_assert_true (tessera_server_load_users (server, file, NULL));
  for (guint i = 0; i < 200; i++)
    log_in (server, "alice", "wrong", &verdict);
  gboolean busy = verdict.busy;
  while (verdict.told < 200)
    g_main_context_iteration (NULL, TRUE);

  g_assert_true (busy);
  g_free (verdict.subject);
  remove_directory (directory);
}

/* Routes. */

static void
test_unknown_path_is_404 (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  const char *const paths[] = { "/", "/tokens", "/token/", "/Token", "//token", "/jwks/a/b.pem" };
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (FakeFront) front = ask_in_vain (server, "GET", paths[i], NULL, NULL);
      g_assert_cmpuint (front->status, ==, 404);
      g_assert_false (tessera_server_owns_path (server, paths[i]));
    }
}

static void
test_wrong_method_is_405 (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  const struct
  {
    const char *method, *path, *allow;
  } rows[] = {
    { "GET", "/token", "POST" },
    { "HEAD", "/revoke", "POST" },
    { "PUT", "/introspect", "POST" },
    { "TRACE", "/authorize", "GET, HEAD, POST" },
    { "DELETE", "/jwks", "GET, HEAD" },
    { "POST", "/jwks", "GET, HEAD" },
    { "OPTIONS", "/authorize", "GET, HEAD, POST" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (FakeFront) front = ask_in_vain (server, rows[i].method, rows[i].path, NULL, NULL);
      g_assert_cmpuint (front->status, ==, 405);
      g_assert_cmpstr (answer_header (front, "Allow"), ==, rows[i].allow);
    }
}

static void
test_only_forms_are_read (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  const struct
  {
    const char *type, *encoding;
    guint status;
  } rows[] = {
    { NULL, NULL, 415 },
    { "application/json", NULL, 415 },
    { "multipart/form-data; boundary=x", NULL, 415 },
    { "application/x-www-form-urlencodedx", NULL, 415 },
    { "application/x-www-form-urlencoded; charset=latin1", NULL, 415 },
    { "application/x-www-form-urlencoded", "gzip", 415 },
    { "application/x-www-form-urlencoded", NULL, 200 },
    { "Application/X-WWW-Form-URLEncoded; Charset=UTF-8", NULL, 200 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (FakeFront) front = fake_front_new ();
      fake_front_set_header (front, "Authorization", BASIC);
      if (rows[i].type != NULL)
        fake_front_set_header (front, "Content-Type", rows[i].type);
      if (rows[i].encoding != NULL)
        fake_front_set_header (front, "Content-Encoding", rows[i].encoding);
      TesseraExchange *exchange
          = fake_front_request (front, "POST", "/token", "grant_type=client_credentials");
      log_capture_begin ();
      tessera_server_handle (server, exchange);
      tessera_exchange_unref (exchange);
      log_capture_end ();
      g_assert_cmpuint (front->status, ==, rows[i].status);
      if (rows[i].status == 415)
        g_assert_nonnull (strstr (front->body, "\"error\":\"invalid_request\""));
    }
}

static void
test_head_is_like_get (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (FakeFront) front = ask (server, "HEAD", "/jwks", NULL, NULL);
  g_assert_cmpuint (front->status, ==, 200);
}

static void
test_paths_can_be_set (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_object_set (server, "token-path", "/sgc/oauth2/token", "revocation-path", "/sgc/oauth2/revoke",
                NULL);
  g_assert_true (tessera_server_owns_path (server, "/sgc/oauth2/token"));
  g_assert_false (tessera_server_owns_path (server, "/token"));
  g_autoptr (FakeFront) front
      = ask (server, "POST", "/sgc/oauth2/token", BASIC, "grant_type=client_credentials");
  g_assert_cmpuint (front->status, ==, 200);
  g_autoptr (FakeFront) metadata
      = ask (server, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
  g_autofree char *url = get_member (metadata, "revocation_endpoint");
  g_assert_cmpstr (url, ==, ISSUER "/sgc/oauth2/revoke");
}

static void
test_bad_paths_are_not_taken (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  const char *const paths[] = { "token", "/", "/a?b", "/a b", "/%74oken", "/a/../b", "//a", "" };
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      log_capture_begin ();
      g_object_set (server, "token-path", paths[i], NULL);
      log_capture_assert_one (G_LOG_LEVEL_WARNING, "*cannot be the path of an endpoint");
      g_assert_true (tessera_server_owns_path (server, "/token"));
    }
}

static void
test_issuer_may_have_a_path (void)
{
  g_autoptr (TesseraServer) server = tessera_server_new_in_memory (ISSUER "/tenant");
  wait_ready (server);
  g_assert_true (tessera_server_owns_path (server, "/tenant/token"));
  g_assert_false (tessera_server_owns_path (server, "/token"));
  g_assert_true (
      tessera_server_owns_path (server, "/.well-known/oauth-authorization-server/tenant"));
  g_assert_false (tessera_server_owns_path (server, "/.well-known/oauth-authorization-server"));
  g_assert_true (tessera_server_owns_path (server, "/tenant/tessera.css"));
}

static void
test_revocation_can_be_switched_off (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_object_set (server, "revocation-enabled", FALSE, "introspection-enabled", FALSE, NULL);
  g_autoptr (FakeFront) revoke = ask_in_vain (server, "POST", "/revoke", BASIC, "token=x");
  g_autoptr (FakeFront) introspect = ask_in_vain (server, "POST", "/introspect", BASIC, "token=x");
  g_autoptr (FakeFront) metadata
      = ask (server, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);

  g_assert_cmpuint (revoke->status, ==, 404);
  g_assert_cmpuint (introspect->status, ==, 404);
  g_assert_null (strstr (metadata->body, "revocation_endpoint"));
  g_assert_null (strstr (metadata->body, "introspection_endpoint"));
}

static FakeFront *
ask_from (TesseraServer *server, const char *method, const char *path, const char *origin)
{
  FakeFront *front = fake_front_new ();
  fake_front_set_header (front, "Origin", origin);
  TesseraExchange *exchange = fake_front_request (front, method, path, NULL);
  log_capture_begin ();
  tessera_server_handle (server, exchange);
  log_capture_end ();
  tessera_exchange_unref (exchange);
  return front;
}

static void
test_origins_of_public_clients_are_allowed (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_autoptr (GError) error = NULL;
  tessera_server_add_client (server, "Web", "https://spa.test/cb", "p1", NULL, 0, FALSE, NULL,
                             &error);
  g_assert_no_error (error);
  g_autoptr (FakeFront) good = ask_from (server, "OPTIONS", "/token", "https://spa.test");
  g_autoptr (FakeFront) evil = ask_from (server, "OPTIONS", "/token", "https://evil.test");
  g_autoptr (FakeFront) jwks = ask_from (server, "GET", "/jwks", "https://evil.test");
  g_autoptr (FakeFront) authorize = ask_from (server, "GET", "/authorize", "https://spa.test");
  g_autoptr (FakeFront) introspect
      = ask_from (server, "OPTIONS", "/introspect", "https://spa.test");

  g_assert_cmpuint (good->status, ==, 204);
  g_assert_cmpstr (answer_header (good, "Access-Control-Allow-Origin"), ==, "https://spa.test");
  g_assert_cmpstr (answer_header (good, "Access-Control-Allow-Methods"), ==, "POST");
  g_assert_null (answer_header (evil, "Access-Control-Allow-Origin"));
  g_assert_cmpstr (answer_header (evil, "Vary"), ==, "Origin");
  g_assert_cmpstr (answer_header (jwks, "Access-Control-Allow-Origin"), ==, "*");
  g_assert_null (answer_header (jwks, "Access-Control-Allow-Credentials"));
  g_assert_null (answer_header (authorize, "Access-Control-Allow-Origin"));
  g_assert_cmpuint (introspect->status, ==, 405);
}

/* Signals about requests and tokens. */

static void
answer_request (TesseraServer *server, TesseraRequest *request, gpointer data)
{
  g_assert_cmpstr (tessera_request_get_method (request), ==, "GET");
  g_assert_cmpstr (tessera_request_get_path (request), ==, "/jwks");
  g_assert_cmpstr (tessera_request_get_remote_address (request), ==, "192.0.2.1");
  tessera_request_respond (request, 418, "text/plain", "later");
  tessera_request_respond (request, 200, NULL, NULL);
}

static void
test_application_can_answer_first (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "before-request", G_CALLBACK (answer_request), NULL);
  g_autoptr (FakeFront) front = ask (server, "GET", "/jwks", NULL, NULL);

  g_assert_cmpuint (front->status, ==, 418);
  g_assert_cmpstr (front->body, ==, "later");
  g_assert_cmpstr (front->content_type, ==, "text/plain");
}

static void
close_at_request (TesseraServer *server, TesseraRequest *request, gpointer data)
{
  tessera_server_close (server);
}

static void
close_at_issuance (TesseraServer *server, TesseraIssuance *issuance, gpointer data)
{
  tessera_server_close (server);
}

static void
test_handlers_may_close_the_server (void)
{
  static const struct
  {
    const char *signal;
    GCallback handler;
  } cases[] = { { "before-request", G_CALLBACK (close_at_request) },
                { "issue-token", G_CALLBACK (close_at_issuance) } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TesseraServer) server = new_server ();
      g_signal_connect (server, cases[i].signal, cases[i].handler, NULL);
      g_autoptr (FakeFront) front
          = ask_in_vain (server, "POST", "/token", BASIC, "grant_type=client_credentials");
      g_assert_cmpuint (front->status, ==, 503);
    }
}

static void
drop_at_revocation (TesseraServer *server, TesseraRevocation *revocation, gpointer data)
{
  g_clear_object ((TesseraServer **) data);
}

static void
begin_revocation (TesseraServer *server, FakeFront *front, const char *form)
{
  fake_front_set_header (front, "Authorization", BASIC);
  fake_front_set_header (front, "Content-Type", "application/x-www-form-urlencoded");
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/revoke", form);
  tessera_server_handle (server, exchange);
}

/* While other requests wait for their outcome in the same turn of the loop. */
static void
test_handler_may_drop_the_server (void)
{
  TesseraServer *server = new_server ();
  g_autoptr (FakeFront) first = fake_front_new ();
  g_autoptr (FakeFront) second = fake_front_new ();
  g_autofree char *one = issue (server), *other = issue (server);
  g_autofree char *first_form = g_strconcat ("token=", one, NULL);
  g_autofree char *second_form = g_strconcat ("token=", other, NULL);

  g_signal_connect (server, "after-revoke-token", G_CALLBACK (drop_at_revocation), &server);
  begin_revocation (server, first, first_form);
  begin_revocation (server, second, second_form);
  g_usleep (50000); /* for the committing thread, so that one turn tells both */
  turn_until (&first->sent);
  turn_until (&second->sent);
  g_assert_cmpuint (first->status, ==, 200);
  g_assert_cmpuint (second->status, ==, 200);
  g_assert_null (server);
}

static void
on_response_error (TesseraServer *server, const char *path, const char *error, gpointer data)
{
  g_string_append_printf (data, "%s %s;", path, error);
}

static void
test_refusals_are_told (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  GString *heard = g_string_new (NULL);
  g_signal_connect (server, "response-error", G_CALLBACK (on_response_error), heard);
  g_autoptr (FakeFront) front
      = ask_in_vain (server, "POST", "/token", BASIC, "grant_type=password");

  g_assert_cmpstr (heard->str, ==, "/token unsupported_grant_type;");
  g_string_free (heard, TRUE);
}

static void
add_claims (TesseraServer *server, TesseraIssuance *issuance, gpointer data)
{
  g_assert_cmpstr (tessera_issuance_get_grant_type (issuance), ==, "client_credentials");
  g_assert_cmpstr (tessera_issuance_get_subject (issuance), ==, "c1");
  tessera_issuance_add_claim (issuance, "tenant", "blue");
  g_assert_true (tessera_issuance_add_claims_json (issuance, "{\"level\":3}"));
  log_capture_begin ();
  g_assert_false (tessera_issuance_add_claims_json (issuance, "{\"sub\":\"root\"}"));
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*the server's own*");
}

static void
on_token_issued (TesseraServer *server, const char *claims, gpointer data)
{
  g_assert_nonnull (strstr (claims, "\"tenant\":\"blue\""));
  (*(guint *) data)++;
}

static void
test_claims_can_be_added (void)
{
  guint issued = 0, refreshed = 0;
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "issue-token", G_CALLBACK (add_claims), NULL);
  g_signal_connect (server, "token-issued", G_CALLBACK (on_token_issued), &issued);
  g_signal_connect (server, "token-refreshed", G_CALLBACK (on_token_issued), &refreshed);
  g_autofree char *token = issue (server);
  g_autoptr (TesseraAccessToken) access_token
      = tessera_token_checker_check (TESSERA_TOKEN_CHECKER (server), token, NULL, NULL);

  g_assert_cmpstr (tessera_access_token_get_claim (access_token, "tenant"), ==, "blue");
  g_assert_cmpstr (tessera_access_token_get_subject (access_token), ==, "c1");
  g_assert_cmpuint (issued, ==, 1);
  g_assert_cmpuint (refreshed, ==, 0);
}

static void
refuse_token (TesseraServer *server, TesseraIssuance *issuance, gpointer data)
{
  tessera_issuance_refuse (issuance);
}

static void
test_token_can_be_refused (void)
{
  g_autoptr (TesseraServer) server = new_server ();
  g_signal_connect (server, "issue-token", G_CALLBACK (refuse_token), NULL);
  g_autoptr (FakeFront) front
      = ask_in_vain (server, "POST", "/token", BASIC, "grant_type=client_credentials");

  g_assert_cmpuint (front->status, >=, 400);
  g_assert_null (strstr (front->body, "access_token"));
}

static void
test_client_credentials_write_nothing (void)
{
  guint64 writes_before, syncs_before, writes, syncs;
  g_autofree char *directory = make_directory ();
  g_autoptr (TesseraServer) server = open_server (directory, "c1", SECRET);
  g_autofree char *first = issue (server);
  tessera_server_get_store_counts (server, &writes_before, &syncs_before);
  for (guint i = 0; i < 100; i++)
    g_free (issue (server));
  tessera_server_get_store_counts (server, &writes, &syncs);

  g_assert_cmpuint (writes, ==, writes_before);
  g_assert_cmpuint (syncs, ==, syncs_before);
  tessera_server_close (server);
  remove_directory (directory);
}

static void
add_setup_tests (void)
{
  g_test_add_func ("/server/becomes-ready-when-the-loop-turns",
                   test_becomes_ready_when_the_loop_turns);
  g_test_add_func ("/server/waits-without-a-loop", test_waits_without_a_loop);
  g_test_add_func ("/server/bad-issuer-fails-with-error-and-signal", test_bad_issuer_fails);
  g_test_add_func ("/server/unheard-failure-is-logged", test_unheard_failure_is_logged);
  g_test_add_func ("/server/second-server-is-locked-out", test_second_server_is_locked_out);
  g_test_add_func ("/server/requests-wait-until-ready", test_requests_wait);
  g_test_add_func ("/server/close-answers-who-waits", test_close_answers_who_waits);
  g_test_add_func ("/server/a-document-that-nobody-asked-for-is-no-fault",
                   test_a_document_that_nobody_asked_for_is_no_fault);
  g_test_add_func ("/server/close-answers-who-waits-for-a-document",
                   test_close_answers_who_waits_for_a_document);
  g_test_add_func ("/server/nothing-is-good-after-close", test_nothing_is_good_after_close);
}

static void
add_declared_tests (void)
{
  g_test_add_func ("/server/token-and-revocation-survive-a-restart", test_token_survives_a_restart);
  g_test_add_func ("/server/removed-client-loses-its-tokens", test_removed_client_loses_its_tokens);
  g_test_add_func ("/server/changed-client-loses-its-tokens", test_changed_client_loses_its_tokens);
  g_test_add_func ("/server/client-may-be-declared-after-waiting",
                   test_client_may_be_declared_after_waiting);
  g_test_add_func ("/server/replaced-clients-lose-their-tokens",
                   test_replaced_clients_lose_their_tokens);
  g_test_add_func ("/server/user-with-a-new-password-loses-their-tokens",
                   test_user_with_a_new_password_loses_their_tokens);
  g_test_add_func ("/server/same-client-in-store-and-program-is-refused",
                   test_same_client_in_store_and_program_is_refused);
  g_test_add_func ("/server/clients-behind-damage-are-not-unknown",
                   test_clients_behind_damage_are_not_unknown);
  g_test_add_func ("/server/declared-while-registered-ones-are-read",
                   test_declared_while_registered_ones_are_read);
  g_test_add_func ("/server/damage-that-nobody-meets-is-found",
                   test_damage_that_nobody_meets_is_found);
  g_test_add_func ("/server/unusable-registration-keeps-its-name-until-removed",
                   test_unusable_registration_keeps_its_name_until_removed);
  g_test_add_func ("/server/registered-client-survives-a-restart",
                   test_registered_client_survives_a_restart);
  g_test_add_func ("/server/registers-and-removes-without-blocking",
                   test_registers_and_removes_without_blocking);
  g_test_add_func ("/server/removed-client-comes-back-without-tokens",
                   test_removed_client_comes_back_without_tokens);
  g_test_add_func ("/server/keys-without-their-database-revive-nothing",
                   test_keys_without_their_database_revive_nothing);
  g_test_add_func ("/server/removal-that-failed-can-be-repeated",
                   test_removal_that_failed_can_be_repeated);
  g_test_add_func ("/server/unknown-client-cannot-be-removed",
                   test_unknown_client_cannot_be_removed);
}

static void
add_revocation_tests (void)
{
  g_test_add_func ("/server/each-revocation-is-told-once", test_each_attempt_is_told_once);
  g_test_add_func ("/server/client-can-be-revoked-and-goes-on",
                   test_client_can_be_revoked_and_goes_on);
  g_test_add_func ("/server/revokes-without-blocking", test_revokes_without_blocking);
  g_test_add_func ("/server/issues-nothing-while-the-clock-is-behind",
                   test_issues_nothing_while_the_clock_is_behind);
  g_test_add_func ("/server/recheck-tells-revoked-from-expired",
                   test_recheck_tells_revoked_from_expired);
  g_test_add_func ("/server/old-tokens-survive-a-rotation", test_old_tokens_survive_a_rotation);
  g_test_add_func ("/server/a-rotation-drops-the-keys-that-nobody-needs",
                   test_a_rotation_drops_the_keys_that_nobody_needs);
  g_test_add_func ("/server/revoked-key-takes-its-tokens", test_revoked_key_takes_its_tokens);
  g_test_add_func ("/server/a-token-is-revoked-by-its-name", test_a_token_is_revoked_by_its_name);
  g_test_add_func ("/server/an-administrator-may-see-any-token",
                   test_an_administrator_may_see_any_token);
  g_test_add_func ("/server/who-introspects-is-told-of", test_who_introspects_is_told_of);
}

static void
add_login_tests (void)
{
  g_test_add_func ("/server/first-verdict-ends-the-emission", test_first_verdict_ends_the_emission);
  g_test_add_func ("/server/hold-ends-the-emission", test_hold_ends_the_emission);
  g_test_add_func ("/server/held-and-forgotten-is-denied", test_held_and_forgotten_is_denied);
  g_test_add_func ("/server/no-verdict-is-denied-with-one-warning", test_no_verdict_is_denied);
  g_test_add_func ("/server/C04-subject-of-a-client-is-denied", test_subject_of_a_client_is_denied);
  g_test_add_func ("/server/users-are-asked-when-no-handler-decides",
                   test_users_are_asked_when_no_handler_decides);
  g_test_add_func ("/server/B46-full-queue-is-busy-not-wrong", test_full_queue_is_busy_not_wrong);
}

static void
add_route_tests (void)
{
  g_test_add_func ("/router/unknown-path-is-404", test_unknown_path_is_404);
  g_test_add_func ("/router/A36-B01-wrong-method-is-405", test_wrong_method_is_405);
  g_test_add_func ("/router/B03-only-forms-are-read", test_only_forms_are_read);
  g_test_add_func ("/router/head-is-like-get", test_head_is_like_get);
  g_test_add_func ("/router/paths-can-be-set", test_paths_can_be_set);
  g_test_add_func ("/router/bad-paths-are-not-taken", test_bad_paths_are_not_taken);
  g_test_add_func ("/router/issuer-may-have-a-path", test_issuer_may_have_a_path);
  g_test_add_func ("/router/revocation-can-be-switched-off", test_revocation_can_be_switched_off);
  g_test_add_func ("/router/A24-origins-of-public-clients-are-allowed",
                   test_origins_of_public_clients_are_allowed);
}

static void
add_signal_tests (void)
{
  g_test_add_func ("/server/application-can-answer-first", test_application_can_answer_first);
  g_test_add_func ("/server/handlers-may-close-it", test_handlers_may_close_the_server);
  g_test_add_func ("/server/handler-may-drop-it", test_handler_may_drop_the_server);
  g_test_add_func ("/server/refusals-are-told", test_refusals_are_told);
  g_test_add_func ("/server/claims-can-be-added", test_claims_can_be_added);
  g_test_add_func ("/server/token-can-be-refused", test_token_can_be_refused);
  g_test_add_func ("/server/client-credentials-write-nothing",
                   test_client_credentials_write_nothing);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();
  add_setup_tests ();
  add_declared_tests ();
  add_revocation_tests ();
  add_login_tests ();
  add_route_tests ();
  add_signal_tests ();
  return g_test_run ();
}
