/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jose/tessera-key-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

static const TesseraAlgorithm algorithms[] = { TESSERA_ALGORITHM_ES256, TESSERA_ALGORITHM_EDDSA,
                                               TESSERA_ALGORITHM_RS256, TESSERA_ALGORITHM_PS256 };
static TesseraKey *keys[G_N_ELEMENTS (algorithms)];

/* n of P-256 and n - 1 */
static const guint8 order[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

static json_t *
read_json (const char *text)
{
  g_autoptr (GError) error = NULL;
  json_t *json = tessera_json_parse (text, strlen (text), 8192, &error);
  g_assert_no_error (error);
  return json;
}

static void
assert_refused (TesseraKey *key, GError **error)
{
  g_assert_null (key);
  g_assert_error (*error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
}

static void
test_algorithm_names_are_exact (void)
{
  TesseraAlgorithm algorithm;

  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_assert_true (
          tessera_algorithm_parse (tessera_algorithm_get_name (algorithms[i]), &algorithm));
      g_assert_cmpint (algorithm, ==, algorithms[i]);
    }
  g_assert_false (tessera_algorithm_parse ("es256", &algorithm));
  g_assert_false (tessera_algorithm_parse ("HS256", &algorithm));
  g_assert_false (tessera_algorithm_parse ("none", &algorithm));
  g_assert_false (tessera_algorithm_parse (NULL, NULL));
}

static void
test_round_trip_by_pem (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      guint8 signature[TESSERA_SIGNATURE_MAX];
      gsize length = 0;
      g_autoptr (TesseraSecret) pem = tessera_key_dup_private_pem (keys[i]);
      g_autofree char *public_pem = tessera_key_dup_public_pem (keys[i]);
      g_autoptr (TesseraKey) signer = tessera_key_new_from_pem (pem, -1, algorithms[i], NULL);
      g_autoptr (TesseraKey) verifier
          = tessera_key_new_from_pem (public_pem, -1, algorithms[i], NULL);

      g_assert_null (strstr (public_pem, "PRIVATE"));
      g_assert_true (tessera_key_is_private (signer));
      g_assert_false (tessera_key_is_private (verifier));
      g_assert_cmpstr (tessera_key_get_id (signer), ==, tessera_key_get_id (keys[i]));
      g_assert_cmpstr (tessera_key_get_id (verifier), ==, tessera_key_get_id (keys[i]));
      g_assert_true (tessera_key_sign (signer, "abc", 3, signature, &length, NULL));
      g_assert_true (tessera_key_verify (verifier, "abc", 3, signature, length));
      g_assert_false (tessera_key_verify (verifier, "abd", 3, signature, length));
      g_assert_false (tessera_key_verify (verifier, "abc", 3, signature, length - 1));
      g_assert_false (tessera_key_verify (verifier, "abc", 3, signature, 0));
      g_assert_false (tessera_key_sign (verifier, "abc", 3, signature, &length, NULL));
    }
}

static void
test_round_trip_by_jwk (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      guint8 signature[TESSERA_SIGNATURE_MAX];
      gsize length = 0;
      g_autoptr (GError) error = NULL;
      g_autoptr (json_t) jwk = tessera_key_to_jwk (keys[i]);
      g_autoptr (TesseraKey) verifier = tessera_key_new_from_jwk (jwk, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (tessera_key_get_id (verifier), ==, tessera_key_get_id (keys[i]));
      g_assert_cmpint (tessera_key_get_algorithm (verifier), ==, algorithms[i]);
      g_assert_true (tessera_key_sign (keys[i], "abc", 3, signature, &length, NULL));
      g_assert_true (tessera_key_verify (verifier, "abc", 3, signature, length));
    }
}

static void
test_a_jwk_has_public_members_only (void)
{
  static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "k", "oth" };

  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_autoptr (json_t) jwk = tessera_key_to_jwk (keys[i]);
      for (guint j = 0; j < G_N_ELEMENTS (private_members); j++)
        g_assert_null (json_object_get (jwk, private_members[j]));
      g_assert_cmpstr (json_string_value (json_object_get (jwk, "use")), ==, "sig");
    }
}

