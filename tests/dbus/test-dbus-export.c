/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libtessera-dbus: a server's objects on a connection between two peers. */

#include "tessera-dbus.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <gio/gunixfdlist.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ISSUER "http://127.0.0.1:8417"
#define MANAGER "org.tessera.Tessera1.Manager"
#define CLIENT "org.tessera.Tessera1.Client"
#define KEYRING "org.tessera.Tessera1.KeyRing"
#define KEY "org.tessera.Tessera1.Key"
#define DENYLIST "org.tessera.Tessera1.DenyList"

/* An authority that answers what the test says, when the test says so. */
typedef struct
{
  GObject parent_instance;
  gboolean allow;
  gboolean hold;
  GPtrArray *held; /* GTask*, while hold */
  GString *asked;  /* "action " … */
} TestAuthority;

typedef GObjectClass TestAuthorityClass;
static void test_authority_iface_init (TesseraDBusAuthorityInterface *iface);
GType test_authority_get_type (void);
G_DEFINE_TYPE_WITH_CODE (TestAuthority,
                         test_authority,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (TESSERA_DBUS_TYPE_AUTHORITY,
                                                test_authority_iface_init))

static void
test_authority_init (TestAuthority *self)
{
  self->asked = g_string_new (NULL);
  self->held = g_ptr_array_new_with_free_func (g_object_unref);
}

static void
test_authority_finalize (GObject *object)
{
  g_string_free (((TestAuthority *) object)->asked, TRUE);
  g_ptr_array_unref (((TestAuthority *) object)->held);
  G_OBJECT_CLASS (test_authority_parent_class)->finalize (object);
}

static void
test_authority_class_init (TestAuthorityClass *klass)
{
  klass->finalize = test_authority_finalize;
}

static void
check_async (TesseraDBusAuthority *authority,
             GDBusMethodInvocation *invocation,
             const char *action,
             GCancellable *cancellable,
             GAsyncReadyCallback callback,
             gpointer user_data)
{
  TestAuthority *self = (TestAuthority *) authority;
  GTask *task = g_task_new (self, NULL, callback, user_data);
  g_string_append_printf (self->asked, "%s ", action);
  if (self->hold)
    {
      g_ptr_array_add (self->held, task);
      return;
    }
  g_task_return_boolean (task, self->allow);
  g_object_unref (task);
}

static void
let_go (TestAuthority *self)
{
  self->hold = FALSE;
  for (guint i = 0; i < self->held->len; i++)
    g_task_return_boolean (self->held->pdata[i], self->allow);
  g_ptr_array_set_size (self->held, 0);
}

static gboolean
check_finish (TesseraDBusAuthority *authority, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
test_authority_iface_init (TesseraDBusAuthorityInterface *iface)
{
  iface->check_async = check_async;
  iface->check_finish = check_finish;
}

typedef struct
{
  TesseraServer *server;
  TestAuthority *authority;
  GDBusConnection *ours;
  GDBusConnection *theirs;
  TesseraDBusExport *export;
  GString *signals;
} Fixture;

static void
on_connection (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  *(GDBusConnection **) data = g_dbus_connection_new_finish (result, &error);
  g_assert_no_error (error);
}

static void
connect_peer (int fd, GDBusConnectionFlags flags, GDBusConnection **out_connection)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, NULL);
  g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  g_autofree char *guid
      = flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER ? g_dbus_generate_guid () : NULL;
  g_dbus_connection_new (G_IO_STREAM (stream), guid, flags, NULL, NULL, on_connection,
                         out_connection);
}

static void
on_signal (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *name,
           GVariant *parameters,
           gpointer data)
{
  g_autofree char *text = g_variant_print (parameters, FALSE);
  g_string_append_printf (data, "%s%s\n", name, text);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  int fds[2];
  g_autoptr (GError) error = NULL;

  f->server = tessera_server_new_in_memory (ISSUER);
  tessera_server_wait_ready (f->server, &error);
  g_assert_no_error (error);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  connect_peer (fds[0], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, &f->ours);
  connect_peer (fds[1], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, &f->theirs);
  while (f->ours == NULL || f->theirs == NULL)
    g_main_context_iteration (NULL, TRUE);
  f->authority = g_object_new (test_authority_get_type (), NULL);
  f->authority->allow = TRUE;
  f->signals = g_string_new (NULL);
  g_dbus_connection_signal_subscribe (f->theirs, NULL, NULL, NULL, NULL, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_signal, f->signals, NULL);
  f->export
      = tessera_dbus_export (f->server, f->ours, TESSERA_DBUS_AUTHORITY (f->authority), &error);
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
wait_for_signal (Fixture *f, const char *text)
{
  while (strstr (f->signals->str, text) == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->export);
  g_dbus_connection_close_sync (f->theirs, NULL, NULL);
  settle ();
  g_clear_object (&f->theirs);
  g_clear_object (&f->ours);
  g_clear_object (&f->authority);
  tessera_server_close (f->server);
  g_clear_object (&f->server);
  g_string_free (f->signals, TRUE);
}

typedef struct
{
  GVariant *value;
  GError *error;
  gboolean done;
} Reply;

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Reply *reply = data;
  reply->value = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &reply->error);
  reply->done = TRUE;
}

