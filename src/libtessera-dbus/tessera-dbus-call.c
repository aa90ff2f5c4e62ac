/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way of every method call: counted, authorised, run, answered (design.md §9). */

#include "tessera-dbus-call-private.h"
#include "tessera-dbus-path-private.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#define CALLS_MAX 256 /* under way at once, of all callers on a connection */
#define PARAMETERS_MAX (256 * 1024)

static void
call_free (TesseraDBusCall *self)
{
  self->export->calls--;
  if (self->name_watch != 0)
    g_bus_unwatch_name (self->name_watch);
  g_clear_signal_handler (&self->closed, self->export->connection);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->export);
  g_free (self);
}

/* The audit trail: who did what to whom. Reading is no act. */

static gboolean
is_act (TesseraDBusCall *self)
{
  return !g_str_equal (self->method->action, TESSERA_DBUS_ACTION_READ)
         && !g_str_equal (self->method->action, TESSERA_DBUS_ACTION_FOLLOW);
}

/* A bus vouches for name and uid; of a peer the kernel knows uid and pid. */
static char *
dup_caller (TesseraDBusCall *self)
{
  const char *sender = tessera_dbus_get_sender (self->invocation);
  GCredentials *credentials = g_dbus_connection_get_peer_credentials (self->export->connection);

  if (sender != NULL)
    return self->uid >= 0 ? g_strdup_printf ("%s uid=%" G_GINT64_FORMAT, sender, self->uid)
                          : g_strdup (sender);
  if (credentials == NULL)
    return g_strdup ("peer");
  return g_strdup_printf ("peer uid=%u pid=%d", g_credentials_get_unix_user (credentials, NULL),
                          g_credentials_get_unix_pid (credentials, NULL));
}

static const char *
get_first_argument (TesseraDBusCall *self)
{
  const char *text = NULL;

  g_variant_get_child (g_dbus_method_invocation_get_parameters (self->invocation), 0, "&s", &text);
  return text;
}

/* The client that was just made is told in the answer alone. */
static char *
dup_object (TesseraDBusCall *self, GVariant *result)
{
  if (self->method->about == TESSERA_DBUS_ABOUT_PATH)
    return tessera_dbus_path_dup_id (g_dbus_method_invocation_get_object_path (self->invocation));
  if (self->method->about == TESSERA_DBUS_ABOUT_ARGUMENT)
    return g_strdup (get_first_argument (self));
  if (result != NULL && g_str_equal (self->method->name, "RegisterClient"))
    {
      char *id = NULL;

      g_variant_get_child (result, 0, "s", &id);
      return id;
    }
  return NULL;
}

static char *
dup_subject (TesseraDBusCall *self)
{
  g_autoptr (TesseraUser) user = NULL;

  if (self->method->about != TESSERA_DBUS_ABOUT_PERSON)
    return NULL;
  user = tessera_server_lookup_user (self->export->server, get_first_argument (self));
  return g_strdup (user != NULL ? tessera_user_get_subject (user) : get_first_argument (self));
}

static void
audit (TesseraDBusCall *self, GVariant *result, const GError *error)
{
  const char *interface = g_dbus_method_invocation_get_interface_name (self->invocation);
  g_autofree char *action = NULL;
  g_autofree char *caller = NULL;
  g_autofree char *object = NULL;
  g_autofree char *subject = NULL;

  if (!is_act (self) && !g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    return;
  action = g_strconcat (strrchr (interface, '.') + 1, ".", self->method->name, NULL);
  caller = dup_caller (self);
  object = dup_object (self, result);
  subject = dup_subject (self);
  tessera_server_audit_act (self->export->server, action, caller, object, subject, error);
}

void
tessera_dbus_call_return (TesseraDBusCall *self, GVariant *floating_result)
{
  audit (self, floating_result, NULL);
  g_dbus_method_invocation_return_value (self->invocation, floating_result);
  call_free (self);
}

void
tessera_dbus_call_return_fd (TesseraDBusCall *self, int fd)
{
  g_autoptr (GUnixFDList) fds = NULL;

  if (!(g_dbus_connection_get_capabilities (self->export->connection)
        & G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING))
    {
      close (fd);
      tessera_dbus_call_fail (self, g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                                 "No descriptor can be passed on this connection"));
      return;
    }
  fds = g_unix_fd_list_new_from_array (&fd, 1);
  audit (self, NULL, NULL);
  g_dbus_method_invocation_return_value_with_unix_fd_list (self->invocation,
                                                           g_variant_new ("(h)", 0), fds);
  call_free (self);
}

/* Names that a program can act on; the library's own domains do not travel. */
static const char *
get_error_name (const GError *error)
{
  static const char *const setup_names[] = {
    [TESSERA_SETUP_ERROR_ISSUER] = "Failed",     [TESSERA_SETUP_ERROR_CLIENT] = "InvalidClient",
    [TESSERA_SETUP_ERROR_EXISTS] = "Exists",     [TESSERA_SETUP_ERROR_NOT_FOUND] = "NotFound",
    [TESSERA_SETUP_ERROR_KEY] = "InvalidKey",    [TESSERA_SETUP_ERROR_TOO_EARLY] = "TooEarly",
    [TESSERA_SETUP_ERROR_STATE] = "Failed",      [TESSERA_SETUP_ERROR_LOCKED] = "Failed",
    [TESSERA_SETUP_ERROR_USER] = "InvalidUser",  [TESSERA_SETUP_ERROR_UNSUPPORTED] = "NotSupported",
    [TESSERA_SETUP_ERROR_DECLARED] = "Declared",
  };

  if (error->domain == TESSERA_SETUP_ERROR && error->code >= 0
      && error->code < (int) G_N_ELEMENTS (setup_names))
    return setup_names[error->code];
  if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE))
    return "Unavailable";
  return "Failed";
}

