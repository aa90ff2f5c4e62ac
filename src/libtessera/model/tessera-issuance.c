/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An access token about to be signed, for the signal issue-token (RFC 9068 §2.2). */

#include "model/tessera-issuance-private.h"

#include "base/tessera-json-variant-private.h"
#include "base/tessera-log-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

/**
 * TesseraIssuance:
 *
 * An access token about to be signed.
 *
 * A handler of [signal@Server::issue-token] may add claims, take scopes away, or refuse. It can
 * never give a token more than was granted.
 */
struct _TesseraIssuance
{
  GObject parent_instance;

  TesseraClient *client;
  char *subject;
  char *scope;
  char *grant_type;
  GVariant *login_claims; /* or NULL */
  TesseraClaims *added;   /* or NULL */
  gboolean refused;
};

G_DEFINE_FINAL_TYPE (TesseraIssuance, tessera_issuance, G_TYPE_OBJECT)

/* What a token means is the server's to say; handlers only add to it. */
static const char *const protected_claims[] = {
  "iss",       "sub", "aud", "client_id", "scope", "iat", "nbf",    "exp", "jti",
  "auth_time", "acr", "amr", "grant_id",  "sid",   "cnf", "status", NULL,
};

static void
tessera_issuance_finalize (GObject *object)
{
  TesseraIssuance *self = TESSERA_ISSUANCE (object);
  g_clear_object (&self->client);
  g_free (self->subject);
  g_free (self->scope);
  g_free (self->grant_type);
  g_clear_pointer (&self->login_claims, g_variant_unref);
  g_clear_pointer (&self->added, tessera_claims_unref);
  G_OBJECT_CLASS (tessera_issuance_parent_class)->finalize (object);
}

static void
tessera_issuance_class_init (TesseraIssuanceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_issuance_finalize;
}

static void
tessera_issuance_init (TesseraIssuance *self)
{
}

TesseraIssuance *
tessera_issuance_new (TesseraClient *client,
                      const char *subject,
                      const char *scope,
                      const char *grant_type)
{
  TesseraIssuance *self = g_object_new (TESSERA_TYPE_ISSUANCE, NULL);
  self->client = g_object_ref (client);
  self->subject = g_strdup (subject);
  self->scope = g_strdup (scope != NULL ? scope : "");
  self->grant_type = g_strdup (grant_type);
  return self;
}

void
tessera_issuance_set_login_claims (TesseraIssuance *self, const char *json)
{
  g_autoptr (json_t) object
      = json != NULL ? tessera_json_parse (json, strlen (json), strlen (json), NULL) : NULL;

  g_clear_pointer (&self->login_claims, g_variant_unref);
  if (object != NULL)
    self->login_claims = g_variant_ref_sink (tessera_json_to_variant (object));
}

gboolean
tessera_issuance_protects (const char *claim)
{
  return g_strv_contains (protected_claims, claim);
}

gboolean
tessera_issuance_is_refused (TesseraIssuance *self)
{
  return self->refused;
}

void
tessera_issuance_apply (TesseraIssuance *self, TesseraClaims *claims)
{
  if (self->added == NULL)
    return;
  g_autofree char *json = tessera_claims_to_json (self->added);
  tessera_claims_merge_json (claims, json, protected_claims);
}

static TesseraClaims *
ensure_added (TesseraIssuance *self)
{
  if (self->added == NULL)
    self->added = tessera_claims_new ();
  return self->added;
}

/**
 * tessera_issuance_get_subject:
 * @self: an issuance
 *
 * Whom the token will stand for: the resource owner, by the subject that the login was accepted
 * with, or the client itself with client credentials. The claim `sub` can be another
 * ([property@Client:subject-type]).
 *
 * Returns: the subject
 */
const char *
tessera_issuance_get_subject (TesseraIssuance *self)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), NULL);
  return self->subject;
}

/**
 * tessera_issuance_get_client:
 * @self: an issuance
 *
 * Who will get the token.
 *
 * Returns: (transfer none): the client
 */
