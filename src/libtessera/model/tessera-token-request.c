/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A token request of an authenticated client (RFC 6749 §3.2). */

#include "model/tessera-token-request-private.h"

#include "base/tessera-error.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

static gboolean
read_scope (TesseraTokenRequest *self, GError **error)
{
  const char *scope = tessera_params_get (self->params, "scope");

  if (scope == NULL)
    return TRUE;
  self->scope = tessera_scope_parse (scope, error);
  return self->scope != NULL;
}

TesseraTokenRequest *
tessera_token_request_new (TesseraClient *client, TesseraParams *params, GError **error)
{
  g_autoptr (TesseraTokenRequest) self = g_new0 (TesseraTokenRequest, 1);

  self->client = g_object_ref (client);
  self->params = params;
  self->grant_type = tessera_params_get (params, "grant_type");

  if (!tessera_client_allows_grant_type (client, self->grant_type))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_UNAUTHORIZED_CLIENT,
                           "The client is not registered for this grant type");
      return NULL;
    }
  if (!read_scope (self, error) || !tessera_target_parse (params, &self->resources, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
tessera_token_request_free (TesseraTokenRequest *self)
{
  g_clear_object (&self->client);
  g_clear_pointer (&self->params, tessera_params_free);
  g_free (self->scope);
  g_free (self->resources);
  g_free (self);
}
