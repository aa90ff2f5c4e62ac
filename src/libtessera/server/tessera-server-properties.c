/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The properties of a server: its settings (design.md §10), and what else is set before it runs. */

#include "server/tessera-server-object-private.h"

#include <string.h>

#define LIFETIME_MAX (10 * 365 * 24 * 60 * 60)

/* The properties that are plain settings. */

typedef enum
{
  KIND_PATH,
  KIND_SECONDS, /* or any other number */
  KIND_SWITCH
} SettingKind;

typedef struct
{
  const char *name;
  SettingKind kind;
  gsize offset;
  guint minimum;
  guint maximum;
} Setting;

#define PATH(name, member)                                                                         \
  {                                                                                                \
    name, KIND_PATH, G_STRUCT_OFFSET (TesseraSettings, member), 0, 0                               \
  }
#define SECONDS(name, member, minimum, maximum)                                                    \
  {                                                                                                \
    name, KIND_SECONDS, G_STRUCT_OFFSET (TesseraSettings, member), minimum, maximum                \
  }
#define NUMBER SECONDS
#define SWITCH(name, member)                                                                       \
  {                                                                                                \
    name, KIND_SWITCH, G_STRUCT_OFFSET (TesseraSettings, member), 0, 0                             \
  }

static const Setting settings_table[] = {
  /**
   * TesseraServer:authorization-path:
   *
   * Path of the authorization endpoint, below the issuer (RFC 6749 §3.1): `/authorize` unless set.
   */
  PATH ("authorization-path", authorization_path),
  /**
   * TesseraServer:token-path:
   *
   * Path of the token endpoint, below the issuer (RFC 6749 §3.2): `/token` unless set.
   */
  PATH ("token-path", token_path),
  /**
   * TesseraServer:revocation-path:
   *
   * Path of the revocation endpoint, below the issuer (RFC 7009 §2): `/revoke` unless set.
   */
  PATH ("revocation-path", revocation_path),
  /**
   * TesseraServer:introspection-path:
   *
   * Path of the introspection endpoint, below the issuer (RFC 7662 §2): `/introspect` unless set.
   */
  PATH ("introspection-path", introspection_path),
  /**
   * TesseraServer:check-path:
   *
   * Path of the check endpoint, below the issuer: `/check` unless set. It answers by its status
   * whether the Bearer token of a request is good, for proxies that ask before they pass a request
   * on.
   */
  PATH ("check-path", check_path),
  /**
   * TesseraServer:jwks-path:
   *
   * Path of the key set, below the issuer (RFC 7517 §5): `/jwks` unless set. Below it lie the same
   * keys as `KID.pem`.
   */
  PATH ("jwks-path", jwks_path),
  /**
   * TesseraServer:deny-list-path:
   *
   * Path of the published deny-list, below the issuer: `/deny-list` unless set. It is a signed file
   * of what is revoked, for resource servers with an access token of the scope `denylist`.
   */
  PATH ("deny-list-path", deny_list_path),
  /**
   * TesseraServer:deny-list-events-path:
   *
   * Path of the events of the published deny-list, below the issuer: `/deny-list/events` unless
   * set. What is revoked is told there at once, by Server-Sent Events.
   */
  PATH ("deny-list-events-path", deny_list_events_path),
  /**
   * TesseraServer:userinfo-path:
   *
   * Path of the userinfo endpoint, below the issuer (OpenID Connect Core §5.3): `/userinfo` unless
   * set.
   */
  PATH ("userinfo-path", userinfo_path),
  /**
   * TesseraServer:registration-path:
   *
   * Path of the client registration endpoint, below the issuer (RFC 7591 §3): `/register` unless
   * set. Below it lie the registrations themselves (RFC 7592 §2).
   */
  PATH ("registration-path", registration_path),
  /**
   * TesseraServer:login-path:
   *
   * Path of the login page, below the issuer: `/login` unless set.
   */
  PATH ("login-path", login_path),
  /**
   * TesseraServer:consent-path:
   *
   * Path of the consent page, below the issuer: `/consent` unless set.
   */
  PATH ("consent-path", consent_path),
  /**
   * TesseraServer:logout-path:
   *
   * Path of the logout page, below the issuer: `/logout` unless set.
   */
  PATH ("logout-path", logout_path),
  /**
   * TesseraServer:account-path:
   *
   * Path of the page on which people see and take back what they allowed, below the issuer:
   * `/account` unless set.
   */
  PATH ("account-path", account_path),
  /**
   * TesseraServer:status-list-path:
   *
   * Path of the list of status lists, below the issuer: `/status-lists` unless set. Below it lie
   * the lists themselves.
   */
  PATH ("status-list-path", status_list_path),
  /**
   * TesseraServer:access-token-lifetime:
   *
   * How long access tokens live, in seconds: 600 unless set. A client may have its own.
   */
  SECONDS ("access-token-lifetime", access_token_lifetime, 1, LIFETIME_MAX),
  /**
   * TesseraServer:refresh-token-lifetime:
   *
   * How long a grant can be refreshed, in seconds from its beginning: 2592000 (30 days) unless set.
   * A client may have its own.
   */
  SECONDS ("refresh-token-lifetime", refresh_token_lifetime, 1, LIFETIME_MAX),
  /**
   * TesseraServer:refresh-token-idle-lifetime:
   *
   * How long a grant can be refreshed, in seconds from its last use: 1209600 (14 days) unless set.
   */
  SECONDS ("refresh-token-idle-lifetime", refresh_token_idle_lifetime, 1, LIFETIME_MAX),
  /**
   * TesseraServer:code-lifetime:
   *
   * How long an authorization code can be redeemed, in seconds: 60 unless set, and at most.
   */
  SECONDS ("code-lifetime", code_lifetime, 1, TESSERA_STORE_CODE_LIFETIME_MS / 1000),
  /**
   * TesseraServer:replay-window:
   *
   * How long a refresh token that was used gives the same successor again, in seconds, while the
   * successor is unused: so that a lost answer does no harm. 30 unless set, at most 300.
   */
  SECONDS ("replay-window", replay_window, 0, 300),
  /**
   * TesseraServer:session-lifetime:
   *
   * How long a browser stays signed in, in seconds: 28800 (8 hours) unless set.
   */
  SECONDS ("session-lifetime", session_lifetime, 1, LIFETIME_MAX),
  /**
   * TesseraServer:session-idle:
   *
   * How long a browser stays signed in without a request, in seconds: 1800 unless set.
   */
  SECONDS ("session-idle", session_idle, 1, LIFETIME_MAX),
  /**
   * TesseraServer:jwks-max-age:
   *
   * How long others may keep the key set, in seconds: 900 unless set, and at most. A new key waits
   * as long before it signs.
   */
  SECONDS ("jwks-max-age", jwks_max_age, 0, 900),
  /**
   * TesseraServer:status-list-ttl:
   *
   * How long others may keep a status list, in seconds: 60 unless set. So long, at most, a token
   * that was revoked may be taken for good by them.
   */
  SECONDS ("status-list-ttl", status_list_ttl, 1, 86400),
  /**
   * TesseraServer:revocation-enabled:
   *
   * Whether there is a revocation endpoint: %TRUE unless set.
   */
  SWITCH ("revocation-enabled", revocation_enabled),
  /**
   * TesseraServer:introspection-enabled:
   *
   * Whether there is an introspection endpoint: %TRUE unless set.
   */
  SWITCH ("introspection-enabled", introspection_enabled),
  /**
   * TesseraServer:check-enabled:
   *
   * Whether there is a check endpoint: %FALSE unless set, for it asks no credentials of a proxy.
   */
  SWITCH ("check-enabled", check_enabled),
  /**
   * TesseraServer:deny-list-enabled:
   *
   * Whether the deny-list is published over HTTP: %TRUE unless set. Once it is not, whoever
   * followed it is disconnected.
   */
  SWITCH ("deny-list-enabled", deny_list_enabled),
  /**
   * TesseraServer:feed-subscribers:
   *
   * How many may follow the events of the deny-list at the same time: 2048 unless set.
   */
  NUMBER ("feed-subscribers", feed_subscribers, 0, 1000000),
  /**
   * TesseraServer:account-enabled:
   *
   * Whether there is a page on which people see and take back what they allowed: %TRUE unless set.
   */
  SWITCH ("account-enabled", account_enabled),
  /**
   * TesseraServer:status-list-enabled:
   *
   * Whether access tokens say in which status list, and where in it, others see that they were
   * revoked: %FALSE unless set. See `docs/guide/status-list.md`.
   */
  SWITCH ("status-list-enabled", status_list_enabled),
  /**
   * TesseraServer:openid-enabled:
   *
   * Whether clients that are registered for the scope `openid` learn who logged in (OpenID Connect
   * Core): %TRUE unless set. If not, that scope is refused, and there is no userinfo endpoint.
   */
  SWITCH ("openid-enabled", openid_enabled),
  /**
   * TesseraServer:registration-enabled:
   *
   * Whether clients can register themselves (RFC 7591, RFC 7592): %FALSE unless set. What they may
   * be, and who may register them, is said by [property@Server:registration-policy].
   */
  SWITCH ("registration-enabled", registration_enabled),
  /**
   * TesseraServer:revocation-requires-client-authentication:
   *
   * Whether clients must say who they are to revoke, and those with a secret show it (RFC 7009
   * §2.1): %TRUE unless set. If not, possession of a token suffices to revoke it.
   */
  SWITCH ("revocation-requires-client-authentication", revocation_requires_client_authentication),
  /**
   * TesseraServer:assertions-for-token-endpoint:
   *
   * Whether the assertions of clients with `private_key_jwt` (RFC 7523 §3) may name the URL of the
   * token endpoint as their audience, beside the issuer, or both of them in an array, as older
   * clients do: %FALSE unless set. Then the audience is the issuer alone, as a string, so that an
   * assertion can't have been meant for another server.
   */
  SWITCH ("assertions-for-token-endpoint", assertions_for_token_endpoint),
  /**
   * TesseraServer:revocation-ends-grant:
   *
   * Whether revoking an access token ends its grant too, so that its refresh token stops as well:
   * %FALSE unless set.
   */
  SWITCH ("revocation-ends-grant", revocation_ends_grant),
};

