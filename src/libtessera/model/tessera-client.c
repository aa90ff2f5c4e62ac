/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One registered client (RFC 6749 §2, RFC 7523 §3, RFC 7591 §2, RFC 8252): immutable once built. */

#include "model/tessera-client-object-private.h"

#include "base/tessera-seal-private.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-client-metadata-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

/**
 * TesseraClient:
 *
 * An application that may ask for tokens: what RFC 6749 §2 calls a client.
 *
 * A client is described once, by the construct-only properties, and never changes afterwards. It is
 * *confidential* when it has a secret, and *public* when it has none, as a program on a person's
 * own device must be. Hand it to [method@Tessera.Server.add_client_object], or let
 * [method@Tessera.Server.register_client] make id and secret.
 *
 * ```c
 * g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT,
 *                                                  "id", "reader",
 *                                                  "name", "News Reader",
 *                                                  "redirect-uris", redirect_uris,
 *                                                  "refresh-tokens", TRUE,
 *                                                  NULL);
 * ```
 *
 * The registration is examined when a server receives it, not when the object is built.
 */
G_DEFINE_FINAL_TYPE (TesseraClient, tessera_client, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_SECRET,
  PROP_PREVIOUS_SECRET,
  PROP_CONFIDENTIAL,
  PROP_FIRST_MEMBER /* the rest is in the table of tessera-client-metadata.c */
};

void
tessera_client_add_secret (TesseraClient *self, const char *secret)
{
  if (secret == NULL || *secret == '\0')
    return;
  if (strlen (secret) < TESSERA_CLIENT_SECRET_MIN_LENGTH)
    self->has_short_secret = TRUE;
  self->secrets[self->n_secrets].plain = g_strdup (secret);
  self->secrets[self->n_secrets++].digest = tessera_digest (secret, -1);
}

void
tessera_client_drop_plain_secrets (TesseraClient *self)
{
  for (guint i = 0; i < self->n_secrets && !tessera_client_signs_with_secret (self); i++)
    {
      g_clear_pointer (&self->secrets[i].plain, tessera_secret_free);
      g_clear_pointer (&self->secrets[i].sealed, g_free);
    }
}

static const TesseraClientMember *
find_member (guint property_id)
{
  guint index = property_id - PROP_FIRST_MEMBER;

  return index < tessera_client_member_get_count () ? tessera_client_member_get (index) : NULL;
}

