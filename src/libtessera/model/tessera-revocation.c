/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of one attempt to revoke, for the signal after-revoke-token (RFC 7009). */

#include "model/tessera-revocation-private.h"

#include "base/tessera-secret-private.h"

/**
 * TesseraRevocation:
 *
 * What became of one attempt to revoke something.
 *
 * [signal@Server::after-revoke-token] brings one exactly once for each attempt, also when the token
 * was unknown, expired, malformed or another client's; then [method@Revocation.get_revoked] is
 * %FALSE, while the client was told the same 200 as ever (RFC 7009 §2.2). Immutable.
 */
struct _TesseraRevocation
{
  GObject parent_instance;

  char *token;
  char *token_id;
  char *token_type_hint;
  char *client_id;
  TesseraRevocationCause cause;
  TesseraRevocationKind kind;
  guint64 generation;
  char *request;
  char *address;
  char *foreign;
  gboolean failed;
};

G_DEFINE_FINAL_TYPE (TesseraRevocation, tessera_revocation, G_TYPE_OBJECT)

static void
tessera_revocation_finalize (GObject *object)
{
  TesseraRevocation *self = TESSERA_REVOCATION (object);
  tessera_secret_free (self->token);
  g_free (self->token_id);
  g_free (self->token_type_hint);
  g_free (self->client_id);
  g_free (self->request);
  g_free (self->address);
  g_free (self->foreign);
  G_OBJECT_CLASS (tessera_revocation_parent_class)->finalize (object);
}

static void
tessera_revocation_class_init (TesseraRevocationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_revocation_finalize;
}

static void
tessera_revocation_init (TesseraRevocation *self)
{
}

TesseraRevocation *
tessera_revocation_new (const char *token,
                        const char *token_type_hint,
                        const char *client_id,
                        TesseraRevocationCause cause)
{
  TesseraRevocation *self = g_object_new (TESSERA_TYPE_REVOCATION, NULL);
  self->token = g_strdup (token);
  self->token_type_hint = g_strdup (token_type_hint);
  self->client_id = g_strdup (client_id);
  self->cause = cause;
  return self;
}

void
tessera_revocation_set_outcome (TesseraRevocation *self,
                                TesseraRevocationKind kind,
                                const char *token_id,
                                guint64 generation)
{
  g_return_if_fail (TESSERA_IS_REVOCATION (self));
  self->kind = kind;
  g_free (self->token_id);
  self->token_id = g_strdup (token_id);
  self->generation = generation;
}

void
tessera_revocation_set_origin (TesseraRevocation *self, const char *request, const char *address)
{
  self->request = g_strdup (request);
  self->address = g_strdup (address);
}

const char *
tessera_revocation_get_request (TesseraRevocation *self)
{
  return self->request;
}

const char *
tessera_revocation_get_address (TesseraRevocation *self)
{
  return self->address;
}

void
tessera_revocation_set_foreign (TesseraRevocation *self, const char *jti)
{
  self->foreign = g_strdup (jti);
}

const char *
tessera_revocation_get_foreign (TesseraRevocation *self)
{
  return self->foreign;
}

void
tessera_revocation_set_failed (TesseraRevocation *self)
{
  self->failed = TRUE;
}

gboolean
tessera_revocation_has_failed (TesseraRevocation *self)
{
  return self->failed;
}

/**
 * tessera_revocation_get_token:
 * @self: a revocation
 *
 * The token as it was sent. It may still be good (when it was not revoked): it is for the handler
 * only, and has no place in a log; [method@Revocation.get_token_id] has.
 *
 * Returns: (nullable): the token, or %NULL when something else than a token was named
 */
const char *
tessera_revocation_get_token (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), NULL);
  return self->token;
}

/**
 * tessera_revocation_get_token_id:
 * @self: a revocation
 *
 * What was revoked, in a form that is fit for a log: the `jti` of an access token, the `grant_id`
 * of a grant, or the subject, client or key.
 *
 * Returns: (nullable): the identifier, or %NULL when nothing was found
 */
const char *
tessera_revocation_get_token_id (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), NULL);
  return self->token_id;
}

/**
 * tessera_revocation_get_token_type_hint:
 * @self: a revocation
 *
 * The `token_type_hint` as it was sent (RFC 7009 §2.1). It may be wrong: see
 * [method@Revocation.get_kind].
 *
 * Returns: (nullable): the hint, or %NULL when there was none
 */
const char *
tessera_revocation_get_token_type_hint (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), NULL);
  return self->token_type_hint;
}

/**
 * tessera_revocation_get_client_id:
 * @self: a revocation
 *
 * The client that asked.
 *
 * Returns: (nullable): the `client_id`, or %NULL when no client asked
 */
const char *
tessera_revocation_get_client_id (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), NULL);
  return self->client_id;
}

/**
 * tessera_revocation_get_revoked:
 * @self: a revocation
 *
 * Whether something is refused because of this attempt, durably. %TRUE too when it was revoked
 * before.
 *
 * Returns: %FALSE for an unknown, expired, malformed or foreign token
 */
gboolean
tessera_revocation_get_revoked (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), FALSE);
  return self->kind != TESSERA_REVOCATION_KIND_NONE;
}

/**
 * tessera_revocation_get_kind:
 * @self: a revocation
 *
 * What was revoked, whatever the hint said. A refresh token stands for its grant.
 *
 * Returns: the kind
 */
TesseraRevocationKind
tessera_revocation_get_kind (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), TESSERA_REVOCATION_KIND_NONE);
  return self->kind;
}

/**
 * tessera_revocation_get_cause:
 * @self: a revocation
 *
 * Who or what made the attempt.
 *
 * Returns: the cause
 */
TesseraRevocationCause
tessera_revocation_get_cause (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), TESSERA_REVOCATION_CAUSE_REQUEST);
  return self->cause;
}

/**
 * tessera_revocation_get_generation:
 * @self: a revocation
 *
 * The place of the new entry in the deny-list: a cursor that only grows.
 *
 * Returns: the generation, or 0 when there is no new entry
 */
guint64
tessera_revocation_get_generation (TesseraRevocation *self)
{
  g_return_val_if_fail (TESSERA_IS_REVOCATION (self), 0);
  return self->generation;
}
