/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jose/tessera-jwt-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

static const TesseraAlgorithm algorithms[] = { TESSERA_ALGORITHM_ES256, TESSERA_ALGORITHM_EDDSA,
                                               TESSERA_ALGORITHM_RS256, TESSERA_ALGORITHM_PS256 };
static TesseraKey *keys[G_N_ELEMENTS (algorithms)];

#define ES256_KEY keys[TESSERA_ALGORITHM_ES256]
#define RS256_KEY keys[TESSERA_ALGORITHM_RS256]

static TesseraClaims *
make_claims (void)
{
  TesseraClaims *claims = tessera_claims_new ();
  tessera_claims_set_string (claims, "iss", "https://id.test");
  tessera_claims_set_string (claims, "sub", "alice");
  tessera_claims_set_int (claims, "exp", G_GINT64_CONSTANT (4102444800));
  return claims;
}

static char *
sign (TesseraKey *key, const char *typ)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClaims) claims = make_claims ();
  char *token = tessera_jwt_sign (key, typ, claims, &error);
  g_assert_no_error (error);
  return token;
}

static TesseraJwt *
parse (const char *token)
{
  g_autoptr (GError) error = NULL;
  TesseraJwt *jwt = tessera_jwt_parse (token, strlen (token), &error);
  g_assert_no_error (error);
  return jwt;
}

static void
assert_malformed (const char *token)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, strlen (token), &error);
  g_assert_null (jwt);
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
}

/* A token with any header and payload, signed by the key as it is. */
static char *
forge (TesseraKey *key, const char *header, const char *payload)
{
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;
  g_autoptr (GString) token = g_string_new (NULL);

  tessera_base64url_append (token, (const guint8 *) header, strlen (header));
  g_string_append_c (token, '.');
  tessera_base64url_append (token, (const guint8 *) payload, strlen (payload));
  g_assert_true (tessera_key_sign (key, token->str, token->len, signature, &length, NULL));
  g_string_append_c (token, '.');
  tessera_base64url_append (token, signature, length);
  return g_string_free (g_steal_pointer (&token), FALSE);
}

static void
test_round_trip_of_every_algorithm (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_autofree char *token = sign (keys[i], "at+jwt");
      g_autoptr (TesseraJwt) jwt = parse (token);
      g_assert_cmpint (jwt->algorithm, ==, algorithms[i]);
      g_assert_cmpstr (jwt->kid, ==, tessera_key_get_id (keys[i]));
      g_assert_cmpstr (jwt->typ, ==, "at+jwt");
      g_assert_cmpstr (tessera_claims_get_string (jwt->claims, "sub"), ==, "alice");
      g_assert_true (tessera_jwt_verify (jwt, keys[i]));
    }
}

/* The header read last is remembered: never another token's, and never a refused one. */
static void
test_each_token_has_its_own_header (void)
{
  g_autofree char *first = sign (ES256_KEY, "at+jwt");
  g_autofree char *second = sign (ES256_KEY, "JWT");
  g_autofree char *third = sign (RS256_KEY, "at+jwt");
  g_autofree char *bad = forge (ES256_KEY, "{\"alg\":\"ES256\",\"crit\":[]}", "{}");
  const char *const tokens[] = { first, second, first, third, bad, bad, first };
  const char *const types[] = { "at+jwt", "JWT", "at+jwt", "at+jwt", NULL, NULL, "at+jwt" };

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      if (types[i] == NULL)
        {
          assert_malformed (tokens[i]);
          continue;
        }
      TesseraKey *key = tokens[i] == third ? RS256_KEY : ES256_KEY;
      g_autoptr (TesseraJwt) jwt = parse (tokens[i]);
      g_assert_cmpstr (jwt->typ, ==, types[i]);
      g_assert_cmpstr (jwt->kid, ==, tessera_key_get_id (key));
      g_assert_true (tessera_jwt_verify (jwt, key));
    }
}

