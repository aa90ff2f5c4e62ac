/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts can do alone: signatures and verifications a second by OpenSSL, key and context
 * kept, of each algorithm; and rows a second of the store's bare commit, by rows that share one.
 * One JSON object.
 * usage: ceilings DIRECTORY [SECONDS], DIRECTORY on the disk that the service's state is on. */

#include "base/tessera-secret-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds = 0.5; /* for each figure */

typedef struct
{
  EVP_PKEY *key;
  EVP_PKEY_CTX *context; /* NULL: a digest context, for Ed25519 has no other */
  EVP_MD_CTX *digest;
  guint8 text[400]; /* as long as what is signed of a token */
  guint8 hash[32];
  guint8 signature[512];
  gsize length;
} Signer;

static EVP_PKEY *
make_key (const char *algorithm)
{
  if (g_str_equal (algorithm, "RS256"))
    return EVP_RSA_gen (2048);
  if (g_str_equal (algorithm, "EdDSA"))
    return EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  return EVP_EC_gen ("P-256");
}

static void
signer_init (Signer *self, const char *algorithm)
{
  *self = (Signer){ .key = make_key (algorithm) };
  if (g_str_equal (algorithm, "EdDSA"))
    self->digest = EVP_MD_CTX_new ();
  else
    self->context = EVP_PKEY_CTX_new (self->key, NULL);
}

static void
signer_begin (Signer *self, gboolean verify)
{
  if (self->context == NULL)
    return;
  int ok = verify ? EVP_PKEY_verify_init (self->context) : EVP_PKEY_sign_init (self->context);
  g_assert (ok == 1);
  if (EVP_PKEY_is_a (self->key, "RSA"))
    g_assert (EVP_PKEY_CTX_set_rsa_padding (self->context, RSA_PKCS1_PADDING) == 1
              && EVP_PKEY_CTX_set_signature_md (self->context, EVP_sha256 ()) == 1);
}

static void
sign_once (Signer *self)
{
  self->length = sizeof self->signature;
  self->hash[0]++;
  int ok = self->context != NULL
               ? EVP_PKEY_sign (self->context, self->signature, &self->length, self->hash, 32)
               : EVP_DigestSignInit (self->digest, NULL, NULL, NULL, self->key)
                     && EVP_DigestSign (self->digest, self->signature, &self->length, self->text,
                                        sizeof self->text);
  g_assert (ok == 1);
}

static void
verify_once (Signer *self)
{
  int ok = self->context != NULL
               ? EVP_PKEY_verify (self->context, self->signature, self->length, self->hash, 32)
               : EVP_DigestVerifyInit (self->digest, NULL, NULL, NULL, self->key)
                     && EVP_DigestVerify (self->digest, self->signature, self->length, self->text,
                                          sizeof self->text);
  g_assert (ok == 1);
}

static void
signer_clear (Signer *self)
{
  EVP_PKEY_CTX_free (self->context);
  EVP_MD_CTX_free (self->digest);
  EVP_PKEY_free (self->key);
}

/* Of this thread, whatever else runs on the core. */
static double
get_cpu_s (void)
{
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static double
measure_rate (Signer *signer, void (*once) (Signer *))
{
  double begin = get_cpu_s ();
  double took = 0;
  guint n = 0;

  for (; took < seconds; took = get_cpu_s () - begin)
    for (guint i = 0; i < 20; i++, n++)
      once (signer);
  return n / took;
}

static void
measure_algorithm (const char *algorithm)
{
  Signer signer;

  signer_init (&signer, algorithm);
  signer_begin (&signer, FALSE);
  double sign = measure_rate (&signer, sign_once);
  signer_begin (&signer, TRUE);
  double verify = measure_rate (&signer, verify_once);
  signer_clear (&signer);
  printf ("\"%s\": {\"sign\": %.0f, \"verify\": %.0f}, ", algorithm, sign, verify);
}

static gboolean
append_row (TesseraStore *store, gint64 now_ms, GError **error)
{
  g_autofree char *jti = tessera_uuid_new (now_ms);
  TesseraDenial denial
      = { .kind = TESSERA_DENIAL_TOKEN, .value = jti, .expires_ms = now_ms + 86400000 };
  guint64 generation;

  return tessera_store_append_denial (store, &denial, &generation, error);
}

static gboolean
commit_rows (TesseraStore *store, guint rows, GError **error)
{
  if (!tessera_store_begin (store, error))
    return FALSE;
  for (guint i = 0; i < rows; i++)
    if (!append_row (store, g_get_real_time () / 1000, error))
      return FALSE;
  return tessera_store_commit (store, error);
}

static void
measure_commits (TesseraStore *store, guint rows)
{
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();
  gint64 took = 0;
  guint n = 0;

  for (; took < seconds * G_USEC_PER_SEC; took = g_get_monotonic_time () - begin, n += rows)
    if (!commit_rows (store, rows, &error))
      g_error ("%s", error->message);
  printf ("\"%u\": %.0f%s", rows, n / ((double) took / G_USEC_PER_SEC), rows < 256 ? ", " : "}}\n");
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc < 2)
    {
      g_printerr ("usage: ceilings DIRECTORY [SECONDS]\n");
      return 2;
    }
  if (argc > 2)
    seconds = g_ascii_strtod (argv[2], NULL);
  printf ("{");
  measure_algorithm ("ES256");
  measure_algorithm ("RS256");
  measure_algorithm ("EdDSA");
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (argv[1], NULL, &error);
  if (store == NULL)
    g_error ("%s", error->message);
  printf ("\"rows\": {");
  for (guint rows = 1; rows <= 256; rows = rows == 1 ? 16 : rows * 4)
    measure_commits (store, rows);
  return 0;
}
