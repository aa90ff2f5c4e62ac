/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Frames over a connected socket, whole ones in, whole ones out; for either side. It lives in the
 * thread, and on the default context, that made it. */
typedef struct _TesseraOutboundChannel TesseraOutboundChannel;

/* Either may free the channel. */
typedef struct
{
  /* Without its prefix. */
  void (*frame) (gpointer data, const guint8 *frame, gsize length);
  /* Nothing more comes or goes: the other side has gone, or did not keep to the rules. Once. */
  void (*closed) (gpointer data);
} TesseraOutboundChannelFuncs;

/* @frame_max: the longest frame that may come. */
TesseraOutboundChannel *tessera_outbound_channel_new (GSocket *socket,
                                                      gsize frame_max,
                                                      const TesseraOutboundChannelFuncs *funcs,
                                                      gpointer data);
void tessera_outbound_channel_free (TesseraOutboundChannel *self);
/* Takes @frame, which has its prefix. Is sent when the other side reads. */
void tessera_outbound_channel_send (TesseraOutboundChannel *self, GBytes *frame);
/* Bytes that the other side has not taken yet. */
gsize tessera_outbound_channel_get_unsent (TesseraOutboundChannel *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraOutboundChannel, tessera_outbound_channel_free)

G_END_DECLS
