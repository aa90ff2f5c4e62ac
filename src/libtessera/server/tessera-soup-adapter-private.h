/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server.h"

G_BEGIN_DECLS

/* Lets a SoupServer serve the endpoints of a TesseraServer, and nothing else of it. */
typedef struct _TesseraSoupAdapter TesseraSoupAdapter;

TesseraSoupAdapter *tessera_soup_adapter_new (TesseraServer *server, SoupServer *soup);
void tessera_soup_adapter_free (TesseraSoupAdapter *self);
SoupServer *tessera_soup_adapter_get_soup (TesseraSoupAdapter *self); /* NULL when it is gone */
/* Holds the requests for other paths to the rules too; @body_max: bytes of theirs. */
void tessera_soup_adapter_harden (TesseraSoupAdapter *self, gsize body_max);
/* Is the message one that an adapter serves? */
gboolean tessera_soup_adapter_has_taken (SoupServerMessage *message);

G_END_DECLS
