/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server as an application sees it: properties, signals, and what the engine calls back. */

#include "server/tessera-act-private.h"
#include "server/tessera-server-object-private.h"

#include "base/tessera-log-private.h"
#include "endpoints/tessera-client-keys-private.h"
#include "endpoints/tessera-deny-export-private.h"
#include "endpoints/tessera-deny-feed-private.h"
#include "model/tessera-issuance-private.h"
#include "model/tessera-user-claims-private.h"
#include "server/tessera-page-private.h"
#include "server/tessera-soup-adapter-private.h"
#include "server/tessera-soup-deadlines-private.h"

#include <stdarg.h>
#include <string.h>

#define HOLD_DEADLINE_MS (TESSERA_HOLD_SECONDS * 1000)
#define CLIENT_FAILURES_A_MINUTE 10 /* threats.md B19 */
#define LIFETIME_MAX (10 * 365 * 24 * 60 * 60)

/**
 * TesseraServer:
 *
 * An OAuth 2 authorization server.
 *
 * Make one with the issuer, that is, the URL under which clients reach it; declare clients with
 * [method@Server.add_client]; decide logins in [signal@Server::authenticate]; and
 * [method@Server.attach] it to a [class@Soup.Server]. Its keys and its store are made ready in a
 * thread, while requests wait.
 *
 * It is also a [iface@TokenChecker]: give it to a [class@BearerDomain] to protect paths.
 *
 * The server and its signals live in the thread, and on the main context, that made it. What the
 * program declares (clients, users, resources) is to be declared before that context runs again
 * after the server became ready: a client that was declared when the program ran last and is not
 * any more loses its tokens then.
 */

static void token_checker_init (TesseraTokenCheckerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraServer,
                               tessera_server,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_TOKEN_CHECKER,
                                                      token_checker_init))

static guint signals[TESSERA_N_SIGNALS];

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
  SECONDS ("code-lifetime", code_lifetime, 1, 60),
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
tessera_server_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
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
tessera_server_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
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

void
tessera_server_settings_changed (TesseraServer *self)
{
  g_clear_pointer (&self->routes, g_hash_table_unref);
  g_clear_pointer (&self->engine.metadata, g_bytes_unref);
  if (self->engine.feed != NULL && !self->engine.settings->deny_list_enabled)
    tessera_deny_feed_end_all (self->engine.feed);
  if (self->engine.deny_list != NULL)
    tessera_deny_list_set_longest_lifetime (self->engine.deny_list,
                                            tessera_engine_get_longest_lifetime_ms (&self->engine));
}

TesseraEngine *
tessera_server_get_engine (TesseraServer *self)
{
  return &self->engine;
}

gboolean
tessera_server_trusts_proxy (TesseraServer *self, const char *peer)
{
  return self->trusted_proxies != NULL
         && g_strv_contains ((const char *const *) self->trusted_proxies, peer);
}

gboolean
tessera_server_reads_forwarded (TesseraServer *self)
{
  return self->proxies_send_forwarded;
}

/* Signals. */

gboolean
tessera_server_has_handler (TesseraServer *self, TesseraServerSignal signal)
{
  return g_signal_has_handler_pending (self, signals[signal], 0, FALSE);
}

void
tessera_server_emit (TesseraServer *self, TesseraServerSignal signal, ...)
{
  va_list args;
  va_start (args, signal);
  g_signal_emit_valist (self, signals[signal], 0, args);
  va_end (args);
}

/* Called in the thread that gives the verdict or holds: no further handler is asked. */
static void
on_settled (TesseraAuthentication *authentication, gpointer data)
{
  TesseraServer *self = data;
  if (g_thread_self () == self->thread && self->emitting == authentication)
    g_signal_stop_emission (self, signals[TESSERA_SIGNAL_AUTHENTICATE], 0);
}

typedef struct
{
  TesseraServer *server;
  TesseraAuthenticationDecided decided;
  gpointer data;
} Verdict;

