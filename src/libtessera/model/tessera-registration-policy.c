/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients that register themselves may be (RFC 7591 §5). */

#include "model/tessera-registration-policy-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define USUAL_SCOPE "openid profile email address phone offline_access"
#define USUAL_MAX_CLIENTS 1000
#define USUAL_UNUSED_LIFETIME (30 * 24 * 60 * 60)
#define USUAL_RATE 10

/**
 * TesseraRegistrationPolicy:
 *
 * What clients that register themselves (RFC 7591) may be, and who may register them.
 *
 * Give it to [property@Server:registration-policy]. It is described once, by its construct-only
 * properties. Whatever it says, such a client is never [property@Client:first-party], its redirect
 * URIs are checked as those of any other, and it can change itself only with the token it was given
 * when it was registered (RFC 7592).
 */
struct _TesseraRegistrationPolicy
{
  GObject parent_instance;

  gboolean open;
  char **grant_types;
  char *scope;
  char **redirect_kinds;
  char **auth_methods;
  guint max_clients;
  guint unused_lifetime;
  guint rate;
  gboolean require_pkce;
  gboolean always_ask_consent;
};

G_DEFINE_FINAL_TYPE (TesseraRegistrationPolicy, tessera_registration_policy, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_OPEN,
  PROP_GRANT_TYPES,
  PROP_SCOPE,
  PROP_REDIRECT_KINDS,
  PROP_AUTH_METHODS,
  PROP_MAX_CLIENTS,
  PROP_UNUSED_LIFETIME,
  PROP_RATE,
  PROP_REQUIRE_PKCE,
  PROP_ALWAYS_ASK_CONSENT,
};

static const char *const usual_grant_types[] = { "authorization_code", "refresh_token", NULL };
static const char *const known_grant_types[]
    = { "authorization_code", "refresh_token", "client_credentials", NULL };
static const char *const known_redirect_kinds[] = { "https", "loopback", "private-use", NULL };
/* The usual ones, and then one whose secrets the store has to keep: for who wants that. */
static const char *const usual_auth_methods[]
    = { "client_secret_basic", "client_secret_post", "private_key_jwt", "none", NULL };
static const char *const known_auth_methods[] = { "client_secret_basic", "client_secret_post",
                                                  "private_key_jwt",     "none",
                                                  "client_secret_jwt",   NULL };

static void
set_list (char ***list, const GValue *value, const char *const *usual)
{
  *list = g_value_dup_boxed (value);
  if (*list == NULL)
    *list = g_strdupv ((char **) usual);
}

