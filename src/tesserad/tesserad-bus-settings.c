/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* [dbus] of the configuration: on which bus the service can be controlled, and its own socket. */

#include "tesserad-bus-settings.h"

#include "tesserad-places.h"

void
tesserad_bus_settings_free (TesseradBusSettings *self)
{
  g_free (self->socket);
  g_free (self);
}

static gboolean
read_kind (TesseradKeyFile *key_file, TesseradBusKind *out_kind, GError **error)
{
  static const char *const names[] = {
    [TESSERAD_BUS_NONE] = "none",
    [TESSERAD_BUS_SYSTEM] = "system",
    [TESSERAD_BUS_SESSION] = "session",
  };
  g_autofree char *text = NULL;

  *out_kind = tesserad_places_is_user () ? TESSERAD_BUS_SESSION : TESSERAD_BUS_NONE;
  if (!tesserad_key_file_get_string (key_file, "dbus", "bus", &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (text, names[i]))
      {
        *out_kind = (TesseradBusKind) i;
        return TRUE;
      }
  return tesserad_key_file_refuse (key_file, "dbus", "bus", error,
                                   "must be system, session or none");
}

static gboolean
read_socket (TesseradKeyFile *key_file,
             const char *state_directory,
             char **out_socket,
             GError **error)
{
  g_autofree char *text = NULL;

  if (!tesserad_key_file_get_string (key_file, "dbus", "socket", &text, error))
    return FALSE;
  *out_socket = text != NULL ? tesserad_key_file_resolve (key_file, "dbus", "socket", text)
                             : tesserad_places_dup_socket (state_directory);
  return TRUE;
}

TesseradBusSettings *
tesserad_bus_settings_read (TesseradKeyFile *key_file, const char *state_directory, GError **error)
{
  g_autoptr (TesseradBusSettings) self = g_new0 (TesseradBusSettings, 1);

  if (!read_kind (key_file, &self->kind, error)
      || !read_socket (key_file, state_directory, &self->socket, error))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
tesserad_bus_settings_equal (const TesseradBusSettings *a, const TesseradBusSettings *b)
{
  return a->kind == b->kind && g_str_equal (a->socket, b->socket);
}
