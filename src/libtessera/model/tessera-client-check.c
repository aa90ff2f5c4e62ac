/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client may be registered as (RFC 6749 §2, RFC 7591 §2, RFC 8252 §8, RFC 9700 §2.1). */

#include "model/tessera-client-object-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define CLIENT_LIST_MAX 256
#define CLIENT_TEXT_MAX 1024
#define CLIENT_CONTACTS_MAX 32
#define LANGUAGE_TAG_MAX 35 /* RFC 5646 §4.4.1 */

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

/* What people may be shown. */
static gboolean
check_text (TesseraClient *self, const char *what, const char *text, GError **error)
{
  if (text == NULL)
    return TRUE;
  if (strlen (text) > CLIENT_TEXT_MAX || !g_utf8_validate (text, -1, NULL))
    return refuse (error, "Client %s: the %s is too long or not UTF-8", self->id, what);
  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      return refuse (error, "Client %s: the %s has control characters", self->id, what);
  return TRUE;
}

static gboolean
check_texts (TesseraClient *self, const char *what, char **texts, GError **error)
{
  if (g_strv_length (texts) > CLIENT_CONTACTS_MAX)
    return refuse (error, "Client %s: there are too many of the kind %s", self->id, what);
  for (; *texts != NULL; texts++)
    if (!check_text (self, what, *texts, error))
      return FALSE;
  return TRUE;
}

