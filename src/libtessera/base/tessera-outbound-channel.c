/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of tessera-outbound-wire.c over a socket, without ever waiting for the other side. */

#include "base/tessera-outbound-channel-private.h"

#include "base/tessera-outbound-wire-private.h"

#define PIECE (16 * 1024)

struct _TesseraOutboundChannel
{
  guint ref_count; /* its owner's, and that of what is running */
  gboolean closed; /* or freed by its owner */
  GSocket *socket;
  GSource *reading;
  GSource *writing; /* NULL: nothing waits */
  GByteArray *read; /* at most one frame, and the beginning of another */
  GByteArray *unsent;
  gsize frame_max;
  const TesseraOutboundChannelFuncs *funcs;
  gpointer data;
};

static void
unref (TesseraOutboundChannel *self)
{
  if (--self->ref_count > 0)
    return;
  g_object_unref (self->socket);
  g_byte_array_unref (self->read);
  g_byte_array_unref (self->unsent);
  g_free (self);
}

static void
stop (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
shut (TesseraOutboundChannel *self)
{
  self->closed = TRUE;
  stop (&self->reading);
  stop (&self->writing);
  g_socket_close (self->socket, NULL);
}

static void
end (TesseraOutboundChannel *self)
{
  if (self->closed)
    return;
  shut (self);
  self->funcs->closed (self->data);
}

static GSource *
watch (TesseraOutboundChannel *self, GIOCondition condition, GSocketSourceFunc func)
{
  GSource *source = g_socket_create_source (self->socket, condition, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

/* Hands on whole frames. FALSE: what came is against the rules. */
static gboolean
dispatch (TesseraOutboundChannel *self)
{
  while (!self->closed)
    {
      gsize length = 0;
      TesseraOutboundSplit split
          = tessera_outbound_split (self->read->data, self->read->len, self->frame_max, &length);

      if (split != TESSERA_OUTBOUND_SPLIT_FRAME)
        return split == TESSERA_OUTBOUND_SPLIT_MORE;
      g_autofree guint8 *frame = g_memdup2 (self->read->data + TESSERA_OUTBOUND_PREFIX, length);
      g_byte_array_remove_range (self->read, 0, (guint) (TESSERA_OUTBOUND_PREFIX + length));
      self->funcs->frame (self->data, frame, length);
    }
  return TRUE;
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  TesseraOutboundChannel *self = data;
  g_autoptr (GError) error = NULL;
  char piece[PIECE];
  gssize length = g_socket_receive (socket, piece, sizeof piece, NULL, &error);

  if (length < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;
  self->ref_count++;
  if (length > 0)
    g_byte_array_append (self->read, (const guint8 *) piece, (guint) length);
  if (length <= 0 || !dispatch (self))
    end (self);
  unref (self);
  return G_SOURCE_CONTINUE; /* destroyed, where it is over */
}

/* FALSE: the other side has gone. */
static gboolean
write_some (TesseraOutboundChannel *self)
{
  g_autoptr (GError) error = NULL;
  gssize sent = g_socket_send (self->socket, (const char *) self->unsent->data, self->unsent->len,
                               NULL, &error);

  if (sent < 0)
    return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_byte_array_remove_range (self->unsent, 0, (guint) sent);
  return TRUE;
}

static gboolean
on_writable (GSocket *socket, GIOCondition condition, gpointer data)
{
  TesseraOutboundChannel *self = data;

  self->ref_count++;
  if (!write_some (self))
    end (self);
  else if (self->unsent->len == 0)
    stop (&self->writing);
  unref (self);
  return G_SOURCE_CONTINUE;
}

TesseraOutboundChannel *
tessera_outbound_channel_new (GSocket *socket,
                              gsize frame_max,
                              const TesseraOutboundChannelFuncs *funcs,
                              gpointer data)
{
  TesseraOutboundChannel *self = g_new0 (TesseraOutboundChannel, 1);

  self->ref_count = 1;
  self->socket = g_object_ref (socket);
  self->read = g_byte_array_new ();
  self->unsent = g_byte_array_new ();
  self->frame_max = frame_max;
  self->funcs = funcs;
  self->data = data;
  g_socket_set_blocking (socket, FALSE);
  self->reading = watch (self, G_IO_IN, on_readable);
  return self;
}

void
tessera_outbound_channel_free (TesseraOutboundChannel *self)
{
  if (!self->closed)
    shut (self);
  unref (self);
}

void
tessera_outbound_channel_send (TesseraOutboundChannel *self, GBytes *frame)
{
  gsize length = 0;
  const guint8 *bytes = g_bytes_get_data (frame, &length);

  if (!self->closed)
    g_byte_array_append (self->unsent, bytes, (guint) length);
  g_bytes_unref (frame);
  /* Always from the context, so that nobody hears of an end while they send. */
  if (!self->closed && self->writing == NULL)
    self->writing = watch (self, G_IO_OUT, on_writable);
}

gsize
tessera_outbound_channel_get_unsent (TesseraOutboundChannel *self)
{
  return self->unsent->len;
}
