/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Secrets and identifiers: random values, digests, comparison in constant time, scrubbing, and the
 * encodings they travel in. Randomness comes from OpenSSL; if it fails the process aborts, because
 * nothing good can follow. */

#define TESSERA_DIGEST_SIZE 32

typedef struct
{
  guint8 bytes[TESSERA_DIGEST_SIZE];
} TesseraDigest; /* SHA-256 */

void tessera_random_bytes (guint8 *bytes, gsize length);
/* @prefix and 43 base64url characters of 256 random bits. */
char *tessera_secret_new (const char *prefix);
/* 22 base64url characters of 128 random bits: sid, request ids. */
char *tessera_identifier_new (void);
/* The same of the 48 bits of @ms and 80 random ones, so that those of one time lie side by side in
 * an index: grant_id. */
char *tessera_identifier_new_at (gint64 ms);

/* @length may be -1 for a NUL-terminated @data. By arithmetic alone: no allocation, no lock, no
 * system call, for who may do none. */
TesseraDigest tessera_digest (const void *data, gssize length);
TesseraDigest tessera_hmac (const guint8 *key, gsize key_length, const void *data, gsize length);
/* Constant time. */
gboolean tessera_digest_equal (const TesseraDigest *a, const TesseraDigest *b);
guint tessera_digest_hash (gconstpointer digest); /* for GHashTable keys */
gboolean tessera_digest_equal_key (gconstpointer a, gconstpointer b);
/* Constant time for equal lengths; FALSE for different lengths. */
gboolean tessera_secret_equal (const char *a, const char *b);
/* Overwrites, then g_free(). NULL is fine. */
void tessera_secret_free (char *secret);

typedef char TesseraSecret; /* g_autoptr (TesseraSecret) scrubs what it frees */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSecret, tessera_secret_free)

/* base64url without padding (RFC 7515 §2). Decoding is strict: no padding, no white space, no lax
 * tail bits; NULL for anything else. */
char *tessera_base64url_encode (const guint8 *bytes, gsize length);
guint8 *tessera_base64url_decode (const char *text, gsize length, gsize *out_length);
/* The other alphabet, with all its padding, as in Basic (RFC 4648 §4, RFC 7617 §2); as strict. */
guint8 *tessera_base64_decode (const char *text, gsize length, gsize *out_length);
/* Appends to @string without an allocation of its own. */
void tessera_base64url_append (GString *string, const guint8 *bytes, gsize length);
/* Writes so many characters and no NUL, and returns what is behind them. */
gsize tessera_base64url_length (gsize length);
char *tessera_base64url_put (char *at, const guint8 *bytes, gsize length);

/* UUIDv7 (RFC 9562 §5.7) in its text form: 48 bits of @ms, 74 random bits. */
#define TESSERA_UUID_LENGTH 36
char *tessera_uuid_new (gint64 ms);
/* Of 16 bytes, with room for TESSERA_UUID_LENGTH and the NUL. */
void tessera_uuid_write (const guint8 bytes[16], char *out_text);
/* FALSE unless @text is the canonical lower-case form of a version 7 UUID. */
gboolean tessera_uuid_parse (const char *text, guint8 out_bytes[16], gint64 *out_ms);
gint64 tessera_uuid_get_ms (const guint8 bytes[16]);

G_END_DECLS