static void
on_fd_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Reply *reply = data;
  reply->value = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL,
                                                                  result, &reply->error);
  reply->done = TRUE;
}

/* Takes floating @parameters; NULL with *out_name, the name of the error on the wire. */
static GVariant *
call (Fixture *f,
      const char *object,
      const char *interface,
      const char *method,
      GVariant *parameters,
      char **out_name)
{
  Reply reply = { 0 };
  g_autofree char *path = g_strconcat (TESSERA_DBUS_PATH, object, NULL);
  g_dbus_connection_call (f->theirs, NULL, path, interface, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_reply, &reply);
  while (!reply.done)
    g_main_context_iteration (NULL, TRUE);
  if (out_name != NULL)
    *out_name = reply.error != NULL ? g_dbus_error_get_remote_error (reply.error) : NULL;
  else
    g_assert_no_error (reply.error);
  g_clear_error (&reply.error);
  return reply.value;
}

static void
assert_refused (Fixture *f,
                const char *object,
                const char *interface,
                const char *method,
                GVariant *parameters,
                const char *name)
{
  g_autofree char *actual = NULL;
  g_autoptr (GVariant) value = call (f, object, interface, method, parameters, &actual);
  g_assert_null (value);
  g_assert_cmpstr (actual, ==, name);
}

/* Registers a confidential client, and gives its path below ours. */
static char *
register_client (Fixture *f, char **out_id)
{
  const char *id = NULL, *secret = NULL;
  g_autoptr (GVariant) answer = call (
      f, "/manager", MANAGER, "RegisterClient",
      g_variant_new_parsed ("({'client_name': <'App'>, 'grant_types': <['client_credentials']>},)"),
      NULL);
  g_variant_get (answer, "(&s&s)", &id, &secret);
  g_assert_cmpuint (strlen (secret), >=, 32);
  if (out_id != NULL)
    *out_id = g_strdup (id);
  g_autoptr (GVariant) object
      = call (f, "/manager", MANAGER, "GetClient", g_variant_new ("(s)", id), NULL);
  const char *path = NULL;
  g_variant_get (object, "(&o)", &path);
  g_assert_true (g_str_has_prefix (path, TESSERA_DBUS_PATH "/clients/"));
  return g_strdup (path + strlen (TESSERA_DBUS_PATH));
}

static void
test_a_client_lives_its_life (Fixture *f, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *path = register_client (f, &id);

  g_autoptr (GVariant) answer = call (f, path, CLIENT, "GetRegistration", NULL, NULL);
  g_autoptr (GVariant) registration = g_variant_get_child_value (answer, 0);
  const char *name = NULL, *client_id = NULL;
  g_assert_true (g_variant_lookup (registration, "client_name", "&s", &name));
  g_assert_true (g_variant_lookup (registration, "client_id", "&s", &client_id));
  g_assert_cmpstr (name, ==, "App");
  g_assert_cmpstr (client_id, ==, id);

  g_autoptr (GVariant) updated
      = call (f, path, CLIENT, "Update",
              g_variant_new_parsed (
                  "({'client_name': <'Other'>, 'grant_types': <['client_credentials']>},)"),
              NULL);
  g_autoptr (GVariant) rotated
      = call (f, path, CLIENT, "RotateSecret", g_variant_new ("(b)", TRUE), NULL);
  g_autoptr (GVariant) disabled
      = call (f, path, CLIENT, "SetDisabled", g_variant_new ("(b)", TRUE), NULL);
  g_autoptr (GVariant) list
      = call (f, "/manager", MANAGER, "ListClients", g_variant_new ("(su)", "", 10), NULL);
  g_autofree char *text = g_variant_print (list, FALSE);
  g_assert_nonnull (strstr (text, "'Other'"));
  g_assert_nonnull (strstr (text, "'disabled': <true>"));
  g_autoptr (GVariant) removed = call (f, path, CLIENT, "Remove", NULL, NULL);
  assert_refused (f, "/manager", MANAGER, "GetClient", g_variant_new ("(s)", id),
                  "org.tessera.Tessera1.Error.NotFound");
  assert_refused (f, path, CLIENT, "GetRegistration", NULL,
                  "org.freedesktop.DBus.Error.UnknownMethod");
}

static void
test_a_secret_is_in_no_answer_but_the_one (Fixture *f, gconstpointer data)
{
  const char *secret = NULL;
  g_autofree char *path = register_client (f, NULL);
  g_autoptr (GVariant) rotated
      = call (f, path, CLIENT, "RotateSecret", g_variant_new ("(b)", FALSE), NULL);
  g_variant_get (rotated, "(&s)", &secret);
  g_autoptr (GVariant) registration = call (f, path, CLIENT, "GetRegistration", NULL, NULL);
  g_autofree char *text = g_variant_print (registration, FALSE);
  g_assert_null (strstr (text, secret));
  g_assert_null (strstr (text, "secret'"));
}

