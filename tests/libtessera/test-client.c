/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client: what a registration may say, and what follows from it. */

#include "model/tessera-client-private.h"

#include "base/tessera-seal-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

#define SECRET "a-secret-of-enough-length"
#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define CLIENT(...) g_object_new (TESSERA_TYPE_CLIENT, __VA_ARGS__, NULL)

static void
assert_good (TesseraClient *taken)
{
  g_autoptr (TesseraClient) client = taken;
  g_autoptr (GError) error = NULL;
  tessera_client_check (client, &error);
  g_assert_no_error (error);
}

static void
assert_refused (TesseraClient *taken)
{
  g_autoptr (TesseraClient) client = taken;
  g_autoptr (GError) error = NULL;
  g_assert_false (tessera_client_check (client, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT);
  g_assert_null (strstr (error->message, SECRET));
}

static void
test_default_is_a_public_native_client (void)
{
  g_autoptr (TesseraClient) client = tessera_client_new ("reader", NULL);
  g_autoptr (GError) error = NULL;

  tessera_client_check (client, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tessera_client_get_id (client), ==, "reader");
  g_assert_cmpstr (tessera_client_get_name (client), ==, "reader");
  g_assert_false (tessera_client_is_confidential (client));
  g_assert_true (tessera_client_requires_pkce (client));
  g_assert_true (tessera_client_is_native (client));
  g_assert_false (tessera_client_is_first_party (client));
  g_assert_cmpstrv (tessera_client_get_grant_types (client), STRV ("authorization_code"));
  g_assert_null (tessera_client_get_scope (client));
  g_assert_null (tessera_client_get_redirect_uris (client)[0]);
  g_assert_null (tessera_client_get_resources (client)[0]);
  g_assert_cmpint (tessera_client_get_access_token_lifetime (client), ==, 0);
  g_assert_true (tessera_client_allows_auth_method (client, "none"));
  g_assert_false (tessera_client_allows_auth_method (client, "client_secret_basic"));
}

static void
test_keeps_only_digests_of_its_secrets (void)
{
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "secret", SECRET, "previous-secret", "the-one-before-of-it");
  g_autoptr (json_t) json = tessera_client_to_json (client);
  g_autofree char *text = tessera_json_dump (json);
  g_autofree char *fingerprint = tessera_client_dup_fingerprint (client);

  g_assert_true (tessera_client_is_confidential (client));
  g_assert_true (tessera_client_check_secret (client, SECRET));
  g_assert_true (tessera_client_check_secret (client, "the-one-before-of-it"));
  g_assert_false (tessera_client_check_secret (client, SECRET "x"));
  g_assert_false (tessera_client_check_secret (client, ""));
  g_assert_null (strstr (text, SECRET));
  g_assert_null (strstr (fingerprint, SECRET));

  g_autoptr (TesseraClient) public = tessera_client_new ("p", NULL);
  g_assert_false (tessera_client_check_secret (public, ""));
  g_assert_false (tessera_client_has_secret (public));
}

static void
test_ids (void)
{
  char longest[TESSERA_CLIENT_ID_MAX_LENGTH + 2];
  memset (longest, 'a', sizeof longest);
  longest[TESSERA_CLIENT_ID_MAX_LENGTH] = '\0';
  assert_good (CLIENT ("id", longest));
  longest[TESSERA_CLIENT_ID_MAX_LENGTH] = 'a';
  longest[TESSERA_CLIENT_ID_MAX_LENGTH + 1] = '\0';
  assert_refused (CLIENT ("id", longest));

  assert_good (CLIENT ("id", "org.example.App:1"));
  assert_refused (CLIENT ("id", ""));
  assert_refused (CLIENT ("name", "without id"));
  assert_refused (CLIENT ("id", "caf\xc3\xa9"));
  assert_refused (CLIENT ("id", "two\nlines"));
}

static void
test_secrets_of_people_need_length (void)
{
  assert_refused (CLIENT ("id", "c", "secret", "fifteen-letters"));
  assert_good (CLIENT ("id", "c", "secret", "sixteen-letters!"));
  assert_good (CLIENT ("id", "c", "secret", "client-secret", "allow-short-secret", TRUE));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "previous-secret", "short"));

  g_autoptr (TesseraClient) client = CLIENT ("id", "c", "secret", "client-secret");
  g_assert_true (tessera_client_has_short_secret (client));
}

static void
test_authentication_methods (void)
{
  assert_good (
      CLIENT ("id", "c", "secret", SECRET, "token-endpoint-auth-method", "client_secret_basic"));
  assert_good (
      CLIENT ("id", "c", "secret", SECRET, "token-endpoint-auth-method", "client_secret_post"));
  assert_good (CLIENT ("id", "c", "token-endpoint-auth-method", "none"));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "token-endpoint-auth-method", "none"));
  assert_refused (CLIENT ("id", "c", "token-endpoint-auth-method", "client_secret_basic"));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "token-endpoint-auth-method", "magic"));

  g_autoptr (TesseraClient) either = CLIENT ("id", "c", "secret", SECRET);
  g_assert_null (tessera_client_get_token_endpoint_auth_method (either));
  g_assert_true (tessera_client_allows_auth_method (either, "client_secret_basic"));
  g_assert_true (tessera_client_allows_auth_method (either, "client_secret_post"));
  g_assert_false (tessera_client_allows_auth_method (either, "none"));
  g_autoptr (TesseraClient) post
      = CLIENT ("id", "c", "secret", SECRET, "token-endpoint-auth-method", "client_secret_post");
  g_assert_false (tessera_client_allows_auth_method (post, "client_secret_basic"));
}

#define KEY_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define KEY_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define KEY_BEGIN "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" KEY_X "\",\"y\":\"" KEY_Y "\""
#define OTHER_KEY                                                                                  \
  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define KEYS(...) "{\"keys\":[" __VA_ARGS__ "]}"
#define SIGNS(...)                                                                                 \
  CLIENT ("id", "c", "token-endpoint-auth-method", "private_key_jwt", "jwks", __VA_ARGS__)