static void
tessera_client_set_property (GObject *object,
                             guint property_id,
                             const GValue *value,
                             GParamSpec *pspec)
{
  TesseraClient *self = TESSERA_CLIENT (object);
  const TesseraClientMember *member = find_member (property_id);

  if (member != NULL)
    tessera_client_member_set (member, self, value);
  else if (property_id == PROP_SECRET || property_id == PROP_PREVIOUS_SECRET)
    tessera_client_add_secret (self, g_value_get_string (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
}

static void
tessera_client_get_property (GObject *object, guint property_id, GValue *value, GParamSpec *pspec)
{
  TesseraClient *self = TESSERA_CLIENT (object);
  const TesseraClientMember *member = find_member (property_id);

  if (member != NULL)
    tessera_client_member_read (member, self, value);
  else if (property_id == PROP_CONFIDENTIAL)
    g_value_set_boolean (value, tessera_client_is_confidential (self));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
  if (member != NULL && g_str_equal (member->property, "name"))
    g_value_set_string (value, tessera_client_get_name (self));
}

static void
append_to_list (char ***list, const char *member)
{
  guint length = g_strv_length (*list);
  *list = g_renew (char *, *list, length + 2);
  (*list)[length] = g_strdup (member);
  (*list)[length + 1] = NULL;
}

/* An RSA key that does not say what it is for is for what the client is registered for. */
static TesseraAlgorithm
get_rsa (const char *signing_alg)
{
  return g_strcmp0 (signing_alg, "PS256") == 0 ? TESSERA_ALGORITHM_PS256 : TESSERA_ALGORITHM_RS256;
}

TesseraAlgorithm
tessera_client_get_rsa_algorithm (TesseraClient *self, TesseraClientKeyUse use)
{
  return get_rsa (use == TESSERA_CLIENT_KEYS_OF_REQUESTS ? self->request_object_signing_alg
                                                         : self->token_endpoint_auth_signing_alg);
}

TesseraKeySet *
tessera_client_parse_keys (TesseraClient *self, const char *signing_alg, GError **error)
{
  return tessera_key_set_parse_client (self->jwks, strlen (self->jwks), get_rsa (signing_alg),
                                       error);
}

/* Once, where both mean the same by it: to look at a key costs more than to verify with it. */
static void
read_keys (TesseraClient *self)
{
  gboolean same = tessera_client_get_rsa_algorithm (self, TESSERA_CLIENT_KEYS_OF_ASSERTIONS)
                  == tessera_client_get_rsa_algorithm (self, TESSERA_CLIENT_KEYS_OF_REQUESTS);

  self->keys = tessera_client_parse_keys (self, self->token_endpoint_auth_signing_alg, NULL);
  if (self->keys != NULL)
    self->request_keys
        = same ? tessera_key_set_ref (self->keys)
               : tessera_client_parse_keys (self, self->request_object_signing_alg, NULL);
}

/* grant-types and refresh-tokens say the same thing in two ways; from here on they agree. */
static void
tessera_client_constructed (GObject *object)
{
  TesseraClient *self = TESSERA_CLIENT (object);

  G_OBJECT_CLASS (tessera_client_parent_class)->constructed (object);

  if (self->id == NULL)
    self->id = g_strdup ("");
  if (self->grant_types[0] == NULL)
    append_to_list (&self->grant_types, "authorization_code");
  if (self->refresh_tokens && list_has (self->grant_types, "authorization_code")
      && !list_has (self->grant_types, "refresh_token"))
    append_to_list (&self->grant_types, "refresh_token");
  self->refresh_tokens = list_has (self->grant_types, "refresh_token");
  tessera_client_drop_plain_secrets (self);
  if (self->jwks != NULL)
    read_keys (self);
}

static void
tessera_client_finalize (GObject *object)
{
  TesseraClient *self = TESSERA_CLIENT (object);

  for (guint i = 0; i < tessera_client_member_get_count (); i++)
    tessera_client_member_clear (tessera_client_member_get (i), self);
  tessera_key_set_unref (self->keys);
  tessera_key_set_unref (self->request_keys);
  for (guint i = 0; i < self->n_secrets; i++)
    {
      tessera_secret_free (self->secrets[i].plain);
      g_free (self->secrets[i].sealed);
    }
  explicit_bzero (self->secrets, sizeof self->secrets);

  G_OBJECT_CLASS (tessera_client_parent_class)->finalize (object);
}

#define WRITE_ONLY (G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)

static void
install_secrets (GObjectClass *object_class)
{
  /**
   * TesseraClient:secret:
   *
   * The secret of a confidential client, or %NULL for a public one. Only its SHA-256 is kept, but
   * for a client with `client_secret_jwt`, whose secret the store keeps sealed. At least 16 bytes,
   * see [property@Tessera.Client:allow-short-secret]; for `client_secret_jwt` as many as its
   * HMAC has.
   */
  g_object_class_install_property (object_class, PROP_SECRET,
                                   g_param_spec_string ("secret", NULL, NULL, NULL, WRITE_ONLY));

  /**
   * TesseraClient:previous-secret:
   *
   * A second secret that is accepted too, while the first is being brought into use.
   */
  g_object_class_install_property (object_class, PROP_PREVIOUS_SECRET,
                                   g_param_spec_string ("previous-secret", NULL, NULL, NULL,
                                                        WRITE_ONLY));

  /**
   * TesseraClient:confidential: (getter is_confidential)
   *
   * Whether the client has a secret or keys to authenticate with (RFC 6749 §2.1).
   */
  g_object_class_install_property (object_class, PROP_CONFIDENTIAL,
                                   g_param_spec_boolean ("confidential", NULL, NULL, FALSE,
                                                         G_PARAM_READABLE
                                                             | G_PARAM_STATIC_STRINGS));
}

static void
tessera_client_class_init (TesseraClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = tessera_client_constructed;
  object_class->set_property = tessera_client_set_property;
  object_class->get_property = tessera_client_get_property;
  object_class->finalize = tessera_client_finalize;

  install_secrets (object_class);
  for (guint i = 0; i < tessera_client_member_get_count (); i++)
    g_object_class_install_property (object_class, PROP_FIRST_MEMBER + i,
                                     tessera_client_member_new_property (
                                         tessera_client_member_get (i)));
}

static void
tessera_client_init (TesseraClient *self)
{
}

/**
 * tessera_client_new:
 * @id: the `client_id`, printable ASCII
 * @name: (nullable): the name people see
 *
 * Describes a public client that may use the authorization code grant from a loopback address. For
 * anything else construct the object with its properties.
 *
 * Returns: (transfer full): a new client
 */
TesseraClient *
tessera_client_new (const char *id, const char *name)
{
  g_return_val_if_fail (id != NULL, NULL);

  return g_object_new (TESSERA_TYPE_CLIENT, "id", id, "name", name, NULL);
}

/**
 * tessera_client_get_id: (get-property id)
 * @self: a client
 *
 * Gets the `client_id` (RFC 6749 §2.2).
 *
 * Returns: the id, "" when none was given
 */
const char *
tessera_client_get_id (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), NULL);
  return self->id;
}