/* RFC 7638 §3.1 */
static void
test_kid_is_the_thumbprint (void)
{
  g_autoptr (json_t) jwk = read_json (
      "{\"kty\":\"RSA\",\"n\":"
      "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
      "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
      "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
      "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\","
      "\"e\":\"AQAB\",\"alg\":\"RS256\"}");
  g_autoptr (TesseraKey) key = tessera_key_new_from_jwk (jwk, NULL);
  g_assert_cmpstr (tessera_key_get_id (key), ==, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/* RFC 8037 appendix A.3: thumbprint; A.4, A.5: signature. */
static void
test_ed25519_is_that_of_rfc8037 (void)
{
  g_autoptr (json_t) jwk = read_json ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\","
                                      "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
  g_autoptr (TesseraKey) key = tessera_key_new_from_jwk (jwk, NULL);
  const char *input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const char *text
      = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  gsize length = 0;
  g_autofree guint8 *signature = tessera_base64url_decode (text, strlen (text), &length);

  g_assert_cmpstr (tessera_key_get_id (key), ==, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  g_assert_true (tessera_key_verify (key, input, strlen (input), signature, length));
}

/* RFC 7515 appendix A.3 */
static void
test_es256_is_that_of_rfc7515 (void)
{
  g_autoptr (json_t) jwk = read_json ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\","
                                      "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
  g_autoptr (TesseraKey) key = tessera_key_new_from_jwk (jwk, NULL);
  const char *input
      = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6"
        "Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const char *text
      = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  gsize length = 0;
  g_autofree guint8 *signature = tessera_base64url_decode (text, strlen (text), &length);

  g_assert_true (tessera_key_verify (key, input, strlen (input), signature, length));
}

static void
test_bad_jwks_are_refused (void)
{
  static const char *const bad[] = {
    "{}",
    "{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"HS256\"}",
    "{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"ES256\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ES256\",\"x\":\"11qYAYKxCrfVS_"
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"enc\",\"x\":\"11qYAYKxCrfVS_"
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"d\":\"AA\",\"x\":\"11qYAYKxCrfVS_"
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"alg\":\"EdDSA\",\"x\":\"11qYAYKxCrfVS_"
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"11qYAYKxCrfVS_"
    "7TyWQHOg7hcvPapiMlrwIaaPcHUR\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":"
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
    /* not on the curve */
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":"
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
    "tue659LNpXW6pCyStikYjKIWI5a4\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-384\",\"alg\":\"ES256\",\"x\":"
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
    "tue659LNpXW6pCyStikYjKIWI5a0\"}",
    /* of small order, or not in the one spelling */
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":"
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":"
    "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":"
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"JuiVj8KyJ7BFw_SJ8u-"
    "Y8NXfrAXTxjM5sTgCiG1T_AU\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"xxdqcD1N2E-6PAt2DRBnDyogU_"
    "osOczGTsf9d5KsA_o\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"7P_____________________________"
    "__________38\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"7f_____________________________"
    "__________38\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"_______________________________"
    "___________8\"}",
    /* too short for RSA */
    "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"e\":\"AQAB\",\"n\":\"0vx7agoebGcQSuuPiLJXZg\"}",
    "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"e\":\"\",\"n\":\"\"}",
    /* an even exponent */
    "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"e\":\"Ag\",\"n\":"
    "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
    "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
    "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (json_t) jwk = read_json (bad[i]);
      assert_refused (tessera_key_new_from_jwk (jwk, &error), &error);
    }
}

/* RFC 7518 §6.2.1.2: a number that ends, or begins, with zeros is written with them. */
static void
test_a_coordinate_is_not_filled_up (void)
{
  static const char *const names[] = { "x", "y" };
  guint seen = 0;

  for (guint i = 0; seen == 0 && i < 20000; i++)
    {
      g_autoptr (TesseraKey) key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
      g_autoptr (json_t) jwk = tessera_key_to_jwk (key);

      for (guint j = 0; j < G_N_ELEMENTS (names); j++)
        {
          const char *text = json_string_value (json_object_get (jwk, names[j]));
          gsize length = 0;
          g_autofree guint8 *bytes = tessera_base64url_decode (text, strlen (text), &length);
          g_autofree char *cut = tessera_base64url_encode (bytes, length - 1);
          g_autoptr (json_t) shorter = json_deep_copy (jwk);
          g_autoptr (GError) error = NULL;

          if (bytes[length - 1] != 0)
            continue;
          seen++;
          json_object_set_new (shorter, names[j], json_string (cut));
          assert_refused (tessera_key_new_from_jwk (shorter, &error), &error);
        }
    }
  g_assert_cmpuint (seen, >, 0);
}

/* RFC 7518 §6.3.1: what begins with a zero, or is called otherwise, is another spelling of it. */
static void
test_an_rsa_key_has_one_spelling (void)
{
  g_autoptr (json_t) jwk = tessera_key_to_jwk (keys[2]);
  static const char *const names[] = { "n", "e" };

  g_assert_cmpstr (json_string_value (json_object_get (jwk, "kty")), ==, "RSA");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *text = json_string_value (json_object_get (jwk, names[i]));
      gsize length = 0;
      g_autofree guint8 *bytes = tessera_base64url_decode (text, strlen (text), &length);
      g_autofree guint8 *longer = g_malloc0 (length + 1);
      g_autoptr (json_t) other = json_deep_copy (jwk);
      g_autoptr (GError) error = NULL;

      memcpy (longer + 1, bytes, length);
      g_autofree char *padded = tessera_base64url_encode (longer, length + 1);
      json_object_set_new (other, names[i], json_string (padded));
      assert_refused (tessera_key_new_from_jwk (other, &error), &error);
    }
  g_autoptr (GError) error = NULL;
  json_object_set_new (jwk, "kty", json_string ("EC"));
  assert_refused (tessera_key_new_from_jwk (jwk, &error), &error);
}

static void
test_bad_pems_are_refused (void)
{
  static const char *const bad[] = {
    "",
    "nonsense",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      assert_refused (tessera_key_new_from_pem (bad[i], -1, TESSERA_ALGORITHM_ES256, &error),
                      &error);
    }
}

/* A modulus as usual, beside an exponent longer than any key that is good. */
static void
test_an_endless_exponent_is_refused (void)
{
  BIGNUM *modulus = NULL, *exponent = BN_new ();
  EVP_PKEY *pkey = NULL, *usual = EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) 2048);
  BIO *bio = BIO_new (BIO_s_mem ());
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "RSA", NULL);
  char *data = NULL;
  g_autoptr (GError) error = NULL;

  EVP_PKEY_get_bn_param (usual, OSSL_PKEY_PARAM_RSA_N, &modulus);
  BN_set_bit (exponent, 8 * TESSERA_SIGNATURE_MAX + 8);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_N, modulus);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_E, exponent);
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param (builder);
  g_assert_cmpint (EVP_PKEY_fromdata_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params), ==, 1);
  g_assert_cmpint (PEM_write_bio_PUBKEY (bio, pkey), ==, 1);
  long length = BIO_get_mem_data (bio, &data);
  assert_refused (tessera_key_new_from_pem (data, length, TESSERA_ALGORITHM_RS256, &error), &error);
  EVP_PKEY_CTX_free (context);
  OSSL_PARAM_free (params);
  OSSL_PARAM_BLD_free (builder);
  BN_free (modulus);
  BN_free (exponent);
  BIO_free (bio);
  EVP_PKEY_free (usual);
  EVP_PKEY_free (pkey);
}