static void
test_a_client_with_keys_has_no_secret (void)
{
  assert_good (SIGNS (KEYS (KEY_BEGIN "}")));
  assert_good (SIGNS (KEYS (KEY_BEGIN "}," OTHER_KEY), "token-endpoint-auth-signing-alg", "EdDSA"));
  assert_good (SIGNS (KEYS (KEY_BEGIN "}"), "grant-types", STRV ("client_credentials"),
                      "first-party", TRUE));
  assert_refused (SIGNS (NULL));
  assert_refused (SIGNS ("{}"));
  assert_refused (SIGNS ("[]"));
  assert_refused (SIGNS (KEYS ("")));
  assert_refused (SIGNS (KEYS ("1,null,[]")));
  assert_refused (SIGNS (KEYS (KEY_BEGIN ",\"use\":\"enc\"}")));
  assert_refused (SIGNS (KEYS (KEY_BEGIN ",\"d\":\"AAAA\"}")));
  assert_refused (SIGNS (KEYS (KEY_BEGIN "},{\"kty\":\"oct\",\"k\":\"AAAA\"}")));
  assert_refused (SIGNS (KEYS (KEY_BEGIN "}"), "secret", SECRET));
  assert_refused (SIGNS (KEYS (KEY_BEGIN "}"), "token-endpoint-auth-signing-alg", "RS256"));
  assert_refused (SIGNS (KEYS (KEY_BEGIN "}"), "token-endpoint-auth-signing-alg", "HS256"));
  /* Which of the two would count? */
  assert_refused (SIGNS (KEYS (KEY_BEGIN "}"), "jwks-uri", "https://c.test/jwks"));

  g_autoptr (TesseraClient) client = SIGNS (KEYS (KEY_BEGIN "}"));
  g_assert_true (tessera_client_is_confidential (client));
  g_assert_true (tessera_client_has_credentials (client));
  g_assert_false (tessera_client_has_secret (client));
  g_assert_true (tessera_client_allows_auth_method (client, "private_key_jwt"));
  g_assert_false (tessera_client_allows_auth_method (client, "none"));
}

static gboolean is_same (TesseraClient *before, TesseraClient *now);

#define LONG_SECRET "a-secret-of-sixty-four-bytes-and-more-0123456789-0123456789-0123456789"
#define MACS(...)                                                                                  \
  CLIENT ("id", "c", "token-endpoint-auth-method", "client_secret_jwt", "secret", __VA_ARGS__)

static const guint8 seal_key[TESSERA_SEAL_KEY_SIZE] = "one key of thirty-two bytes here";
static const guint8 other_key[TESSERA_SEAL_KEY_SIZE] = "another key of 32 bytes is there";

static char *
make_assertion (const char *secret)
{
  GString *token = g_string_new (NULL);

  tessera_base64url_append (token, (const guint8 *) "{\"alg\":\"HS256\"}", 15);
  g_string_append (token, ".e30");
  TesseraDigest mac
      = tessera_hmac ((const guint8 *) secret, strlen (secret), token->str, token->len);
  g_string_append_c (token, '.');
  tessera_base64url_append (token, mac.bytes, sizeof mac.bytes);
  return g_string_free (token, FALSE);
}

static gboolean
takes_assertion (TesseraClient *client, const char *secret)
{
  g_autofree char *token = make_assertion (secret);
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse_mac (token, strlen (token), NULL);

  g_assert_nonnull (jwt);
  return tessera_client_check_assertion (client, NULL, jwt);
}

static char *
dump (TesseraClient *client)
{
  g_autoptr (json_t) json = tessera_client_to_json (client);

  return tessera_json_dump (json);
}

static void
test_client_secret_jwt_needs_a_secret_that_is_long_enough (void)
{
  g_autofree char *bytes_32 = g_strnfill (32, 's');
  g_autofree char *bytes_31 = g_strnfill (31, 's');

  assert_good (MACS (LONG_SECRET));
  assert_good (MACS (bytes_32));
  assert_good (MACS (LONG_SECRET, "token-endpoint-auth-signing-alg", "HS512"));
  assert_refused (MACS (NULL));
  assert_refused (MACS (bytes_31));
  assert_refused (MACS (bytes_31, "allow-short-secret", TRUE));
  assert_refused (MACS (bytes_32, "token-endpoint-auth-signing-alg", "HS384"));
  assert_refused (MACS (bytes_32, "previous-secret", bytes_31));
  assert_refused (MACS (LONG_SECRET, "token-endpoint-auth-signing-alg", "ES256"));
  assert_refused (MACS (LONG_SECRET, "token-endpoint-auth-signing-alg", "none"));
  /* Keys beside it are for its requests, and their algorithm is another matter. */
  assert_good (MACS (LONG_SECRET, "token-endpoint-auth-signing-alg", "HS256", "jwks",
                     KEYS (KEY_BEGIN "}"), "request-object-signing-alg", "ES256"));
}

static void
test_the_registered_hmac_is_the_only_one (void)
{
  g_autoptr (TesseraClient) any = MACS (LONG_SECRET);
  g_autoptr (TesseraClient) same = MACS (LONG_SECRET, "token-endpoint-auth-signing-alg", "HS256");
  g_autoptr (TesseraClient) other = MACS (LONG_SECRET, "token-endpoint-auth-signing-alg", "HS512");
  g_autoptr (TesseraClient) basic = CLIENT ("id", "c", "secret", LONG_SECRET);

  g_assert_true (takes_assertion (any, LONG_SECRET));
  g_assert_true (takes_assertion (same, LONG_SECRET));
  g_assert_false (takes_assertion (other, LONG_SECRET));
  g_assert_false (takes_assertion (basic, LONG_SECRET));
  g_assert_false (takes_assertion (any, LONG_SECRET "x"));
  g_assert_true (tessera_client_allows_auth_method (any, "client_secret_jwt"));
  g_assert_false (tessera_client_allows_auth_method (any, "client_secret_basic"));
  g_assert_false (tessera_client_allows_auth_method (any, "private_key_jwt"));
  g_assert_true (tessera_client_is_confidential (any));
}

static void
test_a_secret_that_is_read_again_is_kept_sealed (void)
{
  g_autoptr (TesseraClient) client = MACS (LONG_SECRET);
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_client_needs_seal (client));
  tessera_client_seal (client, seal_key);
  g_assert_false (tessera_client_needs_seal (client));
  g_assert_false (tessera_client_is_sealed (client));
  g_autofree char *text = dump (client);
  g_assert_null (strstr (text, LONG_SECRET));

  g_autoptr (TesseraClient) again = tessera_client_new_from_json (text, strlen (text), &error);
  g_assert_no_error (error);
  g_assert_true (tessera_client_is_sealed (again));
  g_assert_false (takes_assertion (again, LONG_SECRET));
  g_assert_false (tessera_client_unseal (again, other_key));
  g_assert_true (tessera_client_is_sealed (again));
  g_assert_false (takes_assertion (again, LONG_SECRET));
  g_assert_true (tessera_client_unseal (again, seal_key));
  g_assert_false (tessera_client_is_sealed (again));
  g_assert_true (takes_assertion (again, LONG_SECRET));
  g_assert_true (is_same (g_object_ref (client), g_object_ref (again)));
}

