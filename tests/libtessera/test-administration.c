/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-act.c, tessera-server-registration.c, -users.c, -grants.c: what an administrator does to
 * a running server. */

#include "base/tessera-password-private.h"
#include "model/tessera-authentication-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-records-private.h"
#include "server/tessera-administration.h"
#include "server/tessera-server-private.h"
#include "store/tessera-deny-list-private.h"

#include <glib/gstdio.h>

#define ISSUER "http://127.0.0.1:8417"
#define PASSWORD "correct horse"

typedef struct
{
  char *directory;
  TesseraServer *server;
  GAsyncResult *result;
} Fixture;

static void
open_server (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  self->server = tessera_server_new (ISSUER, self->directory);
  tessera_server_wait_ready (self->server, &error);
  g_assert_no_error (error);
}

static void
restart (Fixture *self)
{
  tessera_server_close (self->server);
  g_clear_object (&self->server);
  open_server (self);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  self->directory = g_dir_make_tmp ("tessera-administration-XXXXXX", &error);
  g_assert_no_error (error);
  open_server (self);
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

static void
tear_down (Fixture *self, gconstpointer data)
{
  tessera_server_close (self->server);
  g_clear_object (&self->server);
  g_clear_object (&self->result);
  remove_directory (self->directory);
  g_free (self->directory);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *self = data;
  g_set_object (&self->result, result);
}

/* The result of the act that was just started. */
static GAsyncResult *
wait_for (Fixture *self)
{
  while (self->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return self->result;
}

static void
forget (Fixture *self)
{
  g_clear_object (&self->result);
}

#define WAIT(CALL, FINISH, ...)                                                                    \
  (forget (self), CALL, FINISH (self->server, wait_for (self), __VA_ARGS__))

static gboolean
add_user (Fixture *self, const char *name, const char *password, GError **error)
{
  return WAIT (tessera_server_add_user_async (self->server, name, password, NULL, on_done, self),
               tessera_server_add_user_finish, error);
}

static gboolean
set_password (Fixture *self, const char *name, const char *password, GError **error)
{
  return WAIT (tessera_server_set_user_password_async (self->server, name, password, NULL, on_done,
                                                       self),
               tessera_server_set_user_password_finish, error);
}

static gboolean
disable_user (Fixture *self, const char *name, gboolean disabled, GError **error)
{
  return WAIT (tessera_server_disable_user_async (self->server, name, disabled, NULL, on_done,
                                                  self),
               tessera_server_disable_user_finish, error);
}

static gboolean
remove_user (Fixture *self, const char *name, GError **error)
{
  return WAIT (tessera_server_remove_user_async (self->server, name, NULL, on_done, self),
               tessera_server_remove_user_finish, error);
}

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  *(gboolean *) data = TRUE;
}

static gboolean
can_log_in (Fixture *self, const char *name, const char *password)
{
  g_autoptr (TesseraAuthentication) authentication
      = tessera_authentication_new (name, password, NULL, NULL, "127.0.0.1");
  gboolean decided = FALSE;

  tessera_server_authenticate (self->server, authentication, on_decided, &decided);
  while (!decided)
    g_main_context_iteration (NULL, TRUE);
  return tessera_authentication_get_verdict (authentication) == TESSERA_VERDICT_ACCEPTED;
}

/* Is what began a moment ago with the login of @subject over? */
static gboolean
is_ended (Fixture *self, const char *subject, gint64 began_ms)
{
  TesseraTokenIdentity authorization = { .jti = "j",
                                         .issued_ms = began_ms,
                                         .subject = subject,
                                         .client_id = "c",
                                         .grant_id = "g",
                                         .kid = "k" };
  TesseraEngine *engine = tessera_server_get_engine (self->server);
  return tessera_deny_list_check_authorization (engine->deny_list, &authorization);
}

static gint64
get_now_ms (Fixture *self)
{
  return tessera_clock_get_ms (tessera_server_get_engine (self->server)->clock);
}

static void
test_a_user_of_the_store_logs_in (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  add_user (self, "alice", PASSWORD, &error);
  g_assert_no_error (error);
  g_assert_true (can_log_in (self, "alice", PASSWORD));
  g_assert_false (can_log_in (self, "alice", "wrong"));

  restart (self);
  g_assert_true (can_log_in (self, "alice", PASSWORD));
}

static void
test_a_name_is_taken_once (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  static const char *const machine[] = { "client_credentials", NULL };

  g_assert_true (add_user (self, "alice", PASSWORD, NULL));
  g_assert_false (add_user (self, "alice", "another", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (can_log_in (self, "alice", PASSWORD));

  tessera_server_add_client (self->server, "App", NULL, "app", "0123456789abcdef", 0, FALSE,
                             machine, &error);
  g_assert_no_error (error);
  g_assert_false (add_user (self, "app", PASSWORD, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_clear_error (&error);

  g_assert_false (add_user (self, "a:b", PASSWORD, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER);
}

static void
test_another_password_ends_what_was (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (add_user (self, "alice", PASSWORD, NULL));
  gint64 began_ms = get_now_ms (self);
  set_password (self, "alice", "battery staple", &error);
  g_assert_no_error (error);
  g_assert_false (can_log_in (self, "alice", PASSWORD));
  g_assert_true (can_log_in (self, "alice", "battery staple"));
  g_assert_true (is_ended (self, "alice", began_ms));
  g_assert_false (is_ended (self, "bob", began_ms));

  restart (self);
  g_assert_true (is_ended (self, "alice", began_ms));
  g_assert_false (can_log_in (self, "alice", PASSWORD));
}

static void
test_a_disabled_user_is_out (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (add_user (self, "alice", PASSWORD, NULL));
  gint64 began_ms = get_now_ms (self);
  disable_user (self, "alice", TRUE, &error);
  g_assert_no_error (error);
  g_assert_false (can_log_in (self, "alice", PASSWORD));
  g_assert_true (is_ended (self, "alice", began_ms));

  restart (self);
  g_assert_false (can_log_in (self, "alice", PASSWORD));
  began_ms = get_now_ms (self);
  disable_user (self, "alice", FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (can_log_in (self, "alice", PASSWORD));
  g_assert_false (is_ended (self, "alice", began_ms));
}

static void
test_a_removed_user_is_gone (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (add_user (self, "alice", PASSWORD, NULL));
  g_assert_true (add_user (self, "bob", PASSWORD, NULL));
  gint64 began_ms = get_now_ms (self);
  remove_user (self, "alice", &error);
  g_assert_no_error (error);
  g_assert_false (can_log_in (self, "alice", PASSWORD));
  g_assert_true (is_ended (self, "alice", began_ms));

  restart (self);
  g_assert_false (can_log_in (self, "alice", PASSWORD));
  g_assert_false (remove_user (self, "alice", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
}

static void
test_what_a_file_declares_is_read_only (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->directory, "people", NULL);
  g_autofree char *hash = tessera_hash_password (PASSWORD, NULL);
  g_autofree char *text = g_strdup_printf ("alice:%s\n", hash);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  tessera_server_load_users (self->server, file, &error);
  g_assert_no_error (error);
  g_assert_false (set_password (self, "alice", "another", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED);
  g_assert_nonnull (strstr (error->message, file));
  g_clear_error (&error);
  g_assert_false (disable_user (self, "alice", TRUE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED);
  g_clear_error (&error);
  g_assert_false (remove_user (self, "alice", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED);
  g_assert_true (can_log_in (self, "alice", PASSWORD));
}

/* Both would be there after the next start, which refuses that. */
static void
test_a_name_that_is_declared_meanwhile_is_taken (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->directory, "people", NULL);
  g_autofree char *hash = tessera_hash_password (PASSWORD, NULL);
  g_autofree char *text = g_strdup_printf ("alice:%s\n", hash);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  tessera_server_add_user_async (self->server, "alice", "another", NULL, on_done, self);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (self->result); /* its password is hashed */
  tessera_server_load_users (self->server, file, &error);
  g_assert_no_error (error);
  g_assert_false (tessera_server_add_user_finish (self->server, wait_for (self), &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_assert_true (can_log_in (self, "alice", PASSWORD));
}

static void
test_acts_come_one_after_another (Fixture *self, gconstpointer data)
{
  GAsyncResult *results[3] = { NULL };
  Fixture turns[3] = { { NULL } };

  tessera_server_add_user_async (self->server, "alice", PASSWORD, NULL, on_done, &turns[0]);
  tessera_server_set_user_password_async (self->server, "alice", "second", NULL, on_done,
                                          &turns[1]);
  tessera_server_set_user_password_async (self->server, "alice", "third", NULL, on_done, &turns[2]);
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++)
    results[i] = wait_for (&turns[i]);
  g_assert_true (tessera_server_add_user_finish (self->server, results[0], NULL));
  g_assert_true (tessera_server_set_user_password_finish (self->server, results[1], NULL));
  g_assert_true (tessera_server_set_user_password_finish (self->server, results[2], NULL));
  g_assert_true (can_log_in (self, "alice", "third"));
  g_assert_false (can_log_in (self, "alice", "second"));
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++)
    g_object_unref (turns[i].result);
}

/* Clients */

static TesseraClient *
describe_client (const char *id, const char *name, const char *scope)
{
  static const char *const machine[] = { "client_credentials", NULL };
  return g_object_new (TESSERA_TYPE_CLIENT, "id", id, "name", name, "scope", scope, "grant-types",
                       machine, "token-endpoint-auth-method", "client_secret_basic", NULL);
}

static char *
register_client (Fixture *self, char **out_secret)
{
  g_autoptr (TesseraClient) client = describe_client (NULL, "App", "a");
  g_autoptr (GError) error = NULL;
  char *id = tessera_server_register_client (self->server, client, out_secret, &error);
  g_assert_no_error (error);
  return id;
}

static gboolean
is_secret (Fixture *self, const char *client_id, const char *secret)
{
  g_autoptr (TesseraClient) client = tessera_server_lookup_client (self->server, client_id);
  return tessera_client_check_secret (client, secret);
}

static guint64
get_generation (Fixture *self)
{
  return tessera_server_get_generation (self->server);
}

static gboolean
update_client (Fixture *self, TesseraClient *client, GError **error)
{
  return WAIT (tessera_server_update_client_async (self->server, client, NULL, on_done, self),
               tessera_server_update_client_finish, error);
}

static void
test_another_name_ends_nothing (Fixture *self, gconstpointer data)
{
  g_autofree char *secret = NULL;
  g_autofree char *id = register_client (self, &secret);
  g_autoptr (TesseraClient) renamed = describe_client (id, "Application", "a");
  g_autoptr (TesseraClient) widened = describe_client (id, "Application", "a b");
  g_autoptr (GError) error = NULL;
  guint64 generation = get_generation (self);

  update_client (self, renamed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_generation (self), ==, generation);
  update_client (self, widened, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_generation (self), ==, generation + 1);

  restart (self);
  g_autoptr (TesseraClient) client = tessera_server_lookup_client (self->server, id);
  g_assert_cmpstr (tessera_client_get_name (client), ==, "Application");
  g_assert_cmpstr (tessera_client_get_scope (client), ==, "a b");
  g_assert_true (is_secret (self, id, secret));
}

static gboolean
disable_client (Fixture *self, const char *id, gboolean disabled, GError **error)
{
  return WAIT (tessera_server_disable_client_async (self->server, id, disabled, NULL, on_done,
                                                    self),
               tessera_server_disable_client_finish, error);
}

static gboolean
is_known (Fixture *self, const char *id)
{
  TesseraEngine *engine = tessera_server_get_engine (self->server);
  g_autoptr (TesseraClient) client = tessera_client_registry_lookup (engine->clients, id);
  return client != NULL;
}

static void
test_a_disabled_client_is_unknown (Fixture *self, gconstpointer data)
{
  g_autofree char *secret = NULL;
  g_autofree char *id = register_client (self, &secret);
  g_autoptr (GError) error = NULL;
  guint64 generation = get_generation (self);

  disable_client (self, id, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_generation (self), ==, generation + 1);
  g_assert_false (is_known (self, id));

  restart (self);
  g_assert_false (is_known (self, id));
  g_autoptr (TesseraClient) client = tessera_server_lookup_client (self->server, id);
  g_assert_true (tessera_client_is_disabled (client));
  disable_client (self, id, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (is_known (self, id));
  g_assert_true (is_secret (self, id, secret));
}

static char *
rotate_secret (Fixture *self, const char *id, gboolean keep_previous, GError **error)
{
  return WAIT (tessera_server_rotate_client_secret_async (self->server, id, keep_previous, NULL,
                                                          on_done, self),
               tessera_server_rotate_client_secret_finish, error);
}

static void
test_a_secret_rotates (Fixture *self, gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *id = register_client (self, &first);
  g_autoptr (GError) error = NULL;
  guint64 generation = get_generation (self);

  g_autofree char *second = rotate_secret (self, id, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (is_secret (self, id, first));
  g_assert_true (is_secret (self, id, second));
  g_assert_cmpuint (get_generation (self), ==, generation);

  restart (self);
  g_autofree char *third = rotate_secret (self, id, TRUE, &error);
  g_assert_no_error (error);
  g_assert_false (is_secret (self, id, first));
  g_assert_true (is_secret (self, id, second));
  g_assert_true (is_secret (self, id, third));

  g_autofree char *fourth = rotate_secret (self, id, FALSE, &error);
  g_assert_no_error (error);
  g_assert_false (is_secret (self, id, second));
  g_assert_false (is_secret (self, id, third));
  g_assert_true (is_secret (self, id, fourth));
  g_assert_cmpuint (get_generation (self), ==, generation + 1);
}

static void
test_a_declared_client_is_read_only (Fixture *self, gconstpointer data)
{
  static const char *const machine[] = { "client_credentials", NULL };
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "app", "secret", "0123456789abcdef", "grant-types",
                      machine, "origin", "app.conf [client app]", NULL);
  g_autoptr (TesseraClient) other = describe_client ("app", "Other", "a");
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_server_add_client_object (self->server, client, NULL));
  g_assert_false (update_client (self, other, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED);
  g_assert_nonnull (strstr (error->message, "app.conf [client app]"));
  g_clear_error (&error);
  g_assert_false (disable_client (self, "app", TRUE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED);
  g_clear_error (&error);
  g_assert_null (rotate_secret (self, "app", TRUE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED);
  g_assert_true (is_known (self, "app"));
}

static void
test_clients_come_in_pages (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 5; i++)
    g_free (register_client (self, NULL));

  g_autofree char *after = NULL;
  guint seen = 0;
  for (;;)
    {
      g_autoptr (GPtrArray) page = tessera_server_list_clients (self->server, after, 2);
      if (page->len == 0)
        break;
      g_assert_cmpuint (page->len, <=, 2);
      g_assert_cmpint (g_strcmp0 (after, tessera_client_get_id (page->pdata[0])), <, 0);
      seen += page->len;
      g_free (after);
      after = g_strdup (tessera_client_get_id (page->pdata[page->len - 1]));
    }
  g_assert_cmpuint (seen, ==, 5);
}

/* Grants and sessions */

static gboolean
put_records (gpointer data, TesseraStore *store, GError **error)
{
  Fixture *self = data;
  gint64 now_ms = get_now_ms (self);

  for (guint i = 0; i < 6; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      TesseraLogin login = { .subject = (char *) (i % 2 ? "alice" : "bob"), .session_id = id };
      TesseraGrant grant = { .grant_id = id,
                             .client_id = (char *) (i < 3 ? "c1" : "c2"),
                             .login = login,
                             .scope = (char *) "a",
                             .began_ms = now_ms,
                             .last_used_ms = now_ms,
                             .expires_ms = i == 5 ? now_ms - 1 : now_ms + 60000 };
      TesseraSession session = { .digest = tessera_digest (id, -1),
                                 .login = login,
                                 .began_ms = now_ms,
                                 .last_seen_ms = now_ms,
                                 .expires_ms = grant.expires_ms };
      if (!tessera_store_put_grant (store, &grant, NULL, error)
          || !tessera_store_put_session (store, &session, error))
        return FALSE;
    }
  return TRUE;
}

static char *
list_grants (Fixture *self, const char *subject, const char *client_id, const char *after)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) page
      = WAIT (tessera_server_list_grants_async (self->server, subject, client_id, after, 2, NULL,
                                                on_done, self),
              tessera_server_list_grants_finish, &error);
  GString *ids = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < page->len; i++)
    g_string_append (ids, tessera_grant_get_id (page->pdata[i]));
  return g_string_free (ids, FALSE);
}

static char *
list_sessions (Fixture *self, const char *subject, const char *after)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) page = WAIT (
      tessera_server_list_sessions_async (self->server, subject, after, 2, NULL, on_done, self),
      tessera_server_list_sessions_finish, &error);
  GString *ids = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < page->len; i++)
    g_string_append (ids, tessera_session_get_id (page->pdata[i]));
  return g_string_free (ids, FALSE);
}

#define assert_list(LIST, EXPECTED)                                                                \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *list = LIST;                                                                  \
    g_assert_cmpstr (list, ==, EXPECTED);                                                          \
  }                                                                                                \
  G_STMT_END

static void
test_grants_and_sessions_come_in_pages (Fixture *self, gconstpointer data)
{
  TesseraEngine *engine = tessera_server_get_engine (self->server);
  g_autoptr (GError) error = NULL;
  g_assert_true (tessera_committer_submit_and_wait (engine->committer, put_records, self, &error));

  assert_list (list_grants (self, NULL, NULL, NULL), "01");
  assert_list (list_grants (self, NULL, NULL, "1"), "23");
  assert_list (list_grants (self, NULL, NULL, "3"), "4");
  assert_list (list_grants (self, "alice", NULL, NULL), "13");
  assert_list (list_grants (self, "alice", NULL, "3"), "");
  assert_list (list_grants (self, "bob", "c1", NULL), "02");
  assert_list (list_grants (self, NULL, "c2", NULL), "34");
  assert_list (list_sessions (self, NULL, NULL), "01");
  assert_list (list_sessions (self, "bob", NULL), "02");
  assert_list (list_sessions (self, "bob", "2"), "4");

  g_assert_true (tessera_server_revoke_grant (self->server, "1", NULL));
  assert_list (list_grants (self, "alice", NULL, NULL), "3");
  g_assert_true (WAIT (tessera_server_end_session_async (self->server, "0", NULL, on_done, self),
                       tessera_server_end_session_finish, &error));
  assert_list (list_sessions (self, "bob", NULL), "24");
  assert_list (list_grants (self, "bob", NULL, NULL), "24");
}

/* Keys. */

static char *
find_kid (Fixture *self, const char *state)
{
  g_auto (GStrv) keys = tessera_server_list_keys (self->server);
  for (guint i = 0; keys[i] != NULL; i++)
    if (g_str_has_suffix (keys[i], state))
      return g_strndup (keys[i], strcspn (keys[i], " "));
  return NULL;
}

static void
count_call (guint *count)
{
  (*count)++;
}

/* A key is made in a thread, out of what closing takes away. */
static void
test_closing_waits_for_a_key_that_is_made (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  tessera_server_close (self->server);
  g_clear_object (&self->server);
  self->server = tessera_server_new (ISSUER, self->directory);
  g_object_set (self->server, "signing-algorithm", "RS256", NULL);
  tessera_server_wait_ready (self->server, &error);
  g_assert_no_error (error);

  tessera_server_rotate_key_async (self->server, TRUE, NULL, on_done, self);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (self->result);
  tessera_server_close (self->server);
  while (self->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (tessera_server_rotate_key_finish (self->server, self->result, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
}

static void
test_a_key_rotates_retires_and_is_revoked (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint changes = 0;
  g_signal_connect_swapped (self->server, "keys-changed", G_CALLBACK (count_call), &changes);
  g_autofree char *first = find_kid (self, "active");
  g_autofree char *next = find_kid (self, "next");

  g_assert_false (WAIT (tessera_server_rotate_key_async (self->server, FALSE, NULL, on_done, self),
                        tessera_server_rotate_key_finish, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_TOO_EARLY);
  g_clear_error (&error);
  g_assert_cmpuint (changes, ==, 0);
  WAIT (tessera_server_rotate_key_async (self->server, TRUE, NULL, on_done, self),
        tessera_server_rotate_key_finish, &error);
  g_assert_no_error (error);
  g_autofree char *second = find_kid (self, "active");
  g_assert_cmpstr (second, ==, next);
  g_assert_cmpuint (changes, ==, 1);

  g_assert_false (WAIT (tessera_server_retire_key_async (self->server, second, NULL, on_done, self),
                        tessera_server_retire_key_finish, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
  g_clear_error (&error);
  WAIT (tessera_server_retire_key_async (self->server, first, NULL, on_done, self),
        tessera_server_retire_key_finish, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (changes, ==, 2);

  guint64 generation = tessera_server_get_generation (self->server);
  WAIT (tessera_server_revoke_key_async (self->server, second, NULL, on_done, self),
        tessera_server_revoke_key_finish, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (changes, ==, 3);
  g_assert_cmpuint (tessera_server_get_generation (self->server), >, generation);
  g_autofree char *third = find_kid (self, "active");
  g_assert_cmpstr (third, !=, second);
  restart (self);
  g_autofree char *revoked = find_kid (self, "revoked");
  g_assert_cmpstr (revoked, ==, second);
}

static void
test_an_unknown_key_is_not_found (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  WAIT (tessera_server_retire_key_async (self->server, "none", NULL, on_done, self),
        tessera_server_retire_key_finish, &error);
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  WAIT (tessera_server_revoke_key_async (self->server, "none", NULL, on_done, self),
        tessera_server_revoke_key_finish, &error);
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
}

static GPtrArray *
list_denials (Fixture *self, guint64 since, guint limit, guint64 *out_cursor, gboolean *out_reset)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *page
      = WAIT (tessera_server_list_denials_async (self->server, since, limit, NULL, on_done, self),
              tessera_server_list_denials_finish, out_cursor, out_reset, &error);
  g_assert_no_error (error);
  return page;
}

static void
assert_denial (GPtrArray *page, guint i, const char *rule, const char *value)
{
  g_assert_cmpuint (i, <, page->len);
  g_assert_cmpstr (tessera_denial_get_rule (page->pdata[i]), ==, rule);
  g_assert_cmpstr (tessera_denial_get_value (page->pdata[i]), ==, value);
}

static void
test_denials_come_in_pages (Fixture *self, gconstpointer data)
{
  guint64 cursor = 0;
  gboolean reset = TRUE;
  tessera_server_revoke_subject (self->server, "anna", NULL);
  tessera_server_revoke_client (self->server, "c1", NULL);
  tessera_server_revoke_grant (self->server, "g1", NULL);

  g_autoptr (GPtrArray) first = list_denials (self, 0, 2, &cursor, &reset);
  g_assert_false (reset);
  g_assert_cmpuint (first->len, ==, 2);
  assert_denial (first, 0, "subject", "anna");
  assert_denial (first, 1, "client", "c1");
  g_assert_cmpint (tessera_denial_get_instant_ms (first->pdata[0]), >, 0);
  g_assert_cmpint (tessera_denial_get_expires_ms (first->pdata[0]), >,
                   tessera_denial_get_instant_ms (first->pdata[0]));
  g_autoptr (GPtrArray) second = list_denials (self, cursor, 2, &cursor, &reset);
  g_assert_cmpuint (second->len, ==, 1);
  assert_denial (second, 0, "grant", "g1");
  g_assert_cmpuint (cursor, ==, tessera_server_get_generation (self->server));
  g_autoptr (GPtrArray) end = list_denials (self, cursor, 2, &cursor, &reset);
  g_assert_cmpuint (end->len, ==, 0);
  g_assert_false (reset);
  g_assert_cmpuint (cursor, ==, tessera_server_get_generation (self->server));
}

static void
test_a_cursor_of_another_list_begins_anew (Fixture *self, gconstpointer data)
{
  guint64 cursor = 0;
  gboolean reset = FALSE;
  tessera_server_revoke_subject (self->server, "anna", NULL);
  g_autoptr (GPtrArray) page = list_denials (self, 1000, 10, &cursor, &reset);
  g_assert_true (reset);
  g_assert_cmpuint (page->len, ==, 1);
  g_assert_cmpuint (cursor, ==, 1);
}

static void
test_a_purge_forgets_what_is_over (Fixture *self, gconstpointer data)
{
  static gint64 offset;
  g_autoptr (GError) error = NULL;
  guint64 rows = 0;
  tessera_clock_follow_offset (&offset);
  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *grant = g_strdup_printf ("g%u", i);
      tessera_server_revoke_grant_async (self->server, grant, NULL, NULL, NULL);
    }
  tessera_server_revoke_grant (self->server, "last", NULL);
  while (tessera_server_get_n_denials (self->server) < 3001)
    g_main_context_iteration (NULL, TRUE);
  offset = 40 * G_TIME_SPAN_DAY / 1000;
  WAIT (tessera_server_purge_async (self->server, NULL, on_done, self), tessera_server_purge_finish,
        &rows, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (rows, >, 1000); /* the service may have forgotten some by itself meanwhile */
  g_assert_cmpuint (tessera_server_get_n_denials (self->server), ==, 0);
  g_autoptr (GPtrArray) left = list_denials (self, 0, 10, NULL, NULL);
  g_assert_cmpuint (left->len, ==, 0);
  tessera_clock_follow_offset (NULL);
}

static gboolean
count_turn (gpointer data)
{
  (*(guint *) data)++;
  return G_SOURCE_CONTINUE;
}

/* As many lines as take a while to read: the loop goes round meanwhile. */
static void
test_the_loop_goes_on_while_an_import_is_read (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  guint turns = 0, clients = 0, users = 0;

  add_user (self, "anna", PASSWORD, NULL);
  tessera_server_export_async ((forget (self), self->server), NULL, on_done, self);
  g_autofree char *exported = tessera_server_export_finish (self->server, wait_for (self), &error);
  g_auto (GStrv) lines = g_strsplit (exported, "\n", -1);
  g_auto (GStrv) around = g_strsplit (lines[1], "anna", 2);
  g_string_append_printf (text, "%s\n", lines[0]);
  for (guint i = 0; i < 20000; i++)
    g_string_append_printf (text, "%su%u%s\n", around[0], i, around[1]);
  g_string_append (text, "that is none\n"); /* so that nothing else takes time */

  forget (self);
  tessera_server_import_async (self->server, text->str, NULL, on_done, self);
  guint idle = g_idle_add (count_turn, &turns);
  g_assert_false (
      tessera_server_import_finish (self->server, wait_for (self), &clients, &users, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE);
  g_assert_true (g_str_has_prefix (error->message, "Line 20002:"));
  g_assert_cmpuint (turns, >, 20);
  g_source_remove (idle);
}

static void
test_statistics_count (Fixture *self, gconstpointer data)
{
  guint64 clients = 0, users = 0, denials = 0, generation = 0;
  g_autofree char *id = register_client (self, NULL);
  add_user (self, "anna", PASSWORD, NULL);
  tessera_server_revoke_subject (self->server, "bert", NULL);
  g_autoptr (GVariant) figures = g_variant_ref_sink (tessera_server_get_statistics (self->server));
  g_variant_lookup (figures, "clients", "t", &clients);
  g_variant_lookup (figures, "users", "t", &users);
  g_variant_lookup (figures, "denials", "t", &denials);
  g_variant_lookup (figures, "generation", "t", &generation);
  g_assert_cmpuint (clients, ==, 1);
  g_assert_cmpuint (users, ==, 1);
  g_assert_cmpuint (denials, ==, 1);
  g_assert_cmpuint (generation, ==, tessera_server_get_generation (self->server));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(NAME, FUNC) g_test_add ("/administration/" NAME, Fixture, NULL, set_up, FUNC, tear_down)
  ADD ("a-user-of-the-store-logs-in", test_a_user_of_the_store_logs_in);
  ADD ("a-name-is-taken-once", test_a_name_is_taken_once);
  ADD ("another-password-ends-what-was", test_another_password_ends_what_was);
  ADD ("a-disabled-user-is-out", test_a_disabled_user_is_out);
  ADD ("a-removed-user-is-gone", test_a_removed_user_is_gone);
  ADD ("what-a-file-declares-is-read-only", test_what_a_file_declares_is_read_only);
  ADD ("a-name-that-is-declared-meanwhile-is-taken",
       test_a_name_that_is_declared_meanwhile_is_taken);
  ADD ("acts-come-one-after-another", test_acts_come_one_after_another);
  ADD ("another-name-ends-nothing", test_another_name_ends_nothing);
  ADD ("a-disabled-client-is-unknown", test_a_disabled_client_is_unknown);
  ADD ("a-secret-rotates", test_a_secret_rotates);
  ADD ("a-declared-client-is-read-only", test_a_declared_client_is_read_only);
  ADD ("clients-come-in-pages", test_clients_come_in_pages);
  ADD ("grants-and-sessions-come-in-pages", test_grants_and_sessions_come_in_pages);
  ADD ("closing-waits-for-a-key-that-is-made", test_closing_waits_for_a_key_that_is_made);
  ADD ("a-key-rotates-retires-and-is-revoked", test_a_key_rotates_retires_and_is_revoked);
  ADD ("an-unknown-key-is-not-found", test_an_unknown_key_is_not_found);
  ADD ("denials-come-in-pages", test_denials_come_in_pages);
  ADD ("a-cursor-of-another-list-begins-anew", test_a_cursor_of_another_list_begins_anew);
  ADD ("a-purge-forgets-what-is-over", test_a_purge_forgets_what_is_over);
  ADD ("the-loop-goes-on-while-an-import-is-read", test_the_loop_goes_on_while_an_import_is_read);
  ADD ("statistics-count", test_statistics_count);
#undef ADD

  return g_test_run ();
}