enum
{
  PROP_ISSUER = 1,
  PROP_STATE_DIRECTORY,
  PROP_EPHEMERAL,
  PROP_SIGNING_ALGORITHM,
  PROP_KEY_DIRECTORY,
  PROP_THEME_DIRECTORY,
  PROP_TRUSTED_PROXIES,
  PROP_PROXIES_SEND_FORWARDED,
  PROP_OUTBOUND,
  PROP_REGISTRATION_POLICY,
  PROP_SETTINGS
};

static gboolean
is_endpoint_path (const char *path)
{
  if (path == NULL || path[0] != '/' || path[1] == '\0')
    return FALSE;
  for (const char *p = path; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("/-._~", *p) == NULL)
      return FALSE;
  return strstr (path, "/.") == NULL && strstr (path, "//") == NULL;
}

static void
set_path (char **target, const char *path)
{
  if (!is_endpoint_path (path))
    {
      g_warning ("'%s' cannot be the path of an endpoint", path != NULL ? path : "(null)");
      return;
    }
  g_free (*target);
  *target = g_strdup (path);
}

static void
set_setting (TesseraServer *self, const Setting *setting, const GValue *value)
{
  gpointer member = G_STRUCT_MEMBER_P (self->engine.settings, setting->offset);

  if (setting->kind == KIND_PATH)
    set_path (member, g_value_get_string (value));
  else if (setting->kind == KIND_SECONDS)
    *(guint *) member = g_value_get_uint (value);
  else
    *(gboolean *) member = g_value_get_boolean (value);
  tessera_server_settings_changed (self);
}