static void
test_a_changed_token_is_refused (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_autofree char *token = sign (keys[i], "at+jwt");
      g_autoptr (TesseraJwt) jwt = parse (token);
      jwt->signature[jwt->signature_length / 2] ^= 1;
      g_assert_false (tessera_jwt_verify (jwt, keys[i]));
      jwt->signature[jwt->signature_length / 2] ^= 1;
      jwt->signing_input_length--;
      g_assert_false (tessera_jwt_verify (jwt, keys[i]));
      jwt->signing_input_length++;
      g_assert_true (tessera_jwt_verify (jwt, keys[i]));
    }
}

static void
test_alg_none_is_refused (void)
{
  static const char *const names[] = { "none", "None", "nOnE", "NONE", "", "es256", "ES256 " };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *header = g_strdup_printf ("{\"alg\":\"%s\",\"typ\":\"at+jwt\"}", names[i]);
      g_autofree char *token = forge (ES256_KEY, header, "{\"sub\":\"alice\"}");
      assert_malformed (token);
      *(strrchr (token, '.') + 1) = '\0';
      assert_malformed (token);
    }
  g_autofree char *absent = forge (ES256_KEY, "{\"typ\":\"at+jwt\"}", "{}");
  g_autofree char *number = forge (ES256_KEY, "{\"alg\":1}", "{}");
  assert_malformed (absent);
  assert_malformed (number);
}

static void
test_hmac_with_the_public_key_is_refused (void)
{
  g_autofree char *pem = tessera_key_dup_public_pem (RS256_KEY);
  g_autoptr (GString) token = g_string_new (NULL);
  const char *header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

  tessera_base64url_append (token, (const guint8 *) header, strlen (header));
  g_string_append (token, ".e30");
  TesseraDigest mac = tessera_hmac ((const guint8 *) pem, strlen (pem), token->str, token->len);
  g_string_append_c (token, '.');
  tessera_base64url_append (token, mac.bytes, sizeof mac.bytes);
  assert_malformed (token->str);
}

static void
test_another_algorithm_than_the_keys_is_refused (void)
{
  g_autofree char *pem = tessera_key_dup_private_pem (RS256_KEY);
  g_autoptr (TesseraKey) as_ps256
      = tessera_key_new_from_pem (pem, -1, TESSERA_ALGORITHM_PS256, NULL);
  g_autofree char *ps256 = sign (as_ps256, "at+jwt");
  g_autoptr (TesseraJwt) jwt = parse (ps256);

  g_assert_cmpstr (tessera_key_get_id (as_ps256), ==, tessera_key_get_id (RS256_KEY));
  g_assert_true (tessera_jwt_verify (jwt, as_ps256));
  g_assert_false (tessera_jwt_verify (jwt, RS256_KEY));
  g_autofree char *mislabelled = forge (as_ps256, "{\"alg\":\"RS256\"}", "{}");
  g_autoptr (TesseraJwt) other = parse (mislabelled);
  g_assert_false (tessera_jwt_verify (other, as_ps256));
  g_autofree char *rs512 = forge (RS256_KEY, "{\"alg\":\"RS512\"}", "{}");
  assert_malformed (rs512);
}

static void
test_another_key_is_refused (void)
{
  g_autoptr (TesseraKey) other = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  g_autofree char *token = sign (other, "at+jwt");
  g_autoptr (TesseraJwt) jwt = parse (token);
  g_assert_false (tessera_jwt_verify (jwt, ES256_KEY));

  /* Nor does the name of our key help. */
  g_autofree char *header
      = g_strdup_printf ("{\"alg\":\"ES256\",\"kid\":\"%s\"}", tessera_key_get_id (ES256_KEY));
  g_autofree char *forged = forge (other, header, "{}");
  g_autoptr (TesseraJwt) with_our_kid = parse (forged);
  g_assert_false (tessera_jwt_verify (with_our_kid, ES256_KEY));

  /* Nor a good signature under another's name. */
  g_autofree char *renamed = forge (ES256_KEY, "{\"alg\":\"ES256\",\"kid\":\"another\"}", "{}");
  g_autoptr (TesseraJwt) with_another_kid = parse (renamed);
  g_assert_false (tessera_jwt_verify (with_another_kid, ES256_KEY));
}

