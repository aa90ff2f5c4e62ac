/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "outbound-fetch.h"

G_BEGIN_DECLS

/* Who may ask: the one at the other end of a connected socket, or whoever connects to a listening
 * one. */
typedef struct _OutboundReception OutboundReception;

/* Nobody is there any more, or has been for a while. */
typedef void (*OutboundReceptionOver) (gpointer data);

OutboundReception *outbound_reception_new (GSocket *socket,
                                           gboolean is_listening,
                                           OutboundRules *rules,
                                           OutboundReceptionOver over,
                                           gpointer data);
void outbound_reception_free (OutboundReception *self);

G_END_DECLS
