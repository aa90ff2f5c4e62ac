/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_REQUEST_FIELDS_MAX 64
#define TESSERA_REQUEST_HEAD_MAX 16384  /* bytes, with the request line */
#define TESSERA_REQUEST_TARGET_MAX 8192 /* bytes */
#define TESSERA_REQUEST_BODY_MAX 65536  /* bytes; the default of a listener */

/* For the Allow field of a 405 (RFC 9110 §15.5.6). */
#define TESSERA_REQUEST_METHODS "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"

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
 * origin-form target (or "*" of OPTIONS) without dot segments, a method of the list, HTTP/1.1
 * or 1.0, at most one Host (exactly one in 1.1), at most one Content-Length (digits only, at most
 * 7, no leading zero), no Transfer-Encoding, no line folding, no space before a colon, no control
 * characters in a value, names that are tokens, no repeat of a field that must be single, no
 * content with GET and HEAD. No Content-Length is no body, for POST too (RFC 9112 §6.3): what comes
 * behind is the next request, or none and refused. An empty line before the request is refused as
 * well: behind a body it says that the sender counts its bytes otherwise than we do. Holds offsets
 * into the bytes that were parsed, so that it stays good when they are moved; allocates nothing. */
typedef struct
{
  TesseraRequestMethod method;
  guint8 minor_version; /* of HTTP/1.x */
  guint16 target, target_length;
  guint16 path_length;   /* of the target before its query; 0: the target is "*" */
  gboolean escaped_path; /* there is a "%" in it */
  guint16 n_fields;
  TesseraRequestField fields[TESSERA_REQUEST_FIELDS_MAX];
  gsize head_length;         /* bytes, the empty line too */
  gsize content_length;      /* bytes; 0 when there is none */
  gboolean expects_continue; /* RFC 9110 §10.1.1, and there is content */
  gboolean keep_alive;       /* RFC 9112 §9.3 */
  gboolean upgrade; /* GET that asks for WebSocket (RFC 9110 §7.8); other ones are not heard */

  /* Of a refusal */
  guint status;            /* 400, 405, 411, 413, 414, 417, 431, 501, 505 */
  const char *description; /* static, for the answer and the log */

  /* The reader's */
  gsize line;      /* where the line begins that it reads; 0: the request line */
  gsize body_max;  /* bytes */
  guint64 dropped; /* which of @fields are not for libsoup, one bit each */
  guint32 known;   /* which fields were seen, one bit each of those that have a meaning here */
  guint32 options;
} TesseraRequestHead;

typedef enum
{
  TESSERA_REQUEST_HEAD_PARTIAL, /* good as far as it goes; more has to come */
  TESSERA_REQUEST_HEAD_COMPLETE,
  TESSERA_REQUEST_HEAD_REFUSED, /* @status and @description say why; the connection ends */
} TesseraRequestHeadState;

/* Reads the head at the start of @bytes. *@seen is 0 for a new head. Called again after PARTIAL
 * with the same bytes and more (at the same place or moved), it goes on there: new bytes are looked
 * at once, and all of the head once a line that ends, of which there are at most 66. Nothing of
 * @self is kept between the calls, so that many connections can share one. The verdict is that of
 * the first byte at which there can be one, however the bytes are split; what can be refused is
 * refused at once. Bytes behind the head are not looked at. @body_max: bytes. */
TesseraRequestHeadState tessera_request_head_parse (
    TesseraRequestHead *self, const char *bytes, gsize length, gsize *seen, gsize body_max);

/* The field's index at or behind @from whose name is @name (any case); -1: none. */
int tessera_request_head_find (const TesseraRequestHead *self,
                               const char *bytes,
                               const char *name,
                               int from);

/* The same of fields that somebody has kept. */
int tessera_request_fields_find (
    const TesseraRequestField *fields, int n_fields, const char *bytes, const char *name, int from);

/* Writes the head anew, as libsoup is to see it: each field as "Name: value", in the order in which
 * they came, without Range, Expect, Connection and hop-by-hop fields but those of an upgrade;
 * "Connection: close" if @last. Properties, of any head that was COMPLETE: what is written parses
 * COMPLETE (unless the one or two fields that it may have more, or the spaces behind its colons,
 * lead beyond the limits above), with method, target, version, content_length and upgrade as they
 * were, keep_alive as it was but for
 * @last, expects_continue FALSE, the fields that are not named above the same in name, value
 * and order; and writing that again gives the same bytes. */
void tessera_request_head_write (const TesseraRequestHead *self,
                                 const char *bytes,
                                 gboolean last,
                                 GString *out);

G_END_DECLS
