/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-revocation.h"

G_BEGIN_DECLS

TesseraRevocation *tessera_revocation_new (const char *token,
                                           const char *token_type_hint,
                                           const char *client_id,
                                           TesseraRevocationCause cause);
/* What became of it; before the signal. @kind NONE: not revoked. */
void tessera_revocation_set_outcome (TesseraRevocation *self,
                                     TesseraRevocationKind kind,
                                     const char *token_id,
                                     guint64 generation);
/* Where it came from, for the audit trail; @request may be NULL, as @address. */
void
tessera_revocation_set_origin (TesseraRevocation *self, const char *request, const char *address);
const char *tessera_revocation_get_request (TesseraRevocation *self);
const char *tessera_revocation_get_address (TesseraRevocation *self);
/* The token was another client's, which is nobody's business but the audit trail's. */
void tessera_revocation_set_foreign (TesseraRevocation *self, const char *jti);
const char *tessera_revocation_get_foreign (TesseraRevocation *self); /* NULL: no */
/* It could not be stored. */
void tessera_revocation_set_failed (TesseraRevocation *self);
gboolean tessera_revocation_has_failed (TesseraRevocation *self);

G_END_DECLS
