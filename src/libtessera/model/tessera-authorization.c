/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who authorised what: between a grant and the token issuer. */

#include "model/tessera-authorization-private.h"

void
tessera_authorization_clear (TesseraAuthorization *self)
{
  g_clear_object (&self->client);
  tessera_login_clear (&self->login);
  g_clear_pointer (&self->grant_id, g_free);
  g_clear_pointer (&self->scope, g_free);
  g_clear_pointer (&self->resources, g_free);
  g_clear_pointer (&self->nonce, g_free);
  g_clear_pointer (&self->claims_request, g_free);
  g_clear_pointer (&self->refresh_token, tessera_secret_free);
}