/**
 * tessera_client_get_name: (get-property name)
 * @self: a client
 *
 * Gets the name people see.
 *
 * Returns: the name, or the id when it has none
 */
const char *
tessera_client_get_name (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), NULL);
  return self->name != NULL ? self->name : self->id;
}

/**
 * tessera_client_get_redirect_uris: (get-property redirect-uris)
 * @self: a client
 *
 * Gets the registered redirect URIs.
 *
 * Returns: (transfer none) (array zero-terminated=1): the URIs, possibly none
 */
const char *const *
tessera_client_get_redirect_uris (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), NULL);
  return (const char *const *) self->redirect_uris;
}

/**
 * tessera_client_get_grant_types: (get-property grant-types)
 * @self: a client
 *
 * Gets the grant types the client may use.
 *
 * Returns: (transfer none) (array zero-terminated=1): the grant types, at least one
 */
const char *const *
tessera_client_get_grant_types (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), NULL);
  return (const char *const *) self->grant_types;
}

/**
 * tessera_client_get_scope: (get-property scope)
 * @self: a client
 *
 * Gets the scopes the client may ask for.
 *
 * Returns: (nullable): names separated by spaces, or %NULL for none
 */
const char *
tessera_client_get_scope (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), NULL);
  return self->scope;
}

/**
 * tessera_client_is_confidential: (get-property confidential)
 * @self: a client
 *
 * Tells whether the client has a secret or keys to authenticate with (RFC 6749 §2.1).
 *
 * Returns: %TRUE for a confidential client, %FALSE for a public one
 */
gboolean
tessera_client_is_confidential (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), FALSE);
  return tessera_client_has_keys (self)
         || (self->n_secrets > 0 && g_strcmp0 (self->token_endpoint_auth_method, "none") != 0);
}

/**
 * tessera_client_is_disabled: (get-property disabled)
 * @self: a client
 *
 * Tells whether the client is treated as if it did not exist.
 *
 * Returns: %TRUE for a disabled client
 */
gboolean
tessera_client_is_disabled (TesseraClient *self)
{
  g_return_val_if_fail (TESSERA_IS_CLIENT (self), FALSE);
  return self->disabled;
}