static void
test_a_seal_is_of_one_client (void)
{
  g_autoptr (TesseraClient) client = MACS (LONG_SECRET);
  tessera_client_seal (client, seal_key);
  g_autoptr (json_t) json = tessera_client_to_json (client);
  json_object_set_new (json, "client_id", json_string ("d"));
  g_autofree char *text = tessera_json_dump (json);
  g_autoptr (TesseraClient) other = tessera_client_new_from_json (text, strlen (text), NULL);

  g_assert_nonnull (other);
  g_assert_false (tessera_client_unseal (other, seal_key));
  g_assert_false (takes_assertion (other, LONG_SECRET));
}

static void
test_a_digest_alone_is_not_enough_to_sign_with (void)
{
  g_autoptr (TesseraClient) client = MACS (LONG_SECRET);
  g_autofree char *text = dump (client); /* not sealed yet */
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_client_new_from_json (text, strlen (text), &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT);
  g_assert_nonnull (strstr (error->message, "digest"));

  /* Nor can a client come to it that had another method. */
  g_autoptr (TesseraClient) basic = CLIENT ("id", "c", "secret", LONG_SECRET);
  g_autoptr (TesseraClient) wanted = MACS (NULL);
  assert_refused (tessera_client_copy_for (wanted, basic));
}

static void
test_only_who_signs_with_a_secret_has_it_kept (void)
{
  g_autoptr (TesseraClient) basic = CLIENT ("id", "c", "secret", LONG_SECRET);
  g_autoptr (TesseraClient) client = MACS (LONG_SECRET);
  g_autofree char *text = NULL, *after = NULL;

  tessera_client_seal (basic, seal_key);
  g_assert_false (tessera_client_needs_seal (basic));
  text = dump (basic);
  g_assert_null (strstr (text, "sealed"));

  tessera_client_seal (client, seal_key);
  g_autoptr (TesseraClient) wanted
      = CLIENT ("id", "c", "token-endpoint-auth-method", "client_secret_post");
  g_autoptr (TesseraClient) changed = tessera_client_copy_for (wanted, client);
  after = dump (changed);
  g_assert_null (strstr (after, "sealed"));
  g_assert_true (tessera_client_check_secret (changed, LONG_SECRET));
}

static void
test_copies_keep_what_is_sealed (void)
{
  g_autoptr (TesseraClient) client = MACS (LONG_SECRET);
  tessera_client_seal (client, seal_key);
  g_autoptr (TesseraClient) disabled = tessera_client_copy_with_disabled (client, TRUE);
  g_autoptr (TesseraClient) both
      = tessera_client_copy_with_secret (client, LONG_SECRET "-new", TRUE);
  g_autoptr (TesseraClient) one
      = tessera_client_copy_with_secret (client, LONG_SECRET "-new", FALSE);

  g_assert_false (tessera_client_needs_seal (disabled));
  g_assert_true (takes_assertion (disabled, LONG_SECRET));
  g_assert_true (takes_assertion (both, LONG_SECRET));
  g_assert_true (takes_assertion (both, LONG_SECRET "-new"));
  g_assert_true (takes_assertion (one, LONG_SECRET "-new"));
  g_assert_false (takes_assertion (one, LONG_SECRET));

  g_assert_true (tessera_client_needs_seal (both));
  tessera_client_seal (both, seal_key);
  g_autofree char *text = dump (both);
  g_autoptr (TesseraClient) again = tessera_client_new_from_json (text, strlen (text), NULL);
  g_assert_true (tessera_client_unseal (again, seal_key));
  g_assert_true (takes_assertion (again, LONG_SECRET));
  g_assert_true (takes_assertion (again, LONG_SECRET "-new"));
}

static void
test_request_objects_need_keys (void)
{
  assert_good (CLIENT ("id", "c", "secret", SECRET, "jwks", KEYS (KEY_BEGIN "}"),
                       "request-object-signing-alg", "ES256", "require-signed-request-object",
                       TRUE));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "require-signed-request-object", TRUE));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "request-object-signing-alg", "ES256"));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "jwks", KEYS (KEY_BEGIN "}"),
                          "request-object-signing-alg", "none"));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "jwks", KEYS (KEY_BEGIN "}"),
                          "request-object-signing-alg", "RS256"));
  /* What it says of its requests ends no tokens. */
  g_autoptr (TesseraClient) before
      = CLIENT ("id", "c", "secret", SECRET, "jwks", KEYS (KEY_BEGIN "}"));
  g_autoptr (TesseraClient) after
      = CLIENT ("id", "c", "secret", SECRET, "jwks", KEYS (KEY_BEGIN "}"),
                "request-object-signing-alg", "ES256", "require-signed-request-object", TRUE);
  g_assert_true (is_same (g_object_ref (before), g_object_ref (after)));
}

static void
test_keys_survive_the_store (void)
{
  g_autoptr (TesseraClient) client
      = SIGNS (KEYS (KEY_BEGIN "}"), "token-endpoint-auth-signing-alg", "ES256");
  g_autoptr (json_t) json = tessera_client_to_json (client);
  g_autofree char *text = tessera_json_dump (json);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) again = tessera_client_new_from_json (text, strlen (text), &error);
  g_autofree char *before = tessera_client_dup_fingerprint (client);
  g_autofree char *jwks = NULL, *alg = NULL;

  g_assert_no_error (error);
  g_autofree char *after = tessera_client_dup_fingerprint (again);
  g_object_get (again, "jwks", &jwks, "token-endpoint-auth-signing-alg", &alg, NULL);
  g_assert_cmpstr (jwks, ==, KEYS (KEY_BEGIN "}"));
  g_assert_cmpstr (alg, ==, "ES256");
  g_assert_true (tessera_client_has_keys (again));
  g_assert_cmpstr (before, ==, after);
}

static void
test_a_key_that_stays_makes_it_the_same_client (void)
{
  g_assert_true (is_same (SIGNS (KEYS (KEY_BEGIN "}")),
                          SIGNS (KEYS (OTHER_KEY "," KEY_BEGIN ",\"kid\":\"k\"}"))));
  g_assert_false (is_same (SIGNS (KEYS (KEY_BEGIN "}")), SIGNS (KEYS (OTHER_KEY))));
  /* Keys that it does not authenticate by hold nothing together. */
  g_assert_false (
      is_same (CLIENT ("id", "c", "secret", SECRET, "jwks", KEYS (OTHER_KEY)),
               CLIENT ("id", "c", "secret", "the-next-one-of-it", "jwks", KEYS (OTHER_KEY))));
}

