/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clients that the store keeps: registered at run time, changed and removed (RFC 7591 §2). */

#include "server/tessera-administration.h"
#include "server/tessera-client-change-private.h"

#include "model/tessera-client-private.h"

/* Registering: the client exists from the moment it is durable. */

static gboolean
register_begin (TesseraAct *act, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  self->client_id = tessera_identifier_new ();
  self->secret = tessera_client_change_make_secret (self->wanted);
  self->after = tessera_client_copy_with (self->wanted, self->client_id, self->secret);
  return tessera_client_check (self->after, error)
         && tessera_server_can_serve (self->act.server, self->after, error);
}

static void
register_end (TesseraAct *act, const GError *error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (error != NULL)
    return;
  /* Nobody else can have the identifier that was made for it. */
  tessera_client_registry_add (tessera_client_change_get_clients (self), self->after, FALSE, NULL);
  tessera_server_settings_changed (act->server);
}

static const TesseraActClass register_class = {
  .size = sizeof (TesseraClientChange),
  .begin = register_begin,
  .run = tessera_client_change_run,
  .end = register_end,
  .clear = tessera_client_change_clear,
};

static TesseraClientChange *
registration_new (TesseraServer *server, TesseraClient *client)
{
  TesseraClientChange *self = tessera_act_new (&register_class, server);
  self->wanted = g_object_ref (client);
  return self;
}

static char *
take_outcome (TesseraClientChange *self, char **out_client_secret)
{
  if (out_client_secret != NULL)
    *out_client_secret = g_steal_pointer (&self->secret);
  return g_strdup (self->client_id);
}

/**
 * tessera_server_register_client:
 * @self: a server
 * @client: what to register; its identifier and secret are ignored
 * @out_client_secret: (out) (optional) (nullable) (transfer full): the generated secret, to be told
 *   once: only its digest is kept, or with `client_secret_jwt` it is kept sealed; %NULL for a
 *   public client or one with keys
 * @error: return location for an error
 *
 * Registers a client that the store keeps, with an identifier and a secret of the server's making.
 * It is public if its `token-endpoint-auth-method` is `none`, or if it has neither method nor
 * secret; with `private_key_jwt` it has its own keys instead of a secret. Blocks until it is
 * durable.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer full): the `client_id`
 */
char *
tessera_server_register_client (TesseraServer *self,
                                TesseraClient *client,
                                char **out_client_secret,
                                GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (TESSERA_IS_CLIENT (client), NULL);

  TesseraClientChange *registration = registration_new (self, client);
  g_autoptr (TesseraAct) act = &registration->act;
  return tessera_act_perform (act, error) ? take_outcome (registration, out_client_secret) : NULL;
}

/**
 * tessera_server_register_client_async:
 * @self: a server
 * @client: what to register
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is registered or not
 * @user_data: for @callback
 *
 * Registers a client as [method@Server.register_client] does, without blocking.
 */
void
tessera_server_register_client_async (TesseraServer *self,
                                      TesseraClient *client,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (TESSERA_IS_CLIENT (client));
  tessera_act_start (&registration_new (self, client)->act, tessera_server_register_client_async,
                     cancellable, callback, user_data);
}

/**
 * tessera_server_register_client_finish:
 * @self: a server
 * @result: the result given to the callback
 * @out_client_secret: (out) (optional) (nullable) (transfer full): the generated secret
 * @error: return location for an error
 *
 * Finishes [method@Server.register_client_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer full): the `client_id`
 */
char *
tessera_server_register_client_finish (TesseraServer *self,
                                       GAsyncResult *result,
                                       char **out_client_secret,
                                       GError **error)
{
  TesseraClientChange *registration
      = tessera_act_finish (self, result, tessera_server_register_client_async, error);
  return registration != NULL ? take_outcome (registration, out_client_secret) : NULL;
}

/* Removing: from the first moment it gets no more tokens; what it has dies with the commit. */

static gboolean
remove_begin (TesseraAct *act, GError **error)
{
  return tessera_client_change_find_removed ((TesseraClientChange *) act, TRUE, error);
}

static const TesseraActClass remove_class = {
  .size = sizeof (TesseraClientChange),
  .always = TRUE,
  .begin = remove_begin,
  .apply = tessera_client_change_apply_removal,
  .run = tessera_client_change_run,
  .end = tessera_client_change_end_removal,
  .clear = tessera_client_change_clear,
};

static TesseraClientChange *
removal_new (TesseraServer *server, const char *client_id)
{
  TesseraClientChange *self = tessera_act_new (&remove_class, server);
  self->client_id = g_strdup (client_id);
  return self;
}

/**
 * tessera_server_remove_client:
 * @self: a server
 * @client_id: a client, declared or registered
 * @error: return location for an error
 *
 * Removes a client: its tokens, codes and grants die. Blocks until that is durable.
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is gone
 */
gboolean
tessera_server_remove_client (TesseraServer *self, const char *client_id, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (client_id != NULL, FALSE);

  g_autoptr (TesseraAct) act = &removal_new (self, client_id)->act;
  return tessera_act_perform (act, error);
}

/**
 * tessera_server_remove_client_async:
 * @self: a server
 * @client_id: a client, declared or registered
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is gone or not
 * @user_data: for @callback
 *
 * Removes a client as [method@Server.remove_client] does, without blocking.
 */
