/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a token is, told to whoever may know (RFC 7662 §2.2): the one place that describes tokens.
 */

#include "grants/tessera-introspector-private.h"

#include "grants/tessera-refresh-token-grant-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

/* RFC 7662 §2.2: nothing but that it is not active. */
static char *
describe_nothing (void)
{
  return g_strdup ("{\"active\":false}");
}

/* Takes @claims. What they say under our names does not count. */
static char *
describe_claims (json_t *claims)
{
  g_autoptr (json_t) json = json_object ();

  json_object_set_new_nocheck (json, "active", json_true ());
  json_object_update_missing_new (json, claims);
  return tessera_json_dump (json);
}

/* The claims as the token carries them, between two members of ours: reading them only to write
 * them again would cost as much as all the rest. */
static char *
describe_token (TesseraAccessToken *token)
{
  g_autofree char *claims = tessera_access_token_dup_claims_json (token);
  json_t *json = NULL;

  if (strstr (claims, "\"active\":") == NULL && strstr (claims, "\"token_type\":") == NULL)
    {
      claims[strlen (claims) - 1] = '\0';
      return g_strconcat ("{\"active\":true,", claims + 1, ",\"token_type\":\"Bearer\"}", NULL);
    }
  json = json_loads (claims, 0, NULL);
  json_object_set_new_nocheck (json, "token_type", json_string_nocheck ("Bearer"));
  return describe_claims (json);
}

/* threats.md E11: default is the client's own tokens only. */
static gboolean
may_see (TesseraClient *viewer, TesseraAccessToken *token)
{
  const char *const *audiences = NULL;
  const char *const *audience = tessera_access_token_get_audience (token);

  if (viewer == NULL
      || g_str_equal (tessera_access_token_get_client_id (token), tessera_client_get_id (viewer)))
    return TRUE;
  audiences = tessera_client_get_introspect (viewer);
  if (g_strv_contains (audiences, "*"))
    return TRUE;
  for (guint i = 0; audience[i] != NULL; i++)
    if (g_strv_contains (audiences, audience[i]))
      return TRUE;
  return FALSE;
}

static void
introspect_access_token (TesseraEngine *engine,
                         const char *token,
                         TesseraClient *viewer,
                         TesseraIntrospectorDone done,
                         gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) access_token
      = tessera_engine_check_token (engine, token, strlen (token), NULL, &error);
  if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE))
    {
      done (data, FALSE, NULL, error);
      return;
    }
  gboolean visible = access_token != NULL && may_see (viewer, access_token);

  done (data, visible, visible ? describe_token (access_token) : describe_nothing (), NULL);
}

/* A refresh token is looked up in the committing thread. */
typedef struct
{
  TesseraEngine *engine;
  TesseraClient *viewer;
  TesseraNumberedToken token;
  TesseraGrant *grant;
  TesseraRefreshToken known;
  TesseraIntrospectorDone done;
  gpointer data;
} Lookup;

static void
lookup_free (Lookup *self)
{
  g_clear_object (&self->viewer);
  g_clear_pointer (&self->grant, tessera_grant_free);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lookup, lookup_free)

static gboolean
run_lookup (gpointer data, TesseraStore *store, GError **error)
{
  Lookup *self = data;
  g_autoptr (GError) local_error = NULL;

  g_clear_pointer (&self->grant, tessera_grant_free);
  self->grant = tessera_refresh_token_lookup_live (self->engine, store, &self->token, &self->known,
                                                   &local_error);
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static json_t *
describe_grant (TesseraEngine *engine, const TesseraGrant *grant, const TesseraRefreshToken *known)
{
  gint64 idle_ms
      = known->issued_ms + engine->settings->refresh_token_idle_lifetime * G_GINT64_CONSTANT (1000);
  json_t *json = json_object ();

  json_object_set_new (json, "iss", json_string (engine->settings->issuer));
  json_object_set_new (json, "sub", json_string (tessera_login_get_sub (&grant->login)));
  json_object_set_new (json, "client_id", json_string (grant->client_id));
  if (grant->scope != NULL && *grant->scope != '\0')
    json_object_set_new (json, "scope", json_string (grant->scope));
  json_object_set_new (json, "iat", json_integer (known->issued_ms / 1000));
  json_object_set_new (json, "exp", json_integer (MIN (idle_ms, grant->expires_ms) / 1000));
  return json;
}

/* A refresh token is a matter between its client and us. */
static gboolean
is_visible (const Lookup *self)
{
  return self->grant != NULL
         && (self->viewer == NULL
             || g_str_equal (self->grant->client_id, tessera_client_get_id (self->viewer)));
}

static void
on_looked_up (gpointer data, const GError *error)
{
  g_autoptr (Lookup) self = data;

  if (error != NULL)
    self->done (self->data, FALSE, NULL, error);
  else if (!is_visible (self))
    self->done (self->data, FALSE, describe_nothing (), NULL);
  else
    self->done (self->data, TRUE,
                describe_claims (describe_grant (self->engine, self->grant, &self->known)), NULL);
}

static void
introspect_refresh_token (TesseraEngine *engine,
                          const char *token,
                          TesseraClient *viewer,
                          TesseraIntrospectorDone done,
                          gpointer data)
{
  const TesseraTokenKind *kind = tessera_key_ring_get_refresh_tokens (engine->keys);
  TesseraNumberedToken numbered;
  Lookup *lookup = NULL;

  if (!tessera_numbered_token_read (kind, token, &numbered))
    {
      done (data, FALSE, describe_nothing (), NULL);
      return;
    }
  lookup = g_new0 (Lookup, 1);
  lookup->engine = engine;
  g_set_object (&lookup->viewer, viewer);
  lookup->token = numbered;
  lookup->done = done;
  lookup->data = data;
  tessera_committer_submit (engine->committer, run_lookup, on_looked_up, lookup);
}

void
tessera_introspector_introspect (TesseraEngine *engine,
                                 const char *token,
                                 TesseraClient *viewer,
                                 TesseraIntrospectorDone done,
                                 gpointer data)
{
  if (tessera_refresh_token_looks_like (token))
    introspect_refresh_token (engine, token, viewer, done, data);
  else
    introspect_access_token (engine, token, viewer, done, data);
}
