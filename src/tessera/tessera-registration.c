/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's registration as options of a command line: the names of RFC 7591 §2 beside ours. */

#include "tessera-registration.h"

#include "tessera-input.h"

#define UNSAID -1
#define TAKEN_AWAY -2 /* an empty value, where 0 says something */

static char *option_name;
static char **option_names;
static char **option_redirect_uris;
static char **option_post_logout_redirect_uris;
static char *option_backchannel_logout_uri;
static int option_backchannel_logout_session = UNSAID;
static char **option_grant_types;
static char *option_scope;
static char *option_auth_method;
static char *option_auth_signing_alg;
static char *option_jwks;
static char *option_jwks_uri;
static gboolean option_public;
static char *option_application_type;
static char *option_id_token_alg;
static char *option_userinfo_alg;
static char *option_request_object_alg;
static char *option_subject_type;
static char *option_sector_identifier_uri;
static char **option_resources;
static char **option_audience;
static char **option_introspect;
static char **option_allowed_origins;
static int option_access_token_lifetime = UNSAID;
static int option_refresh_token_lifetime = UNSAID;
static int option_first_party = UNSAID;
static int option_require_pkce = UNSAID;
static int option_require_request_object = UNSAID;
static char *option_client_uri;
static char *option_logo_uri;
static char *option_policy_uri;
static char *option_tos_uri;
static char **option_contacts;
static char *option_software_id;
static char *option_software_version;
static char *option_initiate_login_uri;
static int option_default_max_age = UNSAID;
static int option_require_auth_time = UNSAID;
static char **option_default_acr_values;

typedef enum
{
  TEXT,
  LIST,
  SECONDS,
  FLAG,
} Kind;

typedef struct
{
  const char *name; /* on D-Bus */
  Kind kind;
  gpointer value;     /* of a type of that kind */
  const char *option; /* whose callback reads it, or NULL */
} Member;

static const Member members[] = {
  { "client_name", TEXT, &option_name },
  { "client_names", LIST, &option_names },
  { "redirect_uris", LIST, &option_redirect_uris },
  { "post_logout_redirect_uris", LIST, &option_post_logout_redirect_uris },
  { "backchannel_logout_uri", TEXT, &option_backchannel_logout_uri },
  { "backchannel_logout_session_required", FLAG, &option_backchannel_logout_session,
    "--backchannel-logout-session" },
  { "grant_types", LIST, &option_grant_types },
  { "scope", TEXT, &option_scope },
  { "token_endpoint_auth_method", TEXT, &option_auth_method },
  { "token_endpoint_auth_signing_alg", TEXT, &option_auth_signing_alg },
  { "jwks", TEXT, &option_jwks },
  { "jwks_uri", TEXT, &option_jwks_uri },
  { "application_type", TEXT, &option_application_type },
  { "id_token_signed_response_alg", TEXT, &option_id_token_alg },
  { "userinfo_signed_response_alg", TEXT, &option_userinfo_alg },
  { "request_object_signing_alg", TEXT, &option_request_object_alg },
  { "require_signed_request_object", FLAG, &option_require_request_object,
    "--require-request-object" },
  { "subject_type", TEXT, &option_subject_type },
  { "sector_identifier_uri", TEXT, &option_sector_identifier_uri },
  { "resources", LIST, &option_resources },
  { "audience", LIST, &option_audience },
  { "introspect", LIST, &option_introspect },
  { "allowed_origins", LIST, &option_allowed_origins },
  { "access_token_lifetime", SECONDS, &option_access_token_lifetime, "--access-token-lifetime" },
  { "refresh_token_lifetime", SECONDS, &option_refresh_token_lifetime, "--refresh-token-lifetime" },
  { "first_party", FLAG, &option_first_party, "--first-party" },
  { "require_pkce", FLAG, &option_require_pkce, "--require-pkce" },
  { "client_uri", TEXT, &option_client_uri },
  { "logo_uri", TEXT, &option_logo_uri },
  { "policy_uri", TEXT, &option_policy_uri },
  { "tos_uri", TEXT, &option_tos_uri },
  { "contacts", LIST, &option_contacts },
  { "software_id", TEXT, &option_software_id },
  { "software_version", TEXT, &option_software_version },
  { "initiate_login_uri", TEXT, &option_initiate_login_uri },
  { "default_max_age", SECONDS, &option_default_max_age, "--default-max-age" },
  { "require_auth_time", FLAG, &option_require_auth_time, "--require-auth-time" },
  { "default_acr_values", LIST, &option_default_acr_values },
};

