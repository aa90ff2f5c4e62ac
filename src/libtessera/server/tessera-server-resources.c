/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The resource servers that tokens may be for (RFC 8707). */

#include "server/tessera-server-object-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

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
