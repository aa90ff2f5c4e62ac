/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a check costs at a TesseraVerifier whose copy of the deny-list has N entries: of a token
 * that was seen before, of one of a thousand such, and of a cold one beside the bare verification
 * of its signature by OpenSSL. One JSON object. */

#include "base/tessera-secret-private.h"
#include "fake-issuer.h"
#include "jose/tessera-jwt-private.h"
#include "resource/tessera-verifier-private.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AUDIENCE "https://api.test"
#define HOT 1000
#define COLD 2000
#define ROUNDS 5
#define CHECKS 200000

typedef struct
{
  FakeIssuer *issuer;
  TesseraKey *key;
  TesseraVerifier *verifier;
  TesseraDenyReplica *replica;
} Bench;

/* Of this thread's own work, so that what else the machine does counts little. */
static gint64
get_cpu_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static double
seconds_since (gint64 begin_ns)
{
  return (double) (get_cpu_ns () - begin_ns) / 1e9;
}

static void
set_up (Bench *b)
{
  b->key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  b->issuer = fake_issuer_new (b->key);
  b->verifier = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", b->issuer->issuer, "client-id", "b",
                              "client-secret", "b", "max-staleness", 86400u, NULL);
  tessera_verifier_start (b->verifier);
  while (!tessera_verifier_get_ready (b->verifier))
    g_main_context_iteration (NULL, FALSE);
  b->replica = tessera_issuer_watch_get_replica (tessera_verifier_get_watch (b->verifier));
}

static void
tear_down (Bench *b)
{
  g_object_unref (b->verifier);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  fake_issuer_free (b->issuer);
  tessera_key_unref (b->key);
}

/* @n entries about tokens; how long that takes. */
static double
fill (Bench *b, guint n)
{
  gint64 now = g_get_real_time () / 1000;
  g_autofree char *list = tessera_deny_replica_dup_list (b->replica);
  gint64 begin = get_cpu_ns ();
  g_autoptr (TesseraDenyStage) stage = tessera_deny_replica_begin (b->replica);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *jti = tessera_uuid_new (now - i % 600000);
      TesseraDenial denial = { .generation = i + 1,
                               .kind = TESSERA_DENIAL_TOKEN,
                               .value = jti,
                               .expires_ms = now + 86400000 };
      g_assert (tessera_deny_stage_add (stage, &denial));
    }
  g_assert (tessera_deny_stage_commit (stage, list, n, now + 1));
  return seconds_since (begin);
}

static GPtrArray *
make_tokens (Bench *b, guint n)
{
  GPtrArray *tokens = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (tokens, fake_issuer_sign (b->issuer, b->key, NULL, ""));
  return tokens;
}

static void
check (Bench *b, const char *token)
{
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (b->verifier, token, AUDIENCE, NULL, NULL);

  g_assert (good != NULL);
}

/* The best of some rounds: checks a second of tokens that were all seen before. */
static double
measure_seen (Bench *b, GPtrArray *tokens)
{
  double best = 0;

  for (guint i = 0; i < tokens->len; i++)
    check (b, tokens->pdata[i]);
  for (guint round = 0; round < ROUNDS; round++)
    {
      gint64 begin = get_cpu_ns ();
      for (guint i = 0; i < CHECKS; i++)
        check (b, tokens->pdata[i % tokens->len]);
      best = MAX (best, CHECKS / seconds_since (begin));
    }
  return best;
}

/* OpenSSL alone: the digest of the text and the signature, with a context that is kept. */
typedef struct
{
  EVP_PKEY *key;
  EVP_PKEY_CTX *context;
} Raw;

static void
raw_init (Raw *raw, TesseraKey *key)
{
  g_autofree char *pem = tessera_key_dup_public_pem (key);
  BIO *bio = BIO_new_mem_buf (pem, -1);

  raw->key = PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);
  BIO_free (bio);
  raw->context = EVP_PKEY_CTX_new (raw->key, NULL);
  g_assert (EVP_PKEY_verify_init (raw->context) == 1);
}

static void
raw_clear (Raw *raw)
{
  EVP_PKEY_CTX_free (raw->context);
  EVP_PKEY_free (raw->key);
}