static void
get_setting (TesseraServer *self, const Setting *setting, GValue *value)
{
  gpointer member = G_STRUCT_MEMBER_P (self->engine.settings, setting->offset);

  if (setting->kind == KIND_PATH)
    g_value_set_string (value, *(char **) member);
  else if (setting->kind == KIND_SECONDS)
    g_value_set_uint (value, *(guint *) member);
  else
    g_value_set_boolean (value, *(gboolean *) member);
}

static void
set_signing_algorithm (TesseraServer *self, const char *name)
{
  g_autoptr (GError) error = NULL;
  TesseraAlgorithm algorithm;

  if (name == NULL || !tessera_algorithm_parse (name, &algorithm))
    {
      g_warning ("'%s' is no signing algorithm of this server", name != NULL ? name : "(null)");
      return;
    }
  if (self->engine.ready && !tessera_key_ring_ensure (self->engine.keys, algorithm, &error))
    {
      g_warning ("The signing algorithm stays: %s", error->message);
      return;
    }
  self->engine.settings->signing_algorithm = algorithm;
  tessera_server_settings_changed (self);
}

static void
set_theme_directory (TesseraServer *self, const char *directory)
{
  g_free (self->theme_directory);
  self->theme_directory = g_strdup (directory);
  if (self->interaction != NULL)
    tessera_interaction_set_theme_directory (self->interaction, directory);
}

