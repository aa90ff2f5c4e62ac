/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "outbound-fetch.h"

G_BEGIN_DECLS

/* Where a server asks: one connection of it, and the requests it has under way. */
typedef struct _OutboundDesk OutboundDesk;

/* The server has gone, or did not keep to the rules; the desk is to be freed. */
typedef void (*OutboundDeskClosed) (OutboundDesk *desk, gpointer data);

OutboundDesk *
outbound_desk_new (GSocket *socket, OutboundRules *rules, OutboundDeskClosed closed, gpointer data);
void outbound_desk_free (OutboundDesk *self);

G_END_DECLS
