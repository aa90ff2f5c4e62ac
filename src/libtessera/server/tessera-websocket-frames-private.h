/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Frames of a WebSocket whose server only tells, and whose client has nothing to say but control
 * frames: what is read needs no more than one of those. */

typedef enum
{
  TESSERA_WEBSOCKET_TEXT = 0x1,
  TESSERA_WEBSOCKET_CLOSE = 0x8,
  TESSERA_WEBSOCKET_PING = 0x9,
  TESSERA_WEBSOCKET_PONG = 0xa,
} TesseraWebsocketOpcode;

/* RFC 6455 §7.4.1 */
typedef enum
{
  TESSERA_WEBSOCKET_NORMAL = 1000,
  TESSERA_WEBSOCKET_GOING_AWAY = 1001,
  TESSERA_WEBSOCKET_PROTOCOL_ERROR = 1002,
  TESSERA_WEBSOCKET_UNSUPPORTED_DATA = 1003,
  TESSERA_WEBSOCKET_BAD_DATA = 1007,
  TESSERA_WEBSOCKET_POLICY_VIOLATION = 1008,
  TESSERA_WEBSOCKET_INTERNAL_ERROR = 1011,
  TESSERA_WEBSOCKET_SERVICE_RESTART = 1012,
  TESSERA_WEBSOCKET_TRY_AGAIN_LATER = 1013,
} TesseraWebsocketStatus;

#define TESSERA_WEBSOCKET_CONTROL_MAX 125 /* bytes; RFC 6455 §5.5 */
#define TESSERA_WEBSOCKET_CONTROL_HEAD 6  /* with the mask */

/* All zero at the beginning. */
typedef struct
{
  guint8 bytes[TESSERA_WEBSOCKET_CONTROL_HEAD + TESSERA_WEBSOCKET_CONTROL_MAX];
  gsize length;
} TesseraWebsocketReader;

typedef struct
{
  guint8 opcode; /* 0: it is not whole yet */
  guint status;  /* not 0: it may not be, and this says why; nothing behind it is read */
  guint8 payload[TESSERA_WEBSOCKET_CONTROL_MAX];
  gsize length;
} TesseraWebsocketFrame;

/* How many of @bytes, of which there are some, belong to the frame under way. */
gsize tessera_websocket_reader_take (TesseraWebsocketReader *self,
                                     const guint8 *bytes,
                                     gsize length,
                                     TesseraWebsocketFrame *out_frame);
/* What a client's close frame is answered with (§5.5.1). */
guint tessera_websocket_frame_get_answer (const TesseraWebsocketFrame *self);

/* A frame of the server's, which is not masked. */
void tessera_websocket_append_frame (GByteArray *out,
                                     TesseraWebsocketOpcode opcode,
                                     const void *payload,
                                     gsize length);

G_END_DECLS
