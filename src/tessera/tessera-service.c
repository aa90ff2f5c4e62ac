/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service, found on its private socket or on a bus, and calls to it (design.md §9). */

#include "tessera-service.h"

#include "tessera-command.h"
#include "tessera-polkit-agent.h"
#include "tessera-progress.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUS_NAME "org.tessera.Tessera1"
#define SYSTEM_SOCKET "/run/tessera/bus"
#define CONNECT_TIMEOUT 10            /* seconds */
#define CALL_TIMEOUT (10 * 60 * 1000) /* milliseconds: polkit may ask a person meanwhile */

struct _TesseraService
{
  GDBusConnection *connection;
  char *bus_name; /* NULL: nobody but the service is at the other end */
  char *place;
};

GQuark
tessera_service_error_quark (void)
{
  return g_quark_from_static_string ("tessera-service-error-quark");
}

/* Errors */

static gboolean
is_not_reachable (const GError *error)
{
  static const GDBusError codes[] = {
    G_DBUS_ERROR_SERVICE_UNKNOWN, G_DBUS_ERROR_NAME_HAS_NO_OWNER, G_DBUS_ERROR_NO_REPLY,
    G_DBUS_ERROR_TIMEOUT,         G_DBUS_ERROR_TIMED_OUT,         G_DBUS_ERROR_DISCONNECTED,
    G_DBUS_ERROR_NO_SERVER,       G_DBUS_ERROR_SPAWN_FAILED,      G_DBUS_ERROR_SPAWN_EXEC_FAILED,
  };

  if (g_error_matches (error, TESSERA_SERVICE_ERROR, TESSERA_SERVICE_ERROR_NOT_REACHABLE)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (g_error_matches (error, G_DBUS_ERROR, (int) codes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_not_permitted (const GError *error)
{
  return g_error_matches (error, TESSERA_SERVICE_ERROR, TESSERA_SERVICE_ERROR_NOT_PERMITTED)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_AUTH_FAILED);
}

int
tessera_service_get_exit_code (const GError *error)
{
  if (g_error_matches (error, TESSERA_SERVICE_ERROR, TESSERA_SERVICE_ERROR_NOT_FOUND))
    return TESSERA_EXIT_NOT_FOUND;
  if (error->domain == G_OPTION_ERROR)
    return TESSERA_EXIT_USAGE;
  if (is_not_permitted (error))
    return TESSERA_EXIT_NOT_PERMITTED;
  return is_not_reachable (error) ? TESSERA_EXIT_NOT_REACHABLE : TESSERA_EXIT_FAILED;
}

/* Names of errors that GDBus has no codes for. */
static const struct
{
  const char *name;
  TesseraServiceError code;
} remote_errors[] = {
  { BUS_NAME ".Error.NotFound", TESSERA_SERVICE_ERROR_NOT_FOUND },
  { "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    TESSERA_SERVICE_ERROR_NOT_PERMITTED },
};

/* The message alone, without the name in front. Takes @remote. */
static void
take_remote_error (GError **error, GError *remote)
{
  g_autofree char *name = g_dbus_error_get_remote_error (remote);

  g_dbus_error_strip_remote_error (remote);
  for (guint i = 0; i < G_N_ELEMENTS (remote_errors); i++)
    if (g_strcmp0 (name, remote_errors[i].name) == 0)
      {
        remote->domain = TESSERA_SERVICE_ERROR;
        remote->code = (int) remote_errors[i].code;
      }
  g_propagate_error (error, remote);
}

/* Waiting */

typedef struct
{
  GMainContext *context;
  GAsyncResult *result;
} Wait;

static void
on_result (GObject *source, GAsyncResult *result, gpointer data)
{
  Wait *wait = data;

  wait->result = g_object_ref (result);
}

static gboolean
on_second (gpointer data)
{
  tessera_progress_tick ();
  return G_SOURCE_CONTINUE;
}

static gboolean
on_late (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

/* Borrowed from the context. */
static GSource *
add_timer (Wait *wait, guint seconds, GSourceFunc func, gpointer data)
{
  g_autoptr (GSource) source = g_timeout_source_new_seconds (seconds);

  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, wait->context);
  return source;
}

/* What is begun between the two finishes on @context. */
static void
begin_wait (Wait *wait, GMainContext *context)
{
  wait->context = g_main_context_ref (context);
  wait->result = NULL;
  g_main_context_push_thread_default (wait->context);
}

/* The same on a context of its own, so that nothing else runs. */
static void
begin_lone_wait (Wait *wait)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  begin_wait (wait, context);
}

static GAsyncResult *
finish_wait (Wait *wait)
{
  while (wait->result == NULL)
    g_main_context_iteration (wait->context, TRUE);
  g_main_context_pop_thread_default (wait->context);
  g_main_context_unref (wait->context);
  return wait->result;
}

/* Finding it */

static GDBusConnection *
connect_socket (const char *path, GError **error)
{
  g_autofree char *value = g_dbus_address_escape_value (path);
  g_autofree char *address = g_strconcat ("unix:path=", value, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Wait wait;

  /* A connection tells of its end on the context that it was made on. */
  begin_wait (&wait, g_main_context_default ());
  GSource *late = add_timer (&wait, CONNECT_TIMEOUT, on_late, cancellable);
  GSource *second = add_timer (&wait, 1, on_second, NULL);
  g_dbus_connection_new_for_address (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                                     cancellable, on_result, &wait);
  g_autoptr (GAsyncResult) result = finish_wait (&wait);
  g_source_destroy (late);
  g_source_destroy (second);
  tessera_progress_tock ();
  return g_dbus_connection_new_for_address_finish (result, error);
}

static TesseraService *
create (GDBusConnection *connection, const char *bus_name, const char *place)
{
  TesseraService *self = g_new0 (TesseraService, 1);

  g_dbus_connection_set_exit_on_close (connection, FALSE);
  self->connection = connection;
  self->bus_name = g_strdup (bus_name);
  self->place = g_strdup (place);
  return self;
}

/* What was tried, for the sentence that says that nobody answered. */
typedef struct
{
  GString *tried;
  gboolean not_permitted;
} Search;

static void
note (Search *search, const char *place, const char *outcome)
{
  g_string_append_printf (search->tried, "%s%s: %s", search->tried->len > 0 ? "; " : "", place,
                          outcome);
}

/* A service that turns its caller away closes the connection while they greet each other. */
static gboolean
is_turned_away (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
         || (error->domain == G_IO_ERROR && strstr (error->message, "authentication") != NULL);
}

static TesseraService *
try_socket (Search *search, const char *path)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = NULL;
  struct stat status;

  if (stat (path, &status) < 0)
    {
      search->not_permitted = search->not_permitted || errno == EACCES;
      note (search, path, g_strerror (errno));
      return NULL;
    }
  connection = connect_socket (path, &error);
  if (connection != NULL)
    return create (connection, NULL, path);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    note (search, path, "does not answer");
  else if (is_turned_away (error))
    note (search, path, "turns you away");
  else
    note (search, path, error->message);
  search->not_permitted = search->not_permitted || is_turned_away (error);
  return NULL;
}

/* Without this GDBus would start a bus. */
static gboolean
has_session_bus (void)
{
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), "bus", NULL);

  return g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL || g_file_test (path, G_FILE_TEST_EXISTS);
}

static gboolean
call_bus (GDBusConnection *connection, const char *method, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", method, parameters, NULL,
                                     G_DBUS_CALL_FLAGS_NONE, CONNECT_TIMEOUT * 1000, NULL, error);

  return reply != NULL;
}

