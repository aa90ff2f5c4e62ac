/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One registered client (RFC 6749 §2, RFC 7523 §3, RFC 7591 §2, RFC 8252): immutable once built. */

#include "model/tessera-client-private.h"

#include "base/tessera-secret-private.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

/* The whole registration is read at once from the store, so it may not grow without bound. */
#define CLIENT_JSON_MAX_LENGTH (256 * 1024)
#define CLIENT_LIST_MAX 256

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
struct _TesseraClient
{
  GObject parent_instance;

  char *id;
  char *name;
  char *origin;
  char **redirect_uris;
  char **post_logout_redirect_uris;
  char **grant_types;
  char *scope;
  char *token_endpoint_auth_method;
  char *token_endpoint_auth_signing_alg;
  char *jwks;
  char *application_type;
  char *id_token_signed_response_alg;
  char **resources;
  char **audience;
  char **introspect;
  char **allowed_origins;
  int access_token_lifetime;
  int refresh_token_lifetime;
  gboolean refresh_tokens;
  gboolean first_party;
  gboolean require_pkce;
  gboolean allow_short_secret;
  gboolean disabled;

  TesseraDigest secrets[2]; /* of `secret` and `previous-secret` */
  guint n_secrets;
  gboolean has_short_secret;
  TesseraKeySet *keys; /* of `jwks`; NULL: none, or it is malformed */
};