/* NULL: the usual one. */
static void
set_registration_policy (TesseraServer *self, TesseraRegistrationPolicy *policy)
{
  TesseraSettings *settings = self->engine.settings;
  g_autoptr (GError) error = NULL;

  if (policy != NULL && !tessera_registration_policy_check (policy, &error))
    {
      g_warning ("The policy for registrations stays: %s", error->message);
      return;
    }
  g_object_unref (settings->registration_policy);
  settings->registration_policy
      = policy != NULL ? g_object_ref (policy) : tessera_registration_policy_new ();
  tessera_throttle_free (self->engine.registration_throttle);
  self->engine.registration_throttle
      = tessera_throttle_new (tessera_registration_policy_get_rate (settings->registration_policy));
  tessera_server_settings_changed (self);
}

static void
set_outbound (TesseraServer *self, TesseraOutbound *outbound)
{
  g_set_object (&self->outbound, outbound);
  self->engine.settings->has_outbound = outbound != NULL;
  self->engine.hooks.fetch = outbound != NULL ? tessera_server_fetch : NULL;
  if (self->notifier != NULL)
    tessera_logout_notifier_set_outbound (self->notifier, outbound);
  tessera_server_settings_changed (self);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  TesseraServer *self = TESSERA_SERVER (object);

  switch (id)
    {
    case PROP_ISSUER:
      {
        const char *issuer = g_value_get_string (value);
        self->engine.settings = tessera_settings_new (issuer != NULL ? issuer : "");
        break;
      }
    case PROP_STATE_DIRECTORY:
      self->state_directory = g_value_dup_string (value);
      break;
    case PROP_EPHEMERAL:
      self->in_memory = g_value_get_boolean (value);
      break;
    case PROP_SIGNING_ALGORITHM:
      set_signing_algorithm (self, g_value_get_string (value));
      break;
    case PROP_KEY_DIRECTORY:
      g_free (self->key_directory);
      self->key_directory = g_value_dup_string (value);
      break;
    case PROP_THEME_DIRECTORY:
      set_theme_directory (self, g_value_get_string (value));
      break;
    case PROP_TRUSTED_PROXIES:
      g_strfreev (self->trusted_proxies);
      self->trusted_proxies = g_value_dup_boxed (value);
      break;
    case PROP_PROXIES_SEND_FORWARDED:
      self->proxies_send_forwarded = g_value_get_boolean (value);
      break;
    case PROP_OUTBOUND:
      set_outbound (self, g_value_get_object (value));
      break;
    case PROP_REGISTRATION_POLICY:
      set_registration_policy (self, g_value_get_object (value));
      break;
    default:
      set_setting (self, &settings_table[id - PROP_SETTINGS], value);
      break;
    }
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  TesseraServer *self = TESSERA_SERVER (object);

  switch (id)
    {
    case PROP_ISSUER:
      g_value_set_string (value, self->engine.settings->issuer);
      break;
    case PROP_STATE_DIRECTORY:
      g_value_set_string (value, self->state_directory);
      break;
    case PROP_EPHEMERAL:
      g_value_set_boolean (value, self->in_memory);
      break;
    case PROP_SIGNING_ALGORITHM:
      g_value_set_string (value,
                          tessera_algorithm_get_name (self->engine.settings->signing_algorithm));
      break;
    case PROP_KEY_DIRECTORY:
      g_value_set_string (value, self->key_directory);
      break;
    case PROP_THEME_DIRECTORY:
      g_value_set_string (value, self->theme_directory);
      break;
    case PROP_TRUSTED_PROXIES:
      g_value_set_boxed (value, self->trusted_proxies);
      break;
    case PROP_PROXIES_SEND_FORWARDED:
      g_value_set_boolean (value, self->proxies_send_forwarded);
      break;
    case PROP_OUTBOUND:
      g_value_set_object (value, self->outbound);
      break;
    case PROP_REGISTRATION_POLICY:
      g_value_set_object (value, self->engine.settings->registration_policy);
      break;
    default:
      get_setting (self, &settings_table[id - PROP_SETTINGS], value);
      break;
    }
}

/* To install. */

static void
install_settings (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  g_autoptr (TesseraSettings) defaults = tessera_settings_new ("");

  for (guint i = 0; i < G_N_ELEMENTS (settings_table); i++)
    {
      const Setting *setting = &settings_table[i];
      gpointer usual = G_STRUCT_MEMBER_P (defaults, setting->offset);
      GParamSpec *spec;
      if (setting->kind == KIND_PATH)
        spec = g_param_spec_string (setting->name, NULL, NULL, *(char **) usual, flags);
      else if (setting->kind == KIND_SECONDS)
        spec = g_param_spec_uint (setting->name, NULL, NULL, setting->minimum, setting->maximum,
                                  *(guint *) usual, flags);
      else
        spec = g_param_spec_boolean (setting->name, NULL, NULL, *(gboolean *) usual, flags);
      g_object_class_install_property (klass, PROP_SETTINGS + i, spec);
    }
}