static int *
find_number (const char *option)
{
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (g_strcmp0 (members[i].option, option) == 0)
      return members[i].value;
  g_return_val_if_reached (NULL);
}

static gboolean
parse_flag (const char *name, const char *value, gpointer data, GError **error)
{
  int *flag = find_number (name);

  if (value == NULL || g_str_equal (value, "yes") || g_str_equal (value, "true"))
    *flag = TRUE;
  else if (g_str_equal (value, "no") || g_str_equal (value, "false"))
    *flag = FALSE;
  else
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is yes or no", name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_seconds (const char *name, const char *value, gpointer data, GError **error)
{
  int *number = find_number (name);
  guint64 seconds = 0;

  if (*value == '\0')
    {
      *number = TAKEN_AWAY;
      return TRUE;
    }
  if (!g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT, &seconds, NULL))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is whole seconds", name);
      return FALSE;
    }
  *number = (int) seconds;
  return TRUE;
}

static gboolean
read_jwks (const char *name, const char *value, gpointer data, GError **error)
{
  g_autoptr (GError) reason = NULL;

  g_clear_pointer (&option_jwks, g_free);
  option_jwks = tessera_read_text (value, &reason);
  if (option_jwks != NULL)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", name, reason->message);
  return FALSE;
}

const GOptionEntry tessera_registration_entries[] = {
  { "name", 'n', 0, G_OPTION_ARG_STRING, &option_name, "What people are shown (client_name)",
    "TEXT" },
  { "localized-name", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_names,
    "The same in another language, as “de Laden”; may be repeated (client_name#de)", "NAME" },
  { "redirect-uri", 'r', 0, G_OPTION_ARG_STRING_ARRAY, &option_redirect_uris,
    "Where answers may go; may be repeated", "URI" },
  { "post-logout-redirect-uri", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_post_logout_redirect_uris,
    "Where the browser may go after a logout; may be repeated", "URI" },
  { "backchannel-logout-uri", 0, 0, G_OPTION_ARG_STRING, &option_backchannel_logout_uri,
    "Where it hears that a session has ended (backchannel_logout_uri)", "URI" },
  { "backchannel-logout-session", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "It must be told which session that was (backchannel_logout_session_required)", "yes|no" },
  { "grant-type", 'g', 0, G_OPTION_ARG_STRING_ARRAY, &option_grant_types,
    "authorization_code, refresh_token, client_credentials; may be repeated", "TYPE" },
  { "scope", 's', 0, G_OPTION_ARG_STRING, &option_scope, "The scopes it may ask for", "SCOPES" },
  { "public", 0, 0, G_OPTION_ARG_NONE, &option_public,
    "It has no secret, as a program on a person's device (--auth-method none)", NULL },
  { "auth-method", 0, 0, G_OPTION_ARG_STRING, &option_auth_method,
    "client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt or none "
    "(token_endpoint_auth_method)",
    "METHOD" },
  { "jwks-file", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, read_jwks,
    "Its public keys, a JWK Set (-: standard input; --auth-method private_key_jwt)", "FILE" },
  { "jwks-uri", 0, 0, G_OPTION_ARG_STRING, &option_jwks_uri,
    "Where its public keys are, in place of a file (jwks_uri)", "URI" },
  { "auth-signing-alg", 0, 0, G_OPTION_ARG_STRING, &option_auth_signing_alg,
    "How it signs with them, or with its secret (token_endpoint_auth_signing_alg)", "ALG" },
  { "application-type", 0, 0, G_OPTION_ARG_STRING, &option_application_type, "web or native",
    "TYPE" },
  { "id-token-alg", 0, 0, G_OPTION_ARG_STRING, &option_id_token_alg,
    "RS256, ES256, PS256 or EdDSA (id_token_signed_response_alg)", "ALG" },
  { "userinfo-alg", 0, 0, G_OPTION_ARG_STRING, &option_userinfo_alg,
    "The same, to have userinfo signed (userinfo_signed_response_alg)", "ALG" },
  { "request-object-alg", 0, 0, G_OPTION_ARG_STRING, &option_request_object_alg,
    "How it signs its requests, by one of the same (request_object_signing_alg)", "ALG" },
  { "subject-type", 0, 0, G_OPTION_ARG_STRING, &option_subject_type,
    "What it is told people are called: public, or pairwise for its sector alone (subject_type)",
    "TYPE" },
  { "sector-identifier-uri", 0, 0, G_OPTION_ARG_STRING, &option_sector_identifier_uri,
    "Whose host that sector is, when its redirect URIs have several", "URI" },
  { "resource", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_resources,
    "A resource server its tokens may be for; may be repeated", "URI" },
  { "audience", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_audience,
    "For which when it asks for none; may be repeated", "URI" },
  { "introspect", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_introspect,
    "It may ask about tokens for this audience, * for all; may be repeated", "URI" },
  { "allowed-origin", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_allowed_origins,
    "A web origin it calls from; may be repeated", "ORIGIN" },
  { "access-token-lifetime", 0, 0, G_OPTION_ARG_CALLBACK, parse_seconds,
    "How long an access token is good (0: as the service says)", "SECONDS" },
  { "refresh-token-lifetime", 0, 0, G_OPTION_ARG_CALLBACK, parse_seconds,
    "How long a refresh token is good (0: as the service says)", "SECONDS" },
  { "first-party", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "People are not asked for consent", "yes|no" },
  { "require-pkce", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "Its requests must have a code_challenge (yes)", "yes|no" },
  { "require-request-object", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "Its requests must be signed (require_signed_request_object)", "yes|no" },
  { "client-uri", 0, 0, G_OPTION_ARG_STRING, &option_client_uri,
    "A page about it, which people are shown as the next three", "URI" },
  { "logo-uri", 0, 0, G_OPTION_ARG_STRING, &option_logo_uri, "A picture of it", "URI" },
  { "policy-uri", 0, 0, G_OPTION_ARG_STRING, &option_policy_uri,
    "What it does with what it learns of people", "URI" },
  { "tos-uri", 0, 0, G_OPTION_ARG_STRING, &option_tos_uri, "Its terms of service", "URI" },
  { "contact", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_contacts,
    "Who answers for it; may be repeated (contacts)", "ADDRESS" },
  { "software-id", 0, 0, G_OPTION_ARG_STRING, &option_software_id,
    "Which program it is, the same wherever that is installed", "ID" },
  { "software-version", 0, 0, G_OPTION_ARG_STRING, &option_software_version, "And of which version",
    "VERSION" },
  { "initiate-login-uri", 0, 0, G_OPTION_ARG_STRING, &option_initiate_login_uri,
    "Where others can have it begin a login", "URI" },
  { "default-max-age", 0, 0, G_OPTION_ARG_CALLBACK, parse_seconds,
    "How old a login may be when its requests do not say (empty: as old as it is)", "SECONDS" },
  { "require-auth-time", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "Its ID tokens must have auth_time; they always do", "yes|no" },
  { "default-acr-value", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_default_acr_values,
    "How people should log in when its requests do not say; may be repeated", "ACR" },
  { NULL },
};

