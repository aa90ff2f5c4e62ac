/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the head of a request by the letter, and writes it anew (RFC 9112 §2 to §6, §9; RFC 9110
 * §5.5, §5.6, §7.2, §7.8, §10.1.1). */
#include "gate/tessera-request-head-private.h"

#include <string.h>

#define METHOD_MAX 16 /* bytes; a word that is longer is none of ours */
#define CONTENT_LENGTH_DIGITS 7
#define PORT_MAX 65535
#define VERSION_LENGTH 8 /* "HTTP/1.1" */

#define CR '\r'

/* What the Connection field says. */
enum
{
  OPTION_CLOSE = 1 << 0,
  OPTION_KEEP_ALIVE = 1 << 1,
  OPTION_UPGRADE = 1 << 2,
  OPTION_WEBSOCKET = 1 << 3, /* and the Upgrade field */
};

typedef enum
{
  FIELD_SINGLE = 1 << 0,  /* at most one */
  FIELD_DROPPED = 1 << 1, /* not for libsoup: of this connection alone, or none of its business */
} FieldFlags;

typedef gboolean (*FieldReader) (TesseraRequestHead *self, const char *value, gsize length);

typedef struct
{
  const char *name;
  FieldFlags flags;
  FieldReader read;
} KnownField;

static const struct
{
  const char *name;
  TesseraRequestMethod method;
} methods[] = {
  { "GET", TESSERA_REQUEST_METHOD_GET },         { "HEAD", TESSERA_REQUEST_METHOD_HEAD },
  { "POST", TESSERA_REQUEST_METHOD_POST },       { "PUT", TESSERA_REQUEST_METHOD_PUT },
  { "DELETE", TESSERA_REQUEST_METHOD_DELETE },   { "PATCH", TESSERA_REQUEST_METHOD_PATCH },
  { "OPTIONS", TESSERA_REQUEST_METHOD_OPTIONS },
};

static gboolean
refuse (TesseraRequestHead *self, guint status, const char *description)
{
  self->status = status;
  self->description = description;
  return FALSE;
}

/* --- bytes --- */

static gboolean
is_one_of (char byte, const char *others)
{
  return byte != '\0' && strchr (others, byte) != NULL;
}

enum
{
  BYTE_OF_LINE = 1 << 0,  /* RFC 9110 §5.5: no control characters but the tab; CR ends lines */
  BYTE_OF_TOKEN = 1 << 1, /* RFC 9110 §5.6.2 */
};

#define LINE BYTE_OF_LINE
#define BOTH (BYTE_OF_LINE | BYTE_OF_TOKEN)

/* Every byte of a head is looked at. */
static const guint8 byte_kinds[256] = {
  ['\t'] = LINE,        [CR] = LINE,           [' '] = LINE,         ['!'] = BOTH,
  ['"'] = LINE,         ['#' ... '\''] = BOTH, ['('] = LINE,         [')'] = LINE,
  ['*'] = BOTH,         ['+'] = BOTH,          [','] = LINE,         ['-'] = BOTH,
  ['.'] = BOTH,         ['/'] = LINE,          ['0' ... '9'] = BOTH, [':' ... '@'] = LINE,
  ['A' ... 'Z'] = BOTH, ['[' ... ']'] = LINE,  ['^' ... 'z'] = BOTH, ['{'] = LINE,
  ['|'] = BOTH,         ['}'] = LINE,          ['~'] = BOTH,         [0x80 ... 0xff] = LINE,
};

#undef LINE
#undef BOTH

static gboolean
is_token_byte (char byte)
{
  return (byte_kinds[(guint8) byte] & BYTE_OF_TOKEN) != 0;
}

static gboolean
is_line_byte (char byte)
{
  return (byte_kinds[(guint8) byte] & BYTE_OF_LINE) != 0;
}

static gboolean
is_space (char byte)
{
  return byte == ' ' || byte == '\t';
}

static gboolean
equals (const char *text, gsize length, const char *word)
{
  return strlen (word) == length && g_ascii_strncasecmp (text, word, length) == 0;
}

