/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the log: one message, one line. */

#include "tesserad-log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_DOMAIN "Tessera"

static GLogLevelFlags fatal_levels; /* what G_DEBUG asked for */
static gboolean hushed;             /* atomic */

static const char *
get_level_name (GLogLevelFlags level)
{
  if (level & G_LOG_LEVEL_ERROR)
    return "ERROR";
  if (level & G_LOG_LEVEL_CRITICAL)
    return "CRITICAL";
  if (level & G_LOG_LEVEL_WARNING)
    return "WARNING";
  if (level & G_LOG_LEVEL_DEBUG)
    return "debug";
  return NULL;
}

static const char *
get_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (fields[i].length < 0 && g_str_equal (fields[i].key, key))
      return fields[i].value;
  return NULL;
}

/* Whoever wrote the message escaped what came from outside; this only keeps it on its line. */
static void
append_on_one_line (GString *line, const char *message)
{
  for (const char *c = message; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      g_string_append_printf (line, "\\x%02x", (guchar) *c);
    else
      g_string_append_c (line, *c);
}

static void
write_line (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  const char *domain = get_field (fields, n_fields, "GLIB_DOMAIN");
  const char *message = get_field (fields, n_fields, "MESSAGE");
  const char *name = get_level_name (level);
  g_autoptr (GString) line = g_string_new (NULL);
  gsize written = 0;

  if (domain != NULL && strcmp (domain, G_LOG_DOMAIN) != 0 && strcmp (domain, LIBRARY_DOMAIN) != 0)
    g_string_append_printf (line, "%s-", domain);
  if (name != NULL)
    g_string_append_printf (line, "%s: ", name);
  else if (line->len > 0)
    g_string_append (line, "message: ");
  append_on_one_line (line, message != NULL ? message : "(no message)");
  g_string_append_c (line, '\n');

  while (written < line->len)
    {
      gssize n = write (STDERR_FILENO, line->str + written, line->len - written);

      if (n <= 0)
        return;
      written += (gsize) n;
    }
}

static gboolean
is_hushed (GLogLevelFlags level, const char *domain)
{
  return g_atomic_int_get (&hushed) && (level & G_LOG_LEVEL_MESSAGE) != 0
         && g_strcmp0 (domain, LIBRARY_DOMAIN) == 0;
}

static GLogWriterOutput
write_record (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *domain = get_field (fields, n_fields, "GLIB_DOMAIN");

  if (g_log_writer_default_would_drop (level, domain) || is_hushed (level, domain))
    return G_LOG_WRITER_HANDLED;
  if (!g_log_writer_is_journald (STDERR_FILENO)
      || g_log_writer_journald (level, fields, n_fields, data) != G_LOG_WRITER_HANDLED)
    write_line (level, fields, n_fields);
  if ((level & fatal_levels) != 0) /* GLib's own writer would; a writer of our own has to */
    abort ();
  return G_LOG_WRITER_HANDLED;
}

void
tesserad_log_start (void)
{
  fatal_levels = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  g_log_set_always_fatal (fatal_levels);
  g_log_set_writer_func (write_record, NULL, NULL);
}

void
tesserad_log_hush (gboolean hush)
{
  g_atomic_int_set (&hushed, hush);
}
