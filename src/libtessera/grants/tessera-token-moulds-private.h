/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-token-profile-private.h"

G_BEGIN_DECLS

/* A client's own tokens say the same again and again, but for jti, iat and exp: what libjwt has
 * written of one is the mould of the next. It is found by all that the issuer would put in, so that
 * nothing can grow stale: what has changed finds none. A table of fixed size, which forgets; on the
 * main loop. */
typedef struct _TesseraTokenMoulds TesseraTokenMoulds;

TesseraTokenMoulds *tessera_token_moulds_new (void);
void tessera_token_moulds_free (TesseraTokenMoulds *self);
/* Borrowed; NULL: none. */
TesseraTokenProfile *tessera_token_moulds_lookup (TesseraTokenMoulds *self,
                                                  const TesseraTokenForm *form);
/* @profile: of a token that says what @form says, and nothing more. */
void tessera_token_moulds_keep (TesseraTokenMoulds *self,
                                const TesseraTokenForm *form,
                                TesseraTokenProfile *profile);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTokenMoulds, tessera_token_moulds_free)

G_END_DECLS
