/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* What a client is told that a person is called (OpenID Connect Core §8). */

/* From here on @login, of a code for @client, has the sub that this client's tokens bear. */
void tessera_pairwise_apply (TesseraEngine *engine, TesseraClient *client, TesseraLogin *login);
/* Is it @login whom @client calls @sub? */
gboolean tessera_pairwise_is_called (TesseraEngine *engine,
                                     TesseraClient *client,
                                     const TesseraLogin *login,
                                     const char *sub);

G_END_DECLS
