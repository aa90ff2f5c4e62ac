/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event streams (WHATWG HTML, "Server-sent events") against a second reader, which has the whole
 * stream before it and goes by the words of the specification. The first byte of the input says how
 * the rest is cut. */

#include "fuzz.h"
#include "resource/tessera-event-stream-private.h"

#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

/* --- the second reader --- */

typedef struct
{
  GString *said;
  GString *data;
  GString *type;
  GString *id;
  gint64 retry_ms;
} Second;

static void
say (GString *said, const char *type, const GString *id, const char *data, gsize length)
{
  g_string_append_printf (said, "[%s|%s|%" G_GSIZE_FORMAT "|", type, id->str, length);
  g_string_append_len (said, data, (gssize) length);
  g_string_append_c (said, ']');
}

static void
second_retry (Second *self, const char *value)
{
  gdouble number = 0; /* exact as far as it matters */

  if (value[0] == '\0' || strspn (value, "0123456789") != strlen (value))
    return;
  for (; *value != '\0'; value++)
    number = number * 10 + (*value - '0');
  self->retry_ms = number > G_MAXINT32 ? G_MAXINT32 : (gint64) number;
}

static void
second_line (Second *self, const char *line, gsize length)
{
  const char *colon = memchr (line, ':', length);
  g_autofree char *name = g_strndup (line, colon != NULL ? (gsize) (colon - line) : length);
  gsize name_length = colon != NULL ? (gsize) (colon - line) : length;
  GString *value = g_string_new_len (colon != NULL ? colon + 1 : "",
                                     colon != NULL ? (gssize) (length - name_length - 1) : 0);

  if (value->len > 0 && value->str[0] == ' ')
    g_string_erase (value, 0, 1);
  if (length == 0)
    {
      if (self->data->len > 0)
        say (self->said, self->type->len > 0 ? self->type->str : "message", self->id,
             self->data->str, self->data->len - 1);
      g_string_truncate (self->data, 0);
      g_string_truncate (self->type, 0);
    }
  else if (strlen (name) != name_length)
    ;
  else if (g_str_equal (name, "event"))
    g_string_append_len (g_string_truncate (self->type, 0), value->str, (gssize) value->len);
  else if (g_str_equal (name, "data"))
    {
      g_string_append_len (self->data, value->str, (gssize) value->len);
      g_string_append_c (self->data, '\n');
    }
  else if (g_str_equal (name, "id") && strlen (value->str) == value->len)
    g_string_assign (self->id, value->str);
  else if (g_str_equal (name, "retry") && strlen (value->str) == value->len)
    second_retry (self, value->str);
  g_string_free (value, TRUE);
}

static void
second_read (Second *self, const char *text, gsize length)
{
  if (length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    {
      text += 3;
      length -= 3;
    }
  /* All line ends become line feeds; what follows the last one is no line. */
  g_autoptr (GString) plain = g_string_new (NULL);
  for (gsize i = 0; i < length; i++)
    if (text[i] != '\r')
      g_string_append_c (plain, text[i]);
    else if (i + 1 == length || text[i + 1] != '\n')
      g_string_append_c (plain, '\n');
  const char *at = plain->str;
  const char *end = at + plain->len;
  for (const char *feed; (feed = memchr (at, '\n', (gsize) (end - at))) != NULL; at = feed + 1)
    second_line (self, at, (gsize) (feed - at));
}

/* --- the first --- */

static void
first_read (TesseraEventStream *stream, GString *said, const char *text, gsize length)
{
  while (length > 0)
    {
      const TesseraEvent *event = NULL;
      gsize before = length;

      /* No input is longer than a line may be. */
      g_assert_true (tessera_event_stream_read (stream, &text, &length, &event, NULL));
      g_assert_cmpuint (length, <, before);
      if (event != NULL)
        {
          g_autoptr (GString) id = g_string_new (event->id);
          say (said, event->type, id, event->data, event->length);
        }
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size == 0 || size > 4096)
    return 0;
  const char *text = (const char *) data + 1;
  gsize length = size - 1;
  gsize piece = data[0] > 0 ? data[0] : length + 1;
  Second second
      = { g_string_new (NULL), g_string_new (NULL), g_string_new (NULL), g_string_new (NULL), -1 };
  g_autoptr (TesseraEventStream) stream = tessera_event_stream_new ();
  g_autoptr (GString) said = g_string_new (NULL);

  second_read (&second, text, length);
  for (gsize at = 0; at < length; at += piece)
    first_read (stream, said, text + at, MIN (piece, length - at));
  g_assert_true (g_string_equal (said, second.said));
  g_assert_cmpint (tessera_event_stream_get_retry_ms (stream), ==, second.retry_ms);

  g_string_free (second.said, TRUE);
  g_string_free (second.data, TRUE);
  g_string_free (second.type, TRUE);
  g_string_free (second.id, TRUE);
  return 0;
}
