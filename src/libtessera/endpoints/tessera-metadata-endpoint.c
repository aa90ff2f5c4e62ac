/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorization server metadata (RFC 8414 §2, RFC 9207 §3; OpenID Connect Discovery §3): what is
 * offered, and nothing else. */

#include "endpoints/tessera-metadata-endpoint-private.h"

#include "grants/tessera-grant-type-private.h"
#include "model/tessera-standard-claims-private.h"

#include <string.h>

static void
set_strings (json_t *json, const char *name, const char *const *values)
{
  json_t *array = json_array ();

  for (guint i = 0; values[i] != NULL; i++)
    json_array_append_new (array, json_string (values[i]));
  json_object_set_new (json, name, array);
}

static void
set_url (json_t *json, const char *name, TesseraSettings *settings, const char *path)
{
  g_autofree char *url = tessera_settings_dup_url (settings, path);

  json_object_set_new (json, name, json_string (url));
}

static const char *const signing_algorithms[] = { "RS256", "ES256", "PS256", "EdDSA", NULL };

/* RFC 9101 §10.5 and OpenID Connect Discovery §3, where request_uri is on unless it is said. */
static void
set_request_objects (json_t *json)
{
  json_object_set_new (json, "request_parameter_supported", json_true ());
  json_object_set_new (json, "request_uri_parameter_supported", json_false ());
  set_strings (json, "request_object_signing_alg_values_supported", signing_algorithms);
}

static void
set_authorization (json_t *json, TesseraSettings *settings)
{
  set_url (json, "authorization_endpoint", settings, settings->authorization_path);
  set_strings (json, "response_types_supported", (const char *const[]){ "code", NULL });
  set_strings (json, "response_modes_supported",
               (const char *const[]){ "query", "form_post", NULL });
  set_strings (json, "code_challenge_methods_supported", (const char *const[]){ "S256", NULL });
  json_object_set_new (json, "authorization_response_iss_parameter_supported", json_true ());
  set_strings (json, "ui_locales_supported", (const char *const[]){ "en", "de", "zh-CN", NULL });
  set_request_objects (json);
}

static void
set_token (json_t *json, TesseraSettings *settings)
{
  static const char *const methods[] = { "client_secret_basic",
                                         "client_secret_post",
                                         "client_secret_jwt",
                                         "private_key_jwt",
                                         "none",
                                         NULL };
  static const char *const algorithms[]
      = { "RS256", "ES256", "PS256", "EdDSA", "HS256", "HS384", "HS512", NULL };

  set_url (json, "token_endpoint", settings, settings->token_path);
  set_strings (json, "token_endpoint_auth_methods_supported", methods);
  set_strings (json, "token_endpoint_auth_signing_alg_values_supported", algorithms);
  set_strings (json, "grant_types_supported", tessera_grant_type_list ());
  set_url (json, "jwks_uri", settings, settings->jwks_path);
  if (settings->revocation_enabled)
    {
      set_url (json, "revocation_endpoint", settings, settings->revocation_path);
      set_strings (json, "revocation_endpoint_auth_methods_supported", methods);
      set_strings (json, "revocation_endpoint_auth_signing_alg_values_supported", algorithms);
    }
  if (settings->introspection_enabled)
    {
      set_url (json, "introspection_endpoint", settings, settings->introspection_path);
      /* A public client cannot introspect. */
      set_strings (json, "introspection_endpoint_auth_methods_supported",
                   (const char *const[]){ "client_secret_basic", "client_secret_post",
                                          "client_secret_jwt", "private_key_jwt", NULL });
      set_strings (json, "introspection_endpoint_auth_signing_alg_values_supported", algorithms);
    }
}

/* RFC 8414 §2: for whom there is an address to send it to. */
static void
set_registration (json_t *json, TesseraSettings *settings)
{
  if (settings->registration_enabled)
    set_url (json, "registration_endpoint", settings, settings->registration_path);
}

static void
set_status_list (json_t *json, TesseraSettings *settings)
{
  /* Token Status List §9.1 */
  if (settings->status_list_enabled)
    set_url (json, "status_list_aggregation_endpoint", settings, settings->status_list_path);
}

/* Of our own (RFC 8414 §2 allows others). */
static void
set_deny_list (json_t *json, TesseraSettings *settings)
{
  if (!settings->deny_list_enabled)
    return;
  set_url (json, "tessera_deny_list_endpoint", settings, settings->deny_list_path);
  set_url (json, "tessera_deny_list_events_endpoint", settings, settings->deny_list_events_path);
}

/* What is in every ID token, and what may be told of a person. */
static void
set_claims (json_t *json)
{
  static const char *const always[] = { "sub", "iss", "auth_time", "acr", "amr", "sid", NULL };
  json_t *claims = json_array ();

  for (guint i = 0; always[i] != NULL; i++)
    json_array_append_new (claims, json_string (always[i]));
  for (const char *const *name = tessera_standard_claims_list (); *name != NULL; name++)
    json_array_append_new (claims, json_string (*name));
  json_object_set_new (json, "claims_supported", claims);
  json_object_set_new (json, "claims_parameter_supported", json_true ());
}

/* OpenID Connect Back-Channel Logout §2.1 */
static void
set_backchannel_logout (json_t *json, TesseraSettings *settings)
{
  if (!settings->has_outbound)
    return;
  json_object_set_new (json, "backchannel_logout_supported", json_true ());
  json_object_set_new (json, "backchannel_logout_session_supported", json_true ());
}

static void
set_openid (json_t *json, TesseraSettings *settings)
{
  set_url (json, "userinfo_endpoint", settings, settings->userinfo_path);
  set_url (json, "end_session_endpoint", settings, settings->logout_path);
  set_backchannel_logout (json, settings);
  set_strings (json, "scopes_supported", tessera_standard_claims_list_scopes ());
  set_strings (json, "subject_types_supported",
               (const char *const[]){ "pairwise", "public", NULL });
  set_strings (json, "id_token_signing_alg_values_supported", signing_algorithms);
  set_strings (json, "userinfo_signing_alg_values_supported", signing_algorithms);
  set_strings (json, "prompt_values_supported",
               (const char *const[]){ "none", "login", "consent", "select_account", NULL });
  set_strings (json, "claim_types_supported", (const char *const[]){ "normal", NULL });
  set_claims (json);
}

static GBytes *
serialise (TesseraSettings *settings)
{
  g_autoptr (json_t) json = json_object ();
  char *text = NULL;

  json_object_set_new (json, "issuer", json_string (settings->issuer));
  set_authorization (json, settings);
  set_token (json, settings);
  set_registration (json, settings);
  set_status_list (json, settings);
  set_deny_list (json, settings);
  if (settings->openid_enabled)
    set_openid (json, settings);
  text = tessera_json_dump (json);
  return g_bytes_new_take (text, strlen (text));
}

void
tessera_metadata_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  if (engine->metadata == NULL)
    engine->metadata = serialise (engine->settings);
  tessera_exchange_add_header (exchange, "Cache-Control", "public, max-age=900");
  tessera_exchange_respond (exchange, 200, "application/json", g_bytes_ref (engine->metadata));
}