const TesseraColumn tessera_registration_columns[] = {
  { "Client ID", "client_id" },
  { "Name", "client_name" },
  { "State", "disabled", TESSERA_COLUMN_STATE },
  { "Redirect URIs", "redirect_uris" },
  { "After a logout", "post_logout_redirect_uris" },
  { "Hears of logouts at", "backchannel_logout_uri" },
  { "Grant types", "grant_types" },
  { "Scope", "scope" },
  { "Authentication", "token_endpoint_auth_method" },
  { "Assertions", "token_endpoint_auth_signing_alg" },
  { "Keys", "jwks" },
  { "Application type", "application_type" },
  { "ID tokens", "id_token_signed_response_alg" },
  { "Userinfo", "userinfo_signed_response_alg" },
  { "Requests", "request_object_signing_alg" },
  { "Subjects", "subject_type" },
  { "Sector", "sector_identifier_uri" },
  { "Resources", "resources" },
  { "Audience", "audience" },
  { "May introspect", "introspect" },
  { "Allowed origins", "allowed_origins" },
  { "Access token", "access_token_lifetime", TESSERA_COLUMN_SECONDS },
  { "Refresh token", "refresh_token_lifetime", TESSERA_COLUMN_SECONDS },
  { "First party", "first_party", TESSERA_COLUMN_FLAG },
  { "Requires PKCE", "require_pkce", TESSERA_COLUMN_FLAG },
  { "Must sign requests", "require_signed_request_object", TESSERA_COLUMN_FLAG },
  { "Names", "client_names" },
  { "Home page", "client_uri" },
  { "Logo", "logo_uri" },
  { "Privacy policy", "policy_uri" },
  { "Terms of service", "tos_uri" },
  { "Contacts", "contacts" },
  { "Software", "software_id" },
  { "Version", "software_version" },
  { "Keys at", "jwks_uri" },
  { "Begins a login at", "initiate_login_uri" },
  { "Login not older than", "default_max_age", TESSERA_COLUMN_SECONDS },
  { "Wishes for", "default_acr_values" },
  { "Registered itself", "dynamic", TESSERA_COLUMN_FLAG },
  { "Registered", "registered_at", TESSERA_COLUMN_TIME },
  { "Used", "used_at", TESSERA_COLUMN_TIME },
  { "Declared by", "origin" },
  { NULL },
};

