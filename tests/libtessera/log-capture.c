/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the code under test logs, kept for tests to look at. */

#include "log-capture.h"

#include <string.h>

typedef struct
{
  GLogLevelFlags level;
  char *text;
} Line;

static GMutex lock;
static GArray *lines; /* Line; NULL: not capturing */

static void
line_clear (gpointer data)
{
  g_free (((Line *) data)->text);
}

static char *
dup_message (const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      return g_strdup (fields[i].value);
  return g_strdup ("");
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  g_mutex_lock (&lock);
  gboolean keep = lines != NULL;
  if (keep && level != G_LOG_LEVEL_DEBUG) /* GIO says much of itself there */
    {
      Line line = { level & G_LOG_LEVEL_MASK, dup_message (fields, n_fields) };
      g_array_append_val (lines, line);
    }
  g_mutex_unlock (&lock);
  return keep ? G_LOG_WRITER_HANDLED : g_log_writer_default (level, fields, n_fields, data);
}

void
log_capture_init (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

void
log_capture_begin (void)
{
  g_mutex_lock (&lock);
  g_assert_null (lines);
  lines = g_array_new (FALSE, FALSE, sizeof (Line));
  g_array_set_clear_func (lines, line_clear);
  g_mutex_unlock (&lock);
}

static GArray *
take_lines (void)
{
  g_mutex_lock (&lock);
  GArray *taken = g_steal_pointer (&lines);
  g_mutex_unlock (&lock);
  return taken;
}

void
log_capture_assert_one (GLogLevelFlags level, const char *pattern)
{
  g_autoptr (GArray) taken = take_lines ();
  g_assert_cmpuint (taken->len, ==, 1);
  Line *line = &g_array_index (taken, Line, 0);
  if (!g_pattern_match_simple (pattern, line->text))
    g_test_message ("logged: %s", line->text);
  g_assert_true (g_pattern_match_simple (pattern, line->text));
  g_assert_cmpint (line->level, ==, level);
}

void
log_capture_assert_some (GLogLevelFlags level, const char *pattern)
{
  g_autoptr (GArray) taken = take_lines ();
  gboolean found = FALSE;
  for (guint i = 0; i < taken->len; i++)
    {
      Line *line = &g_array_index (taken, Line, i);
      found |= line->level == level && g_pattern_match_simple (pattern, line->text);
    }
  g_assert_true (found);
}

void
log_capture_assert_none (void)
{
  g_autoptr (GArray) taken = take_lines ();
  g_assert_cmpuint (taken->len, ==, 0);
}

void
log_capture_end (void)
{
  g_autoptr (GArray) taken = take_lines ();
}