/* Headers are remembered by the text, up to a length; each is read as what it is. */
static void
test_headers_of_every_length_are_read (void)
{
  for (guint length = 0; length < 1200; length += 7)
    {
      g_autofree char *more = g_strnfill (length, 'x');
      g_autofree char *header
          = g_strdup_printf ("{\"alg\":\"ES256\",\"kid\":\"k%u\",\"more\":\"%s\"}", length, more);
      g_autofree char *token = forge (ES256_KEY, header, "{}");
      g_autofree char *kid = g_strdup_printf ("k%u", length);

      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (TesseraJwt) jwt = parse (token);
          g_assert_cmpstr (jwt->kid, ==, kid);
          g_assert_null (jwt->typ);
        }
    }
}

static gpointer
parse_in_thread (gpointer token)
{
  g_autoptr (TesseraJwt) jwt = parse (token);

  return GINT_TO_POINTER (tessera_jwt_verify (jwt, ES256_KEY));
}

static void
test_every_thread_reads_and_verifies (void)
{
  g_autofree char *token = sign (ES256_KEY, "at+jwt");
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reader", parse_in_thread, token);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[i])));
  tessera_jwt_free (NULL);
}

static void
test_embedded_keys_are_ignored (void)
{
  g_autoptr (TesseraKey) evil = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  g_autofree char *token
      = forge (evil,
               "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"},\"jku\":\"https://evil\","
               "\"x5u\":\"https://evil\",\"x5c\":[\"MII\"]}",
               "{\"sub\":\"alice\"}");
  g_autoptr (TesseraJwt) jwt = parse (token);
  g_assert_false (tessera_jwt_verify (jwt, ES256_KEY));
}

static void
test_extensions_are_refused (void)
{
  static const char *const headers[] = {
    "{\"alg\":\"ES256\",\"crit\":[\"x\"],\"x\":1}",
    "{\"alg\":\"ES256\",\"crit\":[]}",
    "{\"alg\":\"ES256\",\"crit\":null}",
    "{\"alg\":\"ES256\",\"b64\":false}",
    "{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
    "{\"alg\":\"ES256\",\"enc\":\"A256GCM\"}",
    "{\"alg\":\"PBES2-HS256+A128KW\",\"p2c\":99999}",
  };
  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      g_autofree char *token = forge (ES256_KEY, headers[i], "{}");
      assert_malformed (token);
    }
}

static void
test_types (void)
{
  static const char *const good[]
      = { "at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt" };
  static const char *const bad[] = { "JWT", "at", "at+jwt ", "text/at+jwt", "application/JWT" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      TesseraJwt jwt = { .typ = (char *) good[i] };
      g_assert_true (tessera_jwt_has_type (&jwt, "at+jwt"));
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      TesseraJwt jwt = { .typ = (char *) bad[i] };
      g_assert_false (tessera_jwt_has_type (&jwt, "at+jwt"));
    }
  TesseraJwt absent = { .typ = NULL };
  g_assert_false (tessera_jwt_has_type (&absent, "at+jwt"));
  g_autofree char *number = forge (ES256_KEY, "{\"alg\":\"ES256\",\"typ\":1}", "{}");
  assert_malformed (number);
}

static void
test_only_a_media_type_is_signed (void)
{
  static const char *const bad[] = { "", "at jwt", "at\"jwt", "at\\jwt", "\xc3\xa9" };
  g_autofree char *long_type = g_strnfill (600, 'a');
  g_autoptr (TesseraClaims) claims = make_claims ();

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (tessera_jwt_sign (ES256_KEY, bad[i], claims, &error));
      g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED);
    }
  g_assert_null (tessera_jwt_sign (ES256_KEY, long_type, claims, NULL));
}

static void
test_refuses_lax_base64url (void)
{
  g_autofree char *token = sign (ES256_KEY, "at+jwt");
  g_autofree char *padded = g_strconcat (token, "=", NULL);
  g_autofree char *spaced = g_strconcat (token, " ", NULL);
  g_autofree char *broken = g_strconcat (token, "\n", NULL);
  g_autofree char *tail = g_strdup (token);
  gsize length = strlen (tail);

  /* 64 bytes leave four tail bits: of the sixteen last characters for the same bytes, one is
   * canonical. */
  g_assert_nonnull (strchr ("AQgw", tail[length - 1]));
  tail[length - 1]++;
  assert_malformed (padded);
  assert_malformed (spaced);
  assert_malformed (broken);
  assert_malformed (tail);
  for (gchar *p = token; *p != '\0'; p++)
    {
      if (*p != '-' && *p != '_')
        continue;
      *p = *p == '-' ? '+' : '/';
      assert_malformed (token);
      break;
    }
}

