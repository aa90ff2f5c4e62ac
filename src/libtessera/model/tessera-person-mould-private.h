/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-token-profile-private.h"

G_BEGIN_DECLS

/* What the access tokens of all people have in common whom one client was allowed the same for: the
 * text of the claims, but for times, identifiers, the person and their login. */
typedef struct _TesseraPersonMould TesseraPersonMould;

/* @claims_json: of a token of @form, @jti and @iat. NULL when it is not written as the issuer
 * writes what everybody says. */
TesseraPersonMould *tessera_person_mould_new (const TesseraTokenForm *form,
                                              const char *jti,
                                              gint64 iat,
                                              const char *claims_json);
void tessera_person_mould_free (TesseraPersonMould *self);
/* Would a token of @form be one of these? */
gboolean tessera_person_mould_fits (const TesseraPersonMould *self, const TesseraTokenForm *form);
/* The claims of one, of a form that fits. @out_outline: what of them others say too; borrowed from
 * the text and from @form. */
char *tessera_person_mould_cast (const TesseraPersonMould *self,
                                 const TesseraTokenForm *form,
                                 const char *jti,
                                 gint64 iat,
                                 TesseraTokenOutline *out_outline);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraPersonMould, tessera_person_mould_free)

G_END_DECLS
