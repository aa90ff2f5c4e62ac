/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-pam-agent: people log in to Tessera with their Unix accounts. */

#include "pam-agent.h"
#include "pam-conversation.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define NAME "org.tessera.Tessera1"
#define SECONDS_MAX 105
#define CONVERSATION_FD 3

#define STATUS_USAGE 2

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_SANITIZER 1
#else
#define HAVE_SANITIZER 0
#endif

typedef struct
{
  PamSettings settings;
  char *address;
  gboolean session;
  int priority;
  int seconds;
  gboolean conversation; /* we are a login's process */
  gboolean version;

  GMainLoop *loop;
  PamAgent *agent;
  int status;
} Program;

static void
harden (void)
{
  const struct rlimit none = { 0, 0 };

  setrlimit (RLIMIT_CORE, &none);
  if (!HAVE_SANITIZER) /* LeakSanitizer looks at the process as a debugger does */
    prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void
give_up (Program *self, const char *what, const GError *error)
{
  g_printerr ("tessera-pam-agent: %s%s%s\n", what, error != NULL ? ": " : "",
              error != NULL ? error->message : "");
  self->status = EXIT_FAILURE;
  if (self->loop != NULL)
    g_main_loop_quit (self->loop);
}

/* The command line */

static gboolean
parse (Program *self, int *argc, char ***argv)
{
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {
    { "address", 'a', 0, G_OPTION_ARG_STRING, &self->address,
      "The service's own socket, as a D-Bus address, instead of the system bus", "ADDRESS" },
    { "session", 0, 0, G_OPTION_ARG_NONE, &self->session, "The session bus", NULL },
    { "service", 's', 0, G_OPTION_ARG_STRING, &self->settings.service, "PAM service (tessera)",
      "NAME" },
    { "pam-directory", 0, 0, G_OPTION_ARG_FILENAME, &self->settings.directory,
      "Where PAM finds that service, instead of /etc/pam.d", "FOLDER" },
    { "minimum-uid", 0, 0, G_OPTION_ARG_INT64, &self->settings.minimum_uid,
      "The lowest uid that may log in (1000)", "UID" },
    { "maximum-uid", 0, 0, G_OPTION_ARG_INT64, &self->settings.maximum_uid,
      "The highest uid that may log in (60000)", "UID" },
    { "group", 'g', 0, G_OPTION_ARG_STRING_ARRAY, &self->settings.groups,
      "Only members of this group; may be given again", "GROUP" },
    { "priority", 'p', 0, G_OPTION_ARG_INT, &self->priority, "Among several agents (0)", "NUMBER" },
    { "timeout", 't', 0, G_OPTION_ARG_INT, &self->seconds,
      "How long PAM may take, at most 105 (45)", "SECONDS" },
    { "conversation", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &self->conversation, NULL, NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, "Say the version", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Lets people log in to Tessera with their Unix accounts.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, argc, argv, &error) && *argc == 1 && self->seconds >= 1
      && self->seconds <= SECONDS_MAX)
    return TRUE;
  g_printerr ("tessera-pam-agent: %s\n",
              error != NULL ? error->message : "see tessera-pam-agent --help");
  return FALSE;
}

/* Of a login's process: this program, told the same, and that it is one. */
static char **
make_arguments (int argc, char **argv, GError **error)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", error);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (program == NULL)
    return NULL;
  g_strv_builder_add_many (builder, program, "--conversation", NULL);
  for (int i = 1; i < argc; i++)
    g_strv_builder_add (builder, argv[i]);
  return g_strv_builder_end (builder);
}

/* The connection */

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  give_up (data, "The connection has gone", NULL);
}

static void
enroll (Program *self)
{
  g_autoptr (GError) error = NULL;

  if (pam_agent_register (self->agent, self->priority, &error))
    g_message ("registered");
  else
    give_up (self, "The service does not want this agent", error);
}

static void
on_name_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer data)
{
  Program *self = data;

  pam_agent_set_service (self->agent, owner);
  enroll (self);
}

static void
on_name_vanished (GDBusConnection *connection, const char *name, gpointer data)
{
  Program *self = data;

  pam_agent_set_service (self->agent, NULL);
}

static GDBusConnection *
connect_service (Program *self, GError **error)
{
  GBusType bus = self->session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM;

  if (self->address != NULL)
    return g_dbus_connection_new_for_address_sync (self->address,
                                                   G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT,
                                                   NULL, NULL, error);
  return g_bus_get_sync (bus, NULL, error);
}

static gboolean
on_stop (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_CONTINUE;
}

static int
serve (Program *self, const char *const *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = connect_service (self, &error);
  guint watch = 0;

  if (connection != NULL)
    {
      g_dbus_connection_set_exit_on_close (connection, FALSE);
      self->agent = pam_agent_new (connection, arguments, (guint) self->seconds, &error);
    }
  if (self->agent == NULL)
    {
      give_up (self, "The service cannot be reached", error);
      return self->status;
    }
  self->loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGTERM, on_stop, self->loop);
  g_unix_signal_add (SIGINT, on_stop, self->loop);
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  if (self->address != NULL)
    enroll (self);
  else
    watch = g_bus_watch_name_on_connection (connection, NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                            on_name_appeared, on_name_vanished, self, NULL);
  if (self->status == EXIT_SUCCESS)
    g_main_loop_run (self->loop);
  g_clear_handle_id (&watch, g_bus_unwatch_name);
  g_signal_handlers_disconnect_by_data (connection, self);
  pam_agent_free (self->agent);
  g_main_loop_unref (self->loop);
  return self->status;
}

static int
run (Program *self, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) arguments = make_arguments (argc, argv, &error);

  if (!parse (self, &argc, &argv))
    return STATUS_USAGE;
  if (self->version)
    {
      g_print ("tessera-pam-agent %s\n", TESSERA_VERSION);
      return EXIT_SUCCESS;
    }
  if (self->conversation)
    return pam_conversation_run (&self->settings, CONVERSATION_FD);
  if (arguments != NULL)
    return serve (self, (const char *const *) arguments);
  give_up (self, "No name of its own", error);
  return self->status;
}

int
main (int argc, char **argv)
{
  Program self = { .seconds = 45 };

  setlocale (LC_ALL, "");
  harden ();
  self.settings.service = g_strdup ("tessera");
  self.settings.minimum_uid = 1000;
  self.settings.maximum_uid = 60000;
  int status = run (&self, argc, argv);
  g_free (self.settings.service);
  g_free (self.settings.directory);
  g_strfreev (self.settings.groups);
  g_free (self.address);
  return status;
}