static void
test_public_clients_have_less_freedom (void)
{
  const char *const *credentials = STRV ("client_credentials");

  assert_refused (CLIENT ("id", "c", "grant-types", credentials));
  assert_good (CLIENT ("id", "c", "secret", SECRET, "grant-types", credentials));
  assert_refused (CLIENT ("id", "c", "require-pkce", FALSE));
  assert_good (CLIENT ("id", "c", "secret", SECRET, "require-pkce", FALSE));
  assert_refused (CLIENT ("id", "c", "first-party", TRUE));
  assert_good (CLIENT ("id", "c", "secret", SECRET, "first-party", TRUE));
}

static void
test_grant_types (void)
{
  assert_refused (CLIENT ("id", "c", "grant-types", STRV ("password")));
  assert_refused (CLIENT ("id", "c", "grant-types", STRV ("implicit")));

  g_autoptr (TesseraClient) by_flag = CLIENT ("id", "c", "refresh-tokens", TRUE);
  g_assert_true (tessera_client_allows_grant_type (by_flag, "refresh_token"));
  g_assert_true (tessera_client_allows_grant_type (by_flag, "authorization_code"));
  g_assert_false (tessera_client_allows_grant_type (by_flag, "client_credentials"));

  gboolean refresh_tokens;
  g_autoptr (TesseraClient) by_list
      = CLIENT ("id", "c", "grant-types", STRV ("authorization_code", "refresh_token"));
  g_object_get (by_list, "refresh-tokens", &refresh_tokens, NULL);
  g_assert_true (refresh_tokens);
}

static void
test_dangerous_redirect_uris_are_refused (void)
{
  static const char *const bad[]
      = { "javascript:alert(1)", "data:text/html,x", "vbscript:x",        "file:///etc/passwd",
          "blob:https://x/y",    "myapp:/cb",        "http://c1.test/cb", "https://u:p@c1.test/cb",
          "https://c1.test/#f",  "https://*.test/",  "not a uri" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (CLIENT ("id", "c", "redirect-uris", STRV ("https://c1.test/cb", bad[i])));

  assert_good (CLIENT ("id", "c", "redirect-uris",
                       STRV ("https://c1.test/cb", "http://127.0.0.1/cb", "com.example.app:/cb")));
  assert_refused (
      CLIENT ("id", "c", "application-type", "web", "redirect-uris", STRV ("com.example.app:/cb")));
  assert_refused (CLIENT ("id", "c", "application-type", "desktop"));
}

static void
assert_allows (const char *const *uris, const char *type, const char *uri, gboolean expected)
{
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "application-type", type, "redirect-uris", uris);
  g_assert_cmpint (tessera_client_allows_redirect_uri (client, uri), ==, expected);
}

/* The same rules; but nothing registered is nothing allowed, and no port is free. */
static void
test_post_logout_redirect_uris_match_exactly (void)
{
  g_autoptr (TesseraClient) none = CLIENT ("id", "c");
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "application-type", "native", "redirect-uris",
                STRV ("https://c1.test/cb"), "post-logout-redirect-uris",
                STRV ("https://c1.test/out", "http://127.0.0.1/out", ""));

  g_assert_true (tessera_client_check (client, NULL));
  g_assert_true (tessera_client_allows_post_logout_redirect_uri (client, "https://c1.test/out"));
  g_assert_true (tessera_client_allows_post_logout_redirect_uri (client, "http://127.0.0.1/out"));
  static const char *const others[]
      = { "https://c1.test/cb",   "https://c1.test/out/",   "https://C1.test/out",
          "https://c1.test/out?", "http://127.0.0.1:1/out", "" };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (tessera_client_allows_post_logout_redirect_uri (client, others[i]));
  g_assert_false (tessera_client_allows_post_logout_redirect_uri (none, "http://127.0.0.1/"));
  g_assert_false (tessera_client_allows_redirect_uri (client, "https://c1.test/out"));
  assert_refused (CLIENT ("id", "c", "post-logout-redirect-uris", STRV ("http://c1.test/")));
  assert_refused (CLIENT ("id", "c", "application-type", "web", "post-logout-redirect-uris",
                          STRV ("com.example.app:/out")));
}

/* Tokens do not depend on where a browser goes once they are over. */
static void
test_the_fingerprint_is_not_about_logout (void)
{
  g_autoptr (TesseraClient) one = CLIENT ("id", "c", "redirect-uris", STRV ("https://c1.test/cb"));
  g_autoptr (TesseraClient) other
      = CLIENT ("id", "c", "redirect-uris", STRV ("https://c1.test/cb"),
                "post-logout-redirect-uris", STRV ("https://c1.test/out"));
  g_autoptr (TesseraClient) elsewhere
      = CLIENT ("id", "c", "redirect-uris", STRV ("https://c1.test/out"));
  g_autofree char *before = tessera_client_dup_fingerprint (one);
  g_autofree char *after = tessera_client_dup_fingerprint (other);
  g_autofree char *changed = tessera_client_dup_fingerprint (elsewhere);

  g_assert_cmpstr (before, ==, after);
  g_assert_cmpstr (before, !=, changed);
}

static void
test_redirect_uris_match_exactly (void)
{
  const char *const *web = STRV ("https://c1.test/cb");
  const char *const *native = STRV ("http://127.0.0.1/cb", "com.example.app:/cb");

  assert_allows (web, NULL, "https://c1.test/cb", TRUE);
  assert_allows (web, NULL, "https://c1.test/cb/", FALSE);
  assert_allows (web, NULL, "https://c1.test/CB", FALSE);
  assert_allows (web, NULL, "https://c1.test:443/cb", FALSE);
  assert_allows (web, NULL, "http://127.0.0.1/cb", FALSE);
  assert_allows (native, NULL, "http://127.0.0.1:49152/cb", TRUE);
  assert_allows (native, NULL, "http://127.0.0.1:49152/x", FALSE);
  assert_allows (native, NULL, "http://[::1]/cb", FALSE);
  assert_allows (native, NULL, "com.example.app:/cb", TRUE);
  /* The port is a native client's own affair only. */
  assert_allows (STRV ("http://127.0.0.1:1/cb"), "web", "http://127.0.0.1:2/cb", FALSE);
  assert_allows (STRV ("http://127.0.0.1:1/cb"), "web", "http://127.0.0.1:1/cb", TRUE);
  assert_allows (STRV ("http://127.0.0.1:1/cb", "https://c1.test/cb"), NULL,
                 "http://127.0.0.1:2/cb", FALSE);
}

