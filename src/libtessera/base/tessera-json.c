/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON read strictly and written compactly, by jansson (RFC 8259). */
#include "base/tessera-json-private.h"

#include "base/tessera-error.h"

#include <string.h>

gboolean
tessera_json_is_shallow (const char *text, gsize length)
{
  gboolean in_string = FALSE;
  guint depth = 0;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];
      if (in_string)
        {
          if (c == '\\')
            i++;
          else if (c == '"')
            in_string = FALSE;
        }
      else if (c == '"')
        in_string = TRUE;
      else if ((c == '{' || c == '[') && ++depth > TESSERA_JSON_MAX_DEPTH)
        return FALSE;
      else if ((c == '}' || c == ']') && depth > 0)
        depth--;
    }
  return TRUE;
}

json_t *
tessera_json_parse (const char *text, gsize length, gsize max_length, GError **error)
{
  g_autoptr (json_t) json = NULL;

  /* jansson passes over a NUL behind a number. */
  if (length <= max_length && memchr (text, '\0', length) == NULL
      && tessera_json_is_shallow (text, length))
    json = json_loadb (text, length, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object (json))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "A JSON object was expected.");
      return NULL;
    }
  return g_steal_pointer (&json);
}

static int
append_to_string (const char *buffer, size_t size, void *data)
{
  g_string_append_len (data, buffer, (gssize) size);
  return 0;
}

char *
tessera_json_dump (const json_t *json)
{
  GString *text = g_string_sized_new (256);

  if (json_dump_callback (json, append_to_string, text, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
    g_error ("A JSON value of our own cannot be written.");
  return g_string_free (text, FALSE);
}

void
tessera_json_append_string (GString *text, const char *value)
{
  g_string_append_c (text, '"');
  for (const char *c = value; *c != '\0'; c++)
    if (*c == '"' || *c == '\\')
      {
        g_string_append_c (text, '\\');
        g_string_append_c (text, *c);
      }
    else if ((guchar) *c < 0x20) /* RFC 8259 §7 */
      g_string_append_printf (text, "\\u%04x", (guint) (guchar) *c);
    else
      g_string_append_c (text, *c);
  g_string_append_c (text, '"');
}
