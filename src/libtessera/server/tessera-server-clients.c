/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom the server knows: clients, resource servers, people with passwords (RFC 6749 §2, RFC 8707).
 */

#include "server/tessera-server-object-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define CLIENT_SECRET_PREFIX "tcs_"

/* Clients. */

static void
clients_changed (TesseraServer *self)
{
  tessera_server_settings_changed (self);
  tessera_server_unsettle (self, TESSERA_DECLARED_CLIENTS);
}

/* What was allowed, and yet is not right for long. */
static void
tell_weaknesses (TesseraClient *client)
{
  if (tessera_client_has_short_secret (client))
    g_message ("Client %s has a secret that can be guessed; keep it for samples and tests",
               tessera_client_get_id (client));
  if (!tessera_client_requires_pkce (client))
    g_message ("Client %s may do without PKCE: its codes can be injected (RFC 9700 section 2.1.1)",
               tessera_client_get_id (client));
}

/**
 * tessera_server_add_client_object:
 * @self: a server
 * @client: the client
 * @error: return location for an error
 *
 * Declares a client, as an application does at each start. A client that is not declared any more
 * at a later start, or was changed, loses its tokens.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_EXISTS.
 *
 * Returns: %TRUE when it was added
 */
gboolean
tessera_server_add_client_object (TesseraServer *self, TesseraClient *client, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (TESSERA_IS_CLIENT (client), FALSE);

  if (!tessera_client_check (client, error)
      || !tessera_client_registry_add (self->engine.clients, client, TRUE, error))
    return FALSE;
  tell_weaknesses (client);
  clients_changed (self);
  return TRUE;
}

static TesseraClient *
make_client (const char *name,
             const char *redirect_uri,
             const char *client_id,
             const char *client_secret,
             int lifetime,
             gboolean refresh_tokens,
             const char *const *grant_types)
{
  const char *usual[] = { "authorization_code", refresh_tokens ? "refresh_token" : NULL, NULL };
  const char *redirect_uris[] = { redirect_uri, NULL };
  gboolean has_uri = redirect_uri != NULL && *redirect_uri != '\0';

  return g_object_new (TESSERA_TYPE_CLIENT, "id", client_id, "name", name, "redirect-uris",
                       has_uri ? redirect_uris : NULL, "secret", client_secret,
                       "allow-short-secret", TRUE, "access-token-lifetime", lifetime,
                       "refresh-tokens", refresh_tokens, "grant-types",
                       grant_types != NULL ? grant_types : usual, NULL);
}

/**
 * tessera_server_add_client:
 * @self: a server
 * @name: the name people see on the consent page
 * @redirect_uri: (nullable): where authorization codes are sent; %NULL or `""` for loopback only,
 * with any port and path (RFC 8252 §7.3)
 * @client_id: its identifier
 * @client_secret: (nullable): its secret, or %NULL for a public client; a short one is taken here,
 *   but is for samples and tests only
 * @lifetime: how long its access tokens live, in seconds; 0 for as long as the server's
 * @refresh_tokens: whether it gets refresh tokens
 * @grant_types: (nullable) (array zero-terminated=1): what it may ask for tokens with, or %NULL for
 *   `authorization_code`, and `refresh_token` with @refresh_tokens
 * @error: return location for an error
 *
 * Declares a client in one line, as an application does at each start. It has no scopes;
 * [method@Server.add_client_object] takes all there is to say.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_EXISTS.
 *
 * Returns: %TRUE when it was added
 */
gboolean
tessera_server_add_client (TesseraServer *self,
                           const char *name,
                           const char *redirect_uri,
                           const char *client_id,
                           const char *client_secret,
                           int lifetime,
                           gboolean refresh_tokens,
                           const char *const *grant_types,
                           GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (client_id != NULL, FALSE);

  if (lifetime < 0)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                           "A lifetime cannot be negative.");
      return FALSE;
    }
  g_autoptr (TesseraClient) client = make_client (name, redirect_uri, client_id, client_secret,
                                                  lifetime, refresh_tokens, grant_types);
  return tessera_server_add_client_object (self, client, error);
}

/**
 * tessera_server_replace_clients:
 * @self: a server
 * @clients: (array length=n_clients): all clients that are declared from now on
 * @n_clients: how many
 * @error: return location for an error
 *
 * Swaps all declared clients at once, as a reload of a configuration does. A client that is gone or
 * changed loses its tokens before this returns; blocks until that is durable. Registered clients
 * stay.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_EXISTS; then nothing changed.
 *
 * Returns: %TRUE when they were swapped
 */