static void
test_people_come_and_go (Fixture *f, gconstpointer data)
{
  g_autoptr (GVariant) added = call (f, "/manager", MANAGER, "AddUser",
                                     g_variant_new ("(ss)", "anna", "correct horse"), NULL);
  g_autoptr (GVariant) list
      = call (f, "/manager", MANAGER, "ListUsers", g_variant_new ("(su)", "", 10), NULL);
  g_autofree char *text = g_variant_print (list, FALSE);
  g_assert_nonnull (strstr (text, "'username': <'anna'>"));
  assert_refused (f, "/manager", MANAGER, "AddUser",
                  g_variant_new ("(ss)", "anna", "correct horse"),
                  "org.tessera.Tessera1.Error.Exists");
  g_autoptr (GVariant) disabled = call (f, "/manager", MANAGER, "SetUserDisabled",
                                        g_variant_new ("(sb)", "anna", TRUE), NULL);
  g_autoptr (GVariant) removed
      = call (f, "/manager", MANAGER, "RemoveUser", g_variant_new ("(s)", "anna"), NULL);
  assert_refused (f, "/manager", MANAGER, "RemoveUser", g_variant_new ("(s)", "anna"),
                  "org.tessera.Tessera1.Error.NotFound");
}

/* A message of D-Bus has an end, which closes the connection: no list comes near it. */
static void
test_a_page_of_large_clients_is_short (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) uris = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *long_name = g_strnfill (800, 'x');
  g_autofree char *after = g_strdup ("");
  guint n_pages = 0, n_clients = 0, on_page;

  for (guint i = 0; i < 200; i++)
    g_ptr_array_add (uris, g_strdup_printf ("https://large.test/%u/%s", i, long_name));
  for (guint i = 0; i < 12; i++)
    {
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
      g_variant_dict_insert_value (&dict, "redirect_uris",
                                   g_variant_new_strv ((const char *const *) uris->pdata,
                                                       (gssize) uris->len));
      g_autoptr (GVariant) added
          = call (f, "/manager", MANAGER, "RegisterClient",
                  g_variant_new ("(@a{sv})", g_variant_dict_end (&dict)), NULL);
    }
  do
    {
      g_autoptr (GVariant) reply
          = call (f, "/manager", MANAGER, "ListClients", g_variant_new ("(su)", after, 1000), NULL);
      g_autoptr (GVariant) page = g_variant_get_child_value (reply, 0);
      g_assert_cmpuint (g_variant_get_size (reply), <, 2 * 1024 * 1024);
      on_page = (guint) g_variant_n_children (page);
      n_clients += on_page;
      n_pages += on_page > 0 ? 1 : 0;
      if (on_page == 0)
        break;
      g_autoptr (GVariant) last = g_variant_get_child_value (page, on_page - 1);
      g_free (after);
      g_assert_true (g_variant_lookup (last, "client_id", "s", &after));
    }
  while (TRUE);
  g_assert_cmpuint (n_clients, ==, 12);
  g_assert_cmpuint (n_pages, >, 1);
}

/* Nor is HTTP kept waiting for it. */
static void
test_a_page_has_so_many_clients (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 260; i++)
    {
      g_autoptr (GVariant) added
          = call (f, "/manager", MANAGER, "RegisterClient",
                  g_variant_new_parsed ("({'grant_types': <['client_credentials']>},)"), NULL);
    }
  g_autoptr (GVariant) reply
      = call (f, "/manager", MANAGER, "ListClients", g_variant_new ("(su)", "", 1000), NULL);
  g_autoptr (GVariant) page = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (page), ==, 250);
}

static void
test_what_is_revoked_is_told (Fixture *f, gconstpointer data)
{
  g_autoptr (GVariant) revoked
      = call (f, "/manager", MANAGER, "RevokeSubject", g_variant_new ("(s)", "anna"), NULL);
  wait_for_signal (f, "Revoked(1, 1)\n");
  wait_for_signal (f, "Changed(1,)\n");
  /* Every local user can read what a signal on the system bus carries. */
  g_assert_null (strstr (f->signals->str, "anna"));
  g_autoptr (GVariant) changes = call (f, "/denylist", DENYLIST, "Changes",
                                       g_variant_new ("(tu)", G_GUINT64_CONSTANT (0), 10), NULL);
  g_autofree char *text = g_variant_print (changes, FALSE);
  g_assert_true (g_str_has_prefix (text, "([(1, 'subject', 'anna', "));
  g_assert_true (g_str_has_suffix (text, ")], 1, false)"));
}

static void
test_a_listener_that_misses_signals_converges (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) seen = g_string_new (NULL);
  guint64 cursor = 0;
  gboolean reset = FALSE;
  guint n;
  for (guint i = 0; i < 7; i++)
    {
      g_autofree char *grant = g_strdup_printf ("g%u", i);
      g_autoptr (GVariant) revoked
          = call (f, "/manager", MANAGER, "RevokeGrant", g_variant_new ("(s)", grant), NULL);
    }
  do
    {
      g_autoptr (GVariant) answer
          = call (f, "/denylist", DENYLIST, "Changes", g_variant_new ("(tu)", cursor, 3), NULL);
      g_autoptr (GVariantIter) entries = NULL;
      const char *kind = NULL, *value = NULL;
      guint64 generation, instant;
      n = 0;
      g_variant_get (answer, "(a(tsst)tb)", &entries, &cursor, &reset);
      while (g_variant_iter_next (entries, "(t&s&st)", &generation, &kind, &value, &instant))
        {
          g_string_append_printf (seen, "%s ", value);
          n++;
        }
      g_assert_false (reset);
    }
  while (n > 0);
  g_assert_cmpstr (seen->str, ==, "g0 g1 g2 g3 g4 g5 g6 ");
  g_assert_cmpuint (cursor, ==, tessera_server_get_generation (f->server));
}