void
tessera_dbus_call_fail (TesseraDBusCall *self, GError *error)
{
  audit (self, NULL, error);
  if (error->domain == G_DBUS_ERROR)
    g_dbus_method_invocation_return_gerror (self->invocation, error);
  else
    {
      g_autofree char *name
          = g_strconcat (TESSERA_DBUS_NAME ".Error.", get_error_name (error), NULL);
      g_dbus_method_invocation_return_dbus_error (self->invocation, name, error->message);
    }
  g_error_free (error);
  call_free (self);
}

void
tessera_dbus_call_finish (TesseraDBusCall *self, gboolean done, GError *error)
{
  if (done)
    tessera_dbus_call_return (self, NULL);
  else
    tessera_dbus_call_fail (self, error);
}

GVariant *
tessera_dbus_call_get_parameters (TesseraDBusCall *self)
{
  return g_dbus_method_invocation_get_parameters (self->invocation);
}

TesseraServer *
tessera_dbus_call_get_server (TesseraDBusCall *self)
{
  return self->export->server;
}

/* Who has gone cannot be asked who it was: never mind what the answer would be. */
static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraDBusCall *self = data;
  g_autoptr (GError) error = NULL;

  if (tessera_dbus_authority_check_finish (TESSERA_DBUS_AUTHORITY (source), result, &error)
      && !g_cancellable_is_cancelled (self->cancellable))
    {
      self->method->run (self);
      return;
    }
  tessera_dbus_call_fail (self, g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                                             "Not permitted: %s", self->method->action));
}

static void
on_name_vanished (GDBusConnection *connection, const char *name, gpointer data)
{
  g_cancellable_cancel (((TesseraDBusCall *) data)->cancellable);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  g_cancellable_cancel (((TesseraDBusCall *) data)->cancellable);
}

static void
watch_caller (TesseraDBusCall *self)
{
  const char *sender = tessera_dbus_get_sender (self->invocation);

  /* GDBus prints a critical when it is to watch over a connection that has ended. */
  if (sender != NULL && !g_dbus_connection_is_closed (self->export->connection))
    self->name_watch = g_bus_watch_name_on_connection (self->export->connection, sender,
                                                       G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                                       on_name_vanished, self, NULL);
  self->closed
      = g_signal_connect (self->export->connection, "closed", G_CALLBACK (on_closed), self);
  if (g_dbus_connection_is_closed (self->export->connection)) /* while the call waited */
    g_cancellable_cancel (self->cancellable);
}

static void
check (TesseraDBusCall *self)
{
  tessera_dbus_authority_check_async (self->export->authority, self->invocation,
                                      self->method->action, self->cancellable, on_checked, self);
}

/* For the audit trail alone: who may is the authority's affair. */
static void
on_uid (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraDBusCall *self = data;
  g_autoptr (GVariant) answer
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  guint32 uid = 0;

  if (answer != NULL)
    {
      g_variant_get (answer, "(u)", &uid);
      self->uid = uid;
    }
  check (self);
}

static void
ask_uid (TesseraDBusCall *self)
{
  g_dbus_connection_call (self->export->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetConnectionUnixUser",
                          g_variant_new ("(s)", tessera_dbus_get_sender (self->invocation)),
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_uid, self);
}

/* One call a turn of the loop: whatever else the program does gets its turn between two of them,
 * however many come at once. */
static gboolean
on_turn (gpointer data)
{
  TesseraDBusExport *export = data;
  TesseraDBusCall *self = g_queue_pop_head (&export->waiting);
  gboolean more = !g_queue_is_empty (&export->waiting);

  if (!more)
    g_clear_pointer (&export->turn, g_source_unref);
  watch_caller (self);
  if (tessera_dbus_get_sender (self->invocation) != NULL && is_act (self))
    ask_uid (self);
  else
    check (self);
  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* Whoever waits holds the export. */
static void
wait_for_turn (TesseraDBusCall *self)
{
  TesseraDBusExport *export = self->export;

  g_queue_push_tail (&export->waiting, self);
  if (export->turn != NULL)
    return;
  export->turn = g_idle_source_new ();
  g_source_set_priority (export->turn, G_PRIORITY_DEFAULT);
  g_source_set_callback (export->turn, on_turn, export, NULL);
  g_source_attach (export->turn, g_main_context_get_thread_default ());
}

void
tessera_dbus_call_begin (TesseraDBusExport *export,
                         const TesseraDBusMethod *method,
                         GDBusMethodInvocation *invocation)
{
  GVariant *parameters = g_dbus_method_invocation_get_parameters (invocation);

  if (g_variant_get_size (parameters) > PARAMETERS_MAX)
    {
      g_dbus_method_invocation_return_error_literal (invocation, G_DBUS_ERROR,
                                                     G_DBUS_ERROR_INVALID_ARGS,
                                                     "The arguments are too large");
      return;
    }
  if (export->calls >= CALLS_MAX)
    {
      g_dbus_method_invocation_return_error_literal (invocation, G_DBUS_ERROR,
                                                     G_DBUS_ERROR_LIMITS_EXCEEDED,
                                                     "Too many calls are under way");
      return;
    }

  TesseraDBusCall *self = g_new0 (TesseraDBusCall, 1);
  self->export = g_object_ref (export);
  self->invocation = invocation;
  self->method = method;
  self->cancellable = g_cancellable_new ();
  self->uid = -1;
  export->calls++;
  wait_for_turn (self);
}
