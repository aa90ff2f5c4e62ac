/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application can revoke: tokens, grants, sessions, people and clients (RFC 7009, design.md
 * §5). */

#include "server/tessera-server-object-private.h"

#include "grants/tessera-revoker-private.h"
#include "server/tessera-administration.h"

/* An order that waits for the server to be ready, and then for its outcome. */
typedef struct
{
  TesseraRevocationKind kind;
  char *value;
  char *token;
  char *token_type_hint;
  gboolean revoked;
} Order;

static void
order_free (Order *self)
{
  g_free (self->value);
  tessera_secret_free (self->token);
  g_free (self->token_type_hint);
  g_free (self);
}

static Order *
order_new (TesseraRevocationKind kind, const char *value)
{
  Order *self = g_new0 (Order, 1);
  self->kind = kind;
  self->value = g_strdup (value);
  return self;
}

static void
order_fill_in (const Order *self, TesseraRevocationOrder *out_order)
{
  *out_order = (TesseraRevocationOrder){
    .token = self->token,
    .token_type_hint = self->token_type_hint,
    .kind = self->kind,
    .value = self->value,
    .cause = TESSERA_REVOCATION_CAUSE_API,
  };
}

static void
on_revoked (gpointer data, gboolean revoked, const GError *error)
{
  g_autoptr (GTask) task = data;
  Order *order = g_task_get_task_data (task);

  order->revoked = revoked;
  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);
}

static void
revoke_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  TesseraRevocationOrder order;
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  order_fill_in (g_task_get_task_data (task), &order);
  tessera_revoker_revoke (&self->engine, &order, on_revoked, g_steal_pointer (&task));
}

static void
revoke_async (TesseraServer *self,
              Order *order,
              gpointer tag,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tag);
  /* Nobody may be left in doubt whether something was revoked: the outcome is told, cancelled or
   * not. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, order, (GDestroyNotify) order_free);
  tessera_server_wait_ready_async (self, NULL, revoke_when_ready, task);
}

static gboolean
revoke_and_wait (TesseraServer *self, TesseraRevocationKind kind, const char *value, GError **error)
{
  TesseraRevocationOrder order
      = { .kind = kind, .value = value, .cause = TESSERA_REVOCATION_CAUSE_API };
  return tessera_server_wait_ready (self, error)
         && tessera_revoker_revoke_and_wait (&self->engine, &order, NULL, error);
}

/**
 * tessera_server_revoke_token:
 * @self: a server
 * @token: an access token or refresh token
 * @token_type_hint: (nullable): `access_token`, `refresh_token` or %NULL; only a hint
 * @out_revoked: (out) (optional): %FALSE when there was nothing to revoke
 * @error: return location for an error
 *
 * Revokes a token as the revocation endpoint does (RFC 7009 §2.1), whosever it is: an access token
 * alone, a refresh token with its grant. Blocks until that is durable.
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE, also for an unknown token
 */
gboolean
tessera_server_revoke_token (TesseraServer *self,
                             const char *token,
                             const char *token_type_hint,
                             gboolean *out_revoked,
                             GError **error)
{
  TesseraRevocationOrder order = { .token = token,
                                   .token_type_hint = token_type_hint,
                                   .cause = TESSERA_REVOCATION_CAUSE_API };

  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (token != NULL, FALSE);
  return tessera_server_wait_ready (self, error)
         && tessera_revoker_revoke_and_wait (&self->engine, &order, out_revoked, error);
}

/**
 * tessera_server_revoke_token_async:
 * @self: a server
 * @token: an access token or refresh token
 * @token_type_hint: (nullable): `access_token`, `refresh_token` or %NULL; only a hint
 * @cancellable: (nullable): ignored: a revocation is not called back
 * @callback: (scope async): called when the outcome is durable
 * @user_data: for @callback
 *
 * Revokes a token as [method@Server.revoke_token] does, without blocking.
 */
void
tessera_server_revoke_token_async (TesseraServer *self,
                                   const char *token,
                                   const char *token_type_hint,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (token != NULL);

  Order *order = order_new (TESSERA_REVOCATION_KIND_NONE, NULL);
  order->token = g_strdup (token);
  order->token_type_hint = g_strdup (token_type_hint);
  revoke_async (self, order, tessera_server_revoke_token_async, cancellable, callback, user_data);
}

/**
 * tessera_server_revoke_token_finish:
 * @self: a server
 * @result: the result given to the callback
 * @out_revoked: (out) (optional): %FALSE when there was nothing to revoke
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_token_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE, also for an unknown token
 */
gboolean
tessera_server_revoke_token_finish (TesseraServer *self,
                                    GAsyncResult *result,
                                    gboolean *out_revoked,
                                    GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  Order *order = g_task_get_task_data (G_TASK (result));
  if (out_revoked != NULL)
    *out_revoked = order->revoked;
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
revoke_finish (TesseraServer *self, GAsyncResult *result, gpointer source_tag, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, source_tag), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * tessera_server_revoke_token_id_async:
 * @self: a server
 * @jti: an access token, as its claim `jti` names it
 * @cancellable: (nullable): ignored: a revocation is not called back
 * @callback: (scope async): called when the outcome is durable
 * @user_data: for @callback
 *
 * Revokes an access token of which no more than its name is known, from a log for one. Its refresh
 * token stays good.
 */
void
tessera_server_revoke_token_id_async (TesseraServer *self,
                                      const char *jti,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (jti != NULL);
  revoke_async (self, order_new (TESSERA_REVOCATION_KIND_ACCESS_TOKEN, jti),
                tessera_server_revoke_token_id_async, cancellable, callback, user_data);
}

/**
 * tessera_server_revoke_token_id_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_token_id_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when the token is refused, also if there was none, or it has expired
 */
gboolean
tessera_server_revoke_token_id_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return revoke_finish (self, result, tessera_server_revoke_token_id_async, error);
}

