/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One signing key: OpenSSL EVP with a key that stays parsed (RFC 7517, RFC 7518 §3, RFC 8037,
 * RFC 7638). */
#include "jose/tessera-key-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "jose/tessera-pkcs8-private.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#define P256_SIZE 32
#define ED25519_SIZE 32
#define ED25519_SIGNATURE_SIZE 64
#define RSA_BITS 2048
#define DER_MAX 72 /* SEQUENCE of two INTEGERs of at most 33 bytes */
#define CONTEXT_SLOTS 8

struct _TesseraKey
{
  gint ref_count;
  guint64 serial; /* never used twice, as an address can be */
  TesseraAlgorithm algorithm;
  EVP_PKEY *pkey;
  gboolean is_private;
  char *id;
};

/* What a thread keeps of a key. */
typedef struct
{
  guint64 serial; /* 0: free */
  EVP_PKEY_CTX *sign;
  EVP_PKEY_CTX *verify;
} ContextSlot;

typedef struct
{
  ContextSlot slots[CONTEXT_SLOTS];
  guint next; /* the one to give up next */
  EVP_MD_CTX *one_shot;
} ThreadContexts;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OSSL_PARAM, OSSL_PARAM_free)

/* The order n of P-256 (FIPS 186-4 §D.1.2.3). */
static const guint8 p256_order[P256_SIZE] = {
  0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};
static const guint8 p256_zero[P256_SIZE];

static gboolean
refuse (GError **error, const char *why)
{
  ERR_clear_error ();
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY, why);
  return FALSE;
}

/* --- contexts, one a key and thread --- */

static void
context_slot_clear (ContextSlot *slot)
{
  g_clear_pointer (&slot->sign, EVP_PKEY_CTX_free);
  g_clear_pointer (&slot->verify, EVP_PKEY_CTX_free);
  slot->serial = 0;
}

static void
thread_contexts_free (gpointer data)
{
  ThreadContexts *contexts = data;

  for (guint i = 0; i < CONTEXT_SLOTS; i++)
    context_slot_clear (&contexts->slots[i]);
  EVP_MD_CTX_free (contexts->one_shot);
  g_free (contexts);
}

static GPrivate thread_contexts = G_PRIVATE_INIT (thread_contexts_free);

static ThreadContexts *
get_thread_contexts (void)
{
  ThreadContexts *contexts = g_private_get (&thread_contexts);

  if (contexts == NULL)
    {
      contexts = g_new0 (ThreadContexts, 1);
      contexts->one_shot = EVP_MD_CTX_new ();
      g_private_set (&thread_contexts, contexts);
    }
  return contexts;
}

static ContextSlot *
get_context_slot (TesseraKey *self)
{
  ThreadContexts *contexts = get_thread_contexts ();

  for (guint i = 0; i < CONTEXT_SLOTS; i++)
    {
      if (contexts->slots[i].serial == self->serial)
        return &contexts->slots[i];
    }
  ContextSlot *slot = &contexts->slots[contexts->next];
  contexts->next = (contexts->next + 1) % CONTEXT_SLOTS;
  context_slot_clear (slot);
  slot->serial = self->serial;
  return slot;
}

static gboolean
configure_context (EVP_PKEY_CTX *context, TesseraAlgorithm algorithm)
{
  if (EVP_PKEY_CTX_set_signature_md (context, EVP_sha256 ()) <= 0)
    return FALSE;
  if (algorithm == TESSERA_ALGORITHM_RS256)
    return EVP_PKEY_CTX_set_rsa_padding (context, RSA_PKCS1_PADDING) > 0;
  if (algorithm == TESSERA_ALGORITHM_PS256) /* salt as long as the hash (RFC 7518 §3.5) */
    return EVP_PKEY_CTX_set_rsa_padding (context, RSA_PKCS1_PSS_PADDING) > 0
           && EVP_PKEY_CTX_set_rsa_pss_saltlen (context, TESSERA_DIGEST_SIZE) > 0;
  return TRUE;
}

/* A context that is ready to sign or verify digests; kept by the thread. NULL if OpenSSL refuses.
 */
