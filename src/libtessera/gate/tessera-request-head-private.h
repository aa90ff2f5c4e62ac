/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_REQUEST_FIELDS_MAX 64
#define TESSERA_REQUEST_HEAD_MAX 16384  /* bytes, with the request line */
#define TESSERA_REQUEST_TARGET_MAX 8192 /* bytes */
#define TESSERA_REQUEST_BODY_MAX 65536  /* bytes; the default of a listener */

/* A field as it came, without the white space around its value. */
typedef struct
{
  guint16 name, name_length; /* offset from the start of the head, and bytes */
  guint16 value, value_length;
} TesseraRequestField;

typedef enum
{
  TESSERA_REQUEST_METHOD_GET,
  TESSERA_REQUEST_METHOD_HEAD,
  TESSERA_REQUEST_METHOD_POST,
  TESSERA_REQUEST_METHOD_PUT,
  TESSERA_REQUEST_METHOD_DELETE,
  TESSERA_REQUEST_METHOD_PATCH,
  TESSERA_REQUEST_METHOD_OPTIONS,
} TesseraRequestMethod;

/* The head of one request as RFC 9112 §2 to §6 has it, and in no other form: CRLF line ends, an
 * origin-form target (or "*" of OPTIONS), a method of the list, HTTP/1.1 or 1.0, at most one Host
 * (exactly one in 1.1), at most one Content-Length (digits only, at most 7), no Transfer-Encoding,
 * no line folding, no space before a colon, no control characters in a value, names that are
 * tokens, no repeat of a field that must be single. Holds offsets into the bytes that were parsed,
 * so that it stays good when they are moved; allocates nothing. */
typedef struct
{
  TesseraRequestMethod method;
  guint8 minor_version; /* of HTTP/1.x */
  guint16 target, target_length;
  guint16 n_fields;
  TesseraRequestField fields[TESSERA_REQUEST_FIELDS_MAX];
  gsize head_length;         /* bytes, the empty line too */
  gsize content_length;      /* bytes; 0 when there is none */
  gboolean expects_continue; /* RFC 9110 §10.1.1 */
  gboolean keep_alive;       /* RFC 9112 §9.3 */
  gboolean upgrade;          /* asks for another protocol (RFC 9110 §7.8), which is WebSocket's */

  /* Of a refusal */
  guint status;            /* 400, 405, 411, 413, 414, 417, 431, 501, 505 */
  const char *description; /* static, for the answer and the log */
} TesseraRequestHead;

typedef enum
{
  TESSERA_REQUEST_HEAD_PARTIAL, /* good as far as it goes; more has to come */
  TESSERA_REQUEST_HEAD_COMPLETE,
  TESSERA_REQUEST_HEAD_REFUSED, /* @status and @description say why; the connection ends */
} TesseraRequestHeadState;

/* Reads the head at the start of @bytes. Called again with more after PARTIAL: *@seen, 0 at first,
 * is how far a line end was looked for, so that bytes that drip in cost linear work. What can be
 * refused is refused at once: the limits, a bare LF, a wrong method, a first line that is no
 * request. @body_max: bytes. */
TesseraRequestHeadState tessera_request_head_parse (
    TesseraRequestHead *self, const char *bytes, gsize length, gsize *seen, gsize body_max);

/* The field's index at or behind @from whose name is @name (any case); -1: none. */
int tessera_request_head_find (const TesseraRequestHead *self,
                               const char *bytes,
                               const char *name,
                               int from);

/* Writes the head anew, as libsoup is to see it: each field once, "Name: value", without Range,
 * Expect, Connection and hop-by-hop fields but those of an upgrade; "Connection: close" if @last.
 * The same bytes parse to the same request again. */
void tessera_request_head_write (const TesseraRequestHead *self,
                                 const char *bytes,
                                 gboolean last,
                                 GString *out);

G_END_DECLS
