/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A grant, as an administrator sees it: the record of the store, read only. */

#include "model/tessera-records-private.h"

#define MS_A_SECOND 1000

/**
 * TesseraGrant:
 *
 * What a resource owner allowed a client to do: the family of its refresh tokens (RFC 6749 §1.3).
 *
 * It lives from the redemption of a code until its end, or until
 * [method@Tessera.Server.revoke_grant] ends it. Immutable.
 */
G_DEFINE_BOXED_TYPE (TesseraGrant, tessera_grant, tessera_grant_copy, tessera_grant_free)

/**
 * tessera_grant_get_id:
 * @self: a grant
 *
 * What the claim `grant_id` of its access tokens says.
 *
 * Returns: the identifier
 */
const char *
tessera_grant_get_id (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->grant_id;
}

/**
 * tessera_grant_get_client_id:
 * @self: a grant
 *
 * Who was allowed something.
 *
 * Returns: the `client_id`
 */
const char *
tessera_grant_get_client_id (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->client_id;
}

/**
 * tessera_grant_get_subject:
 * @self: a grant
 *
 * Who allowed it: what the login was accepted with. Its tokens may call them otherwise
 * ([property@Client:subject-type]).
 *
 * Returns: the subject
 */
const char *
tessera_grant_get_subject (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->login.subject;
}

/**
 * tessera_grant_get_session_id:
 * @self: a grant
 *
 * The login that it came from: the claim `sid` of its tokens.
 *
 * Returns: (nullable): the session
 */
const char *
tessera_grant_get_session_id (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->login.session_id;
}

/**
 * tessera_grant_get_scope:
 * @self: a grant
 *
 * What was allowed, as names separated by spaces (RFC 6749 §3.3).
 *
 * Returns: (nullable): the scope, or %NULL for none
 */
const char *
tessera_grant_get_scope (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->scope;
}

/**
 * tessera_grant_get_began_at:
 * @self: a grant
 *
 * When the person allowed it.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_grant_get_began_at (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->began_ms / MS_A_SECOND;
}

/**
 * tessera_grant_get_last_used_at:
 * @self: a grant
 *
 * When its refresh token was used last.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_grant_get_last_used_at (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->last_used_ms / MS_A_SECOND;
}

/**
 * tessera_grant_get_expires_at:
 * @self: a grant
 *
 * When it ends at the latest.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_grant_get_expires_at (const TesseraGrant *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->expires_ms / MS_A_SECOND;
}