static EVP_PKEY_CTX *
get_context (TesseraKey *self, gboolean for_signing)
{
  ContextSlot *slot = get_context_slot (self);
  EVP_PKEY_CTX **kept = for_signing ? &slot->sign : &slot->verify;
  if (*kept != NULL)
    return *kept;

  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey (NULL, self->pkey, NULL);
  if (context == NULL)
    return NULL;
  if ((for_signing ? EVP_PKEY_sign_init (context) : EVP_PKEY_verify_init (context)) <= 0
      || !configure_context (context, self->algorithm))
    return NULL;
  *kept = g_steal_pointer (&context);
  return *kept;
}

/* --- ES256: r‖s and DER (RFC 7518 §3.4) --- */

/* One of r and s, 32 bytes; returns what is behind it, or NULL. */
static const guint8 *
take_der_integer (const guint8 *at, const guint8 *end, guint8 *out_number)
{
  if (at == NULL || end - at < 2 || at[0] != 0x02 || end - at - 2 < at[1])
    return NULL;
  gsize length = at[1];
  at += 2;
  for (; length > 0 && *at == 0; length--)
    at++;
  if (length > P256_SIZE)
    return NULL;
  memset (out_number, 0, P256_SIZE - length);
  memcpy (out_number + P256_SIZE - length, at, length);
  return at + length;
}

/* By hand: OpenSSL's reader makes an object and two numbers for it. */
static gboolean
der_to_raw (const guint8 *der, gsize der_length, guint8 *out_raw)
{
  const guint8 *end = der + der_length;

  if (der_length < 2 || der[0] != 0x30 || der[1] != der_length - 2)
    return FALSE;
  const guint8 *second = take_der_integer (der + 2, end, out_raw);
  return take_der_integer (second, end, out_raw + P256_SIZE) == end;
}

/* One of r and s as a DER INTEGER; returns its length. @number is not zero. */
static gsize
put_der_integer (const guint8 *number, guint8 *out)
{
  gsize skip = 0;
  while (number[skip] == 0)
    skip++;

  gsize pad = number[skip] >= 0x80; /* else it would be negative */
  out[0] = 0x02;
  out[1] = (guint8) (P256_SIZE - skip + pad);
  out[2] = 0;
  memcpy (out + 2 + pad, number + skip, P256_SIZE - skip);
  return 2 + out[1];
}

/* 1 ≤ number < n */
static gboolean
is_p256_scalar (const guint8 *number)
{
  return memcmp (number, p256_zero, P256_SIZE) != 0 && memcmp (number, p256_order, P256_SIZE) < 0;
}

/* Returns the length, or 0 when r or s is out of range (threats.md D18). */
static gsize
raw_to_der (const guint8 raw[2 * P256_SIZE], guint8 out_der[DER_MAX])
{
  if (!is_p256_scalar (raw) || !is_p256_scalar (raw + P256_SIZE))
    return 0;

  gsize length = put_der_integer (raw, out_der + 2);
  length += put_der_integer (raw + P256_SIZE, out_der + 2 + length);
  out_der[0] = 0x30;
  out_der[1] = (guint8) length;
  return 2 + length;
}

/* --- signing and verifying --- */

static gboolean
sign_eddsa (TesseraKey *self, const void *data, gsize length, guint8 *signature, gsize *out_length)
{
  EVP_MD_CTX *context = get_thread_contexts ()->one_shot;

  *out_length = ED25519_SIGNATURE_SIZE;
  EVP_MD_CTX_reset (context);
  return EVP_DigestSignInit_ex (context, NULL, NULL, NULL, NULL, self->pkey, NULL) == 1
         && EVP_DigestSign (context, signature, out_length, data, length) == 1;
}

static gboolean
verify_eddsa (TesseraKey *self,
              const void *data,
              gsize length,
              const guint8 *signature,
              gsize signature_length)
{
  EVP_MD_CTX *context = get_thread_contexts ()->one_shot;

  if (signature_length != ED25519_SIGNATURE_SIZE)
    return FALSE;
  EVP_MD_CTX_reset (context);
  return EVP_DigestVerifyInit_ex (context, NULL, NULL, NULL, NULL, self->pkey, NULL) == 1
         && EVP_DigestVerify (context, signature, signature_length, data, length) == 1;
}

