/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place that revokes (RFC 7009 §2.1): finds what is meant, denies it in one operation, and
 * reports it once it is durable. */

#include "grants/tessera-revoker-private.h"

#include "grants/tessera-refresh-token-grant-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

typedef struct
{
  TesseraEngine *engine;
  TesseraRevocation *revocation;
  char *client_id; /* only what is this client's; NULL: anybody's */
  /* What the order means, found out before the operation or in it: */
  TesseraRevocationKind kind;
  char *value;
  TesseraAccessToken *access_token;
  gboolean is_refresh_token;
  TesseraNumberedToken refresh_token;
  /* The outcome */
  gboolean revoked;
  guint64 generation;
  char *token_id;

  TesseraRevokerDone done;
  gpointer data;
} Revoking;

static void
revoking_free (Revoking *self)
{
  g_clear_object (&self->revocation);
  g_clear_object (&self->access_token);
  g_free (self->client_id);
  g_free (self->value);
  g_free (self->token_id);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Revoking, revoking_free)

static gboolean
is_theirs (Revoking *self, const char *client_id)
{
  return self->client_id == NULL || g_strcmp0 (self->client_id, client_id) == 0;
}

/* Only a token that bears our own good signature and has not expired may enter the list
 * (threats.md E09). Who asks learns nothing either way. */
static void
find_token (Revoking *self, const char *token)
{
  const TesseraTokenKind *kind = tessera_key_ring_get_refresh_tokens (self->engine->keys);
  g_autoptr (TesseraAccessToken) access_token = NULL;

  self->is_refresh_token = tessera_numbered_token_read (kind, token, &self->refresh_token);
  if (self->is_refresh_token)
    return;
  access_token = tessera_engine_verify_token (self->engine, token, strlen (token), NULL);
  if (access_token == NULL)
    return;
  if (!is_theirs (self, tessera_access_token_get_client_id (access_token)))
    {
      tessera_revocation_set_foreign (self->revocation, tessera_access_token_get_id (access_token));
      return;
    }
  self->access_token = g_steal_pointer (&access_token);
}

static Revoking *
revoking_new (TesseraEngine *engine, const TesseraRevocationOrder *order)
{
  Revoking *self = g_new0 (Revoking, 1);
  const char *client_id = order->client != NULL ? tessera_client_get_id (order->client) : NULL;

  self->engine = engine;
  self->client_id = g_strdup (client_id);
  self->revocation
      = tessera_revocation_new (order->token, order->token_type_hint, client_id, order->cause);
  tessera_revocation_set_origin (self->revocation, order->request, order->address);
  self->kind = order->kind;
  self->value = g_strdup (order->value);
  if (order->token != NULL)
    find_token (self, order->token);
  return self;
}

static gboolean
needs_store (const Revoking *self)
{
  return self->kind != TESSERA_REVOCATION_KIND_NONE || self->access_token != NULL
         || self->is_refresh_token;
}

static gboolean
deny_grant (Revoking *self, TesseraStore *store, const char *grant_id, GError **error)
{
  self->kind = TESSERA_REVOCATION_KIND_GRANT;
  self->token_id = g_strdup (grant_id);
  self->revoked = TRUE;
  return tessera_deny_list_deny_grant (self->engine->deny_list, store, grant_id, &self->generation,
                                       error);
}

static gboolean
deny_access_token (Revoking *self, TesseraStore *store, GError **error)
{
  const char *grant_id = tessera_access_token_get_grant_id (self->access_token);
  TesseraTokenIdentity identity;

  if (self->engine->settings->revocation_ends_grant && grant_id != NULL)
    return deny_grant (self, store, grant_id, error);

  tessera_access_token_get_identity (self->access_token, &identity);
  self->kind = TESSERA_REVOCATION_KIND_ACCESS_TOKEN;
  self->token_id = g_strdup (identity.jti);
  self->revoked = TRUE;
  return tessera_deny_list_deny_token (self->engine->deny_list, store, &identity, &self->generation,
                                       error);
}

/* RFC 7009 §2.1: revoking a refresh token revokes the access tokens of the same grant. A superseded
 * one counts too: whoever had it was given the grant. */
static gboolean
deny_refresh_token (Revoking *self, TesseraStore *store, GError **error)
{
  TesseraRefreshToken known;
  g_autoptr (GError) local_error = NULL;
  g_autoptr (TesseraGrant) grant
      = tessera_refresh_token_lookup (store, &self->refresh_token, &known, &local_error);

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (grant == NULL || !is_theirs (self, grant->client_id))
    return TRUE;
  return deny_grant (self, store, grant->grant_id, error);
}

