/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access tokens (RFC 7515 §5.2, RFC 8725, RFC 9068 §4) against a second verification of the same
 * rules. The input is `R` and the text of a token; or `S`, the number of a key, a header and, in
 * what follows, claims: these are signed by that key as they are, with $alg and $kid filled in, so
 * that what only the holder of a key could send is read too. The ring in keys/ is for this alone.
 */

#include "fuzz.h"
#include "grants/tessera-engine-private.h"
#include "token-kit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#define ISSUER "https://id.test"
#define KID_MAX 128
#define SKEW 60
#define YEAR_10000 G_GINT64_CONSTANT (253402300800)

/* A key as the second verification has it. */
typedef struct
{
  TesseraKey *signer;
  EVP_PKEY *pkey;
  const char *alg;
} Key;

static TesseraEngine engine;
static GPtrArray *keys;   /* Key* */
static GPtrArray *tokens; /* char*, good ones */

static const char *const claim_sets[] = {
  "{\"iss\":\"" ISSUER "\",\"sub\":\"c1\",\"client_id\":\"c1\",\"aud\":\"https://api.test\","
  "\"scope\":\"a b\",\"iat\":1700000000,\"exp\":4102444800,"
  "\"jti\":\"018bcfe5-6800-7000-8000-000000000001\"}",
  "{\"iss\":\"" ISSUER
  "\",\"sub\":\"alice\",\"client_id\":\"c1\",\"aud\":[\"a\",\"https://api.test\"],"
  "\"grant_id\":\"g\",\"sid\":\"s\",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":4102444800,"
  "\"jti\":\"018bcfe5-6800-7abc-bdef-0123456789ab\"}",
};

static void
add_key (TesseraKey *signer)
{
  Key *key = g_new0 (Key, 1);
  g_autofree char *pem = tessera_key_dup_public_pem (signer);
  BIO *bio = BIO_new_mem_buf (pem, -1);

  key->signer = tessera_key_ref (signer);
  key->alg = tessera_algorithm_get_name (tessera_key_get_algorithm (signer));
  key->pkey = PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);
  BIO_free (bio);
  g_ptr_array_add (keys, key);
}

static void
make_tokens (void)
{
  tokens = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < keys->len; i++)
    for (guint n = 0; n < G_N_ELEMENTS (claim_sets); n++)
      {
        const Key *key = keys->pdata[i];
        g_autoptr (TesseraClaims) claims
            = tessera_claims_new_from_json (claim_sets[n], strlen (claim_sets[n]), NULL);

        g_ptr_array_add (tokens, tessera_jwt_sign (key->signer, "at+jwt", claims, NULL));
      }
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  engine.settings = tessera_settings_new (ISSUER);
  engine.resources = g_ptr_array_new ();
  engine.clock = tessera_clock_new ();
  engine.seen = tessera_seen_tokens_new (64);
  engine.keys = token_kit_open_keys (engine.clock);

  keys = g_ptr_array_new ();
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (engine.keys);
  for (guint i = 0; i < entries->len; i++)
    add_key (((TesseraKeyEntry *) entries->pdata[i])->key);
  make_tokens ();
  return 0;
}

/* --- the second verification --- */

static const char *
get_string (const json_t *json, const char *name)
{
  return json_string_value (json_object_get (json, name));
}

/* The key that the header names, if the header is one of ours. */
static const Key *
expect_header (const json_t *header)
{
  const char *typ = get_string (header, "typ");
  const char *kid = get_string (header, "kid");

  if (token_kit_has_extension (header) || typ == NULL || kid == NULL || strlen (kid) > KID_MAX
      || (g_ascii_strcasecmp (typ, "at+jwt") != 0
          && g_ascii_strcasecmp (typ, "application/at+jwt") != 0))
    return NULL;
  for (guint i = 0; i < keys->len; i++)
    {
      const Key *key = keys->pdata[i];

      if (g_str_equal (tessera_key_get_id (key->signer), kid)
          && g_strcmp0 (get_string (header, "alg"), key->alg) == 0)
        return key;
    }
  return NULL;
}