static gboolean
sign_ecdsa (TesseraKey *self, const TesseraDigest *digest, guint8 *signature, gsize *out_length)
{
  guint8 der[DER_MAX];
  gsize der_length = sizeof der;
  EVP_PKEY_CTX *context = get_context (self, TRUE);

  *out_length = 2 * P256_SIZE;
  return context != NULL
         && EVP_PKEY_sign (context, der, &der_length, digest->bytes, sizeof digest->bytes) == 1
         && der_to_raw (der, der_length, signature);
}

static gboolean
verify_digest (TesseraKey *self,
               const TesseraDigest *digest,
               const guint8 *signature,
               gsize signature_length)
{
  EVP_PKEY_CTX *context = get_context (self, FALSE);

  return context != NULL
         && EVP_PKEY_verify (context, signature, signature_length, digest->bytes,
                             sizeof digest->bytes)
                == 1;
}

static gboolean
verify_ecdsa (TesseraKey *self,
              const TesseraDigest *digest,
              const guint8 *signature,
              gsize signature_length)
{
  guint8 der[DER_MAX];

  if (signature_length != 2 * P256_SIZE)
    return FALSE;
  gsize der_length = raw_to_der (signature, der);
  return der_length > 0 && verify_digest (self, digest, der, der_length);
}

static gboolean
verify_rsa (TesseraKey *self,
            const TesseraDigest *digest,
            const guint8 *signature,
            gsize signature_length)
{
  return signature_length == (gsize) EVP_PKEY_get_size (self->pkey)
         && verify_digest (self, digest, signature, signature_length);
}

/* A faulty RSA signature can give the key away, so it is verified before anyone sees it (C07). */
static gboolean
sign_rsa (TesseraKey *self, const TesseraDigest *digest, guint8 *signature, gsize *out_length)
{
  EVP_PKEY_CTX *context = get_context (self, TRUE);

  *out_length = TESSERA_SIGNATURE_MAX;
  return context != NULL
         && EVP_PKEY_sign (context, signature, out_length, digest->bytes, sizeof digest->bytes) == 1
         && verify_rsa (self, digest, signature, *out_length);
}

gsize
tessera_key_get_size (TesseraKey *self)
{
  return (gsize) EVP_PKEY_get_size (self->pkey);
}

gboolean
tessera_key_sign (TesseraKey *self,
                  const void *data,
                  gsize length,
                  guint8 *signature,
                  gsize *out_signature_length,
                  GError **error)
{
  gboolean done = FALSE;

  if (!self->is_private)
    return refuse (error, "The key can verify, but not sign.");
  if (self->algorithm == TESSERA_ALGORITHM_EDDSA)
    done = sign_eddsa (self, data, length, signature, out_signature_length);
  else
    {
      TesseraDigest digest = tessera_digest (data, (gssize) length);
      done = self->algorithm == TESSERA_ALGORITHM_ES256
                 ? sign_ecdsa (self, &digest, signature, out_signature_length)
                 : sign_rsa (self, &digest, signature, out_signature_length);
    }
  if (done)
    return TRUE;
  OPENSSL_cleanse (signature, TESSERA_SIGNATURE_MAX);
  return refuse (error, "OpenSSL could not sign.");
}

gboolean
tessera_key_verify (TesseraKey *self,
                    const void *data,
                    gsize length,
                    const guint8 *signature,
                    gsize signature_length)
{
  gboolean good = FALSE;

  if (self->algorithm == TESSERA_ALGORITHM_EDDSA)
    good = verify_eddsa (self, data, length, signature, signature_length);
  else
    {
      TesseraDigest digest = tessera_digest (data, (gssize) length);
      good = self->algorithm == TESSERA_ALGORITHM_ES256
                 ? verify_ecdsa (self, &digest, signature, signature_length)
                 : verify_rsa (self, &digest, signature, signature_length);
    }
  if (!good)
    ERR_clear_error ();
  return good;
}

/* --- JWK --- */

