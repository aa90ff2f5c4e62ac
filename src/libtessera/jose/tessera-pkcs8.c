/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private keys as PKCS#8 text that passes through secure memory only (RFC 5958, RFC 7468 §10;
 * RFC 5915 for P-256, RFC 8410 §7 for Ed25519).
 *
 * For one curve the encoding has one length and differs in the key's own bytes only, so that
 * reading is comparing and writing is copying. */
#include "jose/tessera-pkcs8-private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#define PEM_BEGIN "-----BEGIN PRIVATE KEY-----\n"
#define PEM_END "-----END PRIVATE KEY-----\n"
#define PEM_LINE 64
#define NUMBER_SIZE 32
#define POINT_SIZE 65 /* uncompressed */
#define BASE64_MAX 192

/* SEQUENCE { version 0, { id-ecPublicKey, prime256v1 }, OCTET STRING { SEQUENCE { version 1,
 * OCTET STRING (32) … */
static const guint8 ec_head[]
    = { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20 };
/* … [1] BIT STRING (65) */
static const guint8 ec_middle[] = { 0xa1, 0x44, 0x03, 0x42, 0x00 };
/* SEQUENCE { version 0, { id-Ed25519 }, OCTET STRING { OCTET STRING (32) */
static const guint8 ed25519_head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };

#define EC_SIZE (sizeof ec_head + NUMBER_SIZE + sizeof ec_middle + POINT_SIZE)
#define ED25519_SIZE (sizeof ed25519_head + NUMBER_SIZE)

/* In secure memory, from its pool where the program made one. */
typedef struct
{
  guint8 base64[BASE64_MAX + 1];
  guint8 der[BASE64_MAX];
} Workspace;

static void
workspace_free (Workspace *self)
{
  OPENSSL_secure_clear_free (self, sizeof *self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Workspace, workspace_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIGNUM, BN_clear_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free) /* scrubs */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OSSL_PARAM, OSSL_PARAM_free)

/* --- reading --- */

/* The base64 between the lines of PEM, without its line ends; 0 if it is too long. */
static gsize
collect_base64 (const char *text, gsize length, Workspace *workspace)
{
  gsize n = 0;

  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '\n')
        continue;
      if (n == BASE64_MAX)
        return 0;
      workspace->base64[n++] = (guint8) text[i];
    }
  return n;
}

/* The length of what was decoded into the workspace, or 0. */
static gsize
decode_pem (const char *pem, gsize length, Workspace *workspace)
{
  gsize begin = strlen (PEM_BEGIN);
  gsize end = strlen (PEM_END);

  if (length < begin + end || memcmp (pem, PEM_BEGIN, begin) != 0
      || memcmp (pem + length - end, PEM_END, end) != 0)
    return 0;
  gsize n = collect_base64 (pem + begin, length - begin - end, workspace);
  if (n == 0 || n % 4 != 0)
    return 0;
  int size = EVP_DecodeBlock (workspace->der, workspace->base64, (int) n);
  if (size < 0)
    return 0;
  /* It counts what stands for nothing, too. */
  return (gsize) size - (workspace->base64[n - 1] == '=') - (workspace->base64[n - 2] == '=');
}

