/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made fit for a log (threats.md I01). */
#include "base/tessera-log-private.h"

#include <string.h>

#define MAX_LENGTH 200

static gboolean
is_plain (guchar c)
{
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '\\';
}

void
tessera_log_append_escaped (GString *line, const char *text)
{
  gsize length = strlen (text);
  gsize shown = MIN (length, MAX_LENGTH);

  for (gsize i = 0; i < shown;)
    {
      gsize plain = i;

      while (plain < shown && is_plain ((guchar) text[plain]))
        plain++;
      g_string_append_len (line, text + i, (gssize) (plain - i));
      if (plain < shown)
        g_string_append_printf (line, "\\x%02x", (guchar) text[plain]);
      i = plain + 1;
    }
  if (shown < length)
    g_string_append (line, "...");
}

char *
tessera_log_escape (const char *text)
{
  if (text == NULL)
    return g_strdup ("-");

  GString *line = g_string_sized_new (MIN (strlen (text), MAX_LENGTH) + 8);
  tessera_log_append_escaped (line, text);
  return g_string_free (line, FALSE);
}