static gboolean
are_digits (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isdigit (text[i]))
      return FALSE;
  return length > 0;
}

/* --- the request line --- */

/* RFC 9110 §9.3.6, §9.3.8: nothing is tunnelled here, and nobody is told what a proxy added. */
static gboolean
read_method (TesseraRequestHead *self, const char *word, gsize length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    if (strlen (methods[i].name) == length && memcmp (word, methods[i].name, length) == 0)
      {
        self->method = methods[i].method;
        self->target = (guint16) (length + 1);
        return TRUE;
      }
  if (length == 0)
    return refuse (self, 400, "The request line has no method.");
  if ((length == 5 && memcmp (word, "TRACE", 5) == 0)
      || (length == 7 && memcmp (word, "CONNECT", 7) == 0))
    return refuse (self, 405, "The method is not allowed here.");
  return refuse (self, 501, "The method is not known here.");
}

/* Looks for the method's end; self->target tells that it was found. */
static gboolean
find_method (TesseraRequestHead *self, const char *bytes, gsize end)
{
  for (gsize at = 0; at < end && self->target == 0; at++)
    {
      if (bytes[at] == ' ')
        {
          if (!read_method (self, bytes, at))
            return FALSE;
        }
      else if (!is_token_byte (bytes[at]))
        return refuse (self, 400, "The request does not begin with a method.");
      else if (at >= METHOD_MAX)
        return refuse (self, 501, "The method is not known here.");
    }
  return TRUE;
}

/* Once the target's longest end is among the bytes, it has ended or is too long. */
static gboolean
check_target_length (TesseraRequestHead *self, const char *bytes, gsize end)
{
  gsize longest = self->target + TESSERA_REQUEST_TARGET_MAX;

  if (self->target == 0 || end <= longest)
    return TRUE;
  if (memchr (bytes + self->target, ' ', TESSERA_REQUEST_TARGET_MAX + 1) != NULL)
    return TRUE;
  return refuse (self, 414, "The address is too long.");
}

/* RFC 3986 §3.3, §3.4. In a query browsers leave more as it is (the URL Standard's query state). */
static gboolean
is_target_byte (char byte, gboolean in_query)
{
  return g_ascii_isalnum (byte) || is_one_of (byte, "/-._~!$&'()*+,;=:@")
         || (in_query && is_one_of (byte, "?[]{}|\\^`"));
}

/* RFC 9112 §3.2.1. Where the path ends, and whether something is escaped in it, is seen by the way.
 */
static gboolean
is_origin_form (TesseraRequestHead *self, const char *target, gsize length)
{
  gboolean in_query = FALSE;

  if (length == 0 || target[0] != '/')
    return FALSE;
  self->path_length = (guint16) length;
  for (gsize i = 0; i < length; i++)
    {
      if (target[i] == '%')
        {
          if (length - i < 3 || !g_ascii_isxdigit (target[i + 1])
              || !g_ascii_isxdigit (target[i + 2]))
            return FALSE;
          self->escaped_path |= !in_query;
        }
      else if (target[i] == '?')
        {
          self->path_length = MIN (self->path_length, (guint16) i);
          in_query = TRUE;
        }
      else if (!is_target_byte (target[i], in_query))
        return FALSE;
    }
  return TRUE;
}

/* The length of a dot at @at, which may be escaped; 0: there is none. */
static gsize
measure_dot (const char *at, const char *end)
{
  if (at < end && *at == '.')
    return 1;
  return end - at >= 3 && g_ascii_strncasecmp (at, "%2e", 3) == 0 ? 3 : 0;
}

/* RFC 3986 §3.3: "." or "..". Clients resolve them before they send (§5.2.4). Whoever looks at
 * addresses before us, a proxy maybe, would see another path than libsoup, which resolves them too.
 */