/* A monitor that was stopped, with as much as a socket holds before it and nothing more. */
static void
test_who_does_not_read_is_told_in_sum (Fixture *f, gconstpointer data)
{
  const guint n = 400;
  int fds[2];
  GDBusConnection *ours = NULL, *theirs = NULL;
  g_autoptr (GString) signals = g_string_new (NULL);
  guint told = 0, sum = 0;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  connect_peer (fds[0], G_DBUS_CONNECTION_FLAGS_NONE, &ours);
  while (ours == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_autoptr (TesseraDBusExport) export
      = tessera_dbus_export (f->server, ours, TESSERA_DBUS_AUTHORITY (f->authority), NULL);
  for (guint i = 0; i < n; i++)
    {
      tessera_server_revoke_subject (f->server, "anna", NULL);
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }

  connect_peer (fds[1], G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, &theirs);
  while (theirs == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_dbus_connection_signal_subscribe (theirs, NULL, NULL, NULL, NULL, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_signal, signals, NULL);
  g_dbus_connection_start_message_processing (theirs);
  while (strstr (signals->str, "\nChanged(400,)") == NULL)
    g_main_context_iteration (NULL, TRUE);
  for (const char *c = signals->str; (c = strstr (c, "Revoked(")) != NULL; c++)
    {
      told++;
      sum += (guint) g_ascii_strtoull (strchr (c, ' '), NULL, 10);
    }
  g_assert_cmpuint (sum, ==, n);
  g_assert_cmpuint (told, <, n);
  tessera_dbus_export_unexport (export);
  g_dbus_connection_close_sync (theirs, NULL, NULL);
  settle ();
  g_clear_object (&theirs);
  g_clear_object (&ours);
}

static char *
find_key_path (Fixture *f, const char *state)
{
  g_autoptr (GVariant) answer
      = call (f, "", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, NULL);
  g_autoptr (GVariant) objects = g_variant_get_child_value (answer, 0);
  GVariantIter iter;
  const char *path = NULL;
  GVariant *interfaces = NULL;
  g_autofree char *found = NULL;
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) key = g_variant_lookup_value (interfaces, KEY, G_VARIANT_TYPE_VARDICT);
      const char *actual = NULL;
      if (key != NULL && g_variant_lookup (key, "State", "&s", &actual)
          && g_str_equal (actual, state) && found == NULL)
        found = g_strdup (path + strlen (TESSERA_DBUS_PATH));
    }
  return g_steal_pointer (&found);
}

static void
test_keys_are_objects (Fixture *f, gconstpointer data)
{
  g_autofree char *active = find_key_path (f, "active");
  g_autofree char *next = find_key_path (f, "next");
  g_assert_nonnull (active);
  assert_refused (f, "/keyring", KEYRING, "Rotate", g_variant_new ("(b)", FALSE),
                  "org.tessera.Tessera1.Error.TooEarly");
  g_autoptr (GVariant) rotated
      = call (f, "/keyring", KEYRING, "Rotate", g_variant_new ("(b)", TRUE), NULL);
  wait_for_signal (f, "InterfacesAdded(");
  g_autofree char *now_active = find_key_path (f, "active");
  g_assert_cmpstr (now_active, ==, next);
  assert_refused (f, now_active, KEY, "Retire", NULL, "org.tessera.Tessera1.Error.InvalidKey");
  g_autoptr (GVariant) revoked = call (f, now_active, KEY, "Revoke", NULL, NULL);
  g_autofree char *gone = find_key_path (f, "revoked");
  g_assert_cmpstr (gone, ==, now_active);
}

/* Each method of each interface, as introspection names them. */
static void
walk_methods (Fixture *f, const char *object, GString *walked)
{
  g_autoptr (GVariant) answer
      = call (f, object, "org.freedesktop.DBus.Introspectable", "Introspect", NULL, NULL);
  const char *xml = NULL;
  g_autoptr (GError) error = NULL;
  g_variant_get (answer, "(&s)", &xml);
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  for (guint i = 0; node->interfaces[i] != NULL; i++)
    {
      GDBusInterfaceInfo *info = node->interfaces[i];
      for (guint m = 0; g_str_has_prefix (info->name, "org.tessera.") && info->methods[m] != NULL;
           m++)
        {
          GVariantBuilder arguments;
          g_variant_builder_init (&arguments, G_VARIANT_TYPE_TUPLE);
          for (guint a = 0; info->methods[m]->in_args[a] != NULL; a++)
            {
              const char *signature = info->methods[m]->in_args[a]->signature;
              const char *text = g_str_equal (signature, "o")       ? "objectpath '/x'"
                                 : g_str_equal (signature, "s")     ? "''"
                                 : g_str_equal (signature, "b")     ? "false"
                                 : g_str_equal (signature, "h")     ? "handle 0"
                                 : g_str_equal (signature, "a{sv}") ? "@a{sv} {}"
                                 : g_str_equal (signature, "t")     ? "uint64 0"
                                                                    : "uint32 0";
              g_variant_builder_add_value (&arguments, g_variant_new_parsed (text));
            }
          assert_refused (f, object, info->name, info->methods[m]->name,
                          g_variant_builder_end (&arguments),
                          "org.freedesktop.DBus.Error.AccessDenied");
          g_string_append_printf (walked, "%s ", info->methods[m]->name);
        }
    }
}

