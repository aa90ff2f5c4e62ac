/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client metadata as a client sends it, and as it is told what was registered (RFC 7591 §2, §3.2.1;
 * OpenID Connect Dynamic Client Registration §2). */

#include "model/tessera-client-registration-private.h"

#include "base/tessera-secret-private.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-client-metadata-private.h"
#include "model/tessera-client-object-private.h"
#include "model/tessera-registration-policy-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define TEXT_MAX_LENGTH 2048
#define LIST_MAX_LENGTH 64
#define UNNAMED "new" /* who asks has no identifier yet */
#define NAME_IN_A_LANGUAGE "client_name#"

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA, why);
  return FALSE;
}

static gboolean
refuse_member (GError **error, const char *name, const char *why)
{
  g_set_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA, "%s %s", name, why);
  return FALSE;
}

static gboolean
refuse_uri (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REDIRECT_URI, why);
  return FALSE;
}

/* Reading */

/* RFC 7592 §2.2: null and what is empty say as much as nothing. */
static gboolean
says_nothing (const json_t *value)
{
  return value == NULL || json_is_null (value)
         || (json_is_string (value) && json_string_length (value) == 0)
         || (json_is_array (value) && json_array_size (value) == 0);
}

static gboolean
is_text (const json_t *value)
{
  return json_is_string (value) && json_string_length (value) <= TEXT_MAX_LENGTH;
}

static gboolean
is_list (const json_t *value)
{
  if (!json_is_array (value) || json_array_size (value) > LIST_MAX_LENGTH)
    return FALSE;
  for (size_t i = 0; i < json_array_size (value); i++)
    if (!is_text (json_array_get (value, i)) || says_nothing (json_array_get (value, i)))
      return FALSE;
  return TRUE;
}

static gboolean
is_number (const json_t *value)
{
  return json_is_integer (value) && json_integer_value (value) >= 0
         && json_integer_value (value) <= G_MAXINT32;
}

static gboolean
has_type (const TesseraClientMember *member, const json_t *value)
{
  switch (member->kind)
    {
    case TESSERA_CLIENT_LIST:
      return is_list (value);
    case TESSERA_CLIENT_NUMBER:
      return is_number (value);
    case TESSERA_CLIENT_FLAG:
      return json_is_boolean (value);
    case TESSERA_CLIENT_TEXT:
    case TESSERA_CLIENT_TIME: /* that, only the server says */
    default:
      return member->kind == TESSERA_CLIENT_TEXT && is_text (value);
    }
}

/* A key set is an object on the wire, and kept as a text. */
static gboolean
is_key_set (const TesseraClientMember *member)
{
  return strcmp (member->name, "jwks") == 0;
}

static gboolean
take_member (const TesseraClientMember *member, json_t *value, json_t *members, GError **error)
{
  if (says_nothing (value))
    return TRUE;
  if (is_key_set (member) && json_is_object (value))
    {
      g_autofree char *text = tessera_json_dump (value);
      json_object_set_new (members, member->name, json_string (text));
      return TRUE;
    }
  if (is_key_set (member) || !has_type (member, value))
    return refuse_member (error, member->name, "has a value of the wrong type or size");
  json_object_set (members, member->name, value);
  return TRUE;
}

static gboolean
is_name_in_a_language (const char *key)
{
  const char *tag = key + strlen (NAME_IN_A_LANGUAGE);

  if (!g_str_has_prefix (key, NAME_IN_A_LANGUAGE) || *tag == '\0')
    return FALSE;
  for (; *tag != '\0'; tag++)
    if (!g_ascii_isalnum (*tag) && *tag != '-')
      return FALSE;
  return TRUE;
}

/* RFC 7591 §2.2: client_name#de-CH. */
static gboolean
take_names (const json_t *metadata, json_t *members, GError **error)
{
  json_t *names = json_array ();
  const char *key;
  json_t *value;

  json_object_set_new (members, "client_names", names);
  json_object_foreach ((json_t *) metadata, key, value)
    {
      if (!is_name_in_a_language (key) || says_nothing (value))
        continue;
      if (!is_text (value))
        return refuse (error, "client_name has a value of the wrong type or size");
      g_autofree char *name
          = g_strdup_printf ("%s %s", key + strlen (NAME_IN_A_LANGUAGE), json_string_value (value));
      json_array_append_new (names, json_string (name));
    }
  return TRUE;
}

static gboolean
take_members (const json_t *metadata, json_t *members, GError **error)
{
  for (guint i = 0; i < tessera_client_member_get_count (); i++)
    {
      const TesseraClientMember *member = tessera_client_member_get (i);
      if ((member->uses & TESSERA_CLIENT_REGISTRABLE) && strcmp (member->name, "client_names") != 0
          && !take_member (member, json_object_get (metadata, member->name), members, error))
        return FALSE;
    }
  return take_names (metadata, members, error);
}

/* What is not offered, and whoever asks for it relies on: it is not passed over as other unknown
 * names are. */