gboolean
tessera_server_replace_clients (TesseraServer *self,
                                TesseraClient **clients,
                                gsize n_clients,
                                GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();

  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  for (gsize i = 0; i < n_clients; i++)
    {
      g_return_val_if_fail (TESSERA_IS_CLIENT (clients[i]), FALSE);
      if (!tessera_client_check (clients[i], error))
        return FALSE;
      g_ptr_array_add (list, clients[i]);
    }
  if (!tessera_client_registry_replace_declared (self->engine.clients, list, error))
    return FALSE;
  clients_changed (self);
  return self->state != TESSERA_SERVER_READY
         || tessera_server_settle_only (self, TESSERA_DECLARED_CLIENTS, error);
}

/**
 * tessera_server_lookup_client:
 * @self: a server
 * @client_id: an identifier
 *
 * Looks for a client, declared or registered.
 *
 * Returns: (transfer full) (nullable): the client, or %NULL if there is none
 */
TesseraClient *
tessera_server_lookup_client (TesseraServer *self, const char *client_id)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (client_id != NULL, NULL);
  return tessera_client_registry_lookup (self->engine.clients, client_id);
}

/* Registering and removing, as operations of the committing thread. */

typedef struct
{
  TesseraServer *server;
  GTask *task; /* NULL: somebody waits */
  TesseraClient *client;
  char *secret; /* or NULL */
} Registration;

static void
registration_free (Registration *self)
{
  g_clear_object (&self->task);
  g_clear_object (&self->client);
  tessera_secret_free (self->secret);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Registration, registration_free)

static Registration *
registration_new (TesseraServer *server, TesseraClient *client, GError **error)
{
  g_autoptr (Registration) self = g_new0 (Registration, 1);
  g_autofree char *id = tessera_identifier_new ();

  self->server = server;
  if (tessera_client_is_confidential (client)
      || tessera_client_allows_auth_method (client, "client_secret_basic")
      || tessera_client_allows_auth_method (client, "client_secret_post"))
    self->secret = tessera_secret_new (CLIENT_SECRET_PREFIX);
  self->client = tessera_client_copy_with (client, id, self->secret);
  if (!tessera_client_check (self->client, error))
    return NULL;
  return g_steal_pointer (&self);
}

static gboolean
registration_run (gpointer data, TesseraStore *store, GError **error)
{
  Registration *self = data;
  return tessera_store_put_client (store, self->client, error);
}

/* Durable: from now on the client exists. */
static gboolean
registration_apply (Registration *self, GError **error)
{
  if (!tessera_client_registry_add (self->server->engine.clients, self->client, FALSE, error))
    return FALSE;
  tessera_server_settings_changed (self->server);
  return TRUE;
}

/**
 * tessera_server_register_client:
 * @self: a server
 * @client: what to register; its identifier and secret are ignored
 * @out_client_secret: (out) (optional) (nullable) (transfer full): the generated secret, to be told
 *   once: only its digest is kept; %NULL for a public client
 * @error: return location for an error
 *
 * Registers a client that the store keeps, with an identifier and a secret of the server's making.
 * It is public if its `token-endpoint-auth-method` is `none`, or if it has neither method nor
 * secret. Blocks until it is durable.
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

  if (!tessera_server_wait_ready (self, error))
    return NULL;
  g_autoptr (Registration) registration = registration_new (self, client, error);
  if (registration == NULL
      || !tessera_committer_submit_and_wait (self->engine.committer, registration_run, registration,
                                             error)
      || !registration_apply (registration, error))
    return NULL;
  if (out_client_secret != NULL)
    *out_client_secret = g_steal_pointer (&registration->secret);
  return g_strdup (tessera_client_get_id (registration->client));
}

static void
on_registered (gpointer data, const GError *error)
{
  Registration *self = data;
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  g_autoptr (GError) refused = NULL;

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else if (!registration_apply (self, &refused))
    g_task_return_error (task, g_steal_pointer (&refused));
  else
    {
      g_task_return_pointer (task, self, (GDestroyNotify) registration_free);
      return;
    }
  registration_free (self);
}

static void
register_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  Registration *registration = registration_new (self, g_task_get_task_data (task), &error);
  if (registration == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  registration->task = g_steal_pointer (&task);
  tessera_committer_submit (self->engine.committer, registration_run, on_registered, registration);
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

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_server_register_client_async);
  g_task_set_task_data (task, g_object_ref (client), g_object_unref);
  tessera_server_wait_ready_async (self, cancellable, register_when_ready, task);
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
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  g_autoptr (Registration) registration = g_task_propagate_pointer (G_TASK (result), error);
  if (registration == NULL)
    return NULL;
  if (out_client_secret != NULL)
    *out_client_secret = g_steal_pointer (&registration->secret);
  return g_strdup (tessera_client_get_id (registration->client));
}

typedef struct
{
  TesseraServer *server;
  GTask *task; /* NULL: somebody waits */
  char *client_id;
  TesseraClient *client; /* as it was registered */
  gboolean declared;
  guint64 generation;
} Removal;

