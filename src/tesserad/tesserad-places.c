/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folders of the service: systemd's word first (systemd.exec(5)), then those of the machine, or
 * the person's (XDG Base Directory Specification). */

#include "tesserad-places.h"

static gboolean of_a_person;

void
tesserad_places_set_user (gboolean user)
{
  of_a_person = user;
}

gboolean
tesserad_places_is_user (void)
{
  return of_a_person;
}

static const char *
get_given (const char *variable)
{
  const char *given = g_getenv (variable);

  return given != NULL && g_path_is_absolute (given) ? given : NULL;
}

char *
tesserad_places_dup_configuration (void)
{
  if (of_a_person)
    return g_build_filename (g_get_user_config_dir (), "tessera", "tessera.conf", NULL);
  return g_strdup (SYSCONFDIR "/tessera/tessera.conf");
}

char *
tesserad_places_dup_state_directory (void)
{
  const char *given = get_given ("STATE_DIRECTORY");

  if (given != NULL)
    return g_strdup (given);
  if (of_a_person)
    return g_build_filename (g_get_user_state_dir (), "tessera", NULL);
  return g_strdup ("/var/lib/tessera");
}

/* Where nobody gave the service a folder for it, the state directory is one that is its own. */
char *
tesserad_places_dup_socket (const char *state_directory)
{
  const char *given = get_given ("RUNTIME_DIRECTORY");

  if (given != NULL)
    return g_build_filename (given, "bus", NULL);
  if (of_a_person && get_given ("XDG_RUNTIME_DIR") != NULL)
    return g_build_filename (get_given ("XDG_RUNTIME_DIR"), "tessera", "bus", NULL);
  return g_build_filename (state_directory, "bus", NULL);
}
