/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens that say where their record lies: an authenticated encryption whose nonce is its own tag
 * (the construction of RFC 5297 §2.6, with HMAC-SHA-256 of RFC 2104 in both places):
 *
 *   tag  = HMAC (first key, number ‖ turn ‖ nonce)
 *   mask = HMAC (second key, tag)
 *   text = prefix ‖ base64url ((number ‖ turn ‖ nonce) ⊕ mask ‖ tag)
 *
 * A changed bit anywhere makes another tag; the 256 bits of that are compared in constant time. */

#include "jose/tessera-numbered-token-private.h"

#include "base/tessera-secret-private.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#define NUMBER_SIZE 8
#define TURN_SIZE 7 /* 2⁵⁶ of them come to no end */
#define BODY_SIZE (NUMBER_SIZE + TURN_SIZE + TESSERA_NONCE_SIZE)
#define TOKEN_SIZE (BODY_SIZE + TESSERA_DIGEST_SIZE)
#define TEXT_LENGTH (TOKEN_SIZE / 3 * 4)
G_STATIC_ASSERT (BODY_SIZE <= TESSERA_DIGEST_SIZE);
G_STATIC_ASSERT (TOKEN_SIZE % 3 == 0); /* no bits are left over that could be spelled otherwise */

/* What of an HMAC depends on the key alone, which is half of the work. */
typedef struct
{
  SHA256_CTX inner;
  SHA256_CTX outer;
} Mac;

struct _TesseraTokenKind
{
  const char *prefix;
  Mac tag;
  Mac mask;
};

TesseraNonce
tessera_nonce_new (void)
{
  TesseraNonce nonce;

  tessera_random_bytes (nonce.bytes, sizeof nonce.bytes);
  return nonce;
}

gboolean
tessera_nonce_equal (const TesseraNonce *a, const TesseraNonce *b)
{
  return CRYPTO_memcmp (a->bytes, b->bytes, TESSERA_NONCE_SIZE) == 0;
}

/* EVP allocates for each digest; the functions below it are the same arithmetic. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS
static void
begin_half (SHA256_CTX *context, const TesseraDigest *key, guint8 pad)
{
  guint8 block[SHA256_CBLOCK];

  memset (block, pad, sizeof block);
  for (guint i = 0; i < TESSERA_DIGEST_SIZE; i++)
    block[i] ^= key->bytes[i];
  SHA256_Init (context);
  SHA256_Update (context, block, sizeof block);
  OPENSSL_cleanse (block, sizeof block);
}

static void
run_half (const SHA256_CTX *begun, const void *data, gsize length, guint8 *out_digest)
{
  SHA256_CTX context = *begun;

  SHA256_Update (&context, data, length);
  SHA256_Final (out_digest, &context);
  OPENSSL_cleanse (&context, sizeof context);
}
G_GNUC_END_IGNORE_DEPRECATIONS

static void
mac_init (Mac *self, const guint8 *key, gsize key_length, const char *prefix, const char *what)
{
  g_autofree char *label = g_strconcat ("tessera token ", prefix, " ", what, NULL);
  TesseraDigest own = tessera_hmac (key, key_length, label, strlen (label));

  begin_half (&self->inner, &own, 0x36);
  begin_half (&self->outer, &own, 0x5c);
  OPENSSL_cleanse (&own, sizeof own);
}

static void
mac_run (const Mac *self, const void *data, gsize length, guint8 out[TESSERA_DIGEST_SIZE])
{
  run_half (&self->inner, data, length, out);
  run_half (&self->outer, out, TESSERA_DIGEST_SIZE, out);
}

TesseraTokenKind *
tessera_token_kind_new (const guint8 *key, gsize key_length, const char *static_prefix)
{
  TesseraTokenKind *self = OPENSSL_secure_zalloc (sizeof *self);

  if (self == NULL)
    return NULL;
  self->prefix = static_prefix;
  mac_init (&self->tag, key, key_length, static_prefix, "tag");
  mac_init (&self->mask, key, key_length, static_prefix, "mask");
  return self;
}

void
tessera_token_kind_free (TesseraTokenKind *self)
{
  OPENSSL_secure_clear_free (self, sizeof *self);
}

/* Both ways. */
static void
mask_body (const TesseraTokenKind *kind, const guint8 *tag, guint8 body[BODY_SIZE])
{
  guint8 mask[TESSERA_DIGEST_SIZE];

  mac_run (&kind->mask, tag, TESSERA_DIGEST_SIZE, mask);
  for (guint i = 0; i < BODY_SIZE; i++)
    body[i] ^= mask[i];
}

/* The last byte first. */
static void
write_integer (gint64 value, guint8 *out_bytes, guint size)
{
  for (guint i = 0; i < size; i++)
    out_bytes[i] = (guint8) ((guint64) value >> 8 * i);
}

static gint64
read_integer (const guint8 *bytes, guint size)
{
  guint64 value = 0;

  for (guint i = 0; i < size; i++)
    value |= (guint64) bytes[i] << 8 * i;
  return (gint64) value;
}

static void
write_body (const TesseraNumberedToken *token, guint8 body[BODY_SIZE])
{
  write_integer (token->number, body, NUMBER_SIZE);
  write_integer (token->turn, body + NUMBER_SIZE, TURN_SIZE);
  memcpy (body + NUMBER_SIZE + TURN_SIZE, token->nonce.bytes, TESSERA_NONCE_SIZE);
}

static void
read_body (const guint8 body[BODY_SIZE], TesseraNumberedToken *out_token)
{
  out_token->number = read_integer (body, NUMBER_SIZE);
  out_token->turn = read_integer (body + NUMBER_SIZE, TURN_SIZE);
  memcpy (out_token->nonce.bytes, body + NUMBER_SIZE + TURN_SIZE, TESSERA_NONCE_SIZE);
}

char *
tessera_numbered_token_write (const TesseraTokenKind *kind, const TesseraNumberedToken *token)
{
  guint8 bytes[TOKEN_SIZE];
  guint8 *tag = bytes + BODY_SIZE;
  GString *text = g_string_sized_new (strlen (kind->prefix) + TEXT_LENGTH);

  write_body (token, bytes);
  mac_run (&kind->tag, bytes, BODY_SIZE, tag);
  mask_body (kind, tag, bytes);
  g_string_append (text, kind->prefix);
  tessera_base64url_append (text, bytes, TOKEN_SIZE);
  OPENSSL_cleanse (bytes, sizeof bytes);
  return g_string_free (text, FALSE);
}

gboolean
tessera_numbered_token_looks_like (const char *prefix, const char *text)
{
  return g_str_has_prefix (text, prefix) && strlen (text) == strlen (prefix) + TEXT_LENGTH;
}

gboolean
tessera_numbered_token_read (const TesseraTokenKind *kind,
                             const char *text,
                             TesseraNumberedToken *out_token)
{
  guint8 tag[TESSERA_DIGEST_SIZE];
  guint8 *bytes = NULL;

  if (!tessera_numbered_token_looks_like (kind->prefix, text))
    return FALSE;
  bytes = tessera_base64url_decode (text + strlen (kind->prefix), TEXT_LENGTH, NULL);
  if (bytes == NULL)
    return FALSE;
  mask_body (kind, bytes + BODY_SIZE, bytes);
  mac_run (&kind->tag, bytes, BODY_SIZE, tag);
  gboolean authentic = CRYPTO_memcmp (tag, bytes + BODY_SIZE, sizeof tag) == 0;
  if (authentic)
    read_body (bytes, out_token);
  OPENSSL_cleanse (bytes, TOKEN_SIZE);
  g_free (bytes);
  return authentic;
}