/* A token of a person must never look like a client's own (RFC 9700 §4.15). */
static void
check_subject (TesseraServer *self, TesseraAuthentication *authentication)
{
  if (tessera_authentication_get_verdict (authentication) != TESSERA_VERDICT_ACCEPTED)
    return;
  g_autoptr (TesseraClient) client = tessera_client_registry_lookup_any (
      self->engine.clients, tessera_authentication_get_login (authentication)->subject);
  if (client == NULL)
    return;
  g_warning ("authenticate: the subject is the client_id of a client: the login is denied");
  tessera_authentication_overrule (authentication);
}

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  g_autofree Verdict *verdict = data;
  g_autoptr (TesseraServer) server = verdict->server;

  check_subject (server, authentication);
  verdict->decided (authentication, verdict->data);
}

void
tessera_server_authenticate (TesseraServer *self,
                             TesseraAuthentication *authentication,
                             TesseraAuthenticationDecided decided,
                             gpointer data)
{
  Verdict *verdict = g_new0 (Verdict, 1);
  TesseraAuthentication *outer = self->emitting;

  verdict->server = g_object_ref (self);
  verdict->decided = decided;
  verdict->data = data;
  tessera_authentication_on_decided (authentication, on_decided, verdict);
  tessera_authentication_on_settled (authentication, on_settled, self);

  g_object_ref (self);
  self->emitting = authentication;
  g_signal_emit (self, signals[TESSERA_SIGNAL_AUTHENTICATE], 0, authentication);
  self->emitting = outer;
  tessera_authentication_on_settled (authentication, NULL, NULL);
  tessera_authentication_close_emission (authentication, HOLD_DEADLINE_MS);
  g_object_unref (self);
}

static void
on_password_verified (gboolean matches, gpointer data)
{
  static const char *const password_only[] = { "pwd", NULL };
  g_autoptr (TesseraAuthentication) authentication = data;

  if (matches)
    tessera_authentication_accept_with (authentication, NULL, NULL, password_only);
  else
    tessera_authentication_deny (authentication);
}

/* No handler decided: the server's own users, if it has any. */
static void
authenticate_user (TesseraServer *self, TesseraAuthentication *authentication)
{
  g_autoptr (GError) error = NULL;

  /* What a handler asked is for a handler to judge. */
  if (tessera_authentication_get_step (authentication) > 0
      || tessera_user_registry_get_count (self->users) == 0)
    return;
  TesseraUser *user
      = tessera_user_registry_lookup (self->users,
                                      tessera_authentication_get_username (authentication));
  tessera_authentication_hold (authentication);
  if (tessera_server_verify_password (self, user,
                                      tessera_authentication_get_password (authentication),
                                      on_password_verified, g_object_ref (authentication), &error))
    return;
  tessera_authentication_set_busy (authentication);
  on_password_verified (FALSE, authentication);
}

void
tessera_server_render_page (TesseraServer *self,
                            const char *page,
                            TesseraExchange *exchange,
                            char **html)
{
  if (!tessera_server_has_handler (self, TESSERA_SIGNAL_RENDER_PAGE))
    return;
  g_autoptr (TesseraPage) object
      = tessera_page_new (g_intern_string (page), g_steal_pointer (html));
  tessera_server_emit (self, TESSERA_SIGNAL_RENDER_PAGE, object);
  *html = tessera_page_steal_html (object);
}

/* What the engine calls. */

static void
on_issue_token (gpointer data, TesseraIssuance *issuance)
{
  tessera_server_emit (data, TESSERA_SIGNAL_ISSUE_TOKEN, issuance);
}

static void
on_user_claims (gpointer data, TesseraUserClaims *claims)
{
  tessera_server_emit (data, TESSERA_SIGNAL_USER_CLAIMS, claims);
}

static void
on_token_issued (gpointer data, TesseraClaims *claims, gboolean refreshed)
{
  g_autofree char *json = tessera_claims_to_json (claims);
  tessera_server_emit (data,
                       refreshed ? TESSERA_SIGNAL_TOKEN_REFRESHED : TESSERA_SIGNAL_TOKEN_ISSUED,
                       json);
}

static void
on_introspected (gpointer data, const char *client_id, gboolean active)
{
  tessera_server_emit (data, TESSERA_SIGNAL_INTROSPECT, client_id, active);
}