/* A number as base64url of @size bytes big-endian; 0: as many as it needs (RFC 7518 §2). */
static json_t *
number_to_json (EVP_PKEY *pkey, const char *param, gsize size)
{
  g_autoptr (BIGNUM) number = NULL;
  guint8 bytes[TESSERA_SIGNATURE_MAX];

  if (EVP_PKEY_get_bn_param (pkey, param, &number) != 1)
    return NULL;
  gsize length = size > 0 ? size : (gsize) BN_num_bytes (number);
  if (length > sizeof bytes || BN_bn2binpad (number, bytes, (int) length) < 0)
    return NULL;
  g_autofree char *text = tessera_base64url_encode (bytes, length);
  return json_string (text);
}

static json_t *
raw_public_to_json (EVP_PKEY *pkey)
{
  guint8 bytes[ED25519_SIZE];
  gsize length = sizeof bytes;

  if (EVP_PKEY_get_raw_public_key (pkey, bytes, &length) != 1)
    return NULL;
  g_autofree char *text = tessera_base64url_encode (bytes, length);
  return json_string (text);
}

/* Only the required members, in the order of their names: what RFC 7638 §3.2 digests. */
static json_t *
make_thumbprint_members (EVP_PKEY *pkey, TesseraAlgorithm algorithm)
{
  json_t *jwk = json_object ();

  switch (algorithm)
    {
    case TESSERA_ALGORITHM_ES256:
      json_object_set_new (jwk, "crv", json_string ("P-256"));
      json_object_set_new (jwk, "kty", json_string ("EC"));
      json_object_set_new (jwk, "x", number_to_json (pkey, OSSL_PKEY_PARAM_EC_PUB_X, P256_SIZE));
      json_object_set_new (jwk, "y", number_to_json (pkey, OSSL_PKEY_PARAM_EC_PUB_Y, P256_SIZE));
      break;
    case TESSERA_ALGORITHM_EDDSA:
      json_object_set_new (jwk, "crv", json_string ("Ed25519"));
      json_object_set_new (jwk, "kty", json_string ("OKP"));
      json_object_set_new (jwk, "x", raw_public_to_json (pkey));
      break;
    case TESSERA_ALGORITHM_RS256:
    case TESSERA_ALGORITHM_PS256:
      json_object_set_new (jwk, "e", number_to_json (pkey, OSSL_PKEY_PARAM_RSA_E, 0));
      json_object_set_new (jwk, "kty", json_string ("RSA"));
      json_object_set_new (jwk, "n", number_to_json (pkey, OSSL_PKEY_PARAM_RSA_N, 0));
      break;
    }
  return jwk;
}

static char *
make_thumbprint (EVP_PKEY *pkey, TesseraAlgorithm algorithm)
{
  g_autoptr (json_t) members = make_thumbprint_members (pkey, algorithm);
  g_autofree char *text = NULL;

  if (json_object_size (members) < (algorithm == TESSERA_ALGORITHM_ES256 ? 4 : 3))
    return NULL; /* OpenSSL gave a number not out */
  text = tessera_json_dump (members);
  TesseraDigest digest = tessera_digest (text, -1);

  return tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
}

json_t *
tessera_key_to_jwk (TesseraKey *self)
{
  json_t *jwk = make_thumbprint_members (self->pkey, self->algorithm);

  json_object_set_new (jwk, "use", json_string ("sig"));
  json_object_set_new (jwk, "alg", json_string (tessera_algorithm_get_name (self->algorithm)));
  json_object_set_new (jwk, "kid", json_string (self->id));
  return jwk;
}

/* --- making keys --- */

/* Of the type, curve and size that @algorithm takes: a key carries one algorithm (threats.md D02).
 */
static gboolean
suits_algorithm (EVP_PKEY *pkey, TesseraAlgorithm algorithm)
{
  char curve[32] = "";

  switch (algorithm)
    {
    case TESSERA_ALGORITHM_ES256:
      return EVP_PKEY_is_a (pkey, "EC")
             && EVP_PKEY_get_group_name (pkey, curve, sizeof curve, NULL) == 1
             && strcmp (curve, "prime256v1") == 0;
    case TESSERA_ALGORITHM_EDDSA:
      return EVP_PKEY_is_a (pkey, "ED25519");
    case TESSERA_ALGORITHM_RS256:
    case TESSERA_ALGORITHM_PS256:
      return EVP_PKEY_is_a (pkey, "RSA") && EVP_PKEY_get_bits (pkey) >= RSA_BITS
             && EVP_PKEY_get_size (pkey) <= TESSERA_SIGNATURE_MAX;
    }
  g_return_val_if_reached (FALSE);
}

