/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libtessera-dbus: programs that decide logins. */

#include "server/tessera-server-private.h"
#include "tessera-dbus-agents-private.h"
#include "tessera-dbus-interfaces.h"
#include "tessera-dbus.h"

#include "log-capture.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>

#define ISSUER "http://127.0.0.1:8417"
#define MANAGER "org.tessera.Tessera1.Manager"
#define CANARY "canary-Password-77"

/* A peer of the server: a connection, and one or more agents on it. */
typedef struct
{
  GDBusConnection *ours;
  GDBusConnection *theirs;
  TesseraDBusExport *export;
} Peer;

/* An agent that answers when the test says so, and what it was told. */
typedef struct
{
  GDBusConnection *connection;
  char *path;
  guint registration;
  GPtrArray *asked;   /* GDBusMethodInvocation*, not answered yet */
  GVariant *details;  /* of the last question */
  GString *cancelled; /* "id " … */
  guint released;
} Agent;

typedef struct
{
  TesseraServer *server;
  Peer first;
  Peer second;
  TesseraDBusAgents *agents;
} Fixture;

typedef struct
{
  TesseraAuthentication *authentication;
  TesseraVerdict verdict; /* NONE until it is told */
  guint told;
} Login;

/* Peers */

static void
on_connection (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  *(GDBusConnection **) data = g_dbus_connection_new_finish (result, &error);
  g_assert_no_error (error);
}

static void
connect_end (int fd, GDBusConnectionFlags flags, GDBusConnection **out_connection)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, NULL);
  g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  g_autofree char *guid
      = flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER ? g_dbus_generate_guid () : NULL;
  g_dbus_connection_new (G_IO_STREAM (stream), guid, flags, NULL, NULL, on_connection,
                         out_connection);
}

static void
peer_open (Peer *self, TesseraServer *server)
{
  int fds[2];
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  connect_end (fds[0], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, &self->ours);
  connect_end (fds[1], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, &self->theirs);
  while (self->ours == NULL || self->theirs == NULL)
    g_main_context_iteration (NULL, TRUE);
  self->export = tessera_dbus_export (server, self->ours, NULL, &error);
  g_assert_no_error (error);
}

static void
settle (void)
{
  for (guint quiet = 0; quiet < 20; quiet++)
    if (g_main_context_iteration (NULL, FALSE))
      quiet = 0;
    else
      g_usleep (500);
}

static void
peer_close (Peer *self)
{
  g_clear_object (&self->export);
  if (self->theirs != NULL && !g_dbus_connection_is_closed (self->theirs))
    g_dbus_connection_close_sync (self->theirs, NULL, NULL);
  settle ();
  g_clear_object (&self->theirs);
  g_clear_object (&self->ours);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->server = tessera_server_new_in_memory (ISSUER);
  tessera_server_wait_ready (f->server, &error);
  g_assert_no_error (error);
  f->agents = tessera_dbus_agents_hold (f->server);
  peer_open (&f->first, f->server);
  peer_open (&f->second, f->server);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  peer_close (&f->first);
  peer_close (&f->second);
  g_clear_pointer (&f->agents, tessera_dbus_agents_unref);
  tessera_server_close (f->server);
  g_assert_finalize_object (f->server);
}

/* Agents */

static void
on_method_call (GDBusConnection *connection,
                const char *sender,
                const char *path,
                const char *interface,
                const char *method,
                GVariant *parameters,
                GDBusMethodInvocation *invocation,
                gpointer data)
{
  Agent *self = data;
  const char *id = NULL;

  if (g_str_equal (method, "Authenticate"))
    {
      g_clear_pointer (&self->details, g_variant_unref);
      g_variant_get (parameters, "(&s@a{sv})", NULL, &self->details);
      g_ptr_array_add (self->asked, invocation);
      return;
    }
  if (g_str_equal (method, "Cancel"))
    {
      g_variant_get (parameters, "(&s)", &id);
      g_string_append_printf (self->cancelled, "%s ", id);
    }
  else
    self->released++;
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static Agent *
agent_new (GDBusConnection *connection, const char *path)
{
  static const GDBusInterfaceVTable vtable = { on_method_call, NULL, NULL, { NULL } };
  Agent *self = g_new0 (Agent, 1);
  g_autoptr (GError) error = NULL;

  self->connection = g_object_ref (connection);
  self->path = g_strdup (path);
  self->asked = g_ptr_array_new ();
  self->cancelled = g_string_new (NULL);
  self->registration = g_dbus_connection_register_object (
      connection, path, (GDBusInterfaceInfo *) &org_tessera_tessera1_agent_interface, &vtable, self,
      NULL, &error);
  g_assert_no_error (error);
  return self;
}

static void
agent_free (Agent *self)
{
  if (self->registration != 0)
    g_dbus_connection_unregister_object (self->connection, self->registration);
  for (guint i = 0; i < self->asked->len; i++)
    g_object_unref (self->asked->pdata[i]);
  g_ptr_array_unref (self->asked);
  g_clear_pointer (&self->details, g_variant_unref);
  g_string_free (self->cancelled, TRUE);
  g_object_unref (self->connection);
  g_free (self->path);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Agent, agent_free)

static void
agent_leave (Agent *self)
{
  g_dbus_connection_unregister_object (self->connection, self->registration);
  self->registration = 0;
}

typedef struct
{
  char *error;
  gboolean done;
} Reply;

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Reply *reply = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  reply->error = value == NULL ? g_dbus_error_get_remote_error (error) : NULL;
  reply->done = TRUE;
}