static void
on_interact (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request)
{
  TesseraServer *self = data;
  tessera_interaction_start (self->interaction, exchange, request);
}

static void
on_show_error (gpointer data, TesseraExchange *exchange, const GError *error)
{
  TesseraServer *self = data;
  tessera_interaction_show_error (self->interaction, exchange, error);
}

static void
on_show_return (gpointer data,
                TesseraExchange *exchange,
                TesseraAuthorizationRequest *request,
                const char *location)
{
  TesseraServer *self = data;
  tessera_interaction_show_return (self->interaction, exchange, request, location);
}

static void
on_show_form (gpointer data,
              TesseraExchange *exchange,
              TesseraAuthorizationRequest *request,
              const char *const *pairs)
{
  TesseraServer *self = data;
  tessera_interaction_show_form (self->interaction, exchange, request, pairs);
}

static gboolean
ends_sessions (TesseraRevocation *revocation)
{
  TesseraRevocationKind kind = tessera_revocation_get_kind (revocation);

  return kind == TESSERA_REVOCATION_KIND_SESSION || kind == TESSERA_REVOCATION_KIND_SUBJECT
         || kind == TESSERA_REVOCATION_KIND_ALL;
}

void
tessera_server_report_revocation (TesseraServer *self, TesseraRevocation *revocation)
{
  g_object_ref (self);
  tessera_server_audit_revocation (self, revocation);
  if (tessera_server_has_handler (self, TESSERA_SIGNAL_AFTER_REVOKE_TOKEN))
    tessera_server_emit (self, TESSERA_SIGNAL_AFTER_REVOKE_TOKEN, revocation);
  if (tessera_revocation_get_revoked (revocation))
    tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
  if (ends_sessions (revocation) && self->notifier != NULL)
    tessera_logout_notifier_wake (self->notifier);
  g_object_unref (self);
}

static void
on_revoked (gpointer data, TesseraRevocation *revocation)
{
  tessera_server_report_revocation (data, revocation);
}

void
tessera_server_refresh_hooks (TesseraServer *self)
{
  TesseraEngineHooks *hooks = &self->engine.hooks;
  hooks->issue_token
      = tessera_server_has_handler (self, TESSERA_SIGNAL_ISSUE_TOKEN) ? on_issue_token : NULL;
  hooks->user_claims
      = tessera_server_has_handler (self, TESSERA_SIGNAL_USER_CLAIMS) ? on_user_claims : NULL;
  hooks->token_issued = tessera_server_has_handler (self, TESSERA_SIGNAL_TOKEN_ISSUED)
                                || tessera_server_has_handler (self, TESSERA_SIGNAL_TOKEN_REFRESHED)
                            ? on_token_issued
                            : NULL;
  hooks->introspected
      = tessera_server_has_handler (self, TESSERA_SIGNAL_INTROSPECT) ? on_introspected : NULL;
}

/* TesseraTokenChecker. */

static TesseraAccessToken *
check_token (TesseraTokenChecker *checker, const char *token, const char *audience, GError **error)
{
  TesseraServer *self = TESSERA_SERVER (checker);

  if (!tessera_server_check_ready (self, error) || !tessera_server_settle (self, error))
    return NULL;
  return tessera_engine_check_token (&self->engine, token, strlen (token), audience, error);
}

static gboolean
recheck_token (TesseraTokenChecker *checker, TesseraAccessToken *token, gboolean *out_expired)
{
  TesseraEngine *engine = &TESSERA_SERVER (checker)->engine;

  *out_expired = FALSE;
  if (!engine->ready || tessera_engine_is_denied (engine, token))
    return FALSE;
  *out_expired
      = tessera_clock_get_seconds (engine->clock) >= tessera_access_token_get_expires_at (token);
  return !*out_expired;
}

/* Whether it is worth asking: after a failure too, for then the answer is an error at once. */
static gboolean
is_checker_ready (TesseraTokenChecker *checker)
{
  TesseraServerState state = TESSERA_SERVER (checker)->state;
  return state != TESSERA_SERVER_IDLE && state != TESSERA_SERVER_SETUP;
}