static void
test_nothing_registered_means_loopback (void)
{
  assert_allows (NULL, NULL, "http://127.0.0.1:8080/any/path", TRUE);
  assert_allows (STRV (""), NULL, "http://[::1]:9/", TRUE);
  assert_allows (NULL, NULL, "https://c1.test/cb", FALSE);
  assert_allows (NULL, NULL, "http://localhost.evil.test/", FALSE);
  assert_allows (NULL, NULL, "com.example.app:/cb", FALSE);
}

static void
test_lists_and_scope (void)
{
  assert_good (CLIENT ("id", "c", "resources", STRV ("https://r.test/api", "urn:example:api")));
  assert_refused (CLIENT ("id", "c", "resources", STRV ("r.test")));
  assert_refused (CLIENT ("id", "c", "resources", STRV ("https://r.test/#f")));
  assert_good (CLIENT ("id", "c", "allowed-origins", STRV ("https://app.test:8443")));
  assert_refused (CLIENT ("id", "c", "allowed-origins", STRV ("https://app.test/")));
  assert_refused (CLIENT ("id", "c", "allowed-origins", STRV ("*")));
  assert_good (CLIENT ("id", "c", "introspect", STRV ("*")));
  assert_refused (CLIENT ("id", "c", "audience", STRV ("two words")));
  assert_good (CLIENT ("id", "c", "scope", "read write"));
  assert_refused (CLIENT ("id", "c", "scope", "read  write"));
  assert_refused (CLIENT ("id", "c", "name", "two\nlines"));
  assert_refused (CLIENT ("id", "c", "id-token-signed-response-alg", "none"));
  assert_refused (CLIENT ("id", "c", "id-token-signed-response-alg", "HS256"));
  assert_good (CLIENT ("id", "c", "id-token-signed-response-alg", "RS256"));
  assert_refused (CLIENT ("id", "c", "userinfo-signed-response-alg", "none"));
  assert_refused (CLIENT ("id", "c", "userinfo-signed-response-alg", "HS256"));
  assert_good (CLIENT ("id", "c", "userinfo-signed-response-alg", "ES256"));
  assert_good (CLIENT ("id", "c", "name",
                       "B\xc3\xbc"
                       "cher"));
}

static TesseraClient *
new_full (const char *secret, const char *previous)
{
  return CLIENT ("id", "full", "name", "Full", "secret", secret, "previous-secret", previous,
                 "redirect-uris", STRV ("https://c1.test/cb", "https://c1.test/cb2"),
                 "post-logout-redirect-uris", STRV ("https://c1.test/out"), "grant-types",
                 STRV ("authorization_code", "refresh_token", "client_credentials"), "scope", "a b",
                 "token-endpoint-auth-method", "client_secret_post", "application-type", "web",
                 "resources", STRV ("https://r.test/"), "audience", STRV ("https://r.test/"),
                 "introspect", STRV ("*"), "allowed-origins", STRV ("https://app.test"),
                 "access-token-lifetime", 120, "refresh-token-lifetime", 7200, "first-party", TRUE,
                 "require-pkce", FALSE);
}

static void
test_survives_the_store (void)
{
  g_autoptr (TesseraClient) client = new_full (SECRET, "the-one-before-of-it");
  g_autoptr (json_t) json = tessera_client_to_json (client);
  g_autofree char *text = tessera_json_dump (json);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) copy = tessera_client_new_from_json (text, strlen (text), &error);
  g_assert_no_error (error);

  g_autoptr (json_t) again = tessera_client_to_json (copy);
  g_assert_true (json_equal (json, again));
  g_assert_true (tessera_client_check_secret (copy, SECRET));
  g_assert_true (tessera_client_check_secret (copy, "the-one-before-of-it"));
  g_assert_cmpstr (tessera_client_get_name (copy), ==, "Full");
  g_assert_cmpstrv (tessera_client_get_redirect_uris (copy),
                    STRV ("https://c1.test/cb", "https://c1.test/cb2"));
  g_assert_cmpstrv (tessera_client_get_post_logout_redirect_uris (copy),
                    STRV ("https://c1.test/out"));
  g_assert_cmpint (tessera_client_get_refresh_token_lifetime (copy), ==, 7200);
  g_assert_true (tessera_client_is_first_party (copy));
  g_assert_false (tessera_client_requires_pkce (copy));
  g_autofree char *before = tessera_client_dup_fingerprint (client);
  g_autofree char *after = tessera_client_dup_fingerprint (copy);
  g_assert_cmpstr (before, ==, after);
}

static void
test_damaged_registrations_are_refused (void)
{
  static const char *const bad[] = {
    "",
    "[]",
    "{\"client_id\":\"\"}",
    "{\"client_id\":\"c\",\"secret_digests\":[\"short\"]}",
    "{\"client_id\":\"c\",\"secret_digests\":[1]}",
    "{\"client_id\":\"c\",\"secret_digests\":[\"a\",\"b\",\"c\"]}",
    "{\"client_id\":\"c\",\"redirect_uris\":[\"javascript:x\"]}",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (tessera_client_new_from_json (bad[i], strlen (bad[i]), &error));
      g_assert_nonnull (error);
    }
}

static TesseraClient *
read_record (const char *text)
{
  g_autoptr (GError) error = NULL;
  TesseraClient *client = tessera_client_new_from_json (text, strlen (text), &error);

  g_assert_no_error (error);
  return client;
}

/* What is said in another type than it should be is as if nothing was said. */
static void
test_a_record_says_nothing_in_another_type (void)
{
  static const char *const records[] = {
    "{\"client_id\":\"c\",\"redirect_uris\":[7,\"https://c1.test/cb\"],\"first_party\":1,"
    "\"require_pkce\":0,\"disabled\":\"true\",\"default_max_age\":\"60\","
    "\"access_token_lifetime\":1.5,\"used_at\":\"9\",\"scope\":7}",
    "{\"client_id\":\"c\",\"redirect_uris\":[\"https://c1.test/cb\",null],"
    "\"first_party\":\"true\",\"require_pkce\":\"false\",\"disabled\":1,"
    "\"default_max_age\":true,\"access_token_lifetime\":[60],\"used_at\":9.5,\"scope\":[\"a\"]}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autoptr (TesseraClient) client = read_record (records[i]);
      gboolean first_party = TRUE, require_pkce = FALSE, disabled = TRUE;
      int max_age = 0, lifetime = 1;
      gint64 used_at = 1;
      g_auto (GStrv) uris = NULL;
      g_autofree char *scope = NULL;

      g_object_get (client, "first-party", &first_party, "require-pkce", &require_pkce, "disabled",
                    &disabled, "default-max-age", &max_age, "access-token-lifetime", &lifetime,
                    "used-at", &used_at, "redirect-uris", &uris, "scope", &scope, NULL);
      g_assert_false (first_party);
      g_assert_true (require_pkce);
      g_assert_false (disabled);
      g_assert_cmpint (max_age, ==, -1);
      g_assert_cmpint (lifetime, ==, 0);
      g_assert_cmpint (used_at, ==, 0);
      g_assert_cmpstrv (uris, STRV ("https://c1.test/cb"));
      g_assert_null (scope);
    }
}

