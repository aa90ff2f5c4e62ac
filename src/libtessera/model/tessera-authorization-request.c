/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A validated authorization request (RFC 6749 §4.1.1), from the endpoint to the code. */

#include "model/tessera-authorization-request-private.h"

#include "base/tessera-secret-private.h"
#include "model/tessera-standard-claims-private.h"

TesseraAuthorizationRequest *
tessera_authorization_request_new (TesseraClient *client)
{
  TesseraAuthorizationRequest *self = g_new0 (TesseraAuthorizationRequest, 1);

  self->ref_count = 1;
  self->client = g_object_ref (client);
  self->max_age = -1;
  return self;
}

TesseraAuthorizationRequest *
tessera_authorization_request_ref (TesseraAuthorizationRequest *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_authorization_request_unref (TesseraAuthorizationRequest *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_object_unref (self->client);
  g_free (self->redirect_uri);
  g_free (self->state);
  g_free (self->scope);
  g_free (self->resources);
  g_free (self->code_challenge);
  g_free (self->login_hint);
  g_free (self->ui_locales);
  g_free (self->nonce);
  g_free (self->claims_request);
  g_free (self->acr_values);
  g_free (self->essential_acr);
  g_free (self->wanted_subject);
  g_free (self);
}

char *
tessera_authorization_request_dup_asked_scope (TesseraAuthorizationRequest *self)
{
  return tessera_standard_claims_dup_asked_scope (self->scope, self->claims_request);
}

char *
tessera_authorization_request_dup_fingerprint (TesseraAuthorizationRequest *self)
{
  /* None of the parts can contain a line feed, so joining them is unambiguous. */
  g_autofree char *shown
      = g_strjoin ("\n", tessera_client_get_id (self->client), self->redirect_uri,
                   self->scope ? self->scope : "", self->resources ? self->resources : "",
                   self->claims_request ? self->claims_request : "", NULL);
  TesseraDigest digest = tessera_digest (shown, -1);

  return tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
}