static gboolean
has_dot_segment (const char *path, gsize length)
{
  const char *end = path + length;

  for (const char *slash = path; slash != NULL; slash = memchr (slash, '/', (gsize) (end - slash)))
    {
      gsize first = measure_dot (++slash, end);
      const char *stop = first > 0 ? slash + first + measure_dot (slash + first, end) : NULL;

      if (stop != NULL && (stop == end || *stop == '/'))
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_target (TesseraRequestHead *self, const char *target, gsize length)
{
  if (self->method == TESSERA_REQUEST_METHOD_OPTIONS && length == 1 && target[0] == '*')
    return TRUE; /* RFC 9112 §3.2.4 */
  if (!is_origin_form (self, target, length))
    return refuse (self, 400, "The request's target is not a path.");
  if (has_dot_segment (target, self->path_length))
    return refuse (self, 400, "The request's path leads through . or .. elsewhere.");
  return TRUE;
}

/* RFC 9112 §2.3: the name is case-sensitive. */
static gboolean
read_version (TesseraRequestHead *self, const char *version, gsize length)
{
  if (length != VERSION_LENGTH || memcmp (version, "HTTP/", 5) != 0 || !g_ascii_isdigit (version[5])
      || version[6] != '.' || !g_ascii_isdigit (version[7]))
    return refuse (self, 400, "The request line does not end with a version of HTTP.");
  if (version[5] != '1' || version[7] > '1')
    return refuse (self, 505, "This version of HTTP is not spoken here.");
  self->minor_version = (guint8) (version[7] - '0');
  return TRUE;
}

/* RFC 9112 §3: single spaces, and no other white space. */
static gboolean
read_request_line (TesseraRequestHead *self, const char *bytes, gsize length)
{
  const char *target = bytes + self->target;
  const char *space = memchr (target, ' ', length - self->target);

  if (space == NULL)
    return refuse (self, 400, "The request line has no version of HTTP.");
  self->target_length = (guint16) (space - target);
  return check_target (self, target, self->target_length)
         && read_version (self, space + 1, length - (gsize) (space + 1 - bytes));
}

/* --- what the fields say --- */

static gboolean
is_port (const char *port, gsize length)
{
  guint number = 0;

  if (length > 5 || !are_digits (port, length))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    number = number * 10 + (guint) (port[i] - '0');
  return number <= PORT_MAX;
}

/* The length of the name or address, 0 when it is none: an IPv6 address in brackets, or a name in
 * the letters of names that are registered (fewer than RFC 3986 §3.2.2 allows). */
static gsize
measure_host (const char *value, gsize length)
{
  gsize end = 0;

  if (value[0] != '[')
    {
      while (end < length && (g_ascii_isalnum (value[end]) || is_one_of (value[end], "-._~")))
        end++;
      return end;
    }
  for (end = 1; end < length && (g_ascii_isxdigit (value[end]) || is_one_of (value[end], ":."));)
    end++;
  return end > 1 && end < length && value[end] == ']' ? end + 1 : 0;
}

/* RFC 9110 §7.2 */
static gboolean
read_host (TesseraRequestHead *self, const char *value, gsize length)
{
  gsize host = length > 0 ? measure_host (value, length) : 0;

  if (host > 0
      && (host == length || (value[host] == ':' && is_port (value + host + 1, length - host - 1))))
    return TRUE;
  return refuse (self, 400, "The Host is not a host.");
}

/* RFC 9112 §6.3: all depends on it, so one spelling only. */
static gboolean
read_content_length (TesseraRequestHead *self, const char *value, gsize length)
{
  if (!are_digits (value, length) || (length > 1 && value[0] == '0'))
    return refuse (self, 400, "The Content-Length is not a number of bytes.");
  if (length > CONTENT_LENGTH_DIGITS)
    return refuse (self, 413, "The body is too large.");
  for (gsize i = 0; i < length; i++)
    self->content_length = self->content_length * 10 + (gsize) (value[i] - '0');
  if (self->content_length > self->body_max)
    return refuse (self, 413, "The body is too large.");
  return TRUE;
}

/* RFC 9112 §6.1: a server may insist on a length, and with both nobody knows where the body ends.
 */
static gboolean
refuse_transfer_encoding (TesseraRequestHead *self, const char *value, gsize length)
{
  return refuse (self, 411, "The body must come with a Content-Length.");
}

/* RFC 9110 §10.1.1 */
static gboolean
read_expect (TesseraRequestHead *self, const char *value, gsize length)
{
  if (!equals (value, length, "100-continue"))
    return refuse (self, 417, "The expectation cannot be met.");
  self->expects_continue = TRUE;
  return TRUE;
}

static guint32
get_connection_option (const char *word, gsize length)
{
  if (equals (word, length, "close"))
    return OPTION_CLOSE;
  if (equals (word, length, "keep-alive"))
    return OPTION_KEEP_ALIVE;
  return equals (word, length, "upgrade") ? OPTION_UPGRADE : 0;
}

/* RFC 9110 §7.6.1. Options that name other fields drop nothing here: nothing is forwarded. */
static gboolean
read_connection (TesseraRequestHead *self, const char *value, gsize length)
{
  const char *end = value + length;

  while (value < end)
    {
      const char *comma = memchr (value, ',', (gsize) (end - value));
      const char *stop = comma != NULL ? comma : end;
      const char *last = stop;

      while (value < last && is_space (*value))
        value++;
      while (last > value && is_space (last[-1]))
        last--;
      self->options |= get_connection_option (value, (gsize) (last - value));
      value = stop + (comma != NULL ? 1 : 0);
    }
  return TRUE;
}

/* RFC 6455 §4.1; a server need not hear of other protocols (RFC 9110 §7.8). */
static gboolean
read_upgrade (TesseraRequestHead *self, const char *value, gsize length)
{
  if (equals (value, length, "websocket"))
    self->options |= OPTION_WEBSOCKET;
  return TRUE;
}

static const KnownField known_fields[] = {
  { "Host", FIELD_SINGLE, read_host },
  { "Content-Length", FIELD_SINGLE, read_content_length },
  { "Transfer-Encoding", FIELD_DROPPED, refuse_transfer_encoding },
  { "Connection", FIELD_DROPPED, read_connection },
  { "Expect", FIELD_SINGLE | FIELD_DROPPED, read_expect },
  { "Upgrade", FIELD_SINGLE | FIELD_DROPPED, read_upgrade },
  { "Authorization", FIELD_SINGLE, NULL },
  { "Proxy-Authorization", FIELD_SINGLE | FIELD_DROPPED, NULL },
  { "Content-Type", FIELD_SINGLE, NULL },
  { "Content-Encoding", FIELD_SINGLE, NULL },
  { "Cookie", FIELD_SINGLE, NULL },
  { "Origin", FIELD_SINGLE, NULL },
  { "Sec-WebSocket-Key", FIELD_SINGLE, NULL },
  { "Sec-WebSocket-Version", FIELD_SINGLE, NULL },
  { "Range", FIELD_DROPPED, NULL },
  { "If-Range", FIELD_DROPPED, NULL },
  { "Keep-Alive", FIELD_DROPPED, NULL },
  { "Proxy-Connection", FIELD_DROPPED, NULL },
  { "TE", FIELD_DROPPED, NULL },
  { "Trailer", FIELD_DROPPED, NULL },
  { "HTTP2-Settings", FIELD_DROPPED, NULL },
};
G_STATIC_ASSERT (G_N_ELEMENTS (known_fields) <= 32);
G_STATIC_ASSERT (TESSERA_REQUEST_FIELDS_MAX <= 64);

/* NULL: it means nothing here. */
static const KnownField *
lookup_known (const char *name, gsize length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known_fields); i++)
    if (equals (name, length, known_fields[i].name))
      return &known_fields[i];
  return NULL;
}