static gboolean
check_offered (const json_t *metadata, GError **error)
{
  static const char *const texts[]
      = { "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
          "id_token_encrypted_response_alg", "id_token_encrypted_response_enc", NULL };
  static const char *const flags[]
      = { "tls_client_certificate_bound_access_tokens", "dpop_bound_access_tokens",
          "require_pushed_authorization_requests", NULL };

  for (guint i = 0; texts[i] != NULL; i++)
    if (!says_nothing (json_object_get (metadata, texts[i])))
      return refuse_member (error, texts[i], "is not offered");
  for (guint i = 0; flags[i] != NULL; i++)
    if (json_is_true (json_object_get (metadata, flags[i])))
      return refuse_member (error, flags[i], "is not offered");
  return TRUE;
}

/* Filling in */

static void
set_default (json_t *members, const char *name, json_t *taken_value)
{
  if (json_object_get (members, name) == NULL)
    json_object_set (members, name, taken_value);
  json_decref (taken_value);
}

static gboolean
array_has (const json_t *array, const char *text)
{
  for (size_t i = 0; i < json_array_size (array); i++)
    if (g_strcmp0 (json_string_value (json_array_get (array, i)), text) == 0)
      return TRUE;
  return FALSE;
}

/* OpenID Connect says web; but a program that comes back to its own machine is none. */
static const char *
guess_application_type (const json_t *redirect_uris)
{
  for (size_t i = 0; i < json_array_size (redirect_uris); i++)
    {
      const char *uri = json_string_value (json_array_get (redirect_uris, i));
      if (!tessera_uri_is_loopback_redirect (uri) && !tessera_uri_is_private_use (uri))
        return "web";
    }
  return json_array_size (redirect_uris) > 0 ? "native" : "web";
}

static void
fill_in (json_t *members, TesseraRegistrationPolicy *policy)
{
  const char *scope = tessera_registration_policy_get_scope (policy);

  set_default (members, "token_endpoint_auth_method", json_string ("client_secret_basic"));
  set_default (members, "grant_types", json_pack ("[s]", "authorization_code"));
  if (*scope != '\0')
    set_default (members, "scope", json_string (scope));
  set_default (members, "application_type",
               json_string (guess_application_type (json_object_get (members, "redirect_uris"))));
  json_object_set_new (members, "client_id", json_string (UNNAMED));
  json_object_set_new (members, "dynamic", json_true ());
}

static gboolean
is_public (const json_t *members)
{
  return g_strcmp0 (json_string_value (json_object_get (members, "token_endpoint_auth_method")),
                    "none")
         == 0;
}

/* Checking */

/* RFC 7591 §2.1: a code needs its grant, and the other way round. */
static gboolean
check_response_types (const json_t *metadata, const json_t *members, GError **error)
{
  const json_t *types = json_object_get (metadata, "response_types");
  gboolean code = array_has (json_object_get (members, "grant_types"), "authorization_code");

  if (says_nothing (types))
    return TRUE;
  if (!is_list (types) || json_array_size (types) != 1 || !array_has (types, "code"))
    return refuse (error, "The only response type is code");
  return code || refuse (error, "The response type code needs the grant type authorization_code");
}

static gboolean
check_policy (const json_t *members, TesseraRegistrationPolicy *policy, GError **error)
{
  const json_t *grant_types = json_object_get (members, "grant_types");
  const char *scope = json_string_value (json_object_get (members, "scope"));
  g_autofree char *parsed = tessera_scope_parse (scope, NULL);

  for (size_t i = 0; i < json_array_size (grant_types); i++)
    if (!tessera_registration_policy_allows_grant_type (
            policy, json_string_value (json_array_get (grant_types, i))))
      return refuse (error, "A grant type is not for clients that register themselves");
  if (!tessera_registration_policy_allows_auth_method (
          policy, json_string_value (json_object_get (members, "token_endpoint_auth_method"))))
    return refuse (error, "token_endpoint_auth_method is not for clients that register themselves");
  if (parsed == NULL
      || !tessera_scope_is_subset (parsed, tessera_registration_policy_get_scope (policy)))
    return refuse (error, "A scope is not for clients that register themselves");
  return TRUE;
}

/* OpenID Connect Dynamic Client Registration §2, application_type. */
static gboolean
check_uri (const char *uri, gboolean web, TesseraRegistrationPolicy *policy, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (!tessera_uri_check_redirect (uri, &reason))
    return refuse_uri (error, reason->message);
  if (!tessera_registration_policy_allows_redirect_uri (policy, uri))
    return refuse_uri (error, "A redirect URI is of a kind that is not for clients that register "
                              "themselves");
  if (web && (!tessera_uri_is_https (uri) || tessera_uri_is_on_loopback (uri)))
    return refuse_uri (error, "A redirect URI of a web application is https, and not on localhost");
  return TRUE;
}

