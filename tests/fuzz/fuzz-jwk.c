/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public keys as JWK (RFC 7517, RFC 7518 §6, RFC 8037): whatever is taken in says the same when it
 * is written, as JWK and as PEM, and nothing verifies with it by chance. The input is the JSON; a
 * set of keys is read key by key. */

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "fuzz.h"
#include "jose/tessera-key-private.h"

#include <string.h>

#define MAX_LENGTH 4096

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

static void
assert_same_member (const json_t *a, const json_t *b, const char *name)
{
  g_assert_cmpstr (json_string_value (json_object_get (a, name)), ==,
                   json_string_value (json_object_get (b, name)));
}

/* RFC 7638 §3.2, for the members that each kind of key requires. */
static char *
make_thumbprint (const json_t *jwk)
{
  const char *kty = json_string_value (json_object_get (jwk, "kty"));
  static const char *const ec[] = { "crv", "kty", "x", "y", NULL };
  static const char *const okp[] = { "crv", "kty", "x", NULL };
  static const char *const rsa[] = { "e", "kty", "n", NULL };
  const char *const *members = g_str_equal (kty, "EC") ? ec : g_str_equal (kty, "OKP") ? okp : rsa;
  g_autoptr (GString) text = g_string_new ("{");

  for (guint i = 0; members[i] != NULL; i++)
    g_string_append_printf (text, "%s\"%s\":\"%s\"", i > 0 ? "," : "", members[i],
                            json_string_value (json_object_get (jwk, members[i])));
  g_string_append_c (text, '}');
  TesseraDigest digest = tessera_digest (text->str, (gssize) text->len);
  return tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
}

static void
check_written (TesseraKey *key, const json_t *read)
{
  static const char *const same[] = { "kty", "crv", "x", "y", "n", "e", "alg" };
  g_autoptr (json_t) written = tessera_key_to_jwk (key);
  g_autoptr (TesseraKey) again = tessera_key_new_from_jwk (written, NULL);
  g_autofree char *thumbprint = make_thumbprint (written);

  /* One spelling only: base64url has no other one. */
  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    if (json_object_get (written, same[i]) != NULL)
      assert_same_member (written, read, same[i]);
  /* Whether a modulus is the product of two primes OpenSSL finds out by chance. */
  if (again == NULL && tessera_key_get_algorithm (key) >= TESSERA_ALGORITHM_RS256)
    return;
  g_assert_nonnull (again);
  g_assert_cmpstr (tessera_key_get_id (again), ==, tessera_key_get_id (key));
  g_assert_cmpstr (tessera_key_get_id (key), ==, thumbprint);
  assert_same_member (written, written, "kid");
  g_assert_cmpstr (json_string_value (json_object_get (written, "kid")), ==, thumbprint);
  g_assert_null (json_object_get (written, "d"));
}

static void
check_pem (TesseraKey *key)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *pem = tessera_key_dup_public_pem (key);
  g_autoptr (TesseraKey) again
      = tessera_key_new_from_pem (pem, -1, tessera_key_get_algorithm (key), &error);

  g_assert_no_error (error);
  g_assert_cmpstr (tessera_key_get_id (again), ==, tessera_key_get_id (key));
  g_assert_false (tessera_key_is_private (again));
}

static void
check_key (const json_t *jwk)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraKey) key = tessera_key_new_from_jwk (jwk, &error);
  guint8 signature[TESSERA_SIGNATURE_MAX] = { 0 };

  g_assert_cmpint (key == NULL, ==, error != NULL);
  if (key == NULL)
    return;
  g_assert_false (tessera_key_is_private (key));
  check_written (key, jwk);
  check_pem (key);
  for (gsize length = 0; length <= sizeof signature; length += 32)
    g_assert_false (tessera_key_verify (key, "x", 1, signature, length));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (json_t) json = tessera_json_parse ((const char *) data, size, MAX_LENGTH, NULL);
  const json_t *keys = json_object_get (json, "keys");

  if (json == NULL)
    return 0;
  if (!json_is_array (keys))
    {
      check_key (json);
      return 0;
    }
  for (gsize i = 0; i < json_array_size (keys); i++)
    check_key (json_array_get (keys, i));
  return 0;
}