/**
 * tessera_server_revoke_grant:
 * @self: a server
 * @grant_id: a grant, as the claim `grant_id` names it
 * @error: return location for an error
 *
 * Ends a grant: its refresh token and all its access tokens. Blocks until that is durable.
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when it is over, also if there was none
 */
gboolean
tessera_server_revoke_grant (TesseraServer *self, const char *grant_id, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (grant_id != NULL, FALSE);
  return revoke_and_wait (self, TESSERA_REVOCATION_KIND_GRANT, grant_id, error);
}

/**
 * tessera_server_revoke_grant_async:
 * @self: a server
 * @grant_id: a grant, as the claim `grant_id` names it
 * @cancellable: (nullable): ignored: a revocation is not called back
 * @callback: (scope async): called when the outcome is durable
 * @user_data: for @callback
 *
 * Ends a grant as [method@Server.revoke_grant] does, without blocking.
 */
void
tessera_server_revoke_grant_async (TesseraServer *self,
                                   const char *grant_id,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (grant_id != NULL);
  revoke_async (self, order_new (TESSERA_REVOCATION_KIND_GRANT, grant_id),
                tessera_server_revoke_grant_async, cancellable, callback, user_data);
}

/**
 * tessera_server_revoke_grant_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_grant_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when the revocation is durable
 */
gboolean
tessera_server_revoke_grant_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return revoke_finish (self, result, tessera_server_revoke_grant_async, error);
}

/**
 * tessera_server_revoke_subject:
 * @self: a server
 * @subject: a resource owner, as a claim `sub` names them or as their login was accepted with
 * @error: return location for an error
 *
 * Revokes everything one person allowed, and ends their sessions. They can log in again; what is
 * issued after this returned is good. Blocks until it is durable.
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when it is over
 */
gboolean
tessera_server_revoke_subject (TesseraServer *self, const char *subject, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (subject != NULL, FALSE);
  return revoke_and_wait (self, TESSERA_REVOCATION_KIND_SUBJECT, subject, error);
}

/**
 * tessera_server_revoke_subject_async:
 * @self: a server
 * @subject: a resource owner, as a claim `sub` names them or as their login was accepted with
 * @cancellable: (nullable): ignored: a revocation is not called back
 * @callback: (scope async): called when the outcome is durable
 * @user_data: for @callback
 *
 * Revokes as [method@Server.revoke_subject] does, without blocking.
 */
void
tessera_server_revoke_subject_async (TesseraServer *self,
                                     const char *subject,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (subject != NULL);
  revoke_async (self, order_new (TESSERA_REVOCATION_KIND_SUBJECT, subject),
                tessera_server_revoke_subject_async, cancellable, callback, user_data);
}

/**
 * tessera_server_revoke_subject_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_subject_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when the revocation is durable
 */
gboolean
tessera_server_revoke_subject_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return revoke_finish (self, result, tessera_server_revoke_subject_async, error);
}

/**
 * tessera_server_revoke_client:
 * @self: a server
 * @client_id: a client
 * @error: return location for an error
 *
 * Revokes everything that was issued to a client. The client stays, and what is issued after this
 * returned is good. Blocks until it is durable.
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when it is over
 */
gboolean
tessera_server_revoke_client (TesseraServer *self, const char *client_id, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (client_id != NULL, FALSE);
  return revoke_and_wait (self, TESSERA_REVOCATION_KIND_CLIENT, client_id, error);
}

/**
 * tessera_server_revoke_client_async:
 * @self: a server
 * @client_id: a client
 * @cancellable: (nullable): ignored: a revocation is not called back
 * @callback: (scope async): called when the outcome is durable
 * @user_data: for @callback
 *
 * Revokes as [method@Server.revoke_client] does, without blocking.
 */
void
tessera_server_revoke_client_async (TesseraServer *self,
                                    const char *client_id,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (client_id != NULL);
  revoke_async (self, order_new (TESSERA_REVOCATION_KIND_CLIENT, client_id),
                tessera_server_revoke_client_async, cancellable, callback, user_data);
}

/**
 * tessera_server_revoke_client_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_client_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when the revocation is durable
 */
gboolean
tessera_server_revoke_client_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return revoke_finish (self, result, tessera_server_revoke_client_async, error);
}

/**
 * tessera_server_end_session_async:
 * @self: a server
 * @session_id: a session, as the claim `sid` names it
 * @cancellable: (nullable): ignored: a revocation is not called back
 * @callback: (scope async): called when the outcome is durable
 * @user_data: for @callback
 *
 * Signs a browser out, and revokes what was allowed in that session.
 */
void
tessera_server_end_session_async (TesseraServer *self,
                                  const char *session_id,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (session_id != NULL);
  revoke_async (self, order_new (TESSERA_REVOCATION_KIND_SESSION, session_id),
                tessera_server_end_session_async, cancellable, callback, user_data);
}

/**
 * tessera_server_end_session_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.end_session_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: it may not be revoked.
 *
 * Returns: %TRUE when the revocation is durable
 */
gboolean
tessera_server_end_session_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return revoke_finish (self, result, tessera_server_end_session_async, error);
}
