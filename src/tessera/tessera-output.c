/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What commands say: tables and lines for people, JSON for programs. */

#include "tessera-output.h"

#include "tessera-command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Text */

/* What would act on a terminal, or show text in another order than it has. */
static gboolean
is_unsafe (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
      return TRUE;
    default:
      return FALSE;
    }
}

char *
tessera_escape (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *safe = g_string_sized_new (strlen (valid));

  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar character = g_utf8_get_char (c);
      if (!is_unsafe (character))
        g_string_append_unichar (safe, character);
      else if (character < 0x80)
        g_string_append_printf (safe, "\\x%02x", character);
      else
        g_string_append_printf (safe, "\\u{%04x}", character);
    }
  return g_string_free (safe, FALSE);
}

/* How many places of a terminal it takes. */
static guint
get_width (const char *text)
{
  guint width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);
      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

static char *
format_distance (gint64 distance)
{
  static const struct
  {
    gint64 seconds;
    const char *name;
  } units[] = { { DAY, "day" }, { HOUR, "hour" }, { MINUTE, "minute" }, { 1, "second" } };
  gint64 length = ABS (distance);
  guint i = 0;

  if (length == 0)
    return g_strdup ("now");
  /* “47 hours”, but “2 days”. */
  while (length < 2 * units[i].seconds && units[i].seconds > 1)
    i++;
  gint64 count = (length + units[i].seconds / 2) / units[i].seconds;
  return g_strdup_printf ("%s%" G_GINT64_FORMAT " %s%s%s", distance > 0 ? "in " : "", count,
                          units[i].name, count == 1 ? "" : "s", distance < 0 ? " ago" : "");
}

char *
tessera_format_time (gint64 seconds, gboolean relative)
{
  g_autoptr (GDateTime) time = seconds != 0 ? g_date_time_new_from_unix_local (seconds) : NULL;
  g_autofree char *text = NULL;
  g_autofree char *distance = NULL;

  if (time == NULL)
    return g_strdup ("-");
  text = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S%:z");
  if (!relative)
    return g_steal_pointer (&text);
  distance = format_distance (seconds - g_get_real_time () / G_USEC_PER_SEC);
  return g_strdup_printf ("%s (%s)", text, distance);
}

/* Cells */

