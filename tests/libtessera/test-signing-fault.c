/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A signature that came out wrong must not leave the process: one bad RSA signature is enough to
 * compute the private key from (threats.md C07). The linker puts our EVP_PKEY_sign() before
 * OpenSSL's. */

#include "jose/tessera-key-private.h"

#include <openssl/evp.h>
#include <string.h>

static gboolean faulty;
static const guint8 *instead; /* of a signature, as many bytes as the first says; or NULL */

int __real_EVP_PKEY_sign (EVP_PKEY_CTX *context,
                          unsigned char *signature,
                          size_t *signature_length,
                          const unsigned char *digest,
                          size_t digest_length);
int __wrap_EVP_PKEY_sign (EVP_PKEY_CTX *context,
                          unsigned char *signature,
                          size_t *signature_length,
                          const unsigned char *digest,
                          size_t digest_length);

int
__wrap_EVP_PKEY_sign (EVP_PKEY_CTX *context,
                      unsigned char *signature,
                      size_t *signature_length,
                      const unsigned char *digest,
                      size_t digest_length)
{
  int result = __real_EVP_PKEY_sign (context, signature, signature_length, digest, digest_length);

  if (instead != NULL)
    {
      *signature_length = instead[0];
      memcpy (signature, instead + 1, instead[0]);
    }
  if (faulty && signature != NULL)
    signature[*signature_length / 2] ^= 1;
  return result;
}

static void
test_rsa (gconstpointer data)
{
  TesseraAlgorithm algorithm = GPOINTER_TO_INT (data);
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraKey) key = tessera_key_generate (algorithm, &error);

  g_assert_no_error (error);
  faulty = FALSE;
  g_assert_true (tessera_key_sign (key, "data", 4, signature, &length, &error));
  g_assert_no_error (error);
  g_assert_true (tessera_key_verify (key, "data", 4, signature, length));

  faulty = TRUE;
  g_assert_false (tessera_key_sign (key, "data", 4, signature, &length, &error));
  g_assert_nonnull (error);
  faulty = FALSE;
}

/* What OpenSSL writes as two numbers becomes 64 bytes, whatever their size, and nothing else does.
 */
static void
test_es256 (void)
{
  static const guint8 good[] = { 11, 0x30, 9, 2, 1, 1, 2, 4, 0, 0x80, 0, 3 };
  static const guint8 bad[][12] = {
    { 0 },
    { 1, 0x30 },
    { 2, 0x30, 0 },
    { 8, 0x31, 6, 2, 1, 1, 2, 1, 1 },           /* no SEQUENCE */
    { 8, 0x30, 7, 2, 1, 1, 2, 1, 1 },           /* of another length */
    { 8, 0x30, 6, 3, 1, 1, 2, 1, 1 },           /* no INTEGER */
    { 8, 0x30, 6, 2, 1, 1, 4, 1, 1 },           /* nor the second */
    { 8, 0x30, 6, 2, 1, 1, 2, 2, 1 },           /* which is longer than all */
    { 5, 0x30, 3, 2, 1, 1 },                    /* there is none */
    { 11, 0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1 }, /* there is a third */
  };
  static const guint8 large[] = { 40, 0x30, 38, 2, 33, 1, [38] = 2, 1, 1 };
  g_autoptr (TesseraKey) key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  guint8 signature[TESSERA_SIGNATURE_MAX], wanted[64] = { [31] = 1, [61] = 0x80, [63] = 3 };
  gsize length = 0;

  instead = good;
  g_assert_true (tessera_key_sign (key, "data", 4, signature, &length, NULL));
  g_assert_cmpmem (signature, length, wanted, sizeof wanted);
  instead = large;
  g_assert_false (tessera_key_sign (key, "data", 4, signature, &length, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      instead = bad[i];
      g_assert_false (tessera_key_sign (key, "data", 4, signature, &length, NULL));
    }
  instead = NULL;
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/signing-fault/C07 a faulty RS256 signature is not given out",
                        GINT_TO_POINTER (TESSERA_ALGORITHM_RS256), test_rsa);
  g_test_add_data_func ("/signing-fault/C07 a faulty PS256 signature is not given out",
                        GINT_TO_POINTER (TESSERA_ALGORITHM_PS256), test_rsa);
  g_test_add_func ("/signing-fault/only two numbers become a signature", test_es256);
  return g_test_run ();
}