static gboolean
check_names (TesseraClient *self, GError **error)
{
  for (char **name = self->client_names; *name != NULL; name++)
    {
      gsize length
          = strspn (*name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
      if (length == 0 || length > LANGUAGE_TAG_MAX || (*name)[length] != ' ')
        return refuse (error, "Client %s: a name in a language begins with its tag", self->id);
    }
  return check_text (self, "name", self->name, error)
         && check_texts (self, "name", self->client_names, error)
         && check_texts (self, "contact", self->contacts, error)
         && check_text (self, "software_id", self->software_id, error)
         && check_text (self, "software_version", self->software_version, error);
}

/* Where people or we may be sent to read something (threats.md A30, G02). */
static gboolean
check_links (TesseraClient *self, GError **error)
{
  const char *const links[][2] = {
    { "client_uri", self->client_uri },
    { "logo_uri", self->logo_uri },
    { "policy_uri", self->policy_uri },
    { "tos_uri", self->tos_uri },
    { "jwks_uri", self->jwks_uri },
    { "sector_identifier_uri", self->sector_identifier_uri },
    { "initiate_login_uri", self->initiate_login_uri },
  };

  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    if (links[i][1] != NULL && !tessera_uri_is_https (links[i][1]))
      return refuse (error, "Client %s: %s is no https address", self->id, links[i][0]);
  /* RFC 7591 §2. */
  if (self->jwks != NULL && self->jwks_uri != NULL)
    return refuse (error, "Client %s: it is jwks or jwks_uri", self->id);
  return TRUE;
}

/* It is read again, for what is wrong with it. */
static gboolean
refuse_key_set (TesseraClient *self, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (TesseraKeySet) keys = tessera_client_parse_keys (self, NULL, &reason);

  return keys == NULL && refuse (error, "Client %s: %s", self->id, reason->message);
}

/* A key set says something, whatever it is for. */
static gboolean
check_keys (TesseraClient *self, GError **error)
{
  const char *name = self->token_endpoint_auth_signing_alg;
  TesseraAlgorithm algorithm;

  /* Then it is of an HMAC, and keys are for something else. */
  if (tessera_client_signs_with_secret (self))
    name = NULL;
  if (name != NULL && !tessera_algorithm_parse (name, &algorithm))
    return refuse (error,
                   "Client %s: token_endpoint_auth_signing_alg is none of RS256, ES256, PS256 and "
                   "EdDSA",
                   self->id);
  if (self->jwks == NULL)
    return TRUE;
  if (self->keys == NULL)
    return refuse_key_set (self, error);
  if (tessera_key_set_get_count (self->keys) == 0)
    return refuse (error, "Client %s: its key set has no usable key", self->id);
  if (name != NULL && !tessera_key_set_has_algorithm (self->keys, algorithm))
    return refuse (error, "Client %s: its key set has no key for %s", self->id, name);
  return TRUE;
}

static gboolean
check_request_objects (TesseraClient *self, GError **error)
{
  const char *name = self->request_object_signing_alg;
  TesseraAlgorithm algorithm;

  if (name != NULL && !tessera_algorithm_parse (name, &algorithm))
    return refuse (error,
                   "Client %s: request_object_signing_alg is none of RS256, ES256, PS256 and EdDSA",
                   self->id);
  if (!tessera_client_pins_request_objects (self))
    return TRUE;
  if (self->request_keys == NULL && self->jwks_uri == NULL)
    return refuse (error, "Client %s: signed request objects need public keys (jwks)", self->id);
  if (name != NULL && self->request_keys != NULL
      && !tessera_key_set_has_algorithm (self->request_keys, algorithm))
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

/* RFC 7518 §3.2: a key as long as the HMAC; and HMAC needs the key itself. */
static gboolean
check_mac_secrets (TesseraClient *self, GError **error)
{
  const char *name = self->token_endpoint_auth_signing_alg;
  guint bits = 256;

  if (!tessera_client_signs_with_secret (self))
    return TRUE;
  if (name != NULL && !tessera_jwt_parse_mac_name (name, &bits))
    return refuse (
        error,
        "Client %s: token_endpoint_auth_signing_alg of client_secret_jwt is HS256, HS384 "
        "or HS512",
        self->id);
  for (guint i = 0; i < self->n_secrets; i++)
    {
      const char *plain = self->secrets[i].plain;
      if (plain == NULL && self->secrets[i].sealed == NULL)
        return refuse (error,
                       "Client %s: client_secret_jwt needs the secret itself, and only its digest "
                       "was kept; register it anew",
                       self->id);
      if (plain != NULL && strlen (plain) * 8 < bits)
        return refuse (error,
                       "Client %s: its secret has less than %u bytes, as client_secret_jwt "
                       "needs",
                       self->id, bits / 8);
    }
  return TRUE;
}

static gboolean
check_authentication (TesseraClient *self, GError **error)
{
  static const char *const methods[] = { "client_secret_basic",
                                         "client_secret_post",
                                         "client_secret_jwt",
                                         "private_key_jwt",
                                         "none",
                                         NULL };
  const char *method = self->token_endpoint_auth_method;

  if (method != NULL && !g_strv_contains (methods, method))
    return refuse (error, "Client %s: unknown token_endpoint_auth_method", self->id);
  if (g_strcmp0 (method, "private_key_jwt") == 0 && self->jwks == NULL && self->jwks_uri == NULL)
    return refuse (error, "Client %s: private_key_jwt needs public keys (jwks)", self->id);
  return check_secrets (self, error) && check_mac_secrets (self, error) && check_keys (self, error);
}

static gboolean
check_grant_types (TesseraClient *self, GError **error)
{
  static const char *const known[]
      = { "authorization_code", "refresh_token", "client_credentials", NULL };
  for (char **grant_type = self->grant_types; *grant_type != NULL; grant_type++)
    if (!g_strv_contains (known, *grant_type))
      return refuse (error, "Client %s: unknown grant type", self->id);

  if (self->dynamic && self->first_party)
    return refuse (error, "Client %s registered itself and cannot be first_party", self->id);
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

/* OpenID Connect Back-Channel Logout §2.2. The helper that goes there is stricter still. */
static gboolean
check_backchannel_logout (TesseraClient *self, GError **error)
{
  const char *uri = self->backchannel_logout_uri;

  if (uri == NULL || tessera_uri_is_https (uri))
    return TRUE;
  return refuse (error, "Client %s: backchannel_logout_uri is https with a host, without fragment",
                 self->id);
}

static gboolean
check_redirect_uris (TesseraClient *self, GError **error)
{
  const char *type = self->application_type;

  if (type != NULL && strcmp (type, "web") != 0 && strcmp (type, "native") != 0)
    return refuse (error, "Client %s: application_type is web or native", self->id);
  return check_uris_to_return_to (self, self->redirect_uris, error)
         && check_uris_to_return_to (self, self->post_logout_redirect_uris, error)
         && check_backchannel_logout (self, error);
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
  for (char **acr = self->default_acr_values; *acr != NULL; acr++)
    if (!is_printable (*acr))
      return refuse (error, "Client %s: an authentication context is printable ASCII", self->id);
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

/* What it is told may be signed by any key of ours. */
static gboolean
check_signed_answers (TesseraClient *self, GError **error)
{
  const struct
  {
    const char *name;
    const char *algorithm;
  } answers[] = {
    { "id_token_signed_response_alg", self->id_token_signed_response_alg },
    { "userinfo_signed_response_alg", self->userinfo_signed_response_alg },
  };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    if (answers[i].algorithm != NULL && !tessera_algorithm_parse (answers[i].algorithm, NULL))
      return refuse (error, "%s is none of RS256, ES256, PS256 and EdDSA", answers[i].name);
  return TRUE;
}

static gboolean
check_sector (TesseraClient *self, GError **error)
{
  const char *uri = self->sector_identifier_uri;
  g_autofree char *sector = tessera_client_dup_sector (self);

  if (uri != NULL && sector == NULL)
    return refuse (error, "Client %s: sector_identifier_uri is an https URL on some other machine",
                   self->id);
  if (!tessera_client_is_pairwise (self) || sector != NULL)
    return TRUE;
  return refuse (error,
                 "Client %s: its redirect URIs have several hosts, so that a pairwise client needs "
                 "a sector_identifier_uri",
                 self->id);
}

static gboolean
check_subjects (TesseraClient *self, GError **error)
{
  const char *type = self->subject_type;

  if (type == NULL || strcmp (type, "public") == 0 || tessera_client_is_pairwise (self))
    return check_sector (self, error);
  return refuse (error, "Client %s: subject_type is public or pairwise", self->id);
}

gboolean
tessera_client_check (TesseraClient *self, GError **error)
{
  return check_id (self, error) && check_names (self, error) && check_links (self, error)
         && check_authentication (self, error) && check_grant_types (self, error)
         && check_redirect_uris (self, error) && check_lists (self, error)
         && check_scope (self, error) && check_signed_answers (self, error)
         && check_request_objects (self, error) && check_subjects (self, error);
}