static gboolean
has_field (const TesseraRequestHead *self, const char *name)
{
  return (self->known & (1u << (lookup_known (name, strlen (name)) - known_fields))) != 0;
}

static gboolean
read_known (TesseraRequestHead *self, const KnownField *field, const char *value, gsize length)
{
  guint32 bit = 1u << (field - known_fields);

  if ((field->flags & FIELD_SINGLE) != 0 && (self->known & bit) != 0)
    return refuse (self, 400, "A header that must be single is repeated.");
  self->known |= bit;
  return field->read == NULL || field->read (self, value, length);
}

/* --- lines --- */

/* RFC 9112 §5.1: no white space between name and colon. */
static gsize
measure_name (const char *line, gsize length)
{
  gsize end = 0;

  while (end < length && is_token_byte (line[end]))
    end++;
  return end < length && line[end] == ':' ? end : 0;
}

static gboolean
read_field (TesseraRequestHead *self, const char *bytes, gsize start, gsize end)
{
  gsize name = measure_name (bytes + start, end - start);
  gsize value = start + name + 1;

  if (is_space (bytes[start])) /* RFC 9112 §2.2, §5.2 */
    return refuse (self, 400, "A line of the head begins with white space.");
  if (name == 0)
    return refuse (self, 400, "A line of the head is not a header.");
  if (self->n_fields == TESSERA_REQUEST_FIELDS_MAX)
    return refuse (self, 431, "The head of the request has too many headers.");
  while (value < end && is_space (bytes[value]))
    value++;
  while (end > value && is_space (bytes[end - 1]))
    end--;
  self->fields[self->n_fields++]
      = (TesseraRequestField){ (guint16) start, (guint16) name, (guint16) value,
                               (guint16) (end - value) };

  const KnownField *known = lookup_known (bytes + start, name);
  if (known == NULL)
    return TRUE;
  if ((known->flags & FIELD_DROPPED) != 0)
    self->dropped |= G_GUINT64_CONSTANT (1) << (self->n_fields - 1);
  return read_known (self, known, bytes + value, end - value);
}

