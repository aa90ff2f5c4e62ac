/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"
#include "model/tessera-token-profile-private.h"

G_BEGIN_DECLS

/* Access tokens whose signature was seen to be good, by their text, and what they say: a second
 * look at the same text costs a SHA-256 instead of a verification and of reading JSON. A table of
 * fixed size. Issuer, type, times, audience, key state and the deny-list are asked every time. Safe
 * in any thread. */
typedef struct _TesseraSeenTokens TesseraSeenTokens;

typedef struct
{
  TesseraTokenProfile *profile; /* NULL: the signature is good, the text has to be read */
  guint8 jti[16];
  TesseraDigest digest; /* of the text, found or not */
} TesseraSeenToken;

void tessera_seen_token_clear (TesseraSeenToken *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraSeenToken, tessera_seen_token_clear)

/* @entries: rounded up to a multiple of 16. */
TesseraSeenTokens *tessera_seen_tokens_new (guint entries);
void tessera_seen_tokens_free (TesseraSeenTokens *self);
/* Of so many that were seen twice the texts are kept too, which spares their digest. Before the
 * first use, once. */
void tessera_seen_tokens_keep_texts (TesseraSeenTokens *self, guint texts);
gboolean tessera_seen_tokens_lookup (TesseraSeenTokens *self,
                                     const char *token,
                                     gsize length,
                                     TesseraSeenToken *out_seen);
/* tessera_token_outline_read (), faster when the token before was of the same authorization. */
gboolean tessera_seen_tokens_read_outline (TesseraSeenTokens *self,
                                           TesseraTokenOutline *outline,
                                           const char *claims_json);
/* What is known already of tokens of this outline, or NULL. */
TesseraTokenProfile *tessera_seen_tokens_dup_profile (TesseraSeenTokens *self,
                                                      const TesseraTokenOutline *outline);
/* @outline: what it says, or NULL when that has to be read each time. @claims are needed when there
 * is no profile of it yet. */
void tessera_seen_tokens_add (TesseraSeenTokens *self,
                              const char *token,
                              gsize length,
                              const TesseraTokenOutline *outline,
                              TesseraClaims *claims);
/* The same for a text that was just looked up, whose digest is known. */
void tessera_seen_tokens_add_digest (TesseraSeenTokens *self,
                                     const TesseraDigest *digest,
                                     const TesseraTokenOutline *outline,
                                     TesseraClaims *claims);
/* The same of a new token, which was made of what is known. */
void tessera_seen_tokens_add_known (TesseraSeenTokens *self,
                                    const TesseraDigest *digest,
                                    TesseraTokenProfile *profile,
                                    const guint8 jti[16]);
/* The same of a new token that says what @form says. */
void tessera_seen_tokens_add_form (TesseraSeenTokens *self,
                                   const TesseraDigest *digest,
                                   const TesseraTokenOutline *outline,
                                   const TesseraTokenForm *form);
/* A key was revoked: forget everything. */
void tessera_seen_tokens_clear (TesseraSeenTokens *self);
guint tessera_seen_tokens_count_profiles (TesseraSeenTokens *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSeenTokens, tessera_seen_tokens_free)

G_END_DECLS
