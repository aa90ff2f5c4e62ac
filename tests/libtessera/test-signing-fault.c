/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A signature that came out wrong must not leave the process: one bad RSA signature is enough to
 * compute the private key from (threats.md C07). The linker puts our EVP_PKEY_sign() before
 * OpenSSL's. */

#include "jose/tessera-key-private.h"

#include <openssl/evp.h>

static gboolean faulty;

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

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/signing-fault/C07 a faulty RS256 signature is not given out",
                        GINT_TO_POINTER (TESSERA_ALGORITHM_RS256), test_rsa);
  g_test_add_data_func ("/signing-fault/C07 a faulty PS256 signature is not given out",
                        GINT_TO_POINTER (TESSERA_ALGORITHM_PS256), test_rsa);
  return g_test_run ();
}
