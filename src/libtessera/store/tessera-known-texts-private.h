/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"

G_BEGIN_DECLS

/* The SHA-256 of texts that come again and again. Each is kept and compared whole, so that what is
 * found is what the digest would be, at the price of a comparison. A table of fixed size; texts
 * that leave it are overwritten. Not safe in several threads. */
typedef struct _TesseraKnownTexts TesseraKnownTexts;

#define TESSERA_KNOWN_TEXTS_LENGTH_MIN 16
#define TESSERA_KNOWN_TEXTS_LENGTH_MAX 2048 /* bytes of a text; others are not kept */

/* @texts: rounded up to a multiple of 8. */
TesseraKnownTexts *tessera_known_texts_new (guint texts);
void tessera_known_texts_free (TesseraKnownTexts *self);
gboolean tessera_known_texts_lookup (TesseraKnownTexts *self,
                                     const char *text,
                                     gsize length,
                                     TesseraDigest *out_digest);
/* Of a text that was not found. */
void tessera_known_texts_add (TesseraKnownTexts *self,
                              const char *text,
                              gsize length,
                              const TesseraDigest *digest);
void tessera_known_texts_clear (TesseraKnownTexts *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraKnownTexts, tessera_known_texts_free)

G_END_DECLS