static gboolean
is_said (const Member *member)
{
  switch (member->kind)
    {
    case TEXT:
      return *(char **) member->value != NULL;
    case LIST:
      return *(char ***) member->value != NULL;
    case SECONDS:
    case FLAG:
    default:
      return *(int *) member->value != UNSAID;
    }
}

gboolean
tessera_registration_is_given (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (is_said (&members[i]))
      return TRUE;
  return option_public;
}

/* A single empty member stands for the empty list. */
static GVariant *
make_list (char **list)
{
  gboolean is_empty = g_str_equal (list[0], "") && list[1] == NULL;

  return g_variant_new_strv ((const char *const *) list, is_empty ? 0 : -1);
}

static void
put (GVariantDict *dict, const Member *member)
{
  switch (member->kind)
    {
    case TEXT:
      g_variant_dict_insert (dict, member->name, "s", *(char **) member->value);
      break;
    case LIST:
      g_variant_dict_insert_value (dict, member->name, make_list (*(char ***) member->value));
      break;
    case FLAG:
      g_variant_dict_insert (dict, member->name, "b", *(int *) member->value);
      break;
    case SECONDS:
    default:
      if (*(int *) member->value == TAKEN_AWAY)
        g_variant_dict_remove (dict, member->name);
      else
        g_variant_dict_insert (dict, member->name, "i", *(int *) member->value);
    }
}

/* Keys say how it authenticates, unless it is said. */
static const char *
get_auth_method (void)
{
  gboolean has_keys = option_jwks != NULL || (option_jwks_uri != NULL && *option_jwks_uri != '\0');

  if (option_public)
    return "none";
  return option_auth_method == NULL && has_keys ? "private_key_jwt" : option_auth_method;
}

GVariant *
tessera_registration_new (GVariant *current)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (current);
  const char *auth_method = get_auth_method ();

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (is_said (&members[i]))
      put (&dict, &members[i]);
  if (auth_method != NULL)
    g_variant_dict_insert (&dict, "token_endpoint_auth_method", "s", auth_method);
  return g_variant_dict_end (&dict);
}