TesseraClient *
tessera_issuance_get_client (TesseraIssuance *self)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), NULL);
  return self->client;
}

/**
 * tessera_issuance_get_scope:
 * @self: an issuance
 *
 * The scopes the token will have, separated by spaces.
 *
 * Returns: the scopes, `""` when there are none
 */
const char *
tessera_issuance_get_scope (TesseraIssuance *self)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), NULL);
  return self->scope;
}

/**
 * tessera_issuance_get_grant_type:
 * @self: an issuance
 *
 * How the token was asked for: `authorization_code`, `refresh_token` or `client_credentials`.
 *
 * Returns: the `grant_type` (RFC 6749 §4)
 */
const char *
tessera_issuance_get_grant_type (TesseraIssuance *self)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), NULL);
  return self->grant_type;
}

/**
 * tessera_issuance_get_login_claims:
 * @self: an issuance
 *
 * What [method@Authentication.accept_full] said of the person when they logged in (a{sv}: integers
 * are `x`, arrays `av`). The token has none of it unless it is added.
 *
 * Returns: (transfer none) (nullable): the claims, or %NULL when there are none
 */
GVariant *
tessera_issuance_get_login_claims (TesseraIssuance *self)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), NULL);
  return self->login_claims;
}

/**
 * tessera_issuance_narrow_scope:
 * @self: an issuance
 * @scope: what the token may keep, separated by spaces; `""` for nothing
 *
 * Takes scopes away from this token. The grant keeps them.
 *
 * Returns: %FALSE, with a warning and without effect, when @scope has a name that was not granted
 */
gboolean
tessera_issuance_narrow_scope (TesseraIssuance *self, const char *scope)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), FALSE);
  g_return_val_if_fail (scope != NULL, FALSE);

  g_autoptr (GError) error = NULL;
  g_autofree char *narrowed = tessera_scope_parse (scope, &error);
  if (narrowed == NULL || !tessera_scope_is_subset (narrowed, self->scope))
    {
      g_autofree char *shown = tessera_log_escape (scope);
      g_warning ("issue-token: the scope '%s' was not granted; the token keeps its scope", shown);
      return FALSE;
    }
  g_free (self->scope);
  self->scope = g_steal_pointer (&narrowed);
  return TRUE;
}

/**
 * tessera_issuance_add_claim:
 * @self: an issuance
 * @name: the claim, not one that the server sets itself
 * @value: its text
 *
 * Adds a string claim to the token. Everybody who holds the token can read it.
 */
void
tessera_issuance_add_claim (TesseraIssuance *self, const char *name, const char *value)
{
  g_return_if_fail (TESSERA_IS_ISSUANCE (self));
  g_return_if_fail (name != NULL && value != NULL);

  if (tessera_issuance_protects (name))
    {
      g_warning ("issue-token: the claim '%s' is the server's own", name);
      return;
    }
  tessera_claims_set_string (ensure_added (self), name, value);
}

/**
 * tessera_issuance_add_claims_json:
 * @self: an issuance
 * @json: a JSON object without duplicate members
 *
 * Adds the members of @json to the token.
 *
 * Returns: %FALSE, with a warning and without effect, when @json is no such object or names a claim
 *   that the server sets itself
 */
gboolean
tessera_issuance_add_claims_json (TesseraIssuance *self, const char *json)
{
  g_return_val_if_fail (TESSERA_IS_ISSUANCE (self), FALSE);
  g_return_val_if_fail (json != NULL, FALSE);

  if (tessera_claims_merge_json (ensure_added (self), json, protected_claims))
    return TRUE;
  g_warning ("issue-token: the claims are no JSON object, or one of them is the server's own");
  return FALSE;
}

/**
 * tessera_issuance_refuse:
 * @self: an issuance
 *
 * Refuses the token: the client is told `access_denied`.
 */
void
tessera_issuance_refuse (TesseraIssuance *self)
{
  g_return_if_fail (TESSERA_IS_ISSUANCE (self));
  self->refused = TRUE;
}