gboolean
tessera_client_has_secret (TesseraClient *self)
{
  return self->n_secrets > 0;
}

gboolean
tessera_client_has_keys (TesseraClient *self)
{
  return g_strcmp0 (self->token_endpoint_auth_method, "private_key_jwt") == 0
         && (self->keys != NULL || self->jwks_uri != NULL);
}

gboolean
tessera_client_has_credentials (TesseraClient *self)
{
  return tessera_client_has_secret (self) || tessera_client_has_keys (self);
}

gboolean
tessera_client_check_signature (TesseraClient *self, TesseraKeySet *keys, const TesseraJwt *jwt)
{
  const char *registered = self->token_endpoint_auth_signing_alg;

  /* RFC 8725 §3.1: the token does not choose. */
  if (registered != NULL && strcmp (registered, tessera_algorithm_get_name (jwt->algorithm)) != 0)
    return FALSE;
  return tessera_client_has_keys (self) && keys != NULL && tessera_key_set_verify (keys, jwt);
}

gboolean
tessera_client_signs_with_secret (TesseraClient *self)
{
  return g_strcmp0 (self->token_endpoint_auth_method, "client_secret_jwt") == 0;
}

/* RFC 8725 §3.1: here too it is the registration that chooses. */
static gboolean
check_mac (TesseraClient *self, const TesseraJwt *jwt)
{
  const char *registered = self->token_endpoint_auth_signing_alg;

  if (!tessera_client_signs_with_secret (self)
      || (registered != NULL && strcmp (registered, tessera_jwt_get_mac_name (jwt)) != 0))
    return FALSE;
  for (guint i = 0; i < self->n_secrets; i++)
    if (self->secrets[i].plain != NULL && tessera_jwt_verify_mac (jwt, self->secrets[i].plain))
      return TRUE;
  return FALSE;
}

gboolean
tessera_client_check_assertion (TesseraClient *self, TesseraKeySet *keys, const TesseraJwt *jwt)
{
  return jwt->mac_bits != 0 ? check_mac (self, jwt)
                            : tessera_client_check_signature (self, keys, jwt);
}

gboolean
tessera_client_needs_seal (TesseraClient *self)
{
  for (guint i = 0; i < self->n_secrets; i++)
    if (self->secrets[i].plain != NULL && g_atomic_pointer_get (&self->secrets[i].sealed) == NULL)
      return TRUE;
  return FALSE;
}

gboolean
tessera_client_is_sealed (TesseraClient *self)
{
  for (guint i = 0; i < self->n_secrets; i++)
    if (self->secrets[i].plain == NULL && self->secrets[i].sealed != NULL)
      return TRUE;
  return FALSE;
}

static char *
dup_seal_purpose (TesseraClient *self)
{
  return g_strconcat ("client_secret:", self->id, NULL);
}

void
tessera_client_seal (TesseraClient *self, const guint8 *key)
{
  g_autofree char *purpose = dup_seal_purpose (self);

  for (guint i = 0; i < self->n_secrets; i++)
    {
      TesseraClientSecret *secret = &self->secrets[i];

      if (secret->plain != NULL && g_atomic_pointer_get (&secret->sealed) == NULL)
        g_atomic_pointer_set (&secret->sealed, tessera_seal (key, secret->plain, purpose));
    }
}

gboolean
tessera_client_unseal (TesseraClient *self, const guint8 *key)
{
  g_autofree char *purpose = dup_seal_purpose (self);
  gboolean all = TRUE;

  for (guint i = 0; i < self->n_secrets; i++)
    {
      TesseraClientSecret *secret = &self->secrets[i];

      if (secret->plain == NULL && secret->sealed != NULL)
        secret->plain = tessera_unseal (key, secret->sealed, purpose);
      all &= secret->plain != NULL;
    }
  return all;
}

