/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of the store: copying and releasing them. */

#include "model/tessera-records-private.h"

void
tessera_login_clear (TesseraLogin *self)
{
  g_clear_pointer (&self->subject, g_free);
  g_clear_pointer (&self->session_id, g_free);
  g_clear_pointer (&self->acr, g_free);
  g_clear_pointer (&self->amr, g_free);
  g_clear_pointer (&self->claims, g_free);
  g_clear_pointer (&self->sub, g_free);
  self->auth_time = 0;
}

void
tessera_login_copy (const TesseraLogin *self, TesseraLogin *out_copy)
{
  out_copy->subject = g_strdup (self->subject);
  out_copy->session_id = g_strdup (self->session_id);
  out_copy->auth_time = self->auth_time;
  out_copy->acr = g_strdup (self->acr);
  out_copy->amr = g_strdup (self->amr);
  out_copy->claims = g_strdup (self->claims);
  out_copy->sub = g_strdup (self->sub);
}

const char *
tessera_login_get_sub (const TesseraLogin *self)
{
  return self->sub != NULL ? self->sub : self->subject;
}

/**
 * tessera_grant_free:
 * @self: (nullable) (transfer full): a grant
 *
 * Releases a grant.
 */
void
tessera_grant_free (TesseraGrant *self)
{
  if (self == NULL)
    return;
  g_free (self->grant_id);
  g_free (self->client_id);
  tessera_login_clear (&self->login);
  g_free (self->scope);
  g_free (self->resources);
  g_free (self->claims_request);
  g_free (self);
}

/**
 * tessera_grant_copy:
 * @self: a grant
 *
 * Copies a grant.
 *
 * Returns: (transfer full): the copy
 */
TesseraGrant *
tessera_grant_copy (const TesseraGrant *self)
{
  TesseraGrant *copy = g_new (TesseraGrant, 1);
  *copy = *self;
  copy->grant_id = g_strdup (self->grant_id);
  copy->client_id = g_strdup (self->client_id);
  tessera_login_copy (&self->login, &copy->login);
  copy->scope = g_strdup (self->scope);
  copy->resources = g_strdup (self->resources);
  copy->claims_request = g_strdup (self->claims_request);
  return copy;
}

void
tessera_authorization_code_free (TesseraAuthorizationCode *self)
{
  if (self == NULL)
    return;
  g_free (self->client_id);
  g_free (self->redirect_uri);
  g_free (self->code_challenge);
  tessera_login_clear (&self->login);
  g_free (self->scope);
  g_free (self->resources);
  g_free (self->nonce);
  g_free (self->claims_request);
  g_free (self->grant_id);
  g_free (self);
}

TesseraAuthorizationCode *
tessera_authorization_code_copy (const TesseraAuthorizationCode *self)
{
  TesseraAuthorizationCode *copy = g_new (TesseraAuthorizationCode, 1);
  *copy = *self;
  copy->client_id = g_strdup (self->client_id);
  copy->redirect_uri = g_strdup (self->redirect_uri);
  copy->code_challenge = g_strdup (self->code_challenge);
  tessera_login_copy (&self->login, &copy->login);
  copy->scope = g_strdup (self->scope);
  copy->resources = g_strdup (self->resources);
  copy->nonce = g_strdup (self->nonce);
  copy->claims_request = g_strdup (self->claims_request);
  copy->grant_id = g_strdup (self->grant_id);
  return copy;
}

/**
 * tessera_session_free:
 * @self: (nullable) (transfer full): a session
 *
 * Releases a session.
 */
void
tessera_session_free (TesseraSession *self)
{
  if (self == NULL)
    return;
  tessera_login_clear (&self->login);
  g_free (self);
}

/**
 * tessera_session_copy:
 * @self: a session
 *
 * Copies a session.
 *
 * Returns: (transfer full): the copy
 */
TesseraSession *
tessera_session_copy (const TesseraSession *self)
{
  TesseraSession *copy = g_new (TesseraSession, 1);
  *copy = *self;
  tessera_login_copy (&self->login, &copy->login);
  return copy;
}

void
tessera_consent_free (TesseraConsent *self)
{
  if (self == NULL)
    return;
  g_free (self->subject);
  g_free (self->client_id);
  g_free (self->redirect_uri);
  g_free (self->scope);
  g_free (self->resources);
  g_free (self);
}

TesseraConsent *
tessera_consent_copy (const TesseraConsent *self)
{
  TesseraConsent *copy = g_new (TesseraConsent, 1);
  *copy = *self;
  copy->subject = g_strdup (self->subject);
  copy->client_id = g_strdup (self->client_id);
  copy->redirect_uri = g_strdup (self->redirect_uri);
  copy->scope = g_strdup (self->scope);
  copy->resources = g_strdup (self->resources);
  return copy;
}

void
tessera_participant_free (TesseraParticipant *self)
{
  if (self == NULL)
    return;
  g_free (self->session_id);
  g_free (self->client_id);
  g_free (self->subject);
  g_free (self->sub);
  g_free (self);
}

TesseraParticipant *
tessera_participant_copy (const TesseraParticipant *self)
{
  TesseraParticipant *copy = g_new (TesseraParticipant, 1);
  *copy = *self;
  copy->session_id = g_strdup (self->session_id);
  copy->client_id = g_strdup (self->client_id);
  copy->subject = g_strdup (self->subject);
  copy->sub = g_strdup (self->sub);
  return copy;
}

void
tessera_logout_free (TesseraLogout *self)
{
  if (self == NULL)
    return;
  g_free (self->client_id);
  g_free (self->subject);
  g_free (self->sub);
  g_free (self->session_id);
  g_free (self);
}

TesseraLogout *
tessera_logout_copy (const TesseraLogout *self)
{
  TesseraLogout *copy = g_new (TesseraLogout, 1);
  *copy = *self;
  copy->client_id = g_strdup (self->client_id);
  copy->subject = g_strdup (self->subject);
  copy->sub = g_strdup (self->sub);
  copy->session_id = g_strdup (self->session_id);
  return copy;
}
