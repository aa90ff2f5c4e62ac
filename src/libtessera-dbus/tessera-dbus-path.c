/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identifiers in object paths, as sd_bus_path_encode(3) escapes them. */

#include "tessera-dbus-path-private.h"

#include "tessera-dbus-export.h"

#include <string.h>

/* Letters and digits stay, but no digit comes first; all else is _ and two hex digits. The empty
 * identifier is a lone _. */
char *
tessera_dbus_path_new (const char *kind, const char *id)
{
  GString *path = g_string_new (TESSERA_DBUS_PATH "/");

  g_string_append_printf (path, "%s/", kind);
  if (*id == '\0')
    g_string_append_c (path, '_');
  for (const char *c = id; *c != '\0'; c++)
    if (g_ascii_isalpha (*c) || (c > id && g_ascii_isdigit (*c)))
      g_string_append_c (path, *c);
    else
      g_string_append_printf (path, "_%02x", (guint8) *c);
  return g_string_free (path, FALSE);
}

char *
tessera_dbus_path_unescape (const char *part)
{
  g_autoptr (GString) id = g_string_new (NULL);

  if (strcmp (part, "_") == 0)
    return g_strdup ("");
  while (*part != '\0')
    {
      if (*part != '_')
        {
          g_string_append_c (id, *part++);
          continue;
        }
      int high = g_ascii_xdigit_value (part[1]);
      int low = high >= 0 ? g_ascii_xdigit_value (part[2]) : -1;
      if (low < 0 || (high == 0 && low == 0))
        return NULL;
      g_string_append_c (id, (char) (high << 4 | low));
      part += 3;
    }
  return g_string_free (g_steal_pointer (&id), FALSE);
}

char *
tessera_dbus_path_dup_id (const char *path)
{
  return tessera_dbus_path_unescape (strrchr (path, '/') + 1);
}
