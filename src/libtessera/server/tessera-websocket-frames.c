/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of a WebSocket whose server only tells (RFC 6455 §5, §7.4). */

#include "server/tessera-websocket-frames-private.h"

#include <string.h>

#define FINAL 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127
#define MASK_BYTES 4

/* 0: a control frame as a client sends it. */
static guint
check_head (const guint8 head[2])
{
  guint8 opcode = head[0] & OPCODE;

  if ((head[0] & RESERVED) != 0 || (head[1] & MASKED) == 0) /* §5.1, §5.2 */
    return TESSERA_WEBSOCKET_PROTOCOL_ERROR;
  if (opcode == 0x1 || opcode == 0x2)
    return TESSERA_WEBSOCKET_UNSUPPORTED_DATA;
  if (opcode < TESSERA_WEBSOCKET_CLOSE || opcode > TESSERA_WEBSOCKET_PONG || (head[0] & FINAL) == 0
      || (head[1] & LENGTH) > TESSERA_WEBSOCKET_CONTROL_MAX) /* §5.5 */
    return TESSERA_WEBSOCKET_PROTOCOL_ERROR;
  return 0;
}

/* §7.4.1, §7.4.2: the others are for nobody to send. */
static gboolean
is_status (guint status)
{
  return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014)
         || (status >= 3000 && status <= 4999);
}

static guint
read_status (const TesseraWebsocketFrame *self)
{
  return (guint) self->payload[0] << 8 | self->payload[1];
}

static guint
check_close (const TesseraWebsocketFrame *self)
{
  if (self->length == 0)
    return 0;
  if (self->length == 1 || !is_status (read_status (self)))
    return TESSERA_WEBSOCKET_PROTOCOL_ERROR;
  if (!g_utf8_validate_len ((const char *) self->payload + 2, self->length - 2, NULL))
    return TESSERA_WEBSOCKET_BAD_DATA;
  return 0;
}

guint
tessera_websocket_frame_get_answer (const TesseraWebsocketFrame *self)
{
  return self->length >= 2 ? read_status (self) : TESSERA_WEBSOCKET_NORMAL;
}

/* §5.3 */
static void
take_payload (TesseraWebsocketReader *self, TesseraWebsocketFrame *out)
{
  const guint8 *mask = self->bytes + TESSERA_WEBSOCKET_CONTROL_HEAD - MASK_BYTES;

  out->length = self->length - TESSERA_WEBSOCKET_CONTROL_HEAD;
  for (gsize i = 0; i < out->length; i++)
    out->payload[i] = self->bytes[TESSERA_WEBSOCKET_CONTROL_HEAD + i] ^ mask[i % MASK_BYTES];
  out->opcode = self->bytes[0] & OPCODE;
  self->length = 0;
  if (out->opcode == TESSERA_WEBSOCKET_CLOSE)
    out->status = check_close (out);
}

gsize
tessera_websocket_reader_take (TesseraWebsocketReader *self,
                               const guint8 *bytes,
                               gsize length,
                               TesseraWebsocketFrame *out)
{
  gsize taken = 0;

  out->opcode = 0;
  out->status = 0;
  out->length = 0;
  while (taken < length)
    {
      self->bytes[self->length++] = bytes[taken++];
      if (self->length < 2)
        continue;
      out->status = self->length == 2 ? check_head (self->bytes) : 0;
      if (out->status != 0)
        return taken;
      if (self->length == TESSERA_WEBSOCKET_CONTROL_HEAD + (gsize) (self->bytes[1] & LENGTH))
        {
          take_payload (self, out);
          return taken;
        }
    }
  return taken;
}

void
tessera_websocket_append_frame (GByteArray *out,
                                TesseraWebsocketOpcode opcode,
                                const void *payload,
                                gsize length)
{
  guint8 head[10] = { FINAL | (guint8) opcode };
  guint n_bytes = length <= TESSERA_WEBSOCKET_CONTROL_MAX ? 0 : length <= G_MAXUINT16 ? 2 : 8;

  head[1] = n_bytes == 0 ? (guint8) length : n_bytes == 2 ? LENGTH_16 : LENGTH_64;
  for (guint i = 0; i < n_bytes; i++)
    head[2 + i] = (guint8) ((guint64) length >> (8 * (n_bytes - 1 - i)));
  g_byte_array_append (out, head, 2 + n_bytes);
  g_byte_array_append (out, payload, (guint) length);
}