static void
test_nothing_is_permitted_by_default (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) walked = g_string_new (NULL);
  g_autofree char *client = register_client (f, NULL);
  g_autofree char *key = find_key_path (f, "active");
  guint64 generation = tessera_server_get_generation (f->server);

  f->authority->allow = FALSE;
  walk_methods (f, "/manager", walked);
  walk_methods (f, "/keyring", walked);
  walk_methods (f, "/denylist", walked);
  walk_methods (f, client, walked);
  walk_methods (f, key, walked);
  g_assert_nonnull (strstr (walked->str, "RegisterClient "));
  g_assert_nonnull (strstr (walked->str, "Changes "));
  g_assert_nonnull (strstr (walked->str, "RotateSecret "));
  g_assert_nonnull (strstr (walked->str, "Revoke "));
  g_assert_cmpuint (tessera_server_get_generation (f->server), ==, generation);
}

static void
test_a_caller_that_leaves_is_refused (Fixture *f, gconstpointer data)
{
  f->authority->hold = TRUE;
  g_dbus_connection_call (f->theirs, NULL, TESSERA_DBUS_PATH "/manager", MANAGER, "RevokeSubject",
                          g_variant_new ("(s)", "anna"), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          NULL, NULL);
  while (f->authority->held->len == 0)
    g_main_context_iteration (NULL, TRUE);
  g_dbus_connection_close_sync (f->theirs, NULL, NULL);
  while (!g_dbus_connection_is_closed (f->ours))
    g_main_context_iteration (NULL, TRUE);
  let_go (f->authority);
  settle ();
  g_assert_cmpuint (tessera_server_get_generation (f->server), ==, 0);
}

static void
test_a_sender_that_a_peer_writes_counts_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (GDBusMessage) message
      = g_dbus_message_new_method_call (NULL, TESSERA_DBUS_PATH "/manager", MANAGER,
                                        "RevokeSubject");
  g_autoptr (GError) error = NULL;
  g_dbus_message_set_sender (message, ":1.1");
  g_dbus_message_set_body (message, g_variant_new ("(s)", "anna"));
  g_clear_object (&f->export);
  f->export = tessera_dbus_export (f->server, f->ours, NULL, &error);
  g_assert_no_error (error);
  /* Our own uid stands behind the socket: it is asked for nothing at the peer, and may. */
  g_dbus_connection_send_message (f->theirs, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  while (tessera_server_get_generation (f->server) == 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_what_is_too_large_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *huge = g_strnfill (300 * 1024, 'x');
  assert_refused (f, "/manager", MANAGER, "RevokeSubject", g_variant_new ("(s)", huge),
                  "org.freedesktop.DBus.Error.InvalidArgs");
  g_assert_cmpuint (f->authority->asked->len, ==, 0);
}

static void
test_a_wrong_type_is_refused (Fixture *f, gconstpointer data)
{
  assert_refused (f, "/manager", MANAGER, "RevokeSubject", g_variant_new ("(u)", 7),
                  "org.freedesktop.DBus.Error.InvalidArgs");
  assert_refused (f, "/manager", MANAGER, "RegisterClient",
                  g_variant_new_parsed ("({'client_name': <7>},)"),
                  "org.freedesktop.DBus.Error.InvalidArgs");
  assert_refused (f, "/manager", MANAGER, "RegisterClient",
                  g_variant_new_parsed ("({'no_such_member': <'x'>},)"),
                  "org.freedesktop.DBus.Error.InvalidArgs");
}

static void
count_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  guint *counts = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  counts[value != NULL ? 0 : 1]++;
  if (value == NULL)
    g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED);
}

/* A dictionary on the wire may have a key twice; which of the two is meant, nobody knows. */
static void
test_a_member_that_is_there_twice_is_refused (Fixture *f, gconstpointer data)
{
  const char *const twice[] = {
    "({'client_name': <'A'>, 'client_name': <'B'>, 'grant_types': <['client_credentials']>},)",
    "({'scope': <'a'>, 'grant_types': <['client_credentials']>, 'scope': <'a b'>},)",
  };

  for (guint i = 0; i < G_N_ELEMENTS (twice); i++)
    assert_refused (f, "/manager", MANAGER, "RegisterClient", g_variant_new_parsed (twice[i]),
                    "org.freedesktop.DBus.Error.InvalidArgs");
}

static void
test_calls_under_way_are_bounded (Fixture *f, gconstpointer data)
{
  guint counts[2] = { 0, 0 };
  f->authority->hold = TRUE;
  for (guint i = 0; i < 1000; i++)
    g_dbus_connection_call (f->theirs, NULL, TESSERA_DBUS_PATH "/manager", MANAGER, "ListUsers",
                            g_variant_new ("(su)", "", 1), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                            count_reply, counts);
  while (counts[1] < 1000 - 256)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (counts[0], ==, 0);
  let_go (f->authority);
  while (counts[0] < 256)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (counts[1], ==, 1000 - 256);
}

