/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-clock-private.h"
#include "base/tessera-json-private.h"
#include "jose/tessera-key-ring-private.h"

G_BEGIN_DECLS

/* For targets whose input is signed: keys that are for fuzzing alone, tokens made with them as an
 * input wants them, and a second reading of what a token is (RFC 7515). */

#define TOKEN_KIT_HEADER_MAX 2048

/* The ring in keys/: an active key and a next one of each algorithm. */
TesseraKeyRing *token_kit_open_keys (TesseraClock *clock);

/* header.payload. as they are; who signs it says the rest. */
GString *token_kit_begin (const char *header, const char *payload, gsize payload_length);
/* header.payload.signature */
char *
token_kit_sign (TesseraKey *key, const char *header, const char *payload, gsize payload_length);
/* A header in which $alg and $kid stand for these. */
char *token_kit_fill_in (const char *header, const char *alg, const char *kid);

/* The bytes that have this one spelling (RFC 7515 §2), with a NUL behind them; or NULL. */
char *token_kit_decode (const char *text, gsize *out_length);
/* One strict JSON object of at most so many bytes; or NULL. */
json_t *token_kit_decode_object (const char *text, gsize max_length);
/* Objects and arrays within one another. */
guint token_kit_measure_depth (json_t *json);
/* Does the header ask for what nobody here understands? */
gboolean token_kit_has_extension (const json_t *header);

/* For a mutator: another token from @text, which may take parts of one of @tokens (char*). Owned.
 */
char *token_kit_change (const char *text, const GPtrArray *tokens, guint seed);

G_END_DECLS