static GBytes *
raw_to_der (const guchar *signature, gsize length)
{
  guchar *der = NULL;

  if (length != 64)
    return NULL;
  ECDSA_SIG *pair = ECDSA_SIG_new ();
  ECDSA_SIG_set0 (pair, BN_bin2bn (signature, 32, NULL), BN_bin2bn (signature + 32, 32, NULL));
  int size = i2d_ECDSA_SIG (pair, &der);
  GBytes *bytes = g_bytes_new (der, (gsize) size);
  ECDSA_SIG_free (pair);
  OPENSSL_free (der);
  return bytes;
}

static gboolean
expect_signature (const Key *key, const char *text, gsize text_length, const char *encoded)
{
  gsize length = 0;
  g_autofree char *signature = token_kit_decode (encoded, &length);
  g_autoptr (GBytes) bytes = NULL;
  EVP_PKEY_CTX *options = NULL;

  if (signature == NULL)
    return FALSE;
  bytes = g_str_equal (key->alg, "ES256") ? raw_to_der ((guchar *) signature, length)
                                          : g_bytes_new (signature, length);
  if (bytes == NULL)
    return FALSE;
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  const EVP_MD *digest = g_str_equal (key->alg, "EdDSA") ? NULL : EVP_sha256 ();
  g_assert_cmpint (EVP_DigestVerifyInit (context, &options, digest, NULL, key->pkey), ==, 1);
  if (g_str_equal (key->alg, "PS256"))
    {
      EVP_PKEY_CTX_set_rsa_padding (options, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen (options, 32);
    }
  gboolean good = EVP_DigestVerify (context, g_bytes_get_data (bytes, NULL),
                                    g_bytes_get_size (bytes), (const guchar *) text, text_length)
                  == 1;
  EVP_MD_CTX_free (context);
  return good;
}

static gboolean
expect_audience (const json_t *aud)
{
  gsize i;
  json_t *one;

  json_array_foreach (aud, i, one)
    if (!json_is_string (one))
      return FALSE;
  return json_is_string (aud) || json_array_size (aud) > 0;
}

static gboolean
expect_claims (const json_t *claims, gint64 now)
{
  const json_t *iat = json_object_get (claims, "iat"), *exp = json_object_get (claims, "exp");
  const json_t *nbf = json_object_get (claims, "nbf");
  const char *jti = get_string (claims, "jti");

  return g_strcmp0 (get_string (claims, "iss"), ISSUER) == 0 && jti != NULL
         && g_regex_match_simple (
             "\\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\z", jti,
             G_REGEX_RAW, 0)
         && get_string (claims, "sub") != NULL && get_string (claims, "client_id") != NULL
         && expect_audience (json_object_get (claims, "aud")) && json_is_integer (iat)
         && json_is_integer (exp) && json_integer_value (exp) > now
         && json_integer_value (exp) < YEAR_10000 && json_integer_value (iat) <= now + SKEW
         && (nbf == NULL || (json_is_integer (nbf) && json_integer_value (nbf) <= now + SKEW));
}

/* The claims, or NULL when the token is not good. */
static json_t *
expect (const char *token, gint64 now)
{
  g_auto (GStrv) parts = g_strsplit (token, ".", -1);

  if (strlen (token) > TESSERA_JWT_MAX_LENGTH || g_strv_length (parts) != 3)
    return NULL;
  g_autoptr (json_t) header = token_kit_decode_object (parts[0], TOKEN_KIT_HEADER_MAX);
  g_autoptr (json_t) claims = token_kit_decode_object (parts[1], TESSERA_CLAIMS_MAX_LENGTH);
  const Key *key = header != NULL && claims != NULL ? expect_header (header) : NULL;
  if (key == NULL
      || !expect_signature (key, token, strlen (parts[0]) + 1 + strlen (parts[1]), parts[2])
      || !expect_claims (claims, now))
    return NULL;
  return g_steal_pointer (&claims);
}

/* --- properties --- */

static void
check_token (TesseraAccessToken *token, json_t *claims)
{
  TesseraTokenIdentity identity;
  g_autofree char *text = tessera_access_token_dup_claims_json (token);
  g_autoptr (json_t) carried = json_loads (text, 0, NULL);

  tessera_access_token_get_identity (token, &identity);
  g_assert_true (json_equal (carried, claims));
  g_assert_cmpstr (identity.subject, ==, get_string (claims, "sub"));
  g_assert_cmpstr (identity.client_id, ==, get_string (claims, "client_id"));
  g_assert_cmpstr (identity.grant_id, ==, get_string (claims, "grant_id"));
  g_assert_cmpstr (identity.session_id, ==, get_string (claims, "sid"));
  g_assert_cmpstr (identity.jti, ==, get_string (claims, "jti"));
  g_assert_cmpint (identity.expires_ms, >, tessera_clock_get_ms (engine.clock));
  g_assert_nonnull (tessera_access_token_get_audience (token)[0]);
}

/* Only what the ring signed is ever good, byte for byte; of the signature itself ECDSA has two. */
static void
check_is_ours (const char *text)
{
  gsize length = (gsize) (strrchr (text, '.') - text) + 1;

  for (guint i = 0; i < tokens->len; i++)
    if (strncmp (tokens->pdata[i], text, length) == 0)
      return;
  g_assert_not_reached ();
}

static void
check (const char *text, gsize length, gboolean is_signed_here)
{
  gint64 now = tessera_clock_get_seconds (engine.clock);
  g_autoptr (GError) error = NULL;
  g_autofree char *exact = g_memdup2 (text, length);
  g_autoptr (TesseraAccessToken) token
      = tessera_engine_verify_token (&engine, exact, length, &error);
  /* A second look goes through the memory of good signatures. */
  g_autoptr (TesseraAccessToken) again = tessera_engine_verify_token (&engine, exact, length, NULL);
  g_autoptr (json_t) claims = strlen (text) == length ? expect (text, now) : NULL;

  g_assert_cmpint (token != NULL, ==, claims != NULL);
  g_assert_cmpint (again != NULL, ==, claims != NULL);
  g_assert_cmpint (error == NULL, ==, claims != NULL);
  if (token == NULL)
    return;
  check_token (token, claims);
  if (!is_signed_here)
    check_is_ours (text);
}

static void
check_signed (FuzzInput *input)
{
  gsize length;
  g_autofree char *line = fuzz_input_take_line (input);
  const char *payload = fuzz_input_take_rest (input, &length);
  const Key *key = keys->pdata[(guchar) line[0] % keys->len];
  g_autofree char *header = token_kit_fill_in (line[0] != '\0' ? line + 1 : "", key->alg,
                                               tessera_key_get_id (key->signer));
  g_autofree char *token = token_kit_sign (key->signer, header, payload, length);
  check (token, strlen (token), TRUE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  if (data[0] == 'S')
    {
      FuzzInput input = fuzz_input (data + 1, size - 1);

      check_signed (&input);
      return 0;
    }
  g_autofree char *text = g_strndup ((const char *) data + 1, size - 1);
  check (text, size - 1, FALSE);
  return 0;
}

/* --- the mutator --- */

size_t
LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
  if (size < 2 || data[0] != 'R' || seed % 4 == 0)
    return LLVMFuzzerMutate (data, size, max_size);
  g_autofree char *text = g_strndup ((const char *) data + 1, size - 1);
  g_autofree char *changed = token_kit_change (text, tokens, seed / 4);
  gsize length = MIN (strlen (changed), max_size - 1);

  memcpy (data + 1, changed, length);
  return length + 1;
}