typedef struct
{
  TesseraDigest digest;
  guint8 der[80];
  gsize length;
} Signature;

/* What a bare verification needs, made before the time is taken. */
static GArray *
make_signatures (GPtrArray *tokens)
{
  GArray *signatures = g_array_new (FALSE, FALSE, sizeof (Signature));

  for (guint i = 0; i < tokens->len; i++)
    {
      g_autoptr (TesseraJwt) jwt
          = tessera_jwt_split (tokens->pdata[i], strlen (tokens->pdata[i]), NULL);
      Signature signature = { 0 };
      guint8 *end = signature.der;
      ECDSA_SIG *pair = ECDSA_SIG_new ();
      ECDSA_SIG_set0 (pair, BN_bin2bn (jwt->signature, 32, NULL),
                      BN_bin2bn (jwt->signature + 32, 32, NULL));
      signature.length = (gsize) i2d_ECDSA_SIG (pair, &end);
      ECDSA_SIG_free (pair);
      signature.digest = tessera_digest (jwt->signing_input, (gssize) jwt->signing_input_length);
      g_array_append_val (signatures, signature);
    }
  return signatures;
}

static double
measure_raw (Raw *raw, GArray *signatures)
{
  gint64 begin = get_cpu_ns ();

  for (guint i = 0; i < signatures->len; i++)
    {
      const Signature *one = &g_array_index (signatures, Signature, i);
      g_assert (EVP_PKEY_verify (raw->context, one->der, one->length, one->digest.bytes,
                                 sizeof one->digest.bytes)
                == 1);
    }
  return seconds_since (begin) / signatures->len;
}

static double
measure_cold (Bench *b, GPtrArray *tokens)
{
  gint64 begin = get_cpu_ns ();

  for (guint i = 0; i < tokens->len; i++)
    check (b, tokens->pdata[i]);
  return seconds_since (begin) / tokens->len;
}

static int
compare (const void *a, const void *b)
{
  return *(const double *) a < *(const double *) b ? -1 : *(const double *) a > *(const double *) b;
}

static void
measure_ratio (Bench *b, double *out_cold_us, double *out_raw_us)
{
  double cold[ROUNDS], raws[ROUNDS];
  Raw raw;

  raw_init (&raw, b->key);
  for (guint round = 0; round < ROUNDS; round++)
    {
      g_autoptr (GPtrArray) tokens = make_tokens (b, COLD);
      g_autoptr (GArray) signatures = make_signatures (tokens);
      cold[round] = measure_cold (b, tokens) * 1e6;
      raws[round] = measure_raw (&raw, signatures) * 1e6;
    }
  raw_clear (&raw);
  qsort (cold, ROUNDS, sizeof cold[0], compare);
  qsort (raws, ROUNDS, sizeof raws[0], compare);
  *out_cold_us = cold[ROUNDS / 2];
  *out_raw_us = raws[ROUNDS / 2];
}

int
main (int argc, char **argv)
{
  guint n = argc > 1 ? (guint) atoi (argv[1]) : 0;
  guint live = argc > 2 ? (guint) atoi (argv[2]) : 1;
  Bench b = { 0 };
  double cold, raw;

  set_up (&b);
  double loading = fill (&b, n);
  g_autoptr (GPtrArray) hot = make_tokens (&b, HOT);
  g_autoptr (GPtrArray) one = make_tokens (&b, 1);
  double seen = measure_seen (&b, one);
  double seen_many = measure_seen (&b, hot);
  g_autoptr (GPtrArray) all = make_tokens (&b, live);
  double seen_all = measure_seen (&b, all);
  measure_ratio (&b, &cold, &raw);
  printf ("{\"entries\": %u, \"seen_per_s\": %.0f, \"seen_of_%d_per_s\": %.0f, "
          "\"live\": %u, \"seen_of_live_per_s\": %.0f, \"cold_us\": %.2f, "
          "\"raw_us\": %.2f, \"cold_to_raw\": %.3f, \"bytes_per_entry\": %.1f, \"load_s\": %.2f}\n",
          n, seen, HOT, seen_many, live, seen_all, cold, raw, cold / raw,
          n > 0 ? (double) tessera_deny_replica_get_memory (b.replica) / n : 0, loading);
  tear_down (&b);
  return 0;
}
