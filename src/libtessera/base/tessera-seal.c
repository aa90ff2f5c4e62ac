/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets that have to be read again, under AES-256-GCM (NIST SP 800-38D §7, §8.2.2). */

#include "base/tessera-seal-private.h"

#include "base/tessera-secret-private.h"

#include <openssl/evp.h>
#include <string.h>

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define OVERHEAD (NONCE_SIZE + TAG_SIZE)
/* Longer ones are not kept. */
#define SECRET_MAX_LENGTH 4096

/* nonce ‖ sealed text ‖ tag, as base64url; the form may change, so it is said. */
#define PREFIX "v1."

static EVP_CIPHER_CTX *
begin (const guint8 *key, const guint8 *nonce, const char *purpose, gboolean seals)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int length = 0;

  if (context == NULL
      || EVP_CipherInit_ex (context, EVP_aes_256_gcm (), NULL, key, nonce, seals) != 1
      || EVP_CipherUpdate (context, NULL, &length, (const guint8 *) purpose, (int) strlen (purpose))
             != 1)
    g_error ("OpenSSL cannot encrypt.");
  return context;
}

char *
tessera_seal (const guint8 key[TESSERA_SEAL_KEY_SIZE], const char *secret, const char *purpose)
{
  gsize length = strlen (secret);
  g_autofree guint8 *bytes = g_malloc0 (length + OVERHEAD);
  int written = 0, rest = 0;

  g_return_val_if_fail (length <= SECRET_MAX_LENGTH, NULL);
  tessera_random_bytes (bytes, NONCE_SIZE);
  EVP_CIPHER_CTX *context = begin (key, bytes, purpose, TRUE);
  if (EVP_CipherUpdate (context, bytes + NONCE_SIZE, &written, (const guint8 *) secret,
                        (int) length)
          != 1
      || EVP_CipherFinal_ex (context, bytes + NONCE_SIZE + written, &rest) != 1
      || EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, bytes + NONCE_SIZE + length)
             != 1)
    g_error ("OpenSSL cannot encrypt.");
  EVP_CIPHER_CTX_free (context);

  g_autofree char *text = tessera_base64url_encode (bytes, length + OVERHEAD);
  return g_strconcat (PREFIX, text, NULL);
}

/* @bytes: as they were sealed, at least OVERHEAD of them. */
static char *
open_bytes (const guint8 *key, guint8 *bytes, gsize length, const char *purpose)
{
  gsize secret_length = length - OVERHEAD;
  char *secret = g_malloc0 (secret_length + 1);
  int written = 0, rest = 0;
  EVP_CIPHER_CTX *context = begin (key, bytes, purpose, FALSE);
  gboolean good = EVP_CipherUpdate (context, (guint8 *) secret, &written, bytes + NONCE_SIZE,
                                    (int) secret_length)
                      == 1
                  && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE,
                                          bytes + NONCE_SIZE + secret_length)
                         == 1
                  && EVP_CipherFinal_ex (context, (guint8 *) secret + written, &rest) == 1;

  EVP_CIPHER_CTX_free (context);
  if (good)
    return secret;
  explicit_bzero (secret, secret_length);
  g_free (secret);
  return NULL;
}

char *
tessera_unseal (const guint8 key[TESSERA_SEAL_KEY_SIZE], const char *sealed, const char *purpose)
{
  gsize length = 0;
  g_autofree guint8 *bytes = NULL;

  if (!g_str_has_prefix (sealed, PREFIX))
    return NULL;
  sealed += strlen (PREFIX);
  bytes = tessera_base64url_decode (sealed, strlen (sealed), &length);
  if (bytes == NULL || length < OVERHEAD || length > SECRET_MAX_LENGTH + OVERHEAD)
    return NULL;
  return open_bytes (key, bytes, length, purpose);
}