static void
test_duplicates_are_refused (void)
{
  g_autofree char *in_header = forge (ES256_KEY, "{\"alg\":\"none\",\"alg\":\"ES256\"}", "{}");
  g_autofree char *in_claims
      = forge (ES256_KEY, "{\"alg\":\"ES256\"}", "{\"sub\":\"alice\",\"s\\u0075b\":\"bob\"}");
  assert_malformed (in_header);
  assert_malformed (in_claims);
}

static void
test_size_is_limited (void)
{
  g_autofree char *filler = g_strnfill (TESSERA_JWT_MAX_LENGTH * 3 / 4, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"a\":\"%s\"}", filler);
  g_autofree char *long_token = forge (ES256_KEY, "{\"alg\":\"ES256\"}", payload);
  g_autofree char *kid = g_strnfill (129, 'k');
  g_autofree char *header = g_strdup_printf ("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
  g_autofree char *long_kid = forge (ES256_KEY, header, "{}");
  g_autofree char *signature = g_strnfill (4 * (TESSERA_SIGNATURE_MAX / 3 + 1), 'A');
  g_autofree char *long_signature = g_strconcat ("eyJhbGciOiJFUzI1NiJ9.e30.", signature, NULL);

  assert_malformed (long_token);
  assert_malformed (long_kid);
  assert_malformed (long_signature);

  g_autofree char *more = g_strnfill (2048, 'x');
  g_autofree char *large = g_strdup_printf ("{\"alg\":\"ES256\",\"more\":\"%s\"}", more);
  g_autofree char *long_header = forge (ES256_KEY, large, "{}");
  assert_malformed (long_header);
}

static void
test_depth_is_limited (void)
{
  g_autofree char *open = g_strnfill (16, '[');
  g_autofree char *close = g_strnfill (16, ']');
  g_autofree char *payload = g_strconcat ("{\"a\":", open, close, "}", NULL);
  g_autofree char *token = forge (ES256_KEY, "{\"alg\":\"ES256\"}", payload);
  assert_malformed (token);
}

static void
test_only_the_compact_form (void)
{
  static const char *const others[] = {
    "",
    ".",
    "..",
    "...",
    "e30.e30",
    "eyJhbGciOiJFUzI1NiJ9.e30.",
    "eyJhbGciOiJFUzI1NiJ9..AAAA",
    ".e30.AAAA",
    "eyJhbGciOiJFUzI1NiJ9.e30.AAAA.",
    "eyJhbGciOiJFUzI1NiJ9.e30.AAAA.AAAA.AAAA",
    "{\"payload\":\"e30\",\"signatures\":[]}",
    "eyJhbGciOiJFUzI1NiJ9.W10.AAAA",
    "eyJhbGciOiJFUzI1NiJ9.IngiAA.AAAA",
  };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    assert_malformed (others[i]);

  g_autofree char *inner = sign (ES256_KEY, "JWT");
  g_autofree char *nested = forge (ES256_KEY, "{\"alg\":\"ES256\",\"cty\":\"JWT\"}", inner);
  assert_malformed (nested);
}

static void
test_a_prefix_of_the_text_is_another_token (void)
{
  g_autofree char *token = sign (ES256_KEY, "at+jwt");
  for (gsize length = 0; length < strlen (token); length++)
    {
      g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, length, NULL);
      g_assert_true (jwt == NULL || !tessera_jwt_verify (jwt, ES256_KEY));
    }
}

/* Bytes, bits and lengths at random, and never a second text that is taken for the first. */
static void
test_random_changes_are_refused (void)
{
  g_autofree char *token = sign (ES256_KEY, "at+jwt");
  gint32 length = strlen (token);

  for (guint i = 0; i < 20000; i++)
    {
      g_autofree char *changed = g_strdup (token);
      gint32 n_changes = g_test_rand_int_range (1, 4);
      while (n_changes-- > 0)
        changed[g_test_rand_int_range (0, length)] = g_test_rand_int_range (0, 256);
      if (memcmp (changed, token, length) == 0)
        continue;
      g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (changed, length, NULL);
      if (jwt != NULL && i % 16 == 0)
        g_assert_false (tessera_jwt_verify (jwt, ES256_KEY));
    }
}

