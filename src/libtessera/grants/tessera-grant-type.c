/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grant types that are offered, and what all redemptions share (RFC 6749 §1.3). */

#include "grants/tessera-grant-type-private.h"

static const TesseraGrantType *const grant_types[] = {
  &tessera_authorization_code_grant,
  &tessera_client_credentials_grant,
  &tessera_refresh_token_grant,
};

const TesseraGrantType *
tessera_grant_type_lookup (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (grant_types); i++)
    if (g_strcmp0 (grant_types[i]->name, name) == 0)
      return grant_types[i];
  return NULL;
}

const char *const *
tessera_grant_type_list (void)
{
  static const char *names[G_N_ELEMENTS (grant_types) + 1];

  for (guint i = 0; i < G_N_ELEMENTS (grant_types); i++)
    names[i] = grant_types[i]->name;
  return names;
}

void
tessera_redemption_reset (TesseraRedemption *self)
{
  tessera_authorization_clear (&self->authorization);
  self->authorization = (TesseraAuthorization){ 0 };
  tessera_explanation_clear (&self->explanation);
  g_clear_pointer (&self->replayed_grant_id, g_free);
  self->replay_generation = 0;
}

void
tessera_redemption_clear (TesseraRedemption *self)
{
  tessera_redemption_reset (self);
  g_clear_pointer (&self->request, tessera_token_request_free);
}

gboolean
tessera_redemption_refuse (TesseraRedemption *self,
                           const char *static_rule,
                           const char *registered,
                           const char *came,
                           GError **error)
{
  tessera_explanation_set (&self->explanation, static_rule, registered, came);
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT,
                       "The code or refresh token is not valid for this request");
  return FALSE;
}

gboolean
tessera_redemption_refuse_replay (TesseraRedemption *self,
                                  TesseraStore *store,
                                  const char *static_rule,
                                  const char *grant_id,
                                  GError **error)
{
  if (!tessera_deny_list_deny_grant (self->engine->deny_list, store, grant_id,
                                     &self->replay_generation, error))
    return FALSE;
  self->replayed_grant_id = g_strdup (grant_id);
  return tessera_redemption_refuse (self, static_rule, "used once", "used again", error);
}
