/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client that the store keeps is registered, changed or removed: whoever wants it. */

#include "server/tessera-client-change-private.h"

#include "grants/tessera-id-token-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-client-secrets-private.h"

#define CLIENT_SECRET_PREFIX "tcs_"

void
tessera_client_change_clear (TesseraAct *act)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  g_clear_object (&self->wanted);
  g_clear_object (&self->before);
  g_clear_object (&self->after);
  tessera_secret_free (self->secret);
  g_free (self->client_id);
}

TesseraClientRegistry *
tessera_client_change_get_clients (TesseraClientChange *self)
{
  return self->act.server->engine.clients;
}

gboolean
tessera_client_change_find (TesseraClientChange *self, gboolean even_declared, GError **error)
{
  self->before = tessera_client_registry_lookup_any (tessera_client_change_get_clients (self),
                                                     self->client_id);
  if (self->before == NULL)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                           "There is no such client.");
      return FALSE;
    }
  self->was_declared
      = tessera_client_registry_is_declared (tessera_client_change_get_clients (self),
                                             self->client_id);
  if (!self->was_declared || even_declared)
    return TRUE;
  g_autofree char *origin = NULL;
  g_object_get (self->before, "origin", &origin, NULL);
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED,
               "Client %s is declared by %s, which alone can change it.", self->client_id,
               origin != NULL ? origin : "the application");
  return FALSE;
}

gboolean
tessera_client_change_find_removed (TesseraClientChange *self,
                                    gboolean even_declared,
                                    GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (tessera_client_change_find (self, even_declared, &local_error))
    return TRUE;
  self->unusable = self->before == NULL
                   && tessera_client_registry_is_taken (tessera_client_change_get_clients (self),
                                                        self->client_id);
  if (self->unusable)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* Tokens depend on what a client may do: what changes that ends them, as if it were removed. */
static gboolean
ends_tokens (TesseraClientChange *self)
{
  if (self->before == NULL)
    return self->unusable;
  if (self->after == NULL || tessera_client_is_disabled (self->after))
    return TRUE;
  g_autofree char *before = tessera_client_dup_fingerprint (self->before);
  g_autofree char *after = tessera_client_dup_fingerprint (self->after);
  return !tessera_client_fingerprint_matches (before, after);
}

gboolean
tessera_client_change_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (self->after != NULL
      && (!tessera_id_token_make_key (act->server->engine.keys, self->after, error)
          || !tessera_client_secrets_seal (self->after, act->server->engine.keys, error)
          || !tessera_store_put_client (store, self->after, error)))
    return FALSE;
  if (self->after == NULL)
    {
      g_autofree char *declared = g_strconcat ("client:", self->client_id, NULL);
      if (!tessera_store_remove_client (store, self->client_id, error)
          || !tessera_store_put_declared (store, declared, NULL, error))
        return FALSE;
    }
  return !ends_tokens (self)
         || tessera_deny_list_deny_client (act->server->engine.deny_list, store, self->client_id,
                                           &self->generation, error);
}

void
tessera_client_change_report (TesseraClientChange *self)
{
  g_autoptr (TesseraRevocation) revocation
      = tessera_revocation_new (NULL, NULL, NULL, TESSERA_REVOCATION_CAUSE_REMOVED);
  tessera_revocation_set_outcome (revocation, TESSERA_REVOCATION_KIND_CLIENT, self->client_id,
                                  self->generation);
  tessera_server_report_revocation (self->act.server, revocation);
}

/* For HS512 it needs 64 bytes (RFC 7518 §3.2). */
static char *
make_long_secret (void)
{
  g_autoptr (TesseraSecret) first = tessera_secret_new (CLIENT_SECRET_PREFIX);

  return tessera_secret_new (first);
}

char *
tessera_client_change_make_secret (TesseraClient *client)
{
  if (tessera_client_has_keys (client))
    return NULL;
  if (tessera_client_signs_with_secret (client))
    return make_long_secret ();
  if (tessera_client_is_confidential (client)
      || tessera_client_allows_auth_method (client, "client_secret_basic")
      || tessera_client_allows_auth_method (client, "client_secret_post"))
    return tessera_secret_new (CLIENT_SECRET_PREFIX);
  return NULL;
}

static void
put_in_force (TesseraClientChange *self, TesseraClient *client)
{
  tessera_client_registry_update (tessera_client_change_get_clients (self), client);
  tessera_server_settings_changed (self->act.server);
}

void
tessera_client_change_apply (TesseraAct *act)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  put_in_force (self, self->after);
}

void
tessera_client_change_end (TesseraAct *act, const GError *error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (error != NULL)
    put_in_force (self, self->before);
  else if (self->generation != 0)
    tessera_client_change_report (self);
}

static void
take_away (TesseraClientChange *self)
{
  tessera_client_registry_remove (tessera_client_change_get_clients (self), self->client_id);
  tessera_server_settings_changed (self->act.server);
}

void
tessera_client_change_apply_removal (TesseraAct *act)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (self->unusable) /* it is refused as it is, and could not be put back */
    return;
  take_away (self);
}

void
tessera_client_change_end_removal (TesseraAct *act, const GError *error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  if (error == NULL)
    {
      if (self->unusable)
        take_away (self);
      tessera_client_change_report (self);
      return;
    }
  if (self->unusable)
    return;
  /* It could not be stored: the client is still there, so that it can be removed another time. */
  tessera_client_registry_add (tessera_client_change_get_clients (self), self->before,
                               self->was_declared, NULL);
  tessera_server_settings_changed (act->server);
}
