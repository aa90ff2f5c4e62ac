/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sub that a client is told: that of everybody, or one of its sector's own (OpenID Connect Core
 * §8, §8.1). It is settled when a code is made, and stays as long as the grant. */

#include "grants/tessera-pairwise-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-subject-private.h"

/* NULL: the subject itself. */
static char *
dup_sub (TesseraEngine *engine, TesseraClient *client, const char *subject)
{
  if (!tessera_client_is_pairwise (client))
    return tessera_subject_dup_public (subject);
  g_autofree char *sector = tessera_client_dup_sector (client);
  return tessera_subject_dup_pairwise (tessera_key_ring_get_subject_key (engine->keys), sector,
                                       subject);
}

void
tessera_pairwise_apply (TesseraEngine *engine, TesseraClient *client, TesseraLogin *login)
{
  g_free (login->sub);
  login->sub = dup_sub (engine, client, login->subject);
}

gboolean
tessera_pairwise_is_called (TesseraEngine *engine,
                            TesseraClient *client,
                            const TesseraLogin *login,
                            const char *sub)
{
  g_autofree char *own = dup_sub (engine, client, login->subject);

  return g_strcmp0 (own != NULL ? own : login->subject, sub) == 0;
}