/* Some releases know only some of the algorithms, and for PS256 take only keys that are marked as
 * RSASSA-PSS in their PEM form, which RFC 7518 §3.5 does not ask for. */
static gboolean
libjwt_knows (TesseraAlgorithm algorithm)
{
  const char *name = tessera_algorithm_get_name (algorithm);
  const char *known = jwt_alg_str (jwt_str_alg (name));
  return algorithm != TESSERA_ALGORITHM_PS256 && known != NULL && strcmp (known, name) == 0;
}

static void
test_libjwt_reads_ours (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      if (!libjwt_knows (algorithms[i]))
        continue;
      jwt_t *theirs = NULL;
      g_autofree char *pem = tessera_key_dup_public_pem (keys[i]);
      g_autofree char *token = sign (keys[i], "JWT");
      g_assert_cmpint (jwt_decode (&theirs, token, (const guchar *) pem, strlen (pem)), ==, 0);
      g_assert_cmpstr (jwt_get_grant (theirs, "sub"), ==, "alice");
      g_assert_cmpint (jwt_get_grant_int (theirs, "exp"), ==, 4102444800);
      jwt_free (theirs);
    }
}

static void
test_we_read_libjwts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      if (!libjwt_knows (algorithms[i]))
        continue;
      jwt_t *theirs = NULL;
      g_autofree char *pem = tessera_key_dup_private_pem (keys[i]);
      jwt_alg_t algorithm = jwt_str_alg (tessera_algorithm_get_name (algorithms[i]));
      g_assert_cmpint (jwt_new (&theirs), ==, 0);
      g_assert_cmpint (jwt_add_grant (theirs, "sub", "bob"), ==, 0);
      g_assert_cmpint (jwt_set_alg (theirs, algorithm, (const guchar *) pem, strlen (pem)), ==, 0);
      char *token = jwt_encode_str (theirs);
      g_autoptr (TesseraJwt) jwt = parse (token);
      g_assert_true (tessera_jwt_has_type (jwt, "JWT"));
      g_assert_true (tessera_jwt_verify (jwt, keys[i]));
      g_assert_cmpstr (tessera_claims_get_string (jwt->claims, "sub"), ==, "bob");
      free (token);
      jwt_free (theirs);
    }
}

/* RFC 7515 appendix A.1. */
#define MAC_TOKEN                                                                                  \
  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0"  \
  "dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define MAC_KEY                                                                                    \
  "\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f\x5a\xb3\x28\xe6\xf0\x54\xc9"   \
  "\x28\xa9\x0f\x84\xb2\xd2\x50\x2e\xbf\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62"   \
  "\x3d\x22\x3d\x2e\x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5\x67\xd0\x80\xa3"

static TesseraJwt *
parse_mac (const char *token)
{
  return tessera_jwt_parse_mac (token, strlen (token), NULL);
}

static void
test_an_hmac_is_verified_by_its_secret (void)
{
  g_autoptr (TesseraJwt) jwt = parse_mac (MAC_TOKEN);
  g_autofree char *other = g_strdup (MAC_TOKEN);

  g_assert_nonnull (jwt);
  g_assert_cmpuint (jwt->mac_bits, ==, 256);
  g_assert_cmpstr (tessera_jwt_get_mac_name (jwt), ==, "HS256");
  g_assert_cmpstr (tessera_claims_get_string (jwt->claims, "iss"), ==, "joe");
  g_assert_true (tessera_jwt_verify_mac (jwt, MAC_KEY));
  g_assert_false (tessera_jwt_verify_mac (jwt, MAC_KEY "x"));
  g_assert_false (tessera_jwt_verify_mac (jwt, "another secret of thirty-two byte"));
  g_assert_false (tessera_jwt_verify_mac (jwt, ""));

  strstr (other, "dBjf")[0] = 'e';
  g_autoptr (TesseraJwt) changed = parse_mac (other);
  g_assert_false (tessera_jwt_verify_mac (changed, MAC_KEY));
}