static void
token_checker_init (TesseraTokenCheckerInterface *iface)
{
  iface->check = check_token;
  iface->recheck = recheck_token;
  iface->is_ready = is_checker_ready;
}

/* Life. */

static void
tessera_server_init (TesseraServer *self)
{
  TesseraEngine *engine = &self->engine;

  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  self->adapters = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_soup_adapter_free);
  self->users = tessera_user_registry_new ();
  g_queue_init (&self->waiting);
  g_queue_init (&self->tasks);
  g_queue_init (&self->fetches);
  self->meters = g_array_new (FALSE, FALSE, sizeof (TesseraMeter));

  engine->resources = g_ptr_array_new ();
  self->old_resources = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  engine->clock = tessera_clock_new ();
  engine->clients = tessera_client_registry_new ();
  engine->users = self->users;
  engine->client_throttle = tessera_throttle_new (CLIENT_FAILURES_A_MINUTE);
  engine->registration_throttle = tessera_throttle_new (10);
  engine->client_keys = tessera_client_keys_new ();
  engine->metrics = tessera_metrics_new ();
  engine->audit = tessera_audit_new (self->context);
  engine->hooks.revoked = on_revoked;
  engine->hooks.interact = on_interact;
  engine->hooks.show_error = on_show_error;
  engine->hooks.show_return = on_show_return;
  engine->hooks.show_form = on_show_form;
  engine->hooks.register_client = tessera_server_start_registration;
  engine->hooks.client_used = tessera_server_note_client_use;
  engine->hooks_data = self;
}

static void
tessera_server_constructed (GObject *object)
{
  TesseraServer *self = TESSERA_SERVER (object);

  G_OBJECT_CLASS (tessera_server_parent_class)->constructed (object);
  self->interaction = tessera_interaction_new (self);
  if (self->theme_directory != NULL)
    tessera_interaction_set_theme_directory (self->interaction, self->theme_directory);
  tessera_server_schedule_setup (self);
}

static void
tessera_server_dispose (GObject *object)
{
  TesseraServer *self = TESSERA_SERVER (object);

  tessera_server_close (self);
  /* The last outcomes are told while everything is still there. */
  tessera_committer_free (self->engine.committer);
  self->engine.committer = NULL;
  G_OBJECT_CLASS (tessera_server_parent_class)->dispose (object);
}

static void
engine_clear (TesseraEngine *engine)
{
  tessera_settings_free (engine->settings);
  g_ptr_array_set_free_func (engine->resources, (GDestroyNotify) tessera_resource_free);
  g_ptr_array_unref (engine->resources);
  tessera_client_registry_free (engine->clients);
  tessera_throttle_free (engine->client_throttle);
  tessera_throttle_free (engine->registration_throttle);
  g_clear_pointer (&engine->metadata, g_bytes_unref);
  tessera_metrics_unref (engine->metrics);
  tessera_audit_unref (engine->audit);
  tessera_clock_unref (engine->clock);
}

static void
tessera_server_finalize (GObject *object)
{
  TesseraServer *self = TESSERA_SERVER (object);

  g_clear_pointer (&self->passwords, tessera_password_pool_free);
  g_clear_pointer (&self->interaction, tessera_interaction_free);
  g_clear_pointer (&self->routes, g_hash_table_unref);
  g_ptr_array_unref (self->adapters);
  tessera_user_registry_free (self->users);
  g_ptr_array_unref (self->old_resources);
  g_array_unref (self->meters);
  engine_clear (&self->engine);
  g_clear_error (&self->failure);
  g_strfreev (self->trusted_proxies);
  g_free (self->state_directory);
  g_free (self->key_directory);
  g_free (self->theme_directory);
  g_clear_object (&self->outbound);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (tessera_server_parent_class)->finalize (object);
}

/**
 * tessera_server_new:
 * @issuer: the URL under which clients reach the server: https, or http on a loopback address;
 * without query, fragment and trailing slash (RFC 8414 §2)
 * @state_directory: (nullable) (type filename): where keys and database are kept, or %NULL for the
 *   folder `PROGRAM/tessera` in the user's data directory, where PROGRAM is
 * [func@GLib.get_prgname], or the executable's name when none was set
 *
 * Makes a server. It returns at once; keys and store are made ready in a thread once the main
 * context runs, and requests wait for them. [signal@Server::failed] and [method@Server.wait_ready]
 * tell what went wrong with them, a bad @issuer included.
 *
 * Returns: (transfer full): the server
 */