static void
test_an_export_ends (Fixture *f, gconstpointer data)
{
  tessera_dbus_export_unexport (f->export);
  assert_refused (f, "/manager", MANAGER, "ListUsers", g_variant_new ("(su)", "", 1),
                  "org.freedesktop.DBus.Error.UnknownMethod");
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraDBusExport) again
      = tessera_dbus_export (f->server, f->ours, TESSERA_DBUS_AUTHORITY (f->authority), &error);
  g_assert_no_error (error);
  g_autoptr (GVariant) list
      = call (f, "/manager", MANAGER, "ListUsers", g_variant_new ("(su)", "", 1), NULL);
}

static char *
refuse_reload (TesseraDBusExport *export, gpointer data)
{
  (*(guint *) data)++;
  return *(guint *) data == 1 ? NULL : g_strdup ("tessera.conf: [server] issuer is missing");
}

static void
test_a_reload_is_asked_of_the_program (Fixture *f, gconstpointer data)
{
  guint asked = 0;
  assert_refused (f, "/manager", MANAGER, "Reload", NULL,
                  "org.freedesktop.DBus.Error.NotSupported");
  g_signal_connect (f->export, "reload", G_CALLBACK (refuse_reload), &asked);
  g_autoptr (GVariant) done = call (f, "/manager", MANAGER, "Reload", NULL, NULL);
  assert_refused (f, "/manager", MANAGER, "Reload", NULL, "org.freedesktop.DBus.Error.Failed");
  g_assert_cmpuint (asked, ==, 2);
  g_assert_nonnull (strstr (f->authority->asked->str, "reload "));
}

/* The program that stops takes its objects away first, and then what its handler is about. */
static void
test_nothing_is_reloaded_for_a_call_that_comes_too_late (Fixture *f, gconstpointer data)
{
  guint asked = 0;
  Reply reply = { 0 };

  g_signal_connect (f->export, "reload", G_CALLBACK (refuse_reload), &asked);
  f->authority->hold = TRUE;
  g_dbus_connection_call (f->theirs, NULL, TESSERA_DBUS_PATH "/manager", MANAGER, "Reload", NULL,
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_reply, &reply);
  while (f->authority->held->len == 0)
    g_main_context_iteration (NULL, TRUE);
  tessera_dbus_export_unexport (f->export);
  let_go (f->authority);
  while (!reply.done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (reply.error);
  g_clear_error (&reply.error);
  g_assert_cmpuint (asked, ==, 0);
}

/* A call that takes one descriptor. */
static GVariant *
call_with_file (Fixture *f, const char *method, int fd, char **out_name)
{
  Reply reply = { 0 };
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_assert_cmpint (g_unix_fd_list_append (list, fd, NULL), ==, 0);
  g_dbus_connection_call_with_unix_fd_list (f->theirs, NULL, TESSERA_DBUS_PATH "/manager", MANAGER,
                                            method, g_variant_new ("(h)", 0), NULL,
                                            G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, on_fd_reply,
                                            &reply);
  while (!reply.done)
    g_main_context_iteration (NULL, TRUE);
  *out_name = reply.error != NULL ? g_dbus_error_get_remote_error (reply.error) : NULL;
  g_clear_error (&reply.error);
  return reply.value;
}

static void
test_clients_and_users_are_carried_over (Fixture *f, gconstpointer data)
{
  g_autofree char *problem = NULL, *again = NULL, *broken = NULL;
  g_autofree char *id = NULL;
  g_autofree char *path = register_client (f, &id);
  g_autoptr (GVariant) added = call (f, "/manager", MANAGER, "AddUser",
                                     g_variant_new ("(ss)", "anna", "correct horse"), NULL);
  int fd = memfd_create ("export", MFD_CLOEXEC);
  g_autoptr (GVariant) exported = call_with_file (f, "Export", fd, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  g_assert_cmpint (lseek (fd, 0, SEEK_END), >, 0);

  lseek (fd, 0, SEEK_SET);
  g_autoptr (GVariant) taken = call_with_file (f, "Import", fd, &again);
  g_assert_cmpstr (again, ==, "org.tessera.Tessera1.Error.Exists");

  g_autoptr (GVariant) gone = call (f, path, CLIENT, "Remove", NULL, NULL);
  g_autoptr (GVariant) away
      = call (f, "/manager", MANAGER, "RemoveUser", g_variant_new ("(s)", "anna"), NULL);
  lseek (fd, 0, SEEK_SET);
  g_autofree char *none = NULL;
  g_autoptr (GVariant) imported = call_with_file (f, "Import", fd, &none);
  g_assert_cmpstr (none, ==, NULL);
  guint64 clients = 0, users = 0;
  g_variant_get (imported, "(tt)", &clients, &users);
  g_assert_cmpuint (clients, ==, 1);
  g_assert_cmpuint (users, ==, 1);
  g_autoptr (GVariant) found
      = call (f, "/manager", MANAGER, "GetClient", g_variant_new ("(s)", id), NULL);

  g_assert_cmpint (ftruncate (fd, 40), ==, 0);
  lseek (fd, 0, SEEK_SET);
  g_autoptr (GVariant) half = call_with_file (f, "Import", fd, &broken);
  g_assert_cmpstr (broken, ==, "org.tessera.Tessera1.Error.Failed");
  close (fd);
}

/* More than a pipe has room for, into one that blocks: nobody waits for its reader but the call. */
static void
test_who_reads_slowly_keeps_nobody_waiting (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) name = g_string_new (NULL);
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  Reply reply = { 0 };
  int fds[2];
  char piece[4096];
  gsize length = 0;

  for (guint i = 0; i < 400; i++)
    g_string_append_c (name, 'n');
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GVariant) made = call (
          f, "/manager", MANAGER, "RegisterClient",
          g_variant_new_parsed ("({'client_name': <%s>, 'grant_types': <['client_credentials']>},)",
                                name->str),
          NULL);
    }
  g_assert_cmpint (pipe (fds), ==, 0);
  g_unix_fd_list_append (list, fds[1], NULL);
  g_dbus_connection_call_with_unix_fd_list (f->theirs, NULL, TESSERA_DBUS_PATH "/manager", MANAGER,
                                            "Export", g_variant_new ("(h)", 0), NULL,
                                            G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, on_fd_reply,
                                            &reply);
  settle ();
  g_autoptr (GVariant) users
      = call (f, "/manager", MANAGER, "ListUsers", g_variant_new ("(su)", "", 10), NULL);
  g_assert_false (reply.done);

  g_unix_set_fd_nonblocking (fds[0], TRUE, NULL);
  while (!reply.done)
    {
      gssize n = read (fds[0], piece, sizeof piece);
      length += n > 0 ? (gsize) n : 0;
      if (n < 0)
        g_main_context_iteration (NULL, FALSE);
    }
  g_assert_no_error (reply.error);
  g_variant_unref (reply.value);
  for (gssize n; (n = read (fds[0], piece, sizeof piece)) > 0;)
    length += (gsize) n;
  g_assert_cmpuint (length, >, 300 * 400);
  g_assert_cmpint (fcntl (fds[1], F_GETFL) & O_NONBLOCK, ==, 0);
  close (fds[0]);
  close (fds[1]);
}