static char *
join_list (json_t *list)
{
  g_autoptr (GString) text = g_string_new (NULL);
  json_t *member = NULL;
  size_t i = 0;

  json_array_foreach (list, i, member)
    {
      g_autofree char *one = json_is_string (member) ? g_strdup (json_string_value (member))
                                                     : json_dumps (member, JSON_ENCODE_ANY);
      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", one != NULL ? one : "");
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
format_plain (json_t *value)
{
  if (json_is_string (value))
    return g_strdup (json_string_value (value));
  if (json_is_array (value))
    return join_list (value);
  if (json_is_boolean (value))
    return g_strdup (json_is_true (value) ? "yes" : "no");
  return json_dumps (value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static char *
format_value (json_t *value, TesseraColumnKind kind)
{
  switch (kind)
    {
    case TESSERA_COLUMN_TIME:
    case TESSERA_COLUMN_LIFE:
      return tessera_format_time ((gint64) json_number_value (value), kind == TESSERA_COLUMN_LIFE);
    case TESSERA_COLUMN_TIME_MS:
      return tessera_format_time ((gint64) json_integer_value (value) / 1000, FALSE);
    case TESSERA_COLUMN_SECONDS:
      return g_strdup_printf ("%" G_GINT64_FORMAT " s", (gint64) json_integer_value (value));
    case TESSERA_COLUMN_STATE:
      return g_strdup (json_is_true (value) ? "disabled" : "active");
    case TESSERA_COLUMN_TEXT:
    case TESSERA_COLUMN_FLAG:
    default:
      return format_plain (value);
    }
}

/* An empty cell is “-”, so that columns can be counted. */
static char *
format_cell (json_t *object, const TesseraColumn *column)
{
  json_t *value = json_object_get (object, column->member);
  g_autofree char *text = NULL;

  if (value != NULL)
    text = format_value (value, column->kind);
  if (text == NULL || *text == '\0')
    return g_strdup (column->kind == TESSERA_COLUMN_STATE ? "active" : "-");
  return tessera_escape (text);
}

/* Tables */

static guint
count_columns (const TesseraColumn *columns)
{
  guint n = 0;

  while (columns[n].title != NULL)
    n++;
  return n;
}

/* The last cell is not padded. */
static void
print_row (char **cells, const guint *widths, guint n_columns)
{
  for (guint i = 0; i + 1 < n_columns; i++)
    g_print ("%s%*s", cells[i], (int) (widths[i] - get_width (cells[i]) + 2), "");
  g_print ("%s\n", cells[n_columns - 1]);
}

static void
measure_row (char **cells, guint *widths, guint n_columns)
{
  for (guint i = 0; i < n_columns; i++)
    widths[i] = MAX (widths[i], get_width (cells[i]));
}

static char **
make_row (json_t *object, const TesseraColumn *columns, guint n_columns)
{
  char **cells = g_new0 (char *, n_columns + 1);

  for (guint i = 0; i < n_columns; i++)
    cells[i] = object != NULL ? format_cell (object, &columns[i]) : g_strdup (columns[i].title);
  return cells;
}

static void
print_table (json_t *list, const TesseraColumn *columns)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  guint n_columns = count_columns (columns);
  g_autofree guint *widths = g_new0 (guint, n_columns);
  json_t *object = NULL;
  size_t i = 0;

  g_ptr_array_add (rows, make_row (NULL, columns, n_columns));
  json_array_foreach (list, i, object)
    g_ptr_array_add (rows, make_row (object, columns, n_columns));
  for (guint row = 0; row < rows->len; row++)
    measure_row (rows->pdata[row], widths, n_columns);
  for (guint row = 0; row < rows->len; row++)
    print_row (rows->pdata[row], widths, n_columns);
}

void
tessera_output_list (json_t *list, const TesseraColumn *columns, const char *remark_if_empty)
{
  if (tessera_options.json)
    {
      tessera_output_json (list, FALSE);
      return;
    }
  if (json_array_size (list) > 0)
    print_table (list, columns);
  else
    tessera_remark ("%s", remark_if_empty);
  json_decref (list);
}

void
tessera_output_object (json_t *object, const TesseraColumn *columns)
{
  guint width = 0;

  if (tessera_options.json)
    {
      tessera_output_json (object, FALSE);
      return;
    }
  for (const TesseraColumn *c = columns; c->title != NULL; c++)
    if (json_object_get (object, c->member) != NULL)
      width = MAX (width, get_width (c->title));
  for (const TesseraColumn *c = columns; c->title != NULL; c++)
    if (json_object_get (object, c->member) != NULL)
      {
        g_autofree char *cell = format_cell (object, c);
        g_print ("%s%*s  %s\n", c->title, (int) (width - get_width (c->title)), "", cell);
      }
  json_decref (object);
}

/* Lines */

void
tessera_output_done (json_t *document, const char *format, ...)
{
  va_list arguments;

  if (tessera_options.json)
    {
      tessera_output_json (document, FALSE);
      return;
    }
  json_decref (document);
  va_start (arguments, format);
  g_autofree char *sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *safe = tessera_escape (sentence);
  g_print ("%s\n", safe);
}

void
tessera_output_line (const char *format, ...)
{
  va_list arguments;

  if (tessera_options.json)
    return;
  va_start (arguments, format);
  g_autofree char *sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *safe = tessera_escape (sentence);
  g_print ("%s\n", safe);
}

void
tessera_remark (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *safe = tessera_escape (sentence);
  g_printerr ("%s\n", safe);
}

/* JSON */

/* jansson escapes what is below U+0020; the others that is_unsafe () names can only be in strings,
 * and are escaped here. */
static char *
escape_json (const char *text)
{
  GString *safe = g_string_sized_new (strlen (text));

  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar character = g_utf8_get_char (c);
      if (character < 0x7f || !is_unsafe (character))
        g_string_append_unichar (safe, character);
      else if (character < 0x10000)
        g_string_append_printf (safe, "\\u%04x", character);
      else
        g_string_append_printf (safe, "\\u%04x\\u%04x", 0xd7c0 + (character >> 10),
                                0xdc00 + (character & 0x3ff));
    }
  return g_string_free (safe, FALSE);
}

void
tessera_output_json (json_t *document, gboolean on_one_line)
{
  char *text = json_dumps (document, on_one_line ? JSON_COMPACT : JSON_INDENT (2));
  g_autofree char *safe = text != NULL ? escape_json (text) : NULL;

  /* Not g_print (), which would write it in the character set of the locale. */
  fputs (safe != NULL ? safe : "null", stdout);
  fputc ('\n', stdout);
  free (text);
  json_decref (document);
}

/* Is it all there? */

gboolean
tessera_output_flush (void)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TRUE;
  if (errno != EPIPE)
    tessera_command_fail ("standard output: %s", g_strerror (errno));
  return FALSE;
}

int
tessera_output_finish (int status)
{
  return tessera_output_flush () || status != TESSERA_EXIT_DONE ? status : TESSERA_EXIT_FAILED;
}