/* Does the private half belong to the public one? */
static gboolean
signs_what_it_verifies (TesseraKey *self)
{
  static const char probe[] = "tessera";
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;

  return tessera_key_sign (self, probe, sizeof probe, signature, &length, NULL)
         && tessera_key_verify (self, probe, sizeof probe, signature, length);
}

/* Takes over @pkey. */
static TesseraKey *
key_new (EVP_PKEY *pkey, TesseraAlgorithm algorithm, gboolean is_private, GError **error)
{
  static guint64 last_serial;
  g_autoptr (TesseraKey) self = g_new0 (TesseraKey, 1);

  self->ref_count = 1;
  self->serial = __atomic_add_fetch (&last_serial, 1, __ATOMIC_RELAXED);
  self->algorithm = algorithm;
  self->is_private = is_private;
  self->pkey = pkey;
  if (!suits_algorithm (pkey, algorithm))
    {
      refuse (error, "The key is not of the type, curve and size that its algorithm takes.");
      return NULL;
    }
  self->id = make_thumbprint (pkey, algorithm);
  if (self->id == NULL)
    {
      refuse (error, "OpenSSL does not give out the public part of the key.");
      return NULL;
    }
  if (is_private && !signs_what_it_verifies (self))
    {
      refuse (error, "The private part of the key does not belong to its public part.");
      return NULL;
    }
  return g_steal_pointer (&self);
}

TesseraKey *
tessera_key_generate (TesseraAlgorithm algorithm, GError **error)
{
  EVP_PKEY *pkey;

  if (algorithm == TESSERA_ALGORITHM_ES256)
    pkey = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
  else if (algorithm == TESSERA_ALGORITHM_EDDSA)
    pkey = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  else
    pkey = EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) RSA_BITS);
  if (pkey == NULL)
    {
      refuse (error, "OpenSSL could not generate a key.");
      return NULL;
    }
  return key_new (pkey, algorithm, TRUE, error);
}

/* OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int
give_no_passphrase (char *buffer, int size, int writing, void *data)
{
  return -1;
}

static EVP_PKEY *
read_private_pem (const char *pem, gsize length)
{
  g_autoptr (BIO) bio = NULL;
  EVP_PKEY *pkey = tessera_pkcs8_parse_pem (pem, length);

  if (pkey != NULL)
    return pkey;
  bio = BIO_new_mem_buf (pem, (int) MIN (length, (gsize) G_MAXINT));
  return PEM_read_bio_PrivateKey (bio, NULL, give_no_passphrase, NULL);
}

static EVP_PKEY *
read_public_pem (const char *pem, gsize length)
{
  g_autoptr (BIO) bio = BIO_new_mem_buf (pem, (int) MIN (length, (gsize) G_MAXINT));

  return PEM_read_bio_PUBKEY (bio, NULL, give_no_passphrase, NULL);
}

TesseraKey *
tessera_key_new_from_pem (const char *pem,
                          gssize length,
                          TesseraAlgorithm algorithm,
                          GError **error)
{
  gsize size = length < 0 ? strlen (pem) : (gsize) length;
  gboolean is_private = g_strstr_len (pem, (gssize) size, "PRIVATE KEY-----") != NULL;
  EVP_PKEY *pkey = is_private ? read_private_pem (pem, size) : read_public_pem (pem, size);

  if (pkey == NULL)
    {
      refuse (error, "The PEM text holds no readable key.");
      return NULL;
    }
  return key_new (pkey, algorithm, is_private, error);
}

/* The bytes of a base64url member, or NULL. */
static guint8 *
get_bytes (const json_t *jwk, const char *name, gsize max_length, gsize *out_length)
{
  const json_t *member = json_object_get (jwk, name);
  const char *text = json_string_value (member);

  if (text == NULL || json_string_length (member) > max_length * 2)
    return NULL;
  g_autofree guint8 *bytes
      = tessera_base64url_decode (text, json_string_length (member), out_length);
  if (bytes == NULL || *out_length == 0 || *out_length > max_length)
    return NULL;
  return g_steal_pointer (&bytes);
}