static void
test_a_backup_needs_a_descriptor (Fixture *f, gconstpointer data)
{
  assert_refused (f, "/manager", MANAGER, "Backup", g_variant_new ("(h)", 0),
                  "org.freedesktop.DBus.Error.InvalidArgs");
  g_autoptr (GVariant) purged = call (f, "/manager", MANAGER, "Purge", NULL, NULL);
  g_assert_cmpstr (g_variant_get_type_string (purged), ==, "(t)");
}

/* The audit trail. */

static char *
begin_trail (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("tessera-dbus-XXXXXX", &error);
  char *path = g_build_filename (folder, "audit.json", NULL);

  tessera_server_set_audit_file (f->server, path, TRUE, &error);
  g_assert_no_error (error);
  return path;
}

/* Takes @path, and both off the disk. */
static char *
end_trail (char *path)
{
  g_autofree char *owned = path;
  g_autofree char *folder = g_path_get_dirname (path);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  g_unlink (path);
  g_rmdir (folder);
  return text;
}

/* One line has all of it. */
static void
assert_record (const char *trail, const char *event, const char *action, const char *more)
{
  g_auto (GStrv) lines = g_strsplit (trail, "\n", -1);
  g_autofree char *event_text = g_strdup_printf ("\"event\":\"%s\"", event);
  g_autofree char *action_text = g_strdup_printf ("\"action\":\"%s\"", action);
  guint found = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    found += strstr (lines[i], event_text) != NULL && strstr (lines[i], action_text) != NULL
             && strstr (lines[i], more) != NULL && strstr (lines[i], "\"caller\":\"peer") != NULL;
  if (found != 1)
    g_test_message ("%s", trail);
  g_assert_cmpuint (found, ==, 1);
}

static void
test_acts_are_written_down (Fixture *f, gconstpointer data)
{
  char *file = begin_trail (f);
  g_autofree char *id = NULL;
  g_autofree char *path = register_client (f, &id);
  g_autoptr (GVariant) rotated
      = call (f, path, CLIENT, "RotateSecret", g_variant_new ("(b)", FALSE), NULL);
  g_autoptr (GVariant) added = call (f, "/manager", MANAGER, "AddUser",
                                     g_variant_new ("(ss)", "anna", "correct horse"), NULL);
  g_autoptr (GVariant) ended
      = call (f, "/manager", MANAGER, "RevokeGrant", g_variant_new ("(s)", "g-1"), NULL);
  g_autoptr (GVariant) nothing = call (f, "/manager", MANAGER, "RevokeToken",
                                       g_variant_new ("(ss)", "a-token-canary", ""), NULL);
  g_autofree char *hash = tessera_server_dup_subject_hash (f->server, "anna");
  const char *secret = NULL;
  g_autofree char *trail = NULL;

  assert_refused (f, "/manager", MANAGER, "AddUser",
                  g_variant_new ("(ss)", "anna", "correct horse"),
                  "org.tessera.Tessera1.Error.Exists");
  g_variant_get (rotated, "(&s)", &secret);
  trail = end_trail (file);
  assert_record (trail, "administration", "Manager.RegisterClient", id);
  assert_record (trail, "administration", "Client.RotateSecret", id);
  assert_record (trail, "administration", "Manager.RevokeGrant", "\"object\":\"g-1\"");
  assert_record (trail, "administration", "Manager.RevokeToken", "\"result\":\"done\"");
  g_autofree char *of_person = g_strdup_printf ("\"subject_hash\":\"%s\",\"action\"", hash);
  g_autofree char *failed
      = g_strdup_printf ("%s:\"Manager.AddUser\",\"result\":\"failed\"", of_person);
  g_autofree char *done = g_strdup_printf ("%s:\"Manager.AddUser\",\"result\":\"done\"", of_person);
  assert_record (trail, "administration", "Manager.AddUser", failed);
  assert_record (trail, "administration", "Manager.AddUser", done);
  g_assert_null (strstr (trail, "Manager.GetClient")); /* reading is no act */
  g_assert_null (strstr (trail, "anna"));
  g_assert_null (strstr (trail, "correct horse"));
  g_assert_null (strstr (trail, "a-token-canary"));
  g_assert_null (strstr (trail, secret));
}