/* Somebody has the name, or the bus can start somebody who will. */
static gboolean
has_service (GDBusConnection *connection, gboolean start, GError **error)
{
  if (call_bus (connection, "GetNameOwner", g_variant_new ("(s)", BUS_NAME), NULL))
    return TRUE;
  if (!start)
    {
      g_set_error_literal (error, TESSERA_SERVICE_ERROR, TESSERA_SERVICE_ERROR_NOT_REACHABLE,
                           "nobody has the name " BUS_NAME);
      return FALSE;
    }
  return call_bus (connection, "StartServiceByName", g_variant_new ("(su)", BUS_NAME, 0), error);
}

static TesseraService *
try_bus (Search *search, GBusType type, gboolean start)
{
  const char *place = type == G_BUS_TYPE_SESSION ? "session bus" : "system bus";
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = NULL;

  if (type == G_BUS_TYPE_SESSION && !has_session_bus ())
    {
      note (search, place, "is not there");
      return NULL;
    }
  connection = g_bus_get_sync (type, NULL, &error);
  if (connection != NULL && has_service (connection, start, &error))
    {
      if (type == G_BUS_TYPE_SYSTEM)
        tessera_polkit_agent_open ();
      return create (g_steal_pointer (&connection), BUS_NAME, place);
    }
  g_dbus_error_strip_remote_error (error);
  note (search, place, error->message);
  search->not_permitted = search->not_permitted || is_not_permitted (error);
  return NULL;
}