/* What a key signs is never good by an HMAC, nor the other way round (RFC 8725 §2.1). */
static void
test_an_hmac_and_a_signature_are_two_things (void)
{
  g_autofree char *token = sign (ES256_KEY, "JWT");
  g_autofree char *pem = tessera_key_dup_public_pem (ES256_KEY);
  g_autoptr (TesseraJwt) is_signed = parse (token);
  g_autoptr (TesseraJwt) has_mac = parse_mac (MAC_TOKEN);

  assert_malformed (MAC_TOKEN);
  assert_malformed (MAC_TOKEN); /* not by what is remembered of headers either */
  g_assert_null (parse_mac (token));
  g_assert_false (tessera_jwt_verify_mac (is_signed, pem));
  g_assert_null (tessera_jwt_get_mac_name (is_signed));
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    g_assert_false (tessera_jwt_verify (has_mac, keys[i]));
}

static char *
make_mac (const char *name, const EVP_MD *digest, const char *secret)
{
  g_autofree char *header = g_strdup_printf ("{\"alg\":\"%s\"}", name);
  GString *token = g_string_new (NULL);
  guint8 mac[EVP_MAX_MD_SIZE];
  unsigned int length = 0;

  tessera_base64url_append (token, (const guint8 *) header, strlen (header));
  g_string_append (token, ".e30");
  HMAC (digest, secret, (int) strlen (secret), (const guint8 *) token->str, token->len, mac,
        &length);
  g_string_append_c (token, '.');
  tessera_base64url_append (token, mac, length);
  return g_string_free (token, FALSE);
}

static void
test_a_secret_is_as_long_as_its_hmac (void)
{
  const struct
  {
    const char *name;
    const EVP_MD *digest;
    gsize size;
  } macs[] = { { "HS256", EVP_sha256 (), 32 },
               { "HS384", EVP_sha384 (), 48 },
               { "HS512", EVP_sha512 (), 64 } };

  for (guint i = 0; i < G_N_ELEMENTS (macs); i++)
    {
      g_autofree char *enough = g_strnfill (macs[i].size, 's');
      g_autofree char *less = g_strnfill (macs[i].size - 1, 's');
      g_autofree char *good = make_mac (macs[i].name, macs[i].digest, enough);
      g_autofree char *bad = make_mac (macs[i].name, macs[i].digest, less);
      g_autoptr (TesseraJwt) good_jwt = parse_mac (good);
      g_autoptr (TesseraJwt) bad_jwt = parse_mac (bad);

      g_assert_true (tessera_jwt_verify_mac (good_jwt, enough));
      g_assert_false (tessera_jwt_verify_mac (bad_jwt, less));
    }
}

/* A part of an HMAC is easier to find than all of it. */
static void
test_an_hmac_is_there_as_a_whole (void)
{
  g_autofree char *secret = g_strnfill (32, 's');
  g_autofree char *whole = make_mac ("HS256", EVP_sha256 (), secret);
  gsize length = 0;
  g_autofree guint8 *mac = tessera_base64url_decode (strrchr (whole, '.') + 1, 43, &length);

  g_assert_cmpuint (length, ==, 32);
  while (length-- > 1)
    {
      g_autoptr (GString) token = g_string_new (whole);
      g_string_truncate (token, (gsize) (strrchr (whole, '.') + 1 - whole));
      tessera_base64url_append (token, mac, length);
      g_autoptr (TesseraJwt) jwt = parse_mac (token->str);
      g_assert_nonnull (jwt);
      g_assert_false (tessera_jwt_verify_mac (jwt, secret));
    }
}

/* It says that it has an HMAC, and what is there instead is what the key signs. */
static void
test_a_signature_is_no_hmac (void)
{
  g_autoptr (GString) token = g_string_new (NULL);
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;

  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_string_truncate (token, 0);
      tessera_base64url_append (token, (const guint8 *) "{\"alg\":\"HS256\"}", 15);
      g_string_append (token, ".e30");
      g_assert_true (tessera_key_sign (keys[i], token->str, token->len, signature, &length, NULL));
      g_assert_true (tessera_key_verify (keys[i], token->str, token->len, signature, length));
      g_string_append_c (token, '.');
      tessera_base64url_append (token, signature, length);
      g_autoptr (TesseraJwt) jwt = parse_mac (token->str);
      g_assert_nonnull (jwt);
      g_assert_false (tessera_jwt_verify (jwt, keys[i]));
    }
}

