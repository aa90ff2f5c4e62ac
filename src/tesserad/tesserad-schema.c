/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vocabulary of the configuration: every group and key, its type, its default. */

#include "tesserad-schema.h"

#include <string.h>

#define HOUR 3600
#define YEAR (366 * 24 * HOUR)

const TesseradSetting tesserad_settings[] = {
  { "server", "issuer", TESSERAD_KIND_STRING },
  { "server", "state-directory", TESSERAD_KIND_STRING },
  { "server", "theme-directory", TESSERAD_KIND_STRING },
  { "server", "direct-endpoints", TESSERAD_KIND_BOOLEAN },
  { "server", "proxies-send-forwarded", TESSERAD_KIND_BOOLEAN, "proxies-send-forwarded", "false" },

  { "listener", "address", TESSERAD_KIND_STRING },
  { "listener", "certificate", TESSERAD_KIND_STRING },
  { "listener", "private-key", TESSERAD_KIND_STRING },
  { "listener", "trusted-proxies", TESSERAD_KIND_STRINGS },
  { "listener", "proxy-protocol", TESSERAD_KIND_BOOLEAN },

  { "endpoints", "authorization", TESSERAD_KIND_STRING, "authorization-path", "/authorize" },
  { "endpoints", "token", TESSERAD_KIND_STRING, "token-path", "/token" },
  { "endpoints", "revocation", TESSERAD_KIND_STRING, "revocation-path", "/revoke" },
  { "endpoints", "introspection", TESSERAD_KIND_STRING, "introspection-path", "/introspect" },
  { "endpoints", "check", TESSERAD_KIND_STRING, "check-path", "/check" },
  { "endpoints", "jwks", TESSERAD_KIND_STRING, "jwks-path", "/jwks" },
  { "endpoints", "deny-list", TESSERAD_KIND_STRING, "deny-list-path", "/deny-list" },
  { "endpoints", "deny-list-events", TESSERAD_KIND_STRING, "deny-list-events-path",
    "/deny-list/events" },
  { "endpoints", "userinfo", TESSERAD_KIND_STRING, "userinfo-path", "/userinfo" },
  { "endpoints", "registration", TESSERAD_KIND_STRING, "registration-path", "/register" },
  { "endpoints", "account", TESSERAD_KIND_STRING, "account-path", "/account" },
  { "endpoints", "status-list", TESSERAD_KIND_STRING, "status-list-path", "/status-lists" },
  { "endpoints", "revocation-enabled", TESSERAD_KIND_BOOLEAN, "revocation-enabled", "true" },
  { "endpoints", "introspection-enabled", TESSERAD_KIND_BOOLEAN, "introspection-enabled", "true" },
  { "endpoints", "check-enabled", TESSERAD_KIND_BOOLEAN, "check-enabled", "false" },
  { "endpoints", "deny-list-enabled", TESSERAD_KIND_BOOLEAN, "deny-list-enabled", "true" },
  { "endpoints", "openid-enabled", TESSERAD_KIND_BOOLEAN, "openid-enabled", "true" },
  { "endpoints", "registration-enabled", TESSERAD_KIND_BOOLEAN, "registration-enabled", "false" },
  { "endpoints", "account-enabled", TESSERAD_KIND_BOOLEAN, "account-enabled", "true" },
  { "endpoints", "revocation-requires-client-authentication", TESSERAD_KIND_BOOLEAN,
    "revocation-requires-client-authentication", "true" },
  { "endpoints", "assertions-for-token-endpoint", TESSERAD_KIND_BOOLEAN,
    "assertions-for-token-endpoint", "false" },

  { "tokens", "access-token-lifetime", TESSERAD_KIND_INTEGER, "access-token-lifetime", "600", 1,
    YEAR },
  { "tokens", "refresh-token-lifetime", TESSERAD_KIND_INTEGER, "refresh-token-lifetime", "2592000",
    1, 10 * YEAR / 2 },
  { "tokens", "refresh-token-idle-lifetime", TESSERAD_KIND_INTEGER, "refresh-token-idle-lifetime",
    "1209600", 1, 10 * YEAR / 2 },
  { "tokens", "code-lifetime", TESSERAD_KIND_INTEGER, "code-lifetime", "60", 1, 60 },
  { "tokens", "replay-window", TESSERAD_KIND_INTEGER, "replay-window", "30", 0, 300 },
  { "tokens", "signing-algorithm", TESSERAD_KIND_STRING, "signing-algorithm", "ES256" },

  { "session", "lifetime", TESSERAD_KIND_INTEGER, "session-lifetime", "28800", 60, YEAR },
  { "session", "idle", TESSERAD_KIND_INTEGER, "session-idle", "1800", 60, YEAR },

  { "keys", "directory", TESSERAD_KIND_STRING },
  { "keys", "jwks-max-age", TESSERAD_KIND_INTEGER, "jwks-max-age", "900", 0, 900 },

  { "status-list", "enabled", TESSERAD_KIND_BOOLEAN, "status-list-enabled", "false" },
  { "status-list", "ttl", TESSERAD_KIND_INTEGER, "status-list-ttl", "60", 1, 24 * HOUR },

  { "limits", "connections", TESSERAD_KIND_INTEGER, "connections", "10000", 1, 100000 },
  { "limits", "connections-per-address", TESSERAD_KIND_INTEGER, "connections-per-address", "64", 1,
    100000 },
  { "limits", "requests-per-connection", TESSERAD_KIND_INTEGER, "requests-per-connection", "10000",
    1, 1000000 },
  { "limits", "feed-subscribers", TESSERAD_KIND_INTEGER, "feed-subscribers", "2048", 0, 1000000 },
  { "limits", "buffer-size", TESSERAD_KIND_INTEGER, "buffer-size", "16777216", 262144, 1 << 30 },
  { "limits", "tls-size", TESSERAD_KIND_INTEGER, "tls-size", "100663296", 1048576, 1 << 30 },
  { "limits", "handshake-timeout", TESSERAD_KIND_INTEGER, "handshake-timeout", "5", 1, HOUR },
  { "limits", "head-timeout", TESSERAD_KIND_INTEGER, "head-timeout", "10", 1, HOUR },
  { "limits", "body-timeout", TESSERAD_KIND_INTEGER, "body-timeout", "10", 1, HOUR },
  { "limits", "idle-timeout", TESSERAD_KIND_INTEGER, "idle-timeout", "15", 1, HOUR },
  { "limits", "pressed-idle-timeout", TESSERAD_KIND_INTEGER, "pressed-idle-timeout", "5", 1, HOUR },
  { "limits", "answer-timeout", TESSERAD_KIND_INTEGER, "answer-timeout", "30", 1, HOUR },
  { "limits", "write-timeout", TESSERAD_KIND_INTEGER, "write-timeout", "10", 1, HOUR },

  { "audit", "events", TESSERAD_KIND_STRINGS },
  { "audit", "rate", TESSERAD_KIND_INTEGER, NULL, NULL, 0, 1000000 },
  { "audit", "file", TESSERAD_KIND_STRING },
  { "audit", "required", TESSERAD_KIND_BOOLEAN },

  { "metrics", "address", TESSERAD_KIND_STRING },

  { "outbound", "enabled", TESSERAD_KIND_BOOLEAN },
  { "outbound", "program", TESSERAD_KIND_STRING },
  { "outbound", "socket", TESSERAD_KIND_STRING },
  { "outbound", "allow-addresses", TESSERAD_KIND_STRINGS },
  { "outbound", "ca-file", TESSERAD_KIND_STRING },

  { "resource", "identifier", TESSERAD_KIND_STRING },
  { "resource", "scopes", TESSERAD_KIND_STRINGS },
  { "resource", "token-type", TESSERAD_KIND_STRING },
  { "resource", "signing-algorithm", TESSERAD_KIND_STRING },

  { "client", "client_name", TESSERAD_KIND_STRING, "name" },
  { "client", "redirect_uris", TESSERAD_KIND_STRINGS, "redirect-uris" },
  { "client", "post_logout_redirect_uris", TESSERAD_KIND_STRINGS, "post-logout-redirect-uris" },
  { "client", "backchannel_logout_uri", TESSERAD_KIND_STRING, "backchannel-logout-uri" },
  { "client", "backchannel_logout_session_required", TESSERAD_KIND_BOOLEAN,
    "backchannel-logout-session-required" },
  { "client", "grant_types", TESSERAD_KIND_STRINGS, "grant-types", "authorization_code" },
  { "client", "scope", TESSERAD_KIND_STRING, "scope" },
  { "client", "token_endpoint_auth_method", TESSERAD_KIND_STRING, "token-endpoint-auth-method" },
  { "client", "token_endpoint_auth_signing_alg", TESSERAD_KIND_STRING,
    "token-endpoint-auth-signing-alg" },
  { "client", "jwks_file", TESSERAD_KIND_STRING },
  { "client", "request_object_signing_alg", TESSERAD_KIND_STRING, "request-object-signing-alg" },
  { "client", "require_signed_request_object", TESSERAD_KIND_BOOLEAN,
    "require-signed-request-object" },
  { "client", "application_type", TESSERAD_KIND_STRING, "application-type" },
  { "client", "id_token_signed_response_alg", TESSERAD_KIND_STRING,
    "id-token-signed-response-alg" },
  { "client", "userinfo_signed_response_alg", TESSERAD_KIND_STRING,
    "userinfo-signed-response-alg" },
  { "client", "subject_type", TESSERAD_KIND_STRING, "subject-type" },
  { "client", "sector_identifier_uri", TESSERAD_KIND_STRING, "sector-identifier-uri" },
  { "client", "client_secret_file", TESSERAD_KIND_STRINGS },
  { "client", "resources", TESSERAD_KIND_STRINGS, "resources" },
  { "client", "audience", TESSERAD_KIND_STRINGS, "audience" },
  { "client", "introspect", TESSERAD_KIND_STRINGS, "introspect" },
  { "client", "access_token_lifetime", TESSERAD_KIND_INTEGER, "access-token-lifetime", NULL, 1,
    YEAR },
  { "client", "refresh_token_lifetime", TESSERAD_KIND_INTEGER, "refresh-token-lifetime", NULL, 1,
    10 * YEAR / 2 },
  { "client", "first_party", TESSERAD_KIND_BOOLEAN, "first-party" },
  { "client", "require_pkce", TESSERAD_KIND_BOOLEAN, "require-pkce" },
  { "client", "allowed_origins", TESSERAD_KIND_STRINGS, "allowed-origins" },

  { "client", "client_names", TESSERAD_KIND_STRINGS, "client-names" },
  { "client", "client_uri", TESSERAD_KIND_STRING, "client-uri" },
  { "client", "logo_uri", TESSERAD_KIND_STRING, "logo-uri" },
  { "client", "policy_uri", TESSERAD_KIND_STRING, "policy-uri" },
  { "client", "tos_uri", TESSERAD_KIND_STRING, "tos-uri" },
  { "client", "contacts", TESSERAD_KIND_STRINGS, "contacts" },
  { "client", "software_id", TESSERAD_KIND_STRING, "software-id" },
  { "client", "software_version", TESSERAD_KIND_STRING, "software-version" },
  { "client", "jwks_uri", TESSERAD_KIND_STRING, "jwks-uri" },
  { "client", "initiate_login_uri", TESSERAD_KIND_STRING, "initiate-login-uri" },
  { "client", "default_max_age", TESSERAD_KIND_INTEGER, "default-max-age", NULL, 0, YEAR },
  { "client", "require_auth_time", TESSERAD_KIND_BOOLEAN, "require-auth-time" },
  { "client", "default_acr_values", TESSERAD_KIND_STRINGS, "default-acr-values" },

  { "registration", "open", TESSERAD_KIND_BOOLEAN, "open", "false" },
  { "registration", "grant-types", TESSERAD_KIND_STRINGS, "grant-types",
    "authorization_code;refresh_token;" },
  { "registration", "scopes", TESSERAD_KIND_STRINGS, NULL,
    "openid;profile;email;address;phone;offline_access;" },
  { "registration", "redirect-kinds", TESSERAD_KIND_STRINGS, "redirect-kinds",
    "https;loopback;private-use;" },
  { "registration", "auth-methods", TESSERAD_KIND_STRINGS, "auth-methods",
    "client_secret_basic;client_secret_post;private_key_jwt;none;" },
  { "registration", "require-pkce", TESSERAD_KIND_BOOLEAN, "require-pkce", "true" },
  { "registration", "always-ask-consent", TESSERAD_KIND_BOOLEAN, "always-ask-consent", "false" },
  { "registration", "max-clients", TESSERAD_KIND_INTEGER, "max-clients", "1000", 0, 100000 },
  { "registration", "unused-lifetime", TESSERAD_KIND_INTEGER, "unused-lifetime", "2592000", 0,
    10 * YEAR / 2 },
  { "registration", "rate", TESSERAD_KIND_INTEGER, "rate", "10", 1, 100000 },

  { "users", "file", TESSERAD_KIND_STRING },

  { "dbus", "bus", TESSERAD_KIND_STRING },
  { "dbus", "socket", TESSERAD_KIND_STRING },
  { NULL },
};