TesseraServer *
tessera_server_new (const char *issuer, const char *state_directory)
{
  g_return_val_if_fail (issuer != NULL, NULL);
  return g_object_new (TESSERA_TYPE_SERVER, "issuer", issuer, "state-directory", state_directory,
                       NULL);
}

/**
 * tessera_server_new_in_memory:
 * @issuer: as for [ctor@Server.new]
 *
 * Makes a server that forgets everything when it goes: for tests. Its keys are new each time, so
 * that nothing it ever issued is good afterwards.
 *
 * Returns: (transfer full): the server
 */
TesseraServer *
tessera_server_new_in_memory (const char *issuer)
{
  g_return_val_if_fail (issuer != NULL, NULL);
  return g_object_new (TESSERA_TYPE_SERVER, "issuer", issuer, "ephemeral", TRUE, NULL);
}

static guint
find_adapter (TesseraServer *self, SoupServer *server)
{
  for (guint i = 0; i < self->adapters->len; i++)
    if (tessera_soup_adapter_get_soup (self->adapters->pdata[i]) == server)
      return i;
  return G_MAXUINT;
}

gboolean
tessera_server_is_attached (TesseraServer *self, SoupServer *soup)
{
  return find_adapter (self, soup) != G_MAXUINT;
}

/**
 * tessera_server_attach:
 * @self: a server
 * @server: the HTTP server of the application
 *
 * Serves the endpoints on @server: exactly their paths, whatever handlers and auth domains it has.
 * All other paths stay the application's. Several HTTP servers can be attached, such as one for
 * HTTP and one for HTTPS; each must run on the main context of @self.
 */
void
tessera_server_attach (TesseraServer *self, SoupServer *server)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  g_return_if_fail (self->state != TESSERA_SERVER_CLOSED);
  if (find_adapter (self, server) == G_MAXUINT)
    g_ptr_array_add (self->adapters, tessera_soup_adapter_new (self, server));
}

/**
 * tessera_server_harden:
 * @self: a server
 * @server: an HTTP server that it is attached to
 * @max_body: the largest body of a request for a path of the application, in bytes
 *
 * Holds all requests of @server, those for paths of the application too, to the rules that the
 * endpoints have anyway, as far as the public interface of libsoup allows: no `Transfer-Encoding`,
 * one `Content-Length` that is a number of at most seven digits, no repeat of `Host`,
 * `Authorization`, `Content-Type` and others that must be single, and limits for address, head and
 * body; whatever else comes is refused, and its connection closed. `Range` is taken away. A client
 * has ten seconds for a head, from the connection or the first byte on, ten for a body, and may
 * idle for fifteen between two requests; it is disconnected when it is late. `SOUP_SERVER_HTTP2` is
 * removed from the environment, so call this while there is one thread.
 *
 * What it cannot do, since libsoup has read the head by then or has no place for it: bare line
 * feeds, folded lines and white space before a colon pass, and a head that was cut off behind a
 * line counts as whole when the client closes; a client may take its time to read an answer and for
 * a TLS handshake; connections are not counted; TLS is whatever GnuTLS is set to; a failed accept
 * ends the listener. A program that strangers can reach is better behind a proxy, or a
 * `TesseraListener`, which does all of this.
 *
 * libsoup listens with a backlog of 10. More wait if the program opens the socket itself
 * (g_socket_set_listen_backlog(), then soup_server_listen_socket()).
 */
void
tessera_server_harden (TesseraServer *self, SoupServer *server, gsize max_body)
{
  static const TesseraSoupDeadlines deadlines = { .head = 10000, .body = 10000, .idle = 15000 };

  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  guint index = find_adapter (self, server);
  g_return_if_fail (index != G_MAXUINT);

  g_unsetenv ("SOUP_SERVER_HTTP2");
  tessera_soup_adapter_harden (g_ptr_array_index (self->adapters, index), max_body);
  tessera_soup_deadlines_set (server, &deadlines);
}

