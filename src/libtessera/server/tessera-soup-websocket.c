/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer as a WebSocket that only tells (RFC 6455). SoupWebsocketConnection is not used: what it
 * could not send yet, its answers to pings, and messages that do not end, it keeps without a bound,
 * and says of none of them how much it is. */

#include "server/tessera-soup-websocket-private.h"

#include "server/tessera-soup-outlet-private.h"
#include "server/tessera-websocket-frames-private.h"

#include <string.h>

#define LINGER_SECONDS 2 /* for the last to be sent, and for the client to say that it has it */

typedef struct
{
  TesseraOutlet base;
  TesseraOutlet *inner; /* the bytes */
  TesseraWebsocketReader reader;
  gboolean unheeded; /* whoever wrote is not interested any more */
  gboolean closing;  /* nothing is written behind our close frame */
  gboolean deaf;     /* the client has said its last, or what it said is no WebSocket */
  GSource *linger;   /* once it is closing */
} Websocket;

static void
websocket_free (Websocket *self)
{
  if (self->linger != NULL)
    g_source_destroy (self->linger);
  g_clear_pointer (&self->linger, g_source_unref);
  g_free (self);
}

/* What was written is sent, if anybody takes it. */
static void
finish (Websocket *self)
{
  tessera_outlet_finish (self->inner, TESSERA_OUTLET_WHOLE);
  websocket_free (self);
}

static void
cut (Websocket *self)
{
  tessera_outlet_cut (self->inner);
  websocket_free (self);
}

static void
tell_ended (Websocket *self)
{
  if (!self->unheeded)
    self->base.funcs->ended (&self->base, self->base.data);
  self->unheeded = TRUE;
}

/* Writing */

static gboolean
write_frame (Websocket *self, TesseraWebsocketOpcode opcode, const void *payload, gsize length)
{
  g_autoptr (GByteArray) frame = g_byte_array_new ();

  tessera_websocket_append_frame (frame, opcode, payload, length);
  return tessera_outlet_write (self->inner, (const char *) frame->data, frame->len);
}

/* As many readers as there may be, each with all that may be unsent, would be too many: it goes at
 * the end of this, however slowly it reads. */
static gboolean
on_linger (gpointer data)
{
  Websocket *self = data;

  if (tessera_outlet_is_ready (self->inner))
    finish (self);
  else
    cut (self);
  return G_SOURCE_REMOVE;
}

static void
start_linger (Websocket *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  self->linger = g_timeout_source_new_seconds (LINGER_SECONDS);
  g_source_set_callback (self->linger, on_linger, self, NULL);
  g_source_attach (self->linger, context);
}

/* FALSE: nobody is there. */
static gboolean
write_close (Websocket *self, guint status)
{
  guint8 payload[2] = { (guint8) (status >> 8), (guint8) status };

  self->closing = TRUE;
  self->inner->limit = G_MAXSIZE; /* it is the last */
  return write_frame (self, TESSERA_WEBSOCKET_CLOSE, payload, sizeof payload);
}

/* §7.1.1: the client is to say the same before the connection is closed. */
static void
close_with (Websocket *self, guint status)
{
  if (write_close (self, status))
    start_linger (self);
  else
    cut (self);
}

/* Reading. FALSE: nothing more is read. */

static gboolean
end (Websocket *self, guint status)
{
  gboolean there = self->closing || write_close (self, status);

  self->deaf = TRUE;
  tell_ended (self);
  if (!there)
    cut (self);
  else if (tessera_outlet_is_ready (self->inner))
    finish (self);
  else if (self->linger == NULL)
    start_linger (self);
  return FALSE;
}

static gboolean
take_ping (Websocket *self, const TesseraWebsocketFrame *frame)
{
  if (self->closing || write_frame (self, TESSERA_WEBSOCKET_PONG, frame->payload, frame->length))
    return TRUE;
  tell_ended (self);
  cut (self);
  return FALSE;
}