static const char *const named_groups[] = { "listener", "resource", "client", NULL };

const char *
tesserad_schema_get_name (const char *group)
{
  for (guint i = 0; named_groups[i] != NULL; i++)
    {
      gsize length = strlen (named_groups[i]);

      if (strncmp (group, named_groups[i], length) == 0 && group[length] == ' ')
        return group + length + 1;
    }
  return NULL;
}

/* "client" of "client shop"; @group itself when it takes no name. Owned. */
static char *
dup_kind_of_group (const char *group)
{
  const char *name = tesserad_schema_get_name (group);

  return name == NULL ? g_strdup (group) : g_strndup (group, (gsize) (name - group - 1));
}

static gboolean
check_group (TesseradKeyFile *key_file, const char *group, const char *kind, GError **error)
{
  const char *name = tesserad_schema_get_name (group);

  if (name == NULL && g_strv_contains (named_groups, kind))
    return tesserad_key_file_refuse (key_file, group, NULL, error, "needs a name: [%s NAME]", kind);
  if (name != NULL && (name[0] == '\0' || name[0] == ' ' || g_str_has_suffix (name, " ")))
    return tesserad_key_file_refuse (key_file, group, NULL, error,
                                     "needs a name without spaces around it");

  for (guint i = 0; tesserad_settings[i].group != NULL; i++)
    if (g_str_equal (tesserad_settings[i].group, kind))
      return TRUE;
  return tesserad_key_file_refuse (key_file, group, NULL, error, "there is no such group");
}