/* Who became root by su or sudo may still have the folder of whom they were before, where others
 * could wait for passwords. */
static TesseraService *
try_own_socket (Search *search)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *path
      = runtime != NULL ? g_build_filename (runtime, "tessera", "bus", NULL) : NULL;
  struct stat status;

  if (path == NULL)
    return NULL;
  if (stat (runtime, &status) == 0 && status.st_uid != geteuid ())
    {
      note (search, path, "belongs to another user");
      return NULL;
    }
  return try_socket (search, path);
}

/* A service of the session is not started just because somebody looks for the one of the system. */
static TesseraService *
try_usual_places (Search *search, gboolean start)
{
  TesseraService *self = try_own_socket (search);

  if (self == NULL)
    self = try_socket (search, SYSTEM_SOCKET);
  if (self == NULL)
    self = try_bus (search, G_BUS_TYPE_SESSION, FALSE);
  return self != NULL ? self : try_bus (search, G_BUS_TYPE_SYSTEM, start);
}

TesseraService *
tessera_service_open (gboolean start, GError **error)
{
  const char *socket = tessera_options.socket;
  Search search = { g_string_new (NULL), FALSE };
  TesseraService *self = NULL;

  if (socket == NULL && !tessera_options.system && !tessera_options.session)
    socket = g_getenv ("TESSERA_SOCKET");
  if (socket != NULL && *socket != '\0')
    self = try_socket (&search, socket);
  else if (tessera_options.system || tessera_options.session)
    self
        = try_bus (&search, tessera_options.system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION, start);
  else
    self = try_usual_places (&search, start);
  if (self == NULL)
    g_set_error (error, TESSERA_SERVICE_ERROR,
                 search.not_permitted ? TESSERA_SERVICE_ERROR_NOT_PERMITTED
                                      : TESSERA_SERVICE_ERROR_NOT_REACHABLE,
                 "The service cannot be reached. %s", search.tried->str);
  g_string_free (search.tried, TRUE);
  return self;
}

void
tessera_service_free (TesseraService *self)
{
  g_object_unref (self->connection);
  g_free (self->bus_name);
  g_free (self->place);
  g_free (self);
}

GDBusConnection *
tessera_service_get_connection (TesseraService *self)
{
  return self->connection;
}

const char *
tessera_service_get_bus_name (TesseraService *self)
{
  return self->bus_name;
}

const char *
tessera_service_get_place (TesseraService *self)
{
  return self->place;
}

/* Calls */

char *
tessera_service_get_full_name (const char *interface)
{
  return strchr (interface, '.') != NULL ? g_strdup (interface)
                                         : g_strconcat (BUS_NAME ".", interface, NULL);
}

GVariant *
tessera_service_call_with_files (TesseraService *self,
                                 const char *path,
                                 const char *interface,
                                 const char *method,
                                 GVariant *parameters,
                                 const char *reply_type,
                                 GUnixFDList *files,
                                 GError **error)
{
  g_autofree char *name = tessera_service_get_full_name (interface);
  GError *remote = NULL;
  Wait wait;

  begin_lone_wait (&wait);
  add_timer (&wait, 1, on_second, NULL);
  g_dbus_connection_call_with_unix_fd_list (self->connection, self->bus_name, path, name, method,
                                            parameters,
                                            reply_type != NULL ? G_VARIANT_TYPE (reply_type) : NULL,
                                            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                            files != NULL ? G_MAXINT : CALL_TIMEOUT, files, NULL,
                                            on_result, &wait);
  g_autoptr (GAsyncResult) result = finish_wait (&wait);
  tessera_progress_tock ();
  GVariant *reply
      = g_dbus_connection_call_with_unix_fd_list_finish (self->connection, NULL, result, &remote);
  if (reply == NULL)
    take_remote_error (error, remote);
  return reply;
}

GVariant *
tessera_service_call (TesseraService *self,
                      const char *path,
                      const char *interface,
                      const char *method,
                      GVariant *parameters,
                      const char *reply_type,
                      GError **error)
{
  return tessera_service_call_with_files (self, path, interface, method, parameters, reply_type,
                                          NULL, error);
}
