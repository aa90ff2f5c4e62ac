/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-algorithm.h"

#include <jansson.h>

G_BEGIN_DECLS

/* One signing key: an EVP_PKEY that stays parsed, its one algorithm and its kid (the RFC 7638
 * thumbprint, 43 characters). Immutable, reference-counted, safe in any thread; the signing context
 * is kept per thread (facts.md: a fresh context costs more than the signature). */
typedef struct _TesseraKey TesseraKey;

#define TESSERA_SIGNATURE_MAX 512
#define TESSERA_KEY_ID_MAX_LENGTH 128

TesseraKey *tessera_key_generate (TesseraAlgorithm algorithm, GError **error); /* slow for RSA */
/* PKCS#8 private or SPKI public PEM. Error: TESSERA_SETUP_ERROR_KEY. */
TesseraKey *tessera_key_new_from_pem (const char *pem,
                                      gssize length,
                                      TesseraAlgorithm algorithm,
                                      GError **error);
/* A public JWK (RFC 7517) with `alg`; private members and `oct` are refused. */
TesseraKey *tessera_key_new_from_jwk (const json_t *jwk, GError **error);
/* The same of another issuer, whose tokens name it by the `kid` in there; one is required. */
TesseraKey *tessera_key_new_from_foreign_jwk (const json_t *jwk, GError **error);
TesseraKey *tessera_key_ref (TesseraKey *self);
void tessera_key_unref (TesseraKey *self);

const char *tessera_key_get_id (TesseraKey *self); /* kid */
TesseraAlgorithm tessera_key_get_algorithm (TesseraKey *self);
gboolean tessera_key_is_private (TesseraKey *self);   /* can it sign? */
char *tessera_key_dup_private_pem (TesseraKey *self); /* release with tessera_secret_free() */
char *tessera_key_dup_public_pem (TesseraKey *self);
json_t *tessera_key_to_jwk (TesseraKey *self); /* public members, use, alg, kid */

/* A signature of it has no more bytes. */
gsize tessera_key_get_size (TesseraKey *self);
/* JWS signature over @data: r‖s for ES256. @signature has room for TESSERA_SIGNATURE_MAX bytes. An
 * RSA signature is verified before it is returned (threats.md C07). */
gboolean tessera_key_sign (TesseraKey *self,
                           const void *data,
                           gsize length,
                           guint8 *signature,
                           gsize *out_signature_length,
                           GError **error);
gboolean tessera_key_verify (TesseraKey *self,
                             const void *data,
                             gsize length,
                             const guint8 *signature,
                             gsize signature_length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraKey, tessera_key_unref)

G_END_DECLS