static void
test_numbers_of_a_record_have_limits (void)
{
  g_autoptr (TesseraClient) below
      = read_record ("{\"client_id\":\"c\",\"default_max_age\":-60,\"access_token_lifetime\":-60,"
                     "\"refresh_token_lifetime\":-4294967236,\"registered_at\":-1}");
  g_autoptr (TesseraClient) above
      = read_record ("{\"client_id\":\"c\",\"default_max_age\":2147483648,"
                     "\"refresh_token_lifetime\":4294967356,\"registered_at\":4294967356}");
  int max_age = -1, lifetime = -1, refresh_lifetime = -1;
  gint64 registered_at = -1;

  g_object_get (below, "default-max-age", &max_age, "access-token-lifetime", &lifetime,
                "refresh-token-lifetime", &refresh_lifetime, "registered-at", &registered_at, NULL);
  g_assert_cmpint (max_age, ==, 0); /* a login each time, and not none */
  g_assert_cmpint (lifetime, ==, 0);
  g_assert_cmpint (refresh_lifetime, ==, 0);
  g_assert_cmpint (registered_at, ==, 0);
  g_object_get (above, "default-max-age", &max_age, "refresh-token-lifetime", &refresh_lifetime,
                "registered-at", &registered_at, NULL);
  g_assert_cmpint (max_age, ==, G_MAXINT32);
  g_assert_cmpint (refresh_lifetime, ==, G_MAXINT32);
  g_assert_cmpint (registered_at, ==, 4294967356);
}

static void
test_copy_with_another_id_and_secret (void)
{
  g_autoptr (TesseraClient) client = new_full (SECRET, NULL);
  g_autofree char *secret = tessera_secret_new ("tcs_");
  g_autoptr (TesseraClient) copy = tessera_client_copy_with (client, "made", secret);

  g_assert_cmpstr (tessera_client_get_id (copy), ==, "made");
  g_assert_cmpstr (tessera_client_get_name (copy), ==, "Full");
  g_assert_true (tessera_client_check_secret (copy, secret));
  /* Its own secret is ignored. */
  g_assert_false (tessera_client_check_secret (copy, SECRET));
}

static gboolean
is_same (TesseraClient *taken_before, TesseraClient *taken_now)
{
  g_autoptr (TesseraClient) before = taken_before;
  g_autoptr (TesseraClient) now = taken_now;
  g_autofree char *old_print = tessera_client_dup_fingerprint (before);
  g_autofree char *new_print = tessera_client_dup_fingerprint (now);
  return tessera_client_fingerprint_matches (old_print, new_print);
}

static void
test_fingerprint_tells_a_change_from_a_rotation (void)
{
  g_assert_true (is_same (new_full (SECRET, NULL), new_full (SECRET, NULL)));
  g_assert_true (is_same (new_full (SECRET, NULL), new_full ("the-next-one-of-it", SECRET)));
  g_assert_true (
      is_same (new_full ("the-next-one-of-it", SECRET), new_full ("the-next-one-of-it", NULL)));
  g_assert_false (is_same (new_full (SECRET, NULL), new_full ("the-next-one-of-it", NULL)));
  g_assert_false (is_same (CLIENT ("id", "c", "secret", SECRET), CLIENT ("id", "c")));
  g_assert_false (is_same (CLIENT ("id", "c"), CLIENT ("id", "c", "secret", SECRET)));
  g_assert_false (is_same (CLIENT ("id", "c"), CLIENT ("id", "c", "scope", "a")));
  g_assert_false (is_same (CLIENT ("id", "c"), CLIENT ("id", "d")));
  g_assert_true (is_same (CLIENT ("id", "c"), CLIENT ("id", "c", "name", "Another")));
}

/* To look at an RSA key costs milliseconds, and there may be many in one registration. */
static void
test_its_keys_are_read_once (void)
{
  g_autoptr (TesseraClient) one = SIGNS (KEYS (KEY_BEGIN "}"));
  g_autoptr (TesseraClient) two
      = SIGNS (KEYS (KEY_BEGIN "}"), "request-object-signing-alg", "PS256");

  g_assert_true (tessera_client_get_keys (one, TESSERA_CLIENT_KEYS_OF_ASSERTIONS)
                 == tessera_client_get_keys (one, TESSERA_CLIENT_KEYS_OF_REQUESTS));
  g_assert_true (tessera_client_get_keys (two, TESSERA_CLIENT_KEYS_OF_ASSERTIONS)
                 != tessera_client_get_keys (two, TESSERA_CLIENT_KEYS_OF_REQUESTS));
}

static void
test_who_is_told_of_a_logout_is_told_over_tls (void)
{
  static const char *const bad[] = { "http://c.test/out", "https://", "https://c.test/out#x",
                                     "https://a@c.test/out", "com.example.app:/out" };

  assert_good (
      CLIENT ("id", "c", "secret", SECRET, "backchannel-logout-uri", "https://c.test/out?x=y"));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (CLIENT ("id", "c", "secret", SECRET, "backchannel-logout-uri", bad[i]));
}

#define SIGNS_AT(uri)                                                                              \
  CLIENT ("id", "c", "token-endpoint-auth-method", "private_key_jwt", "jwks-uri", uri)

/* Whoever publishes the keys is the client, whichever they are. */
static void
test_the_place_of_its_keys_holds_a_client_together (void)
{
  g_assert_true (is_same (SIGNS_AT ("https://a.test/jwks"), SIGNS_AT ("https://a.test/jwks")));
  g_assert_false (is_same (SIGNS_AT ("https://a.test/jwks"), SIGNS_AT ("https://b.test/jwks")));
  g_assert_false (is_same (SIGNS (KEYS (KEY_BEGIN "}")), SIGNS_AT ("https://a.test/jwks")));
}

/* It is kept beside the database: were it another one, each upgrade would log everybody out. */
static void
test_the_fingerprint_outlives_an_upgrade (void)
{
  g_autoptr (TesseraClient) client = new_full (SECRET, NULL);
  g_autofree char *fingerprint = tessera_client_dup_fingerprint (client);

  g_assert_cmpstr (fingerprint, ==,
                   "GIChSRRJ5eTHYCVv9aQ6_8rddr_KsTdyqxyhpH50uKw "
                   "jbOxn0S75Nawhb89SneMrD_UyxrWsbqoiZEuvMR2CFA");
}