/**
 * tessera_server_detach:
 * @self: a server
 * @server: an HTTP server it was attached to
 *
 * Serves nothing on @server any more. Requests under way are still answered.
 */
void
tessera_server_detach (TesseraServer *self, SoupServer *server)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  guint index = find_adapter (self, server);
  if (index != G_MAXUINT)
    g_ptr_array_remove_index (self->adapters, index);
}

/**
 * tessera_server_close:
 * @self: a server
 *
 * Finishes what is under way, makes all of it durable and closes the store. It is detached
 * everywhere, and no token is good any more. Blocks. Dropping the last reference closes too.
 */
void
tessera_server_close (TesseraServer *self)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  if (self->state == TESSERA_SERVER_CLOSED)
    return;

  TesseraEngine *engine = &self->engine;
  g_object_ref (self);
  tessera_server_cancel_setup (self);
  self->state = TESSERA_SERVER_CLOSED;
  tessera_server_drain_waiting (self);
  tessera_server_end_fetches (self);
  tessera_act_await_work (self);
  g_clear_pointer (&self->notifier, tessera_logout_notifier_free);
  g_clear_pointer (&self->sharing, tessera_sharing_free);
  /* First the committing thread: it tells everybody who waits, and they use the rest. Closed, it
   * refuses what a login brings that was held until now. */
  if (engine->committer != NULL)
    tessera_committer_close (engine->committer);
  if (self->store_failed != NULL)
    g_source_destroy (self->store_failed);
  g_clear_pointer (&self->store_failed, g_source_unref);
  engine->ready = FALSE;
  g_clear_pointer (&engine->status_publisher, tessera_status_publisher_free);
  g_clear_pointer (&engine->status_lists, tessera_status_lists_free);
  g_clear_pointer (&engine->exports, tessera_deny_exports_free);
  g_clear_pointer (&engine->client_keys, tessera_client_keys_close);
  g_clear_pointer (&engine->feed, tessera_deny_feed_free);
  g_clear_pointer (&engine->deny_list, tessera_deny_list_free);
  g_clear_pointer (&engine->keys, tessera_key_ring_free);
  g_clear_pointer (&engine->seen, tessera_seen_tokens_free);
  g_ptr_array_set_size (self->adapters, 0);
  tessera_audit_close (engine->audit);
  /* From now on no token is good, and no revocation would be heard of. */
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
  g_object_unref (self);
}

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

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

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

static guint
new_signal (const char *name, guint n_params, GType first, GType second)
{
  return g_signal_new (name, TESSERA_TYPE_SERVER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                       G_TYPE_NONE, n_params, first, second);
}

static void
install_login_signals (void)
{
  /**
   * TesseraServer::authenticate:
   * @self: the server
   * @authentication: who wants to log in
   *
   * Somebody wants to log in: decide by calling [method@Authentication.accept],
   * [method@Authentication.deny], [method@Authentication.ask] or [method@Authentication.hold] on
   * @authentication. The first handler that does ends the emission. When none does, the users of
   * [method@Server.load_users] are asked; and when there are none, the login is denied.
   *
   * The answer to what was asked comes as another emission, for which
   * [method@Authentication.get_step] is not 0.
   */
  signals[TESSERA_SIGNAL_AUTHENTICATE]
      = g_signal_new_class_handler ("authenticate", TESSERA_TYPE_SERVER, G_SIGNAL_RUN_LAST,
                                    G_CALLBACK (authenticate_user), NULL, NULL, NULL, G_TYPE_NONE,
                                    1, TESSERA_TYPE_AUTHENTICATION);
  /**
   * TesseraServer::render-page:
   * @self: the server
   * @page: the page
   *
   * A page is about to be sent; its HTML can be replaced.
   */
  signals[TESSERA_SIGNAL_RENDER_PAGE] = new_signal ("render-page", 1, TESSERA_TYPE_PAGE, 0);
  /**
   * TesseraServer::before-request:
   * @self: the server
   * @request: the request
   *
   * A request to one of the endpoints or pages is about to be served; it can be answered instead.
   */
  signals[TESSERA_SIGNAL_BEFORE_REQUEST]
      = new_signal ("before-request", 1, TESSERA_TYPE_REQUEST, 0);
}

