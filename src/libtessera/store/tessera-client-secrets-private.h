/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-ring-private.h"
#include "model/tessera-client-private.h"

G_BEGIN_DECLS

/* The secrets that must be read again (client_secret_jwt), between the client and the store: sealed
 * with the key of the ring. */

/* Blocking: before @client is stored. Nothing to do for most clients. */
gboolean tessera_client_secrets_seal (TesseraClient *client, TesseraKeyRing *keys, GError **error);
/* Of one that was read, before it is shared. What another key sealed stays as it is, and is warned
 * of: the client cannot authenticate until it has a new secret. */
void tessera_client_secrets_unseal (TesseraClient *client, TesseraKeyRing *keys);

G_END_DECLS