/* RFC 8032 §5.1.3: only a y that is not below 2²⁵⁵ - 19 has another spelling. */
static void
test_a_point_with_a_high_y_is_one (void)
{
  guint accepted = 0;

  for (guint i = 0; i < 16; i++)
    {
      guint8 point[32];
      memset (point, 0xff, sizeof point);
      point[0] = (guint8) (0xed + i);
      point[15] = 0xfe;
      point[31] = 0x7f;
      g_autofree char *x = tessera_base64url_encode (point, sizeof point);
      g_autofree char *text
          = g_strdup_printf ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"%s\"}",
                             x);
      g_autoptr (json_t) jwk = read_json (text);
      g_autoptr (TesseraKey) key = tessera_key_new_from_jwk (jwk, NULL);
      accepted += key != NULL ? 1 : 0;
    }
  g_assert_cmpuint (accepted, >, 0); /* every second one or so is on the curve */
}

static void
test_a_key_of_another_kind_is_refused (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_autoptr (TesseraSecret) pem = tessera_key_dup_private_pem (keys[i]);
      for (guint j = 0; j < G_N_ELEMENTS (algorithms); j++)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (TesseraKey) key = tessera_key_new_from_pem (pem, -1, algorithms[j], &error);
          gboolean both_rsa = algorithms[i] >= TESSERA_ALGORITHM_RS256
                              && algorithms[j] >= TESSERA_ALGORITHM_RS256;
          g_assert_cmpint (key != NULL, ==, i == j || both_rsa);
        }
    }
}