static void
install_token_signals (void)
{
  /**
   * TesseraServer::after-revoke-token:
   * @self: the server
   * @revocation: what became of it
   *
   * Something was to be revoked: exactly once for each attempt, whoever made it, when the outcome
   * is durable; also when there was nothing to revoke.
   */
  signals[TESSERA_SIGNAL_AFTER_REVOKE_TOKEN]
      = new_signal ("after-revoke-token", 1, TESSERA_TYPE_REVOCATION, 0);
  /**
   * TesseraServer::issue-token:
   * @self: the server
   * @issuance: the token
   *
   * An access token is about to be signed: claims can be added, its scope narrowed, or it be
   * refused.
   */
  signals[TESSERA_SIGNAL_ISSUE_TOKEN] = new_signal ("issue-token", 1, TESSERA_TYPE_ISSUANCE, 0);
  /**
   * TesseraServer::user-claims:
   * @self: the server
   * @claims: what is known of a person
   *
   * A client is about to be told what it may know of a person, in an ID token or at the userinfo
   * endpoint (OpenID Connect Core §5.3): the application adds what it knows.
   */
  signals[TESSERA_SIGNAL_USER_CLAIMS] = new_signal ("user-claims", 1, TESSERA_TYPE_USER_CLAIMS, 0);
  /**
   * TesseraServer::token-issued:
   * @self: the server
   * @claims: the claims of the access token, as a JSON object
   *
   * A token was issued for a code or for client credentials.
   */
  signals[TESSERA_SIGNAL_TOKEN_ISSUED] = new_signal ("token-issued", 1, G_TYPE_STRING, 0);
  /**
   * TesseraServer::token-refreshed:
   * @self: the server
   * @claims: the claims of the access token, as a JSON object
   *
   * A token was issued for a refresh token.
   */
  signals[TESSERA_SIGNAL_TOKEN_REFRESHED] = new_signal ("token-refreshed", 1, G_TYPE_STRING, 0);
  /**
   * TesseraServer::introspect:
   * @self: the server
   * @client_id: who asked
   * @active: what it was told
   *
   * A client introspected a token (RFC 7662).
   */
  signals[TESSERA_SIGNAL_INTROSPECT] = new_signal ("introspect", 2, G_TYPE_STRING, G_TYPE_BOOLEAN);
}

static void
install_state_signals (void)
{
  /**
   * TesseraServer::response-error:
   * @self: the server
   * @path: of the request, without its query
   * @error: the error code on the wire, such as `invalid_grant`
   *
   * A request was refused. The log has one line that says why.
   */
  signals[TESSERA_SIGNAL_RESPONSE_ERROR]
      = new_signal ("response-error", 2, G_TYPE_STRING, G_TYPE_STRING);
  /**
   * TesseraServer::ready:
   * @self: the server
   *
   * Keys and store are ready.
   */
  signals[TESSERA_SIGNAL_READY] = new_signal ("ready", 0, 0, 0);
  /**
   * TesseraServer::keys-changed:
   * @self: the server
   *
   * A signing key was rotated, retired or revoked: see [method@Server.list_keys].
   */
  signals[TESSERA_SIGNAL_KEYS_CHANGED] = new_signal ("keys-changed", 0, 0, 0);
  /**
   * TesseraServer::failed:
   * @self: the server
   * @error: why
   *
   * The server could not be made ready, every request gets 503; or its store failed for good while
   * it ran, and what has to be stored gets 503 until the program is started anew.
   */
  signals[TESSERA_SIGNAL_FAILED] = new_signal ("failed", 1, G_TYPE_ERROR, 0);
}

static void
tessera_server_class_init (TesseraServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = tessera_server_constructed;
  object_class->set_property = tessera_server_set_property;
  object_class->get_property = tessera_server_get_property;
  object_class->dispose = tessera_server_dispose;
  object_class->finalize = tessera_server_finalize;
  install_properties (object_class);
  install_login_signals ();
  install_token_signals ();
  install_state_signals ();
}