static const TesseradSetting *
find_setting (const char *kind, const char *key)
{
  for (guint i = 0; tesserad_settings[i].group != NULL; i++)
    if (g_str_equal (tesserad_settings[i].group, kind)
        && g_str_equal (tesserad_settings[i].key, key))
      return &tesserad_settings[i];
  return NULL;
}

/* Reads the value once for its type; its reader reads it again for its meaning. */
static gboolean
check_type (TesseradKeyFile *key_file,
            const char *group,
            const TesseradSetting *setting,
            GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) texts = NULL;
  gboolean truth = FALSE;
  int number = 0;

  switch (setting->kind)
    {
    case TESSERAD_KIND_STRING:
      if (!tesserad_key_file_get_string (key_file, group, setting->key, &text, error))
        return FALSE;
      return text[0] != '\0'
             || tesserad_key_file_refuse (key_file, group, setting->key, error, "is empty");
    case TESSERAD_KIND_STRINGS:
      return tesserad_key_file_get_strings (key_file, group, setting->key, &texts, error);
    case TESSERAD_KIND_BOOLEAN:
      return tesserad_key_file_get_boolean (key_file, group, setting->key, &truth, error);
    case TESSERAD_KIND_INTEGER:
      return tesserad_key_file_get_integer (key_file, group, setting->key, setting->minimum,
                                            setting->maximum, &number, error);
    case TESSERAD_KIND_REFUSED:
    default:
      return tesserad_key_file_refuse (key_file, group, setting->key, error,
                                       "this release does not offer it; remove the key");
    }
}

gboolean
tesserad_schema_check (TesseradKeyFile *key_file, GError **error)
{
  g_auto (GStrv) groups = tesserad_key_file_list_groups (key_file);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      g_autofree char *kind = dup_kind_of_group (groups[i]);
      g_auto (GStrv) keys = tesserad_key_file_list_keys (key_file, groups[i]);

      if (!check_group (key_file, groups[i], kind, error))
        return FALSE;
      for (guint j = 0; keys[j] != NULL; j++)
        {
          const TesseradSetting *setting = find_setting (kind, keys[j]);

          if (setting == NULL)
            return tesserad_key_file_refuse (key_file, groups[i], keys[j], error,
                                             "there is no such key");
          if (!check_type (key_file, groups[i], setting, error))
            return FALSE;
        }
    }
  return TRUE;
}