static gboolean
take_frame (Websocket *self, const TesseraWebsocketFrame *frame)
{
  if (frame->status != 0)
    return end (self, frame->status); /* §7.1.7 */
  if (frame->opcode == TESSERA_WEBSOCKET_CLOSE)
    return end (self, tessera_websocket_frame_get_answer (frame)); /* §5.5.1 */
  return frame->opcode != TESSERA_WEBSOCKET_PING || take_ping (self, frame);
}

static void
on_bytes (const guint8 *bytes, gsize length, gpointer data)
{
  Websocket *self = data;

  if (self->deaf)
    return;
  while (length > 0)
    {
      TesseraWebsocketFrame frame;
      gsize taken = tessera_websocket_reader_take (&self->reader, bytes, length, &frame);

      if (!take_frame (self, &frame))
        return;
      bytes += taken;
      length -= taken;
    }
}

/* Of the bytes */

static void
on_ready (TesseraOutlet *inner, gpointer data)
{
  Websocket *self = data;

  if (self->deaf)
    finish (self);
  else if (!self->unheeded && self->base.funcs->ready != NULL)
    self->base.funcs->ready (&self->base, self->base.data);
}

static void
on_draining (TesseraOutlet *inner, gpointer data)
{
  Websocket *self = data;

  if (!self->unheeded && self->base.funcs->draining != NULL)
    self->base.funcs->draining (&self->base, self->base.data);
}

static void
on_ended (TesseraOutlet *inner, gpointer data)
{
  Websocket *self = data;

  tell_ended (self);
  websocket_free (self);
}

/* For the writer */

static gboolean
websocket_write (TesseraOutlet *base, const char *lines, gsize length)
{
  Websocket *self = (Websocket *) base;
  g_autoptr (GByteArray) frames = g_byte_array_new ();
  const char *end = lines + length;

  while (lines < end)
    {
      const char *line_end = memchr (lines, '\n', (gsize) (end - lines));

      line_end = line_end != NULL ? line_end : end;
      tessera_websocket_append_frame (frames, TESSERA_WEBSOCKET_TEXT, lines,
                                      (gsize) (line_end - lines));
      lines = line_end + 1;
    }
  self->inner->limit = base->limit;
  return tessera_outlet_write (self->inner, (const char *) frames->data, frames->len);
}

static gboolean
websocket_is_ready (TesseraOutlet *base)
{
  return tessera_outlet_is_ready (((Websocket *) base)->inner);
}

static guint
get_status (TesseraOutletEnd why)
{
  switch (why)
    {
    case TESSERA_OUTLET_LEAVING:
      return TESSERA_WEBSOCKET_GOING_AWAY;
    case TESSERA_OUTLET_UNAUTHORIZED:
      return TESSERA_WEBSOCKET_POLICY_VIOLATION;
    case TESSERA_OUTLET_FAILED:
      return TESSERA_WEBSOCKET_INTERNAL_ERROR;
    case TESSERA_OUTLET_RESET:
      return TESSERA_WEBSOCKET_SERVICE_RESTART;
    default:
      return TESSERA_WEBSOCKET_NORMAL;
    }
}

static void
websocket_finish (TesseraOutlet *base, TesseraOutletEnd why)
{
  Websocket *self = (Websocket *) base;

  self->unheeded = TRUE;
  close_with (self, get_status (why));
}

/* What was written before it has to be read first: it is said for as long as that may take. */
static void
websocket_cut (TesseraOutlet *base)
{
  Websocket *self = (Websocket *) base;

  self->unheeded = TRUE;
  close_with (self, TESSERA_WEBSOCKET_TRY_AGAIN_LATER);
}

static const TesseraOutletFront websocket_front
    = { websocket_write, websocket_is_ready, websocket_finish, websocket_cut };

TesseraOutlet *
tessera_soup_websocket_new (SoupServerMessage *message, const TesseraExchange *exchange)
{
  static const TesseraOutletFuncs funcs = { on_ready, on_draining, on_ended };
  Websocket *self = g_new0 (Websocket, 1);

  self->base.front = &websocket_front;
  self->inner = tessera_soup_outlet_new (message, exchange);
  self->inner->funcs = &funcs;
  self->inner->data = self;
  tessera_soup_outlet_set_reader (self->inner, on_bytes);
  return &self->base;
}