gboolean
tessera_client_has_request_keys (TesseraClient *self)
{
  return self->request_keys != NULL || self->jwks_uri != NULL;
}

gboolean
tessera_client_check_request_signature (TesseraClient *self,
                                        TesseraKeySet *keys,
                                        const TesseraJwt *jwt)
{
  const char *registered = self->request_object_signing_alg;

  if (registered != NULL && strcmp (registered, tessera_algorithm_get_name (jwt->algorithm)) != 0)
    return FALSE;
  return keys != NULL && tessera_key_set_verify (keys, jwt);
}

gboolean
tessera_client_pins_request_objects (TesseraClient *self)
{
  return self->request_object_signing_alg != NULL || self->require_signed_request_object;
}

gboolean
tessera_client_requires_request_object (TesseraClient *self)
{
  return self->require_signed_request_object;
}

gboolean
tessera_client_has_short_secret (TesseraClient *self)
{
  return self->has_short_secret;
}

gboolean
tessera_client_check_secret (TesseraClient *self, const char *presented_secret)
{
  TesseraDigest digest = tessera_digest (presented_secret, -1);
  gboolean matches = FALSE;

  /* Both are compared whichever matches, so that the time tells nothing (threats.md B18). */
  for (guint i = 0; i < self->n_secrets; i++)
    matches |= tessera_digest_equal (&self->secrets[i].digest, &digest);
  explicit_bzero (&digest, sizeof digest);
  return matches;
}

const char *
tessera_client_get_token_endpoint_auth_method (TesseraClient *self)
{
  return self->token_endpoint_auth_method;
}

gboolean
tessera_client_allows_auth_method (TesseraClient *self, const char *method)
{
  if (self->token_endpoint_auth_method != NULL)
    return strcmp (self->token_endpoint_auth_method, method) == 0;
  if (self->n_secrets == 0)
    return strcmp (method, "none") == 0;
  return strcmp (method, "client_secret_basic") == 0 || strcmp (method, "client_secret_post") == 0;
}

gboolean
tessera_client_allows_grant_type (TesseraClient *self, const char *grant_type)
{
  return list_has (self->grant_types, grant_type);
}

gboolean
tessera_client_allows_redirect_uri (TesseraClient *self, const char *uri)
{
  if (self->redirect_uris[0] == NULL)
    return tessera_uri_is_loopback_redirect (uri);

  /* RFC 9700 §4.1.3: exact, but for the port of a native client's loopback address. */
  gboolean native = tessera_client_is_native (self);
  for (char **registered = self->redirect_uris; *registered != NULL; registered++)
    if (strcmp (*registered, uri) == 0
        || (native && tessera_uri_matches_redirect (*registered, uri)))
      return TRUE;
  return FALSE;
}

gboolean
tessera_client_allows_post_logout_redirect_uri (TesseraClient *self, const char *uri)
{
  return list_has (self->post_logout_redirect_uris, uri);
}

gboolean
tessera_client_is_native (TesseraClient *self)
{
  if (self->application_type != NULL)
    return strcmp (self->application_type, "native") == 0;

  for (char **uri = self->redirect_uris; *uri != NULL; uri++)
    if (!tessera_uri_is_loopback_redirect (*uri) && !tessera_uri_is_private_use (*uri))
      return FALSE;
  return TRUE;
}

gboolean
tessera_client_is_first_party (TesseraClient *self)
{
  return self->first_party;
}

gboolean
tessera_client_requires_pkce (TesseraClient *self)
{
  return self->require_pkce;
}

int
tessera_client_get_access_token_lifetime (TesseraClient *self)
{
  return self->access_token_lifetime;
}

int
tessera_client_get_refresh_token_lifetime (TesseraClient *self)
{
  return self->refresh_token_lifetime;
}

const char *
tessera_client_get_application_type (TesseraClient *self)
{
  return self->application_type;
}

