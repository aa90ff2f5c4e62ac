/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Digests of token texts whose signature was seen to be good, in a table of fixed size: a second
 * look at the same text costs a SHA-256 instead of a signature verification. It answers for the
 * signature only; expiry, audience, key state and the deny-list are asked every time. Safe in any
 * thread. */
typedef struct _TesseraSignatureCache TesseraSignatureCache;

TesseraSignatureCache *
tessera_signature_cache_new (guint entries); /* rounded up to a power of two */
void tessera_signature_cache_free (TesseraSignatureCache *self);
gboolean
tessera_signature_cache_contains (TesseraSignatureCache *self, const char *token, gsize length);
void tessera_signature_cache_add (TesseraSignatureCache *self, const char *token, gsize length);
/* A key was revoked: forget everything. */
void tessera_signature_cache_clear (TesseraSignatureCache *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSignatureCache, tessera_signature_cache_free)

G_END_DECLS
