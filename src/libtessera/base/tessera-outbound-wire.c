/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frames between a server and its program for requests to other machines. A frame is: which of
 * the two (1 byte), method or outcome (1), status (2), id (4), and three fields, each with its
 * length (4) before it. Numbers are big-endian. */

#include "base/tessera-outbound-wire-private.h"

#include <string.h>

#define REQUEST_MARK 'Q'
#define REPLY_MARK 'A'
#define N_FIELDS 3

/* A request: uri, accept, form. A reply: media type, why, body. */
typedef struct
{
  guint8 mark;
  guint8 code;
  guint16 status;
  guint32 id;
  const guint8 *fields[N_FIELDS];
  gsize lengths[N_FIELDS];
} Frame;

void
tessera_outbound_request_free (TesseraOutboundRequest *self)
{
  if (self == NULL)
    return;
  g_free (self->uri);
  g_free (self->accept);
  g_free (self->form);
  g_free (self);
}

void
tessera_outbound_reply_free (TesseraOutboundReply *self)
{
  if (self == NULL)
    return;
  g_free (self->media_type);
  g_free (self->why);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self);
}

/* Writing */

static void
append_32 (GByteArray *bytes, guint32 value)
{
  guint32 big = GUINT32_TO_BE (value);

  g_byte_array_append (bytes, (const guint8 *) &big, sizeof big);
}

static GBytes *
serialise (const Frame *frame)
{
  GByteArray *bytes = g_byte_array_new ();
  guint16 status = GUINT16_TO_BE (frame->status);
  gsize length = 8;

  for (guint i = 0; i < N_FIELDS; i++)
    length += 4 + frame->lengths[i];
  append_32 (bytes, (guint32) length);
  g_byte_array_append (bytes, &frame->mark, 1);
  g_byte_array_append (bytes, &frame->code, 1);
  g_byte_array_append (bytes, (const guint8 *) &status, sizeof status);
  append_32 (bytes, frame->id);
  for (guint i = 0; i < N_FIELDS; i++)
    {
      append_32 (bytes, (guint32) frame->lengths[i]);
      g_byte_array_append (bytes, frame->fields[i], (guint) frame->lengths[i]);
    }
  return g_byte_array_free_to_bytes (bytes);
}

static void
set_text (Frame *frame, guint field, const char *text)
{
  frame->fields[field] = (const guint8 *) text;
  frame->lengths[field] = strlen (text);
}

GBytes *
tessera_outbound_request_serialise (const TesseraOutboundRequest *self)
{
  Frame frame = { .mark = REQUEST_MARK, .code = (guint8) self->method, .id = self->id };

  set_text (&frame, 0, self->uri);
  set_text (&frame, 1, self->accept);
  set_text (&frame, 2, self->form);
  return serialise (&frame);
}

GBytes *
tessera_outbound_reply_serialise (const TesseraOutboundReply *self)
{
  Frame frame = { .mark = REPLY_MARK,
                  .code = (guint8) self->outcome,
                  .status = (guint16) self->status,
                  .id = self->id };

  set_text (&frame, 0, self->media_type);
  set_text (&frame, 1, self->why);
  frame.fields[2] = g_bytes_get_data (self->body, &frame.lengths[2]);
  return serialise (&frame);
}

/* Reading */

static guint32
read_32 (const guint8 *bytes)
{
  return (guint32) bytes[0] << 24 | (guint32) bytes[1] << 16 | (guint32) bytes[2] << 8 | bytes[3];
}

/* Every byte of @bytes belongs to one of the fields. */
static gboolean
parse (const guint8 *bytes, gsize length, Frame *out_frame)
{
  gsize at = 8;

  if (length < at)
    return FALSE;
  out_frame->mark = bytes[0];
  out_frame->code = bytes[1];
  out_frame->status = (guint16) (bytes[2] << 8 | bytes[3]);
  out_frame->id = read_32 (bytes + 4);
  for (guint i = 0; i < N_FIELDS; i++)
    {
      if (length - at < 4 || read_32 (bytes + at) > length - at - 4)
        return FALSE;
      out_frame->lengths[i] = read_32 (bytes + at);
      out_frame->fields[i] = bytes + at + 4;
      at += 4 + out_frame->lengths[i];
    }
  return at == length;
}