void
tessera_server_install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  klass->set_property = set_property;
  klass->get_property = get_property;
  /**
   * TesseraServer:issuer:
   *
   * The URL under which clients reach the server (RFC 8414 §2). Never taken from a request.
   */
  g_object_class_install_property (klass, PROP_ISSUER,
                                   g_param_spec_string ("issuer", NULL, NULL, NULL,
                                                        flags | G_PARAM_CONSTRUCT_ONLY));
  /**
   * TesseraServer:state-directory:
   *
   * Where keys and database are kept; %NULL for the program's own folder in the user's data
   * directory, as [ctor@Server.new] has it.
   */
  g_object_class_install_property (klass, PROP_STATE_DIRECTORY,
                                   g_param_spec_string ("state-directory", NULL, NULL, NULL,
                                                        flags | G_PARAM_CONSTRUCT_ONLY));
  /**
   * TesseraServer:key-directory:
   *
   * Where the signing keys are kept, if not in the folder `keys` of the state directory. Set it
   * before the main context runs: the keys are opened then, once.
   */
  g_object_class_install_property (klass, PROP_KEY_DIRECTORY,
                                   g_param_spec_string ("key-directory", NULL, NULL, NULL, flags));
  /**
   * TesseraServer:ephemeral:
   *
   * Whether nothing is kept: for tests.
   */
  g_object_class_install_property (klass, PROP_EPHEMERAL,
                                   g_param_spec_boolean ("ephemeral", NULL, NULL, FALSE,
                                                         flags | G_PARAM_CONSTRUCT_ONLY));
  /**
   * TesseraServer:signing-algorithm:
   *
   * How access tokens are signed: `ES256` (unless set), `EdDSA`, `RS256` or `PS256`.
   */
  g_object_class_install_property (klass, PROP_SIGNING_ALGORITHM,
                                   g_param_spec_string ("signing-algorithm", NULL, NULL, NULL,
                                                        flags));
  /**
   * TesseraServer:theme-directory:
   *
   * A folder with templates and a stylesheet that replace the built-in ones of the same names.
   */
  g_object_class_install_property (klass, PROP_THEME_DIRECTORY,
                                   g_param_spec_string ("theme-directory", NULL, NULL, NULL,
                                                        flags));
  /**
   * TesseraServer:trusted-proxies:
   *
   * The addresses of proxies (and `unix` for whoever connects by a unix socket) whose
   * `X-Forwarded-For` and `X-Forwarded-Proto` are believed (or `Forwarded`, see
   * [property@Server:proxies-send-forwarded]): the last entry that is no trusted proxy itself then
   * is the remote address of a request.
   */
  g_object_class_install_property (klass, PROP_TRUSTED_PROXIES,
                                   g_param_spec_boxed ("trusted-proxies", NULL, NULL, G_TYPE_STRV,
                                                       flags));
  /**
   * TesseraServer:proxies-send-forwarded:
   *
   * Whether the trusted proxies say for whom they speak in `Forwarded` (RFC 7239) instead of
   * `X-Forwarded-For`. Only one of the two is read, since the other comes from the client, past a
   * proxy that does not know it.
   */
  g_object_class_install_property (klass, PROP_PROXIES_SEND_FORWARDED,
                                   g_param_spec_boolean ("proxies-send-forwarded", NULL, NULL,
                                                         FALSE, flags));
  /**
   * TesseraServer:outbound:
   *
   * The way to other machines: %NULL unless set, and then nothing is offered that needs one.
   */
  g_object_class_install_property (klass, PROP_OUTBOUND,
                                   g_param_spec_object ("outbound", NULL, NULL,
                                                        TESSERA_TYPE_OUTBOUND, flags));
  /**
   * TesseraServer:registration-policy:
   *
   * What clients that register themselves may be, and who may register them. Setting %NULL sets the
   * usual policy.
   */
  g_object_class_install_property (klass, PROP_REGISTRATION_POLICY,
                                   g_param_spec_object ("registration-policy", NULL, NULL,
                                                        TESSERA_TYPE_REGISTRATION_POLICY, flags));
  install_settings (klass);
}