static gboolean
deny_by_name (Revoking *self, TesseraStore *store, GError **error)
{
  TesseraDenyList *list = self->engine->deny_list;
  guint64 *generation = &self->generation;

  self->revoked = TRUE;
  self->token_id = g_strdup (self->value);
  switch (self->kind)
    {
    case TESSERA_REVOCATION_KIND_GRANT:
      return tessera_deny_list_deny_grant (list, store, self->value, generation, error);
    case TESSERA_REVOCATION_KIND_SESSION:
      return tessera_deny_list_deny_session (list, store, self->value, generation, error);
    case TESSERA_REVOCATION_KIND_SUBJECT:
      return tessera_deny_list_deny_subject (list, store, self->value, generation, error);
    case TESSERA_REVOCATION_KIND_CLIENT:
      return tessera_deny_list_deny_client (list, store, self->value, generation, error);
    case TESSERA_REVOCATION_KIND_KEY:
      return tessera_deny_list_deny_key (list, store, self->value, generation, error);
    case TESSERA_REVOCATION_KIND_ALL:
      return tessera_deny_list_deny_all (list, store, generation, error);
    case TESSERA_REVOCATION_KIND_ACCESS_TOKEN:
      return tessera_deny_list_deny_token_id (list, store, self->value, generation, &self->revoked,
                                              error);
    default:
      g_return_val_if_reached (FALSE);
    }
}

static gboolean
run (gpointer data, TesseraStore *store, GError **error)
{
  Revoking *self = data;

  self->revoked = FALSE;
  self->generation = 0;
  g_clear_pointer (&self->token_id, g_free);
  if (self->access_token != NULL)
    return deny_access_token (self, store, error);
  if (self->is_refresh_token)
    return deny_refresh_token (self, store, error);
  return deny_by_name (self, store, error);
}

static void
report (Revoking *self)
{
  tessera_revocation_set_outcome (self->revocation,
                                  self->revoked ? self->kind : TESSERA_REVOCATION_KIND_NONE,
                                  self->token_id, self->generation);
  if (self->engine->hooks.revoked != NULL)
    self->engine->hooks.revoked (self->engine->hooks_data, self->revocation);
}

static void
set_failed (Revoking *self)
{
  self->revoked = FALSE;
  tessera_revocation_set_failed (self->revocation);
}

static void
on_run (gpointer data, const GError *error)
{
  g_autoptr (Revoking) self = data;

  if (error != NULL)
    set_failed (self);
  report (self);
  if (self->done != NULL)
    self->done (self->data, self->revoked, error);
}

void
tessera_revoker_revoke (TesseraEngine *engine,
                        const TesseraRevocationOrder *order,
                        TesseraRevokerDone done,
                        gpointer data)
{
  Revoking *self = revoking_new (engine, order);

  self->done = done;
  self->data = data;
  if (needs_store (self))
    tessera_committer_submit (engine->committer, run, on_run, self);
  else
    on_run (self, NULL);
}

gboolean
tessera_revoker_revoke_and_wait (TesseraEngine *engine,
                                 const TesseraRevocationOrder *order,
                                 gboolean *out_revoked,
                                 GError **error)
{
  g_autoptr (Revoking) self = revoking_new (engine, order);
  gboolean done = TRUE;

  if (needs_store (self))
    done = tessera_committer_submit_and_wait (engine->committer, run, self, error);
  if (!done)
    set_failed (self);
  report (self);
  if (out_revoked != NULL)
    *out_revoked = self->revoked;
  return done;
}

void
tessera_revoker_report_replay (TesseraEngine *engine,
                               const char *grant_id,
                               const char *client_id,
                               guint64 generation,
                               const char *request,
                               const char *address)
{
  g_autoptr (TesseraRevocation) revocation
      = tessera_revocation_new (NULL, NULL, client_id, TESSERA_REVOCATION_CAUSE_REPLAY);

  tessera_revocation_set_outcome (revocation, TESSERA_REVOCATION_KIND_GRANT, grant_id, generation);
  tessera_revocation_set_origin (revocation, request, address);
  if (engine->hooks.revoked != NULL)
    engine->hooks.revoked (engine->hooks_data, revocation);
}