static gboolean
is_printable (const guint8 *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (text[i] < 0x20 || text[i] > 0x7e)
      return FALSE;
  return TRUE;
}

static gboolean
has_text (const Frame *frame, guint field, gsize max)
{
  return frame->lengths[field] <= max && is_printable (frame->fields[field], frame->lengths[field]);
}

static char *
dup_text (const Frame *frame, guint field)
{
  return g_strndup ((const char *) frame->fields[field], frame->lengths[field]);
}

gboolean
tessera_outbound_is_text (const char *text, gsize max)
{
  gsize length = strnlen (text, max + 1);

  return length <= max && is_printable ((const guint8 *) text, length);
}

static gboolean
is_request (const Frame *frame)
{
  return frame->mark == REQUEST_MARK && frame->status == 0
         && (frame->code == TESSERA_OUTBOUND_GET || frame->code == TESSERA_OUTBOUND_POST_FORM)
         && frame->lengths[0] > 0 && has_text (frame, 0, TESSERA_OUTBOUND_URI_MAX)
         && has_text (frame, 1, TESSERA_OUTBOUND_ACCEPT_MAX)
         && has_text (frame, 2, TESSERA_OUTBOUND_FORM_MAX)
         && frame->lengths[frame->code == TESSERA_OUTBOUND_GET ? 2 : 1] == 0;
}

TesseraOutboundRequest *
tessera_outbound_request_parse (const guint8 *bytes, gsize length)
{
  Frame frame;

  if (!parse (bytes, length, &frame) || !is_request (&frame))
    return NULL;
  TesseraOutboundRequest *self = g_new0 (TesseraOutboundRequest, 1);
  self->id = frame.id;
  self->method = (TesseraOutboundMethod) frame.code;
  self->uri = dup_text (&frame, 0);
  self->accept = dup_text (&frame, 1);
  self->form = dup_text (&frame, 2);
  return self;
}

static gboolean
is_reply (const Frame *frame)
{
  gboolean answered = frame->code == TESSERA_OUTBOUND_ANSWERED;

  return frame->mark == REPLY_MARK && frame->code >= TESSERA_OUTBOUND_ANSWERED
         && frame->code <= TESSERA_OUTBOUND_BUSY
         && (answered ? frame->status >= 100 && frame->status <= 999 : frame->status == 0)
         && has_text (frame, 0, TESSERA_OUTBOUND_MEDIA_TYPE_MAX)
         && has_text (frame, 1, TESSERA_OUTBOUND_WHY_MAX)
         && frame->lengths[2] <= TESSERA_OUTBOUND_BODY_MAX
         && (answered || frame->lengths[0] + frame->lengths[2] == 0);
}

TesseraOutboundReply *
tessera_outbound_reply_parse (const guint8 *bytes, gsize length)
{
  Frame frame;

  if (!parse (bytes, length, &frame) || !is_reply (&frame))
    return NULL;
  TesseraOutboundReply *self = g_new0 (TesseraOutboundReply, 1);
  self->id = frame.id;
  self->outcome = (TesseraOutboundOutcome) frame.code;
  self->status = frame.status;
  self->media_type = dup_text (&frame, 0);
  self->why = dup_text (&frame, 1);
  self->body = g_bytes_new (frame.fields[2], frame.lengths[2]);
  return self;
}

TesseraOutboundSplit
tessera_outbound_split (const guint8 *bytes, gsize length, gsize max, gsize *out_length)
{
  if (length < TESSERA_OUTBOUND_PREFIX)
    return TESSERA_OUTBOUND_SPLIT_MORE;
  *out_length = read_32 (bytes);
  if (*out_length > max)
    return TESSERA_OUTBOUND_SPLIT_BAD;
  return length - TESSERA_OUTBOUND_PREFIX < *out_length ? TESSERA_OUTBOUND_SPLIT_MORE
                                                        : TESSERA_OUTBOUND_SPLIT_FRAME;
}
