/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ceiling: ES256 signatures and verifications a second, key and context kept, nothing around
 * them. */

#include <glib.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static double
rate (guint n, gint64 begin_us)
{
  return n * 1e6 / (g_get_monotonic_time () - begin_us);
}

int
main (int argc, char **argv)
{
  guint n = argc > 1 ? atoi (argv[1]) : 20000;
  EVP_PKEY *key = EVP_EC_gen ("P-256");
  EVP_PKEY_CTX *signer = EVP_PKEY_CTX_new (key, NULL);
  EVP_PKEY_CTX *verifier = EVP_PKEY_CTX_new (key, NULL);
  guint8 digest[32] = { 1, 2, 3 };
  guint8 signature[128];
  size_t length = sizeof signature;
  gint64 begin;

  g_assert (EVP_PKEY_sign_init (signer) == 1 && EVP_PKEY_verify_init (verifier) == 1);
  begin = g_get_monotonic_time ();
  for (guint i = 0; i < n; i++)
    {
      length = sizeof signature;
      digest[0] = i;
      g_assert (EVP_PKEY_sign (signer, signature, &length, digest, sizeof digest) == 1);
    }
  printf ("{\"sign\": %.0f, ", rate (n, begin));
  begin = g_get_monotonic_time ();
  for (guint i = 0; i < n / 4; i++)
    g_assert (EVP_PKEY_verify (verifier, signature, length, digest, sizeof digest) == 1);
  printf ("\"verify\": %.0f}\n", rate (n / 4, begin));
  EVP_PKEY_CTX_free (signer);
  EVP_PKEY_CTX_free (verifier);
  EVP_PKEY_free (key);
  return 0;
}