static gboolean
check_uris (const json_t *members,
            const char *name,
            TesseraRegistrationPolicy *policy,
            GError **error)
{
  const json_t *uris = json_object_get (members, name);
  gboolean web
      = g_strcmp0 (json_string_value (json_object_get (members, "application_type")), "web") == 0;

  for (size_t i = 0; i < json_array_size (uris); i++)
    if (!check_uri (json_string_value (json_array_get (uris, i)), web, policy, error))
      return FALSE;
  return TRUE;
}

static gboolean
check_redirect_uris (const json_t *members, TesseraRegistrationPolicy *policy, GError **error)
{
  gboolean code = array_has (json_object_get (members, "grant_types"), "authorization_code");

  /* RFC 7591 §2. Of a client that an administrator registers, none means loopback; not here. */
  if (code && json_array_size (json_object_get (members, "redirect_uris")) == 0)
    return refuse_uri (error, "redirect_uris is required");
  return check_uris (members, "redirect_uris", policy, error)
         && check_uris (members, "post_logout_redirect_uris", policy, error);
}

void
tessera_client_registration_translate (GError **error)
{
  if (error == NULL || *error == NULL || (*error)->domain != TESSERA_SETUP_ERROR)
    return;
  const char *reason = strstr ((*error)->message, ": ");
  GError *translated
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA,
                             reason != NULL ? reason + 2 : "The metadata contradict each other");
  g_clear_error (error);
  *error = translated;
}

/* What holds for every client, whoever registers it. */
static gboolean
check_client (TesseraClient *client, GError **error)
{
  g_autoptr (TesseraSecret) half = tessera_secret_new ("");
  g_autoptr (TesseraSecret) secret = tessera_secret_new (half); /* long enough for each method */
  gboolean with_secret = tessera_client_signs_with_secret (client)
                         || tessera_client_allows_auth_method (client, "client_secret_basic")
                         || tessera_client_allows_auth_method (client, "client_secret_post");
  g_autoptr (TesseraClient) complete
      = tessera_client_copy_with (client, UNNAMED, with_secret ? secret : NULL);
  g_autoptr (GError) reason = NULL;

  if (tessera_client_check (complete, &reason))
    return TRUE;
  tessera_client_registration_translate (&reason);
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

TesseraClient *
tessera_client_registration_read (const json_t *metadata,
                                  TesseraRegistrationPolicy *policy,
                                  GError **error)
{
  g_autoptr (json_t) members = json_object ();

  if (!check_offered (metadata, error) || !take_members (metadata, members, error))
    return NULL;
  fill_in (members, policy);
  if (!check_response_types (metadata, members, error)
      || !check_redirect_uris (members, policy, error) || !check_policy (members, policy, error))
    return NULL;
  if (!tessera_registration_policy_requires_pkce (policy) && !is_public (members))
    json_object_set_new (members, "require_pkce", json_false ());

  g_autoptr (TesseraClient) client = tessera_client_new_from_members (members);
  return check_client (client, error) ? g_steal_pointer (&client) : NULL;
}

/* Answering */

static void
put_key_set (json_t *json, TesseraClient *client)
{
  if (client->jwks == NULL)
    return;
  json_object_set_new (json, "jwks",
                       tessera_json_parse (client->jwks, strlen (client->jwks),
                                           strlen (client->jwks), NULL));
}

static void
put_names (json_t *json, TesseraClient *client)
{
  for (char **name = client->client_names; *name != NULL; name++)
    {
      const char *space = strchr (*name, ' ');
      g_autofree char *key
          = g_strdup_printf (NAME_IN_A_LANGUAGE "%.*s", (int) (space - *name), *name);
      json_object_set_new (json, key, json_string (space + 1));
    }
}

static void
put_effective (json_t *json, TesseraClient *client)
{
  TesseraAlgorithm algorithm = tessera_client_get_id_token_algorithm (client);
  gboolean code = tessera_client_allows_grant_type (client, "authorization_code");

  json_object_set_new (json, "client_id", json_string (tessera_client_get_id (client)));
  if (client->registered_at != 0)
    json_object_set_new (json, "client_id_issued_at", json_integer (client->registered_at));
  json_object_set_new (json, "response_types", code ? json_pack ("[s]", "code") : json_array ());
  if (tessera_client_uses_openid (client))
    json_object_set_new (json, "id_token_signed_response_alg",
                         json_string (tessera_algorithm_get_name (algorithm)));
}

json_t *
tessera_client_registration_to_json (TesseraClient *client)
{
  json_t *json = json_object ();

  for (guint i = 0; i < tessera_client_member_get_count (); i++)
    {
      const TesseraClientMember *member = tessera_client_member_get (i);
      json_t *value = member->uses & TESSERA_CLIENT_REGISTRABLE
                          ? tessera_client_member_to_json (member, client)
                          : NULL;
      if (value != NULL)
        json_object_set_new (json, member->name, value);
    }
  json_object_del (json, "client_names");
  json_object_del (json, "jwks");
  put_key_set (json, client);
  put_names (json, client);
  put_effective (json, client);
  return json;
}
