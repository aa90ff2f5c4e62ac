/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tesserad: the authorization server as a service. Options, exit codes; the rest is in its parts.
 */

#include "tesserad-first-start.h"
#include "tesserad-log.h"
#include "tesserad-places.h"
#include "tesserad-process.h"
#include "tesserad-service.h"

#include <locale.h>

static char *option_configuration;
static gboolean option_user;
static gboolean option_check;
static gboolean option_version;

static const GOptionEntry entries[] = {
  { "config", 'c', 0, G_OPTION_ARG_FILENAME, &option_configuration,
    "Read this configuration (default: " SYSCONFDIR "/tessera/tessera.conf)", "FILE" },
  { "user", 0, 0, G_OPTION_ARG_NONE, &option_user,
    "Be the service of one person: files below their home, reached by the session bus", NULL },
  { "check-config", 0, 0, G_OPTION_ARG_NONE, &option_check,
    "Say whether the configuration is good, and stop", NULL },
  { "version", 0, 0, G_OPTION_ARG_NONE, &option_version, "Say the version, and stop", NULL },
  { NULL },
};

static gboolean
parse_options (int *argc, char ***argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_set_summary (context, "An OAuth 2 authorization server.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("tesserad: %s\n", error->message);
      return FALSE;
    }
  if (*argc > 1)
    {
      g_printerr ("tesserad: \"%s\" is one word too many; see tesserad --help\n", (*argv)[1]);
      return FALSE;
    }
  return TRUE;
}

static int
check_configuration (const char *file)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseradConfiguration) configuration
      = tesserad_service_read_configuration (file, &error);

  if (configuration == NULL || !tesserad_configuration_check_keys (configuration, &error))
    {
      g_printerr ("tesserad: %s\n", error->message);
      return tesserad_service_get_exit_code (error);
    }
  for (guint i = 0; i < configuration->notices->len; i++)
    g_print ("%s\n", (const char *) g_ptr_array_index (configuration->notices, i));
  g_print ("%s: good, %u clients\n", file, configuration->clients->len);
  return TESSERAD_EXIT_STOPPED;
}

static int
run (const char *file)
{
  g_autoptr (TesseradService) service = NULL;
  int exit_code = TESSERAD_EXIT_FAILURE;

  tesserad_process_drop_privileges ();
  tesserad_log_start_thread ();
  service = tesserad_service_new (file);
  exit_code = tesserad_service_run (service);
  g_clear_pointer (&service, tesserad_service_free);
  tesserad_log_stop_thread ();
  return exit_code;
}

static int
act (const char *file)
{
  return option_check ? check_configuration (file) : run (file);
}

static int
act_on_default (void)
{
  g_autofree char *file = tesserad_places_dup_configuration ();
  g_autoptr (GError) error = NULL;

  if (!option_user || option_check || tesserad_first_start (file, &error))
    return act (file);
  g_printerr ("tesserad: %s\n", error->message);
  return TESSERAD_EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
  int exit_code = TESSERAD_EXIT_USAGE;

  setlocale (LC_ALL, "");
  tesserad_process_harden ();
  tesserad_log_start ();
  g_set_prgname ("tesserad");
  if (!parse_options (&argc, &argv))
    return TESSERAD_EXIT_USAGE;
  if (option_version)
    {
      g_print ("tesserad %s\n", TESSERAD_VERSION);
      return TESSERAD_EXIT_STOPPED;
    }

  tesserad_process_prepare_keys ();
  tesserad_process_prepare_database ();
  tesserad_places_set_user (option_user);
  if (option_configuration != NULL)
    exit_code = act (option_configuration);
  else
    exit_code = act_on_default ();
  g_free (option_configuration);
  return exit_code;
}
