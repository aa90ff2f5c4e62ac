/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an answer ends (RFC 9112 §6.3, §7.1), and the gate's own answers (RFC 9110 §15.5). */

#include "gate/tessera-gate-answer-private.h"

#include "endpoints/tessera-exchange-private.h"
#include "server/tessera-soup-takeover-private.h"

#include <libsoup/soup.h>
#include <string.h>

#define CLOSE_FIELD "Connection: close\r\n"
#define STRICT_FIELD TESSERA_HSTS_NAME ": " TESSERA_HSTS_VALUE "\r\n"
#define HEAD_MAX 65536 /* bytes; libsoup writes a head at once, whoever took the stream may not */

enum
{
  CHUNK_SIZE,      /* the digits */
  CHUNK_EXTENSION, /* to the end of that line */
  CHUNK_DATA,
  CHUNK_END,          /* the line end behind the data */
  CHUNK_TRAILER,      /* at the start of a line */
  CHUNK_TRAILER_LINE, /* within one */
};

void
tessera_gate_answer_init (TesseraGateAnswer *self, gboolean no_body, gboolean closing)
{
  memset (self, 0, sizeof *self);
  self->no_body = no_body;
  self->closing = closing;
}

void
tessera_gate_answer_clear (TesseraGateAnswer *self)
{
  if (self->head != NULL)
    g_string_free (g_steal_pointer (&self->head), TRUE);
}

static void
append (GByteArray *out, const char *bytes, gsize length)
{
  g_byte_array_append (out, (const guint8 *) bytes, (guint) length);
}

/* The value behind "@name:" if @line is that field, else NULL. */
static const char *
get_value (const char *line, const char *end, const char *name)
{
  gsize length = strlen (name);

  if ((gsize) (end - line) <= length || line[length] != ':'
      || g_ascii_strncasecmp (line, name, length) != 0)
    return NULL;
  for (line += length + 1; line < end && (*line == ' ' || *line == '\t');)
    line++;
  return line;
}

static gboolean
contains (const char *value, const char *end, const char *token)
{
  gsize length = strlen (token);

  for (; (gsize) (end - value) >= length; value++)
    if (g_ascii_strncasecmp (value, token, length) == 0)
      return TRUE;
  return FALSE;
}

typedef struct
{
  gboolean says_close;
  gboolean has_length;
  gboolean is_strict;
} Fields;

static void
read_field (TesseraGateAnswer *self, Fields *fields, const char *line, const char *end)
{
  const char *value = NULL;

  switch (g_ascii_tolower (*line))
    {
    case 'c':
      if ((value = get_value (line, end, "Content-Length")) != NULL)
        {
          fields->has_length = TRUE;
          self->left = g_ascii_strtoull (value, NULL, 10);
        }
      else if ((value = get_value (line, end, "Connection")) != NULL)
        fields->says_close |= contains (value, end, "close");
      break;
    case 's':
      fields->is_strict |= get_value (line, end, TESSERA_HSTS_NAME) != NULL;
      break;
    case 't':
      if ((value = get_value (line, end, "Transfer-Encoding")) != NULL)
        self->chunked |= contains (value, end, "chunked");
      break;
    default:
      break;
    }
}

static void
read_fields (TesseraGateAnswer *self, Fields *fields, const char *head, const char *end)
{
  const char *line = memchr (head, '\n', (gsize) (end - head)), *line_end = NULL;

  for (; line != NULL && ++line < end; line = line_end)
    {
      line_end = memchr (line, '\n', (gsize) (end - line));
      if (line_end != NULL)
        read_field (self, fields, line, line_end);
    }
}

static guint
read_status (const char *head, gsize length)
{
  if (length < 12 || memcmp (head, "HTTP/1.", 7) != 0)
    return 0;
  return (guint) g_ascii_strtoull (head + 9, NULL, 10);
}

/* RFC 9112 §6.3. */
static void
begin_body (TesseraGateAnswer *self, const Fields *fields)
{
  if (self->no_body || self->status == 204 || self->status == 304)
    {
      self->state = TESSERA_GATE_ANSWER_COMPLETE;
      return;
    }
  self->state = TESSERA_GATE_ANSWER_BODY;
  self->delimited = self->chunked || fields->has_length;
  if (self->chunked)
    self->left = 0;
  else if (fields->has_length && self->left == 0)
    self->state = TESSERA_GATE_ANSWER_COMPLETE;
}

/* @head ends with the empty line. */
static void
take_head (TesseraGateAnswer *self, const char *head, gsize length, GByteArray *out)
{
  Fields fields = { 0 };

  self->status = read_status (head, length);
  if (self->status == 101)
    self->state = TESSERA_GATE_ANSWER_TUNNEL;
  if (self->status >= 100 && self->status < 200) /* an interim one: another head follows */
    {
      append (out, head, length);
      return;
    }

  self->left = 0;
  self->chunked = FALSE;
  read_fields (self, &fields, head, head + length);
  begin_body (self, &fields);
  if (fields.says_close || (self->state == TESSERA_GATE_ANSWER_BODY && !self->delimited))
    self->closing = TRUE;
  append (out, head, length - 2);
  if (self->closing && !fields.says_close)
    append (out, CLOSE_FIELD, strlen (CLOSE_FIELD));
  if (self->strict && !fields.is_strict)
    append (out, STRICT_FIELD, strlen (STRICT_FIELD));
  append (out, "\r\n", 2);
}

