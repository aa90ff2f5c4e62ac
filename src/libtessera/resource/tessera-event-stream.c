/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reader of event streams that takes them in pieces and within limits (WHATWG HTML, "Server-sent
 * events", parsing and interpreting an event stream). */
#include "resource/tessera-event-stream-private.h"

#include "base/tessera-error.h"

#include <string.h>

#define BOM "\xef\xbb\xbf"
#define RETRY_MAX_MS G_MAXINT32

struct _TesseraEventStream
{
  GString *line; /* the line under way */
  GString *data; /* of the event under way: each line and a line feed */
  GString *type;
  GString *id; /* the last one, of this event or one before */
  gint64 retry_ms;
  gboolean is_first; /* no line has ended yet */
  gboolean after_cr; /* a line feed now belongs to the end of the line before */
  gboolean is_broken;
  TesseraEvent event;
};

TesseraEventStream *
tessera_event_stream_new (void)
{
  TesseraEventStream *self = g_new0 (TesseraEventStream, 1);

  self->line = g_string_new (NULL);
  self->data = g_string_new (NULL);
  self->type = g_string_new (NULL);
  self->id = g_string_new (NULL);
  self->retry_ms = -1;
  self->is_first = TRUE;
  return self;
}

void
tessera_event_stream_free (TesseraEventStream *self)
{
  g_string_free (self->line, TRUE);
  g_string_free (self->data, TRUE);
  g_string_free (self->type, TRUE);
  g_string_free (self->id, TRUE);
  g_free (self);
}

static void
read_retry (TesseraEventStream *self, const char *value, gsize length)
{
  gint64 retry_ms = 0;

  if (length == 0)
    return;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (value[i]))
        return;
      retry_ms = MIN (retry_ms * 10 + (value[i] - '0'), RETRY_MAX_MS);
    }
  self->retry_ms = retry_ms;
}

static gboolean
is_name (const char *name, gsize length, const char *wanted)
{
  return strlen (wanted) == length && memcmp (name, wanted, length) == 0;
}

/* FALSE when the event grows too large. */
static gboolean
take_field (
    TesseraEventStream *self, const char *name, gsize name_length, const char *value, gsize length)
{
  if (is_name (name, name_length, "data"))
    {
      if (self->data->len + length + 1 > TESSERA_EVENT_DATA_MAX + 1)
        return FALSE;
      g_string_append_len (self->data, value, (gssize) length);
      g_string_append_c (self->data, '\n');
    }
  else if (is_name (name, name_length, "event"))
    g_string_append_len (g_string_truncate (self->type, 0), value, (gssize) length);
  else if (is_name (name, name_length, "id"))
    {
      if (memchr (value, '\0', length) == NULL)
        g_string_append_len (g_string_truncate (self->id, 0), value, (gssize) length);
    }
  else if (is_name (name, name_length, "retry"))
    read_retry (self, value, length);
  return TRUE;
}

/* Without data there is no event, but what the lines set stays set as far as it is not the event's.
 */
static const TesseraEvent *
take_event (TesseraEventStream *self)
{
  if (self->data->len == 0)
    {
      g_string_truncate (self->type, 0);
      return NULL;
    }
  self->event = (TesseraEvent){ .type = self->type->len > 0 ? self->type->str : "message",
                                .id = self->id->str,
                                .data = self->data->str,
                                .length = self->data->len - 1 };
  self->data->str[self->event.length] = '\0';
  return &self->event;
}

/* The event that was handed out is over. */
static void
forget_event (TesseraEventStream *self)
{
  if (self->event.type == NULL)
    return;
  self->event = (TesseraEvent){ .type = NULL };
  g_string_truncate (self->data, 0);
  g_string_truncate (self->type, 0);
}

static gboolean
take_line (TesseraEventStream *self, const TesseraEvent **out_event)
{
  const char *line = self->line->str;
  gsize length = self->line->len;

  if (self->is_first && length >= strlen (BOM) && memcmp (line, BOM, strlen (BOM)) == 0)
    {
      line += strlen (BOM);
      length -= strlen (BOM);
    }
  self->is_first = FALSE;
  if (length == 0)
    {
      *out_event = take_event (self);
      return TRUE;
    }

  const char *colon = memchr (line, ':', length);
  if (colon == NULL)
    return take_field (self, line, length, "", 0);
  const char *value = colon + 1;
  const char *end = line + length;
  if (value < end && *value == ' ')
    value++;
  /* A comment is a field without a name, which nobody knows. */
  return take_field (self, line, (gsize) (colon - line), value, (gsize) (end - value));
}

/* Moves on to the end of the line, or of what there is. TRUE: the line is complete. */
static gboolean
collect_line (TesseraEventStream *self, const char **bytes, gsize *length)
{
  const char *at = *bytes;
  const char *end = at + *length;

  if (self->after_cr && at < end)
    {
      at += *at == '\n';
      self->after_cr = FALSE;
    }
  const char *start = at;
  while (at < end && *at != '\r' && *at != '\n')
    at++;
  /* One byte more than may be is kept, so that it is seen that there are too many. */
  gsize room = TESSERA_EVENT_LINE_MAX + 1 - self->line->len;
  g_string_append_len (self->line, start, (gssize) MIN ((gsize) (at - start), room));
  gboolean is_complete = at < end;
  if (is_complete)
    self->after_cr = *at++ == '\r';
  *bytes = at;
  *length = (gsize) (end - at);
  return is_complete;
}

gboolean
tessera_event_stream_read (TesseraEventStream *self,
                           const char **bytes,
                           gsize *length,
                           const TesseraEvent **out_event,
                           GError **error)
{
  *out_event = NULL;
  forget_event (self);
  while (!self->is_broken && *length > 0 && *out_event == NULL)
    {
      gboolean is_complete = collect_line (self, bytes, length);

      self->is_broken = self->line->len > TESSERA_EVENT_LINE_MAX;
      if (is_complete && !self->is_broken)
        {
          self->is_broken = !take_line (self, out_event);
          g_string_truncate (self->line, 0);
        }
    }
  if (self->is_broken)
    g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                         "The event stream has a line or an event that is too long.");
  return !self->is_broken;
}

gint64
tessera_event_stream_get_retry_ms (TesseraEventStream *self)
{
  return self->retry_ms;
}
