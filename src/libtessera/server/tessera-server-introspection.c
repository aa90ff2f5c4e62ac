/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator is told of a token (RFC 7662 §2.2). */

#include "server/tessera-administration.h"
#include "server/tessera-server-object-private.h"

#include "grants/tessera-introspector-private.h"

static void
on_introspected (gpointer data, gboolean active, char *json, const GError *error)
{
  g_autoptr (GTask) task = data;

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_pointer (task, json, g_free);
}

static void
introspect_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  const char *token = g_task_get_task_data (task);
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  tessera_introspector_introspect (&self->engine, token, NULL, on_introspected,
                                   g_steal_pointer (&task));
}

/**
 * tessera_server_introspect_async:
 * @self: a server
 * @token: an access token or refresh token
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the answer
 * @user_data: for @callback
 *
 * Tells what a token is, as the introspection endpoint does (RFC 7662), whosever it is.
 */
void
tessera_server_introspect_async (TesseraServer *self,
                                 const char *token,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (token != NULL);

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_server_introspect_async);
  g_task_set_task_data (task, g_strdup (token), (GDestroyNotify) tessera_secret_free);
  tessera_server_wait_ready_async (self, cancellable, introspect_when_ready, task);
}

/**
 * tessera_server_introspect_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.introspect_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer full): a JSON object; `{"active":false}` for what is not good, whatever the
 *   reason
 */
char *
tessera_server_introspect_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