static void
test_an_hmac_is_called_by_its_name (void)
{
  static const char *const names[]
      = { "none", "hs256", "HS1", "HS224", "HS256 ", "", "ES256", "RS256", "EdDSA" };
  g_autofree char *secret = g_strnfill (64, 's');
  g_autofree char *other = make_mac ("HS512", EVP_sha256 (), secret);
  g_autoptr (TesseraJwt) shorter = parse_mac (other);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *token = make_mac (names[i], EVP_sha256 (), secret);
      g_assert_null (parse_mac (token));
    }
  g_assert_false (tessera_jwt_verify_mac (shorter, secret));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    keys[i] = tessera_key_generate (algorithms[i], NULL);

  g_test_add_func ("/jwt/round-trip-of-every-algorithm", test_round_trip_of_every_algorithm);
  g_test_add_func ("/jwt/each-token-has-its-own-header", test_each_token_has_its_own_header);
  g_test_add_func ("/jwt/a-changed-token-is-refused", test_a_changed_token_is_refused);
  g_test_add_func ("/jwt/D01-alg-none-is-refused", test_alg_none_is_refused);
  g_test_add_func ("/jwt/D02-hmac-with-the-public-key-is-refused",
                   test_hmac_with_the_public_key_is_refused);
  g_test_add_func ("/jwt/D03-another-algorithm-than-the-keys-is-refused",
                   test_another_algorithm_than_the_keys_is_refused);
  g_test_add_func ("/jwt/another-key-is-refused", test_another_key_is_refused);
  g_test_add_func ("/jwt/headers-of-every-length-are-read", test_headers_of_every_length_are_read);
  g_test_add_func ("/jwt/every-thread-reads-and-verifies", test_every_thread_reads_and_verifies);
  g_test_add_func ("/jwt/D05-embedded-keys-are-ignored", test_embedded_keys_are_ignored);
  g_test_add_func ("/jwt/D06-extensions-are-refused", test_extensions_are_refused);
  g_test_add_func ("/jwt/D07-types", test_types);
  g_test_add_func ("/jwt/only-a-media-type-is-signed", test_only_a_media_type_is_signed);
  g_test_add_func ("/jwt/D11-refuses-lax-base64url", test_refuses_lax_base64url);
  g_test_add_func ("/jwt/D12-duplicates-are-refused", test_duplicates_are_refused);
  g_test_add_func ("/jwt/D13-size-is-limited", test_size_is_limited);
  g_test_add_func ("/jwt/D13-depth-is-limited", test_depth_is_limited);
  g_test_add_func ("/jwt/D15-only-the-compact-form", test_only_the_compact_form);
  g_test_add_func ("/jwt/no-prefix-of-a-token-is-good", test_a_prefix_of_the_text_is_another_token);
  g_test_add_func ("/jwt/random-changes-are-refused", test_random_changes_are_refused);
  g_test_add_func ("/jwt/libjwt-reads-ours", test_libjwt_reads_ours);
  g_test_add_func ("/jwt/we-read-libjwts", test_we_read_libjwts);
  g_test_add_func ("/jwt/an-hmac-is-verified-by-its-secret",
                   test_an_hmac_is_verified_by_its_secret);
  g_test_add_func ("/jwt/B39-an-hmac-and-a-signature-are-two-things",
                   test_an_hmac_and_a_signature_are_two_things);
  g_test_add_func ("/jwt/a-secret-is-as-long-as-its-hmac", test_a_secret_is_as_long_as_its_hmac);
  g_test_add_func ("/jwt/an-hmac-is-called-by-its-name", test_an_hmac_is_called_by_its_name);
  g_test_add_func ("/jwt/an-hmac-is-there-as-a-whole", test_an_hmac_is_there_as_a_whole);
  g_test_add_func ("/jwt/a-signature-is-no-hmac", test_a_signature_is_no_hmac);
  int result = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    tessera_key_unref (keys[i]);
  return result;
}