static void
tessera_registration_policy_set_property (GObject *object,
                                          guint property_id,
                                          const GValue *value,
                                          GParamSpec *pspec)
{
  TesseraRegistrationPolicy *self = TESSERA_REGISTRATION_POLICY (object);

  switch (property_id)
    {
    case PROP_OPEN:
      self->open = g_value_get_boolean (value);
      break;
    case PROP_GRANT_TYPES:
      set_list (&self->grant_types, value, usual_grant_types);
      break;
    case PROP_SCOPE:
      self->scope = g_value_dup_string (value);
      break;
    case PROP_REDIRECT_KINDS:
      set_list (&self->redirect_kinds, value, known_redirect_kinds);
      break;
    case PROP_AUTH_METHODS:
      set_list (&self->auth_methods, value, usual_auth_methods);
      break;
    case PROP_MAX_CLIENTS:
      self->max_clients = g_value_get_uint (value);
      break;
    case PROP_UNUSED_LIFETIME:
      self->unused_lifetime = g_value_get_uint (value);
      break;
    case PROP_RATE:
      self->rate = g_value_get_uint (value);
      break;
    case PROP_REQUIRE_PKCE:
      self->require_pkce = g_value_get_boolean (value);
      break;
    case PROP_ALWAYS_ASK_CONSENT:
      self->always_ask_consent = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
tessera_registration_policy_get_property (GObject *object,
                                          guint property_id,
                                          GValue *value,
                                          GParamSpec *pspec)
{
  TesseraRegistrationPolicy *self = TESSERA_REGISTRATION_POLICY (object);

  switch (property_id)
    {
    case PROP_OPEN:
      g_value_set_boolean (value, self->open);
      break;
    case PROP_GRANT_TYPES:
      g_value_set_boxed (value, self->grant_types);
      break;
    case PROP_SCOPE:
      g_value_set_string (value, self->scope);
      break;
    case PROP_REDIRECT_KINDS:
      g_value_set_boxed (value, self->redirect_kinds);
      break;
    case PROP_AUTH_METHODS:
      g_value_set_boxed (value, self->auth_methods);
      break;
    case PROP_MAX_CLIENTS:
      g_value_set_uint (value, self->max_clients);
      break;
    case PROP_UNUSED_LIFETIME:
      g_value_set_uint (value, self->unused_lifetime);
      break;
    case PROP_RATE:
      g_value_set_uint (value, self->rate);
      break;
    case PROP_REQUIRE_PKCE:
      g_value_set_boolean (value, self->require_pkce);
      break;
    case PROP_ALWAYS_ASK_CONSENT:
      g_value_set_boolean (value, self->always_ask_consent);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
tessera_registration_policy_finalize (GObject *object)
{
  TesseraRegistrationPolicy *self = TESSERA_REGISTRATION_POLICY (object);

  g_strfreev (self->grant_types);
  g_free (self->scope);
  g_strfreev (self->redirect_kinds);
  g_strfreev (self->auth_methods);
  G_OBJECT_CLASS (tessera_registration_policy_parent_class)->finalize (object);
}

#define CONSTRUCT_ONLY (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)

static void
install_rights (GObjectClass *object_class)
{
  /**
   * TesseraRegistrationPolicy:open:
   *
   * Whether anybody may register a client. If not, as is usual, that takes an initial access token
   * (RFC 7591 §3), see [method@Server.create_initial_access_token_async].
   */
  g_object_class_install_property (
      object_class, PROP_OPEN, g_param_spec_boolean ("open", NULL, NULL, FALSE, CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:grant-types:
   *
   * Out of `authorization_code`, `refresh_token` and `client_credentials`. %NULL: the first two.
   */
  g_object_class_install_property (object_class, PROP_GRANT_TYPES,
                                   g_param_spec_boxed ("grant-types", NULL, NULL, G_TYPE_STRV,
                                                       CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:scope:
   *
   * The scopes that clients may have, separated by spaces. One that asks for none gets these.
   */
  g_object_class_install_property (object_class, PROP_SCOPE,
                                   g_param_spec_string ("scope", NULL, NULL, USUAL_SCOPE,
                                                        CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:redirect-kinds:
   *
   * Which redirect URIs there may be: out of `https`, `loopback` (http on a loopback address) and
   * `private-use` (schemes of native clients). %NULL: all of them.
   */
  g_object_class_install_property (object_class, PROP_REDIRECT_KINDS,
                                   g_param_spec_boxed ("redirect-kinds", NULL, NULL, G_TYPE_STRV,
                                                       CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:auth-methods:
   *
   * How clients may authenticate: see [property@Client:token-endpoint-auth-method]. %NULL: in each
   * of these ways but `client_secret_jwt`.
   */
  g_object_class_install_property (object_class, PROP_AUTH_METHODS,
                                   g_param_spec_boxed ("auth-methods", NULL, NULL, G_TYPE_STRV,
                                                       CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:require-pkce:
   *
   * Whether confidential clients need a `code_challenge` too, as public ones always do.
   */
  g_object_class_install_property (object_class, PROP_REQUIRE_PKCE,
                                   g_param_spec_boolean ("require-pkce", NULL, NULL, TRUE,
                                                         CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:always-ask-consent:
   *
   * Whether people are asked each time, also what they allowed before.
   */
  g_object_class_install_property (object_class, PROP_ALWAYS_ASK_CONSENT,
                                   g_param_spec_boolean ("always-ask-consent", NULL, NULL, FALSE,
                                                         CONSTRUCT_ONLY));
}

static void
install_limits (GObjectClass *object_class)
{
  /**
   * TesseraRegistrationPolicy:max-clients:
   *
   * How many clients that registered themselves there may be at a time.
   */
  g_object_class_install_property (object_class, PROP_MAX_CLIENTS,
                                   g_param_spec_uint ("max-clients", NULL, NULL, 0, 100000,
                                                      USUAL_MAX_CLIENTS, CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:unused-lifetime:
   *
   * After how many seconds without use a client is removed; 0 for never.
   */
  g_object_class_install_property (object_class, PROP_UNUSED_LIFETIME,
                                   g_param_spec_uint ("unused-lifetime", NULL, NULL, 0, G_MAXINT32,
                                                      USUAL_UNUSED_LIFETIME, CONSTRUCT_ONLY));

  /**
   * TesseraRegistrationPolicy:rate:
   *
   * How many attempts a minute an address has that are refused, that come without an initial
   * access token, that replace a registration, or that have a `sector_identifier_uri` read.
   */
  g_object_class_install_property (object_class, PROP_RATE,
                                   g_param_spec_uint ("rate", NULL, NULL, 1, 100000, USUAL_RATE,
                                                      CONSTRUCT_ONLY));
}

static void
tessera_registration_policy_class_init (TesseraRegistrationPolicyClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = tessera_registration_policy_set_property;
  object_class->get_property = tessera_registration_policy_get_property;
  object_class->finalize = tessera_registration_policy_finalize;
  install_rights (object_class);
  install_limits (object_class);
}

static void
tessera_registration_policy_init (TesseraRegistrationPolicy *self)
{
}

/**
 * tessera_registration_policy_new:
 *
 * Makes the usual policy: with an initial access token, clients that log people in.
 *
 * Returns: (transfer full): a policy
 */
TesseraRegistrationPolicy *
tessera_registration_policy_new (void)
{
  return g_object_new (TESSERA_TYPE_REGISTRATION_POLICY, NULL);
}

static gboolean
check_list (char **list, const char *const *known, const char *what, GError **error)
{
  for (; *list != NULL; list++)
    if (!g_strv_contains (known, *list))
      {
        g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                     "The policy for registrations has an unknown name among its %s", what);
        return FALSE;
      }
  return TRUE;
}

/**
 * tessera_registration_policy_check:
 * @self: a policy
 * @error: return location for an error
 *
 * Checks that the policy knows what it speaks of.
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT.
 *
 * Returns: %TRUE if it does
 */
gboolean
tessera_registration_policy_check (TesseraRegistrationPolicy *self, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_REGISTRATION_POLICY (self), FALSE);

  g_autofree char *scope = tessera_scope_parse (self->scope, NULL);
  if (scope == NULL)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                           "The scope of the policy for registrations is malformed");
      return FALSE;
    }
  return check_list (self->grant_types, known_grant_types, "grant types", error)
         && check_list (self->redirect_kinds, known_redirect_kinds, "kinds of redirect URIs", error)
         && check_list (self->auth_methods, known_auth_methods, "authentication methods", error);
}

gboolean
tessera_registration_policy_is_open (TesseraRegistrationPolicy *self)
{
  return self->open;
}

static gboolean
has (char **list, const char *name)
{
  return g_strv_contains ((const char *const *) list, name);
}

gboolean
tessera_registration_policy_allows_grant_type (TesseraRegistrationPolicy *self,
                                               const char *grant_type)
{
  return has (self->grant_types, grant_type);
}

gboolean
tessera_registration_policy_allows_auth_method (TesseraRegistrationPolicy *self, const char *method)
{
  return has (self->auth_methods, method);
}

gboolean
tessera_registration_policy_allows_redirect_uri (TesseraRegistrationPolicy *self, const char *uri)
{
  if (tessera_uri_is_private_use (uri))
    return has (self->redirect_kinds, "private-use");
  return has (self->redirect_kinds, g_str_has_prefix (uri, "https:") ? "https" : "loopback");
}

const char *
tessera_registration_policy_get_scope (TesseraRegistrationPolicy *self)
{
  return self->scope != NULL ? self->scope : "";
}

guint
tessera_registration_policy_get_max_clients (TesseraRegistrationPolicy *self)
{
  return self->max_clients;
}

gint64
tessera_registration_policy_get_unused_lifetime (TesseraRegistrationPolicy *self)
{
  return self->unused_lifetime;
}

guint
tessera_registration_policy_get_rate (TesseraRegistrationPolicy *self)
{
  return self->rate;
}

gboolean
tessera_registration_policy_requires_pkce (TesseraRegistrationPolicy *self)
{
  return self->require_pkce;
}

gboolean
tessera_registration_policy_always_asks_consent (TesseraRegistrationPolicy *self)
{
  return self->always_ask_consent;
}
