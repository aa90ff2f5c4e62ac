/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-outbound: asks other machines for what a Tessera server needs of them, so that the server
 * itself opens no connection. */

#include "outbound-reception.h"
#include "outbound-settings.h"

#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_FD 3 /* where systemd and tesserad put it */
#define DATA_MAX (128 * 1024 * 1024)
#define FILES_MAX 128
#define BEAT_SECONDS 5
#define HANG_SECONDS 15 /* after which the kernel ends us */

#define STATUS_USAGE 2
#define STATUS_CONFIGURATION 78

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_SANITIZER 1
#else
#define HAVE_SANITIZER 0
#endif

static void
limit (int what, rlim_t most)
{
  const struct rlimit limits = { most, most };

  setrlimit (what, &limits);
}

/* What could send a request another way, look up another name, or run code that somebody else
 * chose. */
static void
clean_environment (void)
{
  static const char *const unwanted[] = { "http_proxy",
                                          "https_proxy",
                                          "all_proxy",
                                          "no_proxy",
                                          "HTTP_PROXY",
                                          "HTTPS_PROXY",
                                          "ALL_PROXY",
                                          "NO_PROXY",
                                          "ftp_proxy",
                                          "FTP_PROXY",
                                          "GIO_EXTRA_MODULES",
                                          "GIO_MODULE_DIR",
                                          "GIO_USE_TLS",
                                          "HOSTALIASES",
                                          "LOCALDOMAIN",
                                          "SSLKEYLOGFILE",
                                          "SSL_CERT_FILE",
                                          "SSL_CERT_DIR",
                                          "GIO_USE_PROXY_RESOLVER" };

  for (guint i = 0; i < G_N_ELEMENTS (unwanted); i++)
    g_unsetenv (unwanted[i]);
  g_setenv ("GIO_USE_VFS", "local", TRUE);
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  /* A name server that is silent is given up before the request is. */
  g_setenv ("RES_OPTIONS", "timeout:1 attempts:2", TRUE);
  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", TRUE);
}

static void
harden (void)
{
  clean_environment ();
  umask (0077);
  signal (SIGPIPE, SIG_IGN);
  limit (RLIMIT_CORE, 0);
  limit (RLIMIT_NOFILE, FILES_MAX);
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (HAVE_SANITIZER)
    return;
  limit (RLIMIT_DATA, DATA_MAX);
  /* LeakSanitizer looks at the process as a debugger does. */
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int
give_up (int status, const char *what, const GError *error)
{
  g_printerr ("tessera-outbound: %s%s%s\n", what, error != NULL ? ": " : "",
              error != NULL ? error->message : "");
  return status;
}

static gboolean
on_stop (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_CONTINUE;
}

/* Whatever a stranger sends that keeps the loop from turning, it does not keep us for ever. */
static gboolean
on_beat (gpointer data)
{
  alarm (HANG_SECONDS);
  return G_SOURCE_CONTINUE;
}

static void
on_over (gpointer data)
{
  g_main_loop_quit (data);
}

static void
serve (GSocket *socket, gboolean is_listening, OutboundRules *rules)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  OutboundReception *reception
      = outbound_reception_new (socket, is_listening, rules, on_over, loop);

  g_unix_signal_add (SIGTERM, on_stop, loop);
  g_unix_signal_add (SIGINT, on_stop, loop);
  g_timeout_add_seconds (BEAT_SECONDS, on_beat, NULL);
  on_beat (NULL);
  g_main_loop_run (loop);
  outbound_reception_free (reception);
  /* What was given up lets go of what it held. */
  while (g_main_context_pending (NULL))
    g_main_context_iteration (NULL, FALSE);
}

static int
run (OutboundSettings *settings)
{
  OutboundRules rules = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = NULL;
  int is_listening = 0;

  if (!outbound_settings_load (settings, &error)
      || !outbound_settings_make_rules (settings, &rules, &error))
    return give_up (STATUS_CONFIGURATION, "These settings cannot be", error);
  socket = g_socket_new_from_fd (SOCKET_FD, &error);
  if (socket == NULL || g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX
      || !g_socket_get_option (socket, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &error))
    return give_up (STATUS_USAGE, "It is started by tesserad, or by systemd for its socket", error);
  serve (socket, is_listening != 0, &rules);
  outbound_addresses_free (rules.addresses);
  g_clear_object (&rules.tls_database);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  OutboundSettings settings = { 0 };
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &settings.configuration,
      "The service's configuration, for what its [outbound] says", "FILE" },
    { "allow-address", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.allow_addresses,
      "Go there too, though it is not public, such as 10.1.0.0/16; may be given again", "RANGE" },
    { "ca-file", 0, 0, G_OPTION_ARG_FILENAME, &settings.ca_file,
      "Believe these authorities alone, in PEM, instead of the system's", "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Say the version", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  int status = STATUS_USAGE;

  setlocale (LC_ALL, "");
  harden ();
  g_option_context_set_summary (context, "Asks other machines on behalf of a Tessera server.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1)
    give_up (STATUS_USAGE, "see tessera-outbound --help", error);
  else if (version)
    g_print ("tessera-outbound %s\n", TESSERA_VERSION);
  else
    status = run (&settings);
  outbound_settings_clear (&settings);
  return version ? EXIT_SUCCESS : status;
}