/* What was set is what is read: by name, as an application does. */
static void
test_properties_read_back_what_was_set (void)
{
  const char *const *list = STRV ("https://a.test/");
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "name", "Name", "scope", "a b", "redirect-uris", list,
                "post-logout-redirect-uris", list, "resources", list, "audience", list,
                "introspect", list, "allowed-origins", list, "grant-types", STRV ("refresh_token"),
                "token-endpoint-auth-method", "client_secret_post", "application-type", "web",
                "access-token-lifetime", 60, "refresh-token-lifetime", 120, "first-party", TRUE,
                "require-pkce", FALSE, "allow-short-secret", TRUE, "disabled", TRUE, "secret",
                SECRET);
  static const char *const texts[][2] = { { "id", "c" },
                                          { "name", "Name" },
                                          { "scope", "a b" },
                                          { "token-endpoint-auth-method", "client_secret_post" },
                                          { "application-type", "web" } };
  static const char *const lists[]
      = { "redirect-uris",  "post-logout-redirect-uris", "resources", "audience", "introspect",
          "allowed-origins" };
  gboolean first_party = FALSE, require_pkce = TRUE, allow_short = FALSE, confidential = FALSE;
  gboolean disabled = FALSE;
  int lifetime = 0, refresh_lifetime = 0;
  g_auto (GStrv) grant_types = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = NULL;
      g_object_get (client, texts[i][0], &text, NULL);
      g_assert_cmpstr (text, ==, texts[i][1]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_auto (GStrv) read = NULL;
      g_object_get (client, lists[i], &read, NULL);
      g_assert_cmpstrv (read, list);
    }
  g_object_get (client, "grant-types", &grant_types, "access-token-lifetime", &lifetime,
                "refresh-token-lifetime", &refresh_lifetime, "first-party", &first_party,
                "require-pkce", &require_pkce, "allow-short-secret", &allow_short, "disabled",
                &disabled, "confidential", &confidential, NULL);
  g_assert_cmpstrv (grant_types, STRV ("refresh_token"));
  g_assert_cmpint (lifetime, ==, 60);
  g_assert_cmpint (refresh_lifetime, ==, 120);
  g_assert_true (first_party && !require_pkce && allow_short && confidential && disabled);
  g_assert_cmpstr (tessera_client_get_application_type (client), ==, "web");
}

static void
test_names_and_lists_have_limits (void)
{
  g_autofree char *name = g_strnfill (100000, 'n');
  g_autoptr (GPtrArray) many = g_ptr_array_new ();

  for (guint i = 0; i < 2000; i++)
    g_ptr_array_add (many, (gpointer) "https://a.test/");
  g_ptr_array_add (many, NULL);
  assert_refused (CLIENT ("id", "c", "name", name));
  assert_refused (CLIENT ("id", "c", "name", "\xff"));
  assert_refused (CLIENT ("id", "c", "redirect-uris", many->pdata));
  assert_refused (CLIENT ("id", "c", "secret", SECRET, "introspect", STRV ("caf\xc3\xa9")));
}

static void
test_a_short_secret_that_was_allowed_survives_the_store (void)
{
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "secret", "short", "allow-short-secret", TRUE);
  g_autoptr (json_t) json = tessera_client_to_json (client);
  g_autofree char *text = json_dumps (json, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) again = tessera_client_new_from_json (text, strlen (text), &error);

  g_assert_no_error (error);
  g_assert_true (tessera_client_check_secret (again, "short"));
}

static char *
dup_sector (const char *const *redirect_uris, const char *sector_identifier_uri)
{
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "redirect-uris", redirect_uris, "sector-identifier-uri",
                sector_identifier_uri, "subject-type", "pairwise");
  char *sector = tessera_client_dup_sector (client);

  g_assert_cmpint (sector != NULL, ==, tessera_client_check (client, NULL));
  g_assert_cmpstr (tessera_client_get_sector_identifier_uri (client), ==, sector_identifier_uri);
  return sector;
}