static char *
make_foreign_pem (EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
  char *data = NULL;
  BIO *bio = BIO_new (BIO_s_mem ());
  g_assert_cmpint (PEM_write_bio_PKCS8PrivateKey (bio, pkey, cipher, "pw", cipher == NULL ? 0 : 2,
                                                  NULL, NULL),
                   ==, 1);
  long length = BIO_get_mem_data (bio, &data);
  char *pem = g_strndup (data, length);
  BIO_free (bio);
  EVP_PKEY_free (pkey);
  return pem;
}

static void
test_other_curves_sizes_and_encrypted_keys_are_refused (void)
{
  g_autofree char *p384 = make_foreign_pem (EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-384"), NULL);
  g_autofree char *k256
      = make_foreign_pem (EVP_PKEY_Q_keygen (NULL, NULL, "EC", "secp256k1"), NULL);
  g_autofree char *rsa1024
      = make_foreign_pem (EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) 1024), NULL);
  g_autofree char *locked
      = make_foreign_pem (EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256"), EVP_aes_128_cbc ());

  g_assert_null (tessera_key_new_from_pem (p384, -1, TESSERA_ALGORITHM_ES256, NULL));
  g_assert_null (tessera_key_new_from_pem (k256, -1, TESSERA_ALGORITHM_ES256, NULL));
  g_assert_null (tessera_key_new_from_pem (rsa1024, -1, TESSERA_ALGORITHM_RS256, NULL));
  g_assert_null (tessera_key_new_from_pem (locked, -1, TESSERA_ALGORITHM_ES256, NULL));
}

/* The public point of one key with the private number of another. */
static EVP_PKEY *
make_mismatched_pkey (void)
{
  EVP_PKEY *one = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
  EVP_PKEY *other = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
  EVP_PKEY *result = NULL;
  BIGNUM *number = NULL;
  guint8 point[100];
  size_t point_length = 0;

  g_assert_cmpint (EVP_PKEY_get_bn_param (one, OSSL_PKEY_PARAM_PRIV_KEY, &number), ==, 1);
  g_assert_cmpint (EVP_PKEY_get_octet_string_param (other, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                    sizeof point, &point_length),
                   ==, 1);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  OSSL_PARAM_BLD_push_utf8_string (builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string (builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_length);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_PRIV_KEY, number);
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param (builder);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);
  g_assert_cmpint (EVP_PKEY_fromdata_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &result, EVP_PKEY_KEYPAIR, params), ==, 1);
  EVP_PKEY_CTX_free (context);
  OSSL_PARAM_free (params);
  OSSL_PARAM_BLD_free (builder);
  BN_clear_free (number);
  EVP_PKEY_free (one);
  EVP_PKEY_free (other);
  return result;
}