/* RFC 9112 §9.3 */
static gboolean
is_kept_alive (const TesseraRequestHead *self)
{
  guint32 needed = self->minor_version == 0 ? OPTION_KEEP_ALIVE : 0;

  return (self->options & (OPTION_CLOSE | needed)) == needed;
}

static gboolean
is_upgrade (const TesseraRequestHead *self)
{
  guint32 needed = OPTION_UPGRADE | OPTION_WEBSOCKET;

  return (self->options & needed) == needed && self->minor_version == 1
         && self->method == TESSERA_REQUEST_METHOD_GET;
}

static gboolean
complete (TesseraRequestHead *self)
{
  if (self->minor_version == 1 && !has_field (self, "Host"))
    return refuse (self, 400, "The request names no Host.");
  /* RFC 9110 §9.3.1: content without a meaning, often a request in hiding. */
  if (self->content_length > 0
      && (self->method == TESSERA_REQUEST_METHOD_GET
          || self->method == TESSERA_REQUEST_METHOD_HEAD))
    return refuse (self, 400, "This method has no body.");
  self->expects_continue &= self->content_length > 0 && self->minor_version == 1;
  self->keep_alive = is_kept_alive (self);
  self->upgrade = is_upgrade (self);
  return TRUE;
}

/* The line whose LF is at @lf. */
static gboolean
read_line (TesseraRequestHead *self, const char *bytes, gsize lf)
{
  gsize start = self->line;

  if (lf == start || bytes[lf - 1] != CR) /* RFC 9112 §2.2 */
    return refuse (self, 400, "A line ends without a carriage return.");
  self->line = lf + 1;
  if (start == 0)
    return read_request_line (self, bytes, lf - 1);
  if (lf - 1 > start)
    return read_field (self, bytes, start, lf - 1);
  self->head_length = self->line;
  return complete (self);
}

/* The first byte from @at to @end that cannot be there, or @end. RFC 9112 §2.2: no bare CR. */
static gsize
find_bad_byte (const char *bytes, gsize at, gsize end)
{
  for (; at < end; at++)
    if (!is_line_byte (bytes[at]) || (at > 0 && bytes[at - 1] == CR))
      return at;
  return end;
}

/* A line's bytes, as many as there are, without its LF; those before @clean were looked at. In the
 * order of the bytes at which a verdict can fall. */
