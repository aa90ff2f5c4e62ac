/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* An opaque token that says where its record lies, so that it is found by a number, and nothing of
 * it has to be kept but what the record has anyway. What it says is sealed: whoever holds it learns
 * nothing of it, not how many there are. Nobody makes one without the key, and with the key alone
 * nobody makes one that is good: the record's nonce is in it, which lies in the database (design.md
 * §4). */

#define TESSERA_NONCE_SIZE 16

typedef struct
{
  guint8 bytes[TESSERA_NONCE_SIZE];
} TesseraNonce;

TesseraNonce tessera_nonce_new (void);
/* Constant time. */
gboolean tessera_nonce_equal (const TesseraNonce *a, const TesseraNonce *b);

typedef struct
{
  gint64 number;      /* of the record; given again when that is gone */
  gint64 turn;        /* how many tokens of this record were before it */
  TesseraNonce nonce; /* the record's own, and never another's */
} TesseraNumberedToken;

/* One kind of them, under one key. Safe in any thread. */
typedef struct _TesseraTokenKind TesseraTokenKind;

/* @prefix: of each, and it sets the kinds under one @key apart. NULL: there is no secure memory
 * left. */
TesseraTokenKind *
tessera_token_kind_new (const guint8 *key, gsize key_length, const char *static_prefix);
void tessera_token_kind_free (TesseraTokenKind *self);

/* Always the same text for the same token. A secret. */
char *tessera_numbered_token_write (const TesseraTokenKind *kind,
                                    const TesseraNumberedToken *token);
/* FALSE: not one that was written under this key. The same work whatever is wrong with it. */
gboolean tessera_numbered_token_read (const TesseraTokenKind *kind,
                                      const char *text,
                                      TesseraNumberedToken *out_token);
/* By its form alone. */
gboolean tessera_numbered_token_looks_like (const char *prefix, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTokenKind, tessera_token_kind_free)

G_END_DECLS
