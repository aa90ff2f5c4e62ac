/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's registration as options of a command line: the names of RFC 7591 §2 beside ours. */

#include "tessera-registration.h"

static char *option_name;
static char **option_redirect_uris;
static char **option_post_logout_redirect_uris;
static char *option_backchannel_logout_uri;
static char **option_grant_types;
static char *option_scope;
static char *option_auth_method;
static char *option_auth_signing_alg;
static char *option_jwks;
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
static int option_access_token_lifetime = -1;
static int option_refresh_token_lifetime = -1;
static int option_first_party = -1;
static int option_require_pkce = -1;
static int option_require_request_object = -1;

static gboolean
parse_flag (const char *name, const char *value, gpointer data, GError **error)
{
  int *flag = &option_require_pkce;

  if (g_str_equal (name, "--first-party"))
    flag = &option_first_party;
  else if (g_str_equal (name, "--require-request-object"))
    flag = &option_require_request_object;

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
parse_lifetime (const char *name, const char *value, gpointer data, GError **error)
{
  int *lifetime = g_str_equal (name, "--access-token-lifetime") ? &option_access_token_lifetime
                                                                : &option_refresh_token_lifetime;
  guint64 seconds = 0;

  if (!g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT, &seconds, NULL))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is whole seconds", name);
      return FALSE;
    }
  *lifetime = (int) seconds;
  return TRUE;
}

static gboolean
read_jwks (const char *name, const char *value, gpointer data, GError **error)
{
  g_autoptr (GError) reason = NULL;

  g_clear_pointer (&option_jwks, g_free);
  if (g_file_get_contents (value, &option_jwks, NULL, &reason))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", name, reason->message);
  return FALSE;
}

const GOptionEntry tessera_registration_entries[] = {
  { "name", 'n', 0, G_OPTION_ARG_STRING, &option_name, "What people are shown (client_name)",
    "TEXT" },
  { "redirect-uri", 'r', 0, G_OPTION_ARG_STRING_ARRAY, &option_redirect_uris,
    "Where answers may go; may be repeated", "URI" },
  { "post-logout-redirect-uri", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_post_logout_redirect_uris,
    "Where the browser may go after a logout; may be repeated", "URI" },
  { "backchannel-logout-uri", 0, 0, G_OPTION_ARG_STRING, &option_backchannel_logout_uri,
    "Where it hears that a session has ended (backchannel_logout_uri)", "URI" },
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
    "Its public keys, a JWK Set (--auth-method private_key_jwt)", "FILE" },
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
  { "access-token-lifetime", 0, 0, G_OPTION_ARG_CALLBACK, parse_lifetime,
    "How long an access token is good (0: as the service says)", "SECONDS" },
  { "refresh-token-lifetime", 0, 0, G_OPTION_ARG_CALLBACK, parse_lifetime,
    "How long a refresh token is good (0: as the service says)", "SECONDS" },
  { "first-party", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "People are not asked for consent", "yes|no" },
  { "require-pkce", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "Its requests must have a code_challenge (yes)", "yes|no" },
  { "require-request-object", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, parse_flag,
    "Its requests must be signed (require_signed_request_object)", "yes|no" },
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

gboolean
tessera_registration_is_given (void)
{
  return option_name != NULL || option_redirect_uris != NULL
         || option_post_logout_redirect_uris != NULL || option_backchannel_logout_uri != NULL
         || option_grant_types != NULL || option_scope != NULL || option_auth_method != NULL
         || option_public || option_auth_signing_alg != NULL || option_jwks != NULL
         || option_application_type != NULL || option_id_token_alg != NULL
         || option_userinfo_alg != NULL || option_request_object_alg != NULL
         || option_require_request_object >= 0 || option_subject_type != NULL
         || option_sector_identifier_uri != NULL || option_resources != NULL
         || option_audience != NULL || option_introspect != NULL || option_allowed_origins != NULL
         || option_access_token_lifetime >= 0 || option_refresh_token_lifetime >= 0
         || option_first_party >= 0 || option_require_pkce >= 0;
}

static void
put_text (GVariantDict *dict, const char *name, const char *text)
{
  if (text != NULL)
    g_variant_dict_insert (dict, name, "s", text);
}

/* A single empty member stands for the empty list. */
static void
put_list (GVariantDict *dict, const char *name, char **list)
{
  if (list == NULL)
    return;
  if (g_str_equal (list[0], "") && list[1] == NULL)
    list++;
  g_variant_dict_insert_value (dict, name, g_variant_new_strv ((const char *const *) list, -1));
}

static void
put_number (GVariantDict *dict, const char *name, int number)
{
  if (number >= 0)
    g_variant_dict_insert (dict, name, "i", number);
}

static void
put_flag (GVariantDict *dict, const char *name, int flag)
{
  if (flag >= 0)
    g_variant_dict_insert (dict, name, "b", flag);
}

/* Keys say how it authenticates, unless it is said. */
static const char *
get_auth_method (void)
{
  if (option_public)
    return "none";
  return option_auth_method == NULL && option_jwks != NULL ? "private_key_jwt" : option_auth_method;
}

GVariant *
tessera_registration_new (GVariant *current)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (current);

  put_text (&dict, "client_name", option_name);
  put_list (&dict, "redirect_uris", option_redirect_uris);
  put_list (&dict, "post_logout_redirect_uris", option_post_logout_redirect_uris);
  put_text (&dict, "backchannel_logout_uri", option_backchannel_logout_uri);
  put_list (&dict, "grant_types", option_grant_types);
  put_text (&dict, "scope", option_scope);
  put_text (&dict, "token_endpoint_auth_method", get_auth_method ());
  put_text (&dict, "token_endpoint_auth_signing_alg", option_auth_signing_alg);
  put_text (&dict, "jwks", option_jwks);
  put_text (&dict, "application_type", option_application_type);
  put_text (&dict, "id_token_signed_response_alg", option_id_token_alg);
  put_text (&dict, "userinfo_signed_response_alg", option_userinfo_alg);
  put_text (&dict, "request_object_signing_alg", option_request_object_alg);
  put_text (&dict, "subject_type", option_subject_type);
  put_text (&dict, "sector_identifier_uri", option_sector_identifier_uri);
  put_list (&dict, "resources", option_resources);
  put_list (&dict, "audience", option_audience);
  put_list (&dict, "introspect", option_introspect);
  put_list (&dict, "allowed_origins", option_allowed_origins);
  put_number (&dict, "access_token_lifetime", option_access_token_lifetime);
  put_number (&dict, "refresh_token_lifetime", option_refresh_token_lifetime);
  put_flag (&dict, "first_party", option_first_party);
  put_flag (&dict, "require_pkce", option_require_pkce);
  put_flag (&dict, "require_signed_request_object", option_require_request_object);
  return g_variant_dict_end (&dict);
}