static gboolean
read_part (TesseraRequestHead *self, const char *bytes, gsize clean, gsize end)
{
  gsize bad = find_bad_byte (bytes, MAX (self->line, clean), end);

  if (self->line == 0
      && (!find_method (self, bytes, bad) || !check_target_length (self, bytes, bad)))
    return FALSE;
  if (bad < end)
    return refuse (self, 400, "The head of the request has a control character.");
  return TRUE;
}

static gboolean
read_lines (TesseraRequestHead *self, const char *bytes, gsize clean, gsize length)
{
  while (self->line < length && self->head_length == 0)
    {
      const char *lf = memchr (bytes + self->line, '\n', length - self->line);
      gsize end = lf != NULL ? (gsize) (lf - bytes) : length;

      if (!read_part (self, bytes, clean, end))
        return FALSE;
      if (lf == NULL)
        return TRUE;
      if (!read_line (self, bytes, end))
        return FALSE;
    }
  return TRUE;
}

/* Is all that is new part of one field? Then its bytes are all there is to look at. */
static gboolean
ends_no_line (const char *bytes, gsize seen, gsize length)
{
  return memchr (bytes, '\n', seen) != NULL && memchr (bytes + seen, '\n', length - seen) == NULL
         && find_bad_byte (bytes, seen, length) == length;
}

TesseraRequestHeadState
tessera_request_head_parse (
    TesseraRequestHead *self, const char *bytes, gsize length, gsize *seen, gsize body_max)
{
  gsize limit = MIN (length, TESSERA_REQUEST_HEAD_MAX);
  gsize clean = MIN (*seen, limit);

  if (clean == 0 || !ends_no_line (bytes, clean, limit))
    {
      memset (self, 0, sizeof *self);
      self->body_max = body_max;
      if (!read_lines (self, bytes, clean, limit))
        return TESSERA_REQUEST_HEAD_REFUSED;
      if (self->head_length > 0)
        return TESSERA_REQUEST_HEAD_COMPLETE;
    }
  *seen = limit;
  if (limit < TESSERA_REQUEST_HEAD_MAX)
    return TESSERA_REQUEST_HEAD_PARTIAL;
  refuse (self, 431, "The head of the request is too large.");
  return TESSERA_REQUEST_HEAD_REFUSED;
}

int
tessera_request_fields_find (
    const TesseraRequestField *fields, int n_fields, const char *bytes, const char *name, int from)
{
  for (int i = from; i < n_fields; i++)
    if (equals (bytes + fields[i].name, fields[i].name_length, name))
      return i;
  return -1;
}

int
tessera_request_head_find (const TesseraRequestHead *self,
                           const char *bytes,
                           const char *name,
                           int from)
{
  return tessera_request_fields_find (self->fields, self->n_fields, bytes, name, from);
}

/* --- anew --- */

static void
write_connection (const TesseraRequestHead *self, gboolean last, GString *out)
{
  gboolean close = last || !self->keep_alive;

  if (self->upgrade)
    g_string_append_printf (out, "Upgrade: websocket\r\nConnection: %sUpgrade\r\n",
                            close ? "close, " : "");
  else if (close)
    g_string_append (out, "Connection: close\r\n");
  else if (self->minor_version == 0)
    g_string_append (out, "Connection: keep-alive\r\n");
}

/* libsoup takes the query for a part of the path where there is no Host, as HTTP/1.0 allows. */
void
tessera_request_head_write (const TesseraRequestHead *self,
                            const char *bytes,
                            gboolean last,
                            GString *out)
{
  g_string_append_len (out, bytes, self->target + self->target_length);
  g_string_append (out, self->minor_version == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (guint i = 0; i < self->n_fields; i++)
    {
      const TesseraRequestField *field = &self->fields[i];

      if ((self->dropped >> i & 1) != 0)
        continue;
      g_string_append_len (out, bytes + field->name, field->name_length);
      g_string_append (out, ": ");
      g_string_append_len (out, bytes + field->value, field->value_length);
      g_string_append (out, "\r\n");
    }
  if (self->minor_version == 0 && !has_field (self, "Host"))
    g_string_append (out, "Host: localhost\r\n");
  write_connection (self, last, out);
  g_string_append (out, "\r\n");
}
