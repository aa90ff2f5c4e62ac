/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server-private.h"

#include <arpa/inet.h>

G_BEGIN_DECLS

/* Who sends a request, whichever front it came by. */
typedef struct
{
  char address[INET6_ADDRSTRLEN]; /* in digits, or "unix" */
  gboolean secure;                /* it came over TLS, to us or to a trusted proxy */
} TesseraCaller;

/* All fields of that name as one list (RFC 9110 §5.3), or NULL; good until the next call. */
typedef const char *(*TesseraCallerGetList) (gpointer request, const char *name);

/* Who is at the other end. */
void tessera_caller_init (TesseraCaller *self, GSocketAddress *remote, gboolean secure);
/* If that is a proxy that @server trusts: for whom it speaks, and how that one came to it. */
void tessera_caller_look_behind_proxy (TesseraCaller *self,
                                       TesseraServer *server,
                                       TesseraCallerGetList get_list,
                                       gpointer request);

G_END_DECLS