static void
test_halves_that_do_not_belong_together_are_refused (void)
{
  g_autofree char *pem = make_foreign_pem (make_mismatched_pkey (), NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_key_new_from_pem (pem, -1, TESSERA_ALGORITHM_ES256, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY);
}

static void
assert_raw_refused (const guint8 *r, const guint8 *s)
{
  guint8 raw[64];
  memcpy (raw, r, 32);
  memcpy (raw + 32, s, 32);
  g_assert_false (tessera_key_verify (keys[TESSERA_ALGORITHM_ES256], "abc", 3, raw, sizeof raw));
}

static void
test_r_and_s_out_of_range_are_refused (void)
{
  guint8 zero[32] = { 0 }, one[32] = { 0 }, most[32], beyond[32];
  one[31] = 1;
  memset (most, 0xff, sizeof most);
  memcpy (beyond, order, sizeof order);
  beyond[31]++;

  assert_raw_refused (zero, zero);
  assert_raw_refused (zero, one);
  assert_raw_refused (one, zero);
  assert_raw_refused (order, one);
  assert_raw_refused (one, order);
  assert_raw_refused (beyond, beyond);
  assert_raw_refused (most, most);
  assert_raw_refused (one, one);
}

static void
test_lengths_are_exact (void)
{
  TesseraKey *key = keys[TESSERA_ALGORITHM_ES256];
  guint8 signature[TESSERA_SIGNATURE_MAX] = { 0 };
  gsize length = 0;

  g_assert_true (tessera_key_sign (key, "abc", 3, signature, &length, NULL));
  g_assert_cmpuint (length, ==, 64);
  for (gsize other = 0; other <= TESSERA_SIGNATURE_MAX; other++)
    g_assert_cmpint (tessera_key_verify (key, "abc", 3, signature, other), ==, other == 64);
}

/* Leading zeros and high bits in r and s change the length of their DER form. */
static void
test_many_es256_signatures_convert (void)
{
  TesseraKey *key = keys[TESSERA_ALGORITHM_ES256];

  for (guint i = 0; i < 600; i++)
    {
      guint8 signature[TESSERA_SIGNATURE_MAX];
      gsize length = 0;
      g_assert_true (tessera_key_sign (key, &i, sizeof i, signature, &length, NULL));
      g_assert_cmpuint (length, ==, 64);
      g_assert_true (tessera_key_verify (key, &i, sizeof i, signature, length));
    }
}

static void
test_pss_salt_is_as_long_as_the_hash (void)
{
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;
  g_autofree char *pem = tessera_key_dup_public_pem (keys[TESSERA_ALGORITHM_PS256]);
  BIO *bio = BIO_new_mem_buf (pem, -1);
  EVP_PKEY *pkey = PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);

  g_assert_true (
      tessera_key_sign (keys[TESSERA_ALGORITHM_PS256], "abc", 3, signature, &length, NULL));
  for (int salt = 20; salt <= 32; salt += 12)
    {
      EVP_PKEY_CTX *inner = NULL;
      EVP_MD_CTX *context = EVP_MD_CTX_new ();
      g_assert_cmpint (EVP_DigestVerifyInit (context, &inner, EVP_sha256 (), NULL, pkey), ==, 1);
      EVP_PKEY_CTX_set_rsa_padding (inner, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen (inner, salt);
      int good = EVP_DigestVerify (context, signature, length, (const guchar *) "abc", 3);
      g_assert_cmpint (good == 1, ==, salt == 32);
      EVP_MD_CTX_free (context);
    }
  EVP_PKEY_free (pkey);
  BIO_free (bio);
}

/* More keys than a thread keeps contexts of, some of them gone again. */
static void
test_many_keys_in_one_thread (void)
{
  for (guint i = 0; i < 30; i++)
    {
      guint8 signature[TESSERA_SIGNATURE_MAX];
      gsize length = 0;
      g_autoptr (TesseraKey) key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
      g_assert_true (tessera_key_sign (key, "abc", 3, signature, &length, NULL));
      g_assert_true (tessera_key_verify (key, "abc", 3, signature, length));
      g_assert_false (
          tessera_key_verify (keys[TESSERA_ALGORITHM_ES256], "abc", 3, signature, length));
    }
}

static gpointer
sign_a_lot (gpointer data)
{
  for (guint i = 0; i < 100; i++)
    {
      TesseraKey *key = keys[i % 2];
      guint8 signature[TESSERA_SIGNATURE_MAX];
      gsize length = 0;
      g_assert_true (tessera_key_sign (key, &i, sizeof i, signature, &length, NULL));
      g_assert_true (tessera_key_verify (key, &i, sizeof i, signature, length));
    }
  return NULL;
}

static void
test_threads_share_a_key (void)
{
  GThread *threads[4];
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("signer", sign_a_lot, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    keys[i] = tessera_key_generate (algorithms[i], NULL);

  g_test_add_func ("/key/algorithm-names-are-exact", test_algorithm_names_are_exact);
  g_test_add_func ("/key/round-trip-by-pem", test_round_trip_by_pem);
  g_test_add_func ("/key/round-trip-by-jwk", test_round_trip_by_jwk);
  g_test_add_func ("/key/G08-a-jwk-has-public-members-only", test_a_jwk_has_public_members_only);
  g_test_add_func ("/key/rfc7638/kid-is-the-thumbprint", test_kid_is_the_thumbprint);
  g_test_add_func ("/key/rfc8037/signature-of-the-appendix", test_ed25519_is_that_of_rfc8037);
  g_test_add_func ("/key/rfc7515/signature-of-the-appendix", test_es256_is_that_of_rfc7515);
  g_test_add_func ("/key/bad-jwks-are-refused", test_bad_jwks_are_refused);
  g_test_add_func ("/key/a-coordinate-is-not-filled-up", test_a_coordinate_is_not_filled_up);
  g_test_add_func ("/key/an-rsa-key-has-one-spelling", test_an_rsa_key_has_one_spelling);
  g_test_add_func ("/key/bad-pems-are-refused", test_bad_pems_are_refused);
  g_test_add_func ("/key/an-endless-exponent-is-refused", test_an_endless_exponent_is_refused);
  g_test_add_func ("/key/rfc8032/a-point-with-a-high-y-is-one", test_a_point_with_a_high_y_is_one);
  g_test_add_func ("/key/D02-a-key-of-another-kind-is-refused",
                   test_a_key_of_another_kind_is_refused);
  g_test_add_func ("/key/other-curves-sizes-and-encrypted-keys-are-refused",
                   test_other_curves_sizes_and_encrypted_keys_are_refused);
  g_test_add_func ("/key/halves-that-do-not-belong-together-are-refused",
                   test_halves_that_do_not_belong_together_are_refused);
  g_test_add_func ("/key/D18-r-and-s-out-of-range-are-refused",
                   test_r_and_s_out_of_range_are_refused);
  g_test_add_func ("/key/D18-lengths-are-exact", test_lengths_are_exact);
  g_test_add_func ("/key/many-es256-signatures-convert", test_many_es256_signatures_convert);
  g_test_add_func ("/key/pss-salt-is-as-long-as-the-hash", test_pss_salt_is_as_long_as_the_hash);
  g_test_add_func ("/key/many-keys-in-one-thread", test_many_keys_in_one_thread);
  g_test_add_func ("/key/threads-share-a-key", test_threads_share_a_key);
  int result = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    tessera_key_unref (keys[i]);
  return result;
}