/* The name of the error, or NULL. Takes floating @parameters. */
static char *
call_manager (GDBusConnection *connection, const char *method, GVariant *parameters)
{
  Reply reply = { 0 };
  gboolean is_bus = g_dbus_connection_get_unique_name (connection) != NULL;

  g_dbus_connection_call (connection, is_bus ? TESSERA_DBUS_NAME : NULL,
                          TESSERA_DBUS_PATH "/manager", MANAGER, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_reply, &reply);
  while (!reply.done)
    g_main_context_iteration (NULL, TRUE);
  return reply.error;
}

static char *
try_register (Agent *self, const char *options)
{
  return call_manager (self->connection, "RegisterAgent",
                       g_variant_new ("(o@a{sv})", self->path, g_variant_new_parsed (options)));
}

static Agent *
agent_new_registered (GDBusConnection *connection, const char *path, const char *options)
{
  Agent *self = agent_new (connection, path);
  g_autofree char *error = try_register (self, options);
  g_assert_cmpstr (error, ==, NULL);
  return self;
}

static void
wait_asked (Agent *self)
{
  while (self->asked->len == 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Takes floating @answer. */
static void
answer_with (Agent *self, GVariant *answer)
{
  g_autoptr (GDBusMethodInvocation) invocation = NULL;
  wait_asked (self);
  invocation = g_ptr_array_steal_index (self->asked, 0);
  /* Not by way of GDBusMethodInvocation, which would see to it that the type is right. */
  g_autoptr (GDBusMessage) message
      = g_dbus_message_new_method_reply (g_dbus_method_invocation_get_message (invocation));
  g_dbus_message_set_body (message, answer);
  g_dbus_connection_send_message (self->connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                  NULL);
}

static void
answer (Agent *self, const char *text)
{
  answer_with (self, g_variant_new_parsed (text));
}

static void
fail_with (Agent *self, const char *name)
{
  wait_asked (self);
  g_dbus_method_invocation_return_dbus_error (g_ptr_array_steal_index (self->asked, 0), name,
                                              "Traceback: " CANARY);
}

/* Logins */

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  Login *login = data;
  login->verdict = tessera_authentication_get_verdict (authentication);
  login->told++;
}

static void
login_begin (Login *self, Fixture *f, TesseraAuthentication *authentication)
{
  *self = (Login){ .authentication = g_object_ref (authentication) };
  tessera_server_authenticate (f->server, authentication, on_decided, self);
}

static void
log_in_from (Login *self, Fixture *f, const char *address)
{
  g_autoptr (TesseraClient) client = tessera_client_new ("app", "The App");
  g_autoptr (TesseraAuthentication) authentication
      = tessera_authentication_new ("anna", CANARY, client, "a b", address);
  login_begin (self, f, authentication);
}

static void
log_in (Login *self, Fixture *f)
{
  log_in_from (self, f, "192.0.2.1");
}

static void
answer_step (Login *self, Login *before, Fixture *f, const char *text)
{
  g_autoptr (TesseraAuthentication) authentication = tessera_authentication_new_step (
      tessera_authentication_get_id (before->authentication),
      tessera_authentication_get_step (before->authentication) + 1, "anna", text, NULL, NULL,
      "192.0.2.1");
  login_begin (self, f, authentication);
}

static TesseraVerdict
wait_verdict (Login *self)
{
  while (self->told == 0)
    g_main_context_iteration (NULL, TRUE);
  return self->verdict;
}

static void
login_clear (Login *self)
{
  g_assert_cmpuint (self->told, <=, 1);
  g_clear_object (&self->authentication);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Login, login_clear)

static const char *
get_id (Login *self)
{
  return tessera_authentication_get_id (self->authentication);
}

/* Tests */

static void
test_an_agent_allows (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };
  const TesseraLogin *told = NULL;
  const char *text = NULL;
  guint32 step = 7;

  log_in (&login, f);
  g_assert_cmpuint (login.told, ==, 0);
  wait_asked (agent);
  g_assert_true (g_variant_lookup (agent->details, "password", "&s", &text));
  g_assert_cmpstr (text, ==, CANARY);
  g_assert_true (g_variant_lookup (agent->details, "username", "&s", &text));
  g_assert_cmpstr (text, ==, "anna");
  g_assert_true (g_variant_lookup (agent->details, "client_id", "&s", &text));
  g_assert_cmpstr (text, ==, "app");
  g_assert_true (g_variant_lookup (agent->details, "client_name", "&s", &text));
  g_assert_cmpstr (text, ==, "The App");
  g_assert_true (g_variant_lookup (agent->details, "remote_address", "&s", &text));
  g_assert_cmpstr (text, ==, "192.0.2.1");
  g_assert_true (g_variant_lookup (agent->details, "step", "u", &step));
  g_assert_cmpuint (step, ==, 0);
  g_autoptr (GVariant) scopes
      = g_variant_lookup_value (agent->details, "scopes", G_VARIANT_TYPE_STRING_ARRAY);
  g_assert_cmpuint (g_variant_n_children (scopes), ==, 2);
  g_assert_false (g_variant_lookup (agent->details, "answer", "&s", &text));

  answer (agent, "('allow', {'subject': <'u-17'>, 'acr': <'urn:two'>, 'amr': <['pwd', 'otp']>, "
                 "'claims': <{'name': <'Anna'>}>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
  told = tessera_authentication_get_login (login.authentication);
  g_assert_cmpstr (told->subject, ==, "u-17");
  g_assert_cmpstr (told->acr, ==, "urn:two");
  g_assert_cmpstr (told->amr, ==, "pwd otp");
  g_assert_cmpstr (told->claims, ==, "{\"name\":\"Anna\"}");
}

static void
test_an_agent_denies (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autoptr (Agent) other = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  log_in (&login, f);
  answer (agent, "('deny', {'message': <'not today'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
  settle ();
  /* That is final: nobody else is asked. */
  g_assert_cmpuint (other->asked->len, ==, 0);
}

static void
test_an_agent_asks_for_more (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };
  g_auto (Login) second = { 0 };
  g_auto (Login) third = { 0 };
  const char *text = NULL;
  guint32 step = 0;

  log_in (&login, f);
  answer (agent, "('ask', {'prompt': <'Colour?'>, 'secret': <true>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ASKED);
  g_assert_cmpstr (tessera_authentication_get_prompt (login.authentication), ==, "Colour?");
  g_assert_true (tessera_authentication_asks_secret (login.authentication));

  /* Meanwhile a better one has come. It was not that one that asked. */
  g_autoptr (Agent) better = agent_new_registered (f->second.theirs, "/b", "{'priority': <10>}");
  answer_step (&second, &login, f, "blue");
  wait_asked (agent);
  g_assert_true (g_variant_lookup (agent->details, "answer", "&s", &text));
  g_assert_cmpstr (text, ==, "blue");
  g_assert_true (g_variant_lookup (agent->details, "step", "u", &step));
  g_assert_cmpuint (step, ==, 1);
  g_assert_false (g_variant_lookup (agent->details, "password", "&s", &text));
  answer (agent, "('ask', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&second), ==, TESSERA_VERDICT_ASKED);
  g_assert_null (tessera_authentication_get_prompt (second.authentication));

  answer_step (&third, &second, f, "123456");
  answer (agent, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&third), ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpuint (better->asked->len, ==, 0);
}

static void
test_who_asked_and_left_lets_nobody_in (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autoptr (Agent) other = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };
  g_auto (Login) second = { 0 };
  g_auto (Login) again = { 0 };

  log_in (&login, f);
  answer (agent, "('ask', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ASKED);
  g_autofree char *error
      = call_manager (f->first.theirs, "UnregisterAgent", g_variant_new ("(o)", "/a"));
  g_assert_cmpstr (error, ==, NULL);
  answer_step (&second, &login, f, "123456");
  g_assert_cmpint (second.verdict, ==, TESSERA_VERDICT_DENIED);
  /* Nor by taking the step again. */
  log_capture_begin ();
  answer_step (&again, &login, f, "123456");
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*no handler of authenticate*");
  g_assert_cmpint (again.verdict, ==, TESSERA_VERDICT_DENIED);
  g_assert_cmpuint (other->asked->len, ==, 0);
}

static void
wait_cancelled (Agent *self, const char *id)
{
  while (strstr (self->cancelled->str, id) == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_nobody_answers_what_was_asked (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_auto (Login) answered = { 0 };
  g_auto (Login) step = { 0 };
  g_auto (Login) first = { 0 };
  g_auto (Login) second = { 0 };
  g_auto (Login) late = { 0 };

  log_in (&answered, f);
  answer (agent, "('ask', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&answered), ==, TESSERA_VERDICT_ASKED);
  answer_step (&step, &answered, f, "123456");
  answer (agent, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&step), ==, TESSERA_VERDICT_ACCEPTED);
  log_in (&first, f);
  log_in (&second, f);
  for (guint i = 0; i < 2; i++)
    answer (agent, "('ask', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&first), ==, TESSERA_VERDICT_ASKED);
  g_assert_cmpint (wait_verdict (&second), ==, TESSERA_VERDICT_ASKED);
  g_assert_cmpuint (agent->cancelled->len, ==, 0);
  tessera_dbus_agents_set_second (f->agents, 1);
  wait_cancelled (agent, get_id (&first));
  wait_cancelled (agent, get_id (&second));
  g_assert_null (strstr (agent->cancelled->str, get_id (&answered)));
  /* Nobody is asked about it any more. */
  log_capture_begin ();
  answer_step (&late, &first, f, "123456");
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*no handler of authenticate*");
  g_assert_cmpint (late.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
test_more_questions_than_people_answer (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autofree char *oldest = NULL;

  for (guint i = 0; i <= 1024; i++)
    {
      g_auto (Login) login = { 0 };

      log_in (&login, f);
      answer (agent, "('ask', @a{sv} {})");
      g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ASKED);
      if (i == 0)
        oldest = g_strconcat (get_id (&login), " ", NULL);
    }
  wait_cancelled (agent, oldest);
  settle ();
  g_assert_cmpstr (agent->cancelled->str, ==, oldest);
}

/* Whoever begins more than anybody else, from wherever in a network of IPv6, loses the oldest. */
static void
test_a_crowd_of_questions_ends_nobody_elses (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_auto (Login) mine = { 0 };
  g_auto (Login) answered = { 0 };
  g_autofree char *lost = NULL;

  log_in (&mine, f);
  answer (agent, "('ask', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&mine), ==, TESSERA_VERDICT_ASKED);
  for (guint i = 0; i < 1024; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1:%x::1", i);
      g_auto (Login) login = { 0 };

      log_in_from (&login, f, address);
      answer (agent, "('ask', @a{sv} {})");
      g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ASKED);
      if (i == 0)
        lost = g_strconcat (get_id (&login), " ", NULL);
    }
  while (agent->cancelled->len == 0)
    g_main_context_iteration (NULL, TRUE);
  settle ();
  g_assert_cmpstr (agent->cancelled->str, ==, lost);
  answer_step (&answered, &mine, f, "123456");
  answer (agent, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&answered), ==, TESSERA_VERDICT_ACCEPTED);
}

/* Of each: nobody gets in, and the next agent is not asked. */
static const char *const malformed[] = {
  "('allow', @a{sv} {})",                                                  /* without a subject */
  "('allow', {'subject': <''>})",                                          /* an empty one */
  "('allow', {'subject': <7>})",                                           /* of a wrong type */
  "('allow', {'subject': <'app'>})",                                       /* a client's id */
  "('allow', {'subject': <'anna'>, 'subject': <'root'>})",                 /* two of them */
  "('allow', {'subject': <'anna'>, 'amr': <'pwd'>})",                      /* not a list */
  "('allow', {'subject': <'anna'>, 'amr': <['p w']>})",                    /* with a space */
  "('allow', {'subject': <'anna'>, 'acr': <['a']>})",                      /* a list */
  "('allow', {'subject': <'anna'>, 'claims': <'x'>})",                     /* not a dictionary */
  "('allow', {'subject': <'anna'>, 'claims': <{'sub': <'root'>}>})",       /* the server's own */
  "('allow', {'subject': <'anna'>, 'claims': <{'x': <objectpath '/'>}>})", /* of no such type */
  "('allow', {'subject': <'anna'>, 'no_such_member': <true>})",            /* unknown */
  "('allow', {'subject': <'anna'>, 'prompt': <'x'>})",                     /* another decision's */
  "('ALLOW', {'subject': <'anna'>})",
  "('', {'subject': <'anna'>})",
  "('ask', {'prompt': <''>})",
  "('ask', {'prompt': <7>})",
  "('ask', {'secret': <'yes'>})",
  "('ask', {'subject': <'anna'>})",
  "('allow',)",
  "('allow', 'anna')",
  "(true, {'subject': <'anna'>})",
  "('allow', {'subject': 'anna'})",
  "@() ()",
};

static void
test_malformed_answers_deny (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autoptr (Agent) other = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_autoptr (GError) error = NULL;

  tessera_server_add_client (f->server, "The App", "", "app", NULL, 3600, FALSE, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    {
      g_auto (Login) login = { 0 };
      log_capture_begin ();
      log_in (&login, f);
      answer (agent, malformed[i]);
      g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
      log_capture_end ();
      g_assert_cmpuint (other->asked->len, ==, 0);
    }
}

static void
test_a_large_answer_denies (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  const struct
  {
    const char *member;
    gsize size;
    GLogLevelFlags level;
  } cases[] = { { "subject", 256, G_LOG_LEVEL_WARNING },
                { "subject", 20000, G_LOG_LEVEL_MESSAGE },
                { "acr", 256, G_LOG_LEVEL_WARNING } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Login) login = { 0 };
      g_autofree char *large = g_strnfill (cases[i].size, 'x');
      GVariantBuilder result;

      g_variant_builder_init (&result, G_VARIANT_TYPE_VARDICT);
      if (!g_str_equal (cases[i].member, "subject"))
        g_variant_builder_add (&result, "{sv}", "subject", g_variant_new_string ("anna"));
      g_variant_builder_add (&result, "{sv}", cases[i].member, g_variant_new_string (large));
      log_capture_begin ();
      log_in (&login, f);
      answer_with (agent, g_variant_new ("(sa{sv})", "allow", &result));
      g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
      log_capture_assert_some (cases[i].level, cases[i].level == G_LOG_LEVEL_MESSAGE
                                                   ? "*too large*"
                                                   : "*the login is denied*");
    }
}

static void
test_an_error_denies (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autoptr (Agent) other = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  log_capture_begin ();
  log_in (&login, f);
  fail_with (agent, "org.example.Error.Traceback");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
  log_capture_assert_some (G_LOG_LEVEL_MESSAGE,
                           "agent failed: org.example.Error.Traceback, login denied: agent=peer/a "
                           "login=*");
  g_assert_cmpuint (other->asked->len, ==, 0);
}

static void
test_late_is_denied (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "{'timeout': <uint32 5>}");
  g_autoptr (Agent) other = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  tessera_dbus_agents_set_second (f->agents, 1);
  log_in (&login, f);
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
  while (agent->cancelled->len == 0)
    g_main_context_iteration (NULL, TRUE);
  g_autofree char *cancelled = g_strconcat (get_id (&login), " ", NULL);
  g_assert_cmpstr (agent->cancelled->str, ==, cancelled);
  /* What comes now is for nobody. */
  answer (agent, "('allow', {'subject': <'anna'>})");
  settle ();
  g_assert_cmpuint (login.told, ==, 1);
  g_assert_cmpint (tessera_authentication_get_verdict (login.authentication), ==,
                   TESSERA_VERDICT_DENIED);
  g_assert_cmpuint (other->asked->len, ==, 0);
}

static void
test_the_highest_priority_is_asked (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) low = agent_new_registered (f->first.theirs, "/low", "{'priority': <-5>}");
  g_autoptr (Agent) high = agent_new_registered (f->second.theirs, "/high", "{'priority': <5>}");
  g_autoptr (Agent) later = agent_new_registered (f->first.theirs, "/later", "{'priority': <5>}");
  g_auto (Login) login = { 0 };

  log_in (&login, f);
  answer (high, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpuint (low->asked->len + later->asked->len, ==, 0);
}

static void
test_who_leaves_before_the_answer_is_followed_by_the_next (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) gone
      = agent_new_registered (f->first.theirs, "/a", "{'priority': <5>, 'timeout': <uint32 110>}");
  g_autoptr (Agent) next = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };
  g_auto (Login) second = { 0 };

  log_in (&login, f);
  wait_asked (gone);
  g_dbus_connection_close_sync (f->first.theirs, NULL, NULL);
  answer (next, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
  log_in (&second, f);
  answer (next, "('deny', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&second), ==, TESSERA_VERDICT_DENIED);
}

static void
test_an_export_that_goes_with_its_connection_does_not_deny (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) gone = agent_new_registered (f->first.theirs, "/a", "{'priority': <5>}");
  g_autoptr (Agent) next = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  log_in (&login, f);
  wait_asked (gone);
  /* As the service does it, but before the question itself has heard of it. */
  g_dbus_connection_close_sync (f->first.ours, NULL, NULL);
  tessera_dbus_export_unexport (f->first.export);
  g_assert_cmpuint (login.told, ==, 0);
  answer (next, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
}

static void
test_an_object_that_is_not_there_is_followed_by_the_next (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) gone = agent_new_registered (f->first.theirs, "/a", "{'priority': <5>}");
  g_autoptr (Agent) next = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  agent_leave (gone);
  log_in (&login, f);
  answer (next, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
  /* And is not asked again. */
  g_autofree char *error
      = call_manager (f->first.theirs, "UnregisterAgent", g_variant_new ("(o)", "/a"));
  g_assert_cmpstr (error, ==, "org.tessera.Tessera1.Error.NotFound");
}

static void
test_when_all_have_gone_nobody_gets_in (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) first = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autoptr (Agent) second = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  log_in (&login, f);
  wait_asked (first);
  g_dbus_connection_close_sync (f->first.theirs, NULL, NULL);
  wait_asked (second);
  g_dbus_connection_close_sync (f->second.theirs, NULL, NULL);
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
}

static void
test_unregistered_is_not_asked (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };
  g_auto (Login) second = { 0 };

  log_in (&login, f);
  wait_asked (agent);
  g_autofree char *others
      = call_manager (f->second.theirs, "UnregisterAgent", g_variant_new ("(o)", "/a"));
  g_assert_cmpstr (others, ==, "org.tessera.Tessera1.Error.NotFound");
  g_autofree char *error
      = call_manager (f->first.theirs, "UnregisterAgent", g_variant_new ("(o)", "/a"));
  g_assert_cmpstr (error, ==, NULL);
  /* What it was asked before it may still answer. */
  answer (agent, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);

  log_capture_begin ();
  log_in (&second, f);
  g_assert_cmpint (second.verdict, ==, TESSERA_VERDICT_DENIED);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*no handler of authenticate*");
}

static void
test_leaving_denies_and_tells (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  g_autoptr (Agent) other = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  log_in (&login, f);
  wait_asked (agent);
  tessera_dbus_export_unexport (f->first.export);
  g_assert_cmpint (login.verdict, ==, TESSERA_VERDICT_DENIED);
  while (agent->released == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (agent->released, ==, 1);
  g_assert_true (g_str_has_prefix (agent->cancelled->str, get_id (&login)));
  g_assert_cmpuint (other->released, ==, 0);
}

static void
test_agents_are_bounded (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) agents = g_ptr_array_new_with_free_func ((GDestroyNotify) agent_free);

  for (guint i = 0; i < 16; i++)
    {
      g_autofree char *path = g_strdup_printf ("/a%u", i);
      g_ptr_array_add (agents,
                       agent_new_registered (i % 2 == 0 ? f->first.theirs : f->second.theirs, path,
                                             "@a{sv} {}"));
    }
  g_autoptr (Agent) more = agent_new (f->first.theirs, "/more");
  g_autofree char *error = try_register (more, "@a{sv} {}");
  g_assert_cmpstr (error, ==, "org.freedesktop.DBus.Error.LimitsExceeded");
  g_dbus_connection_close_sync (f->second.theirs, NULL, NULL);
  while (!g_dbus_connection_is_closed (f->second.ours))
    g_main_context_iteration (NULL, TRUE);
  settle ();
  g_autofree char *then = try_register (more, "@a{sv} {}");
  g_assert_cmpstr (then, ==, NULL);
}

static void
test_logins_that_wait_are_bounded (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  Login logins[256];
  g_auto (Login) more = { 0 };
  g_auto (Login) then = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (logins); i++)
    log_in (&logins[i], f);
  log_in (&more, f);
  g_assert_cmpint (more.verdict, ==, TESSERA_VERDICT_DENIED);
  for (guint i = 0; i < G_N_ELEMENTS (logins); i++)
    answer (agent, "('allow', {'subject': <'anna'>})");
  for (guint i = 0; i < G_N_ELEMENTS (logins); i++)
    {
      g_assert_cmpint (wait_verdict (&logins[i]), ==, TESSERA_VERDICT_ACCEPTED);
      login_clear (&logins[i]);
    }
  log_in (&then, f);
  g_assert_cmpuint (then.told, ==, 0);
  answer (agent, "('deny', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&then), ==, TESSERA_VERDICT_DENIED);
}

static void
test_wrong_options_are_refused (Fixture *f, gconstpointer data)
{
  static const char *const wrong[] = { "{'priority': <'high'>}",
                                       "{'priority': <uint32 1>}",
                                       "{'timeout': <uint32 0>}",
                                       "{'timeout': <uint32 111>}",
                                       "{'timeout': <5>}",
                                       "{'no_such_option': <1>}",
                                       "{'timeout': <uint32 5>, 'timeout': <uint32 6>}" };
  g_autoptr (Agent) agent = agent_new (f->first.theirs, "/a");

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *error = try_register (agent, wrong[i]);
      g_assert_cmpstr (error, ==, "org.freedesktop.DBus.Error.InvalidArgs");
    }
  g_autofree char *good = try_register (agent, "{'timeout': <uint32 110>, 'priority': <-1>}");
  g_assert_cmpstr (good, ==, NULL);
  g_autofree char *again = try_register (agent, "@a{sv} {}");
  g_assert_cmpstr (again, ==, "org.tessera.Tessera1.Error.Exists");
}

static void
test_nobody_answers_for_another (Fixture *f, gconstpointer data)
{
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "{'priority': <5>}");
  g_autoptr (Agent) thief = agent_new_registered (f->second.theirs, "/a", "@a{sv} {}");
  g_auto (Login) login = { 0 };

  log_in (&login, f);
  wait_asked (agent);
  /* Whatever the number of the question is: it was not asked here. */
  for (guint32 serial = 1; serial < 64; serial++)
    {
      g_autoptr (GDBusMessage) message = g_dbus_message_new ();
      g_dbus_message_set_message_type (message, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
      g_dbus_message_set_reply_serial (message, serial);
      g_dbus_message_set_body (message, g_variant_new_parsed ("('allow', {'subject': <'root'>})"));
      g_dbus_connection_send_message (thief->connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                      NULL, NULL);
    }
  settle ();
  g_assert_cmpuint (login.told, ==, 0);
  answer (agent, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpstr (tessera_authentication_get_login (login.authentication)->subject, ==, "anna");
}

static void
on_authenticate (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  (*(guint *) data)++;
  if (*(guint *) data == 1)
    tessera_authentication_accept (authentication, "by-hand");
}

static void
test_the_application_comes_first (Fixture *f, gconstpointer data)
{
  guint heard = 0;
  g_auto (Login) first = { 0 };
  g_auto (Login) second = { 0 };

  g_signal_connect (f->server, "authenticate", G_CALLBACK (on_authenticate), &heard);
  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  log_in (&first, f);
  g_assert_cmpint (first.verdict, ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpuint (agent->asked->len, ==, 0);
  log_in (&second, f);
  answer (agent, "('deny', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&second), ==, TESSERA_VERDICT_DENIED);
  g_assert_cmpuint (heard, ==, 2);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
test_own_users_are_asked_when_there_is_no_agent (Fixture *f, gconstpointer data)
{
  gboolean added = FALSE;
  g_auto (Login) before = { 0 };
  g_auto (Login) during = { 0 };
  g_auto (Login) after = { 0 };

  tessera_server_add_user_async (f->server, "anna", CANARY, NULL, on_done, &added);
  while (!added)
    g_main_context_iteration (NULL, TRUE);
  log_in (&before, f);
  g_assert_cmpint (wait_verdict (&before), ==, TESSERA_VERDICT_ACCEPTED);

  g_autoptr (Agent) agent = agent_new_registered (f->first.theirs, "/a", "@a{sv} {}");
  log_in (&during, f);
  answer (agent, "('deny', @a{sv} {})");
  g_assert_cmpint (wait_verdict (&during), ==, TESSERA_VERDICT_DENIED);

  g_dbus_connection_close_sync (f->first.theirs, NULL, NULL);
  while (tessera_dbus_agents_get_first (f->agents) != NULL)
    g_main_context_iteration (NULL, TRUE);
  log_in (&after, f);
  g_assert_cmpint (wait_verdict (&after), ==, TESSERA_VERDICT_ACCEPTED);
}

/* On a bus */

typedef struct
{
  GSubprocess *daemon;
  char *address;
  GDBusConnection *ours;
  GDBusConnection *agents[2];
  TesseraDBusExport *export;
} Bus;

static GDBusConnection *
connect_bus (Bus *bus)
{
  GDBusConnection *connection = NULL;
  g_dbus_connection_new_for_address (bus->address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                         | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, NULL, on_connection, &connection);
  while (connection == NULL)
    g_main_context_iteration (NULL, TRUE);
  return connection;
}

static void
bus_open (Bus *self, TesseraServer *server)
{
  g_autoptr (GError) error = NULL;
  gboolean owned = FALSE;

  self->daemon
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                          &error, "dbus-daemon", "--session", "--nofork", "--print-address", NULL);
  g_assert_no_error (error);
  g_autoptr (GDataInputStream) said
      = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->daemon));
  self->address = g_data_input_stream_read_line (said, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (self->address);
  self->ours = connect_bus (self);
  self->agents[0] = connect_bus (self);
  self->agents[1] = connect_bus (self);
  self->export = tessera_dbus_export (server, self->ours, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_call (self->ours, "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                          "RequestName", g_variant_new ("(su)", TESSERA_DBUS_NAME, 0), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_done, &owned);
  while (!owned)
    g_main_context_iteration (NULL, TRUE);
}

static void
bus_close (Bus *self)
{
  g_clear_object (&self->export);
  for (guint i = 0; i < 2; i++)
    {
      if (!g_dbus_connection_is_closed (self->agents[i]))
        g_dbus_connection_close_sync (self->agents[i], NULL, NULL);
      g_clear_object (&self->agents[i]);
    }
  g_dbus_connection_close_sync (self->ours, NULL, NULL);
  settle ();
  g_clear_object (&self->ours);
  g_subprocess_force_exit (self->daemon);
  g_subprocess_wait (self->daemon, NULL, NULL);
  g_clear_object (&self->daemon);
  g_free (self->address);
}

static void
test_on_a_bus_an_agent_goes_with_its_name (Fixture *f, gconstpointer data)
{
  Bus bus = { 0 };
  g_auto (Login) login = { 0 };
  g_auto (Login) second = { 0 };

  bus_open (&bus, f->server);
  g_autoptr (Agent) gone = agent_new_registered (bus.agents[0], "/a", "{'priority': <9>}");
  g_autoptr (Agent) idle = agent_new_registered (bus.agents[0], "/idle", "{'priority': <8>}");
  /* The same path is another agent's when another calls; and one that is a peer's is in the list.
   */
  g_autoptr (Agent) next = agent_new_registered (bus.agents[1], "/a", "@a{sv} {}");
  g_autoptr (Agent) last = agent_new_registered (f->first.theirs, "/a", "{'priority': <-9>}");

  log_in (&login, f);
  wait_asked (gone);
  g_autofree char *others
      = call_manager (bus.agents[1], "UnregisterAgent", g_variant_new ("(o)", "/idle"));
  g_assert_cmpstr (others, ==, "org.tessera.Tessera1.Error.NotFound");
  g_dbus_connection_close_sync (bus.agents[0], NULL, NULL);
  answer (next, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpuint (idle->asked->len, ==, 0);

  g_dbus_connection_close_sync (bus.agents[1], NULL, NULL);
  while (tessera_dbus_agents_get_first (f->agents)->priority != -9)
    g_main_context_iteration (NULL, TRUE);
  log_in (&second, f);
  answer (last, "('allow', {'subject': <'anna'>})");
  g_assert_cmpint (wait_verdict (&second), ==, TESSERA_VERDICT_ACCEPTED);
  bus_close (&bus);
}

static void
test_on_a_bus_nobody_answers_for_another (Fixture *f, gconstpointer data)
{
  Bus bus = { 0 };
  g_auto (Login) login = { 0 };

  bus_open (&bus, f->server);
  g_autoptr (Agent) agent = agent_new_registered (bus.agents[0], "/a", "@a{sv} {}");
  log_in (&login, f);
  wait_asked (agent);
  guint32 serial
      = g_dbus_message_get_serial (g_dbus_method_invocation_get_message (agent->asked->pdata[0]));
  g_autoptr (GDBusMessage) message = g_dbus_message_new ();
  g_dbus_message_set_message_type (message, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
  g_dbus_message_set_destination (message, g_dbus_connection_get_unique_name (bus.ours));
  g_dbus_message_set_reply_serial (message, serial);
  g_dbus_message_set_body (message, g_variant_new_parsed ("('allow', {'subject': <'root'>})"));
  g_dbus_connection_send_message (bus.agents[1], message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                  NULL);
  /* A system bus does not let it through; a session bus does, and GDBus looks at the number only.
   */
  g_assert_cmpint (wait_verdict (&login), ==, TESSERA_VERDICT_DENIED);
  bus_close (&bus);
}

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);
#define ADD(NAME, FUNC) g_test_add ("/dbus-agents/" NAME, Fixture, NULL, set_up, FUNC, tear_down)
  ADD ("an-agent-allows", test_an_agent_allows);
  ADD ("an-agent-denies", test_an_agent_denies);
  ADD ("an-agent-asks-for-more", test_an_agent_asks_for_more);
  ADD ("nobody-answers-what-was-asked", test_nobody_answers_what_was_asked);
  ADD ("more-questions-than-people-answer", test_more_questions_than_people_answer);
  ADD ("a-crowd-of-questions-ends-nobody-elses", test_a_crowd_of_questions_ends_nobody_elses);
  ADD ("who-asked-and-left-lets-nobody-in", test_who_asked_and_left_lets_nobody_in);
  ADD ("malformed-answers-deny", test_malformed_answers_deny);
  ADD ("a-large-answer-denies", test_a_large_answer_denies);
  ADD ("an-error-denies", test_an_error_denies);
  ADD ("late-is-denied", test_late_is_denied);
  ADD ("the-highest-priority-is-asked", test_the_highest_priority_is_asked);
  ADD ("who-leaves-before-the-answer-is-followed-by-the-next",
       test_who_leaves_before_the_answer_is_followed_by_the_next);
  ADD ("an-export-that-goes-with-its-connection-does-not-deny",
       test_an_export_that_goes_with_its_connection_does_not_deny);
  ADD ("an-object-that-is-not-there-is-followed-by-the-next",
       test_an_object_that_is_not_there_is_followed_by_the_next);
  ADD ("when-all-have-gone-nobody-gets-in", test_when_all_have_gone_nobody_gets_in);
  ADD ("unregistered-is-not-asked", test_unregistered_is_not_asked);
  ADD ("leaving-denies-and-tells", test_leaving_denies_and_tells);
  ADD ("agents-are-bounded", test_agents_are_bounded);
  ADD ("logins-that-wait-are-bounded", test_logins_that_wait_are_bounded);
  ADD ("wrong-options-are-refused", test_wrong_options_are_refused);
  ADD ("nobody-answers-for-another", test_nobody_answers_for_another);
  ADD ("the-application-comes-first", test_the_application_comes_first);
  ADD ("own-users-are-asked-when-there-is-no-agent",
       test_own_users_are_asked_when_there_is_no_agent);
  ADD ("on-a-bus/an-agent-goes-with-its-name", test_on_a_bus_an_agent_goes_with_its_name);
  ADD ("on-a-bus/nobody-answers-for-another", test_on_a_bus_nobody_answers_for_another);
  return g_test_run ();
}