static void
removal_free (Removal *self)
{
  g_clear_object (&self->task);
  g_clear_object (&self->client);
  g_free (self->client_id);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Removal, removal_free)

/* From now on it gets no more tokens; what it has dies with the commit. */
static Removal *
removal_begin (TesseraServer *server, const char *client_id, GError **error)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (server->engine.clients, client_id);
  gboolean declared = tessera_client_registry_is_declared (server->engine.clients, client_id);

  if (!tessera_client_registry_remove (server->engine.clients, client_id))
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                           "There is no such client.");
      return NULL;
    }
  tessera_server_settings_changed (server);
  Removal *self = g_new0 (Removal, 1);
  self->server = server;
  self->client_id = g_strdup (client_id);
  self->client = g_steal_pointer (&client);
  self->declared = declared;
  return self;
}

/* It could not be stored: the client is still there, so that it can be removed another time. */
static void
removal_undo (Removal *self)
{
  TesseraServer *server = self->server;

  tessera_client_registry_add (server->engine.clients, self->client, self->declared, NULL);
  tessera_server_settings_changed (server);
}

static gboolean
removal_run (gpointer data, TesseraStore *store, GError **error)
{
  Removal *self = data;
  g_autofree char *declared = g_strconcat ("client:", self->client_id, NULL);

  return tessera_store_remove_client (store, self->client_id, error)
         && tessera_store_put_declared (store, declared, NULL, error)
         && tessera_deny_list_deny_client (self->server->engine.deny_list, store, self->client_id,
                                           &self->generation, error);
}

static void
removal_report (Removal *self)
{
  g_autoptr (TesseraRevocation) revocation
      = tessera_revocation_new (NULL, NULL, NULL, TESSERA_REVOCATION_CAUSE_REMOVED);
  tessera_revocation_set_outcome (revocation, TESSERA_REVOCATION_KIND_CLIENT, self->client_id,
                                  self->generation);
  tessera_server_report_revocation (self->server, revocation);
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

  if (!tessera_server_wait_ready (self, error))
    return FALSE;
  g_autoptr (Removal) removal = removal_begin (self, client_id, error);
  if (removal == NULL)
    return FALSE;
  if (!tessera_committer_submit_and_wait (self->engine.committer, removal_run, removal, error))
    {
      removal_undo (removal);
      return FALSE;
    }
  removal_report (removal);
  return TRUE;
}

static void
on_removed (gpointer data, const GError *error)
{
  g_autoptr (Removal) self = data;

  if (error != NULL)
    {
      removal_undo (self);
      g_task_return_error (self->task, g_error_copy (error));
      return;
    }
  removal_report (self);
  g_task_return_boolean (self->task, TRUE);
}

static void
remove_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  Removal *removal = removal_begin (self, g_task_get_task_data (task), &error);
  if (removal == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  removal->task = g_steal_pointer (&task);
  tessera_committer_submit (self->engine.committer, removal_run, on_removed, removal);
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

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_server_remove_client_async);
  g_task_set_task_data (task, g_strdup (client_id), g_free);
  tessera_server_wait_ready_async (self, cancellable, remove_when_ready, task);
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
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Resource servers. */

/**
 * tessera_server_add_resource:
 * @self: a server
 * @identifier: its absolute URI, what a token's `aud` says (RFC 8707 §2)
 * @scope: (nullable): the scopes it knows, separated by spaces, or %NULL for any
 * @error: return location for an error
 *
 * Declares a resource server that tokens may be for. Without any, tokens are for the issuer.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_EXISTS.
 *
 * Returns: %TRUE when it was added
 */
gboolean
tessera_server_add_resource (TesseraServer *self,
                             const char *identifier,
                             const char *scope,
                             GError **error)
{
  return tessera_server_add_resource_full (self, identifier, scope, NULL, NULL, error);
}

