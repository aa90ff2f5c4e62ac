/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clients that an application or a file declares at each start (RFC 6749 §2). */

#include "server/tessera-server-object-private.h"

#include "model/tessera-client-private.h"

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

gboolean
tessera_server_can_serve (TesseraServer *self, TesseraClient *client, GError **error)
{
  const char *name = NULL;

  if (tessera_client_get_backchannel_logout_uri (client) != NULL)
    name = "backchannel_logout_uri";
  else if (tessera_client_get_jwks_uri (client) != NULL)
    name = "jwks_uri";
  if (name == NULL || self->outbound != NULL)
    return TRUE;
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
               "Client %s: %s needs a way to other machines, and there is none",
               tessera_client_get_id (client), name);
  return FALSE;
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

  if (!tessera_client_check (client, error) || !tessera_server_can_serve (self, client, error)
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

/* Whether a client of @clients is a registered one that is still to be loaded: the start of a
 * service does not wait for those. */
typedef struct
{
  GPtrArray *clients;
  const char *taken; /* or NULL */
} KeptCheck;

static gboolean
run_kept_check (gpointer data, TesseraStore *store, GError **error)
{
  KeptCheck *self = data;

  for (guint i = 0; i < self->clients->len && self->taken == NULL; i++)
    {
      const char *id = tessera_client_get_id (self->clients->pdata[i]);
      gboolean kept;
      if (!tessera_store_has_client (store, id, &kept, error))
        return FALSE;
      self->taken = kept ? id : NULL;
    }
  return TRUE;
}

static gboolean
check_kept (TesseraServer *self, GPtrArray *clients, GError **error)
{
  KeptCheck check = { .clients = clients };

  if (!tessera_client_registry_is_loading (self->engine.clients))
    return TRUE;
  if (!tessera_committer_submit_and_wait (self->engine.committer, run_kept_check, &check, error))
    return FALSE;
  if (check.taken == NULL)
    return TRUE;
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
               "There is a client with the id %s already", check.taken);
  return FALSE;
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
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_EXISTS,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE when it cannot be stored whose tokens end; then nothing
 * changed.
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
      if (!tessera_client_check (clients[i], error)
          || !tessera_server_can_serve (self, clients[i], error))
        return FALSE;
      g_ptr_array_add (list, clients[i]);
    }
  g_autoptr (GPtrArray) before
      = tessera_client_registry_list (self->engine.clients, TESSERA_CLIENTS_DECLARED);
  if (self->state == TESSERA_SERVER_READY && !check_kept (self, list, error))
    return FALSE;
  if (!tessera_client_registry_replace_declared (self->engine.clients, list, error))
    return FALSE;
  clients_changed (self);
  if (self->state != TESSERA_SERVER_READY
      || tessera_server_settle_only (self, TESSERA_DECLARED_CLIENTS, error))
    return TRUE;
  if (self->unsettled & TESSERA_DECLARED_CLIENTS)
    {
      tessera_client_registry_replace_declared (self->engine.clients, before, NULL);
      clients_changed (self);
    }
  return FALSE;
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
  return tessera_client_registry_lookup_any (self->engine.clients, client_id);
}
