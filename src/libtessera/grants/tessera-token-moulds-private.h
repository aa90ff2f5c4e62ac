/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-person-mould-private.h"
#include "model/tessera-token-profile-private.h"

G_BEGIN_DECLS

/* A client's own tokens say the same again and again, but for jti, iat and exp, and those of people
 * but for these, the person and their login: what libjwt has written of one is the mould of the
 * next. It is found by all that the issuer would put in, so that
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
/* The same for tokens of people; it takes @mould. */
const TesseraPersonMould *tessera_token_moulds_lookup_person (TesseraTokenMoulds *self,
                                                              const TesseraTokenForm *form);
void tessera_token_moulds_keep_person (TesseraTokenMoulds *self,
                                       const TesseraTokenForm *form,
                                       TesseraPersonMould *mould);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTokenMoulds, tessera_token_moulds_free)

G_END_DECLS
