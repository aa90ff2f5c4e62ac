/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-outbound-wire-private.h"
#include "outbound-addresses.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* What holds for all requests. */
typedef struct
{
  OutboundAddresses *addresses;
  GTlsDatabase *tls_database; /* whom to believe; NULL: whom the system believes */
  guint patience_ms;
  guint n_running; /* requests that still hold something, those that were given up too */
} OutboundRules;

/* One request to another machine. */
typedef struct _OutboundFetch OutboundFetch;

/* Once, from the context, and the fetch is over; @reply has no id. Not when it was dropped. */
typedef void (*OutboundFetchDone) (OutboundFetch *fetch,
                                   TesseraOutboundReply *reply,
                                   gpointer data);

OutboundFetch *outbound_fetch_start (OutboundRules *rules,
                                     const TesseraOutboundRequest *request,
                                     OutboundFetchDone done,
                                     gpointer data);
/* Whoever started it has to, at any time, in @done too. */
void outbound_fetch_drop (OutboundFetch *self);

G_END_DECLS