const char *const *
tessera_client_get_resources (TesseraClient *self)
{
  return (const char *const *) self->resources;
}

const char *const *
tessera_client_get_audience (TesseraClient *self)
{
  return (const char *const *) self->audience;
}

const char *const *
tessera_client_get_introspect (TesseraClient *self)
{
  return (const char *const *) self->introspect;
}

const char *
tessera_client_get_backchannel_logout_uri (TesseraClient *self)
{
  return self->backchannel_logout_uri;
}

const char *const *
tessera_client_get_post_logout_redirect_uris (TesseraClient *self)
{
  return (const char *const *) self->post_logout_redirect_uris;
}

const char *const *
tessera_client_get_allowed_origins (TesseraClient *self)
{
  return (const char *const *) self->allowed_origins;
}

gboolean
tessera_client_uses_openid (TesseraClient *self)
{
  return self->scope != NULL && tessera_scope_has (self->scope, "openid");
}

gboolean
tessera_client_get_userinfo_algorithm (TesseraClient *self, TesseraAlgorithm *out_algorithm)
{
  return self->userinfo_signed_response_alg != NULL
         && tessera_algorithm_parse (self->userinfo_signed_response_alg, out_algorithm);
}

TesseraAlgorithm
tessera_client_get_id_token_algorithm (TesseraClient *self)
{
  TesseraAlgorithm algorithm = TESSERA_ALGORITHM_RS256;

  tessera_algorithm_parse (self->id_token_signed_response_alg, &algorithm);
  return algorithm;
}

/* What a client says of itself when it registers. */

gboolean
tessera_client_is_dynamic (TesseraClient *self)
{
  return self->dynamic;
}

gint64
tessera_client_get_registered_at (TesseraClient *self)
{
  return self->registered_at;
}

gint64
tessera_client_get_used_at (TesseraClient *self)
{
  return self->used_at;
}

gboolean
tessera_client_check_registration_token (TesseraClient *self, const char *token)
{
  TesseraDigest digest = tessera_digest (token, -1);

  return self->has_registration_token && tessera_digest_equal (&self->registration_token, &digest);
}

TesseraKeySet *
tessera_client_get_keys (TesseraClient *self, TesseraClientKeyUse use)
{
  return use == TESSERA_CLIENT_KEYS_OF_REQUESTS ? self->request_keys : self->keys;
}

const char *
tessera_client_get_jwks_uri (TesseraClient *self)
{
  return self->jwks_uri;
}

/* The name behind a tag that begins with @length bytes of @tag. */
static const char *
find_name (TesseraClient *self, const char *tag, gsize length)
{
  for (char **name = self->client_names; *name != NULL; name++)
    if (g_ascii_strncasecmp (*name, tag, length) == 0 && (*name)[length] == ' ')
      return *name + length + 1;
  return NULL;
}

const char *
tessera_client_get_name_in (TesseraClient *self, const char *tag)
{
  /* de-CH, then de, then whatever it is called. */
  for (gsize length = strlen (tag); length > 0;)
    {
      const char *name = find_name (self, tag, length);
      if (name != NULL)
        return name;
      while (length > 0 && tag[--length] != '-')
        continue;
    }
  return tessera_client_get_name (self);
}

const char *
tessera_client_get_client_uri (TesseraClient *self)
{
  return self->client_uri;
}

const char *
tessera_client_get_logo_uri (TesseraClient *self)
{
  return self->logo_uri;
}

const char *
tessera_client_get_policy_uri (TesseraClient *self)
{
  return self->policy_uri;
}

const char *
tessera_client_get_tos_uri (TesseraClient *self)
{
  return self->tos_uri;
}

int
tessera_client_get_default_max_age (TesseraClient *self)
{
  return self->default_max_age;
}

char *
tessera_client_dup_default_acr_values (TesseraClient *self)
{
  return self->default_acr_values[0] != NULL ? g_strjoinv (" ", self->default_acr_values) : NULL;
}
