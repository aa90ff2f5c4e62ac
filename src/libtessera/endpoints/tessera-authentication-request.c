/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What OpenID Connect adds to an authorization request (Core §3.1.2.1, §5.5). What a client may
 * wish for in vain (display, claims_locales) is not read. */

#include "endpoints/tessera-authentication-request-private.h"

#include "grants/tessera-id-token-private.h"
#include "model/tessera-claims-request-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-standard-claims-private.h"

#include <string.h>

#define NONCE_MAX_LENGTH 512

typedef struct
{
  TesseraEngine *engine;
  TesseraParams *params;
  TesseraAuthorizationRequest *request;
} Reading;

static gboolean
refuse (GError **error, TesseraError code, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, code, why);
  return FALSE;
}

/* Never ignored: whoever sends one relies on it. */
gboolean
tessera_authentication_request_check_offered (TesseraParams *params, GError **error)
{
  if (tessera_params_get (params, "request_uri") != NULL)
    return refuse (error, TESSERA_ERROR_REQUEST_URI_NOT_SUPPORTED,
                   "Request objects are not fetched");
  if (tessera_params_get (params, "registration") != NULL)
    return refuse (error, TESSERA_ERROR_REGISTRATION_NOT_SUPPORTED,
                   "Clients are not registered by a request");
  return TRUE;
}

static gboolean
read_nonce (const Reading *self, GError **error)
{
  const char *nonce = tessera_params_get (self->params, "nonce");

  if (nonce != NULL && strlen (nonce) > NONCE_MAX_LENGTH)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "nonce is too long");
  self->request->nonce = g_strdup (nonce);
  return TRUE;
}

static gboolean
read_acr_values (const Reading *self, GError **error)
{
  const char *acr_values = tessera_params_get (self->params, "acr_values");
  g_autofree char *parsed = tessera_scope_parse (acr_values, NULL);

  if (parsed == NULL)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "acr_values is malformed");
  /* OpenID Connect Dynamic Client Registration §2. */
  self->request->acr_values = *parsed != '\0'
                                  ? g_steal_pointer (&parsed)
                                  : tessera_client_dup_default_acr_values (self->request->client);
  return TRUE;
}

/* What both name must be one person. */
static gboolean
want_subject (const Reading *self, const char *subject, GError **error)
{
  if (subject == NULL || g_strcmp0 (self->request->wanted_subject, subject) == 0)
    return TRUE;
  if (self->request->wanted_subject != NULL)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "claims and id_token_hint do not agree");
  self->request->wanted_subject = g_strdup (subject);
  return TRUE;
}

/* What the client may not ask for is as if it had not: it is kept nowhere, so that a registration
 * that grows later brings nothing that no person was asked about. */
static gboolean
keep_claims (const Reading *self, TesseraClaimsRequest *claims, GError **error)
{
  tessera_standard_claims_narrow (claims, tessera_client_get_scope (self->request->client));
  self->request->claims_request = tessera_claims_request_dup_text (claims);
  /* Numbers may be longer than they came. */
  if (strlen (self->request->claims_request) > TESSERA_CLAIMS_REQUEST_MAX_LENGTH)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "claims is too long");
  return TRUE;
}

static gboolean
read_claims (const Reading *self, GError **error)
{
  const char *claims = tessera_params_get (self->params, "claims");

  if (claims == NULL)
    return TRUE;
  g_autoptr (TesseraClaimsRequest) parsed = tessera_claims_request_parse (claims, error);
  if (parsed == NULL || !want_subject (self, tessera_claims_request_get_subject (parsed), error))
    return FALSE;
  self->request->essential_acr = tessera_claims_request_dup_essential_acr (parsed);
  return keep_claims (self, parsed, error);
}

static gboolean
read_id_token_hint (const Reading *self, GError **error)
{
  const char *hint = tessera_params_get (self->params, "id_token_hint");

  if (hint == NULL)
    return TRUE;
  /* Core §3.1.2.1: who is meant cannot be found out, so that it may be somebody else. */
  if (tessera_id_token_names_lost_key (self->engine, hint))
    return refuse (error, TESSERA_ERROR_LOGIN_REQUIRED, "id_token_hint is too old to be checked");
  g_autofree char *subject = tessera_id_token_read_subject (
      self->engine, hint, tessera_client_get_id (self->request->client), NULL, NULL, error);
  return subject != NULL && want_subject (self, subject, error);
}

gboolean
tessera_authentication_request_read (TesseraEngine *engine,
                                     TesseraParams *params,
                                     TesseraAuthorizationRequest *request,
                                     GError **error)
{
  const Reading self = { engine, params, request };

  if (!tessera_scope_has (request->scope, "openid"))
    return TRUE;
  if (!engine->settings->openid_enabled)
    return refuse (error, TESSERA_ERROR_INVALID_SCOPE, "OpenID Connect is not offered");
  return read_nonce (&self, error) && read_acr_values (&self, error) && read_claims (&self, error)
         && read_id_token_hint (&self, error);
}