static void
test_a_sector_is_a_host_or_the_client_itself (void)
{
  static const struct
  {
    const char *redirect_uris[4];
    const char *sector_identifier_uri;
    const char *sector;
  } cases[] = {
    { { "https://a.test/cb" }, NULL, "a.test" },
    { { "https://A.test:8443/cb", "https://a.TEST/other" }, NULL, "a.test" },
    { { "https://a.test/cb", "https://b.test/cb" }, NULL, NULL },
    { { "https://a.test/cb", "https://sub.a.test/cb" }, NULL, NULL },
    { { "https://a.test/cb", "https://b.test/cb" }, "https://C.test/list.json", "c.test" },
    { { "https://a.test/cb" }, "https://c.test/list.json", "c.test" },
    { { "https://a.test/cb", "com.example.app:/cb" }, NULL, "client c" },
    { { "http://127.0.0.1/cb", "https://a.test/cb" }, NULL, "client c" },
    { { "https://a.test/cb", "com.example.app:/cb" }, "https://a.test/list.json", "a.test" },
    { { "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb" }, NULL, "client c" },
    { { "com.example.app:/cb" }, NULL, "client c" },
    { { NULL }, NULL, "client c" },
    { { "https://a.test/cb" }, "https://127.0.0.1/list.json", NULL },
    { { "https://a.test/cb" }, "https:/list.json", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *sector = dup_sector (cases[i].redirect_uris, cases[i].sector_identifier_uri);
      g_assert_cmpstr (sector, ==, cases[i].sector);
    }
  assert_refused (CLIENT ("id", "c", "subject-type", "Pairwise"));
  assert_refused (CLIENT ("id", "c", "sector-identifier-uri", "http://a.test/"));
  assert_refused (CLIENT ("id", "c", "sector-identifier-uri", "https://a.test/#x"));
}

static void
test_a_document_of_a_sector_names_all_redirect_uris (void)
{
  g_autoptr (TesseraClient) client
      = CLIENT ("id", "c", "redirect-uris", STRV ("https://a.test/cb", "https://b.test/cb"));
  g_autofree char *filler = g_strnfill (TESSERA_CLIENT_SECTOR_MAX_LENGTH, ' ');
  static const char *const others[] = {
    "",
    "[]",
    "{}",
    "null",
    "[\"https://a.test/cb\"]",
    "[\"https://a.test/cb\",\"https://b.test/cb",
    "[\"https://a.test/cb\",\"https://b.test/cb/\"]",
    "[[\"https://a.test/cb\",\"https://b.test/cb\"]]",
    "{\"https://a.test/cb\":1,\"https://b.test/cb\":1}",
    "[\"https://a.test/cb\",\"https://b.test/cb\",[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
  };
  const char *good = "[1, \"https://b.test/cb\", \"https://a.test/cb\", \"https://c.test/\"]";
  g_autofree char *long_one = g_strconcat (good, filler, NULL);

  g_assert_true (tessera_client_is_in_sector (client, good, strlen (good)));
  g_assert_false (tessera_client_is_in_sector (client, good, strlen (good) + 1));
  g_assert_false (tessera_client_is_in_sector (client, long_one, strlen (long_one)));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (tessera_client_is_in_sector (client, others[i], strlen (others[i])));
}

/* What is shown to people, written down, or compared with what comes. */
static void
test_lists_of_texts_have_limits (void)
{
  g_auto (GStrv) many = g_new0 (char *, 34);

  for (guint i = 0; i < 33; i++)
    many[i] = g_strdup_printf ("a%u@rp.test", i);
  assert_good (CLIENT ("id", "c", "contacts", STRV ("a@rp.test")));
  assert_refused (CLIENT ("id", "c", "contacts", many));
  assert_refused (CLIENT ("id", "c", "contacts", STRV ("a@rp.test", "two\nlines")));
  assert_refused (CLIENT ("id", "c", "contacts", STRV ("\xff")));
  assert_good (CLIENT ("id", "c", "client-names", STRV ("de Tagebuch")));
  assert_refused (CLIENT ("id", "c", "client-names", STRV ("Tagebuch")));
  assert_refused (CLIENT ("id", "c", "client-names", STRV (" Tagebuch")));
  assert_refused (CLIENT ("id", "c", "client-names", STRV ("d\xc3\xa9 Tagebuch")));
  assert_good (CLIENT ("id", "c", "default-acr-values", STRV ("urn:a", "mfa")));
  assert_refused (CLIENT ("id", "c", "default-acr-values", STRV ("two words")));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/client/default-is-a-public-native-client",
                   test_default_is_a_public_native_client);
  g_test_add_func ("/client/keeps-only-digests-of-its-secrets",
                   test_keeps_only_digests_of_its_secrets);
  g_test_add_func ("/client/properties-read-back-what-was-set",
                   test_properties_read_back_what_was_set);
  g_test_add_func ("/client/names-and-lists-have-limits", test_names_and_lists_have_limits);
  g_test_add_func ("/client/a-short-secret-that-was-allowed-survives-the-store",
                   test_a_short_secret_that_was_allowed_survives_the_store);
  g_test_add_func ("/client/ids", test_ids);
  g_test_add_func ("/client/secrets-of-people-need-length", test_secrets_of_people_need_length);
  g_test_add_func ("/client/authentication-methods", test_authentication_methods);
  g_test_add_func ("/client/a-client-with-keys-has-no-secret",
                   test_a_client_with_keys_has_no_secret);
  g_test_add_func ("/client/client_secret_jwt-needs-a-secret-that-is-long-enough",
                   test_client_secret_jwt_needs_a_secret_that_is_long_enough);
  g_test_add_func ("/client/B39-the-registered-hmac-is-the-only-one",
                   test_the_registered_hmac_is_the_only_one);
  g_test_add_func ("/client/a-secret-that-is-read-again-is-kept-sealed",
                   test_a_secret_that_is_read_again_is_kept_sealed);
  g_test_add_func ("/client/a-seal-is-of-one-client", test_a_seal_is_of_one_client);
  g_test_add_func ("/client/a-digest-alone-is-not-enough-to-sign-with",
                   test_a_digest_alone_is_not_enough_to_sign_with);
  g_test_add_func ("/client/only-who-signs-with-a-secret-has-it-kept",
                   test_only_who_signs_with_a_secret_has_it_kept);
  g_test_add_func ("/client/copies-keep-what-is-sealed", test_copies_keep_what_is_sealed);
  g_test_add_func ("/client/request-objects-need-keys", test_request_objects_need_keys);
  g_test_add_func ("/client/lists-of-texts-have-limits", test_lists_of_texts_have_limits);
  g_test_add_func ("/client/keys-survive-the-store", test_keys_survive_the_store);
  g_test_add_func ("/client/a-key-that-stays-makes-it-the-same-client",
                   test_a_key_that_stays_makes_it_the_same_client);
  g_test_add_func ("/client/public-clients-have-less-freedom",
                   test_public_clients_have_less_freedom);
  g_test_add_func ("/client/grant-types", test_grant_types);
  g_test_add_func ("/client/A30-dangerous-redirect-uris-are-refused",
                   test_dangerous_redirect_uris_are_refused);
  g_test_add_func ("/client/redirect-uris-match-exactly", test_redirect_uris_match_exactly);
  g_test_add_func ("/client/A41-post-logout-redirect-uris-match-exactly",
                   test_post_logout_redirect_uris_match_exactly);
  g_test_add_func ("/client/the-fingerprint-is-not-about-logout",
                   test_the_fingerprint_is_not_about_logout);
  g_test_add_func ("/client/nothing-registered-means-loopback",
                   test_nothing_registered_means_loopback);
  g_test_add_func ("/client/lists-and-scope", test_lists_and_scope);
  g_test_add_func ("/client/a-sector-is-a-host-or-the-client-itself",
                   test_a_sector_is_a_host_or_the_client_itself);
  g_test_add_func ("/client/a-document-of-a-sector-names-all-redirect-uris",
                   test_a_document_of_a_sector_names_all_redirect_uris);
  g_test_add_func ("/client/survives-the-store", test_survives_the_store);
  g_test_add_func ("/client/damaged-registrations-are-refused",
                   test_damaged_registrations_are_refused);
  g_test_add_func ("/client/a-record-says-nothing-in-another-type",
                   test_a_record_says_nothing_in_another_type);
  g_test_add_func ("/client/numbers-of-a-record-have-limits", test_numbers_of_a_record_have_limits);
  g_test_add_func ("/client/copy-with-another-id-and-secret", test_copy_with_another_id_and_secret);
  g_test_add_func ("/client/its-keys-are-read-once", test_its_keys_are_read_once);
  g_test_add_func ("/client/who-is-told-of-a-logout-is-told-over-tls",
                   test_who_is_told_of_a_logout_is_told_over_tls);
  g_test_add_func ("/client/the-place-of-its-keys-holds-a-client-together",
                   test_the_place_of_its_keys_holds_a_client_together);
  g_test_add_func ("/client/fingerprint-tells-a-change-from-a-rotation",
                   test_fingerprint_tells_a_change_from_a_rotation);
  g_test_add_func ("/client/the-fingerprint-outlives-an-upgrade",
                   test_the_fingerprint_outlives_an_upgrade);

  return g_test_run ();
}
