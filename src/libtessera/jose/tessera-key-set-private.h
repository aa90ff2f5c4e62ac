/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-jwt-private.h"

G_BEGIN_DECLS

#define TESSERA_KEY_SET_MAX_KEYS 64
#define TESSERA_KEY_SET_MAX_CLIENT_KEYS 16
#define TESSERA_KEY_SET_MAX_LENGTH (64 * 1024)

/* The keys that an issuer has published, or a client has registered (RFC 7517 §5), as far as they
 * can verify signatures.
 * Immutable, counted; safe in any thread. */
typedef struct _TesseraKeySet TesseraKeySet;

/* Keys that are for something else, of other algorithms, or malformed, are passed over (RFC 7517
 * §5); a name that two keys have is the name of neither. A text that is no key set, or has too many
 * of them, is an error: G_IO_ERROR_INVALID_DATA. */
TesseraKeySet *tessera_key_set_parse (const char *text, gsize length, GError **error);
/* The same of a client (RFC 7591 §2): a key needs no `kid`, and no `alg` either, for an RSA key
 * without one is for @rsa. With a private or symmetric key in it, it is refused altogether. */
TesseraKeySet *
tessera_key_set_parse_client (const char *text, gsize length, TesseraAlgorithm rsa, GError **error);
TesseraKeySet *tessera_key_set_ref (TesseraKeySet *self);
void tessera_key_set_unref (TesseraKeySet *self);

TesseraKey *tessera_key_set_lookup (TesseraKeySet *self, const char *kid); /* borrowed; or NULL */
guint tessera_key_set_get_count (TesseraKeySet *self);
gboolean tessera_key_set_has_algorithm (TesseraKeySet *self, TesseraAlgorithm algorithm);
/* Each key as a word: its algorithm and the digest of its public half, in order. Owned. */
char **tessera_key_set_list_words (TesseraKeySet *self);
/* Did one of the keys sign it: the one that it names, or else any of its algorithm? */
gboolean tessera_key_set_verify (TesseraKeySet *self, const TesseraJwt *jwt);
/* Is each key of @self in @other too, the very same? */
gboolean tessera_key_set_is_within (TesseraKeySet *self, TesseraKeySet *other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraKeySet, tessera_key_set_unref)

G_END_DECLS