void
tessera_server_remove_client_async (TesseraServer *self,
                                    const char *client_id,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (client_id != NULL);
  tessera_act_start (&removal_new (self, client_id)->act, tessera_server_remove_client_async,
                     cancellable, callback, user_data);
}

/**
 * tessera_server_remove_client_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.remove_client_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is gone
 */
gboolean
tessera_server_remove_client_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_remove_client_async, error) != NULL;
}

/* Changing */

static gboolean
update_begin (TesseraAct *act, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (!tessera_client_change_find (self, FALSE, error))
    return FALSE;
  self->after = tessera_client_copy_for (self->wanted, self->before);
  return tessera_client_check (self->after, error)
         && tessera_server_can_serve (self->act.server, self->after, error);
}

static gboolean
disable_begin (TesseraAct *act, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (!tessera_client_change_find (self, FALSE, error))
    return FALSE;
  self->after = tessera_client_copy_with_disabled (self->before, self->disabled);
  return TRUE;
}

static gboolean
rotate_begin (TesseraAct *act, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (!tessera_client_change_find (self, FALSE, error))
    return FALSE;
  self->secret = tessera_client_change_make_secret (self->before);
  if (self->secret == NULL)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                           "This client has no secret.");
      return FALSE;
    }
  self->after = tessera_client_copy_with_secret (self->before, self->secret, self->keep_previous);
  return TRUE;
}

#define CHANGE_CLASS(BEGIN, ALWAYS)                                                                \
  {                                                                                                \
    .size = sizeof (TesseraClientChange), .always = ALWAYS, .begin = BEGIN,                        \
    .apply = tessera_client_change_apply, .run = tessera_client_change_run,                        \
    .end = tessera_client_change_end, .clear = tessera_client_change_clear                         \
  }

static const TesseraActClass update_class = CHANGE_CLASS (update_begin, FALSE);
static const TesseraActClass disable_class = CHANGE_CLASS (disable_begin, TRUE);
static const TesseraActClass rotate_class = CHANGE_CLASS (rotate_begin, FALSE);

static TesseraClientChange *
change_new (const TesseraActClass *klass, TesseraServer *server, const char *client_id)
{
  TesseraClientChange *self = tessera_act_new (klass, server);
  self->client_id = g_strdup (client_id);
  return self;
}

/**
 * tessera_server_update_client_async:
 * @self: a server
 * @client: what the registered client with the same identifier is to be; secrets are ignored
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Changes a registered client. Its secrets stay. Unless only its name changes it loses its tokens,
 * as if it had been removed: they were for what it was allowed before.
 */
void
tessera_server_update_client_async (TesseraServer *self,
                                    TesseraClient *client,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (TESSERA_IS_CLIENT (client));

  TesseraClientChange *change = change_new (&update_class, self, tessera_client_get_id (client));
  change->wanted = g_object_ref (client);
  tessera_act_start (&change->act, tessera_server_update_client_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_update_client_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.update_client_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED,
 * %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is changed
 */
gboolean
tessera_server_update_client_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_update_client_async, error) != NULL;
}

/**
 * tessera_server_disable_client_async:
 * @self: a server
 * @client_id: a registered client
 * @disabled: %TRUE to disable it, %FALSE to enable it again
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Disables a client: its tokens die, and it is treated as if it did not exist until it is enabled
 * again.
 */
void
tessera_server_disable_client_async (TesseraServer *self,
                                     const char *client_id,
                                     gboolean disabled,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (client_id != NULL);

  TesseraClientChange *change = change_new (&disable_class, self, client_id);
  change->disabled = disabled;
  tessera_act_start (&change->act, tessera_server_disable_client_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_disable_client_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.disable_client_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is done
 */
gboolean
tessera_server_disable_client_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_disable_client_async, error) != NULL;
}

/**
 * tessera_server_rotate_client_secret_async:
 * @self: a server
 * @client_id: a registered, confidential client
 * @keep_previous: whether the secret of now stays good, until the next rotation
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Gives a client a new secret. Without @keep_previous, as after a theft, its tokens die too.
 */
void
tessera_server_rotate_client_secret_async (TesseraServer *self,
                                           const char *client_id,
                                           gboolean keep_previous,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (client_id != NULL);

  TesseraClientChange *change = change_new (&rotate_class, self, client_id);
  change->keep_previous = keep_previous;
  tessera_act_start (&change->act, tessera_server_rotate_client_secret_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_rotate_client_secret_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.rotate_client_secret_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED,
 * %TESSERA_SETUP_ERROR_CLIENT for a public client, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer full): the new secret, to be told once
 */
char *
tessera_server_rotate_client_secret_finish (TesseraServer *self,
                                            GAsyncResult *result,
                                            GError **error)
{
  TesseraClientChange *change
      = tessera_act_finish (self, result, tessera_server_rotate_client_secret_async, error);
  return change != NULL ? g_steal_pointer (&change->secret) : NULL;
}

/**
 * tessera_server_list_clients:
 * @self: a server
 * @after: (nullable): the last identifier of the page before, or %NULL for the first page
 * @limit: how many at most
 *
 * Lists clients, declared and registered, by identifier, a page at a time.
 *
 * Returns: (transfer container) (element-type TesseraClient): the clients; an empty page is the end
 */
GPtrArray *
tessera_server_list_clients (TesseraServer *self, const char *after, guint limit)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  return tessera_client_registry_list_page (self->engine.clients, after != NULL ? after : "",
                                            limit);
}