static EVP_PKEY *
pkey_from_params (const char *type, OSSL_PARAM_BLD *builder)
{
  EVP_PKEY *pkey = NULL;
  g_autoptr (OSSL_PARAM) params = OSSL_PARAM_BLD_to_param (builder);
  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);

  if (params == NULL || context == NULL || EVP_PKEY_fromdata_init (context) != 1
      || EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    return NULL;
  return pkey;
}

static EVP_PKEY *
pkey_from_ec_jwk (const json_t *jwk)
{
  gsize x_length = 0, y_length = 0;
  guint8 point[1 + 2 * P256_SIZE] = { POINT_CONVERSION_UNCOMPRESSED };
  g_autofree guint8 *x = get_bytes (jwk, "x", P256_SIZE, &x_length);
  g_autofree guint8 *y = get_bytes (jwk, "y", P256_SIZE, &y_length);
  g_autoptr (OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new ();

  if (x == NULL || y == NULL || x_length != P256_SIZE || y_length != P256_SIZE)
    return NULL;
  memcpy (point + 1, x, P256_SIZE);
  memcpy (point + 1 + P256_SIZE, y, P256_SIZE);
  OSSL_PARAM_BLD_push_utf8_string (builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string (builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
  return pkey_from_params ("EC", builder);
}

/* With a key of small order one signature is good for many messages, and OpenSSL does not look: the
 * points of Ed25519 whose order divides 8, by their y. */
static gboolean
is_small_order (const guint8 point[ED25519_SIZE])
{
  static const guint8 small[][ED25519_SIZE] = {
    { 0 },
    { 1 },
    { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
      0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
      0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
    { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
      0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
      0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
  };
  guint8 y[ED25519_SIZE];

  memcpy (y, point, sizeof y);
  y[ED25519_SIZE - 1] &= 0x7f; /* without the sign of x */
  for (guint i = 0; i < G_N_ELEMENTS (small); i++)
    {
      if (memcmp (y, small[i], sizeof y) == 0)
        return TRUE;
    }
  return FALSE;
}

/* RFC 8032 §5.1.3: y is below 2²⁵⁵ - 19. */
static gboolean
is_canonical_point (const guint8 point[ED25519_SIZE])
{
  if ((point[ED25519_SIZE - 1] & 0x7f) != 0x7f || point[0] < 0xed)
    return TRUE;
  for (guint i = 1; i < ED25519_SIZE - 1; i++)
    {
      if (point[i] != 0xff)
        return TRUE;
    }
  return FALSE;
}

static EVP_PKEY *
pkey_from_okp_jwk (const json_t *jwk)
{
  gsize length = 0;
  g_autofree guint8 *x = get_bytes (jwk, "x", ED25519_SIZE, &length);

  if (x == NULL || length != ED25519_SIZE || !is_canonical_point (x) || is_small_order (x))
    return NULL;
  return EVP_PKEY_new_raw_public_key_ex (NULL, "ED25519", NULL, x, length);
}

static EVP_PKEY *
pkey_from_rsa_jwk (const json_t *jwk)
{
  gsize n_length = 0, e_length = 0;
  g_autofree guint8 *n = get_bytes (jwk, "n", TESSERA_SIGNATURE_MAX, &n_length);
  g_autofree guint8 *e = get_bytes (jwk, "e", 8, &e_length);
  g_autoptr (OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new ();

  if (n == NULL || e == NULL || n[0] == 0 || e[0] == 0)
    return NULL;
  g_autoptr (BIGNUM) modulus = BN_bin2bn (n, (int) n_length, NULL);
  g_autoptr (BIGNUM) exponent = BN_bin2bn (e, (int) e_length, NULL);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_N, modulus);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_E, exponent);
  return pkey_from_params ("RSA", builder);
}

static gboolean
member_is (const json_t *jwk, const char *name, const char *value)
{
  return g_strcmp0 (json_string_value (json_object_get (jwk, name)), value) == 0;
}

static EVP_PKEY *
pkey_from_jwk (const json_t *jwk, TesseraAlgorithm algorithm)
{
  if (algorithm == TESSERA_ALGORITHM_ES256)
    return member_is (jwk, "kty", "EC") && member_is (jwk, "crv", "P-256") ? pkey_from_ec_jwk (jwk)
                                                                           : NULL;
  if (algorithm == TESSERA_ALGORITHM_EDDSA)
    return member_is (jwk, "kty", "OKP") && member_is (jwk, "crv", "Ed25519")
               ? pkey_from_okp_jwk (jwk)
               : NULL;
  return member_is (jwk, "kty", "RSA") ? pkey_from_rsa_jwk (jwk) : NULL;
}

static gboolean
is_valid_public (EVP_PKEY *pkey)
{
  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey (NULL, pkey, NULL);

  return context != NULL && EVP_PKEY_public_check (context) == 1;
}

TesseraKey *
tessera_key_new_from_jwk (const json_t *jwk, GError **error)
{
  static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
  TesseraAlgorithm algorithm;

  for (guint i = 0; i < G_N_ELEMENTS (private_members); i++)
    {
      if (json_object_get (jwk, private_members[i]) != NULL)
        {
          refuse (error, "The JWK holds private members.");
          return NULL;
        }
    }
  if (!tessera_algorithm_parse (json_string_value (json_object_get (jwk, "alg")), &algorithm)
      || (json_object_get (jwk, "use") != NULL && !member_is (jwk, "use", "sig")))
    {
      refuse (error, "The JWK is not for one of the signature algorithms.");
      return NULL;
    }

  g_autoptr (EVP_PKEY) pkey = pkey_from_jwk (jwk, algorithm);
  if (pkey == NULL || !is_valid_public (pkey))
    {
      refuse (error, "The JWK is malformed.");
      return NULL;
    }
  return key_new (g_steal_pointer (&pkey), algorithm, FALSE, error);
}

TesseraKey *
tessera_key_new_from_foreign_jwk (const json_t *jwk, GError **error)
{
  const char *kid = json_string_value (json_object_get (jwk, "kid"));

  if (kid == NULL || kid[0] == '\0' || strlen (kid) > TESSERA_KEY_ID_MAX_LENGTH)
    {
      refuse (error, "The JWK has no usable name.");
      return NULL;
    }
  TesseraKey *self = tessera_key_new_from_jwk (jwk, error);
  if (self == NULL)
    return NULL;
  g_free (self->id);
  self->id = g_strdup (kid);
  return self;
}

TesseraKey *
tessera_key_ref (TesseraKey *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_key_unref (TesseraKey *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  EVP_PKEY_free (self->pkey); /* scrubs the private part with its last reference */
  g_free (self->id);
  g_free (self);
}

const char *
tessera_key_get_id (TesseraKey *self)
{
  return self->id;
}

TesseraAlgorithm
tessera_key_get_algorithm (TesseraKey *self)
{
  return self->algorithm;
}

gboolean
tessera_key_is_private (TesseraKey *self)
{
  return self->is_private;
}

static char *
steal_text (BIO *bio)
{
  char *data = NULL;
  gsize length = (gsize) BIO_get_mem_data (bio, &data);
  char *text = g_strndup (data, length);

  OPENSSL_cleanse (data, length);
  return text;
}

char *
tessera_key_dup_private_pem (TesseraKey *self)
{
  g_autoptr (BIO) bio = NULL;
  char *pem = NULL;

  g_return_val_if_fail (self->is_private, NULL);
  pem = tessera_pkcs8_dup_pem (self->pkey);
  if (pem != NULL)
    return pem;
  bio = BIO_new (BIO_s_mem ());
  if (PEM_write_bio_PKCS8PrivateKey (bio, self->pkey, NULL, NULL, 0, NULL, NULL) != 1)
    g_error ("OpenSSL cannot write a private key.");
  return steal_text (bio);
}

char *
tessera_key_dup_public_pem (TesseraKey *self)
{
  g_autoptr (BIO) bio = BIO_new (BIO_s_mem ());

  if (PEM_write_bio_PUBKEY (bio, self->pkey) != 1)
    g_error ("OpenSSL cannot write a public key.");
  return steal_text (bio);
}