/* How much of @bytes belongs to the head that begins before or with them; 0: all, and it goes on.
 */
static gsize
find_head_end (const char *bytes, gsize length)
{
  const char *end = memmem (bytes, length, "\r\n\r\n", 4);

  return end != NULL ? (gsize) (end - bytes) + 4 : 0;
}

static gsize
take_head_piece (TesseraGateAnswer *self, const char *bytes, gsize length, GByteArray *out)
{
  gsize before = self->head != NULL ? self->head->len : 0;
  gsize end = 0;

  if (before == 0)
    {
      end = find_head_end (bytes, length);
      if (end > 0)
        {
          take_head (self, bytes, end, out);
          return end;
        }
      self->head = g_string_new (NULL);
    }
  g_string_append_len (self->head, bytes, (gssize) length);
  end = find_head_end (self->head->str, self->head->len);
  if (end == 0)
    {
      if (self->head->len <= HEAD_MAX)
        return length;
      end = self->head->len; /* no HTTP: let it through to its end */
      self->closing = TRUE;
      self->state = TESSERA_GATE_ANSWER_BODY;
      append (out, self->head->str, end);
    }
  else
    take_head (self, self->head->str, end, out);
  g_string_free (g_steal_pointer (&self->head), TRUE);
  return end - before;
}

static void
end_size_line (TesseraGateAnswer *self)
{
  self->chunk_state = self->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
}

/* One byte that is not data. */
static void
read_chunk_byte (TesseraGateAnswer *self, char byte)
{
  switch (self->chunk_state)
    {
    case CHUNK_SIZE:
      if (byte == '\n')
        end_size_line (self);
      else if (g_ascii_isxdigit (byte))
        self->left = self->left << 4 | (guint64) g_ascii_xdigit_value (byte);
      else
        self->chunk_state = CHUNK_EXTENSION;
      break;
    case CHUNK_EXTENSION:
      if (byte == '\n')
        end_size_line (self);
      break;
    case CHUNK_END:
      if (byte == '\n')
        self->chunk_state = CHUNK_SIZE;
      break;
    case CHUNK_TRAILER:
      if (byte == '\n')
        self->state = TESSERA_GATE_ANSWER_COMPLETE;
      else if (byte != '\r')
        self->chunk_state = CHUNK_TRAILER_LINE;
      break;
    default:
      if (byte == '\n')
        self->chunk_state = CHUNK_TRAILER;
      break;
    }
}

static gsize
read_chunks (TesseraGateAnswer *self, const char *bytes, gsize length)
{
  gsize at = 0;

  while (at < length && self->state == TESSERA_GATE_ANSWER_BODY)
    if (self->chunk_state == CHUNK_DATA)
      {
        gsize part = MIN (self->left, length - at);

        self->left -= part;
        at += part;
        if (self->left == 0)
          self->chunk_state = CHUNK_END;
      }
    else
      read_chunk_byte (self, bytes[at++]);
  return at;
}

static gsize
take_body_piece (TesseraGateAnswer *self, const char *bytes, gsize length, GByteArray *out)
{
  gsize part = length;

  if (self->chunked)
    part = read_chunks (self, bytes, length);
  else if (self->delimited)
    {
      part = MIN (self->left, length);
      self->left -= part;
      if (self->left == 0)
        self->state = TESSERA_GATE_ANSWER_COMPLETE;
    }
  append (out, bytes, part);
  return part;
}

void
tessera_gate_answer_take (TesseraGateAnswer *self, const char *bytes, gsize length, GByteArray *out)
{
  while (length > 0)
    {
      gsize part = length;

      switch (self->state)
        {
        case TESSERA_GATE_ANSWER_HEAD:
          part = take_head_piece (self, bytes, length, out);
          break;
        case TESSERA_GATE_ANSWER_BODY:
          part = take_body_piece (self, bytes, length, out);
          break;
        case TESSERA_GATE_ANSWER_TUNNEL:
          append (out, bytes, length);
          break;
        case TESSERA_GATE_ANSWER_COMPLETE:
          self->closing = TRUE;
          break;
        }
      bytes += part;
      length -= part;
    }
}

void
tessera_gate_answer_write_refusal (guint status,
                                   const char *description,
                                   gboolean strict,
                                   GByteArray *out)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = soup_date_time_to_string (now, SOUP_DATE_HTTP);
  g_autofree char *head = g_strdup_printf (
      "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s%sConnection: close\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
      status, tessera_soup_get_phrase (status), date, status == 503 ? "Retry-After: 1\r\n" : "",
      status == 405 ? "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n" : "",
      strict ? STRICT_FIELD : "", strlen (description) + 1);

  append (out, head, strlen (head));
  append (out, description, strlen (description));
  append (out, "\n", 1);
}