static gboolean
has_resource (TesseraServer *self, const char *identifier)
{
  for (guint i = 0; i < self->engine.resources->len; i++)
    {
      TesseraResource *resource = self->engine.resources->pdata[i];
      if (strcmp (resource->identifier, identifier) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_resource (TesseraServer *self, const char *identifier, GError **error)
{
  if (!tessera_uri_is_resource (identifier))
    {
      g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                   "The resource %s is no absolute URI without fragment.", identifier);
      return FALSE;
    }
  if (has_resource (self, identifier))
    {
      g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                   "The resource %s is there already.", identifier);
      return FALSE;
    }
  return TRUE;
}

static gboolean
set_algorithm (TesseraServer *self, TesseraResource *resource, const char *name, GError **error)
{
  if (name == NULL)
    return TRUE;
  if (!tessera_algorithm_parse (name, &resource->signing_algorithm))
    {
      g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED,
                   "%s is no signing algorithm of this server.", name);
      return FALSE;
    }
  resource->has_signing_algorithm = TRUE;
  return !self->engine.ready
         || tessera_key_ring_ensure (self->engine.keys, resource->signing_algorithm, error);
}

/* A list of its own, because the committing thread reads the one that is there. Takes @resource. */
static void
put_resource (TesseraServer *self, TesseraResource *resource)
{
  GPtrArray *old = self->engine.resources;
  GPtrArray *resources = g_ptr_array_copy (old, NULL, NULL);

  g_ptr_array_add (resources, resource);
  g_atomic_pointer_set (&self->engine.resources, resources);
  g_ptr_array_add (self->old_resources, old);
}

/**
 * tessera_server_add_resource_full:
 * @self: a server
 * @identifier: its absolute URI, what a token's `aud` says (RFC 8707 §2)
 * @scope: (nullable): the scopes it knows, separated by spaces, or %NULL for any
 * @token_type: (nullable): the `typ` of its tokens, or %NULL for `at+jwt` (RFC 9068 §2.1)
 * @signing_algorithm: (nullable): how its tokens are signed, or %NULL for as the server's
 * @error: return location for an error
 *
 * Declares a resource server whose tokens are of a kind of their own, for software that insists on
 * it.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_EXISTS,
 * %TESSERA_SETUP_ERROR_UNSUPPORTED.
 *
 * Returns: %TRUE when it was added
 */
gboolean
tessera_server_add_resource_full (TesseraServer *self,
                                  const char *identifier,
                                  const char *scope,
                                  const char *token_type,
                                  const char *signing_algorithm,
                                  GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (identifier != NULL, FALSE);

  g_autoptr (TesseraResource) resource = g_new0 (TesseraResource, 1);
  if (!check_resource (self, identifier, error)
      || !set_algorithm (self, resource, signing_algorithm, error))
    return FALSE;
  if (scope != NULL && (resource->scope = tessera_scope_parse (scope, error)) == NULL)
    return FALSE;
  resource->identifier = g_strdup (identifier);
  resource->token_type = g_strdup (token_type);
  put_resource (self, g_steal_pointer (&resource));
  tessera_server_settings_changed (self);
  return TRUE;
}

/* People. */

/**
 * tessera_server_load_users:
 * @self: a server
 * @file: (type filename): a file with `name:hash` a line, as [func@hash_password] makes hashes
 * @error: return location for an error
 *
 * Loads people with passwords of the server's own, and forgets those loaded before. They are asked
 * when no handler of [signal@Server::authenticate] decides. Whoever is gone, or has another
 * password, loses their tokens; on a running server before this returns.
 *
 * Errors: %TESSERA_SETUP_ERROR_USER, or of %G_FILE_ERROR; then nothing changed.
 *
 * Returns: %TRUE when they were loaded
 */
gboolean
tessera_server_load_users (TesseraServer *self, const char *file, GError **error)
{
  g_autofree char *text = NULL;

  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (file != NULL, FALSE);

  if (!g_file_get_contents (file, &text, NULL, error)
      || !tessera_user_registry_replace (self->users, text, error))
    return FALSE;
  tessera_server_unsettle (self, TESSERA_DECLARED_USERS);
  return self->state != TESSERA_SERVER_READY
         || tessera_server_settle_only (self, TESSERA_DECLARED_USERS, error);
}

/**
 * tessera_hash_password:
 * @password: a password
 * @error: return location for an error
 *
 * Hashes a password for a file of [method@Server.load_users], by yescrypt. Blocks for some 30 ms:
 * that is what it is for.
 *
 * Errors: %TESSERA_SETUP_ERROR_USER when @password is longer than 511 bytes, which is all that
 * crypt(3) takes.
 *
 * Returns: (transfer full): the hash
 */
char *
tessera_hash_password (const char *password, GError **error)
{
  g_return_val_if_fail (password != NULL, NULL);
  return tessera_password_hash (password, error);
}
