/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bodies of registrations (RFC 7591 §3.1): whatever is taken in is within the policy, is told as it
 * was registered, can be registered like that again, and survives the store. */

#include "base/tessera-uri-private.h"
#include "fuzz.h"
#include "model/tessera-client-private.h"
#include "model/tessera-client-registration-private.h"
#include "model/tessera-registration-policy-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

static TesseraRegistrationPolicy *policy;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  policy = tessera_registration_policy_new ();
  return 0;
}

static void
assert_within_the_policy (TesseraClient *client)
{
  g_assert_false (tessera_client_is_first_party (client));
  g_assert_true (tessera_client_is_dynamic (client));
  g_assert_true (tessera_client_requires_pkce (client));
  g_assert_true (tessera_scope_is_subset (tessera_client_get_scope (client),
                                          tessera_registration_policy_get_scope (policy)));
  g_assert_false (tessera_client_allows_grant_type (client, "client_credentials"));
  for (const char *const *uri = tessera_client_get_redirect_uris (client); *uri != NULL; uri++)
    g_assert_true (tessera_uri_check_redirect (*uri, NULL));
  g_assert_cmpuint (g_strv_length ((char **) tessera_client_get_resources (client)), ==, 0);
  g_assert_cmpuint (g_strv_length ((char **) tessera_client_get_introspect (client)), ==, 0);
  g_assert_cmpuint (g_strv_length ((char **) tessera_client_get_allowed_origins (client)), ==, 0);
}

/* What was told is what was registered. */
static void
assert_same_again (TesseraClient *client)
{
  g_autoptr (json_t) told = tessera_client_registration_to_json (client);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) again = tessera_client_registration_read (told, policy, &error);
  g_assert_no_error (error);
  g_autoptr (json_t) told_again = tessera_client_registration_to_json (again);
  g_assert_true (json_equal (told, told_again));
}

static void
assert_survives_the_store (TesseraClient *client)
{
  const char *secret = tessera_client_allows_auth_method (client, "client_secret_basic")
                               || tessera_client_allows_auth_method (client, "client_secret_post")
                           ? "a-secret-of-enough-length"
                           : NULL;
  g_autoptr (TesseraClient) complete = tessera_client_copy_with (client, "id", secret);
  g_autoptr (TesseraClient) kept = tessera_client_copy_with_registration (complete, "token", 1);
  g_autoptr (json_t) json = tessera_client_to_json (kept);
  g_autofree char *text = tessera_json_dump (json);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) read = tessera_client_new_from_json (text, strlen (text), &error);
  g_assert_no_error (error);
  g_autoptr (json_t) again = tessera_client_to_json (read);
  g_assert_true (json_equal (json, again));
  g_assert_true (tessera_client_check_registration_token (read, "token"));
  g_assert_false (tessera_client_check_registration_token (read, ""));
}

static void
assert_refusal (const GError *error)
{
  g_assert_true (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REDIRECT_URI)
                 || g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA));
  for (const char *c = error->message; *c != '\0'; c++)
    g_assert_true (*c >= 0x20 && *c < 0x7f && *c != '"' && *c != '\\');
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (json_t) metadata = tessera_json_parse ((const char *) data, size,
                                                    TESSERA_CLIENT_REGISTRATION_MAX_LENGTH, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) client
      = metadata != NULL ? tessera_client_registration_read (metadata, policy, &error) : NULL;

  if (metadata == NULL)
    return 0;
  if (client == NULL)
    {
      assert_refusal (error);
      return 0;
    }
  assert_within_the_policy (client);
  assert_same_again (client);
  assert_survives_the_store (client);
  return 0;
}