G_DEFINE_FINAL_TYPE (TesseraClient, tessera_client, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_ID,
  PROP_NAME,
  PROP_ORIGIN,
  PROP_REDIRECT_URIS,
  PROP_POST_LOGOUT_REDIRECT_URIS,
  PROP_GRANT_TYPES,
  PROP_SCOPE,
  PROP_TOKEN_ENDPOINT_AUTH_METHOD,
  PROP_TOKEN_ENDPOINT_AUTH_SIGNING_ALG,
  PROP_JWKS,
  PROP_APPLICATION_TYPE,
  PROP_ID_TOKEN_SIGNED_RESPONSE_ALG,
  PROP_RESOURCES,
  PROP_AUDIENCE,
  PROP_INTROSPECT,
  PROP_ALLOWED_ORIGINS,
  PROP_ACCESS_TOKEN_LIFETIME,
  PROP_REFRESH_TOKEN_LIFETIME,
  PROP_REFRESH_TOKENS,
  PROP_FIRST_PARTY,
  PROP_REQUIRE_PKCE,
  PROP_ALLOW_SHORT_SECRET,
  PROP_DISABLED,
  PROP_SECRET,
  PROP_PREVIOUS_SECRET,
  PROP_CONFIDENTIAL,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* Empty members say nothing: an application that registers "" means "none". */
static char **
dup_list (const GValue *value)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  const char *const *strv = g_value_get_boxed (value);
  for (; strv != NULL && *strv != NULL; strv++)
    if (**strv != '\0')
      g_ptr_array_add (list, g_strdup (*strv));
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

static char *
dup_text (const GValue *value)
{
  const char *text = g_value_get_string (value);
  return text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

static void
add_secret (TesseraClient *self, const char *secret)
{
  if (secret == NULL || *secret == '\0')
    return;
  if (strlen (secret) < TESSERA_CLIENT_SECRET_MIN_LENGTH)
    self->has_short_secret = TRUE;
  self->secrets[self->n_secrets++] = tessera_digest (secret, -1);
}

static gboolean
set_list (TesseraClient *self, guint property_id, const GValue *value)
{
  switch (property_id)
    {
    case PROP_REDIRECT_URIS:
      self->redirect_uris = dup_list (value);
      return TRUE;
    case PROP_POST_LOGOUT_REDIRECT_URIS:
      self->post_logout_redirect_uris = dup_list (value);
      return TRUE;
    case PROP_GRANT_TYPES:
      self->grant_types = dup_list (value);
      return TRUE;
    case PROP_RESOURCES:
      self->resources = dup_list (value);
      return TRUE;
    case PROP_AUDIENCE:
      self->audience = dup_list (value);
      return TRUE;
    case PROP_INTROSPECT:
      self->introspect = dup_list (value);
      return TRUE;
    case PROP_ALLOWED_ORIGINS:
      self->allowed_origins = dup_list (value);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
set_string (TesseraClient *self, guint property_id, const GValue *value)
{
  switch (property_id)
    {
    case PROP_ID:
      self->id = g_value_dup_string (value);
      return TRUE;
    case PROP_NAME:
      self->name = dup_text (value);
      return TRUE;
    case PROP_ORIGIN:
      self->origin = dup_text (value);
      return TRUE;
    case PROP_SCOPE:
      self->scope = dup_text (value);
      return TRUE;
    case PROP_TOKEN_ENDPOINT_AUTH_METHOD:
      self->token_endpoint_auth_method = dup_text (value);
      return TRUE;
    case PROP_TOKEN_ENDPOINT_AUTH_SIGNING_ALG:
      self->token_endpoint_auth_signing_alg = dup_text (value);
      return TRUE;
    case PROP_JWKS:
      self->jwks = dup_text (value);
      return TRUE;
    case PROP_APPLICATION_TYPE:
      self->application_type = dup_text (value);
      return TRUE;
    case PROP_ID_TOKEN_SIGNED_RESPONSE_ALG:
      self->id_token_signed_response_alg = dup_text (value);
      return TRUE;
    case PROP_SECRET:
    case PROP_PREVIOUS_SECRET:
      add_secret (self, g_value_get_string (value));
      return TRUE;
    default:
      return FALSE;
    }
}

static void
tessera_client_set_property (GObject *object,
                             guint property_id,
                             const GValue *value,
                             GParamSpec *pspec)
{
  TesseraClient *self = TESSERA_CLIENT (object);

  if (set_string (self, property_id, value) || set_list (self, property_id, value))
    return;

  switch (property_id)
    {
    case PROP_ACCESS_TOKEN_LIFETIME:
      self->access_token_lifetime = g_value_get_int (value);
      break;
    case PROP_REFRESH_TOKEN_LIFETIME:
      self->refresh_token_lifetime = g_value_get_int (value);
      break;
    case PROP_REFRESH_TOKENS:
      self->refresh_tokens = g_value_get_boolean (value);
      break;
    case PROP_FIRST_PARTY:
      self->first_party = g_value_get_boolean (value);
      break;
    case PROP_REQUIRE_PKCE:
      self->require_pkce = g_value_get_boolean (value);
      break;
    case PROP_ALLOW_SHORT_SECRET:
      self->allow_short_secret = g_value_get_boolean (value);
      break;
    case PROP_DISABLED:
      self->disabled = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static gboolean
get_list (TesseraClient *self, guint property_id, GValue *value)
{
  switch (property_id)
    {
    case PROP_REDIRECT_URIS:
      g_value_set_boxed (value, self->redirect_uris);
      return TRUE;
    case PROP_POST_LOGOUT_REDIRECT_URIS:
      g_value_set_boxed (value, self->post_logout_redirect_uris);
      return TRUE;
    case PROP_GRANT_TYPES:
      g_value_set_boxed (value, self->grant_types);
      return TRUE;
    case PROP_RESOURCES:
      g_value_set_boxed (value, self->resources);
      return TRUE;
    case PROP_AUDIENCE:
      g_value_set_boxed (value, self->audience);
      return TRUE;
    case PROP_INTROSPECT:
      g_value_set_boxed (value, self->introspect);
      return TRUE;
    case PROP_ALLOWED_ORIGINS:
      g_value_set_boxed (value, self->allowed_origins);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
get_string (TesseraClient *self, guint property_id, GValue *value)
{
  switch (property_id)
    {
    case PROP_ID:
      g_value_set_string (value, self->id);
      return TRUE;
    case PROP_NAME:
      g_value_set_string (value, tessera_client_get_name (self));
      return TRUE;
    case PROP_ORIGIN:
      g_value_set_string (value, self->origin);
      return TRUE;
    case PROP_SCOPE:
      g_value_set_string (value, self->scope);
      return TRUE;
    case PROP_TOKEN_ENDPOINT_AUTH_METHOD:
      g_value_set_string (value, self->token_endpoint_auth_method);
      return TRUE;
    case PROP_TOKEN_ENDPOINT_AUTH_SIGNING_ALG:
      g_value_set_string (value, self->token_endpoint_auth_signing_alg);
      return TRUE;
    case PROP_JWKS:
      g_value_set_string (value, self->jwks);
      return TRUE;
    case PROP_APPLICATION_TYPE:
      g_value_set_string (value, self->application_type);
      return TRUE;
    case PROP_ID_TOKEN_SIGNED_RESPONSE_ALG:
      g_value_set_string (value, self->id_token_signed_response_alg);
      return TRUE;
    default:
      return FALSE;
    }
}

static void
tessera_client_get_property (GObject *object, guint property_id, GValue *value, GParamSpec *pspec)
{
  TesseraClient *self = TESSERA_CLIENT (object);

  if (get_string (self, property_id, value) || get_list (self, property_id, value))
    return;

  switch (property_id)
    {
    case PROP_ACCESS_TOKEN_LIFETIME:
      g_value_set_int (value, self->access_token_lifetime);
      break;
    case PROP_REFRESH_TOKEN_LIFETIME:
      g_value_set_int (value, self->refresh_token_lifetime);
      break;
    case PROP_REFRESH_TOKENS:
      g_value_set_boolean (value, self->refresh_tokens);
      break;
    case PROP_FIRST_PARTY:
      g_value_set_boolean (value, self->first_party);
      break;
    case PROP_REQUIRE_PKCE:
      g_value_set_boolean (value, self->require_pkce);
      break;
    case PROP_ALLOW_SHORT_SECRET:
      g_value_set_boolean (value, self->allow_short_secret);
      break;
    case PROP_DISABLED:
      g_value_set_boolean (value, self->disabled);
      break;
    case PROP_CONFIDENTIAL:
      g_value_set_boolean (value, tessera_client_is_confidential (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static gboolean
list_has (char **list, const char *member)
{
  return g_strv_contains ((const char *const *) list, member);
}

static void
append_to_list (char ***list, const char *member)
{
  guint length = g_strv_length (*list);
  *list = g_renew (char *, *list, length + 2);
  (*list)[length] = g_strdup (member);
  (*list)[length + 1] = NULL;
}

static TesseraKeySet *
parse_keys (TesseraClient *self, GError **error)
{
  TesseraAlgorithm rsa = TESSERA_ALGORITHM_RS256;

  /* An RSA key that does not say what it is for is for what the client is registered for. */
  if (g_strcmp0 (self->token_endpoint_auth_signing_alg, "PS256") == 0)
    rsa = TESSERA_ALGORITHM_PS256;
  return tessera_key_set_parse_client (self->jwks, strlen (self->jwks), rsa, error);
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
  if (self->jwks != NULL)
    self->keys = parse_keys (self, NULL);
}

static void
tessera_client_finalize (GObject *object)
{
  TesseraClient *self = TESSERA_CLIENT (object);

  g_free (self->id);
  g_free (self->name);
  g_free (self->origin);
  g_strfreev (self->redirect_uris);
  g_strfreev (self->post_logout_redirect_uris);
  g_strfreev (self->grant_types);
  g_free (self->scope);
  g_free (self->token_endpoint_auth_method);
  g_free (self->token_endpoint_auth_signing_alg);
  g_free (self->jwks);
  tessera_key_set_unref (self->keys);
  g_free (self->application_type);
  g_free (self->id_token_signed_response_alg);
  g_strfreev (self->resources);
  g_strfreev (self->audience);
  g_strfreev (self->introspect);
  g_strfreev (self->allowed_origins);
  explicit_bzero (self->secrets, sizeof self->secrets);

  G_OBJECT_CLASS (tessera_client_parent_class)->finalize (object);
}

#define CONSTRUCT_ONLY (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)
#define WRITE_ONLY (G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)

static void
install_identity (void)
{
  /**
   * TesseraClient:id:
   *
   * The `client_id` (RFC 6749 §2.2): printable ASCII, at most 128 bytes. No resource owner may have
   * the same text as subject.
   */
  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * TesseraClient:name: (getter get_name)
   *
   * What people read on the consent page; the id when none is given.
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * TesseraClient:origin:
   *
   * Where the client is declared, in words for an administrator, such as a file and a group in it;
   * %NULL when the store keeps it.
   */
  properties[PROP_ORIGIN] = g_param_spec_string ("origin", NULL, NULL, NULL, CONSTRUCT_ONLY);
}

static void
install_authentication (void)
{
  /**
   * TesseraClient:secret:
   *
   * The secret of a confidential client, or %NULL for a public one. Only its SHA-256 is kept. At
   * least 16 bytes, see [property@Tessera.Client:allow-short-secret].
   */
  properties[PROP_SECRET] = g_param_spec_string ("secret", NULL, NULL, NULL, WRITE_ONLY);

  /**
   * TesseraClient:previous-secret:
   *
   * A second secret that is accepted too, while the first is being brought into use.
   */
  properties[PROP_PREVIOUS_SECRET]
      = g_param_spec_string ("previous-secret", NULL, NULL, NULL, WRITE_ONLY);

  /**
   * TesseraClient:allow-short-secret:
   *
   * Whether a secret below 16 bytes is accepted. Such a secret can be guessed: for tests and
   * samples.
   */
  properties[PROP_ALLOW_SHORT_SECRET]
      = g_param_spec_boolean ("allow-short-secret", NULL, NULL, FALSE, CONSTRUCT_ONLY);

  /**
   * TesseraClient:confidential: (getter is_confidential)
   *
   * Whether the client has a secret or keys to authenticate with (RFC 6749 §2.1).
   */
  properties[PROP_CONFIDENTIAL] = g_param_spec_boolean ("confidential", NULL, NULL, FALSE,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * TesseraClient:disabled: (getter is_disabled)
   *
   * Whether the client is treated as if it did not exist, until it is enabled again.
   */
  properties[PROP_DISABLED] = g_param_spec_boolean ("disabled", NULL, NULL, FALSE, CONSTRUCT_ONLY);

  /**
   * TesseraClient:application-type:
   *
   * `web` or `native`. Only a native client's loopback redirect URIs match on every port (RFC 8252
   * §7.3). %NULL: native when every redirect URI is a loopback or private-use one.
   */
  properties[PROP_APPLICATION_TYPE]
      = g_param_spec_string ("application-type", NULL, NULL, NULL, CONSTRUCT_ONLY);
}

static void
install_methods (void)
{
  /**
   * TesseraClient:token-endpoint-auth-method:
   *
   * `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none` (RFC 7591 §2). %NULL:
   * either of the first two when there is a secret, else none.
   *
   * `client_secret_jwt` is refused: it needs the secret itself, of which only a digest is kept.
   */
  properties[PROP_TOKEN_ENDPOINT_AUTH_METHOD]
      = g_param_spec_string ("token-endpoint-auth-method", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * TesseraClient:token-endpoint-auth-signing-alg:
   *
   * How the assertions of a client with `private_key_jwt` are signed (OpenID Connect Dynamic Client
   * Registration §2): `RS256`, `ES256`, `PS256` or `EdDSA`. %NULL: as any of its keys can.
   */
  properties[PROP_TOKEN_ENDPOINT_AUTH_SIGNING_ALG]
      = g_param_spec_string ("token-endpoint-auth-signing-alg", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * TesseraClient:jwks:
   *
   * The public keys of a client with `private_key_jwt`: a JWK Set (RFC 7517 §5), as JSON. Up to 16
   * keys; with a private one among them it is refused. While keys change, the old ones and the new
   * ones are all good.
   */
  properties[PROP_JWKS] = g_param_spec_string ("jwks", NULL, NULL, NULL, CONSTRUCT_ONLY);
}

static void
install_rights (void)
{
  /**
   * TesseraClient:redirect-uris: (getter get_redirect_uris)
   *
   * Where an authorization response may go (RFC 6749 §3.1.2); compared byte by byte. Empty: any
   * loopback address with any port and path, and nothing else.
   */
  properties[PROP_REDIRECT_URIS]
      = g_param_spec_boxed ("redirect-uris", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);

  /**
   * TesseraClient:post-logout-redirect-uris:
   *
   * Where the browser may go once the client has asked to sign a person out (OpenID Connect
   * RP-Initiated Logout §3); compared byte by byte, the port of a loopback address too. Empty: the
   * person stays here.
   */
  properties[PROP_POST_LOGOUT_REDIRECT_URIS]
      = g_param_spec_boxed ("post-logout-redirect-uris", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);

  /**
   * TesseraClient:grant-types: (getter get_grant_types)
   *
   * Out of `authorization_code`, `refresh_token` and `client_credentials` (RFC 7591 §2). Empty:
   * `authorization_code`.
   */
  properties[PROP_GRANT_TYPES]
      = g_param_spec_boxed ("grant-types", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);

  /**
   * TesseraClient:refresh-tokens:
   *
   * Whether a code is exchanged for a refresh token too; the same as `refresh_token` among the
   * grant types.
   */
  properties[PROP_REFRESH_TOKENS]
      = g_param_spec_boolean ("refresh-tokens", NULL, NULL, FALSE, CONSTRUCT_ONLY);

  /**
   * TesseraClient:scope: (getter get_scope)
   *
   * The scopes the client may ask for, separated by spaces (RFC 6749 §3.3), or %NULL for none.
   */
  properties[PROP_SCOPE] = g_param_spec_string ("scope", NULL, NULL, NULL, CONSTRUCT_ONLY);
}

static void
install_trust (void)
{
  /**
   * TesseraClient:first-party:
   *
   * Whether the client belongs to whoever runs the server: people are not asked for consent. Only
   * for confidential clients.
   */
  properties[PROP_FIRST_PARTY]
      = g_param_spec_boolean ("first-party", NULL, NULL, FALSE, CONSTRUCT_ONLY);

  /**
   * TesseraClient:require-pkce:
   *
   * Whether an authorization request needs a `code_challenge` (RFC 7636). %FALSE only for
   * confidential clients that cannot send one.
   */
  properties[PROP_REQUIRE_PKCE]
      = g_param_spec_boolean ("require-pkce", NULL, NULL, TRUE, CONSTRUCT_ONLY);

  /**
   * TesseraClient:allowed-origins:
   *
   * Origins (RFC 6454) from which scripts may call the server, beside those of a public client's
   * redirect URIs.
   */
  properties[PROP_ALLOWED_ORIGINS]
      = g_param_spec_boxed ("allowed-origins", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);
}

static void
install_tokens (void)
{
  /**
   * TesseraClient:id-token-signed-response-alg:
   *
   * How its ID tokens are signed (OpenID Connect Dynamic Client Registration §2): `RS256`, which is
   * the default there and here, `ES256`, `PS256` or `EdDSA`.
   */
  properties[PROP_ID_TOKEN_SIGNED_RESPONSE_ALG]
      = g_param_spec_string ("id-token-signed-response-alg", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * TesseraClient:resources:
   *
   * The resources the client may ask for (RFC 8707 §2). Empty: none.
   */
  properties[PROP_RESOURCES]
      = g_param_spec_boxed ("resources", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);

  /**
   * TesseraClient:audience:
   *
   * Whom its tokens are for when it asks for no resource.
   */
  properties[PROP_AUDIENCE]
      = g_param_spec_boxed ("audience", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);

  /**
   * TesseraClient:introspect:
   *
   * The audiences whose tokens the client may introspect (RFC 7662), `*` for all. Empty: only
   * tokens of its own.
   */
  properties[PROP_INTROSPECT]
      = g_param_spec_boxed ("introspect", NULL, NULL, G_TYPE_STRV, CONSTRUCT_ONLY);

  /**
   * TesseraClient:access-token-lifetime:
   *
   * Seconds; 0 for the server's own.
   */
  properties[PROP_ACCESS_TOKEN_LIFETIME]
      = g_param_spec_int ("access-token-lifetime", NULL, NULL, 0, G_MAXINT32, 0, CONSTRUCT_ONLY);

  /**
   * TesseraClient:refresh-token-lifetime:
   *
   * Seconds after which a grant ends whatever happens; 0 for the server's own.
   */
  properties[PROP_REFRESH_TOKEN_LIFETIME]
      = g_param_spec_int ("refresh-token-lifetime", NULL, NULL, 0, G_MAXINT32, 0, CONSTRUCT_ONLY);
}

static void
tessera_client_class_init (TesseraClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = tessera_client_constructed;
  object_class->set_property = tessera_client_set_property;
  object_class->get_property = tessera_client_get_property;
  object_class->finalize = tessera_client_finalize;

  install_identity ();
  install_authentication ();
  install_methods ();
  install_rights ();
  install_trust ();
  install_tokens ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
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
  return g_strcmp0 (self->token_endpoint_auth_method, "private_key_jwt") == 0 && self->keys != NULL;
}

gboolean
tessera_client_has_credentials (TesseraClient *self)
{
  return tessera_client_has_secret (self) || tessera_client_has_keys (self);
}

gboolean
tessera_client_check_signature (TesseraClient *self, const TesseraJwt *jwt)
{
  const char *registered = self->token_endpoint_auth_signing_alg;

  /* RFC 8725 §3.1: the token does not choose. */
  if (registered != NULL && strcmp (registered, tessera_algorithm_get_name (jwt->algorithm)) != 0)
    return FALSE;
  return tessera_client_has_keys (self) && tessera_key_set_verify (self->keys, jwt);
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
    matches |= tessera_digest_equal (&self->secrets[i], &digest);
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

/* What follows examines a registration. */

static gboolean G_GNUC_PRINTF (2, 3) refuse (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *reason = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT, reason);
  return FALSE;
}

/* RFC 6749 appendix A.1: *VSCHAR. */
static gboolean
check_id (TesseraClient *self, GError **error)
{
  gsize length = strlen (self->id);
  if (length == 0 || length > TESSERA_CLIENT_ID_MAX_LENGTH)
    return refuse (error, "A client_id has 1 to %d characters", TESSERA_CLIENT_ID_MAX_LENGTH);
  for (const char *c = self->id; *c != '\0'; c++)
    if (*c < 0x20 || *c > 0x7e)
      return refuse (error, "A client_id is printable ASCII only");
  return TRUE;
}

static gboolean
check_name (TesseraClient *self, GError **error)
{
  if (self->name == NULL)
    return TRUE;
  if (strlen (self->name) > 1024 || !g_utf8_validate (self->name, -1, NULL))
    return refuse (error, "Client %s: the name is too long or not UTF-8", self->id);
  for (const char *c = self->name; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      return refuse (error, "Client %s: the name has control characters", self->id);
  return TRUE;
}

/* A key set says something, whatever it is for. */
static gboolean
check_keys (TesseraClient *self, GError **error)
{
  const char *name = self->token_endpoint_auth_signing_alg;
  TesseraAlgorithm algorithm;
  g_autoptr (GError) reason = NULL;
  g_autoptr (TesseraKeySet) keys = NULL;

  if (name != NULL && !tessera_algorithm_parse (name, &algorithm))
    return refuse (error,
                   "Client %s: token_endpoint_auth_signing_alg is none of RS256, ES256, PS256 and "
                   "EdDSA",
                   self->id);
  if (self->jwks == NULL)
    return TRUE;
  keys = parse_keys (self, &reason);
  if (keys == NULL)
    return refuse (error, "Client %s: %s", self->id, reason->message);
  if (tessera_key_set_get_count (keys) == 0)
    return refuse (error, "Client %s: its key set has no usable key", self->id);
  if (name != NULL && !tessera_key_set_has_algorithm (keys, algorithm))
    return refuse (error, "Client %s: its key set has no key for %s", self->id, name);
  return TRUE;
}

static gboolean
check_secrets (TesseraClient *self, GError **error)
{
  const char *method = self->token_endpoint_auth_method;
  gboolean needs_none
      = g_strcmp0 (method, "none") == 0 || g_strcmp0 (method, "private_key_jwt") == 0;

  if (needs_none && self->n_secrets > 0)
    return refuse (error, "Client %s has a secret, but token_endpoint_auth_method %s", self->id,
                   method);
  if (method != NULL && !needs_none && self->n_secrets == 0)
    return refuse (error, "Client %s: %s needs a secret", self->id, method);
  if (self->has_short_secret && !self->allow_short_secret)
    return refuse (error, "Client %s: a secret has at least %d bytes", self->id,
                   TESSERA_CLIENT_SECRET_MIN_LENGTH);
  return TRUE;
}

static gboolean
check_authentication (TesseraClient *self, GError **error)
{
  static const char *const methods[]
      = { "client_secret_basic", "client_secret_post", "private_key_jwt", "none", NULL };
  const char *method = self->token_endpoint_auth_method;

  /* RFC 7518 §3.2: HMAC needs the key itself. */
  if (g_strcmp0 (method, "client_secret_jwt") == 0)
    return refuse (error,
                   "Client %s: client_secret_jwt needs the secret itself, and only its digest is "
                   "kept; use private_key_jwt",
                   self->id);
  if (method != NULL && !g_strv_contains (methods, method))
    return refuse (error, "Client %s: unknown token_endpoint_auth_method", self->id);
  if (g_strcmp0 (method, "private_key_jwt") == 0 && self->jwks == NULL)
    return refuse (error, "Client %s: private_key_jwt needs public keys (jwks)", self->id);
  return check_secrets (self, error) && check_keys (self, error);
}

static gboolean
check_grant_types (TesseraClient *self, GError **error)
{
  static const char *const known[]
      = { "authorization_code", "refresh_token", "client_credentials", NULL };
  for (char **grant_type = self->grant_types; *grant_type != NULL; grant_type++)
    if (!g_strv_contains (known, *grant_type))
      return refuse (error, "Client %s: unknown grant type", self->id);

  if (tessera_client_is_confidential (self))
    return TRUE;
  /* RFC 6749 §4.4: only confidential clients. */
  if (list_has (self->grant_types, "client_credentials"))
    return refuse (error, "Client %s: client_credentials needs a secret or keys", self->id);
  /* RFC 9700 §2.1.1. */
  if (!self->require_pkce)
    return refuse (error, "Client %s: a public client cannot do without PKCE", self->id);
  /* RFC 8252 §8.6: anyone can claim to be it. */
  if (self->first_party)
    return refuse (error, "Client %s: a public client cannot be first_party", self->id);
  return TRUE;
}

static gboolean
check_uris_to_return_to (TesseraClient *self, char **uris, GError **error)
{
  gboolean web = g_strcmp0 (self->application_type, "web") == 0;

  if (g_strv_length (uris) > CLIENT_LIST_MAX)
    return refuse (error, "Client %s: too many redirect URIs", self->id);
  for (char **uri = uris; *uri != NULL; uri++)
    {
      g_autoptr (GError) reason = NULL;
      if (!tessera_uri_check_redirect (*uri, &reason))
        return refuse (error, "Client %s: %s", self->id, reason->message);
      if (web && tessera_uri_is_private_use (*uri))
        return refuse (error, "Client %s: a private-use scheme is for native clients", self->id);
    }
  return TRUE;
}

static gboolean
check_redirect_uris (TesseraClient *self, GError **error)
{
  const char *type = self->application_type;

  if (type != NULL && strcmp (type, "web") != 0 && strcmp (type, "native") != 0)
    return refuse (error, "Client %s: application_type is web or native", self->id);
  return check_uris_to_return_to (self, self->redirect_uris, error)
         && check_uris_to_return_to (self, self->post_logout_redirect_uris, error);
}

/* RFC 6454 §6.2: scheme, host and port, and nothing behind. */
static gboolean
is_origin (const char *text)
{
  g_autofree char *origin = tessera_uri_dup_origin (text);
  return g_strcmp0 (origin, text) == 0;
}

static gboolean
is_printable (const char *text)
{
  for (; *text != '\0'; text++)
    if (*text <= 0x20 || *text > 0x7e)
      return FALSE;
  return TRUE;
}

static gboolean
check_lists (TesseraClient *self, GError **error)
{
  for (char **resource = self->resources; *resource != NULL; resource++)
    if (!tessera_uri_is_resource (*resource))
      return refuse (error, "Client %s: a resource is an absolute URI without fragment", self->id);
  for (char **audience = self->audience; *audience != NULL; audience++)
    if (!is_printable (*audience))
      return refuse (error, "Client %s: an audience is printable ASCII", self->id);
  for (char **audience = self->introspect; *audience != NULL; audience++)
    if (!is_printable (*audience))
      return refuse (error, "Client %s: an audience to introspect is printable ASCII", self->id);
  for (char **origin = self->allowed_origins; *origin != NULL; origin++)
    if (!is_origin (*origin))
      return refuse (error, "Client %s: an origin is scheme://host or scheme://host:port",
                     self->id);
  return TRUE;
}

static gboolean
check_scope (TesseraClient *self, GError **error)
{
  g_autofree char *scope = tessera_scope_parse (self->scope, NULL);
  if (scope == NULL)
    return refuse (error, "Client %s: the scope is malformed or too long", self->id);
  return TRUE;
}

static gboolean
check_id_tokens (TesseraClient *self, GError **error)
{
  if (self->id_token_signed_response_alg == NULL
      || tessera_algorithm_parse (self->id_token_signed_response_alg, NULL))
    return TRUE;
  return refuse (error, "id_token_signed_response_alg is none of RS256, ES256, PS256 and EdDSA");
}

gboolean
tessera_client_check (TesseraClient *self, GError **error)
{
  return check_id (self, error) && check_name (self, error) && check_authentication (self, error)
         && check_grant_types (self, error) && check_redirect_uris (self, error)
         && check_lists (self, error) && check_scope (self, error) && check_id_tokens (self, error);
}

gboolean
tessera_client_uses_openid (TesseraClient *self)
{
  return self->scope != NULL && tessera_scope_has (self->scope, "openid");
}

TesseraAlgorithm
tessera_client_get_id_token_algorithm (TesseraClient *self)
{
  TesseraAlgorithm algorithm = TESSERA_ALGORITHM_RS256;

  tessera_algorithm_parse (self->id_token_signed_response_alg, &algorithm);
  return algorithm;
}

/* What follows is the form in which the store keeps a client. */

static void
put_text (json_t *json, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_new (json, name, json_string (value));
}

static void
put_list (json_t *json, const char *name, char **list)
{
  if (*list == NULL)
    return;
  json_t *array = json_array ();
  for (; *list != NULL; list++)
    json_array_append_new (array, json_string (*list));
  json_object_set_new (json, name, array);
}

static void
put_int (json_t *json, const char *name, int value)
{
  if (value != 0)
    json_object_set_new (json, name, json_integer (value));
}

/* Everything but the name, the secrets, the keys and what comes after a logout. */
static json_t *
rights_to_json (TesseraClient *self)
{
  json_t *json = json_object ();
  put_text (json, "client_id", self->id);
  put_list (json, "redirect_uris", self->redirect_uris);
  put_list (json, "grant_types", self->grant_types);
  put_text (json, "scope", self->scope);
  put_text (json, "token_endpoint_auth_method", self->token_endpoint_auth_method);
  put_text (json, "token_endpoint_auth_signing_alg", self->token_endpoint_auth_signing_alg);
  put_text (json, "application_type", self->application_type);
  put_text (json, "id_token_signed_response_alg", self->id_token_signed_response_alg);
  put_list (json, "resources", self->resources);
  put_list (json, "audience", self->audience);
  put_list (json, "introspect", self->introspect);
  put_list (json, "allowed_origins", self->allowed_origins);
  put_int (json, "access_token_lifetime", self->access_token_lifetime);
  put_int (json, "refresh_token_lifetime", self->refresh_token_lifetime);
  json_object_set_new (json, "first_party", json_boolean (self->first_party));
  json_object_set_new (json, "require_pkce", json_boolean (self->require_pkce));
  return json;
}

json_t *
tessera_client_to_json (TesseraClient *self)
{
  json_t *json = rights_to_json (self);
  put_text (json, "client_name", self->name);
  put_text (json, "jwks", self->jwks); /* as it came: a text, however deep */
  put_list (json, "post_logout_redirect_uris", self->post_logout_redirect_uris);
  if (self->allow_short_secret)
    json_object_set_new (json, "allow_short_secret", json_true ());
  if (self->disabled)
    json_object_set_new (json, "disabled", json_true ());

  json_t *digests = json_array ();
  for (guint i = 0; i < self->n_secrets; i++)
    {
      g_autofree char *digest
          = tessera_base64url_encode (self->secrets[i].bytes, TESSERA_DIGEST_SIZE);
      json_array_append_new (digests, json_string (digest));
    }
  json_object_set_new (json, "secret_digests", digests);
  return json;
}

static const char *
text_member (const json_t *json, const char *name)
{
  return json_string_value (json_object_get (json, name));
}

static char **
dup_list_member (const json_t *json, const char *name)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  json_t *array = json_object_get (json, name);
  for (size_t i = 0; i < json_array_size (array); i++)
    {
      const char *member = json_string_value (json_array_get (array, i));
      if (member != NULL)
        g_ptr_array_add (list, g_strdup (member));
    }
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

static int
int_member (const json_t *json, const char *name)
{
  return (int) CLAMP (json_integer_value (json_object_get (json, name)), 0, G_MAXINT32);
}

static gboolean
take_secret_digests (TesseraClient *self, const json_t *json)
{
  json_t *digests = json_object_get (json, "secret_digests");
  if (json_array_size (digests) > G_N_ELEMENTS (self->secrets))
    return FALSE;

  for (size_t i = 0; i < json_array_size (digests); i++)
    {
      const char *text = json_string_value (json_array_get (digests, i));
      gsize length = 0;
      g_autofree guint8 *bytes
          = text != NULL ? tessera_base64url_decode (text, strlen (text), &length) : NULL;
      if (bytes == NULL || length != TESSERA_DIGEST_SIZE)
        return FALSE;
      memcpy (self->secrets[self->n_secrets++].bytes, bytes, length);
    }
  return TRUE;
}

static TesseraClient *
new_from_object (const json_t *json)
{
  g_auto (GStrv) redirect_uris = dup_list_member (json, "redirect_uris");
  g_auto (GStrv) post_logout_redirect_uris = dup_list_member (json, "post_logout_redirect_uris");
  g_auto (GStrv) grant_types = dup_list_member (json, "grant_types");
  g_auto (GStrv) resources = dup_list_member (json, "resources");
  g_auto (GStrv) audience = dup_list_member (json, "audience");
  g_auto (GStrv) introspect = dup_list_member (json, "introspect");
  g_auto (GStrv) allowed_origins = dup_list_member (json, "allowed_origins");

  return g_object_new (
      TESSERA_TYPE_CLIENT, "id", text_member (json, "client_id"), "name",
      text_member (json, "client_name"), "redirect-uris", redirect_uris,
      "post-logout-redirect-uris", post_logout_redirect_uris, "grant-types", grant_types, "scope",
      text_member (json, "scope"), "token-endpoint-auth-method",
      text_member (json, "token_endpoint_auth_method"), "token-endpoint-auth-signing-alg",
      text_member (json, "token_endpoint_auth_signing_alg"), "jwks", text_member (json, "jwks"),
      "application-type", text_member (json, "application_type"), "id-token-signed-response-alg",
      text_member (json, "id_token_signed_response_alg"), "resources", resources, "audience",
      audience, "introspect", introspect, "allowed-origins", allowed_origins,
      "access-token-lifetime", int_member (json, "access_token_lifetime"), "refresh-token-lifetime",
      int_member (json, "refresh_token_lifetime"), "first-party",
      json_is_true (json_object_get (json, "first_party")), "require-pkce",
      !json_is_false (json_object_get (json, "require_pkce")), "allow-short-secret",
      json_is_true (json_object_get (json, "allow_short_secret")), "disabled",
      json_is_true (json_object_get (json, "disabled")), NULL);
}

TesseraClient *
tessera_client_new_from_json (const char *text, gsize length, GError **error)
{
  g_autoptr (json_t) json = tessera_json_parse (text, length, CLIENT_JSON_MAX_LENGTH, error);
  if (json == NULL)
    return NULL;

  g_autoptr (TesseraClient) self = new_from_object (json);
  if (!take_secret_digests (self, json))
    {
      refuse (error, "A stored client has malformed secrets");
      return NULL;
    }
  if (!tessera_client_check (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

TesseraClient *
tessera_client_copy_with (TesseraClient *self, const char *id, const char *secret)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  json_object_set_new (json, "client_id", json_string (id));
  json_object_del (json, "allow_short_secret");

  TesseraClient *copy = new_from_object (json);
  add_secret (copy, secret);
  return copy;
}

/* The newest secret comes first. */
static void
take_secrets (TesseraClient *self, const TesseraClient *other)
{
  for (guint i = 0; i < other->n_secrets && self->n_secrets < G_N_ELEMENTS (self->secrets); i++)
    self->secrets[self->n_secrets++] = other->secrets[i];
  self->has_short_secret |= other->has_short_secret;
}

TesseraClient *
tessera_client_copy_with_secret (TesseraClient *self, const char *secret, gboolean keep_previous)
{
  TesseraClient *copy = tessera_client_copy_with (self, self->id, secret);

  if (keep_previous)
    take_secrets (copy, self);
  return copy;
}

TesseraClient *
tessera_client_copy_with_disabled (TesseraClient *self, gboolean disabled)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  json_object_set_new (json, "disabled", json_boolean (disabled));
  TesseraClient *copy = new_from_object (json);

  take_secrets (copy, self);
  return copy;
}

TesseraClient *
tessera_client_copy_for (TesseraClient *self, TesseraClient *registered)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  json_object_set_new (json, "client_id", json_string (registered->id));
  json_object_set_new (json, "disabled", json_boolean (registered->disabled));
  TesseraClient *copy = new_from_object (json);

  /* What it authenticates by now may replace them. */
  if (!tessera_client_has_keys (copy))
    take_secrets (copy, registered);
  return copy;
}

/* Only where they are what it authenticates by, for one that stays makes it the same client. */
static void
append_keys (TesseraClient *self, GString *fingerprint)
{
  if (!tessera_client_has_keys (self))
    return;
  g_auto (GStrv) words = tessera_key_set_list_words (self->keys);
  for (char **word = words; *word != NULL; word++)
    g_string_append_printf (fingerprint, " %s", *word);
}

char *
tessera_client_dup_fingerprint (TesseraClient *self)
{
  g_autoptr (json_t) json = rights_to_json (self);
  g_autofree char *text = tessera_json_dump (json);
  TesseraDigest digest = tessera_digest (text, -1);
  GString *fingerprint = g_string_new (NULL);
  tessera_base64url_append (fingerprint, digest.bytes, TESSERA_DIGEST_SIZE);

  for (guint i = 0; i < self->n_secrets; i++)
    {
      TesseraDigest secret = tessera_digest (self->secrets[i].bytes, TESSERA_DIGEST_SIZE);
      g_string_append_c (fingerprint, ' ');
      tessera_base64url_append (fingerprint, secret.bytes, TESSERA_DIGEST_SIZE);
    }
  append_keys (self, fingerprint);
  return g_string_free (fingerprint, FALSE);
}

gboolean
tessera_client_fingerprint_matches (const char *before, const char *now)
{
  if (strcmp (before, now) == 0)
    return TRUE;

  g_auto (GStrv) old_words = g_strsplit (before, " ", -1);
  g_auto (GStrv) new_words = g_strsplit (now, " ", -1);
  if (old_words[0] == NULL || new_words[0] == NULL || strcmp (old_words[0], new_words[0]) != 0)
    return FALSE;

  for (char **secret = new_words + 1; *secret != NULL; secret++)
    if (list_has (old_words + 1, *secret))
      return TRUE;
  return FALSE;
}
