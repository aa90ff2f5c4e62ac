/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <openssl/types.h>

G_BEGIN_DECLS

/* Private keys of P-256 and Ed25519 as PKCS#8 text, read and written without a copy outside
 * OpenSSL's secure heap (if the program has one), which OpenSSL's own readers and writers leave
 * behind. RSA is left to those: OpenSSL computes with its primes in ordinary memory anyhow. */

/* NULL if the text is anything but what tessera_pkcs8_dup_pem() writes for these keys. */
EVP_PKEY *tessera_pkcs8_parse_pem (const char *pem, gsize length);
/* NULL if the key is not one of these. Release with tessera_secret_free(). */
char *tessera_pkcs8_dup_pem (EVP_PKEY *pkey);

G_END_DECLS
