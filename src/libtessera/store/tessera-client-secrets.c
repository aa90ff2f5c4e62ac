/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets of clients that sign with them (RFC 7518 §3.2), sealed in the store. */

#include "store/tessera-client-secrets-private.h"

gboolean
tessera_client_secrets_seal (TesseraClient *client, TesseraKeyRing *keys, GError **error)
{
  if (!tessera_client_needs_seal (client))
    return TRUE;
  if (!tessera_key_ring_ensure_sealing_key (keys, error))
    return FALSE;
  tessera_client_seal (client, tessera_key_ring_get_sealing_key (keys));
  return TRUE;
}

void
tessera_client_secrets_unseal (TesseraClient *client, TesseraKeyRing *keys)
{
  const guint8 *key = tessera_key_ring_get_sealing_key (keys);

  if (!tessera_client_is_sealed (client) || (key != NULL && tessera_client_unseal (client, key)))
    return;
  g_warning ("The secret of client %s was sealed with another key than is here: it cannot "
             "authenticate until it has a new one",
             tessera_client_get_id (client));
}
