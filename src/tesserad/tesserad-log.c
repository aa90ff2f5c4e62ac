/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the log: one message, one line; the audit trail through a thread of its own where that
 * could be held up. */

#include "tesserad-log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_DOMAIN "Tessera"
#define AUDIT_DOMAIN "Tessera-Audit"
#define RECORDS_MAX 8192 /* that may wait for the journal */

static GLogLevelFlags fatal_levels; /* what G_DEBUG asked for */
static gboolean hushed;             /* atomic */

/* A record of the audit trail on its way to the journal. */
typedef struct
{
  GLogLevelFlags level;
  gsize n_fields;
  GLogField fields[];
} Record;

static GAsyncQueue *records; /* Record*; NULL: no thread */
static GThread *thread;
static guint n_lost; /* atomic: there was no room for them */
static char the_end;

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

  if (domain != NULL && strcmp (domain, G_LOG_DOMAIN) != 0 && strcmp (domain, LIBRARY_DOMAIN) != 0
      && strcmp (domain, AUDIT_DOMAIN) != 0)
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

static void
write_now (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  if (!g_log_writer_is_journald (STDERR_FILENO)
      || g_log_writer_journald (level, fields, n_fields, NULL) != G_LOG_WRITER_HANDLED)
    write_line (level, fields, n_fields);
}

/* The audit trail. Whether it is written is its own affair, whatever G_MESSAGES_DEBUG says. A
 * journal that is slow would hold up everybody, so a thread talks to it; a line of stderr is
 * written at once, in its place among the others. */

static void
record_free (Record *record)
{
  for (gsize i = 0; i < record->n_fields; i++)
    g_free ((gpointer) record->fields[i].value);
  g_free (record);
}

static Record *
record_new (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  Record *record = g_malloc (sizeof (Record) + n_fields * sizeof (GLogField));

  record->level = level;
  record->n_fields = n_fields;
  for (gsize i = 0; i < n_fields; i++)
    record->fields[i] = (GLogField){ fields[i].key, g_strdup (fields[i].value), -1 };
  return record;
}

static void
tell_lost (void)
{
  guint lost = g_atomic_int_and (&n_lost, 0);

  if (lost > 0)
    g_warning ("the journal is too slow: it did not get %u records of the audit trail", lost);
}

static gpointer
write_records (gpointer data)
{
  for (;;)
    {
      gpointer record = g_async_queue_pop (records);

      if (record == &the_end)
        return NULL;
      write_now (((Record *) record)->level, ((Record *) record)->fields,
                 ((Record *) record)->n_fields);
      record_free (record);
      tell_lost ();
    }
}

static void
write_audit (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  if (records == NULL)
    write_now (level, fields, n_fields);
  else if (g_async_queue_length (records) >= RECORDS_MAX)
    g_atomic_int_add ((gint *) &n_lost, 1);
  else
    g_async_queue_push (records, record_new (level, fields, n_fields));
}

static GLogWriterOutput
write_record (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *domain = get_field (fields, n_fields, "GLIB_DOMAIN");

  if (g_strcmp0 (domain, AUDIT_DOMAIN) == 0)
    {
      write_audit (level, fields, n_fields);
      return G_LOG_WRITER_HANDLED;
    }
  if (g_log_writer_default_would_drop (level, domain) || is_hushed (level, domain))
    return G_LOG_WRITER_HANDLED;
  write_now (level, fields, n_fields);
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
tesserad_log_start_thread (void)
{
  if (!g_log_writer_is_journald (STDERR_FILENO))
    return;
  records = g_async_queue_new ();
  thread = g_thread_new ("tesserad-log", write_records, NULL);
}

void
tesserad_log_stop_thread (void)
{
  if (records == NULL)
    return;
  g_async_queue_push (records, &the_end);
  g_thread_join (thread);
  g_clear_pointer (&records, g_async_queue_unref);
}

void
tesserad_log_hush (gboolean hush)
{
  g_atomic_int_set (&hushed, hush);
}