static EVP_PKEY *
make_ec_key (const guint8 *number, const guint8 *point)
{
  EVP_PKEY *pkey = NULL;
  g_autoptr (BIGNUM) secret = BN_secure_new ();
  g_autoptr (OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new ();
  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);

  BN_bin2bn (number, NUMBER_SIZE, secret);
  OSSL_PARAM_BLD_push_utf8_string (builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string (builder, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_PRIV_KEY, secret);
  g_autoptr (OSSL_PARAM) params = OSSL_PARAM_BLD_to_param (builder);
  if (EVP_PKEY_fromdata_init (context) != 1
      || EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
    return NULL;
  return pkey;
}

/* OpenSSL 3.0 puts what it is handed into ordinary memory, but a copy of the key, as one it made by
 * itself, into secure memory. */
static EVP_PKEY *
make_ed25519_key (const guint8 *number)
{
  g_autoptr (EVP_PKEY) handed
      = EVP_PKEY_new_raw_private_key_ex (NULL, "ED25519", NULL, number, NUMBER_SIZE);

  return handed != NULL ? EVP_PKEY_dup (handed) : NULL;
}

static gboolean
is_ec (const guint8 *der, gsize size)
{
  return size == EC_SIZE && memcmp (der, ec_head, sizeof ec_head) == 0
         && memcmp (der + sizeof ec_head + NUMBER_SIZE, ec_middle, sizeof ec_middle) == 0;
}

static gboolean
is_ed25519 (const guint8 *der, gsize size)
{
  return size == ED25519_SIZE && memcmp (der, ed25519_head, sizeof ed25519_head) == 0;
}

EVP_PKEY *
tessera_pkcs8_parse_pem (const char *pem, gsize length)
{
  g_autoptr (Workspace) workspace = OPENSSL_secure_zalloc (sizeof *workspace);
  gsize size = 0;

  if (workspace == NULL)
    return NULL;
  size = decode_pem (pem, length, workspace);
  if (is_ec (workspace->der, size))
    return make_ec_key (workspace->der + sizeof ec_head, workspace->der + EC_SIZE - POINT_SIZE);
  if (is_ed25519 (workspace->der, size))
    return make_ed25519_key (workspace->der + sizeof ed25519_head);
  return NULL;
}

/* --- writing --- */

static guint8 *
put (guint8 *out, const guint8 *bytes, gsize length)
{
  memcpy (out, bytes, length);
  return out + length;
}

/* Returns the length, or 0. */
static gsize
encode_ec (EVP_PKEY *pkey, guint8 *der)
{
  g_autoptr (BIGNUM) secret = BN_secure_new ();
  guint8 *number = put (der, ec_head, sizeof ec_head);
  guint8 *point = put (number + NUMBER_SIZE, ec_middle, sizeof ec_middle);
  gsize length = 0;

  if (EVP_PKEY_get_bn_param (pkey, OSSL_PKEY_PARAM_PRIV_KEY, &secret) != 1
      || BN_bn2binpad (secret, number, NUMBER_SIZE) != NUMBER_SIZE
      || EVP_PKEY_get_octet_string_param (pkey, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE, &length)
             != 1)
    return 0;
  return length == POINT_SIZE ? EC_SIZE : 0;
}

static gsize
encode_ed25519 (EVP_PKEY *pkey, guint8 *der)
{
  gsize length = NUMBER_SIZE;
  guint8 *number = put (der, ed25519_head, sizeof ed25519_head);

  return EVP_PKEY_get_raw_private_key (pkey, number, &length) == 1 ? ED25519_SIZE : 0;
}

/* In lines of 64 characters (RFC 7468 §2), in memory of exactly the size it takes. */
static char *
format_pem (const guint8 *base64, gsize length)
{
  gsize lines = (length + PEM_LINE - 1) / PEM_LINE;
  char *pem = g_malloc (strlen (PEM_BEGIN) + length + lines + strlen (PEM_END) + 1);
  char *out = g_stpcpy (pem, PEM_BEGIN);

  for (gsize i = 0; i < length; i += PEM_LINE)
    {
      gsize n = MIN (length - i, PEM_LINE);
      memcpy (out, base64 + i, n);
      out[n] = '\n';
      out += n + 1;
    }
  g_stpcpy (out, PEM_END);
  return pem;
}

char *
tessera_pkcs8_dup_pem (EVP_PKEY *pkey)
{
  g_autoptr (Workspace) workspace = OPENSSL_secure_zalloc (sizeof *workspace);
  char curve[32] = "";
  gsize size = 0;

  if (workspace == NULL)
    return NULL;
  if (EVP_PKEY_is_a (pkey, "ED25519"))
    size = encode_ed25519 (pkey, workspace->der);
  else if (EVP_PKEY_is_a (pkey, "EC")
           && EVP_PKEY_get_group_name (pkey, curve, sizeof curve, NULL) == 1
           && strcmp (curve, "prime256v1") == 0)
    size = encode_ec (pkey, workspace->der);
  if (size == 0)
    return NULL;
  int length = EVP_EncodeBlock (workspace->base64, workspace->der, (int) size);
  return format_pem (workspace->base64, (gsize) length);
}