static void
test_who_may_not_is_written_down (Fixture *f, gconstpointer data)
{
  char *file = begin_trail (f);
  g_autofree char *trail = NULL;

  f->authority->allow = FALSE;
  assert_refused (f, "/manager", MANAGER, "RevokeSubject", g_variant_new ("(s)", "anna"),
                  "org.freedesktop.DBus.Error.AccessDenied");
  assert_refused (f, "/manager", MANAGER, "ListUsers", g_variant_new ("(su)", "", 10),
                  "org.freedesktop.DBus.Error.AccessDenied");
  trail = end_trail (file);
  assert_record (trail, "administration-refused", "Manager.RevokeSubject",
                 "\"result\":\"refused\"");
  assert_record (trail, "administration-refused", "Manager.ListUsers", "\"result\":\"refused\"");
  g_assert_null (strstr (trail, "anna"));
}

/* What gives something is not done without its record; what takes away is. */
static void
test_without_a_trail_only_taking_away_goes_on (Fixture *f, gconstpointer data)
{
  char *file = begin_trail (f);
  struct rlimit limit, none;
  g_autofree char *path = register_client (f, NULL);
  g_autofree char *trail = NULL;

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  setrlimit (RLIMIT_FSIZE, &none);
  g_autoptr (GVariant) ended
      = call (f, "/manager", MANAGER, "RevokeGrant", g_variant_new ("(s)", "g-1"), NULL);
  assert_refused (f, path, CLIENT, "RotateSecret", g_variant_new ("(b)", FALSE),
                  "org.tessera.Tessera1.Error.Unavailable");
  g_autoptr (GVariant) removed = call (f, path, CLIENT, "Remove", NULL, NULL);
  setrlimit (RLIMIT_FSIZE, &limit);
  g_log_set_always_fatal (fatal);
  trail = end_trail (file);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(NAME, FUNC) g_test_add ("/dbus/" NAME, Fixture, NULL, set_up, FUNC, tear_down)
  ADD ("a-client-lives-its-life", test_a_client_lives_its_life);
  ADD ("a-secret-is-in-no-answer-but-the-one", test_a_secret_is_in_no_answer_but_the_one);
  ADD ("people-come-and-go", test_people_come_and_go);
  ADD ("a-page-of-large-clients-is-short", test_a_page_of_large_clients_is_short);
  ADD ("a-page-has-so-many-clients", test_a_page_has_so_many_clients);
  ADD ("what-is-revoked-is-told", test_what_is_revoked_is_told);
  ADD ("who-does-not-read-is-told-in-sum", test_who_does_not_read_is_told_in_sum);
  ADD ("a-listener-that-misses-signals-converges", test_a_listener_that_misses_signals_converges);
  ADD ("keys-are-objects", test_keys_are_objects);
  ADD ("nothing-is-permitted-by-default", test_nothing_is_permitted_by_default);
  ADD ("a-caller-that-leaves-is-refused", test_a_caller_that_leaves_is_refused);
  ADD ("a-sender-that-a-peer-writes-counts-nothing",
       test_a_sender_that_a_peer_writes_counts_nothing);
  ADD ("what-is-too-large-is-refused", test_what_is_too_large_is_refused);
  ADD ("a-wrong-type-is-refused", test_a_wrong_type_is_refused);
  ADD ("a-member-that-is-there-twice-is-refused", test_a_member_that_is_there_twice_is_refused);
  ADD ("calls-under-way-are-bounded", test_calls_under_way_are_bounded);
  ADD ("clients-and-users-are-carried-over", test_clients_and_users_are_carried_over);
  ADD ("who-reads-slowly-keeps-nobody-waiting", test_who_reads_slowly_keeps_nobody_waiting);
  ADD ("a-backup-needs-a-descriptor", test_a_backup_needs_a_descriptor);
  ADD ("acts-are-written-down", test_acts_are_written_down);
  ADD ("who-may-not-is-written-down", test_who_may_not_is_written_down);
  ADD ("without-a-trail-only-taking-away-goes-on", test_without_a_trail_only_taking_away_goes_on);
  ADD ("an-export-ends", test_an_export_ends);
  ADD ("a-reload-is-asked-of-the-program", test_a_reload_is_asked_of_the_program);
  ADD ("nothing-is-reloaded-for-a-call-that-comes-too-late",
       test_nothing_is_reloaded_for_a_call_that_comes_too_late);
  return g_test_run ();
}
